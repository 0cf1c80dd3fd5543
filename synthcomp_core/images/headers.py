"""What the first bytes of an image file say: its format and, where no library finds it without decoding, its size."""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.errors import ImageError
from synthcomp_core.images.avif import avif_size
from synthcomp_core.images.exr import exr_size
from synthcomp_core.images.jpeg import jpeg_size
from synthcomp_core.images.jpeg2000 import codestream_size
from synthcomp_core.images.light import PRIMARIES, Signal, signal_of_codes
from synthcomp_core.images.structure import ppm_size, tiff_size
from synthcomp_core.storage import open_file, read_file

_SMALL_FILE = 2**24  # bytes that any image file may have, whatever the limit on pixels
_JXL_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_JXL_CODESTREAM = b"\xff\x0a"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_J2K_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ markers
_MAX_BOXES = 1000
_HEAD = 4096  # bytes of a file that hold its header, in most formats
_JPEG_HEAD = 2**22  # bytes: profiles, thumbnails and the like stand in front of the size
_JXL_PRIMARIES = {1: 1, 9: 9, 11: 12}  # JPEG XL's enumeration to that of H.273; its 11 is P3 at the stated white
_JXL_HEAD = 4096  # bytes: more than size and metadata take, unless extra channels have long names


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
        b"P5": "PPM",
        b"\x76\x2f\x31\x01": "OpenEXR",
    }
    for signature, name in signatures.items():
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp" and (content[8:12] in (b"avif", b"avis") or b"avif" in content[16:64]):
        return "AVIF"
    return None


