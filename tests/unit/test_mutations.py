"""Mutation spot checks: a formula with one flipped sign or one missing term has to be noticed.

Each row names a piece of a module's source, its mutant and a check. The check is first run on the module as it is and
has to pass; then on a copy of the module with the mutant in it, and has to fail. Expected values are from paper and
pencil. Other modules add their rows to ``MUTATIONS``.
"""

import importlib
import inspect
import math
import sys
import types

import keras
import numpy as np
import pytest

LN2, LN3 = math.log(2), math.log(3)


def mutant_of(module_name, old, new, count=1):
    """Return a copy of a module in which ``old`` is replaced by ``new`` in exactly ``count`` places."""
    source = inspect.getsource(importlib.import_module(module_name))
    assert source.count(old) == count, f"{old!r} occurs {source.count(old)} times in {module_name}"
    mutant = types.ModuleType(module_name.replace("handson11.", "mutant_"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, mutant.__name__, mutant)  # dataclasses look their module up
        patch.setattr(keras.saving, "register_keras_serializable", lambda package: lambda cls: cls)
        exec(compile(source.replace(old, new), "mutant", "exec"), mutant.__dict__)
    return mutant


def near(value, expected, tolerance=1e-9):
    return np.allclose(np.asarray(value, "float64"), expected, rtol=0, atol=tolerance)


def slopes_of_rrelu(module, training):
    """Return the slopes drawn by 10,000 negative inputs."""
    return -np.asarray(module.RReLU(seed=0)(-np.ones((100, 100), "float32"), training=training), "float64")


def hands_masks_on(module):
    return module.LeakyReLU().supports_masking


def saved_state(module):
    """Whether a layer with the saved state of another one draws the same slopes next."""
    first, second, store = module.RReLU(seed=0), module.RReLU(seed=0), {}
    slopes_before = np.asarray(first(-np.ones((4, 4), "float32"), training=True))
    first.save_own_variables(store)
    second.load_own_variables(store)
    slopes = [np.asarray(layer(-np.ones((4, 4), "float32"), training=True)) for layer in (first, second)]
    return (slopes[0] == slopes[1]).all() and (slopes_before != slopes[0]).all()


def prelu_of_three_channels(module):
    layer = module.PReLU(keras.initializers.Constant(0.5), shared_axes=[1])
    return near(layer(-np.ones((1, 2, 3), "float32")), -0.5) and layer.alpha.shape == (1, 3)


def logistic_saturation(module):
    """|z| = 5 is saturated, z = 0 is not."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
    [record] = module.saturation(model, np.array([[-5.0], [0.0], [0.0], [5.0]]))
    return (record.share, record.below, record.above) == (0.5, 0.25, 0.25)


def first_unit_is_alive(module):
    """It is below 0 on one input, above on the other; the second unit is below 0 on both."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])
    return module.dead_units(model, np.array([[1.0, -1.0], [-1.0, -1.0]]))[0].dead.tolist() == [False, True]


def outputs_0_and_4(module):
    model = keras.Sequential([keras.Input((1,)), keras.layers.ReLU()])
    return module.activation_statistics(model, np.array([[-1.0], [4.0]]))[0]


def gradient_3_4(module, penalty=False):
    """The loss w·x has the gradient x = (3, 4) on both rows; the penalty ½‖w‖² adds w = (1, 1)."""
    dense = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(0.5) if penalty else None
    )
    model = keras.Sequential([keras.Input((2,)), dense])
    x = np.array([[3.0, 4.0], [3.0, 4.0]])
    return module.gradient_statistics(model, x, np.zeros((2, 1)), loss=lambda y, output: output[:, 0])[0]


def batch_norm_gradient(module):
    """x̂ = ∓2/3 with γ = 6 and ε = 5, so g = (1, 4) comes back as 2 (∓1.5 ± 2/3)."""
    x, gradient = np.array([[1.0], [5.0]]), np.array([[1.0], [4.0]])
    return near(module.batch_norm_backward(gradient, x, np.array([6.0]), 5.0)[0], [[-5 / 3], [5 / 3]])


