"""Figures of 11.2.1: what is drawn is what was given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from handson11 import plots
from handson11.experiments import interval


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_every_class_has_its_column_and_the_tasks_a_gap():
    images = np.arange(1, 7)[None, :, None, None] * np.ones((2, 6, 4, 4)) / 10
    axes = plots.class_samples(images, list("abcdef"), n_a=4)
    drawn = axes.images[0].get_array().data
    middle = [round(tick) for tick in axes.get_xticks()]
    np.testing.assert_allclose(drawn[2, middle], np.arange(1, 7) / 10)
    assert middle[4] - middle[3] == middle[1] - middle[0] + 2
    assert [label.get_text() for label in axes.get_xticklabels()] == list("abcdef")


def test_curves_and_the_moment_of_thawing():
    curves = {"scratch": [0.5, 0.6, 0.7], "transfer": [0.6, 0.8, 0.9]}
    axes = plots.thawing_curves(curves, 1, {"scratch": (2, 0.6), "transfer": (2, 0.9)})
    moment, scratch, transfer = axes.lines
    assert set(moment.get_xdata()) == {1.5}
    assert (list(scratch.get_xdata()), list(scratch.get_ydata())) == ([1, 2, 3], curves["scratch"])
    assert list(transfer.get_ydata()) == curves["transfer"]
    assert {text.get_text() for text in axes.texts} == {"from scratch", "transfer", "frozen", "thawed"}


def test_gains_are_paired_and_in_points():
    rng = np.random.default_rng(0)
    scratch = rng.uniform(0.9, 0.95, (2, 6))
    arms = {"scratch": scratch, "transfer": scratch + [[0.01] * 6, [-0.01, -0.02, -0.03, -0.04, -0.05, -0.07]]}
    axes = plots.gain_by_rate([0.01, 0.1], {"one": arms, "two": arms}, {"one": {"scratch": 0.1}, "two": {}})
    np.testing.assert_allclose(axes[0, 0].lines[0].get_ydata(), scratch.mean(axis=1))
    assert (axes[0, 0].lines[1].get_xdata(), axes[0, 0].lines[1].get_ydata()) == (0.1, scratch[1].mean())
    middle, _, (bars,) = axes[1, 0].containers[0]
    gain = interval(100 * (arms["transfer"][1] - arms["scratch"][1]))
    np.testing.assert_allclose(middle.get_ydata(), [1.0, gain.value])
    np.testing.assert_allclose(bars.get_segments()[1][:, 1], [gain.low, gain.high])
    assert len(axes[0, 1].lines) == 2


def test_histograms_count_every_run():
    gains = np.array([[0.0, -0.25, 9.0], [1.0, 1.0, 1.0], [0.001, -9.0, 0.25]])
    axes = plots.gains_over_pairs({"few": gains, "many": gains}, {"best": 1})
    heights = {round(bar.get_x() + bar.get_width() / 2, 2): bar.get_height() for bar in axes[0].patches}
    shown = {place: height for place, height in heights.items() if height}
    assert shown == {-5.88: 1, -0.38: 1, -0.12: 1, 0.12: 2, 0.88: 3, 5.88: 1}
    colors = {bar.get_facecolor() for bar in axes[0].patches if bar.get_x() + bar.get_width() / 2 < 0}
    assert len(colors) == 1
    assert colors.isdisjoint({bar.get_facecolor() for bar in axes[0].patches if bar.get_x() + 0.125 > 0})
    assert axes[0].texts[0].get_text() == "best"
    assert set(axes[0].lines[1].get_xdata()) == {1.0}


def test_the_best_of_many_and_theory():
    axes = plots.best_of_many([1, 5], [0.0, 1.2], [-1.0, 0.5], [1.0, 2.0], {5: 1.163})
    assert axes.lines[0].get_ydata().tolist() == [0.0, 1.2]
    assert list(axes.lines[2].get_ydata()) == [1.163]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "5"]
    assert len(plots.best_of_many([1, 5], [0.0, 1.2], [-1.0, 0.5], [1.0, 2.0]).lines) == 2
