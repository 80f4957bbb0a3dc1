"""The ledger page: every claim with its verdict, made in each build from ``book/claims.yml`` and ``book/ledger``."""

import re
import sys
from collections import Counter
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

VERDICTS = ("confirmed", "partly", "refuted", "open", "none")
WORDS = {"none": "no verdict"}
KINDS = ("empirical", "provable", "not testable")
HEADING = re.compile(r"^# (11(?:\.\d)*) (\S.*)$", re.M)


def verdict_of(entry, stored):
    """Return the verdict of a claim: that of its full run, "open" before it, "none" if it cannot be tested."""
    if entry["kind"] == "not testable":
        return "none"
    return stored["verdict"] if stored else "open"


def read_ledger(book):
    """Return a list of (number, entry in claims.yml, content of its file in the ledger or None) in the book's order."""
    from handson11.experiments import load_claims, read_entry

    claims = load_claims(book / "claims.yml")
    return [(claim, entry, read_entry(claim, book / "ledger")) for claim, entry in claims.items()]


# Small pieces of a page


def text(words, *classes):
    return nodes.inline("", words, classes=list(classes))


def code(words):
    return nodes.literal("", str(words))


def badge(verdict):
    """Return the verdict in words; the style sheet adds a mark, a kind of border and a colour."""
    return text(WORDS.get(verdict, verdict), "verdict-badge", f"badge-{verdict}")


