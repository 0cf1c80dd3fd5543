"""Images that cannot be read beside images that can: a sentence for whoever picks one, and nothing else breaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.images import png_bytes
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

GOOD = "castle.png"


@pytest.fixture
def samples(small_artifacts: Path) -> Path:
    """The samples, with a torn, an empty and an endless file, a pipe, and a link to nowhere among them."""
    folder = small_artifacts / "samples"
    whole = png_bytes(frame(1))
    (folder / "a torn.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b empty.jpg").write_bytes(b"")
    (folder / "c claims.png").write_bytes(whole[:16] + (2**31 - 1).to_bytes(4, "big") + whole[20:])
    os.mkfifo(folder / "d pipe.png")
    (folder / "e nowhere.png").symlink_to("nowhere")
    return folder


@pytest.mark.parametrize("page", ["pages/live.py", "pages/compare.py"])
def test_a_damaged_image_costs_a_sentence_and_leaves_the_others(samples: Path, page: str) -> None:
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    app.query_params["a"], app.query_params["b"], app.query_params["image"] = "jpeg-q75", "png", GOOD
    app.switch_page(page)
    app.run()
    assert not app.exception and not app.error
    picker = app.selectbox(key="image_choice")
    assert picker.options == ["a torn.png", "b empty.jpg", "c claims.png", GOOD, "forest.png"]
    for name in ("a torn.png", "b empty.jpg", "c claims.png"):
        app.selectbox(key="image_choice").set_value(name).run()
        assert not app.exception, name
        assert [name.split(".")[0] in error.value for error in app.error] == [True], name
    app.selectbox(key="image_choice").set_value(GOOD).run()
    assert not app.exception and not app.error
