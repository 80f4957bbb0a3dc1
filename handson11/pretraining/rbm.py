r"""Restricted Boltzmann machines: an energy of visible and hidden units, and contrastive divergence."""

import keras
import numpy as np
from keras import ops

from handson11._array import namespace
from handson11._check import require
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import require_size

LARGEST = 20
"""Units of the smaller side up to which all states are counted: 2 ** 20 is a million."""


def energy(v, h, kernel, visible_bias, hidden_bias):
    r"""Return the energy of states: low where the states are probable.

    .. math:: E(v, h) = -a^\top v - b^\top h - v^\top W h, \qquad P(v, h) = e^{-E(v, h)} / Z

    Parameters
    ----------
    v : array of shape (..., visible units)
        Visible states.
    h : array of shape (..., hidden units)
        Hidden states.
    kernel : array of shape (visible units, hidden units)
        The weights :math:`W`.
    visible_bias, hidden_bias : array
        The biases :math:`a` and :math:`b`.

    Returns
    -------
    array of shape (...)

    References
    ----------
    P. Smolensky (1986), Information processing in dynamical systems: foundations of harmony theory.

    Examples
    --------
    >>> float(energy(np.array([1.0, 0.0]), np.array([1.0]), np.array([[2.0], [3.0]]), np.array([0.5, 0.0]), np.ones(1)))
    -3.5
    """
    return -(v @ visible_bias) - h @ hidden_bias - ((v @ kernel) * h).sum(-1)


def hidden_probabilities(v, kernel, hidden_bias):
    r"""Return :math:`P(h_j = 1 \mid v) = \sigma(b_j + W_{\cdot j}^\top v)` of every hidden unit: a logistic layer.

    Parameters
    ----------
    v : array or tensor of shape (rows, visible units)
        Visible states, or values between 0 and 1.
    kernel, hidden_bias : array or tensor
        See :func:`energy`.

    Returns
    -------
    array or tensor of shape (rows, hidden units)

    Notes
    -----
    The same as ``keras.layers.Dense(units, activation="sigmoid")``, which is why an RBM can start such a layer.

    Examples
    --------
    >>> hidden_probabilities(np.ones((1, 2)), np.array([[1.0], [-1.0]]), np.zeros(1))
    array([[0.5]])
    """
    return _sigmoid(v @ kernel + hidden_bias)


def visible_probabilities(h, kernel, visible_bias):
    r"""Return :math:`P(v_i = 1 \mid h) = \sigma(a_i + W_{i \cdot} h)` of every visible unit: the same weights, turned.

    Parameters
    ----------
    h : array or tensor of shape (rows, hidden units)
        Hidden states, or probabilities.
    kernel, visible_bias : array or tensor
        See :func:`energy`.

    Returns
    -------
    array or tensor of shape (rows, visible units)

    Examples
    --------
    >>> visible_probabilities(np.ones((1, 2)), np.array([[1.0, -1.0]]), np.zeros(1))
    array([[0.5]])
    """
    return _sigmoid(h @ namespace(kernel).transpose(kernel) + visible_bias)


def free_energy(v, kernel, visible_bias, hidden_bias):
    r"""Return the free energy: the energy with the hidden units summed out, as :math:`P(v) = e^{-F(v)} / Z`.

    .. math:: F(v) = -\log \sum_h e^{-E(v, h)} = -a^\top v - \sum_j \log\left(1 + e^{b_j + W_{\cdot j}^\top v}\right)

    Parameters
    ----------
    v : array or tensor of shape (rows, visible units)
        Visible states.
    kernel, visible_bias, hidden_bias : array or tensor
        See :func:`energy`.

    Returns
    -------
    array or tensor of shape (rows,)
        In nats. Only differences mean something without :math:`Z`, which is the same for all rows.

    Examples
    --------
    >>> free_energy(np.zeros((1, 2)), np.zeros((2, 3)), np.zeros(2), np.zeros(3)) + 3 * np.log(2)
    array([0.])
    """
    x = v @ kernel + hidden_bias
    xp = namespace(x)
    return -xp.matmul(v, visible_bias) - xp.sum(xp.logaddexp(xp.zeros_like(x), x), -1)


