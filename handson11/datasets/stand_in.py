"""The stand-in: ten kinds of clothes drawn by rule, for work without the real data set.

Every image is a silhouette whose outline, shade, texture and place are random. Only operations that give the same
bits on every machine are used (the raw stream of PCG64, additions, products, comparisons), so a seed always
gives the same images.
"""

import numpy as np

from handson11._check import require
from handson11.datasets.record import FashionMNIST

BATCH = 250  # images drawn at a time: small enough to stay in the processor's cache
row, column = np.arange(28, dtype="float32")[:, None], np.arange(28, dtype="float32")[None, :]


def make_stand_in(n_train=55_000, n_validation=5_000, n_test=10_000, seed=0):
    """Draw the stand-in data set: the names, shapes and types of Fashion-MNIST, with images of our own.

    Parameters
    ----------
    n_train, n_validation, n_test : int
        Number of images in each part, at least 1; the classes are as equal in number as they can be.
    seed : int, default 0
        The same seed gives the same images on every machine.

    Returns
    -------
    FashionMNIST
        The record of `load_fashion_mnist`, with ``source="stand-in"``.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer or is too small.

    Examples
    --------
    >>> data = make_stand_in(n_train=100, n_validation=10, n_test=10)
    >>> data
    FashionMNIST(source='stand-in', train=100, validation=10, test=10, images of 28×28 uint8)
    """
    parts = {"train": n_train, "validation": n_validation, "test": n_test}
    for part, n in parts.items():
        require(isinstance(n, int | np.integer), f"n_{part}", "be an integer", n, TypeError)
        require(n >= 1, f"n_{part}", "be at least 1", n)
    require(isinstance(seed, int | np.integer), "seed", "be an integer", seed, TypeError)
    require(seed >= 0, "seed", "be at least 0", seed)
    arrays = {}
    for number, (part, n) in enumerate(parts.items()):
        random = Random([int(seed), number])
        labels = (np.arange(n) % 10).astype("uint8")[np.argsort(random.raw(n), kind="stable")]
        arrays[f"x_{part}"], arrays[f"y_{part}"] = draw(labels, random), labels
    return FashionMNIST(source="stand-in", **arrays)


class Random:
    """Random numbers from the raw stream of PCG64, which NumPy keeps the same for ever."""

    def __init__(self, seed):
        self.bits = np.random.PCG64(np.random.SeedSequence(seed))

    def raw(self, n):
        """Return ``n`` random integers of 64 bits."""
        return self.bits.random_raw(n)

    def between(self, n, low, high):
        """Return ``n`` uniform float32 numbers from ``low`` to ``high``, as an array of shape (n, 1, 1)."""
        unit = (self.raw(n) >> np.uint64(40)).astype("float32") * np.float32(2**-24)
        return low + (high - low) * unit[:, None, None]

    def chance(self, n, probability):
        """Return ``n`` truth values, each True with ``probability``, as an array of shape (n, 1, 1)."""
        return self.between(n, 0, 1) < probability

    def noise(self, n):
        """Return ``n`` images of noise: bell-shaped, mean 0, standard deviation 1 (the sum of four random bytes)."""
        eighths = self.raw(n * 98 * 4).view("uint8").reshape(4, n, 28, 28)
        return (eighths.sum(0, dtype="int16").astype("float32") - np.float32(510)) * np.float32(1 / 147.8)


def draw(labels, random):
    """Return one uint8 image of 28×28 for each label."""
    images = np.empty((len(labels), 28, 28), "uint8")
    for label, garment in enumerate(GARMENTS):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            images[batch] = _expose(*garment(len(batch), random), random)
    return images


def _inside(distance):
    """Return the coverage of a pixel that lies ``distance`` pixels inside an edge: 0 outside, 1 inside."""
    return np.clip(distance + np.float32(0.5), 0, 1)


def _rise(x, start, end):
    """Return a smooth step from 0 at ``start`` to 1 at ``end``."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _ring(centre_x, centre_y, radius_x, radius_y, thickness):
    """Return the coverage of an ellipse's outline."""
    horizontal, vertical = (column - centre_x) / radius_x, (row - centre_y) / radius_y
    away = np.abs(horizontal * horizontal + vertical * vertical - 1) * np.minimum(radius_x, radius_y) / 2
    return _inside(thickness / 2 - away)


def _line(distance, width, strength):
    """Return a factor that darkens a line of ``width`` pixels by ``strength`` (brightens it if negative)."""
    return 1 - strength * _inside(width / 2 - np.abs(distance))


