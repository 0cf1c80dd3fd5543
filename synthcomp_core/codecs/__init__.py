"""Codec ids to codecs, bitstreams to images, and the list of available codecs."""

from __future__ import annotations

from synthcomp_core import limits
from synthcomp_core.codecs import classical
from synthcomp_core.codecs.classical import rate_bytes
from synthcomp_core.codecs.families import FAMILIES, CodecFamily
from synthcomp_core.codecs.ids import CodecId, default_codec_id
from synthcomp_core.codecs.protocol import Codec, Encoding
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import SnapshotCard, installed_ids, list_snapshots
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import load_torch

SCB_MAGIC = b"SCB"  # All versions of the container begin with these bytes; bitstream.py defines the rest.

__all__ = [
    "FAMILIES",
    "Codec",
    "CodecFamily",
    "CodecId",
    "Encoding",
    "decode",
    "default_codec_id",
    "list_families",
    "list_learned",
    "parse_codec",
    "rate_bytes",
]


def parse_codec(codec_id: str, *, precision: str = "auto", device: str | None = None) -> Codec:
    """The codec with this id: ``jpeg-q75``, ``avif-q60+444``, ``png``, ``none``, ... or the id of a codec snapshot.

    precision ("auto" | "float32" | "bfloat16") and device ("cpu", "cuda", None = best) concern the transforms of
    learned codecs only. SynthcompError, naming what is available, for an id that fits nothing.

    >>> import numpy as np
    >>> codec = parse_codec("webp-q80")
    >>> bitstream = codec.encode(np.full((32, 48, 3), 128, np.uint8))
    >>> bitstream[:4], codec.decode(bitstream).shape
    (b'RIFF', (32, 48, 3))
    """
    parsed = CodecId.parse(codec_id)
    if not parsed.is_learned:
        return classical.parse_classical(parsed)
    if parsed.target is not None:
        raise SynthcompError(
            f"{codec_id} aims at a target among the snapshots {parsed.family}, which only an image can settle; "
            f"installed: {installed_ids('codec')}."
        )
    if parsed.family not in {card.id for card in list_learned()}:
        families = ", ".join(FAMILIES)
        raise SynthcompError(
            f"Unknown codec {codec_id!r}: use one of {families} (with a quality, as in jpeg-q75) "
            f"or a snapshot ({installed_ids('codec')})."
        )
    load_torch()
    from synthcomp_core.codecs.learned import load_codec

    codec = load_codec(parsed.family, precision=precision, device=device)
    effort = parsed.choice("effort")
    return codec.with_effort(int(effort.removeprefix("e"))) if effort else codec


def list_families() -> list[CodecFamily]:
    """The classical codec families, in the order in which they are shown."""
    return list(FAMILIES.values())


def list_learned() -> list[SnapshotCard]:
    """The cards of the installed codec snapshots."""
    return list_snapshots("codec")


def decode(
    bitstream: bytes,
    *,
    precision: str = "auto",
    device: str | None = None,
    max_pixels: int = limits.IMAGE_PIXELS,
    on_progress: OnProgress = silent,
) -> Image:
    """Decode any bitstream that a codec of this project wrote, recognised by its own content.

    A ``.scb`` names its snapshot by fingerprint; a classical bitstream is the codec's own file format.
    BitstreamError when it is neither, damaged, of an unknown snapshot, or of more than ``max_pixels``.

    >>> import numpy as np
    >>> image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    >>> bool((decode(parse_codec("png").encode(image)) == image).all())
    True
    """
    if not bitstream.startswith(SCB_MAGIC):
        return classical.decode_any(bitstream, max_pixels=max_pixels)
    load_torch()
    from synthcomp_core.codecs.learned import decode_scb

    return decode_scb(bitstream, precision=precision, device=device, max_pixels=max_pixels, on_progress=on_progress)
