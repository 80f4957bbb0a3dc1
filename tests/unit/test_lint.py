"""Each rule of the linter finds the defect it was written for, as it stood in print, and is silent on sound runs."""

import ast
import math
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import handson11
from handson11.experiments.lint import RULES, Finding, from_history, lint

SOURCE = Path(handson11.__file__).parent / "experiments" / "lint.py"


def sound(**changes):
    """Return the records of two arms, six seeds each, as they should be; ``changes`` go into each record of SGD."""
    records = []
    for arm, start in (("SGD", 0.50), ("Adam", 0.45)):
        for seed in range(6):
            record = {
                "arm": arm,
                "seed": seed,
                "losses": [start + seed / 100, start / 2 + seed / 100],
                "learning_rates": [0.1, 0.01],
                "scheduled": True,
                "boundaries": [10],
                "steps": 20,
                "epochs": 2,
                "epochs_run": 2,
                "accuracy": 0.85 + seed / 100,
                "chance": 0.1,
                "diverged": False,
                "tuned_on": "validation",
                "judged_on": "test",
                "trials": 6,
                "stage": "judging",
            }
            records.append({**record, **(changes if arm == "SGD" else {})})
    return records


def rules_of(records):
    return [finding.rule for finding in lint(records)]


def only(records, rule):
    """Return the one finding there is; it must come from ``rule``."""
    findings = lint(records)
    assert [finding.rule for finding in findings] == [rule]
    return findings[0]


def test_sound_records_give_no_finding():
    assert lint(sound()) == []
    assert lint([]) == []


def test_every_rule_is_registered_under_its_name():
    expected = "identical_histories constant_schedule boundary_after_end epochs_differ hidden_failure tuned_on_test"
    assert list(RULES) == [*expected.split(), "unequal_tuning", "one_seed"]
    for name in RULES:
        assert name in lint.__doc__


def test_identical_histories():
    """handson-ml3, notebook 11: the rows of SGD and momentum agree to the last digit, because SGD once had momentum."""
    printed = {"SGD": 0.3097, "Momentum": 0.3097, "Nesterov": 0.3081, "AdaGrad": 0.4511}
    accuracy = {"SGD": 0.8672, "Momentum": 0.8672, "Nesterov": 0.8708, "AdaGrad": 0.8424}
    records = [{"arm": arm, "losses": [loss], "accuracy": accuracy[arm]} for arm, loss in printed.items()]
    finding = only(records, "identical_histories")
    assert finding.arms == ("SGD", "Momentum")
    assert "0.3097" in finding.message and "run all arms again" in finding.message


def test_identical_histories_are_equal_in_every_epoch():
    assert rules_of([{"arm": "a", "losses": [0.5, 0.3]}, {"arm": "b", "losses": [0.5, 0.3 + 1e-12]}]) == []
    assert rules_of([{"arm": "a", "losses": [0.5, 0.3]}, {"arm": "b", "losses": [0.5]}]) == []
    copies = [{"arm": arm, "losses": np.array([0.5, last])} for last in (0.3, 0.2) for arm in "abc"]
    finding = only(copies, "identical_histories")
    assert finding.arms == ("a", "b", "c") and "2 runs" in finding.message


def test_runs_that_were_nan_from_the_start_are_failures_not_copies():
    records = [{"arm": arm, "losses": [math.nan, math.nan]} for arm in "ab"]
    assert rules_of(records) == ["hidden_failure", "hidden_failure"]
    records = [{"arm": arm, "losses": [0.5, math.nan]} for arm in "ab"]
    assert "identical_histories" in rules_of(records)


def test_constant_schedule():
    """Code of the Keras 2 editions, run on Keras 3: ``SGD(decay=1e-4)`` only warns, and the rate stays constant."""
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizer = keras.optimizers.SGD(learning_rate=0.01, decay=1e-4)
    weight = keras.Variable(1.0)
    rates = []
    for _ in range(3):
        optimizer.apply([keras.ops.ones(())], [weight])
        rates.append(float(optimizer.learning_rate))
    finding = only([{"arm": "power scheduling", "scheduled": True, "learning_rates": rates}], "constant_schedule")
    assert finding.arms == ("power scheduling",) and "stayed at 0.01" in finding.message
    assert "Check that the optimizer uses the schedule" in finding.message


def test_constant_rates_without_a_schedule_are_fine():
    assert rules_of(sound(scheduled=False, learning_rates=[0.1, 0.1])) == []
    assert rules_of(sound(learning_rates=[0.1])) == []  # one entry cannot show a change


def test_boundary_after_end():
    """handson-ml3, notebook 11, piecewise constant scheduling: boundaries 31,250 and 50,000, 17,190 steps."""
    record = {"arm": "piecewise constant", "boundaries": [31_250, 50_000], "steps": 10 * 1719}
    finding = only([record], "boundary_after_end")
    assert "step 31,250 and 50,000" in finding.message and "17,190 steps" in finding.message
    assert lint([{**record, "boundaries": [6000, 13_000]}]) == []


