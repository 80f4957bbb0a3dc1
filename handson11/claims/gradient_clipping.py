"""Studies of section 11.1.4: gradient clipping (CL-30 … CL-33)."""

import numpy as np

from handson11.claims.runs.gradient_clipping import clipped_lengths, scalar_chain, turned_gradient
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

KINDS = ("value", "norm", "global norm")
RATES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
ROW_RNN = "handson11.claims.runs.gradient_clipping:row_rnn"

ONE_VARIABLE = Experiment(
    name="one gradient, clipped by Keras",
    arms={kind: {"kind": kind} for kind in ("clipvalue", "clipnorm")},
    fixed={"gradients": [[0.9, 100.0]], "threshold": 1.0},
    seeds=[0],
    metrics=["angle"],
    run=turned_gradient,
)

TWO_VARIABLES = Experiment(
    name="gradients of two variables, clipped by Keras",
    arms={kind: {"kind": kind} for kind in ("clipnorm", "global_clipnorm")},
    fixed={"gradients": [[0.9, 100.0], [3.0]], "threshold": 1.0},
    seeds=[0],
    metrics=["last", "angle"],
    run=turned_gradient,
)

LENGTHS = Experiment(
    name="lengths of gradients before and after clipping by Keras",
    arms={kind: {"kind": kind} for kind in ("clipvalue", "clipnorm", "global_clipnorm")},
    fixed={"threshold": 1.0, "exponents": list(range(-4, 5)), "depth": 20, "n": 300},
    seeds=range(10),
    metrics=["growth", "before", "first_growth"],
    run=clipped_lengths,
)

CHAINS = Experiment(
    name="chains of single weights",
    arms={
        f"{length} × {start}, {name}": {"length": length, "start": start, "threshold": threshold}
        for length, start in ((5, 1.5), (10, 1.2), (10, 1.5), (20, 1.2), (20, 2.0))
        for name, threshold in (("no clipping", None), ("norm 1", 1.0))
    },
    fixed={"learning_rate": 0.01, "steps": 2000},
    seeds=[0],
    metrics=["diverged", "distance", "last_step"],
    run=scalar_chain,
)

RECURRENT = Experiment(
    name="row-by-row recurrent network with and without clipping",
    arms={
        **{
            f"{kind}, {rate:g}": {"clip": None if kind == "none" else [kind, 1.0], "learning_rate": rate}
            for rate in RATES
            for kind in ("none", *KINDS)
        },
        **{
            f"tanh, {kind}, 0.3": {
                "clip": None if kind == "none" else [kind, 1.0],
                "learning_rate": 0.3,
                "arguments": {"activation": "tanh"},
            }
            for kind in ("none", "global norm")
        },
    },
    fixed={"model": ROW_RNN, "optimizer": "sgd", "n": 5000, "epochs": 5, "batch_size": 64},
    seeds=range(10),
    metrics=["test_accuracy", "diverged"],
)


@study("CL-30", ONE_VARIABLE)
def direction_of_one(clipped):
    """Judge the angle between a gradient and the update that Keras makes of it."""
    by_value, by_norm = (clipped.values(kind).item() for kind in ("clipvalue", "clipnorm"))
    effects = [effect("turned by clipvalue", by_value, "degrees"), effect("turned by clipnorm", by_norm, "degrees")]
    return {"angle_by_value": by_value, "angle_by_norm": by_norm}, effects


@study("CL-31", TWO_VARIABLES)
def direction_of_all(clipped):
    """Judge what becomes of the second variable and of the direction of the whole."""
    last, angle = ({kind: values.item() for kind, values in clipped.groups(name).items()} for name in ("last", "angle"))
    measured = {
        "second_clipnorm": last["clipnorm"],
        "second_global": last["global_clipnorm"],
        "angle_clipnorm": angle["clipnorm"],
        "angle_global": angle["global_clipnorm"],
    }
    return measured, [effect(f"whole gradient turned by {kind}", angle[kind], "degrees") for kind in angle]


