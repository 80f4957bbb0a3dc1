"""Studies of section 11.2.3: do the layers of an auxiliary task help, and what do its labels cost (CL-53, CL-54)."""

import numpy as np

from handson11.claims.pretraining import LABELS, per_label_count
from handson11.claims.runs.auxiliary import with_few_labels
from handson11.claims.runs.cheap_labels import labels_told, pairs_counted
from handson11.claims.studies import study
from handson11.claims.words import WORDS, words_effects
from handson11.claims.words import gains as words_gains
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect
from handson11.experiments.statistics import interval

DECIDING = LABELS[:-1]
"""Labels per class at which the claim is judged; 50 are run for the curve."""
PICTURES = (1, 2, 5)
"""Pictures per person in the example of the faces."""

VIEWS = 6400
"""Altered views of the labelled images: 200 steps of 32, each view once."""

PRETRAINING = {"batch_size": 128, "learning_rate": 0.001, "n": None}
ROTATION = {**PRETRAINING, "task": "rotation", "epochs": 3}
INSTANCES = {**PRETRAINING, "task": "instance pairs", "epochs": 4}
CLASSES = {**PRETRAINING, "task": "class pairs", "epochs": 6, "n_pairs": 25600}
PERSONS = {**CLASSES, "task": "face pairs", "persons": 300, "pictures": 20}

SCRATCH = {"reused": 0, "frozen": 0, "auxiliary": None, "views": None, "leak": False}


def of_layers(auxiliary, **more):
    """Return three arms for one auxiliary task: its lower layers, all of them, and all of them frozen."""
    shared = {**SCRATCH, "auxiliary": auxiliary, **more}
    return {
        "": {**shared, "reused": 2},
        ", all layers": {**shared, "reused": 3},
        ", frozen": {**shared, "reused": 3, "frozen": 3},
    }


def _experiment(name, real_task, arms, labels=LABELS):
    return Experiment(
        name=name,
        arms=per_label_count(arms, labels),
        fixed={"real_task": real_task, "steps": 200},
        seeds=range(10),
        metrics=("test_accuracy", "auxiliary_accuracy", "unseen_accuracy"),
        rates=(0.0003, 0.001, 0.003, 0.01),
        run=with_few_labels,
    )


IMAGES = _experiment(
    "few labels of clothes, with and without layers of rotation and instance pairs",
    "clothes",
    {
        "scratch": SCRATCH,
        "altered scratch": {**SCRATCH, "views": VIEWS},
        **{f"rotation{which}": arm for which, arm in of_layers(ROTATION).items()},
        **{f"instance pairs{which}": arm for which, arm in of_layers(INSTANCES, views=VIEWS).items()},
        "instance pairs, plain": {**SCRATCH, "auxiliary": INSTANCES, "reused": 2},
    },
)

CLASS_PAIRS = _experiment(
    "few labels of five classes, with and without layers of pairs from the five others",
    "five classes",
    {
        "scratch": SCRATCH,
        **{f"class pairs{which}": arm for which, arm in of_layers(CLASSES).items()},
        "leaking pairs": {**SCRATCH, "auxiliary": CLASSES, "reused": 3, "leak": True},
    },
)

FACES = _experiment(
    "few pictures of ten persons, with and without layers of pairs of other persons",
    "faces",
    {"scratch": SCRATCH, **{f"face pairs{which}": arm for which, arm in of_layers(PERSONS).items()}},
    PICTURES,
)


def chance(results):
    """Return the accuracy of guessing in the real task of an experiment: that of a run that was lost."""
    return {"clothes": 0.1, "five classes": 0.2, "faces": 0.1}[results.experiment.fixed["real_task"]]


def gains(results, arm, labels=LABELS, base="scratch"):
    """Return the paired gains of a method in test accuracy, an array (label counts, seeds); lost runs are chance.

    Parameters
    ----------
    results : Results
        Those of one experiment with pictures.
    arm, base : str
        Two of its methods.
    labels : sequence of int, default ``LABELS``

    Returns
    -------
    array of shape (label counts, seeds)
        Shares, not points.
    """
    lost = chance(results)
    accuracy = [
        [results.values(f"{name}, {count}", "test_accuracy", lost=lost) for count in labels] for name in (arm, base)
    ]
    return np.subtract(*accuracy)


