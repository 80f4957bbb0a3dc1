"""What Keras notes about a model when it is compiled: private names that the tools of section 11.2 need."""

import keras


def compiled_state(model):
    """Return (dict of layer → ``trainable`` when the model was compiled, dict of the arguments of ``compile``)."""
    trainable, settings = (getattr(model, name, None) for name in ("_compiled_trainable_state", "_compile_config"))
    if trainable is None or not hasattr(settings, "config"):
        raise RuntimeError(
            f"Models of Keras {keras.__version__} note how they were compiled in another way than those of Keras 3.6 "
            "to 3.15."
        )
    return dict(trainable), dict(settings.config)
