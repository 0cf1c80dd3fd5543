"""The figure verb: crops of an image and of its variants as a publication figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core import storage
from synthcomp_core.cli.console import errors, output, progress_bar
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import FORMATS, Crop, FigureCell, content_layout, draw_figure
from synthcomp_core.figures.paper.layout import FONTS, WIDTHS_IN, FigureStyle
from synthcomp_core.figures.paper.request import (
    FigureRequest,
    figure_command,
    figure_content,
    latex_figure,
    requested_variants,
)
from synthcomp_core.images import Image, read_image
from synthcomp_core.results.rows import rows_to_csv
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshot_matrix import FULL, MatrixAxes, all_axes

_CROP_SIDE = 160


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(figure)


def figure(
    image: Annotated[Path, typer.Argument(help="The image.")],
    out: Annotated[list[Path], typer.Argument(help="Files to write: .png, .svg, .pdf; .tex for the LaTeX around it.")],
    model: Annotated[
        str | None, typer.Option(help="Model of the matrix (default: the one with most snapshots).")
    ] = None,
    qualities: Annotated[str | None, typer.Option(help="Rows, as in 4,6,8 (default: all at hand).")] = None,
    distortions: Annotated[str | None, typer.Option(help="Columns: mse,msssim (default: all at hand).")] = None,
    trained_on: Annotated[str | None, typer.Option(help="Columns too: games,photos (default: the first).")] = None,
    scalings: Annotated[str | None, typer.Option(help="Blocks, as in full,x2-rcan (default: full).")] = None,
    variant: Annotated[list[str] | None, typer.Option(help="A variant beside the matrix, or instead of it.")] = None,
    crop: Annotated[list[str] | None, typer.Option(help="X,Y,WIDTH,HEIGHT; default: where FLIP is worst.")] = None,
    crop_side: Annotated[int, typer.Option(help="Side of the default crop in pixels.")] = _CROP_SIDE,
    width: Annotated[str, typer.Option(help=f"{', '.join(WIDTHS_IN)}: columns of a paper, or a slide.")] = "two",
    font: Annotated[str, typer.Option(help=f"{' or '.join(FONTS)}.")] = "sans",
    font_size: Annotated[float, typer.Option(help="In points.")] = 7.0,
    dpi: Annotated[int, typer.Option(help="Of the PNG.")] = 300,
    error_maps: Annotated[bool, typer.Option("--error-maps", help="A row of FLIP error maps below each.")] = False,
    bit_maps: Annotated[bool, typer.Option("--bit-maps", help="A row of bit maps below each.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the rows of the results table here.")] = None,
) -> None:
    """Draw crops of an image and of its variants in a grid: rows λ, columns distortion, blocks without and with SR.

    Without --variant, the matrix of the snapshots at hand; with --variant alone, those variants.

    Example: python -m synthcomp_core figure frame.png figure.pdf figure.tex --scalings full,x2-rcan --qualities 4,6,8
    """
    for path in out:
        if path.suffix.lower() not in {".tex", *(f".{name}" for name in FORMATS)}:
            raise SynthcompError(f"{path.name} is of no kind that a figure can be: use .png, .svg, .pdf or .tex.")
    style = FigureStyle(
        width=width, font=font, font_pt=font_size, dpi=dpi, error_maps=error_maps, bit_maps=bit_maps
    )  # fmt: skip
    extra = tuple(Variant.parse(text) for text in variant or ())
    axes = None
    if not extra or any(given is not None for given in (model, qualities, distortions, trained_on, scalings)):
        axes = _axes(model, qualities, distortions, trained_on, scalings or FULL)
    crops = tuple(Crop.parse(text) for text in crop or ())
    request = FigureRequest(image.as_posix(), axes, extra, crops, style)
    variants = requested_variants(request)
    reference = read_image(image)
    for wanted in crops:
        wanted.of(reference.image)
    cells = _cells(reference.image, variants, request, dataset=image.resolve().parent.name, name=image.name)
    if not crops:
        request = _with_worst_crop(request, reference.image, cells, crop_side)
    content = figure_content(reference.image, image.name, request, cells)
    for note in content_layout(content, style).notes:
        errors.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    command = figure_command(request, [path.as_posix() for path in out])
    drawn = next((path.name for path in out if path.suffix.lower() != ".tex"), f"{image.stem}-figure.pdf")
    for path in out:
        suffix = path.suffix.lower().removeprefix(".")
        if suffix == "tex":
            storage.write_text(path, latex_figure(content, request, drawn))
        else:
            storage.write_bytes(path, draw_figure(content, style, file_format=suffix, command=command))
        output.print(str(path), markup=False, highlight=False, soft_wrap=True)
    if csv is not None:
        storage.write_text(csv, rows_to_csv([cell.row for cell in cells]))
    output.print(command, markup=False, highlight=False, soft_wrap=True)


def _axes(
    model: str | None, qualities: str | None, distortions: str | None, trained_on: str | None, scalings: str
) -> MatrixAxes:
    """The axes asked for; what is not given is all that the snapshots have, of the training sets the first."""
    found = all_axes(model)
    chosen = MatrixAxes(
        found.model,
        _whole_numbers(qualities) if qualities is not None else found.qualities,
        _words(distortions) if distortions is not None else found.distortions,
        _words(trained_on) if trained_on is not None else found.trained_on[:1],
        _words(scalings),
    )
    for name, asked, known in (
        ("distortion", chosen.distortions, found.distortions),
        ("training set", chosen.trained_on, found.trained_on),
        ("quality", chosen.qualities, found.qualities),
    ):
        strays = [str(value) for value in asked if value not in known]
        if strays or not asked:
            at_hand = ", ".join(map(str, known))
            raise SynthcompError(
                f"No snapshot of {found.model} has the {name} {', '.join(strays)}; at hand: {at_hand}."
            )
    return chosen


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError:
        raise SynthcompError(f"--qualities takes whole numbers such as 4,6,8, not {text!r}.") from None


def _cells(
    reference: Image, variants: list[Variant], request: FigureRequest, *, dataset: str, name: str
) -> list[FigureCell]:
    from synthcomp_core.figures.paper.cells import render_cell

    cells = []
    for number, wanted in enumerate(variants, start=1):
        with progress_bar(f"{number} of {len(variants)}: {wanted}") as on_progress:
            cells.append(
                render_cell(reference, wanted, request.style, dataset=dataset, image_name=name, on_progress=on_progress)
            )
    return cells


def _with_worst_crop(
    request: FigureRequest, reference: Image, cells: list[FigureCell], crop_side: int
) -> FigureRequest:
    import dataclasses

    from synthcomp_core.figures.paper.cells import worst_crop

    return dataclasses.replace(request, crops=(worst_crop(reference, cells, crop_side),))
