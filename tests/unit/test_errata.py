"""The errata of the notes, row by row: what the notes say fails, what the page says instead holds.

Nearly everything here is computed with Keras, TensorFlow, NumPy and SciPy alone, so that an error of the package cannot
prove an error of the notes. The last tests keep the page complete: all rows, their parts, severities and counts. The
rows of sections 11.2 to 11.6 have their tests in ``test_errata_later_sections.py``.
"""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad
from scipy.optimize import linprog

from handson11.layers import RReLU
from handson11.normalization import fold_batch_norm

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PAGE = BOOK / "reference" / "errata.md"
SECTION = BOOK / "11_1_unstable_gradients"
REUSE = BOOK / "11_2_pretrained_layers"
OPTIMIZERS = BOOK / "11_3_faster_optimizers"
PAGES = {
    "11": BOOK / "introduction.md",
    "11.1": SECTION / "index.ipynb",
    "11.1.1": SECTION / "1_initialization.ipynb",
    "11.1.2": SECTION / "2_activations.ipynb",
    "11.1.3": SECTION / "3_batch_normalization.ipynb",
    "11.1.4": SECTION / "4_gradient_clipping.ipynb",
    "11.2": REUSE / "index.ipynb",
    "11.2.1": REUSE / "1_transfer_learning.ipynb",
    "11.2.2": REUSE / "2_unsupervised_pretraining.ipynb",
    "11.2.3": REUSE / "3_auxiliary_pretraining.ipynb",
    "11.3": OPTIMIZERS / "index.ipynb",
    "11.3.1": OPTIMIZERS / "1_momentum.ipynb",
    "11.3.2": OPTIMIZERS / "2_nesterov.ipynb",
    "11.3.3": OPTIMIZERS / "3_adagrad.ipynb",
    "11.3.4": OPTIMIZERS / "4_rmsprop.ipynb",
    "11.3.5": OPTIMIZERS / "5_adam_family.ipynb",
    "11.3.6": OPTIMIZERS / "6_learning_rate_schedules.ipynb",
}
EXPECTED_ROWS = {f"ERR-{n:02d}" for n in range(1, 78)}
SEVERITIES = {  # the numbers of the rows; a row may stand twice
    "wrong": [5, 6, 9, 15, 17, 18, 26, 41, 48, 51, 55, 56, 57],
    "contradiction": [1, 9, 12, 15, 18, 22, 24, 28, 29, 39, 42, 53, 60, 64, 68, 72],
    "imprecise": [2, 3, 8, 10, 11, 13, 14, 16, 20, 21, 30, 31, 36, 37, 38, 39, 40, 43, 44, 46, 47, 49, 50, 52, 53, 54]
    + [58, 59, 62, 63, 65, 66, 67, 68, 71, 73, 74, 75, 76, 77],
    "does not run": [7, 23, 25, 27, 32, 34, 35, 45, 70],
    "spelling": [4, 19, 33, 42, 61, 63, 69],
}


def page_text(number):
    """Return the Markdown and the code of a page as one text."""
    path = PAGES[number]
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return "\n\n".join("".join(cell["source"]) for cell in notebook["cells"])


def has_verdict(claim, number):
    """Return whether a page calls ``verdict`` for a claim."""
    return bool(re.search(rf"verdict\(\s*[\"']{claim}[\"']", page_text(number)))


def logistic(z):
    return 1 / (1 + np.exp(-z))


def kernel_gradients_of_a_logistic_stack(weight_std, depth=20, width=100, n=200, seed=0):
    """Return (kernel gradients per layer, all pre-activations) of a plain NumPy network with one logistic output."""
    generator = np.random.default_rng(seed)
    activations, sums, weights = [generator.normal(size=(n, width))], [], []
    for _ in range(depth):
        weights.append(generator.normal(scale=weight_std, size=(width, width)))
        sums.append(activations[-1] @ weights[-1])
        activations.append(logistic(sums[-1]))
    delta, gradients = generator.normal(size=(n, width)), []
    for layer in reversed(range(depth)):
        delta = delta * logistic(sums[layer]) * (1 - logistic(sums[layer]))
        gradients.append(activations[layer].T @ delta)
        delta = delta @ weights[layer].T
    return gradients[::-1], np.array(sums)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


# 11 and 11.1


def test_err_01_the_page_states_both_conventions_and_fixes_one():
    text = page_text("11")
    assert "three hidden layers" in text
    assert "about ten" in text
    assert "This course keeps to the first" in text


