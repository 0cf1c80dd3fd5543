"""Figures: the texts, the tiles' pixels and the places are asserted; anti-aliasing of letters is not."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.cells import default_crop
from synthcomp_core.figures.paper.drawing import (
    Crop,
    FigureBlock,
    FigureCell,
    FigureContent,
    cell_caption,
    content_layout,
    draw_figure,
)
from synthcomp_core.figures.paper.layout import FigureStyle, break_caption, shorten, text_width, tile_size
from synthcomp_core.figures.paper.request import (
    FigureRequest,
    figure_caption,
    figure_command,
    figure_content,
    latex_figure,
    requested_variants,
)
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshot_matrix import MatrixAxes
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

GOLDEN = PROJECT_ROOT / "tests" / "golden" / "figure_structure.json"
CROP = Crop(40, 30, 48, 40)


def cell(seed: int, variant: str = "v", **values: float) -> FigureCell:
    numbers = {"bpp": 0.1 * seed, "psnr_rgb": 30.0 + seed, "msssim_rgb": 0.9 + seed / 1000, **values}
    return FigureCell(frame(seed), ResultRow("samples", "a.png", 200, 176, variant, **numbers))


def content(rows: int = 3, crops: tuple[Crop, ...] = (CROP,)) -> FigureContent:
    """The thesis's grid: three λ by two distortions, without and with super-resolution."""
    blocks = []
    for number, title in enumerate(("full resolution", "half resolution + RCAN ×2")):
        grid = tuple(tuple(cell(2 + row * 4 + number * 2 + column) for column in range(2)) for row in range(rows))
        blocks.append(FigureBlock(title, ("MSE", "MS-SSIM"), grid))
    labels = tuple(f"quality {quality}\nλ = {lmbda}" for quality, lmbda in ((4, 0.013), (6, 0.0483), (8, 0.18)))
    return FigureContent(frame(1), "castle.png", labels[:rows], tuple(blocks), crops)


def pixels_of_png(file: bytes) -> np.ndarray:
    return np.array(PillowImage.open(io.BytesIO(file)).convert("RGB"))


def structure() -> dict[str, Any]:
    """Every place and text of the figure, rounded to what matters."""
    layout = dataclasses.asdict(content_layout(content(), FigureStyle(width="two", dpi=150)))
    for text in layout["texts"]:
        text["x"], text["y"] = round(text["x"], 2), round(text["y"], 2)
    found: dict[str, Any] = json.loads(json.dumps(layout))
    return found


def test_structure_is_the_golden_one() -> None:
    # After a wanted change: python -m tests.figures.test_paper
    assert structure() == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("width", ["one", "two", "slide"])
def test_every_tile_of_the_png_is_the_crop_enlarged_by_a_whole_factor(width: str) -> None:
    shown = content()
    style = FigureStyle(width=width, dpi=200)
    layout = content_layout(shown, style)
    page = pixels_of_png(draw_figure(shown, style))
    assert page.shape == (layout.height, layout.width, 3)
    assert len(layout.tiles) == 1 + 12
    for tile in layout.tiles:
        box = tile.box
        source = shown.reference if tile.block < 0 else shown.blocks[tile.block].cells[tile.row][tile.column].image
        factor = box.width // CROP.width
        assert (box.width, box.height) == (CROP.width * factor, CROP.height * factor)
        drawn = page[box.y : box.y + box.height, box.x : box.x + box.width]
        assert np.array_equal(drawn, np.kron(source[30:70, 40:88], np.ones((factor, factor, 1), np.uint8)))


