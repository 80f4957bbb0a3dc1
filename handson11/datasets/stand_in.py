"""The stand-in: ten kinds of clothes drawn by rule, for work without the real data set.

Every image is a silhouette whose outline, shade, texture and place are random. Only operations that give the same
bits on every machine are used (the raw stream of PCG64, additions, products, comparisons), so a seed always
gives the same images.
"""

import numpy as np

from handson11._check import require
from handson11.datasets.record import FashionMNIST

BATCH = 250  # images drawn at a time: small enough to stay in the processor's cache


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
        bits = np.random.PCG64(np.random.SeedSequence([int(seed), number]))
        labels = (np.arange(n) % 10).astype("uint8")[np.argsort(bits.random_raw(int(n)), kind="stable")]
        arrays[f"x_{part}"], arrays[f"y_{part}"] = _draw(labels, bits), labels
    return FashionMNIST(source="stand-in", **arrays)


def _draw(labels, bits):
    """Return one uint8 image of 28×28 for each label."""
    images = np.empty((len(labels), 28, 28), "uint8")
    for label, garment in enumerate(GARMENTS):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            canvas = Canvas(len(batch), bits)
            images[batch] = canvas.expose(*garment(canvas))
    return images


class Canvas:
    """A stack of ``n`` sheets of 28×28 pixels, each with its own size and place of the drawing, and random numbers.

    The coordinates ``row`` (n, 28, 1) and ``column`` (n, 1, 28) run from 0 to 27 over the drawing: a garment is drawn
    always in the same place of these coordinates, and so in another place of every image.
    """

    def __init__(self, n, bits):
        self.n, self.bits = n, bits
        pixels = np.arange(28, dtype="float32")
        self.row = (pixels[None, :, None] - 13.5 - self.between(-1.5, 1.5)) * self.between(0.86, 1.06) + 13.5
        self.column = (pixels[None, None, :] - 13.5 - self.between(-1.5, 1.5)) * self.between(0.86, 1.06) + 13.5

    def between(self, low, high):
        """Return ``n`` uniform float32 numbers from ``low`` to ``high``, as an array of shape (n, 1, 1)."""
        unit = (self.bits.random_raw(self.n) >> np.uint64(40)).astype("float32") * np.float32(2**-24)
        return low + (high - low) * unit[:, None, None]

    def chance(self, probability):
        """Return ``n`` truth values, each True with ``probability``, as an array of shape (n, 1, 1)."""
        return self.between(0, 1) < probability

    def noise(self):
        """Return ``n`` images of noise: bell-shaped, mean 0, standard deviation 1 (the sum of four random bytes)."""
        four = self.bits.random_raw(self.n * 98 * 4).view("uint8").reshape(4, self.n, 28, 28)
        return (four.sum(0, dtype="int16") - 510) * np.float32(1 / 147.8)

    def ring(self, centre_column, centre_row, width, height, thickness):
        """Return the coverage of an ellipse's outline; ``width`` and ``height`` are its half axes."""
        across, along = (self.column - centre_column) / width, (self.row - centre_row) / height
        away = np.abs(across * across + along * along - 1) * np.minimum(width, height) / 2
        return _inside(thickness / 2 - away)

    def flip(self):
        """Turn one drawing in eight the other way round."""
        self.column = np.where(self.chance(0.125), 27 - self.column, self.column)

    def texture(self):
        """Return a factor for each pixel: plain cloth, stripes, checks, blotches or a print on the chest."""
        kind, strength = self.between(0, 1), self.between(0.1, 0.7)
        period, phase = self.between(2.5, 8), self.between(0, 8)
        across = np.mod(self.row + phase, period) < period / 2
        along = np.mod(self.column + phase, period) < period / 2
        size = self.between(2, 6)
        badge = (np.abs(self.column - 13.5) < size) & (
            np.abs(self.row - self.between(9, 17)) < size * self.between(0.3, 1)
        )
        blotches = (self.bits.random_raw(self.n * 7).view("uint8").reshape(self.n, 7, 8)[:, :, :7] > 127).repeat(4, 1)
        choices = [(kind < 0.5) & False, across, along, across ^ along, blotches.repeat(4, 2)]
        dark = np.select([kind < 0.5, kind < 0.65, kind < 0.72, kind < 0.8, kind < 0.9], choices, badge)
        return 1 - strength * dark

    def expose(self, mask, detail):
        """Return uint8 images: a shade, a texture and noise, inside silhouettes ``mask`` with the factor ``detail``."""
        cloth = np.minimum(self.between(0.4, 1.4) * self.texture(), 1)
        image = mask * detail * cloth
        image *= 1 + self.noise() * self.between(0.02, 0.16)
        return (np.clip(image, 0, 1) * 255).astype("uint8")


