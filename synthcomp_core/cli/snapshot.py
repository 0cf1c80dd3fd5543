"""The verbs `snapshot import`, `fetch`, `share` and `show`: checkpoints into snapshots, and what a snapshot is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from synthcomp_core.cli.console import cell, output, print_json, progress_bar, say
from synthcomp_core.cli.options import AsJson
from synthcomp_core.codecs.lambdas import QUALITIES
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library import snapshots
from synthcomp_core.library.sharing import share_weights
from synthcomp_core.progress import counted
from synthcomp_core.variants.adoption import import_checkpoint

snapshot_app = typer.Typer(
    help="Trained models: import a checkpoint, fetch published ones, share weights, show a card.", no_args_is_help=True
)


@snapshot_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .pt, .pth, .pth.tar, .ckpt or .safetensors checkpoint.")],
    id_: Annotated[
        str | None, typer.Option("--id", help="The snapshot's id (default: from the file's name and the options).")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="Quality 1..8 it was trained for.")] = None,
    lmbda: Annotated[float | None, typer.Option("--lambda", help="Rate-distortion weight.")] = None,
    distortion: Annotated[str | None, typer.Option(help="mse or ms-ssim.")] = None,
    trained_on: Annotated[str | None, typer.Option(help="Training data, as in games.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the checkpoint comes from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Which state dict of the file, as in ema; or the prefix of the names to take.")
    ] = None,
    half: Annotated[bool, typer.Option(help="Store the weights in float16 (half the size).")] = True,
    replace: Annotated[
        bool, typer.Option(help="Replace a snapshot of the same id; those that share its weights are made whole.")
    ] = False,
) -> None:
    """Import a codec's or upscaler's checkpoint; architecture and channels are read from the weights.

    Quality, distortion and training data are read from the file's name where it follows the thesis
    (mbt2018_q4_mse_500ep.pth.tar) or CompressAI (mbt2018-ms-ssim-4-a120e037.pth.tar); options go first.

    Example: python -m synthcomp_core snapshot import mbt2018_q4_mse_500ep.pth.tar --id mbt2018-q4-mse-thesis
    """
    _check_point(quality, lmbda, steps)
    preserved = None if distortion is None else snapshots.Distortion.parse(distortion)

    def check_free(snapshot_id: str) -> None:
        if snapshots.snapshot_path(snapshot_id).exists() and not replace:
            raise SnapshotError(f"There is a snapshot {snapshot_id!r} already; choose another --id or add --replace.")

    card = import_checkpoint(
        file, id=id_, key=key, check_free=check_free, half=half, quality=quality, lmbda=lmbda, distortion=preserved,
        trained_on=trained_on, steps=steps, source=source, licence=licence,
    )  # fmt: skip
    _print_card(card)


def _check_point(quality: int | None, lmbda: float | None, steps: int | None) -> None:
    """SnapshotError for what no model was trained for, before its file is read."""
    if quality is not None and quality not in QUALITIES:
        raise SnapshotError(f"--quality is {quality}; expected a quality from {QUALITIES[0]} to {QUALITIES[-1]}.")
    if lmbda is not None and not 0 < lmbda <= snapshots.LARGEST_LAMBDA:
        raise SnapshotError(
            f"--lambda is {lmbda:g}; expected a number above 0 and at most {snapshots.LARGEST_LAMBDA:g}."
        )
    if steps is not None and not 0 <= steps <= snapshots.MOST_STEPS:
        raise SnapshotError(f"--steps is {steps}; expected a number from 0 to {snapshots.MOST_STEPS:,}.")


@snapshot_app.command()
def fetch(
    architecture: Annotated[str, typer.Argument(help="A model of CompressAI's zoo, as in mbt2018.")],
    quality: Annotated[str, typer.Option(help="Qualities, as in 4 or 4,6,8, or all.")] = "all",
    distortion: Annotated[str, typer.Option(help="mse, ms-ssim or all.")] = "all",
    half: Annotated[bool, typer.Option(help="Store the weights in float16 (half the size).")] = True,
    replace: Annotated[bool, typer.Option(help="Fetch those again whose snapshot is installed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be fetched, and how large.")] = False,
) -> None:
    """Download models that CompressAI publishes, and import them; an interrupted download is continued.

    Example: python -m synthcomp_core snapshot fetch mbt2018 --quality 4,6,8 --distortion mse
    """
    from synthcomp_core.codecs.zoo import choose_models, fetch_published, published_models

    qualities = () if quality == "all" else _numbers(quality)
    distortions = () if distortion == "all" else (snapshots.Distortion.parse(distortion),)
    models = choose_models(published_models(), architecture, qualities=qualities, distortions=distortions)
    wanted = [model for model in models if replace or not model.installed]
    for model in models:
        if model not in wanted:
            say(f"{model.id}: installed already")
    megabytes = sum(model.num_bytes for model in wanted) / 1e6
    say(f"{counted(len(wanted), 'model')} to fetch, about {megabytes:.0f} MB")
    if dry_run:
        for model in wanted:
            say(f"{model.id}: {model.url}")
        return
    for number, model in enumerate(wanted, start=1):
        with progress_bar(f"{number} of {len(wanted)}: {model.id}") as on_progress:
            card = fetch_published(model, half=half, on_progress=on_progress)
        say(f"{card.id}: installed")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise SnapshotError(f"--quality takes whole numbers such as 4,6,8, or all, not {text!r}.") from None


@snapshot_app.command()
def share(
    snapshot_id: Annotated[str, typer.Argument(metavar="ID", help="The snapshot whose file is rewritten.")],
    with_: Annotated[
        list[str] | None, typer.Option("--with", help="A snapshot that holds the same tensors; repeat for more.")
    ] = None,
) -> None:
    """Leave out of a snapshot's file the tensors that other snapshots hold; without --with, make the file whole again.

    The model, its fingerprint and its bitstreams stay the same. A file that leaves tensors out needs the others.

    Example: python -m synthcomp_core snapshot share mbt2018-q6-mse-games
    """
    _print_card(share_weights(snapshot_id, with_ or ()))


@snapshot_app.command()
def show(
    snapshot_id: Annotated[str, typer.Argument(metavar="ID", help="A snapshot's id; `list` prints them.")],
    json: AsJson = False,
) -> None:
    """Print a snapshot's card.

    Example: python -m synthcomp_core snapshot show mbt2018-q4-mse-games
    """
    card = snapshots.find_snapshot(snapshot_id)
    if json:
        print_json(card)
    else:
        _print_card(card)


def _print_card(card: snapshots.SnapshotCard) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in dataclasses.asdict(card).items():
        if value is not None and name != "lenders":
            table.add_row(name, cell(value))
    if card.lenders:
        table.add_row("shares weights", cell("with " + ", ".join(lender.id for lender in card.lenders)))
    table.add_row("fingerprint", card.fingerprint.hex())
    size = snapshots.snapshot_path(card.id).stat().st_size
    table.add_row("file", f"{snapshots.snapshot_path(card.id).name} ({size:,} bytes)")
    output.print(table)
