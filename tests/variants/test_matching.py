"""Iso lock: the bisection finds what exhaustive search finds, or the sentence says why nothing fits."""

from __future__ import annotations

import numpy as np
import pytest

from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.metrics import measure
from synthcomp_core.variants import Variant, render
from synthcomp_core.variants.matching import ISO_QUANTITIES, IsoMatch, match, match_bytes
from tests.pages.conftest import frame


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return frame(4)


def jpeg_sizes(image: np.ndarray) -> dict[int, int]:
    return {quality: len(parse_codec(f"jpeg-q{quality}").encode(image)) for quality in range(1, 101)}


def test_bytes_are_matched_as_closely_as_any_quality_can(image: np.ndarray) -> None:
    sizes = jpeg_sizes(image)
    for target in (min(sizes.values()) + 300, sizes[50], sizes[77] + 37, sizes[97] - 11):
        found = match(image, Variant("jpeg-q1"), "bytes", target)
        closest = min(abs(size - target) for size in sizes.values())
        assert abs(found.value - target) == closest
        assert sizes[found.variant.codec_id.quality] == found.value
        assert (found.why_not is None) == (closest <= 0.02 * target)


def test_match_from_below_never_takes_more_than_asked_for(image: np.ndarray) -> None:
    sizes = jpeg_sizes(image)
    target = sizes[60] + 5
    found = match_bytes(image, Variant("jpeg-q9"), target)
    assert found.num_bytes == max(size for size in sizes.values() if size <= target)


@pytest.mark.parametrize(("quantity", "tolerance"), [("psnr_rgb", 0.05), ("msssim_rgb", 0.0005), ("flip", 0.001)])
def test_a_metric_reached_by_one_quality_is_found_exactly(image: np.ndarray, quantity: str, tolerance: float) -> None:
    codec = parse_codec("webp-q63")
    target = getattr(measure(image, codec.decode(codec.encode(image))), quantity)
    found = match(image, Variant("webp-q1"), quantity, target)
    assert abs(found.value - target) <= tolerance
    assert found.why_not is None
    measured = measure(image, render(image, found.variant).image, metrics=(quantity,))
    assert getattr(measured, quantity) == found.value


def test_the_scale_and_upscaler_of_the_variant_are_kept(image: np.ndarray) -> None:
    reference = render(image, Variant.parse("jpeg-q40@x2-bicubic"))
    found = match(image, Variant.parse("jpeg-q90@x2-bicubic"), "bytes", reference.num_bytes)
    assert str(found.variant) == "jpeg-q40@x2-bicubic"
    assert found.why_not is None


def test_an_unreachable_target_is_said_to_be_out_of_reach(image: np.ndarray) -> None:
    most = match(image, Variant("jpeg-q5"), "psnr_rgb", 99.0)
    assert str(most.variant) == "jpeg-q100"
    assert most.why_not is not None
    assert "cannot reach PSNR 99.00 dB" in most.why_not
    assert f"quality, 100, reaches {most.value:,.2f} dB" in most.why_not
    least = match(image, Variant("jpeg-q5"), "bytes", 10)
    assert least.why_not is not None
    assert "lowest quality" in least.why_not


def test_too_coarse_steps_are_named_with_both_neighbours(image: np.ndarray) -> None:
    # JPEG 2000 counts its quality in whole dB: halfway between two of them nothing is within 0.05 dB.
    values = [match(image, Variant("jpeg2000-q30"), "psnr_rgb", target).value for target in (30.0, 60.0)]
    inside = [
        found
        for target in np.arange(values[0] + 1, values[0] + 2, 0.37)
        if (found := match(image, Variant("jpeg2000-q30"), "psnr_rgb", float(target))).why_not is not None
    ]
    assert inside
    assert "too coarse" in str(inside[0].why_not)
    assert "reaches" in str(inside[0].why_not)


def test_losslessness_is_matched_by_losslessness_only(image: np.ndarray) -> None:
    found: IsoMatch = match(image, Variant("jxl-q50"), "psnr_rgb", float("inf"))
    assert (str(found.variant), found.value, found.why_not) == ("jxl-q100", float("inf"), None)
    lossy = match(image, Variant("jpeg-q50"), "psnr_rgb", float("inf"))
    assert lossy.why_not is not None


def test_a_codec_without_quality_and_an_unknown_quantity_are_refused(image: np.ndarray) -> None:
    assert Variant("webp-q5").codec_id.searchable
    assert not Variant("png").codec_id.searchable
    with pytest.raises(SynthcompError, match="png has no quality"):
        match(image, Variant("png"), "bytes", 1000)
    with pytest.raises(SynthcompError, match=f"use {', '.join(ISO_QUANTITIES)}"):
        match(image, Variant("webp-q5"), "beauty", 1.0)
    with pytest.raises(SynthcompError, match="not defined for images this small"):
        match(image[:100], Variant("webp-q5"), "msssim_rgb", 0.9)


def test_the_search_stops_when_its_progress_is_cancelled(image: np.ndarray) -> None:
    tried = []

    def cancel(fraction: float, stage: str) -> None:
        tried.append(stage)
        if len(tried) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        match(image, Variant("jpeg-q5"), "bytes", 5000, on_progress=cancel)
    assert len(tried) == 3
