"""The viewer in a real browser: exact pixels, zoom and pan without the server, keys, links, accessibility."""

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import VIEWER_HARNESS, StartApp
from tests.browser.viewer_harness import known_pixels, landscape
from tests.browser.viewing import Viewer

pytestmark = pytest.mark.browser

LABEL_HEIGHT = 40  # CSS pixels at the top of a pane that a label may cover
DIVIDER_HALF = 14  # CSS pixels on each side of the divider that its handle may cover


def on_screen(picture: np.ndarray, zoom: int, width: int, height: int, x: float = 0.5, y: float = 0.5) -> np.ndarray:
    """The screen (height, width, 3) as int that shows a picture at a whole zoom; -1 where there is none."""
    scaled = picture.repeat(zoom, axis=0).repeat(zoom, axis=1).astype(int)
    left = int(np.floor(width / 2 - x * scaled.shape[1] + 0.5))
    top = int(np.floor(height / 2 - y * scaled.shape[0] + 0.5))
    screen = np.full((height, width, 3), -1)
    rows = slice(max(0, top), min(height, top + scaled.shape[0]))
    columns = slice(max(0, left), min(width, left + scaled.shape[1]))
    screen[rows, columns] = scaled[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return screen


def assert_shows(shot: np.ndarray, expected: np.ndarray, rows: slice, columns: slice) -> None:
    seen, wanted = shot[rows, columns].astype(int), expected[rows, columns]
    there = wanted >= 0
    assert there.sum() > 30_000, "the test looks at too little of the picture"
    np.testing.assert_array_equal(seen[there], wanted[there])


def test_swipe_at_16x_shows_every_pixel_in_its_exact_colour(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=swipe~a~b~16~0.5~0.5")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    rows = slice(LABEL_HEIGHT, height)
    left = on_screen(known_pixels(64, 48, 1), 16, width, height)
    right = on_screen(known_pixels(64, 48, 2), 16, width, height)
    assert_shows(shot, left, rows, slice(0, width // 2 - DIVIDER_HALF))
    assert_shows(shot, right, rows, slice(width // 2 + DIVIDER_HALF, width))


def test_level_divider_shows_the_left_picture_above_and_the_right_one_below(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=swipe~a~b~16~0.5~0.5~orient-h~split-0.25")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    at = round(0.25 * height)
    above = on_screen(known_pixels(64, 48, 1), 16, width, height)
    below = on_screen(known_pixels(64, 48, 2), 16, width, height)
    assert_shows(shot, above, slice(LABEL_HEIGHT, at - DIVIDER_HALF), slice(0, width))
    assert_shows(shot, below, slice(at + DIVIDER_HALF, height - LABEL_HEIGHT), slice(0, width))


def test_one_to_one_is_one_device_pixel_on_a_dense_screen(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=single~a~b~8~0.5~0.5", device_scale_factor=2)
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    assert width == 2 * round(viewer.box()["width"])
    expected = on_screen(known_pixels(64, 48, 1), 8, width, height)
    assert_shows(shot, expected, slice(2 * LABEL_HEIGHT, height), slice(0, width))


def test_nine_pictures_in_a_grid_stay_aligned_to_the_pixel(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=nine&view=grid~p0~p1~8~0.31~0.62")
    viewer.drag(viewer.point(0.5, 0.5), viewer.point(0.46, 0.53))
    shot = viewer.pixels()
    gap = 2
    width, height = (shot.shape[1] - 2 * gap) // 3, (shot.shape[0] - 2 * gap) // 3
    tiles = [
        shot[row * (height + gap) :, column * (width + gap) :][LABEL_HEIGHT:height, :width]
        for row in range(3)
        for column in range(3)
    ]
    for tile in tiles[1:]:
        np.testing.assert_array_equal(tile, tiles[0])
    x, y = float(viewer.fact("x")), float(viewer.fact("y"))
    assert (x, y) != (0.31, 0.62)
    expected = on_screen(known_pixels(96, 64, 0), 8, width, height, x, y)[LABEL_HEIGHT:]
    assert_shows(tiles[0], expected, slice(None), slice(None))


def test_picture_of_another_size_is_shown_at_the_size_of_the_reference(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=sizes&view=single~a~original~8~0.5~0.5")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    expected = on_screen(known_pixels(32, 24, 2), 16, width, height)
    assert_shows(shot, expected, slice(LABEL_HEIGHT, height), slice(0, width))


@pytest.mark.parametrize(("kind", "gain"), [("abs", 2), ("signed", 1)])
def test_difference_shows_computed_values_exactly(kind: str, gain: int, open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer(f"what=known&view=difference~a~b~16~0.5~0.5~kind-{kind}~gain-{gain}")
    expect(viewer.page.locator(".sentence")).to_have_text("")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    a, b = known_pixels(64, 48, 1).astype(int), known_pixels(64, 48, 2).astype(int)
    values = gain * np.abs(b - a) if kind == "abs" else 128 + gain * (b - a)
    expected = on_screen(values.clip(0, 255), 16, width, height)
    assert_shows(shot, expected, slice(LABEL_HEIGHT, height), slice(0, width))


def test_far_corner_of_a_large_picture_is_exact_at_64x(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=large&view=single~p0~p1~64~0.998~0.997")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    picture = np.tile(landscape(512, 270, 0), (8, 8, 1))
    # The last 20 pixels of each direction hold all that is seen; their centre is in their own fractions.
    x, y = (0.998 * 4096 - 4076) / 20, (0.997 * 2160 - 2140) / 20
    expected = on_screen(picture[-20:, -20:], 64, width, height, x, y)
    assert_shows(shot, expected, slice(LABEL_HEIGHT, height), slice(0, width))


def test_difference_shows_the_map_of_the_right_picture_where_there_is_one(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&view=difference~original~a~1~0.5~0.5~kind-Bit+map")
    expect(viewer.page.locator(".label .name")).to_have_text("Bit map of mbt2018-q4-mse-games")
    expect(viewer.page.locator(".sentence")).to_have_text("")
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    left = int(np.floor(width / 2 - 960 + 0.5))
    ramp = np.linspace(0, 255, 1920).astype(np.uint8)[::-1][-left : width - left]
    np.testing.assert_array_equal(shot[height // 2, :, 0], ramp)
    viewer.press("b")
    expect(viewer.page.locator(".sentence")).to_contain_text("There is no Bit map of webp-q62")


def test_divider_follows_the_mouse_and_the_keyboard(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    slider = viewer.page.get_by_role("slider", name="Divider between A and B")
    expect(slider).to_have_attribute("aria-valuetext", "50 % A, 50 % B")
    viewer.drag(viewer.point(0.5, 0.5), viewer.point(0.25, 0.5))
    assert viewer.divider_position() == 25
    slider.focus()
    viewer.page.keyboard.press("ArrowRight")
    viewer.settle()
    assert viewer.divider_position() == 27
    for key, position in (("End", 100), ("Home", 0), ("PageDown", 10)):
        viewer.page.keyboard.press(key)
        viewer.settle()
        assert viewer.divider_position() == position


def test_wheel_zooms_about_the_pointer_in_fixed_steps(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame")
    viewer.page.mouse.click(*viewer.point(0.3, 0.6))
    viewer.settle()
    seen = []
    where = []
    for _ in range(12):
        viewer.page.mouse.wheel(0, -120)
        viewer.settle()
        seen.append(viewer.fact("zoom"))
        where.append(viewer.page.locator(".where").inner_text())
    assert seen == ["0.5", "1", "2", "3", "4", "6", "8", "12", "16", "24", "32", "48"]
    assert len(set(where[4:])) == 1, "the pixel under the pointer stays there"
    viewer.page.mouse.wheel(0, 120)
    viewer.wait_for(zoom="32")
    viewer.page.mouse.dblclick(*viewer.point(0.3, 0.6))
    viewer.wait_for(zoom="1")


def test_wheel_scrolls_the_page_until_the_image_is_clicked_or_ctrl_is_held(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame", viewport={"width": 1280, "height": 500})
    page, hint = viewer.page, viewer.page.locator(".hint")
    zoom = viewer.fact("zoom")
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    page.mouse.move(*viewer.point(0.3, 0.6))
    expect(hint).to_have_css("opacity", "0")
    # It shows for two seconds, less than a busy browser may take for a look at it.
    hint.evaluate(
        """hint => {
            const watch = () => {
                window.hintSeen ||= getComputedStyle(hint).opacity === "1";
                requestAnimationFrame(watch);
            };
            watch();
        }"""
    )
    page.mouse.wheel(0, 60)
    page.wait_for_function(f"{scrolled} > 0")
    page.wait_for_function("window.hintSeen")
    expect(hint).to_have_text("Click the image or hold Ctrl to zoom with the wheel")
    assert viewer.fact("zoom") == zoom
    expect(hint).to_have_css("opacity", "0")
    viewer.rest()
    place = page.evaluate(scrolled)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    viewer.wait_for(zoom="0.5")
    page.mouse.click(*viewer.point(0.3, 0.6))
    page.mouse.wheel(0, -120)
    viewer.wait_for(zoom="1")
    viewer.rest()
    assert page.evaluate(scrolled) == place


def test_first_tab_stop_leads_to_the_images(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.keyboard.press("Tab")
    expect(viewer.page.get_by_role("button", name="Skip to the images")).to_be_focused()
    viewer.page.keyboard.press("Enter")
    expect(viewer.page.locator(".stage")).to_be_focused()
    viewer.page.keyboard.press("g")
    viewer.wait_for(mode="grid")


def test_pixel_under_the_pointer_is_named_with_its_values(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=swipe~a~b~16~0.5~0.5")
    box = viewer.box()
    left = round(box["width"] / 2 - 512)
    top = round(box["height"] / 2 - 384)
    for column, row, name, seed in ((30, 20, "A", 1), (40, 21, "B", 2)):
        viewer.page.mouse.move(box["x"] + left + 16 * column + 3, box["y"] + top + 16 * row + 14)
        viewer.settle()
        expect(viewer.page.locator(".where")).to_have_text(f"{name} · x {column} y {row}")
        r, g, b = known_pixels(64, 48, seed)[row, column]
        expect(viewer.page.locator(".rgb")).to_have_text(f"RGB {r} {g} {b}")


def test_a_tap_reads_the_pixel_and_what_it_read_stays(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=single~a~b~16~0.5~0.5", has_touch=True)
    box = viewer.box()
    left, top = round(box["width"] / 2 - 512), round(box["height"] / 2 - 384)
    viewer.page.touchscreen.tap(box["x"] + left + 16 * 30 + 8, box["y"] + top + 16 * 20 + 8)
    viewer.settle()
    expect(viewer.page.locator(".where")).to_have_text("A · x 30 y 20")


def test_a_browser_without_full_screen_has_no_button_for_it_and_says_so(
    new_page: Callable[..., Page], start_app: StartApp
) -> None:
    page = new_page()
    page.add_init_script("Object.defineProperty(document, 'fullscreenEnabled', { value: false })")
    page.goto(f"{start_app(VIEWER_HARNESS)}/?what=known")
    page.locator(".viewer[data-ready]").wait_for()
    expect(page.get_by_role("button", name="Full screen (w)")).to_be_hidden()
    Viewer(page).press("w")
    expect(page.locator(".where")).to_have_text("The browser does not allow full screen here")


@pytest.mark.parametrize("by", ["Jump again", "Try again"])  # A run of the page, and the viewer's own button.
def test_a_map_that_failed_to_load_says_so_and_is_loaded_when_tried_again(
    open_viewer: Callable[..., Viewer], by: str
) -> None:
    viewer = open_viewer("what=maps&view=single~a~b~8~0.5~0.5")
    viewer.page.route("**/media/*", lambda route: route.abort())
    viewer.press("m", "m")
    sentence = viewer.page.locator(".sentence")
    expect(sentence).to_have_text(
        "FLIP error map: The image could not be loaded (the server does not answer); try again."
    )
    if by == "Try again":
        viewer.page.get_by_role("button", name=by).click()
        expect(viewer.page.get_by_role("button", name=by)).to_be_visible()  # Still in vain.
    viewer.page.unroute("**/media/*")
    viewer.page.get_by_role("button", name=by).click()
    expect(sentence).to_have_text("")
    expect(viewer.page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_difference_that_could_not_be_computed_is_computed_again_by_a_click_alone(
    open_viewer: Callable[..., Viewer],
) -> None:
    viewer = open_viewer("what=known&view=single~a~b~8~0.5~0.5")
    viewer.page.evaluate("""() => {
        const {transferToImageBitmap} = OffscreenCanvas.prototype;
        window.tries = 0;
        window.mend = () => { OffscreenCanvas.prototype.transferToImageBitmap = transferToImageBitmap; };
        OffscreenCanvas.prototype.transferToImageBitmap = () => { window.tries += 1; throw new Error("no memory"); };
    }""")
    viewer.press("d")
    sentence = viewer.page.locator(".sentence")
    expect(sentence).to_have_text(re.compile("could not compute it"))
    again = viewer.page.get_by_role("button", name="Try again")
    again.focus()
    tries = viewer.page.evaluate("window.tries")
    viewer.page.get_by_role("button", name="Jump again").evaluate("button => button.click()")  # A run of the page.
    expect(viewer.page.get_by_text("Runs: 2", exact=True)).to_be_visible()
    viewer.rest()
    assert viewer.page.evaluate("window.tries") == tries
    expect(again).to_be_focused()
    viewer.page.evaluate("window.mend()")
    again.press("Enter")
    expect(sentence).to_have_text("")
    expect(viewer.page.locator(".stage")).to_be_focused()  # The button is gone, and the keys keep working.


def test_loupe_gives_the_values_of_all_pictures(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=loupe~original~~1~0.5~0.5")
    expected = [" ".join(str(value) for value in known_pixels(64, 48, seed)[24, 32]) for seed in range(3)]
    expect(viewer.page.locator(".loupe .values")).to_have_text(expected)
    expect(viewer.page.locator(".loupe .name")).to_have_text(["1 · Original", "2 · A", "3 · B"])
    first, second = (known_pixels(64, 48, seed)[24, 32].astype(int) for seed in (0, 1))
    changes = " ".join(f"+{d}" if d > 0 else f"−{-d}" if d < 0 else "0" for d in second - first)
    expect(viewer.page.locator(".loupe .change").nth(1)).to_have_text(f"Δ {changes}")


def test_zoom_and_position_survive_other_pictures_of_another_size(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&view=swipe~a~b~8~0.25~0.75")
    before = viewer.facts()
    ready = viewer.fact("ready")
    viewer.page.get_by_label("Variant").fill("1")
    viewer.page.get_by_label("Variant").press("Enter")
    expect(viewer.page.locator(".viewer")).not_to_have_attribute("data-ready", ready)
    assert viewer.facts() == before
    expect(viewer.page.locator(".size")).to_have_text("1280 × 720")


def test_panning_and_zooming_large_pictures_asks_nothing_of_the_server(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=large&view=grid~p0~p1~2~0.5~0.5")
    traffic: list[str] = []
    page = viewer.page
    viewer.rest()  # Streamlit itself has something to say after its start.
    # Chromium asks for the page's icon whenever the address changes, whoever changes it.
    page.context.on("request", lambda request: None if "favicon" in request.url else traffic.append(request.url))
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.webSocketFrameSent", lambda frame: traffic.append("websocket"))
    decodes = viewer.fact("decodes")
    x = viewer.fact("x")
    for fx in (0.4, 0.6, 0.45):
        viewer.drag(viewer.point(0.5, 0.5), viewer.point(fx, 0.4))
    assert viewer.fact("x") != x
    viewer.press("+", "+", "-", "-", "-", "-", "s", "k", "d", "l", "g", "f", "1", "ArrowLeft", "z", "ArrowRight")
    viewer.page.mouse.move(*viewer.point(0.2, 0.2))
    viewer.page.mouse.wheel(0, -240)
    viewer.rest()
    assert "view=" in page.url
    assert traffic == []
    assert viewer.fact("decodes") == decodes == "6"
    expect(page.get_by_text("Runs: 1", exact=True)).to_be_visible()


def test_rerun_with_the_same_pictures_decodes_nothing_again(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    fetched: list[str] = []
    viewer.page.on("request", lambda request: fetched.append(request.url))
    viewer.page.get_by_role("button", name="Set a parameter").click()
    expect(viewer.page.get_by_text("Runs: 2", exact=True)).to_be_visible()
    viewer.rest()
    assert [url for url in fetched if "/media/" in url] == []
    assert viewer.fact("decodes") == "3"


def test_every_key_does_what_the_list_says(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame")
    page = viewer.page
    for key, mode in {"g": "grid", "k": "flicker", "d": "difference", "l": "loupe", "s": "swipe"}.items():
        viewer.press(key)
        viewer.wait_for(mode=mode)
    viewer.press("1")
    viewer.wait_for(mode="single", left="original")
    viewer.press("3")
    viewer.wait_for(mode="single", left="b")
    viewer.press("3")
    viewer.wait_for(mode="swipe", left="a", right="b")
    viewer.press("a")
    viewer.wait_for(left="b")
    viewer.press("A", "B")
    viewer.wait_for(left="a", right="a")
    viewer.press("b")
    viewer.wait_for(right="b")
    viewer.press("x")
    viewer.wait_for(left="b", right="a")
    viewer.press(" ")
    viewer.wait_for(left="a", right="b")
    viewer.press(",")
    assert viewer.divider_position() == 48
    viewer.press(".", ".")
    assert viewer.divider_position() == 52
    viewer.press("v")
    expect(page.locator(".divider")).to_have_attribute("aria-orientation", "vertical")
    page.keyboard.down("o")
    viewer.wait_for(mode="original")
    page.keyboard.up("o")
    viewer.wait_for(mode="swipe")
    for key, zoom in {"z": "1", "+": "2", "-": "1", "=": "2"}.items():
        viewer.press(key)
        viewer.wait_for(zoom=zoom)
    viewer.press("ArrowLeft", "ArrowUp")
    assert float(viewer.fact("x")) < 0.5 and float(viewer.fact("y")) < 0.5
    viewer.press("ArrowRight", "ArrowDown")
    viewer.wait_for(x="0.5", y="0.5")
    viewer.press("Shift+ArrowRight")
    viewer.wait_for(x=f"{0.5 + 1 / 1920:.6f}")
    for key in "f0":
        viewer.press("z", key)
        assert float(viewer.fact("zoom")) < 0.5
    overlay = page.get_by_label("Overlay", exact=True)
    for value in ("difference", "FLIP error map", "Bit map", ""):
        viewer.press("m")
        expect(overlay).to_have_value(value)
    viewer.press("d", "PageUp")
    expect(page.get_by_label("Gain")).to_have_value("16")
    viewer.press("PageDown", "PageDown")
    expect(page.get_by_label("Gain")).to_have_value("4")
    viewer.press("k", "p")
    expect(page.get_by_role("button", name="Start (p)")).to_be_visible()
    shown = page.locator(".label .name").inner_text()
    viewer.press(" ")
    assert page.locator(".label .name").inner_text() != shown
    viewer.press("?")
    expect(page.get_by_role("dialog", name="Keys of the viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys of the viewer")).to_be_hidden()
    viewer.press("w")
    page.wait_for_function("document.fullscreenElement !== null")
    viewer.press("w")
    page.wait_for_function("document.fullscreenElement === null")


def test_flicker_changes_the_picture_by_itself(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&view=flicker~a~b~fit~0.5~0.5")
    name = viewer.page.locator(".label .name")
    for label in ("A", "B", "A"):
        expect(name).to_have_text(label)


def test_keys_go_on_working_when_the_focused_control_disappears(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.locator(".divider").focus()
    viewer.page.keyboard.press("g")
    viewer.wait_for(mode="grid")
    viewer.page.keyboard.press("d")
    viewer.wait_for(mode="difference")


def test_overlay_is_drawn_over_its_own_picture_with_opacity(open_viewer: Callable[..., Viewer]) -> None:
    plain = open_viewer("what=frame&view=single~a~b~1~0.5~0.5").pixels().astype(float)
    half = open_viewer("what=frame&view=single~a~b~1~0.5~0.5~overlay-Bit+map~opacity-0.5")
    expect(half.page.get_by_label("Opacity of the overlay")).to_have_value("50")
    half.rest()
    ramp = np.linspace(0, 255, 1920).astype(np.uint8)[::-1].astype(float)
    shot = half.pixels().astype(float)
    height, width = shot.shape[:2]
    left = int(np.floor(width / 2 - 960 + 0.5))
    red = ramp[-left : width - left]
    row = height // 2
    assert np.abs(shot[row, :, 0] - (plain[row, :, 0] + red) / 2).max() <= 1.5
    assert np.abs(shot[row, :, 1] - plain[row, :, 1] / 2).max() <= 1.5
    other = open_viewer("what=frame&view=single~original~b~1~0.5~0.5").pixels()
    bare = open_viewer("what=frame&view=single~original~b~1~0.5~0.5~overlay-Bit+map").pixels()
    np.testing.assert_array_equal(bare[LABEL_HEIGHT:], other[LABEL_HEIGHT:])


def test_link_opened_in_another_browser_gives_the_same_view(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.mouse.click(*viewer.point(0.3, 0.4))
    for _ in range(3):
        viewer.page.mouse.wheel(0, -120)
        viewer.settle()
    viewer.press("ArrowRight", ".", ".", "B")
    viewer.page.mouse.move(5, 5)
    viewer.rest()
    assert "view=" in viewer.page.url
    again = open_viewer(viewer.page.url.split("?")[1], elsewhere=True)
    assert again.facts() == viewer.facts()
    assert again.divider_position() == viewer.divider_position() == 54
    again.press("v", "v")  # the same focus as in the first
    np.testing.assert_array_equal(again.pixels(), viewer.pixels())


def test_broken_links_open_the_default_view(open_viewer: Callable[..., Viewer]) -> None:
    for text in ("<b>~~~~~", "swipe~a~b~NaN~0~0", "swipe~x~y~1e9~7~2~split-no~gain-3"):
        viewer = open_viewer(f"what=known&view={text}")
        viewer.wait_for(mode="swipe", left="a", right="b")
        assert viewer.divider_position() == 50


def test_view_stays_in_the_link_when_streamlit_rewrites_it(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    page = viewer.page
    viewer.press("g", "z")
    wanted = "view=grid~~~1~0.5~0.5"
    page.wait_for_function("text => location.search.includes(text)", arg=wanted)
    page.get_by_label("Bound").fill("word")
    page.get_by_label("Bound").press("Enter")
    page.wait_for_function("location.search.includes('bound=word')")
    page.get_by_role("button", name="Set a parameter").click()
    page.wait_for_function("location.search.includes('set=')")
    page.wait_for_function("text => location.search.includes(text)", arg=wanted)
    viewer.press("k")
    page.wait_for_function("location.search.includes('view=flicker')")
    page.get_by_label("Bound").fill("other")
    page.get_by_label("Bound").press("Enter")
    page.wait_for_function("location.search.includes('bound=other')")
    viewer.rest()
    assert "view=flicker~~~1~0.5~0.5" in page.url
    viewer.wait_for(mode="flicker")


def test_python_moves_the_viewer_and_learns_where_it_is(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=known&report=1")
    viewer.page.get_by_text("Jump to the corner").click()
    viewer.wait_for(mode="single", left="original", zoom="16", x="0", y="0")
    viewer.press("ArrowRight")
    x = viewer.fact("x")
    assert float(x) > 0
    expect(viewer.page.get_by_text(f"Known view: single~original~~16~{x}~0", exact=True)).to_be_visible()
    viewer.wait_for(x=x)
    viewer.page.get_by_role("button", name="Jump again").click()
    viewer.wait_for(mode="single", left="original", zoom="16", x="0", y="0")


def test_names_are_shown_as_text(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=html")
    name = '<img src=x onerror="window.broken=1"><b>bold</b>'
    expect(viewer.page.locator(".label .name").first).to_have_text(name)
    expect(viewer.page.locator(".label .detail").first).to_have_text(name)
    viewer.press("d", "l", "g")
    assert viewer.page.evaluate("window.broken") is None
    assert viewer.page.locator(".viewer img, .viewer b").count() == 0


def test_pinching_zooms_and_one_finger_pans(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=frame&view=single~original~a~1~0.5~0.5", has_touch=True)
    session = viewer.page.context.new_cdp_session(viewer.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    x, y = viewer.point(0.5, 0.5)
    touch("touchStart", (x - 40, y), (x + 40, y))
    for spread in (60, 90, 130, 160):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    viewer.wait_for(zoom="4", x="0.5", y="0.5")
    touch("touchStart", (x, y))
    for moved in (10, 40, 80):
        touch("touchMove", (x - moved, y))
    touch("touchEnd")
    viewer.settle()
    assert float(viewer.fact("x")) == pytest.approx(0.5 + 80 / 4 / 1920, abs=20 / 4 / 1920)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_any_mode(scheme: str, open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=maps&footer=1&view=swipe~~~fit~0.5~0.5~overlay-FLIP+error+map", color_scheme=scheme)
    viewer.page.locator("label").filter(has_text="busy").click()
    expect(viewer.page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    viewer.rest()
    inside = {"include": [{"fromShadowDom": ["[data-testid=stBidiComponentIsolated]", ".viewer"]}]}
    for key in "1sgkdl?":
        viewer.press(key)
        results = Axe().run(viewer.page, context=inside).response
        assert results["passes"], "axe looked at nothing"
        serious = [fault for fault in results["violations"] if fault["impact"] in ("serious", "critical")]
        assert [(key, fault["id"], [node["html"] for node in fault["nodes"]]) for fault in serious] == []


@pytest.mark.parametrize(("width", "fits"), [(1440, True), (1024, True), (390, False)])
def test_controls_stand_in_one_row_which_scrolls_if_it_must(
    width: int, fits: bool, open_viewer: Callable[..., Viewer]
) -> None:
    viewer = open_viewer("what=frame&bare=1", viewport={"width": width, "height": 800})
    for key in "sgkdl":
        viewer.press(key, "m")
        boxes = viewer.page.locator(".toolbar button:visible, .toolbar select:visible, .toolbar input:visible")
        found = [boxes.nth(i).bounding_box() for i in range(boxes.count())]
        edge = viewer.page.locator(".viewer").bounding_box()
        assert edge is not None
        rectangles = sorted((box for box in found if box is not None), key=lambda box: box["x"])
        for one, other in pairwise(rectangles):
            assert one["x"] + one["width"] <= other["x"] + 2
            assert abs(one["y"] + one["height"] / 2 - other["y"] - other["height"] / 2) < 2
        if fits:
            assert rectangles[-1]["x"] + rectangles[-1]["width"] <= edge["x"] + edge["width"]
    last = viewer.page.get_by_role("button", name="Keys (?)")
    last.focus()
    box = last.bounding_box()
    assert box is not None and box["x"] + box["width"] <= edge["x"] + edge["width"], "the row scrolls to it"
