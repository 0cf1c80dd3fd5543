"""The verb `run`: carry out a batch plan, or say what it would take."""

from __future__ import annotations

import shlex
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from synthcomp_core.batch.cluster import Workers, local_share
from synthcomp_core.batch.plan import Plan, read_run_plan
from synthcomp_core.batch.tasks import dataset_text
from synthcomp_core.cli.console import cell, errors, fail, output, say, warn
from synthcomp_core.errors import PlanError
from synthcomp_core.progress import counted, duration

if TYPE_CHECKING:
    from synthcomp_core.batch.runner import RunOutcome

_EXIT_FAILED_TASKS, _EXIT_INTERRUPTED = 1, 130
_FAILURES_SHOWN, _NOTES_SHOWN = 5, 10


def register(app: typer.Typer) -> None:
    """Add this verb to the command line."""
    app.command()(run)


def run(
    plan: Annotated[Path, typer.Argument(help="A plan: a TOML file of data sets, variants and metrics.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Local processes (default: by cores and memory).")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads per worker (default: cores / workers).")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A running Dask scheduler, such as tcp://10.0.0.1:8786.")
    ] = None,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Submit the jobs that the plan's [slurm] table describes.")
    ] = False,
    folder: Annotated[Path | None, typer.Option(help="The run's folder (default: artifacts/runs/NAME).")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check kept files against their hashes, not just their sizes.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how long the run would take, and how much disk space.")
    ] = False,
) -> None:
    """Carry out a plan: every image through every variant, into results.csv. Run again, it does only what is missing.

    Example: python -m synthcomp_core run artifacts/plans/bundled.toml --workers 2
    """
    if scheduler is not None and (slurm or workers is not None):
        raise PlanError("The --scheduler has workers already; leave out --workers and --slurm.")
    if slurm and workers is not None:
        raise PlanError("With --slurm, the plan's [slurm] table sets the number of workers; leave out --workers.")
    if slurm and threads is not None:
        raise PlanError("With --slurm, the plan's [slurm] table sets the threads; leave out --threads.")
    content = read_run_plan(plan)
    if slurm and content.slurm is None:
        raise PlanError(f"{plan} has no [slurm] table; add one with cores, memory and time.")
    place = Workers(workers, threads, scheduler, content.slurm if slurm else None)
    if dry_run:
        _describe(content, place, folder, verify)
    else:
        end_run(carry_out(content, place, folder, verify=verify))


def carry_out(
    plan: Plan, place: Workers, folder: Path | None, *, verify: bool = False, command: str = "", quiet: bool = False
) -> RunOutcome:
    """Carry out a plan with a progress bar, and say how it went; :func:`end_run` does the rest.

    verify: as of the verb `run`. command: what is recorded as the way to repeat the run (default: the verb `run` and
    the plan's file). quiet: do not say how it went, for verbs that print their own answer.
    """
    from synthcomp_core.batch.runner import RunProgress, carry_out_plan
    from synthcomp_core.batch.status import run_failures

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bar, _stop_signal() as stop:
        shown = bar.add_task(plan.name, total=None, note="starting")

        def report(progress: RunProgress) -> None:
            note = _note(progress.eta_s, progress.failed, progress.workers)
            if stop.asked:
                note = f"finishing {counted(progress.in_flight, 'task')} in flight; press Ctrl-C again to stop at once"
            bar.update(shown, total=progress.todo, completed=progress.done, note=note)

        outcome = carry_out_plan(
            plan, place, folder=folder, verify=verify, command=command or _command(plan, place, folder),
            on_progress=report,
            should_stop=lambda: stop.asked,
        )  # fmt: skip
    if quiet:
        return outcome
    show_notes(outcome.notes)
    for dataset in plan.datasets:
        say(dataset_text(dataset))
    kept = outcome.total - outcome.carried_out
    say(
        f"{outcome.results}: {outcome.carried_out} of {counted(outcome.total, 'task')} carried out, "
        f"{kept} {'left' if outcome.interrupted else 'already there'}, {outcome.failed} failed"
    )
    if outcome.failed:
        _show_failures(Counter(failure.error for failure in run_failures(outcome.folder)))
    return outcome


