"""Initializers: hand-computed variances, the laws against SciPy, the same numbers as Keras, the contract of a class."""

import inspect
import math
import pickle

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from handson11 import activations, initializers
from handson11.initializers import (
    BY_ACTIVATION,
    RULES,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
    for_activation,
    he_scale,
    named,
    sample,
    truncated_normal_std,
    uniform_limit,
    variance,
)

NAMED = {
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
}
KERAS = {
    "glorot_normal": keras.initializers.GlorotNormal,
    "glorot_uniform": keras.initializers.GlorotUniform,
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "lecun_normal": keras.initializers.LecunNormal,
    "lecun_uniform": keras.initializers.LecunUniform,
}
# Variance of an 800 × 400 kernel, by hand: fan_avg = 600.
BY_HAND = {
    "glorot_normal": 1 / 600,
    "glorot_uniform": 1 / 600,
    "he_normal": 2 / 800,
    "he_uniform": 2 / 800,
    "lecun_normal": 1 / 800,
    "lecun_uniform": 1 / 800,
}
LARGEST_BY_HAND = {"glorot_uniform": 0.07071068, "he_uniform": 0.08660254, "lecun_uniform": 0.06123724}


def numbers_of(initializer, shape=(800, 400), dtype=None):
    return keras.ops.convert_to_numpy(initializer(shape, dtype=dtype))


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((784, 300), (784, 300)),  # dense
        ((5000, 16), (5000, 16)),  # embedding: words × numbers per word
        ((5, 16, 32), (80, 160)),  # convolution over time: 5·16, 5·32
        ((3, 3, 16, 32), (144, 288)),  # convolution over images: 9·16, 9·32
        ((2, 3, 4, 5, 6), (120, 144)),  # convolution over volumes: 24·5, 24·6
        ((7,), (7, 7)),  # vector
        ((), (1, 1)),  # scalar
        ((0, 4), (0, 4)),
        ([784, 300], (784, 300)),
    ],
)
def test_fans(shape, fans):
    assert compute_fans(shape) == fans


def test_fans_of_chosen_axes():
    assert compute_fans((512, 8, 64), input_axes=[0], output_axes=[1, 2]) == (512, 512)
    assert compute_fans((512, 8, 64), input_axes=[0, 1], output_axes=[2]) == (4096, 64)


def test_fans_are_those_of_a_dense_layer():
    dense = keras.layers.Dense(300)
    dense.build((None, 784))
    assert compute_fans(dense.kernel.shape) == (784, dense.units)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"shape": 3}, TypeError, "`shape` must be a sequence of sizes. Received: shape=3"),
        ({"shape": "ab"}, TypeError, "`shape` must be a sequence of sizes. Received: shape='ab'"),
        ({"shape": (3, -1)}, ValueError, "`shape` must hold known sizes >= 0. Received: shape=(3, -1)"),
        ({"shape": (None, 3)}, ValueError, "`shape` must hold known sizes >= 0. Received: shape=(None, 3)"),
        ({"shape": (2.5, 3)}, ValueError, "`shape` must hold known sizes >= 0. Received: shape=(2.5, 3)"),
        (
            {"shape": (3, 4), "input_axes": [0]},
            ValueError,
            "`input_axes` must be given together with `output_axes`, or not at all. Received: input_axes=[0]",
        ),
        (
            {"shape": (3, 4), "input_axes": [0], "output_axes": [2]},
            ValueError,
            "`output_axes` must hold axes of a kernel of 2 dimensions. Received: output_axes=[2]",
        ),
    ],
)
def test_fans_refuse(arguments, error, text):
    with pytest.raises(error) as caught:
        compute_fans(**arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("scale", "mode", "expected"),
    [(1.0, "fan_in", 1 / 300), (1.0, "fan_out", 1 / 100), (1.0, "fan_avg", 1 / 200), (2.0, "fan_in", 2 / 300)],
)
def test_variance_by_hand(scale, mode, expected):
    assert variance((300, 100), scale, mode) == pytest.approx(expected, rel=1e-15)


