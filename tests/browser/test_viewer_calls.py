"""The viewer's script as Streamlit calls it: newer data first and older ones after, when reruns come while it loads."""

from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.figures.viewer.scripts import BROWSER_FOLDER, joined_modules
from synthcomp_core.images import png_bytes

pytestmark = pytest.mark.browser

_OPEN = """async ([script, png]) => {
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const { default: call } = await import(url);
    const parent = document.getElementById("parent");
    const picture = { key: "a", label: "A", detail: "", width: 8, height: 8, overlay_of: null, url: png, scale: null };
    const data = (stage) => ({
        key: "test", height: 400, pictures: [picture], overlays: [], state: null, jump: 0, url_param: null,
        report: false, crops: [], crop_colours: [], pick_crops: false, stoppable: false,
        footer: { sides: [{ key: "a", label: "A", bytes: "9 bytes", metric: "" }], stage, fraction: 0.5, stale: "" },
    });
    const told = { parentElement: parent, setStateValue() {}, setTriggerValue() {} };
    window.show = (stage) => call({ data: data(stage), ...told });
}"""


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """An empty page with `show(stage)`: calls the viewer's script as Streamlit does, and returns what it returns."""
    page = new_page()
    page.set_content('<div id="parent"><div class="viewer"></div></div>')
    png = "data:image/png;base64," + base64.b64encode(png_bytes(np.zeros((8, 8, 3), np.uint8))).decode()
    page.evaluate(_OPEN, [joined_modules(BROWSER_FOLDER / "mount.js"), png])
    return page


def test_an_outdated_call_made_last_neither_wins_nor_closes_the_viewer(page: Page) -> None:
    page.evaluate("show('newer'); show('older')()")
    assert page.locator(".stage-name").inner_text() == "newer"
    page.locator(".viewer[data-ready]").wait_for()
    expect(page.locator(".footer")).to_contain_text("9 bytes")
    page.evaluate("void show('later')")
    assert page.locator(".stage-name").inner_text() == "later"


def test_several_outdated_calls_in_any_order_leave_the_one_that_holds(page: Page) -> None:
    page.evaluate("const first = show('oldest'); show('newest'); first(); show('older')()")
    assert page.locator(".stage-name").inner_text() == "newest"


def test_a_viewer_that_is_taken_off_the_page_is_closed_and_a_new_one_opens_there(page: Page) -> None:
    page.evaluate(
        """async () => {
            const close = show("first");
            const parent = document.getElementById("parent");
            parent.remove();
            close();
            window.dispatchEvent(new Event("resize"));
            document.body.append(parent);
            show("second");
        }"""
    )
    assert page.locator(".stage-name").inner_text() == "second"
    page.locator(".viewer[data-ready]").wait_for()
