"""Runs of sections 11.3.3 and 11.3.4: AdaGrad and RMSProp on bowls, under a constant gradient, and in long training."""

import functools

import numpy as np

from handson11 import optimizers, surfaces
from handson11.experiments.training import run_of

RULES = {
    "adagrad": functools.partial(optimizers.Adagrad, initial_accumulator_value=0.0),  # the equation's 0, not Keras' 0.1
    "rmsprop": optimizers.RMSprop,
}


def watch(optimizer, gradient, start, steps):
    """Follow the bare rule of AdaGrad or RMSProp; return its positions, squares **s** and effective rates η / √(s + ε).

    ``gradient`` takes a position and the number of the step, 1, 2, 3 …, and returns the gradient. The positions have
    one row more than the squares and rates: the start.
    """
    theta = np.asarray(start, dtype=float)
    rate, slots = float(str(optimizer.learning_rate.numpy())), optimizer.initial_slots(theta)
    positions, squares = [theta], []
    for t in range(1, steps + 1):
        change, slots = optimizer.step(np.asarray(gradient(theta, t), dtype=float), t, rate, *slots)
        theta = theta + change
        positions.append(theta)
        squares.append(slots[0])
    squares = np.array(squares)
    return np.array(positions), squares, rate / np.sqrt(squares + optimizer.epsilon)


def on_quadratic(configuration):
    """Walk down a quadratic bowl, turned or not, at several rates.

    ``configuration``: ``optimizer`` ("adagrad", with **s** = 0 at the start, or "rmsprop"), ``rates``,
    ``condition_number``, ``degrees``, ``start``, ``steps``, ``tolerance``.

    Returns for each rate ``distance_0.1`` (and so on), the smallest one to the minimum; ``late_0.1``, the smallest one
    in the second half; ``rises_0.1``, how often the rate of a coordinate grew; ``steps_0.1``, the steps until the
    distance is below ``tolerance`` for the first time, infinity if it never is.
    """
    bowl = surfaces.quadratic(configuration["condition_number"]).turned(configuration["degrees"])
    steps, found = configuration["steps"], {}
    for rate in configuration["rates"]:
        rule = RULES[configuration["optimizer"]](rate)
        positions, _, rates = watch(rule, lambda theta, t: bowl.gradient(theta), configuration["start"], steps)
        distances = np.linalg.norm(positions, axis=1)
        (below,) = np.nonzero(distances < configuration["tolerance"])
        found |= {
            f"distance_{rate:g}": distances.min(),
            f"late_{rate:g}": distances[steps // 2 :].min(),
            f"rises_{rate:g}": int(np.sum(np.diff(rates, axis=0) > 0)),
            f"steps_{rate:g}": int(below[0]) if len(below) else np.inf,
        }
    return found


def constant_gradient(configuration):
    """Feed the same gradient again and again.

    ``configuration``: ``optimizer`` ("adagrad", with **s** = 0 at the start, or "rmsprop"), ``learning_rate``,
    ``gradient``, ``steps``.

    Returns ``rate_error``, the relative distance of the last step's rate from η / |g|, and ``share``, that rate as a
    share of η / |g|.
    """
    g, rate = configuration["gradient"], configuration["learning_rate"]
    rule = RULES[configuration["optimizer"]](rate)
    _, _, rates = watch(rule, lambda theta, t: [g], [0.0], configuration["steps"])
    share = rates[-1, 0] * abs(g) / rate
    return {"rate_error": abs(share - 1), "share": share}


def long_training(configuration):
    """Train as :func:`~handson11.experiments.train` does and keep the running loss of some epochs.

    ``configuration``: that of ``train``, and ``read_at``, numbers of epochs.

    Returns ``train_loss``, ``test_accuracy``, ``diverged``, ``epoch_losses``, and for each number of epochs
    ``loss_at_20`` (and so on), the mean loss over the batches of that epoch.
    """
    configuration = dict(configuration)
    read_at = configuration.pop("read_at")
    run = run_of(configuration)
    losses = [float(loss) for loss in run.epoch_losses]
    reached = {f"loss_at_{epoch}": losses[epoch - 1] if epoch <= len(losses) else np.nan for epoch in read_at}
    return {
        **reached,
        "train_loss": run.train_loss,
        "test_accuracy": run.test_accuracy,
        "diverged": int(run.diverged),
        "epochs": len(losses),
        "epoch_losses": losses,
    }


def words_and_labels(rng, n, weights):
    """Draw ``n`` short texts as rows of zeros and ones, word k in a share 0.5 / k of them, and their labels.

    The label is 1 with the probability that the logistic model with these ``weights`` gives.
    """
    shares = 0.5 / np.arange(1, len(weights) + 1)
    x = (rng.random((n, len(weights))) < shares).astype(float)
    return x, (rng.random(n) < _logistic(x @ weights)).astype(float)


def sparse_logistic(configuration):
    """Train a logistic regression on rare features for one pass over the data.

    ``configuration``: ``optimizer`` (a name, "adagrad" with **s** = 0 at the start), ``learning_rate``, ``words``,
    ``n`` texts, ``batch_size``, ``seed``.

    Returns ``validation_loss`` and ``test_loss``, each on 4,000 fresh texts, ``test_accuracy`` and ``diverged``.
    """
    rng = np.random.default_rng(configuration["seed"])
    truth = 2 * rng.normal(size=configuration["words"])
    x, y = words_and_labels(rng, configuration["n"], truth)
    held_out = {part: words_and_labels(rng, 4000, truth) for part in ("validation", "test")}
    rate, size = configuration["learning_rate"], configuration["batch_size"]
    rule = (RULES | {"sgd": optimizers.SGD, "momentum": optimizers.Momentum})[configuration["optimizer"]](rate)
    w = np.zeros(configuration["words"])
    slots = rule.initial_slots(w)
    for t, begin in enumerate(range(0, len(x), size), start=1):
        rows, labels = x[begin : begin + size], y[begin : begin + size]
        change, slots = rule.step(rows.T @ (_logistic(rows @ w) - labels) / len(rows), t, rate, *slots)
        w = w + change
    logits = {part: rows @ w for part, (rows, _) in held_out.items()}
    losses = {
        f"{part}_loss": np.mean(np.logaddexp(0, z) - held_out[part][1] * z) if np.isfinite(w).all() else np.nan
        for part, z in logits.items()
    }
    hits = (logits["test"] > 0) == held_out["test"][1]
    return {**losses, "test_accuracy": np.mean(hits), "diverged": int(not np.isfinite(w).all())}


def _logistic(z):
    return 0.5 * (1 + np.tanh(z / 2))  # without overflow
