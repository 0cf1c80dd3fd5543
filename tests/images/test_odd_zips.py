"""Zips whose names no packer writes: what comes out lies in the folder, or nothing does and a sentence says why."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes
from synthcomp_core.images.archives import extract_images
from synthcomp_core.images.zipped import ZippedImages

PNG = png_bytes(np.zeros((8, 8, 3), np.uint8))
NAMES: dict[str, list[str]] = {
    "absolute": ["/etc/a.png"], "of a drive": ["C:\\a.png"], "of a share": ["\\\\server\\a.png"],
    "up, by backslashes": ["..\\..\\a.png"], "down and up": ["a/../../../b.png"], "twice": ["a.png", "./a.png"],
    "a file that is a folder": ["a.png", "a.png/b.png"], "a folder that is a file": ["a.png/b.png", "a.png"],
    "longest": ["a" * 251 + ".png"], "too long": ["a" * 300 + ".png"], "wide": ["\U0001f600" * 60 + ".png"],
    "a line": ["a\nb.png"], "a colour": ["\x1b[31m.png"], "right to left": ["a\u202egnp.png"],
    "nothing between": ["a//b.png"], "spaces": [" .png", "  / .png"], "an ending": [".png"], "a folder": ["a.png/"],
    "home": ["~/a.png"], "a device": ["con.png"], "deep": ["a/" * 40 + "b.png"], "a zip that is none": ["a.zip"],
    "a card": ["card.json", "x.png"], "zero byte": ["a\0b.png"],
}  # fmt: skip


@pytest.mark.parametrize("kind", [*NAMES, "link", "pipe", "disk"])
def test_odd_names_stay_inside(tmp_path: Path, kind: str) -> None:
    modes = {"link": 0o120777, "pipe": 0o010777, "disk": 0o060777}
    path, folder = tmp_path / "odd.zip", tmp_path / "out"
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES.get(kind, ["l.png"]):
            info = zipfile.ZipInfo("x.png")
            info.filename, info.external_attr = name, modes.get(kind, 0) << 16
            archive.writestr(info, PNG)
    for door in (lambda: extract_images(path, folder), lambda: ZippedImages(path, path.name).paths):
        try:
            door()
        except SynthcompError as error:
            assert "\n" not in str(error) and str(error).startswith("odd.zip")
    written = [found for found in tmp_path.rglob("*") if found != path and not found.is_dir()]
    assert all(found.is_file() and not found.is_symlink() and folder in found.parents for found in written)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\5\6" + bytes(6) + b"\xff" * 12 + bytes(2),
        b"PK\6\6" + struct.pack("<Q", 2**63) + bytes(40) + b"PK\6\7" + bytes(4) + struct.pack("<Q", 2**63) + bytes(4)
        + b"PK\5\6" + b"\xff" * 16 + bytes(2),
    ],
    ids=["a list beyond the end", "zip64 of 2^63 bytes"],
)  # fmt: skip
def test_a_list_of_members_that_is_nowhere_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(SynthcompError, match=r"odd\.zip is not a whole zip"):
        extract_images(tmp_path / "odd.zip", tmp_path / "out")
