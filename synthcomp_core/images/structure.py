"""The skeleton of an image file, walked before a decoder sees it: what would take for ever or end early is found here.

A decoder follows whatever a file lays out: thousands of scans, directories, chunks or tags, comments without end. Each
has a budget (limits.py); ValueError, in a few words, for a file that is over it.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from synthcomp_core import limits

_MOST_PARTS = 20_000  # chunks (but for pixel data), segments or tags: a real file has some dozens
_MOST_DATA_CHUNKS = 1_000_000
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PNG_FILTERS = 4  # the last of them
_PIECE = 2**20  # bytes
# Possessive quantifiers: however it is written, the header is passed over once.
_PPM_GAP = rb"(?:\s|#[^\r\n]*+[\r\n])++"
_PPM_HEADER = re.compile(rb"P[56]" + 3 * (_PPM_GAP + rb"\d{1,9}+") + rb"\s")
_TIFF_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # TIFF 6.0, types 1 to 12, and 13 (IFD)
_TIFF_SHORT = 3
_TIFF_SIDES, _TIFF_TILE_SIDES = (256, 257), (322, 323)  # tags: ImageWidth and ImageLength, TileWidth and TileLength


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


def check_png_data(content: bytes) -> None:
    """The data of a PNG, unpacked piece by piece: that they are whole, and every row's filter one that there is.

    In constant memory, where decoding an image that turns out to be damaged would have taken that of all its pixels.
    """
    width, height, bits, kind, _, _, interlace = struct.unpack_from(">IIBBBBB", content, 16)
    stride = 1 + -(-width * bits * _PNG_CHANNELS.get(kind, 1) // 8)
    unpacker, rows, left = zlib.decompressobj(), 0, b""
    for data in _png_data(content):
        while data:
            left += unpacker.decompress(data, max_length=_PIECE)
            data = unpacker.unconsumed_tail
            whole = len(left) // stride
            if not interlace and any(value > _PNG_FILTERS for value in left[: whole * stride : stride]):
                raise ValueError("a row has an unknown filter")
            rows, left = rows + whole, left[whole * stride :]
    # The rows of an interlaced image are shorter, and more.
    if rows < height:
        raise ValueError("its data end before the image does")


def _png_data(content: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"IDAT":
            data = content[at + 8 : at + 8 + length]
            if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(content[at + 8 + length : at + 12 + length], "big"):
                raise ValueError("a checksum of its data is wrong")
            yield data
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


def ppm_size(content: bytes) -> tuple[int, int]:
    """(width, height) of a binary PPM; ValueError as :func:`check_ppm`."""
    check_ppm(content)
    _, width, height, *_ = re.sub(rb"#[^\r\n]*", b"", content[: limits.IMAGE_HEADER_BYTES]).split(maxsplit=3)
    return int(width), int(height)


def tiff_size(file: BinaryIO) -> tuple[int, int]:
    """(width, height) in the first directory of a TIFF; ValueError where it does not say."""
    file.seek(0)
    start = file.read(8)
    order = "<" if start[:2] == b"II" else ">"
    file.seek(struct.unpack_from(f"{order}I", start, 4)[0])
    (entries,) = struct.unpack(f"{order}H", file.read(2))
    sides = _tiff_sides(file.read(12 * entries), order, 0, entries)
    if not all(tag in sides for tag in _TIFF_SIDES):
        raise ValueError("its first directory has no size")
    return sides[_TIFF_SIDES[0]], sides[_TIFF_SIDES[1]]


def _tiff_sides(content: bytes, order: str, at: int, entries: int) -> dict[int, int]:
    """The sides of image and tiles, by their tags, in a directory's entries."""
    sides: dict[int, int] = {}
    for index in range(min(entries, (len(content) - at) // 12)):
        tag, kind, count = struct.unpack_from(f"{order}HHI", content, at + 12 * index)
        if tag in (*_TIFF_SIDES, *_TIFF_TILE_SIDES) and count == 1:
            width = "H" if kind == _TIFF_SHORT else "I"
            (sides[tag],) = struct.unpack_from(f"{order}{width}", content, at + 12 * index + 8)
    return sides


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
    # libtiff unpacks a whole tile, however little of it the image takes.
    sides = _tiff_sides(content, order, at, entries)
    image, tile = (math.prod(sides.get(tag, 0) for tag in tags) for tags in (_TIFF_SIDES, _TIFF_TILE_SIDES))
    if tile > max(image, limits.TIFF_TILE_PIXELS):
        raise ValueError(f"its tiles of {tile / 1e6:,.1f} megapixels are larger than any image's")
