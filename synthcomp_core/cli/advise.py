"""The verb `advise`: how to ship an image, or a folder of images, under a constraint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcomp_core.cli.console import output, print_json, print_table, progress_bar, say
from synthcomp_core.cli.folders import WorkerCount, this_command
from synthcomp_core.cli.options import (
    DEFAULT_MEGAPIXELS,
    AsJson,
    MaxMegapixels,
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
)
from synthcomp_core.errors import SynthcompError
from synthcomp_core.metrics import Reference
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.variants.candidates import (
    ADVICE_METRICS,
    DEFAULT_SCALES,
    DEFAULT_UPSCALERS,
    candidates,
    rows_for_image,
)

if TYPE_CHECKING:
    from synthcomp_core.results.rows import ResultRow
    from synthcomp_core.variants.advice import Advice, Option
    from synthcomp_core.variants.variant import Variant


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(advise)


def advise(
    images: Annotated[Path, typer.Argument(metavar="IMAGE_OR_FOLDER", help="An image, a folder or a data set.")],
    target_bytes: TargetBytes = None,
    target_bpp: TargetBpp = None,
    target_psnr: TargetPsnr = None,
    target_msssim: TargetMsssim = None,
    target_ssimulacra2: TargetSsimulacra2 = None,
    target_flip: TargetFlip = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Codec family, as in webp or a snapshot's id; repeatable (default: all).")
    ] = None,
    scale: Annotated[
        list[float] | None,
        typer.Option(help="Side of the original divided by the coded side; repeatable (default: 1 and 2)."),
    ] = None,
    upscaler: Annotated[
        list[str] | None, typer.Option(help="For lower resolutions; repeatable (default: lanczos).")
    ] = None,
    max_encode_s: Annotated[float | None, typer.Option(help="Leave out what takes longer than this to encode.")] = None,
    workers: WorkerCount = None,
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
    json: AsJson = False,
) -> None:
    """Say which codec to take, at which quality and resolution, under one constraint on size or quality.

    Every codec's quality is searched for. At a size, the answer is the best codec for each metric; at a quality, the
    one that needs the fewest bytes. For a folder, the answer comes with an interval over the images, and the search
    goes through the batch runner: call it again, and it does only what is missing.

    Example: python -m synthcomp_core advise frame.png --target-bytes 100k
    Example: python -m synthcomp_core advise frames --target-ssimulacra2 70 --family webp --family avif --json
    """
    from synthcomp_core.variants.advice import advice, ladder

    amount = None if target_bytes is None else parse_amount(target_bytes)
    given = {"bytes": amount, "bpp": target_bpp, "psnr": target_psnr, "msssim": target_msssim}
    target = chosen_target({**given, "ssimulacra2_": target_ssimulacra2, "flip": target_flip})
    if target is None:
        raise SynthcompError("Give one constraint, such as --target-bytes 100k or --target-ssimulacra2 70.")
    if max_encode_s is not None and not max_encode_s > 0:
        raise SynthcompError(f"--max-encode-s is {max_encode_s:g}; expected a number above 0.")
    scales = scale or DEFAULT_SCALES
    variants = candidates(target, families=family, scales=scales, upscalers=_upscalers(upscaler, scales))

    reference = _reference(images, workers, max_megapixels)
    noted: set[tuple[str, int]] = set()

    def measured(variants: Sequence[Variant], metrics: Sequence[str]) -> list[ResultRow]:
        if reference is None:
            return _rows_of_folder(images, variants, metrics, workers, max_megapixels, noted)
        return _rows_of_image(images, reference, variants, metrics)

    rows = measured(variants, ADVICE_METRICS)
    found = advice(rows, target, max_encode_s=max_encode_s)
    if (more := ladder(found, rows)).variants:
        found = advice(rows, target, max_encode_s=max_encode_s, ladder_rows=measured(more.variants, (more.metric,)))
    if json:
        print_json(_plain(found))
    else:
        _print(found)


def _upscalers(asked: Sequence[str] | None, scales: Sequence[float]) -> Sequence[str]:
    """The upscalers to try; SynthcompError for one that does not exist, or if no scale needs those asked for."""
    if asked and max(scales) == 1:
        raise SynthcompError("--upscaler is for lower resolutions; leave it out, or add a --scale above 1.")
    upscalers = asked or DEFAULT_UPSCALERS
    for upscaler_id in upscalers:
        parse_upscaler(upscaler_id)
    return upscalers


def _reference(images: Path, workers: int | None, max_megapixels: float) -> Reference | None:
    """The image to advise on; None for a folder or data set."""
    from synthcomp_core.batch.folder_plan import names_images

    if names_images(images):
        return None
    if workers is not None:
        raise SynthcompError(f"--workers is for a folder of images; leave it out for {images.name}.")
    return Reference(read_noted(images, max_megapixels).image)


def _rows_of_image(
    path: Path, reference: Reference, variants: Sequence[Variant], metrics: Sequence[str]
) -> list[ResultRow]:
    with progress_bar("advise") as on_progress:
        return rows_for_image(
            *(reference.image, variants), dataset=path.resolve().parent.name, image_name=path.name, metrics=metrics,
            reference=reference, on_progress=on_progress,
        )  # fmt: skip


def _rows_of_folder(
    folder: Path, variants: Sequence[Variant], metrics: Sequence[str], workers: int | None, max_megapixels: float,
    noted: set[tuple[str, int]],
) -> list[ResultRow]:  # fmt: skip
    """The rows of a run of these variants; noted: what was said of its images, and is not said again."""
    from synthcomp_core.batch.cluster import Workers
    from synthcomp_core.batch.folder_plan import folder_plan
    from synthcomp_core.cli.runs import carry_out, show_notes
    from synthcomp_core.results.table import read_results, table_rows

    plan = folder_plan(
        folder, [str(variant) for variant in variants], purpose="advise", metrics=metrics,
        max_pixels=pixel_limit(max_megapixels),
    )  # fmt: skip
    outcome = carry_out(plan, Workers(workers), None, command=this_command(), quiet=True)
    show_notes([note for note in outcome.notes if note not in noted])
    noted.update(outcome.notes)
    if outcome.interrupted:
        raise SynthcompError("Interrupted before every image was tried; call it again to resume from here.")
    return table_rows(read_results(outcome.results))


def _print(found: Advice) -> None:
    from synthcomp_core.variants.advice_table import advice_columns

    for sentence in found.sentences:
        say(sentence)
    output.print()
    print_table(advice_columns(found, mark="*"), found.options)
    say("* on the Pareto front: no other is better in one respect and worse in none.")
    best = found.verdicts[-1].winner.variant
    say(f"To make it: synthcomp render IMAGE out.png --variant {best}")
    for sentence in found.left_out:
        say(f"Left out: {sentence}")


def _plain(found: Advice) -> dict[str, Any]:
    """The advice as JSON: variants by their ids."""

    def described(option: Option) -> dict[str, Any]:
        return {**dataclasses.asdict(option), "variant": str(option.variant)}

    return {
        "target": str(found.target),
        "images": found.images,
        "verdicts": [
            {
                **dataclasses.asdict(verdict),
                "winner": str(verdict.winner.variant),
                "runner_up": None if verdict.runner_up is None else str(verdict.runner_up.variant),
                "is_sure": verdict.is_sure,
            }
            for verdict in found.verdicts
        ],
        "options": [described(option) for option in found.options],
        "scaling": found.scaling,
        "crossover": None if found.crossover is None else dataclasses.asdict(found.crossover),
        "front": [str(option.variant) for option in found.front],
        "left_out": list(found.left_out),
    }
