"""Rate-distortion points as other projects publish them: lists in JSON, columns in text, under whatever names.

What names are taken for is said in the notes. Minimal: a rate and one metric; a row or entry is a point.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthcomp_core.errors import ResultsError
from synthcomp_core.images import EXTENSIONS
from synthcomp_core.metrics import DECIBEL_METRICS, METRICS, bits_per_pixel
from synthcomp_core.progress import counted
from synthcomp_core.results.formats.loaded import (
    UNSTATED,
    LoadedResults,
    id_part,
    of_decibels,
    parsed_number,
    whole_number,
)
from synthcomp_core.results.rows import MEAN_IMAGE, NEEDED_COLUMNS, ResultRow
from synthcomp_core.results.table import rows_table
from synthcomp_core.results.table_checks import check_range

# Names without case and punctuation.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "bpp": ("bpp", "rate", "bitrate", "bitsperpixel", "avgbpp", "meanbpp", "bpps", "ratebpp", "bppavg"),
    "psnr_rgb": ("psnr", "psnrrgb", "psnrdb", "rgbpsnr", "avgpsnr", "meanpsnr", "psnravg"),
    "psnr_y": ("psnry", "ypsnr", "psnrluma"),
    "msssim_rgb": ("msssim", "msssimrgb", "msssimdb", "msssimdbrgb", "avgmsssim", "meanmsssim", "multiscalessim"),
    "msssim_y": ("msssimy", "msssimluma"),
    "ssim_rgb": ("ssim", "ssimrgb"),
    "ssim_y": ("ssimy", "ssimluma"),
    "flip": ("flip", "ldrflip"),
    "ssimulacra2": ("ssimulacra2", "ssimulacra", "ssimu2"),
    "num_bytes": ("bytes", "numbytes", "size", "filesize", "encodedsize"),
    "width": ("width",),
    "height": ("height",),
    "quality": ("quality", "q", "qp", "level", "qualityindex"),
    "encode_s": ("encodingtime", "encodes", "enctime", "encodetime"),
    "decode_s": ("decodingtime", "decodes", "dectime", "decodetime"),
}
_TEXTS: dict[str, tuple[str, ...]] = {
    "codec": ("codec", "name", "model", "method", "label", "curve", "algorithm"),
    "image": ("image", "file", "filename", "img", "picture", "frame", "originalname"),
    "dataset": ("dataset", "set", "corpus"),
    "variant": ("variant",),
}
_MEANING = {alias: column for column, aliases in {**_COLUMNS, **_TEXTS}.items() for alias in aliases}
_METRICS = tuple(name for name in _COLUMNS if name in METRICS)
_DEPTH = 5
_QUALITY_NAME = re.compile(r"(?:q|qp|quality)?[-_ ]?(?P<number>\d{1,4}(?:\.\d+)?)")
_DECIMAL_COMMA = re.compile(r"^([-+]?\d+),(\d+)$")
TEMPLATE = (
    "dataset,image,codec,quality,bpp,psnr_rgb,msssim_rgb\n"
    "kodak,kodim01.png,my-codec,1,0.2500,28.10,0.9402\n"
    "kodak,kodim01.png,my-codec,2,0.5000,30.95,0.9671\n"
    "kodak,kodim02.png,my-codec,1,0.1800,31.20,0.9488\n"
    "kodak,kodim02.png,my-codec,2,0.3600,33.70,0.9704\n"
)


@dataclass(frozen=True)
class _Series:
    """Points under the names that a file gives: name, by column the values as they stand."""

    name: str
    columns: Mapping[str, Sequence[Any]]


def is_loose_json(document: Any) -> bool:
    """Whether a JSON document holds lists or entries of points somewhere."""
    return next(_series(document, ""), None) is not None


def load_loose_json(document: Any, name: str, dataset: str | None) -> LoadedResults:
    """The curves in a JSON document of lists ({"psnr": [...], "bpp": [...]}), nested or not, or of entries."""
    where = ""
    if isinstance(document, Mapping) and _is_nested(document.get("results")):  # As CompressAI has it, by other names.
        where = next((str(document[key]) for key in document if _meaning(str(key)) == "codec"), "")
        document = document["results"]
    return _loaded(list(_series(document, where)), name, dataset)


def is_loose_text(content: bytes) -> bool:
    """Whether the bytes are columns with a rate and a metric among their names, or two columns of numbers."""
    try:
        header, _, rows = _text_columns(content, "")
    except ResultsError:
        return False
    return bool(rows) and _has_points(header)


def load_loose_text(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    """The curves in a CSV or in columns of text, with names in a first line, in a comment, or without.

    Two columns without names are taken for bpp and, by their values, PSNR or MS-SSIM. ResultsError naming the point
    and what is wrong with it.
    """
    header, named_by, rows = _text_columns(content, name)
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(header):
            raise ResultsError(
                f"{name}, point {number}: {counted(len(cells), 'cell')} where {len(header)} columns are named."
            )
    columns = {column: [cells[index] for cells in rows] for index, column in enumerate(header)}
    loaded = _loaded([_Series("", columns)], name, dataset)
    return LoadedResults(
        loaded.table, loaded.name, loaded.format, (f"The columns were named by {named_by}.", *loaded.notes)
    )


def _text_columns(content: bytes, name: str) -> tuple[list[str], str, list[list[str]]]:
    """(the columns' names, what named them, the cells of each line below)."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ResultsError(f"{name} is not UTF-8 text ({error.reason}); save it as UTF-8.") from error
    comments = [line.lstrip("#% ") for line in lines if line.lstrip().startswith(("#", "%"))]
    rows = [cells for line in lines if not line.lstrip().startswith(("#", "%")) and (cells := _cells(line))]
    if not rows:
        raise ResultsError(f"{name} holds no points; a results table has {NEEDED_COLUMNS}.")
    if not _all_numbers(rows[0]):
        return rows[0], "its first line", rows[1:]
    named = next((cells for line in comments if len(cells := _cells(line)) == len(rows[0])), None)
    return (named, "a comment", rows) if named else (_guessed(rows, name), "their values alone", rows)


def _cells(line: str) -> list[str]:
    """The cells of a line, by the separator it uses: semicolon, tab, comma, else spaces.

    With a semicolon or tab between them, numbers may have decimal commas, as spreadsheets of many languages write.
    """
    line = line.strip()
    for separator in (";", "\t", ","):
        if separator in line:
            try:
                cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=separator), [])]
            except csv.Error as error:
                raise ResultsError(f"The line {line[:60]!r} is not well-formed CSV ({error}).") from None
            return cells if separator == "," else [_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in cells]
    return line.split()


