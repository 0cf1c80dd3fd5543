"""Publication figures: crops of an original and of its variants in a labelled grid, as PNG, SVG or PDF.

The same content always makes the same bytes: no dates, no random ids, fonts that come with matplotlib. Crops are drawn
nearest-neighbour at whole multiples and embedded as lossless images; the numbers, bpp, PSNR and MS-SSIM, are of the
whole image, as in the results table.
"""

from __future__ import annotations

import dataclasses
import io
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures import palette
from synthcomp_core.figures.paper.layout import (
    BLANK,
    FONTS,
    NOT_INSTALLED,
    POINTS_PER_INCH,
    Box,
    FigureStyle,
    Grid,
    Layout,
    Text,
    Tile,
    lay_out,
)
from synthcomp_core.images import Image, resize

if TYPE_CHECKING:
    from synthcomp_core.results.rows import ResultRow

FORMATS = ("png", "svg", "pdf")
_CROP = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")
CROP_COLOURS = (palette.ORANGE, palette.SKY_BLUE, palette.GREEN, palette.PURPLE)
MAX_CROPS = len(CROP_COLOURS)
_FRAME_PT = 1.2
_GREY = "#555555"
_ONE_AT_A_TIME = threading.Lock()  # matplotlib's settings are global, and pages run in threads.


