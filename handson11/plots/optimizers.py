"""The figures of sections 11.3 to 11.3.5: paths, races, and what optimizers remember."""

import numpy as np
from matplotlib.colors import ListedColormap

from handson11.plots.style import (
    BAD_REGION,
    CONTOUR_LINE,
    GOOD_REGION,
    PALETTE,
    ROLE,
    decade_ticks,
    label_line,
    log_ticks,
    panels,
)


def bowl_paths(surfaces, paths, roles, labels, limits=((-1.15, 1.15), (-1.15, 1.15))):
    """Draw paths of descent on the contours of bowls, one panel for each bowl, with equal axes.

    Parameters
    ----------
    surfaces : dict of str → Surface
        Title of the panel → surface.
    paths : dict of str → dict of str → array of shape (steps + 1, 2)
        Title of the panel → rule → positions.
    roles : dict of str → str
        Rule → role.
    labels : dict of str → tuple of (str, float, float)
        Title of the panel → (rule, x, y) for each name that is written there.
    limits : pair of pairs of float
        Ends of the horizontal and of the vertical axis.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> from handson11.surfaces import quadratic
    >>> bowl, path = quadratic(4.0), np.array([[1.0, 1.0], [0.5, 0.2]])
    >>> bowl_paths({"a": bowl}, {"a": {"SGD": path}}, {"SGD": "sgd"}, {"a": [("SGD", 0.5, 0.5)]}).shape
    (1,)
    """
    _, axes = panels(1, len(surfaces), sharex=True, sharey=True, squeeze=False)
    grid = np.stack(np.meshgrid(*(np.linspace(*ends, 201) for ends in limits)), axis=-1)
    for ax, (title, surface) in zip(axes[0], surfaces.items(), strict=True):
        cost = surface.cost(grid)
        levels = np.max(cost) * np.linspace(0.03, 1, 9) ** 2
        ax.contour(grid[..., 0], grid[..., 1], cost, levels=levels, colors=CONTOUR_LINE, linewidths=0.7)
        for name, path in paths[title].items():
            ax.plot(path[:, 0], path[:, 1], **{**ROLE[roles[name]], "linewidth": 1.5, "markersize": 4})
            ax.plot(*path[0], "o", color=PALETTE["ink"], markersize=7, zorder=5)
        ax.plot(*surface.minima[0], "*", color=PALETTE["ink"], markersize=10, zorder=5)
        for name, x, y in labels.get(title, ()):
            label_line(ax, x, y, name, roles[name], bbox={"color": "white", "pad": 0.5, "alpha": 0.8})
        ax.set(title=title, xlabel="θ₁", xlim=limits[0], ylim=limits[1], aspect="equal")
        ax.locator_params(nbins=6)
        ax.grid(False)
    axes[0, 0].set_ylabel("θ₂")
    return axes[0]


def log_lines(x, curves, roles, labels, xlabel, ylabel, theory=None, ylim=None):
    """Draw positive numbers over positive numbers, both axes logarithmic, each line named beside one of its points.

    Parameters
    ----------
    x : array of shape (n,)
    curves : dict of str → array of shape (n,)
    roles : dict of str → str
        Name → role.
    labels : dict of str → tuple (float, float)
        Name → where it is written; also that of a line of theory.
    xlabel, ylabel : str
    theory : dict of str → array of shape (n,), optional
        Formulas, thin and dashed above the measured lines.
    ylim : tuple of float, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> t = np.arange(1, 10)
    >>> log_lines(t, {"AdaGrad": t**-0.5}, {"AdaGrad": "adagrad"}, {"AdaGrad": (3, 0.6)}, "step", "rate").get_yscale()
    'log'
    """
    _, ax = panels()
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    if ylim is not None:
        ax.set_ylim(ylim)
    marks = np.unique(np.geomspace(1, len(x), 9).astype(int) - 1).tolist()
    for name, y in curves.items():
        ax.plot(x, y, **ROLE[roles[name]], markevery=marks)
    for y in (theory or {}).values():
        ax.plot(x, y, **ROLE["theory"], zorder=4)
    for name, (left, height) in labels.items():
        plain = {"fontweight": "normal"} if name not in curves else {}
        label_line(ax, left, height, name, roles.get(name), **plain)
    decade_ticks(ax.xaxis)
    log_ticks(ax.yaxis)
    return ax


