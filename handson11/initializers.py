r"""Starting weights: Glorot, He and LeCun initialization (equation 11-1).

Every rule here is a **law** (a shape of the density: uniform, normal, truncated normal) and a **variance**
(:math:`\sigma^2 = scale / fan`). The pure functions give the variance, the limits and NumPy samples; the classes
are Keras initializers with Keras' own names, arguments and random numbers.
"""

import math
import numbers
import random

import keras
import numpy as np

from handson11._check import require, require_choice, require_number

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

RULES = {
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
}
"""The six named rules of equation 11-1: name → (scale, mode, distribution)."""

_NAMES_BY_ACTIVATION = {
    "glorot_uniform": ("linear", "tanh", "sigmoid", "logistic", "hard_sigmoid", "softmax", "softsign"),
    "he_normal": ("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "gelu", "silu", "swish", "mish"),
    "lecun_normal": ("selu",),
}
BY_ACTIVATION = {activation: rule for rule, names in _NAMES_BY_ACTIVATION.items() for activation in names}
"""Which rule suits which activation: activation → name of the rule in `RULES`."""


def compute_fans(shape, input_axes=None, output_axes=None):
    r"""Return how many numbers enter and leave one unit of a layer whose kernel has this shape.

    .. math::

        fan_{in} = receptive \cdot inputs, \qquad fan_{out} = receptive \cdot outputs

    where *receptive* is 1 for a dense layer and the number of pixels of the filter for a convolution.

    Parameters
    ----------
    shape : sequence of int
        Shape of the kernel: ``(inputs, outputs)`` for a dense layer or an embedding, ``(height, width, inputs,
        outputs)`` for a convolution, ``(n,)`` for a vector (both fans are ``n``), ``()`` for a scalar (both are 1).
    input_axes, output_axes : sequence of int, optional
        Axes to multiply instead, both or none; used for kernels such as ``(inputs, heads, outputs per head)``.

    Returns
    -------
    tuple of int
        ``(fan_in, fan_out)``.

    Raises
    ------
    ValueError
        If a size is negative or unknown, or only one of the two lists of axes is given.

    Notes
    -----
    Equals the fans Keras uses inside every ``keras.initializers.VarianceScaling``. In PyTorch's order the kernel of a
    dense layer is ``(outputs, inputs)``: transpose it first.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), Understanding the difficulty of training deep feedforward neural networks,
    section 4.2.

    Examples
    --------
    >>> compute_fans((784, 300))
    (784, 300)
    >>> compute_fans((3, 3, 16, 32))  # a 3 × 3 convolution from 16 to 32 channels
    (144, 288)
    """
    shape = _checked_shape(shape, input_axes, output_axes)
    if input_axes is not None:
        return _product(shape, "input_axes", input_axes), _product(shape, "output_axes", output_axes)
    if len(shape) < 2:
        fan = shape[0] if shape else 1
        return fan, fan
    *filter_size, inputs, outputs = shape
    receptive = math.prod(filter_size)
    return receptive * inputs, receptive * outputs


def _checked_shape(shape, input_axes, output_axes):
    is_sequence = hasattr(shape, "__iter__") and not isinstance(shape, str)
    require(is_sequence, "shape", "be a sequence of sizes", shape, TypeError)
    shape = tuple(shape)
    sizes_known = all(isinstance(size, numbers.Integral) and size >= 0 for size in shape)
    require(sizes_known, "shape", "hold known sizes >= 0", shape)
    both_or_none = (input_axes is None) == (output_axes is None)
    require(both_or_none, "input_axes", "be given together with `output_axes`, or not at all", input_axes)
    return tuple(int(size) for size in shape)


def _product(shape, name, axes):
    known = all(isinstance(axis, numbers.Integral) and -len(shape) <= axis < len(shape) for axis in axes)
    require(known, name, f"hold axes of a kernel of {len(shape)} dimensions", axes)
    return math.prod(shape[axis] for axis in axes)


def variance(shape, scale=1.0, mode="fan_in", input_axes=None, output_axes=None):
    r"""Return the variance that variance scaling gives to the weights of one kernel.

    .. math::

        \sigma^2 = \frac{scale}{fan}, \qquad fan_{avg} = \tfrac12 (fan_{in} + fan_{out})

    Parameters
    ----------
    shape : sequence of int
        Shape of the kernel, see `compute_fans`.
    scale : float, > 0, default 1.0
        1 for Glorot and LeCun, 2 for He, :math:`2 / (1 + a^2)` for a leaky ReLU of slope *a* (see `he_scale`).
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
        Which fan divides the scale; a fan below 1 counts as 1.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Returns
    -------
    float
        The variance of every weight.

    Raises
    ------
    ValueError
        If the scale is not a finite number above 0, or the mode is unknown.

    Notes
    -----
    Equals the variance of ``keras.initializers.VarianceScaling`` with the same arguments.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), equation 12 (fan_avg); He, K. et al. (2015), Delving deep into rectifiers,
    equation 10 (scale 2, fan_in).

    Examples
    --------
    >>> variance((300, 100), scale=2.0)                # He: 2 / fan_in
    0.006666666666666667
    >>> variance((300, 100), mode="fan_avg")           # Glorot: 1 / fan_avg
    0.005
    """
    require_number("scale", scale, "be a finite number > 0", low=0, open_low=True)
    require_choice("mode", mode, MODES)
    fan_in, fan_out = compute_fans(shape, input_axes, output_axes)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    return scale / max(1.0, fan)


def uniform_limit(variance):
    r"""Return the half-width of the uniform law that has the given variance.

    .. math::

        \mathrm{Var}\,\mathcal U(-r, r) = \frac{r^2}{3} \quad\Rightarrow\quad r = \sqrt{3\sigma^2}

    So Glorot's limit is :math:`\sqrt{3/fan_{avg}}` and He's is :math:`\sqrt{6/fan_{in}}`.

    Parameters
    ----------
    variance : float, >= 0
        The wanted variance :math:`\sigma^2`.

    Returns
    -------
    float
        The limit *r*.

    Raises
    ------
    ValueError
        If the variance is negative or not finite.

    Examples
    --------
    >>> uniform_limit(variance((600, 600), scale=2.0))  # √(6/600)
    0.1
    """
    return math.sqrt(3 * require_number("variance", variance, "be a finite number >= 0", low=0))


def truncated_normal_std(cut=2.0):
    r"""Return the standard deviation that is left of a standard normal law when draws beyond ±cut are thrown away.

    .. math::

        s(c) = \sqrt{1 - \frac{2\,c\,\varphi(c)}{\mathrm{erf}(c/\sqrt2)}}, \qquad
        \varphi(c) = \frac{e^{-c^2/2}}{\sqrt{2\pi}}

    Parameters
    ----------
    cut : float, in [0.01, 1e6], default 2.0
        Where the law is cut, in standard deviations.

    Returns
    -------
    float
        :math:`s(c) < 1`; for the usual cut at 2 about 0.8796.

    Raises
    ------
    ValueError
        If the cut is out of range.

    Notes
    -----
    Keras carries the same number as the constant 0.87962566103423978 inside ``VarianceScaling``: it divides the
    standard deviation by it, so that the weights that are kept have the wanted variance.

    References
    ----------
    Johnson, N. L., Kotz, S. and Balakrishnan, N. (1994), Continuous univariate distributions, volume 1,
    section 13.10.1.

    Examples
    --------
    >>> round(truncated_normal_std(), 6)
    0.879626
    """
    cut = require_number("cut", cut, "be a number in [0.01, 1e6]", low=0.01, high=1e6)
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
    kept = math.erf(cut / math.sqrt(2))
    return math.sqrt(1 - 2 * cut * density / kept)


def he_scale(negative_slope=0.0):
    r"""Return He's scale for a ReLU whose negative side has slope *a*.

    .. math::

        scale = \frac{2}{1 + a^2}

    Parameters
    ----------
    negative_slope : float, default 0.0
        Slope *a* below zero: 0 for ReLU, 1 for no activation at all.

    Returns
    -------
    float
        2 for ReLU, 1 for a linear layer.

    Raises
    ------
    ValueError
        If the slope is not a finite number.

    References
    ----------
    He, K., Zhang, X., Ren, S. and Sun, J. (2015), Delving deep into rectifiers, equation 15.

    Examples
    --------
    >>> he_scale(0.2)
    1.923076923076923
    """
    return 2.0 / (1.0 + require_number("negative_slope", negative_slope) ** 2)


def sample(shape, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None):
    r"""Draw one kernel with NumPy: the law of `VarianceScaling`, without Keras.

    .. math::

        w \sim \mathcal U(-r, r),\; r = \sqrt{3\sigma^2} \qquad\text{or}\qquad
        w \sim \mathcal N(0, \sigma^2) \qquad\text{or}\qquad
        w \sim \mathcal N\!\big(0, (\sigma / 0.8796)^2\big)\ \text{cut at two deviations}

    Parameters
    ----------
    shape : sequence of int
        Shape of the kernel.
    scale, mode
        See `variance`.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}, default "truncated_normal"
        The law.
    seed : int or numpy.random.Generator, optional
        Where the random numbers come from.

    Returns
    -------
    numpy.ndarray
        Weights of the given shape, float64.

    Raises
    ------
    ValueError
        If an argument is out of range or unknown.

    Notes
    -----
    Same law as ``keras.initializers.VarianceScaling``, other random numbers.

    Examples
    --------
    >>> weights = sample((800, 400), scale=2.0, seed=42)
    >>> round(float(weights.var()) * 800, 1)
    2.0
    """
    require_choice("distribution", distribution, DISTRIBUTIONS)
    random_numbers = np.random.default_rng(seed)
    wanted = variance(shape, scale, mode)
    std = math.sqrt(wanted)
    if distribution == "uniform":
        limit = uniform_limit(wanted)
        return random_numbers.uniform(-limit, limit, shape)
    draws = random_numbers.standard_normal(shape)
    if distribution == "untruncated_normal":
        return std * draws
    outside = np.abs(draws) > 2
    while outside.any():
        draws[outside] = random_numbers.standard_normal(outside.sum())
        outside = np.abs(draws) > 2
    return std / truncated_normal_std() * draws


@keras.saving.register_keras_serializable(package="handson11")
class VarianceScaling(keras.initializers.VarianceScaling):
    r"""Draw weights whose variance is a scale divided by a fan of the layer.

    .. math::

        \mathrm{Var}(w) = \frac{scale}{fan}, \qquad fan \in \{fan_{in}, fan_{out}, fan_{avg}\}

    Parameters
    ----------
    scale : float, > 0, default 1.0
        Numerator of the variance.
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
        Denominator of the variance.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}, default "truncated_normal"
        The law. ``"normal"`` is Keras' other name for the truncated one: draws beyond two deviations are drawn again,
        and the deviation is widened by 1/0.8796 (`truncated_normal_std`), so that the variance stays as above.
    seed : int or keras.random.SeedGenerator, optional
        With an int **or without a seed** every call of the same object returns the same numbers (without a seed, the
        seed is drawn once, when the object is made). With a ``SeedGenerator`` every call returns new ones.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, unknown or of the wrong type.

    Notes
    -----
    Equals ``keras.initializers.VarianceScaling``: with the same seed the weights are the same. Everything is computed
    here; Keras' class is the parent only because layers such as ``keras.layers.MultiHeadAttention`` look for it to
    tell an initializer which axes of a kernel are inputs.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), equations 12 and 16; He, K. et al. (2015), equations 10 and 14.

    Examples
    --------
    >>> he_avg = VarianceScaling(scale=2.0, mode="fan_avg", distribution="uniform", seed=42)
    >>> weights = keras.ops.convert_to_numpy(he_avg((800, 400)))
    >>> bool(abs(weights).max() <= 0.1)                # the limit is √(6 / 600)
    True
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        self.scale = require_number("scale", scale, "be a finite number > 0", low=0, open_low=True)
        self.mode = require_choice("mode", mode, MODES)
        if isinstance(distribution, str):
            distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.distribution = require_choice("distribution", distribution, DISTRIBUTIONS)
        self.input_axes = input_axes
        self.output_axes = output_axes
        self.seed = self._given_seed = _checked_seed(seed)
        if seed is None:
            self.seed = random.randint(1, 10**9)

    def __call__(self, shape, dtype=None):
        """Return a tensor of weights of the given shape and dtype (default: ``keras.config.floatx()``)."""
        wanted = variance(shape, self.scale, self.mode, self.input_axes, self.output_axes)
        std = math.sqrt(wanted)
        if self.distribution == "uniform":
            limit = uniform_limit(wanted)
            return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return keras.random.normal(shape, 0.0, std, dtype=dtype, seed=self.seed)
        return keras.random.truncated_normal(shape, 0.0, std / truncated_normal_std(), dtype=dtype, seed=self.seed)

    def get_config(self):
        """Return the arguments that make an equal initializer; an absent seed stays absent."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **self._seed_and_axes(),
        }

    def _seed_and_axes(self):
        seed = keras.saving.serialize_keras_object(self._given_seed)
        return {"seed": seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


def _checked_seed(seed):
    if isinstance(seed, dict):
        seed = keras.saving.deserialize_keras_object(seed)
    is_integer = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    is_seed = seed is None or is_integer or isinstance(seed, keras.random.SeedGenerator)
    require(is_seed, "seed", "be an integer, a keras.random.SeedGenerator or None", seed)
    return int(seed) if is_integer else seed


class _NamedRule(VarianceScaling):
    """A row of `RULES` as a class: the name fixes scale, mode and distribution."""

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        scale, mode, distribution = RULES[self.rule]
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self):
        return self._seed_and_axes()


