"""Figures that compare arms of an experiment."""

import numpy as np

from handson11.plots.style import PALETTE, ROLE, decade_ticks, label_line, log_ticks, look, panels


def seeds_of_arms(groups, roles, labels, xlabel="test accuracy"):
    """Draw one row per arm: every seed as a point, the median as a bar, one panel per group with its own scale.

    Parameters
    ----------
    groups : dict of str → dict of str → array of shape (seeds,)
        Title of the panel → arm → measurements; at most two panels.
    roles, labels : dict of str → str
        Arm → role, and arm → name on the vertical axis.
    xlabel : str
        Label of the horizontal axes.

    Returns
    -------
    array of matplotlib Axes
        One per group.

    Examples
    --------
    >>> seeds_of_arms({"few": {"a": [0.7, 0.8]}, "many": {"a": [0.9]}}, {"a": "relu"}, {"a": "ReLU"}).shape
    (2,)
    """
    figure, axes = panels(1, len(groups), sharey=True, squeeze=False)
    for ax, (title, arms) in zip(axes[0], groups.items(), strict=True):
        for row, (name, values) in enumerate(arms.items()):
            look = ROLE[roles[name]]
            ax.plot([np.min(values), np.max(values)], [row, row], color=look["color"], ls="-", linewidth=1.2, alpha=0.6)
            ax.plot(values, np.full(len(values), row), ls="none", marker=look["marker"], color=look["color"], alpha=0.6)
            ax.plot([np.median(values)] * 2, [row - 0.32, row + 0.32], color=look["color"], ls="-", linewidth=3)
        ax.set(title=title, xlabel=xlabel)
        ax.set_yticks(range(len(arms)), [labels[name] for name in arms])
    axes[0, 0].invert_yaxis()
    return axes[0]


def arms(groups, labels=None, roles=None, xlabel="test accuracy", xscale="linear", xlim=None, reference=None):
    """Draw one row per arm: every seed as a dot, the mean as a large marker, its 95 % interval as a bar.

    A text in the row says how many of how many runs diverged, which are not part of mean and interval, and how many
    lie beyond ``xlim``, which are.

    Parameters
    ----------
    groups : dict of str → sequence of float, or dict of str → such a dict
        Arm → one value per seed, NaN for a diverged run; or title of a panel → arm → values. Several panels stand in
        two columns and share both axes; an arm that a panel lacks leaves its row empty.
    labels : dict of str → str, optional
        Arm → name on the vertical axis; its own name, without underscores, if absent.
    roles : dict of str → str, optional
        Arm → role. An arm that is itself the name of a role takes that; every other arm is drawn in ink.
    xlabel : str, default "test accuracy"
    xscale : {"linear", "log"}, default "linear"
    xlim : tuple of float, optional
        Limits of the horizontal axis: all values, if absent.
    reference : tuple (float, str), optional
        A value and its name, such as ``(0.1, "chance")``: a thin dashed line, named in the first panel.

    Returns
    -------
    array of matplotlib Axes
        One per panel.

    Examples
    --------
    >>> arms({"relu": [0.86, 0.88, 0.87], "sigmoid": [0.10, float("nan"), 0.62]}, reference=(0.1, "chance")).shape
    (1,)
    >>> arms({"3 layers": {"relu": [0.86, 0.88]}, "20 layers": {"relu": [0.7, 0.8]}}).shape
    (2,)
    """
    conditions = groups if all(isinstance(values, dict) for values in groups.values()) else {"": groups}
    names = list(dict.fromkeys(name for values in conditions.values() for name in values))
    looks = {name: ROLE.get((roles or {}).get(name, name), look("ink")) for name in names}
    cells, unused = _grid_of_arms(len(conditions), len(names))
    for ax, (title, values) in zip(cells, conditions.items(), strict=True):
        ax.set(title=title, xscale=xscale)
        if reference is not None:
            ax.axvline(reference[0], **ROLE["reference"])
        for row, name in enumerate(names):
            if name in values:
                _arm(ax, row, values[name], looks[name])
    cells[0].set_yticks(range(len(names)), [(labels or {}).get(name, name.replace("_", " ")) for name in names])
    cells[0].set(xlim=xlim, ylim=(len(names) - 0.4, -0.6 if reference is None else -1.3))
    if reference is not None:
        label_line(cells[0], reference[0], -0.85, reference[1], "reference", fontweight="normal", annotation_clip=True)
    if xscale == "log":
        log_ticks(cells[0].xaxis)
    for ax, values in zip(cells, conditions.values(), strict=True):
        for row, name in enumerate(names):
            _count_unseen(ax, row, values.get(name, ()))
        for tick_label, name in zip(ax.get_yticklabels(), names, strict=False):  # none in the second column
            tick_label.set(color=looks[name]["color"], fontweight="bold")
    for ax in cells[-2:]:
        ax.set_xlabel(xlabel)
        ax.tick_params(labelbottom=True)
    for ax in unused:
        _key_of_arms(ax)
    return cells


