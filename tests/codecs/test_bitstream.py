"""The .scb container, byte for byte, and what it refuses."""

import dataclasses
import struct
import zlib

import pytest

from synthcomp_core.codecs.bitstream import HEADER_BYTES, Container, content_crc32, pack, unpack
from synthcomp_core.errors import BitstreamError

CONTAINER = Container(
    fingerprint=bytes(range(8)),
    width=300,
    height=2,
    content_crc32=0xDEADBEEF,
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
    fields = bytes.fromhex("5343420200010203040506072c010000020000000400000008000000efbeadde")
    fields += b"\x44" * 8
    body = fields + struct.pack("<I", zlib.crc32(fields)) + b"zzzzyyyyYYYY"
    assert pack(CONTAINER) == body + struct.pack("<I", zlib.crc32(body))
    assert len(pack(CONTAINER)) == 60


def test_unpack_is_the_inverse_of_pack() -> None:
    assert unpack(pack(CONTAINER)) == CONTAINER
    assert unpack(pack(dataclasses.replace(CONTAINER, z=b""))).z == b""
    first = dataclasses.replace(CONTAINER, version=1)
    assert unpack(pack(first)) == first


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


def claiming(width: int, height: int) -> bytes:
    content = pack(CONTAINER)
    return sealed(content[:12] + struct.pack("<II", width, height) + content[20:])


@pytest.mark.parametrize(
    ("width", "height"),
    [(0, 5), (5, 0), (2**32 - 1, 2**32 - 1), (100_000, 2000), (14_142, 14_142), (1, 20_000_000), (5_000_000, 8)],
)
def test_an_absurd_size_is_refused_even_with_right_checksums(width: int, height: int) -> None:
    with pytest.raises(BitstreamError, match="too large" if width and height else "0 pixels|x 5 pixels"):
        unpack(claiming(width, height))


def test_a_size_within_the_limit_passes_and_the_limit_can_be_raised() -> None:
    for width, height in ((1, 1), (1, 65_500), (8192, 4320), (7000, 7000), (16_383, 3000)):
        assert unpack(claiming(width, height)).width == width
    with pytest.raises(BitstreamError, match="limit is 50"):
        unpack(claiming(10_000, 10_000))
    assert unpack(claiming(10_000, 10_000), max_pixels=100_000_000).height == 10_000


def test_the_checksum_of_version_2_covers_the_size() -> None:
    assert content_crc32(7, 300, 2) == zlib.crc32(struct.pack("<II", 300, 2), 7)
    assert content_crc32(7, 300, 2, version=1) == 7


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
