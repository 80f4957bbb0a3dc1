r"""What flows through a network: statistics of activations and gradients per layer, saturation, dead units.

Every function takes any built Keras model (Sequential, functional or subclassed, nested or not), runs it once on a
sample of inputs and returns plain records. Nothing of the model is changed. A layer that is called several times, such
as a shared layer or the cell of a recurrent layer, gives one record of all its calls.

Slopes are the derivative of the layer's activation at its own inputs, by automatic differentiation, so they hold for
functions of your own too. They exist for functions that work element by element; softmax has none.
"""

import contextlib
from dataclasses import dataclass

import keras
import numpy as np

from handson11._check import require, require_number
from handson11._keras import sublayers

ACTIVATION_LAYERS = ("ReLU", "LeakyReLU", "PReLU", "RReLU", "ELU")
"""Classes of layers that are activation functions themselves."""


@dataclass(frozen=True)
class LayerOutputs:
    """The arrays that one layer produced.

    Parameters
    ----------
    layer : str
        Name of the layer; inside a nested model "outer/inner".
    outputs : array of shape (n, ...)
        What the layer returned.
    activation : str or None
        Name of its activation function, "linear" if it has one that does nothing.
    inputs : array of shape (n, ...) or None
        What the activation function received (the pre-activation z).
    slopes : array of shape (n, ...) or None
        Derivative of the activation function at ``inputs``; None without one that works element by element.

    Examples
    --------
    >>> LayerOutputs("hidden", np.zeros((2, 3)), None, None, None).outputs.shape
    (2, 3)
    """

    layer: str
    outputs: np.ndarray
    activation: str | None
    inputs: np.ndarray | None
    slopes: np.ndarray | None


@dataclass(frozen=True)
class ActivationStatistics:
    """Statistics of one layer's outputs over all inputs and units.

    Parameters
    ----------
    layer : str
        Name of the layer.
    activation : str or None
        Name of its activation function.
    mean, std, rms, minimum, maximum : float
        Mean, standard deviation, root of the mean square, smallest and largest output.
    zeros : float
        Share of outputs that are exactly 0, from 0 to 1.
    saturated : float or None
        Share of outputs whose slope is below 0.01 in absolute value, from 0 to 1; see :func:`saturation`.

    Examples
    --------
    >>> ActivationStatistics("hidden", "tanh", 0.0, 1.0, 1.0, -1.0, 1.0, 0.0, 0.5).saturated
    0.5
    """

    layer: str
    activation: str | None
    mean: float
    std: float
    rms: float
    minimum: float
    maximum: float
    zeros: float
    saturated: float | None


@dataclass(frozen=True)
class GradientStatistics:
    """Statistics of the loss gradient of one weight tensor.

    Parameters
    ----------
    layer : str
        Name of the layer that owns the weight.
    weight : str
        Name of the weight, such as "kernel".
    shape : tuple of int
        Its shape.
    norm, rms, mean, maximum : float
        Length, root of the mean square, mean and largest absolute value of the gradient.
    zeros : float
        Share of entries that are exactly 0, from 0 to 1.

    Examples
    --------
    >>> GradientStatistics("hidden", "kernel", (3, 4), 5.0, 1.4, 0.0, 4.0, 0.0).norm
    5.0
    """

    layer: str
    weight: str
    shape: tuple
    norm: float
    rms: float
    mean: float
    maximum: float
    zeros: float


@dataclass(frozen=True)
class Saturation:
    """Share of a layer's activations that are in a flat part of their function.

    Parameters
    ----------
    layer, activation : str
        Names of the layer and of its activation function.
    share : float
        Share with a slope below the threshold, from 0 to 1.
    below, above : float
        The parts of ``share`` with a negative and with a positive pre-activation.

    Examples
    --------
    >>> Saturation("hidden", "sigmoid", 0.3, 0.1, 0.2).share
    0.3
    """

    layer: str
    activation: str
    share: float
    below: float
    above: float


