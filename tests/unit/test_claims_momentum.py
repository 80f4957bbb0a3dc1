"""Sections 11.3.1 and 11.3.2: what their runs measure, and that each of their conclusions can come out either way."""

import math

import numpy as np
import pytest

from handson11.claims import momentum as studies
from handson11.claims.runs import momentum as runs
from handson11.optimizers import SGD, Momentum, Nesterov
from tests.unit.made_up_results import conclusion

INF, NAN = math.inf, math.nan


def test_curvatures_and_rates_are_log_spaced():
    np.testing.assert_allclose(runs.curvatures(100, 3), [1, 10, 100])
    np.testing.assert_allclose(runs.rates_below(4.0, 5), [4e-4, 4e-3, 4e-2, 4e-1, 4.0])


def test_momentum_without_memory_walks_as_plain_descent(monkeypatch):
    configuration = {"condition_number": 100, "dimensions": 3, "steps": 20, "seed": 0}
    assert runs.difference_from_descent(configuration) == {"difference": 0.0}
    monkeypatch.setattr(runs, "Momentum", lambda rate, beta: Momentum(rate, 1e-9))
    assert runs.difference_from_descent(configuration)["difference"] > 0  # any memory would be seen


def test_steps_under_a_constant_gradient_by_hand():
    np.testing.assert_allclose(runs.step_lengths(0.5, 4, -3.0, 0.1), [1, 1.5, 1.75, 1.875])
    found = runs.constant_gradient({"beta": 0.9, "steps": 2, "gradient": -3.0, "learning_rate": 0.1})
    assert found["last"] == pytest.approx(1.9)
    assert found["limit_error"] == pytest.approx(0.81)  # 1.9 instead of 10
    assert found["path_error"] < 1e-12


def test_one_step_in_the_double_well_by_hand():
    # the gradient of (x² - 1)²/4 + 0.2 x at 2 is 2 · 3 + 0.2
    np.testing.assert_allclose(runs.roll(Momentum(0.1, 0.9), 0.2, np.array([2.0]), 1), [2 - 0.62])
    top = runs.hilltop(0.2)
    assert top**3 - top + 0.2 == pytest.approx(0, abs=1e-12)
    assert 0 < top < 1


def test_plain_descent_ends_in_the_well_where_it_begins():
    configuration = {"beta": 0.0, "learning_rate": 0.05, "tilt": 0.2, "starts": 50, "steps": 2000, "seed": 3}
    found = runs.two_wells(configuration)
    starts = np.random.default_rng(3).uniform(-2, 2, 50)
    assert found["caught"] == (starts > runs.hilltop(0.2)).sum()
    assert found["share"] == pytest.approx(1 - found["caught"] / 50)
    assert (found["left"], found["entered"]) == (0, 0)
    assert found["farthest"] < 1e-6


def test_rolling_over_is_counted_in_both_directions():
    configuration = {"beta": 0.9, "learning_rate": 0.05, "tilt": 0.2, "starts": 400, "steps": 2000, "seed": 0}
    found = runs.two_wells(configuration)
    began_shallow = (np.random.default_rng(0).uniform(-2, 2, 400) > runs.hilltop(0.2)).sum()
    assert found["left"] > 0
    assert found["entered"] > 0
    assert found["caught"] == began_shallow - found["entered"] + found["left"]


def test_sign_changes_leave_zeros_out():
    assert runs.sign_changes(np.array([1.0, 0.5, 0.0, -0.2, 0.0, -0.1, 0.3])) == 2
    assert runs.sign_changes(np.array([1.0, 0.5, 0.25])) == 0


def test_swings_by_hand():
    # θ = 1, rate 1: θ₁ = 0, m₁ = -1; θ₂ = -0.5, m₂ = -0.5; m₃ = -0.25 + 0.5, θ₃ = -0.25
    found = runs.swings({"beta": 0.5, "learning_rate": 1.0, "steps": 3})
    assert found == {"crossings": 1, "overshoot": 0.5, "distance": 0.25, "settled": INF}
    halves = runs.swings({"beta": 0.0, "learning_rate": 0.5, "steps": 30})
    assert (halves["crossings"], halves["overshoot"], halves["settled"]) == (0, 0.0, 20)  # 2⁻²⁰ < 1e-6 < 2⁻¹⁹


