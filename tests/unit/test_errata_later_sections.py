"""The errata of sections 11.2 to 11.6, row by row: what the notes say fails, what the page says instead holds.

Everything is computed with Keras, NumPy and SciPy on small arrays. Where the proof is an experiment of a section that
is still to come, the test holds the part that needs no experiment.
"""

import inspect
import itertools
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.stats import binomtest, norm, wasserstein_distance

BOOK = Path(__file__).resolve().parents[2] / "book"


def row(identifier):
    """Return the text of one row of the errata page."""
    page = (BOOK / "reference" / "errata.md").read_text(encoding="utf-8")
    return page.split(f"\n### {identifier} ")[1].split("\n### ")[0]


def definition(term):
    """Return the English definition of a term of the glossary."""
    glossary = (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")
    return re.search(rf"^{re.escape(term)}\n(?:\S.*\n)*  (.+)$", glossary, re.M).group(1)


def keras_path(optimizer, gradient, start, steps):
    """Return the points that a Keras optimizer visits, the start included."""
    weight = keras.Variable(np.asarray(start, "float32"))
    optimizer.build([weight])
    points = [weight.numpy().copy()]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(np.asarray(gradient(points[-1]), "float32"))])
        points.append(weight.numpy().copy())
    return np.array(points)


def momentum_path(beta, rate, gradient, start, steps):
    """Return the points of equation 11-4 in float64: m ← βm − η∇J(θ), θ ← θ + m."""
    theta, m, points = np.asarray(start, float), 0.0, [start]
    for _ in range(steps):
        m = beta * m - rate * gradient(theta)
        theta = theta + m
        points.append(theta)
    return np.array(points)


def identity(theta):
    """Return the gradient of the bowl J = θ²/2."""
    return theta


def model_a():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(2)])


def train_on_b(layers):
    """Put a new output unit on the layers and train it for a few steps of task B."""
    generator = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.1), run_eagerly=True)
    x = generator.normal(size=(16, 4)).astype("float32")
    model.fit(x, (x[:, :1] > 0).astype("float32"), batch_size=8, verbose=0)
    return model


# 11.2 and 11.2.1


def test_err_24_the_two_pairs_of_classes_are_different_clothes():
    table = keras.datasets.fashion_mnist.load_data.__doc__  # where Keras lists the ten classes
    names = {int(label): name for label, name in re.findall(r"\|\s*(\d)\s*\|\s*(\S[^|]*?)\s*\|", table)}
    assert [names[label] for label in (5, 6)] == ["Sandal", "Shirt"]
    assert [names[label] for label in (0, 2)] == ["T-shirt/top", "Pullover"]


def test_err_25_the_name_is_bound_to_a_layer_and_add_keeps_the_model():
    model_b_on_a = keras.layers.Dense(1, activation="sigmoid")  # as printed: the model is gone
    with pytest.raises(AttributeError, match="no attribute 'layers'"):
        _ = model_b_on_a.layers
    model_b_on_a = keras.Sequential([keras.Input((4,)), *model_a().layers[:-1]])
    model_b_on_a.add(keras.layers.Dense(1, activation="sigmoid"))
    assert model_b_on_a.output_shape == (None, 1)


def test_err_26_a_clone_protects_model_a_only_if_model_b_is_built_from_it():
    keras.utils.set_random_seed(42)
    a = model_a()
    clone = keras.models.clone_model(a)
    clone.set_weights(a.get_weights())
    kernel = a.layers[0].kernel.numpy().copy()
    train_on_b(clone.layers[:-1])
    np.testing.assert_array_equal(a.layers[0].kernel.numpy(), kernel)
    assert np.abs(clone.layers[0].kernel.numpy() - kernel).max() > 1e-4
    train_on_b(a.layers[:-1])  # as printed: the clone exists and is not used
    assert np.abs(a.layers[0].kernel.numpy() - kernel).max() > 1e-4


def test_err_27_names_are_case_sensitive():
    names = {"X_train_B": np.zeros((200, 28, 28))}
    with pytest.raises(NameError, match="X_Train_B"):
        eval("X_Train_B.shape", names)
    assert eval("X_train_B.shape", names) == (200, 28, 28)


def test_err_28_the_printed_rates_move_the_reused_weights_a_hundred_times_as_far():
    def step(optimizer):
        return float(keras_path(optimizer, lambda theta: [1.0], [0.0], 1)[1, 0])

    default = keras.optimizers.SGD()
    assert float(default.learning_rate) == pytest.approx(0.01)
    assert step(default) / step(keras.optimizers.SGD(1e-4)) == pytest.approx(100, rel=1e-5)


