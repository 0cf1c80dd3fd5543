"""The rate-distortion page in a real browser: the thesis table, its warning, and a link."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import StartApp
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.browser
THESIS = "thesis_compression_sr_results.csv"


def test_the_thesis_table_opens_in_one_step_with_its_warning(browser_page: Page, start_app: StartApp) -> None:
    page = browser_page
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion?results={THESIS}")
    warning = page.get_by_text("jpeg-q75").filter(has_text="not monotone").first
    expect(warning).to_be_visible(timeout=90_000)
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible(timeout=30_000)
    # Every one of the thesis's 25 points is drawn.
    markers = "plot.calcdata.filter(points => (points[0].trace.mode || '').includes('markers'))"
    count = f"plot => {markers}.reduce((sum, points) => sum + points.length, 0)"
    assert chart.evaluate(count) == 25
    titles = chart.evaluate("plot => [plot.layout.xaxis.title.text, plot.layout.yaxis.title.text]")
    assert titles == ["Rate [bit per pixel]", "PSNR RGB [dB]"]


def test_a_link_reopens_metric_anchor_and_axis(browser_page: Page, start_app: StartApp) -> None:
    page = browser_page
    link = (
        "?results=compressai-kodak%2Fjpeg.json&results=compressai-kodak%2Fcompressai-mbt2018_mse_cuda.json"
        "&metric=msssim_rgb&log_rate=true&anchor=mbt2018-mse"
    )
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion{link}")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible(timeout=90_000)
    assert chart.evaluate("plot => plot.layout.xaxis.type") == "log"
    assert chart.evaluate("plot => plot.layout.yaxis.title.text") == "MS-SSIM RGB"
    expect(page.get_by_text("fewer bits than mbt2018-mse")).to_be_visible(timeout=30_000)
