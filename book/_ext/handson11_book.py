"""What the book needs beyond its Sphinx extensions: offline maths, the chapter's equation numbers, optional buttons."""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.util import inspect, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # the API pages import TensorFlow, which has much to say

logger = logging.getLogger(__name__)

TAG = re.compile(r"\s*\\tag\{([^}]*)\}")
VERDICT = re.compile(r"CL-\d+ (confirmed|partly|refuted|open|not judged)\b")


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


def mark_verdicts(app, doctree):
    """Give outputs that consist of verdict lines ("CL-07 confirmed: ...") a class, which the style sheet draws."""
    for node in doctree.findall(nodes.literal_block):
        if "output" in node["classes"]:
            lines = node.astext().strip().splitlines()
            found = [VERDICT.match(line) for line in lines]
            if lines and all(found):
                kinds = {match.group(1).split()[0] for match in found}
                kind = kinds.pop() if len(kinds) == 1 else "mixed"
                node["classes"] += ["verdict", f"verdict-{kind}"]


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
    app.connect("doctree-read", mark_verdicts)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
