"""Learning rates that change with the number of the step: pure functions of t, and Keras schedules around them."""

import inspect
import warnings

import keras
import numpy as np
from keras import ops

from handson11._array import namespace
from handson11._check import require, require_number


class ScheduleWarning(UserWarning):
    """A schedule does not do in the planned run what it was written for."""


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    r"""Turn one pure method ``rate`` into a Keras schedule.

    .. math:: \eta_t = \text{rate}(t), \qquad t = 0, 1, 2, \dots

    Parameters
    ----------
    name : str, optional
        A name for messages.

    Notes
    -----
    Called with NumPy arrays or numbers, a schedule computes in NumPy with float64; called by an optimizer, with
    tensors of float32. t counts the updates that are already done, so the first update has the rate of t = 0.

    Examples
    --------
    >>> class Halving(Schedule):
    ...     def rate(self, t):
    ...         return 0.5**t
    >>> Halving()(np.arange(4))
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    def __init__(self, name=None):
        super().__init__()
        self.name = type(self).__name__ if name is None else name

    def rate(self, t):
        """Return the learning rates at the steps ``t``. Pure: operators and functions of ``namespace(t)`` only."""
        raise NotImplementedError(f"{type(self).__name__} has no rule yet: write its method `rate`")

    def __call__(self, step):
        """Return the learning rate of a step: a NumPy number or array for NumPy input, otherwise a tensor."""
        if namespace(step) is np:
            return self.rate(np.asarray(step, dtype="float64"))[()]
        return self.rate(ops.cast(step, "float32"))

    def get_config(self):
        """Return the arguments of the constructor as a dictionary that can be saved."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }


