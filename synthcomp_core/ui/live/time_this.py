"""“Time this” on the Live page: encoding and decoding of both sides repeated, and the medians of their seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from synthcomp_core.library.renderings import is_files
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.text_tables import MISSING
from synthcomp_core.ui.live.sides import Side
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import Job, server_queue, session_id
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import variant_name
from synthcomp_core.variants.timing import Timing, time_variant

REPEATS = 5
_POLL_S = 0.5
Timed = tuple[tuple[str, Timing], ...]


@dataclass(frozen=True)
class TimeThisState:
    """What was timed last. asked: the image and the variants; job: that times them."""

    asked: tuple[str, ...] = ()
    job: Job[Timed] | None = None


def show_time_this(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Draw the button, and the medians of what the sides show as they come; nothing before a side is there."""
    variants = {
        name: side.rendered.rendering.settled
        for name, side in sides.items()
        if side.is_current and side.rendered is not None and not is_files(side.rendered.rendering.settled.codec)
    }
    if not variants:
        return
    asked = (picked.sha256, *(f"{name}:{variant}" for name, variant in variants.items()))
    st.button(
        "Time this", key="time_this", icon=":material/timer:", on_click=_start, args=(picked, variants, asked),
        help=f"Runs both sides {REPEATS} more times after one to warm up, and shows the medians.",
    )  # fmt: skip
    state = load_state(TimeThisState)
    if state.job is not None and state.asked == asked:
        _draw_until_done(state.job, variants)


def _start(picked: PickedImage, variants: Mapping[str, Variant], asked: tuple[str, ...]) -> None:
    def work(on_progress: OnProgress, publish: Callable[[Timed], None]) -> None:
        done: Timed = ()
        for number, (name, variant) in enumerate(variants.items()):
            part = span(on_progress, number / len(variants), (number + 1) / len(variants))
            done = (*done, (name, time_variant(picked.image, variant, repeats=REPEATS, on_progress=part)))
            publish(done)

    job = server_queue().submit(session_id(), "time this", asked, work)
    store_state(TimeThisState(asked, job))


def _draw_until_done(job: Job[Timed], variants: Mapping[str, Variant]) -> None:
    working = not job.status().is_over

    def draw() -> None:
        status = job.status()
        if working and status.is_over:
            st.rerun(scope="app")
        if not status.is_over:
            st.progress(status.fraction, text=plain(f"timing {REPEATS + 1} runs per side; {status.text}"))
            st.button("Stop", key="time_this_stop", icon=":material/stop:", on_click=job.stop)
        if status.error is not None:
            st.error(plain(status.error))
        if status.latest:
            _show(status.latest, variants)

    st.fragment(draw, run_every=_POLL_S if working else None)()


def _show(timed: Timed, variants: Mapping[str, Variant]) -> None:
    timings = [timing for _, timing in timed]
    columns = {
        "variant": [plain(f"{name}: {variant_name(variants[name])}") for name, _ in timed],
        "encode [s]": [f"{timing.encode_s:.3f}" for timing in timings],
        "fastest to slowest": [f"{timing.fastest_encode_s:.3f} to {timing.slowest_encode_s:.3f}" for timing in timings],
        "decode [s]": [f"{timing.decode_s:.3f}" for timing in timings],
        "upscale [s]": [MISSING if timing.upscale_s is None else f"{timing.upscale_s:.3f}" for timing in timings],
    }
    st.table(pd.DataFrame(columns).set_index("variant"))
    st.caption(f"Medians of {REPEATS} runs after one to warm up, on this machine, with whatever else it does.")
