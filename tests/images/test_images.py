"""Every kind of image file comes in as the same sRGB pixels, or is refused in one sentence that names it."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from synthcomp_core import images
from synthcomp_core.errors import ImageError
from synthcomp_core.images.headers import jxl_header

RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
GRADIENT = np.stack(
    np.broadcast_arrays(np.linspace(0, 255, 160)[None], np.linspace(255, 0, 120)[:, None], np.full((120, 160), 90.0)),
    -1,
).astype(np.uint8)


def saved(picture: PillowImage.Image | np.ndarray, file_format: str, **settings: object) -> bytes:
    file = io.BytesIO()
    picture = PillowImage.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(file, file_format, **settings)
    return file.getvalue()


def read(content: bytes) -> np.ndarray:
    return images.read_image(content, name="picture").image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_size(width: int, height: int) -> bytes:
    """A valid PNG head with next to no pixels behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


LOSSLESS: dict[str, Callable[[np.ndarray], bytes]] = {
    "png": lambda a: saved(a, "PNG"),
    "interlaced 8-bit palette-free bmp": lambda a: saved(a, "BMP"),
    "webp": lambda a: saved(a, "WEBP", lossless=True),
    "avif": lambda a: imagecodecs.avif_encode(a, level=100, pixelformat="444", codec="aom"),
    "jxl": lambda a: imagecodecs.jpegxl_encode(a, lossless=True),
    "jxl in its container": lambda a: imagecodecs.jpegxl_encode(a, lossless=True, usecontainer=True),
    "jpeg2000": lambda a: saved(a, "JPEG2000", irreversible=False),
    "jpeg2000 codestream": lambda a: saved(a, "JPEG2000", irreversible=False, no_jp2=True),
    "tiff": lambda a: saved(a, "TIFF"),
    "tiff lzw": lambda a: saved(a, "TIFF", compression="tiff_lzw"),
    "ppm": lambda a: saved(a, "PPM"),
}
LOSSY = {
    "jpeg": lambda a: saved(a, "JPEG", quality=95, subsampling="4:4:4"),
    "progressive jpeg": lambda a: saved(a, "JPEG", quality=95, subsampling="4:4:4", progressive=True),
    "webp": lambda a: saved(a, "WEBP", quality=95),
    "avif": lambda a: saved(a, "AVIF", quality=95, subsampling="4:4:4"),
    "jxl": lambda a: imagecodecs.jpegxl_encode(a, distance=0.5),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_files_come_back_exactly(kind: str) -> None:
    loaded = images.read_image(LOSSLESS[kind](NOISE), name="picture")
    np.testing.assert_array_equal(loaded.image, NOISE)
    assert loaded.image.dtype == np.uint8 and loaded.image.flags.c_contiguous
    assert loaded.notes == ()


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_files_come_back_nearly(kind: str) -> None:
    error = np.abs(read(LOSSY[kind](GRADIENT)).astype(int) - GRADIENT)
    assert error.mean() < 2


def test_a_file_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "frame <b>.png"
    images.write_png(NOISE, path)
    assert images.read_image(path).name == "frame <b>.png"
    assert images.read_image(path, name="upload.png").name == "upload.png"
    np.testing.assert_array_equal(images.read_image(path).image, NOISE)
    assert list(tmp_path.iterdir()) == [path]


def test_grey_becomes_three_equal_channels() -> None:
    grey = NOISE[..., 0]
    for content in (saved(grey, "PNG"), saved(grey, "BMP"), imagecodecs.jpegxl_encode(grey, lossless=True)):
        np.testing.assert_array_equal(read(content), np.repeat(grey[..., None], 3, axis=2))


def test_one_bit_pictures_are_black_and_white() -> None:
    bits = NOISE[..., 0] > 127
    np.testing.assert_array_equal(read(saved(PillowImage.fromarray(bits), "PNG"))[..., 1], bits * np.uint8(255))


def test_palette_files_give_the_palette_s_colours() -> None:
    picture = PillowImage.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([1, 0])
    assert read(saved(picture, "PNG")).tolist() == [[[200, 100, 50], [10, 20, 30]]]


def test_palette_transparency_is_composited_over_black() -> None:
    picture = PillowImage.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50, 255, 255, 255])
    picture.putdata([1, 0, 2])
    loaded = images.read_image(saved(picture, "PNG", transparency=bytes([0, 128, 255])), name="picture")
    # 200 * 128 / 255 = 100.39, 100 * 128 / 255 = 50.2, 50 * 128 / 255 = 25.1
    assert loaded.image.tolist() == [[[100, 50, 25], [0, 0, 0], [255, 255, 255]]]
    assert "black" in loaded.notes[0]


