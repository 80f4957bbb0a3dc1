"""Runs of section 11.3.6: what two schedules do at some steps, and a network trained with each of them."""

import functools
import json

import keras
import numpy as np

from handson11._check import require_choice
from handson11.experiments.engine import Trainer
from handson11.experiments.store import canonical
from handson11.experiments.training import complete_configuration, epochs_to, run_of, task_of
from handson11.models import dense_stack
from handson11.optimizers import Momentum
from handson11.schedules import (
    ExponentialDecay,
    OneCycle,
    PerformanceScheduling,
    PiecewiseConstant,
    PowerDecay,
    one_cycle_momentum,
)

TARGET = 0.2

FALLS = {1: 10, 2: 100}
"""Shape → by which factor the exponential and the piecewise schedule fall in the whole run."""

POWER_FALLS = {1: 10, 2: 30}
"""The same for the power schedule, which has most of its fall at the start: hundredfold would leave nothing."""

PATIENCE = {1: 2, 2: 4}
"""Shape → after how many epochs without a lower validation loss the performance schedule halves the rate."""

LAST = {1: 0.1, 2: 0.3}
"""Shape → which part of the steps is the last descent of 1cycle."""

BETWEEN = {1: 1.0, 2: 1.5}
"""Shape → by what the rates of the constant schedule are multiplied: it gets a finer grid instead of a second knob."""


def schedules_of_keras(s):
    """Return two schedules of Keras that fall from 1: tenfold in s steps, and to a half in s steps.

    Examples
    --------
    >>> exponential, power = schedules_of_keras(20)
    >>> round(float(exponential(20)), 6), round(float(power(20)), 6)
    (0.1, 0.5)
    """
    return (
        keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=s, decay_rate=0.1),
        keras.optimizers.schedules.InverseTimeDecay(1.0, decay_steps=s, decay_rate=1.0),
    )


def exponential_ratios(configuration):
    """Read the exponential schedule, which falls tenfold in ``s`` steps, at the steps 0, 1 and s.

    ``configuration``: ``whose`` ("ours" or "keras"), ``s``.

    Returns ``ratio_one_step`` and ``ratio_s_steps``, the rates after 1 and s steps over the first rate.
    """
    s = configuration["s"]
    schedule = {"ours": ExponentialDecay(1.0, s), "keras": schedules_of_keras(s)[0]}[configuration["whose"]]
    first, second, later = (float(schedule(t)) for t in (0, 1, s))
    return {"ratio_one_step": second / first, "ratio_s_steps": later / first}


def power_fractions(configuration):
    """Compare the power schedule with 1/2, 1/3 and 1/4 of the first rate, and its drops with each other.

    ``configuration``: ``whose`` ("ours" or "keras"), ``s``, ``steps``.

    Returns ``largest_error``, relative, after s, 2 s and 3 s steps; ``drops_shrink``, 1 if every step lowers the rate,
    and by less than the step before.
    """
    s = configuration["s"]
    if configuration["whose"] == "keras":
        schedule = schedules_of_keras(s)[1]
        rates = np.array([float(schedule(float(t))) for t in range(configuration["steps"] + 1)])
    else:
        rates = PowerDecay(1.0, s)(np.arange(configuration["steps"] + 1))
    errors = [abs(rates[k * s] * (k + 1) - 1) for k in (1, 2, 3)]
    drops = -np.diff(rates)
    return {"largest_error": max(errors), "drops_shrink": int(np.all(drops > 0) and np.all(np.diff(drops) < 0))}


def setting(number):
    """Return the (shape, rate) that a tuned number stands for: before its point the shape, behind it the rate.

    So one sorted list of numbers holds all settings of an arm, those of one shape side by side and in the order of
    their rates.

    Examples
    --------
    >>> setting(2.05)
    (2, 0.05)
    """
    shape = int(number)
    return shape, round(number - shape, 9)


