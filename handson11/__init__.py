"""handson11: the methods of "Training deep neural networks", each written once, readable beside its equation.

The modules are loaded on first use, so that ``import handson11`` is quick and ``python -m handson11`` can report
a missing library instead of failing on it.
"""

import importlib

__version__ = "0.1.0"

_MODULES = (
    "activations",
    "claims",
    "clipping",
    "datasets",
    "diagnostics",
    "experiments",
    "initializers",
    "interactive",
    "layers",
    "models",
    "normalization",
    "optimizers",
    "plots",
    "pretraining",
    "propagation",
    "schedules",
    "surfaces",
    "transfer",
)

__all__ = [*_MODULES, "__version__"]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"handson11.{name}")
    raise AttributeError(f"module 'handson11' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
