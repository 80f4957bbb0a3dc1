"""What must hold for every gradient: never longer than the threshold, never longer than before, same direction."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from handson11.clipping import angle_between, clip_by_global_norm, clip_by_norm, clip_by_value, global_norm

ENTRIES = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
GRADIENTS = arrays("float32", array_shapes(max_dims=3, max_side=5), elements=ENTRIES)
LISTS = st.lists(GRADIENTS, min_size=1, max_size=4)
THRESHOLDS = st.floats(1e-6, 1e6)
ROUNDING = 1 + 1e-5


def length(gradients):
    """The norm in double precision, by the textbook formula."""
    return float(np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in gradients)))


@given(GRADIENTS, THRESHOLDS)
def test_value_bounds_every_entry_and_keeps_the_signs(gradient, c):
    clipped = clip_by_value(gradient, c)
    assert np.all(np.abs(clipped) <= np.float32(c))
    assert np.all(np.abs(clipped) <= np.abs(gradient))
    np.testing.assert_array_equal(np.sign(clipped), np.sign(gradient))
    np.testing.assert_array_equal(clip_by_value(clipped, c), clipped)


@given(GRADIENTS, THRESHOLDS)
def test_norm_is_at_most_the_threshold(gradient, c):
    clipped = clip_by_norm(gradient, c)
    assert clipped.shape == gradient.shape
    assert clipped.dtype == gradient.dtype
    assert length([clipped]) <= min(c, length([gradient])) * ROUNDING
    assert np.all(np.abs(clipped) <= np.abs(gradient))
    if length([gradient]) > c:
        assert length([clipped]) >= c / ROUNDING


@given(LISTS, THRESHOLDS)
def test_global_norm_is_at_most_the_threshold_and_direction_is_kept(gradients, c):
    clipped = clip_by_global_norm(gradients, c)
    assert length(clipped) <= min(c, length(gradients)) * ROUNDING
    together = np.concatenate([np.float64(g).ravel() for g in gradients])
    factor = min(1, c / length(gradients)) if length(gradients) else 1
    np.testing.assert_allclose(
        np.concatenate([g.ravel() for g in clipped]), factor * together, rtol=1e-5, atol=1e-6 * c
    )


@given(LISTS, THRESHOLDS)
def test_clipping_twice_is_clipping_once(gradients, c):
    once = clip_by_global_norm(gradients, c)
    for one, other in zip(once, clip_by_global_norm(once, c), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=0)


@given(arrays("float64", 4, elements=st.floats(-1e3, 1e3).filter(lambda v: v == 0 or abs(v) > 1e-3)), THRESHOLDS)
def test_norm_clipping_does_not_turn_and_value_clipping_turns_less_than_90_degrees(gradient, c):
    if not np.any(gradient):
        assert np.isnan(angle_between(gradient, clip_by_norm(gradient, c)))
        return
    assert angle_between(gradient, clip_by_norm(gradient, c)) < 1e-4
    assert angle_between(gradient, clip_by_value(gradient, c)) < 90


@given(LISTS)
def test_global_norm_equals_the_textbook_formula_in_double_precision(gradients):
    np.testing.assert_allclose(float(global_norm(gradients)), length(gradients), rtol=1e-5)


@given(LISTS, st.floats(0.1, 10))
def test_one_tensor_alone_is_clipped_the_same_way_by_both_norm_rules(gradients, c):
    np.testing.assert_allclose(
        clip_by_norm(gradients[0], c), clip_by_global_norm(gradients[:1], c)[0], rtol=1e-6, atol=0
    )
