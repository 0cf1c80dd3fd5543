"""The columns in which people see the rows of a results table: bytes, bpp and the metrics that were measured."""

from __future__ import annotations

from collections.abc import Sequence

from synthcomp_core.metrics import METRICS
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.text_tables import TableColumn

BYTES: TableColumn[ResultRow] = TableColumn("bytes", lambda row: row.num_bytes, 0, False)
BPP: TableColumn[ResultRow] = TableColumn("bpp", lambda row: row.bpp, 4, False)
VARIANT: TableColumn[ResultRow] = TableColumn("variant", lambda row: row.variant)
_METRICS = ("psnr_rgb", "psnr_y", "ssim_rgb", "msssim_rgb", "flip", "ssimulacra2")


def metric_column(name: str) -> TableColumn[ResultRow]:
    """The column of a metric, with its unit, decimals and direction."""
    info = METRICS[name]
    return TableColumn(info.heading, lambda row: _number(row, name), info.decimals, info.higher_is_better)


def measured_columns(rows: Sequence[ResultRow]) -> list[TableColumn[ResultRow]]:
    """Bytes, bpp and every metric that at least one of the rows has."""
    measured = [name for name in _METRICS if any(_number(row, name) is not None for row in rows)]
    return [BYTES, BPP, *(metric_column(name) for name in measured)]


def _number(row: ResultRow, name: str) -> float | None:
    value: float | None = getattr(row, name)
    return value
