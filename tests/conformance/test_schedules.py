"""Keras' own tests of the schedules that the package has too, run on ours."""

from handson11 import schedules
from tests.conformance.harness import keras_tests

OTHERS = {
    "LinearDecayTest": "config halfway end halfway_with_end beyond_end beyond_end_with_cycle",
    "SqrtDecayTest": "halfway end halfway_with_end beyond_end beyond_end_with_cycle begin_with_cycle",
    "InverseTimeDecayTest": "config decay staircase",  # its decay_rate multiplies t; our power is an exponent
    "CosineDecayTest": "config decay warmup alpha float64 warmup_decay",
    "CosineDecayRestartsTest": "config decay float64 alpha mmul tmul",
}

globals().update(
    keras_tests(
        "keras.src.optimizers.schedules.learning_rate_schedule_test",
        replace={
            "keras.src.optimizers.schedules:ExponentialDecay": schedules.ExponentialDecay,
            "keras.src.optimizers.schedules:PiecewiseConstantDecay": schedules.PiecewiseConstant,
        },
        unrelated=[f"{case}.test_{name}" for case, names in OTHERS.items() for name in names.split()],
    )
)
