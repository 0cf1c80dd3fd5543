"""Make a publication figure on a page: crops, looks, the drawn figure with its files, LaTeX and command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import (
    MAX_CROPS,
    Crop,
    FigureCell,
    FigureContent,
    content_layout,
    draw_figure,
)
from synthcomp_core.figures.paper.layout import FONTS, WIDTHS_IN, FigureStyle
from synthcomp_core.figures.paper.request import (
    FigureRequest,
    figure_caption,
    figure_command,
    figure_content,
    latex_figure,
    requested_variants,
)
from synthcomp_core.images import read_image
from synthcomp_core.metrics.tiles import WorstTile
from synthcomp_core.results.bundle import safe_name
from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.ui.render_cache import Rendered, render_for_page
from synthcomp_core.ui.viewer import ViewState, linked_view
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshot_matrix import MatrixAxes

_CROP_SIDE = 160
_SIDES = (96, 128, 160, 192, 256, 320)


@dataclass(frozen=True)
class _Drawn:
    """The figure drawn last: what it shows, and its PNG."""

    content: FigureContent
    request: FigureRequest
    png: bytes
    notes: tuple[str, ...]


def show_figure_panel(
    picked: PickedImage,
    variants: Sequence[Variant],
    *,
    key: str,
    view: Callable[[], ViewState] | None = None,
    axes: MatrixAxes | None = None,
    worst: Sequence[WorstTile] = (),
) -> None:
    """Draw the panel; ``key`` keeps the widgets of several pages apart.

    variants: beside the matrix, or alone. view: gives the viewer's view, whose centre the crop button takes; without
    it, the one in the URL. worst: tiles, of which the first is where the crop starts. Variants that are not in the
    cache are computed when the figure is drawn. A crop picked on the picture opens the panel.
    """
    picked_now = st.session_state.pop(f"{key}_crops_picked", None)
    if picked_now is not None:
        st.session_state[f"{key}_crops"] = st.session_state[f"{key}_crops_kept"] = picked_now
        st.session_state[f"{key}_figure"] = True
    with st.expander("Figure for a paper", icon=":material/article:", key=f"{key}_figure", on_change="rerun") as box:
        if not box.open:
            return
        crops = _pick_crops(picked, key, view, worst)
        style = _pick_style(key)
        place = st.empty()
        if st.button("Draw the figure", key=f"{key}_draw", icon=":material/draw:", type="primary"):
            try:
                request = FigureRequest(_path_text(picked), axes, tuple(variants), _parsed(crops), style)
                st.session_state[f"{key}_drawn"] = _draw(picked, request, place)
            except SynthcompError as error:
                st.session_state.pop(f"{key}_drawn", None)
                st.error(plain(str(error)))
        drawn = st.session_state.get(f"{key}_drawn")
        if isinstance(drawn, _Drawn):
            _show_drawn(picked, drawn, key)


def crops_on_picture(picked: PickedImage, key: str) -> tuple[Crop, ...]:
    """The panel's crops that lie in the image, for the viewer to outline; known before the panel is drawn."""
    crops = []
    for text in _crops_text(key).split()[:MAX_CROPS]:
        with suppress(SynthcompError):
            crop = Crop.parse(text)
            crop.of(picked.image)
            crops.append(crop)
    return tuple(crops)


def take_crops(crops: Sequence[Crop], key: str) -> None:
    """Hand the crops picked on the picture to the panel, which has them from when it is drawn next."""
    st.session_state[f"{key}_crops_picked"] = " ".join(map(str, crops))


def _crops_text(key: str) -> str:
    """The panel's crops as text: just picked, else as they stand in its field, else as they last did, else linked."""
    for name in (f"{key}_crops_picked", f"{key}_crops", f"{key}_crops_kept"):
        held = st.session_state.get(name)
        if held is not None:
            return str(held)
    return st.query_params.get(f"{key}_crops", "")


def _pick_crops(picked: PickedImage, key: str, view: Callable[[], ViewState] | None, worst: Sequence[WorstTile]) -> str:
    height, width = picked.image.shape[:2]
    side = min(_CROP_SIDE, width, height)
    start = worst[0].centre if worst else (width / 2, height / 2)
    at_crops, at_side, at_button = st.columns([5, 2, 3], gap="medium", vertical_alignment="bottom")
    text_key, side_key = f"{key}_crops", f"{key}_side"
    side = int(
        at_side.selectbox("Side of a crop", _SIDES, index=_SIDES.index(_CROP_SIDE), key=side_key, bind="query-params")
    )
    kept_key = f"{key}_crops_kept"
    if text_key not in st.session_state and st.session_state.get(kept_key):
        st.session_state[text_key] = st.session_state[kept_key]  # The field is forgotten while the panel is closed.
    text = at_crops.text_input(
        "Crops (x,y,width,height; several with spaces between)",
        placeholder=str(crop_around(start, side, (width, height))),
        key=text_key,
        bind="query-params",
        help="Pick them in the viewer (its key c, then drag). Empty: where the pictures differ most.",
    )
    st.session_state[kept_key] = text

    def add() -> None:
        now = (view() if view is not None else linked_view()) or ViewState()
        crop = crop_around((now.x * width, now.y * height), side, (width, height))
        st.session_state[text_key] = f"{st.session_state.get(text_key) or ''} {crop}".strip()

    at_button.button(
        "Crop at the viewer's centre",
        key=f"{key}_add_crop",
        icon=":material/crop:",
        on_click=add,
        help="Zoom and pan in the viewer until the detail is in the middle.",
        width="stretch",
    )
    return str(text or "").strip() or str(crop_around(start, side, (width, height)))


