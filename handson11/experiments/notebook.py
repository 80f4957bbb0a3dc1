"""What the pages need inside a notebook."""

import inspect
import textwrap


def show_source(*objects, doc=False):
    """Display the package's own source of functions or classes, highlighted: the page shows what is really run.

    Parameters
    ----------
    *objects : function or class
        What to show, in this order.
    doc : bool, default False
        Whether to keep the docstrings; the API pages carry them.

    Returns
    -------
    IPython.display.Markdown
        The source as a highlighted block.

    Examples
    --------
    >>> print(show_source(show_source).data.splitlines()[0])
    ```python
    """
    from IPython.display import Markdown

    texts = []
    for item in objects:
        text = textwrap.dedent(inspect.getsource(item))
        if not doc and item.__doc__:
            text = _without_docstring(text)
        texts.append(text.rstrip())
    return Markdown("```python\n" + "\n\n\n".join(texts) + "\n```")


def _without_docstring(text):
    import ast

    node = ast.parse(text).body[0]
    documented = [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part) and len(part.body) > 1
    ]
    spans = [(part.body[0].lineno, part.body[1].lineno) for part in documented]
    lines = text.splitlines()
    for first, following in sorted(spans, reverse=True):
        decorators = 0
        while lines[following - 2 - decorators].lstrip().startswith("@"):
            decorators += 1
        del lines[first - 1 : following - 1 - decorators]
    return "\n".join(lines)
