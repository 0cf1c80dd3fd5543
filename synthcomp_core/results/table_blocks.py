"""The rows of a results CSV checked a block at a time: damage is found early, in little memory, wherever it stands."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import ResultsError, reason_of
from synthcomp_core.progress import counted
from synthcomp_core.results.rows import COLUMNS, KEY_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS
from synthcomp_core.results.table_checks import check_numbers, check_present, first_repeated, repeated
from synthcomp_core.results.text_tables import unguarded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK_BYTES = 2**22  # Of a faulty block, so much is searched cell by cell, which takes 80 ns a byte.
_HEADER_BYTES = 2**16
_ODD = 0x9E3779B97F4A7C15  # Multiplied by it, equal texts in two columns do not cancel out.


@dataclass(frozen=True)
class Rows:
    """Where the rows of a table stand in a file's content, between two places, and the column names above them."""

    content: bytes
    header: tuple[str, ...]
    start: int
    end: int


def check_blocks(rows: Rows, *, name: str) -> bool:
    """Whether plainly no key occurs twice; ResultsError naming file, row, column and value for the first fault.

    False only if keys differ that look alike here, by 64 bits of each: then they have to be compared in full.
    """
    import numpy as np
    import pyarrow as pa

    first_row = 2
    hashes: list[NDArray[np.uint64]] = []
    places: list[tuple[int, int, int]] = []
    for start, end in _blocks(rows.content, rows.start, rows.end):
        try:
            block = read_rows(rows, start, end)
        except pa.ArrowException as error:
            raise _first_error(_searched(rows.content, start, end), rows.header, name, error, first_row) from error
        if _has_nan(block):
            raise _first_error(_searched(rows.content, start, end), rows.header, name, None, first_row)
        absent = {column: block[column].is_null().to_numpy() for column in KEY_COLUMNS}
        check_present(absent, name=name, first_row=first_row)
        numbers = {column: block[column].to_numpy() for column in NUMBER_COLUMNS if column in block.column_names}
        check_numbers(numbers, name=name, first_row=first_row)
        hashes.append(_key_hashes(block))
        places.append((first_row, start, end))
        first_row += block.num_rows
    pair = first_repeated(np.concatenate(hashes)) if hashes else None
    if pair is None:
        return True
    first, again = (_key(rows, places, position + 2) for position in pair)
    if first == again:
        raise repeated(", ".join(again), pair[0] + 2, pair[1] + 2, name=name)
    return False


def _key_hashes(block: Any) -> NDArray[np.uint64]:
    """64 bits for the key of each row: of a million rows, 8 MB instead of all their names."""
    import numpy as np
    from pandas.util import hash_array

    hashes = np.zeros(block.num_rows, np.uint64)
    for column in KEY_COLUMNS:
        texts = unguarded_column(block[column])
        of_text = (
            hash_array(texts.chunk(0).dictionary.to_numpy(zero_copy_only=False), categorize=False)
            if texts.num_chunks
            else hashes
        )
        indices = [chunk.indices.to_numpy() for chunk in texts.chunks]
        hashes = hashes * _ODD + (of_text[np.concatenate(indices)] if indices else hashes)
    return hashes


def _key(rows: Rows, places: list[tuple[int, int, int]], row: int) -> tuple[str, ...]:
    """The key of a row, read once more. places: (first row, start, end) of every block."""
    first_row, start, end = max(place for place in places if place[0] <= row)
    block = read_rows(rows, start, end)
    return tuple(unguarded_column(block[column])[row - first_row].as_py() for column in KEY_COLUMNS)


def unguarded_column(column: Any) -> Any:
    """A column of texts with one dictionary, as they were before apostrophes were put in front of formulas."""
    import pyarrow as pa
    from pyarrow import compute

    column = column.unify_dictionaries()
    if not column.num_chunks or not compute.any(compute.starts_with(column.chunk(0).dictionary, "'")).as_py():
        return column
    # Two cells may have stood for one text.
    plain = pa.array([unguarded(text) for text in column.chunk(0).dictionary.to_pylist()], pa.string())
    plain = plain.dictionary_encode()
    return pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(plain.indices.take(chunk.indices), plain.dictionary)
            for chunk in column.chunks
        ],
        column.type,
    )