def _upper_body(n, random, half, waist, flare, top, bottom, sleeve, sleeve_width, spread, neck, depth):
    """Return silhouette, shading and the distance from the middle line of a garment with a neck and two sleeves."""
    middle = random.between(n, 12.9, 14.1)
    aside = np.abs(column - middle)
    down = np.clip((row - top) / (bottom - top), 0, 1)
    width = half - waist * 4 * down * (1 - down) + flare * down
    shoulder = _inside(row - top - random.between(n, 0.1, 0.35) * aside)
    body = _inside(width - aside) * _inside(bottom - row)
    outer = half + spread * (row - top)
    arm = _inside(outer - aside) * _inside(aside - outer + sleeve_width) * _inside(sleeve - row)
    hole = _inside(neck - aside) * _inside(top + depth * (1 - aside / neck) - row)
    seam = _line(aside - width, 1, random.between(n, 0, 0.35) * (row < sleeve) * (row > top + 4))
    return np.maximum(body, arm) * shoulder * (1 - hole), seam, aside


def _t_shirt(n, random):
    top = random.between(n, 0, 3)
    sleeve = top + random.between(n, 4, 10) * ~random.chance(n, 0.15)
    half = random.between(n, 5, 8)
    mask, detail, _ = _upper_body(
        n,
        random,
        half,
        random.between(n, 0, 1.2),
        random.between(n, -0.5, 1.5),
        top,
        random.between(n, 24, 28),
        sleeve,
        random.between(n, 3, 5),
        random.between(n, 0.35, 0.9),
        random.between(n, 2, 4.5),
        random.between(n, 1, 6),
    )
    return mask, detail


def _trouser(n, random):
    middle, top, bottom = random.between(n, 12.5, 14.5), random.between(n, 0, 2), random.between(n, 25, 28)
    aside = np.abs(column - middle)
    down = (row - top) / (bottom - top)
    crotch = random.between(n, 0.18, 0.45)
    hip, ankle, gap = random.between(n, 3.5, 5.5), random.between(n, 3, 7), random.between(n, 0.3, 3)
    outer = hip + (ankle - hip) * np.clip(down, 0, 1)
    inner = gap * np.clip((down - crotch) / (1 - crotch), 0, 1) + np.where(down > crotch, np.float32(0), np.float32(-2))
    mask = _inside(outer - aside) * _inside(aside - inner) * _inside(row - top) * _inside(bottom - row)
    return mask, _line(aside, 1.5, random.between(n, 0, 0.5)) * _line(row - top - 2, 1.2, random.between(n, 0, 0.4))


def _long_sleeves(n, random):
    """Return the parts that pullover, coat and shirt have in common."""
    top = random.between(n, 0, 3)
    return _upper_body(
        n,
        random,
        random.between(n, 5.5, 8),
        random.between(n, -0.3, 1),
        random.between(n, -0.8, 1.2),
        top,
        random.between(n, 24, 28),
        random.between(n, 20, 27),
        random.between(n, 2.5, 4.5),
        random.between(n, 0.1, 0.32),
        random.between(n, 1.5, 4),
        random.between(n, 0.5, 3.5),
    )


def _pullover(n, random):
    mask, detail, _ = _long_sleeves(n, random)
    return mask, detail * _line(row - 26, 2, random.between(n, 0, 0.3))


def _dress(n, random):
    top = random.between(n, 0, 2)
    sleeve = top + np.where(random.chance(n, 0.35), random.between(n, 5, 22), random.between(n, 0, 3))
    mask, detail, _ = _upper_body(
        n,
        random,
        random.between(n, 3, 5.2),
        random.between(n, 0.2, 1.8),
        random.between(n, 0, 4.5),
        top,
        random.between(n, 25, 28),
        sleeve,
        random.between(n, 1.5, 3),
        random.between(n, 0.15, 0.5),
        random.between(n, 1, 3),
        random.between(n, 1, 6),
    )
    return mask, detail * _line(row - random.between(n, 9, 15), 1.5, random.between(n, -0.3, 0.5))


def _coat(n, random):
    mask, detail, aside = _long_sleeves(n, random)
    opening = _line(aside, random.between(n, 0.8, 2.2), random.between(n, 0.25, 1))
    lapel = _line(
        aside - (random.between(n, 6, 12) - row) * random.between(n, 0.3, 0.6), 1.2, random.between(n, 0, 0.6)
    )
    return mask, detail * opening * np.where(row < 12, lapel, np.float32(1))


def _sandal(n, random):
    left, right, base = random.between(n, 0, 3), random.between(n, 24, 28), random.between(n, 17, 25)
    heel = np.where(random.chance(n, 0.45), random.between(n, 5, 11), random.between(n, 0, 3))
    sole = base - heel * _rise(column, random.between(n, 7, 11), random.between(n, 18, 24))
    thickness = random.between(n, 1.2, 3.5)
    ends = _inside(column - left) * _inside(right - column)
    mask = _inside(thickness / 2 - np.abs(row - sole)) * ends
    block = (
        _inside(column - right + random.between(n, 1.5, 6))
        * _inside(right - column)
        * _inside(row - sole)
        * _inside(base - row + 1)
    )
    mask = np.maximum(mask, block)
    above = _inside(sole - row + 1)
    for low, high in ((4, 10), (9, 16), (19, 24)):
        place, height = random.between(n, low, high), random.between(n, 2, 8) + heel * 0.3
        ground = base - heel * _rise(place, 8, 21)
        strap = _ring(place, ground, random.between(n, 1.5, 4.5), height, random.between(n, 1, 2.4))
        mask = np.maximum(mask, strap * above * random.chance(n, 0.75))
    return mask, np.float32(1)


