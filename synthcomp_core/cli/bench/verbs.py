"""The verb `bench`: speed and memory as ratios against a named peer, in one run; one sub-command per subject."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from synthcomp_core.cli.console import output, print_json, print_record, progress_bar, say
from synthcomp_core.cli.options import AsJson, Device, PrecisionOption, Size, parse_size
from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import counted
from synthcomp_core.storage import check_outputs

bench_app = typer.Typer(help="Measure speed against a named peer, in one process and run.", no_args_is_help=True)


@bench_app.command()
def codec(
    arch: Annotated[str | None, typer.Option(help="Architecture of official size, seeded random weights.")] = None,
    quality: Annotated[int | None, typer.Option(help="Quality 1..8: picks the official channels.")] = None,
    snapshot: Annotated[str | None, typer.Option(help="Id of a snapshot, instead of an architecture.")] = None,
    image: Annotated[Path | None, typer.Option(help="The image; a bundled frame when not given.")] = None,
    size: Size = None,
    against: Annotated[str | None, typer.Option(help="compressai, or none.")] = "compressai",
    repeats: Annotated[int, typer.Option(help="Alternating runs; medians are printed.")] = 3,
    precision: PrecisionOption = "auto",
    json: AsJson = False,
) -> None:
    """A learned codec against CompressAI's coder: same weights, same image, alternating runs.

    Example: python -m synthcomp_core bench codec --arch mbt2018 --quality 4 --size 768x512
    """
    from synthcomp_core.cli.bench.codec import bench_codec

    if snapshot is not None and quality is not None:
        raise SynthcompError(f"--quality is for an architecture; {snapshot} has its own, so leave it out.")
    if arch is None and snapshot is None:
        arch, quality = "mbt2018", quality or 4
    with progress_bar("bench codec") as on_progress:
        result = bench_codec(
            architecture=arch,
            quality=quality,
            snapshot=snapshot,
            image=image,
            size=None if size is None else parse_size(size),
            against=None if against in (None, "none") else against,
            repeats=repeats,
            precision=precision,
            on_progress=on_progress,
        )
    if json:
        print_json(result)
    else:
        print_record(result)


@bench_app.command()
def upscale(
    method: Annotated[str, typer.Option(help="Upscaler id, or rcan-full / rcan-compact with random weights.")] = "fsr1",
    against: Annotated[str, typer.Option(help="pillow (its bicubic resize) or float32-contiguous.")] = "pillow",
    size: Size = None,
    scale: Annotated[int, typer.Option(help="Enlargement per side.")] = 2,
    repeats: Annotated[int | None, typer.Option(help="Interleaved runs; medians are printed.")] = None,
    precision: PrecisionOption = "auto",
    device: Device = None,
    json: AsJson = False,
) -> None:
    """An upscaler against Pillow's bicubic resize, or a network against plain float32.

    Example: python -m synthcomp_core bench upscale --against float32-contiguous
    """
    from synthcomp_core.cli.bench.upscale import bench_upscale

    with progress_bar("bench upscale") as on_progress:
        result = bench_upscale(
            method,
            against,
            size=None if size is None else parse_size(size),
            scale=scale,
            repeats=repeats,
            precision=precision,
            device=device,
            on_progress=on_progress,
        )
    if json:
        print_json(result)
    else:
        say(result.sentence())


@bench_app.command()
def train(
    patch: Annotated[int, typer.Option(help="Side of a patch in pixels.")] = 128,
    batch: Annotated[int, typer.Option(help="Patches per step.")] = 8,
    threads: Annotated[int, typer.Option(help="Threads; 0 = torch's choice.")] = 0,
    device: Annotated[str, typer.Option(help="Where both train: cpu or cuda.")] = "cpu",
    compile_: Annotated[bool, typer.Option("--compile", help="Ours by torch.compile.")] = False,
    json: AsJson = False,
) -> None:
    """A training step of mbt2018 (N=64, M=96) against the plain loop of CompressAI's example.

    Example: python -m synthcomp_core bench train
    """
    from synthcomp_core.cli.bench.train import bench_train

    with progress_bar("bench train") as on_progress:
        result = bench_train(
            patch=patch,
            batch=batch,
            threads=threads,
            device=device,
            compile_module=compile_,
            on_progress=on_progress,
        )
    if json:
        print_json(result)
    else:
        print_record(result)
        say(f"{result.ratio:.2f}x the steps per second of the peer")


@bench_app.command()
def recipe(
    plan: Annotated[Path, typer.Argument(help="A training plan (TOML).")],
    model: Annotated[str, typer.Argument(help="The compression model of the plan to train.")],
    seconds: Annotated[float, typer.Option(help="CPU seconds for each candidate.")] = 60.0,
    csv: Annotated[Path | None, typer.Option(help="Where to write the points; artifacts/results/recipes.csv.")] = None,
) -> None:
    """Training recipes compared on the CPU: each gets the same CPU time on the same data; a table and a chart.

    Example: python -m synthcomp_core bench recipe artifacts/plans/recipes.toml mbt2018-q6 --seconds 60
    """
    from synthcomp_core.cli.bench.recipe import compare, write_chart, write_points
    from synthcomp_core.training.plan import read_training_plan

    if csv is not None and csv.suffix == ".png":
        raise SynthcompError(f"{csv} is where the chart would be written; name a file that ends in .csv.")
    check_outputs(plan, csv)
    checked = read_training_plan(plan)
    with progress_bar("bench recipe") as on_progress:
        compared = compare(
            checked,
            model,
            seconds=seconds,
            on_points=lambda points: write_points(points, csv),  # So that what was trained is not lost.
            on_progress=on_progress,
        )
    table = Table("recipe", "CPU s", "steps", "loss", "bpp", "PSNR dB")
    for point in compared.points:
        table.add_row(
            point.recipe,
            f"{point.cpu_s:.0f}",
            str(point.steps),
            f"{point.loss:.4f}",
            f"{point.bpp:.4f}",
            f"{point.psnr:.2f}",
        )
    output.print(table)
    for sentence in compared.left_out:
        say(sentence)
    path = write_points(compared.points, csv)
    chart = write_chart(compared.points, path.with_suffix(".png"))
    say(f"written to {path} and {chart.name}")


@bench_app.command()
def batch(
    workers: Annotated[int, typer.Option(min=2, help="Local workers to compare with one.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, help="Alternating runs; medians are printed.")] = 1,
    json: AsJson = False,
) -> None:
    """Local batch workers against one: a plan of 48 tasks, one thread per worker, start of the workers included.

    Example: python -m synthcomp_core bench batch --workers 2
    """
    from synthcomp_core.cli.bench.batch import bench_batch

    with progress_bar("bench batch") as on_progress:
        result = bench_batch(workers=workers, repeats=repeats, on_progress=on_progress)
    if json:
        print_json(result)
    else:
        print_record(result)
        say(f"{counted(workers, 'worker')}: {result.ratio:.2f}x as fast as one")


@bench_app.command()
def results(
    rows: Annotated[
        int, typer.Option(min=2000, help="Rows of the made-up table: images x 2,000 variants.")
    ] = 1_000_000,
    json: AsJson = False,
) -> None:
    """A long results table from its file to its chart, stage by stage, and the memory that takes; against pandas.

    Example: python -m synthcomp_core bench results --rows 1000000
    """
    from synthcomp_core.cli.bench.long_table import bench_results

    with progress_bar("bench results") as on_progress:
        result = bench_results(rows=rows, on_progress=on_progress)
    if json:
        print_json(result)
    else:
        print_record(result)
        say(result.sentence())


@bench_app.command()
def metrics(
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Size of the images; repeat for more (default: 540p, 1080p and 4K)."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Alternating runs; medians are printed.")] = 3,
    json: AsJson = False,
) -> None:
    """Every metric against the package that people use for it, and all defaults together; with peak memory.

    Example: python -m synthcomp_core bench metrics --size 1920x1080
    """
    from synthcomp_core.cli.bench.metrics import SIZES, bench_metrics

    with progress_bar("bench metrics") as on_progress:
        results = bench_metrics(
            [parse_size(one) for one in size] if size else SIZES, repeats=repeats, on_progress=on_progress
        )
    if json:
        print_json([asdict(result) for result in results])
        return
    headings = ("metric", "size", "ours [s]", "peer", "peer [s]", "speedup", "max diff.", "peak [MiB]")
    table = Table(*headings, box=None)
    for result in results:
        numbers = (result.peer_s, result.speedup, result.max_difference, result.peak_mib)
        peer_s, speedup, difference, peak = ("" if number is None else f"{number:.3g}" for number in numbers)
        table.add_row(
            result.metric,
            f"{result.width}x{result.height}",
            f"{result.ours_s:.3g}",
            result.peer or "",
            peer_s,
            speedup,
            difference,
            peak,
        )
    output.print(table)


@bench_app.command()
def page(
    repeats: Annotated[int, typer.Option(help="Moves of each slider; medians are printed.", min=1, max=50)] = 3,
    sessions: Annotated[int, typer.Option(help="Sessions at once at the end; 0 leaves that out.", min=0, max=32)] = 8,
    json: AsJson = False,
) -> None:
    """How quickly the Live page answers, in a headless Chromium, against the limits that it is held to.

    Example: python -m synthcomp_core bench page
    """
    from synthcomp_core.cli.bench.page import bench_page

    with progress_bar("bench page") as on_progress:
        results = bench_page(repeats=repeats, sessions=sessions, on_progress=on_progress)
    if json:
        print_json([{**asdict(result), "holds": result.holds} for result in results])
        return
    table = Table("what", "measured", "at most", "")
    for result in results:
        unit = f" {result.unit}".rstrip()
        table.add_row(
            result.what, f"{result.value:.3g}{unit}", f"{result.limit:.3g}{unit}", "" if result.holds else "missed"
        )
    output.print(table)


@bench_app.command()
def advise(
    image: Annotated[Path | None, typer.Option(help="The image; a bundled frame when not given.")] = None,
    size: Size = None,
    bpp: Annotated[float, typer.Option(help="The size to keep to, in bits per pixel.", min=0.001, max=24.0)] = 0.4,
    family: Annotated[
        list[str] | None, typer.Option(help="Classical codec; repeatable (default: all with a quality).")
    ] = None,
    json: AsJson = False,
) -> None:
    """The search behind the verb advise against a plain grid, which encodes every whole quality of every codec.

    Example: python -m synthcomp_core bench advise --size 480x270 --family webp --family jpeg
    """
    from synthcomp_core.cli.bench.advise import bench_advise

    with progress_bar("bench advise") as on_progress:
        result = bench_advise(
            image,
            size=None if size is None else parse_size(size),
            target_bpp=bpp,
            families=family,
            on_progress=on_progress,
        )
    if json:
        print_json(result)
    else:
        print_record(result)
        say(f"The grid takes {result.cpu_ratio:.1f} times the CPU seconds of the search")


@bench_app.command()
def effort(
    snapshot: Annotated[str, typer.Option(help="Id of a learned codec.")] = "mbt2018-q6-mse-games",
    image: Annotated[Path | None, typer.Option(help="The image; a bundled frame when not given.")] = None,
    size: Size = None,
    level: Annotated[list[int] | None, typer.Option(min=1, max=3, help="Repeat for more (default: 1, 2, 3).")] = None,
    json: AsJson = False,
) -> None:
    """What encoder effort (+e1 to +e3) gains on an image, against the seconds that it takes.

    Example: python -m synthcomp_core bench effort --size 192x128 --level 1
    """
    from synthcomp_core.cli.bench.effort import bench_effort
    from synthcomp_core.codecs.effort import LEVELS

    with progress_bar("bench effort") as on_progress:
        results = bench_effort(
            snapshot,
            image=image,
            size=None if size is None else parse_size(size),
            levels=tuple(level) if level else LEVELS,
            on_progress=on_progress,
        )
    if json:
        print_json([asdict(result) for result in results])
        return
    columns = ("level", "encode [s]", "bytes", "PSNR [dB]", "MS-SSIM", "cost [%]", "rate [%]", "peak [MiB]")
    table = Table(*columns, title=f"{snapshot}, {results[0].width}x{results[0].height}", box=None)
    for result in results:
        similarity = "" if result.msssim_rgb is None else f"{result.msssim_rgb:.4f}"
        changes = (f"{result.cost_percent:+.2f}", f"{result.rate_percent:+.1f}")
        peak = "" if result.peak_mib is None else f"{result.peak_mib:.0f}"
        numbers = (f"{result.encode_s:.1f}", f"{result.num_bytes:,}", f"{result.psnr_rgb:.2f}", similarity)
        table.add_row(str(result.level), *numbers, *changes, peak)
    output.print(table)
