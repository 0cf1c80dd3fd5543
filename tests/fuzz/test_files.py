"""Binary files at their doors: images, bitstreams, snapshots, checkpoints, zips."""

from __future__ import annotations

import io
import json
import mmap
import struct
import tempfile
import zipfile
import zlib
from functools import cache, partial
from pathlib import Path

import imagecodecs
import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageCms
from safetensors.torch import load_file, save

from synthcomp_core import codecs
from synthcomp_core.codecs.bitstream import HEADER_BYTES
from synthcomp_core.codecs.learned import describe_bitstream, load_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import read_image
from synthcomp_core.images.archives import extract_images
from synthcomp_core.images.headers import header_size
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import (
    load_snapshot,
    snapshot_path,
    survey_snapshots,
)
from synthcomp_core.results.formats import load_results
from synthcomp_core.upscalers.neural import load_upscaler
from tests.codecs.models import SNAPSHOT, frame, random_model, save_unchecked
from tests.conftest import PROJECT_ROOT
from tests.fuzz.doors import FILE_DOORS, altered, damaged, found, fuzzed, guarded, kept_doors

pytestmark = pytest.mark.slow
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
IMAGE_SETTINGS: list[tuple[str, dict[str, object]]] = [
    *(("PNG", {}), ("JPEG", {"quality": 70}), ("JPEG", {"progressive": True}), ("WEBP", {"quality": 60})),
    *(("WEBP", {"lossless": True}), ("AVIF", {"speed": 10}), ("JPEG2000", {}), ("BMP", {}), ("PPM", {})),
    *(("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"})),
]


@cache
def images() -> list[bytes]:
    image = frame(1, width=40, height=30)
    files = []
    for file_format, settings in IMAGE_SETTINGS:
        for mode in (
            ("RGB", "L") if file_format in ("PNG", "JPEG", "TIFF") and not settings.get("compression") else ("RGB",)
        ):
            file = io.BytesIO()
            PillowImage.fromarray(image).convert(mode).save(file, file_format, **settings)
            files.append(file.getvalue())
    deep = image.astype(np.uint16) * 257
    files += [imagecodecs.png_encode(deep), imagecodecs.tiff_encode(deep)]
    files += [
        imagecodecs.jpegxl_encode(image),
        imagecodecs.jpegxl_encode(deep),
        imagecodecs.jpegxl_encode(image, lossless=True),
        imagecodecs.avif_encode(deep >> 6, bitspersample=10, speed=10),
        imagecodecs.tiff_encode(image, tile=(16, 16), compression="deflate"),
    ]
    for file_format, mode, more in (
        ("AVIF", "RGBA", {"speed": 10}), ("AVIF", "RGB", {"speed": 10, "save_all": True}), ("JPEG", "CMYK", {}),
        ("WEBP", "RGBA", {"save_all": True}), ("PNG", "RGB", {"save_all": True, "icc_profile": SRGB_PROFILE}),
        ("PNG", "P", {"transparency": 3}), ("JPEG2000", "RGBA", {"tile_size": (16, 16), "no_jp2": True}),
        ("JPEG", "RGB", {"restart_marker_rows": 1, "icc_profile": SRGB_PROFILE}),
    ):  # fmt: skip
        pictures = [PillowImage.fromarray(np.roll(image, shift, axis=0)).convert(mode) for shift in (0, 9)]
        file = io.BytesIO()
        added = {"append_images": pictures[1:]} if "save_all" in more else {}
        pictures[0].save(file, file_format, **more, **added)
        files.append(file.getvalue())
    return [*files, *exrs(image)]


def exrs(image: np.ndarray) -> list[bytes]:
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for compression in (OpenEXR.NO_COMPRESSION, OpenEXR.ZIP_COMPRESSION, OpenEXR.PIZ_COMPRESSION):
            header = {"compression": compression, "type": OpenEXR.scanlineimage}
            path = Path(folder) / "whole.exr"
            with OpenEXR.File(header, {"RGB": (image / 255).astype(np.float16)}) as file:
                file.write(str(path))
            files.append(path.read_bytes())
    return files


