"""How stored outputs are compared with what a fresh run prints (used by ``pytest --nbval``).

* Cells without a tag: exactly, whatever the data.
* ``measured``: on Fashion-MNIST the words must match and every number must agree within 25 % or 0.02; numbers printed
  with an exponent (2e-12) within a factor of 3. On the stand-in the cell must run; its numbers belong to other data.
* ``fashion-mnist``: a claim about this very data set, compared exactly on it, and not on the stand-in.
* ``nbval-ignore-output``: times of this machine, and small differences that rounding decides: not compared (nbval's own
  tag); the verdict drawn from them is.
"""

import functools
import re

collect_ignore = ["conftest.py"]

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]*\w)")


@functools.cache
def data_source():
    """Return the source of the data that the notebooks see in this environment."""
    import warnings

    from handson11.datasets import load_fashion_mnist

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_fashion_mnist().source


def split_numbers(text):
    """Return (the words of ``text`` with ``#`` for each number, its numbers as they are printed)."""
    numbers = [found.replace("−", "-").replace(",", "").lower() for found in NUMBER.findall(text)]
    words = re.sub(r"[ ]+|-{3,}", " ", NUMBER.sub("#", text))
    return words, numbers


def close(stored, fresh):
    """Return whether two printed numbers agree as far as machines and rounding can be asked to."""
    old, new = float(stored), float(fresh)
    if "e" in stored or "e" in fresh:
        return old * new > 0 and max(abs(old), abs(new)) <= 3 * min(abs(old), abs(new)) or old == new
    return abs(old - new) <= max(0.25 * max(abs(old), abs(new)), 0.02)


def measured_outputs_agree(stored, fresh):
    """Return an explanation of the first difference, or None."""
    stored_words, stored_numbers = split_numbers(stored)
    fresh_words, fresh_numbers = split_numbers(fresh)
    if stored_words != fresh_words or len(stored_numbers) != len(fresh_numbers):
        return f"the words differ:\n{stored}\n---\n{fresh}"
    for old, new in zip(stored_numbers, fresh_numbers, strict=True):
        if not close(old, new):
            return f"{old} is stored, {new} was measured now, in:\n{stored}\n---\n{fresh}"
    return None


def texts(outputs):
    """Return the compared texts of a cell's outputs: its streams and every text form of its results."""
    found = []
    for output in outputs:
        if "text" in output:
            found.append((output["name"], output["text"]))
        else:
            data = output.get("data", {})
            found += [(kind, str(value)) for kind, value in sorted(data.items()) if not kind.startswith("image/")]
    return found


def compare_measured(cell, stored_outputs, fresh_outputs):
    """Compare a ``measured`` cell; raise nbval's own failure on a difference."""
    from nbval.plugin import NbCellError

    stored, fresh = texts(stored_outputs), texts(fresh_outputs)
    problem = None
    if [kind for kind, _ in stored] != [kind for kind, _ in fresh]:
        problem = f"the outputs are {[kind for kind, _ in fresh]}, stored are {[kind for kind, _ in stored]}"
    for (_, old), (_, new) in zip(stored, fresh, strict=False):
        problem = problem or measured_outputs_agree(old, new)
    if problem:
        raise NbCellError(cell.cell_num, f"A measured number left its tolerance: {problem}", cell.cell.source)


def pytest_collection_modifyitems(items):
    """Give notebook cells their way of comparison, by tag."""
    for item in items:
        tags = getattr(getattr(item, "cell", None), "metadata", {}).get("tags", [])
        if "measured" in tags or "fashion-mnist" in tags:
            item.compare_outputs = functools.partial(_compare, item, tags)


def _compare(item, tags, fresh, stored, skip_compare=None):
    if data_source() == "stand-in":
        return True
    if "fashion-mnist" in tags:
        return type(item).compare_outputs(item, fresh, stored, skip_compare)
    compare_measured(item, stored, fresh)
    return True
