"""The skeleton of an image file, walked before a decoder sees it: what would take for ever or end early is found here.

A decoder follows whatever a file lays out: thousands of scans, directories, chunks or tags, comments without end. Each
has a budget (limits.py); ValueError, in a few words, for a file that is over it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from synthcomp_core import limits

_MOST_PARTS = 20_000  # chunks (but for pixel data), segments or tags: a real file has some dozens
_MOST_DATA_CHUNKS = 1_000_000
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # in JPEG data: neither a stuffed byte nor a restart
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# Possessive quantifiers: however it is written, the header is passed over once.
_PPM_GAP = rb"(?:\s|#[^\r\n]*+[\r\n])++"
_PPM_HEADER = re.compile(rb"P[56]" + 3 * (_PPM_GAP + rb"\d{1,9}+") + rb"\s")
_TIFF_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # TIFF 6.0, types 1 to 12, and 13 (IFD)
_COEFFICIENTS = 64
_SOS, _EOI, _SOF_PROGRESSIVE = 0xDA, 0xD9, 0xC2
_SOF = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SOF_HUFFMAN = {0xC0, 0xC1, 0xC2}


@dataclass(frozen=True)
class JpegStructure:
    """A JPEG's scans. end: where the end marker stands, None without one. sends_everything: whether the scans of a
    progressive file bring every coefficient in full. can_be_tested: whether it is Huffman-coded, in DCT."""

    scans: int
    end: int | None
    sends_everything: bool
    can_be_tested: bool


def jpeg_size(content: bytes) -> tuple[int, int]:
    """(width, height) in the first frame header of a JPEG (ITU-T T.81, B.2.2)."""
    at = 2
    for _ in range(_MOST_PARTS):
        found = _MARKER.search(content, at)
        if found is None:
            break
        marker, at = content[found.end() - 1], found.end()
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return width, height
        if marker not in (0x01, 0xD8, _EOI):
            at += max(2, int.from_bytes(content[at : at + 2], "big"))
    raise ValueError(f"no frame header in its first {_MOST_PARTS:,} segments")


def jpeg_structure(content: bytes, pixels: int) -> JpegStructure:
    """The markers of a JPEG (ITU-T T.81, B.1). pixels: width x height, by which the budget of scans goes."""
    most = min(limits.JPEG_SCANS, max(20, limits.JPEG_SCAN_PIXELS // max(1, pixels)))
    at, scans, parts = 2, 0, 0
    frame, components = 0, 0
    depth: dict[tuple[int, int], int] = {}
    while found := _MARKER.search(content, at):
        marker, at = content[found.end() - 1], found.end()
        parts += 1
        if parts > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS:,} segments")
        if marker == _EOI:
            whole = frame != _SOF_PROGRESSIVE or _is_sent(depth, components)
            return JpegStructure(scans, found.end() - 2, whole, frame in _SOF_HUFFMAN)
        if marker in (0x01, 0xD8):
            continue
        body = content[at + 2 : at + int.from_bytes(content[at : at + 2], "big")]
        at += max(2, len(body) + 2)
        if marker in _SOF:
            frame, components = marker, body[5] if len(body) > 5 else 0
        elif marker == _SOS:
            scans += 1
            if scans > most:
                raise ValueError(f"it has more than {most} scans")
            _note_scan(body, depth)
    return JpegStructure(scans, None, True, False)


def _note_scan(body: bytes, depth: dict[tuple[int, int], int]) -> None:
    """Remember to which bit a scan brings the coefficients of its components (B.2.3)."""
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    first, last, low = body[1 + 2 * count], body[2 + 2 * count], body[3 + 2 * count] & 15
    for index in range(count):
        for coefficient in range(first, min(last, _COEFFICIENTS - 1) + 1):
            depth[body[1 + 2 * index], coefficient] = low


def _is_sent(depth: dict[tuple[int, int], int], components: int) -> bool:
    return len(depth) == components * _COEFFICIENTS and not any(depth.values())


def padded_jpeg(content: bytes, structure: JpegStructure) -> bytes:
    """The same JPEG with noise in front of its end marker.

    A decoder that has all it needs passes over it; one that has run out of data decodes it, and shows another image.
    """
    noise = bytes(1 + (index * 89 + 31) % 250 for index in range(256))
    start = content.rfind(b"\xff\xda", 0, structure.end)
    restarts = len(_RESTART.findall(content, start, structure.end or len(content)))
    # With restart intervals, what ends at one needs the next marker to go on.
    following = (
        b"".join(noise + bytes((0xFF, 0xD0 + (restarts + index) % 8)) for index in range(8)) if restarts else b""
    )
    return content[: structure.end] + following + noise + b"\xff\xd9"


def check_png(content: bytes) -> None:
    """The chunks of a PNG (ISO/IEC 15948, 5.3), up to its end chunk."""
    at, parts, data = 8, 0, 0
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"IEND":
            return
        data, parts = (data + 1, parts) if kind == b"IDAT" else (data, parts + 1)
        if parts > _MOST_PARTS or data > _MOST_DATA_CHUNKS:
            raise ValueError("it has more chunks than any image")
        at += 12 + length


def png_exif(content: bytes) -> bytes:
    """The EXIF data of a PNG, which may stand behind the pixels; empty if there is none."""
    at = 8
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"eXIf":
            return content[at + 8 : at + 8 + length]
        if kind == b"IEND":
            break
        at += 12 + length
    return b""


def check_ppm(content: bytes) -> None:
    """The header of a binary PPM (Netpbm), with its comments, which lies in the first few kilobytes."""
    if not _PPM_HEADER.match(content[: limits.IMAGE_HEADER_BYTES]):
        raise ValueError(f"its first {limits.IMAGE_HEADER_BYTES:,} bytes hold no header")


def tiff_pages(content: bytes) -> int:
    """The number of directories of a TIFF, at most limits.IMAGE_FRAMES + 1; ValueError when the first one's tags are
    too many, or take more bytes than the file has."""
    order = "<" if content[:2] == b"II" else ">"
    at, pages = struct.unpack_from(f"{order}I", content, 4)[0], 0
    while at and pages <= limits.IMAGE_FRAMES:
        if at + 2 > len(content):
            break
        (entries,) = struct.unpack_from(f"{order}H", content, at)
        pages += 1
        if pages == 1:
            _check_tags(content, order, at + 2, entries)
        following = at + 2 + 12 * entries
        if following + 4 > len(content):
            break
        (at,) = struct.unpack_from(f"{order}I", content, following)
    return pages


def _check_tags(content: bytes, order: str, at: int, entries: int) -> None:
    total = 0
    for index in range(min(entries, (len(content) - at) // 12)):
        _, kind, count = struct.unpack_from(f"{order}HHI", content, at + 12 * index)
        total += _TIFF_TYPE_BYTES[kind] * count if kind < len(_TIFF_TYPE_BYTES) else 0
    if entries > _MOST_PARTS or total > len(content):
        raise ValueError("its tags are more than the file holds")
