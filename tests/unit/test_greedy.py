"""Greedy layer-wise pretraining."""

import keras
import numpy as np
import pytest

from handson11.pretraining.greedy import greedy_pretrain
from handson11.pretraining.rbm import RBM

ROWS = (np.random.default_rng(0).uniform(size=(300, 1)) + np.linspace(0, 0.6, 12) > 0.8).astype("float32")


def pretrained(**arguments):
    keras.utils.set_random_seed(0)
    settings = {"units": (8, 4), "epochs": 3, "batch_size": 10, "learning_rate": 0.05, "seed": 1, "verbose": 0}
    return greedy_pretrain(ROWS, **{**settings, **arguments})


@pytest.mark.parametrize("method", ["autoencoder", "rbm"])
def test_an_encoder_and_a_record_of_each_layer(method):
    encoder, layers = pretrained(method=method, epochs=20)
    assert isinstance(encoder, keras.Sequential)
    assert [layer.units for layer in encoder.layers] == [8, 4]
    codes = np.asarray(encoder(ROWS))
    assert codes.shape == (300, 4)
    assert codes.min() > 0
    assert codes.max() < 1
    assert [layer["layer"] for layer in layers] == [1, 2]
    for layer in layers:
        assert 0 < layer["share"] < 1
        assert not layer["diverged"]
    assert layers[0]["error"] == pytest.approx(layers[0]["share"] * ROWS.var(axis=0).mean(), rel=1e-5)


def test_the_first_layer_is_that_of_an_rbm():
    encoder, _ = pretrained(method="rbm", units=(8,))
    keras.utils.set_random_seed(0)
    model = RBM(8, 12, seed=1)
    weights = encoder.get_weights()
    assert weights[0].shape == model.parameters[0].shape
    shares = 1 / (1 + np.exp(-(ROWS @ weights[0] + weights[1])))
    np.testing.assert_allclose(encoder(ROWS), shares, atol=1e-5)


def test_lower_layers_do_not_depend_on_the_layers_above():
    one, two = (pretrained(units=units)[0].get_weights() for units in ((8,), (8, 4)))
    np.testing.assert_array_equal(one[0], two[0])


def test_progress_is_told(capsys):
    pretrained(verbose=1)
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told] == ["layer 1 of 2, 12 → 8 units", "layer 2 of 2, 8 → 4 units"]


def test_a_diverged_layer_is_told():
    with pytest.warns(UserWarning, match="Layer 1 diverged"):
        _, layers = pretrained(method="rbm", learning_rate=1e30, units=(8,))
    assert layers[0]["diverged"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"units": ()}, "`units` must name at least one layer"),
        ({"units": (0,)}, "`units` must be >= 1"),
        ({"method": "gan"}, "`method` must be one of"),
        ({"epochs": (1, 2, 3)}, "`epochs` must be one number, or one for each layer"),
        ({"learning_rate": 0}, "`learning_rate` must be above 0"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises((ValueError, TypeError), match=text):
        pretrained(**arguments)


def test_images_must_be_rows():
    with pytest.raises(ValueError, match=r"`x` must have the shape \(rows, inputs\)"):
        greedy_pretrain(np.zeros((2, 28, 28)))
