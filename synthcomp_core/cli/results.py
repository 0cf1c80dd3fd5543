"""The verbs on results files: import, export, template, validate, bdrate, plot. Files may be in any readable format."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcomp_core import limits, storage
from synthcomp_core.cli.console import fail, print_json, say, warn
from synthcomp_core.cli.options import AsJson
from synthcomp_core.errors import ResultsError, SynthcompError
from synthcomp_core.progress import counted

if TYPE_CHECKING:
    from synthcomp_core.results.bd import BDResult
    from synthcomp_core.results.curves import RDCurve
    from synthcomp_core.results.formats import LoadedResults

RESULTS = "results.csv"  # as a run calls it

results_app = typer.Typer(help="Convert, check, compare and plot results files.", no_args_is_help=True)

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Results: our CSV, the thesis CSV, others' JSON, columns of bpp and psnr."),
]
Metric = Annotated[str, typer.Option(help="A metric column, such as psnr_rgb, msssim_rgb or flip.")]
Decibels = Annotated[bool, typer.Option("--db", help="Show SSIM and MS-SSIM as -10 log10(1 - value).")]
Dataset = Annotated[str | None, typer.Option(help="Only this data set.")]
RateRange = Annotated[
    str | None, typer.Option("--bpp", metavar="LOW:HIGH", help="Only points at these rates, as in 0.4:1.15.")
]


class ExportFormat(StrEnum):
    """What ``results export`` writes."""

    synthcomp = "synthcomp"
    thesis = "thesis"


@results_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Thesis CSV, CompressAI JSON, codec-compare JSON, or our own CSV.")],
    out: Annotated[Path, typer.Argument(help="The results table to write (CSV).")],
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, if the file does not state it.")] = None,
) -> None:
    """Convert any readable results file into a results table.

    Example: python -m synthcomp_core results import compression_sr_results.csv thesis.csv
    """
    from synthcomp_core.results.formats import load_results
    from synthcomp_core.results.table import table_to_csv

    storage.check_outputs(file, out)
    loaded = load_results(file, dataset=dataset)
    storage.write_text(out, table_to_csv(loaded.table))
    _say_notes([loaded])
    say(f"{out}: {counted(len(loaded.table), 'row')} from {loaded.format} format")


@results_app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Results in any readable format.")],
    out: Annotated[Path, typer.Argument(help="The file to write (CSV).")],
    to: Annotated[
        ExportFormat, typer.Option("--format", help="synthcomp (our table) or thesis (means per variant).")
    ] = (ExportFormat.thesis),
    dataset: Dataset = None,
) -> None:
    """Write results for other tools: as the thesis's table of means, or as our own table.

    Example: python -m synthcomp_core results export results.csv means.csv --format thesis
    """
    from synthcomp_core.results.formats import load_results
    from synthcomp_core.results.formats.thesis import left_out_of_means, table_to_thesis_csv
    from synthcomp_core.results.table import table_to_csv, without_rate

    storage.check_outputs(file, out)
    loaded = load_results(file)
    table = loaded.table
    if dataset is not None:
        table = table[table["dataset"] == dataset]
        if table.empty:
            names = ", ".join(str(name) for name in loaded.table["dataset"].unique())
            raise ResultsError(f"{file.name} has no data set {dataset!r}; it has {names}.")
    storage.write_text(out, table_to_csv(table) if to is ExportFormat.synthcomp else table_to_thesis_csv(table))
    _say_notes([loaded])
    say(f"{out}: written in {to.value} format")
    if to is ExportFormat.thesis and (lacking := without_rate(table)):
        warn(f"{out.name}: no rate is known for {', '.join(lacking)}, whose bpp is left empty.")
    for sentence in left_out_of_means(table) if to is ExportFormat.thesis else ():
        warn(f"{out.name}: {sentence}")


@results_app.command()
def template(out: Annotated[Path, typer.Argument(help="The CSV to write.")]) -> None:
    """Write an example of the smallest table that every verb here reads, to be filled with your own numbers.

    Example: python -m synthcomp_core results template my-codec.csv
    """
    from synthcomp_core.results.formats.loose import TEMPLATE
    from synthcomp_core.results.rows import NEEDED_COLUMNS

    if storage.is_file(out) and storage.read_file(out, max_bytes=limits.RESULTS_BYTES) != TEMPLATE.encode():
        raise ResultsError(f"{out} exists already and would be lost; name a new file for the template.")
    storage.write_text(out, TEMPLATE)
    say(f"{out}: needed are {NEEDED_COLUMNS.partition(' (`results template`')[0]}")


@results_app.command()
def validate(files: Files) -> None:
    """Check results files: prints one line per file, and exits with 1 if any is faulty.

    Example: python -m synthcomp_core results validate artifacts/runs/*/results.csv
    """
    from synthcomp_core.results.formats import load_results

    wrong = 0
    for file in files:
        try:
            loaded = load_results(file)
        except SynthcompError as error:
            wrong += 1
            fail(f"Error: {error}")
            continue
        table = loaded.table
        failed = int(table["error"].notna().sum())
        say(
            f"{file}: ok, {loaded.format} format, {counted(len(table), 'row')}, "
            f"{counted(table['variant'].nunique(), 'variant')}, {counted(table['image'].nunique(), 'image')}, "
            f"{counted(failed, 'error')}"
        )
        _say_notes([loaded])
    if wrong:
        raise typer.Exit(1)


@results_app.command()
def bdrate(
    files: Files,
    anchor: Annotated[
        str, typer.Option(metavar="FILE_OR_CURVE", help="A file with the anchor's curve, or a curve's name.")
    ],
    metric: Metric = "psnr_rgb",
    method: Annotated[str, typer.Option(help="Interpolation: akima, pchip or cubic.")] = "akima",
    decibels: Decibels = False,
    dataset: Dataset = None,
    bootstrap: Annotated[
        int,
        typer.Option(min=0, max=limits.BOOTSTRAP, help="Resamplings for a 95 % interval over images; 0 for none."),
    ] = 0,
    bpp: RateRange = None,
    as_json: AsJson = False,
) -> None:
    """Print the Bjontegaard rate of every curve against an anchor: name, BD-rate, overlap, warnings, tab-separated.

    Negative means fewer bits for the same quality. The anchor is a file, a curve in the files, or the name of a bundled
    file.

    Example: python -m synthcomp_core results bdrate results.csv --anchor jpeg --metric psnr_rgb
    """
    from synthcomp_core.results.bd import bd_table

    loaded = _load(files)
    curves = _curves(loaded, metric, decibels, dataset)
    _say_notes(loaded)
    base, curves = _anchor(anchor, curves, files, metric, decibels, dataset)
    if bpp is not None:
        base, curves = _within(base, curves, bpp)
    results = bd_table(curves, base, method=method, bootstrap=bootstrap)
    if not results:
        raise ResultsError(f"There is no curve to compare with the anchor {anchor!r} in {_names(files)}.")
    if bootstrap:
        _warn_without_interval(results)
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
        return
    several = len({result.dataset for result in results}) > 1
    for result in results:
        say(_bd_line(result, several))


def _warn_without_interval(results: Sequence[BDResult]) -> None:
    lacking = [result.name for result in results if result.rate_percent is not None and result.rate_low is None]
    if lacking:
        warn(
            f"--bootstrap gave no interval for {', '.join(dict.fromkeys(lacking))}: it needs at least two images on "
            "which both curves were measured (published means hold none), and most resamplings must give a BD-rate."
        )


def _within(base: RDCurve | str, curves: list[RDCurve], bpp: str) -> tuple[RDCurve | str, list[RDCurve]]:
    """Anchor and curves with only the points in a range of rates, given as LOW:HIGH."""
    from synthcomp_core.results.curves import within_rates

    low, high = _rate_range(bpp)
    kept = [within_rates(curve, low, high) for curve in curves]
    before, after = (sum(len(curve.points) for curve in part) for part in (curves, kept))
    warn(
        f"{before - after} of {counted(before, 'point')} {'lies' if before - after == 1 else 'lie'} "
        f"outside {low:g} to {high:g} bpp"
    )
    return (base if isinstance(base, str) else within_rates(base, low, high)), kept


def _rate_range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise ResultsError(f"--bpp takes two rates as in 0.4:1.15, not {text!r}.") from None
    if not 0 <= low < high:
        raise ResultsError(f"--bpp {text!r}: the first rate must be at least 0 and below the second.")
    return low, high


def _bd_line(result: BDResult, several_datasets: bool) -> str:
    rate = "n/a" if result.rate_percent is None else f"{result.rate_percent:+.2f} %"
    if result.rate_low is not None and result.rate_high is not None:
        rate += f" [{result.rate_low:+.2f}, {result.rate_high:+.2f}]"
    name = f"{result.name} on {result.dataset}" if several_datasets else result.name
    return "\t".join([name, rate, f"overlap {result.overlap:.0%}", "; ".join(result.warnings) or "no warnings"])


@results_app.command()
def plot(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="The chart's file: .html, .png, .svg or .pdf.")],
    metric: Metric = "psnr_rgb",
    reference: Annotated[
        list[Path] | None, typer.Option(help="A file whose curves are drawn dashed; repeatable.")
    ] = None,
    decibels: Decibels = False,
    log_rate: Annotated[bool, typer.Option("--log-rate", help="Use a logarithmic rate axis.")] = False,
    bands: Annotated[bool, typer.Option("--bands", help="Shade the 95 % confidence of the means (HTML only).")] = False,
    dataset: Dataset = None,
) -> None:
    """Draw rate-distortion curves to a file.

    Example: python -m synthcomp_core results plot results.csv --metric msssim_rgb --db --out chart.html
    """
    from synthcomp_core.figures.rd_chart_file import write_rd_chart
    from synthcomp_core.results.curves import with_distinct_names

    storage.check_outputs([*files, *(reference or ())], out)
    every = _load([*files, *(reference or [])])
    loaded = every[: len(files)]
    curves = _curves(loaded, metric, decibels, dataset)
    references = _curves(every[len(files) :], metric, decibels, None) if reference else []
    drawn = with_distinct_names([*curves, *references])
    curves, references = drawn[: len(curves)], drawn[len(curves) :]
    write_rd_chart(out, curves, references=references, log_rate=log_rate, bands=bands)
    _say_notes(every)
    say(f"{out}: {counted(len(curves) + len(references), 'curve')}")


def _load(files: Sequence[Path]) -> list[LoadedResults]:
    """The files; those with the same name are called by their path."""
    from synthcomp_core.results.formats import load_results

    # Every run's table is called results.csv; the run's own name is its folder's.
    names = [file.resolve().parent.name if file.name == RESULTS else file.stem for file in files]
    return [
        dataclasses.replace(load_results(file), name=str(file) if names.count(name) > 1 else name)
        for file, name in zip(files, names, strict=True)
    ]


def _curves(loaded: Sequence[LoadedResults], metric: str, decibels: bool, dataset: str | None) -> list[RDCurve]:
    from synthcomp_core.results.curves import curves_of
    from synthcomp_core.results.table import without_rate

    curves = curves_of(loaded, metric, decibels=decibels)
    for part in loaded:
        if lacking := without_rate(part.table, metric):
            warn(f"{part.name}: no rate is known for {', '.join(lacking)}, which are left out.")
    if dataset is not None:
        curves = [curve for curve in curves if curve.dataset == dataset]
    if not curves:
        where = f" on the data set {dataset}" if dataset else ""
        raise ResultsError(f"{', '.join(part.name for part in loaded)}: no row has both a rate and {metric}{where}.")
    return curves


def _anchor(
    anchor: str, curves: list[RDCurve], files: Sequence[Path], metric: str, decibels: bool, dataset: str | None
) -> tuple[RDCurve | str, list[RDCurve]]:
    """(what to compare with, the curves to compare): the only curve of a file, one of ``curves``, or a bundled one."""
    from synthcomp_core.results.curves import find_curve
    from synthcomp_core.results.formats import reference_files

    path = Path(anchor)
    if path.is_file():
        return _only_curve(path, files, metric, decibels, dataset), curves
    try:
        return find_curve(curves, anchor).name, curves
    except ResultsError:
        bundled = next((file for file in reference_files() if anchor in (file.stem, file.name)), None)
        if bundled is None:
            raise
        return _only_curve(bundled, files, metric, decibels, dataset), curves


def _only_curve(path: Path, files: Sequence[Path], metric: str, decibels: bool, dataset: str | None) -> RDCurve:
    """The curve of an anchor's file; of several the one on ``dataset``. Its notes are said unless they were."""
    loaded = _load([path])
    curves = _curves(loaded, metric, decibels, None)
    if not any(storage.is_same(path, file) for file in files):
        _say_notes(loaded)
    if len(curves) > 1 and dataset is not None:
        curves = [curve for curve in curves if curve.dataset == dataset] or curves
    if len(curves) > 1:
        several = len({curve.dataset for curve in curves}) > 1
        names = ", ".join(f"{curve.name} on {curve.dataset}" if several else curve.name for curve in curves)
        advice = "choose a data set with --dataset, or add it" if several else "add it"
        raise ResultsError(
            f"The anchor {path.name} has {len(curves)} curves ({names}); {advice} to the files and name one of them."
        )
    return curves[0]


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)


def _say_notes(loaded: Sequence[LoadedResults]) -> None:
    for part in loaded:
        for note in part.notes:
            warn(f"{part.name}: {note}")
