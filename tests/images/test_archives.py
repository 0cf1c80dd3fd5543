"""Zip files that nobody vouches for: bombs, encryption, unknown methods, paths; one sentence, nothing outside."""

from __future__ import annotations

import io
import os
import random
import struct
import time
import zipfile
from pathlib import Path

import pytest

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes
from synthcomp_core.images.archives import extract_images
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.library.findings import Kind
from synthcomp_core.library.project_scan import scan_project
from tests.clock import at_most
from tests.codecs.models import frame

PNG = png_bytes(frame(0, width=32, height=32))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def refused(content: bytes, folder: Path) -> str:
    archive = folder / "odd.zip"
    archive.write_bytes(content)
    with pytest.raises(SynthcompError) as found:
        extract_images(archive, folder / "out")
    assert "\n" not in str(found.value) and "odd.zip" in str(found.value)
    assert sorted(path.name for path in folder.iterdir() if path.name != "out") == ["odd.zip"]
    return str(found.value)


def test_an_archive_of_images_is_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "good.zip"
    archive.write_bytes(zipped({"a/1.png": PNG, "2.png": PNG, "notes.txt": b"hello"}))
    assert [path.name for path in extract_images(archive, tmp_path / "out")] == ["1.png", "2.png"]
    assert (tmp_path / "out" / "a" / "1.png").read_bytes() == PNG


def test_many_small_bombs_are_one_large_one(tmp_path: Path) -> None:
    members = {f"{index}.png": bytes(2**20) for index in range(200)}
    assert "20-fold" in refused(zipped(members), tmp_path)
    written = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png"))
    assert written <= limits.ZIP_FREE_BYTES


def test_one_large_bomb_is_stopped(tmp_path: Path) -> None:
    assert "grows" in refused(zipped({"1.png": bytes(2**26)}), tmp_path)
    assert not list((tmp_path / "out").rglob("*.png"))


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "C:\\x.png", "a\\..\\..\\x.png"])
def test_a_member_outside_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    assert "outside" in refused(zipped({"1.png": PNG, name: PNG}), tmp_path)
    assert not (tmp_path / "out").exists()


def test_paths_too_long_or_too_deep_are_refused(tmp_path: Path) -> None:
    for name in ("a" * 300 + ".png", "a/" * 100 + "x.png", "é" * 200 + ".png"):
        assert "too long or too deep" in refused(zipped({name: PNG}), tmp_path)


def test_encryption_unknown_methods_and_garbage_are_named(tmp_path: Path) -> None:
    content = zipped({"1.png": PNG})
    central = content.index(b"PK\1\2")
    encrypted = bytearray(content)
    encrypted[6] |= 1
    encrypted[central + 8] |= 1
    assert "encrypt" in refused(bytes(encrypted), tmp_path)
    unknown = bytearray(content)
    struct.pack_into("<H", unknown, 8, 77)
    struct.pack_into("<H", unknown, central + 10, 77)
    assert "method" in refused(bytes(unknown), tmp_path)
    for garbage in (b"", b"PK", b"hello", bytes(1000), content[:-10], content[: len(content) // 2]):
        refused(garbage, tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_a_sentence_or_yields_its_images(tmp_path: Path, method: int) -> None:
    content = zipped({"1.png": PNG, "b/2.png": PNG}, method)
    generator = random.Random(method)
    archive = tmp_path / "odd.zip"
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(generator.choice((1, 2, 8))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        archive.write_bytes(damaged)
        try:
            extract_images(archive, tmp_path / "out")
        except SynthcompError as error:
            assert "\n" not in str(error)
        for path in (tmp_path / "out").rglob("*") if (tmp_path / "out").exists() else ():
            if path.is_file():
                path.unlink()
    assert {path.name for path in tmp_path.iterdir()} <= {"odd.zip", "out"}


@pytest.mark.parametrize("name", [b"\0.png", b"\0\0\0\0\0"])
def test_an_image_without_a_name_is_passed_over_by_every_reader_of_zips(tmp_path: Path, name: bytes) -> None:
    content = zipped({"1.png": PNG}).replace(b"1.png", name)  # zipfile cuts a name at a zero byte.
    (tmp_path / "a.zip").write_bytes(content)
    assert extract_images(tmp_path / "a.zip", tmp_path / "out") == []
    assert scan_project(tmp_path) == []


def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(SynthcompError, match="pipe"):
        extract_images(tmp_path / "pipe.zip", tmp_path / "out")


def directory_of(members: int, *, zip64: bool = False, comment: bytes = b"") -> bytes:
    """The end of a zip: a directory of so many members, of which the records say that there is one."""
    member = b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, *7 * [0], 5, *6 * [0]) + b"a.png"
    size = members * len(member)
    record = b""
    if zip64:
        record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, size, 0)
        record += b"PK\6\7" + struct.pack("<IQI", 0, size, 1)
    short = 0xFFFFFFFF if zip64 else size
    return members * member + record + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, short, 0, len(comment)) + comment


@pytest.mark.parametrize("zip64", [False, True])
def test_a_zip_of_millions_of_members_is_refused_before_they_are_listed(tmp_path: Path, zip64: bool) -> None:
    for members, word in ((250_000, "more than 200,000 members"), (700_000, "list of members")):
        started = time.process_time()
        content = directory_of(members, zip64=zip64, comment=b"" if zip64 else b"a comment")
        assert word in refused(content, tmp_path)
        assert time.process_time() - started < at_most(2)
    (finding,) = scan_project(tmp_path)
    assert finding.kind is Kind.ARCHIVE and "list of members" in finding.detail


def test_records_that_zipfile_would_not_take_do_not_hide_the_list_of_members(tmp_path: Path) -> None:
    content = directory_of(250_000)
    # Disk numbers that read as another end record; a locator without a record of Zip64.
    hidden = content[:-18] + b"PK\5\6" + content[-14:]
    located = content[:-22] + bytes(56) + b"PK\6\7" + bytes(16) + content[-22:]
    assert "members" in refused(hidden, tmp_path)
    refused(located, tmp_path)


def test_a_member_that_asks_for_all_memory_to_be_unpacked_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*arguments: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(zipfile.ZipExtFile, "read", without_memory)
    refused(zipped({"1.png": PNG}), tmp_path)


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"nothing")
        archive.writestr("1.png", PNG)
    assert [path.name for path in extract_images(tmp_path / "a.zip", tmp_path / "out")] == ["1.png"]
    assert [path.name for path in ZippedImages(tmp_path / "a.zip", "a.zip").paths] == ["1.png"]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", ["1.png", "2.png", "3.png"]),
        ("main", ["1.png", "2.png"]),
        ("main/inner", ["2.png"]),
        ("main/inner/deep", ["2.png"]),
        ("main/inn", []),
        ("other", ["3.png"]),
    ],
)
def test_only_what_lies_inside_a_folder_is_taken_out_that_of_a_zip_included(
    inside: str, expected: list[str], tmp_path: Path
) -> None:
    image, inner = PNG, io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep/2.png", image)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("main/inner.zip", inner.getvalue())
        for name in ("main/1.png", "other/3.png"):
            archive.writestr(name, image)
    found = extract_images(tmp_path / "a.zip", tmp_path / "out", inside=inside)
    assert sorted(path.name for path in found) == expected
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.png")) == expected
