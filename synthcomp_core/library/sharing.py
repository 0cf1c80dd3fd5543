"""Share identical tensors between snapshot files, and make a file whole again; the models stay the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.lenders import Lender
from synthcomp_core.library.snapshots import (
    SnapshotCard,
    find_snapshot,
    lends_to,
    list_snapshots,
    load_snapshot,
    snapshot_path,
    weights_sha256,
    write_snapshot,
)
from synthcomp_core.storage import is_same

if TYPE_CHECKING:
    import torch


def share_weights(snapshot_id: str, lender_ids: Sequence[str] = ()) -> SnapshotCard:
    """Rewrite a snapshot's file without the tensors that the lenders' files hold; whole, without lenders.

    Only tensors of the same name, type, shape and bytes are left out, and the card names the lenders that hold some.
    Reading goes one step: a lender does not lend what it borrows. SnapshotError for an unknown snapshot, and when one
    that lends to others is to borrow, or a file is to borrow from itself; the file is as before then.
    """
    card, tensors = load_snapshot(snapshot_id)
    for lender_id in lender_ids:
        # Also by a link of another name: it would lead to the new file, which holds nothing.
        if is_same(snapshot_path(lender_id), snapshot_path(snapshot_id)):
            same = "itself" if lender_id == snapshot_id else f"{lender_id}, which is the same file"
            raise SnapshotError(f"{snapshot_id} cannot share weights with {same}; name another snapshot.")
    borrowers = [other.id for other in list_snapshots() if other.lenders and lends_to(card.id, other.id)]
    if borrowers and lender_ids:
        raise SnapshotError(
            f"{snapshot_id} lends weights to {', '.join(borrowers)}, so its file must hold them: share those with "
            "another snapshot, or make them whole, first."
        )
    names, lenders = set(tensors), []
    for lender_id in lender_ids:
        held = _held(lender_id)
        identical = {name for name, tensor in tensors.items() if name in held and _same(tensor, held[name])}
        # A lender of another architecture would lend what this model does not have.
        if identical and names.issuperset(held):
            tensors = {name: tensor for name, tensor in tensors.items() if name not in identical}
            lenders.append(Lender(lender_id, find_snapshot(lender_id).sha256))
    card = dataclasses.replace(card, lenders=tuple(lenders) or None)
    write_snapshot(card, tensors, snapshot_path(snapshot_id))
    return find_snapshot(snapshot_id)


def _held(snapshot_id: str) -> dict[str, torch.Tensor]:
    """The tensors that a snapshot's own file holds."""
    from safetensors.torch import load_file

    find_snapshot(snapshot_id)
    return load_file(snapshot_path(snapshot_id))


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether type, shape and bytes agree (0.0 and -0.0 do not)."""
    return weights_sha256({"": first}) == weights_sha256({"": second})