def test_boundary_at_the_last_step_changes_nothing():
    assert rules_of(sound(boundaries=[18])) == []
    assert rules_of(sound(boundaries=[5, 19])) == ["boundary_after_end"]


def test_epochs_differ():
    """handson-ml3, notebook 11, exponential scheduling: the code says ``n_epochs = 20``, the output shows 25 epochs."""
    finding = only([{"arm": "exponential", "epochs": 20, "epochs_run": 25}], "epochs_differ")
    assert "20 epochs planned, 25 run" in finding.message and "Run it again" in finding.message


def test_a_run_may_end_early_if_it_says_so():
    assert rules_of(sound(epochs_run=1)) == ["epochs_differ"]
    assert rules_of(sound(epochs_run=1, stopped_early=True)) == []
    assert rules_of(sound(epochs_run=3, stopped_early=True)) == ["epochs_differ"]
    assert rules_of(sound(epochs_run=1, diverged=True)) == ["hidden_failure"]


def test_hidden_failure_among_working_runs():
    """The classes NumPy reads off NaN outputs are all 0: the run enters a mean on ten classes as accuracy 0.100."""
    labels = np.arange(1000) % 10
    accuracy = float(np.mean(np.argmax(np.full((1000, 10), np.nan), axis=1) == labels))
    assert accuracy == 0.1
    records = sound()
    records[3] |= {"accuracy": accuracy}
    finding = only(records, "hidden_failure")
    assert finding.arms == ("SGD",)
    assert "1 of 6 runs failed (1 at chance level)" in finding.message and "number of failures" in finding.message


def test_hidden_failure_of_a_whole_arm():
    """UvA Deep Learning Tutorials, tutorial 3: the table lists sigmoid with 10.00 % among accuracies of 87 to 89 %."""
    printed = {"sigmoid": 0.1000, "tanh": 0.8759, "ReLU": 0.8862, "LeakyReLU": 0.8892, "ELU": 0.8727, "Swish": 0.8873}
    finding = only([{"arm": arm, "accuracy": accuracy} for arm, accuracy in printed.items()], "hidden_failure")
    assert finding.arms == ("sigmoid",)
    assert "1 of 1 run failed" in finding.message and "say that it failed" in finding.message


@pytest.mark.parametrize(
    "failed", [{"diverged": True}, {"accuracy": math.nan}, {"losses": [0.5, math.nan]}, {"losses": [0.5, math.inf]}]
)
def test_marks_of_a_diverged_run(failed):
    records = sound()
    records[0] |= failed
    assert "1 of 6 runs failed (1 diverged)" in only(records, "hidden_failure").message


@pytest.mark.parametrize(
    ("chance", "accuracy", "failed"),
    [(0.1, 0.119, True), (0.1, 0.121, False), (0.5, 0.519, True), (0.5, 0.521, False), (0.001, 0.005, False)],
)
def test_what_counts_as_chance_level(chance, accuracy, failed):
    assert rules_of([{"arm": "a", "chance": chance, "accuracy": accuracy}]) == ["hidden_failure"] * failed


def test_tuning_runs_may_fail_and_may_have_one_seed():
    tuning = [{"arm": arm, "seed": 100, "stage": "tuning", "accuracy": math.nan} for arm in ("SGD", "Adam")]
    assert rules_of(sound() + tuning) == []


def test_tuned_on_test():
    """handson-ml3, exercise 8 (CIFAR-10): validation images choose each net's rate, the same images judge the nets."""
    printed = {"Swish": 0.4676, "batch norm": 0.5074, "SELU": 0.5026}
    same = {"tuned_on": "validation", "judged_on": "validation"}
    finding = only([{"arm": arm, "accuracy": accuracy, **same} for arm, accuracy in printed.items()], "tuned_on_test")
    assert finding.arms == tuple(printed) and "chosen on the validation data" in finding.message
    assert "Choose on other data" in finding.message


def test_tuned_on_test_by_name():
    assert "chosen on the test data" in only(sound(tuned_on="test"), "tuned_on_test").message
    assert rules_of([{"arm": "a", "tuned_on": "test"}]) == ["tuned_on_test"]
    assert rules_of([{"arm": "a", "tuned_on": "validation"}, {"arm": "a", "judged_on": "validation"}]) == []


def test_unequal_tuning_one_rate_for_all():
    """handson-mlp (2025), optimizers: all ran at the rate 0.05, where Adam reaches 0.417 and NAdam 0.191."""
    printed = {"SGD": 0.872, "momentum": 0.861, "AdaGrad": 0.880, "RMSProp": 0.409, "Adam": 0.417, "NAdam": 0.191}
    records = [
        {"arm": arm, "accuracy": accuracy, "learning_rates": [0.05], "trials": 1} for arm, accuracy in printed.items()
    ]
    finding = only(records, "unequal_tuning")
    assert finding.arms == tuple(printed)
    assert "learning rate 0.05" in finding.message and "Tune the rate of every arm" in finding.message
    records[0]["learning_rates"] = [0.1]
    assert lint(records) == []
    del records[0]["learning_rates"]
    assert lint(records) == []


