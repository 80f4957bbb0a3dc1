"""Batch normalization as pure functions, against paper and pencil, finite differences, TensorFlow and Keras."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import layers
from handson11.normalization import (
    batch_norm,
    batch_norm_backward,
    batch_statistics,
    fold_batch_norm,
    moving_average,
    scale_and_shift,
)

RNG = np.random.default_rng(11)


# Paper and pencil


def test_statistics_of_four_numbers():
    mean, variance = batch_statistics(np.array([[1.0, -1.0], [2.0, -1.0], [3.0, 5.0], [6.0, 5.0]]))
    np.testing.assert_array_equal(mean, [3.0, 2.0])
    np.testing.assert_array_equal(variance, [14 / 4, 9.0])  # 4 + 1 + 0 + 9 divided by 4, not by 3


def test_forward_by_hand():
    # mean 3, variance 4, ε = 5: divide by 3
    x = np.array([[1.0], [5.0], [1.0], [5.0]])
    np.testing.assert_allclose(batch_norm(x, epsilon=5.0), [[-2 / 3], [2 / 3], [-2 / 3], [2 / 3]], rtol=1e-15)
    np.testing.assert_allclose(
        batch_norm(x, gamma=np.array([6.0]), beta=np.array([0.5]), epsilon=5.0), [[-3.5], [4.5], [-3.5], [4.5]]
    )


def test_epsilon_is_inside_the_root():
    # a variance of 0 leaves √ε, so a distance of 1 becomes 1 / √0.01 = 10; outside the root it would be 100
    assert batch_norm([[3.0]], epsilon=0.01, mean=[2.0], variance=[0.0])[0, 0] == pytest.approx(10.0)


def test_inference_uses_the_given_statistics():
    z = batch_norm([[4.0, 0.0]], gamma=[2.0, 1.0], beta=[1.0, 1.0], epsilon=0.0, mean=[1.0, 2.0], variance=[9.0, 4.0])
    np.testing.assert_allclose(z, [[3.0, 0.0]], rtol=1e-15)


def test_images_count_every_pixel():
    x = np.arange(24.0).reshape(2, 2, 2, 3)
    mean, variance = batch_statistics(x)
    np.testing.assert_array_equal(mean, [10.5, 11.5, 12.5])
    np.testing.assert_array_equal(variance, [47.25] * 3)  # 9 (8² - 1) / 12


def test_mask_counts_only_what_is_true():
    x = np.array([[[1.0, 10.0], [99.0, 99.0]], [[3.0, 10.0], [5.0, 40.0]]])
    mask = np.array([[True, False], [True, True]])
    mean, variance = batch_statistics(x, mask=mask)
    np.testing.assert_allclose(mean, [3.0, 20.0], rtol=1e-15)
    np.testing.assert_allclose(variance, [8 / 3, 200.0], rtol=1e-15)


def test_nothing_to_count_gives_zeros():
    mean, variance = batch_statistics(np.ones((2, 3, 4)), mask=np.zeros((2, 3), bool))
    np.testing.assert_array_equal(mean, np.zeros(4))
    np.testing.assert_array_equal(variance, np.zeros(4))


def test_backward_by_hand():
    # x̂ = (-1, 1) with ε = 0; for two points the gradient always vanishes
    gradient_x, gradient_gamma, gradient_beta = batch_norm_backward(
        np.array([[1.0], [4.0]]), np.array([[2.0], [6.0]]), epsilon=0.0
    )
    np.testing.assert_allclose(gradient_x, [[0.0], [0.0]], atol=1e-15)
    assert (gradient_gamma.item(), gradient_beta.item()) == (3.0, 5.0)
    # with ε = 5: σ = 3, x̂ = ∓2/3, mean of g x̂ = 1, dx = (γ/3) (∓1.5 ± 2/3)
    gradient_x, *_ = batch_norm_backward(
        np.array([[1.0], [4.0]]), np.array([[1.0], [5.0]]), gamma=np.array([6.0]), epsilon=5.0
    )
    np.testing.assert_allclose(gradient_x, [[2 * (-1.5 + 2 / 3)], [2 * (1.5 - 2 / 3)]], rtol=1e-14)


def test_moving_average_by_hand():
    assert moving_average(2.0, 12.0, momentum=0.9) == pytest.approx(3.0)
    assert moving_average(2.0, 12.0, momentum=1.0) == 2.0
    assert moving_average(2.0, 12.0, momentum=0.0) == 12.0


def test_moving_average_from_zero_is_a_geometric_sum():
    average = 0.0
    for _ in range(29):
        average = moving_average(average, 1.0, momentum=0.9)
    assert average == pytest.approx(1 - 0.9**29, rel=1e-12)
    assert average > 0.95 > 1 - 0.9**28  # 29 updates to 95 %


def test_scale_and_shift_are_the_whole_layer():
    scale, shift = scale_and_shift(np.array([3.0]), np.array([8.0]), np.array([6.0]), np.array([1.0]), epsilon=1.0)
    assert (scale.item(), shift.item()) == pytest.approx((2.0, -5.0))


# The gradient


def numerical_gradient(function, x, step=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        forth, back = x.copy(), x.copy()
        forth[index] += step
        back[index] -= step
        gradient[index] = (function(forth) - function(back)) / (2 * step)
    return gradient


@pytest.mark.parametrize(("shape", "axis"), [((6, 3), -1), ((4, 3, 5), 1), ((3, 2, 2, 4), -1), ((3, 4), 0)])
def test_gradient_check(shape, axis):
    x, weight = RNG.normal(2, 3, shape), RNG.normal(size=shape)
    gamma, beta = RNG.normal(1, 0.5, shape[axis]), RNG.normal(size=shape[axis])

    def loss(x, gamma, beta):
        return np.sum(weight * np.sin(batch_norm(x, gamma, beta, epsilon=0.1, axis=axis)))

    upstream = weight * np.cos(batch_norm(x, gamma, beta, epsilon=0.1, axis=axis))
    ours = batch_norm_backward(upstream, x, gamma, epsilon=0.1, axis=axis)
    numeric = (
        numerical_gradient(lambda v: loss(v, gamma, beta), x),
        numerical_gradient(lambda v: loss(x, v, beta), gamma),
        numerical_gradient(lambda v: loss(x, gamma, v), beta),
    )
    for mine, reference in zip(ours, numeric, strict=True):
        assert np.max(np.abs(mine - reference)) < 1e-5 * max(1.0, np.max(np.abs(reference)))


@pytest.mark.parametrize(("shape", "axis"), [((16, 5), -1), ((4, 3, 6, 6), 1)])
def test_backward_equals_the_tape_through_keras(shape, axis):
    x, upstream = (RNG.normal(size=shape).astype("float32") for _ in range(2))
    layer = keras.layers.BatchNormalization(axis=axis)
    layer.build(shape)
    gamma = RNG.normal(1, 0.3, shape[axis]).astype("float32")
    layer.gamma.assign(gamma)
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs, training=True) * upstream)
    reference = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
    for run in (
        lambda *a: batch_norm_backward(*a, axis=axis),
        tf.function(lambda *a: batch_norm_backward(*a, axis=axis)),
    ):
        for mine, theirs in zip(run(upstream, inputs, gamma), reference, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5, rtol=1e-5)
    exact = batch_norm_backward(upstream.astype("float64"), x.astype("float64"), gamma.astype("float64"), axis=axis)
    for mine, theirs in zip(exact, reference, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6 * max(1.0, np.max(np.abs(mine))))


def test_without_gamma_the_gradient_is_that_of_ones():
    x, upstream = RNG.normal(size=(2, 7, 3))
    for mine, other in zip(batch_norm_backward(upstream, x), batch_norm_backward(upstream, x, np.ones(3)), strict=True):
        np.testing.assert_array_equal(mine, other)


# NumPy, tensors, kinds of numbers


@pytest.mark.parametrize("masked", [False, True])
def test_tensors_agree_with_numpy(masked):
    x = RNG.normal(3, 2, (8, 5, 4)).astype("float32")
    mask = RNG.random((8, 5)) < 0.6 if masked else None
    exact = batch_norm(x.astype("float64"), mask=mask)
    np.testing.assert_allclose(batch_norm(x, mask=mask), exact, atol=2e-6)
    np.testing.assert_allclose(
        batch_norm(tf.constant(x), mask=None if mask is None else tf.constant(mask)), exact, atol=2e-6
    )
    compiled = tf.function(lambda x: batch_norm(x, mask=mask), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(x)), exact, atol=2e-6)


def test_half_precision_is_computed_in_single():
    x = np.array([[300.0], [-300.0]], dtype="float16")  # 300² overflows float16
    z = batch_norm(x)
    assert z.dtype == np.float16
    np.testing.assert_array_equal(z, np.array([[1.0], [-1.0]], "float16"))
    tensor = batch_norm(tf.constant([[3e30], [-3e30]], "bfloat16") * 1e-20)
    assert tensor.dtype == tf.bfloat16
    np.testing.assert_array_equal(tf.cast(tensor, "float32"), [[1.0], [-1.0]])


def test_integers_become_real_numbers():
    assert batch_norm(np.array([[0], [255]], dtype="uint8"), epsilon=0.0).tolist() == [[-1.0], [1.0]]
    np.testing.assert_allclose(
        batch_norm(tf.constant([[0], [255]], dtype="uint8"), epsilon=0.0), [[-1.0], [1.0]], atol=1e-6
    )


def test_nan_stays_visible():
    z = batch_norm(np.array([[np.nan, 1.0], [1.0, 3.0]]))
    assert np.isnan(z[:, 0]).all()
    assert np.isfinite(z[:, 1]).all()


# Folding


def trained_batch_norm(features, cls=keras.layers.BatchNormalization, axis=-1, **arguments):
    layer = cls(axis=axis, **arguments)
    shape = [None, *features[1:]] if isinstance(features, tuple) else [None, features]
    layer.build(tuple(shape))
    for variable in layer.weights:
        variable.assign(RNG.uniform(0.5, 2.0, variable.shape))
    return layer


FOLDABLE = [
    (keras.layers.Dense, {"units": 7}, (5,)),
    (keras.layers.Dense, {"units": 7}, (4, 5)),
    (keras.layers.Conv1D, {"filters": 6, "kernel_size": 3, "padding": "same"}, (9, 4)),
    (keras.layers.Conv2D, {"filters": 6, "kernel_size": 3, "padding": "same", "groups": 2}, (8, 8, 4)),
    (keras.layers.Conv3D, {"filters": 3, "kernel_size": 2}, (4, 4, 4, 2)),
    (keras.layers.Conv1DTranspose, {"filters": 3, "kernel_size": 2}, (5, 4)),
    (keras.layers.Conv2DTranspose, {"filters": 3, "kernel_size": 2, "strides": 2}, (5, 5, 4)),
    (keras.layers.Conv3DTranspose, {"filters": 3, "kernel_size": 2}, (3, 3, 3, 2)),
    (keras.layers.DepthwiseConv1D, {"kernel_size": 3, "depth_multiplier": 2}, (8, 3)),
    (keras.layers.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2}, (8, 8, 3)),
]


def check_folding(layer, bn_class, shape):
    x = RNG.normal(size=(3, *shape)).astype("float32")
    outputs = layer(x)
    bn = trained_batch_norm(tuple(outputs.shape), bn_class)
    expected = bn(outputs)
    before = [np.asarray(w) for w in layer.weights]
    folded = fold_batch_norm(layer, bn)
    assert type(folded) is type(layer)
    assert folded is not layer
    assert folded.use_bias
    np.testing.assert_allclose(folded(x), expected, atol=1e-5)
    for old, new in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("cls", "arguments", "shape"), FOLDABLE, ids=lambda v: getattr(v, "__name__", None))
def test_folding_keeps_the_outputs(cls, arguments, shape, use_bias):
    layer = cls(**arguments, use_bias=use_bias, bias_initializer="random_normal")
    check_folding(layer, keras.layers.BatchNormalization, shape)


def test_folding_takes_our_batch_normalization_too():
    check_folding(keras.layers.Dense(7), layers.BatchNormalization, (5,))


@pytest.mark.parametrize("arguments", [{"center": False}, {"scale": False}, {"center": False, "scale": False}])
def test_folding_without_gamma_or_beta(arguments):
    x = RNG.normal(size=(3, 4)).astype("float32")
    dense = keras.layers.Dense(6, use_bias=False)
    outputs = dense(x)
    bn = trained_batch_norm(6, **arguments)
    np.testing.assert_allclose(fold_batch_norm(dense, bn)(x), bn(outputs), atol=1e-5)


def test_folding_by_hand():
    dense = keras.layers.Dense(1, use_bias=True)
    dense.build((None, 2))
    dense.set_weights([np.array([[1.0], [2.0]]), np.array([3.0])])
    bn = keras.layers.BatchNormalization(epsilon=1.0)
    bn.build((None, 1))
    bn.set_weights([np.array([6.0]), np.array([0.5]), np.array([1.0]), np.array([8.0])])  # s = 6/3 = 2
    folded = fold_batch_norm(dense, bn)
    np.testing.assert_allclose(np.asarray(folded.kernel), [[2.0], [4.0]], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(folded.bias), [4.5], rtol=1e-6)


def test_folded_layer_can_be_saved(tmp_path):
    dense, bn = keras.layers.Dense(3), keras.layers.BatchNormalization()
    x = RNG.normal(size=(2, 4)).astype("float32")
    bn(dense(x))
    model = keras.Sequential([keras.Input((4,)), fold_batch_norm(dense, bn)])
    model.save(tmp_path / "folded.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "folded.keras")(x), model(x))


# Errors: one form


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: batch_norm(np.ones((2, 3)), axis=2), ValueError, "`axis` must be an axis of an input with 2 axes"),
        (lambda: batch_norm(np.ones((2, 3)), axis=1.0), TypeError, "`axis` must be one integer"),
        (lambda: batch_norm(np.ones((2, 3)), axis=True), TypeError, "`axis` must be one integer"),
        (
            lambda: batch_norm(np.ones((2, 3)), gamma=np.ones(2)),
            ValueError,
            r"`gamma` must be a vector .* shape \(3,\)",
        ),
        (lambda: batch_norm(tf.ones((2, 3)), beta=tf.ones(2)), ValueError, r"`beta` must be a vector .* shape \(3,\)"),
        (lambda: batch_norm(np.ones((2, 3)), epsilon=-1e-3), ValueError, "`epsilon` must be a number of at least 0"),
        (lambda: batch_norm(np.ones((2, 3)), epsilon=np.nan), ValueError, "`epsilon` must be a number of at least 0"),
        (lambda: batch_norm(np.ones((2, 3)), epsilon="tiny"), TypeError, "`epsilon` must be a number of at least 0"),
        (
            lambda: batch_norm(np.ones((2, 3)), mean=np.ones(3)),
            ValueError,
            "`variance` must be given together with `mean`",
        ),
        (lambda: batch_norm(np.array([["a"]])), TypeError, "`x` must hold real numbers"),
        (lambda: batch_norm(np.ones((2, 1)) * 1j), TypeError, "`x` must hold real numbers"),
        (lambda: batch_norm(3.0), ValueError, "`x` must have at least one axis"),
        (lambda: batch_statistics(np.ones((2, 3)), mask=np.ones((2, 3))), ValueError, "`mask` must have one axis less"),
        (lambda: batch_statistics(np.ones((2, 3)), synchronized=True), ValueError, "`synchronized` must be False for"),
        (lambda: batch_norm_backward(np.ones((2, 2)), np.ones((2, 3))), ValueError, r"`gradient` must have the shape"),
        (lambda: batch_norm_backward(np.ones((2, 3)), np.ones((2, 3)), epsilon=-1), ValueError, "`epsilon` must"),
        (lambda: batch_norm_backward(np.ones((2, 3)), np.ones((2, 3)), np.ones(4)), ValueError, "`gamma` must"),
        (lambda: moving_average(0.0, 1.0, momentum=1.1), ValueError, r"`momentum` must be in \[0, 1\]. Received: mom"),
        (lambda: moving_average(0.0, 1.0, momentum=None), TypeError, r"`momentum` must be in \[0, 1\]"),
    ],
)
def test_wrong_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call()


def built(layer, shape):
    layer.build(shape)
    return layer


@pytest.mark.parametrize(
    ("layer", "bn", "error", "text"),
    [
        (lambda: built(keras.layers.Dense(3), (None, 2)), lambda: keras.layers.BatchNormalization(), ValueError,
         "`bn` must be built"),
        (lambda: keras.layers.Dense(3), lambda: trained_batch_norm(3), ValueError, "`layer` must be built"),
        (lambda: built(keras.layers.Dense(3, activation="relu"), (None, 2)), lambda: trained_batch_norm(3), ValueError,
         "`layer` must have no activation"),
        (lambda: built(keras.layers.Dense(3), (None, 2)), lambda: trained_batch_norm(4), ValueError,
         "`bn` must have one number for each of the 3 outputs"),
        (lambda: built(keras.layers.Conv2D(3, 1), (None, 3, 3, 2)), lambda: trained_batch_norm((0, 3, 3, 3), axis=1),
         ValueError, "`bn` must normalize the features of the layer, axis 3"),
        (lambda: built(keras.layers.Conv2D(3, 1, data_format="channels_first"), (None, 2, 5, 5)),
         lambda: trained_batch_norm((0, 3, 5, 5)), ValueError, "`bn` must normalize the features of the layer, axis 1"),
        (lambda: built(keras.layers.Embedding(3, 4), (None,)), lambda: trained_batch_norm(4), TypeError,
         "`layer` must be one of Dense, Conv1D"),
        (lambda: built(keras.layers.Dense(3), (None, 2)), lambda: keras.layers.LayerNormalization(), TypeError,
         "`bn` must be a BatchNormalization layer"),
    ],
)  # fmt: skip
def test_what_cannot_be_folded(layer, bn, error, text):
    with pytest.raises(error, match=text):
        fold_batch_norm(layer(), bn())


HAS_RENORM = "renorm" in inspect.signature(keras.layers.BatchNormalization.__init__).parameters


@pytest.mark.skipif(not HAS_RENORM, reason="this Keras has no renorm")
def test_renormalized_statistics_cannot_be_folded():
    with pytest.raises(ValueError, match="`bn` must have renorm=False"):
        fold_batch_norm(built(keras.layers.Dense(3), (None, 2)), trained_batch_norm(3, renorm=True))


def test_changed_weights_cannot_be_folded():
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    dense.enable_lora(1)
    with pytest.raises(ValueError, match="`layer` must have plain weights"):
        fold_batch_norm(dense, trained_batch_norm(3))


def test_channels_first_convolutions_fold_too():
    conv = keras.layers.Conv2D(3, 2, data_format="channels_first")
    conv.build((None, 2, 5, 5))
    bn = trained_batch_norm((0, 3, 4, 4), axis=1)
    folded = fold_batch_norm(conv, bn)
    np.testing.assert_allclose(
        np.asarray(folded.kernel),
        np.asarray(conv.kernel) * np.asarray(bn.gamma) / np.sqrt(np.asarray(bn.moving_variance) + 1e-3),
        rtol=1e-5,
    )


def test_a_single_instance_has_no_spread():
    for x in (np.array([3.0, -7.0]), tf.constant([3.0, -7.0])):
        mean, variance = batch_statistics(x)
        np.testing.assert_array_equal(mean, [3.0, -7.0])
        np.testing.assert_array_equal(variance, [0.0, 0.0])
        np.testing.assert_allclose(batch_norm(x), [0.0, 0.0], atol=1e-5)
