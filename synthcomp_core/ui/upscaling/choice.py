"""What the Upscaling page compares: source, methods, modes, sharpness and metrics. Every choice is in the URL."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from synthcomp_core.metrics import METRICS
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.named_choice import pick_many, pick_one, upscaler_title
from synthcomp_core.upscalers import FSR_MODES, list_upscalers
from synthcomp_core.upscalers.fsr_benchmark import benchmark_upscalers, method_label

ANY_IMAGE, SAMPLES_FOLDER = "any image", "FSR samples"
SOURCES = [ANY_IMAGE, SAMPLES_FOLDER]
BY_METHOD, BY_MODE = "methods", "modes"
VIEWS = [BY_METHOD, BY_MODE]
# The rest takes as long as these together, and says little more of a picture that was scaled.
QUICK_METRICS = ("psnr_rgb", "flip", "ssimulacra2")
_MAX_STOPS = 2.0
_SLOW = ("rcan",)


@dataclass(frozen=True)
class UpscalingChoice:
    """What to compare on an image.

    upscaler_ids: the methods. scales: of the benchmark, per side. view: BY_METHOD shows all methods at ``shown_scale``,
    BY_MODE all scales of ``shown_method``. metrics: of the benchmark. with_curve: whether it draws a sharpness curve.
    """

    upscaler_ids: tuple[str, ...]
    scales: tuple[float, ...]
    view: str
    shown_scale: float
    shown_method: str
    metrics: tuple[str, ...]
    with_curve: bool

    @property
    def pictures(self) -> tuple[tuple[str, float], ...]:
        """(upscaler id, scale) of the images that the viewer shows beside the native one."""
        if self.view == BY_MODE:
            return tuple((self.shown_method, scale) for scale in FSR_MODES.values())
        return tuple((upscaler_id, self.shown_scale) for upscaler_id in self.upscaler_ids)


def pick_source() -> str:
    """Draw the choice between the two sources."""
    query.check_choice("fsr_source", SOURCES, what="the source")
    return str(
        st.segmented_control(
            "Compare on", SOURCES, default=ANY_IMAGE, required=True, key="fsr_source", bind="query-params"
        )
    )


def pick_choice() -> UpscalingChoice:
    """Draw the controls for an image."""
    available = [info.id for info in list_upscalers() if info.available and not info.id.startswith("fsr1")]
    # A network takes many times what the others take together; who wants it adds it.
    defaults = [name for name in benchmark_upscalers() if not name.startswith(("fsr1", *_SLOW))]
    query.check_choices("fsr_modes", list(FSR_MODES), what="the mode")
    query.check_number("fsr_stops", 0.0, _MAX_STOPS, what="the sharpness")
    query.check_switch("fsr_curve", what="the sharpness curve")
    others = pick_many(
        "Against FSR 1",
        available,
        key="fsr_against",
        default=defaults,
        name_of=upscaler_title,
        widget=st.multiselect,
        what="the upscaler",
    )
    stops = st.slider(
        "FSR 1 sharpness [stops]", 0.0, _MAX_STOPS, 0.2, 0.05, key="fsr_stops", bind="query-params",
        help="RCAS: 0 is the sharpest; AMD recommends 0.2. FSR without sharpening is always included.",
    )  # fmt: skip
    upscalers = ("fsr1_off", f"fsr1_s{stops:g}", *others)
    view, shown_scale, shown_method = _pick_view(upscalers)
    with st.expander("Benchmark"):
        modes = st.multiselect("Modes", list(FSR_MODES), default=list(FSR_MODES), key="fsr_modes", bind="query-params")
        metrics = pick_many(
            "Metrics",
            list(METRICS),
            key="fsr_metrics",
            default=QUICK_METRICS,
            name_of=lambda name: METRICS[name].heading,
            widget=st.multiselect,
            what="the metric",
        )
        curve = st.toggle("Sharpness curve", key="fsr_curve", bind="query-params")
    scales = tuple(FSR_MODES[mode] for mode in FSR_MODES if mode in modes)
    ordered = tuple(name for name in METRICS if name in metrics)
    return UpscalingChoice(upscalers, scales, view, shown_scale, shown_method, ordered, curve)


def _pick_view(upscalers: tuple[str, ...]) -> tuple[str, float, str]:
    query.check_choice("fsr_show", VIEWS, what="what is shown")
    view = str(
        st.segmented_control("Show", VIEWS, default=BY_METHOD, required=True, key="fsr_show", bind="query-params")
    )
    scale, method = max(FSR_MODES.values()), upscalers[1]
    if view == BY_METHOD:
        scales = [f"{value:g}" for value in FSR_MODES.values()]
        query.check_choice("fsr_view_scale", scales, what="the scale in the viewer")
        chosen = st.segmented_control(
            "Scale per side", scales, default=scales[-1], required=True, key="fsr_view_scale", bind="query-params",
            help=", ".join(f"x{value:g}: {mode.replace('-', ' ')}" for mode, value in FSR_MODES.items()),
        )  # fmt: skip
        scale = float(str(chosen))
    else:
        method = pick_one(
            "Method",
            upscalers,
            key="fsr_method",
            default=upscalers[1],
            name_of=lambda upscaler: method_label(upscaler, scale),
            what="the method",
        )
    return view, scale, method
