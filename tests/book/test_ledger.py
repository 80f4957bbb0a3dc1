"""The ledger: what the files of the full runs hold, what the pages print of it, and what the ledger page shows."""

import functools
import hashlib
import importlib.util
import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
import test_browser
import yaml
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx import addnodes

from handson11.claims import STUDIES, conclude
from handson11.experiments import judge, lint

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
CLAIMS = yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))
LEDGER = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((BOOK / "ledger").glob("*.json"))}
RULE = ("confirmed", "partly", "refuted", "otherwise")

WRITTEN = [*(f"CL-{n:02d}" for n in (*range(2, 74), 85, 87))]
TEN_SEEDS = {"CL-10", "CL-13", "CL-14", "CL-24", "CL-26", "CL-85"}
# What the note of a claim must speak of, so that a finding of the linter does not stand unexplained.
NOTHING_RANDOM = {
    "chains of single weights",
    "AdaGrad and RMSProp on quadratics, turned and not",
    "one gradient again and again",
    "momentum and Nesterov's form on quadratics, each at its best rate",
}
ONLY_TUNING = {
    "choice of the rate among the nine",
    "frozen first, then free, choice of both rates",
    "lower layers kept under a new output layer, choice of their number and of the rate",
}
ONE_SOURCE_FOR_ALL_SEEDS = {f"networks of the other eight classes, {kind}" for kind in ("dense", "convolutional")}
EXPLANATIONS = {
    "identical_histories": "same|identical",
    "constant_schedule": "schedule",
    "boundary_after_end": "schedule",
    "epochs_differ": "epoch",
    "hidden_failure": "fail|chance|diverge|explode|lost|never learn",
    "tuned_on_test": "test",
    "unequal_tuning": "tun|rate",
    "one_seed": "seed",
}

browser = test_browser.browser


def is_written(claim):
    return any((BOOK / f"{CLAIMS[claim]['page']}{suffix}").is_file() for suffix in (".md", ".ipynb"))


def rule_of(claim):
    return {key: CLAIMS[claim][key] for key in RULE if key in CLAIMS[claim]}


def number(value):
    """Return a number of the ledger: infinity and NaN are kept as words."""
    return {"inf": math.inf, None: math.nan}.get(value, value) if value is None or isinstance(value, str) else value


# The files


@pytest.mark.parametrize("claim", LEDGER)
def test_an_entry_was_judged_by_the_rule_as_it_stands(claim):
    """Who changes a threshold after the run has to run again."""
    entry, rule = LEDGER[claim], rule_of(claim)
    text = json.dumps(rule, sort_keys=True, separators=(",", ":"))
    assert entry["claim"] == claim
    assert entry["rule"] == rule
    assert entry["rule_hash"] == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("claim", LEDGER)
def test_the_verdict_is_what_the_rule_says_of_the_measurements(claim):
    entry = LEDGER[claim]
    assert entry["verdict"] == judge(entry["rule"], {name: number(value) for name, value in entry["measured"].items()})


@pytest.mark.parametrize("claim", LEDGER)
def test_the_measurements_follow_from_the_values_of_every_seed(claim):
    entry = LEDGER[claim]
    measured, effects = conclude(claim, entry["experiments"], entry["source"])
    assert set(measured) == set(entry["measured"])
    for name, value in measured.items():
        assert number(value) == pytest.approx(number(entry["measured"][name]), rel=1e-5, nan_ok=True), name
    assert [found["what"] for found in effects] == [found["what"] for found in entry["effects"]]
    for new, kept in zip(effects, entry["effects"], strict=True):
        for key in ("value", "low", "high"):
            expected = pytest.approx(number(kept[key]), rel=1e-4, abs=1e-12, nan_ok=True)
            assert number(new[key]) == expected, (new["what"], key)


@pytest.mark.parametrize("claim", WRITTEN)
def test_every_claim_of_a_written_section_has_a_full_run(claim):
    assert claim in LEDGER
    entry = LEDGER[claim]
    assert entry["source"] == "fashion-mnist"
    few = NOTHING_RANDOM | ONLY_TUNING | ONE_SOURCE_FOR_ALL_SEEDS
    random = [experiment for experiment in entry["experiments"] if experiment["name"] not in few]
    seeds = min(len(set(experiment["seeds"])) for experiment in random)
    if CLAIMS[claim]["kind"] == "empirical":
        assert seeds >= (10 if claim in TEN_SEEDS else 5)


