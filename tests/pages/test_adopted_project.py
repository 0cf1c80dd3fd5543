"""A project that was adopted, on the pages: its test images, its renderings, its samples and its table are offered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.errors import Cancelled
from synthcomp_core.images import write_png
from synthcomp_core.metrics import psnr
from synthcomp_core.progress import OnProgress
from synthcomp_core.ui.widgets.adopt_panel import AdoptedLines, AdoptState
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.ui.work_queue import ToldJob, WorkQueue
from synthcomp_core.variants.adoption import adopt_project
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import settled
from tests.thesis_project import FOLDERS, reference, write_project

WIDTH, HEIGHT = 200, 176


@pytest.fixture
def app(small_artifacts: Path, tmp_path: Path) -> AppTest:
    project = write_project(tmp_path / "ba-thesis-scripts", width=WIDTH, height=HEIGHT)
    for path in (project / "models").iterdir():
        path.unlink()  # Renderings alone, without weights.
    adopt_project(project)
    return AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)


def opened(app: AppTest, page: str, **query: str | list[str]) -> AppTest:
    app.switch_page(f"pages/{page}.py")
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def test_compare_shows_the_renderings_with_and_without_super_resolution(app: AppTest) -> None:
    opened(
        app, "compare", source="gta-plus/test", image="g0173.png", trained_on=["files"], scaling=["full", "x2-rcan"],
        distortion=["mse", "msssim"],
    )  # fmt: skip
    assert app.selectbox(key="source_choice").value == "gta-plus/test"
    assert app.selectbox(key="image_choice").options == ["g0173.png", "g0174.png"]
    app.button(key="compute").click()
    settled(app)
    assert not app.exception and not app.error
    shown = " ".join(table.value.to_string() for table in [*app.table, *app.dataframe])
    for level, _ in enumerate(FOLDERS, start=5):
        expected = psnr(reference("g0173", WIDTH, HEIGHT), reference("g0173", WIDTH, HEIGHT) + level)
        assert f"{expected:.2f}" in shown


def test_compare_offers_renderings_of_any_name_and_shows_them(app: AppTest, tmp_path: Path) -> None:
    for stem in ("g0173", "g0174"):
        write_png(reference(stem, WIDTH, HEIGHT) + 9, tmp_path / "my codec" / f"{stem}.png")
    adopt_project(tmp_path / "my codec")
    opened(app, "compare", source="gta-plus/test", image="g0173.png", trained_on=["files"], distortion=["mse"])
    assert "files:my-codec" in app.multiselect(key="variant").options
    app.multiselect(key="variant").set_value(["files:my-codec"]).run()
    app.button(key="compute").click()
    settled(app)
    assert not app.exception and not app.error
    expected = psnr(reference("g0173", WIDTH, HEIGHT), reference("g0173", WIDTH, HEIGHT) + 9)
    assert f"{expected:.2f}" in " ".join(table.value.to_string() for table in [*app.table, *app.dataframe])


def test_the_picker_says_how_many_subfolders_were_walked(app: AppTest) -> None:
    opened(app, "live", source="gta-plus", a="jpeg-q40", b="png")
    assert "27 images, 2 subfolders walked." in [caption.value for caption in app.caption]
    opened(app, "live", source="gta-plus/test")
    assert "2 images, 1 subfolder walked." in [caption.value for caption in app.caption]
    opened(app, "live", source="samples")
    assert not any("walked" in caption.value for caption in app.caption)


def test_rate_distortion_offers_the_project_s_table(app: AppTest) -> None:
    opened(app, "rate_distortion", results=["adopted/compression_sr_results.csv"])
    assert app.multiselect(key="results").value == ["adopted/compression_sr_results.csv"]
    assert not app.error


def test_upscaling_offers_the_project_s_samples(app: AppTest) -> None:
    opened(app, "upscaling", fsr_source="FSR samples")
    assert app.selectbox(key="fsr_adopted").options == ["fsr-samples"]


def test_a_folder_is_added_on_live_after_saying_what_it_holds(small_artifacts: Path, tmp_path: Path) -> None:
    project = write_project(tmp_path / "ba-thesis-scripts", width=WIDTH, height=HEIGHT)
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    app.session_state["adopt"] = True
    opened(app, "live", a="jpeg-q40", b="png")
    app.text_input(key="adopt_folder").set_value(str(tmp_path / "absent")).run()
    assert any("There is no folder" in error.value for error in app.error)
    app.text_input(key="adopt_folder").set_value("~no-such-user/frames").run()
    assert not app.exception
    assert any("there is no such home folder" in error.value for error in app.error)
    app.text_input(key="adopt_folder").set_value(str(project)).run()
    assert any("data set: 1" in caption.value and "renderings: 3" in caption.value for caption in app.caption)
    assert not (small_artifacts / "adopted.json").exists(), "nothing without a click"
    app.button(key="adopt_it").click().run()
    job = app.session_state[state_key(AdoptState)].job
    assert job.name == str(project)  # Another folder of the same name is other work.
    status = job.wait(lambda status: status.is_over, LIMIT_S)
    assert status.is_over and status.error is None
    app.run()
    assert app.session_state[state_key(ToldJob, job.place)].job is job  # The page has run again with what is new.
    assert "gta-plus/test" in app.selectbox(key="source_choice").options
    assert any("snapshot mbt2018" in message.value.replace("\\", "") for message in app.success)
    left_out = [warning.value.replace("\\", "") for warning in app.warning if "left out" in warning.value]
    assert len(left_out) == 1 and "broken.pt" in left_out[0] and "package.json" not in left_out[0]


def test_an_adoption_that_was_interrupted_says_so(small_artifacts: Path) -> None:
    def work(on_progress: OnProgress, publish: Callable[[AdoptedLines], None]) -> None:
        raise Cancelled

    job = WorkQueue(1).submit("", "adopt", "/frames", work)
    assert job.wait(lambda status: status.is_over, LIMIT_S).is_over
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
    app.session_state["adopt"] = True
    app.session_state[state_key(AdoptState)] = AdoptState(job)
    opened(app, "live", a="jpeg-q40", b="png")
    assert ["interrupted" in warning.value for warning in app.warning] == [True]
