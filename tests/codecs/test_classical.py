"""The classical codecs agree with independent measurements, take any size, and refuse what is not theirs."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.codecs import classical
from synthcomp_core.codecs.classical import FAMILIES, decode_any, parse_classical, rate_bytes
from synthcomp_core.errors import BitstreamError, ImageError, SynthcompError

IDS = ["jpeg-q75", "webp-q75", "avif-q60", "jxl-q75", "jpeg2000-q36", "png", "none"]
LOSSLESS = ["png", "none", "jxl-q100"]
RNG = np.random.default_rng(3)


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that every codec keeps nearly: slow waves."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / 40 + phase) * np.cos(y / 50) for phase in (0.0, 0.3, 0.6)]
    return np.stack(waves, axis=-1).round().astype(np.uint8)


def psnr(reference: np.ndarray, image: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((reference.astype(float) - image) ** 2)))


@pytest.fixture(scope="module")
def kodak(shared: Path) -> list[np.ndarray]:
    pictures = [np.asarray(PillowImage.open(path)) for path in sorted((shared / "data/kodak").glob("*.png"))]
    assert len(pictures) == 24
    return pictures


@pytest.fixture(scope="module")
def reference(shared: Path) -> Callable[[str, float], tuple[float, float]]:
    """(bpp, PSNR) that were measured apart from this project for a setting and quality, means over Kodak."""
    with (shared / "reference/classical_kodak.csv").open(newline="") as file:
        rows = {(row["codec"], float(row["quality"])): row for row in csv.DictReader(file)}

    def look_up(codec: str, quality: float) -> tuple[float, float]:
        row = rows[codec, quality]
        return float(row["bpp"]), float(row["psnr_rgb"])

    return look_up


def kodak_means(codec_id: str, pictures: list[np.ndarray]) -> tuple[float, float]:
    """Mean bpp and mean of the PSNR of each picture."""
    codec = parse_classical(codec_id)
    points = []
    for picture in pictures:
        bitstream = codec.encode(picture)
        points.append(
            (len(bitstream) * 8 / (picture.shape[0] * picture.shape[1]), psnr(picture, codec.decode(bitstream)))
        )
    bpp, decibels = np.mean(points, axis=0)
    return float(bpp), float(decibels)


@pytest.mark.parametrize(
    ("codec_id", "setting", "quality"),
    [
        ("jpeg-q10", "jpeg", 10),
        ("jpeg-q75", "jpeg", 75),
        ("jpeg-q95", "jpeg", 95),
        ("webp-q5", "webp_m6", 5),
        ("webp-q75", "webp_m6", 75),
        pytest.param("avif-q35", "avif_420_s6", 35, marks=pytest.mark.slow),
        ("jxl-q90", "jpegxl_e7_distance", 1.0),
    ],
)
def test_kodak_means_are_those_measured_independently(
    codec_id: str, setting: str, quality: float, kodak: list[np.ndarray], reference: Callable
) -> None:
    bpp, decibels = kodak_means(codec_id, kodak)
    expected_bpp, expected_decibels = reference(setting, quality)
    assert bpp == pytest.approx(expected_bpp, abs=1e-6)
    assert decibels == pytest.approx(expected_decibels, abs=1e-4)


def test_jpeg2000_spends_bytes_as_well_as_the_reference_s_rate_control(kodak: list[np.ndarray]) -> None:
    """The reference asks for a size, we for a PSNR; for one picture at one size both must be the same codec.

    That Pillow call, rate 24, gives the reference's means exactly (0.998200 bpp, 35.9784 dB).
    """
    codec = parse_classical("jpeg2000-q36")
    for picture in kodak[:4]:
        bitstream = codec.encode(picture)
        file = io.BytesIO()
        PillowImage.fromarray(picture).save(
            file,
            "JPEG2000",
            quality_mode="rates",
            quality_layers=[picture.nbytes / len(bitstream)],
            irreversible=True,
            mct=1,
        )
        assert len(file.getvalue()) == pytest.approx(len(bitstream), rel=0.01)
        with PillowImage.open(file) as decoded:
            by_rate = psnr(picture, np.asarray(decoded))
        assert psnr(picture, codec.decode(bitstream)) == pytest.approx(by_rate, abs=0.1)


@pytest.mark.parametrize("quality", [24, 30, 36, 42])
def test_the_quality_of_jpeg2000_is_the_psnr_of_each_image(quality: int, kodak: list[np.ndarray]) -> None:
    codec = parse_classical(f"jpeg2000-q{quality}")
    for picture in kodak[4:6]:
        assert psnr(picture, codec.decode(codec.encode(picture))) == pytest.approx(quality, abs=0.6)


@pytest.mark.parametrize("codec_id", IDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (1, 4000), (4000, 1), (31, 33), (65, 127)])
def test_any_size_comes_back(codec_id: str, size: tuple[int, int]) -> None:
    codec = parse_classical(codec_id)
    picture = smooth(size[1], size[0])
    bitstream = codec.encode(picture)
    image = codec.decode(bitstream)
    assert image.shape == picture.shape and image.dtype == np.uint8
    assert image.flags.writeable and image.flags.c_contiguous
    # JPEG 2000 meets its PSNR coarsely where there are only a few coefficients to cut.
    is_coarse = codec_id.startswith("jpeg2000") and picture.size < 100
    assert np.abs(image.astype(int) - picture).mean() < (15 if is_coarse else 6)
    np.testing.assert_array_equal(decode_any(bitstream), image)


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    return smooth(2160, 4096)


@pytest.mark.parametrize("codec_id", IDS)
def test_4096_by_2160_comes_back(codec_id: str, large: np.ndarray) -> None:
    codec = parse_classical(codec_id)
    image = codec.decode(codec.encode(large))
    if codec_id in LOSSLESS:
        np.testing.assert_array_equal(image, large)
    assert np.abs(image[::8].astype(np.int16) - large[::8]).mean() < 4


@pytest.mark.parametrize("codec_id", LOSSLESS)
def test_lossless_codecs_lose_nothing_and_take_any_view(codec_id: str) -> None:
    codec = parse_classical(codec_id)
    view = RNG.integers(0, 256, (41, 60, 3), dtype=np.uint8)[::-1, ::2]
    np.testing.assert_array_equal(codec.decode(codec.encode(view)), view)


@pytest.mark.parametrize(("codec_id", "limit"), [("jpeg-q5", 65500), ("webp-q5", 16383), ("avif-q5", 32768)])
def test_the_longest_side_works_and_one_more_is_refused_in_a_sentence(codec_id: str, limit: int) -> None:
    codec = parse_classical(codec_id)
    assert codec.decode(codec.encode(smooth(1, limit))).shape == (1, limit, 3)
    with pytest.raises(ImageError, match=f"at most {limit} pixels per side, this image is {limit + 1} x 1"):
        codec.encode(smooth(1, limit + 1))


def test_sides_beyond_jpeg_s_limit_fit_the_others() -> None:
    picture = smooth(1, 70_000)
    for codec_id in ("jxl-q50", "jpeg2000-q36", "png", "none"):
        codec = parse_classical(codec_id)
        content = codec.encode(picture)
        assert codec.decode(content, max_pixels=2 * limits.IMAGE_PIXELS).shape == picture.shape
    with pytest.raises(BitstreamError, match="longer than 65,535 pixels"):  # Unless more pixels are asked for.
        parse_classical("png").decode(parse_classical("png").encode(picture))


@pytest.mark.parametrize("name", [family.name for family in FAMILIES.values() if family.qualities])
def test_quality_runs_from_end_to_end_and_more_takes_more_bytes(name: str) -> None:
    family = FAMILIES[name]
    assert family.qualities is not None and family.default_quality in family.qualities
    picture = smooth(96, 128)
    picture[20:60, 30:90] = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    sizes, qualities = [], [family.qualities[0], 30, family.default_quality, family.qualities[-1]]
    for quality in qualities:
        codec = parse_classical(f"{name}-q{quality}")
        bitstream = codec.encode(picture)
        codec.decode(bitstream)
        sizes.append(len(bitstream))
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1] / 3


@pytest.mark.parametrize("name", ["avif-q60", "jxl-q75"])
def test_the_bytes_do_not_depend_on_the_number_of_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1000x700 is more than one AVIF tile of 512x512."""
    picture = smooth(700, 1000)
    picture[::7, ::5] += 9
    written = set()
    for threads in (2, 4, 8) if name.startswith("avif") else (1, 2, 5):
        monkeypatch.setattr(classical, "AVIF_THREADS", threads)
        monkeypatch.setattr(os, "cpu_count", lambda count=threads: count)
        written.add(parse_classical(name).encode(picture))
    assert len(written) == 1