def test_err_02_the_order_of_events():
    references = (BOOK / "references.bib").read_text(encoding="utf-8")

    def year(key):
        return int(re.search(rf"@\w+{{{key},.*?year\s*=\s*{{(\d+)}}", references, re.S).group(1))

    assert year("hinton2006") < min(year("glorot2010"), year("nair2010"), year("he2015"))
    assert year("minsky1969") + 20 < min(year("hochreiter1991"), year("bengio1994"))


def test_err_03_unsaturated_units_vanish_and_saturated_ones_hardly():
    for seed in range(5):
        calm, z = kernel_gradients_of_a_logistic_stack(weight_std=0.1, seed=seed)  # Glorot: 1 / sqrt(fan_avg)
        assert np.abs(z).max() < 5  # nowhere near saturation
        ratio = rms(calm[0]) / rms(calm[-1])
        assert 0.25**19 / 20 < ratio < 0.25**19 * 20
        strong, z = kernel_gradients_of_a_logistic_stack(weight_std=1.0, seed=seed)
        assert np.mean(np.abs(z[1:]) > 4) > 0.2  # many units in the flat part
        assert rms(strong[0]) / rms(strong[-1]) > 1e-2


def test_err_04_vanishing_and_loss_are_two_korean_words():
    glossary = (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")
    assert "그레이디언트 소실" in glossary
    assert "손실 함수" in glossary
    assert "그레이디언트 손실" not in glossary


# 11.1.1


def test_err_05_fan_out_counts_the_outputs_of_the_layer():
    layer = keras.layers.Dense(400, kernel_initializer=keras.initializers.VarianceScaling(1.0, "fan_out", "normal", 7))
    layer.build((None, 800))
    assert layer.kernel.shape == (800, 400)
    assert np.var(layer.kernel.numpy()) == pytest.approx(1 / 400, rel=0.02)


def test_err_06_fan_avg_and_fan_out_are_different_modes():
    shape, largest = (800, 400), {}
    for mode in ("fan_avg", "fan_out"):
        rule = keras.initializers.VarianceScaling(2.0, mode, "uniform", seed=7)
        largest[mode] = float(np.abs(rule(shape)).max())
    assert largest["fan_avg"] == pytest.approx(np.sqrt(6 / 600), rel=1e-3)
    assert largest["fan_out"] == pytest.approx(np.sqrt(6 / 400), rel=1e-3)


def test_err_07_the_quoted_name_is_rejected_and_the_object_is_accepted():
    he_avg_init = keras.initializers.VarianceScaling(scale=2.0, mode="fan_avg", distribution="uniform")
    with pytest.raises(ValueError, match="Could not interpret initializer identifier: he_avg_init"):
        keras.layers.Dense(10, activation="sigmoid", kernel_initializer="he_avg_init")
    layer = keras.layers.Dense(10, activation="relu", kernel_initializer=he_avg_init)
    assert layer(np.ones((2, 5), "float32")).shape == (2, 10)


def test_err_08_both_variances_are_kept_only_if_the_fans_are_equal():
    generator = np.random.default_rng(0)
    for fan_in, fan_out in [(600, 600), (800, 200)]:
        weights = generator.normal(scale=np.sqrt(2 / (fan_in + fan_out)), size=(fan_in, fan_out))  # Glorot
        forward = np.var(generator.normal(size=(2000, fan_in)) @ weights)
        backward = np.var(generator.normal(size=(2000, fan_out)) @ weights.T)
        assert forward == pytest.approx(2 * fan_in / (fan_in + fan_out), rel=0.05)
        assert backward == pytest.approx(2 * fan_out / (fan_in + fan_out), rel=0.05)
    z = tf.constant([0.0])
    for function, slope in [(keras.activations.tanh, 1.0), (keras.activations.sigmoid, 0.25)]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            y = function(z)
        assert float(tape.gradient(y, z)[0]) == pytest.approx(slope)


# 11.1.2


def test_err_09_the_default_slopes_of_leaky_relu():
    x = np.array([-1.0], "float32")
    assert float(keras.layers.LeakyReLU()(x)[0]) == pytest.approx(-0.3)
    assert float(keras.activations.leaky_relu(x)[0]) == pytest.approx(-0.2)
    assert float(tf.nn.leaky_relu(x)[0]) == pytest.approx(-0.2)
    assert float(keras.layers.Activation("leaky_relu")(x)[0]) == pytest.approx(-0.2)


def test_err_10_the_slope_of_xu_is_one_over_five_and_a_half():
    slope = 1 / 5.5
    assert slope == pytest.approx(0.1818, abs=5e-5)
    assert slope > 10 * 0.01
    assert has_verdict("CL-11", "11.1.2")


def test_err_11_elu_tends_to_minus_alpha():
    for alpha in (0.5, 1.0, 2.0):
        assert float(keras.activations.elu(np.array([-20.0], "float32"), alpha)[0]) == pytest.approx(-alpha, rel=1e-6)


def test_err_12_speed_is_measured_and_not_asserted():
    assert has_verdict("CL-20", "11.1.2")


def test_err_13_three_averages_of_a_random_slope():
    assert quad(lambda a: 1 / a / 5, 3, 8)[0] == pytest.approx(0.1962, abs=5e-5)  # mean of the slope 1/a
    assert np.mean([1 / 8, 1 / 3]) == pytest.approx(0.2292, abs=5e-5)  # mean of a uniform slope
    layer = RReLU()
    assert float(layer(np.array([[-5.5]], "float32"), training=False)[0, 0]) == pytest.approx(-1.0)  # slope 1/5.5


def test_err_14_elu_bends_at_zero():
    def first_and_second(z):
        z = tf.constant(z, "float64")
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                y = tf.nn.elu(z)
            slope = inner.gradient(y, z)
        return float(slope), float(outer.gradient(slope, z, unconnected_gradients="zero"))

    left, right = first_and_second(-1e-9), first_and_second(1e-9)
    assert left[0] == pytest.approx(right[0], abs=1e-8)  # the slope is continuous
    assert left[1] == pytest.approx(1.0, abs=1e-8)  # the second derivative jumps
    assert right[1] == 0.0


def selu_stack_std(skip, depth=50, width=200, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(300, width)).astype("float32")
    for _ in range(depth):
        z = x @ generator.normal(scale=width**-0.5, size=(width, width)).astype("float32")
        y = keras.ops.convert_to_numpy(keras.activations.selu(z))
        x = x + y if skip else y
    return float(np.std(x))


def test_err_15_selu_keeps_a_plain_dense_stack_and_not_one_with_skip_connections():
    assert 0.8 < selu_stack_std(skip=False) < 1.2
    assert selu_stack_std(skip=True) > 1e3


def test_err_16_the_ranking_is_measured_and_not_asserted():
    assert has_verdict("CL-10", "11.1.2")


def test_err_57_relu_and_leaky_relu_are_not_linear():
    for function in (keras.activations.relu, keras.activations.leaky_relu):
        one, minus_one, zero = (float(value) for value in function(np.array([1.0, -1.0, 0.0], "float32")))
        assert one + minus_one != pytest.approx(zero)  # a linear function would give f(1) + f(-1) = f(0)


def test_err_66_the_maximum_form_needs_a_slope_of_at_most_one():
    x = np.array([-1.0], "float32")
    for slope in (0.0, 0.2, 1.0):
        assert float(keras.layers.LeakyReLU(negative_slope=slope)(x)[0]) == pytest.approx(max(-slope, -1.0))
    assert float(keras.layers.LeakyReLU(negative_slope=2.0)(x)[0]) == pytest.approx(-2.0)
    assert max(2.0 * -1.0, -1.0) == -1.0


def test_err_67_a_negative_sum_on_one_instance_does_not_kill_a_unit():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(1000, 100))
    z = x @ generator.normal(scale=np.sqrt(2 / 100), size=(100, 100))
    assert np.mean(z < 0) == pytest.approx(0.5, abs=0.03)  # half of all sums are negative …
    assert not np.any(np.all(z <= 0, axis=0))  # … and no unit is dead
    killed = z - 100.0  # a huge negative bias
    assert np.all(np.all(killed <= 0, axis=0))
    with tf.GradientTape() as tape:
        bias = tf.Variable(tf.fill([100], -100.0))
        tape.watch(bias)
        y = tf.nn.relu(tf.constant(z, "float32") + bias)
    assert float(tf.reduce_max(tf.abs(tape.gradient(y, bias)))) == 0.0


