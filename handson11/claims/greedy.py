"""Studies of section 11.2.2: greedy layer-wise pretraining (CL-50) and restricted Boltzmann machines (CL-51)."""

import numpy as np

from handson11.claims.runs.greedy import boltzmann, deep_network
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval

LOGISTIC = {"activation": "sigmoid", "pretraining": None, "pretraining_epochs": None, "pretraining_rate": None}
ARMS = {
    "scratch": LOGISTIC,
    "autoencoders": {
        **LOGISTIC,
        "pretraining": "autoencoder",
        "pretraining_epochs": [2, 2],
        "pretraining_rate": 0.001,
    },
    "RBMs": {**LOGISTIC, "pretraining": "rbm", "pretraining_epochs": [3, 2], "pretraining_rate": 0.1},
    "ReLU": {**LOGISTIC, "activation": "relu"},
}
STACKS = ("autoencoders", "RBMs")

GREEDY = Experiment(
    name="ten hidden layers: from random weights and from pretrained stacks",
    arms=ARMS,
    fixed={"n": 55000, "depth": 10, "epochs": 5},
    seeds=range(10),
    metrics=("test_accuracy", "train_loss", "first_epoch_loss", "first_share", "diverged_layers"),
    rates=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    run=deep_network,
)

EPOCHS = 10

BOLTZMANN = Experiment(
    name="free energy of an RBM: many images and few",
    arms={"55,000 images": {"n": 55000}, "500 images": {"n": 500}},
    fixed={"n_epoch": 55000, "epochs": EPOCHS, "units": 100, "learning_rate": 0.1},
    seeds=range(10),
    metrics=(
        "error_ratio",
        "growth",
        *(f"{what}_{epoch}" for what in ("error", "gap") for epoch in range(EPOCHS + 1)),
    ),
    run=boltzmann,
)


def gain(results, arm):
    """Return the paired gain in test accuracy of an arm over the scratch network; a lost run counts as chance."""
    return compare_pair(*(results.values(name, "test_accuracy", lost=0.1) for name in (arm, "scratch")))


@study("CL-50", GREEDY)
def stacks_rescue(results):
    """Judge the scratch network, the gain of the weaker stack, and what ReLU lacks."""
    means = {arm: float(results.values(arm, "test_accuracy", lost=0.1).mean()) for arm in ARMS}
    gains = {arm: gain(results, arm) for arm in STACKS}
    weaker = min(STACKS, key=lambda arm: gains[arm].difference)
    measured = {
        "scratch": means["scratch"],
        "gain_low": gains[weaker].low,
        "gain_high": gains[weaker].high,
        "relu_shortfall": max(means[arm] for arm in STACKS) - means["ReLU"],
    }
    effects = []
    for arm in ARMS:
        effects.append(effect(f"test accuracy, {arm}", interval(results.values(arm, "test_accuracy", lost=0.1))))
        losses = results.values(arm, "first_epoch_loss", lost=np.inf)
        effects.append(effect(f"training loss of the first epoch, {arm}, median", float(np.median(losses))))
    effects += [effect(f"gain in test accuracy over scratch, {arm}", gains[arm]) for arm in STACKS]
    relu = compare_pair(*(results.values(arm, "test_accuracy", lost=0.1) for arm in ("ReLU", "autoencoders")))
    effects.append(effect("gain in test accuracy, ReLU over the stack of autoencoders", relu))
    for arm in STACKS:
        share = results.values(arm, "first_share")
        effects.append(effect(f"error of the first layer / variance of the pixels, {arm}", interval(share)))
        lost = int(results.values(arm, "diverged_layers").sum())
        effects.append(effect(f"layers that diverged in pretraining, {arm}", lost))
    return measured, effects


@study("CL-51", BOLTZMANN)
def free_energy_tells(results):
    """Judge the reconstruction error with many images, and the growth of the gap with few against many."""
    many, few = BOLTZMANN.arms
    growth = compare_pair(*(results.values(arm, "growth") for arm in (few, many)))
    measured = {
        "error_ratio": float(results.values(many, "error_ratio", lost=np.inf).max()),
        "growth_difference_low": growth.low,
    }
    effects = [effect("growth of the free-energy gap, 500 images minus 55,000", growth, "nats", 2)]
    last = max(int(name[4:]) for name in results.experiment.metrics if name.startswith("gap_"))
    for arm in (many, few):
        for epoch in (0, 1, last):
            gap, error = (interval(results.values(arm, f"{what}_{epoch}")) for what in ("gap", "error"))
            effects.append(effect(f"{arm}: free-energy gap after {epoch} epochs", gap, "nats", 2))
            effects.append(effect(f"{arm}: reconstruction error on validation images after {epoch} epochs", error))
    return measured, effects
