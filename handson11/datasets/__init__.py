"""The course's data: the real Fashion-MNIST, verified, and a generated stand-in for work without network."""

from handson11.datasets.fashion_mnist import FashionMNIST, load_fashion_mnist

__all__ = ["FashionMNIST", "load_fashion_mnist"]
