"""Times are medians of repeated runs, and the first one does not count."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.results.table import read_results, table_rows
from synthcomp_core.variants import Variant, timing
from synthcomp_core.variants.rendering import Rendering, render_settled
from synthcomp_core.variants.timing import time_variant


def frame() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def test_the_first_run_warms_up_and_the_median_of_the_others_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([90.0, 3.0, 1.0, 2.0])
    fractions: list[float] = []

    def timed(image: np.ndarray, variant: Variant, **options: object) -> Rendering:
        taken = next(seconds)
        rendering = render_settled(image, variant, **options)  # type: ignore[arg-type]
        return dataclasses.replace(rendering, encode_s=taken, decode_s=taken / 10, upscale_s=taken / 100)

    monkeypatch.setattr(timing, "render_settled", timed)
    found = time_variant(
        frame(), Variant("jpeg-q50"), repeats=3, on_progress=lambda fraction, stage: fractions.append(fraction)
    )
    assert (found.encode_s, found.decode_s, found.upscale_s) == (2.0, 0.2, 0.02)
    assert (found.fastest_encode_s, found.slowest_encode_s) == (1.0, 3.0)
    assert next(seconds, None) is None
    assert fractions == sorted(fractions) and fractions[-1] <= 1.0


def test_without_an_upscaler_there_is_no_time_for_it() -> None:
    found = time_variant(frame(), Variant("webp-q50"), repeats=1)
    assert found.upscale_s is None
    assert found.encode_s > 0 and found.decode_s > 0


@pytest.mark.parametrize("repeats", [0, -1, 10**6])
def test_an_absurd_number_of_repeats_is_refused(repeats: int) -> None:
    with pytest.raises(SynthcompError, match="number of repeats"):
        time_variant(frame(), Variant("webp-q50"), repeats=repeats)


def test_render_writes_the_medians(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(frame(), tmp_path / "a.png")
    seconds = iter([50.0, 7.0, 5.0, 6.0])
    monkeypatch.setattr(
        timing,
        "render_settled",
        lambda image, variant, **options: dataclasses.replace(render_settled(image, variant), encode_s=next(seconds)),
    )
    arguments = ["render", str(tmp_path / "a.png"), str(tmp_path / "o.png"), "--variant", "jpeg-q50"]
    assert main([*arguments, "--repeats", "3", "--csv", str(tmp_path / "r.csv")]) == 0
    (row,) = table_rows(read_results(tmp_path / "r.csv"))
    assert row.encode_s == 6.0
    assert "medians of 3 runs; encoding took 5 to 7 s" in " ".join(capsys.readouterr().err.split())