def crop_around(centre: tuple[float, float], side: int, size: tuple[int, int]) -> Crop:
    """The square crop around a point, moved and shrunk as far as it must be to lie in an image of ``size``."""
    width, height = min(side, size[0]), min(side, size[1])
    x = min(max(round(centre[0] - width / 2), 0), size[0] - width)
    y = min(max(round(centre[1] - height / 2), 0), size[1] - height)
    return Crop(x, y, width, height)


def _parsed(crops: str) -> tuple[Crop, ...]:
    return tuple(Crop.parse(text) for text in crops.split())


def _pick_style(key: str) -> FigureStyle:
    at_width, at_font, at_size, at_dpi, at_maps = st.columns([2, 2, 2, 2, 4], gap="medium", vertical_alignment="bottom")
    default = FigureStyle()
    width = at_width.selectbox("Columns", list(WIDTHS_IN), index=1, key=f"{key}_width", bind="query-params")
    font = at_font.selectbox("Font", list(FONTS), key=f"{key}_font", bind="query-params")
    size = at_size.number_input("Size [pt]", 5.0, 12.0, default.font_pt, 0.5, key=f"{key}_pt", bind="query-params")
    dpi = at_dpi.number_input("PNG [dpi]", 100, 1200, default.dpi, 50, key=f"{key}_dpi", bind="query-params")
    maps = at_maps.pills(
        "Rows of maps", ["FLIP", "bits"], selection_mode="multi", key=f"{key}_maps", bind="query-params"
    )
    return FigureStyle(
        width=str(width),
        font=str(font),
        font_pt=float(size),
        dpi=int(dpi),
        error_maps="FLIP" in maps,
        bit_maps="bits" in maps,
    )


def _draw(picked: PickedImage, request: FigureRequest, place: DeltaGenerator) -> _Drawn:
    for crop in request.crops:
        crop.of(picked.image)
    cells = []
    for variant in requested_variants(request):
        with place.container(), stages(str(variant)) as on_progress:
            rendered = render_for_page(
                picked.image, variant, dataset=picked.dataset, image_name=picked.name, on_progress=on_progress
            )
        cells.append(_cell(rendered, request.style))
    place.empty()
    content = figure_content(picked.image, picked.name, request, cells)
    command = figure_command(request, [_file_name(picked, "png")])
    png = draw_figure(content, request.style, command=command)
    return _Drawn(content, request, png, content_layout(content, request.style).notes)


def _cell(rendered: Rendered, style: FigureStyle) -> FigureCell:
    has_bits = style.bit_maps and rendered.bit_map_png is not None
    return FigureCell(
        rendered.rendering.image,
        rendered.row,
        error_map=read_image(rendered.flip_png, name="error map").image if style.error_maps else None,
        bit_map=read_image(rendered.bit_map_png or b"", name="bit map").image if has_bits else None,
    )


def _show_drawn(picked: PickedImage, drawn: _Drawn, key: str) -> None:
    for note in drawn.notes:
        st.caption(plain(note))
    st.image(drawn.png, output_format="PNG", alt=figure_caption(drawn.content, drawn.request))
    latex = latex_figure(drawn.content, drawn.request, _file_name(picked, "pdf"))
    downloads: list[tuple[str, bytes | Callable[[], bytes], str]] = [
        ("png", drawn.png, "image/png"),
        ("svg", _drawer(picked, drawn, "svg"), "image/svg+xml"),
        ("pdf", _drawer(picked, drawn, "pdf"), "application/pdf"),
        ("tex", latex.encode("utf-8"), "text/x-tex"),
    ]
    for column, (suffix, content, mime) in zip(st.columns(len(downloads)), downloads, strict=True):
        column.download_button(
            f"Figure .{suffix}",
            content,
            _file_name(picked, suffix),
            mime,
            key=f"{key}_{suffix}",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    st.code(figure_command(drawn.request, [_file_name(picked, "pdf")]), language=None, wrap_lines=True)
    st.code(latex, language=None, wrap_lines=True)


def _drawer(picked: PickedImage, drawn: _Drawn, file_format: str) -> Callable[[], bytes]:
    command = figure_command(drawn.request, [_file_name(picked, file_format)])
    return lambda: draw_figure(drawn.content, drawn.request.style, file_format=file_format, command=command)


def _file_name(picked: PickedImage, suffix: str) -> str:
    return f"{safe_name(Path(picked.name).stem)}-figure.{suffix}"


def _path_text(picked: PickedImage) -> str:
    if picked.path is None:
        return picked.name
    path = picked.path
    return (path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path).as_posix()
