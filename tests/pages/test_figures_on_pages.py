"""The figure panel beside Compare's: on Live for the two sides, on Upscaling for the methods at one scale."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from streamlit.runtime.scriptrunner import StopException
from streamlit.testing.v1 import AppTest

from synthcomp_core.ui.widgets import figure_panel
from synthcomp_core.ui.widgets.figure_panel import FigurePanelState
from synthcomp_core.ui.widgets.state import state_key
from tests.clock import LIMIT_S
from tests.pages.conftest import go_back, settled
from tests.upscalers.random_rcan import save_random_rcan


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception and not app.error
    return app


def command(app: AppTest) -> str:
    return next(code.value for code in app.code if "synthcomp_core figure" in code.value)


def test_live_draws_both_sides_with_the_crop_picked(app: AppTest) -> None:
    app.query_params["a"], app.query_params["b"] = "jpeg-q30", "webp-q60"
    settled(app)
    # As the viewer's callback leaves it.
    app.session_state[state_key(FigurePanelState, "live")] = FigurePanelState("20,30,64,48", just_picked=True)
    app.run()
    assert app.text_input(key="live_crops").value == "20,30,64,48"
    press(app, "Draw the figure")
    assert "--variant jpeg-q30 --variant webp-q60 --crop 20,30,64,48" in command(app)


def test_upscaling_draws_every_method_at_the_scale_in_the_viewer(app: AppTest, small_artifacts: Path) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    app.switch_page("pages/upscaling.py")
    app.query_params["fsr_modes"] = ["performance"]
    app.query_params["fsr_against"] = ["bicubic"]
    app.run()
    press(app, "Run the benchmark")
    app.session_state["fsr_figure"] = True
    app.run()
    press(app, "Draw the figure")
    for method in ("fsr1_off", "fsr1_s0.2", "bicubic"):
        assert f"--variant none@x2-{method}" in command(app)


def one_figure() -> None:
    import streamlit as st

    from synthcomp_core.images import image_sha256
    from synthcomp_core.ui.widgets.figure_panel import show_figure_panel
    from synthcomp_core.ui.widgets.image_picker import PickedImage
    from synthcomp_core.variants import Variant
    from tests.pages.conftest import frame

    seed = int(st.number_input("seed", 1, 2, 1, key="seed"))
    picked = PickedImage("upload", f"{seed}.png", frame(seed), b"", None, image_sha256(frame(seed)))
    show_figure_panel(picked, [Variant("jpeg-q30")], key="here")


def test_a_figure_is_shown_under_its_own_image_alone() -> None:
    app = AppTest.from_function(one_figure, default_timeout=LIMIT_S)
    app.session_state["here_figure"] = True
    app.run()
    press(app, "Draw the figure")
    drawn = command(app)
    app.number_input(key="seed").set_value(2).run()
    assert not app.code
    app.number_input(key="seed").set_value(1).run()
    assert command(app) == drawn


def test_a_figure_that_a_click_has_ended_says_so_until_it_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(one_figure, default_timeout=LIMIT_S)
    app.session_state["here_figure"] = True
    app.run()

    def ended(*arguments: object) -> NoReturn:
        raise StopException  # As Streamlit does for a click.

    with monkeypatch.context() as patch:
        patch.setattr(figure_panel, "_draw", ended)
        press(app, "Draw the figure")
    for _ in range(2):
        app.run()
        assert ["was not finished" in warning.value for warning in app.warning] == [True]
    app.number_input(key="seed").set_value(2).run()
    assert not app.warning
    app.number_input(key="seed").set_value(1).run()
    press(app, "Draw the figure")
    assert not app.warning and command(app)


def crops_kept() -> None:
    import numpy as np
    import streamlit as st

    from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel
    from synthcomp_core.ui.widgets.image_picker import PickedImage

    picked = PickedImage("upload", "a.png", np.zeros((176, 200, 3), np.uint8), b"", None, "")
    st.text(" ".join(map(str, crops_on_picture(picked, "here"))))
    show_figure_panel(picked, [], key="here")


def test_crops_survive_the_closing_of_the_panel_and_only_those_in_the_image_are_outlined() -> None:
    app = AppTest.from_function(crops_kept, default_timeout=LIMIT_S)
    app.session_state[state_key(FigurePanelState, "here")] = FigurePanelState("1,2,30,40", just_picked=True)
    app.run()
    assert not app.exception
    assert app.text_input(key="here_crops").value == app.text[0].value == "1,2,30,40"
    app.session_state["here_figure"] = False
    app.run()
    app.run()
    assert not app.text_input
    assert app.text[0].value == "1,2,30,40"
    app.session_state["here_figure"] = True
    app.run()
    assert app.text_input(key="here_crops").value == "1,2,30,40"
    app.text_input(key="here_crops").set_value("nonsense 0,0,8,8 190,0,20,20").run()
    assert app.text[0].value == "0,0,8,8"
    app.text_input(key="here_crops").set_value("").run()
    assert app.text[0].value == ""


def test_a_link_s_crops_are_outlined_before_the_panel_is_opened() -> None:
    app = AppTest.from_function(crops_kept, default_timeout=LIMIT_S)
    app.query_params["here_crops"] = "5,6,20,20"
    app.run()
    assert app.text[0].value == "5,6,20,20"


def crops_picked() -> None:
    import numpy as np
    import streamlit as st

    from synthcomp_core.figures.paper.drawing import Crop
    from synthcomp_core.ui import query
    from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
    from synthcomp_core.ui.widgets.image_picker import PickedImage

    query.begin_run()
    picked = PickedImage("upload", "a.png", np.zeros((176, 200, 3), np.uint8), b"", None, "")
    shown = crops_on_picture(picked, "here")
    st.text(" ".join(map(str, shown)))
    # Like the viewer, which knows the crops that it outlines and hands them on with the one that was drawn.
    st.button("Drag", on_click=take_crops, args=([*shown, Crop(7, 8, 30, 40)], "here"))
    show_figure_panel(picked, [], key="here")


def test_going_back_takes_crops_back_and_loses_none_to_an_address_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_function(crops_picked, default_timeout=LIMIT_S).run()
    press(app, "Drag")
    press(app, "Drag")
    assert app.text[0].value == "7,8,30,40 7,8,30,40"
    for crops in ("7,8,30,40", ""):
        with monkeypatch.context() as patch:
            go_back(patch)
            app.query_params.clear()
            app.query_params.update({"here_crops": crops} if crops else {})
            app.run()
        assert app.text[0].value == "7,8,30,40"
        assert app.run().text[0].value == "7,8,30,40"


def test_a_crop_is_added_to_those_of_a_link() -> None:
    app = AppTest.from_function(crops_picked, default_timeout=LIMIT_S)
    app.query_params["here_crops"] = "5,6,20,20"
    app.run()
    press(app, "Drag")
    both = "5,6,20,20 7,8,30,40"
    for _ in range(2):
        assert app.text_input(key="here_crops").value == app.text[0].value == both
        assert app.query_params["here_crops"] in (both, [both])
        app.run()
    press(app, "Crop at the viewer's centre")
    assert app.text_input(key="here_crops").value == f"{both} 20,8,160,160"
    app.session_state["here_figure"] = False
    app.run()
    app.run()
    assert app.query_params["here_crops"] in (app.text[0].value, [app.text[0].value])
    app.session_state["here_figure"] = True
    app.run()
    app.text_input(key="here_crops").set_value("").run()
    assert app.text[0].value == app.text_input(key="here_crops").value == ""
    assert "here_crops" not in app.query_params
