"""A declared experiment and its conduct: tuned arms, paired seeds, every finished run on disk at once."""

import contextlib
import functools
import inspect
import math
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from handson11._check import require, require_choice
from handson11.experiments.ledger import read_entry
from handson11.experiments.runs import choose_learning_rate, require_equal_tuning, require_fresh_seeds
from handson11.experiments.store import RunStore, code_hash, digest, from_json, to_json, versions
from handson11.experiments.training import train

HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class Experiment:
    """A comparison, declared before it is run.

    Parameters
    ----------
    name : str
        What is compared, in a few words.
    arms : dict of str → dict
        What differs: for each arm the part of the configuration that is its own (plain data).
    fixed : dict
        What all arms share, the budget (``epochs`` or ``seconds``) among it. See :func:`train` for the keys.
    seeds : sequence of int
        Fresh seeds of the reported runs; the same for every arm, so that runs are paired.
    metrics : sequence of str
        The measurements that are kept of every reported run; the first one is the one that is compared.
    rates : sequence of float, or dict of str → sequence of float, optional
        Learning rates tried, the same number for every arm. Without them nothing is tuned, and each arm or ``fixed``
        brings its own ``learning_rate`` if the run needs one.
    tuning_seeds : sequence of int, default (100, 101)
        Seeds of the tuning runs, none of which is reported.
    tuned_by : str, default "validation_accuracy"
        The measurement that chooses the rate. It may not come from the test images.
    best : {"highest", "lowest"}, default "highest"
        Which value of ``tuned_by`` wins.
    run : callable, default train
        A function of a module: from a configuration (a dict of plain data, with ``seed``, ``source`` and, if there is
        one, ``learning_rate``) to a dict of measurements. Nothing else may decide what it returns.
    timed : bool, default False
        Whether the runs measure time: they are then never run side by side.

    Raises
    ------
    TypeError, ValueError
        If the tuning is not equal, seeds are shared between tuning and reporting, or the split used for tuning is the
        test split or one that a reported metric comes from.

    Examples
    --------
    >>> activations = Experiment(
    ...     name="two activations",
    ...     arms={"relu": {"arguments": {"depth": 1, "activation": "relu"}},
    ...           "tanh": {"arguments": {"depth": 1, "activation": "tanh"}}},
    ...     fixed={"n": 256, "epochs": 1},
    ...     seeds=range(3),
    ...     metrics=["test_accuracy"],
    ...     rates=[0.01, 0.1],
    ... )
    >>> activations.n_runs                      # 2 arms × (2 rates × 2 tuning seeds + 3 seeds)
    14
    """

    name: str
    arms: dict
    fixed: dict
    seeds: tuple
    metrics: tuple
    rates: dict = None
    tuning_seeds: tuple = (100, 101)
    tuned_by: str = "validation_accuracy"
    best: str = "highest"
    run: Callable = field(default=train)
    timed: bool = False

    def __post_init__(self):
        rates = (
            self.rates if isinstance(self.rates, dict) or self.rates is None else dict.fromkeys(self.arms, self.rates)
        )
        plain = {"seeds": tuple(self.seeds), "metrics": tuple(self.metrics), "tuning_seeds": tuple(self.tuning_seeds)}
        for name, value in {**plain, "rates": rates and {arm: tuple(rates[arm]) for arm in rates}}.items():
            object.__setattr__(self, name, value)
        require(bool(self.arms), "arms", "name at least one arm", self.arms)
        require(bool(self.seeds), "seeds", "name at least one seed", self.seeds)
        require(bool(self.metrics), "metrics", "name at least one measurement", self.metrics)
        require(callable(self.run), "run", "be a function configuration → measurements", self.run, TypeError)
        require_choice("best", self.best, ("highest", "lowest"))
        if self.rates is not None:
            require_equal_tuning(self.rates, self.arms)
            require_fresh_seeds(self.seeds, self.tuning_seeds)
            split = self.tuned_by.split("_")[0]
            require(split != "test", "tuned_by", "not come from the test images", self.tuned_by)
            judged = [metric for metric in self.metrics if split == "validation" and metric.startswith(split)]
            require(not judged, "metrics", f"come from another split than the tuning ({self.tuned_by})", judged)
        json_ready = {"arms": self.arms, "fixed": self.fixed}
        try:
            digest(json_ready)
        except TypeError as error:
            raise TypeError(f"`arms` and `fixed` must be plain data. Received: {error}") from None

    @property
    def n_runs(self):
        """How many runs the experiment has, tuning included."""
        trials = sum(len(self.rates[arm]) for arm in self.arms) if self.rates else 0
        return trials * len(self.tuning_seeds) + len(self.arms) * len(self.seeds)

    def reduced(self, **changes):
        """Return the same experiment with other fields, such as fewer ``seeds``; ``fixed`` is merged, not replaced.

        Examples
        --------
        >>> whole = Experiment("e", {"a": {}}, {"n": 5000, "epochs": 10}, range(10), ["test_accuracy"])
        >>> whole.reduced(seeds=range(2), fixed={"n": 500}).fixed
        {'n': 500, 'epochs': 10}
        """
        if "fixed" in changes:
            changes["fixed"] = {**self.fixed, **changes["fixed"]}
        return replace(self, **changes)

    def configuration(self, arm, seed, learning_rate=None, source="auto"):
        """Return the whole configuration of one run."""
        merged = {**self.fixed, **self.arms[arm]}
        for key in set(self.fixed) & set(self.arms[arm]):
            if isinstance(self.fixed[key], dict) and isinstance(self.arms[arm][key], dict):
                merged[key] = {**self.fixed[key], **self.arms[arm][key]}
        rate = {} if learning_rate is None else {"learning_rate": learning_rate}
        return {**merged, **rate, "seed": seed, "source": source}


