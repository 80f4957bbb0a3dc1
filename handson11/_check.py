"""The one form of argument error: the argument, the rule, what was received."""

import numbers

import numpy as np


def describe(value):
    """Return a short text for ``value``: arrays by shape and dtype, everything else by ``repr``."""
    if hasattr(value, "shape") and hasattr(value, "dtype") and getattr(value, "ndim", len(value.shape)):
        return f"{type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    return repr(value)


def require(holds, name, rule, received, error=ValueError):
    """Raise ``error`` unless ``holds``; the text names the argument, the rule and what was received.

    Examples
    --------
    >>> require(False, "rho", "be in [0, 1)", 1.2)
    Traceback (most recent call last):
    ValueError: `rho` must be in [0, 1). Received: rho=1.2
    """
    if not holds:
        raise error(f"`{name}` must {rule}. Received: {name}={describe(received)}")


def require_number(name, value, rule="be a finite number", low=None, high=None, open_low=False, open_high=False):
    """Return ``value`` as it is if it is a finite real number inside the given bounds; otherwise raise."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    require(is_number, name, rule, value, TypeError)
    inside = np.isfinite(value)
    if low is not None:
        inside = inside and (value > low if open_low else value >= low)
    if high is not None:
        inside = inside and (value < high if open_high else value <= high)
    require(inside, name, rule, value)
    return value


def require_choice(name, value, choices):
    """Return ``value`` if it is one of ``choices``; otherwise raise with the list of choices."""
    require(isinstance(value, str), name, f"be one of {sorted(choices)}", value, TypeError)
    require(value in choices, name, f"be one of {sorted(choices)}", value)
    return value
