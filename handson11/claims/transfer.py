"""Studies of sections 11.2 and 11.2.1: how many layers to reuse, and what it gains on one pair of classes or on all."""

import itertools

import numpy as np

from handson11.claims.runs import transfer as runs
from handson11.claims.runs.transfer import name_of
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment, read_results
from handson11.experiments.ledger import effect, read_entry
from handson11.experiments.runs import choose_learning_rate
from handson11.experiments.statistics import Interval, interval

ADAM_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)


def _dense(depth, width=100):
    return {"model": "handson11.models:dense_stack", "arguments": {"depth": depth, "width": width}}


# Section 11.2: five classes to five others

DEPTH = 5
SOURCE_CLASSES = {"dissimilar": [1, 5, 7, 8, 9], "similar": [1, 2, 6, 7, 8]}
"""Target → the classes of the source network. The similar target has a relative of each of its classes among them."""

TARGET_CLASSES = {"dissimilar": [0, 2, 3, 4, 6], "similar": [0, 3, 4, 5, 9]}


def _five_to_five(target, **more):
    settings = {
        "network": _dense(DEPTH),
        "classes": SOURCE_CLASSES[target],
        "optimizer": "adam",
        "learning_rate": 0.001,
        "batch_size": 128,
        "epochs": 5,
    }
    own = {"settings": settings, "classes": TARGET_CLASSES[target], "network": _dense(DEPTH), "steps": 200}
    return {**own, **more}


def _sources(target, seeds):
    """Return the experiment that trains one source network for each seed."""
    return Experiment(
        name=f"source networks for the {target} target",
        arms={"source": {"settings": _five_to_five(target)["settings"]}},
        fixed={},
        seeds=seeds,
        metrics=("source_accuracy",),
        run=runs.source_accuracy,
    )


TUNING_SEEDS = (100, 101, 102)
SOURCES = {target: _sources(target, (*range(20), *TUNING_SEEDS)) for target in SOURCE_CLASSES}


def _reusing(name, arms, target, seeds=range(10), metrics=("test_accuracy",), run=runs.reuse, **more):
    return Experiment(
        name=name,
        arms=arms,
        fixed=_five_to_five(target),
        seeds=seeds,
        metrics=metrics,
        rates=ADAM_RATES,
        tuning_seeds=TUNING_SEEDS,
        run=run,
        **more,
    )


def _layers(target, labels):
    """Return the experiment that takes over the first 1 … 5 layers, frozen or fine-tuned."""
    arms = {"scratch": {"reused": 0, "frozen": 0}}
    arms |= {f"frozen, {k}": {"reused": k, "frozen": k} for k in range(1, DEPTH + 1)}
    arms |= {f"fine-tuned, {k}": {"reused": k, "frozen": 0} for k in range(1, DEPTH + 1)}
    arms = {name: {**arm, "labels": labels} for name, arm in arms.items()}
    return _reusing(f"number of reused layers, {target} target, {labels} labels", arms, target)


LABELS = (20, 100, 500)
LAYERS = {
    (target, labels): _layers(target, labels)
    for target, labels in [*itertools.product(["dissimilar"], LABELS), ("similar", 500)]
}

FREED = {
    labels: _reusing(
        f"all five layers reused, the upper ones free, {labels} labels",
        {f"free, {free}": {"reused": DEPTH, "frozen": DEPTH - free, "labels": labels} for free in range(DEPTH + 1)},
        "dissimilar",
        metrics=("test_accuracy", "selection_accuracy"),
    )
    for labels in LABELS
}

_KEPT = {f"keep, {k}": {"network": _dense(k), "reused": k, "frozen": k, "labels": 20} for k in range(1, DEPTH + 1)}
KEPT_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
KEPT_TUNING = Experiment(
    name="lower layers kept under a new output layer, choice of their number and of the rate",
    arms={f"{name}, {rate:g}": {**arm, "learning_rate": rate} for name, arm in _KEPT.items() for rate in KEPT_RATES},
    fixed=_five_to_five("dissimilar"),
    seeds=(100, 101, 102),
    metrics=("selection_accuracy",),
    run=runs.reuse,
)
KEPT = _reusing(
    "lower layers kept and frozen under a new output layer, 20 labels", _KEPT, "dissimilar", range(20)
).reduced(rates=KEPT_RATES)

