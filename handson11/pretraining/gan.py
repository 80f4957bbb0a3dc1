r"""A small convolutional GAN, and what its game is worth against the best discriminator."""

import keras
import numpy as np
from keras import ops

from handson11._check import require, require_number
from handson11.initializers import for_activation
from handson11.models import _different_seeds, small_cnn
from handson11.pretraining.autoencoder import SIDE, require_size

SLOPE = 0.2
"""Negative slope of the discriminator's leaky ReLU."""


def best_discriminator(p, q):
    r"""Return the discriminator that a generator of distribution ``q`` cannot do worse against.

    .. math:: D^*(x) = \frac{p(x)}{p(x) + q(x)}

    Parameters
    ----------
    p, q : array of shape (points,)
        Probabilities of the data and of the generator on the same points.

    Returns
    -------
    array of shape (points,)
        1/2 where neither has any probability.

    Raises
    ------
    ValueError
        If ``p`` or ``q`` is not a distribution, or their shapes differ.

    References
    ----------
    I. Goodfellow et al. (2014), Generative adversarial nets, proposition 1.

    Examples
    --------
    >>> best_discriminator([0.5, 0.5, 0.0], [0.5, 0.0, 0.5])
    array([0.5, 1. , 0. ])
    """
    p, q = _distributions(p, q)
    total = p + q
    return np.where(total > 0, p / np.where(total > 0, total, 1), 0.5)


def gan_value(p, q, d):
    r"""Return what the game is worth to a discriminator: twice the negative cross-entropy of telling data from fakes.

    .. math:: V(D, G) = \sum_x p(x) \log D(x) + \sum_x q(x) \log(1 - D(x))

    Parameters
    ----------
    p, q : array of shape (points,)
        Probabilities of the data and of the generator.
    d : array of shape (points,)
        The discriminator's probability that a point is data.

    Returns
    -------
    float
        In nats. The discriminator wants it large, the generator small.

    Raises
    ------
    ValueError
        If ``p`` or ``q`` is not a distribution, or ``d`` is not between 0 and 1.

    References
    ----------
    I. Goodfellow et al. (2014), Generative adversarial nets, equation 1.

    Examples
    --------
    >>> round(gan_value([0.5, 0.5], [0.5, 0.5], [0.5, 0.5]), 6), round(-np.log(4).item(), 6)
    (-1.386294, -1.386294)
    """
    p, q = _distributions(p, q)
    d = np.asarray(d, dtype=float)
    usable = d.shape == p.shape and bool(np.all((d >= 0) & (d <= 1)))
    require(usable, "d", "be one probability for each point", d)
    return _weighted_logs(p, d) + _weighted_logs(q, 1 - d)


def jensen_shannon(p, q):
    r"""Return the Jensen–Shannon divergence of two distributions: 0 where they are equal, log 2 where they never meet.

    .. math:: \text{JSD}(p, q) = \tfrac12 \text{KL}\left(p \,\Big\|\, \tfrac{p + q}{2}\right)
        + \tfrac12 \text{KL}\left(q \,\Big\|\, \tfrac{p + q}{2}\right)

    Parameters
    ----------
    p, q : array of shape (points,)
        Probabilities on the same points.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If ``p`` or ``q`` is not a distribution, or their shapes differ.

    References
    ----------
    J. Lin (1991), Divergence measures based on the Shannon entropy.

    Examples
    --------
    >>> jensen_shannon([0.5, 0.5], [0.5, 0.5]), bool(np.isclose(jensen_shannon([1, 0], [0, 1]), np.log(2)))
    (0.0, True)
    """
    p, q = _distributions(p, q)
    middle = (p + q) / 2
    return sum(_weighted_logs(part, part) - _weighted_logs(part, middle) for part in (p, q)) / 2


def _weighted_logs(p, x):
    """Return the sum of p log x, in which 0 log 0 is 0."""
    with np.errstate(divide="ignore"):
        return float(np.sum(p[p > 0] * np.log(x[p > 0])))


def _distributions(p, q):
    p, q = (np.asarray(part, dtype=float) for part in (p, q))
    require(p.ndim == 1 and p.shape == q.shape, "q", "have as many points as p", q)
    for name, part in (("p", p), ("q", q)):
        usable = bool(np.all(part >= 0)) and bool(np.isclose(part.sum(), 1))
        require(usable, name, "be probabilities with the sum 1", part)
    return p, q


