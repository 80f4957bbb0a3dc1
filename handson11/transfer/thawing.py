"""Gradual unfreezing inside ``fit``: more layers learn as the epochs go by, and the optimizer keeps what it knows."""

import re

import keras
import numpy as np

from handson11._check import require, require_number
from handson11._keras import compiled_state, schedule_of
from handson11.transfer.tools import unfreeze


class GradualUnfreezing(keras.callbacks.Callback):
    r"""Thaw layers from the top while ``fit`` runs, and lower the rate each time.

    .. math:: \eta \leftarrow \lambda\,\eta \qquad \text{at every epoch of the plan}

    Parameters
    ----------
    plan : dict of int → int
        Epoch, counted from 0 → how many layers are free from its start on, counted from the top; only those with
        weights count. The numbers must grow. What is free before the first epoch of the plan is what is not frozen when
        ``fit`` begins, see :func:`freeze`.
    factor : float in (0, 1], default 1.0
        λ. With 1 the rate stays, and it may be a schedule.

    Attributes
    ----------
    thawed : list of (int, list of str)
        Epoch and the names of the layers that were thawed at its start.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range; in ``fit``, if the plan asks for more layers than there are, or if the rate
        is a schedule and ``factor`` is not 1.

    Notes
    -----
    Changing ``trainable`` is not enough: Keras has to compile again, and an optimizer refuses weights it was not built
    for. So each thawing compiles the model again with a new optimizer of the same settings, copies the old one's state
    (steps, momenta, …) to the weights that were free before, and builds a new training step. Loss, metrics,
    ``steps_per_execution`` and ``jit_compile`` stay. The name ``model.optimizer`` means the new optimizer from then on.
    Checkpoints made after a thawing therefore hold the state of all free weights.

    References
    ----------
    Howard, J. and Ruder, S. (2018), "Universal Language Model Fine-tuning for Text Classification".

    Examples
    --------
    >>> from handson11.transfer import freeze
    >>> layers = [keras.layers.Dense(3, name="lower"), keras.layers.Dense(1, name="head")]
    >>> model = keras.Sequential([keras.Input((2,)), *layers])
    >>> _ = freeze(layers[0])
    >>> model.compile(keras.optimizers.SGD(0.5, momentum=0.9), "mse")
    >>> gradual = GradualUnfreezing({2: 2}, factor=0.1)
    >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=4, verbose=0, callbacks=[gradual])
    >>> gradual.thawed, round(float(model.optimizer.learning_rate), 6)
    ([(2, ['lower'])], 0.05)
    """

    def __init__(self, plan, factor=1.0):
        super().__init__()
        require(isinstance(plan, dict) and bool(plan), "plan", "be a dict of epoch → number of layers", plan, TypeError)
        whole = all(isinstance(n, int | np.integer) for pair in plan.items() for n in pair)
        require(whole, "plan", "have integers only", plan, TypeError)
        require(min(plan) >= 0, "plan", "have no epoch below 0", plan)
        counts = [plan[epoch] for epoch in sorted(plan)]
        grows = all(low < high for low, high in zip([0, *counts], counts, strict=False))
        require(grows, "plan", "free more layers at each of its epochs", plan)
        self.plan = dict(plan)
        self.factor = require_number("factor", factor, "be above 0 and at most 1", low=0, high=1, open_low=True)
        self.thawed = []

    def on_train_begin(self, logs=None):
        most = sum(bool(layer.weights) for layer in self.model.layers)
        fits = max(self.plan.values()) <= most
        require(fits, "plan", f"free at most {most} layers, those of the model that have weights", self.plan)
        fixed = self.factor == 1 or schedule_of(self.model.optimizer) is None
        require(fixed, "factor", "be 1 if the learning rate is a schedule", self.factor, TypeError)
        self.thawed = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch not in self.plan:
            return
        frozen = {layer.name for layer in self.model.layers if not layer.trainable}
        names = [name for name in unfreeze(self.model, top=self.plan[epoch]) if name in frozen]
        self.thawed.append((epoch, names))
        compile_again(self.model)
        if self.factor != 1:
            self.model.optimizer.learning_rate = self.factor * float(self.model.optimizer.learning_rate)
        self.model.make_train_function(force=True)


def compile_again(model):
    """Compile a model again as it was compiled, and keep the optimizer's state for all weights it knew.

    Parameters
    ----------
    model : keras.Model
        Compiled, whose ``trainable`` may have changed since then.

    Returns
    -------
    keras.Optimizer
        The model's new optimizer, built for the weights that are trainable now.

    Raises
    ------
    ValueError
        If the model is not compiled, or two of its weights have the same path.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    >>> model.layers[0].trainable = False
    >>> model.compile("adam", "mse")
    >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=4, verbose=0)
    >>> model.layers[0].trainable = True
    >>> optimizer = compile_again(model)
    >>> int(optimizer.iterations)
    2
    """
    require(getattr(model, "compiled", False), "model", "be compiled", model)
    old = model.optimizer
    new = type(old).from_config(old.get_config())
    model.compile(**{**compiled_state(model)[1], "optimizer": new})
    new.build(model.trainable_variables)
    known = {_name_of(variable): variable for variable in old.variables}
    different = len(known) == len(old.variables)
    require(different, "model", "have a different path for each weight, so that each one's state is found", model)
    for variable in new.variables:
        if _name_of(variable) in known:
            variable.assign(known[_name_of(variable)])
    return new


def _name_of(variable):
    """Return the path of an optimizer's variable; Keras numbers those without a name, such as Nadam's product."""
    return re.sub(r"^(.*/)?variable(_\d+)?$", "variable", variable.path)
