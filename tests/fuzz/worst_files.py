"""Run as a process of its own: the worst files at their doors, with a cap on memory; a line of JSON for each.

Its one argument is a folder to work in. Of every file: what came of it, seconds of the processor, peak memory in bytes.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from safetensors.torch import save

from synthcomp_core import codecs, limits
from synthcomp_core.cli.bench.machine import peak_memory_bytes, reset_peak_memory
from synthcomp_core.codecs.bitstream import HEADER_BYTES
from synthcomp_core.codecs.learned import load_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image
from synthcomp_core.images.archives import extract_images
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import load_snapshot, snapshot_path
from synthcomp_core.results.formats import load_results
from tests.codecs.models import SNAPSHOT, frame, random_model

# A backstop: address space that is asked for, most of which is never touched, is more than memory.
CAP_BYTES = 1024 * 2**20
# Beyond the limit of pixels; extreme; and 49 megapixels, within the limit, of which the file holds next to nothing.
SIZES = (
    *((65_535, 65_535), (2**31 - 1, 1), (1, 2**31 - 1), (100_000, 2_000), (50_001, 1_000), (7_000, 7_000)),
    *((1, 49_000_000), (49_000_000, 1), (65_535, 760)),
)
Case = tuple[str, Callable[[], object]]


def png(width: int, height: int, kind: tuple[int, int]) -> bytes:
    """A PNG that claims a size; kind: bits and colour type."""
    header = struct.pack(">IIBBBBB", width, height, *kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(50_000))), (b"IEND", b""))
    packed = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
              for name, body in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def saved(file_format: str, **settings: object) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(frame(1, width=40, height=30)).save(file, file_format, **settings)
    return file.getvalue()


def tiff(content: bytes, width: int, height: int) -> bytes:
    """A TIFF whose directory claims another size."""
    out = bytearray(content)
    (at,) = struct.unpack_from("<I", out, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", out, at)[0], 12):
        value = {256: width, 257: height, 278: height}.get(struct.unpack_from("<H", out, entry)[0])
        if value is not None:
            struct.pack_into("<HII", out, entry + 2, 4, 1, value)
    return bytes(out)


def avif(content: bytes, width: int, height: int) -> bytes:
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", width, height) + content[at + 8 :]


def jxl(width: int, height: int) -> bytes:
    """A bare codestream's size header (ISO/IEC 18181-1, D.2), and zeros."""
    bits = 0b0 | 0b11 << 1 | ((height - 1) & (2**30 - 1)) << 3 | 0b11 << 36 | ((width - 1) & (2**30 - 1)) << 38
    return b"\xff\x0a" + bits.to_bytes(9, "little") + bytes(500)