def try_image(content: bytes) -> None:
    with guarded("images", content):
        read_image(content, name="odd")


@given(damaged(images()))
@fuzzed(400)
def test_images(content: bytes) -> None:
    try_image(content)


@given(st.sampled_from(images()), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 120))
@fuzzed(150)
def test_images_that_claim_any_size(content: bytes, width: int, height: int, at: int) -> None:
    for order in (">", "<"):
        changed = content[:at] + struct.pack(f"{order}II", width, height) + content[at + 8 :]
        try_image(changed)


@given(damaged(images()))
@fuzzed(100)
def test_headers(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    try_header(tmp_path_factory.getbasetemp(), content)


def try_header(folder: Path, content: bytes) -> None:
    path = folder / "fuzzed.png"
    path.write_bytes(content)
    with guarded("headers", content):
        header_size(path)


def sealed(content: bytes) -> bytes:
    if len(content) < HEADER_BYTES + 4:
        return content
    fields = content[: HEADER_BYTES - 4]
    body = fields + struct.pack("<I", zlib.crc32(fields)) + content[HEADER_BYTES:-4]
    return body + struct.pack("<I", zlib.crc32(body))


@cache
def bitstreams() -> list[bytes]:
    codec = load_codec(SNAPSHOT, device="cpu")
    return [codec.encode(frame(index, width=64 + 30 * index, height=48)) for index in range(3)]


def try_bitstream(content: bytes) -> None:
    with guarded("scb", content):
        describe_bitstream(content)
    with guarded("scb", content):
        codecs.decode(content, device="cpu")


@given(damaged(bitstreams()), st.booleans())
@fuzzed(150)
def test_bitstreams(content: bytes, seal: bool) -> None:
    try_bitstream(sealed(content) if seal else content)


@given(st.integers(0, 2), st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1))
@fuzzed(50)
def test_bitstreams_that_claim_any_size(index: int, width: int, height: int) -> None:
    content = bitstreams()[index]
    for size in ((width, height), (width % 70_000, height % 900), (width % 900, height % 70_000)):
        claimed = sealed(content[:12] + struct.pack("<II", *size) + content[20:])
        try_bitstream(claimed)


@cache
def snapshots() -> list[bytes]:
    card, tensors = random_model("mbt2018")
    fields = {"id": "x", "kind": "codec", "architecture": "mbt2018", "sha256": card.sha256, "N": 24, "M": 36}
    small = save(tensors, metadata={"card": json.dumps(fields)})
    rcan = (PROJECT_ROOT / "artifacts" / "snapshots" / "rcan-x2-games.safetensors").read_bytes()
    return [small, rcan]


def try_snapshot(content: bytes) -> None:
    path = snapshot_path("odd")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with guarded("snapshots", content[:100_000]):
        survey_snapshots()
        card, _ = load_snapshot("odd")
        if card.kind == "upscaler":
            load_upscaler("odd", device="cpu")
        else:
            load_codec("odd", device="cpu")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("fuzz")
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(path / "artifacts"))
    return path


@given(content=damaged(snapshots()))
@fuzzed(100)
def test_snapshots(folder: Path, content: bytes) -> None:
    try_snapshot(content)


@given(data=st.data())
@fuzzed(100)
def test_snapshots_with_another_header(folder: Path, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(snapshots()))
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    if data.draw(st.booleans()):
        card = json.loads(header["__metadata__"]["card"])
        header["__metadata__"]["card"] = json.dumps(data.draw(altered(card)))
    else:
        names = [name for name in header if name != "__metadata__"]
        name = data.draw(st.sampled_from(names))
        header = {**header, name: data.draw(altered(header[name]))}
    text = json.dumps(header).encode()
    try_snapshot(struct.pack("<Q", len(text)) + text + content[8 + length :])


