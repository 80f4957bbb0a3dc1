"""Activation functions: values from paper and pencil, agreement with Keras in every mode, safety, errors."""

import inspect
import math

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from handson11 import activations

LN2, LN3 = math.log(2), math.log(3)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # as printed in Klambauer et al. (2017)

# (function, arguments after z): every activation, with arguments that are not the defaults where there are any
CASES = {
    "sigmoid": (),
    "tanh": (),
    "softmax": (),
    "relu": (),
    "relu, all arguments": (0.1, 6.0, 1.0),
    "relu, slope": (0.1,),
    "leaky_relu": (),
    "leaky_relu, slope 2": (2.0,),
    "elu": (),
    "elu, alpha 0.5": (0.5,),
    "celu": (),
    "celu, alpha 2": (2.0,),
    "selu": (),
    "gelu": (False,),
    "gelu, tanh form": (True,),
    "silu": (),
    "mish": (),
}
OURS_ALONE = {"prelu": (0.25,), "rrelu": (5.5,)}  # Keras has no function for these


def pair(case):
    name = case.split(",")[0]
    arguments = CASES.get(case, OURS_ALONE.get(case))
    return getattr(activations, name), activations.derivative(name), arguments


def keras_function(case):
    function = getattr(keras.activations, case.split(",")[0])
    names = list(inspect.signature(function).parameters)[1:]
    return lambda z: function(z, **dict(zip(names, CASES[case], strict=False)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (activations.sigmoid(LN3), 3 / 4),
        (activations.sigmoid(-LN3), 1 / 4),
        (activations.sigmoid_derivative(0.0), 1 / 4),
        (activations.sigmoid_derivative(LN3), 3 / 16),
        (activations.tanh(LN2), 3 / 5),
        (activations.tanh_derivative(LN2), 16 / 25),
        (activations.relu(-3.0), 0),
        (activations.relu(3.0), 3),
        (activations.relu(5.0, 0.5, 4.0, 1.0), 4),
        (activations.relu(-3.0, 0.5, 4.0, 1.0), -2),
        (activations.relu(1.0, 0.5, 4.0, 1.0), 0),
        (activations.relu_derivative(-3.0), 0),
        (activations.relu_derivative(0.0), 0),
        (activations.relu_derivative(3.0), 1),
        (activations.relu_derivative(5.0, 0.5, 4.0, 1.0), 0),
        (activations.relu_derivative(3.0, 0.5, 4.0, 1.0), 1),
        (activations.relu_derivative(0.9, 0.5, 4.0, 1.0), 0.5),
        (activations.leaky_relu(-10.0), -2),
        (activations.leaky_relu(-10.0, 2.0), -20),  # max(2z, z) would give -10
        (activations.leaky_relu(10.0, 2.0), 10),
        (activations.leaky_relu_derivative(-10.0, 2.0), 2),
        (activations.leaky_relu_derivative(0.0), 0.2),
        (activations.prelu(-4.0, 0.25), -1),
        (activations.prelu_derivative(-4.0, 0.25), 0.25),
        (activations.rrelu(-11.0, 5.5), -2),
        (activations.rrelu(11.0, 5.5), 11),
        (activations.rrelu_derivative(-11.0, 4.0), 0.25),
        (activations.elu(-LN2), -1 / 2),
        (activations.elu(-LN2, 3.0), -3 / 2),
        (activations.elu(4.0, 3.0), 4),
        (activations.elu_derivative(-LN2, 3.0), 3 / 2),
        (activations.elu_derivative(0.0, 3.0), 3),
        (activations.elu_derivative(4.0, 3.0), 1),
        (activations.celu(-2 * LN2, 2.0), -1),
        (activations.celu(4.0, 2.0), 4),
        (activations.celu_derivative(-2 * LN2, 2.0), 1 / 2),
        (activations.celu_derivative(0.0, 2.0), 1),
        (activations.selu(1.0), SELU_SCALE),
        (activations.selu(-LN2), -SELU_SCALE * SELU_ALPHA / 2),
        (activations.selu_derivative(-LN2), SELU_SCALE * SELU_ALPHA / 2),
        (activations.selu_derivative(1.0), SELU_SCALE),
        (activations.gelu(0.0), 0),
        (activations.gelu_derivative(0.0), 1 / 2),
        (activations.gelu_derivative(0.0, True), 1 / 2),
        (activations.silu(LN3), 0.75 * LN3),
        (activations.silu_derivative(LN3), 3 / 4 + LN3 * 3 / 16),
        (activations.silu_derivative(0.0), 1 / 2),
        (activations.mish(LN2), 0.8 * LN2),  # ln(1 + 2) = ln 3 and tanh(ln 3) = 8/10
        (activations.mish_derivative(LN2), 0.8 + LN2 * (2 / 3) * 0.36),
        (activations.mish_derivative(0.0), 0.6),
    ],
)
def test_values_by_hand(value, expected):
    assert float(value) == pytest.approx(expected, abs=1e-14)


