"""The headers of a JPEG 2000 codestream (ITU-T T.800, annex A), held against budgets before anything is decoded.

A decoder lays out every tile, precinct and code-block that the headers claim before it reads any data, and fills the
tiles that are missing with grey. ValueError, in a few words, for a file that is over a budget or not complete.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from synthcomp_core import limits

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ markers
_SIZ = struct.Struct(">HHIIIIIIIIH")
_COD, _COC, _SOT, _SOD, _EOC = 0x52, 0x53, 0x90, 0x93, 0xD9
_MOST_COMPONENTS = 4  # each is decoded whole, whether it is shown or not
_MOST_MARKERS = 100_000
_WHOLE = 15  # the exponent of a precinct that is not divided


@dataclass(frozen=True)
class _Grid:
    """What a SIZ marker says: sides of the image and of a tile in pixels, number of tiles and components."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: int
    components: int


def codestream_size(content: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG 2000 codestream, bare or in a JP2, by its SIZ marker (A.5.1).

    The largest where more than one lies in the file. ValueError when there is none.
    """
    grids = [grid for _, grid in _codestreams(content)]
    if not grids:
        raise ValueError("no codestream header")
    largest = max(grids, key=lambda grid: grid.width * grid.height)
    return largest.width, largest.height


def check_codestreams(content: bytes, *, max_pixels: int) -> None:
    """ValueError for a codestream that is laid out in more parts than any image, or that lacks a tile.

    max_pixels: by which the budget of code-blocks goes.
    """
    for at, grid in _codestreams(content):
        if grid.tiles > limits.JPEG_2000_TILES:
            raise ValueError(f"it has {grid.tiles:,} tiles, more than {limits.JPEG_2000_TILES:,}")
        _check_parts(content, at, grid, max_pixels)


def _codestreams(content: bytes) -> Iterator[tuple[int, _Grid]]:
    """(begin, what it says) of every codestream in a file."""
    at = content.find(_CODESTREAM)
    while at >= 0:
        grid = _grid(content[at + 4 : at + 4 + _SIZ.size])
        if grid is not None:
            yield at, grid
        at = content.find(_CODESTREAM, at + 4)


def _grid(fields: bytes) -> _Grid | None:
    """The SIZ marker's fields; None for compressed data that look like a marker."""
    if len(fields) < _SIZ.size:
        return None
    length, _, right, bottom, left, top, across, down, tile_left, tile_top, components = _SIZ.unpack(fields)
    if length != _SIZ.size + 3 * components:
        return None
    if components > _MOST_COMPONENTS:
        raise ValueError(f"it has {components} components")
    width, height = right - left, bottom - top
    if not across or not down:
        raise ValueError("its tiles have no size")
    tiles = -(-(right - tile_left) // across) * -(-(bottom - tile_top) // down)
    return _Grid(width, height, min(across, width), min(down, height), tiles, components)


def _check_parts(content: bytes, at: int, grid: _Grid, max_pixels: int) -> None:
    """The budget of code-blocks and precincts, by the costliest coding style in any header; and that no tile lacks."""
    most = max(1, max_pixels // limits.JPEG_2000_BLOCK_PIXELS)
    found: set[int] = set()
    for marker, body in _markers(content, at + 2):
        if marker == _SOT:
            found.add(int.from_bytes(body[:2], "big"))
        elif marker in (_COD, _COC):
            # COD: style, progression, layers (2), transform, levels, ...; COC: component, style, levels, ...
            style, rest = (body[:1], body[5:]) if marker == _COD else (body[1:2], body[2:])
            parts = grid.tiles * grid.components * _parts_of_a_tile(grid, style, rest)
            if parts > most:
                raise ValueError(f"it is divided into {parts:,} code-blocks and precincts, more than {most:,}")
    missing = grid.tiles - len(found & set(range(grid.tiles)))
    if missing:
        raise ValueError(f"{missing:,} of its {grid.tiles:,} tiles are missing")


def _markers(content: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """(marker, body) of the segments of the main header and of every tile-part's header."""
    part = end = 0
    for _ in range(_MOST_MARKERS):
        if at + 4 > len(content) or content[at] != 0xFF:
            return
        marker = content[at + 1]
        if marker == _EOC:
            return
        if marker == _SOD:  # The data follow; the next part begins where this one's length says.
            if end <= part:
                return
            at = end
            continue
        body = content[at + 4 : at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")]
        if marker == _SOT:
            length = int.from_bytes(body[2:6], "big")
            part, end = at, at + length  # 0: up to the end of the codestream
        yield marker, body
        at += max(4, len(body) + 4)
    raise ValueError(f"it has more than {_MOST_MARKERS:,} segments")


def _parts_of_a_tile(grid: _Grid, style: bytes, rest: bytes) -> int:
    """Code-blocks and precincts of a component of a tile (B.6, B.7); rest: from the number of levels on."""
    if len(rest) < 5:
        return 0
    levels = min(rest[0], 32)
    block = [(value & 15) + 2 for value in rest[1:3]]
    parts = 0
    for resolution in range(levels + 1):
        exponents = [_WHOLE, _WHOLE]
        if style[0] & 1 and 5 + resolution < len(rest):
            exponents = [rest[5 + resolution] & 15, rest[5 + resolution] >> 4]
        precincts, blocks = 1, 1
        for side, size, exponent in zip((grid.tile_width, grid.tile_height), block, exponents, strict=True):
            shown = -(-side >> (levels - resolution)) if resolution == levels else (side >> (levels - resolution)) + 1
            precincts *= -(-shown // 2**exponent)
            band = shown if resolution == 0 else shown // 2 + 1
            blocks *= -(-band // 2 ** min(size, exponent if resolution == 0 else max(0, exponent - 1)))
        bands = 1 if resolution == 0 else 3
        parts += bands * (precincts + blocks)
    return parts
