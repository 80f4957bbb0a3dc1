"""The built book: it loads nothing from outside, its links lead somewhere, its numbers are those of the chapter."""

import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from docutils import nodes

import handson11

ROOT = Path(__file__).resolve().parents[2]

EQUATIONS = {"eq-glorot": "11-1", "eq-elu": "11-2", "eq-batch-norm": "11-3", "eq-momentum": "11-4"}
TITLES = {
    "11_1_unstable_gradients/index": "11.1 ",
    "11_1_unstable_gradients/1_initialization": "11.1.1 ",
    "11_1_unstable_gradients/2_activations": "11.1.2 ",
    "11_1_unstable_gradients/3_batch_normalization": "11.1.3 ",
    "11_1_unstable_gradients/4_gradient_clipping": "11.1.4 ",
    "11_3_faster_optimizers/index": "11.3 ",
    "11_3_faster_optimizers/1_momentum": "11.3.1 ",
    "11_3_faster_optimizers/2_nesterov": "11.3.2 ",
    "11_3_faster_optimizers/3_adagrad": "11.3.3 ",
    "11_3_faster_optimizers/4_rmsprop": "11.3.4 ",
    "11_3_faster_optimizers/5_adam_family": "11.3.5 ",
    "11_3_faster_optimizers/6_learning_rate_schedules": "11.3.6 ",
}

