"""The lines of a journal: their form, and all of them checked before any is kept, fast where a run wrote them.

A line in the form that this version writes goes straight from bytes to typed values, in a fourth of the time that
json.loads and a check of its values take. What that strict reading refuses, other forms are tried on: lines of other
versions, which may have further keys, and damaged ones, for what is to be said of them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, get_type_hints

import msgspec
from msgspec import Meta

from synthcomp_core import limits
from synthcomp_core.batch.tasks import Stamp
from synthcomp_core.library.json_records import JsonError, parse_json
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import open_file

_INFINITE, _LARGE = (
    b":Infinity",
    b":1e99 ",
)  # JSON has none; the space ends the number.
_BYTES_A_VALUE = 32  # Reading so many bytes of text takes as long as one more value.


@dataclass(frozen=True)
class Line:
    """A line of the journal as it stands there; lines before version 0.2 have no stamps."""

    image_sha256: str
    made_with: tuple[str, ...]
    metrics: tuple[str, ...]
    seconds: Annotated[float, Meta(ge=0, le=1e11)]
    finished: Annotated[float, Meta(ge=0, le=1e11)]
    row: ResultRow
    kept_rendering: str | None = None
    kept_bitstream: str | None = None
    rendering_stamp: Stamp | None = None
    bitstream_stamp: Stamp | None = None


class DamagedLineError(ValueError):
    """What is wrong with the line ``number``, from 1, of a journal."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class TooLongError(ValueError):
    """What a journal has too much of; completes "... has ..."."""


def check_lines(file: BinaryIO) -> None:
    """DamagedLineError for the first line that cannot be read, TooLongError beyond the budget; nothing is kept."""
    odd = 0
    for number, line in whole_lines(file):
        if number > limits.JOURNAL_LINES:
            raise TooLongError(f"more than {limits.JOURNAL_LINES:,} lines")
        if is_as_written(line):
            continue
        odd += sum(map(line.count, (b",", b"[", b"{"))) + len(line) // _BYTES_A_VALUE
        if odd > limits.JOURNAL_OTHER_VALUES:
            raise TooLongError(f"more than {limits.JOURNAL_OTHER_VALUES:,} values in lines of another version's form")
        _parse_other(number, line)


def whole_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a journal with their numbers, without a last one that was torn; DamagedLineError for a long one."""
    number = 0
    while line := file.readline(limits.JOURNAL_LINE_BYTES):
        number += 1
        if not line.endswith(b"\n"):
            if len(line) == limits.JOURNAL_LINE_BYTES:
                raise DamagedLineError(number, f"it is longer than {limits.JOURNAL_LINE_BYTES:,} bytes")
            return
        yield number, line


def count_lines(path: Path) -> int:
    """How many lines a journal has, without a last one that was torn; OSError when it cannot be read."""
    with open_file(path, max_bytes=limits.JOURNAL_BYTES) as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(2**20), b""))


def is_as_written(line: bytes) -> bool:
    """Whether a line has the form that this version writes; then :func:`parse_line` reads it, too."""
    try:
        # A number stands in for infinity: wherever one of the types takes it, that type takes infinity.
        _strict_decoder().decode(line.replace(_INFINITE, _LARGE) if _INFINITE in line else line)
    except (ValueError, RecursionError):  # msgspec's errors, and text that is not UTF-8
        return False
    return True


def parse_line(number: int, line: bytes) -> Line:
    """A line in any form in which it may have been written; DamagedLineError for another."""
    if _INFINITE not in line and is_as_written(line):
        return _line_decoder().decode(line)
    return _parse_other(number, line)


def _parse_other(number: int, line: bytes) -> Line:
    try:
        return parse_json(line, Line)
    except JsonError as error:
        raise DamagedLineError(number, str(error)) from None


@functools.cache
def _strict_decoder() -> msgspec.json.Decoder[Any]:
    """Reads a line into structs, which take half the time of dataclasses, and refuse keys that they do not know.

    Of keys that it may pass over, msgspec checks neither numbers nor characters.
    """
    stamp = _struct(Stamp) | None
    line = _struct(Line, row=_struct(ResultRow), rendering_stamp=stamp, bitstream_stamp=stamp)
    return msgspec.json.Decoder(line)


@functools.cache
def _line_decoder() -> msgspec.json.Decoder[Line]:
    return msgspec.json.Decoder(Line)


def _struct(record: type, **other_types: Any) -> Any:
    """The fields of a dataclass as a struct; other_types: in place of those of some fields."""
    types = get_type_hints(record, include_extras=True) | other_types
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (field.name, types[field.name])
        if field.default is dataclasses.MISSING
        else (field.name, types[field.name], field.default)
        for field in dataclasses.fields(record)
    ]
    return msgspec.defstruct(record.__name__, fields, forbid_unknown_fields=True, gc=False)
