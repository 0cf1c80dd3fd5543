"""SSIMULACRA2 against scores of the reference implementation."""

from __future__ import annotations

import csv
import functools
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.images import Image
from synthcomp_core.metrics import ssimulacra2
from tests.pages.conftest import frame

TOLERANCE = 0.05


@functools.lru_cache(maxsize=2)
def picture(shared: Path, name: str) -> Image:
    folder = "data/kodak" if name.startswith("kodim") else "data/games/test"
    with PillowImage.open(shared / folder / name) as opened:
        return np.asarray(opened.convert("RGB"))


def check_reference_scores(shared: Path, *, whole_frames: bool) -> int:
    """Compare the scores of the reference file's whole frames, or of all smaller images; how many there were."""
    with (shared / "reference" / "ssimulacra2.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    checked = 0
    for name, crop, file_format, quality, score in rows:
        if (crop == "0x0x1920x1080") != whole_frames:
            continue
        left, top, right, bottom = (int(edge) for edge in crop.split("x"))
        reference = np.ascontiguousarray(picture(shared, name)[top:bottom, left:right])
        coded = io.BytesIO()
        PillowImage.fromarray(reference).save(coded, file_format, quality=int(quality))
        with PillowImage.open(coded) as opened:
            image = np.asarray(opened.convert("RGB"))
        assert ssimulacra2(reference, image) == pytest.approx(float(score), abs=TOLERANCE), (name, crop, quality)
        checked += 1
    return checked


def test_crops_and_kodak_images_score_as_by_the_reference_implementation(shared: Path) -> None:
    assert check_reference_scores(shared, whole_frames=False) == 56


@pytest.mark.slow
def test_whole_frames_score_as_by_the_reference_implementation(shared: Path) -> None:
    assert check_reference_scores(shared, whole_frames=True) == 28


def test_two_flat_greys_score_as_published() -> None:
    # Where the recursive Gaussian's rounding errors are all there is: other filters give other scores.
    first, second = (np.full((64, 64, 3), level, np.uint8) for level in (128, 148))
    assert ssimulacra2(first, second) == pytest.approx(56.0586, abs=1e-3)


def test_identical_images_score_100_and_others_less() -> None:
    image = frame(1, 90, 70)
    assert ssimulacra2(image, image) == 100.0
    changed = image.copy()
    changed[30:40, 30:40] += 3
    score = ssimulacra2(image, changed)
    assert score is not None and 80 < score < 100


def test_the_number_of_threads_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, image = frame(1, 201, 190), frame(2, 201, 190)
    scores = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        scores.append(ssimulacra2(reference, image))
    assert scores[0] is not None and scores[0] < 0
    assert scores == [scores[0]] * 3


@pytest.mark.parametrize("size", [(7, 100), (100, 7), (1, 1)])
def test_images_under_8_pixels_per_side_have_no_score(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    assert ssimulacra2(image, image) is None


@pytest.mark.parametrize("size", [(8, 8), (8, 9), (9, 8), (15, 17), (8, 300)])
def test_the_smallest_images_have_one(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    first, second = generator.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    score = ssimulacra2(first, second)
    assert score is not None and np.isfinite(score) and score < 90


def test_the_published_extremes_score_as_published() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    ramp = (np.arange(64) * 255 // 63).astype(np.uint8)
    gradient = np.tile(ramp[None, :, None], (64, 1, 3))
    assert ssimulacra2(grey, gradient) == pytest.approx(-64.6, abs=0.1)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert ssimulacra2(noise, grey) == pytest.approx(-47.3, abs=3.0)  # The published noise is another draw.
