"""The BatchNormalization layer against Keras' own, float64 NumPy, and the rules of its documentation."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.layers import BatchNormalization

RNG = np.random.default_rng(3)
AXES = [
    ((16, 5), -1),
    ((16, 5), 1),
    ((4, 7, 5), 1),
    ((4, 3, 6, 6), 1),
    ((4, 6, 6, 3), -1),
    ((4, 6, 6, 3), 2),
    ((5, 4), 0),
]


def pair(shape, **arguments):
    """Our layer and Keras' with the same random weights."""
    ours, theirs = BatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)
    for layer in (ours, theirs):
        layer.build(shape)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        value = RNG.uniform(0.5, 2, mine.shape)
        mine.assign(value)
        other.assign(value)
    return ours, theirs


def truth(x, layer, mean=None, variance=None):
    """The equation in float64 NumPy, written out independently of the package."""
    x = np.asarray(x, "float64")
    others = tuple(i for i in range(x.ndim) if i != layer.axis % x.ndim)
    shape = [1] * x.ndim
    shape[layer.axis] = -1
    mean = x.mean(axis=others) if mean is None else mean
    variance = x.var(axis=others) if variance is None else variance
    gamma, beta, mean, variance = (
        np.asarray(v, "float64").reshape(shape) for v in (layer.gamma, layer.beta, mean, variance)
    )
    return gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta


# Agreement


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize(("shape", "axis"), AXES)
def test_agrees_with_keras_and_float64(shape, axis, mode):
    ours, theirs = pair(shape, axis=axis, momentum=0.8)
    x = RNG.normal(0.5, 2, shape).astype("float32")
    compiled = {}
    for name, layer in (("ours", ours), ("theirs", theirs)):

        def call(x, layer=layer):
            return layer(x, training=True), layer(x, training=False)

        compiled[name] = call if mode == "eager" else tf.function(call, jit_compile=mode == "xla")
    start = [np.asarray(v, "float64") for v in (ours.moving_mean, ours.moving_variance)]
    training, inference = compiled["ours"](tf.constant(x))
    their_training, their_inference = compiled["theirs"](tf.constant(x))
    np.testing.assert_allclose(training, their_training, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(inference, their_inference, atol=1e-6, rtol=1e-6)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(training, truth(x, ours), atol=1e-6, rtol=1e-6)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    mean = 0.8 * start[0] + 0.2 * x.astype("float64").mean(axis=others)
    variance = 0.8 * start[1] + 0.2 * x.astype("float64").var(axis=others)
    np.testing.assert_allclose(np.asarray(ours.moving_mean), mean, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(ours.moving_variance), variance, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(inference, truth(x, ours, mean, variance), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("shape", "axis"), AXES)
def test_gradients_agree_with_keras(shape, axis):
    ours, theirs = pair(shape, axis=axis)
    x = tf.constant(RNG.normal(size=shape).astype("float32"))
    upstream = RNG.normal(size=shape).astype("float32")
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) * upstream)
        gradients.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6 * max(1, float(tf.reduce_max(tf.abs(other)))), rtol=1e-5)


@pytest.mark.parametrize("arguments", [{"center": False}, {"scale": False}, {"center": False, "scale": False}])
def test_without_beta_or_gamma(arguments):
    ours, theirs = pair((8, 3), **arguments)
    x = RNG.normal(size=(8, 3)).astype("float32")
    for training in (True, False):
        np.testing.assert_allclose(ours(x, training=training), theirs(x, training=training), atol=1e-6)
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    assert (ours.gamma is None) == ("scale" in arguments)
    assert (ours.beta is None) == ("center" in arguments)


# The moving averages


def test_moving_averages_after_one_batch():
    layer = BatchNormalization(momentum=0.9)
    layer(np.array([[1.0], [2.0], [6.0]], "float32"), training=True)  # mean 3, biased variance 14/3
    np.testing.assert_allclose(np.asarray(layer.moving_mean), [0.1 * 3.0], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(layer.moving_variance), [0.9 * 1.0 + 0.1 * 14 / 3], rtol=1e-6)


