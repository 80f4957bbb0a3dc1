"""What holds for every input: derivatives are finite differences, and each family keeps its bounds."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handson11 import activations

Z = st.floats(-60, 60, allow_nan=False)
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=Z)
SCORES = hnp.arrays(np.float64, st.integers(1, 6), elements=st.floats(-30, 30))
ALPHA = st.floats(0.1, 3)
ELEMENTWISE = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"]
WITH_SLOPE = ["leaky_relu", "prelu", "elu", "celu"]


def away_from_kink(z):
    return np.where(np.abs(z) < 1e-3, 1.0, z)


def finite_difference(function, z, h=1e-5):
    return (function(z + h) - function(z - h)) / (2 * h)


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(z=ARRAYS)
def test_derivative_is_the_finite_difference(name, z):
    z = away_from_kink(z)
    function, slope = getattr(activations, name), activations.derivative(name)
    np.testing.assert_allclose(slope(z), finite_difference(function, z), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", WITH_SLOPE)
@given(z=ARRAYS, alpha=ALPHA)
def test_derivative_is_the_finite_difference_for_every_alpha(name, z, alpha):
    z = away_from_kink(z)
    function, slope = getattr(activations, name), activations.derivative(name)
    np.testing.assert_allclose(
        slope(z, alpha), finite_difference(lambda z: function(z, alpha), z), rtol=1e-6, atol=1e-8
    )


@given(z=ARRAYS)
def test_derivative_of_the_tanh_form_of_gelu(z):
    difference = finite_difference(lambda z: activations.gelu(z, approximate=True), z)
    np.testing.assert_allclose(activations.gelu_derivative(z, approximate=True), difference, rtol=1e-6, atol=1e-8)


@given(z=ARRAYS, divisor=st.floats(1, 10))
def test_derivative_of_the_randomized_unit(z, divisor):
    z = away_from_kink(z)
    difference = finite_difference(lambda z: activations.rrelu(z, divisor), z)
    np.testing.assert_allclose(activations.rrelu_derivative(z, divisor), difference, rtol=1e-6, atol=1e-8)


@given(z=ARRAYS, slope=st.floats(0, 1), threshold=st.floats(-2, 2), top=st.floats(0.1, 9))
def test_derivative_of_relu_with_all_arguments(z, slope, threshold, top):
    arguments = slope, top, threshold
    z = np.where((np.abs(z - threshold) < 1e-3) | (np.abs(z - top) < 1e-3), -100.0, z)
    difference = finite_difference(lambda z: activations.relu(z, *arguments), z)
    np.testing.assert_allclose(activations.relu_derivative(z, *arguments), difference, rtol=1e-6, atol=1e-8)


@given(z=SCORES)
def test_jacobian_of_softmax_is_the_finite_difference(z):
    jacobian = activations.softmax_derivative(z)
    for k, direction in enumerate(np.eye(z.size)):
        difference = (activations.softmax(z + 1e-5 * direction) - activations.softmax(z - 1e-5 * direction)) / 2e-5
        np.testing.assert_allclose(jacobian[:, k], difference, atol=1e-9)
    np.testing.assert_allclose(jacobian.sum(axis=0), 0, atol=1e-15)


@given(z=SCORES, shift=st.floats(-1e4, 1e4))
def test_softmax_is_a_distribution_that_ignores_a_common_shift(z, shift):
    s = activations.softmax(z)
    assert (s >= 0).all()
    assert s.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(activations.softmax(z + shift), s, rtol=1e-9)


@given(z=ARRAYS)
def test_symmetries(z):
    np.testing.assert_allclose(activations.sigmoid(-z), 1 - activations.sigmoid(z), atol=1e-15)
    np.testing.assert_allclose(activations.tanh(z), 2 * activations.sigmoid(2 * z) - 1, atol=1e-15)
    np.testing.assert_allclose(activations.sigmoid_derivative(-z), activations.sigmoid_derivative(z), rtol=1e-12)
    np.testing.assert_allclose(activations.silu(z) - activations.silu(-z), z, atol=1e-12)
    np.testing.assert_allclose(activations.gelu(z) - activations.gelu(-z), z, atol=1e-12)


@given(z=ARRAYS, alpha=ALPHA)
def test_bounds_and_order(z, alpha):
    assert (activations.relu(z) >= 0).all()
    assert (activations.elu(z, alpha) >= -alpha).all()
    assert (activations.celu(z, alpha) >= -alpha).all()
    assert (activations.celu_derivative(z, alpha) <= 1).all()
    assert (activations.sigmoid_derivative(z) <= 0.25).all()
    for function in (activations.sigmoid, activations.tanh, activations.relu, activations.elu, activations.selu):
        assert (function(z + 0.5) >= function(z)).all()
    np.testing.assert_array_equal(activations.leaky_relu(z, 0.0), activations.relu(z))
    np.testing.assert_array_equal(activations.prelu(z, alpha), activations.leaky_relu(z, alpha))
    np.testing.assert_allclose(activations.rrelu(z, 4.0), activations.leaky_relu(z, 0.25))
    np.testing.assert_array_equal(activations.celu(z), activations.elu(z))


@given(z=ARRAYS, alpha=ALPHA)
def test_automatic_gradient_of_the_slopes_of_prelu_is_the_negative_part(z, alpha):
    slopes = tf.fill(z.shape, tf.constant(alpha, "float64"))
    with tf.GradientTape() as tape:
        tape.watch(slopes)
        value = activations.prelu(tf.constant(z), slopes)
    # TensorFlow rounds numbers below 2.2e-308 to 0.
    np.testing.assert_allclose(tape.gradient(value, slopes), np.minimum(z, 0), rtol=0, atol=1e-300)
