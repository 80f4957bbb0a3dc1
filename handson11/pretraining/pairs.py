"""Same or different? Pairs of pictures whose label says whether they show the same person, and a network for them."""

import keras
import numpy as np
from keras import ops

from handson11._check import require, require_number


def pair_places(y, n_pairs=None, seed=0):
    r"""Choose pairs of pictures: half of them of the same person, half of different ones.

    :math:`n` pictures make :math:`n(n-1)/2` different pairs.

    Parameters
    ----------
    y : array of shape (n,)
        Who is on each picture: a number or a name. Without it nobody knows which pairs are "the same".
    n_pairs : int, optional
        How many pairs to draw. A pair may be drawn twice. Default: every pair once, mostly different ones.
    seed : int, default 0
        Draws the pairs.

    Returns
    -------
    places : array of shape (pairs, 2)
        The two pictures of each pair, as places in ``y``; never a picture with itself.
    same : array of shape (pairs,), int32
        1 if both show the same person, otherwise 0.

    Raises
    ------
    ValueError, TypeError
        If ``n_pairs`` is odd or below 2, a person has fewer than two pictures, or there are fewer than two persons.

    Notes
    -----
    Keras has no such function.

    Examples
    --------
    >>> places, same = pair_places(["Ann", "Ann", "Bo"])
    >>> places.tolist(), same.tolist()
    ([[0, 1], [0, 2], [1, 2]], [1, 0, 0])
    >>> pair_places(["Ann", "Ann", "Bo", "Bo"], n_pairs=100, seed=1)[1].mean().item()
    0.5
    """
    y = np.asarray(y)
    require(y.ndim == 1 and len(y) >= 2, "y", "name one person for each of at least two pictures", y)
    _, persons, counts = np.unique(y, return_inverse=True, return_counts=True)
    if n_pairs is None:
        places = np.stack(np.triu_indices(len(y), k=1), axis=1)
        return places, (persons[places[:, 0]] == persons[places[:, 1]]).astype("int32")
    is_integer = isinstance(n_pairs, int | np.integer) and not isinstance(n_pairs, bool)
    require(is_integer and n_pairs >= 2 and n_pairs % 2 == 0, "n_pairs", "be an even integer >= 2", n_pairs)
    require(counts.min() >= 2, "y", "have at least two pictures of every person", y)
    require(len(counts) >= 2, "y", "name at least two persons", y)
    # Sorted by person, the pictures of one person stand in a row from `first` on.
    order = np.argsort(persons, kind="stable")
    first = np.cumsum(counts) - counts
    rng = np.random.default_rng(seed)
    left = rng.integers(len(y), size=n_pairs)
    start, size = first[persons[order[left]]], counts[persons[order[left]]]
    same = np.arange(n_pairs) % 2
    friend = start + (left - start + 1 + rng.integers(size - 1)) % size
    stranger = rng.integers(len(y) - size)
    stranger = np.where(stranger >= start, stranger + size, stranger)
    right = np.where(same == 1, friend, stranger)
    return np.stack([order[left], order[right]], axis=1), same.astype("int32")


def make_pairs(x, y, n_pairs=None, seed=0):
    """Make training data for "the same person or not?" of pictures whose persons are known.

    Parameters
    ----------
    x : array of shape (n, ...)
        Pictures.
    y, n_pairs, seed
        See :func:`pair_places`.

    Returns
    -------
    pictures : tuple of two arrays of shape (pairs, ...)
        The first and the second picture of each pair.
    same : array of shape (pairs,), int32
        1 if both show the same person, otherwise 0.

    Raises
    ------
    ValueError, TypeError
        If ``y`` has not one entry for each picture, or as in :func:`pair_places`.

    Notes
    -----
    Ready for ``fit(pictures, same)`` of a Keras model with two inputs, such as :class:`SiameseVerifier`. The pairs are
    not independent: each picture is in many of them.

    References
    ----------
    Chopra, S., Hadsell, R. and LeCun, Y. (2005), Learning a similarity metric discriminatively, with application to
    face verification.

    Examples
    --------
    >>> (first, second), same = make_pairs(np.array([10, 11, 20]), ["Ann", "Ann", "Bo"])
    >>> first.tolist(), second.tolist(), same.tolist()
    ([10, 10, 11], [11, 20, 20], [1, 0, 0])
    """
    x, y = np.asarray(x), np.asarray(y)
    require(len(x) == len(y), "y", f"name one person for each of the {len(x)} pictures", y)
    places, same = pair_places(y, n_pairs, seed)
    return (x[places[:, 0]], x[places[:, 1]]), same


