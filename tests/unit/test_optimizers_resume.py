"""Training that stops, is saved and goes on elsewhere: one epoch, a file, one more epoch are two epochs, to the bit."""

import pickle

import keras
import numpy as np
import pytest

from handson11.optimizers import SGD, Adagrad, Adam, Adamax, AdamW, Momentum, Nadam, Nesterov, RMSprop
from tests.unit.test_optimizers import OPTIMIZERS, fit, small_model

TOGETHER = {"steps_per_execution": 4, "jit_compile": True}
CLASSES = (SGD, Momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW, Adamax, Nadam)


def states(model):
    return [np.asarray(v) for v in (*model.weights, *model.optimizer.variables)]


@pytest.mark.parametrize(
    ("make", "revive", "arguments"),
    [
        *((make, "keras", {}) for make in OPTIMIZERS),
        (OPTIMIZERS[1], "pickle", {}),
        (OPTIMIZERS[5], "pickle", {}),
        *((lambda cls=cls: cls(0.02), "keras", TOGETHER) for cls in CLASSES),
    ],
)
def test_training_resumes_bit_by_bit(make, revive, arguments, tmp_path):
    model = small_model() if not arguments else keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    losses = fit(model, make(), epochs=1, **arguments)
    if revive == "keras":
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
    else:
        again = pickle.loads(pickle.dumps(model))
    assert type(again.optimizer) is type(model.optimizer)
    for name, value in arguments.items():
        assert getattr(again, name) == value
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert int(again.optimizer.variables[0]) == 8  # 64 rows in batches of 8
    for before, after in zip(states(model), states(again), strict=True):
        np.testing.assert_array_equal(before, after)
    more = [fit(m, None, epochs=1) for m in (model, again)]
    assert more[0] == more[1] and more[0][0] < losses[0]
    for mine, other in zip(states(model), states(again), strict=True):
        np.testing.assert_array_equal(mine, other)
