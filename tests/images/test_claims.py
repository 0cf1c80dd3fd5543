"""What image files claim of themselves - sides, tiles, blocks, scans - against what they hold: a sentence, at once."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.errors import ImageError
from synthcomp_core.images import exr, read_image
from synthcomp_core.images.headers import header_size
from synthcomp_core.images.structure import check_png_data
from tests.clock import at_most
from tests.codecs.models import frame
from tests.images.test_structure import refusal, saved

SMALL = frame(1, width=40, height=30)


def png(width: int, height: int, rows: bytes, *, kind: tuple[int, int] = (8, 2)) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, *kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
              for name, body in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def bmp(width: int, height: int) -> bytes:
    content = saved(SMALL, "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


@pytest.mark.parametrize("size", [(1, 49_000_000), (49_000_000, 1), (65_536, 2)], ids=str)
def test_a_side_longer_than_any_image_s_is_refused(size: tuple[int, int]) -> None:
    width, height = size
    for content in (png(width, height, bytes(50)), b"P6 %d %d 255\n" % size, bmp(width, height)):
        assert "a side longer than 65,535" in refusal(content)


def test_the_longest_side_is_raised_with_the_limit_on_pixels() -> None:
    content = png(65_536, 1, bytes(1 + 3 * 65_536))
    with pytest.raises(ImageError):
        read_image(content, name="odd")
    assert read_image(content, max_pixels=limits.IMAGE_PIXELS + 1_000_000, name="odd").image.shape == (1, 65_536, 3)


def test_the_rows_of_a_png_are_checked_without_decoding_them() -> None:
    whole = b"".join(b"\2" + bytes(18) for _ in range(4))
    check_png_data(png(3, 4, whole, kind=(16, 2)))
    for rows, word in ((whole[:-1], "end before"), (b"\5" + whole[1:], "filter")):
        with pytest.raises(ValueError, match=word):
            check_png_data(png(3, 4, rows, kind=(16, 2)))
    damaged = png(3, 4, whole, kind=(16, 2)).replace(b"IDAT", b"IDAT\0", 1)
    with pytest.raises(ValueError, match="checksum"):
        check_png_data(damaged)


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": "4:4:4"}], ids=str)
def test_a_jpeg_too_short_for_its_blocks_is_refused_before_it_is_decoded(settings: dict[str, object]) -> None:
    content = saved(SMALL, "JPEG", **settings)
    at = content.index(b"\xff\xc2" if settings.get("progressive") else b"\xff\xc0") + 5
    assert "end before" in refusal(content[:at] + struct.pack(">HH", 4000, 4000) + content[at + 4 :])


def test_a_jpeg_without_the_scan_of_a_component_is_refused() -> None:
    content = saved(SMALL, "JPEG", "L")  # Made one of three components, of which only the first has a scan.
    at = content.index(b"\xff\xc0")
    header = struct.pack(">HBHHB", 17, 8, 30, 40, 3) + bytes((1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0))
    length = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    assert "scans do not bring all" in refusal(content[:at] + b"\xff\xc0" + header + content[at + length :])


def codestream(*, sizes: dict[int, int] | None = None, coding: bytes | None = None, **settings: object) -> bytes:
    """A JPEG 2000 codestream. sizes: fields of SIZ by their number; coding: the body of COD."""
    content = bytearray(saved(SMALL, "JPEG2000", no_jp2=True, **settings))
    at = content.index(b"\xff\x51")
    for field, value in (sizes or {}).items():
        struct.pack_into(">I", content, at + 6 + 4 * field, value)
    if coding is not None:
        at = content.index(b"\xff\x52")
        length = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        content[at : at + length] = b"\xff\x52" + struct.pack(">H", len(coding) + 2) + coding
    return bytes(content)


def coding(*, blocks: bytes = b"\4\4", precincts: bytes = b"") -> bytes:
    """The body of a COD marker with 5 levels: 64 x 64 blocks and undivided precincts unless said otherwise."""
    return bytes((1 if precincts else 0, 0, 0, 1, 1, 5)) + blocks + b"\0\0" + precincts


LARGE = {0: 7000, 1: 7000, 4: 7000, 5: 7000}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (codestream(sizes={0: 255, 1: 255, 4: 1, 5: 1}), "tiles"),
        (codestream(sizes={0: 250, 1: 250, 4: 125, 5: 125}), "3 of its 4 tiles are missing"),
        (codestream(sizes={4: 0}), "no size"),
        (codestream(sizes=LARGE, coding=coding(blocks=b"\0\0")), "code-blocks"),
        (codestream(sizes=LARGE, coding=coding(precincts=b"\0" + 5 * b"\x11")), "precincts"),
    ],
    ids=["tiny tiles", "missing tiles", "no tiles", "tiny blocks", "tiny precincts"],
)
def test_a_jpeg_2000_of_too_many_or_missing_parts_is_refused(content: bytes, word: str) -> None:
    assert word in refusal(content)


def test_tiles_blocks_and_precincts_of_ordinary_files_are_read() -> None:
    for settings in ({"tile_size": (16, 8)}, {"codeblock_size": (16, 16), "precinct_size": (32, 32)}, {}):
        found = read_image(codestream(**settings, irreversible=False), name="odd").image
        assert (found == SMALL).all()
    assert (read_image(codestream(coding=coding()), name="odd").image.shape) == SMALL.shape


def tiled_tiff(side: int) -> bytes:
    content = bytearray(saved(SMALL, "TIFF", compression="tiff_adobe_deflate"))
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    entries = [bytes(content[at + 2 + 12 * index : at + 14 + 12 * index]) for index in range(count)]
    tile = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((322, side), (323, side), (324, 8), (325, 100))]
    entries = sorted([*entries, *tile], key=lambda entry: int.from_bytes(entry[:2], "little"))
    struct.pack_into("<I", content, 4, len(content) + len(content) % 2)
    content += bytes(len(content) % 2)
    return bytes(content) + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def test_a_tiff_with_a_tile_far_larger_than_its_image_is_refused() -> None:
    assert "its tiles of 268.4 megapixels" in refusal(tiled_tiff(16_384))


@pytest.mark.parametrize("size", [(7000, 7000), (80, 60), (20, 15), (39, 30), (40, 31)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_avif_that_claims_another_size_than_its_picture_s_is_refused(size: tuple[int, int], mode: str) -> None:
    content = saved(SMALL, "AVIF", mode, speed=10)
    at = content.index(b"ispe") + 8
    assert f"claims {size[0]} x {size[1]} pixels for a picture of 40 x 30" in refusal(
        content[:at] + struct.pack(">II", *size) + content[at + 8 :]
    )


def test_an_animated_avif_is_read_and_refused_when_its_track_claims_another_size() -> None:
    file = io.BytesIO()
    pictures = [PillowImage.fromarray(np.roll(SMALL, shift, axis=0)) for shift in (0, 9)]
    pictures[0].save(file, "AVIF", save_all=True, append_images=pictures[1:], speed=10)
    content = file.getvalue()
    assert read_image(content, name="odd").image.shape == SMALL.shape
    at = content.index(b"tkhd") - 4 + 104 - 8  # version 1; width and height are its last fields
    claimed = struct.pack(">II", 7000 << 16, 7000 << 16)
    assert struct.unpack_from(">II", content, at) == (40 << 16, 30 << 16)
    assert "claims 7000 x 7000" in refusal(content[:at] + claimed + content[at + 8 :])


def test_an_exr_without_colours_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {name: np.zeros((30, 40), np.float32) for name in ("U", "V")}) as file:
        file.write(str(tmp_path / "a.exr"))
    opened = exr._opened

    def header_alone(content: bytes, *, header_only: bool) -> object:
        assert header_only
        return opened(content, header_only=header_only)

    monkeypatch.setattr(exr, "_opened", header_alone)
    assert "the channels U, V, but no R, G and B" in refusal((tmp_path / "a.exr").read_bytes())


@pytest.mark.parametrize("compression", [OpenEXR.NO_COMPRESSION, OpenEXR.ZIP_COMPRESSION, OpenEXR.PIZ_COMPRESSION])
def test_an_exr_that_was_cut_off_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: int
) -> None:
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    noise = np.random.default_rng(0).random((90, 40, 3), np.float32)
    with OpenEXR.File(header, {"RGB": noise}) as file:
        file.write(str(tmp_path / "a.exr"))
    content = (tmp_path / "a.exr").read_bytes()
    assert read_image(content, name="a.exr").image.shape == (90, 40, 3)
    opened = exr._opened

    def header_alone(content: bytes, *, header_only: bool) -> object:
        assert header_only
        return opened(content, header_only=header_only)

    monkeypatch.setattr(exr, "_opened", header_alone)
    for share in (0.1, 0.5, 0.6):
        assert "before its last rows" in refusal(content[: int(share * len(content))])


@pytest.mark.parametrize("canvas", [(7000, 7000), (20, 15)], ids=str)
def test_a_webp_that_claims_another_size_than_its_picture_s_is_refused(canvas: tuple[int, int]) -> None:
    picture = saved(SMALL, "WEBP")[12:]
    extended = b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"".join((side - 1).to_bytes(3, "little") for side in canvas)
    content = extended + picture
    refusal(b"RIFF" + struct.pack("<I", len(content)) + content)


def test_a_jpeg_xl_whose_frame_is_larger_than_its_image_is_refused() -> None:
    """A codestream of 40 x 30 pixels whose first frame has 100,000 x 100,000 (ISO/IEC 18181-1, annexes D and F)."""
    side = (3, 2), (100_000 - 18_688, 30)
    fields = [(0, 1), (1, 2), (29, 13), (0, 3), (1, 2), (39, 13), (3, 2), (0, 4)]  # size, defaults, to a whole byte
    fields += [(0, 1), (0, 2), (1, 1), (0, 2), (0, 2), (1, 2), (0, 2), (1, 1)]  # a modular frame with a crop
    fields += [(0, 2), (0, 8), (0, 2), (0, 8), *side, *side, (0, 2), (0, 2), (1, 1)]
    value = at = 0
    for number, count in fields:
        value, at = value | number << at, at + count
    refusal(b"\xff\x0a" + value.to_bytes(-(-at // 8), "little") + bytes(3000))


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (300, 7)], ids=str)
def test_the_size_in_a_header_is_that_of_the_image(tmp_path: Path, file_format: str, size: tuple[int, int]) -> None:
    path = tmp_path / "a.file"
    path.write_bytes(saved(frame(1, width=size[0], height=size[1]), file_format))
    assert header_size(path) == size


def test_the_size_of_an_animation_and_of_a_file_with_much_in_front_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.file"
    pictures = [PillowImage.fromarray(np.roll(SMALL, shift, axis=0)) for shift in (0, 9)]
    for file_format in ("AVIF", "PNG", "WEBP", "TIFF"):
        pictures[0].save(path, file_format, save_all=True, append_images=pictures[1:])
        assert header_size(path) == (40, 30), file_format
    content = saved(SMALL, "JPEG")
    path.write_bytes(content[:2] + 20 * (b"\xff\xe1\xff\xff" + bytes(65_533)) + content[2:])
    assert header_size(path) == (40, 30)
    path.write_bytes(b"P6 # 7 7\n40 # 8\n# 9\n30 255\n")
    assert header_size(path) == (40, 30)


def test_a_header_without_end_has_no_size_and_takes_no_time(tmp_path: Path) -> None:
    png, jpeg, tiff = (saved(SMALL, name) for name in ("PNG", "JPEG", "TIFF"))
    empty = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    path = tmp_path / "a.file"
    for content in (
        b"P6\n#" + b"x" * 30_000_000, b"P6" + b"\n" * 30_000_000, png[:33] + 1_000_000 * empty + png[33:],
        jpeg[:2] + b"\xff\xfe\0\x02" * 5_000_000 + jpeg[2:], tiff[:4] + b"\xff" * 4 + tiff[8:],
        b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65_535), b"\0\0\0\x08ftypavif" + b"\0\0\0\x08free" * 1_000_000,
        b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"%\n" * 1_000_000, b"FORM" + bytes(1000), b"GIF89a" + bytes(1000),
    ):  # fmt: skip
        path.write_bytes(content)
        started = time.process_time()
        assert header_size(path) in (None, (40, 30))
        assert time.process_time() - started < at_most(2)
