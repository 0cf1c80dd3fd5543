"""The command line: Typer verbs, each a thin call into the core; one line on standard error for what goes wrong."""

from __future__ import annotations

import typer

from synthcomp_core.cli import coding, figures, results, runs, snapshot, training, upscaling
from synthcomp_core.cli.bench import verbs as bench
from synthcomp_core.cli.console import errors
from synthcomp_core.errors import Cancelled, SynthcompError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="synthcomp",
    help="How should rendered images be compressed and upscaled? Code, measure, train and compare.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
coding.register(app)
upscaling.register(app)
training.register(app)
runs.register(app)
figures.register(app)
app.add_typer(results.results_app, name="results")
app.add_typer(snapshot.snapshot_app, name="snapshot")
app.add_typer(bench.bench_app, name="bench")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for an error, 2 for a wrong call, 130 when interrupted."""
    try:
        status = app(args=arguments, prog_name="synthcomp", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else EXIT_ERROR
    except SynthcompError as error:
        errors.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return EXIT_ERROR
    except OSError as error:
        # A full disk, a missing folder, a file without permission: the system's own words name the path.
        errors.print(
            f"Error: {str(error) or type(error).__name__}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        return EXIT_ERROR
    except (KeyboardInterrupt, Cancelled):
        errors.print("Interrupted.", style="yellow")
        return EXIT_INTERRUPTED
    return status if isinstance(status, int) else 0
