"""The look of all figures: style, palette, one colour, line style and marker per role, and small helpers."""

import io
from importlib.resources import as_file, files

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

PALETTE = {
    "ink": "#222832",
    "blue": "#215ADD",
    "teal": "#009EB8",
    "green": "#218059",
    "orange": "#DE4D11",
    "maroon": "#8C2622",
    "purple": "#6B186F",
}
"""Seven colours with at least 3:1 contrast on white, kept apart under protanopia, deuteranopia and tritanopia."""

GOOD_REGION, BAD_REGION, CONTOUR_LINE = "#E6F2EC", "#FBE9E1", "#9AA5B4"


def look(color, linestyle="-", marker=None):
    """Return the keyword arguments of a line: a colour of the palette, a line style and a marker.

    Examples
    --------
    >>> look("blue", marker="^")
    {'color': '#215ADD', 'linestyle': '-', 'marker': '^'}
    """
    return {"color": PALETTE[color], "linestyle": linestyle, "marker": marker}


LONG_DASH, SHORT_DASH, DASH_DOT, DOTTED = (0, (7, 2)), (0, (4, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.4))

ROLE = {
    # initializers
    "zeros": look("ink", DOTTED, "o"),
    "glorot": look("blue", "-", "^"),
    "lecun": look("teal", LONG_DASH, "v"),
    "he": look("green", SHORT_DASH, "s"),
    "normal_0.01": look("orange", DASH_DOT, "P"),
    "normal_1": look("maroon", DOTTED, "D"),
    "custom_scale": look("purple", "-", "X"),
    "fan_out": look("orange", DASH_DOT, "P"),
    "custom_scale_centred": look("purple", SHORT_DASH, "o"),
    # activations
    "identity": look("ink"),
    "gelu": look("ink", SHORT_DASH, "X"),
    "silu": look("ink", DASH_DOT, "<"),
    "mish": look("ink", DOTTED, ">"),
    "relu": look("blue", "-", "^"),
    "leaky_relu": look("teal", LONG_DASH, "v"),
    "prelu": look("teal", DASH_DOT, "<"),
    "rrelu": look("teal", DOTTED, ">"),
    "elu": look("green", SHORT_DASH, "s"),
    "tanh": look("orange", DASH_DOT, "P"),
    "sigmoid": look("maroon", DOTTED, "D"),
    "selu": look("purple", "-", "o"),
    # elsewhere
    "theory": {**look("ink", SHORT_DASH), "linewidth": 1.1},
    "reference": {**look("ink", SHORT_DASH), "linewidth": 1.1},
    "training": look("blue", "-", "o"),
    "validation": look("orange", SHORT_DASH, "P"),
    "batch_norm": look("green", "-", "s"),
    "no_remedy": look("maroon", DOTTED, "D"),
    # optimizers
    "sgd": look("ink", "-", "o"),
    "momentum": look("blue", "-", "^"),
    "nesterov": look("teal", LONG_DASH, "v"),
    "adagrad": look("maroon", DOTTED, "D"),
    "rmsprop": look("orange", DASH_DOT, "P"),
    "adam": look("purple", "-", "s"),
    "adamw": look("purple", DOTTED, "X"),
    "adamax": look("green", DASH_DOT, "<"),
    "nadam": look("green", SHORT_DASH, ">"),
    # schedules
    "constant": look("ink", "-", "o"),
    "power": look("maroon", DOTTED, "D"),
    "exponential": look("orange", DASH_DOT, "P"),
    "piecewise": look("teal", LONG_DASH, "v"),
    "performance": look("green", SHORT_DASH, "s"),
    "one_cycle": look("purple", "-", "^"),
    "one_cycle_momentum": look("purple", DOTTED, "X"),
    # running averages
    "momentum_0.9": look("blue", "-", "^"),
    "momentum_0.99": look("green", SHORT_DASH, "s"),
    "momentum_0.999": look("orange", DASH_DOT, "P"),
    # clipping
    "clip_value": look("orange", DASH_DOT, "P"),
    "clip_norm": look("blue", "-", "^"),
    "clip_global_norm": look("teal", LONG_DASH, "v"),
    # reused layers
    "scratch": look("ink", "-", "o"),
    "transfer": look("blue", "-", "^"),
    "fine_tuned": look("blue", "-", "^"),
    "lower_layers": look("purple", "-", "s"),
    "frozen": look("teal", LONG_DASH, "v"),
    "frozen_random": look("maroon", DOTTED, "D"),
    "direct": look("orange", DASH_DOT, "P"),
    "dense_network": look("orange", DASH_DOT, "P"),
    "convolutional_network": look("green", "-", "s"),
    # pretraining
    "autoencoder": look("blue", "-", "^"),
    "denoising_autoencoder": look("green", SHORT_DASH, "s"),
    "rbm": look("orange", DASH_DOT, "P"),
    "gan": look("purple", DOTTED, "X"),
    "rotation": look("maroon", DOTTED, "D"),
    "class_pairs": look("teal", LONG_DASH, "v"),
    "instance_pairs": look("blue", "-", "^"),
    "altered_scratch": look("orange", DASH_DOT, "P"),
    "masked_words": look("green", SHORT_DASH, "s"),
    "bag_of_words": look("maroon", DOTTED, "D"),
}
"""How each method looks in every figure: keyword arguments for ``Axes.plot``."""


