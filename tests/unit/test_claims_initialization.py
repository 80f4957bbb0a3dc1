"""Section 11.1.1: what its runs measure, and that each of its conclusions can come out either way."""

import numpy as np
import pytest
from scipy import stats

from handson11.claims.initialization import LAWS
from handson11.claims.runs import initialization as runs
from tests.unit.made_up_results import conclusion

WAY = {"depth": 4, "widths": [400], "activation": "linear", "initializer": "glorot_normal", "n": 40, "seed": 1}


def test_the_table_of_the_study():
    fans = {"fan_in": 800, "fan_avg": 600}
    table = {arm: parts["scale"] / fans[parts["mode"]] for arm, parts in LAWS.arms.items()}
    assert table == {
        "glorot_normal": 1 / 600,
        "glorot_uniform": 1 / 600,
        "he_normal": 2 / 800,
        "he_uniform": 2 / 800,
        "lecun_normal": 1 / 800,
        "lecun_uniform": 1 / 800,
    }
    assert len({parts["stream"] for parts in LAWS.arms.values()}) == 6


def test_the_limits_of_the_laws():
    assert runs.CUT["uniform"] == pytest.approx(3**0.5)
    assert runs.CUT["truncated_normal"] == pytest.approx(2 / stats.truncnorm(-2, 2).std())


def test_weights_are_compared_with_the_table():
    right = {"initializer": "he_uniform", "scale": 2.0, "mode": "fan_in", "law": "uniform", "stream": 0, "seed": 0}
    found = runs.drawn_weights({**right, "shape": [300, 200]})
    assert found["draws"] == 60_000
    assert found["variance"] == pytest.approx(1, abs=0.02)
    assert 0.999 < found["reach"] <= 1 + 1e-6
    assert found["beyond"] == 0
    wrong = runs.drawn_weights({**right, "shape": [300, 200], "scale": 1.0})  # as if He's variance were 1 / fan-in
    assert wrong["variance"] == pytest.approx(2, abs=0.04)
    assert wrong["reach"] == pytest.approx(2**0.5, rel=1e-3)
    assert wrong["beyond"] == pytest.approx(60_000 * (1 - 0.5**0.5), rel=0.05)
    other = runs.drawn_weights({**right, "shape": [300, 200], "stream": 1})
    assert other["variance"] != found["variance"]


def test_passes_through_two_layers_worked_out_by_hand():
    kernels = [np.array([[1.0, -1.0]]), np.array([[2.0], [3.0]])]
    z, a = runs.forward_pass(np.array([[4.0]]), kernels, lambda z: np.maximum(z, 0))
    np.testing.assert_array_equal(z[0], [[4.0, -4.0]])
    np.testing.assert_array_equal(a[1], [[8.0]])
    errors = runs.backward_pass(np.array([[5.0]]), kernels, z, lambda z: (z > 0) * 1.0)
    np.testing.assert_array_equal(errors[1], [[5.0]])
    np.testing.assert_array_equal(errors[0], [[10.0, 0.0]])


def test_both_ways_of_wide_layers_follow_the_theory():
    way = {**WAY, "source": "stand-in"}
    relu = runs.two_ways({**way, "activation": "relu"})["forward"]
    assert relu == pytest.approx(0.5**0.5, abs=0.1)  # equal widths: half of the mean square is lost
    assert runs.two_ways(way)["backward"] == pytest.approx(1, abs=0.1)
    # widths 100, 900, 100, 900: the three factors fan-out / fan-avg are 900, 100 and 900 over 500
    uneven = runs.two_ways({**way, "widths": [100, 900]})["backward"]
    assert uneven == pytest.approx((1.8 * 0.2 * 1.8) ** (0.5 / 3), abs=0.1)


def test_a_chain_measures_the_quotient_of_its_ends():
    chain = {"sizes": [784, 60, 240, 30], "draws": 40, "n": 10, "fan_outs": [1, 7], "seed": 0, "source": "stand-in"}
    found = runs.he_chain(chain)
    assert found["variance_spread"] == 0
    assert found["product_error"] < 1e-12
    assert found["measured"] == pytest.approx(1, abs=0.15)  # as a share of 30 / 784


def laws(variance=1.0, reach=0.9999, beyond=0, draws=320_000):
    return lambda arm, metric: {"variance": variance, "reach": reach, "beyond": beyond, "draws": draws}[metric]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (laws(), "confirmed"),
        (laws(variance=1.03), "refuted"),
        (laws(reach=0.95), "refuted"),
        (laws(beyond=np.arange(10)), "refuted"),
        (laws(draws=10_000), "refuted"),
    ],
)
def test_cl_06(values, expected):
    assert conclusion("CL-06", values)[0] == expected


def test_cl_06_takes_the_worst_initializer_and_the_uniform_limits_only():
    def values(arm, metric):
        if arm == "he_normal" and metric in ("variance", "reach"):
            return {"variance": np.array([1.02, 0.99] * 5), "reach": 0.5}[metric]
        return laws()(arm, metric)

    verdict, measured, texts = conclusion("CL-06", values)
    assert verdict == "confirmed"
    assert measured["draws"] == 3_200_000
    assert measured["largest_error"] == pytest.approx(0.005)
    assert measured["limit_error"] == pytest.approx(0.0001)
    assert texts[0].startswith("variance / table, worst of six (he_normal): 1.005 [")
    assert texts[1] == "largest error of a single kernel of 320,000 weights: 2 %"


@pytest.mark.parametrize(
    ("glorot", "he", "expected"), [(0.71, 1.0, "confirmed"), (0.85, 1.0, "partly"), (0.71, 1.2, "refuted")]
)
def test_cl_07(glorot, he, expected):
    ratios = {"Glorot": glorot, "He": he}
    verdict, measured, _ = conclusion("CL-07", lambda arm, metric: ratios.get(arm, 5.0))
    assert (verdict, measured) == (expected, {"glorot_ratio": glorot, "he_ratio": he})


@pytest.mark.parametrize(
    ("linear", "tanh", "logistic", "expected"),
    [(1.0, 0.9, 0.23, "confirmed"), (1.0, 0.7, 0.23, "partly"), (1.0, 0.9, 0.95, "refuted"), (0.8, 0.9, 0.23, "open")],
)
def test_cl_08(linear, tanh, logistic, expected):
    ratios = {"linear": linear, "tanh": tanh, "logistic": logistic}
    verdict, measured, _ = conclusion("CL-08", lambda arm, metric: ratios.get(arm, 5.0))
    assert (verdict, measured) == (expected, {f"{name}_ratio": value for name, value in ratios.items()})


@pytest.mark.parametrize(
    ("spread", "product", "measured", "expected"),
    [
        (0, 1e-16, [0.9, 1.06] * 5, "confirmed"),
        (1e-5, 1e-16, 1.0, "refuted"),
        (0, 0.01, 1.0, "refuted"),
        (0, 1e-16, 1.2, "refuted"),
    ],
)
def test_cl_09(spread, product, measured, expected):
    values = {"variance_spread": spread, "product_error": product, "measured": measured}
    verdict, found, _ = conclusion("CL-09", lambda arm, metric: values[metric])
    assert verdict == expected
    assert found["measured_error"] == pytest.approx(abs(np.mean(measured) - 1))
