"""Reading results tables: parsing the CSV file fast, and checking it so that an error names file, row and column."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError, reason_of
from synthcomp_core.results.rows import (
    COLUMNS,
    INTEGER_COLUMNS,
    KEY_COLUMNS,
    NEEDED_COLUMNS,
    OPTIONAL_COLUMNS,
    TEXT_COLUMNS,
    ResultRow,
)
from synthcomp_core.results.table_blocks import Rows, check_blocks, header_end, read_rows, unguarded_column, unreadable
from synthcomp_core.results.table_checks import check_table, check_unique, repeated
from synthcomp_core.results.text_tables import guarded
from synthcomp_core.storage import read_file

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "check_table",
    "parse_results",
    "read_results",
    "rows_table",
    "table_rows",
    "table_to_csv",
    "unchecked_table",
]


_HEADER_BYTES = 65536


def read_results(path: Path) -> pd.DataFrame:
    """The checked table in a results file of this project; columns and errors as for :func:`parse_results`."""
    try:
        content = read_file(path, max_bytes=limits.RESULTS_BYTES)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({reason_of(error)}).") from error
    return parse_results(content, name=path.name)


def parse_results(content: bytes, *, name: str) -> pd.DataFrame:
    """The checked table in the bytes of a results CSV: exactly COLUMNS, one row per image and variant.

    Text columns are categories, number columns float64; missing = NaN. A torn last line (the writer is still at work,
    or was killed) is left out. Anything else wrong is a ResultsError that names file, row (the header is row 1),
    column and value. All is checked before the table is made, which takes most of the time and memory.
    """
    rows = _checked_header(content, name)
    are_unique = check_blocks(rows, name=name)
    arrow = _arrow_table(rows, name)
    if not are_unique:
        check_unique([_indices(arrow[column]) for column in KEY_COLUMNS], partial(_key, arrow), name=name)
    return _pandas_table(arrow)


def unchecked_table(content: bytes, *, name: str) -> pd.DataFrame:
    """As :func:`parse_results`, but without the checks of :func:`check_table` on keys and ranges."""
    return _pandas_table(_arrow_table(_checked_header(content, name), name))


def _arrow_table(rows: Rows, name: str) -> Any:
    """The columns of COLUMNS that there are, as Arrow has them; one dictionary for each column of text."""
    import pyarrow as pa

    try:
        arrow = read_rows(rows, rows.start, rows.end)
    except pa.ArrowException as error:
        check_blocks(rows, name=name)
        raise unreadable(name, error) from error
    for index, column in enumerate(arrow.column_names):
        if column in TEXT_COLUMNS:
            arrow = arrow.set_column(index, column, unguarded_column(arrow[column]))
    return arrow


def _indices(column: Any) -> NDArray[np.int64]:
    import numpy as np

    parts = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    indices: NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
    return indices


def _key(arrow: Any, position: int) -> str:
    return ", ".join(str(arrow[column][position].as_py()) for column in KEY_COLUMNS)


def _pandas_table(arrow: Any) -> pd.DataFrame:
    # Split blocks: pandas would copy the columns together.
    table: pd.DataFrame = arrow.to_pandas(split_blocks=True).reindex(columns=list(COLUMNS))
    for column in set(OPTIONAL_COLUMNS) - set(arrow.column_names):
        table[column] = table[column].astype("object" if column in TEXT_COLUMNS else "float64")
        if column in TEXT_COLUMNS:
            table[column] = table[column].astype("category")
    return table


def _checked_header(content: bytes, name: str) -> Rows:
    """Where the rows of a table stand, without torn last line and trailing blank lines. Large content is not copied."""
    if not content[:4096].strip() and not content.strip():
        raise ResultsError(f"{name} is empty; expected a results table with the columns {', '.join(COLUMNS)}.")
    if b"\0" in content:
        raise ResultsError(f"{name} is not text (it holds zero bytes); expected a results table as UTF-8 CSV.")
    lines = max(content.count(b"\n"), content.count(b"\r"))
    if lines > limits.RESULTS_ROWS:
        raise ResultsError(
            f"{name} has {lines:,} lines, and at most {limits.RESULTS_ROWS:,} are read; split it into several tables."
        )
    line = content[:_HEADER_BYTES].removeprefix(BOM_UTF8).splitlines()[0]
    try:
        header = next(csv.reader([line.decode("utf-8")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{name}, row 1: the header is not UTF-8 CSV ({error}); save it as UTF-8.") from error
    header = [column.strip() for column in header]
    missing = [column for column in COLUMNS if column not in header and column not in OPTIONAL_COLUMNS]
    if len(missing) > len(COLUMNS) // 2:
        start = line.decode("utf-8")[:60]
        raise ResultsError(
            f"{name} is not a results table: its first line is {start!r}, expected comma-separated columns, "
            f"{NEEDED_COLUMNS}."
        )
    if missing:
        raise ResultsError(f"{name}, row 1: the column {missing[0]} is missing; a table has {', '.join(COLUMNS)}.")
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise ResultsError(f"{name}, row 1: the column {twice[0]!r} occurs twice; keep one.")
    begin = header_end(content, len(BOM_UTF8) if content.startswith(BOM_UTF8) else 0)
    return Rows(content, tuple(header), begin, max(begin, _rows_end(content, len(header))))


def _rows_end(content: bytes, columns: int) -> int:
    """Where the last row ends, with its line break: before a last line with too few cells and before blank lines."""
    end = len(content)
    if not content.endswith((b"\n", b"\r")):
        last = content.rfind(b"\n") + 1
        try:
            torn = len(next(csv.reader([content[last:].decode("utf-8", "replace")]), [])) < columns
        except csv.Error:  # A cell longer than any; the rows' reader says so.
            torn = False
        end = last if torn and last > 1 else end
    while end and content[end - 1] in b"\r\n":
        end -= 1
    return end + len(re.match(rb"(\r\n|\n|\r)?", content[end : end + 2])[0])  # type: ignore[index]


def _check_repeated(rows: list[ResultRow], *, name: str, first_row: int) -> None:
    """ResultsError for a row whose key an earlier one has, before a table of them takes time and memory."""
    positions: dict[tuple[str, ...], int] = {}
    key_of = attrgetter(*KEY_COLUMNS)
    for position, row in enumerate(rows):
        key = key_of(row)
        first = positions.setdefault(key, position)
        if first != position and all(key):  # What is empty is named by the next check.
            raise repeated(", ".join(key), first + first_row, position + first_row, name=name)


def rows_table(rows: Iterable[ResultRow], *, name: str = "The rows", first_row: int = 1) -> pd.DataFrame:
    """The checked table of these rows, as :func:`parse_results` returns it; ResultsError naming row, column, value."""
    import pandas as pd

    rows = list(rows)
    _check_repeated(rows, name=name, first_row=first_row)
    cells = zip(*map(attrgetter(*COLUMNS), rows), strict=True) if rows else ((),) * len(COLUMNS)
    columns = {
        column: pd.Series(values, dtype="object" if column in TEXT_COLUMNS else "float64")
        for column, values in zip(COLUMNS, cells, strict=True)
    }
    table = pd.DataFrame(columns)
    for column in TEXT_COLUMNS:
        table[column] = table[column].replace("", None).astype("category")
    check_table(table, name=name, first_row=first_row)
    return table


def table_rows(table: pd.DataFrame) -> list[ResultRow]:
    """The rows of a table with COLUMNS."""
    columns = []
    for column in COLUMNS:
        values = table[column].astype("object").where(table[column].notna(), None).tolist()
        if column in INTEGER_COLUMNS:
            values = [None if value is None else int(value) for value in values]
        columns.append(values)
    return [ResultRow(*values) for values in zip(*columns, strict=True)]


def table_to_csv(table: pd.DataFrame) -> str:
    """A table with COLUMNS as CSV in our format; fast for large tables."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = table.loc[:, list(COLUMNS)].copy()
    for column in INTEGER_COLUMNS:
        table[column] = table[column].astype("Int64")
    for column in TEXT_COLUMNS:
        # Arrow cannot write categories that have no value.
        values = table[column].astype("object").where(table[column].notna(), None)
        table[column] = values.map(guarded, na_action="ignore")
    schema = [
        pa.field(name, pa.string() if name in TEXT_COLUMNS else pa.int64() if name in INTEGER_COLUMNS else pa.float64())
        for name in COLUMNS
    ]
    arrow = pa.Table.from_pandas(table, schema=pa.schema(schema), preserve_index=False)
    output = io.BytesIO()
    output.write((",".join(COLUMNS) + "\n").encode())
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    arrow_csv.write_csv(arrow, output, options)
    return output.getvalue().decode("utf-8")


def without_rate(table: pd.DataFrame, metric: str | None = None) -> list[str]:
    """The variants that were measured (by this metric, if given) but whose rate is not known: no curve has them.

    Where it is known of some images, the others are counted: "files:mine (2 of 3 images)".
    """
    measured = table[table["error"].isna() if metric is None else table["error"].isna() & table[metric].notna()]
    lacking = measured.loc[measured["bpp"].fillna(measured["bpp_estimated"]).isna(), "variant"]
    of = measured["variant"].value_counts()
    counts = {name: (lacking.eq(name).sum(), of[name]) for name in lacking.unique()}
    return [f"{name}" if none == all_ else f"{name} ({none} of {all_} images)" for name, (none, all_) in counts.items()]
