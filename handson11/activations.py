r"""Activation functions and their derivatives: each formula once, for NumPy arrays and for tensors inside ``fit``.

Every function takes the pre-activation ``z`` (the weighted sum of a unit), works element by element (``softmax``
works along an axis), keeps shape and dtype, and is safe at \|z\| = 10,000 in float64, float32, float16 and bfloat16:
value, derivative and automatic gradient stay finite. ``<name>_derivative`` takes the same arguments as ``<name>``.
At a kink it returns the slope from the left, which is also what Keras' gradients give there.

Python numbers and lists are read as float64. Integer arrays and tensors raise a ``TypeError``: most of the time they
are images that somebody forgot to scale. 16-bit NumPy arrays are computed in float32 and rounded at the end.

On tensors ``sigmoid``, ``tanh``, ``relu``, ``softmax``, ``softplus`` and ``erf`` are elementary operations like
``exp``: the backend has one kernel for each. Everything else is built from them by its formula.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import integrate, special

from handson11._array import namespace
from handson11._check import require, require_choice, require_number


def _of_floats(formula):
    """Wrap ``formula`` so that it only sees floating-point arrays or tensors, and never 16-bit NumPy arrays."""

    @functools.wraps(formula)
    def checked(z, *arguments, **named_arguments):
        if isinstance(z, int | float | list | tuple):
            z = np.asarray(z)
            z = z.astype("float64") if z.dtype.kind in "iu" else z
        rule = "hold floating-point numbers; scale integer images first, for instance z / 255.0"
        require("float" in str(getattr(z, "dtype", "")), "z", rule, z, TypeError)
        if namespace(z) is np and z.dtype.itemsize == 2:
            return formula(z.astype("float32"), *arguments, **named_arguments).astype(z.dtype)
        return formula(z, *arguments, **named_arguments)

    return checked


def _erf(z):
    """Return the error function; NumPy has none, SciPy has."""
    return special.erf(z) if namespace(z) is np else namespace(z).erf(z)


def _softplus(z):
    """Return log(1 + e^z) without overflow."""
    return np.logaddexp(z, 0 * z) if namespace(z) is np else namespace(z).softplus(z)


@_of_floats
def sigmoid(z):
    xp = namespace(z)
    if xp is not np:
        return xp.sigmoid(z)
    e = np.exp(-np.abs(z))  # at most 1: nothing overflows
    return np.where(z >= 0, 1, e) / (1 + e)


@_of_floats
def sigmoid_derivative(z):
    return sigmoid(z) * sigmoid(-z)


@_of_floats
def tanh(z):
    return namespace(z).tanh(z)


@_of_floats
def tanh_derivative(z):
    return 1 - tanh(z) ** 2


@_of_floats
def softmax(z, axis=-1):
    xp = namespace(z)
    if xp is not np:
        return xp.softmax(z, axis=axis)
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@_of_floats
def softmax_derivative(z, axis=-1):
    xp = namespace(z)
    s = xp.expand_dims(xp.moveaxis(softmax(z, axis), axis, -1), -1)
    return s * (xp.eye(s.shape[-2], dtype=z.dtype) - xp.swapaxes(s, -1, -2))


@_of_floats
def relu(z, negative_slope=0.0, max_value=None, threshold=0.0):
    xp = namespace(z)
    if negative_slope == 0 and threshold == 0:
        result = np.maximum(z, 0) if xp is np else xp.relu(z)
    else:
        result = xp.where(z > threshold, z, negative_slope * (z - threshold))
    return result if max_value is None else xp.minimum(result, max_value)


@_of_floats
def relu_derivative(z, negative_slope=0.0, max_value=None, threshold=0.0):
    xp = namespace(z)
    slope = xp.where(z > threshold, xp.ones_like(z), negative_slope)
    return slope if max_value is None else xp.where(z > max_value, 0, slope)


@_of_floats
def leaky_relu(z, negative_slope=0.2):
    return namespace(z).where(z > 0, z, negative_slope * z)


@_of_floats
def leaky_relu_derivative(z, negative_slope=0.2):
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), negative_slope)


@_of_floats
def prelu(z, alpha):
    return namespace(z).where(z > 0, z, alpha * z)


@_of_floats
def prelu_derivative(z, alpha):
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), alpha)


@_of_floats
def rrelu(z, divisor):
    return namespace(z).where(z > 0, z, z / divisor)


@_of_floats
def rrelu_derivative(z, divisor):
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), 1 / divisor)


@_of_floats
def elu(z, alpha=1.0):
    xp = namespace(z)
    return relu(z) + alpha * xp.expm1(xp.minimum(z, 0))


@_of_floats
def elu_derivative(z, alpha=1.0):
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), alpha * xp.exp(xp.minimum(z, 0)))


@_of_floats
def celu(z, alpha=1.0):
    xp = namespace(z)
    return relu(z) + alpha * xp.expm1(xp.minimum(z, 0) / alpha)


@_of_floats
def celu_derivative(z, alpha=1.0):
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), xp.exp(xp.minimum(z, 0) / alpha))


_NEGATIVE_HALF_OF_EXP = 0.5 * math.exp(0.5) * math.erfc(1 / math.sqrt(2))
_NEGATIVE_HALF_OF_EXP_SQUARED = 0.5 * math.exp(2) * math.erfc(math.sqrt(2))
SELU_ALPHA = (1 / math.sqrt(2 * math.pi)) / (0.5 - _NEGATIVE_HALF_OF_EXP)
SELU_SCALE = 1 / math.sqrt(0.5 + SELU_ALPHA**2 * (_NEGATIVE_HALF_OF_EXP_SQUARED - 2 * _NEGATIVE_HALF_OF_EXP + 0.5))


@_of_floats
def selu(z):
    return SELU_SCALE * elu(z, SELU_ALPHA)


@_of_floats
def selu_derivative(z):
    return SELU_SCALE * elu_derivative(z, SELU_ALPHA)


@_of_floats
def gelu(z, approximate=False):
    if approximate:
        xp = namespace(z)
        inner = xp.clip(z, -10, 10)
        return 0.5 * z * (1 + xp.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
    return 0.5 * z * (1 + _erf(z / math.sqrt(2)))


@_of_floats
def gelu_derivative(z, approximate=False):
    xp = namespace(z)
    if approximate:
        inner = xp.clip(z, -10, 10)
        t = xp.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3))
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * inner**2)
        return 0.5 * (1 + t) + 0.5 * inner * (1 - t**2) * slope
    inner = xp.clip(z, -40, 40)
    return 0.5 * (1 + _erf(z / math.sqrt(2))) + inner * xp.exp(-0.5 * inner**2) / math.sqrt(2 * math.pi)


@_of_floats
def silu(z):
    return z * sigmoid(z)


swish = silu


@_of_floats
def silu_derivative(z):
    s = sigmoid(z)
    return s + z * s * (1 - s)


swish_derivative = silu_derivative


@_of_floats
def mish(z):
    return z * namespace(z).tanh(_softplus(z))


@_of_floats
def mish_derivative(z):
    t = namespace(z).tanh(_softplus(z))
    return t + z * sigmoid(z) * (1 - t**2)


_WITH_DERIVATIVE = {
    function.__name__: (function, slope)
    for function, slope in [
        (sigmoid, sigmoid_derivative),
        (tanh, tanh_derivative),
        (softmax, softmax_derivative),
        (relu, relu_derivative),
        (leaky_relu, leaky_relu_derivative),
        (prelu, prelu_derivative),
        (rrelu, rrelu_derivative),
        (elu, elu_derivative),
        (celu, celu_derivative),
        (selu, selu_derivative),
        (gelu, gelu_derivative),
        (silu, silu_derivative),
        (mish, mish_derivative),
    ]
}
_WITH_DERIVATIVE["swish"] = _WITH_DERIVATIVE["silu"]


def get(name):
    require_choice("name", name, _WITH_DERIVATIVE)
    return _WITH_DERIVATIVE[name][0]


def derivative(activation):
    name = getattr(activation, "__name__", activation)
    require_choice("activation", name, _WITH_DERIVATIVE)
    return _WITH_DERIVATIVE[name][1]


def activation_moments(activation, mean=0.0, variance=1.0):
    require_number("mean", mean)
    require_number("variance", variance, "be a finite number >= 0", low=0)
    require(callable(activation), "activation", "be a function", activation, TypeError)
    deviation = math.sqrt(variance)

    def density(x):
        return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)

    kink = [-mean / deviation] if deviation and abs(mean) < 12 * deviation else None

    def expectation(g):
        return integrate.quad(lambda x: g(x) * density(x), -12, 12, points=kink, epsabs=1e-13, limit=200)[0]

    first = expectation(lambda x: float(activation(mean + deviation * x)))
    second = expectation(lambda x: (float(activation(mean + deviation * x)) - first) ** 2)
    return first, second


@dataclass(frozen=True)
class SeluFixedPoint:
    alpha: float
    scale: float
    mean: float
    variance: float


def selu_fixed_point():
    positive_mean, _ = activation_moments(relu)
    negative_mean = activation_moments(elu)[0] - positive_mean
    alpha = -positive_mean / negative_mean
    _, variance = activation_moments(functools.partial(elu, alpha=alpha))
    scale = 1 / math.sqrt(variance)
    mean, variance = activation_moments(lambda z: scale * elu(z, alpha))
    return SeluFixedPoint(alpha, scale, mean, variance)


def selu_map(mean, variance, weight_sum=0.0, weight_sum_of_squares=1.0):
    return activation_moments(selu, weight_sum * mean, weight_sum_of_squares * variance)
