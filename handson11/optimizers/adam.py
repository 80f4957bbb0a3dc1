"""Adam: momentum and a step length of its own for each weight."""

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
        self.beta_1 = float(require_number("beta_1", beta_1, "be in [0, 1)", low=0, high=1, open_high=True))
        self.beta_2 = float(require_number("beta_2", beta_2, "be in [0, 1)", low=0, high=1, open_high=True))
        self.epsilon = float(require_number("epsilon", epsilon, "be a finite number >= 0", low=0))
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
