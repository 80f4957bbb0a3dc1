"""LeakyReLU, PReLU, RReLU and ELU: values by hand, agreement with Keras, and one contract for all of them."""

import math
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11 import layers

CASES = {
    "LeakyReLU": (layers.LeakyReLU, {"negative_slope": 0.1}),
    "PReLU": (layers.PReLU, {"alpha_initializer": "ones", "shared_axes": [1]}),
    "RReLU": (layers.RReLU, {"lower": 2.0, "upper": 6.0, "seed": 3}),
    "ELU": (layers.ELU, {"alpha": 0.5}),
}
KERAS_HAS = ("LeakyReLU", "PReLU", "ELU")
RNG = np.random.default_rng(5)
X = RNG.normal(size=(8, 4, 6)).astype("float32") * 3


def random_alpha(shape, dtype=None):
    """Return the same random slopes for every layer that asks for this shape."""
    return keras.random.uniform(shape, -0.5, 0.8, dtype=dtype, seed=9)


@pytest.mark.parametrize(
    ("layer", "z", "expected"),
    [
        (layers.LeakyReLU(), [-10, 0, 10], [-3, 0, 10]),
        (layers.LeakyReLU(2.0), [-10, 0, 10], [-20, 0, 10]),
        (layers.ELU(), [-math.log(2), 0, 10], [-0.5, 0, 10]),
        (layers.ELU(alpha=4), [-1e4, 0, 10], [-4, 0, 10]),
        (layers.PReLU(), [-10, 0, 10], [0, 0, 10]),
        (layers.PReLU(keras.initializers.Constant(0.25)), [-10, 0, 10], [-2.5, 0, 10]),
        (layers.RReLU(), [-11, 0, 10], [-2, 0, 10]),
        (layers.RReLU(lower=1, upper=3), [-11, 0, 10], [-5.5, 0, 10]),
    ],
)
def test_values_by_hand(layer, z, expected):
    np.testing.assert_allclose(layer(np.array([z], "float32")), [expected], atol=1e-7)


def both(layer, mode):
    """Return a function that gives the output and the gradients for the input and the weights."""

    def run(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = layer(z)
            loss = tf.reduce_sum(value * value)
        return [value, *tape.gradient(loss, [z, *layer.trainable_variables])]

    return run if mode == "eager" else tf.function(run, jit_compile=mode == "XLA", autograph=False)


@pytest.mark.parametrize("mode", ["eager", "graph", "XLA"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LeakyReLU", {}),
        ("LeakyReLU", {"negative_slope": 2.0}),
        ("ELU", {}),
        ("ELU", {"alpha": 0.5}),
        ("PReLU", {"alpha_initializer": random_alpha}),
        ("PReLU", {"alpha_initializer": random_alpha, "shared_axes": 2}),
        ("PReLU", {"alpha_initializer": random_alpha, "shared_axes": (1, 2)}),
    ],
)
def test_agreement_with_keras(name, arguments, mode):
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    z = tf.constant(X)
    ours.build(z.shape), theirs.build(z.shape)
    assert [v.path.split("/")[-1] for v in ours.weights] == [v.path.split("/")[-1] for v in theirs.weights]
    for mine, reference in zip(both(ours, mode)(z), both(theirs, mode)(z), strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-6, atol=1e-6)


def test_gradient_of_the_slopes_of_prelu_is_the_negative_part():
    layer = layers.PReLU()
    z = tf.constant([[-3.0, 2.0], [-1.0, -5.0]])
    layer.build(z.shape)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(z))
    assert tape.gradient(total, layer.alpha.value).numpy().tolist() == [-4, -5]


def test_number_of_slopes_of_prelu():
    """CL-14: one slope for each unit; shared axes keep one for the whole axis."""
    for shared, shape in ((None, (4, 6)), (1, (1, 6)), ([2], (4, 1)), ((1, 2), (1, 1))):
        layer = layers.PReLU(shared_axes=shared)
        layer.build((None, 4, 6))
        assert layer.alpha.shape == shape
    images = layers.PReLU(shared_axes=[1, 2])
    assert images(keras.Input((None, None, 3))).shape == (None, None, None, 3)
    with pytest.raises(ValueError, match="expected axis 3"):
        images(np.zeros((1, 2, 2, 4), "float32"))


