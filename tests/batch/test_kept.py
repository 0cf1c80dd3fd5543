"""Kept renderings: found only for the same file, the same variant and the same weights, inside the runs folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.batch.journal import Entry, Writer
from synthcomp_core.batch.kept import find_kept, journal_paths, kept_images, read_entries, read_kept
from synthcomp_core.cli import main
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant
from tests.pages.conftest import frame


@pytest.fixture
def entry(artifacts: Path) -> Entry:
    image = artifacts / "runs" / "mine" / "renderings" / "samples" / "webp-q33" / "castle.png"
    write_png(frame(2), image)
    row = ResultRow("samples", "castle.png", 200, 176, "webp-q33", num_bytes=1234, encode_s=0.5, decode_s=0.25)
    return Entry("hash", (), ("psnr_rgb",), image, None, 1.0, 0.0, row)


def test_a_kept_image_is_found_and_read_with_its_row(entry: Entry) -> None:
    kept = find_kept([("mine", entry)], "hash", Variant("webp-q33"))
    assert kept is not None
    rendering = read_kept(kept, frame(1))
    assert np.array_equal(rendering.image, frame(2))
    assert (rendering.num_bytes, rendering.encode_s, rendering.decode_s, rendering.bitstream) == (1234, 0.5, 0.25, b"")


def test_another_file_variant_weights_or_place_do_not_count(entry: Entry, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    write_png(frame(2), outside)
    for changes in (
        {"image_sha256": "other"},
        {"row": dataclasses.replace(entry.row, variant="webp-q34")},
        {"made_with": ("mbt2018-q4-mse-games:00",)},
        {"made_with": ("rendering:00",)},
        {"kept_rendering": outside},
        {"kept_rendering": tmp_path / "gone.png"},
    ):
        changed = dataclasses.replace(entry, **changes)  # type: ignore[arg-type]
        assert find_kept([("mine", changed)], "hash", Variant("webp-q33")) is None, changes


def test_images_that_a_run_enlarged_are_no_renderings(tmp_path: Path, artifacts: Path) -> None:
    write_png(frame(1, 40, 30), tmp_path / "frames" / "castle.png")
    assert (
        main(["upscale", str(tmp_path / "frames"), str(tmp_path / "big"), "--method", "bicubic", "--scale", "2"]) == 0
    )
    (journal,) = journal_paths()
    assert read_entries(journal) == [] and kept_images(journal) is None


def test_an_image_of_another_size_is_refused(entry: Entry) -> None:
    kept = find_kept([("mine", entry)], "hash", Variant("webp-q33"))
    assert kept is not None
    with pytest.raises(SynthcompError, match="does not have its reference's size"):
        read_kept(kept, frame(1, 100, 100))


def test_a_damaged_journal_yields_nothing_and_no_error(artifacts: Path) -> None:
    journal = artifacts / "runs" / "mine" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text("{not json\n{}\n")
    assert journal_paths() == [journal]
    assert read_entries(journal) == []


def test_what_a_run_kept_is_found_after_the_runs_folder_moved(
    entry: Entry, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = artifacts / "runs" / "mine"
    writer = Writer(folder, [entry.slot])
    writer.add(entry)
    writer.close()
    artifacts.rename(tmp_path / "moved")
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(tmp_path / "moved"))
    (journal,) = journal_paths()
    kept = find_kept([("mine", one) for one in read_entries(journal)], "hash", Variant("webp-q33"))
    assert kept is not None
    assert np.array_equal(read_kept(kept, frame(1)).image, frame(2))
