"""The figures of section 11.2.3 with pictures: pairs, one network for both, unseen classes before and after."""

import numpy as np

from handson11.plots.pretraining import _arrow, _blank, _box
from handson11.plots.style import PALETTE, ROLE, label_line, look, panels

_CLASSES = (
    look("blue", marker="^"),
    look("orange", marker="P"),
    look("green", marker="s"),
    look("purple", marker="X"),
    look("maroon", marker="D"),
)


def _picture(axes, image, x, y, side, light):
    """Draw an image with its middle at (x, y)."""
    limits = {"cmap": "gray" if light else "gray_r", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axes.imshow(image, extent=(x - side / 2, x + side / 2, y - side / 2, y + side / 2), zorder=2, **limits)


def siamese_diagram(first, second, light=False):
    """Draw the verifier: two pictures, one network for both, the distance of the two vectors, one probability.

    Parameters
    ----------
    first, second : array of shape (side, side)
        Two pictures with pixels between 0 and 1.
    light : bool, default False
        Whether 1 is white, as in photographs; clothes look better dark on white.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = siamese_diagram(np.zeros((4, 4)), np.ones((4, 4)))
    >>> [text.get_text() for text in axes.texts if "weights" in text.get_text()]
    ['the same weights']
    """
    axes = _blank((7.2, 2.7), (0, 14.4), (-0.2, 5.2))
    for y, image in ((3.9, first), (1.1, second)):
        _picture(axes, image, 1.2, y, 2.1, light)
        _box(axes, 4.4, y, 2.6, "network f", "kept")
        _arrow(axes, (2.35, y), (3.05, y))
        _arrow(axes, (5.75, y), (7.1, 2.5 + 0.12 * np.sign(y - 2.5)))
    axes.text(4.4, 2.5, "the same weights", ha="center", va="center", fontsize=8.5, color=PALETTE["green"])
    _arrow(axes, (4.4, 2.75), (4.4, 3.5))
    _arrow(axes, (4.4, 2.25), (4.4, 1.5))
    _box(axes, 8.3, 2.5, 2.3, "|f(x₁) − f(x₂)|")
    _arrow(axes, (9.5, 2.5), (10.0, 2.5))
    _box(axes, 11.0, 2.5, 1.9, "σ(w·… + b)", "new")
    _arrow(axes, (12.0, 2.5), (12.5, 2.5))
    axes.text(12.6, 2.5, "the same?\n0 … 1", ha="left", va="center", fontsize=9, fontweight="bold")
    axes.text(11.0, 1.75, "thrown away later", ha="center", fontsize=8.5, color=PALETTE["orange"])
    axes.text(4.4, 0.1, "kept: its lower layers", ha="center", fontsize=8.5, color=PALETTE["green"])
    axes.set(xlim=(0, 14.4), ylim=(-0.2, 5.2), aspect="auto")
    return axes


def picture_pairs(first, second, same, light=False):
    """Draw pairs of pictures, one above the other, and below each pair whether it is "same" or "different".

    Parameters
    ----------
    first, second : array of shape (n, side, side)
        Pictures with pixels between 0 and 1; up to about eight pairs.
    same : sequence of bool or 0 and 1
        The label of each pair.
    light : bool, default False
        See :func:`siamese_diagram`.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = picture_pairs(np.zeros((2, 4, 4)), np.ones((2, 4, 4)), [1, 0])
    >>> [text.get_text() for text in axes.texts]
    ['same', 'different']
    """
    n = len(first)
    axes = _blank((7.2, 7.2 * 2.6 / (1.12 * n)), (-0.55, 1.12 * n - 0.55), (-1.0, 1.55))
    for place, (above, below, label) in enumerate(zip(first, second, same, strict=True)):
        x = 1.12 * place
        _picture(axes, above, x, 1.04, 0.98, light)
        _picture(axes, below, x, 0.0, 0.98, light)
        colour = PALETTE["green"] if label else PALETTE["maroon"]
        text = "same" if label else "different"
        axes.text(x, -0.68, text, ha="center", va="center", fontsize=9, color=colour, fontweight="bold")
    axes.set(xlim=(-0.55, 1.12 * n - 0.55), ylim=(-1.0, 1.55))
    return axes


def known_and_unseen(groups, role="class_pairs"):
    """Draw the accuracy of a verifier on pairs of known and of unseen classes: one dot a seed, and the means.

    Parameters
    ----------
    groups : dict of str → (array of shape (seeds,), array of shape (seeds,))
        Name of a task → accuracy on pairs of the classes of its training, and on pairs of other classes.
    role : str, default "class_pairs"
        Look of the dots.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = known_and_unseen({"clothes": ([0.9, 0.92], [0.7, 0.75])})
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['clothes: known', 'clothes: unseen']
    """
    _, axes = panels(size=(7.2, 0.5 + 0.55 * 2 * len(groups)))
    names, row = [], 0
    for name, pair in groups.items():
        for values, which in zip(pair, ("known", "unseen"), strict=True):
            values = np.asarray(values, dtype=float)
            spread = np.linspace(-0.16, 0.16, len(values))
            axes.plot(values, row + spread, ls="none", marker="o", color=ROLE[role]["color"], alpha=0.55, markersize=5)
            axes.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=PALETTE["ink"], ls="-", linewidth=2.2)
            names.append(f"{name}: {which}")
            row += 1
    axes.axvline(0.5, **ROLE["reference"])
    label_line(axes, 0.5, 0.5, "guessing", "reference")
    axes.set_yticks(range(row), names)
    axes.set(xlabel="accuracy on pairs", xlim=(0.47, 1.0), ylim=(row - 0.5, -0.5))
    return axes


def before_and_after(panels_of, labels, names, places=None):
    """Draw the vectors of unseen classes in a plane, with the network before and after its training.

    Parameters
    ----------
    panels_of : dict of str → array of shape (n, 2)
        Title → points; at most two panels.
    labels : array of shape (n,)
        Class of each point, from 0; at most five classes.
    names : sequence of str
        Name of each class.
    places : dict of (title, class) → (x, y), optional
        Where a name stands. Default: the median of its points.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> points, labels = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> axes = before_and_after({"before": points, "after": points}, labels, ["bag", "coat"])
    >>> [text.get_text() for text in axes[1].texts]
    ['bag', 'coat']
    """
    labels = np.asarray(labels)
    _, axes = panels(1, len(panels_of), squeeze=False)
    for ax, (title, points) in zip(axes[0], panels_of.items(), strict=True):
        points = np.asarray(points)
        for number, name in enumerate(names):
            chosen, style = points[labels == number], _CLASSES[number]
            ax.plot(*chosen.T, ls="none", marker=style["marker"], color=style["color"], markersize=3.5, alpha=0.4)
            place = (places or {}).get((title, number), np.median(chosen, axis=0))
            box = {"color": "white", "alpha": 0.8, "pad": 1}
            label_line(ax, *place, name, color=style["color"], xytext=(0, 0), ha="center", bbox=box, zorder=5)
        ax.set(title=title, xticks=[], yticks=[], xlabel="first direction")
    axes[0, 0].set_ylabel("second direction")
    return axes[0]
