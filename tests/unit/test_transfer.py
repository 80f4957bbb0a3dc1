"""Layers of another network: what is copied, shared, frozen and thawed, and what Keras does with it in ``fit``."""

import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from handson11.datasets import make_stand_in
from handson11.layers import BatchNormalization
from handson11.optimizers import Adam
from handson11.transfer import (
    GradualUnfreezing,
    clone_with_weights,
    compile_again,
    compile_check,
    freeze,
    reuse_layers,
    split_tasks,
    unfreeze,
)

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 2, (32, 1)).astype("float32")


def source(name="A"):
    """Return a chain with activations of their own, batch normalization and a softmax for eight classes."""
    layers = [keras.layers.Dense(5, name="one"), keras.layers.Activation("relu", name="relu_one")]
    layers += [keras.layers.Dense(3, name="two"), keras.layers.BatchNormalization(name="norm")]
    layers += [keras.layers.Dense(8, activation="softmax", name="out")]
    return keras.Sequential([keras.Input((4,)), *layers], name=name)


def functional_source():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(5, activation="relu", name="one")(inputs)
    x = keras.layers.Add(name="sum")([keras.layers.Dense(5, name="two")(x), x])
    return keras.Model(inputs, keras.layers.Dense(8, name="out")(x))


def head():
    return keras.layers.Dense(1, activation="sigmoid", name="head")


def trained(model, epochs=1, **fit):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, **fit)


def kernels(model):
    return {layer.name: layer.kernel.numpy().copy() for layer in model.layers if hasattr(layer, "kernel")}


def changed(model, before):
    return {name for name, kernel in kernels(model).items() if np.abs(kernel - before[name]).max() > 0}


# Two tasks


def numbered(n=400, classes=10):
    """Return a data set in which each image is its own number."""
    places = np.arange(3 * n).reshape(3, n, 1, 1)
    labels = np.random.default_rng(0).integers(0, classes, (3, n)).astype("uint8")
    parts = zip(("train", "validation", "test"), places, labels, strict=True)
    return SimpleNamespace(**{f"{kind}_{name}": a for name, x, y in parts for kind, a in (("x", x), ("y", y))})


def test_the_tasks_of_the_notes():
    data = make_stand_in(2000, 200, 200)
    tasks = split_tasks(data, (0, 2))
    assert tasks.classes_a == {1: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7}
    assert tasks.classes_b == {0: 0, 2: 1}
    first = np.flatnonzero(np.isin(data.y_train, [0, 2]))[:200]  # the first 200, as in the notes
    np.testing.assert_array_equal(tasks.b.x_train, data.x_train[first])
    np.testing.assert_array_equal(tasks.b.y_train, data.y_train[first] == 2)
    assert [len(part) for part in (tasks.a.x_train, tasks.a.x_validation, tasks.b.x_test)] == [1600, 160, 40]
    assert tasks.b.y_train.dtype == tasks.a.y_test.dtype == "int32"


def test_the_second_class_is_the_positive_one():
    data = numbered()
    y = split_tasks(data, (6, 5), labels=20).b
    old = data.y_train[y.x_train.ravel()]
    assert old[y.y_train == 1].tolist() == [5] * int(y.y_train.sum())


def test_labelled_images_are_drawn_by_the_seed():
    data = numbered()
    draws = [split_tasks(data, (5, 6), 30, seed=seed).b.x_train.ravel().tolist() for seed in (1, 1, 2, None)]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3
    assert draws[3] == np.flatnonzero(np.isin(data.y_train, [5, 6]))[:30].tolist()


@pytest.mark.parametrize("seed", [None, 3])
def test_balanced_on_request(seed):
    assert split_tasks(numbered(), (5, 6), 30, seed=seed, balanced=True).b.y_train.sum() == 15


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"classes_b": (5, 10)}, ValueError, "`classes_b` must be two classes of"),
        ({"classes_b": (5, 5)}, ValueError, "`classes_b` must be two different classes"),
        ({"classes_b": (5, 6, 7)}, TypeError, "`classes_b` must be two classes"),
        ({"classes_b": 5}, TypeError, "`classes_b` must be two classes"),
        ({"labels": 1000}, ValueError, "`labels` must be at least 1 and at most 8[0-9], the labelled"),
        ({"labels": 0}, ValueError, "`labels` must be at least 1"),
        ({"labels": 10.5}, TypeError, "`labels` must be an integer"),
        ({"labels": 5, "balanced": True}, ValueError, "`labels` must be even"),
        ({"labels": 90, "balanced": True}, ValueError, "`labels` must be at least 1 and at most"),
    ],
)
def test_wrong_tasks(arguments, error, text):
    with pytest.raises(error, match=text):
        split_tasks(numbered(), **{"classes_b": (5, 6), **arguments})


