"""Studies of section 11.1.3: batch normalization (CL-21 … CL-29)."""

import numpy as np

from handson11.claims.runs import batch_normalization as runs
from handson11.claims.runs.losses import train_to_losses
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval

UNITS = {"logistic": "sigmoid", "tanh": "tanh", "ReLU": "relu"}
PLACES = {"without": None, "with": "before"}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
CHANCE = 0.1

TEN_LAYERS = {
    "arguments": {"depth": 10, "width": 64, "batch_norm_momentum": 0.9},
    "n": 5000,
    "epochs": 10,
    "batch_size": 128,
}


def _arms(units, **more):
    """Return an arm for each kind of unit without and with batch normalization."""
    return {
        f"{unit}, {name}": {"arguments": {"activation": UNITS[unit], "batch_norm": place}, **more}
        for unit in units
        for name, place in PLACES.items()
    }


def _with_rate(rate, units):
    return {f"{arm}, {rate:g}": settings for arm, settings in _arms(units, learning_rate=rate).items()}


def _over_seeds(statistic, *groups):
    """Return the interval of a statistic of several arms, whole seeds drawn together.

    ``statistic`` takes arrays whose last axis is the seeds, and reduces that axis.
    """

    def of_seeds(seeds, axis=-1):
        return statistic(*(np.take(values, seeds.astype(int), axis=-1) for values in groups))

    return interval(np.arange(np.shape(groups[0])[-1]), of_seeds)


# Units and rates (CL-21, CL-23)

RESCUE = Experiment(
    name="units in ten layers, rates tuned",
    arms=_arms(UNITS),
    fixed=TEN_LAYERS,
    seeds=range(10),
    metrics=["test_accuracy"],
    rates=RATES,
)

SWEEP = Experiment(
    name="rate sweep, ReLU",
    arms={arm: settings for rate in RATES for arm, settings in _with_rate(rate, ["ReLU"]).items()},
    fixed=TEN_LAYERS,
    seeds=range(10),
    metrics=["test_accuracy"],
)

SWEEP_SATURATING = Experiment(
    name="rate sweep, logistic and tanh",
    arms={arm: settings for rate in RATES for arm, settings in _with_rate(rate, ["logistic", "tanh"]).items()},
    fixed=TEN_LAYERS,
    seeds=range(5),
    metrics=["test_accuracy"],
)


@study("CL-21", RESCUE)
def rescue(results):
    """Judge whether logistic and tanh units need batch normalization in ten layers."""
    accuracy = results.groups(lost=CHANCE)
    measured = {
        f"{unit}_{name}": accuracy[f"{unit}, {name}"].mean() for unit in ("logistic", "tanh") for name in PLACES
    }
    effects = [
        effect(f"test accuracy, {unit}, {name} batch normalization", interval(accuracy[f"{unit}, {name}"]))
        for unit in ("logistic", "tanh")
        for name in PLACES
    ]
    for unit in ("tanh", "ReLU"):
        gain = compare_pair(accuracy[f"{unit}, with"], accuracy[f"{unit}, without"])
        effects.append(effect(f"{unit}: test accuracy with − without, each at its best rate", gain, digits=2))
    return measured, effects


def working_rates(results, unit, name):
    """Return the rates at which no run diverged and the mean test accuracy is above 0.5."""
    values = {rate: results.values(f"{unit}, {name}, {rate:g}") for rate in RATES}
    return [rate for rate in RATES if np.isfinite(values[rate]).all() and values[rate].mean() > 0.5]


def _highest_by_seed(results, unit, name):
    """Return, for each seed, the highest rate at which its own run ended above 0.5; 0 if there is none."""
    works = np.array([results.values(f"{unit}, {name}, {rate:g}", lost=CHANCE) > 0.5 for rate in RATES])
    return (works * np.array(RATES)[:, None]).max(axis=0)


