"""Studies of section 11.3.5: Adam and its relatives (CL-64 … CL-69)."""

import numpy as np
from scipy import stats

from handson11.claims.race import DEEP_RACE, NETWORK, RACE, grid
from handson11.claims.runs.adam import factors_against_keras, first_steps, penalty_and_decay
from handson11.claims.runs.race import race
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import Interval, interval

FACTORS = Experiment(
    name="printed formula of Adam against Keras",
    arms={"with factors": {"factors": [0.1, 0.001]}, "without factors": {"factors": [1.0, 1.0]}},
    fixed={"learning_rate": 0.01, "steps": 5, "weights": 100},
    seeds=range(3),
    metrics=["difference"],
    run=factors_against_keras,
)

FIRST_STEPS = Experiment(
    name="first step of Adam",
    arms={package: {"package": package} for package in ("handson11", "keras")},
    fixed={"learning_rate": 0.001, "scale": 1000.0, "weights": 1000},
    seeds=range(3),
    metrics=["sign_error", "scale_change"],
    run=first_steps,
)


def half_decades(lowest, count=9):
    """Return ``count`` rates from ``lowest``, each √10 times the one before: two steps are a factor of 10.

    Examples
    --------
    >>> half_decades(0.001, 4)
    (0.001, 0.00316, 0.01, 0.0316)
    """
    return tuple(float(f"{lowest * 10 ** (i / 2):.3g}") for i in range(count))


VALLEYS = {"SGD": half_decades(0.001), "momentum": half_decades(0.0001), "Adam": half_decades(0.00001)}
"""Rule → its nine rates. Each row has about its best rate in the middle."""

RATES = Experiment(
    name="final loss at nine rates",
    arms={
        f"{name}, {rate:g}": {"optimizer": name.lower(), "learning_rate": rate}
        for name, rates in VALLEYS.items()
        for rate in rates
    },
    fixed={**NETWORK, "targets": [0.3]},
    seeds=range(10),
    metrics=["train_loss", "test_accuracy"],
    run=race,
)

RATES_CHOICE = RATES.reduced(name="choice of the rate among the nine", seeds=(100, 101), metrics=["train_loss"])

SPREAD = Experiment(
    name="spread of Adam and AdaMax over many seeds",
    arms={"Adam": {"optimizer": "adam"}, "AdaMax": {"optimizer": "adamax"}},
    fixed={"arguments": {"depth": 3, "width": 64, "activation": "relu"}, "n": 3000, "epochs": 10, "targets": [0.3]},
    seeds=range(200),
    metrics=["train_loss", "test_accuracy"],
    rates={"Adam": grid(0.00001), "AdaMax": grid(0.0001)},
    tuning_seeds=range(1000, 1006),
    tuned_by="train_loss",
    best="lowest",
    run=race,
)

DECAY = Experiment(
    name="penalty and decoupled weight decay",
    arms={"SGD": {"optimizer": "sgd"}, "Adam": {"optimizer": "adam"}},
    fixed={"learning_rate": 0.01, "decay": 0.1, "steps": 100, "weights": 20},
    seeds=range(3),
    metrics=["difference"],
    run=penalty_and_decay,
)


@study("CL-64", FACTORS)
def factors_of_the_notes(factors):
    """Judge the largest distance of the weights from Keras' Adam, with and without the factors."""
    largest = {arm: values.max() for arm, values in factors.groups().items()}
    measured = {"difference_with": largest["with factors"], "difference_without": largest["without factors"]}
    return measured, [effect(f"largest distance from Keras, {arm}", value) for arm, value in largest.items()]


@study("CL-65", FIRST_STEPS)
def first_step_is_the_rate(steps):
    """Judge the first steps of both packages, whichever is farther off."""
    measured = {
        name: max(values.max() for values in steps.groups(name).values()) for name in ("sign_error", "scale_change")
    }
    return measured, [
        effect("largest relative distance from −η sign(g)", measured["sign_error"]),
        effect("largest relative change from g to 1,000 g", measured["scale_change"]),
    ]