def scb(content: bytes, width: int, height: int) -> bytes:
    """A bitstream sealed with the right checksums, of another size."""
    fields = content[:12] + struct.pack("<II", width, height) + content[20 : HEADER_BYTES - 4]
    body = fields + struct.pack("<I", zlib.crc32(fields)) + content[HEADER_BYTES:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def bomb(members: int, num_bytes: int, method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for number in range(members):
            archive.writestr(f"{number}.png", bytes(num_bytes))
    return file.getvalue()


def headed(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(100)


def images() -> Iterator[tuple[str, bytes]]:
    """Files of every format that claim each size."""
    whole = {name: saved(name) for name in ("TIFF", "AVIF", "BMP", "JPEG", "JPEG2000")}
    lzw = saved("TIFF", compression="tiff_lzw")
    for width, height in SIZES:
        size = f"{width}x{height}"
        for kind in ((8, 2), (16, 6), (1, 0), (8, 6)):
            yield f"png {kind} {size}", png(width, height, kind)
        yield f"tiff {size}", tiff(whole["TIFF"], width, height)
        yield f"tiff lzw {size}", tiff(lzw, width, height)
        yield f"avif {size}", avif(whole["AVIF"], width, height)
        yield f"bmp {size}", whole["BMP"][:18] + struct.pack("<II", width, height) + whole["BMP"][26:]
        yield f"ppm {size}", b"P6 %d %d 255\n" % (width, height)
        if max(width, height) < 2**16:
            at = whole["JPEG"].index(b"\xff\xc0") + 5
            yield f"jpeg {size}", whole["JPEG"][:at] + struct.pack(">HH", height, width) + whole["JPEG"][at + 4 :]
        at = whole["JPEG2000"].index(b"\xff\x51") + 6
        sides = struct.pack(">6I", width, height, 0, 0, width, height)
        yield f"jpeg 2000 {size}", whole["JPEG2000"][:at] + sides + whole["JPEG2000"][at + 24 :]
        yield f"jxl {size}", jxl(width, height)


def snapshots() -> Iterator[tuple[str, bytes]]:
    card, tensors = random_model("mbt2018")
    fields = {"id": "x", "kind": "codec", "architecture": "mbt2018", "sha256": card.sha256}
    for side in (25, 1024, 2**20, 10**9, 2**62):
        named = json.dumps({**fields, "N": side, "M": side})
        yield f"card of {side} channels", save(tensors, metadata={"card": named})
    yield "header of 2**62 bytes", headed(b"{}", 2**62)
    yield "nest of brackets", headed(b'{"a":' + b"[" * 3_000_000)
    claim = {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}
    yield "a tensor of 4 TB", headed(json.dumps({"a": claim}).encode())
    many = {f"t{number}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for number in range(50_000)}
    yield "50,000 tensors", headed(json.dumps(many).encode())


def cases(folder: Path) -> Iterator[Case]:
    """Name and try of every file."""
    for name, content in images():
        yield name, lambda content=content: read_image(content, name="odd")
    whole = load_codec(SNAPSHOT, device="cpu").encode(frame(1, width=64, height=48))
    for width, height in (*SIZES, (14_142, 14_142), (20_000_000, 1)):
        sealed = scb(whole, width, height)
        yield f"scb {width}x{height}", lambda sealed=sealed: codecs.decode(sealed, device="cpu")
    path = snapshot_path("odd")
    for name, content in snapshots():
        yield f"snapshot, {name}", lambda content=content: (path.write_bytes(content), load_snapshot("odd"))
    for kind, members, num_bytes, method in (
        ("many", 100, 2**20, zipfile.ZIP_DEFLATED), ("one", 1, 2**26, zipfile.ZIP_DEFLATED),
        ("bzip2", 1, 2**26, zipfile.ZIP_BZIP2), ("lzma", 1, 2**26, zipfile.ZIP_LZMA),
    ):  # fmt: skip
        archive, out = folder / f"{kind}.zip", folder / kind
        archive.write_bytes(bomb(members, num_bytes, method))
        yield f"zip, {kind}", lambda archive=archive, out=out: extract_images(archive, out)
        yield f"zip as a checkpoint, {kind}", lambda archive=archive: read_checkpoint(archive)

    for name, content in results():
        yield f"results, {name}", lambda content=content: load_results(content, name="odd")


def results() -> Iterator[tuple[str, bytes]]:
    """Tables and JSON of which each byte would take dozens in memory, just within the limits of size and beyond."""
    thesis = b"model;quality;metric;supersampled;bpp;psnr_rgb;psnr_y;ssim_rgb;ssim_y;msssim\n"
    row = b"m;4;mse;FALSE;0.3;30.1;32;0.9;0.91;0.97\n"
    for num_bytes in (limits.FOREIGN_TABLE_BYTES - 1000, 2 * limits.FOREIGN_TABLE_BYTES):
        lines = min(limits.FOREIGN_TABLE_LINES, num_bytes // len(row))
        for name, begin, repeated, end in (
            ("words", b"", b"hello,1\n", b""), ("points", b"bpp,psnr\n", b"1,2\n", b"x,y,z\n"),
            ("one line", b"bpp,psnr,", b"x,", b""), ("thesis, one line", b"model;", b"x;", b"\nmbt"),
            ("thesis, a bad last line", thesis, row, b"x"),
        ):  # fmt: skip
            most = num_bytes // len(repeated)
            yield f"{name}, {num_bytes}", begin + repeated * most + end
            if b"\n" in repeated:
                yield f"{name}, {lines} lines", begin + repeated * min(lines, most) + end
    for name, repeated in (("lists", b"[],"), ("objects", b'{"a":0},'), ("numbers", b"1,")):
        for values in (limits.JSON_VALUES // 2 - 10, 3 * limits.JSON_VALUES):
            yield f"json, {values} {name}", b"[" + repeated * values + b"0]"
            yield f"json, {values} {name} in two lists", b'{"bpp":[' + repeated * values + b'0],"psnr":[1]}'
    yield "json, nested", b"[" * 400_000
    yield "json, one text", b'{"a":"' + b"x" * (limits.JSON_BYTES - 20) + b'"}'


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except SynthcompError as error:
        return f"refused: {error}"
    except BaseException as error:  # noqa: BLE001 (what the test is to report)
        return f"{type(error).__name__}: {error}"
    return "taken"


def main(folder: Path) -> None:
    """Try all files, after one good file at each door, so that what is loaded once does not count."""
    os.environ["SYNTHCOMP_ARTIFACTS"] = str(folder / "artifacts")
    (folder / "artifacts" / "snapshots").mkdir(parents=True)
    source = Path(__file__).parents[2] / "artifacts" / "snapshots" / f"{SNAPSHOT}.safetensors"
    (folder / "artifacts" / "snapshots" / source.name).symlink_to(source)
    tries = list(cases(folder))
    for content in (
        png_bytes(np.zeros((9, 9, 3), np.uint8)),
        saved("TIFF"),
        saved("AVIF"),
        codecs_jxl(),
        saved("BMP"),
        saved("JPEG"),
        saved("JPEG2000"),
    ):
        read_image(content, name="good")
    codecs.decode(load_codec(SNAPSHOT, device="cpu").encode(frame(1, width=64, height=48)), device="cpu")
    load_results(b"bpp,psnr\n1,30\n2,32\n", name="good")
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + CAP_BYTES, held + CAP_BYTES))
    for name, attempt in tries:
        reset_peak_memory()
        before, start = peak_memory_bytes() or 0, time.process_time()
        came = outcome(attempt)
        seconds, num_bytes = time.process_time() - start, (peak_memory_bytes() or 0) - before
        sys.stdout.write(json.dumps([name, came[:400], seconds, num_bytes]) + "\n")
        sys.stdout.flush()


def codecs_jxl() -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(frame(1, width=40, height=30)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