@study("CL-23", SWEEP, SWEEP_SATURATING)
def larger_rates(relu, saturating):
    """Judge how much larger the rates may be with batch normalization."""
    effects, factor = [], {}
    for results, unit in ((relu, "ReLU"), (saturating, "tanh"), (saturating, "logistic")):
        highest = {name: max(working_rates(results, unit, name), default=0.0) for name in PLACES}
        if highest["without"] == 0:
            effects.append(effect(f"{unit}: highest rate that works with (without: none does)", highest["with"]))
            continue
        factor[unit] = highest["with"] / highest["without"]
        by_seed = {name: _highest_by_seed(results, unit, name) for name in PLACES}
        what = f"{unit}: highest rate that works, {highest['with']:g} / {highest['without']:g}"
        effects.append(effect(what, factor[unit], "times"))
        if (by_seed["without"] > 0).all():
            ratios = interval(by_seed["with"] / by_seed["without"], np.median)
            effects.append(effect(f"{unit}: the same factor seed by seed, median", ratios))
    return {"rate_factor": factor.get("ReLU", np.nan)}, effects


# The scale of the starting weights (CL-22)

SCALES = (0.1, 1.0, 10.0)
FIXED_RATES = (0.003, 0.01, 0.03)
JUDGED_RATE = 0.03

SCALED = {
    f"{name}, x {scale:g}": {
        "arguments": {"activation": "relu", "batch_norm": place},
        **({} if scale == 1 else {"weight_scale": scale}),
    }
    for name, place in PLACES.items()
    for scale in SCALES
}

SCALE_AT_RATES = Experiment(
    name="scales of the weights, at fixed rates",
    arms={f"{arm}, {rate:g}": {**SCALED[arm], "learning_rate": rate} for rate in FIXED_RATES for arm in SCALED},
    fixed=TEN_LAYERS,
    seeds=range(10),
    metrics=["test_accuracy"],
)

SCALE_TUNED = Experiment(
    name="scales of the weights, rate tuned for each",
    arms=SCALED,
    fixed=TEN_LAYERS,
    seeds=range(10),
    metrics=["test_accuracy"],
    rates=RATES,
)


def by_scale(results, name, rate=None):
    """Return test accuracies of shape (scales, seeds); a run that diverged counts as chance."""
    end = "" if rate is None else f", {rate:g}"
    return np.array([results.values(f"{name}, x {scale:g}{end}", lost=CHANCE) for scale in SCALES])


def spread(accuracies):
    """Return the largest minus the smallest mean over seeds, the last axis; the first axis is the scale."""
    return np.ptp(accuracies.mean(axis=-1), axis=0)


def spreads(results, rate=None):
    """Return the intervals of the spread without, of the spread with, and of their ratio, over seeds."""
    groups = {name: by_scale(results, name, rate) for name in PLACES}
    alone = [_over_seeds(spread, groups[name]) for name in PLACES]
    return [*alone, _over_seeds(lambda without, with_it: spread(without) / spread(with_it), *groups.values())]


@study("CL-22", SCALE_AT_RATES, SCALE_TUNED)
def sensitivity(fixed, tuned):
    """Judge how sensitive the network is to the scale of its starting weights."""
    without, with_it, ratio = spreads(fixed, JUDGED_RATE)
    effects = [
        effect(f"ratio of the spreads at rate {JUDGED_RATE:g}", ratio, "times"),
        effect(f"spread over the scales at rate {JUDGED_RATE:g}, without", without),
        effect(f"spread over the scales at rate {JUDGED_RATE:g}, with", with_it),
    ]
    effects += [
        effect(f"ratio of the spreads at rate {rate:g}", spreads(fixed, rate)[2], "times") for rate in (0.01, 0.003)
    ]
    effects.append(effect("ratio of the spreads, rate tuned for each scale", spreads(tuned)[2], "times"))
    for scale in SCALES:
        lost = int(np.isnan(fixed.values(f"without, x {scale:g}, {JUDGED_RATE:g}")).sum())
        if lost:
            effects.append(effect(f"runs that diverged without, weights x {scale:g} (counted as chance)", lost))
    plain = by_scale(fixed, "without", JUDGED_RATE)[SCALES.index(1.0)].mean()
    return {"spread_ratio": ratio.value, "plain_accuracy_at_scale_1": plain}, effects