LABEL_COUNTS = (10, 20, 50, 100, 200, 500)
METHODS = {"scratch": {"reused": 0, "frozen": 0}, "transfer": {"reused": DEPTH, "frozen": 0}}
LABEL_CURVES = _reusing(
    "scratch and all layers reused, similar target, by label count",
    {f"{method}, {labels}": {**arm, "labels": labels} for labels in LABEL_COUNTS for method, arm in METHODS.items()},
    "similar",
    range(20),
)
TARGET_ACCURACY = 0.8
_STEPS = {method: {**arm, "labels": 100, "target": TARGET_ACCURACY} for method, arm in METHODS.items()}
STEPS = _reusing(
    "steps to a validation accuracy of 0.8, 100 labels, rates tuned for the accuracy",
    _STEPS,
    "similar",
    range(20),
    ("steps",),
    runs.steps_to,
)
FASTEST = _reusing(
    "steps to a validation accuracy of 0.8, 100 labels, rates tuned for the steps",
    _STEPS,
    "similar",
    range(20),
    ("steps",),
    runs.steps_to,
    tuned_by="pace",
    best="lowest",
)


def difference(results, first, second, metric="test_accuracy", lost=0.2, confidence=0.95):
    """Return the interval of the paired difference of two arms; a lost run counts as chance."""
    values = [results.values(arm, metric, lost) for arm in (first, second)]
    return interval(values[0] - values[1], confidence=confidence)


def mean_accuracy(results, arm, metric="test_accuracy", lost=0.2):
    """Return the interval of the mean of an arm; a lost run counts as chance."""
    return interval(results.values(arm, metric, lost))


def over_seeds(statistic, *arrays):
    """Return a statistic of mean values over seeds and its bootstrap interval; the seeds of all arrays stay together.

    ``statistic`` takes the means of the arrays of shape (seeds, …) and returns one number.
    """

    def of_seeds(chosen, axis=-1):
        chosen = np.moveaxis(np.asarray(chosen).astype(int), axis, -1)
        flat = chosen.reshape(-1, chosen.shape[-1])
        values = [statistic(*(array[rows].mean(axis=0) for array in arrays)) for rows in flat]
        return np.array(values).reshape(chosen.shape[:-1])[()]

    return interval(np.arange(len(arrays[0]), dtype=float), of_seeds)


def labels_needed(counts, accuracies, target):
    """Return the number of labels at which a curve first reaches an accuracy, between two counts along the logarithm.

    The smallest count if the curve begins above the target, infinity if it never reaches it.
    """
    place = runs.first_reached(list(accuracies), target)
    return float(np.exp(np.interp(place, range(len(counts)), np.log(counts)))) if np.isfinite(place) else np.inf


def saving(scratch, transfer, counts=LABEL_COUNTS):
    """Return labels of scratch / labels of transfer for the accuracy that scratch reaches with 200.

    A transfer that never reaches it counts with the largest number of labels.
    """
    target = scratch[counts.index(200)]
    needed = [labels_needed(counts, curve, target) for curve in (scratch, transfer)]
    return needed[0] / min(needed[1], counts[-1])


def ratio_of_steps(results):
    """Return the geometric mean over seeds of steps of transfer / steps of scratch, with its interval.

    A run that does not arrive counts with all its steps. That favours the slower arm, so none may fail in both.
    """
    fixed = results.experiment.fixed["steps"]
    steps = [np.minimum(results.values(arm, "steps", lost=np.inf), fixed) for arm in ("transfer", "scratch")]
    return _geometric(np.maximum(steps[0], 1) / np.maximum(steps[1], 1))


def _layer_effects(results, target, labels):
    start = f"{target} target, {labels} labels"
    found = [effect(f"{start}: accuracy from scratch", mean_accuracy(results, "scratch"))]
    for kind in ("frozen", "fine-tuned"):
        for k in range(1, DEPTH + 1):
            arm = f"{kind}, {k}"
            found.append(effect(f"{start}: gain over scratch, {k} {kind}", difference(results, arm, "scratch")))
    return found