def test_a_fan_below_one_counts_as_one():
    assert variance((0, 4), 2.0) == 2.0
    assert variance((0, 1), 1.0, "fan_avg") == 1.0


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"scale": 0.0}, ValueError, "`scale` must be a finite number > 0. Received: scale=0.0"),
        ({"scale": -1.0}, ValueError, "`scale` must be a finite number > 0. Received: scale=-1.0"),
        ({"scale": math.nan}, ValueError, "`scale` must be a finite number > 0. Received: scale=nan"),
        ({"scale": math.inf}, ValueError, "`scale` must be a finite number > 0. Received: scale=inf"),
        ({"scale": "2"}, TypeError, "`scale` must be a finite number > 0. Received: scale='2'"),
        (
            {"mode": "fan_sum"},
            ValueError,
            "`mode` must be one of ['fan_avg', 'fan_in', 'fan_out']. Received: mode='fan_sum'",
        ),
        ({"mode": 3}, TypeError, "`mode` must be one of ['fan_avg', 'fan_in', 'fan_out']. Received: mode=3"),
    ],
)
def test_wrong_scale_or_mode(arguments, error, text):
    for refuse in (lambda: variance((3, 4), **arguments), lambda: VarianceScaling(**arguments)):
        with pytest.raises(error) as caught:
            refuse()
        assert str(caught.value) == text


@pytest.mark.parametrize("distribution", ["laplace", 5])
def test_wrong_distribution(distribution):
    text = (
        "`distribution` must be one of ['truncated_normal', 'uniform', 'untruncated_normal']. Received: distribution="
    )
    error = ValueError if isinstance(distribution, str) else TypeError
    for refuse in (
        lambda: sample((3, 4), distribution=distribution),
        lambda: VarianceScaling(distribution=distribution),
    ):
        with pytest.raises(error) as caught:
            refuse()
        assert str(caught.value) == text + repr(distribution)


@pytest.mark.parametrize("seed", [1.5, "1", True, [1]])
def test_wrong_seed(seed):
    with pytest.raises(ValueError) as caught:
        VarianceScaling(seed=seed)
    text = "`seed` must be an integer, a keras.random.SeedGenerator or None. Received: seed="
    assert str(caught.value) == text + repr(seed)


def test_uniform_limits_by_hand():
    assert uniform_limit(1 / 3) == 1.0
    assert uniform_limit(2 / 600) == pytest.approx(0.1, rel=1e-15)  # √(6/600)
    assert uniform_limit(0) == 0
    with pytest.raises(ValueError, match="`variance` must be a finite number >= 0. Received: variance=-1"):
        uniform_limit(-1)


@pytest.mark.parametrize("cut", [0.1, 1.0, 2.0, 3.0, 5.0])
def test_truncated_normal_std_is_scipys(cut):
    assert truncated_normal_std(cut) == pytest.approx(scipy.stats.truncnorm(-cut, cut).std(), rel=1e-9)


def test_truncated_normal_std_at_its_limits():
    assert truncated_normal_std() == pytest.approx(0.87962566103423978, abs=1e-15)  # the constant inside Keras
    assert truncated_normal_std(40.0) == 1.0
    assert truncated_normal_std(0.01) == pytest.approx(0.01 / math.sqrt(3), rel=1e-4)  # a narrow cut is uniform
    with pytest.raises(ValueError, match="`cut` must be a number in"):
        truncated_normal_std(0.0)


def test_he_scale_by_hand():
    assert he_scale() == 2.0
    assert he_scale(1.0) == 1.0  # no activation at all: LeCun
    assert he_scale(-1.0) == 1.0  # |z|
    assert he_scale(0.5) == 1.6
    with pytest.raises(ValueError, match="`negative_slope` must be a finite number. Received: negative_slope=nan"):
        he_scale(math.nan)


