"""The five levers of section 11.3: what their runs measure, and that the conclusion can come out either way."""

import math

import numpy as np
import pytest

from handson11.claims import levers as studies
from handson11.claims.runs import levers as runs
from handson11.experiments import train
from handson11.experiments.training import complete_configuration, load_data, task_of
from tests.unit.made_up_results import conclusion, made_up

INF, NAN = math.inf, math.nan
GROUP_OF = {
    "T-shirt/top": 0,
    "pullover": 0,
    "coat": 0,
    "shirt": 0,
    "trouser": 1,
    "dress": 1,
    "sandal": 2,
    "sneaker": 2,
    "ankle boot": 2,
    "bag": 3,
}
SMALL = {
    "arguments": {"depth": 2, "width": 8, "activation": "relu"},
    "optimizer": "sgd",
    "n": 256,
    "batch_size": 16,
    "epochs": 2,
    "seed": 3,
    "source": "stand-in",
    "learning_rate": 0.05,
}
PRETRAINING = {"n": 300, "epochs": 1, "optimizer": "adam", "learning_rate": 0.01, "reused": 1}


# What is run


def test_the_four_groups():
    names = [name.lower() for name in load_data("stand-in").class_names]
    by_hand = {name.lower(): group for name, group in GROUP_OF.items()}
    assert [by_hand[name] for name in names] == runs.GROUPS.tolist()


def test_the_auxiliary_images_are_others_in_coarse_groups():
    complete = complete_configuration({**SMALL, "n": 1000, "standardize": None})
    own = {row.tobytes() for row in task_of(complete).x_train}
    other = runs.other_images({**complete, "n": 500}, n_main=1000)
    assert other.x_train.shape == (500, 784)
    rows = [row.tobytes() for row in other.x_train]
    assert not own & set(rows)
    data = load_data("stand-in")
    labels = dict(zip((x.astype("float32").tobytes() for x in data.x_train), data.y_train, strict=True))
    groups = {name.lower(): group for name, group in GROUP_OF.items()}
    assert other.y_train.tolist() == [groups[data.class_names[labels[row]].lower()] for row in rows]
    assert set(other.y_validation) == set(other.y_test) == {0, 1, 2, 3}