def test_limits_of_the_exponential_units():
    """ERR-11: the limit for very negative z is minus alpha; SELU's is -1.7581."""
    for alpha in (0.5, 1.0, 2.0):
        assert float(activations.elu(-1e4, alpha)) == -alpha
        assert float(activations.celu(-1e4, alpha)) == -alpha
    assert float(activations.selu(-1e4)) == pytest.approx(-1.7580993408473766, abs=1e-13)


def test_elu_is_once_continuously_differentiable_only_for_alpha_1():
    """CL-16: the slopes meet at 0 iff alpha = 1; the second derivative jumps from 1 to 0 even then."""
    h = 1e-6
    for alpha in (0.5, 1.0, 2.0):
        left, right = activations.elu_derivative(-h, alpha), activations.elu_derivative(h, alpha)
        assert float(right - left) == pytest.approx(1 - alpha, abs=1e-5)
        assert float(activations.celu_derivative(-h, alpha)) == pytest.approx(1, abs=1e-5)
    second_left = (activations.elu_derivative(-h) - activations.elu_derivative(-2 * h)) / h
    second_right = (activations.elu_derivative(2 * h) - activations.elu_derivative(h)) / h
    assert float(second_left) == pytest.approx(1, abs=1e-4)
    assert float(second_right) == 0


def test_saturation_of_the_logistic():
    """CL-04: the slope is below 0.01 from |z| = 5 on, and at most 1/4."""
    z = np.linspace(5, 50, 1001)
    assert (activations.sigmoid_derivative(z) < 0.01).all() and (activations.sigmoid_derivative(-z) < 0.01).all()
    assert activations.sigmoid_derivative(np.linspace(-9, 9, 1801)).max() == 0.25


GRID = np.concatenate([np.linspace(-30, 30, 241), np.linspace(-1.5, 1.5, 100)])  # with 0 and ±10


@pytest.mark.parametrize(
    ("function", "truth"),
    [
        (activations.sigmoid, special.expit),
        (activations.tanh, lambda z: 1 - 2 / (np.exp(2 * z) + 1)),
        (activations.softmax, special.softmax),
        (activations.elu, lambda z: np.array([x if x > 0 else math.expm1(x) for x in z])),
        (activations.gelu, lambda z: z * stats.norm.cdf(z)),
        (activations.gelu_derivative, lambda z: stats.norm.cdf(z) + z * stats.norm.pdf(z)),
        (activations.silu, lambda z: z * special.expit(z)),
        (activations.mish, lambda z: z * np.tanh(np.log1p(np.exp(z)))),
    ],
)
def test_float64_against_scipy(function, truth):
    np.testing.assert_allclose(function(GRID), truth(GRID), rtol=1e-12, atol=1e-15)


def test_the_two_forms_of_gelu():
    z = np.linspace(-10, 10, 4001)
    tanh_form = 0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    np.testing.assert_allclose(activations.gelu(z, approximate=True), tanh_form, atol=1e-14)
    assert 1e-4 < np.abs(activations.gelu(z) - activations.gelu(z, approximate=True)).max() < 5e-4


WEIGHTS = np.random.default_rng(1).uniform(0.5, 1, GRID.size).astype("float32")


