"""codec-compare's batches: JSON with one list of values per image and setting, and descriptions of its fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthcomp_core.errors import ResultsError
from synthcomp_core.metrics import bits_per_pixel
from synthcomp_core.results.formats.loaded import LoadedResults, id_part, of_decibels, parsed_number
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table

_FIELDS = {
    **{"original_name": "image", "width": "width", "height": "height", "quality": "quality"},
    **{"encoded_size": "num_bytes", "bpp": "bpp", "encoding_time": "encode_s", "decoding_time": "decode_s"},
    **{"psnr": "psnr_rgb", "ssim": "ssim_rgb", "msssim": "msssim_rgb", "flip": "flip", "ssimulacra2": "ssimulacra2"},
}
_IDENTICAL_DB = 99.0  # Its tools write 99 or 100 dB for identical images.


def load_codec_compare(document: dict[str, Any], name: str, dataset: str | None) -> LoadedResults:
    """The table in a codec-compare batch; ResultsError naming ``name``, entry and field."""
    given = document.get("constant_values") or []
    if not isinstance(given, list):
        raise ResultsError(f"{name}: constant_values must be a list, one value per description.")
    constants = dict(zip(_keys(document, "constant", name), given, strict=False))
    fields = _keys(document, "field", name)
    entries = document["field_values"]
    if "original_name" not in fields:
        raise ResultsError(f"{name}: field_descriptions has no original_name, so the images are not known.")
    if not isinstance(entries, list) or not entries:
        raise ResultsError(f"{name}: field_values must be a list of entries.")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, list) or len(entry) != len(fields):
            raise ResultsError(f"{name}, entry {number}: expected a list of {len(fields)} values, one per field.")
    # A setting that changes within the batch is part of what is compared.
    settings = [
        index
        for index, field in enumerate(fields)
        if field in ("effort", "chroma_subsampling") and len({str(entry[index]) for entry in entries}) > 1
    ]
    title = str(constants.get("name") or constants.get("codec") or Path(name).stem)
    source = str(constants.get("source_data_set") or "codec-compare").split(" (")[0]
    convert, notes = _scales(fields, entries)
    rows = []
    for number, entry in enumerate(entries, start=1):
        values: dict[str, Any] = {}
        for field, value in zip(fields, entry, strict=True):
            column, where = _FIELDS.get(field), f"{name}, entry {number}, field {field}"
            if column == "image":
                values[column] = str(value)
            elif column is not None and value is not None:
                values[column] = convert.get(field, float)(parsed_number(value, where))
        if values.get("num_bytes") is not None and values.get("width") and values.get("height"):
            values["bpp"] = bits_per_pixel(values["num_bytes"], values["width"], values["height"])
        quality = values.get("quality")
        parts = [id_part(title), *(f"{fields[index]}{id_part(str(entry[index]))}" for index in settings)]
        variant = "-".join(parts) + ("" if quality is None else f"-q{quality:g}")
        codec = id_part(str(constants.get("codec") or title))
        rows.append(ResultRow(dataset=dataset or source, variant=variant, codec=codec, **values))
    return LoadedResults(rows_table(rows, name=name), name, "codec-compare", tuple(notes))


def _keys(document: dict[str, Any], kind: str, name: str) -> list[str]:
    """The names in ``constant_descriptions`` or ``field_descriptions``: a list of one-entry objects."""
    descriptions = document.get(f"{kind}_descriptions")
    if not isinstance(descriptions, list) or not all(isinstance(item, dict) and item for item in descriptions):
        raise ResultsError(f'{name}: {kind}_descriptions must be a list such as [{{"codec": "..."}}].')
    return [next(iter(item)) for item in descriptions]


def _scales(fields: list[str], entries: list[list[Any]]) -> tuple[dict[str, Callable[[float], float]], list[str]]:
    """How to convert fields to our scales, and notes on what is converted."""
    convert: dict[str, Callable[[float], float]] = {}
    notes = []
    for field in ("ssim", "msssim"):
        if field in fields:
            values = [entry[fields.index(field)] for entry in entries]
            if any(isinstance(value, int | float) and value > 1 for value in values):
                convert[field] = of_decibels
                notes.append(f"{field} is given in dB and was converted.")
    if "psnr" in fields:
        convert["psnr"] = lambda decibels: math.inf if decibels >= _IDENTICAL_DB else decibels
        notes.append(f"A PSNR of {_IDENTICAL_DB:g} dB or more means identical images and was read as inf.")
    notes.append("PSNR and SSIM are from codec-compare's tools, which weight the colour channels in their own way.")
    return convert, notes
