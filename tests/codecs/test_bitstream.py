"""The .scb container, byte for byte, and what it refuses."""

import dataclasses
import struct
import zlib

import pytest

from synthcomp_core.codecs.bitstream import HEADER_BYTES, Container, pack, unpack
from synthcomp_core.errors import BitstreamError

CONTAINER = Container(
    fingerprint=bytes(range(8)),
    width=300,
    height=2,
    latents_crc32=0xDEADBEEF,
    level_offsets=b"\x44" * 8,
    z=b"zzzz",
    y=b"yyyyYYYY",
)


def sealed(body: bytes) -> bytes:
    """Fields and sections with both checksums put right."""
    fields = body[:40]
    body = fields + struct.pack("<I", zlib.crc32(fields)) + body[HEADER_BYTES:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def test_the_layout_is_the_documented_one_byte_for_byte() -> None:
    fields = bytes.fromhex("5343420100010203040506072c010000020000000400000008000000efbeadde")
    fields += b"\x44" * 8
    body = fields + struct.pack("<I", zlib.crc32(fields)) + b"zzzzyyyyYYYY"
    assert pack(CONTAINER) == body + struct.pack("<I", zlib.crc32(body))
    assert len(pack(CONTAINER)) == 60


def test_unpack_is_the_inverse_of_pack() -> None:
    assert unpack(pack(CONTAINER)) == CONTAINER
    assert unpack(pack(dataclasses.replace(CONTAINER, z=b""))).z == b""


def test_every_truncation_is_refused() -> None:
    for length in range(60):
        with pytest.raises(BitstreamError):
            unpack(pack(CONTAINER)[:length])


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(60 * 8):
        damaged = bytearray(pack(CONTAINER))
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError):
            unpack(bytes(damaged))


def test_a_foreign_file_is_named_by_what_it_begins_with() -> None:
    with pytest.raises(BitstreamError, match="begins with b'RIFF'"):
        unpack(b"RIFF....WEBP")


def test_another_version_is_named() -> None:
    content = bytearray(pack(CONTAINER))
    content[3] = 7
    with pytest.raises(BitstreamError, match="version 7"):
        unpack(bytes(content))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (2**32 - 1, 2**32 - 1), (20_000, 10_001)])
def test_an_absurd_size_is_refused_even_with_right_checksums(width: int, height: int) -> None:
    content = pack(CONTAINER)
    with pytest.raises(BitstreamError, match="million pixels"):
        unpack(sealed(content[:12] + struct.pack("<II", width, height) + content[20:]))


def test_sections_that_are_not_whole_words_are_refused() -> None:
    with pytest.raises(BitstreamError, match="whole 32-bit words"):
        unpack(pack(dataclasses.replace(CONTAINER, y=b"odd")))


def test_foreign_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(BitstreamError, match="foreign bytes"):
        unpack(pack(CONTAINER) + b"\0")


def test_section_lengths_beyond_the_file_are_refused() -> None:
    content = pack(CONTAINER)
    with pytest.raises(BitstreamError, match="truncated"):
        unpack(sealed(content[:20] + struct.pack("<II", 2**32 - 1, 2**32 - 1) + content[28:]))
