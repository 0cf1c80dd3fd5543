"""What may stand in a results table: the ranges of its numbers, rates that fit the sizes, keys that occur once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.rows import INTEGER_COLUMNS, KEY_COLUMNS, LARGEST, NUMBER_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


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
_ROUNDING = 1e-6  # Tolerance for rounded values at a bound.
_RATE_ROUNDING = 0.001  # Allowed deviation of bpp from 8 num_bytes / pixels: absolute (bpp) plus relative.


def check_table(table: pd.DataFrame, *, name: str, first_row: int = 2) -> None:
    """Check keys, ranges and the rate of a table with COLUMNS; ResultsError naming file, row, column and value.

    first_row: the number, in the file, of the table's first row.
    """
    check_present({column: table[column].isna().to_numpy() for column in KEY_COLUMNS}, name=name, first_row=first_row)
    check_numbers({column: table[column].to_numpy() for column in NUMBER_COLUMNS}, name=name, first_row=first_row)
    codes = [table[column].astype("category").cat.codes.to_numpy("int64") for column in KEY_COLUMNS]

    def key(position: int) -> str:
        return ", ".join(str(table[column].iloc[position]) for column in KEY_COLUMNS)

    check_unique(codes, key, name=name, first_row=first_row)


def check_present(absent: Mapping[str, NDArray[Any]], *, name: str, first_row: int) -> None:
    """ResultsError for the first cell of a key that is empty. absent: by key column, whether a row has none."""
    for column, missing in absent.items():
        if missing.any():
            row = int(missing.argmax()) + first_row
            raise ResultsError(f"{name}, row {row}, column {column}: the cell is empty, but every row needs one.")


def check_numbers(columns: Mapping[str, NDArray[Any]], *, name: str, first_row: int) -> None:
    """ResultsError for the first value of a column that is out of its range, or for a rate that does not fit the size.

    columns: number columns by name, all of one length, NaN where nothing was measured.
    """

    def fail(wrong: NDArray[Any], column: str, complaint: str) -> None:
        _fail(wrong, columns[column], f"{name}, row", first_row, column, complaint)

    for column, values in columns.items():
        check_range(column, values, name=name, first_row=first_row)
        if column in INTEGER_COLUMNS:
            fail(values % 1 > 0, column, "is not a whole number")
    expected = columns["num_bytes"] * 8 / (columns["width"] * columns["height"])
    wrong = abs(columns["bpp"] - expected) > _RATE_ROUNDING * (1 + expected)
    rate = f"{expected[int(wrong.argmax())]:.6g}" if wrong.any() else ""
    fail(wrong, "bpp", f"does not fit num_bytes, width and height, from which {rate} bits per pixel follow")


def check_range(column: str, values: NDArray[Any], *, name: str, first_row: int = 1) -> None:
    """ResultsError for the first of a number column's values that is out of its range; NaN: not measured."""
    span = _SPANS[column]
    wrong = (values <= span.low) if span.open_low else (values < span.low - _ROUNDING)
    wrong |= (values > span.high + _ROUNDING) & (values != math.inf if span.infinite else True)
    wrong |= abs(values) == math.inf if not span.infinite else values == -math.inf
    _fail(wrong, values, f"{name}, row", first_row, column, f"is out of range, it must be {span}")


def _fail(wrong: NDArray[Any], values: NDArray[Any], where: str, first_row: int, column: str, complaint: str) -> None:
    if wrong.any():
        position = int(wrong.argmax())
        raise ResultsError(f"{where} {position + first_row}, column {column}: {values[position]} {complaint}.")


def check_unique(codes: Sequence[NDArray[Any]], key: Callable[[int], str], *, name: str, first_row: int = 2) -> None:
    """ResultsError for the first row whose key an earlier one has.

    codes: for each of KEY_COLUMNS, a number for each row's text, from 0. key: the texts of a row, by its position.
    """
    keys = (codes[0] * (codes[1].max(initial=0) + 1) + codes[1]) * (codes[2].max(initial=0) + 1) + codes[2]
    found = first_repeated(keys)
    if found is not None:
        first, position = found
        raise repeated(key(position), first + first_row, position + first_row, name=name)


def repeated(key: str, first: int, row: int, *, name: str) -> ResultsError:
    """The error for a row whose key an earlier one has."""
    return ResultsError(
        f"{name}, row {row}: ({key}) repeats row {first}; the combination of dataset, image and variant must be unique."
    )


def first_repeated(keys: NDArray[Any]) -> tuple[int, int] | None:
    """(first position, position of the first repetition) of a key that occurs twice, or None."""
    import pandas as pd

    duplicated = pd.Series(keys).duplicated().to_numpy()
    if not duplicated.any():
        return None
    position = int(duplicated.argmax())
    return int((keys == keys[position]).argmax()), position
