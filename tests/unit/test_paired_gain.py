"""Scratch against transfer on pairs of classes."""

import numpy as np
import pytest

from handson11.transfer.study import PairedGain, paired_gain

TINY = {"model": "handson11.models:dense_stack", "arguments": {"depth": 1, "width": 4}}


def test_one_record_for_each_pair_and_label_count():
    found = paired_gain([(5, 6), (0, 2)], [4, 6], [0, 1], TINY, [0.01], 1, 1, 20, source="stand-in")
    assert [(one.pair, one.labels) for one in found] == [((5, 6), 4), ((5, 6), 6), ((0, 2), 4), ((0, 2), 6)]
    for one in found:
        assert one.scratch.shape == one.transfer.shape == (2,)
        assert set(one.learning_rates) == {"scratch", "transfer"}
        assert set(one.learning_rates.values()) == {0.01}
    assert found[0].learning_rates == found[2].learning_rates  # one rate for all pairs


def test_gains_and_their_spread():
    found = PairedGain((5, 6), 20, np.array([0.9, 0.8, 0.7]), np.array([0.95, 0.8, 0.8]), {})
    assert found.gains == pytest.approx([0.05, 0.0, 0.1])
    assert found.mean == pytest.approx(0.05)
    assert 0 <= found.interval.low < 0.05 < found.interval.high <= 0.1 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pairs": []}, "pairs"),
        ({"pairs": [(5, 5)]}, "pairs"),
        ({"pairs": [(5, 10)]}, "pairs"),
        ({"labels": [3]}, "labels"),
        ({"seeds": [0]}, "seeds"),
        ({"network": "recurrent"}, "network"),
        ({"free_steps": 0}, "free_steps"),
        ({"source_labels": 0}, "source_labels"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"`{message}` must"):
        paired_gain(**{"pairs": [(5, 6)], **arguments})
