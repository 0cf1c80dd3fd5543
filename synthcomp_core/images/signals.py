"""What an image file says about its colours beside an ICC profile: PNG's cICP and gAMA, AVIF's nclx."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from synthcomp_core.images.avif import boxes
from synthcomp_core.images.light import SRGB, Chromaticities, Signal, signal_of_codes

_GAMMA_UNIT = 100_000  # PNG: gAMA and cHRM hold whole numbers of this
_USUAL_GAMMA = 1 / 2.2
_USUAL_WITHIN = 0.05  # of it: shown as sRGB is, as browsers do
_MAX_CHUNKS = 1000


def file_signal(content: bytes, file_format: str, profile: bytes | None) -> Signal | None:
    """What a file says about its colours beside its ICC profile; None where that is nothing, or the profile decides."""
    if file_format == "PNG":
        return png_signal(content)
    return avif_signal(content) if file_format == "AVIF" and not profile else None


def png_signal(content: bytes) -> Signal | None:
    """What a PNG's chunks say (PNG, third edition, 4.3): cICP first, then an ICC profile or sRGB, then gAMA and cHRM.

    None where an ICC profile decides, or where nothing is said.
    """
    chunks = dict(_png_chunks(content))
    if len(codes := chunks.get(b"cICP", b"")) == 4:
        primaries, transfer, _, full_range = codes
        return _signal(primaries, transfer, full_range=bool(full_range))
    if b"iCCP" in chunks or b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return None
    stored = struct.unpack(">I", chunks[b"gAMA"])[0] / _GAMMA_UNIT
    if not 0.05 < stored < 5:
        return None
    chromaticities = _chromaticities(chunks.get(b"cHRM", b""))
    if abs(stored / _USUAL_GAMMA - 1) < _USUAL_WITHIN:
        return Signal("srgb", chromaticities, name="the primaries in the file")
    gamma = 1 / stored
    name = "linear light" if abs(gamma - 1) < 0.01 else f"gamma {gamma:.2g}"
    return Signal("gamma", chromaticities, gamma, name=name)


def avif_signal(content: bytes) -> Signal | None:
    """What the first nclx box of an AVIF says; None without one, or where it is not known here."""
    for kind, begin, end in boxes(content):
        body = content[begin : min(end, begin + 11)]
        if kind == b"colr" and body[:4] == b"nclx" and len(body) == 11:
            primaries, transfer = struct.unpack(">HH", body[4:8])
            return _signal(primaries, transfer)  # Decoders expand a limited range themselves.
    return None


def avif_depth(content: bytes) -> int:
    """Bits per sample of an AVIF, by its pixi box; 8 without one."""
    for kind, begin, end in boxes(content):
        if kind == b"pixi" and end - begin > 5:
            return content[begin + 5]
    return 8


def _signal(primaries: int, transfer: int, *, full_range: bool = True) -> Signal:
    """The signal that codes stand for; one that is read as sRGB and names them where they are not known here."""
    known = signal_of_codes(primaries, transfer, full_range=full_range)
    return known or Signal("srgb", unknown=f"primaries {primaries}, transfer {transfer}")


def _chromaticities(body: bytes) -> Chromaticities:
    """A cHRM chunk (white, red, green, blue) as the primaries; sRGB's where it is absent or makes no sense."""
    if len(body) != 32:
        return SRGB
    white_x, white_y, *rest = (value / _GAMMA_UNIT for value in struct.unpack(">8I", body))
    values = (*rest, white_x, white_y)
    if any(not 0 < y < 1 for y in values[1::2]) or any(not 0 <= x < 1 for x in values[::2]):
        return SRGB
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    area = (green_x - red_x) * (blue_y - red_y) - (blue_x - red_x) * (green_y - red_y)
    return values if abs(area) > 0.01 else SRGB  # type: ignore[return-value]


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, data) of the chunks in front of the pixels."""
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            return
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"IDAT":
            return
        yield kind, content[at + 8 : at + 8 + min(length, 64)]
        at += 12 + length
