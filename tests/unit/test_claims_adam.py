"""Section 11.3.5: what its runs measure, and that each of its conclusions can come out either way."""

import math

import keras
import numpy as np
import pytest

from handson11.claims import adam as study
from handson11.claims.runs import adam as runs
from handson11.optimizers import SGD, Adam
from tests.unit.made_up_results import conclusion


def test_two_steps_of_the_printed_formula_by_hand():
    path = runs.printed_adam([np.array([1.0]), np.array([3.0])], 0.1, beta_1=0.5, beta_2=0.5, epsilon=0.0)
    # t = 1: m̂ = 1, ŝ = 1. t = 2: m = 1.75, m̂ = 1.75 / 0.75; s = 4.75, ŝ = 4.75 / 0.75
    second = (1.75 / 0.75) / math.sqrt(4.75 / 0.75)
    np.testing.assert_allclose(path.ravel(), [0.0, -0.1, -0.1 - 0.1 * second])
    doubled = runs.printed_adam([np.array([1.0])], 0.1, m_factor=3.0, s_factor=4.0, epsilon=0.0)
    np.testing.assert_allclose(doubled[-1], [-0.15])  # 3 / √4


def test_the_path_of_keras_starts_where_it_is_told():
    path = runs.keras_path(keras.optimizers.SGD(0.5), [np.array([1.0, 2.0]), np.array([0.0, 1.0])], start=4.0)
    np.testing.assert_allclose(path, [[4, 4], [3.5, 3.0], [3.5, 2.5]])


def test_the_factors_lengthen_every_step_by_the_same_number():
    setting = {"learning_rate": 0.01, "steps": 5, "weights": 10, "seed": 0}
    assert runs.factors_against_keras({**setting, "factors": [1.0, 1.0]})["difference"] < 1e-5
    wrong = runs.factors_against_keras({**setting, "factors": [0.1, 0.001]})["difference"]
    assert 0.01 * 2 < wrong <= 5 * 0.01 * 2.2  # at most five steps of 3.162 instead of 1


@pytest.mark.parametrize("package", ["handson11", "keras"])
def test_the_first_step_is_the_rate(package):
    np.testing.assert_allclose(runs.first_step(package, 0.25, np.array([0.5, -20.0])), [-0.25, 0.25], rtol=1e-4)
    setting = {"package": package, "learning_rate": 0.001, "scale": 1000.0, "weights": 50, "seed": 0}
    found = runs.first_steps(setting)
    assert 0 < found["sign_error"] < 1e-4
    assert 0 < found["scale_change"] < 1e-4
    tiny = runs.first_steps({**setting, "scale": 1e-6})  # gradients of the size of ε: the step is no longer η
    assert tiny["sign_error"] > 0.5


def test_penalty_and_decay_by_hand():
    stream, start = np.array([[1.0, 0.0]]), np.array([2.0, 2.0])
    penalty, decoupled = runs.two_decays(SGD, 0.5, 0.1, stream, start)
    np.testing.assert_allclose(penalty[-1], [2 - 0.5 * 1.2, 2 - 0.5 * 0.2])
    np.testing.assert_allclose(decoupled, penalty)
    penalty, decoupled = runs.two_decays(Adam, 0.5, 0.1, stream, start)
    np.testing.assert_allclose(penalty[-1], [1.5, 1.5], rtol=1e-4)  # one step of η, whatever the gradient
    np.testing.assert_allclose(decoupled[-1], [2 - 0.5 - 0.1, 2 - 0.1], rtol=1e-4)
    setting = {"learning_rate": 0.01, "decay": 0.1, "steps": 20, "weights": 5, "seed": 0}
    assert runs.penalty_and_decay({**setting, "optimizer": "sgd"})["difference"] < 1e-14
    assert runs.penalty_and_decay({**setting, "optimizer": "adam"})["difference"] > 0.01


def test_the_grids_hold_a_tenth_and_ten_times_the_middle_rate():
    for rates in study.VALLEYS.values():
        assert len(rates) == 9
        for low, high in zip(rates, rates[2:], strict=False):
            assert high == pytest.approx(10 * low, rel=1e-3)
        assert study.neighbours(rates[4], rates) == pytest.approx([rates[4] / 10, rates[4], rates[4] * 10], rel=1e-3)


def test_the_worst_ratio_looks_on_both_sides():
    losses = dict(zip([1, 2, 3, 4, 5], [0.8, 0.3, 0.2, 0.3, 0.5], strict=True))
    assert study.worst_ratio(losses, 3) == pytest.approx(4.0)
    assert study.worst_ratio({**losses, 5: math.inf}, 3) == math.inf
    with pytest.raises(ValueError, match="too short"):
        study.worst_ratio(losses, 2)
    assert study.valley(losses) == [2, 3, 4]


