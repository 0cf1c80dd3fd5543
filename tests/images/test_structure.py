"""Image files laid out to take for ever, to take all memory, or to end early: one sentence each, at once."""

from __future__ import annotations

import io
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.codecs import decode
from synthcomp_core.codecs.classical import parse_classical
from synthcomp_core.errors import BitstreamError, ImageError, SynthcompError
from synthcomp_core.images import headers, read_image
from synthcomp_core.images.jpeg import jpeg_structure
from synthcomp_core.images.zipped import ZippedImages
from tests.clock import at_most
from tests.codecs.models import frame


def saved(image: np.ndarray, file_format: str, mode: str = "RGB", **settings: object) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(image).convert(mode).save(file, file_format, **settings)
    return file.getvalue()


def refusal(content: bytes) -> str:
    started = time.process_time()
    with pytest.raises(ImageError) as found:
        read_image(content, name="odd")
    assert time.process_time() - started < at_most(2)
    assert "\n" not in str(found.value) and "odd" in str(found.value)
    return str(found.value)


JPEGS = [
    *({"quality": 5}, {"quality": 75}, {"quality": 100, "subsampling": "4:4:4"}, {"quality": 50, "optimize": True}),
    *({"quality": 75, "progressive": True}, {"quality": 20, "progressive": True, "subsampling": "4:4:4"}),
    *({"quality": 75, "restart_marker_blocks": 3}, {"quality": 90, "restart_marker_rows": 1, "progressive": True}),
]


@pytest.mark.parametrize("settings", JPEGS, ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_read_when_whole_and_refused_when_its_data_end_early(settings: dict[str, object], mode: str) -> None:
    image = frame(1, width=117, height=75)
    content = saved(image, "JPEG", mode, **settings)
    assert read_image(content, name="odd").image.shape == image.shape
    end = jpeg_structure(content, image.size).end
    assert end == len(content) - 2
    # The last bytes may hold no more than the end of the last block: half a scan is surely missed.
    if mode == "CMYK" and settings.get("progressive"):
        return  # The last scan is of black, of which there is none here: nothing is lost.
    for share in (0.1, 0.5, 0.9):
        cut = end - int((end - content.rindex(b"\xff\xda") - 16) * share) - 3
        if share == 0.1 and settings.get("progressive"):
            continue
        with pytest.raises(ImageError):
            read_image(content[:cut] + b"\xff\xd9", name="odd")


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 1), (1, 33), (16, 16), (17, 15), (640, 8), (8, 640)])
@pytest.mark.parametrize("progressive", [False, True])
def test_no_whole_jpeg_of_any_size_or_content_is_refused(size: tuple[int, int], progressive: bool) -> None:
    rng = np.random.default_rng(size[0])
    flat = np.full((size[1], size[0], 3), 77, np.uint8)
    noisy = rng.integers(0, 256, flat.shape, dtype=np.uint8)
    for image in (flat, noisy, np.zeros_like(flat), np.full_like(flat, 255)):
        for quality in (1, 30, 75, 95):
            content = saved(image, "JPEG", quality=quality, progressive=progressive)
            assert read_image(content, name="odd").notes == ()


