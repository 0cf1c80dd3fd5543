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
    variant = open_result(image, NAME, content, f"other{Variant(codec).codec_id.suffix}").variant
    assert str(variant) == "files:other" and has_codec(variant.codec)
    evaluation = evaluate(image, variant, dataset="samples", image_name=NAME, metrics=["psnr_rgb"])
    assert evaluation.row.num_bytes == len(content)
    np.testing.assert_array_equal(evaluation.rendering.image, coder.decode(content))


def test_padding_is_cut_and_the_same_file_is_kept_once(artifacts: Path, image: Image) -> None:
    content = png_bytes(pad_to_multiple(image, 64))
    variants = [open_result(image, NAME, content, "../x/dlss 3 (quality).PNG").variant for _ in range(2)]
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
    assert [str(opened.variant) for opened in (first, second, other)] == ["files:mine", "files:mine-2", "files:mine"]
    called_as_the_image = open_result(image, NAME, codec.encode(image), "castle.webp")
    assert str(called_as_the_image.variant) == "files:webp"


def test_folders_of_others_are_neither_written_nor_removed(artifacts: Path, image: Image, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    link_renderings("dlss", theirs)
    (artifacts / "renderings" / "fsr").mkdir()
    for name in ("dlss", "fsr"):
        variant = open_result(image, NAME, png_bytes(image), f"{name}.png").variant
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


def read_back(image: Image, variant: Variant, name: str = NAME) -> Image:
    return evaluate(image, variant, dataset="", image_name=name, metrics=[]).rendering.image


def test_a_result_is_of_the_image_it_was_opened_for_and_of_no_other_of_its_name(artifacts: Path, image: Image) -> None:
    content, pasted = png_bytes(image), np.ascontiguousarray(image[::-1])
    first = open_result(image, "image.png", content, "dlss.png").variant
    with pytest.raises(SynthcompError, match="files:dlss holds a result of another image named image"):
        read_back(pasted, first, "image.png")
    second = open_result(pasted, "image.png", content, "dlss.png").variant
    assert (str(first), str(second)) == ("files:dlss", "files:dlss-2")
    np.testing.assert_array_equal(read_back(image, first, "image.png"), image)
    np.testing.assert_array_equal(read_back(pasted, second, "image.png"), image)
    (record,) = (artifacts / "renderings" / "dlss").glob("*.sha256")
    record.unlink()  # As before such records were kept.
    np.testing.assert_array_equal(read_back(pasted, first, "image.png"), image)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [((0, 0), (6, 8), "its top left part was kept"), ((3, 4), (3, 4), "its middle was kept"), ((0, 0), (0, 0), "")],
)
def test_padding_is_cut_where_the_codec_has_put_it(
    artifacts: Path, image: Image, before: tuple[int, int], after: tuple[int, int], says: str
) -> None:
    padded = np.pad(image, [*zip(before, after, strict=True), (0, 0)], mode="edge")
    opened = open_result(image, NAME, png_bytes(padded), "h264.png")
    np.testing.assert_array_equal(read_back(image, opened.variant), image)
    assert says in opened.note and bool(says) == bool(opened.note)