JUDGED = {
    "rotation": ("rotation", "scratch"),
    "class pairs": ("class pairs", "scratch"),
    "instance pairs": ("instance pairs", "altered scratch"),
}
"""Task with pictures → the arm that is judged and the arm that it is compared with. For instance pairs both train the
real task on altered views of the labelled images: only the start weights of the convolutions differ."""


def judged_gains(images, class_pairs, words):
    """Return for each of the four tasks the gain of each seed, averaged over the label counts that decide."""
    found = {}
    for task, (arm, base) in JUDGED.items():
        results = class_pairs if task == "class pairs" else images
        found[task] = gains(results, arm, DECIDING, base).mean(axis=0)
    return {**found, "masked words": words_gains(words)}


@study("CL-53", IMAGES, CLASS_PAIRS, WORDS, FACES)
def auxiliary_layers_help(images, class_pairs, words, faces):
    """Count the tasks, of four, whose gain over scratch lies above 0, and those whose gain lies below one point."""
    by_task = {
        task: interval(100 * values, confidence=0.9875)
        for task, values in judged_gains(images, class_pairs, words).items()
    }
    measured = {
        "tasks_with_gain": sum(found.low > 0 for found in by_task.values()),
        "tasks_without": sum(found.high < 1 for found in by_task.values()),
    }
    effects = [
        effect(f"{task}: gain, mean over the label counts (98.75 %)", found, "points")
        for task, found in by_task.items()
    ]
    effects.append(effect("tasks whose gain is negative (of 4)", sum(found.high < 0 for found in by_task.values())))
    effects += [
        _gain(images, arm, DECIDING) for arm in ("altered scratch", "instance pairs, plain", "rotation, frozen")
    ]
    effects += [_gain(class_pairs, arm, DECIDING) for arm in ("class pairs, frozen", "leaking pairs")]
    effects += [_gain(faces, arm, PICTURES) for arm in ("face pairs", "face pairs, frozen")]
    for results, arm, who in ((class_pairs, "class pairs", "classes"), (faces, "face pairs", "persons")):
        for metric, which in (("auxiliary", "known"), ("unseen", "unseen")):
            effects.append(_auxiliary(results, arm, metric, f"accuracy on pairs of {which} {who}"))
    return measured, effects + [found for found in words_effects(words) if "bag of words" in found["what"]]


def _gain(results, arm, labels):
    found = interval(100 * gains(results, arm, labels).mean(axis=0))
    return effect(f"{arm}: gain over scratch, mean of {labels[0]} to {labels[-1]} per class", found, "points")


def _auxiliary(results, arm, metric, what):
    return effect(f"{arm}: {what}", interval(results.values(f"{arm}, 1", f"{metric}_accuracy")))


TOLD = Experiment(
    name="labels that the making of training data must be told",
    arms={task: {"task": task} for task in ("words", "rotations", "pairs")},
    fixed={"n": 8},
    seeds=[0],
    metrics=["labels_for_each", "made"],
    run=labels_told,
)

COUNTED = Experiment(
    name="different pairs of n pictures",
    arms={"5 persons": {"persons": 5}, "25 persons": {"persons": 25}},
    fixed={"most": 50},
    seeds=[0],
    metrics=["missing_pairs", "same"],
    run=pairs_counted,
)


@study("CL-54", TOLD, COUNTED)
def labels_cost_nothing(told, counted):
    """Judge how many labels each function needs, and whether n pictures make n(n − 1)/2 pairs."""
    tasks = told.experiment.arms
    measured = {f"labels_for_{task}": told.values(task, "labels_for_each").item() for task in tasks}
    measured["missing_pairs"] = max(counted.values(arm, "missing_pairs").item() for arm in counted.experiment.arms)
    effects = [effect(f"{task}: labels told for each text or image", measured[f"labels_for_{task}"]) for task in tasks]
    effects += [effect(f"{task}: training labels made of 8", told.values(task, "made").item()) for task in tasks]
    effects.append(effect("largest difference from n(n − 1)/2 pairs, n = 2 … 50", measured["missing_pairs"]))
    for arm in counted.experiment.arms:
        effects.append(
            effect(f"share of same pairs among all of 50 pictures of {arm}", counted.values(arm, "same").item())
        )
    return measured, effects
