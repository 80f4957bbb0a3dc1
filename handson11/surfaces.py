"""Cost surfaces in two dimensions on which optimizers can be watched: each with its gradient and its minima."""

from dataclasses import dataclass

import numpy as np

from handson11._check import require, require_number


@dataclass(frozen=True)
class Surface:
    """A cost of two weights.

    Parameters
    ----------
    name : str
        What it is called.
    cost : callable
        From positions of shape (..., 2) to costs of shape (...).
    gradient : callable
        From positions of shape (..., 2) to gradients of the same shape: formulas, no differences.
    minima : array of shape (n, 2)
        Where the cost is lowest in its neighbourhood.

    Examples
    --------
    >>> bowl = quadratic(condition_number=4.0)
    >>> float(bowl.cost([1.0, 1.0])), bowl.gradient([1.0, 1.0]), bowl.minima
    (2.5, array([1., 4.]), array([[0., 0.]]))
    """

    name: str
    cost: object
    gradient: object
    minima: np.ndarray

    def turned(self, degrees):
        """Return the same surface, turned about the origin.

        Examples
        --------
        >>> quadratic(condition_number=9.0).turned(90).gradient([1.0, 0.0]).round(6) + 0.0
        array([9., 0.])
        """
        require_number("degrees", degrees)
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # back to the old axes
        return Surface(
            f"{self.name}, turned by {degrees:g}°",
            lambda theta: self.cost(_pairs(theta) @ turn.T),
            lambda theta: self.gradient(_pairs(theta) @ turn.T) @ turn,
            self.minima @ turn,
        )


def quadratic(condition_number=100.0):
    r"""Return a bowl with curvature 1 along the first weight and κ along the second.

    .. math:: J(\theta) = \tfrac12 (\theta_1^2 + \kappa\, \theta_2^2)

    Parameters
    ----------
    condition_number : float, at least 1, default 100.0
        κ, the largest curvature over the smallest one.

    Returns
    -------
    Surface
        Its minimum is at (0, 0). Plain descent is stable below the rate 2 / κ.

    Raises
    ------
    TypeError, ValueError
        If ``condition_number`` is below 1.

    References
    ----------
    Polyak, B. (1964), "Some methods of speeding up the convergence of iteration methods".

    Examples
    --------
    >>> float(quadratic(100.0).cost([0.0, 1.0]))
    50.0
    """
    require_number("condition_number", condition_number, "be a finite number >= 1", low=1)
    curvature = np.array([1.0, condition_number])
    return Surface(
        f"quadratic, κ = {condition_number:g}",
        lambda theta: 0.5 * (curvature * _pairs(theta) ** 2).sum(axis=-1),
        lambda theta: curvature * _pairs(theta),
        np.zeros((1, 2)),
    )


def rosenbrock(b=100.0):
    r"""Return Rosenbrock's curved valley.

    .. math:: J(\theta) = (1 - \theta_1)^2 + b\, (\theta_2 - \theta_1^2)^2

    Parameters
    ----------
    b : float, above 0, default 100.0
        How steep the walls of the valley are.

    Returns
    -------
    Surface
        Its minimum is at (1, 1), with cost 0.

    Raises
    ------
    TypeError, ValueError
        If ``b`` is not above 0.

    References
    ----------
    Rosenbrock, H. (1960), "An automatic method for finding the greatest or least value of a function".

    Examples
    --------
    >>> float(rosenbrock().cost([-1.0, 1.0])), rosenbrock().gradient([1.0, 1.0]) + 0.0
    (4.0, array([0., 0.]))
    """
    require_number("b", b, "be a finite number > 0", low=0, open_low=True)

    def cost(theta):
        x, y = _split(theta)
        return (1 - x) ** 2 + b * (y - x**2) ** 2

    def gradient(theta):
        x, y = _split(theta)
        return np.stack([-2 * (1 - x) - 4 * b * x * (y - x**2), 2 * b * (y - x**2)], axis=-1)

    return Surface(f"Rosenbrock, b = {b:g}", cost, gradient, np.ones((1, 2)))


