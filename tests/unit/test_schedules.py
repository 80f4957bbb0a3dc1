"""Schedules against paper and pencil and against Keras' own, and callbacks that really change what they should."""

import pickle
import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import optimizers
from handson11.schedules import (
    CheckSchedule,
    ExponentialDecay,
    LearningRateFinder,
    OneCycle,
    OneCycleScheduler,
    PerformanceScheduling,
    PiecewiseConstant,
    PowerDecay,
    Schedule,
    ScheduleWarning,
    check_schedule,
    one_cycle_momentum,
)

K = keras.optimizers.schedules

# Paper and pencil


@pytest.mark.parametrize(
    ("schedule", "times", "expected"),
    [
        (PowerDecay(12.0, 100), [0, 100, 200, 300], [12, 6, 4, 3]),
        (PowerDecay(12.0, 100, power=2.0), [0, 100, 200, 300], [12, 3, 4 / 3, 3 / 4]),
        (PowerDecay(12.0, 100, power=0.0), [0, 100], [12, 12]),
        (ExponentialDecay(8.0, 20), [0, 20, 40], [8, 0.8, 0.08]),
        (ExponentialDecay(8.0, 20, 0.25), [10, 30], [4, 1]),
        (ExponentialDecay(8.0, 20, 0.25, staircase=True), [0, 19, 20, 39, 40], [8, 8, 2, 2, 0.5]),
        (PiecewiseConstant([5, 15], [3.0, 2.0, 1.0]), [0, 5, 6, 15, 16, 1000], [3, 3, 2, 2, 1, 1]),
        (PiecewiseConstant([], [3.0]), [0, 1000], [3, 3]),
        (OneCycle(1.0, 100), [0, 9, 45, 54, 90, 95, 100, 500], [0.1, 0.28, 1, 0.82, 0.1, 0.05005, 1e-4, 1e-4]),
        (OneCycle(8.0, 20, 2.0, 0.0, final_steps=4), [0, 4, 8, 12, 16, 18, 20], [2, 5, 8, 5, 2, 1, 0]),
    ],
)
def test_rates_by_hand(schedule, times, expected):
    np.testing.assert_allclose(schedule(np.array(times)), expected, rtol=1e-12)
    assert [float(schedule(tf.constant(t))) for t in times] == pytest.approx(expected, rel=1e-6)
    assert [schedule(t) for t in times] == pytest.approx(expected, rel=1e-12)


def test_momentum_by_hand():
    found = one_cycle_momentum([0, 45, 67.5, 90, 100, 200], 100, 0.9, 0.5)
    np.testing.assert_allclose(found, [0.9, 0.5, 0.7, 0.9, 0.9, 0.9], rtol=1e-12)
    assert float(one_cycle_momentum(tf.constant(8), 20, final_steps=4)) == pytest.approx(0.85)


