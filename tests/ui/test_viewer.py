"""The Python side of the viewer: what it hands to the browser, and the view as text."""

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.figures.viewer.footer import described_footer
from synthcomp_core.figures.viewer.maps import ColourScale, bits_scale, error_scale
from synthcomp_core.metrics import flip_colours
from synthcomp_core.ui import viewer
from synthcomp_core.ui.viewer import FooterSide, Picture, ViewerFooter, ViewState, picture_numbers, show_viewer
from synthcomp_core.variants.bit_map import bit_map_image
from tests.clock import LIMIT_S

LARGE = 1_500_000  # bytes; beyond 1 MiB Streamlit's media store names files by samples of their content only


def shown_pictures(large: bytes, changed: bytes) -> None:
    import streamlit as st

    from synthcomp_core.ui.viewer import Picture, ViewState, show_viewer

    pictures = [
        Picture("original", "<b>frame</b>.png", b"one", 4, 3, "4 × 3"),
        Picture("a", "A", large, 4, 3),
        Picture("b", "B", changed, 4, 3),
        Picture("c", "C", b"one", 4, 3),
    ]
    overlays = [Picture("flip-a", "FLIP error map", b"map", 4, 3, overlay_of="a")]
    state = show_viewer(pictures, key="viewer", overlays=overlays, height=500, state=ViewState("grid", zoom=2))
    st.text(str(state))


def run(app: AppTest) -> dict[str, Any]:
    app.run(timeout=LIMIT_S)
    assert not app.exception
    (element,) = app.get("bidi_component")
    data = json.loads(element.proto.json)
    assert isinstance(data, dict)
    return data


@pytest.fixture
def app() -> AppTest:
    large = bytes(LARGE)
    changed = large[:300_000] + b"\x01" + large[300_001:]
    return AppTest.from_function(shown_pictures, args=(large, changed), default_timeout=LIMIT_S)


def test_browser_gets_urls_instead_of_bytes_and_names_as_they_are(app: AppTest) -> None:
    data = run(app)
    assert [picture["key"] for picture in data["pictures"]] == ["original", "a", "b", "c"]
    first = data["pictures"][0]
    assert (first["label"], first["detail"], first["width"], first["height"]) == ("<b>frame</b>.png", "4 × 3", 4, 3)
    assert all("/media/" in picture["url"] and picture["url"].endswith(".png") for picture in data["pictures"])
    assert [(overlay["label"], overlay["overlay_of"]) for overlay in data["overlays"]] == [("FLIP error map", "a")]
    assert (data["key"], data["height"]) == ("viewer", 500)
    assert (data["footer"], data["stoppable"]) == (None, False)
    assert (data["state"], data["jump"]) == ("grid~~~2~0.5~0.5", 0)


def test_url_depends_on_every_byte_and_on_nothing_else(app: AppTest) -> None:
    original, a, b, c = [picture["url"] for picture in run(app)["pictures"]]
    assert original == c
    assert len({original, a, b}) == 3
    again = [picture["url"] for picture in run(app)["pictures"]]
    assert again == [original, a, b, c]


def test_view_of_the_link_is_returned_and_a_broken_one_is_not(app: AppTest) -> None:
    app.query_params["view"] = "swipe~a~b~8~0.25~0.75~split-0.3"
    run(app)
    assert app.text[0].value == "swipe~a~b~8~0.25~0.75~split-0.3"
    app.query_params["view"] = "<script>"
    run(app)
    assert app.text[0].value == "grid~~~2~0.5~0.5"


def reporting() -> None:
    import streamlit as st

    from synthcomp_core.ui.viewer import Picture, ViewState, seen_view, show_viewer

    jump = int(st.number_input("jump", value=0))
    if st.toggle("here", value=True):
        show_viewer([Picture("a", "A", b"one", 4, 3)], key="viewer", state=ViewState("grid"), jump=jump, reports=True)
    st.text(str(seen_view("viewer").view))


def test_a_viewer_that_comes_back_is_known_to_stand_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}
    monkeypatch.setattr(viewer, "_mounted", lambda *rest: told)
    app = AppTest.from_function(reporting, default_timeout=LIMIT_S).run()
    assert app.text[0].value == "grid~~~fit~0.5~0.5"
    told["view"] = "swipe~a~~8~0.1~0.2~split-0.3"
    app.run()
    app.toggle[0].set_value(False).run()
    told.clear()  # Streamlit forgets what a component told when it is not drawn; the browser does not.
    app.toggle[0].set_value(True).run()
    assert not app.exception
    assert app.text[0].value == "swipe~a~~8~0.1~0.2~split-0.3"
    app.number_input[0].set_value(1).run()
    assert app.text[0].value == "grid~~~fit~0.5~0.5"


def test_view_is_written_and_read_back() -> None:
    view = ViewState("difference", "jpeg~q%75", "mbt2018-q4@x2-rcan", 16, 0.123457, 1)
    assert str(view) == "difference~jpeg%7Eq%2575~mbt2018-q4@x2-rcan~16~0.123457~1"
    assert ViewState.parse(str(view)) == view
    assert str(ViewState()) == "swipe~~~fit~0.5~0.5"
    assert ViewState.parse("swipe~~~fit~0.5~0.5") == ViewState()