def squares_remembered(gradients, squares, rates, roles, labels):
    """Draw a stream of gradients, what rules remember of its squares, and the rates that follow, one above the other.

    Parameters
    ----------
    gradients : array of shape (steps,)
    squares, rates : dict of str → array of shape (steps,)
        Rule → **s**, and the effective rate, after each step.
    roles : dict of str → str
        Rule → role.
    labels : sequence of dict of str → tuple (float, float)
        For the second and third panel: rule → where its name is written.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> one = {"AdaGrad": np.ones(4)}
    >>> squares_remembered(np.ones(4), one, one, {"AdaGrad": "adagrad"}, [{"AdaGrad": (1, 1)}, {}]).shape
    (3,)
    """
    _, axes = panels(3, 1, sharex=True)
    t = np.arange(1, len(gradients) + 1)
    axes[0].plot(t, gradients, color=PALETTE["ink"], linewidth=1)
    axes[0].set_ylabel("gradient g")
    for ax, curves, text, places in zip(axes[1:], (squares, rates), ("s", "rate η/√(s + ε)"), labels, strict=True):
        for name, values in curves.items():
            ax.plot(t, values, **{**ROLE[roles[name]], "markevery": max(1, len(t) // 10)})
        for name, (x, y) in places.items():
            label_line(ax, x, y, name, roles[name])
        ax.set(yscale="log", ylabel=text)
        log_ticks(ax.yaxis)
    axes[-1].set_xlabel("step t")
    return axes


def limit_cycle(distances, roles, labels, last, side, tolerance=1e-6):
    """Draw distances from the minimum over the steps, and beside it the last positions of one rule, zoomed.

    Parameters
    ----------
    distances : dict of str → array of shape (steps + 1,)
        Rule → distance from the minimum, the start first.
    roles : dict of str → str
        Rule → role.
    labels : dict of str → tuple (float, float)
        Rule → where its name is written.
    last : tuple (str, array of shape (n, 2))
        The rule of the right panel and its last positions.
    side : float
        The learning rate: side of the dashed square round the minimum.
    tolerance : float
        Lower end of the distances; what is below is drawn at the edge.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> rule, cycle = {"RMSProp": "rmsprop"}, np.array([[0.5, 0.5], [-0.5, -0.5]])
    >>> limit_cycle({"RMSProp": np.ones(9)}, rule, {"RMSProp": (1, 2)}, ("RMSProp", cycle), 1.0).shape
    (2,)
    """
    _, axes = panels(1, 2, width_ratios=(1.35, 1))
    for name, values in distances.items():
        t = np.arange(len(values))
        marks = np.unique(np.geomspace(1, len(values), 9).astype(int) - 1).tolist()
        axes[0].plot(t[1:], np.maximum(values[1:], tolerance), **{**ROLE[roles[name]], "markevery": marks[:-1]})
    for name, (x, y) in labels.items():
        label_line(axes[0], x, y, name, roles[name])
    axes[0].set(xscale="log", yscale="log", xlabel="step", ylabel="distance from the minimum")
    axes[0].set(title="How near they come", xlim=(0.8, 50 * len(values)))  # room for names at the right
    log_ticks(axes[0].yaxis)
    decade_ticks(axes[0].xaxis)
    name, cycle = last
    half = side / 2
    axes[1].plot(*np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]).T * half, **ROLE["theory"])
    axes[1].plot(cycle[:, 0], cycle[:, 1], **{**ROLE[roles[name]], "linewidth": 1.2, "markersize": 7})
    axes[1].plot(0, 0, "*", color=PALETTE["ink"], markersize=11)
    axes[1].set(xlabel="θ₁", ylabel="θ₂", xlim=(-1.6 * half, 1.6 * half), ylim=(-1.6 * half, 1.6 * half))
    axes[1].set(aspect="equal", title=f"Last {len(cycle)} positions")
    return axes


def optimizer_paths(titles, surfaces, paths, labels, reach=2.0):
    """Draw the paths of up to six optimizers on the contour map of each surface, side by side with equal axes.

    Parameters
    ----------
    titles : sequence of str
        One for each panel.
    surfaces : sequence of handson11.surfaces.Surface
        Their contour lines lie closer together near the lowest cost.
    paths : sequence of dict of str → array of shape (steps + 1, 2)
        For each panel role → positions, the start first.
    labels : dict of str → str
        Role → its name in the legend.
    reach : float, default 2.0
        The panels show both weights from -reach to reach; a path may leave and come back.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> from handson11.surfaces import quadratic
    >>> bowl, path = quadratic(4.0), np.array([[-1.0, 1.0], [0.0, 0.0]])
    >>> optimizer_paths(["a", "b"], [bowl, bowl.turned(45)], [{"sgd": path}, {"sgd": path}], {"sgd": "SGD"}).shape
    (2,)
    """
    figure, axes = panels(1, len(titles), squeeze=False, sharey=True)
    ticks = np.linspace(-reach, reach, 101)
    positions = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    for ax, title, surface, walked in zip(axes[0], titles, surfaces, paths, strict=True):
        cost = surface.cost(positions)
        levels = cost.min() + np.ptp(cost) * (np.arange(1, 12) / 12) ** 3
        ax.contour(ticks, ticks, cost, levels=levels, colors=CONTOUR_LINE, linewidths=0.6)
        for role, path in walked.items():
            style = {**ROLE[role], "linewidth": 1.5, "markersize": 4, "markevery": [1, 3, 10, 30]}
            ax.plot(*np.asarray(path).T, label=labels[role], **style)
        start = next(iter(walked.values()))[0]
        ax.annotate("start", start, xytext=(0, 6), textcoords="offset points", ha="center", fontsize=9)
        ax.plot(*surface.minima.T, ls="none", marker="+", markersize=10, markeredgewidth=1.5, color=PALETTE["ink"])
        ax.grid(False)
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), xlabel="first weight", aspect="equal")
    axes[0, 0].set_ylabel("second weight")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
    return axes[0]


