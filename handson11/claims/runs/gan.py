"""Runs of section 11.2.2: the layers of a GAN's discriminator with few labels, and the value of its game."""

import keras
import numpy as np

from handson11.claims.runs.few_labels import few_labels, kept, measurements, network, train_few
from handson11.experiments.training import load_data
from handson11.pretraining.gan import GAN, SLOPE, best_discriminator, frechet_distance, gan_value, jensen_shannon

LEAKY = {"layer": "keras.layers:LeakyReLU", "arguments": {"negative_slope": SLOPE}}
DISCRIMINATOR = {"model": "handson11.models:small_cnn", "arguments": {"activation": LEAKY}}
"""The network with few labels: the discriminator with another output layer."""

JUDGE = {"model": "handson11.models:small_cnn"}
SAMPLES, MISSING = 2000, 0.02


def with_discriminator(configuration):
    """Train a convolutional network with few labels, from random weights or from a discriminator's layers.

    ``configuration``: ``labels`` of each class, ``steps``, ``learning_rate``, ``reused`` and ``frozen`` layers from
    below, ``gan`` (None, or ``steps``, ``batch_size`` and ``learning_rate`` of the GAN), ``seed``, ``source``.

    Returns losses and accuracies, ``diverged``, and of the GAN what :func:`discriminator` measured.
    """
    c = configuration
    task = few_labels(c["labels"], c["seed"], source=c["source"])
    weights, found = None, dict.fromkeys(("distance", "classes", "collapsed", "gan_diverged"), float("nan"))
    if c["gan"] is not None:
        weights, found = kept(discriminator, {**c["gan"], "seed": c["seed"], "source": c["source"]})
    model = network(DISCRIMINATOR, c["seed"], weights, c["reused"], c["frozen"])
    rest = {"steps": c["steps"], "frozen": c["frozen"], "model": model}
    run = train_few(DISCRIMINATOR, task, c["seed"], c["learning_rate"], **rest)
    return {**measurements(run), **found}


def discriminator(settings):
    """Train a GAN on all training images; return its discriminator's weights, and how good its images are.

    Measured are ``distance`` (the Fréchet distance of 2,000 of its images from 2,000 test images, in the 64 features of
    a classifier), ``classes`` (how many that classifier sees in more than 2 % of them), ``collapsed`` (fewer than half
    of the classes) and ``gan_diverged``.
    """
    x = images(settings["source"])
    keras.utils.set_random_seed(settings["seed"])
    model = GAN(seed=settings["seed"])
    rate = settings["learning_rate"]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for _ in range(2)))
    model.fit(gan_batches(x, settings["batch_size"], settings["steps"], settings["seed"]), shuffle=False, verbose=0)
    weights = model.discriminator.get_weights()
    samples = model.generate(SAMPLES, settings["seed"])
    finite = all(np.isfinite(part).all() for part in (*weights, samples))
    keras.backend.clear_session()
    found = quality(samples, settings["source"]) if finite else {"distance": float("inf"), "classes": 0}
    return weights, {**found, "collapsed": int(found["classes"] < 5), "gan_diverged": int(not finite)}


def images(source):
    """Return all training images as rows of pixels between 0 and 1."""
    x = load_data(source).x_train
    return x.reshape(len(x), -1).astype("float32") / 255


def gan_batches(x, batch_size, steps, seed):
    """Return a data set of exactly so many batches, drawn anew from pass to pass."""
    import tensorflow as tf

    batch_size = min(batch_size, len(x))
    per_pass = len(x) // batch_size
    rng = np.random.default_rng([seed, 5])
    orders = [rng.permutation(len(x))[: per_pass * batch_size] for _ in range(-(-steps // per_pass))]
    rows = np.concatenate(orders).reshape(-1, batch_size)[:steps]
    tensor = tf.constant(x)
    return tf.data.Dataset.from_tensor_slices(rows).map(lambda places: tf.gather(tensor, places))


def judge(settings):
    """Train the classifier that judges generated images, on all classes; return its weights and its accuracy."""
    task = few_labels(settings["labels"], 0, source=settings["source"], validation=20)
    run = train_few(JUDGE, task, 0, 0.001, steps=settings["steps"], batch_size=64)
    return list(run.weights), {"judge_accuracy": run.test_accuracy}


def quality(samples, source):
    """Return Fréchet distance and number of classes of generated images, seen by a classifier."""
    data = load_data(source)
    labels = int(min(2000, np.bincount(data.y_train).min()))
    weights, _ = kept(judge, {"labels": labels, "steps": 1500, "seed": 0, "source": source})
    model = network(JUDGE, 0, weights, reused=4)
    below = keras.Sequential([keras.Input((784,)), *model.layers[:-1]])
    real = data.x_test[:SAMPLES].reshape(-1, 784).astype("float32") / 255
    features = [
        np.concatenate([np.asarray(below(part[i : i + 500])) for i in range(0, len(part), 500)])
        for part in (real, samples)
    ]
    found = np.argmax(features[1] @ weights[-2] + weights[-1], axis=1)
    shares = np.bincount(found, minlength=10) / len(found)
    return {"distance": frechet_distance(*features), "classes": int(np.sum(shares > MISSING))}


def game(configuration):
    """Compare the two sides of the identity on pairs of random distributions, and D* with other discriminators.

    ``configuration``: ``pairs``, ``points``, ``others`` (discriminators for each pair), ``seed``, ``source``.

    Returns ``difference`` (largest, absolute) and ``lead`` (largest value of another discriminator minus that of D*).
    """
    c = configuration
    rng = np.random.default_rng(c["seed"])
    differences, leads = [], []
    for _ in range(c["pairs"]):
        p, q = rng.dirichlet(np.ones(c["points"]), size=2)
        best = gan_value(p, q, best_discriminator(p, q))
        differences.append(abs(best - (2 * jensen_shannon(p, q) - np.log(4))))
        others = rng.uniform(size=(c["others"], c["points"]))
        leads.append((np.log(others) @ p + np.log1p(-others) @ q).max() - best)
    return {"difference": float(max(differences)), "lead": float(max(leads))}
