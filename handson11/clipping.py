r"""Gradient clipping: by value, by the norm of one tensor, by the norm of all tensors together.

One policy for every function. **Zero** stays zero. **NaN and infinity are not repaired**: they come from an error made
before the clipping, and a repair would hide it. Clipping by value keeps a NaN where it is (an infinity becomes the
threshold); both norm clippings return NaN everywhere, because a tensor without a finite norm has no length to shorten.
The norm itself never overflows: entries are divided by the largest one before they are squared, and float16 and
bfloat16 are summed in float32.
"""

import functools

import numpy as np

from handson11._array import namespace
from handson11._check import require, require_number


def clip_by_value(gradients, clipvalue):
    r"""Cut every entry of every gradient into [-clipvalue, clipvalue]; the direction may change.

    .. math::

        g_i \leftarrow \min(\max(g_i, -c),\ c)

    Parameters
    ----------
    gradients : array or tensor, or a list of them
        Floating-point gradients of any shape. ``None`` in a list (a weight without gradient) stays ``None``.
    clipvalue : float
        The threshold c, greater than 0.

    Returns
    -------
    array or tensor, or a list of them
        The same structure, shapes and dtypes. Zeros stay zero, a NaN stays NaN, an infinity becomes ±c.

    Raises
    ------
    TypeError, ValueError
        If a gradient is not floating point or `clipvalue` is not a finite number greater than 0.

    Notes
    -----
    Equals ``tf.clip_by_value`` and ``keras.optimizers.SGD(clipvalue=c)`` exactly.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Gradient Clipping".

    Examples
    --------
    >>> clip_by_value(np.array([0.9, 100.0]), 1.0)
    array([0.9, 1. ])
    """
    require_number("clipvalue", clipvalue, "be a finite number > 0", low=0, open_low=True)
    if isinstance(gradients, list | tuple):
        return [None if g is None else _clip_entries(g, clipvalue) for g in gradients]
    return _clip_entries(gradients, clipvalue)


def clip_by_norm(gradient, clipnorm):
    r"""Shorten one gradient to length `clipnorm` if it is longer; its direction is kept.

    .. math::

        g \leftarrow g \cdot \min\!\left(1,\ \frac{c}{\lVert g \rVert_2}\right)

    Parameters
    ----------
    gradient : array or tensor
        One floating-point gradient of any shape; the norm runs over all its entries.
    clipnorm : float
        The threshold c, greater than 0.

    Returns
    -------
    array or tensor
        Same shape and dtype. Never longer than before. Zero stays zero; a NaN or infinity makes every entry NaN.

    Raises
    ------
    TypeError, ValueError
        If `gradient` is not one floating-point tensor or `clipnorm` is not a finite number greater than 0.

    Notes
    -----
    Equals ``tf.clip_by_norm`` and ``keras.optimizers.SGD(clipnorm=c)``, which clips every variable by its own norm, to
    1e-6 wherever the sum of squares is finite. Two differences outside that range: entries above about 1e19 (float32)
    overflow in the squares of Keras and give 0 there, while the right result comes out here; an infinite entry gives
    (NaN, 0, 0, …) in Keras and NaN everywhere here.

    References
    ----------
    Pascanu, R., Mikolov, T. and Bengio, Y. (2013), "On the difficulty of training recurrent neural networks",
    Algorithm 1.

    Examples
    --------
    >>> clip_by_norm(np.array([3.0, 4.0]), 1.0)
    array([0.6, 0.8])
    """
    require_number("clipnorm", clipnorm, "be a finite number > 0", low=0, open_low=True)
    if isinstance(gradient, list | tuple):
        one_tensor = not any(g is None or hasattr(g, "shape") for g in gradient)
        require(one_tensor, "gradient", "be one array or tensor, not a list of them", gradient, TypeError)
    return _clip_together([gradient], clipnorm, "gradient")[0]


