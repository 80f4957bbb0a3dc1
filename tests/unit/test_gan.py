"""The GAN: its game on discrete distributions, against SciPy, and its training."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from handson11.pretraining.classifier import classifier_from_encoder
from handson11.pretraining.gan import GAN, best_discriminator, frechet_distance, gan_value, jensen_shannon

PAIRS = list(np.random.default_rng(2).dirichlet(np.ones(6), size=(20, 2)))
IMAGES = np.random.default_rng(1).uniform(size=(64, 784)).astype("float32")


@pytest.mark.parametrize("pair", PAIRS[:5])
def test_divergence_is_that_of_scipy(pair):
    assert jensen_shannon(*pair) == pytest.approx(jensenshannon(*pair) ** 2, abs=1e-14)


def test_value_by_hand():
    # 1/2 log 0.8 + 1/2 log 0.6 + 1/4 log 0.2 + 3/4 log 0.4
    assert gan_value([0.5, 0.5], [0.25, 0.75], [0.8, 0.6]) == pytest.approx(-1.456562, abs=1e-6)
    assert gan_value([1.0, 0.0], [0.0, 1.0], [1.0, 0.0]) == 0  # never fooled
    assert gan_value([1.0, 0.0], [0.5, 0.5], [0.0, 0.5]) == -np.inf


@pytest.mark.parametrize("pair", PAIRS)
def test_the_best_discriminator_cannot_be_improved(pair):
    p, q = pair
    best = best_discriminator(p, q)
    value = gan_value(p, q, best)
    for place in range(6):
        for step in (0.01, -0.01):
            other = best.copy()
            other[place] = np.clip(other[place] + step, 0, 1)
            assert gan_value(p, q, other) <= value


def test_points_without_probability():
    assert best_discriminator([1, 0, 0], [0, 1, 0]).tolist() == [1, 0, 0.5]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: jensen_shannon([0.5, 0.5], [1.0]), "`q` must have as many points as p"),
        (lambda: best_discriminator([0.5, 0.6], [0.5, 0.5]), "`p` must be probabilities with the sum 1"),
        (lambda: gan_value([1.0, 0.0], [0.5, 0.5], [2.0, 0.0]), "`d` must be one probability for each point"),
        (lambda: gan_value([1.0, 0.0], [0.5, 0.5], [0.5]), "`d` must be one probability for each point"),
        (lambda: frechet_distance(np.ones((3, 2)), np.ones((3, 4))), "`b` must have as many features as a"),
        (lambda: GAN(smoothing=0.5), r"`smoothing` must be in \[0, 0.5\)"),
        (lambda: GAN(filters=(4,)), "`filters` must name two convolutions"),
        (lambda: GAN(noise=0), "`noise` must be >= 1"),
        (lambda: small()(np.zeros((1, 5), "float32")), r"`x` must have the shape \(rows, 784\)"),
    ],
)
def test_wrong_arguments(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call()


def test_frechet_distance_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200000, 2)) * [1, 2]
    b = rng.normal(size=(200000, 2)) * [3, 1] + [1, 0]
    assert frechet_distance(a, b) == pytest.approx(1 + (3 - 1) ** 2 + (2 - 1) ** 2, rel=0.02)  # diagonal: by hand


def small(**arguments):
    return GAN(**{"noise": 4, "filters": (2, 4), "units": 8, "seed": 1, **arguments})


def compiled(**arguments):
    model = small(**arguments)
    model.compile()
    return model


def trained(model, **arguments):
    keras.utils.set_random_seed(3)
    return model.fit(IMAGES, batch_size=32, verbose=0, **arguments)


def test_images_are_pixels():
    images = small().generate(5, seed=2)
    assert images.shape == (5, 784)
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, small().generate(5, seed=2))


def test_one_step_by_hand():
    """The discriminator's loss at the start, with its targets, from logits computed outside."""
    model = compiled(smoothing=0.1)
    model.generator.trainable = False  # its batch normalization would take other moments otherwise
    real = np.asarray(model(IMAGES))
    twin = small()
    noise = keras.random.normal((64, 4), seed=keras.random.SeedGenerator(0))
    assert real.shape == (64, 1)
    assert np.asarray(twin.generator(noise)).shape == (64, 784)
    keras.utils.set_random_seed(3)
    loss = model.fit(IMAGES, batch_size=64, verbose=0).history["discriminator_loss"][0]
    share_real = np.mean(0.9 * np.log1p(np.exp(-real)) + 0.1 * np.log1p(np.exp(real)))
    assert share_real / 2 < loss < share_real / 2 + 1.0


def test_training_moves_both_networks_in_turn():
    model = compiled()
    before = [model.discriminator.get_weights(), model.generator.get_weights()]
    history = trained(model, epochs=2).history
    after = [model.discriminator.get_weights(), model.generator.get_weights()]
    for old, new in zip(before, after, strict=True):
        assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    assert all(np.isfinite(history[name]).all() for name in ("discriminator_loss", "generator_loss"))
    assert int(model.discriminator_optimizer.iterations) == int(model.generator_optimizer.iterations) == 4


def test_the_discriminator_learns_against_a_generator_that_stands_still():
    model = small()
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.0))
    losses = trained(model, epochs=10).history["discriminator_loss"]
    assert losses[-1] < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_run():
    first, again, other = compiled(), compiled(), compiled(seed=2)
    for model in (first, again, other):
        trained(model)
    np.testing.assert_array_equal(first.generate(2), again.generate(2))
    assert not np.array_equal(first.generate(2), other.generate(2))


def test_a_saved_model_goes_on_as_the_first_one(tmp_path):
    model = compiled()
    trained(model)
    model.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    np.testing.assert_array_equal(model.generate(2), loaded.generate(2))
    for one in (model, loaded):
        trained(one)
    np.testing.assert_allclose(model.generate(2), loaded.generate(2), atol=1e-6)


def test_its_lower_layers_start_a_classifier():
    model = classifier_from_encoder(small().discriminator, 10, n_layers=2, seed=1)
    assert model.output_shape == (None, 10)
    np.testing.assert_array_equal(model.get_weights()[0], small().discriminator.get_weights()[0])
