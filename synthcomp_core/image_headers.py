"""What the first bytes of an image file say: its format and, where no library tells it without work, its size."""

import struct
from dataclasses import dataclass

_JXL_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_JXL_CODESTREAM = b"\xff\x0a"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_J2K_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ markers
_MAX_BOXES = 1000


def sniff(content: bytes) -> str | None:
    """The format's name by its signature, None when it is none of those that can be read."""
    signatures = {
        b"\x89PNG\r\n\x1a\n": "PNG",
        b"\xff\xd8\xff": "JPEG",
        _JXL_CONTAINER: "JPEG XL",
        _JXL_CODESTREAM: "JPEG XL",
        _JP2_SIGNATURE: "JPEG 2000",
        _J2K_CODESTREAM: "JPEG 2000",
        b"BM": "BMP",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"P6": "PPM",
    }
    for signature, name in signatures.items():
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp" and (content[8:12] in (b"avif", b"avis") or b"avif" in content[16:64]):
        return "AVIF"
    return None


def webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) of a WebP's canvas (RFC 9649, sections 2.5 to 2.7). ValueError for a damaged header."""
    chunk, body = content[12:16], content[20:30]
    if len(body) < 10:
        raise ValueError("the header is cut off")
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown first chunk")


def codestream_size(content: bytes) -> tuple[int, int]:
    """(width, height) in the SIZ marker of a JPEG 2000 codestream, bare or in a JP2 (ITU-T T.800, A.5.1).

    The largest where more than one lies in the file. ValueError when there is none.
    """
    sizes: list[tuple[int, int]] = []
    at = content.find(_J2K_CODESTREAM)
    while at >= 0:
        fields = content[at + 4 : at + 42]
        if len(fields) == 38:
            length, _, right, bottom, left, top, *_, components = struct.unpack(">HHIIIIIIIIH", fields)
            if length == 38 + 3 * components:  # else compressed data that looks like a marker
                sizes.append((right - left, bottom - top))
        at = content.find(_J2K_CODESTREAM, at + 4)
    if not sizes:
        raise ValueError("no codestream header")
    return max(sizes, key=lambda size: size[0] * size[1])


@dataclass(frozen=True)
class JxlHeader:
    """Size in the codestream, before orientation, and whether there is more than a still image."""

    width: int
    height: int
    is_animation: bool


class _Bits:
    """Reads a JPEG XL header: least significant bit first."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content[:64], "little")
        self._left = 8 * min(len(content), 64)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def side(self) -> int:
        return 1 + self.take((9, 13, 18, 30)[self.take(2)])

    def size(self) -> tuple[int, int]:
        """SizeHeader: (width, height)."""
        is_small = self.take(1)
        height = 8 * (1 + self.take(5)) if is_small else self.side()
        ratio = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[self.take(3)]
        if ratio[0]:
            return height * ratio[0] // ratio[1], height
        return 8 * (1 + self.take(5)) if is_small else self.side(), height


def jxl_header(content: bytes) -> JxlHeader:
    """The beginning of a JPEG XL codestream, bare or in its container (ISO/IEC 18181-1, annex D; -2 for boxes).

    ValueError for a damaged header.
    """
    bits = _Bits(_jxl_codestream(content)[len(_JXL_CODESTREAM) :])
    width, height = bits.size()
    is_animation = False
    is_default = bits.take(1)
    if not is_default and bits.take(1):  # extra fields
        bits.take(3)  # orientation
        if bits.take(1):
            bits.size()  # intrinsic size
        has_preview = bits.take(1)
        # A preview's header lies between; then the animation flag is not worth the parsing.
        is_animation = not has_preview and bool(bits.take(1))
    return JxlHeader(width, height, is_animation)


def _jxl_codestream(content: bytes) -> bytes:
    """The first bytes of the codestream. A container holds it in one jxlc box or in several jxlp boxes."""
    if content.startswith(_JXL_CODESTREAM):
        return content[:80]
    at = 0
    start = b""
    for _ in range(_MAX_BOXES):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = at + 8
        if size == 1:
            size, body = int.from_bytes(content[body : body + 8], "big"), body + 8
        end = len(content) if size == 0 else at + size
        if kind == b"jxlc":
            start = content[body : body + 80]
        elif kind == b"jxlp":
            start += content[body + 4 : min(end, body + 84)]
        if kind == b"jxlc" or len(start) >= 80 or end <= at or end >= len(content):
            break
        at = end
    if not start.startswith(_JXL_CODESTREAM):
        raise ValueError("no codestream")
    return start