@keras.saving.register_keras_serializable(package="handson11")
class GlorotNormal(_NamedRule):
    r"""Glorot (Xavier) initialization with a truncated normal law, for tanh, logistic, softmax or no activation.

    .. math::

        \sigma^2 = \frac{1}{fan_{avg}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Notes
    -----
    Equals ``keras.initializers.GlorotNormal``.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), equation 12.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(GlorotNormal(seed=1)((800, 400)))
    >>> round(float(weights.var()) * 600, 1)
    1.0
    """

    rule = "glorot_normal"


@keras.saving.register_keras_serializable(package="handson11")
class GlorotUniform(_NamedRule):
    r"""Glorot (Xavier) initialization with a uniform law: the default of Keras' dense and convolution layers.

    .. math::

        r = \sqrt{\frac{3}{fan_{avg}}} = \sqrt{\frac{6}{fan_{in} + fan_{out}}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Notes
    -----
    Equals ``keras.initializers.GlorotUniform``.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), equation 16.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(GlorotUniform(seed=1)((800, 400)))
    >>> bool(abs(weights).max() <= (3 / 600) ** 0.5)
    True
    """

    rule = "glorot_uniform"


class _HeRule(_NamedRule):
    """He's rules: scale 2, or less for a ReLU with a slope on its negative side."""

    def __init__(self, seed=None, input_axes=None, output_axes=None, negative_slope=0.0):
        super().__init__(seed, input_axes, output_axes)
        self.scale = he_scale(negative_slope)
        self.negative_slope = negative_slope

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


