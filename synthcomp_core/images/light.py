"""Samples that are not sRGB, as light and then as sRGB: transfer curves, primaries, and what stands for white.

Rec. ITU-T H.273 numbers the curves and primaries; BT.2100 defines PQ and HLG; BT.2408 sets their white at 203 cd/m2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Chromaticities = tuple[float, float, float, float, float, float, float, float]  # x, y of red, green, blue, white

WHITE_NITS = 203.0  # BT.2408: diffuse white of HDR signals; becomes sRGB's white, and brighter parts are clipped
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2  # BT.2100 table 5, for the nominal display
_PQ_PEAK_NITS = 10_000.0
_D65 = (0.3127, 0.3290)
SRGB: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB,
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),  # BT.601, 625 lines
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),  # BT.601, 525 lines
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),  # BT.2020, BT.2100
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),  # DCI-P3
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),  # Display P3
}
_NAMES = {5: "BT.601", 6: "BT.601", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
# Transfer curves that are shown as sRGB is, as browsers do: BT.709, BT.601, BT.2020 (SDR), gamma 2.2, and sRGB itself.
_LIKE_SRGB = {1, 2, 4, 6, 13, 14, 15}
_GAMMAS = {5: 2.8, 8: 1.0}
_PQ, _HLG = 16, 18
_NEAR = 0.002  # of a chromaticity: the same primaries


@dataclass(frozen=True)
class Signal:
    """How samples of 0..1 stand for light.

    curve: "srgb", "gamma", "pq" or "hlg"; gamma: the display's exponent (1 = linear light). primaries: x, y of red,
    green, blue and white. full_range: False where 16/255 is black and 235/255 white. name: of all that, for people.
    unknown: the codes in a file that stand for nothing known here, for people; "" where there are none.
    """

    curve: str
    primaries: Chromaticities = SRGB
    gamma: float = 1.0
    full_range: bool = True
    name: str = ""
    unknown: str = ""

    @property
    def is_srgb(self) -> bool:
        """Whether the samples are sRGB's already."""
        return self.curve == "srgb" and self.full_range and _same(self.primaries, SRGB)

    @property
    def note(self) -> str:
        """What reading it did, as a phrase."""
        if self.curve in ("pq", "hlg"):
            return (
                f"converted to sRGB from {self.name} (HDR): white is {WHITE_NITS:g} cd/m², what is brighter is clipped"
            )
        return f"converted to sRGB from {self.name}"


def signal_of_codes(primaries: int, transfer: int, *, full_range: bool = True) -> Signal | None:
    """The signal that code points of H.273 (a PNG's cICP, an AVIF's nclx) stand for; None for one not known here."""
    chromaticities = PRIMARIES.get(1 if primaries == 2 else primaries)
    if chromaticities is None:
        return None
    gamut = _NAMES.get(primaries, "")
    if transfer in _LIKE_SRGB:
        return Signal("srgb", chromaticities, full_range=full_range, name=gamut or "limited range")
    if transfer in _GAMMAS:
        gamma = _GAMMAS[transfer]
        curve = "linear light" if gamma == 1 else f"gamma {gamma:g}"
        return Signal("gamma", chromaticities, gamma, full_range, " ".join(filter(None, (gamut, curve))))
    if transfer in (_PQ, _HLG):
        curve = "pq" if transfer == _PQ else "hlg"
        return Signal(curve, chromaticities, full_range=full_range, name=f"{gamut} {curve.upper()}".strip())
    return None


def srgb_of(samples: NDArray[np.generic], signal: Signal, *, largest: float | None = None) -> Pixels:
    """Samples (H, W, C), C 1 or 3, as sRGB (H, W, C) of 8 bits, row by row to save memory.

    largest: what stands for 1: by default 255 or 65535 of whole numbers, 1 of floats. Light above white is clipped.

    >>> grey = np.full((1, 1, 3), 148, np.uint8)  # 203 cd/m2 in PQ
    >>> srgb_of(grey, Signal("pq", PRIMARIES[9]))[0, 0].tolist()
    [255, 255, 255]
    """
    scale = largest or (1.0 if samples.dtype.kind == "f" else (255.0 if samples.dtype == np.uint8 else 65535.0))
    matrix = None
    if samples.shape[2] == 3 and not _same(signal.primaries, SRGB):
        matrix = (np.linalg.inv(_to_xyz(SRGB)) @ _to_xyz(signal.primaries)).astype(np.float32)
    luma = _to_xyz(signal.primaries)[1].astype(np.float32)
    out = np.empty(samples.shape, np.uint8)
    for source, target in zip(samples, out, strict=True):
        values = np.nan_to_num(source.astype(np.float32) / scale, posinf=float(np.finfo(np.float32).max))
        if not signal.full_range:
            values = (values * 255 - 16) / 219
        light = _light(values, signal, luma)
        if matrix is not None:
            light = light @ matrix.T
        target[...] = np.floor(_srgb_curve(np.clip(light, 0, 1)) * 255 + 0.5)
    return out


def _light(values: Floats, signal: Signal, luma: Floats) -> Floats:
    """Light of a row of samples (W, C), relative to white."""
    if signal.curve == "gamma":
        return np.maximum(values, 0) ** np.float32(signal.gamma)
    values = np.clip(values, 0, 1)
    if signal.curve == "pq":
        return _pq(values) * np.float32(_PQ_PEAK_NITS / WHITE_NITS)
    if signal.curve == "hlg":
        scene = _hlg_scene(values)
        brightness = scene @ luma if scene.shape[-1] == 3 else scene[..., 0]
        system = np.maximum(brightness, 1e-9)[..., None] ** np.float32(_HLG_GAMMA - 1)
        return scene * system * np.float32(_HLG_PEAK_NITS / WHITE_NITS)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** np.float32(2.4))


def _pq(values: Floats) -> Floats:
    """SMPTE ST 2084's EOTF, 1 for 10,000 cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = values.astype(np.float64) ** (1 / m2)
    light: Floats = ((np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)).astype(np.float32)
    return light


def _hlg_scene(values: Floats) -> Floats:
    """BT.2100's inverse OETF of HLG: scene light in 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12).astype(np.float32)


def _srgb_curve(light: Floats) -> Floats:
    """IEC 61966-2-1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)


def _to_xyz(primaries: Chromaticities) -> NDArray[np.float64]:
    """The matrix from linear RGB of these primaries to CIE XYZ at D65, other whites adapted (Bradford)."""
    red, green, blue, white = (primaries[index : index + 2] for index in (0, 2, 4, 6))
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    whites = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in (white, _D65)]
    matrix = columns * np.linalg.solve(columns, whites[0])
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    before, behind = (bradford @ one for one in whites)
    adapted: NDArray[np.float64] = np.linalg.inv(bradford) @ np.diag(behind / before) @ bradford @ matrix
    return adapted


def _same(first: Chromaticities, second: Chromaticities) -> bool:
    return all(abs(one - other) < _NEAR for one, other in zip(first, second, strict=True))
