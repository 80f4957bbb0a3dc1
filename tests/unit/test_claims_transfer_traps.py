"""The traps of 11.2.1 and the selection effect: what is measured, and that the conclusion can come out either way."""

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from handson11.claims import transfer_traps as studies
from handson11.claims.runs import transfer_traps as runs
from tests.unit.made_up_results import conclusion

# What is run


@pytest.mark.parametrize(("change", "moves_without"), [("unfreeze", False), ("freeze", True)])
def test_fit_knows_only_what_was_compiled(change, moves_without):
    found = runs.forgotten_compile({"seed": 0, "change": change})
    assert (found["without_compile"] > 0) == moves_without
    assert (found["with_compile"] > 0) != moves_without


def test_only_a_clone_protects_the_source():
    assert runs.training_b({"seed": 0, "layers": "shared"})["change"] > 1e-4
    assert runs.training_b({"seed": 0, "layers": "cloned"})["change"] == 0


def test_a_clone_has_weights_of_its_own():
    found = runs.clone({"seed": 0})
    assert found["of_clone"] > 0.1
    assert found["after_copy"] == 0


def expected(tried):
    """Return the mean of the largest of several numbers from N(0, 1), by its integral."""
    return tried * quad(lambda z: z * norm.pdf(z) * norm.cdf(z) ** (tried - 1), -10, 10)[0]


@pytest.mark.parametrize("tried", studies.TRIED)
def test_the_best_of_many_agrees_with_theory(tried):
    found = runs.best_of({"seed": 0, "tried": tried, "searches": 20_000})
    assert found["mean"] == pytest.approx(expected(tried), abs=0.03)
    assert found["low"] == pytest.approx(norm.ppf(0.05 ** (1 / tried)), abs=0.08)
    assert found["high"] == pytest.approx(norm.ppf(0.95 ** (1 / tried)), abs=0.08)


def test_the_numbers_of_the_rule_are_those_of_theory():
    assert [round(expected(tried), 3) for tried in (1, 5, 20)] == [0, 1.163, 1.867]


# What is concluded


def by_name(**values):
    """Return a function (arm, metric) → value; names are "arm_metric"."""
    return lambda arm, metric: values.get(f"{arm}_{metric}".replace(" ", "_"), 0.0)


MOVES = {"unfreeze_with_compile": 0.01, "freeze_without_compile": 0.01}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "confirmed"),
        ({"unfreeze_without_compile": [0, 0, 0, 0, 0.01]}, "refuted"),  # Keras noticed it once
        ({"freeze_without_compile": [0.01, 0.01, 0, 0.01, 0.01]}, "refuted"),
        ({"unfreeze_with_compile": 0.0}, "refuted"),
        ({"freeze_with_compile": 0.01}, "refuted"),
    ],
)
def test_compiling(changes, verdict):
    assert conclusion("CL-38", by_name(**{**MOVES, **changes}))[0] == verdict


@pytest.mark.parametrize(
    ("shared", "cloned", "verdict"), [(0.01, 0, "confirmed"), (0, 0, "refuted"), (0.01, [0, 0, 0, 0, 1e-9], "refuted")]
)
def test_sharing(shared, cloned, verdict):
    assert conclusion("CL-39", by_name(shared_change=shared, cloned_change=cloned))[0] == verdict


@pytest.mark.parametrize(
    ("clone", "copy", "verdict"), [(0.2, 0, "confirmed"), (0, 0, "refuted"), (0.2, 0.1, "refuted")]
)
def test_cloning(clone, copy, verdict):
    assert conclusion("CL-40", by_name(clone_of_clone=clone, clone_after_copy=copy))[0] == verdict


def test_selection():
    theory = {f"best_of_{tried}_mean": expected(tried) for tried in studies.TRIED}
    verdict, measured, texts = conclusion("CL-47", by_name(**theory))
    assert verdict == "confirmed"
    assert measured["best_of_5"] == pytest.approx(1.163, abs=1e-3)
    assert texts[2].startswith("mean of the best of 5, in standard deviations: 1.16")
    assert conclusion("CL-47", by_name(**{**theory, "best_of_20_mean": 1.1}))[0] == "refuted"
