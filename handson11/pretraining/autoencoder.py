r"""Autoencoders: networks that learn, without labels, to give back their input through a code."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from handson11._check import require, require_choice, require_number
from handson11.initializers import for_activation
from handson11.models import _different_seeds

SIDE = 28
"""Height and width of the images that a :class:`ConvAutoencoder` takes."""


def masked(x, share, seed=None):
    r"""Return ``x`` with a random ``share`` of its pixels set to zero: masking noise.

    .. math:: \tilde x = m \odot x, \qquad m_i \sim \text{Bernoulli}(1 - p)

    Parameters
    ----------
    x : array or tensor
        Pixels.
    share : float, in [0, 1)
        The probability :math:`p` that a pixel is hidden.
    seed : int or keras.random.SeedGenerator, optional
        An integer gives the same noise at every call.

    Returns
    -------
    tensor
        Of the shape of ``x``. Nothing is scaled up, unlike in ``keras.layers.Dropout``.

    Raises
    ------
    ValueError, TypeError
        If ``share`` is out of range.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol (2008), Extracting and composing robust features with
    denoising autoencoders.

    Examples
    --------
    >>> hidden = np.asarray(masked(np.ones((100, 784), "float32"), 0.5, seed=0)) == 0
    >>> bool(abs(hidden.mean() - 0.5) < 0.01)
    True
    """
    require_number("share", share, "be in [0, 1)", low=0, high=1, open_high=True)
    kept = keras.random.uniform(ops.shape(x), seed=seed) >= share
    return ops.cast(kept, "float32") * ops.cast(x, "float32")


def with_gaussian_noise(x, deviation, seed=None):
    r"""Return ``x`` plus noise from a normal distribution, :math:`\tilde x = x + \sigma\varepsilon`.

    Parameters
    ----------
    x : array or tensor
        Pixels. The result may leave their range.
    deviation : float, >= 0
        The standard deviation :math:`\sigma`.
    seed : int or keras.random.SeedGenerator, optional
        An integer gives the same noise at every call.

    Returns
    -------
    tensor
        Of the shape of ``x``; what ``keras.layers.GaussianNoise`` does in training.

    Raises
    ------
    ValueError, TypeError
        If ``deviation`` is out of range.

    Examples
    --------
    >>> noise = np.asarray(with_gaussian_noise(np.zeros((100, 784), "float32"), 0.3, seed=0))
    >>> bool(abs(noise.std() - 0.3) < 0.01)
    True
    """
    require_number("deviation", deviation, "be >= 0", low=0)
    x = ops.cast(x, "float32")
    return x + deviation * keras.random.normal(ops.shape(x), seed=seed)


NOISES = {"masking": masked, "gaussian": with_gaussian_noise}
"""Kind of noise → function of pixels, strength and seed."""


class Autoencoder(keras.Model):
    r"""What all autoencoders share: an ``encoder``, a ``decoder``, and training towards the input itself.

    .. math:: \min_{\phi, \psi} \frac1m \sum_i \lVert x_i - g_\psi(f_\phi(x_i)) \rVert^2

    ``fit(x)`` needs no labels: the input is the target. A subclass calls :meth:`connect` at the end of its
    ``__init__``.
    """

    noise_seeds = None

    def connect(self, encoder, decoder, n_inputs):
        """Set both halves, and build the model, so that it can be saved and loaded before it is trained."""
        self.encoder, self.decoder, self.n_inputs = encoder, decoder, n_inputs
        self.build((None, n_inputs))

    def build(self, input_shape):
        """Check the shape; both halves have their weights already."""
        self.require_rows(input_shape)
        self.built = True

    def require_rows(self, shape):
        """Raise unless ``shape`` is that of flat rows of the right length."""
        fits = len(shape) == 2 and shape[-1] == self.n_inputs
        require(fits, "x", f"have the shape (rows, {self.n_inputs})", tuple(shape))

    def call(self, x, training=False):
        """Return the reconstructions of ``x``."""
        self.require_rows(x.shape)
        return self.decoder(self.encoder(x))

    def save_own_variables(self, store):
        """Save where the noise stands, which Keras does not: a loaded model goes on as this one would."""
        if self.noise_seeds is not None:
            store["noise"] = np.asarray(self.noise_seeds.state)

    def load_own_variables(self, store):
        """Load what :meth:`save_own_variables` saved."""
        if self.noise_seeds is not None:
            self.noise_seeds.state.assign(store["noise"])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the loss against ``y`` or, without it, against the input."""
        y = x if y is None else y
        return super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Return the metrics against ``y`` or, without it, against the input."""
        return super().compute_metrics(x, x if y is None else y, y_pred, sample_weight)


@keras.saving.register_keras_serializable("handson11")
class DenseAutoencoder(Autoencoder):
    r"""A stack of dense layers down to a code, and its mirror image up to the pixels.

    Parameters
    ----------
    units : sequence of int, default (128, 64)
        Units of the encoder's layers; the last number is the length of the code. The decoder has the same in reverse.
    activation : str or None, default "relu"
        Of all layers but the last one; a name Keras knows. None gives a linear autoencoder.
    output_activation : str or None, default "sigmoid"
        Of the last layer, which gives pixels between 0 and 1.
    sparsity : float, >= 0, default 0
        Weight :math:`\lambda` of the penalty :math:`\lambda \cdot \text{mean}|f(x)|` on the code: above 0 it is a
        *sparse* autoencoder, in which few units are active at a time. The code may then be longer than the input.
    n_inputs : int, default 784
        Pixels of one image.
    seed : int, optional
        Every starting weight follows from it. The order of the images in ``fit`` follows from
        ``keras.utils.set_random_seed``.

    Attributes
    ----------
    encoder, decoder : keras.Sequential
        The two halves. :func:`~handson11.pretraining.classifier_from_encoder` takes the first one.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or if the model is called with rows of another length.

    Notes
    -----
    A Keras model like any other: ``compile``, ``fit`` with callbacks, ``evaluate``, ``save`` as ``.keras``. A *linear*
    autoencoder of centred inputs learns the subspace of the principal components.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.

    Examples
    --------
    >>> model = DenseAutoencoder(units=(128, 64), seed=1)
    >>> model.compile("adam", "mse")
    >>> images = np.random.default_rng(0).uniform(size=(256, 784)).astype("float32")
    >>> losses = model.fit(images, epochs=2, verbose=0).history["loss"]
    >>> losses[1] < losses[0], model.encoder(images).shape
    (True, TensorShape([256, 64]))
    """

    def __init__(
        self,
        units=(128, 64),
        activation="relu",
        output_activation="sigmoid",
        sparsity=0.0,
        n_inputs=784,
        seed=None,
        **kwargs,
    ):
        require(len(units) >= 1, "units", "name at least one layer", units)
        for name, size in [("n_inputs", n_inputs), *(("units", size) for size in units)]:
            require_size(name, size)
        require_number("sparsity", sparsity, "be >= 0", low=0)
        super().__init__(**kwargs)
        self.units, self.activation, self.output_activation = tuple(units), activation, output_activation
        self.sparsity, self.seed = sparsity, seed
        seeds = _different_seeds(seed)
        encoder, decoder = [keras.Input((n_inputs,))], [keras.Input((units[-1],))]
        encoder += [dense(size, activation, next(seeds), f"encoder_{i}") for i, size in enumerate(units, 1)]
        decoder += [dense(size, activation, next(seeds), f"decoder_{i}") for i, size in enumerate(units[-2::-1], 1)]
        decoder.append(dense(n_inputs, output_activation, next(seeds), "pixels"))
        self.connect(keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder"), n_inputs)

    def call(self, x, training=False):
        """Return the reconstructions of ``x``."""
        self.require_rows(x.shape)
        code = self.encoder(x)
        if self.sparsity:
            self.add_loss(self.sparsity * ops.mean(ops.abs(code)))
        return self.decoder(code)

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("units", "activation", "output_activation", "sparsity", "n_inputs", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("handson11")
class DenoisingAutoencoder(DenseAutoencoder):
    r"""A dense autoencoder that sees a noisy input in training and must give back the clean one.

    .. math:: \min_{\phi, \psi} \frac1m \sum_i \lVert x_i - g_\psi(f_\phi(\tilde x_i)) \rVert^2

    Outside training nothing is added: ``model(x)``, ``predict`` and the ``encoder`` take images as they are.

    Parameters
    ----------
    units, activation, output_activation, sparsity, n_inputs, seed
        As in :class:`DenseAutoencoder`. The noise follows from ``seed``, too.
    noise : {"masking", "gaussian"}, default "masking"
        See :func:`masked` and :func:`with_gaussian_noise`.
    amount : float, default 0.5
        The share of the pixels that are hidden, or the deviation of the noise.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.

    References
    ----------
    P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol (2008), Extracting and composing robust features with
    denoising autoencoders.

    Examples
    --------
    >>> model = DenoisingAutoencoder(units=(16,), noise="masking", amount=0.5, seed=1)
    >>> images = np.random.default_rng(0).uniform(size=(4, 784)).astype("float32")
    >>> same = np.array_equal(model(images), model(images))
    >>> noisy = np.array_equal(model(images, training=True), model(images, training=True))
    >>> same, noisy
    (True, False)
    """

    def __init__(
        self,
        units=(128, 64),
        activation="relu",
        output_activation="sigmoid",
        sparsity=0.0,
        n_inputs=784,
        seed=None,
        noise="masking",
        amount=0.5,
        **kwargs,
    ):
        require_choice("noise", noise, NOISES)
        if noise == "masking":
            require_number("amount", amount, "be in [0, 1) for masking noise", low=0, high=1, open_high=True)
        require_number("amount", amount, "be >= 0", low=0)
        super().__init__(units, activation, output_activation, sparsity, n_inputs, seed, **kwargs)
        self.noise, self.amount = noise, amount

    def connect(self, encoder, decoder, n_inputs):
        """Set both halves, and a source of noise."""
        self.noise_seeds = keras.random.SeedGenerator(self.seed)
        super().connect(encoder, decoder, n_inputs)

    def call(self, x, training=False):
        """Return the reconstructions of ``x``; in training, from a noisy copy of it."""
        self.require_rows(x.shape)
        if training:
            x = NOISES[self.noise](x, self.amount, self.noise_seeds)
        return super().call(x)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "noise": self.noise, "amount": self.amount}


@keras.saving.register_keras_serializable("handson11")
class ConvAutoencoder(Autoencoder):
    """Convolutions with steps of two pixels down to a code, transposed convolutions up to the pixels.

    The encoder has the layers of :func:`handson11.models.small_cnn` below its output layer, in the same order.

    Parameters
    ----------
    filters : sequence of int, default (16, 32)
        Filters of the encoder's convolutions, at most two: each one halves the height and the width of 28 pixels.
    units : int, default 64
        Length of the code.
    activation : str or None, default "relu"
        Of the convolutions.
    code_activation : str or None, default None
        Of the code. A ReLU there leaves many of its units dead.
    seed : int, optional
        Every starting weight follows from it.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or if the model is called with rows of another length than 784.

    References
    ----------
    J. Masci, U. Meier, D. Cireşan and J. Schmidhuber (2011), Stacked convolutional auto-encoders for hierarchical
    feature extraction.

    Examples
    --------
    >>> model = ConvAutoencoder(filters=(4, 8), units=16, seed=1)
    >>> model(np.zeros((2, 784), "float32")).shape
    TensorShape([2, 784])
    """

    def __init__(self, filters=(16, 32), units=64, activation="relu", code_activation=None, seed=None, **kwargs):
        require(1 <= len(filters) <= 2, "filters", "name one or two convolutions", filters)
        for name, size in [("units", units), *(("filters", size) for size in filters)]:
            require_size(name, size)
        super().__init__(**kwargs)
        self.filters, self.units, self.seed = tuple(filters), units, seed
        self.activation, self.code_activation = activation, code_activation
        seeds = _different_seeds(seed)
        steps = {"kernel_size": 3, "strides": 2, "padding": "same"}
        small = SIDE // 2 ** len(filters)
        encoder = [keras.Input((SIDE * SIDE,)), keras.layers.Reshape((SIDE, SIDE, 1), name="image")]
        for i, size in enumerate(filters, 1):
            start = for_activation(activation, next(seeds))
            convolution = keras.layers.Conv2D(
                size, **steps, activation=activation, kernel_initializer=start, name=f"convolution_{i}"
            )
            encoder.append(convolution)
        encoder += [keras.layers.Flatten(name="flatten"), dense(units, code_activation, next(seeds), "code")]
        decoder = [
            keras.Input((units,)),
            dense(small * small * filters[-1], activation, next(seeds), "decoder"),
            keras.layers.Reshape((small, small, filters[-1]), name="maps"),
        ]
        for i, size in enumerate((*filters[-2::-1], 1), 1):
            name = "sigmoid" if i == len(filters) else activation
            start = for_activation(name, next(seeds))
            decoder.append(
                keras.layers.Conv2DTranspose(
                    size, **steps, activation=name, kernel_initializer=start, name=f"transposed_{i}"
                )
            )
        decoder.append(keras.layers.Flatten(name="pixels"))
        self.connect(keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder"), SIDE * SIDE)

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("filters", "units", "activation", "code_activation", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def dense(units, activation, seed, name):
    """Return a dense layer that starts as suits its activation.

    Examples
    --------
    >>> dense(8, "relu", 1, "first").units
    8
    """
    start = for_activation(activation, seed)
    return keras.layers.Dense(units, activation=activation, kernel_initializer=start, name=name)


def require_size(name, size):
    """Raise unless ``size`` is an integer >= 1.

    Examples
    --------
    >>> require_size("units", 0)
    Traceback (most recent call last):
    ValueError: `units` must be >= 1. Received: units=0
    """
    require(isinstance(size, int | np.integer) and not isinstance(size, bool), name, "be an integer", size, TypeError)
    require_number(name, size, "be >= 1", low=1)


@dataclass(frozen=True)
class PretrainingCheck:
    """What :func:`check_pretraining` found.

    Parameters
    ----------
    error : float
        Mean squared error of the reconstructions.
    share : float
        That error as a share of the variance of the pixels: 1 is what the mean image alone reaches.
    dead_units : float
        Share of the code's units that have the same output for every image.
    diverged : bool
        Whether the autoencoder is unfit for reuse.

    Examples
    --------
    >>> PretrainingCheck(0.01, 0.12, 0.2, False).diverged
    False
    """

    error: float
    share: float
    dead_units: float
    diverged: bool


def check_pretraining(model, x, limit=0.5):
    r"""Measure whether an autoencoder has learnt anything, before its layers are reused.

    .. math:: \text{share} = \frac{\text{mean}\,(x - g(f(x)))^2}{\text{mean over pixels of } \operatorname{Var}(x)}

    A denoising autoencoder is measured on the task that it was trained for: it gets noisy images.

    Parameters
    ----------
    model : autoencoder
        A model with ``encoder``, that maps rows to rows.
    x : array of shape (n, pixels)
        Images.
    limit : float, default 0.5
        The largest share of an autoencoder that has not diverged.

    Returns
    -------
    PretrainingCheck
        Error, its share of the variance, dead code units, and whether it diverged. A check that is not finite has
        diverged.

    Raises
    ------
    ValueError, TypeError
        If ``limit`` is not above 0, or the rows are of the wrong length.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(64, 784)).astype("float32")
    >>> check_pretraining(DenseAutoencoder(seed=1), images).diverged            # not trained at all
    True
    """
    require_number("limit", limit, "be above 0", low=0, open_low=True)
    x = np.asarray(x, dtype="float32")
    parts = [x[first : first + 1000] for first in range(0, len(x), 1000)]
    found = np.concatenate([np.asarray(model(part, training=True)) for part in parts])
    codes = np.concatenate([np.asarray(model.encoder(part)) for part in parts])
    error = float(np.mean((found - x) ** 2, dtype="float64"))
    variance = float(np.mean(np.var(x, axis=0, dtype="float64")))
    share = error / variance if variance > 0 else float("inf")
    dead_units = float(np.mean(np.ptp(codes, axis=0) == 0))
    return PretrainingCheck(error, share, dead_units, not share <= limit)
