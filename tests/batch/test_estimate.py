"""What a run is expected to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.estimate import RemainingTime, estimate, task_cost_s
from synthcomp_core.batch.journal import read_journal
from synthcomp_core.batch.plan import Plan, read_run_plan
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


def test_enlarged_images_take_the_time_and_space_of_their_own_pixels(plan_path: Path, on_the_spot: OnTheSpot) -> None:
    def plan_with(enlarge: bool) -> Plan:
        start = f'variants = ["none@x4-bicubic"]\nkeep = "renderings"\nenlarge = {str(enlarge).lower()}\n'
        plan_path.write_text(f'{start}[[datasets]]\nfolder = "frames"\n')
        return read_run_plan(plan_path)

    # Images of the same variant that were brought back from a quarter say nothing on these.
    entries = read_journal(carry_out_plan(plan_with(False), Workers(count=1)).folder / "journal.jsonl").values()
    prepared = prepare(plan_with(True))
    expected = estimate(prepared.todo, entries)
    assert expected.num_bytes == pytest.approx(2 * 16 * 64 * 80 * 0.95)
    assert expected.measured == 0.0
    assert expected.seconds == pytest.approx(sum(map(task_cost_s, prepared.todo)))


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


def test_after_ten_tasks_the_time_left_is_within_a_factor_of_one_and_a_half(tmp_path: Path, artifacts: Path) -> None:
    write_frames(tmp_path / "frames", 12)
    path = tmp_path / "p.toml"
    path.write_text(
        'variants = ["jpeg-q30", "webp-q50", "avif-q50", "avif-bytes900", "none@x2-bicubic"]\n'
        '[[datasets]]\nfolder = "frames"\n'
    )
    tasks = prepare(read_run_plan(path)).todo
    # A machine on which typical speeds mislead: some codecs are 3 times as slow as thought, others 20 times, images
    # differ by a third, the first task of each variant has to warm up, and two tasks run at a time.
    slowness = {"jpeg-q30": 20.0, "webp-q50": 3.0, "avif-q50": 8.0, "avif-bytes900": 4.0, "none@x2-bicubic": 12.0}
    seen: set[str] = set()
    seconds = []
    for number, task in enumerate(tasks):
        variant = str(task.variant)
        warming = 0.0 if variant in seen else 1.0
        seen.add(variant)
        seconds.append(task_cost_s(task) * slowness[variant] * (1 + (number // 5 % 3 - 1) / 3) + warming * 0.02)
    remaining = RemainingTime(tasks)
    assert remaining.left_s(1.0) is None
    for number in range(len(tasks) - 5):
        remaining.finish(tasks[number], seconds[number])
        if number + 1 >= 10:
            left = remaining.left_s(sum(seconds[: number + 1]) / 2)
            true = sum(seconds[number + 1 :]) / 2
            assert left is not None
            assert true / 1.5 < left < true * 1.5, number
