"""Runs of section 11.3 that all optimizers share: one network, and how soon its training loss gets low."""

import functools
import time

import numpy as np

from handson11.experiments.training import complete_configuration, run_of, task_of, trainer_of


def race(configuration):
    """Train as :func:`~handson11.experiments.train` does and count the epochs to some training losses.

    ``configuration``: that of ``train``, and ``targets``, training losses to reach.

    Returns the losses and accuracies of ``train``, ``diverged``, ``epoch_losses``, and for each target
    ``epochs_to_0.3`` (and so on): see :func:`epochs_below`. ``pace`` is that of the last target where it was reached,
    and otherwise the epochs run plus what the last loss lacks: it can choose a rate even if no rate gets there.
    """
    configuration = dict(configuration)
    targets = configuration.pop("targets")
    run = run_of(configuration)
    per_epoch = len(run.losses) // len(run.epoch_losses)
    epochs = {f"epochs_to_{target:g}": epochs_below(run.losses, target, per_epoch) for target in targets}
    last = epochs[f"epochs_to_{targets[-1]:g}"]
    lacking = len(run.epoch_losses) + run.epoch_losses[-1] - targets[-1]
    parts = [f"{part}_{kind}" for part in ("train", "validation", "test") for kind in ("loss", "accuracy")]
    return {
        **{name: getattr(run, name) for name in parts},
        "diverged": int(run.diverged),
        "epochs": len(run.epoch_losses),
        "epoch_losses": [float(loss) for loss in run.epoch_losses],
        **(dict.fromkeys(epochs, float("nan")) if run.diverged else epochs),
        "pace": float("nan") if run.diverged else float(last if np.isfinite(last) else lacking),
    }


def epochs_below(losses, target, per_epoch, every=10):
    """Return the epochs until the running loss is below ``target``, infinity if it never is.

    The running loss is the mean of the last epoch's batches (at the start, of as many as there are, at least
    ``every``). It is read every ten steps: an epoch of 78 steps is not the smallest unit.
    """
    sums = np.concatenate([[0.0], np.cumsum(losses, dtype=float)])
    for end in range(every, len(losses) + 1, every):
        begin = max(0, end - per_epoch)
        if (sums[end] - sums[begin]) / (end - begin) < target:
            return end / per_epoch
    return float("inf")


def seconds_per_epoch(configuration):
    """Measure how long one epoch takes: nothing but steps, in one compiled function that has run before.

    ``configuration``: that of ``train``. Every call trains the same run twice, and the second one counts.

    Returns ``seconds``, for one epoch. The final measurement of the losses is part of it.
    """
    complete = complete_configuration(configuration)
    trainer, task = trainer_of(complete), task_of(complete)
    budget = {name: complete[name] for name in ("epochs", "batch_size")}
    run = functools.partial(trainer.run, task, complete["seed"], complete["learning_rate"], **budget)
    run()
    begin = time.perf_counter()
    run()
    return {"seconds": (time.perf_counter() - begin) / complete["epochs"]}
