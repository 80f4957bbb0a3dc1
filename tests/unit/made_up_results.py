"""Made-up results of a claim's experiments, for tests of what is concluded from them."""

import numpy as np

from handson11.claims import STUDIES
from handson11.experiments import Results, judge, load_claims, rule_of


def made_up(experiment, value_of):
    """Return results in which ``value_of(arm, metric)`` is one number, or one for each seed."""
    records = [{"arm": arm, "stage": "judging", "seed": seed} for arm in experiment.arms for seed in experiment.seeds]
    for metric in experiment.metrics:
        for arm in experiment.arms:
            rows = [row for row in records if row["arm"] == arm]
            for row, value in zip(rows, np.broadcast_to(value_of(arm, metric), len(rows)), strict=True):
                row[metric] = float(value)
    return Results(experiment, records, {}, "stand-in")


def conclusion(claim, *value_of):
    """Return (verdict, measurements, texts of the effects) of a claim, one function of values an experiment."""
    study = STUDIES[claim]
    results = [made_up(experiment, values) for experiment, values in zip(study.experiments, value_of, strict=True)]
    measured, effects = study.conclude(*results)
    return judge(rule_of(load_claims()[claim]), measured), measured, [found["text"] for found in effects]
