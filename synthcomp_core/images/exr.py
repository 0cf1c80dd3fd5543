"""OpenEXR, as renderers write it: linear light in floats, shown at exposure 0 through sRGB's curve."""

from __future__ import annotations

import io
import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images.light import SRGB, Chromaticities, Signal, srgb_of
from synthcomp_core.images.quiet import quiet_openexr

NOTE = "linear light, shown at exposure 0 (1.0 is white, what is brighter is clipped) through sRGB's curve"
_MAX_CHANNELS = 4  # times the pixel limit: what all channels together may hold
_PARTS_OR_DEEP = 0x1800  # bits of the version: the file has several parts, or a list of samples for each pixel
_RISING = b"\0"
_PLAIN = ("RGB", "RGBA")
_FINISHED = ("combined", "beauty", "rgba", "rgb")  # as renderers call the layer with the finished image


def exr_size(content: bytes) -> tuple[int, int]:
    """(width, height) of the display window by an EXR's header; ValueError where there is none."""
    return _window(_header(content)["displayWindow"])


def decode_exr(content: bytes, max_pixels: int, notes: list[str]) -> NDArray[np.uint8]:
    """The (H, W, 3) sRGB pixels of an EXR's display window; alpha, which its colours are multiplied by, over black.

    ValueError for one that has neither RGB nor a luminance channel, or whose channels are larger than any image's.
    """
    header = _header(content)
    names = [channel.name for channel in header["channels"]]
    width, height = _window(header["dataWindow"])
    if width * height * len(names) > _MAX_CHANNELS * max_pixels:
        raise ValueError(f"its {len(names)} channels of {width} x {height} are too large")
    if not _has_colours(names):
        raise ValueError(f"it has the channels {', '.join(sorted(names))[:120]}, but no R, G and B, and no Y")
    _check_end(content)
    pixels = _colour(_opened(content, header_only=False).channels(), names, notes)
    signal = Signal("gamma", _chromaticities(header))
    eight = np.repeat(srgb_of(pixels, signal), 3 // pixels.shape[2], axis=2)
    notes.append(NOTE)
    return _in_display_window(eight, header, notes)


def _has_colours(names: list[str]) -> bool:
    """Whether the channels hold R, G and B, of a layer or none, or luminance alone: known before any is decoded."""
    layers = {name[:-1] for name in names if name.endswith("R")}
    coloured = any({f"{layer}G", f"{layer}B"} <= set(names) for layer in layers)
    return coloured or ("Y" in names and "BY" not in names)


def _check_end(content: bytes) -> None:
    """ValueError for a file that was cut off, before the memory of its pixels is taken: its table leads beyond its end.

    The table of chunks follows the header (OpenEXR's "File Layout"); where they lie in rising order, the first begins
    behind the table. Files of other orders or of several parts are left to the library.
    """
    if struct.unpack_from("<I", content, 4)[0] & _PARTS_OR_DEEP:
        return
    at, order = 8, b""
    try:
        while content[at]:
            end = content.index(0, at)
            kind = content.index(0, end + 1) + 1
            (size,) = struct.unpack_from("<I", content, kind)
            name, at = content[at:end], kind + 4 + size
            order = content[at - 1 : at] if name == b"lineOrder" else order
        table = at + 1
        (first,) = struct.unpack_from("<Q", content, table)
    except (IndexError, struct.error) as error:
        raise ValueError("it ends within its header") from error
    if order != _RISING or first == 0:  # A program that was stopped leaves zeros, and the library finds the chunks.
        return
    offsets = np.frombuffer(
        content[table : min(first, len(content))], "<u8", max(0, min(first, len(content)) - table) // 8
    )
    if first > len(content) or (offsets > len(content)).any():
        raise ValueError("it ends before its last rows")


def _opened(content: bytes, *, header_only: bool) -> Any:
    import OpenEXR

    with warnings.catch_warnings(), quiet_openexr():
        warnings.simplefilter("ignore")  # on metadata that does not matter here
        return OpenEXR.File(io.BytesIO(content), header_only=header_only)


def _header(content: bytes) -> dict[str, Any]:
    # The library checks the rest; this only keeps it from files that are cut off in the first bytes.
    if len(content) < 16 or struct.unpack("<I", content[:4])[0] != 20000630:
        raise ValueError("no OpenEXR header")
    header: dict[str, Any] = _opened(content, header_only=True).header()
    return header


def _window(window: Any) -> tuple[int, int]:
    (left, top), (right, bottom) = window
    return int(right) - int(left) + 1, int(bottom) - int(top) + 1


def _colour(channels: Any, names: list[str], notes: list[str]) -> NDArray[np.float32]:
    """(H, W, 3) or (H, W, 1) light of the plain colour channels, or of the layer that holds the finished image."""
    plain = [name for name in _PLAIN if name in channels]
    for name in plain or _finished_layer(channels):
        pixels = np.asarray(channels[name].pixels, np.float32)
        if not plain:
            notes.append(f"its layer {name[:60]} is shown")
        if pixels.shape[2] == 4 and float(pixels[..., 3].min()) < 1:
            notes.append("transparent parts are shown over black")
        return pixels[..., :3]
    if {"R", "G", "B"} <= set(channels):
        return np.stack([np.asarray(channels[name].pixels, np.float32) for name in "RGB"], axis=-1)
    if "Y" in channels and "BY" not in channels:
        return np.asarray(channels["Y"].pixels, np.float32)[..., None]
    raise ValueError(f"it has the channels {', '.join(sorted(names))[:120]}, but no R, G and B, and no Y")


def _finished_layer(channels: Any) -> list[str]:
    """The layer to show of a file whose colours are all in layers: its only one, or the only one of a usual name.

    Empty where there is no layer with colours; ValueError for several of which none is known to be the finished image.
    """
    # The library joins a layer's R, G, B (and A) to one array under the layer's name.
    layers = [str(name) for name, channel in channels.items() if channel.pixels.ndim == 3]
    usual = [name for name in layers if name.rpartition(".")[2].lower() in _FINISHED]
    chosen = layers if len(layers) == 1 else usual
    if len(layers) > 1 and len(usual) != 1:
        raise ValueError(f"it has the layers {', '.join(sorted(layers))[:120]}; save the one to show alone")
    return chosen


def _chromaticities(header: dict[str, Any]) -> Chromaticities:
    """The primaries in the header; sRGB's, which OpenEXR assumes, where it has none."""
    values = header.get("chromaticities")
    if values is None:
        return SRGB
    flat = tuple(float(value) for value in np.asarray(values, dtype=float).ravel())
    return flat if len(flat) == 8 and all(0 < value < 1 for value in flat[1::2]) else SRGB  # type: ignore[return-value]


def _in_display_window(pixels: NDArray[np.uint8], header: dict[str, Any], notes: list[str]) -> NDArray[np.uint8]:
    """The part of the data window that is to be shown, black where there are no data."""
    (left, top), _ = header["dataWindow"]
    (display_left, display_top), _ = header["displayWindow"]
    width, height = _window(header["displayWindow"])
    x, y = int(left) - int(display_left), int(top) - int(display_top)
    if (x, y) == (0, 0) and pixels.shape[:2] == (height, width):
        return pixels
    notes.append("its pixels are placed in its display window")
    shown = np.zeros((height, width, 3), np.uint8)
    rows = slice(max(0, y), min(height, y + pixels.shape[0]))
    columns = slice(max(0, x), min(width, x + pixels.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        shown[rows, columns] = pixels[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    return shown
