"""Runs of sections 11.3.1 and 11.3.2: momentum and Nesterov's form on quadratics, a slope and two wells."""

import numpy as np

from handson11.optimizers import SGD, Momentum, Nesterov, trajectory
from handson11.surfaces import double_well

RULES = {"momentum": Momentum, "nesterov": Nesterov}


def curvatures(condition_number, dimensions=10):
    """Return the curvatures of a quadratic, log-spaced from 1 to the condition number κ."""
    return np.geomspace(1.0, condition_number, dimensions)


def rates_below(limit, count=200, decades=4):
    """Return log-spaced learning rates from 10^-decades · limit up to the limit."""
    return limit * np.logspace(-decades, 0, count)


def difference_from_descent(configuration):
    """Walk the same way with plain descent and with momentum of β = 0.

    ``configuration``: ``condition_number`` and ``dimensions`` of the quadratic, ``steps``, ``seed`` of the start. The
    rate is the inverse of the largest curvature.

    Returns ``difference``, the largest absolute difference of the two paths.
    """
    curvature = curvatures(configuration["condition_number"], configuration["dimensions"])
    start = np.random.default_rng(configuration["seed"]).normal(size=len(curvature))
    descent, momentum = (
        trajectory(rule, lambda theta: curvature * theta, start, configuration["steps"])
        for rule in (SGD(1 / curvature.max()), Momentum(1 / curvature.max(), 0.0))
    )
    return {"difference": np.abs(momentum - descent).max()}


def step_lengths(beta, steps, gradient=1.0, learning_rate=1.0):
    """Return the length of each step of momentum under a constant gradient, in units of a step of plain descent."""
    optimizer, g = Momentum(learning_rate, beta), np.array([gradient])
    slots, lengths = optimizer.initial_slots(g), []
    for t in range(1, steps + 1):
        change, slots = optimizer.step(g, float(t), learning_rate, *slots)
        lengths.append(np.abs(change).item())
    return np.array(lengths) / (learning_rate * abs(gradient))


def constant_gradient(configuration):
    """Compare the steps of momentum under a constant gradient with the sum (1 - β^t)/(1 - β).

    ``configuration``: ``beta``, ``steps``, ``gradient``, ``learning_rate``.

    Returns ``last``, the last step in units of a step of plain descent; ``limit_error``, its relative error against
    1/(1 - β); ``path_error``, the largest relative error of all steps against the sum.
    """
    beta, steps = configuration["beta"], configuration["steps"]
    lengths = step_lengths(beta, steps, configuration["gradient"], configuration["learning_rate"])
    theory = (1 - beta ** np.arange(1, steps + 1)) / (1 - beta)
    return {
        "last": lengths[-1],
        "limit_error": abs(lengths[-1] * (1 - beta) - 1),
        "path_error": np.abs(lengths / theory - 1).max(),
    }


def two_wells(configuration):
    """Let many starts roll in a double well and count where they end.

    ``configuration``: ``beta``, ``learning_rate``, ``tilt`` of the wells, ``starts`` (their number, drawn evenly from
    -2 to 2 with the ``seed``), ``steps``.

    Returns ``share``, of the starts that end in the deeper well; ``caught``, how many end in the shallower one;
    ``left`` and ``entered``, how many change from the deeper to the shallower one and back; ``farthest``, the largest
    distance of an end from its minimum.
    """
    begin = np.random.default_rng(configuration["seed"]).uniform(-2, 2, configuration["starts"])
    optimizer = Momentum(configuration["learning_rate"], configuration["beta"])
    end = roll(optimizer, configuration["tilt"], begin, configuration["steps"])
    deeper, shallower = double_well(configuration["tilt"]).minima[:, 0]
    began_deep, ended_deep = begin < hilltop(configuration["tilt"]), np.abs(end - deeper) < np.abs(end - shallower)
    return {
        "share": ended_deep.mean(),
        "caught": (~ended_deep).sum(),
        "left": (began_deep & ~ended_deep).sum(),
        "entered": (~began_deep & ended_deep).sum(),
        "farthest": np.minimum(np.abs(end - deeper), np.abs(end - shallower)).max(),
    }


def roll(optimizer, tilt, starts, steps):
    """Return where starts on the floor of the double well end: J = (x² - 1)²/4 + tilt · x."""
    pairs = np.stack([starts, np.zeros_like(starts)], axis=-1)
    return trajectory(optimizer, double_well(tilt).gradient, pairs, steps)[-1, ..., 0]


