"""The tables of the FSR benchmark: its rows and its means in columns, as CSV and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from synthcomp_core.metrics import METRICS, Metrics
from synthcomp_core.progress import counted
from synthcomp_core.results.text_tables import Cell, TableColumn, csv_table, markdown_table
from synthcomp_core.upscalers.fsr_benchmark import SharpnessCurve, SharpnessPoint
from synthcomp_core.upscalers.fsr_table import FsrMean, FsrRow, FsrTable


def row_columns(measured: Sequence[str], *, with_error: bool = True) -> list[TableColumn[FsrRow]]:
    """The columns in which people see the rows: image, mode, method, metrics, and why they were not measured."""
    return [
        TableColumn("image", lambda row: row.image),
        TableColumn("mode", lambda row: row.treatment.mode_label),
        TableColumn("method", lambda row: row.treatment.label),
        *(_row_column(name, METRICS[name].heading) for name in measured),
        *([TableColumn[FsrRow]("error", lambda row: row.error)] if with_error else []),
    ]


def fsr_csv(table: FsrTable) -> str:
    """The rows as CSV: image, file, method, quality, mode, scale, sharpened, stops, metrics, upscale_s, error."""
    columns: list[TableColumn[FsrRow]] = [
        TableColumn("image", lambda row: row.image),
        TableColumn("file", lambda row: row.file),
        TableColumn("method", lambda row: row.treatment.method),
        TableColumn("quality", lambda row: row.treatment.quality),
        TableColumn("mode", lambda row: row.treatment.mode),
        TableColumn("scale", lambda row: row.treatment.scale),
        TableColumn("sharpened", lambda row: _true_or_false(row.treatment.sharpened)),
        TableColumn("stops", lambda row: row.treatment.stops),
        *(_row_column(name, name) for name in table.measured),
        TableColumn("upscale_s", lambda row: row.upscale_s),
        TableColumn("error", lambda row: row.error),
    ]
    return csv_table(columns, table.rows)


def mean_columns(measured: Sequence[str]) -> list[TableColumn[FsrMean]]:
    """The columns of a table of means: mode, method, metrics, number of images, time; the best at each scale marked."""
    return [
        TableColumn("mode", lambda mean: mean.treatment.mode_label),
        TableColumn("method", lambda mean: mean.treatment.label),
        *(_mean_column(name) for name in measured),
        TableColumn("images", lambda mean: mean.num_images, 0),
        TableColumn("time [s]", lambda mean: mean.upscale_s, 3),
    ]


def sharpness_columns(curve: SharpnessCurve, measured: Sequence[str]) -> list[TableColumn[SharpnessPoint]]:
    """The columns of metrics over sharpness: stops and those of the metrics that were measured; the best marked."""
    return [
        TableColumn("stops", lambda point: "off" if point.stops is None else f"{point.stops:g}"),
        *(
            _sharpness_column(curve, name)
            for name in measured
            if all(getattr(point.metrics, name) is not None for point in curve.points)
        ),
    ]


def fsr_markdown(table: FsrTable) -> str:
    """The means as a Markdown table, the best at each scale in bold, followed by errors and the verdict."""
    means = table.means()
    lines = [
        f"FSR benchmark of {table.source}, means over {counted(table.num_images, 'image')}",
        "",
        markdown_table(mean_columns(table.measured), means),
    ]
    if not table.is_whole:
        lines += [f"Stopped after {len(table.rows)} of {table.num_planned} measurements.", ""]
    identical = sum(mean.num_identical for mean in means)
    if identical:
        lines += [f"{identical} identical to native (PSNR infinite), left out of the mean PSNR.", ""]
    if table.errors:
        lines += ["Not measured:", *(f"- {row.error}" for row in table.errors), ""]
    return "\n".join([*lines, table.verdict(), ""])


def _mean_column(name: str) -> TableColumn[FsrMean]:
    info = METRICS[name]
    return TableColumn(
        info.heading, lambda mean: _mean(mean, name), info.decimals, is_best=lambda mean: name in mean.best
    )


def _mean(mean: FsrMean, name: str) -> Cell:
    """A mean, with how many images it is over, if some are identical to native."""
    value = _value(mean.metrics, name)
    if METRICS[name].unit != "dB" or not mean.num_identical:
        return value
    if value is None:
        return math.inf
    finite = mean.num_images - mean.num_identical
    return f"{value:.{METRICS[name].decimals}f} ({finite} of {mean.num_images})"


def _sharpness_column(curve: SharpnessCurve, name: str) -> TableColumn[SharpnessPoint]:
    info, best = METRICS[name], curve.best(name)
    return TableColumn(
        info.heading, lambda point: _value(point.metrics, name), info.decimals, is_best=lambda point: point is best
    )


def _row_column(name: str, heading: str) -> TableColumn[FsrRow]:
    return TableColumn(heading, lambda row: _value(row.metrics, name), METRICS[name].decimals)


def _value(metrics: Metrics, name: str) -> float | None:
    value: float | None = getattr(metrics, name)
    return value


def _true_or_false(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
