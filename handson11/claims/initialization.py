"""Studies of section 11.1.1: Glorot, He and LeCun initialization (CL-06 … CL-09)."""

import itertools

import numpy as np

from handson11.claims.runs.initialization import drawn_weights, he_chain, two_ways
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

VARIANCES = {
    "glorot": {"scale": 1.0, "mode": "fan_avg"},
    "he": {"scale": 2.0, "mode": "fan_in"},
    "lecun": {"scale": 1.0, "mode": "fan_in"},
}
"""The table of the page: the variance of each rule is scale / fan (equation 11-1)."""

LAWS_OF_NAMES = (("normal", "truncated_normal"), ("uniform", "uniform"))

LAWS = Experiment(
    name="weights drawn by the six initializers of Keras",
    arms={
        f"{rule}_{name}": {**VARIANCES[rule], "initializer": f"{rule}_{name}", "law": law, "stream": stream}
        for stream, (rule, (name, law)) in enumerate(itertools.product(VARIANCES, LAWS_OF_NAMES))
    },
    fixed={"shape": [800, 400]},
    seeds=range(10),
    metrics=["variance", "reach", "beyond", "draws"],
    run=drawn_weights,
)

FORWARD = Experiment(
    name="signal through 20 ReLU layers",
    arms={
        "Glorot": {"initializer": "glorot_normal"},
        "He": {"initializer": "he_normal"},
        "He, width 30": {"initializer": "he_normal", "widths": [30]},
        "He, width 10": {"initializer": "he_normal", "widths": [10]},
    },
    fixed={"depth": 20, "widths": [100], "activation": "relu", "n": 1000},
    seeds=range(10),
    metrics=["forward"],
    run=two_ways,
)

BACKWARD = Experiment(
    name="gradient through 20 layers with Glorot weights",
    arms={
        "linear": {"activation": "linear"},
        "tanh": {"activation": "tanh"},
        "logistic": {"activation": "sigmoid"},
        "linear, widths 40 and 360": {"activation": "linear", "widths": [40, 360]},
    },
    fixed={"depth": 20, "widths": [100], "initializer": "glorot_normal", "n": 1000},
    seeds=range(10),
    metrics=["backward"],
    run=two_ways,
)

CHAIN = Experiment(
    name="He weights in a chain of unequal layers",
    arms={"He": {}},
    fixed={"sizes": [784, 400, 50, 300, 100, 200], "draws": 30, "n": 100, "fan_outs": [1, 10, 100, 1000]},
    seeds=range(10),
    metrics=["measured", "product_error", "variance_spread"],
    run=he_chain,
)


@study("CL-06", LAWS)
def table_of_variances(laws):
    """Judge the draws of each initializer, all seeds together; their mean is 0, so variances may be averaged."""
    variances, draws, beyond = (laws.groups(metric) for metric in ("variance", "draws", "beyond"))
    uniform = [arm for arm in laws.experiment.arms if arm.endswith("uniform")]
    reach = {arm: laws.values(arm, "reach").max() for arm in uniform}
    worst = max(variances, key=lambda arm: abs(variances[arm].mean() - 1))
    measured = {
        "draws": min(values.sum() for values in draws.values()),
        "largest_error": abs(variances[worst].mean() - 1),
        "limit_error": max(abs(share - 1) for share in reach.values()),
        "beyond_limit": sum(beyond[arm].sum() for arm in uniform),
    }
    single = max(np.abs(values - 1).max() for values in variances.values())
    return measured, [
        effect(f"variance / table, worst of six ({worst})", interval(variances[worst]), digits=4),
        effect("largest error of a single kernel of 320,000 weights", 100 * single, "%", digits=2),
        effect("largest weight / limit, uniform laws, smallest of three", min(reach.values()), digits=6),
    ]


@study("CL-07", FORWARD)
def forward_signal(forward):
    """Judge the size of the signal per layer at width 100; the narrow networks show where it stops to hold."""
    ratio = {arm: interval(values, np.median) for arm, values in forward.groups().items()}
    measured = {"glorot_ratio": ratio["Glorot"].value, "he_ratio": ratio["He"].value}
    text = "signal of one layer / the layer below, median"
    return measured, [effect(f"{text}, {arm}", found) for arm, found in ratio.items()]


@study("CL-08", BACKWARD)
def backward_gradient(backward):
    """Judge the size of the gradient per layer at width 100; unequal widths show where it stops to hold."""
    ratio = {arm: interval(values, np.median) for arm, values in backward.groups().items()}
    measured = {f"{arm}_ratio": ratio[arm].value for arm in ("linear", "tanh", "logistic")}
    text = "gradient of one layer / the layer above, median"
    return measured, [effect(f"{text}, {arm}", found) for arm, found in ratio.items()]


@study("CL-09", CHAIN)
def telescoping_chain(chain):
    """Judge the product of fan-out / fan-in against the two ends of the chain, by formula and by measurement."""
    share = interval(chain.values("He", "measured"))
    measured = {
        "variance_spread": chain.values("He", "variance_spread").max(),
        "product_error": chain.values("He", "product_error").max(),
        "measured_error": abs(share.value - 1),
    }
    return measured, [effect("measured mean square / theory, 30 draws of the chain a seed", share)]
