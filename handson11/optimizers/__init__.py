"""The optimizers of section 11.3: one pure ``step`` each, for NumPy paths, for compiled runs and for ``model.fit``."""

from handson11.optimizers.adam import Adam
from handson11.optimizers.base import Optimizer, trajectory
from handson11.optimizers.momentum import SGD, Momentum, Nesterov

__all__ = ["SGD", "Adam", "Momentum", "Nesterov", "Optimizer", "trajectory"]