def test_the_bytes_do_not_depend_on_the_processors_at_hand(tmp_path: Path) -> None:
    code = (
        "import sys, hashlib, numpy as np\n"
        "from synthcomp_core.codecs.classical import parse_classical\n"
        "a = (np.indices((600, 500)).sum(0)[..., None] * [1, 2, 3] // 7 % 256).astype(np.uint8)\n"
        "print([hashlib.sha256(parse_classical(i).encode(a)).hexdigest() for i in sys.argv[1:]])"
    )
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        pytest.skip("one processor only")
    outputs = []
    for use in (processors[:1], processors):
        done = subprocess.run(
            [sys.executable, "-c", code, *IDS],
            capture_output=True,
            check=True,
            preexec_fn=lambda cpus=use: os.sched_setaffinity(0, cpus),
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]


def test_ids_come_back_and_name_the_quality() -> None:
    for codec_id in IDS:
        assert parse_classical(codec_id).id == codec_id
    assert parse_classical("webp-q7").quality == 7 and parse_classical("none").quality is None


@pytest.mark.parametrize(
    ("codec_id", "message"),
    [
        ("jpeg", "'jpeg' needs a quality: write jpeg-q1 to jpeg-q100, as in jpeg-q75"),
        ("jpeg2000", "jpeg2000-q20 to jpeg2000-q60"),
        ("webp-q0", "out of range"),
        ("avif-q101", "out of range: write avif-q1 to avif-q100"),
        ("jpeg-q", "no whole number"),
        ("jpeg-q07", "no whole number"),
        ("jpeg-q7.5", "no whole number"),
        ("jxl-q7.55", "finer than its encoder's steps: write jxl-q1 to jxl-q100 in steps of 0.1, as in jxl-q75"),
        ("jpeg-q-3", "no whole number"),
        ("jpeg-q٣", "no whole number"),
        ("png-q5", "lossless and takes none: write png"),
        ("none-q1", "write none"),
        ("gif-q3", "Unknown codec 'gif-q3'"),
        ("", "Unknown codec"),
    ],
)
def test_wrong_ids_say_how_to_write_them(codec_id: str, message: str) -> None:
    with pytest.raises(SynthcompError, match=message) as caught:
        parse_classical(codec_id)
    assert "\n" not in str(caught.value)


