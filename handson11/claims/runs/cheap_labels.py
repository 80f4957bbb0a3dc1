"""Runs of section 11.2.3: what the making of labels must be told, and how many pairs there are (CL-54)."""

import numpy as np

from handson11.pretraining.masked_words import mask_words
from handson11.pretraining.pairs import make_pairs, pair_places
from handson11.pretraining.rotation import rotation_task


def labels_told(configuration):
    """Count the labels that a making of training data must be told for each text or image.

    ``configuration``: ``task`` ("words", "rotations" or "pairs"), ``n`` (texts or images). It is told no
    label, then one, then two, and so on, until it works; that number is divided by ``n``.

    Returns ``labels_for_each``, and ``made``: how many training labels it made of them.
    """
    n = configuration["n"]
    persons = np.arange(n) // 2
    texts = ["every text brings its own labels"] * n
    images = np.arange(n * 16, dtype="float32").reshape(n, 4, 4)
    make = {
        "words": lambda labels: sum(map(len, mask_words(texts, *labels)[1])),
        "rotations": lambda labels: len(rotation_task(images, *labels)[1]),
        "pairs": lambda labels: len(make_pairs(images, *labels)[1]),
    }[configuration["task"]]
    for told in range(n + 1):
        try:
            made = make([persons[:told]] if told else [])
        except (TypeError, ValueError):
            continue
        return {"labels_for_each": told / n, "made": made}
    raise RuntimeError("No number of labels was enough.")


def pairs_counted(configuration):
    """Count the different pairs made of n pictures, n = 2 … ``most``, and compare with n(n − 1)/2.

    Returns ``missing_pairs``, the largest difference, and the share of ``same`` pairs with ``persons`` persons who have
    the same number of pictures, n = ``most``.
    """
    missing = 0
    for n in range(2, configuration["most"] + 1):
        places, same = pair_places(np.arange(n) % configuration["persons"])
        different = {frozenset(pair) for pair in places.tolist() if len(set(pair)) == 2}
        missing = max(missing, abs(n * (n - 1) // 2 - len(different)))
    return {"missing_pairs": missing, "same": float(same.mean())}
