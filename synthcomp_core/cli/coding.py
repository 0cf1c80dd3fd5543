"""The verbs that code and measure one image: list, encode, decode, render, measure, bitstream show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from synthcomp_core import codecs, limits, metrics, storage, upscalers
from synthcomp_core.cli.console import cell, errors, output, print_json, print_record, progress_bar, say, warn
from synthcomp_core.cli.folders import encode_folder
from synthcomp_core.cli.options import (
    DEFAULT_MEGAPIXELS,
    AsJson,
    Device,
    MaxMegapixels,
    PrecisionOption,
    TargetBpp,
    TargetBytes,
    TargetFlip,
    TargetMsssim,
    TargetPsnr,
    TargetSsimulacra2,
    chosen_target,
    parse_amount,
    pixel_limit,
    read_noted,
    renderings_read,
)
from synthcomp_core.codecs.ids import LEARNED_OPTIONS
from synthcomp_core.codecs.options import forms
from synthcomp_core.errors import BitstreamError, SynthcompError, reason_of
from synthcomp_core.images import write_png
from synthcomp_core.library.renderings import is_files, list_renderings
from synthcomp_core.library.snapshots import installed_ids, survey_snapshots
from synthcomp_core.progress import counted
from synthcomp_core.results.rows import rows_to_csv
from synthcomp_core.variants import Variant, aiming_id, evaluate, match_target
from synthcomp_core.variants.timing import MAX_REPEATS, time_variant

bitstream_app = typer.Typer(help="Look into a .scb bitstream.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these verbs to the command line."""
    app.command("list")(list_)
    app.command()(encode)
    app.command()(decode)
    app.command("render")(render_)
    app.command()(measure)
    app.add_typer(bitstream_app, name="bitstream")


def list_() -> None:
    """List codecs, snapshots, renderings made elsewhere, upscalers and metrics.

    Example: python -m synthcomp_core list
    """
    classical = Table(
        "codec", "quality", "encoder", "options", title="Classical codecs", title_justify="left", box=None
    )
    for family in codecs.list_families():
        name = family.name if family.qualities is None else f"{family.name}-qN"
        span = "lossless" if family.qualities is None else f"{family.qualities[0]}..{family.qualities[-1]}"
        steps = "" if family.quality_step == 1 else f", by {family.quality_step:g}"
        classical.add_row(name, span + steps, family.encoder, forms(family.options))
    learned = Table(
        "snapshot",
        "architecture",
        "N",
        "M",
        "distortion",
        "trained on",
        title=f"Learned codecs; options: {forms(LEARNED_OPTIONS)}",
        title_justify="left",
        box=None,
    )
    for card in codecs.list_learned():
        learned.add_row(
            card.id,
            cell(card.architecture),
            str(card.N or ""),
            str(card.M or ""),
            card.distortion or "",
            cell(card.trained_on or ""),
        )
    enlarging = Table("upscaler", "what it is", title="Upscalers", title_justify="left", box=None)
    for upscaler in upscalers.list_upscalers():
        enlarging.add_row(upscaler.id, cell(upscaler.label))
    measures = Table("metric", "unit", "better", title="Metrics", title_justify="left", box=None)
    for info in metrics.METRICS.values():
        measures.add_row(info.name, info.unit, "higher" if info.higher_is_better else "lower")
    rendered = Table("variant", "images in", title="Renderings made elsewhere", title_justify="left", box=None)
    for one in list_renderings():
        rendered.add_row(one.id, cell(str(one.folder.resolve())))
    for table in (classical, learned, *([rendered] if rendered.rows else []), enlarging, measures):
        output.print(table)
        output.print()
    for problem in survey_snapshots().problems:
        warn(f"Left out: {problem}")
    if not learned.rows:
        say(f"Snapshots: {installed_ids()}.")


