"""The Upscaling page in a real browser: the viewer at once, and all four modes of every method on request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.images import write_png
from synthcomp_core.metrics import measure
from synthcomp_core.upscalers.fsr_benchmark import upscaled
from tests.browser.conftest import StartApp
from tests.browser.waiting import LIMIT_S, rest
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def small_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("upscaling")
    write_png(frame(1), folder / "samples" / "castle.png")
    yield folder


def test_all_modes_are_measured_and_shown(browser_page: Page, start_app: StartApp, small_artifacts: Path) -> None:
    page = browser_page
    page.goto(f"{start_app(PROJECT_ROOT / 'app.py', {'SYNTHCOMP_ARTIFACTS': str(small_artifacts)})}/upscaling")
    # The viewer comes first, and fills without a click: native and six methods.
    viewer = page.locator(".viewer")
    expect(viewer).to_have_attribute("data-ready", re.compile(".+"))
    expect(page.locator(".viewer").get_by_text("NVIDIA Image Scaling").first).to_be_attached()
    rest(page)
    page.get_by_role("button", name="Run the benchmark").click()
    expect(page.get_by_text("penalise sharpening")).to_be_visible()
    rest(page)
    table = page.get_by_role("table")
    expect(table).to_be_visible()
    for mode in ("ultra quality (x1.3)", "quality (x1.5)", "balanced (x1.7)", "performance (x2)"):
        expect(table.get_by_role("row").filter(has_text=mode).first).to_be_visible()
    rows = table.get_by_role("row").filter(has_text="performance (x2)")
    for upscaler_id, label in (
        ("fsr1_off", "FSR 1, not sharpened"),
        ("fsr1_s0.2", "FSR 1, sharpened by 0.2 stops"),
        ("nis", "NVIDIA Image Scaling"),
        ("gsr1", "Snapdragon GSR 1"),
        ("bicubic", "Bicubic"),
    ):
        value = measure(frame(1), upscaled(frame(1), upscaler_id, 2.0)[0]).psnr_rgb
        expect(rows.filter(has_text=label)).to_contain_text(f"{value:.2f}")
    # Every method says how long it took in every mode.
    heads = table.get_by_role("row").first.get_by_role("columnheader")
    at = heads.all_inner_texts().index("time [s]")
    times = [row.locator("th, td").nth(at).inner_text() for row in table.locator("tbody tr").all()]
    assert len(times) >= 4 * 5
    assert all(re.fullmatch(r"\d+\.\d{3}", time) for time in times)
    assert 0 < max(float(time) for time in times) < LIMIT_S
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    page.get_by_role("application").focus()
    page.keyboard.press("1")
    expect(viewer).to_have_attribute("data-left", "native")