@pytest.mark.parametrize(("momentum", "expected"), [(0.0, 7.0), (0.5, 0.5 * 3.0 + 0.5 * 7.0), (1.0, 3.0)])
def test_momentum_is_the_share_of_the_old_average(momentum, expected):
    layer = BatchNormalization(momentum=momentum, moving_mean_initializer=keras.initializers.Constant(3.0))
    layer(np.full((2, 1), 7.0, "float32"), training=True)
    np.testing.assert_allclose(np.asarray(layer.moving_mean), [expected], rtol=1e-6)


def test_inference_leaves_the_averages_alone():
    layer = BatchNormalization()
    x = RNG.normal(5, 3, (8, 2)).astype("float32")
    layer(x)
    layer(x, training=False)
    np.testing.assert_array_equal(np.asarray(layer.moving_mean), [0, 0])
    np.testing.assert_array_equal(np.asarray(layer.moving_variance), [1, 1])
    np.testing.assert_allclose(layer(x), x / np.sqrt(1.001), rtol=1e-6)  # start: mean 0, variance 1


def test_cl_27_the_averages_matter_only_after_training():
    layer = BatchNormalization()
    x = RNG.normal(size=(8, 4)).astype("float32")
    training, inference = layer(x, training=True), layer(x, training=False)
    layer.moving_mean.assign([100.0] * 4)
    layer.moving_variance.assign([50.0] * 4)
    np.testing.assert_array_equal(layer(x, training=True), training)
    layer.moving_mean.assign([100.0] * 4)  # training moved it on
    assert np.min(np.abs(layer(x, training=False) - inference)) > 1


def test_cl_29_a_bias_before_it_gets_no_gradient():
    dense, layer = keras.layers.Dense(16, bias_initializer="random_normal"), BatchNormalization()
    x = tf.constant(RNG.normal(size=(32, 8)).astype("float32"))
    upstream = RNG.normal(size=(32, 16)).astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(dense(x), training=True) * upstream)
    kernel_gradient, bias_gradient = tape.gradient(loss, [dense.kernel.value, dense.bias.value])
    assert np.max(np.abs(bias_gradient)) < 1e-5
    assert np.max(np.abs(kernel_gradient)) > 1e-3


# Frozen, masks, half precision, replicas


def test_frozen_means_inference():
    ours, theirs = pair((8, 3))
    x = RNG.normal(size=(8, 3)).astype("float32")
    before = [np.asarray(v) for v in ours.weights]
    ours.trainable = theirs.trainable = False
    np.testing.assert_array_equal(ours(x, training=True), ours(x, training=False))
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-6)
    for value, variable in zip(before, ours.weights, strict=True):
        np.testing.assert_array_equal(value, np.asarray(variable))
    assert ours.trainable_weights == []
    ours.trainable = True
    ours(x, training=True)
    assert np.any(np.asarray(ours.moving_mean) != before[2])


@pytest.mark.parametrize("shape", [(6, 4, 3), (3, 4, 5, 2)])
def test_masked_statistics_equal_those_of_the_rest(shape):
    x = RNG.normal(2, 3, shape)
    mask = RNG.random(shape[:-1]) < 0.7
    ours, theirs = pair(shape, momentum=0.0)
    z = ours(x.astype("float32"), training=True, mask=mask)
    counted = x[mask]  # (values, features)
    np.testing.assert_allclose(np.asarray(ours.moving_mean), counted.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(ours.moving_variance), counted.var(axis=0), rtol=1e-5)
    np.testing.assert_allclose(z, truth(x, ours, counted.mean(axis=0), counted.var(axis=0)), atol=1e-5)
    np.testing.assert_allclose(z, theirs(x.astype("float32"), training=True, mask=mask), atol=1e-5)


