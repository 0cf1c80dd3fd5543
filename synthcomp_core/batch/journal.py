"""The journal of a run: one JSON line per finished task. The results table is made from it, and a rerun reads it."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcomp_core.batch.tasks import RENDER, Task
from synthcomp_core.errors import ResultsError
from synthcomp_core.results.rows import METRIC_COLUMNS, ResultRow, append_rows, write_rows

JOURNAL, RESULTS = "journal.jsonl", "results.csv"
_REWRITE_S = 5.0  # Rewriting a long table for every replaced row would cost more than the tasks.
_KEPT = ("kept_rendering", "kept_bitstream")
_Slot = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    """A task that was carried out. finished: seconds since 1970. seconds: its wall time on the worker.

    kept_rendering, kept_bitstream: the files that it wrote, or None. In the journal they stand relative to the run's
    folder, so that a run may be moved.
    """

    image_sha256: str
    made_with: tuple[str, ...]
    metrics: tuple[str, ...]
    kept_rendering: Path | None
    kept_bitstream: Path | None
    seconds: float
    finished: float
    row: ResultRow

    @property
    def slot(self) -> _Slot:
        """What names the entry's row: data set, image, variant."""
        return self.row.dataset, self.row.image, self.row.variant


def finished_entry(task: Task, row: ResultRow, seconds: float) -> Entry:
    """The entry for a task just carried out."""
    metrics = {*task.metrics, *task.measured}
    wrote_files = task.kind == RENDER and row.error is None
    return Entry(
        image_sha256=task.image_sha256,
        made_with=task.made_with,
        metrics=tuple(name for name in METRIC_COLUMNS if name in metrics),
        kept_rendering=task.rendering if wrote_files else None,
        kept_bitstream=task.bitstream if wrote_files else None,
        seconds=seconds,
        finished=time.time(),
        row=row,
    )


def remaining(task: Task, entry: Entry | None) -> Task | None:
    """What is left to do of a task, given its last entry: all of it, only its missing metrics, or None."""
    if entry is None or entry.row.error is not None:
        return task
    if (entry.image_sha256, entry.made_with) != (task.image_sha256, task.made_with):
        return task
    if task.kind == RENDER and not (
        _is_kept(task.rendering, entry.kept_rendering) and _is_kept(task.bitstream, entry.kept_bitstream)
    ):
        return task
    missing = tuple(name for name in task.metrics if name not in entry.metrics)
    if not missing:
        return None
    if task.kind == RENDER and task.rendering is None and task.bitstream is None:
        return task
    return dataclasses.replace(task, metrics=missing, measured=entry.metrics, previous=entry.row)


def _is_kept(wanted: Path | None, kept: Path | None) -> bool:
    return wanted is None or (wanted == kept and wanted.is_file())


def read_journal(path: Path) -> dict[_Slot, Entry]:
    """The last entry of every row in a journal; a last line torn by a kill is ignored.

    ResultsError, naming the line, when another line is damaged.
    """
    entries: dict[_Slot, Entry] = {}
    if not path.exists():
        return entries
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = _parse(json.loads(line), path.parent)
        except (ValueError, TypeError, KeyError) as error:
            raise ResultsError(
                f"{path}, line {number}, is damaged ({error}); remove that line, and its task is carried out again."
            ) from error
        entries[entry.slot] = entry
    return entries


class Writer:
    """The one writer of a run: every finished task goes to the journal, then to the results table.

    The journal is what counts. The table is made from it at the start, grows by a row per task, and is written anew
    when rows were replaced, and at the end.
    """

    def __init__(self, folder: Path, slots: Iterable[_Slot]) -> None:
        self._journal, self._results = folder / JOURNAL, folder / RESULTS
        self._folder, self._order = folder, list(slots)
        _cut_torn_line(self._journal)
        self._entries = read_journal(self._journal)
        self._file = self._journal.open("ab", buffering=0)
        self._written: set[_Slot] = set()
        self._rewritten_at = 0.0
        self._rewrite()

    def add(self, entry: Entry) -> None:
        """Write one entry and its row."""
        # One write of a whole line: after a kill it is missing or complete, at worst torn, which reading forgives.
        self._file.write(json.dumps(_plain(entry, self._folder), separators=(",", ":")).encode("utf-8") + b"\n")
        self._entries[entry.slot] = entry
        if entry.slot in self._written:
            if time.monotonic() - self._rewritten_at > _REWRITE_S:
                self._rewrite()
        else:
            append_rows(self._results, [entry.row])
            self._written.add(entry.slot)

    def close(self) -> None:
        """Bring the table into the plan's order and close the journal."""
        self._rewrite()
        os.fsync(self._file.fileno())
        self._file.close()

    def _rewrite(self) -> None:
        present = [slot for slot in self._order if slot in self._entries]
        write_rows(self._results, [self._entries[slot].row for slot in present])
        self._written = set(present)
        self._rewritten_at = time.monotonic()


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _plain(entry: Entry, folder: Path) -> dict[str, Any]:
    values = dataclasses.asdict(entry)
    values["row"] = {name: value for name, value in values["row"].items() if value is not None}
    for name in _KEPT:
        kept: Path | None = values[name]
        if kept is not None:
            values[name] = (kept.relative_to(folder) if kept.is_relative_to(folder) else kept).as_posix()
    return values


def _parse(values: dict[str, Any], folder: Path) -> Entry:
    known = {field.name for field in dataclasses.fields(Entry)}
    row = ResultRow(**values["row"])
    lists = {name: tuple(values[name]) for name in ("made_with", "metrics")}
    # An absolute path, as version 0.1 wrote it, stays as it is.
    kept = {name: None if values[name] is None else folder / str(values[name]) for name in _KEPT}
    return Entry(**{**{name: values[name] for name in known}, **lists, **kept, "row": row})
