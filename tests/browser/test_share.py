"""A shared page in a browser that has no network: it opens from the disk, asks for nothing, and shows exact pixels."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from synthcomp_core.cli import main
from synthcomp_core.images import Image, read_image, write_png
from tests.browser.test_viewer import DIVIDER_HALF, LABEL_HEIGHT, assert_shows, on_screen
from tests.browser.viewer_harness import known_pixels
from tests.browser.viewing import Viewer

pytestmark = pytest.mark.browser

NAME = """</script><img src=x onerror="window.broken=1">.png""".replace("/", "%2F")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Image, Image]:
    """A page that the command line wrote, and the two images that it compares."""
    folder = tmp_path_factory.mktemp("shared")
    write_png(known_pixels(64, 48, 0), folder / NAME)
    variants = ("jpeg-q20", "webp-q20")
    page = folder / "page.html"
    options = [word for variant in variants for word in ("--variant", variant)]
    assert main(["share", str(folder / NAME), *options, "--out", str(page)]) == 0
    for variant in variants:
        assert main(["render", str(folder / NAME), str(folder / f"{variant}.png"), "--variant", variant]) == 0
    left, right = (read_image(folder / f"{variant}.png").image for variant in variants)
    return page, left, right


@pytest.fixture
def open_offline(new_page: Callable[..., Page], shared: tuple[Path, Image, Image]) -> Iterator[Callable[..., Viewer]]:
    """Opens the page from the disk, with the network off and every request noted; none but the page's own is made."""
    requested: list[str] = []

    def open_page(**options: object) -> Viewer:
        page = new_page(**options)
        page.context.set_offline(True)
        page.on("request", lambda request: requested.append(request.url))
        page.goto(shared[0].as_uri())
        page.locator(".viewer[data-ready]").wait_for()
        viewer = Viewer(page)
        viewer.settle()
        return viewer

    yield open_page
    own = [address for address in requested if not address.startswith(("data:", "blob:"))]
    assert set(own) == {shared[0].as_uri()}


def test_swipe_at_16x_shows_exact_pixels_without_a_network(
    open_offline: Callable[..., Viewer], shared: tuple[Path, Image, Image]
) -> None:
    viewer = open_offline()
    expect(viewer.page.locator(".label .name")).to_have_text(["JPEG, quality 20", "WebP, quality 20"])
    while viewer.fact("zoom") != "16":
        before = viewer.fact("zoom")
        viewer.press("+" if float(before) < 16 else "-")
        assert viewer.fact("zoom") != before
    viewer.page.locator(".stage").blur()  # Its focus is a line around the image.
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    rows = slice(LABEL_HEIGHT, height)
    assert_shows(shot, on_screen(shared[1], 16, width, height), rows, slice(0, width // 2 - DIVIDER_HALF))
    assert_shows(shot, on_screen(shared[2], 16, width, height), rows, slice(width // 2 + DIVIDER_HALF, width))
    assert viewer.page.evaluate("window.broken") is None
    viewer.press("m", "m")
    expect(viewer.page.get_by_role("img", name="Colour scale: FLIP error, 0 to 1")).to_be_visible()
    expect(viewer.page.locator("th[scope=row]")).to_have_text(["jpeg-q20", "webp-q20"])
    num_bytes = viewer.page.locator("td").nth(1).inner_text()
    expect(viewer.page.locator(".side .bytes").first).to_have_text(f"{num_bytes} bytes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_on_the_page(scheme: str, open_offline: Callable[..., Viewer]) -> None:
    viewer = open_offline(color_scheme=scheme, viewport={"width": 1024, "height": 768})
    box = viewer.page.locator(".viewer").bounding_box()
    assert box is not None and 768 - 24 <= box["y"] + box["height"] <= 768
    results = Axe().run(viewer.page).response
    assert results["passes"], "axe looked at nothing"
    serious = [fault for fault in results["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in serious] == []


def test_button_on_a_page_downloads_what_the_viewer_shows(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=maps&view=grid~a~b~4~0.25~0.5")
    with viewer.page.expect_download() as waiting:
        viewer.page.get_by_role("button", name="Share as a page").click()
    assert waiting.value.suggested_filename == "frame-comparison.html"
    content = waiting.value.path().read_text(encoding="utf-8")
    (data,) = re.findall('<script type="application/json" id="viewer-data">(.*)</script>', content)
    shown = json.loads(data)
    assert shown["state"] == "grid~a~b~4~0.25~0.5"
    assert [picture["label"] for picture in shown["pictures"]] == ["Original", "A", "B"]
    assert [overlay["overlay_of"] for overlay in shown["overlays"]] == ["a", "b", "a", "b"]


def test_images_are_still_drawn_with_another_view(open_offline: Callable[..., Viewer]) -> None:
    viewer = open_offline(viewport={"width": 390, "height": 844}, has_touch=True)
    viewer.press("g")
    viewer.wait_for(mode="grid")
    expect(viewer.page.locator(".label .number")).to_have_text(["1", "2", "3"])
    assert len(np.unique(viewer.pixels().reshape(-1, 3), axis=0)) > 1000