def test_masks_travel_through_a_model():
    x = np.array([[[1.0, 5.0], [3.0, 5.0], [0.0, 0.0]]], "float32")
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.Masking(), BatchNormalization(momentum=0.0)])
    model(x, training=True)
    np.testing.assert_allclose(np.asarray(model.layers[1].moving_mean), [2.0, 5.0], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model.layers[1].moving_variance), [1.0, 0.0], atol=1e-6)
    assert model.layers[1].supports_masking


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_precision(dtype):
    ours, theirs = pair((8, 3), dtype=dtype)
    x = RNG.normal(size=(8, 3)) * (1000 if "16" in dtype else 1)  # 1000² overflows float16
    for training in (True, False):
        z = ours(x, training=training)
        assert keras.backend.standardize_dtype(z.dtype) == ours.compute_dtype
        assert np.all(np.isfinite(np.asarray(z, "float32")))
        expected = np.asarray(theirs(x, training=training), "float64")
        np.testing.assert_allclose(np.asarray(z, "float64"), expected, atol=0 if "16" in dtype else 1e-6)
    assert {keras.backend.standardize_dtype(v.dtype) for v in ours.weights} == {ours.variable_dtype}


def test_integer_images_are_normalized_as_real_numbers():
    ours, theirs = pair((6, 4, 4, 2))
    x = RNG.integers(0, 256, (6, 4, 4, 2), dtype="uint8")
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-6)


