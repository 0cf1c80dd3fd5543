"""The verb `run`, called as a user calls it; tasks are carried out on the spot, without Dask."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.cli import main
from synthcomp_core.images import crop, list_images, read_image, write_png
from synthcomp_core.results.rows import METRIC_COLUMNS
from synthcomp_core.results.table import read_results, table_rows
from tests.batch.conftest import OnTheSpot, on_the_spot, without_times, write_frames
from tests.conftest import PROJECT_ROOT

__all__ = ["on_the_spot"]


@pytest.fixture
def plan(tmp_path: Path, artifacts: Path) -> Path:
    write_frames(tmp_path / "frames", 2, height=170, width=180)
    path = tmp_path / "small.toml"
    path.write_text(
        'variants = ["jpeg-q30", "webp-q50@x2-bicubic"]\n[[datasets]]\nname = "frames"\nfolder = "frames"\n'
    )
    return path


def test_run_writes_what_render_writes_for_each_image_and_variant(
    plan: Path, artifacts: Path, tmp_path: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(plan), "--workers", "1"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "4 of 4 tasks carried out, 0 already there, 0 failed" in printed
    run = artifacts / "runs" / "small"
    rows = table_rows(read_results(run / "results.csv"))
    assert len(rows) == 4
    for row in rows:
        source = tmp_path / "frames" / row.image
        arguments = ["--variant", row.variant, "--bitstream", str(tmp_path / "b"), "--csv", str(tmp_path / "r.csv")]
        assert main(["render", str(source), str(tmp_path / "o.png"), *arguments]) == 0
        (alone,) = table_rows(read_results(tmp_path / "r.csv"))
        assert without_times(row) == without_times(alone)
        kept = run / "renderings" / "frames" / row.variant / f"{source.stem}.png"
        assert (read_image(kept).image == read_image(tmp_path / "o.png").image).all()
        bitstreams = run / "bitstreams" / "frames" / row.variant
        assert next(bitstreams.glob(f"{source.stem}.*")).read_bytes() == (tmp_path / "b").read_bytes()

    assert main(["run", str(plan), "--workers", "1"]) == 0
    assert "0 of 4 tasks carried out, 4 already there" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_the_bundled_plan_s_rows_equal_encode_decode_and_measure_one_by_one(
    tmp_path: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    # The bundled plan as it is, all its variants and metrics, on the middle of the first bundled frame.
    text = (PROJECT_ROOT / "artifacts" / "plans" / "bundled.toml").read_text()
    assert '"../samples"' in text
    path, frame = tmp_path / "bundled.toml", tmp_path / "frames" / "middle.png"
    path.write_text(text.replace("../samples", "frames"))
    write_png(crop(read_image(list_images(PROJECT_ROOT / "artifacts" / "samples")[0]).image, 192, 176), frame)
    assert main(["run", str(path), "--workers", "1", "--folder", str(tmp_path / "run")]) == 0
    rows = table_rows(read_results(tmp_path / "run" / "results.csv"))
    assert [row.variant for row in rows] == [str(variant) for variant in read_run_plan(path).variants]
    assert len(rows) == 12
    for row in rows:
        kept = tmp_path / "run" / "renderings" / "samples" / row.variant / "middle.png"
        if row.scale is None:
            # The rate that `encode` prints, the picture that `decode` writes, the figures that `measure` prints.
            capsys.readouterr()
            assert main(["encode", str(frame), str(tmp_path / "b"), "--codec", row.variant]) == 0
            assert f"{row.num_bytes:,} bytes, {row.bpp:.4f} bpp" in capsys.readouterr().out
            assert main(["decode", str(tmp_path / "b"), str(tmp_path / "o.png")]) == 0
        else:
            arguments = ["--variant", row.variant, "--bitstream", str(tmp_path / "b"), "--csv", str(tmp_path / "r.csv")]
            assert main(["render", str(frame), str(tmp_path / "o.png"), *arguments]) == 0
            (alone,) = table_rows(read_results(tmp_path / "r.csv"))
            assert without_times(row) == without_times(dataclasses.replace(alone, dataset="samples"))
        assert (read_image(kept).image == read_image(tmp_path / "o.png").image).all()
        bitstreams = tmp_path / "run" / "bitstreams" / "samples" / row.variant
        assert next(bitstreams.glob("middle.*")).read_bytes() == (tmp_path / "b").read_bytes()
        capsys.readouterr()
        assert main(["measure", str(frame), str(tmp_path / "o.png"), "--json"]) == 0
        measured = json.loads(capsys.readouterr().out)
        for metric in METRIC_COLUMNS:
            assert getattr(row, metric) == measured.get(metric), (row.variant, metric)

    on_the_spot.submitted.clear()
    assert main(["run", str(path), "--workers", "1", "--folder", str(tmp_path / "run")]) == 0
    assert "0 of 12 tasks carried out, 12 already there" in " ".join(capsys.readouterr().out.split())
    assert on_the_spot.submitted == []


def test_dry_run_says_what_it_would_take_and_writes_nothing(
    plan: Path, artifacts: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(plan), "--workers", "2", "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "tasks 4, of which 0 are done" in printed
    assert "to do 4 tasks, and 0 to measure on kept files" in printed
    assert "size 0.1 megapixels" in printed  # 4 x 170 x 180 pixels
    assert "on 2 local workers" in printed
    assert "disk about" in printed
    assert on_the_spot.submitted == []
    assert not artifacts.exists()

    few = 'metrics = ["psnr_rgb"]\n'
    text = plan.read_text()
    plan.write_text(few + text)
    assert main(["run", str(plan), "--workers", "1"]) == 0
    capsys.readouterr()
    plan.write_text('metrics = ["psnr_rgb", "ssimulacra2"]\n' + text)
    assert main(["run", str(plan), "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "to do 0 tasks, and 4 to measure on kept files" in printed


def test_a_dry_run_holds_kept_files_against_their_hashes_if_asked_to(
    plan: Path, artifacts: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text('keep = "bitstreams"\n' + plan.read_text())
    assert main(["run", str(plan), "--workers", "1"]) == 0
    kept = next(path for path in (artifacts / "runs").rglob("*.jpg"))
    content = bytearray(kept.read_bytes())
    content[-5] ^= 1
    kept.write_bytes(content)
    capsys.readouterr()
    for options, todo in (([], "0 tasks,"), (["--verify"], "1 task,")):
        assert main(["run", str(plan), "--dry-run", *options]) == 0
        assert f"to do {todo}" in " ".join(capsys.readouterr().out.split())


def test_a_failed_task_ends_in_a_non_zero_exit_and_its_reason(
    plan: Path, artifacts: Path, tmp_path: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frames" / "frame0.png").write_bytes(b"not a picture")
    assert main(["run", str(plan), "--workers", "1"]) == 1
    captured = capsys.readouterr()
    assert "2 failed" in " ".join(captured.out.split())
    assert "2 x frame0.png" in " ".join(captured.err.split())
    rows = table_rows(read_results(artifacts / "runs" / "small" / "results.csv"))
    assert [bool(row.error) for row in rows] == [True, True, False, False]


def test_the_command_is_recorded_for_copying(plan: Path, artifacts: Path, on_the_spot: OnTheSpot) -> None:
    assert main(["run", str(plan), "--workers", "2", "--threads", "1"]) == 0
    recorded = json.loads((artifacts / "runs" / "small" / "run.json").read_text())
    assert recorded["command"] == f"python -m synthcomp_core run {plan} --workers 2 --threads 1"


def test_the_recorded_command_works_in_any_folder(
    plan: Path, artifacts: Path, on_the_spot: OnTheSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plan.parent)
    link = plan.with_name("link.toml")
    link.symlink_to(plan.name)
    for name, folder, options in (("small", "runs/small", []), ("link", "mine", ["--folder", "mine"])):
        assert main(["run", f"{name}.toml", "--workers", "1", *options]) == 0
        record = plan.parent / ("artifacts" if not options else "") / folder / "run.json"
        full = ["--folder", str(plan.parent / "mine")] if options else []
        expected = ["python", "-m", "synthcomp_core", "run", str(plan.with_name(f"{name}.toml")), "--workers", "1"]
        assert json.loads(record.read_text())["command"] == shlex.join([*expected, *full])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "leave out --workers"),
        (["--slurm", "--workers", "2"], "leave out --workers"),
        (["--slurm", "--threads", "2"], "leave out --threads"),
        (["--slurm"], "has no [slurm] table"),
    ],
)
def test_options_that_contradict_are_one_line(
    plan: Path, options: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(plan), *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ") and error.count("\n") == 1
    assert part in error


def test_a_wrong_plan_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('variant = ["jpeg-q30"]\n')
    assert main(["run", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path) in error and "`datasets`" not in error and "`variant` is unknown" in error


def test_run_says_how_many_subfolders_it_walked(
    tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    for level in ("castle", "forest"):
        write_frames(tmp_path / "frames" / level, 1)
        (tmp_path / "frames" / level / "frame0.png").rename(tmp_path / "frames" / level / f"{level}.png")
    path = tmp_path / "levels.toml"
    path.write_text('variants = ["jpeg-q30"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    for options in (["--dry-run"], []):
        assert main(["run", str(path), "--workers", "1", *options]) == 0
        assert "frames: 2 images, 2 subfolders walked" in capsys.readouterr().out
