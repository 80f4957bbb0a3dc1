"""Section 11.1.3: what its runs measure, and that each of its conclusions can come out either way."""

import math

import numpy as np
import pytest

from handson11.claims import batch_normalization as studies
from handson11.claims.runs import batch_normalization as runs
from handson11.experiments import Task
from tests.unit.made_up_results import conclusion

NAN, INF = math.nan, math.inf
SMALL = {
    "arguments": {"depth": 1, "width": 8, "activation": "relu"},
    "n": 256,
    "seed": 0,
    "source": "stand-in",
    "learning_rate": 0.01,
}


# What is run


@pytest.mark.parametrize("times", [runs.step_times, runs.fit_times])
def test_times_are_those_of_both_networks(times):
    budget = {"epochs": 1} if times is runs.step_times else {}
    seconds = times({**SMALL, **budget, "batch_size": 64, "repeats": 1})
    assert list(seconds) == ["without", "with"]
    assert 0 < seconds["without"] < 60
    assert 0 < seconds["with"] < 60


def test_the_shortest_of_interleaved_repeats_counts(monkeypatch):
    order, clock = [], iter([0, 5, 10, 11, 20, 23, 30, 37])  # a: 5, b: 1, a: 3, b: 7
    monkeypatch.setattr(runs.time, "perf_counter", lambda: next(clock))
    shortest = runs._shortest({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert shortest == {"a": 3, "b": 1}
    assert order == ["a", "b"] * 3  # once more at the beginning, untimed


def test_only_few_images_are_evaluated_in_a_timed_run():
    rows, labels = np.zeros((300, 784)), np.zeros(300)
    few = runs._few_to_evaluate(Task(rows, labels, rows, labels, rows, labels))
    assert [len(part) for part in vars(few).values()] == [300, 300, 128, 128, 128, 128]


def test_overwritten_averages_matter_only_at_inference():
    measured = runs.overwritten_averages({"seed": 0, "source": "stand-in"})
    assert measured["change_in_training"] == 0
    # Outputs x / sqrt(1.001) before and (x − 100) / sqrt(50.001) after: 100 / 7.07 apart at x = 0, and more for x > 0.
    assert 14 < measured["change_in_inference"] < 18


def test_parameters_by_hand():
    dense = 784 * 300 + 300 * 100 + 100 * 10
    normalized = 784 + 300 + 100
    measured = runs.parameter_counts({"seed": 0, "source": "stand-in"})
    assert measured["total"] == dense + 300 + 100 + 10 + 4 * normalized
    assert measured["estimated"] == 2 * normalized
    assert measured["trained"] == measured["total"] - measured["estimated"]
    assert measured["total_before"] == measured["total"] - 400


def test_the_bias_has_no_gradient_but_its_kernel_has():
    measured = runs.redundant_bias({"n": 64, "seed": 0, "source": "stand-in"})
    assert measured["largest_bias_gradient"] < 1e-5
    assert measured["largest_kernel_gradient"] > 1e-3


# What follows


def test_intervals_draw_whole_seeds():
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 4.0, 6.0, 8.0])
    ratio = studies._over_seeds(lambda x, y: y.sum(axis=-1) / x.sum(axis=-1), a, b)
    assert (ratio.value, ratio.n) == (2.0, 4)
    assert ratio.low == pytest.approx(2.0)  # seeds drawn apart for a and b would give other ratios
    assert ratio.high == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("logistic", "tanh", "expected"),
    [
        ((0.1, 0.8), (0.1, 0.8), "confirmed"),
        ((0.1, 0.8), (0.8, 0.8), "partly"),
        ((0.1, 0.4), (0.8, 0.8), "refuted"),
        ((NAN, 0.8), (0.1, 0.8), "confirmed"),
    ],
)
def test_rescue(logistic, tanh, expected):
    level = {"logistic": logistic, "tanh": tanh, "ReLU": (0.8, 0.8)}
    value_of = lambda arm, _: level[arm.split(", ")[0]][arm.endswith("with")]  # noqa: E731
    assert conclusion("CL-21", value_of)[0] == expected


def falls_at(**edges):
    """Return accuracies of a sweep: 0.8 up to the rate ``edges["ReLU_with"]``, diverged above it."""

    def value_of(arm, _):
        unit, name, rate = arm.split(", ")
        return 0.8 if float(rate) <= edges.get(f"{unit}_{name}", 0.01) else NAN

    return value_of


