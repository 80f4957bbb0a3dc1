"""Networks of section 11.1.2 that need more than a name in a declaration."""

import itertools

from handson11.activations import celu
from handson11.layers import RReLU
from handson11.models import dense_stack


def rrelu_stack(depth, width, seed):
    """Return a dense stack of RReLU layers whose random slopes follow from ``seed``, different in every layer."""
    seeds = itertools.count(1000 * seed)
    return dense_stack(depth, width, lambda: RReLU(seed=next(seeds)), "he_normal", seed=seed)


def celu_half(z):
    """Return CELU with α = 1/2."""
    return celu(z, 0.5)


def celu_two(z):
    """Return CELU with α = 2."""
    return celu(z, 2.0)
