"""Runs of section 11.2.2 with autoencoders: their layers under few labels, and their codes under noise (CL-48, 87)."""

import functools

import keras
import numpy as np
from scipy import optimize, special

from handson11.claims.runs.few_labels import few_labels, kept, measurements, network, train_few
from handson11.experiments.training import load_data
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    DenseAutoencoder,
    check_pretraining,
    dense,
    masked,
    with_gaussian_noise,
)

KINDS = {
    "dense": DenseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "convolutional": ConvAutoencoder,
}

NEXT_SEED = 1000
"""What is added to the seed of an autoencoder that diverged, before it is trained again."""


def encoder_network(units=(128, 64), n_outputs=10, seed=None):
    """Return a dense classifier whose hidden layers are those of an autoencoder's encoder, with fresh weights."""
    seeds = _different_seeds(seed)
    layers = [dense(size, "relu", next(seeds), f"encoder_{number}") for number, size in enumerate(units, 1)]
    return keras.Sequential([keras.Input((784,)), *layers, dense(n_outputs, None, next(seeds), "logits")])


@functools.lru_cache(maxsize=4)
def unlabelled(source, part="train", n=None):
    """Return the first ``n`` images of a part as rows of pixels between 0 and 1; their labels are not used."""
    images = getattr(load_data(source), f"x_{part}")[:n]
    return images.reshape(len(images), -1).astype("float32") / 255


def autoencoder(settings):
    """Train an autoencoder without labels, again with another seed if it diverged, and return what to keep of it.

    ``settings``: ``kind`` (a key of ``KINDS``), ``arguments`` of its class, ``epochs``, ``batch_size``,
    ``learning_rate``, ``n`` (images, None = all), ``attempts``, ``seed``, ``source``.

    Returns the encoder's weights, and ``error``, ``share`` and ``dead_units`` on validation images (see
    :func:`~handson11.pretraining.check_pretraining`) and ``attempts``, how many were trained.

    Raises
    ------
    RuntimeError
        If all attempts diverged.
    """
    for attempt in range(settings["attempts"]):
        model = trained_autoencoder({**settings, "seed": settings["seed"] + attempt * NEXT_SEED})
        found = check_pretraining(model, unlabelled(settings["source"], "validation"))
        if not found.diverged:
            measured = {"error": found.error, "share": found.share, "dead_units": found.dead_units}
            return model.encoder.get_weights(), {**measured, "attempts": attempt + 1}
    raise RuntimeError(f"All {settings['attempts']} autoencoders diverged.")


def trained_autoencoder(settings):
    """Return the autoencoder of one attempt, see :func:`autoencoder`."""
    x = unlabelled(settings["source"], n=settings["n"])
    keras.utils.set_random_seed(settings["seed"])
    model = KINDS[settings["kind"]](**settings["arguments"], seed=settings["seed"])
    # XLA makes a dense network faster, but it is slow at convolutions and at drawing noise.
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        "mse",
        jit_compile=settings["kind"] == "dense",
        steps_per_execution=max(1, len(x) // settings["batch_size"]),
    )
    model.fit(x, epochs=settings["epochs"], batch_size=settings["batch_size"], verbose=0)
    return model


def settings_of(configuration):
    """Return the settings of the autoencoder that a run takes its layers from."""
    return {**configuration["autoencoder"], "seed": configuration["seed"], "source": configuration["source"]}


def with_few_labels(configuration):
    """Train a classifier with few labels, from random weights or from the layers of an autoencoder.

    ``configuration``: ``network`` (a description, see :func:`~handson11.claims.runs.few_labels.network`), ``labels``
    per class, ``reused`` and ``frozen`` layers, ``steps``, ``autoencoder`` (settings, None if nothing is reused).

    Returns losses and accuracies, ``diverged``, and what was measured of the autoencoder.
    """
    weights, found = None, {}
    if configuration["reused"]:
        weights, found = kept(autoencoder, settings_of(configuration))
    task = few_labels(configuration["labels"], configuration["seed"], source=configuration["source"])
    seed, frozen = configuration["seed"], configuration["frozen"]
    model = network(configuration["network"], seed, weights, configuration["reused"], frozen)
    run = train_few(
        configuration["network"],
        task,
        seed,
        configuration["learning_rate"],
        configuration["steps"],
        frozen=frozen,
        model=model,
    )
    return {**measurements(run), **found}


def codes_under_noise(configuration):
    """Fit a linear classifier to the codes of clean training images and test it on clean and on noisy images.

    ``configuration``: ``autoencoder`` (settings), ``masked`` (share of the pixels hidden), ``deviations`` (of Gaussian
    noise), ``n`` (training images of the classifier), ``penalty`` (see :func:`softmax_regression`).

    Returns the accuracies ``test_accuracy`` (clean), ``masked``, ``gaussian_0.3`` and so on, and what was measured of
    the autoencoder.
    """
    weights, found = kept(autoencoder, settings_of(configuration))
    source, seed = configuration["source"], configuration["seed"]
    settings = configuration["autoencoder"]
    model = KINDS[settings["kind"]](**settings["arguments"], seed=0)
    model.encoder.set_weights(weights)
    data = load_data(source)
    codes = _codes(model, unlabelled(source)[: configuration["n"]])
    scale = codes.std()  # one number for all units: a unit that is almost dead must not be blown up
    fitted = softmax_regression(codes / scale, data.y_train[: len(codes)], configuration["penalty"])

    def accuracy(images):
        scores = _codes(model, images) / scale @ fitted[:-1] + fitted[-1]
        return float(np.mean(np.argmax(scores, axis=1) == data.y_test))

    clean = unlabelled(source, "test")
    return {
        "test_accuracy": accuracy(clean),
        "masked": accuracy(masked(clean, configuration["masked"], seed)),
        **{f"gaussian_{d:g}": accuracy(with_gaussian_noise(clean, d, seed)) for d in configuration["deviations"]},
        **found,
    }


def _codes(model, images):
    return np.asarray(model.encoder(images), dtype="float64")


def softmax_regression(x, labels, penalty):
    r"""Return the weights of the linear classifier with the lowest cost: convex, so no learning rate decides.

    .. math:: J(W, b) = -\frac1m \sum_i \log \operatorname{softmax}(W^\top x_i + b)_{y_i}
        + \frac{\lambda}{2}\lVert W \rVert^2

    Parameters
    ----------
    x : array of shape (m, k)
    labels : array of shape (m,)
        Class numbers from 0.
    penalty : float
        :math:`\lambda`.

    Returns
    -------
    array of shape (k + 1, classes)
        The weights, and the biases in the last row.
    """
    classes = int(labels.max()) + 1
    extended = np.hstack([x, np.ones((len(x), 1))])
    shape = (extended.shape[1], classes)
    rows = np.arange(len(x))

    def cost(flat):
        weights = flat.reshape(shape)
        log_shares = special.log_softmax(extended @ weights, axis=1)
        value = -log_shares[rows, labels].mean() + penalty / 2 * np.sum(weights[:-1] ** 2)
        errors = np.exp(log_shares)
        errors[rows, labels] -= 1
        gradient = extended.T @ errors / len(x)
        gradient[:-1] += penalty * weights[:-1]
        return value, gradient.ravel()

    found = optimize.minimize(cost, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return found.x.reshape(shape)
