"""Every private name of Keras that the package touches, in one place."""

import keras
import numpy as np


def sublayers(layer):
    """Return the layers directly inside ``layer``, in the order in which they were added."""
    inner = getattr(layer, "_layers", None)
    if inner is None:
        raise RuntimeError(
            f"Layers of Keras {keras.__version__} hold their parts in another way than those of Keras 3.6 to 3.15."
        )
    return [part for part in inner if isinstance(part, keras.layers.Layer)]


def all_layers(model):
    """Return a model and every layer in it, at any depth."""
    return [model, *(part for layer in sublayers(model) for part in all_layers(layer))]


class OptimizerHooks(keras.optimizers.Optimizer):
    """What an optimizer needs of Keras beyond its documented methods."""

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        """Compute what all weights share once a step; ``update_step`` receives it in the place of the learning rate.

        A Keras without this hook calls ``update_step`` with the learning rate itself, which works as well.
        """
        return super()._backend_update_step(grads, trainable_variables, self.clock(learning_rate))


def position_of(optimizer, variable):
    """Return the place of ``variable`` among the weights that the optimizer was built for."""
    find = getattr(optimizer, "_get_variable_index", None)
    if find is None:
        raise RuntimeError(
            f"Optimizers of Keras {keras.__version__} number weights in another way than those of Keras 3.6 to 3.15."
        )
    return find(variable)


def learning_rates(optimizer, steps):
    """Return the learning rates of the first ``steps`` updates as a list of NumPy numbers."""
    rate = getattr(optimizer, "_learning_rate", None)
    if rate is None:
        raise RuntimeError(
            f"Optimizers of Keras {keras.__version__} hold their rate in another way than those of Keras 3.6 to 3.15."
        )
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        values = [rate(iteration) for iteration in range(steps)]
    else:
        values = [rate() for _ in range(steps)] if callable(rate) else [np.asarray(rate)] * steps
    return [np.asarray(value)[()] for value in values]


def schedule_of(optimizer):
    """Return the schedule that an optimizer follows, or None if its rate is a number or a function."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def compiled_state(model):
    """Return (dict of layer → ``trainable`` when the model was compiled, dict of the arguments of ``compile``)."""
    trainable, settings = (getattr(model, name, None) for name in ("_compiled_trainable_state", "_compile_config"))
    if trainable is None or not hasattr(settings, "config"):
        raise RuntimeError(
            f"Models of Keras {keras.__version__} note how they were compiled in another way than those of Keras 3.6 "
            "to 3.15."
        )
    return dict(trainable), dict(settings.config)