def log_partition(kernel, visible_bias, hidden_bias):
    r"""Return :math:`\log Z` exactly, from all states of the smaller side.

    .. math:: Z = \sum_v \sum_h e^{-E(v, h)} = \sum_v e^{-F(v)}

    Parameters
    ----------
    kernel, visible_bias, hidden_bias : array
        See :func:`energy`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If both sides have more than 20 units.

    Examples
    --------
    >>> round(np.exp(log_partition(np.zeros((4, 3)), np.zeros(4), np.zeros(3))).item(), 9)  # 2 ** 7 states of energy 0
    128.0
    """
    return _all_states(kernel, visible_bias, hidden_bias)[0]


def log_likelihood(v, kernel, visible_bias, hidden_bias):
    r"""Return the exact mean log-likelihood of rows, :math:`-\overline{F(v)} - \log Z`.

    Parameters
    ----------
    v : array of shape (rows, visible units)
        Zeros and ones.
    kernel, visible_bias, hidden_bias : array
        See :func:`energy`.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If both sides have more than 20 units.

    Examples
    --------
    >>> round(np.exp(log_likelihood(np.ones((1, 4)), np.zeros((4, 3)), np.zeros(4), np.zeros(3))).item(), 9)
    0.0625
    """
    log_z = log_partition(kernel, visible_bias, hidden_bias)
    return float(-free_energy(v, kernel, visible_bias, hidden_bias).mean() - log_z)


def likelihood_gradient(v, kernel, visible_bias, hidden_bias):
    r"""Return the exact gradient of the mean log-likelihood, with all states of the smaller side.

    .. math:: \nabla_W = \langle v h^\top \rangle_\text{data} - \langle v h^\top \rangle_\text{model}

    Parameters
    ----------
    v : array of shape (rows, visible units)
        Zeros and ones.
    kernel, visible_bias, hidden_bias : array
        See :func:`energy`.

    Returns
    -------
    tuple of arrays
        Of the kernel, of the visible and of the hidden biases.

    Raises
    ------
    ValueError
        If both sides have more than 20 units.

    Examples
    --------
    >>> likelihood_gradient(np.array([[1.0, 0.0]]), np.zeros((2, 1)), np.zeros(2), np.zeros(1))[1]
    array([ 0.5, -0.5])
    """
    data = _products(v, hidden_probabilities(v, kernel, hidden_bias))
    return tuple(
        known - own for known, own in zip(data, _all_states(kernel, visible_bias, hidden_bias)[1], strict=True)
    )


def contrastive_divergence(v, kernel, visible_bias, hidden_bias, draw, k=1, chains=None):
    r"""Return the CD-k estimate of the gradient: a chain of ``k`` Gibbs steps takes the place of the model's own mean.

    .. math:: \Delta W \propto \langle v h^\top \rangle_0 - \langle v h^\top \rangle_k

    Each step draws the hidden states from the visible ones, and the visible ones from those. It is *not* the gradient
    of the log-likelihood, only near it; the larger ``k``, the nearer.

    Parameters
    ----------
    v : array or tensor of shape (rows, visible units)
        A batch.
    kernel, visible_bias, hidden_bias : array or tensor
        See :func:`energy`.
    draw : callable
        Takes a shape, returns uniform random numbers between 0 and 1, such as ``numpy.random.default_rng(0).random``.
    k : int, default 1
        Gibbs steps.
    chains : array or tensor of shape (chains, visible units), optional
        Where the chains start: those of the last batch give *persistent* CD. Default: at the batch itself.

    Returns
    -------
    (tuple, array or tensor)
        The three parts of the gradient, as in :func:`likelihood_gradient`, and the ends of the chains.

    References
    ----------
    G. E. Hinton (2002), Training products of experts by minimizing contrastive divergence. T. Tieleman (2008),
    Training restricted Boltzmann machines using approximations to the likelihood gradient.

    Examples
    --------
    >>> start = np.zeros((2, 1)), np.zeros(2), np.zeros(1)
    >>> gradient, ends = contrastive_divergence(np.eye(2), *start, np.random.default_rng(0).random, k=1)
    >>> gradient[0].shape, ends.shape
    ((2, 1), (2, 2))
    """
    data = _products(v, hidden_probabilities(v, kernel, hidden_bias))
    end = v if chains is None else chains
    for _ in range(k):
        h = _drawn(hidden_probabilities(end, kernel, hidden_bias), draw)
        end = _drawn(visible_probabilities(h, kernel, visible_bias), draw)
    model = _products(end, hidden_probabilities(end, kernel, hidden_bias))
    return tuple(known - own for known, own in zip(data, model, strict=True)), end