def test_opaque_alpha_is_dropped_without_a_word() -> None:
    rgba = np.dstack([NOISE, np.full(NOISE.shape[:2], 255, np.uint8)])
    for content in (
        saved(rgba, "PNG"),
        saved(rgba, "WEBP", lossless=True),
        imagecodecs.jpegxl_encode(rgba, lossless=True),
    ):
        loaded = images.read_image(content)
        np.testing.assert_array_equal(loaded.image, NOISE)
        assert loaded.notes == ()


def test_real_alpha_is_composited_over_black_with_a_note() -> None:
    alpha = RNG.integers(0, 256, NOISE.shape[:2], dtype=np.uint8)
    rgba = np.dstack([NOISE, alpha])
    expected = np.floor(NOISE * (alpha[..., None] / 255.0) + 0.5)
    settings = {"lossless": True, "exact": True}
    contents = saved(rgba, "PNG"), saved(rgba, "WEBP", **settings), imagecodecs.jpegxl_encode(rgba, lossless=True)
    for content in contents:
        loaded = images.read_image(content)
        np.testing.assert_array_equal(loaded.image, expected)
        assert loaded.notes == ("transparent parts are shown over black",)
    grey_alpha = np.dstack([NOISE[..., 0], alpha])
    np.testing.assert_array_equal(read(saved(PillowImage.fromarray(grey_alpha, "LA"), "PNG"))[..., 2], expected[..., 0])


