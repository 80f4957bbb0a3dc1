"""Studies of reused layers: what is run, and that each conclusion can come out either way."""

import keras
import numpy as np
import pytest

from handson11.claims import transfer as studies
from handson11.claims.runs import transfer as runs
from handson11.claims.runs.few_labels import network
from tests.unit.made_up_results import conclusion, made_up

TINY = {"model": "handson11.models:dense_stack", "arguments": {"depth": 2, "width": 6}}
SETTINGS = {
    "network": TINY,
    "classes": [1, 5, 7],
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 1,
    "labels": 40,
}
REUSE = {
    "network": TINY,
    "settings": SETTINGS,
    "classes": [0, 3],
    "labels": 20,
    "reused": 2,
    "frozen": 1,
    "steps": 4,
    "seed": 3,
    "source": "stand-in",
    "learning_rate": 0.01,
}
PAIR = {
    "network": TINY,
    "settings": {name: value for name, value in SETTINGS.items() if name != "classes"},
    "seeds_per_source": 4,
    "labels": 40,
    "optimizer": "sgd",
    "seed": 5,
    "source": "stand-in",
    "frozen_steps": 2,
    "free_steps": 3,
}


# What is run


def test_two_logits_are_one_sigmoid_unit():
    model = runs.binary(**TINY, seed=1)
    x = np.random.default_rng(0).normal(size=(50, 784)).astype("float32")
    y = np.random.default_rng(1).integers(0, 2, 50)
    logits = model(x).numpy()
    assert np.all(logits[:, 0] == 0)
    ours = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, logits)
    theirs = keras.losses.BinaryCrossentropy()(y[:, None], keras.ops.sigmoid(logits[:, 1:]))
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)
    assert model.count_params() == 784 * 6 + 6 + 6 * 6 + 6 + 6 + 1


def test_the_notes_network():
    model = runs.tapering(seed=2, n_outputs=1)
    widths = [784, 300, 100, 50, 50, 50, 1]
    by_hand = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True))
    assert model.count_params() == by_hand
    again, other = runs.tapering(seed=2, n_outputs=1), runs.tapering(seed=3, n_outputs=1)
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])
    assert np.abs(model.get_weights()[0] - other.get_weights()[0]).max() > 0.01
    assert model.get_weights()[0].std() == pytest.approx(784**-0.5, rel=0.02)


def test_equal_parameters():
    counts = [network(runs.as_binary(studies.NETWORKS[kind]), 0).count_params() for kind in studies.NETWORKS]
    assert counts == [98801, 97169]
    assert abs(counts[0] - counts[1]) < 0.1 * counts[0]


def test_reused_layers_come_from_the_source_and_frozen_ones_stay():
    description, task, start = runs._prepared(REUSE)
    weights = runs.kept(runs.source_of, {**SETTINGS, "seed": 3, "source": "stand-in"})[0]
    for ours, source in zip(start.get_weights()[:4], weights[:4], strict=True):
        np.testing.assert_array_equal(ours, source)
    assert start.get_weights()[-1].shape == (2,)
    assert len(task.x_train) == 20
    found = runs.reuse(REUSE)
    assert found["selection_accuracy"] == found["validation_accuracy"]
    assert found["diverged"] == 0


def test_the_accuracy_of_arrays_is_that_of_the_model():
    description, task, start = runs._prepared(REUSE)
    theirs = float((start(task.x_validation).numpy().argmax(axis=1) == task.y_validation).mean())
    assert runs.accuracy_of(start.get_weights(), task.x_validation, task.y_validation) == pytest.approx(
        theirs, abs=0.01
    )


def test_where_a_target_is_reached():
    assert runs.first_reached([0.5, 0.7, 0.9], 0.8) == pytest.approx(1.5)
    assert runs.first_reached([0.9], 0.8) == 0
    assert runs.first_reached([0.1, 0.2], 0.8) == float("inf")


