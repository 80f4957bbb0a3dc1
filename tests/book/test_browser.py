"""Every page in a real browser, opened as a file, with the network cut off."""

import contextlib
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSIDE = ("file:", "data:", "blob:", "about:")

# Text whose contrast with the background behind it is below WCAG AA (4.5, or 3 for large text).
LOW_CONTRAST = """
(() => {
  const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, under) => { const a = top[3] ?? 1; return [0, 1, 2].map(i => top[i] * a + under[i] * (1 - a)); };
  const background = element => {
    if (!element) return [255, 255, 255];
    const own = parse(getComputedStyle(element).backgroundColor);
    const alpha = own[3] ?? 1;
    return alpha === 1 ? own : over(own, background(element.parentElement));
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || element.closest("svg, script, style, .headerlink")) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const style = getComputedStyle(element), under = background(element);
    const [a, b] = [luminance(over(parse(style.color), under)), luminance(under)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) {
      const key = `${element.tagName.toLowerCase()}.${element.className} in ${element.parentElement.className}`;
      found.set(key, `${ratio.toFixed(2)} for "${node.data.trim().slice(0, 30)}"`);
    }
  }
  return [...found].map(pair => pair.join(": "));
})()
"""

FORMULAS = """
(() => {
  const formulas = [...document.querySelectorAll(".math")];
  return {
    wanted: formulas.length,
    blank: formulas.filter(node => !node.querySelector("mjx-container")).map(node => node.textContent.slice(0, 60)),
    wrong: [...document.querySelectorAll("mjx-merror, [data-mml-node=merror], .math .MathJax_Error")]
      .map(node => node.closest("mjx-container").textContent.slice(0, 80)),
    raw: [...document.querySelectorAll("main p, main li, main td, main figcaption")]
      .filter(node => !node.querySelector("code, pre, .math") && /\\\\\\(|\\$\\$|\\\\frac/.test(node.textContent))
      .map(node => node.textContent.slice(0, 60)),
  };
})()
"""

# What sticks out of the page to the right, without what lies in a box that scrolls by itself.
TOO_WIDE = """
(() => {
  const root = document.documentElement;
  if (root.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth) return [];
  const inBox = node => {
    for (let box = node.parentElement; box && box.tagName !== "MAIN"; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible" && box.getBoundingClientRect().right <= innerWidth + 1)
        return true;
    return false;
  };
  return [`${root.scrollWidth} pixels`, ...[...document.querySelectorAll("main *")]
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1 && !inBox(node))
    .slice(0, 5).map(node => `${node.tagName}.${node.getAttribute("class")} ${node.textContent}`.slice(0, 80))];
})()
"""

BROKEN_IMAGES = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"


# The formulas are drawn and the fonts are there.
COMPLETE = """
async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
}
"""