@keras.saving.register_keras_serializable(package="handson11")
class HeNormal(_HeRule):
    r"""He initialization with a truncated normal law, for ReLU and its relatives.

    .. math::

        \sigma^2 = \frac{2}{(1 + a^2)\, fan_{in}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.
    negative_slope : float, default 0.0
        Slope *a* of the activation below zero; Keras' class knows only 0.

    Notes
    -----
    Equals ``keras.initializers.HeNormal`` when the slope is 0.

    References
    ----------
    He, K., Zhang, X., Ren, S. and Sun, J. (2015), Delving deep into rectifiers, equations 10 and 15.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(HeNormal(seed=1)((800, 400)))
    >>> round(float(weights.var()) * 800, 1)
    2.0
    """

    rule = "he_normal"


@keras.saving.register_keras_serializable(package="handson11")
class HeUniform(_HeRule):
    r"""He initialization with a uniform law, for ReLU and its relatives.

    .. math::

        r = \sqrt{\frac{6}{(1 + a^2)\, fan_{in}}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.
    negative_slope : float, default 0.0
        Slope *a* of the activation below zero; Keras' class knows only 0.

    Notes
    -----
    Equals ``keras.initializers.HeUniform`` when the slope is 0.

    References
    ----------
    He, K., Zhang, X., Ren, S. and Sun, J. (2015), Delving deep into rectifiers, equations 10 and 15.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(HeUniform(seed=1)((800, 400)))
    >>> bool(abs(weights).max() <= (6 / 800) ** 0.5)
    True
    """

    rule = "he_uniform"