def test_steps_to_a_target():
    reached = runs.steps_to({**REUSE, "frozen": 0, "target": 0.0})
    assert reached["steps"] == 0
    never = runs.steps_to({**REUSE, "frozen": 0, "target": 1.1})
    assert never["steps"] == float("inf")
    assert never["pace"] > 4
    assert len(never["accuracies"]) == 5  # one batch of 20 an epoch: four epochs, and the start
    assert never["accuracies"][-1] == pytest.approx(never["validation_accuracy"], abs=0.01)


def test_frozen_first_moves_the_head_alone():
    run, first, last = runs.pair(PAIR, (5, 6), 0.1, second_rate=0.0, frozen_steps=2, free_steps=1)
    for before, after in zip(first[:-2], last[:-2], strict=True):
        np.testing.assert_array_equal(before, after)
    assert np.abs(first[-2] - last[-2]).max() > 0
    assert runs._drift(first, last) == 0
    assert runs._drift([np.ones(4), np.ones(1), np.ones(1)], [np.full(4, 2.0), np.ones(1), np.ones(1)]) == 1


def test_sources_are_shared_by_seeds_in_a_row_and_leave_the_pair_out():
    weights, measured = runs.pair_source(PAIR, (5, 6))
    assert weights[-1].shape == (8,)
    same, other = runs.pair_source({**PAIR, "seed": 7}, (5, 6))[0], runs.pair_source({**PAIR, "seed": 8}, (5, 6))[0]
    np.testing.assert_array_equal(weights[0], same[0])
    assert np.abs(weights[0] - other[0]).max() > 0


def test_a_source_that_stops_by_itself():
    settings = {name: value for name, value in SETTINGS.items() if name != "epochs"}
    weights, measured = runs.source_of({**settings, "at_most": 2, "seed": 0, "source": "stand-in"})
    assert measured["epochs"] in (1, 2)
    assert weights[-1].shape == (3,)
    assert 0.2 < measured["source_accuracy"] <= 1


def test_many_pairs_count_a_lost_run_as_chance():
    pairs = {"pairs": [[0, 2], [5, 6]], "method": "scratch"}
    lost = runs.many_pairs({**PAIR, **pairs, "learning_rate": 1e30})
    assert lost["diverged"] == 2
    assert lost["test_accuracy"] == lost["pair 0-2"] == 0.5
    assert np.isnan(lost["validation_accuracy"])
    fine = runs.many_pairs({**PAIR, **pairs, "method": "transfer", "learning_rate": 0.01})
    assert fine["test_accuracy"] == pytest.approx((fine["pair 0-2"] + fine["pair 5-6"]) / 2)


def test_direct_and_two_phases_report_every_cell():
    cells = {"pairs": [[5, 6]], "label_counts": [20, 40]}
    found = runs.direct({**PAIR, **cells, "learning_rate": 0.05})
    assert found["drift_ratio"] == pytest.approx(found["drift_frozen_first"] / found["drift"])
    assert {"pair 5-6, 20 labels", "drift ratio, pair 5-6, 40 labels"} < set(found)
    phases = runs.two_phases({**PAIR, **cells, "first_rate": 0.05, "ratio": 0.3})
    assert phases["diverged"] == 0
    assert "pair 5-6, 40 labels" in phases


# What is concluded

NOISE = np.array([0.002, -0.002] * 10)


def by_arm(value_of):
    """Return made-up values with a little noise over 10 or 20 seeds, by the arm's name."""
    return lambda arm, metric: value_of(arm, metric)


SOURCE = by_arm(lambda arm, metric: 0.95)


def last_number(arm):
    return float(arm.replace(",", "").split()[-1])


def test_lower_layers_confirmed_partly_refuted():
    def judged(value_of):
        return conclusion("CL-34", SOURCE, SOURCE, *[by_arm(value_of)] * 4)[:2]

    noise = NOISE[:10]

    def falling(arm, _):
        return 0.7 - 0.02 * last_number(arm) * ("frozen" in arm) + noise if arm != "scratch" else 0.7

    assert judged(falling)[0] == "confirmed"

    def bumpy(arm, _):
        return 0.7 if arm == "scratch" else {1: 0.7, 2: 0.5, 3: 0.6, 4: 0.6, 5: 0.6}[last_number(arm)] + noise

    verdict, measured = judged(bumpy)
    assert (verdict, measured["largest_rise"]) == ("partly", pytest.approx(0.1))
    assert judged(lambda arm, _: 0.7 + noise)[0] == "refuted"


