"""The optimizers against paper and pencil, against Keras' own, and against everything Keras may ask of an optimizer."""

import inspect
import pickle
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import _keras, optimizers
from handson11.optimizers import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSprop,
    trajectory,
)

STEPS, WEIGHTS = 200, 500


@keras.saving.register_keras_serializable(package="handson11_tests")
class Accumulating(Optimizer):
    """Divides by the root of 0.25 plus the sum of squares: a slot that does not start at 0."""

    slots = {"accumulator": 0.25}

    def __init__(self, learning_rate=0.5, power=0.5, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.power = power

    def step(self, g, t, lr, s):
        s = s + g * g
        return -lr * g / s**self.power, (s,)


@keras.saving.register_keras_serializable(package="handson11_tests")
class AccumulatingFaster(Accumulating):
    """Hands its parent's arguments on."""

    def __init__(self, learning_rate=0.5, factor=2.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.factor = factor


# Paper and pencil


def positions(optimizer, gradients, start=0.0):
    """Follow a list of gradients from one start."""
    following = iter(gradients)
    return trajectory(optimizer, lambda theta: np.array([next(following)]), [start], len(gradients)).ravel()


@pytest.mark.parametrize(
    ("optimizer", "gradients", "expected"),
    [
        (SGD(0.5), [4.0, -2.0], [0, -2, -1]),
        (Momentum(0.5, 0.5), [4.0, -2.0, 0.0], [0, -2, -2, -2]),  # m = -2, 0, 0
        (Momentum(0.5, 0.5), [4.0, 4.0], [0, -2, -5]),  # m = -2, -3
        (SGD(0.5, 0.5), [4.0, 4.0], [0, -2, -5]),
        (Momentum(1, 1), [1.0, 0.0, 0.0], [0, -1, -2, -3]),  # no friction: m stays -1
        (Nesterov(0.5, 0.5), [4.0, 4.0], [0, -3, -6.5]),  # m = -2, -3; changes -1 - 2 and -1.5 - 2
        (SGD(0.5, 0.5, nesterov=True), [4.0, 4.0], [0, -3, -6.5]),
        (SGD(0.5, nesterov=True), [4.0, -2.0], [0, -2, -1]),  # without momentum nothing is ahead
        # m = 3/2, 3/4 and s = 9/4, 27/16; corrected 3, 1 and 9, 27/7
        (Adam(1.0, 1 / 2, 3 / 4, epsilon=0.0), [3.0, 0.0], [0, -1, -1 - np.sqrt(7 / 27)]),
        # AMSGrad keeps s = 9/4; corrected by 7/16: 36/7
        (Adam(1.0, 1 / 2, 3 / 4, 0.0, amsgrad=True), [3.0, 0.0], [0, -1, -1 - np.sqrt(7 / 36)]),
        # Keras' ε: √(1/4) / (1/2) · 1.5 / (1.5 + 1); the paper's would give 3 / (3 + 1)
        (Adam(1.0, 1 / 2, 3 / 4, epsilon=1.0), [3.0], [0, -0.6]),
        (Accumulating(0.5), [np.sqrt(3.75)], [0, -0.5 * np.sqrt(3.75) / 2]),
        (Adagrad(1.0, 7.0, 0.0), [3.0, 3.0], [0, -3 / 4, -3 / 4 - 3 / 5]),  # s = 7 + 9 = 16, 25
        (Adagrad(1.0, 0.0, epsilon=16.0), [3.0], [0, -3 / 5]),  # ε inside the root
        (
            RMSprop(1.0, 3 / 4, epsilon=0.0),
            [2.0, 0.0, 4.0],
            [0, -2, -2, -2 - 4 / np.sqrt(73 / 16)],
        ),  # s = 1, 3/4, 73/16
        (RMSprop(1.0, 3 / 4, epsilon=8.0), [2.0], [0, -2 / 3]),  # ε inside the root
        (RMSprop(1.0, 3 / 4, momentum=1 / 2, epsilon=0.0), [2.0, 0.0], [0, -2, -3]),  # m = 2, 1
        # average 1/2: variance 1 - 1/4
        (RMSprop(1.0, 3 / 4, epsilon=0.0, centered=True), [2.0], [0, -2 / np.sqrt(3 / 4)]),
        (RMSprop(1.0, 3 / 4, 1 / 2, 0.0, True), [2.0, 0.0], [0, -2 / np.sqrt(3 / 4), -3 / np.sqrt(3 / 4)]),
        (
            AdamW(1.0, 1 / 2, 1 / 2, 3 / 4, epsilon=0.0),
            [3.0, 0.0],
            [0, -1, -1 / 2 - np.sqrt(7 / 27)],
        ),  # half of -1 decays
        (SGD(1.0, weight_decay=0.25), [-4.0, 0.0], [0, 4, 3]),
        # m = 3/2, 3/4 over 1/2, 3/4; u = 3, 9/4
        (Adamax(1.0, 1 / 2, 3 / 4, epsilon=0.0), [3.0, 0.0], [0, -1, -1 - 4 / 9]),
        (Adamax(1.0, 1 / 2, 3 / 4, epsilon=3.0), [3.0], [0, -1 / 2]),
        # μ₁ = β₁ (1 - 0.48), μ₂ = β₁ (1 - 0.4608); m = 3/2, ŝ = 9
        (
            Nadam(1.0, 1 / 2, 3 / 4, epsilon=0.0),
            [3.0],
            [0, -(0.2696 * 1.5 / (1 - 0.26 * 0.2696) + 0.74 * 3 / (1 - 0.26)) / 3],
        ),
    ],
)
def test_first_steps_by_hand(optimizer, gradients, expected):
    np.testing.assert_allclose(positions(optimizer, gradients), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("rule", [Momentum, Nesterov])
def test_under_a_constant_gradient_the_steps_grow_to_their_limit(rule, beta):
    steps = -np.diff(positions(rule(0.125, beta), [2.0] * 3000))
    np.testing.assert_allclose(steps[-1], 0.25 / (1 - beta), rtol=1e-9)
    assert np.all(np.diff(steps) >= -1e-9)
    if rule is Momentum:
        np.testing.assert_allclose(steps[:50], 0.25 * (1 - beta ** np.arange(1, 51)) / (1 - beta), rtol=1e-9)


@pytest.mark.parametrize("optimizer", [Momentum(0.1, 0.0), Nesterov(0.1, 0.0), SGD(0.1, 0.0, nesterov=True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_momentum_it_is_plain_descent_bit_by_bit(optimizer, dtype):
    start = np.random.default_rng(0).normal(size=20).astype(dtype)
    plain = trajectory(SGD(0.1), np.sin, start, 50)
    np.testing.assert_array_equal(trajectory(optimizer, np.sin, start, 50), plain)
    assert plain.dtype == dtype


def test_first_adam_step_is_the_sign_of_the_gradient():
    g = np.array([1e-3, -1.0, 1e3, -1e6, 0.0])
    np.testing.assert_allclose(
        trajectory(Adam(0.25), lambda theta: g, np.zeros(5), 1)[1], -0.25 * np.sign(g), atol=0.25 * 4e-3
    )
    exact = trajectory(Adam(0.25, epsilon=1e-30), lambda theta: g, np.zeros(5), 1)[1]
    np.testing.assert_allclose(exact, -0.25 * np.sign(g), rtol=1e-12)


def test_adagrads_rate_falls_as_one_over_the_root_of_t():
    """With |g| = c and s from 0, step t has the length η / √t, whatever c is."""
    for c in (1e-3, 1.0, 1e3):
        steps = -np.diff(positions(Adagrad(0.5, 0.0, 0.0), [c] * 100))
        np.testing.assert_allclose(steps, 0.5 / np.sqrt(np.arange(1, 101)), rtol=1e-9)


def test_rmsprops_steps_tend_to_the_rate():
    """With |g| = c the average is c² (1 - ρᵗ)."""
    steps = -np.diff(positions(RMSprop(0.5, 0.9, epsilon=0.0), [7.0] * 200))
    np.testing.assert_allclose(steps, 0.5 / np.sqrt(1 - 0.9 ** np.arange(1, 201)), rtol=1e-9)


@pytest.mark.parametrize("make", [Adam, AdamW, Adamax, Nadam])
def test_the_scale_of_the_gradients_does_not_matter(make):
    """Without ε and decay a thousandfold gradient gives the same path."""
    plain = {"weight_decay": 0.0} if make is AdamW else {}
    g = np.random.default_rng(5).normal(size=100)
    paths = [positions(make(0.25, epsilon=1e-30, **plain), scale * g) for scale in (1.0, 1000.0)]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-9, atol=1e-12)


def test_penalty_and_decay_agree_for_plain_descent_and_differ_for_adam():
    """The penalty λ'/2 θ² adds λ'θ to the gradient. For plain descent that is decay with λ = λ', for Adam it is not."""

    def slope(theta):
        return np.array([10.0, 0.1]) * (theta - 1)

    def penalized(theta):
        return slope(theta) + 0.5 * theta

    start = [3.0, 3.0]
    for make, same in ((SGD, True), (Adam, False)):
        penalty = trajectory(make(0.0625), penalized, start, 50)
        decay = trajectory(make(0.0625, weight_decay=0.5), slope, start, 50)
        assert np.allclose(penalty, decay, rtol=0, atol=1e-12) is same


def test_the_two_forms_of_epsilon():
    """Algorithm 1 of the paper with ε = ε̂ / √(1 - β₂ᵗ), written out here."""
    rng = np.random.default_rng(1)
    gradients, theta, m, s = rng.normal(size=300) * 1e-4, 0.0, 0.0, 0.0
    ours = positions(Adam(0.125, epsilon=1e-5), gradients)
    for t, g in enumerate(gradients, start=1):
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        m_hat, s_hat, epsilon = m / (1 - 0.9**t), s / (1 - 0.999**t), 1e-5 / np.sqrt(1 - 0.999**t)
        theta -= 0.125 * m_hat / (np.sqrt(s_hat) + epsilon)
        np.testing.assert_allclose(ours[t], theta, rtol=1e-10)


def test_the_two_forms_of_nesterov():
    """The look-ahead form moves θ; ours moves the point ahead, φ = θ + βm."""
    curvature, eta, beta = np.array([1.0, 25.0]), 0.03125, 0.8
    theta, m, ahead = np.array([-3.0, 1.0]), np.zeros(2), []
    for _ in range(101):
        ahead.append(theta + beta * m)
        m = beta * m - eta * curvature * (theta + beta * m)
        theta = theta + m
    ours = trajectory(Nesterov(eta, beta), lambda phi: curvature * phi, [-3.0, 1.0], 100)
    np.testing.assert_allclose(ours, ahead, rtol=0, atol=1e-12)


# Agreement with Keras

PAIRS = {
    "sgd": (lambda: SGD(1e-3), lambda: keras.optimizers.SGD(1e-3)),
    "sgd with momentum": (lambda: SGD(1e-3, 0.9), lambda: keras.optimizers.SGD(1e-3, 0.9)),
    "sgd with nesterov": (lambda: SGD(1e-3, 0.9, True), lambda: keras.optimizers.SGD(1e-3, 0.9, True)),
    "momentum": (lambda: Momentum(1e-3, 0.8), lambda: keras.optimizers.SGD(1e-3, 0.8)),
    "nesterov": (lambda: Nesterov(1e-3, 0.8), lambda: keras.optimizers.SGD(1e-3, 0.8, True)),
    "adam": (lambda: Adam(1e-3), lambda: keras.optimizers.Adam(1e-3)),
    "adam, other numbers": (lambda: Adam(2e-3, 0.8, 0.9, 1e-4), lambda: keras.optimizers.Adam(2e-3, 0.8, 0.9, 1e-4)),
    "amsgrad": (lambda: Adam(1e-3, amsgrad=True), lambda: keras.optimizers.Adam(1e-3, amsgrad=True)),
    "adagrad": (lambda: Adagrad(1e-2), lambda: keras.optimizers.Adagrad(1e-2)),
    "adagrad from 0": (lambda: Adagrad(1e-2, 0.0, 1e-4), lambda: keras.optimizers.Adagrad(1e-2, 0.0, 1e-4)),
    "rmsprop": (lambda: RMSprop(1e-3), lambda: keras.optimizers.RMSprop(1e-3)),
    "rmsprop, all of it": (
        lambda: RMSprop(1e-3, 0.8, 0.5, 1e-4, True),
        lambda: keras.optimizers.RMSprop(1e-3, 0.8, 0.5, 1e-4, True),
    ),
    "adamw": (lambda: AdamW(1e-3, 0.1), lambda: keras.optimizers.AdamW(1e-3, 0.1)),
    "adamax": (lambda: Adamax(1e-3), lambda: keras.optimizers.Adamax(1e-3)),
    "adamax, other numbers": (
        lambda: Adamax(2e-3, 0.8, 0.9, 1e-4),
        lambda: keras.optimizers.Adamax(2e-3, 0.8, 0.9, 1e-4),
    ),
    "nadam": (lambda: Nadam(1e-3), lambda: keras.optimizers.Nadam(1e-3)),
    "nadam, other numbers": (lambda: Nadam(2e-3, 0.8, 0.9, 1e-4), lambda: keras.optimizers.Nadam(2e-3, 0.8, 0.9, 1e-4)),
    "schedule": (
        lambda: Adam(keras.optimizers.schedules.CosineDecay(1e-3, 100, 0.1)),
        lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 100, 0.1)),
    ),
}


# Keras keeps a slot that it does not use, one number for all weights, or all slots of one kind together.
OTHER_VARIABLES = ("amsgrad", "nadam", "nadam, other numbers", "rmsprop, all of it")


@pytest.fixture(scope="module")
def stream():
    """A start and a fixed stream of gradients from 1e-4 to 10: feedback would amplify the rounding."""
    rng = np.random.default_rng(2)
    scales = np.logspace(-4, 1, WEIGHTS)
    return rng.normal(size=WEIGHTS).astype("float32"), (rng.normal(size=(STEPS, WEIGHTS)) * scales).astype("float32")


def run_keras(optimizer, stream, mode):
    """Return every 20th position of a Keras optimizer on the stream."""
    start, gradients = stream
    variable = keras.Variable(start)
    optimizer.build([variable])

    def update(g):
        optimizer.apply([g])

    if mode != "eager":
        update = tf.function(update, jit_compile=mode == "xla", autograph=False)
    kept = []
    for i, g in enumerate(gradients):
        update(tf.constant(g))
        if i % 20 == 19:
            kept.append(np.asarray(variable))
    if mode != "eager":
        assert update.experimental_get_tracing_count() == 1
    return np.array(kept)


def run_numpy(optimizer, stream):
    start, gradients = stream
    following = iter(gradients)
    return trajectory(optimizer, lambda theta: next(following), start, STEPS)[20::20]


def run_while_loop(optimizer, stream, jit_compile):
    """Return the last position of ``step`` inside one compiled loop over plain tensors, as the experiments use it."""

    def whole_run(theta, gradients, rates):
        def update(i, theta, slots):
            t = tf.cast(i + 1, tf.float32)
            change, slots = optimizer.step(gradients[i], t, rates[i], *slots)
            return i + 1, theta + change, slots

        start = (tf.constant(0), theta, optimizer.initial_slots(theta))
        return tf.while_loop(lambda i, *_: i < STEPS, update, start)[1]

    rates = tf.constant(_keras.learning_rates(optimizer, STEPS), tf.float32)
    compiled = tf.function(whole_run, jit_compile=jit_compile, autograph=False)
    return compiled(tf.constant(stream[0]), tf.constant(stream[1]), rates).numpy()


@pytest.fixture(scope="module")
def keras_positions(stream):
    """What Keras' own optimizers do; compiled, because 200 eager steps of each take four times as long."""
    return {name: run_keras(theirs(), stream, "graph") for name, (_, theirs) in PAIRS.items()}


@pytest.mark.parametrize("mode", ["eager", "graph", "xla", "numpy"])
@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_keras(pair, mode, stream, keras_positions):
    optimizer = PAIRS[pair][0]()
    ours = run_numpy(optimizer, stream) if mode == "numpy" else run_keras(optimizer, stream, mode)
    assert ours.dtype == np.float32 and ours.shape == (10, WEIGHTS)
    np.testing.assert_allclose(ours, keras_positions[pair], rtol=0, atol=1e-6)
    assert np.max(np.abs(keras_positions[pair][-1] - stream[0])) > 0.01


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("pair", [name for name in PAIRS if name != "adamw"])  # the decay is not part of the step
def test_step_agrees_inside_one_compiled_loop(pair, jit_compile, stream, keras_positions):
    theta = run_while_loop(PAIRS[pair][0](), stream, jit_compile)
    np.testing.assert_allclose(theta, keras_positions[pair][-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("pair", [name for name in PAIRS if name not in OTHER_VARIABLES])
def test_variables_are_those_of_keras_in_the_same_order(pair):
    weights = [
        keras.Variable(np.ones(shape, "float32"), name=name) for shape, name in (((2, 3), "kernel"), (3, "bias"))
    ]
    ours, theirs = (make() for make in PAIRS[pair])
    for optimizer in (ours, theirs):
        optimizer.build(weights)
        optimizer.apply([np.full(w.shape, 0.5, "float32") for w in weights])
    assert [(v.shape, v.dtype, v.name) for v in ours.variables] == [
        (v.shape, v.dtype, v.name) for v in theirs.variables
    ]
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float16", 2e-3), ("bfloat16", 2e-2)])
def test_other_precisions(dtype, tolerance):
    gradients = np.random.default_rng(4).normal(size=(20, 5))
    for make in (Nesterov, Adam):
        variable = keras.Variable(np.ones(5), dtype=dtype)
        optimizer = make(0.0078125, epsilon=1e-3) if make is Adam else make(0.0078125)
        for g in gradients:
            optimizer.apply([tf.constant(g, dtype)], [variable])
        following = iter(gradients)
        truth = trajectory(optimizer, lambda theta, following=following: next(following), np.ones(5), 20)[-1]
        assert keras.backend.standardize_dtype(variable.dtype) == dtype
        np.testing.assert_allclose(np.asarray(variable, "float64"), truth, rtol=0, atol=5 * tolerance)


# Under fit


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3)])


def fit(model, optimizer, epochs=2, **compile_arguments):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 6)).astype("float32"), rng.integers(0, 3, 64)
    if optimizer is not None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, **compile_arguments)
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, shuffle=False).history["loss"]


