"""Does transfer pay? Scratch against transfer on pairs of classes, each with its own tuned rate and the same seeds."""

from dataclasses import dataclass

import numpy as np

from handson11._check import require, require_choice, require_number

NETWORKS = ("dense", "convolutional")


@dataclass(frozen=True)
class PairedGain:
    """Accuracies of scratch and transfer on one pair of classes with one number of labels, seed by seed.

    Parameters
    ----------
    pair : tuple of int
        The two classes.
    labels : int
        Labelled images of both classes together.
    scratch, transfer : array of shape (seeds,)
        Test accuracies. The same place is the same seed: the same images and the same output layer.
    learning_rates : dict of str → float
        The tuned rate of ``"scratch"`` and of ``"transfer"``.

    Examples
    --------
    >>> found = PairedGain((5, 6), 20, np.array([0.95, 0.96]), np.array([0.98, 0.95]), {"scratch": 0.01})
    >>> found.gains.round(2), round(found.mean, 3)
    (array([ 0.03, -0.01]), 0.01)
    """

    pair: tuple
    labels: int
    scratch: np.ndarray
    transfer: np.ndarray
    learning_rates: dict

    @property
    def gains(self):
        """Accuracy of transfer minus accuracy of scratch, for each seed."""
        return self.transfer - self.scratch

    @property
    def mean(self):
        """Mean gain over the seeds."""
        return float(self.gains.mean())

    @property
    def interval(self):
        """Mean gain with its 95 % bootstrap interval, see :func:`handson11.experiments.interval`."""
        from handson11.experiments.statistics import interval

        return interval(self.gains)


def paired_gain(
    pairs,
    labels=(20, 200),
    seeds=range(10),
    network="dense",
    rates=(0.0003, 0.001, 0.003, 0.01),
    frozen_steps=28,
    free_steps=112,
    source_labels=2000,
    source="auto",
    folder=None,
    n_jobs=1,
    progress=False,
):
    r"""Train pairs of Fashion-MNIST classes from scratch and by transfer, and return the gains with their spread.

    .. math:: g_{p,n,s} = \operatorname{acc}_T(p, n, s) - \operatorname{acc}_S(p, n, s)

    for pair :math:`p`, label count :math:`n` and seed :math:`s`. The source network learns the other eight classes
    until its validation loss stops falling. Transfer takes all its layers but the last one, trains a new sigmoid unit
    alone for ``frozen_steps``, and then everything for ``free_steps``. Scratch is the same network from random weights
    with as many steps. Both use Adam; the rate of each is tuned for each label count on validation images of all pairs,
    with a seed that is not reported. A run that diverges counts as chance.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Pairs of different classes 0 … 9.
    labels : sequence of int, default (20, 200)
        Labelled images of both classes together: even numbers.
    seeds : sequence of int, default 0 … 9
        Each draws its own labelled images and output layer; at least 2. Seed 100 is taken, by the tuning.
    network : {"dense", "convolutional"} or dict, default "dense"
        3 × 100 ReLU units, or three convolutions with about as many parameters; or ``{"model": "module:function",
        "arguments": {…}}``, a function that takes ``n_outputs`` and ``seed`` and returns a Keras model with logits.
    rates : sequence of float
        Learning rates to choose from, the same for both.
    frozen_steps, free_steps : int, default 28 and 112
        Steps of the two phases.
    source_labels : int, default 2000
        Training images of each class of the source task.
    source : str, default "auto"
        The data, see :func:`handson11.datasets.load_fashion_mnist`.
    folder : path, optional
        Where finished runs are kept, so that an interrupted call can go on.
    n_jobs : int, default 1
        Worker processes.
    progress : bool, default False
        Whether to show a bar.

    Returns
    -------
    list of PairedGain
        One for each pair and label count.

    Raises
    ------
    ValueError
        If a class or a number is out of range.

    Notes
    -----
    Keras has no such function. One source network serves all seeds of a pair, so the spread over source networks is not
    in the intervals.

    References
    ----------
    Yosinski, J. et al. (2014), "How transferable are features in deep neural networks?", *NeurIPS*.

    Examples
    --------
    >>> tiny = {"model": "handson11.models:dense_stack", "arguments": {"depth": 1, "width": 4}}
    >>> found = paired_gain([(5, 6)], [20], [0, 1], tiny, [0.01], 2, 4, 20, source="stand-in")
    >>> len(found), found[0].gains.shape
    (1, (2,))
    """
    pairs = [tuple(int(label) for label in pair) for pair in pairs]
    for pair in pairs:
        different = len(pair) == 2 and pair[0] != pair[1] and all(0 <= label <= 9 for label in pair)
        require(different, "pairs", "hold pairs of two different classes 0 … 9", pair)
    require(bool(pairs), "pairs", "hold at least one pair", pairs)
    for count in labels:
        require(count >= 2 and count % 2 == 0, "labels", "hold even numbers, at least 2", count)
    require(len(seeds) >= 2, "seeds", "hold at least 2 seeds: one run has no spread", list(seeds))
    for name, steps in (("frozen_steps", frozen_steps), ("free_steps", free_steps), ("source_labels", source_labels)):
        require_number(name, steps, "be at least 1", low=1)
    from handson11.claims.transfer import NETWORKS as DESCRIPTIONS
    from handson11.claims.transfer import pairs_experiment
    from handson11.experiments.declared import conduct

    if not isinstance(network, dict):
        network = DESCRIPTIONS[require_choice("network", network, NETWORKS)]
    steps = (frozen_steps, free_steps)
    experiment = pairs_experiment(network, pairs, labels, seeds, rates, source_labels, steps)
    results = conduct(experiment, folder, n_jobs, source, progress)
    return [_gain(results, pair, count) for pair in pairs for count in labels]


def _gain(results, pair, count):
    arms = {method: f"{method}, {count}" for method in ("scratch", "transfer")}
    metric = f"pair {pair[0]}-{pair[1]}"
    accuracies = {method: results.values(arm, metric, lost=0.5) for method, arm in arms.items()}
    return PairedGain(
        pair, count, **accuracies, learning_rates={method: results.chosen[arms[method]] for method in arms}
    )
