"""The ledger of claims: all 87 are there, each with a rule that is precise, complete and can come out either way."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from handson11.experiments import judge

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "book" / "claims.yml").read_text(encoding="utf-8")
CLAIMS = yaml.safe_load(TEXT)
TESTED = [claim for claim, entry in CLAIMS.items() if entry["kind"] != "not testable"]

LEVELS = ("confirmed", "partly", "refuted")
RULE = (*LEVELS, "otherwise")
KEYS = ("section", "statement", "notes", "kind", "data", "page", "protocol", "machine", "measures", *RULE, "note")
REQUIRED = set(KEYS[:7])

# The page of every section that has claims.
PAGES = {
    "11": "introduction",
    "11.1": "11_1_unstable_gradients/index",
    "11.1.1": "11_1_unstable_gradients/1_initialization",
    "11.1.2": "11_1_unstable_gradients/2_activations",
    "11.1.3": "11_1_unstable_gradients/3_batch_normalization",
    "11.1.4": "11_1_unstable_gradients/4_gradient_clipping",
    "11.2": "11_2_pretrained_layers/index",
    "11.2.1": "11_2_pretrained_layers/1_transfer_learning",
    "11.2.2": "11_2_pretrained_layers/2_unsupervised_pretraining",
    "11.2.3": "11_2_pretrained_layers/3_auxiliary_pretraining",
    "11.3": "11_3_faster_optimizers/index",
    "11.3.1": "11_3_faster_optimizers/1_momentum",
    "11.3.2": "11_3_faster_optimizers/2_nesterov",
    "11.3.3": "11_3_faster_optimizers/3_adagrad",
    "11.3.4": "11_3_faster_optimizers/4_rmsprop",
    "11.3.5": "11_3_faster_optimizers/5_adam_family",
    "11.3.6": "11_3_faster_optimizers/6_learning_rate_schedules",
    "11.4.1": "11_4_regularization/1_l1_l2",
    "11.4.2": "11_4_regularization/2_dropout",
    "11.4.3": "11_4_regularization/3_mc_dropout",
    "11.4.4": "11_4_regularization/4_max_norm",
    "11.5": "11_5_guidelines",
    "11.6": "11_6_exercises",
}
MAY_BE_UNWRITTEN = ("11.4", "11.5", "11.6")


def rule_of(claim):
    return {key: CLAIMS[claim][key] for key in RULE if key in CLAIMS[claim]}


def names_in(rule):
    return {name for level in LEVELS for name in rule.get(level, {})}


# The list


def test_the_87_claims_are_there_once_each():
    written = re.findall(r"^(CL-\d+):", TEXT, re.M)
    assert sorted(written) == [f"CL-{n:02d}" for n in range(1, 88)]
    assert written == list(CLAIMS)


def test_claims_stand_in_their_section_in_order_of_number():
    sections = [entry["section"] for entry in CLAIMS.values()]
    assert [section for section, _ in itertools.groupby(sections)] == list(PAGES)
    for section in PAGES:
        numbers = [claim for claim, entry in CLAIMS.items() if entry["section"] == section]
        assert numbers == sorted(numbers)


def test_comments_are_only_headings():
    entries = TEXT.split("\n# Introduction\n")[1]
    headings = re.findall(r"^# (11(?:\.\d)+) \S", entries, re.M)
    assert headings == list(PAGES)[1:]
    assert len(re.findall(r"^\s*#", entries, re.M)) == len(headings)


# The entries


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_entry_has_the_keys_and_values_of_the_schema(claim):
    entry = CLAIMS[claim]
    assert set(entry) >= REQUIRED
    assert list(entry) == [key for key in KEYS if key in entry]
    for key in ("statement", "protocol", *({"note"} & set(entry))):
        assert re.fullmatch(r"\S.{20,}[.]", entry[key], re.S), key
    assert entry["notes"] == sorted(set(entry["notes"]) & set("ABCDE"))
    assert entry["kind"] in ("empirical", "provable", "not testable")
    assert entry["data"] in ("any", "fashion-mnist")
    assert entry.get("otherwise", "open") in (*LEVELS, "open")
    assert entry.get("machine", True) is True


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_has_a_page(claim):
    entry = CLAIMS[claim]
    assert entry["page"] == PAGES[entry["section"]]
    page = ROOT / "book" / entry["page"]
    written = any(page.with_suffix(suffix).exists() for suffix in (".md", ".ipynb"))
    listed = f"file: book/{entry['page']}\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert listed or (not written and entry["section"].startswith(MAY_BE_UNWRITTEN))


def test_what_cannot_be_tested_has_no_rule_and_says_why():
    untested = set(CLAIMS) - set(TESTED)
    assert untested == {"CL-01"}
    for claim in untested:
        assert not {*RULE, "measures"} & set(CLAIMS[claim])
        assert CLAIMS[claim]["note"]


# The rules


@pytest.mark.parametrize("claim", TESTED)
def test_every_measure_is_explained_and_used(claim):
    measures = CLAIMS[claim]["measures"]
    assert set(measures) == names_in(rule_of(claim))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]+", name) for name in measures)
    assert all(len(str(text)) > 10 for text in measures.values())


def values_around(conditions):
    """Return a value on, just below and just above every bound of the conditions; true and false for a switch."""
    if any(re.search("true|false", condition) for condition in conditions):
        return [True, False]
    bounds = {float(number) for text in conditions for number in re.findall(r"-?\d[\d.]*(?:e-?\d+)?", text)}
    return sorted({bound + shift * max(abs(bound), 1e-3) for bound in bounds for shift in (-1e-4, 0, 1e-4)})


def stem(name):
    return re.sub("_(low|high)$", "", name)


def outcomes(rule):
    """Return every verdict that the rule can give; the two ends of an interval never change places."""
    names = names_in(rule)
    conditions = {name: [] for name in map(stem, names)}
    for level in LEVELS:
        for name, condition in rule.get(level, {}).items():
            conditions[stem(name)].append(condition)
    values = {name: values_around(conditions[stem(name)]) for name in names}
    cases = (dict(zip(values, case, strict=True)) for case in itertools.product(*values.values()))
    lows = {name: f"{stem(name)}_high" for name in names if name.endswith("_low") and f"{stem(name)}_high" in names}
    return {judge(rule, case) for case in cases if all(case[low] <= case[high] for low, high in lows.items())}


@pytest.mark.parametrize("claim", TESTED)
def test_a_rule_can_come_out_at_least_two_ways_and_no_level_is_dead(claim):
    rule = rule_of(claim)
    found = outcomes(rule)
    assert "confirmed" in found
    assert "refuted" in found
    assert found >= set(rule) & set(LEVELS)


def test_the_search_for_outcomes_sees_a_rule_that_cannot_fail():
    assert outcomes({"confirmed": {"x": "> 1"}, "partly": {"x": "> 2"}}) == {"confirmed", "open"}
    assert outcomes({"confirmed": {"x": "> 1"}, "otherwise": "confirmed"}) == {"confirmed"}
    never = {"confirmed": {"gain_low": "> 0"}, "refuted": {"gain_low": "> -1", "gain_high": "< -2"}}
    assert outcomes(never) == {"confirmed", "open"}
