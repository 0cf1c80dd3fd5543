"""What a plan takes its images from, checked while it is read: a folder, or a data set in the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from synthcomp_core.errors import PlanError
from synthcomp_core.library.dataset_sources import SOURCES
from synthcomp_core.library.datasets import has_data_set
from synthcomp_core.storage import is_folder
from synthcomp_core.toml_records import Name, Via


def existing_folder(folder: Path) -> Path:
    """``folder`` itself; PlanError, as the end of a sentence, when there is none."""
    if not is_folder(folder):
        raise PlanError(f'is "{str(folder)[:300]}", and there is no such folder; expected one, relative to the plan.')
    return folder


def existing_data_set(name: str) -> str:
    """``name`` itself; PlanError, as the end of a sentence, saying how to get a data set that is not available."""
    if has_data_set(name):
        return name
    if name in SOURCES:
        raise PlanError(f'is "{name}", a data set that is not available yet; run `data fetch {name}` to download it.')
    raise PlanError(
        f'is "{name}", a data set that is not available yet; run `data fetch FOLDER --name {name}`, where FOLDER is '
        "a folder or zip of its images."
    )


Folder = Annotated[Path, Via(Path, existing_folder)]
DataSetName = Annotated[str, Via(Name, existing_data_set)]