def encode(
    image: Annotated[Path, typer.Argument(help="The image to encode, or a folder of images.")],
    out: Annotated[Path, typer.Argument(help="The bitstream to write; for a folder, a folder.")],
    codec: Annotated[
        str, typer.Option(help="Codec id, as in webp-q80, avif-q60+444 or mbt2018-q4-mse-games; `list` shows them.")
    ],
    target_bytes: TargetBytes = None,
    target_bpp: TargetBpp = None,
    target_psnr: TargetPsnr = None,
    target_msssim: TargetMsssim = None,
    target_ssimulacra2: TargetSsimulacra2 = None,
    target_flip: TargetFlip = None,
    precision: PrecisionOption = "auto",
    device: Device = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Encode an image into a bitstream, at the quality that the codec id names or at the one that meets a target.

    With a target, the codec may be a bare family (webp) or any of its ids; of a snapshot, those that differ in quality
    alone are tried. A folder goes through the batch runner: call it again, and it does only what is missing.

    Example: python -m synthcomp_core encode frame.png frame.scb --codec mbt2018-q4-mse-games
    Example: python -m synthcomp_core encode frame.png frame.webp --codec webp --target-bytes 100k
    Example: python -m synthcomp_core encode frames coded --codec avif-q60
    """
    given = {
        "bytes": None if target_bytes is None else parse_amount(target_bytes),
        **{"bpp": target_bpp, "psnr": target_psnr, "msssim": target_msssim},
        **{"ssimulacra2_": target_ssimulacra2, "flip": target_flip},
    }
    target, variant, reached = chosen_target(given), Variant(codec), ""
    if is_files(codec):
        raise SynthcompError(f"{codec} was made elsewhere and has no bitstream to write; name a codec, as in webp-q80.")
    is_aiming = target is not None or variant.codec_id.target is not None
    if storage.is_folder(image):
        # An id may hold a target in place of its quality, and so may a plan.
        aimed = codec if target is None else str(aiming_id(codec, target))
        encode_folder(image, out, aimed, precision=precision, device=device, max_megapixels=max_megapixels)
        return
    storage.check_outputs(image, out)
    if not is_aiming:
        codecs.parse_codec(codec, precision=precision, device=device)  # Fails before the image is read.
    loaded = read_noted(image, max_megapixels)
    height, width = loaded.image.shape[:2]
    with progress_bar("encode") as on_progress:
        if is_aiming:
            match = match_target(
                *(loaded.image, variant, target), precision=precision, device=device, on_progress=on_progress
            )
            codec, reached, bitstream = match.variant.codec, f"; {match}", match.coded.encoding.bitstream
        else:
            coder = codecs.parse_codec(codec, precision=precision, device=device)
            bitstream = coder.encode(loaded.image, on_progress=on_progress)
    storage.write_bytes(out, bitstream)
    num_bytes = codecs.rate_bytes(codec, bitstream)
    bpp = metrics.bits_per_pixel(num_bytes, width, height)
    say(f"{out}: {num_bytes:,} bytes, {bpp:.4f} bpp, {width}x{height}, {codec}{reached}")


def decode(
    bitstream: Annotated[
        Path, typer.Argument(help="A bitstream: .scb, JPEG, WebP, AVIF, JPEG XL, JPEG 2000, PNG, PPM.")
    ],
    out: Annotated[Path, typer.Argument(help="The PNG to write.")],
    precision: PrecisionOption = "auto",
    device: Device = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Decode a bitstream into a PNG; a .scb names its own snapshot, so no option is needed.

    Example: python -m synthcomp_core decode frame.scb frame.png
    """
    storage.check_outputs(bitstream, out)
    content = _read_bitstream(bitstream)
    with progress_bar("decode") as on_progress:
        image = codecs.decode(
            content, precision=precision, device=device, max_pixels=pixel_limit(max_megapixels), on_progress=on_progress
        )
    write_png(image, out)
    say(f"{out}: {image.shape[1]}x{image.shape[0]}")


def render_(
    image: Annotated[Path, typer.Argument(help="The reference image.")],
    out: Annotated[Path, typer.Argument(help="The PNG to write: the variant's final image.")],
    variant: Annotated[str, typer.Option(help="Variant id, as in webp-q80 or mbt2018-q4-mse-games@x2-bicubic.")],
    bitstream: Annotated[Path | None, typer.Option(help="Also write the bitstream here.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the row of the results table here.")] = None,
    repeats: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_REPEATS, help="Time it: seconds are medians of this many more runs, after one to warm up."
        ),
    ] = 0,
    precision: PrecisionOption = "auto",
    device: Device = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
    json: AsJson = False,
) -> None:
    """Send an image through a variant (downscale, encode, decode, upscale), measure it, and keep what is asked for.

    The seconds are those of a single run, with everything cold, unless --repeats asks for medians.

    Example: python -m synthcomp_core render frame.png out.png --variant webp-q80 --bitstream out.webp --csv row.csv
    """
    parsed = Variant.parse(variant)
    if is_files(parsed.codec):
        _check_made_elsewhere(variant, bitstream, repeats)
    storage.check_outputs([image, *renderings_read([parsed])], out, bitstream, csv)
    loaded = read_noted(image, max_megapixels)
    with progress_bar("render") as on_progress:
        evaluation = evaluate(
            loaded.image,
            parsed,
            dataset=image.resolve().parent.name,
            image_name=image.name,
            precision=precision,
            device=device,
            on_progress=on_progress,
        )
    row, rendering = evaluation.row, evaluation.rendering
    if repeats:
        with progress_bar("time") as on_progress:
            timing = time_variant(
                *(loaded.image, rendering.settled),
                repeats=repeats,
                precision=precision,
                device=device,
                on_progress=on_progress,
            )
        row = dataclasses.replace(row, encode_s=timing.encode_s, decode_s=timing.decode_s, upscale_s=timing.upscale_s)
        spread = f"encoding took {timing.fastest_encode_s:.4g} to {timing.slowest_encode_s:.4g} s"
        errors.print(f"Seconds are medians of {counted(repeats, 'run')}; {spread}.", highlight=False, soft_wrap=True)
    write_png(rendering.image, out)
    if bitstream is not None:
        storage.write_bytes(bitstream, rendering.bitstream)
    if csv is not None:
        storage.write_text(csv, rows_to_csv([row]))
    if json:
        print_json(row)
    else:
        print_record(row)


