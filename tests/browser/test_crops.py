"""Crops picked on the picture, in a real browser: the numbers that Python gets, what is drawn, and what it costs."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from synthcomp_core.figures.paper.drawing import CROP_COLOURS, MAX_CROPS
from tests.browser.viewer_harness import known_pixels
from tests.browser.viewing import Viewer

pytestmark = pytest.mark.browser

ZOOM = 8
OPENED = f"what=known&crops=1&view=single~original~a~{ZOOM}~0.5~0.5"


def corner(viewer: Viewer) -> tuple[float, float]:
    """Where on the page the picture of 64 x 48 pixels has its top left corner at 8x, in the middle of the view."""
    box = viewer.box()
    left = int(np.floor(box["width"] / 2 - 32 * ZOOM + 0.5))
    top = int(np.floor(box["height"] / 2 - 24 * ZOOM + 0.5))
    return box["x"] + left, box["y"] + top


def pixel(viewer: Viewer, x: int, y: int) -> tuple[float, float]:
    """A point within a pixel of the picture."""
    left, top = corner(viewer)
    return left + x * ZOOM + 3, top + y * ZOOM + 5


def expect_crops(viewer: Viewer, text: str) -> None:
    expect(viewer.page.get_by_text(f"Crops: {text}".strip(), exact=True)).to_be_visible()
    viewer.wait_for(crops=text)


def test_a_dragged_rectangle_becomes_a_crop_of_exactly_its_pixels(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(OPENED)
    before = viewer.facts()
    viewer.press("c")
    expect(viewer.page.get_by_role("button", name="Crop for a figure (c)")).to_have_attribute("aria-pressed", "true")
    viewer.drag(pixel(viewer, 10, 6), pixel(viewer, 41, 25))
    expect_crops(viewer, "10,6,32,20")
    assert viewer.facts() == before, "the drag picked, it did not pan"
    # Backwards, and out of the picture: its edge ends the crop.
    viewer.press("c")
    viewer.drag(pixel(viewer, 20, 30), pixel(viewer, -4, -4))
    expect_crops(viewer, "10,6,32,20 0,0,21,31")
    # The tool is put down after each crop: this drag pans.
    viewer.press("8", "+", "+")
    viewer.drag(viewer.point(0.5, 0.5), viewer.point(0.45, 0.5))
    assert viewer.fact("x") != before["x"]
    expect_crops(viewer, "10,6,32,20 0,0,21,31")


def test_crops_are_outlined_around_their_pixels_which_stay_exact(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(OPENED)
    viewer.press("c")
    viewer.drag(pixel(viewer, 10, 16), pixel(viewer, 41, 35))
    expect_crops(viewer, "10,16,32,20")
    viewer.page.mouse.move(5, 5)
    shot = viewer.pixels().astype(int)
    left, top = (round(value - origin) for value, origin in zip(corner(viewer), viewer.point(0, 0), strict=True))
    x, y = left + 10 * ZOOM, top + 16 * ZOOM
    inside = known_pixels(64, 48, 0)[16:36, 10:42].repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    # Inside of the frame lies its dark edge of one pixel; within that, the picture as it is.
    seen = shot[y + 1 : y + 20 * ZOOM - 1, x + 1 : x + 32 * ZOOM - 1]
    np.testing.assert_array_equal(seen, inside[1:-1, 1:-1])
    colour = [int(CROP_COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)]
    assert shot[y + 50, x - 2].tolist() == colour
    assert shot[y - 2, x + 50].tolist() == colour


def test_picking_a_crop_decodes_and_fetches_no_picture_again(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(OPENED)
    viewer.rest()
    fetched: list[str] = []
    viewer.page.on("request", lambda request: fetched.append(request.url))
    viewer.press("c")
    x, y = pixel(viewer, 3, 3)
    viewer.page.mouse.move(x, y)
    viewer.page.mouse.down()
    viewer.page.mouse.move(x + 90, y + 90, steps=10)
    expect(viewer.page.locator(".where")).to_have_text("Crop: 12 × 12 at x 3 y 3")
    viewer.rest()
    expect(viewer.page.get_by_text("Runs: 1", exact=True)).to_be_visible()  # Nothing is told before the drag ends.
    viewer.page.mouse.up()
    expect_crops(viewer, "3,3,12,12")
    assert [url for url in fetched if "/media/" in url] == []
    assert viewer.fact("decodes") == "3"


def test_every_key_for_crops_does_what_the_list_says(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&crops=1&view=single~original~a~4~0.25~0.5")
    page = viewer.page
    box = viewer.box()
    viewer.press("C")
    width, height = int(np.ceil(box["width"] / 4)), int(np.ceil(box["height"] / 4))
    crop = [int(value) for value in viewer.fact("crops").split(",")]
    assert crop[2:] == pytest.approx([width, height], abs=1)
    assert crop[0] + crop[2] / 2 == pytest.approx(0.25 * 1920, abs=1)
    assert crop[1] + crop[3] / 2 == pytest.approx(0.5 * 1080, abs=1)
    expect_crops(viewer, viewer.fact("crops"))
    # With Shift, a square.
    viewer.press("c")
    page.keyboard.down("Shift")
    viewer.drag(viewer.point(0.3, 0.3), viewer.point(0.5, 0.35))
    page.keyboard.up("Shift")
    second = [int(value) for value in viewer.fact("crops").split(" ")[1].split(",")]
    assert second[2] == second[3] == pytest.approx(0.2 * box["width"] / 4, abs=2)
    # Escape puts the tool down, a mere click picks nothing.
    button = page.get_by_role("button", name="Crop for a figure (c)")
    for key in ("Escape", "c"):
        viewer.press("c", key)
        expect(button).to_have_attribute("aria-pressed", "false")
    viewer.press("c")
    page.mouse.click(*viewer.point(0.6, 0.6))
    viewer.settle()
    assert len(viewer.fact("crops").split()) == 2
    viewer.press("Escape", "Backspace")
    expect_crops(viewer, ",".join(map(str, crop)))
    viewer.press("Backspace")
    expect_crops(viewer, "")
    # No more than a figure holds.
    viewer.press(*["C"] * MAX_CROPS, "c")
    expect(page.locator(".where")).to_contain_text(f"at most {MAX_CROPS} crops")
    assert len(viewer.fact("crops").split()) == MAX_CROPS
    viewer.press("?")
    expect(page.get_by_role("dialog", name="Keys of the viewer")).to_contain_text("Crop what is on screen")


def test_where_the_page_takes_no_crops_there_is_no_such_tool(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known")
    expect(viewer.page.get_by_role("button", name="Crop for a figure (c)")).to_be_hidden()
    viewer.press("c", "C")
    viewer.wait_for(crops="", mode="swipe")


def test_a_finger_picks_a_crop_and_a_second_one_zooms_instead(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(OPENED, has_touch=True)
    session = viewer.page.context.new_cdp_session(viewer.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    viewer.press("c")
    touch("touchStart", pixel(viewer, 5, 5))
    touch("touchMove", pixel(viewer, 20, 20))
    touch("touchMove", pixel(viewer, 20, 20), pixel(viewer, 40, 30))
    touch("touchEnd")
    viewer.settle()
    assert viewer.fact("crops") == ""
    touch("touchStart", pixel(viewer, 5, 5))
    touch("touchMove", pixel(viewer, 20, 24))
    touch("touchEnd")
    expect_crops(viewer, "5,5,16,20")
