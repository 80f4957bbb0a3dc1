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

from handson11 import surfaces
from handson11.clipping import angle_between, clip_by_global_norm, clip_by_norm, clip_by_value
from handson11.interactive import KINDS, figure
from handson11.optimizers import SGD, Adagrad, Adam, Momentum, Nesterov, RMSprop, trajectory
from handson11.propagation import ACTIVATIONS, signal_through_depth

STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"
PAGE = "11_1_unstable_gradients/4_gradient_clipping.html"
SIGNAL_PAGE = "11_1_unstable_gradients/1_initialization.html"
PATHS_PAGE = "11_3_faster_optimizers/index.html"
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


OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}
STARTS = {"valley": [-1.8, 0.6], "saddle": [-1.5, 0.02], "rosenbrock": [-1.2, 1.0]}


def package_surface(name, turned, condition):
    """Return the surface of the package and the start, turned with it."""
    surface = {
        "valley": surfaces.quadratic(condition),
        "saddle": surfaces.saddle(),
        "rosenbrock": surfaces.rosenbrock(10.0),
    }[name]
    start = np.array(STARTS[name])
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)
    return (surface.turned(45), start @ turn) if turned else (surface, start)


def package_path(name, rate, surface, start, noise=0.0, seed=0):
    """Return theta after 0 to 150 steps, with rounding noise; the package's Nesterov walks on theta + beta m."""
    rng = np.random.default_rng(seed)

    def gradient(theta):
        return surface.gradient(theta * (1 + noise * rng.uniform(-1, 1, 2)))

    path = trajectory(OPTIMIZERS[name](rate), gradient, start, 150)
    if name == "nesterov":
        with np.errstate(all="ignore"):
            path[1:] = path[:-1] - rate * surface.gradient(path[:-1])
    return path


def alike_until(one, other, tolerance):
    """Return the number of positions before the paths differ by more than the tolerance, or leave for good."""
    with np.errstate(all="ignore"):
        alike = np.abs(one - other) <= tolerance * np.maximum(1, np.abs(one))
    differ = ~alike.all(axis=1) | ~np.isfinite(one).all(axis=1)
    return int(np.argmax(differ)) if differ.any() else len(one)


def test_paths_in_the_browser_are_those_of_the_package():
    """Where rounding decides (a limit cycle that is chaotic), only the part before it is compared to 1e-9.

    Processors round matrix products in different ways; noise of some last digits, drawn three times, stands for that.

    On two surfaces the arithmetic is + - * / and square roots in the same order: there the numbers are the same.
    """
    cases = [
        (name, turned, condition, rate)
        for name, conditions in {"valley": (1, 20, 100), "saddle": (20,), "rosenbrock": (20,)}.items()
        for turned in (False, True)
        for condition in conditions
        for rate in (0.001, 0.0063, 0.04, 0.079, 0.25, 1.3)
    ]
    arguments = [[150, name, turned, condition, *[rate] * 6] for name, turned, condition, rate in cases]
    found = in_node(f"console.log(JSON.stringify({json.dumps(arguments)}.map(c => kinds.paths.compute(...c).paths)))")
    whole, equal = 0, 0
    for (name, turned, condition, rate), paths in zip(cases, found, strict=True):
        surface, start = package_surface(name, turned, condition)
        for optimizer in OPTIMIZERS:
            expected = package_path(optimizer, rate, surface, start)
            nearby = [package_path(optimizer, rate, surface, start, 4e-15, seed) for seed in range(3)]
            drawn = np.array(paths[optimizer], float)
            certain = min(alike_until(expected, path, 1e-10) for path in nearby)
            assert alike_until(expected, drawn, 1e-9) >= certain, (name, turned, condition, rate, optimizer)
            whole += certain == 151
            if optimizer not in ("nesterov", "adam") and name != "saddle" and not turned:
                finite = np.isfinite(expected).all(axis=1)
                np.testing.assert_array_equal(expected[finite], drawn[finite])
                equal += 1
    assert len(cases) * 6 == 360 and equal == 96 and whole > 250


def test_presets_of_the_paths_hold_the_rates_with_the_fewest_steps():
    program = """
    const {compute, controls, presets} = kinds.paths, rates = controls.find(control => control.name === "sgd").values;
    const steps = (surface, rate) => compute(150, surface, false, 20, ...Array(6).fill(rate)).steps;
    console.log(JSON.stringify({rates, presets, steps: Object.fromEntries(["saddle", "rosenbrock"].map(surface =>
      [surface, rates.map(rate => steps(surface, rate))]))}));
    """
    found = in_node(program)
    chosen = {preset["surface"]: preset for preset in found["presets"].values()}
    assert set(chosen) == {"saddle", "rosenbrock"} and len(found["rates"]) == 40
    arrived = 0
    for surface, rows in found["steps"].items():
        for optimizer in OPTIMIZERS:
            counts = [151 if row[optimizer] is None else row[optimizer] for row in rows]
            assert counts[found["rates"].index(chosen[surface][optimizer])] == min(counts), (surface, optimizer)
            arrived += min(counts) < 151
    assert arrived == 9  # on Rosenbrock's surface SGD, AdaGrad and RMSProp come near, no more


