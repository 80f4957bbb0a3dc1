"""The figures of section 11.2.2 show what they are given."""

import matplotlib as mpl
import numpy as np
import pytest

from handson11 import plots
from handson11.experiments.statistics import interval


@pytest.fixture(autouse=True)
def closed_figures():
    with mpl.rc_context({"backend": "agg"}):
        plots.use_style()
        yield
        mpl.pyplot.close("all")


def test_pictures_stand_in_their_row_with_a_gap_between_them():
    first, second = np.full((2, 4), 0.25), np.full((2, 2, 2), 0.75)
    axes = plots.picture_rows({"first": first, "second": second})
    mosaic = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    assert mosaic.shape == (8, 8)  # two rows and two columns of pictures, each 2 × 2 with a rim
    assert np.nanmax(mosaic[:4]) == np.nanmin(mosaic[:4]) == 0.25
    assert np.nanmax(mosaic[4:]) == np.nanmin(mosaic[4:]) == 0.75
    assert np.isnan(mosaic).sum() == 64 - 16
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    assert list(axes.get_yticks()) == [2, 6]


def test_weights_are_scaled_one_by_one_and_a_long_row_goes_on():
    weights = np.array([[2.0, -4.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, -1.0]])
    axes = plots.picture_rows({"filters": weights}, columns=2, signed=True)
    mosaic = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    assert mosaic.shape == (8, 8)
    np.testing.assert_allclose(mosaic[1:3, 1:3], [[0.5, -1], [0, 0]])
    np.testing.assert_allclose(mosaic[1:3, 5:7], [[1, 0], [0, 0]])
    assert np.isnan(mosaic[4:, 4:]).all()  # an empty place
    assert axes.images[0].get_clim() == (-1, 1)
    assert len(axes.get_yticks()) == 1


def test_every_group_of_codes_has_its_own_look_and_name():
    points, groups = np.arange(8.0).reshape(4, 2), np.array([0, 1, 1, 0])
    axes = plots.codes_in_two(points, groups, ["tops", "shoes"], [(0, 0), (1, 1)])
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_xdata(), points[groups == 0, 0])
    np.testing.assert_array_equal(second.get_ydata(), points[groups == 1, 1])
    assert first.get_marker() != second.get_marker()
    assert [text.get_color() for text in axes.texts] == [first.get_color(), second.get_color()]


def test_gains_are_means_and_intervals_in_points():
    gains = {"a": {1: [0.01, 0.03], 10: [0.0, 0.02]}, "b": {1: [0.0, 0.0], 10: [-0.02, -0.01]}}
    roles, names = {"a": "fine_tuned", "b": "frozen"}, {"a": "all layers", "b": "frozen"}
    places = {"a": 2.0, "b": 0.0}
    (axes,) = plots.gain_by_labels({"title": gains}, roles, names, places)
    zero, first_bar, _, first, *_ = axes.lines
    assert list(zero.get_ydata()) == [0, 0]
    assert first.get_ydata() == pytest.approx([2.0, 1.0])
    ends = interval([1.0, 3.0])
    assert list(first_bar.get_ydata()) == pytest.approx([ends.low, ends.high])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10"]
    assert {text.get_text() for text in axes.texts} == {"all layers", "frozen"}
    assert first.get_marker() == plots.ROLE["fine_tuned"]["marker"]


def test_the_diagrams_outline_what_is_kept():
    for axes, kept in (
        (plots.three_pretrainers(), {"encoder", "code", "hidden units h", "weights W, biases b", "discriminator"}),
        (plots.pretraining_steps(), {"hidden 1", "hidden 2", "hidden 3"}),
    ):
        boxes = [p for p in axes.patches if isinstance(p, mpl.patches.FancyBboxPatch)]
        thick = [box for box in boxes if box.get_linewidth() > 2]
        middles = [(b.get_x() + b.get_width() / 2, b.get_y() + b.get_height() / 2) for b in thick]
        texts = {
            text.get_text()
            for text in axes.texts
            for middle in middles
            if np.allclose(text.get_position(), middle, atol=1e-6)
        }
        assert texts == kept