@dataclass(frozen=True)
class DeadUnits:
    """The units of a layer that cannot learn from any of the inputs.

    Parameters
    ----------
    layer, activation : str
        Names of the layer and of its activation function.
    dead : array of shape (units,), bool
        True where the slope is exactly 0 on every input.

    Examples
    --------
    >>> record = DeadUnits("hidden", "relu", np.array([True, False, False, False]))
    >>> record.count, record.share
    (1, 0.25)
    """

    layer: str
    activation: str
    dead: np.ndarray

    @property
    def count(self):
        """Number of dead units."""
        return int(self.dead.sum())

    @property
    def share(self):
        """Share of dead units, from 0 to 1."""
        return float(self.dead.mean())


@dataclass(frozen=True)
class EpochStatistics:
    """What :class:`StatisticsCallback` records at one moment.

    Parameters
    ----------
    epoch : int
        Epochs finished so far; 0 is before training.
    activations : list of ActivationStatistics
        One per layer.
    gradients : list of GradientStatistics
        One per kernel.

    Examples
    --------
    >>> EpochStatistics(0, [], []).epoch
    0
    """

    epoch: int
    activations: list
    gradients: list


def layer_outputs(model, x, training=False):
    """Run the model once and return what every layer made of ``x``.

    Parameters
    ----------
    model : keras.Model
        Any built model.
    x : array or tensor of shape (n, ...), or a list or dict of them
        A sample of inputs, a few thousand at most: all outputs are kept in memory.
    training : bool, default False
        Whether layers such as batch normalization and dropout behave as in training.

    Returns
    -------
    list of LayerOutputs
        One per layer that has no layers inside, in the order of the computation.

    Raises
    ------
    TypeError, ValueError
        If the model is not a built Keras model, or ``x`` has the wrong shape, holds NaN, infinity or integers (images
        that nobody has scaled). Models with an Embedding layer take integers.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "relu", kernel_initializer="ones")])
    >>> [record] = layer_outputs(model, np.array([[1.0, 2.0], [-3.0, 1.0]]))
    >>> record.outputs.ravel().tolist(), record.slopes.ravel().tolist()
    ([3.0, 0.0], [1.0, 0.0])
    """
    x = _check_inputs(model, x)
    calls = {}
    with contextlib.ExitStack() as stack:
        for name, layer in _walk(model):
            if not sublayers(layer):
                stack.enter_context(_recorded(layer, name, calls))
        model(x, training=training)
    return [_merged(name, records) for name, records in calls.items()]


def activation_statistics(model, x, training=False, threshold=0.01):
    r"""Return mean, standard deviation, root mean square, range, zeros and saturation of every layer's outputs.

    .. math:: \mathrm{rms} = \sqrt{\tfrac{1}{n}\textstyle\sum a^2} = \sqrt{\mathrm{mean}^2 + \mathrm{std}^2}

    Parameters
    ----------
    model, x, training
        As in :func:`layer_outputs`.
    threshold : float, default 0.01
        Slopes below it, in absolute value, count as saturated.

    Returns
    -------
    list of ActivationStatistics
        One per layer, in the order of the computation.

    Raises
    ------
    TypeError, ValueError
        As in :func:`layer_outputs`.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), "Understanding the difficulty of training deep feedforward neural networks",
    figures 2–4.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "relu", kernel_initializer="ones")])
    >>> [record] = activation_statistics(model, np.array([[-2.0], [0.0], [3.0]]))
    >>> record.mean, record.maximum, round(record.zeros, 3)
    (1.0, 3.0, 0.667)
    """
    require_number("threshold", threshold, "be a finite number > 0", low=0, open_low=True)
    result = []
    for record in layer_outputs(model, x, training):
        a = record.outputs
        saturated = None if record.slopes is None else float(np.mean(np.abs(record.slopes) < threshold))
        result.append(
            ActivationStatistics(
                record.layer, record.activation, float(a.mean()), float(a.std()), float(np.sqrt(np.mean(a * a))),
                float(a.min()), float(a.max()), float(np.mean(a == 0)), saturated,
            )
        )  # fmt: skip
    return result


