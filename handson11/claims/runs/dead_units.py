"""Runs of section 11.1.2: hidden units that die, and units that come back."""

import math

import numpy as np

from handson11.diagnostics import layer_outputs
from handson11.experiments.training import complete_configuration, run_of, task_of, trainer_of


def dead_units(configuration):
    """Train, then count hidden units on all training images.

    Returns ``dead_share`` (slope 0 on every image: no gradient), ``negative_share`` (pre-activation at most 0 on every
    image), ``test_accuracy`` and ``diverged``. After a divergence the shares are NaN.
    """
    run = run_of(configuration)
    complete = complete_configuration(configuration)
    facts = {"test_accuracy": run.test_accuracy, "diverged": int(run.diverged)}
    if run.diverged:
        return {"dead_share": math.nan, "negative_share": math.nan, **facts}
    model = trainer_of(complete).trained_model(run)
    hidden = [layer for layer in layer_outputs(model, task_of(complete).x_train) if layer.slopes is not None]
    hidden = [layer for layer in hidden if layer.activation != "linear"]
    dead = [np.all(layer.slopes == 0, axis=0) for layer in hidden]
    negative = [np.all(layer.inputs <= 0, axis=0) for layer in hidden]
    return {"dead_share": np.mean(dead), "negative_share": np.mean(negative), **facts}


def revivals(configuration):
    """Train a ReLU stack; count, at the ends of the epochs, the units that are dead once and those that come back.

    Returns ``dead_1``, ``revived_1``, and so on for each hidden layer, counted from the bottom, until the run ends or
    diverges; and ``diverged``.
    """
    depth, width = (configuration["arguments"][name] for name in ("depth", "width"))
    x = task_of(complete_configuration(configuration)).x_train
    history = []

    def note(epoch, weights):
        if all(np.isfinite(w).all() for w in weights):
            history.append(dead_relu_units(x, weights, depth))

    run = run_of(configuration, after_epoch=note)
    dead, revived = count_revivals(np.reshape(history, (-1, depth, width)).astype(bool))
    counts = {f"dead_{layer}": n for layer, n in enumerate(dead, 1)}
    counts |= {f"revived_{layer}": n for layer, n in enumerate(revived, 1)}
    return {**counts, "diverged": int(run.diverged)}


def dead_relu_units(x, weights, depth):
    """Return an array (depth, width): whether the output of a ReLU unit is 0 on all rows of ``x``."""
    dead = []
    for layer in range(depth):
        kernel, bias = weights[2 * layer], weights[2 * layer + 1]
        x = np.maximum(x @ kernel + bias, 0)
        dead.append(np.all(x == 0, axis=0))
    return np.array(dead)


def count_revivals(history):
    """Return how many units of each layer were dead at some time, and how many of these lived at a later time.

    ``history`` is a Boolean array (times, layers, units): whether a unit is dead.
    """
    dead_so_far = np.logical_or.accumulate(history, axis=0)
    return history.any(axis=0).sum(axis=-1), (dead_so_far & ~history).any(axis=0).sum(axis=-1)
