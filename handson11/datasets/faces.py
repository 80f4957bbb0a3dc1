"""Faces with names: several pictures of each of several persons. Real ones where they can be had, else drawn ones."""

import contextlib
import socket
import warnings
from dataclasses import dataclass

import numpy as np

from handson11._check import require, require_choice, require_number
from handson11.datasets.verified import CONNECT_SECONDS, DataNotFoundError, offline

SIDE = 28


class GeneratedFacesWarning(UserWarning):
    """The real faces could not be had: the pictures are drawn by a program."""


@dataclass(frozen=True, eq=False, repr=False)
class Faces:
    """Grey pictures of faces, and who is on each of them.

    Parameters
    ----------
    images : array of shape (n, side, side), uint8
        The pictures.
    persons : array of shape (n,), int32
        The person on each picture, from 0.
    source : str
        ``"olivetti"`` for photographs, ``"generated"`` for drawings.

    Examples
    --------
    >>> make_faces(3, 2)
    Faces(source='generated', 6 pictures of 3 persons, 28×28 uint8)
    """

    images: np.ndarray
    persons: np.ndarray
    source: str

    def __repr__(self):
        side, n_persons = self.images.shape[1], len(np.unique(self.persons))
        pictures = f"{len(self.images):,} pictures of {n_persons:,} persons, {side}×{side} uint8"
        return f"Faces(source={self.source!r}, {pictures})"


def load_faces(source="auto"):
    """Load ten pictures of each of 40 persons: photographs, or drawings that say that they are drawings.

    The photographs (AT&T Laboratories Cambridge, 1992–94) come through scikit-learn, if that is installed, and are
    reduced to 28 × 28 pixels. ``HANDSON11_OFFLINE=1`` tries no network.

    Parameters
    ----------
    source : {"auto", "olivetti", "generated"}, default "auto"
        ``"auto"`` takes the photographs if they can be had and otherwise :func:`make_faces`, with a
        `GeneratedFacesWarning`; ``"olivetti"`` never falls back; ``"generated"`` draws at once, with no warning.

    Returns
    -------
    Faces
        400 pictures.

    Raises
    ------
    DataNotFoundError
        If ``source="olivetti"`` and the photographs cannot be had.
    TypeError, ValueError
        If ``source`` is none of the three names.

    Notes
    -----
    ``sklearn.datasets.fetch_olivetti_faces`` returns the photographs with 64 × 64 pixels.

    References
    ----------
    Samaria, F. and Harter, A. (1994), Parameterisation of a stochastic model for human face identification.

    Examples
    --------
    >>> load_faces("generated")
    Faces(source='generated', 400 pictures of 40 persons, 28×28 uint8)
    """
    require_choice("source", source, ("auto", "olivetti", "generated"))
    if source != "generated":
        try:
            return _olivetti()
        except DataNotFoundError as error:
            if source == "olivetti":
                raise
            told = f"These are NOT photographs: the faces are drawn by a program. {error}"
            warnings.warn(told, GeneratedFacesWarning, stacklevel=2)
    return make_faces(40, 10)


def _olivetti():
    try:
        from sklearn.datasets import fetch_olivetti_faces
    except ImportError:
        raise DataNotFoundError("The Olivetti faces need scikit-learn, which is not installed.") from None
    try:
        with contextlib.suppress(OSError):
            return _small(fetch_olivetti_faces(download_if_missing=False))
        if offline():
            raise DataNotFoundError("No copy is on this machine, and HANDSON11_OFFLINE is set.")
        with _patience(CONNECT_SECONDS):
            return _small(fetch_olivetti_faces(n_retries=0))
    except OSError as error:
        raise DataNotFoundError(f"The Olivetti faces could not be downloaded: {error}") from None


