"""Find what makes a comparison worthless before anyone reads its numbers: one rule for each defect seen in print.

A **record** is a plain dict about one run, of any framework. Only ``arm`` is needed; a rule that lacks its keys stays
silent. Other keys are allowed and ignored.

==================  ===================================================================================================
key                 what it holds
==================  ===================================================================================================
``arm``             name of what is compared
``seed``            seed of the run
``losses``          list of float, one per epoch or step
``learning_rates``  list of float, one per epoch or step
``scheduled``       True if the learning rate was meant to change
``boundaries``      steps, counted from 0, at which a schedule was to change the rate
``steps``           number of steps (batches) that ran
``epochs``          number of epochs planned
``epochs_run``      number of epochs that ran
``stopped_early``   True if the run was allowed to end before ``epochs``
``accuracy``        final accuracy, in [0, 1]
``chance``          accuracy of guessing, default 0.1
``diverged``        True if the run broke down
``tuned_on``        name of the split that chose the settings, such as ``"validation"``
``judged_on``       name of the split that gave the reported number
``trials``          number of settings tried for the arm; if absent, its records with ``stage="tuning"`` are counted
``stage``           ``"tuning"`` or ``"judging"`` (the default); tuning runs may diverge and may have one seed
==================  ===================================================================================================
"""

from dataclasses import dataclass

import numpy as np

from handson11._check import require

RULES = {}
"""Name of each rule → function of the records that yields (arms, message)."""


@dataclass(frozen=True)
class Finding:
    """One defect: the rule that found it, the arms concerned, and what to do.

    Parameters
    ----------
    rule : str
        A key of ``RULES``.
    arms : tuple of str
        The arms concerned.
    message : str
        What is wrong and what to do.

    Examples
    --------
    >>> print(Finding("one_seed", ("Adam",), "A single seed (42). Run at least 6 seeds."))
    one_seed [Adam]: A single seed (42). Run at least 6 seeds.
    """

    rule: str
    arms: tuple
    message: str

    def __str__(self):
        return f"{self.rule} [{', '.join(map(str, self.arms))}]: {self.message}"


def lint(records):
    """Return the defects of a set of runs, in the order of the rules; an empty list if there are none.

    ==================== ==============================================================================================
    rule                 finds
    ==================== ==============================================================================================
    identical_histories  two arms with the same losses, number by number
    constant_schedule    a schedule that never changed the learning rate
    boundary_after_end   a schedule that was to change at or after the last step
    epochs_differ        another number of epochs run than planned
    hidden_failure       diverged runs, or runs at chance level, which a mean would hide
    tuned_on_test        settings chosen on the data that judge them
    unequal_tuning       arms with different numbers of trials, or one learning rate for all arms and no trials
    one_seed             arms with a single seed
    ==================== ==============================================================================================

    Parameters
    ----------
    records : list of dict
        One for each run; the module's docstring lists the keys.

    Returns
    -------
    list of Finding

    Raises
    ------
    TypeError, ValueError
        If a record is not a dict or has no ``arm``.

    Notes
    -----
    Keras has no such function; :func:`from_history` makes a record of what ``fit`` returns. A clean list does not prove
    that a comparison is fair: a rule can only see the keys that are there.

    References
    ----------
    Bouthillier, X. et al. (2021), "Accounting for variance in machine learning benchmarks", *MLSys*.

    Examples
    --------
    >>> runs = [{"arm": "SGD", "losses": [0.51, 0.31]}, {"arm": "momentum", "losses": [0.51, 0.31]}]
    >>> [(finding.rule, finding.arms) for finding in lint(runs)]
    [('identical_histories', ('SGD', 'momentum'))]
    """
    records = list(records)
    for record in records:
        require(isinstance(record, dict), "records", "hold dicts, one for each run", record, TypeError)
        require("arm" in record, "records", "name the `arm` of every run", record)
    return [Finding(name, tuple(arms), text) for name, rule in RULES.items() for arms, text in rule(records)]


