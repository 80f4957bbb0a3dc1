"""A second oracle: the optimizers of PyTorch on the same stream of gradients, in float64.

PyTorch is optional (it is large and nothing else here uses it): without it, this file is skipped. Where the two define
a rule differently, the test says how: PyTorch adds ε beside the root of AdaGrad and RMSProp and beside the corrected
root of Adam, and its momentum holds gradients, not steps. With ε = 0 and a constant rate the paths are the same.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from handson11.optimizers import SGD, Adagrad, Adam, Adamax, AdamW, Momentum, Nadam, Nesterov, RMSprop, trajectory

torch = pytest.importorskip("torch", reason="PyTorch, the second oracle of the optimizers, is not installed")

STEPS, WEIGHTS = 200, 50
BETAS = {"betas": (0.8, 0.9)}

PAIRS = {
    "sgd": (SGD(0.01), "SGD", {}),
    "sgd with decay": (SGD(0.01, weight_decay=0.1), "SGD", {"weight_decay": 0.1}),  # the same for plain descent only
    "sgd with momentum": (SGD(0.01, 0.9), "SGD", {"momentum": 0.9}),
    "sgd with nesterov": (SGD(0.01, 0.9, True), "SGD", {"momentum": 0.9, "nesterov": True}),
    "momentum": (Momentum(0.01, 0.8), "SGD", {"momentum": 0.8}),
    "nesterov": (Nesterov(0.01, 0.8), "SGD", {"momentum": 0.8, "nesterov": True}),
    "adagrad": (Adagrad(0.01, 0.1, 0.0), "Adagrad", {"initial_accumulator_value": 0.1, "eps": 0.0}),
    "adagrad from 0": (Adagrad(0.01, 0.0, 0.0), "Adagrad", {"eps": 0.0}),
    "rmsprop": (RMSprop(0.01, 0.9, epsilon=0.0), "RMSprop", {"alpha": 0.9, "eps": 0.0}),
    "rmsprop with momentum": (
        RMSprop(0.01, 0.9, 0.5, 0.0),
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.5, "eps": 0.0},
    ),
    "rmsprop centered": (
        RMSprop(0.01, 0.9, 0.0, 0.0, True),
        "RMSprop",
        {"alpha": 0.9, "eps": 0.0, "centered": True},
    ),
    "rmsprop, all of it": (
        RMSprop(0.01, 0.9, 0.5, 0.0, True),
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.5, "eps": 0.0, "centered": True},
    ),
    "adam": (Adam(0.01, epsilon=0.0), "Adam", {"eps": 0.0}),
    "adam, other numbers": (Adam(0.01, 0.8, 0.9, 0.0), "Adam", {**BETAS, "eps": 0.0}),
    "amsgrad": (Adam(0.01, 0.8, 0.9, 0.0, amsgrad=True), "Adam", {**BETAS, "eps": 0.0, "amsgrad": True}),
    "adamw": (AdamW(0.01, 0.1, epsilon=0.0), "AdamW", {"weight_decay": 0.1, "eps": 0.0}),
    "adamax": (Adamax(0.01, epsilon=0.0), "Adamax", {"eps": 0.0}),
    "adamax, other numbers": (Adamax(0.01, 0.8, 0.9, 0.0), "Adamax", {**BETAS, "eps": 0.0}),
    # the coefficient μ follows 0.96 to the power of t · momentum_decay; ε is beside the corrected root in both
    "nadam": (Nadam(0.01, epsilon=1e-3), "NAdam", {"momentum_decay": 1.0, "eps": 1e-3}),
    "nadam, other numbers": (Nadam(0.01, 0.8, 0.9, 1e-4), "NAdam", {**BETAS, "momentum_decay": 1.0, "eps": 1e-4}),
}


@pytest.fixture(autouse=True)
def float64_in_pytorch():
    """Numbers such as the product of the μ of NAdam have the default precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_path(name, arguments, gradients, start, rates):
    """Return the positions of an optimizer of PyTorch; a gradient for each of the rates."""
    theta = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, name)([theta], lr=rates[0], **arguments)
    positions = [np.array(start, "float64")]
    for g, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        theta.grad = torch.tensor(g)
        optimizer.step()
        positions.append(theta.detach().numpy().copy())
    return np.array(positions)


