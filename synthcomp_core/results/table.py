"""The results table: one row an image x variant; appending, reading and checking its CSV file.

UTF-8, comma, '.' decimals, empty = not measured, ``inf`` only as a PSNR. Other people's formats: results_formats.py.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from synthcomp_core.errors import ResultsError
from synthcomp_core.storage import write_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ResultRow:
    """One image through one variant; None = not measured.

    (dataset, image, variant) names the row. width, height: of the reference, in pixels. num_bytes: of the bitstream;
    bpp: its bits a reference pixel; bpp_estimated: the same from likelihoods. psnr_*: dB, inf when identical. Times in
    seconds. precision, device: what the codec computed in ("bfloat16") and on ("cpu"); upscaler_*: the same of the
    upscaler. error: why the task failed, one line.
    """

    dataset: str
    image: str
    width: int | None = None
    height: int | None = None
    variant: str = ""
    codec: str | None = None
    quality: float | None = None
    lmbda: float | None = None
    distortion: str | None = None
    trained_on: str | None = None
    scale: float | None = None
    upscaler: str | None = None
    num_bytes: int | None = None
    bpp: float | None = None
    bpp_estimated: float | None = None
    psnr_rgb: float | None = None
    psnr_y: float | None = None
    ssim_rgb: float | None = None
    ssim_y: float | None = None
    msssim_rgb: float | None = None
    msssim_y: float | None = None
    flip: float | None = None
    ssimulacra2: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    upscale_s: float | None = None
    precision: str | None = None
    device: str | None = None
    upscaler_precision: str | None = None
    upscaler_device: str | None = None
    error: str | None = None


COLUMNS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(ResultRow))
KEY_COLUMNS: tuple[str, ...] = ("dataset", "image", "variant")
MACHINE_COLUMNS: tuple[str, ...] = ("precision", "device", "upscaler_precision", "upscaler_device")
TEXT_COLUMNS: tuple[str, ...] = (
    *(*KEY_COLUMNS, "codec", "distortion", "trained_on", "upscaler"),
    *(*MACHINE_COLUMNS, "error"),
)
NUMBER_COLUMNS: tuple[str, ...] = tuple(name for name in COLUMNS if name not in TEXT_COLUMNS)
OPTIONAL_COLUMNS: tuple[str, ...] = ("ssimulacra2", *MACHINE_COLUMNS)  # Tables of older versions lack them.
METRIC_COLUMNS: tuple[str, ...] = COLUMNS[COLUMNS.index("psnr_rgb") : COLUMNS.index("ssimulacra2") + 1]
INTEGER_COLUMNS: tuple[str, ...] = ("width", "height", "num_bytes")
MEAN_IMAGE = "(mean)"  # Stands for the image in a row of published means over a whole data set.


@dataclass(frozen=True)
class _Span:
    """The values a column may hold. open_low: the lower bound itself is out. infinite: inf is allowed."""

    low: float
    high: float = math.inf
    open_low: bool = False
    infinite: bool = False

    def __str__(self) -> str:
        if math.isinf(self.low):
            return "finite" if math.isinf(self.high) else f"at most {self.high:g}"
        low = f"above {self.low:g}" if self.open_low else f"at least {self.low:g}"
        return low if math.isinf(self.high) else f"{low} and at most {self.high:g}"


_POSITIVE = _Span(0.0, open_low=True)
_SPANS: dict[str, _Span] = {
    **dict.fromkeys(("num_bytes", "bpp", "bpp_estimated", "encode_s", "decode_s", "upscale_s"), _Span(0.0)),
    **dict.fromkeys(("width", "height", "lmbda", "scale"), _POSITIVE),
    **dict.fromkeys(("psnr_rgb", "psnr_y"), _Span(0.0, infinite=True)),
    **dict.fromkeys(("ssim_rgb", "ssim_y"), _Span(-1.0, 1.0)),
    **dict.fromkeys(("msssim_rgb", "msssim_y", "flip"), _Span(0.0, 1.0)),
    "ssimulacra2": _Span(-math.inf, 100.0),
    "quality": _Span(-math.inf),
}
_HEADER_BYTES = 65536
_ROUNDING = 1e-6  # By this much a rounded value may lie beyond its bound.
_RATE_ROUNDING = 0.001  # So far, in bits a pixel or as a share, may a rounded bpp lie from that of num_bytes.


def rows_to_csv(rows: Iterable[ResultRow], *, header: bool = True) -> str:
    """The rows as CSV text, a line each, under the header unless told otherwise."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.split())  # A row is one line, so that a torn one can be told.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def append_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Add rows to the end of a results file, made with its header when missing.

    The rows go out in one write under a lock, so that readers and other writers meet whole rows; a row torn by a
    writer that was killed is cut off first. ResultsError when the file has other columns.
    """
    import fcntl

    rows = list(rows)
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = _cut_torn_row(file)
        if size:
            file.seek(0)
            found = file.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
            if found != ",".join(COLUMNS):
                raise ResultsError(f"{path.name} has other columns than the results table; append to another file.")
        content = rows_to_csv(rows, header=not size).encode("utf-8")
        while content:
            content = content[os.write(file.fileno(), content) :]
        os.fsync(file.fileno())


def _cut_torn_row(file: BinaryIO | io.RawIOBase) -> int:
    """Cut what follows the last line break; the size left, in bytes."""
    size = file.seek(0, os.SEEK_END)
    end = size
    while end:
        start = max(end - 65536, 0)
        file.seek(start)
        last = (file.read(end - start) or b"").rfind(b"\n")
        if last >= 0:
            end = start + last + 1
            break
        end = start
    if end < size:
        file.truncate(end)
    return end


def write_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Write a results file with these rows, whole or not at all."""
    write_text(path, rows_to_csv(rows))


