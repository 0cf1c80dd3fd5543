"""Links between pages open what they name, whatever the session has shown before."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from synthcomp_core.images import write_png
from tests.clock import LIMIT_S
from tests.pages.conftest import frame, go_back
from tests.pages.test_advise import ask


def follow(app: AppTest, page: str, **query: str) -> AppTest:
    """Come to a page by a link, whose values are all that its address has."""
    app.switch_page(f"pages/{page}.py")
    app.query_params.clear()
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def image(app: AppTest) -> tuple[str, str, str]:
    """The source and the image picked, and what the address says of the image."""
    shown = [str(app.selectbox(key=f"{key}_choice").value) for key in ("source", "image")]
    address = app.query_params["image"]
    return (*shown, address if isinstance(address, str) else address[0])


def two_of_a_name(artifacts: Path) -> None:
    """A data set with two images of one name, and one of its own in a subfolder."""
    folder = artifacts / "data" / "frames"
    for seed, name in enumerate(("day/0001.png", "night/0001.png", "night/dusk.png")):
        write_png(frame(seed), folder / "images" / name)
    (folder / "card.json").write_text('{"name": "frames", "source": "here", "licence": "own", "images": 3}')


def test_a_link_to_an_image_shown_before_opens_it_again(app: AppTest) -> None:
    follow(app, "advise", image="castle.png")
    app.selectbox(key="image_choice").set_value("forest.png").run()
    app.selectbox(key="source_choice").set_value("mine/test").run()
    follow(app, "runs")
    follow(app, "advise", source="samples", image="castle.png")
    assert image(app) == ("samples", "castle.png", "castle.png")
    assert not app.warning
    follow(app, "compare", source="mine/test", image="a<b>.png")
    assert image(app) == ("mine/test", "a<b>.png", "a<b>.png")
    follow(app, "advise", image="forest.png")  # The address does not name the samples.
    assert image(app) == ("samples", "forest.png", "forest.png")


def test_an_address_of_the_page_itself_that_lags_behind_is_no_link(app: AppTest) -> None:
    follow(app, "advise", image="castle.png")
    app.selectbox(key="image_choice").set_value("forest.png").run()
    app.query_params["image"] = "castle.png"
    app.run()
    assert image(app) == ("samples", "forest.png", "forest.png")


def test_going_back_shows_the_image_that_the_address_names(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(app, "advise", image="castle.png")
    app.selectbox(key="image_choice").set_value("forest.png").run()
    go_back(monkeypatch)
    app.query_params["image"] = "castle.png"
    app.run()
    assert not app.exception
    assert image(app) == ("samples", "castle.png", "castle.png")


def test_an_image_of_a_source_that_is_not_there_is_not_taken_from_another(app: AppTest) -> None:
    follow(app, "advise", source="elsewhere", image="forest.png")
    assert image(app) == ("samples", "castle.png", "castle.png")
    assert ["elsewhere" in warning.value for warning in app.warning] == [True]


def test_a_link_from_an_answer_names_one_of_two_images_of_a_name(app: AppTest, small_artifacts: Path) -> None:
    two_of_a_name(small_artifacts)
    app.switch_page("pages/advise.py")
    app.query_params.update({"source": "frames", "image": "night/0001.png"})
    link = parse_qs(ask(app, "jpeg").get("page_link")[-1].proto.query_string)
    assert link["source"] == ["frames"]
    assert link["image"] == ["night/0001.png"]
    follow(app, "compare", source="frames", image="night/0001.png")
    assert image(app)[:2] == ("frames", "night/0001.png")
    assert not app.warning


def test_an_image_called_by_its_name_alone_is_found_where_it_is_the_only_one(
    app: AppTest, small_artifacts: Path
) -> None:
    two_of_a_name(small_artifacts)
    follow(app, "advise", source="frames", image="dusk.png")
    assert image(app) == ("frames", "night/dusk.png", "night/dusk.png")
    follow(app, "advise", source="frames", image="0001.png")
    assert len(app.warning) == 1


def clicked_page(dataset: str, image: str) -> None:
    from synthcomp_core.ui.rate_distortion.view import show_clicked

    show_clicked([], "webp-q60", image, dataset)


@pytest.mark.parametrize(
    ("dataset", "image", "says"),
    [
        ("mine/test", "a<b>.png", {"source": "mine/test", "image": "a<b>.png"}),
        ("mine/test", "", {"source": "mine/test"}),
        ("kodak", "castle.png", {}),
    ],
)
def test_a_point_of_a_chart_opens_in_compare_on_its_own_data_set(
    small_artifacts: Path, monkeypatch: pytest.MonkeyPatch, dataset: str, image: str, says: dict[str, str]
) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(st, "page_link", lambda page, *, query_params, **rest: asked.append(dict(query_params)))
    app = AppTest.from_function(clicked_page, args=(dataset, image), default_timeout=LIMIT_S).run()
    assert not app.exception
    assert asked == [{"variant": "webp-q60", "computed": "1", "quality": "", "classical": "", **says}]
    assert any("kodak" in caption.value for caption in app.caption) == (not says)
