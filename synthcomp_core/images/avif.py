"""The sizes in an AVIF: what its container claims, held against what its AV1 data decode to.

libavif scales a picture to whatever size the container claims, and decodes one that is far larger than that.
ValueError, in a few words, where they differ. Boxes: ISO/IEC 14496-12 and 23008-12; AV1: its specification, 5.3 to 5.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MOST_BOXES = 20_000
_MOST_ITEMS = 5_000
_MOST_UNITS = 1_000
_HEAD = 4096  # bytes of a track's first sample that hold its sequence header
# Boxes that hold boxes, behind so many bytes.
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
_SEQUENCE_HEADER = 1  # type of an open bitstream unit
Size = tuple[int, int]
Box = tuple[bytes, int, int]  # type, begin and end of its body


class _Bits:
    """Reads bits, most significant first. ValueError where they end."""

    def __init__(self, content: bytes) -> None:
        self._value, self._left = int.from_bytes(content, "big"), 8 * len(content)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("its AV1 header is cut off")
        return self._value >> self._left & ((1 << count) - 1)


def check_avif(content: bytes, *, max_pixels: int) -> None:
    """ValueError when a picture in an AVIF is of another size than is claimed for it, or all together are too large.

    max_pixels: of the image; its parts, with those that hold its alpha, may have four times as many.
    """
    total = 0
    for claimed, coded in _pictures(content, list(boxes(content))):
        total += coded[0] * coded[1]
        if claimed != coded:
            raise ValueError(f"it claims {claimed[0]} x {claimed[1]} pixels for a picture of {coded[0]} x {coded[1]}")
        if total > 4 * max_pixels:
            raise ValueError(f"its parts have more than {4 * max_pixels / 1e6:g} megapixels")


def avif_size(content: bytes) -> tuple[int, int]:
    """(width, height) that an AVIF claims for its image, of one that is a sequence for its first track."""
    found = list(boxes(content))
    for kind, _, end in found:
        if kind == b"tkhd" and content[8:12] == b"avis":
            return _track_size(content, end)
    sizes = _item_sizes(content, found)
    for kind, begin, end in found:
        if kind == b"pitm":
            return sizes[int.from_bytes(content[begin + 4 : end], "big")]
    raise ValueError("it has no image")


def _track_size(content: bytes, end: int) -> Size:
    """The last fields of a tkhd box that ends there."""
    width, height = struct.unpack_from(">II", content, end - 8)
    return width >> 16, height >> 16


def _pictures(content: bytes, found: list[Box]) -> Iterator[tuple[Size, Size]]:
    """(claimed, coded) size of every picture: the items', and the first one of every track."""
    sizes = _item_sizes(content, found)
    for item, data in _item_data(content, found):
        if item in sizes:
            yield from ((sizes[item], coded) for coded in _coded_sizes(data))
    claimed: Size | None = None
    for kind, begin, end in found:
        if kind == b"tkhd" and end - begin >= 8:
            claimed = _track_size(content, end)
        elif kind in (b"stco", b"co64") and claimed is not None:
            wide = 8 if kind == b"co64" else 4
            at = int.from_bytes(content[begin + 8 : min(end, begin + 8 + wide)], "big")
            yield from ((claimed, coded) for coded in _coded_sizes(content[at : at + _HEAD]))


def boxes(content: bytes, begin: int = 0, end: int | None = None) -> Iterator[Box]:
    """All boxes of an ISO file, or of a part of it, in order, those inside of containers too."""
    left = [(begin, len(content) if end is None else end)]
    for _ in range(_MOST_BOXES):
        if not left:
            return
        at, stop = left.pop()
        if at + 8 > stop:
            continue
        size, kind = struct.unpack_from(">I4s", content, at)
        body = at + 8
        if size == 1 and at + 16 <= stop:
            (size,) = struct.unpack_from(">Q", content, body)
            body = at + 16
        after = stop if size == 0 else at + size
        if after > stop or after < body:
            continue
        left.append((after, stop))
        yield kind, body, after
        if kind in _CONTAINERS:
            left.append((body + _CONTAINERS[kind], after))
    raise ValueError(f"it has more than {_MOST_BOXES:,} boxes")


