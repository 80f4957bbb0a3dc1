"""One training run as a pure function: from a configuration of plain data to a record of plain data."""

import functools
import importlib
import json
import math

import numpy as np

from handson11 import clipping
from handson11._check import require, require_choice
from handson11.datasets import load_fashion_mnist
from handson11.experiments.engine import OPTIMIZERS, Trainer, make_task
from handson11.experiments.store import canonical
from handson11.models import dense_stack  # imported, so that its code counts in the key of a run

DEFAULTS = {
    "model": f"{dense_stack.__module__}:{dense_stack.__name__}",
    "arguments": {},
    "weight_scale": 1.0,
    "optimizer": "momentum",
    "optimizer_arguments": {},
    "clip": None,
    "n": 5000,
    "standardize": "global",
    "n_validation": 2000,
    "epochs": 10,
    "seconds": None,
    "batch_size": 128,
    "learning_rate": None,
    "seed": None,
    "source": "auto",
}
"""What a configuration may say, and what holds if it is silent. ``learning_rate`` and ``seed`` have no default."""

CLIPS = {
    "value": clipping.clip_by_value,
    "norm": lambda gradients, limit: [clipping.clip_by_norm(g, limit) for g in gradients],
    "global norm": clipping.clip_by_global_norm,
}


def train(configuration):
    """Train one network as a configuration says and return what was measured.

    Parameters
    ----------
    configuration : dict
        Plain data; what is missing is taken from ``DEFAULTS``.

        - ``model``: ``"module:function"``; called with ``arguments`` and ``seed=``; returns a Keras model that gives
          logits. In ``arguments``, ``{"layer": "module:class", "arguments": {...}}`` stands for a layer factory and
          ``{"function": "module:name"}`` for a function.
        - ``weight_scale``: every starting kernel is multiplied by it.
        - ``optimizer`` and ``optimizer_arguments``.
        - ``clip``: ``None``, or a kind ("value", "norm" or "global norm") and a limit.
        - ``n``, ``standardize``, ``n_validation``, ``source``: the data, see
          :func:`~handson11.experiments.make_task`; ``seed`` also draws the images.
        - ``epochs`` (or ``seconds``, with ``epochs`` as the most), ``batch_size``, ``learning_rate``, ``seed``.

    Returns
    -------
    dict
        ``train_loss``, ``train_accuracy``, the same for ``validation`` and ``test``, ``diverged`` (0 or 1), ``epochs``
        (run), ``steps``, ``epoch_losses``. After a divergence losses and accuracies are NaN.

    Raises
    ------
    ValueError
        If the configuration has an unknown key or lacks a rate or a seed.

    Examples
    --------
    >>> small = {"arguments": {"depth": 1, "width": 8}, "n": 256, "epochs": 2, "source": "stand-in"}
    >>> record = train({**small, "learning_rate": 0.01, "seed": 0})
    >>> record["diverged"], record["steps"], len(record["epoch_losses"])
    (0, 4, 2)
    """
    run = run_of(configuration)
    parts = [f"{part}_{kind}" for part in ("train", "validation", "test") for kind in ("loss", "accuracy")]
    return {
        **{name: getattr(run, name) for name in parts},
        "diverged": int(run.diverged),
        "epochs": len(run.epoch_losses),
        "steps": len(run.losses),
        "epoch_losses": [float(loss) for loss in run.epoch_losses],
    }


def run_of(configuration, after_epoch=None):
    """Train as :func:`train` does and return the :class:`Run` itself, with losses of all steps and final weights.

    Parameters
    ----------
    configuration : dict
        As for :func:`train`.
    after_epoch : callable, optional
        See :meth:`Trainer.run`.

    Returns
    -------
    Run
        The run.

    Examples
    --------
    >>> small = {"arguments": {"depth": 1, "width": 8}, "n": 256, "epochs": 2, "source": "stand-in"}
    >>> run_of({**small, "learning_rate": 0.01, "seed": 0}).losses.shape
    (4,)
    """
    complete = complete_configuration(configuration)
    trainer = trainer_of(complete)
    budget = {name: complete[name] for name in ("epochs", "batch_size", "seconds")}
    start = None
    if complete["weight_scale"] != 1.0:
        start = functools.partial(_scale_kernels, complete["weight_scale"])
    seed, rate = complete["seed"], complete["learning_rate"]
    return trainer.run(task_of(complete), seed, rate, start=start, after_epoch=after_epoch, **budget)


