"""The thesis's table of means: CSV with semicolons, one line per variant; read and written."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from synthcomp_core.errors import ResultsError, SnapshotError
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.progress import counted
from synthcomp_core.results.formats.loaded import LoadedResults, parsed_number
from synthcomp_core.results.rows import MEAN_IMAGE, ResultRow
from synthcomp_core.results.table import rows_table
from synthcomp_core.results.text_tables import Cell, csv_text

if TYPE_CHECKING:
    import pandas as pd

THESIS_COLUMNS = (
    *("model", "quality", "metric", "supersampled", "bpp"),
    *("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "msssim"),
)
_SUPERSAMPLED = "@x2-rcan"  # What the thesis means: half resolution, then RCAN x2.
_LUMA_CODECS = ("mbt2018", "none")
_NOT_TRAINED = "none"  # In the column "metric", of classical codecs.


def load_thesis(content: bytes, name: str, dataset: str | None) -> LoadedResults:
    """The table in the bytes of a thesis CSV; ResultsError naming ``name``, row, column and value."""
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
            raise ResultsError(
                f"{name}, row {number}: {counted(len(cells), 'cell')} where the header has {len(header)} columns."
            )
        rows.append(_thesis_row(dict(zip(header, cells, strict=True)), f"{name}, row {number}", dataset or "thesis"))
    note = (
        "The thesis's bits per pixel are estimates (from likelihoods, on 512x512 centre crops), not bitstream sizes, "
        "and were read as bpp_estimated."
    )
    luma = (
        "The thesis's msssim is of luma for mbt2018 and bicubic, of RGB for other codecs; it was read as msssim_y and "
        "msssim_rgb."
    )
    return LoadedResults(rows_table(rows, name=name, first_row=2), name, "thesis", (note, luma))


def _msssim_column(codec: str) -> str:
    """Which MS-SSIM the thesis's column ``msssim`` holds for a codec ("none": its rows "bicubic")."""
    return "msssim_y" if codec in _LUMA_CODECS else "msssim_rgb"


def _thesis_row(cells: dict[str, str], where: str, dataset: str) -> ResultRow:
    def number(column: str) -> float | None:
        return None if cells[column].strip() == "" else parsed_number(cells[column], f"{where}, column {column}")

    model = cells["model"].strip()
    supersampled = cells["supersampled"].strip().upper()
    if not model:
        raise ResultsError(f"{where}, column model: the cell is empty, but every row needs one.")
    if supersampled not in ("TRUE", "FALSE"):
        raise ResultsError(f"{where}, column supersampled: {cells['supersampled']!r} is neither TRUE nor FALSE.")
    distortion = _distortion(cells["metric"], where)
    quality = number("quality")
    # "bicubic" is the uncompressed image, downscaled bicubically and brought back by RCAN.
    codec = "none" if model == "bicubic" else model.lower()
    point = "" if codec == "none" or quality is None else f"-q{quality:g}"
    upscaled = supersampled == "TRUE"
    return ResultRow(
        dataset=dataset,
        image=MEAN_IMAGE,
        variant=codec + point + (f"-{distortion.short}" if distortion else "") + (_SUPERSAMPLED if upscaled else ""),
        codec=codec,
        quality=None if codec == "none" else quality,
        distortion=distortion.value if distortion else None,
        scale=2.0 if upscaled else None,
        upscaler="rcan" if upscaled else None,
        bpp_estimated=number("bpp"),
        psnr_rgb=number("psnr_rgb"),
        psnr_y=number("psnr_y"),
        ssim_rgb=number("ssim_rgb"),
        ssim_y=number("ssim_y"),
        **{_msssim_column(codec): number("msssim")},  # type: ignore[arg-type]
    )


def _distortion(text: str, where: str) -> Distortion | None:
    metric = text.strip().lower()
    if metric == _NOT_TRAINED:
        return None
    try:
        return Distortion.parse(metric)
    except SnapshotError:
        known = ", ".join((_NOT_TRAINED, *(distortion.short for distortion in Distortion)))
        raise ResultsError(f"{where}, column metric: {text!r} is not one of {known}.") from None


def table_to_thesis_csv(table: pd.DataFrame) -> str:
    """Means over images, one line per variant, in the thesis's format (';').

    The column msssim is of luma for mbt2018 and for the bicubic rows, of RGB for others, as in the thesis's own table.
    Identical images (PSNR inf) are left out of the mean PSNR. bpp is that of the bitstream if measured, else the
    estimate; empty where it is not known of all images that were measured, whose means stand beside it. ResultsError
    when the table holds several data sets, or variants that differ only in what the format leaves out.
    """
    datasets = [str(dataset) for dataset in table["dataset"].unique()]
    if len(datasets) > 1:
        raise ResultsError(
            f"The thesis format holds one data set, but the table has {', '.join(datasets)}; choose one."
        )
    rate = table["bpp"].fillna(table["bpp_estimated"])
    lines: list[list[Cell]] = []
    taken: dict[tuple[object, ...], str] = {}
    for variant, group in table.assign(bpp=rate).groupby("variant", sort=False, observed=True):
        first = group.iloc[0]
        codec = str(first["codec"]) if first["codec"] == first["codec"] else str(first["variant"])
        supersampled = bool(first["scale"] == first["scale"])  # NaN when coded at full resolution.
        bare = codec == "none" and supersampled
        distortion = str(first["distortion"])  # "nan" when the codec is not trained.
        metric = Distortion(distortion).short if distortion in tuple(Distortion) else _NOT_TRAINED
        quality = 0.0 if math.isnan(first["quality"]) else float(first["quality"])
        model = "bicubic" if bare else codec
        key = (model.lower(), quality, metric, supersampled)
        other = taken.setdefault(key, str(variant))
        if other != variant:
            raise ResultsError(
                f"{other} and {variant} would be the same line of the thesis format, which leaves out training set, "
                "scale and upscaler; leave one of them out of the table, or write the synthcomp format."
            )
        msssim = _msssim_column("none" if bare else codec)
        columns = ("bpp", "psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", msssim)
        means = [_mean(group[column]) for column in columns]
        if group.loc[group["error"].isna(), "bpp"].isna().any():
            means[0] = None
        lines.append([model, quality, metric, str(supersampled).upper(), *means])
    return csv_text(THESIS_COLUMNS, lines, delimiter=";")


def left_out_of_means(table: pd.DataFrame) -> list[str]:
    """What of a table of images is in no mean of :func:`table_to_thesis_csv`, or not in that of PSNR; in sentences."""
    failed, identical = [], []
    for variant, group in table.groupby("variant", sort=False, observed=True):
        errors = int(group["error"].notna().sum())
        if errors:
            failed.append(f"{errors} of {len(group)} for {variant}")
        infinite = int((group["psnr_rgb"] == math.inf).sum())
        if 0 < infinite < len(group) - errors:
            identical.append(f"{infinite} of {len(group) - errors} for {variant}")
    sentences = []
    if failed:
        sentences.append(f"the means leave out rows that failed: {', '.join(failed)}.")
    if identical:
        sentences.append(f"the mean PSNR leaves out images identical to the original: {', '.join(identical)}.")
    return sentences


def _mean(values: pd.Series) -> float | None:
    """The mean of the finite values, inf if all are infinite, None if there is none."""
    values = values.dropna()
    finite = values[values != math.inf]
    if values.empty:
        return None
    return math.inf if finite.empty else float(finite.mean())
