"""The verbs `train` and `data fetch|list|split|convert`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from synthcomp_core import limits
from synthcomp_core.cli.console import cell, output, progress_bar, say, warn
from synthcomp_core.cli.runs import show_notes
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.library import converting, dataset_sources, datasets
from synthcomp_core.progress import counted

if TYPE_CHECKING:
    from synthcomp_core.training.plan import TrainingPlan

_GIGABYTES = limits.DOWNLOAD_BYTES / 2**30
_MOST_GIGABYTES = 100_000

data_app = typer.Typer(help="Data sets: fetch, list, split, convert.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command()(train)
    app.add_typer(data_app, name="data")


def train(
    plan: Annotated[Path, typer.Argument(help="A training plan (TOML).")],
    only: Annotated[list[str] | None, typer.Option(help="Train only this model of the plan; repeat for more.")] = None,
    again: Annotated[
        bool, typer.Option(help="Also train models whose snapshot is installed but was not trained by this plan.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many images, how much memory, how long.")
    ] = False,
) -> None:
    """Train the models of a plan one after the other; finished ones are skipped, an interrupted one is resumed.

    Example: python -m synthcomp_core train artifacts/plans/smoke.toml
    """
    from synthcomp_core.training.plan import read_training_plan

    checked = read_training_plan(plan)
    chosen = tuple(only or ())
    for name in dict.fromkeys(name for model in checked.chosen(chosen) for name in model.data):
        say(f"data {name}: {checked.parts(name).text}")
    if dry_run:
        _print_estimates(checked, chosen)
        return
    from synthcomp_core.training.runner import train_models  # Imports torch; a bad plan is refused without waiting.

    with progress_bar(checked.name) as on_progress:
        outcomes = train_models(checked, on_progress=on_progress, again=again, only=chosen)
    table = Table("model", "status", "validation")
    for outcome in outcomes:
        values = []
        if outcome.card and outcome.card.validation_bpp is not None:
            values.append(f"{outcome.card.validation_bpp:.3f} bpp")
        if outcome.card and outcome.card.validation_psnr is not None:
            values.append(f"{outcome.card.validation_psnr:.2f} dB")
        table.add_row(outcome.id, outcome.status, ", ".join(values))
        if outcome.note:
            warn(outcome.note)
    output.print(table)


def _print_estimates(plan: TrainingPlan, only: tuple[str, ...]) -> None:
    from synthcomp_core.training.dry_run import estimate_training
    from synthcomp_core.training.runner import available_accelerator

    with progress_bar(plan.name) as on_progress:
        estimates = estimate_training(plan, only=only, on_progress=on_progress)
    table = Table("model", "train", "valid", "too small", "steps", "s/step", "hours", "memory", box=None)
    for one in estimates:
        table.add_row(
            one.id, str(one.train), str(one.valid), str(one.skipped), f"{one.steps:,}", f"{one.step_s:.3g}",
            f"{one.hours:.3g}", f"{one.memory_bytes / 1e9:.2f} GB",
        )  # fmt: skip
    output.print(table)
    hours = sum(one.hours for one in estimates)
    sentence = f"At most {hours:,.3g} hours in all on this machine, by a timed step of each kind, without validation"
    say(sentence)
    try:
        available_accelerator(plan.device)
    except PlanError as shortfall:  # One device is timed; the training asks for all.
        warn(str(shortfall))


@data_app.command()
def fetch(
    what: Annotated[str, typer.Argument(help="gta-plus, clic2020, kodak, a zip's URL, or a folder or zip on disk.")],
    name: Annotated[str | None, typer.Option(help="Name of the data set (default: that of the source).")] = None,
    licence: Annotated[str, typer.Option(help="Licence, for the card.")] = "",
    max_gigabytes: Annotated[float, typer.Option(help="Download no file of more gigabytes than this.")] = _GIGABYTES,
) -> None:
    """Download or copy a data set into artifacts/data.

    Example: python -m synthcomp_core data fetch kodak
    """
    if not 0 < max_gigabytes <= _MOST_GIGABYTES:
        raise SynthcompError(
            f"--max-gigabytes is {max_gigabytes:g}; expected a number above 0 and at most {_MOST_GIGABYTES:,}."
        )
    max_bytes = max(1, int(max_gigabytes * 2**30))
    with progress_bar(what) as on_progress:
        card = datasets.fetch(what, name=name, licence=licence, max_bytes=max_bytes, on_progress=on_progress)
    say(f"{card.name}: {datasets.count_text(card.name)}{_splits(card)}")
    _print_left_out(card)


@data_app.command("list")
def list_() -> None:
    """Show the data sets that are available and those that can be fetched, and what in them is not used.

    Example: python -m synthcomp_core data list
    """
    table = Table("data set", "images", "splits", "licence", "source")
    found = datasets.survey_datasets()
    available = found.cards
    for card in available:
        values = (
            card.name,
            datasets.count_text(card.name),
            _splits(card).removeprefix(": "),
            card.licence,
            card.source,
        )
        table.add_row(*map(cell, values))
    for source in dataset_sources.SOURCES.values():
        if source.name not in {card.name for card in available}:
            table.add_row(source.name, "not fetched", "", source.licence, source.label)
    output.print(table)
    problems = list(found.problems)
    for card in available:
        try:
            _print_left_out(card)
        except SynthcompError as error:  # A split that cannot be read costs a line, not the others.
            problems.append(str(error))
    for problem in problems:
        warn(f"Left out: {problem}")


@data_app.command()
def split(
    name: Annotated[str, typer.Argument(help="An available data set.")],
    valid: Annotated[float, typer.Option(help="Share for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share for testing.")] = 0.1,
    seed: Annotated[int, typer.Option(help="A different seed makes a different split.")] = 0,
    ignore_published: Annotated[
        bool, typer.Option("--ignore-published", help="Also split anew test and valid sets that were published.")
    ] = False,
) -> None:
    """Split a data set into train, valid and test, reproducibly; a published test set, and a valid one beside it, stay.

    Example: python -m synthcomp_core data split my-frames --valid 0.1 --test 0.1
    """
    card = datasets.split(name, valid=valid, test=test, seed=seed, ignore_published=ignore_published)
    say(f"{name}{_splits(card)}")
    if not ignore_published:
        _print_published(datasets.published_split(name))


def _print_published(parts: Container[str]) -> None:
    """A line on what became of the parts that were published; none where the options say it."""
    match "test" in parts, "valid" in parts:
        case True, True:
            say(
                "The test and valid sets are the published ones, whatever --test and --valid say; --ignore-published "
                "splits them anew."
            )
        case True, False:
            say("The test set is the published one, whatever --test says; --ignore-published splits it anew.")
        case False, True:
            say("The published valid set was split anew, since no test set was published beside it.")


@data_app.command()
def convert(
    name: Annotated[str, typer.Argument(help="An available data set.")],
    out: Annotated[Path, typer.Argument(help="Folder for the PNG files.")],
    downscale: Annotated[int, typer.Option(min=1, help="Reduce the images by this factor (bicubic).")] = 1,
) -> None:
    """Write a data set as PNG files, reduced if wanted; run again, an interrupted conversion continues.

    Example: python -m synthcomp_core data convert kodak artifacts/data/kodak-x2 --downscale 2
    """
    noted: list[str] = []
    with progress_bar(name) as on_progress:
        written = converting.convert(name, out, downscale=downscale, on_note=noted.append, on_progress=on_progress)
    show_notes(Counter(noted).most_common())
    say(f"{counted(written, 'image')} written to {out}")


def _print_left_out(card: datasets.DataSetCard) -> None:
    """A line on what of a data set is in no split, and what its source holds beside the images; none for nothing."""
    unsplit = datasets.num_unsplit(card.name)
    phrases = [f"{counted(unsplit, 'image')} in no split, which no training uses"] if unsplit else []
    if card.left_out:
        phrases.append(f"left out: {card.left_out}")
    if phrases:
        say(f"{card.name}: {'; '.join(phrases)}")


def _splits(card: datasets.DataSetCard) -> str:
    return ": " + ", ".join(f"{name} {count}" for name, count in card.splits) if card.splits else ""
