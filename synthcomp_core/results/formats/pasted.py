"""A curve pasted as text, as papers and repositories print them: a line per point, its rate and its metric."""

from __future__ import annotations

import re

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError
from synthcomp_core.metrics import DECIBEL_METRICS, METRICS
from synthcomp_core.results.formats.loaded import LoadedResults, id_part, of_decibels, parsed_number
from synthcomp_core.results.rows import MEAN_IMAGE, ResultRow
from synthcomp_core.results.table import rows_table

_BETWEEN = re.compile(r"[,;\s]+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
_MAX_POINTS = 1000


def parse_pasted(text: str, *, metric: str, curve: str, dataset: str) -> LoadedResults:
    """The curve in lines of ``bpp, value``: two numbers separated by a comma, semicolon, tab or spaces.

    metric: a name in METRICS, of the values. curve: how it is called. dataset: the images that it is a mean over.
    Empty lines, lines beginning with # and a first line of column names are passed over. SSIM and MS-SSIM above 1 are
    taken for -10 log10(1 - value). ResultsError naming the line and what is wrong with it.

    >>> loaded = parse_pasted("0.25, 31.5", metric="psnr_rgb", curve="VTM 22", dataset="kodak")
    >>> list(loaded.table["variant"]), list(loaded.table["psnr_rgb"])
    (['vtm-22-p1'], [31.5])
    """
    if metric not in METRICS:
        raise ResultsError(f"Unknown metric {metric!r}: use {', '.join(METRICS)}.")
    if len(text) > limits.PASTED_CHARACTERS:
        raise ResultsError(
            f"The pasted text has {len(text):,} characters, and at most {limits.PASTED_CHARACTERS:,} are read; "
            "add it as a file."
        )
    points = _points(text)
    if not points:
        raise ResultsError("The pasted text has no points; paste a line per point, as in 0.25, 31.5.")
    if len(points) > _MAX_POINTS:
        raise ResultsError(f"The pasted text has {len(points):,} points; a curve has at most {_MAX_POINTS:,}.")
    notes: tuple[str, ...] = ()
    if metric in DECIBEL_METRICS and min(value for _, value in points) > 1:
        points = [(rate, of_decibels(value)) for rate, value in points]
        notes = (f"{METRICS[metric].label} above 1 was read as decibels, -10 log10(1 - value).",)
    codec = id_part(curve)
    rows = [
        ResultRow(
            dataset,
            MEAN_IMAGE,
            variant=f"{codec}-p{number}",
            codec=codec,
            bpp=rate,
            **{metric: value},  # type: ignore[arg-type]
        )
        for number, (rate, value) in enumerate(points, start=1)
    ]
    return LoadedResults(rows_table(rows, name="The pasted curve"), curve, "pasted", notes)


def _points(text: str) -> list[tuple[float, float]]:
    points = []
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for position, (number, line) in enumerate(lines):
        cells = [cell for cell in _BETWEEN.split(line) if cell]
        if position == 0 and not any(_NUMBER.fullmatch(cell) for cell in cells):
            continue  # Column names.
        if len(cells) != 2:
            raise ResultsError(f"Line {number} of the pasted text is {line[:60]!r}; expected two numbers: bpp, metric.")
        rate = parsed_number(cells[0], f"Line {number} of the pasted text, bpp")
        if rate <= 0:
            raise ResultsError(f"Line {number} of the pasted text has the rate {rate:g}; it must be above 0 bpp.")
        points.append((rate, parsed_number(cells[1], f"Line {number} of the pasted text, metric")))
    return points