def gradient_statistics(model, x, y, loss=None, kernels_only=True, training=False):
    r"""Return length, root mean square, mean, largest entry and zeros of the loss gradient of every weight.

    .. math:: \nabla_W J = \frac{\partial}{\partial W}\, \frac1n \sum_{i=1}^{n} \mathrm{loss}\big(y_i, f(x_i)\big)

    plus the gradient of the model's own penalties (``model.losses``), as in training.

    Parameters
    ----------
    model, x
        As in :func:`layer_outputs`.
    y : array of shape (n, ...)
        The targets.
    loss : str, function or keras.losses.Loss, optional
        Default: the loss that the model was compiled with.
    kernels_only : bool, default True
        Whether biases and other weights with a single axis are left out.
    training : bool, default False
        Whether layers such as batch normalization and dropout behave as in training.

    Returns
    -------
    list of GradientStatistics
        One per trainable weight, from the input to the output.

    Raises
    ------
    TypeError, ValueError
        As in :func:`layer_outputs`; also if ``y`` does not match ``x`` or there is no loss.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), "Understanding the difficulty of training deep feedforward neural networks",
    figures 7–9.

    Examples
    --------
    The loss (2w − 1)² has the gradient 2·2·(2w − 1) = 4 at w = 1:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> [record] = gradient_statistics(model, np.array([[2.0]]), np.array([[1.0]]), loss="mse")
    >>> record.layer == model.layers[0].name, record.weight, record.norm
    (True, 'kernel', 4.0)
    """
    import tensorflow as tf

    x = _check_inputs(model, x)
    y = np.asarray(y)
    n = len(keras.tree.flatten(x)[0])
    require(y.ndim > 0 and len(y) == n, "y", f"hold one target for each of the {n} inputs", y)
    require(y.dtype.kind in "biuf", "y", "hold numbers", y, TypeError)
    require(bool(np.all(np.isfinite(y))), "y", "hold finite numbers, no NaN", y)
    loss = _check_loss(model, loss)
    owners = [(name, weight) for name, layer in _walk(model) for weight in _own_weights(layer)]
    owners = [(name, w) for name, w in owners if len(w.shape) > 1 or not kernels_only]
    with tf.GradientTape() as tape:
        value = keras.ops.mean(loss(y, model(x, training=training))) + sum(model.losses)
    gradients = tape.gradient(value, [w.value for _, w in owners], unconnected_gradients="zero")
    result = []
    for (name, weight), gradient in zip(owners, gradients, strict=True):
        g = tf.convert_to_tensor(gradient).numpy().astype("float64")
        norm, rms = float(np.sqrt(np.sum(g * g))), float(np.sqrt(np.mean(g * g)))
        result.append(
            GradientStatistics(
                name, weight.name, g.shape, norm, rms, float(g.mean()), float(np.abs(g).max()), float(np.mean(g == 0))
            )
        )
    return result


def saturation(model, x, threshold=0.01, training=False):
    r"""Return, for every activation function, the share of its outputs that lie in a flat part.

    .. math:: \text{saturated} \iff |f'(z)| < 0.01

    For the logistic function this means :math:`|z| \ge 4.6`, for tanh :math:`|z| \ge 3.0`, for ReLU every negative z.

    Parameters
    ----------
    model, x, training
        As in :func:`layer_outputs`.
    threshold : float, default 0.01
        The slope below which a unit counts as saturated.

    Returns
    -------
    list of Saturation
        One per layer with a nonlinear activation function that works element by element.

    Raises
    ------
    TypeError, ValueError
        As in :func:`layer_outputs`.

    References
    ----------
    Glorot, X. and Bengio, Y. (2010), "Understanding the difficulty of training deep feedforward neural networks",
    section 3.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
    >>> [record] = saturation(model, np.array([[-9.0], [0.0], [5.0], [6.0]]))
    >>> record.share, record.below, record.above
    (0.75, 0.25, 0.5)
    """
    require_number("threshold", threshold, "be a finite number > 0", low=0, open_low=True)
    result = []
    for record in _nonlinear(layer_outputs(model, x, training)):
        flat, z = np.abs(record.slopes) < threshold, record.inputs
        parts = [float(np.mean(part)) for part in (flat, flat & (z < 0), flat & (z > 0))]
        result.append(Saturation(record.layer, record.activation, *parts))
    return result


