"""The journal of a run: one JSON line per finished task. The results table is made from it, and a rerun reads it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcomp_core import limits
from synthcomp_core.batch.journal_lines import (
    DamagedLineError,
    Line,
    TooLongError,
    check_lines,
    count_lines,
    parse_line,
    whole_lines,
)
from synthcomp_core.batch.tasks import MEASURE, RENDER, Stamp, Task
from synthcomp_core.errors import ResultsError, reason_of
from synthcomp_core.results.rows import METRIC_COLUMNS, ResultRow, append_rows, write_rows
from synthcomp_core.storage import atomic_path, file_sha256, is_inside, open_file, runs_dir

JOURNAL, RESULTS = "journal.jsonl", "results.csv"
_REWRITE_S = 5.0  # Rewriting a long table for every replaced row would cost more than the tasks.
_BLOCK = 2**16
_KEPT = ("kept_rendering", "kept_bitstream")
_Slot = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    """A task that was carried out. finished: seconds since 1970. seconds: its wall time on the worker.

    kept_rendering, kept_bitstream: the files that it wrote, or None; their stamps: size and hash as written. In the
    journal they stand relative to the run's folder, so that a run may be moved.
    """

    image_sha256: str
    made_with: tuple[str, ...]
    metrics: tuple[str, ...]
    kept_rendering: Path | None
    kept_bitstream: Path | None
    seconds: float
    finished: float
    row: ResultRow
    rendering_stamp: Stamp | None = None
    bitstream_stamp: Stamp | None = None

    @property
    def slot(self) -> _Slot:
        """What names the entry's row: data set, image, variant."""
        return self.row.dataset, self.row.image, self.row.variant


def finished_entry(
    task: Task, row: ResultRow, seconds: float, stamps: tuple[Stamp | None, Stamp | None] = (None, None)
) -> Entry:
    """The entry for a task just carried out. stamps: of the rendering and the bitstream that it wrote."""
    metrics = {*task.metrics, *task.measured}
    wrote_files = task.kind != MEASURE and row.error is None
    return Entry(
        image_sha256=task.image_sha256,
        made_with=task.made_with,
        metrics=tuple(name for name in METRIC_COLUMNS if name in metrics),
        kept_rendering=task.rendering if wrote_files else None,
        kept_bitstream=task.bitstream if wrote_files else None,
        seconds=seconds,
        finished=time.time(),
        row=row,
        rendering_stamp=stamps[0] if wrote_files else None,
        bitstream_stamp=stamps[1] if wrote_files else None,
    )


def remaining(task: Task, entry: Entry | None, *, verify: bool = False) -> Task | None:
    """What is left to do of a task, given its last entry: all of it, only its missing metrics, or None.

    A kept file that is missing, or not of the size that was written, has to be made again; with ``verify`` also one
    whose hash is another.
    """
    if entry is None or entry.row.error is not None:
        return task
    if (entry.image_sha256, entry.made_with) != (task.image_sha256, task.made_with):
        return task
    if task.kind != MEASURE and not (
        _is_kept(task.rendering, entry.kept_rendering, entry.rendering_stamp, verify)
        and _is_kept(task.bitstream, entry.kept_bitstream, entry.bitstream_stamp, verify)
    ):
        return task
    missing = tuple(name for name in task.metrics if name not in entry.metrics)
    if not missing:
        return None
    if task.kind == RENDER and task.rendering is None and task.bitstream is None:
        return task
    stamps = (entry.rendering_stamp, entry.bitstream_stamp)
    return dataclasses.replace(task, metrics=missing, measured=entry.metrics, previous=entry.row, stamps=stamps)


def _is_kept(wanted: Path | None, kept: Path | None, stamp: Stamp | None, verify: bool) -> bool:
    if wanted is None:
        return True
    return wanted == kept and is_intact(wanted, stamp, verify=verify)


def is_intact(path: Path, stamp: Stamp | None, *, verify: bool = False) -> bool:
    """Whether a kept file is there, of the size that was written, and with ``verify`` of the same hash."""
    if not path.is_file():
        return False
    if stamp is None:
        return path.stat().st_size > 0
    return path.stat().st_size == stamp.num_bytes and (not verify or file_sha256(path) == stamp.sha256)