def _inside(distance):
    """Return the coverage of a pixel that lies ``distance`` pixels inside an edge: 0 outside, 1 inside."""
    return np.clip(distance + 0.5, 0, 1)


def _rise(x, start, end):
    """Return a smooth step from 0 at ``start`` to 1 at ``end``."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _line(distance, width, strength):
    """Return a factor that darkens a line of ``width`` pixels by ``strength`` (brightens it if negative)."""
    return 1 - strength * _inside(width / 2 - np.abs(distance))


def _upper_body(canvas, half, waist, flare, top, bottom, sleeve, arm_width, spread, neck, depth):
    """Return silhouette, shading and distance from the middle line of a garment with a neck and two sleeves."""
    row = canvas.row
    aside = np.abs(canvas.column - canvas.between(12.9, 14.1))
    down = np.clip((row - top) / (bottom - top), 0, 1)
    width = half - waist * 4 * down * (1 - down) + flare * down
    body = _inside(width - aside) * _inside(bottom - row)
    reach = half + spread * (row - top)
    arm = _inside(reach - aside) * _inside(aside - reach + arm_width) * _inside(sleeve - row)
    shoulder = _inside(row - top - canvas.between(0.1, 0.35) * aside)
    hole = _inside(neck - aside) * _inside(top + depth * (1 - aside / neck) - row)
    seam = _line(aside - width, 1, canvas.between(0, 0.35) * ((row < sleeve) & (row > top + 4)))
    return np.maximum(body, arm) * shoulder * (1 - hole), seam, aside


def _t_shirt(canvas):
    between = canvas.between
    top = between(0, 3)
    mask, detail, _ = _upper_body(
        canvas,
        half=between(5, 8),
        waist=between(0, 1.2),
        flare=between(-0.5, 1.5),
        top=top,
        bottom=between(24, 28),
        sleeve=top + between(4, 10) * ~canvas.chance(0.15),
        arm_width=between(3, 5),
        spread=between(0.35, 0.9),
        neck=between(2, 4.5),
        depth=between(1, 6),
    )
    return mask, detail


def _trouser(canvas):
    between = canvas.between
    top, bottom, crotch = between(0, 2), between(25, 28), between(0.18, 0.45)
    hip, ankle, gap = between(4, 6), between(3.5, 7.5), between(0.3, 3)
    aside = np.abs(canvas.column - between(12.5, 14.5))
    down = (canvas.row - top) / (bottom - top)
    outer = hip + (ankle - hip) * np.clip(down, 0, 1)
    inner = gap * np.clip((down - crotch) / (1 - crotch), 0, 1) - 2 * (down <= crotch)
    mask = _inside(outer - aside) * _inside(aside - inner) * _inside(canvas.row - top) * _inside(bottom - canvas.row)
    return mask, _line(aside, 1.5, between(0, 0.5)) * _line(canvas.row - top - 2, 1.2, between(0, 0.4))


def _long_sleeves(canvas):
    """Return what pullover, coat and shirt have in common."""
    between = canvas.between
    return _upper_body(
        canvas,
        half=between(5.5, 8),
        waist=between(-0.3, 1),
        flare=between(-0.8, 1.2),
        top=between(0, 3),
        bottom=between(24, 28),
        sleeve=between(20, 27),
        arm_width=between(2.5, 4.5),
        spread=between(0.1, 0.32),
        neck=between(1.5, 4),
        depth=between(0.5, 3.5),
    )


def _pullover(canvas):
    mask, detail, _ = _long_sleeves(canvas)
    return mask, detail * _line(canvas.row - 26, 2, canvas.between(0, 0.3))


def _dress(canvas):
    between = canvas.between
    top = between(0, 2)
    mask, detail, _ = _upper_body(
        canvas,
        half=between(3, 5.2),
        waist=between(0.2, 1.8),
        flare=between(0, 4.5),
        top=top,
        bottom=between(25, 28),
        sleeve=top + np.where(canvas.chance(0.35), between(5, 22), between(0, 3)),
        arm_width=between(1.5, 3),
        spread=between(0.15, 0.5),
        neck=between(1, 3),
        depth=between(1, 6),
    )
    return mask, detail * _line(canvas.row - between(9, 15), 1.5, between(-0.3, 0.5))


def _coat(canvas):
    between, row = canvas.between, canvas.row
    mask, detail, aside = _long_sleeves(canvas)
    opening = _line(aside, between(0.8, 2.2), between(0.3, 1))
    lapel = _line(aside - (between(6, 12) - row) * between(0.3, 0.6), 1.2, between(0, 0.6) * (row < 12))
    return mask, detail * opening * lapel


def _sandal(canvas):
    canvas.flip()
    between, row, column = canvas.between, canvas.row, canvas.column
    right, base, thickness = between(24, 28), between(18, 25), between(1.2, 3.5)
    heel = np.where(canvas.chance(0.45), between(5, 11), between(0, 3))
    sole = base - heel * _rise(column, between(7, 11), between(18, 24))
    ends = _inside(right - column) * _inside(column - between(0, 3))
    block = _inside(column - right + between(1.5, 6)) * _inside(row - sole) * _inside(base - row + 1)
    mask = np.maximum(_inside(thickness / 2 - np.abs(row - sole)), block) * ends
    for low, high in ((4, 10), (9, 16), (19, 24)):
        place = between(low, high)
        ground = base - heel * _rise(place, 8, 21)
        strap = canvas.ring(place, ground, between(2.5, 5), between(2, 5) + heel * 0.2, between(1, 2.4))
        mask = np.maximum(mask, strap * _inside(sole - row + 1) * canvas.chance(0.75))
    return mask, np.float32(1)


def _shirt(canvas):
    between, row = canvas.between, canvas.row
    long, detail, aside = _long_sleeves(canvas)
    short = canvas.chance(0.45) & (row > between(6, 14))
    mask = np.where(short, np.minimum(long, _inside(between(5.5, 8) - aside)), long)
    buttons = _line(aside, 1.2, between(0.25, 0.8) * (np.mod(row, 4) < 2))
    collar = _line(aside - (6 - row) * 0.7, 1.5, between(0.2, 0.7) * (row < 7))
    return mask, detail * buttons * collar


def _shoe(canvas, toe, shaft, step, base):
    """Return the silhouette of a closed shoe and the height of each row above the ground."""
    canvas.flip()
    between, column = canvas.between, canvas.column
    left, right, up = between(0, 3), between(24, 28), base - canvas.row
    tip = 1 - np.clip((left + 4 - column) / 5, 0, 1)
    height = toe * (0.45 + 0.55 * tip * (2 - tip)) + (shaft - toe) * _rise(column, step - 4, step + 4)
    return _inside(height - up) * _inside(up) * (_inside(column - left) * _inside(right - column)), up


def _sneaker(canvas):
    between = canvas.between
    mask, up = _shoe(canvas, between(3.5, 6), between(7, 13), between(9, 17), between(18, 23))
    sole = _line(up - 1, between(1.5, 3), between(-0.6, 0.5))
    stripes = np.mod(canvas.column + canvas.row * between(0.3, 1), 3) - 1
    laces = _line(stripes, 1, between(0, 0.6) * ((canvas.column > 8) & (canvas.column < 16)))
    return mask, sole * laces


def _bag(canvas):
    between, row = canvas.between, canvas.row
    middle, top, bottom, half = between(12.5, 14.5), between(5, 15), between(21, 28), between(7, 13.5)
    aside = np.abs(canvas.column - middle)
    width = half + between(-3, 2) * (bottom - row) / (bottom - top)
    box = _inside(width - aside) * _inside(row - top) * _inside(bottom - row)
    handle = canvas.ring(middle, top, half * between(0.35, 0.9), between(2, 1 + top), between(1, 2.6))
    flap = _line(row - top - between(2, 8), 1.2, between(-0.3, 0.6))
    clasp = _line(aside, 3, between(-0.4, 0.4) * (np.abs(row - (top + bottom) / 2) < 2))
    return np.maximum(box, handle * ((row <= top) & canvas.chance(0.8))), flap * clasp


def _ankle_boot(canvas):
    between = canvas.between
    mask, up = _shoe(canvas, between(4, 8), between(12, 24), between(10, 18), between(23, 28))
    arch = _inside(between(0, 4) - up) * _inside(canvas.column - between(8, 13)) * _inside(21 - canvas.column)
    return mask * (1 - arch), _line(up - 2, 1.5, between(-0.4, 0.5))


GARMENTS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)
