"""Studies of section 11.1.2: networks of nonsaturating activation functions (CL-10 … CL-14, CL-85)."""

import itertools
import math

import numpy as np

from handson11.claims.runs.activations import to_target, with_losses
from handson11.claims.runs.dead_units import dead_units, revivals
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval

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


@study("CL-11", *LEAKY_RANKINGS)
def leaky_gains(shallow, middle, deep):
    """Judge leaky ReLU against ReLU, and the slope 0.2 against smaller ones."""
    others = {slope: _gain(deep, "leaky 0.2", f"leaky {slope}") for slope in ("0.01", "0.1")}
    gains = {depth: _gain(results, "leaky 0.2", "ReLU") for depth, results in ((3, shallow), (10, middle), (20, deep))}
    measured = {
        "gain_depth_3": gains[3].value / 100,
        "gain_depth_20": gains[20].value / 100,
        "slope_gain": min(gain.value for gain in others.values()) / 100,
    }
    points = "points of test accuracy"
    effects = [effect(f"{depth} layers: leaky 0.2 minus ReLU", gain, points) for depth, gain in gains.items()]
    effects += [effect(f"20 layers: slope 0.2 minus slope {slope}", gain, points) for slope, gain in others.items()]
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
    return np.nan_to_num(results.values(name, "test_accuracy"), nan=CHANCE)


def _gain(results, better, worse):
    """Return the mean paired difference of test accuracy in percentage points, with its interval."""
    return interval(100 * (_accuracy(results, better) - _accuracy(results, worse)))


# Units that die

DEATH_RATES = {
    "adam": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "sgd": (0.01, 0.03, 0.1, 0.3),
    "momentum": (0.003, 0.01, 0.03, 0.1),
}
JUDGED_RATES = {"adam": (0.001, 0.03), "sgd": (0.01, 0.1)}
MORTAL = {"ReLU": "relu", "leaky 0.2": leaky(0.2), "ELU": "elu"}


def death_arm(optimizer, name, rate):
    """Return the name of an arm of the study of dead units."""
    return f"{optimizer} {rate:g}, {name}"


DEATHS = Experiment(
    name="dead units by rate and optimizer",
    arms={
        death_arm(optimizer, name, rate): {
            "optimizer": optimizer,
            "learning_rate": rate,
            "arguments": {"activation": activation},
        }
        for optimizer, rates in DEATH_RATES.items()
        for name, activation in MORTAL.items()
        for rate in rates
    },
    fixed={"arguments": {"depth": 3, "width": 100}, "n": 5000, "epochs": 10},
    seeds=range(10),
    metrics=["dead_share", "negative_share", "test_accuracy"],
    run=dead_units,
)
REVIVALS = Experiment(
    name="units that die and come back, plain SGD",
    arms={"ReLU": {}},
    fixed={
        "arguments": {"depth": 3, "width": 100, "activation": "relu"},
        "optimizer": "sgd",
        "learning_rate": 0.3,
        "n": 5000,
        "epochs": 15,
    },
    seeds=range(10),
    metrics=[f"{kind}_{layer}" for kind in ("died", "revived") for layer in (1, 2, 3)] + ["diverged"],
    run=revivals,
)


@study("CL-12", DEATHS, REVIVALS)
def dying(deaths, changes):
    """Judge where units die, and which of them come back."""
    rises = {optimizer: rise(deaths, optimizer, "ReLU") for optimizer in JUDGED_RATES}
    leaky_dead = max(np.nanmax(deaths.values(death_arm("adam", "leaky 0.2", rate))) for rate in DEATH_RATES["adam"])
    died, revived = (
        {layer: int(changes.values("ReLU", f"{kind}_{layer}").sum()) for layer in (1, 2, 3)}
        for kind in ("died", "revived")
    )
    measured = {
        "adam_rise": rises["adam"].mean(),
        "sgd_rise": rises["sgd"].mean(),
        "leaky_dead": leaky_dead,
        "first_layer_revived": revived[1],
        "upper_layers_revived": revived[2] + revived[3],
    }
    effects = [
        effect("dead ReLU units, Adam, rate 0.03 minus rate 0.001", interval(100 * rises["adam"]), "points"),
        effect("dead ReLU units, plain SGD, rate 0.1 minus rate 0.01", interval(100 * rises["sgd"]), "points"),
        _dead_share(deaths, "adam", "ReLU", 0.03, "Adam"),
        _dead_share(deaths, "adam", "ELU", 0.03, "Adam"),
        _dead_share(deaths, "sgd", "ReLU", 0.3, "plain SGD"),
        *(effect(f"layer {n}: units that died / came back, plain SGD at 0.3: {died[n]} /", revived[n]) for n in died),
        effect("of these 10 runs diverged", int(changes.values("ReLU", "diverged").sum())),
    ]
    return measured, effects


def _dead_share(deaths, optimizer, name, rate, words):
    """Return the effect of one arm: its mean share of dead units over the runs that did not diverge."""
    shares = deaths.values(death_arm(optimizer, name, rate))
    whole = shares[np.isfinite(shares)]
    what = f"dead {name} units, {words} at {rate:g}" + _lost_words(len(shares) - len(whole), len(shares))
    return effect(what, interval(100 * whole) if len(whole) > 1 else math.nan, "%")


def _lost_words(lost, runs):
    return f" ({lost} of {runs} diverged)" if lost else ""