def value_and_gradient(function, mode):
    """Return a function of z that gives value and gradient (of a weighted sum), run in the given mode."""

    def both(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = function(z)
            loss = tf.reduce_sum(value * WEIGHTS[: z.shape[0]])
        return value, tape.gradient(loss, z)

    if mode == "eager":
        return both
    return tf.function(both, jit_compile=mode == "XLA", autograph=False)


@pytest.mark.parametrize("mode", ["eager", "graph", "XLA"])
@pytest.mark.parametrize("case", CASES)
def test_agreement_with_keras(case, mode):
    function, slope, arguments = pair(case)
    z = GRID
    if case.startswith(("celu", "selu")) or "all arguments" in case:
        z = GRID[np.isin(GRID, (0, 1, 6), invert=True)]  # at their kinks Keras takes another slope, or adds two
    if case.startswith("gelu") and not hasattr(keras.ops, "erfc"):
        z = GRID[np.abs(GRID) < 9]  # without erfc, XLA's erf leaves an error of 1e-7 z
    z = tf.constant(z, "float32")
    value, gradient = value_and_gradient(lambda z: function(z, *arguments), mode)(z)
    value_keras, gradient_keras = value_and_gradient(keras_function(case), mode)(z)
    np.testing.assert_allclose(value, value_keras, rtol=1e-6, atol=1e-6)
    # Keras' own gradient of these two is off by 4e-6: near z = 5, tanh rounds to 1 and z enlarges that
    limit = 5e-6 if case in ("mish", "gelu, tanh form") else 1e-6
    np.testing.assert_allclose(gradient, gradient_keras, rtol=1e-6, atol=limit)
    truth = function(z.numpy().astype("float64"), *arguments)
    np.testing.assert_allclose(value, truth, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(function(z.numpy(), *arguments), truth, rtol=1e-6, atol=1e-6)
    if case != "softmax":
        slope_truth = slope(z.numpy().astype("float64"), *arguments)
        np.testing.assert_allclose(gradient, WEIGHTS[: slope_truth.size] * slope_truth, atol=limit)
        np.testing.assert_allclose(slope(z, *arguments), slope_truth, atol=limit)
        np.testing.assert_allclose(slope(z.numpy(), *arguments), slope_truth, atol=limit)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("softmax", "gelu", "silu", "mish")])