@study("CL-34", *SOURCES.values(), *LAYERS.values())
def lower_layers_transfer_better(dissimilar_sources, similar_sources, *layers):
    """Judge the accuracy by the number of frozen layers on the dissimilar target with 500 labels."""
    by_setting = dict(zip(LAYERS, layers, strict=True))
    decided = by_setting["dissimilar", 500]
    advantage = difference(decided, "frozen, 1", "frozen, 5")
    means = [mean_accuracy(decided, f"frozen, {k}").value for k in range(1, DEPTH + 1)]
    rise = max(np.diff(means))
    measured = {"advantage_low": advantage.low, "advantage_high": advantage.high, "largest_rise": rise}
    effects = [
        effect("accuracy with 1 frozen layer minus with 5", advantage),
        effect("largest rise from one k to the next", rise),
        effect(
            "fine-tuned: accuracy with 1 reused layer minus with 5",
            difference(decided, "fine-tuned, 1", "fine-tuned, 5"),
        ),
        effect(
            "similar target: accuracy with 1 frozen layer minus with 5",
            difference(by_setting["similar", 500], "frozen, 1", "frozen, 5"),
        ),
        effect(
            "accuracy of the source networks, dissimilar target",
            mean_accuracy(dissimilar_sources, "source", "source_accuracy"),
        ),
        effect(
            "accuracy of the source networks, similar target",
            mean_accuracy(similar_sources, "source", "source_accuracy"),
        ),
    ]
    effects += [
        effect(f"accuracy with {k} frozen", mean_accuracy(decided, f"frozen, {k}")) for k in range(1, DEPTH + 1)
    ]
    for (target, labels), results in by_setting.items():
        effects += _layer_effects(results, target, labels)
    return measured, effects


def _curve(results, method):
    return np.stack([results.values(f"{method}, {labels}", lost=0.2) for labels in LABEL_COUNTS], axis=1)


@study("CL-35", SOURCES["similar"], LABEL_CURVES, STEPS, FASTEST)
def fewer_steps_and_labels(sources, curves, steps, fastest):
    """Judge the steps to a validation accuracy of 0.8 and the labels for the accuracy of scratch with 200."""
    ratio = ratio_of_steps(steps)
    saved = over_seeds(saving, _curve(curves, "scratch"), _curve(curves, "transfer"))
    shown = [ratio.high < 1, saved.value >= 2 and saved.low > 1]
    excluded = [ratio.low > 0.9, saved.high < 2]
    measured = {"benefits_shown": int(sum(shown)), "benefits_excluded": int(sum(excluded))}
    effects = [
        effect("steps to a validation accuracy of 0.8, transfer / scratch", ratio),
        effect("steps, both with the rate that is fastest for them, transfer / scratch", ratio_of_steps(fastest)),
        effect("labels needed, scratch / transfer", saved),
    ]
    for results, how in ((steps, "rates tuned for accuracy"), (fastest, "rates tuned for steps")):
        for method in METHODS:
            median = float(np.median(results.values(method, "steps", lost=np.inf)))
            effects.append(effect(f"median steps, {method}, {how}", median))
            effects.append(effect(f"rate, {method}, {how}", results.chosen[method]))
    for labels in LABEL_COUNTS:
        effects += [
            effect(f"accuracy, {method}, {labels} labels", mean_accuracy(curves, f"{method}, {labels}"))
            for method in METHODS
        ]
        gain = difference(curves, f"transfer, {labels}", f"scratch, {labels}")
        effects.append(effect(f"gain with {labels} labels", gain))
    return measured, effects


@study("CL-45", SOURCES["dissimilar"], *FREED.values())
def more_labels_more_freedom(sources, *freed):
    """Judge whether freeing the layers gains more with more labels."""
    by_labels = dict(zip(LABELS, freed, strict=True))
    gains = {
        labels: results.values(f"free, {DEPTH}", lost=0.2) - results.values("free, 0", lost=0.2)
        for labels, results in by_labels.items()
    }
    interaction = interval(gains[500] - gains[20])
    best = {labels: _best_free(results) for labels, results in by_labels.items()}
    measured = {
        "interaction_low": interaction.low,
        "interaction_high": interaction.high,
        "shift_of_best": best[500] - best[20],
    }
    effects = [effect("gain by freeing all five layers, 500 labels minus 20 labels", interaction)]
    effects += [
        effect(f"gain by freeing all five layers, {labels} labels", interval(gains[labels])) for labels in LABELS
    ]
    effects += [effect(f"best number of free layers, {labels} labels", best[labels]) for labels in LABELS]
    for labels, results in by_labels.items():
        for free in range(DEPTH + 1):
            effects.append(effect(f"accuracy, {labels} labels, {free} free", mean_accuracy(results, f"free, {free}")))
    return measured, effects