@keras.saving.register_keras_serializable(package="handson11")
class LecunNormal(_NamedRule):
    r"""LeCun initialization with a truncated normal law, for SELU.

    .. math::

        \sigma^2 = \frac{1}{fan_{in}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Notes
    -----
    Equals ``keras.initializers.LecunNormal``; the same as Glorot's when fan_in = fan_out.

    References
    ----------
    LeCun, Y., Bottou, L., Orr, G. and Müller, K.-R. (1998), Efficient BackProp, section 4.6.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(LecunNormal(seed=1)((800, 400)))
    >>> round(float(weights.var()) * 800, 1)
    1.0
    """

    rule = "lecun_normal"


@keras.saving.register_keras_serializable(package="handson11")
class LecunUniform(_NamedRule):
    r"""LeCun initialization with a uniform law, for SELU.

    .. math::

        r = \sqrt{\frac{3}{fan_{in}}}

    Parameters
    ----------
    seed : int or keras.random.SeedGenerator, optional
        See `VarianceScaling`.
    input_axes, output_axes : sequence of int, optional
        See `compute_fans`.

    Notes
    -----
    Equals ``keras.initializers.LecunUniform``.

    References
    ----------
    LeCun, Y., Bottou, L., Orr, G. and Müller, K.-R. (1998), Efficient BackProp, section 4.6.

    Examples
    --------
    >>> weights = keras.ops.convert_to_numpy(LecunUniform(seed=1)((800, 400)))
    >>> bool(abs(weights).max() <= (3 / 800) ** 0.5)
    True
    """

    rule = "lecun_uniform"