def test_what_only_the_browser_works_with_is_kept_as_far_as_it_makes_sense() -> None:
    text = "difference~a~b~8~0.25~0.75~split-0.3~orient-h~overlay-Bit map~opacity-0.55~kind-FLIP error map~gain-16"
    assert str(ViewState.parse(text)) == text
    assert str(ViewState.parse("grid~a~b~fit~0.5~0.5~overlay-a%7Eb%25")) == "grid~a~b~fit~0.5~0.5~overlay-a%7Eb%25"
    for nonsense in ("split-1.5", "split-", "gain-3", "orient-x", "height-9", "", "overlay-" + 81 * "x", "kind-a%0Ab"):
        assert ViewState.parse(f"swipe~a~b~8~0.5~0.5~{nonsense}") == ViewState("swipe", "a", "b", 8.0)


@pytest.mark.parametrize(
    "text",
    ["", "swipe", "zoomed~a~b~1~0~0", "swipe~a~b~one~0~0", "swipe~a~b~nan~0~0", "swipe~a~b~1~inf~0", "grid~a~b~-1~0~0"],
)
def test_text_that_is_no_view_is_refused(text: str) -> None:
    assert ViewState.parse(text) is None


def test_pictures_that_cannot_be_shown_are_refused() -> None:
    def picture(key: str, overlay_of: str | None = None) -> Picture:
        return Picture(key, key, b"", 1, 1, overlay_of=overlay_of)

    with pytest.raises(ValueError, match="1 to 9 pictures, not 0"):
        show_viewer([], key="viewer")
    with pytest.raises(ValueError, match="not 10"):
        show_viewer([picture(str(i)) for i in range(10)], key="viewer")
    with pytest.raises(ValueError, match="different keys"):
        show_viewer([picture("a"), picture("a")], key="viewer")
    with pytest.raises(ValueError, match="must name the picture"):
        show_viewer([picture("a")], overlays=[picture("map", overlay_of="b")], key="viewer")


def test_footer_names_whole_bytes_and_leaves_unknown_ones_blank() -> None:
    sides = (FooterSide("a", "A · WebP, quality 80", 112_340, "SSIMULACRA2 74.2"), FooterSide("b", "B"))
    assert described_footer(ViewerFooter(sides, stage="B: coding", fraction=0.25)) == {
        "sides": [
            {"key": "a", "label": "A · WebP, quality 80", "bytes": "112,340 bytes", "metric": "SSIMULACRA2 74.2"},
            {"key": "b", "label": "B", "bytes": "", "metric": ""},
        ],
        "stage": "B: coding",
        "fraction": 0.25,
        "stale": "",
    }


def test_fraction_beyond_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        ViewerFooter(fraction=1.5)


def numbers_of(colours: np.ndarray, scale: ColourScale) -> np.ndarray:
    """The numbers that a map's colours (H, W, 3) stand for, by looking every colour up as the scale documents it."""
    table = [scale.colours[6 * i : 6 * i + 6] for i in range(256)]
    places = [[table.index(bytes(colour).hex()) for colour in row] for row in colours]
    return scale.first + np.asarray(places) / 255 * (scale.last - scale.first)


def test_errors_are_read_back_from_the_colours_of_their_map() -> None:
    errors = np.random.default_rng(0).random((9, 40), dtype=np.float32)
    errors[0, :2] = 0.0, 1.0
    read = numbers_of(flip_colours(errors), error_scale())
    assert np.abs(read - errors).max() <= 1 / 510 + 1e-6
    assert read[0, :2].tolist() == [0.0, 1.0]


def test_bits_are_read_back_from_the_colours_of_their_map() -> None:
    bits = (np.random.default_rng(0).random((5, 7), dtype=np.float32) ** 2) * 57.5
    colours = bit_map_image(bits, (7 * 16, 5 * 16), (7 * 16, 5 * 16))[::16, ::16]
    read = numbers_of(colours, bits_scale(float(bits.max())))
    assert np.abs(read - bits).max() <= 1.5 / 256 * bits.max()  # Two neighbours of viridis share a colour.


def test_images_are_numbered_as_the_keys_that_show_them() -> None:
    pictures = [Picture(key, key.upper(), b"", 1, 1) for key in ("original", "a", "b")]
    assert picture_numbers(pictures) == {"original": 1, "a": 2, "b": 3}


def sharing() -> None:
    """The button is drawn once, and clicked in one view and then, after the viewer reported it, in another."""
    from unittest import mock

    import streamlit as st

    from synthcomp_core.ui.viewer import Picture, ViewState, seen_view, show_viewer
    from synthcomp_core.ui.widgets import share

    pictures = [Picture("a", "A", b"one", 4, 3)]
    show_viewer(pictures, key="viewer", state=ViewState("grid"))
    with mock.patch.object(st, "download_button") as button:
        share.show_share_button(pictures, (), {}, name="frame.png", key="any", viewer="viewer")
    for view in (None, ViewState("loupe")):
        seen_view("viewer").view = view or seen_view("viewer").view
        with mock.patch.object(share, "share_page") as made:
            button.call_args.args[1]()
        st.text(str(made.call_args.kwargs["state"]))


def test_a_shared_page_opens_in_the_view_at_the_time_of_the_click() -> None:
    app = AppTest.from_function(sharing, default_timeout=LIMIT_S).run()
    assert not app.exception
    assert [text.value for text in app.text] == ["grid~~~fit~0.5~0.5", "loupe~~~fit~0.5~0.5"]
