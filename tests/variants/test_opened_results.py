"""A file that something else made of an image becomes a variant of it, with its own bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, pad_to_multiple, png_bytes
from synthcomp_core.library.renderings import link_renderings, list_renderings
from synthcomp_core.variants import Variant, evaluate, has_codec
from synthcomp_core.variants.opened_results import forget_result, is_opened, open_result

NAME = "castle.png"


@pytest.fixture
def image() -> Image:
    y, x = np.mgrid[0:90, 0:120]
    return np.stack([x * 2, y * 2, (x + y) % 256], axis=2).astype(np.uint8)


@pytest.mark.parametrize("codec", ["jpeg-q40", "webp-q50", "jxl-q60", "avif-q50", "png"])
def test_an_encoded_file_of_any_format_keeps_its_bytes_and_its_pixels(
    artifacts: Path, image: Image, codec: str
) -> None:
    coder = parse_codec(codec)
    content = coder.encode(image)
    variant = open_result(image, NAME, content, f"other{Variant(codec).codec_id.suffix}")
    assert str(variant) == "files:other" and has_codec(variant.codec)
    evaluation = evaluate(image, variant, dataset="samples", image_name=NAME, metrics=["psnr_rgb"])
    assert evaluation.row.num_bytes == len(content)
    np.testing.assert_array_equal(evaluation.rendering.image, coder.decode(content))


def test_padding_is_cut_and_the_same_file_is_kept_once(artifacts: Path, image: Image) -> None:
    content = png_bytes(pad_to_multiple(image, 64))
    variants = [open_result(image, NAME, content, "../x/dlss 3 (quality).PNG") for _ in range(2)]
    assert [str(variant) for variant in variants] == ["files:dlss-3-quality"] * 2
    rendering = evaluate(image, variants[0], dataset="", image_name=NAME, metrics=[]).rendering
    assert rendering.image.shape == image.shape


def test_another_file_of_the_name_is_another_result_and_another_image_joins_the_set(
    artifacts: Path, image: Image
) -> None:
    codec = parse_codec("webp-q50")
    first = open_result(image, NAME, codec.encode(image), "mine.webp")
    second = open_result(image, NAME, parse_codec("webp-q20").encode(image), "mine.webp")
    other = open_result(image, "forest.png", codec.encode(image), "mine.webp")
    assert [str(variant) for variant in (first, second, other)] == ["files:mine", "files:mine-2", "files:mine"]
    called_as_the_image = open_result(image, NAME, codec.encode(image), "castle.webp")
    assert str(called_as_the_image) == "files:webp"


def test_folders_of_others_are_neither_written_nor_removed(artifacts: Path, image: Image, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    link_renderings("dlss", theirs)
    (artifacts / "renderings" / "fsr").mkdir()
    for name in ("dlss", "fsr"):
        variant = open_result(image, NAME, png_bytes(image), f"{name}.png")
        assert str(variant) == f"files:{name}-2"
        assert not is_opened(f"files:{name}")
        with pytest.raises(SynthcompError, match="no result that was opened here"):
            forget_result(f"files:{name}")
    assert not list(theirs.iterdir())
    forget_result("files:dlss-2")
    assert [rendered.name for rendered in list_renderings()] == ["dlss", "fsr", "fsr-2"]
    for codec in ("files:../renderings/fsr-2", "files:", "files:.", "webp-q50"):
        assert not is_opened(codec)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is text", "text.png"),
        (b"", "text.png"),
        (b"SCB\x04 and then nothing", "scb"),
        (png_bytes(np.zeros((45, 60, 3), np.uint8)), r"text.png is 60x45, but the image is 120x90"),
        (png_bytes(np.zeros((180, 240, 3), np.uint8)), r"240x180"),
        (png_bytes(np.zeros((90, 119, 3), np.uint8)), r"119x90"),
    ],
)
def test_what_is_no_result_of_the_image_is_refused_and_nothing_is_kept(
    artifacts: Path, image: Image, content: bytes, says: str
) -> None:
    with pytest.raises(SynthcompError, match=says):
        open_result(image, NAME, content, "text.png")
    assert not (artifacts / "renderings").exists()


def test_a_name_that_no_disk_holds_is_one_sentence(artifacts: Path, image: Image) -> None:
    with pytest.raises(SynthcompError, match="cannot be kept"):
        open_result(image, "n" * 400 + ".png", png_bytes(image), "dlss.png")
    assert list_renderings() == []
