"""Figures that answer to sliders in the page, without a kernel: the formula runs in the browser."""

import json

from handson11._check import require, require_choice

KINDS = ("clip", "paths", "signal")
"""The kinds that ``book/_static`` has a script for."""


class InteractiveFigure:
    """What :func:`figure` returns: HTML for the page, a line of text elsewhere.

    Parameters
    ----------
    kind : str
        The kind.
    static : str
        The label of the static picture.
    data : dict
        What the script gets.

    Examples
    --------
    >>> InteractiveFigure("clip", "fig-a", {})
    Interactive in the built book: fig-a.
    """

    def __init__(self, kind, static, data):
        self.kind, self.static, self.data = kind, static, data

    def _repr_html_(self):
        text = json.dumps(self.data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
        script = f'<script type="application/json">{text}</script>'
        return f'<div data-h11="{self.kind}" data-for="{self.static}">{script}</div>'

    def __repr__(self):
        return f"Interactive in the built book: {self.static}."


def figure(kind, static, checks, **start):
    """Put an interactive figure in the place of a static picture of the same page.

    The static picture stays in the page: it is what shows without scripts, on paper and outside the built book.

    Parameters
    ----------
    kind : {"clip", "paths", "signal"}
        Which script draws it.
    static : str
        The label (``name``) of the figure whose picture is replaced on the screen.
    checks : list of [arguments, expected]
        Cases computed by the package. The script computes them again when the page is opened, and reports an error in
        the browser's console if one differs by more than 1e-9.
    **start
        First values of the controls.

    Returns
    -------
    InteractiveFigure
        Shown by the notebook as HTML.

    Raises
    ------
    TypeError, ValueError
        If the kind is unknown or there are no checks.

    Notes
    -----
    Keras has no such thing.

    Examples
    --------
    >>> shown = figure("clip", "fig-arrows", checks=[[[3.0, 4.0, 0.0, 1.0], {"norm": [0.6, 0.8, 0.0]}]], threshold=1.0)
    >>> shown._repr_html_()[:42]
    '<div data-h11="clip" data-for="fig-arrows"'
    """
    require_choice("kind", kind, KINDS)
    require(isinstance(checks, list) and len(checks) > 0, "checks", "be a list of at least one case", checks)
    return InteractiveFigure(kind, static, {"checks": checks, "start": start})
