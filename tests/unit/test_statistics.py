"""Intervals, paired comparisons and Holm's correction: results that counting signs on paper gives, and edge cases."""

import math

import numpy as np
import pytest

from handson11.experiments.statistics import Interval, all_pairs, compare_pair, holm, interval

NAN = math.nan


def test_interval_of_two_values_runs_from_one_to_the_other():
    # Four samples are equally likely: (1, 1), (1, 2), (2, 1), (2, 2). Their outer 2.5 % are the values themselves.
    assert interval([1.0, 2.0]) == Interval(1.5, 1.0, 2.0, 2)


def test_interval_holds_the_true_mean_about_as_often_as_documented():
    rng = np.random.default_rng(3)
    held = [result.low <= 0 <= result.high for result in (interval(rng.normal(size=10)) for _ in range(300))]
    assert 0.86 < np.mean(held) < 0.96  # 91 % with a standard error of 1.6


def test_interval_leans_to_the_long_tail():
    result = interval([0.0, 0.0, 0.1, 0.1, 0.2, 0.2, 0.3, 3.0])
    assert result.high - result.value > 1.5 * (result.value - result.low)


def test_interval_is_reproducible_moves_with_the_values_and_grows_with_the_confidence():
    values = np.array([0.86, 0.87, 0.88, 0.88, 0.91, 0.93])
    first = interval(values)
    assert interval(list(values)) == first
    assert interval(values, seed=1) != first
    moved = interval(values + 1)
    assert (moved.low, moved.high) == pytest.approx((first.low + 1, first.high + 1))
    wide = interval(values, confidence=0.99)
    assert wide.low < first.low < first.value < first.high < wide.high


def test_interval_of_another_statistic():
    values = [1.0, 2.0, 3.0, 4.0, 50.0]
    result = interval(values, np.median)
    assert result.value == 3.0 and {result.low, result.high} <= set(values)


def test_interval_of_equal_values():
    assert interval([0.5] * 4) == Interval(0.5, 0.5, 0.5, 4)
    assert interval([0.5] * 4, np.std) == Interval(0.0, 0.0, 0.0, 4)


def test_interval_without_a_bca_result_takes_plain_quantiles():
    # Leaving out one value never moves the median of (1, 1, 1, 1, 5), so BCa divides 0 by 0. The share of samples with
    # three or more fives of five is 10 · .2³ · .8² + 5 · .2⁴ · .8 + .2⁵ = 5.8 %, more than 2.5 %.
    assert interval([1.0, 1.0, 1.0, 1.0, 5.0], np.median) == Interval(1.0, 1.0, 5.0, 5)


@pytest.mark.parametrize("lost", [NAN, math.inf, -math.inf])
def test_a_diverged_run_has_no_value(lost):
    with pytest.raises(ValueError, match="a diverged run has no value, count it instead"):
        interval([0.9, lost, 0.8])
    with pytest.raises(ValueError, match="`b` must .* count it instead"):
        compare_pair([0.9, 0.8], [0.9, lost])


@pytest.mark.parametrize("values", [[], [0.9]])
def test_one_run_has_no_spread(values):
    with pytest.raises(ValueError, match="`values` must hold at least 2 values"):
        interval(values)
    with pytest.raises(ValueError, match="`a` must hold at least 2 values"):
        compare_pair(values, values, lost="worst")


def test_arguments_of_interval():
    with pytest.raises(ValueError, match="`values` must be a sequence of numbers"):
        interval([[0.9, 0.8]])
    with pytest.raises(ValueError, match=r"`confidence` must be in \(0, 1\)"):
        interval([0.9, 0.8], confidence=95)


@pytest.mark.parametrize("n", [4, 5, 6, 10])
def test_smallest_p_is_one_half_to_the_number_of_seeds(n):
    a, b = np.arange(n) ** 2.0 + 1, np.zeros(n)
    assert compare_pair(a, b, "greater").p == 0.5**n
    assert compare_pair(a, b).p == 2 * 0.5**n
    assert compare_pair(a, b, "less").p == 1.0


def test_p_counted_on_paper():
    # Differences 1, 2, 3, -4: W+ = 6. Of the 16 sign patterns, W+ >= 6 for the sums of {1, 2, 3, 4} that reach 6:
    # 10, 9, 8, 7, 7, 6, 6 → 7 of 16. W+ <= 6: 16 − 5 = 11 of 16.
    a, b = [1.0, 2.0, 3.0, 0.0], [0.0, 0.0, 0.0, 4.0]
    assert compare_pair(a, b, "greater").p == pytest.approx(7 / 16)
    assert compare_pair(a, b, "less").p == pytest.approx(11 / 16)
    assert compare_pair(a, b).p == pytest.approx(14 / 16)


def test_p_with_differences_of_equal_size():
    # Differences 1, 1, 1, -1: all ranks are 2.5 and W+ = 7.5; 1 + 4 of the 16 sign patterns reach that.
    assert compare_pair([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], "greater").p == pytest.approx(5 / 16)


def test_rounding_does_not_order_equal_differences():
    # 0.1 + 0.2 differs from 0.3 in the last bit, and so do these differences of 0.1 in size.
    a, b = [0.3, 0.4, 0.8, 0.0], [0.2, 0.3, 0.7, 0.1]
    assert len({abs(x - y) for x, y in zip(a, b, strict=True)}) > 1
    assert compare_pair(a, b, "greater").p == pytest.approx(5 / 16)