def folded_bias(module):
    """s = 6/3 = 2, μ = 1, β = 1/2: a bias of 3 becomes (3 - 1) 2 + 1/2."""
    dense, bn = keras.layers.Dense(1), keras.layers.BatchNormalization(epsilon=1.0)
    keras.Sequential([keras.Input((1,)), dense, bn])
    dense.set_weights([np.array([[5.0]]), np.array([3.0])])
    bn.set_weights([np.array([value]) for value in (6.0, 0.5, 1.0, 8.0)])
    folded = module.fold_batch_norm(dense, bn)
    return near(folded.kernel, [[10.0]], 1e-6) and near(folded.bias, [4.5], 1e-6)


def batch_norm_after_one_batch(module, trainable=True):
    """Return the outputs for 1 and 5 in training and the moving averages after that (momentum 0.9, ε = 5)."""
    layer = module.BatchNormalization(momentum=0.9, epsilon=5.0, trainable=trainable)
    outputs = layer(np.array([[1.0], [5.0]], "float32"), training=True)
    return np.asarray(outputs).ravel(), np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)


ACTIVATIONS = "handson11.activations"
CLIPPING = "handson11.clipping"
DIAGNOSTICS = "handson11.diagnostics"
LAYERS = "handson11.layers"
NORMALIZATION = "handson11.normalization"

# (module, source, mutant, check)

