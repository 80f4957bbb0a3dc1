"""Studies of section 11.1.2: activation functions alone, SELU's forward pass, costs (CL-15 … CL-20)."""

import numpy as np

from handson11.claims.activations import EPOCHS, PROGRESS
from handson11.claims.runs.activation_functions import CALLS, call_times, elu_at_zero, mean_output, selu_forward
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval
from handson11.experiments.training import epochs_to

# What can be computed

MEANS = Experiment(
    name="mean outputs for z ~ N(0, 1)",
    arms={"ReLU": {"function": "relu"}, "ELU": {"function": "elu"}},
    fixed={},
    seeds=[0],
    metrics=["mean", "sample_mean"],
    run=mean_output,
)
KINKS = Experiment(
    name="ELU at 0 and far below",
    arms={f"α = {alpha:g}": {"alpha": alpha} for alpha in (0.5, 1.0, 2.0)},
    fixed={"step": 1e-5},
    seeds=[0],
    metrics=["slope_jump", "curvature_jump", "limit"],
    run=elu_at_zero,
)


@study("CL-15", MEANS)
def nearer_to_zero(means):
    """Judge the mean output of ELU against that of ReLU."""
    relu, elu = (means.values(name)[0] for name in ("ReLU", "ELU"))
    measured = {"relu_mean": relu, "elu_mean": elu}
    return measured, [effect("mean output of ReLU", relu, digits=4), effect("mean output of ELU", elu, digits=4)]


@study("CL-16", KINKS)
def smooth(kinks):
    """Judge the derivatives of ELU with α = 1 at 0."""
    measured = {name: kinks.values("α = 1", name)[0] for name in ("slope_jump", "curvature_jump")}
    return measured, [
        effect("jump of the slope at 0", measured["slope_jump"], digits=1),
        effect("jump of the second derivative at 0", measured["curvature_jump"]),
    ]


@study("CL-17", KINKS)
def limit(kinks):
    """Judge the value that ELU approaches."""
    limits = {alpha: kinks.values(f"α = {alpha:g}", "limit")[0] for alpha in (0.5, 1.0, 2.0)}
    measured = {
        "distance_to_alpha": max(abs(value - alpha) for alpha, value in limits.items()),
        "distance_to_minus_alpha": max(abs(value + alpha) for alpha, value in limits.items()),
    }
    return measured, [effect(f"ELU at z = −50, α = {alpha:g}", value) for alpha, value in limits.items()]


# SELU through 100 layers

FORWARD = {"depth": 100, "width": 100, "n": 1000, "weights": "lecun", "skip": False, "inputs": "standardized"}
HELD = Experiment(
    name="SELU through 100 layers, all conditions held",
    arms={"held": {}},
    fixed=FORWARD,
    seeds=range(10),
    metrics=[f"{kind}_{layer}" for kind in ("std", "mean") for layer in range(1, 101)],
    run=selu_forward,
)
BROKEN = Experiment(
    name="SELU through 100 layers, one condition broken",
    arms={
        "He weights": {"weights": "he"},
        "U(±1/√n) weights": {"weights": "narrow uniform"},
        "skip connections": {"skip": True},
        "raw 0…255 inputs": {"inputs": "raw"},
        "inputs of mean 3, deviation 4": {"inputs": "shifted"},
    },
    fixed=FORWARD,
    seeds=range(10),
    metrics=[*(f"std_{layer}" for layer in (1, 5, 20, 50, 100)), "mean_100"],
    run=selu_forward,
)


@study("CL-19", HELD, BROKEN)
def self_normalizing(held, broken):
    """Judge the outputs of 100 SELU layers."""
    std, mean = (
        np.array([held.values("held", f"{kind}_{layer}").mean() for layer in range(1, 101)]) for kind in ("std", "mean")
    )
    measured = {"lowest_std": std.min(), "highest_std": std.max(), "largest_mean": np.abs(mean).max()}
    at_the_end = {name: broken.values(name, "std_100") for name in broken.experiment.arms}
    return measured, [
        effect("standard deviation after 100 layers", interval(held.values("held", "std_100"))),
        effect("mean after 100 layers", interval(held.values("held", "mean_100"))),
        *(
            effect(f"{name}: standard deviation after 100 layers, median", interval(values, np.median))
            for name, values in at_the_end.items()
        ),
    ]


# What it costs

COSTS = Experiment(
    name="time of one call",
    arms={
        "NumPy": {"by": "numpy"},
        "NumPy without AVX-512": {"by": "numpy without AVX-512"},
        "Keras, compiled": {"by": "xla"},
    },
    fixed={"n": 200_000, "rounds": 25},
    seeds=range(10),
    metrics=CALLS,
    run=call_times,
    timed=True,
)


@study("CL-18", COSTS, PROGRESS)
def elu_costs_and_saves(costs, progress):
    """Judge ELU against ReLU: the price of a call, and the epochs to ReLU's last training loss."""
    price = {arm: costs.values(arm, "elu") / costs.values(arm, "relu") for arm in costs.experiment.arms}
    ratio = epochs_ratio(progress, "ELU")
    measured = {"cost_ratio": np.median(price["NumPy"]), "epochs_ratio": np.median(ratio)}
    shown = interval(ratio, np.median) if np.isfinite(ratio).all() else np.median(ratio)
    return measured, [
        effect("epochs to ReLU's last training loss, 20 layers, ELU / ReLU, median", shown),
        *(effect(f"time of a call, {arm}, ELU / ReLU, median", interval(x, np.median)) for arm, x in price.items()),
    ]


def epochs_ratio(progress, name):
    """Return, seed by seed, the share of the epochs after which an arm has reached the loss that ReLU ends with.

    Infinity if it never gets there or diverged, 0 if only ReLU diverged.
    """
    losses = {
        arm: np.array([progress.values(arm, f"loss_{epoch}") for epoch in range(1, EPOCHS + 1)]).T
        for arm in ("ReLU", name)
    }
    lost = {arm: np.isnan(progress.values(arm, "train_loss")) for arm in losses}
    ratios = []
    for seed, (curve, relu) in enumerate(zip(losses[name], losses["ReLU"], strict=True)):
        if lost[name][seed]:
            ratios.append(np.inf)
        else:
            ratios.append(0.0 if lost["ReLU"][seed] else epochs_to(curve, relu[-1]) / EPOCHS)
    return np.array(ratios)


@study("CL-20", COSTS)
def fastest(costs):
    """Judge ReLU against the fastest other function."""
    ratios = {}
    for name in costs.experiment.arms:
        others = np.min([costs.values(name, call) for call in CALLS if call != "relu"], axis=0)
        ratios[name] = costs.values(name, "relu") / others
    return {"relu_over_fastest_other": np.median(ratios["NumPy"])}, [
        effect(f"{name}: time of ReLU / fastest other, median", interval(ratio, np.median))
        for name, ratio in ratios.items()
    ]
