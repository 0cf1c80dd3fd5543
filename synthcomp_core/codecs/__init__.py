"""The Codec protocol; codec ids to codecs, bitstreams to images, and the list of what is at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from synthcomp_core.codecs import classical
from synthcomp_core.codecs.classical import CodecFamily
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import SnapshotCard, list_snapshots
from synthcomp_core.progress import OnProgress, silent

if TYPE_CHECKING:
    import numpy as np

SCB_MAGIC = b"SCB"  # All versions of the container begin with these bytes; bitstream.py defines the rest.

__all__ = ["Codec", "CodecFamily", "Encoding", "decode", "encode", "list_families", "list_learned", "parse_codec"]


class Codec(Protocol):
    """Turns an image into a bitstream and back.

    ``encode`` takes an (H, W, 3) uint8 sRGB image of any size from 1x1; ``decode`` gives one of the same size
    and raises BitstreamError for anything that ``encode`` did not write.
    """

    id: str

    def encode(self, image: Image, *, on_progress: OnProgress = silent) -> bytes: ...

    def decode(self, bitstream: bytes, *, on_progress: OnProgress = silent) -> Image: ...


@dataclass(frozen=True)
class Encoding:
    """What encoding gave: the complete bitstream and, for a learned codec, where its bits went.

    bit_map: float32 (rows, columns) of latent positions, bits spent on each, the hyper-latents' share spread
    evenly; bits_estimated: ideal code length in bits of all latents. Both None for a classical codec.
    """

    bitstream: bytes
    bit_map: np.ndarray | None = None
    bits_estimated: float | None = None


def parse_codec(codec_id: str, *, precision: str = "auto", device: str | None = None) -> Codec:
    """The codec with this id: ``jpeg-q75``, ``png``, ``none``, ... or the id of a codec snapshot.

    precision ("auto" | "float32" | "bfloat16") and device ("cpu", "cuda", None = best) concern the transforms of
    learned codecs only. SynthcompError, naming what there is, for an id that fits nothing.
    """
    family = codec_id.split("-q")[0]
    if family in classical.FAMILIES:
        return classical.parse_classical(codec_id)
    if codec_id not in {card.id for card in list_learned()}:
        families = ", ".join(classical.FAMILIES)
        snapshots = ", ".join(card.id for card in list_learned()) or "none"
        raise SynthcompError(
            f"Unknown codec {codec_id!r}: use one of {families} (with a quality, as in jpeg-q75) "
            f"or a snapshot ({snapshots})."
        )
    from synthcomp_core.codecs.learned import load_codec

    return load_codec(codec_id, precision=precision, device=device)


def list_families() -> list[CodecFamily]:
    """The classical codec families, in the order in which they are shown."""
    return list(classical.FAMILIES.values())


def list_learned() -> list[SnapshotCard]:
    """The cards of the codec snapshots at hand."""
    return list_snapshots("codec")


def encode(codec: Codec, image: Image, *, on_progress: OnProgress = silent) -> Encoding:
    """Encode, keeping the bit map and the ideal code length where the codec has them."""
    if isinstance(codec, classical.ClassicalCodec):
        return Encoding(codec.encode(image, on_progress=on_progress))
    from synthcomp_core.codecs.learned import LearnedCodec

    if isinstance(codec, LearnedCodec):
        return codec.encode_detailed(image, on_progress=on_progress)
    return Encoding(codec.encode(image, on_progress=on_progress))


def decode(
    bitstream: bytes, *, precision: str = "auto", device: str | None = None, on_progress: OnProgress = silent
) -> Image:
    """Decode any bitstream that a codec of this project wrote, told by its own content.

    A ``.scb`` names its snapshot by fingerprint; a classical bitstream is the codec's own file format.
    BitstreamError when it is neither, damaged, or of an unknown snapshot.
    """
    if not bitstream.startswith(SCB_MAGIC):
        return classical.decode_any(bitstream)
    from synthcomp_core.codecs.learned import decode_scb

    return decode_scb(bitstream, precision=precision, device=device, on_progress=on_progress)
