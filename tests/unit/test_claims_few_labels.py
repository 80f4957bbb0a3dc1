"""What the runs of section 11.2 share: few labels without leaks, layers taken over, sources made once."""

import keras
import numpy as np
import pytest

from handson11.claims.runs import few_labels as runs
from handson11.experiments.training import load_data

DENSE = {"model": "handson11.models:dense_stack", "arguments": {"depth": 2, "width": 8}}


def task(labels=3, seed=5, classes=(6, 0, 9), **arguments):
    return runs.few_labels(labels, seed, classes, "stand-in", **arguments)


# The task


def test_every_class_has_its_number_of_labels_and_a_new_number():
    small = task(validation=20)
    assert np.bincount(small.y_train).tolist() == [3, 3, 3]
    assert np.bincount(small.y_validation).tolist() == [20, 20, 20]
    data = load_data("stand-in")
    pixels = data.x_train.reshape(len(data.x_train), -1).astype("float32")
    rows = {image.tobytes(): label for image, label in zip(pixels, data.y_train, strict=True)}
    known = [rows[np.rint(row * 255).astype("float32").tobytes()] for row in small.x_train]
    assert known == [[6, 0, 9][label] for label in small.y_train]
    assert len(small.y_test) == np.isin(data.y_test, (6, 0, 9)).sum()
    assert small.x_train.min() >= 0 and small.x_train.max() <= 1


def test_more_labels_contain_the_fewer_and_another_seed_draws_others():
    few, more, other = (
        {row.tobytes() for row in task(labels, seed).x_train} for labels, seed in ((3, 5), (9, 5), (3, 6))
    )
    assert few < more
    assert few != other


def test_no_training_image_is_used_to_judge():
    small = task(50, validation=50)
    held_out = {row.tobytes() for row in np.concatenate([small.x_validation, small.x_test])}
    assert not held_out & {row.tobytes() for row in small.x_train}


def test_more_labels_than_images_are_refused():
    with pytest.raises(
        ValueError, match="`labels` must be at most the .* train images of class 6. Received: labels=10"
    ):
        task(10**6)


# The network


def weights_of(model):
    return [np.asarray(w) for w in model.get_weights()]


@pytest.mark.parametrize(("reused", "equal"), [(0, 0), (1, 2), (2, 4), (3, 6)])
def test_the_lowest_layers_are_taken_over_and_no_others(reused, equal):
    source = weights_of(runs.network(DENSE, seed=1))
    new = weights_of(runs.network(DENSE, 2, source, reused))
    fresh = weights_of(runs.network(DENSE, 2))
    assert all(np.array_equal(a, b) for a, b in zip(new[:equal], source[:equal], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(new[equal:], fresh[equal:], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(new[equal::2], source[equal::2], strict=True))


def test_batch_normalization_brings_its_averages_along():
    description = {"model": DENSE["model"], "arguments": {**DENSE["arguments"], "batch_norm": "after"}}
    source = [np.full_like(w, 7) for w in weights_of(runs.network(description, 1))]
    new = runs.network(description, 2, source, reused=2)
    assert float(new.get_layer("batch_norm_1").moving_mean[0]) == 7
    assert float(new.get_layer("hidden_2").bias[0]) == 0


@pytest.mark.parametrize("name", ["reused", "frozen"])
def test_more_layers_than_there_are_are_refused(name):
    source = weights_of(runs.network(DENSE, 1))
    with pytest.raises(
        ValueError, match=f"`{name}` must be between 0 and the 3 layers that have weights. Rec.*{name}=4"
    ):
        runs.network(DENSE, 2, source, **{name: 4})
    with pytest.raises(ValueError, match="`weights` must be given if layers are reused"):
        runs.network(DENSE, 2, reused=1)


# The run


def test_frozen_layers_stay_and_the_others_move():
    small = task(validation=10)
    source = weights_of(runs.network(DENSE, 1))
    model = runs.network(DENSE, 2, source, reused=3, frozen=1)
    run = runs.train_few(DENSE, small, 2, 0.01, steps=5, frozen=1, model=model)
    trained, kept = run.weights[:4], run.weights[4:]
    assert all(np.array_equal(a, b) for a, b in zip(kept, source[:2], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(trained[::2], source[2::2], strict=True))
    assert np.array_equal(model.get_weights()[2], source[2]), "the model that was handed over is not trained"


def test_a_run_is_that_of_keras():
    small = task(labels=4, validation=10)
    model = runs.network(DENSE, 2)
    run = runs.train_few(DENSE, small, 2, 0.01, steps=4, batch_size=64, optimizer="sgd")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.01), metrics=["accuracy"])
    model.fit(small.x_train, small.y_train, batch_size=64, epochs=4, verbose=0)  # one batch: the order does not count
    for ours, theirs in zip(run.weights, model.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    score = model.evaluate(small.x_test, small.y_test, verbose=0, return_dict=True)
    assert runs.measurements(run)["test_accuracy"] == pytest.approx(score["accuracy"], abs=1e-6)
    assert runs.measurements(run)["diverged"] == 0


@pytest.mark.parametrize(("labels", "steps", "taken"), [(3, 5, 5), (30, 5, 6), (30, 1, 2)])
def test_whole_epochs_are_run(labels, steps, taken):
    run = runs.train_few(DENSE, task(labels, validation=10), 0, 0.01, steps)  # 9 images: one batch; 90: two of 32
    assert len(run.losses) == taken


def test_a_diverged_run_says_so():
    run = runs.train_few(DENSE, task(validation=10), 0, 1e30, steps=5, optimizer="sgd")
    assert runs.measurements(run)["diverged"] == 1
    assert np.isnan(runs.measurements(run)["test_accuracy"])


# Sources


CALLS = []


def source(settings):
    CALLS.append(settings)
    return [np.full((2, 3), settings["seed"], "float32"), np.arange(3)], {"accuracy": 0.5, "diverged": 0}


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(runs, "_KEPT", {})
    monkeypatch.delenv("HANDSON11_SOURCES", raising=False)
    CALLS.clear()


def test_a_source_is_made_once_for_its_settings():
    for seed in (1, 2, 1):
        weights, measured = runs.kept(source, {"seed": seed, "source": "stand-in"})
        assert weights[0].tolist() == [[seed] * 3] * 2
        assert measured == {"accuracy": 0.5, "diverged": 0}
    assert [settings["seed"] for settings in CALLS] == [1, 2]


def test_a_source_is_kept_on_disk_if_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("HANDSON11_SOURCES", str(tmp_path / "sources"))
    first = runs.kept(source, {"seed": 4})
    monkeypatch.setattr(runs, "_KEPT", {})  # another process
    weights, measured = runs.kept(source, {"seed": 4})
    assert len(CALLS) == 1
    assert measured == first[1]
    assert [w.dtype.name for w in weights] == ["float32", "int64"]
    assert all(np.array_equal(a, b) for a, b in zip(weights, first[0], strict=True))
    assert [path.suffix for path in (tmp_path / "sources").iterdir()] == [".npz"]


def test_without_being_asked_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs.kept(source, {"seed": 4})
    assert list(tmp_path.iterdir()) == []
