"""The benchmark tool: its ratios, its judgement and its page, on functions whose times are known."""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from handson11.experiments.training import load_data

PATH = Path(__file__).resolve().parents[2] / "book" / "_tools" / "bench.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_under_test", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def sleeper(seconds):
    return lambda: time.sleep(seconds)


def test_a_function_of_three_times_the_time_is_slower(bench):
    timing = bench.measure(sleeper(0.006), sleeper(0.002), sleeper(0.002), turns=9, turn_seconds=0.002)
    assert timing.verdict == "slower"
    assert 1.2 < timing.ratio[1] < 6
    assert timing.ratio[0] <= timing.ratio[1] <= timing.ratio[2]
    assert timing.microseconds > 2000


def test_a_function_of_a_third_of_the_time_is_faster(bench):
    assert bench.measure(sleeper(0.002), sleeper(0.006), sleeper(0.006), turns=9).verdict == "faster"


def test_each_takes_its_turn_in_every_place(bench):
    calls = []
    functions = [lambda name=name: calls.append(name) for name in "abc"]
    bench.measure(*functions, turns=3, turn_seconds=0)
    assert "".join(calls[-9:]) == "abcbcacab"


@pytest.mark.parametrize(
    ("ratio", "control", "verdict"),
    [
        ((1.2, 1.3, 1.4), (0.9, 1.0, 1.1), "slower"),
        ((1.05, 1.3, 1.4), (0.9, 1.0, 1.1), "the same"),
        ((0.6, 0.7, 0.8), (0.9, 1.0, 1.1), "faster"),
        ((0.6, 0.7, 0.95), (0.9, 1.0, 1.1), "the same"),
        ((0.9, 1.0, 1.1), (0.5, 1.0, 1.5), "the same"),
    ],
)
def test_verdict_is_about_quartiles_that_do_not_overlap(bench, ratio, control, verdict):
    assert bench.Timing(ratio, control, 10.0).verdict == verdict


def test_page_shows_every_row_and_counts_verdicts(bench):
    def row(group, name, ratio):
        return bench.Case(group, name, "forward, XLA", None, None, None), bench.Timing(ratio, (0.9, 1.0, 1.1), 1234.4)

    rows = [row("One", "a", (1.2, 1.3, 1.4)), row("Two", "b", (0.9, 1.0, 1.1)), row("One", "c", (0.5, 0.6, 0.7))]
    page = bench.page_of(rows, "| as it is | 2.00 |", "| small net | 1.00 |", "| Processor | abacus |")
    assert "of 3 comparisons: faster: 1, the same: 1, slower: 1" in page
    assert "Slower in this run: a (forward, XLA)." in page
    assert "| a | forward, XLA | 1.30 (1.20 to 1.40) | 1.00 (0.90 to 1.10) | 1,234 | slower |" in page
    assert page.index("## One") < page.index("| c |") < page.index("## Two") < page.index("| b |")
    assert "| small net | 1.00 |" in page
    assert "| Processor | abacus |" in page and page.startswith("# Benchmarks\n")


def test_cases_compare_the_same_function(bench):
    import tensorflow as tf

    x = tf.constant(np.linspace(-2, 2, 12, dtype="float32").reshape(4, 3))
    cases = [*bench.activation_cases(x), *bench.layer_cases(x, tf.reshape(x, (1, 2, 2, 3)))]
    chosen = [case for case in cases if case.name in ("elu", "PReLU", "BatchNormalization, training")]
    assert len(chosen) == 12
    for case in chosen:
        for ours, theirs in zip(tf.nest.flatten(case.ours()), tf.nest.flatten(case.theirs()), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_clipping_cases_compare_the_same_function(bench):
    import tensorflow as tf

    for case in bench.clipping_cases([tf.constant([3.0, 4.0]), tf.constant([[12.0]])]):
        for ours, theirs in zip(case.ours(), case.theirs(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_training_step_trains_and_is_the_same_with_both_libraries(bench):
    import keras
    import tensorflow as tf

    from handson11 import optimizers

    rng = np.random.default_rng(0)
    batch = tf.constant(rng.normal(size=(32, 784)).astype("float32")), tf.constant(rng.integers(0, 10, 32), tf.int32)
    losses = []
    for module in (optimizers, keras.optimizers):
        keras.utils.set_random_seed(0)
        step = bench.training_step(module.Nadam(0.001), (16,), batch, xla=False)
        losses.append([float(step()) for _ in range(30)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    assert losses[0][-1] < 0.5 * losses[0][0]


def test_gains_of_fit_are_against_plain_keras(bench):
    times = {
        ("as it is", "handson11"): 2.5,
        ("as it is", "keras"): 2.0,
        ("both", "handson11"): 0.4,
        ("both", "keras"): 0.5,
    }
    assert bench.fit_table(times).splitlines() == [
        "| as it is | 2.00 | 2.50 | 1.0 × | 0.8 × |",
        "| both | 0.50 | 0.40 | 4.0 × | 5.0 × |",
    ]


def test_the_gain_of_the_engine_is_counted_with_and_without_compiling(bench):
    times = bench.RunTimes(fit=[2.0, 2.0, 2.0], fit_xla=[3.0, 3.0, 3.0], engine=[1.5, 0.5, 0.5])
    assert times.compiling == 1.0
    assert times.further == 4.0
    assert times.whole == pytest.approx(6 / 2.5)
    assert times.whole_xla == pytest.approx(9 / 2.5)
    assert bench.engine_table([("net", times)]) == "| net | 2.00 | 3.00 | 0.50 | 1.0 | 4.0 × | 2.4 × | 3.6 × |"


def test_runs_are_timed_in_turns(bench, monkeypatch):
    monkeypatch.setattr("handson11.experiments.training.load_data", lambda: load_data("stand-in"))
    times = bench.run_times({"depth": 1, "width": 4}, n=300, epochs=1, seeds=1)
    assert len(times.fit) == len(times.fit_xla) == len(times.engine) == 1
    assert min(*times.fit, *times.fit_xla, *times.engine) > 0
