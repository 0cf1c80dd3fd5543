"""Runs: rows as coding one by one gives them, reruns that do only what is missing, failures as rows."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from synthcomp_core import codecs, metrics
from synthcomp_core.batch import runner
from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.journal import read_journal
from synthcomp_core.batch.plan import Plan, read_run_plan
from synthcomp_core.batch.runner import RunOutcome, carry_out_plan, prepare
from synthcomp_core.batch.status import read_run, run_failures
from synthcomp_core.codecs.classical import rate_bytes
from synthcomp_core.errors import PlanError, ResultsError
from synthcomp_core.images import read_image, resize, write_png
from synthcomp_core.library.run_record import Stage, read_state, write_state
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import read_results, table_rows
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.variants import Variant, render, result_row

from .conftest import OnTheSpot, frame, without_times, write_frames

TWO_METRICS = ("psnr_rgb", "ssim_rgb")
HERE = Workers(count=1)


def make_plan(folder: Path, *, keep: str = "both", extra: str = "", names: tuple[str, ...] = TWO_METRICS) -> Plan:
    path = folder / "small.toml"
    path.write_text(
        f'variants = ["jpeg-q{{30,60}}", "webp-q50@x2-bicubic"]\nmetrics = {json.dumps(names)}\nkeep = "{keep}"\n'
        f'{extra}\n[[datasets]]\nname = "frames"\nfolder = "frames"\n'
    )
    return read_run_plan(path)


@pytest.fixture
def plan(tmp_path: Path, artifacts: Path) -> Plan:
    write_frames(tmp_path / "frames", 2)
    return make_plan(tmp_path)


def rows_of(outcome: RunOutcome) -> list[ResultRow]:
    return table_rows(read_results(outcome.results))


def test_rows_equal_encode_decode_and_measure_one_by_one(plan: Plan, on_the_spot: OnTheSpot) -> None:
    rows = rows_of(carry_out_plan(plan, HERE))
    assert len(rows) == 6
    for row in rows:
        reference = read_image(plan.datasets[0].folder / row.image).image
        variant = Variant.parse(row.variant)
        codec = codecs.parse_codec(variant.codec)
        source = reference if variant.scale is None else resize(reference, (40, 32))
        bitstream = codec.encode(source)
        image = codecs.decode(bitstream)
        if variant.upscaler is not None:
            image = parse_upscaler(variant.upscaler).upscale(image, (80, 64))
        expected = metrics.measure(reference, image, metrics=TWO_METRICS)
        assert row.num_bytes == rate_bytes(variant.codec, bitstream)
        assert row.bpp == row.num_bytes * 8 / (64 * 80)
        assert (row.psnr_rgb, row.ssim_rgb, row.flip) == (expected.psnr_rgb, expected.ssim_rgb, None)
        kept = carry_path(plan, row)
        assert (read_image(kept).image == image).all()
    assert [(row.image, row.variant) for row in rows[:3]] == [
        ("frame0.png", "jpeg-q30"),
        ("frame0.png", "jpeg-q60"),
        ("frame0.png", "webp-q50@x2-bicubic"),
    ]


def carry_path(plan: Plan, row: ResultRow) -> Path:
    run = prepare(plan).folder
    return run / "renderings" / row.dataset / row.variant / f"{Path(row.image).stem}.png"


def test_rows_equal_those_of_the_command_line_s_render(plan: Plan, on_the_spot: OnTheSpot) -> None:
    row = rows_of(carry_out_plan(plan, HERE))[2]
    reference = read_image(plan.datasets[0].folder / row.image).image
    rendering = render(reference, Variant.parse(row.variant))
    measured = metrics.measure(reference, rendering.image, metrics=TWO_METRICS)
    alone = result_row(rendering, measured, dataset="frames", image_name=row.image)
    assert without_times(row) == without_times(alone)


def test_a_rerun_does_nothing_and_needs_no_workers(plan: Plan, on_the_spot: OnTheSpot) -> None:
    first = carry_out_plan(plan, HERE)
    content = first.results.read_bytes()
    on_the_spot.submitted.clear()
    second = carry_out_plan(plan, HERE)
    assert (second.carried_out, second.total, second.failed) == (0, 6, 0)
    assert on_the_spot.submitted == []
    assert second.results.read_bytes() == content


def test_an_added_metric_is_measured_on_kept_renderings_without_encoding(
    plan: Plan, tmp_path: Path, on_the_spot: OnTheSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(carry_out_plan(plan, HERE))
    monkeypatch.setattr("synthcomp_core.batch.worker.evaluate", None)  # Encoding again would fail.
    more = make_plan(tmp_path, names=(*TWO_METRICS, "flip", "psnr_y"))
    after = rows_of(carry_out_plan(more, HERE))
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert dataclasses.replace(new, flip=None, psnr_y=None) == old
        image = read_image(carry_path(plan, new)).image
        assert new.flip == metrics.flip(read_image(plan.datasets[0].folder / new.image).image, image)
    on_the_spot.submitted.clear()
    assert carry_out_plan(more, HERE).carried_out == 0
    # The set that was asked for at first is still there.
    assert carry_out_plan(plan, HERE).carried_out == 0


def test_an_added_metric_is_measured_on_kept_bitstreams_when_there_are_no_renderings(
    tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frames(tmp_path / "frames", 2)
    whole = rows_of(carry_out_plan(make_plan(tmp_path, names=(*TWO_METRICS, "flip")), HERE, folder=tmp_path / "whole"))
    carry_out_plan(make_plan(tmp_path, keep="bitstreams"), HERE)
    monkeypatch.setattr("synthcomp_core.batch.worker.evaluate", None)
    added = rows_of(carry_out_plan(make_plan(tmp_path, keep="bitstreams", names=(*TWO_METRICS, "flip")), HERE))
    assert [without_times(row) for row in added] == [without_times(row) for row in whole]


def test_only_what_is_missing_is_carried_out(plan: Plan, tmp_path: Path, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    rows = rows_of(outcome)
    carry_path(plan, rows[0]).unlink()
    write_png(frame(9), tmp_path / "frames" / "frame1.png")
    on_the_spot.submitted.clear()
    carry_out_plan(plan, HERE)
    assert sorted((task.image.name, str(task.variant)) for task in on_the_spot.submitted) == [
        ("frame0.png", "jpeg-q30"),
        ("frame1.png", "jpeg-q30"),
        ("frame1.png", "jpeg-q60"),
        ("frame1.png", "webp-q50@x2-bicubic"),
    ]
    assert len(rows_of(outcome)) == 6


def test_a_retrained_snapshot_is_another_key(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthcomp_core.batch import tasks
    from synthcomp_core.library.snapshots import SnapshotCard
    from synthcomp_core.variants import snapshots_of

    def made(sha256: str) -> tuple[str, ...]:
        card = SnapshotCard("s", "codec", "mbt2018", sha256=sha256)
        monkeypatch.setattr(snapshots_of, "_codec_cards", lambda variant: (card,))
        return tasks.plan_tasks(plan, Path("run"))[0].made_with

    assert made("aa") == ("s:aa",)
    assert made("bb") == ("s:bb",)


@pytest.mark.parametrize("enlarge", [True, False])
@pytest.mark.parametrize("keep", ["renderings", "both"])
def test_turning_enlarge_on_or_off_carries_everything_out_again(
    enlarge: bool, keep: str, tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot
) -> None:
    def plan_with(enlarge: bool) -> Plan:
        path = tmp_path / "small.toml"
        path.write_text(
            f'variants = ["none@x2-lanczos"]\nmetrics = ["psnr_rgb"]\nkeep = "{keep}"\n'
            f'enlarge = {str(enlarge).lower()}\n[[datasets]]\nfolder = "frames"\n'
        )
        return read_run_plan(path)

    write_frames(tmp_path / "frames", 2)
    carry_out_plan(plan_with(not enlarge), HERE)
    outcome = carry_out_plan(plan_with(enlarge), HERE)
    assert (outcome.carried_out, outcome.failed) == (2, 0)
    for row in rows_of(outcome):
        height, width = (128, 160) if enlarge else (64, 80)
        assert read_image(carry_path(plan_with(enlarge), row)).image.shape == (height, width, 3)
        assert (row.psnr_rgb is None) == enlarge
    assert carry_out_plan(plan_with(enlarge), HERE).carried_out == 0


def test_a_resumed_run_is_shown_at_work_while_its_tasks_are_found_out(
    plan: Plan, on_the_spot: OnTheSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = carry_out_plan(plan, HERE).folder
    ended = read_state(folder)
    assert ended is not None
    write_state(folder, dataclasses.replace(ended, state=Stage.INTERRUPTED, pid=2**22 + 1))
    seen: list[tuple[Stage, int, int]] = []

    def look(*_: object) -> None:
        state, run = read_state(folder), read_run(folder)
        assert state is not None and run is not None
        seen.append((run.stage, run.done, state.pid))
        raise PlanError("An image is gone.")

    monkeypatch.setattr(runner, "plan_tasks", look)
    with pytest.raises(PlanError, match="gone"):
        carry_out_plan(plan, HERE)
    assert seen == [(Stage.RUNNING, 6, os.getpid())]
    after = read_state(folder)
    assert after is not None and (after.state, after.pid) == (Stage.INTERRUPTED, 2**22 + 1)


def test_keeping_nothing_leaves_rows_alone(tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot) -> None:
    write_frames(tmp_path / "frames", 1)
    outcome = carry_out_plan(make_plan(tmp_path, keep="none"), HERE)
    assert len(rows_of(outcome)) == 3
    assert not (outcome.folder / "renderings").exists()
    assert not (outcome.folder / "bitstreams").exists()


def test_the_thesis_layout_is_written_on_request(tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot) -> None:
    write_frames(tmp_path / "frames", 1)
    outcome = carry_out_plan(make_plan(tmp_path, extra='layout = "thesis"'), HERE)
    assert {path.relative_to(outcome.folder).as_posix() for path in outcome.folder.rglob("*.png")} == {
        "renderings/frames/jpeg_q30_fullres/frame0.png",
        "renderings/frames/jpeg_q60_fullres/frame0.png",
        "renderings/frames/webp_q50_x2res_supersampled/frame0_x2_SR.png",
    }


def test_what_a_run_kept_is_measured_alike_as_a_folder_rendered_elsewhere(
    plan: Plan, tmp_path: Path, on_the_spot: OnTheSpot
) -> None:
    whole = carry_out_plan(plan, HERE)
    path = tmp_path / "elsewhere.toml"
    path.write_text(
        f'metrics = {json.dumps(TWO_METRICS)}\n[[datasets]]\nname = "frames"\nfolder = "frames"\n'
        '[[renderings]]\ndataset = "frames"\nvariant = "jpeg-q30"\n'
        f'folder = "{whole.folder}/renderings/frames/jpeg-q30"\n'
        f'bitstreams = "{whole.folder}/bitstreams/frames/jpeg-q30"\n'
    )
    measured = carry_out_plan(read_run_plan(path), HERE)
    expected = [without_times(row) for row in rows_of(whole) if row.variant == "jpeg-q30"]
    assert rows_of(measured) == expected
    assert carry_out_plan(read_run_plan(path), HERE).carried_out == 0


def test_a_task_that_fails_is_a_row_with_its_error_and_tried_again(
    plan: Plan, tmp_path: Path, on_the_spot: OnTheSpot
) -> None:
    (tmp_path / "frames" / "frame1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outcome = carry_out_plan(plan, HERE)
    assert (outcome.carried_out, outcome.failed, outcome.interrupted) == (6, 3, False)
    failed = [row for row in rows_of(outcome) if row.error]
    assert Counter(row.image for row in failed) == {"frame1.png": 3}
    assert all("frame1.png" in (row.error or "") and row.psnr_rgb is None for row in failed)
    assert {failure.variant for failure in run_failures(outcome.folder)} == {row.variant for row in failed}
    state = read_state(outcome.folder)
    assert state is not None and (state.state, state.failed, state.done) == ("failed", 3, 6)

    write_png(frame(5), tmp_path / "frames" / "frame1.png")
    on_the_spot.submitted.clear()
    healed = carry_out_plan(plan, HERE)
    assert (healed.carried_out, healed.failed) == (3, 0)
    rows = rows_of(healed)
    assert len(rows) == 6
    assert not any(row.error for row in rows)


def test_whatever_a_task_raises_becomes_its_row(
    plan: Plan, on_the_spot: OnTheSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("synthcomp_core.batch.worker.evaluate", explode)
    outcome = carry_out_plan(plan, HERE)
    assert outcome.failed == 6
    assert {row.error for row in rows_of(outcome)} == {"ZeroDivisionError: division by zero"}


def test_stopping_finishes_what_is_in_flight_and_leaves_the_rest_for_a_rerun(
    plan: Plan, on_the_spot: OnTheSpot
) -> None:
    outcome = carry_out_plan(plan, HERE, should_stop=lambda: len(on_the_spot.submitted) >= 2)
    assert outcome.interrupted
    assert outcome.carried_out == len(rows_of(outcome)) == len(on_the_spot.submitted) < 6
    state = read_state(outcome.folder)
    assert state is not None and state.state == "interrupted"
    rest = carry_out_plan(plan, HERE)
    assert (rest.carried_out, rest.interrupted) == (6 - outcome.carried_out, False)
    assert len(rows_of(rest)) == 6


def test_a_torn_journal_line_costs_one_task(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    rows = rows_of(outcome)
    journal = outcome.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    again = carry_out_plan(plan, HERE)
    assert again.carried_out == 1
    assert [without_times(row) for row in rows_of(again)] == [without_times(row) for row in rows]
    assert len(read_journal(journal)) == 6


def test_a_damaged_journal_line_is_named(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    journal = outcome.folder / "journal.jsonl"
    lines = journal.read_bytes().split(b"\n")
    lines[2] = b"{nonsense"
    journal.write_bytes(b"\n".join(lines))
    with pytest.raises(ResultsError, match=r"journal\.jsonl, line 3, is damaged"):
        carry_out_plan(plan, HERE)


def test_a_lost_results_table_is_made_anew_from_the_journal(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    content = outcome.results.read_bytes()
    outcome.results.unlink()
    assert carry_out_plan(plan, HERE).carried_out == 0
    assert outcome.results.read_bytes() == content


def test_a_row_torn_by_a_kill_is_mended_before_another_is_appended(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    rows = rows_of(outcome)
    journal = outcome.folder / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    outcome.results.write_bytes(outcome.results.read_bytes()[:-30])
    again = carry_out_plan(plan, HERE)
    assert again.carried_out == 1
    assert [without_times(row) for row in rows_of(again)] == [without_times(row) for row in rows]


def test_leftovers_of_a_killed_worker_are_removed(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    leftover = outcome.folder / "renderings" / "frames" / "jpeg-q30" / ".frame0.png.abc.part"
    leftover.write_bytes(b"half")
    carry_out_plan(plan, HERE)
    assert not leftover.exists()


def test_two_runners_cannot_share_a_folder(plan: Plan, on_the_spot: OnTheSpot) -> None:
    def intrude() -> bool:
        with pytest.raises(PlanError, match="Another process"):
            carry_out_plan(plan, HERE)
        return True

    assert carry_out_plan(plan, HERE, should_stop=intrude).interrupted


def test_run_json_tells_what_the_rows_depend_on(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE, command="python -m synthcomp_core run small.toml")
    content = json.loads((outcome.folder / "run.json").read_text())
    assert content["command"] == "python -m synthcomp_core run small.toml"
    assert {"torch", "numpy", "JPEG", "WebP", "python"} <= set(content["versions"])
    assert set(content["datasets"]["frames"]["images"]) == {"frame0.png", "frame1.png"}
    assert content["kind"] == "batch run"
    assert content["machine"]["workers"].startswith("1 local")
    assert (outcome.folder / "plan.toml").read_text() == plan.text


def test_empty_data_sets_and_doubled_names_are_refused(tmp_path: Path, artifacts: Path) -> None:
    (tmp_path / "frames").mkdir()
    with pytest.raises(PlanError, match="holds no image"):
        prepare(make_plan(tmp_path))
    write_frames(tmp_path / "frames", 1)
    (tmp_path / "frames" / "frame0.jpg").write_bytes(b"")
    with pytest.raises(PlanError, match="2 images named frame0"):
        prepare(make_plan(tmp_path))


def test_a_run_s_folder_can_be_moved_and_keeps_what_it_kept(plan: Plan, tmp_path: Path, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    outcome.folder.rename(moved)
    assert str(tmp_path) not in (moved / "journal.jsonl").read_text()
    entries = read_journal(moved / "journal.jsonl")
    kept = [entry.kept_rendering for entry in entries.values()] + [entry.kept_bitstream for entry in entries.values()]
    assert all(path is not None and path.is_file() and path.is_relative_to(moved) for path in kept)
    on_the_spot.submitted.clear()
    assert carry_out_plan(plan, HERE, folder=moved).carried_out == 0
    assert on_the_spot.submitted == []


def test_a_journal_with_absolute_paths_is_still_read(plan: Plan, on_the_spot: OnTheSpot) -> None:
    outcome = carry_out_plan(plan, HERE)
    journal = outcome.folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:  # As version 0.1 wrote them.
        for name in ("kept_rendering", "kept_bitstream"):
            line[name] = str(outcome.folder / line[name])
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert carry_out_plan(plan, HERE).carried_out == 0
