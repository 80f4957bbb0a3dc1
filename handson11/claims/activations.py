"""Studies of section 11.1.2: the ranking of activation functions (CL-10, CL-11)."""

import itertools

import numpy as np

from handson11.claims.runs.losses import with_losses
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval

CHANCE = 0.1
POINTS = "points of test accuracy"
EPOCHS = 10


def leaky(slope):
    """Return the description of a leaky ReLU layer for a configuration."""
    return {"layer": "handson11.layers:LeakyReLU", "arguments": {"negative_slope": slope}}


def prelu(start):
    """Return the description of a PReLU layer whose slopes start at ``start``."""
    constant = {"class_name": "Constant", "config": {"value": start}}
    return {"layer": "handson11.layers:PReLU", "arguments": {"alpha_initializer": constant}}


def arm(activation):
    """Return an arm that differs in the activation only."""
    return {"arguments": {"activation": activation}}


RRELU = {"model": "handson11.claims.runs.activations:rrelu_stack"}

# The ranking

ACTIVATIONS = {
    "SELU": arm("selu"),
    "ELU": arm("elu"),
    "leaky 0.2": arm(leaky(0.2)),
    "leaky 0.01": arm(leaky(0.01)),
    "leaky 0.1": arm(leaky(0.1)),
    "leaky 0.3": arm(leaky(0.3)),
    "PReLU": arm(prelu(0.25)),
    "RReLU": RRELU,
    "ReLU": arm("relu"),
    "Swish": arm("silu"),
    "GELU": arm("gelu"),
    "tanh": arm("tanh"),
    "logistic": arm("sigmoid"),
}
RANKED = ("SELU", "ELU", "leaky 0.2", "ReLU", "tanh", "logistic")
SLOPES = ("ReLU", "leaky 0.01", "leaky 0.1", "leaky 0.2", "leaky 0.3")
RATES = {name: (0.001, 0.003, 0.01, 0.03, 0.1) for name in ACTIVATIONS} | {"logistic": (0.03, 0.1, 0.3, 1.0, 3.0)}


def ranking(depth, n, names, metrics, rates=RATES):
    """Return the experiment on activations in ``depth`` hidden layers; runs that two experiments share are run once."""
    return Experiment(
        name=f"activations in {depth} hidden layers",
        arms={name: ACTIVATIONS[name] for name in names},
        fixed={"arguments": {"depth": depth, "width": 100}, "n": n, "epochs": EPOCHS},
        seeds=range(10),
        metrics=metrics,
        rates={name: rates[name] for name in names},
        run=with_losses,
    )


LOSSES = ["train_loss", *(f"loss_{epoch}" for epoch in range(1, EPOCHS + 1))]
DEEP_RATES = {**RATES, "SELU": (0.0003, 0.001, 0.003, 0.01, 0.03)}
SETTINGS = {3: (8000, RATES), 10: (8000, DEEP_RATES), 20: (5000, DEEP_RATES)}
RANKINGS = [
    ranking(depth, n, ACTIVATIONS, ["test_accuracy", "train_loss"], rates) for depth, (n, rates) in SETTINGS.items()
]
LEAKY_RANKINGS = [
    ranking(depth, n, SLOPES, ["test_accuracy", "train_loss"], rates) for depth, (n, rates) in SETTINGS.items()
]
EQUAL_RATES = Experiment(
    name="ReLU and leaky ReLU at equal rates, 20 hidden layers",
    arms={
        f"{name} at {rate:g}": {**ACTIVATIONS[name], "learning_rate": rate}
        for name in ("ReLU", "leaky 0.2")
        for rate in (0.001, 0.003, 0.01)
    },
    fixed=RANKINGS[-1].fixed,
    seeds=range(10),
    metrics=["test_accuracy"],
    run=with_losses,
)
PROGRESS = ranking(20, SETTINGS[20][0], RANKED, LOSSES)


