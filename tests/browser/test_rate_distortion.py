"""The rate-distortion page in a real browser: the thesis table, its warning, a link, and a click on a point."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    warning = page.get_by_text("JPEG, quality 75").filter(has_text="not monotone").first
    expect(warning).to_be_hidden()
    page.get_by_text("warnings about these curves").click()
    expect(warning).to_be_visible()
    # Every one of the thesis's 25 points is drawn.
    markers = "plot.calcdata.filter(points => (points[0].trace.mode || '').includes('markers'))"
    count = f"plot => {markers}.reduce((sum, points) => sum + points.length, 0)"
    assert chart.evaluate(count) == 25
    titles = chart.evaluate("plot => [plot.layout.xaxis.title.text, plot.layout.yaxis.title.text]")
    assert titles == ["Rate [bit per pixel]", "PSNR RGB [dB]"]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_chart_is_in_view_and_no_two_curves_look_alike(
    shared_page: Callable[..., Page], start_app: StartApp, width: int, height: int
) -> None:
    page = shared_page(viewport={"width": width, "height": height})
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    rest(page)
    looks = chart.evaluate(
        "plot => plot._fullData.filter(trace => trace.mode === 'lines+markers')"
        ".map(trace => [trace.line.color, trace.line.dash, trace.marker.symbol].join())"
    )
    assert 4 <= len(set(looks)) == len(looks)
    box = chart.evaluate("plot => plot.querySelector('.nsewdrag').getBoundingClientRect()")
    assert box["left"] >= 0 and box["right"] <= width
    assert box["bottom"] <= height
    # On a narrow window the legend stands below the chart instead of in it.
    is_narrow = width < 800
    expect(chart.locator("g.legend")).to_be_visible(visible=not is_narrow)
    legend = page.locator(".narrow-legend")
    expect(legend).to_be_visible(visible=is_narrow)
    if is_narrow:
        # Every curve is named once, those of a codec together below its name, and nothing sticks out of the window.
        expect(legend.get_by_role("button")).to_have_count(len(looks))
        learned = legend.locator(".family").filter(has_text="mbt2018")
        expect(learned.locator("> b")).to_have_text("mbt2018")
        assert all(
            name.strip("━┈╌╍┅┉ ")[1:].strip().startswith("mbt2018")
            for name in learned.get_by_role("button").all_inner_texts()
        )
        for entry in legend.get_by_role("button").all():
            place = entry.bounding_box()
            assert place is not None and place["x"] >= 0 and place["x"] + place["width"] <= width
    page.close()


# The codecs whose curves are drawn, each once.
DRAWN = """plot => [...new Set(
    plot._fullData.filter(trace => trace.mode === 'lines+markers' && trace.visible === true)
        .map(trace => trace.legendgroup)
)]"""


def test_a_click_in_the_legend_isolates_a_family_and_a_second_brings_the_others_back(
    browser_page: Page, start_app: StartApp
) -> None:
    page = browser_page
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    rest(page)
    families = chart.evaluate(DRAWN)
    assert len(families) >= 3 and "mbt2018" in families
    learned = "plot => plot._fullData.filter(trace => trace.legendgroup === 'mbt2018').map(trace => trace.name)"
    assert len(chart.evaluate(learned)) >= 2
    entry = chart.locator("g.legend .traces").filter(has_text="mbt2018").first.locator(".legendtoggle")
    entry.click(force=True)  # The toggle is a transparent rectangle over the entry.
    alone = f"families => JSON.stringify(({DRAWN})(document.querySelector('.js-plotly-plot'))) === families"
    page.wait_for_function(alone, arg='["mbt2018"]')
    entry.click(force=True)
    page.wait_for_function(alone, arg=json.dumps(families, separators=(",", ":")))


def test_on_a_phone_a_tap_in_the_legend_isolates_a_family_and_a_second_brings_the_others_back(
    shared_page: Callable[..., Page], start_app: StartApp
) -> None:
    page = shared_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py')}/rate_distortion")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    rest(page)
    families = chart.evaluate(DRAWN)
    alone = f"families => JSON.stringify(({DRAWN})(document.querySelector('.js-plotly-plot'))) === families"
    legend = page.locator(".narrow-legend")
    for name, codec in (("AVIF", "avif"), ("mbt2018, MSE, games", "mbt2018")):
        entry = legend.get_by_role("button").filter(has_text=name).first
        entry.tap()
        page.wait_for_function(alone, arg=json.dumps([codec]))
        expect(entry).to_have_attribute("aria-pressed", "true")
    entry.tap()
    page.wait_for_function(alone, arg=json.dumps(families, separators=(",", ":")))
    expect(entry).to_have_attribute("aria-pressed", "false")
    page.close()


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
    expect(page.get_by_text("fewer bits than mbt2018, MSE")).to_be_visible()


def test_a_click_on_a_point_offers_that_variant_on_that_image_in_compare(
    browser_page: Page, start_app: StartApp
) -> None:
    page, image = browser_page, "supertuxkart_minigolf_0002.webp"
    rows = [
        ResultRow("samples", image, variant=f"webp-q{quality}", codec="webp", quality=quality, bpp=rate, psnr_rgb=psnr)
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
    expect(page.get_by_text(f"WebP, quality 60 on {image}")).to_be_visible()
    page.get_by_role("link", name="Open in Compare").click()
    page.wait_for_url("**/compare?**")
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["variant"] == ["webp-q60"]
    assert asked["image"] == [image]
    assert asked.get("source") in (["samples"], None), (
        "Compare takes it out of the address, since samples are its default"
    )
