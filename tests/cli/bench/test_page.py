"""The benchmark of the Live page measures a page that works; how quick it is depends on the machine."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from synthcomp_core.cli.bench.page import PageBench
from synthcomp_core.images import write_png
from tests.browser.running import chromium_path
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame


@pytest.mark.browser
@pytest.mark.slow
def test_every_measurement_of_the_page_is_taken(artifacts: Path) -> None:
    if chromium_path() is None:
        pytest.skip("no browser: no Chromium is on the PATH")
    (artifacts / "samples").mkdir(parents=True)
    (artifacts / "snapshots").mkdir()
    write_png(frame(1, 320, 200), artifacts / "samples" / "castle.png")
    # In a process of its own: Playwright's synchronous side runs once per thread, and the browser tests hold it.
    command = [sys.executable, "-m", "synthcomp_core", "bench", "page", "--repeats", "1", "--sessions", "2", "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT_ROOT, check=False)
    assert finished.returncode == 0, finished.stderr
    results = json.loads(finished.stdout)
    assert [result["what"] for result in results] == [
        "first paint, warm server",
        "viewer ready, warm server",
        "cumulative layout shift",
        *(f"{what}" for name in ("JPEG", "WebP") for what in moves(name)),
        "2 sessions at once: slowest wait",
        "2 sessions at once: server's peak memory",
    ]
    assert all(math.isfinite(result["value"]) and result["value"] >= 0 for result in results)


def moves(name: str) -> tuple[str, str, str]:
    return (
        f"moved {name} slider: image",
        f"moved {name} slider: all numbers",
        f"cached {name} variant: image",
    )


def test_a_value_at_its_limit_holds() -> None:
    assert PageBench("first paint", 1.5, 1.5, "s").holds
    assert not PageBench("first paint", 1.51, 1.5, "s").holds