def clip_by_global_norm(gradients, global_clipnorm):
    r"""Shorten all gradients by one common factor if their joint length exceeds `global_clipnorm`.

    .. math::

        g_k \leftarrow g_k \cdot \min\!\left(1,\ \frac{c}{\sqrt{\sum_j \lVert g_j \rVert_2^2}}\right)

    Parameters
    ----------
    gradients : list of arrays or tensors
        The gradients of all weights. ``None`` (a weight without gradient) stays ``None``.
    global_clipnorm : float
        The threshold c, greater than 0.

    Returns
    -------
    list of arrays or tensors
        Same shapes and dtypes; the direction of the whole gradient is kept. Zeros stay zero; one NaN or infinity makes
        every entry of every gradient NaN.

    Raises
    ------
    TypeError, ValueError
        If `gradients` is not a list of floating-point tensors or `global_clipnorm` is not a finite number above 0.

    Notes
    -----
    Equals the first result of ``tf.clip_by_global_norm`` and ``keras.optimizers.SGD(global_clipnorm=c)`` to 1e-6
    wherever the sum of squares is finite, and gives NaN for a NaN or infinity as they do. Entries above about 1e19
    (float32) overflow in their squares and turn everything into NaN there; here they are clipped.

    References
    ----------
    Pascanu, R., Mikolov, T. and Bengio, Y. (2013), "On the difficulty of training recurrent neural networks",
    Algorithm 1.

    Examples
    --------
    >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
    [array([0.6]), array([0.8])]
    """
    require_number("global_clipnorm", global_clipnorm, "be a finite number > 0", low=0, open_low=True)
    return _clip_together(gradients, global_clipnorm, "gradients")


def global_norm(gradients):
    r"""Return the length of all gradients taken as one vector.

    .. math::

        \sqrt{\textstyle\sum_k \lVert g_k \rVert_2^2}

    Parameters
    ----------
    gradients : array or tensor, or a list of them
        Floating-point gradients; ``None`` counts as nothing.

    Returns
    -------
    number or scalar tensor
        The norm, at least 0; NaN if an entry is NaN or infinite. float16 and bfloat16 gradients give float32.

    Raises
    ------
    TypeError, ValueError
        If there is no gradient or one is not floating point.

    Notes
    -----
    Equals ``tf.linalg.global_norm`` to 1e-6, without its overflow for entries above about 1e19 (float32).

    References
    ----------
    Pascanu, R., Mikolov, T. and Bengio, Y. (2013), "On the difficulty of training recurrent neural networks",
    Algorithm 1.

    Examples
    --------
    >>> float(global_norm([np.array([3.0]), np.array([[4.0]])]))
    5.0
    """
    scale, ratio = _norm_parts(_tensors(gradients, "gradients"))
    return scale * ratio


def angle_between(first, second):
    r"""Return the angle between two gradients, in degrees.

    .. math::

        \angle(g, h) = 2 \operatorname{atan2}\big(\lVert \hat g - \hat h \rVert,\ \lVert \hat g + \hat h \rVert\big),
        \qquad \hat g = \frac{g}{\lVert g \rVert}

    which equals the arc cosine of the scalar product of the unit vectors but stays exact near 0° and 180°.

    Parameters
    ----------
    first, second : array or tensor, or a list of them
        Two gradients of the same shapes; a list counts as one long vector, ``None`` as nothing.

    Returns
    -------
    number or scalar tensor
        Degrees from 0 to 180; NaN if a vector is zero (it has no direction) or not finite.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ or an entry is not floating point.

    Notes
    -----
    Keras has no such function. Equals the arc cosine of the negative of ``keras.losses.cosine_similarity``.

    References
    ----------
    Kahan, W. (2006), "How futile are mindless assessments of roundoff in floating-point computation?", section 12.

    Examples
    --------
    >>> round(float(angle_between([1.0, 0.0], [1.0, 1.0])), 6)
    45.0
    """
    first, second = _tensors(first, "first"), _tensors(second, "second")
    shapes = [tuple(g.shape) for g in first]
    require(shapes == [tuple(g.shape) for g in second], "second", f"have the shapes of `first`, {shapes}", second)
    first, second = _unit(first), _unit(second)
    sine = _length([g - h for g, h in zip(first, second, strict=True)])
    cosine = _length([g + h for g, h in zip(first, second, strict=True)])
    return namespace(sine).arctan2(sine, cosine) * (360 / np.pi)