def _item_sizes(content: bytes, found: list[Box]) -> dict[int, Size]:
    """The size (ispe) that is claimed for each item, by the associations of properties (ipma)."""
    properties: list[tuple[bytes, int]] = []
    for kind, begin, end in found:
        if kind == b"ipco":
            at = begin
            while at + 8 <= end:
                size, name = struct.unpack_from(">I4s", content, at)
                properties.append((name, at + 8))
                if size < 8:
                    break
                at += size
    sizes: dict[int, Size] = {}
    for kind, begin, end in found:
        if kind == b"ipma":
            for item, index in _associations(content[begin:end]):
                if 0 < index <= len(properties) and properties[index - 1][0] == b"ispe":
                    sizes[item] = struct.unpack_from(">II", content, properties[index - 1][1] + 4)
    return sizes


def _associations(body: bytes) -> Iterator[tuple[int, int]]:
    """(item, number of a property) in the body of an ipma box."""
    version, flags = body[0], body[3]
    (count,) = struct.unpack_from(">I", body, 4)
    at = 8
    for _ in range(min(count, _MOST_ITEMS)):
        item = int.from_bytes(body[at : at + (4 if version else 2)], "big")
        at += 4 if version else 2
        if at >= len(body):
            return
        number, at = body[at], at + 1
        for _ in range(number):
            wide = flags & 1
            yield item, int.from_bytes(body[at : at + 1 + wide], "big") & (0x7FFF if wide else 0x7F)
            at += 1 + wide


def _item_data(content: bytes, found: list[Box]) -> Iterator[tuple[int, bytes]]:
    """(item, its data) of the items that are AV1 pictures."""
    pictures = {item for kind, begin, end in found if kind == b"iinf" for item in _av1_items(content, begin, end)}
    inside = next((begin for kind, begin, _ in found if kind == b"idat"), 0)
    for kind, begin, end in found:
        if kind == b"iloc":
            for item, is_inside, extents in _locations(content[begin:end]):
                if item in pictures:
                    base = inside if is_inside else 0
                    yield item, b"".join(content[base + at : base + at + length] for at, length in extents)


def _av1_items(content: bytes, begin: int, end: int) -> Iterator[int]:
    """The ids of the items of type av01 in an iinf box."""
    first = begin + 4 + (2 if content[begin : begin + 1] == b"\0" else 4)
    for kind, at, stop in boxes(content, first, end):
        wide = content[at : at + 1] > b"\2"
        name = at + (10 if wide else 8)
        if kind == b"infe" and stop - at >= 12 and content[name : name + 4] == b"av01":
            yield int.from_bytes(content[at + 4 : at + (8 if wide else 6)], "big")


def _locations(body: bytes) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """(item, whether its data lie in the idat box, (begin, length) of its pieces) in the body of an iloc box."""
    version = body[0]
    offset_bytes, length_bytes = body[4] >> 4, body[4] & 15
    base_bytes, index_bytes = body[5] >> 4, body[5] & 15 if version else 0
    at = 6

    def number(count: int) -> int:
        nonlocal at
        at += count
        if at > len(body):
            raise ValueError("its table of items is cut off")
        return int.from_bytes(body[at - count : at], "big")

    wide = 4 if version > 1 else 2
    for _ in range(min(number(wide), _MOST_ITEMS)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_bytes)
        extents = []
        for _ in range(min(number(2), _MOST_ITEMS)):
            number(index_bytes)
            extents.append((base + number(offset_bytes), number(length_bytes)))
        yield item, method == 1, extents


def _coded_sizes(data: bytes) -> Iterator[Size]:
    """(width, height) in every sequence header among the open bitstream units of a picture."""
    at = 0
    for _ in range(_MOST_UNITS):
        if at >= len(data):
            return
        first = data[at]
        at += 2 if first & 4 else 1
        if not first & 2:  # without a length: up to the end
            length = len(data) - at
        else:
            length = shift = 0
            while at < len(data) and shift < 56:
                length |= (data[at] & 127) << shift
                shift, at = shift + 7, at + 1
                if not data[at - 1] & 128:
                    break
        if first >> 3 & 15 == _SEQUENCE_HEADER:
            yield _sequence_size(_Bits(data[at : at + min(length, 4096)]))
        at += length


def _sequence_size(bits: _Bits) -> Size:
    """The largest frame that a sequence header allows (AV1, 5.5.1)."""
    bits.take(3)  # profile
    bits.take(1)  # still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(zeros)
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delay and bits.take(1):
            bits.take(4)