class Results:
    """The records of an experiment, and what they say.

    Parameters
    ----------
    experiment : Experiment
        What was declared.
    records : list of dict
        One a run: ``experiment``, ``arm``, ``stage`` ("tuning" or "judging"), ``seed``, ``learning_rate``, the
        measurements, ``failed`` (None, or the error's text), ``time`` (seconds the run took).
    chosen : dict of str → float
        The chosen learning rate of each arm; empty if nothing was tuned.
    source : str
        Where the data came from.

    Examples
    --------
    >>> experiment = Experiment("e", {"a": {}}, {}, [0, 1], ["accuracy"], run=lambda configuration: {})
    >>> rows = [{"arm": "a", "stage": "judging", "seed": seed, "accuracy": 0.8 + seed / 10} for seed in (1, 0)]
    >>> Results(experiment, rows, {}, "stand-in").values("a", "accuracy")
    array([0.8, 0.9])
    """

    def __init__(self, experiment, records, chosen, source):
        self.experiment, self.records, self.chosen, self.source = experiment, records, chosen, source

    def values(self, arm, metric=None, lost=math.nan):
        """Return one measurement of the reported runs of an arm, seed by seed, and ``lost`` where there is none.

        A network that diverged can only guess: ``lost=0.1`` counts it as chance.
        """
        metric = metric or self.experiment.metrics[0]
        require(arm in self.experiment.arms, "arm", f"be one of {list(self.experiment.arms)}", arm)
        rows = {row["seed"]: row for row in self.records if row["arm"] == arm and row["stage"] == "judging"}
        values = [from_json(rows[seed].get(metric)) for seed in self.experiment.seeds if seed in rows]
        return np.array([lost if math.isnan(value) else value for value in values], dtype=float)

    def groups(self, metric=None, lost=math.nan):
        """Return a dict of arm → values of one measurement, in the order of the arms; ``lost`` as in :meth:`values`."""
        return {arm: self.values(arm, metric, lost) for arm in self.experiment.arms}

    def n_lost(self, arm):
        """Return how many reported runs of an arm diverged, failed, or lack the first metric."""
        rows = [row for row in self.records if row["arm"] == arm and row["stage"] == "judging"]
        lost = [bool(row.get("diverged")) or row.get("failed") is not None for row in rows]
        missing = [math.isnan(from_json(row.get(self.experiment.metrics[0]))) for row in rows]
        return sum(a or b for a, b in zip(lost, missing, strict=True))

    def tuning(self, arm):
        """Return the tuning scores of an arm: a dict of rate → list, NaN where a run was lost."""
        scores = {}
        for row in self.records:
            if row["arm"] == arm and row["stage"] == "tuning":
                scores.setdefault(row["learning_rate"], []).append(from_json(row.get(self.experiment.tuned_by)))
        return scores

    def frame(self):
        """Return the records as a tidy ``pandas.DataFrame``: one row a run, one column a measurement."""
        import pandas as pd

        return pd.DataFrame([{k: v for k, v in row.items() if not isinstance(v, list)} for row in self.records])

    def for_lint(self):
        """Return the records in the words that :func:`handson11.experiments.lint` reads."""
        told = self.experiment.fixed.get("epochs")
        shared = {
            "trials": {arm: len(self.tuning(arm)) for arm in self.experiment.arms},
            "tuned_on": _split_of(self.experiment.tuned_by) if self.chosen else None,
            "judged_on": _split_of(self.experiment.metrics[0]),
        }
        rows = []
        for row in self.records:
            if row["stage"] != "judging":
                continue
            facts = {
                "arm": row["arm"],
                "seed": row["seed"],
                "stage": "judging",
                "trials": shared["trials"][row["arm"]],
                "judged_on": shared["judged_on"],
                "tuned_on": shared["tuned_on"],
                "losses": row.get("epoch_losses"),
                "epochs": told if "seconds" not in self.experiment.fixed else None,
                "epochs_run": row.get("epochs"),
                "accuracy": row.get("test_accuracy"),
                "diverged": bool(row.get("diverged")) or row.get("failed") is not None,
            }
            rows.append({key: value for key, value in facts.items() if value is not None})
        return rows

    def summary(self):
        """Return all that a verdict needs as plain data, small enough to be kept beside the book.

        Numbers carry six significant digits.
        """
        experiment = self.experiment
        tuning = {arm: self.tuning(arm) for arm in experiment.arms} if self.chosen else {}
        return {
            "name": experiment.name,
            "run": f"{experiment.run.__module__}:{experiment.run.__qualname__}",
            "arms": experiment.arms,
            "fixed": experiment.fixed,
            "seeds": list(experiment.seeds),
            "tuning": {
                arm: {
                    "chosen": self.chosen[arm],
                    experiment.tuned_by: {f"{rate:g}": _six_digits(scores) for rate, scores in tuning[arm].items()},
                }
                for arm in tuning
            },
            "tuning_seeds": list(experiment.tuning_seeds) if self.chosen else [],
            "metrics": list(experiment.metrics),
            "runs": {
                arm: {metric: _six_digits(self.values(arm, metric)) for metric in experiment.metrics}
                for arm in experiment.arms
            },
            "lost": {arm: self.n_lost(arm) for arm in experiment.arms if self.n_lost(arm)},
        }

    @classmethod
    def from_summary(cls, summary, source):
        """Return results that hold what :meth:`summary` kept."""
        experiment = Experiment(
            summary["name"],
            summary["arms"],
            summary["fixed"],
            summary["seeds"],
            summary["metrics"],
            run=_not_run_again,
        )
        records = [
            {
                "arm": arm,
                "stage": "judging",
                "seed": seed,
                **{metric: values[position] for metric, values in metrics.items()},
            }
            for arm, metrics in summary["runs"].items()
            for position, seed in enumerate(summary["seeds"])
        ]
        chosen = {arm: tuning["chosen"] for arm, tuning in summary["tuning"].items()}
        return cls(experiment, records, chosen, source)


