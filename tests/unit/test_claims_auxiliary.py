"""CL-53 and CL-54: what their runs do, no leak, and that the conclusions can come out either way."""

import numpy as np
import pytest

from handson11.claims import auxiliary as studies
from handson11.claims.runs import auxiliary as runs
from handson11.claims.runs import cheap_labels
from handson11.claims.runs.few_labels import few_labels
from handson11.models import small_cnn
from tests.unit.made_up_results import conclusion

TINY = {"epochs": 1, "batch_size": 32, "learning_rate": 0.01, "n": 96, "seed": 3, "source": "stand-in"}
SHAPES = [w.shape for w in small_cnn(seed=0).get_weights()[:-2]]
RUN = {
    "real_task": "clothes",
    "labels": 1,
    "steps": 4,
    "views": None,
    "reused": 0,
    "frozen": 0,
    "auxiliary": None,
    "leak": False,
    "learning_rate": 0.001,
    "seed": 3,
    "source": "stand-in",
}


# What is run


@pytest.mark.parametrize(
    ("make", "more", "chance"),
    [
        (runs.rotation_source, {}, 0.25),
        (runs.instance_source, {}, 0.001),
        (runs.class_pairs_source, {"n_pairs": 64, "classes": [0, 1, 2, 3, 4], "unseen": [5, 6, 7, 8, 9]}, 0.5),
        (runs.face_pairs_source, {"n_pairs": 64, "persons": 4, "pictures": 4}, 0.5),
    ],
)
def test_sources_return_the_layers_below_the_head(make, more, chance):
    weights, found = make({**TINY, **more})
    assert [w.shape for w in weights] == SHAPES
    assert chance / 2 < found["auxiliary_accuracy"] <= 1
    again, _ = make({**TINY, **more})
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_pairs_come_from_other_classes_unless_they_leak(monkeypatch):
    asked = []

    def kept(make, settings):
        asked.append(settings)
        return small_cnn(seed=9).get_weights()[:-2], {}

    monkeypatch.setattr(runs, "kept", kept)
    for leak in (False, True):
        runs.with_few_labels(
            {**RUN, "real_task": "five classes", "reused": 2, "auxiliary": studies.CLASSES, "leak": leak}
        )
    others, target = runs.split_classes(3)
    assert sorted(others + target) == list(range(10))
    assert [(s["classes"], s["unseen"]) for s in asked] == [(others, target), (target, others)]
    assert asked[0]["seed"] == 3
    assert "task" not in asked[0]


def test_the_verifier_sees_only_the_classes_of_its_pairs(monkeypatch):
    seen = []
    monkeypatch.setattr(
        runs, "_verifier", lambda settings, *parts: seen.extend(np.unique(y).tolist() for _, y in parts)
    )
    runs.class_pairs_source({**TINY, "classes": [0, 2], "unseen": [7, 9]})
    assert seen == [[0, 2], [0, 2], [7, 9]]


def test_the_target_persons_are_others_than_those_of_the_pairs():
    source = runs.make_faces(20, 1, 2 * 3).images
    task = runs.face_task(2, 3)
    assert task.x_train.shape == (20, 784)
    assert task.y_train.tolist() == np.repeat(range(10), 2).tolist()
    assert len(task.x_test) == 1000
    known = {image.tobytes() for image in source}
    rows = (255 * np.concatenate([task.x_train, task.x_test])).round().astype("uint8")
    assert not known & {row.tobytes() for row in rows}
    assert {row.tobytes() for row in runs.face_task(1, 3).x_train} <= {row.tobytes() for row in task.x_train}


def test_altered_views_keep_labels_and_use_every_image():
    task = few_labels(2, 3, source="stand-in")
    altered = runs.altered_task(task, 60, 3)
    assert altered.x_train.shape == (60, 784)
    assert np.bincount(altered.y_train).tolist() == [6] * 10
    assert altered.x_test is task.x_test
    assert not np.array_equal(altered.x_train[:20], altered.x_train[20:40])


@pytest.mark.parametrize("more", [{}, {"views": 64}, {"real_task": "faces"}, {"real_task": "five classes"}])
def test_a_run_measures(more):
    found = runs.with_few_labels({**RUN, **more})
    assert 0 <= found["test_accuracy"] <= 1
    assert found["diverged"] == 0


