"""The figures of reused layers: what is copied, how many layers to keep, gains by layer and by label count."""

import numpy as np
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import LogLocator

from handson11.plots.style import PALETTE, ROLE, label_line, look, panels

_STATES = {"copied, frozen": "teal", "copied, free": "blue", "new": "orange"}
_SOURCES = {
    "reused layers": look("teal", (0, (7, 2)), "v"),
    "autoencoder": ROLE["autoencoder"],
    "GAN": ROLE["gan"],
    "rotation": ROLE["rotation"],
    "instance pairs": look("orange", (0, (6, 2, 1, 2)), "P"),
    "masked words": ROLE["masked_words"],
}
_COUNTS = (look("purple", (0, (4, 2)), "s"), look("teal", (0, (7, 2)), "v"), look("blue", "-", "^"))


def layer_stack(stages):
    """Draw networks as stacks of layers, from general (below) to specific, with what happens to each layer.

    Parameters
    ----------
    stages : dict of str → list of (str, str)
        Title → layers from below, each with its name and its state: "source", "copied, frozen", "copied, free" or
        "new".

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = layer_stack({"source": [("hidden 1", "source")], "target": [("hidden 1", "copied, frozen")]})
    >>> [text.get_text() for text in axes.texts if "frozen" in text.get_text()]
    ['copied, frozen']
    """
    _, axes = panels(size=(7.2, 4.0))
    tallest = max(len(layers) for layers in stages.values())
    for column, (title, layers) in enumerate(stages.items()):
        left = 2.7 * column
        for row, (name, state) in enumerate(layers):
            colour = PALETTE[_STATES.get(state, "ink")]
            dashed = "--" if state == "new" else "-"
            hatch = "///" if state.endswith("frozen") else None
            box = Rectangle((left, row), 2.1, 0.72, facecolor="white", edgecolor=colour, lw=1.8, ls=dashed)
            axes.add_patch(box)
            if hatch:
                axes.add_patch(Rectangle((left, row), 0.2, 0.72, facecolor="none", edgecolor=colour, hatch=hatch, lw=0))
            middle = left + 1.1
            axes.text(middle, row + 0.5, name, ha="center", va="center", fontsize=9, color=PALETTE["ink"])
            if state != "source":
                axes.text(middle, row + 0.2, state, ha="center", va="center", fontsize=8, color=colour)
        axes.text(left + 1.05, tallest + 0.25, title, ha="center", va="bottom", fontsize=9, fontweight="bold")
    arrow = {"arrowstyle": "-|>", "color": PALETTE["ink"], "lw": 1.2}
    axes.annotate("", (-0.35, tallest - 0.3), (-0.35, 0.1), arrowprops=arrow)
    for height, word in ((0.3, "general"), (tallest - 0.9, "specific")):
        axes.text(-0.45, height, word, rotation=90, ha="right", va="center", fontsize=9)
    axes.set(xlim=(-1.0, 2.7 * len(stages) - 0.5), ylim=(-0.2, tallest + 1.0))
    axes.axis("off")
    return axes


def decision_path(questions, ends):
    """Draw a path of questions: one word leads to the right, to an answer, its opposite down to the next question.

    Parameters
    ----------
    questions : list of (str, str, str)
        Question, the word at the arrow to the right, and the answer there.
    ends : str
        What remains below the last question.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = decision_path([("Is there a network of a similar task?", "no", "Start from scratch.")], "Reuse it.")
    >>> axes.texts[0].get_text()
    'Is there a network of a similar task?'
    """
    _, axes = panels(size=(7.2, 1.15 * len(questions) + 0.9))
    last = len(questions)
    arrow = {"arrowstyle": "-|>", "color": PALETTE["ink"], "lw": 1.3}
    for row, (question, word, answer) in enumerate(questions):
        y = -row
        _box(axes, 0, y, 4.2, question, "blue")
        _box(axes, 5.3, y, 4.4, answer, "green")
        axes.annotate("", (5.3, y), (4.2, y), arrowprops=arrow)
        axes.text(4.75, y + 0.1, word, ha="center", fontsize=9, fontweight="bold")
        axes.annotate("", (2.1, y - 0.67), (2.1, y - 0.33), arrowprops=arrow)
        other = "yes" if word == "no" else "no"
        axes.text(2.2, y - 0.5, other, va="center", fontsize=9, fontweight="bold")
    _box(axes, 0, -last, 4.2, ends, "green")
    axes.set(xlim=(-0.1, 9.8), ylim=(-last - 0.45, 0.45))
    axes.axis("off")
    return axes


