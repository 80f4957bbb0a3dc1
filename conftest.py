"""For all tests and all examples in docstrings: no figure stays open."""

import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures_of_examples():
    """Close what a test or an example has drawn: Matplotlib warns of more than 20 open figures."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
