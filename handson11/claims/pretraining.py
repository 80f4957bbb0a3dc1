"""Studies of section 11.2.2 with autoencoders: do their layers help, and are their codes sturdy (CL-48, CL-87)."""

import numpy as np

from handson11.claims.runs.pretraining import codes_under_noise, with_few_labels
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

LABELS = (1, 2, 5, 10, 50)
FEW, MANY = LABELS[:-1], LABELS[-1]

TRAINING = {"epochs": 10, "batch_size": 125, "learning_rate": 0.001, "n": None, "attempts": 5}
PLAIN = {**TRAINING, "kind": "dense", "arguments": {"units": [128, 64]}}
DENOISING = {
    **TRAINING,
    "kind": "denoising",
    "arguments": {"units": [128, 64], "noise": "masking", "amount": 0.5},
}
CONVOLUTIONAL = {**TRAINING, "kind": "convolutional", "arguments": {"filters": [16, 32], "units": 64}, "epochs": 3}

ARMS = {
    "scratch": {"reused": 0, "frozen": 0, "autoencoder": None},
    "fine-tuned": {"reused": 2, "frozen": 0, "autoencoder": PLAIN},
    "frozen": {"reused": 2, "frozen": 2, "autoencoder": PLAIN},
    "frozen random": {"reused": 0, "frozen": 2, "autoencoder": None},
    "first layer": {"reused": 1, "frozen": 0, "autoencoder": PLAIN},
    "denoising, fine-tuned": {"reused": 2, "frozen": 0, "autoencoder": DENOISING},
    "denoising, frozen": {"reused": 2, "frozen": 2, "autoencoder": DENOISING},
}
CONVOLUTIONAL_ARMS = {
    "scratch": {"reused": 0, "frozen": 0, "autoencoder": None},
    "convolutions": {"reused": 2, "frozen": 0, "autoencoder": CONVOLUTIONAL},
}
METRICS = ("test_accuracy", "error", "share", "dead_units", "attempts")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)


def per_label_count(arms, labels=LABELS):
    """Return one arm for each method and number of labels, such as ``"scratch, 5"``.

    Examples
    --------
    >>> per_label_count({"scratch": {"reused": 0}}, (1, 5))
    {'scratch, 1': {'reused': 0, 'labels': 1}, 'scratch, 5': {'reused': 0, 'labels': 5}}
    """
    return {f"{name}, {count}": {**settings, "labels": count} for name, settings in arms.items() for count in labels}


FEW_LABELS = Experiment(
    name="few labels, dense network, with and without an autoencoder's layers",
    arms=per_label_count(ARMS),
    fixed={"network": {"model": "handson11.claims.runs.pretraining:encoder_network"}, "steps": 200},
    seeds=range(10),
    metrics=METRICS,
    rates=RATES,
    run=with_few_labels,
)

FEW_LABELS_CNN = Experiment(
    name="few labels, convolutional network, with and without an autoencoder's convolutions",
    arms=per_label_count(CONVOLUTIONAL_ARMS),
    fixed={"network": {"model": "handson11.models:small_cnn"}, "steps": 200},
    seeds=range(10),
    metrics=METRICS,
    rates=RATES[1:4],
    run=with_few_labels,
)

DEVIATIONS = (0.1, 0.3, 0.5)

NOISE = Experiment(
    name="a linear classifier on codes, clean and noisy test images",
    arms={"plain": {"autoencoder": PLAIN}, "denoising": {"autoencoder": DENOISING}},
    fixed={"masked": 0.5, "deviations": DEVIATIONS, "n": 20000, "penalty": 1e-4},
    seeds=range(10),
    metrics=["test_accuracy", "masked", *(f"gaussian_{d:g}" for d in DEVIATIONS), *METRICS[1:]],
    run=codes_under_noise,
)


def gains(results, arm, labels=LABELS, base="scratch"):
    """Return the paired gains of a method in test accuracy, an array (label counts, seeds); lost runs are chance."""
    return np.array(
        [
            results.values(f"{arm}, {count}", "test_accuracy", lost=0.1)
            - results.values(f"{base}, {count}", "test_accuracy", lost=0.1)
            for count in labels
        ]
    )