def steps_of_arms(panels_of_steps, end, looks, xlabel="steps to the target (log scale)"):
    """Draw one row per arm: the steps of every seed as dots, their geometric mean as a large marker.

    Runs that never arrived stand as crosses beyond the last step, with their number.

    Parameters
    ----------
    panels_of_steps : dict of str → dict of str → sequence of float
        Title of a panel → arm → steps, one for each seed; infinity for a run that never arrived.
    end : float
        The last step of every run.
    looks : dict of str → str
        Arm → name of a colour.
    xlabel : str, optional

    Returns
    -------
    array of matplotlib Axes
        One per panel.

    Examples
    --------
    >>> steps_of_arms({"3 layers": {"base": [400, 300], "Adam": [90, np.inf]}}, 800, {"Adam": "blue"}).shape
    (1,)
    """
    names = list(dict.fromkeys(name for panel in panels_of_steps.values() for name in panel))
    height = max(3.4, 0.3 * len(names) + 1)
    _, axes = panels(1, len(panels_of_steps), (7.2, height), sharex=True, sharey=True, squeeze=False)
    for ax, (title, arms) in zip(axes[0], panels_of_steps.items(), strict=True):
        for row, name in enumerate(names):
            steps, colour = np.asarray(arms[name], dtype=float), PALETTE[looks.get(name, "ink")]
            arrived = np.isfinite(steps)
            place = row + np.linspace(-0.27, 0.27, len(steps))
            style = {"ls": "none", "color": colour}
            ax.plot(steps[arrived], place[arrived], marker="o", markersize=3.2, alpha=0.4, **style)
            late = {**style, "marker": "x", "markersize": 4, "markeredgewidth": 1.0, "markeredgecolor": colour}
            ax.plot(np.full((~arrived).sum(), 1.25 * end), place[~arrived], **late)
            if arrived.all():
                ax.plot(np.exp(np.log(steps).mean()), row, marker="D", markersize=6.5, markeredgecolor="white", **style)
            else:
                told = f"{(~arrived).sum()} of {len(steps)} never"
                left = 0.88 * min([end, *steps[arrived]])
                ax.annotate(told, (left, row), ha="right", va="center", fontsize=8, color=colour)
        ax.axvline(end, **ROLE["reference"])
        ax.set(title=title, xscale="log", xlabel=xlabel, xlim=(None, 1.5 * end), ylim=(len(names) - 0.5, -0.5))
        log_ticks(ax.xaxis)
        ax.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(range(len(names)), names)
    for label, name in zip(axes[0, 0].get_yticklabels(), names, strict=True):
        label.set(color=PALETTE[looks.get(name, "ink")], fontweight="bold")
    return axes[0]