@pytest.fixture(scope="module")
def browser():
    """Start the browser of this machine. Without one the tests skip; in continuous integration they fail."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = "no Chromium or Chrome on this machine (Debian: apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=options) as browser:
        yield browser


@contextlib.contextmanager
def open_tab(browser, width=1280, height=900):
    """Give an empty tab without a network, and the list of complaints that grows while pages are opened in it."""
    size = {"width": width, "height": height}
    with browser.new_context(viewport=size, color_scheme="light", offline=True) as context:
        tab, complaints = context.new_page(), []

        def note_request(request):
            if not request.url.startswith(INSIDE):
                complaints.append(f"request to {request.url}")

        def note_failure(request):
            if request.failure != "net::ERR_ABORTED":  # given up by the page itself
                complaints.append(f"failed request: {request.failure} for {request.url}")

        def note_message(message):
            if message.type in ("error", "warning", "assert"):
                complaints.append(f"console {message.type}: {message.text}")

        tab.on("request", note_request)
        tab.on("requestfailed", note_failure)
        tab.on("console", note_message)
        tab.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        yield tab, complaints


def visit(tab, address):
    """Load a page and wait until it is complete."""
    tab.goto(address)
    tab.evaluate(COMPLETE)


def assert_no_problems(problems):
    assert not problems, "\n" + "\n".join(f"{page}: {problem}" for page, problem in problems)


def test_every_page_is_complete_without_a_network(browser, built_book, page_paths):
    problems, formulas = [], 0
    with open_tab(browser) as (tab, complaints):
        for page in page_paths:
            name = page.relative_to(built_book).as_posix()
            complaints.clear()
            tab.set_viewport_size({"width": 375, "height": 812})
            visit(tab, page.as_uri())
            maths = tab.evaluate(FORMULAS)
            formulas += maths["wanted"]
            problems += [
                (name, f"{kind} formula: {text}") for kind in ("blank", "wrong", "raw") for text in maths[kind]
            ]
            problems += [(name, f"image not shown: {text}") for text in tab.evaluate(BROKEN_IMAGES)]
            problems += [(name, f"at 375 pixels too wide: {text}") for text in tab.evaluate(TOO_WIDE)]
            for scheme in ("dark", "light"):  # the page follows the system while it is open
                tab.emulate_media(color_scheme=scheme)
                tab.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme, timeout=5000)
                problems += [(name, f"contrast, {scheme}: {text}") for text in tab.evaluate(LOW_CONTRAST)]
            tab.set_viewport_size({"width": 1440, "height": 900})
            problems += [(name, f"at 1440 pixels too wide: {text}") for text in tab.evaluate(TOO_WIDE)]
            problems += [(name, text) for text in complaints]
    assert_no_problems(problems)
    assert formulas > 20


def test_the_first_file_leads_to_the_landing_page(browser, built_book):
    with open_tab(browser) as (tab, _):
        tab.goto((built_book / "index.html").as_uri())
        tab.wait_for_url((built_book / "book" / "index.html").as_uri())


def test_search_finds_a_page_without_a_network(browser, built_book):
    with open_tab(browser) as (tab, complaints):
        visit(tab, (built_book / "search.html").as_uri() + "?q=Glorot")
        tab.locator("#search-results li a[href*='11_1_unstable_gradients']").first.wait_for()
    assert_no_problems([("search.html", text) for text in complaints])


def test_a_request_to_the_outside_would_be_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<html><link rel="icon" href="data:,"><script src="https://example.org/a.js"></script>'
        "<main><p style='color:#999;background:#fff'>pale</p><span class='math'>\\(x\\)</span></main>"
        "<script>console.error('told')</script><script>throw new Error('thrown')</script>"
        "<img src='missing.png'><div style='width:2000px'>wide</div></html>"
    )
    with open_tab(browser, width=375) as (tab, complaints):
        visit(tab, page.as_uri())
        text = "\n".join(complaints)
        assert "request to https://example.org/a.js" in text
        assert "failed request: net::ERR_INTERNET_DISCONNECTED for https://example.org/a.js" in text
        assert "console error: told" in text and "exception: thrown" in text
        assert len(tab.evaluate(BROKEN_IMAGES)) == 1
        assert tab.evaluate(TOO_WIDE)
        assert tab.evaluate(FORMULAS)["blank"] == ["\\(x\\)"]
        assert len(tab.evaluate(LOW_CONTRAST)) == 1


def test_formulas_are_awaited(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<html><link rel='icon' href='data:,'><main><span class='math'>x</span></main><script>"
        "const draw = () => document.querySelector('.math').append(document.createElement('mjx-container'));"
        "const promise = new Promise(done => setTimeout(() => { draw(); done(); }, 500));"
        "window.MathJax = {startup: {promise}};</script></html>"
    )
    with open_tab(browser) as (tab, _):
        visit(tab, page.as_uri())
        assert tab.evaluate(FORMULAS)["blank"] == []


def test_the_keyboard_reaches_wide_tables(browser, built_book, tmp_path):
    page = tmp_path / "table.html"
    cells = "".join(f"<th>column {number}</th>" for number in range(40))
    static = (built_book / "_static").as_uri()
    page.write_text(
        f"<html><link rel='icon' href='data:,'><link rel='stylesheet' href='{static}/handson11.css'>"
        f"<script src='{static}/handson11.js'></script>"
        f"<main class='bd-content'><article class='bd-article'><table><tr>{cells}</tr></table></article></main></html>"
    )
    with open_tab(browser, width=375) as (tab, _):
        visit(tab, page.as_uri())
        tab.locator(".table-scroll[tabindex='0'][role='region']").wait_for()
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "table-scroll"
        assert tab.evaluate(TOO_WIDE) == []
