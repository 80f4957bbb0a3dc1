"""The rotation task: turn each image by 0, 90, 180 or 270 degrees and ask by how much. The labels cost nothing."""

import numpy as np

from handson11._check import require


def quarter_turns(x, turns):
    """Turn each image counterclockwise by its own number of quarter turns.

    Parameters
    ----------
    x : array of shape (n, side, side) or (n, side²)
        Square images, or their pixels as rows.
    turns : array of shape (n,)
        0, 1, 2 or 3 for each image.

    Returns
    -------
    array of the shape of ``x``
        A new array.

    Raises
    ------
    ValueError
        If the images are not square, or ``turns`` has not one number from 0 to 3 for each of them.

    Notes
    -----
    As ``numpy.rot90`` for one image.

    Examples
    --------
    >>> image = np.array([[1, 2], [3, 4]])
    >>> quarter_turns(np.stack([image, image]), [0, 1]).tolist()
    [[[1, 2], [3, 4]], [[2, 4], [1, 3]]]
    """
    images = square_images(x)
    turns = np.asarray(turns)
    fits = turns.shape == (len(images),) and np.isin(turns, range(4)).all()
    require(fits, "turns", f"have 0, 1, 2 or 3 for each of the {len(images)} images", turns)
    turned = np.empty_like(images)
    for turn in range(4):
        turned[turns == turn] = np.rot90(images[turns == turn], turn, axes=(1, 2))
    return turned.reshape(np.shape(x))


def rotation_task(x, seed=0):
    """Make a labelled task of images without labels: by how many quarter turns was each one turned?

    Parameters
    ----------
    x : array of shape (n, side, side) or (n, side²)
        Square images, or their pixels as rows. Nothing else is needed: the labels come from the random numbers.
    seed : int, default 0
        Draws the turns. With another seed the same images make other training data.

    Returns
    -------
    images : array of the shape of ``x``
        The images, turned.
    turns : array of shape (n,), int32
        The labels 0, 1, 2, 3, each for a quarter of the images (up to rounding).

    Raises
    ------
    ValueError
        If the images are not square.

    Notes
    -----
    Keras has no such function: its ``RandomRotation`` turns images but does not tell by how much.

    References
    ----------
    Gidaris, S., Singh, P. and Komodakis, N. (2018), Unsupervised representation learning by predicting image
    rotations.

    Examples
    --------
    >>> images, turns = rotation_task(np.arange(32.0).reshape(8, 2, 2), seed=1)
    >>> images.shape, np.bincount(turns).tolist()
    ((8, 2, 2), [2, 2, 2, 2])
    """
    x = np.asarray(x)
    turns = np.random.default_rng(seed).permutation(len(x)) % 4
    return quarter_turns(x, turns), turns.astype("int32")


def square_images(x):
    """Return images as an array of shape (n, side, side), from such an array or from rows of pixels.

    Examples
    --------
    >>> square_images(np.zeros((5, 784))).shape
    (5, 28, 28)
    """
    x = np.asarray(x)
    side = x.shape[1] if x.ndim == 3 else round(np.sqrt(x.shape[-1])) if x.ndim == 2 else 0
    fits = side > 0 and x.shape[1:] in ((side, side), (side * side,))
    require(fits, "x", "hold square images, or rows of their pixels", x)
    return x.reshape(len(x), side, side)