@study("CL-10", *RANKINGS)
def ranked(shallow, middle, deep):
    """Judge the order of the activations in 20 hidden layers."""
    ordered = [_p(deep, better, worse) < 0.05 for better, worse in itertools.pairwise(RANKED)]
    tanh_gain = _accuracy(deep, "tanh") - _accuracy(deep, "ReLU")
    measured = {
        "unordered_pairs": 5 - sum(ordered),
        "ends_ordered": _p(deep, "SELU", "logistic") < 0.05,
        "contradictions": int(tanh_gain.mean() >= 0) + int(sum(ordered[:3]) <= 1),
    }
    effects = [
        effect("20 layers: tanh minus ReLU", interval(100 * tanh_gain), POINTS),
        effect("10 layers: tanh minus ReLU", accuracy_gain(middle, "tanh", "ReLU"), POINTS),
        effect("20 layers: logistic, mean test accuracy", interval(_accuracy(deep, "logistic"))),
    ]
    for better, worse in itertools.pairwise(RANKED[:4]):
        p = f", p = {_p(deep, better, worse):.2g} (one-sided)"
        found = effect(f"20 layers: {better} minus {worse}", accuracy_gain(deep, better, worse), POINTS)
        effects.append({**found, "text": found["text"] + p})
    return measured, [*effects, *_lost(shallow, middle, deep)]


def _lost(*rankings):
    """Return one effect for each arm with diverged runs."""
    found = []
    for results in rankings:
        depth = results.experiment.fixed["arguments"]["depth"]
        for name, values in results.groups("test_accuracy").items():
            lost = int(np.isnan(values).sum())
            if lost:
                found.append(effect(f"{depth} layers: {name}, diverged runs of {len(values)}", lost))
    return found


@study("CL-11", *LEAKY_RANKINGS, EQUAL_RATES)
def leaky_gains(shallow, middle, deep, equal):
    """Judge leaky ReLU against ReLU, and the slope 0.2 against smaller ones."""
    others = {slope: accuracy_gain(deep, "leaky 0.2", f"leaky {slope}") for slope in ("0.01", "0.1")}
    gains = {
        depth: accuracy_gain(results, "leaky 0.2", "ReLU")
        for depth, results in ((3, shallow), (10, middle), (20, deep))
    }
    measured = {
        "gain_depth_3": gains[3].value / 100,
        "gain_depth_20": gains[20].value / 100,
        "slope_gain": min(gain.value for gain in others.values()) / 100,
    }
    effects = [effect(f"{depth} layers: leaky 0.2 minus ReLU", gain, POINTS) for depth, gain in gains.items()]
    effects += [effect(f"20 layers: slope 0.2 minus slope {slope}", gain, POINTS) for slope, gain in others.items()]
    for rate in (0.001, 0.003, 0.01):
        gain = accuracy_gain(equal, f"leaky 0.2 at {rate:g}", f"ReLU at {rate:g}")
        effects.append(effect(f"20 layers: leaky 0.2 minus ReLU, both at rate {rate:g}", gain, POINTS))
    loss = middle.values("ReLU", "train_loss") - middle.values("leaky 0.2", "train_loss")
    if np.isfinite(loss).all():
        effects.append(effect("10 layers: training loss of ReLU minus that of leaky 0.2", interval(loss)))
    return measured, [*effects, *_lost(shallow, middle, deep)]


def _p(results, better, worse):
    """Return the p value of Wilcoxon's one-sided test; a diverged run stands below all others."""
    a, b = results.values(better), results.values(worse)
    return compare_pair(a, b, alternative="greater", lost="worst").p


def _accuracy(results, name):
    """Return test accuracies; a diverged network only guesses."""
    return results.values(name, "test_accuracy", lost=CHANCE)


def accuracy_gain(results, better, worse):
    """Return the mean paired difference of test accuracy in percentage points, with its interval."""
    return interval(100 * (_accuracy(results, better) - _accuracy(results, worse)))
