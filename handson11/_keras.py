"""Every private name of Keras that the package touches, in one place."""

import keras


def sublayers(layer):
    """Return the layers directly inside ``layer``, in the order in which they were added."""
    inner = getattr(layer, "_layers", None)
    if inner is None:
        raise RuntimeError(
            f"Layers of Keras {keras.__version__} hold their parts in another way than those of Keras 3.6 to 3.15."
        )
    return [part for part in inner if isinstance(part, keras.layers.Layer)]
