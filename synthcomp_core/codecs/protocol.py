"""What every codec offers: encode, decode, and what encoding returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthcomp_core import limits
from synthcomp_core.images import Image
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic


@dataclass(frozen=True)
class Encoding:
    """The complete bitstream and, for a learned codec, where its bits went.

    bit_map: float32 (rows, columns) of latent positions, bits spent on each, the hyper-latents' share spread
    evenly; bits_estimated: ideal code length in bits of all latents. Both None for a classical codec. expected: makes
    the image that decoding will give, from what the encoder knows, without waiting for the decoder; None where it
    knows none.
    """

    bitstream: bytes
    bit_map: NDArray[np.float32] | None = None
    bits_estimated: float | None = None
    expected: Callable[[], Image] | None = None


class Codec(Protocol):
    """Turns an image into a bitstream and back.

    ``encode`` takes an (H, W, 3) uint8 sRGB image of any size from 1x1; ``encode_detailed`` writes the same bitstream
    and says where its bits went; ``decode`` returns an image of the same size and raises BitstreamError for anything
    that ``encode`` did not write, and for more than ``max_pixels`` before they are decoded. arithmetic: of the
    network's transforms, None where there is no network.
    """

    id: str

    @property
    def arithmetic(self) -> Arithmetic | None: ...

    def encode(self, image: Image, *, on_progress: OnProgress = silent) -> bytes: ...

    def encode_detailed(self, image: Image, *, on_progress: OnProgress = silent) -> Encoding: ...

    def decode(
        self, bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS, on_progress: OnProgress = silent
    ) -> Image: ...
