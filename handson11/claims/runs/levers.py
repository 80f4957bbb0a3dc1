"""Runs of section 11.3 that show what shortens training: better weights to start from, another unit, another rule."""

import functools
import json
import time
from dataclasses import replace

import numpy as np

from handson11.claims.runs.race import epochs_below
from handson11.experiments.engine import make_task
from handson11.experiments.store import canonical
from handson11.experiments.training import complete_configuration, load_data, task_of, trainer_of

GROUPS = np.array([0, 1, 0, 1, 0, 2, 0, 2, 3, 2])
"""Class → coarse group: tops, long garments (trousers and dresses), shoes, bags."""


def lever(configuration):
    """Train a network of equal layers and count the steps until its running loss is low.

    ``configuration``: that of :func:`~handson11.experiments.train`; ``target``, the training loss to reach; ``gain``,
    by which the start kernels of the hidden layers are multiplied (default 1); ``pretraining`` (default None): how the
    auxiliary network was trained (``n``, ``epochs``, ``optimizer``, ``learning_rate``) whose lowest ``reused`` hidden
    layers are the start.

    Returns ``steps``, read every ten steps (see :func:`~handson11.claims.runs.race.epochs_below`), infinity if the
    target was not reached; ``pace``, the same in epochs or, without the target, all epochs plus what the last loss
    lacks; the final ``train_loss`` and ``test_accuracy``; ``auxiliary_accuracy``, NaN without pretraining; ``diverged``
    and ``epochs``. A run that diverged has no steps and no pace.
    """
    target, complete, budget, start, found = _prepared(configuration)
    run = trainer_of(complete).run(
        task_of(complete), complete["seed"], complete["learning_rate"], start=start, **budget
    )
    per_epoch = len(run.losses) // len(run.epoch_losses)
    epochs = float("nan") if run.diverged else epochs_below(run.losses, target, per_epoch)
    lacking = len(run.epoch_losses) + float(run.epoch_losses[-1]) - target
    return {
        "steps": epochs * per_epoch,
        "pace": lacking if np.isinf(epochs) else epochs,
        "train_loss": run.train_loss,
        "validation_accuracy": run.validation_accuracy,
        "test_accuracy": run.test_accuracy,
        "auxiliary_accuracy": found.validation_accuracy if found else float("nan"),
        "diverged": int(run.diverged),
        "epochs": len(run.epoch_losses),
    }


def seconds_of_lever(configuration):
    """Measure the time of one epoch, and of the pretraining: everything has run and was compiled before.

    ``configuration``: that of :func:`lever`.

    Returns ``seconds`` for one epoch and ``seconds_pretraining``, 0 without it.
    """
    _, complete, budget, start, found = _prepared(configuration)
    trainer, task = trainer_of(complete), task_of(complete)
    run = functools.partial(trainer.run, task, complete["seed"], complete["learning_rate"], start=start, **budget)
    again = functools.partial(_auxiliary.__wrapped__, *_auxiliary_of(configuration, complete)) if found else None
    return {
        "seconds": _seconds(run) / complete["epochs"],
        "seconds_pretraining": _seconds(again) if found else 0.0,
    }


def _seconds(run):
    run()
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _prepared(configuration):
    """Return the target, the complete configuration, the budget, the function of start weights, the auxiliary run."""
    own = ("target", "gain", "pretraining")
    complete = complete_configuration({key: value for key, value in configuration.items() if key not in own})
    pretraining, found = configuration.get("pretraining"), None
    if pretraining:
        found = _auxiliary(*_auxiliary_of(configuration, complete))
        share = pretraining["reused"] / complete["arguments"]["depth"]
        start = functools.partial(_reuse, found.weights, share)
    else:
        start = functools.partial(_strengthen, configuration.get("gain", 1.0))
    budget = {name: complete[name] for name in ("epochs", "batch_size")}
    return configuration["target"], complete, budget, start, found


def _strengthen(gain, weights):
    """Return start weights with the kernels of all layers but the output layer multiplied by ``gain``."""
    return [w * np.float32(gain) if w.ndim > 1 else w for w in weights[:-2]] + weights[-2:]


def _reuse(known, share, weights):
    """Return start weights whose lower hidden layers, a share of all hidden layers, are those of another network."""
    count = round(share * (len(weights) - 2))
    return [*known[:count], *weights[count:]]


def _auxiliary_of(configuration, complete):
    """Return the configuration of the auxiliary network, and the number of images of the main one, as text."""
    pretraining = {key: value for key, value in configuration["pretraining"].items() if key != "reused"}
    arguments = {**complete["arguments"], "n_outputs": int(GROUPS.max()) + 1}
    return canonical({**complete, "optimizer_arguments": {}, **pretraining, "arguments": arguments}), complete["n"]


@functools.lru_cache(maxsize=64)
def _auxiliary(text, n_main):
    """Train a network on the coarse groups of other images and return its run."""
    complete = json.loads(text)
    budget = {name: complete[name] for name in ("epochs", "batch_size")}
    return trainer_of(complete).run(
        other_images(complete, n_main), complete["seed"], complete["learning_rate"], **budget
    )


def other_images(configuration, n_main):
    """Return a task of ``n`` images in coarse groups, none of them among the ``n_main`` of the same seed's own task."""
    data, seed = load_data(configuration["source"]), configuration["seed"]
    own = np.random.default_rng(seed).choice(len(data.x_train), size=n_main, replace=False)  # as make_task draws
    others = np.setdiff1d(np.arange(len(data.x_train)), own)
    coarse = replace(
        data,
        x_train=data.x_train[others],
        **{f"y_{part}": GROUPS[getattr(data, f"y_{part}")].astype("uint8") for part in ("validation", "test")},
        y_train=GROUPS[data.y_train[others]].astype("uint8"),
    )
    n = min(configuration["n"], len(others))
    return make_task(coarse, n, seed, configuration["standardize"], configuration["n_validation"])
