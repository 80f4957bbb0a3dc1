"""Reusing the layers of another network: tasks, clones that share nothing, freezing and thawing, measured gains."""

from handson11.transfer.study import PairedGain, paired_gain
from handson11.transfer.thawing import GradualUnfreezing, compile_again
from handson11.transfer.tools import (
    TwoTasks,
    clone_with_weights,
    compile_check,
    freeze,
    reuse_layers,
    split_tasks,
    unfreeze,
)

__all__ = [
    "GradualUnfreezing",
    "PairedGain",
    "TwoTasks",
    "clone_with_weights",
    "compile_again",
    "compile_check",
    "freeze",
    "paired_gain",
    "reuse_layers",
    "split_tasks",
    "unfreeze",
]