def rates_of(schedule, number, epochs, per_epoch):
    """Return what the engine takes as learning rate: a number, one rate a step, or a function of validation losses.

    Parameters
    ----------
    schedule : str
        "constant", "exponential", "power", "piecewise", "performance" or "one_cycle".
    number : float
        A setting, see :func:`setting`.
    epochs, per_epoch : int
        Length of the run, and steps in an epoch.

    Returns
    -------
    float, array or function
        See :meth:`handson11.experiments.Trainer.run`.

    Examples
    --------
    >>> rates_of("exponential", 1.1, epochs=2, per_epoch=2).round(4)
    array([0.1   , 0.0562, 0.0316, 0.0178])
    """
    shape, rate = setting(number)
    steps = epochs * per_epoch
    fall = FALLS[shape]
    parts = [rate, rate / fall**0.5, rate / fall]
    schedules = {
        "constant": lambda: rate * BETWEEN[shape],
        "exponential": lambda: ExponentialDecay(rate, steps, 1 / fall),
        "power": lambda: PowerDecay(rate, steps / (POWER_FALLS[shape] - 1)),
        "piecewise": lambda: PiecewiseConstant([steps // 2 - 1, steps * 3 // 4 - 1], parts),
        "performance": lambda: Halved(rate, PATIENCE[shape]),
        "one_cycle": lambda: OneCycle(rate, steps, final_steps=LAST[shape] * steps),
    }
    found = schedules[require_choice("schedule", schedule, schedules)]()
    return found if isinstance(found, float | Halved) else found(np.arange(steps))


class Halved:
    """Performance scheduling for the engine: the rate of the next epoch from the validation losses so far.

    Examples
    --------
    >>> rate = Halved(0.1, patience=1)
    >>> rate([]), rate([0.5]), rate([0.5, 0.6])
    (0.1, 0.1, 0.05)
    """

    def __init__(self, rate, patience):
        self.rate, self.rule = rate, PerformanceScheduling(factor=0.5, patience=patience)

    def __call__(self, losses):
        if losses:
            self.rate = self.rule.next_rate(losses[-1], self.rate)
        return self.rate


class CycledMomentum(Momentum):
    """Momentum optimization whose coefficient goes down and up again while 1cycle's rate goes up and down.

    ``steps`` and ``final_steps`` as for :func:`handson11.schedules.one_cycle_momentum`.
    """

    def __init__(self, steps, final_steps):
        super().__init__()
        self.steps, self.final_steps = steps, final_steps

    def step(self, g, t, lr, m):
        beta = one_cycle_momentum(t - 1, self.steps, final_steps=self.final_steps)  # t - 1 updates are done
        m = beta * m - lr * g
        return m, (m,)


@functools.lru_cache(maxsize=8)
def _cycled_trainer(arguments, steps, final_steps):
    return Trainer(functools.partial(_network, arguments), CycledMomentum(steps, final_steps))


def _network(arguments, seed):
    return dense_stack(**json.loads(arguments), seed=seed)


def scheduled(configuration):
    """Train as :func:`~handson11.experiments.train` does, with a schedule.

    ``configuration``: that of ``train``, where ``learning_rate`` is a setting (see :func:`setting`); ``schedule``, one
    of :func:`rates_of`; ``cycle_momentum``, whether 1cycle cycles the momentum too.

    Returns what ``train`` does, and ``epochs_to_target``: epochs until the mean training loss of an epoch is 0.2, one
    more than all if it never is.
    """
    configuration = dict(configuration)
    schedule, cycle = configuration.pop("schedule"), configuration.pop("cycle_momentum", False)
    complete = complete_configuration(configuration)
    number, epochs, per_epoch = complete["learning_rate"], complete["epochs"], complete["n"] // complete["batch_size"]
    rates = rates_of(schedule, number, epochs, per_epoch)
    if cycle:
        steps = epochs * per_epoch
        trainer = _cycled_trainer(canonical(complete["arguments"]), steps, LAST[setting(number)[0]] * steps)
        run = trainer.run(task_of(complete), complete["seed"], rates, epochs, complete["batch_size"])
    else:
        run = run_of({**complete, "learning_rate": rates})
    parts = [f"{part}_{kind}" for part in ("train", "validation", "test") for kind in ("loss", "accuracy")]
    reached = float("inf") if run.diverged else epochs_to(run.epoch_losses, TARGET)
    return {
        **{name: getattr(run, name) for name in parts},
        "diverged": int(run.diverged),
        "epochs": len(run.epoch_losses),
        "epoch_losses": [float(loss) for loss in run.epoch_losses],
        "epochs_to_target": min(reached, epochs + 1.0),
    }
