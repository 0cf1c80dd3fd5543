"""A shared page: the images are in it without loss, nothing else is needed, and names stay text."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from synthcomp_core.figures.viewer.page import data_url, share_page
from synthcomp_core.figures.viewer.pictures import Picture, evaluated_pictures
from synthcomp_core.figures.viewer.state import ViewState
from synthcomp_core.images import png_bytes, read_image
from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.variants import ERROR_MAP, Variant, evaluate

NINE_PICTURES_AT_MOST = 40_000_000  # bytes of a page
NASTY = """</script><script>window.broken=1</script><!-- "quoted" 'name' & more"""


def pixels_of(url: str) -> np.ndarray:
    head, body = url.split(",")
    assert head in ("data:image/webp;base64", "data:image/png;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"))


class Page(HTMLParser):
    """What a browser sees of a page: the text of each element that matters here, and all attributes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.feed(content.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.texts.setdefault(tag, []).append("")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, text: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += text


def picture(key: str, label: str, pixels: np.ndarray) -> Picture:
    return Picture(key, label, png_bytes(pixels), pixels.shape[1], pixels.shape[0])


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (21, 33, 3), dtype=np.uint8)


def test_pixels_survive_the_smallest_form(frame: np.ndarray) -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None], (64, 200, 3)).copy()
    for image in (frame, ramp, np.full((1, 1, 3), (0, 128, 255), np.uint8)):
        url = data_url(png_bytes(image))
        np.testing.assert_array_equal(pixels_of(url), image)
        assert len(base64.b64decode(url.split(",")[1])) <= len(png_bytes(image))


def test_an_image_too_wide_for_webp_stays_png() -> None:
    wide = np.zeros((1, 16_384, 3), np.uint8)
    assert data_url(png_bytes(wide)).startswith("data:image/png;")


@pytest.mark.slow
def test_nine_frames_of_a_game_stay_below_forty_megabytes() -> None:
    shown = read_image(PROJECT_ROOT / "artifacts" / "samples" / "redeclipse_castle_0007.webp").image
    assert shown.shape == (1080, 1920, 3)
    assert 9 * len(data_url(png_bytes(shown))) < NINE_PICTURES_AT_MOST - 1_000_000


def test_page_holds_images_maps_and_numbers_and_refers_to_nothing_outside(frame: np.ndarray) -> None:
    variants = [Variant.parse(text) for text in ("jpeg-q30", "none@x2-bicubic")]
    made = [
        evaluate(frame, one, dataset="noise", image_name="0.png", metrics=("psnr_rgb", "flip"), want=(ERROR_MAP,))
        for one in variants
    ]
    pictures, overlays = evaluated_pictures(made)
    rows = {shown.key: one.row for shown, one in zip(pictures, made, strict=True)}
    content = share_page(
        [picture("original", "Original", frame), *pictures],
        title="0.png",
        overlays=overlays,
        rows=rows,
        state=ViewState("swipe", "p1", "p2", 16),
    )
    page = Page(content)
    assert page.addresses == ["data:,"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", content.decode())
    data = json.loads(page.texts["script"][0])
    assert data["state"] == "swipe~p1~p2~16~0.5~0.5"
    for described, one in zip(data["pictures"][1:], made, strict=True):
        np.testing.assert_array_equal(pixels_of(described["url"]), one.rendering.image)
    for described, one in zip(data["overlays"], made, strict=True):
        np.testing.assert_array_equal(pixels_of(described["url"]), one.error_image())
    assert page.texts["th"][:4] == ["#", "variant", "bytes", "bpp"]
    assert page.texts["th"][-2:] == ["jpeg-q30", "none@x2-bicubic"]
    assert page.texts["td"][:2] == ["2", f"{made[0].row.num_bytes:,}"]
    psnr = [f"PSNR {one.row.psnr_rgb:.2f} dB" for one in made]
    assert [side["metric"] for side in data["footer"]["sides"]] == psnr


def test_names_stay_text(frame: np.ndarray) -> None:
    page = Page(share_page([picture("a", NASTY, frame), picture("b", "B", frame)], title=NASTY))
    assert page.texts["title"] == page.texts["h1"] == [NASTY]
    assert len(page.texts["script"]) == 2
    assert json.loads(page.texts["script"][0])["pictures"][0]["label"] == NASTY


def test_too_many_images_are_refused(frame: np.ndarray) -> None:
    with pytest.raises(ValueError, match="1 to 9 pictures, not 10"):
        share_page([picture(str(i), str(i), frame) for i in range(10)], title="ten")
