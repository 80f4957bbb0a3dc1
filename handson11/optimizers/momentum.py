"""Plain gradient descent, momentum and Nesterov's accelerated gradient."""

import keras

from handson11._check import require, require_number
from handson11.optimizers.base import Optimizer


@keras.saving.register_keras_serializable(package="handson11")
class SGD(Optimizer):
    r"""Gradient descent, with momentum and Nesterov's form on request: all that ``keras.optimizers.SGD`` can do.

    .. math::

        \theta \leftarrow \theta - \eta\, \nabla_\theta J(\theta)

    With ``momentum`` above 0 the rule is that of :class:`Momentum`, and with ``nesterov=True`` that of
    :class:`Nesterov`.

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.01
        The learning rate η.
    momentum : float in [0, 1], default 0.0
        The coefficient β. With 0 there is no momentum, and nothing is remembered.
    nesterov : bool, default False
        Whether to use Nesterov's form. It differs only with ``momentum`` above 0.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If ``momentum`` is not in [0, 1], ``nesterov`` is not True or False, or an argument of :class:`Optimizer` is
        wrong.

    Notes
    -----
    Equals ``keras.optimizers.SGD`` to 1e-6, with the same variables in the same order. Integers are accepted too:
    Keras refuses ``SGD(1)``.

    References
    ----------
    Robbins, H. and Monro, S. (1951), "A stochastic approximation method".

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> trajectory(SGD(learning_rate=0.5), gradient=lambda theta: theta, start=[8.0], steps=3).ravel()
    array([8., 4., 2., 1.])
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        require(isinstance(nesterov, bool), "nesterov", "be True or False", nesterov, TypeError)
        self.momentum = _share(momentum)
        self.nesterov = nesterov

    @property
    def slots(self):
        return {"momentum": "zeros"} if self.momentum > 0 else {}

    @property
    def zero_keeps(self):
        return "nothing" if self.momentum > 0 else "all"

    def step(self, g, t, lr, *m):
        if not m:
            return -lr * g, ()  # θ ← θ - ηg
        rule = Nesterov.step if self.nesterov else Momentum.step
        return rule(self, g, t, lr, *m)


@keras.saving.register_keras_serializable(package="handson11")
class Momentum(Optimizer):
    r"""Momentum optimization: the gradient accelerates the weights, and friction slows them down.

    .. math::

        \mathbf m &\leftarrow \beta \mathbf m - \eta\, \nabla_\theta J(\theta) \\
        \theta &\leftarrow \theta + \mathbf m

    This is equation (11-4) of the chapter.

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.01
        The learning rate η.
    momentum : float in [0, 1], default 0.9
        The coefficient β: 0 is plain gradient descent, 1 is no friction at all.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If ``momentum`` is not in [0, 1], or an argument of :class:`Optimizer` is wrong.

    Notes
    -----
    Under a constant gradient the steps grow from η ∇J towards η ∇J / (1 - β): ten times as long for β = 0.9. Equals
    ``keras.optimizers.SGD(momentum=β)`` to 1e-6. PyTorch writes m ← β m + ∇J, θ ← θ - η m; that is the same path as
    long as η is constant, and another one under a schedule.

    References
    ----------
    Polyak, B. (1964), "Some methods of speeding up the convergence of iteration methods". Géron, A. (2019), *Hands-On
    Machine Learning*, 2nd edition, equation 11-4.

    Examples
    --------
    >>> import numpy as np
    >>> from handson11.optimizers import trajectory
    >>> constant = lambda theta: np.array([-1.0])
    >>> trajectory(Momentum(learning_rate=1.0, momentum=0.5), constant, start=[0.0], steps=4).ravel()
    array([0.   , 1.   , 2.5  , 4.25 , 6.125])
    """

    slots = {"momentum": "zeros"}

    def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.momentum = _share(momentum)

    def step(self, g, t, lr, m):
        m = self.momentum * m - lr * g  # m ← βm - ηg
        return m, (m,)  # θ ← θ + m


@keras.saving.register_keras_serializable(package="handson11")
class Nesterov(Optimizer):
    r"""Nesterov accelerated gradient: momentum that measures the gradient a little ahead.

    .. math::

        \mathbf m &\leftarrow \beta \mathbf m - \eta\, \nabla_\theta J(\theta + \beta \mathbf m) \\
        \theta &\leftarrow \theta + \mathbf m

    A Keras optimizer gets the gradient at the weights themselves. So the weights of the model are the point ahead,
    φ = θ + β m, and the same rule reads

    .. math::

        \mathbf m &\leftarrow \beta \mathbf m - \eta\, \nabla_\varphi J(\varphi) \\
        \varphi &\leftarrow \varphi + \beta \mathbf m - \eta\, \nabla_\varphi J(\varphi)

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.01
        The learning rate η.
    momentum : float in [0, 1], default 0.9
        The coefficient β: 0 is plain gradient descent, 1 is no friction at all.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If ``momentum`` is not in [0, 1], or an argument of :class:`Optimizer` is wrong.

    Notes
    -----
    To get the book's θ from the weights φ of the model, subtract β m; both start at the same point, where m = 0, and
    end at the same one, where m has become 0. Equals ``keras.optimizers.SGD(momentum=β, nesterov=True)`` to 1e-6.

    References
    ----------
    Nesterov, Y. (1983), "A method for unconstrained convex minimization problem with the rate of convergence O(1/k²)".
    Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning",
    section 2. Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, equation 11-5.

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> trajectory(Nesterov(learning_rate=0.5, momentum=0.5), lambda phi: phi, start=[8.0], steps=2).ravel()
    array([ 8. ,  2. , -0.5])
    """

    slots = {"momentum": "zeros"}

    def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.momentum = _share(momentum)

    def step(self, g, t, lr, m):
        m = self.momentum * m - lr * g  # m ← βm - ηg
        return self.momentum * m - lr * g, (m,)  # φ ← φ + βm - ηg


def _share(momentum):
    """Return the coefficient β as a float, or raise."""
    return float(require_number("momentum", momentum, "be in [0, 1]", low=0, high=1))
