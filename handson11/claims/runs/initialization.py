"""Runs of section 11.1.1: what the initializers draw, and what their weights do to a signal and to a gradient."""

import keras
import numpy as np

from handson11 import activations
from handson11.experiments.engine import make_task
from handson11.experiments.training import load_data
from handson11.initializers import RULES, sample, truncated_normal_std, variance

CUT = {"uniform": 3**0.5, "truncated_normal": 2 / truncated_normal_std()}
"""The largest weight that each law can draw, in standard deviations."""

ACTIVATIONS = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (activations.relu, activations.relu_derivative),
    "tanh": (activations.tanh, activations.tanh_derivative),
    "sigmoid": (activations.sigmoid, activations.sigmoid_derivative),
}


def drawn_weights(configuration):
    """Draw one kernel with an initializer of Keras and compare it with the table.

    ``configuration``: ``initializer`` (Keras' name), ``scale`` and ``mode`` (the variance of the table is
    scale / fan), ``law``, ``shape`` of the dense kernel, ``seed``, and ``stream``, so that no two initializers get the
    same random numbers.

    Returns ``draws``; ``variance``, as a share of the table's; ``reach``, the largest weight as a share of the law's
    limit; ``beyond``, the number of weights outside it (1e-6 is left to the rounding of float32).
    """
    shape, (fan_in, fan_out) = configuration["shape"], configuration["shape"]
    fan = {"fan_in": fan_in, "fan_avg": (fan_in + fan_out) / 2}[configuration["mode"]]
    expected = configuration["scale"] / fan
    named = {
        "class_name": configuration["initializer"],
        "config": {"seed": 1000 * configuration["stream"] + configuration["seed"]},
    }
    weights = np.asarray(keras.initializers.get(named)(shape), dtype="float64")
    share = np.abs(weights) / (CUT[configuration["law"]] * expected**0.5)
    return {
        "draws": weights.size,
        "variance": weights.var() / expected,
        "reach": share.max(),
        "beyond": (share > 1 + 1e-6).sum(),
    }


def two_ways(configuration):
    """Send images up through ``depth`` untrained layers and the gradient of the loss down again.

    ``configuration``: ``depth``; ``widths``, repeated from the first layer up; ``activation`` (of ``ACTIVATIONS``);
    ``initializer`` (of ``handson11.initializers.RULES``); ``n`` images; ``seed``; ``source``. No biases.

    Returns ``forward``: standard deviation of the top layer's outputs over that of the first layer's, per layer;
    ``backward``: root mean square of the error signal of the first layer over that of the top one, per layer. "Per
    layer" is the power 1 / (depth − 1).
    """
    depth, seed = configuration["depth"], configuration["seed"]
    function, slope = ACTIVATIONS[configuration["activation"]]
    task = make_task(load_data(configuration["source"]), configuration["n"], seed)
    rng = np.random.default_rng([seed, 2])
    widths = [configuration["widths"][layer % len(configuration["widths"])] for layer in range(depth)]
    sizes = [task.x_train.shape[1], *widths]
    kernels = [
        sample(shape, *RULES[configuration["initializer"]], rng) for shape in zip(sizes, sizes[1:], strict=False)
    ]
    z, a = forward_pass(task.x_train.astype("float64"), kernels, function)
    top = sample((sizes[-1], 10), *RULES["glorot_uniform"], rng)
    wrong = activations.softmax(a[-1] @ top)
    wrong[np.arange(len(wrong)), task.y_train] -= 1
    errors = backward_pass(wrong @ top.T, kernels, z, slope)
    per_layer = 1 / (depth - 1)
    return {
        "forward": (a[-1].std() / a[0].std()) ** per_layer,
        "backward": (_rms(errors[0]) / _rms(errors[-1])) ** per_layer,
    }


def forward_pass(x, kernels, function):
    """Return the weighted sums and the outputs of every layer."""
    weighted_sums, outputs = [], []
    for kernel in kernels:
        weighted_sums.append(x @ kernel)
        x = function(weighted_sums[-1])
        outputs.append(x)
    return weighted_sums, outputs


def backward_pass(error, kernels, weighted_sums, slope):
    """Return the error signal of every layer from that of the top outputs."""
    errors = []
    for kernel, z in zip(kernels[::-1], weighted_sums[::-1], strict=True):
        errors.append(error * slope(z))
        error = errors[-1] @ kernel.T
    return errors[::-1]


def _rms(values):
    return np.sqrt(np.mean(values**2))


def he_chain(configuration):
    """Send random errors down a chain of ReLU layers of unequal ``sizes`` with He's weights, ``draws`` times.

    ``configuration``: ``sizes``, ``draws``, ``n`` images, ``fan_outs``, ``seed``, ``source``.

    Returns ``variance_spread``: largest minus smallest variance of He's rule over all ``fan_outs``; ``product_error``:
    relative error of the product of fan-out / fan-in along the chain against its two ends; ``measured``: mean square of
    the error below the first layer over that above the last one, mean of the draws, as a share of the quotient of the
    two ends.
    """
    sizes, seed = configuration["sizes"], configuration["seed"]
    images = make_task(load_data(configuration["source"]), configuration["n"], seed).x_train.astype("float64")
    rng = np.random.default_rng([seed, 3])
    shapes = list(zip(sizes, sizes[1:], strict=False))
    ratios = []
    for _ in range(configuration["draws"]):
        kernels = [sample(shape, *RULES["he_normal"], rng) for shape in shapes]
        z, _ = forward_pass(images, kernels, activations.relu)
        top = rng.normal(size=z[-1].shape)
        below = backward_pass(top, kernels, z, activations.relu_derivative)[0] @ kernels[0].T
        ratios.append(np.mean(below**2) / np.mean(top**2))
    ends = sizes[-1] / sizes[0]
    variances = [variance((300, fan_out), *RULES["he_normal"][:2]) for fan_out in configuration["fan_outs"]]
    return {
        "variance_spread": max(variances) - min(variances),
        "product_error": abs(np.prod([fan_out / fan_in for fan_in, fan_out in shapes]) / ends - 1),
        "measured": np.mean(ratios) / ends,
    }
