"""Gradient clipping against paper and pencil, TensorFlow and the optimizers of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.clipping import angle_between, clip_by_global_norm, clip_by_norm, clip_by_value, global_norm

GRADIENT = np.array([0.9, 100.0])
RULES = {
    "clipvalue": lambda gradients, c: clip_by_value(gradients, c),
    "clipnorm": lambda gradients, c: [clip_by_norm(g, c) for g in gradients],
    "global_clipnorm": clip_by_global_norm,
}
REFERENCES = {
    "clipvalue": lambda gradients, c: [tf.clip_by_value(g, -c, c) for g in gradients],
    "clipnorm": lambda gradients, c: [tf.clip_by_norm(g, c) for g in gradients],
    "global_clipnorm": lambda gradients, c: tf.clip_by_global_norm(gradients, c)[0],
}


def stream(dtype="float32"):
    """Gradients of three weights, from far below to far above a threshold of 1."""
    generator = np.random.default_rng(0)
    for scale in 10.0 ** np.arange(-4, 5):
        yield [(scale * generator.normal(size=shape)).astype(dtype) for shape in [(5, 3), (3,), (2, 2, 4)]]


# Paper and pencil


def test_value_cuts_each_entry():
    np.testing.assert_array_equal(clip_by_value(np.array([-7.0, -0.5, 0.0, 2.0]), 2), [-2.0, -0.5, 0.0, 2.0])


def test_norm_of_a_3_4_5_triangle():
    np.testing.assert_allclose(clip_by_norm(np.array([3.0, 4.0]), 1.0), [0.6, 0.8], rtol=1e-15)
    np.testing.assert_allclose(clip_by_norm(np.array([[3.0], [4.0]]), 2.5), [[1.5], [2.0]], rtol=1e-15)


def test_short_gradients_are_untouched():
    gradient = np.array([0.3, -0.4])
    for c in (0.5, 0.7, 1e6):
        np.testing.assert_array_equal(clip_by_norm(gradient, c), gradient)
    np.testing.assert_array_equal(clip_by_global_norm([gradient, 0 * gradient], 0.51)[0], gradient)


def test_global_norm_uses_one_factor():
    first, second = clip_by_global_norm([np.array([2.0, 3.0]), np.array([[6.0]])], 1.0)
    np.testing.assert_allclose(first, [2 / 7, 3 / 7], rtol=1e-15)
    np.testing.assert_allclose(second, [[6 / 7]], rtol=1e-15)
    assert global_norm([np.array([2.0, 3.0]), None, np.array([[6.0]])]) == pytest.approx(7.0, rel=1e-15)


def test_norm_of_one_tensor_alone_or_in_a_list():
    assert global_norm(np.array([3.0, 4.0])) == global_norm([3.0, 4.0]) == pytest.approx(5.0)


def test_cl_30_value_turns_the_gradient_and_norm_does_not():
    np.testing.assert_array_equal(clip_by_value(GRADIENT, 1.0), [0.9, 1.0])
    pencil = np.degrees(np.arctan2(100, 0.9) - np.arctan2(1, 0.9))
    assert angle_between(GRADIENT, clip_by_value(GRADIENT, 1.0)) == pytest.approx(pencil, abs=1e-10)
    length = np.sqrt(0.81 + 10_000)
    np.testing.assert_allclose(clip_by_norm(GRADIENT, 1.0), [0.9 / length, 100 / length], rtol=1e-14)
    assert angle_between(GRADIENT, clip_by_norm(GRADIENT, 1.0)) < 1e-10


def test_cl_31_norm_per_tensor_turns_the_whole_gradient():
    whole = [GRADIENT, np.array([3.0])]
    one_by_one = [clip_by_norm(g, 1.0) for g in whole]
    np.testing.assert_allclose(one_by_one[1], [1.0], rtol=1e-15)
    together = clip_by_global_norm(whole, 1.0)
    np.testing.assert_allclose(together[1], [3 / np.sqrt(0.81 + 10_000 + 9)], rtol=1e-14)
    assert angle_between(whole, one_by_one) == pytest.approx(45 - np.degrees(np.arctan2(3, np.hypot(0.9, 100))))
    assert angle_between(whole, together) < 1e-10


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ([1.0, 0.0], [0.0, 5.0], 90.0),
        ([1.0, 0.0], [-3.0, 0.0], 180.0),
        ([1.0, 0.0], [1.0, 1.0], 45.0),
        ([1.0, 0.0], [1.0, 3**0.5], 60.0),
        ([1.0, 0.0], [1.0, 1e-8], np.degrees(1e-8)),
        ([1e200, 1e200], [1e-200, 1e-200], 0.0),
    ],
)
def test_angles(first, second, degrees):
    assert angle_between(first, second) == pytest.approx(degrees, rel=1e-9, abs=1e-12)


def test_angle_of_lists_is_that_of_the_joined_vectors():
    lists = [np.array([1.0]), None, np.array([[0.0, 0.0]])], [np.array([1.0]), None, np.array([[1.0, 0.0]])]
    assert angle_between(*lists) == pytest.approx(45.0)
    assert float(angle_between(tf.constant([1.0, 0.0]), tf.constant([0.0, 2.0]))) == pytest.approx(90.0)


# Agreement


@pytest.mark.parametrize("mode", ["numpy", "eager", "graph", "xla"])
@pytest.mark.parametrize("rule", RULES)
def test_agrees_with_tensorflow(rule, mode):
    ours = RULES[rule]
    if mode in ("graph", "xla"):
        ours = tf.function(lambda gradients: RULES[rule](gradients, 1.0), jit_compile=mode == "xla")
    for gradients in stream():
        tensors = gradients if mode == "numpy" else [tf.constant(g) for g in gradients]
        got = ours(tensors) if mode in ("graph", "xla") else ours(tensors, 1.0)
        wanted = REFERENCES[rule]([tf.constant(g) for g in gradients], 1.0)
        for one, other in zip(got, wanted, strict=True):
            assert str(one.dtype).strip("<>").split()[-1].strip("'") == "float32"
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_agrees_with_the_optimizers_of_keras(rule):
    """The updates that Keras applies: with plain descent and rate 1 the change of a weight is minus its gradient."""
    for gradients in stream():
        variables = [keras.Variable(np.zeros_like(g)) for g in gradients]
        keras.optimizers.SGD(1.0, **{rule: 1.0}).apply(list(map(tf.constant, gradients)), variables)
        for one, variable in zip(RULES[rule](gradients, 1.0), variables, strict=True):
            np.testing.assert_allclose(one, -variable.numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_float64_is_kept_and_exact(rule):
    for gradients in stream("float64"):
        tensors = RULES[rule]([tf.constant(g) for g in gradients], 0.9)
        wanted = REFERENCES[rule]([tf.constant(g) for g in gradients], tf.constant(0.9, tf.float64))
        for one, other in zip(tensors, wanted, strict=True):
            assert one.dtype == tf.float64
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_sparse_gradients_of_an_embedding_are_summed_first():
    sparse = tf.IndexedSlices(tf.constant([[1.0, 2.0], [2.0, 2.0]]), tf.constant([0, 0]), tf.constant([3, 2]))
    np.testing.assert_allclose(clip_by_norm(sparse, 1.0), [[0.6, 0.8], [0, 0], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(clip_by_value(sparse, 3.5), [[3, 3.5], [0, 0], [0, 0]])


def test_gradients_flow_through_the_clipping():
    """g = 5·(0.6, 0.8): along the gradient the clipped length does not change, across it it changes by 1/5."""
    w = tf.Variable([3.0, 4.0])
    with tf.GradientTape() as tape:
        first = clip_by_norm(w * 1.0, 1.0)[0]
    np.testing.assert_allclose(tape.gradient(first, w), [0.16 / 1.25, -0.12 / 1.25], atol=1e-6)


# Zero, NaN, infinity, extreme sizes


@pytest.mark.parametrize("make", [np.array, tf.constant])
def test_zero_stays_zero(make):
    zeros = make([0.0, 0.0])
    for clip in (clip_by_value, clip_by_norm):
        np.testing.assert_array_equal(clip(zeros, 1.0), [0, 0])
    np.testing.assert_array_equal(clip_by_global_norm([zeros, zeros], 1e-3), np.zeros((2, 2)))
    assert float(global_norm([zeros])) == 0
    assert np.isnan(float(angle_between(zeros, make([1.0, 0.0]))))


@pytest.mark.parametrize("mode", ["numpy", "eager", "graph", "xla"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_not_hidden(bad, mode):
    gradients = [np.array([bad, 1.0, -3.0], "float32"), np.array([2.0], "float32")]

    def everything(gradients):
        return (
            clip_by_value(gradients, 2.0)[0],
            clip_by_norm(gradients[0], 2.0),
            *clip_by_global_norm(gradients, 2.0),
            global_norm(gradients),
        )

    if mode != "numpy":
        gradients = [tf.constant(g) for g in gradients]
    if mode in ("graph", "xla"):
        everything = tf.function(everything, jit_compile=mode == "xla")
    by_value, by_norm, first, second, norm = [np.asarray(g) for g in everything(gradients)]
    np.testing.assert_array_equal(by_value, [np.nan if np.isnan(bad) else np.sign(bad) * 2, 1, -2])
    for result in (by_norm, first, second, norm):
        assert np.isnan(result).all()
    if mode == "eager":
        np.testing.assert_array_equal(by_value, tf.clip_by_value(gradients[0], -2, 2))
        np.testing.assert_array_equal(first, tf.clip_by_global_norm(gradients, 2.0)[0][0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_squares_do_not_overflow_in_half_precision(dtype):
    clipped = clip_by_norm(tf.cast([300.0, 400.0], dtype), 1.0)
    assert clipped.dtype == dtype
    np.testing.assert_allclose(tf.cast(clipped, "float32"), [0.6, 0.8], rtol=4e-3)
    assert float(global_norm([tf.cast([300.0, 400.0], dtype)])) == pytest.approx(500.0, rel=2e-3)
    assert clip_by_norm(np.float16([300, 400]), 1.0).dtype == "float16"
    assert float(global_norm(tf.ones(90_000, dtype))) == pytest.approx(300.0)  # the sum is beyond float16's 65,504


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("make", [np.float32, tf.constant])
def test_extreme_sizes_in_single_precision(make, size):
    gradient = make([3 * size, 4 * size])
    expected = [0.6, 0.8] if size > 1 else [3 * size, 4 * size]
    np.testing.assert_allclose(clip_by_norm(gradient, 1.0), expected, rtol=1e-6)
    assert float(global_norm([gradient])) == pytest.approx(5 * size, rel=1e-6)


def test_keras_loses_huge_gradients_that_we_keep():
    """The squares of 1e25 overflow in float32: clipnorm then makes no step at all, global_clipnorm a NaN."""
    huge = tf.constant([3e25, 4e25])
    for rule, lost in {"clipnorm": [0.0, 0.0], "global_clipnorm": [np.nan, np.nan]}.items():
        variable = keras.Variable(np.zeros(2))
        keras.optimizers.SGD(1.0, **{rule: 1.0}).apply([huge], [variable])
        np.testing.assert_array_equal(np.abs(variable.numpy()), lost)
        np.testing.assert_allclose(RULES[rule]([huge], 1.0)[0], [0.6, 0.8], rtol=1e-6)


def test_none_and_empty_gradients_pass():
    assert clip_by_value([None, GRADIENT], 1.0)[0] is None
    assert clip_by_global_norm([None, GRADIENT], 1.0)[0] is None
    assert clip_by_norm(np.zeros((0, 3)), 1.0).shape == (0, 3)


# Errors


@pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_by_global_norm])
def test_threshold_must_be_positive(clip, bad):
    with pytest.raises(ValueError, match=r"^`(clipvalue|clipnorm|global_clipnorm)` must be a finite number > 0\. Rec"):
        clip([GRADIENT] if clip is clip_by_global_norm else GRADIENT, bad)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: clip_by_value(GRADIENT, "1"), "`clipvalue` must be a finite number > 0. Received: clipvalue='1'"),
        (lambda: clip_by_value(np.array([1, 2]), 1.0), "`gradients` must be floating point. Received: gradients=nda"),
        (lambda: clip_by_value(True, 1.0), "`gradients` must be a floating-point array or tensor. Received: grad"),
        (lambda: clip_by_norm([GRADIENT], 1.0), "`gradient` must be one array or tensor, not a list of them"),
        (lambda: clip_by_norm("steep", 1.0), "`gradient` must be a floating-point array or tensor"),
        (lambda: clip_by_global_norm(GRADIENT, 1.0), "`gradients` must be a list of arrays or tensors. Received: g"),
    ],
)
def test_wrong_types(call, text):
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value).startswith(text)


def test_wrong_shapes_and_empty_lists():
    with pytest.raises(ValueError, match="^`second` must have the shapes of `first`"):
        angle_between([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="^`gradients` must hold at least one gradient"):
        clip_by_global_norm([None], 1.0)
    with pytest.raises(ValueError, match="^`gradients` must hold at least one gradient"):
        global_norm([])