def _sigmoid(x):
    xp = namespace(x)
    return 0.5 + 0.5 * xp.tanh(0.5 * x)  # without an overflow


def _drawn(probabilities, draw):
    xp = namespace(probabilities)
    uniform = draw(xp.shape(probabilities))
    return xp.where(uniform < probabilities, xp.ones_like(probabilities), xp.zeros_like(probabilities))


def _products(v, h):
    """Return the means of v hᵀ, of v and of h over rows."""
    xp = namespace(v)
    return xp.transpose(v) @ h / v.shape[0], xp.mean(v, axis=0), xp.mean(h, axis=0)


def _all_states(kernel, visible_bias, hidden_bias):
    """Return log Z, and the model's own means of v hᵀ, v and h, from all states of the smaller side."""
    n_visible, n_hidden = kernel.shape
    if n_hidden < n_visible:  # the energy is the same with both sides exchanged
        log_z, (products, h, v) = _all_states(kernel.T, hidden_bias, visible_bias)
        return log_z, (products.T, v, h)
    rule = f"have at most {LARGEST} units on its smaller side, because all their states are counted"
    require(n_visible <= LARGEST, "kernel", rule, kernel)
    states = (np.arange(2**n_visible)[:, None] >> np.arange(n_visible) & 1).astype("float64")
    logs = -free_energy(states, kernel, visible_bias, hidden_bias)
    log_z = float(np.logaddexp.reduce(logs))
    p = np.exp(logs - log_z)
    h = hidden_probabilities(states, kernel, hidden_bias)
    return log_z, ((states * p[:, None]).T @ h, p @ states, p @ h)