def test_steps_to_the_goal_in_the_browser_are_counted_to_the_last_entry():
    """Along one weight plain descent at rate 1/2 halves the distance: 1.8 / 2**6 = 0.028 is the first below 0.05."""
    found = in_node("console.log(JSON.stringify(kinds.paths.compute(6, 'valley', false, 1, ...Array(6).fill(0.5))))")
    assert found["steps"]["sgd"] == 6 and found["now"]["sgd"] == [-1.8 / 64, 0.6 / 64]
    assert found["costs"]["sgd"] == pytest.approx((1.8**2 + 0.6**2) / 2 / 64**2)
    path = np.linalg.norm(found["paths"]["momentum"], axis=1)
    last = found["steps"]["momentum"]
    assert path[last - 1] > 0.05 >= path[last:].max() and (path[:last] <= 0.05).any()


def test_signal_in_the_browser_is_that_of_the_package():
    """In chaotic tanh networks the last bits of tanh and of the sums grow from layer to layer: shallow ones only."""
    gains = 0.5 * 2 ** (np.arange(0, 81, 4) / 16)
    cases = [
        (activation, float(gain), depth, 1 + (number + depth) % 5)
        for activation in ACTIVATIONS
        for number, gain in enumerate(gains)
        for depth in (1, 7, 50)
        if activation != "tanh" or gain < 2.1 or depth < 50
    ]
    assert len(cases) > 300
    found = in_node(f"console.log(JSON.stringify({json.dumps(cases)}.map(c => kinds.signal.compute(...c))))")
    for (activation, gain, depth, seed), result in zip(cases, found, strict=True):
        expected = signal_through_depth(activation, gain, depth, seed)
        for name, values in vars(expected).items():
            least = 1e-9 if name == "correlation" else 0
            given = f"{activation} {gain} {depth} {seed}"
            np.testing.assert_allclose(np.array(result[name], float), values, rtol=1e-9, atol=least, err_msg=given)


def test_signal_shown_first_is_that_of_the_package():
    """Two computers differ here by a billionth or so, because the network is chaotic; four digits are the same."""
    found = in_node("console.log(JSON.stringify(kinds.signal.compute('tanh', 2 * Math.SQRT2, 50, 1)))")
    for name, values in vars(signal_through_depth("tanh", 2 * 2**0.5, 50, 1)).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)


def test_signal_presets_lie_on_the_slider_and_all_names_have_words():
    kind = in_node("console.log(JSON.stringify(kinds.signal))")
    (gain,) = (control for control in kind["controls"] if control["name"] == "gain")
    stops = gain["min"] * gain["ratio"] ** np.arange(gain["steps"] + 1)
    for value in (1.0, 2**0.5, 2 * 2**0.5):
        assert np.abs(stops / value - 1).min() < 1e-12
    assert kind["presets"] == {"lecun": {"gain": 1}, "he": {"gain": 2**0.5}}
    (choice,) = (control for control in kind["controls"] if "options" in control)
    assert choice["options"] == list(ACTIVATIONS)
    assert {*ACTIVATIONS, *kind["presets"], "reset", "layer", "std", "gradient", "correlation"} <= set(
        kind["texts"]["en"]
    )


def test_every_kind_speaks_both_languages_and_names_its_sliders():
    kinds = in_node("console.log(JSON.stringify(kinds, (key, value) => typeof value === 'function' ? 'f' : value))")
    for name in KINDS:
        texts = kinds[name]["texts"]
        assert set(texts["en"]) == set(texts["ko"])
        assert {control["name"] for control in kinds[name]["controls"]} <= set(texts["en"])
        options = {option for control in kinds[name]["controls"] for option in control.get("options", [])}
        assert options | set(kinds[name]["presets"]) | {"reset", "title"} <= set(texts["en"])
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


