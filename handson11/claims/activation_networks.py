"""Studies of section 11.1.2: dead units, gaps, the kink of ELU (CL-12 … CL-14, CL-85)."""

import math

import numpy as np

from handson11.claims.activations import POINTS, RRELU, accuracy_gain, arm, leaky, prelu
from handson11.claims.runs.dead_units import dead_units, revivals
from handson11.claims.runs.losses import train_to_losses, with_losses
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import Interval, interval

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
        "batch_size": 50,
    },
    seeds=range(10),
    metrics=[f"{kind}_{layer}" for kind in ("dead", "revived") for layer in (1, 2, 3)] + ["diverged"],
    run=revivals,
)


@study("CL-12", DEATHS, REVIVALS)
def dying(deaths, changes):
    """Judge where units die, and which of them come back."""
    rises = {optimizer: rise(deaths, optimizer, "ReLU") for optimizer in JUDGED_RATES}
    leaky_dead = max(np.nanmax(deaths.values(death_arm("adam", "leaky 0.2", rate))) for rate in DEATH_RATES["adam"])
    dead, revived = (
        {layer: int(changes.values("ReLU", f"{kind}_{layer}").sum()) for layer in (1, 2, 3)}
        for kind in ("dead", "revived")
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
        *(
            effect(f"layer {n}: units that came back, of {dead[n]} dead ones, plain SGD at 0.3", revived[n])
            for n in dead
        ),
        effect("of these 10 runs that diverged", int(changes.values("ReLU", "diverged").sum())),
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
        effect("RReLU minus ReLU", accuracy_gain(noise, "RReLU", "ReLU"), POINTS),
    ]


@study("CL-14", *SIZES)
def learned_slopes(few, some, whole):
    """Judge PReLU on the full training set and on 100 images."""
    wider = gap(few, "PReLU") - gap(few, "ReLU")
    gains = {name: accuracy_gain(whole, "PReLU", name) for name in ("ReLU", "leaky 0.25")}
    measured = {"gain_on_large_set": gains["ReLU"].value / 100, "wider_gap_on_small_set": wider.mean()}
    return measured, [
        *(effect(f"55,000 images: PReLU minus {name}", gain, POINTS) for name, gain in gains.items()),
        effect("55,000 images: PReLU from 0 minus ReLU", accuracy_gain(whole, "PReLU from 0", "ReLU"), POINTS),
        effect("100 images: gap of PReLU minus gap of ReLU", interval(100 * wider), "points"),
        effect("100 images: PReLU minus ReLU", accuracy_gain(few, "PReLU", "ReLU"), POINTS),
        effect("600 images: PReLU minus ReLU", accuracy_gain(some, "PReLU", "ReLU"), POINTS),
    ]


def gap(results, name):
    """Return training minus test accuracy, seed by seed; a diverged network only guesses on both."""
    trained, tested = (results.values(name, f"{part}_accuracy") for part in ("train", "test"))
    return np.nan_to_num(trained - tested, nan=0.0)


# The kink of ELU

KINKED = {
    "ELU 0.5": arm({"layer": "keras.layers:ELU", "arguments": {"alpha": 0.5}}),
    "CELU 0.5": arm({"function": "handson11.claims.runs.activations:celu_half"}),
    "ELU 2": arm({"layer": "keras.layers:ELU", "arguments": {"alpha": 2.0}}),
    "CELU 2": arm({"function": "handson11.claims.runs.activations:celu_two"}),
}
KINK = Experiment(
    name="ELU against CELU",
    arms=KINKED,
    fixed={
        "arguments": {**THREE_LAYERS, "kernel_initializer": "he_normal"},
        "n": 5000,
        "epochs": 15,
        "targets": [0.4],
    },
    seeds=range(10),
    metrics=["epochs_to_0.4", "test_accuracy"],
    rates=(0.006, 0.01, 0.018, 0.03, 0.056, 0.1),
    tuned_by="epochs_to_0.4",
    best="lowest",
    run=train_to_losses,
)
KINK_RATES = (0.003, 0.01, 0.03)
KINK_BY_RATE = Experiment(
    name="ELU against CELU at equal rates",
    arms={
        f"{name} at {rate:g}": {**kind, "learning_rate": rate} for name, kind in KINKED.items() for rate in KINK_RATES
    },
    fixed=KINK.fixed,
    seeds=range(10),
    metrics=["epochs_to_0.4"],
    run=train_to_losses,
)


@study("CL-85", KINK, KINK_BY_RATE)
def kink(fastest, equal):
    """Judge CELU against ELU with the same α: the share of epochs that it saves."""
    saved = {alpha: saved_epochs(fastest, alpha) for alpha in ("0.5", "2")}
    count = sum(bool(found.value >= 10 and found.low > 0) for found in saved.values())
    effects = [effect(f"α = {alpha}: epochs saved by CELU", found, "%") for alpha, found in saved.items()]
    for alpha in saved:
        for rate in KINK_RATES:
            what = f"α = {alpha}, both at rate {rate:g}: epochs saved by CELU"
            effects.append(effect(what, saved_epochs(equal, alpha, f" at {rate:g}"), "%"))
    return {"alphas_with_fewer_epochs": count}, effects


def saved_epochs(results, alpha, rate=""):
    """Return the share of ELU's epochs that CELU saves, in percent; a NaN without interval if a run never got there."""
    elu, celu = (results.values(f"{kind} {alpha}{rate}") for kind in ("ELU", "CELU"))
    whole = np.isfinite(elu).all() and np.isfinite(celu).all()
    return interval(100 * (1 - celu / elu)) if whole else Interval(math.nan, math.nan, math.nan, len(elu))
