"""The Runs page, driven through app.py: what is on screen is what the files say."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.batch import launch
from synthcomp_core.batch.journal import Writer, finished_entry
from synthcomp_core.batch.tasks import RENDER, Task
from synthcomp_core.figures.training_chart import MAX_POINTS, training_chart
from synthcomp_core.images import write_png
from synthcomp_core.library.run_record import RunKind, RunState, write_state
from synthcomp_core.results.rows import ResultRow, write_rows
from synthcomp_core.runtime import Precision, is_switched_on
from synthcomp_core.storage import file_sha256
from synthcomp_core.training.folder import LogPoint, append_log
from synthcomp_core.ui import run_control
from synthcomp_core.variants import Variant
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

COMMAND = "python -m synthcomp_core run small.toml --workers 2"
RESUME = "python -m synthcomp_core train artifacts/plans/tiny.toml --only model-a"


# Of the time left: what passes until the page is drawn is taken off, and here does not show for some minutes.
FIVE_HOURS_S, FOUR_HOURS_S = 18_150.0, 14_550.0


def write_run(folder: Path, kind: RunKind, command: str, **changes: object) -> None:
    values: dict[str, object] = {
        "state": "running", "total": 48, "done": 12, "workers": 2, "started": time.time() - 30, "eta_s": FIVE_HOURS_S,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_state(folder, RunState(kind=kind, **{**values, **changes}))  # type: ignore[arg-type]
    (folder / "plan.toml").write_text('variants = ["jpeg-q30"]\n')
    record = {"kind": kind, "command": command, "machine": {"cores": 2}, "versions": {"torch": "2.13.0"}}
    (folder / "run.json").write_text(json.dumps(record))


def write_batch(artifacts: Path, **changes: object) -> Path:
    folder = artifacts / "runs" / "small"
    write_run(folder, RunKind.BATCH, COMMAND, **changes)
    return folder


def write_training(artifacts: Path, **changes: object) -> Path:
    folder = artifacts / "runs" / "train-tiny" / "model-a"
    write_run(folder, RunKind.TRAINING, RESUME, **{"total": 1200, "done": 300, **changes})
    for step in range(50, 301, 50):
        append_log(folder, step, "train", {"loss": 300 / step, "bpp": 0.4}, lr=2.5e-4)
    append_log(folder, 300, "validation", {"psnr": 34.5}, lr=2.5e-4)
    return folder


def open_page(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S).switch_page("pages/runs.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_without_runs_the_page_says_how_to_start_one(artifacts: Path) -> None:
    app = open_page()
    assert "No run yet" in app.info[0].value
    assert "synthcomp_core run" in app.code[0].value


def test_a_running_batch_shows_progress_plan_environment_and_command(artifacts: Path) -> None:
    write_batch(artifacts)
    app = open_page()
    assert "running" in app.markdown[0].value
    shown = metrics(app)
    assert (shown["Done"], shown["Failed"]) == ("12 tasks", "0")
    assert shown["Time left"] == "5.0 h"
    assert [code.value for code in app.code] == [COMMAND, 'variants = ["jpeg-q30"]']
    environment = next(frame.value for frame in app.dataframe if "which" in frame.value)
    assert dict(environment.itertuples(index=False)) == {"cores": "2", "torch": "2.13.0"}
    assert not app.error


@pytest.mark.parametrize(
    ("done", "total", "progress", "metric"), [(0, 1, "0 of 1 task", "0 tasks"), (1, 4, "1 of 4 tasks", "1 task")]
)
def test_one_task_is_counted_as_one(artifacts: Path, done: int, total: int, progress: str, metric: str) -> None:
    write_batch(artifacts, done=done, total=total)
    app = open_page()
    assert metrics(app)["Done"] == metric
    assert progress in [bar.proto.text for bar in app.get("progress")]


def test_failures_are_listed_with_their_errors(artifacts: Path) -> None:
    folder = write_batch(artifacts, state="failed", done=48, failed=2)
    bad = [ResultRow("d", f"{name}.png", variant="jpeg-q30", error=f"{name}.png is no image") for name in "ab"]
    write_rows(folder / "results.csv", [ResultRow("d", "c.png", 8, 8, "jpeg-q30"), *bad])
    app = open_page()
    assert "2 tasks have failed" in app.error[0].value
    table = next(frame.value for frame in app.dataframe if "error" in frame.value)
    assert list(table["error"]) == ["a.png is no image", "b.png is no image"]
    assert metrics(app)["Failed"] == "2"
    assert "retries the failed tasks" in app.warning[0].value


def test_a_killed_run_is_shown_as_interrupted(artifacts: Path) -> None:
    write_batch(artifacts, host="elsewhere", updated=time.time() - 3600)
    app = open_page()
    assert "interrupted" in app.markdown[0].value
    assert metrics(app)["Time left"] == "none"
    assert "does only what is missing" in app.warning[0].value


def test_a_training_shows_its_curves_and_follows_the_log(artifacts: Path) -> None:
    write_batch(artifacts)
    folder = write_training(artifacts)
    app = open_page(run="train-tiny/model-a")
    assert app.selectbox(key="run").value == "train-tiny/model-a"
    assert metrics(app)["Done"] == "300 steps"
    assert metrics(app)["Time left"] == "5.0 h"
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert {axis["title"]["text"] for name, axis in spec["layout"].items() if name.startswith("yaxis")} == {
        "Loss",
        "Rate [bit per pixel]",
        "PSNR [dB]",
        "Learning rate",
    }
    assert [code.value for code in app.code] == [RESUME, 'variants = ["jpeg-q30"]']
    environment = next(frame.value for frame in app.dataframe if "which" in frame.value)
    assert dict(environment.itertuples(index=False)) == {"cores": "2", "torch": "2.13.0"}

    append_log(folder, 350, "train", {"loss": 0.75}, lr=2e-4)
    write_run(folder, RunKind.TRAINING, RESUME, total=1200, done=350, eta_s=FOUR_HOURS_S)
    app.run()
    shown = metrics(app)
    assert shown["Done"] == "350 steps"
    assert shown["Time left"] == "4.0 h"


@pytest.mark.parametrize(
    ("changes", "badge", "advice"),
    [
        ({"state": "failed", "error": "model-a: the loss is nan at step 301"}, "failed", "Once the cause is corrected"),
        ({"host": "elsewhere", "updated": 0.0}, "interrupted", "resume from the last checkpoint"),
    ],
)
def test_a_training_that_stopped_says_why_and_how_to_resume(
    artifacts: Path, changes: dict[str, object], badge: str, advice: str
) -> None:
    write_training(artifacts, **changes)
    app = open_page()
    assert badge in app.markdown[0].value
    assert advice in app.warning[0].value
    assert ["loss is nan" in error.value for error in app.error] == ([True] if "error" in changes else [])


def test_trainings_of_an_earlier_version_are_named_in_a_sentence(artifacts: Path) -> None:
    write_batch(artifacts)
    old = artifacts / "runs" / "train-old" / "b"
    old.mkdir(parents=True)
    append_log(old, 50, "train", {"loss": 1.0}, lr=1e-4)
    app = open_page()
    assert app.selectbox(key="run").options == ["small"]
    (sentence,) = [caption.value for caption in app.caption if "earlier version" in caption.value]
    assert "train\\-old\\/b" in sentence


def test_all_runs_are_listed_with_their_share_done(artifacts: Path) -> None:
    write_batch(artifacts)
    write_training(artifacts)
    table = next(frame.value for frame in open_page().dataframe if "progress" in frame.value)
    assert dict(zip(table["run"], table["progress"], strict=True)) == {"small": 0.25, "train-tiny/model-a": 0.25}


@pytest.mark.parametrize("damage", ["state.json", "run.json", "plan.toml"])
def test_damaged_files_leave_the_page_standing(artifacts: Path, damage: str) -> None:
    folder = write_batch(artifacts)
    (folder / "journal.jsonl").write_text("{}\n")
    (folder / damage).write_bytes(b"\xff{[")
    open_page()


def test_names_from_the_disk_are_not_markdown(artifacts: Path) -> None:
    folder = write_batch(artifacts)
    folder.rename(folder.parent / "**x** <img src=x>")
    app = open_page(run="gone")
    assert all("<img" not in text.value.replace("\\<", "") for text in [*app.markdown, *app.warning, *app.error])


def test_a_chart_of_a_long_log_is_thinned_and_keeps_its_last_point() -> None:
    points = [LogPoint(step, "train", "loss", 1 / step) for step in range(1, 5001)]
    (trace,) = training_chart(points, name="x").data
    assert len(trace.x) <= MAX_POINTS + 1
    assert (trace.x[0], trace.x[-1], trace.y[-1]) == (1, 5000, 1 / 5000)


def write_plan(artifacts: Path) -> Path:
    write_png(frame(1), artifacts / "frames" / "a.png")
    path = artifacts / "plans" / "small.toml"
    path.parent.mkdir(parents=True)
    path.write_text('variants = ["jpeg-q30", "jpeg-q60"]\n[[datasets]]\nfolder = "../frames"\n')
    return path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of every program that the page begins; none is begun."""
    arguments: list[list[str]] = []

    class Nothing:
        def poll(self) -> int:
            return 0

    def begin(given: list[str], folder: Path) -> Nothing:
        arguments.append(given)
        return Nothing()

    monkeypatch.setattr(launch, "_begin", begin)
    # AppTest has no browser, and so no address.
    monkeypatch.setattr(run_control, "is_local", lambda headers, address: True)
    return arguments


