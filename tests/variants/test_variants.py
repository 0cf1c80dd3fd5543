"""The id grammar, the coded size, and rendering through classical variants."""

import numpy as np
import pytest

from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.images import resize
from synthcomp_core.metrics import measure
from synthcomp_core.variants import Variant, render, result_row
from synthcomp_core.variants.matching import match_bytes
from synthcomp_core.variants.names import variant_name


def picture(width: int, height: int) -> np.ndarray:
    """A smooth picture with some texture, the same every time."""
    generator = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + y / 17), np.cos(x / 23), np.sin(y / 5)], axis=2) * 90 + 128
    return np.clip(waves + generator.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "text",
    [
        "jpeg-q75",
        "none",
        "png",
        "mbt2018-q4-mse-games",
        "mbt2018-q4-mse-games@x2-rcan",
        "none@x1.5-fsr1",
        "none@x2-fsr1_s0.2",
    ],
)
def test_parsing_and_printing_a_variant_are_inverse(text: str) -> None:
    assert str(Variant.parse(text)) == text


def test_a_variant_is_taken_apart_as_the_design_says() -> None:
    assert Variant.parse("avif-q50@x1.5-fsr1_s0.2") == Variant("avif-q50", 1.5, "fsr1_s0.2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@x2-bicubic",
        "none@2-bicubic",
        "none@x2",
        "none@x2-",
        "none@x0-bicubic",
        "none@x1-bicubic",
        "none@x99-bicubic",
    ],
)
def test_a_variant_that_breaks_the_grammar_gives_one_sentence(text: str) -> None:
    with pytest.raises(SynthcompError, match="Variant") as caught:
        Variant.parse(text)
    assert "\n" not in str(caught.value)


def test_none_counts_three_bytes_a_pixel_and_changes_nothing() -> None:
    image = picture(33, 21)
    rendering = render(image, Variant("none"))
    assert np.array_equal(rendering.image, image)
    assert rendering.num_bytes == 33 * 21 * 3
    row = result_row(rendering, measure(image, rendering.image), dataset="d", image_name="i.png")
    assert row.bpp == 24.0
    assert row.psnr_rgb == float("inf")


def test_rate_is_counted_on_the_reference_s_pixels() -> None:
    image = picture(64, 48)
    rendering = render(image, Variant.parse("none@x2-bicubic"))
    row = result_row(rendering, measure(image, rendering.image), dataset="d", image_name="i.png")
    assert rendering.num_bytes == 32 * 24 * 3
    assert row.bpp == pytest.approx(6.0)
    assert rendering.image.shape == image.shape
    assert np.array_equal(rendering.coded_image, resize(image, (32, 24), method="bicubic"))


def test_a_rendering_s_row_equals_encoding_decoding_and_measuring_one_by_one() -> None:
    image = picture(201, 187)
    rendering = render(image, Variant("webp-q60"))
    codec = parse_codec("webp-q60")
    bitstream = codec.encode(image)
    expected = measure(image, codec.decode(bitstream))
    row = result_row(rendering, measure(image, rendering.image), dataset="d", image_name="i.png")
    assert rendering.bitstream == bitstream
    assert row.num_bytes == len(bitstream)
    assert row.bpp == len(bitstream) * 8 / (201 * 187)
    assert (row.psnr_rgb, row.ssim_y, row.msssim_rgb, row.flip) == (
        expected.psnr_rgb,
        expected.ssim_y,
        expected.msssim_rgb,
        expected.flip,
    )
    assert (row.codec, row.quality, row.scale, row.upscaler) == ("webp", 60, None, None)


def test_an_unknown_codec_names_what_there_is() -> None:
    with pytest.raises(SynthcompError, match="jpeg"):
        render(picture(8, 8), Variant("gif-q3"))


def test_cancelling_from_the_callback_stops_the_rendering() -> None:
    def cancel(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        render(picture(8, 8), Variant("png"), on_progress=cancel)


@pytest.mark.parametrize("codec", ["jpeg-q50", "webp-q50"])
def test_matching_bytes_is_the_closest_quality_from_below(codec: str) -> None:
    image = picture(120, 90)
    family = codec.split("-")[0]
    sizes = {quality: len(parse_codec(f"{family}-q{quality}").encode(image)) for quality in range(1, 101)}
    target = (sizes[40] + sizes[80]) // 2
    match = match_bytes(image, Variant(codec), target)
    assert match.num_bytes == max(size for size in sizes.values() if size <= target)


def test_matching_fewer_bytes_than_the_lowest_quality_takes_says_so() -> None:
    with pytest.raises(SynthcompError, match="Even jpeg-q1 takes"):
        match_bytes(picture(64, 64), Variant("jpeg-q50"), 10)


def test_a_lossless_codec_has_no_quality_to_match() -> None:
    with pytest.raises(SynthcompError, match="no quality"):
        match_bytes(picture(16, 16), Variant("png"), 1000)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mbt2018-psnr35-mse-games", "mbt2018, PSNR 35.00 dB, MSE, games"),
        (
            "mbt2018-bytes2000-msssim-photos+e1@x2-bicubic",
            "mbt2018, size 2,000 bytes, MS-SSIM, photos, effort 1, half resolution + bicubic",
        ),
        ("mine-bpp0.5-mse", "mine-mse, rate 0.5000 bpp"),
        ("none@x2-fsr1_s0.25", "uncompressed, half resolution + FSR 1 sharpened by 0.25 stops"),
        ("none@x2-fsr1_s1", "uncompressed, half resolution + FSR 1 sharpened by 1 stop"),
        ("none@x2-nis_s0.7", "uncompressed, half resolution + NIS at sharpness 0.7"),
    ],
)
def test_no_name_holds_the_pattern_of_a_family_or_the_id_of_an_upscaler(text: str, name: str) -> None:
    assert variant_name(Variant.parse(text)) == name