def test_labels_and_their_saving():
    counts = (10, 100, 200)
    assert studies.labels_needed(counts, [0.5, 0.7, 0.9], 0.6) == pytest.approx(10**1.5)
    assert studies.labels_needed(counts, [0.5, 0.7, 0.9], 0.4) == pytest.approx(10)
    assert studies.labels_needed(counts, [0.5, 0.7, 0.9], 0.95) == np.inf
    assert studies.saving([0.5, 0.7, 0.9], [0.7, 0.9, 0.95], counts) == pytest.approx(2)
    assert studies.saving([0.5, 0.7, 0.9], [0.1, 0.2, 0.3], counts) == pytest.approx(1)


def test_seeds_stay_together():
    left = np.arange(10.0)[:, None] + 1
    found = studies.over_seeds(lambda a, b: (a / b)[0], left, 2 * left)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


@pytest.fixture
def rates(monkeypatch):
    """Made-up results have no tuned rates."""
    from handson11.experiments import Results

    class Any(dict):
        def __missing__(self, key):
            return 0.01

    plain = Results.__init__
    monkeypatch.setattr(Results, "__init__", lambda self, e, r, c, s: plain(self, e, r, Any(c), s))


def test_steps_and_labels(rates):
    def curve(ahead):
        def value_of(arm, metric):
            method, labels = arm.split(", ")
            return 0.5 + 0.1 * np.log(float(labels) * (ahead if method == "transfer" else 1)) + NOISE

        return value_of

    def steps(transfer):
        return lambda arm, metric: (transfer if arm == "transfer" else 40) * (1 + NOISE)

    def judged(ahead, transfer):
        return conclusion("CL-35", SOURCE, curve(ahead), steps(transfer), steps(transfer))[:2]

    assert judged(3.0, 20)[0] == "confirmed"
    assert judged(1.0, 20) == ("partly", {"benefits_shown": 1, "benefits_excluded": 1})
    assert judged(1.0, 60)[0] == "refuted"


def test_more_labels_more_freedom():
    def gain(slope, metric_best):
        def value_of(arm, metric):
            free = last_number(arm)
            return (metric_best if metric == "selection_accuracy" else slope) * free / 50 + 0.5 + NOISE[:10] * free

        return value_of

    def judged(few, many):
        return conclusion("CL-45", SOURCE, gain(*few), gain(1, 1), gain(*many))[0]

    assert judged((0.1, -1), (2, 1)) == "confirmed"
    assert judged((0.1, 1), (2, 1)) == "partly"
    assert judged((1, 1), (1, 1)) == "refuted"


def test_dropping_layers():
    def judged(kept_2):
        def value_of(arm, _):
            return (kept_2 if arm == "keep, 2" else 0.5) + NOISE * (arm != "keep, 5")

        def chosen(arm, _):
            return 0.7 if arm == "keep, 2, 0.01" else 0.4

        return conclusion("CL-46", SOURCE, chosen, value_of)

    verdict, measured, texts = judged(0.6)
    assert verdict == "confirmed"
    assert texts[0].endswith(": 2")
    assert judged(0.5)[0] == "refuted"


def test_freezing_first(rates):
    def judged(drift, accuracy):
        values = {"test_accuracy": 0.9, "drift": 0.1, "drift_frozen_first": 0.1 * drift}

        def direct(arm, metric):
            return values.get(metric, 0.9) * (1 + NOISE[:10] * metric.startswith("drift"))

        def tuning(arm, _):
            return 0.95 if arm == "0.03 × 0.3" else 0.9

        def phases(arm, _):
            return (accuracy if arm == "0.03 × 0.3" else 0.5) + NOISE[:10]

        return conclusion("CL-36", direct, tuning, phases)[:2]

    assert judged(0.5, 0.92)[0] == "confirmed"
    assert judged(0.5, 0.9)[0] == "partly"
    assert judged(2.0, 0.9)[0] == "refuted"
    assert np.isnan(judged(np.nan, 0.9)[1]["drift_ratio_high"])


