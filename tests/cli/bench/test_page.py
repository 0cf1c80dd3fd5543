"""The benchmark of the Live page measures a page that works; how quick it is depends on the machine."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from synthcomp_core.cli.bench.page import PageBench, bench_page
from synthcomp_core.images import write_png
from tests.browser.running import chromium_path
from tests.pages.conftest import frame


@pytest.mark.browser
@pytest.mark.slow
def test_every_measurement_of_the_page_is_taken(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if chromium_path() is None:
        pytest.skip("no browser: no Chromium is on the PATH")
    (artifacts / "samples").mkdir(parents=True)
    (artifacts / "snapshots").mkdir()
    write_png(frame(1, 320, 200), artifacts / "samples" / "castle.png")
    results = bench_page(repeats=1, sessions=2)
    assert [result.what for result in results] == [
        "first paint, warm server",
        "viewer ready, warm server",
        "cumulative layout shift",
        *(f"{what}" for name in ("JPEG", "WebP") for what in moves(name)),
        "2 sessions at once: slowest wait",
        "2 sessions at once: server's peak memory",
    ]
    assert all(math.isfinite(result.value) and result.value >= 0 for result in results)


def moves(name: str) -> tuple[str, str, str]:
    return (
        f"moved {name} slider: image",
        f"moved {name} slider: all numbers",
        f"cached {name} variant: image",
    )


def test_a_value_at_its_limit_holds() -> None:
    assert PageBench("first paint", 1.5, 1.5, "s").holds
    assert not PageBench("first paint", 1.51, 1.5, "s").holds
