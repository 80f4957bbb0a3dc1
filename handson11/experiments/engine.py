r"""One training run as one compiled function.

``model.fit`` pays for each Python step and traces every model anew. Here all epochs of a run (batches, gradients,
update rule, evaluation) are one ``tf.function``: the start weights, the order of the batches and the learning rates
are its arguments, so one compilation serves every seed, every rate and every scale of the weights.
"""

import functools
import threading
import time
from dataclasses import dataclass

import numpy as np

from handson11._check import require, require_choice, require_number
from handson11._keras import all_layers
from handson11.optimizers import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSprop,
)


@dataclass(frozen=True)
class Task:
    """Images as float32 rows and their labels, in three parts that never mix.

    Parameters
    ----------
    x_train, x_validation, x_test : array of shape (n, 784), float32
        Standardised pixels.
    y_train, y_validation, y_test : array of shape (n,), int32
        Class numbers 0 … 9.

    Examples
    --------
    >>> rows, labels = np.zeros((4, 784), "float32"), np.zeros(4, "int32")
    >>> Task(rows, labels, rows, labels, rows, labels).x_train.shape
    (4, 784)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def make_task(data, n=5000, seed=0, standardize="global", n_validation=2000):
    r"""Draw ``n`` training images for one seed and standardise all parts by the statistics of that draw.

    .. math:: x \leftarrow \frac{x - \mu}{\sigma}

    Parameters
    ----------
    data : FashionMNIST
        What :func:`handson11.datasets.load_fashion_mnist` returns.
    n : int, default 5000
        Number of training images, at most all of them.
    seed : int, default 0
        Decides which images are drawn.
    standardize : {"global", "pixel", "unit", None}, default "global"
        One mean and one standard deviation for all pixels; one per pixel (0.01 is added to each deviation, because
        border pixels hardly ever change); pixels divided by 255; or the raw 0 … 255.
    n_validation : int, default 2000
        Number of validation images, taken from the validation part.

    Returns
    -------
    Task
        Training rows of shape (n, 784), validation rows of shape (n_validation, 784), all test rows.

    Raises
    ------
    ValueError
        If ``n`` is not between 1 and the number of training images or ``standardize`` is unknown.

    Examples
    --------
    >>> from handson11.datasets import load_fashion_mnist
    >>> make_task(load_fashion_mnist("stand-in"), n=100).x_train.shape
    (100, 784)
    """
    require_number("n", n, f"be between 1 and {len(data.x_train)}", low=1, high=len(data.x_train))
    kinds = ("global", "pixel", "unit", None)
    require(standardize in kinds, "standardize", 'be "global", "pixel", "unit" or None', standardize)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(data.x_train), size=n, replace=False)
    n_validation = min(n_validation, len(data.x_validation))
    chosen_validation = rng.choice(len(data.x_validation), size=n_validation, replace=False)
    parts = [data.x_train[chosen], data.x_validation[chosen_validation], data.x_test]
    rows = [part.reshape(len(part), -1).astype("float32") for part in parts]
    if standardize in ("global", "pixel"):
        axis = None if standardize == "global" else 0
        mean, deviation = rows[0].mean(axis=axis), rows[0].std(axis=axis)
        if standardize == "pixel":
            deviation = deviation + 0.01 * 255
        rows = [(part - mean) / deviation for part in rows]
    elif standardize == "unit":
        rows = [part / 255 for part in rows]
    labels = [data.y_train[chosen], data.y_validation[chosen_validation], data.y_test]
    labels = [part.astype("int32") for part in labels]
    return Task(rows[0], labels[0], rows[1], labels[1], rows[2], labels[2])


@dataclass(frozen=True)
class Run:
    """What one training run measured. After a divergence every loss and accuracy is NaN, never "chance".

    Parameters
    ----------
    losses : array of shape (steps,)
        Loss of each batch before its update.
    epoch_losses : array of shape (epochs,)
        Mean of ``losses`` over each epoch.
    train_loss, validation_loss, test_loss, train_accuracy, validation_accuracy, test_accuracy : float
        Measured after the last step, in inference mode.
    diverged : bool
        True if a loss or a weight became infinite or NaN.
    weights : tuple of arrays
        Trainable, then other variables after the last step, in Keras' order.
    learning_rate : float
        The rate of the first step.
    seed : int
        Seed of the start weights and of the order of batches.

    Examples
    --------
    >>> losses = np.array([2.3, 1.1], "float32")
    >>> Run(losses, losses, 1.0, 1.2, 1.2, 0.6, 0.5, 0.5, False, (), 0.01, 0).diverged
    False
    """

    losses: np.ndarray
    epoch_losses: np.ndarray
    train_loss: float
    validation_loss: float
    test_loss: float
    train_accuracy: float
    validation_accuracy: float
    test_accuracy: float
    diverged: bool
    weights: tuple
    learning_rate: float
    seed: int


OPTIMIZERS = {
    cls.__name__.lower(): cls for cls in (SGD, Momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW, Adamax, Nadam)
}
"""The optimizers that can be called by name, each with its default coefficients."""


# The last task and its tensors, one pair for each thread, shared by its trainers: images take most of the memory.
_LAST = threading.local()


class Trainer:
    r"""Train any Keras classifier as one compiled function.

    Every step computes the batch's mean cross-entropy and applies the optimizer's own ``step`` to its gradient:

    .. math:: \theta \leftarrow \theta + \Delta(\nabla_\theta J, t, \eta)

    Parameters
    ----------
    build : callable
        ``build(seed)`` returns a Keras model whose output is logits of shape (batch, classes). The architecture must
        not depend on the seed; the start weights should.
    optimizer : str or handson11.optimizers.Optimizer, default "momentum"
        The name of one (``OPTIMIZERS``), with its default coefficients, or one of ours. Its ``step`` and its
        ``weight_decay`` are used; its learning rate is not, because every run brings its own.
    clip : callable, optional
        Takes the list of gradients, returns the clipped list.
    jit_compile : bool or "auto", default "auto"
        Whether XLA compiles the run: much faster for dense networks, much slower for convolutions on a CPU.
        ``"auto"`` compiles unless the model has a convolution.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or ``optimizer`` is unknown.

    Notes
    -----
    The same batches in the same order give the losses of ``keras.Model.fit`` up to rounding.

    Examples
    --------
    >>> import keras
    >>> def build(seed):
    ...     start = keras.initializers.GlorotUniform(seed)
    ...     return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, kernel_initializer=start)])
    >>> rng = np.random.default_rng(0)
    >>> rows, labels = rng.normal(size=(64, 784)).astype("float32"), rng.integers(0, 10, 64).astype("int32")
    >>> run = Trainer(build).run(Task(rows, labels, rows, labels, rows, labels), 0, 0.01, epochs=5, batch_size=32)
    >>> run.epoch_losses.shape, bool(run.train_loss < run.losses[0])
    ((5,), True)
    """

    def __init__(self, build, optimizer="momentum", clip=None, jit_compile="auto"):
        require(callable(build), "build", "be a function seed → Keras model", build, TypeError)
        require(clip is None or callable(clip), "clip", "be a function or None", clip, TypeError)
        require(jit_compile in (True, False, "auto"), "jit_compile", 'be True, False or "auto"', jit_compile)
        if not isinstance(optimizer, Optimizer):
            optimizer = OPTIMIZERS[require_choice("optimizer", optimizer, OPTIMIZERS)]()
        self.build = build
        self.optimizer = optimizer
        self.clip = clip
        self.jit_compile = jit_compile

    @functools.cached_property
    def model(self):
        """The Keras model that the compiled function was traced on; its own weights are never trained."""
        return self.build(0)

    @functools.cached_property
    def _compiled(self):
        import tensorflow as tf

        model, clip, step, decay = self.model, self.clip, self.optimizer.step, self.optimizer.weight_decay

        def loss_of(weights, state, x, y):
            logits, state = model.stateless_call(weights, state, x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.cast(logits, tf.float32))
            return tf.reduce_mean(losses), state

        def evaluate(weights, state, parts):
            # One call for all parts: compiling the network once more costs more than joining the images.
            sizes = [x.shape[0] for x, _ in parts]
            images, labels = (tf.concat(arrays, axis=0) for arrays in zip(*parts, strict=True))
            logits, _ = model.stateless_call(weights, state, images, training=False)
            logits = tf.cast(logits, tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            hits = tf.cast(tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels), tf.float32)
            return [tf.reduce_mean(part) for values in (losses, hits) for part in tf.split(values, sizes)]

        def whole_run(weights, slots, state, done, x, y, x_validation, y_validation, x_test, y_test, batches, rates):
            def update(i, weights, slots, state, losses):
                with tf.GradientTape() as tape:
                    tape.watch(weights)
                    loss, state = loss_of(weights, state, tf.gather(x, batches[i]), tf.gather(y, batches[i]))
                gradients = tape.gradient(loss, weights)
                if clip is not None:
                    gradients = clip(gradients)
                t = tf.cast(done + i + 1, tf.float32)
                updates = [step(g, t, rates[i], *slot) for g, slot in zip(gradients, slots, strict=True)]
                if decay:  # after the gradient was taken, as in Keras
                    weights = [w - w * decay * rates[i] for w in weights]
                weights = [w + change for w, (change, _) in zip(weights, updates, strict=True)]
                slots = [list(new_slot) for _, new_slot in updates]
                return i + 1, weights, slots, state, tf.tensor_scatter_nd_update(losses, [[i]], [loss])

            start = (tf.constant(0), weights, slots, state, tf.zeros_like(rates))
            _, weights, slots, state, losses = tf.while_loop(lambda i, *_: i < tf.shape(rates)[0], update, start)
            parts = [(x, y), (x_validation, y_validation), (x_test, y_test)]
            return weights, slots, state, losses, evaluate(weights, state, parts)

        jit_compile = not has_convolution(model) if self.jit_compile == "auto" else self.jit_compile
        # TensorFlow counts traces by code, and would warn of several trainers as of one that is traced again and again.
        # A partial is counted by itself.
        return tf.function(functools.partial(whole_run), jit_compile=jit_compile, autograph=False)

    def run(
        self,
        task,
        seed,
        learning_rate,
        epochs=10,
        batch_size=128,
        start=None,
        seconds=None,
        after_epoch=None,
        model=None,
    ):
        """Train from the start weights of ``seed`` and return a :class:`Run`.

        Parameters
        ----------
        task : Task
            The data.
        seed : int
            Seed of the start weights (through ``build``) and of the order of batches.
        learning_rate : float, array of shape (steps,), or function
            One rate, or one per step: ``steps = epochs * (n // batch_size)``. A function takes the list of the
            validation losses after the epochs so far, empty at first, and returns the rate of the next epoch.
        epochs : int, default 10
            Passes over the training rows; a last incomplete batch of an epoch is left out.
        batch_size : int, default 128
            Rows per step, at most the number of training rows.
        start : callable, optional
            Takes the list of trainable start weights (arrays) and returns the list to use instead.
        seconds : float, optional
            Stop after the first epoch that ends later than this. The clock starts when everything is compiled.
        after_epoch : callable, optional
            Called after every epoch as ``after_epoch(epoch, weights)``, with arrays in the order of ``Run.weights``.
        model : keras.Model, optional
            A model of the same architecture whose weights, frozen ones and moving averages among them, are the start;
            it is not changed. Default: ``build(seed)``.

        Returns
        -------
        Run
            The losses, accuracies and final weights.

        Raises
        ------
        ValueError
            If ``batch_size``, ``epochs``, ``seconds`` or ``learning_rate`` is out of range.
        """
        import tensorflow as tf

        n = len(task.x_train)
        require_number("batch_size", batch_size, f"be between 1 and the {n} training rows", low=1, high=n)
        require_number("epochs", epochs, "be at least 1", low=1)
        if seconds is not None:
            require_number("seconds", seconds, "be above 0", low=0, open_low=True)
        per_epoch = n // batch_size
        rates = _rates_of_steps(learning_rate([]) if callable(learning_rate) else learning_rate, epochs * per_epoch)
        first_rate = float(rates[0])
        rng = np.random.default_rng([seed, 1])
        orders = [rng.permutation(n)[: per_epoch * batch_size] for _ in range(epochs)]
        batches = np.concatenate(orders).reshape(-1, batch_size).astype("int32")
        model = self.build(seed) if model is None else model
        weights = [np.asarray(v) for v in model.trainable_variables]
        weights = [tf.constant(w) for w in (weights if start is None else start(weights))]
        slots = [list(self.optimizer.initial_slots(w)) for w in weights]
        state = [tf.constant(np.asarray(v)) for v in model.non_trainable_variables]
        data = self._tensors(task)

        def steps(first, last, weights, slots, state):
            part = [tf.constant(batches[first:last]), tf.constant(rates[first:last])]
            return self._compiled(weights, slots, state, tf.constant(first), *data, *part)

        if seconds is None and after_epoch is None and not callable(learning_rate):
            weights, _, state, losses, measured = steps(0, len(batches), weights, slots, state)
            losses = losses.numpy()
        else:
            if seconds is not None:
                steps(0, per_epoch, weights, slots, state)  # compiles
            begin, parts, validation_losses = time.perf_counter(), [], []
            for epoch in range(epochs):
                first = epoch * per_epoch
                if callable(learning_rate):
                    rates = _rates_of_steps(learning_rate(validation_losses), epochs * per_epoch)
                weights, slots, state, losses, measured = steps(first, first + per_epoch, weights, slots, state)
                parts.append(losses.numpy())
                validation_losses.append(float(measured[1]))
                if after_epoch is not None:
                    after_epoch(epoch, _arrays(weights, state))
                if seconds is not None and time.perf_counter() - begin > seconds:
                    break
            losses = np.concatenate(parts)
        finite = np.all(np.isfinite(losses)) and all(np.all(np.isfinite(w)) for w in weights)
        measured = [float(value) if finite else float("nan") for value in measured]
        epoch_losses = losses.reshape(-1, per_epoch).mean(axis=1)
        return Run(losses, epoch_losses, *measured, not finite, _arrays(weights, state), first_rate, seed)

    def _tensors(self, task):
        """Return the six parts of ``task`` as tensors; the last task's are kept."""
        import tensorflow as tf

        known, tensors = getattr(_LAST, "data", (None, None))
        if known is not task:
            tensors = [tf.constant(getattr(task, name)) for name in Task.__dataclass_fields__]
            _LAST.data = (task, tensors)
        return tensors

    def trained_model(self, run):
        """Return a new Keras model that holds the final weights of ``run``."""
        model = self.build(run.seed)
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        for variable, value in zip(variables, run.weights, strict=True):
            variable.assign(value)
        return model


def has_convolution(model):
    """Return whether a Keras model contains a convolution, at any depth.

    Examples
    --------
    >>> import keras
    >>> has_convolution(keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]))
    True
    """
    return any("Conv" in type(layer).__name__ for layer in all_layers(model))


def _arrays(weights, state):
    return tuple(np.asarray(value) for value in (*weights, *state))


def _rates_of_steps(learning_rate, steps):
    rates = np.asarray(learning_rate, dtype="float32")
    require(rates.shape in ((), (steps,)), "learning_rate", f"be one number or {steps} numbers", learning_rate)
    usable = bool(np.all(np.isfinite(rates)) and np.all(rates >= 0))
    require(usable, "learning_rate", "be finite and not negative", learning_rate)
    return np.broadcast_to(rates, (steps,))