def _box(axes, x, y, width, text, colour):
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.1, y - 0.28),
            width - 0.2,
            0.56,
            boxstyle="round,pad=0.05",
            facecolor="white",
            edgecolor=PALETTE[colour],
            lw=1.6,
        )
    )
    axes.text(x + width / 2, y, text, ha="center", va="center", fontsize=8.5)


def gains_by_layers(gains, ylabel="gain over scratch"):
    """Draw the gain over the number of reused layers, one panel for each way to reuse them, one line a label count.

    Parameters
    ----------
    gains : dict of str → dict of int → array of shape (layers, 3)
        Panel → label count → value, low and high end for 1, 2, … reused layers; at most three label counts.
    ylabel : str, default "gain over scratch"

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> axes = gains_by_layers({"frozen": {20: [[0.0, -0.1, 0.1], [-0.1, -0.2, 0.0]]}})
    >>> axes[0].get_xlabel()
    'reused layers'
    """
    _, axes = panels(1, len(gains), sharey=True, squeeze=False)
    for panel, (title, by_labels) in zip(axes[0], gains.items(), strict=True):
        panel.axhline(0, **ROLE["reference"])
        for place, (style, (labels, found)) in enumerate(zip(_COUNTS, by_labels.items(), strict=False)):
            found = np.asarray(found, dtype=float)
            k = np.arange(1, len(found) + 1) + 0.08 * (place - 1)
            ends = np.abs(found[:, 1:] - found[:, :1]).T
            panel.errorbar(k, found[:, 0], ends, capsize=2, label=f"{labels} labels", **style)
        panel.set(title=title, xlabel="reused layers", xticks=np.arange(1, len(found) + 1))
    axes[0, 0].set(ylabel=ylabel)
    axes[0, 0].legend(loc="lower left", handlelength=3)
    return axes[0]


def accuracy_by_step(steps, curves, places, target=None):
    """Draw the validation accuracy over the steps: mean and range over seeds of each method.

    Parameters
    ----------
    steps : array of shape (n,)
    curves : dict of role → array of shape (seeds, n)
    places : dict of role → (step, accuracy)
        Where the name of each line stands.
    target : float, optional
        An accuracy to reach: a dashed line.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = accuracy_by_step([0, 3], {"scratch": [[0.2, 0.5]], "transfer": [[0.2, 0.7]]}, {"scratch": (3, 0.5)}, 0.6)
    >>> len(axes.lines)
    3
    """
    _, axes = panels()
    for role, values in curves.items():
        values = np.asarray(values, dtype=float)
        axes.plot(steps, values.mean(axis=0), markevery=max(1, len(steps) // 9), **ROLE[role])
        axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=ROLE[role]["color"], alpha=0.15, lw=0)
        if role in places:
            label_line(axes, *places[role], role, role)
    if target is not None:
        axes.axhline(target, **ROLE["reference"])
    axes.set(xlabel="step", ylabel="validation accuracy")
    return axes


def gains_by_labels(curves, places, xlabel="labels of each class"):
    """Draw the gain over scratch against the number of labels for several sources of layers: value and interval.

    Parameters
    ----------
    curves : dict of str → (labels, array of shape (labels, 3))
        Source ("reused layers", "autoencoder", "GAN", "rotation", "instance pairs" or "masked words") → label counts;
        value, low and high end of the gain in points. Each line is moved a little to the side, to keep the bars apart.
    places : dict of str → (labels, gain)
        Where the name of each line stands.
    xlabel : str, default "labels of each class"

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = gains_by_labels({"GAN": ([1, 10], [[0.1, 0.0, 0.2], [0.0, -0.1, 0.1]])}, {"GAN": (10, 0.0)})
    >>> axes.get_xscale(), axes.texts[0].get_text()
    ('log', 'GAN')
    """
    _, axes = panels(size=(7.2, 4.2))
    axes.axhline(0, **ROLE["reference"])
    for number, (name, (labels, found)) in enumerate(curves.items()):
        found = np.asarray(found, dtype=float)
        ends = np.abs(found[:, 1:] - found[:, :1]).T
        x = np.asarray(labels) * 1.05 ** (number - (len(curves) - 1) / 2)
        axes.errorbar(x, found[:, 0], ends, capsize=2, **_SOURCES[name])
        if name in places:
            label_line(axes, *places[name], name, color=_SOURCES[name]["color"])
    axes.set(xscale="log", xlabel=xlabel, ylabel="gain over scratch (points)")
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    return axes