def largest_file(file_format: str | None, max_pixels: int) -> int:
    """The bytes that an image file of this format may have at a limit on pixels.

    >>> largest_file("JPEG", 50_000_000), largest_file("PNG", 50_000_000), largest_file("JPEG", 1000)
    (87500000, 250000000, 16777216)
    """
    bits = limits.JPEG_BITS_PER_PIXEL if file_format == "JPEG" else 8 * limits.FILE_BYTES_PER_PIXEL
    return max(_SMALL_FILE, bits * max_pixels // 8)


def check_file_size(num_bytes: int, file_format: str, label: str, max_pixels: int) -> None:
    """ImageError for a file of more bytes than images of its format have at a limit on pixels."""
    most = largest_file(file_format, max_pixels)
    if num_bytes > most:
        raise ImageError(
            f"{label} is too large: it has {num_bytes:,} bytes, and at most {most:,} are read of a {file_format} file "
            f"at the limit of {max_pixels / 1e6:g} megapixels; save it at a lower quality, or shrink it first."
        )


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


def header_size(path: Path) -> tuple[int, int] | None:
    """(width, height) of an image file by its header, before any rotation that EXIF asks for; None when unreadable.

    Nothing is decoded, so a size is known of a file that may yet turn out to be damaged. Nor is what a file may lay out
    without end walked through: a search for its size is bounded.
    """
    try:
        with open_file(path) as file:
            head = file.read(_HEAD)
            file_format = sniff(head)
            if file_format == "TIFF":
                return tiff_size(file)
            if file_format == "JPEG":
                head += file.read(_JPEG_HEAD)
        return _size(path, file_format, head)
    except (OSError, ValueError, SyntaxError, RuntimeError, LookupError, TypeError, struct.error):
        return None


def _size(path: Path, file_format: str | None, head: bytes) -> tuple[int, int] | None:
    """The size of a file of this format that begins so; read as a whole where its header may stand anywhere."""
    match file_format:
        case "PNG":
            width, height = struct.unpack(">II", head[16:24])
            return width, height
        case "JPEG":
            return jpeg_size(head)
        case "JPEG XL":
            header = jxl_header(head)
            return header.width, header.height
        case "WebP":
            return webp_size(head)
        case "PPM":
            return ppm_size(head)
        case "BMP":
            from PIL import BmpImagePlugin

            return BmpImagePlugin.BmpImageFile(io.BytesIO(head)).size
        case "AVIF" | "JPEG 2000" | "OpenEXR":
            content = read_file(path, max_bytes=largest_file(file_format, limits.IMAGE_PIXELS))
            return {"AVIF": avif_size, "JPEG 2000": codestream_size, "OpenEXR": exr_size}[file_format](content)
    return None


@dataclass(frozen=True)
class JxlHeader:
    """Size in the codestream before orientation, whether it is an animation, and what decoded samples stand for.

    signal: None for colours not known here. bits: of a sample; decoded whole numbers reach 2^bits - 1, whatever
    type holds them. extra_channels: alpha and others, each as large as the image.
    """

    width: int
    height: int
    is_animation: bool
    signal: Signal | None
    bits: int = 8
    extra_channels: int = 0


class _Bits:
    """Reads a JPEG XL header, least significant bit first. ValueError where it is cut off."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content, "little")
        self._left = 8 * len(content)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def choice(self, *options: tuple[int, int]) -> int:
        """U32: one of four (offset, number of bits added to it)."""
        offset, count = options[self.take(2)]
        return offset + self.take(count)

    def enum(self) -> int:
        return self.choice((0, 0), (1, 0), (2, 4), (18, 6))

    def side(self) -> int:
        return self.choice((1, 9), (1, 13), (1, 18), (1, 30))

    def size(self) -> tuple[int, int]:
        """SizeHeader: (width, height)."""
        is_small = self.flag()
        height = 8 * (1 + self.take(5)) if is_small else self.side()
        ratio = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[self.take(3)]
        if ratio[0]:
            return height * ratio[0] // ratio[1], height
        return 8 * (1 + self.take(5)) if is_small else self.side(), height

    def skip_preview(self) -> None:
        options = ((16, 0), (32, 0), (1, 5), (33, 9)) if self.flag() else ((1, 6), (65, 8), (321, 10), (1345, 12))
        self.choice(*options)
        if self.take(3) == 0:
            self.choice(*options)

    def skip_animation(self) -> None:
        self.choice((100, 0), (1000, 0), (1, 10), (1, 30))
        self.choice((1, 0), (1001, 0), (1, 8), (1, 10))
        self.choice((0, 0), (0, 3), (0, 16), (0, 32))
        self.flag()

    def depth(self) -> int:
        """BitDepth: bits of a sample."""
        if self.flag():  # float samples
            bits = self.choice((32, 0), (16, 0), (24, 0), (1, 6))
            self.take(4)
            return bits
        return self.choice((8, 0), (10, 0), (12, 0), (1, 6))

    def skip_extra_channel(self) -> None:
        if self.flag():  # 8-bit straight alpha
            return
        kind = self.enum()
        self.depth()
        self.choice((0, 0), (3, 0), (4, 0), (1, 3))
        self.take(8 * self.choice((0, 0), (0, 4), (16, 5), (48, 10)))
        if kind == 0:  # alpha: premultiplied or not
            self.flag()
        elif kind == 2:  # spot colour
            self.take(64)
        elif kind == 5:  # colour filter array
            self.choice((1, 0), (0, 2), (3, 4), (19, 8))

    def signal(self) -> Signal | None:
        """From xyb_encoded on: see JxlHeader."""
        is_xyb = self.flag()
        if self.flag():  # all default
            return Signal("srgb")
        has_profile, space = self.flag(), self.enum()
        if has_profile:
            return Signal("srgb") if is_xyb else None  # libjxl takes XYB to sRGB, and leaves other samples as they are
        white = self.enum()
        primaries = 1 if space == 1 or white != 1 else self.enum()
        if space not in (0, 1) or white != 1 or primaries not in _JXL_PRIMARIES:  # not RGB or grey, not D65
            return None
        code = _JXL_PRIMARIES[primaries]
        if self.flag():
            stored = self.take(24) / 1e7
            return Signal("gamma", PRIMARIES[code], 1 / stored, name=f"gamma {1 / stored:.3g}") if stored else None
        return signal_of_codes(code, self.enum())


def jxl_header(content: bytes) -> JxlHeader:
    """The beginning of a JPEG XL codestream, bare or in its container (ISO/IEC 18181-1, annex D; -2 for boxes).

    ValueError for a damaged header.
    """
    bits = _Bits(_jxl_codestream(content)[len(_JXL_CODESTREAM) :])
    width, height = bits.size()
    if bits.flag():  # all metadata are the default ones
        return JxlHeader(width, height, is_animation=False, signal=Signal("srgb"))
    is_animation = False
    if bits.flag():  # extra fields
        bits.take(3)  # orientation
        if bits.flag():
            bits.size()  # intrinsic size
        if bits.flag():
            bits.skip_preview()
        is_animation = bits.flag()
        if is_animation:
            bits.skip_animation()
    depth = bits.depth()
    bits.flag()  # 16-bit buffers suffice
    extra_channels = bits.choice((0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(extra_channels):
        bits.skip_extra_channel()
    return JxlHeader(width, height, is_animation, bits.signal(), depth, extra_channels)


def _jxl_codestream(content: bytes) -> bytes:
    """The first bytes of the codestream. A container holds it in one jxlc box or in several jxlp boxes."""
    if content.startswith(_JXL_CODESTREAM):
        return content[:_JXL_HEAD]
    at = 0
    start = b""
    for _ in range(_MAX_BOXES):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = at + 8
        if size == 1:
            size, body = int.from_bytes(content[body : body + 8], "big"), body + 8
        end = len(content) if size == 0 else at + size
        if kind == b"jxlc":
            start = content[body : body + _JXL_HEAD]
        elif kind == b"jxlp":
            start += content[body + 4 : min(end, body + 4 + _JXL_HEAD)]
        if kind == b"jxlc" or len(start) >= _JXL_HEAD or end <= at or end >= len(content):
            break
        at = end
    if not start.startswith(_JXL_CODESTREAM):
        raise ValueError("no codestream")
    return start
