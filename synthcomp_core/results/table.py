"""Reading results tables: parsing the CSV file fast, and checking it so that an error names file, row and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError
from synthcomp_core.results.rows import (
    COLUMNS,
    INTEGER_COLUMNS,
    KEY_COLUMNS,
    LARGEST,
    NEEDED_COLUMNS,
    NUMBER_COLUMNS,
    OPTIONAL_COLUMNS,
    TEXT_COLUMNS,
    ResultRow,
)
from synthcomp_core.results.text_tables import guarded, unguarded
from synthcomp_core.storage import read_file

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Span:
    """The values a column may hold. open_low: the lower bound itself is excluded. infinite: inf is allowed."""

    low: float
    high: float = math.inf
    open_low: bool = False
    infinite: bool = False

    def __str__(self) -> str:
        if math.isinf(self.low):
            return "finite" if math.isinf(self.high) else f"at most {self.high:g}"
        low = f"above {self.low:g}" if self.open_low else f"at least {self.low:g}"
        return low if math.isinf(self.high) else f"{low} and at most {self.high:g}"


_HUGE = 1e9  # Beyond any rate, time or setting; sums and squares of such values stay finite.
_SPANS: dict[str, _Span] = {
    **dict.fromkeys(("bpp", "bpp_estimated", "encode_s", "decode_s", "upscale_s"), _Span(0.0, _HUGE)),
    "num_bytes": _Span(0.0, LARGEST),
    **dict.fromkeys(("width", "height"), _Span(0.0, 2.0**31, open_low=True)),
    **dict.fromkeys(("lmbda", "scale"), _Span(0.0, _HUGE, open_low=True)),
    **dict.fromkeys(("psnr_rgb", "psnr_y"), _Span(0.0, 1000.0, infinite=True)),
    **dict.fromkeys(("ssim_rgb", "ssim_y"), _Span(-1.0, 1.0)),
    **dict.fromkeys(("msssim_rgb", "msssim_y", "flip"), _Span(0.0, 1.0)),
    "ssimulacra2": _Span(-_HUGE, 100.0),
    "quality": _Span(-_HUGE, _HUGE),
}
_HEADER_BYTES = 65536
_ROUNDING = 1e-6  # Tolerance for rounded values at a bound.
_RATE_ROUNDING = 0.001  # Allowed deviation of bpp from 8 num_bytes / pixels: absolute (bpp) plus relative.


def read_results(path: Path) -> pd.DataFrame:
    """The checked table in a results file of this project; columns and errors as for :func:`parse_results`."""
    try:
        content = read_file(path, max_bytes=limits.RESULTS_BYTES)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror or error}).") from error
    return parse_results(content, name=path.name)


def parse_results(content: bytes, *, name: str) -> pd.DataFrame:
    """The checked table in the bytes of a results CSV: exactly COLUMNS, one row per image and variant.

    Text columns are categories, number columns float64; missing = NaN. A torn last line (the writer is still at work,
    or was killed) is left out. Anything else wrong is a ResultsError that names file, row (the header is row 1),
    column and value.
    """
    table = unchecked_table(content, name=name)
    check_table(table, name=name)
    return table


def unchecked_table(content: bytes, *, name: str) -> pd.DataFrame:
    """As :func:`parse_results`, but without the checks of :func:`check_table` on keys and ranges."""
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    content, header = _checked_header(content, name)
    wanted = [column for column in COLUMNS if column in header]
    types = {column: pa.dictionary(pa.int32(), pa.string()) for column in TEXT_COLUMNS}
    types |= {column: pa.float64() for column in NUMBER_COLUMNS}
    try:
        arrow = arrow_csv.read_csv(
            pa.BufferReader(content),
            parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowException as error:
        raise _first_error(content, header, name, error) from error
    for column in NUMBER_COLUMNS:
        # An empty cell is null; what is NaN here was written out as such.
        if column in wanted and compute.any(compute.is_nan(arrow[column])).as_py():
            raise _first_error(content, header, name, None)
    # Split blocks: pandas would copy the columns together.
    table: pd.DataFrame = arrow.to_pandas(split_blocks=True).reindex(columns=list(COLUMNS))
    for column in TEXT_COLUMNS:
        if column in wanted:
            table[column] = table[column].cat.rename_categories(unguarded)
    for column in set(OPTIONAL_COLUMNS) - set(header):
        table[column] = table[column].astype("object" if column in TEXT_COLUMNS else "float64")
        if column in TEXT_COLUMNS:
            table[column] = table[column].astype("category")
    return table


def _checked_header(content: bytes, name: str) -> tuple[bytes, list[str]]:
    """The content without byte order mark, torn last line and trailing blank lines; and the column names."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content[:4096].strip() and not content.strip():  # The content may be large: avoid copies.
        raise ResultsError(f"{name} is empty; expected a results table with the columns {', '.join(COLUMNS)}.")
    if b"\0" in content:
        raise ResultsError(f"{name} is not text (it holds zero bytes); expected a results table as UTF-8 CSV.")
    line = content[:_HEADER_BYTES].splitlines()[0]
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
    if not content.endswith((b"\n", b"\r")):
        body, _, last = content.rpartition(b"\n")
        try:
            torn = len(next(csv.reader([last.decode("utf-8", "replace")]), [])) < len(header)
        except csv.Error:  # A cell longer than any; the rows' reader says so.
            torn = False
        content = body if torn and body else content
    if not content.endswith(b"\n") or content.endswith((b"\n\n", b"\r\n\r\n")):
        content = content.rstrip(b"\r\n") + b"\n"
    return content, header


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of every record below the header, the header being row 1."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    records = csv.reader(lines, strict=True)
    next(records, None)
    yield from enumerate(records, start=2)