def rise(deaths, optimizer, name):
    """Return, seed by seed, dead share at the highest minus at the lowest judged rate, both without a diverged run."""
    low, high = JUDGED_RATES[optimizer]
    shares = [deaths.values(death_arm(optimizer, name, rate)) for rate in DEATH_RATES[optimizer] if low <= rate <= high]
    whole = [values for values in shares if np.isfinite(values).all()]
    return whole[-1] - whole[0]


# RReLU, PReLU and the size of the data

THREE_LAYERS = {"depth": 3, "width": 100}
SMALL = {"arguments": THREE_LAYERS, "epochs": 60, "batch_size": 32}
GAP_METRICS = ["test_accuracy", "train_accuracy"]
SIZE_RATES = (0.003, 0.01, 0.03, 0.1)

NOISE = Experiment(
    name="RReLU on 600 images",
    arms={"ReLU": arm("relu"), "RReLU": RRELU, "leaky 1/5.5": arm(leaky(1 / 5.5))},
    fixed={**SMALL, "n": 600},
    seeds=range(10),
    metrics=GAP_METRICS,
    rates=SIZE_RATES,
    run=with_losses,
)
LEARNED = {
    "ReLU": arm("relu"),
    "PReLU": arm(prelu(0.25)),
    "PReLU from 0": arm(prelu(0.0)),
    "leaky 0.25": arm(leaky(0.25)),
}
SIZES = [
    Experiment(
        name=f"PReLU on {n:,} images",
        arms=LEARNED,
        fixed={**budget, "n": n},
        seeds=range(10),
        metrics=GAP_METRICS,
        rates=SIZE_RATES,
        run=with_losses,
    )
    for n, budget in ((100, SMALL), (600, SMALL), (55_000, {"arguments": THREE_LAYERS, "epochs": 8}))
]


@study("CL-13", NOISE)
def narrower(noise):
    """Judge whether RReLU narrows the gap between training and test accuracy."""
    gains = {name: gap(noise, name) - gap(noise, "RReLU") for name in ("ReLU", "leaky 1/5.5")}
    measured = {
        "narrower_than_relu": gains["ReLU"].mean(),
        "narrower_than_leaky": gains["leaky 1/5.5"].mean(),
    }
    return measured, [
        *(effect(f"gap of {name} minus gap of RReLU", interval(100 * gain), "points") for name, gain in gains.items()),
        effect("RReLU minus ReLU", _gain(noise, "RReLU", "ReLU"), "points of test accuracy"),
    ]


@study("CL-14", *SIZES)
def learned_slopes(few, some, whole):
    """Judge PReLU on the full training set and on 100 images."""
    wider = gap(few, "PReLU") - gap(few, "ReLU")
    gains = {name: _gain(whole, "PReLU", name) for name in ("ReLU", "leaky 0.25")}
    measured = {"gain_on_large_set": gains["ReLU"].value / 100, "wider_gap_on_small_set": wider.mean()}
    points = "points of test accuracy"
    return measured, [
        *(effect(f"55,000 images: PReLU minus {name}", gain, points) for name, gain in gains.items()),
        effect("55,000 images: PReLU from 0 minus ReLU", _gain(whole, "PReLU from 0", "ReLU"), points),
        effect("100 images: gap of PReLU minus gap of ReLU", interval(100 * wider), "points"),
        effect("100 images: PReLU minus ReLU", _gain(few, "PReLU", "ReLU"), points),
        effect("600 images: PReLU minus ReLU", _gain(some, "PReLU", "ReLU"), points),
    ]


def gap(results, name):
    """Return training minus test accuracy, seed by seed; a diverged network only guesses on both."""
    trained, tested = (results.values(name, f"{part}_accuracy") for part in ("train", "test"))
    return np.nan_to_num(trained - tested, nan=0.0)


# The kink of ELU

TARGET = 0.4
KINK = Experiment(
    name="ELU against CELU",
    arms={
        "ELU 0.5": arm({"layer": "keras.layers:ELU", "arguments": {"alpha": 0.5}}),
        "CELU 0.5": arm({"function": "handson11.claims.runs.activations:celu_half"}),
        "ELU 2": arm({"layer": "keras.layers:ELU", "arguments": {"alpha": 2.0}}),
        "CELU 2": arm({"function": "handson11.claims.runs.activations:celu_two"}),
    },
    fixed={
        "arguments": {**THREE_LAYERS, "kernel_initializer": "he_normal"},
        "n": 5000,
        "epochs": 15,
        "target": TARGET,
    },
    seeds=range(10),
    metrics=["epochs_to_target", "test_accuracy"],
    rates=(0.001, 0.003, 0.01, 0.03, 0.1),
    tuned_by="epochs_to_target",
    best="lowest",
    run=to_target,
)


@study("CL-85", KINK)
def kink(results):
    """Judge CELU against ELU with the same α: the share of epochs that it saves."""
    count, effects = 0, []
    for alpha in ("0.5", "2"):
        elu, celu = (results.values(f"{kind} {alpha}") for kind in ("ELU", "CELU"))
        never = {kind: int((~np.isfinite(values)).sum()) for kind, values in (("ELU", elu), ("CELU", celu))}
        if any(never.values()):
            effects += [effect(f"{kind} {alpha}: runs that never got there", number) for kind, number in never.items()]
            continue
        saved = interval(100 * (1 - celu / elu))
        count += bool(saved.value >= 10 and saved.low > 0)
        effects.append(effect(f"α = {alpha}: epochs saved by CELU", saved, "%"))
    return {"alphas_with_fewer_epochs": count}, effects
