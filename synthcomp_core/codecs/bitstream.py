"""The ``.scb`` container: what a learned codec's bitstream looks like, byte for byte.

All numbers little-endian:

    offset  bytes
         0      3  magic "SCB"
         3      1  version (1)
         4      8  snapshot fingerprint: first 8 bytes of the SHA-256 of its weights
        12      4  width in pixels
        16      4  height in pixels
        20      4  length of section z (hyper-latents; 0 for bmshj2018-factorized)
        24      4  length of section y (latents)
        28      4  CRC-32 of the decoded latents (int32, z then y, each in rows, columns, channels)
        32      8  corrections of y's scales, 4 bits each (level_offsets.py)
        40      4  CRC-32 of the 40 bytes above
        44         section z, section y: 32-bit words of constriction's range coder
       end      4  CRC-32 of everything above
"""

import struct
import zlib
from dataclasses import dataclass

from synthcomp_core.errors import BitstreamError
from synthcomp_core.library.snapshots import FINGERPRINT_BYTES

MAGIC = b"SCB"
VERSION = 1
LEVEL_OFFSETS_BYTES = 8
MAX_PIXELS = 200_000_000  # A header that claims more is refused before anything is allocated.
_FIELDS = struct.Struct(f"<3sB{FINGERPRINT_BYTES}sIIIII{LEVEL_OFFSETS_BYTES}s")
_CRC = struct.Struct("<I")
HEADER_BYTES = _FIELDS.size + _CRC.size
_WORD_BYTES = 4
_HINT = "get the file again or encode the image anew"


@dataclass(frozen=True)
class Container:
    """A parsed ``.scb``: width and height in pixels of the image, the two sections, and what they must decode to."""

    fingerprint: bytes
    width: int
    height: int
    latents_crc32: int
    level_offsets: bytes
    z: bytes
    y: bytes


def pack(container: Container) -> bytes:
    """The complete bitstream. BitstreamError when the image is larger than the format holds."""
    _check_size(container.width, container.height)
    fields = _FIELDS.pack(
        MAGIC,
        VERSION,
        container.fingerprint,
        container.width,
        container.height,
        len(container.z),
        len(container.y),
        container.latents_crc32,
        container.level_offsets,
    )
    body = fields + _CRC.pack(zlib.crc32(fields)) + container.z + container.y
    return body + _CRC.pack(zlib.crc32(body))


def unpack(bitstream: bytes) -> Container:
    """The parts of a bitstream that is complete and undamaged; else BitstreamError saying what is wrong."""
    if not bitstream.startswith(MAGIC):
        raise BitstreamError(f"This is not a .scb bitstream: it begins with {bitstream[:4]!r}, not with {MAGIC!r}.")
    if len(bitstream) > len(MAGIC) and bitstream[len(MAGIC)] != VERSION:
        raise BitstreamError(
            f"This .scb has version {bitstream[len(MAGIC)]}, but only version {VERSION} is known here; "
            "decode it with the Synthcomp that wrote it."
        )
    if len(bitstream) < HEADER_BYTES + _CRC.size:
        raise BitstreamError(f"This .scb is truncated: {len(bitstream)} bytes do not hold a header; {_HINT}.")
    fields = bitstream[: _FIELDS.size]
    _, _, fingerprint, width, height, z_length, y_length, latents_crc32, level_offsets = _FIELDS.unpack(fields)
    if _CRC.unpack_from(bitstream, _FIELDS.size)[0] != zlib.crc32(fields):
        raise BitstreamError(f"This .scb has a damaged header (CRC-32 failed); {_HINT}.")
    _check_size(width, height)
    expected = HEADER_BYTES + z_length + y_length + _CRC.size
    if len(bitstream) != expected:
        kind = "truncated" if len(bitstream) < expected else "followed by foreign bytes"
        raise BitstreamError(f"This .scb is {kind}: it has {len(bitstream)} bytes, not {expected}; {_HINT}.")
    if _CRC.unpack_from(bitstream, expected - _CRC.size)[0] != zlib.crc32(bitstream[: -_CRC.size]):
        raise BitstreamError(f"This .scb is damaged (CRC-32 failed); {_HINT}.")
    if z_length % _WORD_BYTES or y_length % _WORD_BYTES:
        raise BitstreamError(f"This .scb is malformed: its sections are not whole 32-bit words; {_HINT}.")
    y_start = HEADER_BYTES + z_length
    return Container(
        fingerprint=fingerprint,
        width=width,
        height=height,
        latents_crc32=latents_crc32,
        level_offsets=level_offsets,
        z=bitstream[HEADER_BYTES:y_start],
        y=bitstream[y_start : y_start + y_length],
    )


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise BitstreamError(
            f"A .scb holds images of 1 to {MAX_PIXELS // 10**6} million pixels, not of {width} x {height}."
        )
