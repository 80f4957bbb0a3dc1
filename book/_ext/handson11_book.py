"""What the book needs beyond its Sphinx extensions: offline maths, the chapter's equation numbers, optional buttons."""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import inspect, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the API pages import TensorFlow, which has much to say

logger = logging.getLogger(__name__)

TAG = re.compile(r"\s*\\tag\{([^}]*)\}")
REPEATED_IDS = {"exercise-content", "solution-content", "proof-content"}
VERDICT = re.compile(r"CL-\d+ (confirmed|partly|refuted|open|not judged)\b")
FULL_RUN = "    full run: "
FINDINGS_SHOWN, FINDINGS_FOLDED = 8, 3
"""A verdict shows its first findings; the rest is folded away, if it is at least so many."""


def mathjax_folder():
    """Folder of MathJax 3 inside the pip package ``sphinx-mathjax-offline``."""
    package = find_spec("sphinx-mathjax-offline")
    if package is None:
        raise RuntimeError('MathJax is missing: install it with  pip install "sphinx-mathjax-offline"')
    return Path(package.origin).parent / "static" / "mathjax"


def copy_mathjax(app):
    """Put the one MathJax file that the pages load beside them, so that formulas need no network."""
    if app.builder.format != "html":
        return
    name = Path(app.config.mathjax_path).name
    target = Path(app.outdir) / "_static" / app.config.mathjax_path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(mathjax_folder() / name, target)


def keep_equation_numbers(app, doctree):
    r"""Give an equation written with ``\tag{11-1}`` and a label that very number, in the text and in references.

    Sphinx would print its own number beside MathJax's tag. The tag is taken out of the formula and becomes the number.
    """
    equations = app.env.get_domain("math").equations
    for node in doctree.findall(nodes.math_block):
        label, tag = node.get("label"), TAG.search(node.astext())
        if label and tag is None:
            logger.warning(
                "equation %r has a label but no \\tag{...} with its number in the chapter", label, location=node
            )
        if label and tag:
            formula = TAG.sub("", node.astext())
            node.children = [nodes.Text(formula)]
            node.rawsource = formula
            node["number"] = tag.group(1)
            equations[label] = (node["docname"], tag.group(1))


def verdict_card(lines, classes):
    """Return the block of a verdict: its number, which leads to the ledger, its text, and the lines of the full run."""
    number, rest = lines[0].split(" ", 1)
    link = addnodes.pending_xref(
        "", nodes.inline("", number), refdomain="std", reftype="ref", refexplicit=True, reftarget=number.lower()
    )
    card = nodes.container(classes=[*classes, "verdict", "verdict-" + VERDICT.match(lines[0])[1].split()[0]])
    card += nodes.paragraph("", "", link, nodes.Text(" " + rest))
    findings = [nodes.paragraph("", line.strip(), classes=["full-run"]) for line in lines[1:]]
    folded = len(findings) - FINDINGS_SHOWN
    if folded >= FINDINGS_FOLDED:
        begin = f"<details><summary>{folded} more findings of the full run</summary>"
        findings.insert(FINDINGS_SHOWN, nodes.raw("", begin, format="html"))
        findings.append(nodes.raw("", "</details>", format="html"))
    card += findings
    return card


def draw_verdicts(app, doctree):
    """Take each verdict ("CL-07 confirmed: ...", "    full run: ...") out of its output into a card of its own."""
    for node in list(doctree.findall(nodes.literal_block)):
        lines = node.astext().rstrip("\n").splitlines()
        if "output" not in node["classes"] or not any(map(VERDICT.match, lines)):
            continue
        groups = []  # the lines of a card, or lines between two cards
        for line in lines:
            told = groups and VERDICT.match(groups[-1][0])
            if VERDICT.match(line) or not groups or (told and not line.startswith(FULL_RUN)):
                groups.append([line])
            else:
                groups[-1].append(line)
        blocks = []
        for group in groups:
            if VERDICT.match(group[0]):
                blocks.append(verdict_card(group, node["classes"]))
            elif "".join(group).strip():
                block, text = node.copy(), "\n".join(group)
                block += nodes.Text(text)
                block.rawsource = text
                blocks.append(block)
        node.replace_self(blocks)


def shorten_tracebacks(app, doctree):
    """Show where an error was made and what it says; leave out the frames inside libraries."""
    for node in doctree.findall(nodes.literal_block):
        if "traceback" in node["classes"]:
            parts = node.astext().split("\n\n")
            inside = [part.startswith("File ") for part in parts]
            if any(inside):
                first = inside.index(True)
                kept = [part for part, library in zip(parts, inside, strict=True) if not library]
                note = "    (frames inside the library are left out here)"
                text = "\n\n".join([*kept[:first], note, *kept[first:]])
                node.children, node.rawsource = [nodes.Text(text)], text


def keep_ids_unique(app, doctree):
    """Take away the ids that sphinx-exercise and sphinx-proof give to the content of each of their boxes."""
    for node in doctree.findall(nodes.section):
        node["ids"] = [name for name in node["ids"] if name not in REPEATED_IDS]


def show_own_arguments(app, what, name, obj, options, signature, return_annotation):
    """Show a Keras layer with the arguments of its own ``__init__``; ``keras.Layer`` hides them behind ``__new__``."""
    if what == "class" and "__init__" in vars(obj):
        arguments = inspect.signature(obj.__init__, bound_method=True)
        signature = inspect.stringify_signature(arguments, show_annotation=False)
    return signature, return_annotation


def buttons_need_an_address(app, config):
    """Show the buttons that lead to the repository when, and only when, ``repository: url:`` names it."""
    options = config.html_theme_options
    known = bool(options.get("repository_url"))
    for button in ("use_repository_button", "use_issues_button", "use_source_button"):
        options[button] = known
    options["launch_buttons"] = {"colab_url": "https://colab.research.google.com"} if known else {}


def setup(app):
    app.add_config_value("comments_config", {}, "")  # jupyter-book sets it even when sphinx_comments is not loaded
    app.connect("config-inited", buttons_need_an_address)
    app.connect("builder-inited", copy_mathjax)
    app.connect("autodoc-process-signature", show_own_arguments)
    app.connect("doctree-read", keep_equation_numbers)
    app.connect("doctree-read", draw_verdicts)
    app.connect("doctree-read", shorten_tracebacks)
    app.connect("doctree-resolved", lambda app, doctree, page: keep_ids_unique(app, doctree))
    return {"version": "1", "env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}
