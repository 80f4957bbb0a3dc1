"""Autoencoders: against principal components, closed forms and exact likelihoods; noise, saving, seeds, errors."""

import keras
import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.decomposition import PCA

from handson11.pretraining.autoencoder import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    DenseAutoencoder,
    check_pretraining,
    masked,
    with_gaussian_noise,
)
from handson11.pretraining.classifier import classifier_from_encoder
from handson11.pretraining.variational import VariationalAutoencoder, gaussian_kl

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(64, 784)).astype("float32")
KINDS = {
    "dense": lambda: DenseAutoencoder(units=(12, 6), sparsity=0.01, seed=3),
    "denoising": lambda: DenoisingAutoencoder(units=(12, 6), noise="gaussian", amount=0.3, seed=3),
    "convolutional": lambda: ConvAutoencoder(filters=(2, 3), units=6, seed=3),
    "variational": lambda: VariationalAutoencoder(units=(12, 2), seed=3),
}


@pytest.fixture(autouse=True)
def the_same_order_of_images():
    keras.utils.set_random_seed(0)


def trained(make, epochs=2, x=IMAGES, batch_size=16):
    model = make()
    model.compile(keras.optimizers.Adam(0.01), None if isinstance(model, VariationalAutoencoder) else "mse")
    model.fit(x, epochs=epochs, batch_size=batch_size, shuffle=False, verbose=0)
    return model


# What is learnt


def test_a_linear_autoencoder_spans_the_principal_components():
    scales = np.array([2.0, 1.5, 1.0, 0.2, 0.1, 0.1])
    x = RNG.normal(size=(512, 6)) * scales @ np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    x = (x - x.mean(axis=0)).astype("float32")
    model = DenseAutoencoder(units=(3,), activation=None, output_activation=None, n_inputs=6, seed=1)
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 800, 0.1)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=True, steps_per_execution=400)
    model.fit(np.tile(x, (100, 1)), epochs=3, batch_size=64, verbose=0)
    learnt = np.linalg.qr(model.decoder.get_weights()[0].T)[0]
    components = PCA(3).fit(x).components_.T
    cosines = np.linalg.svd(learnt.T @ components)[1]
    assert cosines.min() > 0.9995  # the largest principal angle is below two degrees
    lost = np.mean((PCA(3).fit(x).inverse_transform(PCA(3).fit_transform(x)) - x) ** 2)
    error = np.mean((np.asarray(model(x)) - x) ** 2)
    assert lost * (1 - 1e-5) <= error <= lost + 0.002 * np.var(x)  # nothing linear loses less than the components


def test_sparsity_leaves_fewer_units_active():
    blocks = np.repeat(RNG.uniform(size=(64, 4)) > 0.5, 196, axis=1).astype("float32")
    active = []
    for sparsity in (0.0, 0.01):
        model = DenseAutoencoder(units=(30,), sparsity=sparsity, seed=1)
        model.compile(keras.optimizers.Adam(0.001), "mse")
        model.fit(blocks, epochs=30, batch_size=16, verbose=0)
        assert not check_pretraining(model, blocks).diverged
        active.append(np.mean(np.asarray(model.encoder(blocks)) > 0.01))
    assert 0 < active[1] < 0.7 * active[0], active


def test_fit_without_targets_is_fit_towards_the_input():
    alone, with_target = (KINDS["dense"]() for _ in range(2))
    for model in (alone, with_target):
        model.compile("adam", "mse", metrics=["mae"])
    found = alone.fit(IMAGES, epochs=2, shuffle=False, verbose=0, validation_data=(IMAGES,)).history
    known = with_target.fit(
        IMAGES, IMAGES, epochs=2, shuffle=False, verbose=0, validation_data=(IMAGES, IMAGES)
    ).history
    assert found == known
    assert {"loss", "mae", "val_loss", "val_mae"} <= set(found)


# Noise


def test_masking_hides_the_share_and_changes_nothing_else():
    hidden = np.asarray(masked(IMAGES, 0.25, seed=1))
    assert np.all((hidden == 0) | (hidden == IMAGES))
    assert np.mean(hidden == 0) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(hidden, masked(IMAGES, 0.25, seed=1))
    np.testing.assert_array_equal(masked(IMAGES, 0.0), IMAGES)


def test_gaussian_noise_is_normal():
    noise = (np.asarray(with_gaussian_noise(IMAGES, 0.2, seed=1)) - IMAGES).ravel()
    assert stats.kstest(noise / 0.2, "norm").pvalue > 0.01


@pytest.mark.parametrize("noise", ["masking", "gaussian"])
def test_noise_is_there_in_training_only(noise):
    model = DenoisingAutoencoder(units=(8,), noise=noise, seed=1)
    plain = DenseAutoencoder(units=(8,), seed=1)
    np.testing.assert_array_equal(model(IMAGES), plain(IMAGES))
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), plain(IMAGES), rtol=1e-5, atol=1e-6)
    model.compile("adam", "mse")
    assert model.evaluate(IMAGES, verbose=0) == pytest.approx(np.mean((np.asarray(plain(IMAGES)) - IMAGES) ** 2))
    assert np.abs(np.asarray(model(IMAGES, training=True)) - np.asarray(plain(IMAGES))).max() > 1e-3