def test_ties_do_not_count():
    result = compare_pair([2.0, 3.0, 1.0, 5.0], [1.0, 1.0, 1.0, 1.0], "greater")
    assert (result.n, result.wins, result.ties, result.p) == (4, 3, 1, 1 / 8)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_no_difference_at_all(alternative):
    result = compare_pair([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], alternative)
    assert (result.difference, result.low, result.high, result.wins, result.ties, result.p) == (0, 0, 0, 0, 3, 1.0)


def test_interval_of_a_pair_is_that_of_the_differences():
    a, b = np.array([5.0, 7.0, 4.0, 9.0]), np.array([4.0, 5.0, 5.0, 5.0])
    result, expected = compare_pair(a, b, confidence=0.9), interval([1.0, 2.0, -1.0, 4.0], confidence=0.9)
    assert (result.difference, result.low, result.high) == (1.5, expected.low, expected.high)


def test_pairing_matters():
    seeds = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    gain = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    assert compare_pair(seeds + gain, seeds, "greater").p == 1 / 64
    assert compare_pair((seeds + gain)[::-1], seeds, "greater").p > 0.2


def test_lost_runs_rank_below_all_others():
    # b is ahead by a little where both live; a lost pair outranks that. Ranks 1 and 2 against rank 3: W+ = 3, which
    # 5 of the 8 sums of {1, 2, 3} reach.
    result = compare_pair([0.8, 0.7, 0.6], [0.9, 0.9, NAN], "greater", lost="worst")
    assert (result.n, result.wins, result.ties, result.p) == (3, 1, 0, pytest.approx(5 / 8))
    assert all(math.isnan(value) for value in (result.difference, result.low, result.high))


def test_lost_runs_of_both_arms():
    result = compare_pair([NAN, 0.7, NAN, math.inf], [0.9, NAN, NAN, 0.5], "two-sided", lost="worst")
    # Signs −, +, tie, −, all of equal size: ranks 2, W+ = 2; 4 of 8 patterns have W+ <= 2.
    assert (result.n, result.wins, result.ties, result.p) == (4, 1, 1, 1.0)
    result = compare_pair([NAN] * 3, [math.inf] * 3, lost="worst")
    assert (result.wins, result.ties, result.p) == (0, 3, 1.0)


def test_worst_without_a_lost_run_changes_nothing():
    a, b = [0.9, 0.8, 0.7], [0.8, 0.9, 0.3]
    assert compare_pair(a, b, lost="worst") == compare_pair(a, b)


def test_arguments_of_compare_pair():
    with pytest.raises(ValueError, match="`b` must have one value for each of the 3 values of `a`"):
        compare_pair([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="`alternative` must be one of"):
        compare_pair([1, 2], [1, 2], "larger")
    with pytest.raises(ValueError, match="`lost` must be one of"):
        compare_pair([1, 2], [1, 2], lost="drop")


def test_holm_by_hand():
    # 0.01 · 4 = 0.04; 0.02 · 3 = 0.06; 0.03 · 2 = 0.06; 0.04 · 1 = 0.04, lifted to 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # 0.005 · 3 = 0.015; 0.3 · 2 = 0.6; 0.7 · 1 = 0.7.
    assert holm((0.3, 0.005, 0.7)) == pytest.approx([0.6, 0.015, 0.7])


def test_holm_stops_at_one_and_treats_equal_values_alike():
    assert holm([0.5, 0.75, 1.0]) == [1.0, 1.0, 1.0]
    assert holm([0.125, 0.125]) == [0.25, 0.25]


def test_holm_keeps_the_form():
    assert holm([]) == [] and holm({}) == {}
    assert holm([0.03]) == [0.03]
    assert holm(np.array([0.25, 0.125])) == [0.25, 0.25]
    assert list(holm({"second": 0.5, "first": 0.125}).items()) == [("second", 0.5), ("first", 0.25)]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, NAN])
def test_holm_needs_p_values(wrong):
    with pytest.raises(ValueError, match=r"`p_values` must hold numbers in \[0, 1\]"):
        holm([0.5, wrong])
    with pytest.raises(TypeError, match="`p_values` must hold numbers"):
        holm(["0.5"])


def test_all_pairs():
    groups = {"a": [5.0, 6.0, 7.0, 8.0], "b": [4.0, 4.0, 4.0, 4.0], "c": [4.0, 4.0, 4.0, 5.0]}
    pairs = all_pairs(groups, "greater")
    assert [list(pair) for pair in pairs] == [
        ["first", "second", "difference", "low", "high", "wins", "n", "p", "p_holm"]
    ] * 3
    assert [(pair["first"], pair["second"]) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair["difference"] for pair in pairs] == [2.5, 2.25, -0.25]
    assert [pair["wins"] for pair in pairs] == [4, 4, 0]
    assert [pair["p"] for pair in pairs] == [1 / 16, 1 / 16, 1.0]
    assert [pair["p_holm"] for pair in pairs] == [3 / 16, 3 / 16, 1.0]


def test_all_pairs_with_a_lost_run():
    groups = {"a": [0.9, 0.8], "b": [0.7, NAN]}
    with pytest.raises(ValueError, match="count it instead"):
        all_pairs(groups)
    (pair,) = all_pairs(groups, lost="worst")
    assert pair["wins"] == 2 and math.isnan(pair["difference"])


def test_arguments_of_all_pairs():
    with pytest.raises(TypeError, match="`groups` must be a dict"):
        all_pairs([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="`groups` must hold at least 2 arms"):
        all_pairs({"a": [1, 2]})