_CLASS_OF_RULE = {
    initializer.rule: initializer
    for initializer in (GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform)
}


def named(rule, seed=None):
    """Return a fresh initializer for the name of a rule in `RULES`.

    Parameters
    ----------
    rule : str
        One of the six names.
    seed : int or keras.random.SeedGenerator, optional
        Seed of the initializer.

    Returns
    -------
    VarianceScaling
        A new object at every call.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> type(named("he_uniform")).__name__
    'HeUniform'
    """
    return _CLASS_OF_RULE[require_choice("rule", rule, RULES)](seed=seed)


def for_activation(activation, seed=None):
    r"""Return a fresh initializer that suits an activation function.

    ========================================================  ===================  =====================
    activation                                                initializer          :math:`\sigma^2`
    ========================================================  ===================  =====================
    none, tanh, logistic, softmax                             `GlorotUniform`      :math:`1 / fan_{avg}`
    ReLU, leaky ReLU, PReLU, RReLU, ELU, GELU, Swish, Mish    `HeNormal`           :math:`2 / fan_{in}`
    SELU                                                      `LecunNormal`        :math:`1 / fan_{in}`
    ========================================================  ===================  =====================

    Parameters
    ----------
    activation : str, None, function or keras.Layer
        Name of the activation, or something that carries it: a function such as ``handson11.activations.relu``, a
        layer or layer class such as ``keras.layers.PReLU``. None means no activation.
    seed : int or keras.random.SeedGenerator, optional
        Seed of the initializer.

    Returns
    -------
    VarianceScaling
        A new object at every call: one object must not be shared by two layers, which would get equal weights.

    Raises
    ------
    ValueError
        If no rule is known for the activation.

    Examples
    --------
    >>> type(for_activation("selu")).__name__
    'LecunNormal'
    >>> type(for_activation(keras.layers.LeakyReLU)).__name__
    'HeNormal'
    """
    name = _activation_name(activation)
    require(name in BY_ACTIVATION, "activation", f"be one of {sorted(BY_ACTIVATION)}", activation)
    return named(BY_ACTIVATION[name], seed)


_NAME_OF_LAYER = {
    "relu": "relu",
    "leakyrelu": "leaky_relu",
    "prelu": "prelu",
    "rrelu": "rrelu",
    "elu": "elu",
    "softmax": "softmax",
}


def _activation_name(activation):
    """Return the plain name of an activation given as name, function, layer or layer class."""
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return activation.lower()
    if isinstance(activation, keras.layers.Activation):
        return _activation_name(activation.activation)
    if isinstance(activation, keras.Layer):
        activation = type(activation)
    name = getattr(activation, "__name__", "")
    return _NAME_OF_LAYER.get(name.lower(), name) if isinstance(activation, type) else name
