"""Runs of sections 11.2 and 11.2.1: how many layers to reuse, whether to freeze them first, one pair of classes or all.

A network with one sigmoid unit and binary cross-entropy is, for the engine, one with two logits, of which the first is
always 0: the softmax of (0, z) is the sigmoid of z. :func:`binary` builds it so.
"""

import functools
import json
import math
from dataclasses import replace

import keras
import numpy as np

from handson11.claims.runs.few_labels import (
    ALL_CLASSES,
    _trainer,
    few_labels,
    kept,
    measurements,
    network,
    train_few,
)
from handson11.experiments.store import canonical
from handson11.experiments.training import _built, _named, load_data
from handson11.initializers import named
from handson11.models import dense_stack, small_cnn  # imported, so that their code counts in the key of a run

MODELS = {"dense": dense_stack, "convolutional": small_cnn}
"""The two kinds of network of section 11.2."""

CHANCE = 0.5
"""Accuracy of a diverged network on two equally frequent classes: it can only guess."""


class ZeroBeside(keras.layers.Layer):
    """Put a constant 0 before one logit: the softmax of the two is the sigmoid unit of a binary classifier."""

    def call(self, logit):
        """Return (0, z) for every z."""
        return keras.ops.concatenate([keras.ops.zeros_like(logit), logit], axis=-1)


def binary(model, arguments, seed=None):
    """Build a network of a description with one output, and a fixed 0 beside it."""
    base = _built(_named(model), {**arguments, "n_outputs": 1}, seed)
    return keras.Sequential([keras.Input((784,)), *base.layers, ZeroBeside(name="zero_beside")])


def tapering(widths=(300, 100, 50, 50, 50), activation="selu", n_outputs=10, seed=None):
    """Build a stack of dense layers of different widths that ends in logits; the notes' network of sandals and shirts.

    Hidden kernels start from LeCun's normal distribution, as suits SELU.
    """
    seeds = np.random.default_rng(seed).integers(1, 2**31 - 1, size=len(widths) + 1).tolist()
    layers = [keras.Input((784,))]
    for width, start in zip(widths, seeds, strict=False):
        kernel = named("lecun_normal", start)
        layers.append(keras.layers.Dense(width, activation=activation, kernel_initializer=kernel))
    layers.append(keras.layers.Dense(n_outputs, kernel_initializer=named("glorot_uniform", seeds[-1])))
    return keras.Sequential(layers)


def as_binary(description):
    """Return the description of the same network with one sigmoid unit at its end."""
    return {"model": f"{__name__}:{binary.__name__}", "arguments": description}


def with_outputs(description, n_outputs):
    """Return the description of the same network with another number of outputs."""
    return {**description, "arguments": {**description["arguments"], "n_outputs": n_outputs}}


def hidden_layers(description):
    """Return how many layers with weights a network has below its output layer."""
    return _hidden_layers(canonical(description))


@functools.cache
def _hidden_layers(text):
    return sum(bool(layer.weights) for layer in network(json.loads(text), 0).layers) - 1


# Source networks


