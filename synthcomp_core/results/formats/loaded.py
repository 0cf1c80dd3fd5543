"""What the reader of every format returns, and how all of them read numbers and names."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.rows import LARGEST

if TYPE_CHECKING:
    import pandas as pd

UNSTATED = "unstated"  # Stands for a data set that a file does not name.


@dataclass(frozen=True)
class LoadedResults:
    """A checked table (see ``parse_results``), the name of its file, its format, and notes on what reading changed."""

    table: pd.DataFrame
    name: str
    format: str
    notes: tuple[str, ...] = ()


def parsed_number(value: object, where: str) -> float:
    """The number in a cell or JSON value; ResultsError, beginning with ``where``, if it is none.

    >>> parsed_number("0.25", "row 2, column bpp")
    0.25
    >>> parsed_number("much", "row 2, column bpp")
    Traceback (most recent call last):
    synthcomp_core.errors.ResultsError: row 2, column bpp: 'much' is not a number.
    """
    try:
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise ValueError
        number = float(value)  # type: ignore[arg-type]
        if math.isnan(number):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ResultsError(f"{where}: {str(value)[:60]!r} is not a number.") from None
    return number


def whole_number(value: float) -> int:
    """A count as a whole number; ResultsError for one that is infinite or beyond what a table can hold.

    >>> whole_number(1234.0)
    1234
    """
    if not abs(value) <= LARGEST:
        raise ResultsError(f"{value:g} is larger than any count of bytes or pixels.")
    return int(value)


def of_decibels(value: float) -> float:
    """The SSIM or MS-SSIM whose -10 log10(1 - value) this is; far below 0 dB, which none is, a value out of range.

    >>> round(of_decibels(20.0), 6)
    0.99
    """
    return float(1 - 10 ** min(300.0, -value / 10))


def id_part(text: str) -> str:
    """``text`` as part of a variant id: lower case, hyphens between its words.

    >>> id_part("JPEG XL (effort 7)")
    'jpeg-xl-effort-7'
    """
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "unnamed"