def from_history(history, arm, seed=None, **more):
    """Return the record of a run from the ``History`` that Keras' ``fit`` returned.

    Parameters
    ----------
    history : keras.callbacks.History
        Or any object with its ``history``, ``params`` and ``epoch``.
    arm : str
        Name of what is compared.
    seed : int, optional
        Seed of the run.
    **more
        Further keys of the record; they replace those read from `history`.

    Returns
    -------
    dict
        With ``losses``, ``epochs_run`` and ``diverged``; if the history has them also ``learning_rates`` (logged as
        ``learning_rate`` by Keras 3, as ``lr`` by Keras 2), ``accuracy`` (the last one on the validation data),
        ``epochs`` and ``steps``.

    Raises
    ------
    ValueError
        If the history has no ``loss``.

    Notes
    -----
    Keras logs the learning rate only with ``LearningRateScheduler`` or ``ReduceLROnPlateau``. For a schedule object
    give the rates yourself: ``learning_rates=[float(schedule(step)) for step in range(steps)]``.

    References
    ----------
    Keras documentation, ``keras.callbacks.History``.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> logs = {"loss": [0.9, 0.5], "val_accuracy": [0.70, 0.80], "lr": [0.1, 0.05]}
    >>> fit = SimpleNamespace(history=logs, params={"epochs": 3, "steps": 10}, epoch=[0, 1])
    >>> record = from_history(fit, "SGD", seed=1)
    >>> record["learning_rates"], record["epochs"], record["epochs_run"], record["steps"], record["accuracy"]
    ([0.1, 0.05], 3, 2, 20, 0.8)
    """
    logs, params = history.history, history.params or {}
    require("loss" in logs, "history", "have a `loss`", sorted(logs))
    record = {"arm": arm, "losses": _numbers(logs["loss"]), "epochs_run": len(logs["loss"])}
    record["diverged"] = not np.isfinite(record["losses"]).all()
    if seed is not None:
        record["seed"] = seed
    for key in ("lr", "learning_rate"):
        if key in logs:
            record["learning_rates"] = _numbers(logs[key])
    accuracies = [name for name in logs if name.startswith("val_") and name.endswith(("accuracy", "_acc"))]
    if accuracies:
        record["accuracy"] = float(logs[accuracies[0]][-1])
    if params.get("epochs") is not None:
        record["epochs"] = params["epochs"] - (history.epoch[0] if history.epoch else 0)
    if params.get("steps") is not None:
        record["steps"] = params["steps"] * record["epochs_run"]
    return {**record, **more}


def _rule(function):
    """Enter ``function`` into the registry under its own name."""
    RULES[function.__name__] = function
    return function


@_rule
def identical_histories(records):
    """Yield groups of arms that share a history. Histories without a single finite loss do not count."""
    owners = {}
    for record in _with(records, "losses"):
        losses = tuple(_numbers(record["losses"]))
        if np.isfinite(losses).any():
            owners.setdefault(repr(losses), {})[record["arm"]] = losses  # as text, because NaN differs from NaN
    groups = {}
    for arms in owners.values():
        if len(arms) > 1:
            groups.setdefault(tuple(arms), []).append(next(iter(arms.values())))
    for arms, shared in groups.items():
        yield (
            arms,
            f"The same losses to the last digit, in {_runs(len(shared))} of each (last loss {shared[0][-1]:.6g}). "
            "Check that what should differ reaches the training, and run all arms again.",
        )


@_rule
def constant_schedule(records):
    """Yield arms whose rate was meant to change and did not."""
    by_arm = {}
    for record in _with(records, "scheduled", "learning_rates"):
        rates = _numbers(record["learning_rates"])
        if record["scheduled"] and len(rates) > 1 and len(set(rates)) == 1:
            by_arm.setdefault(record["arm"], []).append(rates[0])
    for arm, rates in by_arm.items():
        yield (
            [arm],
            f"The schedule never changed the learning rate: it stayed at {rates[0]:.6g}. Check that the optimizer uses "
            "the schedule, and that its unit (steps or epochs) fits the length of the run.",
        )


@_rule
def boundary_after_end(records):
    """Yield arms with a boundary at or after the last step, whose number is ``steps - 1``."""
    late = {}
    for record in _with(records, "boundaries", "steps"):
        beyond = [boundary for boundary in _numbers(record["boundaries"]) if boundary >= record["steps"] - 1]
        if beyond:
            late[record["arm"]] = (beyond, record["steps"])
    for arm, (beyond, steps) in late.items():
        shown = " and ".join(f"{boundary:,.10g}" for boundary in beyond)
        yield (
            [arm],
            f"The rate was to change at step {shown}, but the run has {steps:,} steps. Compute the boundaries from the "
            "steps of the run: epochs × batches per epoch.",
        )


