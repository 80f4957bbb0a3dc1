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
        "logistic, Glorot": {"activation": "sigmoid", "weights": "glorot"},
        "logistic, gain 4": {"activation": "sigmoid", "weights": "gain 4"},
        "tanh, N(0, 1)": {"activation": "tanh", "weights": "N(0, 1)"},
    },
    fixed={"depth": 20, "width": 100, "n": 1000},
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
    """Judge the gradient of a deep logistic network."""
    ratio, slope = (profiles.values("logistic, Glorot", metric) for metric in ("ratio", "slope"))
    measured = {"median_ratio": np.median(ratio), "slope": np.median(slope)}
    return measured, [
        effect("first layer's gradient / last layer's, median", interval(ratio, np.median), digits=2),
        effect("slope of its logarithm per layer (theory −1.386)", interval(slope)),
    ]


@study("CL-03", PROFILES)
def exploding(profiles):
    """Judge the gradient of a deep tanh network with large weights."""
    ratio = profiles.values("tanh, N(0, 1)")
    text = "first layer's gradient / last layer's, median"
    return {"smallest_ratio": ratio.min()}, [effect(text, interval(ratio, np.median), digits=2)]


@study("CL-04", SATURATION)
def saturated(slopes):
    """Judge the slope of the logistic function far from 0."""
    largest = slopes.values("logistic").max()
    return {"largest_slope": largest}, [effect("largest slope for |z| ≥ 5", largest)]


@study("CL-05", PROFILES)
def compensated(profiles):
    """Judge whether slopes below 1 are enough to make the gradient vanish."""
    plain, gain = (profiles.values(f"logistic, {weights}") for weights in ("Glorot", "gain 4"))
    measured = {"ratio_plain": np.median(plain), "ratio_compensated": np.median(gain)}
    return measured, [
        effect("first / last gradient with weights of gain 4, median", interval(gain, np.median), digits=2)
    ]
