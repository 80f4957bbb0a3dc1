"""Interactive figures: the formulas in the browser against the package, and what a reader can do with them."""

import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import test_browser

from handson11.clipping import angle_between, clip_by_global_norm, clip_by_norm, clip_by_value
from handson11.interactive import KINDS, figure

STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"
PAGE = "11_1_unstable_gradients/4_gradient_clipping.html"
WIDGET = ".h11-figure"


def in_node(program):
    """Run JavaScript with all kinds loaded as ``kinds``; return what it prints as JSON."""
    if not shutil.which("node"):
        pytest.skip("there is no Node to run the scripts in")
    loaded = "".join(f"require({json.dumps(str(STATIC / f'interactive-{kind}.js'))});" for kind in KINDS)
    whole = f"const kinds = require({json.dumps(str(STATIC / 'interactive.js'))}); {loaded} {program}"
    done = subprocess.run(["node", "-"], input=whole, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_clipping_in_the_browser_is_that_of_the_package():
    rng = np.random.default_rng(0)
    cases = rng.normal(size=(300, 4)) * 10.0 ** rng.uniform(-3, 3, (300, 4))
    cases[:, 3] = np.abs(cases[:, 3])
    cases[:20, 2] = 0
    found = in_node(f"console.log(JSON.stringify({cases.tolist()}.map(c => kinds.clip.compute(...c))))")
    for (g1, g2, h, threshold), result in zip(cases, found, strict=True):
        parts = [np.array([g1, g2]), np.array([h])]
        expected = {
            "value": clip_by_value(parts, threshold),
            "norm": [clip_by_norm(part, threshold) for part in parts],
            "global": clip_by_global_norm(parts, threshold),
        }
        for name, way in expected.items():
            np.testing.assert_allclose(result[name], np.concatenate(way), rtol=1e-9)
        angles = [angle_between(parts, way) for way in expected.values()]
        np.testing.assert_allclose(result["angles"], angles, rtol=0, atol=1e-6)


def test_every_kind_speaks_both_languages_and_names_its_sliders():
    kinds = in_node("console.log(JSON.stringify(kinds, (key, value) => typeof value === 'function' ? 'f' : value))")
    for name in KINDS:
        texts = kinds[name]["texts"]
        assert set(texts["en"]) == set(texts["ko"])
        assert {control["name"] for control in kinds[name]["controls"]} <= set(texts["en"])
        assert re.findall(r"{\w}", texts["en"]["told"]) and set(re.findall(r"{\w}", texts["en"]["told"])) == set(
            re.findall(r"{\w}", texts["ko"]["told"])
        )


def test_bad_arguments():
    with pytest.raises(ValueError, match="`kind` must be one of"):
        figure("clap", "fig-a", [[[1.0], 2.0]])
    with pytest.raises(ValueError, match="`checks` must be a list of at least one case"):
        figure("clip", "fig-a", [])
    text = figure("clip", "fig-a", [[[1.0], 2.0]], note="</script>")._repr_html_()
    assert (
        text.count("</script>") == 1 and repr(figure("clip", "fig-a", [1])) == "Interactive in the built book: fig-a."
    )


# In the page


browser = test_browser.browser


@pytest.fixture
def opened(browser, built_book):
    """Return a function that opens the page, or another file: (tab, messages)."""
    with contextlib.ExitStack() as stack:

        def open_page(width=1200, address=None, **settings):
            size = {"width": width, "height": 900}
            context = stack.enter_context(browser.new_context(viewport=size, offline=True, **settings))
            tab, messages = context.new_page(), []
            tab.on("console", lambda message: messages.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: messages.append(str(error)))
            tab.goto(address or (built_book / "book" / PAGE).as_uri())
            return tab, messages

        yield open_page


@pytest.mark.browser
def test_the_figure_takes_the_place_of_the_picture(opened):
    tab, messages = opened()
    assert tab.locator(WIDGET).count() == 1
    assert not tab.locator("#fig-clip-arrows img").is_visible()
    assert tab.locator("#fig-clip-arrows figcaption").is_visible()
    assert tab.locator(f"a {WIDGET}").count() == 0
    assert tab.locator(".cell", has=tab.locator("div[data-h11]")).bounding_box() is None  # no empty stripe
    cells = tab.locator(f"{WIDGET} tbody tr").nth(1).locator("th, td").all_inner_texts()
    turned = angle_between(np.array([0.9, 100.0, 3.0]), np.array([0.9, 1.0, 1.0]))
    assert cells == ["by value", "0.90", "1.00", "1.00", f"{turned:.1f}°"]
    assert messages == []


@pytest.mark.browser
def test_the_keyboard_moves_a_slider_and_the_sentence_follows(opened):
    tab, _ = opened()
    before = tab.locator(f"{WIDGET} [role=status]").inner_text()
    slider = tab.get_by_label("threshold c")
    slider.focus()
    tab.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext") == "100.00"
    assert (
        "threshold 100.00 the whole gradient is turned by 0.0°" in tab.locator(f"{WIDGET} [role=status]").inner_text()
    )
    tab.get_by_role("button", name="Reset").press("Enter")
    assert tab.locator(f"{WIDGET} [role=status]").inner_text() == before
    names = [tab.locator(f"{WIDGET} label").nth(i).inner_text().split("\n")[0] for i in range(4)]
    assert names == ["g₁", "g₂", "h, the second variable", "threshold c"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_telephone(opened, scheme):
    tab, messages = opened(width=320, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    box = tab.locator(WIDGET).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    assert messages == []


@pytest.mark.browser
def test_paper_and_pages_without_scripts_show_the_picture(opened):
    tab, _ = opened()
    tab.emulate_media(media="print")
    assert tab.locator("#fig-clip-arrows img").is_visible() and not tab.locator(WIDGET).is_visible()
    tab, _ = opened(java_script_enabled=False)
    assert tab.locator("#fig-clip-arrows img").is_visible() and tab.locator(WIDGET).count() == 0


@pytest.mark.browser
def test_a_wrong_result_is_reported(opened, built_book, tmp_path):
    text = (built_book / "book" / PAGE).read_text(encoding="utf-8")
    assert '"angles": [' in text
    wrong = text.replace('"angles": [', '"angles": [1.0, ', 1).replace('src="../../', f'src="{built_book.as_uri()}/')
    (tmp_path / "wrong.html").write_text(wrong, encoding="utf-8")
    _, messages = opened(address=(tmp_path / "wrong.html").as_uri())
    assert any("not the package's result" in message for message in messages)
