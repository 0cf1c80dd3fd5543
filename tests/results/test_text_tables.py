"""The one writer of tables: unrounded as CSV, rounded with the best marked as Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import math

import pytest

from synthcomp_core.results.bd import bd_columns, bd_csv, bd_table
from synthcomp_core.results.columns import VARIANT, measured_columns, metric_column
from synthcomp_core.results.curves import rd_curves
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.text_tables import (
    TableColumn,
    csv_table,
    csv_text,
    latex_escape,
    latex_table,
    markdown_table,
)
from tests.results.samples import TWO_ROWS as ROWS
from tests.results.samples import images_table


def test_columns_are_those_that_some_row_measured() -> None:
    assert [column.heading for column in measured_columns(ROWS)] == ["bytes", "bpp", "PSNR RGB [dB]", "FLIP"]


def test_markdown_has_every_number_and_marks_the_best() -> None:
    assert markdown_table([VARIANT, *measured_columns(ROWS)], ROWS) == (
        "| variant | bytes | bpp | PSNR RGB [dB] | FLIP |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| webp-q40 | 12,345 | 2.8057 | 31.24 | 0.0813 |\n"
        "| m\\_1@x2-rcan | **9,999** | **2.2725** | **∞** | – |\n"
    ).replace("0.0813", f"{0.08125:.4f}")


def test_latex_escapes_names_and_writes_mathematics() -> None:
    text = latex_table([VARIANT, *measured_columns(ROWS)], ROWS, caption="50 % of a_b & c", label="tab one")
    assert r"m\_1@x2-rcan & \textbf{9\,999} & \textbf{2.2725} & \textbf{$\infty$} & -- \\" in text
    assert r"\begin{tabular}{lrrrr}" in text
    assert r"\caption{50 \% of a\_b \& c}" in text
    assert r"\label{tab:tab-one}" in text
    assert text.count("{") == text.count("}")
    assert latex_escape("a\\b{c}~^×λ") == r"a\textbackslash{}b\{c\}\textasciitilde{}\textasciicircum{}$\times$$\lambda$"


def test_latex_without_a_caption_is_the_tabular_alone_with_real_minus_signs() -> None:
    column: TableColumn[float] = TableColumn("change [%]", lambda value: value, 1, signed=True)
    assert latex_table([column], [-2.25, 1234.5]).splitlines() == [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{r}",
        r"  \toprule",
        r"  change [\%] \\",
        r"  \midrule",
        r"  $-$2.2 \\",
        r"  +1\,234.5 \\",
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def test_equal_values_have_no_best() -> None:
    column = measured_columns(ROWS)[0]
    assert column.best([ROWS[0], ROWS[0]]) == set()
    assert column.best(ROWS) == {1}
    assert VARIANT.best(ROWS) == set()


def test_ranking_puts_the_best_first_and_what_was_not_measured_last() -> None:
    rows = [ResultRow("d", "a.png", variant=name, flip=flip) for name, flip in (("x", None), ("y", 0.3), ("z", 0.1))]
    assert [row.variant for row in metric_column("flip").ranked(rows)] == ["z", "y", "x"]
    rows = [ResultRow("d", "a.png", variant=name, psnr_y=psnr) for name, psnr in (("x", 30.0), ("y", math.inf))]
    assert [row.variant for row in metric_column("psnr_y").ranked(rows)] == ["y", "x"]


def test_csv_is_unrounded_with_empty_cells_for_what_was_not_measured_and_one_line_per_row() -> None:
    cells = ["two\r\nlines", 0.1 + 0.2, 3.0, 7, math.inf, None, 'a "b", c']
    text = csv_text([], [cells])
    assert text == 'two lines,0.30000000000000004,3,7,inf,,"a ""b"", c"\n'
    assert csv_text(["a", "b"], [[1, 2]], delimiter=";") == "a;b\n1;2\n"
    assert csv_table(measured_columns(ROWS), ROWS[:1]) == "bytes,bpp,PSNR RGB [dB],FLIP\n12345,2.80568,31.236,0.08125\n"


def test_the_bd_table_has_the_same_numbers_in_every_format() -> None:
    results = bd_table(rd_curves(images_table(6), "psnr_rgb"), "jpeg", bootstrap=20)
    (record,) = csv.DictReader(io.StringIO(bd_csv(results)))
    (result,) = results
    assert (record["anchor"], record["metric"], record["method"]) == ("jpeg", "psnr_rgb", "akima")
    assert (record["curve"], record["data set"], record["images"]) == ("webp", "games", "6")
    assert float(record["BD-rate [%]"]) == result.rate_percent
    assert float(record["95 % low [%]"]) == result.rate_low
    markdown = markdown_table(bd_columns(results), results)
    assert f"| webp | games | {result.rate_percent:+.2f} | " in markdown
    assert r"BD-rate [\%]" in latex_table(bd_columns(results), results)


@pytest.mark.parametrize(("metric", "decimals"), [("psnr_rgb", 2), ("msssim_rgb", 4)])
def test_the_bd_metric_has_the_decimals_of_its_metric(metric: str, decimals: int) -> None:
    rows = images_table(2).assign(msssim_rgb=lambda table: 1 - 1 / table["psnr_rgb"])
    results = bd_table(rd_curves(rows, metric), "jpeg")
    columns = {column.heading: column for column in bd_columns(results)}
    assert columns["BD-metric"].text(results[0]) == f"{results[0].metric_delta:+.{decimals}f}"