# Clones and reused layers


@pytest.mark.parametrize("make", [source, functional_source])
def test_a_clone_computes_the_same_and_shares_nothing(make):
    model = make()
    twin = clone_with_weights(model)
    np.testing.assert_array_equal(twin(X), model(X))
    assert [layer.name for layer in twin.layers if layer.weights] == [n.name for n in model.layers if n.weights]
    before = kernels(model)
    twin.compile("sgd", "mse")
    twin.fit(X, np.ones((32, 8)), verbose=0)
    assert not changed(model, before)
    assert changed(twin, before) >= {"one", "two", "out"}


@pytest.mark.parametrize("make", [source, functional_source])
@pytest.mark.parametrize("loaded", [False, True])
def test_reused_layers_are_the_lower_half_of_the_source(make, loaded, tmp_path):
    model = make()
    if loaded:
        model.save(tmp_path / "a.keras")
        model = keras.models.load_model(tmp_path / "a.keras")
    new = reuse_layers(model, 3 if make is source else 2, head())
    inner = keras.Model(model.inputs[0], model.layers[-2].output)
    assert new.layers[-2].output.shape == inner.output_shape
    features = keras.Model(new.inputs[0], new.layers[-2].output)
    np.testing.assert_array_equal(features(X), inner(X))
    assert new.built
    assert isinstance(new, keras.Sequential) == (make is source)
    own = [layer.name for layer in new.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert own[-1] == "head"
    assert all(name.endswith("_reused") for name in own[:-1])
    before = kernels(model)
    new.compile("sgd", "binary_crossentropy")
    trained(new)
    assert not changed(model, before)


def test_layers_are_counted_from_below_and_activations_come_along():
    names = [layer.name for layer in reuse_layers(source(), 1, head()).layers]
    assert names == ["one_reused", "relu_one_reused", "head"]
    assert len(reuse_layers(source(), 4, [keras.layers.Dropout(0.1), head()]).layers) == 7


@pytest.mark.parametrize("make", [source, functional_source])
def test_shared_layers_change_the_source(make):
    model = make()
    before = kernels(model)
    new = reuse_layers(model, 1, head(), share=True)
    assert any(layer is model.get_layer("one") for layer in new.layers)
    new.compile("sgd", "binary_crossentropy")
    trained(new)
    assert changed(model, before) == {"one"}


def test_a_reused_network_survives_saving(tmp_path):
    new = reuse_layers(source(), 2, head())
    freeze(new.layers[:1])
    new.save(tmp_path / "b.keras")
    again = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_array_equal(again(X), new(X))
    assert [layer.trainable for layer in again.layers] == [layer.trainable for layer in new.layers]


def test_the_numbers_of_the_notes():
    hidden = [keras.layers.Dense(100, activation="relu", kernel_initializer="he_normal") for _ in range(3)]
    out = keras.layers.Dense(8, activation="softmax")
    model_a = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *hidden, out])
    model_b = reuse_layers(model_a, 3, head())
    assert (model_a.count_params(), model_b.count_params()) == (99_508, 98_801)
    freeze(model_b.layers[:-1])
    assert sum(int(np.prod(w.shape)) for w in model_b.trainable_variables) == 101


def branch():
    inputs = keras.Input((4,))
    sides = [keras.layers.Dense(2, name=name)(inputs) for name in ("left", "middle", "right")]
    return keras.Model(inputs, keras.layers.Dense(1, name="out")(keras.layers.Concatenate(name="join")(sides)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Dense(1)

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n_layers": 5}, ValueError, "`n_layers` must be between 1 and 4, the layers of the model that have weights"),
        ({"n_layers": 0}, ValueError, "`n_layers` must be between"),
        ({"n_layers": 1.5}, TypeError, "`n_layers` must be an integer"),
        ({"head": 1}, TypeError, "`head` must be a layer"),
        ({"head": []}, TypeError, "`head` must be a layer"),
        ({"input_shape": (28, 28)}, ValueError, r"`input_shape` must be \(4,\) as that of the model"),
        ({"head": keras.layers.Conv2D(1, 3)}, ValueError, r"`head` must fit .* output is \(None, 3\)"),
        ({"model": keras.layers.Dense(1)}, TypeError, "`model` must be a Keras model"),
        ({"model": keras.Sequential([keras.layers.Dense(1)])}, ValueError, "`model` must be built"),
    ],
)
def test_wrong_reuse(arguments, error, text):
    with pytest.raises(error, match=text):
        reuse_layers(**{"model": source(), "n_layers": 2, "head": head(), **arguments})


