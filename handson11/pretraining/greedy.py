"""Greedy layer-wise pretraining: each layer learns, without labels, from the outputs of the layer below it."""

import warnings

import keras
import numpy as np

from handson11._check import require, require_choice, require_number
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import DenseAutoencoder, require_size
from handson11.pretraining.rbm import RBM, hidden_probabilities

METHODS = ("autoencoder", "rbm")


def greedy_pretrain(
    x, units=(100, 100), method="autoencoder", epochs=2, batch_size=100, learning_rate=None, seed=None, verbose=1
):
    r"""Pretrain a stack of logistic layers one at a time, from below, and return it with a record of each layer.

    .. math:: h^{(l)} = \sigma\left(b_l + W_l^\top h^{(l-1)}\right), \qquad h^{(0)} = x

    Layer :math:`l` is half of a small model that must give back :math:`h^{(l-1)}`: an autoencoder with one hidden
    layer, or a restricted Boltzmann machine. Once trained it is left as it is, and the next one is trained on its
    outputs.

    Parameters
    ----------
    x : array of shape (rows, inputs)
        Unlabelled rows, with values between 0 and 1.
    units : sequence of int, default (100, 100)
        Units of each layer, from below.
    method : {"autoencoder", "rbm"}, default "autoencoder"
        The small model of each layer.
    epochs : int or sequence of int, default 2
        Epochs of every layer, or of each one.
    batch_size : int, default 100
        Rows in a batch.
    learning_rate : float, optional
        Default: 0.001 for autoencoders (Adam), 0.1 for RBMs (CD-1, momentum 0.5).
    seed : int, optional
        Start weights and draws. The order of the rows follows from ``keras.utils.set_random_seed``.
    verbose : int, default 1
        0 is silent; 1 prints a line for each layer; 2 shows Keras' own progress as well.

    Returns
    -------
    (keras.Sequential, list of dict)
        The encoder, built, and for each layer its number, the ``error`` of the reconstructions (mean square, up to
        10,000 rows), its ``share`` of the variance of the layer's inputs, and whether it ``diverged``: the error is
        not finite, or is larger than that of the mean row, as it also is after far too few steps.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or ``x`` has another shape.

    Warns
    -----
    UserWarning
        If a layer diverged. The layers above it are trained on what it gives.

    References
    ----------
    G. E. Hinton, S. Osindero and Y.-W. Teh (2006), A fast learning algorithm for deep belief nets. Y. Bengio,
    P. Lamblin, D. Popovici and H. Larochelle (2007), Greedy layer-wise training of deep networks.

    Examples
    --------
    >>> images = np.tile(np.eye(4, dtype="float32").repeat(3, axis=1), (50, 1))
    >>> encoder, layers = greedy_pretrain(
    ...     images, units=(8, 4), epochs=20, batch_size=10, learning_rate=0.03, seed=1, verbose=0
    ... )
    >>> encoder.output_shape, [layer["diverged"] for layer in layers]
    ((None, 4), [False, False])
    """
    x = np.asarray(x, dtype="float32")
    require(x.ndim == 2 and len(x) > 0, "x", "have the shape (rows, inputs)", x)
    require(len(units) >= 1, "units", "name at least one layer", units)
    for size in units:
        require_size("units", size)
    require_choice("method", method, METHODS)
    epochs = [epochs] * len(units) if isinstance(epochs, int) else list(epochs)
    require(len(epochs) == len(units), "epochs", "be one number, or one for each layer", epochs)
    for name, size in [("batch_size", batch_size), *(("epochs", number) for number in epochs)]:
        require_size(name, size)
    if learning_rate is None:
        learning_rate = {"autoencoder": 0.001, "rbm": 0.1}[method]
    require_number("learning_rate", learning_rate, "be above 0", low=0, open_low=True)
    seeds, rows, weights, records = _different_seeds(seed), x, [], []
    for number, (size, n_epochs) in enumerate(zip(units, epochs, strict=True), 1):
        model, layer = _small_model(method, rows.shape[1], size, learning_rate, next(seeds))
        model.fit(rows, epochs=n_epochs, batch_size=batch_size, verbose=max(0, verbose - 1))
        kernel, bias = layer()
        record = {"layer": number, **_checked(model, rows[:10000])}
        if verbose:
            share = f"error {record['error']:.4f}, {100 * record['share']:.0f} % of the variance"
            print(f"layer {number} of {len(units)}, {rows.shape[1]} → {size} units: {share}")
        if record["diverged"]:
            warnings.warn(f"Layer {number} diverged: its error is {record['share']:.3g} variances.", stacklevel=2)
        rows = hidden_probabilities(rows, kernel, bias)
        weights += [kernel, bias]
        records.append(record)
    layers = [keras.layers.Dense(n, activation="sigmoid", name=f"hidden_{i}") for i, n in enumerate(units, 1)]
    encoder = keras.Sequential([keras.Input((x.shape[1],)), *layers], name="encoder")
    encoder.set_weights(weights)
    return encoder, records


def _small_model(method, n_inputs, size, learning_rate, seed):
    """Return a compiled model of one layer, and a function that reads the layer's kernel and bias."""
    fast = {"steps_per_execution": 50, "jit_compile": False}  # small layers: most of the time goes into starting steps
    if method == "rbm":
        model = RBM(size, n_inputs, seed=seed)
        model.compile(keras.optimizers.SGD(learning_rate, momentum=0.5), **fast)
        return model, lambda: (model.parameters[0], model.parameters[2])
    model = DenseAutoencoder((size,), activation="sigmoid", n_inputs=n_inputs, seed=seed)
    model.compile(keras.optimizers.Adam(learning_rate), "mse", **fast)
    return model, lambda: model.encoder.get_weights()


def _checked(model, rows):
    """Return error and share, and whether both are usable."""
    found = model.reconstruct(rows) if isinstance(model, RBM) else model(rows)
    error = float(np.mean((np.asarray(found) - rows) ** 2, dtype="float64"))
    variance = float(np.mean(np.var(rows, axis=0, dtype="float64")))
    share = error / variance if variance > 0 else float("inf")
    return {"error": error, "share": share, "diverged": not share <= 1}
