"""What batch runs kept of an image, as the Compare page shows it: its files, with the metrics that a run left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.kept import KeptRendering, journal_paths, read_entries, read_kept
from synthcomp_core.errors import SynthcompError
from synthcomp_core.metrics import DEFAULT_METRICS, flip_error, measure
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.ui.render_cache import Rendered, ready_to_show
from synthcomp_core.ui.widgets.image_picker import PickedImage


def rendered_of(kept: KeptRendering, picked: PickedImage, on_progress: OnProgress) -> Rendered | None:
    """What a run kept, with the metrics that it did not measure; None where its file does not fit any more."""
    on_progress(0.0, f"kept by run {kept.run}")
    try:
        rendering = read_kept(kept, picked.image)
    except SynthcompError:
        return None
    on_progress(0.2, "error map")
    error_map = flip_error(picked.image, rendering.image)
    lacking = [name for name in DEFAULT_METRICS if getattr(kept.row, name) is None]
    share = span(on_progress, 0.4, 1.0)
    values = measure(picked.image, rendering.image, metrics=lacking, error_map=error_map, on_progress=share)
    row = replace(kept.row, **{name: getattr(values, name) for name in lacking})
    rendered = ready_to_show(rendering, row, error_map, kept_by=kept.run)
    on_progress(1.0, "done")
    return rendered


def kept_entries() -> list[tuple[str, Entry]]:
    """What batch runs have kept, as (run, entry)."""
    return [
        (journal.parent.name, entry)
        for journal in journal_paths()
        for entry in _entries(str(journal), journal.stat().st_mtime)
    ]


@st.cache_data(show_spinner=False, max_entries=8)
def _entries(journal: str, modified: float) -> list[Entry]:
    return read_entries(Path(journal))
