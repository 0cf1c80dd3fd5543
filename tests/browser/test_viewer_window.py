"""The viewer in its window: it fills what the page leaves at any size, and its footer moves nothing."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.viewing import Viewer

pytestmark = pytest.mark.browser

SIZES = [(1440, 900), (1024, 768), (390, 844)]
MARGIN = 24  # CSS pixels that the viewer may leave free at the window's lower edge


def fills_window(viewer: Viewer) -> None:
    """The viewer ends at the window's lower edge, and its images take at least 60 % of the window's height."""
    window = viewer.page.viewport_size
    whole = viewer.page.locator(".viewer").bounding_box()
    assert window is not None and whole is not None
    bottom = whole["y"] + whole["height"]
    assert window["height"] - MARGIN <= bottom <= window["height"], (whole, window)
    assert viewer.box()["height"] >= 0.6 * window["height"]


def layout_shift(page: Page) -> float:
    """The cumulative layout shift since the page opened, as Chromium counts it (web.dev/cls).

    Without that of Streamlit's whole page, which moves before the script has sent anything.
    """
    shift = page.evaluate(
        """new Promise(done => {
            let sum = 0;
            const ours = e => e.sources.every(({node}) => !node?.querySelector?.("[data-testid=stVerticalBlock]"));
            new PerformanceObserver(list => list.getEntries().filter(ours).forEach(e => (sum += e.value)))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum));
        })"""
    )
    return float(shift)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_images_take_most_of_the_window_and_numbers_stand_in_view(
    width: int, height: int, open_viewer: Callable[..., Viewer]
) -> None:
    viewer = open_viewer("what=frame&bare=1", viewport={"width": width, "height": height})
    fills_window(viewer)
    assert layout_shift(viewer.page) < 0.05
    footer = viewer.page.locator(".footer").bounding_box()
    assert footer is not None and footer["y"] + footer["height"] <= height
    toolbar = viewer.page.locator(".toolbar").bounding_box()
    assert toolbar is not None and toolbar["height"] < 45, "one row"


def test_viewer_follows_the_window_but_stays_usable_in_a_flat_one(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known")
    viewer.page.set_viewport_size({"width": 1100, "height": 640})
    viewer.settle()
    fills_window(viewer)
    viewer.page.set_viewport_size({"width": 1100, "height": 300})
    expect(viewer.page.locator(".viewer")).to_have_js_property("offsetHeight", 320)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_footer_tells_numbers_progress_and_stop_without_moving_anything(
    width: int, height: int, open_viewer: Callable[..., Viewer]
) -> None:
    viewer = open_viewer("what=known&footer=1", viewport={"width": width, "height": height})
    page = viewer.page

    def choose(said: str) -> None:
        opener = page.get_by_test_id("stExpandSidebarButton")
        opened = opener.is_visible()
        if opened:
            opener.click()
        page.locator("label").filter(has_text=said).click()
        if opened:
            page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        viewer.rest()

    viewer.rest()
    empty = viewer.box()
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_hidden()
    choose("busy")
    assert viewer.box() == empty
    sides = page.locator(".side")
    expect(sides).to_have_text(
        ["A · WebP, quality 80112,340 bytesSSIMULACRA2 74.2", "B · mbt2018, quality 4, MSE, games"]
    )
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    expect(page.locator(".told")).to_have_text("waiting for BB: coding")
    stop.click()
    expect(stop).to_be_hidden()
    viewer.rest()
    expect(sides).to_have_text(["", ""])
    choose("done")
    assert viewer.box() == empty
    expect(sides.last).to_contain_text("98,120 bytes")
    expect(stop).to_be_hidden()


def test_rerun_with_other_numbers_lets_a_difference_be_computed_to_its_end(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&footer=1")
    viewer.page.evaluate(
        """() => {
            [window.computed, window.held] = [0, []];
            const make = OffscreenCanvas.prototype.transferToImageBitmap; // the last step of every difference
            OffscreenCanvas.prototype.transferToImageBitmap = function () {
                window.computed += 1;
                return make.call(this);
            };
            const later = window.setTimeout; // without a time: between two bands of a difference
            window.setTimeout = (call, ...rest) => rest.length > 0 ? later(call, ...rest) : window.held.push(call);
        }"""
    )
    viewer.press("d")
    viewer.wait_for(mode="difference")
    expect(viewer.page.locator(".sentence")).to_have_text("Computing the difference…")
    viewer.page.locator("label").filter(has_text="done").click()
    expect(viewer.page.locator(".side").last).to_contain_text("98,120 bytes")
    viewer.page.evaluate("setInterval(() => { for (const call of window.held.splice(0)) call(); }, 5)")
    expect(viewer.page.locator(".sentence")).to_have_text("")
    viewer.rest()
    assert viewer.page.evaluate("window.computed") == 1


def test_one_image_has_its_footer_too(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=one&footer=1")
    viewer.wait_for(mode="single")
    expect(viewer.page.locator(".footer")).to_be_visible()
    fills_window(viewer)


def test_finger_scrolls_the_page_as_long_as_the_whole_image_is_seen(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&bare=1", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    session = viewer.page.context.new_cdp_session(viewer.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    def swipe_up() -> None:
        x, y = viewer.point(0.3, 0.7)
        touch("touchStart", (x, y))
        for distance in (10, 30, 60, 100, 150):
            touch("touchMove", (x, y - distance))
        touch("touchEnd")
        viewer.settle()

    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    view = viewer.facts()
    swipe_up()
    viewer.page.wait_for_function(f"{scrolled} > 50")
    assert viewer.facts() == view
    viewer.press("z")
    viewer.rest()
    place = viewer.page.evaluate(scrolled)
    swipe_up()
    assert float(viewer.fact("y")) > 0.5
    assert viewer.page.evaluate(scrolled) == place
