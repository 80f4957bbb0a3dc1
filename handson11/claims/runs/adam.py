"""Runs of section 11.3.5: printed formulas of Adam against Keras, its first step, and two kinds of weight decay."""

import keras
import numpy as np

from handson11.optimizers import SGD, Adam, trajectory


def printed_adam(gradients, learning_rate, m_factor=1.0, s_factor=1.0, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Return the weights after each step of Adam as it is printed in papers, from 0, for a stream of gradients.

    The corrected moments are multiplied by ``m_factor`` and ``s_factor``. Adam itself has no such factors.
    """
    theta = m = s = np.zeros_like(gradients[0])
    path = [theta]
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        s = beta_2 * s + (1 - beta_2) * g * g
        m_hat = m_factor * m / (1 - beta_1**t)
        s_hat = s_factor * s / (1 - beta_2**t)
        theta = theta - learning_rate * m_hat / (np.sqrt(s_hat) + epsilon)
        path.append(theta)
    return np.array(path)


def keras_path(optimizer, gradients, start=0.0):
    """Return the weights after each step of an optimizer of Keras, for a stream of gradients."""
    weights = keras.Variable(np.full(np.shape(gradients[0]), start, "float32"))
    path = [np.array(weights)]
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32")], [weights])
        path.append(np.array(weights))
    return np.array(path, dtype="float64")


def factors_against_keras(configuration):
    """Compare the printed formula, with factors or without them, with Keras' Adam.

    ``configuration``: ``factors``, those of the corrected moments; ``learning_rate``, ``steps``, ``weights`` (their
    number), ``seed``.

    Returns ``difference``, the largest distance of a weight in any step.
    """
    rng = np.random.default_rng(configuration["seed"])
    shape = (configuration["steps"], configuration["weights"])
    gradients = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
    rate = configuration["learning_rate"]
    printed = printed_adam(gradients, rate, *configuration["factors"])
    return {"difference": np.abs(printed - keras_path(keras.optimizers.Adam(rate), gradients)).max()}


def first_steps(configuration):
    """Take one step of Adam with random gradients between 0.1 and 1 in size, and one with gradients a scale larger.

    ``configuration``: ``package`` ("handson11" or "keras"), ``learning_rate``, ``scale``, ``weights`` (their number),
    ``seed``.

    Returns ``sign_error``, the largest relative distance of a step from −η sign(g), and ``scale_change``, the largest
    relative change of a step from g to ``scale`` · g.
    """
    rng = np.random.default_rng(configuration["seed"])
    g = rng.uniform(0.1, 1, configuration["weights"]) * rng.choice([-1, 1], configuration["weights"])
    rate = configuration["learning_rate"]
    small, large = (first_step(configuration["package"], rate, factor * g) for factor in (1, configuration["scale"]))
    expected = -rate * np.sign(g)
    errors = (np.abs(step - expected) / rate for step in (small, large))
    return {
        "sign_error": max(error.max() for error in errors),
        "scale_change": (np.abs(large - small) / np.abs(small)).max(),
    }


def first_step(package, learning_rate, g):
    """Return the first step of Adam, from weights that are 0: ours in NumPy, or Keras'."""
    if package == "handson11":
        return trajectory(Adam(learning_rate), lambda theta: g, np.zeros_like(g), steps=1)[-1]
    return keras_path(keras.optimizers.Adam(learning_rate), [g])[-1]


def penalty_and_decay(configuration):
    """Follow one rule with λθ added to the gradient, and with −ηλθ added to the step, on one stream of gradients.

    ``configuration``: ``optimizer`` ("sgd" or "adam"), ``learning_rate``, ``decay`` (λ), ``steps``, ``weights`` (their
    number), ``seed``.

    Returns ``difference``, the largest distance of the two paths.
    """
    rng = np.random.default_rng(configuration["seed"])
    sizes = 10.0 ** rng.uniform(-2, 0, configuration["weights"])  # each weight has gradients of its own size
    stream = sizes * rng.normal(size=(configuration["steps"], configuration["weights"]))
    start = rng.normal(size=configuration["weights"])
    rule = {"sgd": SGD, "adam": Adam}[configuration["optimizer"]]
    paths = two_decays(rule, configuration["learning_rate"], configuration["decay"], stream, start)
    return {"difference": np.abs(paths[0] - paths[1]).max()}


def two_decays(rule, learning_rate, decay, stream, start):
    """Return the paths of a rule with an ℓ2 penalty and with decoupled weight decay, on one stream of gradients."""
    for_penalty, for_decay = iter(stream), iter(stream)
    penalty = trajectory(rule(learning_rate), lambda theta: next(for_penalty) + decay * theta, start, len(stream))
    decoupled = trajectory(
        rule(learning_rate, weight_decay=decay), lambda theta: next(for_decay), start, steps=len(stream)
    )
    return penalty, decoupled
