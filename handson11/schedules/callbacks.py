"""Callbacks that change the rate during ``fit``: after a stall, in one cycle, or not at all (they only check)."""

import warnings

import keras
import numpy as np

from handson11._check import require, require_choice, require_number
from handson11._keras import schedule_of
from handson11.schedules.rules import OneCycle, ScheduleWarning, check_schedule, one_cycle_momentum


class PerformanceScheduling(keras.callbacks.Callback):
    r"""Performance scheduling: multiply the rate by λ when a measurement has stopped getting better.

    .. math:: \eta \leftarrow \max(\lambda \eta,\ \eta_{\min}) \qquad
        \text{after } p \text{ epochs without a new best value}

    Parameters
    ----------
    factor : float in (0, 1), default 0.5
        λ.
    patience : int, at least 1, default 5
        p, in epochs. The count starts again after each cut.
    monitor : str, default "val_loss"
        The name of the measurement in the logs of ``fit``.
    best : {"lowest", "highest"}, default "lowest"
        Which values are good.
    min_delta : float, at least 0, default 0.0
        By how much a value has to be better to count.
    min_learning_rate : float, at least 0, default 0.0
        η_min.

    Attributes
    ----------
    rates : list of float
        The learning rate of every epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; in ``fit``, if the optimizer's rate is a schedule.

    Warns
    -----
    ScheduleWarning
        After an epoch without the measurement, such as ``val_loss`` without validation data: the rate stays.

    Notes
    -----
    Does what ``keras.callbacks.ReduceLROnPlateau(factor=λ, patience=p, min_delta=0)`` does without a cooldown.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Learning Rate Scheduling".

    Examples
    --------
    >>> performance = PerformanceScheduling(patience=2)
    >>> performance.next_rate(0.5, 0.1), performance.next_rate(0.6, 0.1), performance.next_rate(0.5, 0.1)
    (0.1, 0.1, 0.05)
    """

    def __init__(self, factor=0.5, patience=5, monitor="val_loss", best="lowest", min_delta=0.0, min_learning_rate=0.0):
        super().__init__()
        rule = "be above 0 and below 1"
        self.factor = require_number("factor", factor, rule, low=0, high=1, open_low=True, open_high=True)
        self.patience = require_number("patience", patience, "be at least 1", low=1)
        self.monitor = monitor
        self.best = require_choice("best", best, ("lowest", "highest"))
        self.min_delta = require_number("min_delta", min_delta, "be a finite number >= 0", low=0)
        self.min_learning_rate = require_number(
            "min_learning_rate", min_learning_rate, "be a finite number >= 0", low=0
        )
        self._start()

    def _start(self):
        self.rates, self._record, self._waited = [], np.inf, 0

    def next_rate(self, value, learning_rate):
        """Return the learning rate after an epoch that ended with the measurement ``value``."""
        signed = value if self.best == "lowest" else -value
        if signed < self._record - self.min_delta:
            self._record, self._waited = signed, 0
            return learning_rate
        self._waited += 1
        if self._waited < self.patience:
            return learning_rate
        self._waited = 0
        return max(self.factor * learning_rate, self.min_learning_rate)

    def on_train_begin(self, logs=None):
        _require_number_as_rate(self.model.optimizer)
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        self.rates.append(rate)
        if self.monitor not in (logs or {}):
            text = f"`{self.monitor}` is not among the measurements of epoch {epoch + 1}: {sorted(logs or {})}"
            warnings.warn(f"PerformanceScheduling: {text}", ScheduleWarning, stacklevel=2)
            return
        following = self.next_rate(float(logs[self.monitor]), rate)
        if following != rate:
            self.model.optimizer.learning_rate = following