def test_err_70_the_listing_fails_three_times_before_it_runs():
    def listing(first, second):
        return (
            "keras.models.Sequential([\n    [...]" + first + "\n"
            "    keras.layers.Dense(10, kernel_initializer='he_normal'),\n"
            "    keras.layers.LeakyReLU(negative_slope=0.2)" + second + "\n    [...]\n])"
        )

    with pytest.raises(SyntaxError):
        compile(listing("", ""), "listing", "eval")
    with pytest.raises(TypeError, match="not subscriptable"):
        eval(listing(",", ""), {"keras": keras})
    with pytest.raises(ValueError, match=r"Only instances of `?keras\.Layer`? can be added"):
        eval(listing(",", ","), {"keras": keras})
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(10, kernel_initializer="he_normal"),
            keras.layers.LeakyReLU(negative_slope=0.2),
        ]
    )
    assert model.output_shape == (None, 10)


# 11.1.3


def test_err_17_parameters_of_the_first_batch_normalization():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 784))
    assert layer.count_params() == 784 * 4 == 3136


def test_err_18_two_vectors_are_learned_and_two_are_estimated():
    layer = keras.layers.BatchNormalization(momentum=0.9)
    x = np.array([[1.0], [2.0], [3.0], [6.0]], "float32")  # mean 3, variance 3.5
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    assert [weight.name for weight in layer.trainable_weights] == ["gamma", "beta"]
    assert [weight.name for weight in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]
    assert float(layer.moving_variance.numpy()[0]) == pytest.approx(0.9 * 1 + 0.1 * 3.5)  # not 0.1 * sqrt(3.5)
    np.testing.assert_allclose(y[:, 0], (x[:, 0] - 3) / np.sqrt(3.5 + 1e-3), rtol=1e-5)  # epsilon inside the root


