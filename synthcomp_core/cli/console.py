"""What the verbs share: the two consoles, a progress bar as a callback, and small formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from synthcomp_core.progress import OnProgress

output = Console()
errors = Console(stderr=True)


@contextmanager
def progress_bar(description: str) -> Iterator[OnProgress]:
    """A bar on standard error while the block runs; yields the callback that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[stage]}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(description, total=1.0, stage="")

        def report(fraction: float, stage: str) -> None:
            progress.update(task, completed=fraction, stage=stage)

        yield report


def print_json(record: Any) -> None:
    """A dataclass (or list or dict of plain values) as JSON on standard output; infinite values as "inf"."""
    value = asdict(record) if hasattr(record, "__dataclass_fields__") else record
    output.file.write(json.dumps(_plain(value), indent=2) + "\n")


def print_record(record: Any) -> None:
    """A dataclass (or dict) as two columns, name and value, what is None left out."""
    values = asdict(record) if hasattr(record, "__dataclass_fields__") else record
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in values.items():
        if value is not None:
            table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
    output.print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"  # JSON has no infinity.
    return value