def button(app: AppTest, label: str) -> Any:
    return next(one for one in app.button if one.label == label)


def test_a_plan_is_started_after_its_dry_run_was_shown(artifacts: Path, begun: list[list[str]]) -> None:
    plan = write_plan(artifacts)
    app = open_page()
    shown = " ".join(markdown.value for markdown in app.markdown).replace("\\", "")
    assert "small: 1 image, 2 variants, 2 tasks, 0 done" in shown
    assert begun == []
    button(app, "Start").click().run()
    assert not app.exception
    assert begun == [["run", str(plan.resolve())]]
    write_batch(artifacts)  # As the program does once it runs.
    app.run()
    assert app.selectbox(key="run").value == "small"


def test_a_plan_or_a_run_whose_folder_cannot_be_written_is_one_sentence(
    artifacts: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(given: list[str], folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder / "output.txt"))

    monkeypatch.setattr(launch, "_begin", begin)
    write_plan(artifacts)
    write_batch(artifacts, state="interrupted")
    app = open_page()
    for label in ("Start", "Resume"):
        button(app, label).click().run()
        assert not app.exception
        said = [error.value.replace("\\", "") for error in app.error]
        written = artifacts / "runs" / "small" / "output.txt"
        assert f"{written} cannot be read or written: Permission denied." in said