def paragraph(*parts, classes=()):
    parts = [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return nodes.paragraph("", "", *parts, classes=list(classes))


def bullets(items, *classes):
    """Return a list with one item for each list of inline nodes."""
    return nodes.bullet_list("", *(nodes.list_item("", paragraph(*item)) for item in items), classes=list(classes))


def labelled(label, *parts):
    return paragraph(nodes.strong("", label), " ", *parts)


def table(head, rows, *classes):
    """Return a table; each cell is a list of inline nodes and strings."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    for part, lines in ((nodes.thead(), [head]), (nodes.tbody(), rows)):
        part += [nodes.row("", *(nodes.entry("", paragraph(*cell)) for cell in line)) for line in lines]
        group += part
    return nodes.table("", group, classes=list(classes))


def show(number):
    """Return a measured number as words: six significant digits, "true", "infinite" or "no number"."""
    if isinstance(number, bool):
        return str(number).lower()
    if isinstance(number, int | float):
        return f"{number:.6g}" if isinstance(number, float) else str(number)
    return {None: "no number", "inf": "infinite"}[number]


def plural(n, word):
    return f"{n:,} {word}" + ("" if n == 1 else "s")


# One claim


def facts(entry, stored, env):
    """Return what stands below the statement: who says it, its kind, its data, the runs, its page and its code."""
    notes = ", ".join(entry["notes"])
    items = [[f"said by notes {notes}" if notes else "the course's own question"], [entry["kind"]]]
    items.append(["Fashion-MNIST" if entry["data"] == "fashion-mnist" else "any data"])
    if stored:
        seeds = sorted({len(experiment["seeds"]) for experiment in stored["experiments"]})
        number = f"{seeds[0]} to {plural(seeds[-1], 'seed')}" if seeds[1:] else plural(seeds[0], "seed")
        items.append([f"{number}, {plural(stored['runs'], 'run')}"])
    items.append(page_of(entry, env))
    if stored:
        items.append(["code: ", code_of(stored["claim"], env)])
    return bullets(items, "claim-facts")


def page_of(entry, env):
    """Return a link to the page that discusses a claim, or the number of a section that is still to come."""
    page, section = f"book/{entry['page']}", entry["section"]
    if page not in env.found_docs:
        return [f"section {section}, still to come"]
    link = {"refdomain": "std", "reftype": "doc", "reftarget": f"/{page}", "refexplicit": True, "refwarn": True}
    return [addnodes.pending_xref("", text(f"page {section}"), refdoc=env.docname, **link)]


def code_of(claim, env):
    """Return a link to the source of the function that concludes a claim."""
    from handson11.claims import STUDIES

    module, name = STUDIES[claim].conclude.__module__, STUDIES[claim].conclude.__name__
    page = env.app.builder.get_relative_uri(env.docname, "_modules/" + module.replace(".", "/"))
    return nodes.reference("", "", code(f"{module.rpartition('.')[2]}.{name}"), internal=True, refuri=f"{page}#{name}")


def rule_table(entry):
    """Return the rule of a claim: one row for each verdict, in the order in which they are tried."""
    from handson11.experiments import rule_of

    rows = []
    for level, conditions in rule_of(entry).items():
        if level == "otherwise":
            continue
        parts = [part for pair in conditions.items() for part in (code(" ".join(map(str, pair))), " and ")]
        rows.append([[badge(level)], parts[:-1]])
    rows.append([[badge(entry.get("otherwise", "open"))], ["otherwise"]])
    return table([["Verdict"], ["if all of these hold, and no row above"]], rows)


def tuning_table(experiment, metric):
    """Return the scores that chose the learning rate of each arm, one for each tuning seed; the choice is bold."""
    rates = sorted({rate for tuned in experiment["tuning"].values() for rate in tuned[metric]}, key=float)
    rows = []
    for arm, tuned in experiment["tuning"].items():
        cells = [", ".join(map(show_score, tuned[metric].get(rate, ()))) or "–" for rate in rates]
        chosen = [float(rate) == tuned["chosen"] for rate in rates]
        marked = [[nodes.strong("", c) if best else c] for c, best in zip(cells, chosen, strict=True)]
        rows.append([[arm], [f"{tuned['chosen']:g}"], *marked])
    return table([["Arm"], ["Chosen"], *([f"rate {rate}"] for rate in rates)], rows, "claim-tuning")


def show_score(score):
    return f"{score:.3g}" if isinstance(score, int | float) else {None: "lost", "inf": "never"}[score]


def run_details(stored):
    """Return what a full run left behind: learning rates, lost runs, findings of the linter, versions, seconds."""
    blocks = []
    for experiment in stored["experiments"]:
        if experiment["tuning"]:
            metric = next(name for arm in experiment["tuning"].values() for name in arm if name != "chosen")
            seeds = ", ".join(map(str, experiment["tuning_seeds"]))
            told = f"{experiment['name']}, by {metric.replace('_', ' ')}, seeds {seeds}."
            blocks += [labelled("Learning rates:", told), tuning_table(experiment, metric)]
    lost = [
        f"{plural(n, 'run')} of {arm} ({experiment['name']})"
        for experiment in stored["experiments"]
        for arm, n in experiment["lost"].items()
    ]
    blocks.append(labelled("Lost runs:", ("; ".join(lost) or "none") + "."))
    if stored["findings"]:
        blocks += [labelled("What the linter found:"), bullets([[finding] for finding in stored["findings"]])]
    else:
        blocks.append(labelled("What the linter found:", "nothing."))
    versions = ", ".join(f"{name} {number}" for name, number in stored["versions"].items())
    seconds = f"{stored['seconds']:,.1f} s of computing on {stored['processor']}"
    blocks.append(labelled("Run:", f"{versions}; {seconds}; data source ", code(stored["source"]), "."))
    blocks.append(labelled("All values:", "one for each seed in ", code(f"book/ledger/{stored['claim']}.json"), "."))
    return blocks


def details(claim, entry, stored):
    """Return the part of a claim that opens on a click."""
    blocks = [labelled("Protocol:", entry["protocol"])]
    if "measures" in entry:
        measured = stored["measured"] if stored else {}
        rows = [
            [[code(name)], [show(measured[name]) if name in measured else "not yet"], [meaning]]
            for name, meaning in entry["measures"].items()
        ]
        blocks += [table([["Measure"], ["Measured"], ["Meaning"]], rows, "claim-measures"), rule_table(entry)]
    if "note" in entry:
        blocks.append(labelled("Note:", entry["note"]))
    if stored:
        blocks += run_details(stored)
    opening = f'<details class="claim-details"><summary>Details of {claim}</summary>'
    return [nodes.raw("", opening, format="html"), *blocks, nodes.raw("", "</details>", format="html")]


def claim_section(claim, entry, stored, env):
    """Return the section of one claim. Its classes are what the filter looks at."""
    verdict, parts = verdict_of(entry, stored), entry["section"].split(".")
    inside = ["section-" + "-".join(parts[:n]) for n in range(min(2, len(parts)), len(parts) + 1)]
    section = nodes.section("", names=[claim.lower()], classes=["claim", f"verdict-{verdict}", *inside])
    section += nodes.title("", "", nodes.Text(f"{claim} "), badge(verdict))
    section += paragraph(entry["statement"], classes=["claim-statement"])
    section += facts(entry, stored, env)
    if stored:
        section += bullets([[effect["text"]] for effect in stored["effects"]], "claim-effects")
    section += details(claim, entry, stored)
    return section


# The directives


class ClaimsCounts(SphinxDirective):
    """``claims-counts``: how many claims have which verdict, by kind."""

    def run(self):
        self.env.note_reread()
        ledger = read_ledger(Path(self.env.srcdir) / "book")
        found = Counter((entry["kind"], verdict_of(entry, stored)) for _, entry, stored in ledger)
        rows = []
        for verdict in (*VERDICTS, "all"):
            counts = [sum(n for (k, v), n in found.items() if k == kind and verdict in (v, "all")) for kind in KINDS]
            name = text(verdict)
            if verdict in VERDICTS:
                name = nodes.reference("", "", badge(verdict), internal=True, refuri=f"#verdict={verdict}")
            rows.append([[name], *([text(str(n))] for n in (*counts, sum(counts)))])
        counts = table([["Verdict"], *([kind] for kind in KINDS), ["all"]], rows, "claims-counts")
        names = [next(row.findall(nodes.entry)) for row in next(counts.findall(nodes.tbody)).children]
        for entry, verdict in zip(names, VERDICTS, strict=False):
            entry["ids"] = [f"verdict={verdict}"]
        return [counts]


class ClaimsLedger(SphinxDirective):
    """``claims-ledger``: the filter, and every claim in a section of its own."""

    def run(self):
        self.env.note_reread()  # it depends on which files there are, not only on what they hold
        book = Path(self.env.srcdir) / "book"
        titles = dict(HEADING.findall((book / "claims.yml").read_text(encoding="utf-8")))
        sections, ledger = {}, read_ledger(book)
        for claim, entry, stored in ledger:
            number = entry["section"]
            if number not in sections:
                sections[number] = nodes.section("", names=[f"claims of {number}"], classes=["claims-section"])
                sections[number] += nodes.title("", f"{number} {titles.get(number, 'Introduction')}")
                self.state.document.note_explicit_target(sections[number])
            section = claim_section(claim, entry, stored, self.env)
            self.state.document.note_explicit_target(section)
            sections[number] += section
        return [nodes.raw("", self.form(sections, len(ledger)), format="html"), *sections.values()]

    def form(self, sections, n):
        """Return the filter. It is hidden until the script that makes it work shows it."""
        groups = {number.rpartition(".")[0] for number in sections} - {"", "11"}
        wholes = {group: f"{group} and its parts" for group in groups}
        choices = {
            "section": {"": "all sections"} | {s: wholes.get(s, s) for s in sorted({*sections, *groups})},
            "verdict": {"": "all verdicts"} | {v: WORDS.get(v, v) for v in VERDICTS},
        }
        fields = "".join(
            f'<label>{name.capitalize()} <select name="{name}">'
            + "".join(f'<option value="{value}">{words}</option>' for value, words in options.items())
            + "</select></label>"
            for name, options in choices.items()
        )
        return (
            f'<form id="claims-filter" class="claims-filter" aria-label="Filter the claims" hidden>{fields}'
            f'<button type="reset">Show all</button><p role="status">{n} of {n} claims are shown.</p></form>'
        )


class ClaimStudies(SphinxDirective):
    """``claim-studies``: the function that concludes each claim, by module. Stands in reStructuredText."""

    def run(self):
        from handson11.claims import STUDIES
        from handson11.experiments import load_claims

        self.env.note_reread()
        modules = {}
        for claim in filter(STUDIES.get, load_claims(Path(self.env.srcdir) / "book" / "claims.yml")):
            study = STUDIES[claim]
            modules.setdefault(study.conclude.__module__, []).append((claim, study.conclude.__name__))
        lines = []
        for module, studies in modules.items():
            lines += [sys.modules[module].__doc__.splitlines()[0], ""]
            for claim, name in studies:
                lines += [f":ref:`{claim} <{claim.lower()}>`", "", f".. autofunction:: {module}.{name}", ""]
        target = nodes.container()
        self.state.nested_parse(StringList(lines, "claim-studies"), self.content_offset, target)
        return target.children


def setup(app):
    app.add_directive("claims-counts", ClaimsCounts)
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("claim-studies", ClaimStudies)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
