"""The range test: raise the learning rate from batch to batch and watch where the loss falls and where it explodes."""

from dataclasses import dataclass

import keras
import numpy as np

from handson11._check import require, require_number


@dataclass(frozen=True)
class RangeTest:
    """What a range test measured.

    Parameters
    ----------
    rates : array of shape (n,)
        The learning rates tried, growing.
    losses : array of shape (n,)
        The loss of each batch before its update.
    smoothed : array of shape (n,)
        A moving average of the losses, corrected for its start.
    diverged : bool
        Whether the test ended because the loss exploded. If not, the suggestion may be too low: raise ``max_rate``.

    Examples
    --------
    >>> curve = np.array([2.3, 2.2, 2.0, 1.5, 1.2, 9.0])
    >>> RangeTest(10.0 ** np.arange(-5, 1), curve, curve, True).suggestion
    0.01
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    diverged: bool

    @property
    def suggestion(self):
        """A tenth of the rate at which the smoothed loss is lowest: a usual rule of thumb, and a start for tuning."""
        return float(self.rates[int(np.argmin(self.smoothed))] / 10)


class LearningRateFinder:
    r"""Try rates that grow by the same factor from batch to batch, on a copy of a model.

    .. math:: \eta_i = \eta_{\min} \left(\frac{\eta_{\max}}{\eta_{\min}}\right)^{i / (n - 1)}, \qquad i = 0, \dots, n-1

    Parameters
    ----------
    min_rate, max_rate : float, above 0, defaults 1e-5 and 10.0
        The first and the last rate.
    steps : int, at least 2, default 200
        n, the number of batches. The data are shuffled anew when they are used up.
    batch_size : int, at least 1, default 32
        Rows in a batch.
    stop : float, above 1, default 4.0
        The test ends when the smoothed loss is this many times its lowest value, or not finite.
    smoothing : float in [0, 1), default 0.9
        Decay of the moving average.
    seed : int, default 0
        Seed of the order of the batches.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or the model is not compiled.

    Notes
    -----
    The model that is given keeps its weights, its optimizer and the optimizer's state: a copy is trained.

    References
    ----------
    Smith, L. (2017), "Cyclical learning rates for training neural networks", section 3.3.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(256, 3))
    >>> found = LearningRateFinder(max_rate=100.0, steps=100).find(model, x, x.sum(axis=1, keepdims=True))
    >>> found.diverged, bool(np.all(model.get_weights()[0] == 0))
    (True, True)
    """

    def __init__(self, min_rate=1e-5, max_rate=10.0, steps=200, batch_size=32, stop=4.0, smoothing=0.9, seed=0):
        self.min_rate = require_number("min_rate", min_rate, "be a finite number > 0", low=0, open_low=True)
        rule = f"be greater than min_rate ({min_rate})"
        self.max_rate = require_number("max_rate", max_rate, rule, low=min_rate, open_low=True)
        self.steps = require_number("steps", steps, "be at least 2", low=2)
        self.batch_size = require_number("batch_size", batch_size, "be at least 1", low=1)
        self.stop = require_number("stop", stop, "be greater than 1", low=1, open_low=True)
        self.smoothing = require_number("smoothing", smoothing, "be in [0, 1)", low=0, high=1, open_high=True)
        self.seed = seed

    def find(self, model, x, y):
        """Run the test and return a :class:`RangeTest`.

        Parameters
        ----------
        model : keras.Model
            Compiled, with one loss.
        x, y : arrays
            Training data; at least ``batch_size`` rows.

        Returns
        -------
        RangeTest
            The rates and losses.
        """
        require(getattr(model, "compiled", False), "model", "be compiled", model)
        n = len(x)
        require_number("batch_size", self.batch_size, f"be between 1 and the {n} rows of x", low=1, high=n)
        model.compiled = False  # or Keras copies the loss by saving it, which fails for a lambda
        try:
            copy = keras.models.clone_model(model)
        finally:
            model.compiled = True
        copy.set_weights(model.get_weights())
        own = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # mixed precision wraps it
        optimizer = type(own).from_config({**own.get_config(), "learning_rate": self.min_rate})
        copy.compile(optimizer=optimizer, loss=model.loss)
        rates = np.geomspace(self.min_rate, self.max_rate, int(self.steps))
        batches = _batches(n, self.batch_size, np.random.default_rng(self.seed))
        losses, smoothed, average, diverged = [], [], 0.0, False
        for step, rate in enumerate(rates, start=1):
            rows = next(batches)
            optimizer.learning_rate = float(rate)
            loss = float(copy.train_on_batch(x[rows], y[rows]))
            average = self.smoothing * average + (1 - self.smoothing) * loss
            level = average / (1 - self.smoothing**step)
            if not np.isfinite(level) or (smoothed and level > self.stop * min(smoothed)):
                diverged = True
                break
            losses.append(loss)
            smoothed.append(level)
        tried = rates[: len(losses)]
        require(len(losses) > 0, "min_rate", "be small enough for at least one finite loss", self.min_rate)
        return RangeTest(tried, np.array(losses), np.array(smoothed), diverged)


def _batches(n, batch_size, rng):
    while True:
        order = rng.permutation(n)
        for start in range(0, n - batch_size + 1, batch_size):
            yield order[start : start + batch_size]