def test_the_ratio_of_spreads():
    rng = np.random.default_rng(0)
    log_loss = rng.normal(size=200)
    paired = study.spread_ratio(np.exp(0.5 * log_loss), np.exp(log_loss))
    assert (paired.value, paired.low, paired.high) == pytest.approx((0.5, 0.5, 0.5))  # pairs are never torn apart
    apart = study.spread_ratio(np.exp(rng.normal(size=200)), np.exp(log_loss))
    assert apart.low < 1 < apart.high
    assert apart.high - apart.low == pytest.approx(4 / math.sqrt(200), rel=0.3)  # ± 1.96 · √(1/2n + 1/2n)


def test_a_geometric_ratio_and_a_run_that_never_arrives():
    assert study.geometric_ratio([2, 8], [1, 1]).value == pytest.approx(4)
    assert math.isnan(study.geometric_ratio([2, math.inf], [1, 1]).low)


@pytest.mark.parametrize(("factor", "expected"), [(0.1, "refuted"), (1e-7, "confirmed"), (0.0005, "open")])
def test_factors_can_come_out_either_way(factor, expected):
    verdict, measured, _ = conclusion("CL-64", lambda arm, metric: factor if arm == "with factors" else 1e-7)
    assert verdict == expected
    assert measured["difference_without"] == 1e-7


def test_one_package_that_is_off_refutes_the_first_step():
    assert conclusion("CL-65", lambda arm, metric: 1e-4)[0] == "confirmed"
    assert conclusion("CL-65", lambda arm, metric: 0.5 if arm == "keras" else 1e-4)[0] == "refuted"


def rates_with(far):
    """Return made-up losses: 0.1 at each rule's middle rate, ``far`` elsewhere, SGD diverged at its last rate."""

    def value_of(arm, metric):
        name, rate = arm.split(", ")
        grid = study.VALLEYS[name]
        if name == "SGD" and float(rate) == grid[-1]:
            return math.nan
        return 0.1 if float(rate) == grid[4] else far

    return value_of


@pytest.mark.parametrize(("far", "expected"), [(0.105, "confirmed"), (0.15, "refuted")])
def test_a_rate_that_matters_or_does_not(far, expected):
    verdict, measured, texts = conclusion("CL-66", rates_with(far), rates_with(far))
    assert verdict == expected
    assert measured["worst_ratio"] == pytest.approx(far / 0.1)
    assert any(text.startswith("SGD, best rate, chosen on other seeds: 0.1") for text in texts)


def test_a_better_rate_of_the_judging_seeds_is_not_chosen():
    def judged(arm, metric):  # on the judging seeds one rate higher is better, by luck
        return 0.05 if arm == "Adam, 0.00316" else rates_with(0.15)(arm, metric)

    assert conclusion("CL-66", judged, rates_with(0.15))[1]["worst_ratio"] == pytest.approx(1.5)


@pytest.mark.parametrize(("width", "expected"), [(0.5, "confirmed"), (1.0, "refuted"), (0.9, "open")])
def test_spreads_can_come_out_three_ways(width, expected):
    log_loss = np.random.default_rng(1).normal(size=(2, 200))
    log_loss = (log_loss - log_loss.mean(axis=1, keepdims=True)) / log_loss.std(axis=1, keepdims=True)

    def value_of(arm, metric):
        return np.exp(width * log_loss[0]) if arm == "AdaMax" else np.exp(log_loss[1])

    assert conclusion("CL-67", value_of)[0] == expected


@pytest.mark.parametrize(
    ("nadam", "expected"), [([4.0, 4.5], "confirmed"), ([5.0, 5.2], "refuted"), ([3.0, 7.0], "open")]
)
def test_nadam_sooner_as_soon_or_undecided(nadam, expected):
    def value_of(arm, metric):
        if not metric.startswith("epochs"):
            return 0.5
        return np.resize(nadam, 10) if arm == "Nadam" else 5.0

    assert conclusion("CL-68", value_of, lambda arm, metric: 1.0)[0] == expected


def test_a_nadam_that_never_arrives_leaves_the_claim_open():
    def value_of(arm, metric):
        return math.inf if arm == "Nadam" and metric.startswith("epochs") else 0.5

    assert conclusion("CL-68", value_of, lambda arm, metric: 1.0)[0] == "open"


@pytest.mark.parametrize(
    ("sgd", "adam", "expected"), [(1e-15, 0.5, "confirmed"), (1e-15, 1e-6, "refuted"), (0.1, 0.5, "refuted")]
)
def test_decays_that_agree_or_differ(sgd, adam, expected):
    assert conclusion("CL-69", lambda arm, metric: sgd if arm == "SGD" else adam)[0] == expected
