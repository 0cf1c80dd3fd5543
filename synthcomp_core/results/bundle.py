"""Take results away: tables as CSV, Markdown and LaTeX, pictures as a zip with a manifest of their hashes."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthcomp_core.figures.paper.request import latex_escape
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.rows import ResultRow, rows_to_csv

METRIC_NAMES = ("psnr_rgb", "psnr_y", "ssim_rgb", "msssim_rgb", "flip", "ssimulacra2")
MISSING = "–"
INFINITE = "∞"
# Zip files carry times; a fixed one makes the same pictures the same file.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|])")


@dataclass(frozen=True)
class TableColumn:
    """A column for people. value: of a row, None = not measured. higher_is_better: None where neither is."""

    heading: str
    value: Callable[[ResultRow], float | None]
    decimals: int
    higher_is_better: bool | None


@dataclass(frozen=True)
class PictureFile:
    """A picture to be packed: its label, the file as shown (PNG) and what made it."""

    label: str
    png: bytes
    variant: str = ""


def table_columns(rows: Sequence[ResultRow]) -> list[TableColumn]:
    """Bytes, bpp and every metric that at least one of the rows has."""
    columns = [
        TableColumn("bytes", lambda row: row.num_bytes, 0, False),
        TableColumn("bpp", lambda row: row.bpp, 4, False),
    ]
    for name in METRIC_NAMES:
        if any(getattr(row, name) is not None for row in rows):
            info = METRICS[name]
            heading = f"{info.label} [{info.unit}]" if info.unit else info.label
            columns.append(TableColumn(heading, _reader(name), info.decimals, info.higher_is_better))
    return columns


def best_rows(rows: Sequence[ResultRow], column: TableColumn) -> set[int]:
    """The numbers of the rows with the best value of a column; none where all are equal or fewer than two have one."""
    values = {number: value for number, row in enumerate(rows) if (value := column.value(row)) is not None}
    if column.higher_is_better is None or len(set(values.values())) < 2:
        return set()
    best = (max if column.higher_is_better else min)(values.values())
    return {number for number, value in values.items() if value == best}


def cell_text(value: float | None, decimals: int, *, thousands: str = ",") -> str:
    """A number as it stands in a table; a dash when it was not measured."""
    if value is None:
        return MISSING
    if value == float("inf"):
        return INFINITE
    return f"{value:,.{decimals}f}".replace(",", thousands)


def csv_table(rows: Sequence[ResultRow]) -> str:
    """The rows in the results table's own schema."""
    return rows_to_csv(list(rows))


def markdown_table(rows: Sequence[ResultRow]) -> str:
    """A Markdown table: variant, bytes, bpp, metrics; the best of each column in bold."""
    columns = table_columns(rows)
    lines = [
        "| variant | " + " | ".join(column.heading for column in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    best = [best_rows(rows, column) for column in columns]
    for number, row in enumerate(rows):
        cells = [cell_text(column.value(row), column.decimals) for column in columns]
        cells = [f"**{cell}**" if number in of_column else cell for cell, of_column in zip(cells, best, strict=True)]
        lines.append("| " + " | ".join([_MARKDOWN.sub(r"\\\1", row.variant), *cells]) + " |")
    return "\n".join(lines) + "\n"


def latex_table(rows: Sequence[ResultRow], *, caption: str, label: str) -> str:
    """A LaTeX table in booktabs style: variant, bytes, bpp, metrics; the best of each column in bold."""
    columns = table_columns(rows)
    best = [best_rows(rows, column) for column in columns]
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}[t]",
        "  \\centering",
        f"  \\caption{{{latex_escape(caption)}}}",
        f"  \\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', label).strip('-')}}}",
        f"  \\begin{{tabular}}{{l{'r' * len(columns)}}}",
        "    \\toprule",
        "    variant & " + " & ".join(latex_escape(column.heading) for column in columns) + r" \\",
        "    \\midrule",
    ]
    for number, row in enumerate(rows):
        cells = []
        for column, of_column in zip(columns, best, strict=True):
            text = cell_text(column.value(row), column.decimals, thousands=r"\,")
            text = {MISSING: "--", INFINITE: r"$\infty$"}.get(text, text)
            cells.append(rf"\textbf{{{text}}}" if number in of_column else text)
        lines.append("    " + " & ".join([latex_escape(row.variant), *cells]) + r" \\")
    lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def pictures_zip(
    pictures: Sequence[PictureFile], rows: Sequence[ResultRow], *, image: str, commands: Sequence[str] = ()
) -> bytes:
    """A zip of the pictures, ``results.csv``, and ``manifest.json`` with the SHA-256 of every other file.

    image: the name of the reference, for the manifest. commands: that make the pictures again. The same arguments
    give the same bytes.
    """
    files: dict[str, bytes] = {}
    described = []
    for number, picture in enumerate(pictures):
        name = f"{number}-{safe_name(picture.variant or picture.label)}.png"
        files[name] = picture.png
        described.append({"file": name, "label": picture.label, "variant": picture.variant or None})
    files["results.csv"] = csv_table(rows).encode("utf-8")
    manifest = {
        "image": image,
        "pictures": described,
        "commands": list(commands),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["manifest.json"] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            # A PNG does not get smaller.
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return packed.getvalue()


def safe_name(text: str) -> str:
    """``text`` as part of a file's name on any system: letters, digits and ._@+- only, never empty or hidden."""
    return _UNSAFE.sub("-", text).strip(".-")[:100] or "picture"


def _reader(name: str) -> Callable[[ResultRow], float | None]:
    def value(row: ResultRow) -> float | None:
        number = getattr(row, name)
        return None if number is None else float(number)

    return value
