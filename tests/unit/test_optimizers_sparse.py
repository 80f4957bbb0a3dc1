"""Sparse gradients: the rows of a table of words that a batch has used, and nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import optimizers
from handson11.optimizers import Adagrad, Optimizer

ROWS, INDICES = np.array([[1.0, -2.0], [3.0, 0.5], [2.0, 2.0]], "float32"), [1, 4, 1]
DENSE = np.array([[0, 0], [3, 0], [0, 0], [0, 0], [3, 0.5]], "float32")  # row 1 occurs twice and is added
FACTORS = (1.0, -0.5, 2.0, 0.1)

RULES = {
    "SGD": {"learning_rate": 0.1},
    "SGD with momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "Adagrad": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.1},
    "RMSprop centered": {"learning_rate": 0.1, "centered": True},
    "RMSprop with momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "Adam": {"learning_rate": 0.1},
    "Adamax": {"learning_rate": 0.1},
    "Nadam": {"learning_rate": 0.1},
}
SHARED = [
    {"clipnorm": 0.01},
    {"clipvalue": 2.0},
    {"global_clipnorm": 0.01},
    {"weight_decay": 0.5},
    {"loss_scale_factor": 4.0, "gradient_accumulation_steps": 2},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 4.0},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
]


def sparse(factor=1.0):
    return tf.IndexedSlices(factor * tf.constant(ROWS), tf.constant(INDICES), tf.constant([5, 2]))


def after_four_updates(module, rule, arguments, gradient, mode="eager"):
    """Return the weight and all variables of an optimizer after four gradients."""
    optimizer = getattr(module, rule.split()[0])(**RULES[rule], **arguments)
    weight = keras.Variable(np.ones((5, 2), "float32"))
    optimizer.build([weight])

    def update(factor):
        optimizer.apply([gradient(factor)])

    if mode != "eager":
        update = tf.function(update, jit_compile=mode == "xla", autograph=False)
    for factor in FACTORS:
        update(tf.constant(factor))
    return [np.asarray(v) for v in (weight, *optimizer.variables)]


@pytest.mark.parametrize(
    ("rule", "arguments", "mode"),
    [
        *((rule, {}, mode) for rule in RULES for mode in ("eager", "graph", "xla")),
        *((rule, arguments, "eager") for rule in ("SGD", "Adagrad", "RMSprop", "Adam") for arguments in SHARED),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_sparse_gradients_equal_dense_ones(rule, arguments, mode):
    """Keras is asked with the dense gradient: rows that occur twice were added here."""
    ours = after_four_updates(optimizers, rule, arguments, sparse, mode)
    theirs = after_four_updates(keras.optimizers, rule, arguments, lambda factor: factor * tf.constant(DENSE))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-6)
    assert np.max(np.abs(ours[0] - 1)) > 1e-3


@pytest.mark.parametrize("zero_keeps", ["nothing", "weight", "all"])
def test_the_rule_sees_only_the_rows_that_it_may_see(zero_keeps):
    """With "all", three rows (one of them twice); otherwise all five. The slot counts the updates of each row."""
    seen = []

    class Counting(Optimizer):
        slots = {"count": 7.0}

        def step(self, g, t, lr, count):
            seen.append((g.shape, count.shape))
            return g, (count + 1,)

    Counting.zero_keeps = zero_keeps
    optimizer, weight = Counting(0.1), keras.Variable(np.ones((5, 2), "float32"))
    optimizer.apply([sparse()], [weight])
    assert seen == [((3, 2), (3, 2)) if zero_keeps == "all" else ((5, 2), (5, 2))]
    np.testing.assert_array_equal(np.asarray(weight), 1 + DENSE)
    everywhere, used = np.full((5, 2), 8.0), np.array([[7.0], [8], [7], [7], [8]]) * np.ones((1, 2))
    np.testing.assert_array_equal(
        np.asarray(optimizer.slot_variables[0][0]), used if zero_keeps == "all" else everywhere
    )


def test_what_a_zero_gradient_keeps_is_true():
    """Of every rule, with random slots: what is said to stay where g = 0 stays, and what is not said moves."""
    rng, g = np.random.default_rng(0), np.zeros(4)
    for rule, arguments in RULES.items():
        optimizer = getattr(optimizers, rule.split()[0])(**arguments)
        slots = [rng.uniform(1, 2, size=np.shape(slot)) for slot in optimizer.initial_slots(g)]
        slots[-1:] = [slot / 8 for slot in slots[-1:]]  # the average gradient of the centered rule is below its root
        change, new = optimizer.step(g, np.float64(3), np.float64(0.1), *slots)
        weight_stays = bool(np.all(change == 0))
        slots_stay = all(np.array_equal(a, b) for a, b in zip(slots, new, strict=True))
        expected = "nothing" if not weight_stays else "all" if slots_stay else "weight"
        assert optimizer.zero_keeps == expected, rule


def test_momentum_moves_rows_that_the_batch_did_not_use():
    """m = -1, -1/2 for the row that was used once: θ = -1, -3/2."""
    optimizer, weight = optimizers.Momentum(1.0, 0.5), keras.Variable(np.zeros((3, 1), "float32"))
    for row in (0, 2):
        optimizer.apply([tf.IndexedSlices([[1.0]], [row], [3, 1])], [weight])
    np.testing.assert_array_equal(np.asarray(weight).ravel(), [-1.5, 0, -1])


def test_update_step_adds_the_equal_rows_that_replicas_put_side_by_side():
    """s = 7 + 3² = 16 for the row with parts 1 and 2: a change of -3/4."""
    optimizer, weight = Adagrad(1.0, 7.0, 0.0), keras.Variable(np.zeros((3, 1), "float32"))
    optimizer.build([weight])
    optimizer.update_step(tf.IndexedSlices([[1.0], [2.0]], [1, 1], [3, 1]), weight, 1.0)
    np.testing.assert_allclose(np.asarray(weight).ravel(), [0, -3 / 4, 0], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(optimizer.slot_variables[0][0]).ravel(), [7, 16, 7], rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "arguments", "jit_compile"),
    [
        ("SGD", {}, False),
        ("Adagrad", {}, False),
        ("RMSprop", {}, False),
        ("Adam", {"clipnorm": 0.1}, False),
        ("Adagrad", {}, True),
        ("RMSprop", {}, True),
    ],
)
def test_an_embedding_learns_as_a_dense_layer_on_one_hot_words(rule, arguments, jit_compile):
    words, y = np.array([[1, 1, 4], [4, 2, 1]]), np.array([[1.0], [-1.0]])  # word 3 never occurs
    found = []
    for module, table, x in (
        (optimizers, keras.layers.Embedding(5, 2), words),
        (keras.optimizers, keras.layers.Dense(2, use_bias=False), np.eye(5, dtype="float32")[words]),
    ):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([table, keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile(getattr(module, rule)(0.1, **arguments), "mse", jit_compile=jit_compile and module is optimizers)
        model.build(x.shape)
        table.set_weights([np.arange(10, dtype="float32").reshape(5, 2) / 10])
        model.fit(x, y, epochs=3, verbose=0)
        found.append(table.get_weights()[0])
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[0][3], [0.6, 0.7], rtol=1e-6)
