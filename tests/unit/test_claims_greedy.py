"""Greedy pretraining and RBMs: what their runs measure, and that the conclusions can come out either way."""

import numpy as np
import pytest

from handson11.claims import greedy as studies
from handson11.claims.runs import greedy as runs
from tests.unit.made_up_results import conclusion

SMALL = {"n": 600, "depth": 2, "epochs": 2}
SPREAD = np.linspace(-0.01, 0.01, 10)


# What is run


@pytest.mark.parametrize("arm", studies.ARMS)
def test_a_run_of_each_arm(arm):
    settings = studies.GREEDY.reduced(fixed=SMALL).configuration(arm, 3, 0.1, "stand-in")
    found = runs.deep_network(settings)
    assert found["epochs"] == len(found["epoch_losses"]) == 2
    assert found["first_epoch_loss"] == found["epoch_losses"][0]
    assert 0 <= found["test_accuracy"] <= 1
    assert np.isnan(found["first_share"]) == (arm not in studies.STACKS)
    assert found == {**runs.deep_network(settings), "first_share": found["first_share"]}  # paired and repeatable


def test_a_stack_is_where_the_network_starts():
    settings = studies.GREEDY.reduced(fixed=SMALL).configuration("RBMs", 3, 0.0, "stand-in")
    names = ("n", "depth", "pretraining", "pretraining_epochs", "pretraining_rate", "seed", "source")
    weights, measured = runs.pretrained_stack({name: settings[name] for name in names})
    assert [part.shape for part in weights] == [(784, 100), (100,), (100, 100), (100,)]
    assert 0 < measured["first_share"] < 2
    assert measured["diverged_layers"] in (0, 1, 2)


def test_free_energies_with_few_images():
    settings = studies.BOLTZMANN.reduced(fixed={"n_epoch": 400, "epochs": 2, "units": 8})
    many, few = (
        runs.boltzmann({**settings.configuration(arm, 1, source="stand-in"), "n": n})
        for arm, n in (("55,000 images", 400), ("500 images", 100))
    )
    for found in (many, few):
        assert found["error_ratio"] == found["error_2"] / found["error_1"]
        assert found["growth"] == found["gap_2"] - found["gap_0"]
        assert abs(found["gap_0"]) < 2  # random weights treat all images alike
        assert found["error_2"] < found["error_0"]
        assert found["diverged"] == 0


# What is concluded


def stacks(scratch=0.1, autoencoders=0.85, rbms=0.83, relu=0.85):
    means = {"scratch": scratch, "autoencoders": autoencoders, "RBMs": rbms, "ReLU": relu}
    return lambda arm, metric: means[arm] + SPREAD * (arm != "scratch") if metric == "test_accuracy" else 0.5


def test_greedy_confirmed_partly_refuted():
    verdict, measured, texts = conclusion("CL-50", stacks())
    assert verdict == "confirmed"
    assert measured["scratch"] == pytest.approx(0.1)
    assert measured["relu_shortfall"] == pytest.approx(0.0)
    assert 0.7 < measured["gain_low"] < 0.73 < measured["gain_high"]  # of the RBMs, which gain less
    assert any(text.startswith("gain in test accuracy over scratch, RBMs: 0.73") for text in texts)
    assert conclusion("CL-50", stacks(scratch=0.5))[0] == "partly"
    assert conclusion("CL-50", stacks(relu=0.7))[0] == "partly"
    assert conclusion("CL-50", stacks(scratch=0.85))[0] == "refuted"


def test_a_lost_run_counts_as_chance():
    def values(arm, metric):
        return np.nan if (arm, metric) == ("scratch", "test_accuracy") else stacks()(arm, metric)

    assert conclusion("CL-50", values)[1]["scratch"] == pytest.approx(0.1)


def machine(ratio=0.7, growth=(1.0, 20.0)):
    def values(arm, metric):
        if metric == "error_ratio":
            return ratio + SPREAD
        return growth[arm == "500 images"] + 10 * SPREAD * (arm == "500 images") if metric == "growth" else 0.1

    return values


def test_free_energy_confirmed_partly_refuted():
    verdict, measured, _ = conclusion("CL-51", machine())
    assert verdict == "confirmed"
    assert measured["error_ratio"] == pytest.approx(0.71)  # the largest
    assert 18.9 < measured["growth_difference_low"] < 19
    assert conclusion("CL-51", machine(growth=(1.0, 0.5)))[0] == "partly"
    assert conclusion("CL-51", machine(ratio=1.1))[0] == "refuted"
