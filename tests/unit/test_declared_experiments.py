"""Declared experiments: tuning apart from judging, runs on disk, interruption, failures, workers, a cluster."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from handson11.experiments import Experiment, Results, RunStore, code_hash, conduct, digest, epochs_to, run_of, train
from handson11.experiments.declared import key_of, read_results
from handson11.experiments.store import modules_of

RUNS = '''
import os, time
from pathlib import Path

def score(configuration):
    """validation: best at rate 0.1; test: 10 × the rate + seed"""
    with open(configuration["log"], "a") as log:
        log.write("run\\n")
    rate = configuration["learning_rate"]
    if rate > configuration.get("cliff", 9):
        return {"validation_accuracy": float("nan"), "test_accuracy": float("nan"), "diverged": 1}
    test = 10 * rate + configuration["seed"]
    return {"validation_accuracy": 1 - abs(rate - 0.1), "test_accuracy": test, "diverged": 0}

def breaks(configuration):
    if configuration["seed"] == 1 and not Path(configuration["repaired"]).exists():
        raise ArithmeticError("seed 1 is unlucky")
    return {"test_accuracy": configuration["seed"]}

def interrupted(configuration):
    if configuration["seed"] == 3 and not Path(configuration["repaired"]).exists():
        raise KeyboardInterrupt
    with open(configuration["log"], "a") as log:
        log.write("run\\n")
    return {"test_accuracy": configuration["seed"]}

def process(configuration):
    import tensorflow as tf
    return {"threads": tf.config.threading.get_intra_op_parallelism_threads(), "process": os.getpid(),
            "openmp": int(os.environ.get("OMP_NUM_THREADS", 0))}

def slow(configuration):
    time.sleep(0.3)
    return {"test_accuracy": configuration["seed"]}
'''


def forget_code():
    code_hash.cache_clear()
    modules_of.cache_clear()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A module of run functions that worker processes can import, too."""
    (tmp_path / "measured_runs.py").write_text(RUNS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sys.modules.pop("measured_runs", None)
    forget_code()
    import measured_runs

    return measured_runs


def experiment(runs, tmp_path, **changes):
    settings = {
        "name": "made up",
        "arms": {"a": {}, "b": {"cliff": 0.2}},
        "fixed": {"log": str(tmp_path / "log")},
        "seeds": [0, 1, 2],
        "metrics": ["test_accuracy", "diverged"],
        "rates": [0.01, 0.1, 0.3],
        "run": runs.score,
        **changes,
    }
    return Experiment(**settings)


def count(tmp_path):
    path = tmp_path / "log"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_rates_are_chosen_on_validation_and_reported_on_fresh_seeds(runs, tmp_path):
    results = conduct(experiment(runs, tmp_path), source="stand-in")
    assert results.chosen == {"a": 0.1, "b": 0.01}  # for b the next rate above 0.1 diverges
    np.testing.assert_allclose(results.values("a"), [1, 2, 3])
    np.testing.assert_allclose(results.groups()["b"], [0.1, 1.1, 2.1])
    assert results.tuning("b")[0.1] == [1, 1]
    assert np.isnan(results.tuning("b")[0.3]).all()
    assert results.n_lost("a") == 0
    tuning = [row for row in results.records if row["stage"] == "tuning"]
    assert len(tuning) == 12
    assert not any("test_accuracy" in row for row in tuning), "the test images do not leave a tuning run"
    assert experiment(runs, tmp_path).n_runs == len(results.records) == 18


def test_a_finished_run_is_never_run_again(runs, tmp_path):
    folder = tmp_path / "kept"
    first = conduct(experiment(runs, tmp_path), folder, source="stand-in")
    assert count(tmp_path) == 18
    again = conduct(experiment(runs, tmp_path), folder, source="stand-in")
    assert count(tmp_path) == 18
    assert again.records == first.records
    conduct(experiment(runs, tmp_path, seeds=[0, 1, 2, 3]), folder, source="stand-in")
    assert count(tmp_path) == 20  # the one new seed of two arms


def test_another_configuration_is_another_run(runs, tmp_path):
    folder = tmp_path / "kept"
    conduct(experiment(runs, tmp_path), folder, source="stand-in")
    conduct(experiment(runs, tmp_path, fixed={"log": str(tmp_path / "log"), "epochs": 3}), folder, source="stand-in")
    assert count(tmp_path) == 36


def test_changed_code_is_run_again_and_changed_comments_are_not(runs, tmp_path, monkeypatch):
    folder, path = tmp_path / "kept", tmp_path / "measured_runs.py"
    conduct(experiment(runs, tmp_path), folder, source="stand-in")
    path.write_text(RUNS.replace('"""validation: best', '"""# other words. validation: best'))
    forget_code()
    conduct(experiment(runs, tmp_path), folder, source="stand-in")
    assert count(tmp_path) == 18
    path.write_text(RUNS.replace("10 * rate", "20 * rate"))
    forget_code()
    conduct(experiment(runs, tmp_path), folder, source="stand-in")
    assert count(tmp_path) == 36
    monkeypatch.setattr("handson11.experiments.declared.versions", lambda: {"keras": "99"})
    conduct(experiment(runs, tmp_path), folder, source="stand-in")
    assert count(tmp_path) == 54


def test_the_hash_follows_imports_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "somepackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from somepackage import b\nfrom .c import value\n")
    (package / "b.py").write_text("x = 1\n")
    (package / "c.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    hashes = []
    for name, text in [("c", "value = 1  # one\n"), ("c", "value = 2\n"), ("b", "x = 2\n"), ("a", "import math\n")]:
        (package / f"{name}.py").write_text(text)
        forget_code()
        hashes.append(code_hash("somepackage.a"))
    assert len(set(hashes)) == 4
    (package / "b.py").write_text("x = 3\n")  # no longer imported
    forget_code()
    assert code_hash("somepackage.a") == hashes[-1]


def test_code_that_a_configuration_names_counts(runs, tmp_path, monkeypatch):
    (tmp_path / "otherpackage.py").write_text("x = 1\n")
    plan = {"arms": {"a": {"arguments": {"layer": "measured_runs:score"}, "x": ["otherpackage:x"]}}, "rates": [0.1]}
    monkeypatch.setattr("handson11.experiments.declared.versions", dict)
    keys = []
    for text in (RUNS, RUNS.replace("10 * rate", "20 * rate")):
        (tmp_path / "measured_runs.py").write_text(text)
        forget_code()
        declared = experiment(runs, tmp_path, **plan)
        keys.append(key_of(len, {"x": [{"layer": "builtins:len"}], "y": declared.arms["a"]}))
        keys.append(key_of(runs.score, declared.configuration("a", 0, 0.1)))
    assert keys[0] == keys[2], "another package than the run's is told apart by its version"
    assert keys[1] != keys[3]


def test_the_runs_of_the_book_depend_on_its_networks():
    for module in (
        "handson11.models",
        "handson11.layers",
        "handson11.optimizers.adam",
        "handson11.datasets.fashion_mnist",
    ):
        assert module in modules_of("handson11.experiments.training")
    for module in ("handson11.plots", "handson11.experiments.lint", "handson11.claims.studies"):
        assert module not in modules_of("handson11.experiments.training")


def test_a_failed_run_is_a_record_and_is_tried_again(runs, tmp_path):
    repaired = tmp_path / "repaired"
    broken = experiment(runs, tmp_path, arms={"a": {}}, fixed={"repaired": str(repaired)}, rates=None, run=runs.breaks)
    with pytest.warns(RuntimeWarning, match=r"(?s)1 runs of 'made up' \(judging\) failed.*seed 1.*ArithmeticError"):
        results = conduct(broken, tmp_path / "kept", source="stand-in")
    np.testing.assert_array_equal(results.values("a"), [0, np.nan, 2])
    assert results.n_lost("a") == 1
    assert "seed 1 is unlucky" in results.records[1]["failed"]
    repaired.touch()
    np.testing.assert_array_equal(conduct(broken, tmp_path / "kept", source="stand-in").values("a"), [0, 1, 2])


def test_an_interrupt_keeps_what_is_finished(runs, tmp_path):
    repaired, folder = tmp_path / "repaired", tmp_path / "kept"
    fixed = {"repaired": str(repaired), "log": str(tmp_path / "log")}
    plan = experiment(runs, tmp_path, arms={"a": {}}, fixed=fixed, rates=None, seeds=range(6), run=runs.interrupted)
    with pytest.raises(KeyboardInterrupt):
        conduct(plan, folder, source="stand-in")
    assert count(tmp_path) == 3
    repaired.touch()
    np.testing.assert_array_equal(conduct(plan, folder, source="stand-in").values("a"), range(6))
    assert count(tmp_path) == 6


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job started in the background ignores it
from handson11.experiments import Experiment, conduct
import measured_runs
plan = Experiment("slow", {{"a": {{}}}}, {{}}, range(400), ["test_accuracy"], run=measured_runs.slow)
print("starting", flush=True)
try:
    conduct(plan, {folder!r}, n_jobs=2, source="stand-in")
except KeyboardInterrupt:
    sys.exit(77)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_with_two_workers_loses_at_most_the_runs_in_progress(runs, tmp_path):
    folder = tmp_path / "kept"
    script = INTERRUPTED.format(folder=str(folder))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, start_new_session=True, stdout=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 90
        while len(list(folder.rglob("*.json"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does: the whole group gets it
        assert process.wait(60) == 77
    finally:
        process.kill()
        process.communicate()
    kept = [json.loads(path.read_text()) for path in folder.rglob("*.json")]
    assert 3 <= len(kept) < 400
    assert all(record["measured"]["test_accuracy"] == record["configuration"]["seed"] for record in kept)
    assert not list(folder.rglob("*.part"))


def _shut_down_workers():
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def test_two_workers_have_one_thread_each(runs, tmp_path):
    plan = experiment(
        runs,
        tmp_path,
        arms={"a": {}},
        rates=None,
        seeds=range(6),
        run=runs.process,
        metrics=["threads", "process", "openmp"],
    )
    _shut_down_workers()
    results = conduct(plan, n_jobs=2, source="stand-in")
    _shut_down_workers()
    assert set(results.values("a", "threads")) == {1}
    assert set(results.values("a", "openmp")) == {1}
    assert os.getpid() not in set(results.values("a", "process"))


def test_timed_experiments_run_alone(runs, tmp_path):
    plan = experiment(runs, tmp_path, arms={"a": {}}, rates=None, run=runs.process, metrics=["process"], timed=True)
    assert set(conduct(plan, n_jobs=2, source="stand-in").values("a")) == {os.getpid()}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_same_call_runs_on_a_dask_cluster(runs, tmp_path):
    import joblib
    from distributed import Client, LocalCluster

    plan = experiment(runs, tmp_path, arms={"a": {}}, rates=None, seeds=range(6), run=runs.process, metrics=["process"])
    alone = conduct(experiment(runs, tmp_path), source="stand-in")
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True)
    with cluster, Client(cluster), joblib.parallel_config("dask"):
        processes = set(conduct(plan, tmp_path / "kept", n_jobs=None, source="stand-in").values("a"))
        shared = conduct(experiment(runs, tmp_path), n_jobs=None, source="stand-in")
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 6
    assert shared.chosen == alone.chosen
    np.testing.assert_array_equal(shared.values("b"), alone.values("b"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"arms": {}}, "`arms` must name at least one arm"),
        ({"seeds": []}, "`seeds` must name at least one seed"),
        ({"metrics": []}, "`metrics` must name at least one measurement"),
        ({"rates": {"a": [0.1], "b": [0.1, 0.2]}}, "`rates` must give every arm the same number of rates"),
        ({"rates": {"a": [0.1]}}, "`rates` must have an entry for every arm"),
        ({"seeds": [100]}, "`seeds` must differ from the tuning seeds"),
        ({"tuned_by": "test_accuracy"}, "`tuned_by` must not come from the test images"),
        ({"metrics": ["validation_accuracy"]}, "`metrics` must come from another split than the tuning"),
        ({"best": "largest"}, "`best` must be one of"),
    ],
)
def test_an_unfair_declaration_is_refused(runs, tmp_path, changes, text):
    with pytest.raises(ValueError, match=text):
        experiment(runs, tmp_path, **changes)


def test_a_declaration_is_plain_data(runs, tmp_path):
    with pytest.raises(TypeError, match="`arms` and `fixed` must be plain data"):
        experiment(runs, tmp_path, fixed={"activation": np.tanh})
    with pytest.raises(TypeError, match="`run` must be a function"):
        experiment(runs, tmp_path, run="train")
    with pytest.raises(ValueError, match="`n_jobs` must be None or at least 1"):
        conduct(experiment(runs, tmp_path), n_jobs=0, source="stand-in")


def test_a_configuration_merges_what_is_fixed_with_the_arm(runs, tmp_path):
    plan = experiment(
        runs, tmp_path, arms={"a": {"arguments": {"depth": 3}}}, fixed={"arguments": {"width": 8}, "n": 5}
    )
    assert plan.configuration("a", 7, 0.1, "stand-in") == {
        "arguments": {"depth": 3, "width": 8},
        "n": 5,
        "seed": 7,
        "learning_rate": 0.1,
        "source": "stand-in",
    }
    assert plan.reduced(seeds=[1], fixed={"n": 2}).fixed == {"arguments": {"width": 8}, "n": 2}


def test_what_is_kept_says_the_same_as_the_results(runs, tmp_path):
    results = conduct(experiment(runs, tmp_path, arms={"a": {}, "b": {"cliff": -1}}), source="stand-in")
    kept = json.loads(json.dumps(results.summary(), allow_nan=False))
    back = Results.from_summary(kept, "stand-in")
    np.testing.assert_allclose(back.values("a"), results.values("a"), rtol=1e-6)
    assert np.isnan(back.values("b")).all()
    assert back.chosen == results.chosen
    assert kept["lost"] == {"b": 3}
    assert back.n_lost("b") == 3
    assert kept["tuning"]["a"]["validation_accuracy"]["0.1"] == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="read from a file"):
        back.experiment.run({})


