"""A study: the experiments of one claim, and what follows from their results. Its verdict is the rule's, not ours."""

import contextlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handson11._check import require
from handson11.experiments.declared import Results, code_of
from handson11.experiments.ledger import LEDGER_FOLDER, judge, load_claims, rule_of
from handson11.experiments.lint import lint
from handson11.experiments.store import digest, to_json, versions

STUDIES = {}
"""Claim number → its :class:`Study`, in the order in which they are written."""


@dataclass(frozen=True)
class Study:
    """How one claim is measured.

    Parameters
    ----------
    claim : str
        Its number.
    experiments : tuple of Experiment
        What is run. Claims may share experiments.
    conclude : callable
        From the :class:`~handson11.experiments.Results` of each experiment, in this order, to a pair: the
        measurements that the claim's rule names, and a list of effects for the ledger (see
        :func:`~handson11.experiments.effect`).

    Examples
    --------
    >>> Study("CL-00", (), lambda: ({"x": 1}, [])).conclude()
    ({'x': 1}, [])
    """

    claim: str
    experiments: tuple
    conclude: Callable


def study(claim, *experiments):
    """Register the function below it as the conclusion of a claim's study.

    Parameters
    ----------
    claim : str
        The number of a claim in ``book/claims.yml``.
    *experiments : Experiment
        What is run for it.

    Returns
    -------
    callable
        A decorator that returns the function as it is.

    Raises
    ------
    ValueError
        If the claim has a study already.

    Examples
    --------
    >>> from handson11.claims import STUDIES
    >>> STUDIES["CL-04"].claim
    'CL-04'
    """

    def register(conclude):
        known = STUDIES.get(claim)
        fresh = known is None or known.conclude.__module__ == conclude.__module__
        require(fresh, "claim", "have no study yet", claim)
        STUDIES[claim] = Study(claim, experiments, conclude)
        return conclude

    return register


def judge_claim(claim, results):
    """Return the ledger's entry for a claim: judged by its rule from the results as they are kept on disk.

    Parameters
    ----------
    claim : str
        The number of a claim with a study.
    results : sequence of Results
        One for each experiment of the study.

    Returns
    -------
    dict
        Plain data: what ``book/ledger/CL-xx.json`` holds.

    Examples
    --------
    >>> from handson11.experiments import conduct
    >>> results = [conduct(experiment, source="stand-in") for experiment in STUDIES["CL-04"].experiments]
    >>> judge_claim("CL-04", results)["verdict"]
    'confirmed'
    """
    kept, entry = STUDIES[claim], load_claims()[claim]
    source = results[0].source
    summaries = [result.summary() for result in results]
    measured, effects = conclude(claim, summaries, source)
    rule = rule_of(entry)
    findings = [str(finding) for result in results for finding in lint(result.for_lint())]
    return {
        "claim": claim,
        "verdict": judge(rule, measured),
        "measured": measured,
        "effects": effects,
        "rule": rule,
        "rule_hash": digest(rule),
        "source": source,
        "runs": sum(experiment.n_runs for experiment in kept.experiments),
        "seconds": round(sum(row["time"] for result in results for row in result.records), 1),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "versions": versions(),
        "code": digest([code_of(kept.conclude), *(code_of(experiment.run) for experiment in kept.experiments)]),
        "findings": findings if entry["kind"] == "empirical" else [],
        "experiments": summaries,
    }


def processor():
    """Return the processor's name as far as the system tells it.

    Examples
    --------
    >>> isinstance(processor(), str)
    True
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def conclude(claim, summaries, source):
    """Return (measurements, effects) of a claim from the summaries of its experiments, as the ledger keeps them.

    Examples
    --------
    >>> from handson11.experiments import read_entry
    >>> entry = read_entry("CL-04")
    >>> conclude("CL-04", entry["experiments"], entry["source"])[0] == entry["measured"]
    True
    """
    results = [Results.from_summary(summary, source) for summary in summaries]
    measured, effects = STUDIES[claim].conclude(*results)
    return {name: to_json(value, digits=6) for name, value in measured.items()}, effects


def write_entry(entry, folder=LEDGER_FOLDER):
    """Write one entry of the ledger, in lines that a person can compare, and return its path.

    Parameters
    ----------
    entry : dict
        What :func:`judge_claim` returns.
    folder : path, optional
        The folder of the ledger.

    Returns
    -------
    pathlib.Path
        The file written.

    Examples
    --------
    >>> import tempfile
    >>> write_entry({"claim": "CL-00", "verdict": "open"}, tempfile.mkdtemp()).name
    'CL-00.json'
    """
    path = Path(folder) / f"{entry['claim']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_few_lines(entry) + "\n", encoding="utf-8")
    return path


def _few_lines(value, indent=0):
    """Return JSON in which every list and every small object stands on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= 118 or not isinstance(value, dict | list) or not value:
        return flat
    if isinstance(value, list) and not any(isinstance(part, dict | list) for part in value):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key)}: {_few_lines(part, indent + 1)}" for key, part in value.items()]
    else:
        lines = [pad + _few_lines(part, indent + 1) for part in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"
