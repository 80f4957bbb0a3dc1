"""From one pure update rule to a whole Keras optimizer, and to a path in NumPy."""

import inspect

import keras
import numpy as np
from keras import ops

from handson11._array import namespace
from handson11._check import require, require_number
from handson11._keras import OptimizerHooks, learning_rates, position_of

# The numbers among the arguments of every Keras optimizer: the rule and the bounds.
_SHARED = {
    "weight_decay": ("be a finite number >= 0", {"low": 0}),
    "clipnorm": ("be a finite number > 0", {"low": 0, "open_low": True}),
    "clipvalue": ("be a finite number > 0", {"low": 0, "open_low": True}),
    "global_clipnorm": ("be a finite number > 0", {"low": 0, "open_low": True}),
    "ema_momentum": ("be in [0, 1]", {"low": 0, "high": 1}),
    "loss_scale_factor": ("be a finite number > 0", {"low": 0, "open_low": True}),
}


class Optimizer(OptimizerHooks):
    r"""Turn one pure method ``step`` into a Keras optimizer.

    .. math:: \theta \leftarrow \theta + \Delta(g, t, \eta, \text{slots}), \qquad g = \nabla_\theta J(\theta)

    A subclass says two things: ``slots``, the memory of each weight, and ``step``, the rule.

    Parameters
    ----------
    learning_rate : float, schedule or function
        The learning rate η: a number of at least 0, a ``keras.optimizers.schedules.LearningRateSchedule``, or a
        function without arguments that returns a number.
    **kwargs
        The arguments of every Keras optimizer, by keyword: ``weight_decay``, ``clipnorm``, ``clipvalue``,
        ``global_clipnorm``, ``use_ema``, ``ema_momentum``, ``ema_overwrite_frequency``, ``loss_scale_factor``,
        ``gradient_accumulation_steps`` and ``name``.

    Attributes
    ----------
    slots : dict of str to "zeros" or float
        The name and the first value of each array that the rule remembers. Each has the shape of the weight.
    scalar_slots : dict of str to float
        The same for what is one number for each weight. They come after ``slots``.
    zero_keeps : "nothing", "weight" or "all"
        What a gradient of 0 leaves as it is: the weight, or the weight and its slots. For sparse gradients, see the
        notes. A subclass with another rule has to say it again.
    slot_variables : list of lists of Keras variables
        After ``build``: for each weight its slots, in the order of ``slots`` and ``scalar_slots``.

    Raises
    ------
    TypeError, ValueError
        If the learning rate is neither callable nor a finite number of at least 0, or another argument is out of
        its range.

    Notes
    -----
    The class is a ``keras.optimizers.Optimizer``. Clipping, weight decay, the average of the weights, accumulation and
    loss scaling are Keras' own code, in Keras' order; ``step`` sees the gradient that they leave. The configuration is
    read from the constructors: store every argument under its own name.

    Sparse gradients, such as those of ``Embedding``, hold only the rows that a batch has used. Where ``zero_keeps`` is
    "all", as for plain descent and AdaGrad, ``step`` sees these rows alone, and the others cost nothing. With "weight",
    as for RMSProp, it sees all rows, and only these rows of the weight are written. The gradient is made dense before
    anything else where a rule keeps nothing, and for clipping, accumulation and loss scaling. Parts of a row that
    occurs several times are always added first. Keras' own classes, up to 3.15 at least, keep such parts separate when
    they clip and square them, so that ``keras.optimizers.Adam`` divides by another number where a word is repeated in
    a batch.

    Numbers such as ``self.momentum`` become constants of the compiled step. Changing them after the first ``fit`` has
    no effect until ``compile`` is called again, with a new optimizer. The same is true of Keras' optimizers.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Faster Optimizers".

    Examples
    --------
    >>> class SignDescent(Optimizer):
    ...     def step(self, g, t, lr):
    ...         return -lr * namespace(g).sign(g), ()
    >>> trajectory(SignDescent(0.5), gradient=lambda theta: 2 * theta, start=[2.0, -1.0], steps=2)
    array([[ 2. , -1. ],
           [ 1.5, -0.5],
           [ 1. ,  0. ]])
    """

    slots = {}
    scalar_slots = {}
    zero_keeps = "nothing"

    def __init__(self, learning_rate, **kwargs):
        if not callable(learning_rate):
            rule = "be a finite number >= 0, a learning rate schedule or a function without arguments"
            learning_rate = float(require_number("learning_rate", learning_rate, rule, low=0))
        for name, (rule, bounds) in _SHARED.items():
            if kwargs.get(name) is not None:
                require_number(name, kwargs[name], rule, **bounds)
        super().__init__(learning_rate=learning_rate, **kwargs)

    def step(self, g, t, lr, *slots):
        """Return the change of one weight and its new slots. Pure: operators and functions of ``namespace(g)`` only.

        Parameters
        ----------
        g : array or tensor
            The gradient of the weight.
        t : number or scalar tensor
            The number of the update: 1, 2, 3 …
        lr : number or scalar tensor
            The learning rate η of this update.
        *slots : arrays or tensors
            What the rule remembered, in the order of ``slots`` and then of ``scalar_slots``.

        Returns
        -------
        tuple
            (what is added to the weight, tuple of the new slots).
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule yet: write its method `step`")

    def initial_slots(self, w):
        """Return the first slots of one weight, each with its dtype, and with its shape if it is not a scalar.

        Parameters
        ----------
        w : array, tensor or Keras variable
            The weight.

        Returns
        -------
        tuple of arrays or tensors
            NumPy arrays for a NumPy weight, tensors otherwise.
        """
        xp = namespace(w)
        arrays = (xp.full_like(w, _number(value)) for value in self.slots.values())
        scalars = (xp.full((), value, dtype=w.dtype) for value in self.scalar_slots.values())
        return (*arrays, *scalars)

    def build(self, variables):
        """Make the slots of all weights as Keras variables; called by Keras."""
        if self.built:
            return
        super().build(variables)
        self.slot_variables = [
            [
                self.add_variable_from_reference(
                    variable, name=name, initializer=keras.initializers.Constant(_number(value))
                )
                for name, value in self.slots.items()
            ]
            + [
                self.add_variable((), keras.initializers.Constant(value), variable.dtype, name=name)
                for name, value in self.scalar_slots.items()
            ]
            for variable in variables
        ]

    def clock(self, learning_rate):
        """Return (t, η) of this update as tensors, t = 1, 2, 3 …; the weights share them."""
        return ops.cast(self.iterations + 1, "float32"), ops.cast(learning_rate, keras.config.floatx())

    def apply(self, grads, trainable_variables=None):
        """Make sparse gradients dense where the rule or Keras needs it, and update all weights; called by Keras."""
        clipped = self.clipnorm or self.global_clipnorm or self.clipvalue
        if self.zero_keeps == "nothing" or clipped or self.loss_scale_factor or self.gradient_accumulation_steps:
            grads = [_dense(g) for g in grads]
        return super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        """Apply ``step`` to one weight; called by Keras.

        Parameters
        ----------
        gradient : tensor
            The gradient, dense or sparse.
        variable : variable
            One of the weights that the optimizer was built for.
        learning_rate : number, tensor or pair of tensors
            The learning rate, or the pair that ``clock`` returns.
        """
        t, lr = learning_rate if isinstance(learning_rate, tuple) else self.clock(learning_rate)
        slots = self.slot_variables[position_of(self, variable)]
        rows = getattr(gradient, "indices", None)  # None for a dense gradient
        alone = rows is not None and self.zero_keeps == "all"
        g = _row_sums(gradient) if alone else _dense(gradient)
        values = [_take(slot, rows) if alone else ops.convert_to_tensor(slot) for slot in slots]
        change, new_values = self.step(*(ops.cast(x, variable.dtype) for x in (g, t, lr)), *values)
        for slot, value in zip(slots, new_values, strict=True):
            self.assign(slot, type(gradient)(value, rows) if alone else value)
        if rows is None or self.zero_keeps == "nothing":
            self.assign_add(variable, change)
        else:
            change = change if alone else _take(change, rows)
            self.assign(variable, type(gradient)(_take(variable, rows) + change, rows))

    def get_config(self):
        """Return the arguments of the constructor as a dictionary that can be saved."""
        config = super().get_config()
        own_classes = [cls for cls in type(self).__mro__ if issubclass(cls, Optimizer) and "__init__" in vars(cls)]
        for cls in own_classes:
            for name, parameter in inspect.signature(cls.__init__).parameters.items():
                if name not in ("self", *config) and parameter.kind is not parameter.VAR_KEYWORD:
                    value = getattr(self, name)
                    config[name] = getattr(value, "replaced", value)  # a number that a callback varies
        return config


def trajectory(optimizer, gradient, start, steps):
    r"""Follow the bare rule of an optimizer in NumPy and return every position.

    .. math:: \theta_t = (1 - \eta_t \lambda)\, \theta_{t-1}
        + \Delta(\nabla_\theta J(\theta_{t-1}), t, \eta_t, \text{slots}), \qquad t = 1, 2, \dots

    Parameters
    ----------
    optimizer : Optimizer
        Its ``step``, its slots, its rate η and its ``weight_decay`` λ (0 for None) are used. It is not changed:
        each call starts anew.
    gradient : function
        Takes a position and returns the gradient there, of the same shape.
    start : array of numbers, shape (n,)
        The first position. Any other shape works too.
    steps : int, at least 0
        Number of updates.

    Returns
    -------
    array of shape (steps + 1, n)
        The positions, the start first: float32 for a float32 start, otherwise float64. A path that diverges ends in
        infinity or NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, ``steps`` is negative, or the gradient has another shape than the position.

    Notes
    -----
    The rule runs, and ``weight_decay``; clipping, accumulation and the average of the weights are left out. A schedule
    is read at 0, 1, 2 …, as Keras reads it. From a float32 start, the path agrees with ``model.fit`` on the same
    gradients to 1e-6.

    References
    ----------
    Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, chapter 11, "Faster Optimizers".

    Examples
    --------
    >>> from handson11.optimizers import SGD
    >>> trajectory(SGD(0.25), gradient=lambda theta: 2 * theta, start=[8.0, -4.0], steps=2)
    array([[ 8., -4.],
           [ 4., -2.],
           [ 2., -1.]])
    """
    require(isinstance(optimizer, Optimizer), "optimizer", "be one of this package", optimizer, TypeError)
    require(callable(gradient), "gradient", "be a function position → gradient", gradient, TypeError)
    whole = isinstance(steps, int) and not isinstance(steps, bool)
    require(whole, "steps", "be an integer of at least 0", steps, TypeError)
    require(steps >= 0, "steps", "be an integer of at least 0", steps)
    theta = np.asarray(start)
    dtype = np.float32 if theta.dtype == np.float32 else np.float64
    theta = theta.astype(dtype)
    positions, slots, decay = [theta], optimizer.initial_slots(theta), optimizer.weight_decay or 0.0
    for t, rate in enumerate(learning_rates(optimizer, steps), start=1):
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            g = np.asarray(gradient(theta), dtype)
            require(g.shape == theta.shape, "gradient", f"return the shape of the position, {theta.shape}", g)
            eta = dtype(_decimal(rate))
            change, slots = optimizer.step(g, dtype(t), eta, *slots)
            if decay:  # the gradient was taken before
                theta = theta - theta * dtype(decay) * eta
            theta = theta + change
        positions.append(theta)
    return np.stack(positions)


def _number(value):
    """Return the first value of a slot as a number."""
    return 0.0 if value == "zeros" else value


def _dense(gradient):
    """Return a sparse gradient (rows and their numbers) as a dense tensor, equal rows added; any other as it is."""
    return ops.add(gradient, 0.0) if hasattr(gradient, "indices") else gradient


def _take(x, rows):
    """Return some rows of a tensor, or of a variable without reading the others."""
    import tensorflow as tf

    return tf.gather(x.value if isinstance(x, keras.Variable) else x, rows)


def _row_sums(gradient):
    """Return the rows of a sparse gradient; one that occurs several times is its sum each time."""
    import tensorflow as tf

    place = tf.unique(gradient.indices).idx
    sums = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(place))
    return tf.gather(sums, place)


def _decimal(rate):
    """Return a learning rate as it was typed: 0.1, where Keras holds the float32 number 0.10000000149."""
    return float(str(rate)) if rate.dtype == np.float32 else float(rate)
