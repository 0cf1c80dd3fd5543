"""The request for a figure, and what follows from it: content, command, caption, LaTeX."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import Crop, FigureBlock, FigureCell, FigureContent
from synthcomp_core.figures.paper.layout import FigureStyle
from synthcomp_core.images import Image
from synthcomp_core.results.text_tables import latex_escape
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import scaling_label
from synthcomp_core.variants.snapshot_matrix import (
    DISTORTION_LABELS,
    FULL,
    MatrixAxes,
    matrix_cells,
    matrix_points,
    quality_label,
)


@dataclass(frozen=True)
class FigureRequest:
    """Everything that determines a figure. image: as named on the command line. axes: of the matrix, None without one.

    variants: beside the matrix, or alone. columns: of the grid if there is no matrix.
    """

    image: str
    axes: MatrixAxes | None
    variants: tuple[Variant, ...]
    crops: tuple[Crop, ...]
    style: FigureStyle
    columns: int = 4

    @property
    def matrix(self) -> MatrixAxes | None:
        """The axes of the matrix if it has any cell, which takes a value along each; else None."""
        axes = self.axes
        if axes is None or not all((axes.qualities, axes.distortions, axes.trained_on, axes.scalings)):
            return None
        return axes


def requested_variants(request: FigureRequest) -> list[Variant]:
    """Every available variant that the figure shows, each once; SynthcompError if there is none."""
    cells = matrix_cells(request.matrix) if request.matrix is not None else []
    variants = [cell.variant for cell in cells if cell.variant is not None] + list(request.variants)
    if not variants:
        raise SynthcompError("No installed snapshot is at any of the points chosen; `list` shows the snapshots.")
    return list(dict.fromkeys(variants))


def figure_content(reference: Image, name: str, request: FigureRequest, cells: Sequence[FigureCell]) -> FigureContent:
    """The figure's grid: rows are qualities (λ), columns distortions and training sets, blocks resolutions.

    cells: the available ones, named by the variants in their rows; others stay empty. Variants outside the matrix are
    a last block, or the whole grid; their ids are written under their tiles.
    """
    by_variant = {cell.row.variant: cell for cell in cells}
    rows: tuple[str, ...] = ()
    blocks: list[FigureBlock] = []
    axes = request.matrix
    if axes is not None:
        points = [point for point in matrix_points() if point.model == axes.model]
        points = [point for point in points if point.distortion in axes.distortions]
        rows = tuple(quality_label(quality, points) for quality in axes.qualities)
        blocks = [_matrix_block(axes, scaling, by_variant) for scaling in axes.scalings]
    named = [by_variant[str(variant)] for variant in request.variants if str(variant) in by_variant]
    if named:
        labelled = [FigureCell(cell.image, cell.row, cell.row.variant, cell.error_map, cell.bit_map) for cell in named]
        if not rows:
            rows = ("",) * -(-len(labelled) // request.columns)
        blocks.append(_plain_block(labelled, len(rows), "others" if blocks else ""))
    return FigureContent(reference, name, rows, tuple(blocks), request.crops)


def _matrix_block(axes: MatrixAxes, scaling: str, by_variant: dict[str, FigureCell]) -> FigureBlock:
    matrix = [cell for cell in matrix_cells(axes) if cell.scaling == scaling]
    width = len(axes.trained_on) * len(axes.distortions)
    columns = tuple(
        DISTORTION_LABELS[distortion] + (f", {trained_on}" if len(axes.trained_on) > 1 else "")
        for trained_on in axes.trained_on
        for distortion in axes.distortions
    )
    found = [by_variant.get(str(cell.variant)) if cell.variant is not None else None for cell in matrix]
    rows = tuple(tuple(found[start : start + width]) for start in range(0, len(found), width))
    return FigureBlock(scaling_label(scaling), columns, rows)


def _plain_block(cells: Sequence[FigureCell], rows: int, title: str) -> FigureBlock:
    columns = -(-len(cells) // rows)
    padded = [*cells, *[None] * (rows * columns - len(cells))]
    return FigureBlock(
        title,
        ("",) * columns,
        tuple(tuple(padded[row * columns : (row + 1) * columns]) for row in range(rows)),
        is_padded=True,
    )


def figure_command(request: FigureRequest, outputs: Sequence[str]) -> str:
    """The command that makes the figure again."""
    words = ["python", "-m", "synthcomp_core", "figure", request.image, *outputs]
    axes = request.matrix
    if axes is not None:
        words += ["--model", axes.model, "--qualities", ",".join(map(str, axes.qualities))]
        words += ["--distortions", ",".join(axes.distortions), "--trained-on", ",".join(axes.trained_on)]
        words += ["--scalings", ",".join(axes.scalings)]
    for variant in request.variants:
        words += ["--variant", str(variant)]
    for crop in request.crops:
        words += ["--crop", str(crop)]
    default = FigureStyle()
    style = request.style
    words += ["--width", style.width]
    words += ["--font", style.font] if style.font != default.font else []
    words += ["--font-size", f"{style.font_pt:g}"] if style.font_pt != default.font_pt else []
    words += ["--dpi", str(style.dpi)]
    words += ["--error-maps"] if style.error_maps else []
    words += ["--bit-maps"] if style.bit_maps else []
    return shlex.join(words)


def figure_caption(content: FigureContent, request: FigureRequest) -> str:
    """The figure's caption, in plain text."""
    parts = [f"{content.name} and its marked crop{'s' if len(content.crops) > 1 else ''}, original and coded."]
    axes = request.matrix
    if axes is not None:
        trained = " and ".join(axes.trained_on)
        rows = "Rows: λ (quality " + ", ".join(map(str, axes.qualities)) + ")."
        columns = "Columns: trained for " + " and ".join(DISTORTION_LABELS[name] for name in axes.distortions) + "."
        parts += [f"{axes.model} trained on {trained}.", rows, columns]
        if axes.scalings != (FULL,):
            parts.append("Blocks: " + "; ".join(scaling_label(scaling) for scaling in axes.scalings) + ".")
    parts.append("Below each tile: bits per pixel, PSNR (RGB) and MS-SSIM (RGB) of the whole image.")
    if request.style.error_maps:
        parts.append("FLIP error: black is 0, pale yellow is 1.")
    if request.style.bit_maps:
        parts.append("Bits spent per latent position: dark is none, yellow the most in each image.")
    return " ".join(parts)


def latex_figure(content: FigureContent, request: FigureRequest, file_name: str) -> str:
    """LaTeX that includes the figure, with its caption, a label and, as a comment, the command."""
    environment = "figure" if request.style.width == "one" else "figure*"
    stem = file_name.rsplit(".", 1)[0]
    label = "".join(character if character.isalnum() else "-" for character in stem)
    command = " ".join(figure_command(request, [file_name]).split())
    return (
        f"% {command}\n"
        f"\\begin{{{environment}}}[t]\n"
        "  \\centering\n"
        f"  \\includegraphics[width=\\linewidth]{{{file_name}}}\n"
        f"  \\caption{{{latex_escape(figure_caption(content, request))}}}\n"
        f"  \\label{{fig:{label}}}\n"
        f"\\end{{{environment}}}\n"
    )
