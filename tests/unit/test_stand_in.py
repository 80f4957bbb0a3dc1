"""The stand-in: the same on every machine, shaped like the real data, too hard for a linear model, not for a CNN."""

import hashlib

import numpy as np
import pytest

from handson11.datasets import make_stand_in

IMAGES_SUM = "7f4176670238e4448d0235f3023ef746cd9f51cf0151119455ea1b8a7a4fcd5e"


@pytest.fixture(scope="module")
def stand_in():
    return make_stand_in()


def test_shapes_types_and_balance(stand_in):
    for part, n in (("train", 55_000), ("validation", 5_000), ("test", 10_000)):
        x, y = getattr(stand_in, f"x_{part}"), getattr(stand_in, f"y_{part}")
        assert x.shape == (n, 28, 28) and x.dtype == np.uint8
        assert y.shape == (n,) and y.dtype == np.uint8
        assert np.bincount(y).tolist() == [n // 10] * 10
    assert stand_in.source == "stand-in"


def test_labels_are_in_random_order(stand_in):
    assert len(set(stand_in.y_train[:10].tolist())) > 3
    repeats = np.mean(stand_in.y_train[1:] == stand_in.y_train[:-1])
    assert repeats == pytest.approx(0.1, abs=0.01)


def test_the_same_bits_on_every_machine():
    # The sum was taken once, on Linux with an x86-64 processor; another machine must find the same.
    data = make_stand_in(n_train=600, n_validation=20, n_test=20, seed=7)
    assert hashlib.sha256(data.x_train.tobytes() + data.y_train.tobytes()).hexdigest() == IMAGES_SUM


def test_seeds_and_parts_differ():
    first, again, other = (make_stand_in(30, 30, 30, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.x_train, again.x_train) and np.array_equal(first.y_train, again.y_train)
    assert not np.array_equal(first.x_train, other.x_train)
    assert not np.array_equal(first.x_train, first.x_validation)
    assert not np.array_equal(first.x_validation, first.x_test)


def test_no_image_twice(stand_in):
    images = np.concatenate([stand_in.x_train, stand_in.x_validation, stand_in.x_test])
    assert len({image.tobytes() for image in images}) == len(images)


def test_pixels_are_like_those_of_the_real_set(stand_in):
    pixels = stand_in.x_train / np.float32(255)
    assert pixels.mean() == pytest.approx(0.286, abs=0.04)  # the real set has 0.286, 0.353 and a half
    assert pixels.std() == pytest.approx(0.353, abs=0.04)
    assert np.mean(stand_in.x_train == 0) == pytest.approx(0.5, abs=0.1)
    for label in range(10):
        images = pixels[stand_in.y_train == label]
        assert images.max() == 1
        assert images.mean((1, 2)).std() > 0.03  # no class has one brightness only
        assert np.all(images.max((1, 2)) > 0.1)  # and no image is empty


def test_few_images():
    data = make_stand_in(n_train=3, n_validation=1, n_test=1)
    assert data.x_train.shape == (3, 28, 28)
    assert sorted(data.y_train.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n_train": 0}, ValueError, "`n_train` must be at least 1. Received: n_train=0"),
        ({"n_test": 1.5}, TypeError, "`n_test` must be an integer. Received: n_test=1.5"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0. Received: seed=-1"),
        ({"seed": "one"}, TypeError, "`seed` must be an integer. Received: seed='one'"),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        make_stand_in(**arguments)


def test_too_hard_for_a_linear_model_but_not_for_a_small_cnn(stand_in):
    import keras
    from keras import layers

    n = 8_000
    x, y = stand_in.x_train[:n] / np.float32(255), stand_in.y_train[:n]

    def accuracy(*hidden, epochs):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((28, 28)), *hidden, layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.004), loss, metrics=["accuracy"])
        model.fit(x, y, batch_size=128, epochs=epochs, verbose=0)
        images = stand_in.x_test / np.float32(255)
        return model.evaluate(images, stand_in.y_test, batch_size=500, verbose=0, return_dict=True)["accuracy"]

    linear = accuracy(layers.Flatten(), epochs=6)
    convolutional = accuracy(
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        epochs=4,
    )
    assert 0.7 < linear < 0.9 < convolutional, (linear, convolutional)
