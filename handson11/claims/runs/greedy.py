"""Runs of section 11.2.2: deep networks from stacks of pretrained layers, and the free energy of an RBM."""

import warnings

import keras
import numpy as np

from handson11.claims.runs.few_labels import kept, measurements, network, train_few
from handson11.experiments.training import load_data, task_of
from handson11.pretraining.greedy import greedy_pretrain
from handson11.pretraining.rbm import RBM

WIDTH, BATCH = 100, 100


def deep_network(configuration):
    """Train a deep network, from random weights or from a stack of layers that were pretrained without labels.

    ``configuration``: ``n`` images (at most all), ``depth``, ``activation``, ``epochs`` of plain descent,
    ``learning_rate``, ``pretraining`` (None or the method), ``pretraining_epochs`` (of the first layer, of each other
    one), ``pretraining_rate``, ``seed``, ``source``.

    Returns losses and accuracies, ``diverged``, ``first_epoch_loss``, ``epochs``, ``epoch_losses``, and of the stack
    ``first_share`` (error of its first layer, as a share of the variance) and ``diverged_layers``.
    """
    c = configuration
    description = {
        "model": "handson11.models:dense_stack",
        "arguments": {"depth": c["depth"], "width": WIDTH, "activation": c["activation"]},
    }
    task = images_of(c["n"], c["source"])
    weights, found = None, {"first_share": float("nan"), "diverged_layers": 0}
    if c["pretraining"] is not None:
        names = ("n", "depth", "pretraining", "pretraining_epochs", "pretraining_rate", "seed", "source")
        weights, found = kept(pretrained_stack, {name: c[name] for name in names})
    model = network(description, c["seed"], weights, reused=0 if weights is None else c["depth"])
    steps = c["epochs"] * (len(task.x_train) // BATCH)
    run = train_few(description, task, c["seed"], c["learning_rate"], steps, BATCH, "sgd", model=model)
    losses = [float(loss) for loss in run.epoch_losses]
    return {**measurements(run), "first_epoch_loss": losses[0], "epochs": len(losses), "epoch_losses": losses, **found}


def pretrained_stack(settings):
    """Return the weights of a stack of pretrained layers, and what was measured of it."""
    task = images_of(settings["n"], settings["source"])
    keras.utils.set_random_seed(settings["seed"])
    first, other = settings["pretraining_epochs"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is counted
        encoder, layers = greedy_pretrain(
            task.x_train,
            units=[WIDTH] * settings["depth"],
            method=settings["pretraining"],
            epochs=[first] + [other] * (settings["depth"] - 1),
            batch_size=BATCH,
            learning_rate=settings["pretraining_rate"],
            seed=settings["seed"],
            verbose=0,
        )
    keras.backend.clear_session()
    measured = {"first_share": layers[0]["share"], "diverged_layers": sum(layer["diverged"] for layer in layers)}
    return encoder.get_weights(), measured


def images_of(n, source):
    """Return a task of up to ``n`` training images and up to 5,000 validation images, pixels between 0 and 1."""
    n = min(n, len(load_data(source).x_train))
    return task_of({"n": n, "seed": 0, "standardize": "unit", "n_validation": 5000, "source": source})


def boltzmann(configuration):
    """Train an RBM by CD-1 and read its reconstruction error and its free energies after every epoch.

    An epoch is the number of steps that ``n_epoch`` images make. ``configuration``: ``n`` images to train on, drawn by
    the seed; ``n_epoch``; ``epochs``; ``units``; ``learning_rate``; ``seed``; ``source``.

    Returns ``errors`` on validation images and ``gaps`` (mean free energy of validation images minus that of training
    images, up to 5,000 of each), both with the start first, ``error_ratio`` (last epoch / first epoch), ``growth`` (of
    the gap from the start) and ``diverged``.
    """
    c = configuration
    task = images_of(c["n_epoch"], c["source"])
    rng = np.random.default_rng([c["seed"], 3])
    n = min(c["n"], len(task.x_train))
    train = task.x_train[rng.permutation(len(task.x_train))[:n]]
    keras.utils.set_random_seed(c["seed"])
    model = RBM(c["units"], seed=c["seed"])
    model.compile(keras.optimizers.SGD(c["learning_rate"], momentum=0.5))
    repeated = np.tile(train, (max(1, len(task.x_train) // n), 1))
    errors, gaps = [], []
    for epoch in range(c["epochs"] + 1):
        if epoch:
            model.fit(repeated, batch_size=BATCH, verbose=0)
        found = np.asarray(model.reconstruct(task.x_validation))
        errors.append(float(np.mean((found - task.x_validation) ** 2)))
        gaps.append(float(model.free_energy(task.x_validation).mean() - model.free_energy(train[:5000]).mean()))
    keras.backend.clear_session()
    return {
        "error_ratio": errors[-1] / errors[1],
        "growth": gaps[-1] - gaps[0],
        "diverged": int(not np.isfinite([*errors, *gaps]).all()),
        "epochs": c["epochs"],
        **{f"error_{epoch}": value for epoch, value in enumerate(errors)},
        **{f"gap_{epoch}": value for epoch, value in enumerate(gaps)},
    }
