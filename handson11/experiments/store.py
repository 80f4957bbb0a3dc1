"""Finished runs on disk: one small file a run, under a key that changes with everything the run depends on."""

import ast
import functools
import hashlib
import importlib.util
import json
import math
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np

RUNS_FOLDER = Path(__file__).parents[2] / ".runs"
"""Where ``make claims`` keeps its runs: the folder ``.runs`` of the project."""

LIBRARIES = ("keras", "tensorflow", "numpy", "scipy")


def canonical(value):
    """Return the one JSON text of ``value``: sorted keys, no spaces.

    Parameters
    ----------
    value : dict, list, tuple, str, number, bool or None
        Plain data.

    Returns
    -------
    str
        Equal for equal data.

    Raises
    ------
    TypeError
        If ``value`` holds something else than plain data.

    Examples
    --------
    >>> canonical({"b": (1, 2), "a": None})
    '{"a":null,"b":[1,2]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def to_json(value, digits=None):
    """Return a number as JSON takes it: NaN as None, infinity as the text "inf", NumPy's numbers as Python's.

    Parameters
    ----------
    value : number, bool or None
        What was measured.
    digits : int, optional
        Significant digits to keep of a float; all of them by default.

    Returns
    -------
    number, bool, str or None
        Plain data.

    Examples
    --------
    >>> to_json(float("nan")), to_json(float("inf")), to_json(2 / 3, digits=3), to_json(7)
    (None, 'inf', 0.667, 7)
    """
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float):
        return value
    if math.isfinite(value):
        return value if digits is None else float(f"{value:.{digits}g}")
    return None if math.isnan(value) else str(value)


def from_json(value):
    """Return the float that :func:`to_json` turned into plain data.

    Examples
    --------
    >>> from_json(None), from_json("inf"), from_json(7)
    (nan, inf, 7.0)
    """
    return math.nan if value is None else float(value)


def digest(value, length=16):
    """Return the first ``length`` hexadecimal digits of the SHA-256 of plain data.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}), len(digest([]))
    (True, 16)
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


@functools.cache
def versions():
    """Return the versions that a run depends on: a dict of library → version.

    Examples
    --------
    >>> sorted(versions())
    ['keras', 'numpy', 'scipy', 'tensorflow']
    """
    return {name: version(name) for name in LIBRARIES}


@functools.cache
def code_hash(module):
    """Return a hash of the code of a module and of all modules of its own package that it imports, directly or not.

    Docstrings, comments and layout do not count: only what runs.

    Parameters
    ----------
    module : str
        Name of an importable module.

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> code_hash("handson11.clipping") == code_hash("handson11.activations")
    False
    """
    return digest(modules_of(module))


@functools.cache
def modules_of(module):
    """Return the code of a module and of all that it imports from its own package: a dict of name → syntax tree.

    The package's own ``__init__`` is left out: it holds the version and the names, nothing that runs.

    Examples
    --------
    >>> sorted(modules_of("handson11.clipping"))
    ['handson11._array', 'handson11._check', 'handson11.clipping']
    """
    package = module.split(".")[0]
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        spec = None if name in found else importlib.util.find_spec(name)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            continue
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        found[name] = ast.dump(_without_docstrings(tree))
        parent = name if spec.submodule_search_locations else name.rpartition(".")[0]
        waiting += [imported for imported in _imports(tree, parent, package) if imported != package]
    return found


def _imports(tree, parent, package):
    """Return the names, inside ``package``, of what a syntax tree imports and might be a module."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*parent.split(".")[: len(parent.split(".")) - node.level + 1], *filter(None, [base])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == package and _is_module(name)]


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent is a module, not a package
        return False


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.Expr) and isinstance(getattr(part.value, "value", None), str))
            ]
    return tree


class RunStore:
    """A folder of finished runs.

    Parameters
    ----------
    folder : path or None
        Where the runs are kept; created when the first one is written. ``None`` keeps nothing.

    Examples
    --------
    >>> import tempfile
    >>> store = RunStore(tempfile.mkdtemp())
    >>> store.put("0123", {"accuracy": 0.8})
    >>> store.get("0123"), store.get("4567")
    ({'accuracy': 0.8}, None)
    """

    def __init__(self, folder):
        self.folder = None if folder is None else Path(folder)

    def _path(self, key):
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key):
        """Return the record under ``key``, or None if there is none or its file is damaged."""
        if self.folder is None:
            return None
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def put(self, key, record):
        """Write a record: whole or not at all, even if the process is killed meanwhile."""
        if self.folder is None:
            return
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps(record), encoding="utf-8")
        os.replace(unfinished, path)