PAIRS = {
    "exponential": (ExponentialDecay(0.3, 17, 0.6), K.ExponentialDecay(0.3, 17, 0.6)),
    "staircase": (ExponentialDecay(0.3, 17, 0.6, True), K.ExponentialDecay(0.3, 17, 0.6, True)),
    "power": (PowerDecay(0.3, 17), K.InverseTimeDecay(0.3, 17, 1.0)),
    "piecewise": (PiecewiseConstant([10, 20], [0.3, 0.2, 0.1]), K.PiecewiseConstantDecay([10, 20], [0.3, 0.2, 0.1])),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_keras(pair):
    ours, theirs = PAIRS[pair]
    expected = [float(theirs(t)) for t in range(60)]
    np.testing.assert_allclose(ours(np.arange(60)), expected, rtol=1e-6)
    for compiled in (False, True):
        rate = tf.function(ours, jit_compile=compiled)
        found = [float(rate(tf.constant(t))) for t in range(60)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("schedule", [pair[0] for pair in PAIRS.values()] + [OneCycle(0.1, 50), OneCycle(1, 9, 0.5, 0)])
def test_round_trips(schedule):
    again = [
        type(schedule).from_config(schedule.get_config()),
        K.deserialize(K.serialize(schedule)),
        pickle.loads(pickle.dumps(schedule)),
    ]
    for other in again:
        assert type(other) is type(schedule)
        np.testing.assert_array_equal(other(np.arange(60)), schedule(np.arange(60)))
    assert schedule.name == type(schedule).__name__


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PowerDecay(0.0, 10), "`initial_learning_rate` must be a finite number > 0. Received: initial_learn"),
        (lambda: PowerDecay(0.1, -1), "`decay_steps` must be"),
        (lambda: PowerDecay(0.1, 10, -1.0), "`power` must be"),
        (lambda: ExponentialDecay(0.1, 10, 0.0), "`decay_rate` must be"),
        (lambda: ExponentialDecay(0.1, 10, staircase=1), "`staircase` must be True or False"),
        (lambda: PiecewiseConstant([5], [0.1]), "`values` must have 2 rates, one more than boundaries"),
        (lambda: PiecewiseConstant([5, 5], [3, 2, 1]), "`boundaries` must grow from one to the next"),
        (lambda: PiecewiseConstant([-1], [2, 1]), "`boundaries` must hold finite numbers >= 0"),
        (lambda: PiecewiseConstant([1], [2, -1]), "`values` must hold finite numbers >= 0"),
        (lambda: OneCycle(0.1, 2), "`steps` must be a number of at least 3"),
        (lambda: OneCycle(0.1, 10, final_steps=10), "`final_steps` must be above 0 and below the number of steps"),
        (lambda: OneCycle(0.1, 10, -1.0), "`initial_learning_rate` must be"),
        (lambda: OneCycle(0.1, 10, 0.1, -1.0), "`final_learning_rate` must be"),
        (lambda: one_cycle_momentum(0, 10, 1.5), "`max_momentum` must be in [0, 1]"),
        (lambda: check_schedule(0.1, 10), "`schedule` must be a LearningRateSchedule"),
        (lambda: check_schedule(PowerDecay(0.1, 10), 0), "`steps` must be at least 1"),
        (lambda: PerformanceScheduling(factor=1.0), "`factor` must be above 0 and below 1"),
        (lambda: PerformanceScheduling(patience=0), "`patience` must be at least 1"),
        (lambda: PerformanceScheduling(best="min"), "`best` must be one of ['highest', 'lowest']"),
        (lambda: PerformanceScheduling(min_delta=-1), "`min_delta` must be"),
        (lambda: PerformanceScheduling(min_learning_rate=-1), "`min_learning_rate` must be"),
        (lambda: OneCycleScheduler(-1.0), "`max_learning_rate` must be"),
        (lambda: OneCycleScheduler(1.0, max_momentum=None), "`max_momentum` must be None exactly when"),
        (lambda: OneCycleScheduler(1.0, 2.0), "`max_momentum` must be in [0, 1]"),
        (lambda: LearningRateFinder(min_rate=0), "`min_rate` must be"),
        (lambda: LearningRateFinder(1.0, 0.5), "`max_rate` must be greater than min_rate (1.0)"),
        (lambda: LearningRateFinder(steps=1), "`steps` must be at least 2"),
        (lambda: LearningRateFinder(batch_size=0), "`batch_size` must be at least 1"),
        (lambda: LearningRateFinder(stop=1.0), "`stop` must be greater than 1"),
        (lambda: LearningRateFinder(smoothing=1.0), "`smoothing` must be in [0, 1)"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        make()


def test_a_schedule_without_rate_says_so():
    with pytest.raises(NotImplementedError, match="Schedule has no rule yet: write its method `rate`"):
        Schedule()(0)


# The planned run


def warned(function, *arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*arguments)
    return [str(found.message) for found in caught if issubclass(found.category, ScheduleWarning)]


def test_a_boundary_beyond_the_last_step_is_noticed():
    for schedule in (PiecewiseConstant([5, 15], [3, 2, 1]), K.PiecewiseConstantDecay([5, 15], [3.0, 2.0, 1.0])):
        assert warned(check_schedule, schedule, 17) == []
        [text] = warned(check_schedule, schedule, 16)  # steps 0 … 15: 15 still has the second rate
        assert text.endswith("boundary 15 is never passed in a run of 16 steps. Boundaries count steps, not epochs.")
        [text] = warned(check_schedule, schedule, 5)
        assert "boundaries 5, 15 are never passed" in text


def test_a_rate_that_never_changes_is_noticed():
    [text] = warned(check_schedule, ExponentialDecay(0.1, 1_000_000), 100)
    assert text == "ExponentialDecay: the rate changes by less than a thousandth in a run of 100 steps."
    assert warned(check_schedule, ExponentialDecay(0.1, 1000), 100) == []
    assert warned(check_schedule, ExponentialDecay(0.1, 50), 10**9) == []
    assert warned(check_schedule, ExponentialDecay(0.1, 50), 1) == []


# In fit

X = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def small(optimizer, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **arguments)
    return model


def fit(model, *callbacks, epochs=3, **arguments):
    arguments = {"batch_size": 10, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **arguments).history


def test_fit_follows_our_schedules_as_keras_own():
    losses = [fit(small(optimizers.SGD(schedule, 0.9)))["loss"] for schedule in PAIRS["exponential"]]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_check_schedule_in_fit():
    model = small(optimizers.SGD(PiecewiseConstant([20], [0.1, 0.01])))
    assert len(warned(fit, model, CheckSchedule())) == 0  # 24 steps
    model = small(keras.optimizers.SGD(PiecewiseConstant([20], [0.1, 0.01])))
    assert len(warned(lambda: fit(model, CheckSchedule(), epochs=2))) == 1  # 16 steps
    assert len(warned(lambda: fit(model, CheckSchedule(), epochs=1))) == 0  # 16 + 8
    with pytest.raises(ValueError, match="`learning_rate` must be a schedule if it is to be checked"):
        fit(small(optimizers.SGD(0.1)), CheckSchedule())


def test_performance_scheduling_by_hand():
    found, rate, values = PerformanceScheduling(0.5, patience=2, min_learning_rate=0.2), 1.0, []
    for value in (5, 4, 4, 6, 3, 7, 7, 7, 7, 7, 7):
        rate = found.next_rate(value, rate)
        values.append(rate)
    assert values == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    highest = PerformanceScheduling(0.5, 1, best="highest", min_delta=0.1)
    assert [highest.next_rate(value, 1.0) for value in (0.5, 0.55, 0.65, 0.64)] == [1, 0.5, 1, 0.5]


@pytest.mark.parametrize("patience", [1, 3])
def test_performance_scheduling_agrees_with_keras(patience):
    ours = PerformanceScheduling(0.5, patience, monitor="loss")
    theirs = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=patience, min_delta=0.0)
    fit(small(optimizers.SGD(1.5)), ours, epochs=12)
    rates = fit(small(optimizers.SGD(1.5)), theirs, epochs=12)["learning_rate"]
    assert ours.rates == pytest.approx(rates)
    assert rates[0] == 1.5 and rates[-1] < 1.5
    [text] = warned(lambda: fit(small(optimizers.SGD(0.1)), PerformanceScheduling(), epochs=1))
    assert text == "PerformanceScheduling: `val_loss` is not among the measurements of epoch 1: ['loss']"
    with pytest.raises(ValueError, match="`learning_rate` must be a number: Keras does not let"):
        fit(small(optimizers.SGD(PowerDecay(0.1, 10))), PerformanceScheduling(monitor="loss"))


def by_hand(epochs, rate_of, momentum_of):
    """Momentum optimization, written out; returns the mean loss of every epoch."""
    model, losses = small("sgd"), []
    velocity = [np.zeros(w.shape, "float32") for w in model.trainable_variables]
    for t in range(8 * epochs):
        rows = slice(10 * (t % 8), 10 * (t % 8) + 10)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X[rows]) - Y[rows]) ** 2)
        losses.append(float(loss))
        for i, g in enumerate(tape.gradient(loss, [w.value for w in model.trainable_variables])):
            velocity[i] = momentum_of(t) * velocity[i] - rate_of(t) * g.numpy()
            model.trainable_variables[i].assign_add(velocity[i])
    return np.reshape(losses, (epochs, 8)).mean(axis=1)


