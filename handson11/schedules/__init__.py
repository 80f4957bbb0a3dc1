"""Learning-rate schedules of section 11.3.6: pure functions of the step, Keras schedules and callbacks."""

from handson11.schedules.callbacks import CheckSchedule, OneCycleScheduler, PerformanceScheduling
from handson11.schedules.range_test import LearningRateFinder, RangeTest
from handson11.schedules.rules import (
    ExponentialDecay,
    OneCycle,
    PiecewiseConstant,
    PowerDecay,
    Schedule,
    ScheduleWarning,
    check_schedule,
    one_cycle_momentum,
)

__all__ = [
    "CheckSchedule",
    "ExponentialDecay",
    "LearningRateFinder",
    "OneCycle",
    "OneCycleScheduler",
    "PerformanceScheduling",
    "PiecewiseConstant",
    "PowerDecay",
    "RangeTest",
    "Schedule",
    "ScheduleWarning",
    "check_schedule",
    "one_cycle_momentum",
]
