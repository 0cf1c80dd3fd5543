"""Text from outside (file names, URL values, messages) made safe to show in Streamlit's Markdown."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&/@])")


def plain(text: str) -> str:
    """``text`` with everything escaped that Markdown, emoji codes, LaTeX or links would act upon; one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
