"""Two inputs up and a gradient down: against theory for wide layers, finite differences and known random numbers."""

import numpy as np
import pytest
from scipy import stats

from handson11 import activations
from handson11.activations import activation_moments
from handson11.propagation import ACTIVATIONS, signal_through_depth, uniform_draws

DRAWS = range(1, 21)


def rms(values, axis=0):
    return np.sqrt(np.mean(np.square(values), axis=axis))


# The random numbers


def mulberry32(seed):
    """Yield whole numbers of 32 bits, one after the other as the generator was published, in plain integers."""
    while True:
        seed = (seed + 0x6D2B79F5) % 2**32
        t = (seed ^ seed >> 15) * (seed | 1) % 2**32
        t ^= (t + (t ^ t >> 7) * (t | 61)) % 2**32
        yield t ^ t >> 14


@pytest.mark.parametrize("seed", [0, 1, 5, 2**32 - 1])
def test_the_draws_are_those_of_the_published_generator(seed):
    numbers = mulberry32(seed)
    expected = [(2 * next(numbers) / 2**32 - 1) * 3**0.5 for _ in range(1000)]
    np.testing.assert_allclose(uniform_draws(seed, 1000), expected, rtol=1e-14)


def test_the_draws_have_the_uniform_law_and_seeds_are_unrelated():
    draws = np.array([uniform_draws(seed, 100_000) for seed in DRAWS])
    for row in draws:
        assert stats.kstest(row, "uniform", args=(-(3**0.5), 2 * 3**0.5)).pvalue > 1e-4
    between = np.corrcoef(draws) - np.eye(len(draws))
    neighbours = [np.corrcoef(row[:-lag], row[lag:])[0, 1] for row in draws for lag in (1, 100, 10_000)]
    assert np.abs([*between.ravel(), *neighbours]).max() < 5 / np.sqrt(90_000)


# Forward


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_a_linear_network_multiplies_both_sizes_by_the_gain(gain):
    runs = [signal_through_depth("linear", gain, 10, seed, width=200) for seed in DRAWS]
    layers = np.arange(11)
    np.testing.assert_allclose(rms([run.std for run in runs]), gain**layers, rtol=0.15)
    np.testing.assert_allclose(rms([run.gradient for run in runs]), gain ** (10 - layers), rtol=0.15)
    assert np.mean([run.correlation[-1] for run in runs]) == pytest.approx(0.9, abs=0.05)


def test_he_keeps_the_mean_square_of_relu_and_its_gradient():
    runs = [signal_through_depth("relu", 2**0.5, 10, seed, width=300) for seed in DRAWS]
    # half of the mean square survives the first ReLU and comes back through the next kernel: E[a²] = 1, E[a] = 1/√π
    spread = np.sqrt(1 - 1 / np.pi)
    assert rms([run.std[1] for run in runs]) == pytest.approx(spread, rel=0.05)
    assert rms([run.gradient[0] for run in runs]) == pytest.approx(1, rel=0.15)


def test_relu_lets_a_factor_pass():
    one, two = (signal_through_depth("relu", gain, 50, 3) for gain in (1.0, 2.0))
    np.testing.assert_allclose(two.std, one.std * 2.0 ** np.arange(51), rtol=1e-12)
    np.testing.assert_allclose(two.gradient, one.gradient * 2.0 ** np.arange(50, -1, -1), rtol=1e-12)
    np.testing.assert_allclose(two.correlation, one.correlation, rtol=1e-12)


def test_two_inputs_meet_in_relu_layers_as_the_arc_cosine_says():
    # Cho, Saul (2009): E[ReLU(x) ReLU(y)] for two normal numbers with variance 2 and correlation c, here c = 0.9
    c = 0.9
    product = (np.sqrt(1 - c**2) + (np.pi - np.arccos(c)) * c) / np.pi
    expected = (product - 1 / np.pi) / (1 - 1 / np.pi)
    found = np.mean([signal_through_depth("relu", 1.0, 1, seed, width=500).correlation[1] for seed in DRAWS])
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "selu", "leaky_relu"])
def test_the_first_layer_has_the_moments_of_a_normal_weighted_sum(activation):
    gain = 1.5
    _, variance = activation_moments(getattr(activations, activation), 0.0, gain**2)
    found = rms([signal_through_depth(activation, gain, 1, seed, width=400).std[1] for seed in DRAWS])
    assert found == pytest.approx(np.sqrt(variance), rel=0.03)