def double_well(tilt=0.2):
    r"""Return two wells of unequal depth along the first weight, and a bowl along the second.

    .. math:: J(\theta) = \tfrac14 (\theta_1^2 - 1)^2 + \delta\, \theta_1 + \tfrac12 \theta_2^2

    Parameters
    ----------
    tilt : float in [0, 0.38), default 0.2
        δ: the left well is deeper by about 2δ. From 2 / √27 = 0.385 on there would be only one.

    Returns
    -------
    Surface
        Its minima: the deeper one first.

    Raises
    ------
    TypeError, ValueError
        If ``tilt`` is out of its range.

    Examples
    --------
    >>> wells = double_well(0.0)
    >>> wells.minima, wells.gradient(wells.minima).round(12)
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([[0., 0.],
           [0., 0.]]))
    """
    require_number("tilt", tilt, "be in [0, 0.38)", low=0, high=0.38, open_high=True)

    def cost(theta):
        x, y = _split(theta)
        return 0.25 * (x**2 - 1) ** 2 + tilt * x + 0.5 * y**2

    def gradient(theta):
        x, y = _split(theta)
        return np.stack([x * (x**2 - 1) + tilt, y], axis=-1)

    left, _, right = np.sort(np.roots([1.0, 0.0, -1.0, tilt]).real)
    return Surface(f"double well, δ = {tilt:g}", cost, gradient, np.array([[left, 0.0], [right, 0.0]]))


def saddle():
    r"""Return a saddle at the origin between two minima.

    .. math:: J(\theta) = \tfrac12 \theta_1^2 - \tfrac12 \theta_2^2 + \tfrac14 \theta_2^4

    Returns
    -------
    Surface
        Its minima are at (0, -1) and (0, 1). On the line θ₂ = 0 the gradient leads to the saddle.

    Examples
    --------
    >>> saddle().gradient([0.0, 0.0]), float(saddle().cost([0.0, 1.0]))
    (array([0., 0.]), -0.25)
    """

    def cost(theta):
        x, y = _split(theta)
        return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4

    def gradient(theta):
        x, y = _split(theta)
        return np.stack([x, y**3 - y], axis=-1)

    return Surface("saddle", cost, gradient, np.array([[0.0, -1.0], [0.0, 1.0]]))


def cliff(height=10.0, steepness=20.0):
    r"""Return a plain that ends at a cliff, above a gentle slope to the minimum.

    .. math:: J(\theta) = \tfrac12 \theta_1^2 \cdot 0.1 + \tfrac12 \theta_2^2
        + h\, \sigma(k (\theta_1 - 1)), \qquad \sigma(z) = \frac{1}{1 + e^{-z}}

    Parameters
    ----------
    height : float, above 0, default 10.0
        h, the height of the cliff.
    steepness : float, at least 10, default 20.0
        k: the steepest gradient is about h k / 4.

    Returns
    -------
    Surface
        Its minimum lies next to (0, 0).

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.

    References
    ----------
    Pascanu, R., Mikolov, T., Bengio, Y. (2013), "On the difficulty of training recurrent neural networks", section 2.3:
    cliffs as the reason for clipping. The formula is ours.

    Examples
    --------
    >>> float(cliff().gradient([1.0, 0.0])[0]) > 50
    True
    """
    require_number("height", height, "be a finite number > 0", low=0, open_low=True)
    require_number("steepness", steepness, "be a finite number >= 10", low=10)

    def wall(x):
        return 0.5 * (1 + np.tanh(0.5 * steepness * (x - 1)))  # σ without overflow

    def cost(theta):
        x, y = _split(theta)
        return 0.05 * x**2 + 0.5 * y**2 + height * wall(x)

    def gradient(theta):
        x, y = _split(theta)
        return np.stack([0.1 * x + height * steepness * wall(x) * (1 - wall(x)), y], axis=-1)

    lowest = 0.0
    for _ in range(50):  # fixed point of 0.1 x = -wall'(x) h
        lowest = -10 * height * steepness * wall(lowest) * (1 - wall(lowest))
    return Surface(f"cliff, height {height:g}", cost, gradient, np.array([[lowest, 0.0]]))


def _pairs(theta):
    theta = np.asarray(theta)
    theta = theta if theta.dtype == np.float32 else theta.astype("float64")
    require(theta.ndim >= 1 and theta.shape[-1] == 2, "theta", "hold pairs: shape (..., 2)", theta)
    return theta


def _split(theta):
    theta = _pairs(theta)
    return theta[..., 0], theta[..., 1]
