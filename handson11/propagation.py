r"""Forward and back through a deep network without training: what the size of its random weights does to both ways.

The weights come from a small integer generator, so that a browser can draw the same ones without NumPy.
"""

from dataclasses import dataclass

import numpy as np

from handson11 import activations
from handson11._check import require, require_choice, require_number

ACTIVATIONS = ("linear", "relu", "leaky_relu", "tanh", "sigmoid", "selu")
"""The activations that :func:`signal_through_depth` knows."""


@dataclass(frozen=True)
class SignalThroughDepth:
    """What :func:`signal_through_depth` measures, from layer 0 (the inputs) to the last layer.

    Parameters
    ----------
    std : array of shape (depth + 1,)
        Standard deviation of the outputs of each layer, over units and inputs.
    gradient : array of shape (depth + 1,)
        Root mean square of the gradient with respect to the outputs of each layer; 1 at the last layer.
    correlation : array of shape (depth + 1,)
        Correlation, over the units, of the outputs for the first and for the second input; NaN where one of them is the
        same for all units.

    Examples
    --------
    >>> SignalThroughDepth(np.ones(2), np.ones(2), np.ones(2)).std.tolist()
    [1.0, 1.0]
    """

    std: np.ndarray
    gradient: np.ndarray
    correlation: np.ndarray


def uniform_draws(seed, count):
    r"""Return numbers that are spread evenly over an interval around 0, with mean 0 and variance 1.

    .. math:: w = \sqrt3\,(2u - 1), \qquad u \sim \mathcal U(0, 1)

    Number i depends on the seed and on i alone. Whole numbers of 32 bits and one multiplication at the end: every
    language gives the same result to the last bit.

    Parameters
    ----------
    seed : int, 0 to 4,294,967,295
        Start of the generator.
    count : int, at least 1
        How many numbers.

    Returns
    -------
    array of shape (count,), float64
        Values in [-√3, √3).

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer in its range.

    Notes
    -----
    The generator is Mulberry32, a counter whose bits are mixed. It is quick and short, and good enough to draw weights;
    for experiments use ``numpy.random.default_rng``. Keras has no such function.

    References
    ----------
    Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, for generators of this kind.

    Examples
    --------
    >>> uniform_draws(seed=1, count=3).round(4).tolist()
    [0.4402, -1.7226, 0.0951]
    """
    _require_integer("seed", seed, 0, 2**32 - 1)
    _require_integer("count", count, 1)
    t = np.arange(1, count + 1, dtype="uint32") * np.uint32(0x6D2B79F5) + np.uint32(seed)
    t = (t ^ (t >> 15)) * (t | np.uint32(1))
    t = t ^ (t + (t ^ (t >> 7)) * (t | np.uint32(61)))
    return np.sqrt(3.0) * (2 * ((t ^ (t >> 14)) / 2**32) - 1)


def signal_through_depth(activation, gain, depth=50, seed=1, width=100):
    r"""Send two inputs up through a network of random weights, and a gradient down; measure both at every layer.

    .. math::

        a_l = f(z_l), \qquad z_l = W_l\,a_{l-1}, \qquad \mathrm{std}(w) = \frac{g}{\sqrt{\mathrm{width}}}, \qquad
        \frac{\partial J}{\partial a_{l-1}} = W_l^\top \Bigl(f'(z_l) \odot \frac{\partial J}{\partial a_l}\Bigr)

    The two inputs have mean 0, standard deviation 1 and the correlation 0.9. The gradient starts at the last layer with
    the root mean square 1, the same for both inputs. All layers, and the inputs, have ``width`` values; there are no
    biases. The weights are drawn from a uniform law: for a sum of many terms only their variance counts.

    Parameters
    ----------
    activation : {"linear", "relu", "leaky_relu", "tanh", "sigmoid", "selu"}
        Name of the activation function f; the leaky ReLU has the slope 0.2 below 0.
    gain : float, above 0
        The gain g. LeCun's and Glorot's weights have 1, He's √2.
    depth : int, at least 1, default 50
        Number of layers.
    seed : int, at least 0, default 1
        Which weights are drawn. Layers 1 to d of a network do not depend on its depth.
    width : int, at least 3, default 100
        Units of a layer.

    Returns
    -------
    SignalThroughDepth
        Standard deviation, gradient and correlation for layers 0 to ``depth``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or outside its range.

    Notes
    -----
    With ``linear`` each layer multiplies both sizes by g on average, in mean square. Keras has no such function.

    References
    ----------
    Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), Exponential expressivity in deep neural networks through
    transient chaos: sizes and correlations of two inputs from layer to layer.

    Examples
    --------
    Of a signal in a ReLU network, little is left after 50 layers if the weights are 8 % smaller than He's:

    >>> he, smaller = (signal_through_depth("relu", gain) for gain in (2**0.5, 1.3))
    >>> bool(smaller.std[50] < 0.1 * he.std[50])
    True
    """
    require_choice("activation", activation, ACTIVATIONS)
    require_number("gain", gain, "be a finite number > 0", low=0, open_low=True)
    _require_integer("depth", depth, 1)
    _require_integer("width", width, 3)
    f, slope = _function_and_slope(activation)
    draws = uniform_draws(seed, (3 + depth * width) * width).reshape(3 + depth * width, width)
    kernels = gain / np.sqrt(width) * draws[3:].reshape(depth, width, width)

    outputs, slopes = [_two_inputs(draws[0], draws[1])], []
    for kernel in kernels:
        z = outputs[-1] @ kernel.T
        outputs.append(f(z))
        slopes.append(slope(z))

    gradients = [np.tile(draws[2] / np.sqrt(np.mean(draws[2] ** 2)), (2, 1))]
    for kernel, slope_at_z in zip(kernels[::-1], slopes[::-1], strict=True):
        gradients.append((gradients[-1] * slope_at_z) @ kernel)
    return SignalThroughDepth(
        std=np.array([np.std(a) for a in outputs]),
        gradient=np.array([np.sqrt(np.mean(gradient**2)) for gradient in gradients[::-1]]),
        correlation=np.array([_correlation(*a) for a in outputs]),
    )


def _two_inputs(u, v):
    """Return two inputs with mean 0, standard deviation 1 and correlation 0.9, made of two rows of random numbers."""
    u = u - u.mean()
    u = u / np.sqrt(np.mean(u**2))
    v = v - v.mean()
    v = v - np.mean(u * v) * u
    v = v / np.sqrt(np.mean(v**2))
    return np.array([u, 0.9 * u + np.sqrt(1 - 0.9**2) * v])


def _correlation(a, b):
    """Return the correlation of two rows; NaN if one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    sizes = np.sqrt(np.mean(a**2)) * np.sqrt(np.mean(b**2))
    return np.mean(a * b) / sizes if sizes > 0 else np.nan


def _function_and_slope(activation):
    """Return an activation function and its derivative."""
    if activation == "linear":
        return np.array, np.ones_like
    return getattr(activations, activation), activations.derivative(activation)


def _require_integer(name, value, low, high=None):
    """Raise unless ``value`` is an integer from ``low`` to ``high``."""
    rule = f"be an integer >= {low}" if high is None else f"be an integer from {low} to {high}"
    require(isinstance(value, int | np.integer) and not isinstance(value, bool), name, rule, value, TypeError)
    require(low <= value and (high is None or value <= high), name, rule, value)
