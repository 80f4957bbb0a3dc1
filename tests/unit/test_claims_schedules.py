"""Section 11.3.6: what its runs measure, and that each of its conclusions can come out either way."""

import functools
import math

import keras
import numpy as np
import pytest

from handson11.claims.runs import schedules as runs
from handson11.claims.schedules import RATES, SCHEDULES, SHORT
from handson11.experiments import Trainer, make_task
from handson11.experiments.training import load_data
from tests.unit.made_up_results import conclusion

NAN = math.nan


@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_the_exponential_schedule_needs_s_steps_for_a_tenth(whose):
    found = runs.exponential_ratios({"whose": whose, "s": 4})
    assert found["ratio_one_step"] == pytest.approx(10**-0.25, rel=1e-6)
    assert found["ratio_s_steps"] == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("whose", ["ours", "keras"])
def test_the_power_schedule_is_compared_with_its_fractions(whose):
    found = runs.power_fractions({"whose": whose, "s": 5, "steps": 20})
    assert found["largest_error"] < 1e-6
    assert found["drops_shrink"] == 1


def test_a_straight_line_is_not_a_power_schedule(monkeypatch):
    monkeypatch.setattr(runs, "PowerDecay", lambda start, s: lambda t: 1 - t / 100)
    found = runs.power_fractions({"whose": "ours", "s": 5, "steps": 20})
    assert found["largest_error"] == pytest.approx(0.85 * 4 - 1)  # 0.85 after 15 steps instead of 1/4
    assert found["drops_shrink"] == 0


def test_a_tuned_number_holds_a_shape_and_a_rate():
    found = [runs.setting(shape + rate) for shape in (1, 2) for rate in RATES]
    assert found == [(shape, rate) for shape in (1, 2) for rate in RATES]
    (tried,) = set(SCHEDULES.rates.values())
    assert len(tried) == 12
    assert list(tried) == sorted(tried)  # the next number is the next rate of the same shape


@pytest.mark.parametrize(
    ("schedule", "number", "expected"),
    [  # 4 epochs of 5 steps; expected: {step: rate}
        ("exponential", 1.1, {0: 0.1, 10: 0.1 / 10**0.5}),
        ("exponential", 2.1, {0: 0.1, 10: 0.01}),
        ("power", 1.1, {0: 0.1, 10: 0.1 / 5.5}),  # 1 + 9/2
        ("power", 2.1, {0: 0.1, 10: 0.1 / 15.5}),  # 1 + 29/2
        ("piecewise", 2.1, {0: 0.1, 9: 0.1, 10: 0.01, 14: 0.01, 15: 0.001, 19: 0.001}),
        ("one_cycle", 1.1, {0: 0.01, 9: 0.1, 18: 0.01, 19: 0.5 * (0.01 + 0.00001)}),
        ("one_cycle", 2.1, {0: 0.01, 7: 0.1, 14: 0.01, 17: 0.5 * (0.01 + 0.00001)}),
    ],
)
def test_the_rates_of_a_run(schedule, number, expected):
    rates = runs.rates_of(schedule, number, epochs=4, per_epoch=5)
    assert rates.shape == (20,)
    assert {step: rates[step] for step in expected} == pytest.approx(expected)


def test_the_rates_that_are_no_array():
    assert runs.rates_of("constant", 1.02, 4, 5) == pytest.approx(0.02)
    assert runs.rates_of("constant", 2.02, 4, 5) == pytest.approx(0.03)
    losses, rates = [], []
    performance = runs.rates_of("performance", 1.1, 6, 5)
    for loss in (0.5, 0.6, 0.7, 0.4, 0.5):  # two epochs without a new lowest loss: half the rate
        rates.append(performance(losses))
        losses.append(loss)
    assert [*rates, performance(losses)] == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05])
    with pytest.raises(ValueError, match="schedule"):
        runs.rates_of("cosine", 1.1, 4, 5)


def test_the_cycled_momentum_is_written_out_by_hand():
    optimizer = runs.CycledMomentum(steps=10, final_steps=2)  # 0.95 at steps 0, 8 and 10, and 0.85 at step 4
    for t, beta in [(1, 0.95), (3, 0.90), (5, 0.85), (9, 0.95), (11, 0.95)]:
        change, (slot,) = optimizer.step(np.array([2.0]), np.float64(t), 0.1, np.array([1.0]))
        assert change == pytest.approx(beta - 0.2)
        assert slot == pytest.approx(beta - 0.2)


def test_a_run_with_the_cycled_momentum_follows_a_loop_in_numpy():
    """One step at a time, with gradients by Keras and the rule by hand."""
    import tensorflow as tf

    task = make_task(load_data("stand-in"), 64, 0, n_validation=32)
    trainer = Trainer(functools.partial(runs._network, '{"depth": 1, "width": 8}'), runs.CycledMomentum(6, 2))
    rates = runs.rates_of("one_cycle", 2.1, 3, 2)
    run = trainer.run(task, 0, rates, epochs=3, batch_size=32)
    model = trainer.build(0)
    slots = [np.zeros(w.shape) for w in model.trainable_variables]
    orders = np.random.default_rng([0, 1])
    batches = np.concatenate([orders.permutation(64) for _ in range(3)]).reshape(6, 32)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for rows, rate, beta in zip(batches, rates, [0.95, 0.90, 0.85, 0.90, 0.95, 0.95], strict=True):
        with tf.GradientTape() as tape:
            loss = loss_function(task.y_train[rows], model(task.x_train[rows]))
        for i, (w, g) in enumerate(
            zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True)
        ):
            slots[i] = beta * slots[i] - rate * np.asarray(g)
            w.assign_add(slots[i])
    assert run.losses[-1] == pytest.approx(float(loss), rel=1e-4)
    for found, expected in zip(run.weights, model.trainable_variables, strict=True):
        np.testing.assert_allclose(found, np.asarray(expected), atol=1e-5)


