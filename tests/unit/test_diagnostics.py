"""Statistics of activations and gradients against paper and pencil, on every kind of model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import activations
from handson11._keras import sublayers
from handson11.diagnostics import (
    StatisticsCallback,
    activation_statistics,
    dead_units,
    gradient_statistics,
    layer_outputs,
    saturation,
)

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = (np.arange(50) % 3).astype("int32")
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def chain(activation):
    """Two units in a row: z₁ = 2x, a₁ = f(z₁), z₂ = 3a₁ − 1, no further activation."""
    return keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, activation, kernel_initializer=keras.initializers.Constant(2.0), name="lower"),
            keras.layers.Dense(
                1,
                kernel_initializer=keras.initializers.Constant(3.0),
                bias_initializer=keras.initializers.Constant(-1.0),
                name="upper",
            ),
        ]
    )


@keras.saving.register_keras_serializable(package="handson11_tests")
class Block(keras.layers.Layer):
    """A layer with two layers and a weight of its own inside."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.inner = keras.layers.Dense(4, "tanh", name="inner")
        self.outer = keras.layers.Dense(4, name="outer")

    def build(self, input_shape):
        self.matrix = self.add_weight(shape=(4, 4), name="matrix", initializer="orthogonal")
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, x):
        return keras.ops.matmul(self.outer(self.inner(x)), self.matrix)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block(name="block")
        self.head = keras.layers.Dense(3, name="head")

    def call(self, x):
        return self.head(self.block(x))


def built(model):
    model(X)
    return model


def nested():
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "relu", name="first")], name="encoder")
    start = keras.Input((4,))
    return keras.Model(start, keras.layers.Dense(3, name="first")(inside(start)))


# Paper and pencil


def test_activations_of_two_units_in_a_row():
    lower, upper = activation_statistics(chain("relu"), np.array([[-1.0], [1.0], [2.0]]))
    assert (lower.layer, lower.activation, upper.layer, upper.activation) == ("lower", "relu", "upper", "linear")
    # outputs 0, 2, 4 and -1, 5, 11
    assert (lower.mean, lower.minimum, lower.maximum) == (2.0, 0.0, 4.0)
    assert lower.std == pytest.approx(np.sqrt(8 / 3))
    assert lower.rms == pytest.approx(np.sqrt(20 / 3))
    assert lower.zeros == lower.saturated == pytest.approx(1 / 3)
    assert (upper.mean, upper.minimum, upper.maximum, upper.zeros, upper.saturated) == (5.0, -1.0, 11.0, 0.0, 0.0)
    assert upper.std == pytest.approx(np.sqrt(24))


def test_gradients_of_two_units_in_a_row():
    """J = (3σ(2x) − 1 − y)², at x = 0 and y = 0: a₁ = 1/2, output 1/2, so ∂J/∂w₂ = 2·½·½ and ∂J/∂w₁ = 0."""
    lower, upper = gradient_statistics(chain("sigmoid"), np.array([[0.0]]), np.array([[0.0]]), loss="mse")
    assert (lower.layer, lower.weight, lower.shape, upper.layer) == ("lower", "kernel", (1, 1), "upper")
    assert (lower.norm, lower.zeros) == (0.0, 1.0)
    assert (upper.norm, upper.mean, upper.zeros) == (0.5, 0.5, 0.0)
    # x = 1/2, y = 0: z₁ = 1, s = σ(1), output o = 3s − 1, ∂J/∂w₂ = 2·o·s, ∂J/∂w₁ = 2·o·3·s(1 − s)/2
    s = 1 / (1 + np.exp(-1))
    both = gradient_statistics(chain("sigmoid"), np.array([[0.5]]), np.array([[0.0]]), "mse", kernels_only=False)
    assert [record.weight for record in both] == ["kernel", "bias", "kernel", "bias"]
    pencil = [3 * (3 * s - 1) * s * (1 - s), 6 * (3 * s - 1) * s * (1 - s), 2 * (3 * s - 1) * s, 2 * (3 * s - 1)]
    np.testing.assert_allclose([record.norm for record in both], pencil, rtol=1e-6)
    np.testing.assert_allclose([record.maximum for record in both], pencil, rtol=1e-6)