def test_frozen_layers_stay(monkeypatch):
    weights = small_cnn(seed=9).get_weights()[:-2]
    monkeypatch.setattr(runs, "kept", lambda make, settings: (weights, {"auxiliary_accuracy": 0.9}))
    trained = []
    real = runs.train_few
    monkeypatch.setattr(runs, "train_few", lambda *a, **k: trained.append(real(*a, **k)) or trained[-1])
    found = runs.with_few_labels({**RUN, "reused": 3, "frozen": 3, "auxiliary": studies.ROTATION})
    assert found["auxiliary_accuracy"] == 0.9
    kept = [w for w in trained[0].weights if any(w.shape == v.shape and np.array_equal(w, v) for v in weights)]
    assert len(kept) == len(weights)


def test_labels_are_counted():
    told = {task: cheap_labels.labels_told({"task": task, "n": 6}) for task in ("words", "rotations", "pairs")}
    assert {task: found["labels_for_each"] for task, found in told.items()} == {"words": 0, "rotations": 0, "pairs": 1}
    assert told["pairs"]["made"] == 15
    assert told["rotations"]["made"] == told["words"]["made"] == 6


def test_pairs_are_counted():
    found = cheap_labels.pairs_counted({"most": 20, "persons": 5})
    assert found["missing_pairs"] == 0
    assert found["same"] == pytest.approx(5 * 6 / 190)


def test_a_function_that_needs_no_labels_is_not_mistaken(monkeypatch):
    monkeypatch.setattr(cheap_labels, "make_pairs", lambda x, y: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cheap_labels.labels_told({"task": "pairs", "n": 2})
    monkeypatch.setattr(cheap_labels, "make_pairs", len)
    with pytest.raises(RuntimeError, match="No number of labels was enough"):
        cheap_labels.labels_told({"task": "pairs", "n": 2})


# What is concluded


def accuracy(gains, spread=0.004):
    """Return values in which each method's test accuracy lies ``gains[method]`` above 0.5, with a spread over seeds."""
    seeds = spread * np.linspace(-1, 1, 10)

    def value(arm, metric):
        method = arm.rpartition(", ")[0]
        return 0.5 + gains.get(method, 0.0) + seeds * (method in gains) if metric == "test_accuracy" else 0.9

    return value


def verdict_of(rotation, classes, instances, words):
    return conclusion(
        "CL-53",
        accuracy({"rotation": rotation, "instance pairs": instances}),
        accuracy({"class pairs": classes}),
        accuracy({"fine-tuned": words}),
        accuracy({"face pairs": 0.1}),
    )


def test_cl_53_counts_the_four_tasks():
    verdict, measured, texts = verdict_of(0.03, 0.03, 0.03, 0.03)
    assert verdict == "confirmed"
    assert measured == {"tasks_with_gain": 4, "tasks_without": 0}
    assert any(text.startswith("face pairs: gain") for text in texts)
    assert len(texts) == len(set(texts))


def test_cl_53_other_verdicts():
    assert verdict_of(0.0, -0.03, 0.03, 0.03)[0] == "partly"
    verdict, measured, texts = verdict_of(0.0, -0.03, 0.0, 0.0)
    assert verdict == "refuted"
    assert measured == {"tasks_with_gain": 0, "tasks_without": 4}
    assert "tasks whose gain is negative (of 4): 1" in texts


def test_cl_53_compares_views_with_views():
    gains = {"instance pairs": 0.03, "altered scratch": 0.05}
    parts = (accuracy(gains), accuracy({}), accuracy({}), accuracy({}))
    assert conclusion("CL-53", *parts)[1]["tasks_with_gain"] == 0


def test_cl_54_needs_no_labels_at_all():
    def told(pairs):
        return lambda arm, metric: pairs if arm == "pairs" else 0.0

    def counted(missing):
        return lambda arm, metric: missing

    assert conclusion("CL-54", told(1.0), counted(0))[0] == "partly"
    assert conclusion("CL-54", told(0.0), counted(0))[0] == "confirmed"
    assert conclusion("CL-54", told(1.0), counted(1))[0] == "refuted"
