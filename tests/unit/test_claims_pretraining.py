"""Autoencoders under few labels and under noise: what the runs do, and that the conclusions can come out either way."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from handson11.claims import pretraining as studies
from handson11.claims.runs import few_labels
from handson11.claims.runs import pretraining as runs
from handson11.pretraining.autoencoder import PretrainingCheck
from tests.unit.made_up_results import conclusion, made_up

SMALL = {
    "kind": "dense",
    "arguments": {"units": [32, 16]},
    "epochs": 14,
    "batch_size": 25,
    "learning_rate": 0.005,
    "n": 500,
    "attempts": 3,
}
FEW = {
    "network": {"model": "handson11.claims.runs.pretraining:encoder_network", "arguments": {"units": [32, 16]}},
    "steps": 3,
    "labels": 2,
    "learning_rate": 0.01,
    "seed": 4,
    "source": "stand-in",
}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(few_labels, "_KEPT", {})
    monkeypatch.delenv("HANDSON11_SOURCES", raising=False)


# What is run


def test_the_network_has_the_layers_of_the_encoder():
    network, autoencoder = runs.encoder_network(seed=1), runs.DenseAutoencoder(seed=1)
    shapes = [w.shape for w in network.get_weights()]
    assert shapes[:4] == [w.shape for w in autoencoder.encoder.get_weights()]
    assert shapes[4:] == [(64, 10), (10,)]


@pytest.mark.parametrize(
    "changes",
    [{}, {"kind": "denoising"}, {"kind": "convolutional", "arguments": {"filters": [4, 4], "units": 16}}],
)
def test_an_autoencoder_is_trained_without_labels_and_measured(changes):
    settings = {**SMALL, **changes, "seed": 3, "source": "stand-in"}
    weights, found = runs.autoencoder(settings)
    fresh = runs.KINDS[settings["kind"]](**settings["arguments"], seed=3).encoder.get_weights()
    assert [w.shape for w in weights] == [w.shape for w in fresh]
    assert np.abs(weights[0] - fresh[0]).max() > 0.01
    assert 0 < found["share"] <= 0.5
    assert found["attempts"] == 1


def test_a_diverged_autoencoder_is_trained_again_with_another_seed_and_told(monkeypatch):
    seeds, checks = [], [True, True, False]

    def noted(settings):
        seeds.append(settings["seed"])
        return runs.DenseAutoencoder(units=(2,), seed=settings["seed"])

    monkeypatch.setattr(runs, "trained_autoencoder", noted)
    monkeypatch.setattr(runs, "check_pretraining", lambda model, x: PretrainingCheck(0, 0, 0, checks.pop(0)))
    _, found = runs.autoencoder({**SMALL, "seed": 3, "source": "stand-in"})
    assert seeds == [3, 1003, 2003]
    assert found["attempts"] == 3


def test_if_all_diverge_the_run_fails():
    with pytest.raises(RuntimeError, match="All 2 autoencoders diverged"):
        runs.autoencoder({**SMALL, "kind": "denoising", "epochs": 1, "attempts": 2, "seed": 3, "source": "stand-in"})


def test_reused_layers_are_the_autoencoders(monkeypatch):
    started = []
    train_few = runs.train_few

    def noted(*arguments, model, **others):
        started.append(model.get_weights())
        return train_few(*arguments, model=model, **others)

    monkeypatch.setattr(runs, "train_few", noted)
    settings = {**SMALL, "kind": "denoising"}
    found = runs.with_few_labels({**FEW, "reused": 2, "frozen": 0, "autoencoder": settings})
    weights, _ = runs.autoencoder({**settings, "seed": 4, "source": "stand-in"})
    for left, right in zip(started[0][:4], weights, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    assert found["attempts"] == 1
    scratch = runs.with_few_labels({**FEW, "reused": 0, "frozen": 0, "autoencoder": None})
    assert "attempts" not in scratch
    assert np.abs(started[1][0] - started[0][0]).max() > 0.01
    np.testing.assert_array_equal(started[1][4], started[0][4])  # the output layer starts alike: paired


def test_the_linear_classifier_is_scikit_learns():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(300, 5)), rng.integers(0, 3, 300)
    found = runs.softmax_regression(x, labels, 0.01)
    known = LogisticRegression(C=1 / (0.01 * 300), tol=1e-8, max_iter=1000).fit(x, labels)
    centred = found[:-1] - found[:-1].mean(axis=1, keepdims=True)  # a constant over the classes changes nothing
    np.testing.assert_allclose(centred.T, known.coef_ - known.coef_.mean(axis=0), atol=1e-3)
    np.testing.assert_array_equal(np.argmax(x @ found[:-1] + found[-1], axis=1), known.predict(x))


def test_codes_are_judged_on_clean_and_noisy_images():
    configuration = {"masked": 0.5, "deviations": [0.0, 2.0], "n": 400, "penalty": 1e-3, "seed": 1}
    found = runs.codes_under_noise(
        {**configuration, "autoencoder": {**SMALL, "kind": "denoising"}, "source": "stand-in"}
    )
    assert found["gaussian_0"] == found["test_accuracy"] > 0.3
    assert found["gaussian_2"] < found["test_accuracy"]
    assert found["masked"] < found["test_accuracy"]


# What is concluded

NOISE = np.linspace(-0.01, 0.01, 10)


def accuracies(gain_few, gain_many):
    """Return made-up values: scratch at 0.6, every other arm better by what its number of labels says."""

    def value_of(arm, metric):
        if metric != "test_accuracy":
            return 1.0
        labels = int(arm.rpartition(", ")[2])
        base = 0.6 + NOISE * 3  # the same in both arms: only the gain's own spread counts
        return base if arm.startswith("scratch") else base + (gain_many if labels == 50 else gain_few) + NOISE

    return value_of


def test_gains_are_paired_and_averaged():
    results = made_up(studies.FEW_LABELS, accuracies(0.05, 0.02))
    np.testing.assert_allclose(studies.gains(results, "frozen"), np.array([[0.05]] * 4 + [[0.02]]) + NOISE)
    few, fall = studies.few_and_fall(results, "fine-tuned")
    assert few.value == pytest.approx(0.05)
    assert fall.value == pytest.approx(0.03)
    assert fall.low == pytest.approx(0.03)  # the spread cancels


def test_a_lost_run_counts_as_chance():
    values = accuracies(0.05, 0.02)
    results = made_up(
        studies.FEW_LABELS,
        lambda arm, metric: [np.nan] * 10 if (arm, metric) == ("frozen, 1", "test_accuracy") else values(arm, metric),
    )
    np.testing.assert_allclose(studies.gains(results, "frozen")[0], 0.1 - (0.6 + NOISE * 3))


@pytest.mark.parametrize(
    ("gain_few", "gain_many", "expected"),
    [(0.05, 0.02, "confirmed"), (0.05, 0.06, "partly"), (0.0, 0.02, "refuted")],
)
def test_do_the_layers_of_an_autoencoder_help(gain_few, gain_many, expected):
    verdict, measured, texts = conclusion("CL-48", accuracies(gain_few, gain_many), accuracies(0.03, 0.0))
    assert verdict == expected
    assert measured["few_gain_low"] < gain_few < measured["few_gain_high"]
    assert "convolutions of a CNN: mean gain over 1 to 10 labels per class: 0.03" in " ".join(texts)


def drops(plain, denoising, other):
    def value_of(arm, metric):
        lost = {"plain": plain, "denoising": denoising}[arm] + NOISE * (arm == "plain")
        if metric == "masked":
            return 0.8 - lost
        return 0.8 - (lost if other else 0.2) if metric == "gaussian_0.3" else 0.8

    return value_of


@pytest.mark.parametrize(
    ("plain", "denoising", "other", "expected"),
    [(0.2, 0.1, True, "confirmed"), (0.2, 0.1, False, "partly"), (0.1, 0.1, True, "refuted")],
)
def test_are_the_codes_of_a_denoising_autoencoder_sturdier(plain, denoising, other, expected):
    verdict, measured, _ = conclusion("CL-87", drops(plain, denoising, other))
    assert verdict == expected
    assert measured["same_noise_low"] < plain - denoising < measured["same_noise_high"]


def test_every_label_count_has_every_method():
    assert len(studies.FEW_LABELS.arms) == 7 * 5
    assert studies.FEW_LABELS.arms["denoising, frozen, 50"]["labels"] == 50
    first = studies.FEW_LABELS.configuration("fine-tuned, 1", 3, 0.01)
    assert first["autoencoder"] == studies.NOISE.configuration("plain", 3)["autoencoder"]  # made once for both
