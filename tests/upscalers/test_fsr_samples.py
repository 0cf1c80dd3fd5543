"""Samples of FSR are found in folders and zips, and read one at a time."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core import limits
from synthcomp_core.errors import ImageError, SynthcompError
from synthcomp_core.images import png_bytes, write_png
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.upscalers.fsr_samples import SampleSet, open_samples
from synthcomp_core.upscalers.fsr_table import Treatment


def flat(level: int, width: int = 12, height: int = 8) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


FILES = {f"1-{kind}.png": png_bytes(flat(level)) for level, kind in enumerate(("native", "q2", "q5-sharpened"), 10)}


def test_ten_comes_after_nine(tmp_path: Path) -> None:
    for name in ("10-native.png", "9-native.png", "castle-native.png"):
        write_png(flat(1), tmp_path / name)
    assert open_samples(tmp_path).images == ("9", "10", "castle")


@pytest.mark.parametrize("prefix", ["", "fsr-samples/", "repository/data/fsr-samples/"])
@pytest.mark.parametrize("where", ["folder", "zip", "bytes", "zip in a zip", "zip in a zip, stored"])
def test_samples_are_the_same_wherever_they_lie(prefix: str, where: str, tmp_path: Path) -> None:
    files = {f"{prefix}{name}": content for name, content in FILES.items()}
    files |= {f"{prefix}.1-q3.png": b"", f"__MACOSX/{prefix}1-q3.png": b"", f"{prefix}notes.txt": b"text"}
    samples = opened(files, where, tmp_path)
    assert samples.images == ("1",) and samples.kinds == ("q2", "q5-sharpened")
    assert [samples.read(name)[0, 0, 0] for name in FILES] == [10, 11, 12]
    (file,) = (file for file in samples.files if file.kind == "q5-sharpened")
    assert (file.name, file.treatment) == ("1-q5-sharpened.png", Treatment("fsr1", 1.3, sharpened=True))
    with pytest.raises(ImageError, match=r"^1-q3\.png is missing\.$"):
        samples.read("1-q3.png")


def opened(files: dict[str, bytes], where: str, folder: Path) -> SampleSet:
    if where == "folder":
        for name, content in files.items():
            path = folder / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return open_samples(folder / "set")
    content = zipped(files)
    if where.startswith("zip in a zip"):
        method = zipfile.ZIP_STORED if where.endswith("stored") else zipfile.ZIP_DEFLATED
        content = zipped({"main/inner.zip": content, "main/readme.md": b"text"}, method)
    if where == "bytes":
        return open_samples(content, name="samples.zip")
    path = folder / "samples.zip"
    path.write_bytes(content)
    return open_samples(path)


def test_only_what_is_asked_for_is_read_from_a_zip(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = ZippedImages.read
    monkeypatch.setattr(ZippedImages, "read", lambda self, path: read.append(path.name) or whole(self, path))
    broken = {**FILES, "2-native.png": b"", "2-q2.png": b""}
    samples = open_samples(zipped(broken), name="samples.zip")
    assert samples.images == ("1", "2") and read == []
    samples.read("1-q2.png")
    assert read == ["1-q2.png"]


def test_a_version_changes_with_the_file_and_with_nothing_else(tmp_path: Path) -> None:
    first, same = (open_samples(zipped(FILES), name=name) for name in ("a.zip", "b.zip"))
    other = open_samples(zipped({**FILES, "1-q2.png": png_bytes(flat(99))}), name="a.zip")
    assert first.origin == same.origin != other.origin
    for name in FILES:
        assert first.version(name) == same.version(name)
        assert (first.version(name) == other.version(name)) is (name != "1-q2.png")
    folder = opened(FILES, "folder", tmp_path)
    before = folder.version("1-q2.png")
    assert before == folder.version("1-q2.png") != folder.version("1-q5-sharpened.png")
    write_png(flat(99, 16), tmp_path / "set" / "1-q2.png")
    assert folder.version("1-q2.png") != before


def test_samples_in_several_folders_are_named(tmp_path: Path) -> None:
    files = {f"{place}/{name}": content for place in ("day", "night") for name, content in FILES.items()}
    for samples in (lambda: opened(files, "folder", tmp_path), lambda: opened(files, "bytes", tmp_path)):
        with pytest.raises(SynthcompError, match=r"has FSR samples in 2 folders \(day, night\); name one of them"):
            samples()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.png": png_bytes(flat(1))}, "holds no FSR samples"),
        ({"../1-native.png": png_bytes(flat(1))}, "points outside its folder"),
        ({"1-native.png": bytes(limits.ZIP_FREE_BYTES + 1)}, "as no archive of images does"),
        ({"1-native.png": b"no image"}, "1-native.png"),
    ],
)
def test_a_zip_that_is_something_else_is_a_sentence(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(SynthcompError, match=words):
        open_samples(zipped(files), name="samples.zip").read("1-native.png")


def test_a_damaged_zip_and_no_zip_are_sentences() -> None:
    whole = zipped(FILES, zipfile.ZIP_STORED)
    with pytest.raises(SynthcompError, match=r"samples\.zip is not a whole zip file"):
        open_samples(whole[:-30], name="samples.zip")
    at = whole.index(b"IDAT")
    samples = open_samples(whole[:at] + b"XXXX" + whole[at + 4 :], name="samples.zip")
    with pytest.raises(SynthcompError, match=r"samples\.zip is not a whole zip file .*CRC"):
        samples.read("1-native.png")


def test_a_folder_of_far_too_many_folders_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SAMPLE_FOLDERS", 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    with pytest.raises(SynthcompError, match="more than 3 folders, too many to be searched; name the one meant"):
        open_samples(tmp_path)
