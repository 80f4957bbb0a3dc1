"""The layers of section 11.1: thin Keras layers around the pure functions of the package."""

import keras
from keras import ops

from handson11 import activations
from handson11._check import require, require_number
from handson11.normalization import batch_norm, batch_statistics, moving_average


class _ActivationLayer(keras.layers.Layer):
    """What the activation layers share: they keep the shape and hand masks on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = type(self).build is keras.layers.Layer.build  # without weights there is nothing to build

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="handson11")
class LeakyReLU(_ActivationLayer):
    r"""Leaky ReLU as a layer: a small fixed slope for negative inputs.

    .. math:: f(z) = z \text{ for } z > 0, \qquad f(z) = \text{negative\_slope} \cdot z \text{ for } z \le 0

    Parameters
    ----------
    negative_slope : float, at least 0, default 0.3
        Slope for negative inputs. Keras' default differs between its layer (0.3) and its function (0.2); so does ours.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If ``negative_slope`` is not a finite number or is below 0; TypeError for integer inputs.

    Notes
    -----
    Input and output: any shape. Equals ``keras.layers.LeakyReLU`` to 1e-6; the deprecated argument ``alpha`` is not
    accepted.

    References
    ----------
    Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic models, equation (2).

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(LeakyReLU(negative_slope=0.5)(np.array([-10.0, 0.0, 10.0]))).tolist()
    [-5.0, 0.0, 10.0]
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        super().__init__(**kwargs)
        rule = "be a finite number >= 0"
        self.negative_slope = float(require_number("negative_slope", negative_slope, rule, low=0))

    def call(self, inputs):
        return activations.leaky_relu(inputs, self.negative_slope)

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