def replace_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Put rows in place of those with the same (dataset, image, variant), at the end, whole or not at all."""
    rows = list(rows)
    new = {(row.dataset, row.image, row.variant) for row in rows}
    old = table_rows(read_results(path)) if path.exists() else []
    write_rows(path, [row for row in old if (row.dataset, row.image, row.variant) not in new] + rows)


def read_results(path: Path) -> pd.DataFrame:
    """The checked table in a results file of this project; see :func:`parse_results` for columns and errors."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror}).") from error
    return parse_results(content, name=path.name)


def parse_results(content: bytes, *, name: str) -> pd.DataFrame:
    """The checked table in the bytes of a results CSV: exactly COLUMNS, one row an image x variant.

    Text columns are categories, number columns float64; missing = NaN. A last line torn in the middle (a writer at
    work, or killed) is left out. ResultsError naming file, row (the header is row 1), column and value otherwise.
    """
    table = unchecked_table(content, name=name)
    check_table(table, name=name)
    return table


def unchecked_table(content: bytes, *, name: str) -> pd.DataFrame:
    """As :func:`parse_results`, but keys and ranges are left to :func:`check_table`."""
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
    table = arrow.to_pandas(split_blocks=True).reindex(columns=list(COLUMNS))  # Columns are not copied together.
    for column in set(OPTIONAL_COLUMNS) - set(header):
        table[column] = table[column].astype("object" if column in TEXT_COLUMNS else "float64")
        if column in TEXT_COLUMNS:
            table[column] = table[column].astype("category")
    return table


def _checked_header(content: bytes, name: str) -> tuple[bytes, list[str]]:
    """The content without byte order mark, torn last line and trailing blank lines; and the column names."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content[:4096].strip() and not content.strip():  # The content may be large; copy it no more than need be.
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
            f"{name} is not a results table: its first line is {start!r}, expected the comma-separated columns "
            f"{', '.join(COLUMNS[:4])}, ..."
        )
    if missing:
        raise ResultsError(f"{name}, row 1: the column {missing[0]} is missing; a table has {', '.join(COLUMNS)}.")
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise ResultsError(f"{name}, row 1: the column {twice[0]!r} occurs twice; keep one.")
    if not content.endswith((b"\n", b"\r")):
        body, _, last = content.rpartition(b"\n")
        torn = len(next(csv.reader([last.decode("utf-8", "replace")]), [])) < len(header)
        content = body if torn and body else content
    if not content.endswith(b"\n") or content.endswith((b"\n\n", b"\r\n\r\n")):
        content = content.rstrip(b"\r\n") + b"\n"
    return content, header


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of every record below the header, the header being row 1."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    yield from enumerate(list(csv.reader(lines, strict=True))[1:], start=2)


def _first_error(content: bytes, header: list[str], name: str, cause: Exception | None) -> ResultsError:
    """What is wrong in the first record that is, found by reading slowly."""
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
                        "(decimals take a point; leave the cell empty when not measured)."
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
        wrong |= values > span.high + _ROUNDING
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
            f"does not fit num_bytes, width and height, which give {expected[position]:.6g} bits a pixel",
        )
    codes = [table[column].astype("category").cat.codes.to_numpy("int64") for column in KEY_COLUMNS]
    keys = (codes[0] * (codes[1].max(initial=0) + 1) + codes[1]) * (codes[2].max(initial=0) + 1) + codes[2]
    repeated = _repeated(keys)
    if repeated is not None:
        first, position = repeated
        key = ", ".join(str(table[column].iloc[position]) for column in KEY_COLUMNS)
        raise ResultsError(
            f"{name}, row {position + first_row}: ({key}) repeats row {first + first_row}; "
            "dataset, image and variant together must be unique."
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
    """The checked table of these rows, as :func:`parse_results` gives it. ResultsError naming row, column, value."""
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
