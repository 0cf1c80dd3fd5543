"""A folder instead of one image: the verb `evaluate`, and what `encode` and `upscale` do with a folder.

All go through the batch runner, so that a second call does only what is missing.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.folder_plan import folder_plan
from synthcomp_core.cli.console import print_table, say
from synthcomp_core.cli.options import DEFAULT_MEGAPIXELS, MaxMegapixels, PrecisionOption, pixel_limit, renderings_read
from synthcomp_core.cli.runs import carry_out, end_run
from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import images_below
from synthcomp_core.metrics import DEFAULT_METRICS, METRICS, SHOWN_METRICS
from synthcomp_core.metrics.means import mean_cell
from synthcomp_core.progress import counted
from synthcomp_core.results.text_tables import MISSING, TableColumn
from synthcomp_core.storage import atomic_path, check_outputs, check_writable, exists, is_inside, is_same
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.variants import Variant, has_codec
from synthcomp_core.variants.variant import MAX_SCALE

if TYPE_CHECKING:
    import pandas as pd

    from synthcomp_core.batch.plan import Plan

    _Rows = tuple[object, pd.DataFrame]  # of one variant

RESULTS = "results.csv"  # beside the files of a folder
WorkerCount = Annotated[int | None, typer.Option("--workers", min=1, help="Local processes (default: by cores).")]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(evaluate)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A folder of images, or a data set, as in gta-plus/test.")],
    variants: Annotated[
        list[str],
        typer.Option("--variants", "--variant", help="Variant id or pattern, as in webp-q{20..80..20}; repeatable."),
    ],
    out: Annotated[Path | None, typer.Option(help="Also write the results table here (CSV).")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Metric to measure; repeatable (default: all).")] = None,
    workers: WorkerCount = None,
    precision: PrecisionOption = "auto",
    max_megapixels: MaxMegapixels = DEFAULT_MEGAPIXELS,
) -> None:
    """Send every image of a folder through variants, measure the results, and print the means.

    Call it again, with the same or other variants, and it does only what is missing. The Rate-distortion page finds
    the run by its name.

    Example: python -m synthcomp_core evaluate frames --variants "webp-q{40,80}" --variants jpeg-q75 --out results.csv
    """
    plan = folder_plan(
        folder, variants, purpose="evaluate", metrics=metric or DEFAULT_METRICS, precision=precision,
        max_pixels=pixel_limit(max_megapixels),
    )  # fmt: skip
    check_outputs(_files_read(plan), out)
    outcome = carry_out(plan, Workers(workers), None, command=this_command())
    if out is not None:
        with atomic_path(out) as temporary:
            shutil.copyfile(outcome.results, temporary)
    _print_means(outcome.results, plan.metrics)
    end_run(outcome)


def encode_folder(
    folder: Path, out: Path, codec: str, *, precision: str, device: str | None, max_megapixels: float,
    workers: int | None = None,
) -> None:  # fmt: skip
    """Encode every image of a folder into ``out``, with ``results.csv`` beside the bitstreams."""
    _check_device(device)
    _check_out(folder, out)
    if not has_codec(codec):
        parse_codec(codec)  # Raises the sentence that names the codecs there are.
    plan = folder_plan(
        folder, [codec], purpose="encode", metrics=["psnr_rgb"], keep="bitstreams", precision=precision,
        max_pixels=pixel_limit(max_megapixels),
    )  # fmt: skip
    _collect(plan, out, workers)


def upscale_folder(
    folder: Path, out: Path, upscaler_id: str, scale: float, *, precision: str, device: str | None,
    max_megapixels: float, workers: int | None = None,
) -> None:  # fmt: skip
    """Enlarge every image of a folder into ``out``."""
    _check_device(device)
    _check_out(folder, out)
    if not 1 < float(f"{scale:g}") <= MAX_SCALE:  # as the variant's id writes it
        raise SynthcompError(
            f"--scale is {scale:g}; for a folder of images it must be above 1 and at most {MAX_SCALE:g}."
        )
    parse_upscaler(upscaler_id, scale=scale, precision=precision)  # Fails before a run is begun.
    variant = Variant.parse(f"none@x{scale:g}-{upscaler_id}")
    plan = folder_plan(
        folder, [str(variant)], purpose="upscale", metrics=["psnr_rgb"], keep="renderings", enlarge=True,
        precision=precision, max_pixels=pixel_limit(max_megapixels),
    )  # fmt: skip
    _collect(plan, out, workers)


def this_command() -> str:
    """The command line that is being carried out, to copy."""
    return shlex.join(["python", "-m", "synthcomp_core", *sys.argv[1:]])


def _check_device(device: str | None) -> None:
    if device is not None:
        raise SynthcompError("--device is for a single image: a folder's workers take a GPU if there is any.")


def _check_out(folder: Path, out: Path) -> None:
    """SynthcompError for a file, and for a folder that this call or the next one reads images from.

    A subfolder of a folder that holds images itself is fine, since these alone are read. OSError for a folder in which
    nothing can be written.
    """
    if exists(out) and not out.is_dir():
        raise SynthcompError(f"{out} is a file; a folder of images needs a folder for what is made of them.")
    images = images_below(folder)
    read = {folder, *(image.parent for image in images), *(image.resolve().parent for image in images)}
    is_walked = images and folder not in {image.parent for image in images} and is_inside(out, folder)
    if is_walked or any(is_same(out, place) for place in read):
        raise SynthcompError(
            f"Images are read from {out}, too, where they would be overwritten by, or mixed up with, what is made of "
            "them; give another folder to write to."
        )
    check_writable(out / RESULTS)


def _files_read(plan: Plan) -> list[Path]:
    """The images of a plan, and the renderings of them that were made elsewhere."""
    from synthcomp_core.batch.tasks import dataset_images

    images = [image for dataset in plan.datasets for image in dataset_images(dataset)]
    return [*images, *renderings_read(plan.variants)]


def _collect(plan: Plan, out: Path, workers: int | None) -> None:
    """Carry out a plan of one variant and put the files it kept into ``out``.

    The run's journal also knows images that have since gone from the folder; these are left out.
    """
    from synthcomp_core.batch.journal import JOURNAL, read_journal
    from synthcomp_core.batch.tasks import dataset_images

    images = {(data.name, image.name) for data in plan.datasets for image in dataset_images(data)}
    outcome = carry_out(plan, Workers(workers), None, command=this_command())
    out.mkdir(parents=True, exist_ok=True)
    variant, number = str(plan.variants[0]), 0
    for entry in read_journal(outcome.folder / JOURNAL).values():
        kept = entry.kept_bitstream or entry.kept_rendering
        is_planned = entry.row.variant == variant and (entry.row.dataset, entry.row.image) in images
        if is_planned and kept is not None and kept.is_file():
            with atomic_path(out / kept.name) as temporary:
                shutil.copyfile(kept, temporary)
            number += 1
    with atomic_path(out / RESULTS) as temporary:
        shutil.copyfile(outcome.results, temporary)
    say(f"{out}: {counted(number, 'file')} and {RESULTS}")
    end_run(outcome)


def _print_means(results: Path, measured: tuple[str, ...]) -> None:
    from synthcomp_core.results.table import read_results

    table = read_results(results)
    shown = [name for name in SHOWN_METRICS if name in measured]
    columns: list[TableColumn[_Rows]] = [
        TableColumn("variant", lambda own: str(own[0])),
        TableColumn("images", lambda own: len(own[1]), 0),
        TableColumn("bpp", lambda own: _mean_rate(own[1]["bpp"])),
        *(_mean_column(name) for name in shown),
    ]
    print_table(columns, list(table[table["error"].isna()].groupby("variant", sort=False, observed=True)))


def _mean_column(name: str) -> TableColumn[_Rows]:
    decimals = METRICS[name].decimals
    return TableColumn(METRICS[name].heading, lambda own: mean_cell(list(own[1][name]), decimals), decimals)


def _mean_rate(rates: pd.Series) -> str:
    """The mean of the rates that are known, and of how many images that is, if not of all."""
    known = rates.dropna()
    if known.empty:
        return MISSING
    return f"{known.mean():.4f}" + ("" if len(known) == len(rates) else f" ({len(known)} of {len(rates)})")
