"""Runs that section 11.2 shares: a network with few labels, from random weights or from another network's layers."""

import functools
import json
import math
import os
from pathlib import Path

import numpy as np

from handson11._check import require, require_number
from handson11.experiments.declared import key_of
from handson11.experiments.engine import Task, Trainer
from handson11.experiments.store import canonical
from handson11.experiments.training import OPTIMIZERS, _built, _named, load_data

ALL_CLASSES = tuple(range(10))

_KEPT = {}


def few_labels(labels, seed, classes=ALL_CLASSES, source="auto", validation=200):
    """Return a task with ``labels`` training images of each class, pixels between 0 and 1.

    The classes are numbered anew, from 0, in the order given. The images of a smaller number of labels are among those
    of a larger one with the same seed. All test images of the classes are used, and ``validation`` validation images of
    each class: their number must not differ from class to class, because each other shape is compiled anew.

    Parameters
    ----------
    labels : int
        Training images of each class.
    seed : int
        Draws the images.
    classes : tuple of int, default all ten
        The classes of the task.
    source : str
        The data, see :func:`handson11.datasets.load_fashion_mnist`.
    validation : int, default 200
        Validation images of each class.

    Returns
    -------
    Task
        Rows of 784 pixels, labels 0 … ``len(classes) - 1``.
    """
    return _few_labels(labels, seed, tuple(classes), source, validation)


@functools.lru_cache(maxsize=8)
def _few_labels(labels, seed, classes, source, validation):
    data = load_data(source)
    rng = np.random.default_rng([seed, 11])
    parts = []
    for name, count in (("train", labels), ("validation", validation), ("test", None)):
        x, y = getattr(data, f"x_{name}"), getattr(data, f"y_{name}")
        chosen = []
        for label in classes:
            places = np.flatnonzero(y == label)
            if count is not None:
                rule = f"be at most the {len(places)} {name} images of class {label}"
                require_number("labels" if name == "train" else name, count, rule, low=1, high=len(places))
                places = rng.permutation(places)[:count]
            chosen.append(places)
        rows = np.concatenate(chosen)
        parts.append(x[rows].reshape(len(rows), -1).astype("float32") / 255)
        parts.append(np.repeat(np.arange(len(classes), dtype="int32"), [len(places) for places in chosen]))
    return Task(*parts)


def network(description, seed, weights=None, reused=0, frozen=0):
    """Build a network whose lowest layers may come from another network and may be frozen.

    Layers are counted from below, and only those that have weights.

    Parameters
    ----------
    description : dict
        ``model`` ("module:function") and ``arguments``, plain data; see :func:`handson11.experiments.train`.
    seed : int
        Start weights of all layers that are not reused.
    weights : list of arrays, optional
        All weights of the other network (``get_weights()``), whose lowest ``reused`` layers are of the same shapes.
    reused, frozen : int, default 0
        How many layers are taken over, and how many are not trained.

    Returns
    -------
    keras.Model
        A new model.
    """
    model = _built(_named(description["model"]), description.get("arguments", {}), seed)
    layers = [layer for layer in model.layers if layer.weights]
    high = len(layers)
    for name, count in (("reused", reused), ("frozen", frozen)):
        require_number(name, count, f"be between 0 and the {high} layers that have weights", low=0, high=high)
    require(weights is not None or not reused, "weights", "be given if layers are reused", weights)
    first = 0
    for layer in layers[:reused]:
        last = first + len(layer.weights)
        layer.set_weights(weights[first:last])
        first = last
    for layer in layers[:frozen]:
        layer.trainable = False
    return model


def train_few(description, task, seed, learning_rate, steps=200, batch_size=32, optimizer="adam", frozen=0, model=None):
    """Train a network of a description for about ``steps`` steps and return the :class:`~handson11.experiments.Run`.

    One compiled function serves all seeds, rates and start weights.

    Parameters
    ----------
    description : dict
        See :func:`network`.
    task : Task
        The data; see :func:`few_labels`.
    seed : int
        Start weights and order of the batches.
    learning_rate : float
        The rate of every step.
    steps : int, default 200
        Steps; whole epochs are run, at least one.
    batch_size : int, default 32
        Images in a batch, at most those that there are.
    optimizer : str, default "adam"
        See :class:`~handson11.experiments.Trainer`.
    frozen : int, default 0
        Layers with weights, from below, that are not trained.
    model : keras.Model, optional
        Start weights of all layers, see :func:`network` (built with the same ``frozen``). Default: fresh ones.

    Returns
    -------
    Run
        What was measured. Chance and divergence are as in :class:`~handson11.experiments.Run`.
    """
    batch_size = min(batch_size, len(task.x_train))
    epochs = max(1, math.ceil(steps / (len(task.x_train) // batch_size)))
    trainer = _trainer(canonical({"network": description, "optimizer": optimizer, "frozen": frozen}))
    return trainer.run(task, seed, learning_rate, epochs, batch_size, model=model)


@functools.lru_cache(maxsize=32)
def _trainer(text):
    parts = json.loads(text)
    build = functools.partial(network, parts["network"], frozen=parts["frozen"])
    return Trainer(build, OPTIMIZERS[parts["optimizer"]]())


def measurements(run):
    """Return losses and accuracies of a run, and whether it diverged, as :func:`~handson11.experiments.train` does."""
    parts = [f"{part}_{kind}" for part in ("train", "validation", "test") for kind in ("loss", "accuracy")]
    return {**{name: getattr(run, name) for name in parts}, "diverged": int(run.diverged)}


def kept(make, settings):
    """Return what ``make(settings)`` returns, made once: kept in this process and, during ``make claims``, on disk.

    A source network serves many runs: all label counts, rates and numbers of reused layers. The file's name changes
    with the settings, the versions and the code, as the key of a run does.

    Parameters
    ----------
    make : callable
        A function of a module: plain data → (list of arrays, dict of measurements).
    settings : dict
        Plain data, with ``seed`` and ``source``.

    Returns
    -------
    (list of arrays, dict of str → float)
        The weights, and what was measured of them.
    """
    key = key_of(make, settings)
    if key not in _KEPT:
        folder = os.environ.get("HANDSON11_SOURCES")
        path = Path(folder) / f"{key}.npz" if folder else None
        if path is not None and path.is_file():
            found = _read(path)
        else:
            found = make(settings)
            if path is not None:
                _write(path, *found)
        while len(_KEPT) >= 64:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[key] = found
    return _KEPT[key]


def _read(path):
    with np.load(path) as file:
        weights = [file[f"w{number}"] for number in range(len(file.files) - 1)]
        return weights, json.loads(str(file["measured"]))


def _write(path, weights, measured):
    """Write whole or not at all, even if the process is killed meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part.npz")
    arrays = {f"w{number}": np.asarray(array) for number, array in enumerate(weights)}
    np.savez(unfinished, measured=json.dumps(measured), **arrays)
    os.replace(unfinished, path)