# Regularization (CL-24)

BATCH_SIZES = (8, 32, 128)

FEW_IMAGES = {
    "arguments": {"depth": 3, "width": 100, "activation": "relu", "batch_norm_momentum": 0.9},
    "n": 1000,
    "epochs": 40,
}
GAP_METRICS = ("test_accuracy", "train_accuracy", "test_loss", "train_loss")
GAP_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)

GAPS = Experiment(
    name="gap between training and test, by batch size",
    arms={
        f"{name}, batch {size}": {"arguments": {"batch_norm": place}, "batch_size": size}
        for size in BATCH_SIZES
        for name, place in PLACES.items()
    },
    fixed=FEW_IMAGES,
    seeds=range(10),
    metrics=GAP_METRICS,
    rates=(*GAP_RATES, 0.1, 0.3),
    tuning_seeds=range(100, 106),  # with two, rates 30 times apart shared the best score to the last digit
)

GAPS_BY_RATE = Experiment(
    name="gap between training and test, batches of 8, by rate",
    arms={
        f"{name}, {rate:g}": {"arguments": {"batch_norm": place}, "learning_rate": rate}
        for rate in GAP_RATES
        for name, place in PLACES.items()
    },
    fixed={**FEW_IMAGES, "batch_size": 8},
    seeds=range(10),
    metrics=GAP_METRICS,
)


def gap(results, arm, kind="accuracy"):
    """Return, for each seed, how much worse the test images do than the training images."""
    worse = results.values(arm, f"train_{kind}") - results.values(arm, f"test_{kind}")
    return worse if kind == "accuracy" else -worse


def narrowing(results, end, kind="accuracy"):
    """Compare the gaps of "without, …" and "with, …": positive where batch normalization narrows it."""
    return compare_pair(
        gap(results, f"without, {end}", kind), gap(results, f"with, {end}", kind), "greater", lost="worst"
    )


@study("CL-24", GAPS, GAPS_BY_RATE)
def regularized(tuned, by_rate):
    """Judge whether batch normalization narrows the gap between training and test accuracy at batches of 8."""
    effects = []
    for kind in ("accuracy", "loss"):
        for size in BATCH_SIZES:
            found = narrowing(tuned, f"batch {size}", kind)
            what = f"gap in {kind}, without − with, batches of {size} (narrower in {found.wins} of {found.n})"
            effects.append(effect(what, found, digits=2))
    gain = compare_pair(tuned.values("with, batch 8"), tuned.values("without, batch 8"), lost="worst")
    effects.append(effect("test accuracy, with − without, batches of 8", gain, digits=2))
    for rate in (0.0003, 0.001):
        what = f"gap in accuracy, without − with, batches of 8, both at rate {rate:g}"
        effects.append(effect(what, narrowing(by_rate, f"{rate:g}"), digits=2))
    return {"narrower": narrowing(tuned, "batch 8").difference}, effects


# Time (CL-25)

TARGETS = (0.4, 0.6, 1.0)
NETWORKS = {
    "logistic 3 × 64": {"depth": 3, "activation": "sigmoid"},
    "tanh 10 × 64": {"depth": 10, "activation": "tanh"},
    "ReLU 10 × 64": {"depth": 10, "activation": "relu"},
    "ReLU 20 × 64": {"depth": 20, "activation": "relu"},
}
JUDGED = tuple(NETWORKS)[:3]
SHARED = {"width": 64, "batch_norm_momentum": 0.9}

EPOCHS = Experiment(
    name="epochs to a training loss of 0.4",
    arms={
        f"{network}, {name}": {"arguments": {**arguments, "batch_norm": place}}
        for network, arguments in NETWORKS.items()
        for name, place in PLACES.items()
    },
    fixed={"arguments": SHARED, "n": 5000, "epochs": 20, "batch_size": 128, "targets": TARGETS},
    seeds=range(20),
    metrics=[f"epochs_to_{target:g}" for target in TARGETS],
    rates=RATES,
    tuned_by="pace",
    best="lowest",
    run=train_to_losses,
)