def _all_numbers(cells: Sequence[str]) -> bool:
    try:
        return [float(cell) for cell in cells] != []
    except ValueError:
        return False


def _guessed(rows: Sequence[Sequence[str]], name: str) -> list[str]:
    if len(rows[0]) != 2:
        raise ResultsError(
            f"{name} has {counted(len(rows[0]), 'column')} without names; name them in a first line: {NEEDED_COLUMNS}."
        )
    values = [float(cells[1]) for cells in rows if len(cells) == 2 and _all_numbers(cells)]
    return ["bpp", "ms-ssim" if values and max(values) <= 1 else "psnr"]


def _meaning(name: str) -> str | None:
    return _MEANING.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def _series(document: Any, where: str, depth: int = _DEPTH, image: str | None = None) -> Iterator[_Series]:
    """Every place in a document where a rate and a metric stand side by side. image: whose they are, if that is said.

    Names such as ``kodim01.png`` are those of images, and ``q4`` and ``4`` qualities, of points that stand under them.
    """
    if depth == 0:
        return
    if isinstance(document, Mapping):
        lists = {str(name): value for name, value in document.items() if isinstance(value, list)}
        if _has_points(lists) and all(not isinstance(item, list | dict) for value in lists.values() for item in value):
            yield _Series(where, lists | _same("image", image, len(next(iter(lists.values())))))
            return
        if _is_point(document):
            own = {str(name): [value] for name, value in document.items() if not _is_nested(value)}
            yield _Series(where, own | _same("image", image, 1))
            return
        points = {str(name): value for name, value in document.items() if _is_point(value)}
        if points:  # {"q1": {"bpp": 0.2, "psnr": 30}, ...}, or one such per image
            yield _Series(where, _same("image", image, len(points)) | _point_columns(points))
            return
        for key, value in document.items():
            name = str(key)
            if _is_image_name(name):
                yield from _series(value, where, depth - 1, name)
            elif _quality_of(name) and isinstance(value, Mapping) and all(map(_is_point, value.values())):
                points = {str(one): point for one, point in value.items()}
                yield _Series(where, _same("quality", _quality_of(name), len(points)) | _point_columns(points))
            else:
                yield from _series(value, f"{where}-{name}" if where else name, depth - 1, image)
    elif isinstance(document, list) and document and all(isinstance(entry, Mapping) for entry in document):
        names = [str(name) for name in document[0]]
        if _has_points(names):
            entries = {name: [entry.get(name) for entry in document] for name in names}
            yield _Series(where, entries | _same("image", image, len(document)))
            return
        for number, entry in enumerate(document, start=1):
            own_name = next((str(entry[key]) for key in entry if _meaning(str(key)) == "codec"), str(number))
            yield from _series(entry, f"{where}-{own_name}" if where else own_name, depth - 1, image)


