"""The figure of arms draws every seed, mean and interval, and says what it cannot draw."""

import matplotlib as mpl
import numpy as np
import pytest

from handson11 import plots
from handson11.experiments.statistics import interval

NAN = np.nan


@pytest.fixture(autouse=True)
def closed_figures():
    with mpl.rc_context({"backend": "agg"}):
        plots.use_style()
        yield
        mpl.pyplot.close("all")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def tick_labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_one_row_per_arm_with_dots_interval_and_mean():
    values = [0.80, 0.84, 0.91]
    (axes,) = plots.arms({"relu": values, "my_arm": [0.7, 0.9]}, labels={"relu": "ReLU"}, xlabel="accuracy")
    dots, bar, mean, *rest = axes.lines
    np.testing.assert_array_equal(dots.get_xdata(), values)
    assert dots.get_ydata() == pytest.approx([-0.27, 0, 0.27])
    assert (list(bar.get_xdata()), list(bar.get_ydata())) == ([interval(values).low, interval(values).high], [0, 0])
    assert mean.get_xdata() == pytest.approx([0.85]) and mean.get_marker() == plots.ROLE["relu"]["marker"]
    assert [line.get_ydata().mean() for line in rest] == pytest.approx([1, 1, 1])
    assert tick_labels(axes) == ["ReLU", "my arm"] and axes.get_xlabel() == "accuracy"
    assert axes.yaxis_inverted() and texts(axes) == []


def test_arms_take_the_colour_of_their_role_or_ink():
    (axes,) = plots.arms({"relu": [1, 2], "x": [1, 2], "y": [1, 2]}, roles={"x": "elu"})
    expected = [plots.ROLE["relu"]["color"], plots.ROLE["elu"]["color"], plots.PALETTE["ink"]]
    assert [line.get_color() for line in axes.lines] == [color for color in expected for _ in range(3)]
    assert [label.get_color() for label in axes.get_yticklabels()] == expected


def test_diverged_runs_are_counted_and_not_averaged():
    (axes,) = plots.arms({"a": [0.8, NAN, 0.9, np.inf], "b": [NAN, NAN], "c": [NAN, 0.7]})
    assert texts(axes) == ["2 of 4 diverged", "2 of 2 diverged", "1 of 2 diverged"]
    assert [text.get_position()[1] for text in axes.texts] == [0, 1, 2]
    means = [line.get_xdata()[0] for line in axes.lines if line.get_markersize() == 6.5]
    assert means == pytest.approx([0.85, 0.7])
    bars = [line for line in axes.lines if line.get_linewidth() == 2.4]
    assert len(bars) == 1  # a single value has no interval
    assert len(axes.lines[0].get_xdata()) == 2


@pytest.mark.parametrize("xscale", ["linear", "log"])
def test_the_count_stands_where_there_is_room(xscale):
    (axes,) = plots.arms({"low": [1.0, 2.0, NAN], "high": [99.0, 100.0, NAN]}, xscale=xscale)
    low, high = axes.texts
    assert low.get_ha() == "right" and high.get_ha() == "left"
    assert low.get_position()[0] > 0.9 and high.get_position()[0] < 0.1


def test_runs_beyond_the_axis_are_counted_too():
    arms = {"a": [0.1, 0.72, 0.74], "b": [0.1, NAN, 0.95], "c": [0.75, 0.75]}
    (axes,) = plots.arms(arms, xlim=(0.7, 0.9))
    assert axes.get_xlim() == (0.7, 0.9)
    assert texts(axes) == ["1 of 3 below 0.7", "1 of 3 diverged, 1 of 3 below 0.7, 1 of 3 above 0.9"]
    mean = next(line for line in axes.lines if line.get_markersize() == 6.5)
    assert mean.get_xdata() == pytest.approx([0.52])  # still of all three


def test_reference_line_is_named_in_the_first_panel_only():
    first, second = plots.arms({"p": {"a": [0.5, 0.6]}, "q": {"a": [0.5, 0.7]}}, reference=(0.1, "chance"))
    for axes in (first, second):
        assert list(axes.lines[0].get_xdata()) == [0.1, 0.1]
    assert (texts(first), texts(second)) == (["chance"], [])


def test_three_panels_stand_in_two_columns_and_share_the_arms():
    groups = {f"{depth} layers": {"relu": [0.1 * depth, 0.2], "elu": [0.3, 0.4]} for depth in (1, 2, 3)}
    groups["3 layers"]["tanh"] = [0.5, 0.6]
    axes = plots.arms(groups)
    assert [cell.get_title(loc="left") for cell in axes] == list(groups)
    places = [cell.get_subplotspec() for cell in axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (1, 0)]
    assert tick_labels(axes[0]) == tick_labels(axes[2]) == ["relu", "elu", "tanh"] and tick_labels(axes[1]) == []
    assert len({cell.get_xlim() for cell in axes}) == len({cell.get_ylim() for cell in axes}) == 1
    assert [cell.get_xlabel() for cell in axes] == ["", "test accuracy", "test accuracy"]
    assert [len(cell.lines) for cell in axes] == [6, 6, 9]
    figure = axes[0].figure
    assert list(figure.get_size_inches()) == [7.2, 5.6]
    assert [text.get_text() for text in figure.axes[3].get_legend().get_texts()] == [
        "one seed",
        "mean and 95 % interval",
    ]
    figure.draw_without_rendering()


def test_many_arms_get_a_taller_figure():
    (axes,) = plots.arms({f"arm {i}": [0.1 * i, 0.2] for i in range(30)})
    assert axes.figure.get_size_inches()[1] == pytest.approx(30 * 0.19 + 0.7)


def test_log_axis_has_plain_ticks():
    def shown(axes):
        axes.figure.draw_without_rendering()
        low, high = axes.get_xlim()
        return [
            label.get_text()
            for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            if low <= place <= high
        ]

    (axes,) = plots.arms({"a": [0.02, 0.3]}, xscale="log", xlim=(0.015, 0.35))
    assert shown(axes) == ["0.02", "0.05", "0.1", "0.2"]
    (axes,) = plots.arms({"a": [0.02, 30]}, xscale="log", xlim=(0.05, 50))
    assert shown(axes) == [r"$\mathdefault{10^{-1}}$", r"$\mathdefault{10^{0}}$", r"$\mathdefault{10^{1}}$"]
