"""Section 11.1.2: what its runs measure, and that each of its conclusions can come out either way."""

import math

import keras
import numpy as np
import pytest

from handson11.claims import activation_functions as functions
from handson11.claims import activation_networks as networks
from handson11.claims import activations
from handson11.claims.runs import activation_functions
from handson11.claims.runs import activations as runs
from handson11.claims.runs import dead_units as dying
from handson11.claims.runs.losses import with_losses
from handson11.experiments.training import complete_configuration, trainer_of
from handson11.layers import RReLU
from tests.unit.made_up_results import conclusion, made_up

NAN, INF = math.nan, math.inf
SMALL = {"arguments": {"depth": 1, "width": 8}, "n": 256, "seed": 0, "source": "stand-in", "learning_rate": 0.01}


def table(numbers, other=0.5):
    """Return a function (arm, metric) → the number of the arm."""
    return lambda arm, metric: numbers.get(arm, other)


# What is run


def test_rrelu_draws_other_slopes_in_every_layer_and_for_every_seed():
    layers = [layer for seed in (1, 2) for layer in runs.rrelu_stack(2, 3, seed).layers if isinstance(layer, RReLU)]
    assert len({layer.seed for layer in layers}) == 4
    again = [layer for layer in runs.rrelu_stack(2, 3, 1).layers if isinstance(layer, RReLU)]
    assert [layer.seed for layer in again] == [layer.seed for layer in layers[:2]]


@pytest.mark.parametrize(("function", "alpha"), [(runs.celu_half, 0.5), (runs.celu_two, 2.0)])
def test_celu_has_its_limit_and_no_kink(function, alpha):
    below = np.array([-100.0, -1e-6, 3.0])
    assert function(below) == pytest.approx([-alpha, -1e-6, 3.0])


def test_a_relu_unit_with_a_huge_step_is_dead_and_a_leaky_one_only_negative():
    harsh = {**SMALL, "optimizer": "adam", "learning_rate": 100.0, "epochs": 1, "batch_size": 32}
    measured = {}
    for name in ("relu", "leaky_relu"):
        measured[name] = dying.dead_units({**harsh, "arguments": {"depth": 2, "width": 32, "activation": name}})
    assert measured["relu"]["dead_share"] > 0
    assert measured["relu"]["dead_share"] == measured["relu"]["negative_share"]
    assert measured["leaky_relu"]["dead_share"] == 0
    assert measured["leaky_relu"]["negative_share"] > 0
    assert math.isnan(dying.dead_units({**SMALL, "learning_rate": 1e30})["dead_share"])


def test_dead_units_by_hand():
    x = np.array([[1.0], [2.0]])
    first = np.array([[1.0, -1.0]]), np.array([0.0, 0.5])  # outputs (1, 0) and (2, 0): the second unit is dead
    second = np.array([[1.0, -1.0], [0.0, 0.0]]), np.array([-1.5, 3.0])  # (0, 2) and (0.5, 1): none is
    assert dying.dead_relu_units(x, [*first, *second], 2).tolist() == [[False, True], [False, False]]


def test_revivals_by_hand():
    # (times, layers, units); the lower layer loses one unit for good, both units of the upper one come back
    history = np.array([[[0, 0], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [0, 0]]], dtype=bool)
    dead, revived = dying.count_revivals(history)
    assert dead.tolist() == [1, 2]
    assert revived.tolist() == [0, 2]


def test_revivals_are_counted_until_the_run_breaks_down():
    counts = dying.revivals({**SMALL, "optimizer": "sgd", "learning_rate": 1e30, "epochs": 3, "batch_size": 32})
    assert counts == {"dead_1": 0, "revived_1": 0, "diverged": 1}
    calm = dying.revivals({**SMALL, "optimizer": "sgd", "epochs": 3})
    assert calm == {"dead_1": 0, "revived_1": 0, "diverged": 0}


def test_mean_outputs_by_hand():
    measured = activation_functions.mean_output({"function": "relu", "seed": 0})
    assert measured["mean"] == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert measured["sample_mean"] == pytest.approx(measured["mean"], abs=0.003)


def test_elu_at_zero_by_hand():
    measured = activation_functions.elu_at_zero({"alpha": 2.0, "step": 1e-5})
    assert measured["slope_jump"] == pytest.approx(1, abs=1e-6)
    assert measured["curvature_jump"] == pytest.approx(2, abs=1e-3)
    assert measured["limit"] == -2