def test_a_lower_rate(rates):
    def judged(lower, at_high):
        def tuning(arm, _):
            return {"0.03 × 1": 0.9, "0.03 × 0.3": 0.9}.get(arm, 0.8)

        def phases(arm, _):
            first, ratio = arm.split(" × ")
            gain = at_high if first == "0.1" else lower
            return 0.9 + (gain if ratio != "1" else 0) + NOISE[:10] * (ratio != "1")

        return conclusion("CL-37", tuning, phases)[:2]

    assert judged(0.02, 0.02)[0] == "confirmed"
    assert judged(0.0, 0.02) == ("partly", judged(0.0, 0.02)[1])
    assert judged(0.0, 0.02)[1]["rates_with_gain"] == 1
    assert judged(-0.01, -0.01)[0] == "refuted"


def test_one_pair_of_the_notes(rates):
    def judged(transfer, scratch, tuned):
        def at_rates(arm, _):
            return (transfer if arm.startswith("transfer") else scratch) + NOISE

        def tuned_values(arm, _):
            return 0.99 + (tuned if arm == "transfer" else 0) + NOISE * (arm == "transfer")

        return conclusion("CL-41", SOURCE, at_rates, tuned_values)[:2]

    assert judged(0.992, 0.98, 0.005)[0] == "confirmed"
    assert judged(0.992, 0.98, 0.0)[0] == "partly"
    verdict, measured = judged(0.98, 0.97, 0.005)
    assert verdict == "refuted"
    assert measured["distance_to_range"] == pytest.approx(0.9925 - 0.982)


def gain_of_pairs(gain):
    """Return values in which transfer is better by ``gain(place of the pair, labels)``."""
    places = {runs.name_of(pair): place for place, pair in enumerate(studies.ALL_PAIRS)}

    def value_of(arm, metric):
        method, labels = arm.split(", ")
        return 0.9 + (gain(places.get(metric, 0), int(labels)) if method == "transfer" else 0)

    return value_of


def test_gain_depends_on_the_pair(rates):
    def judged(gain):
        return conclusion("CL-43", SOURCE, gain_of_pairs(gain))[:2]

    assert judged(lambda place, labels: 0.01 * (1 if place > 10 else -1)) == (
        "confirmed",
        {"share_not_positive": pytest.approx(11 / 45), "pairs_not_positive": 11},
    )
    assert judged(lambda place, labels: 0.01 if labels == 200 or place > 20 else -0.005)[0] == "partly"
    assert judged(lambda place, labels: 0.01)[0] == "refuted"


def test_convolutional_networks(rates):
    def judged(at_20, at_200):
        def gain(place, labels):
            return (at_20 if labels == 20 else at_200) + 0.0001 * (place % 3)

        dense = gain_of_pairs(lambda place, labels: 0.0)
        return conclusion("CL-44", SOURCE, SOURCE, dense, gain_of_pairs(gain))[:2]

    assert judged(0.01, 0.01)[0] == "confirmed"
    assert judged(0.01, -0.01)[0] == "partly"
    assert judged(-0.01, -0.01) == ("refuted", {"counts_with_advantage": 0, "counts_without": 2})


def test_gains_are_paired():
    results = made_up(studies.PAIR_GAINS["dense"], gain_of_pairs(lambda place, labels: place / 1000))
    gains = studies.pair_gains(results, 20)
    assert gains.shape == (45, 10)
    np.testing.assert_allclose(gains[:, 0], np.arange(45) / 1000, atol=1e-12)


def test_the_gains_of_the_section_come_from_the_ledger(monkeypatch):
    results = made_up(studies.LABEL_CURVES, lambda arm, metric: 0.8 if arm.startswith("transfer") else 0.7)
    monkeypatch.setattr(studies, "read_entry", lambda claim: {} if claim == "CL-35" else None)
    monkeypatch.setattr(studies, "read_results", lambda claim: [results])
    curves = studies.gain_curves()
    assert list(curves) == ["reused layers"]
    labels, found = curves["reused layers"]
    assert labels == [2, 4, 10, 20, 40, 100]
    np.testing.assert_allclose(found, 0.1)