def _grid_of_arms(n_panels, n_arms):
    """Return the panels of :func:`arms`, in at most two columns, and those left over."""
    columns = min(2, n_panels)
    rows = -(-n_panels // columns)
    height = max(5.6 if rows > 1 else 3.4, rows * (0.19 * n_arms + 0.7))
    _, grid = panels(rows, columns, size=(7.2, height), sharex=True, sharey=True, squeeze=False)
    for ax in grid.flat:
        ax.tick_params(axis="y", length=0)
    return grid.flat[:n_panels], grid.flat[n_panels:]


def _arm(axes, row, values, look):
    """Draw one row of :func:`arms`: the dots in the order of the seeds from top to bottom, then mean and interval."""
    from handson11.experiments.statistics import interval

    values = np.asarray(values, dtype=float)
    found = np.isfinite(values)
    place = row + np.linspace(-0.27, 0.27, len(values)) if len(values) > 1 else np.full(len(values), float(row))
    style = {"color": look["color"], "ls": "none"}
    axes.plot(values[found], place[found], marker="o", markersize=3.2, alpha=0.4, **style)
    if found.sum() > 1:
        ends = interval(values[found])
        axes.plot([ends.low, ends.high], [row, row], color=look["color"], ls="-", linewidth=2.4, solid_capstyle="butt")
    if found.any():
        mean = {"marker": look["marker"] or "o", "markersize": 6.5, "markeredgewidth": 0.6, "markeredgecolor": "white"}
        axes.plot(np.mean(values[found]), row, **style, **mean)


def _count_unseen(axes, row, values):
    """Write how many runs of the row diverged or lie beyond the axis, at the side where the row has more room."""
    values, (low, high) = np.asarray(values, dtype=float), axes.get_xlim()
    counts = {
        "diverged": np.sum(~np.isfinite(values)),
        f"below {low:.3g}": np.sum(np.isfinite(values) & (values < low)),
        f"above {high:.3g}": np.sum(np.isfinite(values) & (values > high)),
    }
    text = ", ".join(f"{count} of {len(values)} {what}" for what, count in counts.items() if count)
    if not text:
        return
    seen = values[(values >= low) & (values <= high)]
    points = np.column_stack([seen, np.full(len(seen), row)])
    share = (axes.transScale + axes.transLimits).transform(points)[:, 0] if len(seen) else np.ones(1)
    side = {"x": 0.98, "ha": "right"} if 1 - share.max() > share.min() else {"x": 0.02, "ha": "left"}
    style = {"va": "center", "fontsize": 8, "color": PALETTE["maroon"], "transform": axes.get_yaxis_transform()}
    axes.text(y=row, s=text, bbox={"color": "white", "pad": 0.5}, **side, **style)


def _key_of_arms(axes):
    """Use an empty panel of :func:`arms` to say how its rows are read."""
    axes.set_axis_off()
    ink = PALETTE["ink"]
    axes.plot([], [], marker="o", ls="none", markersize=3.2, alpha=0.4, color=ink, label="one seed")
    axes.plot([], [], marker="o", ls="-", linewidth=2.4, markersize=6.5, color=ink, label="mean and 95 % interval")
    axes.legend(loc="center")


def cost_and_progress(costs, epochs, roles, labels):
    """Draw the price of one call against the epochs to a target, one point per activation.

    Parameters
    ----------
    costs, epochs : dict of str → float
        Microseconds per call (log axis), and epochs; an infinite number is left out.
    roles, labels : dict of str → str
        Name → role, and the words beside its point.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> cost_and_progress({"a": 3.0}, {"a": 7.0}, {"a": "relu"}, {"a": "ReLU"}).get_xscale()
    'log'
    """
    figure, axes = panels(size=(5.4, 3.4))
    for name, cost in costs.items():
        if np.isfinite(epochs.get(name, np.inf)):
            look = ROLE[roles[name]]
            axes.plot(cost, epochs[name], marker=look["marker"], color=look["color"], markersize=9, ls="none")
            label_line(axes, cost * 1.06, epochs[name], labels[name], roles[name])
    axes.set(
        xscale="log", xlabel="time of one call, µs (log scale)", ylabel="epochs to the target loss", ylim=(0, None)
    )
    decade_ticks(axes.xaxis)
    axes.set_xlim(axes.get_xlim()[0] * 0.7, axes.get_xlim()[1] * 1.6)
    return axes