def test_selu_keeps_the_deviation_with_its_weights_only():
    fixed = {**functions.FORWARD, "depth": 30, "n": 50, "seed": 0, "source": "stand-in"}
    ends = {
        name: activation_functions.selu_forward({**fixed, **change})["std_30"]
        for name, change in {"held": {}, "he": {"weights": "he"}, "narrow": {"weights": "narrow uniform"}}.items()
    }
    assert 0.7 < ends["held"] < 1.4
    assert ends["he"] > 2
    assert ends["narrow"] < 0.01
    assert activation_functions.selu_forward({**fixed, "skip": True})["std_30"] > 100


def test_inputs_of_selu():
    images = np.arange(8).reshape(2, 2, 2)
    assert activation_functions.selu_inputs(images, "raw").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    for kind, mean, deviation in (("standardized", 0, 1), ("shifted", 3, 4)):
        rows = activation_functions.selu_inputs(images, kind)
        assert (rows.mean(), rows.std()) == (pytest.approx(mean), pytest.approx(deviation))


@pytest.mark.parametrize("by", ["numpy", "numpy without AVX-512", "xla"])
def test_times_of_all_calls(by):
    measured = activation_functions.call_times({"by": by, "n": 1000, "rounds": 1, "seed": 0})
    assert tuple(measured) == activation_functions.CALLS
    assert all(0 < time < 1e6 for time in measured.values())


# What follows


def test_every_study_names_measurements_that_its_run_returns():
    small = {**SMALL, "epochs": activations.EPOCHS, "arguments": {"depth": 3, "width": 4}}
    assert set(activations.PROGRESS.metrics) <= set(with_losses(small))
    counts = dying.revivals({**networks.REVIVALS.fixed, "n": 128, "epochs": 2, "seed": 0, "source": "stand-in"})
    assert set(networks.REVIVALS.metrics) <= set(counts)


def test_every_arm_builds_a_network():
    for experiment in (*activations.RANKINGS[:1], networks.NOISE, networks.SIZES[0], networks.KINK):
        for arm in experiment.arms:
            configuration = experiment.configuration(arm, 0, 0.1)
            configuration.pop("targets", None)
            model = trainer_of(complete_configuration(configuration)).build(0)
            assert isinstance(model, keras.Model)
            assert model.output_shape == (None, 10)


SEEDS = np.linspace(0, 0.001, 10)
IN_ORDER = {name: 0.9 - place / 10 + SEEDS for place, name in enumerate(activations.RANKED)}


def test_a_ranking_in_order_is_confirmed():
    found = conclusion("CL-10", *[table(IN_ORDER)] * 3)
    assert found[:2] == ("confirmed", {"unordered_pairs": 0, "ends_ordered": True, "contradictions": 0})
    assert found[2][0].startswith("20 layers: tanh minus ReLU: −10 points")


def test_one_pair_out_of_order_leaves_a_partly_true_ranking():
    numbers = {**IN_ORDER, "ELU": IN_ORDER["SELU"] + 0.01}
    kind, measured, _ = conclusion("CL-10", *[table(numbers)] * 3)
    assert kind == "partly"
    assert measured["unordered_pairs"] == 1


def test_a_ranking_is_refuted_if_tanh_is_as_good_as_relu():
    kind, measured, _ = conclusion(
        "CL-10", table(IN_ORDER), table(IN_ORDER), table({**IN_ORDER, "tanh": IN_ORDER["ReLU"]})
    )
    assert kind == "refuted"
    assert measured["contradictions"] == 1


def test_a_ranking_with_a_flat_middle_is_refuted():
    flat = {**IN_ORDER, "SELU": IN_ORDER["leaky 0.2"], "ELU": IN_ORDER["leaky 0.2"]}
    assert conclusion("CL-10", *[table(flat)] * 3)[0] == "refuted"


def test_a_diverged_run_guesses_and_is_counted():
    numbers = {**IN_ORDER, "SELU": np.where(np.arange(10) == 0, NAN, IN_ORDER["SELU"])}
    kind, measured, texts = conclusion("CL-10", table(IN_ORDER), table(IN_ORDER), table(numbers))
    assert kind == "confirmed"  # one lost seed of ten: p = 0.042
    assert "20 layers: SELU, diverged runs of 10: 1" in texts
    assert any(text.startswith("20 layers: SELU minus ELU: 2") for text in texts)  # (9·0.1 − 0.7)/10 = 0.02


