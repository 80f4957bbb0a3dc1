r"""Batch normalization as pure functions: forward, backward, moving averages, folding into the layer beside it.

Every function takes NumPy arrays (proofs, plots) as well as tensors (training); only folding needs Keras layers.
"""

import numpy as np

from handson11._array import namespace
from handson11._check import require, require_number


def _feature_axis(x, axis):
    """Return ``axis`` as a number ≥ 0 and the tuple of all the other axes of ``x``."""
    rank = len(x.shape)
    is_index = isinstance(axis, int | np.integer) and not isinstance(axis, bool)
    require(is_index, "axis", "be one integer", axis, TypeError)
    require(-rank <= axis < rank, "axis", f"be an axis of an input with {rank} axes", axis)
    feature = axis % rank
    return feature, tuple(i for i in range(rank) if i != feature)


def _as_float(x, name="x"):
    """Return ``x`` as an array or tensor of float32 or wider: statistics of float16 values overflow."""
    xp = namespace(x)
    if xp is np:
        x = np.asarray(x)
        require(x.dtype.kind in "fiub", name, "hold real numbers", x, TypeError)
        dtype = np.result_type(x.dtype, np.float32)
        x = x.astype(dtype, copy=False)
    else:
        import keras

        dtype = keras.backend.standardize_dtype(x.dtype)
        x = x if dtype in ("float32", "float64") else xp.cast(x, "float32")
    require(len(x.shape) >= 1, name, "have at least one axis", x)
    return x


def _like(x, original):
    """Return ``x`` in the floating type of ``original`` (integers stay what the computation made of them)."""
    if isinstance(x, np.ndarray):
        kept = getattr(original, "dtype", x.dtype)
        return x.astype(kept, copy=False) if np.dtype(kept).kind == "f" else x
    import keras

    kept = keras.backend.standardize_dtype(original.dtype)
    return keras.ops.cast(x, kept) if "float" in kept and kept != keras.backend.standardize_dtype(x.dtype) else x


def _along(v, x, feature):
    """Return the vector ``v`` shaped so that it broadcasts along the feature axis of ``x``."""
    if v is None or feature == len(x.shape) - 1:
        return v
    shape = [1] * len(x.shape)
    shape[feature] = -1
    return namespace(v).reshape(v, shape)


def _check_vector(name, v, x, feature):
    size = x.shape[feature]
    if v is None or size is None:
        return
    shape = tuple(np.shape(v)) if namespace(v) is np else tuple(v.shape)
    require(shape == (size,), name, f"be a vector with one number per feature, shape ({size},)", v)


def _counted(mask, x):
    """Return ``mask`` as booleans with the shape of ``x``."""
    require(
        len(mask.shape) == len(x.shape) - 1, "mask", f"have one axis less than the input ({len(x.shape) - 1})", mask
    )
    xp = namespace(x)
    mask = mask.astype(bool) if xp is np else xp.cast(mask, "bool")
    return xp.broadcast_to(xp.expand_dims(mask, -1), xp.shape(x))