def _best_free(results):
    """Return the number of free layers with the best mean validation accuracy."""
    means = [results.values(f"free, {free}", "selection_accuracy", 0.2).mean() for free in range(DEPTH + 1)]
    return int(np.argmax(means))


@study("CL-46", SOURCES["dissimilar"], KEPT_TUNING, KEPT)
def dropping_top_layers(sources, tuning, kept):
    """Judge the number of kept layers that the tuning seeds chose against all five."""
    number = chosen_number(tuning)
    gain = difference(kept, f"keep, {number}", f"keep, {DEPTH}")
    effects = [
        effect("number of layers kept, chosen on other seeds", number),
        effect("accuracy with that many minus with all five", gain),
    ]
    for k in range(1, DEPTH + 1):
        effects.append(effect(f"accuracy with the lower {k} kept", mean_accuracy(kept, f"keep, {k}")))
        if k < DEPTH:
            effects.append(
                effect(
                    f"accuracy with the lower {k} minus with all five", difference(kept, f"keep, {k}", f"keep, {DEPTH}")
                )
            )
    return {"gain_low": gain.low, "gain_high": gain.high}, effects


def chosen_number(tuning):
    """Return the number of kept layers, fewer than all, that is best on the tuning seeds at its own best rate."""
    means = {}
    for k in range(1, DEPTH):
        scores = {rate: tuning.values(f"keep, {k}, {rate:g}", "selection_accuracy") for rate in KEPT_RATES}
        rate = choose_learning_rate(scores)
        means[k] = np.mean(scores[rate])
    return max(means, key=means.get)


# Section 11.2.1, one pair or four: the notes' recipe

PAIRS = ([5, 6], [0, 2], [4, 6], [7, 9])
"""Sandals and shirts, T-shirts and pullovers, coats and shirts, sneakers and ankle boots."""

CELLS = [name_of(pair, labels) for pair in PAIRS for labels in (40, 200)]
_STAGES = {
    "network": _dense(3),
    "settings": {
        "network": _dense(3),
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "batch_size": 32,
        "epochs": 4,
        "labels": 3000,
    },
    "seeds_per_source": 5,
    "pairs": PAIRS,
    "label_counts": [40, 200],
    "optimizer": "sgd",
    "frozen_steps": 28,
    "free_steps": 112,
}
FIRST_RATES, RATIOS = (0.003, 0.01, 0.03, 0.1), (1.0, 0.3, 0.1, 0.01)
DIRECT_RATES = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
"""As many as the two phases have pairs of rates."""

DIRECT = Experiment(
    name="all reused layers free from the start, four pairs of classes",
    arms={"direct": {}},
    fixed=_STAGES,
    seeds=range(10),
    metrics=("test_accuracy", "drift", "drift_frozen_first", *CELLS, *(f"drift ratio, {cell}" for cell in CELLS)),
    rates=DIRECT_RATES,
    run=runs.direct,
)


def _two_phases(name, seeds, metrics):
    return Experiment(
        name=name,
        arms={
            f"{first:g} × {ratio:g}": {"first_rate": first, "ratio": ratio} for first in FIRST_RATES for ratio in RATIOS
        },
        fixed=_STAGES,
        seeds=seeds,
        metrics=metrics,
        run=runs.two_phases,
    )


TWO_PHASES = _two_phases("frozen first, then free, four pairs of classes", range(10), ("test_accuracy", *CELLS))
TWO_PHASES_TUNING = _two_phases("frozen first, then free, choice of both rates", (100, 101), ("validation_accuracy",))


def chosen_phases(tuning, firsts=FIRST_RATES, ratios=RATIOS):
    """Return (first rate, ratio) of the best mean validation accuracy on the tuning seeds, no run of which was lost."""
    scores = {
        (first, ratio): tuning.values(f"{first:g} × {ratio:g}", "validation_accuracy", lost=0.0)
        for first in firsts
        for ratio in ratios
    }
    return max(scores, key=lambda pair: np.mean(scores[pair]))


def _values(results, phases, metric="test_accuracy"):
    return results.values(f"{phases[0]:g} × {phases[1]:g}", metric, lost=0.5)


def _geometric(values):
    """Return the geometric mean over seeds with its interval; NaN if a run was lost."""
    if not np.isfinite(values).all():
        return Interval(np.nan, np.nan, np.nan, len(values))
    logs = interval(np.log(values))
    return Interval(*np.exp([logs.value, logs.low, logs.high]).tolist(), logs.n)


