"""Every figure of the book: functions that take arrays and records and return Axes.

Matplotlib is imported here and nowhere else in the package. One style, and one colour, line style and marker per
**role** (a method keeps its look through the whole book), chosen to survive colour-blindness and greyscale.
"""

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


def _look(color, linestyle="-", marker=None):
    return {"color": PALETTE[color], "linestyle": linestyle, "marker": marker}


_LONG_DASH, _SHORT_DASH, _DASH_DOT, _DOTTED = (0, (7, 2)), (0, (4, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.4))

ROLE = {
    # initializers
    "zeros": _look("ink", _DOTTED, "o"),
    "glorot": _look("blue", "-", "^"),
    "lecun": _look("teal", _LONG_DASH, "v"),
    "he": _look("green", _SHORT_DASH, "s"),
    "normal_0.01": _look("orange", _DASH_DOT, "P"),
    "normal_1": _look("maroon", _DOTTED, "D"),
    "custom_scale": _look("purple", "-", "X"),
    # activations
    "identity": _look("ink"),
    "gelu": _look("ink", _SHORT_DASH, "X"),
    "silu": _look("ink", _DASH_DOT, "<"),
    "mish": _look("ink", _DOTTED, ">"),
    "relu": _look("blue", "-", "^"),
    "leaky_relu": _look("teal", _LONG_DASH, "v"),
    "prelu": _look("teal", _DASH_DOT, "<"),
    "rrelu": _look("teal", _DOTTED, ">"),
    "elu": _look("green", _SHORT_DASH, "s"),
    "tanh": _look("orange", _DASH_DOT, "P"),
    "sigmoid": _look("maroon", _DOTTED, "D"),
    "selu": _look("purple", "-", "o"),
    # elsewhere
    "theory": {**_look("ink", _SHORT_DASH), "linewidth": 1.1},
    "reference": {**_look("ink", _SHORT_DASH), "linewidth": 1.1},
    "training": _look("blue", "-", "o"),
    "validation": _look("orange", _SHORT_DASH, "P"),
    "batch_norm": _look("green", "-", "s"),
    "no_remedy": _look("maroon", _DOTTED, "D"),
    "clip_value": _look("orange", _DASH_DOT, "P"),
    "clip_norm": _look("blue", "-", "^"),
    "clip_global_norm": _look("teal", _LONG_DASH, "v"),
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
    styles = ["-", _LONG_DASH, _SHORT_DASH, _DASH_DOT, _DOTTED, (0, (5, 1, 1, 1, 1, 1))]
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
    """Return (figure, axes) in one of the book's three sizes: wide 7.2 × 3.4, grid 7.2 × 5.6, small 5.4 × 3.4 inches."""
    if size is None:
        size = (7.2, 5.6) if rows > 1 else (7.2, 3.4)
    return plt.subplots(rows, columns, figsize=size, **kwargs)


def label_line(axes, x, y, text, role=None, **kwargs):
    """Write ``text`` beside the point (x, y) in the colour of ``role``, bold: a direct label instead of a legend."""
    style = {"color": ROLE[role]["color"] if role else PALETTE["ink"], "fontweight": "bold", "fontsize": 9}
    return axes.annotate(text, (x, y), xytext=(5, 0), textcoords="offset points", va="center", **{**style, **kwargs})


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
    """Give a log axis plain powers of ten as its only labels."""
    axis.set_major_locator(mpl.ticker.LogLocator(base=10, numticks=9))
    axis.set_minor_formatter(mpl.ticker.NullFormatter())
    return axis
