"""The command line: Typer verbs, each a thin call into the core; an error is one line on standard error."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer

from synthcomp_core import __version__
from synthcomp_core.cli import (
    adoption,
    advise,
    coding,
    figures,
    folders,
    results,
    runs,
    sharing,
    snapshot,
    training,
    upscaling,
    warm_up,
)
from synthcomp_core.cli.bench import verbs as bench
from synthcomp_core.cli.console import fail, say, visible, warn
from synthcomp_core.errors import Cancelled, SynthcompError, sentence_of
from synthcomp_core.images.quiet import own_stderr

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="synthcomp",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
coding.register(app)
adoption.register(app)
upscaling.register(app)
training.register(app)
runs.register(app)
folders.register(app)
advise.register(app)
figures.register(app)
sharing.register(app)
warm_up.register(app)
app.add_typer(results.results_app, name="results")
app.add_typer(snapshot.snapshot_app, name="snapshot")
app.add_typer(bench.bench_app, name="bench")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"synthcomp {__version__}")
        raise typer.Exit


@app.callback()
def _every_verb(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """How should rendered images be compressed and upscaled? Code, measure, train and compare."""


def _print_error(sentence: str) -> None:
    fail(visible(f"Error: {sentence}", one_line=True))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns its exit status: 0, 1 after an error, 2 for wrong usage, 130 when interrupted."""
    # What the libraries say of a damaged file; the error's sentence, or a note, says it too.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.|torch\.")
    own_stderr()
    try:
        status = app(args=arguments, prog_name="synthcomp", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_ERROR
    except (SynthcompError, OSError) as error:
        _print_error(sentence_of(error))
        return EXIT_ERROR
    except (KeyboardInterrupt, Cancelled):
        warn("Interrupted.")
        return EXIT_INTERRUPTED
    return status if isinstance(status, int) else 0
