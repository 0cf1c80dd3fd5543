"""What can be found in a project, and what it is called here: data sets, weights, renderings, samples, tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from synthcomp_core.library.split_names import SPLITS

CHECKPOINT_SUFFIXES = (".pth.tar", ".pth", ".pt", ".ckpt", ".safetensors")
NATIVE = re.compile(r"[^.].*-native\.png|[^.]-native\.png")


class Kind(StrEnum):
    """What something found is. ARCHIVE: a zip with what can be adopted only once it is unpacked, or a damaged one."""

    DATA_SET = "data set"
    CHECKPOINT = "checkpoint"
    RENDERINGS = "renderings"
    SAMPLES = "FSR samples"
    RESULTS = "results"
    PLAN = "plan"
    ARCHIVE = "archive"


@dataclass(frozen=True)
class Finding:
    """One thing in a project. name: what it would be called here; detail: what it holds, for people.

    inside: of a zip, the folder that holds it, zips inside it counted as folders.
    """

    kind: Kind
    name: str
    path: Path
    detail: str
    inside: str = ""


def data_set_name(text: str) -> str:
    """A data set's name from that of its folder or zip; the thesis's as its plans call it.

    >>> data_set_name("gtaplus-dataset"), data_set_name("My Frames")
    ('gta-plus', 'my-frames')
    """
    name = project_name(text).removesuffix("-dataset").removesuffix("_dataset")
    return "gta-plus" if name in ("gtaplus", "gta") else name


def split_text(counts: Mapping[str, int]) -> str:
    """Images by split, for people."""
    return ", ".join(f"{part} {counts[part]}" for part in SPLITS if part in counts)


def project_name(text: str) -> str:
    """A name of lower-case letters, digits, dots, hyphens and underscores; "unnamed" where nothing is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "unnamed"
