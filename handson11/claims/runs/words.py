"""Runs of section 11.2.3: from which library does a sentence come? With word vectors of a masked language model."""

import functools

import keras
import numpy as np

from handson11._check import require, require_number
from handson11.claims.runs.few_labels import kept, measurements, network, train_few
from handson11.datasets.corpus import LIBRARIES, LIBRARY_NAMES, corpus_versions, load_corpus
from handson11.experiments.engine import Task
from handson11.pretraining.masked_words import (
    MaskedWordModel,
    NeighbourTable,
    TiedEmbedding,
    Vocabulary,
    WordBias,
    most_frequent_scores,
)

LENGTH = 40
"""Words of a sentence that are read; no sentence has more."""


def word_classifier(n_words, dimension, n_outputs, seed=0, scale=1.0):
    r"""Build a classifier of sentences: the mean of the word vectors, then one softmax layer.

    .. math:: \mathbf z = W\,\frac1T\sum_{t=1}^{T} \mathbf e_{w_t} + \mathbf b

    ``seed`` draws the start weights, ``scale`` is the standard deviation of the vectors at the start.
    """
    vectors = keras.initializers.RandomNormal(0, scale, seed)
    layers = [
        keras.Input((LENGTH,), dtype="int32"),
        TiedEmbedding(n_words, dimension, vectors, mask_zero=True),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(n_outputs, kernel_initializer=keras.initializers.GlorotUniform(seed + 1)),
    ]
    return keras.Sequential(layers)


def bag_of_words(n_words, n_outputs, seed=0):
    r"""Build logistic regression on the shares of the words: one number for each word and class, and no start weights.

    .. math:: z_k = \sum_w W_{kw}\,\frac{n_w}{T} + b_k
    """
    layers = [
        keras.Input((LENGTH,), dtype="int32"),
        TiedEmbedding(n_words, n_outputs, "zeros", mask_zero=True),
        keras.layers.GlobalAveragePooling1D(),
        WordBias(),
    ]
    return keras.Sequential(layers)


@functools.lru_cache(maxsize=2)
def _text(vocabulary_size):
    """Return (vocabulary, {split: (words, labels)}); the names of the libraries are hidden."""
    corpus = load_corpus()
    parts = {split: corpus.part(split) for split in ("train", "validation", "test")}
    texts = {split: (part.words(hide=LIBRARY_NAMES), part.labels()) for split, part in parts.items()}
    return Vocabulary.of(texts["train"][0], vocabulary_size), texts


def library_task(labels, seed, vocabulary_size=3000, held_out=700):
    """Return a task with ``labels`` training sentences of each library, as rows of word numbers.

    The sentences of a smaller number of labels are among those of a larger one with the same seed. The validation and
    test sentences come from other files, are the same for every seed, and as many for each library: at most
    ``held_out``.
    """
    return _library_task(labels, seed, vocabulary_size, held_out)


@functools.lru_cache(maxsize=8)
def _library_task(labels, seed, vocabulary_size, held_out):
    vocabulary, texts = _text(vocabulary_size)
    parts = []
    for split, (words, numbers) in texts.items():
        rng = np.random.default_rng([seed, 13] if split == "train" else 13)
        places = [rng.permutation(np.flatnonzero(numbers == label)) for label in range(len(LIBRARIES))]
        fewest = min(map(len, places))
        if split == "train":
            require_number("labels", labels, f"be between 1 and the {fewest} sentences of a library", 1, fewest)
        count = labels if split == "train" else min(held_out, fewest)
        rows = np.concatenate([found[:count] for found in places])
        parts.append(vocabulary.rows([words[row] for row in rows], LENGTH))
        parts.append(np.repeat(np.arange(len(LIBRARIES), dtype="int32"), count))
    return Task(*parts)


def masked_word_vectors(settings):
    """Train a masked language model on the training files, without labels; a maker for :func:`kept`.

    ``settings``: ``vocabulary``, ``model`` (arguments of :class:`MaskedWordModel`), ``epochs``, ``seed``, ``corpus``.

    Returns the word vectors, and the accuracies on hidden words of the test files: ``masked_accuracy``,
    ``masked_top_5``, those of the table of two neighbours (``table_…``) and of the most frequent words
    (``frequent_…``).
    """
    vocabulary, texts = _text(settings["vocabulary"])
    model = MaskedWordModel(vocabulary, seed=settings["seed"], **settings["model"])
    model.fit(texts["train"][0], epochs=settings["epochs"], verbose=0)
    (contexts, targets), test = model.windows(texts["train"][0]), model.windows(texts["test"][0])
    found = {
        "masked": model.scores(texts["test"][0]),
        "table": NeighbourTable(contexts, targets, model.settings["left"]).scores(*test),
        "frequent": most_frequent_scores(targets, test[1]),
    }
    measured = {f"{name}_{kind}": scores[kind] for name, scores in found.items() for kind in ("accuracy", "top_5")}
    return [model.word_vectors], measured


def standardized(vectors):
    """Return word vectors with mean 0 in every component and standard deviation 1 over all; that of padding is 0.

    Small vectors would learn slowly: the step of Adam does not grow with the vectors.
    """
    words = vectors[1:]
    centred = words - words.mean(axis=0)
    return np.concatenate([np.zeros_like(vectors[:1]), centred / centred.std()])


def classify_libraries(configuration):
    """Train a classifier of sentences with few labels and return what was measured.

    ``configuration``: ``method`` ("bag of words", "scratch", "fine-tuned" or "frozen"), ``labels`` of each library,
    ``scale`` (of scratch vectors, see :func:`word_classifier`), ``vocabulary``, ``dimension``, ``steps``, ``held_out``,
    ``pretraining`` (``epochs`` and the ``model`` of :func:`masked_word_vectors`), ``corpus`` (the versions that the
    sentences come from), ``learning_rate``, ``seed``; ``source``, the origin of images, is not used.

    Returns losses and accuracies, ``diverged``, and, with pretrained vectors, what is known of their model.
    """
    known, method = corpus_versions(), configuration["method"]
    require(configuration["corpus"] == known, "corpus", f"name the versions installed here, {known}", configuration)
    shared = {name: configuration[name] for name in ("vocabulary", "seed")}
    task = library_task(configuration["labels"], shared["seed"], shared["vocabulary"], configuration["held_out"])
    arguments = {"n_words": len(_text(shared["vocabulary"])[0]), "n_outputs": len(LIBRARIES)}
    if method != "bag of words":
        arguments["dimension"] = configuration["dimension"]
    if method == "scratch":
        arguments["scale"] = configuration["scale"]
    model = "bag_of_words" if method == "bag of words" else "word_classifier"
    description = {"model": f"{__name__}:{model}", "arguments": arguments}
    reuse, found = {}, {}
    if method in ("fine-tuned", "frozen"):
        pretraining = configuration["pretraining"]
        language_model = {**pretraining["model"], "dimension": configuration["dimension"]}
        settings = {**shared, "model": language_model, "epochs": pretraining["epochs"], "corpus": known}
        vectors, found = kept(masked_word_vectors, settings)
        reuse = {"weights": [standardized(vectors[0])], "reused": 1}
    frozen = int(method == "frozen")
    start = network(description, shared["seed"], frozen=frozen, **reuse)
    budget = {"learning_rate": configuration["learning_rate"], "steps": configuration["steps"]}
    run = train_few(description, task, shared["seed"], **budget, frozen=frozen, model=start)
    return {**measurements(run), **found}