def test_synchronized_replicas_share_one_batch():
    """Two replicas of half a batch each must give what one device gives for the whole batch (own process: devices)."""
    program = textwrap.dedent("""
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from handson11.layers import BatchNormalization

        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        rng = np.random.default_rng(0)
        x = np.concatenate([rng.normal(0, 1, (4, 6, 3)), rng.normal(5, 2, (4, 6, 3))]).astype("float32")
        masks = {False: np.ones((8, 6), bool), True: rng.random((8, 6)) < np.linspace(0.3, 1, 8)[:, None]}
        for masked, mask in masks.items():
            for synchronized in (True, False):
                with strategy.scope():
                    layer = BatchNormalization(momentum=0.0, synchronized=synchronized)
                    layer.build((4, 6, 3))

                def part(array):
                    return strategy.experimental_distribute_values_from_function(
                        lambda context: tf.constant(array[4 * context.replica_id_in_sync_group :][:4]))

                @tf.function
                def step(x, mask):
                    return layer(x, training=True, mask=mask if masked else None)

                z = np.concatenate(strategy.experimental_local_results(strategy.run(step, (part(x), part(mask)))))
                counted = x[mask].astype("float64")
                whole = (x - counted.mean(axis=0)) / np.sqrt(counted.var(axis=0) + 1e-3)
                print(masked, synchronized, bool(np.max(np.abs(z - whole)) < 1e-5),
                      bool(np.allclose(layer.moving_variance.numpy(), counted.var(axis=0), rtol=1e-5)))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n") == [
        "False True True True",
        "False False False False",
        "True True True True",
        "True False False False",
        "",
    ], done.stderr[-2000:]


# Contract


def full_config():
    return BatchNormalization(
        axis=1,
        momentum=0.7,
        epsilon=1e-2,
        beta_initializer="ones",
        gamma_initializer=keras.initializers.RandomUniform(seed=1),
        moving_mean_initializer="ones",
        moving_variance_initializer=keras.initializers.Constant(2.0),
        beta_regularizer="l2",
        gamma_regularizer="l1",
        beta_constraint="non_neg",
        gamma_constraint=keras.constraints.MaxNorm(2),
        synchronized=True,
        name="norm",
        dtype="float32",
    )


def test_config_round_trip():
    layer = full_config()
    again = BatchNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    revived = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(revived) is BatchNormalization
    assert revived.get_config() == layer.get_config()
    shared = set(layer.get_config()) & set(keras.layers.BatchNormalization().get_config())
    assert shared == set(layer.get_config())


def test_regularizers_constraints_and_initializers_are_used():
    layer = full_config()
    layer.build((None, 3))
    assert len(layer.losses) == 2
    assert layer.beta.constraint is layer.beta_constraint
    assert layer.gamma.constraint is layer.gamma_constraint
    np.testing.assert_array_equal(np.asarray(layer.beta), np.ones(3))
    np.testing.assert_array_equal(np.asarray(layer.moving_mean), np.ones(3))
    np.testing.assert_array_equal(np.asarray(layer.moving_variance), np.full(3, 2.0))


def model_with(cls, seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential([
        keras.Input((6,)),
        keras.layers.Dense(8, use_bias=False),
        cls(momentum=0.9),
        keras.layers.Activation("relu"),
        keras.layers.Dense(3),
    ])  # fmt: skip


def fitted(model, **compile_arguments):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 6)).astype("float32"), rng.integers(0, 3, 64)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), loss, **compile_arguments)
    history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False)
    return x, history.history["loss"]


@pytest.mark.parametrize("compile_arguments", [{}, {"jit_compile": True}, {"run_eagerly": True}])
def test_swaps_in_for_keras_in_fit(compile_arguments):
    ours, theirs = model_with(BatchNormalization), model_with(keras.layers.BatchNormalization)
    x, losses = fitted(ours, **compile_arguments)
    _, their_losses = fitted(theirs, **compile_arguments)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-5)
    assert losses[-1] < losses[0]
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        assert mine.path.split("/")[-1] == other.path.split("/")[-1]
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), atol=1e-5)


def test_save_and_load(tmp_path):
    model = model_with(BatchNormalization)
    x, _ = fitted(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    model.save_weights(tmp_path / "model.weights.h5")
    theirs = model_with(keras.layers.BatchNormalization, seed=5)
    theirs.set_weights([np.asarray(v) for v in model.weights])
    np.testing.assert_allclose(theirs(x), model(x), atol=1e-6)


def test_no_retrace_on_the_second_call():
    layer = BatchNormalization()
    layer.build((None, 3))
    traces = []

    @tf.function
    def step(x):
        traces.append(1)
        return layer(x, training=True)

    for _ in range(3):
        step(tf.constant(RNG.normal(size=(4, 3)).astype("float32")))
    assert len(traces) == 1


def test_unknown_batch_and_image_sizes():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, BatchNormalization()(inputs))
    assert model.output_shape == (None, None, None, 3)
    assert model(np.ones((2, 5, 4, 3), "float32"), training=True).shape == (2, 5, 4, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: BatchNormalization(momentum=1.5),
            ValueError,
            r"`momentum` must be in \[0, 1\]. Received: momentum=1.5",
        ),
        (lambda: BatchNormalization(momentum="high"), TypeError, "`momentum` must be in"),
        (lambda: BatchNormalization(epsilon=-1e-3), ValueError, "`epsilon` must be a number of at least 0"),
        (lambda: BatchNormalization(epsilon=np.nan), ValueError, "`epsilon` must be a number of at least 0"),
        (lambda: BatchNormalization(axis=[1, 2]), TypeError, "`axis` must be one integer"),
        (lambda: BatchNormalization(axis=3).build((None, 4)), ValueError, "`axis` must be an axis of an input with 2"),
        (lambda: BatchNormalization(axis=1).build((None, None, 4)), ValueError, "`input_shape` must have a known size"),
        (lambda: BatchNormalization(axis=4).compute_output_shape((None, 3)), ValueError, "`axis` must be an axis"),
        (lambda: BatchNormalization()(np.ones((2, 3)), mask=np.ones((2, 3))), ValueError, "`mask` must have one axis"),
        (lambda: BatchNormalization(beta_initializer="unknown"), ValueError, "Could not interpret initializer"),
    ],
)
def test_wrong_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_another_number_of_features_is_refused():
    layer = BatchNormalization()
    layer.build((None, 3))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        layer(np.ones((2, 4), "float32"))
