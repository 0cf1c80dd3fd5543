"""The Live page in a real browser: the main job from a frame to a decoded bitstream, and bad uploads."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.cli import main
from synthcomp_core.images import read_image, write_png
from tests.browser.conftest import StartApp
from tests.browser.viewing import Viewer
from tests.codecs.models import SAMPLES, SNAPSHOT
from tests.conftest import PROJECT_ROOT

pytestmark = pytest.mark.browser

APP = PROJECT_ROOT / "app.py"


def view(page: Page) -> list[str]:
    """The fields of the view in the address, once the viewer rests: mode, left, right, zoom, x, y."""
    Viewer(page).rest()
    address = page.evaluate("new URL(location.href).searchParams.get('view')")
    return str(address).split("~")


def render(page: Page) -> None:
    page.get_by_role("button", name="Render both").click()
    expect(page.get_by_text("marks the better one")).to_be_visible()
    expect(page.get_by_role("button", name="Bitstream A")).to_be_visible()


def pick_frame(page: Page, label: str) -> None:
    page.get_by_role("option", name=label).click()
    expect(page.get_by_role("option", name=label)).to_have_attribute("aria-selected", "true")


@pytest.fixture(scope="module")
def pieces(start_app: StartApp, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with one snapshot and pieces of two bundled frames: whole ones take long to code."""
    folder = tmp_path_factory.mktemp("artifacts")
    for name in ("redeclipse_castle_0007", "redeclipse_erosion_0003"):
        whole = read_image(SAMPLES / f"{name}.webp").image
        write_png(np.ascontiguousarray(whole[300:684, 600:1240]), folder / "samples" / f"{name}.png")
    (folder / "snapshots").mkdir()
    shutil.copy(SAMPLES.parent / "snapshots" / f"{SNAPSHOT}.safetensors", folder / "snapshots")
    return start_app(APP, {"SYNTHCOMP_ARTIFACTS": str(folder)})


def test_a_frame_through_mbt2018_and_webp(browser_page: Page, pieces: str, tmp_path: Path) -> None:
    page = browser_page
    page.set_viewport_size({"width": 1280, "height": 1600})  # The mouse reaches only what is in the window.
    page.goto(f"{pieces}/?b_quality=40")
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    pick_frame(page, "redeclipse castle 0007")
    render(page)

    # The divider follows the mouse without a word to the server.
    divider = page.get_by_role("slider", name=re.compile("Divider between A .* and B .*"))
    before = float(divider.get_attribute("aria-valuenow") or "nan")
    box = divider.bounding_box()
    assert box is not None
    expect(page.locator(".viewer")).to_have_attribute("data-ready", re.compile(r"\S+ \S+ \S+"))
    Viewer(page).rest()
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
    # Chromium asks for the tab's icon again whenever the address changes; nothing else may be asked for.
    icon = page.evaluate("document.querySelector('link[rel~=icon]').href")
    assert [url for url in requests if url != icon] == []

    # Another frame, rendered: the zoom and the place stay.
    pick_frame(page, "redeclipse erosion 0003")
    expect(page.get_by_text("marks the better one")).to_have_count(0)
    assert view(page)[3:] == zoomed[3:]
    render(page)
    assert view(page)[3:] == zoomed[3:]

    # The bitstream taken away decodes to exactly the PNG that the page offers.
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Bitstream A").click()
    waiting.value.save_as(tmp_path / "frame.scb")
    assert waiting.value.suggested_filename.endswith(".scb")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG A").click()
    waiting.value.save_as(tmp_path / "page.png")
    assert main(["decode", str(tmp_path / "frame.scb"), str(tmp_path / "decoded.png")]) == 0
    assert (tmp_path / "decoded.png").read_bytes() == (tmp_path / "page.png").read_bytes()

    # The address reopens the same view in another browser window.
    address = page.url
    assert "image=redeclipse_erosion_0003.png" in address and "b_quality=40" in address


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
    page.get_by_role("radio", name="samples").or_(page.get_by_role("button", name="samples")).first.click()
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
    link = "?image=redeclipse_castle_0007.png&a_codec=jpeg&a_quality=30&b_codec=webp&b_quality=30&rendered=1"
    browser_page.goto(f"{pieces}/{link}&view=swipe~a~b~4~0.25~0.75")
    expect(browser_page.get_by_text("marks the better one")).to_be_visible()
    expect(browser_page.get_by_text("A: jpeg-q30")).to_be_visible()
    assert view(browser_page)[:4] == ["swipe", "a", "b", "4"]
    assert [float(number) for number in view(browser_page)[4:6]] == pytest.approx([0.25, 0.75], abs=0.01)


def test_an_unknown_value_in_the_address_is_text_and_one_sentence(browser_page: Page, start_app: StartApp) -> None:
    browser_page.goto(f"{start_app(APP)}/?a_codec=<img src=x onerror=window.hacked=1>")
    expect(browser_page.get_by_role("alert")).to_contain_text("This link refers to")
    assert browser_page.evaluate("window.hacked === undefined")
