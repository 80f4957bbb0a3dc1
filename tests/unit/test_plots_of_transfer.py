"""The figures of reused layers."""

import matplotlib.pyplot as plt
import pytest

from handson11 import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_each_state_of_a_layer_is_told_by_words_and_frozen_ones_are_hatched():
    axes = plots.layer_stack(
        {"A": [("low", "source"), ("top", "source")], "B": [("low", "copied, frozen"), ("top", "new")]}
    )
    words = [text.get_text() for text in axes.texts]
    assert words.count("copied, frozen") == words.count("new") == 1
    assert words.count("low") == 2
    assert [patch.get_hatch() for patch in axes.patches].count("///") == 1


def test_the_word_downwards_is_the_opposite_of_the_word_to_the_right():
    axes = plots.decision_path([("one?", "no", "stop"), ("two?", "yes", "do it")], "end")
    words = [text.get_text() for text in axes.texts]
    assert [word for word in words if word in ("yes", "no")] == ["no", "yes", "yes", "no"]
    assert words[-1] == "end"


def test_gains_by_layers_have_one_line_for_each_label_count():
    gains = {20: [[0.0, -0.1, 0.2], [0.1, 0.0, 0.3]], 500: [[-0.1, -0.2, 0.0]] * 2}
    axes = plots.gains_by_layers({"frozen": gains, "fine-tuned": gains})
    assert [panel.get_title(loc="left") or panel.get_title() for panel in axes] == ["frozen", "fine-tuned"]
    bars = axes[0].containers[0]
    assert bars.lines[0].get_ydata().tolist() == [0.0, 0.1]
    low, high = bars.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((-0.1, 0.2))
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["20 labels", "500 labels"]


def test_accuracy_by_step_draws_mean_and_range():
    axes = plots.accuracy_by_step([0, 3], {"scratch": [[0.2, 0.5], [0.4, 0.7]]}, {"scratch": (3, 0.6)}, 0.8)
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.6])
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.2, 0.7)


def test_gains_by_labels_stand_beside_each_other_under_their_label_count():
    found = [[1.0, 0.5, 2.0], [-1.0, -2.0, 0.0]]
    axes = plots.gains_by_labels({"GAN": ([1, 50], found), "rotation": ([1, 50], found)}, {"GAN": (50, 0.0)})
    first, second = (bars.lines[0] for bars in axes.containers)
    assert first.get_ydata().tolist() == [1.0, -1.0]
    assert all(
        left < count < right for left, count, right in zip(first.get_xdata(), (1, 50), second.get_xdata(), strict=True)
    )
    assert all(
        0.9 < x / count < 1.1 for line in (first, second) for x, count in zip(line.get_xdata(), (1, 50), strict=True)
    )
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    shown = [label.get_text() for tick, label in ticks if low <= tick <= high]
    assert shown == ["1", "2", "5", "10", "20", "50"]