@given(data=st.data())
@fuzzed(60)
def test_snapshots_with_a_tensor_of_any_shape(folder: Path, data: st.DataObject) -> None:
    """Sealed with the right hash: only the shapes are wrong."""
    if data.draw(st.booleans()):
        card, tensors = random_model("mbt2018")
    else:
        from synthcomp_core.library.snapshots import read_snapshot_card

        bundled = PROJECT_ROOT / "artifacts" / "snapshots" / "rcan-x2-games.safetensors"
        card, tensors = read_snapshot_card(bundled), load_file(bundled)
    name = data.draw(st.sampled_from(sorted(tensors)))
    shape = data.draw(st.lists(st.integers(0, 40), max_size=5))
    if int(np.prod(shape)) > 10**6:
        return
    dtype = data.draw(st.sampled_from([torch.float16, torch.float32, torch.int32, torch.float64, torch.bool]))
    save_unchecked(card, {**tensors, name: torch.ones(shape).to(dtype)}, snapshot_path("odd"))
    try_snapshot(snapshot_path("odd").read_bytes())


@cache
def checkpoints() -> list[bytes]:
    files = []
    contents = ({"state_dict": random_model("mbt2018")[1]}, {"a": torch.zeros(3)}, random_model("cheng2020-anchor")[1])
    for content in contents:
        for zipped in (True, False):
            file = io.BytesIO()
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            files.append(file.getvalue())
    return files


def try_checkpoint(folder: Path, content: bytes) -> None:
    path = folder / "odd.pt"
    path.write_bytes(content)
    with guarded("checkpoints", content[:100_000]):
        read_checkpoint(path)


@given(content=damaged(checkpoints()))
@fuzzed(60)
def test_checkpoints(folder: Path, content: bytes) -> None:
    try_checkpoint(folder, content)


@cache
def zips() -> list[bytes]:
    files = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            members = {
                "a.png": images()[0],
                "b/c.png": bytes(50),
                "d.txt": b"x",
                "e.zip": files[0] if files else b"PK",
            }
            for name, content in members.items():
                archive.writestr(name, content)
        files.append(file.getvalue())
    return files


@given(content=damaged(zips()))
@fuzzed(150)
def test_zips(folder: Path, content: bytes) -> None:
    try_zip(folder, content)


def try_zip(folder: Path, content: bytes) -> None:
    folder = folder / "zips"
    folder.mkdir(exist_ok=True)
    archive = folder / "odd.zip"
    archive.write_bytes(content)
    with guarded("zips", content):
        extract_images(archive, folder / "out")
    assert {path.name for path in folder.iterdir()} <= {"odd.zip", "out"}


def try_results(content: bytes) -> None:
    with guarded("results", content):
        load_results(content, name="odd")


def test_inputs_that_once_broke_the_rule_keep_it(folder: Path) -> None:
    doors = {
        "images": try_image,
        "headers": partial(try_header, folder),
        "scb": try_bitstream,
        "checkpoints": partial(try_checkpoint, folder),
        "zips": partial(try_zip, folder),
        "snapshots": try_snapshot,
        "results": try_results,
    }
    assert set(doors) == set(FILE_DOORS)
    for door in kept_doors(FILE_DOORS):
        for content in found(door):
            doors[door](content)


def test_a_door_that_lets_something_else_out_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.fuzz import doors

    monkeypatch.setattr(doors, "FOUND", tmp_path / "found")
    with pytest.raises(pytest.fail.Exception, match="KeyError"), guarded("self", b"input"):
        raise KeyError("x")
    assert doors.found("self") == [b"input"]
    with pytest.raises(pytest.fail.Exception, match="not a sentence"), guarded("self"):
        raise SynthcompError("")
    with pytest.raises(pytest.fail.Exception, match="MiB"), guarded("self"):
        # New pages from the system: an array could take those that this process has freed and kept.
        area = mmap.mmap(-1, 400 * 2**20)
        np.frombuffer(area, np.uint8)[::4096] = 1
        raise SynthcompError("late.")
    for counter in (doors.tries, doors.refusals):
        del counter["self"]