def header_end(content: bytes, start: int = 0) -> int:
    """Where the first line, which begins at ``start``, ends: its line break included."""
    head = content[start : start + _HEADER_BYTES]
    ends = [at for at in (head.find(b"\r"), head.find(b"\n")) if at >= 0]
    if not ends:
        return len(content)
    return start + min(ends) + (2 if head[min(ends) : min(ends) + 2] == b"\r\n" else 1)


def read_rows(rows: Rows, start: int, end: int) -> Any:
    """The rows that stand between two places of a CSV, as an Arrow table with those of COLUMNS that it has.

    One thread: more take more processor time. ArrowException for what is no CSV, not UTF-8, or no number.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types: dict[str, Any] = {column: pa.dictionary(pa.int32(), pa.string()) for column in TEXT_COLUMNS}
    types |= dict.fromkeys(NUMBER_COLUMNS, pa.float64())
    wanted = [column for column in COLUMNS if column in rows.header]
    part = pa.py_buffer(rows.content).slice(start, end - start)
    if not part.size:
        return pa.table({column: pa.array([], types[column]) for column in wanted})
    return arrow_csv.read_csv(
        pa.BufferReader(part),
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=list(rows.header)),
        parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=wanted, null_values=[""], strings_can_be_null=True
        ),
    )


def unreadable(name: str, cause: Exception | None) -> ResultsError:
    """The error for a table of which nothing more is known than what Arrow says."""
    reason = reason_of(cause) if cause else "unknown reason"
    return ResultsError(f"{name} cannot be read as CSV ({reason}).")


def _blocks(content: bytes, start: int, last: int) -> Iterator[tuple[int, int]]:
    """(start, end) of pieces, up to the place ``last``, that end with a line break outside of quotes."""
    while start < last:
        end, quotes = start, 0
        while end < last and (end == start or quotes % 2):
            stop = content.find(b"\n", end + _BLOCK_BYTES, last) + 1 or last
            if content.find(b'"', end, stop) >= 0:  # Mostly there is none, and counting takes five times as long.
                quotes += content.count(b'"', end, stop)
            end = stop
        yield start, end
        start = end


def _searched(content: bytes, start: int, end: int) -> bytes:
    """The part of a block that is searched: all of it, but where quotation marks hide its line breaks."""
    if end <= start + 2 * _BLOCK_BYTES:
        return content[start:end]
    part = content[start : start + _BLOCK_BYTES]
    return part[: part.rfind(b"\n") + 1] or part


def _has_nan(rows: Any) -> bool:
    """Whether a number was written out as NaN; an empty cell is null."""
    from pyarrow import compute

    columns = (rows[column] for column in NUMBER_COLUMNS if column in rows.column_names)
    return any(compute.any(compute.is_nan(column)).as_py() for column in columns)


def _records(block: bytes, *, strict: bool) -> Iterator[list[str]]:
    yield from csv.reader(io.TextIOWrapper(io.BytesIO(block), encoding="utf-8", newline=""), strict=strict)


def _first_error(
    block: bytes, header: Sequence[str], name: str, cause: Exception | None, first_row: int
) -> ResultsError:
    """What is wrong with the first faulty record of a block, found by reading it slowly."""
    try:
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as error:
            before = sum(1 for _ in _records(block[: error.start] + b"x", strict=False)) - 1
            return ResultsError(f"{name}, row {first_row + before}: not UTF-8 ({error.reason}); save it as UTF-8.")
        for row, cells in enumerate(_records(block, strict=True), start=first_row):
            if len(cells) != len(header):
                return ResultsError(
                    f"{name}, row {row}: {counted(len(cells), 'cell')} where the header has {len(header)} columns."
                )
            for column, value in zip(header, cells, strict=True):
                if column in NUMBER_COLUMNS and value != "" and not _is_number(value):
                    return ResultsError(
                        f"{name}, row {row}, column {column}: {value[:60]!r} is not a number "
                        "(use a decimal point; leave the cell empty if the value was not measured)."
                    )
    except csv.Error as error:
        return ResultsError(f"{name} is not well-formed CSV ({error}); check its quotation marks.")
    return unreadable(name, cause)


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text)) and "_" not in text
    except ValueError:
        return False