@keras.saving.register_keras_serializable(package="handson11")
class PowerDecay(Schedule):
    r"""Power scheduling: the rate falls fast first, then ever more slowly.

    .. math:: \eta_t = \frac{\eta_0}{(1 + t / s)^c}

    Parameters
    ----------
    initial_learning_rate : float, above 0
        η₀.
    decay_steps : float, above 0
        s: with c = 1 the rate is halved after s steps, and a third of η₀ after 2 s.
    power : float, at least 0, default 1.0
        c.
    name : str, optional
        A name for messages.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Notes
    -----
    With c = 1 equals ``keras.optimizers.schedules.InverseTimeDecay(η₀, s, decay_rate=1.0)`` to 1e-6.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Learning Rate Scheduling".

    Examples
    --------
    >>> PowerDecay(0.02, decay_steps=100)(np.array([0, 100, 300]))
    array([0.02 , 0.01 , 0.005])
    """

    def __init__(self, initial_learning_rate, decay_steps, power=1.0, name=None):
        super().__init__(name)
        self.initial_learning_rate = _positive("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.power = float(require_number("power", power, "be a finite number >= 0", low=0))

    def rate(self, t):
        return self.initial_learning_rate / (1 + t / self.decay_steps) ** self.power


@keras.saving.register_keras_serializable(package="handson11")
class ExponentialDecay(Schedule):
    r"""Exponential scheduling: the same factor every s steps.

    .. math:: \eta_t = \eta_0\, r^{\,t / s}

    Parameters
    ----------
    initial_learning_rate : float, above 0
        η₀.
    decay_steps : float, above 0
        s, the number of steps after which the rate has been multiplied by r.
    decay_rate : float, above 0, default 0.1
        r.
    staircase : bool, default False
        Whether the rate falls only at s, 2 s, 3 s … (t / s is rounded down).
    name : str, optional
        A name for messages.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range or ``staircase`` is not True or False.

    Notes
    -----
    Equals ``keras.optimizers.schedules.ExponentialDecay`` to 1e-6; there ``decay_rate`` has no default. The rate falls
    by the factor r in s steps, not in one.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Learning Rate Scheduling".

    Examples
    --------
    >>> ExponentialDecay(0.01, decay_steps=20)(np.array([0, 1, 20, 40])).round(5)
    array([0.01   , 0.00891, 0.001  , 0.0001 ])
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate=0.1, staircase=False, name=None):
        super().__init__(name)
        require(isinstance(staircase, bool), "staircase", "be True or False", staircase, TypeError)
        self.initial_learning_rate = _positive("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = _positive("decay_rate", decay_rate)
        self.staircase = staircase

    def rate(self, t):
        passed = t / self.decay_steps
        if self.staircase:
            passed = namespace(t).floor(passed)
        return self.initial_learning_rate * self.decay_rate**passed


@keras.saving.register_keras_serializable(package="handson11")
class PiecewiseConstant(Schedule):
    r"""Piecewise constant scheduling: one rate for each stretch of steps.

    .. math:: \eta_t = v_i \quad\text{for}\quad b_{i-1} < t \le b_i

    Parameters
    ----------
    boundaries : list of numbers
        b: the last step of each stretch but the last one, growing, at least 0.
    values : list of float
        v: the rates, one more than there are boundaries.
    name : str, optional
        A name for messages.

    Raises
    ------
    TypeError, ValueError
        If the boundaries do not grow, a rate is negative, or there is not one rate more than boundaries.

    Notes
    -----
    Equals ``keras.optimizers.schedules.PiecewiseConstantDecay`` exactly. A boundary beyond the last step of a run does
    nothing and is easily overlooked: see :func:`check_schedule`.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Learning Rate Scheduling".

    Examples
    --------
    >>> PiecewiseConstant([5, 15], [0.01, 0.005, 0.001])(np.array([0, 5, 6, 15, 16]))
    array([0.01 , 0.01 , 0.005, 0.005, 0.001])
    """

    def __init__(self, boundaries, values, name=None):
        super().__init__(name)
        boundaries, values = list(boundaries), list(values)
        fits = len(values) == len(boundaries) + 1
        require(fits, "values", f"have {len(boundaries) + 1} rates, one more than boundaries", values)
        for boundary in boundaries:
            require_number("boundaries", boundary, "hold finite numbers >= 0", low=0)
        for value in values:
            require_number("values", value, "hold finite numbers >= 0", low=0)
        grows = all(a < b for a, b in zip(boundaries, boundaries[1:], strict=False))
        require(grows, "boundaries", "grow from one to the next", boundaries)
        self.boundaries, self.values = boundaries, values

    def rate(self, t):
        xp = namespace(t)
        rate = xp.full_like(t, self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = xp.where(t > boundary, xp.full_like(t, value), rate)
        return rate


@keras.saving.register_keras_serializable(package="handson11")
class OneCycle(Schedule):
    r"""1cycle scheduling: up to a high rate, down again, and at last far below the start.

    With a half cycle of h = (T - ℓ) / 2 steps:

    .. math::

        \eta_t = \begin{cases}
        \eta_0 + (\eta_{\max} - \eta_0)\, t / h & 0 \le t \le h \\
        \eta_{\max} + (\eta_0 - \eta_{\max})\, (t - h) / h & h \le t \le 2h \\
        \eta_0 + (\eta_T - \eta_0)\, (t - 2h) / \ell & 2h \le t \le T
        \end{cases}

    Parameters
    ----------
    max_learning_rate : float, above 0
        The highest rate, η_max.
    steps : int, at least 3
        T: all steps of the run, epochs times batches per epoch. After them the rate stays.
    initial_learning_rate : float, above 0, optional
        η₀; a tenth of the highest rate by default.
    final_learning_rate : float, at least 0, optional
        η_T; a thousandth of η₀ by default.
    final_steps : int, optional
        ℓ, the steps of the last descent; a tenth of all by default.
    name : str, optional
        A name for messages.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    Notes
    -----
    Keras has no such schedule. Smith cycles the momentum against the rate: see :func:`one_cycle_momentum` and
    :class:`OneCycleScheduler`.

    References
    ----------
    Smith, L. (2018), "A disciplined approach to neural network hyper-parameters: part 1".

    Examples
    --------
    >>> OneCycle(1.0, steps=100)(np.array([0, 45, 90, 100]))
    array([1.e-01, 1.e+00, 1.e-01, 1.e-04])
    """

    def __init__(
        self,
        max_learning_rate,
        steps,
        initial_learning_rate=None,
        final_learning_rate=None,
        final_steps=None,
        name=None,
    ):
        super().__init__(name)
        self.max_learning_rate = _positive("max_learning_rate", max_learning_rate)
        self.steps = require_number("steps", steps, "be a number of at least 3", low=3)
        given = initial_learning_rate is not None
        self.initial_learning_rate = (
            _positive("initial_learning_rate", initial_learning_rate) if given else self.max_learning_rate / 10
        )
        given = final_learning_rate is not None
        self.final_learning_rate = float(
            require_number("final_learning_rate", final_learning_rate, "be a finite number >= 0", low=0)
            if given
            else self.initial_learning_rate / 1000
        )
        self.final_steps = self.steps / 10 if final_steps is None else final_steps
        rule = "be above 0 and below the number of steps"
        require_number("final_steps", self.final_steps, rule, low=0, high=steps, open_low=True, open_high=True)

    def rate(self, t):
        low, high, last = self.initial_learning_rate, self.max_learning_rate, self.final_learning_rate
        return _cycle(t, self.steps, self.final_steps, (low, high, low, last))


def one_cycle_momentum(t, steps, max_momentum=0.95, min_momentum=0.85, final_steps=None):
    r"""Return the momentum that goes with :class:`OneCycle`: low where the rate is high.

    .. math:: \beta_0 = \beta_{2h} = \beta_T = \beta_{\max}, \qquad \beta_h = \beta_{\min},
        \qquad \text{straight lines between}

    Parameters
    ----------
    t : number, array or tensor
        Steps done.
    steps : int
        T, as for :class:`OneCycle`.
    max_momentum, min_momentum : float in [0, 1], defaults 0.95 and 0.85
        The momentum at the start and the end, and at the highest rate.
    final_steps : number, optional
        ℓ, as for :class:`OneCycle`.

    Returns
    -------
    number, array or tensor
        The momentum, of the shape of ``t``.

    Raises
    ------
    TypeError, ValueError
        If a momentum is not in [0, 1].

    References
    ----------
    Smith, L. (2018), "A disciplined approach to neural network hyper-parameters: part 1".

    Examples
    --------
    >>> one_cycle_momentum(np.array([0, 45, 90, 100]), steps=100)
    array([0.95, 0.85, 0.95, 0.95])
    """
    for name, value in (("max_momentum", max_momentum), ("min_momentum", min_momentum)):
        require_number(name, value, "be in [0, 1]", low=0, high=1)
    final_steps = steps / 10 if final_steps is None else final_steps
    t = np.asarray(t, dtype="float64") if namespace(t) is np else ops.cast(t, "float32")
    return _cycle(t, steps, final_steps, (max_momentum, min_momentum, max_momentum, max_momentum))


def check_schedule(schedule, steps):
    """Warn if a schedule does nothing in a run, or less than it says.

    Parameters
    ----------
    schedule : LearningRateSchedule
        Ours or Keras' own.
    steps : int, at least 1
        Updates of the planned run: epochs times batches per epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.

    Warns
    -----
    ScheduleWarning
        If the rate never changes, or a boundary lies beyond the last step.

    Notes
    -----
    The rate is read at 1,000 evenly spaced steps at most.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     check_schedule(PiecewiseConstant([5000], [0.01, 0.001]), steps=1000)
    >>> print(caught[0].message)
    PiecewiseConstant: boundary 5000 is never passed in a run of 1000 steps. Boundaries count steps, not epochs.
    """
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    require(is_schedule, "schedule", "be a LearningRateSchedule", schedule, TypeError)
    require_number("steps", steps, "be at least 1", low=1)
    looked_at = np.unique(np.linspace(0, int(steps) - 1, min(int(steps), 1000)).astype(int))
    rates = np.array([float(schedule(int(t))) for t in looked_at])
    name = type(schedule).__name__
    late = [boundary for boundary in getattr(schedule, "boundaries", ()) if boundary >= steps - 1]
    if late:
        which = f"boundary {late[0]} is" if len(late) == 1 else f"boundaries {', '.join(map(str, late))} are"
        text = f"{which} never passed in a run of {int(steps)} steps. Boundaries count steps, not epochs."
        warnings.warn(f"{name}: {text}", ScheduleWarning, stacklevel=2)
    elif steps > 1 and np.ptp(rates) <= 1e-3 * rates.max():
        text = f"the rate changes by less than a thousandth in a run of {int(steps)} steps."
        warnings.warn(f"{name}: {text}", ScheduleWarning, stacklevel=2)


def _cycle(t, steps, final_steps, corners):
    """Return straight lines through four values at 0, h, 2h and T; the last value afterwards."""
    xp = namespace(t)
    half = (steps - final_steps) / 2
    first, second, third, last = corners
    t = xp.minimum(t, steps)

    def between(a, b, share):
        return a * (1 - share) + b * share

    up, down = between(first, second, t / half), between(second, third, (t - half) / half)
    end = between(third, last, (t - 2 * half) / final_steps)
    return xp.where(t <= half, up, xp.where(t <= 2 * half, down, end))


def _positive(name, value):
    return float(require_number(name, value, "be a finite number > 0", low=0, open_low=True))
