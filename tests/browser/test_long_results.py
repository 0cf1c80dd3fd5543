"""The rate-distortion page with a table of a million rows: from picking it to its chart, and on to the other charts.

``pytest tests/browser/test_long_results.py -s`` prints the seconds and the server's memory.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from synthcomp_core.cli.bench.long_table import VARIANTS, write_long_results
from synthcomp_core.cli.bench.machine import process_peak_bytes
from tests.browser.conftest import StartApp
from tests.browser.running import server_process, used_cpu_s
from tests.browser.waiting import rest
from tests.clock import at_most
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.browser

ROWS, SELECTED = 1_000_000, 4
# Seconds of the server's processor, all threads together, until the first chart: wall time of a machine at rest would
# be less. Generous, against a chart that takes ten times as long as it should.
MOST_CPU_S = 12.0


def title_of_chart(page: Page) -> str:
    return str(page.locator(".js-plotly-plot").first.evaluate("plot => plot.layout.title.subtitle.text")).replace(
        "<br>", " "
    )


def test_a_million_rows_are_drawn_and_stay_usable(browser_page: Page, start_app: StartApp, tmp_path: Path) -> None:
    page, artifacts = browser_page, tmp_path / "artifacts"
    long, short = artifacts / "runs" / "million" / "results.csv", artifacts / "runs" / "short" / "results.csv"
    for path, rows in ((long, ROWS), (short, VARIANTS)):
        path.parent.mkdir(parents=True)
        write_long_results(path, rows)
    address = start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(artifacts)})
    server = server_process(address)
    # What the first table of a server costs, imports above all, is not the million rows'.
    page.goto(f"{address}/rate_distortion?results=runs%2Fshort")
    page.wait_for_selector(".js-plotly-plot .scatterlayer")
    rest(page)

    before_cpu_s, started = used_cpu_s(server), time.perf_counter()
    page.goto(f"{address}/rate_distortion?results=runs%2Fmillion")
    page.wait_for_function(
        "() => document.querySelector('.js-plotly-plot')?.layout?.title?.text"
        "?.replaceAll('<br>', ' ').includes('500 images')",
    )
    wall_s, used_s = time.perf_counter() - started, used_cpu_s(server) - before_cpu_s
    peak = process_peak_bytes(server.pid)
    memory = "" if peak is None else f", {peak / 2**20:,.0f} MiB at the server's peak"
    sys.stdout.write(f"\nfirst chart of {ROWS:,} rows: {wall_s:.1f} s, {used_s:.1f} s of the processor{memory}\n")
    drawn = page.locator(".js-plotly-plot").first.evaluate("plot => plot.data.length")
    assert drawn == SELECTED  # The page opens on a selection that can be read.
    assert used_s < at_most(MOST_CPU_S)

    # While BD-rates are still computed, the other charts can be asked for; they show an even choice and say so.
    for button, note in (("scatter", "20,000 of 200,000 shown"), ("per image", "100 of 500 shown")):
        started = time.perf_counter()
        page.get_by_test_id("stButtonGroup").get_by_text(button, exact=True).click()
        page.wait_for_function(
            "note => document.querySelector('.js-plotly-plot')?.layout?.title?.subtitle?.text"
            "?.replaceAll('<br>', ' ').includes(note)",
            arg=note,
        )
        sys.stdout.write(f"{button}: {time.perf_counter() - started:.1f} s\n")
        assert note in title_of_chart(page)
