"""Measuring whether advice is true: whole training runs as one compiled function, tuned arms, verdicts by rule."""

from handson11.experiments.declared import Experiment, Results, conduct, pin_threads, read_results
from handson11.experiments.engine import OPTIMIZERS, Run, Task, Trainer, has_convolution, make_task
from handson11.experiments.ledger import ContradictionError, effect, judge, load_claims, read_entry, rule_of, verdict
from handson11.experiments.lint import Finding, from_history, lint
from handson11.experiments.notebook import show_source
from handson11.experiments.runs import Arm, choose_learning_rate, compare
from handson11.experiments.statistics import Interval, PairedComparison, all_pairs, compare_pair, holm, interval
from handson11.experiments.store import RunStore, code_hash, digest
from handson11.experiments.training import epochs_to, run_of, train

__all__ = [
    "OPTIMIZERS",
    "Arm",
    "ContradictionError",
    "Experiment",
    "Finding",
    "Interval",
    "PairedComparison",
    "Results",
    "Run",
    "RunStore",
    "Task",
    "Trainer",
    "all_pairs",
    "choose_learning_rate",
    "code_hash",
    "compare",
    "compare_pair",
    "conduct",
    "digest",
    "effect",
    "epochs_to",
    "from_history",
    "has_convolution",
    "holm",
    "interval",
    "judge",
    "lint",
    "load_claims",
    "make_task",
    "pin_threads",
    "read_entry",
    "read_results",
    "rule_of",
    "run_of",
    "show_source",
    "train",
    "verdict",
]
