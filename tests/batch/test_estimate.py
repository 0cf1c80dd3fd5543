"""What a run is expected to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.estimate import estimate, task_cost_s
from synthcomp_core.batch.journal import read_journal
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.runner import carry_out_plan, prepare

from .conftest import OnTheSpot, write_frames


@pytest.fixture
def plan_path(tmp_path: Path, artifacts: Path) -> Path:
    write_frames(tmp_path / "frames", 2)
    path = tmp_path / "p.toml"
    path.write_text('variants = ["jpeg-q30", "none@x2-bicubic"]\n[[datasets]]\nfolder = "frames"\n')
    return path


def test_size_and_disk_follow_from_pixels_and_what_is_kept(plan_path: Path) -> None:
    expected = estimate(prepare(read_run_plan(plan_path)).todo, [])
    pixels = 64 * 80
    assert expected.megapixels == pytest.approx(4 * pixels / 1e6)
    # PNGs of 0.95 bytes a pixel; bitstreams of 0.8 bits a pixel and of 24 bits for a quarter of the pixels.
    assert expected.num_bytes == pytest.approx(2 * pixels * (2 * 0.95 + 0.8 / 8 + 24 / 8 / 4))
    assert expected.measured == 0.0
    plan_path.write_text('keep = "none"\n' + plan_path.read_text())
    assert estimate(prepare(read_run_plan(plan_path)).todo, []).num_bytes == 0.0


def test_more_metrics_and_dearer_codecs_cost_more(plan_path: Path) -> None:
    few = prepare(read_run_plan(plan_path)).todo[0]
    plan_path.write_text('metrics = ["psnr_rgb"]\n' + plan_path.read_text())
    assert task_cost_s(prepare(read_run_plan(plan_path)).todo[0]) < task_cost_s(few)
    plan_path.write_text(plan_path.read_text().replace("jpeg-q30", "jxl-q30"))
    assert task_cost_s(prepare(read_run_plan(plan_path)).todo[0]) > 10 * few.pixels / 1e6 * 0.013


def test_slow_options_and_searches_are_expected_to_take_longer(plan_path: Path) -> None:
    def cost_s(variant: str) -> float:
        plan_path.write_text(f'variants = ["{variant}"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
        return task_cost_s(prepare(read_run_plan(plan_path)).todo[0])

    assert cost_s("avif-q60+s8") < cost_s("avif-q60") < cost_s("avif-q60+s2") / 5
    assert cost_s("webp-q75") < cost_s("webp-bytes1000") < cost_s("webp-ssimulacra2_70")


def test_what_was_measured_before_counts_more_than_typical_speeds(plan_path: Path, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(read_run_plan(plan_path), Workers(count=1))
    entries = list(read_journal(outcome.folder / "journal.jsonl").values())
    write_frames(plan_path.parent / "frames", 3)
    prepared = prepare(read_run_plan(plan_path))
    assert {task.image.name for task in prepared.todo} == {"frame2.png"}
    expected = estimate(prepared.todo, entries)
    # All frames are of one size, so a variant's expected time is the mean of its times so far.
    assert expected.seconds == pytest.approx(sum(entry.seconds for entry in entries) / 2)
    assert expected.measured == 1.0
