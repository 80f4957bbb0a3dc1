"""Sections 11.3.3 and 11.3.4: what their runs measure, and that each of their conclusions can come out either way."""

import math

import numpy as np
import pytest

from handson11 import optimizers
from handson11.claims.adaptive import LONG, QUADRATICS
from handson11.claims.runs import adaptive as runs
from tests.unit.made_up_results import conclusion

NAN = math.nan


def test_watch_shows_squares_and_rates_worked_out_by_hand():
    rule = optimizers.Adagrad(1.0, initial_accumulator_value=0.0, epsilon=0.0)
    positions, squares, rates = runs.watch(rule, lambda theta, t: [[3.0], [4.0]][t - 1], [0.0], 2)
    np.testing.assert_allclose(squares, [[9.0], [25.0]])
    np.testing.assert_allclose(rates, [[1 / 3], [1 / 5]])
    np.testing.assert_allclose(positions, [[0.0], [-1.0], [-1.8]])
    rule = optimizers.RMSprop(1.0, rho=0.75, epsilon=0.0)
    _, squares, rates = runs.watch(rule, lambda theta, t: [2.0], [0.0], 2)
    np.testing.assert_allclose(squares, [[1.0], [1.75]])
    np.testing.assert_allclose(rates, [[1.0], [1 / math.sqrt(1.75)]])


BOWL = {"condition_number": 1, "degrees": 0, "start": [2.0, 0.0], "steps": 4, "tolerance": 1e-3}


def test_a_walk_on_a_round_bowl():
    # from 2 with gradient 2: the first step of AdaGrad is the rate
    found = runs.on_quadratic({**BOWL, "optimizer": "adagrad", "rates": [2.0, 0.5]})
    assert found["distance_2"] == pytest.approx(0.0, abs=1e-6)
    assert found["steps_2"] == 1
    second = 1.5 - 0.5 * 1.5 / math.sqrt(2.0**2 + 1.5**2)
    third = second - 0.5 * second / math.sqrt(2.0**2 + 1.5**2 + second**2)
    fourth = third - 0.5 * third / math.sqrt(2.0**2 + 1.5**2 + second**2 + third**2)
    assert found["distance_0.5"] == pytest.approx(fourth, rel=1e-6)
    assert found["late_0.5"] == pytest.approx(fourth, rel=1e-6)
    assert found["steps_0.5"] == math.inf
    assert found["rises_0.5"] == 0


def test_rates_of_rmsprop_rise_and_it_stays_half_a_rate_away():
    # the first step of RMSProp is √10 rates: from 2 to 0; the gradient is then 0, so that s falls and the rate rises
    lucky = runs.on_quadratic({**BOWL, "optimizer": "rmsprop", "rates": [2 / math.sqrt(10)]})
    assert lucky["distance_0.632456"] < 1e-6
    assert lucky["rises_0.632456"] == 3
    far = runs.on_quadratic({**BOWL, "optimizer": "rmsprop", "rates": [0.1], "steps": 400})
    assert far["late_0.1"] == pytest.approx(0.05, rel=0.05)  # half a rate, for one weight
    assert far["distance_0.1"] <= far["late_0.1"]


def test_the_bowl_is_turned():
    turned = {**BOWL, "condition_number": 4, "degrees": 45, "optimizer": "adagrad", "rates": [0.1], "steps": 1}
    # at (2, 0) the gradient is (5, ±3): AdaGrad moves both weights by the rate
    found = runs.on_quadratic(turned)
    assert found["distance_0.1"] == pytest.approx(math.hypot(1.9, 0.1), rel=1e-6)


def test_a_constant_gradient():
    settings = {"learning_rate": 0.01, "steps": 400}
    settled = runs.constant_gradient({**settings, "optimizer": "rmsprop", "gradient": -3.0})
    assert settled["rate_error"] < 1e-7
    tiny = runs.constant_gradient({**settings, "optimizer": "rmsprop", "gradient": 0.001})
    assert tiny["share"] == pytest.approx(0.001 / math.sqrt(1.1e-6), rel=1e-6)  # ε in the root
    falling = runs.constant_gradient({**settings, "optimizer": "adagrad", "gradient": 3.0})
    assert falling["share"] == pytest.approx(1 / 20, rel=1e-6)


def test_long_training_reads_the_loss_of_single_epochs():
    small = LONG.reduced(fixed={"n": 256, "epochs": 3, "read_at": [1, 3, 9]})
    found = runs.long_training(small.configuration("AdaGrad, 0.03", 0, source="stand-in"))
    assert found["loss_at_1"] == found["epoch_losses"][0]
    assert found["loss_at_3"] == found["epoch_losses"][2]
    assert math.isnan(found["loss_at_9"])
    assert (found["epochs"], found["diverged"]) == (3, 0)


def test_frequent_and_rare_words():
    x, labels = runs.words_and_labels(np.random.default_rng(0), 20000, np.array([50.0, 0.0, 0.0, -100.0]))
    np.testing.assert_allclose(x.mean(axis=0), [0.5, 0.25, 1 / 6, 0.125], atol=0.02)
    assert set(np.unique(x)) == {0.0, 1.0}
    assert labels[(x[:, 0] == 1) & (x[:, 3] == 0)].mean() == 1.0
    assert labels[x[:, 3] == 1].mean() == 0.0
    assert labels[(x[:, 0] == 0) & (x[:, 3] == 0)].mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adagrad", "rmsprop"])