# The variational one


def test_the_divergence_is_the_integral_of_its_definition():
    for mean, deviation in ((0.7, 0.5), (-1.2, 1.8)):
        q, p = stats.norm(mean, deviation), stats.norm()
        integral, _ = integrate.quad(lambda z, q=q, p=p: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -25, 25)
        found = gaussian_kl(np.array([[mean]]), np.array([[2 * np.log(deviation)]]))
        assert float(found[0]) == pytest.approx(integral, rel=1e-6)


def test_the_bound_is_below_the_exact_likelihood_and_meets_it_at_the_true_posterior():
    # x = w z + s ε with one code: x ~ N(0, w wᵀ + s² I), and z given x ~ N(m, v) with v = s² / (s² + wᵀw)
    w, s = np.array([1.0, -0.5, 0.3]), 0.4
    model = VariationalAutoencoder(units=(1,), likelihood="gaussian", deviation=s, n_inputs=3, seed=1)
    x = RNG.multivariate_normal(np.zeros(3), np.outer(w, w) + s**2 * np.eye(3), size=50).astype("float32")
    exact = stats.multivariate_normal(np.zeros(3), np.outer(w, w) + s**2 * np.eye(3)).logpdf(x)
    model.decoder.set_weights([w[None, :], np.zeros(3)])
    v = s**2 / (s**2 + w @ w)

    def bound(kernel, log_variance):
        model.encoder.set_weights([np.stack([kernel, np.zeros(3)], axis=1), np.array([0.0, log_variance])])
        draws = [np.subtract(*model.elbo(x, seed=seed)) for seed in range(400)]
        return np.mean(draws, axis=0)

    best = bound(w * v / s**2, np.log(v))
    np.testing.assert_allclose(best, exact, atol=0.25)  # one draw has a deviation of about 1
    assert np.mean(best) == pytest.approx(np.mean(exact), abs=0.03)
    for other in (bound(w * v / s**2, np.log(v) + 1.0), bound(0.5 * w * v / s**2, np.log(v))):
        assert np.mean(other) < np.mean(exact) - 0.05


def test_the_loss_is_minus_the_bound_and_falls():
    model = trained(KINDS["variational"], epochs=1)
    before = model.evaluate(IMAGES, verbose=0)
    bound = np.mean([np.mean(np.subtract(*model.elbo(IMAGES, seed=seed))) for seed in range(20)])
    assert before == pytest.approx(-bound, rel=0.01)
    model.fit(IMAGES, epochs=20, verbose=0)
    assert model.evaluate(IMAGES, verbose=0) < before


def test_samples_are_repeatable_pixels():
    model = KINDS["variational"]()
    new = model.sample(5, seed=2)
    np.testing.assert_array_equal(new, model.sample(5, seed=2))
    assert new.shape == (5, 784)
    assert new.min() >= 0 and new.max() <= 1
    assert np.abs(new - model.sample(5, seed=3)).max() > 0


# As Keras models


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened(kind, tmp_path):
    through = trained(KINDS[kind], epochs=4)
    first = trained(KINDS[kind], epochs=2)
    first.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(first)
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), first.predict(IMAGES, verbose=0))
    loaded.fit(IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=0)
    for left, right in zip(loaded.get_weights(), through.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(kind):
    def weights(seed):
        keras.utils.set_random_seed(7)
        model = type(KINDS[kind]()).from_config({**KINDS[kind]().get_config(), "seed": seed})
        model.compile("adam", None if kind == "variational" else "mse", run_eagerly=True)
        model.fit(IMAGES, epochs=1, batch_size=16, verbose=0)
        return np.concatenate([w.ravel() for w in model.encoder.get_weights()])

    first = weights(1)
    np.testing.assert_array_equal(first, weights(1))
    assert np.abs(first - weights(2)).max() > 0.01


def test_compiled_by_xla_in_several_steps_it_learns_the_same():
    models = [KINDS["dense"]() for _ in range(2)]
    for model, fast in zip(models, ({}, {"jit_compile": True, "steps_per_execution": 4}), strict=True):
        model.compile("adam", "mse", **fast)
        model.fit(IMAGES, epochs=2, batch_size=16, shuffle=False, verbose=0)
    for left, right in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)


# The check before reuse


def test_the_check_by_hand():
    x = np.array([[0.0, 0.0], [1.0, 0.5]], "float32")  # variances 1/4 and 1/16: mean 5/32
    model = DenseAutoencoder(units=(2,), output_activation=None, n_inputs=2, seed=1)
    model.encoder.set_weights([np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0.0, -1.0])])  # second unit: relu(-1)
    model.decoder.set_weights([np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0.0, 0.0])])  # first pixel only
    found = check_pretraining(model, x)
    assert found.error == pytest.approx(0.25 / 4)
    assert found.share == pytest.approx((0.25 / 4) / (5 / 32))  # 0.4
    assert found.dead_units == 0.5
    assert not found.diverged
    assert check_pretraining(model, x, limit=0.39).diverged


