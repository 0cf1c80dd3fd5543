"""What the Compare page offers to copy and download: commands, the table in three formats, all images in a zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from synthcomp_core.results.bundle import ImageFile, images_zip
from synthcomp_core.results.columns import VARIANT, measured_columns
from synthcomp_core.results.rows import rows_to_csv
from synthcomp_core.results.text_tables import latex_table, markdown_table
from synthcomp_core.storage import safe_name
from synthcomp_core.ui.compare.run import Compared
from synthcomp_core.ui.live.side import command_for
from synthcomp_core.ui.widgets.image_picker import PickedImage


def show_copy_anything(picked: PickedImage, results: Sequence[Compared]) -> None:
    """Draw the tabs with everything to copy, and the buttons for downloads."""
    rows = [compared.row for compared in results]
    columns = [VARIANT, *measured_columns(rows)]
    table = rows_to_csv(rows)
    stem = safe_name(Path(picked.name).stem)
    commands = [command_for(compared.rendered, picked) for compared in results]
    st.subheader("Copy and download", anchor=False)
    command, csv, markdown, latex = st.tabs(["Commands", "CSV", "Markdown", "LaTeX"])
    command.code("\n".join(commands), language=None, wrap_lines=True)
    csv.code(table, language=None)
    markdown.code(markdown_table(columns, rows), language=None)
    caption = f"{picked.name}, {picked.image.shape[1]} × {picked.image.shape[0]}: rate and fidelity."
    latex.code(latex_table(columns, rows, caption=caption, label=stem), language=None)
    at_csv, at_zip = st.columns(2)
    at_csv.download_button(
        "Table as CSV",
        table,
        f"{stem}.compare.csv",
        "text/csv",
        key="compare_csv",
        on_click="ignore",
        icon=":material/table:",
        width="stretch",
    )
    at_zip.download_button(
        "Images and table as a zip",
        # Packed on request: packing tens of megabytes on every rerun would make the page slow.
        lambda: pack(picked, results, commands),
        f"{stem}.compare.zip",
        "application/zip",
        key="compare_zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        width="stretch",
    )


def pack(picked: PickedImage, results: Sequence[Compared], commands: Sequence[str]) -> bytes:
    """The zip: the original, the image of every variant, the table, the manifest."""
    images = [ImageFile(f"original {picked.name}", picked.png)]
    images += [ImageFile(compared.row.variant, compared.rendered.png, compared.row.variant) for compared in results]
    return images_zip(images, [compared.row for compared in results], image=picked.name, commands=commands)
