"""Runs of section 11.1.4: what Keras' clipping does to a gradient, and two networks that explode without it."""

import keras
import numpy as np

from handson11.clipping import angle_between, clip_by_norm, global_norm
from handson11.experiments.engine import make_task
from handson11.experiments.training import load_data
from handson11.models import dense_stack


def keras_update(gradients, **clipping):
    """Return what an optimizer of Keras subtracts from weights that are 0, for plain descent with learning rate 1."""
    variables = [keras.Variable(np.zeros(np.shape(g))) for g in gradients]
    optimizer = keras.optimizers.SGD(learning_rate=1.0, **clipping)
    optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients], variables)
    return [-np.asarray(variable, dtype="float64") for variable in variables]


def turned_gradient(configuration):
    """Clip one gradient as Keras does it.

    ``configuration``: ``gradients``, one list of numbers a variable; ``kind`` ("clipvalue", "clipnorm" or
    "global_clipnorm"); ``threshold``.

    Returns ``angle`` between the whole gradient and the update in degrees, and ``last``, the length of the last
    variable's update.
    """
    gradients = [np.array(g) for g in configuration["gradients"]]
    update = keras_update(gradients, **{configuration["kind"]: configuration["threshold"]})
    return {"angle": angle_between(gradients, update), "last": np.linalg.norm(update[-1])}


def clipped_lengths(configuration):
    """Clip random gradients of many sizes, and the vanishing gradient of a deep logistic network, as Keras does it.

    ``configuration``: ``kind``, ``threshold``; ``exponents``, the sizes of the random gradients as powers of ten;
    ``depth``, ``n`` images, ``seed``, ``source``.

    Returns ``growth``: longest ratio of the length after and before, minus 1 (so that six digits tell); ``before``:
    length of the gradient of the network's first kernel; ``first_growth``: the same as ``growth`` for it.
    """
    clipping = {configuration["kind"]: configuration["threshold"]}
    rng = np.random.default_rng(configuration["seed"])
    growth = []
    for exponent in configuration["exponents"]:
        gradients = [(10.0**exponent * rng.normal(size=shape)).astype("float32") for shape in [(5, 3), (3,), (2, 2, 4)]]
        growth.append(_length(keras_update(gradients, **clipping)) / _length(gradients))
    gradients = logistic_gradients(configuration)
    before, after = _length(gradients[:1]), _length(keras_update(gradients, **clipping)[:1])
    return {"growth": max(growth) - 1, "before": before, "first_growth": after / before - 1}


def logistic_gradients(configuration):
    """Return the gradients of a deep logistic network with Glorot weights before training, one array a variable."""
    import tensorflow as tf

    task = make_task(load_data(configuration["source"]), configuration["n"], configuration["seed"])
    model = dense_stack(configuration["depth"], 100, "sigmoid", "glorot_normal", seed=configuration["seed"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(task.y_train, model(task.x_train))
    return [np.asarray(g) for g in tape.gradient(value, model.trainable_variables)]


def _length(gradients):
    return float(global_norm([np.asarray(g, dtype="float64") for g in gradients]))


def train_chain(length, start, threshold=None, learning_rate=0.01, steps=2000):
    """Train y = w₁·w₂·…·w_L towards 1 from equal weights; return y and the step after which it was not finite.

    The loss is (y − 1)² / 2, the rule is plain descent, ``threshold`` clips the norm. The step is None if y stayed
    finite.
    """
    w = np.full(length, start)
    with np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            y = np.prod(w)
            gradient = (y - 1) * y / w
            if threshold is not None:
                gradient = clip_by_norm(gradient, threshold)
            w = w - learning_rate * gradient
            if not np.isfinite(np.prod(w)):
                return np.prod(w), step
    return np.prod(w), None


def scalar_chain(configuration):
    """Train one chain (see :func:`train_chain`).

    ``configuration``: ``length``, ``start``, ``threshold`` (None: no clipping), ``learning_rate``, ``steps``.

    Returns ``diverged`` (0 or 1), ``distance`` of y from the target 1, ``last_step``.
    """
    names = ("length", "start", "threshold", "learning_rate", "steps")
    y, step = train_chain(**{name: configuration[name] for name in names})
    return {
        "diverged": int(step is not None),
        "distance": abs(y - 1) if step is None else np.nan,
        "last_step": step or configuration["steps"],
    }


def row_rnn(seed, activation="relu", gain=1.5):
    """Return a network that reads an image row by row: 28 steps of 28 pixels, 32 recurrent units, ten logits.

    The recurrent weights start as an orthogonal matrix times ``gain``.
    """
    glorot = keras.initializers.GlorotUniform
    recurrent = keras.layers.SimpleRNN(
        32,
        activation=activation,
        kernel_initializer=glorot(seed),
        recurrent_initializer=keras.initializers.Orthogonal(gain, seed + 1000),
    )
    layers = [keras.Input((784,)), keras.layers.Reshape((28, 28)), recurrent]
    return keras.Sequential([*layers, keras.layers.Dense(10, kernel_initializer=glorot(seed + 2000))])