def test_err_19_the_page_keeps_batch_and_shift_apart():
    equations = re.findall(r"\$\$(.+?)\$\$", page_text("11.1.3"), re.S)
    statistics = [equation for equation in equations if r"\mu_" in equation or r"\sigma" in equation]
    assert any(r"\mathcal{B}" in equation or r"\mathcal B" in equation for equation in statistics)
    assert not [equation for equation in statistics if re.search(r"(\\mu|\\sigma|m)_\{?\\beta", equation)]
    assert any(r"\mathbf{x}^{(i)}" in equation or "x^{(i)}" in equation for equation in statistics)


def test_err_20_the_cost_at_inference_can_be_folded_away():
    generator = np.random.default_rng(0)
    dense, bn = keras.layers.Dense(4, use_bias=False), keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((6,)), dense, bn])
    bn.set_weights([generator.uniform(0.5, 2.0, size=4).astype("float32") for _ in range(4)])
    x = generator.normal(size=(50, 6)).astype("float32")
    folded = fold_batch_norm(dense, bn)
    np.testing.assert_allclose(folded(x), model(x, training=False), atol=1e-5)


def test_err_21_after_scale_and_shift_the_output_is_not_standardised():
    layer = keras.layers.BatchNormalization(epsilon=1e-6)
    layer.build((None, 1))
    layer.set_weights([np.array([value], "float32") for value in (3.0, 2.0, 0.0, 1.0)])  # gamma, beta, mean, variance
    x = np.random.default_rng(0).normal(5.0, 7.0, size=(500, 1)).astype("float32")
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    assert y.mean() == pytest.approx(2.0, abs=1e-4)
    assert y.std() == pytest.approx(3.0, rel=1e-4)


def test_err_65_two_different_momentums():
    bn = keras.layers.BatchNormalization(momentum=0.9)
    for _ in range(2):
        bn(np.full((8, 1), 5.0, "float32"), training=True)
    assert float(bn.moving_mean.numpy()[0]) == pytest.approx((1 - 0.9**2) * 5.0)  # an average: never above 5
    weight = keras.Variable(np.zeros(1, "float32"))
    optimizer = keras.optimizers.SGD(learning_rate=1.0, momentum=0.9)
    optimizer.build([weight])
    for _ in range(2):
        optimizer.apply([keras.ops.convert_to_tensor(np.array([5.0], "float32"))])
    assert float(weight.numpy()[0]) == pytest.approx(
        -(5.0 + 1.9 * 5.0)
    )  # a sum: the second step is 1.9 times the first


def test_err_72_batch_normalization_first_is_only_batch_wise_standardisation():
    generator = np.random.default_rng(0)
    x = generator.normal(10.0, 4.0, size=(5000, 1)).astype("float32")
    standardised = (x - x.mean()) / x.std()
    layer = keras.layers.BatchNormalization(epsilon=1e-6)
    small = keras.ops.convert_to_numpy(layer(x[:8], training=True))
    assert np.abs(small - standardised[:8]).max() > 0.1  # a batch of 8 has its own mean
    whole = keras.ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(whole, standardised, atol=1e-4)


