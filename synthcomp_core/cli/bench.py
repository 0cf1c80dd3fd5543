"""The verb `bench`: speed and memory as ratios against a named peer, in one run; one sub-command a subject."""

from __future__ import annotations

import typer

bench_app = typer.Typer(help="Measure speed against a named peer, in one process and run.", no_args_is_help=True)
