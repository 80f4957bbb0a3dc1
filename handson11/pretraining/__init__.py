"""Pretraining without the labels of the task: autoencoders, Boltzmann machines, GANs, and tasks with cheap labels."""

from handson11.pretraining.autoencoder import (
    Autoencoder,
    ConvAutoencoder,
    DenoisingAutoencoder,
    DenseAutoencoder,
    PretrainingCheck,
    check_pretraining,
    masked,
    with_gaussian_noise,
)
from handson11.pretraining.classifier import classifier_from_encoder
from handson11.pretraining.variational import VariationalAutoencoder, gaussian_kl

__all__ = [
    "Autoencoder",
    "ConvAutoencoder",
    "DenoisingAutoencoder",
    "DenseAutoencoder",
    "PretrainingCheck",
    "VariationalAutoencoder",
    "check_pretraining",
    "classifier_from_encoder",
    "gaussian_kl",
    "masked",
    "with_gaussian_noise",
]