def test_larger_rates():
    sweep = falls_at(ReLU_without=0.03, ReLU_with=1.0, logistic_without=0, tanh_without=0.1, tanh_with=0.3)
    found, measured, texts = conclusion("CL-23", sweep, sweep)
    assert found == "confirmed"
    assert measured["rate_factor"] == pytest.approx(1 / 0.03)
    assert "ReLU: highest rate that works, 1 / 0.03: 33.3 times" in texts
    assert "tanh: highest rate that works, 0.3 / 0.1: 3 times" in texts
    assert "logistic: highest rate that works with (without: none does): 0.01" in texts
    equal = falls_at(ReLU_without=0.03, ReLU_with=0.03)
    assert conclusion("CL-23", equal, equal)[0] == "refuted"


def test_one_diverged_seed_makes_a_rate_fail_but_not_its_other_seeds():
    def value_of(arm, _):
        values = np.full(10, 0.8)
        if arm == "ReLU, without, 3":
            values[4] = NAN
        return values[:5] if not arm.startswith("ReLU") else values

    found, measured, texts = conclusion("CL-23", value_of, value_of)
    assert measured["rate_factor"] == 3
    assert found == "confirmed"
    assert "ReLU: the same factor seed by seed, median: 1 [1, 1], n = 10" in texts


def test_without_any_working_rate_the_factor_is_open():
    never = lambda arm, _: 0.1  # noqa: E731
    assert conclusion("CL-23", never, never)[0] == "open"


def scales(without, with_it):
    def value_of(arm, _):
        name, scale = arm.split(", ")[:2]
        return (without if name == "without" else with_it)[["x 0.1", "x 1", "x 10"].index(scale)]

    return value_of


@pytest.mark.parametrize(
    ("without", "expected"), [((0.1, 0.8, NAN), "confirmed"), ((0.6, 0.8, 0.7), "refuted"), ((0.1, 0.1, 0.1), "open")]
)
def test_sensitivity(without, expected):
    values = scales(without, (0.6, 0.8, 0.7))
    found, measured, texts = conclusion("CL-22", values, values)
    assert found == expected
    if expected == "confirmed":
        assert measured["spread_ratio"] == pytest.approx(0.7 / 0.2)
        assert measured["plain_accuracy_at_scale_1"] == pytest.approx(0.8)
        assert "runs that diverged without, weights x 10 (counted as chance): 10" in texts


def test_sensitivity_is_judged_at_its_own_rate():
    def value_of(arm, metric):
        better = not arm.endswith((", 0.01", ", 0.003"))
        return scales((0.1, 0.8, 0.1), (0.7, 0.8, 0.7) if better else (0.2, 0.8, 0.2))(arm, metric)

    found, _, texts = conclusion("CL-22", value_of, value_of)
    assert found == "confirmed"
    assert texts[0].startswith("ratio of the spreads at rate 0.03: 7 times")
    assert any(text.startswith("ratio of the spreads at rate 0.01: 1.17 times") for text in texts)


@pytest.mark.parametrize(("gap_with", "expected"), [(0.15, "confirmed"), (0.195, "refuted"), (0.3, "refuted")])
def test_regularized(gap_with, expected):
    def value_of(arm, metric):
        gap = gap_with if arm in ("with, batch 8", "with, 0.0003") else 0.2
        return {"test_accuracy": 0.7, "train_accuracy": 0.7 + gap, "test_loss": 1.0, "train_loss": 1.0 - 2 * gap}[
            metric
        ]

    found, measured, texts = conclusion("CL-24", value_of, value_of)
    assert found == expected
    assert measured["narrower"] == pytest.approx(0.2 - gap_with)
    wins = 10 if gap_with < 0.2 else 0
    assert texts[0].startswith(f"gap in accuracy, without − with, batches of 8 (narrower in {wins} of 10): ")
    loss = next(text for text in texts if text.startswith("gap in loss, without − with, batches of 8 "))
    assert float(loss.split("): ")[1].split()[0].replace("−", "-")) == pytest.approx(2 * (0.2 - gap_with), rel=0.01)
    assert texts[-1].startswith("gap in accuracy, without − with, batches of 8, both at rate 0.001: 0 ")


def test_a_diverged_run_is_not_averaged_away_in_the_gap():
    def value_of(arm, metric):
        level = np.full(10, 0.9 if metric == "train_accuracy" else 0.7)
        if arm == "with, batch 8":
            level[3] = NAN
        return level

    found, measured, texts = conclusion("CL-24", value_of, value_of)
    assert found == "open"
    assert math.isnan(measured["narrower"])
    assert texts[0].startswith("gap in accuracy, without − with, batches of 8 (narrower in 1 of 10): –")


