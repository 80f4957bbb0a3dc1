"""The chapter's networks: parameters counted by hand, order of layers, fresh weights in every layer."""

import functools
import math

import keras
import numpy as np
import pytest

from handson11 import activations, layers
from handson11.initializers import HeNormal, LecunNormal
from handson11.models import bn_mlp, dense_stack, prelu_mlp, selu_stack, small_cnn

HIDDEN = {"relu": 2.0, "tanh": 1.0, "selu": 1.0}


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def trainable_and_not(model):
    return [sum(math.prod(w.shape) for w in ws) for ws in (model.trainable_weights, model.non_trainable_weights)]


def kernels(model):
    return [np.asarray(layer.kernel) for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_batch_norm_network():
    model = bn_mlp()
    assert model.count_params() == 271_346
    assert trainable_and_not(model) == [268_978, 2_368]
    dense_and_norm = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert dense_and_norm == [3_136, 235_500, 1_200, 30_100, 400, 1_010]
    expected = (
        "Flatten BatchNormalization Dense Activation BatchNormalization Dense Activation BatchNormalization Dense"
    )
    assert kinds(model) == expected.split()


def test_batch_norm_network_before_the_activation():
    model = bn_mlp(before_activation=True)
    assert model.count_params() == 270_946
    assert trainable_and_not(model) == [268_578, 2_368]
    expected = (
        "Flatten BatchNormalization Dense BatchNormalization Activation Dense BatchNormalization Activation Dense"
    )
    assert kinds(model) == expected.split()
    assert [layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [False, False, True]


def test_prelu_network():
    model = prelu_mlp()
    assert model.count_params() == 267_010
    assert model.count_params() - 400 == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10
    assert kinds(model) == ["Flatten", "Dense", "PReLU", "Dense", "PReLU", "Dense"]


def test_convolutional_network():
    model = small_cnn(filters=(4, 8), units=5, n_outputs=3, seed=1)
    expected = "Reshape Conv2D Activation Conv2D Activation Flatten Dense Activation Dense"
    assert kinds(model) == expected.split()
    by_layer = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert by_layer == [(9 + 1) * 4, (9 * 4 + 1) * 8, (7 * 7 * 8 + 1) * 5, (5 + 1) * 3]
    assert model.output_shape == (None, 3)
    same, other = (small_cnn(filters=(4, 8), units=5, n_outputs=3, seed=seed).get_weights() for seed in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(same[::2], other[::2], strict=True))


def test_convolutional_network_starts_with_he_weights():
    kernel = np.asarray(small_cnn(filters=(256, 256), seed=0).get_layer("convolution_2").kernel)
    assert kernel.var() * 9 * 256 == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("arguments", [{"filters": ()}, {"filters": (4, 0)}, {"units": 0}, {"n_outputs": 0}])
def test_convolutional_network_refuses_sizes(arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must "):
        small_cnn(**arguments)


def test_selu_network():
    model = selu_stack()
    assert model.count_params() == 1_256_410
    assert len(model.layers) == 102
    assert [layer.activation.__name__ for layer in model.layers[1:]] == ["selu"] * 100 + ["softmax"]
    assert {type(layer.kernel_initializer) for layer in model.layers[1:-1]} == {LecunNormal}
    assert selu_stack(depth=1).count_params() == 784 * 300 + 300 + 300 * 10 + 10


@pytest.mark.parametrize("build", [bn_mlp, prelu_mlp, functools.partial(selu_stack, depth=3)])
def test_the_classifiers_give_probabilities_from_images_and_repeat_by_seed(build):
    images = np.random.default_rng(0).normal(size=(5, 28, 28)).astype("float32")
    model = build(seed=3)
    probabilities = np.asarray(model(images))
    assert probabilities.shape == (5, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    for one, same in zip(kernels(model), kernels(build(seed=3)), strict=True):
        assert np.array_equal(one, same)
    assert not np.array_equal(kernels(model)[0], kernels(build(seed=4))[0])
    assert not np.array_equal(kernels(build())[0], kernels(build())[0])


def test_the_package_s_own_layers_are_used():
    assert any(isinstance(layer, layers.BatchNormalization) for layer in bn_mlp().layers)
    assert any(isinstance(layer, layers.PReLU) for layer in prelu_mlp().layers)


@pytest.mark.parametrize("activation", HIDDEN)
def test_dense_stack(activation):
    model = dense_stack(4, width=300, activation=activation, seed=1)
    assert model.count_params() == 784 * 300 + 300 + 3 * (300 * 300 + 300) + 300 * 10 + 10
    assert kinds(model) == ["Dense", "Activation"] * 4 + ["Dense"]
    for kernel in kernels(model)[1:-1]:
        assert kernel.var() * 300 == pytest.approx(HIDDEN[activation], rel=0.02)
    assert kernels(model)[-1].var() * 155 == pytest.approx(1, rel=0.1)  # Glorot: fan_avg = (300 + 10) / 2
    assert np.asarray(model(np.ones((2, 784), "float32"))).shape == (2, 10)
    assert model.layers[-1].activation is keras.activations.linear


def test_every_layer_starts_with_other_weights_even_from_one_object():
    shared = keras.initializers.RandomNormal(stddev=0.3, seed=5)
    for kernel_initializer in (None, "he_uniform", "lecun_uniform", shared, HeNormal(seed=5)):
        first, second, third = kernels(dense_stack(3, 50, kernel_initializer=kernel_initializer, n_inputs=50))[:3]
        assert not np.array_equal(first, second)
        assert not np.array_equal(second, third)


def test_dense_stack_repeats_by_seed_and_follows_the_global_seed():
    for one, same in zip(kernels(dense_stack(2, seed=7)), kernels(dense_stack(2, seed=7)), strict=True):
        assert np.array_equal(one, same)
    assert not np.array_equal(kernels(dense_stack(2, seed=7))[0], kernels(dense_stack(2, seed=8))[0])
    keras.utils.set_random_seed(42)
    first = kernels(dense_stack(2))[1]
    keras.utils.set_random_seed(42)
    assert np.array_equal(first, kernels(dense_stack(2))[1])


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        (keras.initializers.RandomNormal(stddev=1.0), 1.0),
        ("random_normal", 0.05),
        ("glorot_uniform", math.sqrt(1 / 200)),
        (HeNormal(negative_slope=0.5), math.sqrt(1.6 / 200)),
        ("zeros", 0.0),
    ],
)
def test_initializers_by_name_or_object(initializer, std):
    kernel = kernels(dense_stack(2, 200, kernel_initializer=initializer, seed=1))[1]
    assert kernel.std() == pytest.approx(std, rel=0.02)


def test_batch_norm_after_and_before():
    after = dense_stack(2, 50, batch_norm="after", batch_norm_momentum=0.9)
    assert kinds(after) == ["Dense", "Activation", "BatchNormalization"] * 2 + ["Dense"]
    assert after.count_params() == 784 * 50 + 50 + 50 * 50 + 50 + 2 * 200 + 50 * 10 + 10
    assert after.layers[2].momentum == 0.9
    before = dense_stack(2, 50, batch_norm="before", batch_norm_first=True)
    assert kinds(before) == ["BatchNormalization", *["Dense", "BatchNormalization", "Activation"] * 2, "Dense"]
    assert before.count_params() == 784 * 4 + 784 * 50 + 50 * 50 + 2 * 200 + 50 * 10 + 10


def test_activation_as_function_factory_or_none():
    x = np.random.default_rng(0).normal(size=(4, 784)).astype("float32")
    by_name = np.asarray(dense_stack(2, activation="relu", seed=1)(x))
    by_function = np.asarray(dense_stack(2, activation=activations.relu, seed=1)(x))
    np.testing.assert_allclose(by_name, by_function, rtol=1e-6)
    model = dense_stack(2, 50, activation=layers.PReLU)
    assert kinds(model) == ["Dense", "PReLU"] * 2 + ["Dense"]
    assert model.layers[1] is not model.layers[3]
    slopes = dense_stack(2, activation=lambda: layers.LeakyReLU(negative_slope=0.1))
    assert slopes.layers[1].negative_slope == pytest.approx(0.1)
    assert kernels(model)[1].var() * 50 == pytest.approx(2, rel=0.15)
    linear = dense_stack(2, activation=None, seed=1)
    weights = kernels(linear)
    np.testing.assert_allclose(np.asarray(linear(x)), x @ weights[0] @ weights[1] @ weights[2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"depth": 0}, ValueError, "`depth` must be >= 1. Received: depth=0"),
        ({"depth": 2.0}, TypeError, "`depth` must be an integer. Received: depth=2.0"),
        ({"depth": 2, "width": True}, TypeError, "`width` must be an integer. Received: width=True"),
        ({"depth": 2, "n_inputs": -3}, ValueError, "`n_inputs` must be >= 1. Received: n_inputs=-3"),
        (
            {"depth": 2, "batch_norm": "around"},
            ValueError,
            "`batch_norm` must be one of ['after', 'before']. Received: batch_norm='around'",
        ),
        (
            {"depth": 2, "batch_norm_momentum": 1.0},
            ValueError,
            "`batch_norm_momentum` must be in [0, 1). Received: batch_norm_momentum=1.0",
        ),
        ({"depth": 2, "seed": 1.5}, TypeError, "`seed` must be an integer or None. Received: seed=1.5"),
        ({"depth": 2, "seed": -1}, ValueError, "`seed` must be >= 0. Received: seed=-1"),
        (
            {"depth": 2, "kernel_initializer": 5},
            TypeError,
            "`kernel_initializer` must be None, a name or a Keras initializer. Received: kernel_initializer=5",
        ),
        (
            {"depth": 2, "activation": lambda: 5},
            TypeError,
            "`activation` must make a keras.Layer when called. Received: activation=5",
        ),
    ],
)
def test_dense_stack_refuses(arguments, error, text):
    with pytest.raises(error) as caught:
        dense_stack(**arguments)
    assert str(caught.value) == text


def test_dense_stack_refuses_unknown_names_and_shared_layers():
    with pytest.raises(ValueError, match="`kernel_initializer` must be one of .*Received: kernel_initializer='xavier'"):
        dense_stack(2, kernel_initializer="xavier")
    with pytest.raises(TypeError, match="`activation` must be .* not one layer for all"):
        dense_stack(2, activation=layers.PReLU())
    with pytest.raises(
        ValueError, match="`activation` must be the name of a Keras activation. Received: activation='typo'"
    ):
        dense_stack(2, activation="typo")


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: bn_mlp("yes"), "`before_activation` must be True or False. Received: before_activation='yes'"),
        (lambda: selu_stack("9"), "`depth` must be an integer. Received: depth='9'"),
        (lambda: prelu_mlp("x"), "`seed` must be an integer or None. Received: seed='x'"),
    ],
)
def test_the_classifiers_refuse(build, text):
    with pytest.raises(TypeError) as caught:
        build()
    assert str(caught.value) == text
