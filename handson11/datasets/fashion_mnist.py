"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017)."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class FashionMNIST:
    """Arrays of the data set and where they come from."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple
    class_names_ko: tuple
    source: str


def load_fashion_mnist(source="auto"):
    """Load the data set."""
    folder = Path(os.environ["HANDSON11_DATA"]) / "fashion-mnist"

    def read(name):
        raw = gzip.decompress((folder / name).read_bytes())
        shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3]))
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)

    x, y = read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz")
    names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    return FashionMNIST(
        x[:55_000], y[:55_000], x[55_000:], y[55_000:],
        read("t10k-images-idx3-ubyte.gz"), read("t10k-labels-idx1-ubyte.gz"), names, names, "fashion-mnist",
    )