def factors_by_rate(rates, factors, labels):
    """Draw by which factor one step of plain descent multiplies the distance from the minimum, for each learning rate.

    Parameters
    ----------
    rates : array of shape (n,)
    factors : dict of str → array of shape (n,)
        Role → the size of the factor, of 1 − ηλ, along one direction.
    labels : dict of str → tuple (str, float)
        Role → its words, and the rate where they stand.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> rates = np.linspace(0, 1, 5)
    >>> factors_by_rate(rates, {"sgd": abs(1 - rates)}, {"sgd": ("gentle", 0.5)}).get_xlabel()
    'learning rate η'
    """
    _, axes = panels(size=(5.4, 3.4))
    highest = max(factor.max() for factor in factors.values())
    axes.axhspan(1, 1.05 * highest, color=BAD_REGION)
    axes.annotate("the distance grows", (0.02, 0.99), xycoords="axes fraction", va="top", fontsize=9)
    for role, factor in factors.items():
        axes.plot(rates, factor, color=ROLE[role]["color"], ls=ROLE[role]["linestyle"])
        text, place = labels[role]
        label_line(axes, place, np.interp(place, rates, factor), text, role, xytext=(6, 3), va="bottom")
    axes.set(xlabel="learning rate η", ylabel="factor of one step", ylim=(0, 1.05 * highest))
    axes.set_xlim(rates[0], rates[-1])
    return axes


def race_curves(curves, labels, ylabel="training loss (log scale)"):
    """Draw the median over the seeds of each racer's loss by epoch, with its name at the end of its line.

    Parameters
    ----------
    curves : dict of str → array of shape (seeds, epochs)
        Role → mean training loss of each epoch.
    labels : dict of str → str
        Role → name.
    ylabel : str, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> race_curves({"sgd": np.array([[1.0, 0.5], [0.9, 0.6]])}, {"sgd": "SGD"}).get_yscale()
    'log'
    """
    _, axes = panels()
    medians = {role: np.median(values, axis=0) for role, values in curves.items()}
    places = np.sort([np.log(median[-1]) for median in medians.values()])
    gap = 0.065 * np.log(max(m.max() for m in medians.values()) / min(m.min() for m in medians.values()))
    for number in range(1, len(places)):  # names of lines that end close together are moved apart
        places[number] = max(places[number], places[number - 1] + gap)
    for place, role in zip(places, sorted(medians, key=lambda role: medians[role][-1]), strict=True):
        epochs = np.arange(1, len(medians[role]) + 1)
        axes.plot(epochs, medians[role], **{**ROLE[role], "markevery": 3})
        label_line(axes, epochs[-1], np.exp(place), labels[role], role)
    axes.set(xlabel="epoch", ylabel=ylabel, yscale="log", xlim=(1, epochs[-1] * 1.22), xticks=epochs)
    log_ticks(axes.yaxis)
    return axes