@pytest.mark.browser
def test_signal_answers_to_the_list_the_sliders_and_the_presets(opened, built_book):
    tab, messages = opened(address=(built_book / "book" / SIGNAL_PAGE).as_uri())
    assert tab.locator(WIDGET).count() == 1 and not tab.locator("#fig-init-signal img").is_visible()
    status = tab.locator(f"{WIDGET} [role=status]")
    shown_first = status.inner_text()
    assert shown_first.startswith("tanh, gain 2.83, 50 layers.")
    assert tab.locator(f"{WIDGET} svg").get_attribute("aria-describedby") == status.get_attribute("id")
    tab.get_by_role("combobox", name="activation").select_option("relu")
    tab.get_by_role("button", name="He: g = √2").press("Enter")
    assert tab.get_by_label("gain g of the weights").get_attribute("aria-valuetext") == "1.41"
    depth = tab.get_by_label("number of layers")
    depth.focus()
    for _ in range(30):
        tab.keyboard.press("ArrowLeft")
    run = signal_through_depth("relu", 2**0.5, depth=20, seed=1)
    rows = tab.locator(f"{WIDGET} tbody tr").all()
    assert [row.locator("th").inner_text() for row in rows] == ["0", "1", "10", "20"]
    expected = [f"{values[20]:.2f}" for values in (run.std, run.gradient, run.correlation)]
    assert rows[-1].locator("td").all_inner_texts() == expected
    assert f"standard deviation {expected[0]}, correlation {expected[2]} " in status.inner_text()
    tab.get_by_role("button", name="Reset").press("Enter")
    assert status.inner_text() == shown_first
    assert tab.get_by_role("combobox", name="activation").input_value() == "tanh"
    assert messages == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signal_fits_a_small_telephone_and_paper(opened, built_book, scheme):
    tab, messages = opened(width=320, address=(built_book / "book" / SIGNAL_PAGE).as_uri(), color_scheme=scheme)
    box = tab.locator(WIDGET).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    assert tab.evaluate(f"document.querySelector('{WIDGET} table').scrollWidth") <= box["width"]
    assert messages == []
    tab.emulate_media(media="print")
    assert tab.locator("#fig-init-signal img").is_visible() and not tab.locator(WIDGET).is_visible()


@pytest.mark.browser
def test_paths_answer_to_the_turn_the_rates_the_step_and_the_presets(opened, built_book):
    tab, messages = opened(address=(built_book / "book" / PATHS_PAGE).as_uri())
    assert tab.locator(WIDGET).count() == 1 and not tab.locator("#fig-optimizer-paths img").is_visible()
    status = tab.locator(f"{WIDGET} [role=status]")
    shown_first = status.inner_text()
    assert shown_first.startswith("long valley, κ = 20. ") and "AdaGrad 4," in shown_first
    assert tab.locator(f"{WIDGET} svg.h11-map").get_attribute("aria-describedby") == status.get_attribute("id")
    assert tab.locator(f"{WIDGET} th[scope=row]").count() == 6 and tab.locator(f"{WIDGET} th[scope=col]").count() == 4

    tab.get_by_label("turned by 45°").press("Space")
    surface, start = package_surface("valley", True, 20)
    rate = float(tab.get_by_label("rate of AdaGrad").get_attribute("aria-valuetext"))
    away = np.linalg.norm(package_path("adagrad", rate, surface, start), axis=1) > 0.05
    steps = int(np.flatnonzero(away)[-1]) + 1
    assert f"AdaGrad {steps}," in status.inner_text()
    assert tab.locator(f"{WIDGET} [data-row=adagrad] td").last.inner_text() == str(steps)

    tab.get_by_label("rate of SGD").focus()
    tab.keyboard.press("End")
    assert tab.locator(f"{WIDGET} [data-row=sgd] td").all_inner_texts()[1:] == ["diverges", "> 150"]
    tab.get_by_label("step", exact=False).first.focus()
    tab.keyboard.press("Home")
    assert "After step 0 the lowest cost" in status.inner_text()
    tab.locator(f"{WIDGET} [data-row=sgd] input[type=checkbox]").press("Space")
    assert tab.locator(f"{WIDGET} svg.h11-map .h11-path").count() == 5 and "SGD" not in status.inner_text()
    tab.get_by_role("button", name="Rosenbrock, tuned").press("Enter")
    assert status.inner_text().startswith("Rosenbrock, b = 10. ")
    assert not tab.get_by_label("turned by 45°").is_checked()
    tab.get_by_role("button", name="Reset").press("Enter")
    assert status.inner_text() == shown_first
    assert messages == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paths_fit_a_small_telephone_and_paper(opened, built_book, scheme):
    tab, messages = opened(width=320, address=(built_book / "book" / PATHS_PAGE).as_uri(), color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    box = tab.locator(WIDGET).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    assert tab.evaluate(f"document.querySelector('{WIDGET} table').scrollWidth") <= box["width"]
    assert messages == []
    tab.emulate_media(media="print")
    assert tab.locator("#fig-optimizer-paths img").is_visible() and not tab.locator(WIDGET).is_visible()
    tab, _ = opened(java_script_enabled=False, address=(built_book / "book" / PATHS_PAGE).as_uri())
    assert tab.locator("#fig-optimizer-paths img").is_visible() and tab.locator(WIDGET).count() == 0
