"""The course's data: Fashion-MNIST, verified; a generated stand-in for work without a network; English sentences."""

from handson11.datasets.corpus import LIBRARY_NAMES, Corpus, CorpusNotFoundError, load_corpus
from handson11.datasets.fashion_mnist import StandInWarning, load_fashion_mnist
from handson11.datasets.record import FashionMNIST
from handson11.datasets.stand_in import make_stand_in
from handson11.datasets.verified import DataFileWarning, DataNotFoundError

__all__ = [
    "LIBRARY_NAMES",
    "Corpus",
    "CorpusNotFoundError",
    "DataFileWarning",
    "DataNotFoundError",
    "FashionMNIST",
    "StandInWarning",
    "load_corpus",
    "load_fashion_mnist",
    "make_stand_in",
]
