"""The figures of section 11.2.1: the two tasks, thawing, gains by rate and by pair of classes, and selection."""

import numpy as np

from handson11.experiments.statistics import interval
from handson11.plots.style import GOOD_REGION, PALETTE, ROLE, label_line, panels

METHODS = {"scratch": "from scratch", "transfer": "transfer"}


def class_samples(images, names, n_a):
    """Draw a few images of each class, one column a class, with a gap between task A and task B.

    Parameters
    ----------
    images : array of shape (rows, classes, height, width)
        Pixels between 0 and 1; first the classes of A, then those of B.
    names : sequence of str
        Names of the classes.
    n_a : int
        How many of them belong to A.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = class_samples(np.zeros((3, 4, 6, 6)), ["a", "b", "c", "d"], n_a=2)
    >>> [text.get_text() for text in axes.texts]
    ['task A', 'task B']
    """
    images = np.asarray(images, dtype=float)
    rows, classes, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    step, gap = width + 2, width // 2
    mosaic = np.full((rows * (height + 2), classes * step + gap), np.nan)
    starts = [number * step + gap * (number >= n_a) for number in range(classes)]
    for number, start in enumerate(starts):
        mosaic[:, start : start + step] = padded[:, number].reshape(-1, step)
    _, axes = panels(size=(7.2, 3.0))
    axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([start + step / 2 for start in starts], names, rotation=40, ha="right")
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for text, members in (("task A", starts[:n_a]), ("task B", starts[n_a:])):
        middle = (members[0] + members[-1] + step) / 2
        axes.text(middle, -3, text, ha="center", va="bottom", fontweight="bold")
    return axes


def thawing_curves(curves, moment, places, ylabel="validation accuracy"):
    """Draw learning curves by epoch, with a line where the frozen layers are thawed.

    Parameters
    ----------
    curves : dict of role → sequence of float
        One value after each epoch; ``"scratch"``, ``"transfer"``.
    moment : int
        Epochs with frozen layers.
    places : dict of role → (epoch, value)
        Where the names stand.
    ylabel : str

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> curves = {"scratch": [0.5, 0.6, 0.7], "transfer": [0.6, 0.8, 0.9]}
    >>> thawing_curves(curves, 1, {"scratch": (2, 0.6), "transfer": (2, 0.9)}).get_xlabel()
    'epoch'
    """
    _, axes = panels()
    axes.axvspan(0.5, moment + 0.5, color=GOOD_REGION, lw=0)
    axes.axvline(moment + 0.5, **ROLE["reference"])
    for role, values in curves.items():
        axes.plot(np.arange(1, len(values) + 1), values, **ROLE[role])
        label_line(axes, *places[role], METHODS[role], role)
    low, high = axes.get_ylim()
    middle = (low + high) / 2
    axes.text(moment + 0.6, middle, "thawed", va="center")
    axes.text(moment + 0.4, middle, "frozen", va="center", ha="right")
    axes.set(xlabel="epoch", ylabel=ylabel, xlim=(0.5, None), ylim=(low, high))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return axes


def gain_by_rate(rates, accuracies, marks, ylim=(-2.5, 5.0), floor=0.85):
    """Draw the accuracy of scratch and transfer by learning rate, and below their paired difference.

    Parameters
    ----------
    rates : sequence of float
    accuracies : dict of str → dict of role → array of shape (rates, seeds)
        Title of a column → ``"scratch"`` and ``"transfer"``; two columns.
    marks : dict of str → dict of str → float
        Title → role → the rate that was tuned, drawn as a ring in the upper panel.
    ylim : (float, float)
        Range of the lower panels, in points.
    floor : float
        Lowest accuracy that is shown.

    Returns
    -------
    array of matplotlib Axes, shape (2, columns)

    Examples
    --------
    >>> arms = {"scratch": [[0.9, 0.92], [0.94, 0.95]], "transfer": [[0.95, 0.96], [0.95, 0.95]]}
    >>> gain_by_rate([0.01, 0.1], {"one": arms, "two": arms}, {"one": {"scratch": 0.1}, "two": {}}).shape
    (2, 2)
    """
    _, axes = panels(2, len(accuracies), sharex=True, sharey="row")
    for column, (title, arms) in zip(axes.T, accuracies.items(), strict=True):
        arms = {role: np.asarray(values, dtype=float) for role, values in arms.items()}
        for role, values in arms.items():
            style = {**ROLE[role], "label": METHODS[role]}
            column[0].plot(rates, values.mean(axis=1), **style)
            column[0].fill_between(
                rates, values.min(axis=1), values.max(axis=1), color=style["color"], alpha=0.18, lw=0
            )
            if role in marks[title]:
                place = list(rates).index(marks[title][role])
                column[0].plot(rates[place], values[place].mean(), "o", ms=13, mfc="none", mec=style["color"], mew=1.5)
        gains = [interval(100 * (t - s)) for t, s in zip(arms["transfer"], arms["scratch"], strict=True)]
        middle = np.array([gain.value for gain in gains])
        spread = np.abs(np.array([[gain.low, gain.high] for gain in gains]).T - middle)
        column[1].axhline(0, **ROLE["reference"])
        column[1].errorbar(rates, middle, spread, capsize=3, **ROLE["transfer"])
        column[0].set(title=title, ylim=(floor, 1.003))
        column[1].set(xscale="log", xlabel="learning rate", ylim=ylim)
    axes[0, 0].set(ylabel="test accuracy")
    axes[1, 0].set(ylabel="gain of transfer\n(points)")
    axes[0, 0].legend(loc="lower left")
    return axes