def hilltop(tilt):
    """Return the place of the maximum between the two wells."""
    return np.sort(np.roots([1.0, 0.0, -1.0, tilt]).real)[1]


def bowl_path(beta, learning_rate, steps):
    """Return the path of momentum on J = θ²/2 from θ = 1."""
    return trajectory(Momentum(learning_rate, beta), lambda theta: theta, [1.0], steps)[:, 0]


def sign_changes(path):
    """Return how often a path of numbers passes 0."""
    signs = np.sign(path[path != 0])
    return int((signs[1:] != signs[:-1]).sum())


def swings(configuration):
    """Follow momentum on J = θ²/2 from θ = 1.

    ``configuration``: ``beta``, ``learning_rate``, ``steps``.

    Returns ``crossings``, the sign changes of θ; ``overshoot``, the largest distance beyond the minimum; ``distance``,
    the last one from it, and ``settled``, the step from which on it is below 1e-6.
    """
    path = bowl_path(configuration["beta"], configuration["learning_rate"], configuration["steps"])
    return {
        "crossings": sign_changes(path),
        "overshoot": max(0.0, -path.min()),
        "distance": abs(path[-1]),
        "settled": settling_step(np.abs(path)),
    }


def settling_step(distances, tolerance=1e-6):
    """Return the first step from which on all distances are below the tolerance, infinity if the last one is not."""
    far = np.flatnonzero(~(distances < tolerance))
    if len(far) == 0:
        return 0
    return float("inf") if far[-1] == len(distances) - 1 else int(far[-1]) + 1


def settle(optimizer, curvature, rates, steps, form="keras", tolerance=1e-6):
    """Descend on a quadratic from (1, …, 1) with many rates at once, by the optimizer's own ``step``.

    With the ``form`` "book" the positions of Nesterov's rule are θ = φ - βm, otherwise the weights φ that Keras has.

    Returns a dict of arrays, one entry a rate: ``first``, the first step with a distance below the tolerance;
    ``settled``, the step from which on it stays below; ``crossings``, how often the steepest coordinate changed its
    sign before that, and ``wide_crossings``, how often to a place farther than 0.01 from the minimum. Steps are
    infinite where it did not happen.
    """
    theta = place = np.ones((len(rates), len(curvature)))
    eta, slots = np.asarray(rates)[:, None], optimizer.initial_slots(theta)
    back = optimizer.momentum if form == "book" and isinstance(optimizer, Nesterov) else 0.0
    count, wide, crossings, last_far, first = (np.zeros(len(rates)) for _ in range(5))
    first += np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            change, slots = optimizer.step(curvature * theta, float(t), eta, *slots)
            theta, before = theta + change, place[:, -1]
            place = theta - back * slots[0] if back else theta
            crossed = np.sign(before) * np.sign(place[:, -1]) < 0  # the product itself may underflow
            count += crossed
            wide += crossed & (np.abs(place[:, -1]) > 0.01)
            near = (place * place).sum(axis=1) < tolerance**2  # never true for NaN
            first[near & np.isinf(first)] = t
            last_far[~near], crossings[~near] = t, count[~near]
    settled = np.where(last_far == steps, np.inf, last_far + 1)
    return {"first": first, "settled": settled, "crossings": crossings, "wide_crossings": wide}


def best_settling(configuration):
    """Settle on a quadratic with the best of many rates.

    ``configuration``: ``rule`` ("momentum" or "nesterov"), ``beta``, ``condition_number`` and ``dimensions`` of the
    quadratic, ``rates`` (their number; log-spaced up to 4/κ, where neither rule is stable), ``steps``, ``form``.

    Returns ``settled``, ``crossings`` and ``wide_crossings`` (see :func:`settle`) at the rate that settles soonest, and
    this ``rate``; ``position``, its place among the rates from 0 to 1; ``first``, the soonest step below the tolerance
    with any rate.
    """
    curvature = curvatures(configuration["condition_number"], configuration["dimensions"])
    rates = rates_below(4 / configuration["condition_number"], configuration["rates"])
    optimizer = RULES[configuration["rule"]](1.0, configuration["beta"])
    found = settle(optimizer, curvature, rates, configuration["steps"], configuration["form"])
    best = int(np.argmin(found["settled"]))
    return {
        **{name: found[name][best] for name in ("settled", "crossings", "wide_crossings")},
        "rate": rates[best],
        "position": best / (len(rates) - 1),
        "first": found["first"].min(),
    }
