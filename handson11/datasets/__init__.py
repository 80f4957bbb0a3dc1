"""The course's data: the real Fashion-MNIST, verified, and a generated stand-in for work without a network."""

from handson11.datasets.fashion_mnist import StandInWarning, load_fashion_mnist
from handson11.datasets.record import FashionMNIST
from handson11.datasets.stand_in import make_stand_in
from handson11.datasets.verified import DataFileWarning, DataNotFoundError

__all__ = [
    "DataFileWarning",
    "DataNotFoundError",
    "FashionMNIST",
    "StandInWarning",
    "load_fashion_mnist",
    "make_stand_in",
]
