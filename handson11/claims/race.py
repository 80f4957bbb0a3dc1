"""The race of section 11.3: every optimizer with its own rate, from a grid of the same size, on the same network.

Several claims are judged from these runs, and the page of section 11.3 shows them side by side.
"""

from handson11.claims.runs.race import race, seconds_per_epoch
from handson11.experiments.declared import Experiment

TARGETS = (0.5, 0.4, 0.3)

NETWORK = {"arguments": {"depth": 3, "width": 100, "activation": "relu"}, "n": 10000, "epochs": 15}
DEEP_NETWORK = {"arguments": {"depth": 10, "width": 100, "activation": "relu"}, "n": 5000, "epochs": 10}


def grid(lowest, count=10):
    """Return ``count`` rates 1, 2, 5, 10, 20 … times ``lowest``, which is a power of ten.

    Steps of a factor of about two, because a rate counts only if the next one is safe, too: on a coarser grid that
    would cost those optimizers most whose best rate lies just below the cliff.

    Examples
    --------
    >>> grid(0.001, 5)
    (0.001, 0.002, 0.005, 0.01, 0.02)
    """
    return tuple(float(f"{lowest * 10 ** (i // 3) * (1, 2, 5)[i % 3]:.3g}") for i in range(count))


OPTIMIZERS = {
    "SGD": ({"optimizer": "sgd"}, grid(0.001)),
    "momentum 0.5": ({"optimizer": "momentum", "optimizer_arguments": {"momentum": 0.5}}, grid(0.001)),
    "momentum": ({"optimizer": "momentum"}, grid(0.0001)),
    "momentum 0.99": ({"optimizer": "momentum", "optimizer_arguments": {"momentum": 0.99}}, grid(0.0001)),
    "Nesterov": ({"optimizer": "nesterov"}, grid(0.0001)),
    "AdaGrad": ({"optimizer": "adagrad"}, grid(0.001)),
    "RMSProp": ({"optimizer": "rmsprop"}, grid(0.00001)),
    "Adam": ({"optimizer": "adam"}, grid(0.00001)),
    "AdamW": ({"optimizer": "adamw"}, grid(0.00001)),
    "AdaMax": ({"optimizer": "adamax"}, grid(0.0001)),
    "Nadam": ({"optimizer": "nadam"}, grid(0.00001)),
}
"""Arm → (its part of the configuration, the rates tried)."""

MEASURED = ("train_loss", "test_accuracy", *(f"epochs_to_{target:g}" for target in TARGETS))

RACE = Experiment(
    name="race of optimizers, each with its own rate",
    arms={name: settings for name, (settings, _) in OPTIMIZERS.items()},
    fixed={**NETWORK, "targets": TARGETS},
    seeds=range(10),
    metrics=MEASURED,
    rates={name: rates for name, (_, rates) in OPTIMIZERS.items()},
    tuned_by="train_loss",
    best="lowest",
    run=race,
)

DEEP_RACE = RACE.reduced(name="race of optimizers in a deeper network", fixed=DEEP_NETWORK)

ONE_RATE = Experiment(
    name="race of optimizers, one rate for all",
    arms={
        f"{name}, {rate:g}": {**OPTIMIZERS[name][0], "learning_rate": rate}
        for rate in (0.01, 0.001)
        for name in OPTIMIZERS
        if name not in ("momentum 0.5", "momentum 0.99", "AdamW")
    },
    fixed={**NETWORK, "targets": TARGETS},
    seeds=range(10),
    metrics=("train_loss", "test_accuracy"),
    run=race,
)

SECONDS = Experiment(
    name="seconds per epoch of each optimizer",
    arms={name: {**settings, "learning_rate": 0.001} for name, (settings, _) in OPTIMIZERS.items()},
    fixed=NETWORK,
    seeds=range(5),
    metrics=["seconds"],
    run=seconds_per_epoch,
    timed=True,
)