FEATURES = [
    {},
    {"clipnorm": 0.05},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "weight_decay": 0.1, "clipnorm": 0.05},
    {"loss_scale_factor": 128.0},
    {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.5)},
    {"learning_rate": lambda: 0.02},
]
ALL_AT_ONCE = {"gradient_accumulation_steps": 2, "weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("Adam", arguments) for arguments in FEATURES),
        ("SGD", {"momentum": 0.9}),
        *((name, {}) for name in ("Adagrad", "RMSprop", "AdamW", "Adamax", "Nadam")),
        *((name, ALL_AT_ONCE) for name in ("Adagrad", "RMSprop", "AdamW", "Adamax", "Nadam")),
        (
            "SGD",
            {"momentum": 0.9, "nesterov": True, "gradient_accumulation_steps": 2, "weight_decay": 0.1, "clipnorm": 1.0},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "plain",
)
def test_every_feature_of_keras_works_under_fit(name, arguments):
    models, losses = [], []
    for module in (optimizers, keras.optimizers):
        models.append(small_model())
        losses.append(fit(models[-1], getattr(module, name)(**{"learning_rate": 0.02, **arguments})))
    for mine, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=0, atol=2e-6)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][1] < losses[0][0]


@pytest.mark.parametrize(
    "arguments", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 4}], ids=lambda a: next(iter(a))
)
def test_every_way_of_running_works(arguments):
    models = []
    for cls in (Adam, keras.optimizers.Adam):
        models.append(small_model())
        fit(models[-1], cls(0.02), **arguments)
    for mine, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=0, atol=2e-6)


