"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from synthcomp_core.storage import atomic_path, write_bytes


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "row.csv"
    write_bytes(target, b"old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_bytes(b"half of the new")
        raise RuntimeError("disk full")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["row.csv"]


def test_a_missing_folder_is_made_and_the_file_is_readable_by_others(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.bin"
    write_bytes(target, b"x")
    assert target.read_bytes() == b"x"