@dataclass(frozen=True)
class Crop:
    """A part of the image, in pixels; x and y are its top left corner.

    >>> str(Crop.parse("800, 400, 160, 160"))
    '800,400,160,160'
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Crop:
        """The crop written as X,Y,WIDTH,HEIGHT."""
        match = _CROP.fullmatch(text.replace(" ", ""))
        if match is None:
            raise SynthcompError(f"The crop {text!r} is not of the form X,Y,WIDTH,HEIGHT, as in 800,400,160,160.")
        return cls(*(int(number) for number in match.groups()))

    def of(self, image: Image) -> Image:
        """The pixels of the crop; SynthcompError if it is empty or extends beyond the image."""
        height, width = image.shape[:2]
        if min(self.width, self.height) < 1 or self.x + self.width > width or self.y + self.height > height:
            raise SynthcompError(f"The crop {self} does not lie in the image of {width}x{height} pixels.")
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def crop_around(centre: tuple[float, float], side: int, size: tuple[int, int]) -> Crop:
    """The square crop around a point, moved and shrunk as far as needed to lie in an image of ``size``."""
    width, height = min(side, size[0]), min(side, size[1])
    x = min(max(round(centre[0] - width / 2), 0), size[0] - width)
    y = min(max(round(centre[1] - height / 2), 0), size[1] - height)
    return Crop(x, y, width, height)


@dataclass(frozen=True)
class FigureCell:
    """One variant in the grid: its whole final image, its row of the results table, and its maps, if any.

    label: written before the numbers under the tile if no heading says which variant it is. error_map, bit_map: images
    of the same size.
    """

    image: Image
    row: ResultRow
    label: str = ""
    error_map: Image | None = None
    bit_map: Image | None = None


@dataclass(frozen=True)
class FigureBlock:
    """Columns under one title. cells: rows x columns; None for a variant that does not exist.

    is_padded: None is a place for which there is no variant, and stays blank.
    """

    title: str
    columns: tuple[str, ...]
    cells: tuple[tuple[FigureCell | None, ...], ...]
    is_padded: bool = False


@dataclass(frozen=True)
class FigureContent:
    """What a figure shows. rows: their labels, each with at most one line break; blocks: from left to right."""

    reference: Image
    name: str
    rows: tuple[str, ...]
    blocks: tuple[FigureBlock, ...]
    crops: tuple[Crop, ...]


def content_layout(content: FigureContent, style: FigureStyle) -> Layout:
    """The layout of a figure; SynthcompError for wrong crops, unequal sizes, too many columns, or too large a page.

    Rows of maps are left out if no cell has such a map.
    """
    if not 1 <= len(content.crops) <= MAX_CROPS:
        raise SynthcompError(f"A figure has 1 to {MAX_CROPS} crops, not {len(content.crops)}.")
    if not content.rows or not any(block.columns for block in content.blocks):
        raise SynthcompError("A figure needs at least one variant.")
    for crop in content.crops:
        crop.of(content.reference)
    for block in content.blocks:
        if len(block.cells) != len(content.rows) or {len(row) for row in block.cells} != {len(block.columns)}:
            raise ValueError(f"block {block.title!r} does not have {len(content.rows)} x {len(block.columns)} cells")
        for cell in (cell for row in block.cells for cell in row if cell is not None):
            if cell.image.shape != content.reference.shape:
                raise SynthcompError(
                    f"{cell.row.variant} is not of the reference's size, so it cannot be shown beside it."
                )
    cells = [cell for block in content.blocks for row in block.cells for cell in row if cell is not None]
    style = dataclasses.replace(
        style,
        error_maps=style.error_maps and any(cell.error_map is not None for cell in cells),
        bit_maps=style.bit_maps and any(cell.bit_map is not None for cell in cells),
    )
    height, width = content.reference.shape[:2]
    layout = lay_out(
        Grid(
            reference_size=(width, height),
            reference_caption=(content.name, f"{width} × {height}"),
            crop_sizes=tuple((crop.width, crop.height) for crop in content.crops),
            row_labels=content.rows,
            block_titles=tuple(block.title for block in content.blocks),
            column_labels=tuple(block.columns for block in content.blocks),
            captions=tuple(
                tuple(tuple(_caption_in(block, cell) for cell in row) for row in block.cells)
                for block in content.blocks
            ),
        ),
        style,
    )
    if layout.width * layout.height > limits.FIGURE_PIXELS:
        raise SynthcompError(
            f"The figure would have {layout.width:,} x {layout.height:,} pixels, more than the "
            f"{limits.FIGURE_PIXELS:,} that one may have: choose crops that are less tall, fewer rows, or a lower dpi."
        )
    return layout


def _caption_in(block: FigureBlock, cell: FigureCell | None) -> tuple[str, ...] | None:
    if cell is None:
        return BLANK if block.is_padded else None
    return cell_caption(cell)


def cell_caption(cell: FigureCell) -> tuple[str, ...]:
    """The phrases under a tile: its label, bpp, PSNR RGB and MS-SSIM RGB, without those not measured."""
    row = cell.row
    phrases = [cell.label] if cell.label else []
    if row.bpp is not None:
        phrases.append(f"{row.bpp:.3f} bpp")
    if row.psnr_rgb is not None:
        phrases.append("lossless" if row.psnr_rgb == float("inf") else f"{row.psnr_rgb:.2f} dB")
    if row.msssim_rgb is not None:
        phrases.append(f"MS-SSIM {row.msssim_rgb:.4f}")
    return tuple(phrases)


def draw_figure(content: FigureContent, style: FigureStyle, *, file_format: str = "png", command: str = "") -> bytes:
    """The file of a figure ("png", "svg" or "pdf"), with the ``command`` that makes it again in its metadata.

    In the PNG, every pixel of a crop is a square of device pixels of exactly its colour; so it is in SVG and PDF.
    """
    if file_format not in FORMATS:
        raise SynthcompError(f"Unknown figure format {file_format!r}: use {', '.join(FORMATS)}.")
    layout = content_layout(content, style)
    with _ONE_AT_A_TIME:
        return _draw(content, style, layout, file_format, command)


def tile_pixels(content: FigureContent, tile: Tile) -> Image | None:
    """The crop shown in a tile, at its size there; None for a map that does not exist."""
    source: Image | None = content.reference
    if tile.block >= 0:
        cell = content.blocks[tile.block].cells[tile.row][tile.column]
        maps = {} if cell is None else {"image": cell.image, "error": cell.error_map, "bits": cell.bit_map}
        source = maps.get(tile.layer)
    if source is None:
        return None
    cut = content.crops[tile.crop].of(source)
    factor = tile.box.width // cut.shape[1]
    if factor >= 1:
        return np.repeat(np.repeat(cut, factor, axis=0), factor, axis=1)
    return resize(np.ascontiguousarray(cut), (tile.box.width, tile.box.height), method="lanczos")


def _draw(content: FigureContent, style: FigureStyle, layout: Layout, file_format: str, command: str) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(
        {
            "svg.hashsalt": "synthcomp",
            "svg.fonttype": "path",
            "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3.
            "font.family": FONTS[style.font],
            "image.composite_image": False,
            "path.simplify": False,
        }
    ):
        size = layout.width / style.dpi, layout.height / style.dpi
        figure = Figure(figsize=size, dpi=style.dpi, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        overview = resize(content.reference, (layout.overview.width, layout.overview.height), method="lanczos")
        _place(figure, layout, layout.overview, overview)
        placed = []
        for tile in layout.tiles:
            pixels = tile_pixels(content, tile)
            if pixels is not None:
                placed.append((tile, pixels))
                _place(figure, layout, tile.box, pixels)
        _mark_crops(figure, content, style, layout)
        for text in layout.texts:
            _write(figure, layout, text)
        if file_format == "png":
            canvas.draw()  # type: ignore[no-untyped-call]
            page = np.array(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
            for tile, pixels in placed:
                # The renderer places it only up to rounding.
                box = tile.box
                page[box.y : box.y + box.height, box.x : box.x + box.width] = pixels
            return _png(page, style.dpi, command)
        file = io.BytesIO()
        metadata: dict[str, Any] = (
            {"Date": None, "Description": command, "Title": content.name}
            if file_format == "svg"
            else {"CreationDate": None, "ModDate": None, "Subject": command, "Title": content.name}
        )
        figure.savefig(file, format=file_format, dpi=style.dpi, metadata=metadata)
        return file.getvalue()


def _png(page: Image, dpi: int, command: str) -> bytes:
    from PIL import Image as PillowImage
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if command:
        info.add_itxt("Description", command)
    file = io.BytesIO()
    PillowImage.fromarray(page).save(file, "PNG", dpi=(dpi, dpi), pnginfo=info)
    return file.getvalue()


def _fractions(layout: Layout, box: Box) -> tuple[float, float, float, float]:
    """Left, bottom, width and height as matplotlib counts them: fractions of the page from its bottom left."""
    bottom = layout.height - box.y - box.height
    return box.x / layout.width, bottom / layout.height, box.width / layout.width, box.height / layout.height


def _place(figure: Any, layout: Layout, box: Box, image: Image) -> None:
    axes = figure.add_axes(_fractions(layout, box))
    axes.set_axis_off()
    # With "none", vector formats hold the pixels as they are.
    axes.imshow(image, interpolation="none", aspect="auto")


def _mark_crops(figure: Any, content: FigureContent, style: FigureStyle, layout: Layout) -> None:
    """The crops' rectangles on the original, and frames of the same colours around the original's tiles."""
    frame = max(1.0, _FRAME_PT * style.dpi / POINTS_PER_INCH)
    scale_x = layout.overview.width / content.reference.shape[1]
    scale_y = layout.overview.height / content.reference.shape[0]
    for crop, colour in zip(content.crops, CROP_COLOURS, strict=False):
        left, top = layout.overview.x + crop.x * scale_x, layout.overview.y + crop.y * scale_y
        _outline(figure, layout, (left, top, crop.width * scale_x, crop.height * scale_y), frame, colour)
    for tile in layout.tiles:
        if tile.block < 0 or (len(content.crops) > 1 and tile.layer == "image"):
            box = tile.box
            _outline(figure, layout, (box.x, box.y, box.width, box.height), frame, CROP_COLOURS[tile.crop])


def _outline(figure: Any, layout: Layout, inner: tuple[float, float, float, float], frame: float, colour: str) -> None:
    """A frame of a width in pixels whose inner edge is ``inner`` (x, y, width, height from the top left)."""
    from matplotlib.patches import Rectangle

    x, y, width, height = inner
    half = frame / 2
    figure.add_artist(
        Rectangle(
            ((x - half) / layout.width, 1 - (y + height + half) / layout.height),
            (width + frame) / layout.width,
            (height + frame) / layout.height,
            transform=figure.transFigure,
            fill=False,
            edgecolor=colour,
            linewidth=frame * POINTS_PER_INCH / figure.dpi,
            zorder=5,
        )
    )


def _write(figure: Any, layout: Layout, text: Text) -> None:
    figure.text(
        text.x / layout.width,
        1 - text.y / layout.height,
        text.text,
        fontsize=text.size_pt,
        ha="center",
        va="center" if text.rotated else "baseline",
        rotation=90 if text.rotated else 0,
        fontweight="bold" if text.bold else "normal",
        color=_GREY if text.text == NOT_INSTALLED else "black",
        # The name of a file is text, not mathematics.
        parse_math=False,
    )