def test_err_29_the_page_computes_the_two_gains_rightly():
    text = row("ERR-29")
    pairs = [(float(a), float(b)) for a, b in re.findall(r"([\d.]+) % to ([\d.]+) %", text)]
    (scratch_2, transfer_2), (scratch_3, transfer_3) = pairs
    divided = float(re.search(r"divided by ([\d.]+)", text).group(1))
    fallen = float(re.search(r"falls by ([\d.]+) %", text).group(1))
    assert divided == pytest.approx((100 - scratch_2) / (100 - transfer_2), abs=0.05)
    assert fallen == pytest.approx(100 * (1 - (100 - transfer_3) / (100 - scratch_3)), abs=0.05)


def test_err_30_an_accuracy_without_its_baseline_shows_no_gain():
    interval = binomtest(round(0.9125 * 2000), 2000).proportion_ci(0.95)  # two classes of 1,000 test images
    assert interval.low < 0.9185 < interval.high  # the third edition's model from scratch
    assert interval.high - interval.low > 0.02


def test_err_31_the_best_of_many_configurations_looks_like_a_gain():
    gains = np.random.default_rng(0).normal(size=(20_000, 20))  # true gain: 0
    expected = 20 * quad(lambda z: z * norm.pdf(z) * norm.cdf(z) ** 19, -10, 10)[0]  # mean of the largest of 20
    assert expected == pytest.approx(1.867, abs=1e-3)
    assert gains.mean() == pytest.approx(0, abs=0.01)
    assert gains.max(axis=1).mean() == pytest.approx(expected, abs=0.03)


def test_err_33_clone_model_is_a_function():
    a = model_a()
    with pytest.raises(NameError, match="clone"):
        eval("clone.model()", {"model_A": a})
    assert not hasattr(a, "clone_model")
    assert inspect.isfunction(keras.models.clone_model)
    assert keras.models.clone_model(a).count_params() == a.count_params() == 4 * 3 + 3 + 3 * 2 + 2


def test_err_35_layers_alone_give_an_unbuilt_model(tmp_path):
    a = model_a()
    a.save(tmp_path / "my_model_A.keras")
    for source in (keras.models.load_model(tmp_path / "my_model_A.keras"), keras.models.clone_model(a)):
        assert not [layer for layer in source.layers if isinstance(layer, keras.layers.InputLayer)]
        unbuilt = keras.Sequential(source.layers[:-1])
        assert not unbuilt.built
        with pytest.raises(ValueError, match="isn't built"):
            unbuilt.count_params()
        built = keras.Sequential([keras.Input((4,)), *source.layers[:-1]])
        assert built.built
        assert built.count_params() == 4 * 3 + 3


def test_err_64_depth_width_and_density_are_three_factors():
    dense = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(64)])
    conv = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same", use_bias=False)])
    one_pixel_each = np.eye(64, dtype="float32").reshape(64, 8, 8, 1)
    links = keras.ops.convert_to_numpy(conv(one_pixel_each)).reshape(64, 64)
    assert dense.layers[-1].kernel.shape == links.shape  # one layer deep and 64 units wide, both of them …
    assert np.count_nonzero(dense.layers[-1].kernel.numpy()) == 64 * 64
    assert np.count_nonzero(links) == (3 * 8 - 2) ** 2  # … and 484 links instead of 4,096


def test_err_68_the_gain_shrinks_with_the_distance_of_the_tasks_and_turns_negative():
    def errors(angle, seed, n=8, d=20):
        """Return the relative squared errors on task B: from scratch, and with the one frozen feature of task A."""
        generator = np.random.default_rng(seed)
        a, other = np.linalg.qr(generator.normal(size=(d, 2)))[0].T
        b = np.cos(angle) * a + np.sin(angle) * other
        x = generator.normal(size=(n, d))
        scratch = np.linalg.lstsq(x, x @ b)[0]  # the shortest of all solutions
        feature = x @ a
        transfer = a * (feature @ (x @ b)) / (feature @ feature)
        return np.sum((scratch - b) ** 2), np.sum((transfer - b) ** 2)

    gains = []
    for angle in np.radians([0, 30, 60, 90]):
        scratch, transfer = np.mean([errors(angle, seed) for seed in range(200)], axis=0)
        gains.append(scratch - transfer)
    assert gains[0] == pytest.approx(1 - 8 / 20, abs=0.05)  # 8 equations for 20 unknowns leave 12/20 of the error
    assert gains == sorted(gains, reverse=True)
    assert gains[1] > 0 > gains[3]