def test_families_name_their_encoders_with_versions() -> None:
    encoders = {name: family.encoder for name, family in FAMILIES.items()}
    assert list(encoders) == ["jpeg", "webp", "avif", "jxl", "jpeg2000", "png", "none"]
    expected = {"jpeg": "libjpeg-turbo", "webp": "libwebp", "avif": "libaom", "jxl": "libjxl", "jpeg2000": "OpenJPEG"}
    for name, library in expected.items():
        assert library in encoders[name] and any(digit.isdigit() for digit in encoders[name])


def test_jxl_distances_are_libjxl_s() -> None:
    # By hand from JxlEncoderDistanceFromQuality: 90 -> 0.1 + 10 * 0.09; 30 -> 6.4; 10 -> 5300/3000 - 11.5 + 25
    assert [classical.jxl_distance(quality) for quality in (90, 30, 10)] == pytest.approx([1.0, 6.4, 15.2666667])


def test_none_counts_the_raw_samples_only() -> None:
    bitstream = parse_classical("none").encode(smooth(7, 5))
    assert rate_bytes("none", bitstream) == 3 * 7 * 5 < len(bitstream)
    assert rate_bytes("jpeg-q75", bitstream) == len(bitstream)
    with PillowImage.open(io.BytesIO(bitstream)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), smooth(7, 5))


def test_bitstreams_are_files_that_other_programs_read() -> None:
    picture = smooth(40, 50)
    for codec_id, file_format in zip(IDS, ["JPEG", "WEBP", "AVIF", None, "JPEG2000", "PNG", "PPM"], strict=True):
        codec = parse_classical(codec_id)
        bitstream = codec.encode(picture)
        if file_format is None:
            other = imagecodecs.jpegxl_decode(bitstream)
        else:
            with PillowImage.open(io.BytesIO(bitstream)) as opened:
                assert opened.format == file_format and opened.mode == "RGB"
                other = np.asarray(opened)
        np.testing.assert_array_equal(codec.decode(bitstream), other)


def test_jpeg_webp_and_avif_are_4_2_0() -> None:
    """A chessboard of two colours of the same luma loses its colours, not so in JPEG XL."""
    colours = np.array([[200, 60, 100], [20, 152, 100]], np.uint8)
    picture = colours[np.indices((32, 32)).sum(axis=0) % 2]
    for codec_id, is_subsampled in (("jpeg-q95", True), ("webp-q95", True), ("avif-q95", True), ("jxl-q95", False)):
        codec = parse_classical(codec_id)
        spread = codec.decode(codec.encode(picture))[..., 0].astype(float).std()
        assert (spread < 30) == is_subsampled, codec_id


