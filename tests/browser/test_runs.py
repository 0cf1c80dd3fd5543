"""The Runs page in a real browser: it follows a run that goes on while the page is open."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from synthcomp_core.images import write_png
from synthcomp_core.library.run_record import RunKind, RunState, Stage, write_state
from synthcomp_core.training.folder import append_log
from tests.browser.conftest import StartApp
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

pytestmark = pytest.mark.browser

APP = PROJECT_ROOT / "app.py"


def write_progress(folder: Path, done: int, state: Stage = Stage.RUNNING) -> None:
    write_state(
        folder,
        RunState(RunKind.BATCH, state, 48, done, time.time() - 60, failed=1, in_flight=2, workers=2, eta_s=18_150.0),
    )


def train(folder: Path, steps: range) -> None:
    """Leave what a training leaves after these steps."""
    for step in steps:
        append_log(folder, step, "train", {"loss": 1 + 100 / step, "bpp": 0.4 + 5 / step}, lr=2.5e-4)
    append_log(folder, steps[-1], "validation", {"psnr": 30 + steps[-1] / 200}, lr=2.5e-4)
    write_state(folder, RunState(RunKind.TRAINING, Stage.RUNNING, 1000, steps[-1], time.time() - 60))


def last_point(page: Page, title: str) -> float | None:
    """The last x of the first curve in the axes with this title, read from the chart on screen."""
    return page.evaluate(
        """title => {
            const chart = document.querySelector('.js-plotly-plot');
            if (!chart || !chart._fullLayout) return null;
            const axis = Object.values(chart._fullLayout).find(a => a && a.title && a.title.text === title);
            if (!axis) return null;
            const curve = chart._fullData.find(c => c.yaxis === axis._id);
            return curve ? curve.x[curve.x.length - 1] : null;
        }""",
        title,
    )


def test_progress_failures_and_curves_follow_the_files_by_themselves(
    browser_page: Page, start_app: StartApp, tmp_path: Path
) -> None:
    page, artifacts = browser_page, tmp_path / "artifacts"
    batch = artifacts / "runs" / "small"
    batch.mkdir(parents=True)
    write_progress(batch, 12)
    (batch / "plan.toml").write_text('variants = ["jpeg-q30"]\n')
    (batch / "run.json").write_text(
        json.dumps({"kind": RunKind.BATCH, "command": "python -m synthcomp_core run small.toml"})
    )
    header = "dataset,image,width,height,variant,error"
    (batch / "results.csv").write_text(f"{header}\nd,castle.png,,,jpeg-q30,castle.png is no image\n")

    address = start_app(APP, {"SYNTHCOMP_ARTIFACTS": str(artifacts)})
    page.goto(f"{address}/runs?run=small")
    expect(page.get_by_text("12 of 48 tasks")).to_be_visible()
    expect(page.get_by_text("1 task has failed:")).to_be_visible()
    expect(page.get_by_text("python -m synthcomp_core run small.toml")).to_be_visible()
    expect(page.get_by_test_id("stMetricValue").nth(1)).to_have_text("5.0 h")  # It still says so minutes later.

    # Nobody touches the page: it reads on.
    write_progress(batch, 13)
    expect(page.get_by_text("13 of 48 tasks")).to_be_visible()
    write_progress(batch, 48, Stage.FAILED)
    expect(page.get_by_text("failed batch run")).to_be_visible()

    # A training that begins shows up in the list, and its curves grow.
    training = artifacts / "runs" / "train-tiny" / "model-a"
    training.mkdir(parents=True)
    (training / "run.json").write_text(json.dumps({"kind": RunKind.TRAINING}))
    train(training, range(50, 301, 50))
    expect(page.get_by_text("All 2 runs")).to_be_visible()
    page.goto(f"{address}/runs?run=train-tiny%2Fmodel-a")
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("300 steps")
    page.wait_for_selector(".js-plotly-plot .scatterlayer")
    assert last_point(page, "Loss") == 300
    train(training, range(350, 501, 50))
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("500 steps")
    page.wait_for_function("document.querySelector('.js-plotly-plot')?._fullData?.[0].x.at(-1) === 500")
    assert last_point(page, "Rate [bit per pixel]") == 500
    assert last_point(page, "Learning rate") == 500


def test_a_run_is_started_stopped_and_resumed_from_the_page(
    browser_page: Page, start_app: StartApp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    artifacts, page = tmp_path_factory.mktemp("started"), browser_page
    for number in (1, 2, 3):
        write_png(frame(number), artifacts / "frames" / f"{number}.png")
    (artifacts / "plans").mkdir()
    text = 'variants = ["avif-q{30..99}"]\nkeep = "none"\n[[datasets]]\nfolder = "../frames"\n'
    (artifacts / "plans" / "long.toml").write_text(text)
    page.goto(f"{start_app(APP, {'SYNTHCOMP_ARTIFACTS': str(artifacts)})}/runs")
    page.get_by_text("Start a run").click()
    expect(page.get_by_text("3 images, 70 variants, 210 tasks, 0 done")).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Run the command below again; it does only what is missing.")).to_be_visible()
    state = json.loads((artifacts / "runs" / "long" / "state.json").read_text())
    assert state["state"] == "interrupted"
    assert state["done"] < 210
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_text("210 of 210 tasks")).to_be_visible()
