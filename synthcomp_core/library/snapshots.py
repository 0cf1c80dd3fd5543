"""Trained models on disk: one safetensors file each, weights and card; used by codecs, upscalers and training.

Reading a card touches only the file's header, so that listing needs neither torch nor the weights. Nothing is
ever unpickled here; other people's files are read in :mod:`.checkpoint_files`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import re
import struct
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from synthcomp_core import limits
from synthcomp_core.errors import SnapshotError, reason_of
from synthcomp_core.library.codec_shapes import check_tensors
from synthcomp_core.library.json_records import JsonError, parse_json
from synthcomp_core.library.lenders import Lender, with_lenders
from synthcomp_core.library.snapshot_file import SnapshotFile, read_snapshot_file, stored_sha256, write_tensors
from synthcomp_core.storage import artifacts_dir

if TYPE_CHECKING:
    import torch

ID_PATTERN = re.compile(r"[a-z0-9]+(?:[-._][a-z0-9]+)*")
FINGERPRINT_BYTES = 8
LINE_CHARACTERS, TEXT_CHARACTERS, LARGEST_LAMBDA, MOST_STEPS = 1000, 20_000, 1e12, 10**15  # of a card
_Line = Annotated[str, Meta(max_length=LINE_CHARACTERS)]
_Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS)]
_Amount = Annotated[int, Meta(ge=0, le=MOST_STEPS)]
_Channels = Annotated[int, Meta(ge=1, le=limits.SNAPSHOT_CHANNELS)]
_Finite = Annotated[float, Meta(ge=-LARGEST_LAMBDA, le=LARGEST_LAMBDA)]

# What torch's reader raises for files that are none of its own, and spandrel and torch for weights that do not fit.
WEIGHTS_ERRORS = (
    *(RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile),
)


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
            if text.lower().replace("_", "-") in (distortion.value, distortion.short):
                return distortion
        raise SnapshotError(f"Unknown distortion {text!r}: use one of {', '.join(cls)}.")


@dataclass(frozen=True)
class SnapshotCard:
    """What a trained model is and where it comes from.

    kind: "codec" or "upscaler". sha256: hex digest of the weights as stored (names, dtypes, shapes, bytes), so
    that renaming or re-describing a snapshot leaves it the same model. N, M: latent channels of a codec. lmbda,
    distortion ("mse" | "ms-ssim"), quality: the point it was trained for. scale: of an upscaler.
    validation_bpp (bits per pixel) and validation_psnr (dB RGB) on the training's validation split. training_s: seconds
    that the training took, validation included; training_device: on what. Both are unknown of what was trained
    elsewhere. lenders: snapshots beside it that hold the tensors which its file leaves out.
    """

    id: _Line
    kind: Annotated[str, Meta(pattern="^(codec|upscaler)$")]
    architecture: Annotated[str, Meta(max_length=100)]
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    N: _Channels | None = None
    M: _Channels | None = None
    quality: _Amount | None = None
    lmbda: _Finite | None = None
    distortion: Annotated[str, Meta(pattern="^(mse|ms-ssim)$")] | None = None
    trained_on: _Line | None = None
    steps: _Amount | None = None
    scale: Annotated[int, Meta(ge=1, le=16)] | None = None
    parameters: _Amount | None = None
    validation_bpp: _Finite | None = None
    validation_psnr: _Finite | None = None
    training_s: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    training_device: _Line | None = None
    source: _Text | None = None
    licence: _Text | None = None
    notes: _Text | None = None
    lenders: Annotated[tuple[Lender, ...], Meta(max_length=8)] | None = None

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


def read_snapshot_card(path: Path) -> SnapshotCard:
    """The card of a snapshot file, from its header alone; SnapshotError when it has none, or not a sound one.

    A file is not read again before it or its folder, where its lenders lie, has changed: a page asks for its cards many
    times a second.
    """
    try:
        about, folder = path.stat(), path.parent.stat()
    except OSError:
        return _carded(path)[0]
    version = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns, folder.st_mtime_ns)
    return _known_card(path, version)


@functools.lru_cache(maxsize=1024)
def _known_card(path: Path, version: tuple[int, ...]) -> SnapshotCard:
    return _carded(path)[0]


def _carded(path: Path) -> tuple[SnapshotCard, SnapshotFile]:
    """Card and checked header of a snapshot file; SnapshotError as :func:`read_snapshot_card`."""
    try:
        return _read(path)
    except FileNotFoundError:
        raise SnapshotError(f"There is no snapshot file {path.name}; `list` shows the installed snapshots.") from None
    except (OSError, JsonError) as error:
        raise SnapshotError(
            f"{path.name} is not a Synthcomp snapshot ({reason_of(error)}); make one with `snapshot import`."
        ) from error


def _read(path: Path) -> tuple[SnapshotCard, SnapshotFile]:
    """Card and checked header of a snapshot file; OSError or JsonError, in a few words each, for what is not one."""
    file = read_snapshot_file(path)
    text = file.metadata.get("card", "")
    if not text:
        raise JsonError("it holds weights, but no card")
    if len(text) > limits.SNAPSHOT_CARD_BYTES:
        raise JsonError(f"its card is longer than {limits.SNAPSHOT_CARD_BYTES:,} characters")
    card = parse_json(text, SnapshotCard)
    if not card.sha256:
        raise JsonError("its card has no sha256")
    if card.lenders:
        file = with_lenders(file, card.lenders)
    if card.kind == "codec":
        if card.N is None or card.M is None:
            raise JsonError("the card of a codec states N and M, its channels")
        check_tensors(card.architecture, card.N, card.M, file.all_tensors())
    return card, file


@dataclass(frozen=True)
class SnapshotList:
    """What lies in the snapshots folder: the cards of the sound files, by id, and a sentence for each other one."""

    cards: tuple[SnapshotCard, ...]
    problems: tuple[str, ...]


def survey_snapshots() -> SnapshotList:
    """The cards in the snapshots folder, and a sentence for every file that is left out."""
    cards, problems = [], []
    for path in sorted(snapshots_dir().glob("*.safetensors")):
        try:
            check_id(path.stem)
            cards.append(dataclasses.replace(read_snapshot_card(path), id=path.stem))
        except SnapshotError as error:
            problems.append(str(error))
    return SnapshotList(tuple(cards), tuple(problems))


def list_snapshots(kind: str | None = None) -> list[SnapshotCard]:
    """The cards of all sound snapshots, by id; of one kind ("codec" or "upscaler") when given.

    A damaged file is left out: it must not hide the others. :func:`survey_snapshots` says what is wrong with it.
    """
    return [card for card in survey_snapshots().cards if kind in (None, card.kind)]


def installed_ids(kind: str | None = None) -> str:
    """For messages: the ids of the installed snapshots; where there are none, the folder and how to use another."""
    ids = ", ".join(card.id for card in list_snapshots(kind))
    return ids or f"none in {snapshots_dir()}; SYNTHCOMP_ARTIFACTS can name another artifacts folder"


def find_snapshot(snapshot_id: str) -> SnapshotCard:
    """The card of the snapshot with this id; SnapshotError naming the installed ones when it is not among them."""
    path = snapshot_path(snapshot_id)
    if not path.is_file():
        raise SnapshotError(f"There is no snapshot {snapshot_id!r}; installed: {installed_ids()}.")
    return dataclasses.replace(read_snapshot_card(path), id=snapshot_id)


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
    """Card and tensors (CPU, as stored) of a snapshot; SnapshotError when damaged or altered.

    Before anything is loaded, the tensors' names, types and shapes are held against the card's architecture, N and M,
    their values are checked to be finite, and their hash to be the card's.
    """
    from safetensors import SafetensorError

    card = find_snapshot(snapshot_id)
    _, file = _carded(snapshot_path(snapshot_id))
    try:
        if stored_sha256(file) != card.sha256:
            raise SnapshotError(f"The weights of snapshot {snapshot_id} do not match its card; import it again.")
        return card, _load(file)
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"Snapshot {snapshot_id} cannot be read ({reason_of(error)}); import it again.") from error


def _load(file: SnapshotFile) -> dict[str, torch.Tensor]:
    from safetensors import safe_open
    from safetensors.torch import load_file

    tensors = load_file(file.path)
    holders = file.holders()
    for lender in file.lenders:
        with safe_open(lender.path, framework="pt") as content:
            tensors |= {name: content.get_tensor(name) for name in lender.tensors if holders[name] is lender}
    return tensors


def save_snapshot(card: SnapshotCard, tensors: dict[str, torch.Tensor], *, path: Path | None = None) -> SnapshotCard:
    """Write tensors and card, whole or not at all, to ``path`` or the snapshots folder; the card with its sha256.

    Tensors are stored as given (cast to float16 beforehand to halve the file), all of them in this file. Snapshots that
    borrow from other weights of this id are made whole.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    card = dataclasses.replace(card, sha256=weights_sha256(contiguous), lenders=None)
    if path is None:
        make_borrowers_whole(card.id, unless=card.sha256)
    write_snapshot(card, contiguous, path or snapshot_path(card.id))
    return card


