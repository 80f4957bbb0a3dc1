"""The masked words of CL-53: which library does a sentence come from, with and without pretrained word vectors?

The claim's study is drawn together where the images are; this module declares the experiment and its reduced form.
"""

import numpy as np

from handson11.claims.runs.words import classify_libraries
from handson11.datasets.corpus import corpus_versions
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

LABELS = (5, 20, 100, 500)
DECIDING = (5, 20)
"""Labelled sentences of each library; the claim is judged at two of them."""

CHANCE = 1 / 3

METHODS = {
    "bag of words": {"method": "bag of words"},
    "scratch": {"method": "scratch", "scale": 0.05},
    "large scratch": {"method": "scratch", "scale": 1.0},
    "fine-tuned": {"method": "fine-tuned"},
    "frozen": {"method": "frozen"},
}
"""Method → its part of the configuration. Scratch vectors start small, which suits them better than the size of the
reused ones (``large scratch``); so the reused vectors are compared with the better of the two."""

KNOWN = ("masked", "table", "frequent")
MASKED_METRICS = tuple(f"{name}_{kind}" for name in KNOWN for kind in ("accuracy", "top_5"))
"""What is known of the hidden words of the test files: of the model, of the table of two neighbours, of the most
frequent words."""


def arm(method, labels):
    """Return the name of an arm.

    Examples
    --------
    >>> arm("scratch", 5)
    'scratch, 5'
    """
    return f"{method}, {labels}"


WORDS = Experiment(
    name="masked words: the library of a sentence",
    arms={arm(name, labels): {**own, "labels": labels} for labels in LABELS for name, own in METHODS.items()},
    fixed={
        "vocabulary": 3000,
        "dimension": 64,
        "pretraining": {"epochs": 3, "model": {"context": "average", "left": 4, "right": 4}},
        "steps": 300,
        "held_out": 700,
        "corpus": corpus_versions(),
    },
    seeds=range(10),
    metrics=("test_accuracy", *MASKED_METRICS),
    rates=(0.001, 0.003, 0.01, 0.03, 0.1),
    run=classify_libraries,
)


def gains(results, method="fine-tuned", over="scratch", labels=DECIDING):
    """Return for each seed the gain in test accuracy of a method over another, averaged over label counts.

    Parameters
    ----------
    results : Results
        Those of :data:`WORDS`, whole or reduced.
    method, over : str
        Two of ``METHODS``.
    labels : sequence of int, default ``DECIDING``
        Label counts.

    Returns
    -------
    array of shape (seeds,)
        Shares, not points. A run that was lost counts as chance.
    """
    pairs = [
        results.values(arm(method, count), "test_accuracy", CHANCE) - results.values(arm(over, count), lost=CHANCE)
        for count in labels
    ]
    return np.mean(pairs, axis=0)


def words_effects(results):
    """Return the findings on masked words for the ledger: gains in points, and the accuracies on hidden words.

    Parameters
    ----------
    results : Results
        Those of :data:`WORDS`.

    Returns
    -------
    list of dict
        See :func:`handson11.experiments.effect`.
    """
    effects = []
    for method in ("fine-tuned", "frozen"):
        for labels in LABELS:
            found = interval(100 * gains(results, method, labels=(labels,)))
            what = f"masked words, {method}, {labels} labels a class: gain over scratch"
            effects.append(effect(what, found, "points"))
    for labels in LABELS:
        found = interval(100 * gains(results, "fine-tuned", "bag of words", (labels,)))
        effects.append(
            effect(f"masked words, fine-tuned, {labels} labels a class: gain over a bag of words", found, "points")
        )
    for labels in LABELS:
        accuracy = interval(results.values(arm("scratch", labels), lost=CHANCE))
        effects.append(effect(f"masked words, scratch, {labels} labels a class: test accuracy", accuracy))
    names = {"masked": "the model", "table": "the table of two neighbours", "frequent": "the most frequent words"}
    for name, what in names.items():
        for kind, words in (("accuracy", "accuracy"), ("top_5", "share among the best five")):
            found = results.values(arm("fine-tuned", DECIDING[0]), f"{name}_{kind}")
            value = interval(found) if name == "masked" else float(found[0])
            effects.append(effect(f"masked words: {words} of {what} on hidden words of the test files", value))
    return effects
