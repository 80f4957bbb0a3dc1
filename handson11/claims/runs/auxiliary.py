"""Runs of section 11.2.3 with pictures: layers of a task with cheap labels for a task with few labels (CL-53)."""

import functools

import keras
import numpy as np

from handson11.claims.runs.few_labels import few_labels, kept, measurements, network, train_few
from handson11.datasets.faces import make_faces
from handson11.experiments.engine import Task
from handson11.experiments.training import load_data
from handson11.models import small_cnn
from handson11.pretraining.pairs import SiameseVerifier, make_pairs, without_head
from handson11.pretraining.rotation import rotation_task
from handson11.pretraining.views import InstancePairs, alter

TARGET_PERSONS = 10


@functools.lru_cache(maxsize=4)
def rows(source, part="train", n=None):
    """Return the first ``n`` images of a part as rows of pixels between 0 and 1, without their labels."""
    images = getattr(load_data(source), f"x_{part}")[:n]
    return images.reshape(len(images), -1).astype("float32") / 255


def rotation_source(settings):
    """Train a network to tell by how much an image was turned; a maker for :func:`kept`.

    ``settings``: ``epochs`` (with new turns in each), ``batch_size``, ``learning_rate``, ``n`` (images, None = all),
    ``seed``, ``source``. Returns the weights below the output layer, and ``auxiliary_accuracy`` on validation images.
    """
    x, seed = rows(settings["source"], n=settings["n"]), settings["seed"]
    keras.utils.set_random_seed(seed)
    model = small_cnn(n_outputs=4, seed=seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    _compile(model, settings, len(x), loss)
    for epoch in range(settings["epochs"]):
        model.fit(*rotation_task(x, seed=[seed, epoch]), batch_size=settings["batch_size"], verbose=0)
    images, turns = rotation_task(rows(settings["source"], "validation"), seed=[seed, 1000])
    return without_head(model).get_weights(), {"auxiliary_accuracy": float(model.evaluate(images, turns, 500, 0)[1])}


def instance_source(settings):
    """Train a network to recognize an image in another view of it; a maker for :func:`kept`.

    ``settings`` as in :func:`rotation_source`. Returns the weights of the encoder, and ``auxiliary_accuracy``: the
    share of 1,000 validation images whose first view is nearest to its own second view.
    """
    x, seed = rows(settings["source"], n=settings["n"]), settings["seed"]
    keras.utils.set_random_seed(seed)
    model = InstancePairs(without_head(small_cnn(seed=seed)), seed=seed)
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=_steps(settings, len(x)))
    model.fit(x, epochs=settings["epochs"], batch_size=settings["batch_size"], verbose=0)
    vectors = np.asarray(model(rows(settings["source"], "validation")[:1000]))
    first, second = np.split(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 2)
    found = np.argmax(first @ second.T, axis=1) == np.arange(len(first))
    return model.encoder.get_weights(), {"auxiliary_accuracy": float(found.mean())}


def class_pairs_source(settings):
    """Train a network to tell whether two images are of the same class; a maker for :func:`kept`.

    ``settings``: as in :func:`rotation_source`, and ``classes`` (of the pairs), ``unseen`` (other classes),
    ``n_pairs``, drawn anew in each epoch. Returns the weights of the encoder, and the accuracy on pairs of test images
    of the same classes (``auxiliary_accuracy``) and of the unseen ones (``unseen_accuracy``).
    """
    data = load_data(settings["source"])
    x, y = rows(settings["source"], n=settings["n"]), data.y_train[: settings["n"]]
    test = rows(settings["source"], "test")
    parts = [
        (x, y, settings["classes"]),
        (test, data.y_test, settings["classes"]),
        (test, data.y_test, settings["unseen"]),
    ]
    return _verifier(
        settings, *((images[np.isin(labels, of)], labels[np.isin(labels, of)]) for images, labels, of in parts)
    )


def face_pairs_source(settings):
    """Train a network to tell whether two drawn faces show the same person; a maker for :func:`kept`.

    ``settings``: as in :func:`class_pairs_source`, without classes, and ``persons``, ``pictures`` of each. Returns what
    that does; the unseen persons are those of :func:`face_task`.
    """
    persons, pictures, seed = settings["persons"], settings["pictures"], settings["seed"]
    known, others = make_faces(persons, pictures + 4, 2 * seed), make_faces(TARGET_PERSONS, 50, 2 * seed + 1)
    number = np.tile(np.arange(pictures + 4), persons)
    parts = [(known, number < pictures), (known, number >= pictures), (others, slice(None))]
    return _verifier(settings, *((face_rows(faces)[part], faces.persons[part]) for faces, part in parts))


