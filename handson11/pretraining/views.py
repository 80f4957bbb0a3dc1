"""The same garment or another one? Two altered views of one image are "the same"; no label is needed."""

import keras
import numpy as np
from keras import ops

from handson11._array import namespace
from handson11._check import require, require_number
from handson11.pretraining.rotation import square_images

N_DRAWS = 6
"""Random numbers that the alteration of one image takes."""
ZERO, ONE = np.float32(0), np.float32(1)


def altered(images, draws, shift=3, hole=9, brightness=0.4, flip=True):
    r"""Alter images by given random numbers: mirrored, moved, brightened or darkened, with a black hole.

    A move picks rows and columns, so it is a product with two matrices of zeros and ones; what comes from outside the
    image is black:

    .. math:: \tilde X = h \odot \min(1,\ b\,R X C^\top)

    Parameters
    ----------
    images : array or tensor of shape (n, side, side), float32
        Pixels between 0 and 1.
    draws : array or tensor of shape (n, 6), float32
        Numbers in [0, 1): moves down and to the right, mirrored or not, place of the hole, brightness.
    shift, hole, brightness, flip
        See :func:`alter`.

    Returns
    -------
    array or tensor of the shape of ``images``

    Examples
    --------
    >>> image = np.array([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]])
    >>> draws = np.array([[0.9, 0.5, 0.9, 0, 0, 0.5]])          # one pixel down, not to the side, mirrored
    >>> altered(image, draws, shift=1, hole=0).round(1).tolist()
    [[[0.0, 0.0, 0.0], [0.3, 0.2, 0.1], [0.6, 0.5, 0.4]]]
    """
    xp = namespace(images)
    side = images.shape[1]
    place = np.arange(side, dtype="float32")
    down, right = (xp.floor(draws[:, k, None] * (2 * shift + 1)) - shift for k in (0, 1))
    rows, columns = place - down, place - right  # where each row and column comes from
    if flip:
        columns = xp.where(draws[:, 2, None] < 0.5, columns, side - 1 - columns)
    rows, columns = (xp.where(xp.equal(found[:, :, None], place), ONE, ZERO) for found in (rows, columns))
    moved = xp.matmul(xp.matmul(rows, images), xp.transpose(columns, (0, 2, 1)))
    low = xp.floor(draws[:, 3:5, None] * (side - hole + 1))
    covered = xp.where(xp.logical_and(place >= low, place < low + hole), ONE, ZERO)
    visible = 1 - covered[:, 0, :, None] * covered[:, 1, None, :]
    factor = 1 + brightness * (2 * draws[:, 5, None, None] - 1)
    return visible * xp.minimum(moved * factor, 1.0)


def alter(x, seed=0, shift=3, hole=9, brightness=0.4, flip=True):
    """Return a view of each image that shows the same garment in another way.

    Parameters
    ----------
    x : array of shape (n, side, side) or (n, side²)
        Square images with pixels between 0 and 1, or their pixels as rows.
    seed : int, default 0
        Draws the alterations: another seed, another view.
    shift : int, default 3
        The image moves by up to so many pixels in both directions.
    hole : int, default 9
        Side of the black square.
    brightness : float, in [0, 1), default 0.4
        The pixels are multiplied by a number between one minus and one plus this.
    flip : bool, default True
        Whether half of the views are mirrored.

    Returns
    -------
    array of the shape of ``x``, float32

    Raises
    ------
    ValueError, TypeError
        If the images are not square, ``shift`` or ``hole`` does not fit into them, or ``brightness`` is out of range.

    Notes
    -----
    Keras has layers for this: ``RandomTranslation``, ``RandomFlip``, ``RandomErasing`` and ``RandomBrightness``, which
    adds instead of multiplying. Here one formula serves NumPy and the model, see :func:`altered`.

    Examples
    --------
    >>> alter(np.ones((2, 784)), seed=1).shape
    (2, 784)
    """
    images = square_images(x).astype("float32")
    require_alteration(images.shape[1], shift, hole, brightness)
    draws = np.random.default_rng(seed).uniform(size=(len(images), N_DRAWS)).astype("float32")
    draws = np.minimum(draws, np.float32(0.9999999))  # rounding to 32 bits may give 1
    return altered(images, draws, shift, hole, brightness, flip).astype("float32").reshape(np.shape(x))


def require_alteration(side, shift, hole, brightness):
    """Raise unless the sizes of an alteration fit images of ``side`` × ``side`` pixels.

    Examples
    --------
    >>> require_alteration(28, 3, 9, 0.4)
    """
    require_number("shift", shift, f"be between 0 and {side - 1} pixels", low=0, high=side - 1)
    require_number("hole", hole, f"be between 0 and {side} pixels", low=0, high=side)
    require_number("brightness", brightness, "be in [0, 1)", low=0, high=1, open_high=True)


