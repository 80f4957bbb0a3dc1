"""The studies and their command line: what is run, what is written, what is said when a verdict changes."""

import json

import numpy as np
import pytest

from handson11 import claims
from handson11.claims import STUDIES, Study, __main__, judge_claim
from handson11.claims.studies import study, write_entry
from handson11.experiments import Experiment, conduct, load_claims


def measure(configuration):
    return {"x": configuration["level"] + configuration["seed"] / 10}


LEVELS = Experiment("levels", {"low": {"level": 1}, "high": {"level": 2}}, {}, range(3), ["x"], run=measure)
CLAIM = {
    "section": "99.1",
    "statement": "High is above low.",
    "kind": "provable",
    "data": "any",
    "confirmed": {"difference": "> 0.5"},
    "refuted": {"difference": "<= 0"},
}


def conclude(levels):
    difference = np.mean(levels.values("high") - levels.values("low"))
    return {"difference": difference}, [{"text": f"difference: {difference:g}"}]


@pytest.fixture
def ledger(monkeypatch, tmp_path):
    """A ledger with one claim of section 99.1 in an empty folder; nothing outside it is touched."""
    monkeypatch.setitem(STUDIES, "CL-99", Study("CL-99", (LEVELS,), conclude))
    known = {**load_claims(), "CL-99": CLAIM}
    for module in ("handson11.claims.studies", "handson11.claims.__main__"):
        monkeypatch.setattr(f"{module}.load_claims", lambda: known)
    monkeypatch.setattr(__main__, "RUNS_FOLDER", tmp_path / "runs")
    monkeypatch.setattr(__main__, "write_entry", lambda entry: write_entry(entry, tmp_path))

    def stored(claim):
        path = tmp_path / f"{claim}.json"
        return json.loads(path.read_text()) if path.exists() else None

    monkeypatch.setattr(__main__, "read_entry", stored)
    monkeypatch.setattr(__main__, "conduct", lambda e, folder, jobs, source: conduct(e, folder, 1, "stand-in"))
    return tmp_path


def test_an_entry_holds_what_the_verdict_rests_on(ledger):
    entry = judge_claim("CL-99", [conduct(LEVELS, source="stand-in")])
    assert entry["verdict"] == "confirmed"
    assert entry["measured"] == {"difference": 1.0}
    assert entry["rule"] == {"confirmed": {"difference": "> 0.5"}, "refuted": {"difference": "<= 0"}}
    assert entry["runs"] == 6
    assert entry["experiments"][0]["runs"]["high"]["x"] == [2.0, 2.1, 2.2]
    assert json.loads(json.dumps(entry, allow_nan=False)) == json.loads(write_entry(entry, ledger).read_text())


def test_the_command_runs_judges_and_writes(ledger, capsys):
    assert __main__.main(["--claim", "CL-99"]) == 0
    assert json.loads((ledger / "CL-99.json").read_text())["verdict"] == "confirmed"
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["[1/1] CL-99 confirmed", "        difference: 1"]
    assert len(list((ledger / "runs").rglob("*.json"))) == 6


def test_a_section_means_what_is_inside_it(ledger):
    assert __main__.chosen(None, "99") == ["CL-99"]
    assert __main__.chosen(None, "99.1") == ["CL-99"]
    inside = __main__.chosen(None, "11.1")
    assert "CL-02" in inside
    assert "CL-99" not in inside
    with pytest.raises(SystemExit, match="No claim of section 9 has a study"):
        __main__.chosen(None, "9")


def test_a_verdict_that_changed_is_said_and_fails(ledger, capsys):
    __main__.main(["--claim", "CL-99"])
    path = ledger / "CL-99.json"
    path.write_text(path.read_text().replace('"verdict": "confirmed"', '"verdict": "refuted"'))
    assert __main__.main(["--claim", "CL-99"]) == 1
    text = capsys.readouterr().out
    assert "CL-99 confirmed  (was refuted)" in text
    assert "Other verdicts than in the ledger: CL-99" in text


def test_the_stand_in_writes_nothing(ledger, capsys):
    assert __main__.main(["--claim", "CL-99", "--source", "stand-in"]) == 0
    assert not (ledger / "CL-99.json").exists()
    assert "nothing is written to the ledger" in capsys.readouterr().out


def test_unknown_claims_are_explained(ledger):
    with pytest.raises(SystemExit, match="CL-77: it has no study yet"):
        __main__.main(["--claim", "CL-77"])
    with pytest.raises(SystemExit, match="CL-00: there is no such claim"):
        __main__.main(["--claim", "CL-00"])


def test_a_claim_has_one_study(ledger):
    with pytest.raises(ValueError, match="`claim` must have no study yet"):
        study("CL-02", LEVELS)(conclude)


def test_every_study_belongs_to_a_claim_and_every_claim_of_a_written_section_has_one():
    known = load_claims()
    assert set(STUDIES) - {"CL-99"} <= set(known)
    assert {claim for claim in known if known[claim]["section"].startswith(("11.1", "11.3"))} <= set(STUDIES)
    assert claims.STUDIES is STUDIES
