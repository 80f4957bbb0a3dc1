"""Runs of section 11.1: the gradient of each layer before any training."""

import keras
import numpy as np

from handson11.activations import sigmoid_derivative
from handson11.diagnostics import gradient_statistics
from handson11.experiments.engine import make_task
from handson11.experiments.training import load_data
from handson11.models import dense_stack


def gradient_profile(configuration):
    """One backward pass through ``depth`` hidden layers: RMS gradient of the first kernel over that of the last.

    ``configuration``: ``depth``, ``width``, ``activation``, ``weights`` ("glorot" or "N(0, 1)"), ``gain`` (a factor on
    Glorot's weights), ``centred`` (whether biases take away the mean 1/2 of the logistic outputs below), ``n`` images,
    ``seed``, ``source``.

    Returns ``ratio``, and ``slope`` of the straight line through the natural logarithm of the RMS, per layer downwards.
    """
    depth, seed = configuration["depth"], configuration["seed"]
    model = dense_stack(depth, configuration["width"], configuration["activation"], _start(configuration), seed=seed)
    if configuration["centred"]:
        _centre(model, depth)
    task = make_task(load_data(configuration["source"]), configuration["n"], seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    records = gradient_statistics(model, task.x_train, task.y_train, loss)[:depth]
    rms = np.array([record.rms for record in records], dtype=float)
    slope = -np.polyfit(np.arange(depth), np.log(rms), 1)[0]
    return {"ratio": rms[0] / rms[-1], "slope": slope}


def _start(configuration):
    if configuration["weights"] == "glorot":
        return keras.initializers.VarianceScaling(configuration["gain"] ** 2, "fan_avg", "truncated_normal")
    return keras.initializers.RandomNormal(stddev=1.0)


def _centre(model, depth):
    for number in range(2, depth + 1):
        layer = model.get_layer(f"hidden_{number}")
        layer.bias.assign(-0.5 * keras.ops.sum(layer.kernel, axis=0))


def saturated_slope(configuration):
    """The largest slope of the logistic function for ``|z|`` ≥ ``from``; it falls from there on."""
    far = np.concatenate([np.linspace(configuration["from"], 100, 100_001), [1e4]])
    return {"largest_slope": max(sigmoid_derivative(far).max(), sigmoid_derivative(-far).max())}