def test_err_76_he_initialization_eases_the_problem_and_does_not_end_it():
    def log_gain(depth, seed, width=50):
        generator = np.random.default_rng(seed)
        x = generator.normal(size=(1, width))
        start = rms(x)
        for _ in range(depth):
            x = np.maximum(0, x @ generator.normal(scale=np.sqrt(2 / width), size=(width, width)))
        return np.log(rms(x) / start)

    shallow, deep = (np.std([log_gain(depth, seed) for seed in range(60)]) for depth in (4, 64))
    assert deep > 2 * shallow  # theory: the spread grows like the square root of the depth, so 4 times


# 11.1.4


def step_of(gradients, **clipping):
    """Return the updates that Keras' plain descent makes, one for each gradient, times minus one."""
    weights = [keras.Variable(np.zeros_like(g)) for g in gradients]
    optimizer = keras.optimizers.SGD(learning_rate=1.0, **clipping)
    optimizer.build(weights)
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients])
    return [-weight.numpy() for weight in weights]


def test_err_22_by_value_turns_the_gradient_and_by_norm_keeps_it():
    g = np.array([0.9, 100.0], "float32")
    by_value, by_norm = step_of([g], clipvalue=1.0)[0], step_of([g], clipnorm=1.0)[0]
    np.testing.assert_allclose(by_value, [0.9, 1.0])
    assert np.degrees(np.arctan2(100, 0.9) - np.arctan2(*by_value[::-1])) == pytest.approx(41.5, abs=0.05)
    np.testing.assert_allclose(by_norm, g / np.linalg.norm(g.astype("float64")), rtol=1e-6)
    two = [g, np.array([3.0], "float32")]
    length = np.sqrt(0.9**2 + 100**2 + 3**2)
    assert step_of(two, clipnorm=1.0)[1][0] == pytest.approx(1.0)  # its own norm: the whole gradient turns
    assert step_of(two, global_clipnorm=1.0)[1][0] == pytest.approx(3 / length, rel=1e-5)


def test_err_23_the_name_is_missing_and_only_one_limit_is_allowed():
    with pytest.raises(AttributeError, match="SGD"):
        tf.keras.SGD(clipvalue=1.0)
    for pair in [{"clipvalue", "clipnorm"}, {"clipvalue", "global_clipnorm"}, {"clipnorm", "global_clipnorm"}]:
        with pytest.raises(ValueError, match="Only one of"):
            keras.optimizers.SGD(learning_rate=0.01, **dict.fromkeys(pair, 1.0))
    assert keras.optimizers.SGD(learning_rate=0.01, clipvalue=1.0).clipvalue == 1.0


# In all sections


