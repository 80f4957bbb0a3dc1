"""Section 11.1.4: what its runs measure, and that each of its conclusions can come out either way."""

import math

import keras
import numpy as np
import pytest

from handson11.claims.gradient_clipping import RECURRENT
from handson11.claims.runs import gradient_clipping as runs
from handson11.experiments import train
from tests.unit.made_up_results import conclusion

NAN = math.nan
KINDS = ("clipvalue", "clipnorm", "global_clipnorm")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("clipvalue", [[1.0, 1.0], [1.0]]),
        ("clipnorm", [[0.6, 0.8], [1.0]]),
        ("global_clipnorm", [[3 / 13, 4 / 13], [12 / 13]]),
    ],
)
def test_keras_update_is_the_clipped_gradient(kind, expected):
    update = runs.keras_update([np.array([3.0, 4.0]), np.array([12.0])], **{kind: 1.0})
    for found, by_hand in zip(update, expected, strict=True):
        np.testing.assert_allclose(found, by_hand, atol=1e-6)


def test_the_angle_of_one_turned_gradient():
    found = runs.turned_gradient({"gradients": [[1.0, 0.0, 2.0]], "kind": "clipvalue", "threshold": 1.0})
    by_hand = math.degrees(math.acos(3 / math.sqrt(5 * 2)))  # (1, 0, 2) against (1, 0, 1)
    assert found["angle"] == pytest.approx(by_hand, abs=1e-4)
    assert found["last"] == pytest.approx(math.sqrt(2), abs=1e-6)
    two = {"gradients": [[3.0, 4.0], [12.0]], "threshold": 1.0}
    assert runs.turned_gradient({**two, "kind": "clipnorm"})["last"] == pytest.approx(1.0)
    assert runs.turned_gradient({**two, "kind": "global_clipnorm"})["angle"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_never_grow(kind):
    configuration = {"kind": kind, "threshold": 1.0, "exponents": [-3, 0, 3], "depth": 6, "n": 30, "seed": 0}
    found = runs.clipped_lengths({**configuration, "source": "stand-in"})
    assert -1e-3 < found["growth"] <= 1e-6  # the smallest gradients are left as they are
    assert 0 < found["before"] < 1e-2
    assert found["first_growth"] <= 1e-6
    cut = runs.clipped_lengths({**configuration, "exponents": [3], "source": "stand-in"})
    assert cut["growth"] < -0.99  # length in the thousands before, at most √34 after


def test_a_chain_worked_out_by_hand():
    # two weights of 2: y = 4, gradient (4 - 1) · 2 = 6 each, one step of 0.1 leads to 1.4 each
    assert runs.train_chain(2, 2.0, None, 0.1, 1) == (pytest.approx(1.96), None)
    # clipped at 1: the gradient is (1, 1) / √2
    clipped = (2 - 0.1 / math.sqrt(2)) ** 2
    assert runs.train_chain(2, 2.0, 1.0, 0.1, 1) == (pytest.approx(clipped), None)


def test_a_chain_that_explodes_is_a_lost_run():
    chain = {"length": 10, "start": 1.5, "threshold": None, "learning_rate": 0.01, "steps": 50}
    lost = runs.scalar_chain(chain)
    assert lost["diverged"] == 1
    assert math.isnan(lost["distance"])
    assert lost["last_step"] == 3
    assert runs.scalar_chain({**chain, "threshold": 1.0})["diverged"] == 0


def test_the_network_reads_rows_from_an_orthogonal_start():
    model = runs.row_rnn(4)
    kernel, recurrent, bias = (np.asarray(w) for w in model.layers[1].weights)
    assert (kernel.shape, recurrent.shape, bias.shape) == ((28, 32), (32, 32), (32,))
    np.testing.assert_allclose(recurrent @ recurrent.T, 2.25 * np.eye(32), atol=1e-5)
    assert model.count_params() == 2282
    x = np.random.default_rng(0).normal(size=(2, 784)).astype("float32")
    state = np.zeros((2, 32))
    for row in np.moveaxis(x.reshape(2, 28, 28), 1, 0):
        state = np.maximum(row @ kernel + state @ recurrent + bias, 0)
    np.testing.assert_allclose(model.layers[1](x.reshape(2, 28, 28)), state, rtol=1e-3, atol=1e-3)
    assert runs.row_rnn(4, "tanh").layers[1].activation is keras.activations.tanh


def test_the_declared_network_trains_with_every_kind_of_clipping():
    arms = [arm for arm in RECURRENT.arms if arm.endswith(", 0.3")]
    assert len(arms) == 6
    small = RECURRENT.reduced(fixed={"n": 128, "epochs": 1})
    for arm in ("global norm, 0.3", "tanh, none, 0.3"):
        record = train(small.configuration(arm, 0, source="stand-in"))
        assert record["diverged"] == 0
        assert record["steps"] == 2


@pytest.mark.parametrize(
    ("by_value", "by_norm", "expected"), [(41.47, 1e-6, "confirmed"), (0.0, 1e-6, "refuted"), (41.47, 1.0, "refuted")]
)
def test_cl_30(by_value, by_norm, expected):
    values = {"clipvalue": by_value, "clipnorm": by_norm}
    assert conclusion("CL-30", lambda arm, metric: values[arm])[0] == expected


@pytest.mark.parametrize(
    ("second", "angle", "expected"),
    [((1.0, 0.03), (43.3, 0.0), "confirmed"), ((0.03, 0.03), (0.0, 0.0), "refuted"), ((1, 1), (43.3, 43.3), "refuted")],
)
def test_cl_31(second, angle, expected):
    values = {"last": dict(zip(KINDS[1:], second, strict=True)), "angle": dict(zip(KINDS[1:], angle, strict=True))}
    assert conclusion("CL-31", lambda arm, metric: values[metric][arm])[0] == expected


@pytest.mark.parametrize(
    ("growth", "first", "expected"), [(1e-8, 0.0, "confirmed"), (0.1, 0.0, "refuted"), (0.0, 0.01, "refuted")]
)
def test_cl_32_finds_one_growing_gradient_among_all(growth, first, expected):
    def values(arm, metric):
        one = {"growth": growth, "first_growth": first, "before": 1e-12}[metric]
        return one if metric == "before" or arm == "clipnorm" else np.array([one] + [-0.5] * 9)

    verdict, measured, _ = conclusion("CL-32", values)
    assert verdict == expected
    assert measured["largest_growth"] == pytest.approx(1 + growth, abs=1e-12)


def chains(distance=1e-15):
    """Chains of which those of 20 and the one from 10 × 1.5 explode without clipping."""

    def values(arm, metric):
        explodes = arm.endswith("no clipping") and arm.startswith(("20", "10 × 1.5"))
        return {"diverged": float(explodes), "distance": NAN if explodes else distance, "last_step": 3}[metric]

    return values


def networks(lost=10, lost_clipped=0, accuracy=0.6):
    """Without clipping, ``lost`` of ten runs end in NaN and the others reach 0.4; clipped ones reach ``accuracy``."""

    def values(arm, metric):
        n = lost if "none" in arm else lost_clipped if arm == "value, 0.3" else 0
        gone = np.arange(10) < n
        reached = 0.4 if "none" in arm else accuracy - 0.05 * arm.startswith(("value", "norm"))
        return np.where(gone, NAN, reached) if metric == "test_accuracy" else gone * 1.0

    return values


@pytest.mark.parametrize(
    ("of_chains", "of_networks", "expected"),
    [
        (chains(), networks(), "confirmed"),
        (chains(), networks(lost=5), "partly"),
        (chains(), networks(accuracy=0.2), "partly"),
        (chains(), networks(lost_clipped=1), "refuted"),
        (chains(distance=0.5), networks(), "open"),
        (lambda arm, metric: 0.0, networks(), "open"),
    ],
)
def test_cl_33(of_chains, of_networks, expected):
    assert conclusion("CL-33", of_chains, of_networks)[0] == expected


def test_cl_33_counts_lost_runs_and_never_averages_them():
    _, measured, texts = conclusion("CL-33", chains(), networks(lost=7, lost_clipped=1))
    assert measured["share_unclipped"] == pytest.approx(0.7)
    assert measured["share_clipped"] == pytest.approx(1 / 30)
    assert measured["best_accuracy"] == pytest.approx(0.6)
    assert texts[2] == "test accuracy, clipping by global norm, rate 0.3, median: 0.6 [0.6, 0.6], n = 10"
    assert "test accuracy, clipping by value, rate 0.3, median (1 of 10 runs lost): –" in texts
    gain = "gain in test accuracy by clipping the global norm, rate 0.01"
    assert f"{gain} (lost without it: 7 of 10; better with it: 10), seeds that survive: 0.2 [0.2, 0.2], n = 3" in texts
    _, _, texts = conclusion("CL-33", chains(), networks(lost=9))
    assert f"{gain} (lost without it: 9 of 10; better with it: 10): –" in texts
