"""From unlabelled to labelled: the layers of a pretrained network under a new output layer."""

import keras

from handson11._check import require, require_number
from handson11.models import _different_seeds
from handson11.pretraining.autoencoder import dense, require_size
from handson11.transfer.tools import freeze, reuse_layers


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
    handson11.transfer.reuse_layers : the same with a head of your own.

    Examples
    --------
    >>> from handson11.pretraining import DenseAutoencoder
    >>> autoencoder = DenseAutoencoder(units=(128, 64), seed=1)
    >>> model = classifier_from_encoder(autoencoder.encoder, 10, frozen=True, seed=2)
    >>> model.output_shape, len(model.trainable_weights)
    ((None, 10), 2)
    >>> [layer.name for layer in classifier_from_encoder(autoencoder.encoder, 10, n_layers=1).layers]
    ['encoder_1_reused', 'flatten', 'logits']
    """
    require(isinstance(encoder, keras.Sequential), "encoder", "be a keras.Sequential", encoder, TypeError)
    require(encoder.built, "encoder", "be built: start it with keras.Input", encoder)
    require_size("n_classes", n_classes)
    require_number("n_classes", n_classes, "be >= 2", low=2)
    if n_layers is None:
        n_layers = sum(bool(layer.weights) for layer in encoder.layers)
    head = [keras.layers.Flatten(name="flatten"), dense(n_classes, None, next(_different_seeds(seed)), "logits")]
    model = reuse_layers(encoder, n_layers, head)
    if frozen:
        freeze(model.layers[:-1])
    return model
