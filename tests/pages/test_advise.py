"""The Advise page, driven through app.py: its sentence and numbers are those of the core."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.batch import launch, status
from synthcomp_core.batch.status import RunSummary
from synthcomp_core.cli import main
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes
from synthcomp_core.library.run_record import RunKind, Stage
from synthcomp_core.ui import advise as advise_page
from synthcomp_core.ui import advise_folder, run_control
from synthcomp_core.ui.advise import AdviseState
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.ui.work_queue import JobState
from synthcomp_core.variants.advice import advice
from synthcomp_core.variants.candidates import candidates, rows_for_image
from tests.batch.conftest import OnTheSpot, on_the_spot
from tests.pages.conftest import endless, frame, go_back, settled

__all__ = ["on_the_spot"]


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


def test_the_answer_is_the_core_s_with_its_numbers(
    page: AppTest, small_artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    castle = small_artifacts / "samples" / "castle.png"
    assert command == f"synthcomp advise {castle} --target-bytes 4000 --family jpeg --family webp --scale 1"
    capsys.readouterr()
    assert main(shlex.split(command)[1:]) == 0
    assert expected.verdicts[-1].sentence in " ".join(capsys.readouterr().out.split())


def test_the_command_for_an_upload_has_its_name_in_place_of_a_path(page: AppTest) -> None:
    page.run()
    page.selectbox(key="source_choice").set_value("upload").run()
    page.file_uploader(key="uploaded").set_value(("my castle.png", png_bytes(frame(1)), "image/png")).run()
    app = ask(page, "jpeg")
    assert app.code[0].value == "synthcomp advise 'my castle.png' --target-bytes 4000 --family jpeg --scale 1"


def test_with_two_scales_it_says_at_which_sizes_the_lower_one_pays(page: AppTest) -> None:
    page.run()
    page.number_input(key="limit_bytes").set_value(4.0)
    page.multiselect(key="families").set_value(["webp"]).run()
    page.button(key="advise").click().run()
    app = settled(page)
    assert not app.exception
    assert "Half resolution with Lanczos " in texts(app)
    assert "for WebP (SSIMULACRA2, measured from " in texts(app)
    assert len(app.dataframe[0].value) == 2  # What was measured for that sentence alone is no option.


class Program:
    """In place of one that the page begins. ended: how, None while it goes on."""

    ended: int | None = 0

    def poll(self) -> int | None:
        return self.ended


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of every program that the page begins; none is begun."""
    arguments: list[list[str]] = []

    def begin(given: list[str], folder: Path) -> Program:
        arguments.append(given)
        return Program()

    monkeypatch.setattr(Program, "ended", 0)
    monkeypatch.setattr(launch, "_begin", begin)
    # AppTest has no browser, and so no address.
    monkeypatch.setattr(run_control, "is_local", lambda headers, address: True)
    return arguments


def ask_of_all(app: AppTest) -> AppTest:
    app.run()
    app.number_input(key="limit_bytes").set_value(4.0)
    app.multiselect(key="families").set_value(["webp"])
    app.segmented_control(key="about").set_value("all images").run()
    assert not app.exception
    return app


def test_all_images_go_through_the_verb_and_are_answered_with_an_interval(
    page: AppTest, begun: list[list[str]], on_the_spot: OnTheSpot, small_artifacts: Path
) -> None:
    app = ask_of_all(page)
    assert "2 images, 2 variants, 4 tasks, 0 done" in texts(app)
    samples = str(small_artifacts / "samples")
    words = ["advise", samples, "--target-bytes", "4000", "--family", "webp", "--scale", "1", "--scale", "2"]
    assert app.code[0].value == " ".join(["synthcomp", *words, "--upscaler", "lanczos"])
    assert not app.dataframe
    app.button(key="advise_all").click().run()
    assert begun == [[*words, "--upscaler", "lanczos"]]
    assert main(begun[0]) == 0  # As the program does that the page begins.
    app.run()
    assert not app.exception and not app.error
    target = Target("bytes", 4000)
    variants = candidates(target, families=["webp"])
    rows = [
        row
        for number, name in ((1, "castle.png"), (2, "forest.png"))
        for row in rows_for_image(frame(number), variants, dataset="samples", image_name=name)
    ]
    for verdict in advice(rows, target).verdicts:
        assert verdict.sentence in texts(app)
    assert "For these 2 images at size 4,000 bytes: WebP quality" in texts(app)
    assert "Half resolution with Lanczos " in texts(app)  # From the measurements that followed the search.
    assert len(app.dataframe[0].value) == 2


def offers_to_begin(app: AppTest) -> bool:
    return any(button.key == "advise_all" for button in app.button)


