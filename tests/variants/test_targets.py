"""Targets: the search finds what trying every quality finds, and says how near it comes where nothing fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.codecs import parse_codec
from synthcomp_core.codecs.checkpoints import build_model, import_codec
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.metrics import measure
from synthcomp_core.variants import Variant, bare_row, has_codec, match_target, render, result_row
from synthcomp_core.variants.snapshots_of import weights_of
from tests.pages.conftest import frame
from tests.tiny_codecs import make_codecs

METRICS = {"psnr": "psnr_rgb", "ssimulacra2_": "ssimulacra2", "flip": "flip", "msssim": "msssim_rgb"}


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return frame(4)


@pytest.fixture(scope="module")
def jpegs(image: np.ndarray) -> dict[str, tuple[int, np.ndarray]]:
    """(bytes, decoded image) of every JPEG quality."""
    codecs = [parse_codec(f"jpeg-q{quality}+444") for quality in range(1, 101)]
    streams = {codec.id: (codec, codec.encode(image)) for codec in codecs}
    return {name: (len(stream), codec.decode(stream)) for name, (codec, stream) in streams.items()}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_size_is_filled_as_far_as_any_quality_does(
    share: float, image: np.ndarray, jpegs: dict[str, tuple[int, np.ndarray]]
) -> None:
    sizes = [size for size, _ in jpegs.values()]
    limit = int(min(sizes) + share * (max(sizes) - min(sizes)))
    expected = max(size for size in sizes if size <= limit)
    match = match_target(image, Variant("jpeg-q3+444"), Target("bytes", limit))
    assert match.num_bytes == match.value == expected == jpegs[match.variant.codec][0]
    bpp = limit * 8 / (image.shape[0] * image.shape[1])
    by_rate = match_target(image, Variant("jpeg+444"), Target.of("bpp", bpp))
    assert (by_rate.variant, by_rate.num_bytes) == (match.variant, expected)
    assert by_rate.value == pytest.approx(expected * 8 / (image.shape[0] * image.shape[1]))


@pytest.mark.parametrize("word", METRICS)
@pytest.mark.parametrize("quality", [20, 60, 90])
def test_a_metric_is_reached_with_the_fewest_bytes(
    word: str, quality: int, image: np.ndarray, jpegs: dict[str, tuple[int, np.ndarray]]
) -> None:
    def value(codec: str) -> float:
        return float(getattr(measure(image, jpegs[codec][1], metrics=(METRICS[word],)), METRICS[word]))

    target = Target.of(word, round(value(f"jpeg-q{quality}+444"), 3))
    match = match_target(image, Variant("jpeg-q75+444"), target)
    assert match.value == value(match.variant.codec) and target.is_met_by(match.value)
    assert match.num_bytes == jpegs[match.variant.codec][0]
    near = [f"jpeg-q{other}+444" for other in range(quality - 3, min(quality + 4, 101))]
    fewest = min(jpegs[codec][0] for codec in near if target.is_met_by(value(codec)))
    assert match.num_bytes == fewest
    assert match.tried <= 12


def test_tenths_come_nearer_to_a_size_than_whole_qualities(image: np.ndarray) -> None:
    whole = [len(parse_codec(f"jpeg2000-q{quality}").encode(image)) for quality in (34, 35)]
    match = match_target(image, Variant("jpeg2000-q30"), Target("bytes", whole[1] - 20))
    assert whole[0] < match.num_bytes <= whole[1] - 20
    assert 34 < (match.variant.codec_id.quality or 0) < 35


@pytest.mark.parametrize(
    ("codec", "target", "sentence"),
    [
        ("jpeg", "psnr90", r"JPEG cannot reach PSNR 90.00 dB on this image: its highest quality, jpeg-q100, has \d"),
        ("webp-q3+m0", "bytes10", r"WebP cannot keep to size 10 bytes .* its lowest quality, webp-q1\+m0, has"),
        ("jpeg", "flip0.000001", r"JPEG cannot keep to FLIP 0.0000 on this image: its highest quality"),
        ("avif+s11", "bytes1000", "has the option 's11'"),
        ("png", "bytes1000", "png is lossless and has no quality"),
        ("webp+lossless", "bytes1000", "lossless and has no quality"),
        ("mbt2018-q9-mse-nowhere", "psnr30", r"No installed snapshot is named like mbt2018-q\*-mse-nowhere"),
    ],
)
def test_a_target_out_of_reach_is_one_sentence(codec: str, target: str, sentence: str, image: np.ndarray) -> None:
    with pytest.raises(SynthcompError, match=sentence) as caught:
        match_target(image, Variant(codec), Target.parse(target))
    assert "\n" not in str(caught.value)


def test_a_metric_that_small_images_do_not_have_is_said(image: np.ndarray) -> None:
    with pytest.raises(SynthcompError, match=r"MS-SSIM .*is not defined for an image of 200 x 100"):
        match_target(image[:100], Variant("webp-msssim0.9"))


def test_the_search_stops_when_its_progress_is_cancelled(image: np.ndarray) -> None:
    stages = []

    def cancel(fraction: float, stage: str) -> None:
        assert 0 <= fraction < 1
        stages.append(stage)
        if len(set(stages)) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        match_target(image, Variant("jpeg-psnr35"), on_progress=cancel)
    assert len(set(stages)) == 3 and all(stage.startswith("trying jpeg-q") for stage in stages)


def test_a_variant_with_a_target_renders_as_the_quality_that_meets_it(image: np.ndarray) -> None:
    variant = Variant.parse("webp-bytes3000@x2-bicubic")
    rendering = render(image, variant)
    settled = rendering.settled
    assert rendering.num_bytes <= 3000 and (settled.scale, settled.upscaler) == (2.0, "bicubic")
    again = render(image, settled)
    assert again.bitstream == rendering.bitstream and again.settled == settled
    row = result_row(rendering, measure(image, rendering.image, metrics=()), dataset="d", image_name="i")
    assert (row.variant, row.codec, row.quality) == (str(variant), "webp", settled.codec_id.quality)


def test_a_snapshot_is_chosen_from_its_family(image: np.ndarray, artifacts: Path) -> None:
    make_codecs(("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games"))
    larger_latents = build_model("mbt2018", 8, 8).state_dict()
    for name in ("g_a.6.weight", "g_a.6.bias"):
        larger_latents[name] *= 100
    import_codec(larger_latents, id="mbt2018-q6-mse-games", quality=6, distortion="mse", trained_on="games")
    own = ["mbt2018-q4-mse-games", "mbt2018-q6-mse-games"]
    sizes = {codec: len(parse_codec(codec).encode(image)) for codec in own}
    smaller, larger = own
    assert sizes[smaller] + 100 < sizes[larger]
    target = Target("bytes", sizes[larger] - 1)
    match = match_target(image, Variant("mbt2018-q9-mse-games"), target)
    assert (match.variant.codec, match.num_bytes) == (smaller, sizes[smaller])
    variant = Variant(str(Variant(smaller).codec_id.at_target(target)))
    assert has_codec(variant.codec) and not has_codec("mbt2018-psnr30-mse-photos")
    assert [weight.partition(":")[0] for weight in weights_of(variant)] == own
    row = bare_row("d", "i", variant)
    assert (row.codec, row.quality, row.distortion, row.trained_on) == ("mbt2018", None, "mse", "games")
    assert render(image, variant).settled == match.variant
    with pytest.raises(SynthcompError, match=r"The snapshots mbt2018-q\*-mse-games cannot keep to size 10 bytes"):
        match_target(image, variant, Target("bytes", 10))