@pytest.mark.parametrize("claim", LEDGER)
def test_a_finding_of_the_linter_is_explained(claim):
    note = CLAIMS[claim].get("note", "")
    rules = {finding.split(" ")[0] for finding in LEDGER[claim]["findings"]}
    assert rules <= set(EXPLANATIONS)
    assert [rule for rule in sorted(rules) if not re.search(EXPLANATIONS[rule], note, re.I)] == []


def test_the_list_of_explanations_knows_every_rule_of_the_linter():
    table = re.findall(r"^ +(\w+) +finds|^ +(\w+_\w+)  ", lint.__doc__, re.M)
    assert {name for pair in table for name in pair if name} - {"rule"} == set(EXPLANATIONS)


def test_only_claims_with_a_page_have_an_entry_and_every_entry_has_a_study():
    assert set(LEDGER) <= set(CLAIMS)
    assert [claim for claim in LEDGER if not is_written(claim)] == []
    assert [claim for claim in LEDGER if claim not in STUDIES] == []


# The notebooks


def printed_verdicts():
    """Return a list of (page, claim, verdict, lines of the full run), as the notebooks print them."""
    found = []
    for path in sorted(BOOK.glob("11_*/*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            texts = ["".join(output.get("text", "")) for output in cell.get("outputs", ())]
            for line in "".join(texts).splitlines():
                match = re.match(r"(CL-\d+) (confirmed|partly|refuted|open|not judged)\b", line)
                if match:
                    found.append((path.stem, match[1], match[2], []))
                elif line.startswith("    full run: "):
                    found[-1][3].append(line.removeprefix("    full run: "))
    return found


@pytest.mark.parametrize(("page", "claim", "verdict", "lines"), printed_verdicts(), ids=lambda value: str(value)[:40])
def test_a_page_prints_the_verdict_and_the_effects_of_the_ledger(page, claim, verdict, lines):
    assert claim in LEDGER
    assert verdict == LEDGER[claim]["verdict"]
    assert lines == [found["text"] for found in LEDGER[claim]["effects"]]


# The cards of the pages


@pytest.fixture(scope="module")
def extension():
    """Load the book's local Sphinx extension."""
    spec = importlib.util.spec_from_file_location("handson11_book", BOOK / "_ext" / "handson11_book.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lines_of_the_full_run_stand_in_the_card_and_its_number_leads_to_the_ledger(extension):
    output = (
        "angle 41.5\nCL-30 partly: it turns.\n    full run: angle: 3\n    full run: norm: 4\n"
        "  more\nCL-31 not judged on the stand-in: it stays.\n"
    )
    document = nodes.document(None, None)
    document += nodes.literal_block(output, output, classes=["output", "stream"])
    extension.draw_verdicts(None, document)
    assert [type(block) for block in document] == [nodes.literal_block, nodes.container] * 2
    before, first, between, second = document
    assert (before.astext(), between.astext()) == ("angle 41.5", "  more")
    assert first["classes"] == ["output", "stream", "verdict", "verdict-partly"]
    assert second["classes"] == ["output", "stream", "verdict", "verdict-not"]
    assert [line.astext() for line in first] == ["CL-30 partly: it turns.", "full run: angle: 3", "full run: norm: 4"]
    assert [line["classes"] for line in first] == [[], ["full-run"], ["full-run"]]
    link = first.next_node(addnodes.pending_xref)
    assert (link["reftype"], link["reftarget"], link.astext()) == ("ref", "cl-30", "CL-30")


@pytest.mark.parametrize(("findings", "folded"), [(8, 0), (10, 0), (11, 3), (55, 47)])
def test_many_findings_are_folded_away_and_none_is_lost(extension, findings, folded):
    lines = ["CL-30 partly: it turns.", *(f"    full run: {number}" for number in range(findings))]
    parts = [block.astext() for block in extension.verdict_card(lines, ["output"])]
    told = [f"<details><summary>{folded} more findings of the full run</summary>", "</details>"] if folded else []
    assert [text for text in parts if text.startswith("<")] == told
    assert [text for text in parts[1:] if not text.startswith("<")] == [f"full run: {n}" for n in range(findings)]
    assert not folded or parts.index(told[0]) == 9


# The page


def shown_verdict(claim):
    if CLAIMS[claim]["kind"] == "not testable":
        return "no verdict"
    return LEDGER[claim]["verdict"] if claim in LEDGER else "open"


def words(text):
    """Return words with straight quotes; Sphinx prints typographic ones."""
    return re.sub(r"\s+", " ", text.replace("’", "'").replace("“", '"').replace("”", '"')).strip()


@pytest.fixture(scope="module")
def page(built_book):
    """Return the ledger page."""
    text = (built_book / "book" / "reference" / "ledger.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser")


@pytest.fixture(scope="module")
def sections(page):
    """Return the sections of the claims, in the order of the page."""
    return {section["id"].upper(): section for section in page.select("section.claim")}


def test_the_page_has_every_claim_in_order_with_its_statement_and_verdict(sections):
    assert list(sections) == list(CLAIMS)
    assert sorted(sections) == [f"CL-{n:02d}" for n in range(1, 88)]
    for section, (claim, entry) in zip(sections.values(), CLAIMS.items(), strict=True):
        assert section.select_one("h3").get_text().startswith(claim)
        assert section.select_one("h3 .verdict-badge").get_text() == shown_verdict(claim)
        assert words(section.select_one(".claim-statement").get_text()) == words(entry["statement"])
        facts = words(section.select_one(".claim-facts").get_text(" "))
        assert (", ".join(entry["notes"]) or "the course's own question") in facts
        assert entry["kind"] in facts


def test_the_page_has_the_details_of_every_claim(sections):
    for claim, entry in CLAIMS.items():
        section = sections[claim]
        details = words(section.select_one("details").get_text(" "))
        for text in (entry["protocol"], entry.get("note", ""), *entry.get("measures", {}).values()):
            assert words(text) in details, claim
        for level in RULE[:3]:
            for name, condition in entry.get(level, {}).items():
                assert f"{name} {condition}" in details, claim
        effects = [words(item.get_text()) for item in section.select(".claim-effects li")]
        assert effects == [words(found["text"]) for found in LEDGER.get(claim, {"effects": []})["effects"]]
        for finding in LEDGER.get(claim, {"findings": []})["findings"]:
            assert words(finding) in details


def test_claims_of_sections_still_to_come_are_open(sections):
    waiting = [claim for claim in CLAIMS if not is_written(claim)]
    for claim in waiting:
        section = sections[claim]
        assert "verdict-open" in section["class"]
        assert f"section {CLAIMS[claim]['section']}, still to come" in section.select_one(".claim-facts").get_text()
    addresses = {claim: section.select(".claim-facts a") for claim, section in sections.items()}
    links = [claim for claim in CLAIMS if any("page 11" in link.get_text() for link in addresses[claim])]
    assert links == [claim for claim in CLAIMS if claim not in waiting]


@functools.cache
def code_page(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_every_claim_with_a_run_leads_to_the_code_that_concludes_it(sections, built_book):
    for claim in LEDGER:
        address = sections[claim].select_one(".claim-facts a[href*='_modules']")["href"]
        path, fragment = address.split("#")
        block = code_page((built_book / "book" / "reference" / path).resolve()).find(id=fragment)
        assert f'@study("{claim}"' in block.get_text() or f"def {STUDIES[claim].conclude.__name__}(" in block.get_text()


def test_the_counts_are_those_of_the_files(page):
    rows = [[cell.get_text(strip=True) for cell in row.select("th, td")] for row in page.select(".claims-counts tr")]
    head, *body, total = rows
    kinds = ["empirical", "provable", "not testable"]
    assert head == ["Verdict", *kinds, "all"]
    assert sorted({entry["kind"] for entry in CLAIMS.values()}) == sorted(kinds)
    expected = Counter((shown_verdict(claim), entry["kind"]) for claim, entry in CLAIMS.items())
    assert [row[0] for row in body] == ["confirmed", "partly", "refuted", "open", "no verdict"]
    for verdict, *numbers, all_of_verdict in body:
        assert [int(n) for n in numbers] == [expected[verdict, kind] for kind in kinds]
        assert int(all_of_verdict) == sum(map(int, numbers))
    assert [int(n) for n in total[1:]] == [sum(int(row[i]) for row in body) for i in range(1, 5)]
    assert total[-1] == "87"


def test_every_erratum_has_its_anchor(built_book):
    text = (built_book / "book" / "reference" / "errata.html").read_text(encoding="utf-8")
    assert {tag["id"] for tag in BeautifulSoup(text, "html.parser").find_all(id=re.compile(r"^err-\d\d$"))} == {
        f"err-{n:02d}" for n in range(1, 78)
    }


# The filter


@pytest.fixture
def tab(browser, built_book):
    """Open the ledger page and give the tab."""
    with test_browser.open_tab(browser, width=320) as (tab, complaints):
        test_browser.visit(tab, (built_book / "book" / "reference" / "ledger.html").as_uri())
        yield tab
        assert complaints == []


def visible(tab):
    return [claim.upper() for claim in tab.eval_on_selector_all("section.claim", VISIBLE)]


VISIBLE = "claims => claims.filter(claim => claim.checkVisibility()).map(claim => claim.id)"


@pytest.mark.browser
def test_a_filter_hides_the_other_claims_and_tells_how_many_are_left(tab):
    status = tab.get_by_role("status")
    assert visible(tab) == list(CLAIMS)
    tab.get_by_label("Verdict").select_option("confirmed")
    expected = [claim for claim in CLAIMS if shown_verdict(claim) == "confirmed"]
    assert visible(tab) == expected
    assert status.inner_text() == f"{len(expected)} of 87 claims are shown."
    assert tab.evaluate("location.hash") == "#verdict=confirmed"
    tab.get_by_label("Section").select_option("11.1")
    expected = [claim for claim in expected if CLAIMS[claim]["section"].startswith("11.1")]
    assert visible(tab) == expected
    assert tab.evaluate(test_browser.TOO_WIDE) == []
    tab.get_by_role("button", name="Show all").click()
    assert visible(tab) == list(CLAIMS)
    assert tab.evaluate("location.hash") == ""


@pytest.mark.browser
def test_the_keyboard_works_the_filter(tab):
    tab.get_by_label("Section").focus()
    tab.keyboard.type("11.1.4")
    assert visible(tab) == ["CL-30", "CL-31", "CL-32", "CL-33"]
    assert tab.get_by_role("status").inner_text() == "4 of 87 claims are shown."
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert visible(tab) == list(CLAIMS)


@pytest.mark.browser
def test_a_link_can_carry_a_filter_or_a_claim(tab):
    tab.evaluate("location.hash = '#verdict=open&section=11.3'")
    tab.wait_for_function("document.querySelector('select[name=section]').value === '11.3'")
    expected = [claim for claim, entry in CLAIMS.items() if entry["section"].startswith("11.3")]
    assert visible(tab) == [claim for claim in expected if shown_verdict(claim) == "open"]
    tab.evaluate("location.hash = '#cl-02'")
    tab.wait_for_function("document.querySelector('select[name=section]').value === ''")
    assert visible(tab) == list(CLAIMS)
    tab.evaluate("location.hash = '#verdict=nonsense'")
    assert visible(tab) == list(CLAIMS)


@pytest.mark.browser
def test_paper_shows_every_claim_with_its_details(tab):
    tab.get_by_label("Verdict").select_option("refuted")
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert visible(tab) == list(CLAIMS)
    assert tab.locator("details.claim-details:not([open])").count() == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator("details.claim-details[open]").count() == 0


@pytest.mark.browser
def test_without_scripts_everything_is_shown_and_no_filter(browser, built_book):
    with browser.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto((built_book / "book" / "reference" / "ledger.html").as_uri() + "#verdict=refuted")
        assert tab.locator("section.claim:visible").count() == 87
        assert tab.locator("form#claims-filter:visible").count() == 0