def source_of(settings):
    """Train a source network and return (weights, {"source_accuracy", "epochs"}).

    ``settings``: ``network``, ``classes``, ``optimizer``, ``learning_rate``, ``batch_size``, ``seed``, ``source``, and
    ``epochs``; or, instead of ``epochs``, ``at_most``: then it trains until the validation loss stops falling.
    ``labels`` of each class are used, by default as many as every class has.
    """
    classes, source = tuple(settings["classes"]), settings["source"]
    labels = min(settings.get("labels", 10**6), _most(classes, source))
    task = few_labels(labels, settings["seed"], classes, source, _most(classes, source, "validation"))
    description = with_outputs(settings["network"], len(classes))
    if "at_most" in settings:
        return _until_it_stops_falling(description, task, settings)
    names = ("seed", "learning_rate", "batch_size", "optimizer")
    steps = settings["epochs"] * (len(task.x_train) // settings["batch_size"])
    run = train_few(description, task, **{name: settings[name] for name in names}, steps=steps)
    return list(run.weights), {"source_accuracy": run.test_accuracy, "epochs": settings["epochs"]}


def _until_it_stops_falling(description, task, settings):
    """Train by Keras' own ``fit``: it need not look at the training images again after every epoch."""
    model = network(description, settings["seed"])
    model.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    order = np.random.default_rng([settings["seed"], 1]).permutation(len(task.x_train))
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    history = model.fit(
        task.x_train[order],
        task.y_train[order],
        settings["batch_size"],
        settings["at_most"],
        verbose=0,
        shuffle=False,
        callbacks=[stop],
        validation_data=(task.x_validation, task.y_validation),
        validation_batch_size=1000,
    )
    accuracy = model.evaluate(task.x_test, task.y_test, batch_size=1000, verbose=0, return_dict=True)["accuracy"]
    return model.get_weights(), {"source_accuracy": accuracy, "epochs": len(history.epoch)}


def _most(classes, source, part="train"):
    """Return how many images every one of the classes has at least."""
    labels = getattr(load_data(source), f"y_{part}")
    return min(int((labels == label).sum()) for label in classes)


def source_accuracy(configuration):
    """Train and keep the source network that other runs will reuse, and return its accuracy on its own test images.

    ``configuration``: ``settings`` of :func:`source_of` without seed and source.
    """
    return dict(_kept_source(configuration, configuration["seed"])[1])


def _kept_source(configuration, seed):
    return kept(source_of, {**configuration["settings"], "seed": seed, "source": configuration["source"]})


# Section 11.2: five classes to five others


def reuse(configuration):
    """Train on few labels with the lowest layers of another network, frozen or free.

    ``configuration``: ``network``, ``settings`` of the source, ``classes`` of the target, ``labels`` (of all classes
    together), ``reused``, ``frozen``, ``steps``, ``seed``, ``source``, ``learning_rate``. Every seed has a source of
    its own.

    Returns the losses and accuracies, ``diverged``, and ``selection_accuracy``, which is the validation accuracy: it
    chooses between numbers of layers where a claim says so.
    """
    description, task, model = _prepared(configuration)
    names = ("seed", "learning_rate", "steps", "frozen")
    found = measurements(train_few(description, task, model=model, **{name: configuration[name] for name in names}))
    return {**found, "selection_accuracy": found["validation_accuracy"]}


def _prepared(configuration):
    """Return (description, task, start) of a run that reuses layers."""
    classes, seed, reused = configuration["classes"], configuration["seed"], configuration["reused"]
    labels = configuration["labels"] // len(classes)
    task = few_labels(labels, seed, tuple(classes), configuration["source"])
    description = with_outputs(configuration["network"], len(classes))
    weights = _kept_source(configuration, seed)[0] if reused else None
    return description, task, network(description, seed, weights, reused, configuration["frozen"])


def steps_to(configuration):
    """Train as :func:`reuse` does, nothing frozen, and count the steps to a validation accuracy.

    ``configuration``: that of ``reuse``, and ``target``, the accuracy to reach.

    Returns ``validation_accuracy`` and ``diverged``; ``steps``, read between two epochs on a straight line, infinity if
    the target is never reached; ``pace``, which is ``steps`` or, where they are infinite, more than the steps run; and
    ``accuracies`` on the validation images, before the first step and after every epoch.
    """
    description, task, model = _prepared(configuration)
    task = replace(task, x_test=task.x_validation[:1], y_test=task.y_validation[:1])  # it is measured after every epoch
    per_epoch = len(task.x_train) // min(32, len(task.x_train))
    seen = [accuracy_of(model.get_weights(), task.x_validation, task.y_validation)]

    def look(epoch, weights):
        seen.append(accuracy_of(weights, task.x_validation, task.y_validation))

    epochs = math.ceil(configuration["steps"] / per_epoch)
    trainer = _trainer(canonical({"network": description, "optimizer": "adam", "frozen": 0}))
    rate, seed = configuration["learning_rate"], configuration["seed"]
    run = trainer.run(task, seed, rate, epochs, min(32, len(task.x_train)), after_epoch=look, model=model)
    steps = first_reached(seen, configuration["target"]) * per_epoch
    lacking = len(run.losses) * (2 + configuration["target"] - max(seen))
    pace = float("nan") if run.diverged else steps if np.isfinite(steps) else lacking
    return {
        "validation_accuracy": run.validation_accuracy,
        "diverged": int(run.diverged),
        "steps": steps,
        "pace": pace,
        "accuracies": seen,
    }


def accuracy_of(weights, x, y):
    """Return the accuracy of a stack of dense ReLU layers from its arrays, kernels and biases in turn."""
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    return float(((x @ weights[-2] + weights[-1]).argmax(axis=1) == y).mean())


def first_reached(values, target):
    """Return where a sequence first reaches a target, between two values on a straight line; infinity if it never does.

    The first value has the place 0.
    """
    above = np.flatnonzero(np.asarray(values) >= target)
    if above.size == 0:
        return float("inf")
    last = int(above[0])
    if last == 0:
        return 0.0
    return last - 1 + (target - values[last - 1]) / (values[last] - values[last - 1])


# Section 11.2.1: two classes, from a network of the other eight


def pair(configuration, classes, learning_rate, second_rate=None, frozen_steps=0, free_steps=140, reused=None):
    """Train on two classes and return (Run, start weights, weights): first with frozen layers, then with all free.

    Parameters
    ----------
    configuration : dict
        ``network``, ``settings`` of the source (without ``classes``), ``seeds_per_source`` (how many seeds in a row
        share a source network), ``labels`` of both classes together, ``optimizer``, ``seed``, ``source``.
    classes : pair of int
        The target; the source network has learned the other eight.
    learning_rate, second_rate : float
        Rates before and after unfreezing; by default the same.
    frozen_steps, free_steps : int
        Steps of the two phases; without a first phase all layers are free from the start.
    reused : int, optional
        Layers that are taken over; default: all but the output layer.
    """
    seed, description = configuration["seed"], as_binary(configuration["network"])
    task = few_labels(configuration["labels"] // 2, seed, tuple(classes), configuration["source"])
    layers = hidden_layers(description) if reused is None else reused
    weights = pair_source(configuration, classes)[0] if layers else None
    start = network(description, seed, weights, layers)
    first = start.get_weights()
    common = {"optimizer": configuration["optimizer"]}
    if frozen_steps:
        frozen = network(description, seed, weights, layers, layers)
        run = train_few(description, task, seed, learning_rate, frozen_steps, frozen=layers, model=frozen, **common)
        start.set_weights(run.weights[2:] + run.weights[:2])  # the head is what was trained
    rate = learning_rate if second_rate is None else second_rate
    # Another order of the batches than in the first phase.
    run = train_few(description, task, seed + 5000 * bool(frozen_steps), rate, free_steps, model=start, **common)
    return run, first, run.weights


def pair_source(configuration, classes):
    """Return (weights, measurements) of the network that learned the other eight classes."""
    others = [label for label in ALL_CLASSES if label not in classes]
    settings = {**configuration["settings"], "classes": others}
    source_seed = configuration["seed"] // configuration["seeds_per_source"]
    return _kept_source({**configuration, "settings": settings}, source_seed)


def one_pair(configuration):
    """Train on one pair of classes, from scratch or from a network of the other eight.

    ``configuration``: that of :func:`pair`, and ``pair``, ``method`` ("scratch" or "transfer"), ``frozen_steps``,
    ``free_steps``, ``learning_rate``. Scratch trains all layers for the steps of both phases.
    """
    return measurements(_by_method(configuration, configuration["pair"]))


def _by_method(configuration, classes):
    rate, frozen, free = (configuration[name] for name in ("learning_rate", "frozen_steps", "free_steps"))
    if configuration["method"] == "scratch":
        return pair(configuration, classes, rate, free_steps=frozen + free, reused=0)[0]
    return pair(configuration, classes, rate, frozen_steps=frozen, free_steps=free)[0]


def many_pairs(configuration):
    """Train as :func:`one_pair` does on each of several pairs with one rate, which is so tuned for all of them.

    ``configuration``: that of ``one_pair`` with ``pairs``. A diverged run counts as chance, and makes the validation
    accuracy, which chooses the rate, NaN.

    Returns the means over the pairs, ``diverged`` (how many), and the test accuracy of each pair, ``pair 0-1``.
    """
    runs = {name_of(classes): _by_method(configuration, classes) for classes in configuration["pairs"]}
    return _together(runs)


def _together(runs):
    tests = {name: CHANCE if run.diverged else run.test_accuracy for name, run in runs.items()}
    return {
        "test_accuracy": float(np.mean(list(tests.values()))),
        "validation_accuracy": float(np.mean([run.validation_accuracy for run in runs.values()])),
        "diverged": sum(int(run.diverged) for run in runs.values()),
        **tests,
    }


def name_of(classes, labels=None):
    """Return the name of a pair's measurement.

    >>> name_of((0, 1)), name_of((0, 1), 40)
    ('pair 0-1', 'pair 0-1, 40 labels')
    """
    return f"pair {classes[0]}-{classes[1]}" + ("" if labels is None else f", {labels} labels")


def direct(configuration):
    """Train all layers at once on several pairs and label counts, and compare how far the reused weights move.

    ``configuration``: that of :func:`pair` with ``pairs`` and ``label_counts``, ``frozen_steps``, ``free_steps``,
    ``learning_rate``.

    Returns the means and each cell's test accuracy; ``drift`` and ``drift_frozen_first``, the relative distance of the
    reused layers from where they started after ``frozen_steps`` free steps, without and with as many frozen steps
    before, at the same rate; and the ratio of the two, ``drift_ratio`` (geometric means over the cells).
    """
    rate, frozen, free = (configuration[name] for name in ("learning_rate", "frozen_steps", "free_steps"))
    runs, drifts = {}, []
    for one, classes, name in _cells(configuration):
        runs[name] = pair(one, classes, rate, free_steps=frozen + free)[0]
        drifts.append(
            [_drift(*pair(one, classes, rate, frozen_steps=before, free_steps=frozen)[1:]) for before in (0, frozen)]
        )
    plain, after = np.exp(np.log(np.array(drifts)).mean(axis=0)).tolist()
    each = {
        f"drift ratio, {name}": float(with_frozen / without)
        for name, (without, with_frozen) in zip(runs, drifts, strict=True)
    }
    return {**_together(runs), "drift": plain, "drift_frozen_first": after, "drift_ratio": after / plain, **each}


def _drift(before, after):
    """Return the relative distance of all arrays below the output layer."""
    moved = math.sqrt(sum(float(np.sum((b - a) ** 2)) for a, b in zip(before[:-2], after[:-2], strict=True)))
    return moved / math.sqrt(sum(float(np.sum(a**2)) for a in before[:-2]))


def two_phases(configuration):
    """Train first the head alone, then all layers, with rates of their own, on several pairs and label counts.

    ``configuration``: as for :func:`direct`, with ``first_rate`` and ``ratio`` (second rate / first rate) instead of
    ``learning_rate``. Returns the means and each cell's test accuracy.
    """
    rate = configuration["first_rate"]
    phases = {name: configuration[name] for name in ("frozen_steps", "free_steps")}
    runs = {
        name: pair(one, classes, rate, rate * configuration["ratio"], **phases)[0]
        for one, classes, name in _cells(configuration)
    }
    return _together(runs)


def _cells(configuration):
    for classes in configuration["pairs"]:
        for labels in configuration["label_counts"]:
            yield {**configuration, "labels": labels}, classes, name_of(classes, labels)