@_rule
def epochs_differ(records):
    """Yield arms that ran longer than planned, or shorter without being allowed to stop early and without diverging."""
    different = {}
    for record in _with(records, "epochs", "epochs_run"):
        planned, ran = record["epochs"], record["epochs_run"]
        may_be_short = record.get("stopped_early") or _failure(record) == "diverged"
        if ran > planned or (ran < planned and not may_be_short):
            different[record["arm"]] = (planned, ran)
    for arm, (planned, ran) in different.items():
        yield (
            [arm],
            f"{planned} epochs planned, {ran} run: code and result do not belong together. Run it again with the code "
            "as it stands; if the run was allowed to end sooner, record `stopped_early=True`.",
        )


@_rule
def hidden_failure(records):
    """Yield arms with runs that diverged or stayed at chance level: below `chance` + min(0.02, `chance` / 5)."""
    for arm, runs in _by_arm(_judging(records)).items():
        failures = [failure for failure in map(_failure, runs) if failure]
        if failures:
            kinds = [f"{failures.count(kind)} {kind}" for kind in ("diverged", "at chance level") if kind in failures]
            if len(failures) == len(runs):
                advice = "The arm has no accuracy to compare: say that it failed, and look for a rate at which it runs."
            else:
                advice = "A mean over all runs hides this: report the number of failures, and compare by ranks."
            yield [arm], f"{len(failures)} of {_runs(len(runs))} failed ({', '.join(kinds)}). {advice}"


@_rule
def tuned_on_test(records):
    """Yield arms whose settings were chosen on the split that judges them, or on the test data."""
    same = {}
    for record in _with(records, "tuned_on"):
        if record["tuned_on"] in ("test", record.get("judged_on")):
            same.setdefault(record["tuned_on"], {})[record["arm"]] = None
    for split, arms in same.items():
        yield (
            arms,
            f"Settings were chosen on the {split} data, which must only judge them. Choose on other data, then measure "
            "once on data that had no part in the choice.",
        )


@_rule
def unequal_tuning(records):
    """Yield all arms if their numbers of trials differ, or if none was tuned and all share one learning rate."""
    trials = {record["arm"]: int(record["trials"]) for record in _with(records, "trials")}
    if any(record.get("stage") == "tuning" for record in records):
        for arm, runs in _by_arm(records).items():
            trials.setdefault(arm, sum(run.get("stage") == "tuning" for run in runs))
    first_rates = {record["arm"]: _numbers(record["learning_rates"])[:1] for record in _with(records, "learning_rates")}
    shared = {str(first_rates.get(arm)) for arm in trials}
    if len(set(trials.values())) > 1:
        shown = ", ".join(f"{arm} {number}" for arm, number in trials.items())
        yield (
            trials,
            f"Different numbers of trials: {shown}. Give every arm the same number of settings to choose from.",
        )
    elif len(trials) > 1 and max(trials.values()) <= 1 and len(shared) == 1 and all(map(first_rates.get, trials)):
        yield (
            trials,
            f"All arms ran at the learning rate {first_rates[next(iter(trials))][0]:.6g}, which fits some of them "
            "better than others. Tune the rate of every arm, with the same number of trials.",
        )


@_rule
def one_seed(records):
    """Yield all arms whose reported runs have a single seed."""
    seeds = {}
    for record in _with(_judging(records), "seed"):
        seeds.setdefault(record["arm"], set()).add(record["seed"])
    single = {arm: next(iter(found)) for arm, found in seeds.items() if len(found) == 1}
    if single:
        shown = ", ".join(map(str, dict.fromkeys(single.values())))
        yield (
            single,
            f"A single seed ({shown}): nobody can tell the arm from luck. Run at least 6 seeds, better 10, the same "
            "ones for every arm.",
        )


def _failure(record):
    """Return how the run failed, or None."""
    accuracy = _numbers(record.get("accuracy"))
    if record.get("diverged") or not np.isfinite([*_numbers(record.get("losses")), *accuracy]).all():
        return "diverged"
    chance = record.get("chance", 0.1)
    return "at chance level" if accuracy and accuracy[0] < chance + min(0.02, chance / 5) else None


def _with(records, *keys):
    """Return the records that have all ``keys``; None counts as absent."""
    return [record for record in records if all(record.get(key) is not None for key in keys)]


def _judging(records):
    return [record for record in records if record.get("stage", "judging") != "tuning"]


def _by_arm(records):
    arms = {}
    for record in records:
        arms.setdefault(record["arm"], []).append(record)
    return arms


def _numbers(values):
    """Return a list of floats: of a list, an array, a single number, or None (no number)."""
    return [] if values is None else np.atleast_1d(np.asarray(values, dtype="float64")).ravel().tolist()


def _runs(n):
    return "1 run" if n == 1 else f"{n} runs"