def test_prelu_regularizer_and_constraint():
    layer = layers.PReLU("ones", alpha_regularizer=keras.regularizers.L1(0.5), alpha_constraint="non_neg")
    layer.build((None, 4))
    assert float(sum(layer.losses)) == pytest.approx(2)
    assert isinstance(layer.alpha.constraint, keras.constraints.NonNeg)


def test_slopes_of_rrelu_in_training():
    """The divisor (not the slope) is uniform between 3 and 8, one draw for each element and call."""
    layer = layers.RReLU(seed=1)
    z = -np.ones((200, 500), "float32")
    first, second = (np.asarray(layer(z, training=True), "float64") for _ in range(2))
    divisors = -1 / first
    assert 3 <= divisors.min() < 3.01 and 7.99 < divisors.max() <= 8.0001
    assert divisors.mean() == pytest.approx(5.5, abs=0.02)  # standard error 0.005
    assert divisors.var() == pytest.approx(25 / 12, rel=0.02)
    assert -first.mean() == pytest.approx(math.log(8 / 3) / 5, abs=1e-3)  # 0.1962, not the test slope 0.1818
    assert np.unique(first).size > 90_000
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_rrelu_leaves_positive_inputs_and_is_fixed_outside_training():
    layer = layers.RReLU(seed=1)
    z = np.array([[-5.5, 2.0]], "float32")
    state = np.asarray(layer.seed_generator.state)
    for call in (lambda: layer(z), lambda: layer(z, training=False)):
        np.testing.assert_allclose(call(), [[-1, 2]], rtol=1e-6)
    np.testing.assert_array_equal(layer.seed_generator.state, state)
    assert np.asarray(layer(z, training=True))[0, 1] == 2
    assert (np.asarray(layer.seed_generator.state) != state).any()


def test_rrelu_is_repeatable():
    first, again, other = layers.RReLU(seed=7), layers.RReLU(seed=7), layers.RReLU(seed=8)
    for _ in range(2):
        drawn = np.asarray(first(X, training=True))
        np.testing.assert_array_equal(drawn, again(X, training=True))
        assert (drawn != np.asarray(other(X, training=True))).any()
    keras.utils.set_random_seed(4)
    unseeded = np.asarray(layers.RReLU()(X, training=True))
    keras.utils.set_random_seed(4)
    np.testing.assert_array_equal(layers.RReLU()(X, training=True), unseeded)


def test_the_gradient_of_rrelu_is_the_slope_that_was_drawn():
    layer, z = layers.RReLU(seed=2), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = layer(z, training=True)
    np.testing.assert_allclose(tape.gradient(value, z), value / z, rtol=1e-6)


# One contract for every layer


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def model_with(cls, arguments, dtype=None):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4, 6)), keras.layers.Dense(5), cls(**arguments, dtype=dtype)])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(3))
    return model


def test_contract_config(case):
    cls, arguments = case
    config = cls(**arguments, name="here").get_config()
    again = cls.from_config(config)
    assert again.get_config() == config and again.name == "here"
    for name, value in arguments.items():
        assert config[name] == value or name == "alpha_initializer"
    serialized = keras.saving.serialize_keras_object(cls(**arguments))
    assert serialized["registered_name"] == f"handson11>{cls.__name__}"
    assert type(keras.saving.deserialize_keras_object(serialized)) is cls
    assert cls().name != cls().name  # Keras names them: leaky_re_lu, leaky_re_lu_1


