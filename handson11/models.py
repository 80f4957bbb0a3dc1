"""The networks of the chapter, each built with its own fresh starting weights at every call."""

import inspect
import random

import keras
import numpy as np

from handson11._check import describe, require, require_choice, require_number
from handson11.initializers import RULES, for_activation, named
from handson11.layers import BatchNormalization, PReLU


def dense_stack(
    depth,
    width=100,
    activation="relu",
    kernel_initializer=None,
    batch_norm=None,
    batch_norm_first=False,
    n_outputs=10,
    n_inputs=784,
    seed=None,
    batch_norm_momentum=0.99,
):
    """Return a plain stack of equal dense layers that ends in logits: the test bench of the experiments.

    Parameters
    ----------
    depth : int, >= 1
        Number of hidden layers.
    width : int, >= 1, default 100
        Units in each of them.
    activation : str, None, function or layer factory, default "relu"
        A name Keras knows, a function of one tensor, or something that makes a layer when it is called without
        arguments (``PReLU``, ``lambda: LeakyReLU(negative_slope=0.2)``).
    kernel_initializer : str or keras.initializers.Initializer, optional
        For the hidden layers. Default: what suits the activation (`handson11.initializers.for_activation`). An object
        is only a pattern: every layer gets its own copy with its own seed. The output layer always gets Glorot's.
    batch_norm : {None, "before", "after"}, default None
        Whether a batch-normalization layer stands before or after each activation. Before, the dense layers have no
        bias, because batch normalization brings one.
    batch_norm_first : bool, default False
        Whether a batch-normalization layer comes before everything else, in place of standardized inputs.
    n_outputs, n_inputs : int, >= 1, default 10 and 784
        Size of the last layer and of one input.
    seed : int, optional
        Every starting weight follows from it. Default: drawn from Python's ``random``, which
        ``keras.utils.set_random_seed`` sets.
    batch_norm_momentum : float, in [0, 1), default 0.99
        Momentum of the moving averages.

    Returns
    -------
    keras.Sequential
        Built; maps ``(batch, n_inputs)`` to logits of shape ``(batch, n_outputs)``.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, unknown or of the wrong type.

    Examples
    --------
    >>> dense_stack(20, seed=1).count_params()         # 784·100 + 100, 19 × (100·100 + 100), 100·10 + 10
    271410
    """
    for name, size in {"depth": depth, "width": width, "n_outputs": n_outputs, "n_inputs": n_inputs}.items():
        _require_size(name, size)
    if batch_norm is not None:
        require_choice("batch_norm", batch_norm, ("before", "after"))
    require_number("batch_norm_momentum", batch_norm_momentum, "be in [0, 1)", low=0, high=1, open_high=True)

    def normalization(name):
        return BatchNormalization(momentum=batch_norm_momentum, name=name)

    seeds = _different_seeds(seed)
    layers = [keras.Input((n_inputs,)), *([normalization("batch_norm_input")] if batch_norm_first else [])]
    for number in range(1, depth + 1):
        step = [_activation_layer(activation, f"activation_{number}")]
        initializer = _fresh_initializer(kernel_initializer, step[0], next(seeds))
        if batch_norm is not None:
            step.insert(0 if batch_norm == "before" else 1, normalization(f"batch_norm_{number}"))
        use_bias = batch_norm != "before"
        dense = keras.layers.Dense(width, use_bias=use_bias, kernel_initializer=initializer, name=f"hidden_{number}")
        layers += [dense, *step]
    layers.append(keras.layers.Dense(n_outputs, kernel_initializer=named("glorot_uniform", next(seeds)), name="logits"))
    return keras.Sequential(layers)


