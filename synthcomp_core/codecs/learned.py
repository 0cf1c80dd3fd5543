"""The learned codec: a snapshot as a codec with ``.scb`` bitstreams, fast and exact on every machine."""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import dataclass

import torch

from synthcomp_core import limits
from synthcomp_core.codecs import bitstream
from synthcomp_core.codecs.bitstream import Container
from synthcomp_core.codecs.entropy.latents import (
    CodedLatents,
    EntropyModel,
    Units,
    canonical_bytes,
    decode_latents,
    encode_latents,
    entropy_model,
    latents_crc32,
    least_bits,
    position_bits,
)
from synthcomp_core.codecs.entropy.scale_tables import UNIT
from synthcomp_core.codecs.phases import HYPER_STRIDE, LATENT_STRIDE
from synthcomp_core.codecs.protocol import Encoding
from synthcomp_core.codecs.transforms import (
    Latents,
    Transforms,
    analyse,
    best_dtype,
    build_transforms,
    synthesise,
)
from synthcomp_core.errors import BitstreamError, SnapshotError
from synthcomp_core.images import Image, check_image, crop, pad_to_multiple
from synthcomp_core.library.snapshots import Distortion, SnapshotCard, find_by_fingerprint, find_snapshot, load_snapshot
from synthcomp_core.metrics import mean_squared_error, msssim
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.runtime import Arithmetic, Precision, torch_device

_CODER_SLACK_BITS = 64  # A range coder ends within two words of the information.
_CACHED_CODECS = 12  # a matrix of qualities, distortions and training sets
_PLAIN_SHARE = 0.05  # Of encoding with effort: what encoding without takes.
_load_lock = threading.Lock()


@dataclass(frozen=True)
class BitstreamInfo:
    """What a ``.scb`` says about itself. snapshot: its id, None when no installed snapshot has the fingerprint.

    width, height in pixels; num_bytes of the whole file, z_bytes and y_bytes of its sections.
    """

    version: int
    fingerprint: str
    snapshot: str | None
    width: int
    height: int
    num_bytes: int
    header_bytes: int
    z_bytes: int
    y_bytes: int
    content_crc32: int


