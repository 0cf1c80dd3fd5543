"""The verbs `upscale` and `fsr`: one image to another size, and the FSR benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core import limits, storage
from synthcomp_core.cli.console import fail, output, print_table, progress_bar, say, warn
from synthcomp_core.cli.folders import upscale_folder
from synthcomp_core.cli.options import (
    DEFAULT_MEGAPIXELS,
    Device,
    MaxMegapixels,
    PrecisionOption,
    parse_size,
    pixel_limit,
    read_noted,
)
from synthcomp_core.errors import ImageError, SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.metrics import SHOWN_METRICS, Reference
from synthcomp_core.results.fsr_tables import fsr_csv, fsr_markdown, mean_columns, row_columns, sharpness_columns
from synthcomp_core.results.text_tables import Row, TableColumn
from synthcomp_core.upscalers import fsr_benchmark, mode_size, parse_upscaler, upscaling_note
from synthcomp_core.upscalers.alpha import upscale_with_alpha
from synthcomp_core.upscalers.fsr_samples import open_samples
from synthcomp_core.variants.adoption import sample_sets
from synthcomp_core.variants.variant import MAX_SCALE


def register(app: typer.Typer) -> None:
    """Add these verbs to the command line."""
    app.command()(upscale)
    app.command()(fsr)


def upscale(
    image: Annotated[Path, typer.Argument(help="The image to enlarge, or a folder of images.")],
    out: Annotated[Path, typer.Argument(help="The PNG to write; for a folder, a folder.")],
    method: Annotated[str, typer.Option(help="Upscaler id, as in fsr1, rcan or lanczos; `list` shows them.")] = "fsr1",
    scale: Annotated[float | None, typer.Option(help="Enlargement per side, as in 2 or 1.5.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Size of the output, as in 1920x1080.")] = None,
    sharpness: Annotated[
        str | None,
        typer.Option(metavar="STOPS|off", help="Of fsr1: 0 (sharpest) to 2 stops, or off. Of nis: 0 to 1 (sharpest)."),
    ] = None,
    precision: PrecisionOption = "auto",
    device: Device = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Enlarge an image, with its transparency, by FSR 1, NVIDIA Image Scaling, Snapdragon GSR 1, RCAN or interpolation.

    A folder goes through the batch runner: call it again, and it does only what is missing.

    Example: python -m synthcomp_core upscale frame.png large.png --method fsr1 --scale 1.5 --sharpness 0.2
    """
    upscaler_id = _with_sharpness(method, sharpness)
    if (scale is None) == (size is None):
        raise SynthcompError("Give either --scale, as in --scale 1.5, or --size, as in --size 1920x1080.")
    if storage.is_folder(image):
        if scale is None:
            raise SynthcompError("The images of a folder differ in size: give --scale, as in --scale 1.5.")
        upscale_folder(
            *(image, out, upscaler_id, scale), precision=precision, device=device, max_megapixels=max_megapixels
        )
        return
    storage.check_outputs(image, out)
    loaded = read_noted(image, max_megapixels, keep_alpha=True)
    height, width = loaded.image.shape[:2]
    target = _target_size(width, height, scale, size)
    factor = max(target[0] / width, target[1] / height)
    upscaler = parse_upscaler(upscaler_id, scale=factor, precision=precision, device=device)
    if note := upscaling_note(upscaler_id, (width, height), target):
        warn(note)
    with progress_bar("upscale") as on_progress:
        if loaded.alpha is None:
            enlarged, alpha = upscaler.upscale(loaded.image, target, on_progress=on_progress), None
        else:
            enlarged, alpha = upscale_with_alpha(upscaler, loaded.image, loaded.alpha, target, on_progress=on_progress)
    write_png(enlarged, out, alpha=alpha)
    say(f"{out}: {target[0]}x{target[1]} from {width}x{height}, {upscaler.id}")


