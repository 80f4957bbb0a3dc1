"""Studies of section 11.1.2: nonsaturating activation functions (CL-10 … CL-20, CL-85)."""

import itertools

import numpy as np

from handson11.claims.runs.activation_functions import CALLS, call_times, elu_at_zero, mean_output, selu_forward
from handson11.claims.runs.activations import dead_units, revivals, to_target, with_losses
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval
from handson11.experiments.training import epochs_to

CHANCE = 0.1
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
SETTINGS = {3: (8000, RATES), 10: (8000, DEEP_RATES), 20: (5000, RATES)}
RANKINGS = [
    ranking(depth, n, ACTIVATIONS, ["test_accuracy", "train_loss"], rates) for depth, (n, rates) in SETTINGS.items()
]
LEAKY_RANKINGS = [
    ranking(depth, n, SLOPES, ["test_accuracy", "train_loss"], rates) for depth, (n, rates) in SETTINGS.items()
]
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
        effect("20 layers: tanh minus ReLU", interval(100 * tanh_gain), "points of test accuracy"),
        effect("10 layers: tanh minus ReLU", _gain(middle, "tanh", "ReLU"), "points of test accuracy"),
        effect("20 layers: logistic, mean test accuracy", interval(_accuracy(deep, "logistic"))),
    ]
    for better, worse in itertools.pairwise(RANKED[:4]):
        p = f", p = {_p(deep, better, worse):.2g} (one-sided)"
        found = effect(f"20 layers: {better} minus {worse}", _gain(deep, better, worse), "points of test accuracy")
        effects.append({**found, "text": found["text"] + p})
    lost = {f"{name} at {result.experiment.fixed['arguments']['depth']} layers": result.n_lost(name)
            for result in (shallow, middle, deep) for name in ACTIVATIONS if result.n_lost(name)}
    return measured, effects


def _p(results, better, worse):
    """Return the p value of Wilcoxon's one-sided test; a diverged run stands below all others."""
    a, b = results.values(better), results.values(worse)
    return compare_pair(a, b, alternative="greater", lost="worst").p


def _accuracy(results, name):
    """Return test accuracies; a diverged network only guesses."""
    return np.nan_to_num(results.values(name, "test_accuracy"), nan=CHANCE)


def _gain(results, better, worse):
    """Return the mean paired difference of test accuracy in percentage points, with its interval."""
    return interval(100 * (_accuracy(results, better) - _accuracy(results, worse)))