def test_err_32_old_argument_names_and_files(tmp_path):
    with pytest.warns(UserWarning, match="Argument `alpha` is deprecated"):
        keras.layers.LeakyReLU(alpha=0.2)
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`"):
        keras.layers.Flatten(input_shape=[28, 28])
    with pytest.raises(ValueError, match="lr"):
        keras.optimizers.SGD(lr=0.001)
    for name in ("model.h5", "model.keras"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(optimizer="sgd", loss="mse")
        model.save(tmp_path / name)
    with pytest.raises((TypeError, ValueError), match="mse"):
        keras.models.load_model(tmp_path / "model.h5")
    assert keras.models.load_model(tmp_path / "model.keras").count_params() == 3 + 1


def test_err_34_which_seed_makes_weights_repeatable():
    def first_weight(set_seed):
        set_seed(42)
        layer = keras.layers.Dense(3)
        layer.build((None, 3))
        return layer.kernel.numpy()

    assert not np.array_equal(first_weight(tf.random.set_seed), first_weight(tf.random.set_seed))
    assert np.array_equal(first_weight(keras.utils.set_random_seed), first_weight(keras.utils.set_random_seed))


def test_err_61_no_page_repeats_the_misspelt_names():
    misspelt = ["고림", "글로로", "결곽값", "도르하고", "훈련이이를", "LeakyReLu", "Variance Scaling", "르쿰"]
    misspelt += ["훈현", "모델이이다", "구분한한다", "그렇게 때문에", "그래디언트"]
    for path in [*BOOK.rglob("*.md"), *BOOK.rglob("*.ipynb")]:
        if path == PAGE or "_build" in path.parts or ".ipynb_checkpoints" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in misspelt if word in text], path
    assert hasattr(keras.layers, "LeakyReLU")
    assert not hasattr(keras.layers, "LeakyReLu")
    assert hasattr(keras.initializers, "VarianceScaling")


def test_err_62_the_glossary_keeps_saturation_and_convergence_apart():
    glossary = (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")
    for word in ("수렴 (활성화 함수)", "수렴 (훈련)", "수렴하지 않는 활성화 함수", "포화"):
        assert word in glossary


def test_err_75_xor_is_a_limit_of_one_layer_only():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    xor = np.array([-1, 1, 1, -1])
    with_bias = np.hstack([x, np.ones((4, 1))])

    def separable(target):  # is there a w with target * (w·x + b) >= 1 for every row?
        answer = linprog(np.zeros(3), -target[:, None] * with_bias, -np.ones(4), bounds=[(None, None)] * 3)
        return answer.success

    assert not separable(xor)
    assert separable(np.array([-1, 1, 1, 1]))  # OR, for control
    hidden = np.maximum(0, x @ np.array([[1, 1], [1, 1]]) + np.array([0, -1]))  # two ReLU units
    np.testing.assert_array_equal(np.sign(2 * (hidden @ np.array([1, -2])) - 1), xor)


# The page


def rows():
    """Return the page's rows: identifier → text up to the next row."""
    parts = re.split(r"^### (ERR-\d\d)", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], (part.split("\n## ")[0] for part in parts[2::2]), strict=True))


def severities(text):
    """Return the badges of a row."""
    return re.findall(r"\{bdg-\w+\}`([^`]+)`", text)


def shown_on(text):
    """Return the number of the section that a row is shown on, or "the glossary"."""
    return re.search(r"\*\*Shown on\*\*: (?:\{doc\}`)?([\d.]*\d|the glossary)", text).group(1)


def test_every_row_is_on_the_page_once_and_in_order():
    numbers = re.findall(r"^### (ERR-\d\d)", PAGE.read_text(encoding="utf-8"), re.M)
    assert numbers == sorted(EXPECTED_ROWS)


@pytest.mark.parametrize("row", sorted(EXPECTED_ROWS))
def test_every_row_is_complete(row):
    text = rows()[row]
    for part in ("**The notes say**", "**Correct**", "**Authority**", "**Shown on**", "**Check**"):
        assert text.count(part) == 1, part
    assert re.search(r"\*\*The notes say\*\* \([A-E](, [A-E])*\): ", text), "which note"
    assert severities(text) == [name for name, numbers in SEVERITIES.items() if int(row[-2:]) in numbers]
    named = re.findall(r"`(test_err_\w+)`", text)
    assert named, "no test is named"
    for name in named:
        assert name.startswith("test_" + row.lower().replace("-", "_")), name
    judged, _, to_come = text.partition("the measurement comes with section ")
    for claim in re.findall(r"(CL-\d\d)", judged):
        assert any(claim in page_text(number) for number in PAGES), claim
    assert not to_come or re.match(r"[\d.]+ \(CL-\d\d", to_come)


def test_the_counts_at_the_top_are_right():
    top = PAGE.read_text(encoding="utf-8").split("\n### ")[0]
    stated = re.findall(r"\{bdg-\w+\}`([^`]+)`[^·]*?\((\d+)\)", top)
    assert {name: int(count) for name, count in stated} == {name: len(rows) for name, rows in SEVERITIES.items()}
    total, twice = map(int, re.search(r"Of the (\d+) entries (\d+) carry two badges", top).groups())
    assert total == len(rows())
    assert total + twice == sum(map(len, SEVERITIES.values()))


def test_the_table_of_sections_leads_to_every_entry():
    top = PAGE.read_text(encoding="utf-8").split("\n### ")[0]
    table = {}
    for section, links in re.findall(r"^\| ([\d.]+|the glossary) \| (.+) \|$", top, re.M):
        numbers = re.findall(r"\{ref\}`(\d\d) <err-(\d\d)>`", links)
        assert all(shown == target for shown, target in numbers)
        table[section] = [f"ERR-{number}" for number, _ in numbers]
    expected = {}
    for name, text in sorted(rows().items()):
        expected.setdefault(shown_on(text), []).append(name)
    assert table == expected
