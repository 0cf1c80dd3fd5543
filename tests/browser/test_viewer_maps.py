"""Maps in the viewer: both sides' at once, on one scale, with their numbers; and the difference as it opens."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from synthcomp_core.metrics import flip_colours
from tests.browser.test_viewer import DIVIDER_HALF, LABEL_HEIGHT, assert_shows, on_screen
from tests.browser.viewer_harness import known_bits, known_errors
from tests.browser.viewing import Viewer

pytestmark = pytest.mark.browser

LEGEND_HEIGHT = 80  # CSS pixels at the bottom of the stage that the colour scale may cover


def test_swiping_between_the_error_maps_of_both_sides_shows_exact_colours(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=maps&view=swipe~a~b~16~0.5~0.5~overlay-FLIP+error+map")
    viewer.rest()
    shot = viewer.pixels()
    height, width = shot.shape[:2]
    rows = slice(LABEL_HEIGHT, height - LEGEND_HEIGHT)
    left = on_screen(flip_colours(known_errors(1)), 16, width, height)
    right = on_screen(flip_colours(known_errors(2)), 16, width, height)
    assert_shows(shot, left, rows, slice(0, width // 2 - DIVIDER_HALF))
    assert_shows(shot, right, rows, slice(width // 2 + DIVIDER_HALF, width))
    expect(viewer.page.get_by_role("img", name="Colour scale: FLIP error, 0 to 1")).to_be_visible()
    expect(viewer.page.locator(".legend .numbers span")).to_have_text(["0", "0.25", "0.5", "0.75", "1"])


def test_bit_maps_of_both_sides_share_one_scale(open_viewer: Callable[..., Viewer]) -> None:
    from matplotlib import colormaps

    viewer = open_viewer("what=maps&view=swipe~a~b~16~0.5~0.5~overlay-Bit+map")
    viewer.rest()
    expect(viewer.page.locator(".legend .title")).to_have_text("Bits per latent position")
    expect(viewer.page.locator(".legend .numbers span")).to_have_text(["0", "8", "16", "24", "32"])
    shot = viewer.pixels().astype(int)
    height, width = shot.shape[:2]
    table = colormaps["viridis"](np.arange(256), bytes=True)[:, :3].astype(int)
    block = 16 * 16  # screen pixels per latent position
    left_of_all, top = width // 2 - 2 * block, height // 2 - 3 * block // 2
    for column, largest in ((0, 8.0), (3, 32.0)):  # The outer columns: one on each side of the divider.
        seen = shot[top + 3 * block // 2, left_of_all + column * block + block // 2]
        level = int(np.abs(table - seen).sum(axis=1).argmin())
        assert level == pytest.approx(known_bits(largest)[1, column] / 32 * 256, abs=1.5)


def test_status_line_names_error_and_bits_under_the_pointer(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer("what=maps&view=swipe~a~b~16~0.5~0.5")
    box = viewer.box()
    left, top = round(box["width"] / 2 - 512), round(box["height"] / 2 - 384)
    for column, row, seed, largest in ((20, 20, 1, 8.0), (40, 21, 2, 32.0)):
        viewer.page.mouse.move(box["x"] + left + 16 * column + 3, box["y"] + top + 16 * row + 3)
        told = viewer.page.locator(".maps")
        # What is said of the place before stays until the next frame is drawn.
        expect(viewer.page.locator(".where")).to_contain_text(f"x {column} y {row}")
        expect(told).to_have_text(re.compile("FLIP error .* · Bits"))
        error, bits = told.inner_text().split(" · ")
        name, number = error.rsplit(" ", 1)
        assert name == "FLIP error"
        assert float(number) == pytest.approx(float(known_errors(seed)[row, column]), abs=1 / 510 + 0.0006)
        name, number = bits.rsplit(" ", 1)
        assert name == "Bits"
        assert float(number) == pytest.approx(float(known_bits(largest)[row // 16, column // 16]), abs=largest / 200)
    viewer.page.mouse.move(box["x"] + left + 16 * 20 + 3, box["y"] + top + 16 * 20 + 3)
    viewer.press("1")
    expect(viewer.page.locator(".maps")).to_have_text("")


def test_difference_opens_against_the_original_at_a_gain_that_shows_it(open_viewer: Callable[..., Viewer]) -> None:
    # Noise of 6 and 14 levels: the largest of three channels exceeds 3.2 times that in 1 of 200 pixels.
    viewer = open_viewer("what=frame")
    gain = viewer.page.get_by_label("Gain")
    viewer.press("d")
    viewer.wait_for(mode="difference", left="original", right="a")
    expect(gain).to_have_value("8")
    viewer.press("s")
    viewer.wait_for(mode="swipe", left="a", right="b")
    viewer.press("x", "d")
    viewer.wait_for(left="original", right="b")
    expect(gain).to_have_value("4")
    viewer.press("PageUp", "PageUp", "1")
    viewer.wait_for(mode="single", left="original")
    viewer.press("1")
    viewer.wait_for(mode="difference", left="original", right="b")
    viewer.press("g", "d")
    expect(gain).to_have_value("16")  # Chosen by hand.