def test_cmyk_becomes_rgb() -> None:
    cmyk = PillowImage.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow ink: red
    np.testing.assert_array_equal(read(saved(cmyk, "TIFF")), np.full((16, 16, 3), (255, 0, 0)))
    assert np.abs(read(saved(cmyk, "JPEG", quality=95)).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("kind", ["png", "tiff", "planar tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_to_8_and_rounded(kind: str, channels: int) -> None:
    deep = RNG.integers(0, 65536, (20, 31, 3)[: 2 + (channels == 3)], dtype=np.uint16)
    deep.flat[:6] = [0, 65535, 128, 129, 385, 386]  # 257 sixteen-bit steps are one of eight bits
    content = imagecodecs.png_encode(deep) if kind == "png" else tiff_16(deep, is_planar=kind == "planar tiff")
    expected = np.floor(deep / 257 + 0.5)
    if channels == 1:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert read(content).flat[1] == (255 if channels == 3 else 0)
    np.testing.assert_array_equal(read(content), expected)


def tiff_16(samples: np.ndarray, *, is_planar: bool) -> bytes:
    """An uncompressed little-endian TIFF of 16-bit grey or RGB samples, written by hand (TIFF 6.0)."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else 3
    is_planar = is_planar and channels == 3
    plane = 2 * width * height
    bits_at, strips_at, data_at = 200, 210, 240
    strips = 3 if is_planar else 1
    counts = plane if is_planar else plane * channels
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, 16 if channels == 1 else bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2 if channels == 3 else 1),
        (273, 4, strips, data_at if strips == 1 else strips_at),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, strips, counts if strips == 1 else strips_at + 12),
        (284, 3, 1, 2 if is_planar else 1),
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    head = head.ljust(bits_at, b"\0") + struct.pack("<3H", 16, 16, 16)
    head = head.ljust(strips_at, b"\0") + struct.pack("<3I", *(data_at + i * plane for i in range(3)))
    head = (head + struct.pack("<3I", plane, plane, plane)).ljust(data_at, b"\0")
    return head + (np.moveaxis(samples, -1, 0) if is_planar else samples).astype("<u2").tobytes()


def test_an_interlaced_16_bit_png_with_a_transparent_colour() -> None:
    deep = RNG.integers(0, 65536, (13, 11, 3), dtype=np.uint16)
    deep[3:5, 2:9] = (300, 2000, 65535)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for x, y, dx, dy in passes for row in deep[y::dy, x::dx] if row.size
    )
    content = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 11, 13, 16, 2, 0, 0, 1))
    content += png_chunk(b"tRNS", struct.pack(">3H", 300, 2000, 65535))
    content += png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    expected = np.floor(deep / 257 + 0.5)
    expected[(deep == (300, 2000, 65535)).all(axis=2)] = 0
    loaded = images.read_image(content)
    np.testing.assert_array_equal(loaded.image, expected)
    assert loaded.notes == ("transparent parts are shown over black",)


def test_16_bit_rgba_png_is_composited() -> None:
    deep = RNG.integers(0, 65536, (9, 11, 4), dtype=np.uint16)
    loaded = images.read_image(imagecodecs.png_encode(deep))
    expected = deep[..., :3] / 257.0 * (deep[..., 3:] / 65535.0)
    assert np.abs(loaded.image - expected).max() <= 1.5  # colour, alpha and product are rounded, by 0.5 at most each
    assert loaded.notes


def test_samples_of_32_bits_are_refused_in_a_sentence() -> None:
    content = saved(PillowImage.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")
    with pytest.raises(ImageError, match="32 bits"):
        images.read_image(content)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_turns_the_picture_as_pillow_does(kind: str, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[274] = orientation
    settings = {"WEBP": {"lossless": True}, "JPEG": {"quality": 90}}.get(kind, {})
    content = saved(GRADIENT, kind, exif=exif, **settings)
    with PillowImage.open(io.BytesIO(content)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    assert expected.shape == ((160, 120, 3) if orientation > 4 else (120, 160, 3))
    np.testing.assert_array_equal(read(content), expected)


def test_a_16_bit_tiff_is_turned_too() -> None:
    deep = RNG.integers(0, 65536, (5, 8, 3), dtype=np.uint16)
    content = bytearray(tiff_16(deep, is_planar=False))
    at = content.index(struct.pack("<HHI", 284, 3, 1))  # planar configuration, whose default the file has
    content[at : at + 12] = struct.pack("<HHII", 274, 3, 1, 6)
    np.testing.assert_array_equal(read(bytes(content)), np.rot90(np.floor(deep / 257 + 0.5), -1))


def linear_profile() -> bytes:
    """sRGB's profile with its tone curves replaced by gamma 1.0: a colour space in which pixels look different."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(struct.unpack(">I", profile[128:132])[0]):
        name, at, size = struct.unpack(">4sII", profile[132 + 12 * index : 144 + 12 * index])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[at : at + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
    return bytes(profile)


def test_an_icc_profile_is_converted_to_srgb() -> None:
    levels = np.repeat(np.array([[0, 10, 64, 128, 255]], np.uint8)[..., None], 3, axis=2)
    loaded = images.read_image(saved(levels, "PNG", icc_profile=linear_profile()))
    linear = levels / 255.0
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255  # IEC 61966-2-1
    assert np.abs(loaded.image - expected).max() <= 1.01
    assert "sRGB" in loaded.notes[0]


def test_an_srgb_profile_changes_no_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = images.read_image(saved(NOISE, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(loaded.image, NOISE)
    assert loaded.notes == ()


def test_a_broken_profile_is_ignored_with_a_note() -> None:
    loaded = images.read_image(saved(NOISE, "PNG", icc_profile=b"no profile at all"))
    np.testing.assert_array_equal(loaded.image, NOISE)
    assert "profile" in loaded.notes[0]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_animations_give_their_first_frame_and_say_so(kind: str) -> None:
    frames = [PillowImage.fromarray(GRADIENT), PillowImage.fromarray(255 - GRADIENT)]
    settings = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}}.get(kind, {})
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **settings)
    loaded = images.read_image(content)
    assert np.abs(loaded.image.astype(int) - GRADIENT).mean() < 3
    assert "first of 2" in loaded.notes[0]


def test_an_animated_jxl_gives_its_first_frame_and_says_so() -> None:
    content = imagecodecs.jpegxl_encode(np.stack([NOISE, 255 - NOISE]), lossless=True)
    loaded = images.read_image(content)
    np.testing.assert_array_equal(loaded.image, NOISE)
    assert "first frame" in loaded.notes[0]


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 4000), (4000, 1), (8, 256), (300, 200), (1920, 1080), (600, 600), (257, 31)]
)
@pytest.mark.parametrize("use_container", [False, True])
def test_the_jxl_header_says_the_size(size: tuple[int, int], use_container: bool) -> None:
    content = imagecodecs.jpegxl_encode(np.zeros((size[1], size[0], 3), np.uint8), usecontainer=use_container)
    header = jxl_header(content)
    assert (header.width, header.height, header.is_animation) == (*size, False) and header.signal.is_srgb