def nt_xent(first, second, temperature=0.2):
    r"""Return the loss of "find your partner in the batch", the normalized temperature-scaled cross-entropy.

    Of :math:`n` images there are :math:`2n` views. View :math:`i` must recognize its partner :math:`j` among the
    :math:`2n - 1` others by the cosine of the angle between their vectors:

    .. math::

        J = -\frac{1}{2n} \sum_{i} \log
        \frac{\exp(\cos(\mathbf z_i, \mathbf z_j)/\tau)}{\sum_{k \ne i} \exp(\cos(\mathbf z_i, \mathbf z_k)/\tau)}

    Parameters
    ----------
    first, second : array or tensor of shape (n, d)
        The vectors of the first and of the second views.
    temperature : float, default 0.2
        :math:`\tau`.

    Returns
    -------
    number or scalar tensor

    Raises
    ------
    ValueError, TypeError
        If the temperature is not above 0.

    Notes
    -----
    Keras has no such loss. If all vectors are equal, the loss is :math:`\log(2n - 1)`: pure chance.

    References
    ----------
    Chen, T., Kornblith, S., Norouzi, M. and Hinton, G. (2020), A simple framework for contrastive learning of visual
    representations.

    Examples
    --------
    >>> same = np.ones((4, 3))
    >>> bool(np.isclose(nt_xent(same, same), np.log(7)))
    True
    """
    require_number("temperature", temperature, "be above 0", low=0, open_low=True)
    xp = namespace(first)
    z = xp.concatenate([first, second], axis=0)
    z = z / xp.sqrt(xp.sum(z * z, axis=1, keepdims=True) + 1e-12)
    n = len(first) if xp is np else xp.shape(first)[0]
    place = xp.arange(2 * n)
    itself = xp.equal(place[:, None], place[None, :])
    partner = xp.equal(place[:, None], (place[None, :] + n) % (2 * n))
    scores = xp.where(itself, -1e9, xp.matmul(z, xp.transpose(z)) / temperature)
    highest = xp.max(scores, axis=1, keepdims=True)
    log_sum = xp.log(xp.sum(xp.exp(scores - highest), axis=1)) + highest[:, 0]
    return xp.mean(log_sum - xp.sum(xp.where(partner, scores, 0.0), axis=1))


@keras.saving.register_keras_serializable("handson11")
class InstancePairs(keras.Model):
    r"""Learn which views show the same image, without any label: contrastive learning with negatives in the batch.

    Each image of a batch is altered twice (:func:`alter`); the loss is :func:`nt_xent` of the two views' vectors
    :math:`\mathbf z = W f(\mathbf x) + \mathbf b`.

    Parameters
    ----------
    encoder : keras.Model
        The network :math:`f`: rows of pixels between 0 and 1 → one vector each. Its layers are what is reused later.
    dimension : int, default 32
        Length of :math:`\mathbf z`.
    temperature : float, default 0.2
        See :func:`nt_xent`.
    alteration : dict, optional
        Other values of ``shift``, ``hole``, ``brightness`` and ``flip`` than those of :func:`alter`.
    seed : int, default 0
        Start weights of the projection :math:`W`, and the alterations.

    Attributes
    ----------
    encoder : keras.Model
        After training, the part to keep.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or the encoder does not read rows of square images.

    Notes
    -----
    A Keras model like any other: ``compile("adam")`` (the loss is its own), ``fit(x)``, ``save`` as ``.keras``. Larger
    batches make the task harder. The order of the images in ``fit`` follows from ``keras.utils.set_random_seed``.

    References
    ----------
    Chen, T., Kornblith, S., Norouzi, M. and Hinton, G. (2020), A simple framework for contrastive learning of visual
    representations.

    Examples
    --------
    >>> encoder = keras.Sequential([keras.Input((784,)), keras.layers.Dense(8, "relu")])
    >>> model = InstancePairs(encoder, dimension=4, seed=1)
    >>> model.compile("adam")
    >>> images = np.random.default_rng(0).uniform(size=(64, 784)).astype("float32")
    >>> len(model.fit(images, batch_size=32, epochs=2, verbose=0).history["loss"])
    2
    """

    def __init__(self, encoder, dimension=32, temperature=0.2, alteration=None, seed=0, **kwargs):
        require(isinstance(encoder, keras.Model), "encoder", "be a Keras model", encoder, TypeError)
        require_number("dimension", dimension, "be an integer >= 1", low=1)
        require_number("temperature", temperature, "be above 0", low=0, open_low=True)
        require_number("seed", seed, "be an integer >= 0", low=0)
        alteration = dict(alteration or {})
        known = {"shift", "hole", "brightness", "flip"}
        require(set(alteration) <= known, "alteration", f"have no other keys than {sorted(known)}", alteration)
        super().__init__(**kwargs)
        self.encoder, self.dimension, self.temperature = encoder, dimension, temperature
        self.alteration, self.seed = alteration, seed
        pixels = encoder.input_shape[-1]
        self.side = round(pixels**0.5)
        fits = len(encoder.input_shape) == 2 and self.side**2 == pixels
        require(fits, "encoder", "read rows of square images", encoder.input_shape)
        sizes = {"shift": 3, "hole": 9, "brightness": 0.4, **alteration}
        require_alteration(self.side, sizes["shift"], sizes["hole"], sizes["brightness"])
        self.draws = keras.random.SeedGenerator(seed)
        start = keras.initializers.GlorotUniform(seed)
        self.projection = keras.layers.Dense(dimension, kernel_initializer=start, name="projection")
        self.projection.build(encoder.output_shape)
        self.built = True

    def call(self, x, training=False):
        """Return the vectors of two altered views of each image: the first views, then the second ones."""
        images = ops.reshape(x, (-1, self.side, self.side))
        images = ops.concatenate([images, images], axis=0)
        draws = keras.random.uniform((ops.shape(images)[0], N_DRAWS), seed=self.draws)
        views = ops.reshape(altered(images, draws, **self.alteration), (-1, self.side**2))
        return self.projection(self.encoder(views, training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return :func:`nt_xent` of the two views."""
        first, second = ops.split(y_pred, 2, axis=0)
        loss = nt_xent(first, second, self.temperature)
        return ops.sum(ops.stack([loss, *self.losses])) if self.losses else loss

    def get_config(self):
        """Return the arguments of the constructor."""
        encoder = keras.saving.serialize_keras_object(self.encoder)
        names = ("dimension", "temperature", "alteration", "seed")
        return {**super().get_config(), "encoder": encoder, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config):
        """Return a model from what :meth:`get_config` returned."""
        return cls(keras.saving.deserialize_keras_object(config.pop("encoder")), **config)