def test_a_plan_in_the_home_of_nobody_is_one_sentence(artifacts: Path, begun: list[list[str]]) -> None:
    write_plan(artifacts)
    app = open_page()
    app.selectbox(key="plan").set_value("a plan of your own").run()
    app.text_input(key="own_plan").set_value("~no-such-user/plan.toml").run()
    assert not app.exception
    assert ["no such home folder" in error.value for error in app.error] == [True]
    assert not any(one.label == "Start" for one in app.button)


def test_a_run_is_stopped_and_resumed(artifacts: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(run_control, "stop_run", lambda run: stopped.append(run.name))
    write_batch(artifacts)
    app = open_page()
    button(app, "Stop").click().run()
    assert stopped == ["small"]
    write_batch(artifacts, state="interrupted")
    app.run()
    assert not any(one.label == "Stop" for one in app.button)
    button(app, "Resume").click().run()
    assert begun == [["run", "small.toml", "--workers", "2"]]
    assert not app.exception


def end_with(monkeypatch: pytest.MonkeyPatch, status: int, output: str) -> None:
    """Let every program that the page begins end at once with this status and output."""

    class Ended:
        def poll(self) -> int:
            return status

    def begin(given: list[str], folder: Path) -> Ended:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / launch.OUTPUT).write_text(output)
        return Ended()

    monkeypatch.setattr(launch, "_begin", begin)


def shown_errors(app: AppTest) -> list[str]:
    assert not app.exception
    return [error.value.replace("\\", "") for error in app.error]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (1, "small.toml cannot be read as a plan: No such file or directory."),
        (-9, "The program of small was ended by signal 9; resume it to do what is missing."),
        (130, None),
    ],
)
def test_a_resumed_run_that_ends_with_an_error_says_why(
    artifacts: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch, status: int, sentence: str | None
) -> None:
    end_with(monkeypatch, status, "Error: small.toml cannot be read as a plan: No such file or directory.\n")
    write_batch(artifacts, state="interrupted")
    app = open_page()
    button(app, "Resume").click().run()
    app.run()
    assert shown_errors(app) == ([] if sentence is None else [sentence])
    write_batch(artifacts)  # Somebody resumed it on the command line.
    app.run()
    assert shown_errors(app) == []