def few_and_fall(results, arm):
    """Return two intervals: the gain averaged over the small label counts, and that gain minus the one with many."""
    few = gains(results, arm, FEW).mean(axis=0)
    return interval(few), interval(few - gains(results, arm, (MANY,))[0])


@study("CL-48", FEW_LABELS, FEW_LABELS_CNN)
def autoencoder_layers_help(dense, convolutional):
    """Judge the gain of the fine-tuned encoder over scratch with few labels, and its fall to 50 labels per class."""
    few, fall = few_and_fall(dense, "fine-tuned")
    measured = {"few_gain_low": few.low, "few_gain_high": few.high, "fall_low": fall.low}
    effects = [
        effect("gain of the fine-tuned encoder, mean over 1, 2, 5 and 10 labels per class", few),
        effect("that gain minus the gain with 50 labels per class", fall),
    ]
    effects += [
        effect(f"{arm}, 50 labels per class: gain", interval(gains(dense, arm, (MANY,))[0]))
        for arm in ("fine-tuned", "frozen")
    ]
    effects += [
        effect(f"{arm}: mean gain over 1 to 10 labels per class", few_and_fall(dense, arm)[0])
        for arm in ARMS
        if arm not in ("scratch", "fine-tuned")
    ]
    told = few_and_fall(convolutional, "convolutions")[0]
    effects.append(effect("convolutions of a CNN: mean gain over 1 to 10 labels per class", told))
    learnt = gains(dense, "frozen", FEW, base="frozen random").mean(axis=0)
    effects.append(effect("frozen encoder minus frozen random layers, mean over 1 to 10", interval(learnt)))
    sources = ((dense, "fine-tuned, 1"), (dense, "denoising, fine-tuned, 1"), (convolutional, "convolutions, 1"))
    for name, (results, arm) in zip(("plain", "denoising", "convolutional"), sources, strict=True):
        share = float(results.values(arm, "share").mean())
        effects.append(effect(f"{name} autoencoder: share of the variance left, mean", share))
    effects.append(trained_again(*(results.values(arm, "attempts") for results, arm in sources)))
    return measured, effects


def trained_again(*attempts):
    """Return an effect that tells how many autoencoders diverged at first."""
    found = np.concatenate(attempts)
    return effect(f"autoencoders trained again after divergence, of {len(found)}", int(np.sum(found > 1)))


@study("CL-87", NOISE)
def denoising_codes_are_sturdier(noise):
    """Judge how much more accuracy the plain codes lose than the denoising ones, on masked and on other noise."""
    same, other = (difference_of_drops(noise, kind) for kind in ("masked", "gaussian_0.3"))
    measured = {"same_noise_low": same.low, "same_noise_high": same.high, "other_noise_low": other.low}
    effects = [
        effect("drop of the plain minus drop of the denoising codes, half of the pixels masked", same),
        effect("drop of the plain minus drop of the denoising codes, Gaussian noise 0.3", other),
    ]
    for deviation in DEVIATIONS[::2]:
        found = difference_of_drops(noise, f"gaussian_{deviation:g}")
        what = f"drop of the plain minus drop of the denoising codes, Gaussian noise {deviation:g}"
        effects.append(effect(what, found))
    names = {"test_accuracy": "clean", "masked": "masked", "gaussian_0.3": "Gaussian noise 0.3"}
    for arm in ("plain", "denoising"):
        effects += [
            effect(f"{arm}: accuracy, {name}", interval(noise.values(arm, metric))) for metric, name in names.items()
        ]
    effects.append(trained_again(noise.values("plain", "attempts"), noise.values("denoising", "attempts")))
    return measured, effects


def difference_of_drops(noise, kind):
    """Return the interval of (clean − noisy) of the plain codes minus that of the denoising codes."""
    drops = [noise.values(arm, "test_accuracy") - noise.values(arm, kind) for arm in ("plain", "denoising")]
    return interval(drops[0] - drops[1])