def complete_configuration(configuration):
    """Return a configuration with every key of ``DEFAULTS``; refuse what is unknown or missing."""
    unknown = sorted(set(configuration) - set(DEFAULTS))
    require(not unknown, "configuration", f"have keys out of {sorted(DEFAULTS)}", unknown)
    complete = {**DEFAULTS, **configuration}
    missing = [name for name in ("learning_rate", "seed") if complete[name] is None]
    require(not missing, "configuration", f"give {' and '.join(missing)}", configuration)
    return complete


def task_of(configuration):
    """Return the :class:`Task` of a complete configuration: the same images for the same seed."""
    keys = ("n", "seed", "standardize", "n_validation", "source")
    return _task(*(configuration[key] for key in keys))


@functools.lru_cache(maxsize=2)
def _task(n, seed, standardize, n_validation, source):
    return make_task(load_data(source), n, seed, standardize, n_validation)


@functools.cache
def load_data(source="auto"):
    """Load the images once for each process (see :func:`handson11.datasets.load_fashion_mnist`).

    Examples
    --------
    >>> load_data("stand-in").source
    'stand-in'
    """
    return load_fashion_mnist(source)


def trainer_of(configuration):
    """Return the compiled trainer of a complete configuration; runs that differ only in seed and rate share it."""
    names = ("model", "arguments", "optimizer", "optimizer_arguments", "clip")
    return _trainer(canonical({name: configuration[name] for name in names}))


@functools.lru_cache(maxsize=16)
def _trainer(text):
    parts = json.loads(text)
    build = functools.partial(_built, _named(parts["model"]), parts["arguments"])
    optimizer = OPTIMIZERS[require_choice("optimizer", parts["optimizer"], OPTIMIZERS)](**parts["optimizer_arguments"])
    clip = None
    if parts["clip"] is not None:
        kind, limit = parts["clip"]
        clip = functools.partial(_clipped, CLIPS[require_choice("clip", kind, CLIPS)], limit)
    return Trainer(build, optimizer, clip)


def _clipped(clip, limit, gradients):
    return clip(gradients, limit)


def _built(function, arguments, seed):
    return function(**{name: _resolved(value) for name, value in arguments.items()}, seed=seed)


def _named(text):
    module, _, name = text.partition(":")
    return getattr(importlib.import_module(module), name)


def _resolved(value):
    """Turn the plain description of a layer or function into a layer factory or the function."""
    if isinstance(value, dict) and "layer" in value:
        layer, arguments = _named(value["layer"]), value.get("arguments", {})
        return lambda: layer(**arguments)
    if isinstance(value, dict) and "function" in value:
        return _named(value["function"])
    return value


def _scale_kernels(scale, weights):
    return [w * np.float32(scale) if w.ndim > 1 else w for w in weights]


def epochs_to(epoch_losses, target):
    """Return after how many epochs the training loss fell below ``target``, between two epochs on a straight line.

    Parameters
    ----------
    epoch_losses : sequence of float
        Mean training loss of each epoch.
    target : float
        The loss to reach.

    Returns
    -------
    float
        Epochs; infinity if the target was never reached.

    Examples
    --------
    >>> epochs_to([2.0, 1.0, 0.5], 0.75), epochs_to([2.0, 1.0], 0.75)
    (2.5, inf)
    """
    losses = np.asarray(epoch_losses, dtype=float)
    below = np.flatnonzero(losses <= target)
    if below.size == 0:
        return math.inf
    last = int(below[0])
    if last == 0:
        return 1.0
    return float(last + (losses[last - 1] - target) / (losses[last - 1] - losses[last]))