def _first_error(content: bytes, header: list[str], name: str, cause: Exception | None) -> ResultsError:
    """What is wrong with the first faulty record, found by reading the file slowly."""
    try:
        for row, cells in _records(content):
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
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        return ResultsError(f"{name}, row {row} or later: not UTF-8 ({error.reason}); save it as UTF-8.")
    except csv.Error as error:
        return ResultsError(f"{name} is not well-formed CSV ({error}); check its quotation marks.")
    return ResultsError(f"{name} cannot be read as CSV ({str(cause).splitlines()[0] if cause else 'unknown reason'}).")


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text)) and "_" not in text
    except ValueError:
        return False


def check_table(table: pd.DataFrame, *, name: str, first_row: int = 2) -> None:
    """Check keys, ranges and the rate of a table with COLUMNS; ResultsError naming file, row, column and value.

    first_row: the number, in the file, of the table's first row.
    """

    def fail(position: int, column: str, complaint: str) -> ResultsError:
        value = table[column].iloc[position]
        return ResultsError(f"{name}, row {position + first_row}, column {column}: {value} {complaint}.")

    for column in KEY_COLUMNS:
        absent = table[column].isna().to_numpy()
        if absent.any():
            row = int(absent.argmax()) + first_row
            raise ResultsError(f"{name}, row {row}, column {column}: the cell is empty, but every row needs one.")
    for column in NUMBER_COLUMNS:
        values = table[column].to_numpy()
        span = _SPANS[column]
        wrong = (values <= span.low) if span.open_low else (values < span.low - _ROUNDING)
        wrong |= (values > span.high + _ROUNDING) & (values != math.inf if span.infinite else True)
        wrong |= abs(values) == math.inf if not span.infinite else values == -math.inf
        if wrong.any():
            raise fail(int(wrong.argmax()), column, f"is out of range, it must be {span}")
        if column in INTEGER_COLUMNS:
            wrong = values % 1 > 0
            if wrong.any():
                raise fail(int(wrong.argmax()), column, "is not a whole number")
    bpp = table["bpp"].to_numpy()
    expected = (table["num_bytes"] * 8 / (table["width"] * table["height"])).to_numpy()
    wrong = abs(bpp - expected) > _RATE_ROUNDING * (1 + expected)
    if wrong.any():
        position = int(wrong.argmax())
        raise fail(
            position,
            "bpp",
            f"does not fit num_bytes, width and height, from which {expected[position]:.6g} bits per pixel follow",
        )
    codes = [table[column].astype("category").cat.codes.to_numpy("int64") for column in KEY_COLUMNS]
    keys = (codes[0] * (codes[1].max(initial=0) + 1) + codes[1]) * (codes[2].max(initial=0) + 1) + codes[2]
    repeated = _repeated(keys)
    if repeated is not None:
        first, position = repeated
        key = ", ".join(str(table[column].iloc[position]) for column in KEY_COLUMNS)
        raise ResultsError(
            f"{name}, row {position + first_row}: ({key}) repeats row {first + first_row}; "
            "the combination of dataset, image and variant must be unique."
        )


def _repeated(keys: Sequence[int]) -> tuple[int, int] | None:
    """(first position, position of the first repetition) of a key that occurs twice, or None."""
    import pandas as pd

    series = pd.Series(keys)
    duplicated = series.duplicated().to_numpy()
    if not duplicated.any():
        return None
    position = int(duplicated.argmax())
    return int((series == series.iloc[position]).to_numpy().argmax()), position


def rows_table(rows: Iterable[ResultRow], *, name: str = "The rows", first_row: int = 1) -> pd.DataFrame:
    """The checked table of these rows, as :func:`parse_results` returns it; ResultsError naming row, column, value."""
    import pandas as pd

    rows = list(rows)
    columns = {}
    for column in COLUMNS:
        values = [getattr(row, column) for row in rows]
        columns[column] = pd.Series(values, dtype="object" if column in TEXT_COLUMNS else "float64")
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