@pytest.mark.parametrize("codec_id", IDS)
def test_truncated_bitstreams_are_refused(codec_id: str) -> None:
    codec = parse_classical(codec_id)
    bitstream = codec.encode(smooth(50, 70))
    for length in {0, 1, 5, 12, 30, len(bitstream) // 2, len(bitstream) - 30, len(bitstream) - 1}:
        for decode in (codec.decode, decode_any):
            with pytest.raises(BitstreamError) as caught:
                decode(bitstream[:length])
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec_id", IDS)
def test_another_format_is_refused_by_name(codec_id: str) -> None:
    codec = parse_classical(codec_id)
    for other in IDS:
        if other != codec_id:
            with pytest.raises(BitstreamError, match=f"expected {codec.family.file_format}"):
                codec.decode(parse_classical(other).encode(smooth(9, 9)))
    tiff = io.BytesIO()
    PillowImage.fromarray(smooth(9, 9)).save(tiff, "TIFF")
    for foreign in (b"SCB\x01", b"some text", tiff.getvalue()):
        with pytest.raises(BitstreamError):
            codec.decode(foreign)
        with pytest.raises(BitstreamError, match="no known codec"):
            decode_any(foreign)


def test_absurd_sizes_are_refused_before_decoding() -> None:
    jpeg = parse_classical("jpeg-q75").encode(smooth(9, 9))
    at = jpeg.index(b"\xff\xc0") + 5
    bomb = jpeg[:at] + b"\xff\x00\xff\x00" + jpeg[at + 4 :]
    with pytest.raises(BitstreamError, match="too large: 65280 x 65280"):
        decode_any(bomb)
    with pytest.raises(BitstreamError):
        decode_any(b"P6\n999999999 999999999\n255\n" + bytes(10))
    with pytest.raises(BitstreamError):
        decode_any(b"P6\n0 0\n255\n")


def test_what_is_no_image_is_refused() -> None:
    for image in (smooth(9, 9)[..., 0], smooth(9, 9).astype(np.float32), smooth(9, 9)[:0]):
        with pytest.raises(ImageError):
            parse_classical("jpeg-q75").encode(image)


def test_progress_ends_at_one() -> None:
    codec, reports = parse_classical("webp-q50"), []
    codec.decode(codec.encode(smooth(9, 9)), on_progress=lambda fraction, stage: reports.append((fraction, stage)))
    assert reports[-1][0] == 1.0 and "WebP" in reports[-1][1]


def chroma_factors(bitstream: bytes) -> tuple[int, int]:
    """How much coarser a JPEG's second component is sampled than its first, across and down, from its SOF0 marker."""
    at = bitstream.index(b"\xff\xc0")
    first, second = bitstream[at + 11], bitstream[at + 14]
    return (first >> 4) // (second >> 4), (first & 15) // (second & 15)


@pytest.mark.parametrize(("options", "factors"), [("", (2, 2)), ("+420", (2, 2)), ("+422", (2, 1)), ("+444", (1, 1))])
def test_a_jpeg_s_header_holds_the_chroma_asked_for(options: str, factors: tuple[int, int]) -> None:
    assert chroma_factors(parse_classical(f"jpeg-q80{options}").encode(smooth(40, 50))) == factors


@pytest.mark.parametrize("family", ["jpeg", "avif"])
def test_full_chroma_keeps_a_colour_edge_that_quarter_chroma_smears(family: str) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, ::2, 0] = 255
    errors = {
        options: psnr(picture, codec.decode(codec.encode(picture)))
        for options in ("", "+444")
        if (codec := parse_classical(f"{family}-q90{options}"))
    }
    assert errors["+444"] > errors[""] + 6


@pytest.mark.parametrize("codec_id", ["webp+lossless", "webp+lossless+m0", "jpeg2000+lossless", "jxl+lossless+e1"])
@pytest.mark.parametrize("size", [(1, 1), (31, 33)])
def test_lossless_options_lose_nothing(codec_id: str, size: tuple[int, int]) -> None:
    codec = parse_classical(codec_id)
    picture = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(codec.decode(codec.encode(picture)), picture)


@pytest.mark.parametrize(
    ("fast", "slow"), [("webp-q75+m0", "webp-q75"), ("jxl-q75+e1", "jxl-q75+e9"), ("avif-q60+s10", "avif-q60+s3")]
)
def test_more_effort_spends_fewer_bits_per_error(fast: str, slow: str, kodak: list[np.ndarray]) -> None:
    """Bytes at equal error, by 6 dB per bit and sample, on one photograph."""
    picture = kodak[4][:256, :256]

    def cost(codec_id: str) -> float:
        codec = parse_classical(codec_id)
        bitstream = codec.encode(picture)
        bpp = len(bitstream) * 8 / (256 * 256)
        return bpp - psnr(picture, codec.decode(bitstream)) / 6.02

    assert cost(slow) < cost(fast)


@pytest.mark.parametrize("codec_id", ["jxl-q90", "jpeg2000-q40"])
def test_tenths_of_a_quality_lie_between_their_neighbours(codec_id: str, kodak: list[np.ndarray]) -> None:
    picture = kodak[4]
    ids = (codec_id, f"{codec_id}.3", f"{codec_id}.6", f"{codec_id[:-1]}1")
    sizes = [len(parse_classical(each).encode(picture)) for each in ids]
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
