"""Adam and its family: momentum and a step length of its own for each weight."""

import keras

from handson11._array import namespace
from handson11._check import require, require_number
from handson11.optimizers.base import Optimizer


@keras.saving.register_keras_serializable(package="handson11")
class Adam(Optimizer):
    r"""Adam: an average of the gradients, divided by the root of an average of their squares.

    .. math::

        \mathbf m &\leftarrow \beta_1 \mathbf m + (1 - \beta_1)\, \nabla_\theta J(\theta) \\
        \mathbf s &\leftarrow \beta_2 \mathbf s + (1 - \beta_2)\,
        \nabla_\theta J(\theta) \otimes \nabla_\theta J(\theta) \\
        \theta &\leftarrow \theta - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,
        \frac{\mathbf m}{\sqrt{\mathbf s} + \hat\varepsilon}

    With ``amsgrad=True`` the root is taken of the largest **s** so far.

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η. In the first update no weight moves farther than this.
    beta_1 : float in [0, 1), default 0.9
        Decay β₁ of the average of the gradients.
    beta_2 : float in [0, 1), default 0.999
        Decay β₂ of the average of their squares.
    epsilon : float, at least 0, default 1e-7
        The ε̂ of the equation above. With 0, a weight whose gradients were all 0 becomes NaN.
    amsgrad : bool, default False
        Whether to divide by the root of the largest average of squares so far, so that the divisor never shrinks.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, ``amsgrad`` is not True or False, or an argument of :class:`Optimizer` is
        wrong.

    Notes
    -----
    Equals ``keras.optimizers.Adam`` to 1e-6. **Two forms of ε.** The paper's algorithm 1 first corrects the bias,
    m̂ = m / (1 - β₁ᵗ) and ŝ = s / (1 - β₂ᵗ), and then divides η m̂ by √ŝ + ε. Keras and this class use the paper's
    quicker form, where ε̂ is added to the uncorrected root. The two agree if ε = ε̂ / √(1 - β₂ᵗ). So the same number
    acts 32 times as strongly in the first update here, and after some thousand updates there is no difference. It
    matters only for gradients that are not much larger than ε.

    The averages are computed as m + (1 - β₁)(g - m), which is the same number, rounded as in Keras.

    References
    ----------
    Kingma, D. and Ba, J. (2015), "Adam: a method for stochastic optimization", algorithm 1 and the end of section 2.
    Reddi, Kale, Kumar (2018), "On the convergence of Adam and beyond", algorithm 2 (AMSGrad).

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> slopes = lambda theta: [100.0, -0.01]
    >>> trajectory(Adam(learning_rate=0.5), slopes, start=[0.0, 0.0], steps=1).round(3)[1]
    array([-0.5,  0.5])
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        require(isinstance(amsgrad, bool), "amsgrad", "be True or False", amsgrad, TypeError)
        _set_coefficients(self, beta_1, beta_2, epsilon)
        self.amsgrad = amsgrad

    @property
    def slots(self):
        largest = {"velocity_hat": "zeros"} if self.amsgrad else {}
        return {"momentum": "zeros", "velocity": "zeros", **largest}

    def step(self, g, t, lr, m, s, *largest):
        xp = namespace(g)
        m = m + (1 - self.beta_1) * (g - m)  # m ← β₁m + (1 - β₁)g
        s = s + (1 - self.beta_2) * (g * g - s)  # s ← β₂s + (1 - β₂)g²
        largest = tuple(xp.maximum(old, s) for old in largest)  # of AMSGrad only
        root = xp.sqrt(largest[0] if largest else s)
        rate = lr * xp.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return -rate * m / (root + self.epsilon), (m, s, *largest)


@keras.saving.register_keras_serializable(package="handson11")
class AdamW(Adam):
    r"""Adam with decoupled weight decay: the weights shrink by a share of the rate, whatever their gradients are.

    .. math:: \theta \leftarrow (1 - \eta \lambda)\, \theta + \Delta_\text{Adam}

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η.
    weight_decay : float, at least 0, default 0.004
        λ. Weights that shall not decay are named with ``exclude_from_weight_decay``, as in Keras.
    beta_1, beta_2, epsilon, amsgrad
        As in :class:`Adam`.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If ``weight_decay`` is None or negative, or an argument of :class:`Adam` is wrong.

    Notes
    -----
    Equals ``keras.optimizers.AdamW`` to 1e-6. The gradient is taken first, then the weights decay, then Adam's change
    is added. A penalty λ/2 ‖θ‖² in the loss is something else: its gradient λθ passes through the division by
    √**s**, so that weights with large gradients decay less.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2019), "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> trajectory(AdamW(0.5, weight_decay=0.5), lambda theta: [0.0], start=[16.0], steps=2).ravel()
    array([16.,  12.,  9.])
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        **kwargs,
    ):
        require_number("weight_decay", weight_decay, "be a finite number >= 0", low=0)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


