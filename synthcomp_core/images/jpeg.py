"""A JPEG's markers and scans (ITU-T T.81), and whether its data suffice for all of its pixels."""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import JpegImagePlugin

from synthcomp_core import limits
from synthcomp_core.errors import ImageError

_MOST_PARTS = 20_000  # segments: a real file has some dozens
_SMALL = 2**22  # samples that a JPEG of several scans may have at any limit
_BAND_PIXELS = 2**19  # of a larger band, every copy would be given memory of its own, which takes five times as long
_NEAR_BYTES = 4096
_PIECE_BYTES = 2**22
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # in JPEG data: neither a stuffed byte nor a restart
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_COEFFICIENTS = 64
_SOS, _EOI, _SOF_PROGRESSIVE = 0xDA, 0xD9, 0xC2
_SOF = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SOF_HUFFMAN = {0xC0, 0xC1, 0xC2}


@dataclass(frozen=True)
class JpegStructure:
    """A JPEG's scans. end: where the end marker stands, None without one. sends_everything: whether the scans bring
    all components, of a progressive file every coefficient in full. can_be_tested: whether it is Huffman-coded, in
    DCT. blocks: of 8 x 8 samples, in all components. least_bits: that their data take at least."""

    scans: int
    end: int | None
    sends_everything: bool
    can_be_tested: bool
    blocks: int = 0
    least_bits: int = 0


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
    frame, components, blocks = 0, 0, 0
    depth: dict[tuple[int, int], int] = {}
    scanned: set[int] = set()
    while (found := _next_marker(content, at)) is not None:
        marker, at = content[found], found + 1
        parts += 1
        if parts > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS:,} segments")
        if marker == _EOI:
            whole = _is_sent(depth, components) if frame == _SOF_PROGRESSIVE else len(scanned) >= components
            # A code has at least one bit: of each block one for its mean and, unless other scans bring the rest, one.
            least = blocks * (1 if frame == _SOF_PROGRESSIVE else 2)
            return JpegStructure(scans, found - 1, whole, frame in _SOF_HUFFMAN, blocks, least)
        if marker in (0x01, 0xD8):
            continue
        body = content[at + 2 : at + int.from_bytes(content[at : at + 2], "big")]
        at += max(2, len(body) + 2)
        if marker in _SOF:
            frame, components, blocks = marker, body[5] if len(body) > 5 else 0, _num_blocks(body)
        elif marker == _SOS:
            scans += 1
            if scans > most:
                raise ValueError(f"it has more than {most} scans")
            _note_scan(body, depth)
            scanned.update(body[1 : 1 + 2 * body[0] : 2] if body else ())
    return JpegStructure(scans, None, True, False)


def _next_marker(content: bytes, at: int) -> int | None:
    """Where the code of the next marker stands, behind the 0xFF; None without one.

    Segments follow each other; through the data of a scan NumPy gets ten times faster than a regular expression, which
    stops at every stuffed byte.
    """
    if found := _MARKER.search(content, at, at + _NEAR_BYTES):
        return found.end() - 1
    samples = np.frombuffer(content, np.uint8)
    for start in range(at, len(content), _PIECE_BYTES):
        piece = samples[start : start + _PIECE_BYTES + 1]  # One more: the code of a marker at the end.
        before = np.flatnonzero(piece[:-1] == 0xFF)
        codes = piece[before + 1]
        is_marker = (codes != 0) & (codes != 0xFF) & ((codes < 0xD0) | (codes > 0xD7))
        if is_marker.any():
            return start + int(before[is_marker.argmax()]) + 1
    return None


def _num_blocks(frame: bytes) -> int:
    """The blocks of 8 x 8 samples of all components, by a frame header (A.1.1, A.2.2)."""
    height, width, count = struct.unpack_from(">HHB", frame, 1) if len(frame) > 5 else (0, 0, 0)
    factors = [(value >> 4, value & 15) for value in frame[7 : 6 + 3 * count : 3]]
    across, down = (max((pair[index] for pair in factors), default=0) for index in (0, 1))
    if not across or not down:
        return 0
    blocks = 0
    for wide, high in factors:
        columns, rows = math.ceil(width * wide / across), math.ceil(height * high / down)
        blocks += math.ceil(columns / 8) * math.ceil(rows / 8)
    return blocks


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


class _PaddedJpeg(io.RawIOBase):
    """The same JPEG with noise in front of its end marker, as a file: without a copy of what may be 250 MB.

    A decoder that has all it needs passes over it; one that has run out of data decodes it, and shows another image.
    """

    def __init__(self, content: bytes, structure: JpegStructure) -> None:
        noise = bytes(1 + (index * 89 + 31) % 250 for index in range(256))
        end = len(content) if structure.end is None else structure.end
        start = content.rfind(b"\xff\xda", 0, end)
        restarts = len(_RESTART.findall(content, start, end))
        # With restart intervals, what ends at one needs the next marker to go on.
        following = (
            b"".join(noise + bytes((0xFF, 0xD0 + (restarts + index) % 8)) for index in range(8)) if restarts else b""
        )
        self._parts = (memoryview(content)[:end], memoryview(following + noise + b"\xff\xd9"))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(map(len, self._parts))}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        file, tail = self._parts
        if self._at < len(file):
            part = file[self._at : self._at + len(buffer)]
        else:
            part = tail[self._at - len(file) : self._at - len(file) + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def check_jpeg(found: JpegStructure, label: str, max_pixels: int) -> None:
    """ValueError for a JPEG of which it is plain without decoding that it does not hold all of its image.

    ImageError for one in several scans, such as a progressive one, of more samples than go with the limit on pixels:
    a decoder holds all of their coefficients beside the image.
    """
    most = limits.JPEG_SCANNED_SAMPLES * max_pixels // limits.IMAGE_PIXELS
    if found.scans > 1 and _COEFFICIENTS * found.blocks > max(most, _SMALL):
        raise ImageError(
            f"{label} is too large: as a JPEG of several scans (a progressive one) it may have {most / 1e6:g} million "
            f"samples at the limit of {max_pixels / 1e6:g} megapixels, and has "
            f"{_COEFFICIENTS * found.blocks / 1e6:.1f}; save it as a baseline JPEG or as a PNG."
        )
    if found.end is None:
        raise ValueError("it has no end marker")
    if not found.sends_everything:
        raise ValueError("its scans do not bring all of the image")
    if found.can_be_tested and 8 * found.end < found.least_bits:
        raise ValueError("its data end before the image does")


def digests_if_whole(content: bytes) -> list[int] | None:
    """What the digests of a JPEG are if its data suffice, which libjpeg else fills with grey without a word.

    Of the same file with noise in front of its end. None for a kind that cannot be tested so. Only one of the two
    decoded pictures is held at a time.
    """
    size = jpeg_size(content)
    found = jpeg_structure(content, size[0] * size[1])
    if not found.can_be_tested:
        return None
    with JpegImagePlugin.JpegImageFile(io.BufferedReader(_PaddedJpeg(content, found), 2**16)) as padded:
        padded.load()
        return digests(padded)


def digests(picture: PillowImage.Image) -> list[int]:
    """A checksum of the samples of each band of rows."""
    rows = max(1, _BAND_PIXELS // picture.width)
    tops = range(0, picture.height, rows)
    bands = ((0, top, picture.width, min(top + rows, picture.height)) for top in tops)
    return [zlib.crc32(picture.crop(band).tobytes()) for band in bands]