def batch_statistics(x, axis=-1, mask=None, synchronized=False):
    r"""Return the mean and the biased variance of a batch, one of each per feature.

    .. math::

        \boldsymbol\mu_{\mathcal B} = \frac{1}{m_{\mathcal B}} \sum_i \mathbf x^{(i)}, \qquad
        \boldsymbol\sigma^2_{\mathcal B} = \frac{1}{m_{\mathcal B}} \sum_i
        \left(\mathbf x^{(i)} - \boldsymbol\mu_{\mathcal B}\right)^2

    The variance is the **biased** one: the sum is divided by the number of instances, not by one less.

    Parameters
    ----------
    x : array or tensor
        The batch. For images of shape (batch, height, width, channels) every pixel counts as one instance.
        float16 and bfloat16 values are summed in float32.
    axis : int, default -1
        The axis of the features; the statistics are taken over all the others.
    mask : array or tensor of shape ``x.shape[:-1]`` (or broadcastable to it), optional
        True where a value counts. With nothing to count, mean and variance are zero.
    synchronized : bool, default False
        Add up the sums of all replicas under ``tf.distribute`` (tensors only).

    Returns
    -------
    mean : array or tensor of shape (features,)
    variance : array or tensor of shape (features,)

    Raises
    ------
    ValueError
        If ``axis`` is not an axis of ``x`` or the mask has the wrong number of axes.

    Notes
    -----
    Equals ``keras.ops.moments`` over all axes but one. Keras ignores ``synchronized`` where there is a mask;
    this function does not.

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, algorithm 1.

    Examples
    --------
    >>> mean, variance = batch_statistics([[1.0, 10.0], [3.0, 10.0]])
    >>> mean.tolist(), variance.tolist()
    ([2.0, 10.0], [1.0, 0.0])
    """
    x = _as_float(x)
    feature, others = _feature_axis(x, axis)
    xp = namespace(x)
    require(not (synchronized and xp is np), "synchronized", "be False for NumPy arrays", synchronized)

    def average(values):
        return _moments(values, others, synchronized=True)[0] if synchronized else xp.mean(values, axis=others)

    if mask is None and xp is not np:
        return _moments(x, others, synchronized)
    if mask is None:
        mean = average(x)
        return mean, average(np.square(x - _along(mean, x, feature)))

    counted = _counted(np.asarray(mask) if xp is np else mask, x)
    share = average(xp.where(counted, xp.ones_like(x), xp.zeros_like(x)))
    share = xp.where(share > 0, share, xp.ones_like(share))
    mean = average(xp.where(counted, x, xp.zeros_like(x))) / share
    distance = xp.where(counted, x - _along(mean, x, feature), xp.zeros_like(x))
    return mean, average(xp.square(distance)) / share


def _moments(x, axes, synchronized):
    """Return mean and biased variance of a tensor; ``keras.ops`` adds up the sums of the replicas if asked to."""
    from keras import ops

    if not axes:
        return x, ops.zeros_like(x)
    return ops.moments(x, axes=axes, synchronized=synchronized)


