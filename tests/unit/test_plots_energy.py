"""Figures of Boltzmann machines and GANs."""

import matplotlib.pyplot as plt
import numpy as np

from handson11 import plots


def test_gaps_are_medians_and_ranges():
    gaps = {"few": np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]]), "many": np.zeros((3, 2))}
    axes = plots.free_energy_gaps(gaps, {"few": (1, 2), "many": (1, 0)})
    assert axes.lines[1].get_ydata().tolist() == [0.0, 2.0]
    assert {round(y, 6) for y in axes.collections[0].get_paths()[0].vertices[:, 1]} == {0.0, 1.0, 3.0}
    plt.close("all")


def test_bars_have_the_heights_of_the_probabilities():
    p, q, d = [0.2, 0.8], [0.6, 0.4], [0.25, 2 / 3]
    axes = plots.best_discriminator_bars(p, q, d, [(0, 0.2), (1, 0.4)])
    assert [bar.get_height() for bar in axes[1].patches] == [*p, *q]
    assert axes[0].lines[1].get_ydata().tolist() == d
    plt.close("all")
