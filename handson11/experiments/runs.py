"""Fair comparison: every arm gets the same number of rates to choose from, the same seeds, the same budget."""

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


def choose_learning_rate(scores, best="highest"):
    """Return the rate with the best mean score among the safe ones.

    A rate is safe if none of its runs was lost and none of the next higher rate's was: the best rate often lies one
    step below the cliff, where one fresh seed in ten falls over. If no rate is safe, those without a lost run count;
    if there is none either, the lowest rate is returned.

    Parameters
    ----------
    scores : dict of float → sequence of float
        For each learning rate the score of its tuning runs, NaN for a run that diverged or failed.
    best : {"highest", "lowest"}, default "highest"
        Which score wins: the highest (an accuracy) or the lowest (a loss, a number of epochs).

    Returns
    -------
    float
        The chosen rate.

    Examples
    --------
    >>> import math
    >>> choose_learning_rate({0.01: [0.80, 0.81], 0.03: [0.83, 0.82], 0.1: [0.84, 0.83], 0.3: [0.85, math.nan]})
    0.03
    """
    require(best in ("highest", "lowest"), "best", 'be "highest" or "lowest"', best)
    rates = sorted(scores)
    finite = [rate for rate in rates if not np.isnan(scores[rate]).any()]
    above = dict(zip(rates, rates[1:], strict=False))
    safe = [rate for rate in finite if above.get(rate, rate) in finite]
    sign = 1 if best == "highest" else -1
    for candidates in (safe, finite):
        if candidates:
            return max(candidates, key=lambda rate: sign * np.mean(scores[rate]))
    return rates[0]


def compare(
    arms, task_for_seed, rates, seeds, tuning_seeds=(100, 101), optimizer="momentum", epochs=10, batch_size=128
):
    """Tune each arm on the validation images with its own seeds, then run it on fresh seeds: short, in memory.

    For anything longer than a minute declare an :class:`Experiment` and :func:`conduct` it.

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
    optimizer : str or handson11.optimizers.Optimizer, default "momentum"
        For arms given as functions, see :class:`Trainer`.
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
    require_equal_tuning(grids, arms)
    require_fresh_seeds(seeds, tuning_seeds)
    tuned = any(len(grids[name]) > 1 for name in arms)
    tasks = {seed: task_for_seed(seed) for seed in [*seeds, *(tuning_seeds if tuned else ())] if arms}
    result = {}
    with tqdm(total=len(arms), disable=None, unit="arm") as progress:
        for name, arm in arms.items():
            trainer = arm if isinstance(arm, Trainer) else Trainer(arm, optimizer)
            settings = {"epochs": epochs, "batch_size": batch_size}
            tuning = {}
            if tuned:
                for rate in grids[name]:
                    tuning[rate] = [trainer.run(tasks[s], s, rate, **settings) for s in tuning_seeds]
            scores = {rate: [run.validation_accuracy for run in runs] for rate, runs in tuning.items()}
            rate = choose_learning_rate(scores) if tuning else grids[name][0]
            runs = [trainer.run(tasks[s], s, rate, **settings) for s in seeds]
            result[name] = Arm(rate, runs, tuning)
            progress.update()
    return result


def require_equal_tuning(grids, arms):
    """Refuse learning rates that give one arm more trials than another."""
    require(set(arms) <= set(grids), "rates", f"have an entry for every arm of {list(arms)}", sorted(grids))
    sizes = {name: len(grids[name]) for name in arms}
    require(len(set(sizes.values())) <= 1, "rates", "give every arm the same number of rates", sizes)


def require_fresh_seeds(seeds, tuning_seeds):
    """Refuse seeds that would serve both the choice of a rate and the reported runs."""
    require(not set(seeds) & set(tuning_seeds), "seeds", "differ from the tuning seeds", list(seeds))
