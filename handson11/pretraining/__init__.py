"""Pretraining without the labels of the task: autoencoders, Boltzmann machines, GANs, and tasks with cheap labels."""
