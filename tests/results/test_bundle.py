"""The archive holds the images' bytes and their hashes, and is the same for the same images."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

from synthcomp_core.images import png_bytes
from synthcomp_core.results.bundle import ImageFile, images_zip
from synthcomp_core.results.rows import rows_to_csv
from tests.pages.conftest import frame
from tests.results.samples import TWO_ROWS as ROWS


def test_the_archive_holds_the_images_as_they_are_with_their_hashes() -> None:
    images = [
        ImageFile("Original · a/b.png", png_bytes(frame(1))),
        ImageFile("A", png_bytes(frame(2)), "webp-q40"),
    ]
    content = images_zip(images, ROWS, image="a/b.png", commands=["python -m synthcomp_core render x"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert set(archive.namelist()) == {*manifest["sha256"], "manifest.json"}
        for name, digest in manifest["sha256"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        for file, described in zip(images, manifest["images"], strict=True):
            assert archive.read(described["file"]) == file.png
            assert "/" not in described["file"]
        assert [described["file"][:2] for described in manifest["images"]] == ["1-", "2-"]
        assert archive.read("results.csv").decode() == rows_to_csv(ROWS)
    assert images_zip(images, ROWS, image="a/b.png", commands=["python -m synthcomp_core render x"]) == content