def medians(results, name):
    """Return a dict of rate → median final training loss of one rule; a run that diverged counts as infinite."""
    return {rate: float(np.median(results.values(f"{name}, {rate:g}", lost=np.inf))) for rate in VALLEYS[name]}


def best_of(choice, name):
    """Return the rate of one rule with the lowest mean loss on the tuning seeds; a run that diverged is infinite."""
    scores = {rate: choice.values(f"{name}, {rate:g}", lost=np.inf).mean() for rate in VALLEYS[name]}
    return min(scores, key=scores.get)


def worst_ratio(losses, best):
    """Return the larger of the two ratios of losses at 10 times and at a tenth of the best rate / at the best rate."""
    tenth, _, tenfold = neighbours(best, sorted(losses))
    return max(losses[tenth], losses[tenfold]) / losses[best]


def neighbours(best, rates):
    """Return a tenth of the best rate, the best rate, and ten times the best one."""
    position = rates.index(best)
    if not 2 <= position < len(rates) - 2:
        raise ValueError(f"The grid {rates} is too short around its best rate {best}.")
    return [rates[position - 2], best, rates[position + 2]]


def valley(losses, factor=2.0):
    """Return the rates whose loss is at most ``factor`` times the lowest."""
    lowest = min(losses.values())
    return [rate for rate, loss in sorted(losses.items()) if loss <= factor * lowest]


@study("CL-66", RATES, RATES_CHOICE)
def no_tuning_needed(rates, choice):
    """Judge Adam's losses at ten times and a tenth of the rate that other seeds chose; show three valleys."""
    losses = {name: medians(rates, name) for name in VALLEYS}
    best = {name: best_of(choice, name) for name in VALLEYS}
    effects = [
        effect(f"Adam, median training loss at rate {rate:g}", interval(rates.values(f"Adam, {rate:g}"), np.median))
        for rate in neighbours(best["Adam"], VALLEYS["Adam"])
    ]
    for name in VALLEYS:
        wide = valley(losses[name])
        effects += [
            effect(f"{name}, best rate, chosen on other seeds", best[name]),
            effect(f"{name}, rates within a factor 2 of its lowest median loss", len(wide), f"of {len(VALLEYS[name])}"),
            effect(f"{name}, runs that diverged at 10 times that rate", *_lost_above(rates, name, best[name])),
        ]
    return {"worst_ratio": worst_ratio(losses["Adam"], best["Adam"])}, effects


def _lost_above(rates, name, best):
    values = rates.values(f"{name}, {neighbours(best, VALLEYS[name])[2]:g}")
    return int(np.isnan(values).sum()), f"of {len(values)}"


def spread_ratio(adamax, adam, confidence=0.95, seed=0):
    """Return the ratio of standard deviations of log losses, AdaMax / Adam, with an interval over paired seeds.

    Seeds are drawn with replacement, always both runs of a seed together (BCa, 9,999 samples).

    Examples
    --------
    >>> import numpy as np
    >>> log_loss = np.random.default_rng(0).normal(size=50)
    >>> float(round(spread_ratio(np.exp(3 * log_loss), np.exp(log_loss)).value, 6))
    3.0
    """
    logs = np.log(adamax), np.log(adam)
    result = stats.bootstrap(
        logs,
        _ratio_of_spreads,
        paired=True,
        vectorized=True,
        confidence_level=confidence,
        random_state=np.random.default_rng(seed),
    )
    ends = result.confidence_interval
    return Interval(float(_ratio_of_spreads(*logs)), float(ends.low), float(ends.high), len(logs[0]))


def _ratio_of_spreads(a, b, axis=-1):
    return np.std(a, axis=axis, ddof=1) / np.std(b, axis=axis, ddof=1)