def small_cnn(filters=(16, 32), units=64, n_outputs=10, activation="relu", seed=None):
    """Return a small convolutional classifier that ends in logits: the second test bench of section 11.2.

    Every convolution has 3 × 3 kernels and steps of two pixels, so that each one halves the height and the width.

    Parameters
    ----------
    filters : sequence of int, default (16, 32)
        Filters of each convolution, from below.
    units : int, >= 1, default 64
        Units of the dense layer above them.
    n_outputs : int, >= 1, default 10
        Size of the last layer.
    activation : str, None, function or layer factory, default "relu"
        See :func:`dense_stack`.
    seed : int, optional
        Every starting weight follows from it.

    Returns
    -------
    keras.Sequential
        Built; maps flat images ``(batch, 784)`` to logits of shape ``(batch, n_outputs)``.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, unknown or of the wrong type.

    Examples
    --------
    >>> small_cnn(seed=1).count_params()     # (9·1+1)·16 + (9·16+1)·32 + (7·7·32+1)·64 + (64+1)·10
    105866
    >>> small_cnn(filters=(16, 32, 64), units=72, n_outputs=1, seed=1).count_params()
    97169
    """
    for name, size in {"units": units, "n_outputs": n_outputs}.items():
        _require_size(name, size)
    require(len(filters) >= 1, "filters", "name at least one number of filters", filters)
    for size in filters:
        _require_size("filters", size)
    seeds = _different_seeds(seed)
    layers = [keras.Input((784,)), keras.layers.Reshape((28, 28, 1), name="image")]
    for number, size in enumerate(filters, 1):
        step = _activation_layer(activation, f"activation_{number}")
        start = _fresh_initializer(None, step, next(seeds))
        layers.append(
            keras.layers.Conv2D(
                size, 3, strides=2, padding="same", kernel_initializer=start, name=f"convolution_{number}"
            )
        )
        layers.append(step)
    layers.append(keras.layers.Flatten(name="flatten"))
    step = _activation_layer(activation, "activation_dense")
    start = _fresh_initializer(None, step, next(seeds))
    layers += [keras.layers.Dense(units, kernel_initializer=start, name="hidden"), step]
    layers.append(keras.layers.Dense(n_outputs, kernel_initializer=named("glorot_uniform", next(seeds)), name="logits"))
    return keras.Sequential(layers)


def bn_mlp(before_activation=False, seed=None):
    """Return the chapter's batch-normalized classifier of 28 × 28 images: 300 and 100 ELU units, softmax.

    Parameters
    ----------
    before_activation : bool, default False
        Whether batch normalization stands before the two ELU activations (then the dense layers drop their bias)
        instead of after them. Another one always normalizes the inputs.
    seed : int, optional
        Every starting weight follows from it.

    Returns
    -------
    keras.Sequential
        271,346 parameters, or 270,946 with ``before_activation=True``; 2,368 of them are moving averages.

    Examples
    --------
    >>> bn_mlp().count_params(), bn_mlp(before_activation=True).count_params()
    (271346, 270946)
    """
    require(isinstance(before_activation, bool), "before_activation", "be True or False", before_activation, TypeError)
    seeds = _different_seeds(seed)
    layers = [keras.Input((28, 28)), keras.layers.Flatten(), BatchNormalization()]
    for width in (300, 100):
        dense = keras.layers.Dense(
            width, use_bias=not before_activation, kernel_initializer=named("he_normal", next(seeds))
        )
        elu, normalization = keras.layers.Activation("elu"), BatchNormalization()
        layers += [dense, normalization, elu] if before_activation else [dense, elu, normalization]
    return keras.Sequential([*layers, _softmax_layer(seeds)])


def prelu_mlp(seed=None):
    """Return the chapter's classifier with learned negative slopes: 300 and 100 PReLU units, softmax.

    Parameters
    ----------
    seed : int, optional
        Every starting weight follows from it.

    Returns
    -------
    keras.Sequential
        Maps 28 × 28 images to ten probabilities; 267,010 parameters, 400 of them slopes.

    Examples
    --------
    >>> prelu_mlp().count_params()
    267010
    """
    seeds = _different_seeds(seed)
    layers = [keras.Input((28, 28)), keras.layers.Flatten()]
    for width in (300, 100):
        layers += [
            keras.layers.Dense(width, kernel_initializer=named("he_normal", next(seeds))),
            PReLU(),
        ]
    return keras.Sequential([*layers, _softmax_layer(seeds)])


