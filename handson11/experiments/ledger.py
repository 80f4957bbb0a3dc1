"""Claims and verdicts: the rule of each claim is data (``book/claims.yml``), written before the measurement."""

import functools
import json
import operator
import re
from pathlib import Path

import numpy as np
import yaml

from handson11._check import require
from handson11.experiments.store import from_json, to_json

CLAIMS_FILE = Path(__file__).parents[2] / "book" / "claims.yml"
LEDGER_FOLDER = CLAIMS_FILE.parent / "ledger"
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
    if value is None or isinstance(value, str):  # NaN and infinity, as JSON keeps them
        value = from_json(value)
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
        The measurements by name. NaN (or None, as JSON keeps it) fulfils no condition; infinity may be ``"inf"``.

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


def rule_of(entry):
    """Return the rule of a claim: the levels of its entry in ``book/claims.yml`` and its ``otherwise``.

    Examples
    --------
    >>> rule_of({"statement": "S.", "refuted": {"x": "> 1"}, "otherwise": "confirmed"})
    {'refuted': {'x': '> 1'}, 'otherwise': 'confirmed'}
    """
    return {key: entry[key] for key in (*LEVELS, "otherwise") if key in entry}


def read_entry(claim, folder=LEDGER_FOLDER):
    """Return what the full run of a claim found, or None if there was none yet.

    Parameters
    ----------
    claim : str
        The number of the claim, such as ``"CL-07"``.
    folder : path, optional
        The folder of the ledger.

    Returns
    -------
    dict or None
        ``verdict``, ``measured``, ``effects``, ``rule``, ``rule_hash``, ``experiments`` (with one number per seed),
        ``source``, ``versions``, ``seconds`` and more: the content of ``book/ledger/CL-xx.json``.

    Examples
    --------
    >>> read_entry("CL-00") is None
    True
    """
    path = Path(folder) / f"{claim}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def effect(what, interval, unit="", digits=3):
    """Return one finding of a full run for the ledger: what was measured, its value, its 95 % interval.

    Parameters
    ----------
    what : str
        What was measured, in a few words.
    interval : Interval, PairedComparison, number or bool
        The value; with an interval if it has one.
    unit : str, optional
        The unit, such as ``"points"``.
    digits : int, default 3
        Significant digits shown.

    Returns
    -------
    dict
        ``what``, ``value``, ``low``, ``high``, ``n``, ``unit`` and ``text``, the finding in one line.

    Examples
    --------
    >>> from handson11.experiments.statistics import Interval
    >>> effect("gain in test accuracy", Interval(0.0171, 0.0083, 0.0262, 10))["text"]
    'gain in test accuracy: 0.0171 [0.0083, 0.0262], n = 10'
    >>> effect("parameters", 271346, digits=6)["text"]
    'parameters: 271346'
    """
    low, high, n = (getattr(interval, name, None) for name in ("low", "high", "n"))
    value = getattr(interval, "value", getattr(interval, "difference", interval))
    value, low, high = (to_json(number, digits=6) for number in (value, low, high))
    value = None if value == "inf" else value

    def show(number):
        if number is None:
            return "–"
        shown = str(number).lower() if isinstance(number, bool) else f"{number:.{digits}g}"
        return f"−{shown[1:]}" if shown.startswith("-") else shown

    text = f"{what}: {show(value)}" + (f" {unit}" if unit else "")
    if low is not None:
        text += f" [{show(low)}, {show(high)}]"
    if n is not None:
        text += f", n = {n}"
    return {"what": what, "value": value, "low": low, "high": high, "n": n, "unit": unit, "text": text}


class ContradictionError(AssertionError):
    """A live measurement gives another verdict than the full run that the ledger keeps."""


def verdict(claim, source, **measured):
    """Judge a claim by its rule, compare with the ledger, and print the line that the page stands for.

    Parameters
    ----------
    claim : str
        The number of the claim, such as ``"CL-07"``.
    source : {"fashion-mnist", "stand-in"}
        Where the data came from. A claim about Fashion-MNIST itself is not judged on the stand-in.
    **measured : float or bool
        The measurements that the rule names, from the page's own, reduced run. For a claim marked ``machine: true``,
        about times that another processor may turn round, they are checked but the ledger's verdict is printed.

    Returns
    -------
    None
        One line with the verdict is printed, and one for each finding of the full run.

    Raises
    ------
    ValueError
        If the claim is unknown or the measurements are not those of the rule.
    ContradictionError
        If the verdict is not that of the ledger.

    Examples
    --------
    >>> verdict("CL-04", "stand-in", largest_slope=0.0066)
    CL-04 confirmed: ...
    """
    claims = load_claims()
    require(claim in claims, "claim", "be listed in book/claims.yml", claim)
    entry, stored = claims[claim], read_entry(claim)
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in measured.items()}
    result = judge(rule_of(entry), plain)
    if entry["data"] == "fashion-mnist" and source != "fashion-mnist":
        result = "not judged on the stand-in"
    elif stored is not None and entry.get("machine"):
        result = stored["verdict"]
    elif stored is not None and result != stored["verdict"]:
        raise ContradictionError(
            f"{claim}: this run says {result} ({plain}), the ledger says {stored['verdict']} ({stored['measured']}). "
            f"The rule: {rule_of(entry)}. One of the two is wrong, or too small to tell; "
            f"`make claims CLAIM={claim}` repeats the full run."
        )
    print(f"{claim} {result}: {entry['statement']}")
    for found in stored["effects"] if stored else ():
        print(f"    full run: {found['text']}")
