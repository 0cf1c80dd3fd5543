"""Colour that is not plain sRGB: PQ, HLG, gamma and linear light, wide gamuts, PGM and EXR, by values computed here."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import OpenEXR
import pytest
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import ImageError
from synthcomp_core.images import png_bytes, read_image, write_png
from synthcomp_core.images.headers import header_size
from synthcomp_core.images.light import PRIMARIES, SRGB, Signal, srgb_of
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.upscalers.alpha import upscale_with_alpha, with_colours_beside


def srgb(light: float) -> float:
    """IEC 61966-2-1, in levels."""
    light = min(max(light, 0.0), 1.0)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def pq(nits: float) -> float:
    """ST 2084's inverse EOTF."""
    power = (nits / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 4096 * 128)


def hlg(scene: float) -> float:
    """BT.2100's OETF."""
    return math.sqrt(3 * scene) if scene <= 1 / 12 else 0.17883277 * math.log(12 * scene - 0.28466892) + 0.55991073


def png(samples: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of (H, W, 3) or (H, W) samples of 8 or 16 bits with further chunks behind its header."""
    height, width = samples.shape[:2]
    depth, kind = samples.dtype.itemsize * 8, 2 if samples.ndim == 3 else 0
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def greys(values: list[float]) -> np.ndarray:
    """One row of greys of 16 bits from values of 0..1."""
    row = np.round(np.array(values) * 65535).astype(np.uint16)
    return np.repeat(row[None, :, None], 3, axis=2)


NITS = [0.0, 1.0, 50.75, 101.5, 203.0, 1000.0]


def test_pq_of_a_png_is_shown_with_203_nits_as_white_and_says_so() -> None:
    content = png(greys([pq(nits) for nits in NITS]), (b"cICP", bytes([9, 16, 0, 1])))
    loaded = read_image(content, name="hdr.png")
    expected = [srgb(nits / 203) for nits in NITS]
    assert np.abs(loaded.image[0] - np.array(expected)[:, None]).max() < 1
    assert loaded.image[0, 4].tolist() == [255, 255, 255]
    assert any("BT.2020 PQ (HDR): white is 203 cd/m²" in note for note in loaded.notes)


def test_hlg_is_shown_on_its_nominal_display_of_1000_nits() -> None:
    scenes = [0.0, 0.05, 0.1, 0.2, (203 / 1000) ** (1 / 1.2), 1.0]
    loaded = read_image(png(greys([hlg(scene) for scene in scenes]), (b"cICP", bytes([9, 18, 0, 1]))))
    expected = [srgb(1000 * scene**1.2 / 203) for scene in scenes]
    assert np.abs(loaded.image[0] - np.array(expected)[:, None]).max() < 1
    assert "BT.2020 HLG (HDR)" in loaded.notes[0]


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.8])
@pytest.mark.parametrize("grey", [False, True])
def test_gama_is_undone(gamma: float, grey: bool) -> None:
    light = [0.0, 0.02, 0.25, 0.5, 1.0]
    samples = greys([value ** (1 / gamma) for value in light])
    samples = samples[..., 0] if grey else samples
    loaded = read_image(png(samples, (b"gAMA", struct.pack(">I", round(100000 / gamma)))))
    assert np.abs(loaded.image[0, :, 1] - [srgb(value) for value in light]).max() < 1
    assert loaded.notes == (f"converted to sRGB from {'linear light' if gamma == 1 else f'gamma {gamma:g}'}",)


def test_a_quarter_of_linear_light_is_137_in_8_bits_too() -> None:
    samples = np.full((1, 1, 3), 64, np.uint8)
    image = read_image(png(samples, (b"gAMA", struct.pack(">I", 100000)))).image
    assert image[0, 0].tolist() == [round(srgb(64 / 255))] * 3 == [137] * 3


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))],
        [(b"cICP", bytes([1, 13, 0, 1]))],
        [(b"cICP", bytes([1, 1, 0, 1]))],
        [(b"gAMA", struct.pack(">I", 0))],
    ],
)
def test_what_is_shown_as_srgb_anyway_keeps_every_sample(chunks: list[tuple[bytes, bytes]]) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    loaded = read_image(png(samples, *chunks))
    np.testing.assert_array_equal(loaded.image, samples)
    assert loaded.notes == ()


def test_display_p3_goes_to_srgb_by_the_published_matrix() -> None:
    samples = np.array([[[200, 100, 50], [255, 255, 255], [30, 200, 90]]], np.uint8)
    loaded = read_image(png(samples, (b"cICP", bytes([12, 13, 0, 1]))))
    # Linear Display P3 to linear sRGB, as CSS Color 4 gives it (section 10.8, both matrices multiplied).
    matrix = np.array([[1.2249401, -0.2249402, 0], [-0.0420570, 1.0420571, 0], [-0.0196376, -0.0786361, 1.0982735]])
    values = samples[0] / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    expected = [[srgb(channel) for channel in matrix @ one] for one in light]
    assert np.abs(loaded.image[0] - np.array(expected)).max() < 1
    assert loaded.notes == ("converted to sRGB from Display P3",)


def test_a_limited_range_is_expanded() -> None:
    samples = np.array([[[16] * 3, [126] * 3, [235] * 3]], np.uint8)
    image = read_image(png(samples, (b"cICP", bytes([1, 13, 0, 0])))).image
    assert image[0, :, 0].tolist() == [0, round((126 - 16) / 219 * 255), 255]


def test_the_white_of_any_primaries_stays_white() -> None:
    white = np.full((1, 1, 3), 255, np.uint8)
    for primaries in PRIMARIES.values():
        assert srgb_of(white, Signal("srgb", primaries)).tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_in_pq_is_converted_from_all_its_bits(bits: int) -> None:
    largest = 2**bits - 1
    row = np.round(np.array([pq(nits) for nits in NITS]) * largest)
    samples = np.repeat(np.repeat(row[None, :, None], 8, axis=0), 3, axis=2).astype(
        np.uint8 if bits == 8 else np.uint16
    )
    samples = np.repeat(samples, 8, axis=1)
    settings = {"primaries": 9, "transfer": 16, "matrix": 0, "pixelformat": "444", "level": 100, "bitspersample": bits}
    loaded = read_image(imagecodecs.avif_encode(samples, **settings))
    expected = np.array([srgb(nits / 203) for nits in NITS])
    steps = 9 if bits == 8 else 2  # PQ has few steps in 8 bits
    assert np.abs(loaded.image[4, 4::8, 1] - expected).max() < steps
    assert "PQ (HDR)" in loaded.notes[0]


def test_a_pgm_of_8_and_16_bits_is_read_as_grey() -> None:
    eight = read_image(b"P5\n# a comment\n3 1\n255\n" + bytes([0, 100, 255]), name="a.pgm").image
    assert eight.tolist() == [[[0] * 3, [100] * 3, [255] * 3]]
    for largest in (300, 1023, 4095, 65535):
        samples = np.array([0, largest * 2 // 5, largest])
        deep = read_image(f"P5\n3 1\n{largest}\n".encode() + samples.astype(">u2").tobytes(), name="a.pgm").image
        assert np.abs(deep[0, :, 0] - samples / largest * 255).max() <= 0.6


@pytest.mark.parametrize(("primaries", "transfer"), [(99, 13), (9, 77), (9, 17)])
def test_codes_of_colours_that_are_not_known_here_are_read_with_a_note(primaries: int, transfer: int) -> None:
    loaded = read_image(
        png(np.full((4, 4, 3), 148, np.uint8), (b"cICP", bytes([primaries, transfer, 0, 1]))), name="a.png"
    )
    assert (loaded.image == 148).all() and f"primaries {primaries}, transfer {transfer}" in loaded.notes[0]


@pytest.mark.parametrize(
    ("layers", "shown"),
    [
        (["beauty"], "beauty"),
        (["ViewLayer.Combined", "ViewLayer.DiffDir", "ViewLayer.GlossDir"], "ViewLayer.Combined"),
    ],
)
def test_an_exr_of_layers_is_shown_by_its_finished_one(layers: list[str], shown: str) -> None:
    planes = {
        f"{layer}.{name}": np.full((3, 5), 0.25 * (layer == shown), np.float32) for layer in layers for name in "RGB"
    }
    loaded = read_image(exr({**planes, "depth.Z": np.ones((3, 5), np.float32)}), name="frame.exr")
    assert (loaded.image == 137).all() and f"its layer {shown} is shown" in loaded.notes
    others = {name.replace("Combined", "Emit").replace("beauty", "Emit"): plane for name, plane in planes.items()}
    others |= {f"Shadow.{name}": np.ones((3, 5), np.float32) for name in "RGB"}
    with pytest.raises(ImageError, match=r"it has the layers .*Emit.*; save the one to show alone"):
        read_image(exr(others), name="frame.exr")


def exr(channels: dict[str, np.ndarray], **header: object) -> bytes:
    file = io.BytesIO()
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File({**base, **header}, channels).write(file)
    return file.getvalue()


def test_an_exr_is_shown_at_exposure_0_and_says_so() -> None:
    light = np.array([[0.0, 0.02, 0.25, 1.0, 8.0, np.nan, -1.0]], np.float32)
    for content in (
        exr({"RGB": np.repeat(light[..., None], 3, axis=2)}),
        exr({"RGB": np.repeat(light[..., None], 3, axis=2).astype(np.float16)}),
        exr({"Y": light}),
    ):
        loaded = read_image(content, name="frame.exr")
        expected = [srgb(0.0 if math.isnan(value) else float(value)) for value in light[0]]
        assert np.abs(loaded.image[0, :, 2] - expected).max() < 1
        assert any("exposure 0 (1.0 is white" in note for note in loaded.notes)


def test_an_exr_with_alpha_with_other_primaries_and_with_auxiliary_channels(tmp_path: Path) -> None:
    pixels = np.full((3, 5, 4), 0.25, np.float32)
    content = exr({"RGBA": pixels, "Z": np.ones((3, 5), np.float32)}, chromaticities=PRIMARIES[9])
    loaded = read_image(content)
    assert loaded.image.shape == (3, 5, 3) and abs(int(loaded.image[0, 0, 0]) - 137) <= 1
    assert "transparent parts are shown over black" in loaded.notes
    (tmp_path / "a.exr").write_bytes(content)
    assert header_size(tmp_path / "a.exr") == (5, 3)


@pytest.mark.parametrize("keep", [10, 60, 300])
def test_a_damaged_or_unfit_exr_is_one_sentence(keep: int) -> None:
    content = exr({"RGB": np.ones((40, 40, 3), np.float32)})
    with pytest.raises(ImageError, match=r"cut.exr") as raised:
        read_image(content[:keep], name="cut.exr")
    assert "\n" not in str(raised.value)
    with pytest.raises(ImageError, match=r"no R, G and B"):
        read_image(exr({"Z": np.ones((2, 2), np.float32)}), name="depth.exr")
    with pytest.raises(ImageError, match=r"big.exr is too large"):
        read_image(content, name="big.exr", max_pixels=100)


def test_the_field_s_files_are_converted(shared: Path) -> None:
    hdr = read_image(shared / "field" / "05_hdr_cicp.png")
    assert hdr.notes and not (hdr.image.reshape(-1, 3).max(axis=0) <= 148).all()
    linear = read_image(shared / "field" / "05_lin_gama.png")
    assert 137 in linear.image and linear.notes == ("converted to sRGB from linear light",)


def test_alpha_goes_through_an_upscaler_and_edges_keep_their_colour() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[4:12, 4:12] = (200, 120, 40)
    alpha = np.zeros((16, 16), np.uint8)
    alpha[4:12, 4:12] = 255
    colours, enlarged = upscale_with_alpha(parse_upscaler("bicubic"), image, alpha, (32, 32))
    np.testing.assert_array_equal(enlarged, parse_upscaler("bicubic").upscale(np.dstack([alpha] * 3), (32, 32))[..., 0])
    visible = enlarged > 0
    assert np.abs(colours[visible].astype(int) - (200, 120, 40)).max() <= 2, "no dark rim from what was transparent"
    np.testing.assert_array_equal(with_colours_beside(image, np.full((16, 16), 255, np.uint8)), image)


def test_the_command_writes_the_alpha_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    alpha = generator.integers(0, 256, (12, 10), dtype=np.uint8)
    write_png(image, tmp_path / "a.png", alpha=alpha)
    kept = read_image(tmp_path / "a.png", keep_alpha=True)
    np.testing.assert_array_equal(kept.image, image)
    assert kept.alpha is not None and np.array_equal(kept.alpha, alpha) and kept.notes == ()
    arguments = ["upscale", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--method", "nearest", "--scale", "2"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    enlarged = read_image(tmp_path / "b.png", keep_alpha=True)
    np.testing.assert_array_equal(enlarged.alpha, alpha.repeat(2, 0).repeat(2, 1))
    assert read_image(png_bytes(image)).alpha is None and SRGB[6] == 0.3127