STEP_TIMES = Experiment(
    name="time of the same steps, compiled",
    arms={network: {"arguments": arguments} for network, arguments in NETWORKS.items()},
    fixed={"arguments": SHARED, "n": 5000, "epochs": 10, "batch_size": 128, "learning_rate": 0.01, "repeats": 3},
    seeds=range(5),
    metrics=["without", "with"],
    run=runs.step_times,
    timed=True,
)

FIT_TIMES = Experiment(
    name="time of an epoch, Keras' fit",
    arms={"ReLU 10 × 64": {"arguments": NETWORKS["ReLU 10 × 64"]}},
    fixed={"arguments": SHARED, "n": 5000, "batch_size": 128, "learning_rate": 0.01, "repeats": 3},
    seeds=range(5),
    metrics=["without", "with"],
    run=runs.fit_times,
    timed=True,
)


def epochs_needed(results, network, name, target=TARGETS[0]):
    """Return the epochs to a loss for each seed; infinity for a run that diverged or never got there."""
    return np.nan_to_num(results.values(f"{network}, {name}", f"epochs_to_{target:g}"), nan=np.inf, posinf=np.inf)


def time_ratio(results, network):
    """Return the shortest time with batch normalization over the shortest without."""
    return results.values(network, "with").min() / results.values(network, "without").min()


def _times(results, network):
    """Return the median over the repeats of the ratio of times, with its interval."""
    return interval(results.values(network, "with") / results.values(network, "without"), np.median)


def _fewer(results, network, target):
    """Return the ratio of the median epochs with / without; without an interval if a run never got there."""
    words, needed = [], [epochs_needed(results, network, name, target) for name in PLACES]
    for name, values in zip(PLACES, needed, strict=True):
        never, median = int(np.isinf(values).sum()), np.median(values)
        told = f"{median:.1f}" if np.isfinite(median) else "none"
        words.append(f"{name} {told}" + (f", never in {never} of {len(values)} runs" if never else ""))
    what = f"{network}: median epochs to a training loss of {target:g} ({'; '.join(words)}), with / without"
    if np.isfinite(needed).all():
        return effect(what, _over_seeds(lambda a, b: np.median(b, axis=-1) / np.median(a, axis=-1), *needed))
    without, with_it = (np.median(values) for values in needed)
    return effect(what, with_it / without if np.isfinite([without, with_it]).all() else np.nan)


@study("CL-25", EPOCHS, STEP_TIMES, FIT_TIMES)
def slower_but_fewer(epochs, steps, fit):
    """Judge whether an epoch takes longer with batch normalization, and whether fewer are needed."""
    fewer = 0
    for network in JUDGED:
        without, with_it = (np.median(epochs_needed(epochs, network, name)) for name in PLACES)
        fewer += with_it < 0.9 * without
    effects = [_fewer(epochs, network, TARGETS[0]) for network in NETWORKS]
    effects += [_fewer(epochs, "ReLU 10 × 64", target) for target in TARGETS[1:]]
    for network in NETWORKS:
        effects.append(effect(f"{network}: time of the same steps, with / without, median", _times(steps, network)))
    in_fit = _times(fit, "ReLU 10 × 64")
    effects.append(effect("ReLU 10 × 64: time of an epoch of Keras' fit, with / without, median", in_fit))
    measured = {"time_ratio": time_ratio(steps, "ReLU 10 × 64"), "activations_with_fewer_epochs": int(fewer)}
    return measured, effects


# The inputs (CL-26)

WIDE_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)

INPUTS = Experiment(
    name="standardized inputs, or batch normalization first",
    arms={
        "each pixel standardized": {"standardize": "pixel"},
        "one mean and deviation for all pixels": {"standardize": "global"},
        "raw, batch normalization first": {"standardize": None, "arguments": {"batch_norm_first": True}},
        "raw": {"standardize": None},
    },
    fixed={
        "arguments": {"depth": 2, "width": 100, "activation": "relu", "batch_norm_momentum": 0.9},
        "n": 8000,
        "epochs": 10,
        "batch_size": 128,
    },
    seeds=range(10),
    metrics=["test_accuracy"],
    rates={
        "each pixel standardized": WIDE_RATES,
        "one mean and deviation for all pixels": WIDE_RATES,
        "raw, batch normalization first": WIDE_RATES,
        "raw": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
    },
)

