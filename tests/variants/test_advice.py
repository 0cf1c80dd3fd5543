"""Advice: what a grid over all qualities finds, margins and intervals worked out by hand, and what is left out."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from synthcomp_core.codecs import parse_codec
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.metrics import measure
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant, match_target, render
from synthcomp_core.variants.advice import advice
from synthcomp_core.variants.candidates import candidates, rows_for_image
from tests.pages.conftest import frame

FAMILIES = ("jpeg", "webp", "avif")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return frame(6)


@pytest.fixture(scope="module")
def grid(image: np.ndarray) -> dict[str, list[tuple[int, float]]]:
    """(bytes, SSIMULACRA2) of every quality of every family."""
    found: dict[str, list[tuple[int, float]]] = {}
    for family in FAMILIES:
        for quality in range(1, 101):
            codec = parse_codec(f"{family}-q{quality}")
            stream = codec.encode(image)
            value = measure(image, codec.decode(stream), metrics=("ssimulacra2",)).ssimulacra2
            found.setdefault(family, []).append((len(stream), float(value or 0.0)))
    return found


@pytest.mark.parametrize("limit", [4000, 9000])
def test_at_a_size_the_advice_is_what_an_exhaustive_grid_finds(
    limit: int, image: np.ndarray, grid: dict[str, list[tuple[int, float]]]
) -> None:
    target = Target("bytes", limit)
    variants = candidates(target, families=FAMILIES, scales=(1,))
    assert [str(variant) for variant in variants] == [f"{family}-bytes{limit}" for family in FAMILIES]
    found = advice(rows_for_image(image, variants, dataset="d", image_name="i"), target)
    # Of each family, what fills the size as far as any quality does.
    fitting = {family: max(point for point in grid[family] if point[0] <= limit) for family in FAMILIES}
    best = max(fitting, key=lambda family: fitting[family][1])
    verdict = found.verdicts[-1]
    assert verdict.quantity == "ssimulacra2"
    assert verdict.winner.variant.codec == f"{best}-bytes{limit}"
    assert verdict.winner.values["ssimulacra2"] == pytest.approx(fitting[best][1], abs=1e-9)
    assert {option.num_bytes for option in found.options} == {size for size, _ in fitting.values()}
    second, first = sorted(value for _, value in fitting.values())[-2:]
    assert verdict.margin == pytest.approx(first - second)
    assert f"SSIMULACRA2 {fitting[best][1]:.2f}, {first - second:.2f} above" in verdict.sentence
    assert verdict.sentence.startswith(f"For this image at size {limit:,} bytes: ")
    assert verdict.low is None and verdict.is_sure is None


def test_at_a_quality_the_advice_is_the_fewest_bytes_of_the_grid(
    image: np.ndarray, grid: dict[str, list[tuple[int, float]]]
) -> None:
    target = Target.of("ssimulacra2_", 60)
    found = advice(
        rows_for_image(image, candidates(target, families=FAMILIES, scales=(1,)), dataset="d", image_name="i"), target
    )
    fewest = {family: min(point for point in grid[family] if point[1] >= 60)[0] for family in FAMILIES}
    (verdict,) = found.verdicts
    assert verdict.quantity == "bytes"
    assert verdict.winner.num_bytes == min(fewest.values())
    first, second = sorted(fewest.values())[:2]
    assert verdict.margin == pytest.approx(100 * (1 - first / second))
    assert f"{verdict.margin:.1f} % fewer than" in verdict.sentence


def row(image: str, variant: str, value: float, *, num_bytes: int = 1000, encode_s: float = 0.1) -> ResultRow:
    return ResultRow(
        "d", image, 100, 100, variant, codec=variant.partition("-")[0], num_bytes=num_bytes, bpp=num_bytes * 8 / 1e4,
        psnr_rgb=value, ssimulacra2=value, encode_s=encode_s, decode_s=0.1,
    )  # fmt: skip


def several() -> list[ResultRow]:
    """AVIF ahead of WebP by 1, 2 and 3 on three images, and of JPEG by 5."""
    return [
        row(f"{number}.png", f"{codec}-bytes1000", 60 + 10 * number - behind)
        for number in (1, 2, 3)
        for codec, behind in (("jpeg", 5.0), ("webp", float(number)), ("avif", 0.0))
    ]


def test_over_images_the_margin_comes_with_its_interval() -> None:
    found = advice(several(), Target("bytes", 1000))
    verdict = found.verdicts[-1]
    assert verdict.winner.variant.codec == "avif-bytes1000"
    assert verdict.margin == pytest.approx(2.0)
    # Leads of 1, 2 and 3: deviation 1, of the mean 1 / sqrt(3).
    assert verdict.low == pytest.approx(2 - 1.959964 / 3**0.5)
    assert verdict.high == pytest.approx(2 + 1.959964 / 3**0.5)
    assert verdict.is_sure
    assert verdict.baseline_margin == pytest.approx(5.0)
    assert "For these 3 images at size 1,000 bytes: AVIF" in verdict.sentence
    assert "2.00 above WebP" in verdict.sentence
    assert "5.00 above JPEG" in verdict.sentence


def test_a_lead_that_images_contradict_may_be_chance() -> None:
    rows = [
        row(f"{number}.png", f"{codec}-bytes1000", value)
        for number, (avif, webp) in enumerate([(70, 60), (60, 68), (66, 64)])
        for codec, value in (("avif", avif), ("webp", webp))
    ]
    verdict = advice(rows, Target("bytes", 1000)).verdicts[-1]
    assert verdict.is_sure is False
    assert "which may be chance" in verdict.sentence


def test_a_lower_resolution_is_judged_against_full_resolution() -> None:
    rows = [row("a.png", "avif-bytes1000", 60.0), row("a.png", "avif-bytes1000@x2-lanczos", 63.5)]
    found = advice(rows, Target("bytes", 1000))
    assert found.scaling == "AVIF at half resolution with Lanczos is 3.50 better in SSIMULACRA2 than full resolution."
    assert found.verdicts[-1].winner.settled == "AVIF at half resolution with Lanczos"
    assert found.verdicts[-1].runner_up is None  # No other codec was tried.


def test_a_learned_codec_is_called_by_what_it_was_trained_for_and_on() -> None:
    learned = dataclasses.replace(
        row("a.png", "mbt2018-bytes1000-msssim-games", 60.0), codec="mbt2018", quality=6, distortion="ms-ssim",
        trained_on="games",
    )  # fmt: skip
    (option,) = advice([learned], Target("bytes", 1000)).options
    assert option.settled == "mbt2018 for MS-SSIM on games quality 6 at full resolution"


def test_the_front_holds_what_nothing_beats() -> None:
    rows = [
        dataclasses.replace(row("a.png", "avif-bytes1000", 60.0), psnr_rgb=40.0),
        dataclasses.replace(row("a.png", "webp-bytes1000", 58.0), psnr_rgb=41.0),
        dataclasses.replace(row("a.png", "jpeg-bytes1000", 57.0), psnr_rgb=40.5),
    ]
    found = advice(rows, Target("bytes", 1000))
    assert [option.variant.codec for option in found.front] == ["avif-bytes1000", "webp-bytes1000"]
    assert [verdict.winner.variant.codec for verdict in found.verdicts] == ["webp-bytes1000", "avif-bytes1000"]


def test_a_rendering_that_is_identical_to_the_original_is_the_best_by_psnr() -> None:
    rows = [
        dataclasses.replace(row("a.png", f"{codec}-bytes9000", 90.0), psnr_rgb=psnr)
        for codec, psnr in (("jpeg", 48.0), ("avif", 52.0), ("jxl", math.inf), ("webp", math.inf))
    ]
    verdict = advice(rows[:3], Target("bytes", 9000)).verdicts[0]
    assert verdict.sentence == (
        "For this image at size 9,000 bytes: JPEG XL at full resolution, identical to the original, ahead of AVIF at "
        "full resolution, which reaches PSNR RGB 52.00 dB."
    )
    assert (verdict.winner.values["psnr_rgb"], verdict.margin, verdict.left_out) == (math.inf, None, 0)
    found = advice(rows, Target("bytes", 9000))
    assert found.verdicts[0].sentence.endswith("identical to the original, as is WebP at full resolution.")
    assert {option.variant.codec_id.family for option in found.front} == {"jxl", "webp"}


def test_images_on_which_a_codec_is_identical_count_for_no_codec() -> None:
    psnrs = {"avif": (math.inf, 40.0, 42.0), "webp": (70.0, 43.0, 41.0), "jpeg": (30.0, 35.0, 36.0)}
    rows = [
        dataclasses.replace(row(f"{number}.png", f"{codec}-bytes9000", 90.0), psnr_rgb=psnr)
        for codec, values in psnrs.items()
        for number, psnr in enumerate(values)
    ]
    verdict = advice(rows, Target("bytes", 9000)).verdicts[0]
    assert verdict.winner.variant.codec == "webp-bytes9000"
    assert (verdict.winner.values["psnr_rgb"], verdict.margin, verdict.baseline_margin) == (42.0, 1.0, 6.5)
    assert (
        "For these 3 images at size 9,000 bytes: WebP at full resolution, PSNR RGB 42.00 dB over the 2 images that no "
        "option reproduces exactly, 1.00 dB above AVIF"
    ) in verdict.sentence


def test_a_lower_resolution_loses_to_a_full_one_that_is_identical() -> None:
    rows = [
        dataclasses.replace(row("a.png", f"jxl-bytes9000{scaling}", 90.0), psnr_rgb=psnr, ssimulacra2=None)
        for scaling, psnr in (("@x2-lanczos", 40.0), ("", math.inf))
    ]
    found = advice(rows, Target("bytes", 9000))
    assert found.verdicts[-1].winner.variant.scale is None and found.scaling is None


def test_what_fails_on_an_image_or_takes_too_long_is_left_out_with_a_reason() -> None:
    rows = several()
    rows[2] = dataclasses.replace(rows[2], error="AVIF cannot keep to size 1,000 bytes on this image.")
    rows = [dataclasses.replace(one, encode_s=9.0) if one.variant.startswith("webp") else one for one in rows]
    found = advice(rows, Target("bytes", 1000), max_encode_s=2.0)
    assert [option.variant.codec for option in found.options] == ["jpeg-bytes1000"]
    assert found.left_out[0] == "webp-bytes1000: encoding takes 9.00 s per image, more than 2 s."
    assert "AVIF cannot keep to size" in found.left_out[1]
    with pytest.raises(SynthcompError, match=r"No variant meets the constraint: size 1,000 bytes"):
        advice(rows, Target("bytes", 1000), max_encode_s=0.01)


def test_candidates_are_families_by_scales_and_upscalers() -> None:
    names = [str(variant) for variant in candidates(Target("bytes", 500), families=["webp", "avif+444"], scales=(1, 2))]
    assert names == [
        "webp-bytes500", "avif-bytes500+444", "webp-bytes500@x2-lanczos", "avif-bytes500+444@x2-lanczos",
    ]  # fmt: skip
    with pytest.raises(SynthcompError, match="Unknown family 'bpg'"):
        candidates(Target("bytes", 500), families=["bpg"])
    with pytest.raises(SynthcompError, match="lossless"):
        candidates(Target("bytes", 500), families=["png"])
    with pytest.raises(SynthcompError, match="at least 1"):
        candidates(Target("bytes", 500), families=["webp"], scales=(0.5,))


@pytest.mark.parametrize("target", ["ssimulacra2_95", "psnr45", "flip0.005", "msssim0.999"])
def test_a_resolution_that_loses_too_much_uncoded_is_not_tried_and_no_codec_reaches_the_target_there(
    target: str, image: np.ndarray
) -> None:
    half = [Variant.parse(f"{family}-{target}@x2-lanczos") for family in ("jpeg", "webp", "jxl")]
    rows = rows_for_image(image, half, dataset="d", image_name="i")
    for row, variant in zip(rows, half, strict=True):
        assert row.error is not None and row.error.startswith("Half resolution with Lanczos cannot")
        with pytest.raises(SynthcompError, match="its highest quality"):
            match_target(image, variant)


def test_a_resolution_that_is_good_enough_uncoded_is_searched(image: np.ndarray) -> None:
    uncoded = render(image, Variant("none", 2.0, "lanczos")).image
    ceiling = float(measure(image, uncoded, metrics=("ssimulacra2",)).ssimulacra2 or 0.0)
    near = Variant.parse(f"jpeg-ssimulacra2_{ceiling + 0.2:.2f}@x2-lanczos")
    below = Variant.parse(f"jxl-ssimulacra2_{ceiling - 5:.2f}@x2-lanczos")
    rows = rows_for_image(image, [near, below], dataset="d", image_name="i")
    assert rows[0].error is not None and "its highest quality" in rows[0].error
    assert rows[1].error is None and (rows[1].ssimulacra2 or 0.0) >= ceiling - 5


def test_an_unreachable_target_is_a_row_with_its_reason_and_cancelling_stops() -> None:
    small = frame(1, 64, 48)
    variants = [Variant("webp-bytes20"), Variant("jpeg-bytes3000")]
    seen: list[str] = []
    rows = rows_for_image(
        small, variants, dataset="d", image_name="i", metrics=("psnr_rgb",), on_row=lambda one: seen.append(one.variant)
    )
    assert sorted(seen) == ["jpeg-bytes3000", "webp-bytes20"]
    assert rows[0].error is not None and "cannot keep to" in rows[0].error
    assert rows[1].error is None

    def cancel(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        rows_for_image(small, variants, dataset="d", image_name="i", on_progress=cancel)
