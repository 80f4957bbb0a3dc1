"""GANs: what their runs measure, and that the conclusions can come out either way."""

import numpy as np
import pytest

from handson11.claims import gan as studies
from handson11.claims.runs import gan as runs
from tests.unit.made_up_results import conclusion

SPREAD = np.linspace(-0.01, 0.01, 10)


# What is run


def test_batches_are_all_images_before_any_comes_again():
    x = np.arange(10, dtype="float32")[:, None] * np.ones((1, 784), "float32")
    batches = [batch.numpy()[:, 0] for batch in runs.gan_batches(x, 5, 5, seed=0)]
    assert len(batches) == 5
    for first in (0, 2):
        assert sorted(np.concatenate(batches[first : first + 2])) == list(range(10))


def test_runs_with_and_without_a_discriminator():
    fixed = {**studies.TRAINED, "steps": 3, "batch_size": 16}
    experiment = studies.DISCRIMINATORS.reduced(
        fixed={"steps": 4},
        arms={"scratch": {**studies.ARMS["scratch"], "labels": 2}, "frozen": {**studies.ARMS["frozen"], "labels": 2}},
        rates=None,
    )
    scratch = runs.with_discriminator({**experiment.configuration("scratch", 1, 0.001, "stand-in")})
    assert np.isnan(scratch["distance"])
    reused = runs.with_discriminator({**experiment.configuration("frozen", 1, 0.001, "stand-in"), "gan": fixed})
    assert reused["distance"] > 0
    assert 0 <= reused["classes"] <= 10
    assert reused["collapsed"] == int(reused["classes"] < 5)
    assert reused["gan_diverged"] == 0
    for found in (scratch, reused):
        assert 0 <= found["test_accuracy"] <= 1


def test_real_images_are_of_the_best_quality():
    found = runs.quality(runs.images("stand-in")[:500], "stand-in")
    noise = runs.quality(np.random.default_rng(0).uniform(size=(500, 784)).astype("float32"), "stand-in")
    assert found["classes"] == 10
    assert found["distance"] < noise["distance"]
    assert noise["classes"] < 10


def test_the_game_of_few_pairs():
    found = runs.game({"pairs": 5, "points": 4, "others": 50, "seed": 1, "source": "stand-in"})
    assert found["difference"] < 1e-12
    assert found["lead"] < 0


# What is concluded


def gain_of(few, many):
    """Return made-up values: 0.5 from scratch, and gains of the reused convolutions."""

    def values(arm, metric):
        method, _, labels = arm.rpartition(", ")
        if metric != "test_accuracy" or method == "scratch":
            return 0.5
        return 0.5 + (many if labels == "50" else few) + SPREAD

    return values


def test_discriminator_confirmed_partly_refuted_undecided():
    verdict, measured, texts = conclusion("CL-49", gain_of(0.05, 0.0))
    assert verdict == "confirmed"
    assert 0.04 < measured["few_gain_low"] < 0.05 < measured["few_gain_high"] < 0.06
    assert measured["fall_low"] == pytest.approx(0.05)
    assert any(text.startswith("frozen, 1 per class: gain: 0.05 [") for text in texts)
    assert conclusion("CL-49", gain_of(0.05, 0.05))[0] == "partly"
    assert conclusion("CL-49", gain_of(0.0, 0.0))[0] == "refuted"
    assert conclusion("CL-49", gain_of(-0.05, 0.0))[0] == "refuted"


def test_game_confirmed_and_refuted():
    values = {"difference": 1e-15, "lead": -0.1}
    assert conclusion("CL-52", lambda arm, metric: values[metric])[0] == "confirmed"
    assert conclusion("CL-52", lambda arm, metric: {**values, "lead": 0.1}[metric])[0] == "refuted"
    assert conclusion("CL-52", lambda arm, metric: {**values, "difference": 1e-6}[metric])[0] == "refuted"
