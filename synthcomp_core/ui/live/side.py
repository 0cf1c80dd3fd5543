"""What one side of the Live page leaves in the hands: viewer pictures, downloads, the command that does the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st

from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.results.table import rows_to_csv
from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.ui.render_cache import Rendered
from synthcomp_core.ui.viewer import Picture
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.text import plain

_SUFFIXES = {"jpeg": "jpg", "jpeg2000": "jp2", "none": "ppm"}


def bitstream_suffix(codec_id: str) -> str:
    """The file suffix of a codec's bitstreams, without the dot."""
    family = codec_id.partition("-q")[0]
    return _SUFFIXES.get(family, family) if family in FAMILIES else "scb"


def side_pictures(side: str, rendered: Rendered) -> tuple[Picture, list[Picture]]:
    """The picture of one side for the viewer, and the overlays that lie over it."""
    height, width = rendered.rendering.image.shape[:2]
    row = rendered.row
    psnr = "identical" if row.psnr_rgb == float("inf") else f"{row.psnr_rgb:.2f} dB"
    key = side.lower()
    picture = Picture(
        key=key,
        label=f"{side} · {row.variant}",
        png=rendered.png,
        width=width,
        height=height,
        detail=f"{row.bpp:.3f} bpp, {psnr}",
        overlay_of=None,
    )
    overlays = [Picture(f"{key}-flip", f"FLIP error map {side}", rendered.flip_png, width, height, "", key)]
    if rendered.bit_map_png is not None and rendered.rendering.bit_map is not None:
        largest = float(rendered.rendering.bit_map.max())
        detail = f"dark 0 to yellow {largest:.0f} bits a latent position"
        overlays.append(Picture(f"{key}-bits", f"Bit map {side}", rendered.bit_map_png, width, height, detail, key))
    return picture, overlays


def command_for(rendered: Rendered, picked: PickedImage) -> str:
    """The command line that makes the same bitstream, picture and row."""
    stem = Path(picked.name).stem
    path = Path(picked.name) if picked.path is None else picked.path
    if path.is_relative_to(PROJECT_ROOT):
        path = path.relative_to(PROJECT_ROOT)
    variant = str(rendered.rendering.variant)
    suffix = bitstream_suffix(rendered.rendering.variant.codec)
    outputs = {"--bitstream": f"{stem}.{variant}.{suffix}", "--csv": f"{stem}.{variant}.csv"}
    render = [
        "python",
        "-m",
        "synthcomp_core",
        "render",
        path.as_posix(),
        f"{stem}.{variant}.png",
        "--variant",
        variant,
    ]
    return shlex.join([*render, *(word for option in outputs.items() for word in option)])


def show_side(side: str, rendered: Rendered, picked: PickedImage) -> None:
    """Draw the downloads and the command of one side."""
    row = rendered.row
    name = f"{Path(picked.name).stem}.{row.variant}"
    st.markdown(f"**{side}** · {plain(row.variant or '')}")
    bitstream, png, csv = st.columns(3)
    codec = rendered.rendering.variant.codec
    bitstream.download_button(
        f"Bitstream {side}",
        rendered.rendering.bitstream,
        f"{name}.{bitstream_suffix(codec)}",
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
