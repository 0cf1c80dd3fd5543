"""What a training cannot change half way: its network, its start, its data and its objective."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import PlanError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from synthcomp_core.training.plan import DataPlan, ModelPlan

_BOTH = ("task", "architecture", "init", "init_key")
_COMPRESSION = ("N", "M", "distortion", "gain")
_SUPER_RESOLUTION = ("scale", "channels", "groups", "blocks", "reduction", "behind", "clean")


def identity(model: ModelPlan, data: Mapping[str, DataPlan]) -> dict[str, Any]:
    """The settings that make a training this one and not another, as JSON has them; lmbda also where a quality gave it.

    data: the plan's data sets by name; "sources" has what the model's tables say, since their names say nothing.
    Steps, rates, batches, patches and how often something is done may change between two runs of a training.
    """
    is_codec = model.task == "compression"
    keys = (*_BOTH, *(_COMPRESSION if is_codec else _SUPER_RESOLUTION))
    values = {key: getattr(model, key) for key in keys} | ({"lmbda": model.lambda_value} if is_codec else {})
    values["sources"] = [_source(data[name]) for name in model.data]
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found


def _source(data: DataPlan) -> str:
    """Where images come from, for people; a folder by its name, so that a project may be moved."""
    place = data.folder.name if data.folder is not None else data.dataset or f"{data.generated} generated"
    return place + (f" without {', '.join(data.validation)}" if data.validation else "")


def changed(now: Mapping[str, Any], begun: Mapping[str, Any]) -> list[str]:
    """In which settings one identity differs from that of a training begun, each as "N (8, now 16)"."""
    pairs = [(key, begun.get(key, value), value) for key, value in now.items()]
    return [f"{key} ({_shown(was)}, now {_shown(value)})" for key, was, value in pairs if was != value]


def check_same(model_id: str, now: Mapping[str, Any], begun: Mapping[str, Any], folder: Path) -> None:
    """PlanError when a training that was begun cannot be resumed by a plan of another identity, naming what differs."""
    differing = changed(now, begun)
    if differing:
        raise PlanError(
            f"model {model_id}: {', '.join(differing)} cannot change in a training that has begun; set it back, give "
            f"the model another id, or remove {folder} to begin anew."
        )


def digest(images: Iterable[NDArray[np.uint8]]) -> str:
    """A hash of (..., 3) uint8 images and their sizes."""
    content = hashlib.sha256()
    for array in images:
        content.update(repr(array.shape).encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " + ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
