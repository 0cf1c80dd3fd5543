"""The benchmark of a long results table: its made-up table is a sound one of the size asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.cli.bench.long_table import VARIANTS, bench_results, write_long_results
from synthcomp_core.errors import SynthcompError
from synthcomp_core.results.curves import lint_curve, rd_curves
from synthcomp_core.results.table import read_results


def test_the_made_up_table_is_read_as_one_a_run_wrote(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_long_results(path, 3 * VARIANTS)
    table = read_results(path)
    assert (len(table), table["image"].nunique(), table["variant"].nunique()) == (6000, 3, 2000)
    curves = rd_curves(table, "psnr_rgb")
    assert [curve.name for curve in curves[:5]] == [
        "jpeg", "jpeg@x2-bicubic", "jpeg@x2-lanczos", "jpeg@x2-rcan", "jpeg@x1.5-fsr1",
    ]  # fmt: skip
    assert {(len(curve.points), len(curve.images)) for curve in curves} == {(100, 3)}
    assert not any("images" in warning for curve in curves for warning in lint_curve(curve))
    full, half = curves[0], curves[1]
    assert (full.scale, half.scale, half.upscaler) == (None, 2.0, "bicubic")


def test_the_stages_add_up_to_the_whole() -> None:
    result = bench_results(rows=VARIANTS + 500)
    assert (result.rows, result.images, result.variants, result.curves) == (2500, 2, 2000, 20)
    stages = result.read_s + result.validate_s + result.curves_s + result.chart_s
    assert result.whole_s == pytest.approx(stages)
    assert min(result.read_s, result.validate_s, result.curves_s, result.chart_s, result.pandas_s) > 0
    assert "2,500 rows" in result.sentence()


def test_fewer_rows_than_variants_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthcompError, match="too few"):
        write_long_results(tmp_path / "results.csv", 10)
