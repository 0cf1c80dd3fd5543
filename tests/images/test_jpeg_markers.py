"""The walk over a JPEG: NumPy finds the markers that the definition does, and damage costs no copy of the file."""

from __future__ import annotations

import io
import re
import tracemalloc

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import ImageError
from synthcomp_core.images import jpeg, read_image
from synthcomp_core.images.jpeg import _next_marker, jpeg_structure

MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # ITU-T T.81, B.1.1.2 and B.1.1.5


def noisy_jpeg(side: int, **how: object) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(4).integers(0, 256, (side, side, 3), dtype=np.uint8)
    PillowImage.fromarray(samples).save(file, "JPEG", quality=95, **how)
    return file.getvalue()


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 4096])
def test_the_next_marker_is_found_wherever_pieces_end(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(jpeg, "_PIECE_BYTES", piece)
    monkeypatch.setattr(jpeg, "_NEAR_BYTES", 3)
    content = bytes(np.random.default_rng(5).choice(np.frombuffer(b"\xff\x00\xd0\xd7\xd9\xda\x17", np.uint8), 400))
    for at in range(len(content)):
        found = MARKER.search(content, at)
        assert _next_marker(content, at) == (found.end() - 1 if found else None)
    assert _next_marker(b"\xff\x00" * 50 + b"\xff", 0) is None


@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_ends_early_is_refused_without_a_copy_of_it(how: dict[str, object]) -> None:
    content = noisy_jpeg(400, **how)
    assert read_image(content).image.shape == (400, 400, 3)
    assert jpeg_structure(content, 400 * 400).end == len(content) - 2
    with pytest.raises(ImageError, match="no end marker"):
        read_image(content[:-2])
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"end before the image does|do not bring"):
            read_image(content[:-600] + b"\xff\xd9")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content) + 2**20