def use_style():
    """Load the book's matplotlib style and, inside a notebook, its small sharp PNG format.

    Figures are drawn at 200 dpi, reduced to 128 colours and shown at half size: sharp on every screen, 30–60 kB
    each. Outside a notebook only the style is set.

    Examples
    --------
    >>> use_style()
    >>> [float(side) for side in mpl.rcParams["figure.figsize"]]
    [7.2, 3.4]
    """
    with as_file(files("handson11") / "handson11.mplstyle") as path:
        plt.style.use(path)
    colours = [colour for name, colour in PALETTE.items() if name != "ink"]
    styles = ["-", LONG_DASH, SHORT_DASH, DASH_DOT, DOTTED, (0, (5, 1, 1, 1, 1, 1))]
    mpl.rcParams["axes.prop_cycle"] = cycler(color=colours) + cycler(linestyle=styles)
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        shell.run_line_magic("matplotlib", "inline")
        formatter = shell.display_formatter.formatters["image/png"]
        formatter.for_type(mpl.figure.Figure, _notebook_png)


def _notebook_png(figure):
    """Return (PNG bytes, size) of ``figure``: twice the shown resolution, 128 colours."""
    from PIL import Image

    raw = io.BytesIO()
    figure.savefig(raw, format="png", metadata={"Software": None})
    picture = Image.open(raw).convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="png", optimize=True)
    return small.getvalue(), {"width": picture.width // 2, "height": picture.height // 2}


def panels(rows=1, columns=1, size=None, **kwargs):
    """Return (figure, axes) in one of the book's three sizes: wide 7.2 × 3.4, grid 7.2 × 5.6, small 5.4 × 3.4 inches.

    Examples
    --------
    >>> figure, axes = panels(1, 2, sharey=True)
    >>> axes.shape, [float(side) for side in figure.get_size_inches()]
    ((2,), [7.2, 3.4])
    >>> plt.close("all")
    """
    if size is None:
        size = (7.2, 5.6) if rows > 1 else (7.2, 3.4)
    return plt.subplots(rows, columns, figsize=size, **kwargs)


def label_line(axes, x, y, text, role=None, **kwargs):
    """Write ``text`` beside the point (x, y) in the colour of ``role``, bold: a direct label instead of a legend.

    Examples
    --------
    >>> _, axes = panels()
    >>> label_line(axes, 1.0, 0.5, "ReLU", "relu").get_text()
    'ReLU'
    >>> plt.close("all")
    """
    style = {"color": ROLE[role]["color"] if role else PALETTE["ink"], "fontweight": "bold", "fontsize": 9}
    style |= {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
    return axes.annotate(text, (x, y), **{**style, **kwargs})


def lines(axes, x, curves, label=True):
    """Draw one line per role: ``curves`` maps a role to y values, or to an array (seeds, x) drawn as median and range.

    Parameters
    ----------
    axes : matplotlib Axes
    x : array of shape (n,)
    curves : dict of role → array of shape (n,) or (seeds, n)
    label : bool, default True
        Whether the lines enter the legend under the role's name.

    Returns
    -------
    matplotlib Axes
        The same axes.

    Examples
    --------
    >>> _, axes = panels()
    >>> len(lines(axes, [1, 2, 3], {"relu": [0.9, 0.5, 0.4], "elu": [[0.8, 0.4, 0.3], [0.7, 0.5, 0.2]]}).lines)
    2
    >>> plt.close("all")
    """
    for role, values in curves.items():
        values = np.asarray(values, dtype=float)
        middle = np.median(values, axis=0) if values.ndim == 2 else values
        style = {**ROLE[role], "markevery": max(1, len(middle) // 8)}
        axes.plot(x, middle, label=role.replace("_", " ") if label else None, **style)
        if values.ndim == 2:
            axes.fill_between(x, values.min(axis=0), values.max(axis=0), color=ROLE[role]["color"], alpha=0.2, lw=0)
    return axes


def decade_ticks(axis):
    """Give a log axis plain powers of ten as its only labels.

    Examples
    --------
    >>> _, axes = panels()
    >>> axes.set(xscale="log", xlim=(0.01, 10))
    [...]
    >>> [float(tick) for tick in decade_ticks(axes.xaxis).get_ticklocs() if 0.01 <= tick <= 10]
    [0.01, 0.1, 1.0, 10.0]
    >>> plt.close("all")
    """
    axis.set_major_locator(mpl.ticker.LogLocator(base=10, numticks=9))
    axis.set_minor_formatter(mpl.ticker.NullFormatter())
    return axis


def log_ticks(axis):
    """Give a log axis powers of ten, or 1, 2, 5, 10, 20, … if it spans less than two of them.

    Examples
    --------
    >>> _, axes = panels()
    >>> axes.set(xscale="log", xlim=(0.5, 25))
    [...]
    >>> log_ticks(axes.xaxis)
    >>> [float(tick) for tick in axes.xaxis.get_majorticklocs() if 0.5 <= tick <= 25]
    [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    >>> plt.close("all")
    """
    decade_ticks(axis)
    low, high = axis.get_view_interval()
    if high < 100 * low:
        axis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 2, 5)))
        axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
