"""The Live page in a real browser: the main job from a frame to a decoded bitstream, and bad uploads."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from synthcomp_core.cli import main
from synthcomp_core.codecs import parse_codec
from synthcomp_core.images import png_bytes, read_image, write_png
from tests.browser.conftest import StartApp
from tests.browser.viewing import Viewer
from tests.browser.waiting import click, rest
from tests.codecs.models import SAMPLES, SNAPSHOT
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.browser

APP = PROJECT_ROOT / "app.py"
LIVE_HARNESS = Path(__file__).parent / "live_harness.py"


def view(page: Page) -> list[str]:
    """The fields of the view in the address, once the viewer rests: mode, left, right, zoom, x, y."""
    Viewer(page).rest()
    address = page.evaluate("new URL(location.href).searchParams.get('view')")
    return str(address).split("~")


def in_address(page: Page, key: str) -> str:
    """A value of the page's address."""
    return str(page.evaluate("key => new URL(location.href).searchParams.get(key)", key))


def footer(page: Page) -> Locator:
    """The footer of the viewer, with the numbers of both sides."""
    return page.locator(".viewer .footer")


def finished(page: Page) -> None:
    """Both sides are rendered and measured, and their downloads are there."""
    expect(footer(page)).to_contain_text(re.compile("SSIMULACRA2.*SSIMULACRA2"))
    expect(page.get_by_role("button", name="Bitstream A")).to_be_visible()
    expect(page.get_by_role("button", name="Bitstream B")).to_be_visible()