def make_borrowers_whole(snapshot_id: str, *, unless: str = "") -> None:
    """Write the tensors that snapshots borrow from this one into their own files, since its file is about to go.

    unless: the sha256 of the weights that take its place; the same ones lend on. One that cannot be loaded as it is
    stays as it is.
    """
    try:
        held = find_snapshot(snapshot_id).sha256
    except SnapshotError:
        return  # Nothing can borrow from what is not there, or no snapshot.
    for borrower in list_snapshots() if held != unless else ():
        with contextlib.suppress(SnapshotError):
            if borrower.lenders and lends_to(snapshot_id, borrower.id):
                card, tensors = load_snapshot(borrower.id)
                write_snapshot(dataclasses.replace(card, lenders=None), tensors, snapshot_path(borrower.id))


def lends_to(snapshot_id: str, borrower_id: str) -> bool:
    """Whether a snapshot's file holds tensors that another one reads; SnapshotError for one that is not whole."""
    return any(lender.path == snapshot_path(snapshot_id) for lender in _carded(snapshot_path(borrower_id))[1].lenders)


def write_snapshot(card: SnapshotCard, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write a card as it is and the tensors that its lenders do not hold, whole or not at all.

    SnapshotError for what could not be read back, by the rules of reading; ``path`` is as before then.
    """

    def read_back(written: Path) -> None:
        try:
            if stored_sha256(_read(written)[1]) != card.sha256:
                raise JsonError("its weights are not those of its card")
        except JsonError as error:
            reason = reason_of(error)
            raise SnapshotError(
                f"{path.name} was not written, since it could not have been read back ({reason})."
            ) from error

    text = json.dumps({key: value for key, value in dataclasses.asdict(card).items() if value is not None})
    write_tensors(tensors, path, metadata={"card": text}, check=read_back)


def weights_sha256(tensors: dict[str, torch.Tensor]) -> str:
    """Hex SHA-256 over names, dtypes, shapes and bytes of the tensors, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
