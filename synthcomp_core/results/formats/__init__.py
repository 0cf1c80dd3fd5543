"""Results in any known format: ours, the thesis CSV, the JSON of CompressAI and codec-compare, lists of points."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError
from synthcomp_core.library.json_records import JsonError, parse_json
from synthcomp_core.results.formats.codec_compare import load_codec_compare
from synthcomp_core.results.formats.compressai import is_compressai, load_compressai
from synthcomp_core.results.formats.loaded import LoadedResults
from synthcomp_core.results.formats.loose import is_loose_json, is_loose_text, load_loose_json, load_loose_text
from synthcomp_core.results.formats.thesis import load_thesis
from synthcomp_core.results.rows import COLUMNS
from synthcomp_core.results.table import parse_results
from synthcomp_core.storage import artifacts_dir, read_file

__all__ = ["LoadedResults", "load_results", "reference_files"]

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
        try:
            content = read_file(source, max_bytes=limits.RESULTS_BYTES)
        except OSError as error:
            raise ResultsError(f"{source} cannot be read ({error.strerror}).") from error
        if dataset is None and "kodak" in str(source).lower():
            dataset = "kodak"
    if dataset is None and "kodak" in label.lower():
        dataset = "kodak"
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        return _load_json(content, label, dataset)
    if start.replace(b'"', b"").lower().startswith(b"model;"):
        return load_thesis(content, label, dataset)
    if not _is_our_table(content) and is_loose_text(content):
        return load_loose_text(content, label, dataset)
    return LoadedResults(parse_results(content, name=label), label, "synthcomp")


def _is_our_table(content: bytes) -> bool:
    """Whether the first line names most of our columns; one that lacks a few is told which."""
    header = content[:65536].removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
    named = {cell.strip().strip('"') for cell in re.split("[,;\t]", header)}
    return b"\0" in content[:4096] or len(named & set(COLUMNS)) > len(COLUMNS) // 2


def _load_json(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    if len(content) > limits.JSON_BYTES:
        raise ResultsError(f"{name} has {len(content):,} bytes, and at most {limits.JSON_BYTES:,} of JSON are read.")
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