@pytest.mark.parametrize("name", RULES)
def test_variance_of_the_named_rules(name):
    weights = np.concatenate([numbers_of(NAMED[name](seed=seed)).ravel() for seed in (1, 2)])
    assert weights.size >= 3e5
    assert weights.var(dtype="float64") == pytest.approx(BY_HAND[name], rel=0.01)
    assert abs(weights.mean(dtype="float64")) < 4 * math.sqrt(BY_HAND[name] / weights.size)


@pytest.mark.parametrize("name", LARGEST_BY_HAND)
def test_the_uniform_rules_fill_their_interval(name):
    weights = numbers_of(NAMED[name](seed=3))
    limit = LARGEST_BY_HAND[name]
    assert limit * 0.999 < weights.max() <= limit * (1 + 1e-6)
    assert -limit * (1 + 1e-6) <= weights.min() < -limit * 0.999


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal"])
def test_the_normal_rules_are_cut_at_two_widened_deviations(name):
    weights = numbers_of(NAMED[name](seed=3))
    limit = 2 * math.sqrt(BY_HAND[name]) / 0.8796256610342398
    assert 0.999 * limit < abs(weights).max() <= limit * (1 + 1e-6)


def test_the_untruncated_normal_is_not_cut():
    weights = numbers_of(VarianceScaling(distribution="untruncated_normal", seed=3))
    assert weights.var(dtype="float64") * 800 == pytest.approx(1, rel=0.01)
    assert abs(weights).max() * math.sqrt(800) > 4


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_the_laws_by_a_kolmogorov_test(mode, distribution):
    std = math.sqrt(1.5 / {"fan_in": 300, "fan_out": 100, "fan_avg": 200}[mode])
    law = {
        "truncated_normal": scipy.stats.truncnorm(-2, 2, scale=std / scipy.stats.truncnorm(-2, 2).std()),
        "untruncated_normal": scipy.stats.norm(scale=std),
        "uniform": scipy.stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std),
    }[distribution]
    for weights in (
        sample((300, 100), 1.5, mode, distribution, seed=5),
        numbers_of(VarianceScaling(1.5, mode, distribution, seed=5), (300, 100)),
    ):
        assert scipy.stats.kstest(weights.ravel(), law.cdf).pvalue > 1e-3


def test_numpy_samples_repeat_by_seed():
    assert np.array_equal(sample((30, 40), seed=1), sample((30, 40), seed=1))
    assert not np.array_equal(sample((30, 40), seed=1), sample((30, 40), seed=2))
    generator = np.random.default_rng(1)
    assert not np.array_equal(sample((30, 40), seed=generator), sample((30, 40), seed=generator))


MODES_OF_EXECUTION = {
    "eager": lambda draw: draw(),
    "graph": lambda draw: tf.function(draw)(),
    "xla": lambda draw: tf.function(draw, jit_compile=True)(),
}


@pytest.mark.parametrize("execution", MODES_OF_EXECUTION)
@pytest.mark.parametrize("name", RULES)
def test_the_named_rules_give_keras_numbers(name, execution):
    run = MODES_OF_EXECUTION[execution]
    ours, theirs = NAMED[name](seed=7), KERAS[name](seed=7)
    for shape in ((30, 20), (3, 3, 4, 8), (16,), ()):
        assert np.array_equal(run(lambda s=shape: ours(s)), run(lambda s=shape: theirs(s)))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform", "normal", "Uniform"])
def test_variance_scaling_gives_keras_numbers(mode, distribution):
    for seed in (0, 123456789, 2**40):
        ours = VarianceScaling(0.7, mode, distribution, seed)((40, 30))
        theirs = keras.initializers.VarianceScaling(0.7, mode, distribution, seed)((40, 30))
        assert np.array_equal(ours, theirs)


HAS_AXES = "input_axes" in inspect.signature(keras.initializers.VarianceScaling.__init__).parameters


