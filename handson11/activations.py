r"""Activation functions and their derivatives: each formula once, for NumPy arrays and for tensors inside ``fit``.

Every function takes the pre-activation ``z`` (the weighted sum of a unit), works element by element (``softmax``
works along an axis), keeps shape and dtype, and is safe at \|z\| = 10,000 in float64, float32, float16 and bfloat16:
value, derivative and automatic gradient stay finite. ``<name>_derivative`` takes the same arguments as ``<name>``.
At a kink it returns the slope from the left.

Python numbers and lists are read as float64. Integer arrays and tensors raise a ``TypeError``: most of the time they
are images that somebody forgot to scale. 16-bit NumPy arrays are computed in float32 and rounded at the end.

On tensors ``sigmoid``, ``tanh``, ``relu``, ``leaky_relu``, ``elu``, ``softmax``, ``softplus`` and ``erfc`` are
elementary operations like ``exp``: the backend has one kernel for each, and outside XLA a formula of several
operations takes up to twice as long. Everything else is built from them by its formula.

Each function can be given to a layer, as in ``Dense(100, activation=activations.elu)``. Keras saves a function by its
name alone, so a saved model comes back with Keras' function of that name, which has the same values.
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


def _normal_cdf(z):
    """Return Φ(z), the probability that a standard normal number is below z, as erfc(-z/√2) / 2."""
    xp, u = namespace(z), -math.sqrt(0.5) * z
    if xp is np:
        return 0.5 * special.erfc(u)
    return 0.5 * (xp.erfc(u) if hasattr(xp, "erfc") else 1 - xp.erf(u))  # erfc is new in Keras 3.15


def _softplus(z):
    """Return log(1 + e^z) without overflow."""
    return np.logaddexp(z, 0 * z) if namespace(z) is np else namespace(z).softplus(z)


@_of_floats
def sigmoid(z):
    r"""Logistic function: an S-shaped curve from 0 to 1.

    .. math:: \sigma(z) = \frac{1}{1 + e^{-z}}

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Values in [0, 1].

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.sigmoid`` to 1e-6. For z < 0 the NumPy lines compute the same number as
    :math:`e^{z} / (1 + e^{z})`.

    References
    ----------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, section 3.1.

    Examples
    --------
    >>> sigmoid(np.array([-10_000.0, 0.0, 10_000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    xp = namespace(z)
    if xp is not np:
        return xp.sigmoid(z)
    e = np.exp(-np.abs(z))  # at most 1: nothing overflows
    return np.where(z >= 0, 1, e) / (1 + e)


@_of_floats
def sigmoid_derivative(z):
    r"""Slope of the logistic function, at most 1/4.

    .. math:: \sigma'(z) = \sigma(z)\,\bigl(1 - \sigma(z)\bigr) = \sigma(z)\,\sigma(-z) \le \tfrac14

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Slopes in [0, 0.25].

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.sigmoid`` to 1e-6.

    References
    ----------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, section 3.1.

    Examples
    --------
    >>> sigmoid_derivative(np.array([0.0, 5.0])).round(5).tolist()
    [0.25, 0.00665]
    """
    return sigmoid(z) * sigmoid(-z)


@_of_floats
def tanh(z):
    r"""Hyperbolic tangent: an S-shaped curve from -1 to 1, centred at 0.

    .. math:: \tanh(z) = \frac{e^{z} - e^{-z}}{e^{z} + e^{-z}} = 2\,\sigma(2z) - 1

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Values in [-1, 1].

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.tanh`` to 1e-6.

    References
    ----------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, section 3.2.

    Examples
    --------
    >>> tanh(np.array([-10_000.0, 0.0, 10_000.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return namespace(z).tanh(z)


@_of_floats
def tanh_derivative(z):
    r"""Slope of the hyperbolic tangent, at most 1.

    .. math:: \tanh'(z) = 1 - \tanh(z)^2

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Slopes in [0, 1].

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.tanh`` to 1e-6.

    References
    ----------
    Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, section 3.2.

    Examples
    --------
    >>> tanh_derivative(np.array([0.0, 10_000.0])).tolist()
    [1.0, 0.0]
    """
    return 1 - tanh(z) ** 2


def _require_axes(z, axis):
    rank = len(z.shape)
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    whole = all(isinstance(a, int) and not isinstance(a, bool) for a in axes)
    require(whole, "axis", "be an integer or a sequence of integers", axis, TypeError)
    require(all(-rank <= a < rank for a in axes), "axis", f"be an axis of an input with {rank} axes", axis)


@_of_floats
def softmax(z, axis=-1):
    r"""Turn scores into probabilities: positive numbers that add up to 1 along an axis.

    .. math:: s_k = \frac{e^{z_k}}{\sum_j e^{z_j}} = \frac{e^{z_k - \max z}}{\sum_j e^{z_j - \max z}}

    Parameters
    ----------
    z : array or tensor of floats, at least one axis
        Scores, also called logits.
    axis : int or tuple of int, default -1
        The axis (or axes) over which the probabilities add up to 1.

    Returns
    -------
    array or tensor like ``z``
        Probabilities in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``axis`` is not an axis of ``z``.

    Notes
    -----
    Equals ``keras.activations.softmax`` to 1e-6. Subtracting the largest score changes nothing and prevents overflow.

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.

    Examples
    --------
    >>> softmax(np.log([1.0, 2.0, 1.0])).round(6).tolist()
    [0.25, 0.5, 0.25]
    """
    _require_axes(z, axis)
    xp = namespace(z)
    if xp is not np:
        return xp.softmax(z, axis=axis)
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@_of_floats
def softmax_derivative(z, axis=-1):
    r"""Jacobian matrix of softmax along one axis: every output depends on every score.

    .. math:: \frac{\partial s_j}{\partial z_k} = s_j\,(\delta_{jk} - s_k)

    Parameters
    ----------
    z : array or tensor of floats, at least one axis
        Scores, also called logits.
    axis : int, default -1
        The axis over which the probabilities add up to 1.

    Returns
    -------
    array or tensor
        Symmetric matrices: the shape of ``z`` without ``axis`` (of length K), then (K, K).

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``axis`` is not one axis of ``z``.

    Notes
    -----
    A gradient g with respect to the probabilities becomes ``matmul(jacobian, g)`` with respect to the scores; this
    equals Keras' automatic gradient to 1e-6.

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.

    Examples
    --------
    >>> softmax_derivative(np.zeros(2)).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    require(not isinstance(axis, list | tuple), "axis", "be one integer", axis, TypeError)
    _require_axes(z, axis)
    xp = namespace(z)
    s = xp.expand_dims(xp.moveaxis(softmax(z, axis), axis, -1), -1)
    identity = xp.eye(s.shape[-2], dtype=s.dtype)
    return s * (identity - xp.swapaxes(s, -1, -2))


@_of_floats
def relu(z, negative_slope=0.0, max_value=None, threshold=0.0):
    r"""Rectified linear unit: negative inputs become 0, positive inputs pass.

    .. math:: \mathrm{ReLU}(z) = \max(0, z)

    With Keras' extra arguments: ``negative_slope · (z - threshold)`` up to the threshold, z above it, at most
    ``max_value``.

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    negative_slope : float, default 0.0
        Slope below the threshold.
    max_value : float, at least 0, optional
        Largest value that is returned.
    threshold : float, default 0.0
        Inputs up to here count as negative.

    Returns
    -------
    array or tensor like ``z``
        With the defaults, values of at least 0.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or another argument is not a finite number or is out of
        range.

    Notes
    -----
    Equals ``keras.activations.relu`` to 1e-6.

    References
    ----------
    Nair, Hinton (2010), Rectified linear units improve restricted Boltzmann machines.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.0, 3.0]
    """
    _require_relu_arguments(negative_slope, max_value, threshold)
    xp = namespace(z)
    if negative_slope == 0 and threshold == 0:
        result = np.maximum(z, 0) if xp is np else xp.relu(z)
    else:
        result = xp.where(z > threshold, z, negative_slope * (z - threshold))
    return result if max_value is None else xp.minimum(result, max_value)


def _require_relu_arguments(negative_slope, max_value, threshold):
    require_number("negative_slope", negative_slope)
    require_number("threshold", threshold)
    if max_value is not None:
        require_number("max_value", max_value, "be a finite number >= 0", low=0)


@_of_floats
def relu_derivative(z, negative_slope=0.0, max_value=None, threshold=0.0):
    r"""Slope of ReLU: 0 for negative inputs, 1 for positive inputs.

    .. math:: \mathrm{ReLU}'(z) = 0 \text{ for } z \le 0, \qquad 1 \text{ for } z > 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    negative_slope : float, default 0.0
        Slope below the threshold.
    max_value : float, at least 0, optional
        Above it the slope is 0.
    threshold : float, default 0.0
        Inputs up to here count as negative.

    Returns
    -------
    array or tensor like ``z``
        Slopes; at 0 the slope from the left, 0.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or another argument is not a finite number or is out of
        range.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.relu`` to 1e-6.

    References
    ----------
    Nair, Hinton (2010), Rectified linear units improve restricted Boltzmann machines.

    Examples
    --------
    >>> relu_derivative(np.array([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    _require_relu_arguments(negative_slope, max_value, threshold)
    xp = namespace(z)
    slope = xp.where(z > threshold, xp.ones_like(z), negative_slope)
    return slope if max_value is None else xp.where(z > max(max_value, threshold), 0, slope)


@_of_floats
def leaky_relu(z, negative_slope=0.2):
    r"""Leaky ReLU: negative inputs keep a small slope, so a unit never goes silent for good.

    .. math:: f(z) = z \text{ for } z > 0, \qquad f(z) = \alpha z \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    negative_slope : float, default 0.2
        Slope α for negative inputs.

    Returns
    -------
    array or tensor like ``z``
        Values.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``negative_slope`` is not a finite number.

    Notes
    -----
    Equals ``keras.activations.leaky_relu`` to 1e-6. The short form :math:`\max(\alpha z, z)` is the same function only
    for α ≤ 1. The paper used α = 0.01; Keras' layer has 0.3 where Keras' function has 0.2.

    References
    ----------
    Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic models, equation (2).

    Examples
    --------
    >>> leaky_relu(np.array([-10.0, 0.0, 3.0])).tolist()
    [-2.0, 0.0, 3.0]
    """
    require_number("negative_slope", negative_slope)
    xp = namespace(z)
    if xp is not np and "float64" not in str(z.dtype):  # TensorFlow's kernel holds the slope in 32 bits
        return xp.leaky_relu(z, negative_slope)
    return xp.where(z > 0, z, negative_slope * z)


@_of_floats
def leaky_relu_derivative(z, negative_slope=0.2):
    r"""Slope of leaky ReLU: never 0 unless ``negative_slope`` is 0.

    .. math:: f'(z) = 1 \text{ for } z > 0, \qquad f'(z) = \alpha \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    negative_slope : float, default 0.2
        Slope α for negative inputs.

    Returns
    -------
    array or tensor like ``z``
        Slopes.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``negative_slope`` is not a finite number.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.leaky_relu`` to 1e-6.

    References
    ----------
    Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic models, equation (2).

    Examples
    --------
    >>> leaky_relu_derivative(np.array([-10.0, 0.0, 3.0])).tolist()
    [0.2, 0.2, 1.0]
    """
    require_number("negative_slope", negative_slope)
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), negative_slope)


@_of_floats
def prelu(z, alpha):
    r"""Parametric ReLU: leaky ReLU with slopes that are learned.

    .. math::

        f(z_i) = z_i \text{ for } z_i > 0, \qquad f(z_i) = \alpha_i z_i \text{ for } z_i \le 0, \qquad
        \frac{\partial f}{\partial \alpha_i} = \min(z_i, 0)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, array or tensor
        Slopes for negative inputs; its shape broadcasts to that of ``z``.

    Returns
    -------
    array or tensor like ``z``
        Values.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the output of ``keras.layers.PReLU`` to 1e-6.

    References
    ----------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, equations (1) and (3).

    Examples
    --------
    >>> prelu(np.array([-4.0, -4.0, 4.0]), np.array([0.0, 0.25, 0.5])).tolist()
    [-0.0, -1.0, 4.0]
    """
    return namespace(z).where(z > 0, z, alpha * z)


@_of_floats
def prelu_derivative(z, alpha):
    r"""Slope of parametric ReLU with respect to its input.

    .. math:: f'(z_i) = 1 \text{ for } z_i > 0, \qquad f'(z_i) = \alpha_i \text{ for } z_i \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, array or tensor
        Slopes for negative inputs; its shape broadcasts to that of ``z``.

    Returns
    -------
    array or tensor like ``z``
        Slopes.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.layers.PReLU`` to 1e-6, except at exactly 0, where Keras' is 0.

    References
    ----------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, equation (1).

    Examples
    --------
    >>> prelu_derivative(np.array([-4.0, 4.0]), 0.25).tolist()
    [0.25, 1.0]
    """
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), alpha)


@_of_floats
def rrelu(z, divisor):
    r"""Randomized leaky ReLU without its dice: negative inputs are divided by a given number.

    .. math:: f(z) = z \text{ for } z > 0, \qquad f(z) = \frac{z}{a} \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    divisor : float, array or tensor, above 0
        The divisor a, random for each element in training, (3 + 8)/2 = 5.5 afterwards (see ``layers.RReLU``).

    Returns
    -------
    array or tensor like ``z``
        Values.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Keras has no such function.

    References
    ----------
    Xu, Wang, Chen, Li (2015), Empirical evaluation of rectified activations in convolutional network, section 2.4.

    Examples
    --------
    >>> rrelu(np.array([-11.0, 3.0]), 5.5).tolist()
    [-2.0, 3.0]
    """
    return namespace(z).where(z > 0, z, z / divisor)


@_of_floats
def rrelu_derivative(z, divisor):
    r"""Slope of randomized leaky ReLU for a given divisor.

    .. math:: f'(z) = 1 \text{ for } z > 0, \qquad f'(z) = \frac{1}{a} \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    divisor : float, array or tensor, above 0
        The divisor a.

    Returns
    -------
    array or tensor like ``z``
        Slopes.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Keras has no such function.

    References
    ----------
    Xu, Wang, Chen, Li (2015), Empirical evaluation of rectified activations in convolutional network, section 2.4.

    Examples
    --------
    >>> rrelu_derivative(np.array([-11.0, 3.0]), 4.0).tolist()
    [0.25, 1.0]
    """
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), 1 / divisor)


@_of_floats
def elu(z, alpha=1.0):
    r"""Exponential linear unit: positive inputs pass, negative inputs bend towards -α.

    .. math::

        \mathrm{ELU}_\alpha(z) = z \text{ for } z > 0, \qquad
        \mathrm{ELU}_\alpha(z) = \alpha\,(e^{z} - 1) \text{ for } z \le 0

    The code adds both branches; each is 0 where the other one counts: max(z, 0) + α(exp(min(z, 0)) - 1).

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, default 1.0
        Minus the limit for very negative inputs, and the slope just left of 0.

    Returns
    -------
    array or tensor like ``z``
        For α ≥ 0, values above -α.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``alpha`` is not a finite number.

    Notes
    -----
    Equals ``keras.activations.elu`` to 1e-6. ``expm1`` is exp(z) - 1 without the rounding error near 0.

    References
    ----------
    Clevert, Unterthiner, Hochreiter (2016), Fast and accurate deep network learning by exponential linear units,
    equation (15).

    Examples
    --------
    >>> elu(np.array([-10_000.0, -np.log(2), 0.0, 3.0])).tolist()
    [-1.0, -0.5, 0.0, 3.0]
    """
    require_number("alpha", alpha)
    xp = namespace(z)
    if xp is not np:
        return xp.elu(z, alpha)
    return relu(z) + alpha * xp.expm1(xp.minimum(z, 0))


@_of_floats
def elu_derivative(z, alpha=1.0):
    r"""Slope of ELU: without a jump at 0 only for α = 1.

    .. math::

        \mathrm{ELU}_\alpha'(z) = 1 \text{ for } z > 0, \qquad
        \mathrm{ELU}_\alpha'(z) = \alpha\,e^{z} \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, default 1.0
        Minus the limit for very negative inputs, and the slope just left of 0.

    Returns
    -------
    array or tensor like ``z``
        Slopes.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``alpha`` is not a finite number.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.elu`` to 1e-6.

    References
    ----------
    Clevert, Unterthiner, Hochreiter (2016), Fast and accurate deep network learning by exponential linear units,
    equation (15).

    Examples
    --------
    >>> elu_derivative(np.array([-10_000.0, 0.0, 3.0]), alpha=2.0).tolist()
    [0.0, 2.0, 1.0]
    """
    require_number("alpha", alpha)
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), alpha * xp.exp(xp.minimum(z, 0)))


@_of_floats
def celu(z, alpha=1.0):
    r"""Continuously differentiable ELU: the same limit -α, but slope 1 at 0 for every α.

    .. math::

        \mathrm{CELU}_\alpha(z) = z \text{ for } z > 0, \qquad
        \mathrm{CELU}_\alpha(z) = \alpha\,(e^{z/\alpha} - 1) \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, above 0, default 1.0
        Minus the limit for very negative inputs.

    Returns
    -------
    array or tensor like ``z``
        Values above -α.

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``alpha`` is not a finite number above 0.

    Notes
    -----
    Equals ``keras.activations.celu`` to 1e-6. So does the automatic gradient, except at exactly 0: there TensorFlow
    counts both branches of Keras' formula and gives 2 instead of 1.

    References
    ----------
    Barron (2017), Continuously differentiable exponential linear units, equation (2).

    Examples
    --------
    >>> celu(np.array([-10_000.0, 0.0, 3.0]), alpha=2.0).tolist()
    [-2.0, 0.0, 3.0]
    """
    require_number("alpha", alpha, "be a finite number > 0", low=0, open_low=True)
    xp = namespace(z)
    return relu(z) + alpha * xp.expm1(xp.minimum(z, 0) / alpha)


@_of_floats
def celu_derivative(z, alpha=1.0):
    r"""Slope of CELU, without a jump for every α.

    .. math::

        \mathrm{CELU}_\alpha'(z) = 1 \text{ for } z > 0, \qquad
        \mathrm{CELU}_\alpha'(z) = e^{z/\alpha} \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    alpha : float, above 0, default 1.0
        Minus the limit for very negative inputs.

    Returns
    -------
    array or tensor like ``z``
        Slopes in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If ``z`` does not hold floating-point numbers, or ``alpha`` is not a finite number above 0.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.celu`` to 1e-6 everywhere but at exactly 0 (see ``celu``).

    References
    ----------
    Barron (2017), Continuously differentiable exponential linear units, equation (3).

    Examples
    --------
    >>> celu_derivative(np.array([-10_000.0, 0.0, 3.0]), alpha=2.0).tolist()
    [0.0, 1.0, 1.0]
    """
    require_number("alpha", alpha, "be a finite number > 0", low=0, open_low=True)
    xp = namespace(z)
    return xp.where(z > 0, xp.ones_like(z), xp.exp(xp.minimum(z, 0) / alpha))


def _selu_constants():
    r"""Return SELU's α and λ, for which mean 0 and variance 1 stay mean 0 and variance 1.

    For z ~ N(0, 1), completing the square gives the two integrals

    .. math::

        E_1 = \int_{-\infty}^{0} e^{z} \varphi(z)\,dz = \tfrac12 e^{1/2}\,\mathrm{erfc}\!\left(\tfrac{1}{\sqrt2}\right),
        \qquad
        E_2 = \int_{-\infty}^{0} e^{2z} \varphi(z)\,dz = \tfrac12 e^{2}\,\mathrm{erfc}\!\left(\sqrt2\right)

    Mean 0: :math:`\frac{1}{\sqrt{2\pi}} + \alpha\,(E_1 - \tfrac12) = 0`.
    Variance 1: :math:`\lambda^2 \left(\tfrac12 + \alpha^2 (E_2 - 2 E_1 + \tfrac12)\right) = 1`.
    """
    e1 = math.exp(0.5) * math.erfc(1 / math.sqrt(2)) / 2
    e2 = math.exp(2) * math.erfc(math.sqrt(2)) / 2
    alpha = 1 / math.sqrt(2 * math.pi) / (0.5 - e1)
    scale = 1 / math.sqrt(0.5 + alpha**2 * (e2 - 2 * e1 + 0.5))
    return alpha, scale


SELU_ALPHA, SELU_SCALE = _selu_constants()


@_of_floats
def selu(z):
    r"""Scaled ELU: its two constants make mean 0 and variance 1 a fixed point of a layer.

    .. math::

        \mathrm{SELU}(z) = \lambda\,\mathrm{ELU}_\alpha(z), \qquad \lambda \approx 1.0507, \quad \alpha \approx 1.6733

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Values above -λα ≈ -1.7581.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.selu`` to 1e-6. ``SELU_ALPHA`` (α) and ``SELU_SCALE`` (λ) are computed from the closed
    form of the fixed point when the module is loaded; ``selu_fixed_point`` finds them again by integration.

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks, equations (2) and (14).

    Examples
    --------
    >>> selu(np.array([-10_000.0, 0.0, 1.0])).round(4).tolist()
    [-1.7581, 0.0, 1.0507]
    """
    return SELU_SCALE * elu(z, SELU_ALPHA)


@_of_floats
def selu_derivative(z):
    r"""Slope of SELU: above 1 for positive inputs, so that it can also raise a variance that is too small.

    .. math::

        \mathrm{SELU}'(z) = \lambda \text{ for } z > 0, \qquad
        \mathrm{SELU}'(z) = \lambda\alpha\,e^{z} \text{ for } z \le 0

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Slopes; at 0 the slope from the left, λα ≈ 1.7581.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.selu`` to 1e-6, except at exactly 0, where Keras takes the
    slope from the right.

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks, equation (2).

    Examples
    --------
    >>> selu_derivative(np.array([-10_000.0, 0.0, 1.0])).round(4).tolist()
    [0.0, 1.7581, 1.0507]
    """
    return SELU_SCALE * elu_derivative(z, SELU_ALPHA)


def _gelu_inner(z):
    """Return z + 0.044715 z³; from |z| = 10 on, where tanh of it is ±1, z² is held so that 16 bits do not overflow."""
    return z * (1 + 0.044715 * namespace(z).minimum(z * z, 100))


@_of_floats
def gelu(z, approximate=False):
    r"""Gaussian error linear unit: z times the probability that a standard normal number is below z.

    .. math::

        \mathrm{GELU}(z) = z\,\Phi(z) = \frac{z}{2}\left(1 + \mathrm{erf}\frac{z}{\sqrt2}\right) \approx
        \frac{z}{2}\left(1 + \tanh\!\left(\sqrt{\tfrac{2}{\pi}}\,(z + 0.044715\,z^3)\right)\right)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    approximate : bool, default False
        Use the tanh form.

    Returns
    -------
    array or tensor like ``z``
        Values above -0.17.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.gelu`` to 1e-6. The two forms differ by less than 5e-4. Unlike Keras' tanh form this one
    has a finite gradient for every float16 input.

    References
    ----------
    Hendrycks, Gimpel (2016), Gaussian error linear units, section 2.

    Examples
    --------
    >>> gelu(np.array([-10_000.0, 0.0, 1.0])).round(4).tolist(), round(float(gelu(1.0, approximate=True)), 4)
    ([-0.0, 0.0, 0.8413], 0.8412)
    """
    if approximate:
        return 0.5 * z * (1 + namespace(z).tanh(math.sqrt(2 / math.pi) * _gelu_inner(z)))
    return z * _normal_cdf(z)


@_of_floats
def gelu_derivative(z, approximate=False):
    r"""Slope of GELU.

    .. math:: \mathrm{GELU}'(z) = \Phi(z) + z\,\varphi(z), \qquad \varphi(z) = \frac{e^{-z^2/2}}{\sqrt{2\pi}}

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.
    approximate : bool, default False
        Slope of the tanh form.

    Returns
    -------
    array or tensor like ``z``
        Slopes between -0.13 and 1.13.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.gelu`` to 1e-6 (in float16 where Keras' gradient is finite).

    References
    ----------
    Hendrycks, Gimpel (2016), Gaussian error linear units, section 2.

    Examples
    --------
    >>> gelu_derivative(np.array([-10_000.0, 0.0, 10_000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    xp = namespace(z)
    near = xp.clip(z, -40, 40)  # outside, the slope is 0 or 1 and z² overflows in 16 bits
    if approximate:
        t = xp.tanh(math.sqrt(2 / math.pi) * _gelu_inner(z))
        inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * near * near)
        return 0.5 * (1 + t) + 0.5 * near * (1 - t * t) * inner_slope
    density = xp.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
    return _normal_cdf(z) + near * density


@_of_floats
def silu(z):
    r"""SiLU, also called Swish: z times the logistic function.

    .. math:: \mathrm{SiLU}(z) = z\,\sigma(z)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Values above -0.28.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.silu`` to 1e-6. ``swish`` is another name for it.

    References
    ----------
    Elfwing, Uchibe, Doya (2018), Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning; Ramachandran, Zoph, Le (2017), Searching for activation functions, section 4.

    Examples
    --------
    >>> silu(np.array([-10_000.0, 0.0, np.log(3)])).round(6).tolist(), round(0.75 * math.log(3), 6)
    ([-0.0, 0.0, 0.823959], 0.823959)
    """
    return z * sigmoid(z)


@_of_floats
def silu_derivative(z):
    r"""Slope of SiLU.

    .. math:: \mathrm{SiLU}'(z) = \sigma(z) + z\,\sigma'(z)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Slopes between -0.1 and 1.1.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.silu`` to 1e-6.

    References
    ----------
    Ramachandran, Zoph, Le (2017), Searching for activation functions, section 4.

    Examples
    --------
    >>> silu_derivative(np.array([-10_000.0, 0.0, 10_000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return sigmoid(z) + z * sigmoid_derivative(z)


swish, swish_derivative = silu, silu_derivative


@_of_floats
def mish(z):
    r"""Mish: a smooth curve close to SiLU.

    .. math:: \mathrm{Mish}(z) = z \tanh\bigl(\ln(1 + e^{z})\bigr)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Values above -0.31.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals ``keras.activations.mish`` to 1e-6.

    References
    ----------
    Misra (2019), Mish: a self regularized non-monotonic activation function.

    Examples
    --------
    >>> mish(np.array([-10_000.0, 0.0, 10_000.0])).tolist()
    [-0.0, 0.0, 10000.0]
    """
    return z * namespace(z).tanh(_softplus(z))


@_of_floats
def mish_derivative(z):
    r"""Slope of Mish.

    .. math::

        \mathrm{Mish}'(z) = t + z\,\sigma(z)\,(1 - t^2), \qquad t = \tanh\bigl(\ln(1 + e^{z})\bigr)

    Parameters
    ----------
    z : array or tensor of floats, any shape
        Pre-activation.

    Returns
    -------
    array or tensor like ``z``
        Slopes between -0.12 and 1.09.

    Raises
    ------
    TypeError
        If ``z`` does not hold floating-point numbers.

    Notes
    -----
    Equals the automatic gradient of ``keras.activations.mish`` to 1e-6.

    References
    ----------
    Misra (2019), Mish: a self regularized non-monotonic activation function.

    Examples
    --------
    >>> mish_derivative(np.array([-10_000.0, 0.0, 10_000.0])).round(12).tolist()
    [0.0, 0.6, 1.0]
    """
    t = namespace(z).tanh(_softplus(z))
    return t + z * sigmoid(z) * (1 - t * t)


_DERIVATIVES = {
    "sigmoid": sigmoid_derivative,
    "tanh": tanh_derivative,
    "softmax": softmax_derivative,
    "relu": relu_derivative,
    "leaky_relu": leaky_relu_derivative,
    "prelu": prelu_derivative,
    "rrelu": rrelu_derivative,
    "elu": elu_derivative,
    "celu": celu_derivative,
    "selu": selu_derivative,
    "gelu": gelu_derivative,
    "silu": silu_derivative,
    "swish": swish_derivative,
    "mish": mish_derivative,
}


def derivative(activation):
    """Return the derivative that belongs to an activation function.

    Parameters
    ----------
    activation : str or function
        A name such as ``"elu"``, or a function with such a name, from here or from Keras.

    Returns
    -------
    function
        The function ``<name>_derivative`` of this module.

    Raises
    ------
    TypeError, ValueError
        If there is no such activation here.

    Examples
    --------
    >>> derivative("relu") is relu_derivative and derivative(elu) is elu_derivative
    True
    """
    name = getattr(activation, "__name__", activation)
    require_choice("activation", name, _DERIVATIVES)
    return _DERIVATIVES[name]


def activation_moments(activation, mean=0.0, variance=1.0):
    r"""Mean and variance of an activation whose input is normally distributed, by numerical integration.

    .. math:: \tilde\mu = E[f(z)], \qquad \tilde\nu = E[(f(z) - \tilde\mu)^2], \qquad z \sim \mathcal N(\mu, \nu)

    Parameters
    ----------
    activation : function
        f, a function of one number; if it has a kink, it has to be at 0.
    mean : float, default 0.0
        μ.
    variance : float, at least 0, default 1.0
        ν.

    Returns
    -------
    tuple of float
        Mean and variance of f(z), with an error below about 1e-10.

    Raises
    ------
    TypeError, ValueError
        If ``activation`` is not a function or a number is out of range.

    Notes
    -----
    Keras has nothing like it. For f(z) = max(0, z) and N(0, 1) the exact values are 1/√(2π) and 1/2 - 1/(2π).

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks, equation (3).

    Examples
    --------
    >>> [round(moment, 6) for moment in activation_moments(relu)]
    [0.398942, 0.340845]
    """
    require(callable(activation), "activation", "be a function", activation, TypeError)
    require_number("mean", mean)
    require_number("variance", variance, "be a finite number >= 0", low=0)
    deviation, limit = math.sqrt(variance), 12.0
    kink = [-mean / deviation] if abs(mean) < limit * deviation else None

    def expectation(g):
        def integrand(x):
            return g(float(activation(mean + deviation * x))) * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

        return integrate.quad(integrand, -limit, limit, points=kink, epsabs=1e-13, epsrel=1e-12, limit=200)[0]

    mean_after = expectation(lambda f: f)
    return mean_after, expectation(lambda f: (f - mean_after) ** 2)


@dataclass(frozen=True)
class SeluFixedPoint:
    """SELU's constants α (``alpha``) and λ (``scale``); ``mean`` and ``variance`` of SELU(z) for z ~ N(0, 1)."""

    alpha: float
    scale: float
    mean: float
    variance: float


def selu_fixed_point():
    r"""Find SELU's two constants by numerical integration, and check that (0, 1) is a fixed point.

    For z ~ N(0, 1), the mean 0 fixes α and then the variance 1 fixes λ:

    .. math::

        E[\max(z, 0)] + \alpha\,E[e^{\min(z, 0)} - 1] = 0, \qquad \lambda^2\,\mathrm{Var}[\mathrm{ELU}_\alpha(z)] = 1

    Returns
    -------
    SeluFixedPoint
        ``alpha``, ``scale`` and the ``mean`` and ``variance`` of SELU(z) with these constants, near 0 and 1.

    Notes
    -----
    Independent of the closed form behind ``SELU_ALPHA`` and ``SELU_SCALE``, which agree to 1e-12; so do Keras'
    constants.

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks, equation (14).

    Examples
    --------
    >>> point = selu_fixed_point()
    >>> round(point.alpha, 6), round(point.scale, 6), abs(point.mean) < 1e-9, round(point.variance, 9)
    (1.673263, 1.050701, True, 1.0)
    """
    positive_part, _ = activation_moments(relu)
    whole, _ = activation_moments(elu)
    alpha = -positive_part / (whole - positive_part)
    _, variance = activation_moments(lambda z: elu(z, alpha))
    scale = 1 / math.sqrt(variance)
    return SeluFixedPoint(alpha, scale, *activation_moments(lambda z: scale * elu(z, alpha)))


def selu_map(mean, variance, weight_sum=0.0, weight_square_sum=1.0):
    r"""Carry mean and variance of the inputs through one wide dense layer with SELU.

    .. math::

        g: (\mu, \nu) \mapsto (\tilde\mu, \tilde\nu), \qquad z \sim \mathcal N(\mu\omega,\ \nu\tau), \qquad
        \omega = \sum_i w_i, \quad \tau = \sum_i w_i^2

    Parameters
    ----------
    mean : float
        Mean μ of the inputs of the layer.
    variance : float, at least 0
        Variance ν of the inputs of the layer.
    weight_sum : float, default 0.0
        ω: the sum of the weights of a unit; 0 on average with LeCun initialization.
    weight_square_sum : float, at least 0, default 1.0
        τ: the sum of their squares; 1 on average with LeCun initialization.

    Returns
    -------
    tuple of float
        Mean and variance of the outputs of the layer.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite or out of range.

    Notes
    -----
    Keras has nothing like it. (0, 1) is a fixed point, and it attracts: repeated, the map returns to it.

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), Self-normalizing neural networks, equations (3) to (5).

    Examples
    --------
    >>> mean, variance = 0.5, 2.0
    >>> for layer in range(30):
    ...     mean, variance = selu_map(mean, variance)
    >>> round(abs(mean), 2), round(variance, 2)
    (0.0, 1.0)
    """
    require_number("mean", mean)
    require_number("variance", variance, "be a finite number >= 0", low=0)
    require_number("weight_sum", weight_sum)
    require_number("weight_square_sum", weight_square_sum, "be a finite number >= 0", low=0)
    return activation_moments(selu, mean * weight_sum, variance * weight_square_sum)