def frechet_distance(a, b):
    r"""Return the Fréchet distance of two sets of feature vectors, each taken for a normal distribution.

    .. math:: \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}\left(C_a + C_b - 2 (C_a C_b)^{1/2}\right)

    Parameters
    ----------
    a, b : array of shape (rows, features)
        Features of real images and of generated ones, from one and the same network.

    Returns
    -------
    float
        0 for equal means and covariances. Distances from different networks cannot be compared.

    Raises
    ------
    ValueError
        If the numbers of features differ.

    References
    ----------
    M. Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium.

    Examples
    --------
    >>> a = np.random.default_rng(0).normal(size=(100, 2))
    >>> round(frechet_distance(a, a + [3, 4]), 6)
    25.0
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    require(a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1], "b", "have as many features as a", b)
    covariances = [np.atleast_2d(np.cov(part, rowvar=False)) for part in (a, b)]
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariances[0] @ covariances[1]).real, 0))
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(means + sum(np.trace(part) for part in covariances) - 2 * roots.sum())


@keras.saving.register_keras_serializable("handson11")
class GAN(keras.Model):
    r"""A small DCGAN: a generator makes images from noise, a discriminator tells them from real ones.

    .. math:: \min_G \max_D \; \mathbb E \log D(x) + \mathbb E \log(1 - D(G(z)))

    Every step updates the discriminator, then the generator, which maximizes :math:`\log D(G(z))` (the *non-saturating*
    loss: the same optimum, larger gradients at the start). ``fit(x)`` needs no labels. ``call`` returns the logits of
    the discriminator.

    Parameters
    ----------
    noise : int, default 32
        Length of the noise vector :math:`z`.
    filters : (int, int), default (16, 32)
        Filters of the discriminator's two convolutions; the generator has them in reverse.
    units : int, default 64
        Units of the discriminator's dense layer.
    smoothing : float, in [0, 0.5), default 0.1
        One-sided label smoothing: the target for real images is 1 less this.
    seed : int, optional
        Start weights and noise. The order of the images in ``fit`` follows from ``keras.utils.set_random_seed``.

    Attributes
    ----------
    generator : keras.Sequential
        Noise → rows of 784 pixels between 0 and 1.
    discriminator : keras.Sequential
        :func:`~handson11.models.small_cnn` with leaky ReLU and one output. Its lower layers are what is worth reusing:
        they see images; the generator's never do.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or if the model is called with rows of another length than 784.

    References
    ----------
    I. Goodfellow et al. (2014), Generative adversarial nets. A. Radford, L. Metz and S. Chintala (2016), Unsupervised
    representation learning with deep convolutional generative adversarial networks. T. Salimans et al. (2016), Improved
    techniques for training GANs.

    Examples
    --------
    >>> images = np.random.default_rng(0).uniform(size=(64, 784)).astype("float32")
    >>> model = GAN(filters=(4, 8), units=8, seed=1)
    >>> model.compile()
    >>> sorted(model.fit(images, batch_size=32, verbose=0).history)
    ['discriminator_loss', 'generator_loss']
    >>> model.generate(3).shape
    (3, 784)
    """

    def __init__(self, noise=32, filters=(16, 32), units=64, smoothing=0.1, seed=None, **kwargs):
        require(len(filters) == 2, "filters", "name two convolutions", filters)
        for name, size in [("noise", noise), ("units", units), *(("filters", size) for size in filters)]:
            require_size(name, size)
        require_number("smoothing", smoothing, "be in [0, 0.5)", low=0, high=0.5, open_high=True)
        super().__init__(**kwargs)
        self.noise, self.filters, self.units = noise, tuple(filters), units
        self.smoothing, self.seed = smoothing, seed
        seeds = _different_seeds(seed)
        self.discriminator = small_cnn(filters, units, 1, leaky_relu, next(seeds))
        self.generator = _generator(noise, filters, seeds)
        self.draws = keras.random.SeedGenerator(next(seeds))
        self.losses_seen = [keras.metrics.Mean(name=f"{name}_loss") for name in ("discriminator", "generator")]
        self.build((None, SIDE * SIDE))

    def compile(self, discriminator_optimizer=None, generator_optimizer=None, **kwargs):
        """Set the two optimizers; default: Adam of rate 0.001 with ``beta_1=0.5``, one for each network."""
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        given = {"discriminator": discriminator_optimizer, "generator": generator_optimizer}
        for name, optimizer in given.items():
            optimizer = keras.optimizers.Adam(0.001, beta_1=0.5) if optimizer is None else optimizer
            optimizer = keras.optimizers.get(optimizer)
            optimizer.build(getattr(self, name).trainable_variables)
            setattr(self, f"{name}_optimizer", optimizer)

    def get_compile_config(self):
        """Return the two optimizers as plain data."""
        names = ("discriminator_optimizer", "generator_optimizer")
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}

    def compile_from_config(self, config):
        """Compile with what :meth:`get_compile_config` returned."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    def build(self, input_shape):
        """Check the shape; both networks have their weights already."""
        self._require_rows(input_shape)
        self.built = True

    def call(self, x, training=False):
        """Return the discriminator's logits: above 0 for what it takes for real."""
        self._require_rows(x.shape)
        return self.discriminator(x, training=training)

    def generate(self, n, seed=0):
        """Return ``n`` images, rows of pixels: the same ones for the same seed and weights."""
        require_size("n", n)
        noise = np.random.default_rng(seed).normal(size=(n, self.noise)).astype("float32")
        return np.asarray(self.generator(noise, training=False))

    def train_step(self, data):
        """Update the discriminator on real images and fakes, then the generator on fresh noise."""
        import tensorflow as tf

        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        self._require_rows(x.shape)
        n = ops.shape(x)[0]
        fakes = self.generator(self._noise(n), training=True)
        ones, zeros = ops.ones((n, 1)), ops.zeros((n, 1))
        targets = ops.concatenate([(1 - self.smoothing) * ones, zeros])
        with tf.GradientTape() as tape:
            logits = self.discriminator(ops.concatenate([x, fakes]), training=True)
            discriminator_loss = _cross_entropy(targets, logits)
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(discriminator_loss, weights), weights)
        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(self._noise(n), training=True), training=True)
            generator_loss = _cross_entropy(ones, logits)
        weights = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(generator_loss, weights), weights)
        for metric, loss in zip(self.losses_seen, (discriminator_loss, generator_loss), strict=True):
            metric.update_state(loss)
        return {metric.name: metric.result() for metric in self.losses_seen}

    @property
    def metrics(self):
        """Both losses, which Keras resets at every epoch."""
        return self.losses_seen

    def save_own_variables(self, store):
        """Save where the noise stands: a loaded model goes on as this one would."""
        store["draws"] = np.asarray(self.draws.state)

    def load_own_variables(self, store):
        """Load what :meth:`save_own_variables` saved."""
        self.draws.state.assign(store["draws"])

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("noise", "filters", "units", "smoothing", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _noise(self, n):
        return keras.random.normal((n, self.noise), seed=self.draws)

    def _require_rows(self, shape):
        fits = len(shape) == 2 and shape[-1] == SIDE * SIDE
        require(fits, "x", f"have the shape (rows, {SIDE * SIDE})", tuple(shape))


def leaky_relu():
    """Return a new leaky ReLU, as the discriminator's layers have it.

    Examples
    --------
    >>> leaky_relu().negative_slope
    0.2
    """
    return keras.layers.LeakyReLU(negative_slope=SLOPE)


def _cross_entropy(targets, logits):
    return ops.mean(keras.losses.binary_crossentropy(targets, logits, from_logits=True))


def _generator(noise, filters, seeds):
    """Return the generator: dense, then two transposed convolutions of 5 × 5, each twice as wide and high."""
    low, high = filters
    small = SIDE // 4
    steps = {"kernel_size": 5, "strides": 2, "padding": "same"}

    def start(activation):
        return for_activation(activation, next(seeds))

    return keras.Sequential(
        [
            keras.Input((noise,)),
            keras.layers.Dense(small * small * high, kernel_initializer=start("relu"), name="dense"),
            keras.layers.BatchNormalization(name="normalization_1"),
            keras.layers.Activation("relu", name="activation_1"),
            keras.layers.Reshape((small, small, high), name="maps"),
            keras.layers.Conv2DTranspose(low, **steps, kernel_initializer=start("relu"), name="transposed_1"),
            keras.layers.BatchNormalization(name="normalization_2"),
            keras.layers.Activation("relu", name="activation_2"),
            keras.layers.Conv2DTranspose(
                1, **steps, activation="sigmoid", kernel_initializer=start("sigmoid"), name="transposed_2"
            ),
            keras.layers.Flatten(name="pixels"),
        ],
        name="generator",
    )