class LearnedCodec:
    """A loaded snapshot. It holds no state that coding changes: threads may share it.

    The transforms run on ``transforms.device`` in ``transforms.dtype``; the entropy model always on the CPU, in exact
    integers.
    """

    def __init__(self, card: SnapshotCard, entropy: EntropyModel, transforms: Transforms, *, effort: int = 0) -> None:
        self.id = f"{card.id}+e{effort}" if effort else card.id
        self.effort = effort
        self.card = card
        self.entropy = entropy
        self.transforms = transforms
        self.arithmetic = Arithmetic.of(transforms.dtype, transforms.device)

    def with_effort(self, effort: int) -> LearnedCodec:
        """The same snapshot with an encoder that searches (codecs/effort), at level 1 to 3; 0 = it does not."""
        return LearnedCodec(self.card, self.entropy, self.transforms, effort=effort)

    def encode(self, image: Image, *, on_progress: OnProgress = silent) -> bytes:
        """The ``.scb`` of an (H, W, 3) uint8 image of any size from 1x1."""
        return self._encode(image, False, on_progress).bitstream

    def encode_detailed(self, image: Image, *, on_progress: OnProgress = silent) -> Encoding:
        """The ``.scb`` with its bit map and ideal code length, both from the exact integer probabilities."""
        return self._encode(image, True, on_progress)

    def decode(
        self, bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS, on_progress: OnProgress = silent
    ) -> Image:
        """The image (H, W, 3) in a ``.scb`` that this snapshot wrote; BitstreamError for anything else."""
        container = self._own(bitstream, max_pixels)
        _, y_hat = self._latents(container, span(on_progress, 0.0, 0.7))
        on_progress(0.7, "synthesis")
        image = self._synthesised(y_hat, container.width, container.height)
        on_progress(1.0, "done")
        return image

    def latents(self, bitstream: bytes, *, on_progress: OnProgress = silent) -> tuple[Units | None, Units]:
        """The decoded z and y of a ``.scb``, (rows, columns, channels) in integer units of 2^-16; z may be absent."""
        return self._latents(self._own(bitstream, limits.IMAGE_PIXELS), on_progress)

    def _encode(self, image: Image, detailed: bool, on_progress: OnProgress) -> Encoding:
        check_image(image)
        height, width = image.shape[:2]
        bitstream.check_size(width, height)
        on_progress(0.0, "analysis")
        padded = pad_to_multiple(image, HYPER_STRIDE)
        first = _PLAIN_SHARE if self.effort else 1.0
        with torch.inference_mode():
            y, z = analyse(self.transforms, padded)
            coded = encode_latents(self.entropy, y, z, on_progress=span(on_progress, 0.5 * first, first))
        if self.effort:
            coded = self._searched(image, padded, (y, z), coded, span(on_progress, first, 1.0))
        content = self._packed(image, coded)
        if not detailed:
            return Encoding(content)
        bits = position_bits(self.entropy, coded, y.shape[0], y.shape[1])
        return Encoding(
            content,
            bit_map=bits,
            bits_estimated=float(bits.sum(dtype="float64")),
            expected=lambda: self._synthesised(coded.y_hat, width, height),
        )

    def _synthesised(self, y_hat: Units, width: int, height: int) -> Image:
        with torch.inference_mode():
            return crop(synthesise(self.transforms, y_hat * (1 / UNIT)), width, height)

    def _packed(self, image: Image, coded: CodedLatents) -> bytes:
        height, width = image.shape[:2]
        crc32 = bitstream.content_crc32(coded.crc32, width, height)
        return bitstream.pack(
            Container(self.card.fingerprint, width, height, crc32, coded.level_offsets, z=coded.z, y=coded.y)
        )

    def _searched(
        self,
        image: Image,
        padded: Image,
        latents: tuple[Latents, Latents | None],
        plain: CodedLatents,
        on_progress: OnProgress,
    ) -> CodedLatents:
        """The better of ``plain`` and what a search among the latents finds, by bytes and by decoded pixels."""
        from synthcomp_core.codecs import effort

        height, width = image.shape[:2]
        network = effort.load_network(self.card.id, self.card.sha256, self.transforms.device)
        if not network.can_measure(height, width):
            return plain
        reported = span(on_progress, 0.0, 0.9)
        y, z = effort.search(
            *(network, padded, *latents), size=(width, height), level=self.effort, on_progress=reported
        )
        with torch.inference_mode():
            found = encode_latents(self.entropy, y, z, on_progress=span(on_progress, 0.9, 1.0))
        return min(plain, found, key=lambda coded: self._cost(image, coded))

    def _cost(self, image: Image, coded: CodedLatents) -> float:
        """Bits per pixel plus lambda times the distortion that the snapshot was trained for."""
        height, width = image.shape[:2]
        decoded = self._synthesised(coded.y_hat, width, height)
        if self.card.distortion == Distortion.MS_SSIM:
            distortion = 1 - (msssim(image, decoded) or 0.0)
        else:
            distortion = mean_squared_error(image, decoded)
        return len(self._packed(image, coded)) * 8 / (width * height) + (self.card.lmbda or 0.0) * distortion

    def _own(self, content: bytes, max_pixels: int) -> Container:
        container = bitstream.unpack(content, max_pixels=max_pixels)
        if container.fingerprint != self.card.fingerprint:
            raise BitstreamError(
                f"This .scb was made with the snapshot of fingerprint {container.fingerprint.hex()}, "
                f"not with {self.id} ({self.card.fingerprint.hex()})."
            )
        return container

    def _latents(self, container: Container, on_progress: OnProgress) -> tuple[Units | None, Units]:
        rows, columns = (
            -(-side // HYPER_STRIDE) * HYPER_STRIDE // LATENT_STRIDE for side in (container.height, container.width)
        )
        self._check_lengths(container, rows, columns)
        with torch.inference_mode():
            z, y = decode_latents(
                self.entropy,
                container.z,
                container.y,
                level_offsets=container.level_offsets,
                height=rows,
                width=columns,
                on_progress=on_progress,
            )
        crc32 = latents_crc32(z, y)
        if container.content_crc32 != bitstream.content_crc32(
            crc32, container.width, container.height, version=container.version
        ):
            raise BitstreamError(
                "The decoded data does not match the checksum in the .scb, so the image is not shown: the file was "
                "modified, or this machine computes incorrectly."
            )
        return z, y

    def _check_lengths(self, container: Container, rows: int, columns: int) -> None:
        """BitstreamError, before anything is allocated, for sections too short for the positions that they claim."""
        for name, section, bits in zip(
            "zy", (container.z, container.y), least_bits(self.entropy, rows, columns), strict=True
        ):
            if 8 * len(section) + _CODER_SLACK_BITS < bits:
                raise BitstreamError(
                    f"This .scb is malformed: an image of {container.width} x {container.height} takes at least "
                    f"{bits / 8:,.0f} bytes in its section {name}, which has {len(section):,}; encode the image anew."
                )


def load_codec(snapshot_id: str, *, precision: str = "auto", device: str | None = None) -> LearnedCodec:
    """The codec of a snapshot; the last few are kept.

    precision: of the transforms, "auto" (float32), "float32" or "bfloat16".
    device: of the transforms, "cpu", "cuda", ...; None takes a GPU if there is one. SnapshotError when the snapshot
    is missing, damaged or no codec.
    """
    placed = torch_device(device)
    dtype = best_dtype(Precision.parse(precision))
    card = find_snapshot(snapshot_id)
    with _load_lock:  # Two threads must not load the same snapshot twice.
        return _load(snapshot_id, card.sha256, placed, dtype)


def decode_scb(
    content: bytes,
    *,
    precision: str = "auto",
    device: str | None = None,
    max_pixels: int = limits.IMAGE_PIXELS,
    on_progress: OnProgress = silent,
) -> Image:
    """The (H, W, 3) uint8 image in a ``.scb``, by the installed snapshot it names; BitstreamError if there is none."""
    codec = _codec_of(content, precision, device, max_pixels)
    return codec.decode(content, max_pixels=max_pixels, on_progress=on_progress)


def describe_bitstream(content: bytes) -> BitstreamInfo:
    """What an undamaged ``.scb`` says about itself, without decoding it; else BitstreamError."""
    container = bitstream.unpack(content, max_pixels=bitstream.MAX_PIXELS)
    try:
        snapshot = find_by_fingerprint(container.fingerprint).id
    except SnapshotError:
        snapshot = None
    return BitstreamInfo(
        version=container.version,
        fingerprint=container.fingerprint.hex(),
        snapshot=snapshot,
        width=container.width,
        height=container.height,
        num_bytes=len(content),
        header_bytes=bitstream.HEADER_BYTES,
        z_bytes=len(container.z),
        y_bytes=len(container.y),
        content_crc32=container.content_crc32,
    )


def latents_sha256(content: bytes, *, on_progress: OnProgress = silent) -> str:
    """Hex SHA-256 over the decoded latents (little-endian int32 units, z then y): equal on every machine."""
    z, y = _codec_of(content, "float32", "cpu", limits.IMAGE_PIXELS).latents(content, on_progress=on_progress)
    digest = hashlib.sha256(canonical_bytes(z) if z is not None else b"")
    digest.update(canonical_bytes(y))
    return digest.hexdigest()


def _codec_of(content: bytes, precision: str, device: str | None, max_pixels: int) -> LearnedCodec:
    fingerprint = bitstream.unpack(content, max_pixels=max_pixels).fingerprint
    try:
        card = find_by_fingerprint(fingerprint)
    except SnapshotError as error:
        raise BitstreamError(str(error)) from None
    return load_codec(card.id, precision=precision, device=device)


def codec_from_tensors(
    card: SnapshotCard, tensors: dict[str, torch.Tensor], *, device: torch.device, dtype: torch.dtype
) -> LearnedCodec:
    """A codec from a snapshot's card and tensors, which need not lie in a file."""
    if card.kind != "codec" or card.M is None:
        raise SnapshotError(f"Snapshot {card.id} is not a codec but a {card.kind}.")
    return LearnedCodec(
        card=card,
        entropy=entropy_model(tensors, card.architecture, card.M),
        transforms=build_transforms(tensors, card.architecture, device=device, dtype=dtype),
    )


@functools.lru_cache(maxsize=_CACHED_CODECS)
def _load(snapshot_id: str, sha256: str, device: torch.device, dtype: torch.dtype) -> LearnedCodec:
    """sha256 is part of the key so that a snapshot replaced on disk is loaded anew."""
    card, tensors = load_snapshot(snapshot_id)
    with torch.inference_mode():
        return codec_from_tensors(card, tensors, device=device, dtype=dtype)
