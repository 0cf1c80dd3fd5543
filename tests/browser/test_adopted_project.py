"""A project that was adopted, in a real browser: on Live, compared, drawn as a figure, its samples, its table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.images import read_image, write_png
from synthcomp_core.metrics import psnr
from tests.browser.conftest import StartApp
from tests.browser.viewing import Viewer
from tests.browser.waiting import rest
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame
from tests.thesis_project import FOLDERS, fsr_samples, reference, write_project

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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHCOMP_ARTIFACTS", str(folder / "artifacts"))
        finished = CliRunner().invoke(app, ["adopt", str(project)])
    assert finished.exit_code == 0, finished.output
    yield folder / "artifacts"


def test_a_thesis_shaped_folder_adopted_by_one_command_comes_out_on_every_page(
    browser_page: Page, start_app: StartApp, artifacts: Path, tmp_path: Path
) -> None:
    page = browser_page
    address = start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(artifacts)})
    pick_test_image_on_live(page, address)
    compare_renderings(page, address)
    export_figure(page, tmp_path / "figure.pdf")
    show_samples(page, address)
    evaluate_samples(page)
    show_table(page, address)


def pick_test_image_on_live(page: Page, address: str) -> None:
    page.goto(f"{address}/?a=jpeg-q40&b=png&trail_curves=false")
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(".+"))
    page.get_by_role("combobox", name="Image from").click()
    page.get_by_role("option", name="gta-plus/test").click()
    rest(page)
    page.get_by_test_id("stSidebar").get_by_role("combobox", name="Image", exact=True).click()
    page.get_by_role("option", name="g0174").click()
    rest(page)
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(".+"))
    expect(page.locator(".viewer")).to_contain_text(f"{WIDTH} × {HEIGHT}")
    expect(page.locator(".viewer")).to_contain_text("Original · g0174.png")


def compare_renderings(page: Page, address: str) -> None:
    matrix = "trained_on=files&scaling=full&scaling=x2-rcan&distortion=mse&distortion=msssim&computed=1"
    page.goto(f"{address}/compare?source=gta-plus/test&image=g0173.png&{matrix}")
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(".+"))
    image = reference("g0173", WIDTH, HEIGHT)
    for level, name in enumerate(FOLDERS, start=5):
        row = page.get_by_role("table").first.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text(f"{psnr(image, image + level):.2f}")


def export_figure(page: Page, path: Path) -> None:
    """The thesis's figure, as a PDF with the name of every column and in PNG with the images' own colours."""
    rest(page)
    page.get_by_text("Figure for a paper").click()
    rest(page)  # A rerun under way would swallow the click.
    page.get_by_role("button", name="Draw the figure").click()
    expect(page.get_by_role("button", name="Figure .pdf")).to_be_visible()
    rest(page)
    for suffix in ("pdf", "png"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Figure .{suffix}").click()
        assert waiting.value.suggested_filename == f"g0173-figure.{suffix}"
        waiting.value.save_as(path.with_suffix(f".{suffix}"))
    assert path.read_bytes().startswith(b"%PDF-") and path.read_bytes().rstrip().endswith(b"%%EOF")
    drawn = read_image(path.with_suffix(".png")).image
    assert drawn.shape[1] > 3 * WIDTH and len(np.unique(drawn.reshape(-1, 3), axis=0)) > 1000


def show_samples(page: Page, address: str) -> None:
    """The adopted samples are there without a further choice: native against any mode, one key each."""
    page.goto(f"{address}/upscaling?fsr_source=FSR+samples")
    expect(page.get_by_role("combobox", name="Adopted samples")).to_be_visible()
    samples, viewer = fsr_samples(WIDTH, HEIGHT), Viewer(page)
    # All nine, of which each was one more.
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(r"^(\S+ ){8}\S+$"))
    rest(page)
    for (name, image), url in zip(samples.items(), viewer.fact("ready").split(), strict=True):
        shown = read_image(page.request.get(urljoin(address, url)).body(), name=name).image
        np.testing.assert_array_equal(shown, image)
    viewer.wait_for(left="native", right="q2")
    expect(page.locator(".viewer")).to_contain_text(f"PSNR RGB {psnr(samples['native'], samples['q2']):.2f} dB")
    for number, kind in enumerate(samples, start=1):
        viewer.press(str(number))
        viewer.wait_for(mode="single", left=kind)


def evaluate_samples(page: Page) -> None:
    """The table of all samples below the viewer."""
    page.get_by_role("button", name="Evaluate the samples").click()
    expect(page.get_by_role("table")).to_be_visible()
    rest(page)
    samples = fsr_samples(WIDTH, HEIGHT)
    for image in (samples["q5"], samples["q5-sharpened"]):
        expect(page.get_by_role("table")).to_contain_text(f"{psnr(samples['native'], image):.2f}")


def show_table(page: Page, address: str) -> None:
    page.goto(f"{address}/rate_distortion?results=adopted/compression_sr_results.csv")
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    rest(page)
    expect(page.get_by_text("adopted/compression_sr_results.csv").first).to_be_attached()
    markers = "plot.calcdata.filter(points => (points[0].trace.mode || '').includes('markers'))"
    assert chart.evaluate(f"plot => {markers}.reduce((sum, points) => sum + points.length, 0)") == 25
