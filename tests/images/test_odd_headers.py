"""Image files whose headers say what no encoder writes: each is read or refused in a line, at once."""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from synthcomp_core.errors import ImageError
from synthcomp_core.images import read_image
from tests.clock import at_most
from tests.fuzz.doors import MAX_REFUSAL_S

REFUSED, READ = False, True
ROWS = b"".join(b"\0" + bytes(24) for _ in range(8))  # 8 x 8, RGB


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    *, width: int = 8, height: int = 8, bits: int = 8, kind: int = 2, interlace: int = 0,
    rows: bytes = ROWS, before: bytes = b"", behind: bytes = b"",
) -> bytes:  # fmt: skip
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlace))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + before + data + behind + chunk(b"IEND", b"")


def bmp(width: int, height: int, bits: int = 24, packing: int = 0, *, header: int = 40, body: bytes = b"") -> bytes:
    fields = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + fields + body


def tiff(**changed: int) -> bytes:
    """8 x 8 in grey, with other values for tags such as t256, or with more of them."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 8, 279: 64}
    tags |= {int(name[1:]): value for name, value in changed.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(400)


EXIF = b"II*\0\x08\0\0\0"
BOMB = b"x\0\0" + zlib.compress(bytes(20_000_000))
FILES: dict[str, tuple[bytes, bool]] = {
    "png, profile that grows": (png(before=chunk(b"iCCP", BOMB)), REFUSED),
    "png, text that grows": (png(before=chunk(b"zTXt", BOMB)), REFUSED),
    "png, more data than rows": (png(rows=bytes(20_000_000)), READ),
    "png, 3 bits": (png(bits=3), REFUSED),
    "png, colour type 5": (png(kind=5), REFUSED),
    "png, interlaced by 7": (png(interlace=7), REFUSED),
    "png, 49 megapixels, interlaced, of nothing": (png(width=7000, height=7000, bits=16, interlace=1), REFUSED),
    "png, EXIF of 65,535 tags": (png(behind=chunk(b"eXIf", EXIF + b"\xff\xff" + b"\x12\x01\3\0" * 900)), READ),
    "png, orientation 99": (png(behind=chunk(b"eXIf", EXIF + b"\1\0\x12\1\3\0\1\0\0\0\x63" + bytes(7))), READ),
    "png, orientation in words": (png(behind=chunk(b"eXIf", EXIF + b"\1\0\x12\1\2\0\2\0\0\0ab" + bytes(6))), READ),
    "png, code points of nothing": (png(before=chunk(b"cICP", b"\xff\xff\xff\xff")), READ),
    "png, code points cut off": (png(before=chunk(b"cICP", b"\t")), READ),
    "png, gamma 0": (png(before=chunk(b"gAMA", bytes(4))), READ),
    "png, all primaries 0": (png(before=chunk(b"gAMA", b"\0\0\1\0") + chunk(b"cHRM", bytes(32))), READ),
    "png, primaries beyond": (png(before=chunk(b"gAMA", b"\xff" * 4) + chunk(b"cHRM", b"\xff" * 32)), READ),
    "png, transparency cut off": (png(before=chunk(b"tRNS", b"\xff")), REFUSED),
    "png, 2^31 frames": (png(before=chunk(b"acTL", struct.pack(">II", 2**31, 0))), READ),
    "bmp, 49 megapixels of nothing": (bmp(7000, 7000), REFUSED),
    "bmp, run lengths of nothing": (bmp(7000, 7000, 8, 1, body=bytes(1026)), REFUSED),
    "bmp, the lowest integers": (bmp(-(2**31), -(2**31)), REFUSED),
    "bmp, header of 2 GiB": (bmp(8, 8, header=2**31), REFUSED),
    "ppm, deep, 49 megapixels of nothing": (b"P6 7000 7000 65535\n" + bytes(1000), REFUSED),
    "pgm, no levels": (b"P5 8 8 0\n" + bytes(99), REFUSED),
    "pgm, 70,000 levels": (b"P5 8 8 70000\n" + bytes(999), REFUSED),
    "pgm, samples above its levels": (b"P5 8 8 3\n" + b"\xff" * 64, READ),
    "ppm, negative": (b"P6 -8 8 255\n" + bytes(999), REFUSED),
    "ppm, digits of Arabic": ("P6 \u0668 8 255\n".encode() + bytes(999), REFUSED),
    "tiff, no width": (tiff(t256=0), REFUSED),
    "tiff, 65,535 samples": (tiff(t277=65535), REFUSED),
    "tiff, 64 bits": (tiff(t258=64), REFUSED),
    "tiff, unknown packing": (tiff(t259=65535), REFUSED),
    "tiff, LZMA of nothing": (tiff(t259=34925), REFUSED),
    "tiff, LogL": (tiff(t262=32844), REFUSED),
    "tiff, strips of no rows": (tiff(t278=0), REFUSED),
    "tiff, data beyond its end": (tiff(t273=2**32 - 1), REFUSED),
    "tiff, 49 megapixels of nothing": (tiff(t256=7000, t257=7000), REFUSED),
    "tiff, its EXIF is itself": (tiff(t34665=8), READ),
    "tiff, orientation 77": (tiff(t274=77), READ),
    "bigtiff": (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60), REFUSED),
    "gif": (b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(900), REFUSED),
}


@pytest.mark.parametrize("name", FILES)
def test_an_odd_header_costs_nothing_but_a_sentence(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    content, is_read = FILES[name]
    started = time.process_time()
    try:
        loaded = read_image(content, name="odd")
    except ImageError as error:
        assert not is_read and "\n" not in str(error) and str(error).startswith("odd ")
    else:
        assert is_read and loaded.image.shape == (8, 8, 3)
    assert time.process_time() - started < at_most(MAX_REFUSAL_S)
    assert capfd.readouterr() == ("", "")
