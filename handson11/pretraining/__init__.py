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
from handson11.pretraining.gan import GAN, best_discriminator, frechet_distance, gan_value, jensen_shannon
from handson11.pretraining.greedy import greedy_pretrain
from handson11.pretraining.masked_words import MaskedWordModel, NeighbourTable, Vocabulary, mask_words
from handson11.pretraining.pairs import SiameseVerifier, make_pairs, pair_places, without_head
from handson11.pretraining.rbm import RBM
from handson11.pretraining.rotation import quarter_turns, rotation_task
from handson11.pretraining.variational import VariationalAutoencoder, gaussian_kl
from handson11.pretraining.views import InstancePairs, alter, altered, nt_xent

__all__ = [
    "ConvAutoencoder",
    "DenoisingAutoencoder",
    "DenseAutoencoder",
    "GAN",
    "InstancePairs",
    "MaskedWordModel",
    "NeighbourTable",
    "PretrainingCheck",
    "RBM",
    "SiameseVerifier",
    "VariationalAutoencoder",
    "Vocabulary",
    "alter",
    "altered",
    "best_discriminator",
    "check_pretraining",
    "classifier_from_encoder",
    "frechet_distance",
    "gan_value",
    "gaussian_kl",
    "greedy_pretrain",
    "jensen_shannon",
    "make_pairs",
    "mask_words",
    "masked",
    "nt_xent",
    "pair_places",
    "quarter_turns",
    "rotation_task",
    "with_gaussian_noise",
    "without_head",
]