def test_a_started_run_that_ends_before_it_is_listed_says_why(
    artifacts: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    end_with(monkeypatch, 1, "Error: The disk is full.\n")
    write_plan(artifacts)
    app = open_page()
    button(app, "Start").click().run()
    assert shown_errors(app) == ["The disk is full."]


def test_nothing_can_be_started_from_elsewhere(
    artifacts: Path, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(artifacts)
    write_batch(artifacts)
    monkeypatch.setattr(run_control, "is_local", lambda headers, address: False)
    app = open_page()
    assert not any(one.label in ("Start", "Stop", "Resume") for one in app.button)
    assert any("on the machine that runs the app" in caption.value for caption in app.caption)
    monkeypatch.setenv(run_control.ALLOW_VARIABLE, "0")
    assert not any(one.label == "Start" for one in open_page().button)
    monkeypatch.setenv(run_control.ALLOW_VARIABLE, "1")
    assert any(one.label == "Start" for one in open_page().button)


@pytest.mark.parametrize(
    ("value", "is_on"),
    [
        *((text, True) for text in ("1", "true", "True", "YES", "on", " 1 ")),
        *((text, False) for text in ("", "0", "false", "No", "off", "2", "perhaps")),
    ],
)
def test_what_switches_a_variable_on(monkeypatch: pytest.MonkeyPatch, value: str, is_on: bool) -> None:
    monkeypatch.setenv(run_control.ALLOW_VARIABLE, value)
    assert is_switched_on(run_control.ALLOW_VARIABLE) == is_on


@pytest.mark.parametrize(
    ("headers", "address", "local"),
    [
        ({"Host": "localhost:8501"}, None, True),
        ({"Host": "127.0.0.1:8501"}, "127.0.0.1", True),
        ({"Host": "[::1]:8501"}, "::1", True),
        ({"Host": "lab.example.org"}, None, False),
        ({"Host": "localhost:8501"}, "10.0.0.7", False),
        ({"Host": "localhost:8501", "X-Forwarded-For": "10.0.0.7"}, None, False),
    ],
)
def test_who_is_local(headers: dict[str, str], address: str | None, local: bool) -> None:
    assert run_control.is_local(headers, address) == local


def test_the_images_that_a_run_kept_are_a_click_away_in_compare(app: AppTest, artifacts: Path) -> None:
    # Of an image that cannot be picked more was kept.
    write_kept(artifacts, elsewhere=("jpeg-q30", "webp-q33", "jpeg-q60"), samples=("jpeg-q30", "webp-q33"))
    page = app.switch_page("pages/runs.py").run()
    assert not page.exception
    (link,) = [one.proto for one in page.get("page_link") if "Compare" in one.proto.label]
    asked = parse_qs(link.query_string)
    assert asked["variant"] == ["jpeg-q30", "webp-q33"]
    assert (asked["source"], asked["image"], asked["computed"]) == (["samples"], ["castle.png"], ["1"])


def write_kept(artifacts: Path, **variants: Sequence[str]) -> None:
    """A run that kept these variants of castle.png, by data set."""
    folder = write_batch(artifacts, state="finished", done=48)
    reference = artifacts / "samples" / "castle.png"
    writer = Writer(folder, [])
    for dataset, names in variants.items():
        for name in names:
            kept = folder / "renderings" / dataset / name / "castle.png"
            write_png(frame(1), kept)
            variant = Variant.parse(name)
            place = (dataset, reference, file_sha256(reference))
            task = Task(RENDER, *place, variant, (), (), Precision.AUTO, 10**7, kept)
            row = ResultRow(dataset, "castle.png", variant=name, num_bytes=1000)
            writer.add(finished_entry(task, row, 1.0))
    writer.close()


def test_where_the_images_of_a_run_cannot_be_picked_no_link_leads_to_another_image(
    app: AppTest, artifacts: Path
) -> None:
    write_kept(artifacts, elsewhere=("jpeg-q30",))
    page = app.switch_page("pages/runs.py").run()
    assert not page.exception
    assert not [one for one in page.get("page_link") if "Compare" in one.proto.label]
    (sentence,) = [one.value for one in page.caption if "data fetch FOLDER" in one.value.replace("\\", "")]
    assert sentence.startswith("The images of elsewhere are not available here")


def test_a_run_that_kept_no_images_has_no_link_to_compare(app: AppTest, artifacts: Path) -> None:
    write_batch(artifacts, state="finished", done=48)
    page = app.switch_page("pages/runs.py").run()
    assert not page.exception
    assert not [one for one in page.get("page_link") if "Compare" in one.proto.label]