@pytest.mark.parametrize("module", [optimizers, keras.optimizers], ids=["ours", "Keras"])
@pytest.mark.parametrize("trained_before", [False, True])
def test_one_cycle_really_changes_the_momentum(module, trained_before):
    """Not only the attribute: the losses are those of momentum optimization with the cycle, written out."""
    model, cycle = small(module.SGD(0.01, momentum=0.9)), OneCycleScheduler(0.05)
    if trained_before:  # the step is compiled already, with 0.9 in it
        start = [w.numpy() for w in model.trainable_variables]
        fit(model, epochs=1)
        for w, value in zip(model.trainable_variables, start, strict=True):
            w.assign(value)
        for slot in model.optimizer.variables[2:]:
            slot.assign(np.zeros(slot.shape))
    losses = fit(model, cycle)["loss"]
    expected = by_hand(3, OneCycle(0.05, 24), lambda t: one_cycle_momentum(t, 24))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    constant = by_hand(3, OneCycle(0.05, 24), lambda t: 0.9)
    assert not np.allclose(losses, constant, rtol=1e-2)
    np.testing.assert_allclose(cycle.rates, OneCycle(0.05, 24)(np.arange(24)), rtol=1e-6)
    np.testing.assert_allclose(cycle.momenta, one_cycle_momentum(np.arange(24), 24), rtol=1e-6)
    assert model.optimizer.momentum == 0.9
    fit(model, epochs=1)