def test_err_69_no_page_sketches_what_is_trained_from_scratch():
    pages = [path for path in [*BOOK.rglob("*.md"), *BOOK.rglob("*.ipynb")] if "_build" not in path.parts]
    lines = [line for path in pages for line in path.read_text(encoding="utf-8").splitlines() if "스케치" in line]
    elsewhere = [line for line in lines if line not in row("ERR-69")]
    assert len(elsewhere) == len(lines) - 1
    for line in elsewhere:  # the word is only quoted in order to correct it
        assert "ERR-69" in line
        assert "처음부터" in line
    assert "처음부터" in row("ERR-69")


# 11.2.2


def test_err_36_only_the_discriminator_has_lower_layers_for_pictures():
    layers = keras.layers
    maker = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(20)])
    judge = keras.Sequential([keras.Input((20,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    pictures = np.ones((4, 20), "float32")
    assert maker(np.ones((4, 3), "float32")).shape == pictures.shape
    assert keras.Sequential([*judge.layers[:-1], layers.Dense(5)])(pictures).shape == (4, 5)
    with pytest.raises(ValueError, match="incompatible"):
        keras.Sequential([*maker.layers[:-1], layers.Dense(5)])(pictures)


def test_err_37_the_js_divergence_appears_only_at_the_best_discriminator():
    generator = np.random.default_rng(0)
    p, q = generator.dirichlet(np.ones(6), size=2)

    def value(d):
        return np.sum(p * np.log(d)) + np.sum(q * np.log(1 - d))

    best = value(p / (p + q))
    assert best == pytest.approx(-np.log(4) + 2 * jensenshannon(p, q) ** 2, abs=1e-12)
    assert all(value(d) < best - 1e-3 for d in generator.uniform(0.05, 0.95, size=(20, 6)))
    for distance in (1, 5):  # two distributions that never meet: one value for all distances, and the WGAN's measure
        assert jensenshannon([1, 0, 0, 0, 0, 0], np.eye(6)[distance]) ** 2 == pytest.approx(np.log(2))
        assert wasserstein_distance([0], [distance]) == distance


def test_err_38_a_denoising_autoencoder_may_have_a_code_larger_than_its_input():
    generator = np.random.default_rng(0)
    plane = generator.normal(size=(2, 10))
    encoder = generator.normal(size=(10, 40))

    def noisy(n):
        x = generator.normal(size=(n, 2)) @ plane
        return x, x + generator.normal(scale=0.5, size=x.shape)

    x, x_noisy = noisy(4000)
    decoder = np.linalg.lstsq(np.maximum(0, x_noisy @ encoder), x)[0]
    x, x_noisy = noisy(1000)
    cleaned = np.maximum(0, x_noisy @ encoder) @ decoder
    assert encoder.shape[1] > x.shape[1]  # a code of 40 numbers for 10 inputs …
    assert np.mean((cleaned - x) ** 2) < 0.5 * np.mean((x_noisy - x) ** 2)  # … that has not learned to copy


@pytest.mark.parametrize("link", [0.0, 1.5])
def test_err_63_without_the_restriction_hidden_units_hang_together(link):
    generator = np.random.default_rng(0)
    weights, bias, v = generator.normal(size=(3, 2)), generator.normal(size=2), np.array([1, 0, 1])
    states = np.array(list(itertools.product([0, 1], repeat=2)))
    minus_energy = states @ (bias + v @ weights) + link * states[:, 0] * states[:, 1]  # link: inside the hidden layer
    p = np.exp(minus_energy) / np.exp(minus_energy).sum()  # P(h | v) by counting all states
    both, first, second = p[3], p[2] + p[3], p[1] + p[3]
    assert (abs(both - first * second) < 1e-12) == (link == 0)


# 11.2.3


def test_err_39_the_glossary_says_where_the_labels_come_from():
    assert "made from the data itself" in definition("self-supervised learning")
    assert "words that were hidden" in definition("masked language model")


def test_err_40_generated_labels_and_ordinary_supervised_training():
    keras.utils.set_random_seed(42)
    pictures = np.random.default_rng(0).uniform(0, 0.2, size=(32, 4, 4)).astype("float32")
    pictures[:, 0, 0] = 1.0  # no label was given: a bright corner is all there is
    x = np.concatenate([np.rot90(pictures, k, axes=(1, 2)) for k in range(4)])
    y = np.repeat(np.arange(4), 32)  # the number of quarter turns
    model = keras.Sequential([keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(4, "softmax")])
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.SGD(1.0),
        metrics=["accuracy"],
        run_eagerly=True,
    )
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.9


def test_err_71_an_auxiliary_task_has_labels_and_unsupervised_pretraining_has_none():
    assert "without labels" in definition("unsupervised pretraining")
    assert "labels are easy to get" in definition("auxiliary task")


def test_err_73_pairs_of_strangers_hold_no_positive_pair():
    def pairs(persons, pictures):
        owners = np.repeat(np.arange(persons), pictures)
        same = [a == b for a, b in itertools.combinations(owners, 2)]
        return len(same), sum(same)

    assert pairs(30, 1) == (30 * 29 // 2, 0)  # one picture each: nothing is ever "same"
    total, positive = pairs(10, 3)
    assert total == 30 * 29 // 2  # n(n-1)/2 pairs …
    assert positive == 10 * 3
    assert positive / total == pytest.approx((3 - 1) / (30 - 1))  # … that are mostly "different"


def test_err_74_three_remedies_for_three_situations():
    text = row("ERR-74").split("**Correct**")[1]
    for remedy, condition in [
        ("transfer learning", "in one task for another"),
        ("unsupervised pretraining", "without labels"),
        ("auxiliary task", "labels are easy to get"),
    ]:
        assert remedy in text
        assert condition in definition(remedy)


# 11.3 and 11.3.1


def test_err_41_the_steps_of_gradient_descent_shrink_with_the_slope():
    steps = np.abs(np.diff(keras_path(keras.optimizers.SGD(0.1), identity, [8.0], 20)[:, 0]))
    assert steps[0] == pytest.approx(0.1 * 8)
    np.testing.assert_allclose(steps[1:] / steps[:-1], 0.9, rtol=1e-4)
    even = np.abs(np.diff(keras_path(keras.optimizers.SGD(0.1), np.sign, [8.0], 20)[:, 0]))  # J = |θ|: one slope
    np.testing.assert_allclose(even, 0.1, rtol=1e-4)


def test_err_42_both_forms_of_momentum_agree_if_the_velocity_comes_first():
    v_theta, theta, v, late_theta, late_v = [], 5.0, 0.0, 5.0, 0.0
    late = []
    for _ in range(10):
        v = 0.9 * v + 0.1 * theta
        theta = theta - v
        v_theta.append(theta)
        gradient = late_theta
        late_theta = late_theta - late_v  # as printed: θ is moved by the old V
        late_v = 0.9 * late_v + 0.1 * gradient
        late.append(late_theta)
    m_theta = momentum_path(0.9, 0.1, identity, 5.0, 10)[1:]
    np.testing.assert_allclose(v_theta, m_theta, rtol=1e-12)  # V = −m
    in_keras = keras_path(keras.optimizers.SGD(0.1, momentum=0.9), identity, [5.0], 10)[1:, 0]
    np.testing.assert_allclose(in_keras, m_theta, atol=1e-5)
    assert np.abs(np.array(late) - m_theta).max() > 0.1


def test_err_43_beta_1_never_damps_and_escape_is_not_assured():
    ends = {beta: np.abs(momentum_path(beta, 0.01, identity, 1.0, 3000)[-100:]).max() for beta in (0.9, 1.0)}
    assert ends[0.9] < 1e-50
    assert ends[1.0] > 0.99

    def slope(theta):  # J = (θ² − 1)²/4 + θ/10: a deep well on the left, a shallow one on the right
        return theta**3 - theta + 0.1

    def end(beta, start):
        return momentum_path(beta, 0.01, slope, start, 3000)[-1]

    assert end(0.0, 2.0) > 0.9  # plain descent stays in the shallow well
    assert end(0.9, 2.0) < -0.9  # momentum carries the ball out of it …
    assert end(0.9, 1.3) > 0.9  # … from one start and not from another


def test_err_44_saddle_points_outnumber_minima_and_a_bowl_without_any_can_be_slow():
    generator = np.random.default_rng(0)
    minima = {}
    for n in (1, 2, 8):
        h = generator.normal(size=(4000, n, n))
        minima[n] = np.mean(np.linalg.eigvalsh(h + h.transpose(0, 2, 1)).min(axis=1) > 0)
    assert minima[1] == pytest.approx(1 / 2, abs=0.03)
    assert minima[2] == pytest.approx((2 - np.sqrt(2)) / 4, abs=0.02)  # random curvatures: few points are minima …
    assert minima[8] == 0  # … and in 8 dimensions hardly one
    curvature = np.array([1.0, 1000.0])
    theta = np.ones(2)
    for _ in range(500):
        theta = theta - 1.9 / 1000 * curvature * theta  # almost the largest rate that is stable
    assert abs(theta[1]) < 1e-10
    assert theta[0] > 0.3  # one rate for all: the gentle direction crawls, without any local minimum


def test_err_45_emphasis_inside_the_code():
    with pytest.raises(SyntaxError):
        compile("keras.optimizers.SGD(lr = 0.001, **momentum = 0.9**)", "listing", "eval")
    with pytest.raises(ValueError, match="lr"):
        keras.optimizers.SGD(lr=0.001, momentum=0.9)
    assert keras.optimizers.SGD(learning_rate=0.001, momentum=0.9).momentum == 0.9


# 11.3.3 to 11.3.6


def test_err_46_adagrad_converges_on_a_bowl_and_slows_down_on_a_slope():
    turn = np.array([[3, -4], [4, 3]]) / 5
    hessian = turn @ np.diag([1.0, 100.0]) @ turn.T  # a rotated quadratic
    theta, s, rates, rms_theta, rms_s = np.ones(2), np.zeros(2), [], np.ones(2), np.zeros(2)
    for _ in range(5000):
        s = s + (hessian @ theta) ** 2
        rates.append(0.5 / np.sqrt(s))
        theta = theta - rates[-1] * (hessian @ theta)
        rms_s = 0.9 * rms_s + 0.1 * (hessian @ rms_theta) ** 2
        rms_theta = rms_theta - 0.01 * (hessian @ rms_theta) / np.sqrt(rms_s + 1e-7)
    assert np.all(np.diff(rates, axis=0) <= 0)  # the rates only ever shrink …
    assert np.linalg.norm(theta) < 1e-6  # … and the optimum is reached all the same,
    assert np.linalg.norm(rms_theta) > 1e-4  # while RMSProp with a fixed rate goes on trembling
    optimizer = keras.optimizers.Adagrad(1.0, initial_accumulator_value=0.0)
    walk = keras_path(optimizer, lambda theta: [3.0], [0.0], 100)[:, 0]
    assert -walk[-1] == pytest.approx(np.sum(1 / np.sqrt(np.arange(1, 101))), rel=1e-4)  # 18.6 and not 100


def test_err_47_rmsprop_remembers_everything_a_little_and_needs_both_factors():
    gradients = [3.0, -1.0, 2.0, 0.5, 1.0]
    shares = [0.1 * 0.9**age for age in range(4, -1, -1)]  # every old square counts, the older the less
    s = np.dot(shares, np.square(gradients))
    stream = iter(gradients)
    path = keras_path(keras.optimizers.RMSprop(0.01, rho=0.9), lambda theta: [next(stream)], [0.0], 5)[:, 0]
    assert path[5] - path[4] == pytest.approx(-0.01 * gradients[-1] / np.sqrt(s), rel=1e-4)
    even = keras_path(keras.optimizers.RMSprop(0.01, rho=0.9), lambda theta: [3.0], [0.0], 100)[:, 0]
    assert even[99] - even[100] == pytest.approx(0.01, rel=1e-3)  # s → g²; without (1 − ρ): 10 g² and 0.00316


def adam_path(gradients, factor_m=1.0, factor_v=1.0, rate=0.01):
    theta, m, v, points = 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = factor_m * m / (1 - 0.9**t), factor_v * v / (1 - 0.999**t)
        theta -= rate * m_hat / (np.sqrt(v_hat) + 1e-7)
        points.append(theta)
    return np.array(points)


def test_err_48_adam_has_no_further_factors():
    gradients = [1.0, -2.0, 0.5, 3.0, 1.5]
    stream = iter(gradients)
    in_keras = keras_path(keras.optimizers.Adam(0.01), lambda theta: [next(stream)], [0.0], 5)[1:, 0]
    np.testing.assert_allclose(in_keras, adam_path(gradients), atol=1e-6)
    printed = adam_path(gradients, factor_m=0.1, factor_v=0.001)
    np.testing.assert_allclose(printed, adam_path(gradients) * 0.1 / np.sqrt(0.001), rtol=1e-4)  # 3.16 times too far
    assert np.abs(printed - in_keras).max() > 0.01


def test_err_49_a_wrong_rate_spoils_adam_too():
    losses = {}
    for rate in (0.001, 0.1, 10.0):
        path = keras_path(keras.optimizers.Adam(rate), identity, [1.0, -1.0], 20)
        losses[rate] = float(np.mean(np.sum(path[-10:] ** 2, axis=1) / 2))  # of 1 at the start
        assert np.abs(np.diff(path[:2], axis=0)).max() == pytest.approx(rate, rel=1e-3)  # the first step is the rate
    assert losses[0.001] > 0.9  # twenty steps of 0.001 cannot arrive
    assert losses[0.1] < 0.1
    assert losses[10.0] > 1  # farther away than at the start


def test_err_50_adamax_scales_by_a_maximum_and_not_by_recency():
    gradients = [100.0] + [1.0] * 19
    stream = iter(gradients)
    path = keras_path(keras.optimizers.Adamax(0.01), lambda theta: [next(stream)], [0.0], 20)[:, 0].astype(float)
    m = sum(0.1 * 0.9**age * g for age, g in zip(range(19, -1, -1), gradients, strict=True))
    u = 100 * 0.999**19  # the oldest gradient of all still sets the scale
    assert path[20] - path[19] == pytest.approx(-0.01 / (1 - 0.9**20) * m / u, rel=1e-3)


def test_err_51_ten_times_less_every_s_steps():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=20, decay_rate=0.1)
    rates = [float(schedule(step)) for step in (0, 1, 20, 40)]
    np.testing.assert_allclose(rates, [0.01, 0.01 * 10 ** (-1 / 20), 0.001, 0.0001], rtol=1e-5)
    assert rates[1] > 0.0089


# 11.4


def test_err_52_both_penalties_underfit_if_too_strong_and_only_l1_gives_zeros():
    w = np.arange(-100, 401) / 1000

    def best(penalty):  # of one weight that would like to be 0.3
        return w[np.argmin([(value - 0.3) ** 2 / 2 + float(penalty(np.array(value))) for value in w])]

    assert best(keras.regularizers.L1(0.1)) == pytest.approx(0.2)
    assert best(keras.regularizers.L1(0.5)) == 0  # an exact zero
    assert best(keras.regularizers.L2(0.5)) == pytest.approx(0.15)  # half of 0.3
    assert best(keras.regularizers.L2(50.0)) == 0.003  # 0.3 / 101: underfitting, and no zero
    p, q = np.array([4.0, 6.0]), np.array([1.0, 2.0])
    assert np.sum(np.abs(p - q) ** 2) ** (1 / 2) == pytest.approx(5)  # the printed formula: a distance …
    assert np.linalg.norm(p) == pytest.approx(np.sum(np.abs(p - 0) ** 2) ** (1 / 2))  # … and a norm only for q = 0


def test_err_53_keras_divides_in_training_and_does_nothing_at_test_time():
    keras.utils.set_random_seed(42)
    x = np.ones((200, 500), "float32")
    layer = keras.layers.Dropout(0.4)
    trained = keras.ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(np.unique(trained), [0, 1 / 0.6], rtol=1e-6)
    assert trained.mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(layer(x, training=False), x)  # times 0.6 again would be 40 % too small


def entropy(p):
    return -np.sum(p * np.log(p), axis=-1)


def test_err_54_averaging_shows_the_uncertainty_and_does_not_lower_it():
    keras.utils.set_random_seed(42)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(50, "relu"), layers.Dropout(0.5), layers.Dense(4, "softmax")]
    )
    x = np.random.default_rng(0).normal(scale=3, size=(40, 5)).astype("float32")
    passes = np.stack([keras.ops.convert_to_numpy(model(x, training=True)) for _ in range(50)])
    assert passes.std(axis=0).max() > 0.05  # an estimate of the uncertainty
    assert np.all(entropy(passes.mean(axis=0)) >= entropy(passes).mean(axis=0))  # less confident, not more
    assert np.all(-np.log(passes.mean(axis=0)) <= -np.log(passes).mean(axis=0) + 1e-6)  # and a better mean log loss


def test_err_55_max_norm_leaves_short_vectors_alone():
    columns = np.array([[3.0, 0.3], [4.0, 0.4]], "float32")  # lengths 5 and 0.5
    constrained = keras.ops.convert_to_numpy(keras.constraints.MaxNorm(1.0)(columns))
    np.testing.assert_allclose(constrained, [[0.6, 0.3], [0.8, 0.4]], atol=1e-5)
    printed = columns / np.linalg.norm(columns, axis=0)
    assert np.abs(printed - constrained).max() > 0.2


def test_err_77_the_cost_is_the_number_of_passes_and_the_gain_is_not_assured():
    keras.utils.set_random_seed(42)
    dropout, linear = keras.layers.Dropout(0.5), keras.layers.Dense(1)
    calls = []
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")

    def predict(batch):
        calls.append(len(batch))
        return keras.ops.convert_to_numpy(linear(dropout(batch, training=True)))

    loop = np.stack([predict(x) for _ in range(100)])
    at_once = predict(np.repeat(x[None], 2000, axis=0).reshape(-1, 6)).reshape(2000, 8, 1)
    assert calls == [8] * 100 + [16_000]  # a hundred passes, or all of them in one batch
    plain = keras.ops.convert_to_numpy(linear(x))
    error = at_once.std(axis=0) / np.sqrt(2000)
    assert loop.shape == (100, 8, 1)
    assert np.all(np.abs(at_once.mean(axis=0) - plain) < 5 * error)  # a linear model: the same answer, no gain


# 11.5 and 11.6


def test_err_56_the_coefficient_is_to_blame_and_not_sgd():
    def rest(beta):
        path = keras_path(keras.optimizers.SGD(0.1, momentum=beta), identity, [1.0], 300)
        return np.abs(path[-100:]).max()

    assert rest(0.0) < 1e-6
    assert rest(0.9) < 1e-3
    assert rest(0.999) > 0.5


def train_equal_weights(outgoing):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(30, "tanh", kernel_initializer=keras.initializers.Constant(0.1)),
            keras.layers.Dense(1, kernel_initializer=outgoing),
        ]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.05), run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    start = model.layers[0].kernel.numpy().copy()
    model.fit(x, x[:, :1] * x[:, 1:2], epochs=3, verbose=0)
    kernel = model.layers[0].kernel.numpy()
    assert np.abs(kernel - start).max() > 1e-3  # it does learn
    return model, x, np.ptp(kernel, axis=1).max()


