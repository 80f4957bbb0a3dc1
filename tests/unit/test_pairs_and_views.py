"""Pairs, rotations and altered views: labels and counts by hand, SciPy, scikit-learn; models, saving, errors."""

import itertools
import math

import keras
import numpy as np
import pytest
from scipy import ndimage, special
from sklearn.linear_model import LogisticRegression

from handson11.models import small_cnn
from handson11.pretraining.pairs import SiameseVerifier, make_pairs, pair_places, without_head
from handson11.pretraining.rotation import quarter_turns, rotation_task, square_images
from handson11.pretraining.views import InstancePairs, alter, altered, nt_xent

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(64, 784)).astype("float32")
PERSONS = np.array([3, 3, 7, 7, 7, 5, 5, 3])


def encoder(seed=1, pixels=784, units=6):
    start = keras.initializers.GlorotUniform(seed)
    return keras.Sequential([keras.Input((pixels,)), keras.layers.Dense(units, "relu", kernel_initializer=start)])


# Pairs


def test_half_of_the_drawn_pairs_are_the_same_person_and_none_is_one_picture_twice():
    places, same = pair_places(PERSONS, 5000, seed=1)
    assert same.sum() == 2500
    assert same.tolist() == [int(PERSONS[a] == PERSONS[b]) for a, b in places]
    assert np.all(places[:, 0] != places[:, 1])


def test_every_possible_pair_is_drawn_about_equally_often():
    places, same = pair_places(PERSONS, 60000, seed=2)
    for kind in (0, 1):
        possible = {p for p in itertools.permutations(range(8), 2) if (PERSONS[p[0]] == PERSONS[p[1]]) == kind}
        drawn = [tuple(pair) for pair in places[same == kind].tolist()]
        assert set(drawn) == possible
    # A "different" partner is uniform among the strangers: of picture 0 there are five.
    partners = places[(same == 0) & (places[:, 0] == 0)][:, 1]
    shares = np.bincount(partners, minlength=8)[[2, 3, 4, 5, 6]] / len(partners)
    np.testing.assert_allclose(shares, 0.2, atol=0.02)


@pytest.mark.parametrize("n", [2, 3, 10, 25])
def test_all_pairs_are_n_choose_two(n):
    places, _ = pair_places(np.arange(n) % 3)
    assert len({frozenset(pair) for pair in places.tolist()}) == len(places) == math.comb(n, 2)


def test_most_of_all_pairs_are_different():
    _, same = pair_places(np.repeat(range(10), 5))
    assert same.sum() == 10 * math.comb(5, 2)
    assert len(same) == math.comb(50, 2)