def test_norm_and_rms_of_a_gradient_with_several_entries():
    """J = (w·x)² with x = (1, 2, −2) at w = (1, 1, 1): the gradient is 2·1·x = (2, 4, −4)."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    [record] = gradient_statistics(model, np.array([[1.0, 2.0, -2.0]]), np.zeros((1, 1)), loss="mse")
    assert record.norm == pytest.approx(6.0)
    assert record.rms == pytest.approx(np.sqrt(12))
    assert (record.maximum, record.shape) == (4.0, (3, 1))
    assert record.mean == pytest.approx(2 / 3)


def test_saturation_of_the_logistic_and_of_tanh():
    z = np.array([[-5.0], [-4.5], [0.0], [4.5], [4.7], [5.0]])
    for name, limit in {"sigmoid": 4.595, "tanh": 2.993}.items():  # σ(4.595)(1 − σ(4.595)) = 1 − tanh²(2.993) = 0.01
        model = keras.Sequential([keras.Input((1,)), keras.layers.Activation(name)])
        [record] = saturation(model, z)
        assert record.below == pytest.approx(np.mean(z < -limit))
        assert record.above == pytest.approx(np.mean(z > limit))
        assert record.share == pytest.approx(record.below + record.above)
        [wider] = saturation(model, z, threshold=0.3)
        assert wider.share == pytest.approx(5 / 6 if name == "tanh" else 1.0)


@pytest.mark.parametrize(
    ("layer", "dead"),
    [
        (keras.layers.ReLU(), [True, False, True]),
        (keras.layers.Activation("relu"), [True, False, True]),
        (keras.layers.ReLU(max_value=2.0), [True, False, True]),
        (keras.layers.LeakyReLU(0.01), [False, False, False]),
        (keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.1)), [False, False, False]),
        (keras.layers.PReLU(), [True, False, True]),  # Keras starts the slope at 0
        (keras.layers.ELU(), [True, False, False]),  # exp(−200) underflows in single precision
        (keras.layers.Activation("tanh"), [True, False, False]),
    ],
)
def test_dead_means_slope_zero_on_every_input(layer, dead):
    """Three units: far below 0 on both inputs, once above 0, a little below 0 on both inputs."""
    model = keras.Sequential([keras.Input((3,)), layer])
    [record] = dead_units(model, np.array([[-200.0, -1.0, -1.0], [-300.0, 1.0, -2.0]]))
    assert record.dead.tolist() == dead
    assert (record.count, record.share) == (sum(dead), pytest.approx(sum(dead) / 3))


def test_units_of_a_convolution_are_its_channels():
    kernel = np.array([1.0, -1.0]).reshape(1, 1, 1, 2)
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Conv2D(2, 1, activation="relu")])
    model.layers[0].set_weights([kernel, np.zeros(2)])
    [record] = dead_units(model, np.arange(1.0, 9.0).reshape(2, 2, 2, 1))
    assert record.dead.tolist() == [False, True]


# Agreement


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish"])
def test_slopes_equal_the_derivatives_of_the_package(name):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, name)])
    [record] = layer_outputs(model, X)
    np.testing.assert_allclose(record.slopes, activations.derivative(name)(record.inputs), atol=1e-6)
    np.testing.assert_allclose(record.outputs, model(X), atol=1e-7)


@pytest.mark.parametrize("mixing", ["softmax", "glu", "sparsemax"])
def test_functions_that_mix_units_have_no_slope(mixing):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, mixing)])
    [record] = layer_outputs(model, X)
    assert record.activation == mixing
    assert record.inputs is not None
    assert record.slopes is None
    assert activation_statistics(model, X)[0].saturated is None
    assert saturation(model, X) == dead_units(model, X) == []


def test_own_activation_functions_have_slopes():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Activation(lambda z: z * z)])
    [record] = layer_outputs(model, X)
    np.testing.assert_allclose(record.slopes, 2 * X, rtol=1e-6)


@pytest.mark.parametrize("make", [nested, lambda: built(Subclassed())])
def test_gradients_equal_those_of_a_tape(make):
    model = make()
    with tf.GradientTape() as tape:
        loss = CROSS_ENTROPY(Y, model(X))
    wanted = [g.numpy() for g in tape.gradient(loss, [w.value for w in model.trainable_weights])]
    by_shape_and_name = {(w.path): g for w, g in zip(model.trainable_weights, wanted, strict=True)}
    records = gradient_statistics(model, X, Y, CROSS_ENTROPY, kernels_only=False)
    assert len(records) == len(wanted)
    got = sorted((r.norm, r.maximum) for r in records)
    expected = sorted((np.linalg.norm(g), np.abs(g).max()) for g in by_shape_and_name.values())
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_penalties_count_as_in_training():
    """Penalty ½‖w‖² alone, targets fitted exactly: the gradient is w."""
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(0.5)
    )
    model = keras.Sequential([keras.Input((2,)), dense])
    [record] = gradient_statistics(model, np.array([[1.0, 1.0]]), np.array([[2.0]]), loss="mse")
    assert record.norm == pytest.approx(np.sqrt(2))


# Every kind of model


def test_names_in_nested_models():
    assert [r.layer for r in activation_statistics(nested(), X)] == ["encoder/first", "first"]
    assert [r.layer for r in gradient_statistics(nested(), X, Y, CROSS_ENTROPY)] == ["encoder/first", "first"]


def test_subclassed_model_with_own_weights():
    model = built(Subclassed())
    assert [r.layer for r in activation_statistics(model, X)] == ["block/inner", "block/outer", "head"]
    records = gradient_statistics(model, X, Y, CROSS_ENTROPY)
    assert [(r.layer, r.weight) for r in records] == [
        ("block", "matrix"),
        ("block/inner", "kernel"),
        ("block/outer", "kernel"),
        ("head", "kernel"),
    ]


def test_a_shared_layer_gives_one_record_of_all_calls():
    start, shared = keras.Input((4,)), keras.layers.Dense(4, "tanh", name="shared")
    model = keras.Model(start, shared(shared(start)))
    [record] = layer_outputs(model, X)
    assert record.outputs.shape == (100, 4)
    assert record.outputs[50:] == pytest.approx(np.asarray(model(X)))


def test_recurrent_cell_gives_one_record_of_all_steps():
    model = keras.Sequential([keras.Input((5, 4)), keras.layers.SimpleRNN(3, name="row")])
    x = np.random.default_rng(1).normal(size=(7, 5, 4)).astype("float32")
    [record] = dead_units(model, x)
    assert record.layer.startswith("row/")
    assert record.dead.shape == (3,)
    assert layer_outputs(model, x)[0].outputs.shape == (35, 3)
    names = [r.weight for r in gradient_statistics(model, x, np.zeros((7, 3)), "mse")]
    assert names == ["kernel", "recurrent_kernel"]


def test_several_inputs_as_list_and_as_dict():
    first, second = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": first, "b": second}, keras.layers.Dense(2, name="sum")(first + second))
    records = activation_statistics(model, {"a": X, "b": -X})
    assert records[-1].layer == "sum"
    assert records[-1].rms == pytest.approx(0.0, abs=1e-6)
    listed = keras.Model([first, second], keras.layers.Dense(2, name="sum")(first + second))
    assert activation_statistics(listed, [X, -X])[-1].rms == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="`x` must be a list of 2 arrays, one per input"):
        activation_statistics(listed, X)


def test_embedding_takes_integers_and_its_sparse_gradient_is_summed():
    """J = mean of the outputs' squares ... one row used twice: its gradient is twice that of a row used once."""
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(4, 1, embeddings_initializer="ones"),
            keras.layers.Flatten(),
        ]
    )
    [record] = gradient_statistics(model, np.array([[0, 0, 2]]), np.zeros((1, 3)), "mse")
    # each output contributes 2·1/3; row 0 twice
    assert record.norm == pytest.approx(np.hypot(4 / 3, 2 / 3))
    assert record.zeros == 0.5


