"""Make a publication figure on a page: crops, style, the drawn figure with its files, LaTeX and command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
    crop_around,
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
from synthcomp_core.storage import safe_name
from synthcomp_core.ui import query
from synthcomp_core.ui.render_cache import Rendered, render_for_page
from synthcomp_core.ui.viewer import ViewState, linked_view
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import variant_name
from synthcomp_core.variants.snapshot_matrix import MatrixAxes

_CROP_SIDE = 160
_SIDES = (96, 128, 160, 192, 256, 320)
_SIZES_PT = (5.0, 12.0)
_DPI = (100.0, 1200.0)  # Floats, since Streamlit fails on an infinite whole number in a link.
_MAPS = ["FLIP", "bits"]


@dataclass(frozen=True)
class DrawnFigure:
    """The figure drawn last: the digest of the image that it is of, what it shows, and its PNG."""

    image: str
    content: FigureContent
    request: FigureRequest
    png: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FigurePanelState:
    """What a page's panel remembers.

    crops: as text. just_picked: whether they were picked on an image since the panel was last drawn, which opens it;
    on_their_way: whether the page has yet to run again for them. drawn: the figure drawn last. begun: the digest of the
    image whose figure was begun and is not finished: a click on the page ends the run that draws it.
    """

    crops: str = ""
    just_picked: bool = False
    on_their_way: bool = False
    drawn: DrawnFigure | None = None
    begun: str | None = None


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

    variants: beside the matrix, or alone. view: returns the viewer's view, whose centre the crop button takes; without
    it, the view in the URL. worst: tiles, of which the first is where the crop starts. Variants that are not in the
    cache are computed when the figure is drawn. A crop picked on an image opens the panel.
    """
    state = load_state(FigurePanelState, key)
    if state.just_picked:
        st.session_state[f"{key}_figure"] = True
        store_state(replace(state, just_picked=False), key)
    with st.expander("Figure for a paper", icon=":material/article:", key=f"{key}_figure", on_change="rerun") as box:
        if not box.open:
            return
        crops = _pick_crops(picked, key, view, worst)
        style = _pick_style(key)
        place = st.empty()
        if st.button("Draw the figure", key=f"{key}_draw", icon=":material/draw:", type="primary"):
            drawn = None
            store_state(replace(load_state(FigurePanelState, key), begun=picked.sha256), key)
            try:
                request = FigureRequest(picked.argument, axes, tuple(variants), _parsed(crops), style)
                drawn = _draw(picked, request, place)
            except SynthcompError as error:
                st.error(plain(str(error)))
            store_state(replace(load_state(FigurePanelState, key), drawn=drawn, begun=None), key)
        elif load_state(FigurePanelState, key).begun == picked.sha256:
            st.warning("The figure was not finished: using the page ends the drawing. Draw it again.")
        shown = load_state(FigurePanelState, key).drawn
        if shown is not None and shown.image == picked.sha256:
            _show_drawn(picked, shown, key)


def crops_on_picture(picked: PickedImage, key: str) -> tuple[Crop, ...]:
    """The panel's crops that lie in the image, for the viewer to outline; known before the panel is drawn."""
    crops = []
    for text in _present_crops(key).split()[:MAX_CROPS]:
        with suppress(SynthcompError):
            crop = Crop.parse(text)
            crop.of(picked.image)
            crops.append(crop)
    return tuple(crops)


def take_crops(crops: Sequence[Crop], key: str) -> None:
    """Hand the crops picked on an image to the panel, which shows them when it is next drawn."""
    text = " ".join(map(str, crops))
    state = load_state(FigurePanelState, key)
    store_state(replace(state, crops=text, just_picked=True, on_their_way=True), key)


def crops_taken(key: str) -> bool:
    """Whether crops were picked since this was last asked: the page has to run again, for a viewer in a fragment."""
    state = load_state(FigurePanelState, key)
    store_state(replace(state, on_their_way=False), key)
    return state.on_their_way


def _field(key: str) -> str:
    """The key of the crops' text field, also their parameter in the link."""
    return f"{key}_crops"


def _present_crops(key: str) -> str:
    """The crops as text, those of a link once it has arrived; the address holds them from then on.

    An address without any, such as an earlier one of the same visit, says nothing of crops: those picked stay.
    The text field is not bound to the address, which would win over crops picked before the field is first drawn.
    """
    linked = query.arrived(_field(key))
    if linked:
        store_state(replace(load_state(FigurePanelState, key), crops=linked), key)
    crops = load_state(FigurePanelState, key).crops
    query.write_own(_field(key), crops)
    return crops


def _read_field(key: str) -> None:
    """Called before the run in which the text field has changed."""
    store_state(replace(load_state(FigurePanelState, key), crops=str(st.session_state[_field(key)] or "")), key)