def test_err_58_equal_weights_leave_one_effective_unit():
    keras.utils.set_random_seed(42)
    model, x, spread = train_equal_weights(keras.initializers.Constant(0.1))
    assert spread < 1e-6
    hidden, output = model.layers
    one = np.tanh(x @ hidden.kernel.numpy()[:, :1] + hidden.bias.numpy()[:1])
    single_unit = one * output.kernel.numpy().sum() + output.bias.numpy()
    np.testing.assert_allclose(model(x), single_unit, atol=1e-5)
    assert train_equal_weights("glorot_uniform")[2] > 1e-3  # different outgoing weights break the tie


def test_err_59_three_advantages_of_selu():
    selu, relu = keras.activations.selu, keras.activations.relu

    def mean(function):
        return quad(lambda z: float(function(np.float32(z))) * norm.pdf(z), -8, 8, limit=50, points=[0])[0]

    assert mean(selu) == pytest.approx(0, abs=1e-3)
    assert mean(relu) == pytest.approx(1 / np.sqrt(2 * np.pi), abs=1e-3)
    below = np.array([-1.0, -0.9], "float32")
    assert np.diff(selu(below))[0] > 0.01  # a slope below 0
    assert np.diff(relu(below))[0] == 0
    assert "masked language model" in (BOOK / "reference" / "glossary.md").read_text(encoding="utf-8")


def test_err_60_the_defaults_of_the_editions_are_different_functions():
    z = np.array([-5.0, 5.0], "float32")
    left = {name: float(keras.activations.get(name)(z)[0]) for name in ("elu", "relu", "swish")}
    assert left == pytest.approx({"elu": np.exp(-5) - 1, "relu": 0, "swish": -5 / (1 + np.exp(5))}, abs=1e-6)
    right = [float(keras.activations.get(name)(z)[1]) for name in left]
    assert right == pytest.approx([5, 5, 5], abs=0.05)
