"""Runs judged by their training losses: each epoch's, and the epochs to reach one."""

import math

import pytest

from handson11.claims.runs import losses

SMALL = {"arguments": {"depth": 1, "width": 8}, "n": 256, "seed": 0, "source": "stand-in", "learning_rate": 0.01}


def test_losses_of_epochs_are_separate_measurements():
    record = losses.with_losses({**SMALL, "epochs": 3})
    assert "epoch_losses" not in record
    assert record["loss_3"] < record["loss_1"]
    assert "loss_4" not in record


def test_epochs_to_a_loss_and_what_is_left_to_it():
    record = losses.train_to_losses({**SMALL, "epochs": 3, "targets": [1e-9, 100.0]})
    epochs = record["epoch_losses"]
    assert (record["epochs_to_1e-09"], record["epochs_to_100"]) == (math.inf, 1.0)
    assert record["pace"] == pytest.approx(3 + epochs[2] - 1e-9)
    between = (epochs[0] + epochs[1]) / 2
    record = losses.train_to_losses({**SMALL, "epochs": 3, "targets": [between]})
    assert record[f"epochs_to_{between:g}"] == pytest.approx(1.5, rel=1e-3)
    assert record["pace"] == record[f"epochs_to_{between:g}"]


def test_a_diverged_run_has_no_epochs():
    record = losses.train_to_losses({**SMALL, "learning_rate": 1e30, "epochs": 2, "targets": [100.0]})
    assert record["diverged"] == 1
    assert math.isnan(record["epochs_to_100"])
    assert math.isnan(record["pace"])
