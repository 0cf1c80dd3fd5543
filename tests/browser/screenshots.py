"""Takes the README's screenshots from the running app: ``make screenshots``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from synthcomp_core.storage import PROJECT_ROOT
from tests.browser.running import CHROMIUM_FLAGS, chromium_path, running_app
from tests.browser.waiting import rest

FOLDER = PROJECT_ROOT / "artifacts" / "screenshots"
RENDER_TIMEOUT_MS = 180_000
MATRIX_TIMEOUT_MS = 900_000  # four learned variants of a frame and a matched one


def photograph_live(page: Page, url: str) -> None:
    """A bundled frame through the learned codec and WebP."""
    page.goto(f"{url}/?image=supertuxkart_minigolf_0002.webp&a=mbt2018-q4-mse-games&b=webp-q24")
    page.get_by_role("button", name="Bitstream A").wait_for(timeout=RENDER_TIMEOUT_MS)
    page.get_by_role("button", name="Bitstream B").wait_for(timeout=RENDER_TIMEOUT_MS)
    rest(page)
    page.screenshot(path=str(FOLDER / "live.png"))


def photograph_compare(page: Page, url: str) -> None:
    """A bundled frame through two distortions, without and with super-resolution, and WebP of the same size."""
    picks = "image=torcs_forza_0002.webp&quality=4&trained_on=games&scaling=full&scaling=x2-rcan&classical=webp"
    crop = "compare_crops=870,410,150,112"
    page.goto(f"{url}/compare?{picks}&{crop}&view=grid~original~p1~2~0.49~0.44")
    page.get_by_role("button", name="Compute 5 missing").click(timeout=RENDER_TIMEOUT_MS)
    page.get_by_text("marks the best value").wait_for(timeout=MATRIX_TIMEOUT_MS)
    page.get_by_role("button", name="Everything is computed").wait_for(timeout=MATRIX_TIMEOUT_MS)
    rest(page)
    page.screenshot(path=str(FOLDER / "compare.png"))


def photograph_upscaling(page: Page, url: str) -> None:
    """FSR 1 and the others against native on a bundled frame."""
    page.goto(f"{url}/upscaling?image=supertuxkart_lighthouse_0003.webp")
    page.locator(".viewer[data-ready]").wait_for(timeout=RENDER_TIMEOUT_MS)
    rest(page)
    page.screenshot(path=str(FOLDER / "upscaling.png"))


def photograph_rate_distortion(page: Page, url: str) -> None:
    """The page as it opens: the bundled measurements on game frames."""
    page.goto(f"{url}/rate_distortion")
    page.locator(".js-plotly-plot .scatterlayer").first.wait_for(timeout=RENDER_TIMEOUT_MS)
    rest(page)
    page.screenshot(path=str(FOLDER / "rate_distortion.png"))


def photograph_runs(page: Page, url: str) -> None:
    """A short training with its curves."""
    page.goto(f"{url}/runs?run=train-smoke%2Fsmoke-codec")
    page.locator(".js-plotly-plot").first.wait_for(timeout=RENDER_TIMEOUT_MS)
    rest(page)
    page.screenshot(path=str(FOLDER / "runs.png"))


def photograph_a_training(browser: Browser) -> None:
    """Train the smoke plan's models into a folder of their own, and photograph the Runs page on it."""
    with tempfile.TemporaryDirectory() as artifacts:
        environment = {**os.environ, "SYNTHCOMP_ARTIFACTS": artifacts}
        (Path(artifacts) / "samples").mkdir()
        plan = (PROJECT_ROOT / "artifacts" / "plans" / "smoke.toml").relative_to(PROJECT_ROOT)
        command = [sys.executable, "-m", "synthcomp_core", "train", plan.as_posix()]
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=True)
        with running_app(PROJECT_ROOT / "app.py", environment) as url:
            page = browser.new_page(viewport={"width": 1440, "height": 1100})
            photograph_runs(page, url)
            page.close()


def main() -> None:
    """Photograph every page that has something to show without a run of one's own."""
    FOLDER.mkdir(exist_ok=True)
    executable = chromium_path()
    if executable is None:
        raise SystemExit("No Chromium found: install Debian's chromium package.")
    with running_app(PROJECT_ROOT / "app.py", dict(os.environ)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        for photograph in (photograph_live, photograph_compare, photograph_upscaling, photograph_rate_distortion):
            page = browser.new_page(viewport={"width": 1440, "height": 1400})
            photograph(page, url)
            page.close()
        photograph_a_training(browser)
        browser.close()


if __name__ == "__main__":
    main()
