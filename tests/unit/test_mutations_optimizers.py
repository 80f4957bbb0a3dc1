"""Mutation spot checks of the optimizers, in the manner of ``test_mutations.py``."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.optimizers import trajectory
from tests.unit.test_mutations import mutant_of, near

ADAM = "handson11.optimizers.adam"
ADAPTIVE = "handson11.optimizers.adaptive"
BASE = "handson11.optimizers.base"
MOMENTUM = "handson11.optimizers.momentum"


def after(optimizer, gradients):
    """Return the last position, from 0, under a list of gradients."""
    following = iter(gradients)
    return trajectory(optimizer, lambda theta: np.array([next(following)]), [0.0], len(gradients))[-1, 0]


def adam(module, gradients=(3.0, 0.0), **arguments):
    """β₁ = 1/2, β₂ = 3/4: m̂ = 3, 1 and ŝ = 9, 27/7 for the gradients 3, 0."""
    return after(module.Adam(1.0, 1 / 2, 3 / 4, **{"epsilon": 0.0, **arguments}), gradients)


NADAM = -(0.2696 * 1.5 / (1 - 0.26 * 0.2696) + 3) / 3
"""One step with the gradient 3: μ₁ = (1 - 0.48) / 2, μ₂ = (1 - 0.4608) / 2, m = 3/2, ŝ = 9."""


def decayed(module):
    """Return the weight 4 after a decay of a quarter and no gradient."""

    class Still(module.Optimizer):
        def step(self, g, t, lr):
            return 0 * g, ()

    return module.trajectory(Still(1.0, weight_decay=0.25), lambda theta: theta, [4.0], 1)[-1, 0]


def adds_gradients(module, start=0.25, **arguments):
    """Return a weight after two updates of -η (slot), where the slot adds the gradients 1, 1 to its start."""

    class Adding(module.Optimizer):
        slots = {"sum": start}

        def step(self, g, t, lr, total):
            return -lr * t * (total + g), (total + g,)

    weight, optimizer = keras.Variable([0.0]), Adding(1.0, **arguments)
    for _ in range(2):
        optimizer.apply([tf.constant([1.0])], [weight])
    return float(weight[0])


def first_row(optimizer, rows):
    """Return row 0 of a weight of two rows, from 0, after updates that see one row each."""
    weight = keras.Variable([[0.0], [0.0]])
    for row in rows:
        optimizer.apply([tf.IndexedSlices([[1.0]], [row], [2, 1])], [weight])
    return float(weight[0, 0])


def doubles_rows(module, keeps="weight"):
    """Return 3 - g² for a row whose gradient 3 comes in the parts 1 and 2."""

    class Square(module.Optimizer):
        zero_keeps = keeps

        def step(self, g, t, lr):
            return -g * g, ()

    weight = keras.Variable([[3.0], [3.0], [3.0]])
    Square(1.0).apply([tf.IndexedSlices([[1.0], [2.0]], [1, 1], [3, 1])], [weight])
    return float(weight[1, 0])


# (module, source, mutant, check)

MUTATIONS = [
    (MOMENTUM, "return -lr * g, ()", "return lr * g, ()", lambda m: near(after(m.SGD(0.5), [4.0]), -2)),
    (
        MOMENTUM,
        "m = self.momentum * m - lr * g  # m ← βm - ηg\n        return m, (m,)",
        "m = self.momentum * m - (1 - self.momentum) * lr * g\n        return m, (m,)",
        lambda m: near(after(m.Momentum(0.5, 0.5), [4.0, 4.0]), -5),
    ),
    (
        MOMENTUM,
        "return self.momentum * m - lr * g, (m,)",
        "return m, (m,)",
        lambda m: near(after(m.Nesterov(0.5, 0.5), [4.0, 4.0]), -6.5),
    ),
    (
        MOMENTUM,
        "Nesterov.step if self.nesterov else Momentum.step",
        "Momentum.step",
        lambda m: near(after(m.SGD(0.5, 0.5, True), [4.0, 4.0]), -6.5),
    ),
    (ADAM, "lr * xp.sqrt(1 - self.beta_2**t) /", "lr /", lambda m: near(adam(m), -1 - (7 / 27) ** 0.5)),
    (ADAM, " / (1 - self.beta_1**t)", "", lambda m: near(adam(m), -1 - (7 / 27) ** 0.5)),
    (
        ADAM,
        "(1 - self.beta_2) * (g * g - s)",
        "(1 - self.beta_2) * (g - s)",
        lambda m: near(adam(m), -1 - (7 / 27) ** 0.5),
    ),
    (ADAM, "xp.maximum(old, s)", "s + 0 * old", lambda m: near(adam(m, amsgrad=True), -1 - (7 / 36) ** 0.5)),
    (ADAM, "(root + self.epsilon)", "(root + self.epsilon * 0.5)", lambda m: near(adam(m, [3.0], epsilon=1.0), -0.6)),
    (
        ADAM,
        "xp.maximum(self.beta_2 * u, xp.abs(g))",
        "xp.maximum(u, xp.abs(g))",
        lambda m: near(after(m.Adamax(1.0, 1 / 2, 3 / 4, 0.0), [3.0, 0.0]), -1 - 4 / 9),
    ),
    (
        ADAM,
        "(1 - self.beta_1**t) * (u + self.epsilon)",
        "(u + self.epsilon)",
        lambda m: near(after(m.Adamax(1.0, 1 / 2, 3 / 4, 0.0), [3.0]), -1),
    ),
    (
        ADAM,
        "mu_next * m / (1 - product * mu_next)",
        "mu * m / (1 - product)",
        lambda m: near(after(m.Nadam(1.0, 1 / 2, 3 / 4, 0.0), [3.0]), NADAM),
    ),
    (ADAM, "0.96**time", "0.96", lambda m: near(after(m.Nadam(1.0, 1 / 2, 3 / 4, 0.0), [3.0]), NADAM)),
    (
        ADAPTIVE,
        "s = s + g * g",
        "s = s + g",
        lambda m: near(after(m.Adagrad(1.0, 7.0, 0.0), [3.0, 3.0]), -3 / 4 - 3 / 5),
    ),
    (
        ADAPTIVE,
        "/ namespace(g).sqrt(s + self.epsilon), (s,)",
        "/ (namespace(g).sqrt(s) + self.epsilon), (s,)",
        lambda m: near(after(m.Adagrad(1.0, 0.0, 16.0), [3.0]), -3 / 5),
    ),
    (
        ADAPTIVE,
        "self.rho * s + (1 - self.rho) * (g * g)",
        "s + (1 - self.rho) * (g * g)",
        lambda m: near(after(m.RMSprop(1.0, 3 / 4, epsilon=0.0), [2.0, 0.0, 4.0]), -2 - 4 / (73 / 16) ** 0.5),
    ),
    (
        ADAPTIVE,
        "s - average[0] * average[0]",
        "s",
        lambda m: near(after(m.RMSprop(1.0, 3 / 4, epsilon=0.0, centered=True), [2.0]), -2 / (3 / 4) ** 0.5),
    ),
    (
        ADAPTIVE,
        "self.momentum * m[0] - change",
        "m[0] - change",
        lambda m: near(after(m.RMSprop(1.0, 3 / 4, 1 / 2, 0.0), [2.0, 0.0]), -3),
    ),
    (BASE, "theta - theta * dtype(decay) * eta", "theta", lambda m: near(decayed(m), 3)),
    (BASE, "self.iterations + 1", "self.iterations", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (
        BASE,
        "self.assign(slot, type(gradient)(value, rows) if alone else value)",
        "pass",
        lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25),
    ),
    (BASE, 'value == "zeros"', "True", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (BASE, "self.assign_add(variable", "self.assign(variable", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (BASE, "tf.gather(sums, place)", "gradient.values", lambda m: near(doubles_rows(m, "all"), 3 - 3**2)),
    (
        BASE,
        "if alone else _dense(gradient)",
        "if alone else gradient.values",
        lambda m: near(doubles_rows(m), 3 - 3**2),
    ),
    (
        MOMENTUM,
        '"nothing" if self.momentum > 0 else "all"',
        '"all"',
        lambda m: near(first_row(m.SGD(1.0, 0.5), rows=[0, 1]), -1.5),
    ),
    (
        ADAPTIVE,
        '"nothing" if self.momentum > 0 else "weight"',
        '"weight"',
        lambda m: near(first_row(m.RMSprop(1.0, 3 / 4, 1 / 2), rows=[0, 1]), -3, 1e-5),
    ),
]


@pytest.mark.parametrize(("module_name", "source", "mutant", "check"), MUTATIONS, ids=[row[2] for row in MUTATIONS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the mutants
def test_mutants_are_noticed(module_name, source, mutant, check):
    assert check(importlib.import_module(module_name))
    assert not check(mutant_of(module_name, source, mutant))
