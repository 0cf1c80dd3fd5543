"""Trained models on disk: one safetensors file each, weights and card; used by codecs, upscalers and training.

Reading a card touches only the file's header, so that listing needs neither torch nor the weights. Nothing is
ever unpickled here except through ``torch.load(..., weights_only=True)`` in :func:`read_checkpoint`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import SnapshotError
from synthcomp_core.storage import artifacts_dir, atomic_path

if TYPE_CHECKING:
    import torch

ID_PATTERN = re.compile(r"[a-z0-9]+(?:[-._][a-z0-9]+)*")
FINGERPRINT_BYTES = 8
_HEADER_LIMIT = 16 * 2**20  # A header lists some hundred tensors; more than this is not ours.


class Distortion(StrEnum):
    """What a learned codec was trained to preserve. The value stands on cards and in results tables."""

    MSE = "mse"
    MS_SSIM = "ms-ssim"

    @property
    def short(self) -> str:
        """The name without a hyphen, as in snapshot ids and folder names: "mse" or "msssim"."""
        return self.value.replace("-", "")

    @property
    def label(self) -> str:
        """The name for people: "MSE" or "MS-SSIM"."""
        return self.value.upper()

    @classmethod
    def parse(cls, text: str) -> Distortion:
        """ "mse", "ms-ssim" or "msssim", in any case; SnapshotError for anything else.

        >>> Distortion.parse("msssim").value, Distortion.parse("MS-SSIM").short, Distortion.parse("mse").label
        ('ms-ssim', 'msssim', 'MSE')
        """
        for distortion in cls:
            if text.lower() in (distortion.value, distortion.short):
                return distortion
        raise SnapshotError(f"Unknown distortion {text!r}: use one of {', '.join(cls)}.")


@dataclass(frozen=True)
class SnapshotCard:
    """What a trained model is and where it comes from.

    kind: "codec" or "upscaler". sha256: hex digest of the weights as stored (names, dtypes, shapes, bytes), so
    that renaming or re-describing a snapshot leaves it the same model. N, M: latent channels of a codec. lmbda,
    distortion ("mse" | "ms-ssim"), quality: the point it was trained for. scale: of an upscaler.
    validation_bpp (bits per pixel) and validation_psnr (dB RGB) on the training's validation split.
    """

    id: str
    kind: str
    architecture: str
    sha256: str = ""
    N: int | None = None
    M: int | None = None
    quality: int | None = None
    lmbda: float | None = None
    distortion: str | None = None
    trained_on: str | None = None
    steps: int | None = None
    scale: int | None = None
    parameters: int | None = None
    validation_bpp: float | None = None
    validation_psnr: float | None = None
    source: str | None = None
    licence: str | None = None
    notes: str | None = None

    @property
    def fingerprint(self) -> bytes:
        """The first 8 bytes of the weights' SHA-256: how a bitstream names its snapshot."""
        return bytes.fromhex(self.sha256)[:FINGERPRINT_BYTES]


def snapshots_dir() -> Path:
    """The folder that holds the snapshots."""
    return artifacts_dir() / "snapshots"


def check_id(snapshot_id: str) -> str:
    """``snapshot_id`` itself when it can name a file and stand in a variant id, else SnapshotError."""
    if len(snapshot_id) > 100 or not ID_PATTERN.fullmatch(snapshot_id):
        raise SnapshotError(
            f"Snapshot id {snapshot_id!r} is not usable: use lower-case letters and digits, joined by '-', '.' or '_'."
        )
    return snapshot_id


def snapshot_path(snapshot_id: str) -> Path:
    """The file of a snapshot, whether it exists or not."""
    return snapshots_dir() / f"{check_id(snapshot_id)}.safetensors"


