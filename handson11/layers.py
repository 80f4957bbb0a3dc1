"""The layers of section 11.1: thin Keras layers around the pure functions of the package."""

import keras
from keras import ops

from handson11._check import require, require_number
from handson11.normalization import batch_norm, batch_statistics, moving_average


@keras.saving.register_keras_serializable(package="handson11")
class BatchNormalization(keras.layers.Layer):
    r"""Batch normalization: batch statistics in training, their moving averages afterwards.

    .. math::

        \mathbf z^{(i)} = \boldsymbol\gamma \otimes \frac{\mathbf x^{(i)} - \boldsymbol\mu}
        {\sqrt{\boldsymbol\sigma^2 + \varepsilon}} + \boldsymbol\beta

    In training, **μ** and **σ²** are the mean and the biased variance of the batch, and each updates a moving average:
    :math:`\widehat{\mathbf v} \leftarrow \widehat{\mathbf v} \times \text{momentum} + \mathbf v \times
    (1 - \text{momentum})`. Outside training, and in a frozen layer (``trainable=False``), they are the moving averages.

    Parameters
    ----------
    axis : int, default -1
        The axis of the features.
    momentum : float in [0, 1], default 0.99
        The share of the old moving average that each batch keeps.
    epsilon : float, default 1e-3
        Added to the variance inside the root; at least 0.
    center : bool, default True
        Whether to learn the shift β.
    scale : bool, default True
        Whether to learn the scale γ.
    beta_initializer, gamma_initializer : initializer, default "zeros" and "ones"
        Start values of β and γ.
    moving_mean_initializer, moving_variance_initializer : initializer, default "zeros" and "ones"
        Start values of the moving averages.
    beta_regularizer, gamma_regularizer : regularizer, optional
        Penalties on β and γ.
    beta_constraint, gamma_constraint : constraint, optional
        Projections of β and γ after each update.
    synchronized : bool, default False
        Take the statistics over all replicas under ``tf.distribute``, not over each replica's part of the batch.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    ValueError
        If a number is out of range, ``axis`` is not an axis of the input, the size of that axis is unknown, or a mask
        does not have one axis less than the input.

    Notes
    -----
    Equals ``keras.layers.BatchNormalization`` to 1e-6, with the same four variables in the same order: ``gamma`` and
    ``beta`` (trainable), ``moving_mean`` and ``moving_variance`` (not trainable). float16 and bfloat16 inputs are
    computed in float32. Keras' batch renormalization (``renorm``) is not part of this layer, and Keras ignores
    ``synchronized`` where there is a mask; this layer does not.

    References
    ----------
    Ioffe, Szegedy (2015), Batch normalization, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization(momentum=0.9)
    >>> z = layer(np.array([[1.0], [3.0]], dtype="float32"), training=True)
    >>> np.asarray(z).round(3).tolist()
    [[-1.0], [1.0]]
    >>> np.round(np.asarray(layer.moving_mean, dtype="float64"), 3).tolist()
    [0.2]
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require(isinstance(axis, int) and not isinstance(axis, bool), "axis", "be one integer", axis, TypeError)
        on_tensorflow = keras.backend.backend() == "tensorflow"
        require(on_tensorflow or not synchronized, "synchronized", "be False outside TensorFlow", synchronized)
        self.axis = axis
        self.momentum = require_number("momentum", momentum, "be in [0, 1]", low=0, high=1)
        self.epsilon = require_number("epsilon", epsilon, "be a number of at least 0", low=0)
        self.center = center
        self.scale = scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.synchronized = synchronized
        self.supports_masking = True
        self.gamma = None
        self.beta = None
        self.moving_mean = None
        self.moving_variance = None

    def build(self, input_shape):
        self._check_axis(input_shape)
        size = input_shape[self.axis]
        require(size is not None, "input_shape", f"have a known size along axis {self.axis}", input_shape)

        def vector(name, trainable=False, regularizer=None, constraint=None):
            return self.add_weight(
                shape=(size,),
                name=name,
                initializer=getattr(self, f"{name}_initializer"),
                regularizer=regularizer,
                constraint=constraint,
                trainable=trainable,
                autocast=False,
            )

        if self.scale:
            self.gamma = vector("gamma", True, self.gamma_regularizer, self.gamma_constraint)
        if self.center:
            self.beta = vector("beta", True, self.beta_regularizer, self.beta_constraint)
        self.moving_mean = vector("moving_mean")
        self.moving_variance = vector("moving_variance")
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs, training=None, mask=None):
        dtype = "float64" if keras.backend.standardize_dtype(inputs.dtype) == "float64" else "float32"
        x = ops.cast(inputs, dtype)
        mean, variance = ops.cast(self.moving_mean, dtype), ops.cast(self.moving_variance, dtype)
        gamma = ops.cast(self.gamma, dtype) if self.scale else None
        beta = ops.cast(self.beta, dtype) if self.center else None
        if mask is not None:
            require(len(mask.shape) == len(x.shape) - 1, "mask", "have one axis less than the input", mask)

        if training and self.trainable:
            batch_mean, batch_variance = batch_statistics(x, self.axis, mask, self.synchronized)
            self.moving_mean.assign(moving_average(mean, batch_mean, self.momentum))
            self.moving_variance.assign(moving_average(variance, batch_variance, self.momentum))
            mean, variance = batch_mean, batch_variance

        z = batch_norm(x, gamma, beta, self.epsilon, self.axis, mean, variance)
        return ops.cast(z, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        self._check_axis(input_shape)
        return input_shape

    def _check_axis(self, input_shape):
        rank = len(input_shape)
        require(-rank <= self.axis < rank, "axis", f"be an axis of an input with {rank} axes", self.axis)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": keras.initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": keras.initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": keras.regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": keras.constraints.serialize(self.beta_constraint),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
        }