def dead_units(model, x, training=False):
    r"""Return, for every activation function, the units whose slope is exactly 0 on all inputs.

    .. math:: \text{unit } j \text{ is dead} \iff f'(z_j(x_i)) = 0 \text{ for every input } x_i

    A dead unit passes no gradient to its incoming weights. "Negative on all inputs" is not enough: a leaky unit still
    learns then. Units are the entries of the last axis; time steps and image positions count as further inputs.

    Parameters
    ----------
    model, training
        As in :func:`layer_outputs`.
    x : array or tensor of shape (n, ...)
        All training inputs, or a large sample of them: a unit is only as dead as the sample is complete.

    Returns
    -------
    list of DeadUnits
        One per layer with a nonlinear activation function that works element by element.

    Raises
    ------
    TypeError, ValueError
        As in :func:`layer_outputs`.

    References
    ----------
    Maas, A. L., Hannun, A. Y. and Ng, A. Y. (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])
    >>> [record] = dead_units(model, np.array([[1.0, -1.0], [-2.0, -3.0]]))
    >>> record.dead.tolist()
    [False, True]
    """
    return [
        DeadUnits(r.layer, r.activation, np.all(r.slopes == 0, axis=tuple(range(r.slopes.ndim - 1))))
        for r in _nonlinear(layer_outputs(model, x, training))
    ]


class StatisticsCallback(keras.callbacks.Callback):
    """Record activation and gradient statistics of a fixed sample before training and after epochs of ``fit``.

    Parameters
    ----------
    x : array of shape (n, ...)
        The sample, a few hundred inputs.
    y : array of shape (n, ...)
        Its targets.
    every : int, default 1
        Record after every so many epochs.
    loss : str, function or keras.losses.Loss, optional
        Default: the loss of the model.

    Attributes
    ----------
    records : list of EpochStatistics
        What was recorded, in order; the first one is the untrained model.

    Raises
    ------
    TypeError, ValueError
        If ``every`` is not an integer of at least 1; when training starts, as in :func:`gradient_statistics`.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> x, y = np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]])
    >>> statistics = StatisticsCallback(x, y, every=2)
    >>> history = model.fit(x, y, epochs=4, verbose=0, callbacks=[statistics])
    >>> [record.epoch for record in statistics.records]
    [0, 2, 4]
    """

    def __init__(self, x, y, every=1, loss=None):
        super().__init__()
        require_number("every", every, "be an integer >= 1", low=1)
        require(int(every) == every, "every", "be an integer >= 1", every)
        self.x, self.y, self.every, self.loss = x, y, every, loss
        self.records = []
        self._epochs = 0

    def on_train_begin(self, logs=None):
        """Record the model before its first epoch."""
        if not self.records:
            self._record()

    def on_epoch_end(self, epoch, logs=None):
        """Record the model after every ``every`` epochs."""
        self._epochs += 1
        if self._epochs % self.every == 0:
            self._record()

    def _record(self):
        activations = activation_statistics(self.model, self.x)
        gradients = gradient_statistics(self.model, self.x, self.y, self.loss)
        self.records.append(EpochStatistics(self._epochs, activations, gradients))


def _walk(model):
    """Yield (name, layer) for the model itself and every layer in it, each once, outer before inner."""
    seen = set()

    def visit(layer, name):
        if id(layer) not in seen:
            seen.add(id(layer))
            yield name, layer
            for inner in sublayers(layer):
                yield from visit(inner, inner.name if layer is model else f"{name}/{inner.name}")

    return visit(model, model.name)


def _own_weights(layer):
    """Return the trainable weights that belong to the layer itself, not to a layer inside it."""
    inner = {id(w) for part in sublayers(layer) for w in part.trainable_variables}
    return [w for w in layer.trainable_variables if id(w) not in inner]