def gains_over_pairs(gains, marked, xlim=(-6, 6), width=0.25):
    """Draw histograms of gains over all pairs and seeds, with the mean gains of some pairs as lines.

    Parameters
    ----------
    gains : dict of str → array of shape (pairs, seeds)
        Title of a panel → gains in points; two panels.
    marked : dict of str → int
        Name → place of the pair; at most two.
    xlim : (float, float)
        Gains beyond it are counted in the outermost bars.
    width : float
        Width of a bar, in points.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> axes = gains_over_pairs({"few": [[0.1, -0.2], [1.0, 2.0]], "many": [[0.0, 0.1], [0.2, 0.3]]}, {"good": 1})
    >>> [ax.get_xlabel() for ax in axes]
    ['gain of transfer (points)', 'gain of transfer (points)']
    """
    _, axes = panels(1, len(gains), sharey=True, squeeze=False)
    edges = np.arange(xlim[0], xlim[1] + width / 2, width)  # a bar holds its right end: none holds losses and gains
    for ax, (title, values) in zip(axes[0], gains.items(), strict=True):
        values = np.asarray(values, dtype=float)
        inside = np.clip(values, xlim[0] + width / 2, xlim[1])
        counts = np.histogram(-inside, -edges[::-1])[0][::-1]
        places = edges[:-1] + width / 2
        for side, color in ((places <= 0, PALETTE["orange"]), (places > 0, PALETTE["blue"])):
            ax.bar(places[side], counts[side], width, color=color, alpha=0.55, edgecolor="white", linewidth=0.4)
        ax.axvline(0, **ROLE["reference"])
        top = counts.max()
        for number, (name, pair) in enumerate(marked.items()):
            mean, height = values[pair].mean(), top * (1.06 + 0.14 * number)
            ax.plot([mean, mean], [0, height], color=PALETTE["ink"], ls="-", lw=1.4)
            away = {"xytext": (4, 0)} if mean >= 0 else {"xytext": (-4, 0), "ha": "right"}
            label_line(ax, mean, height, name, fontsize=8, **away)
        ax.set(title=title, xlabel="gain of transfer (points)", ylim=(0, top * 1.32), xlim=xlim)
    axes[0, 0].set(ylabel="runs")
    return axes[0]


def best_of_many(tried, mean, low, high, theory=None):
    """Draw how good the best of several gains looks that are only chance, by their number.

    Parameters
    ----------
    tried : sequence of int
        Configurations of a search.
    mean, low, high : sequences of float
        The mean best gain and the 5 % and 95 % points, in standard deviations.
    theory : dict of int → float, optional
        Number → mean by theory, drawn as crosses.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> best_of_many([1, 5, 20], [0.0, 1.2, 1.9], [-1.6, 0.1, 1.1], [1.6, 2.3, 2.8], {5: 1.163}).get_xscale()
    'log'
    """
    _, axes = panels(size=(5.4, 3.4))
    axes.fill_between(tried, low, high, color=PALETTE["blue"], alpha=0.18, lw=0)
    axes.plot(tried, mean, **ROLE["transfer"])
    axes.axhline(0, **ROLE["reference"])
    if theory:
        axes.plot(list(theory), list(theory.values()), ls="none", marker="x", ms=10, mew=1.8, color=PALETTE["maroon"])
        last = max(theory)
        label_line(axes, last, theory[last], "theory", color=PALETTE["maroon"], xytext=(8, -9))
    label_line(axes, tried[-1], mean[-1], "mean", "transfer", ha="right", xytext=(-4, 12))
    axes.annotate("true gain: 0", (tried[-1], 0), ha="right", va="top", xytext=(0, -4), textcoords="offset points")
    axes.set(xscale="log", xlabel="configurations tried", ylabel="best gain (standard deviations)")
    axes.set_xticks(tried, [str(number) for number in tried])
    axes.minorticks_off()
    return axes
