"""The verbs `snapshot import`, `snapshot show`: checkpoints into snapshots, and what a snapshot is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from synthcomp_core.cli.console import output, print_json
from synthcomp_core.cli.options import AsJson
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library import snapshots

snapshot_app = typer.Typer(help="Trained models: import a checkpoint, show a card.", no_args_is_help=True)


@snapshot_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .pt, .pth, .pth.tar or .safetensors checkpoint.")],
    id_: Annotated[str, typer.Option("--id", help="The snapshot's id, as in mbt2018-q4-mse-games.")],
    quality: Annotated[int | None, typer.Option(help="Quality 1..8 it was trained for.")] = None,
    lmbda: Annotated[float | None, typer.Option("--lambda", help="Rate-distortion weight.")] = None,
    distortion: Annotated[str | None, typer.Option(help="mse or ms-ssim.")] = None,
    trained_on: Annotated[str | None, typer.Option(help="Training data, as in games.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the checkpoint comes from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    half: Annotated[bool, typer.Option(help="Store the weights in float16 (half the size).")] = True,
    replace: Annotated[bool, typer.Option(help="Replace a snapshot of the same id.")] = False,
) -> None:
    """Import a codec's or upscaler's checkpoint; architecture and channels are read from the weights.

    Example: python -m synthcomp_core snapshot import mbt2018_q4_mse_500ep.pth.tar --id mbt2018-q4-mse-thesis
    """
    if snapshots.snapshot_path(id_).exists() and not replace:
        raise SnapshotError(f"There is a snapshot {id_!r} already; choose another --id or add --replace.")
    preserved = None if distortion is None else snapshots.Distortion.parse(distortion)
    state_dict = snapshots.read_checkpoint(file)
    from synthcomp_core.codecs import checkpoints

    if checkpoints.is_codec(state_dict):
        card = checkpoints.import_codec(
            state_dict, id=id_, quality=quality, lmbda=lmbda, distortion=preserved, trained_on=trained_on,
            steps=steps, source=source, licence=licence, half=half,
        )  # fmt: skip
    else:
        from synthcomp_core.upscalers import neural

        card = neural.import_upscaler(
            state_dict, id=id_, trained_on=trained_on, steps=steps, source=source, licence=licence, half=half
        )
    _print_card(card)


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
        if value is not None:
            table.add_row(name, str(value))
    table.add_row("fingerprint", card.fingerprint.hex())
    size = snapshots.snapshot_path(card.id).stat().st_size
    table.add_row("file", f"{snapshots.snapshot_path(card.id).name} ({size:,} bytes)")
    output.print(table)