def _split_of(metric):
    """Return the split that a measurement comes from, None for what is measured in training itself."""
    split = metric.split("_")[0]
    return split if split in HELD_OUT else None


def _six_digits(values):
    return [to_json(value, digits=6) for value in values]


def _not_run_again(configuration):
    raise RuntimeError("These results were read from a file; conduct the declared experiment to run it again.")


def conduct(experiment, folder=None, n_jobs=1, source="auto", progress=True):
    """Run what is not on disk yet, choose the rates, and return the :class:`Results`.

    Each finished run is written to ``folder`` at once. Ctrl-C loses at most the runs in progress; the next call goes
    on where the last one stopped. A run that diverges or fails is a record, too; a failed one is tried again at the
    next call.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    folder : path, optional
        Where finished runs are kept. Without it nothing is written.
    n_jobs : int or None, default 1
        1 runs everything in this process. More starts that many worker processes, each pinned to one thread, so that
        they do not fight for the processor's cores. ``None`` takes the engine that surrounds the call
        (``joblib.parallel_config``), such as a Dask cluster.
    source : {"auto", "fashion-mnist", "stand-in"}, default "auto"
        The data, see :func:`handson11.datasets.load_fashion_mnist`. On a cluster every worker needs it.
    progress : bool, default True
        Whether to show a bar with the time left (on a terminal).

    Returns
    -------
    Results
        Records of tuning and of the reported runs.

    Notes
    -----
    A run is kept under a key of its configuration, the data's source, the versions of the libraries, and the code
    that it depends on. If any of them changes, it is run again.

    On several machines, with Dask::

        from distributed import Client
        import joblib

        client = Client("scheduler:8786")
        with joblib.parallel_config("dask"):
            results = conduct(experiment, folder="runs", n_jobs=None)

    Examples
    --------
    >>> def square(configuration):
    ...     return {"value": configuration["x"] ** 2 + configuration["seed"]}
    >>> squares = Experiment("squares", {"2": {"x": 2}, "3": {"x": 3}}, {}, [0, 1], ["value"], run=square)
    >>> conduct(squares, source="stand-in", progress=False).groups()
    {'2': array([4., 5.]), '3': array([ 9., 10.])}
    """
    require(n_jobs is None or n_jobs >= 1, "n_jobs", "be None or at least 1", n_jobs)
    n_jobs = 1 if experiment.timed else n_jobs
    source = _found_source(source)
    store = RunStore(folder)
    tuning = {
        (arm, seed, rate): experiment.configuration(arm, seed, rate, source)
        for arm in experiment.arms
        for rate in (experiment.rates or {}).get(arm, ())
        for seed in experiment.tuning_seeds
    }
    records = _run_all(experiment, "tuning", tuning, store, n_jobs, progress)
    chosen = {}
    if experiment.rates:
        partial = Results(experiment, records, {}, source)
        chosen = {arm: choose_learning_rate(partial.tuning(arm), experiment.best) for arm in experiment.arms}
    judging = {
        (arm, seed, chosen.get(arm)): experiment.configuration(arm, seed, chosen.get(arm), source)
        for arm in experiment.arms
        for seed in experiment.seeds
    }
    records += _run_all(experiment, "judging", judging, store, n_jobs, progress)
    return Results(experiment, records, chosen, source)


