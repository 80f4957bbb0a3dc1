"""Runs of section 11.1.2 without training: moments, kinks, one forward pass through SELU layers, times of calls."""

import functools
import json
import os
import subprocess
import sys
import timeit

import numpy as np

from handson11 import activations, initializers
from handson11.experiments.training import load_data


def mean_output(configuration):
    """Mean of ``function`` for z ~ N(0, 1), by numerical integration and over a sample of a million numbers."""
    function = getattr(activations, configuration["function"])
    mean, _ = activations.activation_moments(function)
    sample = np.random.default_rng(configuration["seed"]).normal(size=1_000_000)
    return {"mean": mean, "sample_mean": function(sample).mean()}


def elu_at_zero(configuration):
    """Jumps of ELU's first and second derivative at 0 by differences over ``step``, and the value at z = −50."""
    alpha, step = configuration["alpha"], configuration["step"]
    slope = functools.partial(activations.elu_derivative, alpha=alpha)
    left, right = ((slope(at + step / 2) - slope(at - step / 2)) / step for at in (-step, step))
    limit = activations.elu(-50.0, alpha)
    return {"slope_jump": abs(slope(1e-9) - slope(-1e-9)), "curvature_jump": abs(right - left), "limit": limit}


WEIGHTS = {
    "lecun": lambda shape, numbers: initializers.sample(shape, 1.0, "fan_in", seed=numbers),
    "he": lambda shape, numbers: initializers.sample(shape, 2.0, "fan_in", seed=numbers),
    "narrow uniform": lambda shape, numbers: numbers.uniform(-1, 1, shape) / np.sqrt(shape[0]),
}
"""How a kernel of SELU layers is drawn; "narrow uniform" is U(±1/√n)."""

OVERFLOW = 1e30


def selu_forward(configuration):
    """One forward pass through SELU layers: standard deviation and mean of the outputs of each layer.

    ``configuration``: ``depth``, ``width``, ``n`` images, ``weights`` (see ``WEIGHTS``), ``skip`` (whether each layer
    adds its input to its output), ``inputs`` ("standardized", "raw" for 0 … 255, or "shifted": mean 3, deviation 4).
    Numbers beyond 1e30 are reported as 1e30.
    """
    depth, width, seed = (configuration[name] for name in ("depth", "width", "seed"))
    x = selu_inputs(load_data(configuration["source"]).x_train[: configuration["n"]], configuration["inputs"])
    draw, numbers, measured = WEIGHTS[configuration["weights"]], np.random.default_rng(seed), {}
    for layer in range(1, depth + 1):
        outputs = activations.selu(x @ draw((x.shape[1], width), numbers))
        x = x + outputs if configuration["skip"] and x.shape[1] == width else outputs
        x = np.clip(x, -OVERFLOW, OVERFLOW)
        measured |= {f"std_{layer}": min(x.std(), OVERFLOW), f"mean_{layer}": x.mean()}
    return measured


def selu_inputs(images, kind):
    """Return images as rows: raw, standardized, or with mean 3 and standard deviation 4."""
    rows = images.reshape(len(images), -1).astype("float64")
    standard = (rows - rows.mean()) / rows.std()
    return {"standardized": standard, "raw": rows, "shifted": 3 + 4 * standard}[kind]


CALLS = ("relu", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "gelu", "silu", "mish")


AVX512 = "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
"""NumPy's names, in its newer and older versions, for the code that uses vectors of 512 bits."""


def call_times(configuration):
    """Shortest time in µs of one call of each function in ``CALLS`` on ``n`` float32 numbers, in interleaved rounds.

    ``configuration``: ``by`` ("numpy", "numpy without AVX-512", or "xla" for Keras' functions compiled), ``n``,
    ``rounds``.
    """
    if configuration["by"] == "numpy without AVX-512":
        return _in_another_process({**configuration, "by": "numpy"}, {"NPY_DISABLE_CPU_FEATURES": AVX512})
    z = np.random.default_rng(configuration["seed"]).normal(size=configuration["n"]).astype("float32")
    prepared = numpy_calls(z) if configuration["by"] == "numpy" else xla_calls(z)
    best = dict.fromkeys(prepared, np.inf)
    for _ in range(configuration["rounds"]):
        for name, call in prepared.items():
            best[name] = min(best[name], timeit.timeit(call, number=2) / 2 * 1e6)
    return best


def _in_another_process(configuration, environment):
    """Return :func:`call_times` of a fresh interpreter: NumPy reads its environment when it is imported."""
    code = f"import json, {__name__} as runs; print(json.dumps(runs.call_times({configuration!r})))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def numpy_calls(z):
    """Return a dict of name → call of the package's function on an array."""
    return {name: functools.partial(getattr(activations, name), z) for name in CALLS}


def xla_calls(z):
    """Return a dict of name → call of Keras' compiled function on a tensor, each called once already."""
    import keras
    import tensorflow as tf

    tensor, calls = tf.constant(z), {}
    for name in CALLS:
        calls[name] = functools.partial(_compiled(getattr(keras.activations, name)), tensor)
        calls[name]()
    return calls


@functools.cache
def _compiled(function):
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)