def test_slower_but_fewer():
    def epochs(without, with_it):
        return lambda arm, _: with_it if arm.endswith("with") else without

    def times(arm, metric):
        return {"without": [2.0, 1.0, 3.0, 4.0, 5.0], "with": [1.5, 2.0, 4.0, 5.0, 6.0]}[metric]

    slower = lambda found: conclusion("CL-25", found, times, times)  # noqa: E731
    found, measured, texts = slower(epochs(10.0, 5.0))
    assert (found, measured) == ("confirmed", {"time_ratio": 1.5, "activations_with_fewer_epochs": 3})
    assert texts[0].startswith("logistic 3 × 64: median epochs to a training loss of 0.4 (without 10.0; with 5.0)")
    assert texts[0].endswith("0.5 [0.5, 0.5], n = 20")
    assert slower(epochs(INF, 5.0))[0] == "confirmed"  # without: never
    assert slower(epochs(NAN, 5.0))[0] == "confirmed"  # without: diverged
    found, _, texts = slower(epochs(10.0, np.array([5.0] * 19 + [INF])))
    assert "with 5.0, never in 1 of 20 runs" in texts[0]
    assert found == "confirmed"
    assert slower(epochs(10.0, 9.5))[0] == "refuted"  # 5 % fewer do not count
    assert slower(epochs(INF, INF))[0] == "refuted"
    only_late = lambda arm, metric: 10.0 if metric == "epochs_to_0.4" else epochs(10.0, 5.0)(arm, metric)  # noqa: E731
    found, _, texts = slower(only_late)
    assert found == "refuted"
    assert texts[4].startswith("ReLU 10 × 64: median epochs to a training loss of 0.6 (without 10.0; with 5.0)")
    only_tanh = lambda arm, _: 5.0 if arm == "tanh 10 × 64, with" else 10.0  # noqa: E731
    assert slower(only_tanh)[:2] == ("partly", {"time_ratio": 1.5, "activations_with_fewer_epochs": 1})


def test_the_20_layer_network_is_reported_but_does_not_count():
    only_deep = lambda arm, _: 5.0 if arm == "ReLU 20 × 64, with" else 10.0  # noqa: E731
    ones = lambda arm, metric: 1.0  # noqa: E731
    found, measured, texts = conclusion("CL-25", only_deep, ones, ones)
    assert (found, measured["activations_with_fewer_epochs"]) == ("refuted", 0)
    assert "ReLU 20 × 64: median epochs" in texts[3]


@pytest.mark.parametrize(("first", "expected"), [(0.85, "confirmed"), (0.8405, "confirmed"), (0.835, "refuted")])
def test_as_first_layer(first, expected):
    noise = 0.003 * np.array([1, -1] * 5) * np.sqrt(9 / 10)  # standard deviation 0.003

    def value_of(arm, _):
        return {"each": 0.842, "one": 0.838, "raw,": first, "raw": 0.7}[arm.split()[0]] + noise

    found, measured, texts = conclusion("CL-26", value_of, value_of)
    assert found == expected
    assert measured["shortfall_in_seed_sds"] == pytest.approx((0.842 - first) / 0.003, rel=1e-3, abs=1e-3)
    assert "standard deviation over seeds, pooled: 0.003" in texts


def test_what_is_provable_can_be_refuted():
    assert conclusion("CL-27", lambda arm, metric: 0.0 if "training" in metric else 5.0)[0] == "confirmed"
    assert conclusion("CL-27", lambda arm, metric: 5.0)[0] == "refuted"
    counts = {"total": 271346, "trained": 268978, "estimated": 2368, "total_before": 270946}
    assert conclusion("CL-28", lambda arm, metric: counts[metric])[0] == "confirmed"
    assert conclusion("CL-28", lambda arm, metric: counts[metric] + 1)[0] == "refuted"
    small, ordinary = np.full(10, 1e-8), np.full(10, 0.1)
    values = lambda arm, metric: small if "bias" in metric else ordinary  # noqa: E731
    assert conclusion("CL-29", values)[0] == "confirmed"
    large_once = lambda arm, metric: np.array([1e-8] * 9 + [1e-3]) if "bias" in metric else ordinary  # noqa: E731
    assert conclusion("CL-29", large_once)[0] == "refuted"