def test_wrong_reuse_of_other_models():
    model = source()
    with pytest.raises(ValueError, match="`head` must not be part of the model"):
        reuse_layers(model, 2, model.layers[-1])
    subclassed = Subclassed()
    subclassed(X)
    with pytest.raises(ValueError, match="be sequential or functional"):
        clone_with_weights(subclassed)
    with pytest.raises(ValueError, match="one chain, not beside a branch"):
        reuse_layers(branch(), 2, head())
    assert reuse_layers(branch(), 3, head()).built
    with pytest.raises(ValueError, match="`head` must fit"):
        reuse_layers(branch(), 3, keras.layers.Conv2D(1, 3))
    assert reuse_layers(model, 2, head(), input_shape=(4,)).built


# Frozen and thawed


def test_freeze_and_unfreeze():
    model = source()
    assert freeze(model) == ["one", "two", "norm", "out"]
    assert model.trainable_variables == []
    assert model.trainable
    assert unfreeze(model, top=2) == ["norm", "out"]
    assert [layer.trainable for layer in model.layers if layer.weights] == [False, False, True, True]
    assert unfreeze(model, top=0) == []
    assert unfreeze(model) == ["one", "two", "norm", "out"]
    assert all(layer.trainable for layer in model.layers)
    assert freeze(model.layers[0]) == freeze([model.layers[0]]) == ["one"]
    assert unfreeze(model.layers[:3], top=1) == ["two"]


def test_a_model_frozen_by_its_own_switch_is_thawed_from_the_top():
    model = source()
    model.trainable = False
    assert unfreeze(model, top=1) == ["out"]
    assert [w.path for w in model.trainable_variables] == [w.path for w in model.layers[-1].trainable_variables]
    assert len(model.trainable_variables) == 2


@pytest.mark.parametrize(("top", "error"), [(5, ValueError), (-1, ValueError), (1.0, TypeError)])
def test_wrong_top(top, error):
    with pytest.raises(error, match="`top` must be"):
        unfreeze(source(), top=top)
    with pytest.raises(TypeError, match="`model` must be a model or layers"):
        freeze(["one"])


