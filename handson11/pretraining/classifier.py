"""From unlabelled to labelled: the layers of a pretrained network under a new output layer."""

import keras

from handson11._check import require, require_number
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import dense, require_size


def classifier_from_encoder(encoder, n_classes, frozen=False, n_layers=None, seed=None):
    """Return a new classifier whose lower layers are copies of an encoder's: nothing is shared.

    Parameters
    ----------
    encoder : keras.Sequential
        The encoder of an autoencoder, or the discriminator of a GAN, or any other stack of layers.
    n_classes : int, >= 2
        Classes of the task, the units of the new output layer.
    frozen : bool, default False
        Whether the copied layers keep their weights in training.
    n_layers : int, optional
        How many layers that have weights are copied, from below; what stands between them and the next one (an
        activation, a flattening) comes along. Default: all.
    seed : int, optional
        Start weights of the output layer.

    Returns
    -------
    keras.Sequential
        Built, not compiled; it ends in logits: use a loss with ``from_logits=True``.

    Raises
    ------
    ValueError, TypeError
        If ``encoder`` is not a built stack, or does not have the layers asked for.

    See Also
    --------
    keras.models.clone_model : copies the layers but not their weights.

    Examples
    --------
    >>> from handson11.pretraining import DenseAutoencoder
    >>> autoencoder = DenseAutoencoder(units=(128, 64), seed=1)
    >>> model = classifier_from_encoder(autoencoder.encoder, 10, frozen=True, seed=2)
    >>> model.output_shape, len(model.trainable_weights)
    ((None, 10), 2)
    >>> [layer.name for layer in classifier_from_encoder(autoencoder.encoder, 10, n_layers=1).layers]
    ['encoder_1', 'logits']
    """
    require(isinstance(encoder, keras.Sequential), "encoder", "be a keras.Sequential", encoder, TypeError)
    require(encoder.built, "encoder", "be built: start it with keras.Input", encoder)
    require_size("n_classes", n_classes)
    require_number("n_classes", n_classes, "be >= 2", low=2)
    places = [place for place, layer in enumerate(encoder.layers) if layer.weights]
    if n_layers is None:
        n_layers = len(places)
    require_number("n_layers", n_layers, f"be between 1 and the {len(places)} layers with weights", 1, len(places))
    end = places[n_layers] if n_layers < len(places) else len(encoder.layers)
    layers = [keras.Input(encoder.input_shape[1:])]
    layers += [layer.__class__.from_config(layer.get_config()) for layer in encoder.layers[:end]]
    model = keras.Sequential(layers)
    for copy, layer in zip(model.layers, encoder.layers[:end], strict=True):
        copy.set_weights(layer.get_weights())
        copy.trainable = not frozen
    if len(model.output_shape) > 2:
        model.add(keras.layers.Flatten(name="flatten"))
    model.add(dense(n_classes, None, next(_different_seeds(seed)), "logits"))
    return model
