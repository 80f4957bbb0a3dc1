"""Claims and verdicts: the rule of each claim is data (``book/claims.yml``), written before the measurement."""

import functools
import operator
import re
from pathlib import Path

import numpy as np
import yaml

from handson11._check import require

CLAIMS_FILE = Path(__file__).parents[2] / "book" / "claims.yml"
LEVELS = ("confirmed", "partly", "refuted")
_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"(<=|>=|==|!=|<|>)\s*(\S+)|in\s*\[\s*([^,]+),\s*([^\]]+)\]")


@functools.cache
def load_claims(path=CLAIMS_FILE):
    """Return all claims of the book: a dict of claim number → its entry in ``book/claims.yml``.

    Parameters
    ----------
    path : path, optional
        The file of claims; by default the one beside the package, in the project's folder.

    Returns
    -------
    dict of str → dict
        ``statement``, ``notes``, ``kind``, ``data``, ``page`` and the conditions of each level.

    Raises
    ------
    FileNotFoundError
        If the package was installed without the book.

    Examples
    --------
    >>> sorted(load_claims()["CL-02"])[:2]
    ['confirmed', 'data']
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"The claims of the book are not at {path}: run this from a clone of the project.")
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def _holds(value, condition):
    match = _CONDITION.fullmatch(str(condition).strip())
    require(match is not None, "condition", 'look like "< 0.1", "== true" or "in [0.9, 1.1]"', condition)
    symbol, bound, low, high = match.groups()
    if symbol is None:
        return float(low) <= value <= float(high)
    return _OPERATORS[symbol](value, yaml.safe_load(bound) if bound in ("true", "false") else float(bound))


def judge(rule, measured):
    """Return "confirmed", "partly", "refuted" or "open": the first level whose conditions all hold.

    Parameters
    ----------
    rule : dict
        Level → {name of a measurement: condition}. A condition is an operator and a number (``"< 1e-6"``),
        ``"== true"``, or ``"in [0.9, 1.1]"``. ``otherwise`` names the verdict when no level holds (default "open").
    measured : dict of str → float or bool
        The measurements by name. A NaN fulfils no condition.

    Returns
    -------
    str
        The verdict.

    Raises
    ------
    ValueError
        If a measurement named by the rule is missing or a measurement is not named by the rule.

    Examples
    --------
    >>> rule = {"confirmed": {"ratio": "< 1e-6"}, "refuted": {"ratio": "> 1e-2"}}
    >>> judge(rule, {"ratio": 3e-12}), judge(rule, {"ratio": 1e-4}), judge(rule, {"ratio": 0.5})
    ('confirmed', 'open', 'refuted')
    """
    levels = [level for level in LEVELS if level in rule]
    needed = {name for level in levels for name in rule[level]}
    require(needed == set(measured), "measured", f"give exactly {sorted(needed)}", sorted(measured))
    for level in levels:
        if all(_holds(measured[name], condition) for name, condition in rule[level].items()):
            return level
    return rule.get("otherwise", "open")


def verdict(claim, source, **measured):
    """Judge a claim by its rule and print the one line that the page stands for.

    Parameters
    ----------
    claim : str
        The number of the claim, such as ``"CL-07"``.
    source : {"fashion-mnist", "stand-in"}
        Where the data came from. A claim about Fashion-MNIST itself is not judged on the stand-in.
    **measured : float or bool
        The measurements that the rule names.

    Returns
    -------
    None
        The line is printed.

    Raises
    ------
    ValueError
        If the claim is unknown or the measurements are not those of the rule.

    Examples
    --------
    >>> verdict("CL-04", "stand-in", largest_slope=0.0066)
    CL-04 confirmed: ...
    """
    claims = load_claims()
    require(claim in claims, "claim", "be listed in book/claims.yml", claim)
    entry = claims[claim]
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in measured.items()}
    result = judge({key: entry[key] for key in (*LEVELS, "otherwise") if key in entry}, plain)
    if entry["data"] == "fashion-mnist" and source != "fashion-mnist":
        print(f"{claim} not judged on the stand-in: {entry['statement']}")
    else:
        print(f"{claim} {result}: {entry['statement']}")
