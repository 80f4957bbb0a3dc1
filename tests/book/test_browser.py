"""Every page in a real browser, opened as a file, with the network cut off."""

import os

import pytest
from chromium import Chromium, find_chromium

pytestmark = pytest.mark.browser

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


@pytest.fixture(scope="module")
def browser():
    """Start the browser of this machine. Without one the tests skip; in continuous integration they fail."""
    path = find_chromium()
    if path is None:
        reason = "no Chromium or Chrome on this machine (Debian: apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with Chromium(path) as browser:
        yield browser


def complaints(events):
    """Describe every request to the outside, failed request, console error and uncaught exception."""
    found = []
    for event in events:
        kind, details = event["method"], event["params"]
        if kind == "Network.requestWillBeSent":
            address = details["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:", "about:")):
                found.append(f"request to {address}")
        elif kind == "Network.loadingFailed" and not details.get("canceled"):
            found.append(f"failed request: {details['errorText']}")
        elif kind == "Runtime.exceptionThrown":
            details = details["exceptionDetails"]
            found.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif kind == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            found.append(f"console {details['type']}: {[item.get('value') for item in details['args']]}")
        elif kind == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
            found.append(f"log {details['entry']['level']}: {details['entry']['text']}")
    return found


def assert_no_problems(problems):
    assert not problems, "\n" + "\n".join(f"{page}: {problem}" for page, problem in problems)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_is_complete_without_a_network(browser, built_book, page_paths, dark):
    problems, formulas = [], 0
    for page in page_paths:
        name = page.relative_to(built_book).as_posix()
        browser.resize(375, 812, dark=dark)
        problems += [(name, text) for text in complaints(browser.open(page.as_uri()))]
        theme = browser.run("document.documentElement.dataset.theme")
        if theme != ("dark" if dark else "light"):
            problems.append((name, f"the colour scheme is {theme}"))
        maths = browser.run(FORMULAS)
        formulas += maths["wanted"]
        problems += [(name, f"{kind} formula: {text}") for kind in ("blank", "wrong", "raw") for text in maths[kind]]
        problems += [(name, f"image not shown: {text}") for text in browser.run(BROKEN_IMAGES)]
        problems += [(name, f"at 375 pixels too wide: {text}") for text in browser.run(TOO_WIDE)]
        problems += [(name, f"contrast {text}") for text in browser.run(LOW_CONTRAST)]
        browser.resize(1440, 900, dark=dark)
        problems += [(name, f"at 1440 pixels too wide: {text}") for text in browser.run(TOO_WIDE)]
    assert_no_problems(problems)
    assert formulas > 20


def test_the_first_file_leads_to_the_landing_page(browser, built_book):
    wanted = (built_book / "book" / "index.html").as_uri()
    browser.events.clear()
    browser.call("Page.navigate", url=(built_book / "index.html").as_uri())
    arrived = ("Page.frameNavigated", wanted)
    browser.wait_for(lambda event: (event["method"], event["params"].get("frame", {}).get("url")) == arrived)


def test_search_finds_a_page_without_a_network(browser, built_book):
    browser.resize(1280)
    events = browser.open((built_book / "search.html").as_uri() + "?q=Glorot")
    found = browser.run(
        """new Promise(resolve => {
             const look = left => {
               const links = [...document.querySelectorAll("#search-results li a")].map(link => link.href);
               links.length || !left ? resolve(links) : setTimeout(look, 100, left - 1);
             };
             look(50);
           })"""
    )
    assert any("11_1_unstable_gradients" in address for address in found)
    assert_no_problems([("search.html", text) for text in complaints(events + browser.events)])


def test_a_request_to_the_outside_would_be_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<html><link rel="icon" href="data:,"><script src="https://example.org/a.js"></script>'
        "<main><p style='color:#999;background:#fff'>pale</p><span class='math'>\\(x\\)</span></main>"
        "<script>console.error('told')</script><script>throw new Error('thrown')</script>"
        "<div style='width:2000px'>wide</div></html>"
    )
    browser.resize(375)
    text = "\n".join(complaints(browser.open(page.as_uri())))
    assert "request to https://example.org/a.js" in text
    assert "told" in text and "thrown" in text
    assert browser.run("document.documentElement.scrollWidth") > 375
    assert browser.run(FORMULAS)["blank"] == ["\\(x\\)"]
    assert len(browser.run(LOW_CONTRAST)) == 1


def test_the_keyboard_reaches_wide_tables(browser, built_book, tmp_path):
    page = tmp_path / "table.html"
    cells = "".join(f"<th>column {number}</th>" for number in range(40))
    static = (built_book / "_static").as_uri()
    page.write_text(
        f"<html><link rel='icon' href='data:,'><link rel='stylesheet' href='{static}/handson11.css'>"
        f"<script src='{static}/handson11.js'></script>"
        f"<main class='bd-content'><article class='bd-article'><table><tr>{cells}</tr></table></article></main></html>"
    )
    browser.resize(375)
    browser.open(page.as_uri())
    browser.run("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))).then(() => null)")
    box = browser.run("(b => [b.tabIndex, b.getAttribute('role')])(document.querySelector('.table-scroll'))")
    assert box == [0, "region"]
    assert browser.run(TOO_WIDE) == []