def test_half_precision_models():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", dtype="mixed_float16")])
    record = activation_statistics(model, X)[0]
    assert 0 < record.mean < 10


def test_training_mode_uses_the_statistics_of_the_batch():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(momentum=1.0, epsilon=1e-7)])
    assert activation_statistics(model, 5 + 3 * X)[0].mean > 4
    assert activation_statistics(model, 5 + 3 * X, training=True)[0].mean == pytest.approx(0, abs=1e-5)


def test_the_model_is_left_as_it_was():
    model = chain("relu")
    before = [w.numpy().copy() for w in model.weights]
    activation, call = model.layers[0].activation, model.layers[0].call
    layer_outputs(model, np.array([[1.0]]))
    gradient_statistics(model, np.array([[1.0]]), np.array([[1.0]]), "mse")
    assert model.layers[0].activation is activation
    assert model.layers[0].call == call
    assert "call" not in vars(model.layers[0])
    for one, other in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_the_model_is_left_as_it_was_after_an_error():
    class Broken(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2, "tanh")
            self.fail = False

        def call(self, x):
            x = self.dense(x)
            if self.fail:
                raise RuntimeError("broken")
            return x

    model = built(Broken())
    model.fail = True
    with pytest.raises(RuntimeError, match="broken"):
        layer_outputs(model, X)
    assert "call" not in vars(model.dense)
    assert model.dense.activation is keras.activations.tanh