@study("CL-36", DIRECT, TWO_PHASES_TUNING, TWO_PHASES)
def freezing_first(direct, tuning, phases):
    """Judge the drift of the reused weights, and the accuracy of the tuned two phases against all free at once."""
    drifts = [direct.values("direct", name) for name in ("drift_frozen_first", "drift")]
    drift = _geometric(drifts[0] / drifts[1])
    chosen = chosen_phases(tuning)
    plain = direct.values("direct", "test_accuracy", lost=0.5)
    gain = interval(_values(phases, chosen) - plain)
    effects = [
        effect("drift of the reused layers, frozen first / direct", drift),
        effect("drift, direct", _geometric(drifts[1])),
        effect("drift, frozen first", _geometric(drifts[0])),
        effect("accuracy, frozen first minus direct, both tuned", gain),
        effect("accuracy, direct", interval(plain)),
        effect("accuracy, frozen first", interval(_values(phases, chosen))),
        effect("rate of the direct arm", direct.chosen["direct"]),
        effect("first rate of the two phases", chosen[0]),
        effect("second rate / first rate of the two phases", chosen[1]),
    ]
    for cell in CELLS:
        cell_gain = interval(_values(phases, chosen, cell) - direct.values("direct", cell, lost=0.5))
        effects.append(effect(f"{cell}: accuracy, frozen first minus direct", cell_gain))
        ratios = _geometric(direct.values("direct", f"drift ratio, {cell}"))
        effects.append(effect(f"{cell}: drift, frozen first / direct", ratios))
    return {"drift_ratio_high": drift.high, "gain_low": gain.low, "gain_high": gain.high}, effects


@study("CL-37", TWO_PHASES_TUNING, TWO_PHASES)
def lower_rate_after_unfreezing(tuning, phases):
    """Judge the best lower ratio against ratio 1, each at its own first rate, and at every first rate."""
    lower = RATIOS[1:]
    best, same = chosen_phases(tuning, ratios=lower), chosen_phases(tuning, ratios=RATIOS[:1])
    gain = interval(_values(phases, best) - _values(phases, same))
    effects = [
        effect("accuracy, best lower ratio minus ratio 1, each at its tuned first rate", gain),
        effect("best lower ratio", best[1]),
        effect("its first rate", best[0]),
        effect("first rate of ratio 1", same[0]),
    ]
    gains = {}
    for first in FIRST_RATES:
        chosen = chosen_phases(tuning, (first,), lower)
        gains[first] = interval(_values(phases, chosen) - _values(phases, (first, 1.0)), confidence=0.9875)
        what = f"first rate {first:g}: best lower ratio ({chosen[1]:g}) minus ratio 1, 98.75 % interval"
        effects.append(effect(what, gains[first]))
    for first, ratio in itertools.product(FIRST_RATES, RATIOS):
        effects.append(
            effect(f"accuracy, first rate {first:g}, ratio {ratio:g}", interval(_values(phases, (first, ratio))))
        )
        if ratio != 1:
            lag = interval(_values(phases, (first, ratio)) - _values(phases, (first, 1.0)))
            effects.append(effect(f"first rate {first:g}, ratio {ratio:g} minus ratio 1", lag))
    measured = {
        "gain_low": gain.low,
        "gain_high": gain.high,
        "rates_with_gain": sum(int(found.low > 0) for found in gains.values()),
    }
    return measured, effects


NOTES_RATE = 0.001
SGD_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TAPERING = {"model": "handson11.claims.runs.transfer:tapering", "arguments": {"activation": "selu"}}


def _notes(network, classes, labels=200, epochs=20):
    """Return what the notes' recipe fixes: A for 20 epochs at rate 0.001, then 4 frozen and 16 free epochs on B."""
    settings = {"network": network, "optimizer": "sgd", "learning_rate": NOTES_RATE, "batch_size": 32, "epochs": epochs}
    per_epoch = labels // 32
    return {
        "network": network,
        "settings": settings,
        "seeds_per_source": 4,
        "pair": classes,
        "labels": labels,
        "optimizer": "sgd",
        "frozen_steps": 4 * per_epoch,
        "free_steps": 16 * per_epoch,
    }