def our_path(optimizer, gradients, start):
    following = iter(gradients)
    return trajectory(optimizer, lambda theta: next(following), start, len(gradients))


@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_pytorch(pair):
    rng = np.random.default_rng(6)
    gradients = rng.normal(size=(STEPS, WEIGHTS)) * np.logspace(-4, 1, WEIGHTS)
    start = rng.normal(size=WEIGHTS)
    ours, name, arguments = PAIRS[pair]
    theirs = torch_path(name, arguments, gradients, start, [0.01] * STEPS)
    np.testing.assert_allclose(our_path(ours, gradients, start), theirs, rtol=0, atol=1e-10)
    assert np.max(np.abs(theirs[-1] - start)) > 0.01


def test_adams_two_forms_of_epsilon():
    """ε of PyTorch is that of the paper's algorithm: in update t it is ours divided by √(1 - β₂ᵗ)."""
    gradients = np.array([[3e-3], [-1e-3]])
    for t in (1, 2):
        theirs = torch_path("Adam", {"eps": 1e-2}, gradients[:t], [0.0], [0.5] * t)
        same, other = (
            our_path(Adam(0.5, epsilon=e), gradients[:t], [0.0]) for e in (1e-2 * (1 - 0.999**t) ** 0.5, 1e-2)
        )
        np.testing.assert_allclose(same[t] - same[t - 1], theirs[t] - theirs[t - 1], rtol=1e-9)
        assert np.abs(other[t] - other[t - 1]) < 0.2 * np.abs(theirs[t] - theirs[t - 1])


@pytest.mark.parametrize(("rule", "ours", "theirs"), [(Momentum, -1.5, -1.25), (Nesterov, -1.75, -1.625)])
def test_momentum_under_a_schedule_is_another_path(rule, ours, theirs):
    """Rates 1, 1/2, gradients 1, 0, β = 1/2: our m keeps the old step of 1, PyTorch's keeps the old gradient."""
    rates, gradients = [1.0, 0.5], np.array([[1.0], [0.0]])
    following = iter(rates)
    path = our_path(rule(lambda: next(following), 0.5), gradients, [0.0])
    arguments = {"momentum": 0.5, "nesterov": rule is Nesterov}
    assert path[-1, 0] == ours
    assert torch_path("SGD", arguments, gradients, [0.0], rates)[-1, 0] == theirs


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_sparse_gradients_agree_with_pytorch(name):
    """PyTorch, too, adds the parts of a row that occurs several times before it squares them."""
    rows, indices = np.array([[1.0, -2.0], [3.0, 0.5], [2.0, 2.0]]), [1, 4, 1]
    weight, theta = keras.Variable(np.ones((5, 2)), dtype="float64"), torch.nn.Parameter(torch.ones((5, 2)))
    if name == "SGD":
        ours, theirs = SGD(0.1), torch.optim.SGD([theta], 0.1)
    else:
        ours, theirs = Adagrad(0.1, 0.1, 0.0), torch.optim.Adagrad([theta], 0.1, initial_accumulator_value=0.1, eps=0.0)
    for factor in (1.0, -0.5, 2.0):
        ours.apply([tf.IndexedSlices(tf.constant(factor * rows), indices, (5, 2))], [weight])
        with torch.sparse.check_sparse_tensor_invariants(enable=True):
            theta.grad = torch.sparse_coo_tensor([indices], torch.tensor(factor * rows), (5, 2))
            theirs.step()
    expected = theta.detach().numpy()
    np.testing.assert_allclose(np.asarray(weight), expected, rtol=0, atol=1e-7)  # Keras' learning rate is a float32
    np.testing.assert_array_equal(expected[[0, 2, 3]], 1)