@keras.saving.register_keras_serializable(package="handson11")
class Adamax(Optimizer):
    r"""AdaMax: Adam that divides by the largest recent gradient in the place of the root of the average square.

    .. math::

        \mathbf m &\leftarrow \beta_1 \mathbf m + (1 - \beta_1)\, \nabla_\theta J(\theta) \\
        \mathbf u &\leftarrow \max(\beta_2 \mathbf u, |\nabla_\theta J(\theta)|) \\
        \theta &\leftarrow \theta - \frac{\eta}{1 - \beta_1^t}\, \frac{\mathbf m}{\mathbf u + \varepsilon}

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η.
    beta_1, beta_2 : float in [0, 1), defaults 0.9 and 0.999
        Decay of the average of the gradients, and of the largest one.
    epsilon : float, at least 0, default 1e-7
        ε. With 0, a weight whose gradients were all 0 becomes NaN.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or an argument of :class:`Optimizer` is wrong.

    Notes
    -----
    Equals ``keras.optimizers.Adamax`` to 1e-6. **u** needs no correction: its first value is already the size of the
    first gradient.

    References
    ----------
    Kingma, D. and Ba, J. (2015), "Adam: a method for stochastic optimization", algorithm 2.

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> trajectory(Adamax(0.5, epsilon=0.0), lambda theta: [-40.0], start=[0.0], steps=3).ravel()
    array([0. , 0.5, 1. , 1.5])
    """

    slots = {"momentum": "zeros", "norm": "zeros"}

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        _set_coefficients(self, beta_1, beta_2, epsilon)

    def step(self, g, t, lr, m, u):
        xp = namespace(g)
        m = m + (1 - self.beta_1) * (g - m)  # m ← β₁m + (1 - β₁)g
        u = xp.maximum(self.beta_2 * u, xp.abs(g))
        return -lr * m / ((1 - self.beta_1**t) * (u + self.epsilon)), (m, u)


@keras.saving.register_keras_serializable(package="handson11")
class Nadam(Optimizer):
    r"""Nadam: Adam that looks ahead as Nesterov's accelerated gradient does.

    .. math::

        \mu_t &= \beta_1 (1 - \tfrac12\, 0.96^t) \\
        \mathbf m &\leftarrow \beta_1 \mathbf m + (1 - \beta_1)\, g, \qquad
        \mathbf s \leftarrow \beta_2 \mathbf s + (1 - \beta_2)\, g \otimes g, \qquad g = \nabla_\theta J(\theta) \\
        \hat{\mathbf m} &= \frac{\mu_{t+1}\, \mathbf m}{1 - \prod_{i=1}^{t+1} \mu_i}
        + \frac{(1 - \mu_t)\, g}{1 - \prod_{i=1}^{t} \mu_i}, \qquad
        \hat{\mathbf s} = \frac{\mathbf s}{1 - \beta_2^t} \\
        \theta &\leftarrow \theta - \eta\, \frac{\hat{\mathbf m}}{\sqrt{\hat{\mathbf s}} + \varepsilon}

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η.
    beta_1, beta_2 : float in [0, 1), defaults 0.9 and 0.999
        Decay of the averages. The coefficient μ grows from about half of ``beta_1`` to ``beta_1``.
    epsilon : float, at least 0, default 1e-7
        ε, here beside the corrected root, as in the paper of Adam. With 0, a weight whose gradients were all 0 becomes
        NaN.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or an argument of :class:`Optimizer` is wrong.

    Notes
    -----
    Equals ``keras.optimizers.Nadam`` to 1e-6. Dozat's own μ grows 250 times as slowly, with 0.96 to the power of
    t / 250.

    References
    ----------
    Dozat, T. (2016), "Incorporating Nesterov momentum into Adam".

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> path = trajectory(Nadam(0.5), lambda theta: [7.0], start=[0.0], steps=500)
    >>> round(path.item(-2) - path.item(-1), 3)        # under a constant gradient the steps tend to η
    0.5
    """

    slots = {"momentum": "zeros", "velocity": "zeros"}
    scalar_slots = {"product": 1.0}

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        _set_coefficients(self, beta_1, beta_2, epsilon)

    def step(self, g, t, lr, m, s, product):
        xp = namespace(g)
        beta_1, beta_2 = (xp.full_like(t, beta) for beta in (self.beta_1, self.beta_2))  # rounded as Keras rounds them
        mu, mu_next = (beta_1 * (1 - 0.5 * 0.96**time) for time in (t, t + 1))
        product = product * mu  # μ₁ μ₂ … μₜ
        m = m + (1 - beta_1) * (g - m)  # m ← β₁m + (1 - β₁)g
        s = s + (1 - beta_2) * (g * g - s)  # s ← β₂s + (1 - β₂)g²
        m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        s_hat = s / (1 - beta_2**t)
        return -lr * m_hat / (xp.sqrt(s_hat) + self.epsilon), (m, s, product)


def _set_coefficients(optimizer, beta_1, beta_2, epsilon):
    """Check and store what the whole family has in common."""
    optimizer.beta_1 = float(require_number("beta_1", beta_1, "be in [0, 1)", low=0, high=1, open_high=True))
    optimizer.beta_2 = float(require_number("beta_2", beta_2, "be in [0, 1)", low=0, high=1, open_high=True))
    optimizer.epsilon = float(require_number("epsilon", epsilon, "be a finite number >= 0", low=0))
