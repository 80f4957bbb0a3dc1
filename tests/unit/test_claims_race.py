"""The race of section 11.3: how soon a loss is low, and that all optimizers get the same chances."""

import math

import numpy as np
import pytest

from handson11.claims import race as studies
from handson11.claims.runs import race as runs
from handson11.experiments import train

SMALL = {
    "arguments": {"depth": 1, "width": 8},
    "n": 256,
    "batch_size": 16,
    "epochs": 2,
    "seed": 0,
    "source": "stand-in",
    "learning_rate": 0.01,
}


@pytest.mark.parametrize(
    ("losses", "target", "by_hand"),
    [
        ([1.0] * 20 + [0.0] * 20, 0.6, 1.5),  # after 30 steps half of the last 20 losses are 0: mean 0.5
        ([1.0] * 20 + [0.0] * 20, 0.5, 2.0),  # 0.5 is not below 0.5, so ten steps later
        ([0.1] * 40, 0.5, 0.5),  # the first reading is after ten steps, of ten losses
        ([1.0] * 40, 0.5, math.inf),
        ([math.nan] * 40, 0.5, math.inf),
        ([1.0] * 9 + [0.0] * 9, 0.9, math.inf),  # mean of the first ten: 0.9, not below; 18 steps are not read again
    ],
)
def test_epochs_below_by_hand(losses, target, by_hand):
    assert runs.epochs_below(losses, target, per_epoch=20) == by_hand


def test_epochs_below_reads_every_few_steps():
    losses = [4.0, 3.0, 2.0, 1.0, 0.0, 0.0]
    # means of the last two, read after steps 2, 4 and 6: 3.5, 1.5, 0
    assert runs.epochs_below(losses, 2.0, per_epoch=2, every=2) == 2.0
    assert runs.epochs_below(losses, 1.5, per_epoch=2, every=2) == 3.0
    assert runs.epochs_below(losses, 1.5, per_epoch=2, every=1) == 2.5  # after step 5: (1 + 0) / 2


def test_a_run_of_the_race_is_a_training_run_with_a_pace():
    record = runs.race({**SMALL, "targets": [100.0, 1e-9]})
    trained = train(SMALL)
    for name in ("train_loss", "validation_accuracy", "test_accuracy", "epoch_losses", "diverged", "epochs"):
        assert record[name] == trained[name]
    assert record["epochs_to_100"] == 10 / 16  # 256 / 16 steps an epoch, the first reading after ten
    assert record["epochs_to_1e-09"] == math.inf
    assert record["pace"] == pytest.approx(2 + trained["epoch_losses"][1] - 1e-9)
    assert runs.race({**SMALL, "targets": [1e-9, 100.0]})["pace"] == 10 / 16  # the last target is what counts


def test_a_diverged_run_has_no_pace():
    record = runs.race({**SMALL, "learning_rate": 1e30, "targets": [100.0]})
    assert record["diverged"] == 1
    assert math.isnan(record["pace"])
    assert math.isnan(record["epochs_to_100"])


def test_the_second_of_two_equal_runs_is_timed(monkeypatch):
    calls, clock = [], iter([10.0, 16.0])

    class Trainer:
        def run(self, task, seed, rate, epochs, batch_size):
            calls.append((seed, rate, epochs, batch_size))

    monkeypatch.setattr(runs, "trainer_of", lambda configuration: Trainer())
    monkeypatch.setattr(runs.time, "perf_counter", lambda: (calls.append("clock"), next(clock))[1])
    assert runs.seconds_per_epoch({**SMALL, "epochs": 3}) == {"seconds": 2.0}  # 6 seconds for 3 epochs
    one_run = (0, 0.01, 3, 16)
    assert calls == [one_run, "clock", one_run, "clock"]


def test_every_grid_has_ten_rates_in_steps_of_about_two():
    assert studies.grid(0.0001, 4) == (0.0001, 0.0002, 0.0005, 0.001)
    for _, rates in studies.OPTIMIZERS.values():
        assert len(rates) == 10
        ratios = np.divide(rates[1:], rates[:-1])
        assert set(ratios.round(6)) == {2.0, 2.5}
    assert studies.RACE.rates == studies.DEEP_RACE.rates


def test_the_race_is_tuned_on_the_training_loss_with_seeds_of_its_own():
    for experiment in (studies.RACE, studies.DEEP_RACE):
        assert (experiment.tuned_by, experiment.best) == ("train_loss", "lowest")
        assert not set(experiment.seeds) & set(experiment.tuning_seeds)
        assert len(experiment.seeds) == 10


def test_one_rate_for_all_means_one_rate():
    rates = {arm: settings["learning_rate"] for arm, settings in studies.ONE_RATE.arms.items()}
    assert rates["Adam, 0.01"] == rates["SGD, 0.01"] == 0.01
    assert rates["Adam, 0.001"] == rates["SGD, 0.001"] == 0.001
    assert len(rates) == 16
