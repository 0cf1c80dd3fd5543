"""Where everything in a publication figure is: at whole device pixels, so that every pixel of an image stays crisp.

All boxes are in device pixels at the figure's dpi, with the origin at the top left. Nothing is drawn here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError

# Widths in inches of one and of two columns in IEEE and ACM papers, and of a 16:9 slide.
WIDTHS_IN = {"one": 3.5, "two": 7.16, "slide": 10.0}
# Both come with matplotlib, so that a figure looks the same everywhere; STIX has the metrics of Times.
FONTS = {"sans": "DejaVu Sans", "serif": "STIXGeneral"}
POINTS_PER_INCH = 72
_LINE = 1.25  # Line height over font size.
_ASCENT = 0.95  # Baseline below the line's top over font size.
_SMALLEST_PT = 4.0
_SMALLEST_FITTED_PT = 5.0
_OVERVIEW_STRETCH = 1.35  # The original's height over that of the crops beside it, if there is room.
_MIN_OVERVIEW = 0.2  # Of the figure's width: a smaller original shows nothing; one higher than that width fills a page.
_WIDEST_COLUMN = 0.32  # Of the figure's width: a single variant must not fill the page.
_FILLED = 0.8  # Of a column: a crop that fills less gets a note.
NOT_INSTALLED = "not installed"  # In place of a variant whose snapshot is missing.
BLANK = ("",)  # The caption of a place that no variant is for.


@dataclass(frozen=True)
class FigureStyle:
    """Style. width: "one", "two" or "slide" (see WIDTHS_IN). font: "sans" or "serif". font_pt: of the captions.

    dpi: of the PNG, and of the grid to which all sizes are rounded.
    """

    width: str = "two"
    font: str = "sans"
    font_pt: float = 7.0
    dpi: int = 300
    error_maps: bool = False
    bit_maps: bool = False

    def __post_init__(self) -> None:
        if self.width not in WIDTHS_IN:
            raise SynthcompError(f"Unknown figure width {self.width!r}: use {', '.join(WIDTHS_IN)}.")
        if self.font not in FONTS:
            raise SynthcompError(f"Unknown figure font {self.font!r}: use {', '.join(FONTS)}.")
        if not 72 <= self.dpi <= 1200:
            raise SynthcompError(f"A figure has 72 to 1200 dpi, not {self.dpi}.")
        if not _SMALLEST_PT <= self.font_pt <= 16:
            raise SynthcompError(f"A figure's font has {_SMALLEST_PT:g} to 16 points, not {self.font_pt:g}.")

    @property
    def width_px(self) -> int:
        """The figure's width in device pixels."""
        return round(WIDTHS_IN[self.width] * self.dpi)

    @property
    def font_px(self) -> float:
        """The captions' font size in device pixels."""
        return self.font_pt * self.dpi / POINTS_PER_INCH


