"""What must hold for every pair of classes: no image in two parts, no label of one task in the other, maps that fit."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handson11.transfer import split_tasks

PARTS = ("train", "validation", "test")


@st.composite
def splits(draw):
    """Draw a data set whose images are their own numbers, two of its classes, and how many labels."""
    classes = draw(st.lists(st.integers(0, 20), min_size=3, max_size=8, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    n = draw(st.integers(8 * len(classes), 150))
    columns = {}
    for number, name in enumerate(PARTS):
        columns[f"x_{name}"] = (number * n + np.arange(n)).reshape(n, 1, 1)
        columns[f"y_{name}"] = rng.permutation(np.resize(classes, n)).astype("uint8")
    pair = draw(st.permutations(classes))[:2]
    balanced = draw(st.booleans())
    labels = draw(st.integers(1, 8)) * (2 if balanced else 1)
    return SimpleNamespace(**columns), tuple(pair), labels, draw(st.none() | st.integers(0, 99)), balanced


def images(task):
    return {name: getattr(task, f"x_{name}").ravel() for name in PARTS}


@given(splits())
def test_no_image_is_in_two_parts(split):
    data, pair, labels, seed, balanced = split
    tasks = split_tasks(data, pair, labels, seed, balanced)
    all_images = np.concatenate([*images(tasks.a).values(), *images(tasks.b).values()])
    assert len(set(all_images.tolist())) == len(all_images)
    unused = len(data.y_train) - len(tasks.a.x_train) - labels
    assert len(all_images) == 3 * len(data.y_train) - unused
    assert len(tasks.b.x_train) == labels
    if balanced:
        assert tasks.b.y_train.sum() == labels // 2


@given(splits())
def test_the_maps_and_the_labels_agree_and_no_class_is_in_both_tasks(split):
    data, pair, labels, seed, balanced = split
    tasks = split_tasks(data, pair, labels, seed, balanced)
    n = len(data.y_train)
    old = np.concatenate([data.y_train, data.y_validation, data.y_test])
    known = sorted(set(data.y_train.tolist()))
    assert sorted([*tasks.classes_a, *tasks.classes_b]) == known
    assert tasks.classes_b == {pair[0]: 0, pair[1]: 1}
    assert list(tasks.classes_a.values()) == list(range(len(known) - 2))
    assert list(tasks.classes_a) == sorted(tasks.classes_a)
    for task, new_class in ((tasks.a, tasks.classes_a), (tasks.b, tasks.classes_b)):
        for number, name in enumerate(PARTS):
            places = images(task)[name]
            assert np.all(places // n == number)  # training images stay training images
            assert [new_class[label] for label in old[places].tolist()] == getattr(task, f"y_{name}").tolist()
