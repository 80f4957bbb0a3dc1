"""The full runs behind the verdicts of the book: ``python -m handson11.claims``, one study for each claim."""

from handson11.claims import (
    activation_functions,
    activation_networks,
    activations,
    adam,
    adaptive,
    batch_normalization,
    gradient_clipping,
    initialization,
    levers,
    momentum,
    pretraining,
    race,
    schedules,
    unstable_gradients,
)
from handson11.claims.studies import STUDIES, Study, conclude, judge_claim, study, write_entry

__all__ = [
    "schedules",
    "race",
    "momentum",
    "levers",
    "pretraining",
    "adaptive",
    "adam",
    "STUDIES",
    "Study",
    "activation_functions",
    "activation_networks",
    "activations",
    "batch_normalization",
    "conclude",
    "gradient_clipping",
    "initialization",
    "judge_claim",
    "study",
    "unstable_gradients",
    "write_entry",
]