# Callback


@pytest.mark.parametrize("make", [nested, lambda: built(Subclassed())])
def test_callback_records_during_fit(make):
    model = make()
    model.compile(keras.optimizers.SGD(0.1), CROSS_ENTROPY)
    wanted = gradient_statistics(model, X, Y)
    statistics = StatisticsCallback(X, Y, every=2)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[statistics])
    assert [record.epoch for record in statistics.records] == [0, 2]
    assert statistics.records[0].gradients == wanted
    assert statistics.records[0].activations != statistics.records[1].activations
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[statistics])
    assert [record.epoch for record in statistics.records] == [0, 2, 4]
    assert statistics.records[2].activations == activation_statistics(model, X)


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_callback_needs_a_positive_integer(every):
    with pytest.raises(ValueError, match="^`every` must be an integer >= 1. Received: every="):
        StatisticsCallback(X, Y, every=every)


# Errors

FUNCTIONS = [activation_statistics, layer_outputs, saturation, dead_units]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.zeros((3, 4), "uint8"), TypeError, "`x` must hold floating-point numbers; scale integer images first"),
        (np.array([[1.0, np.nan, 0, 0]]), ValueError, "`x` must hold finite numbers, no NaN. Received: x=ndarray of"),
        (np.array([[1.0, np.inf, 0, 0]]), ValueError, "`x` must hold finite numbers, no NaN"),
        (np.zeros((3, 5)), ValueError, "`x` must have the shape (None, 4). Received: x=ndarray of shape (3, 5)"),
        (np.zeros(4), ValueError, "`x` must have the shape (None, 4). Received: x=ndarray of shape (4,)"),
        (np.zeros((0, 4)), ValueError, "`x` must hold at least one input"),
        ("images", ValueError, "`x` must hold at least one input"),
    ],
)
def test_wrong_inputs(function, x, error, text):
    with pytest.raises(error) as raised:
        function(nested(), x)
    assert str(raised.value).startswith(text)


def test_other_keras_versions_are_refused_clearly():
    with pytest.raises(RuntimeError, match="hold their parts in another way"):
        sublayers(object())


def test_wrong_models():
    with pytest.raises(TypeError, match="^`model` must be a Keras model. Received: model=<Dense"):
        activation_statistics(keras.layers.Dense(3), X)
    with pytest.raises(ValueError, match="^`model` must be built: give it a keras.Input or call it on a batch first"):
        gradient_statistics(keras.Sequential([keras.layers.Dense(3)]), X, Y, CROSS_ENTROPY)


@pytest.mark.parametrize(
    ("y", "loss", "error", "text"),
    [
        (Y[:7], CROSS_ENTROPY, ValueError, "`y` must hold one target for each of the 50 inputs. Received: y=ndarray"),
        (np.full(50, np.nan), "mse", ValueError, "`y` must hold finite numbers, no NaN"),
        (np.array(["shirt"] * 50), "mse", TypeError, "`y` must hold numbers"),
        (Y, None, ValueError, "`loss` must be given, because the model is not compiled. Received: loss=None"),
        (Y, ["mse", "mae"], TypeError, "`loss` must be one loss: a name, a function or a keras.losses.Loss"),
    ],
)
def test_wrong_targets_and_losses(y, loss, error, text):
    with pytest.raises(error) as raised:
        gradient_statistics(nested(), X, y, loss)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize("function", [activation_statistics, saturation])
def test_threshold_must_be_positive(function):
    with pytest.raises(ValueError, match="^`threshold` must be a finite number > 0. Received: threshold=0"):
        function(nested(), X, threshold=0)