def test_the_gradient_at_zero_is_the_slope_from_the_left(case):
    function, slope, arguments = pair(case)
    for mode in ("eager", "graph", "XLA"):
        z = tf.zeros(3)

        def gradient(z):
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = function(z, *arguments)
            return tape.gradient(value, z)

        run = gradient if mode == "eager" else tf.function(gradient, jit_compile=mode == "XLA", autograph=False)
        np.testing.assert_allclose(run(z), slope(np.zeros(3), *arguments), atol=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
@pytest.mark.parametrize("case", [*CASES, *OURS_ALONE])
def test_extreme_inputs(case, dtype):
    """Finite value, derivative and automatic gradient, no warning from NumPy, the dtype of the input."""
    function, slope, arguments = pair(case)
    z = np.array([-1e4, -700, -90, -41, -20, -11, -1, 0, 1, 11, 20, 41, 90, 700, 1e4]).astype(dtype)
    tensor = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        value = function(tensor, *arguments)
    results = [function(z, *arguments), slope(z, *arguments), value, slope(tensor, *arguments)]
    results.append(tape.gradient(value, tensor))
    for result in results:
        assert result.dtype == (z if isinstance(result, np.ndarray) else tensor).dtype
        assert np.isfinite(np.asarray(result, dtype="float64")).all()
    truth = function(z.astype("float64"), *arguments)
    digits = {8: 1e-12, 4: 1e-6, 2: 2e-2}[z.dtype.itemsize]
    np.testing.assert_allclose(np.asarray(results[0], "float64"), truth, rtol=digits, atol=digits)
    np.testing.assert_allclose(np.asarray(value, "float64"), truth, rtol=digits, atol=digits)


def test_gelu_on_a_keras_without_erfc(monkeypatch):
    monkeypatch.delattr(keras.ops, "erfc", raising=False)
    z = np.linspace(-10, 10, 401)
    np.testing.assert_allclose(activations.gelu(tf.constant(z)), z * stats.norm.cdf(z), atol=1e-12)


def test_automatic_gradient_of_tanh_form_in_float16():
    z = tf.constant([-1e4, -300.0, 0.0, 300.0, 1e4], "float16")
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = activations.gelu(z, approximate=True)
    assert tape.gradient(value, z).numpy().tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("case", [*CASES, *OURS_ALONE])
def test_shapes_and_what_may_come_in(case):
    function, slope, arguments = pair(case)
    z = np.linspace(-3, 3, 24).reshape(2, 3, 4)
    assert function(z, *arguments).shape == z.shape
    assert slope(z, *arguments).shape == ((2, 3, 4, 4) if case == "softmax" else z.shape)
    symbolic = function(keras.Input((3, 4)), *arguments)
    assert symbolic.shape == (None, 3, 4) and symbolic.dtype == "float32"
    np.testing.assert_array_equal(function([-1, 0, 2], *arguments), function(np.array([-1.0, 0, 2]), *arguments))
    variable = keras.Variable(z.astype("float32"))
    np.testing.assert_allclose(function(variable, *arguments), function(z, *arguments), atol=1e-6)
    for wrong in (np.arange(3), np.zeros((2, 2), "uint8"), tf.constant([1, 2]), [True], "relu", None, ["a"]):
        with pytest.raises(TypeError, match="`z` must hold floating-point numbers.* Received: z="):
            function(wrong, *arguments)


def test_softmax_along_axes():
    z = np.log(np.arange(1.0, 13.0)).reshape(3, 4)
    np.testing.assert_allclose(activations.softmax(z)[0], np.array([1, 2, 3, 4]) / 10)
    np.testing.assert_allclose(activations.softmax(z, axis=0)[:, 0], np.array([1, 5, 9]) / 15)
    np.testing.assert_allclose(activations.softmax(z, axis=(0, 1)), np.exp(z) / 78)
    np.testing.assert_allclose(activations.softmax(tf.constant(z), axis=(0, 1)), np.exp(z) / 78)


def test_jacobian_of_softmax():
    z = np.log([[1.0, 2.0, 5.0]])
    s = np.array([1, 2, 5]) / 8
    expected = np.diag(s) - np.outer(s, s)
    np.testing.assert_allclose(activations.softmax_derivative(z)[0], expected, atol=1e-15)
    np.testing.assert_allclose(activations.softmax_derivative(z.T, axis=0)[0], expected, atol=1e-15)
    tensor = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        probabilities = keras.activations.softmax(tensor)
    jacobian = tape.batch_jacobian(probabilities, tensor)
    np.testing.assert_allclose(activations.softmax_derivative(tensor), jacobian, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: activations.elu(1.0, alpha=math.nan),
            ValueError,
            "`alpha` must be a finite number. Received: alpha=nan",
        ),
        (lambda: activations.elu(1.0, alpha="1"), TypeError, "`alpha` must be a finite number. Received: alpha='1'"),
        (lambda: activations.elu_derivative(1.0, None), TypeError, "`alpha` must"),
        (lambda: activations.celu(1.0, alpha=0), ValueError, "`alpha` must be a finite number > 0. Received: alpha=0"),
        (lambda: activations.celu_derivative(1.0, -1.0), ValueError, "`alpha` must be a finite number > 0"),
        (lambda: activations.leaky_relu(1.0, math.inf), ValueError, "`negative_slope` must"),
        (lambda: activations.leaky_relu_derivative(1.0, None), TypeError, "`negative_slope` must"),
        (lambda: activations.relu(1.0, max_value="6"), TypeError, "`max_value` must"),
        (
            lambda: activations.relu(1.0, max_value=-1),
            ValueError,
            "`max_value` must be a finite number >= 0. Received: ",
        ),
        (lambda: activations.relu(1.0, threshold=None), TypeError, "`threshold` must"),
        (lambda: activations.relu_derivative(1.0, negative_slope=math.nan), ValueError, "`negative_slope` must"),
        (lambda: activations.softmax(1.0), ValueError, "`axis` must be an axis of an input with 0 axes"),
        (lambda: activations.softmax(np.ones((2, 2)), axis=2), ValueError, "`axis` must be an axis of an input with 2"),
        (lambda: activations.softmax(np.ones(2), axis="last"), TypeError, "`axis` must be an integer or a sequence"),
        (lambda: activations.softmax(np.ones(2), axis=True), TypeError, "`axis` must be an integer or a sequence"),
        (lambda: activations.softmax_derivative(np.ones((2, 2)), axis=(0, 1)), TypeError, "`axis` must be one integer"),
        (lambda: activations.softmax_derivative(np.ones(2), axis=1), ValueError, "`axis` must be an axis"),
        (lambda: activations.derivative("relu7"), ValueError, "`activation` must be one of"),
        (lambda: activations.derivative(None), TypeError, "`activation` must be one of"),
        (lambda: activations.activation_moments("relu"), TypeError, "`activation` must be a function"),
        (lambda: activations.activation_moments(np.tanh, mean=None), TypeError, "`mean` must"),
        (
            lambda: activations.activation_moments(np.tanh, variance=-1),
            ValueError,
            "`variance` must be a finite number >= 0",
        ),
        (lambda: activations.selu_map(math.nan, 1), ValueError, "`mean` must"),
        (lambda: activations.selu_map(0, -1), ValueError, "`variance` must"),
        (lambda: activations.selu_map(0, 1, "0"), TypeError, "`weight_sum` must"),
        (lambda: activations.selu_map(0, 1, 0, -1), ValueError, "`weight_square_sum` must"),
    ],
)
def test_one_form_of_error(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(text)
    assert "Received: " in str(caught.value)


def test_derivative_finds_the_partner_of_a_name_or_a_function():
    assert activations.derivative("swish") is activations.silu_derivative
    assert activations.derivative(activations.mish) is activations.mish_derivative
    assert activations.derivative(keras.activations.elu) is activations.elu_derivative


def test_moments_against_known_integrals():
    """CL-15: after N(0, 1), ReLU has mean 0.399 and ELU 0.161."""
    mean, variance = activations.activation_moments(activations.relu)
    assert mean == pytest.approx(1 / math.sqrt(2 * math.pi), abs=1e-10)
    assert variance == pytest.approx(1 / 2 - 1 / (2 * math.pi), abs=1e-10)
    below_zero = math.exp(0.5) * stats.norm.cdf(-1) - 0.5  # E[e^z - 1; z < 0]
    mean, _ = activations.activation_moments(activations.elu)
    assert mean == pytest.approx(1 / math.sqrt(2 * math.pi) + below_zero, abs=1e-10)
    assert mean == pytest.approx(0.1605, abs=5e-5)
    mean, variance = activations.activation_moments(lambda z: 3 * z + 1, mean=2.0, variance=0.25)
    assert (mean, variance) == (pytest.approx(7, abs=1e-10), pytest.approx(9 / 4, abs=1e-10))
    mean, _ = activations.activation_moments(activations.relu, mean=0.7, variance=4.0)  # the kink is off centre
    assert mean == pytest.approx(0.7 * stats.norm.cdf(0.35) + 2 * stats.norm.pdf(0.35), abs=1e-10)
    mean, variance = activations.activation_moments(activations.relu, mean=50.0)  # the kink is far away
    assert (mean, variance) == (pytest.approx(50, abs=1e-9), pytest.approx(1, abs=1e-9))
    assert activations.activation_moments(activations.relu, 2.0, 0.0) == (pytest.approx(2), pytest.approx(0))


def test_fixed_point_of_selu():
    point = activations.selu_fixed_point()
    assert point.alpha == pytest.approx(SELU_ALPHA, abs=1e-12)
    assert point.scale == pytest.approx(SELU_SCALE, abs=1e-12)
    assert point.mean == pytest.approx(0, abs=1e-12)
    assert point.variance == pytest.approx(1, abs=1e-12)
    assert pytest.approx(point.alpha, abs=1e-12) == activations.SELU_ALPHA
    assert pytest.approx(point.scale, abs=1e-12) == activations.SELU_SCALE


def test_fixed_point_of_selu_attracts():
    assert activations.selu_map(0.0, 1.0) == (pytest.approx(0, abs=1e-12), pytest.approx(1, abs=1e-12))
    for variance in (0.2, 0.8, 1.25, 3.0):
        _, after = activations.selu_map(0.0, variance)
        assert abs(math.log(after)) < abs(math.log(variance))
    shifted, _ = activations.selu_map(1.0, 1.0, weight_sum=0.5)
    assert shifted == pytest.approx(activations.activation_moments(activations.selu, 0.5, 1.0)[0])
    rng = np.random.default_rng(0)
    sample = keras.activations.selu(rng.normal(0.5, math.sqrt(1.2), 10**6)).numpy()
    assert activations.selu_map(1.0, 0.6, 0.5, 2.0) == pytest.approx((sample.mean(), sample.var()), abs=1e-2)


def test_inside_a_model_that_is_trained_saved_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 5)).astype("float32"), rng.integers(0, 3, 64)
    model = keras.Sequential([keras.Input((5,))])
    for activation in (activations.elu, activations.selu, activations.gelu, activations.silu, activations.mish):
        model.add(keras.layers.Dense(8, activation=activation))
    model.add(keras.layers.Dense(3, activation=activations.softmax))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", jit_compile=True)
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