def test_the_program_of_one_question_is_not_taken_for_the_answer_to_another(
    page: AppTest, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ask_of_all(page)
    monkeypatch.setattr(Program, "ended", None)
    app.button(key="advise_all").click().run()
    assert not app.info and not offers_to_begin(app)
    for change in (app.number_input(key="limit_bytes").set_value(8.0), app.selectbox(key="source_choice")):
        if change.key == "source_choice":
            change.set_value("mine/test")
        app.run()
        (said,) = app.info
        assert "Another question is being answered" in said.value
        assert "--target-bytes 4000" in said.value.replace("\\", "")
        assert not offers_to_begin(app)
    monkeypatch.setattr(Program, "ended", 1)
    app.run()
    assert offers_to_begin(app)
    assert not app.info and not app.error and not app.exception


def test_a_run_that_was_begun_elsewhere_is_told_by_its_command(
    page: AppTest, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ask_of_all(page)
    own = app.code[0].value.removeprefix("synthcomp ")
    running = ("advise", Path(), RunKind.BATCH, Stage.RUNNING, 1, 4, 0, 1, None, time.time(), None)
    monkeypatch.setattr(advise_folder, "read_run", lambda folder: RunSummary(*running))
    for words, is_other in ((own, False), ("advise 'some folder' --target-bpp 1", True), ("'", True)):
        command = f"python -m synthcomp_core {words}"
        monkeypatch.setattr(status, "run_command", lambda folder, command=command: command)
        app.run()
        assert not app.exception
        assert not offers_to_begin(app)
        assert any("Another question" in info.value for info in app.info) == is_other


def test_a_search_of_all_images_cannot_be_started_from_elsewhere(
    page: AppTest, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_control, "is_local", lambda headers, address: False)
    app = ask_of_all(page)
    assert not [button for button in app.button if button.key == "advise_all"]
    assert any("on the machine that runs the app" in caption.value for caption in app.caption)
    assert begun == []


def test_another_question_waits_until_it_is_asked(page: AppTest) -> None:
    app = ask(page, "jpeg")
    assert "at size 4,000 bytes" in texts(app)
    assert app.get("page_link")[-1].proto.label == "Look at the best in Compare"
    app.selectbox(key="constraint").set_value("SSIMULACRA2").run()
    assert "Press Advise" in app.info[0].value
    assert not app.dataframe
    app.button(key="advise").click().run()
    settled(app)
    assert not app.exception
    assert "For this image at SSIMULACRA2 70.00: JPEG quality" in texts(app)


def test_after_a_failure_or_a_break_the_search_begins_anew(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def failing_at_first(*args: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise SynthcompError("The disk is full.")
        if len(tries) == 2:  # Drops the job, as when the browser was away.
            raise RuntimeError("cannot schedule new futures after shutdown")
        return rows_for_image(*args, **options)

    monkeypatch.setattr(advise_page, "rows_for_image", failing_at_first)
    app = ask(page, "jpeg")
    assert app.error[0].value.replace("\\", "") == "The disk is full."
    app.button(key="advise").click()
    settled(app)
    assert not app.error
    assert "For this image at size 4,000 bytes: JPEG quality" in texts(app)
    state = app.session_state[state_key(AdviseState)]
    assert len(tries) > 2 and state.job.status().state == JobState.DONE
    app.button(key="advise").click().run()  # What is answered is not searched again.
    assert app.session_state[state_key(AdviseState)].job is state.job
    state.job.change(state=JobState.STOPPED)
    app.run()
    assert "Press Advise to search anew" in app.warning[0].value
    app.button(key="advise").click()
    assert not settled(app).warning


def test_a_link_asks_by_itself_and_says_what_cannot_be_reached(page: AppTest) -> None:
    for name, value in (("asked", "1"), ("limit_bytes", "0.1"), ("families", "jpeg"), ("scales", "1")):
        page.query_params[name] = value
    app = settled(page.run())
    assert not app.exception
    assert "No variant meets the constraint: size 100 bytes" in app.warning[0].value.replace("\\", "")


def test_the_address_promises_the_answer_that_is_there_and_a_link_s_is_searched(page: AppTest) -> None:
    ask(page, "jpeg")
    page.switch_page("pages/live.py")
    page.query_params.clear()
    page.run()
    page.switch_page("pages/advise.py")
    page.query_params.clear()
    page.run()
    assert "at size 4,000 bytes" in texts(page) and page.query_params["asked"] in ("1", ["1"])
    page.switch_page("pages/live.py")
    page.query_params.clear()
    page.run()
    page.switch_page("pages/advise.py")  # A link to another question, in a session with an answer.
    page.query_params.update({"asked": "1", "limit_bytes": "3"})
    settled(page)
    assert not page.info and "at size 3,000 bytes" in texts(page)


def test_a_search_that_was_stopped_is_promised_no_longer_and_not_begun_by_going_back(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.query_params["asked"] = "1"
    monkeypatch.setattr(advise_page, "rows_for_image", endless)
    page.run()
    page.button(key="advise_stop").click()
    settled(page)
    assert "asked" not in page.query_params and page.warning
    job = page.session_state[state_key(AdviseState)].job
    page.query_params["asked"] = "1"
    with monkeypatch.context() as patch:
        go_back(patch)
        page.run()
    assert "asked" not in page.query_params
    page.run()
    assert page.session_state[state_key(AdviseState)].job is job


def test_a_promise_that_came_while_another_was_answered_asks_nothing_later(page: AppTest) -> None:
    page.query_params["asked"] = "1"
    page.query_params["about"] = "all images"
    page.run()
    page.segmented_control(key="about").set_value("this image").run()
    assert any("Press Advise" in info.value for info in page.info)
    assert state_key(AdviseState) not in page.session_state


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


def test_lower_resolutions_without_an_upscaler_are_one_sentence(page: AppTest) -> None:
    app = page.run()
    app.multiselect(key="upscalers").set_value([])
    for scales in (["1", "2"], ["1.5"]):
        app.pills(key="scales").set_value(scales).run()
        assert ["Pick at least one upscaler" in info.value for info in app.info] == [True]
        assert not any(button.key == "advise" for button in app.button)
    app.pills(key="scales").set_value(["1"]).run()
    assert not app.exception
    assert any(button.key == "advise" for button in app.button)
