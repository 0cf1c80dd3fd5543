"""Exports: tables carry the rows' numbers, archives carry the pictures' bytes and their hashes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest

from synthcomp_core.images import png_bytes
from synthcomp_core.results.bundle import (
    PictureFile,
    best_rows,
    csv_table,
    latex_table,
    markdown_table,
    pictures_zip,
    safe_name,
    table_columns,
)
from synthcomp_core.results.rows import ResultRow
from tests.pages.conftest import frame

ROWS = [
    ResultRow("samples", "a.png", 200, 176, "webp-q40", num_bytes=12345, bpp=2.80568, psnr_rgb=31.236, flip=0.08125),
    ResultRow("samples", "a.png", 200, 176, "m_1@x2-rcan", num_bytes=9999, bpp=2.2725, psnr_rgb=float("inf")),
]


def test_columns_are_those_that_some_row_measured() -> None:
    assert [column.heading for column in table_columns(ROWS)] == ["bytes", "bpp", "PSNR RGB [dB]", "FLIP"]


def test_markdown_has_every_number_and_marks_the_best() -> None:
    assert markdown_table(ROWS) == (
        "| variant | bytes | bpp | PSNR RGB [dB] | FLIP |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| webp-q40 | 12,345 | 2.8057 | 31.24 | 0.0813 |\n"
        "| m\\_1@x2-rcan | **9,999** | **2.2725** | **∞** | – |\n"
    ).replace("0.0813", f"{0.08125:.4f}")


def test_latex_escapes_names_and_writes_mathematics() -> None:
    text = latex_table(ROWS, caption="50 % of a_b & c", label="tab one")
    assert r"m\_1@x2-rcan & \textbf{9\,999} & \textbf{2.2725} & \textbf{$\infty$} & -- \\" in text
    assert r"\caption{50 \% of a\_b \& c}" in text
    assert r"\label{tab:tab-one}" in text
    assert text.count("{") == text.count("}")


def test_equal_values_have_no_best() -> None:
    column = table_columns(ROWS)[0]
    assert best_rows([ROWS[0], ROWS[0]], column) == set()
    assert best_rows(ROWS, column) == {1}


def test_csv_is_the_results_table_s_own() -> None:
    lines = csv_table(ROWS).splitlines()
    assert lines[0].startswith("dataset,image,width,height,variant,codec")
    assert len(lines) == 3
    assert "inf" in lines[2]


def test_the_archive_holds_the_pictures_as_they_are_with_their_hashes() -> None:
    pictures = [
        PictureFile("Original · a/b.png", png_bytes(frame(1))),
        PictureFile("A", png_bytes(frame(2)), "webp-q40"),
    ]
    content = pictures_zip(pictures, ROWS, image="a/b.png", commands=["python -m synthcomp_core render x"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert set(archive.namelist()) == {*manifest["sha256"], "manifest.json"}
        for name, digest in manifest["sha256"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        for picture, described in zip(pictures, manifest["pictures"], strict=True):
            assert archive.read(described["file"]) == picture.png
            assert "/" not in described["file"]
        assert archive.read("results.csv").decode() == csv_table(ROWS)
    assert pictures_zip(pictures, ROWS, image="a/b.png", commands=["python -m synthcomp_core render x"]) == content


@pytest.mark.parametrize(
    ("text", "safe"), [("../../etc/passwd", "etc-passwd"), (".hidden", "hidden"), ("", "picture"), ("a b<c>", "a-b-c")]
)
def test_names_of_files_are_harmless(text: str, safe: str) -> None:
    assert safe_name(text) == safe
