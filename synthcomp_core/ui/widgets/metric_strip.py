"""The metric strip: what two variants cost and how close they come, the better one marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from synthcomp_core.metrics import METRICS
from synthcomp_core.results.table import ResultRow
from synthcomp_core.ui.widgets.text import plain

RAW_BYTES_PER_PIXEL = 3
BETTER = "◀"


@dataclass(frozen=True)
class StripColumn:
    """One column: heading with unit, the value of a row (None = not measured), decimals, and which way is better."""

    heading: str
    value: Callable[[ResultRow], float | None]
    decimals: int
    higher_is_better: bool


def _ratio_to_raw(row: ResultRow) -> float | None:
    if row.width is None or row.height is None or not row.num_bytes:
        return None
    return row.width * row.height * RAW_BYTES_PER_PIXEL / row.num_bytes


def strip_columns() -> list[StripColumn]:
    """The columns in the order in which they are shown."""
    columns = [
        StripColumn("bytes", lambda row: row.num_bytes, 0, False),
        StripColumn("bpp", lambda row: row.bpp, 4, False),
        StripColumn("raw : coded", _ratio_to_raw, 1, True),
    ]
    for name in ("psnr_rgb", "psnr_y", "ssim_rgb", "msssim_rgb", "flip"):
        info = METRICS[name]
        heading = f"{info.label} [{info.unit}]" if info.unit else info.label
        columns.append(StripColumn(heading, _metric(name), info.decimals, info.higher_is_better))
    columns.append(StripColumn("encode [s]", lambda row: row.encode_s, 2, False))
    columns.append(StripColumn("decode [s]", lambda row: row.decode_s, 2, False))
    columns.append(StripColumn("upscale [s]", lambda row: row.upscale_s, 2, False))
    return columns


def strip_cells(rows: Sequence[ResultRow]) -> list[list[str]]:
    """The texts of the strip, a list a row; the best of at least two differing values carries the mark."""
    cells: list[list[str]] = [[] for _ in rows]
    for column in strip_columns():
        values = [column.value(row) for row in rows]
        measured = [value for value in values if value is not None]
        best = (max if column.higher_is_better else min)(measured) if len(set(measured)) > 1 else None
        for row_cells, value in zip(cells, values, strict=True):
            if value is None:
                row_cells.append("–")
                continue
            text = "∞" if value == float("inf") else f"{value:,.{column.decimals}f}"
            row_cells.append(f"**{text}** {BETTER}" if value == best else text)
    return cells


def show_metric_strip(rows: Sequence[tuple[str, ResultRow]]) -> None:
    """Draw the strip; each row is (side, result)."""
    headings = [column.heading for column in strip_columns()]
    frame = pd.DataFrame(
        strip_cells([row for _, row in rows]),
        columns=[plain(heading) for heading in headings],
        index=[f"{side}: {plain(row.variant or '')}" for side, row in rows],
    )
    st.table(frame)
    st.caption(f"{BETTER} marks the better one: lower for bytes, bpp, FLIP and seconds, higher for everything else.")


def _metric(name: str) -> Callable[[ResultRow], float | None]:
    def value(row: ResultRow) -> float | None:
        number = getattr(row, name)
        return None if number is None else float(number)

    return value