def batch_norm(x, gamma=None, beta=None, epsilon=1e-3, axis=-1, mean=None, variance=None, mask=None):
    r"""Centre and scale a batch with its own statistics, then stretch it by γ and shift it by β.

    .. math::

        \widehat{\mathbf x}^{(i)} = \frac{\mathbf x^{(i)} - \boldsymbol\mu_{\mathcal B}}
        {\sqrt{\boldsymbol\sigma^2_{\mathcal B} + \varepsilon}}, \qquad
        \mathbf z^{(i)} = \boldsymbol\gamma \otimes \widehat{\mathbf x}^{(i)} + \boldsymbol\beta

    It is computed as one multiplication and one addition per value, :math:`\mathbf z = \mathbf s \otimes \mathbf x +
    (\boldsymbol\beta - \mathbf s \otimes \boldsymbol\mu)` with :math:`\mathbf s = \boldsymbol\gamma /
    \sqrt{\boldsymbol\sigma^2 + \varepsilon}`: the same two vectors that :func:`fold_batch_norm` moves into a layer.

    Parameters
    ----------
    x : array or tensor
        The batch, for example of shape (batch, features).
    gamma : array or tensor of shape (features,), optional
        The scale γ; all ones if not given.
    beta : array or tensor of shape (features,), optional
        The shift β; all zeros if not given.
    epsilon : float, default 1e-3
        Added to the variance inside the root; at least 0.
    axis : int, default -1
        The axis of the features.
    mean, variance : array or tensor of shape (features,), optional
        Statistics to use instead of the batch's own (both or neither): this is inference.
    mask : array or tensor of shape ``x.shape[:-1]``, optional
        True where a value counts for the batch's statistics. All values are normalized.

    Returns
    -------
    array or tensor
        Shape of ``x``; floating types are kept, float16 and bfloat16 are computed in float32.

    Raises
    ------
    ValueError
        If a vector does not have one number per feature, only one of ``mean`` and ``variance`` is given, or
        ``epsilon`` is negative.

    Notes
    -----
    Equals ``keras.layers.BatchNormalization`` (training, or inference with its moving averages) to 1e-6.

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, algorithm 1.

    Examples
    --------
    >>> batch_norm([[1.0, 10.0], [3.0, 10.0]], epsilon=0.001).round(3).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> batch_norm([[5.0]], mean=[1.0], variance=[4.0], epsilon=0.0).tolist()
    [[2.0]]
    """
    require_number("epsilon", epsilon, "be a number of at least 0", low=0)
    require((mean is None) == (variance is None), "variance", "be given together with `mean`", variance)
    original, x = x, _as_float(x)
    feature, _ = _feature_axis(x, axis)
    for name, vector in (("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)):
        _check_vector(name, vector, x, feature)
    if mean is None:
        mean, variance = batch_statistics(x, axis, mask)

    scale, shift = scale_and_shift(mean, variance, gamma, beta, epsilon)
    z = x * _along(scale, x, feature) + _along(shift, x, feature)
    return _like(z, original)


def scale_and_shift(mean, variance, gamma=None, beta=None, epsilon=1e-3):
    r"""Return the two vectors that batch normalization multiplies by and adds, for given statistics.

    .. math::

        \mathbf s = \frac{\boldsymbol\gamma}{\sqrt{\boldsymbol\sigma^2 + \varepsilon}}, \qquad
        \mathbf t = \boldsymbol\beta - \mathbf s \otimes \boldsymbol\mu, \qquad
        \mathbf z = \mathbf s \otimes \mathbf x + \mathbf t

    Parameters
    ----------
    mean, variance : array or tensor of shape (features,)
        The statistics.
    gamma, beta : array or tensor of shape (features,), optional
        Scale γ (ones if not given) and shift β (zeros if not given).
    epsilon : float, default 1e-3
        Added to the variance inside the root.

    Returns
    -------
    scale : array or tensor of shape (features,)
    shift : array or tensor of shape (features,)

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, algorithm 2.

    Examples
    --------
    >>> scale, shift = scale_and_shift([1.0], [3.0], gamma=[4.0], beta=[0.5], epsilon=1.0)
    >>> scale.tolist(), shift.tolist()
    ([2.0], [-1.5])
    """
    xp = namespace(variance)
    if xp is np:
        mean, variance = np.asarray(mean), np.asarray(variance)
        gamma, beta = (None if v is None else np.asarray(v) for v in (gamma, beta))
    scale = 1 / np.sqrt(variance + epsilon) if xp is np else xp.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = gamma * scale
    shift = -mean * scale if beta is None else beta - mean * scale
    return scale, shift


def batch_norm_backward(gradient, x, gamma=None, epsilon=1e-3, axis=-1):
    r"""Send a gradient back through :func:`batch_norm` in training.

    With :math:`\mathbf g` the gradient with regard to the output and a bar for the mean over the batch,

    .. math::

        \frac{\partial L}{\partial \mathbf x} = \frac{\boldsymbol\gamma}{\sqrt{\boldsymbol\sigma^2_{\mathcal B} +
        \varepsilon}} \left(\mathbf g - \overline{\mathbf g} - \widehat{\mathbf x}\,
        \overline{\mathbf g \widehat{\mathbf x}}\right), \qquad
        \frac{\partial L}{\partial \boldsymbol\gamma} = \sum_i \mathbf g^{(i)} \widehat{\mathbf x}^{(i)}, \qquad
        \frac{\partial L}{\partial \boldsymbol\beta} = \sum_i \mathbf g^{(i)}

    Parameters
    ----------
    gradient : array or tensor
        The gradient of the loss with regard to the output; same shape as ``x``.
    x : array or tensor
        The batch that went in.
    gamma : array or tensor of shape (features,), optional
        The scale γ; all ones if not given.
    epsilon : float, default 1e-3
        The ε of the forward pass; at least 0.
    axis : int, default -1
        The axis of the features.

    Returns
    -------
    gradient_x : array or tensor, shape of ``x``
    gradient_gamma : array or tensor of shape (features,)
    gradient_beta : array or tensor of shape (features,)

    Raises
    ------
    ValueError
        If the shapes do not fit or ``epsilon`` is negative.

    Notes
    -----
    Equals what ``tf.GradientTape`` gives for ``keras.layers.BatchNormalization`` in training to 1e-6.

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, section 3.

    Examples
    --------
    A constant gradient moves β only: the mean takes it out of everything before.

    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> gradient_x, gradient_gamma, gradient_beta = batch_norm_backward(np.ones((3, 1)), x)
    >>> bool(abs(gradient_x).max() < 1e-15), gradient_beta.tolist()
    (True, [3.0])
    """
    require_number("epsilon", epsilon, "be a number of at least 0", low=0)
    x, gradient = _as_float(x), _as_float(gradient, "gradient")
    require(tuple(gradient.shape) == tuple(x.shape), "gradient", f"have the shape {tuple(x.shape)} of `x`", gradient)
    feature, others = _feature_axis(x, axis)
    _check_vector("gamma", gamma, x, feature)
    xp = namespace(x)

    mean, variance = batch_statistics(x, axis)
    scale, shift = scale_and_shift(mean, variance, epsilon=epsilon)
    x_hat = x * _along(scale, x, feature) + _along(shift, x, feature)
    if gamma is not None:
        scale = gamma * scale

    mean_g = _along(xp.mean(gradient, axis=others), x, feature)
    mean_gx = _along(xp.mean(gradient * x_hat, axis=others), x, feature)
    gradient_x = _along(scale, x, feature) * (gradient - mean_g - x_hat * mean_gx)
    return gradient_x, xp.sum(gradient * x_hat, axis=others), xp.sum(gradient, axis=others)


def moving_average(v_hat, v, momentum=0.99):
    r"""Return the exponential moving average after one more value.

    .. math::

        \widehat{\mathbf v} \leftarrow \widehat{\mathbf v} \times \text{momentum} + \mathbf v \times
        (1 - \text{momentum})

    Parameters
    ----------
    v_hat : float, array or tensor
        The average so far.
    v : float, array or tensor
        The new value; same shape.
    momentum : float in [0, 1], default 0.99
        The share of the old average that is kept. It has nothing to do with the momentum of an optimizer.

    Returns
    -------
    float, array or tensor
        The new average, shape of ``v_hat``.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1].

    Notes
    -----
    Equals the update of ``moving_mean`` and ``moving_variance`` in ``keras.layers.BatchNormalization``.

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, section 3.1.

    Examples
    --------
    >>> round(moving_average(1.0, 5.0, momentum=0.9), 6)
    1.4
    """
    require_number("momentum", momentum, "be in [0, 1]", low=0, high=1)
    return v_hat * momentum + v * (1.0 - momentum)


def _linear_layers():
    """Return the table of layers that can take a batch norm in: class → output axes of its last kernel."""
    from keras import layers

    return {
        layers.Dense: (-1,),
        layers.Conv1D: (-1,),
        layers.Conv2D: (-1,),
        layers.Conv3D: (-1,),
        layers.Conv1DTranspose: (-2,),
        layers.Conv2DTranspose: (-2,),
        layers.Conv3DTranspose: (-2,),
        layers.DepthwiseConv1D: (-2, -1),
        layers.DepthwiseConv2D: (-2, -1),
    }


def _check_foldable(layer, bn):
    from keras import layers

    from handson11.layers import BatchNormalization

    names = ", ".join(cls.__name__ for cls in _linear_layers())
    require(type(layer) in _linear_layers(), "layer", f"be one of {names}", layer, TypeError)
    is_batch_norm = isinstance(bn, layers.BatchNormalization | BatchNormalization)
    require(is_batch_norm, "bn", "be a BatchNormalization layer", bn, TypeError)
    require(not getattr(bn, "renorm", False), "bn", "have renorm=False", bn)
    for name, part in (("layer", layer), ("bn", bn)):
        require(part.built, name, "be built: call its model once on data, or give the model an Input", part)
    require(
        layer.activation is None or layer.activation.__name__ == "linear",
        "layer",
        "have no activation: a batch norm can be folded only into a linear step right before it",
        layer,
    )
    plain = getattr(layer, "quantization_mode", None) is None and not getattr(layer, "lora_enabled", False)
    require(plain, "layer", "have plain weights, neither quantized nor with LoRA", layer)
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    outputs = layer.compute_output_shape(layer.get_build_config()["input_shape"])
    feature = 1 if channels_first else len(outputs) - 1
    require(bn.axis % len(outputs) == feature, "bn", f"normalize the features of the layer, axis {feature}", bn)


def _float64(variable):
    """Return the value of a Keras variable as a NumPy array of float64, None as None."""
    return None if variable is None else np.asarray(variable, dtype="float64")


def fold_batch_norm(layer, bn):
    r"""Return a new layer that does the work of a linear layer and of the batch norm right behind it (inference).

    .. math::

        \mathbf W' = \mathbf W \operatorname{diag}(\mathbf s), \qquad
        \mathbf b' = (\mathbf b - \boldsymbol\mu) \otimes \mathbf s + \boldsymbol\beta, \qquad
        \mathbf s = \frac{\boldsymbol\gamma}{\sqrt{\boldsymbol\sigma^2 + \varepsilon}}

    The formula holds for any layer that is linear before its bias: the outputs, one column of ``W`` each, are scaled
    by **s**. An activation goes after the new layer, where it came after the batch norm before.

    Parameters
    ----------
    layer : keras layer
        A built Dense, Conv1D/2D/3D, Conv1D/2D/3DTranspose or DepthwiseConv1D/2D layer without activation.
    bn : handson11.layers.BatchNormalization or keras.layers.BatchNormalization
        The built batch norm that follows ``layer`` directly. Its moving averages are used as they are.

    Returns
    -------
    keras layer
        A new, built layer of the same class and configuration with ``use_bias=True``. The two given layers stay
        as they are.

    Raises
    ------
    TypeError
        If a layer is of another class.
    ValueError
        If a layer is unbuilt, ``layer`` has an activation or quantized weights, the batch norm works on another axis,
        or the two have different numbers of features.

    Notes
    -----
    Keras has no such function. The outputs agree with the two layers to about 1e-6 times their size (float32).

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, algorithm 2, line 11.

    Examples
    --------
    >>> import keras
    >>> dense, bn = keras.layers.Dense(2, use_bias=False), keras.layers.BatchNormalization()
    >>> x = np.ones((1, 3), dtype="float32")
    >>> expected = bn(dense(x))
    >>> folded = fold_batch_norm(dense, bn)
    >>> bool(np.allclose(folded(x), expected, atol=1e-6)), folded.use_bias
    (True, True)
    """
    _check_foldable(layer, bn)
    kernel, bias, gamma, beta, mean, variance = (
        _float64(v) for v in (layer.kernel, layer.bias, bn.gamma, bn.beta, bn.moving_mean, bn.moving_variance)
    )
    axes = _linear_layers()[type(layer)]
    outputs = tuple(kernel.shape[axis] for axis in axes)
    require(mean.size == np.prod(outputs), "bn", f"have one number for each of the {np.prod(outputs)} outputs", mean)
    scale, shift = scale_and_shift(mean, variance, gamma, beta, bn.epsilon)

    aligned = scale.reshape(outputs + (1,) * (-1 - axes[-1]))
    folded = type(layer).from_config({**layer.get_config(), "use_bias": True})
    folded.build_from_config(layer.get_build_config())
    folded.set_weights([kernel * aligned, shift if bias is None else bias * scale + shift])
    return folded