MUTATIONS = [
    (ACTIVATIONS, "e = np.exp(-np.abs(z))", "e = np.exp(np.abs(z))", lambda m: near(m.sigmoid(LN3), 3 / 4)),
    (
        ACTIVATIONS,
        "np.where(z >= 0, 1, e) / (1 + e)",
        "np.where(z >= 0, e, 1) / (1 + e)",
        lambda m: near(m.sigmoid(LN3), 3 / 4),
    ),
    (
        ACTIVATIONS,
        "sigmoid(z) * sigmoid(-z)",
        "sigmoid(z) * sigmoid(z)",
        lambda m: near(m.sigmoid_derivative(LN3), 3 / 16),
    ),
    (ACTIVATIONS, "1 - tanh(z) ** 2", "1 - tanh(z)", lambda m: near(m.tanh_derivative(LN2), 16 / 25)),
    (ACTIVATIONS, "1 - tanh(z) ** 2", "1 + tanh(z) ** 2", lambda m: near(m.tanh_derivative(LN2), 16 / 25)),
    (
        ACTIVATIONS,
        "np.exp(z - np.max(z, axis=axis, keepdims=True))",
        "np.exp(z)",
        lambda m: np.isfinite(m.softmax([1e4, 0.0])).all(),
    ),
    (
        ACTIVATIONS,
        "return e / np.sum(e, axis=axis, keepdims=True)",
        "return e",
        lambda m: near(m.softmax([0.0, 0.0]), 1 / 2),
    ),
    (
        ACTIVATIONS,
        "s * (identity - xp",
        "s * (identity + xp",
        lambda m: near(m.softmax_derivative([0.0, 0.0]), [[0.25, -0.25], [-0.25, 0.25]]),
    ),
    (ACTIVATIONS, "np.maximum(z, 0) if", "np.minimum(z, 0) if", lambda m: near(m.relu(3.0), 3)),
    (
        ACTIVATIONS,
        "negative_slope * (z - threshold)",
        "negative_slope * z",
        lambda m: near(m.relu(-3.0, 0.5, None, 1.0), -2),
    ),
    (ACTIVATIONS, "xp.minimum(result, max_value)", "result", lambda m: near(m.relu(9.0, max_value=6.0), 6)),
    (
        ACTIVATIONS,
        "xp.where(z > max(max_value, threshold), 0, slope)",
        "slope",
        lambda m: near(m.relu_derivative(9.0, max_value=6.0), 0),
    ),
    (
        ACTIVATIONS,
        "where(z > 0, z, negative_slope * z)",
        "maximum(negative_slope * z, z)",
        lambda m: near(m.leaky_relu(-10.0, 2.0), -20),
    ),
    (ACTIVATIONS, "where(z > 0, z, alpha * z)", "where(z > 0, z, z)", lambda m: near(m.prelu(-4.0, 0.25), -1)),
    (
        ACTIVATIONS,
        "where(z > 0, z, z / divisor)",
        "where(z > 0, z, z * divisor)",
        lambda m: near(m.rrelu(-11.0, 5.5), -2),
    ),
    (
        ACTIVATIONS,
        "xp.ones_like(z), 1 / divisor",
        "xp.ones_like(z), divisor",
        lambda m: near(m.rrelu_derivative(-1.0, 4.0), 1 / 4),
    ),
    (
        ACTIVATIONS,
        "return relu(z) + alpha * xp.expm1(xp.minimum(z, 0))",
        "return relu(z) - alpha * xp.expm1(xp.minimum(z, 0))",
        lambda m: near(m.elu(-LN2), -1 / 2),
    ),
    (
        ACTIVATIONS,
        "return relu(z) + alpha * xp.expm1(xp.minimum(z, 0))",
        "return relu(z) + alpha * xp.expm1(z)",
        lambda m: near(m.elu(3.0), 3),
    ),
    (
        ACTIVATIONS,
        "return relu(z) + alpha * xp.expm1(xp.minimum(z, 0))",
        "return relu(z) + xp.expm1(xp.minimum(z, 0))",
        lambda m: near(m.elu(-LN2, 2.0), -1),
    ),
    (
        ACTIVATIONS,
        "alpha * xp.exp(xp.minimum(z, 0))",
        "xp.exp(xp.minimum(z, 0))",
        lambda m: near(m.elu_derivative(-LN2, 2.0), 1),
    ),
    (
        ACTIVATIONS,
        "alpha * xp.expm1(xp.minimum(z, 0) / alpha)",
        "alpha * xp.expm1(xp.minimum(z, 0))",
        lambda m: near(m.celu(-2 * LN2, 2.0), -1),
    ),
    (
        ACTIVATIONS,
        "xp.ones_like(z), xp.exp(xp.minimum(z, 0) / alpha)",
        "xp.ones_like(z), alpha * xp.exp(xp.minimum(z, 0) / alpha)",
        lambda m: near(m.celu_derivative(0.0, 2.0), 1),
    ),
    (ACTIVATIONS, "/ (0.5 - e1)", "/ (0.5 + e1)", lambda m: near(m.SELU_ALPHA, 1.6732632423543772)),
    (ACTIVATIONS, "(e2 - 2 * e1 + 0.5)", "(e2 - e1 + 0.5)", lambda m: near(m.SELU_SCALE, 1.0507009873554805)),
    (
        ACTIVATIONS,
        "return SELU_SCALE * elu(z, SELU_ALPHA)",
        "return elu(z, SELU_ALPHA)",
        lambda m: near(m.selu(1.0), 1.0507009873554805),
    ),
    (
        ACTIVATIONS,
        "return SELU_SCALE * elu_derivative(z, SELU_ALPHA)",
        "return SELU_SCALE * elu_derivative(z)",
        lambda m: near(m.selu_derivative(0.0), 1.7580993408473766),
    ),
    (
        ACTIVATIONS,
        "namespace(z), -math.sqrt(0.5) * z",
        "namespace(z), math.sqrt(0.5) * z",
        lambda m: near(m.gelu(1.0), 0.8413447460685429),
    ),
    (
        ACTIVATIONS,
        "1 + 0.044715 * namespace",
        "1 - 0.044715 * namespace",
        lambda m: near(m.gelu(1.0, approximate=True), 0.8413447460685429, 1e-3),
    ),
    (
        ACTIVATIONS,
        "_normal_cdf(z) + near * density",
        "_normal_cdf(z) + density",
        lambda m: near(m.gelu_derivative(0.0), 1 / 2),
    ),
    (
        ACTIVATIONS,
        "(1 + 3 * 0.044715 * near * near)",
        "(1 + 0.044715 * near * near)",
        lambda m: near(m.gelu_derivative(1.0, approximate=True), m.gelu_derivative(1.0), 2e-3),
    ),
    (ACTIVATIONS, "return z * sigmoid(z)", "return sigmoid(z)", lambda m: near(m.silu(LN3), 0.75 * LN3)),
    (
        ACTIVATIONS,
        "sigmoid(z) + z * sigmoid_derivative(z)",
        "sigmoid(z) - z * sigmoid_derivative(z)",
        lambda m: near(m.silu_derivative(LN3), 3 / 4 + LN3 * 3 / 16),
    ),
    (
        ACTIVATIONS,
        "return z * namespace(z).tanh(_softplus(z))",
        "return z * namespace(z).tanh(z)",
        lambda m: near(m.mish(LN2), 0.8 * LN2),
    ),
    (
        ACTIVATIONS,
        "t + z * sigmoid(z) * (1 - t * t)",
        "t + sigmoid(z) * (1 - t * t)",
        lambda m: near(m.mish_derivative(0.0), 0.6),
    ),
    (
        ACTIVATIONS,
        "(f - mean_after) ** 2",
        "f**2",
        lambda m: near(m.activation_moments(m.relu)[1], 1 / 2 - 1 / (2 * math.pi)),
    ),
    (
        ACTIVATIONS,
        "math.exp(-x * x / 2) / math",
        "math.exp(-x * x) / math",
        lambda m: near(m.activation_moments(m.relu)[0], 1 / math.sqrt(2 * math.pi)),
    ),
    (
        ACTIVATIONS,
        "-positive_part / (whole - positive_part)",
        "-positive_part / whole",
        lambda m: near(m.selu_fixed_point().alpha, 1.6732632423543772),
    ),
    (ACTIVATIONS, "variance * weight_square_sum)", "variance)", lambda m: near(m.selu_map(0.0, 0.5, 0.0, 2.0), [0, 1])),
    (
        LAYERS,
        "(self.lower + self.upper) / 2",
        "(self.lower + self.upper)",
        lambda m: near(slopes_of_rrelu(m, False), 1 / 5.5, 1e-6),
    ),
    (
        LAYERS,
        "ops.shape(inputs), self.lower, self.upper",
        "(1,), self.lower, self.upper",
        lambda m: slopes_of_rrelu(m, True).std() > 0.01,
    ),
    (
        LAYERS,
        "dtype=inputs.dtype, seed=self.seed_generator",
        "dtype=inputs.dtype, seed=self.seed",
        lambda m: saved_state(m),
    ),
    (LAYERS, 'self.seed_generator.state.assign(store["0"])', "pass", saved_state),
    (LAYERS, "self.supports_masking = True\n        self.built", "self.built", hands_masks_on),
    (LAYERS, "1 if axis in shared else", "1 if axis not in shared else", prelu_of_three_channels),
    (CLIPPING, "-clipvalue, clipvalue)", "0, clipvalue)", lambda m: near(m.clip_by_value([-7.0, 0.5], 2), [-2, 0.5])),
    (
        CLIPPING,
        "maximum(_length([g / scale for g in wide]), limit)",
        "_length([g / scale for g in wide])",
        lambda m: near(m.clip_by_norm([0.3, 0.4], 1.0), [0.3, 0.4]),
    ),
    (
        CLIPPING,
        "maximum(_largest(wide), threshold)",
        "maximum(wide[0].dtype.type(1), threshold)",
        lambda m: near(m.clip_by_norm(np.float32([3e25, 4e25]), 1.0), [0.6, 0.8], 1e-6),
    ),
    (CLIPPING, "threshold / scale", "1 / scale", lambda m: near(m.clip_by_norm([3.0, 4.0], 2.5), [1.5, 2.0])),
    (CLIPPING, "ops.sum(g * g)", "ops.sum(abs(g))", lambda m: near(m.global_norm([3.0, 4.0]), 5.0)),
    (CLIPPING, "360 / np.pi", "180 / np.pi", lambda m: near(m.angle_between([1.0, 0.0], [0.0, 2.0]), 90.0)),
    (CLIPPING, "[g - h for", "[g + h for", lambda m: near(m.angle_between([1.0, 0.0], [1.0, 1.0]), 45.0)),
    (CLIPPING, '"float16" in', '"float32" in', lambda m: near(m.global_norm(np.ones(90_000, "float16")), 300.0)),
    (DIAGNOSTICS, "flat, z = np.abs(record.slopes) <", "flat, z = np.abs(record.slopes) >", logistic_saturation),
    (DIAGNOSTICS, "flat & (z < 0)", "flat & (z <= 0) & (z > 0)", logistic_saturation),
    (DIAGNOSTICS, "np.all(r.slopes == 0", "np.any(r.slopes == 0", first_unit_is_alive),
    (DIAGNOSTICS, "np.sqrt(np.mean(a * a))", "np.mean(np.abs(a))", lambda m: near(outputs_0_and_4(m).rms, 8**0.5)),
    (DIAGNOSTICS, "np.mean(a == 0)", "np.mean(a < 0)", lambda m: near(outputs_0_and_4(m).zeros, 0.5)),
    (DIAGNOSTICS, "np.sqrt(np.mean(g * g))", "np.sqrt(np.sum(g * g))", lambda m: near(gradient_3_4(m).rms, 12.5**0.5)),
    (DIAGNOSTICS, "keras.ops.mean(loss(", "keras.ops.sum(loss(", lambda m: near(gradient_3_4(m).norm, 5.0)),
    (DIAGNOSTICS, "+ sum(model.losses)", "", lambda m: near(gradient_3_4(m, penalty=True).norm, 41**0.5)),
    (
        NORMALIZATION,
        "1 / np.sqrt(variance + epsilon)",
        "1 / np.sqrt(variance)",
        lambda m: near(m.batch_norm([[2.0]], epsilon=1.0, mean=[1.0], variance=[3.0]), 1 / 2),
    ),
    (
        NORMALIZATION,
        "1 / np.sqrt(variance + epsilon)",
        "1 / (np.sqrt(variance) + epsilon)",
        lambda m: near(m.batch_norm([[2.0]], epsilon=1.0, mean=[1.0], variance=[3.0]), 1 / 2),
    ),
    (
        NORMALIZATION,
        "else beta - mean * scale",
        "else beta + mean * scale",
        lambda m: near(m.batch_norm([[5.0]], beta=[1.0], epsilon=0.0, mean=[1.0], variance=[4.0]), 3.0),
    ),
    (
        NORMALIZATION,
        "average(np.square(x - _along(mean, x, feature)))",
        "average(np.square(x - _along(mean, x, feature))) * len(x) / (len(x) - 1)",
        lambda m: near(m.batch_statistics([[1.0], [5.0]])[1], 4.0),
    ),
    (
        NORMALIZATION,
        "average(xp.square(distance)) / share",
        "average(xp.square(distance))",
        lambda m: near(m.batch_statistics(np.array([[[1.0], [5.0], [9.0]]]), mask=np.array([[1, 1, 0]]))[1], 4.0),
    ),
    (NORMALIZATION, "- mean_g - x_hat * mean_gx", "- mean_g + x_hat * mean_gx", batch_norm_gradient),
    (NORMALIZATION, "gradient - mean_g - x_hat", "gradient - x_hat", batch_norm_gradient),
    (
        NORMALIZATION,
        "v_hat * momentum + v * (1.0 - momentum)",
        "v_hat * (1.0 - momentum) + v * momentum",
        lambda m: near(m.moving_average(2.0, 12.0, 0.9), 3.0),
    ),
    (NORMALIZATION, "else bias * scale + shift", "else bias + shift", folded_bias),
    (NORMALIZATION, "kernel * aligned", "kernel", folded_bias),
    (
        LAYERS,
        "mean, variance = batch_mean, batch_variance",
        "mean = batch_mean",
        lambda m: near(batch_norm_after_one_batch(m)[0], [-2 / 3, 2 / 3], 1e-6),
    ),
    (
        LAYERS,
        "if training and self.trainable",
        "if training",
        lambda m: near(batch_norm_after_one_batch(m, trainable=False)[1], 0.0),
    ),
    (
        LAYERS,
        "moving_average(mean, batch_mean, self.momentum)",
        "moving_average(batch_mean, mean, self.momentum)",
        lambda m: near(batch_norm_after_one_batch(m)[1], 0.1 * 3.0, 1e-6),
    ),
    (
        LAYERS,
        "moving_average(variance, batch_variance, self.momentum)",
        "moving_average(variance, batch_variance**0.5, self.momentum)",
        lambda m: near(batch_norm_after_one_batch(m)[2], 0.9 + 0.1 * 4.0, 1e-6),
    ),
]


@pytest.mark.parametrize(("module_name", "source", "mutant", "check"), MUTATIONS, ids=[row[2] for row in MUTATIONS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::scipy.integrate.IntegrationWarning")  # of the mutants
def test_mutants_are_noticed(module_name, source, mutant, check):
    assert check(importlib.import_module(module_name))
    assert not check(mutant_of(module_name, source, mutant))
