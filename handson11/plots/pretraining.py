"""The figures of section 11.2.2: what autoencoders see, keep and draw, and what their layers are worth."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from handson11.plots.style import CONTOUR_LINE, GOOD_REGION, PALETTE, ROLE, label_line, look, panels

_GROUPS = (look("blue", marker="^"), look("orange", marker="P"), look("green", marker="s"), look("purple", marker="X"))


def picture_rows(rows, columns=None, signed=False):
    """Draw images in rows under each other, each row with its name.

    Parameters
    ----------
    rows : dict of str → array of shape (n, height × width) or (n, height, width)
        Name of a row → square images, pixels between 0 and 1.
    columns : int, optional
        Images side by side; a row that has more goes on in the next line. Default: all in one line.
    signed : bool, default False
        Whether the images are weights: each one is then scaled by its own largest absolute value, 0 in the middle.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = picture_rows({"first": np.zeros((3, 16)), "second": np.ones((3, 4, 4))})
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['first', 'second']
    """
    lines, names = [], []
    for name, images in rows.items():
        images = np.asarray(images, dtype=float)
        side = round(np.sqrt(images[0].size))
        images = images.reshape(len(images), side, side)
        if signed:
            images = images / np.abs(images).max(axis=(1, 2), keepdims=True)
        step = columns or len(images)
        for first in range(0, len(images), step):
            lines.append([np.pad(image, 1, constant_values=np.nan) for image in images[first : first + step]])
            names.append(name if first == 0 else "")
    width = max(len(line) for line in lines)
    blank = np.full_like(lines[0][0], np.nan)
    mosaic = np.vstack([np.hstack(line + [blank] * (width - len(line))) for line in lines])
    _, axes = panels(size=(7.2, 7.2 * 0.86 * len(lines) / width + 0.25))
    limits = {"cmap": "PuOr", "vmin": -1, "vmax": 1} if signed else {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    axes.imshow(mosaic, interpolation="nearest", **limits)
    axes.set_yticks([(row + 0.5) * len(blank) for row, name in enumerate(names) if name], [n for n in names if n])
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def codes_in_two(points, groups, names, places):
    """Draw two-dimensional codes, one colour and marker per group of classes.

    Parameters
    ----------
    points : array of shape (n, 2)
    groups : array of shape (n,)
        Number of the group of each point, at most four groups.
    names : sequence of str
        Name of each group.
    places : sequence of (x, y)
        Where each name stands.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = codes_in_two(np.eye(2), np.array([0, 1]), ["tops", "shoes"], [(1, 0), (0, 1)])
    >>> [text.get_text() for text in axes.texts]
    ['tops', 'shoes']
    """
    points, groups = np.asarray(points), np.asarray(groups)
    _, axes = panels(size=(5.4, 3.4))
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        chosen, style = points[groups == number], _GROUPS[number]
        axes.plot(*chosen.T, ls="none", marker=style["marker"], color=style["color"], markersize=3.5, alpha=0.45)
        box = {"color": "white", "alpha": 0.8, "pad": 1}
        label_line(axes, *place, name, color=style["color"], xytext=(0, 0), ha="center", bbox=box)
    axes.set(xlabel="first coordinate", ylabel="second coordinate")
    return axes


def gain_by_labels(groups, roles, names, places, ylabel="gain, points"):
    """Draw the paired gain of several methods over training from scratch against the number of labels per class.

    Parameters
    ----------
    groups : dict of str → dict of str → dict of int → array of shape (seeds,)
        Title of a panel → method → labels per class → gains, as shares. At most two panels, six methods each.
    roles, names : dict of str → str
        Method → role, and method → its name in the figure.
    places : dict of str → points
        Height at which the name of each method stands, at the right end of its line.

    Returns
    -------
    array of matplotlib Axes
        Means as markers, 95 % intervals as bars, moved apart a little; the line at 0 is scratch.

    Examples
    --------
    >>> gains = {"frozen": {1: [0.01, 0.03], 10: [0.0, 0.02]}}
    >>> axes = gain_by_labels({"": gains}, {"frozen": "frozen"}, {"frozen": "frozen"}, {"frozen": 1.0})
    >>> axes[0].get_xscale(), len(axes[0].texts)
    ('log', 1)
    """
    from handson11.experiments.statistics import interval

    size = (7.2, 5.6) if len(groups) > 1 else (7.2, 3.4)
    _, axes = panels(len(groups), 1, size=size, sharex=True, sharey=True, squeeze=False)
    counts = sorted({count for methods in groups.values() for values in methods.values() for count in values})
    for ax, (title, methods) in zip(axes[:, 0], groups.items(), strict=True):
        ax.plot([counts[0] * 0.75, counts[-1] * 1.15], [0, 0], **ROLE["reference"])
        for number, (method, values) in enumerate(methods.items()):
            style = ROLE[roles[method]]
            x = np.array(list(values)) * 1.07 ** (number - (len(methods) - 1) / 2)
            found = [interval(100 * np.asarray(v, dtype=float)) for v in values.values()]
            for place, ends in zip(x, found, strict=True):
                ax.plot([place, place], [ends.low, ends.high], color=style["color"], ls="-", linewidth=1.6, alpha=0.7)
            ax.plot(x, [ends.value for ends in found], **style)
            label_line(ax, counts[-1] * 1.2, places[method], names[method], roles[method])
        ax.set(title=title, xscale="log", ylabel=ylabel)
        ax.set_xticks(counts, [str(count) for count in counts])
        ax.minorticks_off()
        ax.set_xlim(counts[0] * 0.75, counts[-1] * 5.5)
    axes[-1, 0].set_xlabel("labels per class (log scale)")
    return axes[:, 0]


def _blank(size, xlim, ylim):
    _, axes = panels(size=size)
    axes.set_axis_off()
    axes.set(xlim=xlim, ylim=ylim)
    return axes


def _box(axes, x, y, width, text, kind="plain"):
    """Draw one layer, its middle at (x, y): plain, kept (outlined and filled), or new (dashed)."""
    style = {
        "plain": {"facecolor": "white", "edgecolor": CONTOUR_LINE, "linewidth": 1.2, "linestyle": "-"},
        "kept": {"facecolor": GOOD_REGION, "edgecolor": PALETTE["green"], "linewidth": 2.6, "linestyle": "-"},
        "new": {"facecolor": "white", "edgecolor": PALETTE["orange"], "linewidth": 1.8, "linestyle": (0, (4, 2))},
    }[kind]
    height = 0.62
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.1", **style
        )
    )
    weight = "bold" if kind == "kept" else "normal"
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, fontweight=weight)


def _arrow(axes, start, end, both=False, bend=0.0):
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="<|-|>" if both else "-|>",
            mutation_scale=9,
            color=PALETTE["ink"],
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
            connectionstyle=f"arc3,rad={bend}",
        )
    )


def three_pretrainers():
    """Draw autoencoder, restricted Boltzmann machine and GAN side by side; what is kept afterwards is outlined.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = three_pretrainers()
    >>> sorted(text.get_text() for text in axes.texts if "error" in text.get_text())
    ['error of the\\nreconstruction']
    """
    axes = _blank((7.2, 4.6), (0, 12), (-0.6, 6.9))
    for x, title in ((1.9, "Autoencoder"), (5.9, "RBM"), (10.0, "GAN")):
        axes.text(x, 6.55, title, ha="center", fontweight="bold", fontsize=11)
    for y, text, kind in (
        (0.6, "image x", "plain"),
        (1.7, "encoder", "kept"),
        (2.8, "code", "kept"),
        (3.9, "decoder", "plain"),
        (5.0, "reconstruction", "plain"),
    ):
        _box(axes, 1.9, y, 2.3, text, kind)
    for y in (0.95, 2.05, 3.15, 4.25):
        _arrow(axes, (1.9, y), (1.9, y + 0.4))
    _arrow(axes, (0.7, 5.0), (0.7, 0.6), both=True, bend=0.25)
    axes.text(1.9, 5.75, "error of the\nreconstruction", ha="center", va="center", fontsize=8.5)
    _box(axes, 5.9, 1.2, 2.6, "visible units v = x", "plain")
    _box(axes, 5.9, 2.55, 2.6, "weights W, biases b", "kept")
    _box(axes, 5.9, 3.9, 2.6, "hidden units h", "kept")
    _arrow(axes, (5.2, 1.55), (5.2, 2.22))
    _arrow(axes, (5.2, 2.9), (5.2, 3.57))
    _arrow(axes, (6.6, 3.57), (6.6, 2.9))
    _arrow(axes, (6.6, 2.22), (6.6, 1.55))
    axes.text(5.9, 5.2, "low energy for data,\nhigh energy elsewhere", ha="center", va="center", fontsize=8.5)
    _box(axes, 8.8, 0.6, 1.7, "noise z", "plain")
    _box(axes, 8.8, 1.7, 1.7, "generator", "plain")
    _box(axes, 8.8, 2.8, 1.7, "false image", "plain")
    _box(axes, 11.1, 2.8, 1.6, "image x", "plain")
    _box(axes, 10.0, 3.9, 2.6, "discriminator", "kept")
    _box(axes, 10.0, 5.0, 2.6, "true or false?", "plain")
    for start, end in (
        ((8.8, 0.95), (8.8, 1.35)),
        ((8.8, 2.05), (8.8, 2.45)),
        ((8.9, 3.15), (9.5, 3.55)),
        ((11.0, 3.15), (10.5, 3.55)),
        ((10.0, 4.25), (10.0, 4.65)),
    ):
        _arrow(axes, start, end)
    axes.text(10.0, 5.75, "one tries to deceive,\nthe other to tell", ha="center", va="center", fontsize=8.5)
    axes.text(6, -0.4, "thick frame: kept for the classifier", ha="center", fontsize=9, color=PALETTE["green"])
    return axes


def pretraining_steps():
    """Redraw figure 11-5: unlabelled training, layer by layer or of the whole network at once, then labels.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = pretraining_steps()
    >>> [text.get_text() for text in axes.texts][:2]
    ['early form: layer by layer, without labels', "today's form: the whole network at once, without labels"]
    """
    axes = _blank((7.2, 5.4), (0, 12), (-0.3, 9.1))
    for y, text in (
        (8.75, "early form: layer by layer, without labels"),
        (4.05, "today's form: the whole network at once, without labels"),
    ):
        axes.text(0.1, y, text, fontweight="bold", fontsize=10)
    axes.axvline(8.55, color=CONTOUR_LINE, linewidth=1, ls=":")
    axes.text(10.2, 8.75, "then with labels", ha="center", fontweight="bold", fontsize=10)
    for column, layers in enumerate(
        (
            [("images", "plain"), ("hidden 1", "new"), ("images again", "plain")],
            [("images", "plain"), ("hidden 1", "kept"), ("hidden 2", "new"), ("hidden 1 again", "plain")],
            [("images", "plain"), ("hidden 1", "kept"), ("hidden 2", "kept"), ("hidden 3", "new")],
        )
    ):
        _stack(axes, 1.3 + 2.8 * column, 5.1, layers)
    for x in (2.7, 5.5, 8.35):
        _arrow(axes, (x - 0.15, 6.3), (x + 0.25, 6.3))
    supervised = [
        ("images", "plain"),
        ("hidden 1", "kept"),
        ("hidden 2", "kept"),
        ("hidden 3", "kept"),
        ("classes", "new"),
    ]
    _stack(axes, 10.2, 4.9, supervised, step=0.85)
    whole = [
        ("images", "plain"),
        ("hidden 1", "new"),
        ("hidden 2", "new"),
        ("decoder", "new"),
        ("images again", "plain"),
    ]
    _stack(axes, 4.1, 0.2, whole, step=0.85)
    _arrow(axes, (5.6, 1.9), (8.8, 1.9))
    _stack(axes, 10.2, 0.2, [supervised[0], supervised[1], supervised[2], supervised[4]], step=0.85)
    return axes


def _stack(axes, x, y, layers, step=0.95):
    """Draw layers from below, with arrows between them."""
    for number, (text, kind) in enumerate(layers):
        _box(axes, x, y + step * number, 2.2, text, kind)
        if number:
            _arrow(axes, (x, y + step * (number - 1) + 0.33), (x, y + step * number - 0.33))