def end_run(outcome: RunOutcome) -> None:
    """End the program with the status that fits the outcome, if it is not success."""
    if outcome.interrupted:
        raise typer.Exit(_EXIT_INTERRUPTED)
    if outcome.failed:
        raise typer.Exit(_EXIT_FAILED_TASKS)


def show_notes(notes: Sequence[tuple[str, int]]) -> None:
    """Say what reading images changed, each note once with the number of images, on standard error."""
    for note, number in notes[:_NOTES_SHOWN]:
        warn(f"{counted(number, 'image')}: {note}")
    if len(notes) > _NOTES_SHOWN:
        warn(f"and {counted(len(notes) - _NOTES_SHOWN, 'other note')} on what reading images changed.")


def _show_failures(reasons: Counter[str]) -> None:
    for reason, number in reasons.most_common(_FAILURES_SHOWN):
        fail(f"{number} x {reason}")
    if len(reasons) > _FAILURES_SHOWN:
        fail(f"and {counted(len(reasons) - _FAILURES_SHOWN, 'other reason')}; see the error column.")


def _describe(plan: Plan, place: Workers, folder: Path | None, verify: bool) -> None:
    from synthcomp_core.batch.estimate import estimate
    from synthcomp_core.batch.journal import JOURNAL, read_journal
    from synthcomp_core.batch.runner import prepare

    prepared = prepare(plan, folder=folder, verify=verify)
    whole = [task for task in prepared.todo if task.previous is None]
    expected = estimate(prepared.todo, read_journal(prepared.folder / JOURNAL).values())
    described = [dataset_text(dataset) for dataset in plan.datasets]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("plan", cell(f"{plan.name} ({plan.path})"))
    table.add_row("run folder", cell(prepared.folder))
    table.add_row("data sets", cell(", ".join(described)))
    table.add_row("variants", str(len({task.variant for task in prepared.tasks})))
    table.add_row("metrics", ", ".join(plan.metrics))
    table.add_row("keep", f"{plan.keep}, layout {plan.layout}")
    done = len(prepared.tasks) - len(prepared.todo)
    table.add_row("tasks", f"{len(prepared.tasks)}, of which {done} {'is' if done == 1 else 'are'} done")
    table.add_row(
        "to do", f"{counted(len(whole), 'task')}, and {len(prepared.todo) - len(whole)} to measure on kept files"
    )
    table.add_row("size", f"{expected.megapixels:,.1f} megapixels")
    table.add_row("time", f"about {duration(expected.seconds / _processes(place))} on {_where(place)}")
    source = f"{expected.measured:.0%} of the tasks timed by earlier ones of this run, the rest by typical speeds"
    table.add_row("", f"({source})")
    table.add_row("disk", f"about {expected.num_bytes / 1e6:,.1f} MB")
    output.print(table, highlight=False)


def _processes(place: Workers) -> int:
    if place.slurm is not None:
        return place.slurm.jobs * place.slurm.processes
    return 1 if place.address is not None else local_share(place).processes


def _where(place: Workers) -> str:
    if place.address is not None:
        return f"one worker of {place.address}"
    return counted(_processes(place), f"{'Slurm' if place.slurm else 'local'} worker")


def _note(eta_s: float | None, failed: int, workers: int) -> str:
    left = "waiting for workers" if not workers else "" if eta_s is None else f"{duration(eta_s)} left"
    return f"{left}, {failed} failed" if failed else left


def _command(plan: Plan, place: Workers, folder: Path | None) -> str:
    """The command that repeats the run in any folder. A plan that is a link keeps its name: it is the run's, too."""
    parts = ["python", "-m", "synthcomp_core", "run", str(plan.path.absolute())]
    parts += ["--workers", str(place.count)] if place.count else []
    parts += ["--threads", str(place.threads)] if place.threads else []
    parts += ["--scheduler", place.address] if place.address else []
    parts += ["--slurm"] if place.slurm else []
    parts += ["--folder", str(folder.resolve())] if folder else []
    return shlex.join(parts)


class _Stop:
    """Set by the first SIGINT or SIGTERM; the second ends the process as usual."""

    asked = False


@contextmanager
def _stop_signal() -> Iterator[_Stop]:
    stop = _Stop()
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    for name in before:
        signal.signal(name, ask)
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
