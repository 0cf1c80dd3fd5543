"""The viewer: pixel-exact comparison of up to nine images in the browser.

Images travel as PNG files through Streamlit's media endpoint, one URL per content, so that a rerun with the same images
costs neither a download nor a decode. Sliding, zooming and panning happen in the browser alone; the view is kept in the
page's URL (`?view=`), so that a link opens it in another browser. Crops for a figure are picked on the images.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st
from streamlit import runtime
from streamlit.components.v2.bidi_component.state import ComponentResult
from streamlit.components.v2.types import ComponentRenderer
from streamlit.runtime.scriptrunner import get_script_run_ctx

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import CROP_COLOURS, MAX_CROPS, Crop
from synthcomp_core.figures.viewer.footer import FooterSide, ViewerFooter, described_footer, main_metric
from synthcomp_core.figures.viewer.pictures import (
    MAX_PICTURES,
    Picture,
    bit_map_of,
    check_pictures,
    described_picture,
    error_map_of,
    picture_numbers,
    row_detail,
)
from synthcomp_core.figures.viewer.scripts import BROWSER_FOLDER, VIEWER_STYLE, joined_modules
from synthcomp_core.figures.viewer.state import DEFAULT_URL_PARAM, ViewState
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.state import load_state, store_state

__all__ = [
    "DEFAULT_URL_PARAM",
    "MAX_PICTURES",
    "FooterSide",
    "Picture",
    "ViewState",
    "ViewerFooter",
    "bit_map_of",
    "error_map_of",
    "linked_view",
    "main_metric",
    "picture_numbers",
    "row_detail",
    "seen_view",
    "show_viewer",
]

# The least that viewer.css lets a viewer take that fills the window, kept free before the browser has its script.
_PLACE_KEPT = "<style>.st-key-{key} {{ min-height: max(320px, calc(100dvh - 25dvh - 12px)) }}</style>"


@dataclass
class SeenView:
    """Where a viewer stands as far as the server knows. reported: the view that it has reported last.

    wish: where Python wanted it then; it comes back in that view after a visit to another page, unless Python wants it
    elsewhere since. Not frozen: files are made on a click, in a thread without a session, and open in the view at that
    time.
    """

    view: ViewState | None = None
    reported: ViewState | None = None
    wish: str = ""

    def note(self, known: ViewState | None, linked: ViewState | None, state: ViewState | None, jump: int) -> ViewState:
        """Take note of what the viewer says, if anything, and of the address; where it stands by all that is known."""
        wish = f"{jump} {state}"
        if known is not None and known != self.reported:
            self.reported, self.wish = known, wish
        before = self.reported if self.wish == wish else None
        self.view = view = known or linked or before or state or ViewState()
        return view


def seen_view(key: str) -> SeenView:
    """That of the viewer with this key in this session; :func:`show_viewer` keeps it up to date."""
    seen = load_state(SeenView, key)
    store_state(seen, key)
    return seen


def show_viewer(
    pictures: Sequence[Picture],
    *,
    key: str,
    overlays: Sequence[Picture] = (),
    height: int | None = None,
    state: ViewState | None = None,
    jump: int = 0,
    reports: bool = False,
    url_param: str | None = DEFAULT_URL_PARAM,
    crops: Sequence[Crop] = (),
    on_crops: Callable[[tuple[Crop, ...]], None] | None = None,
    footer: ViewerFooter | None = None,
    on_stop: Callable[[], None] | None = None,
) -> ViewState:
    """Show 1 to 9 images; the first is the reference, and all others are drawn at its size.

    `height` is that of the whole viewer in CSS pixels, toolbar and footer included; None lets it reach from its place
    on the page down to the window's lower edge, and follow the window's size.

    `state` is where the viewer opens. A later call with another `state`, or with the same one and another `jump` (a
    count of such moves), moves it there, for example to the worst tile; the same two leave it alone. A view in the URL
    parameter `url_param` takes precedence over `state` when the page opens; None keeps the view out of the URL.

    `crops` are outlined on every image, in pixels of the reference and in the colours of a figure. With `on_crops` the
    viewer offers to pick them: like a widget's callback, it is called with the new list before the rerun that adding
    or removing one causes.

    `footer` is shown below the images, and keeps its height however much or little it says; None leaves it out. With
    `on_stop` it has a Stop button for as long as it names a stage, which calls that before the rerun that it causes.

    Returns the view as far as the server knows it, which :func:`seen_view` holds from then on: that in the URL of the
    last rerun, or if the viewer `reports`, the one in which it last rested for a second; each report causes a rerun.

    Raises ValueError if there are no or too many images, or two with the same key.
    """
    check_pictures(pictures, overlays)
    if height is None:
        st.html(_PLACE_KEPT.format(key=key))
    data: dict[str, object] = {
        "key": key,
        "height": height,
        "pictures": [described_picture(picture, _media_url(picture, key)) for picture in pictures],
        "overlays": [described_picture(overlay, _media_url(overlay, key)) for overlay in overlays],
        "state": str(state) if state else None,
        "jump": jump,
        "url_param": url_param,
        "report": reports,
        "crops": [str(crop) for crop in crops],
        "crop_colours": CROP_COLOURS,
        "pick_crops": on_crops is not None,
        "footer": described_footer(footer),
        "stoppable": on_stop is not None,
    }

    result = _mounted(key, data, reports, on_crops, on_stop)
    reported = result.get("view") if reports else None
    known = ViewState.parse(reported) if isinstance(reported, str) else None
    return seen_view(key).note(known, linked_view(url_param), state, jump)


def _mounted(
    key: str,
    data: dict[str, object],
    reports: bool,
    on_crops: Callable[[tuple[Crop, ...]], None] | None,
    on_stop: Callable[[], None] | None,
) -> ComponentResult:
    """Put the component on the page; what it has told the server."""

    def on_crops_change() -> None:
        picked = st.session_state[key].get("crops")
        if on_crops is not None and isinstance(picked, str):
            on_crops(_parsed_crops(picked))

    return _component()(
        key=key,
        data=data,
        on_view_change=(lambda: None) if reports else None,  # Streamlit drops what has no callback.
        on_crops_change=on_crops_change if on_crops else None,
        on_stop_change=on_stop,
    )


def linked_view(url_param: str | None = DEFAULT_URL_PARAM) -> ViewState | None:
    """The view in the page's URL at the last rerun, if any."""
    return ViewState.parse(query.text(url_param)) if url_param else None


def _parsed_crops(text: str) -> tuple[Crop, ...]:
    """The crops that the browser sent; anything else is ignored, since a browser may send anything."""
    crops = []
    for part in text.split():
        with suppress(SynthcompError):
            crops.append(Crop.parse(part))
    return tuple(crops[:MAX_CROPS])


def _media_url(picture: Picture, viewer_key: str) -> str:
    """The same-origin URL of an image's bytes; the same for the same bytes, empty outside a running app."""
    if get_script_run_ctx(suppress_warning=True) is None or not runtime.exists():
        return ""
    # The media store hashes only samples of files over 1 MiB; the digest in the name makes the id depend on every byte.
    name = f"{hashlib.sha256(picture.png).hexdigest()}.png"
    coordinates = f"synthcomp-viewer-{viewer_key}-{picture.key}"
    return runtime.get_instance().media_file_mgr.add(picture.png, "image/png", coordinates, file_name=name)


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component(
        "synthcomp_viewer",
        html='<div class="viewer"></div>',
        css=VIEWER_STYLE.read_text(encoding="utf-8"),
        js=joined_modules(BROWSER_FOLDER / "mount.js"),
    )
