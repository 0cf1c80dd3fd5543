"""NVIDIA Image Scaling and Snapdragon GSR 1 against straightforward implementations of what their authors describe.

These are written pixel by pixel in float64 and share nothing with the compiled ones but NVIDIA's filters, which have a
test of their own: lines are sampled by geometry, windows by NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from synthcomp_core.errors import Cancelled, ImageError, SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.upscalers import list_upscalers, parse_upscaler, upscaling_note
from synthcomp_core.upscalers.gsr1 import Gsr1
from synthcomp_core.upscalers.nis import Nis, filters, sharpening
from synthcomp_core.upscalers.positions import source_positions

Read = Callable[[int, int], np.ndarray]


def scene(width: int = 26, height: int = 21, seed: int = 5) -> Image:
    """Edges of every direction, a gradient and some noise: all branches are taken."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    picture = np.stack([90 + 3 * x, 60 + 4 * y, 200 - 2 * x - y], axis=2)
    picture[(x + y > 18) & (x + y < 24)] = (240, 230, 20)
    picture[(x - y > 9)] = (15, 30, 60)
    picture[height // 2 : height // 2 + 3, : width // 2] = 250
    picture[:, width // 3 : width // 3 + 2] = (0, 10, 5)
    return np.clip(picture + generator.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def reader(plane: np.ndarray) -> Read:
    """Reads plane[y, x], the nearest pixel beyond the edges."""
    height, width = plane.shape[:2]
    return lambda y, x: plane[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]


def bilinear(read: Read, y: float, x: float) -> np.ndarray:
    top, left = math.floor(y), math.floor(x)
    fy, fx = y - top, x - left
    upper = (1 - fx) * read(top, left) + fx * read(top, left + 1)
    lower = (1 - fx) * read(top + 1, left) + fx * read(top + 1, left + 1)
    return (1 - fy) * upper + fy * lower


def by_pixel(image: Image, size: tuple[int, int], value: Callable[[float, float], np.ndarray]) -> np.ndarray:
    """The image whose every pixel is value(y, x) at its place in the input, in steps of 8 bits, not rounded."""
    (width, height), (rows, columns) = size, image.shape[:2]
    out = np.empty((height, width, 3))
    for j in range(height):
        for i in range(width):
            out[j, i] = value((j + 0.5) * rows / height - 0.5, (i + 0.5) * columns / width - 0.5)
    return np.clip(out, 0, 1) * 255


# NVIDIA Image Scaling -------------------------------------------------------------------------------------------------


def nis_edges(read: Read, y: int, x: int) -> np.ndarray:
    """How far a pixel lies on an edge across which the luma changes: down, right, down right, up right."""
    block = np.array([[float(read(y + i, x + j)) for j in (-1, 0, 1)] for i in (-1, 0, 1)])
    rows, columns = np.mgrid[-1:2, -1:2]
    strengths = [abs((block * np.sign(part)).sum()) for part in (rows, columns, rows + columns, columns - rows)]
    weights = np.zeros(4)
    pairs = (max(strengths[:2]), min(strengths[:2])), (max(strengths[2:]), min(strengths[2:]))
    if pairs[0][0] + pairs[1][0] == 0:
        return weights
    found = [
        strong > weak * 2 * 1127 / 1024 and strong > 64 / 1024 and strong > other
        for (strong, weak), other in zip(pairs, (pairs[1][1], pairs[0][1]), strict=True)
    ]
    share = pairs[0][0] / (pairs[0][0] + pairs[1][0])
    if found[0]:
        weights[int(np.argmax(strengths[:2]))] = share if found[1] else 1.0
    if found[1]:
        weights[2 + int(np.argmax(strengths[2:]))] = 1 - share if found[0] else 1.0
    return weights


def nis_line(
    read: Read, y: float, x: float, step: tuple[int, int], across: tuple[int, int]
) -> tuple[list[float], float]:
    """Six luma values along a direction through (y, x), and the place between the third and the fourth, in 0..1.

    Each is interpolated between the two nearest pixels of its line across the direction. step and across: (row,
    column) of those directions; along a diagonal, a pixel is half a step from line to line.
    """
    diagonal = step[0] != 0 and step[1] != 0
    along = (step[0] * y + step[1] * x) if diagonal else (y if step[0] else x)
    beside = (across[0] * y + across[1] * x) if diagonal else (x if step[0] else y)
    begin = math.floor(along)
    values = []
    for number in range(begin - 2, begin + 4):
        if not diagonal:
            first = math.floor(beside)
            pixels = [(number, first), (number, first + 1)] if step[0] else [(first, number), (first + 1, number)]
            share = beside - first
        else:
            # On this line, ``across`` takes every other value: those of the parity of ``number``.
            first = math.floor(beside)
            first -= (first - number) % 2
            places = [(number, first), (number, first + 2)]
            basis = np.array([step, across])
            pixels = [tuple(round(v) for v in np.linalg.solve(basis, place)) for place in places]
            share = (beside - first) / 2
        values.append((1 - share) * float(read(*pixels[0])) + share * float(read(*pixels[1])))
    return values, along - begin


def nis_sharpened(values: list[float], place: float, sharpness: float) -> float:
    smooth, sharp = filters()
    phase = min(int(place * 64), 63)
    value, detail = float(smooth[phase] @ values), float(sharp[phase] @ values)
    low, more, limit_low, limit_more = (float(part) for part in sharpening(sharpness))
    darkness = 1 - min(max((value - 0.45) / 0.45, 0), 1)
    detail *= low + darkness * more
    limit = (limit_low + darkness * limit_more) * value
    detail = max(-limit, min(limit, detail))
    before = [values[1], values[2], values[0] if phase <= 32 else values[3]]
    after = [values[3], values[4], values[2] if phase <= 32 else values[5]]
    contrasts = sorted([max(before) - min(before), max(after) - min(after)])
    ratio = contrasts[1] / (contrasts[0] + 1 / 255)
    return value + detail * (1 - min(max((ratio - 2) / 8, 0), 1))


def plain_nis(image: Image, size: tuple[int, int], sharpness: float) -> np.ndarray:
    colours = reader(image / 255)
    luma = reader((image / 255) @ np.array([0.2126, 0.7152, 0.0722]))
    smooth, _ = filters()

    def value(y: float, x: float) -> np.ndarray:
        top, left = math.floor(y), math.floor(x)
        weights = bilinear(lambda row, column: nis_edges(luma, row, column), y, x)
        block = np.array([[float(luma(top + i, left + j)) for j in range(-2, 4)] for i in range(-2, 4)])
        result = smooth[int((y - top) * 64)] @ block @ smooth[int((x - left) * 64)] * (1 - weights.sum())
        directions = (((1, 0), (0, 1)), ((0, 1), (1, 0)), ((1, 1), (-1, 1)), ((-1, 1), (1, 1)))
        for weight, (step, across) in zip(weights, directions, strict=True):
            if weight > 0:
                result += weight * nis_sharpened(*nis_line(luma, y, x, step, across), sharpness)
        return bilinear(colours, y, x) + (result - bilinear(luma, y, x))

    return by_pixel(image, size, value)


@pytest.mark.parametrize(("size", "sharpness"), [((39, 32), 0.5), ((52, 42), 0.0), ((33, 27), 1.0), ((31, 30), 0.7)])
def test_nis_is_what_nvidia_describes(size: tuple[int, int], sharpness: float) -> None:
    image = scene()
    expected = plain_nis(image, size, sharpness)
    assert_same(Nis(sharpness).upscale(image, size), expected)
    # The comparison would see a direction mistaken for another: the image mirrored is another image.
    assert np.abs(Nis(sharpness).upscale(image, size)[:, ::-1] - expected).mean() > 5


def test_the_filters_of_nis_are_the_published_ones() -> None:
    smooth, sharp = filters()
    # Rows of the SDK's tables that people quote: phases 0, 32 and 16.
    assert smooth[0] == pytest.approx([0, 0, 1, 0, 0, 0], abs=1e-6)
    assert smooth[32] == pytest.approx([0.0244, -0.1357, 0.6113, 0.6113, -0.1357, 0.0244], abs=6e-4)
    assert sharp[0] == pytest.approx([0, -0.6001, 1.2002, -0.6001, 0, 0], abs=6e-4)
    assert sharp[32] == pytest.approx([0.0132, -0.3394, 0.3262, 0.3262, -0.3394, 0.0132], abs=2.5e-3)
    assert sharp[16] == pytest.approx([0.0200, -0.5728, 0.9292, -0.2690, -0.1104, 0.0034], abs=2.5e-3)
    assert smooth.sum(axis=1) == pytest.approx(np.ones(64), abs=1e-6)
    assert sharp.sum(axis=1) == pytest.approx(np.zeros(64), abs=1e-6)


def test_the_sharpness_of_nis_sharpens() -> None:
    image, energies = scene(40, 40), []
    for sharpness in (0.0, 0.5, 1.0):
        upscaled = Nis(sharpness).upscale(image, (60, 60)).astype(float)
        energies.append(float(np.abs(np.diff(upscaled, axis=1)).mean()))
    assert energies == sorted(energies) and energies[0] < energies[-1]


# Snapdragon GSR 1 -----------------------------------------------------------------------------------------------------


def plain_gsr1(image: Image, size: tuple[int, int], directed: bool, threshold: float) -> np.ndarray:
    colours = reader(image / 255)
    rows, columns = np.mgrid[-1:3, -1:3]
    inside = ~((abs(rows - 0.5) > 1) & (abs(columns - 0.5) > 1))  # A 4x4 block without its corners.

    def value(y: float, x: float) -> np.ndarray:
        top, left = math.floor(y), math.floor(x)
        colour = bilinear(colours, y, x)
        green = np.array([[colours(top + i, left + j)[1] for j in range(-1, 3)] for i in range(-1, 3)])
        first, second = green[1, 1], green[2, 1]
        if abs(first - second) + abs(colour[1] - first) + abs(colour[1] - second) <= threshold:
            return colour
        mean = green[1:3, 1:3].mean()
        centred = green - mean
        flatness = (10.14185 / abs(centred[inside]).sum()) ** 2
        down, right = y - top - rows, x - left - columns
        squared = down**2 + right**2
        if directed:
            one, other = green[2, 2] - green[1, 1], green[1, 2] - green[2, 1]
            gradient = np.array([one + other, one - other])
            gradient = gradient / math.sqrt(gradient @ gradient + 3.07574e-05)
            squared = squared + (right * gradient[1] + down * gradient[0]) ** 2 * (
                np.clip(centred**2 * flatness, 0, 1) * 0.7 - 1
            )
        else:
            squared = squared * 0.55 + np.clip(abs(centred) * flatness, 0, 1)
        weights = np.where(inside, (squared - 1) * (squared - 4) ** 3, 0)
        sharpened = np.clip(
            2 * (weights * centred).sum() / weights.sum(), centred[1:3, 1:3].min(), centred[1:3, 1:3].max()
        )
        return colour + np.clip(sharpened - (colour[1] - mean), -23 / 255, 23 / 255)

    return by_pixel(image, size, value)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("size", [(39, 32), (52, 42), (31, 30)])
def test_gsr1_is_what_qualcomm_describes(size: tuple[int, int], directed: bool) -> None:
    image = scene()
    # Differences of whole steps of 8 bits meet the threshold of 8 of them exactly; rounding may then decide either way.
    strict, lax = (plain_gsr1(image, size, directed, (8 + slack) / 255) for slack in (-1e-4, 1e-4))
    upscaled = Gsr1(directed=directed).upscale(image, size)
    as_strict = np.abs(upscaled - strict).max(axis=2) < np.abs(upscaled - lax).max(axis=2)
    assert (strict != lax).any(axis=2).mean() < 0.1
    assert_same(upscaled, np.where(as_strict[..., None], strict, lax))


def assert_same(upscaled: Image, expected: np.ndarray) -> None:
    """Rounded alike, up to what float32 leaves, which is a thousandth of a step."""
    assert np.abs(upscaled - expected).max() <= 0.501


# Both -----------------------------------------------------------------------------------------------------------------

BOTH = ["nis", "nis_s0", "nis_s1", "gsr1", "gsr1_edge"]


@pytest.mark.parametrize("upscaler_id", BOTH)
@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_constant_image_stays_constant(upscaler_id: str, value: int) -> None:
    image = np.full((6, 5, 3), value, np.uint8)
    assert (parse_upscaler(upscaler_id).upscale(image, (13, 9)) == value).all()


@pytest.mark.parametrize("upscaler_id", BOTH)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (300, 2)])
@pytest.mark.parametrize("target", [(1, 1), (5, 3), (601, 2)])
def test_every_size_from_one_pixel_works(upscaler_id: str, size: tuple[int, int], target: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    upscaled = parse_upscaler(upscaler_id).upscale(image, target)
    assert upscaled.shape == (target[1], target[0], 3) and upscaled.dtype == np.uint8


@pytest.mark.parametrize("upscaler_id", BOTH)
def test_bands_do_not_show(upscaler_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthcomp_core.upscalers import gsr1, nis

    image = scene(40, 90)
    whole = parse_upscaler(upscaler_id).upscale(image, (61, 170))
    monkeypatch.setattr(nis, "_BAND_ROWS", 7)
    monkeypatch.setattr(gsr1, "_BAND_ROWS", 7)
    assert np.array_equal(parse_upscaler(upscaler_id).upscale(image[:, ::-1][:, ::-1], (61, 170)), whole)


@pytest.mark.parametrize("upscaler_id", BOTH)
def test_cancelling_stops_the_work(upscaler_id: str) -> None:
    def cancel(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        parse_upscaler(upscaler_id).upscale(scene(40, 200), (60, 400), on_progress=cancel)


def test_ids_name_the_settings_and_are_listed() -> None:
    assert [parse_upscaler(name).id for name in ("nis", "nis_s0.5", "nis_s0.25", "gsr1", "gsr1_edge")] == [
        "nis", "nis", "nis_s0.25", "gsr1", "gsr1_edge",
    ]  # fmt: skip
    assert {"nis", "gsr1", "gsr1_edge"} <= {info.id for info in list_upscalers()}
    with pytest.raises(SynthcompError, match="between 0 and 1"):
        parse_upscaler("nis_s1.5")
    with pytest.raises(ImageError, match="at least 1"):
        parse_upscaler("gsr1").upscale(scene(), (0, 4))


def test_a_note_tells_of_scales_that_they_are_not_made_for() -> None:
    for upscaler_id, name in (("nis_s1", "NVIDIA Image Scaling"), ("gsr1_edge", "Snapdragon GSR 1")):
        assert upscaling_note(upscaler_id, (100, 80), (200, 160)) is None
        note = upscaling_note(upscaler_id, (100, 80), (300, 240))
        assert note is not None and note.startswith(name)


def test_positions_are_those_of_coinciding_centres() -> None:
    before, past = source_positions(3, 2)
    assert before.tolist() == [0, 1] and past.tolist() == [0.25, 0.75]
    before, past = source_positions(1920, 1279)
    assert (past < 1).all() and (past >= 0).all()
    assert before[0] >= -1 and before[-1] <= 1919
