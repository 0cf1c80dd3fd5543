"""A small artifacts folder and the app on it: two tiny frames instead of the bundled ones, so that pages are quick."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest

from synthcomp_core.images import Image, write_png
from synthcomp_core.progress import silent
from synthcomp_core.ui.advise import AdviseState
from synthcomp_core.ui.compare.state import CompareState
from synthcomp_core.ui.live.sides import LiveState
from synthcomp_core.ui.live.time_this import TimeThisState
from synthcomp_core.ui.live.trail import TrailState
from synthcomp_core.ui.upscaling.benchmark import UpscalingState
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.ui.work_queue import Job
from synthcomp_core.variants import Evaluation, Variant, evaluate
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT


def frame(seed: int, width: int = 200, height: int = 176) -> np.ndarray:
    """A smooth textured frame that MS-SSIM can measure (at least 161 pixels a side)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + seed), np.cos(x / 23 + y / 7), np.sin(y / 5)], axis=2) * 90 + 128
    return np.clip(waves + generator.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


def settled(app: AppTest) -> AppTest:
    """A page with nothing under way any more; AppTest has no browser that would ask for what is new."""
    calm_runs, known = 0, jobs_of(app)
    while calm_runs < 2:  # What was finished in a run may start something else in the next.
        app.run()
        jobs = jobs_of(app)
        under_way = [job for job in jobs if not job.status().is_over]
        # One that began in this run may be over already: the page has not seen it yet.
        calm_runs = 0 if under_way or any(job not in known for job in jobs) else calm_runs + 1
        known = jobs
        for job in under_way:
            assert job.wait(lambda status: status.is_over, LIMIT_S).is_over
    return app


def go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs be as those of a page whose browser goes back to the address set."""
    reset = ScriptRunContext.reset
    monkeypatch.setattr(
        ScriptRunContext, "reset", lambda self, **options: reset(self, **{**options, "is_history_navigation": True})
    )


def jobs_of(app: AppTest) -> list[Job[Any]]:
    """The jobs that the session's pages have in the server's queue."""
    jobs: list[Job[Any] | None] = []
    if state_key(LiveState) in app.session_state:
        live: LiveState = app.session_state[state_key(LiveState)]
        jobs += [*(side.job for side in live.sides.values()), live.match and live.match.job]
    if state_key(TrailState) in app.session_state:
        jobs.append(app.session_state[state_key(TrailState)].job)
    if state_key(CompareState) in app.session_state:
        compared: CompareState = app.session_state[state_key(CompareState)]
        jobs += compared.jobs.values()
    if state_key(TimeThisState) in app.session_state:
        jobs.append(app.session_state[state_key(TimeThisState)].job)
    if state_key(AdviseState) in app.session_state:
        jobs.append(app.session_state[state_key(AdviseState)].job)
    if state_key(UpscalingState) in app.session_state:
        jobs.append(app.session_state[state_key(UpscalingState)].job)
    return [job for job in jobs if job is not None]


def endless(*arguments: Any, **options: Any) -> NoReturn:
    """Stands for work that takes as long as nobody stops it."""
    while True:
        options["on_progress"](0.5, "coding")
        time.sleep(0.01)


class StuckMetrics:
    """Stands for ``evaluate``: the image is there at once, its metrics take as long as nobody stops them."""

    def __init__(self) -> None:
        self.has_image = threading.Event()

    def __call__(self, image: Image, variant: Variant, **options: Any) -> Evaluation:
        evaluation = evaluate(image, variant, **{**options, "on_progress": silent, "on_stage": None, "metrics": ()})
        options["on_stage"](evaluation)
        self.has_image.set()
        endless(**options)


@pytest.fixture
def small_artifacts(artifacts: Path) -> Path:
    """Artifacts with two samples of 200x176, a data set folder of one, and no snapshots."""
    (artifacts / "samples").mkdir(parents=True)
    write_png(frame(1), artifacts / "samples" / "castle.png")
    write_png(frame(2), artifacts / "samples" / "forest.png")
    write_png(frame(3), artifacts / "data" / "mine" / "test" / "a<b>.png")
    (artifacts / "snapshots").mkdir()
    return artifacts


@pytest.fixture
def app(small_artifacts: Path) -> AppTest:
    """The whole app, not yet run, on the small artifacts."""
    return AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
