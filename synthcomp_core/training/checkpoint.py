"""The checkpoint from which a training is resumed: one file of tensors and plain numbers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from synthcomp_core.errors import SnapshotError
from synthcomp_core.storage import atomic_path


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write nested dicts of tensors and plain numbers, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` wrote, without unpickling anything but tensors; SnapshotError if unreadable."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise SnapshotError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); delete it to train this model from the "
            "beginning."
        ) from error
    return content