def test_one_cycle_can_leave_the_momentum_alone():
    losses = fit(small(optimizers.SGD(0.01, 0.9)), cycle := OneCycleScheduler(0.05, None, None))["loss"]
    np.testing.assert_allclose(losses, by_hand(3, OneCycle(0.05, 24), lambda t: 0.9), rtol=1e-4)
    assert cycle.momenta == []


def test_one_cycle_leaves_an_optimizer_that_can_be_saved(tmp_path):
    model = small(optimizers.SGD(0.01, 0.9))
    fit(model, epochs=1)
    names = [variable.name for variable in model.optimizer.variables]
    fit(model, OneCycleScheduler(0.05), epochs=1)
    assert [variable.name for variable in model.optimizer.variables] == names
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert fit(again, epochs=1)["loss"] == fit(model, epochs=1)["loss"]


def test_a_model_can_be_saved_in_the_middle_of_a_cycle(tmp_path):
    model = small(optimizers.SGD(0.01, 0.9))
    fit(model, OneCycleScheduler(0.05), keras.callbacks.ModelCheckpoint(tmp_path / "model.keras"), epochs=2)
    assert keras.models.load_model(tmp_path / "model.keras").optimizer.momentum == 0.9


def test_one_cycle_survives_an_interrupt():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = small(optimizers.SGD(0.01, 0.9))
    with pytest.raises(KeyboardInterrupt):
        fit(model, OneCycleScheduler(0.05), Interrupt())
    fit(model, cycle := OneCycleScheduler(0.05), epochs=1)
    assert model.optimizer.momentum == 0.9
    assert len(cycle.momenta) == 8


def test_the_range_test_works_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small(optimizers.Adam(0.01))
        found = LearningRateFinder(1e-4, 1e-2, steps=5, batch_size=10).find(model, X, Y)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(found.losses).all() and len(found.rates) == 5


def test_one_cycle_refuses_what_it_cannot_do():
    for optimizer in (optimizers.SGD(0.1), keras.optimizers.Adam()):
        with pytest.raises(ValueError, match="`momentum` must be a number above 0, so that there is one to cycle"):
            fit(small(optimizer), OneCycleScheduler(0.1))
    with pytest.raises(ValueError, match="`learning_rate` must be a number"):
        fit(small(optimizers.SGD(PowerDecay(0.1, 10), 0.9)), OneCycleScheduler(0.1))


# The range test


def test_the_range_test_leaves_the_model_as_it_was():
    model = small(optimizers.Adam(0.01))
    fit(model, epochs=1)
    before = [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]
    found = LearningRateFinder(1e-4, 100.0, steps=60, batch_size=10).find(model, X, Y)
    for old, new in zip(before, (*model.variables, *model.optimizer.variables), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    assert found.diverged
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 60
    np.testing.assert_allclose(found.rates[1:] / found.rates[:-1], 1e6 ** (1 / 59))
    assert found.suggestion == pytest.approx(found.rates[np.argmin(found.smoothed)] / 10)
    assert 1e-4 < found.suggestion < 10


def test_the_range_test_finds_the_edge_of_stability():
    """One weight, J = θ²/2 for every row: plain descent is stable below the rate 2."""
    x, y = np.ones((64, 1), "float32"), np.zeros((64, 1), "float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", lambda y_true, y_pred: (y_true - y_pred) ** 2 / 2)
    found = LearningRateFinder(1e-3, 100.0, steps=200, batch_size=8, smoothing=0.0).find(model, x, y)
    lowest = found.rates[np.argmin(found.losses)]
    assert found.diverged and 1.5 < lowest < 2.5
    np.testing.assert_allclose(found.losses[:2], [0.5, 0.5 * (1 - 1e-3) ** 2], rtol=1e-6)
    calm = LearningRateFinder(1e-4, 1e-3, steps=20, batch_size=8).find(model, x, y)
    assert not calm.diverged and len(calm.rates) == 20


def test_the_range_test_needs_a_compiled_model_and_enough_rows():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="`model` must be compiled"):
        LearningRateFinder().find(model, X, Y)
    with pytest.raises(ValueError, match="`batch_size` must be between 1 and the 80 rows of x"):
        LearningRateFinder(batch_size=81).find(small("sgd"), X, Y)
