"""The choices of a page stay through a visit to another, with its work and its answer; a link's values still win."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.conftest import settled
from tests.pages.test_advise import ask, texts
from tests.pages.test_links import follow


def widget(app: AppTest, key: str) -> Any:
    """The page's widget of this key, whatever its kind."""
    kinds = (app.multiselect, app.pills, app.selectbox, app.segmented_control, app.text_area, app.text_input)
    return next(found for kind in kinds for found in kind if found.key == key)


def test_compare_keeps_what_was_picked_and_its_work(app: AppTest) -> None:
    follow(app, "compare", variant="jpeg-q30")
    widget(app, "classical").set_value(["webp"])
    widget(app, "hold").set_value("psnr_rgb").run()
    app.button(key="compute").click()
    settled(app)
    follow(app, "runs")
    follow(app, "compare")
    assert widget(app, "classical").value == ["webp"]
    assert widget(app, "hold").value == "psnr_rgb"
    assert app.query_params["classical"] in ("webp", ["webp"])
    assert app.button(key="compute").label == "Everything is computed"
    follow(app, "live")
    follow(app, "compare", classical="avif")
    assert widget(app, "classical").value == ["avif"]
    widget(app, "classical").set_value([]).run()
    follow(app, "live")
    follow(app, "compare")
    assert widget(app, "classical").value == []


def test_advise_keeps_its_answer(app: AppTest) -> None:
    app.switch_page("pages/advise.py")
    ask(app, "jpeg")
    assert "For this image at size 4,000 bytes: JPEG quality" in texts(app)
    follow(app, "live")
    follow(app, "advise")
    assert not app.info
    assert "For this image at size 4,000 bytes: JPEG quality" in texts(app)


@pytest.mark.parametrize(
    ("page", "key", "value", "link"),
    [
        ("live", "trail_metric", "flip", {}),
        ("live", "trail_click", "B", {}),
        ("upscaling", "fsr_against", ["bicubic"], {}),
        ("upscaling", "fsr_metrics", ["flip"], {}),
        ("upscaling", "fsr_method", "fsr1_off", {"fsr_show": "modes"}),
        ("rate_distortion", "metric", "flip", {}),
        ("rate_distortion", "rd_pasted", "0.1, 30", {}),
        ("runs", "own_plan", "mine.toml", {"plan": "a plan of your own"}),
    ],
)
def test_a_choice_survives_a_visit_to_another_page(
    app: AppTest, page: str, key: str, value: object, link: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCOMP_ALLOW_RUNS", "1")
    follow(app, page, **link)
    assert widget(app, key).value != value
    widget(app, key).set_value(value).run()
    assert not app.exception
    follow(app, "advise")
    follow(app, page, **link)
    assert widget(app, key).value == value
