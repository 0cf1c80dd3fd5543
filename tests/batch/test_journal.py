"""The journal under attack: lines of other types, files elsewhere, torn files, a disk that fills up."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from synthcomp_core import limits
from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.journal import JOURNAL, RESULTS, Entry, Writer, read_journal, remaining
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.runner import carry_out_plan, prepare
from synthcomp_core.batch.tasks import Stamp
from synthcomp_core.errors import PlanError, ResultsError
from synthcomp_core.library.run_record import locked
from synthcomp_core.results.rows import ResultRow
from tests.batch.conftest import OnTheSpot, write_frames

LINE = {
    "image_sha256": "hash",
    "made_with": [],
    "metrics": ["psnr_rgb"],
    "kept_rendering": None,
    "kept_bitstream": None,
    "seconds": 1.0,
    "finished": 5.0,
    "row": {"dataset": "d", "image": "i.png", "variant": "webp-q50", "psnr_rgb": float("inf")},
}


def entry(image: str = "i.png") -> Entry:
    return Entry("hash", (), ("psnr_rgb",), None, None, 1.0, 5.0, ResultRow("d", image, variant="webp-q50"))


def test_a_line_as_written_is_read(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text(json.dumps(LINE) + "\n")
    (found,) = read_journal(tmp_path / JOURNAL).values()
    assert found.row.psnr_rgb == float("inf") and found.slot == ("d", "i.png", "webp-q50")


WRONG: list[object] = [
    *([], None, 5, "x", {}, [LINE]),
    *(
        {**LINE, key: value}
        for key in LINE
        for value in (5, "x", [1], {"a": 1}, True)
        if value != LINE[key] and type(value) is not type(LINE[key])
    ),
    *({**LINE, "row": {**LINE["row"], "width": value}} for value in ("x", -1, 10**30, 1.5, [1])),  # type: ignore[dict-item]
    {**LINE, "rendering_stamp": {"num_bytes": -1, "sha256": "z"}},
]


@pytest.mark.parametrize("line", WRONG, ids=lambda line: json.dumps(line)[:60])
def test_a_line_of_other_types_is_named_and_nothing_else_comes_out(tmp_path: Path, line: object) -> None:
    path = tmp_path / JOURNAL
    path.write_text(json.dumps(LINE) + "\n" + json.dumps(line) + "\n" + json.dumps(LINE) + "\n")
    try:
        read_journal(path)
    except ResultsError as error:
        assert "line 2, is damaged" in str(error) and "\n" not in str(error)
    else:  # What fits the types: a number of seconds, a path as text
        assert isinstance(line, dict) and line != LINE


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"1" * 5000, b'"\\ud800"', b"\xff\xfe", b"\0", b"NaN"], ids=lambda t: t[:9]
)
def test_a_line_that_is_no_json_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(text + b"\n" + json.dumps(LINE).encode() + b"\n")
    with pytest.raises(ResultsError, match="line 1, is damaged"):
        read_journal(tmp_path / JOURNAL)


def test_a_line_without_end_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"x" * (limits.JOURNAL_LINE_BYTES + 5))
    with pytest.raises(ResultsError, match="longer than"):
        read_journal(tmp_path / JOURNAL)
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(ResultsError, match="pipe"):
        read_journal(tmp_path / "pipe.jsonl")


@pytest.mark.parametrize(
    "kept", ["/etc/passwd", "../../secret.png", "link/secret.png", "a/../../../secret.png", "x\0y"]
)
def test_a_file_outside_of_the_run_is_not_taken_for_kept(artifacts: Path, tmp_path: Path, kept: str) -> None:
    folder = tmp_path / "elsewhere" / "run"
    folder.mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path)
    (folder / JOURNAL).write_text(json.dumps({**LINE, "kept_rendering": kept, "kept_bitstream": kept}) + "\n")
    (found,) = read_journal(folder / JOURNAL).values()
    assert found.kept_rendering is None and found.kept_bitstream is None


@pytest.fixture
def run(tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot) -> Path:
    """The plan of a finished run of two images through one variant, both files kept."""
    write_frames(tmp_path / "frames", 2)
    path = tmp_path / "small.toml"
    path.write_text('variants = ["webp-q50"]\nmetrics = ["psnr_rgb"]\n[[datasets]]\nfolder = "frames"\n')
    outcome = carry_out_plan(read_run_plan(path), Workers())
    assert (outcome.carried_out, outcome.failed) == (2, 0)
    return path


def kept_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".png", ".webp") and path.is_file()]


def test_every_torn_or_emptied_file_is_made_again(run: Path) -> None:
    plan = read_run_plan(run)
    files = kept_files(prepare(plan).folder)
    assert len(files) == 4 and prepare(plan).todo == ()
    for path in files:
        content = path.read_bytes()
        for torn in (content[: len(content) // 2], b"", content + b"\0"):
            path.write_bytes(torn)
            assert len(prepare(plan).todo) == 1, path
        path.write_bytes(content)
    assert prepare(plan).todo == ()


def test_a_file_of_the_same_size_but_other_content_is_found_by_its_hash(run: Path, on_the_spot: OnTheSpot) -> None:
    plan = read_run_plan(run)
    path = kept_files(prepare(plan).folder)[0]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert prepare(plan).todo == () and len(prepare(plan, verify=True).todo) == 1
    outcome = carry_out_plan(plan, Workers(), verify=True)
    assert outcome.carried_out == 1 and path.read_bytes() == content


def test_stamps_survive_a_rerun_that_only_measures(run: Path, on_the_spot: OnTheSpot) -> None:
    run.write_text(run.read_text().replace('["psnr_rgb"]', '["psnr_rgb", "ssim_rgb"]'))
    outcome = carry_out_plan(read_run_plan(run), Workers())
    entries = read_journal(outcome.folder / JOURNAL).values()
    for one in entries:
        assert one.kept_rendering is not None
        assert one.rendering_stamp == Stamp.of(one.kept_rendering.read_bytes())
        assert one.row.ssim_rgb is not None
    assert prepare(read_run_plan(run), verify=True).todo == ()


def test_a_journal_without_stamps_is_read_as_before(run: Path) -> None:
    plan = read_run_plan(run)
    journal = prepare(plan).folder / JOURNAL
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        del line["rendering_stamp"], line["bitstream_stamp"]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert prepare(plan).todo == ()


class ShortFile:
    """A file on a disk with room for so many bytes more."""

    def __init__(self, file: object, room: int) -> None:
        self.file, self.room = file, room

    def write(self, content: bytes) -> int:
        written = self.file.write(bytes(content[: self.room]))  # type: ignore[attr-defined]
        self.room -= written
        return int(written)

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_disk_that_fills_up_costs_a_sentence_and_no_line(tmp_path: Path, room: int) -> None:
    first, second = entry("a.png"), entry("b.png")
    writer = Writer(tmp_path, [first.slot, second.slot])
    writer.add(first)
    file = writer._file
    writer._file = ShortFile(file, room)  # type: ignore[assignment]
    with pytest.raises(ResultsError, match="make room on the disk"):
        writer.add(second)
    writer._file = file
    writer.add(second)
    writer.close()
    assert list(read_journal(tmp_path / JOURNAL)) == [first.slot, second.slot]
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 2
    assert len((tmp_path / RESULTS).read_text().splitlines()) == 3


def test_a_short_write_is_continued_until_the_line_is_whole(tmp_path: Path) -> None:
    class Slow(ShortFile):
        def write(self, content: bytes) -> int:
            return int(self.file.write(bytes(content[:7])))  # type: ignore[attr-defined]

    writer = Writer(tmp_path, [entry().slot])
    writer._file = Slow(writer._file, 0)  # type: ignore[assignment]
    writer.add(entry())
    writer.close()
    assert list(read_journal(tmp_path / JOURNAL)) == [entry().slot]


def test_a_file_where_the_run_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(PlanError, match="choose another folder"), locked(folder):
            pass


def test_nothing_of_a_failed_row_counts_as_done(tmp_path: Path, run: Path) -> None:
    (task, *_) = prepare(read_run_plan(run)).tasks
    done = read_journal(prepare(read_run_plan(run)).folder / JOURNAL)[task.slot]
    assert remaining(task, done) is None
    assert remaining(task, dataclasses.replace(done, row=dataclasses.replace(done.row, error="no"))) == task
