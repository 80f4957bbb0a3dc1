"""What holds for every batch: hypothesis looks for one that breaks it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from handson11.normalization import batch_norm, batch_norm_backward, batch_statistics, moving_average, scale_and_shift

NUMBERS = st.floats(-100, 100, allow_nan=False, width=32)
BATCHES = arrays.arrays(
    "float64", arrays.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5), elements=NUMBERS
)


@settings(deadline=None)
@given(BATCHES)
def test_centred_and_at_most_one_wide(x):
    mean, variance = batch_statistics(batch_norm(x))
    np.testing.assert_allclose(mean, 0, atol=1e-8)
    assert np.all(variance <= 1 + 1e-9)


@settings(deadline=None)
@given(BATCHES, st.floats(0.5, 20), st.floats(-50, 50))
def test_a_bias_and_a_factor_before_it_change_nothing(x, factor, bias):
    # only ε notices the factor: scale it along
    np.testing.assert_allclose(batch_norm(factor * x + bias, epsilon=factor**2 * 1e-3), batch_norm(x), atol=1e-6)


@settings(deadline=None)
@given(BATCHES)
def test_statistics_are_those_of_numpy(x):
    others = tuple(range(x.ndim - 1))
    mean, variance = batch_statistics(x)
    np.testing.assert_allclose(mean, np.mean(x, axis=others), atol=1e-9)
    np.testing.assert_allclose(variance, np.var(x, axis=others), atol=1e-7)


@settings(deadline=None)
@given(BATCHES, st.randoms(use_true_random=False))
def test_masking_equals_leaving_out(x, random):
    mask = np.array([random.random() < 0.5 for _ in range(x[..., 0].size)]).reshape(x.shape[:-1])
    mean, variance = batch_statistics(x, mask=mask)
    kept = x[mask]
    expected_mean, expected_variance = (kept.mean(axis=0), kept.var(axis=0)) if len(kept) else (0 * mean, 0 * mean)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-9)
    np.testing.assert_allclose(variance, expected_variance, atol=1e-7)


@settings(deadline=None)
@given(BATCHES)
def test_the_gradient_has_no_part_along_the_batch_or_its_normalized_values(x):
    rng = np.random.default_rng(0)
    gradient_x, _, _ = batch_norm_backward(rng.normal(size=x.shape), x, epsilon=1.0)
    others = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(gradient_x.sum(axis=others), 0, atol=1e-8)


@settings(deadline=None)
@given(BATCHES)
def test_inference_with_the_batch_statistics_equals_training(x):
    mean, variance = batch_statistics(x)
    np.testing.assert_array_equal(batch_norm(x, mean=mean, variance=variance), batch_norm(x))
    scale, shift = scale_and_shift(mean, variance)
    np.testing.assert_array_equal(x * scale + shift, batch_norm(x))


@given(NUMBERS, NUMBERS, st.floats(0, 1))
def test_a_moving_average_stays_between_old_and_new(old, new, momentum):
    average = moving_average(old, new, momentum)
    assert min(old, new) - 1e-9 <= average <= max(old, new) + 1e-9
