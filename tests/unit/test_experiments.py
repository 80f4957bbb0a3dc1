"""The engine against Keras' own `fit`, and the rules of choice and judgement on cases made by hand."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from handson11 import experiments
from handson11.datasets import load_fashion_mnist
from handson11.experiments import Run, Task, Trainer, choose_learning_rate, compare, judge, load_claims, make_task


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(96, 784)).astype("float32"), rng.integers(0, 10, 96).astype("int32")
    return Task(rows[:64], labels[:64], rows[64:80], labels[64:80], rows[80:], labels[80:])


def build(seed):
    start = [keras.initializers.GlorotUniform(seed + i) for i in range(2)]
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(16, activation="tanh", kernel_initializer=start[0], use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Dense(10, kernel_initializer=start[1]),
        ]
    )


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.05),
    "adagrad": lambda: keras.optimizers.Adagrad(0.05),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.05),
    "adamw": lambda: keras.optimizers.AdamW(0.05),
    "adamax": lambda: keras.optimizers.Adamax(0.05),
    "nadam": lambda: keras.optimizers.Nadam(0.05),
}
DIVIDES_BY_SMALL_NUMBERS = ("adam", "rmsprop", "adamw", "adamax", "nadam")


@pytest.mark.parametrize(
    ("optimizer", "jit_compile"), [*((name, False) for name in OPTIMIZERS), ("momentum", True), ("nadam", True)]
)
def test_same_weights_as_fit_on_the_same_batches(task, optimizer, jit_compile):
    run = Trainer(build, optimizer, jit_compile=jit_compile).run(task, 3, 0.05, epochs=1, batch_size=64)
    model = build(3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(OPTIMIZERS[optimizer](), loss=loss)
    history = model.fit(task.x_train, task.y_train, batch_size=64, epochs=1, verbose=0, shuffle=False)
    assert run.losses[0] == pytest.approx(history.history["loss"][0], abs=1e-6)
    keras_weights = [*model.trainable_variables, *model.non_trainable_variables]
    for ours, theirs in zip(run.weights, keras_weights, strict=True):
        # The rows come in another order, so sums differ in the last bits; Adam divides by small ones.
        np.testing.assert_allclose(
            ours, np.asarray(theirs), atol=2e-4 if optimizer in DIVIDES_BY_SMALL_NUMBERS else 2e-6
        )


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "nadam"])
def test_a_run_of_several_steps_follows_train_on_batch(task, optimizer):
    run = Trainer(build, optimizer).run(task, 1, 0.01, epochs=2, batch_size=16)
    rng = np.random.default_rng([1, 1])
    order = np.concatenate([rng.permutation(64) for _ in range(2)]).reshape(8, 16)
    model = build(1)
    theirs = OPTIMIZERS[optimizer]()
    theirs.learning_rate = 0.01
    model.compile(theirs, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = []
    for rows in order:
        model.reset_metrics()
        losses.append(float(model.train_on_batch(task.x_train[rows], task.y_train[rows])))
    np.testing.assert_allclose(run.losses, losses, rtol=2e-4)
    np.testing.assert_allclose(run.epoch_losses, np.reshape(losses, (2, 4)).mean(axis=1), rtol=2e-4)
    logits = Trainer(build, optimizer).trained_model(run)(task.x_test)
    assert run.test_accuracy == pytest.approx(np.mean(np.argmax(logits, axis=1) == task.y_test))


def test_a_diverged_run_is_nan_and_not_chance(task):
    run = Trainer(build, "sgd").run(task, 0, 1e30, epochs=2, batch_size=32)
    assert run.diverged
    assert math.isnan(run.test_accuracy)
    assert math.isnan(run.train_loss)


def test_a_convolution_is_found_at_any_depth():
    inner = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.SeparableConv2D(2, 3), keras.layers.Flatten()])
    outer = keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(10)])
    assert experiments.has_convolution(outer)
    assert not experiments.has_convolution(build(0))


def test_a_convolution_trains_without_xla(task):
    def convolution(seed):
        start = keras.initializers.GlorotUniform(seed)
        return keras.Sequential(
            [
                keras.Input((784,)),
                keras.layers.Reshape((28, 28, 1)),
                keras.layers.Conv2D(2, 5, strides=5, kernel_initializer=start),
                keras.layers.Flatten(),
                keras.layers.Dense(10, kernel_initializer=start),
            ]
        )

    trainer = Trainer(convolution, "sgd")
    run = trainer.run(task, 0, 0.01, epochs=1, batch_size=32)
    assert not run.diverged
    assert trainer._compiled._jit_compile is False
    assert Trainer(build)._compiled._jit_compile is True


def test_epoch_by_epoch_is_the_same_run(task):
    seen = []
    whole = Trainer(build, "adam").run(task, 2, 0.01, epochs=3, batch_size=16)
    parts = Trainer(build, "adam").run(
        task, 2, 0.01, epochs=3, batch_size=16, after_epoch=lambda epoch, weights: seen.append((epoch, weights[0]))
    )
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-5)
    np.testing.assert_allclose(parts.weights[0], whole.weights[0], atol=1e-5)
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    np.testing.assert_array_equal(seen[-1][1], parts.weights[0])
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_a_function_chooses_the_rate_of_each_epoch(task):
    told = []

    def halve(validation_losses):
        told.append(list(validation_losses))
        return 0.1 * 0.5 ** len(validation_losses)

    chosen = Trainer(build, "sgd").run(task, 2, halve, epochs=3, batch_size=16)
    per_epoch = len(chosen.losses) // 3
    listed = Trainer(build, "sgd").run(task, 2, np.repeat([0.1, 0.05, 0.025], per_epoch), epochs=3, batch_size=16)
    np.testing.assert_allclose(chosen.losses, listed.losses, rtol=1e-5)
    assert len(told[-1]) == 2 and chosen.learning_rate == pytest.approx(0.1)
    first = Trainer(build, "sgd").run(task, 2, 0.1, epochs=1, batch_size=16)
    assert told[-1][0] == pytest.approx(first.validation_loss, rel=1e-5)


def test_a_budget_in_seconds_ends_after_the_epoch_in_which_it_is_spent(task):
    trainer = Trainer(build, "sgd")
    assert len(trainer.run(task, 0, 0.01, epochs=50, batch_size=16, seconds=1e-6).epoch_losses) == 1
    assert len(trainer.run(task, 0, 0.01, epochs=3, batch_size=16, seconds=1000).epoch_losses) == 3
    with pytest.raises(ValueError, match="`seconds` must be above 0"):
        trainer.run(task, 0, 0.01, epochs=3, batch_size=16, seconds=0)


def test_two_threads_never_see_each_others_images(task):
    other = replace(task, x_train=-task.x_train)
    trainer = Trainer(build, "sgd", jit_compile=False)
    alone = [trainer.run(part, 0, 0.01, epochs=1, batch_size=32).train_loss for part in (task, other)]

    def many(part):
        return {trainer.run(part, 0, 0.01, epochs=1, batch_size=32).train_loss for _ in range(10)}

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(many, (task, other)))
    assert alone[0] != alone[1]
    for loss, losses in zip(alone, together, strict=True):
        assert all(found == pytest.approx(loss, abs=1e-5) for found in losses)


def test_several_trainers_are_not_taken_for_one_that_is_traced_again_and_again(task, caplog):
    with caplog.at_level("WARNING", "tensorflow"):
        for _ in range(6):
            Trainer(build, "sgd", jit_compile=False).run(task, 0, 0.01, epochs=1, batch_size=32)
    assert "retracing" not in caplog.text


def test_clip_changes_the_gradients_before_the_rule(task):
    run = Trainer(build, "sgd", clip=lambda gradients: [0 * g for g in gradients]).run(
        task, 0, 1.0, epochs=1, batch_size=32
    )
    for start, end in zip(build(0).trainable_variables, run.weights, strict=False):
        np.testing.assert_array_equal(np.asarray(start), end)


def test_start_replaces_the_start_weights_and_rates_may_change_each_step(task):
    still = Trainer(build, "sgd").run(
        task, 0, np.zeros(4, "float32"), epochs=2, batch_size=32, start=lambda weights: [0 * w for w in weights]
    )
    assert all(np.all(w == 0) for w in still.weights[:5])
    assert still.losses == pytest.approx([math.log(10)] * 4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"batch_size": 65}, "`batch_size` must be between 1 and the 64 training rows. Received: batch_size=65"),
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"learning_rate": -1.0}, "`learning_rate` must be finite and not negative"),
        ({"learning_rate": [0.1, 0.2, 0.3]}, "`learning_rate` must be one number or 2 numbers"),
    ],
)
def test_bad_arguments_of_a_run(task, arguments, text):
    settings = {"learning_rate": 0.01, "epochs": 2, "batch_size": 64, **arguments}
    with pytest.raises(ValueError, match=text):
        Trainer(build).run(task, 0, **settings)


def test_bad_arguments_of_a_trainer():
    with pytest.raises(ValueError, match="`optimizer` must be one of"):
        Trainer(build, "newton")
    with pytest.raises(TypeError, match="`build` must be a function"):
        Trainer(None)
    with pytest.raises(TypeError, match="`clip` must be a function"):
        Trainer(build, clip=1.0)


@pytest.fixture(scope="module")
def data():
    return load_fashion_mnist("stand-in")


def test_tasks_are_standardised_by_the_training_draw(data):
    task = make_task(data, n=500, seed=4)
    assert task.x_train.shape == (500, 784)
    assert task.x_validation.shape == (2000, 784)
    assert task.x_test.shape == (10_000, 784)
    assert task.x_train.mean() == pytest.approx(0, abs=1e-5)
    assert task.x_train.std() == pytest.approx(1, abs=1e-5)
    pixel = make_task(data, n=500, seed=4, standardize="pixel")
    np.testing.assert_allclose(pixel.x_train.mean(axis=0), 0, atol=1e-5)
    assert pixel.x_train.std(axis=0).max() < 1
    raw = make_task(data, n=500, seed=4, standardize=None)
    np.testing.assert_allclose(make_task(data, n=500, seed=4, standardize="unit").x_train * 255, raw.x_train, rtol=1e-6)
    np.testing.assert_array_equal(raw.y_train, task.y_train)
    assert not np.array_equal(make_task(data, n=500, seed=5).y_train, task.y_train)


def test_bad_tasks(data):
    with pytest.raises(ValueError, match="`n` must be between 1 and"):
        make_task(data, n=0)
    with pytest.raises(ValueError, match="`standardize` must be"):
        make_task(data, standardize="zscore")


def test_the_chosen_rate_is_never_next_to_a_cliff():
    lost = [0.9, math.nan]
    assert choose_learning_rate({0.1: [0.5], 0.2: [0.9], 0.4: [0.8]}) == 0.2
    assert choose_learning_rate({0.1: [0.5], 0.2: [0.9], 0.4: lost}) == 0.1
    assert choose_learning_rate({0.1: lost, 0.2: [0.9], 0.4: lost}) == 0.2
    assert choose_learning_rate({0.1: lost, 0.2: lost}) == 0.1
    assert choose_learning_rate({0.1: [5.0], 0.2: [3.0], 0.4: [math.inf]}, best="lowest") == 0.2
    with pytest.raises(ValueError, match="`best` must be"):
        choose_learning_rate({0.1: [1.0]}, best="largest")


def test_compare_tunes_on_other_seeds_and_pairs_the_runs(task):
    seen = []

    def task_for_seed(seed):
        seen.append(seed)
        return task

    settings = {"seeds": [0, 1], "tuning_seeds": (7,), "epochs": 3, "batch_size": 16}
    arms = compare({"a": build, "b": Trainer(build)}, task_for_seed, rates=[1e-9, 0.01], **settings)
    assert seen == [0, 1, 7]
    assert [run.seed for run in arms["a"].runs] == [0, 1]
    assert set(arms["a"].tuning) == {1e-9, 0.01}
    np.testing.assert_array_equal(arms["a"].values("train_loss"), arms["b"].values("train_loss"))
    assert arms["a"].n_diverged == 0


def test_compare_refuses_unequal_budgets(task):
    with pytest.raises(ValueError, match="the same number of rates"):
        compare({"a": build, "b": build}, lambda s: task, rates={"a": [0.1], "b": [0.1, 0.2]}, seeds=[0])
    with pytest.raises(ValueError, match="`seeds` must differ from the tuning seeds"):
        compare({"a": build}, lambda s: task, rates=[0.1], seeds=[100])


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (1.0, "confirmed"),
        (1.5, "confirmed"),
        (1.6, "partly"),
        (3.0, "refuted"),
        (2.5, "open"),
        (math.nan, "open"),
        ("inf", "refuted"),
        (None, "open"),
    ],
)
def test_levels_are_tried_in_order(value, level):
    rule = {"confirmed": {"x": "in [1, 1.5]"}, "partly": {"x": "<= 2"}, "refuted": {"x": ">= 3"}}
    assert judge(rule, {"x": value}) == level


def test_all_conditions_of_a_level_must_hold():
    rule = {"confirmed": {"x": "< 1", "y": "== true"}, "otherwise": "refuted"}
    assert judge(rule, {"x": 0.5, "y": True}) == "confirmed"
    assert judge(rule, {"x": 0.5, "y": False}) == "refuted"
    assert judge(rule, {"x": 1.5, "y": True}) == "refuted"


def test_a_rule_gets_exactly_its_measurements():
    rule = {"confirmed": {"x": "!= 0"}, "refuted": {"x": "== 0"}}
    with pytest.raises(ValueError, match="`measured` must give exactly"):
        judge(rule, {"x": 1, "y": 2})
    with pytest.raises(ValueError, match="`measured` must give exactly"):
        judge(rule, {})
    with pytest.raises(ValueError, match="`condition` must look like"):
        judge({"confirmed": {"x": "about 3"}}, {"x": 3})


@pytest.fixture
def one_claim(monkeypatch):
    """Make a ledger of one claim; return the function that sets what its full run found."""
    entry = {"statement": "S.", "data": "fashion-mnist", "confirmed": {"x": "> 1"}, "refuted": {"x": "<= 1"}}
    monkeypatch.setattr("handson11.experiments.ledger.load_claims", lambda: {"CL-99": entry})

    def full_run(stored):
        monkeypatch.setattr("handson11.experiments.ledger.read_entry", lambda claim: stored)

    full_run(None)
    return full_run


def test_verdict_prints_one_line(capsys, one_claim):
    experiments.verdict("CL-99", "fashion-mnist", x=np.float32(2))
    experiments.verdict("CL-99", "fashion-mnist", x=0.5)
    experiments.verdict("CL-99", "stand-in", x=0.5)
    assert capsys.readouterr().out.splitlines() == [
        "CL-99 confirmed: S.",
        "CL-99 refuted: S.",
        "CL-99 not judged on the stand-in: S.",
    ]
    with pytest.raises(ValueError, match="`claim` must be listed"):
        experiments.verdict("CL-00", "stand-in")


def test_a_live_verdict_that_contradicts_the_ledger_is_an_error(capsys, one_claim):
    one_claim({"verdict": "confirmed", "measured": {"x": 3}, "effects": [{"text": "x: 3 [2, 4], n = 10"}]})
    experiments.verdict("CL-99", "fashion-mnist", x=2.0)
    experiments.verdict("CL-99", "stand-in", x=0.0)
    assert capsys.readouterr().out.splitlines() == [
        "CL-99 confirmed: S.",
        "    full run: x: 3 [2, 4], n = 10",
        "CL-99 not judged on the stand-in: S.",
        "    full run: x: 3 [2, 4], n = 10",
    ]
    with pytest.raises(experiments.ContradictionError, match="this run says refuted .* the ledger says confirmed"):
        experiments.verdict("CL-99", "fashion-mnist", x=0.5)


def test_a_claim_about_a_machine_prints_the_verdict_of_the_ledger(capsys, one_claim):
    claim = experiments.ledger.load_claims()["CL-99"]
    one_claim({"verdict": "confirmed", "measured": {"x": 3}, "effects": []})
    claim["machine"] = True
    experiments.verdict("CL-99", "fashion-mnist", x=0.5)
    assert capsys.readouterr().out == "CL-99 confirmed: S.\n"
    with pytest.raises(ValueError, match="`measured` must give exactly"):
        experiments.verdict("CL-99", "fashion-mnist", y=0.5)


def test_an_effect_is_one_line_with_its_interval():
    bounds = SimpleNamespace(value=0.01234, low=-0.001, high=0.0255, n=10)
    assert experiments.effect("gain", bounds)["text"] == "gain: 0.0123 [−0.001, 0.0255], n = 10"
    difference = SimpleNamespace(difference=2.0, low=1.0, high=3.0, n=6)
    assert experiments.effect("saved", difference, "epochs")["text"] == "saved: 2 epochs [1, 3], n = 6"
    assert experiments.effect("rescued", True)["text"] == "rescued: true"
    lost = experiments.effect("ratio", math.inf)
    assert lost["value"] is None
    assert lost["text"] == "ratio: –"


def test_claims_need_the_book(tmp_path):
    with pytest.raises(FileNotFoundError, match="run this from a clone"):
        load_claims(tmp_path / "claims.yml")


def test_shown_source_is_the_source_without_docstrings():
    shown = experiments.show_source(judge, Run).data
    assert shown.startswith("```python\ndef judge(rule, measured):")
    assert '"""' not in shown
    assert "@dataclass(frozen=True)\nclass Run:\n    losses: np.ndarray" in shown
    assert '"""' in experiments.show_source(judge, doc=True).data