def read_journal(path: Path) -> dict[_Slot, Entry]:
    """The last entry of every row in a journal; a last line torn by a kill is ignored.

    Files that it claims to have kept count only inside the run's folder, or the runs folder. ResultsError, naming the
    line, when another line is damaged: found before any entry takes memory.
    """
    entries: dict[_Slot, Entry] = {}
    if not path.exists():
        return entries
    kept_path = _KeptPaths(path.parent)
    try:
        with open_file(path, max_bytes=limits.JOURNAL_BYTES) as file:
            check_lines(file)
            file.seek(0)
            for number, content in whole_lines(file):
                entry = _entry(parse_line(number, content), kept_path)
                entries[entry.slot] = entry
    except DamagedLineError as error:
        raise ResultsError(
            f"{path}, line {error.number}, is damaged ({error}); remove that line, and its task is carried out again."
        ) from error
    except TooLongError as error:
        raise ResultsError(f"{path} has {error}; carry its plan out under another name.") from error
    except OSError as error:
        raise ResultsError(f"{path} cannot be read as a journal: {reason_of(error)}.") from error
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
        self._num_lines = count_lines(self._journal)
        self._written: set[_Slot] = set()
        self._rewritten_at = 0.0
        self._rewrite()

    def add(self, entry: Entry) -> None:
        """Write one entry and its row; ResultsError, with the journal as it was, when the disk does not take them."""
        line = _line(entry, self._folder)
        try:
            self._make_room(len(line))
            self._append(line)
            self._record(entry)
        except OSError as error:
            raise ResultsError(
                f"{error.filename or self._journal} cannot be written ({reason_of(error)}); make room on the "
                "disk and run the plan again: what the journal holds is not carried out again."
            ) from error

    def _make_room(self, num_bytes: int) -> None:
        """Leave out the lines that later ones replaced, when the journal would grow longer than it can be read.

        Rows that the plan no longer asks for are kept as long as they leave room.
        """
        if self._num_lines < limits.JOURNAL_LINES and self._size() + num_bytes <= limits.JOURNAL_BYTES:
            return
        if len(self._entries) > limits.PLAN_TASKS:
            self._entries = {slot: self._entries[slot] for slot in self._order if slot in self._entries}
        with atomic_path(self._journal) as temporary, temporary.open("wb") as file:
            file.writelines(_line(entry, self._folder) for entry in self._entries.values())
        self._file.close()
        self._file = self._journal.open("ab", buffering=0)
        self._num_lines = len(self._entries)
        if self._size() + num_bytes > limits.JOURNAL_BYTES:
            raise ResultsError(
                f"{self._journal} would have more than the {limits.JOURNAL_BYTES:,} bytes that are read of a journal; "
                "split the plan into several, by data set or by variant."
            )

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _append(self, line: bytes) -> None:
        """Write a whole line, or leave the journal as it was: a line after half a line could not be read."""
        end = self._size()
        left = memoryview(line)
        try:
            while left:
                written = self._file.write(left)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._journal))
                left = left[written:]
            os.fsync(self._file.fileno())
        except BaseException:
            os.ftruncate(self._file.fileno(), end)
            raise
        self._num_lines += 1

    def _record(self, entry: Entry) -> None:
        self._entries[entry.slot] = entry
        if entry.slot in self._written:
            if time.monotonic() - self._rewritten_at > _REWRITE_S:
                self._rewrite()
        else:
            append_rows(self._results, [entry.row])
            self._written.add(entry.slot)

    def close(self) -> None:
        """Close the journal and bring the table into the plan's order."""
        self._file.close()
        self._rewrite()

    def _rewrite(self) -> None:
        present = [slot for slot in self._order if slot in self._entries]
        write_rows(self._results, [self._entries[slot].row for slot in present])
        self._written = set(present)
        self._rewritten_at = time.monotonic()


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        at = end
        while at:  # From the end back to the last line break.
            start = max(0, at - _BLOCK)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                at = start + found + 1
                break
            at = start
        if at < end:
            file.truncate(at)


def _line(entry: Entry, folder: Path) -> bytes:
    return json.dumps(_plain(entry, folder), separators=(",", ":")).encode("utf-8") + b"\n"


def _plain(entry: Entry, folder: Path) -> dict[str, Any]:
    values = dataclasses.asdict(entry)
    values["row"] = {name: value for name, value in values["row"].items() if value is not None}
    for name in _KEPT:
        kept: Path | None = values[name]
        if kept is not None:
            values[name] = (kept.relative_to(folder) if kept.is_relative_to(folder) else kept).as_posix()
    return values


def _entry(line: Line, kept_path: _KeptPaths) -> Entry:
    values = {field.name: getattr(line, field.name) for field in dataclasses.fields(Line)}
    return Entry(**{**values, **{name: kept_path(values[name]) for name in _KEPT}})


class _KeptPaths:
    """The kept file that a line names; None for one elsewhere, which nothing vouches for. 0.1 wrote absolute paths.

    Links are followed once for every folder: a run keeps thousands of files in each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_inside: dict[Path, bool] = {}

    def __call__(self, text: str | None) -> Path | None:
        if text is None or "\0" in text:
            return None
        path = self._folder / text
        try:
            is_own_place = path.is_symlink() or path.name in ("", "..")
        except OSError:  # A name that no system can hold
            return None
        if is_own_place:
            return path if self._is_allowed(path) else None
        if path.parent not in self._is_inside:
            self._is_inside[path.parent] = self._is_allowed(path.parent)
        return path if self._is_inside[path.parent] else None

    def _is_allowed(self, path: Path) -> bool:
        return is_inside(path, self._folder) or is_inside(path, runs_dir())