def test_mixed_precision_wraps_it_in_a_loss_scale():
    before, models = keras.config.dtype_policy(), []
    keras.config.set_dtype_policy("mixed_float16")
    try:
        for cls in (Adam, keras.optimizers.Adam):
            models.append(small_model())
            fit(models[-1], cls(0.02))
    finally:
        keras.config.set_dtype_policy(before)
    assert isinstance(models[0].optimizer, keras.optimizers.LossScaleOptimizer)
    assert type(models[0].optimizer.inner_optimizer) is Adam
    for mine, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=0, atol=1e-5)


# Saving

OPTIMIZERS = [
    lambda: SGD(0.02),
    lambda: SGD(0.02, 0.9, nesterov=True),
    lambda: Momentum(0.02),
    lambda: Nesterov(keras.optimizers.schedules.CosineDecay(0.05, 30), 0.8),
    lambda: Adam(0.02),
    lambda: Adam(0.02, amsgrad=True, clipnorm=0.5, use_ema=True, gradient_accumulation_steps=3),
    lambda: Adagrad(0.1, 0.5),
    lambda: RMSprop(0.01, 0.8, 0.5, centered=True),
    lambda: AdamW(0.02, 0.1, use_ema=True, ema_overwrite_frequency=3),
    lambda: Adamax(0.02),
    lambda: Nadam(0.02, clipnorm=0.5),
    lambda: AccumulatingFaster(0.02, power=0.25, factor=3.0),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_config_round_trip(make):
    optimizer = make()
    config = optimizer.get_config()
    assert type(optimizer).from_config(dict(config)).get_config() == config
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(revived) is type(optimizer) and revived.get_config() == config
    assert pickle.loads(pickle.dumps(optimizer)).get_config() == config
    if isinstance(optimizer, Accumulating):
        assert (config["power"], config["factor"]) == (0.25, 3.0)


@pytest.mark.parametrize("ours", [SGD, Adagrad, RMSprop, Adam, AdamW, Adamax, Nadam])
def test_defaults_and_config_are_those_of_keras(ours):
    theirs = getattr(keras.optimizers, ours.__name__)
    assert {**ours().get_config(), "name": ""} == {**theirs().get_config(), "name": ""}
    parameters = [list(inspect.signature(cls.__init__).parameters) for cls in (ours, theirs)]
    own = [name for name in parameters[0] if name != "kwargs"]
    assert own == parameters[1][: len(own)]  # positional arguments mean the same


def test_names_are_counted_by_keras():
    keras.utils.clear_session()
    assert [cls().name for cls in (Momentum, Momentum, Nesterov)] == ["momentum", "momentum_1", "nesterov"]
    assert Momentum(name="mine").name == "mine"


def test_an_integer_is_a_learning_rate():
    variable = keras.Variable([1.0])
    for rate in (1, np.int64(1), np.float32(1)):
        optimizer = SGD(rate)
        optimizer.apply([tf.constant([0.25])], [variable])
    assert float(variable[0]) == 0.25
    optimizer.learning_rate = 2.0
    optimizer.apply([tf.constant([0.25])])
    assert float(variable[0]) == -0.25


# The base class


@pytest.mark.parametrize("rate", [0.5, np.float32(0.5), keras.Variable(0.5), tf.constant(0.5)])
def test_update_step_takes_the_documented_learning_rate(rate):
    variable = keras.Variable([1.0, 2.0])
    optimizer = Accumulating()
    optimizer.build([variable])
    optimizer.build([variable])  # a second call changes nothing
    optimizer.update_step(tf.constant([0.0, np.sqrt(3.75)]), variable, rate)
    np.testing.assert_allclose(np.asarray(variable), [1, 2 - 0.5 * np.sqrt(3.75) / 2], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(optimizer.slot_variables[0][0]), [0.25, 4.0], rtol=1e-6)
    assert len(optimizer.variables) == 3


def test_first_slots():
    for w in (np.ones((2, 3), "float32"), tf.ones((2, 3)), keras.Variable(np.ones((2, 3)))):
        (slot,) = Accumulating().initial_slots(w)
        assert isinstance(slot, np.ndarray) is isinstance(w, np.ndarray)
        assert slot.dtype == w.dtype
        np.testing.assert_array_equal(np.asarray(slot), np.full((2, 3), 0.25))
        assert SGD().initial_slots(w) == ()
        assert [np.max(np.abs(s)) for s in Adam(amsgrad=True).initial_slots(w)] == [0, 0, 0]


def test_scalar_slots_are_one_number_for_each_weight():
    optimizer, weights = Nadam(), [keras.Variable(np.ones((2, 3))), keras.Variable(np.ones(4))]
    optimizer.build(weights)
    assert [tuple(slot.shape) for slots in optimizer.slot_variables for slot in slots] == [
        *((2, 3), (2, 3), ()),
        *((4,), (4,), ()),
    ]
    assert [float(slots[2]) for slots in optimizer.slot_variables] == [1.0, 1.0]
    assert [np.shape(slot) for slot in optimizer.initial_slots(np.ones((2, 3)))] == [(2, 3), (2, 3), ()]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Adagrad(initial_accumulator_value=-1), "`initial_accumulator_value` must be a finite number >= 0"),
        (lambda: Adagrad(epsilon=-1), "`epsilon` must be"),
        (lambda: RMSprop(rho=1.0), "`rho` must be in [0, 1). Received: rho=1.0"),
        (lambda: RMSprop(momentum=1.5), "`momentum` must be in [0, 1]"),
        (lambda: RMSprop(centered=1), "`centered` must be True or False"),
        (lambda: AdamW(weight_decay=None), "`weight_decay` must be a finite number >= 0. Received: weight_decay=None"),
        (lambda: AdamW(beta_1=1), "`beta_1` must be in [0, 1)"),
        (lambda: Adamax(beta_2=-0.1), "`beta_2` must be in [0, 1)"),
        (lambda: Nadam(epsilon=float("nan")), "`epsilon` must be"),
    ],
)
def test_every_number_is_checked(make, text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        make()


def test_a_rule_without_step_says_so():
    with pytest.raises(NotImplementedError, match="Optimizer has no rule yet: write its method `step`"):
        trajectory(Optimizer(0.1), lambda theta: theta, [1.0], 1)


def test_accumulation_counts_updates_not_batches():
    class Clock(Optimizer):
        def step(self, g, t, lr):
            return t + 0 * g, ()

    variable = keras.Variable([0.0])
    optimizer = Clock(0.1, gradient_accumulation_steps=2)
    for _ in range(6):
        optimizer.apply([tf.constant([1.0])], [variable])
    assert float(variable[0]) == 1 + 2 + 3


def test_another_keras_is_named():
    for call in (lambda: _keras.position_of(object(), None), lambda: _keras.learning_rates(object(), 1)):
        with pytest.raises(RuntimeError, match=f"Optimizers of Keras {keras.__version__} .* in another way than"):
            call()


# trajectory


def test_trajectory_reads_the_rate_as_keras_does():
    halving = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    assert positions(SGD(halving), [1.0] * 4).tolist() == [0, -1, -1.5, -1.75, -1.875]
    rates = iter([3.0, 1.0])
    assert positions(SGD(lambda: next(rates)), [1.0] * 2).tolist() == [0, -3, -4]
    assert positions(SGD(0.1), [1.0])[1] == -0.1  # not float32's 0.10000000149
    optimizer = SGD(0.1)
    optimizer.learning_rate = 0.3
    assert positions(optimizer, [1.0])[1] == -0.3


def test_trajectory_runs_the_rule_with_its_decay_and_starts_anew():
    optimizer = Momentum(0.5, weight_decay=0.5, clipvalue=0.1, use_ema=True, gradient_accumulation_steps=2)
    for _ in range(2):
        assert positions(optimizer, [4.0, 0.0]).tolist() == pytest.approx([0, -2, -2 + 0.5 - 1.8])  # a quarter decays
    assert int(optimizer.iterations) == 0


def test_shapes_of_a_trajectory():
    assert trajectory(SGD(), np.sin, [1, 2, 3], 7).shape == (8, 3)
    assert trajectory(SGD(), np.sin, np.ones((2, 3)), 7).shape == (8, 2, 3)
    assert trajectory(Adam(), np.sin, 1.0, 7).shape == (8,)
    np.testing.assert_array_equal(trajectory(SGD(), np.sin, [1.0, 2.0], 0), [[1.0, 2.0]])
    assert trajectory(SGD(), np.sin, [1, 2], 1).dtype == np.float64


def test_a_trajectory_that_diverges_ends_in_infinity_without_a_warning():
    path = trajectory(SGD(1.0), lambda theta: 1e100 * theta, [1.0], 8)
    assert not np.isfinite(path[-1, 0]) and np.isfinite(path[2, 0])


# Wrong arguments


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: SGD(-0.1), ValueError, r"`learning_rate` must be a finite number >= 0.*Received: learning_rate=-0.1"),
        (lambda: SGD(np.nan), ValueError, "`learning_rate` must be a finite number >= 0"),
        (lambda: SGD("fast"), TypeError, "`learning_rate` must be a finite number >= 0"),
        (lambda: SGD(True), TypeError, "`learning_rate` must be a finite number >= 0"),
        (lambda: SGD(momentum=1.5), ValueError, r"`momentum` must be in \[0, 1\]. Received: momentum=1.5"),
        (lambda: SGD(momentum=-0.1), ValueError, r"`momentum` must be in \[0, 1\]"),
        (lambda: Momentum(momentum=None), TypeError, r"`momentum` must be in \[0, 1\]"),
        (lambda: Nesterov(momentum=2), ValueError, r"`momentum` must be in \[0, 1\]"),
        (lambda: SGD(nesterov=1), TypeError, "`nesterov` must be True or False"),
        (lambda: Adam(beta_1=1.0), ValueError, r"`beta_1` must be in \[0, 1\). Received: beta_1=1.0"),
        (lambda: Adam(beta_2=-0.1), ValueError, r"`beta_2` must be in \[0, 1\)"),
        (lambda: Adam(beta_2=1), ValueError, r"`beta_2` must be in \[0, 1\)"),
        (lambda: Adam(epsilon=-1e-7), ValueError, "`epsilon` must be a finite number >= 0"),
        (lambda: Adam(amsgrad="yes"), TypeError, "`amsgrad` must be True or False"),
        (lambda: Adam(weight_decay=-1), ValueError, "`weight_decay` must be a finite number >= 0"),
        (lambda: Adam(clipnorm=0), ValueError, "`clipnorm` must be a finite number > 0"),
        (lambda: Adam(clipvalue=-1), ValueError, "`clipvalue` must be a finite number > 0"),
        (lambda: Adam(global_clipnorm="1"), TypeError, "`global_clipnorm` must be a finite number > 0"),
        (lambda: Adam(ema_momentum=1.1), ValueError, r"`ema_momentum` must be in \[0, 1\]"),
        (lambda: Adam(loss_scale_factor=0), ValueError, "`loss_scale_factor` must be a finite number > 0"),
        (lambda: Adam(gradient_accumulation_steps=1), ValueError, "`gradient_accumulation_steps` must be an integer"),
        (lambda: Adam(lr=0.1), ValueError, "not recognized"),
        (lambda: trajectory(keras.optimizers.SGD(), np.sin, [1.0], 1), TypeError, "`optimizer` must be one of this"),
        (lambda: trajectory(SGD(), 3, [1.0], 1), TypeError, "`gradient` must be a function"),
        (lambda: trajectory(SGD(), np.sin, [1.0], 1.0), TypeError, "`steps` must be an integer of at least 0"),
        (lambda: trajectory(SGD(), np.sin, [1.0], -1), ValueError, "`steps` must be an integer of at least 0"),
        (lambda: trajectory(SGD(), np.sum, [1.0, 2.0], 1), ValueError, "`gradient` must return the shape of the"),
    ],
)
def test_wrong_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call()
