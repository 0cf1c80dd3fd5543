"""The Runs page, driven through app.py: what is on screen is what the files say."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.batch.status import LogPoint, RunState, write_state
from synthcomp_core.figures.training_chart import MAX_POINTS, training_chart
from synthcomp_core.results.rows import ResultRow, write_rows
from tests.conftest import PROJECT_ROOT

COMMAND = "python -m synthcomp_core run small.toml --workers 2"


def write_batch(artifacts: Path, **changes: object) -> Path:
    folder = artifacts / "runs" / "small"
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    values = {
        "state": "running", "total": 48, "done": 12, "failed": 0, "in_flight": 4, "workers": 2, "started": now - 30,
        "updated": now, "eta_s": 600.0, "pid": os.getpid(), "host": socket.gethostname(),
    }  # fmt: skip
    write_state(folder, RunState(**{**values, **changes}))  # type: ignore[arg-type]
    (folder / "plan.toml").write_text('variants = ["jpeg-q30"]\n')
    (folder / "run.json").write_text(
        json.dumps({"command": COMMAND, "machine": {"cores": 2}, "versions": {"torch": "2.13.0"}})
    )
    return folder


def write_training(artifacts: Path) -> Path:
    folder = artifacts / "runs" / "train-tiny" / "model-a"
    folder.mkdir(parents=True)
    lines = ["step,phase,name,value,lr"]
    for step in range(50, 301, 50):
        lines += [f"{step},train,loss,{300 / step},0.00025", f"{step},train,bpp,0.4,0.00025"]
    lines.append("300,validation,psnr,34.5,0.00025")
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    (artifacts / "plans").mkdir(parents=True)
    (artifacts / "plans" / "tiny.toml").write_text('name = "tiny"\n[[model]]\nid = "model-a"\nsteps = 1200\n')
    return folder


def open_page(**query: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=120).switch_page("pages/runs.py")
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
    assert shown["Time left"] in ("10 min", "590 s")
    assert [code.value for code in app.code] == [COMMAND, 'variants = ["jpeg-q30"]']
    environment = next(frame.value for frame in app.dataframe if "which" in frame.value)
    assert dict(environment.itertuples(index=False)) == {"cores": "2", "torch": "2.13.0"}
    assert not app.error


def test_failures_are_listed_with_their_errors(artifacts: Path) -> None:
    folder = write_batch(artifacts, state="failed", done=48, failed=2)
    bad = [ResultRow("d", f"{name}.png", variant="jpeg-q30", error=f"{name}.png is no image") for name in "ab"]
    write_rows(folder / "results.csv", [ResultRow("d", "c.png", 8, 8, "jpeg-q30"), *bad])
    app = open_page()
    assert "2 tasks have failed" in app.error[0].value
    table = next(frame.value for frame in app.dataframe if "error" in frame.value)
    assert list(table["error"]) == ["a.png is no image", "b.png is no image"]
    assert metrics(app)["Failed"] == "2"
    assert "tries the failed tasks once more" in app.warning[0].value


def test_a_killed_run_is_shown_as_interrupted(artifacts: Path) -> None:
    write_batch(artifacts, host="elsewhere", updated=time.time() - 3600)
    app = open_page()
    assert "interrupted" in app.markdown[0].value
    assert metrics(app)["Time left"] == "none"
    assert "does only what is missing" in app.warning[0].value


def test_a_training_shows_its_curves_and_goes_on_when_the_log_does(artifacts: Path) -> None:
    write_batch(artifacts)
    folder = write_training(artifacts)
    app = open_page(run="train-tiny/model-a")
    assert app.selectbox(key="run").value == "train-tiny/model-a"
    assert metrics(app)["Done"] == "300 steps"
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert {axis["title"]["text"] for name, axis in spec["layout"].items() if name.startswith("yaxis")} == {
        "Loss",
        "Rate [bit per pixel]",
        "PSNR [dB]",
        "Learning rate",
    }
    assert app.code[0].value == "python -m synthcomp_core train artifacts/plans/tiny.toml --only model-a"

    with (folder / "log.csv").open("a") as file:
        file.write("350,train,loss,0.75,0.0002\n")
    os.utime(folder / "log.csv", (time.time() + 10, time.time() + 10))
    app.run()
    shown = metrics(app)
    assert shown["Done"] == "350 steps"
    assert shown["Time left"] not in ("", "none", "not known")


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
