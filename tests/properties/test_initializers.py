"""Initializers: what must hold for every shape, scale, mode and law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handson11.initializers import (
    DISTRIBUTIONS,
    MODES,
    VarianceScaling,
    compute_fans,
    he_scale,
    sample,
    truncated_normal_std,
    uniform_limit,
    variance,
)

SIZES = st.integers(1, 40)
SHAPES = st.lists(SIZES, min_size=0, max_size=4).map(tuple)
SCALES = st.floats(0.01, 100)


@given(SHAPES)
def test_fans_count_the_weights(shape):
    fan_in, fan_out = compute_fans(shape)
    if len(shape) >= 2:
        assert fan_in * shape[-1] == fan_out * shape[-2] == math.prod(shape)
    else:
        assert fan_in == fan_out == math.prod(shape)


@given(SHAPES, SCALES)
def test_glorot_lies_between_the_two_one_sided_rules(shape, scale):
    by_mode = [variance(shape, scale, mode) for mode in MODES]
    assert min(by_mode[:2]) * (1 - 1e-12) <= by_mode[2] <= max(by_mode[:2]) * (1 + 1e-12)
    harmonic = 2 / (1 / by_mode[0] + 1 / by_mode[1])
    assert by_mode[2] == pytest.approx(harmonic, rel=1e-12)


@given(SHAPES, SCALES, st.sampled_from(MODES))
def test_variance_is_proportional_to_the_scale(shape, scale, mode):
    assert variance(shape, scale, mode) == pytest.approx(scale * variance(shape, 1.0, mode), rel=1e-12)


@given(st.floats(1e-12, 1e12))
def test_the_limit_has_the_wanted_variance(wanted):
    assert uniform_limit(wanted) ** 2 / 3 == pytest.approx(wanted, rel=1e-12)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_a_wider_cut_keeps_more(one, other):
    low, high = sorted((one, other))
    assert 0 < truncated_normal_std(low) <= truncated_normal_std(high) + 1e-9
    assert truncated_normal_std(high) <= 1


@given(st.floats(-1e6, 1e6))
def test_he_scale_restores_a_leaky_signal(slope):
    assert 0 < he_scale(slope) <= 2
    assert he_scale(slope) * (1 + slope**2) / 2 == pytest.approx(1, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.tuples(SIZES, SIZES), SCALES, st.sampled_from(MODES), st.sampled_from(DISTRIBUTIONS), st.integers(0, 2**31))
def test_both_samplers_stay_inside_the_law(shape, scale, mode, distribution, seed):
    std = math.sqrt(variance(shape, scale, mode))
    widest = {"uniform": math.sqrt(3), "truncated_normal": 2 / 0.8796256610342398, "untruncated_normal": 7}[
        distribution
    ]
    for weights in (
        sample(shape, scale, mode, distribution, seed),
        np.asarray(VarianceScaling(scale, mode, distribution, seed)(shape)),
    ):
        assert weights.shape == shape
        assert abs(weights).max() <= widest * std * (1 + 1e-6)
