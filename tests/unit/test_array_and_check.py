"""Where a formula runs, and the one form of error."""

import keras
import numpy as np
import pytest

from handson11._array import namespace
from handson11._check import describe, require, require_choice, require_number


@pytest.mark.parametrize("value", [np.ones(3), np.float32(1), 1, 2.5, True, [1.0, 2.0], (1, 2), np.array(3.0)])
def test_numpy_and_python_values_run_on_numpy(value):
    assert namespace(value) is np


@pytest.mark.parametrize("make", [lambda: keras.ops.ones(3), lambda: keras.Variable([1.0]), lambda: keras.Input((2,))])
def test_everything_else_runs_on_keras(make):
    assert namespace(make()) is keras.ops


def test_one_formula_gives_the_same_numbers_on_both():
    def formula(x):
        ops = namespace(x)
        return ops.where(x > 0, ops.sqrt(ops.abs(x)), ops.exp(x))

    x = np.array([-1.0, 0.0, 4.0], "float32")
    expected = [0.36787944, 1.0, 2.0]
    np.testing.assert_allclose(formula(x), expected, rtol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(formula(keras.ops.convert_to_tensor(x))), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.5"),
        ("relu", "'relu'"),
        (None, "None"),
        (np.float64(2.0), repr(np.float64(2.0))),
        (np.zeros((2, 3), "uint8"), "ndarray of shape (2, 3) and dtype uint8"),
    ],
)
def test_describe(value, text):
    assert describe(value) == text


def test_describe_a_tensor_by_shape_and_type():
    assert "of shape (4, 2) and dtype" in describe(keras.ops.zeros((4, 2)))


def test_require():
    assert require(True, "rho", "be in [0, 1)", 0.5) is None
    with pytest.raises(ValueError) as caught:
        require(False, "rho", "be in [0, 1)", 1.2)
    assert str(caught.value) == "`rho` must be in [0, 1). Received: rho=1.2"
    with pytest.raises(KeyError):
        require(False, "name", "be known", "x", KeyError)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(0), 1])
def test_require_number_returns_the_number(value):
    assert require_number("p", value, "be in [0, 1]", 0, 1) is value


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (np.nan, {}),
        (np.inf, {}),
        (-np.inf, {}),
        (-0.1, {"low": 0}),
        (1.1, {"high": 1}),
        (0, {"low": 0, "open_low": True}),
        (1, {"high": 1, "open_high": True}),
        (2, {"low": 0, "high": 1}),
    ],
)
def test_require_number_refuses_numbers_outside(value, bounds):
    with pytest.raises(ValueError, match="`p` must fit. Received: p="):
        require_number("p", value, "fit", **bounds)


@pytest.mark.parametrize("value", ["1", None, True, [1.0], np.ones(2), 1j])
def test_require_number_refuses_what_is_no_number(value):
    with pytest.raises(TypeError, match="`p` must be a finite number. Received: p="):
        require_number("p", value)


def test_require_number_takes_open_bounds_from_inside():
    assert require_number("p", 0.5, low=0, high=1, open_low=True, open_high=True) == 0.5


def test_require_choice():
    assert require_choice("mode", "fan_in", ("fan_out", "fan_in")) == "fan_in"
    with pytest.raises(ValueError, match=r"`mode` must be one of \['fan_in', 'fan_out'\]. Received: mode='fan'"):
        require_choice("mode", "fan", ("fan_out", "fan_in"))
    with pytest.raises(TypeError, match="`mode` must be one of"):
        require_choice("mode", 3, ("fan_out", "fan_in"))