def _verifier(settings, train, known, unseen):
    """Train a verifier on pairs of ``train`` and test it on pairs of two other sets."""
    seed = settings["seed"]
    keras.utils.set_random_seed(seed)
    model = SiameseVerifier(without_head(small_cnn(seed=seed)), seed=seed)
    _compile(model, settings, settings["n_pairs"], "binary_crossentropy")
    for epoch in range(settings["epochs"]):
        pictures, same = make_pairs(*train, settings["n_pairs"], seed=[seed, epoch])
        model.fit(pictures, same, batch_size=settings["batch_size"], verbose=0)
    found = {}
    for name, part in (("auxiliary_accuracy", known), ("unseen_accuracy", unseen)):
        pictures, same = make_pairs(*part, 4000, seed=[seed, 1000])
        found[name] = float(model.evaluate(pictures, same, 500, 0)[1])
    return model.encoder.get_weights(), found


def _steps(settings, n):
    return max(1, n // settings["batch_size"])


def _compile(model, settings, n, loss):
    optimizer = keras.optimizers.Adam(settings["learning_rate"])
    model.compile(optimizer, loss, metrics=["accuracy"], steps_per_execution=_steps(settings, n))


def face_rows(faces):
    """Return pictures of faces as rows of pixels between 0 and 1."""
    return faces.images.reshape(len(faces.images), -1).astype("float32") / 255


@functools.lru_cache(maxsize=8)
def face_task(labels, seed, validation=20, test=100):
    """Return a task of the first ``labels`` pictures of each of ten drawn persons; see :func:`few_labels`."""
    counts = (labels, validation, test)
    faces = make_faces(TARGET_PERSONS, 10 + validation + test, 2 * seed + 1)
    x = face_rows(faces).reshape(TARGET_PERSONS, -1, 784)
    parts = []
    for first, count in zip((0, 10, 10 + validation), counts, strict=True):
        parts.append(x[:, first : first + count].reshape(-1, 784))
        parts.append(np.repeat(np.arange(TARGET_PERSONS, dtype="int32"), count))
    return Task(*parts)


SOURCES = {
    "rotation": rotation_source,
    "instance pairs": instance_source,
    "class pairs": class_pairs_source,
    "face pairs": face_pairs_source,
}


def split_classes(seed):
    """Return five classes for pairs and the five others, those of the real task, as drawn by a seed."""
    classes = np.random.default_rng([seed, 12]).permutation(10).tolist()
    return sorted(classes[:5]), sorted(classes[5:])


def with_few_labels(configuration):
    """Train a classifier with few labels, from random weights or from the layers of an auxiliary task.

    ``configuration``: ``real_task`` ("clothes", all ten classes; "five classes", see :func:`split_classes`; "faces"),
    ``labels`` per class, ``steps``, ``views`` (None, or how many altered views take the place of the labelled images),
    ``reused`` and ``frozen`` layers from below, ``auxiliary`` (None, or a key of ``SOURCES`` as ``task``, and its
    settings), ``leak`` (whether the pairs come from the real task's own classes), ``learning_rate``, ``seed``,
    ``source``.

    Returns losses and accuracies, ``diverged``, and what was measured of the auxiliary task.
    """
    seed, source, labels = (configuration[name] for name in ("seed", "source", "labels"))
    others, target = split_classes(seed)
    if configuration["real_task"] == "faces":
        task = face_task(labels, seed)
    else:
        classes = {"clothes": range(10), "five classes": target}[configuration["real_task"]]
        task = few_labels(labels, seed, tuple(classes), source)
    n_outputs = len(np.unique(task.y_test))
    if configuration["views"]:
        task = altered_task(task, configuration["views"], seed)
    weights, found = None, {}
    if configuration["reused"]:
        auxiliary = configuration["auxiliary"]
        settings = {name: value for name, value in auxiliary.items() if name != "task"}
        if auxiliary["task"] == "class pairs":
            settings |= (
                {"classes": target, "unseen": others}
                if configuration["leak"]
                else {"classes": others, "unseen": target}
            )
        weights, found = kept(SOURCES[auxiliary["task"]], {**settings, "seed": seed, "source": source})
    description = {"model": "handson11.models:small_cnn", "arguments": {"n_outputs": n_outputs}}
    frozen = configuration["frozen"]
    model = network(description, seed, weights, configuration["reused"], frozen)
    budget = {"learning_rate": configuration["learning_rate"], "steps": configuration["steps"]}
    run = train_few(description, task, seed, **budget, frozen=frozen, model=model)
    return {**measurements(run), **found}


def altered_task(task, n, seed):
    """Return a task whose ``n`` training images are altered views of the few labelled ones, each as often."""
    places = np.arange(n) % len(task.x_train)
    views = alter(task.x_train[places], seed=[seed, 14])
    return Task(views, task.y_train[places], task.x_validation, task.y_validation, task.x_test, task.y_test)
