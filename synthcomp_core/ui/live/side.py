"""Downloads, viewer images and the equivalent command for one side of the Live page."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from synthcomp_core.library.renderings import is_files
from synthcomp_core.results.rows import rows_to_csv
from synthcomp_core.ui.render_cache import Rendered
from synthcomp_core.ui.viewer import Picture, bit_map_of, error_map_of, row_detail
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants.names import variant_name


def side_pictures(side: str, rendered: Rendered, *, is_current: bool) -> tuple[Picture, list[Picture]]:
    """One side's image for the viewer, and the overlays on it. is_current: whether it is what the controls ask for."""
    height, width = rendered.rendering.image.shape[:2]
    row = rendered.row
    details = [row_detail(row), "" if is_current else "not what the controls ask for"]
    key = side.lower()
    picture = Picture(
        key=key,
        label=f"{side} · {variant_name(rendered.rendering.settled)}",
        png=rendered.png,
        width=width,
        height=height,
        detail=", ".join(filter(None, details)),
        overlay_of=None,
    )
    overlays = [] if rendered.flip_png is None else [error_map_of(picture, rendered.flip_png)]
    if rendered.bit_map_png is not None and rendered.rendering.bit_map is not None:
        largest = float(rendered.rendering.bit_map.max())
        overlays.append(bit_map_of(picture, rendered.bit_map_png, largest=largest))
    return picture, overlays


def command_for(rendered: Rendered, picked: PickedImage) -> str:
    """The command line that writes the same image and row, and the same bitstream if there is one."""
    stem = Path(picked.name).stem
    variant = str(rendered.rendering.variant)
    words = ["python", "-m", "synthcomp_core", "render", picked.argument, f"{stem}.{variant}.png"]
    words += ["--variant", variant]
    # The verb writes none for images made elsewhere, not even where their folder holds one.
    if rendered.rendering.bitstream and not is_files(rendered.rendering.variant.codec):
        words += ["--bitstream", bitstream_name(rendered, picked)]
    return shlex.join([*words, "--csv", f"{stem}.{variant}.csv"])


def bitstream_name(rendered: Rendered, picked: PickedImage) -> str:
    """The file name of a side's bitstream, which differs from that of its image."""
    variant = rendered.rendering.variant
    suffix = variant.codec_id.suffix
    return f"{Path(picked.name).stem}.{variant}{'.coded' if suffix == '.png' else ''}{suffix}"


def show_side(side: str, rendered: Rendered, picked: PickedImage) -> None:
    """Draw the downloads and the command of one side."""
    row = rendered.row
    name = f"{Path(picked.name).stem}.{row.variant}"
    st.markdown(f"**{side}** · {plain(variant_name(rendered.rendering.variant))}", help=plain(row.variant))
    bitstream, png, csv = st.columns(3)
    if rendered.rendering.bitstream:  # Renderings made elsewhere may have none.
        bitstream.download_button(
            f"Bitstream {side}",
            rendered.rendering.bitstream,
            bitstream_name(rendered, picked),
            "application/octet-stream",
            key=f"bitstream_{side}",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    png.download_button(
        f"PNG {side}", rendered.png, f"{name}.png", "image/png", key=f"png_{side}", on_click="ignore",
        icon=":material/image:", width="stretch",
    )  # fmt: skip
    csv.download_button(
        f"Row {side}", rows_to_csv([row]), f"{name}.csv", "text/csv", key=f"row_{side}", on_click="ignore",
        icon=":material/table:", width="stretch",
    )  # fmt: skip
    st.code(command_for(rendered, picked), language=None, wrap_lines=True)
