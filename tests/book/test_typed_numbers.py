"""No result is typed by hand: a number in the text is glued from a run, a setting in the code, or a listed exception.

The exceptions stand in ``typed_numbers.yml``: page → number as it is written → why it may be typed.
"""

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PAGES = {
    path.relative_to(BOOK).with_suffix("").as_posix(): path
    for path in sorted(BOOK.rglob("*"))
    if path.suffix in (".md", ".ipynb")
    and not any(part[0] in "._" or part == "reference" for part in path.relative_to(BOOK).parts)
}
EXCEPTIONS = yaml.safe_load(Path(__file__).with_name("typed_numbers.yml").read_text(encoding="utf-8"))

GONE = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands where something was that is not prose
CODE_DIRECTIVES = ("code", "code-block", "code-cell", "eval-rst", "literalinclude", "math", "raw")
NOT_PROSE = (
    r"\$\$.*?\$\$(?:[ \t]*\([\w-]+\))?",  # formula with its label
    r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}",
    r"<!--.*?-->",
    r"(?:\{[\w:.-]+\})?(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)",  # role, citation, glued number, code
    r"(?<![\\$])\$(?!\s)(?:\\.|(?!\n\s*\n)[^$\\])+?(?<!\s)\$(?!\d)",
    r"(?m)^[ \t]*(?:%.*|\([\w-]+\)=[ \t]*|\[[^\]]+\]:[ \t].*)$",  # comment, label, address of a link
    r"(?<=\])(?:\([^()\s]*\)|\{[^{}]*\})",  # target of a link, attributes
    r"<[^<>]+>|https?://\S+",
    r"(?<![\w.])\d+(?:\.\d+){2,}|(?<![\w.])11\.[1-6](?![\d%]|\s*(?:%|times|points?|percent))",  # section
    r"(?:Python|Keras|TensorFlow|NumPy|SciPy|CC BY) \d+(?:\.\d+)*(?: (?:to|and) \d+(?:\.\d+)*)?",  # version, licence
)
NUMBER = re.compile(r"(?<![\w.,/^-])[-−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:e[-−+]?\d+)?(?![\d/])")
UNIT = re.compile(r"\s?(%|per ?cent\b|percentage points?\b|points?\b|times\b|-?fold\b|x\b|×(?!\s*(?:\d|\w\b)))")
FACTOR = re.compile(r"\bfactors?(?: of)?(?: \w+){0,2} $")
SHARE = re.compile(r" (?:out )?of (?:the )?\d+\b")


def without_code(markdown):
    """Return Markdown without blocks of code; of other directives only the first line and the options are changed."""
    kept, fences, options = [], [], False
    for line in markdown.splitlines():
        fence = re.match(r"\s*(`{3,}|~{3,}|:{3,})\s*(\{([\w:-]+)\})?(.*)", line)
        in_code = bool(fences) and not fences[-1][1]
        if fence and fences and fence[1].startswith(fences[-1][0]) and not (fence[2] or fence[4].strip()):
            fences.pop()
            line = GONE
        elif fence and not in_code:
            options = bool(fence[2]) and fence[3] not in CODE_DIRECTIVES
            fences.append((fence[1], options))
            line = fence[4] if options else GONE
        elif in_code:
            line = GONE
        else:
            options = options and bool(re.match(r"\s*:[\w-]+:", line))
            line = GONE if options else line
        kept.append(line)
    return "\n".join(kept)


