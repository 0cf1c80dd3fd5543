"""A project that was adopted, in a real browser: on Live, compared, beside its own table, its samples offered."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.images import write_png
from synthcomp_core.metrics import psnr
from synthcomp_core.variants.adoption import adopt_project
from tests.browser.conftest import StartApp
from tests.browser.waiting import rest
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame
from tests.thesis_project import FOLDERS, reference, write_project

pytestmark = pytest.mark.browser
WIDTH, HEIGHT = 200, 176


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Artifacts with one sample, and a project adopted into them; its weights are not needed here."""
    folder = tmp_path_factory.mktemp("adopted")
    write_png(frame(1), folder / "artifacts" / "samples" / "castle.png")
    project = write_project(folder / "ba-thesis-scripts", width=WIDTH, height=HEIGHT)
    for path in (project / "models").iterdir():
        path.unlink()
    before = os.environ.get("SYNTHCOMP_ARTIFACTS")
    os.environ["SYNTHCOMP_ARTIFACTS"] = str(folder / "artifacts")
    try:
        adopt_project(project)
    finally:
        os.environ.pop("SYNTHCOMP_ARTIFACTS")
        if before is not None:
            os.environ["SYNTHCOMP_ARTIFACTS"] = before
    yield folder / "artifacts"


def test_what_was_adopted_is_offered_on_every_page(browser_page: Page, start_app: StartApp, artifacts: Path) -> None:
    page = browser_page
    address = start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(artifacts)})
    page.goto(f"{address}/?source=gta-plus/test&image=g0174.png")
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(".+"))
    expect(page.get_by_text("g0174.png").first).to_be_attached()

    matrix = "trained_on=files&scaling=full&scaling=x2-rcan&distortion=mse&distortion=msssim&computed=1"
    page.goto(f"{address}/compare?source=gta-plus/test&image=g0173.png&{matrix}")
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(".+"))
    image = reference("g0173", WIDTH, HEIGHT)
    for level, _ in enumerate(FOLDERS, start=5):
        expect(page.get_by_role("table").first).to_contain_text(f"{psnr(image, image + level):.2f}")

    page.goto(f"{address}/rate_distortion?results=adopted/compression_sr_results.csv")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    rest(page)
    expect(page.get_by_text("adopted/compression_sr_results.csv").first).to_be_attached()

    page.goto(f"{address}/upscaling?fsr_source=FSR+samples")
    expect(page.get_by_role("combobox", name="Adopted samples")).to_be_visible()
