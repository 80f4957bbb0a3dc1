"""The record in which every data source hands over its arrays."""

from dataclasses import dataclass

import numpy as np

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CLASS_NAMES_KO = ("티셔츠/상의", "바지", "스웨터", "드레스", "코트", "샌들", "셔츠", "운동화", "가방", "앵클부츠")


@dataclass(frozen=True, eq=False, repr=False)
class FashionMNIST:
    """Images of ten kinds of clothes in three parts, with their labels, names and origin.

    The arrays are read-only, so that no cell of a notebook can change what a later cell reads:
    work on a copy (``x_train / 255`` or ``x_train.astype("float32")`` already is one).

    Attributes
    ----------
    x_train, x_validation, x_test : numpy.ndarray
        Grey images, uint8 in 0 … 255, shape (55000, 28, 28), (5000, 28, 28) and (10000, 28, 28).
    y_train, y_validation, y_test : numpy.ndarray
        Labels, uint8 in 0 … 9, one for each image.
    class_names, class_names_ko : tuple of str
        The ten class names in English and in Korean; label ``k`` has the name ``class_names[k]``.
    source : str
        ``"fashion-mnist"`` for the real data set, ``"stand-in"`` for generated images.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    class_names: tuple = CLASS_NAMES
    class_names_ko: tuple = CLASS_NAMES_KO

    def __post_init__(self):
        for part in ("train", "validation", "test"):
            getattr(self, f"x_{part}").flags.writeable = False
            getattr(self, f"y_{part}").flags.writeable = False

    def __repr__(self):
        sizes = ", ".join(f"{part}={len(getattr(self, f'y_{part}')):,}" for part in ("train", "validation", "test"))
        return f"FashionMNIST(source={self.source!r}, {sizes}, images of 28×28 uint8)"