def test_leaky_gains_of_one_point_decide():
    better = {"leaky 0.2": 0.82, "ReLU": 0.8, "leaky 0.01": 0.805, "leaky 0.1": 0.807}
    same = {name: 0.8 for name in better}
    equal = table({"leaky 0.2 at 0.01": 0.83}, 0.8)
    kind, measured, texts = conclusion("CL-11", *[table(better)] * 3, equal)
    assert any("both at rate 0.01: 3 points" in text for text in texts)
    assert (kind, measured) == (
        "confirmed",
        pytest.approx({"gain_depth_3": 0.02, "gain_depth_20": 0.02, "slope_gain": 0.013}),
    )
    assert conclusion("CL-11", table(same), table(same), table(better), equal)[0] == "partly"
    assert conclusion("CL-11", *[table(same)] * 3, equal)[0] == "refuted"


def deaths_of(shares):
    """Return made-up shares of dead units: the share of ReLU units by (optimizer, rate), 0 for others."""
    return lambda arm, metric: shares.get(arm, 0.0)


def changes_of(**counts):
    return lambda arm, metric: np.eye(1, 10)[0] * counts.get(metric, 0)


def test_where_units_die():
    adam = {"adam 0.001, ReLU": 0.01, "adam 0.03, ReLU": 0.31, "adam 0.0003, ReLU": 0.5, "adam 0.1, ReLU": 0.9}
    kind, measured, texts = conclusion("CL-12", deaths_of(adam), changes_of(dead_1=3, revived_2=5, revived_3=2))
    assert kind == "partly"
    assert measured["adam_rise"] == pytest.approx(0.3)
    assert (measured["sgd_rise"], measured["first_layer_revived"], measured["upper_layers_revived"]) == (0, 0, 7)
    assert "layer 1: units that came back, of 3 dead ones, plain SGD at 0.3: 0" in texts
    both = {**adam, "sgd 0.1, ReLU": 0.2}
    assert conclusion("CL-12", deaths_of(both), changes_of(revived_3=1))[0] == "confirmed"
    assert conclusion("CL-12", deaths_of({}), changes_of(revived_3=1))[0] == "refuted"
    assert conclusion("CL-12", deaths_of(both), changes_of(revived_1=1))[0] == "open"


def test_a_rate_with_a_diverged_run_does_not_count_as_the_highest():
    broken = np.full(10, 0.9)
    broken[3] = NAN
    shares = {"adam 0.001, ReLU": 0.01, "adam 0.01, ReLU": 0.11, "adam 0.03, ReLU": broken, "adam 0.03, ELU": broken}
    found = made_up(networks.DEATHS, deaths_of(shares))
    assert networks.rise(found, "adam", "ReLU") == pytest.approx(np.full(10, 0.1))
    _, measured, texts = conclusion("CL-12", deaths_of(shares), changes_of())
    assert measured["adam_rise"] == pytest.approx(0.1)
    assert any("dead ELU units, Adam at 0.03" in text and "1 of 10 diverged" in text for text in texts)


def gaps(trained, tested=0.7):
    return lambda arm, metric: trained.get(arm, 0.9) if metric == "train_accuracy" else tested


def test_a_narrower_gap_needs_a_point_against_both():
    assert conclusion("CL-13", gaps({"RReLU": 0.85}))[0] == "confirmed"
    assert conclusion("CL-13", gaps({"RReLU": 0.85, "leaky 1/5.5": 0.85}))[0] == "partly"
    assert conclusion("CL-13", gaps({"RReLU": 0.895}))[0] == "refuted"


def test_learned_slopes():
    wider, narrow = gaps({"PReLU": 0.95}), gaps({"PReLU": 0.85})
    gain = table({"PReLU": 0.88, "ReLU": 0.86})
    assert conclusion("CL-14", wider, wider, gain)[:2] == (
        "confirmed",
        pytest.approx({"gain_on_large_set": 0.02, "wider_gap_on_small_set": 0.05}),
    )
    assert conclusion("CL-14", narrow, wider, gain)[0] == "partly"
    assert conclusion("CL-14", narrow, wider, table({}))[0] == "refuted"