def test_contract_save_and_load(case, tmp_path):
    model = model_with(*case)
    model.layers[1](np.zeros((1, 4, 5), "float32"), training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    copied = pickle.loads(pickle.dumps(model))
    for other in (loaded, copied):
        np.testing.assert_array_equal(other(X), model(X))
    # the state of the random numbers is saved too: the next training call draws the same slopes
    drawn = model(X, training=True)
    for other in (loaded, copied):
        np.testing.assert_array_equal(other(X, training=True), drawn)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_contract_fit_without_retracing(case, jit_compile):
    model = model_with(*case)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=jit_compile)
    y = np.arange(8) % 3
    history = model.fit(X, y, epochs=6, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    layer = model.layers[1]
    traces = []

    @tf.function(jit_compile=jit_compile, autograph=False)
    def call(z):
        traces.append(1)
        return layer(z, training=True)

    for _ in range(3):
        call(tf.ones((2, 4, 5)))
    assert len(traces) == 1


def test_contract_stateless_call(case):
    cls, arguments = case
    layer = cls(**arguments)
    layer.build(X.shape)
    for call_arguments in ({"training": False}, {"training": True}) if cls is layers.RReLU else ({},):
        trainable = [v.value for v in layer.trainable_variables]
        rest = [tf.identity(v.value) for v in layer.non_trainable_variables]
        value, after = layer.stateless_call(trainable, rest, X, **call_arguments)
        np.testing.assert_allclose(value, layer(X, **call_arguments), rtol=1e-6)
        for expected, variable in zip(after, layer.non_trainable_variables, strict=True):
            np.testing.assert_array_equal(expected, variable.value)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_contract_dtypes(case, policy):
    cls, arguments = case
    layer = cls(**arguments, dtype=policy)
    for training in (False, True):
        value = layer(X, training=training)
        assert value.dtype == layer.compute_dtype
        assert np.isfinite(np.asarray(value, "float64")).all()
    assert all(weight.dtype == layer.variable_dtype for weight in layer.trainable_variables)
    extreme = np.asarray(layer(np.full((1, 4, 6), -1e4), training=True), "float64")
    assert np.isfinite(extreme).all()


def test_contract_shapes_and_masks(case):
    cls, arguments = case
    layer = cls(**arguments)
    assert layer.supports_masking
    assert layer.compute_output_shape((None, 4, 6)) == (None, 4, 6)
    assert layer(keras.Input((4, 6))).shape == (None, 4, 6)
    mask = np.array([[True, True, False, False]])
    assert layer.compute_mask(X[:1], mask) is mask


def test_contract_integer_images(case):
    cls, arguments = case
    with pytest.raises(TypeError, match="`z` must hold floating-point numbers; scale integer images first"):
        cls(**arguments)(np.zeros((2, 4, 6), "uint8"))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: layers.LeakyReLU(-0.1), ValueError, "`negative_slope` must be a finite number >= 0. Received: "),
        (lambda: layers.LeakyReLU(None), TypeError, "`negative_slope` must be a finite number >= 0. Received: "),
        (lambda: layers.LeakyReLU(math.nan), ValueError, "`negative_slope` must be a finite number >= 0. Received: "),
        (lambda: layers.ELU(alpha=-1), ValueError, "`alpha` must be a finite number >= 0. Received: alpha=-1"),
        (lambda: layers.ELU(alpha="1"), TypeError, "`alpha` must be a finite number >= 0. Received: alpha='1'"),
        (lambda: layers.RReLU(lower=0), ValueError, "`lower` must be a finite number > 0. Received: lower=0"),
        (
            lambda: layers.RReLU(lower=4, upper=3),
            ValueError,
            "`upper` must be a finite number >= lower=4.0. Received: ",
        ),
        (lambda: layers.RReLU(upper=math.inf), ValueError, "`upper` must be a finite number >= lower=3.0. Received: "),
        (lambda: layers.RReLU(seed=1.5), TypeError, "`seed` must be an integer or None. Received: seed=1.5"),
        (lambda: layers.RReLU(seed=True), TypeError, "`seed` must be an integer or None. Received: seed=True"),
        (
            lambda: layers.PReLU(shared_axes="1"),
            TypeError,
            "`shared_axes` must be an integer or a sequence of integers.",
        ),
        (lambda: layers.PReLU(shared_axes=[True]), TypeError, "`shared_axes` must be an integer or a sequence of"),
        (
            lambda: layers.PReLU(shared_axes=3).build((None, 4, 6)),
            ValueError,
            "`shared_axes` must lie between 1 and 2 ",
        ),
        (
            lambda: layers.PReLU(shared_axes=0).build((None, 4, 6)),
            ValueError,
            "`shared_axes` must lie between 1 and 2 ",
        ),
        (
            lambda: layers.PReLU().build((None, None, 6)),
            ValueError,
            "`input_shape` must have a known size on every axis",
        ),
    ],
)
def test_one_form_of_error(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(text)
    assert "Received: " in str(caught.value)