def selu_stack(depth=100, seed=None):
    """Return the chapter's self-normalizing network: 300 SELU units, then layers of 100, softmax.

    Its inputs must be standardized.

    Parameters
    ----------
    depth : int, >= 1, default 100
        Number of hidden layers.
    seed : int, optional
        Every starting weight follows from it.

    Returns
    -------
    keras.Sequential
        Maps 28 × 28 images to ten probabilities; with 100 hidden layers 1,256,410 parameters.

    Examples
    --------
    >>> model = selu_stack()
    >>> model.count_params(), len(model.layers)        # 100 hidden layers, one to flatten, one for the output
    (1256410, 102)
    """
    _require_size("depth", depth)
    seeds = _different_seeds(seed)
    layers = [keras.Input((28, 28)), keras.layers.Flatten()]
    for width in [300] + [100] * (depth - 1):
        initializer = named("lecun_normal", next(seeds))
        layers.append(keras.layers.Dense(width, activation="selu", kernel_initializer=initializer))
    return keras.Sequential([*layers, _softmax_layer(seeds)])


def _require_size(name, size):
    require(isinstance(size, int | np.integer) and not isinstance(size, bool), name, "be an integer", size, TypeError)
    require_number(name, size, "be >= 1", low=1)


def _different_seeds(seed):
    """Yield one seed per layer: layers that share a seed (or an initializer object) start with equal weights."""
    if seed is None:
        seed = random.randint(1, 10**9)
    is_integer = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    require(is_integer, "seed", "be an integer or None", seed, TypeError)
    require(seed >= 0, "seed", "be >= 0", seed)
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(1, 2**31 - 1))


def _softmax_layer(seeds):
    return keras.layers.Dense(10, activation="softmax", kernel_initializer=named("glorot_uniform", next(seeds)))


def _fresh_initializer(pattern, activation, seed):
    """Return an initializer of its own for one layer: the one that suits the activation, or a reseeded copy."""
    if pattern is None:
        return for_activation(activation, seed)
    if pattern in RULES:
        return named(pattern, seed)
    if isinstance(pattern, str):
        known = getattr(keras.initializers, pattern, None)
        rule = f"be one of {sorted(RULES)}, the name of another Keras initializer, an initializer or None"
        require(known is not None, "kernel_initializer", rule, pattern)
        pattern = known()
    is_initializer = isinstance(pattern, keras.initializers.Initializer)
    require(is_initializer, "kernel_initializer", "be None, a name or a Keras initializer", pattern, TypeError)
    config = pattern.get_config()
    return type(pattern).from_config({**config, "seed": seed} if "seed" in config else config)


def _makes_a_layer(activation):
    """Tell a layer factory (callable without arguments) from a function of one tensor."""
    if not callable(activation) or isinstance(activation, keras.Layer):
        return False
    try:
        inspect.signature(activation).bind()
    except TypeError:
        return False
    return True


def _activation_layer(activation, name):
    """Return a new layer for one use of ``activation``."""
    if isinstance(activation, keras.Layer):
        raise TypeError(
            "`activation` must be a name, a function or something that makes a new layer at each call, not one layer "
            f"for all. Received: activation={describe(activation)}"
        )
    if isinstance(activation, str):
        require(hasattr(keras.activations, activation), "activation", "be the name of a Keras activation", activation)
    if not _makes_a_layer(activation):
        return keras.layers.Activation(activation, name=name)
    layer = activation()
    require(isinstance(layer, keras.Layer), "activation", "make a keras.Layer when called", layer, TypeError)
    return layer