def test_unequal_tuning_different_trials():
    finding = only(sound(trials=1), "unequal_tuning")
    assert finding.arms == ("SGD", "Adam") and "SGD 1, Adam 6" in finding.message
    assert "the same number of settings" in finding.message


def test_trials_are_counted_if_nobody_tells_them():
    tuning = [{"arm": arm, "stage": "tuning"} for arm in ("a", "a", "b", "b")]
    assert rules_of(tuning) == []
    assert "a 2, b 1" in only(tuning[:3], "unequal_tuning").message
    assert "a 2, c 0" in only([*tuning[:2], {"arm": "c"}], "unequal_tuning").message


def test_one_seed():
    """handson-ml3, notebook 11: every run of every arm has the seed 42."""
    printed = {"SGD": 0.8672, "Nesterov": 0.8708, "AdaGrad": 0.8424, "RMSProp": 0.8636, "Adam": 0.8696}
    finding = only([{"arm": arm, "seed": 42, "accuracy": value} for arm, value in printed.items()], "one_seed")
    assert finding.arms == tuple(printed)
    assert "A single seed (42)" in finding.message and "at least 6 seeds" in finding.message


def test_one_seed_names_only_the_arms_that_have_one():
    records = [{"arm": "a", "seed": 1}, {"arm": "a", "seed": 2}, {"arm": "b", "seed": 1}, {"arm": "b", "seed": 1}]
    assert only(records, "one_seed").arms == ("b",)


def test_seeds_of_tuning_do_not_count():
    tuning = [{"arm": "a", "seed": seed, "stage": "tuning"} for seed in (100, 101)]
    assert rules_of(tuning[:1]) == []
    assert "A single seed (0)" in only([*tuning, {"arm": "a", "seed": 0}], "one_seed").message


@pytest.mark.parametrize("key", ["learning_rate", "lr"])
def test_from_history_knows_both_names_of_the_rate(key):
    """handson-ml3, notebook 11: the code reads ``history["learning_rate"]``, the stored log has ``lr`` (Keras 2)."""
    fit = SimpleNamespace(history={"loss": [0.5, 0.4], key: [0.1, 0.1]}, params=None, epoch=[0, 1])
    record = from_history(fit, "performance scheduling", scheduled=True)
    assert record["learning_rates"] == [0.1, 0.1]
    assert rules_of([record]) == ["constant_schedule"]


def test_from_history_of_keras():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.zeros((8, 2), "float32"), np.zeros(8, "int32")
    options = {"batch_size": 4, "validation_data": (x, y), "verbose": 0, "shuffle": False}
    rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch)
    history = model.fit(x, y, initial_epoch=1, epochs=4, callbacks=[rates], **options)
    record = from_history(history, "halved", seed=3, scheduled=True, trials=4)
    assert record["losses"] == history.history["loss"] and len(record["losses"]) == 3
    assert record["accuracy"] == history.history["val_accuracy"][-1] == 1.0
    record = {key: value for key, value in record.items() if key not in ("losses", "accuracy")}
    assert record == {
        "arm": "halved",
        "seed": 3,
        "learning_rates": [0.5, 0.25, 0.125],
        "epochs": 3,
        "epochs_run": 3,
        "steps": 6,
        "diverged": False,
        "scheduled": True,
        "trials": 4,
    }


def test_from_history_of_little():
    fit = SimpleNamespace(history={"loss": [math.nan]}, params={"epochs": None, "steps": None}, epoch=[])
    record = from_history(fit, "a")
    assert list(record) == ["arm", "losses", "epochs_run", "diverged"] and record["diverged"]
    with pytest.raises(ValueError, match="`history` must have a `loss`"):
        from_history(SimpleNamespace(history={}, params={}, epoch=[]), "a")


def test_a_rule_that_lacks_its_keys_stays_silent():
    assert lint([{"arm": "a"}, {"arm": "b", "something else": 1, "accuracy": None, "losses": None}]) == []
    for key in ("scheduled", "learning_rates"):
        records = sound(scheduled=True, learning_rates=[0.1, 0.1])
        assert rules_of(records) == ["constant_schedule"]
        assert rules_of([{k: v for k, v in record.items() if k != key} for record in records]) == []


def test_records_must_name_their_arm():
    with pytest.raises(ValueError, match="`records` must name the `arm`"):
        lint([{"seed": 1}])
    with pytest.raises(TypeError, match="`records` must hold dicts"):
        lint([SimpleNamespace(arm="a")])


def test_findings_are_readable():
    assert str(Finding("one_seed", ("a", "b"), "Run more.")) == "one_seed [a, b]: Run more."
    findings = lint(sound(tuned_on="test", trials=1, epochs=3, boundaries=[40], accuracy=0.1))
    assert len(findings) == 5
    assert [finding.message for finding in findings if not finding.message.endswith(".")] == []


def test_lint_needs_numpy_only():
    imported = set()
    for node in ast.walk(ast.parse(SOURCE.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported == {"dataclasses", "numpy", "handson11._check"}
