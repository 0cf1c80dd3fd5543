"""The ``.scb`` container: what a learned codec's bitstream looks like, byte for byte.

All numbers little-endian:

    offset  bytes
         0      3  magic "SCB"
         3      1  version (2)
         4      8  snapshot fingerprint: first 8 bytes of the SHA-256 of its weights
        12      4  width in pixels
        16      4  height in pixels
        20      4  length of section z (hyper-latents; 0 for bmshj2018-factorized)
        24      4  length of section y (latents)
        28      4  CRC-32 of the decoded latents (int32, z then y, each in rows, columns, channels), then of the 8
                   bytes of width and height
        32      8  corrections of y's scales, 4 bits each (level_offsets.py)
        40      4  CRC-32 of the 40 bytes above
        44         section z, section y: 32-bit words of constriction's range coder
       end      4  CRC-32 of everything above

Version 1 differs in one field: its CRC-32 of the latents leaves out width and height. It is read, but not written.
"""

import struct
import zlib
from dataclasses import dataclass

from synthcomp_core import limits
from synthcomp_core.codecs.phases import HYPER_STRIDE
from synthcomp_core.errors import BitstreamError
from synthcomp_core.library.snapshots import FINGERPRINT_BYTES

MAGIC = b"SCB"
VERSION = 2
READABLE_VERSIONS = (1, 2)
LEVEL_OFFSETS_BYTES = 8
MAX_PIXELS = 200_000_000  # of the format; a decoder refuses more than its own limit before anything is allocated
_FIELDS = struct.Struct(f"<3sB{FINGERPRINT_BYTES}sIIIII{LEVEL_OFFSETS_BYTES}s")
_CRC = struct.Struct("<I")
_SIZE = struct.Struct("<II")
HEADER_BYTES = _FIELDS.size + _CRC.size
_WORD_BYTES = 4
_HINT = "get the file again or encode the image anew"


@dataclass(frozen=True)
class Container:
    """A parsed ``.scb``: width and height in pixels of the image, the two sections, and what they must decode to.

    content_crc32: of latents and size, see :func:`content_crc32`.
    """

    fingerprint: bytes
    width: int
    height: int
    content_crc32: int
    level_offsets: bytes
    z: bytes
    y: bytes
    version: int = VERSION


def pack(container: Container) -> bytes:
    """The complete bitstream. BitstreamError when the image is larger than the format holds."""
    check_size(container.width, container.height)
    fields = _FIELDS.pack(
        MAGIC,
        container.version,
        container.fingerprint,
        container.width,
        container.height,
        len(container.z),
        len(container.y),
        container.content_crc32,
        container.level_offsets,
    )
    body = fields + _CRC.pack(zlib.crc32(fields)) + container.z + container.y
    return body + _CRC.pack(zlib.crc32(body))


def content_crc32(latents_crc32: int, width: int, height: int, *, version: int = VERSION) -> int:
    """The checksum in the header: the CRC-32 of the latents, from version 2 on with the size behind them.

    Without the size, a smaller one under right checksums would yield a crop of the image.
    """
    return latents_crc32 if version == 1 else zlib.crc32(_SIZE.pack(width, height), latents_crc32)


def unpack(bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS) -> Container:
    """The parts of a bitstream that is complete and undamaged; else BitstreamError saying what is wrong.

    max_pixels: the limit on width x height; twice as many may come about by padding to whole positions.
    """
    if not bitstream.startswith(MAGIC):
        raise BitstreamError(f"This is not a .scb bitstream: it begins with {bitstream[:4]!r}, not with {MAGIC!r}.")
    if len(bitstream) > len(MAGIC) and bitstream[len(MAGIC)] not in READABLE_VERSIONS:
        raise BitstreamError(
            f"This .scb has version {bitstream[len(MAGIC)]}, but only versions {READABLE_VERSIONS[0]} to {VERSION} are "
            "known here; decode it with the Synthcomp that wrote it."
        )
    if len(bitstream) < HEADER_BYTES + _CRC.size:
        raise BitstreamError(f"This .scb is truncated: {len(bitstream)} bytes do not hold a header; {_HINT}.")
    fields = bitstream[: _FIELDS.size]
    _, version, fingerprint, width, height, z_length, y_length, crc32, level_offsets = _FIELDS.unpack(fields)
    if _CRC.unpack_from(bitstream, _FIELDS.size)[0] != zlib.crc32(fields):
        raise BitstreamError(f"This .scb has a damaged header (CRC-32 failed); {_HINT}.")
    check_size(width, height, max_pixels=max_pixels)
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
        content_crc32=crc32,
        level_offsets=level_offsets,
        z=bitstream[HEADER_BYTES:y_start],
        y=bitstream[y_start : y_start + y_length],
        version=version,
    )


def check_size(width: int, height: int, *, max_pixels: int = MAX_PIXELS) -> None:
    """BitstreamError for a size that is 0, over the limit, or so narrow that padding takes it far over the limit."""
    if width < 1 or height < 1:
        raise BitstreamError(f"This .scb is malformed: its header says {width} x {height} pixels; {_HINT}.")
    padded = (-(-width // HYPER_STRIDE) * HYPER_STRIDE) * (-(-height // HYPER_STRIDE) * HYPER_STRIDE)
    limit = max(limits.PADDED_PIXELS_FACTOR * max_pixels, limits.PADDED_PIXELS_FREE)
    if width * height > max_pixels or padded > limit:
        raise BitstreamError(
            f"A .scb of {width} x {height} is too large: padded to multiples of {HYPER_STRIDE} it has "
            f"{padded / 1e6:.1f} megapixels, and the limit is {max_pixels / 1e6:g}, or {limit / 1e6:g} with padding; "
            "raise --max-megapixels if you trust the file."
        )
