"""The Advise page, driven through app.py: its sentence and numbers are those of the core."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.codecs.targets import Target
from synthcomp_core.variants.advice import advice
from synthcomp_core.variants.candidates import candidates, rows_for_image
from tests.pages.conftest import frame, settled


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page("pages/advise.py")


def ask(app: AppTest, *families: str, kilobytes: float = 4.0) -> AppTest:
    app.run()
    app.number_input(key="limit_bytes").set_value(kilobytes)
    app.pills(key="scales").set_value(["1"])
    app.multiselect(key="families").set_value(list(families)).run()
    app.button(key="advise").click().run()
    return settled(app)


def texts(app: AppTest) -> str:
    return " ".join(markdown.value for markdown in app.markdown).replace("\\", "")


def test_the_answer_is_the_core_s_with_its_numbers(page: AppTest) -> None:
    app = ask(page, "jpeg", "webp")
    assert not app.exception
    target = Target("bytes", 4000)
    rows = rows_for_image(
        frame(1), candidates(target, families=["jpeg", "webp"], scales=(1,)), dataset="samples", image_name="castle.png"
    )
    expected = advice(rows, target)
    shown = texts(app)
    for verdict in expected.verdicts:
        assert verdict.sentence in shown
    assert f"**{expected.verdicts[-1].sentence}**" in shown
    table = app.dataframe[0].value
    assert list(table["option"]) == [option.settled for option in expected.options]
    assert list(table["bytes"]) == [f"{option.num_bytes:,.0f}" for option in expected.options]
    assert app.get("plotly_chart")
    link = app.get("page_link")[-1].proto
    asked = parse_qs(link.query_string)
    assert asked["variant"] == [str(option.variant) for option in expected.options]
    assert asked["image"] == ["castle.png"]
    command = app.code[0].value
    assert command == "synthcomp advise castle.png --target-bytes 4000 --family jpeg --family webp --scale 1"


def test_with_two_scales_it_says_at_which_sizes_the_lower_one_pays(page: AppTest) -> None:
    page.run()
    page.number_input(key="limit_bytes").set_value(4.0)
    page.multiselect(key="families").set_value(["webp"]).run()
    page.button(key="advise").click().run()
    app = settled(page)
    assert not app.exception
    assert "Half resolution with lanczos " in texts(app)
    assert "for WebP (SSIMULACRA2, measured from " in texts(app)
    assert len(app.dataframe[0].value) == 2  # What was measured for that sentence alone is no option.


def test_another_question_waits_until_it_is_asked(page: AppTest) -> None:
    app = ask(page, "jpeg")
    assert "at size 4,000 bytes" in texts(app)
    app.selectbox(key="constraint").set_value("SSIMULACRA2").run()
    assert "Press Advise" in app.info[0].value
    assert not app.dataframe
    app.button(key="advise").click().run()
    settled(app)
    assert not app.exception
    assert "For this image at SSIMULACRA2 70.00: JPEG quality" in texts(app)


def test_a_link_asks_by_itself_and_says_what_cannot_be_reached(page: AppTest) -> None:
    for name, value in (("asked", "1"), ("limit_bytes", "0.1"), ("families", "jpeg"), ("scales", "1")):
        page.query_params[name] = value
    app = settled(page.run())
    assert not app.exception
    assert "Nothing keeps to size 100 bytes" in app.warning[0].value.replace("\\", "")


def test_without_a_codec_there_is_one_sentence(page: AppTest) -> None:
    app = page.run()
    app.multiselect(key="families").set_value([]).run()
    assert not app.exception
    assert "Pick at least one codec" in app.info[0].value


def test_unknown_link_values_give_a_sentence_each(page: AppTest) -> None:
    page.query_params["constraint"] = "beauty"
    page.query_params["limit_bytes"] = "many"
    app = page.run()
    assert not app.exception
    assert len(app.warning) == 2
