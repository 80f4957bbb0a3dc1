"""Surfaces: gradients against differences, minima against scipy, and the costs of a few points by hand."""

import re

import numpy as np
import pytest
from scipy import optimize

from handson11 import surfaces
from handson11.optimizers import SGD, Adagrad, Momentum, trajectory

ALL = {
    "quadratic": surfaces.quadratic(50.0),
    "rosenbrock": surfaces.rosenbrock(10.0),
    "double well": surfaces.double_well(0.3),
    "saddle": surfaces.saddle(),
    "cliff": surfaces.cliff(),
    "turned": surfaces.quadratic(50.0).turned(30),
    "turned wells": surfaces.double_well(0.3).turned(-45),
}


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_the_cost(name):
    surface, step = ALL[name], 1e-6
    points = np.random.default_rng(0).uniform(-1.5, 1.5, size=(50, 2))
    differences = np.stack(
        [(surface.cost(points + move) - surface.cost(points - move)) / (2 * step) for move in step * np.eye(2)],
        axis=-1,
    )
    np.testing.assert_allclose(surface.gradient(points), differences, rtol=1e-5, atol=1e-6)
    one = points[7]
    np.testing.assert_allclose(surface.gradient(one), surface.gradient(points)[7], rtol=1e-12)
    np.testing.assert_allclose(surface.cost(one), surface.cost(points)[7], rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_minima_are_minima(name):
    surface = ALL[name]
    for minimum in surface.minima:
        np.testing.assert_allclose(surface.gradient(minimum), 0, atol=1e-9)
        found = optimize.minimize(surface.cost, minimum + 0.05, jac=surface.gradient, tol=1e-12).x
        np.testing.assert_allclose(found, minimum, atol=1e-6)


def test_costs_by_hand():
    assert surfaces.quadratic(100.0).cost([3.0, 0.5]) == 4.5 + 12.5
    assert surfaces.rosenbrock(10.0).cost([2.0, 3.0]) == 1 + 10
    assert surfaces.double_well(0.25).cost([2.0, 2.0]) == 9 / 4 + 0.5 + 2
    assert surfaces.saddle().cost([2.0, 2.0]) == 2 - 2 + 4
    assert surfaces.cliff(10.0).cost([1.0, 2.0]) == 0.05 + 2 + 5


def test_the_left_well_is_deeper():
    wells = surfaces.double_well(0.1)
    deep, shallow = wells.cost(wells.minima)
    assert wells.minima[0, 0] < 0 < wells.minima[1, 0]
    assert shallow - deep == pytest.approx(0.2, abs=0.01)


def test_turning():
    bowl, a = surfaces.quadratic(9.0), np.array([1.0, 2.0])
    np.testing.assert_allclose(bowl.turned(90).cost([-a[1], a[0]]), bowl.cost(a))  # the point turns with the surface
    np.testing.assert_allclose(bowl.turned(45).turned(-45).gradient(a), bowl.gradient(a), atol=1e-12)
    assert bowl.turned(45).name == "quadratic, κ = 9, turned by 45°"
    np.testing.assert_allclose(surfaces.rosenbrock().turned(90).minima, [[-1, 1]], atol=1e-12)


def test_rotation_matters_to_adagrad_and_not_to_momentum():
    bowl, start, angle = surfaces.quadratic(20.0), np.array([1.0, 1.0]), np.deg2rad(45)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = bowl.turned(45)
    for make, same in ((SGD(0.05), True), (Momentum(0.02), True), (Adagrad(0.3), False)):
        path, other = (
            trajectory(make, surface.gradient, begin, 40) for surface, begin in ((bowl, start), (turned, turn @ start))
        )
        assert np.allclose(path @ turn.T, other, atol=1e-9) is same


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: surfaces.quadratic(0.5), "`condition_number` must be a finite number >= 1. Received"),
        (lambda: surfaces.rosenbrock(0), "`b` must be a finite number > 0"),
        (lambda: surfaces.double_well(0.38), "`tilt` must be in [0, 0.38)"),
        (lambda: surfaces.cliff(0), "`height` must be"),
        (lambda: surfaces.cliff(1, 5), "`steepness` must be a finite number >= 10"),
        (lambda: surfaces.saddle().turned("x"), "`degrees` must be"),
        (lambda: surfaces.saddle().cost([1.0, 2.0, 3.0]), "`theta` must hold pairs: shape (..., 2)"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises((ValueError, TypeError), match=re.escape(text)):
        make()
