"""What the verbs share: the two consoles, a progress bar as a callback, and small formats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from synthcomp_core.progress import OnProgress
from synthcomp_core.results.text_tables import Row, TableColumn

_TABLE_WIDTH = 140  # characters
# What moves the cursor, changes colours or the direction of writing. File names and cards may hold any of them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, *, one_line: bool = False) -> str:
    """``text`` with control characters written out, so that a file name cannot take over the terminal.

    >>> print(visible("red" + chr(27) + "[31m" + chr(10) + "text", one_line=True))
    red\\x1b[31m\\ntext
    """
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    return text.replace("\n", "\\n") if one_line else text


class _SafeConsole(Console):
    """A console that prints no control characters of its texts."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(visible(part) if isinstance(part, str) else part for part in objects), **options)


output = _SafeConsole()
errors = _SafeConsole(stderr=True)


def cell(value: object) -> Text:
    """A value as a cell of a table: as it is, without markup or control characters."""
    return Text(visible(str(value), one_line=True))


def say(text: str) -> None:
    """A line on standard output, without wrapping or colours."""
    typer.echo(visible(text))


def print_table(columns: Sequence[TableColumn[Row]], rows: Sequence[Row]) -> None:
    """A table on standard output, the best of each column in bold.

    It is wide also where the terminal is not: cut into pieces, its names and values could not be read.
    """
    table = Table(box=None)
    for column in columns:
        table.add_column(cell(column.heading))
    best = [column.best(rows) for column in columns]
    for number, row in enumerate(rows):
        texts = [cell(column.text(row)) for column in columns]
        for text, of_column in zip(texts, best, strict=True):
            text.stylize("bold" if number in of_column else "")
        table.add_row(*texts)
    Console(file=output.file, width=max(output.width, _TABLE_WIDTH)).print(table)


def warn(sentence: str) -> None:
    """A sentence on standard error, in yellow."""
    errors.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)


def fail(sentence: str) -> None:
    """A sentence on standard error, in red; it does not end the program."""
    errors.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(description: str) -> Iterator[OnProgress]:
    """A bar on standard error while the block runs; yields the callback that moves it."""
    description_column, stage_column = (
        TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[stage]}")
    )
    columns = (description_column, BarColumn(), stage_column, TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(visible(description), total=1.0, stage="")

        def report(fraction: float, stage: str) -> None:
            progress.update(task, completed=fraction, stage=visible(stage))

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
            table.add_row(name, cell(f"{value:.6g}" if isinstance(value, float) else value))
    output.print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"  # JSON has no infinity.
    return value
