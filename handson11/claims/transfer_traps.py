"""Studies of section 11.2.1 about Keras and about chance: compiling, sharing, cloning, selection (CL-38 to 40, 47)."""

from handson11.claims.runs.transfer_traps import best_of, clone, forgotten_compile, training_b
from handson11.claims.studies import study
from handson11.experiments.declared import Experiment
from handson11.experiments.ledger import effect

TRIED = (1, 2, 5, 10, 20, 50, 100)
"""Numbers of configurations of a search; the claim is about 1, 5 and 20, the others draw the curve."""

FORGOTTEN = Experiment(
    name="layers thawed or frozen between two fits, with and without compiling again",
    arms={"unfreeze": {"change": "unfreeze"}, "freeze": {"change": "freeze"}},
    fixed={},
    seeds=range(5),
    metrics=["without_compile", "with_compile"],
    run=forgotten_compile,
)

SHARED = Experiment(
    name="model B from the layers of A, or of a clone of A",
    arms={"shared": {"layers": "shared"}, "cloned": {"layers": "cloned"}},
    fixed={},
    seeds=range(5),
    metrics=["change"],
    run=training_b,
)

CLONES = Experiment(
    name="a clone before and after copying the weights",
    arms={"clone": {}},
    fixed={},
    seeds=range(5),
    metrics=["of_clone", "after_copy"],
    run=clone,
)

SEARCHES = Experiment(
    name="the best of many gains that are only chance",
    arms={f"best of {tried}": {"tried": tried} for tried in TRIED},
    fixed={"searches": 100_000},
    seeds=[0],
    metrics=["mean", "low", "high"],
    run=best_of,
)


@study("CL-38", FORGOTTEN)
def compile_is_needed(forgotten):
    """Judge the case that speaks most against the claim: the smallest change expected, the largest of the others."""
    measured = {
        "unfrozen_without_compile": forgotten.values("unfreeze", "without_compile").max(),
        "unfrozen_with_compile": forgotten.values("unfreeze", "with_compile").min(),
        "frozen_without_compile": forgotten.values("freeze", "without_compile").min(),
        "frozen_with_compile": forgotten.values("freeze", "with_compile").max(),
    }
    texts = {
        "unfrozen_without_compile": "thawed, not compiled again: largest change of the kernel",
        "unfrozen_with_compile": "thawed and compiled again: smallest change of the kernel",
        "frozen_without_compile": "frozen, not compiled again: smallest change of the kernel",
        "frozen_with_compile": "frozen and compiled again: largest change of the kernel",
    }
    return measured, [effect(text, measured[name]) for name, text in texts.items()]


@study("CL-39", SHARED)
def layers_are_shared(shared):
    """Judge the smallest change of A with shared layers, and the largest with cloned ones."""
    measured = {
        "change_shared": shared.values("shared", "change").min(),
        "change_cloned": shared.values("cloned", "change").max(),
    }
    return measured, [
        effect("shared layers: smallest change of A's kernels", measured["change_shared"]),
        effect("cloned layers: largest change of A's kernels", measured["change_cloned"]),
    ]


@study("CL-40", CLONES)
def clones_have_other_weights(clones):
    """Judge the smallest difference of a clone, and the largest after copying."""
    measured = {
        "difference_of_clone": clones.values("clone", "of_clone").min(),
        "difference_after_copy": clones.values("clone", "after_copy").max(),
    }
    return measured, [
        effect("clone: smallest difference of the kernels", measured["difference_of_clone"]),
        effect("after set_weights: largest difference of the kernels", measured["difference_after_copy"]),
    ]


@study("CL-47", SEARCHES)
def the_best_looks_good(searches):
    """Judge the means of the best gain."""
    means = {tried: searches.values(f"best of {tried}", "mean").item() for tried in TRIED}
    measured = {f"best_of_{tried}": means[tried] for tried in (1, 5, 20)}
    effects = [effect(f"mean of the best of {tried}, in standard deviations", means[tried]) for tried in TRIED]
    return measured, effects
