"""AdaGrad and RMSProp: a step length of its own for each weight, from the squares of its gradients."""

import keras

from handson11._array import namespace
from handson11._check import require, require_number
from handson11.optimizers.base import Optimizer


@keras.saving.register_keras_serializable(package="handson11")
class Adagrad(Optimizer):
    r"""AdaGrad: steep directions get smaller steps, and every step is divided by the root of all squares so far.

    .. math::

        \mathbf s &\leftarrow \mathbf s + \nabla_\theta J(\theta) \otimes \nabla_\theta J(\theta) \\
        \theta &\leftarrow \theta - \eta\, \nabla_\theta J(\theta) \oslash \sqrt{\mathbf s + \varepsilon}

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η.
    initial_accumulator_value : float, at least 0, default 0.1
        The first value of **s**. The chapter's rule starts at 0; Keras starts at 0.1, which shortens the first steps.
    epsilon : float, at least 0, default 1e-7
        ε, inside the root. With 0 and ``initial_accumulator_value=0``, a gradient of 0 gives NaN.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or an argument of :class:`Optimizer` is wrong.

    Notes
    -----
    Equals ``keras.optimizers.Adagrad`` to 1e-6. The rate of a weight never grows: after t gradients of at least c it is
    at most η / (c √t).

    References
    ----------
    Duchi, J., Hazan, E., Singer, Y. (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization". Géron, A. (2019), *Hands-On Machine Learning*, 2nd edition, equation 11-6.

    Examples
    --------
    >>> from handson11.optimizers import trajectory
    >>> constant = lambda theta: [3.0]
    >>> path = trajectory(Adagrad(1.0, initial_accumulator_value=0.0, epsilon=0.0), constant, start=[0.0], steps=4)
    >>> path.ravel().round(3)                  # steps 1, 1/√2, 1/√3, 1/2
    array([ 0.   , -1.   , -1.707, -2.284, -2.784])
    """

    zero_keeps = "all"

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **kwargs):
        super().__init__(learning_rate, **kwargs)
        at_least_0 = {"rule": "be a finite number >= 0", "low": 0}
        first = require_number("initial_accumulator_value", initial_accumulator_value, **at_least_0)
        self.initial_accumulator_value = float(first)
        self.epsilon = float(require_number("epsilon", epsilon, **at_least_0))

    @property
    def slots(self):
        return {"accumulator": self.initial_accumulator_value}

    def step(self, g, t, lr, s):
        s = s + g * g  # s ← s + g²
        return -lr * g / namespace(g).sqrt(s + self.epsilon), (s,)


@keras.saving.register_keras_serializable(package="handson11")
class RMSprop(Optimizer):
    r"""RMSProp: AdaGrad that forgets, with an average of the squares in the place of their sum.

    .. math::

        \mathbf s &\leftarrow \rho\, \mathbf s + (1 - \rho)\, \nabla_\theta J(\theta) \otimes \nabla_\theta J(\theta) \\
        \theta &\leftarrow \theta - \eta\, \nabla_\theta J(\theta) \oslash \sqrt{\mathbf s + \varepsilon}

    Parameters
    ----------
    learning_rate : float, schedule or function, default 0.001
        The learning rate η.
    rho : float in [0, 1), default 0.9
        The decay ρ: about the last 1 / (1 - ρ) gradients count.
    momentum : float in [0, 1], default 0.0
        With β above 0 the steps are collected as in momentum optimization: **m** ← β **m** + step, θ ← θ - **m**.
    epsilon : float, at least 0, default 1e-7
        ε, inside the root.
    centered : bool, default False
        Whether to divide by the root of the variance, **s** minus the square of the average gradient.
    **kwargs
        The arguments of every Keras optimizer, see :class:`Optimizer`.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, ``centered`` is not True or False, or an argument of :class:`Optimizer` is
        wrong.

    Notes
    -----
    Equals ``keras.optimizers.RMSprop`` to 1e-6. **s** starts at 0 and is not corrected for it, so the first step is
    1 / √(1 - ρ) times as long as later ones: 3.2 times for ρ = 0.9.

    References
    ----------
    Tieleman, T. and Hinton, G. (2012), *Neural Networks for Machine Learning*, lecture 6.5. Géron, A. (2019),
    *Hands-On Machine Learning*, 2nd edition, equation 11-7.

    Examples
    --------
    >>> import numpy as np
    >>> from handson11.optimizers import trajectory
    >>> path = trajectory(RMSprop(1.0, rho=0.75, epsilon=0.0), lambda theta: [5.0], start=[0.0], steps=50)
    >>> steps = -np.diff(path.ravel())
    >>> bool(np.isclose(steps[0], 2)), bool(np.isclose(steps[-1], 1))
    (True, True)
    """

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        require(isinstance(centered, bool), "centered", "be True or False", centered, TypeError)
        self.rho = float(require_number("rho", rho, "be in [0, 1)", low=0, high=1, open_high=True))
        self.momentum = float(require_number("momentum", momentum, "be in [0, 1]", low=0, high=1))
        self.epsilon = float(require_number("epsilon", epsilon, "be a finite number >= 0", low=0))
        self.centered = centered

    @property
    def slots(self):
        momentum = {"momentum": "zeros"} if self.momentum > 0 else {}
        average = {"average_gradient": "zeros"} if self.centered else {}
        return {"velocity": "zeros", **momentum, **average}

    @property
    def zero_keeps(self):
        return "nothing" if self.momentum > 0 else "weight"  # the average of the squares decays in all rows

    def step(self, g, t, lr, s, *others):
        n = len(others) - self.centered  # 1 with momentum
        m, average = others[:n], others[n:]
        s = self.rho * s + (1 - self.rho) * (g * g)  # s ← ρs + (1 - ρ)g²
        average = tuple(self.rho * a + (1 - self.rho) * g for a in average)  # centered only
        spread = s - average[0] * average[0] if average else s
        change = -lr * g / namespace(g).sqrt(spread + self.epsilon)
        if not m:
            return change, (s, *average)
        m = self.momentum * m[0] - change
        return -m, (s, m, *average)
