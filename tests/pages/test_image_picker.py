"""The image picker's uploads: the newest of those uploaded, dropped and pasted is shown, also after another page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from synthcomp_core.images import EXTENSIONS, png_bytes
from tests.clock import LIMIT_S
from tests.pages.conftest import frame
from tests.pages.test_links import follow


def picker() -> None:
    import streamlit as st

    from synthcomp_core.images import png_bytes
    from synthcomp_core.ui.widgets.image_picker import _take_dropped, pick_image
    from tests.pages.conftest import frame

    for seed in (4, 5):  # As the component of the page calls it, which AppTest does not run.
        st.button(
            f"drop {seed}", key=f"drop_{seed}", on_click=_take_dropped, args=("image.png", png_bytes(frame(seed)))
        )
    picked = pick_image()
    st.text("nothing" if picked is None else f"{picked.name} {int(picked.image.sum())}")


def shown(name: str, seed: int) -> str:
    return f"{name} {int(frame(seed).sum())}"


def upload(app: AppTest, name: str, seed: int) -> AppTest:
    return app.file_uploader(key="uploaded").set_value((name, png_bytes(frame(seed)), "image/png")).run()


def test_the_newest_of_what_was_uploaded_and_dropped_is_shown(small_artifacts: object) -> None:
    app = AppTest.from_function(picker, default_timeout=LIMIT_S)
    app.query_params["source"] = "upload"
    app.run()
    assert app.text[0].value == "nothing"
    upload(app, "first.png", 3)
    assert app.text[0].value == shown("first.png", 3)
    app.button(key="drop_4").click().run()
    assert app.text[0].value == shown("image.png", 4)
    app.button(key="drop_5").click().run()
    assert app.text[0].value == shown("image.png", 5)
    upload(app, "second.png", 6)
    assert app.text[0].value == shown("second.png", 6)
    app.file_uploader(key="uploaded").set_value(None).run()
    assert app.text[0].value == "nothing"
    assert not app.exception


def test_every_image_format_that_is_read_can_be_uploaded(app: AppTest) -> None:
    follow(app, "live", source="upload")
    assert set(EXTENSIONS) <= set(app.file_uploader(key="uploaded").proto.type)
    upload(app, "mine.j2k", 3)
    assert not app.exception
    assert {*EXTENSIONS, ".scb"} <= set(app.file_uploader(key="result_A").proto.type)


def test_an_upload_is_kept_between_pages(app: AppTest) -> None:
    follow(app, "advise", source="upload")
    upload(app, "mine.png", 3)
    assert not app.info or "Drop an image" not in app.info[0].value
    follow(app, "runs")
    follow(app, "advise")
    assert app.selectbox(key="source_choice").value == "upload"
    assert not [info for info in app.info if "Drop an image" in info.value]