def test_a_tanh_network_is_chaotic_at_gain_3_and_a_logistic_one_forgets():
    chaotic = [signal_through_depth("tanh", 3.0, 50, seed) for seed in range(1, 6)]
    assert all(0.7 < run.std[-1] < 1 and run.gradient[0] > 1e4 and abs(run.correlation[-1]) < 0.5 for run in chaotic)
    forgetful = [signal_through_depth("sigmoid", 1.0, 50, seed) for seed in range(1, 6)]
    assert all(run.gradient[0] < 0.25**50 * 2 and run.correlation[-1] > 0.999 for run in forgetful)


# Backward


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_is_that_of_finite_differences(activation):
    width, gain, seed = 4, 1.3, 2
    draws = uniform_draws(seed, (3 + 2 * width) * width).reshape(-1, width)
    first, second = gain / 2 * draws[3:7], gain / 2 * draws[7:]
    f = (lambda z: z) if activation == "linear" else getattr(activations, activation)
    u, v = draws[0] - draws[0].mean(), draws[1] - draws[1].mean()
    u = u / u.std()
    v = v - u @ v / (u @ u) * u
    inputs = [u, 0.9 * u + np.sqrt(0.19) * v / v.std()]
    top = draws[2] / rms(draws[2])

    def loss(x):
        return top @ f(second @ f(first @ x))

    def difference(x, step):
        return (loss(x + step) - loss(x - step)) / 2e-6

    expected = [[difference(x, step) for step in 1e-6 * np.eye(width)] for x in inputs]
    found = signal_through_depth(activation, gain, 2, seed, width)
    assert found.gradient[0] == pytest.approx(rms(expected, axis=None), rel=1e-7)
    assert found.gradient[2] == pytest.approx(1)
    assert found.std[0] == pytest.approx(1) and found.correlation[0] == pytest.approx(0.9)


# The rest


def test_depth_adds_layers_and_seeds_differ():
    short, long = (signal_through_depth("tanh", 1.2, depth, 4) for depth in (5, 9))
    np.testing.assert_array_equal(short.std, long.std[:6])
    assert long.std.shape == long.gradient.shape == long.correlation.shape == (10,)
    assert signal_through_depth("tanh", 1.2, 5, 3).std[5] != short.std[5]


def test_a_layer_without_any_signal_has_no_correlation():
    runs = [signal_through_depth("relu", 1.0, 30, seed, width=3) for seed in range(20)]
    dead = [run for run in runs if run.std[-1] == 0]
    assert dead and all(np.isnan(run.correlation[-1]) and run.gradient[0] == 0 for run in dead)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "`activation` must be one of", {"activation": "softmax"}),
        (TypeError, "`activation` must be one of", {"activation": None}),
        (ValueError, "`gain` must be a finite number > 0", {"gain": 0.0}),
        (ValueError, "`gain` must be a finite number > 0", {"gain": np.inf}),
        (ValueError, "`depth` must be an integer >= 1", {"depth": 0}),
        (TypeError, "`depth` must be an integer >= 1", {"depth": 2.0}),
        (TypeError, "`depth` must be an integer >= 1", {"depth": True}),
        (ValueError, "`width` must be an integer >= 3", {"width": 2}),
        (ValueError, "`seed` must be an integer from 0 to 4294967295", {"seed": -1}),
        (ValueError, "`seed` must be an integer from 0 to 4294967295", {"seed": 2**32}),
    ],
)
def test_bad_arguments(error, message, arguments):
    with pytest.raises(error, match=message):
        signal_through_depth(**{"activation": "relu", "gain": 1.0, "depth": 2} | arguments)
    if "seed" in arguments:
        with pytest.raises(error, match=message):
            uniform_draws(arguments["seed"], 3)


def test_no_numbers_cannot_be_drawn():
    with pytest.raises(ValueError, match="`count` must be an integer >= 1"):
        uniform_draws(1, 0)
