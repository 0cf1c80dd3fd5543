"""The figure verb: crops of an image and of its variants as a figure for a publication."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core import storage
from synthcomp_core.cli.console import progress_bar, say, warn
from synthcomp_core.cli.options import DEFAULT_MEGAPIXELS, read_noted, renderings_read
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.cells import default_crop, figure_cell
from synthcomp_core.figures.paper.drawing import FORMATS, Crop, FigureContent, content_layout, draw_figure
from synthcomp_core.figures.paper.layout import FONTS, WIDTHS_IN, FigureStyle
from synthcomp_core.figures.paper.request import (
    FigureRequest,
    figure_command,
    figure_content,
    latex_figure,
    requested_variants,
)
from synthcomp_core.images import Image
from synthcomp_core.metrics import Reference
from synthcomp_core.results.rows import rows_to_csv
from synthcomp_core.variants import Evaluation, Variant, evaluate
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
    qualities: Annotated[str | None, typer.Option(help="Rows, as in 4,6,8 (default: all installed).")] = None,
    distortions: Annotated[str | None, typer.Option(help="Columns: mse,msssim (default: all installed).")] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="More columns: training sets, as in games,photos (default: the first).")
    ] = None,
    scalings: Annotated[str | None, typer.Option(help="Blocks, as in full,x2-rcan (default: full).")] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="A variant beside the matrix, or instead of it; repeatable.")
    ] = None,
    crop: Annotated[
        list[str] | None, typer.Option(help="X,Y,WIDTH,HEIGHT; repeatable (default: where FLIP is worst).")
    ] = None,
    crop_side: Annotated[
        int | None, typer.Option(help=f"Side of the default crop in pixels (default: {_CROP_SIDE}).")
    ] = None,
    width: Annotated[str, typer.Option(help=f"{', '.join(WIDTHS_IN)}: columns of a paper, or a slide.")] = "two",
    font: Annotated[str, typer.Option(help=f"{' or '.join(FONTS)}.")] = "sans",
    font_size: Annotated[float, typer.Option(help="In points.")] = 7.0,
    dpi: Annotated[int, typer.Option(help="Of the PNG.")] = 300,
    error_maps: Annotated[bool, typer.Option("--error-maps", help="Add a row of FLIP error maps to each row.")] = False,
    bit_maps: Annotated[bool, typer.Option("--bit-maps", help="Add a row of bit maps to each row.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the rows of the results table to this file.")] = None,
) -> None:
    """Draw crops of an image and of its variants in a grid: rows λ, columns distortion, blocks without and with SR.

    Without --variant, the figure shows the matrix of the installed snapshots; with --variant alone, only those.

    Example: python -m synthcomp_core figure frame.png figure.pdf figure.tex --scalings full,x2-rcan --qualities 4,6,8
    """
    for path in out:
        if path.suffix.lower() not in {".tex", *(f".{name}" for name in FORMATS)}:
            raise SynthcompError(f"{path.name}: a figure is written as .png, .svg, .pdf or .tex.")
    if crop and crop_side is not None:
        raise SynthcompError("--crop-side is for the default crop; leave it out with --crop.")
    style = FigureStyle(
        width=width, font=font, font_pt=font_size, dpi=dpi, error_maps=error_maps, bit_maps=bit_maps
    )  # fmt: skip
    extra = tuple(Variant.parse(text) for text in variant or ())
    axes = None
    if not extra or any(given is not None for given in (model, qualities, distortions, trained_on, scalings)):
        axes = _axes(model, qualities, distortions, trained_on, scalings or FULL)
    request = FigureRequest(image.as_posix(), axes, extra, tuple(Crop.parse(text) for text in crop or ()), style)
    variants = requested_variants(request)
    storage.check_outputs([image, *renderings_read(variants)], *out, csv)
    reference = read_noted(image, DEFAULT_MEGAPIXELS).image
    for wanted in request.crops:
        wanted.of(reference)
    evaluations = _evaluations(reference, variants, dataset=image.resolve().parent.name, name=image.name)
    content = _content(reference, image.name, request, evaluations, _CROP_SIDE if crop_side is None else crop_side)
    for note in content_layout(content, style).notes:
        warn(note)
    _write_figure(out, content, dataclasses.replace(request, crops=content.crops))
    if csv is not None:
        storage.write_text(csv, rows_to_csv([evaluation.row for evaluation in evaluations]))


def _content(
    reference: Image, name: str, request: FigureRequest, evaluations: Sequence[Evaluation], crop_side: int
) -> FigureContent:
    """The figure's content; without crops in the request, with one where the error is highest."""
    if not request.crops:
        maps = [evaluation.error_map for evaluation in evaluations if evaluation.error_map is not None]
        request = dataclasses.replace(request, crops=(default_crop(maps, crop_side),))
    return figure_content(
        reference, name, request, [figure_cell(evaluation, request.style) for evaluation in evaluations]
    )


def _evaluations(image: Image, variants: Sequence[Variant], *, dataset: str, name: str) -> list[Evaluation]:
    evaluations, reference = [], Reference(image)
    for number, wanted in enumerate(variants, start=1):
        with progress_bar(f"{number} of {len(variants)}: {wanted}") as on_progress:
            evaluation = evaluate(
                image, wanted, dataset=dataset, image_name=name, reference=reference, on_progress=on_progress
            )
        evaluations.append(evaluation)
    return evaluations


def _write_figure(out: Sequence[Path], content: FigureContent, request: FigureRequest) -> None:
    """Write the files, and print their names and the command that makes them again."""
    command = figure_command(request, [path.as_posix() for path in out])
    stem = Path(content.name).stem
    drawn = next((path.name for path in out if path.suffix.lower() != ".tex"), f"{stem}-figure.pdf")
    for path in out:
        suffix = path.suffix.lower().removeprefix(".")
        if suffix == "tex":
            storage.write_text(path, latex_figure(content, request, drawn))
        else:
            storage.write_bytes(path, draw_figure(content, request.style, file_format=suffix, command=command))
        say(str(path))
    say(command)


def _axes(
    model: str | None, qualities: str | None, distortions: str | None, trained_on: str | None, scalings: str
) -> MatrixAxes:
    """The axes asked for; by default all values that the snapshots have, but only the first training set."""
    found = all_axes(model)
    chosen = MatrixAxes(
        found.model,
        _whole_numbers(qualities) if qualities is not None else found.qualities,
        _words(distortions) if distortions is not None else found.distortions,
        _words(trained_on) if trained_on is not None else found.trained_on[:1],
        _words(scalings),
    )
    for option, chosen_values in (
        ("qualities", chosen.qualities),
        ("distortions", chosen.distortions),
        ("trained-on", chosen.trained_on),
        ("scalings", chosen.scalings),
    ):
        if not chosen_values:
            raise SynthcompError(f"--{option} names no value; give one or more, separated by commas, or leave it out.")
    for name, asked, known in (
        ("distortion", chosen.distortions, found.distortions),
        ("training set", chosen.trained_on, found.trained_on),
        ("quality", chosen.qualities, found.qualities),
    ):
        strays = [str(value) for value in asked if value not in known]
        if strays:
            installed = ", ".join(map(str, known))
            raise SynthcompError(
                f"No snapshot of {found.model} has the {name} {', '.join(strays)}; installed: {installed}."
            )
    return chosen


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError:
        raise SynthcompError(f"--qualities takes whole numbers such as 4,6,8, not {text!r}.") from None
