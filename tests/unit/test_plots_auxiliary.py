"""The figures of section 11.2.3 with pictures hold what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from handson11 import plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_both_pictures_go_through_one_network():
    axes = plots.siamese_diagram(np.zeros((4, 4)), np.ones((4, 4)), light=True)
    assert [image.get_array().mean() for image in axes.images] == [0, 1]
    assert {image.get_cmap().name for image in axes.images} == {"gray"}
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("network f") == 2
    assert "the same?\n0 … 1" in texts


def test_each_pair_has_its_label_below():
    first, second = np.zeros((3, 4, 4)), np.ones((3, 4, 4))
    axes = plots.picture_pairs(first, second, [1, 0, 1])
    assert [text.get_text() for text in axes.texts] == ["same", "different", "same"]
    assert len(axes.images) == 6
    assert {image.get_cmap().name for image in axes.images} == {"gray_r"}


def test_one_dot_a_seed_and_the_mean():
    axes = plots.known_and_unseen({"clothes": ([0.9, 0.8], [0.7, 0.6]), "faces": ([0.95], [0.9])})
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "clothes: known",
        "clothes: unseen",
        "faces: known",
        "faces: unseen",
    ]
    dots, means = axes.lines[0:8:2], axes.lines[1:8:2]
    assert [len(line.get_xdata()) for line in dots] == [2, 2, 1, 1]
    assert [line.get_xdata()[0] for line in means] == pytest.approx([0.85, 0.65, 0.95, 0.9])


def test_every_class_has_its_own_marker_and_name():
    labels, points = np.repeat(range(5), 3), np.arange(30.0).reshape(15, 2)
    axes = plots.before_and_after({"before": points, "after": -points}, labels, list("abcde"), {("before", 0): (9, 9)})
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == ["before", "after"]
    assert len({line.get_marker() for line in axes[0].lines}) == 5
    assert [text.get_text() for text in axes[1].texts] == list("abcde")
    assert axes[0].texts[0].xy == (9, 9)
    np.testing.assert_array_equal(axes[1].lines[1].get_xdata(), [-6, -8, -10])
