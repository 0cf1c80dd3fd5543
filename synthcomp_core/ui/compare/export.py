"""What the Compare page gives away: its commands, its table in three formats, its pictures in one archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from synthcomp_core.results.bundle import (
    PictureFile,
    csv_table,
    latex_table,
    markdown_table,
    pictures_zip,
    safe_name,
)
from synthcomp_core.ui.compare.run import Compared
from synthcomp_core.ui.live.side import command_for
from synthcomp_core.ui.widgets.image_picker import PickedImage


def show_copy_anything(picked: PickedImage, results: Sequence[Compared]) -> None:
    """Draw the tabs with everything to copy, and the archive's button."""
    rows = [compared.row for compared in results]
    stem = safe_name(Path(picked.name).stem)
    commands = [command_for(compared.rendered, picked) for compared in results]
    st.subheader("Take it away", anchor=False)
    command, csv, markdown, latex = st.tabs(["Commands", "CSV", "Markdown", "LaTeX"])
    command.code("\n".join(commands), language=None, wrap_lines=True)
    csv.code(csv_table(rows), language=None)
    markdown.code(markdown_table(rows), language=None)
    caption = f"{picked.name}, {picked.image.shape[1]} × {picked.image.shape[0]}: rate and fidelity."
    latex.code(latex_table(rows, caption=caption, label=stem), language=None)
    at_csv, at_zip = st.columns(2)
    at_csv.download_button(
        "Table as CSV",
        csv_table(rows),
        f"{stem}.compare.csv",
        "text/csv",
        key="compare_csv",
        on_click="ignore",
        icon=":material/table:",
        width="stretch",
    )
    at_zip.download_button(
        "Pictures and table as a zip",
        # Made when it is asked for: packing tens of megabytes on every rerun would make the page slow.
        lambda: pack(picked, results, commands),
        f"{stem}.compare.zip",
        "application/zip",
        key="compare_zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        width="stretch",
    )


def pack(picked: PickedImage, results: Sequence[Compared], commands: Sequence[str]) -> bytes:
    """The archive: the original, every picture, the table, the manifest."""
    pictures = [PictureFile(f"original {picked.name}", picked.png)]
    pictures += [PictureFile(compared.row.variant, compared.rendered.png, compared.row.variant) for compared in results]
    return pictures_zip(pictures, [compared.row for compared in results], image=picked.name, commands=commands)
