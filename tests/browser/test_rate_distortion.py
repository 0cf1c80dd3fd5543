"""The rate-distortion page in a real browser: the thesis table, its warning, a link, and a click on a point."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.results.rows import ResultRow, rows_to_csv
from tests.browser.conftest import StartApp
from tests.browser.waiting import rest
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.browser
THESIS = "thesis_compression_sr_results.csv"


def test_the_thesis_table_opens_in_one_step_with_its_warning(browser_page: Page, start_app: StartApp) -> None:
    page = browser_page
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion?results={THESIS}")
    warning = page.get_by_text("jpeg-q75").filter(has_text="not monotone").first
    expect(warning).to_be_visible()
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
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
    expect(chart).to_be_visible()
    assert chart.evaluate("plot => plot.layout.xaxis.type") == "log"
    assert chart.evaluate("plot => plot.layout.yaxis.title.text") == "MS-SSIM RGB"
    expect(page.get_by_text("fewer bits than mbt2018-mse")).to_be_visible()


def test_a_click_on_a_point_offers_that_variant_on_that_image_in_compare(
    browser_page: Page, start_app: StartApp
) -> None:
    page, image = browser_page, "supertuxkart_minigolf_0002.webp"
    rows = [
        ResultRow("mine", image, variant=f"webp-q{quality}", codec="webp", quality=quality, bpp=rate, psnr_rgb=psnr)
        for quality, rate, psnr in ((20, 0.3, 30.0), (40, 0.6, 33.0), (60, 0.9, 35.0), (80, 1.4, 38.0))
    ]
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion?chart=scatter&results={THESIS}")
    upload = {"name": "mine.csv", "mimeType": "text/csv", "buffer": rows_to_csv(rows).encode()}
    page.locator("input[type=file]").set_input_files(upload)
    # Where the point of webp-q60 on that image is on screen.
    where = """() => {
        const plot = document.querySelector('.js-plotly-plot');
        for (const trace of plot?._fullData ?? []) {
            const at = trace.customdata.findIndex(place => place[0] === 'webp-q60');
            if (at < 0) continue;
            const {xaxis, yaxis} = plot._fullLayout;
            plot.scrollIntoView({block: 'center'});
            const box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(trace.x[at]), box.y + yaxis._offset + yaxis.l2p(trace.y[at])];
        }
        return null;
    }"""
    page.wait_for_function(where)
    rest(page)
    x, y = page.evaluate(where)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    expect(page.get_by_text(f"webp-q60 on {image}")).to_be_visible()
    page.get_by_role("link", name="Open in Compare").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["variant"] == ["webp-q60"]
    assert asked["image"] == [image]
