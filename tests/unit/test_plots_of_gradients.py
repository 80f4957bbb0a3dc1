"""The figures of pages 11.1 and 11.1.4 draw the numbers they are given."""

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


def test_saturation_curve_draws_tangent_function_and_four_slopes():
    z = np.linspace(-8, 8, 81)
    axes = plots.saturation_curve(z, z**2, np.cos(z))
    tangent, function, slope = axes.lines
    np.testing.assert_allclose(tangent.get_ydata(), 0.5 + tangent.get_xdata() / 4)
    np.testing.assert_array_equal(function.get_ydata(), z**2)
    np.testing.assert_allclose(slope.get_ydata(), 4 * np.cos(z))
    axes.figure.draw_without_rendering()


def test_by_layer_draws_medians_and_the_theory():
    _, axes = plots.panels()
    values = np.array([[1.0, 10.0, 100.0], [3.0, 10.0, 100.0], [2.0, 10.0, 100.0]])
    plots.by_layer(axes, {"glorot": values}, {"glorot": ("Glorot", 2, 3.0)}, "size", np.ones(3), ("theory", 1, 2.0))
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, 10, 100])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [1, 1, 1])
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("theory", (1, 2.0)), ("Glorot", (2, 30.0))]
    assert axes.get_yscale() == "log"


def test_by_layer_without_theory():
    _, axes = plots.panels()
    assert len(plots.by_layer(axes, {"he": np.ones(4)}, {}).lines) == 1


def test_activation_histograms_add_up_to_100_percent():
    values = np.random.default_rng(0).uniform(size=500)
    axes = plots.activation_histograms([[values, values**2]], ["net"], ["layer 1", "layer 2"])
    assert axes.shape == (2, 1)
    for cell in axes[:, 0]:
        assert sum(bar.get_height() for bar in cell.patches) == pytest.approx(100)


def test_clipping_arrows_point_at_the_clipped_gradients():
    whole, zoom = plots.clipping_arrows(np.array([0.9, 100.0]), np.array([0.9, 1.0]), np.array([0.009, 1.0]))
    assert whole.texts[0].xy == pytest.approx((0.9, 100.0))
    assert [0.9, 1.0] in [list(text.xy) for text in zoom.texts if text.arrow_patch is not None]
    assert zoom.get_aspect() == 1
    zoom.figure.draw_without_rendering()


def test_cliff_draws_every_path():
    w, b = np.linspace(0, 1, 5), np.linspace(0, 2, 6)
    path = np.array([[0.1, 0.2], [0.5, 1.0], [np.inf, 0.3]])
    axes = plots.cliff(
        w, b, np.add.outer(b, w), {"no_remedy": path, "clip_norm": path[:2]}, {"no_remedy": "a", "clip_norm": "b"}
    )
    assert [cell.get_title(loc="left") for cell in axes] == ["a", "b"]
    np.testing.assert_array_equal(axes[1].lines[0].get_xdata(), [0.1, 0.5])
    bar = axes[0].figure.axes[-1]
    assert bar.get_ylabel() == "loss"
    assert bar.get_ylim() == pytest.approx((0, 3), rel=0.01)  # the surface w + b goes from 0 to 3
    axes[0].figure.draw_without_rendering()


def test_norm_per_step_ends_at_the_first_nan():
    norms = {"no_remedy": [1.0, 1e5, np.nan, np.nan], "clip_norm": [4.0, 3.0, 2.0, 1.0]}
    axes = plots.norm_per_step(norms, 1.0, {"no_remedy": ("without", 2, 10.0), "clip_norm": ("with", 3, 2.0)})
    threshold, unclipped, cross, clipped = axes.lines
    assert list(threshold.get_ydata()) == [1.0, 1.0]
    np.testing.assert_array_equal(unclipped.get_ydata(), [1.0, 1e5])
    assert (list(cross.get_xdata()), list(cross.get_ydata())) == ([2], [1e5])
    np.testing.assert_array_equal(clipped.get_ydata(), [4, 3, 2, 1])


def test_labels_over_epochs_do_not_overlap():
    _, axes = plots.panels()
    curves = np.array([[1.0, 1.0], [1.0, 1.01], [1.0, 0.99]])
    plots.over_epochs(axes, np.array([0, 1]), curves, ["layer 1", "layer 2", "layer 3"])
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["layer 3"] < heights["layer 1"] < heights["layer 2"]
    assert np.diff(np.log10(sorted(heights.values()))) == pytest.approx(0.22)
    assert sorted(line.get_ydata()[-1] for line in axes.lines) == [0.99, 1.0, 1.01]


def test_signal_and_gradient_draws_sizes_above_and_the_correlation_below():
    std, gradient, correlation = np.full(5, 0.5), 10.0 ** np.arange(4, -1, -1), np.linspace(0.9, -0.2, 5)
    sizes, likeness = plots.signal_and_gradient(std, gradient, correlation)
    np.testing.assert_array_equal([line.get_ydata() for line in sizes.lines], [std, gradient])
    (line,) = likeness.lines
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([range(5), correlation]))
    assert sizes.get_yscale() == "log" and sizes.get_ylim()[0] <= 0.01 and sizes.get_ylim()[1] >= 1e4
    drawn = [*sizes.lines, line]
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in drawn}) == 3
    assert len({line.get_marker() for line in drawn}) == 3
    sizes.figure.draw_without_rendering()
