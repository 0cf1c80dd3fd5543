"""Reading and writing results in any known format: ours, the thesis CSV, CompressAI's and codec-compare's JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.table import (
    COLUMNS,
    INTEGER_COLUMNS,
    MEAN_IMAGE,
    TEXT_COLUMNS,
    ResultRow,
    parse_results,
    rows_table,
)
from synthcomp_core.storage import artifacts_dir

if TYPE_CHECKING:
    import pandas as pd

THESIS_COLUMNS = (
    *("model", "quality", "metric", "supersampled", "bpp"),
    *("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "msssim"),
)
# The architectures whose CompressAI result files list qualities 1, 2, 3, ...
_COMPRESSAI_MODELS = (
    *("bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean", "mbt2018"),
    *("cheng2020-anchor", "cheng2020-attn"),
)
_COMPRESSAI_FIELDS = {
    "bpp": "bpp",
    **dict.fromkeys(("psnr-rgb", "psnr"), "psnr_rgb"),
    "psnr-y": "psnr_y",
    **dict.fromkeys(("ms-ssim-rgb", "ms-ssim", "ms-ssim-db-rgb"), "msssim_rgb"),
    "encoding_time": "encode_s",
    "decoding_time": "decode_s",
}
_CODEC_COMPARE_FIELDS = {
    **{"original_name": "image", "width": "width", "height": "height", "quality": "quality"},
    **{"encoded_size": "num_bytes", "bpp": "bpp", "encoding_time": "encode_s", "decoding_time": "decode_s"},
    **{"psnr": "psnr_rgb", "ssim": "ssim_rgb", "msssim": "msssim_rgb", "flip": "flip", "ssimulacra2": "ssimulacra2"},
}
_CODEC_COMPARE_IDENTICAL_DB = 99.0  # Its tools write 99 or 100 dB for identical images.
_SUPERSAMPLED = "@x2-rcan"  # What the thesis means: half resolution, then RCAN x2.
_UNSTATED = "unstated"
_NOT_RESULTS = ("bench_", "recipes", "run.")


@dataclass(frozen=True)
class LoadedResults:
    """A checked table (see ``parse_results``), the name of its file, its format, and notes on what reading changed."""

    table: pd.DataFrame
    name: str
    format: str
    notes: tuple[str, ...] = ()


def reference_files() -> list[Path]:
    """The results bundled for comparison; the tables of benchmarks beside them are of another kind."""
    folder = artifacts_dir() / "results"
    found = (path for path in folder.rglob("*") if path.suffix in (".csv", ".json"))
    return sorted(path for path in found if not path.name.startswith(_NOT_RESULTS))


def load_results(source: Path | bytes, *, name: str | None = None, dataset: str | None = None) -> LoadedResults:
    """The results in a file, or its bytes, of any known format, told by the content.

    name: what messages call it (default: the file's name). dataset: what the rows' data set is called where the format
    does not say. ResultsError naming file, row, column and value.
    """
    if isinstance(source, bytes):
        label, content = name or "The file", source
    else:
        label = name or source.name
        try:
            content = source.read_bytes()
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
        return _load_thesis(content, label, dataset)
    return LoadedResults(parse_results(content, name=label), label, "synthcomp")


def _load_thesis(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    try:
        text = content.decode("utf-8-sig")
        lines = [cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True) if cells]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"{name} is not UTF-8 CSV ({error}); save it as UTF-8.") from error
    header = [column.strip() for column in lines[0]]
    missing = [column for column in THESIS_COLUMNS if column not in header]
    if missing:
        raise ResultsError(f"{name}, row 1: the column {missing[0]} of the thesis table is missing.")
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise ResultsError(f"{name}, row {number}: {len(cells)} cells where the header has {len(header)} columns.")
        rows.append(_thesis_row(dict(zip(header, cells, strict=True)), f"{name}, row {number}", dataset or "thesis"))
    note = (
        "The thesis's bits per pixel are estimates (from likelihoods, on 512x512 centre crops), not sizes of "
        "bitstreams: they stand in bpp_estimated."
    )
    return LoadedResults(rows_table(rows, name=name, first_row=2), name, "thesis", (note,))


def _thesis_row(cells: dict[str, str], where: str, dataset: str) -> ResultRow:
    def number(column: str) -> float | None:
        return None if cells[column].strip() == "" else _number(cells[column], f"{where}, column {column}")

    model, metric = cells["model"].strip(), cells["metric"].strip().lower()
    supersampled = cells["supersampled"].strip().upper()
    if not model:
        raise ResultsError(f"{where}, column model: the cell is empty, but every row needs one.")
    if supersampled not in ("TRUE", "FALSE"):
        raise ResultsError(f"{where}, column supersampled: {cells['supersampled']!r} is neither TRUE nor FALSE.")
    if metric not in ("none", "mse", "msssim"):
        raise ResultsError(f"{where}, column metric: {cells['metric']!r} is none of none, mse, msssim.")
    quality = number("quality")
    # "bicubic" is the uncompressed image, downscaled bicubically and brought back by RCAN.
    codec = "none" if model == "bicubic" else model.lower()
    point = "" if codec == "none" or quality is None else f"-q{quality:g}"
    upscaled = supersampled == "TRUE"
    return ResultRow(
        dataset=dataset,
        image=MEAN_IMAGE,
        variant=codec + point + ("" if metric == "none" else f"-{metric}") + (_SUPERSAMPLED if upscaled else ""),
        codec=codec,
        quality=None if codec == "none" else quality,
        distortion={"mse": "mse", "msssim": "ms-ssim"}.get(metric),
        scale=2.0 if upscaled else None,
        upscaler="rcan" if upscaled else None,
        bpp_estimated=number("bpp"),
        psnr_rgb=number("psnr_rgb"),
        psnr_y=number("psnr_y"),
        ssim_rgb=number("ssim_rgb"),
        ssim_y=number("ssim_y"),
        msssim_rgb=number("msssim"),
    )


def _load_json(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{name} is not JSON ({str(error).splitlines()[0]}).") from error
    if isinstance(document, dict) and "field_values" in document:
        return _load_codec_compare(document, name, dataset)
    if isinstance(document, dict) and isinstance(document.get("results"), dict):
        return _load_compressai(document, name, dataset)
    raise ResultsError(
        f"{name} is JSON, but neither a CompressAI result (name, results) nor a codec-compare batch "
        "(field_descriptions, field_values)."
    )


def _load_compressai(document: dict[str, Any], name: str, dataset: str | None) -> LoadedResults:
    lists = document["results"]
    for field, points in lists.items():
        if not isinstance(points, list) or len(points) != len(lists.get("bpp") or points):
            raise ResultsError(f"{name}: results/{field} must be a list as long as results/bpp.")
    if not lists.get("bpp"):
        raise ResultsError(f"{name}: results/bpp is missing or empty.")
    meta = document["meta"] if isinstance(document.get("meta"), dict) else {}
    title = str(document.get("name") or Path(name).stem)
    codec, is_model = _slug(title), _slug(title) in _COMPRESSAI_MODELS
    # The name does not tell what a model was trained for; the file's name or the description does.
    hints = " ".join(str(part) for part in (title, meta.get("opt_metric"), document.get("description"), name))
    match = re.search(r"ms-?ssim|mse", hints.replace("_", "-"))
    distortion = match and {"mse": "mse"}.get(match[0], "ms-ssim")
    suffix = f"-{(distortion or '').replace('-', '')}" if distortion and match and match[0] not in codec else ""
    rows = []
    for index in range(len(lists["bpp"])):
        values: dict[str, float | None] = {}
        for field, column in _COMPRESSAI_FIELDS.items():
            if field in lists and lists[field][index] is not None:
                value = _number(lists[field][index], f"{name}, results/{field}, point {index + 1}")
                values[column] = 1 - 10 ** (-value / 10) if "-db-" in field else value
        rows.append(
            ResultRow(
                dataset=dataset or str(meta.get("dataset") or _UNSTATED),
                image=MEAN_IMAGE,
                variant=f"{codec}-{'q' if is_model else 'p'}{index + 1}{suffix}",
                codec=codec,
                quality=index + 1 if is_model else None,
                distortion=distortion,
                **values,  # type: ignore[arg-type]
            )
        )
    notes = ["Each point is a mean over the data set, as published."]
    if not is_model:
        notes.append("The file does not say the encoder's settings: points are numbered p1, p2, ...")
    return LoadedResults(rows_table(rows, name=name), name, "compressai", tuple(notes))


def _load_codec_compare(document: dict[str, Any], name: str, dataset: str | None) -> LoadedResults:
    constants = dict(zip(_keys(document, "constant", name), document.get("constant_values") or [], strict=False))
    fields = _keys(document, "field", name)
    entries = document["field_values"]
    if "original_name" not in fields:
        raise ResultsError(f"{name}: field_descriptions names no original_name, so that images cannot be told.")
    if not isinstance(entries, list) or not entries:
        raise ResultsError(f"{name}: field_values must be a list of entries.")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, list) or len(entry) != len(fields):
            raise ResultsError(f"{name}, entry {number}: expected a list of {len(fields)} values, one a field.")
    # A setting that changes within the batch is part of what is compared.
    settings = [
        index
        for index, field in enumerate(fields)
        if field in ("effort", "chroma_subsampling") and len({str(entry[index]) for entry in entries}) > 1
    ]
    title = str(constants.get("name") or constants.get("codec") or Path(name).stem)
    source = str(constants.get("source_data_set") or "codec-compare").split(" (")[0]
    convert, notes = _codec_compare_scales(fields, entries)
    rows = []
    for number, entry in enumerate(entries, start=1):
        values: dict[str, Any] = {}
        for field, value in zip(fields, entry, strict=True):
            column = _CODEC_COMPARE_FIELDS.get(field)
            if column == "image":
                values[column] = str(value)
            elif column is not None and value is not None:
                values[column] = convert.get(field, float)(_number(value, f"{name}, entry {number}, field {field}"))
        if values.get("num_bytes") is not None and values.get("width") and values.get("height"):
            values["bpp"] = values["num_bytes"] * 8 / (values["width"] * values["height"])
        quality = values.get("quality")
        parts = [_slug(title), *(f"{fields[index]}{_slug(str(entry[index]))}" for index in settings)]
        variant = "-".join(parts) + ("" if quality is None else f"-q{quality:g}")
        codec = _slug(str(constants.get("codec") or title))
        rows.append(ResultRow(dataset=dataset or source, variant=variant, codec=codec, **values))
    return LoadedResults(rows_table(rows, name=name), name, "codec-compare", tuple(notes))


def _keys(document: dict[str, Any], kind: str, name: str) -> list[str]:
    """The names in ``constant_descriptions`` or ``field_descriptions``: a list of one-entry objects."""
    descriptions = document.get(f"{kind}_descriptions")
    if not isinstance(descriptions, list) or not all(isinstance(item, dict) and item for item in descriptions):
        raise ResultsError(f'{name}: {kind}_descriptions must be a list such as [{{"codec": "..."}}].')
    return [next(iter(item)) for item in descriptions]


def _codec_compare_scales(
    fields: list[str], entries: list[list[Any]]
) -> tuple[dict[str, Callable[[float], float]], list[str]]:
    """How to bring fields to our scales, and what to say about it."""
    convert: dict[str, Callable[[float], float]] = {}
    notes = []
    for field in ("ssim", "msssim"):
        if field in fields:
            values = [entry[fields.index(field)] for entry in entries]
            if any(isinstance(value, int | float) and value > 1 for value in values):
                convert[field] = lambda decibels: 1 - 10 ** (-decibels / 10)
                notes.append(f"{field} is given in dB and was converted.")
    if "psnr" in fields:
        convert["psnr"] = lambda decibels: math.inf if decibels >= _CODEC_COMPARE_IDENTICAL_DB else decibels
        notes.append(f"A PSNR of {_CODEC_COMPARE_IDENTICAL_DB:g} dB or more means identical and was read as inf.")
    notes.append("PSNR and SSIM are those of codec-compare's tools, which weigh channels in their own way.")
    return convert, notes


def _number(value: object, where: str) -> float:
    try:
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise ValueError
        number = float(value)  # type: ignore[arg-type]
        if math.isnan(number):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ResultsError(f"{where}: {str(value)[:60]!r} is not a number.") from None
    return number


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "unnamed"


def table_to_csv(table: pd.DataFrame) -> str:
    """A table with COLUMNS as CSV text in our format; fast for large tables."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    table = table.loc[:, list(COLUMNS)].copy()
    for column in INTEGER_COLUMNS:
        table[column] = table[column].astype("Int64")
    for column in TEXT_COLUMNS:
        # Arrow cannot write categories that have no value.
        table[column] = table[column].astype("object").where(table[column].notna(), None)
    schema = [
        pa.field(name, pa.string() if name in TEXT_COLUMNS else pa.int64() if name in INTEGER_COLUMNS else pa.float64())
        for name in COLUMNS
    ]
    arrow = pa.Table.from_pandas(table, schema=pa.schema(schema), preserve_index=False)
    output = io.BytesIO()
    output.write((",".join(COLUMNS) + "\n").encode())
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    arrow_csv.write_csv(arrow, output, options)
    return output.getvalue().decode("utf-8")


def table_to_thesis_csv(table: pd.DataFrame) -> str:
    """Means over images, one line a variant, in the thesis's format (';').

    Identical images (PSNR inf) are not averaged into a PSNR. bpp is the bitstream's where measured, else the estimate.
    ResultsError when the table holds several data sets.
    """
    datasets = [str(dataset) for dataset in table["dataset"].unique()]
    if len(datasets) > 1:
        raise ResultsError(f"The thesis format holds one data set, the table has {', '.join(datasets)}; choose one.")
    rate = table["bpp"].fillna(table["bpp_estimated"])
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";", lineterminator="\n")
    writer.writerow(THESIS_COLUMNS)
    for _, group in table.assign(bpp=rate).groupby("variant", sort=False, observed=True):
        first = group.iloc[0]
        codec = str(first["codec"]) if first["codec"] == first["codec"] else str(first["variant"])
        supersampled = bool(first["scale"] == first["scale"])  # NaN when coded at full resolution.
        bare = codec == "none" and supersampled
        distortion = {"mse": "mse", "ms-ssim": "msssim"}.get(first["distortion"], "none")
        quality = "0" if math.isnan(first["quality"]) else f"{first['quality']:g}"
        model = "bicubic" if bare else codec
        columns = ("bpp", "psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "msssim_rgb")
        means = [_mean(group[column]) for column in columns]
        writer.writerow([model, quality, distortion, str(supersampled).upper(), *means])
    return output.getvalue()


def _mean(values: pd.Series) -> str:
    values = values.dropna()
    finite = values[values != math.inf]
    if values.empty:
        return ""
    if finite.empty:
        return "inf"
    mean = float(finite.mean())
    return str(int(mean)) if mean.is_integer() else repr(mean)
