"""The Upscaler protocol; upscaler ids to upscalers, and the list of what is available."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Protocol

from synthcomp_core.errors import SnapshotError, SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import SnapshotCard, list_snapshots
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic, load_torch
from synthcomp_core.upscalers.fsr1 import FSR_MODES, Fsr1, mode_size, range_note
from synthcomp_core.upscalers.gsr1 import Gsr1
from synthcomp_core.upscalers.interpolation import METHODS, Interpolation
from synthcomp_core.upscalers.nis import Nis

__all__ = [
    "FSR_MODES",
    "Upscaler",
    "UpscalerInfo",
    "built_in",
    "list_upscalers",
    "mode_size",
    "parse_upscaler",
    "rcan_snapshot_id",
    "upscaling_note",
]

RCAN = "rcan"
_MAX_RCAN_SCALE = 8
_RCAN_IDS = frozenset(f"rcan-x{scale}-games" for scale in range(2, _MAX_RCAN_SCALE + 1))
_SHARPNESS = re.compile(r"(?P<method>fsr1|nis)_s(?P<amount>\d+(?:\.\d+)?)")
_MADE_FOR_GAMES = ("fsr1", "nis", "gsr1")  # 1x to 2x per side


class Upscaler(Protocol):
    """Brings an image to another size.

    ``upscale`` takes an (H, W, 3) uint8 sRGB image of any size from 1x1 and returns one of exactly ``size`` =
    (width, height), any size from 1x1, with the image centres coinciding: nothing is shifted. arithmetic: of the
    network's body, None where there is no network.
    """

    id: str

    @property
    def arithmetic(self) -> Arithmetic | None: ...

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image: ...


@dataclass(frozen=True)
class UpscalerInfo:
    """One line of the list of upscalers.

    short: what it is called within the name of a variant. label: its name, with particulars in brackets.
    kind: "interpolation", "fsr1", "nis", "gsr1" or "neural". scale: a network's own scale per side, None where any
    will do.
    available: False where a snapshot is missing; asking for such an upscaler says how to get it.
    """

    id: str
    short: str
    label: str
    kind: str
    scale: int | None = None
    available: bool = True

    @property
    def name(self) -> str:
        """Its name on its own, as in a list, without the particulars."""
        return self.label.partition(" (")[0]


_BUILT_IN = {
    info.id: info
    for info in (
        UpscalerInfo("bicubic", "bicubic", "Bicubic (a = -0.5)", "interpolation"),
        UpscalerInfo("lanczos", "Lanczos", "Lanczos (3 lobes)", "interpolation"),
        UpscalerInfo("bilinear", "bilinear", "Bilinear", "interpolation"),
        UpscalerInfo("nearest", "nearest neighbour", "Nearest neighbour", "interpolation"),
        UpscalerInfo("fsr1", "FSR 1", "FSR 1, sharpened by 0.2 stops (AMD FSR 1.0)", "fsr1"),
        UpscalerInfo("fsr1_off", "FSR 1 without sharpening", "FSR 1, not sharpened (AMD FSR 1.0, EASU alone)", "fsr1"),
        UpscalerInfo("nis", "NIS", "NVIDIA Image Scaling (1.0, sharpness 0.5)", "nis"),
        UpscalerInfo("gsr1", "GSR 1", "Snapdragon GSR 1", "gsr1"),
        UpscalerInfo("gsr1_edge", "GSR 1 following edges", "Snapdragon GSR 1, following edges", "gsr1"),
        UpscalerInfo(RCAN, "RCAN", "RCAN (the snapshot that fits the scale)", "neural"),
    )
}


def built_in(upscaler_id: str) -> UpscalerInfo | None:
    """An upscaler that needs no snapshot of its own, by its id without a sharpness; None for others.

    >>> info = built_in("nis")
    >>> info.short, info.name
    ('NIS', 'NVIDIA Image Scaling')
    """
    return _BUILT_IN.get(upscaler_id)


def parse_upscaler(
    upscaler_id: str, *, scale: float = 2.0, precision: str = "auto", device: str | None = None
) -> Upscaler:
    """The upscaler with this id.

    nearest, bilinear, bicubic, lanczos; ``fsr1`` (sharpened by 0.2 stops), ``fsr1_s0.5`` (stops given), ``fsr1_off``
    (EASU alone); ``nis`` (sharpness 0.5), ``nis_s0.7`` (0..1 given); ``gsr1``, ``gsr1_edge`` (following edges);
    ``rcan``, the RCAN snapshot that fits ``scale`` (per side); or the id of an upscaler snapshot.
    precision ("auto" | "float32" | "bfloat16") and device ("cpu", "cuda", None = best) concern networks only.
    SynthcompError, naming what is available, for an id that fits nothing.

    >>> import numpy as np
    >>> parse_upscaler("lanczos").upscale(np.zeros((9, 16, 3), np.uint8), (24, 14)).shape
    (14, 24, 3)
    """
    if upscaler_id in METHODS:
        return Interpolation(upscaler_id)
    if upscaler_id == "fsr1":
        return Fsr1()
    if upscaler_id == "fsr1_off":
        return Fsr1(None)
    if match := _SHARPNESS.fullmatch(upscaler_id):
        amount = float(match["amount"])
        return Fsr1(amount) if match["method"] == "fsr1" else Nis(amount)
    if upscaler_id == "nis":
        return Nis()
    if upscaler_id in ("gsr1", "gsr1_edge"):
        return Gsr1(directed=upscaler_id == "gsr1_edge")
    snapshot_id = rcan_snapshot_id(scale) if upscaler_id == RCAN else upscaler_id
    if snapshot_id not in {card.id for card in list_snapshots("upscaler")}:
        raise _missing(upscaler_id, snapshot_id)
    load_torch()
    from synthcomp_core.upscalers.neural import load_upscaler

    return load_upscaler(snapshot_id, precision=precision, device=device)


def rcan_snapshot_id(scale: float) -> str:
    """The snapshot that ``rcan`` means at a scale (per side): the next whole scale up, from 2.

    >>> rcan_snapshot_id(1.5), rcan_snapshot_id(3)
    ('rcan-x2-games', 'rcan-x3-games')
    """
    return f"rcan-x{min(max(2, math.ceil(scale)), _MAX_RCAN_SCALE)}-games"


def list_upscalers() -> list[UpscalerInfo]:
    """Interpolation, FSR 1, NIS, GSR 1, RCAN and the upscaler snapshots, in the order in which they are shown.

    The snapshots that ``rcan`` stands for are not listed again under their own ids.
    """
    snapshots = [card for card in list_snapshots("upscaler") if card.id not in _RCAN_IDS]
    has_rcan = any(card.id == rcan_snapshot_id(2) for card in list_snapshots("upscaler"))
    return [
        *(replace(info, available=has_rcan or info.id != RCAN) for info in _BUILT_IN.values()),
        *(UpscalerInfo(card.id, card.id, _card_label(card), "neural", card.scale) for card in snapshots),
    ]


def upscaling_note(upscaler_id: str, source: tuple[int, int], size: tuple[int, int]) -> str | None:
    """A sentence to show when this upscaler leaves its range between two (width, height), else None."""
    kind = upscaler_id.partition("_")[0]
    return range_note(source, size, name=_BUILT_IN[kind].name.partition(",")[0]) if kind in _MADE_FOR_GAMES else None


def _card_label(card: SnapshotCard) -> str:
    trained = f", trained on {card.trained_on}" if card.trained_on else ""
    name = _BUILT_IN[RCAN].short if card.architecture == RCAN else card.architecture
    return f"{name} ×{card.scale}{trained}"


def _missing(upscaler_id: str, snapshot_id: str) -> SynthcompError:
    if upscaler_id == RCAN:
        return SnapshotError(
            f"RCAN needs the snapshot {snapshot_id}, which is not installed: train one, or bring weights with "
            f"`snapshot import FILE --id {snapshot_id}`."
        )
    known = ", ".join(info.id for info in list_upscalers() if info.available)
    return SynthcompError(
        f"Unknown upscaler {upscaler_id!r}: use one of {known}, fsr1_sSTOPS as in fsr1_s0.5, "
        "or nis_sSHARPNESS as in nis_s0.7."
    )