def test_infinity_survives_the_file(tmp_path):
    plan = Experiment("e", {"a": {}}, {}, [0, 1], ["epochs"], run=lambda configuration: {})
    rows = [{"arm": "a", "stage": "judging", "seed": 0, "epochs": "inf"}, {"arm": "a", "stage": "judging", "seed": 1}]
    values = Results.from_summary(Results(plan, rows, {}, "x").summary(), "x").values("a")
    assert values[0] == math.inf
    assert math.isnan(values[1])


def test_the_frame_has_one_row_a_run(runs, tmp_path):
    frame = conduct(experiment(runs, tmp_path), source="stand-in").frame()
    assert len(frame) == 18
    judged = frame[frame.stage == "judging"]
    assert judged.groupby("arm").test_accuracy.mean().round(6).to_dict() == {"a": 2.0, "b": 1.1}


def test_results_ask_for_a_known_arm(runs, tmp_path):
    results = Results(experiment(runs, tmp_path), [], {}, "stand-in")
    with pytest.raises(ValueError, match="`arm` must be one of"):
        results.values("c")


def test_a_damaged_file_counts_as_missing(tmp_path):
    store = RunStore(tmp_path)
    store.put("abcd", {"x": 1})
    (path,) = tmp_path.rglob("*.json")
    path.write_text('{"x":')
    assert store.get("abcd") is None
    assert RunStore(None).get("abcd") is None
    assert RunStore(None).put("abcd", {}) is None


