"""Studies of section 11.3.6: learning-rate schedules (CL-70 … CL-73).

Two things are tuned for each schedule, its starting (or highest) rate and its shape, which is how fast it falls. They
are tuned together: a tuned number holds the shape before its point and the rate behind it
(:func:`handson11.claims.runs.schedules.setting`). Twelve settings for each arm.
"""

import numpy as np

from handson11.claims.runs.schedules import TARGET, exponential_ratios, power_fractions, scheduled
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import Interval, interval

RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
CHANCE = 0.1

EXPONENTIAL = Experiment(
    name="exponential schedule at the steps 0, 1 and s",
    arms={whose: {"whose": whose} for whose in ("ours", "keras")},
    fixed={"s": 20},
    seeds=[0],
    metrics=["ratio_one_step", "ratio_s_steps"],
    run=exponential_ratios,
)

POWER = Experiment(
    name="power schedule at the steps s, 2s and 3s",
    arms={whose: {"whose": whose} for whose in ("ours", "keras")},
    fixed={"s": 100, "steps": 1000},
    seeds=[0],
    metrics=["largest_error", "drops_shrink"],
    run=power_fractions,
)

SCHEDULES = Experiment(
    name="schedules, each with its own rate and shape (shape before the point, rate behind it)",
    arms={
        **{
            name: {"schedule": name}
            for name in ("constant", "exponential", "power", "piecewise", "performance", "one_cycle")
        },
        "one_cycle_momentum": {"schedule": "one_cycle", "cycle_momentum": True},
    },
    fixed={"arguments": {"depth": 3, "width": 100, "activation": "relu"}, "n": 10000, "epochs": 15, "batch_size": 128},
    seeds=range(10),
    metrics=["test_accuracy", "train_loss", "epochs_to_target"],
    rates=[shape + rate for shape in (1, 2) for rate in RATES],
    run=scheduled,
)

SHORT = SCHEDULES.reduced(name="the same schedules in a third of the time", fixed={"epochs": 5})

NAMES = {"one_cycle": "1cycle", "one_cycle_momentum": "1cycle with the cycle of the momentum"}


@study("CL-70", EXPONENTIAL)
def tenfold(found):
    """Judge by which factor the rate falls in one step and in s steps; both schedules must say the same."""
    one, many = (found.groups(metric) for metric in ("ratio_one_step", "ratio_s_steps"))
    for ratios in (one, many):
        np.testing.assert_allclose(ratios["ours"], ratios["keras"], rtol=1e-6)
    effects = [effect("rate at step 1 / rate at step 0, s = 20", one["ours"].item())]
    effects += [effect("rate at step 20 / rate at step 0", many["ours"].item())]
    return {"ratio_one_step": one["ours"].item(), "ratio_s_steps": many["ours"].item()}, effects


@study("CL-71", POWER)
def ever_slower(found):
    """Judge the largest error of both schedules, and whether the drops shrink in both."""
    errors, shrink = (found.groups(metric) for metric in ("largest_error", "drops_shrink"))
    measured = {
        "largest_error": max(values.item() for values in errors.values()),
        "drops_shrink": all(values.item() == 1 for values in shrink.values()),
    }
    effects = [effect(f"largest relative error, {whose}", errors[whose].item(), digits=2) for whose in errors]
    return measured, effects


@study("CL-72", SCHEDULES, SHORT)
def one_cycle(schedules, short):
    """Judge 1cycle, of the rate alone, against the constant rate and the exponential schedule."""
    gains = {other: gain(schedules, "one_cycle", other) for other in ("constant", "exponential")}
    pace = epochs_ratio(schedules, "one_cycle", "constant")
    measured = {
        "gain_constant_low": gains["constant"].low,
        "gain_constant_high": gains["constant"].high,
        "gain_exponential_low": gains["exponential"].low,
        "epochs_ratio_high": pace.high,
    }
    effects = [
        _gain_told(schedules, "one_cycle", "constant"),
        _gain_told(schedules, "one_cycle", "exponential"),
        effect(f"epochs to a training loss of {TARGET:g}, 1cycle / constant rate", pace),
        _gain_told(schedules, "one_cycle", "piecewise"),
        _gain_told(schedules, "one_cycle_momentum", "one_cycle"),
        _gain_told(schedules, "one_cycle_momentum", "constant"),
    ]
    effects += [_loss_told(schedules, arm, "constant") for arm in schedules.experiment.arms if arm != "constant"]
    effects += [_gain_told(short, "one_cycle", other) for other in ("constant", "exponential")]
    return measured, [*effects, _gain_told(short, "one_cycle_momentum", "constant")]


@study("CL-73", SCHEDULES, SHORT)
def against_power(schedules, short):
    """Judge the exponential and the performance schedule against the power schedule, with 97.5 % intervals."""
    gains = {arm: gain(schedules, arm, "power", 0.975) for arm in ("exponential", "performance")}
    measured = {
        "schedules_ahead": sum(found.low > 0 for found in gains.values()),
        "schedules_not_ahead": sum(found.high < 0.005 for found in gains.values()),
    }
    effects = [_gain_told(schedules, arm, "power", 0.975) for arm in gains]
    effects += [_loss_told(schedules, arm, "power") for arm in gains]
    effects += [_gain_told(schedules, arm, "constant") for arm in ("power", *gains, "piecewise")]
    return measured, effects + [_gain_told(short, arm, "power", 0.975) for arm in gains]


def gain(results, arm, other, confidence=0.95):
    """Return the interval of the difference in test accuracy of two arms; a diverged run counts as chance."""
    with_schedule, without = (results.values(name, "test_accuracy", lost=CHANCE) for name in (arm, other))
    return interval(with_schedule - without, confidence=confidence)


def epochs_ratio(results, arm, other):
    """Return the interval of the geometric mean of the ratio of epochs to the target; never is one more than all."""
    never = results.experiment.fixed["epochs"] + 1.0
    epochs = [results.values(name, "epochs_to_target", lost=never) for name in (arm, other)]
    found = interval(np.log(epochs[0] / epochs[1]))
    return Interval(*(float(np.exp(value)) for value in (found.value, found.low, found.high)), found.n)


def _gain_told(results, arm, other, confidence=0.95):
    names = f"{NAMES.get(arm, arm)} minus {NAMES.get(other, other)}"
    level = "" if confidence == 0.95 else f", {100 * confidence:g} % interval"
    return effect(f"test accuracy, {names}{_length(results)}{level}", gain(results, arm, other, confidence))


def _loss_told(results, arm, other):
    names = f"{NAMES.get(arm, arm)} minus {NAMES.get(other, other)}"
    losses = [results.values(name, "train_loss") for name in (arm, other)]
    what = f"training loss at the end, {names}"
    if not np.isfinite(losses).all():
        return effect(f"{what} (a run was lost)", float("nan"))
    return effect(what, interval(losses[0] - losses[1]))


def _length(results):
    epochs = results.experiment.fixed["epochs"]
    return "" if epochs == SCHEDULES.fixed["epochs"] else f", {epochs} epochs"
