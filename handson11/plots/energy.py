"""The figures of section 11.2.2 on Boltzmann machines and GANs: free energies, and the game on a few points."""

import numpy as np

from handson11.plots.style import PALETTE, ROLE, label_line, look, panels

_FEW_AND_MANY = (look("orange", "-", "P"), look("blue", "-", "^"))


def free_energy_gaps(gaps, places):
    """Draw the free-energy gap over the epochs, median and range over seeds.

    Parameters
    ----------
    gaps : dict of str → array of shape (seeds, epochs + 1)
        Name → mean free energy of validation images minus that of training images, the start first; at most two.
    places : dict of str → (epoch, gap)
        Where the name of each line stands.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> gaps = {"few": [[0.0, 2.0, 5.0]], "many": [[0.0, 0.1, 0.1]]}
    >>> axes = free_energy_gaps(gaps, {"few": (2, 5), "many": (2, 0.1)})
    >>> len(axes.lines), [text.get_text() for text in axes.texts]
    (3, ['few', 'many'])
    """
    _, axes = panels()
    axes.axhline(0, **ROLE["reference"])
    for style, (name, values) in zip(_FEW_AND_MANY, gaps.items(), strict=False):
        values = np.asarray(values, dtype=float)
        epochs = np.arange(values.shape[1])
        axes.plot(epochs, np.median(values, axis=0), **style)
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=style["color"], alpha=0.2, lw=0)
        label_line(axes, *places[name], name, color=style["color"])
    axes.set(xlabel="epoch (550 steps)", ylabel="free-energy gap, nats")
    return axes


def best_discriminator_bars(p, q, d, places):
    """Draw data and generator on a few points, and above them the best discriminator, which reads their share.

    Parameters
    ----------
    p, q : array of shape (points,)
        Probabilities of the data and of the generator.
    d : array of shape (points,)
        The discriminator.
    places : sequence of two (point, probability)
        Where "data" and "generator" are written.

    Returns
    -------
    array of two matplotlib Axes

    Examples
    --------
    >>> axes = best_discriminator_bars([0.5, 0.5], [0.1, 0.9], [0.83, 0.36], [(0, 0.5), (1, 0.9)])
    >>> len(axes[1].patches)
    4
    """
    _, axes = panels(2, 1, size=(7.2, 4.4), sharex=True, height_ratios=(1, 1.3))
    points = np.arange(len(p))
    axes[0].axhline(0.5, **ROLE["reference"])
    axes[0].vlines(points, 0.5, d, color=PALETTE["purple"], lw=2)
    axes[0].plot(points, d, **{**ROLE["gan"], "linestyle": "none"})
    axes[0].set(ylabel="D*", ylim=(0, 1), yticks=(0, 0.5, 1))
    kinds = (("data", p, "blue", ""), ("generator", q, "orange", "///"))
    for side, (name, values, color, hatch), place in zip((-0.2, 0.2), kinds, places, strict=True):
        axes[1].bar(points + side, values, 0.38, color=PALETTE[color], hatch=hatch, edgecolor="white", lw=0)
        label_line(axes[1], *place, name, color=PALETTE[color], xytext=(0, 8), ha="center")
    axes[1].margins(y=0.15)
    axes[1].set(xlabel="point", ylabel="probability", xticks=points)
    return axes
