"""Restricted Boltzmann machines: against enumeration of all states, and against scikit-learn."""

import itertools

import keras
import numpy as np
import pytest
from sklearn.neural_network import BernoulliRBM

from handson11.pretraining.rbm import (
    RBM,
    contrastive_divergence,
    energy,
    free_energy,
    hidden_probabilities,
    likelihood_gradient,
    log_likelihood,
    log_partition,
    visible_probabilities,
)

RNG = np.random.default_rng(7)
W, A, B = RNG.normal(size=(4, 3)), RNG.normal(size=4), RNG.normal(size=3)
V = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
H = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
JOINT = np.array(
    [[A @ v + B @ h + sum(v[i] * W[i, j] * h[j] for i in range(4) for j in range(3)) for h in H] for v in V]
)
P = np.exp(JOINT) / np.exp(JOINT).sum()
DATA = (RNG.uniform(size=(40, 4)) < [0.9, 0.8, 0.2, 0.5]).astype(float)


def test_energy_of_all_states():
    found = energy(V[:, None, :], H[None, :, :], W, A, B)
    np.testing.assert_allclose(found, -JOINT, atol=1e-12)


def test_conditional_probabilities_are_those_of_the_joint_distribution():
    given_v = P / P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(hidden_probabilities(V, W, B), given_v @ H, atol=1e-12)
    given_h = P / P.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(visible_probabilities(H, W, A), given_h.T @ V, atol=1e-12)


def test_free_energy_and_partition_function():
    np.testing.assert_allclose(free_energy(V, W, A, B), -np.log(np.exp(JOINT).sum(axis=1)), atol=1e-12)
    log_z = np.log(np.exp(JOINT).sum())
    assert log_partition(W, A, B) == pytest.approx(log_z, abs=1e-12)
    assert log_partition(W.T, B, A) == pytest.approx(log_z, abs=1e-12)  # sides exchanged
    by_hand = np.mean([np.log(P[int(np.flatnonzero((row == V).all(axis=1))[0])].sum()) for row in DATA])
    assert log_likelihood(DATA, W, A, B) == pytest.approx(by_hand, abs=1e-12)


def test_the_exact_gradient_is_that_of_finite_differences():
    gradients = likelihood_gradient(DATA, W, A, B)
    for number, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            values = []
            for step in (1e-5, -1e-5):
                parts = [W.copy(), A.copy(), B.copy()]
                parts[number][place] += step
                values.append(log_likelihood(DATA, *parts))
            assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8)


def angle(a, b):
    a, b = (np.concatenate([part.ravel() for part in parts]) for parts in (a, b))
    return np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


def test_contrastive_divergence_nears_the_exact_gradient():
    exact = likelihood_gradient(DATA, W, A, B)
    many = np.tile(DATA, (2500, 1))
    angles = {}
    for k in (1, 20):
        estimate, _ = contrastive_divergence(many, W, A, B, np.random.default_rng(3).random, k)
        angles[k] = angle(exact, estimate)
    assert angles[20] < 1
    assert 2 < angles[1] < 60  # near, but not the gradient
    estimate, _ = contrastive_divergence(many, W, A, B, np.random.default_rng(3).random, 20)
    for found, known in zip(estimate, exact, strict=True):
        np.testing.assert_allclose(found, known, atol=0.01)


def test_persistent_chains_start_where_they_ended():
    chains = np.zeros((50000, 4))
    rng = np.random.default_rng(5)
    for _ in range(20):
        estimate, chains = contrastive_divergence(DATA, W, A, B, rng.random, 1, chains)
    np.testing.assert_allclose(chains.mean(axis=0), P.sum(axis=1) @ V, atol=0.01)
    np.testing.assert_allclose(estimate[0], likelihood_gradient(DATA, W, A, B)[0], atol=0.01)


def sklearn_rbm():
    other = BernoulliRBM(n_components=3)
    other.components_, other.intercept_visible_, other.intercept_hidden_ = W.T, A, B
    return other


def test_scikit_learn_agrees():
    other = sklearn_rbm()
    np.testing.assert_allclose(free_energy(V, W, A, B), other._free_energy(V), atol=1e-12)
    np.testing.assert_allclose(hidden_probabilities(V, W, B), other.transform(V), atol=1e-12)


def small(**arguments):
    return RBM(units=3, n_inputs=4, **{"seed": 1, **arguments})


def test_the_model_computes_what_the_functions_do():
    model = small()
    model.kernel.assign(W), model.visible_bias.assign(A), model.hidden_bias.assign(B)
    x = V.astype("float32")
    np.testing.assert_allclose(model(x), sklearn_rbm().transform(V), atol=1e-6)
    np.testing.assert_allclose(model.free_energy(x), sklearn_rbm()._free_energy(V), atol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct(x), visible_probabilities(hidden_probabilities(V, W, B), W, A), atol=1e-6
    )
    model.compile()
    by_hand = np.mean((np.asarray(model.reconstruct(x)) - x) ** 2)
    assert model.evaluate(x, verbose=0, return_dict=True)["error"] == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("persistent", [False, True])
def test_training_raises_the_likelihood(persistent):
    rows = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 100, axis=0).astype("float32")
    keras.utils.set_random_seed(0)
    model = small(persistent=persistent)
    model.compile(keras.optimizers.SGD(0.3))
    before = log_likelihood(rows, *model.parameters)
    model.fit(rows, batch_size=20, epochs=40, verbose=0)
    after = log_likelihood(rows, *model.parameters)
    assert before == pytest.approx(4 * np.log(0.5), abs=0.05)
    assert after > -1.5  # the best possible is log 1/2 = -0.69


def trained(model, **arguments):
    keras.utils.set_random_seed(3)
    model.fit(DATA.astype("float32"), batch_size=10, verbose=0, **arguments)
    return model.parameters


def compiled(**arguments):
    model = small(**arguments)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def test_the_same_seed_gives_the_same_weights():
    first, again, other = trained(compiled()), trained(compiled()), trained(compiled(seed=2))
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("persistent", [False, True])
def test_a_saved_model_goes_on_as_the_first_one(tmp_path, persistent):
    model = compiled(persistent=persistent)
    trained(model)
    model.save(tmp_path / "rbm.keras")
    loaded = keras.saving.load_model(tmp_path / "rbm.keras")
    assert loaded.get_config() == model.get_config()
    for one, two in zip(trained(model), trained(loaded), strict=True):
        np.testing.assert_array_equal(one, two)


def test_callbacks_see_the_error():
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["error"]))
    trained(compiled(), epochs=2, callbacks=[callback])
    assert len(seen) == 2
    assert all(0 < error < 1 for error in seen)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"units": 0}, "`units` must be >= 1"),
        ({"k": 0}, "`k` must be >= 1"),
        ({"n_inputs": 2.5}, "`n_inputs` must be an integer"),
        ({"persistent": 1}, "`persistent` must be True or False"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises((ValueError, TypeError), match=text):
        RBM(**arguments)


def test_rows_of_another_length():
    with pytest.raises(ValueError, match=r"`x` must have the shape \(rows, 4\)"):
        small()(np.zeros((2, 5), "float32"))
    with pytest.raises(ValueError, match=r"`x` must have the shape \(rows, 4\)"):
        small().free_energy(np.zeros((2, 5), "float32"))


def test_large_machines_cannot_be_enumerated():
    with pytest.raises(ValueError, match="`kernel` must have at most 20 units on its smaller side"):
        log_partition(np.zeros((30, 21)), np.zeros(30), np.zeros(21))