def _shirt(n, random):
    long_mask, detail, aside = _long_sleeves(n, random)
    short = random.chance(n, 0.45)
    lower = random.between(n, 6, 14)
    mask = np.where(short & (row > lower), np.minimum(long_mask, _inside(random.between(n, 5.5, 8) - aside)), long_mask)
    buttons = _line(aside, 1, random.between(n, 0.1, 0.5) * (np.mod(row, 3) < 2))
    collar = _line(aside - (6 - row) * np.float32(0.7), 1.5, random.between(n, 0.1, 0.5) * (row < 7))
    return mask, detail * buttons * collar


def _shoe(n, random, toe, shaft, step, base):
    """Return the silhouette of a closed shoe that points to the left, and its height above the ground."""
    left, right = random.between(n, 0, 3), random.between(n, 24, 28)
    tip = 1 - np.clip((left + 4 - column) / 5, 0, 1)
    height = toe * (0.45 + 0.55 * tip * (2 - tip)) + (shaft - toe) * _rise(column, step - 4, step + 4)
    mask = _inside(height - (base - row)) * _inside(base - row) * _inside(column - left) * _inside(right - column)
    return mask, base - row


def _sneaker(n, random):
    mask, height = _shoe(
        n,
        random,
        random.between(n, 3.5, 6),
        random.between(n, 7, 13),
        random.between(n, 9, 17),
        random.between(n, 18, 23),
    )
    sole = _line(height - 1, random.between(n, 1.5, 3), random.between(n, -0.6, 0.5))
    laces = _line(
        np.mod(column + row * random.between(n, 0.3, 1), 3) - 1,
        1,
        random.between(n, 0, 0.6) * ((column > 8) & (column < 16)),
    )
    return mask, sole * laces


def _bag(n, random):
    middle, top, bottom = random.between(n, 12.5, 14.5), random.between(n, 5, 15), random.between(n, 21, 28)
    aside = np.abs(column - middle)
    half = random.between(n, 7, 13.5)
    width = half + random.between(n, -3, 2) * (bottom - row) / (bottom - top)
    box = _inside(width - aside) * _inside(row - top) * _inside(bottom - row)
    reach = half * random.between(n, 0.35, 0.9)
    handle = _ring(middle, top, reach, random.between(n, 2, 1 + top), random.between(n, 1, 2.6)) * (row <= top)
    flap = _line(row - top - random.between(n, 2, 8), 1.2, random.between(n, -0.3, 0.6))
    clasp = _line(aside, 3, random.between(n, -0.4, 0.4) * (np.abs(row - (top + bottom) / 2) < 2))
    return np.maximum(box, handle * random.chance(n, 0.8)), flap * clasp


def _ankle_boot(n, random):
    base = random.between(n, 23, 28)
    mask, height = _shoe(n, random, random.between(n, 4, 8), random.between(n, 12, 24), random.between(n, 10, 18), base)
    arch = _inside(random.between(n, 0, 4) - height) * _inside(column - random.between(n, 8, 13)) * _inside(21 - column)
    return mask * (1 - arch), _line(height - 2, 1.5, random.between(n, -0.4, 0.5))


GARMENTS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)


def _expose(mask, detail, random):
    """Return uint8 images: shade, texture and noise put on silhouettes, which are moved by up to two pixels."""
    n = len(mask)
    shade = random.between(n, 0.25, 1)
    image = mask * detail * shade * _texture(n, random)
    image = image * (1 + random.noise(n) * random.between(n, 0.02, 0.16))
    return (np.clip(image, 0, 1) * 255).astype("uint8")


def _texture(n, random):
    """Return a factor for each pixel: plain cloth, stripes, checks, blotches or a print on the chest."""
    kind = random.between(n, 0, 1)
    strength = random.between(n, 0.1, 0.7)
    period, phase = random.between(n, 2.5, 8), random.between(n, 0, 8)
    across = np.mod(row + phase, period) < period / 2
    along = np.mod(column + phase, period) < period / 2
    coarse = random.noise(n)[:, ::4, ::4].repeat(4, 1).repeat(4, 2) > 0
    size = random.between(n, 2, 6)
    badge = (np.abs(column - 13.5) < size) & (np.abs(row - random.between(n, 9, 17)) < size * random.between(n, 0.3, 1))
    dark = np.select(
        [kind < 0.4, kind < 0.55, kind < 0.62, kind < 0.72, kind < 0.85],
        [False, across, along, across ^ along, coarse],
        badge,
    )
    return 1 - strength * dark
