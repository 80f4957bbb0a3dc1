"""The figures of page 11.3.5 draw the numbers they are given."""

import math

import matplotlib as mpl
import numpy as np
import pytest

from handson11 import plots


@pytest.fixture(autouse=True)
def closed_figures():
    with mpl.rc_context({"backend": "agg"}):
        plots.use_style()
        yield
        mpl.pyplot.close("all")


def test_loss_by_rate_draws_medians_and_marks_rates_at_which_most_runs_diverged():
    nan = math.nan
    runs = {"Adam": {0.1: [nan, nan, 3.0], 0.01: [0.4, nan, 0.6], 0.001: [0.1, 0.3, 0.2]}}
    axes = plots.loss_by_rate(runs, {"Adam": "adam"}, {"Adam": (0.001, 0.3)}, marked={"Adam": 0.001})
    medians, crosses, ring = axes.lines
    np.testing.assert_allclose(medians.get_xydata(), [[0.001, 0.2], [0.01, 0.6]])  # a lost run counts as infinite
    np.testing.assert_allclose(crosses.get_xdata(), [0.1])
    np.testing.assert_allclose(ring.get_xydata(), [[0.001, 0.2]])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.1, 0.6)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axes.texts] == ["Adam"]
    axes.figure.draw_without_rendering()


def test_raw_and_corrected_draws_four_things_in_each_panel():
    seen, raw, corrected = np.array([1.0, 3.0]), np.array([0.5, 1.75]), np.array([1.0, 2.3])
    axes = plots.raw_and_corrected([seen, seen**2], [raw, raw], [corrected, corrected], [2.0, 5.0], ["m", "s"])
    dots, truth, before, after = axes[1].lines
    np.testing.assert_array_equal(dots.get_xydata(), [[1, 1], [2, 9]])
    assert list(truth.get_ydata()) == [5, 5]
    np.testing.assert_array_equal(before.get_ydata(), raw)
    np.testing.assert_array_equal(after.get_ydata(), corrected)
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == ["m", "s"]


def test_by_step_names_curves_and_reference():
    curves = {"one": {"Adam": [1.0, 2.0]}, "two": {"Adam": [3.0, 4.0]}}
    axes = plots.by_step([1, 2], curves, {"Adam": "adam"}, {"Adam": (1, 1.5)}, "size", reference=(2.0, "limit"))
    np.testing.assert_array_equal(axes[1].lines[1].get_ydata(), [3, 4])
    assert [text.get_text() for text in axes[0].texts] == ["Adam"]
    assert [text.get_text() for text in axes[1].texts] == ["limit"]
    assert axes[0].get_ylabel() == "size"
