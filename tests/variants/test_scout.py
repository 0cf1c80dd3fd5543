"""The stand-in of a large image: what it is made of, that it begins near the end, and that the end is the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import crop, read_image
from synthcomp_core.metrics import measure
from synthcomp_core.variants import Variant, match_target, targets
from synthcomp_core.variants.rendering import render_settled
from synthcomp_core.variants.scout import TILE_SIDE, mosaic, stand_in
from synthcomp_core.variants.targets import levels_of
from tests.codecs.models import SAMPLES
from tests.pages.conftest import frame


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return crop(read_image(SAMPLES / "torcs_forza_0002.webp").image, 1024, 800)


def test_a_mosaic_is_a_sixteenth_in_whole_tiles() -> None:
    rows, columns = np.mgrid[:800, :1030]
    places = np.stack([rows // 256, columns // 256, np.zeros_like(rows)], axis=2).astype(np.uint8)
    tiles = mosaic(places)
    assert tiles is not None and tiles.shape == (3 * TILE_SIDE, 4 * TILE_SIDE, 3)
    for row in range(3):
        for column in range(4):
            tile = tiles[row * TILE_SIDE : (row + 1) * TILE_SIDE, column * TILE_SIDE : (column + 1) * TILE_SIDE]
            assert (tile == (row, column, 0)).all()
    assert mosaic(places[:767]) is None


@pytest.mark.parametrize("codec", ["jpeg", "webp", "jpeg2000"])
@pytest.mark.parametrize("target", ["bytes40000", "bpp0.5", "psnr36"])
def test_the_search_begins_near_its_end_and_ends_where_it_does_from_anywhere(
    codec: str, target: str, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = Variant.parse(f"{codec}-{target}")
    levels = levels_of(variant.codec_id)
    scout = stand_in(image, variant, Target.parse(target), levels)
    begin = None if scout is None else scout.crossing([])
    assert begin is not None
    found = match_target(image, variant)
    assert abs(begin - levels.index(found.variant.codec)) < len(levels) / (4 if "psnr" in target else 8)
    monkeypatch.setattr(targets, "stand_in", lambda *arguments, **options: None)
    without = match_target(image, variant)
    assert (found.variant, found.value, found.num_bytes) == (without.variant, without.value, without.num_bytes)
    assert found.tried <= without.tried + 1  # WebP's PSNR on the stand-in misleads a little.


def test_a_small_image_and_a_single_level_have_no_stand_in() -> None:
    asked = Variant("jpeg-bytes4000"), Target("bytes", 4000)
    assert stand_in(frame(1), *asked, [f"jpeg-q{quality}" for quality in range(1, 101)]) is None
    assert stand_in(np.zeros((1080, 1920, 3), np.uint8), *asked, ["jpeg-q1", "jpeg-q2"]) is None


@pytest.mark.parametrize("codec", ["jpeg", "webp", "jxl"])
def test_what_is_known_of_the_image_corrects_the_stand_in(codec: str, image: np.ndarray) -> None:
    variant, target = Variant.parse(f"{codec}-ssimulacra2_70"), Target.parse("ssimulacra2_70")
    levels = levels_of(variant.codec_id)
    scout = stand_in(image, variant, target, levels)
    assert scout is not None
    found = levels.index(match_target(image, variant).variant.codec)
    begin = scout.crossing([])
    assert begin is not None

    def excess_at(place: int) -> float:
        decoded = render_settled(image, dataclasses.replace(variant, codec=levels[place])).image
        return float(measure(image, decoded, metrics=("ssimulacra2",)).ssimulacra2 or 0.0) - target.value

    far = found - len(levels) // 10
    corrected = scout.crossing([(far, excess_at(far))])
    assert corrected is not None and abs(corrected - found) < len(levels) / 15
    # Two levels known on either side need no stand-in.
    assert scout.crossing([(50, -1.0), (52, 1.0)]) == 51.0


def test_a_target_out_of_reach_on_a_large_image_is_still_said(image: np.ndarray) -> None:
    with pytest.raises(SynthcompError, match="cannot keep to size 100 bytes"):
        match_target(image, Variant("jpeg-bytes100"))
    with pytest.raises(SynthcompError, match=r"cannot reach PSNR 95.00 dB"):
        match_target(image, Variant("jpeg-psnr95"))