def fsr(
    source: Annotated[
        Path, typer.Argument(help="A folder, zip or adopted set of FSR samples, or an image to downscale here.")
    ],
    csv: Annotated[Path | None, typer.Option(help="Also write the rows here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write the table of means here.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Upscaler to compare on an image; repeat it for more.")
    ] = None,
    curve: Annotated[
        float | None,
        typer.Option(metavar="SCALE", help="For an image: also print the metrics over sharpness at this scale."),
    ] = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Compare FSR 1's modes, sharpened and not, NIS, GSR 1, RCAN and interpolation with native images.

    A folder holds 1-native.png, 1-q2.png .. 1-q5.png (2x, 1.7x, 1.5x, 1.3x), 1-q2-sharpened.png .., 1-native_x2_SR.png.
    Exits with 1 when any of its files is missing or cannot be measured.

    Example: python -m synthcomp_core fsr fsr-samples --csv fsr.csv
    """
    if not storage.exists(source):
        source = sample_sets().get(str(source), source)
    holds_samples = source.is_dir() or source.suffix.lower() == ".zip"
    for option, is_given in (("method", bool(method)), ("curve", curve is not None)):
        if holds_samples and is_given:
            raise SynthcompError(
                f"--{option} needs an image to downscale; {storage.own_name(source)} holds samples, so leave it out."
            )
    if curve is not None and not 1 < curve <= MAX_SCALE:
        raise SynthcompError(f"--curve is {curve:g}; the scale must be above 1 and at most {MAX_SCALE:g}.")
    reference: Reference | None = None
    if holds_samples:
        samples = open_samples(source, max_pixels=pixel_limit(max_megapixels))
        storage.check_outputs([source, *samples.paths()], csv, markdown)
        with progress_bar("fsr") as on_progress:
            table = fsr_benchmark.evaluate_samples(samples, on_progress=on_progress)
        _print_titled(table.source, row_columns(table.measured, with_error=False), table.rows)
    else:
        storage.check_outputs(source, csv, markdown)
        loaded = read_noted(source, max_megapixels)
        reference = Reference(loaded.image)
        with progress_bar("fsr") as on_progress:
            table = fsr_benchmark.evaluate_image(
                loaded.image, loaded.name, upscaler_ids=method, reference=reference, on_progress=on_progress
            )
    title = f"{table.source}, means over images, the best at each scale in bold"
    _print_titled(title, mean_columns(table.measured), table.means())
    if reference is not None and curve is not None:
        _print_curve(reference, curve, SHOWN_METRICS)
    for row in table.errors:
        fail(f"{row.error}")
    say(table.verdict())
    if csv is not None:
        storage.write_text(csv, fsr_csv(table))
    if markdown is not None:
        storage.write_text(markdown, fsr_markdown(table))
    if table.errors:
        raise typer.Exit(1)


def _with_sharpness(method: str, sharpness: str | None) -> str:
    if sharpness is None:
        return method
    if method not in ("fsr1", "nis"):
        raise SynthcompError(f"--sharpness is for fsr1 and nis; {method} has no such setting.")
    if sharpness == "off":
        return "fsr1_off" if method == "fsr1" else "nis_s0"
    try:
        stops = float(sharpness)
    except ValueError:
        stops = math.nan
    if not (math.isfinite(stops) and stops >= 0):
        raise SynthcompError(f"Sharpness {sharpness!r} is neither a number (fsr1: stops from 0; nis: 0 to 1) nor off.")
    return f"{method}_s{stops:.6f}".rstrip("0").rstrip(".")


def _target_size(width: int, height: int, scale: float | None, size: str | None) -> tuple[int, int]:
    if scale is not None:
        if not 0 < scale < math.inf:
            raise SynthcompError(f"The scale is {scale:g}; it must be above 0.")
        target = mode_size(width, height, scale)
    else:
        target = parse_size(size or "")
    if target[0] * target[1] > limits.UPSCALED_PIXELS:
        raise ImageError(
            f"{target[0]} x {target[1]} is more than an output may have, {limits.UPSCALED_PIXELS / 1e6:g} megapixels."
        )
    return target


def _print_curve(reference: Reference, scale: float, metrics: tuple[str, ...]) -> None:
    with progress_bar("sharpness") as on_progress:
        curve = fsr_benchmark.sharpness_curve(
            reference.image, scale=scale, metrics=metrics, reference=reference, on_progress=on_progress
        )
    columns = sharpness_columns(curve, metrics)
    _print_titled(f"FSR 1 at {scale:g}x over sharpness, the best in bold", columns, curve.points)


def _print_titled(title: str, columns: Sequence[TableColumn[Row]], rows: Sequence[Row]) -> None:
    say(title)
    print_table(columns, rows)
    output.print()