@study("CL-32", LENGTHS)
def never_longer(lengths):
    """Judge whether any clipping makes a gradient longer; 1e-6 is left to the rounding of float32."""
    growth, first = (
        max(values.max() for values in lengths.groups(name).values()) for name in ("growth", "first_growth")
    )
    measured = {"largest_growth": 1 + growth, "vanishing_changed": bool(first > 1e-6)}
    return measured, [
        effect("longest ratio of lengths after / before, minus 1", growth, digits=2),
        effect(
            "first kernel's gradient before clipping, median", interval(lengths.values("clipnorm", "before"), np.median)
        ),
        effect("its length after / before, largest of the three kinds, minus 1", first, digits=2),
    ]


@study("CL-33", CHAINS, RECURRENT)
def rescued(chains, recurrent):
    """Judge the chains, and the recurrent network at learning rate 0.3; the smaller rates show where clipping costs."""
    lost = {arm: values.mean() for arm, values in recurrent.groups("diverged").items()}
    plain = [arm for arm in chains.experiment.arms if arm.endswith("no clipping") and chains.values(arm, "diverged")[0]]
    clipped = [arm.replace("no clipping", "norm 1") for arm in plain]
    accuracy = {kind: np.median(recurrent.values(f"{kind}, 0.3")) for kind in KINDS}
    best = max(accuracy, key=lambda kind: np.nan_to_num(accuracy[kind], nan=-1.0))
    measured = {
        "chain_explodes": "10 × 1.5, no clipping" in plain,
        "chain_rescued": bool(plain) and all(chains.values(arm, "distance")[0] < 1e-3 for arm in clipped),
        "share_unclipped": lost["none, 0.3"],
        "share_clipped": np.mean([lost[f"{kind}, 0.3"] for kind in KINDS]),
        "best_accuracy": accuracy[best],
    }
    effects = [
        effect("share of runs lost to NaN at rate 0.3, no clipping", lost["none, 0.3"]),
        effect("share of runs lost to NaN at rate 0.3, clipped", measured["share_clipped"]),
    ]
    effects += [_accuracy(recurrent, f"{kind}, 0.3") for kind in (best, *(kind for kind in KINDS if kind != best))]
    effects += [_gain(recurrent, "global norm", rate) for rate in RATES[1:]]
    effects += [_gain(recurrent, "value", rate) for rate in RATES[1:]]
    return measured, [*effects, _gain(recurrent, "global norm", 0.3, "tanh, ")]


def _accuracy(recurrent, arm):
    """Return the median test accuracy of an arm as an effect, without an interval if a run was lost."""
    values, what = recurrent.values(arm), f"test accuracy, clipping by {arm.replace(', ', ', rate ')}, median"
    if np.isfinite(values).all():
        return effect(what, interval(values, np.median))
    return effect(f"{what} ({np.isnan(values).sum()} of {len(values)} runs lost)", float("nan"))


def _gain(recurrent, kind, rate, prefix=""):
    """Return what a kind of clipping gains over no clipping, on the seeds that survive without it."""
    with_clipping, without = (recurrent.values(f"{prefix}{arm}, {rate:g}") for arm in (kind, "none"))
    wins = (np.nan_to_num(with_clipping, nan=-np.inf) > np.nan_to_num(without, nan=-np.inf)).sum()
    how = {"global norm": "the global norm", "value": "by value"}[kind]
    what = f"gain in test accuracy by clipping {how}, {prefix}rate {rate:g}"
    what += f" (lost without it: {np.isnan(without).sum()} of {len(without)}; better with it: {wins})"
    both = np.isfinite(with_clipping) & np.isfinite(without)
    if both.sum() < 2:
        return effect(what, float("nan"))
    return effect(f"{what}, seeds that survive", interval(with_clipping[both] - without[both]))
