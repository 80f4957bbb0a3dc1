"""Pretraining without the labels of the task: autoencoders, Boltzmann machines, GANs, and tasks with cheap labels."""

from handson11.pretraining.autoencoder import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    DenseAutoencoder,
    PretrainingCheck,
    check_pretraining,
    masked,
    with_gaussian_noise,
)
from handson11.pretraining.classifier import classifier_from_encoder
from handson11.pretraining.masked_words import MaskedWordModel, NeighbourTable, Vocabulary, mask_words
from handson11.pretraining.variational import VariationalAutoencoder, gaussian_kl

__all__ = [
    "ConvAutoencoder",
    "DenoisingAutoencoder",
    "DenseAutoencoder",
    "MaskedWordModel",
    "NeighbourTable",
    "PretrainingCheck",
    "VariationalAutoencoder",
    "Vocabulary",
    "check_pretraining",
    "classifier_from_encoder",
    "gaussian_kl",
    "mask_words",
    "masked",
    "with_gaussian_noise",
]
