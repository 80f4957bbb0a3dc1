"""Training runs that are judged by their training losses: that of each epoch, and the epochs to reach one."""

import math

from handson11.experiments.training import epochs_to, train


def with_losses(configuration):
    """Train as :func:`~handson11.experiments.train` does; the mean loss of epoch 1 is ``loss_1``, and so on."""
    record = train(configuration)
    losses = record.pop("epoch_losses")
    return {**record, **{f"loss_{epoch}": loss for epoch, loss in enumerate(losses, 1)}}


def train_to_losses(configuration):
    """Train as :func:`~handson11.experiments.train` does and count the epochs to some training losses.

    ``configuration``: that of ``train``, and ``targets``, mean training losses of an epoch.

    Returns what ``train`` returns, and ``epochs_to_0.4`` and so on for each target: between two epochs on a straight
    line, infinity if it was not reached. ``pace`` is the number of the first target where that was reached, and
    otherwise the epochs run plus what the last loss lacks: it can choose a rate even if no rate gets there. All of
    them are NaN if the run diverged.
    """
    configuration = dict(configuration)
    targets = configuration.pop("targets")
    record = train(configuration)
    losses, lost = record["epoch_losses"], record["diverged"]
    epochs = {f"epochs_to_{target:g}": math.nan if lost else epochs_to(losses, target) for target in targets}
    first = epochs[f"epochs_to_{targets[0]:g}"]
    pace = len(losses) + losses[-1] - targets[0] if math.isinf(first) else first
    return {**record, **epochs, "pace": pace}
