"""A page with nothing but the viewer and pictures of known pixels; what it shows is chosen in the sidebar."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from synthcomp_core.figures.paper.drawing import Crop
from synthcomp_core.metrics import flip_colours
from synthcomp_core.ui.viewer import (
    FooterSide,
    Picture,
    ViewerFooter,
    ViewState,
    bit_map_of,
    error_map_of,
    show_viewer,
)
from synthcomp_core.ui.widgets.share import show_share_button
from synthcomp_core.variants.bit_map import bit_map_image


def known_pixels(width: int, height: int, seed: int) -> np.ndarray:
    """Random colours (H, W, 3): any smoothing, shift or colour conversion shows in nearly every pixel."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def landscape(width: int, height: int, noise: int, seed: int = 0) -> np.ndarray:
    """Something to look at: a sky, hills and a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    hills = height * (0.6 + 0.12 * np.sin(x / width * 9) + 0.05 * np.sin(x / width * 31 + 1))
    sky = np.stack([90 + 120 * y / height, 140 + 80 * y / height, 220 - 20 * y / height], axis=-1)
    ground = np.stack([60 + 40 * np.sin(x / 9), 110 + 30 * np.cos(y / 7), 50 + 20 * np.sin((x + y) / 5)], axis=-1)
    picture = np.where((y > hills)[..., None], ground, sky)
    picture = picture + np.random.default_rng(seed).normal(0, 1, picture.shape) * noise
    return picture.clip(0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def picture(key: str, label: str, pixels: np.ndarray, detail: str = "", overlay_of: str | None = None) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(key, label, png(pixels), width, height, detail, overlay_of)


def mapped_pictures() -> tuple[list[Picture], list[Picture]]:
    """Three images, two of them with maps; the bit map of b reaches four times as far as that of a."""
    original, a, b = pictures_of("known", 0)[0]
    errors = [error_map_of(side, png(flip_colours(known_errors(seed)))) for side, seed in ((a, 1), (b, 2))]
    bits = [
        bit_map_of(side, png(bit_map_image(known_bits(largest), (64, 48), (64, 48))), largest=largest)
        for side, largest in ((a, 8.0), (b, 32.0))
    ]
    return [original, a, b], [*errors, *bits]


def known_errors(seed: int) -> np.ndarray:
    """A FLIP error map (48, 64) float32 with every level between 0 and 1."""
    return np.random.default_rng(seed).permutation(np.linspace(0, 1, 64 * 48, dtype=np.float32)).reshape(48, 64)


def known_bits(largest: float) -> np.ndarray:
    """Bits per latent position, (3, 4) float32, rising to the largest."""
    return np.linspace(0, largest, 12, dtype=np.float32).reshape(3, 4)


@st.cache_data
def pictures_of(what: str, variant: int) -> tuple[list[Picture], list[Picture]]:
    if what == "known":
        names = [("original", "Original"), ("a", "A"), ("b", "B")]
        return [picture(key, name, known_pixels(64, 48, i + 10 * variant)) for i, (key, name) in enumerate(names)], []
    if what == "one":
        return [picture("original", "Original", known_pixels(64, 48, 0))], []
    if what == "nine":
        return [picture(f"p{i}", f"Picture {i + 1}", known_pixels(96, 64, 0)) for i in range(9)], []
    if what == "html":
        name = '<img src=x onerror="window.broken=1"><b>bold</b>'
        return [picture("a", name, known_pixels(32, 32, 1), name), picture("b", "B", known_pixels(32, 32, 2))], []
    if what == "sizes":
        return [
            picture("original", "Original", known_pixels(64, 48, 1)),
            picture("a", "A", known_pixels(32, 24, 2)),
        ], []
    if what == "maps":
        return mapped_pictures()
    if what == "large":
        base = np.tile(landscape(512, 270, 0), (8, 8, 1))
        return [picture(f"p{i}", f"Picture {i + 1}", np.roll(base, 40 * i, axis=1)) for i in range(6)], []
    original = landscape(1920, 1080, 0, variant) if variant == 0 else landscape(1280, 720, 0, variant)
    height, width = original.shape[:2]
    noisy = [landscape(width, height, noise) for noise in (6, 14)]
    shown = [
        picture("original", "sewer-entrance.png", original, f"{width} × {height}"),
        picture("a", "mbt2018-q4-mse-games", noisy[0], "0.213 bpp, 32.84 dB"),
        picture("b", "webp-q62", noisy[1], "0.211 bpp, 30.11 dB"),
    ]
    heat = np.stack([np.linspace(0, 255, width)[None].repeat(height, 0)] + [np.zeros((height, width))] * 2, axis=-1)
    maps = [picture(f"flip-{key}", "FLIP error map", heat.astype(np.uint8), "", key) for key in "ab"]
    return shown, [*maps, picture("bits-a", "Bit map", heat[:, ::-1].astype(np.uint8), "", "a")]


def _keep(crops: tuple[Crop, ...]) -> None:
    st.session_state["crops"] = crops


def _footer() -> ViewerFooter:
    """An empty one, one at work, or one that is done, as chosen in the sidebar."""
    said = st.sidebar.radio("Footer", ["empty", "busy", "done"], key="said")
    if said == "empty":
        return ViewerFooter()
    side_a = FooterSide("a", "A · WebP, quality 80", 112_340, "SSIMULACRA2 74.2")
    if said == "busy":
        waiting = FooterSide("b", "B · mbt2018, quality 4, MSE, games")
        return ViewerFooter((side_a, waiting), stage="B: coding", fraction=0.4, stale="waiting for B")
    return ViewerFooter((side_a, FooterSide("b", "B · mbt2018, quality 4, MSE, games", 98_120, "SSIMULACRA2 71.9")))


def _stop() -> None:
    st.session_state["said"] = "empty"


def main() -> None:
    st.set_page_config(page_title="Viewer", layout="wide")
    what = st.query_params.get("what", "frame")
    if st.query_params.get("bare") is not None:
        shown, maps = pictures_of(what, 0)
        show_viewer(shown, key="viewer", overlays=maps, footer=ViewerFooter())
        st.text("What stands below the viewer")
        return
    variant = st.sidebar.number_input("Variant", 0, 5, 0)
    st.sidebar.text_input("Bound", key="bound", bind="query-params")
    if st.sidebar.button("Set a parameter"):
        st.query_params["set"] = "by the server"
    corner = st.sidebar.checkbox("Jump to the corner")
    if st.sidebar.button("Jump again"):
        st.session_state["jump"] = st.session_state.get("jump", 0) + 1
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    pictures, overlays = pictures_of(what, int(variant))
    report = st.query_params.get("report") is not None
    picks = st.query_params.get("crops") is not None
    footer = _footer() if st.query_params.get("footer") is not None else None
    state = show_viewer(
        pictures,
        key="viewer",
        overlays=overlays,
        state=ViewState("single", "original", "", 16, 0.0, 0.0) if corner else None,
        jump=st.session_state.get("jump", 0),
        reports=report,
        crops=st.session_state.get("crops", ()),
        on_crops=_keep if picks else None,
        footer=footer,
        on_stop=_stop,
    )
    show_share_button(pictures, overlays, {}, name="frame.png", key="viewer", viewer="viewer")
    st.text("Crops: " + " ".join(map(str, st.session_state.get("crops", ()))))
    st.text(f"Runs: {st.session_state['runs']}")
    st.text(f"Known view: {state}")


if __name__ == "__main__":
    main()