def test_a_jpeg_followed_by_other_data_is_read(tmp_path: Path) -> None:
    image = frame(2)
    content = saved(image, "JPEG", quality=80)
    thumbnail = saved(image[:16, :16], "JPEG", quality=50)
    with_thumbnail = content[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + content[2:]
    for other in (with_thumbnail, content + content, content + np.random.default_rng(0).bytes(5000)):
        assert (read_image(other, name="odd").image == read_image(content, name="odd").image).all()


def test_the_decode_verb_refuses_a_jpeg_that_ends_early() -> None:
    content = parse_classical("jpeg-q75").encode(frame(3))
    assert decode(content).shape == frame(3).shape
    with pytest.raises(BitstreamError, match="end before the image does"):
        decode(content[: len(content) // 2] + b"\xff\xd9")


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    content = saved(frame(0, width=64, height=64), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    scan = content[last:-2]
    assert "scans" in refusal(content[:-2] + 2000 * scan + b"\xff\xd9")
    assert "no frame header" in refusal(content[:2] + b"\xff\xfe\0\x02" * 1_000_000 + content[2:])


def tiff(image: np.ndarray) -> bytearray:
    return bytearray(saved(image, "TIFF"))


def test_a_tiff_of_50000_directories_is_read_at_once_with_a_note() -> None:
    content = tiff(frame(0, width=32, height=32))
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    directory = bytes(content[first + 2 : first + 2 + 12 * entries])
    link = first + 2 + 12 * entries
    for _ in range(50_000):
        struct.pack_into("<I", content, link, len(content))
        content += struct.pack("<H", entries) + directory + bytes(4)
        link = len(content) - 4
    started = time.process_time()
    loaded = read_image(bytes(content), name="odd")
    assert time.process_time() - started < at_most(2)
    assert loaded.notes == ("the first of more than 1,000 pages is used",)
    # A circle of directories has no last one.
    struct.pack_into("<I", content, link, first)
    assert read_image(bytes(content), name="odd").notes == loaded.notes


def test_a_tiff_whose_tags_all_point_to_the_same_large_block_is_refused() -> None:
    count, block = 5000, 1_000_000
    entries = b"".join(struct.pack("<HHII", 1000 + index, 7, block, 8) for index in range(count))
    content = b"II*\0" + struct.pack("<I", 8 + block) + bytes(block) + struct.pack("<H", count) + entries + bytes(4)
    assert "tags" in refusal(content)


def test_a_png_of_a_million_chunks_is_refused() -> None:
    content = saved(frame(0, width=16, height=16), "PNG")
    empty = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    assert "chunks" in refusal(content[:33] + 1_000_000 * empty + content[33:])


def test_a_ppm_with_a_comment_without_end_is_refused_and_one_with_a_comment_read() -> None:
    image = frame(0, width=16, height=16)
    rest = b"16 16\n255\n" + image.tobytes()
    for begin in (b"P6\n# written by hand\n", b"P6 ", b"P6\n#\n#\n", b"P6\n# a\n\n# b\r\n"):
        assert (read_image(begin + rest, name="odd").image == image).all()
    for begin in (b"P6\n#" + b"x" * 50_000_000, b"P6" + b"\n" * 50_000_000, b"P6\n" + b"#\n" * 20_000_000):
        assert "header" in refusal(begin + rest)
    for header in (b"P6\n" + b"9" * 40_000_000 + b" 1\n255\n", b"P6 -1 5 255\n", b"P6 1 1 0\n\0\0\0", b"P6"):
        refusal(header)


@pytest.mark.parametrize("components", [5, 300, 16_384])
def test_a_jpeg_2000_of_many_components_is_refused(components: int) -> None:
    fields = struct.pack(">HHIIIIIIIIH", 38 + 3 * components, 0, 7000, 7000, 0, 0, 7000, 7000, 0, 0, components)
    assert "components" in refusal(b"\xff\x4f\xff\x51" + fields + b"\7\1\1" * components + bytes(100))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("settings", [{"lossless": True}, {"distance": 0.05}], ids=str)
def test_a_jpeg_xl_of_any_depth_in_linear_light_has_the_brightness_that_it_states(
    bits: int, settings: dict[str, object]
) -> None:
    ramp = np.linspace(0, 1, 64)
    levels = np.round(ramp * (2**bits - 1)).astype(np.uint16)
    image = np.ascontiguousarray(np.broadcast_to(levels[None, :, None], (64, 64, 3)))
    content = imagecodecs.jpegxl_encode(image, bitspersample=bits, **settings)
    curve = np.where(ramp <= 0.0031308, 12.92 * ramp, 1.055 * ramp ** (1 / 2.4) - 0.055) * 255  # IEC 61966-2-1
    found = read_image(content, name="odd").image[32, :, 1]
    # Where the curve is steep, a step of 10 bits is several levels of 8.
    assert np.abs(found - curve).max() <= (1.0 if settings.get("lossless") and bits > 10 else 4.0)


def test_pipes_devices_and_folders_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    for path in (tmp_path / "pipe.png", tmp_path / "folder.png", tmp_path / "loop.png", Path("/dev/zero")):
        with pytest.raises(ImageError, match="cannot be opened"):
            read_image(path)


def test_a_file_far_larger_than_its_pixels_can_be_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "padded.png"
    path.write_bytes(saved(frame(0), "PNG"))
    with path.open("r+b") as file:
        file.truncate(300_000_000)  # A hole: it takes no room on the disk.
    with pytest.raises(ImageError, match="300,000,000 bytes"):
        read_image(path)


def test_a_jpeg_of_more_bytes_than_its_pixels_can_take_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its first bytes: another suffix changes nothing, nor do other formats count as JPEGs by theirs."""
    monkeypatch.setattr(headers, "_SMALL_FILE", 1000)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    jpeg, png = saved(noise, "JPEG", quality=95, subsampling=0), saved(noise, "PNG")
    pixels = 8 * len(jpeg) // limits.JPEG_BITS_PER_PIXEL + 1  # As many as let this file through
    assert 64 * 64 < pixels < 8 * len(png) // limits.JPEG_BITS_PER_PIXEL
    long = jpeg[:-2] + bytes(10) + jpeg[-2:]
    for name in ("a.jpg", "a.png", "a"):
        path = tmp_path / name
        path.write_bytes(jpeg)
        assert read_image(path, max_pixels=pixels).image.shape == noise.shape
        path.write_bytes(long)
        for source in (path, long):
            with pytest.raises(ImageError, match=rf"{len(long):,} bytes, and at most .* are read of a JPEG file at"):
                read_image(source, max_pixels=pixels)
        path.write_bytes(png)
        assert read_image(path, max_pixels=pixels).image.shape == noise.shape


def test_a_progressive_jpeg_of_many_samples_is_refused_before_it_is_decoded() -> None:
    """Its coefficients are held beside its image: 300 MB at 50 megapixels without subsampling."""
    content = bytearray(saved(frame(0), "JPEG", progressive=True, subsampling=0))
    at = content.index(b"\xff\xc2") + 5
    content[at : at + 4] = struct.pack(">HH", 4000, 4176)
    said = "may have 50 million samples at the limit of 50 megapixels, and has 50.1; save it as a baseline"
    assert said in refusal(bytes(content))
    content[at : at + 4] = struct.pack(">HH", 4000, 4160)
    assert "its data end before" in refusal(bytes(content))


def test_a_large_jpeg_in_a_zip_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "_SMALL_FILE", 1000)
    monkeypatch.setattr(limits, "IMAGE_PIXELS", 1000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", saved(frame(0), "JPEG"))
        archive.writestr("b.png", b"\x89PNG\r\n\x1a\n" + bytes(2500))
    zipped = ZippedImages(file.getvalue(), "samples.zip")
    with pytest.raises(SynthcompError, match=r"samples\.zip holds 'a\.png' of .* bytes, and at most 1,750 are read"):
        zipped.read(PurePosixPath("a.png"))
    assert len(zipped.read(PurePosixPath("b.png"))) == 2508


def test_sixteen_bit_colour_keeps_its_orientation_wherever_the_exif_data_stand() -> None:
    image = (frame(1, width=40, height=24).astype(np.uint16) * 257)[:, :, :3]
    content = imagecodecs.png_encode(image)
    exif = PillowImage.Exif()
    exif[274] = 6
    body = b"eXIf" + exif.tobytes()[6:]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    places: list[Callable[[], int]] = [lambda: 33, lambda: content.index(b"IEND") - 4]
    for place in places:
        turned = read_image(content[: place()] + chunk + content[place() :], name="odd").image
        assert (turned == np.rot90(frame(1, width=40, height=24), -1)).all()