def _found_source(source):
    """Return the source that the data really has: with "auto" the real data may be missing."""
    from handson11.experiments.training import load_data

    return load_data(source).source


def _run_all(experiment, stage, configurations, store, n_jobs, progress):
    """Return one record for each configuration, from disk or from a new run, in the order given."""
    from tqdm import tqdm

    keys = {name: key_of(experiment.run, configuration) for name, configuration in configurations.items()}
    done = {name: store.get(key) for name, key in keys.items()}
    done = {name: record for name, record in done.items() if record is not None and record["failed"] is None}
    waiting = {name: value for name, value in configurations.items() if name not in done}
    bar = tqdm(
        total=len(configurations),
        initial=len(done),
        desc=f"{experiment.name}, {stage}",
        unit="run",
        disable=None if progress else True,
    )
    with bar, _engine(n_jobs):
        for name, record in _outcomes(experiment.run, waiting, n_jobs):
            store.put(keys[name], record)
            done[name] = record
            bar.update()
    _report_failures(experiment, stage, {name: done[name]["failed"] for name in configurations if done[name]["failed"]})
    return [_row(experiment, stage, name, done[name]) for name in configurations]


def key_of(run, configuration):
    """Return the key of a run: it changes with the configuration, the data's source, the versions and the code."""
    name = f"{run.__module__}:{run.__qualname__}"
    code = [
        code_of(run),
        *(code_hash(module) for module in _named_modules(configuration, run.__module__.split(".")[0])),
    ]
    return digest({"run": name, "versions": versions(), "code": code, "configuration": configuration}, 32)


def code_of(run):
    """Return a hash of the code that a run depends on: its module's, or its own where it was typed in a notebook."""
    if run.__module__ == "__main__":
        return digest(inspect.getsource(run))
    return code_hash(run.__module__)