def raw_and_corrected(observed, raw, corrected, truth, titles):
    """Draw running averages that start from 0, before and after their correction, one panel for each stream.

    Parameters
    ----------
    observed, raw, corrected : sequence of array of shape (steps,)
        For each panel what is averaged, its average, and the average divided by 1 − βᵗ.
    truth : sequence of float
        For each panel the value that the average should have.
    titles : sequence of str

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> stream = np.ones(5)
    >>> raw_and_corrected([stream], [stream / 2], [stream], [1.0], ["m"]).shape
    (1,)
    """
    _, axes = panels(1, len(titles), squeeze=False)
    for ax, seen, before, after, value, title in zip(axes[0], observed, raw, corrected, truth, titles, strict=True):
        t = np.arange(1, len(before) + 1)
        ax.plot(t, seen, ls="none", marker=".", markersize=5, color=CONTOUR_LINE)
        ax.axhline(value, **ROLE["theory"])
        ax.plot(t, before, color=PALETTE["orange"], ls=(0, (4, 2)))
        ax.plot(t, after, color=PALETTE["purple"], ls="-")
        ax.set(title=title, xlabel="step t")
    names = ["one gradient", "true mean", "average from 0", "corrected"]
    lines = [axes[0, 0].lines[i] for i in (0, 1, 2, 3)]
    axes[0, -1].legend(lines, names, loc="upper right")
    return axes[0]


