"""The optimizers of section 11.3: one pure ``step`` each, for NumPy paths, for compiled runs and for ``model.fit``."""

from handson11.optimizers.adam import Adam, Adamax, AdamW, Nadam
from handson11.optimizers.adaptive import Adagrad, RMSprop
from handson11.optimizers.base import Optimizer, trajectory
from handson11.optimizers.momentum import SGD, Momentum, Nesterov

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "trajectory",
]