def _notes_sources(name, network, classes):
    others = [label for label in range(10) if label not in classes]
    return Experiment(
        name=f"networks A for {name}",
        arms={"source": {"settings": {**_notes(network, classes)["settings"], "classes": others}}},
        fixed={},
        seeds=(*range(5), 25),
        metrics=("source_accuracy",),
        run=runs.source_accuracy,
    )


def _at_every_rate(name, network, classes):
    return Experiment(
        name=f"{name}, 200 labels, at every rate",
        arms={
            f"{method}, {rate:g}": {"method": method, "learning_rate": rate} for rate in SGD_RATES for method in METHODS
        },
        fixed=_notes(network, classes),
        seeds=range(20),
        metrics=("test_accuracy",),
        run=runs.one_pair,
    )


def _tuned(name, network, classes):
    return Experiment(
        name=f"{name}, 200 labels, rates tuned",
        arms={method: {"method": method} for method in METHODS},
        fixed=_notes(network, classes),
        seeds=range(20),
        metrics=("test_accuracy",),
        rates=SGD_RATES,
        tuning_seeds=(100, 101, 102),
        run=runs.one_pair,
    )


SANDALS, SHIRTS, PULLOVERS, T_SHIRTS = 5, 6, 2, 0
NOTES = {
    "sandals and shirts": (TAPERING, [SANDALS, SHIRTS]),
    "T-shirts and pullovers": (_dense(3), [T_SHIRTS, PULLOVERS]),
}
NOTES_SOURCES = {name: _notes_sources(name, *what) for name, what in NOTES.items()}
AT_EVERY_RATE = {name: _at_every_rate(name, *what) for name, what in NOTES.items()}
TUNED = {name: _tuned(name, *what) for name, what in NOTES.items()}


def notes_gain(sources, at_rates, tuned, quoted):
    """Return (measurements, effects) of a claim about one pair of classes at the notes' rate and at tuned rates."""
    at_notes = at_rates.values(f"transfer, {NOTES_RATE:g}", lost=0.5)
    low, high = float(at_notes.min()), float(at_notes.max())
    gain = difference(at_rates, f"transfer, {NOTES_RATE:g}", f"scratch, {NOTES_RATE:g}", lost=0.5)
    tuned_gain = difference(tuned, "transfer", "scratch", lost=0.5)
    measured = {
        "distance_to_range": max(0.0, low - quoted, quoted - high),
        "gain_low": gain.low,
        "tuned_gain_low": tuned_gain.low,
    }
    effects = [
        effect(f"gain at the notes' rate {NOTES_RATE:g}", gain),
        effect("gain with rates tuned", tuned_gain),
        effect("lowest accuracy of transfer at the notes' rate", low, digits=4),
        effect("highest accuracy of transfer at the notes' rate", high, digits=4),
        effect("accuracy of transfer at the notes' rate", interval(at_notes), digits=4),
        effect(
            "accuracy of scratch at the notes' rate",
            mean_accuracy(at_rates, f"scratch, {NOTES_RATE:g}", lost=0.5),
            digits=4,
        ),
    ]
    for method in METHODS:
        effects.append(effect(f"accuracy of {method}, tuned", mean_accuracy(tuned, method, lost=0.5), digits=4))
        effects.append(effect(f"tuned rate of {method}", tuned.chosen[method]))
    effects.append(
        effect("accuracy of A on its eight classes", mean_accuracy(sources, "source", "source_accuracy"), digits=4)
    )
    for rate in SGD_RATES:
        gain = difference(at_rates, f"transfer, {rate:g}", f"scratch, {rate:g}", lost=0.5)
        effects.append(effect(f"gain at rate {rate:g}", gain))
        for method in METHODS:
            mean = mean_accuracy(at_rates, f"{method}, {rate:g}", lost=0.5)
            effects.append(effect(f"accuracy of {method} at rate {rate:g}", mean, digits=4))
    return measured, effects


@study("CL-41", *(kind["sandals and shirts"] for kind in (NOTES_SOURCES, AT_EVERY_RATE, TUNED)))
def sandals_and_shirts(sources, at_rates, tuned):
    """Judge 99.25 %."""
    return notes_gain(sources, at_rates, tuned, 0.9925)


@study("CL-42", *(kind["T-shirts and pullovers"] for kind in (NOTES_SOURCES, AT_EVERY_RATE, TUNED)))
def t_shirts_and_pullovers(sources, at_rates, tuned):
    """Judge 91.25 %."""
    return notes_gain(sources, at_rates, tuned, 0.9125)


