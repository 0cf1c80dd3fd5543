"""The juxtapose preview's fence: nothing on disk, Pillow's limit restored, labels that cannot become script."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit_image_comparison
from PIL import Image as PillowImage
from streamlit.testing.v1 import AppTest

from synthcomp_core.ui.compare import juxtapose
from tests.clock import LIMIT_S
from tests.pages.conftest import frame


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the package would send to the browser, page by page; the working folder is empty."""
    pages: list[str] = []
    monkeypatch.setattr(streamlit_image_comparison.components, "html", lambda html, height, width: pages.append(html))
    monkeypatch.chdir(tmp_path)
    return pages


def test_the_preview_is_made_in_memory_and_the_pixel_limit_comes_back(
    drawn: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 12_345)
    juxtapose.draw(frame(1), frame(2), ("original", "webp-q40@x2-rcan"))
    assert PillowImage.MAX_IMAGE_PIXELS == 12_345
    assert list(tmp_path.iterdir()) == []
    assert drawn[0].count("data:image/jpg;base64,") == 2
    assert "webp-q40@x2-rcan" in drawn[0]


def test_the_pixel_limit_comes_back_after_a_failure_too(drawn: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**arguments: object) -> None:
        PillowImage.MAX_IMAGE_PIXELS = None
        raise RuntimeError

    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 12_345)
    monkeypatch.setattr(streamlit_image_comparison, "image_comparison", fail)
    with pytest.raises(RuntimeError):
        juxtapose.draw(frame(1), frame(2), ("a", "b"))
    assert PillowImage.MAX_IMAGE_PIXELS == 12_345


def test_labels_cannot_leave_their_quotes(drawn: list[str]) -> None:
    juxtapose.draw(frame(1), frame(2), ("'});alert(1);({x:'", "</script><script>alert(2)</script>"))
    assert "alert(1)" not in drawn[0]
    assert "</script><script>alert" not in drawn[0]


def page() -> None:
    from synthcomp_core.ui.compare.juxtapose import show_juxtapose
    from tests.pages.conftest import frame

    show_juxtapose(frame(1), frame(2), labels=("a", "b"))


def test_nothing_is_loaded_before_it_is_asked_for(drawn: list[str]) -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S).run()
    assert "lossy preview" in app.caption[0].value
    assert "needs the internet" in app.caption[0].value
    assert drawn == []
    app.toggle(key="juxtapose_loaded").set_value(True).run()
    assert len(drawn) == 1
    assert "cdn.knightlab.com" in drawn[0]
