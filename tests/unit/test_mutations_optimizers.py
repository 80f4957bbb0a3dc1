"""Mutation spot checks of the optimizers, in the manner of ``test_mutations.py``."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.optimizers import trajectory
from tests.unit.test_mutations import mutant_of, near

ADAM = "handson11.optimizers.adam"
BASE = "handson11.optimizers.base"
MOMENTUM = "handson11.optimizers.momentum"


def after(optimizer, gradients):
    """Return the last position, from 0, under a list of gradients."""
    following = iter(gradients)
    return trajectory(optimizer, lambda theta: np.array([next(following)]), [0.0], len(gradients))[-1, 0]


def adam(module, gradients=(3.0, 0.0), **arguments):
    """β₁ = 1/2, β₂ = 3/4: m̂ = 3, 1 and ŝ = 9, 27/7 for the gradients 3, 0."""
    return after(module.Adam(1.0, 1 / 2, 3 / 4, **{"epsilon": 0.0, **arguments}), gradients)


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
    (ADAM, "(g * g - s)", "(g - s)", lambda m: near(adam(m), -1 - (7 / 27) ** 0.5)),
    (ADAM, "xp.maximum(old, s)", "s + 0 * old", lambda m: near(adam(m, amsgrad=True), -1 - (7 / 36) ** 0.5)),
    (ADAM, "(root + self.epsilon)", "(root + self.epsilon * 0.5)", lambda m: near(adam(m, [3.0], epsilon=1.0), -0.6)),
    (BASE, "self.iterations + 1", "self.iterations", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (BASE, "self.assign(slot, value)", "pass", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (BASE, 'value == "zeros"', "True", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
    (BASE, "self.assign_add(variable", "self.assign(variable", lambda m: near(adds_gradients(m), -1.25 - 2 * 2.25)),
]


@pytest.mark.parametrize(("module_name", "source", "mutant", "check"), MUTATIONS, ids=[row[2] for row in MUTATIONS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the mutants
def test_mutants_are_noticed(module_name, source, mutant, check):
    assert check(importlib.import_module(module_name))
    assert not check(mutant_of(module_name, source, mutant))