def _pick_crops(picked: PickedImage, key: str, view: Callable[[], ViewState] | None, worst: Sequence[WorstTile]) -> str:
    height, width = picked.image.shape[:2]
    start = worst[0].centre if worst else (width / 2, height / 2)
    at_crops, at_side, at_button = st.columns([5, 2, 3], gap="medium", vertical_alignment="bottom")
    field = _field(key)
    query.check_choice(f"{key}_side", [str(side) for side in _SIDES], what="the side of a crop")
    side = int(
        at_side.selectbox(
            "Side of a crop", _SIDES, index=_SIDES.index(_CROP_SIDE), key=f"{key}_side", bind="query-params"
        )
    )
    crops = _present_crops(key)
    if st.session_state.get(field) != crops:
        st.session_state[field] = crops
    at_crops.text_input(
        "Crops (x,y,width,height; several with spaces between)",
        placeholder=str(crop_around(start, side, (width, height))),
        key=field,
        on_change=_read_field,
        args=(key,),
        help="Pick them in the viewer (press c, then drag). If empty, the crop is where the images differ most.",
    )

    def add() -> None:
        now = (view() if view is not None else linked_view()) or ViewState()
        crop = crop_around((now.x * width, now.y * height), side, (width, height))
        state = load_state(FigurePanelState, key)
        store_state(replace(state, crops=f"{state.crops} {crop}".strip()), key)

    at_button.button(
        "Crop at the viewer's centre",
        key=f"{key}_add_crop",
        icon=":material/crop:",
        on_click=add,
        help="Zoom and pan in the viewer until the detail is in the middle.",
        width="stretch",
    )
    return crops.strip() or str(crop_around(start, side, (width, height)))


def _parsed(crops: str) -> tuple[Crop, ...]:
    return tuple(Crop.parse(text) for text in crops.split())


def _pick_style(key: str) -> FigureStyle:
    default = FigureStyle()
    query.check_choice(f"{key}_width", list(WIDTHS_IN), what="the columns of the figure")
    query.check_choice(f"{key}_font", list(FONTS), what="the font")
    query.check_number(f"{key}_pt", *_SIZES_PT, what="the font size")
    query.check_number(f"{key}_dpi", *_DPI, what="the resolution")
    query.check_choices(f"{key}_maps", _MAPS, what="the map")
    at_width, at_font, at_size, at_dpi, at_maps = st.columns([2, 2, 2, 2, 4], gap="medium", vertical_alignment="bottom")
    width = at_width.selectbox("Columns", list(WIDTHS_IN), index=1, key=f"{key}_width", bind="query-params")
    font = at_font.selectbox("Font", list(FONTS), key=f"{key}_font", bind="query-params")
    size = at_size.number_input("Size [pt]", *_SIZES_PT, default.font_pt, 0.5, key=f"{key}_pt", bind="query-params")
    dpi = at_dpi.number_input(
        "PNG [dpi]", *_DPI, float(default.dpi), 50.0, format="%.0f", key=f"{key}_dpi", bind="query-params"
    )
    maps = at_maps.pills("Rows of maps", _MAPS, selection_mode="multi", key=f"{key}_maps", bind="query-params")
    return FigureStyle(
        width=str(width),
        font=str(font),
        font_pt=float(size),
        dpi=round(dpi),
        error_maps="FLIP" in maps,
        bit_maps="bits" in maps,
    )


def _draw(picked: PickedImage, request: FigureRequest, place: DeltaGenerator) -> DrawnFigure:
    for crop in request.crops:
        crop.of(picked.image)
    cells = []
    for variant in requested_variants(request):
        with place.container(), stages(variant_name(variant)) as on_progress:
            rendered = render_for_page(
                picked.image, variant, dataset=picked.dataset, image_name=picked.name, on_progress=on_progress
            )
        cells.append(_cell(rendered, request.style))
    place.empty()
    content = figure_content(picked.image, picked.name, request, cells)
    command = figure_command(request, [_file_name(picked, "png")])
    png = draw_figure(content, request.style, command=command)
    return DrawnFigure(picked.sha256, content, request, png, content_layout(content, request.style).notes)


def _cell(rendered: Rendered, style: FigureStyle) -> FigureCell:
    has_bits = style.bit_maps and rendered.bit_map_png is not None
    return FigureCell(
        rendered.rendering.image,
        rendered.row,
        error_map=read_image(rendered.flip_png or b"", name="error map").image if style.error_maps else None,
        bit_map=read_image(rendered.bit_map_png or b"", name="bit map").image if has_bits else None,
    )


def _show_drawn(picked: PickedImage, drawn: DrawnFigure, key: str) -> None:
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


def _drawer(picked: PickedImage, drawn: DrawnFigure, file_format: str) -> Callable[[], bytes]:
    command = figure_command(drawn.request, [_file_name(picked, file_format)])
    return lambda: draw_figure(drawn.content, drawn.request.style, file_format=file_format, command=command)


def _file_name(picked: PickedImage, suffix: str) -> str:
    return f"{safe_name(Path(picked.name).stem)}-figure.{suffix}"
