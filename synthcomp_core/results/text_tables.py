"""A BD-rate table as rows for the screen, and as CSV, Markdown and LaTeX to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from synthcomp_core.figures.paper.request import latex_escape
from synthcomp_core.results.bd import BDResult

HEADINGS = (
    "curve",
    "data set",
    "BD-rate [%]",
    "95 % low [%]",
    "95 % high [%]",
    "BD-metric",
    "overlap [%]",
    "images",
    "warnings",
)


def bd_rows(results: Sequence[BDResult]) -> list[tuple[str | float | int | None, ...]]:
    """One tuple a curve, in the order of ``HEADINGS``; numbers unrounded, None where it cannot be told."""
    return [
        (
            result.name,
            result.dataset,
            result.rate_percent,
            result.rate_low,
            result.rate_high,
            result.metric_delta,
            100 * result.overlap,
            result.num_images,
            "; ".join(result.warnings),
        )
        for result in results
    ]


def bd_csv(results: Sequence[BDResult]) -> str:
    """The table as CSV, unrounded; empty = cannot be told."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["anchor", "metric", "method", *HEADINGS])
    for result, row in zip(results, bd_rows(results), strict=True):
        cells = ["" if cell is None else cell for cell in row]
        writer.writerow([result.anchor, result.metric, result.method, *cells])
    return text.getvalue()


def bd_markdown(results: Sequence[BDResult]) -> str:
    """The table as Markdown, rounded for reading."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| --- | --- |" + " ---: |" * 6 + " --- |"]
    for row in bd_rows(results):
        lines.append("| " + " | ".join(_short(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def bd_latex(results: Sequence[BDResult]) -> str:
    """The table as LaTeX (booktabs), rounded, without the warnings."""
    columns = HEADINGS[:-1]
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{ll{'r' * (len(columns) - 2)}}}",
        "  \\toprule",
        "  " + " & ".join(latex_escape(heading) for heading in columns) + r" \\",
        "  \\midrule",
        *("  " + " & ".join(latex_escape(_short(cell)) for cell in row[:-1]) + r" \\" for row in bd_rows(results)),
        "  \\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _short(cell: str | float | int | None) -> str:
    if cell is None:
        return "–"
    return f"{cell:+.2f}" if isinstance(cell, float) else str(cell)