def test_a_gain_leaves_biases_and_the_output_layer_as_they_are():
    weights = [np.full((2, 3), 1.0), np.full(3, 2.0), np.full((3, 3), 1.5), np.ones(3), np.ones((3, 2)), np.ones(2)]
    stronger = runs._strengthen(4.0, weights)
    assert [float(w.flat[0]) for w in stronger] == [4.0, 2.0, 6.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("arrays", [2, 3])  # kernel and bias; kernel, scale and shift of batch normalization
def test_the_lower_layers_are_reused(arrays):
    fresh = list(range(10 * arrays + 2))  # ten hidden layers, kernel and bias of the output
    known = [100 + number for number in range(10 * arrays + 2)]
    assert runs._reuse(known, 8 / 10, fresh) == known[: 8 * arrays] + fresh[8 * arrays :]


def test_without_a_lever_it_is_a_plain_training_run():
    record, plain = runs.lever({**SMALL, "target": 100.0}), train(SMALL)
    assert (record["train_loss"], record["test_accuracy"]) == (plain["train_loss"], plain["test_accuracy"])
    assert record["steps"] == 10
    assert record["pace"] == 10 / 16
    assert math.isnan(record["auxiliary_accuracy"])
    never = runs.lever({**SMALL, "target": 1e-9})
    assert never["steps"] == INF
    assert never["pace"] == pytest.approx(2 + plain["epoch_losses"][-1] - 1e-9)


def test_a_gain_is_another_start():
    scaled = runs.lever({**SMALL, "gain": 4.0, "target": 0.5, "learning_rate": 0.0})
    plain = runs.lever({**SMALL, "target": 0.5, "learning_rate": 0.0})
    assert scaled["train_loss"] > 2 * plain["train_loss"]  # ReLU: two kernels times 4, logits times 16


def test_pretrained_layers_come_from_a_network_that_learned_the_groups():
    configuration = {**SMALL, "pretraining": PRETRAINING, "target": 0.5}
    _, complete, budget, start, found = runs._prepared(configuration)
    assert budget == {"epochs": 2, "batch_size": 16}
    assert (complete["optimizer"], complete["epochs"]) == ("sgd", 2)
    fresh = [np.zeros((784, 8)), np.zeros(8), np.zeros((8, 8)), np.zeros(8), np.zeros((8, 10)), np.zeros(10)]
    used = start(fresh)
    np.testing.assert_array_equal(used[0], found.weights[0])
    np.testing.assert_array_equal(used[1], found.weights[1])
    assert all(np.all(w == 0) for w in used[2:])
    assert found.weights[-1].shape == (4,)
    assert len(found.losses) == 300 // 16
    assert 0.3 < runs.lever(configuration)["auxiliary_accuracy"] <= 1  # the largest group has 40 % of the images


def test_a_diverged_run_has_no_steps():
    record = runs.lever({**SMALL, "learning_rate": 1e30, "target": 100.0})
    assert record["diverged"] == 1
    assert math.isnan(record["steps"])
    assert math.isnan(record["pace"])


def test_seconds_of_training_and_of_pretraining():
    plain = runs.seconds_of_lever({**SMALL, "target": 0.5})
    assert plain["seconds"] > 0
    assert plain["seconds_pretraining"] == 0
    assert runs.seconds_of_lever({**SMALL, "target": 0.5, "pretraining": PRETRAINING})["seconds_pretraining"] > 0


# What is concluded

SPREAD = np.array([0.9, 1.1] * 5)


def comparison(lever_steps, base_steps=400.0):
    """Return made-up values: steps of every lever, or of those named in a dict, and of the base."""

    def value_of(arm, metric):
        if metric != "steps":
            return 0.7
        named = lever_steps if isinstance(lever_steps, dict) else {}
        steps = named.get(arm, 100.0 if named else lever_steps)
        return (base_steps if arm == "base" else steps) * SPREAD

    return value_of


def constant(value):
    return lambda arm, metric: value


REST = (constant(0.01), constant(0.2), constant(0.3), constant(0.4), constant(0.05))


def test_the_ratio_is_the_geometric_mean_over_seeds():
    results = made_up(studies.LEVERS_3, lambda arm, metric: 400.0 if arm == "base" else [100.0, 25.0] * 5)
    found = studies.ratio(results, "ReLU")
    assert found.value == pytest.approx(math.sqrt(1 / 4 * 1 / 16))  # half the seeds 1/4, half 1/16: 1/8
    assert 1 / 16 < found.low < 1 / 8 < found.high < 1 / 4
    narrower = studies.ratio(results, "ReLU", confidence=0.5)
    assert found.low < narrower.low
    assert narrower.high < found.high


def test_a_base_that_does_not_arrive_counts_with_all_its_steps():
    base = np.array([400.0] * 9 + [INF])
    results = made_up(studies.LEVERS_3, lambda arm, metric: base if arm == "base" else 390.0)
    every = 40 * (5000 // 128)
    by_hand = ((390 / 400) ** 9 * (390 / every)) ** 0.1
    assert studies.ratio(results, "Adam").value == pytest.approx(by_hand)


def test_a_lever_that_does_not_always_arrive_has_no_ratio():
    results = made_up(studies.LEVERS_3, lambda arm, metric: 400.0 if arm == "base" else [100.0] * 9 + [INF])
    assert studies.ratio(results, "Adam") is None
    assert not studies.counts(results, "Adam")
    lost = made_up(studies.LEVERS_3, lambda arm, metric: 400.0 if arm == "base" else [100.0] * 9 + [NAN])
    assert not studies.counts(lost, "Adam")


def test_where_the_base_never_arrives_a_lever_must_always_arrive():
    steps = {"base": INF, "ReLU": [300.0] * 10, "Adam": [300.0] * 9 + [INF]}
    results = made_up(studies.LEVERS_10, lambda arm, metric: steps.get(arm, INF))
    assert [name for name in studies.LEVERS if studies.counts(results, name)] == ["ReLU"]


def test_five_levers_confirmed_partly_refuted():
    verdict, measured, texts = conclusion("CL-55", comparison(100.0), comparison(100.0), *REST)
    assert verdict == "confirmed"
    assert measured == {"levers_depth_3": 5, "levers_depth_10": 5}
    assert any(text.startswith("3 layers, ReLU: steps, ratio to the base") and ": 0.25 [" in text for text in texts)
    weak = comparison({"ReLU": 100.0, "gain 4": INF, "Adam": 390.0}, base_steps=INF)
    verdict, measured, texts = conclusion("CL-55", comparison(100.0), weak, *REST)
    assert verdict == "partly"
    assert measured == {"levers_depth_3": 5, "levers_depth_10": 4}
    assert any("10 layers, gain 4: median steps (arrives in 0 of 10 runs)" in text for text in texts)
    slow = comparison({"gain 4": 400.0, "ReLU": 500.0, "Adam": INF})
    verdict, measured, _ = conclusion("CL-55", slow, comparison(100.0), *REST)
    assert (verdict, measured["levers_depth_3"]) == ("refuted", 2)


def test_seconds_are_epochs_times_seconds_of_an_epoch():
    steps = made_up(studies.LEVERS_3, lambda arm, metric: 390.0 if metric == "steps" else 0.5)
    timed = made_up(studies.LEVER_SECONDS, lambda arm, metric: {"seconds": 0.02, "seconds_pretraining": 3.0}[metric])
    assert studies.seconds_to_target(steps, timed, "ReLU") == (pytest.approx(390 / 39 * 0.02), 3.0)


def test_every_lever_changes_one_thing():
    base = studies.LEVERS_10.configuration("base", 0)
    changed = {}
    for name in studies.LEVERS:
        other = studies.LEVERS_10.configuration(name, 0)
        plain = {**base, **base["arguments"]}
        flat = {**other, **other["arguments"]}
        changed[name] = [key for key in flat if key != "arguments" and flat[key] != plain.get(key)]
    assert changed == {
        "gain 4": ["gain"],
        "ReLU": ["activation"],
        "batch normalization": ["batch_norm"],
        "pretrained layers": ["pretraining"],
        "Adam": ["optimizer"],
    }