def _point_columns(points: Mapping[str, Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """The columns of points by their names, which are images or qualities where they look so."""
    columns = list(dict.fromkeys(str(name) for point in points.values() for name in point))
    values: dict[str, list[Any]] = {name: [point.get(name) for point in points.values()] for name in columns}
    meanings = {_meaning(name) for name in columns}
    if "image" not in meanings and all(map(_is_image_name, points)):
        values["image"] = list(points)
    elif "quality" not in meanings and all(map(_quality_of, points)):
        values["quality"] = [_quality_of(name) for name in points]
    return values


def _same(column: str, value: str | None, count: int) -> dict[str, list[Any]]:
    return {} if value is None else {column: [value] * count}


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _quality_of(name: str) -> str | None:
    """The number in a name such as q4, quality_4 or 4; None for any other name."""
    match = _QUALITY_NAME.fullmatch(name.lower())
    return match["number"] if match else None


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | Mapping)


def _is_point(value: Any) -> bool:
    """Whether a mapping is one point: a rate and a metric that are single values."""
    if not isinstance(value, Mapping):
        return False
    return _has_points([str(name) for name, one in value.items() if not _is_nested(one)])


def _has_points(names: Sequence[str] | Mapping[str, Any]) -> bool:
    meanings = {_meaning(name) for name in names}
    return bool(meanings & {"bpp", "num_bytes"}) and bool(meanings & set(_METRICS))


def _loaded(series: Sequence[_Series], name: str, dataset: str | None) -> LoadedResults:
    rows: list[ResultRow] = []
    notes: list[str] = []
    stem = id_part(Path(name).stem)
    for one in series:
        if not _has_points(list(one.columns)):
            raise ResultsError(
                f"{name} has the columns {', '.join(one.columns)[:200]}; a results table has {NEEDED_COLUMNS}."
            )
        rows += _rows(one, name, stem, dataset, notes)
    curves = len({row.codec for row in rows})
    taken = {f"{column} as {meaning}" for one in series for column in one.columns if (meaning := _meaning(column))}
    left = sorted({column for one in series for column in one.columns if _meaning(column) is None})
    notes.insert(0, f"Read as {counted(curves, 'curve')}, {counted(len(rows), 'point')}: {', '.join(sorted(taken))}.")
    if left:
        notes.append(f"Not understood, and left out: {', '.join(left)[:200]}.")
    return LoadedResults(rows_table(rows, name=name), name, "points", tuple(dict.fromkeys(notes)))


def _rows(one: _Series, name: str, stem: str, dataset: str | None, notes: list[str]) -> Iterator[ResultRow]:
    counts = {len(values) for values in one.columns.values()}
    if len(counts) > 1:
        raise ResultsError(
            f"{name}{_at(one)}: the lists have {', '.join(map(str, sorted(counts)))} entries, not equal."
        )
    columns = {meaning: values for column, values in one.columns.items() if (meaning := _meaning(column))}
    numbers = {
        column: [_number(value, f"{name}{_at(one)}, {column}, point {index}") for index, value in enumerate(values, 1)]
        for column, values in columns.items()
        if column in _COLUMNS
    }
    for column in DECIBEL_METRICS:
        known = [value for value in numbers.get(column, []) if value is not None]
        if known and max(known) > 1:
            numbers[column] = [None if value is None else of_decibels(value) for value in numbers[column]]
            notes.append(f"{METRICS[column].label} above 1 was read as decibels, -10 log10(1 - value).")
    for column, found in numbers.items():  # Before rows are made of them, which takes most of the time.
        check_range(column, np.array(found, float), name=f"{name}{_at(one)}")
    place: dict[tuple[str, str, str], int] = {}
    curve = stem if not one.name or id_part(one.name) == stem else f"{stem}-{id_part(one.name)}"
    for index in range(counts.pop()):
        values = {column: found[index] for column, found in numbers.items()}
        codec = _text(columns, "codec", index) or curve
        image, images = _text(columns, "image", index) or MEAN_IMAGE, _text(columns, "dataset", index)
        variant = _text(columns, "variant", index)
        yield _row(values, id_part(codec), image, images or dataset or UNSTATED, variant, place)


def _row(
    values: dict[str, float | None],
    codec: str,
    image: str,
    dataset: str,
    variant: str | None,
    place: dict[tuple[str, str, str], int],
) -> ResultRow:
    size = [values.pop(column, None) for column in ("num_bytes", "width", "height")]
    num_bytes, width, height = (None if value is None else whole_number(value) for value in size)
    if values.get("bpp") is None and num_bytes is not None and width and height:
        values["bpp"] = bits_per_pixel(num_bytes, width, height)
    key = (dataset, image, codec)
    number = place[key] = place.get(key, 0) + 1
    quality = values.get("quality")
    point = f"p{number}" if quality is None else f"q{quality:g}"
    return ResultRow(
        dataset,
        image,
        width,
        height,
        variant=variant or f"{codec}-{point}",
        codec=codec,
        num_bytes=num_bytes,
        **values,  # type: ignore[arg-type]
    )


def _at(one: _Series) -> str:
    return f", {one.name}" if one.name else ""


def _number(value: Any, where: str) -> float | None:
    return None if value is None or value == "" else parsed_number(value, where)


def _text(columns: Mapping[str, Sequence[Any]], column: str, index: int) -> str | None:
    values = columns.get(column)
    return str(values[index]) if values is not None and values[index] not in (None, "") else None
