"""The metric strip: what variants cost and how close they come to the original, the best value marked."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from synthcomp_core.metrics import SHOWN_METRICS
from synthcomp_core.results.columns import BPP, BYTES, metric_column
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.text_tables import TableColumn
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import variant_name

RAW_BYTES_PER_PIXEL = 3
BETTER = "◀"


def strip_columns() -> list[TableColumn[ResultRow]]:
    """The columns in the order in which they are shown."""
    return [
        BYTES,
        BPP,
        TableColumn("raw : coded", _ratio_to_raw, 1, True),
        *(metric_column(name) for name in SHOWN_METRICS),
        # Of single runs, with models cold and others at work: no difference worth a mark.
        TableColumn("encode [s]", lambda row: row.encode_s, 2),
        TableColumn("decode [s]", lambda row: row.decode_s, 2),
        TableColumn("upscale [s]", lambda row: row.upscale_s, 2),
    ]


def strip_cells(rows: Sequence[ResultRow]) -> list[list[str]]:
    """The texts of the strip, one list per row; the best of at least two differing values carries the mark."""
    cells: list[list[str]] = [[] for _ in rows]
    for column in strip_columns():
        best = column.best(rows)
        for number, row in enumerate(rows):
            text = column.text(row)
            cells[number].append(f"**{text}** {BETTER}" if number in best else text)
    return cells


def show_metric_strip(rows: Sequence[tuple[str, ResultRow]]) -> None:
    """Draw the strip; each row is (side, result)."""
    frame = pd.DataFrame(
        strip_cells([row for _, row in rows]),
        columns=[plain(column.heading) for column in strip_columns()],
        index=[f"{side}: {plain(variant_name(Variant.parse(row.variant)))}" for side, row in rows],
    )
    st.table(frame)
    st.caption(
        f"{BETTER} marks the best value: the lowest for bytes, bpp and FLIP, the highest for everything else; times "
        "are not marked."
    )


def _ratio_to_raw(row: ResultRow) -> float | None:
    if row.width is None or row.height is None or not row.num_bytes:
        return None
    return row.width * row.height * RAW_BYTES_PER_PIXEL / row.num_bytes
