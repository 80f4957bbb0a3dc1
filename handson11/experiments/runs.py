"""Fair comparison: every arm gets the same rates to choose from, the same seeds, the same budget."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from handson11._check import require
from handson11.experiments.engine import Trainer


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison: its chosen rate, its runs on fresh seeds, and the tuning behind the choice.

    Parameters
    ----------
    learning_rate : float
        The rate chosen on the validation images.
    runs : list of Run
        One run per seed, at the chosen rate.
    tuning : dict of float → list of Run
        The tuning runs of every rate.

    Examples
    --------
    >>> Arm(0.01, [], {}).learning_rate
    0.01
    """

    learning_rate: float
    runs: list
    tuning: dict

    def values(self, name):
        """Return one measurement (``"test_accuracy"``, ``"train_loss"``, …) of all runs as an array, in seed order."""
        return np.array([getattr(run, name) for run in self.runs])

    @property
    def n_diverged(self):
        """Number of runs that diverged."""
        return sum(run.diverged for run in self.runs)


def choose_learning_rate(tuning):
    """Return the rate with the best mean validation accuracy among the safe ones.

    A rate is safe if none of its runs diverged and none of the next higher rate's did: the best rate often lies one
    step below the cliff, where one fresh seed in ten falls over. If no rate is safe, those without a diverged run
    count; if there is none either, the lowest rate is returned.

    Parameters
    ----------
    tuning : dict of float → list of Run
        Tuning runs by learning rate.

    Returns
    -------
    float
        The chosen rate.

    Examples
    --------
    >>> import math
    >>> from types import SimpleNamespace
    >>> fine = lambda accuracy: [SimpleNamespace(diverged=False, validation_accuracy=accuracy)]
    >>> lost = [SimpleNamespace(diverged=True, validation_accuracy=math.nan)]
    >>> choose_learning_rate({0.01: fine(0.80), 0.03: fine(0.83), 0.1: fine(0.84), 0.3: lost})
    0.03
    """
    rates = sorted(tuning)
    finite = [rate for rate in rates if not any(run.diverged for run in tuning[rate])]
    above = dict(zip(rates, rates[1:], strict=False))
    safe = [rate for rate in finite if above.get(rate, rate) in finite]
    for candidates in (safe, finite):
        if candidates:
            return max(candidates, key=lambda rate: np.mean([run.validation_accuracy for run in tuning[rate]]))
    return rates[0]


def compare(arms, task_for_seed, rates, seeds, tuning_seeds=(100, 101), rule="momentum", epochs=10, batch_size=128):
    """Tune each arm on the validation images with its own seeds, then run it on fresh seeds.

    Parameters
    ----------
    arms : dict of str → Trainer or callable
        What differs: ``build`` functions (see :class:`Trainer`) or trainers.
    task_for_seed : callable
        ``task_for_seed(seed)`` returns the :class:`Task` of that seed, the same for every arm: runs are paired.
    rates : sequence of float, or dict of str → sequence of float
        The learning rates tried; the same number for every arm. One rate means no tuning.
    seeds : sequence of int
        Fresh seeds for the reported runs.
    tuning_seeds : sequence of int, default (100, 101)
        Seeds used for the choice of the rate only.
    rule : {"momentum", "sgd", "adam"}, default "momentum"
        The update rule of arms given as functions.
    epochs, batch_size : int, default 10 and 128
        The budget, equal for all arms.

    Returns
    -------
    dict of str → Arm
        In the order of ``arms``.

    Raises
    ------
    ValueError
        If the arms get different numbers of rates, or a seed serves both tuning and reporting.

    Examples
    --------
    The pages of the book call it with networks of :mod:`handson11.models`; a single rate skips the tuning:

    >>> compare({}, None, rates=[0.01], seeds=[0])
    {}
    """
    grids = rates if isinstance(rates, dict) else dict.fromkeys(arms, rates)
    sizes = {len(grids[name]) for name in arms}
    require(len(sizes) <= 1, "rates", "give every arm the same number of rates", rates)
    require(not set(seeds) & set(tuning_seeds), "seeds", "differ from the tuning seeds", list(seeds))
    tuned = max(sizes, default=0) > 1
    tasks = {seed: task_for_seed(seed) for seed in [*seeds, *(tuning_seeds if tuned else ())] if arms}
    result = {}
    with tqdm(total=len(arms), disable=None, unit="arm") as progress:
        for name, arm in arms.items():
            trainer = arm if isinstance(arm, Trainer) else Trainer(arm, rule)
            settings = {"epochs": epochs, "batch_size": batch_size}
            tuning = {}
            if tuned:
                for rate in grids[name]:
                    tuning[rate] = [trainer.run(tasks[s], s, rate, **settings) for s in tuning_seeds]
            rate = choose_learning_rate(tuning) if tuning else grids[name][0]
            runs = [trainer.run(tasks[s], s, rate, **settings) for s in seeds]
            result[name] = Arm(rate, runs, tuning)
            progress.update()
    return result