def _named_modules(value, package):
    """Return the modules that a configuration names as ``"module:name"``, those of one package, in order of name."""
    if isinstance(value, str):
        module, colon, _ = value.partition(":")
        return [module] if colon and module.split(".")[0] == package else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return sorted({module for part in parts for module in _named_modules(part, package)})


def _report_failures(experiment, stage, failures):
    if failures:
        (arm, seed, rate), error = next(iter(failures.items()))
        where = f"arm {arm!r}, seed {seed}" + ("" if rate is None else f", learning rate {rate:g}")
        warnings.warn(
            f"{len(failures)} runs of {experiment.name!r} ({stage}) failed. The first one, {where}:\n{error}",
            RuntimeWarning,
            stacklevel=3,
        )


def _row(experiment, stage, name, record):
    arm, seed, rate = name
    measured = record["measured"]
    if stage == "tuning":  # nothing measured on the test images leaves a tuning run
        measured = {key: value for key, value in measured.items() if not key.startswith("test_")}
    facts = {"experiment": experiment.name, "arm": arm, "stage": stage, "seed": seed, "learning_rate": rate}
    return {**facts, **measured, "failed": record["failed"], "time": record["time"]}


def _engine(n_jobs):
    """Return the context in which joblib works: pinned processes, or whatever surrounds the call."""
    import joblib

    if n_jobs is None or n_jobs == 1:
        return contextlib.nullcontext()
    return joblib.parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1)


def _outcomes(run, configurations, n_jobs):
    """Yield (name, record) of every configuration as soon as it is finished."""
    if not configurations:
        return
    if n_jobs == 1:
        for name, configuration in configurations.items():
            yield name, _outcome(run, configuration)
        return
    import joblib

    # One run a batch: a finished run is on disk before the next one ends.
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1, verbose=0)
    one = joblib.delayed(_outcome_in_worker)
    yield from parallel(one(run, name, configuration) for name, configuration in configurations.items())


def _outcome_in_worker(run, name, configuration):
    pin_threads()
    _allow_growth()
    return name, _outcome(run, configuration)


@functools.cache
def _allow_growth():
    """Let a worker keep what it compiles: joblib takes growth by 300 MB for a leak and starts it anew."""
    from joblib.externals.loky import process_executor

    if hasattr(process_executor, "_MAX_MEMORY_LEAK_SIZE"):
        process_executor._MAX_MEMORY_LEAK_SIZE = int(4e9)


def _outcome(run, configuration):
    """Run once; an error becomes part of the record."""
    start = time.perf_counter()
    try:
        measured, failed = _json_ready(run(configuration)), None
    except Exception:
        measured, failed = {}, traceback.format_exc(limit=-3)
    return {
        "configuration": configuration,
        "measured": measured,
        "failed": failed,
        "time": round(time.perf_counter() - start, 4),
    }


def _json_ready(measured):
    """Return measurements as plain data; a sequence becomes a list."""
    ready = {}
    for name, value in measured.items():
        several = isinstance(value, list | tuple | np.ndarray)
        ready[name] = [to_json(part) for part in value] if several else to_json(value)
    return ready


@functools.cache
def pin_threads():
    """Give this process one thread for TensorFlow; called first thing in every worker.

    Warnings about repeated tracing are switched off: a worker compiles one function for each arm, and means to.

    Returns
    -------
    int
        The number of threads that TensorFlow has for one operation: 1, unless it had already started.

    Examples
    --------
    >>> pin_threads() in (0, 1)
    True
    """
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    with contextlib.suppress(RuntimeError):  # TensorFlow has started already: it keeps the threads it has
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf.config.threading.get_intra_op_parallelism_threads()


def read_results(claim):
    """Return what the full run of a claim kept: one :class:`Results` for each of its experiments.

    Parameters
    ----------
    claim : str
        A claim with an entry in the ledger.

    Returns
    -------
    list of Results
        With one value per seed for each metric, and the chosen rates.

    Raises
    ------
    ValueError
        If the ledger has no entry for the claim.

    Examples
    --------
    >>> read_results("CL-02")[0].values("logistic, Glorot", "ratio").shape
    (10,)
    """
    entry = read_entry(claim)
    require(entry is not None, "claim", "have an entry in the ledger", claim)
    return [Results.from_summary(summary, entry["source"]) for summary in entry["experiments"]]
