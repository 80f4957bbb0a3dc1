"""Runs of section 11.1.3: times of steps, and what can be proved about one layer."""

import functools
import json
import math
import time
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from handson11 import layers
from handson11.experiments.engine import Trainer
from handson11.experiments.store import canonical
from handson11.experiments.training import complete_configuration, task_of
from handson11.models import bn_mlp, dense_stack

PLACES = {"without": None, "with": "before"}
"""Where batch normalization stands in the two networks of a pair."""


def step_times(configuration):
    """Time the same training steps of a network without and with batch normalization, in turns.

    ``configuration``: ``arguments`` of the networks, ``n``, ``epochs``, ``batch_size``, ``learning_rate``, ``seed``,
    ``source``, and ``repeats``. Compiling is not timed, and only 128 images are evaluated after the last step.

    Returns the shortest time of ``repeats`` in seconds for each network, ``without`` and ``with``.
    """
    configuration = dict(configuration)
    repeats = configuration.pop("repeats")
    complete = complete_configuration(configuration)
    task = _few_to_evaluate(task_of(complete))
    budget = {name: complete[name] for name in ("learning_rate", "epochs", "batch_size")}
    trainers = {name: _trainer(canonical(complete["arguments"]), place) for name, place in PLACES.items()}
    runs = {name: functools.partial(trainers[name].run, task, complete["seed"], **budget) for name in trainers}
    return _shortest(runs, repeats)


@functools.lru_cache(maxsize=8)
def _trainer(arguments, place):
    """Return a trainer whose networks are built only once for each seed: building is not what is timed."""
    return Trainer(functools.cache(functools.partial(_network, json.loads(arguments), place)))


def fit_times(configuration):
    """Time one epoch of Keras' ``fit`` without and with batch normalization, in turns.

    ``configuration``: ``arguments`` of the networks, ``n``, ``batch_size``, ``learning_rate``, ``seed``, ``source``,
    and ``repeats``. The first epoch of each network, in which Keras traces it, is not timed.

    Returns the shortest time of ``repeats`` in seconds for each network, ``without`` and ``with``.
    """
    configuration = dict(configuration)
    repeats = configuration.pop("repeats")
    complete = complete_configuration(configuration)
    task, runs = task_of(complete), {}
    for name, place in PLACES.items():
        model = _network(complete["arguments"], place, complete["seed"])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(complete["learning_rate"], momentum=0.9), loss)
        runs[name] = functools.partial(
            model.fit, task.x_train, task.y_train, batch_size=complete["batch_size"], epochs=1, verbose=0
        )
    return _shortest(runs, repeats)


def _network(arguments, place, seed):
    return dense_stack(**arguments, batch_norm=place, seed=seed)


def _few_to_evaluate(task, n=128):
    names = ("x_validation", "y_validation", "x_test", "y_test")
    return replace(task, **{name: getattr(task, name)[:n] for name in names})


def _shortest(runs, repeats):
    for run in runs.values():
        run()
    seconds = {name: math.inf for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - begin)
    return seconds


def overwritten_averages(configuration):
    """Replace both moving averages of a layer by nonsense; return the largest change of its outputs in each mode."""
    layer, rng = layers.BatchNormalization(), np.random.default_rng(configuration["seed"])
    batch = rng.normal(size=(32, 10)).astype("float32")
    layer.build(batch.shape)
    outputs = {}
    for averages in ((0.0, 1.0), (100.0, 50.0)):
        for training in (True, False):
            layer.moving_mean.assign(np.full(10, averages[0]))  # each call in training moves the averages a little
            layer.moving_variance.assign(np.full(10, averages[1]))
            outputs.setdefault(training, []).append(np.asarray(layer(batch, training=training)))
    change = {training: float(np.max(np.abs(after - before))) for training, (before, after) in outputs.items()}
    return {"change_in_training": change[True], "change_in_inference": change[False]}


def parameter_counts(configuration):
    """Count the parameters of the chapter's network, batch normalization after or before the activations."""
    after, before = bn_mlp(seed=configuration["seed"]), bn_mlp(before_activation=True, seed=configuration["seed"])
    return {
        "total": after.count_params(),
        "trained": sum(math.prod(variable.shape) for variable in after.trainable_variables),
        "estimated": sum(math.prod(variable.shape) for variable in after.non_trainable_variables),
        "total_before": before.count_params(),
    }


def redundant_bias(configuration):
    """One backward pass through a dense layer with a bias and a batch normalization behind it.

    ``configuration``: ``n`` images in the batch, ``seed``, ``source``.

    Returns the largest absolute gradients of that bias and of the kernel beside it.
    """
    seed = configuration["seed"]
    task = task_of(complete_configuration({**configuration, "standardize": "unit", "learning_rate": 1.0}))
    dense = keras.layers.Dense(100, kernel_initializer=keras.initializers.HeNormal(seed))
    normalize = layers.BatchNormalization()
    output = keras.layers.Dense(10, kernel_initializer=keras.initializers.GlorotNormal(seed + 1))
    with tf.GradientTape() as tape:
        logits = output(tf.nn.elu(normalize(dense(task.x_train), training=True)))
        cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(task.y_train, logits))
    kernel, bias = (np.abs(gradient) for gradient in tape.gradient(cost, [dense.kernel.value, dense.bias.value]))
    return {"largest_bias_gradient": bias.max(), "largest_kernel_gradient": kernel.max()}
