"""Runs of section 11.2.1 about what Keras shares, copies and reads, and a simulated search for the best result."""

import keras
import numpy as np

from handson11.transfer.tools import clone_with_weights, freeze, reuse_layers, unfreeze


def _data(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(64, 4)).astype("float32"), rng.integers(0, 2, (64, 1)).astype("float32")


def _source(seed):
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(8, activation="relu", name=f"hidden_{number}") for number in (1, 2)]
    return keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(3, activation="softmax", name="classes")])


def _kernels(model):
    return [layer.kernel.numpy().copy() for layer in model.layers if hasattr(layer, "kernel")]


def _distance(kernels, others):
    return float(max(np.abs(one - other).max() for one, other in zip(kernels, others, strict=True)))


def forgotten_compile(configuration):
    """Train a network three times: as compiled, after a layer was thawed or frozen, and after compiling once more.

    ``configuration``: ``seed``; ``change``, "unfreeze" or "freeze".

    Returns ``without_compile`` and ``with_compile``: the largest change of the layer's kernel in one ``fit``.
    """
    x, y = _data(configuration["seed"])
    model = _source(configuration["seed"])
    model = reuse_layers(model, 2, keras.layers.Dense(1, activation="sigmoid", name="head"))
    layer, thaw = model.layers[0], configuration["change"] == "unfreeze"
    if thaw:
        freeze(layer)

    def compile_model():
        model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate=0.1))

    def change_in_fit():
        before = layer.kernel.numpy().copy()
        model.fit(x, y, epochs=1, verbose=0)
        return float(np.abs(layer.kernel.numpy() - before).max())

    compile_model()
    change_in_fit()
    (unfreeze if thaw else freeze)(layer)
    without = change_in_fit()
    compile_model()
    return {"without_compile": without, "with_compile": change_in_fit()}


def training_b(configuration):
    """Train model B for one epoch and measure how far the kernels of A's reused layers have moved.

    ``configuration``: ``seed``; ``layers``, "shared" or "cloned".

    Returns ``change``, the largest change of a kernel of A.
    """
    x, y = _data(configuration["seed"])
    model_a = _source(configuration["seed"])
    source = model_a if configuration["layers"] == "shared" else clone_with_weights(model_a)
    head = keras.layers.Dense(1, activation="sigmoid", name="head")
    model_b = keras.Sequential([keras.Input((4,)), *source.layers[:-1], head])
    model_b.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate=0.1))
    before = _kernels(model_a)
    model_b.fit(x, y, epochs=1, verbose=0)
    return {"change": _distance(_kernels(model_a), before)}


def clone(configuration):
    """Clone a model of random weights with Keras and compare the kernels.

    ``configuration``: ``seed``.

    Returns ``of_clone`` and ``after_copy``: the largest difference before and after ``set_weights``.
    """
    model = _source(configuration["seed"])
    twin = keras.models.clone_model(model)
    of_clone = _distance(_kernels(model), _kernels(twin))
    twin.set_weights(model.get_weights())
    return {"of_clone": of_clone, "after_copy": _distance(_kernels(model), _kernels(twin))}


def best_of(configuration):
    """Search again and again for the best of ``tried`` configurations that gain nothing.

    ``configuration``: ``seed``; ``tried``; ``searches``, their number.

    Returns ``mean``, ``low`` and ``high``: mean and the 5 % and 95 % points of the best gain, in standard deviations.
    """
    best = best_gains(configuration["tried"], configuration["searches"], configuration["seed"])
    low, high = np.quantile(best, (0.05, 0.95))
    return {"mean": float(best.mean()), "low": float(low), "high": float(high)}


def best_gains(tried, searches, seed):
    """Return the best gain of each search: the largest of ``tried`` numbers from N(0, 1).

    Examples
    --------
    >>> best_gains(20, 1000, seed=0).shape
    (1000,)
    """
    return np.random.default_rng([seed, tried]).normal(size=(searches, tried)).max(axis=1)