@keras.saving.register_keras_serializable("handson11")
class RBM(keras.Model):
    r"""A restricted Boltzmann machine with binary units, trained by contrastive divergence.

    No unit is linked with another one of its own layer (hence *restricted*), so that all units of a layer are drawn at
    once. ``fit(x)`` needs no labels. There is no loss to minimize: the optimizer applies the estimate of
    ``contrastive_divergence``. ``call`` returns :math:`P(h = 1 \mid v)`, the features.

    Parameters
    ----------
    units : int, default 100
        Hidden units.
    n_inputs : int, default 784
        Visible units.
    k : int, >= 1, default 1
        Gibbs steps in each update.
    persistent : bool, default False
        Whether the chains go on from batch to batch (persistent CD) instead of starting at the images.
    n_chains : int, default 100
        Chains of persistent CD.
    seed : int, optional
        Start weights and the draws follow from it. The order of the images in ``fit`` follows from
        ``keras.utils.set_random_seed``.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or if the model is called with rows of another length.

    Notes
    -----
    Keras has no RBM. Images should lie between 0 and 1; the value of a pixel counts as its probability. The kernel
    starts from a normal distribution of deviation 0.01, the biases at 0. The metric ``error`` is the mean squared
    error of the reconstruction.

    References
    ----------
    G. E. Hinton (2002), Training products of experts by minimizing contrastive divergence. G. E. Hinton, S. Osindero
    and Y.-W. Teh (2006), A fast learning algorithm for deep belief nets.

    Examples
    --------
    >>> images = (np.random.default_rng(0).uniform(size=(200, 6)) < [0.9, 0.9, 0.9, 0.1, 0.1, 0.1]).astype("float32")
    >>> model = RBM(units=2, n_inputs=6, seed=1)
    >>> model.compile(keras.optimizers.SGD(0.5))
    >>> errors = model.fit(images, batch_size=20, epochs=5, verbose=0).history["error"]
    >>> errors[-1] < errors[0], model(images).shape
    (True, TensorShape([200, 2]))
    """

    def __init__(self, units=100, n_inputs=784, k=1, persistent=False, n_chains=100, seed=None, **kwargs):
        for name, size in {"units": units, "n_inputs": n_inputs, "k": k, "n_chains": n_chains}.items():
            require_size(name, size)
        require(isinstance(persistent, bool), "persistent", "be True or False", persistent, TypeError)
        super().__init__(**kwargs)
        self.units, self.n_inputs, self.k, self.seed = units, n_inputs, k, seed
        self.persistent, self.n_chains = persistent, n_chains
        seeds = _different_seeds(seed)
        start = keras.initializers.RandomNormal(0, 0.01, next(seeds))
        self.kernel = self.add_weight((n_inputs, units), start, name="kernel")
        self.visible_bias = self.add_weight((n_inputs,), "zeros", name="visible_bias")
        self.hidden_bias = self.add_weight((units,), "zeros", name="hidden_bias")
        self.draws = keras.random.SeedGenerator(next(seeds))
        self.chains = None
        if persistent:
            start = keras.initializers.RandomUniform(0, 1, next(seeds))
            self.chains = self.add_weight((n_chains, n_inputs), start, trainable=False, name="chains")
        self.error = keras.metrics.Mean(name="error")
        self.built = True

    @property
    def parameters(self):
        """Kernel, visible and hidden biases as arrays: what the functions of this module take."""
        return tuple(np.asarray(part) for part in (self.kernel, self.visible_bias, self.hidden_bias))

    def build(self, input_shape):
        """Check the shape; the weights are there already."""
        self._require_rows(input_shape)

    def call(self, x):
        """Return the probabilities of the hidden units."""
        self._require_rows(x.shape)
        return hidden_probabilities(ops.convert_to_tensor(x, "float32"), self.kernel, self.hidden_bias)

    def reconstruct(self, x):
        """Return the probabilities of the visible units, given those of the hidden ones."""
        return visible_probabilities(self(x), self.kernel, self.visible_bias)

    def free_energy(self, x):
        """Return the free energy of every row, an array; see :func:`free_energy`."""
        self._require_rows(np.shape(x))
        return free_energy(np.asarray(x), *self.parameters)

    def train_step(self, data):
        """Do one update by contrastive divergence."""
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        self._require_rows(x.shape)
        weights = [self.kernel, self.visible_bias, self.hidden_bias]
        tensors = [ops.convert_to_tensor(weight) for weight in weights]
        chains = ops.convert_to_tensor(self.chains) if self.persistent else None
        gradient, ends = contrastive_divergence(x, *tensors, self._draw, self.k, chains)
        if self.persistent:
            self.chains.assign(ends)
        self.error.update_state(ops.square(x - self.reconstruct(x)))
        self.optimizer.apply([-part for part in gradient], weights)  # optimizers go downhill
        return {"error": self.error.result()}

    def test_step(self, data):
        """Return the reconstruction error."""
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        self.error.update_state(ops.square(x - self.reconstruct(x)))
        return {"error": self.error.result()}

    @property
    def metrics(self):
        """The reconstruction error, which Keras resets at every epoch."""
        return [self.error]

    def save_own_variables(self, store):
        """Save the weights, and where the draws stand: a loaded model goes on as this one would."""
        super().save_own_variables(store)
        store["draws"] = np.asarray(self.draws.state)

    def load_own_variables(self, store):
        """Load what :meth:`save_own_variables` saved."""
        for number, weight in enumerate([*self._trainable_variables, *self._non_trainable_variables]):
            weight.assign(store[f"{number}"])
        self.draws.state.assign(store["draws"])

    def get_config(self):
        """Return the arguments of the constructor."""
        names = ("units", "n_inputs", "k", "persistent", "n_chains", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _draw(self, shape):
        return keras.random.uniform(shape, seed=self.draws)

    def _require_rows(self, shape):
        fits = len(shape) == 2 and shape[-1] == self.n_inputs
        require(fits, "x", f"have the shape (rows, {self.n_inputs})", tuple(shape))
