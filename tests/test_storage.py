"""Where artifacts lie; files are written whole or not at all."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from platformdirs import user_data_path

from synthcomp_core import storage
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import images_below, write_png
from synthcomp_core.library.datasets import fetch
from synthcomp_core.library.findings import Kind
from synthcomp_core.library.project_scan import scan_project
from synthcomp_core.storage import artifacts_dir, atomic_path, safe_name, write_bytes, write_text
from synthcomp_core.upscalers.fsr_samples import open_samples
from tests.clock import at_most
from tests.conftest import PROJECT_ROOT


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


def test_artifacts_lie_where_the_variable_says_else_in_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artifacts").mkdir()
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(tmp_path / "named"))
    assert artifacts_dir() == tmp_path / "named"
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", "")
    assert artifacts_dir() == PROJECT_ROOT / "artifacts"


def test_an_installed_package_takes_the_current_folders_artifacts_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNTHCOMP_ARTIFACTS", raising=False)
    monkeypatch.setattr(storage, "PROJECT_ROOT", tmp_path / "site-packages")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert artifacts_dir() == user_data_path("synthcomp", appauthor=False)
    (tmp_path / "artifacts").mkdir()
    assert artifacts_dir() == tmp_path / "artifacts"


@pytest.mark.parametrize(
    ("text", "safe"), [("../../etc/passwd", "etc-passwd"), (".hidden", "hidden"), ("", "unnamed"), ("a b<c>", "a-b-c")]
)
def test_names_of_files_are_harmless(text: str, safe: str) -> None:
    assert safe_name(text) == safe


@pytest.mark.parametrize(
    "search",
    [images_below, scan_project, open_samples, lambda path: fetch(str(path), name="disk")],
    ids=["images_below", "scan_project", "open_samples", "fetch"],
)
def test_no_search_walks_a_whole_disk(search: Callable[[Path], object], artifacts: Path) -> None:
    started = time.process_time()
    for root in (Path("/"), Path("/usr/../..")):
        with pytest.raises(SynthcompError, match="whole disk"):
            search(root)
    assert time.process_time() - started < at_most(2)


def test_a_search_ends_after_so_many_folders_and_follows_no_link(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}").mkdir()
    (tmp_path / "0" / "loop").symlink_to(tmp_path)
    (tmp_path / "0" / "a.png").write_bytes(b"x")
    found = [path for path, _, _ in storage.folders_below(tmp_path, most=6)]
    assert sorted(found) == sorted([tmp_path, *(tmp_path / f"{number}" for number in range(5))])
    with pytest.raises(SynthcompError, match="more than 5 folders"):
        list(storage.folders_below(tmp_path, most=5))
    assert images_below(tmp_path) == [tmp_path / "0" / "a.png"]


def test_a_name_that_is_not_utf_8_cannot_be_written_down_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    with pytest.raises(SynthcompError) as found:
        write_text(path, 'folder = "/data/' + os.fsdecode(b"fr\xff") + 'ames"\n')
    assert str(found.value) == (
        "plan.toml cannot be written: it would name 'fr\\udcff'..., which is not UTF-8; rename that file or folder."
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_has_its_own_name_however_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "frames" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "frames")
    monkeypatch.chdir(tmp_path / "frames" / "below")
    names = [storage.own_name(Path(text)) for text in (".", "..", "../../link", "../../link/")]
    assert names == ["below", "frames", "link", "link"]


def test_the_current_folder_is_taken_in_under_its_own_name(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("train", "test"):
        write_png(np.zeros((16, 16, 3), np.uint8), tmp_path / "frames" / part / f"{part}.png")
    monkeypatch.chdir(tmp_path / "frames")
    assert [(one.kind, one.name) for one in scan_project(Path())] == [(Kind.DATA_SET, "frames")]
    card = fetch(".")
    assert (card.name, card.source) == ("frames", "frames")