# Section 11.2.1: all 45 pairs

ALL_PAIRS = [list(pair) for pair in itertools.combinations(range(10), 2)]
NETWORKS = {
    "dense": _dense(3),
    "convolutional": {"model": "handson11.models:small_cnn", "arguments": {"filters": [16, 32, 64], "units": 72}},
}
"""98,801 and 97,169 parameters with one output."""

PAIR_LABELS = (20, 200)
PAIR_RATES = (0.0003, 0.001, 0.003, 0.01)
SOURCE_LABELS = 2000
"""Training images of each of the eight classes that a source network sees."""


def pairs_experiment(
    network,
    pairs=ALL_PAIRS,
    labels=PAIR_LABELS,
    seeds=range(10),
    rates=PAIR_RATES,
    source_labels=SOURCE_LABELS,
    steps=(28, 112),
    tuning_seeds=(100,),
    name="scratch and transfer on pairs of classes",
):
    """Return the experiment that trains every pair of classes from scratch and by transfer.

    One arm is one method with one label count, and one run of it trains all pairs: so each arm has one tuned rate.
    """
    return Experiment(
        name=name,
        arms={f"{method}, {count}": {"method": method, "labels": count} for count in labels for method in METHODS},
        fixed={
            "network": network,
            "settings": {**source_settings(network), "labels": source_labels},
            "seeds_per_source": 1000,
            "pairs": [list(pair) for pair in pairs],
            "optimizer": "adam",
            "frozen_steps": steps[0],
            "free_steps": steps[1],
        },
        seeds=seeds,
        metrics=("test_accuracy", *(name_of(pair) for pair in pairs)),
        rates=rates,
        tuning_seeds=tuning_seeds,
        run=runs.many_pairs,
    )


def source_settings(network):
    """Return how the network of the other eight classes is trained: until its validation loss stops falling."""
    return {"network": network, "optimizer": "adam", "learning_rate": 0.001, "batch_size": 64, "at_most": 20}


def _pair_sources(kind):
    settings = {**source_settings(NETWORKS[kind]), "labels": SOURCE_LABELS}
    others = {name_of(pair): [label for label in range(10) if label not in pair] for pair in ALL_PAIRS}
    return Experiment(
        name=f"networks of the other eight classes, {kind}",
        arms={name: {"settings": {**settings, "classes": classes}} for name, classes in others.items()},
        fixed={},
        seeds=(0,),
        metrics=("source_accuracy", "epochs"),
        run=runs.source_accuracy,
    )


PAIR_SOURCES = {kind: _pair_sources(kind) for kind in NETWORKS}
PAIR_GAINS = {
    kind: pairs_experiment(network, name=f"scratch and transfer on all pairs of classes, {kind}")
    for kind, network in NETWORKS.items()
}


def pair_gains(results, labels, pairs=ALL_PAIRS):
    """Return the gains of transfer over scratch as an array of shape (pairs, seeds); a lost run counts as chance."""
    methods = [
        np.array([results.values(f"{method}, {labels}", name_of(pair), lost=runs.CHANCE) for pair in pairs])
        for method in ("transfer", "scratch")
    ]
    return methods[0] - methods[1]


def _gain_effects(results, kind):
    effects = []
    for labels in PAIR_LABELS:
        gains = pair_gains(results, labels)
        means = gains.mean(axis=1)
        start = f"{kind}, {labels} labels"
        best, worst = (name_of(ALL_PAIRS[int(place)]) for place in (means.argmax(), means.argmin()))
        effects += [
            effect(f"{start}: mean gain over 45 pairs", interval(means)),
            effect(f"{start}: standard deviation between pairs", float(means.std(ddof=1))),
            effect(f"{start}: standard deviation between seeds of a pair", float(gains.std(axis=1, ddof=1).mean())),
            effect(f"{start}: share of gains above 0", float((gains > 0).mean())),
            effect(f"{start}: share of gains equal to 0", float((gains == 0).mean())),
            effect(f"{start}: share of gains below 0", float((gains < 0).mean())),
            effect(f"{start}: pairs with a mean gain of 0 or less", int((means <= 0).sum())),
            effect(f"{start}: best {best}", interval(gains[means.argmax()])),
            effect(f"{start}: worst {worst}", interval(gains[means.argmin()])),
        ]
        for method in METHODS:
            arm = f"{method}, {labels}"
            effects.append(effect(f"{start}: accuracy of {method}", mean_accuracy(results, arm, lost=runs.CHANCE)))
            effects.append(effect(f"{start}: rate of {method}", results.chosen[arm]))
    return effects


