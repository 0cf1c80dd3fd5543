"""Progress of the core on a page: one st.status with its stages and their times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress
from synthcomp_core.ui.widgets.text import plain

_REDRAW_S = 0.15  # A message to the browser for every latent row would cost more than the coding.


@contextmanager
def stages(title: str, place: DeltaGenerator | None = None) -> Iterator[OnProgress]:
    """A status box while the block runs; yields the callback that names the stage and moves the bar.

    Each finished stage is listed with its seconds, added up if it recurs. A SynthcompError puts the box into its error
    state and is raised again. A rerun of the page ends the work: Streamlit raises its own signal inside the callback.
    """
    box = (place or st).status(plain(title), expanded=True)
    # Not `with box`: leaving that block would mark the work as complete.
    lines = box.empty()
    bar = box.progress(0.0)
    seconds: dict[str, float] = {}
    current, began, drawn = "", time.perf_counter(), 0.0

    def finish_stage(now: float) -> None:
        if current:
            seconds[current] = seconds.get(current, 0.0) + now - began

    def listed(running: str) -> str:
        texts = [f"{stage}: {taken:.2f} s" for stage, taken in seconds.items() if stage not in (running, "done")]
        return "  \n".join(plain(text) for text in [*texts, *([f"{running} ..."] if running else [])])

    def report(fraction: float, stage: str) -> None:
        nonlocal current, began, drawn
        now = time.perf_counter()
        if stage != current:
            finish_stage(now)
            current, began = stage, now
            lines.markdown(listed(stage))
        elif now - drawn < _REDRAW_S:
            return
        drawn = now
        bar.progress(min(max(fraction, 0.0), 1.0))

    try:
        yield report
    except SynthcompError:
        box.update(state="error", expanded=False)
        raise
    finish_stage(time.perf_counter())
    lines.markdown(listed(""))
    bar.empty()
    box.update(label=plain(f"{title}: done"), state="complete", expanded=False)