@study("CL-67", SPREAD)
def adamax_more_stable(spread):
    """Judge the ratio of the spreads of the final training loss over seeds."""
    losses, accuracy = spread.groups("train_loss"), spread.groups("test_accuracy")
    ratio = spread_ratio(losses["AdaMax"], losses["Adam"])
    measured = {"spread_ratio_low": ratio.low, "spread_ratio_high": ratio.high}
    effects = [effect("ratio of the spreads of the log loss, AdaMax / Adam", ratio)]
    for arm in losses:
        effects += [
            effect(f"{arm}, standard deviation of the log loss", np.std(np.log(losses[arm]), ddof=1)),
            effect(f"{arm}, median training loss", interval(losses[arm], np.median)),
            effect(f"{arm}, rate", spread.chosen.get(arm)),
        ]
    gain = interval(accuracy["AdaMax"] - accuracy["Adam"])
    return measured, [*effects, effect("test accuracy, AdaMax minus Adam", gain)]


def geometric_ratio(a, b):
    """Return the geometric mean of a / b over paired seeds with its interval; NaN if a run never arrived.

    Examples
    --------
    >>> round(geometric_ratio([2.0, 8.0], [1.0, 1.0]).value, 6)        # the root of 2 · 8
    4.0
    """
    logs = np.log(np.asarray(a, dtype=float)) - np.log(np.asarray(b, dtype=float))
    if not np.isfinite(logs).all():
        return Interval(float("nan"), float("nan"), float("nan"), len(logs))
    mean = interval(logs)
    return Interval(*(float(np.exp(end)) for end in (mean.value, mean.low, mean.high)), mean.n)


@study("CL-68", RACE, DEEP_RACE)
def nadam_sooner(shallow, deep):
    """Judge the ratio of the epochs to a training loss of 0.3 on the shallow network; the deeper one stands beside."""
    epochs = {arm: shallow.values(arm, "epochs_to_0.3", lost=np.inf) for arm in ("Adam", "Nadam")}
    ratio = geometric_ratio(epochs["Nadam"], epochs["Adam"])
    effects = [effect("ratio of epochs to loss 0.3, Nadam / Adam", ratio)]
    effects += [effect(f"{arm}, median epochs to loss 0.3", _median(values)) for arm, values in epochs.items()]
    for where, results in (("3 layers", shallow), ("10 layers", deep)):
        effects += _beside(where, results)
    return {"epochs_ratio_low": ratio.low, "epochs_ratio_high": ratio.high}, effects


def _median(values):
    """Return the median with its interval; without one if a run never arrived."""
    return interval(values, np.median) if np.isfinite(values).all() else float(np.median(values))


def _beside(where, results):
    """Return what else Nadam changes on one network, seed by seed."""
    values = {name: results.groups(name) for name in ("epochs_to_0.4", "train_loss", "test_accuracy")}
    nadam, adam = ({name: groups[arm] for name, groups in values.items()} for arm in ("Nadam", "Adam"))
    return [
        *(effect(f"{arm}, {where}, rate", results.chosen.get(arm)) for arm in ("Adam", "Nadam")),
        effect(f"ratio of epochs to loss 0.4, {where}", geometric_ratio(nadam["epochs_to_0.4"], adam["epochs_to_0.4"])),
        effect(f"ratio of final training losses, {where}", geometric_ratio(nadam["train_loss"], adam["train_loss"])),
        effect(f"gain in test accuracy, {where}", interval(nadam["test_accuracy"] - adam["test_accuracy"])),
    ]


@study("CL-69", DECAY)
def two_kinds_of_decay(decay):
    """Judge how far an ℓ2 penalty and decoupled decay lead the two rules apart."""
    largest = {arm: values.max() for arm, values in decay.groups().items()}
    measured = {"difference_sgd": largest["SGD"], "difference_adam": largest["Adam"]}
    return measured, [effect(f"largest distance of the two paths, {arm}", value) for arm, value in largest.items()]