def test_the_seed_draws_the_pairs():
    first, again, other = (pair_places(PERSONS, 20, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_go_with_their_labels():
    x = np.arange(8) * 10
    (first, second), same = make_pairs(x, PERSONS, 100, seed=3)
    assert same.tolist() == (PERSONS[first // 10] == PERSONS[second // 10]).astype(int).tolist()


@pytest.mark.parametrize(
    ("y", "n_pairs", "text"),
    [
        ([1, 1, 2], 2, "`y` must have at least two pictures of every person"),
        ([1, 1, 1], 2, "`y` must name at least two persons"),
        ([1], None, "`y` must name one person for each of at least two pictures"),
        ([1, 1, 2, 2], 3, "`n_pairs` must be an even integer >= 2. Received: n_pairs=3"),
        ([1, 1, 2, 2], True, "`n_pairs` must be an even integer >= 2. Received: n_pairs=True"),
    ],
)
def test_pairs_that_cannot_be_made(y, n_pairs, text):
    with pytest.raises(ValueError, match=text):
        pair_places(y, n_pairs)


def test_each_picture_needs_its_person():
    with pytest.raises(ValueError, match="`y` must name one person for each of the 8 pictures"):
        make_pairs(np.zeros((8, 4)), [1, 1, 2, 2])


# The verifier


def test_the_verifier_is_its_formula():
    model = SiameseVerifier(encoder(), seed=2)
    x1, x2 = IMAGES[:5], IMAGES[5:10]
    kernel, bias, w, b = (np.asarray(v, "float64") for v in model.get_weights())
    f1, f2 = (np.maximum(x @ kernel + bias, 0) for x in (x1, x2))
    np.testing.assert_allclose(np.asarray(model((x1, x2))), special.expit(np.abs(f1 - f2) @ w + b), rtol=1e-4)


def test_the_verifier_with_a_fixed_encoder_is_logistic_regression():
    x1, x2 = RNG.normal(size=(2, 400, 3)).astype("float32")
    same = (np.abs(x1 - x2).sum(axis=1) + RNG.normal(size=400) < 3).astype("int32")
    identity = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    model = SiameseVerifier(identity, seed=1)
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", jit_compile=True, steps_per_execution=500)
    repeated = (np.tile(x1, (500, 1)), np.tile(x2, (500, 1)))
    model.fit(repeated, np.tile(same, 500), epochs=2, batch_size=400, shuffle=False, verbose=0)
    independent = LogisticRegression(C=1e6).fit(np.abs(x1 - x2), same)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], independent.coef_[0], atol=0.02)


def trained_verifier():
    keras.utils.set_random_seed(4)
    model = SiameseVerifier(encoder(), seed=2)
    model.compile("adam", "binary_crossentropy")
    pictures, same = make_pairs(IMAGES, np.arange(64) % 4, 128, seed=1)
    model.fit(pictures, same, epochs=2, verbose=0)
    return model


def test_saving_and_seeds(tmp_path):
    model, again = trained_verifier(), trained_verifier()
    pairs = (IMAGES[:8], IMAGES[8:16])
    np.testing.assert_array_equal(np.asarray(model(pairs)), np.asarray(again(pairs)))
    model.save(tmp_path / "verifier.keras")
    loaded = keras.saving.load_model(tmp_path / "verifier.keras")
    np.testing.assert_array_equal(np.asarray(model(pairs)), np.asarray(loaded(pairs)))


def test_what_is_reused_are_the_layers_of_the_classifier():
    model = small_cnn(filters=(2, 3), units=4, seed=1)
    rest = without_head(model)
    assert rest.output_shape == (None, 4)
    for found, expected in zip(rest.get_weights(), model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="`model` must have a layer below its last one"):
        without_head(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


# Rotation


def test_quarter_turns_as_numpy_turns_them():
    x = IMAGES.reshape(-1, 28, 28)
    turns = np.arange(64) % 4
    expected = np.stack([np.rot90(image, turn) for image, turn in zip(x, turns, strict=True)])
    np.testing.assert_array_equal(quarter_turns(x, turns), expected)
    np.testing.assert_array_equal(quarter_turns(IMAGES, turns), expected.reshape(64, -1))


def test_the_rotation_task_is_balanced_and_its_labels_undo_it():
    images, turns = rotation_task(IMAGES, seed=5)
    assert np.bincount(turns).tolist() == [16] * 4
    np.testing.assert_array_equal(quarter_turns(images, -turns % 4), IMAGES)
    assert not np.array_equal(rotation_task(IMAGES, seed=6)[1], turns)


@pytest.mark.parametrize("shape", [(3, 10), (3, 4, 5), (3,), (3, 4, 4, 1)])
def test_images_that_are_not_square(shape):
    with pytest.raises(ValueError, match="`x` must hold square images, or rows of their pixels"):
        square_images(np.zeros(shape))


def test_turns_that_do_not_fit():
    for turns in ([0, 1], [0, 1, 4]):
        with pytest.raises(ValueError, match="`turns` must have 0, 1, 2 or 3 for each of the 3 images"):
            quarter_turns(np.zeros((3, 2, 2)), turns)


# Views


def test_an_alteration_is_flip_move_brightness_and_hole():
    image = IMAGES[:1].reshape(1, 28, 28) * 0.5
    draws = np.array([[6.5 / 7, 0.5 / 7, 0.9, 0.0, 0.99, 1.0 - 1e-6]], "float32")  # 3 down, 3 left, mirrored, top right
    expected = ndimage.shift(image[0, :, ::-1], (3, -3), order=0) * 1.4
    expected[:9, 19:] = 0
    np.testing.assert_allclose(altered(image, draws)[0], expected, atol=1e-5)


def test_nothing_changes_without_alteration():
    np.testing.assert_allclose(alter(IMAGES, shift=0, hole=0, brightness=0.0, flip=False), IMAGES, atol=1e-7)


def test_views_stay_between_0_and_1_and_every_kind_occurs():
    views = alter(np.full((2000, 784), 0.5), seed=1).reshape(-1, 28, 28)
    assert views.min() == 0
    assert 0.69 < views.max() <= 0.7
    assert np.all((views == 0).sum(axis=(1, 2)) >= 81)
    halves = alter(np.tile(np.r_[np.ones(14), np.zeros(14)], (500, 28)), seed=2, shift=0, hole=0, brightness=0)
    assert 0.4 < (halves[:, 0] == 0).mean() < 0.6


def test_the_same_formula_for_arrays_and_tensors():
    images, draws = IMAGES.reshape(-1, 28, 28), RNG.uniform(size=(64, 6)).astype("float32")
    tensors = (keras.ops.convert_to_tensor(part) for part in (images, draws))
    np.testing.assert_allclose(np.asarray(altered(*tensors)), altered(images, draws), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shift": 28}, "`shift` must be between 0 and 27 pixels"),
        ({"hole": 29}, "`hole` must be between 0 and 28 pixels"),
        ({"brightness": 1.0}, r"`brightness` must be in \[0, 1\). Received: brightness=1.0"),
    ],
)
def test_alterations_that_do_not_fit(arguments, text):
    with pytest.raises(ValueError, match=text):
        alter(IMAGES, **arguments)
    with pytest.raises(ValueError, match=text):
        InstancePairs(encoder(), alteration=arguments)


# Contrastive loss


def test_nt_xent_by_hand():
    first, second = RNG.normal(size=(2, 3, 4))
    z = np.concatenate([first, second])
    total = 0
    for i in range(6):
        cosines = [z[i] @ z[k] / np.linalg.norm(z[i]) / np.linalg.norm(z[k]) / 0.2 for k in range(6)]
        others = [math.exp(cosine) for k, cosine in enumerate(cosines) if k != i]
        total -= math.log(math.exp(cosines[(i + 3) % 6]) / sum(others))
    assert nt_xent(first, second) == pytest.approx(total / 6)
    tensors = (keras.ops.convert_to_tensor(part.astype("float32")) for part in (first, second))
    assert float(nt_xent(*tensors)) == pytest.approx(total / 6, rel=1e-5)


def test_nt_xent_of_perfect_vectors():
    eye = np.eye(4)
    assert nt_xent(eye, eye, temperature=0.5) == pytest.approx(math.log(1 + 6 * math.exp(-2)))
    with pytest.raises(ValueError, match="`temperature` must be above 0"):
        nt_xent(eye, eye, temperature=0)


def trained_instances():
    keras.utils.set_random_seed(4)
    model = InstancePairs(encoder(), dimension=4, seed=2, alteration={"hole": 4})
    model.compile(keras.optimizers.Adam(0.01))
    return model, model.fit(IMAGES, epochs=8, batch_size=32, verbose=0).history["loss"]


def test_instance_pairs_learn_repeat_and_are_saved(tmp_path):
    (model, losses), (_, again) = trained_instances(), trained_instances()
    assert losses[-1] < losses[0]
    assert losses == again
    assert model(IMAGES).shape == (128, 4)
    model.save(tmp_path / "pairs.keras")
    loaded = keras.saving.load_model(tmp_path / "pairs.keras")
    assert loaded.get_config()["alteration"] == {"hole": 4}
    np.testing.assert_array_equal(np.asarray(model.encoder(IMAGES)), np.asarray(loaded.encoder(IMAGES)))


def test_instance_pairs_refuse_what_they_cannot_do():
    with pytest.raises(TypeError, match="`encoder` must be a Keras model"):
        InstancePairs("cnn")
    with pytest.raises(ValueError, match="`encoder` must read rows of square images"):
        InstancePairs(encoder(pixels=10))
    with pytest.raises(ValueError, match="`alteration` must have no other keys than"):
        InstancePairs(encoder(), alteration={"colour": 1})
    with pytest.raises(TypeError, match="`encoder` must be a Keras model"):
        SiameseVerifier("cnn")


def test_a_penalty_of_the_encoder_counts():
    penalty = keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(1.0))
    model = InstancePairs(keras.Sequential([keras.Input((784,)), penalty]), dimension=2)
    pure = nt_xent(*np.split(np.ones((4, 2)), 2))
    loss = model.compute_loss(IMAGES[:2], None, keras.ops.ones((4, 2)))
    assert float(loss) == pytest.approx(pure + np.sum(np.square(penalty.get_weights()[0])), rel=1e-4)
