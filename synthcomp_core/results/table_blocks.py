"""The rows of a results CSV checked a block at a time: damage is found early, in little memory, wherever it stands."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.rows import COLUMNS, KEY_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS
from synthcomp_core.results.table_checks import check_numbers, check_present

_BLOCK_BYTES = 2**22  # Of a faulty block, so much is searched cell by cell, which takes 80 ns a byte.


def check_blocks(content: bytes, header: list[str], *, name: str) -> None:
    """ResultsError naming file, row, column and value for the first block of rows in which anything is wrong.

    content: a table without byte order mark and torn last line; header: the names in its first line. Whether keys
    occur twice is not looked at.
    """
    import pyarrow as pa

    first_row = 2
    for start, end in _blocks(content, header_end(content)):
        try:
            rows = read_rows(content, header, start=start, end=end)
        except pa.ArrowException as error:
            raise _first_error(_searched(content, start, end), header, name, error, first_row) from error
        if _has_nan(rows):
            raise _first_error(_searched(content, start, end), header, name, None, first_row)
        absent = {column: rows[column].is_null().to_numpy() for column in KEY_COLUMNS}
        check_present(absent, name=name, first_row=first_row)
        numbers = {column: rows[column].to_numpy() for column in NUMBER_COLUMNS if column in rows.column_names}
        check_numbers(numbers, name=name, first_row=first_row)
        first_row += rows.num_rows


def header_end(content: bytes) -> int:
    """Where the first line ends, its line break included."""
    ends = [at for at in (content.find(b"\r"), content.find(b"\n")) if at >= 0]
    if not ends:
        return len(content)
    return min(ends) + (2 if content[min(ends) : min(ends) + 2] == b"\r\n" else 1)


def read_rows(content: bytes, header: list[str], *, start: int, end: int | None = None) -> Any:
    """The rows that stand between two places of a CSV, as an Arrow table with those of COLUMNS that it has.

    One thread: more take more processor time. ArrowException for what is no CSV, not UTF-8, or no number.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types: dict[str, Any] = {column: pa.dictionary(pa.int32(), pa.string()) for column in TEXT_COLUMNS}
    types |= dict.fromkeys(NUMBER_COLUMNS, pa.float64())
    wanted = [column for column in COLUMNS if column in header]
    part = pa.py_buffer(content).slice(start, (len(content) if end is None else end) - start)
    if not part.size:
        return pa.table({column: pa.array([], types[column]) for column in wanted})
    return arrow_csv.read_csv(
        pa.BufferReader(part),
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=header),
        parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, include_columns=wanted, null_values=[""], strings_can_be_null=True
        ),
    )


def unreadable(name: str, cause: Exception | None) -> ResultsError:
    """The error for a table of which nothing more is known than what Arrow says."""
    reason = str(cause).splitlines()[0][:200] if cause else "unknown reason"
    return ResultsError(f"{name} cannot be read as CSV ({reason}).")


def _blocks(content: bytes, start: int) -> Iterator[tuple[int, int]]:
    """(start, end) of pieces that end with a line break outside of quotes."""
    while start < len(content):
        end, quotes = start, 0
        while end < len(content) and (end == start or quotes % 2):
            stop = content.find(b"\n", end + _BLOCK_BYTES) + 1 or len(content)
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


def _first_error(block: bytes, header: list[str], name: str, cause: Exception | None, first_row: int) -> ResultsError:
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
                    f"{name}, row {row}: {len(cells)} cells where the header has {len(header)} columns."
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