def test_what_is_not_a_number_has_diverged():
    model = DenseAutoencoder(units=(2,), seed=1)
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    assert check_pretraining(model, IMAGES).diverged
    assert check_pretraining(DenseAutoencoder(units=(2,), seed=1), IMAGES).diverged


# The classifier


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_starts_from_copies_and_shares_nothing(kind):
    encoder = KINDS[kind]().encoder
    before = encoder.get_weights()
    model = classifier_from_encoder(encoder, 10, seed=1)
    body = keras.Sequential([keras.Input((784,)), *model.layers[:-1]])
    np.testing.assert_allclose(body(IMAGES), encoder(IMAGES), rtol=1e-5, atol=1e-6)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, np.arange(64) % 10, epochs=1, verbose=0)
    assert np.abs(model.get_weights()[0] - before[0]).max() > 0
    for left, right in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(left, right)


def test_frozen_layers_stay_and_the_new_one_learns():
    encoder = KINDS["dense"]().encoder
    model = classifier_from_encoder(encoder, 10, frozen=True, seed=1)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    start = model.get_weights()
    model.fit(IMAGES, np.arange(64) % 10, epochs=1, verbose=0)
    moved = [np.abs(new - old).max() > 0 for new, old in zip(model.get_weights(), start, strict=True)]
    assert moved == [False, False, False, False, True, True]


def test_the_lower_layers_of_a_discriminator_come_with_their_activations():
    layers = keras.layers
    discriminator = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(2, 3, strides=2),
            layers.LeakyReLU(0.2),
            layers.Conv2D(3, 3, strides=2),
            layers.LeakyReLU(0.2),
            layers.Dense(5),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model = classifier_from_encoder(discriminator, 10, n_layers=2)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Reshape", "Conv2D", "LeakyReLU", "Conv2D", "LeakyReLU", "Flatten", "Dense"]
    assert model.output_shape == (None, 10)


# Errors


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: DenseAutoencoder(units=()), ValueError, "`units` must name at least one layer"),
        (lambda: DenseAutoencoder(units=(0,)), ValueError, "`units` must be >= 1. Received: units=0"),
        (lambda: DenseAutoencoder(units=(2.5,)), TypeError, "`units` must be an integer"),
        (lambda: DenseAutoencoder(sparsity=-1), ValueError, "`sparsity` must be >= 0"),
        (lambda: DenoisingAutoencoder(noise="salt"), ValueError, "`noise` must be one of"),
        (lambda: DenoisingAutoencoder(amount=1.0), ValueError, r"`amount` must be in \[0, 1\)"),
        (lambda: DenoisingAutoencoder(noise="gaussian", amount=-1), ValueError, "`amount` must be >= 0"),
        (lambda: ConvAutoencoder(filters=(1, 2, 3)), ValueError, "`filters` must name one or two"),
        (lambda: VariationalAutoencoder(units=()), ValueError, "`units` must name at least one layer"),
        (lambda: VariationalAutoencoder(likelihood="poisson"), ValueError, "`likelihood` must be one of"),
        (lambda: VariationalAutoencoder(deviation=0), ValueError, "`deviation` must be above 0"),
        (lambda: VariationalAutoencoder().sample(0), ValueError, "`n` must be >= 1"),
        (lambda: masked(IMAGES, 1.0), ValueError, r"`share` must be in \[0, 1\)"),
        (lambda: with_gaussian_noise(IMAGES, -1), ValueError, "`deviation` must be >= 0"),
        (lambda: DenseAutoencoder()(np.zeros((2, 28, 28))), ValueError, r"`x` must have the shape \(rows, 784\)"),
        (lambda: ConvAutoencoder()(np.zeros((2, 100))), ValueError, r"x=\(2, 100\)"),
        (lambda: VariationalAutoencoder().encode(np.zeros((2, 100))), ValueError, "`x` must have the shape"),
        (lambda: trained(KINDS["dense"], x=np.zeros((8, 100))), ValueError, "`x` must have the shape"),
        (lambda: check_pretraining(DenseAutoencoder(), IMAGES, limit=0), ValueError, "`limit` must be above 0"),
        (lambda: classifier_from_encoder(DenseAutoencoder(), 10), TypeError, "`encoder` must be a keras.Sequential"),
        (
            lambda: classifier_from_encoder(keras.Sequential([keras.layers.Dense(3)]), 10),
            ValueError,
            "`encoder` must be built",
        ),
        (lambda: classifier_from_encoder(DenseAutoencoder().encoder, 1), ValueError, "`n_classes` must be >= 2"),
        (
            lambda: classifier_from_encoder(DenseAutoencoder().encoder, 10, n_layers=3),
            ValueError,
            "`n_layers` must be between 1 and 2, the layers of the model that have weights. Received: n_layers=3",
        ),
    ],
)
def test_errors_say_what_is_wrong(make, error, text):
    with pytest.raises(error, match=text):
        make()