def check_places(content: FigureContent, style: FigureStyle) -> None:
    layout = content_layout(content, style)
    taken = np.zeros((layout.height, layout.width), np.uint8)
    for box in (layout.overview, *(tile.box for tile in layout.tiles)):
        assert box.x >= 0 and box.y >= 0
        assert box.x + box.width <= layout.width and box.y + box.height <= layout.height
        taken[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert taken.max() == 1
    for text in layout.texts:
        if text.rotated:
            continue
        half = text_width(text.text, text.size_pt, style, bold=text.bold) / 2
        assert text.x - half >= -1 and text.x + half <= layout.width + 1, text
        row = taken[round(text.y) - 1, max(0, round(text.x - half)) : round(text.x + half)]
        assert not row.any(), f"{text} lies over a picture"


def test_nothing_lies_over_anything_else_or_outside_of_the_page() -> None:
    for style in (FigureStyle(width="one"), FigureStyle(width="two", font="serif", error_maps=True)):
        check_places(content(crops=(CROP, Crop(0, 0, 30, 60))), style)


def narrow(width: int, height: int, crop: Crop) -> FigureContent:
    """A figure of one variant of an image of this size."""
    image = np.zeros((height, width, 3), np.uint8)
    shown = FigureCell(image, ResultRow("samples", "a.png", width, height, "v", bpp=0.1))
    return FigureContent(image, "strip.png", ("",), (FigureBlock("", ("JPEG",), ((shown,),)),), (crop,))


@pytest.mark.parametrize(("width", "height"), [(64, 12_000), (1, 4000), (200, 999)])
def test_a_very_tall_image_makes_a_page_of_a_page_s_height(width: int, height: int) -> None:
    figure = narrow(width, height, Crop(0, 10, min(width, 32), 32 if width > 1 else 1))
    for style in (FigureStyle(width="one", dpi=72), FigureStyle(width="two")):
        layout = content_layout(figure, style)
        assert layout.height < 2.5 * layout.width
        assert layout.overview.height <= layout.width and layout.overview.width >= 1
        check_places(figure, style)
    assert any(f"{width} × {height}" in text.text for text in layout.texts), "the caption is not cut off"


def test_a_page_of_gigabytes_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(
        SynthcompError, match=r"more than the 200,000,000 that one may have: choose crops that are less tall"
    ):
        draw_figure(narrow(1, 4000, Crop(0, 0, 1, 4000)), FigureStyle())


def svg_images(file: bytes) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", file.decode("utf-8"))
    return [pixels_of_png(base64.b64decode("".join(text.split()))) for text in found]


def pdf_images(file: bytes) -> list[np.ndarray]:
    """The images of a PDF of matplotlib's, each a deflated stream with PNG predictors."""
    images = []
    for match in re.finditer(rb"<<(?:(?!endobj).)*?/Subtype /Image(?:(?!endobj).)*?>>\s*stream\r?\n", file, re.DOTALL):
        header = match[0]
        width, height = (int(re.search(rb"/" + key + rb" (\d+)", header)[1]) for key in (b"Width", b"Height"))
        length = re.search(rb"/Length (\d+) (\d+ R)?", header)
        size = int(length[1])
        if length[2]:
            size = int(re.search(rb"\n%d 0 obj\s+(\d+)" % size, file)[1])
        raw = file[match.end() : match.end() + size]
        assert b"/FlateDecode" in header, "only lossless pictures"
        if b"/Indexed" in header:
            continue
        if b"/Predictor" not in header:
            images.append(np.frombuffer(zlib.decompress(raw), np.uint8).reshape(height, width, 3))
            continue
        chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", raw), (b"IEND", b"")]
        png = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
        images.append(pixels_of_png(png))
    # Matplotlib stores its pictures bottom up.
    return [image[::-1] for image in images]


@pytest.mark.parametrize(("file_format", "images_of"), [("svg", svg_images), ("pdf", pdf_images)])
def test_vector_files_hold_the_crops_lossless_and_crisp(
    file_format: str, images_of: Callable[[bytes], list[np.ndarray]]
) -> None:
    shown = content(rows=1)
    style = FigureStyle(dpi=100)
    file = draw_figure(shown, style, file_format=file_format)
    held = images_of(file)
    assert len(held) == 1 + 1 + 4
    if file_format == "svg":
        assert b"image-rendering:" in file and b"pixelated" in file
    else:
        assert file.startswith(b"%PDF-") and file.rstrip().endswith(b"%%EOF")
        assert b"/Type3" not in file
        assert b"/Interpolate true" not in file
    for source in (shown.reference, *(cell.image for block in shown.blocks for cell in block.cells[0])):
        crop = source[30:70, 40:88]
        assert any(
            picture.shape[0] % 40 == 0
            and picture.shape[1] * 40 == picture.shape[0] * 48
            and all(
                np.array_equal(picture[y :: picture.shape[0] // 40, x :: picture.shape[1] // 48], crop)
                for y, x in ((0, 0), (picture.shape[0] // 40 - 1, picture.shape[1] // 48 - 1))
            )
            for picture in held
        )


def test_the_svg_s_texts_are_the_captions() -> None:
    file = draw_figure(content(), FigureStyle(), file_format="svg").decode("utf-8")
    texts = re.findall(r"<!-- (.*?) -->", file)
    assert {"MSE", "MS-SSIM", "full resolution", "half resolution + RCAN ×2", "castle.png, 200 × 176"} <= set(texts)
    for block in content().blocks:
        for row in block.cells:
            for shown in row:
                assert any(text.startswith(f"{shown.row.bpp:.3f} bpp, {shown.row.psnr_rgb:.2f} dB") for text in texts)
                assert any(f"MS-SSIM {shown.row.msssim_rgb:.4f}" in text for text in texts)


@pytest.mark.parametrize("file_format", ["png", "svg", "pdf"])
def test_the_same_figure_has_the_same_bytes_and_carries_its_command(file_format: str) -> None:
    first, second = (
        draw_figure(content(rows=1), FigureStyle(dpi=100), file_format=file_format, command="remake me") for _ in "12"
    )
    assert first == second
    assert b"remake me" in first


def test_captions_leave_out_what_was_not_measured() -> None:
    assert cell_caption(cell(1)) == ("0.100 bpp", "31.00 dB", "MS-SSIM 0.9010")
    assert cell_caption(cell(1, psnr_rgb=float("inf"), msssim_rgb=None)) == ("0.100 bpp", "lossless")
    assert cell_caption(dataclasses.replace(cell(1, msssim_rgb=None), label="webp-q5"))[0] == "webp-q5"


def test_a_variant_that_is_not_installed_stays_an_empty_place() -> None:
    shown = content(rows=1)
    block = FigureBlock("full resolution", ("MSE", "MS-SSIM"), ((cell(2), None),))
    layout = content_layout(dataclasses.replace(shown, blocks=(block,)), FigureStyle())
    assert "not installed" in [text.text for text in layout.texts]
    assert len(layout.tiles) == 2


def test_a_place_that_no_variant_is_for_stays_blank() -> None:
    ids = tuple(f"jpeg-q{quality}" for quality in (10, 20, 30, 40, 50))
    request = FigureRequest("castle.png", None, tuple(map(Variant.parse, ids)), (CROP,), FigureStyle())
    shown = figure_content(frame(1), "castle.png", request, [cell(number, name) for number, name in enumerate(ids, 2)])
    assert [len(row) for row in shown.blocks[0].cells] == [3, 3] and shown.blocks[0].cells[1][2] is None
    layout = content_layout(shown, FigureStyle(error_maps=True))
    texts = [text.text for text in layout.texts]
    assert "not installed" not in texts and "" not in texts
    assert len([tile for tile in layout.tiles if tile.block == 0]) == 5
    draw_figure(shown, FigureStyle(dpi=72))
    # A cell of which nothing was measured is not such a place.
    unmeasured = FigureCell(frame(2), ResultRow("samples", "a.png", 200, 176, "v"))
    block = FigureBlock("", ("",), ((unmeasured,),))
    assert len(content_layout(dataclasses.replace(content(rows=1), blocks=(block,)), FigureStyle()).tiles) == 2


def test_map_rows_show_the_crops_of_the_maps() -> None:
    mapped = dataclasses.replace(cell(2), error_map=frame(8), bit_map=frame(9))
    shown = FigureContent(frame(1), "a", ("",), (FigureBlock("", ("",), ((mapped,),)),), (CROP,))
    style = FigureStyle(error_maps=True, bit_maps=True, dpi=100)
    layout = content_layout(shown, style)
    page = pixels_of_png(draw_figure(shown, style))
    for layer, source in (("image", frame(2)), ("error", frame(8)), ("bits", frame(9))):
        box = next(tile.box for tile in layout.tiles if tile.layer == layer and tile.block == 0)
        factor = box.width // 48
        drawn = page[box.y : box.y + box.height : factor, box.x : box.x + box.width : factor]
        assert np.array_equal(drawn, source[30:70, 40:88])
    assert {"FLIP error", "bits spent"} <= {text.text for text in layout.texts}


def test_a_crop_too_large_for_the_dots_is_shrunk_and_said_to_be() -> None:
    assert tile_size((48, 40), 100) == (96, 80)
    assert tile_size((200, 100), 100) == (100, 50)
    layout = content_layout(content(crops=(Crop(0, 0, 200, 176),)), FigureStyle(width="one", dpi=100))
    assert "shrunk" in layout.notes[-1]
    needed = int(re.search(r"(\d+) dpi", layout.notes[-1])[1])
    again = content_layout(content(crops=(Crop(0, 0, 200, 176),)), FigureStyle(width="one", dpi=needed + 20))
    assert not any("shrunk" in note for note in again.notes)


def test_too_many_columns_are_refused_and_slightly_too_wide_texts_are_set_smaller() -> None:
    shown = content(rows=1)
    many = FigureBlock("", ("x",) * 12, ((cell(2),) * 12,))
    with pytest.raises(SynthcompError, match="12 columns are too many"):
        content_layout(dataclasses.replace(shown, blocks=(many,)), FigureStyle(width="one"))
    fitted = content_layout(shown, FigureStyle(width="one", font_pt=8))
    assert "so that the captions fit" in fitted.notes[0]
    assert max(text.size_pt for text in fitted.texts if text.text.startswith("MS-SSIM 0")) < 8


@pytest.mark.parametrize(
    ("crop", "message"),
    [("1,2,3", "X,Y,WIDTH,HEIGHT"), ("a,b,c,d", "X,Y,WIDTH,HEIGHT"), ("-1,0,5,5", "X,Y,WIDTH,HEIGHT")],
)
def test_malformed_crops_are_refused(crop: str, message: str) -> None:
    with pytest.raises(SynthcompError, match=message):
        Crop.parse(crop)
    assert str(Crop.parse("1, 2, 3, 4")) == "1,2,3,4"


def test_crops_outside_of_the_image_none_and_too_many_are_refused() -> None:
    for crops, message in (
        ((Crop(190, 0, 20, 20),), "does not lie in the image of 200x176"),
        ((Crop(0, 0, 0, 5),), "does not lie"),
        ((), "1 to 4 crops"),
        ((CROP,) * 5, "1 to 4 crops"),
    ):
        with pytest.raises(SynthcompError, match=message):
            content_layout(content(crops=crops), FigureStyle())


@pytest.mark.parametrize("wrong", [{"width": "three"}, {"font": "comic"}, {"dpi": 10}, {"font_pt": 99.0}])
def test_styles_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SynthcompError):
        FigureStyle(**wrong)  # type: ignore[arg-type]


def test_captions_break_only_between_phrases() -> None:
    style = FigureStyle()
    phrases = ["0.213 bpp", "32.81 dB", "MS-SSIM 0.9741"]
    assert break_caption(phrases, 10_000, style) == ["0.213 bpp, 32.81 dB, MS-SSIM 0.9741"]
    assert break_caption(phrases, text_width("0.213 bpp, 32.81 dB", 7, style) + 1, style) == [
        "0.213 bpp, 32.81 dB",
        "MS-SSIM 0.9741",
    ]
    assert break_caption(phrases, 1, style) == phrases
    short = shorten("a_very_long_name_of_a_file.png", 150, style)
    assert "…" in short and text_width(short, 7, style) <= 150


def test_the_default_crop_is_the_worst_tile_of_any_error_map() -> None:
    errors = np.full((176, 200), 0.1, np.float32)
    worse = errors.copy()
    worse[80:120, 120:160] = 0.3
    assert default_crop([errors, worse], 40) == Crop(120, 80, 40, 40)
    # A tile at the edge is smaller; the crop around it has the full side and stays inside.
    worse[160:, 160:] = 0.9
    assert default_crop([errors, worse], 40) == Crop(160, 136, 40, 40)
    assert default_crop([errors], 1000) == Crop(0, 0, 200, 176)


def test_the_default_crop_of_images_without_any_error_is_the_middle() -> None:
    assert default_crop([np.zeros((176, 200), np.float32)], 40) == Crop(80, 68, 40, 40)
    with pytest.raises(SynthcompError, match="at least 1 pixel per side, not 0"):
        default_crop([np.zeros((176, 200), np.float32)], 0)


def request(**changes: object) -> FigureRequest:
    axes = MatrixAxes("mbt2018", (4, 6), ("mse", "msssim"), ("games",), ("full", "x2-bicubic"))
    start = FigureRequest("frame & co.png", axes, (), (CROP,), FigureStyle())
    return dataclasses.replace(start, **changes)  # type: ignore[arg-type]


def test_the_command_says_everything_and_quotes_for_the_shell() -> None:
    style = FigureStyle(width="one", font="serif", font_pt=8, dpi=600, error_maps=True, bit_maps=True)
    command = figure_command(request(style=style, variants=(Variant("webp-q5"),)), ["out.pdf"])
    assert command == (
        "python -m synthcomp_core figure 'frame & co.png' out.pdf --model mbt2018 --qualities 4,6 "
        "--distortions mse,msssim --trained-on games --scalings full,x2-bicubic --variant webp-q5 "
        "--crop 40,30,48,40 --width one --font serif --font-size 8 --dpi 600 --error-maps --bit-maps"
    )


def test_latex_includes_the_file_and_escapes_the_caption() -> None:
    wanted = request(axes=None, variants=(Variant("webp-q5"),))
    shown = figure_content(frame(1), "50%_&.png", wanted, [cell(2, "webp-q5")])
    text = latex_figure(shown, wanted, "my figure.pdf")
    assert r"\includegraphics[width=\linewidth]{my figure.pdf}" in text
    assert r"50\%\_\&.png" in text
    assert text.startswith("% python -m synthcomp_core figure 'frame & co.png'")
    assert r"\begin{figure*}" in text and r"\end{figure*}" in text


def test_variants_without_a_matrix_stand_in_rows_with_their_ids(artifacts: object) -> None:
    variants = tuple(Variant(f"webp-q{quality}") for quality in (10, 20, 30, 40, 50))
    wanted = request(axes=None, variants=variants)
    assert requested_variants(wanted) == list(variants)
    shown = figure_content(frame(1), "a.png", wanted, [cell(number, str(v)) for number, v in enumerate(variants, 2)])
    assert [[None if c is None else c.label for c in row] for row in shown.blocks[0].cells] == [
        ["webp-q10", "webp-q20", "webp-q30"],
        ["webp-q40", "webp-q50", None],
    ]
    assert "whole image" in figure_caption(shown, wanted)


@pytest.mark.parametrize("axis", ["qualities", "distortions", "trained_on", "scalings"])
def test_a_matrix_with_an_empty_axis_is_none(axis: str, artifacts: object) -> None:
    axes = request().axes
    assert axes is not None
    wanted = request(axes=dataclasses.replace(axes, **{axis: ()}), variants=(Variant("webp-q5"),))
    bare = dataclasses.replace(wanted, axes=None)
    assert requested_variants(wanted) == [Variant("webp-q5")]
    shown, alone = (figure_content(frame(1), "a.png", one, [cell(2, "webp-q5")]) for one in (wanted, bare))
    assert (shown.rows, [block.title for block in shown.blocks]) == (
        alone.rows,
        [block.title for block in alone.blocks],
    )
    assert figure_command(wanted, ["out.pdf"]) == figure_command(bare, ["out.pdf"])
    assert figure_caption(shown, wanted) == figure_caption(alone, bare)
    draw_figure(shown, wanted.style)


def test_a_matrix_without_snapshots_is_refused(artifacts: object) -> None:
    with pytest.raises(SynthcompError, match="No installed snapshot"):
        requested_variants(request())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(structure(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
