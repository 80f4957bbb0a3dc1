"""Section 11.1: what its runs measure, and that each of its conclusions can come out either way."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.claims.runs import unstable_gradients as runs
from handson11.experiments import make_task
from handson11.experiments.training import load_data
from handson11.models import dense_stack
from tests.unit.made_up_results import conclusion

PROFILE = {"activation": "tanh", "weights": "glorot", "gain": 1.0, "centred": False, "depth": 2, "width": 20, "n": 50}


def profile(**changes):
    return runs.gradient_profile({**PROFILE, "seed": 3, "source": "stand-in", **changes})


def test_the_ratio_is_that_of_tensorflows_tape():
    task = make_task(load_data("stand-in"), 50, 3)
    model = dense_stack(2, 20, "tanh", "glorot_normal", seed=3)
    with tf.GradientTape() as tape:
        logits = model(task.x_train)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(task.y_train, logits))
    first, last = (model.get_layer(f"hidden_{n}").kernel for n in (1, 2))
    rms = [float(tf.sqrt(tf.reduce_mean(g**2))) for g in tape.gradient(loss, [first.value, last.value])]
    found = profile()
    assert found["ratio"] == pytest.approx(rms[0] / rms[1], rel=1e-4)
    assert found["slope"] == pytest.approx(math.log(found["ratio"]), rel=1e-4)  # two layers lie one step apart


def test_layers_of_slope_one_quarter_lose_about_a_quarter_per_step():
    found = profile(activation="sigmoid", depth=6, width=100)
    assert -1.7 < found["slope"] < -1.2  # log(1/4) = -1.386
    assert profile(activation="sigmoid", depth=6, width=100, gain=4.0, centred=True)["slope"] > -0.3
    assert profile(depth=6, width=100, weights="N(0, 1)")["slope"] > 0.5


def test_the_starting_weights_are_glorots_times_the_gain():
    for gain in (1.0, 4.0):
        kernel = np.asarray(runs._start({"weights": "glorot", "gain": gain})((400, 600)))
        assert kernel.std() == pytest.approx(gain * math.sqrt(1 / 500), rel=0.01)
    assert np.asarray(runs._start({"weights": "N(0, 1)"})((400, 600))).std() == pytest.approx(1.0, rel=0.01)


def test_centring_takes_the_mean_one_half_away():
    model = dense_stack(2, 2, "sigmoid", seed=0)
    layer = model.get_layer("hidden_2")
    layer.kernel.assign([[1.0, 2.0], [3.0, 4.0]])
    runs._centre(model, 2)
    np.testing.assert_array_equal(layer(np.full((1, 2), 0.5, "float32")), [[0.0, 0.0]])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model.get_layer("hidden_1").bias), [0.0, 0.0])


def test_the_largest_slope_is_the_nearest_one():
    assert runs.saturated_slope({"from": 0.0})["largest_slope"] == pytest.approx(0.25)
    assert runs.saturated_slope({"from": math.log(3)})["largest_slope"] == pytest.approx(3 / 16)  # 3/4 · 1/4


@pytest.mark.parametrize(
    ("ratio", "slope", "expected"),
    [(2e-12, -1.44, "confirmed"), (2e-9, -1.1, "partly"), (1e-4, -1.44, "open"), (0.5, -0.1, "refuted")],
)
def test_cl_02(ratio, slope, expected):
    verdict, measured, texts = conclusion(
        "CL-02", lambda arm, metric: {"ratio": ratio, "slope": slope}[metric] if arm == "logistic, Glorot" else 0.07
    )
    assert verdict == expected
    assert measured == {"median_ratio": ratio, "slope": slope}
    assert texts[0] == f"first layer's gradient / last layer's, median, logistic, Glorot: {ratio:.2g} " + (
        f"[{ratio:.2g}, {ratio:.2g}], n = 10"
    )


def test_cl_03_asks_every_seed():
    exploding = np.array([5e6] * 9 + [2e3])
    assert conclusion("CL-03", lambda arm, metric: exploding)[:2] == ("confirmed", {"smallest_ratio": 2e3})
    assert conclusion("CL-03", lambda arm, metric: np.where(exploding < 3e3, 0.5, 5e6))[0] == "refuted"
    assert conclusion("CL-03", lambda arm, metric: 100.0)[0] == "open"


@pytest.mark.parametrize(("slope", "expected"), [(0.00665, "confirmed"), (0.02, "refuted")])
def test_cl_04(slope, expected):
    assert conclusion("CL-04", lambda arm, metric: slope)[0] == expected


@pytest.mark.parametrize(
    ("plain", "centred", "expected"),
    [(2e-12, 1e-9, "confirmed"), (2e-12, 0.14, "partly"), (2e-12, 1e-4, "open"), (0.5, 0.5, "refuted")],
)
def test_cl_05(plain, centred, expected):
    values = {"logistic, Glorot": plain, "logistic, gain 4, mean removed": centred}
    verdict, measured, _ = conclusion("CL-05", lambda arm, metric: values.get(arm, 1e-4))
    assert verdict == expected
    assert measured == {"ratio_plain": plain, "ratio_compensated": centred}
