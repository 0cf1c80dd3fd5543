"""The share verb: an image and what variants make of it, as one HTML page that opens anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core import storage
from synthcomp_core.cli.console import progress_bar, say
from synthcomp_core.cli.options import DEFAULT_MEGAPIXELS, Device, MaxMegapixels, PrecisionOption, read_noted
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.viewer.page import share_page
from synthcomp_core.figures.viewer.pictures import MAX_PICTURES, Picture, evaluated_pictures
from synthcomp_core.images import LoadedImage, png_bytes
from synthcomp_core.metrics import Reference
from synthcomp_core.variants import ERROR_MAP, Evaluation, Variant, evaluate

_MOST_VARIANTS = MAX_PICTURES - 1  # The original is an image, too.
_SUFFIXES = (".html", ".htm")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(share)


def share(
    image: Annotated[Path, typer.Argument(help="The reference image.")],
    variant: Annotated[list[str], typer.Option(help="Variant id, as in webp-q80; repeatable, at most 8 times.")],
    out: Annotated[Path, typer.Option(help="The page to write: .html.")],
    maps: Annotated[bool, typer.Option(help="Embed the FLIP error maps, and the bit maps of learned codecs.")] = True,
    precision: PrecisionOption = "auto",
    device: Device = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Write a page with the viewer, an image, what variants make of it (without loss), and the numbers.

    The page is one file. It opens in any browser, even from a disk, and needs no network.

    Example: python -m synthcomp_core share frame.png --variant webp-q40 --variant jxl-q40 --out frame.html
    """
    if out.suffix.lower() not in _SUFFIXES:
        raise SynthcompError(f"{out.name}: a page is written as .html.")
    if len(variant) > _MOST_VARIANTS:
        raise SynthcompError(f"{len(variant)} variants were given; a page holds at most {_MOST_VARIANTS}.")
    storage.check_outputs(image, out)
    variants = list(dict.fromkeys(Variant.parse(text) for text in variant))
    loaded = read_noted(image, max_megapixels)
    evaluations = _evaluations(
        loaded, variants, dataset=image.resolve().parent.name, precision=precision, device=device
    )
    height, width = loaded.image.shape[:2]
    original = Picture(
        "original", f"Original · {image.name}", png_bytes(loaded.image), width, height, f"{width}x{height}"
    )
    pictures, overlays = evaluated_pictures(evaluations)
    rows = {picture.key: made.row for picture, made in zip(pictures, evaluations, strict=True)}
    page = share_page([original, *pictures], title=image.name, overlays=overlays if maps else (), rows=rows)
    storage.write_bytes(out, page)
    say(f"{out}: {len(page):,} bytes")


def _evaluations(
    loaded: LoadedImage, variants: Sequence[Variant], *, dataset: str, precision: str, device: str | None
) -> list[Evaluation]:
    evaluations, reference = [], Reference(loaded.image)
    for number, wanted in enumerate(variants, start=1):
        with progress_bar(f"{number} of {len(variants)}: {wanted}") as on_progress:
            evaluation = evaluate(
                loaded.image,
                wanted,
                dataset=dataset,
                image_name=loaded.name,
                want=(ERROR_MAP,),
                reference=reference,
                precision=precision,
                device=device,
                on_progress=on_progress,
            )
        evaluations.append(evaluation)
    return evaluations
