"""The figures of section 11.3.6: schedules, the range test, and the losses that they lead to."""

import numpy as np

from handson11.plots.style import (
    BAD_REGION,
    GOOD_REGION,
    PALETTE,
    ROLE,
    decade_ticks,
    label_line,
    log_ticks,
    look,
    panels,
)

SCHEDULE_NAMES = {
    "constant": "constant",
    "power": "power",
    "exponential": "exponential",
    "piecewise": "piecewise constant",
    "performance": "performance",
    "one_cycle": "1cycle",
    "one_cycle_momentum": "1cycle and momentum",
}
"""Role of a schedule → its name in figures."""

_RATES_TRIED = (look("teal", ":", "v"), look("green", "-", "s"), look("orange", (0, (4, 2)), "P"), look("maroon", "-"))


def losses_at_rates(losses, places):
    """Draw the losses of a run, step by step, at several learning rates: median and range over seeds.

    Parameters
    ----------
    losses : dict of str → array of shape (seeds, steps)
        Name → losses, at most four. A line ends before the first step at which a seed is lost.
    places : dict of str → (step, loss)
        Where the name of each line stands.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> losses = {"good": [[2.0, 1.0, 0.5]], "too high": [[2.0, 9.0, np.nan]]}
    >>> axes = losses_at_rates(losses, {"good": (3, 0.5), "too high": (2, 9.0)})
    >>> axes.get_yscale(), len(axes.texts)
    ('log', 2)
    """
    _, axes = panels()
    for style, (name, values) in zip(_RATES_TRIED, losses.items(), strict=False):
        values = np.asarray(values, dtype=float)
        finite = np.isfinite(values).all(axis=0)
        stop = len(finite) if finite.all() else int(np.argmin(finite))
        steps, seen = np.arange(1, stop + 1), values[:, :stop]
        axes.plot(steps, np.median(seen, axis=0), markevery=max(1, stop // 8), label=name, **style)
        axes.fill_between(steps, seen.min(axis=0), seen.max(axis=0), color=style["color"], alpha=0.2, lw=0)
        label_line(axes, *places[name], name, color=style["color"])
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)
    axes.set(xlabel="step", ylabel="training loss")
    return axes


def schedule_curves(rates, places, momentum=None, xlabel="step"):
    """Draw the learning rate of several schedules on one axis, and the momentum that goes with 1cycle below.

    Parameters
    ----------
    rates : dict of role → array of shape (steps,)
        The rate of every step; at most six schedules.
    places : dict of role → (step, rate)
        Where the name of each line stands.
    momentum : array of shape (steps,), optional
        The momentum of every step, in a panel of its own.
    xlabel : str, default "step"

    Returns
    -------
    array of matplotlib Axes
        One, or two with the momentum.

    Examples
    --------
    >>> rates = {"constant": [0.1, 0.1, 0.1], "one_cycle": [0.1, 0.5, 0.0]}
    >>> schedule_curves(rates, {"constant": (0, 0.1), "one_cycle": (1, 0.5)}, [0.95, 0.85, 0.95]).shape
    (2,)
    """
    if momentum is None:
        _, axes = panels(squeeze=False)
    else:
        _, axes = panels(2, 1, size=(7.2, 5.0), sharex=True, squeeze=False, height_ratios=(3, 1))
    axes = axes[:, 0]
    for role, values in rates.items():
        axes[0].plot(np.arange(len(values)), values, markevery=max(1, len(values) // 9), **ROLE[role])
        label_line(axes[0], *places[role], SCHEDULE_NAMES[role], role)
    axes[0].set(ylabel="learning rate", ylim=(0, None))
    if momentum is not None:
        every = {"markevery": max(1, len(momentum) // 9)}
        axes[1].plot(np.arange(len(momentum)), momentum, **{**ROLE["one_cycle_momentum"], **every})
        axes[1].set(ylabel="momentum of\n1cycle")
    axes[-1].set(xlabel=xlabel)
    return axes


def range_test(found, chosen=None):
    """Draw the losses of a range test against the rate on a log axis, with the lowest point and the suggested rate.

    Parameters
    ----------
    found : RangeTest
        What :class:`handson11.schedules.LearningRateFinder` returned.
    chosen : tuple (float, str), optional
        A rate and what it is, such as one that tuning has found: another line.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from handson11.schedules import RangeTest
    >>> curve = np.array([2.3, 2.2, 2.0, 1.5, 1.2, 9.0])
    >>> range_test(RangeTest(10.0 ** np.arange(-5, 1), curve, curve, True)).get_xscale()
    'log'
    """
    _, axes = panels()
    lowest = float(found.rates[int(np.argmin(found.smoothed))])
    axes.axvspan(found.rates[0], lowest, color=GOOD_REGION, lw=0)
    axes.axvspan(lowest, found.rates[-1], color=BAD_REGION, lw=0)
    axes.plot(found.rates, found.losses, ".", color=PALETTE["ink"], alpha=0.35, markersize=3)
    axes.plot(found.rates, found.smoothed, **{**look("blue"), "linewidth": 2})
    left, right = {"xytext": (-6, -13), "ha": "right"}, {"xytext": (6, -13), "ha": "left"}
    marks = [(lowest, "lowest", "o", "ink", right), (found.suggestion, "suggestion", "s", "green", left)]
    top = float(np.percentile(found.losses, 98))
    for rate, name, marker, color, beside in marks:
        height = np.interp(np.log(rate), np.log(found.rates), found.smoothed)
        axes.plot(rate, height, marker, color=PALETTE[color], markersize=9)
        label_line(axes, rate, height, name, color=PALETTE[color], **beside)
    axes.set(xscale="log", xlabel="learning rate (log scale)", ylabel="loss of the batch")
    axes.set(xlim=(found.rates[0], found.rates[-1] * 1.05), ylim=(0, 1.25 * top))
    decade_ticks(axes.xaxis)
    if chosen is not None:
        axes.axvline(chosen[0], **ROLE["reference"])
        label_line(axes, chosen[0], 1.18 * top, chosen[1], "reference", fontweight="normal", xytext=(-5, 0), ha="right")
    return axes


def losses_by_schedule(curves, places, target=None, ylabel="training loss"):
    """Draw one measurement of each epoch for several schedules: median and range over seeds, log axis.

    Parameters
    ----------
    curves : dict of role → array of shape (seeds, epochs)
        At most six schedules.
    places : dict of role → (epoch, value)
        Where the name of each line stands.
    target : float, optional
        A loss to reach: a thin dashed line.
    ylabel : str, default "training loss"

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> curves = {"constant": [[1.0, 0.5]], "one_cycle": [[1.2, 0.3]]}
    >>> axes = losses_by_schedule(curves, {"constant": (2, 0.5), "one_cycle": (2, 0.3)}, target=0.4)
    >>> axes.get_xlabel(), len(axes.lines)
    ('epoch', 3)
    """
    _, axes = panels()
    for role, values in curves.items():
        values = np.asarray(values, dtype=float)
        epochs = np.arange(1, values.shape[1] + 1)
        axes.plot(epochs, np.median(values, axis=0), markevery=2, **ROLE[role])
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=ROLE[role]["color"], alpha=0.12, lw=0)
        label_line(axes, *places[role], SCHEDULE_NAMES[role], role)
    if target is not None:
        axes.plot([1, len(epochs)], [target, target], **ROLE["reference"])
    axes.set(yscale="log", xlabel="epoch", ylabel=ylabel, xticks=epochs[:: 1 + len(epochs) // 10])
    axes.set_xlim(0.7, len(epochs) * 1.2)
    log_ticks(axes.yaxis)
    return axes
