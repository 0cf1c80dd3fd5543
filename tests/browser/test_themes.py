"""Every page in the light and in the dark theme: axe finds no serious fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from synthcomp_core.images import write_png
from tests.browser.conftest import StartApp
from tests.browser.waiting import rest
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

pytestmark = pytest.mark.browser

PAGES = (
    "?a=jpeg-q40&b=webp-q40",
    "compare?variant=jpeg-q10&computed=1",
    "upscaling",
    "rate_distortion",
    "runs",
    "advise",
)


@pytest.fixture(scope="module")
def address(start_app: StartApp, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with one small frame and the project's own results."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    write_png(frame(1, 320, 200), artifacts / "samples" / "castle.png")
    (artifacts / "snapshots").mkdir()
    (artifacts / "results").symlink_to(Path(PROJECT_ROOT) / "artifacts" / "results")
    return start_app(PROJECT_ROOT / "app.py", {"SYNTHCOMP_ARTIFACTS": str(artifacts)})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.partition("?")[0] or "live")
def test_axe_finds_no_serious_fault(shared_page: Callable[..., Page], address: str, path: str, scheme: str) -> None:
    page = shared_page(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/{path}")
    expect(page.get_by_test_id("stMainBlockContainer")).to_be_visible()
    for _ in range(10):  # What a late rerun has just faded is no lack of contrast: a fault is one that stays.
        rest(page)
        results = Axe().run(page).response
        assert results["passes"], "axe looked at nothing"
        serious = [fault for fault in results["violations"] if fault["impact"] in ("serious", "critical")]
        if not serious:
            break
    assert [
        (fault["id"], [(node["html"], node["failureSummary"]) for node in fault["nodes"]]) for fault in serious
    ] == []
