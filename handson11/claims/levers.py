"""Study of section 11.3: five levers that shorten training (CL-55)."""

import numpy as np

from handson11.claims.race import DEEP_RACE, ONE_RATE, RACE, SECONDS
from handson11.claims.runs.levers import lever, seconds_of_lever
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

PRETRAINING = {"n": 10000, "epochs": 20, "optimizer": "adam", "learning_rate": 0.003}
NORMALIZED = {"batch_norm": "before"}
RATES = {
    "logistic": (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
    "ReLU": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
    "Adam": (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
}

LEVERS = {
    "gain 4": ({"gain": 4.0}, "logistic"),
    "ReLU": ({"arguments": {"activation": "relu"}}, "ReLU"),
    "batch normalization": ({"arguments": NORMALIZED}, "logistic"),
    "pretrained layers": ({"pretraining": PRETRAINING}, "logistic"),
    "Adam": ({"optimizer": "adam"}, "Adam"),
}
"""The five levers: (their part of the configuration, the kind of their rates)."""

HE = {"activation": "relu", "kernel_initializer": "he_uniform"}
SEVERAL = {
    "ReLU, He": ({"arguments": HE}, "ReLU"),
    "ReLU, batch normalization": ({"arguments": {"activation": "relu", **NORMALIZED}}, "ReLU"),
    "batch normalization, Adam": ({"arguments": NORMALIZED, "optimizer": "adam"}, "Adam"),
    "gain 4, Adam": ({"gain": 4.0, "optimizer": "adam"}, "Adam"),
    "all five": ({"arguments": {**HE, **NORMALIZED}, "pretraining": PRETRAINING, "optimizer": "adam"}, "Adam"),
}
"""Some of them together. With ReLU the initialization is He's: a gain of 4 belongs to the logistic unit."""

ARMS = {"base": ({}, "logistic"), **LEVERS, **SEVERAL}
REUSED = {3: 2, 10: 8}
"""Hidden layers → how many of them are taken from the auxiliary network."""


def _arms(depth, names=tuple(ARMS), **more):
    """Return the arms of a depth: the pretraining says how many layers are reused."""
    arms = {}
    for name in names:
        settings = dict(ARMS[name][0])
        if "pretraining" in settings:
            settings["pretraining"] = {**settings["pretraining"], "reused": REUSED[depth]}
        arms[name] = {**settings, **more}
    return arms


def _fixed(depth):
    network = {"depth": depth, "width": 64, "activation": "sigmoid", "kernel_initializer": "glorot_uniform"}
    network["batch_norm_momentum"] = 0.9
    return {"arguments": network, "optimizer": "sgd", "n": 5000, "epochs": 40, "batch_size": 128, "target": 0.6}


def _comparison(depth):
    return Experiment(
        name=f"five levers, {depth} hidden layers",
        arms=_arms(depth),
        fixed=_fixed(depth),
        seeds=range(10),
        metrics=("steps", "train_loss", "test_accuracy", "auxiliary_accuracy"),
        rates={name: RATES[kind] for name, (_, kind) in ARMS.items()},
        tuned_by="pace",
        best="lowest",
        run=lever,
    )


LEVERS_3, LEVERS_10 = _comparison(3), _comparison(10)

LEVER_SECONDS = Experiment(
    name="seconds per epoch with each lever, 3 hidden layers",
    arms=_arms(3, ("base", *LEVERS, "all five"), learning_rate=0.001),
    fixed={**_fixed(3), "epochs": 20},
    seeds=range(5),
    metrics=("seconds", "seconds_pretraining"),
    run=seconds_of_lever,
    timed=True,
)


def ratio(results, name, confidence=0.99):
    """Return the geometric mean over seeds of the ratio of steps, lever / base, with its interval; None without one.

    A base that did not arrive counts with all steps of its run, which favours the base. A lever that did not arrive at
    some seed, or a base that never did, has no ratio.
    """
    steps, base = results.values(name, "steps", lost=np.inf), results.values("base", "steps", lost=np.inf)
    if np.isinf(steps).any() or np.isinf(base).all():
        return None
    fixed = results.experiment.fixed
    every = fixed["epochs"] * (fixed["n"] // fixed["batch_size"])
    return interval(steps / np.minimum(base, every), _geometric_mean, confidence)


def _geometric_mean(values, axis=-1):
    return np.exp(np.log(values).mean(axis=axis))


def counts(results, name):
    """Return whether a lever shortens training: see the claim's rule."""
    if np.isinf(results.values("base", "steps", lost=np.inf)).all():
        return bool(np.isfinite(results.values(name, "steps")).all())
    found = ratio(results, name)
    return found is not None and bool(found.high < 1)


def seconds_to_target(steps, timed, name):
    """Return (seconds of training, of pretraining) to the target, from median steps and the shortest times."""
    per_epoch = timed.values(name, "seconds").min()
    fixed = timed.experiment.fixed
    epochs = np.median(steps.values(name, "steps", lost=np.inf)) / (fixed["n"] // fixed["batch_size"])
    return epochs * per_epoch, timed.values(name, "seconds_pretraining").min()


def _arrivals(results, name):
    steps = results.values(name, "steps")
    return f"arrives in {np.isfinite(steps).sum()} of {len(steps)} runs"


def _effects(results, depth):
    """Return one finding for each arm but the base: its ratio to the base, or else its median steps."""
    effects = []
    for name in [name for name in ARMS if name != "base"]:
        found = ratio(results, name)
        what = f"{depth} layers, {name}: steps, ratio to the base (geometric mean, 99 % interval)"
        if found is None:
            median = np.median(results.values(name, "steps", lost=np.inf))
            found, what = median, f"{depth} layers, {name}: median steps ({_arrivals(results, name)})"
        effects.append(effect(what, found))
    return effects


@study("CL-55", LEVERS_3, LEVERS_10, LEVER_SECONDS, RACE, DEEP_RACE, ONE_RATE, SECONDS)
def five_levers(three, ten, timed, race, deep_race, one_rate, race_seconds):
    """Judge each lever alone; the race of all optimizers is kept beside it for the page."""
    shortening = {depth: [name for name in LEVERS if counts(found, name)] for depth, found in ((3, three), (10, ten))}
    measured = {f"levers_depth_{depth}": len(names) for depth, names in shortening.items()}
    effects = [
        effect(f"levers that shorten training, {depth} layers ({', '.join(names) or 'none'})", len(names))
        for depth, names in shortening.items()
    ]
    effects += _effects(three, 3)
    effects.append(effect(f"10 layers, base: training loss after 40 epochs ({_arrivals(ten, 'base')})", _loss(ten)))
    effects += _effects(ten, 10)
    auxiliary = ten.values("pretrained layers", "auxiliary_accuracy")
    effects.append(effect("10 layers: accuracy of the auxiliary network on four groups", interval(auxiliary)))
    training, before = seconds_to_target(three, timed, "pretrained layers")
    base = seconds_to_target(three, timed, "base")[0]
    effects.append(effect("3 layers: seconds to the target, base", base, digits=2))
    effects.append(effect("3 layers, pretrained layers: seconds to the target", training, digits=2))
    effects.append(effect("3 layers, pretrained layers: seconds of the pretraining", before, digits=2))
    for name, results in {"3 × 100": race, "10 × 100": deep_race}.items():
        losses = {arm: np.median(results.values(arm, "train_loss", lost=np.inf)) for arm in results.experiment.arms}
        best = min(losses, key=losses.get)
        what = f"race of optimizers, {name}: lowest median training loss, {best} (SGD {losses['SGD']:.3f})"
        effects.append(effect(what, losses[best]))
    return measured, effects


def _loss(results, name="base"):
    losses = results.values(name, "train_loss")
    return interval(losses) if np.isfinite(losses).all() else float("nan")
