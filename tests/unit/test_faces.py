"""Faces: drawn ones repeat and differ as they should, photographs come only if they can be had, and it is said."""

import sys
import types

import numpy as np
import pytest
from sklearn import datasets

from handson11.datasets.faces import GeneratedFacesWarning, load_faces, make_faces
from handson11.datasets.verified import DataNotFoundError


def missing(**arguments):
    raise OSError("no such file")


def test_drawn_faces_repeat_and_have_persons():
    faces, again, other = make_faces(5, 4, seed=1), make_faces(5, 4, seed=1), make_faces(5, 4, seed=2)
    assert faces.images.dtype == np.uint8
    assert faces.persons.tolist() == np.repeat(range(5), 4).tolist()
    np.testing.assert_array_equal(faces.images, again.images)
    assert not np.array_equal(faces.images, other.images)
    assert faces.source == "generated"


def test_many_pictures_are_drawn_as_few_are():
    many = make_faces(300, 7, seed=1, side=8)
    assert many.images.shape == (2100, 8, 8)
    assert many.images.std() > 20


def test_pictures_of_one_person_are_nearer_to_each_other():
    faces = make_faces(40, 6, seed=3)
    x = faces.images.reshape(240, -1).astype(float)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    distances = np.square(x[:, None] - x[None]).sum(axis=2)
    same = faces.persons[:, None] == faces.persons
    assert distances[same & ~np.eye(240, dtype=bool)].mean() < 0.9 * distances[~same].mean()


def test_the_size_does_not_change_the_persons():
    small, large = make_faces(3, 2, seed=1, side=28), make_faces(3, 2, seed=1, side=56)
    reduced = large.images.reshape(6, 28, 2, 28, 2).mean(axis=(2, 4))
    assert np.corrcoef(reduced.ravel(), small.images.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(("arguments", "name"), [((0, 1), "n_persons"), ((1, 0), "n_pictures"), ((1, 1, 0, 4), "side")])
def test_numbers_too_small(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be >="):
        make_faces(*arguments)


def test_photographs_in_our_form(monkeypatch):
    photographs = np.zeros((2, 64, 64), "float32")
    photographs[0, 4:6, 4:6] = [[1.0, 0.0], [1.0, 0.0]]  # the first of our pixels
    photographs[1, :4] = photographs[1, :, 60:] = 1.0  # cut off
    found = types.SimpleNamespace(images=photographs, target=np.array([0, 1]))
    monkeypatch.setattr(datasets, "fetch_olivetti_faces", lambda **arguments: found)
    faces = load_faces()
    assert faces.source == "olivetti"
    assert faces.images[0, 0, 0] == 128
    assert faces.images.sum() == 128
    assert faces.persons.tolist() == [0, 1]


def test_without_photographs_drawings_say_what_they_are(monkeypatch):
    monkeypatch.setattr(datasets, "fetch_olivetti_faces", missing)
    monkeypatch.setenv("HANDSON11_OFFLINE", "1")
    with pytest.warns(GeneratedFacesWarning, match="NOT photographs.*HANDSON11_OFFLINE is set"):
        faces = load_faces()
    assert repr(faces) == "Faces(source='generated', 400 pictures of 40 persons, 28×28 uint8)"
    with pytest.raises(DataNotFoundError, match="HANDSON11_OFFLINE"):
        load_faces("olivetti")


def test_a_download_that_fails_is_given_up_soon(monkeypatch):
    asked = []

    def fetch(**arguments):
        asked.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(datasets, "fetch_olivetti_faces", fetch)
    monkeypatch.delenv("HANDSON11_OFFLINE", raising=False)
    with pytest.raises(DataNotFoundError, match="could not be downloaded: no network"):
        load_faces("olivetti")
    assert asked == [{"download_if_missing": False}, {"n_retries": 0}]


def test_scikit_learn_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataNotFoundError, match="need scikit-learn"):
        load_faces("olivetti")
    assert len(load_faces("generated").images) == 400