def read_card(path: Path) -> SnapshotCard:
    """The card of a snapshot file, from its header alone; SnapshotError when it has none."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _HEADER_LIMIT:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
        values = json.loads(header["__metadata__"]["card"])
        known = {field.name for field in dataclasses.fields(SnapshotCard)}
        return SnapshotCard(**{key: value for key, value in values.items() if key in known})
    except FileNotFoundError:
        raise SnapshotError(f"There is no snapshot file {path.name}; `list` shows the installed snapshots.") from None
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise SnapshotError(
            f"{path.name} is not a Synthcomp snapshot ({error}); make one with `snapshot import`."
        ) from error


def list_snapshots(kind: str | None = None) -> list[SnapshotCard]:
    """The cards of all readable snapshots, by id; of one kind ("codec" or "upscaler") when given."""
    cards = []
    for path in sorted(snapshots_dir().glob("*.safetensors")):
        try:
            card = read_card(path)
        except SnapshotError:
            continue  # A damaged file is reported when it is asked for by name; it must not hide the others.
        if kind in (None, card.kind):
            cards.append(dataclasses.replace(card, id=path.stem))
    return cards


def installed_ids(kind: str | None = None) -> str:
    """For messages: the ids of the installed snapshots; where there are none, the folder and how to use another."""
    ids = ", ".join(card.id for card in list_snapshots(kind))
    return ids or f"none in {snapshots_dir()}; SYNTHCOMP_ARTIFACTS can name another artifacts folder"


def find_snapshot(snapshot_id: str) -> SnapshotCard:
    """The card of the snapshot with this id; SnapshotError naming the installed ones when it is not among them."""
    path = snapshot_path(snapshot_id)
    if not path.is_file():
        raise SnapshotError(f"There is no snapshot {snapshot_id!r}; installed: {installed_ids()}.")
    return dataclasses.replace(read_card(path), id=snapshot_id)


def find_by_fingerprint(fingerprint: bytes) -> SnapshotCard:
    """The snapshot whose weights have this fingerprint (8 bytes); SnapshotError naming it when absent."""
    for card in list_snapshots():
        if card.fingerprint == fingerprint:
            return card
    raise SnapshotError(
        f"No snapshot in {snapshots_dir()} has the fingerprint {fingerprint.hex()}; "
        "import the one the bitstream was made with."
    )


def load_snapshot(snapshot_id: str) -> tuple[SnapshotCard, dict[str, torch.Tensor]]:
    """Card and tensors (CPU, as stored) of a snapshot; SnapshotError when damaged or altered."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = find_snapshot(snapshot_id)
    try:
        tensors = load_file(snapshot_path(snapshot_id))
    except (SafetensorError, OSError, ValueError) as error:
        raise SnapshotError(f"Snapshot {snapshot_id} cannot be read ({error}); import it again.") from error
    if weights_sha256(tensors) != card.sha256:
        raise SnapshotError(f"The weights of snapshot {snapshot_id} do not match its card; import it again.")
    return card, tensors


def save_snapshot(card: SnapshotCard, tensors: dict[str, torch.Tensor], *, path: Path | None = None) -> SnapshotCard:
    """Write tensors and card, whole or not at all, to ``path`` or the snapshots folder; the card with its sha256.

    Tensors are stored as given (cast to float16 beforehand to halve the file).
    """
    from safetensors.torch import save_file

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = dataclasses.replace(card, sha256=weights_sha256(contiguous))
    text = json.dumps({key: value for key, value in dataclasses.asdict(card).items() if value is not None})
    with atomic_path(path or snapshot_path(card.id)) as temporary:
        save_file(contiguous, temporary, metadata={"card": text})
    return card


def weights_sha256(tensors: dict[str, torch.Tensor]) -> str:
    """Hex SHA-256 over names, dtypes, shapes and bytes of the tensors, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a ``.pt``/``.pth``/``.pth.tar``/``.safetensors`` file, without ``module.`` prefixes.

    A training dict (epoch, state_dict, loss, optimizer, ...) yields its ``state_dict``; ``params_ema`` and
    ``params`` (BasicSR) likewise. Loaded with ``weights_only=True``; SnapshotError for anything else.
    """
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    hint = "expected a PyTorch state dict or a safetensors file"
    if not path.is_file():
        raise SnapshotError(f"There is no checkpoint file {path}.")
    content: Any
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SnapshotError(f"{path.name} cannot be loaded ({reason}); {hint}.") from error
    for key in ("state_dict", "params_ema", "params", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise SnapshotError(f"{path.name} holds no state dict; {hint}.")
    if not all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()):
        raise SnapshotError(f"{path.name} holds other things than named tensors; {hint}.")
    return {key.removeprefix("module."): value for key, value in content.items()}