def by_step(t, curves, looks, labels, ylabel, yscale="linear", reference=None, ylim=None):
    """Draw one or two panels of curves over the steps t, each named beside one of its points.

    Parameters
    ----------
    t : array of shape (steps,)
    curves : dict of str → dict of str → array of shape (steps,)
        Title of the panel → name → values.
    looks : dict of str → str
        Name → role.
    labels : dict of str → tuple (float, float)
        Name → where it is written in the first panel.
    ylabel : str
    yscale : {"linear", "log"}, default "linear"
    reference : tuple (float, str), optional
        A value and its name: a thin dashed line.
    ylim : tuple of float, optional

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> by_step([1, 2], {"": {"Adam": [1.0, 2.0]}}, {"Adam": "adam"}, {"Adam": (1.0, 1.5)}, "step").shape
    (1,)
    """
    size = None if len(curves) > 1 else (5.4, 3.4)
    _, axes = panels(1, len(curves), size=size, sharey=True, squeeze=False)
    for ax, (title, values) in zip(axes[0], curves.items(), strict=True):
        if reference is not None:
            ax.axhline(reference[0], **ROLE["reference"])
        for name, numbers in values.items():
            ax.plot(t, numbers, **{**ROLE[looks[name]], "markevery": max(1, len(t) // 8)})
        ax.set(title=title, xlabel="step t", yscale=yscale, ylim=ylim)
        if yscale == "log":
            log_ticks(ax.yaxis)
    axes[0, 0].set_ylabel(ylabel)
    for name, (x, y) in labels.items():
        label_line(axes[0, 0], x, y, name, looks[name])
    if reference is not None:
        label_line(
            axes[0, -1], t[-1], reference[0], reference[1], "reference", ha="right", xytext=(0, 7), fontweight="normal"
        )
    return axes[0]


def loss_by_rate(losses, roles, labels, marked=None, ylim=None):
    """Draw the final training loss over the learning rate, both on log scales: median and range over seeds.

    A cross at the upper edge marks a rate at which most runs diverged; it has no median.

    Parameters
    ----------
    losses : dict of str → dict of float → sequence of float
        Rule → rate → one loss for each seed, NaN for a run that diverged.
    roles : dict of str → str
        Rule → role.
    labels : dict of str → tuple (float, float)
        Rule → where its name is written.
    marked : dict of str → float, optional
        Rule → its chosen rate, drawn as a ring.
    ylim : tuple of float, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> runs = {"Adam": {0.001: [0.1, 0.2, 0.3], 0.01: [0.4, 0.5, 0.6], 0.1: [2.0, 2.1, float("nan")]}}
    >>> loss_by_rate(runs, {"Adam": "adam"}, {"Adam": (0.001, 0.3)}).get_xscale()
    'log'
    """
    _, ax = panels()
    ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="final training loss")
    if ylim is not None:
        ax.set_ylim(ylim)
    for row, (name, runs) in enumerate(losses.items()):
        look, rates = ROLE[roles[name]], np.array(sorted(runs))
        values = np.array([runs[rate] for rate in rates], dtype=float)
        lost = np.isnan(values).mean(axis=1) >= 0.5
        kept = values[~lost]
        ax.fill_between(
            rates[~lost], np.nanmin(kept, axis=1), np.nanmax(kept, axis=1), color=look["color"], alpha=0.15, lw=0
        )
        ax.plot(rates[~lost], np.median(np.where(np.isnan(kept), np.inf, kept), axis=1), **look)
        ax.plot(
            rates[lost],
            np.full(lost.sum(), 0.96 - 0.06 * row),
            ls="none",
            marker="x",
            markersize=8,
            markeredgewidth=2,
            color=look["color"],
            transform=ax.get_xaxis_transform(),
        )
        if marked:
            best = np.median(runs[marked[name]])
            ax.plot(marked[name], best, marker="o", markersize=12, mfc="none", mec=look["color"], markeredgewidth=1.5)
        label_line(ax, *labels[name], name, roles[name])
    decade_ticks(ax.xaxis)
    log_ticks(ax.yaxis)
    return ax


def lucky_dip(distances, first, settled, tolerance=1e-6):
    """Draw the distance from the minimum over the steps, with the first step below the tolerance and the last above.

    Parameters
    ----------
    distances : array of shape (steps + 1,)
        Distances, the start first.
    first, settled : int
        The first step below the tolerance, and the step from which on all are.
    tolerance : float, default 1e-6

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> lucky_dip(np.array([1.0, 1e-7, 1e-2, 1e-8]), 1, 3).get_yscale()
    'log'
    """
    _, ax = panels()
    ax.plot(np.arange(len(distances)), distances, **{**ROLE["momentum"], "marker": None, "linewidth": 1.2})
    ax.axhline(tolerance, **ROLE["reference"])
    for step, text, colour, shift in (
        (first, "first below", "orange", (-8, -14)),
        (settled, "settled", "green", (8, 16)),
    ):
        ax.plot(step, distances[step], "o", color=PALETTE[colour], markersize=7, zorder=5)
        place = {"xytext": shift, "textcoords": "offset points", "ha": "right" if shift[0] < 0 else "left"}
        ax.annotate(f"{text}: step {step}", (step, distances[step]), color=PALETTE[colour], fontweight="bold", **place)
    ax.set(xlabel="step", ylabel="distance from the minimum", yscale="log", xlim=(0, len(distances) - 1))
    decade_ticks(ax.yaxis)
    return ax


def settling_by_beta(betas, steps, roles, labels, best):
    """Draw how many steps descent needs to settle, over β, one line for each condition number.

    Parameters
    ----------
    betas : array of shape (n,)
    steps : dict of str → array of shape (n,)
        Name of the line → steps; infinity leaves a gap.
    roles : dict of str → str
        Name of the line → role.
    labels : dict of str → tuple (float, float)
        Name of the line → where it is written.
    best : dict of str → tuple (float, float)
        Name of the line → a marked point: the β of the theory, and the steps there.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> one = ([0.0, 0.5], {"a": np.array([9, 4])}, {"a": "sgd"}, {"a": (0.2, 9)}, {"a": (0.4, 3)})
    >>> settling_by_beta(*one).get_xlabel()
    'momentum β'
    """
    _, ax = panels()
    for name, values in steps.items():
        ax.plot(betas, np.where(np.isfinite(values), values, np.nan), **ROLE[roles[name]])
        ax.plot(*best[name], "*", color=ROLE[roles[name]]["color"], markersize=15, markeredgecolor="white", zorder=5)
        label_line(ax, *labels[name], name, roles[name])
    ax.set(xlabel="momentum β", ylabel="steps until settled (log scale)", yscale="log")
    decade_ticks(ax.yaxis)
    return ax


def settling_map(rates, betas, steps, theory, found):
    """Draw the steps until descent settles as colours over the learning rate and β, with two marked points.

    Parameters
    ----------
    rates : array of shape (n,)
    betas : array of shape (m,)
    steps : array of shape (m, n)
        Infinity stays white.
    theory, found : tuple (float, float)
        (rate, β) of the theory and of the fewest steps measured.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> settling_map([0.01, 0.1], [0.5, 0.9], np.array([[90, 20], [50, np.inf]]), (0.1, 0.5), (0.1, 0.5)).get_xscale()
    'log'
    """
    figure, ax = panels()
    shown = ax.pcolormesh(rates, betas, np.where(np.isfinite(steps), steps, np.nan), norm="log", rasterized=True)
    bar = figure.colorbar(shown, ax=ax, label="steps until settled (log scale)")
    log_ticks(bar.ax.yaxis)
    style = {"color": "white", "ls": "none", "markeredgecolor": PALETTE["ink"], "markeredgewidth": 1}
    for point, marker, text, dy in ((theory, "*", "Polyak's formula", -11), (found, "o", "fewest steps measured", 11)):
        ax.plot(*point, marker=marker, markersize=15 if marker == "*" else 8, **style)
        box = {"color": "white", "pad": 0.8, "alpha": 0.85}
        label_line(ax, *point, text, xytext=(-9, dy), ha="right", bbox=box)
    ax.set(xscale="log", xlabel="learning rate η (log scale)", ylabel="momentum β")
    ax.grid(False)
    log_ticks(ax.xaxis)
    return ax


def fates(starts, betas, deeper, minima, hilltop):
    """Draw in which of two wells each start ends, for each β.

    Parameters
    ----------
    starts : array of shape (n,)
    betas : array of shape (m,)
    deeper : array of bool, shape (m, n)
        Whether the start ends in the deeper well.
    minima : tuple (float, float)
        The deeper minimum and the shallower one.
    hilltop : float
        The maximum between them.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> fates([-1.0, 0.0, 1.0], [0.0, 0.9], np.array([[1, 1, 0], [1, 1, 1]]), (-1.0, 1.0), 0.1).get_ylabel()
    'momentum β'
    """
    _, ax = panels()
    colours = ListedColormap([PALETTE["orange"], PALETTE["blue"]])
    ax.pcolormesh(starts, betas, np.asarray(deeper, float), cmap=colours, vmin=0, vmax=1, alpha=0.8, rasterized=True)
    for place, text in ((minima[0], "deeper\nminimum"), (hilltop, "hilltop"), (minima[1], "shallower\nminimum")):
        ax.axvline(place, color="white", linestyle="--", linewidth=1.5)
        ax.annotate(text, (place, 1.02), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9)
    for text, place in (("ends in the deeper well", minima[0]), ("ends in the\nshallower well", minima[1])):
        box = {"color": "white", "alpha": 0.85, "pad": 2}
        ax.annotate(text, (place, 0.15), xycoords=("data", "axes fraction"), ha="center", fontsize=9, bbox=box)
    ax.set(xlabel="start", ylabel="momentum β")
    ax.grid(False)
    return ax


def look_ahead(place, velocity, beta, rate, gradient, cost, reach):
    """Draw one step of momentum and one of Nesterov's form from the same place as arrows on a contour map.

    Parameters
    ----------
    place, velocity : array of shape (2,)
        θ and **m** before the step.
    beta, rate : float
    gradient, cost : callable
        As those of :class:`handson11.surfaces.Surface`.
    reach : pair of pairs of float
        Ends of the horizontal and of the vertical axis.

    Returns
    -------
    array of matplotlib Axes

    Examples
    --------
    >>> from handson11.surfaces import quadratic
    >>> bowl, place, m = quadratic(2.0), np.array([1.0, 1.0]), np.array([-0.5, 0.0])
    >>> look_ahead(place, m, 0.9, 0.1, bowl.gradient, bowl.cost, ((-1, 2), (-1, 2))).shape
    (2,)
    """
    _, axes = panels(1, 2, sharex=True, sharey=True)
    grid = np.stack(np.meshgrid(*(np.linspace(*ends, 201) for ends in reach)), axis=-1)
    ahead, heights = place + beta * velocity, cost(grid)
    plans = (
        ("Momentum: gradient here", place, "momentum"),
        ("Nesterov: gradient ahead", ahead, "nesterov"),
    )
    for ax, (title, measured, role) in zip(axes, plans, strict=True):
        ax.contour(
            grid[..., 0],
            grid[..., 1],
            heights,
            levels=heights.max() * np.linspace(0.03, 1, 10) ** 2,
            colors=CONTOUR_LINE,
            linewidths=0.7,
        )
        end = ahead - rate * gradient(measured)
        arrows = ((place, ahead, "ink"), (ahead, end, "orange"), (place, end, ROLE[role]["color"]))
        for tail, head, colour in arrows:
            shape = {"arrowstyle": "-|>", "color": PALETTE.get(colour, colour), "lw": 2, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", head, tail, arrowprops=shape)
        ax.plot(*measured, "o", markersize=11, markerfacecolor="none", markeredgewidth=2, color=PALETTE["orange"])
        ax.plot(*place, "o", color=PALETTE["ink"])
        ax.plot(0, 0, "*", color=PALETTE["ink"], markersize=10)
        ax.set(title=title, xlabel="θ₁", xlim=reach[0], ylim=reach[1])
        ax.grid(False)
        label_line(ax, *place, "θ", color=PALETTE["ink"], xytext=(5, 9), fontsize=10)
        third = (end, place, ahead)  # each text stands on the side of its arrow where the triangle is not
        for (tail, head, colour), text, corner in zip(arrows, ("βm", "−η∇J", "step"), third, strict=True):
            middle, (dx, dy) = (tail + head) / 2, head - tail
            outward = np.array([-dy, dx]) / np.hypot(dx, dy)
            outward = -outward if outward @ (corner - middle) > 0 else outward
            style = {"xytext": 12 * outward, "ha": "left" if outward[0] > 0 else "right", "fontsize": 10}
            label_line(ax, *middle, text, color=PALETTE.get(colour, colour), **style)
    axes[0].set_ylabel("θ₂")
    return axes


def rules_by_cell(steps, roles, shaded=(), xlabel="steps until settled, best of 200 rates (log scale)"):
    """Draw one row per cell with one marker per rule, joined by a line.

    Parameters
    ----------
    steps : dict of str → dict of str → float
        Cell → rule → steps.
    roles : dict of str → str
        Rule → role.
    shaded : sequence of str
        Cells with a coloured ground.
    xlabel : str, optional

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> rules_by_cell({"κ = 10": {"momentum": 40, "Nesterov": 30}}, {"momentum": "momentum", "Nesterov": "nesterov"})
    <Axes: ...>
    """
    _, ax = panels(size=(7.2, 0.32 * len(steps) + 1.1))
    for row, (name, values) in enumerate(steps.items()):
        if name in shaded:
            ax.axhspan(row - 0.5, row + 0.5, color=GOOD_REGION)
        ax.plot(list(values.values()), [row] * len(values), color=CONTOUR_LINE, linestyle="-", linewidth=2, zorder=1)
        for rule, value in values.items():
            style = {"linestyle": "none", "markersize": 8, "label": rule if row == 0 else None}
            ax.plot(value, row, **{**ROLE[roles[rule]], **style})
    ax.set_yticks(range(len(steps)), list(steps))
    ax.set(xscale="log", xlabel=xlabel, ylim=(len(steps) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    log_ticks(ax.xaxis)
    return ax
