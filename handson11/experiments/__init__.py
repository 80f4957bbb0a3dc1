"""Measuring whether advice is true: whole training runs as one compiled function, tuned arms, verdicts by rule."""

from handson11.experiments.engine import Run, Task, Trainer, make_task
from handson11.experiments.ledger import judge, load_claims, verdict
from handson11.experiments.notebook import show_source
from handson11.experiments.runs import Arm, choose_learning_rate, compare

__all__ = [
    "Arm",
    "Run",
    "Task",
    "Trainer",
    "choose_learning_rate",
    "compare",
    "judge",
    "load_claims",
    "make_task",
    "show_source",
    "verdict",
]
