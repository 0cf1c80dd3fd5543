"""The verb `adopt`: make a project's data sets, weights, renderings, samples and tables available by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core.cli.console import progress_bar, say
from synthcomp_core.library.findings import Finding, Kind
from synthcomp_core.library.project_scan import scan_project


def register(app: typer.Typer) -> None:
    """Add this verb to the command line."""
    app.command()(adopt)


def adopt(
    folder: Annotated[Path, typer.Argument(help="A project's folder, such as the thesis's.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what was found, or would be removed.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Undo it: remove the links and imported weights.")] = False,
) -> None:
    """Look through a folder and offer what it holds on every page and by name, through links.

    Weights are converted and zips unpacked.

    It finds data sets with train and test (folders or zips), checkpoints, renderings in folders such as
    mbt2018_q4_mse_fullres, FSR samples, and results tables. Run again, it only adds what is new.

    Example: python -m synthcomp_core adopt ~/ba-thesis-scripts
    """
    from synthcomp_core.variants.adoption import adopt_project, forget_project, put_by_adoption

    if forget and dry_run:
        paths = put_by_adoption(folder)
        for path in paths:
            say(str(path))
        say(f"{_links_and_files(len(paths))} of {folder} would be removed")
        return
    if forget:
        say(f"{_links_and_files(forget_project(folder))} of {folder} removed")
        return
    if dry_run:
        findings = scan_project(folder)
        _print([(one, one.detail if one.kind is Kind.ARCHIVE else one.name) for one in findings], folder)
        return
    with progress_bar(folder.name) as on_progress:
        adopted = adopt_project(folder, on_progress=on_progress)
    # Most CSV and JSON files are no tables of results; nobody wants to read so of each.
    _print([(one.finding, one.outcome) for one in adopted if one.path or one.finding.kind is not Kind.RESULTS], folder)


def _print(rows: list[tuple[Finding, str]], folder: Path) -> None:
    for finding, outcome in rows:
        where = finding.path.relative_to(folder).as_posix()
        holds = f" ({finding.detail})" if finding.detail and finding.detail not in outcome else ""
        line = f"{finding.kind.value}: {where}{holds}: {outcome}"
        say(line)


def _links_and_files(number: int) -> str:
    return "1 link or file" if number == 1 else f"{number} links and files"