def test_the_jxl_header_is_read_for_every_kind_of_samples() -> None:
    """Depths, alpha, grey, lossless or not: the fields of all these come before the colour space.

    imagecodecs leaves the space to libjxl, which takes 8 bits for sRGB and more for linear light.
    """
    for dtype, curve in ((np.uint8, "srgb"), (np.uint16, "gamma"), (np.float32, "gamma")):
        for channels in (1, 2, 3, 4):
            for settings in ({"lossless": True}, {"distance": 1.0}):
                samples = np.full((6, 7, channels), 0.5 if dtype == np.float32 else 9, dtype)
                header = jxl_header(imagecodecs.jpegxl_encode(samples if channels > 1 else samples[..., 0], **settings))
                assert (header.width, header.height, header.signal.curve, header.signal.gamma) == (7, 6, curve, 1.0)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_jxl_in_linear_light_is_converted_with_a_note(dtype: type) -> None:
    light = np.array([0, 0.0005, 0.0031308, 0.02, 0.2140, 0.5, 1])
    samples = np.repeat((light * (65535 if dtype == np.uint16 else 1)).astype(dtype)[None, :, None], 3, axis=2)
    loaded = images.read_image(imagecodecs.jpegxl_encode(samples, lossless=True))
    # 12.92 * 0.0005 * 255 = 1.65; ... * 0.0031308 = 10.31; 0.02 -> 38.6; 0.214 -> 127.5; 0.5 -> 187.5 (0.735357)
    assert loaded.image[0, :, 1].tolist()[:4] == [0, 2, 10, 39]
    assert np.abs(loaded.image[0, 4:, 1] - [127.5, 187.5, 255]).max() <= 0.51
    assert loaded.notes == ("converted to sRGB from linear light",)