@keras.saving.register_keras_serializable(package="handson11")
class PReLU(_ActivationLayer):
    r"""Parametric ReLU: the slope for negative inputs is learned, one for each unit.

    .. math::

        f(z_i) = z_i \text{ for } z_i > 0, \qquad f(z_i) = \alpha_i z_i \text{ for } z_i \le 0, \qquad
        \frac{\partial f}{\partial \alpha_i} = \min(z_i, 0)

    Parameters
    ----------
    alpha_initializer : initializer, default "zeros"
        Start value of the slopes. With zeros the layer starts as ReLU; the paper started at 0.25.
    alpha_regularizer : regularizer, optional
        Penalty on the slopes. The paper uses none: weight decay would pull the slopes to 0.
    alpha_constraint : constraint, optional
        Projection of the slopes after each update.
    shared_axes : int or sequence of int, optional
        Axes along which one slope is shared, counted from 1 (axis 0 is the batch). For images of shape (batch, height,
        width, channels), ``shared_axes=[1, 2]`` learns one slope for each channel.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If ``shared_axes`` are not axes of the input, or the size of an axis that is not shared is unknown; TypeError
        for integer inputs.

    Notes
    -----
    Input and output: any shape with a batch axis. Equals ``keras.layers.PReLU`` to 1e-6, with the same variable
    ``alpha``. After ``Dense(300)`` it adds 300 parameters.

    References
    ----------
    He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, equations (1) and (3).

    Examples
    --------
    >>> import numpy as np
    >>> layer = PReLU(alpha_initializer=keras.initializers.Constant(0.25))
    >>> np.asarray(layer(np.array([[-4.0, 2.0]]))).tolist(), layer.count_params()
    ([[-1.0, 2.0]], 2)
    """

    def __init__(
        self,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = keras.initializers.get(alpha_initializer)
        self.alpha_regularizer = keras.regularizers.get(alpha_regularizer)
        self.alpha_constraint = keras.constraints.get(alpha_constraint)
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, list | tuple) else [shared_axes]
            whole = all(isinstance(axis, int) and not isinstance(axis, bool) for axis in shared_axes)
            require(whole, "shared_axes", "be an integer or a sequence of integers", shared_axes, TypeError)
        self.shared_axes = shared_axes

    def build(self, input_shape):
        rank = len(input_shape)
        shared = self.shared_axes or []
        rule = f"lie between 1 and {rank - 1} for an input with {rank} axes"
        require(all(1 <= axis < rank for axis in shared), "shared_axes", rule, self.shared_axes)
        shape = [1 if axis in shared else input_shape[axis] for axis in range(1, rank)]
        rule = "have a known size on every axis that is not shared"
        require(None not in shape, "input_shape", rule, tuple(input_shape))
        self.alpha = self.add_weight(
            shape=shape,
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        fixed = {axis: input_shape[axis] for axis in range(1, rank) if axis not in shared}
        self.input_spec = keras.layers.InputSpec(ndim=rank, axes=fixed)

    def call(self, inputs):
        return activations.prelu(inputs, self.alpha)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha_initializer": keras.initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": keras.regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": keras.constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


@keras.saving.register_keras_serializable(package="handson11")
class RReLU(_ActivationLayer):
    r"""Randomized leaky ReLU: negative inputs are divided by a random number in training, by a fixed one afterwards.

    .. math::

        f(z) = z \text{ for } z > 0, \qquad f(z) = \frac{z}{a} \text{ for } z \le 0, \qquad
        a \sim \mathcal U(l, u) \text{ in training}, \quad a = \frac{l + u}{2} \text{ afterwards}

    Parameters
    ----------
    lower : float, above 0, default 3.0
        Smallest divisor l.
    upper : float, at least ``lower``, default 8.0
        Largest divisor u.
    seed : int, optional
        Seed of the draws. Each training call draws one divisor for each element of the input and moves the state of
        the generator on; the state is saved with the model.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If a bound is not a finite number, ``lower`` is not above 0 or ``upper`` is below ``lower``; TypeError for
        integer inputs or a seed that is not an integer.

    Notes
    -----
    Input and output: any shape. Keras has no such layer. The divisor, not the slope, is uniform here, as in the paper:
    the test slope is 1/5.5 ≈ 0.18. ``torch.nn.RReLU`` draws the *slope* uniformly from [1/8, 1/3] and tests with its
    mean, (1/8 + 1/3)/2 ≈ 0.23: the same name for another rule.

    References
    ----------
    Xu, Wang, Chen, Li (2015), Empirical evaluation of rectified activations in convolutional network, section 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = RReLU(seed=42)
    >>> np.asarray(layer(np.array([-11.0, 1.0]))).tolist()
    [-2.0, 1.0]
    >>> z = np.asarray(layer(-np.ones(1000), training=True))
    >>> bool(-1 / 3 <= z.min() < z.max() <= -1 / 8)
    True
    """

    def __init__(self, lower=3.0, upper=8.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.lower = float(require_number("lower", lower, "be a finite number > 0", low=0, open_low=True))
        self.upper = float(require_number("upper", upper, f"be a finite number >= lower={self.lower}", low=self.lower))
        whole = seed is None or (isinstance(seed, int) and not isinstance(seed, bool))
        require(whole, "seed", "be an integer or None", seed, TypeError)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return activations.rrelu(inputs, (self.lower + self.upper) / 2)
        divisor = keras.random.uniform(
            ops.shape(inputs), self.lower, self.upper, dtype=inputs.dtype, seed=self.seed_generator
        )
        return activations.rrelu(inputs, divisor)

    def get_config(self):
        return {**super().get_config(), "lower": self.lower, "upper": self.upper, "seed": self.seed}

    def save_own_variables(self, store):
        store["0"] = self.seed_generator.state.numpy()  # Keras saves weights only, not the state of its generators

    def load_own_variables(self, store):
        self.seed_generator.state.assign(store["0"])


@keras.saving.register_keras_serializable(package="handson11")
class ELU(_ActivationLayer):
    r"""Exponential linear unit as a layer.

    .. math:: f(z) = z \text{ for } z > 0, \qquad f(z) = \alpha\,(e^z - 1) \text{ for } z \le 0

    Parameters
    ----------
    alpha : float, at least 0, default 1.0
        Minus the limit for very negative inputs, and the slope just left of 0.
    **kwargs
        ``name``, ``dtype`` and ``trainable`` of every Keras layer.

    Raises
    ------
    TypeError, ValueError
        If ``alpha`` is not a finite number or is below 0; TypeError for integer inputs.

    Notes
    -----
    Input and output: any shape. Equals ``keras.layers.ELU`` to 1e-6.

    References
    ----------
    Clevert, Unterthiner, Hochreiter (2016), Fast and accurate deep network learning by exponential linear units,
    equation (15).

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(ELU(alpha=2.0)(np.array([-1000.0, 0.0, 3.0]))).tolist()
    [-2.0, 0.0, 3.0]
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = float(require_number("alpha", alpha, "be a finite number >= 0", low=0))

    def call(self, inputs):
        return activations.elu(inputs, self.alpha)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


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
