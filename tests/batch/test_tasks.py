"""The tasks of a plan: no more than a run's journal and table hold, which is said before any image is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from synthcomp_core import limits
from synthcomp_core.batch import tasks
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.tasks import plan_tasks
from synthcomp_core.errors import PlanError


def test_a_plan_of_too_many_tasks_is_refused_before_its_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.PLAN_TASKS < limits.RESULTS_ROWS and limits.PLAN_TASKS < limits.JOURNAL_LINES
    (tmp_path / "frames").mkdir()
    for number in range(3):
        (tmp_path / "frames" / f"{number}.png").write_bytes(b"\x89PNG")
    path = tmp_path / "large.toml"
    path.write_text('variants = ["webp-q{50,60}"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    plan = read_run_plan(path)
    monkeypatch.setattr(limits, "PLAN_TASKS", 6)
    assert len(plan_tasks(plan, tmp_path / "run")) == 6
    monkeypatch.setattr(limits, "PLAN_TASKS", 5)
    monkeypatch.setattr(tasks, "file_sha256", lambda path: pytest.fail("read"))
    with pytest.raises(PlanError, match=r"asks for 6 tasks .*and a run has at most 5; split it into several plans"):
        plan_tasks(plan, tmp_path / "run")


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_an_image_whose_name_is_no_text_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Its line in the journal could not be read again, and the table not be written."""
    (tmp_path / "frames").mkdir()
    for name in (b"\xf0\x9f\x98\x80\x01.png", b"na\xffme.png"):
        (tmp_path / "frames" / os.fsdecode(name)).write_bytes(b"\x89PNG")
    path = tmp_path / "odd.toml"
    path.write_text('variants = ["webp-q50"]\n[[datasets]]\nfolder = "frames"\n')
    with pytest.raises(PlanError, match=r"name is not UTF-8, 'na\\udcffme\.png'; rename it"):
        plan_tasks(read_run_plan(path), tmp_path / "run")
    (tmp_path / "frames" / os.fsdecode(b"na\xffme.png")).unlink()
    assert len(plan_tasks(read_run_plan(path), tmp_path / "run")) == 1
