"""Results in any known format: ours, the thesis CSV, the JSON of CompressAI and codec-compare, lists of points."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, cast

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError, reason_of
from synthcomp_core.library.json_records import JsonError, parse_json
from synthcomp_core.results.formats.codec_compare import load_codec_compare
from synthcomp_core.results.formats.compressai import is_compressai, load_compressai
from synthcomp_core.results.formats.loaded import LoadedResults
from synthcomp_core.results.formats.loose import is_loose_json, is_loose_text, load_loose_json, load_loose_text
from synthcomp_core.results.formats.thesis import load_thesis
from synthcomp_core.results.rows import COLUMNS
from synthcomp_core.results.table import parse_results
from synthcomp_core.storage import artifacts_dir, open_file, read_file

__all__ = ["LoadedResults", "load_results", "reference_files"]

_HEAD_BYTES = 65_536  # that show the format
_NOT_RESULTS = ("bench_", "recipes", "run.")


def reference_files() -> list[Path]:
    """The results bundled for comparison, without the benchmark tables beside them, and those of adopted projects."""
    folder = artifacts_dir() / "results"
    found = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json")]
    bundled = sorted(path for path in found if not path.name.startswith(_NOT_RESULTS))
    # Tables of adopted projects are links; one whose target is gone is left out.
    adopted = sorted(path for path in (artifacts_dir() / "adopted").glob("*") if path.is_file())
    return [*bundled, *adopted]


def load_results(source: Path | bytes, *, name: str | None = None, dataset: str | None = None) -> LoadedResults:
    """The results in a file, or its bytes, in any known format, which is recognised by the content.

    name: what messages call it (default: the file's name). dataset: the name of the rows' data set if the file does
    not state it. ResultsError naming file, row, column and value.
    """
    if isinstance(source, bytes):
        label, content = name or "The file", source
    else:
        label = name or source.name
        content = _read(source, label)
        if dataset is None and "kodak" in str(source).lower():
            dataset = "kodak"
    if dataset is None and "kodak" in label.lower():
        dataset = "kodak"
    start = content[:_HEAD_BYTES].removeprefix(BOM_UTF8).lstrip()
    _check_budget(content, label)
    if start.startswith((b"{", b"[")):
        return _load_json(content, label, dataset)
    if start.replace(b'"', b"").lower().startswith(b"model;"):
        return load_thesis(content, label, dataset)
    if not _is_our_table(content) and is_loose_text(content):
        return load_loose_text(content, label, dataset)
    return LoadedResults(parse_results(content, name=label), label, "synthcomp")


def _read(source: Path, label: str) -> bytes:
    """The bytes of a file; of one that is no table of ours only the beginning is read before its size is judged."""
    try:
        with open_file(source, max_bytes=limits.RESULTS_BYTES) as file:
            _check_size(file.read(_HEAD_BYTES), source.stat().st_size, label)
        return read_file(source, max_bytes=limits.RESULTS_BYTES)
    except OSError as error:
        raise ResultsError(f"{source} cannot be read ({reason_of(error)}).") from error


def _check_size(head: bytes, num_bytes: int, name: str) -> None:
    """ResultsError for a file that is too large for the format that its beginning shows."""
    is_json = head.removeprefix(BOM_UTF8).lstrip().startswith((b"{", b"["))
    if is_json and num_bytes > limits.JSON_BYTES:
        raise ResultsError(f"{name} has {num_bytes:,} bytes, and at most {limits.JSON_BYTES:,} of JSON are read.")
    if not is_json and num_bytes > limits.FOREIGN_TABLE_BYTES and (b"\0" in head or not _is_our_table(head)):
        raise ResultsError(
            f"{name} is not a results table with the columns of this project, and of other tables at most "
            f"{limits.FOREIGN_TABLE_BYTES:,} bytes are read; it has {num_bytes:,}."
        )


def _check_budget(content: bytes, name: str) -> None:
    """ResultsError for more values or lines than such files hold: in memory they take far more than their bytes."""
    _check_size(content[:_HEAD_BYTES], len(content), name)
    if content[:_HEAD_BYTES].removeprefix(BOM_UTF8).lstrip().startswith((b"{", b"[")):
        values = sum(content.count(mark) for mark in (b",", b"[", b"{"))
        if values > limits.JSON_VALUES:
            raise ResultsError(f"{name} has {values:,} values, and at most {limits.JSON_VALUES:,} of JSON are read.")
    elif not _is_our_table(content):
        lines = content.count(b"\n") + content.count(b"\r")
        if lines > 2 * limits.FOREIGN_TABLE_LINES:  # A line may end with both.
            raise ResultsError(
                f"{name} has {lines:,} line breaks, and of other tables than this project's at most "
                f"{limits.FOREIGN_TABLE_LINES:,} lines are read."
            )


def _is_our_table(content: bytes) -> bool:
    """Whether the first line names most of our columns; one that lacks a few is told which."""
    header = content[:_HEAD_BYTES].removeprefix(BOM_UTF8).split(b"\n", 1)[0].decode("utf-8", "replace")
    named = {cell.strip().strip('"') for cell in re.split("[,;\t]", header)}
    return b"\0" in content[:4096] or len(named & set(COLUMNS)) > len(COLUMNS) // 2


def _load_json(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    try:
        document: Any = parse_json(content, cast(type[Any], Any))
    except JsonError as error:
        raise ResultsError(f"{name} is not JSON that can be read ({error}).") from error
    if isinstance(document, dict) and "field_values" in document:
        return load_codec_compare(document, name, dataset)
    listed = document.get("results") if isinstance(document, dict) else None
    if is_compressai(document) or (isinstance(listed, dict) and not is_loose_json(document)):
        return load_compressai(document, name, dataset)
    if is_loose_json(document):
        return load_loose_json(document, name, dataset)
    raise ResultsError(
        f"{name} is JSON, but neither a CompressAI result (name, results) nor a codec-compare batch "
        '(field_descriptions, field_values), nor does it hold lists such as {"bpp": [...], "psnr": [...]}.'
    )
