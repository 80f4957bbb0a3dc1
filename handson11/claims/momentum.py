"""Studies of sections 11.3.1 and 11.3.2: momentum and Nesterov's form (CL-56 … CL-61)."""

import numpy as np

from handson11.claims.race import RACE
from handson11.claims.runs.momentum import best_settling, constant_gradient, difference_from_descent, swings, two_wells
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import compare_pair, interval

BETAS = {0.0: "SGD", 0.5: "momentum 0.5", 0.9: "momentum", 0.99: "momentum 0.99"}
"""β → its arm in the race."""

CONDITION_NUMBERS = (10, 100, 1000)
CELLS = [(kappa, beta) for kappa in CONDITION_NUMBERS for beta in (0.5, 0.9, 0.99)]

WITHOUT = Experiment(
    name="plain descent and momentum with β = 0",
    arms={f"κ = {kappa}": {"condition_number": kappa} for kappa in CONDITION_NUMBERS},
    fixed={"dimensions": 10, "steps": 200},
    seeds=range(10),
    metrics=["difference"],
    run=difference_from_descent,
)

SLOPE = Experiment(
    name="momentum under a constant gradient",
    arms={f"β = {beta}": {"beta": beta} for beta in (0.5, 0.9, 0.99)},
    fixed={"steps": 5000, "gradient": -3.0, "learning_rate": 0.1},
    seeds=[0],
    metrics=["last", "limit_error", "path_error"],
    run=constant_gradient,
)

WELLS = Experiment(
    name="random starts in a double well",
    arms={
        f"β = {beta:g}" + (f", rate {rate:g}" if rate != 0.05 else ""): {"beta": beta, "learning_rate": rate}
        for rate in (0.05, 0.01)
        for beta in (0.0, 0.5, 0.9, 0.95, 0.98)
    },
    fixed={"tilt": 0.2, "starts": 400, "steps": 4000},
    seeds=range(10),
    metrics=["share", "caught", "left", "entered", "farthest"],
    run=two_wells,
)

SWINGS = Experiment(
    name="momentum on θ²/2",
    arms={f"β = {beta:g}": {"beta": beta} for beta in (0.0, 0.5, 0.9, 0.99, 0.999, 1.0)},
    fixed={"learning_rate": 0.01, "steps": 3000},
    seeds=[0],
    metrics=["crossings", "overshoot", "distance", "settled"],
    run=swings,
)


def cell(kappa, beta, rule):
    """Return the name of an arm of the nine cells.

    Examples
    --------
    >>> cell(10, 0.5, "nesterov")
    'κ = 10, β = 0.5, nesterov'
    """
    return f"κ = {kappa}, β = {beta}, {rule}"


QUADRATICS = Experiment(
    name="momentum and Nesterov's form on quadratics, each at its best rate",
    arms={
        cell(kappa, beta, name): {"condition_number": kappa, "beta": beta, "rule": name.split()[0], "form": form}
        for kappa, beta in CELLS
        for name, form in (("momentum", "keras"), ("nesterov", "keras"), ("nesterov in the book's form", "book"))
    },
    fixed={"dimensions": 10, "rates": 200, "steps": 10000},
    seeds=[0],
    metrics=["settled", "crossings", "wide_crossings", "rate", "position", "first"],
    run=best_settling,
)


@study("CL-56", WITHOUT)
def without_momentum(paths):
    """Judge the difference of the two paths, bit by bit."""
    largest = max(values.max() for values in paths.groups("difference").values())
    return {"largest_difference": largest}, [effect("largest difference of the two paths", largest)]


@study("CL-57", SLOPE)
def terminal_velocity(steps):
    """Judge the length of the steps under a constant gradient."""
    last, limit, path = (_one(steps, metric) for metric in steps.experiment.metrics)
    measured = {"limit_error": max(limit.values()), "path_error": max(path.values())}
    return measured, [
        *(effect(f"last step in units of a step of plain descent, {arm}", last[arm], digits=6) for arm in last),
        effect("largest relative error of all steps", measured["path_error"], digits=2),
    ]


@study("CL-58", RACE)
def usual_value(race):
    """Judge the median training loss with β = 0.9 against the best of the four; a run that diverged counts as worst."""
    losses = {beta: race.values(arm, "train_loss", lost=np.inf) for beta, arm in BETAS.items()}
    medians = {beta: np.median(values) for beta, values in losses.items()}
    ratio = medians[0.9] / min(medians.values())
    effects = [effect("training loss with β = 0.9 / the smallest of the four, medians", ratio)]
    effects += [_median(f"training loss, β = {beta:g}, median", losses[beta]) for beta in BETAS]
    effects += [
        _difference(f"training loss, β = {beta:g} minus β = 0.9", losses[beta], losses[0.9])
        for beta in BETAS
        if beta != 0.9
    ]
    return {"ratio_to_best": ratio}, effects


