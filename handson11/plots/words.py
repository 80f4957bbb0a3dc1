"""The figures of masked words in section 11.2.3: a hidden word and its neighbours, guesses, few-label curves."""

import numpy as np

from handson11.plots.style import PALETTE, ROLE, label_line, log_ticks, panels


def hidden_word(words, place, left=4, right=4):
    """Draw a sentence with one word hidden: the words around it are the input, the hidden word is the label.

    Parameters
    ----------
    words : sequence of str
        The sentence, at most nine words.
    place : int
        Which word is hidden.
    left, right : int, default 4
        Words that the model reads before and behind the hidden one.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = hidden_word(["What", "are", "you", "saying?"], 1)
    >>> [text.get_text() for text in axes.texts if text.get_text()]
    ['What', '___', 'you', 'saying?', 'model', 'are', 'label, from the text itself']
    """
    _, axes = panels(size=(7.2, 3.0))
    n = len(words)
    for number, word in enumerate(words):
        hidden, read = number == place, -left <= number - place <= right
        colour = PALETTE["maroon"] if hidden else PALETTE["blue"] if read else PALETTE["ink"]
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": colour, "linewidth": 1.6}
        box["linestyle"] = "--" if hidden else "-"
        text = "___" if hidden else word
        axes.text(number, 0, text, ha="center", va="center", fontsize=12, color=colour, bbox=box)
        if read and not hidden:
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (place + 0.05 * (number - place), 0.81), (number, 0.17), arrowprops=arrow)
    model = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": PALETTE["green"], "linewidth": 1.8}
    axes.text(place, 1, "model", ha="center", va="center", fontsize=12, color=PALETTE["green"], bbox=model)
    arrow = {"arrowstyle": "-|>", "color": PALETTE["green"], "lw": 1.8, "shrinkA": 18, "shrinkB": 14}
    axes.annotate("", (place, 1.95), (place, 1), arrowprops=arrow)
    axes.text(place, 2, words[place], ha="center", va="center", fontsize=12, fontweight="bold", color=PALETTE["maroon"])
    note = {"fontsize": 9, "color": PALETTE["maroon"], "va": "center"}
    axes.text(place + 0.35, 2, "label, from the text itself", **note)
    axes.set(xlim=(-0.6, max(n - 0.4, place + 2.2)), ylim=(-0.5, 2.4))
    axes.axis("off")
    return axes


def word_guesses(guesses, hidden=None):
    """Draw the most probable words for a gap as bars.

    Parameters
    ----------
    guesses : list of (str, float)
        Word and probability, the best first, as ``MaskedWordModel.top_words`` returns them.
    hidden : str, optional
        The word that stood there; its bar is hatched.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> axes = word_guesses([("are", 0.4), ("is", 0.1)], hidden="are")
    >>> len(axes.patches), str(axes.patches[0].get_hatch())
    (2, '//')
    """
    _, axes = panels(size=(5.4, 3.4))
    for number, (word, probability) in enumerate(guesses):
        hatch = "//" if word == hidden else None
        axes.barh(number, probability, color=ROLE["masked_words"]["color"], alpha=0.75, hatch=hatch, edgecolor="white")
        label_line(axes, probability, number, f"{probability:.2f}", fontweight="normal")
    axes.set_yticks(range(len(guesses)), [word for word, _ in guesses])
    axes.invert_yaxis()
    axes.set(xlabel="probability", xlim=(0, 1.25 * max(probability for _, probability in guesses)))
    axes.grid(axis="y", visible=False)
    return axes


def few_label_curves(labels, curves, places, chance=None, ylabel="test accuracy", xlabel="labels per class"):
    """Draw accuracy over the number of labels: mean and interval of each method.

    Parameters
    ----------
    labels : sequence of int
        Labels per class.
    curves : dict of role → (name, sequence of Interval)
        One interval for each number of labels, with ``value``, ``low`` and ``high``.
    places : dict of role → (labels, accuracy)
        Where the name of each line stands.
    chance : float, optional
        Accuracy of guessing, a dashed line.
    ylabel, xlabel : str
        Names of the axes.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from handson11.experiments import interval
    >>> spread = interval([0.4, 0.5, 0.6])
    >>> axes = few_label_curves([5, 20], {"scratch": ("scratch", [spread, spread])}, {"scratch": (5, 0.6)}, chance=0.33)
    >>> axes.get_xscale(), [text.get_text() for text in axes.texts]
    ('log', ['scratch', 'guessing'])
    """
    _, axes = panels()
    for role, (name, found) in curves.items():
        values = np.array([[point.value, point.low, point.high] for point in found])
        axes.plot(labels, values[:, 0], label=name, **ROLE[role])
        axes.fill_between(labels, values[:, 1], values[:, 2], color=ROLE[role]["color"], alpha=0.2, lw=0)
        label_line(axes, *places[role], name, role)
    axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    log_ticks(axes.xaxis)
    axes.set_xticks(labels, [f"{count:g}" for count in labels])
    axes.minorticks_off()
    if chance is not None:
        axes.axhline(chance, **ROLE["reference"])
        label_line(axes, labels[0], chance, "guessing", "reference", xytext=(0, -9))
        axes.set_ylim(bottom=chance - 0.05)
    return axes
