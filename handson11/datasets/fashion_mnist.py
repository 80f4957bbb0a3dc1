"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): found or downloaded, verified, and split as the course uses it."""

import gzip
import warnings

import numpy as np

from handson11._check import require_choice
from handson11.datasets.record import FashionMNIST
from handson11.datasets.stand_in import make_stand_in
from handson11.datasets.verified import DataNotFoundError, VerifiedFiles

SUMS = {
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
}
MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FILES = VerifiedFiles("fashion-mnist", SUMS, MIRRORS)
N_VALIDATION = 5_000

HOW_TO_GET_IT = """How to get it:
  - with a network: call load_fashion_mnist() again; about 30 MB are downloaded once and kept;
  - without one: copy the four *-ubyte.gz files (https://github.com/zalandoresearch/fashion-mnist) to a folder named
    fashion-mnist and set the environment variable HANDSON11_DATA to the folder that contains it."""


class StandInWarning(UserWarning):
    """The real data could not be had: the arrays are generated images."""


def load_fashion_mnist(source="auto"):
    """Load Fashion-MNIST, or say loudly that a generated stand-in takes its place.

    The real data set is looked for in ``$HANDSON11_DATA/fashion-mnist/``, then in the cache (``$HANDSON11_CACHE`` or
    the usual cache folder of your system), then it is downloaded. A file is used only if its SHA-256 is the
    published one; a damaged file in the cache is removed and fetched again. ``HANDSON11_OFFLINE=1`` tries no network.

    Parameters
    ----------
    source : {"auto", "fashion-mnist", "stand-in"}, default "auto"
        ``"auto"`` takes the real data if it can be had and otherwise the stand-in, with a `StandInWarning`;
        ``"fashion-mnist"`` never falls back; ``"stand-in"`` draws the stand-in at once, with no warning.

    Returns
    -------
    FashionMNIST
        Read-only arrays: 55,000 training, 5,000 validation and 10,000 test images of shape (28, 28), uint8, with their
        labels, the class names and ``source``. The training images are the first 55,000 of the published 60,000.

    Raises
    ------
    DataNotFoundError
        If ``source="fashion-mnist"`` and the data was found nowhere; the text lists what was tried.
    TypeError, ValueError
        If ``source`` is none of the three names.

    Notes
    -----
    The same images as ``keras.datasets.fashion_mnist.load_data()``, which neither verifies the files
    nor splits off a validation set.

    References
    ----------
    Xiao, H., Rasul, K. and Vollgraf, R. (2017), Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms.

    Examples
    --------
    >>> data = load_fashion_mnist(source="stand-in")
    >>> data.x_train.shape, data.x_validation.shape, data.x_test.shape
    ((55000, 28, 28), (5000, 28, 28), (10000, 28, 28))
    >>> data.class_names[int(data.y_test[0])] in data.class_names
    True
    """
    require_choice("source", source, ("auto", "fashion-mnist", "stand-in"))
    if source == "stand-in":
        return make_stand_in()
    try:
        files = FILES.read()
    except DataNotFoundError as error:
        if source == "fashion-mnist":
            raise DataNotFoundError(f"Fashion-MNIST was not found. Tried:\n{error}\n{HOW_TO_GET_IT}") from None
        warnings.warn(_notice(error), StandInWarning, stacklevel=2)
        return make_stand_in()
    x, y = _read_idx(files["train-images-idx3-ubyte.gz"]), _read_idx(files["train-labels-idx1-ubyte.gz"])
    return FashionMNIST(
        x_train=x[:-N_VALIDATION],
        y_train=y[:-N_VALIDATION],
        x_validation=x[-N_VALIDATION:],
        y_validation=y[-N_VALIDATION:],
        x_test=_read_idx(files["t10k-images-idx3-ubyte.gz"]),
        y_test=_read_idx(files["t10k-labels-idx1-ubyte.gz"]),
        source="fashion-mnist",
    )


def _read_idx(compressed):
    """Return the array in a gzipped IDX file: 4 bytes with the number of axes last, the axes' lengths, the bytes."""
    raw = gzip.decompress(compressed)
    n_axes = raw[3]
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(n_axes))
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def _notice(error):
    line = "=" * 78
    return (
        f"\n{line}\n"
        "  THIS IS NOT FASHION-MNIST. The real data could not be had, so you are looking at\n"
        "  the STAND-IN: images drawn by a program. Every number below belongs to them.\n"
        f"{line}\n"
        f"Tried:\n{error}\n{HOW_TO_GET_IT}\n{line}"
    )