@pytest.mark.skipif(not HAS_AXES, reason="this Keras has no input_axes")
def test_axes_give_keras_numbers():
    axes = {"input_axes": [0], "output_axes": [1, 2]}
    for ours, theirs in (
        (VarianceScaling(2.0, seed=1, **axes), keras.initializers.VarianceScaling(2.0, seed=1, **axes)),
        (HeNormal(1, [0], [1, 2]), keras.initializers.HeNormal(1, [0], [1, 2])),
    ):
        assert np.array_equal(ours((32, 4, 16)), theirs((32, 4, 16)))


@pytest.mark.parametrize("name", RULES)
def test_layers_with_heads_give_keras_numbers(name):
    kernels = []
    for initializer in (NAMED[name](seed=1), KERAS[name](seed=1)):
        layer = keras.layers.MultiHeadAttention(num_heads=4, key_dim=8, kernel_initializer=initializer)
        layer.build((None, 10, 32), (None, 10, 32))
        kernels.append(layer.query_dense.kernel)
    assert kernels[0].shape == (32, 4, 8)
    assert np.array_equal(*kernels)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_number_types(dtype):
    for name in RULES:
        weights = NAMED[name](seed=3)((200, 100), dtype=dtype)
        assert keras.backend.standardize_dtype(weights.dtype) == dtype
        theirs = KERAS[name](seed=3)((200, 100), dtype=dtype)
        same = keras.ops.convert_to_numpy(keras.ops.all(keras.ops.equal(weights, theirs)))
        assert same
        expected = RULES[name][0] / (150 if "glorot" in name else 200)
        measured = keras.ops.convert_to_numpy(keras.ops.cast(weights, "float32")).var()
        assert measured == pytest.approx(expected, rel=0.05)


def test_a_seed_gives_the_same_numbers_at_every_call():
    for seed in (4, np.int64(4), None):
        initializer = HeNormal(seed=seed)
        assert np.array_equal(initializer((5, 6)), initializer((5, 6)))


def test_a_seed_generator_gives_new_numbers_at_every_call():
    initializer = HeNormal(seed=keras.random.SeedGenerator(4))
    assert not np.array_equal(initializer((5, 6)), initializer((5, 6)))


def test_objects_without_a_seed_differ_and_follow_the_global_seed():
    assert not np.array_equal(HeNormal()((5, 6)), HeNormal()((5, 6)))
    keras.utils.set_random_seed(42)
    first = HeNormal()((5, 6))
    keras.utils.set_random_seed(42)
    assert np.array_equal(first, HeNormal()((5, 6)))


ONE_OF_EACH = [
    VarianceScaling(2.0, "fan_avg", "uniform", seed=1),
    VarianceScaling(input_axes=[0], output_axes=[1], seed=1),
    *(initializer(seed=1) for initializer in NAMED.values()),
    HeNormal(seed=1, negative_slope=0.2),
    HeUniform(seed=1, negative_slope=0.2),
]


def name_of(initializer):
    return f"{type(initializer).__name__}-{initializer.scale:.3g}"


@pytest.mark.parametrize("initializer", ONE_OF_EACH, ids=name_of)
def test_contract(initializer):
    weights = initializer((6, 5, 4))
    copies = [
        type(initializer).from_config(initializer.get_config()),
        initializer.clone(),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(initializer)),
        keras.initializers.get(keras.initializers.serialize(initializer)),
        pickle.loads(pickle.dumps(initializer)),
    ]
    for copy in copies:
        assert type(copy) is type(initializer)
        assert copy.get_config() == initializer.get_config()
        assert np.array_equal(copy((6, 5, 4)), weights)


def test_a_copy_without_a_seed_draws_its_own():
    initializer = HeNormal()
    assert initializer.get_config()["seed"] is None
    assert not np.array_equal(initializer.clone()((5, 6)), initializer((5, 6)))


def test_a_seed_generator_survives_the_round_trip():
    initializer = LecunNormal(seed=keras.random.SeedGenerator(9))
    copy = LecunNormal.from_config(initializer.get_config())
    assert np.array_equal(copy((5, 6)), LecunNormal(seed=keras.random.SeedGenerator(9))((5, 6)))