@pytest.mark.parametrize("layer", [keras.layers.BatchNormalization, BatchNormalization])
def test_a_frozen_batch_normalization_keeps_its_moving_averages(layer):
    model = keras.Sequential([keras.Input((4,)), layer(name="norm"), head()])
    freeze(model.layers[0])
    model.compile("sgd", "binary_crossentropy")
    before = [w.numpy().copy() for w in model.layers[0].weights]
    trained(model)
    for old, new in zip(before, model.layers[0].weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    np.testing.assert_array_equal(model.layers[0](X, training=True), model.layers[0](X, training=False))
    unfreeze(model)
    model.compile("sgd", "binary_crossentropy")
    trained(model)
    assert all(np.abs(old - new.numpy()).max() > 0 for old, new in zip(before, model.layers[0].weights, strict=True))


def test_compile_check_names_both_directions():
    model = source()
    with pytest.raises(ValueError, match="`model` must be compiled"):
        compile_check(model)
    freeze(model.layers[0])
    model.compile("sgd", "mse")
    assert compile_check(model) == []
    unfreeze(model.layers[0])
    freeze(model.layers[-1])
    assert compile_check(model) == ["one", "out"]
    model.compile("sgd", "mse")
    assert compile_check(model) == []
    model.layers[1].trainable = False  # an activation has no weights
    assert compile_check(model) == []


def test_compile_check_says_what_fit_does():
    model = reuse_layers(source(), 2, head())
    freeze(model.layers[:-1])
    model.compile("sgd", "binary_crossentropy")
    trained(model)
    before = kernels(model)
    unfreeze(model)
    trained(model)
    assert compile_check(model) == ["one_reused", "two_reused"]
    assert changed(model, before) == {"head"}
    model.compile("sgd", "binary_crossentropy")
    trained(model)
    assert compile_check(model) == []
    assert changed(model, before) == {"head", "one_reused", "two_reused"}


# Gradual unfreezing


class Kernels(keras.callbacks.Callback):
    """Notes the kernels at the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.seen = [kernels(self.model)]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(kernels(self.model))

    def moved(self):
        """Return the names of the layers that moved in each epoch."""
        pairs = zip(self.seen, self.seen[1:], strict=False)
        return ["".join(sorted(name[0] for name in old if np.any(old[name] != new[name]))) for old, new in pairs]


def target(optimizer, **settings):
    model = reuse_layers(source(), 3, head())
    freeze(model.layers[:-1])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], **settings)
    return model


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (Adam, {}),
        (Adam, {"steps_per_execution": 2}),
        (keras.optimizers.Adam, {"jit_compile": True}),
        (keras.optimizers.Adam, {"run_eagerly": True}),
    ],
)
def test_layers_move_from_their_epoch_on_and_not_before(optimizer, settings):
    model, watched = target(optimizer(0.01), **settings), Kernels()
    gradual = GradualUnfreezing({1: 3, 3: 4}, factor=0.5)
    history = trained(model, 4, callbacks=[gradual, watched], validation_data=(X, Y)).history
    assert watched.moved() == ["h", "ht", "ht", "hot"]  # head, two, one
    assert gradual.thawed == [(1, ["two_reused", "norm_reused"]), (3, ["one_reused"])]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0025)
    assert int(model.optimizer.iterations) == 16
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert compile_check(model) == []
    assert (model.steps_per_execution, model.jit_compile, model.run_eagerly) == (
        settings.get("steps_per_execution", 1),
        settings.get("jit_compile", False),
        settings.get("run_eagerly", False),
    )


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, Adam, keras.optimizers.Nadam])
def test_the_optimizer_keeps_its_state(optimizer):
    model = target(optimizer(0.01))
    trained(model, 2)

    def state(rule):
        return {re.sub(r"^(.*/)?variable(_\d+)?$", "variable", v.path): v.numpy().copy() for v in rule.variables}

    old = state(model.optimizer)
    unfreeze(model)
    new = compile_again(model)
    known = state(new)
    assert set(old) < set(known)
    for path, value in old.items():
        np.testing.assert_array_equal(known[path], value)
    fresh = [value for path, value in known.items() if path not in old]
    assert len(fresh) == 2 * 6  # two slots of two kernels, their biases, gamma and beta
    assert not any(np.any(value) for value in fresh)
    assert any(np.any(value) for path, value in old.items() if "kernel" in path)


def test_a_plan_that_thaws_nothing_new_changes_no_training():
    def run(callbacks):
        keras.utils.set_random_seed(0)
        model = target(keras.optimizers.Adam(0.01))
        return trained(model, 3, callbacks=callbacks, shuffle=False).history["loss"], model

    plain, _ = run([])
    gradual = GradualUnfreezing({1: 1})
    watched, model = run([gradual])
    np.testing.assert_allclose(watched, plain, rtol=1e-6)  # a new optimizer, and the path goes on as before
    assert gradual.thawed == [(1, [])]
    assert model.get_compile_config()["loss"] == "binary_crossentropy"


def test_a_schedule_goes_on_where_it_was():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
    model = target(keras.optimizers.SGD(schedule))
    trained(model, 3, callbacks=[GradualUnfreezing({1: 4})])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**3)
    model = target(keras.optimizers.SGD(schedule))
    with pytest.raises(TypeError, match="`factor` must be 1 if the learning rate is a schedule"):
        trained(model, callbacks=[GradualUnfreezing({1: 4}, factor=0.5)])


def test_a_model_thawed_in_fit_survives_saving(tmp_path):
    model = target(keras.optimizers.Adam(0.01))
    trained(model, 2, callbacks=[GradualUnfreezing({1: 4}, factor=0.1)])
    model.save(tmp_path / "b.keras")
    again = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_array_equal(again(X), model(X))
    assert float(again.optimizer.learning_rate) == pytest.approx(0.001)
    trained(again)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"plan": {}}, TypeError, "`plan` must be a dict"),
        ({"plan": [1]}, TypeError, "`plan` must be a dict"),
        ({"plan": {1: 1.5}}, TypeError, "`plan` must have integers"),
        ({"plan": {-1: 1}}, ValueError, "`plan` must have no epoch below 0"),
        ({"plan": {1: 2, 2: 2}}, ValueError, "`plan` must free more layers at each"),
        ({"plan": {1: 0}}, ValueError, "`plan` must free more layers at each"),
        ({"plan": {1: 1}, "factor": 0}, ValueError, "`factor` must be above 0 and at most 1"),
    ],
)
def test_wrong_plans(arguments, error, text):
    with pytest.raises(error, match=text):
        GradualUnfreezing(**arguments)


def test_a_plan_for_more_layers_than_there_are():
    with pytest.raises(ValueError, match="`plan` must free at most 4 layers"):
        trained(target("sgd"), callbacks=[GradualUnfreezing({1: 5})])
    with pytest.raises(ValueError, match="`model` must be compiled"):
        compile_again(source())


def test_an_unknown_keras_is_named(monkeypatch):
    model = target("sgd")
    monkeypatch.delattr(model, "_compile_config")
    with pytest.raises(RuntimeError, match="note how they were compiled in another way"):
        compile_check(model)