@study("CL-43", PAIR_SOURCES["dense"], PAIR_GAINS["dense"])
def gain_depends_on_the_pair(sources, results):
    """Judge how many gains are 0 or below."""
    gains = np.stack([pair_gains(results, labels) for labels in PAIR_LABELS])  # label counts, pairs, seeds
    share, means = float((gains <= 0).mean()), gains.mean(axis=(0, 2))
    measured = {"share_not_positive": share, "pairs_not_positive": int((means <= 0).sum())}
    effects = [
        effect("share of all gains that are 0 or below", share),
        effect("pairs with a mean gain of 0 or below", measured["pairs_not_positive"]),
        effect("mean of all gains, over pairs", interval(means)),
    ]
    for label, place in (("largest", means.argmax()), ("smallest", means.argmin())):
        pair_mean = interval(gains[:, place].mean(axis=0))
        effects.append(effect(f"{label} mean gain, {name_of(ALL_PAIRS[int(place)])}", pair_mean))
    return measured, effects + _gain_effects(results, "dense") + [_source_effect(sources, "dense")]


def _source_effect(sources, kind):
    accuracies = [sources.values(name_of(pair), "source_accuracy").item() for pair in ALL_PAIRS]
    return effect(f"{kind}: accuracy of the source networks on their eight classes", interval(accuracies))


@study("CL-44", PAIR_SOURCES["dense"], PAIR_SOURCES["convolutional"], PAIR_GAINS["dense"], PAIR_GAINS["convolutional"])
def convolutional_networks_transfer_better(dense_sources, convolutional_sources, dense, convolutional):
    """Judge the gain of the convolutional network minus that of the dense one, pair by pair."""
    found = {}
    for labels in PAIR_LABELS:
        both = [pair_gains(results, labels).mean(axis=1) for results in (convolutional, dense)]
        found[labels] = interval(both[0] - both[1], confidence=0.975)
    measured = {
        "counts_with_advantage": sum(int(one.low > 0) for one in found.values()),
        "counts_without": sum(int(one.high < 0.0025) for one in found.values()),
    }
    effects = [
        effect(f"{labels} labels: gain, convolutional minus dense, 97.5 % interval", one)
        for labels, one in found.items()
    ]
    effects += [*_gain_effects(dense, "dense"), *_gain_effects(convolutional, "convolutional")]
    effects += [_source_effect(dense_sources, "dense"), _source_effect(convolutional_sources, "convolutional")]
    return measured, effects


# The whole section

PER_CLASS = (1, 2, 5, 10, 50)
LAYER_SOURCES = {
    "reused layers": ("CL-35", "similar target, by label count", "transfer", "scratch", LABEL_COUNTS, 5, 0.2),
    "autoencoder": ("CL-48", "few labels, dense network", "fine-tuned", "scratch", PER_CLASS, 1, 0.1),
    "GAN": ("CL-49", "layers of a discriminator", "convolutions", "scratch", PER_CLASS, 1, 0.1),
    "rotation": ("CL-53", "few labels of clothes", "rotation", "scratch", PER_CLASS, 1, 0.1),
    "instance pairs": ("CL-53", "few labels of clothes", "instance pairs, plain", "scratch", PER_CLASS, 1, 0.1),
    "masked words": ("CL-53", "masked words", "fine-tuned", "scratch", (5, 20, 100, 500), 1, 1 / 3),
}
"""Where the layers come from → claim, part of the experiment's name, arm, what it is compared with, label counts, the
number of classes that share a count, and the accuracy of guessing."""


def gain_curves():
    """Return the gain over scratch by labels per class, for each source of layers whose full run is in the ledger.

    A dict of name → (labels of each class, array of value, low and high end); lost runs count as chance.
    """
    curves = {}
    for name, (claim, part, arm, base, counts, classes, chance) in LAYER_SOURCES.items():
        if read_entry(claim) is not None:
            (results,) = (one for one in read_results(claim) if part in one.experiment.name)
            found = [difference(results, f"{arm}, {count}", f"{base}, {count}", lost=chance) for count in counts]
            ends = np.array([[one.value, one.low, one.high] for one in found])
            curves[name] = [count / classes for count in counts], ends
    return curves