@contextlib.contextmanager
def _patience(seconds):
    """Let no connection wait for longer than this."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _small(found):
    """Return the photographs in our form: the middle 56 × 56 pixels, each four of them as one."""
    middle = np.asarray(found.images)[:, 4:60, 4:60]
    small = middle.reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    return Faces(np.round(255 * small).astype("uint8"), np.asarray(found.target, "int32"), "olivetti")


def make_faces(n_persons, n_pictures, seed=0, side=SIDE):
    """Draw pictures of persons who do not exist.

    What a person keeps: shape of head, hair, eyes, brows, nose and mouth, the tones of skin and hair. What changes from
    picture to picture: pose, light, expression, background and noise. The persons and poses follow from the seed.

    Parameters
    ----------
    n_persons, n_pictures : int, >= 1
        Persons, and pictures of each one.
    seed : int, default 0
        Another seed, other persons.
    side : int, >= 8, default 28
        Pixels of height and width. The same persons can be drawn in any size.

    Returns
    -------
    Faces
        ``n_persons * n_pictures`` pictures, those of one person in a row.

    Raises
    ------
    ValueError, TypeError
        If a number is too small.

    Notes
    -----
    They are easier than photographs: a result on them says what a method can do, not how well it knows real faces.

    Examples
    --------
    >>> faces = make_faces(2, 3, seed=1)
    >>> faces.images.shape, faces.persons.tolist()
    ((6, 28, 28), [0, 0, 0, 1, 1, 1])
    """
    for name, value, low in (("n_persons", n_persons, 1), ("n_pictures", n_pictures, 1), ("side", side, 8)):
        require(isinstance(value, int | np.integer), name, "be an integer", value, TypeError)
        require_number(name, value, f"be >= {low}", low=low)
    n = n_persons * n_pictures
    persons = np.repeat(np.arange(n_persons, dtype="int32"), n_pictures)
    person_rng, picture_rng, noise_rng = (np.random.default_rng([seed, part]) for part in range(3))
    kept = {name: value[persons] for name, value in _drawn(PERSON, n_persons, person_rng).items()}
    changing = _drawn(PICTURE, n, picture_rng)
    images = np.empty((n, side, side), dtype="uint8")
    for first in range(0, n, 2000):
        part = slice(first, first + 2000)
        traits = {name: value[part, None, None] for name, value in (kept | changing).items()}
        picture = _draw(traits, side)
        picture = picture + traits["grain"] * noise_rng.standard_normal(picture.shape, dtype="float32")
        images[part] = np.clip(np.round(255 * picture), 0, 255)
    return Faces(images, persons, "generated")


PERSON = {
    "width": (0.50, 0.66),
    "height": (0.70, 0.86),
    "jaw": (0.0, 0.45),
    "skin": (0.45, 0.88),
    "hair": (0.04, 0.62),
    "hairline": (-0.62, -0.34),
    "fringe": (-0.7, 0.7),
    "volume": (1.02, 1.30),
    "length": (-0.5, 1.1),
    "eye_distance": (0.20, 0.30),
    "eye_height": (-0.20, -0.02),
    "eye_size": (0.075, 0.13),
    "brow_height": (0.13, 0.22),
    "brow_thickness": (0.02, 0.055),
    "brow_slope": (-0.35, 0.35),
    "nose_length": (0.20, 0.36),
    "nose_width": (0.06, 0.14),
    "mouth_width": (0.14, 0.30),
    "mouth_height": (0.36, 0.50),
    "lips": (0.025, 0.07),
    "beard": (-0.9, 0.55),
}
"""What stays the same in all pictures of a person: name → lowest and highest value. The head is 2 high and 2 wide."""

PICTURE = {
    "right": (-0.12, 0.12),
    "down": (-0.10, 0.10),
    "scale": (0.90, 1.08),
    "roll": (-0.16, 0.16),
    "turn": (-0.16, 0.16),
    "nod": (-0.08, 0.08),
    "light_from": (0.0, 2 * np.pi),
    "light": (0.0, 0.34),
    "exposure": (0.80, 1.12),
    "smile": (-0.5, 0.9),
    "open": (0.0, 0.06),
    "lids": (0.55, 1.0),
    "background": (0.10, 0.90),
    "grain": (0.005, 0.03),
}
"""What changes from picture to picture."""


def _drawn(ranges, n, rng):
    """Return n numbers for each trait, each uniform in its range."""
    return {name: rng.uniform(low, high, n).astype("float32") for name, (low, high) in ranges.items()}


def _draw(t, side):
    """Return the pictures of traits of shape (n, 1, 1): values about 0 … 1, shape (n, side, side)."""
    place = (np.arange(side, dtype="float32") + 0.5) * 2 / side - 1
    x0, y0 = place[None, None, :] - t["right"], place[None, :, None] - t["down"]
    cos, sin = np.cos(t["roll"]) / t["scale"], np.sin(t["roll"]) / t["scale"]
    x, y = cos * x0 + sin * y0, cos * y0 - sin * x0
    sharp = 0.8 * side

    def inside(distance, softness=1.0):
        """Return 1 where a signed distance is negative, 0 where it is positive, and a soft edge between."""
        return 1 / (1 + np.exp(np.clip(distance * sharp / softness, -30, 30)))

    def ellipse(dx, dy, half_width, half_height):
        radius = np.sqrt((dx / half_width) ** 2 + (dy / half_height) ** 2)
        return inside((radius - 1) * np.minimum(half_width, half_height))

    def paint(picture, mask, tone):
        return picture + mask * (tone - picture)

    low = np.clip(y, 0, None)
    width = t["width"] * (1 - t["jaw"] * low * low)
    head = ellipse(x, y + 0.02, width, t["height"])
    picture = t["background"] + 0.08 * y
    above = ellipse(x, y + 0.08, t["width"] * t["volume"] * 1.04, t["height"] * t["volume"])
    beside = inside(np.abs(x) - t["width"] * t["volume"] * 1.04) * inside(-y - 0.1) * inside(y - t["length"])
    picture = paint(picture, np.maximum(above * inside(y - 0.1), beside), t["hair"])
    neck = inside(np.abs(x) - 0.55 * t["width"]) * inside(0.4 - y)
    picture = paint(picture, neck, 0.72 * t["skin"])
    shoulders = inside(0.92 + 0.25 * x * x - y)
    picture = paint(picture, shoulders, 0.25 + 0.3 * t["hair"])
    # A round head: its edge is darker, and one side is in the light.
    depth = np.sqrt(np.clip(1 - (x / t["width"]) ** 2 - (y / t["height"]) ** 2, 0, 1))
    light = t["light"] * (np.cos(t["light_from"]) * x + np.sin(t["light_from"]) * y)
    picture = paint(picture, head, t["skin"] * (0.80 + 0.2 * depth))
    # What stands on the face moves when the head turns and nods.
    u, v = x - t["turn"] * (0.6 + 0.4 * depth), y - t["nod"]
    skin = t["skin"]
    beard = np.clip(t["beard"], 0, 1) * head * inside(0.24 + 0.3 * np.abs(u) - v, 3)
    picture = paint(picture, beard, 0.5 * skin * (0.4 + t["hair"]))
    for way in (-1, 1):
        ex, ey = u - way * t["eye_distance"], v - t["eye_height"]
        picture = paint(picture, 0.5 * ellipse(ex, ey, 1.5 * t["eye_size"], 1.1 * t["eye_size"]), 0.7 * skin)
        open_eye = 0.62 * t["eye_size"] * t["lids"]
        picture = paint(picture, ellipse(ex, ey, 1.15 * t["eye_size"], open_eye), 0.95)
        picture = paint(picture, ellipse(ex, ey, 0.6 * t["eye_size"], 0.62 * t["eye_size"]), 0.05)
        brow = np.abs(ey + t["brow_height"] - t["brow_slope"] * way * ex) - t["brow_thickness"]
        brow = inside(brow, 0.7) * inside(np.abs(ex) - 1.45 * t["eye_size"])
        picture = paint(picture, brow, 0.6 * t["hair"])
    tip = t["eye_height"] + t["nose_length"]
    side_of_nose = np.abs(u - 0.45 * t["nose_width"] * (1 + (v - tip))) - 0.03
    ridge = inside(side_of_nose) * inside(v - tip) * inside(t["eye_height"] - v)
    picture = paint(picture, 0.45 * ridge, 0.55 * skin)
    picture = paint(picture, 0.75 * ellipse(u, v - tip, t["nose_width"], 0.045), 0.5 * skin)
    bend = v - t["mouth_height"] + 0.35 * t["smile"] * ((u / t["mouth_width"]) ** 2 - 0.5) * t["mouth_width"]
    mouth = inside(np.abs(u) - t["mouth_width"])
    picture = paint(picture, 0.8 * mouth * inside(np.abs(bend) - t["lips"] - t["open"]), 0.55 * skin)
    picture = paint(picture, mouth * inside(np.abs(bend) - 0.012 - t["open"], 0.7), 0.15)
    top = inside(y - t["hairline"] - t["fringe"] * 0.3 * x) * above
    picture = paint(picture, np.maximum(top, above * (1 - head) * inside(y + 0.05)), t["hair"])
    strand = 0.04 * np.sin(19 * x + 7 * t["volume"]) * np.maximum(top, beside * (1 - head) * (1 - neck))
    return (picture + strand) * t["exposure"] * (1 + light)
