"""CompressAI's result files: JSON with a list per metric, one point per quality or setting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from synthcomp_core.errors import ResultsError
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.formats.loaded import UNSTATED, LoadedResults, id_part, of_decibels, parsed_number
from synthcomp_core.results.rows import MEAN_IMAGE, ResultRow
from synthcomp_core.results.table import rows_table
from synthcomp_core.results.table_checks import check_range

# The architectures whose CompressAI result files list qualities 1, 2, 3, ...
_MODELS = (
    *("bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean", "mbt2018"),
    *("cheng2020-anchor", "cheng2020-attn"),
)
_FIELDS = {
    "bpp": "bpp",
    **dict.fromkeys(("psnr-rgb", "psnr"), "psnr_rgb"),
    "psnr-y": "psnr_y",
    **dict.fromkeys(("ms-ssim-rgb", "ms-ssim", "ms-ssim-db-rgb"), "msssim_rgb"),
    "encoding_time": "encode_s",
    "decoding_time": "decode_s",
}


def is_compressai(document: Any) -> bool:
    """Whether a document holds lists under the names that CompressAI gives them, a rate and a metric at least."""
    lists = document.get("results") if isinstance(document, dict) else None
    return isinstance(lists, dict) and "bpp" in lists and any(_FIELDS.get(field) in METRICS for field in lists)


def _numbers(points: list[Any], field: str, name: str) -> list[float | None]:
    """The values of a list, None where there is none; checked before rows are made of them, which takes long."""
    found: list[float | None] = []
    for number, point in enumerate(points, start=1):
        value = None if point is None else parsed_number(point, f"{name}, results/{field}, point {number}")
        found.append(of_decibels(value) if value is not None and "-db-" in field else value)
    check_range(_FIELDS[field], np.array(found, float), name=name)
    return found


def load_compressai(document: dict[str, Any], name: str, dataset: str | None) -> LoadedResults:
    """The table in a CompressAI result; ResultsError naming ``name``, list and point."""
    lists = document["results"]
    for field, points in lists.items():
        rates = lists.get("bpp") or points
        if not isinstance(points, list) or not isinstance(rates, list) or len(points) != len(rates):
            raise ResultsError(f"{name}: results/{field} must be a list as long as results/bpp.")
    if not lists.get("bpp"):
        raise ResultsError(f"{name}: results/bpp is missing or empty.")
    meta = document["meta"] if isinstance(document.get("meta"), dict) else {}
    title = str(document.get("name") or Path(name).stem)
    codec, is_model = id_part(title), id_part(title) in _MODELS
    # The model's name does not say what it was trained for; the file's name or the description does.
    hints = " ".join(str(part) for part in (title, meta.get("opt_metric"), document.get("description"), name))
    match = re.search(r"ms-?ssim|mse", hints.replace("_", "-"))
    distortion = Distortion.parse(match[0]) if match else None
    suffix = f"-{distortion.short}" if distortion and match and match[0] not in codec else ""
    numbers = {field: _numbers(lists[field], field, name) for field in _FIELDS if field in lists}
    rows = []
    for index in range(len(lists["bpp"])):
        values = {_FIELDS[field]: found[index] for field, found in numbers.items() if found[index] is not None}
        rows.append(
            ResultRow(
                dataset=dataset or str(meta.get("dataset") or UNSTATED),
                image=MEAN_IMAGE,
                variant=f"{codec}-{'q' if is_model else 'p'}{index + 1}{suffix}",
                codec=codec,
                quality=index + 1 if is_model else None,
                distortion=distortion.value if distortion else None,
                **values,  # type: ignore[arg-type]
            )
        )
    notes = ["Each point is a mean over the data set, as published."]
    if left := [field for field in lists if field not in _FIELDS]:
        notes.append(f"Not understood, and left out: {', '.join(left)[:200]}.")
    if not is_model:
        notes.append("The file does not state the encoder's settings, so its points are numbered p1, p2, ...")
    return LoadedResults(rows_table(rows, name=name), name, "compressai", tuple(notes))
