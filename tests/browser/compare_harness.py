"""The Compare page alone, with every rendering written down: run by ``streamlit run`` in the browser tests."""

import os
from pathlib import Path

import streamlit as st

from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.ui import render_cache as rendered

if not hasattr(rendered, "evaluated_in_truth"):
    rendered.evaluated_in_truth = rendered.evaluate  # type: ignore[attr-defined]

    def counted(image, variant, **options):  # type: ignore[no-untyped-def]
        with Path(os.environ["SYNTHCOMP_TEST_RENDERS"]).open("a") as file:
            file.write(f"{variant}\n")
        return rendered.evaluated_in_truth(image, variant, **options)  # type: ignore[attr-defined]

    rendered.evaluate = counted  # type: ignore[assignment]

st.navigation([st.Page(PROJECT_ROOT / "pages" / "compare.py", title="Compare")]).run()