@pytest.mark.parametrize(
    ("distances", "expected"), [([3, 1, 3, 1, 1], 3), ([1, 1], 0), ([3, 1, 3], INF), ([3, NAN, 1], 2)]
)
def test_settled_is_the_step_after_the_last_one_far_away(distances, expected):
    assert runs.settling_step(np.array(distances, float), tolerance=2) == expected


def test_settle_with_many_rates_by_hand():
    # θ is multiplied by 1 - η: 0.5 halves it, 1.5 halves it with the other sign, 3 doubles it
    found = runs.settle(SGD(1.0), np.array([1.0]), [0.5, 1.5, 3.0], 25)
    assert found["settled"].tolist() == [20, 20, INF]
    assert found["first"].tolist() == [20, 20, INF]
    assert found["crossings"].tolist() == [0, 19, 25]  # the sign changes before the step that settles
    assert found["wide_crossings"].tolist() == [0, 6, 25]  # 2⁻⁶ > 0.01 > 2⁻⁷


def test_a_lucky_dip_is_not_settled():
    path = runs.bowl_path(0.9, 0.01, 400)
    found = runs.settle(Momentum(1.0, 0.9), np.array([1.0]), [0.01], 400)
    assert found["first"] == np.flatnonzero(np.abs(path) < 1e-6)[0]
    assert found["settled"] == runs.settling_step(np.abs(path))
    assert found["first"] < found["settled"]


def test_both_forms_of_nesterov_by_hand():
    curvature, rates = np.array([1.0]), [0.5]
    # book, β = 0.5: m₁ = -0.5, θ₁ = 0.5; m₂ = -0.25 - (0.5 - 0.25) / 2 = -0.375, θ₂ = 0.125; ahead of it φ₂ = -0.0625
    book, keras = (
        runs.settle(Nesterov(1.0, 0.5), curvature, rates, 2, form, tolerance=0.2) for form in ("book", "keras")
    )
    assert book["settled"] == keras["settled"] == 2
    assert book["crossings"] == 0
    tight = runs.settle(Nesterov(1.0, 0.5), curvature, rates, 2, "keras", tolerance=0.1)
    assert tight["settled"] == 2
    assert runs.settle(Nesterov(1.0, 0.5), curvature, rates, 2, "book", tolerance=0.1)["settled"] == INF


def test_the_best_of_many_rates():
    shared = {"condition_number": 4, "dimensions": 2, "rates": 50, "steps": 300, "form": "keras"}
    plain = runs.best_settling({"rule": "momentum", "beta": 0.0, **shared})
    assert plain["rate"] == pytest.approx(2 / (1 + 4), rel=0.1)  # the best rate of plain descent: 2 / (λmin + λmax)
    assert plain["settled"] == pytest.approx(math.log(1e-6) / math.log(0.6), rel=0.2)
    assert 0 < plain["position"] < 1
    assert plain["first"] <= plain["settled"]


@pytest.mark.parametrize(("difference", "expected"), [(0.0, "confirmed"), (1e-17, "refuted")])
def test_cl_56_wants_every_bit(difference, expected):
    def values(arm, metric):
        return np.array([difference] + [0.0] * 9) if arm == "κ = 100" else 0.0

    assert conclusion("CL-56", values)[0] == expected


@pytest.mark.parametrize(
    ("limit", "path", "expected"),
    [(1e-15, 1e-15, "confirmed"), (0.13, 1e-15, "refuted"), (1e-15, 1e-3, "refuted")],
)
def test_cl_57(limit, path, expected):
    def values(arm, metric):
        worst = {"limit_error": limit, "path_error": path, "last": 100.0}[metric]
        return worst if arm == "β = 0.99" or metric == "last" else 1e-16

    assert conclusion("CL-57", values)[0] == expected


def race(**losses):
    """A race whose optimizers end at the given training losses, the others at 9."""
    named = {name.replace("_", " "): value for name, value in losses.items()}
    return lambda arm, metric: named.get(arm, 9.0) if metric == "train_loss" else 0.85


@pytest.mark.parametrize(
    ("usual", "other", "expected"),
    [(0.15, 0.16, "confirmed"), (0.15, 0.14, "confirmed"), (0.15, 0.13, "refuted"), (NAN, 0.15, "refuted")],
)
def test_cl_58(usual, other, expected):
    verdict, measured, _ = conclusion("CL-58", race(SGD=0.19, momentum=usual, **{"momentum_0.5": other}))
    assert verdict == expected
    assert measured["ratio_to_best"] == pytest.approx(max(1, usual / other) if usual == usual else INF)