def _check_made_elsewhere(variant: str, bitstream: Path | None, repeats: int) -> None:
    """SynthcompError for what cannot be had of renderings made elsewhere."""
    if bitstream is not None:
        raise SynthcompError(f"{variant} was made elsewhere and has no bitstream to write; leave out --bitstream.")
    if repeats:
        raise SynthcompError(f"{variant} was made elsewhere and cannot be timed; leave out --repeats.")


def measure(
    reference: Annotated[Path, typer.Argument(help="The reference image.")],
    image: Annotated[Path, typer.Argument(help="The image to measure; it must have the reference's size.")],
    shave: Annotated[
        int | None,
        typer.Option(min=0, help="Leave out this many pixels on each side, and measure only the luma metrics."),
    ] = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
    json: AsJson = False,
) -> None:
    """Measure an image against a reference: PSNR, SSIM, MS-SSIM, FLIP, SSIMULACRA2.

    With --shave, measure PSNR, SSIM and MS-SSIM of luma without a border, as papers on super-resolution do; they shave
    as many pixels as the upscaling factor.

    Example: python -m synthcomp_core measure frame.png decoded.png --json
    Example: python -m synthcomp_core measure frame.png upscaled.png --shave 2
    """
    first, second = (read_noted(path, max_megapixels).image for path in (reference, image))
    height, width = first.shape[:2]
    names = metrics.DEFAULT_METRICS if shave is None else metrics.LUMA_METRICS
    with progress_bar("measure") as on_progress:
        metrics.check_pair(first, second)
        if shave is not None:
            first, second = metrics.shaved(first, shave), metrics.shaved(second, shave)
        measured = dataclasses.asdict(metrics.measure(first, second, metrics=names, on_progress=on_progress))
    values = {name: measured[name] for name in names}
    if json:
        border = {} if shave is None else {"shave": shave}
        about = {"reference": str(reference), "image": str(image), "width": width, "height": height}
        print_json({**about, **border, **values})
        return
    title = None if shave is None else f"without {counted(shave, 'pixel')} on each side"
    table = Table("metric", "value", "unit", "better", title=title, title_justify="left", box=None)
    for name, value in values.items():
        info = metrics.METRICS[name]
        shown = "not measured" if value is None else f"{value:.{info.decimals}f}"
        table.add_row(info.label, shown, info.unit, "higher" if info.higher_is_better else "lower")
    output.print(table)


@bitstream_app.command("show")
def bitstream_show(
    file: Annotated[Path, typer.Argument(help="A .scb bitstream.")],
    verify: Annotated[bool, typer.Option("--verify", help="Decode the latents and print their SHA-256.")] = False,
    json: AsJson = False,
) -> None:
    """Print a .scb bitstream's header, sections and snapshot.

    Example: python -m synthcomp_core bitstream show frame.scb --verify
    """
    from synthcomp_core.codecs import learned

    content = _read_bitstream(file)
    record = dataclasses.asdict(learned.describe_bitstream(content))
    if verify:
        with progress_bar("decode latents") as on_progress:
            record["latents_sha256"] = learned.latents_sha256(content, on_progress=on_progress)
    if json:
        print_json(record)
    else:
        print_record(record)


def _read_bitstream(path: Path) -> bytes:
    try:
        return storage.read_file(path, max_bytes=limits.BITSTREAM_BYTES)
    except FileNotFoundError:
        raise BitstreamError(f"There is no bitstream file {path}.") from None
    except OSError as error:
        raise BitstreamError(f"{path} cannot be read as a bitstream: {reason_of(error)}.") from error
