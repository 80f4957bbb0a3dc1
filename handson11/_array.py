"""Where a formula runs: NumPy for NumPy input, ``keras.ops`` for everything else. Nothing more."""

import numpy as np


def namespace(x):
    """Return the module whose functions (``exp``, ``sqrt``, ``where`` …) accept ``x``.

    NumPy and ``keras.ops`` use the same names, so one formula serves arrays, proofs and plots as well as
    tensors inside ``model.fit``.

    Parameters
    ----------
    x : array, number, sequence, tensor or Keras variable
        The input of the formula.

    Returns
    -------
    module
        ``numpy`` for NumPy arrays, Python numbers, lists and tuples; otherwise ``keras.ops``.

    Examples
    --------
    >>> namespace(np.ones(3)).__name__
    'numpy'
    """
    if isinstance(x, np.ndarray | np.generic | int | float | list | tuple):
        return np
    from keras import ops

    return ops