def bombs() -> dict[str, bytes]:
    small = saved(NOISE, "JPEG2000", no_jp2=True)
    jpeg = saved(NOISE, "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    # JPEG XL: size bits (height 30 bits wide, ratio 1:1), least significant first
    bits = 0b0 | 3 << 1 | (99_999 << 3) | (1 << 33)
    bmp = bytearray(saved(NOISE, "BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    webp = b"VP8X" + struct.pack("<IB3x", 10, 2) + (16_382).to_bytes(3, "little") + (16_382).to_bytes(3, "little")
    tiff = bytearray(tiff_16(np.zeros((4, 5, 3), np.uint16), is_planar=False))
    tiff[18:22] = tiff[30:34] = struct.pack("<I", 60_000)
    deep = bytearray(png_of_size(60_000, 60_000))
    deep[24] = 16
    deep[29:33] = struct.pack(">I", zlib.crc32(bytes(deep[12:29])))
    return {
        "png": png_of_size(60_000, 60_000),
        "16-bit png": bytes(deep),
        "truncated png": png_of_size(60_000, 60_000)[:60],
        "jpeg": jpeg[: frame + 5] + struct.pack(">HH", 60_000, 60_000) + jpeg[frame + 9 :],
        "jxl": b"\xff\x0a" + bits.to_bytes(6, "little") + bytes(60),
        "jpeg2000": small[:8] + struct.pack(">II", 60_000, 60_000) + small[16:],
        "bmp": bytes(bmp),
        "webp": b"RIFF" + struct.pack("<I", 4 + len(webp) + 60) + b"WEBP" + webp + bytes(60),
        "16-bit tiff": bytes(tiff),
        "ppm": b"P6\n60000 60000\n255\n" + bytes(100),
    }


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_refused_by_its_header_and_costs_no_memory(kind: str) -> None:
    content = bombs()[kind]
    read(saved(NOISE, "PNG"))  # what libraries set up once
    tracemalloc.start()
    try:
        with pytest.raises(
            ImageError, match=r"bomb\.bin is too large: \d+ x \d+ is \d+\.\d megapixels, the limit is 50"
        ):
            images.read_image(content, name="bomb.bin")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_bombs_leave_the_resident_memory_of_a_process_where_it_was(tmp_path: Path) -> None:
    for name, content in bombs().items():
        (tmp_path / name).write_bytes(content)
    code = """
import sys
from pathlib import Path
from synthcomp_core.images import ImageError, read_image
from tests.peak import peak_bytes
def refuse(path):
    try:
        read_image(path)
    except ImageError:
        return
    raise SystemExit(f"{path.name} was read")
paths = sorted(Path(sys.argv[1]).iterdir())
refuse(paths[0])
before = peak_bytes()
for path in paths:
    refuse(path)
print(peak_bytes() - before)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 10_000_000  # The smallest of the images would take 800 MB


def test_a_jp2_whose_box_understates_its_codestream_is_refused() -> None:
    content = bytearray(saved(NOISE, "JPEG2000"))
    at = content.index(b"\xff\x4f\xff\x51")
    content[at + 8 : at + 16] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(ImageError, match="too large"):
        images.read_image(bytes(content))


def test_the_pixel_limit_is_inclusive() -> None:
    content = saved(NOISE, "PNG")
    assert images.read_image(content, max_pixels=37 * 53).image.shape == (37, 53, 3)
    with pytest.raises(ImageError, match="too large"):
        images.read_image(content, max_pixels=37 * 53 - 1)


def test_pillow_s_own_limit_is_neither_used_nor_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [saved(NOISE, kind) for kind in ("PNG", "JPEG", "BMP", "PPM", "JPEG2000", "AVIF")]
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 100)
    for content in contents:
        assert read(content).shape == NOISE.shape
    assert PillowImage.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("kind", [*LOSSLESS, "jpeg", "progressive jpeg"])
def test_truncated_files_are_errors_that_name_the_file(kind: str) -> None:
    content = (LOSSLESS | LOSSY)[kind](GRADIENT)
    lengths = {
        1,
        2,
        3,
        10,
        20,
        30,
        len(content) // 3,
        len(content) // 2,
        len(content) - 40,
        len(content) - 3,
        len(content) - 1,
    }
    for length in sorted(lengths):
        with pytest.raises(ImageError, match=r"^cut\.bin [^\n]*\.$"):
            images.read_image(content[:length], name="cut.bin")


def test_every_truncation_of_a_jpeg_is_an_error() -> None:
    content = saved(NOISE, "JPEG", quality=60)
    for length in range(len(content)):
        with pytest.raises(ImageError):
            images.read_image(content[:length])


def test_damaged_bytes_give_an_image_or_an_image_error_and_nothing_else() -> None:
    for make in (LOSSLESS | LOSSY).values():
        content = make(NOISE)
        for _ in range(25):
            damaged = bytearray(content)
            for at in RNG.integers(0, len(content), 4):
                damaged[at] = RNG.integers(0, 256)
            try:
                assert images.read_image(bytes(damaged)).image.dtype == np.uint8
            except ImageError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.png is empty"),
        (b"hello, I am text\n", "x.png is not an image"),
        (b"GIF89a" + bytes(50), "x.png is not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "x.png is not an image"),
        (png_of_size(0, 5), "x.png"),
        (b"P6\n0 5\n255\n", "x.png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "x.png cannot be read"),
    ],
)
def test_what_is_no_image_gets_one_sentence(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        images.read_image(content, name="x.png")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_paths_that_cannot_be_read_get_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"absent\.png does not exist"):
        images.read_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="cannot be opened"):
        images.read_image(tmp_path)


def test_check_image_takes_only_8_bit_rgb() -> None:
    images.check_image(NOISE)
    wrong = NOISE.astype(np.float32), NOISE[..., 0], np.dstack([NOISE, NOISE]), NOISE[:0], [[1, 2, 3]]
    for image in wrong:
        with pytest.raises(ImageError):
            images.check_image(image)  # type: ignore[arg-type]


def test_png_bytes_are_lossless_and_take_any_view() -> None:
    view = NOISE[::-1, ::2]
    with PillowImage.open(io.BytesIO(images.png_bytes(view))) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), view)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    images.write_png(NOISE, path)
    before = path.read_bytes()
    with pytest.raises(ImageError):
        images.write_png(NOISE[:0], path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_resize_gives_the_size_asked_for_and_hand_computed_values() -> None:
    column = np.array([[[0] * 3, [100] * 3, [200] * 3, [60] * 3]], np.uint8)
    # Halving with the triangle filter of Pillow: weights 3/8, 3/8, 1/8 renormalised at the border (3, 3, 1)/7.
    halved = images.resize(column, (2, 1), method="bilinear")
    assert halved[0, 0, 0] == round((3 * 0 + 3 * 100 + 1 * 200) / 7)
    assert images.resize(column, (8, 1), method="nearest")[0, :, 0].tolist() == [0, 0, 100, 100, 200, 200, 60, 60]
    assert images.resize(NOISE, (7, 91), method="lanczos").shape == (91, 7, 3)


@pytest.mark.parametrize("method", list(images.RESIZE_METHODS))
def test_resizing_keeps_a_flat_image_flat_and_the_centre_in_place(method: str) -> None:
    flat = np.full((9, 7, 3), 77, np.uint8)
    assert (images.resize(flat, (23, 5), method=method) == 77).all()
    mirrored = images.resize(NOISE[:, ::-1], (106, 74), method=method)[:, ::-1]
    np.testing.assert_allclose(images.resize(NOISE, (106, 74), method=method), mirrored, atol=1)
    with pytest.raises(ImageError):
        images.resize(flat, (0, 5), method=method)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ImageError, match="nearest, bilinear, bicubic, lanczos"):
        images.resize(NOISE, (5, 5), method="magic")


def test_padding_repeats_the_edge_and_crop_undoes_it() -> None:
    padded = images.pad_to_multiple(NOISE, 64)
    assert padded.shape == (64, 64, 3)
    assert (padded[37:, :53] == NOISE[-1]).all() and (padded[:37, 53:] == NOISE[:, -1:]).all()
    np.testing.assert_array_equal(images.crop(padded, 53, 37), NOISE)
    assert images.pad_to_multiple(padded, 64).shape == (64, 64, 3)
    with pytest.raises(ImageError):
        images.crop(NOISE, 54, 37)


def test_the_digest_tells_shapes_apart_and_not_memory_layouts() -> None:
    flat = np.zeros((2, 6, 3), np.uint8)
    assert images.image_sha256(flat) != images.image_sha256(flat.reshape(6, 2, 3))
    assert images.image_sha256(NOISE[:, ::-1]) == images.image_sha256(NOISE[:, ::-1].copy())


def test_list_images_sorts_and_leaves_other_files_out(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jxl", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in images.list_images(tmp_path)] == ["a.jxl", "b.PNG"]
    with pytest.raises(ImageError):
        images.list_images(tmp_path / "absent")


def test_thumbnails_shrink_and_never_enlarge() -> None:
    assert read(images.thumbnail_png(GRADIENT, 40)).shape == (30, 40, 3)
    np.testing.assert_array_equal(read(images.thumbnail_png(NOISE, 400)), NOISE)
    assert read(images.thumbnail_png(np.zeros((1, 4000, 3), np.uint8), 100)).shape == (1, 100, 3)


def test_importing_images_loads_no_network() -> None:
    code = (
        "import sys, synthcomp_core.images; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'compressai')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_coded_size_is_rounded_half_up_and_never_empty() -> None:
    assert images.coded_size(1920, 1080, None) == (1920, 1080)
    assert images.coded_size(1920, 1080, 1.7) == (1129, 635)
    assert images.coded_size(5, 3, 2) == (3, 2)
    assert images.coded_size(1, 1, 8) == (1, 1)