@pytest.mark.parametrize("initializer", ONE_OF_EACH, ids=name_of)
def test_saved_model_keeps_the_initializer(initializer, tmp_path):
    dense = keras.layers.Dense(4, kernel_initializer=initializer.clone())
    model = keras.Sequential([keras.Input((3, 8)), dense])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0].kernel_initializer) is type(initializer)
    assert loaded.layers[0].kernel_initializer.get_config() == initializer.get_config()
    assert np.array_equal(loaded.layers[0].kernel, dense.kernel)


def test_leaky_he_by_hand():
    weights = numbers_of(HeNormal(seed=1, negative_slope=0.5))
    assert weights.var(dtype="float64") * 800 == pytest.approx(1.6, rel=0.01)
    assert abs(numbers_of(HeUniform(seed=1, negative_slope=1.0))).max() <= math.sqrt(3 / 800) * (1 + 1e-6)


def test_he_keeps_the_mean_square_of_a_relu_signal_and_lecun_of_a_linear_one():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2000, 400))
    for scale, f in (
        (2.0, activations.relu),
        (he_scale(0.3), lambda z: activations.leaky_relu(z, 0.3)),
        (1.0, float_of),
    ):
        z = x @ sample((400, 400), scale, seed=generator)
        assert np.mean(f(z) ** 2) == pytest.approx(1, rel=0.05)


def float_of(z):
    return z


@pytest.mark.parametrize("name", NAMED)
def test_named(name):
    assert type(named(name)) is NAMED[name]
    assert np.array_equal(named(name, seed=2)((5, 6)), NAMED[name](seed=2)((5, 6)))


def test_named_refuses():
    with pytest.raises(ValueError, match=r"`rule` must be one of \['glorot_normal', .*\]. Received: rule='xavier'"):
        named("xavier")


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (None, GlorotUniform),
        ("linear", GlorotUniform),
        ("tanh", GlorotUniform),
        ("sigmoid", GlorotUniform),
        ("softmax", GlorotUniform),
        ("relu", HeNormal),
        ("ReLU", HeNormal),
        ("leaky_relu", HeNormal),
        ("elu", HeNormal),
        ("swish", HeNormal),
        ("gelu", HeNormal),
        ("selu", LecunNormal),
        (keras.activations.selu, LecunNormal),
        (keras.activations.tanh, GlorotUniform),
        (activations.relu, HeNormal),
        (activations.sigmoid, GlorotUniform),
        (keras.layers.PReLU, HeNormal),
        (keras.layers.LeakyReLU(negative_slope=0.1), HeNormal),
        (keras.layers.Activation("selu"), LecunNormal),
        (keras.layers.Softmax, GlorotUniform),
    ],
)
def test_for_activation(activation, expected):
    initializer = for_activation(activation, seed=3)
    assert type(initializer) is expected
    assert initializer.seed == 3


def test_for_activation_is_fresh_each_time():
    assert for_activation("relu") is not for_activation("relu")
    assert not np.array_equal(for_activation("relu")((5, 6)), for_activation("relu")((5, 6)))


@pytest.mark.parametrize("activation", ["typo", 5, keras.layers.Dense, lambda z: z])
def test_for_activation_refuses(activation):
    with pytest.raises(ValueError, match="`activation` must be one of .*'celu'.* Received: activation="):
        for_activation(activation)


def test_every_activation_of_the_package_has_a_rule():
    names = {"sigmoid", "tanh", "softmax", "relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"}
    for name in names:
        assert type(for_activation(getattr(activations, name))) is NAMED[BY_ACTIVATION[name]]


def test_one_object_shared_by_two_layers_gives_equal_kernels():
    shared = initializers.HeNormal()
    first, second = keras.layers.Dense(4, kernel_initializer=shared), keras.layers.Dense(4, kernel_initializer=shared)
    first.build((None, 4))
    second.build((None, 4))
    assert np.array_equal(first.kernel, second.kernel)
