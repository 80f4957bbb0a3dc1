r"""The variational autoencoder: a code that is a distribution, so that new images can be drawn."""

import math

import keras
import numpy as np
from keras import ops

from handson11._check import require, require_choice, require_number
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import Autoencoder, dense, require_size


def gaussian_kl(mean, log_variance):
    r"""Return the Kullback–Leibler divergence of a normal distribution from the standard one, in nats, for each row.

    .. math:: KL\bigl(N(\mu, \sigma^2) \,\Vert\, N(0, 1)\bigr)
        = \tfrac12 \sum_j \bigl(\mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2\bigr)

    Parameters
    ----------
    mean, log_variance : array or tensor of shape (n, k)
        :math:`\mu` and :math:`\log\sigma^2`.

    Returns
    -------
    tensor of shape (n,)
        0 exactly where the distribution is the standard one.

    Examples
    --------
    >>> [float(kl) for kl in gaussian_kl(np.array([[0.0], [2.0]]), np.array([[0.0], [0.0]]))]
    [0.0, 2.0]
    """
    return 0.5 * ops.sum(mean**2 + ops.exp(log_variance) - 1.0 - log_variance, axis=-1)


def bernoulli_log_likelihood(x, logits):
    r"""Return :math:`\sum_i x_i \log p_i + (1 - x_i)\log(1 - p_i)` with :math:`p = \sigma(\text{logits})`, per row.

    Examples
    --------
    >>> float(bernoulli_log_likelihood(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))[0])      # 2 log ½
    -1.3862943...
    """
    return -ops.sum(ops.softplus(logits) - x * logits, axis=-1)


def gaussian_log_likelihood(x, mean, deviation):
    r"""Return the logarithm of the normal density of each row with one deviation for all pixels.

    Examples
    --------
    >>> round(float(gaussian_log_likelihood(np.array([[0.0]]), np.array([[0.0]]), 1.0)[0]), 6)    # -½ log 2π
    -0.918939
    """
    squares = ((x - mean) / deviation) ** 2
    return -0.5 * ops.sum(squares + math.log(2 * math.pi * deviation**2), axis=-1)


@keras.saving.register_keras_serializable("handson11")
class VariationalAutoencoder(Autoencoder):
    r"""A dense variational autoencoder, trained on the evidence lower bound (ELBO).

    .. math:: \log p(x) \ge E_{q(z|x)}\bigl[\log p(x|z)\bigr] - KL\bigl(q(z|x) \,\Vert\, N(0, I)\bigr)

    The encoder gives mean and log-variance of :math:`q(z|x)`. The code is drawn by reparametrisation,
    :math:`z = \mu + \sigma\varepsilon`, so that the gradient passes through it.

    Parameters
    ----------
    units : sequence of int, default (128, 16)
        Units of the encoder's layers; the last number is the length of the code.
    activation : str or None, default "relu"
        Of the hidden layers.
    likelihood : {"bernoulli", "gaussian"}, default "bernoulli"
        :math:`p(x|z)`: for pixels between 0 and 1, or normal with one ``deviation``.
    deviation : float, > 0, default 0.1
        Of the normal likelihood.
    n_inputs : int, default 784
        Pixels of one image.
    seed : int, optional
        The starting weights and the noise follow from it.

    Attributes
    ----------
    encoder : keras.Sequential
        Its output holds the means and then the log-variances, ``2 * units[-1]`` numbers.
    decoder : keras.Sequential
        From codes to logits ("bernoulli") or to means ("gaussian").

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or if the model is called with rows of another length.

    Notes
    -----
    ``compile(optimizer)`` needs no loss: the loss is minus the ELBO, in nats per image. ``model(x)`` gives the
    reconstruction from the mean code, without noise.

    References
    ----------
    D. P. Kingma and M. Welling (2013), Auto-encoding variational Bayes.

    Examples
    --------
    >>> model = VariationalAutoencoder(units=(32, 2), seed=1)
    >>> model.compile("adam")
    >>> images = np.random.default_rng(0).uniform(size=(128, 784)).astype("float32")
    >>> losses = model.fit(images, epochs=2, verbose=0).history["loss"]
    >>> losses[1] < losses[0], model.sample(5, seed=0).shape
    (True, (5, 784))
    """

    def __init__(
        self,
        units=(128, 16),
        activation="relu",
        likelihood="bernoulli",
        deviation=0.1,
        n_inputs=784,
        seed=None,
        **kwargs,
    ):
        require(len(units) >= 1, "units", "name at least one layer", units)
        for name, size in [("n_inputs", n_inputs), *(("units", size) for size in units)]:
            require_size(name, size)
        require_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        require_number("deviation", deviation, "be above 0", low=0, open_low=True)
        super().__init__(**kwargs)
        self.units, self.activation, self.likelihood = tuple(units), activation, likelihood
        self.deviation, self.seed = deviation, seed
        seeds = _different_seeds(seed)
        *hidden, code = units
        encoder = [dense(size, activation, next(seeds), f"encoder_{i}") for i, size in enumerate(hidden, 1)]
        encoder.append(dense(2 * code, None, next(seeds), "mean_and_log_variance"))
        decoder = [dense(size, activation, next(seeds), f"decoder_{i}") for i, size in enumerate(hidden[::-1], 1)]
        decoder.append(dense(n_inputs, None, next(seeds), "pixels"))
        self.noise_seeds = keras.random.SeedGenerator(next(seeds))
        self.connect(
            keras.Sequential([keras.Input((n_inputs,)), *encoder], name="encoder"),
            keras.Sequential([keras.Input((code,)), *decoder], name="decoder"),
            n_inputs,
        )

    def encode(self, x):
        """Return mean and log-variance of the code of each row."""
        self.require_rows(x.shape)
        return ops.split(self.encoder(x), 2, axis=-1)

    def call(self, x, training=False):
        """Return the reconstructions from the mean codes."""
        return self._pixels(self.decoder(self.encode(x)[0]))

    def _pixels(self, output):
        return ops.sigmoid(output) if self.likelihood == "bernoulli" else output

    def elbo(self, x, seed=None):
        """Return both parts of the bound for each row, in nats: one draw of the log-likelihood, and the divergence.

        Parameters
        ----------
        x : array or tensor of shape (n, pixels)
            Images.
        seed : int or keras.random.SeedGenerator, optional
            Of the draw; by default the model's own.

        Returns
        -------
        (tensor, tensor)
            Of shape (n,). The bound is the first minus the second.
        """
        mean, log_variance = self.encode(x)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise_seeds if seed is None else seed)
        output = self.decoder(mean + ops.exp(0.5 * log_variance) * noise)
        if self.likelihood == "bernoulli":
            likelihood = bernoulli_log_likelihood(x, output)
        else:
            likelihood = gaussian_log_likelihood(x, output, self.deviation)
        return likelihood, gaussian_kl(mean, log_variance)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return minus the mean of the bound."""
        likelihood, divergence = self.elbo(x)
        return ops.mean(divergence - likelihood)

    def sample(self, n, seed=None):
        """Return ``n`` new images: codes from the standard normal distribution, decoded.

        Parameters
        ----------
        n : int, >= 1
            How many.
        seed : int, optional
            Gives the same images at every call.

        Returns
        -------
        array of shape (n, pixels)
            The mean of :math:`p(x|z)` for each code.
        """
        require_size("n", n)
        codes = np.random.default_rng(seed).normal(size=(n, self.units[-1])).astype("float32")
        return np.asarray(self._pixels(self.decoder(codes)))

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("units", "activation", "likelihood", "deviation", "n_inputs", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
