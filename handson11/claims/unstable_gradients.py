"""Studies of section 11.1: vanishing and exploding gradients (CL-02 … CL-05)."""

import numpy as np

from handson11.claims.runs.unstable_gradients import gradient_profile, saturated_slope
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

PROFILES = Experiment(
    name="gradients of 20 layers at the start",
    arms={
        "logistic, Glorot": {"activation": "sigmoid"},
        "logistic, Glorot, 10 layers": {"activation": "sigmoid", "depth": 10},
        "logistic, Glorot, 5 layers": {"activation": "sigmoid", "depth": 5},
        "logistic, N(0, 1)": {"activation": "sigmoid", "weights": "N(0, 1)"},
        "logistic, gain 4": {"activation": "sigmoid", "gain": 4.0},
        "logistic, gain 4, mean removed": {"activation": "sigmoid", "gain": 4.0, "centred": True},
        "tanh, Glorot": {"activation": "tanh"},
        "tanh, N(0, 1)": {"activation": "tanh", "weights": "N(0, 1)"},
    },
    fixed={"depth": 20, "width": 100, "weights": "glorot", "gain": 1.0, "centred": False, "n": 1000},
    seeds=range(10),
    metrics=["ratio", "slope"],
    run=gradient_profile,
)

SATURATION = Experiment(
    name="slope of the logistic function",
    arms={"logistic": {}},
    fixed={"from": 5.0},
    seeds=[0],
    metrics=["largest_slope"],
    run=saturated_slope,
)


@study("CL-02", PROFILES)
def vanishing(profiles):
    """Judge the gradient of a deep logistic network; shallower ones and larger weights show where it stops to hold."""
    ratio, slope = (profiles.values("logistic, Glorot", metric) for metric in ("ratio", "slope"))
    measured = {"median_ratio": np.median(ratio), "slope": np.median(slope)}
    elsewhere = ("logistic, Glorot, 10 layers", "logistic, Glorot, 5 layers", "logistic, N(0, 1)")
    return measured, [
        _first_over_last(profiles, "logistic, Glorot"),
        effect("slope of its logarithm per layer (theory −1.386), median", interval(slope, np.median)),
        *(_first_over_last(profiles, arm) for arm in elsewhere),
    ]


@study("CL-03", PROFILES)
def exploding(profiles):
    """Judge the gradient of a deep tanh network with large weights."""
    smallest = profiles.values("tanh, N(0, 1)").min()
    return {"smallest_ratio": smallest}, [
        _first_over_last(profiles, f"tanh, {weights}") for weights in ("N(0, 1)", "Glorot")
    ]


@study("CL-04", SATURATION)
def saturated(slopes):
    """Judge the slope of the logistic function far from 0."""
    largest = slopes.values("logistic").max()
    return {"largest_slope": largest}, [effect("largest slope for |z| ≥ 5", largest)]


@study("CL-05", PROFILES)
def compensated(profiles):
    """Judge whether slopes below 1 are enough to make the gradient vanish."""
    arms = ("logistic, gain 4, mean removed", "logistic, gain 4", "logistic, Glorot")
    compensated, _, plain = (np.median(profiles.values(arm)) for arm in arms)
    return {"ratio_plain": plain, "ratio_compensated": compensated}, [_first_over_last(profiles, arm) for arm in arms]


def _first_over_last(profiles, arm):
    text = f"first layer's gradient / last layer's, median, {arm}"
    return effect(text, interval(profiles.values(arm, "ratio"), np.median), digits=2)