def test_logistic_regression_learns_and_a_rate_of_zero_leaves_log_2(rule):
    settings = {"optimizer": rule, "words": 20, "n": 1000, "batch_size": 10, "seed": 1}
    none = runs.sparse_logistic({**settings, "learning_rate": 0.0})
    assert none["test_loss"] == pytest.approx(math.log(2))
    learned = runs.sparse_logistic({**settings, "learning_rate": 0.05})
    assert learned["test_loss"] < 0.65
    assert learned["test_accuracy"] > none["test_accuracy"]
    assert learned["diverged"] == 0


def bowls(distance=1e-9, rises=0, late=0.7):
    """Every walk comes as near as ``distance``, at rate 0.001 only to 0.9; it stays ``late`` rates away."""

    def values(arm, metric):
        what, _, rate = metric.partition("_")
        near = 0.9 if rate == "0.001" else distance
        steps = 50.0 if near < 1e-6 else math.inf
        return {"distance": near, "rises": rises, "late": late * float(rate), "steps": steps}[what]

    return values


@pytest.mark.parametrize(
    ("distance", "rises", "expected"),
    [(1e-2, 0, "confirmed"), (1e-4, 0, "partly"), (1e-9, 0, "refuted"), (1e-9, 3, "refuted"), (1e-2, 1, "open")],
)
def test_cl_62(distance, rises, expected):
    verdict, measured, _ = conclusion("CL-62", bowls(distance, rises), lambda arm, metric: 0.1)
    assert verdict == expected
    assert measured == {"distance": distance, "rate_rises": 7 * rises}


def test_cl_62_tells_where_no_rate_arrives_and_averages_no_lost_run():
    def losses(arm, metric):
        return np.where(np.arange(10) < 1, NAN, 0.2) if arm == "RMSProp, 0.001" else 0.1

    _, _, texts = conclusion("CL-62", bowls(1e-4), losses)
    assert "κ = 1000, turned by 45°: no rate comes within 1e-6, smallest distance: 0.0001" in texts
    assert "100 epochs, RMSProp, rate 0.001: training loss, median: –" in texts
    assert "100 epochs, AdaGrad, rate 0.03: training loss, median: 0.1 [0.1, 0.1], n = 10" in texts
    _, _, texts = conclusion("CL-62", bowls(1e-9), losses)
    assert "κ = 100, turned by 45°: steps to 1e-6 at the best rate: 50" in texts
    assert "κ = 100: number of rates (of 7) that come within 1e-6: 6" in texts


def constant(error=1e-9):
    return lambda arm, metric: error if metric == "rate_error" else 0.5


def race(ratio, spread=0.0, lost=()):
    """AdaGrad ends at ``ratio`` times RMSProp's loss, with every second seed above it and every second one below."""

    def values(arm, metric):
        if metric == "test_accuracy":
            return 0.84 if arm == "AdaGrad" else 0.85
        if metric != "train_loss":
            return 1.0
        signs = np.where(np.arange(10) % 2, 1.0, -1.0)
        losses = 0.2 * ratio * np.exp(spread * signs) if arm == "AdaGrad" else np.full(10, 0.2)
        return np.where(arm in lost, NAN, 1.0) * losses

    return values


@pytest.mark.parametrize(
    ("error", "of_race", "expected"),
    [
        (1e-9, race(1.2, 0.1), "confirmed"),
        (1e-3, race(1.2, 0.1), "partly"),
        (1e-9, race(0.9, 0.01), "refuted"),
        (1e-9, race(1.0, 0.01), "refuted"),
        (1e-9, race(1.0, 0.3), "open"),
        (1e-9, race(1.2, lost=("AdaGrad",)), "open"),
    ],
)
def test_cl_63(error, of_race, expected):
    assert conclusion("CL-63", constant(error), of_race, race(1.0), bowls())[0] == expected


def test_cl_63_gives_a_geometric_mean_and_the_nearest_late_distance():
    def values(arm, metric):
        losses = np.array([0.1, 0.4] * 5) if arm == "AdaGrad" else 0.1
        return losses if metric == "train_loss" else 0.85

    _, measured, texts = conclusion("CL-63", constant(), values, race(2.0), bowls(late=0.707))
    assert measured["loss_ratio_low"] < 2 < measured["loss_ratio_high"]  # the geometric mean of 1 and 4
    assert texts[0].startswith("training loss, AdaGrad / RMSProp, 3 hidden layers: 2 [")
    assert "training loss, AdaGrad / RMSProp, 10 hidden layers: 2 [2, 2], n = 10" in texts
    assert "quadratic, κ = 1000: nearest late distance of RMSProp / rate: 0.707" in texts
    assert "gain in test accuracy, 10 hidden layers: 0.01 [0.01, 0.01], n = 10" in texts


def test_the_declared_bowls_have_one_arm_for_each_bowl_and_rule():
    assert len(QUADRATICS.arms) == 9
    assert QUADRATICS.configuration("RMSProp, κ = 10, 45°", 0)["start"] == [1.0, 0.3]
