"""Kept renderings: found only for the same file, the same variant and the same weights, inside the runs folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.kept import find_kept, journal_paths, read_entries, read_kept
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant
from tests.pages.conftest import frame


@pytest.fixture
def entry(artifacts: Path) -> Entry:
    picture = artifacts / "runs" / "mine" / "renderings" / "samples" / "webp-q33" / "castle.png"
    write_png(frame(2), picture)
    row = ResultRow("samples", "castle.png", 200, 176, "webp-q33", num_bytes=1234, encode_s=0.5, decode_s=0.25)
    return Entry("hash", (), ("psnr_rgb",), str(picture), None, 1.0, 0.0, row)


def test_a_kept_picture_is_found_and_read_with_its_row(entry: Entry) -> None:
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
        {"kept_rendering": str(outside)},
        {"kept_rendering": str(tmp_path / "gone.png")},
    ):
        changed = dataclasses.replace(entry, **changes)  # type: ignore[arg-type]
        assert find_kept([("mine", changed)], "hash", Variant("webp-q33")) is None, changes


def test_a_picture_of_another_size_is_refused(entry: Entry) -> None:
    kept = find_kept([("mine", entry)], "hash", Variant("webp-q33"))
    assert kept is not None
    with pytest.raises(SynthcompError, match="not of its reference's size"):
        read_kept(kept, frame(1, 100, 100))


def test_a_damaged_journal_gives_nothing_and_no_error(artifacts: Path) -> None:
    journal = artifacts / "runs" / "mine" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text("{not json\n{}\n")
    assert journal_paths() == [journal]
    assert read_entries(journal) == []