def test_what_is_proved_can_fail():
    means = {"ReLU": 0.39894, "ELU": 0.16052}
    assert conclusion("CL-15", table(means))[0] == "confirmed"
    assert conclusion("CL-15", table({**means, "ELU": 0.4}))[0] == "refuted"
    jumps = {"slope_jump": 1e-9, "curvature_jump": 1.0}
    assert conclusion("CL-16", lambda arm, metric: jumps.get(metric, 0))[0] == "partly"
    assert conclusion("CL-16", lambda arm, metric: 0.0)[0] == "confirmed"
    assert conclusion("CL-16", lambda arm, metric: 0.5)[0] == "refuted"
    limits = {"α = 0.5": 0.5, "α = 1": 1.0, "α = 2": 2.0}
    assert conclusion("CL-17", table(limits))[0] == "confirmed"
    assert conclusion("CL-17", table({name: -value for name, value in limits.items()}))[0] == "partly"
    assert conclusion("CL-17", table({}))[0] == "refuted"


def test_selu_is_judged_by_layers_averaged_over_seeds():
    around = np.tile([0.6, 1.4], 5)  # the average over the seeds is 1

    def held(arm, metric):
        return around if metric == "std_7" else 1.0 if metric.startswith("std") else 0.05

    kind, measured, _ = conclusion("CL-19", held, table({}))
    assert (kind, measured["lowest_std"]) == ("confirmed", pytest.approx(1.0))
    grown = lambda arm, metric: 3.0 if metric == "std_50" else held(arm, metric)  # noqa: E731
    assert conclusion("CL-19", grown, table({}))[0] == "refuted"


def progress(curves):
    def value(arm, metric):
        curve = curves.get(arm, np.full(10, 1.0))
        return curve[-1] if metric == "train_loss" else curve[int(metric.split("_")[1]) - 1]

    return value


def test_elu_costs_and_saves():
    cost = lambda arm, metric: 3.0 if metric == "elu" else 1.0  # noqa: E731
    slow, quick = np.arange(10.0, 0, -1), np.arange(9.0, -11, -2)  # down to 1: after 10 epochs, and after 5
    kind, measured, _ = conclusion("CL-18", cost, progress({"ReLU": slow, "ELU": quick}))
    assert kind == "confirmed"
    assert measured == {"cost_ratio": 3, "epochs_ratio": pytest.approx(0.5)}
    assert conclusion("CL-18", cost, progress({"ReLU": slow, "ELU": slow}))[0] == "partly"
    assert conclusion("CL-18", table({}, 1.0), progress({"ReLU": quick, "ELU": slow}))[0] == "refuted"


def test_a_diverged_run_never_reaches_the_loss():
    curve = np.full(10, 1.0)
    lost = np.full(10, NAN)
    ratio = functions.epochs_ratio
    experiment = functions.PROGRESS
    assert ratio(made_up(experiment, progress({"ReLU": curve, "ELU": lost})), "ELU").tolist() == [INF] * 10
    assert ratio(made_up(experiment, progress({"ReLU": lost, "ELU": curve})), "ELU").tolist() == [0.0] * 10


def test_the_fastest_call():
    assert conclusion("CL-20", lambda arm, metric: 1.2 if metric == "relu" else 1.0)[0] == "confirmed"
    assert conclusion("CL-20", lambda arm, metric: 1.3 if metric == "relu" else 1.0)[0] == "refuted"


def test_the_kink_needs_a_tenth_of_the_epochs():
    fewer = {"CELU 0.5": 4.0 - SEEDS, "ELU 0.5": 5.0, "CELU 2": 4.0 - SEEDS, "ELU 2": 5.0}
    kind, _, texts = conclusion("CL-85", table(fewer), table({"CELU 2 at 0.03": 2.0}, 4.0))
    assert kind == "confirmed"
    assert texts[0].startswith("α = 0.5: epochs saved by CELU: 20 %")
    assert any(text.startswith("α = 2, both at rate 0.03: epochs saved by CELU: 50 %") for text in texts)
    assert conclusion("CL-85", table({**fewer, "CELU 2": 4.9}), table({}))[0] == "partly"
    assert conclusion("CL-85", table({}), table({}))[0] == "refuted"
    never = {**fewer, "CELU 2": np.where(np.arange(10) == 0, INF, 4.0)}
    kind, _, texts = conclusion("CL-85", table(never), table({}))
    assert kind == "partly"
    assert "α = 2: epochs saved by CELU: – %" in texts[1]