def test_cl_58_takes_only_the_four_values_of_beta_and_a_lost_run_as_the_worst():
    losses = {"SGD": 0.19, "momentum": 0.15, "Nesterov": 0.01, "momentum_0.5": np.array([NAN] * 6 + [0.1] * 4)}
    verdict, measured, texts = conclusion("CL-58", race(**losses))
    assert (verdict, measured["ratio_to_best"]) == ("confirmed", 1.0)
    assert "training loss, β = 0.5, median: –" in texts
    assert "training loss, β = 0.5 minus β = 0.9 (a run was lost): –" in texts
    assert "training loss, β = 0 minus β = 0.9 (10 of 10 seeds larger): 0.04 [0.04, 0.04], n = 10" in texts


def wells(rise, caught=0, left=0):
    """Double wells in which half of the starts end deeper, and with any β above 0 ``rise`` more."""
    noise = np.linspace(-0.01, 0.01, 10)

    def values(arm, metric):
        if metric == "share":
            return 0.5 if arm.startswith("β = 0,") or arm == "β = 0" else 0.5 + rise + noise
        return {"caught": caught, "left": left, "entered": 40, "farthest": 1e-9}[metric]

    return values


@pytest.mark.parametrize(
    ("rise", "caught", "left", "expected"),
    [
        (0.1, 0, 0, "confirmed"),
        (0.1, 14, 0, "partly"),
        (0.1, 0, 2, "partly"),
        (0.0, 14, 0, "refuted"),
        (-0.1, 0, 0, "refuted"),
        (0.015, 0, 0, "confirmed"),
    ],
)
def test_cl_59(rise, caught, left, expected):
    verdict, measured, texts = conclusion("CL-59", wells(rise, caught, left))
    assert verdict == expected
    assert measured["caught"] == 10 * caught
    assert measured["left"] == 10 * left
    assert f"of 4000 starts, in the shallower well in the end with β = 0.9: {10 * caught}" in texts
    assert (
        sum(text.startswith("rise of the share with") for text in texts) == 7
    )  # every other arm against its own β = 0


@pytest.mark.parametrize(
    ("plain", "crossings", "overshoot", "expected"),
    [(0, 84, 0.15, "confirmed"), (0, 5, 0.15, "partly"), (0, 84, 0.01, "partly"), (0, 1, 0.5, "refuted")],
)
def test_cl_60(plain, crossings, overshoot, expected):
    def values(arm, metric):
        if metric == "crossings":
            return {"β = 0": plain, "β = 0.9": crossings}.get(arm, 96)
        return {"overshoot": overshoot, "distance": 1e-9, "settled": 300}[metric]

    assert conclusion("CL-60", values)[0] == expected


def cells(lost=(), calmer=True):
    """Nine cells in which Nesterov's form settles sooner, except where its arm begins with one of ``lost``."""

    def values(arm, metric):
        nesterov = "nesterov" in arm
        if metric == "settled":
            return 100 if not nesterov else 200 if arm.startswith(tuple(lost)) else 50
        if "crossings" in metric:
            return 20 if nesterov and not calmer else 10
        return 0.5

    return values


def test_the_threshold_by_hand():
    assert [round(studies.threshold(kappa), 2) for kappa in (10, 100, 1000)] == [0.52, 0.82, 0.94]


@pytest.mark.parametrize(
    ("lost", "calmer", "expected"),
    [
        ((), True, "confirmed"),
        ((), False, "partly"),
        (("κ = 100, β = 0.5", "κ = 1000, β = 0.9,"), True, "partly"),
        (("κ = 1000, β = 0.99",), True, "refuted"),
        (("κ = 10, β = 0.9,",), True, "refuted"),
    ],
)
def test_cl_61(lost, calmer, expected):
    verdict, measured, texts = conclusion("CL-61", cells(lost, calmer), race(momentum=0.15, Nesterov=0.12))
    assert verdict == expected
    assert measured["cells_sooner"] == 9 - len(lost)
    assert measured["cells_calmer"] == (9 if calmer else 0)
    above = 5 - (expected == "refuted")
    assert texts[1] == f"of the 5 with β above the threshold: {above}"
    gain = "training loss of the network, Nesterov's form minus momentum (0 of 10 seeds larger): "
    assert f"{gain}−0.03 [−0.03, −0.03], n = 10" in texts