@study("CL-59", WELLS)
def local_minimum(wells):
    """Judge how many more starts end in the deeper well, and count those that do not."""
    share = wells.groups("share")
    caught, left, entered = (int(wells.values("β = 0.9", metric).sum()) for metric in ("caught", "left", "entered"))
    rise = interval(share["β = 0.9"] - share["β = 0"])
    n = wells.experiment.fixed["starts"] * len(wells.experiment.seeds)
    measured = {"rise_low": rise.low, "rise_high": rise.high, "caught": caught, "left": left}
    effects = [
        effect("share of starts that end in the deeper well, β = 0.9 minus β = 0", rise),
        effect("share with β = 0", interval(share["β = 0"])),
        effect("share with β = 0.9", interval(share["β = 0.9"])),
        effect(f"of {n} starts, in the shallower well in the end with β = 0.9", caught, digits=6),
        effect("of these, rolled over from the deeper well", left, digits=6),
        effect("rolled over from the shallower well to the deeper one", entered, digits=6),
    ]
    for arm, values in share.items():
        plain = "β = 0" + "".join(arm.partition(",")[1:])  # the same rate
        if arm not in (plain, "β = 0.9"):
            effects.append(effect(f"rise of the share with {arm}", interval(values - share[plain])))
    return measured, effects


@study("CL-60", SWINGS)
def past_the_minimum(paths):
    """Judge how often the path passes the minimum and how far; the other values of β show the trend."""
    of = {metric: _one(paths, metric) for metric in paths.experiment.metrics}
    measured = {
        "crossings_plain": int(of["crossings"]["β = 0"]),
        "crossings_momentum": int(of["crossings"]["β = 0.9"]),
        "overshoot": of["overshoot"]["β = 0.9"],
    }
    effects = []
    for arm in ("β = 0.9", "β = 0", *(arm for arm in paths.experiment.arms if arm not in ("β = 0", "β = 0.9"))):
        effects += [
            effect(f"sign changes in 3,000 steps, {arm}", int(of["crossings"][arm])),
            effect(f"overshoot, {arm}", of["overshoot"][arm], digits=2),
            effect(f"distance from the minimum in the end, {arm}", of["distance"][arm], digits=2),
        ]
    return measured, effects


@study("CL-61", QUADRATICS, RACE)
def nesterov_against_momentum(quadratics, race):
    """Judge the nine cells with the weights as Keras has them; the book's form and the network stand beside them."""
    of = {metric: _one(quadratics, metric) for metric in quadratics.experiment.metrics}

    def cells(metric, better, nesterov="nesterov"):
        return [c for c in CELLS if better(of[metric][cell(*c, nesterov)], of[metric][cell(*c, "momentum")])]

    sooner = cells("settled", np.less)
    above = [(kappa, beta) for kappa, beta in CELLS if beta > threshold(kappa)]
    measured = {
        "cells_sooner": len(sooner),
        "cells_calmer": len(cells("crossings", np.less_equal)),
        "sooner_above": set(above) <= set(sooner),
    }
    in_the_book = cells("settled", np.less, "nesterov in the book's form")
    effects = [
        effect("cells of nine where Nesterov's form settles sooner", len(sooner)),
        effect(f"of the {len(above)} with β above the threshold", len(set(above) & set(sooner))),
        effect("cells of nine where its steepest coordinate changes sign no more often", measured["cells_calmer"]),
        effect(
            "cells of nine where it swings no more often by more than a hundredth of the start",
            len(cells("wide_crossings", np.less_equal)),
        ),
        effect("cells of nine where the book's θ settles sooner", len(in_the_book)),
    ]
    effects += [
        effect(f"steps until settled, {cell(*c, rule)}", of["settled"][cell(*c, rule)], digits=6)
        for c in CELLS
        for rule in ("momentum", "nesterov")
    ]
    for metric, what in (("train_loss", "training loss"), ("test_accuracy", "test accuracy")):
        nesterov, momentum = (race.values(arm, metric) for arm in ("Nesterov", "momentum"))
        effects.append(_difference(f"{what} of the network, Nesterov's form minus momentum", nesterov, momentum))
    return measured, effects


def threshold(kappa):
    """Return the β above which Nesterov's form should win on a quadratic: (√κ − 1)/(√κ + 1).

    Examples
    --------
    >>> threshold(9)
    0.5
    """
    return (kappa**0.5 - 1) / (kappa**0.5 + 1)


def _one(results, metric):
    """Return arm → the measurement of its only run."""
    return {arm: values.item() for arm, values in results.groups(metric).items()}


def _median(what, values):
    """Return a median over seeds as an effect, without an interval if a run was lost."""
    finite = np.isfinite(values).all()
    return effect(what, interval(values, np.median) if finite else float(np.median(values)))


def _difference(what, a, b):
    """Return the mean paired difference a - b as an effect, with the seeds where a is larger."""
    if not (np.isfinite(a) & np.isfinite(b)).all():
        return effect(f"{what} (a run was lost)", float("nan"))
    found = compare_pair(a, b)
    return effect(f"{what} ({found.wins} of {found.n} seeds larger)", found)