@keras.saving.register_keras_serializable("handson11")
class SiameseVerifier(keras.Model):
    r"""Tell whether two pictures show the same person: one network reads both, a last layer compares.

    .. math:: \hat p = \sigma\big(\mathbf w^\top |f(\mathbf x_1) - f(\mathbf x_2)| + b\big)

    Trained by the cross-entropy of "the same" (:math:`y = 1`) and "different" (:math:`y = 0`),

    .. math:: J = -\frac1m \sum_i \big( y_i \log \hat p_i + (1 - y_i) \log (1 - \hat p_i) \big).

    Parameters
    ----------
    encoder : keras.Model
        The network :math:`f`: pictures → one vector each. Its layers are what is reused later.
    seed : int, default 0
        Start weights of the last layer.

    Attributes
    ----------
    encoder : keras.Model
        After training, the part to keep.

    Raises
    ------
    TypeError
        If ``encoder`` is not a Keras model.

    Notes
    -----
    A Keras model like any other: ``compile(loss="binary_crossentropy")``, ``fit((x1, x2), same)``, ``predict``,
    ``save`` as ``.keras``. The order of the pairs in ``fit`` follows from ``keras.utils.set_random_seed``.

    References
    ----------
    Bromley, J. et al. (1993), Signature verification using a "siamese" time delay neural network; Koch, G., Zemel, R.
    and Salakhutdinov, R. (2015), Siamese neural networks for one-shot image recognition.

    Examples
    --------
    >>> start = keras.initializers.GlorotUniform(1)
    >>> encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", kernel_initializer=start)])
    >>> model = SiameseVerifier(encoder, seed=1)
    >>> x1, x2 = np.eye(4, dtype="float32"), np.ones((4, 4), "float32")
    >>> model((x1, x2)).shape, bool(np.allclose(model((x1, x2)), model((x2, x1))))
    (TensorShape([4, 1]), True)
    """

    def __init__(self, encoder, seed=0, **kwargs):
        require(isinstance(encoder, keras.Model), "encoder", "be a Keras model", encoder, TypeError)
        require_number("seed", seed, "be an integer >= 0", low=0)
        super().__init__(**kwargs)
        self.encoder, self.seed = encoder, seed
        start = keras.initializers.GlorotUniform(seed)
        self.head = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=start, name="head")
        self.head.build(encoder.output_shape)
        self.built = True

    def call(self, pictures, training=False):
        """Return the probability that the two pictures of each pair show the same person."""
        first, second = (self.encoder(x, training=training) for x in pictures)
        return self.head(ops.abs(first - second))

    def get_config(self):
        """Return the arguments of the constructor."""
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**super().get_config(), "encoder": encoder, "seed": self.seed}

    @classmethod
    def from_config(cls, config):
        """Return a model from what :meth:`get_config` returned."""
        return cls(keras.saving.deserialize_keras_object(config.pop("encoder")), **config)


def without_head(model):
    """Return a network without its last layer: what an auxiliary task trains and the real task takes over.

    Parameters
    ----------
    model : keras.Sequential
        A classifier with at least two layers. The layers are shared with the result, not copied.

    Returns
    -------
    keras.Sequential
        All layers but the last.

    Raises
    ------
    ValueError
        If there is no layer below the last one.

    Examples
    --------
    >>> layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)]
    >>> without_head(keras.Sequential(layers)).output_shape
    (None, 3)
    """
    require(len(model.layers) >= 2, "model", "have a layer below its last one", model)
    return keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers[:-1]])