@pytest.mark.parametrize("arm", ["exponential", "performance", "one_cycle_momentum"])
def test_an_arm_trains_and_counts_its_epochs(arm):
    small = SCHEDULES.reduced(fixed={"arguments": {"depth": 1, "width": 16}, "n": 256, "epochs": 3, "batch_size": 64})
    record = runs.scheduled(small.configuration(arm, 0, 1.02, "stand-in"))
    assert record["diverged"] == 0
    assert record["epochs"] == 3
    assert record["epoch_losses"][-1] < record["epoch_losses"][0]
    assert record["epochs_to_target"] == 4.0  # never, in three epochs


def test_the_experiments_give_every_arm_as_many_settings():
    assert {len(rates) for rates in SCHEDULES.rates.values()} == {12}
    assert SHORT.fixed == {**SCHEDULES.fixed, "epochs": 5}
    assert SHORT.rates == SCHEDULES.rates


@pytest.mark.parametrize(
    ("one", "many", "expected"),
    [(0.1, 0.01, "confirmed"), (0.891, 0.1, "refuted"), (0.891, 0.5, "open"), (0.5, 0.1, "open")],
)
def test_cl_70(one, many, expected):
    values = {"ratio_one_step": one, "ratio_s_steps": many}
    assert conclusion("CL-70", lambda arm, metric: values[metric])[0] == expected


def test_cl_70_is_not_judged_if_keras_disagrees():
    with pytest.raises(AssertionError):
        conclusion("CL-70", lambda arm, metric: 0.891 if arm == "ours" else 0.1)


@pytest.mark.parametrize(
    ("errors", "shrink", "expected"),
    [((1e-16, 1e-7), (1, 1), "confirmed"), ((1e-16, 1e-3), (1, 1), "refuted"), ((0.0, 0.0), (1, 0), "refuted")],
)
def test_cl_71(errors, shrink, expected):
    values = {
        "largest_error": dict(zip(("ours", "keras"), errors, strict=True)),
        "drops_shrink": dict(ours=shrink[0], keras=shrink[1]),
    }
    assert conclusion("CL-71", lambda arm, metric: values[metric][arm])[0] == expected


def outcome(accuracies, epochs=None, lost=0):
    """Return made-up values: accuracies and epochs by arm, a little spread, and the first ``lost`` runs of 1cycle."""

    def values(arm, metric):
        if metric == "train_loss":
            return np.full(10, 0.1)
        if metric == "epochs_to_target":
            return np.full(10, (epochs or {}).get(arm, 16.0))
        found = accuracies.get(arm, 0.85) + np.linspace(-0.001, 0.001, 10) * (1 + len(arm) / 10)
        return np.where((np.arange(10) < lost) & (arm == "one_cycle"), NAN, found)

    return values


@pytest.mark.parametrize(
    ("accuracies", "epochs", "expected"),
    [
        ({"one_cycle": 0.86}, {"one_cycle": 10.0}, "confirmed"),
        ({"one_cycle": 0.86}, {}, "partly"),  # the target is never reached
        ({"one_cycle": 0.86, "exponential": 0.87}, {"one_cycle": 10.0}, "partly"),
        ({"one_cycle": 0.84}, {"one_cycle": 10.0}, "refuted"),
        ({"one_cycle": 0.851}, {"one_cycle": 10.0}, "confirmed"),  # a small gain is a gain
        ({}, {"one_cycle": 10.0}, "refuted"),  # less than half a point is not worth having
    ],
)
def test_cl_72(accuracies, epochs, expected):
    assert conclusion("CL-72", outcome(accuracies, epochs), outcome({}))[0] == expected


def test_cl_72_counts_a_diverged_run_as_chance_and_the_ratio_is_geometric():
    _, measured, _ = conclusion("CL-72", outcome({"one_cycle": 0.86}, lost=3), outcome({}))
    assert measured["gain_constant_low"] < -0.1
    _, measured, texts = conclusion("CL-72", outcome({}, {"one_cycle": 4.0}), outcome({}))
    assert measured["epochs_ratio_high"] == pytest.approx(0.25)
    assert "epochs to a training loss of 0.2, 1cycle / constant rate: 0.25 [0.25, 0.25], n = 10" in texts
    assert "test accuracy, 1cycle minus constant, 5 epochs" in " ".join(texts)


@pytest.mark.parametrize(
    ("exponential", "performance", "expected"),
    [(0.86, 0.86, "confirmed"), (0.85, 0.86, "partly"), (0.85, 0.84, "refuted"), (0.84, 0.86, "partly")],
)
def test_cl_73(exponential, performance, expected):
    made_up = outcome({"exponential": exponential, "performance": performance})
    assert conclusion("CL-73", made_up, outcome({}))[0] == expected


def test_cl_73_is_open_if_the_intervals_are_wide():
    def values(arm, metric):
        return 0.85 + 0.05 * (-1) ** np.arange(10) * (arm == "exponential") if metric == "test_accuracy" else 1.0

    assert conclusion("CL-73", values, outcome({}))[0] == "open"