def pick_frame(page: Page, label: str) -> None:
    page.get_by_role("option", name=label).click()
    expect(page.get_by_role("option", name=label)).to_have_attribute("aria-selected", "true")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifacts folder with one snapshot and pieces of two bundled frames: whole ones take long to code."""
    folder = tmp_path_factory.mktemp("artifacts")
    for name in ("redeclipse_castle_0007", "redeclipse_erosion_0003"):
        whole = read_image(SAMPLES / f"{name}.webp").image
        write_png(np.ascontiguousarray(whole[300:684, 600:1240]), folder / "samples" / f"{name}.png")
    (folder / "snapshots").mkdir()
    shutil.copy(SAMPLES.parent / "snapshots" / f"{SNAPSHOT}.safetensors", folder / "snapshots")
    return folder


@pytest.fixture(scope="module")
def pieces(start_app: StartApp, small: Path) -> str:
    """The app on the small artifacts."""
    return start_app(APP, {"SYNTHCOMP_ARTIFACTS": str(small)})


def test_a_frame_through_mbt2018_and_webp(browser_page: Page, pieces: str, tmp_path: Path) -> None:
    page = browser_page
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(f"{pieces}/?b=webp-q40&trail_curves=false")
    pick_frame(page, "redeclipse castle 0007")
    finished(page)
    expect(footer(page)).to_contain_text("A · mbt2018, quality 4, MSE, games")

    # The divider follows the mouse without a word to the server.
    divider = page.get_by_role("slider", name=re.compile("Divider between .* and .*"))
    before = float(divider.get_attribute("aria-valuenow") or "nan")
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(r"\S+ \S+ \S+"))
    Viewer(page).rest()
    box = divider.bounding_box()
    assert box is not None
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 200, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    Viewer(page).settle()
    assert float(divider.get_attribute("aria-valuenow") or "nan") > before + 5

    # Zoom to 8x with the keyboard.
    stage = page.get_by_role("application", name=re.compile("Images"))
    stage.focus()
    while Viewer(page).fact("zoom") != "8":
        smaller = Viewer(page).fact("zoom")
        Viewer(page).press("+")
        assert Viewer(page).fact("zoom") != smaller
    zoomed = view(page)
    assert zoomed[3] == "8"
    # Chromium asks for the tab's icon again whenever the address changes; no image may be asked for.
    icon = page.evaluate("document.querySelector('link[rel~=icon]').href")
    assert [url for url in requests if url != icon and url.endswith(".png")] == []

    # Another frame: the zoom and the place stay, and so do the variants.
    pick_frame(page, "redeclipse erosion 0003")
    Viewer(page).rest()
    finished(page)
    assert view(page)[3:] == zoomed[3:]
    assert in_address(page, "image") == "redeclipse_erosion_0003.png"
    assert (in_address(page, "a"), in_address(page, "b")) == ("mbt2018-q4-mse-games", "webp-q40")

    # The bitstream taken away decodes to exactly the PNG that the page offers.
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Bitstream A").click()
    waiting.value.save_as(tmp_path / "frame.scb")
    assert waiting.value.suggested_filename.endswith(".scb")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG A").click()
    waiting.value.save_as(tmp_path / "page.png")
    assert main(["decode", str(tmp_path / "frame.scb"), str(tmp_path / "decoded.png")]) == 0
    decoded, offered = (read_image(tmp_path / name).image for name in ("decoded.png", "page.png"))
    np.testing.assert_array_equal(decoded, offered)


def test_a_moved_slider_shows_the_new_image_without_a_click(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40")
    finished(page)
    before = footer(page).inner_text()
    slider = page.get_by_role("slider", name="Quality B")
    slider.focus()
    slider.press("ArrowLeft")
    expect(footer(page)).to_contain_text("B · WebP, quality 39")
    finished(page)
    assert in_address(page, "b") == "webp-q39"
    assert footer(page).inner_text() != before


def test_time_this_shows_the_median_of_repeated_runs_between_the_fastest_and_the_slowest(
    browser_page: Page, pieces: str
) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=jpeg-q40&b=webp-q40&trail_curves=false")
    finished(page)
    page.get_by_role("button", name="Time this").click()
    expect(page.get_by_text("Medians of 5 runs after one to warm up")).to_be_visible()
    rows = page.get_by_role("table").filter(has_text="fastest to slowest").locator("tbody tr")
    for number, name in enumerate(("A: JPEG, quality 40", "B: WebP, quality 40")):
        cells = rows.nth(number).locator("th, td")
        expect(cells.first).to_have_text(name)
        encode_s, span, decode_s, upscale_s = cells.all_inner_texts()[1:]
        fastest_s, slowest_s = (float(text) for text in span.split(" to "))
        assert 0 < fastest_s <= float(encode_s) <= slowest_s
        assert float(decode_s) > 0 and upscale_s == "–"


def test_the_main_area_says_that_the_page_opens_for_as_long_as_it_is_empty(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
    finished(page)
    said = """() => getComputedStyle(document.querySelector("[data-testid=stMainBlockContainer]"), "::after").content"""
    assert page.evaluate(said) == "none"
    block = page.locator("[data-testid=stMainBlockContainer] > [data-testid=stVerticalBlock]")
    block.evaluate("block => block.replaceChildren(block.querySelector('[data-testid=stElementContainer]'))")
    assert page.evaluate(said) == "none"  # A page may have no more than one message to show.
    block.evaluate("block => block.replaceChildren()")
    assert page.evaluate(said) == '"Opening the page…"'


def test_the_viewer_fills_the_window_at_three_sizes(browser_page: Page, pieces: str) -> None:
    page = browser_page
    for width, height in ((1440, 900), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
        expect(footer(page)).to_contain_text(re.compile("SSIMULACRA2"))
        rest(page)
        stage = page.locator(".viewer .stage").bounding_box()
        numbers = footer(page).bounding_box()
        assert stage is not None and numbers is not None
        assert stage["height"] >= 0.6 * height
        assert numbers["y"] + numbers["height"] <= height
        for text in ("A · PNG", "B · WebP, quality 40"):
            place = footer(page).get_by_text(text).bounding_box()
            assert place is not None and place["y"] < height


def test_a_file_dropped_anywhere_or_pasted_becomes_the_image(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
    finished(page)
    frames = {"dropped.png": (40, 30), "pasted.png": (32, 50)}
    for name, (width, height) in frames.items():
        content = png_bytes(np.full((height, width, 3), 90, np.uint8))
        page.evaluate(
            """([name, bytes, kind]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
                const event = kind === "drop"
                    ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
                document.body.dispatchEvent(event);
            }""",
            [name, list(content), "drop" if name == "dropped.png" else "paste"],
        )
        expect(page.locator(".viewer")).to_contain_text(f"{width} × {height}")
        expect(page.locator(".viewer")).to_contain_text(f"Original · {name}")
        finished(page)
    assert in_address(page, "source") == "upload"


def test_stop_ends_a_rendering_and_a_click_takes_it_up_again(
    browser_page: Page, start_app: StartApp, small: Path, tmp_path: Path
) -> None:
    page, hold = browser_page, tmp_path / "hold"
    hold.touch()
    address = start_app(LIVE_HARNESS, {"SYNTHCOMP_ARTIFACTS": str(small), "SYNTHCOMP_TEST_HOLD": str(hold)})
    page.goto(f"{address}/?a=png&b={SNAPSHOT}&trail_curves=false")
    expect(footer(page)).to_contain_text("A · PNG")  # A is shown before B.
    footer(page).get_by_role("button", name="Stop").click()
    again = page.get_by_role("button", name="Render B")
    expect(again).to_be_visible()
    expect(footer(page)).to_contain_text("waiting for B")
    expect(footer(page)).not_to_contain_text("B · mbt2018")
    hold.unlink()
    click(page, again)
    expect(footer(page)).to_contain_text("B · mbt2018, quality 4, MSE, games")


def test_a_point_of_the_trail_brings_its_variant_back(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
    finished(page)
    slider = page.get_by_role("slider", name="Quality B")
    slider.focus()
    slider.press("PageDown")
    expect(footer(page)).not_to_contain_text("WebP, quality 40")
    finished(page)
    # One point per variant, in the order in which they were shown.
    chart = page.locator(".js-plotly-plot")
    expect(chart.locator(".scatterlayer .point")).to_have_count(3)
    chart.scroll_into_view_if_needed()
    rest(page)
    point = chart.locator(".scatterlayer .point").nth(1).bounding_box()
    assert point is not None
    page.mouse.click(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    expect(footer(page)).to_contain_text("A · WebP, quality 40")
    assert in_address(page, "a") == "webp-q40"


def test_eight_sessions_at_once_each_get_their_own_images(shared_page: Callable[..., Page], pieces: str) -> None:
    qualities = range(20, 100, 10)
    reference = read_image(SAMPLES / "redeclipse_castle_0007.webp").image[300:684, 600:1240]
    pages = {}
    for quality in qualities:
        pages[quality] = shared_page()
        pages[quality].goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q{quality}&trail_curves=false")
    for quality, page in pages.items():
        finished(page)
        codec = parse_codec(f"webp-q{quality}")
        bitstream = codec.encode(np.ascontiguousarray(reference))
        expect(footer(page)).to_contain_text(f"B · WebP, quality {quality}{len(bitstream):,} bytes")
        with page.expect_download() as waiting:
            page.get_by_role("button", name="PNG B").click()
        shown = read_image(waiting.value.path().read_bytes(), name="shown.png").image
        np.testing.assert_array_equal(shown, codec.decode(bitstream))


def test_a_result_of_another_encoder_is_opened_as_a_side_with_its_own_bytes(
    browser_page: Page, pieces: str, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
    finished(page)
    piece = read_image(SAMPLES / "redeclipse_castle_0007.webp").image[300:684, 600:1240]
    codec = parse_codec("avif-q30")
    bitstream = codec.encode(np.ascontiguousarray(piece))
    (tmp_path / "theirs.avif").write_bytes(bitstream)
    write_png(piece[::2, ::2].copy(), tmp_path / "half.png")
    page.get_by_text("Open a result as B").click()
    chooser = page.get_by_test_id("stFileUploader").locator('input[type="file"]').last
    chooser.set_input_files(tmp_path / "half.png")
    expect(page.get_by_role("alert")).to_contain_text("half.png is 320x192, but the image is 640x384")
    chooser.set_input_files(tmp_path / "theirs.avif")
    expect(footer(page)).to_contain_text(f"B · theirs (file){len(bitstream):,} bytes")
    expect(footer(page)).to_contain_text(re.compile("SSIMULACRA2.*SSIMULACRA2"))
    assert in_address(page, "b") == "files:theirs"
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG B").click()
    shown = read_image(waiting.value.path().read_bytes(), name="shown.png").image
    np.testing.assert_array_equal(shown, codec.decode(bitstream))
    page.get_by_role("button", name="Remove files:theirs").click()
    expect(page.get_by_role("button", name="Remove files:theirs")).to_be_hidden()
    expect(footer(page)).not_to_contain_text("theirs")


def test_going_back_shows_the_image_that_the_address_names(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=png&b=webp-q40&trail_curves=false")
    finished(page)
    pick_frame(page, "redeclipse erosion 0003")
    page.wait_for_url("**image=redeclipse_erosion_0003.png**")
    finished(page)
    rest(page)
    page.go_back()
    expect(page.get_by_role("option", name="redeclipse castle 0007")).to_have_attribute("aria-selected", "true")
    finished(page)
    rest(page)
    assert in_address(page, "image") == "redeclipse_castle_0007.png"


@pytest.mark.parametrize(("width", "is_folded"), [(900, True), (1000, False)])
def test_below_1000_pixels_the_controls_are_folded_and_can_be_unfolded(
    browser_page: Page, pieces: str, width: int, is_folded: bool
) -> None:
    page = browser_page
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{pieces}/?a=png&b=webp-q40&trail_curves=false")
    sidebar, unfold = page.get_by_test_id("stSidebar"), page.locator('button[aria-controls="stSidebar"]')
    expect(sidebar).to_have_attribute("data-collapsed", str(is_folded).lower())
    finished(page)
    expect(sidebar).to_have_attribute("data-collapsed", str(is_folded).lower())
    if is_folded:
        unfold.last.click()
        expect(sidebar).to_have_attribute("data-collapsed", "false")


def test_bad_uploads_each_give_one_clear_sentence(browser_page: Page, start_app: StartApp, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("this is text, not a picture")
    (tmp_path / "tiny.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    (tmp_path / "bomb.png").write_bytes(huge_png(60_000, 60_000))
    page = browser_page
    page.goto(f"{start_app(APP)}/?source=upload")
    chooser = page.locator('input[type="file"]')
    sentences = set()
    for name in ("text.png", "tiny.jpg", "bomb.png"):
        chooser.set_input_files(tmp_path / name)
        alert = page.get_by_role("alert").filter(has_text=name)
        expect(alert).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(1)
        sentences.add(alert.inner_text())
        assert "Traceback" not in page.content()
    assert len(sentences) == 3
    assert any("megapixel" in sentence for sentence in sentences)
    # The page goes on working.
    page.get_by_role("combobox", name="Image from").click()
    page.get_by_role("option", name="samples").click()
    expect(page.get_by_role("option", name="redeclipse castle 0007")).to_be_visible()


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes whose header promises gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_link_opens_the_same_view_in_another_browser(browser_page: Page, pieces: str) -> None:
    link = "?image=redeclipse_castle_0007.png&a=jpeg-q30&b=webp-q30"
    browser_page.goto(f"{pieces}/{link}&view=swipe~a~b~4~0.25~0.75")
    finished(browser_page)
    expect(footer(browser_page)).to_contain_text("A · JPEG, quality 30")
    assert view(browser_page)[:4] == ["swipe", "a", "b", "4"]
    assert [float(number) for number in view(browser_page)[4:6]] == pytest.approx([0.25, 0.75], abs=0.01)
    assert [in_address(browser_page, key) for key in ("a", "b")] == ["jpeg-q30", "webp-q30"]


def test_a_crop_picked_on_the_image_opens_the_figure_panel_with_it(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=jpeg-q30&b=webp-q30&trail_curves=false")
    finished(page)
    Viewer(page).press("f", "C")
    expect(page.locator(".viewer")).to_have_attribute("data-crops", "0,0,640,384")
    expect(page.get_by_role("textbox", name="Crops (x,y,width,height")).to_have_value("0,0,640,384")


def test_a_shared_page_opens_in_the_view_on_screen(browser_page: Page, pieces: str) -> None:
    page = browser_page
    page.goto(f"{pieces}/?image=redeclipse_castle_0007.png&a=jpeg-q30&b=webp-q30&trail_curves=false")
    finished(page)
    Viewer(page).press("g", "+", "m")
    on_screen = "~".join(view(page))
    assert on_screen.startswith("grid~") and "~overlay-" in on_screen
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Share as a page").click()
    assert f'"state": "{on_screen}"' in waiting.value.path().read_text(encoding="utf-8")


def test_an_unknown_value_in_the_address_is_text_and_one_sentence(browser_page: Page, start_app: StartApp) -> None:
    browser_page.goto(f"{start_app(APP)}/?a=<img src=x onerror=window.hacked=1>")
    expect(browser_page.get_by_role("alert")).to_contain_text("This link refers to")
    assert browser_page.evaluate("window.hacked === undefined")
