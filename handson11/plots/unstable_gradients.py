"""The figures of section 11.1."""

import matplotlib as mpl
import numpy as np

from handson11.plots.style import (
    BAD_REGION,
    CONTOUR_LINE,
    DASH_DOT,
    DOTTED,
    GOOD_REGION,
    LONG_DASH,
    PALETTE,
    ROLE,
    SHORT_DASH,
    decade_ticks,
    label_line,
    lines,
    look,
    panels,
)


def saturation_curve(z, value, slope, threshold=5.0):
    """Draw the logistic function, four times its slope, the tangent at 0 and the two flat regions beyond ``threshold``.

    Parameters
    ----------
    z, value, slope : array of shape (n,)
        Inputs, function values and derivatives.
    threshold : float, default 5.0
        Where the shaded regions begin.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> z = np.linspace(-10, 10, 201)
    >>> value = 1 / (1 + np.exp(-z))
    >>> saturation_curve(z, value, value * (1 - value)).get_xlabel()
    'weighted sum z'
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels(size=(5.4, 3.4))
    for low, high in ((z[0], -threshold), (threshold, z[-1])):
        axes.axvspan(low, high, color=BAD_REGION, lw=0)
    near = np.abs(z) <= 2.2
    axes.plot(z[near], 0.5 + z[near] / 4, **ROLE["theory"])
    axes.plot(z, value, **{**ROLE["sigmoid"], "linestyle": "-", "marker": None})
    axes.plot(z, 4 * slope, **{**ROLE["validation"], "marker": None})
    label_line(axes, 2.2, 1.05, "tangent 1/2 + z/4", "theory", fontweight="normal")
    label_line(axes, 2.9, 0.86, r"$\sigma(z)$", "sigmoid")
    label_line(axes, 2.2, 0.42, r"$4\,\sigma'(z)$", "validation")
    for middle in (-threshold, threshold):
        x = middle + np.sign(middle) * (z[-1] - threshold) / 2
        axes.text(x, 0.5, "flat", ha="center", color=PALETTE["maroon"], fontsize=9)
    axes.set(xlabel="weighted sum z", ylim=(-0.08, 1.15), xlim=(z[0], z[-1]))
    return axes


def by_layer(axes, curves, labels, ylabel=None, theory=None, theory_label=None):
    """Draw one quantity against the layer number on a log axis, one labelled line per role, with an optional theory.

    Parameters
    ----------
    axes : matplotlib Axes
    curves : dict of role → array of shape (layers,) or (seeds, layers)
    labels : dict of role → (text, layer at which it stands, factor on the height of the line there)
    ylabel : str, optional
    theory : array of shape (layers,), optional
        Drawn as a thin dashed line.
    theory_label : tuple, optional
        Its (text, layer, factor).

    Returns
    -------
    matplotlib Axes
        The same axes.

    Examples
    --------
    >>> _, axes = panels()
    >>> curves, labels = {"glorot": 0.25 ** np.arange(20.0)[::-1]}, {"glorot": ("Glorot", 10, 1.0)}
    >>> by_layer(axes, curves, labels, ylabel="gradient").get_yscale()
    'log'
    >>> mpl.pyplot.close("all")
    """
    n_layers = np.shape(next(iter(curves.values())))[-1]
    layers = np.arange(1, n_layers + 1)
    lines(axes, layers, curves, label=False)
    if theory is not None:
        axes.plot(layers, theory, **ROLE["theory"])
        text, layer, factor = theory_label
        label_line(axes, layer, theory[layer - 1] * factor, text, "theory", fontweight="normal")
    for role, (text, layer, factor) in labels.items():
        middle = np.median(np.atleast_2d(curves[role]), axis=0)
        label_line(axes, layer, middle[layer - 1] * factor, text, role)
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)
    axes.set(xlabel="layer", ylabel=ylabel, xticks=[1, *range(5, n_layers + 1, 5)])
    return axes


def activation_histograms(outputs, titles, rows, limits=(0, 1)):
    """Draw histograms of activations: one column per network, one row per layer, all on the same horizontal axis.

    Parameters
    ----------
    outputs : list (networks) of list (rows) of arrays
        The activations.
    titles : list of str
        One per network.
    rows : list of str
        One label per row.
    limits : tuple of float, default (0, 1)
        Range of the activation function.

    Returns
    -------
    array of matplotlib Axes of shape (rows, networks)

    Examples
    --------
    >>> outputs = [[np.linspace(0, 1, 50)], [np.linspace(0.4, 0.6, 50)]]
    >>> activation_histograms(outputs, ["wide", "narrow"], ["layer 1"]).shape
    (1, 2)
    >>> mpl.pyplot.close("all")
    """
    figure, axes = panels(len(rows), len(titles), sharex=True, squeeze=False)
    bins = np.linspace(*limits, 41)
    roles = ("glorot", "normal_1", "custom_scale")
    for column, (title, layers) in enumerate(zip(titles, outputs, strict=True)):
        axes[0, column].set_title(title)
        axes[-1, column].set_xlabel("activation")
        for row, values in enumerate(layers):
            cell = axes[row, column]
            weights = np.full(np.size(values), 100 / np.size(values))
            cell.hist(np.ravel(values), bins, weights=weights, color=ROLE[roles[column]]["color"])
            cell.set_ylim(0, None)
            if column == 0:
                cell.set_ylabel(rows[row], fontsize=9)
    figure.supylabel("share of activations (%)", fontsize=10)
    return axes


def clipping_arrows(gradient, by_value, by_norm, threshold=1.0):
    """Draw a two-dimensional gradient before and after clipping: to scale on the left, enlarged on the right.

    Parameters
    ----------
    gradient, by_value, by_norm : array of shape (2,)
        The gradient, and what the two kinds of clipping make of it.
    threshold : float, default 1.0
        The threshold, drawn as a square (value) and a circle (norm).

    Returns
    -------
    array of two matplotlib Axes

    Examples
    --------
    >>> gradient = np.array([0.9, 100.0])
    >>> clipping_arrows(gradient, [0.9, 1.0], gradient / np.linalg.norm(gradient)).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    figure, (whole, zoom) = panels(1, 2, width_ratios=[1, 1.6])
    angle = np.linspace(0, 2 * np.pi, 200)
    for axes in (whole, zoom):
        axes.axhline(0, color=CONTOUR_LINE, lw=0.8)
        axes.axvline(0, color=CONTOUR_LINE, lw=0.8)
        axes.set(xlabel="first entry", ylabel="second entry")
    whole.annotate("", gradient, (0, 0), arrowprops={"arrowstyle": "-|>", "color": PALETTE["ink"], "lw": 2})
    label_line(whole, gradient[0], gradient[1] * 0.55, f"g = ({gradient[0]:g}, {gradient[1]:g})")
    whole.set(xlim=(-8, 60), ylim=(-5, gradient[1] * 1.08), title="the gradient")
    c = threshold
    zoom.plot([-c, c, c, -c, -c], [-c, -c, c, c, -c], color=ROLE["clip_value"]["color"], lw=1, ls=":")
    zoom.plot(c * np.cos(angle), c * np.sin(angle), color=ROLE["clip_norm"]["color"], lw=1, ls=":")
    direction = gradient / np.linalg.norm(gradient)
    zoom.annotate("", 1.75 * c * direction, (0, 0), arrowprops={"arrowstyle": "-", "color": PALETTE["ink"], "ls": "--"})
    zoom.annotate("to g", 1.72 * c * direction, xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
    for role, arrow in (("clip_value", by_value), ("clip_norm", by_norm)):
        style = {"arrowstyle": "-|>", "color": ROLE[role]["color"], "lw": 2.4, "shrinkA": 0, "shrinkB": 0}
        zoom.annotate("", arrow, (0, 0), arrowprops=style)
    label_line(zoom, 1.02 * c, by_value[1] + 0.1 * c, "by value", "clip_value")
    label_line(zoom, by_norm[0] - 0.12, by_norm[1] * 1.0, "by norm", "clip_norm", ha="right", xytext=(0, 5))
    zoom.set(xlim=(-1.3 * c, 1.9 * c), ylim=(-0.35 * c, 1.85 * c), title="enlarged, equal axes")
    zoom.set_aspect("equal")
    return np.array([whole, zoom])


def cliff(w, b, loss, paths, labels):
    """Draw a loss surface with a cliff as contours with a colour bar, and the paths of descent on it.

    Parameters
    ----------
    w, b : array of shape (columns,), (rows,)
        The two parameters.
    loss : array of shape (rows, columns)
        The surface.
    paths : dict of role → array of shape (steps, 2)
        Points (w, b) in order.
    labels : dict of role → str
        Title of each panel.

    Returns
    -------
    array of matplotlib Axes, one per path

    Examples
    --------
    >>> w, b = np.linspace(-1, 1, 5), np.linspace(-1, 1, 5)
    >>> path = np.array([[0.9, 0.9], [0.2, 0.1]])
    >>> cliff(w, b, w**2 + b[:, None] ** 2, {"no_remedy": path, "clip_norm": path / 2},
    ...       {"no_remedy": "without", "clip_norm": "with"}).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    figure, axes = panels(1, len(paths), sharex=True, sharey=True)
    levels = np.linspace(0, np.sqrt(loss.max()) * 1.001, 14) ** 2
    shades = mpl.colors.LinearSegmentedColormap.from_list("loss", ["white", "#D5DEEA", "#A9B9CE"])
    for cell, (role, path) in zip(axes, paths.items(), strict=True):
        filled = cell.contourf(w, b, loss, levels=levels, cmap=shades)
        cell.contour(w, b, loss, levels=levels, colors=CONTOUR_LINE, linewidths=0.6)
        inside = np.clip(path, -1e6, 1e6)
        cell.plot(inside[:, 0], inside[:, 1], **{**ROLE[role], "linestyle": "-", "linewidth": 1.4, "markersize": 4})
        cell.plot(*inside[0], "o", color=PALETTE["ink"], markersize=7, zorder=5)
        cell.annotate("start", inside[0], xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)
        cell.set(xlabel="weight w", title=labels[role], xlim=(w[0], w[-1]), ylim=(b[0], b[-1]))
        cell.grid(False)
    axes[0].set_ylabel("bias b")
    bar = figure.colorbar(filled, ax=axes, label="loss", ticks=levels[::3], format="%.2f")
    bar.ax.grid(False)
    return axes


def norm_per_step(norms, threshold, labels):
    """Draw the gradient's norm at every training step on a log axis, with the threshold as a line.

    Parameters
    ----------
    norms : dict of role → array of shape (steps,)
        Norms before clipping; a line ends at its first NaN or infinity, marked with a cross.
    threshold : float
        The threshold of the clipping.
    labels : dict of role → (text, step, height)
        Where each label stands.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> norms = {"no_remedy": [2.0, 9.0, np.nan], "clip_norm": [2.0, 3.0, 1.5]}
    >>> labels = {"no_remedy": ("without", 2, 9.0), "clip_norm": ("with", 3, 1.5)}
    >>> norm_per_step(norms, 1.0, labels).get_xlabel()
    'step'
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels()
    longest = max(len(values) for values in norms.values())
    axes.axhline(threshold, **ROLE["theory"])
    label_line(axes, longest, threshold, "threshold", "theory", fontweight="normal", va="bottom")
    for role, values in norms.items():
        values = np.asarray(values, dtype=float)
        finite = np.isfinite(values)
        stop = len(values) if finite.all() else int(np.argmin(finite))
        style = {**ROLE[role], "linewidth": 1.2, "markevery": max(1, stop // 8)}
        axes.plot(np.arange(1, stop + 1), values[:stop], **style)
        if stop < len(values):
            axes.plot(stop, values[stop - 1], "x", color=ROLE[role]["color"], markersize=10, markeredgewidth=2.5)
        text, step, height = labels[role]
        label_line(axes, step, height, text, role)
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)
    axes.set(xlabel="step", ylabel="norm of the whole gradient", xlim=(0, longest * 1.14))
    return axes


def over_epochs(axes, epochs, curves, labels):
    """Draw one labelled line per layer against the epoch on a log axis.

    Parameters
    ----------
    axes : matplotlib Axes
    epochs : array of shape (n,)
    curves : array of shape (layers, n)
        At most four layers.
    labels : list of str
        One per layer. Labels of lines that end close together are moved apart.

    Returns
    -------
    matplotlib Axes
        The same axes.

    Examples
    --------
    >>> _, axes = panels()
    >>> over_epochs(axes, [1, 2, 3], np.array([[1.0, 0.5, 0.4], [0.1, 0.2, 0.3]]), ["layer 1", "layer 2"]).get_yscale()
    'log'
    >>> mpl.pyplot.close("all")
    """
    looks = [("teal", "o", "-"), ("blue", "s", LONG_DASH), ("purple", "^", SHORT_DASH), ("ink", "D", DOTTED)]
    order = np.argsort(curves[:, -1])
    heights = np.log10(curves[order, -1])
    for place in range(1, len(heights)):
        heights[place] = max(heights[place], heights[place - 1] + 0.22)
    for place, row in enumerate(order):
        color, marker, linestyle = looks[row]
        axes.plot(epochs, curves[row], color=PALETTE[color], marker=marker, linestyle=linestyle)
        label_line(axes, epochs[-1], 10 ** heights[place], labels[row], color=PALETTE[color])
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)
    axes.set(xlabel="epoch", xticks=epochs, xlim=(epochs[0] - 0.2, epochs[-1] * 1.27))
    return axes


def batch_norm_steps(steps):
    """Draw one batch of points at each step of batch normalization, with its mean and standard deviations.

    Parameters
    ----------
    steps : dict of str → array of shape (instances, 2)
        Four titles and the same two features of the same instances after each step.

    Returns
    -------
    array of matplotlib Axes, shape (2, 2)

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [3.0, 8.0], [5.0, 2.0]])
    >>> centred = x - x.mean(axis=0)
    >>> normalised = centred / centred.std(axis=0)
    >>> steps = {"input": x, "centred": centred, "normalised": normalised, "scaled and shifted": 2 * normalised + 1}
    >>> batch_norm_steps(steps).shape
    (2, 2)
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels(2, 2, sharex=True, sharey=True)
    reach = 1.08 * max(np.max(np.abs(points) / [1, 0.75]) for points in steps.values())
    for ax, (title, points) in zip(axes.flat, steps.items(), strict=True):
        points = np.asarray(points)
        mean, deviation = points.mean(axis=0), points.std(axis=0)
        ax.axhline(0, color=CONTOUR_LINE, lw=1)
        ax.axvline(0, color=CONTOUR_LINE, lw=1)
        ax.plot(*points.T, ".", color=PALETTE["blue"], ms=5, alpha=0.5)
        ax.errorbar(*mean, xerr=deviation[0], yerr=deviation[1], color=PALETTE["orange"], lw=2.4, marker="o", ms=7)
        ax.set_title(title)
        ax.set_aspect("equal")
        ax.set(xlim=(-reach, reach), ylim=(-0.75 * reach, 0.75 * reach))
    for ax in axes[-1]:
        ax.set_xlabel("feature 1")
    for ax in axes[:, 0]:
        ax.set_ylabel("feature 2")
    return axes


def preactivation_histograms(values, names, limits=(-5, 5), xlabel="pre-activation z"):
    """Draw the distribution of what reaches the activations: one row per layer, one column per network.

    Parameters
    ----------
    values : dict of role → dict of str → array
        For each network (role) the pre-activations of each layer, by the layer's title.
    names : dict of role → str
        Title of each column.
    limits : pair of float, default (-5, 5)
        Range of the common x axis; values outside count for the first and last bin.
    xlabel : str, default "pre-activation z"

    Returns
    -------
    array of matplotlib Axes, shape (layers, networks)

    Examples
    --------
    >>> z = np.linspace(-4, 4, 100)
    >>> values = {"no_remedy": {"layer 1": 3 * z}, "batch_norm": {"layer 1": z / 3}}
    >>> preactivation_histograms(values, {"no_remedy": "without", "batch_norm": "with"}).shape
    (1, 2)
    >>> mpl.pyplot.close("all")
    """
    rows = list(next(iter(values.values())))
    _, axes = panels(len(rows), len(values), sharex=True, sharey=True, squeeze=False)
    bins = np.linspace(*limits, 61)
    for column, (role, layers) in zip(axes.T, values.items(), strict=True):
        for ax, row in zip(column, rows, strict=True):
            z = np.clip(np.ravel(layers[row]), *limits)
            ax.hist(z, bins, weights=np.full(z.size, 1 / z.size), color=ROLE[role]["color"])
            ax.set_title(f"{names[role]}, {row}")
            ax.set_yscale("log")
            decade_ticks(ax.yaxis)
        column[-1].set_xlabel(xlabel)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of values")
    return axes


def moving_averages(updates, averages, arrivals):
    """Draw moving averages that start at 0 and see the value 1, and where each reaches 95 %.

    Parameters
    ----------
    updates : array of shape (n,)
        Numbers of updates, from 1.
    averages : dict of role → array of shape (n,)
    arrivals : dict of role → int
        The first update at 95 % or above.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> updates = np.arange(1, 101)
    >>> moving_averages(updates, {"momentum_0.9": 1 - 0.9**updates}, {"momentum_0.9": 29}).get_xscale()
    'log'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels(size=(5.4, 3.4))
    ax.axhline(0.95, **ROLE["reference"])
    ax.annotate("95 %", (updates[0], 0.95), xytext=(0, -11), textcoords="offset points", fontsize=9)
    for role, values in averages.items():
        ax.plot(updates, values, **{**ROLE[role], "marker": None})
        ax.plot(arrivals[role], 0.95, **{**ROLE[role], "linestyle": "none", "markersize": 7})
        label_line(
            ax, arrivals[role], 0.95, f"{role.split('_')[1]}: {arrivals[role]:,}", role, ha="center", xytext=(0, 14)
        )
    ax.set_xscale("log")
    decade_ticks(ax.xaxis)
    ax.set_ylim(0, 1.12)
    ax.set_xlabel("number of updates")
    ax.set_ylabel("moving average of a constant 1")
    return ax


def batch_deviations(sizes, measured, theory):
    """Draw how small batches underestimate a standard deviation of 1: points with their 90 % range, and theory.

    Parameters
    ----------
    sizes : array of shape (n,)
        Batch sizes.
    measured : array of shape (batches, n)
        The standard deviation of each drawn batch.
    theory : array of shape (n,)
        Its expected value.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> batch_deviations([2, 8], [[0.5, 0.9], [0.7, 1.0]], [0.56, 0.93]).get_xlabel()
    'batch size'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels(size=(5.4, 3.4))
    low, high = np.quantile(measured, [0.05, 0.95], axis=0)
    middle = np.mean(measured, axis=0)
    ax.axhline(1, color=CONTOUR_LINE, lw=1)
    ax.plot(sizes, theory, label="expected", **ROLE["theory"])
    style = {**ROLE["batch_norm"], "linestyle": "none"}
    ax.errorbar(sizes, middle, yerr=[middle - low, high - middle], label="mean and 90 % of the batches", **style)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_xlabel("batch size")
    ax.set_ylabel("standard deviation of a batch")
    ax.legend(loc="lower right")
    return ax


def fan_connections(fan_in=6, fan_out=3):
    """Draw one small dense layer twice: what one unit gathers forward, and what one input gathers backward.

    Parameters
    ----------
    fan_in, fan_out : int, default 6 and 3
        Number of inputs and of units.

    Returns
    -------
    array of matplotlib Axes, shape (2,)

    Examples
    --------
    >>> fan_connections(fan_in=4, fan_out=2).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels(1, 2)
    inputs = [(0.0, y) for y in np.linspace(1, 0, fan_in)]
    units = [(1.0, y) for y in np.linspace(0.8, 0.2, fan_out)]
    one_input, one_unit = inputs[fan_in // 3], units[fan_out // 2]
    stories = [
        ("Forward: a unit sums fan_in values", [(point, one_unit) for point in inputs], one_unit, "blue"),
        ("Backward: an input sums fan_out errors", [(point, one_input) for point in units], one_input, "orange"),
    ]
    for ax, (title, arrows, target, colour) in zip(axes, stories, strict=True):
        for start in inputs:
            for end in units:
                ax.plot(*zip(start, end, strict=True), "-", color=CONTOUR_LINE, lw=0.6, alpha=0.6, zorder=1)
        for start, end in arrows:
            style = {"arrowstyle": "-|>", "color": PALETTE[colour], "lw": 1.6, "shrinkA": 8, "shrinkB": 11}
            ax.annotate("", end, start, arrowprops=style, zorder=2)
        for x, y in inputs + units:
            face = PALETTE[colour] if (x, y) == target else "white"
            ax.plot(x, y, "o", ms=15, mfc=face, mec=PALETTE["ink"], mew=1.2, zorder=3)
        ax.annotate(f"{fan_in} inputs", (0, -0.13), ha="center", va="top")
        ax.annotate(f"{fan_out} units", (1, -0.13), ha="center", va="top")
        ax.set(title=title, xlim=(-0.25, 1.25), ylim=(-0.3, 1.12))
        ax.set_axis_off()
    return axes


def gain_curve(gains, sizes, marks):
    """Draw the size of the signal at the end of a deep network against the gain of its weights, log axis.

    Parameters
    ----------
    gains : array of shape (n,)
    sizes : array of shape (seeds, n)
        Root mean square of the last layer's outputs, as a share of the first layer's.
    marks : dict of str → float
        Gains to mark, by the text that stands beside each.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> gains = np.linspace(0.5, 2.0, 7)
    >>> gain_curve(gains, gains ** np.array([[40.0], [50.0]]), {"one": 1.0}).get_yscale()
    'log'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels()
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    ax.axhspan(0.1, 10, color=GOOD_REGION, zorder=0)
    ax.fill_between(gains, low, high, color=PALETTE["blue"], alpha=0.2, lw=0)
    middle = np.median(sizes, axis=0)
    ax.plot(gains, middle, color=PALETTE["blue"])
    for text, gain in marks.items():
        size = np.exp(np.interp(gain, gains, np.log(middle)))
        ax.plot(gain, size, "o", ms=7, color=PALETTE["ink"], zorder=3)
        ax.annotate(
            text, (gain, size), xytext=(9, -4), textcoords="offset points", va="top", fontweight="bold", fontsize=9
        )
    ax.annotate(
        "a signal you can train with", (gains[0], 1), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9
    )
    ax.set_yscale("log")
    decade_ticks(ax.yaxis)
    ax.set(
        xlabel="gain of the weights g = σ · √fan_in", ylabel="output of layer 50 / layer 1", xlim=(gains[0], gains[-1])
    )
    return ax


def signal_and_gradient(std, gradient, correlation):
    """Draw sizes of signal and gradient against the layer on a log axis, and below the correlation of two inputs.

    Parameters
    ----------
    std, gradient, correlation : array of shape (depth + 1,)
        Standard deviation of the outputs, root mean square of the gradient and correlation, from layer 0, the inputs.

    Returns
    -------
    array of matplotlib Axes
        The panel of the sizes and the panel of the correlation.

    Examples
    --------
    >>> signal_and_gradient(np.ones(6), 2.0 ** np.arange(6), np.full(6, 0.9)).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels(2, 1, sharex=True, height_ratios=[2, 1])
    layers = np.arange(len(std))
    every = max(1, layers[-1] // 8)
    sizes, likeness = axes
    sizes.axhspan(0.1, 10, color=GOOD_REGION, zorder=0)
    rows = (
        (sizes, std, "standard deviation of the outputs", look("blue", "-", "o"), -12),
        (sizes, gradient, "gradient", look("orange", SHORT_DASH, "s"), 12),
        (likeness, correlation, "correlation of the outputs for two inputs", look("green", DOTTED, "^"), 12),
    )
    place = layers[-1] // 4
    for ax, values, words, style, above in rows:
        ax.plot(layers, values, markevery=every, **style)
        label_line(ax, place, values[place], words, color=style["color"], xytext=(8, above))
    sizes.set_yscale("log")
    low, high = sizes.get_ylim()
    sizes.set(ylim=(min(low, 0.01), max(high, 100)), ylabel="size")
    decade_ticks(sizes.yaxis)
    likeness.set(ylim=(-1.05, 1.05), ylabel="correlation", xlabel="layer (0: the inputs)")
    return axes


def equal_variance_densities(w, densities, labels):
    """Draw the densities of laws that share one variance.

    Parameters
    ----------
    w : array of shape (n,)
        Weights, in standard deviations.
    densities : dict of role → array of shape (n,)
    labels : dict of role → tuple
        (text, weight at which it stands, height).

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> w = np.linspace(-3, 3, 61)
    >>> density = np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi)
    >>> equal_variance_densities(w, {"theory": density}, {"theory": ("normal", 1.2, 0.3)}).get_ylabel()
    'density'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels()
    for role, density in densities.items():
        ax.plot(w, density, **{**ROLE[role], "marker": None})
        text, x, y = labels[role]
        ax.annotate(text, (x, y), color=ROLE[role]["color"], fontweight="bold", fontsize=9)
    for side in (-1, 1):
        ax.axvline(side, color=CONTOUR_LINE, lw=0.8, zorder=0)
        ax.annotate(f"{'−' if side < 0 else '+'}σ", (side, 0), xytext=(3, 4), textcoords="offset points", fontsize=9)
    ax.set(xlabel="weight / σ", ylabel="density", xlim=(w[0], w[-1]), ylim=(0, None))
    return ax


def signal_by_depth(signals, labels, ylabel="standard deviation of the outputs"):
    """Draw one panel per activation, stacked on the same log axis: the signal of each initializer, layer by layer.

    Parameters
    ----------
    signals : dict of str → dict of role → array of shape (seeds, layers)
        Title of each panel and its curves.
    labels : dict of str → dict of role → tuple
        For each panel what `by_layer` takes: (text, layer, factor on the height).
    ylabel : str
        Name of the common vertical axis.

    Returns
    -------
    array of matplotlib Axes, shape (panels,)

    Examples
    --------
    >>> curves, label = {"he": np.ones((2, 10))}, {"he": ("He", 5, 1.2)}
    >>> signal_by_depth({"ReLU": curves, "tanh": curves}, {"ReLU": label, "tanh": label}).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    figure, axes = panels(len(signals), 1, size=(7.2, 5.6), sharex=True, sharey=True)
    for ax, (title, curves) in zip(axes, signals.items(), strict=True):
        by_layer(ax, curves, labels[title])
        ax.axhline(1, color=CONTOUR_LINE, lw=0.8, zorder=0)
        ax.set(title=title, xlabel=None)
    axes[-1].set_xlabel("layer")
    figure.supylabel(ylabel, fontsize=10)
    return axes


def two_way_factors(ratio, forward, backward, labels):
    """Draw by how much one layer multiplies the forward and the backward variance, against fan_out / fan_in.

    Parameters
    ----------
    ratio : array of shape (n,)
        fan_out / fan_in.
    forward, backward : dict of role → array of shape (n,)
        The factors.
    labels : tuple of dict of role → tuple
        For each panel: (text, ratio, height) by role.

    Returns
    -------
    array of matplotlib Axes, shape (2,)

    Examples
    --------
    >>> ratio = np.array([0.1, 1.0, 10.0])
    >>> factors, label = {"glorot": 2 / (1 + ratio)}, {"glorot": ("Glorot", 1.0, 1.2)}
    >>> two_way_factors(ratio, factors, {"glorot": 2 * ratio / (1 + ratio)}, (label, label)).shape
    (2,)
    >>> mpl.pyplot.close("all")
    """
    _, axes = panels(1, 2, sharey=True)
    for ax, title, curves, texts in zip(axes, ("Forward", "Backward"), (forward, backward), labels, strict=True):
        ax.axhline(1, color=CONTOUR_LINE, lw=0.8, zorder=0)
        ax.axvline(1, color=CONTOUR_LINE, lw=0.8, zorder=0)
        for role, values in curves.items():
            ax.plot(ratio, values, **{**ROLE[role], "markevery": max(1, len(ratio) // 6)})
            text, x, y = texts[role]
            label_line(ax, x, y, text, role)
        ax.set_xscale("log")
        ax.set_yscale("log")
        decade_ticks(ax.xaxis)
        decade_ticks(ax.yaxis)
        ax.set(title=title, xlabel="fan_out / fan_in", xlim=(ratio[0], ratio[-1]))
    axes[0].set_ylabel("variance after / before the layer")
    return axes


def chain_factors(sizes, measured, theory):
    """Draw the backward signal along a chain of layers of different sizes, and where theory expects it.

    Parameters
    ----------
    sizes : sequence of int
        Sizes of the layers, inputs first.
    measured : array of shape (draws, layers)
        Mean square of the error signal at each layer, as a share of the last one's.
    theory : array of shape (layers,)

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> chain_factors([100, 50, 10], [[0.1, 0.2, 1.0], [0.1, 0.2, 1.0]], [0.1, 0.2, 1.0]).get_yscale()
    'log'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels(size=(5.4, 3.4))
    place = np.arange(len(sizes))
    ax.plot(place, theory, label="size of the last layer / size here", **ROLE["theory"])
    low, high = np.quantile(measured, [0.05, 0.95], axis=0)
    middle = np.mean(measured, axis=0)
    style = {**ROLE["he"], "linestyle": "none"}
    ax.errorbar(place, middle, yerr=[middle - low, high - middle], label="measured: mean, 90 % of the draws", **style)
    ax.axhline(1, color=CONTOUR_LINE, lw=0.8, zorder=0)
    ax.set_yscale("log")
    decade_ticks(ax.yaxis)
    ax.set_ylim(10 ** np.floor(np.log10(np.min(low))), 10 ** np.ceil(np.log10(np.max(high))))
    ax.set_xticks(place, [f"{size:,}" for size in sizes])
    ax.set(
        xlabel="size of the layer (error signals travel from right to left)", ylabel="mean square of the error signal"
    )
    ax.legend(loc="lower right")
    return ax


def start_comparison(losses, labels, guessing):
    """Draw training losses of networks that differ in their start only: median and range over seeds.

    Parameters
    ----------
    losses : dict of role → array of shape (seeds, epochs)
    labels : dict of role → str
        What stands at the end of each line.
    guessing : float
        Loss of a classifier that gives every class the same probability.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> losses = {"zeros": [[2.3, 2.3]], "he": [[1.0, 0.6]]}
    >>> start_comparison(losses, {"zeros": "zeros", "he": "He"}, guessing=np.log(10)).get_xlabel()
    'epoch'
    >>> mpl.pyplot.close("all")
    """
    _, ax = panels()
    epochs = np.arange(1, np.shape(next(iter(losses.values())))[1] + 1)
    ax.plot(epochs[[0, -1]], [guessing, guessing], **ROLE["reference"])
    lines(ax, epochs, losses, label=False)
    for role, values in losses.items():
        label_line(ax, epochs[-1], np.median(values, axis=0)[-1], labels[role], role, xytext=(8, 0))
    ax.set(xlabel="epoch", ylabel="training loss", xticks=epochs, xlim=(0.8, epochs[-1] * 1.18), ylim=(0, None))
    return ax


def activation_family(z, functions, slopes, roles):
    """Draw each activation function (solid) and its derivative (dashed) in a panel of its own, equal axes.

    Parameters
    ----------
    z : array of shape (n,)
        Inputs.
    functions, slopes : dict of str → array of shape (n,)
        Values and derivatives by the title of the panel; two panels a row.
    roles : dict of str → str
        Title → role.

    Returns
    -------
    array of matplotlib Axes
        One per panel.

    Examples
    --------
    >>> z = np.array([-1.0, 0.0, 1.0])
    >>> titles = ["one", "two", "three", "four"]
    >>> activation_family(z, dict.fromkeys(titles, z), dict.fromkeys(titles, z**0), dict.fromkeys(titles, "relu")).shape
    (2, 2)
    """
    figure, axes = panels(-(-len(functions) // 2), 2, size=(7.2, 1.05 * len(functions)), sharex=True, sharey=True)
    for ax, (title, values) in zip(axes.flat, functions.items(), strict=False):
        color = ROLE[roles[title]]["color"]
        ax.axhline(0, color=PALETTE["ink"], linewidth=0.6)
        ax.axvline(0, color=PALETTE["ink"], linewidth=0.6)
        ax.plot(z, values, color=color)
        ax.plot(z, slopes[title], color=color, linestyle=SHORT_DASH, linewidth=1.3)
        ax.set_title(title, color=color)
        ax.set(xlim=(z[0], z[-1]), ylim=(-2.0, 2.6), aspect="equal")
    first = axes.flat[0]
    label_line(first, -3.8, 1.6, "solid: value, dashed: slope", fontweight="normal")
    for ax in axes[-1]:
        ax.set_xlabel("z")
    return axes


def kink_at_zero(z, functions, slopes):
    """Draw a function and its slope near 0 for several parameters, one panel above the other.

    Parameters
    ----------
    z : array of shape (n,)
        Inputs near 0.
    functions, slopes : dict of str → array of shape (n,)
        Values and slopes by label, at most four.

    Returns
    -------
    array of matplotlib Axes
        The panel of the function and the panel of the slope.

    Examples
    --------
    >>> z = np.array([-1.0, 0.0, 1.0])
    >>> kink_at_zero(z, {"a": z}, {"a": z**0}).shape
    (2,)
    """
    figure, axes = panels(1, 2, sharex=True)
    looks = [look("orange", DASH_DOT), look("green"), look("purple", SHORT_DASH), look("blue", DOTTED)]
    for ax, curves, title in zip(axes, (functions, slopes), ("value f(z)", "slope f′(z)"), strict=True):
        for (label, values), style in zip(curves.items(), looks, strict=False):
            ax.plot(z, values, label=label, **style)
        ax.axvline(0, color=PALETTE["ink"], linewidth=0.6)
        ax.set_title(title)
        ax.set_xlabel("z")
    axes[0].legend()
    return axes


def moment_paths(paths, fixed_point=(0.0, 1.0)):
    """Draw how mean and variance travel from layer to layer, one line with a dot per layer for each start.

    Parameters
    ----------
    paths : array of shape (starts, layers, 2)
        Mean and variance after each layer; the first entry is the input.
    fixed_point : tuple of float, default (0.0, 1.0)
        Where the paths should end.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> moment_paths([[[1.0, 1.0], [0.5, 1.0]]]).get_xlabel()
    'mean of the outputs'
    """
    figure, axes = panels(size=(5.4, 3.4))
    for path in np.asarray(paths):
        axes.plot(path[:, 0], path[:, 1], color=ROLE["selu"]["color"], ls="-", linewidth=1.1, marker="o", markersize=3)
        axes.plot(*path[0], color=ROLE["selu"]["color"], marker="o", markersize=7, markerfacecolor="white", mew=1.2)
    axes.plot(*fixed_point, color=PALETTE["ink"], marker="*", markersize=14, linestyle="none", zorder=3)
    label_line(axes, fixed_point[0] + 0.03, fixed_point[1] + 0.12, f"({fixed_point[0]:g}, {fixed_point[1]:g})")
    axes.set(xlabel="mean of the outputs", ylabel="variance of the outputs")
    return axes


def moments_by_depth(deviations, means, roles, labels):
    """Draw standard deviation (log axis) and mean of the outputs of each layer, one panel above the other.

    Parameters
    ----------
    deviations, means : dict of str → array of shape (seeds, layers)
        Per condition; drawn as median and range over the seeds. Means beyond ±3 are not shown.
    roles : dict of str → str
        Condition → role.
    labels : dict of str → tuple (str, int)
        Condition → the words for its line, and the layer beside which they stand.

    Returns
    -------
    array of matplotlib Axes
        The panel of the deviations and the panel of the means.

    Examples
    --------
    >>> moments_by_depth({"a": np.ones((2, 5))}, {"a": np.zeros((2, 5))}, {"a": "selu"}, {"a": ("held", 5)}).shape
    (2,)
    """
    figure, axes = panels(2, 1, sharex=True, height_ratios=[2, 1])
    for name, values in deviations.items():
        look = {**ROLE[roles[name]], "marker": None}
        layers = np.arange(1, np.shape(values)[1] + 1)
        for ax, rows in zip(axes, (values, means[name]), strict=True):
            rows = np.asarray(rows, dtype=float)
            ax.plot(layers, np.median(rows, axis=0), **look)
            ax.fill_between(layers, rows.min(axis=0), rows.max(axis=0), color=look["color"], alpha=0.2, lw=0)
        words, layer = labels[name]
        label_line(axes[0], layer, np.median(values, axis=0)[layer - 1], words, color=look["color"])
    axes[0].set(yscale="log", ylim=(1e-4, 1e4), ylabel="standard deviation", xlim=(0, layers[-1] * 1.32))
    axes[1].set(ylim=(-3, 3), ylabel="mean", xlabel="hidden layer")
    axes[0].set_xticks(np.arange(0, layers[-1] + 1, 20))
    decade_ticks(axes[0].yaxis)
    return axes


def shares_by_rate(arms, labels, ylabel="share of dead units"):
    """Draw a share against the learning rate (log axis): the median as a line, every seed as a point.

    Parameters
    ----------
    arms : dict of str → tuple (role, rates, shares)
        ``shares`` has shape (rates, seeds).
    labels : dict of str → tuple (str, int, str)
        Arm → the words for its line, the number of the rate beside which they stand, and their vertical alignment.
    ylabel : str
        Label of the vertical axis.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> shares_by_rate({"a": ("relu", [0.1, 1.0], np.zeros((2, 3)))}, {"a": ("ReLU", 1, "center")}).get_xscale()
    'log'
    """
    figure, axes = panels(size=(7.2, 3.4))
    for name, (role, rates, shares) in arms.items():
        shares, look = np.asarray(shares, dtype=float), ROLE[role]
        axes.plot(rates, np.median(shares, axis=1), **look)
        for column in shares.T:
            axes.plot(rates, column, color=look["color"], marker=look["marker"], markersize=3.5, alpha=0.6, ls="none")
        words, place, alignment = labels[name]
        below = -3 if alignment == "top" else 0
        label_line(axes, rates[place], np.median(shares[place]), words, role, va=alignment, xytext=(5, below))
    axes.set(xscale="log", xlabel="learning rate (log scale)", ylabel=ylabel)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * 4)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.06 * (high - low), high)
    decade_ticks(axes.xaxis)
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    return axes