def _clip_entries(gradient, clipvalue):
    """Clip one gradient by value."""
    gradient = _tensor(gradient, "gradients")
    return namespace(gradient).clip(gradient, -clipvalue, clipvalue)


@np.errstate(invalid="ignore")
def _clip_together(gradients, threshold, name):
    """Multiply all gradients by threshold / max(norm, threshold), both divided by the largest number in sight."""
    require(isinstance(gradients, list | tuple), name, "be a list of arrays or tensors", gradients, TypeError)
    dense = [None if g is None else _tensor(g, name) for g in gradients]
    wide = [_widen(g) for g in _tensors(dense, name)]
    maximum = namespace(wide[0]).maximum
    scale = maximum(_largest(wide), threshold)
    limit = threshold / scale
    factor = limit / maximum(_length([g / scale for g in wide]), limit)
    return [None if g is None else _like(_widen(g) * factor, g) for g in dense]


@np.errstate(invalid="ignore", over="ignore")
def _norm_parts(gradients):
    """Return (largest absolute entry, or 1 if all are zero; norm divided by it)."""
    wide = [_widen(g) for g in gradients]
    ops = namespace(wide[0])
    scale = _largest(wide)
    scale = ops.where(scale == 0, ops.ones_like(scale), scale)
    return scale, _length([g / scale for g in wide])


@np.errstate(invalid="ignore")
def _unit(gradients):
    """Return the gradients divided by their joint norm; NaN for a zero vector, which has no direction."""
    scale, ratio = _norm_parts(gradients)
    return [_widen(g) / scale / ratio for g in gradients]


def _largest(gradients):
    """Return the largest absolute entry of all gradients."""
    ops = namespace(gradients[0])
    return functools.reduce(ops.maximum, [ops.max(ops.abs(g), initial=0) for g in gradients])


def _length(gradients):
    """Return the plain root of the sum of squares."""
    ops = namespace(gradients[0])
    return ops.sqrt(sum(ops.sum(g * g) for g in gradients))


def _widen(gradient):
    """Return float16 and bfloat16 as float32, everything else as it is."""
    return _cast(gradient, "float32") if "float16" in str(gradient.dtype) else gradient


def _like(values, gradient):
    """Return ``values`` in the dtype of ``gradient``."""
    return values if values.dtype == gradient.dtype else _cast(values, gradient.dtype)


def _cast(values, dtype):
    return values.astype(dtype) if namespace(values) is np else namespace(values).cast(values, dtype)


def _tensors(gradients, name):
    """Return a non-empty list of dense tensors; a single tensor, number or list of numbers counts as one."""
    is_list = isinstance(gradients, list | tuple) and all(g is None or hasattr(g, "shape") for g in gradients)
    tensors = [_tensor(g, name) for g in gradients if g is not None] if is_list else [_tensor(gradients, name)]
    require(len(tensors) > 0, name, "hold at least one gradient", gradients)
    return tensors


def _tensor(gradient, name):
    """Return one dense floating-point tensor: numbers and lists become float64 arrays, sparse gradients dense ones."""
    if isinstance(gradient, int | float | list | tuple) and not isinstance(gradient, bool):
        gradient = np.asarray(gradient, dtype="float64")
    require(hasattr(gradient, "dtype"), name, "be a floating-point array or tensor", gradient, TypeError)
    require("float" in str(gradient.dtype), name, "be floating point", gradient, TypeError)
    if hasattr(gradient, "indices"):  # the sparse gradient of an Embedding: rows and their numbers
        gradient = namespace(gradient).add(gradient, 0.0)
    return gradient
