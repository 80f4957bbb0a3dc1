"""Training runs of section 11.1.2: the ranking, gaps, epochs to a loss."""

import itertools
import math

from handson11.activations import celu
from handson11.experiments.training import epochs_to, train
from handson11.layers import RReLU
from handson11.models import dense_stack


def with_losses(configuration):
    """Train as :func:`~handson11.experiments.train` does; the mean loss of epoch 1 is ``loss_1``, and so on."""
    record = train(configuration)
    losses = record.pop("epoch_losses")
    return {**record, **{f"loss_{epoch}": loss for epoch, loss in enumerate(losses, 1)}}


def to_target(configuration):
    """Train and return ``epochs_to_target``, the epochs until the mean loss of an epoch is at most ``target``.

    Infinity if it is never reached, NaN if the run diverged.
    """
    plain = {name: value for name, value in configuration.items() if name != "target"}
    record = train(plain)
    needed = math.nan if record["diverged"] else epochs_to(record["epoch_losses"], configuration["target"])
    return {"epochs_to_target": needed, "test_accuracy": record["test_accuracy"], "diverged": record["diverged"]}


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