@contextlib.contextmanager
def _recorded(layer, name, calls):
    """Let ``layer`` note its outputs and the inputs of its activation in ``calls[name]`` while the context is open."""
    if isinstance(layer, keras.layers.InputLayer):
        yield
        return
    call = layer.call
    activation = vars(layer).get("activation")
    is_activation_layer = type(layer).__name__ in ACTIVATION_LAYERS
    is_cell = type(layer).__name__.endswith("Cell")
    before = []

    def recording_activation(z):
        before.append(z)
        return activation(z)

    def recording_call(inputs, *args, **kwargs):
        before.clear()
        outputs = call(inputs, *args, **kwargs)
        first = keras.tree.flatten(outputs)[0]
        if is_activation_layer:
            record = (first, type(layer).__name__, inputs, _slopes(lambda z: call(z, *args, **kwargs), inputs))
        elif before:
            function_name = getattr(activation, "__name__", type(activation).__name__)
            record = (first, function_name, before[-1], _slopes(activation, before[-1], check=True))
        else:
            record = (first, None, None, None)
        record = tuple(map(_plain, record))
        if is_cell and len(calls.get(name, ())) == 1 and np.array_equal(calls[name][0][0], record[0]):
            calls[name].clear()  # Keras runs the first step of a loop once more, to learn the shape of its outputs
        calls.setdefault(name, []).append(record)
        return outputs

    layer.call = recording_call
    if activation is not None:
        layer.activation = recording_activation
    try:
        yield
    finally:
        del layer.call
        if activation is not None:
            layer.activation = activation


def _slopes(function, z, check=False):
    """Return the derivative of an elementwise function at every entry of ``z``; None if it mixes entries."""
    import tensorflow as tf

    z = tf.convert_to_tensor(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        values = function(z)
    if check:
        with_zero = function(tf.stack([z, tf.zeros_like(z)], axis=-1))  # an elementwise function ignores the zeros
        alike = values.shape == z.shape and np.allclose(values, with_zero[..., 0], 1e-2, 1e-6, equal_nan=True)
        if not alike:
            return None
    return tape.gradient(values, z, unconnected_gradients="zero")


def _plain(item):
    """Return tensors as float64 arrays, names and None as they are."""
    if item is None or isinstance(item, str):
        return item
    return keras.ops.convert_to_numpy(item).astype("float64")


def _merged(name, records):
    """Return one record of all calls of a layer."""
    outputs, activation, inputs, slopes = zip(*records, strict=True)

    def joined(arrays):
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    return LayerOutputs(name, joined(outputs), activation[0], joined(inputs), joined(slopes))


def _nonlinear(records):
    """Return the records of layers with a nonlinear activation that works element by element."""
    return [r for r in records if r.slopes is not None and r.activation != "linear"]


def _check_inputs(model, x):
    """Return ``x`` as arrays after checking model and inputs."""
    require(isinstance(model, keras.Model), "model", "be a Keras model", model, TypeError)
    require(model.built, "model", "be built: give it a keras.Input or call it on a batch first", model)
    specs = getattr(model, "inputs", None) or []
    several = isinstance(x, dict) or (isinstance(x, list | tuple) and len(specs) != 1 and hasattr(x[0], "shape"))
    parts = keras.tree.map_structure(np.asarray, x) if several else np.asarray(x)
    arrays = keras.tree.flatten(parts)
    takes_integers = any(isinstance(layer, keras.layers.Embedding) for _, layer in _walk(model))
    for array in arrays:
        require(array.ndim > 0 and len(array) > 0, "x", "hold at least one input", array)
        if not (takes_integers and array.dtype.kind in "iu"):
            rule = "hold floating-point numbers; scale integer images first, for instance x / 255.0"
            require("float" in str(array.dtype), "x", rule, array, TypeError)
            require(bool(np.all(np.isfinite(array))), "x", "hold finite numbers, no NaN", array)
    if specs and not isinstance(x, dict):
        require(len(arrays) == len(specs), "x", f"be a list of {len(specs)} arrays, one per input", x)
        for array, spec in zip(arrays, specs, strict=True):
            wanted = tuple(spec.shape)
            fits = len(wanted) == array.ndim and all(
                w in (None, a) for w, a in zip(wanted[1:], array.shape[1:], strict=True)
            )
            require(fits, "x", f"have the shape {wanted}", array)
    return parts


def _check_loss(model, loss):
    """Return the loss as a function of targets and outputs."""
    if loss is None:
        loss = getattr(model, "loss", None)
        require(loss is not None, "loss", "be given, because the model is not compiled", loss)
    require(isinstance(loss, str) or callable(loss), "loss", "be one loss: a name, a function or a keras.losses.Loss",
            loss, TypeError)  # fmt: skip
    return keras.losses.get(loss) if isinstance(loss, str) else loss