class OneCycleScheduler(keras.callbacks.Callback):
    r"""1cycle scheduling in ``fit``, of the rate and of the momentum.

    .. math:: \eta_t = \text{OneCycle}(t), \qquad \beta_t = \text{one\_cycle\_momentum}(t)

    Parameters
    ----------
    max_learning_rate : float, above 0
        The highest rate.
    max_momentum, min_momentum : float in [0, 1], defaults 0.95 and 0.85
        The momentum at the ends and at the highest rate. Both None leave the momentum alone.
    initial_learning_rate, final_learning_rate, final_steps : optional
        As for :class:`OneCycle`.

    Attributes
    ----------
    rates, momenta : list of float
        What every update was made with.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; in ``fit``, if the number of batches is not known beforehand, the
        optimizer's rate is a schedule, or it has no momentum to cycle.

    Notes
    -----
    Setting ``optimizer.momentum`` during ``fit`` changes nothing, because the number is a constant of the compiled
    step, in Keras' optimizers as in ours. This callback puts a variable in its place before the step is compiled and
    the number back at the end.

    References
    ----------
    Smith, L. (2018), "A disciplined approach to neural network hyper-parameters: part 1".

    Examples
    --------
    >>> from handson11.optimizers import SGD
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(SGD(0.1, momentum=0.9), "mse")
    >>> cycle = OneCycleScheduler(1.0)
    >>> _ = model.fit(np.zeros((100, 2)), np.zeros((100, 1)), batch_size=10, epochs=2, verbose=0, callbacks=[cycle])
    >>> [round(cycle.momenta[step], 2) for step in (0, 9, 18)], model.optimizer.momentum
    ([0.95, 0.85, 0.95], 0.9)
    """

    def __init__(
        self,
        max_learning_rate,
        max_momentum=0.95,
        min_momentum=0.85,
        initial_learning_rate=None,
        final_learning_rate=None,
        final_steps=None,
    ):
        super().__init__()
        both = (max_momentum is None) == (min_momentum is None)
        require(both, "max_momentum", "be None exactly when min_momentum is", max_momentum)
        self._cycle = (max_learning_rate, initial_learning_rate, final_learning_rate, final_steps)
        OneCycle(max_learning_rate, 1000, initial_learning_rate, final_learning_rate)  # checks the rates
        self._momentum = None if max_momentum is None else (max_momentum, min_momentum)
        if self._momentum:
            one_cycle_momentum(0, 1000, *self._momentum)
        self.rates, self.momenta = [], []

    def on_train_begin(self, logs=None):
        optimizer = self.model.optimizer
        _require_number_as_rate(optimizer)
        batches = self.params["steps"]
        require(batches is not None, "steps_per_epoch", "be known beforehand: give it to fit", batches)
        highest, start, end, last = self._cycle
        self._schedule = OneCycle(highest, batches * self.params["epochs"], start, end, last)
        self.rates, self.momenta, self._step = [], [], 0
        if self._momentum:
            own = getattr(optimizer, "momentum", None)
            own = getattr(own, "replaced", own)  # what an interrupted run has left there
            rule = "be a number above 0, so that there is one to cycle (or turn the cycle off with max_momentum=None)"
            require(isinstance(own, float | int) and own > 0, "momentum", rule, own)
            optimizer.build(self.model.trainable_variables)
            self._variable = _Coefficient(own, trainable=False, name="momentum")
            self._variable.replaced = own
            vars(optimizer)["momentum"] = self._variable  # not by assignment: Keras would save it with the slots
            self.model.make_train_function(force=True)

    def on_train_batch_begin(self, batch, logs=None):
        schedule = self._schedule
        self.rates.append(float(schedule(self._step)))
        self.model.optimizer.learning_rate = self.rates[-1]
        if self._momentum:
            beta = float(one_cycle_momentum(self._step, schedule.steps, *self._momentum, schedule.final_steps))
            self.momenta.append(beta)
            self._variable.assign(beta)

    def on_train_batch_end(self, batch, logs=None):
        self._step = len(self.rates)

    def on_train_end(self, logs=None):
        if self._momentum:
            vars(self.model.optimizer)["momentum"] = self._variable.replaced
            self.model.make_train_function(force=True)


class _Coefficient(keras.Variable):
    """A variable in the place of a number above 0: Keras asks ``momentum != 0`` while it compiles the step."""

    def __ne__(self, other):
        return True

    def __gt__(self, other):
        return True

    __hash__ = keras.Variable.__hash__


class CheckSchedule(keras.callbacks.Callback):
    """Warn at the start of ``fit`` if the optimizer's schedule does nothing in this run, or less than it says.

    See :func:`check_schedule`. The steps already done and those of this call count together.

    Raises
    ------
    ValueError
        In ``fit``, if the optimizer has no schedule.

    Warns
    -----
    ScheduleWarning
        If the rate never changes, or a boundary lies beyond the last step.

    Examples
    --------
    >>> CheckSchedule().model is None
    True
    """

    def on_train_begin(self, logs=None):
        schedule = schedule_of(self.model.optimizer)
        require(schedule is not None, "learning_rate", "be a schedule if it is to be checked", schedule)
        if self.params["steps"] is not None:
            done = int(self.model.optimizer.iterations)
            check_schedule(schedule, done + self.params["steps"] * self.params["epochs"])


def _require_number_as_rate(optimizer):
    rule = "be a number: Keras does not let a callback change a schedule"
    require(schedule_of(optimizer) is None, "learning_rate", rule, schedule_of(optimizer))