LOADING = {
    "script": ["src"],
    "img": ["src", "srcset"],
    "iframe": ["src"],
    "source": ["src", "srcset"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "embed": ["src"],
    "object": ["data"],
    "link": ["href"],
}
NAVIGATION_LINKS = {"next", "prev", "index", "search", "author", "copyright", "license", "canonical", "help"}


@pytest.fixture(scope="module")
def soups(page_paths):
    """Parse every page once."""
    return {page: BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser") for page in page_paths}


@pytest.fixture(scope="module")
def own_pages(soups, built_book):
    """Return the pages that we write, without Sphinx's own index, search and source listings."""
    return {page: soup for page, soup in soups.items() if page.is_relative_to(built_book / "book")}


def is_outside(address):
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https", "ftp")


def addresses_in_style(text):
    plain = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", plain)
    return [first or second for first, second in found if not (first or second).startswith(("data:", "#"))]


def test_pages_load_nothing_from_outside(soups, built_book):
    problems = []
    for page, soup in soups.items():
        for tag in soup.find_all(LOADING):
            if tag.name == "link" and NAVIGATION_LINKS & set(tag.get("rel", [])):
                continue
            for attribute in LOADING[tag.name]:
                address = tag.get(attribute, "")
                if address and is_outside(address):
                    problems.append((page.relative_to(built_book), tag.name, address))
        styles = [style.get_text() for style in soup.find_all("style")] + [
            tag["style"] for tag in soup.find_all(style=True)
        ]
        in_styles = filter(is_outside, addresses_in_style("\n".join(styles)))
        problems += [(page.relative_to(built_book), "style", address) for address in in_styles]
    assert not problems


def test_style_sheets_load_nothing_from_outside_and_nothing_missing(built_book):
    problems, seen = [], 0
    for sheet in (built_book / "_static").rglob("*.css"):
        for address in addresses_in_style(sheet.read_text(encoding="utf-8")):
            seen += 1
            target = sheet.parent / unquote(urlsplit(address).path)
            if is_outside(address) or not target.is_file():
                problems.append((sheet.relative_to(built_book), address))
    assert seen  # the theme's icon font is there, and found
    assert not problems


def test_every_internal_address_resolves(soups, built_book):
    ids = {page: {tag["id"] for tag in soup.find_all(id=True)} | {"", "top"} for page, soup in soups.items()}
    problems, seen = [], 0
    for page, soup in soups.items():
        for tag, attribute in [(tag, name) for name in ("href", "src") for tag in soup.find_all(attrs={name: True})]:
            address, fragment = urldefrag(tag[attribute])
            if is_outside(address) or address.startswith(("mailto:", "data:", "javascript:")):
                continue
            path = unquote(urlsplit(address).path)
            target = (page.parent / path).resolve() if path else page
            seen += 1
            fragment_exists = target not in ids or unquote(fragment) in ids[target]
            if not target.is_file() or not fragment_exists:
                problems.append((str(page.relative_to(built_book)), tag[attribute]))
    assert seen > 100
    assert not problems


def test_equations_and_references_carry_the_numbers_of_the_chapter(own_pages):
    numbers, references = {}, []
    for soup in own_pages.values():
        for box in soup.select("div.math[id^=equation-]"):
            numbers[box["id"].removeprefix("equation-")] = box.select_one(".eqno").get_text().strip("()¶# \n")
            assert "\\tag" not in box.get_text()
        links = soup.select("a[href*='#equation-']:not(.headerlink)")
        references += [(link["href"].split("#equation-")[1], link.get_text(strip=True)) for link in links]
    assert numbers == EQUATIONS
    assert references
    assert [(label, text) for label, text in references if text != f"({EQUATIONS[label]})"] == []


def test_titles_carry_the_numbers_of_the_chapter_and_no_others(own_pages, built_book):
    for name, number in TITLES.items():
        soup = own_pages[built_book / "book" / f"{name}.html"]
        title = soup.select_one("article h1").find(string=True).strip()
        assert title.startswith(number)
        assert re.match(r"[\d. ]+", title).group() == number
        entry = soup.select_one(".bd-sidebar-primary a[href='#']")
        assert entry.get_text(strip=True) == title


def test_every_page_names_both_licences(own_pages):
    for page, soup in own_pages.items():
        footer = soup.select_one("footer.bd-footer-content")
        assert footer.find("a", rel="license"), page
        assert "CC BY 4.0" in footer.get_text() and "MIT" in footer.get_text(), page


def test_pages_are_well_formed_for_assistive_technology(own_pages, built_book):
    problems = []
    for page, soup in own_pages.items():
        name = str(page.relative_to(built_book))
        article = soup.select_one("article.bd-article")
        levels = [int(heading.name[1]) for heading in article.find_all(re.compile(r"^h[1-6]$"))]
        if levels.count(1) != 1 or levels[0] != 1:
            problems.append((name, "a page has exactly one h1, first", levels))
        jumps = [(a, b) for a, b in zip(levels, levels[1:], strict=False) if b > a + 1]
        if jumps:
            problems.append((name, "heading levels are skipped", jumps))
        if soup.html.get("lang") != "en" or not soup.title.get_text(strip=True):
            problems.append((name, "language or title is missing"))
        ids = [tag["id"] for tag in article.find_all(id=True)]
        if repeated := {key for key in ids if ids.count(key) > 1}:
            problems.append((name, "ids are used twice", sorted(repeated)))
        silent = [
            image.get("src")
            for image in soup.find_all("img")
            if "alt" not in image.attrs or (image.find_parent("article") and len(image["alt"].split()) < 3)
        ]
        if silent:
            problems.append((name, "images have no alternative text", silent))
        for field in soup.find_all(["input", "select", "textarea"]):
            labels = soup.find_all("label", attrs={"for": field.get("id")}) if field.get("id") else []
            named = field.get("aria-label") or field.get("aria-labelledby") or field.get("title") or labels
            if not named and not field.find_parent("label") and field.get("type") not in ("hidden", "submit"):
                problems.append((name, "a field has no label", str(field)[:80]))
        for control in soup.find_all(["button", "a"]):
            words = control.get_text(strip=True) or control.get("aria-label") or control.get("title")
            if not words and not control.find("img", alt=True) and control.get("aria-hidden") != "true":
                problems.append((name, "a control has no name", str(control)[:80]))
        if not all(table.find("th") for table in article.find_all("table")):
            problems.append((name, "a table has no header cells"))
    assert not problems


def test_no_page_tells_a_path_of_the_machine_that_built_it(page_paths):
    texts = {page.name: page.read_text(encoding="utf-8") for page in page_paths}
    assert [name for name, text in texts.items() if str(ROOT) in text or str(Path.home()) + "/" in text] == []


def test_every_page_of_the_contents_is_built(built_book):
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for path in re.findall(r"(?:file|root): (\S+)", contents):
        assert (built_book / f"{path}.html").is_file(), path


def test_notebooks_can_be_downloaded(own_pages, built_book):
    for name in TITLES:
        page = built_book / "book" / f"{name}.html"
        links = own_pages[page].select(f"a[href$='{name.split('/')[1]}.ipynb']")
        assert links, page


def test_every_public_name_is_on_an_api_page(own_pages):
    documented = {tag["id"] for soup in own_pages.values() for tag in soup.select("dt.sig[id]")}
    missing = []
    for module_name in handson11.__all__:
        module = getattr(handson11, module_name)
        if not inspect.ismodule(module):
            continue
        for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
            value = getattr(module, name)
            ours = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("handson11")
            defined_here = value.__module__.startswith(module.__name__) if ours else False
            if defined_here and f"{module.__name__}.{name}" not in documented:
                missing.append(f"{module.__name__}.{name}")
    assert not missing


@pytest.fixture(scope="module")
def extension():
    """Load the book's local Sphinx extension."""
    spec = importlib.util.spec_from_file_location("handson11_book", ROOT / "book" / "_ext" / "handson11_book.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("address", ["", "https://example.org/course"])
def test_one_setting_switches_the_repository_buttons(extension, address):
    config = SimpleNamespace(html_theme_options={"repository_url": address})
    extension.buttons_need_an_address(None, config)
    options = config.html_theme_options
    assert (
        options["use_issues_button"]
        is options["use_source_button"]
        is options["use_repository_button"]
        is bool(address)
    )
    assert bool(options["launch_buttons"]) is bool(address)


def test_no_button_leads_to_an_address_that_is_not_set(own_pages):
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    for page, soup in own_pages.items():
        links = [link["href"] for link in soup.select(".article-header-buttons a[href]")]
        assert not [link for link in links if is_outside(link) and not (url and url in link)], page


def literal(text, *classes):
    document = nodes.document(None, None)
    document += nodes.literal_block(text, text, classes=["output", *classes])
    return document


def test_verdict_lines_stand_in_blocks_of_their_own(extension):
    document = literal("angle 41.5\nCL-30 confirmed: it turns.\nCL-31 refuted: it stays.\n", "stream")
    extension.draw_verdicts(None, document)
    found = [(block.astext(), block["classes"][2:]) for block in document]
    assert found == [
        ("angle 41.5", []),
        ("CL-30 confirmed: it turns.", ["verdict", "verdict-confirmed"]),
        ("CL-31 refuted: it stays.", ["verdict", "verdict-refuted"]),
    ]


def test_tracebacks_keep_the_cell_and_the_message(extension):
    document = literal(
        "-----\nValueError\nCell In[5], line 2\n\nFile keras/a.py:1, in f()\n    x\n\nValueError: no", "traceback"
    )
    extension.shorten_tracebacks(None, document)
    first, note, last = document.astext().split("\n\n")
    assert first.endswith("Cell In[5], line 2") and "left out" in note and last == "ValueError: no"


def test_every_verdict_of_the_notebooks_is_drawn(own_pages):
    printed = re.compile(r"^CL-\d+ (confirmed|partly|refuted|open|not judged)\b")
    drawn = 0
    for page, soup in own_pages.items():
        for block in soup.select(".cell_output div.output"):
            lines = [line for line in block.get_text().splitlines() if printed.match(line)]
            assert not lines or (len(lines) == 1 and "verdict" in block["class"]), page
            drawn += len(lines)
    assert drawn > 10