def test_the_same_data_has_the_same_digest():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1}) != digest({"a": 1, "b": [2, 1]})


SMALL = {"arguments": {"depth": 1, "width": 8}, "n": 256, "epochs": 2, "source": "stand-in", "learning_rate": 0.05}


def test_a_run_is_a_pure_function_of_its_configuration():
    first, again, other = (train({**SMALL, "seed": seed}) for seed in (3, 3, 4))
    assert first == again != other
    assert train({**SMALL, "seed": 3, "weight_scale": 2.0}) != first
    assert train({**SMALL, "seed": 3, "optimizer": "adam"}) != first


def test_every_part_of_a_configuration_is_used():
    leaky = {"layer": "handson11.layers:LeakyReLU", "arguments": {"negative_slope": 0.2}}
    function = {"function": "keras.ops:tanh"}
    runs = [
        run_of({**SMALL, "seed": 0, "arguments": {"depth": 1, "width": 8, "activation": activation}})
        for activation in ("relu", leaky, function)
    ]
    assert len({run.train_loss for run in runs}) == 3
    for kind in ("value", "norm", "global norm"):
        still = run_of({**SMALL, "seed": 0, "optimizer": "sgd", "clip": [kind, 1e-12]})
        assert still.losses[-1] == pytest.approx(
            run_of({**SMALL, "seed": 0, "learning_rate": 0.0}).losses[-1], abs=1e-4
        )


def test_a_wrong_configuration_is_refused():
    with pytest.raises(
        ValueError, match="`configuration` must have keys out of .*Received: configuration=\\['epoch'\\]"
    ):
        train({**SMALL, "seed": 0, "epoch": 3})
    with pytest.raises(ValueError, match="`configuration` must give seed"):
        train(SMALL)
    with pytest.raises(ValueError, match="`clip` must be one of"):
        train({**SMALL, "seed": 0, "clip": ["length", 1.0]})


def test_epochs_to_a_target():
    assert epochs_to([3.0, 2.0, 1.0], 1.5) == 2.5
    assert epochs_to([0.5], 1.0) == 1.0
    assert epochs_to([3.0, 2.0], 1.0) == math.inf


def test_results_of_a_claim_without_an_entry():
    with pytest.raises(ValueError, match="`claim` must have an entry in the ledger"):
        read_results("CL-01")


def test_the_folder_of_runs_is_not_part_of_the_project():
    assert ".runs/" in (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
