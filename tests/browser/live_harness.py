"""The Live page alone, where mbt2018 waits while a file is there: run by ``streamlit run`` in the browser tests."""

import os
import time
from pathlib import Path

import streamlit as st

from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.ui import render_cache as rendered

if not hasattr(rendered, "evaluated_in_truth"):
    rendered.evaluated_in_truth = rendered.evaluate  # type: ignore[attr-defined]

    def held(image, variant, **options):  # type: ignore[no-untyped-def]
        while str(variant).startswith("mbt2018") and Path(os.environ["SYNTHCOMP_TEST_HOLD"]).exists():
            options["on_progress"](0.1, "held")
            time.sleep(0.02)
        return rendered.evaluated_in_truth(image, variant, **options)  # type: ignore[attr-defined]

    rendered.evaluate = held  # type: ignore[assignment]

st.navigation([st.Page(PROJECT_ROOT / "pages" / "live.py", title="Live")]).run()