@dataclass(frozen=True)
class Box:
    """A rectangle in device pixels; x and y are its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Text:
    """One line of text. x, y: the middle of its baseline in pixels, or its centre if rotated. bold: for headings."""

    text: str
    x: float
    y: float
    size_pt: float
    rotated: bool = False
    bold: bool = False


@dataclass(frozen=True)
class Tile:
    """A crop's place. layer: "image", "error" or "bits". block, row, column: its cell; block -1 is the original.

    crop: its index.
    """

    layer: str
    block: int
    row: int
    column: int
    crop: int
    box: Box


@dataclass(frozen=True)
class Layout:
    """The whole figure: its size, the original's box, the tiles, the texts, and notes for the person who makes it."""

    width: int
    height: int
    overview: Box
    tiles: tuple[Tile, ...]
    texts: tuple[Text, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """What is to be laid out, as sizes and words.

    captions: of the cells, [block][row][column]: phrases, BLANK, or None for a variant that does not exist.
    """

    reference_size: tuple[int, int]
    reference_caption: tuple[str, ...]
    crop_sizes: tuple[tuple[int, int], ...]
    row_labels: tuple[str, ...]
    block_titles: tuple[str, ...]
    column_labels: tuple[tuple[str, ...], ...]
    captions: tuple[tuple[tuple[tuple[str, ...] | None, ...], ...], ...]


def text_width(text: str, size_pt: float, style: FigureStyle, *, bold: bool = False) -> float:
    """The width of a text in device pixels."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONTS[style.font], size=size_pt, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width) * style.dpi / POINTS_PER_INCH


def tile_size(crop_size: tuple[int, int], available: int) -> tuple[int, int]:
    """The size at which a crop is drawn in ``available`` pixels: a whole multiple, or less if it does not fit."""
    width, height = crop_size
    factor = available // width
    if factor >= 1:
        return width * factor, height * factor
    return available, max(1, round(height * available / width))


def break_caption(phrases: Sequence[str], available: float, style: FigureStyle) -> list[str]:
    """The phrases on as few lines of ``available`` pixels as possible; a phrase is never broken."""
    lines: list[str] = []
    for phrase in phrases:
        longer = f"{lines[-1]}, {phrase}" if lines else phrase
        if lines and text_width(longer, style.font_pt, style) <= available:
            lines[-1] = longer
        else:
            lines.append(phrase)
    return lines


def shorten(text: str, available: float, style: FigureStyle) -> str:
    """``text``, with its middle left out if it is wider than ``available`` pixels."""
    shown, kept = text, len(text)
    while text_width(shown, style.font_pt, style) > available and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def lay_out(grid: Grid, style: FigureStyle) -> Layout:
    """The layout of a figure; SynthcompError if its columns do not fit the width.

    If captions are too wide, all text is set smaller, down to 5 points, and a note says so.
    """
    widest = _widest(grid, style)
    available = _Builder(grid, style).available
    if widest > available:
        smaller = math.floor(style.font_pt * available / widest * 10) / 10
        if smaller < _SMALLEST_FITTED_PT:
            columns = sum(len(labels) for labels in grid.column_labels)
            raise SynthcompError(
                f"{columns} columns are too many for a figure {WIDTHS_IN[style.width]:g} inches wide: "
                "choose fewer columns or a wider figure."
            )
        layout = lay_out(grid, dataclasses.replace(style, font_pt=smaller))
        return dataclasses.replace(
            layout, notes=(f"Text is set in {smaller:g} points so that the captions fit.", *layout.notes)
        )
    return _Builder(grid, style).build()


def _widest(grid: Grid, style: FigureStyle) -> float:
    """The widest phrase of any caption, in device pixels."""
    return max(
        (
            text_width(phrase, style.font_pt, style)
            for block_captions in grid.captions
            for row_captions in block_captions
            for caption in row_captions
            for phrase in caption or ()
        ),
        default=0.0,
    )


class _Builder:
    """Lays out one figure, from top to bottom."""

    def __init__(self, grid: Grid, style: FigureStyle) -> None:
        self.grid, self.style = grid, style
        self.line = style.font_px * _LINE
        self.gap = max(2, round(style.font_px * 0.45))
        self.block_gap = round(style.font_px * 1.4)
        self.texts: list[Text] = []
        self.tiles: list[Tile] = []
        self.layers = ["image", *["error"] * style.error_maps, *["bits"] * style.bit_maps]
        label_lines = max((len(label.split("\n")) for label in grid.row_labels), default=0)
        layer_line = 1 if len(self.layers) > 1 else 0
        has_labels = any(grid.row_labels)
        self.label_width = math.ceil((label_lines * has_labels + layer_line) * self.line) + self.gap
        columns = sum(len(labels) for labels in grid.column_labels)
        blocks = len(grid.block_titles)
        gaps = (columns - blocks) * self.gap + (blocks - 1) * self.block_gap
        shared = (style.width_px - self.label_width - gaps) // max(columns, 1)
        self.available = min(shared, round(_WIDEST_COLUMN * style.width_px))
        self.sizes = [tile_size(size, self.available) for size in grid.crop_sizes]
        self.cell_width = max(*(size[0] for size in self.sizes), math.ceil(_widest(grid, style)))
        content = self.label_width + columns * self.cell_width + gaps
        self.left = max(0, (style.width_px - content) // 2)

    def build(self) -> Layout:
        overview, y = self._original(0)
        y = self._headings(y + self.gap)
        for row in range(len(self.grid.row_labels)):
            y = self._row(row, y) + self.gap
        size = self.style.width_px, math.ceil(y)
        return Layout(*size, overview, tuple(self.tiles), tuple(self.texts), self._notes())

    def _original(self, top: int) -> tuple[Box, int]:
        """The original with its crops to its right; its box and the y below."""
        # Leave room for the frames around the crops.
        top += self.gap
        stack = sum(height for _, height in self.sizes) + self.gap * (len(self.sizes) - 1)
        crops_width = max(width for width, _ in self.sizes)
        width, height = self.grid.reference_size
        room = self.style.width_px - crops_width - 4 * self.gap
        stretched = _OVERVIEW_STRETCH * stack * width / height
        overview_width = min(room, max(stretched, min(_MIN_OVERVIEW, width / height) * self.style.width_px))
        box_size = max(1, round(overview_width)), max(1, round(overview_width * height / width))
        band = max(stack, box_size[1])
        place = max(box_size[0], round(min(room, _MIN_OVERVIEW * self.style.width_px)))  # The caption's, too.
        left = (self.style.width_px - place - crops_width - 2 * self.gap) // 2
        overview = Box(left + (place - box_size[0]) // 2, top + (band - box_size[1]) // 2, *box_size)
        x, y = left + place + 2 * self.gap, top + (band - stack) // 2
        for index, (tile_width, tile_height) in enumerate(self.sizes):
            self.tiles.append(Tile("image", -1, 0, 0, index, Box(x, y, tile_width, tile_height)))
            y += tile_height + self.gap
        bottom = top + band
        caption_width = place + self.gap
        lines = break_caption(self.grid.reference_caption, caption_width, self.style)
        for number, line in enumerate(lines):
            shown = shorten(line, caption_width, self.style)
            self._centred(shown, left + place / 2, bottom + self.gap / 2 + number * self.line)
        self._centred("original", x + crops_width / 2, y - self.gap / 2)
        return overview, math.ceil(bottom + self.gap / 2 + len(lines) * self.line)

    def _headings(self, top: int) -> int:
        """Block titles and column headings; the y below."""
        has_titles = any(self.grid.block_titles)
        has_columns = any(any(labels) for labels in self.grid.column_labels)
        below_titles = top + (self.line * 1.1 if has_titles else 0)
        for block, labels in enumerate(self.grid.column_labels):
            first, last = self._cell_x(block, 0), self._cell_x(block, len(labels) - 1) + self.cell_width
            if self.grid.block_titles[block]:
                self._centred(self.grid.block_titles[block], (first + last) / 2, top, bold=True, scale=1.1)
            for column, label in enumerate(labels):
                if label:
                    self._centred(label, self._cell_x(block, column) + self.cell_width / 2, below_titles)
        return math.ceil(below_titles + (self.line if has_columns else 0) + self.gap / 2)

    def _row(self, row: int, top: int) -> int:
        """One row of cells with its label; the y below."""
        y = top
        for layer in self.layers:
            started = y
            for crop, (width, height) in enumerate(self.sizes):
                for block, labels in enumerate(self.grid.column_labels):
                    for column in range(len(labels)):
                        if self.grid.captions[block][row][column] not in (None, BLANK):
                            x = self._cell_x(block, column) + (self.cell_width - width) // 2
                            self.tiles.append(Tile(layer, block, row, column, crop, Box(x, y, width, height)))
                y += height + self.gap
            self._layer_label(layer, row, (started + y - self.gap) / 2)
        y -= self.gap
        most_lines = 0
        for block, labels in enumerate(self.grid.column_labels):
            for column in range(len(labels)):
                caption = self.grid.captions[block][row][column]
                middle = self._cell_x(block, column) + self.cell_width / 2
                if caption is None:
                    self._centred(NOT_INSTALLED, middle, (top + y - self.line) / 2)
                    continue
                lines = break_caption(() if caption == BLANK else caption, self.cell_width, self.style)
                most_lines = max(most_lines, len(lines))
                for number, line in enumerate(lines):
                    self._centred(line, middle, y + self.gap / 3 + number * self.line)
        return math.ceil(y + self.gap / 3 + most_lines * self.line)

    def _layer_label(self, layer: str, row: int, middle: float) -> None:
        label = self.grid.row_labels[row]
        x = self.left + self.line / 2
        if layer == "image":
            for number, line in enumerate(label.split("\n") if label else ()):
                self.texts.append(Text(line, x + number * self.line, middle, self.style.font_pt, rotated=True))
            return
        x = self.left + self.label_width - self.gap - self.line / 2
        word = {"error": "FLIP error", "bits": "bits spent"}[layer]
        self.texts.append(Text(word, x, middle, self.style.font_pt, rotated=True))

    def _cell_x(self, block: int, column: int) -> int:
        before = sum(len(labels) for labels in self.grid.column_labels[:block])
        step = self.cell_width + self.gap
        return self.left + self.label_width + (before + column) * step + block * (self.block_gap - self.gap)

    def _centred(self, text: str, x: float, top: float, *, bold: bool = False, scale: float = 1.0) -> None:
        baseline = top + self.style.font_px * scale * _ASCENT
        self.texts.append(Text(text, x, baseline, self.style.font_pt * scale, bold=bold))

    def _notes(self) -> tuple[str, ...]:
        notes = []
        for (width, height), (drawn, _) in zip(self.grid.crop_sizes, self.sizes, strict=True):
            if drawn < width:
                needed = math.ceil(self.style.dpi * width / drawn)
                notes.append(
                    f"The {width}x{height} crop is shrunk to {drawn} pixels in the PNG; "
                    f"choose a smaller crop or {needed} dpi to show every pixel."
                )
            elif drawn < _FILLED * self.available:
                notes.append(
                    f"The {width}x{height} crop fills {drawn} of the {self.available} pixels of its column: "
                    f"a crop {self.available // (drawn // width + 1)} pixels wide would fill it."
                )
        return tuple(notes)