def typed_numbers(markdown):
    """Return the numbers in the words of a text that look like results, as they are written.

    These are decimals, numbers with an exponent, percentages, points, "5 times", "3-fold", "factor of 3", "4 of 5".
    """
    text = without_code(markdown)
    for pattern in NOT_PROSE:
        text = re.sub(pattern, GONE, text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    found = []
    for match in NUMBER.finditer(text):
        written, before, after = match.group(), text[: match.start()], text[match.end() :]
        unit, share = UNIT.match(after), SHARE.match(after)
        if unit or share:
            found.append(written + (unit or share).group())
        elif FACTOR.search(before):
            found.append("factor " + written)
        elif re.search("[.e]", written):
            found.append(written)
    return found


def settings(code):
    """Return every number of the code."""
    plain = code.replace("_", "")
    return {float(number) for number in re.findall(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", plain)}


def is_setting(written, known):
    """Tell whether a decimal, or a percentage as a share, stands in the code. Every code has small whole numbers."""
    number = re.fullmatch(r"[-−]?([\d,.]+(?:e[-−+]?\d+)?)\s?(%|per ?cent)?", written)
    if not number:
        return False
    value = float(number[1].replace(",", "").replace("−", "-"))
    return (value / 100 if number[2] else value) in known


def contents(path):
    """Return (Markdown, code) of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text, ""
    cells = json.loads(text)["cells"]
    return tuple("\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == t) for t in ("markdown", "code"))


# The search


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("an accuracy of 0.81", ["0.81"]),
        ("it lost 12 % of it, then 3% and 4 per cent", ["12 %", "3%", "4 per cent"]),
        ("a gain of 1.5 points and of 2 percentage points", ["1.5 points", "2 percentage points"]),
        ("shrinks by a factor of 3, or by factors of about 40", ["factor 3", "factor 40"]),
        ("5 times as fast, 10-fold, 3x and 4× as slow", ["5 times", "10-fold", "3x", "4×"]),
        ("4 of 5 runs, 9 out of 10 seeds, 3 of the 7 arms", ["4 of 5", "9 out of 10", "3 of the 7"]),
        ("a ratio of 2e-12, at least 1.5e+03", ["2e-12", "1.5e+03"]),
        ("slope -1.44, or −1.39, or .5", ["-1.44", "−1.39", ".5"]),
        ("1,234.5 s", ["1,234.5"]),
        ("| ReLU | 0.79 |", ["0.79"]),
        ("**0.79** and *0.78*; (0.77), [0.76](page.md)", ["0.79", "0.78", "0.77", "0.76"]),
        ("## A gain of 0.3\n", ["0.3"]),
        ("```{admonition} It is 0.4\n:class: tip-0.5\n\nYes, 0.6.\n```", ["0.4", "0.6"]),
        ("::::{grid}\n:::{card} 0.1\n:width: 0.2\n0.3\n:::\n0.4\n::::\n0.5", ["0.1", "0.3", "0.4", "0.5"]),
        ("```python\nx = 0.1\n```\nthen 0.2", ["0.2"]),
        ("from 0.1 to 0.2\nand on to 0.3", ["0.1", "0.2", "0.3"]),
        ("11.1 % in section 11.1", ["11.1 %"]),
        ("a pure `0.1` and a 0.2 and `0.3`", ["0.2"]),
        ("costs $x$ 0.7 for $y$", ["0.7"]),
    ],
)
def test_a_typed_result_is_found(text, found):
    assert typed_numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "20 layers of 100 units, 5,000 images, 10 seeds",
        "{glue:text}`gain` points, a factor of {glue:text}`factor:.1f`, {glue:text}`a` of {glue:text}`b` runs",
        "the slope $0.25$, $$ 0.25^{19} = 3.6\\cdot10^{-12} $$ (eq-slope)",
        "$$\n\\sigma' \\le 0.25\n\\tag{11-1}\n$$ (eq-0-5)",
        "\\begin{align}\na &= 0.5\n\\end{align}",
        "`learning_rate=0.01` and ``a ` 0.5``",
        "```\n0.5\n```",
        "~~~text\n0.5\n```\n0.6\n~~~",
        "````{code-block} python\n:name: a\n```\n0.5\n```\n````",
        "```{math}\n0.5\n```",
        "```{exercise} Try it\n:label: ex-0.5\n:nonumber:\n```",
        "[a page](page-0.5.md#top-0.6), <https://example.org/0.5>, https://example.org/0.5",
        "(label-0.5)=\n# Title",
        "% a comment 0.5\n<!-- 0.6 -->",
        "{cite:p}`he2015` wrote it; see {ref}`ERR-03 <err-0.3>` and {doc}`11.1.2 </book/page_0.5>`",
        '<span class="a0.5">words</span>',
        "sections 11.1, 11.1.2 and 11.3.1 answer CL-02, ERR-03 and equation (11-1)",
        "Python 3.10 to 3.13, Keras 3.15 and CC BY 4.0",
        "a kernel of 800 × 400, a 20-layer network, 2 × 3, 2 × n, weights × slope",
        "slope 1/4, ratio 3/8, 10⁻⁶, layer 1 of the network",
        "on 24 July 2015, in 1991–1994",
    ],
)
def test_what_is_no_typed_result_is_not_found(text):
    assert typed_numbers(text) == []


@pytest.mark.parametrize(
    ("written", "excused"),
    [
        ("0.01", True),
        ("1e-2", True),
        ("15 %", True),
        ("0.02", False),
        ("3 %", False),
        ("3 times", False),
        ("factor 3", False),
        ("3 of 3", False),
    ],
)
def test_settings_excuse_decimals_and_shares_but_no_small_whole_numbers(written, excused):
    assert is_setting(written, settings("train(rate=0.01, rates=[.15, 1_000], repeats=3)")) == excused


# The pages


def exceptions_of(page):
    return {**EXCEPTIONS["every page"], **EXCEPTIONS.get(page, {})}


@pytest.mark.parametrize("page", PAGES)
def test_no_result_is_typed(page):
    markdown, code = contents(PAGES[page])
    known, excused = settings(code), exceptions_of(page)
    assert [n for n in typed_numbers(markdown) if n not in excused and not is_setting(n, known)] == []


def test_every_exception_is_needed_and_says_why():
    written = {page: contents(path)[0] for page, path in PAGES.items()}
    found = {page: set(typed_numbers(markdown)) for page, markdown in written.items()}
    assert set(EXCEPTIONS) <= {"every page", *PAGES}
    keys = set(re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M))
    for page, numbers in EXCEPTIONS.items():
        used = set(itertools.chain(*found.values())) if page == "every page" else found[page]
        for number, reason in numbers.items():
            assert number in used, (page, number)
            assert re.match(r"(setting|theory|quoted from \w+): \w", reason), (page, number)
            if source := re.match(r"quoted from (\w+)", reason):
                assert source[1] in keys and source[1] in written[page], (page, number)