INPUTS_AT_RATE = INPUTS.reduced(
    name="standardized inputs, or batch normalization first, all at rate 0.01",
    arms={arm: settings for arm, settings in INPUTS.arms.items() if arm != "raw"},
    fixed={"learning_rate": 0.01},
    rates=None,
)


@study("CL-26", INPUTS, INPUTS_AT_RATE)
def as_first_layer(tuned, at_rate):
    """Judge batch normalization of raw pixels against pixels that were standardized one by one."""
    pixel, shared, first, raw = tuned.groups(lost=CHANCE).values()
    pooled = np.sqrt((pixel.var(ddof=1) + first.var(ddof=1)) / 2)
    against = {"each pixel standardized": pixel, "one mean and deviation for all": shared, "raw pixels": raw}
    effects = []
    for name, other in against.items():
        found = compare_pair(first, other)
        what = f"test accuracy, batch normalization first − {name} (higher in {found.wins} of {found.n})"
        effects.append(effect(what, found, digits=2))
    effects.append(effect("standard deviation over seeds, pooled", pooled, digits=2))
    pixel_there, shared_there, first_there = at_rate.groups(lost=CHANCE).values()
    for name, other in {"each pixel standardized": pixel_there, "one mean and deviation for all": shared_there}.items():
        found = compare_pair(first_there, other)
        what = f"the same, all at rate 0.01, − {name} (higher in {found.wins} of {found.n})"
        effects.append(effect(what, found, digits=2))
    return {"shortfall_in_seed_sds": (pixel.mean() - first.mean()) / pooled}, effects


# What can be proved (CL-27 … CL-29)

AVERAGES = Experiment(
    name="moving averages overwritten",
    arms={"one layer": {}},
    fixed={},
    seeds=[0],
    metrics=["change_in_training", "change_in_inference"],
    run=runs.overwritten_averages,
)

COUNTS = Experiment(
    name="parameters of the 784-300-100-10 network",
    arms={"both networks": {}},
    fixed={},
    seeds=[0],
    metrics=["total", "trained", "estimated", "total_before"],
    run=runs.parameter_counts,
)

BIAS = Experiment(
    name="gradient of a bias before batch normalization",
    arms={"one layer": {}},
    fixed={"n": 128},
    seeds=range(10),
    metrics=["largest_bias_gradient", "largest_kernel_gradient"],
    run=runs.redundant_bias,
)


@study("CL-27", AVERAGES)
def averages(results):
    """Judge what the moving averages change."""
    measured = {metric: results.values("one layer", metric).max() for metric in results.experiment.metrics}
    return measured, [
        effect("largest change of the outputs in training", measured["change_in_training"]),
        effect("largest change of the outputs at inference", measured["change_in_inference"]),
    ]


@study("CL-28", COUNTS)
def parameters(results):
    """Judge the number of parameters."""
    measured = {metric: int(results.values("both networks", metric)[0]) for metric in results.experiment.metrics}
    return measured, [effect("parameters", measured["total"], digits=6)]


@study("CL-29", BIAS)
def bias(results):
    """Judge the gradient of a bias right before batch normalization: the largest over batches and starts."""
    largest_bias = results.values("one layer", "largest_bias_gradient").max()
    kernels = results.values("one layer", "largest_kernel_gradient")
    measured = {"largest_bias_gradient": largest_bias, "largest_kernel_gradient": kernels.min()}
    n = len(kernels)
    return measured, [
        effect(f"largest gradient of the bias in {n} passes", largest_bias, digits=2),
        effect(f"largest gradient of the kernel, smallest of {n} passes", kernels.min(), digits=2),
    ]
