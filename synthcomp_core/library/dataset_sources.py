"""The data sets that can be fetched by name: addresses, licences, and which folder of an archive counts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.storage import own_name

_CLIC = "https://data.vision.ee.ethz.ch/cvl/clic"


@dataclass(frozen=True)
class Download:
    """One file of a data set: its address, the folder for its images, and its SHA-256 where one is published."""

    url: str
    folder: str = ""
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set that can be fetched by name. only: keep images under a folder of this name."""

    name: str
    label: str
    licence: str
    downloads: tuple[Download, ...]
    only: str | None = None


# GTA+: the thesis's repository. CLIC 2020: the addresses that TensorFlow Datasets lists. None publishes checksums;
# what was downloaded is written into the card's notes, so that a second download can be compared.
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "gta-plus",
            "GTA+: game screenshots of the thesis",
            "none stated; see the repository cmw98/ba-thesis-scripts",
            (Download("https://github.com/cmw98/ba-thesis-scripts/archive/refs/heads/main.zip"),),
            only="gtaplus-dataset",
        ),
        Source(
            "clic2020",
            "CLIC 2020: photographs, professional and mobile",
            "Unsplash licence",
            tuple(
                Download(f"{_CLIC}/{kind}_{part}_2020.zip", f"{split}/{kind}")
                for kind in ("professional", "mobile")
                for part, split in (("train", "train"), ("valid", "valid"))
            )
            + tuple(
                Download(f"{_CLIC}/test/CLIC2020{kind}_test.zip", f"test/{kind.lower()}")
                for kind in ("Professional", "Mobile")
            ),
        ),
        Source(
            "kodak",
            "Kodak: 24 photographs, for evaluation",
            "free of restriction, as released by Eastman Kodak",
            tuple(
                Download(f"https://r0k.us/graphics/kodak/kodak/kodim{number:02d}.png", "test")
                for number in range(1, 25)
            ),
        ),
    )
}


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from, for its card. place: the SHA-256 of the path of a folder or zip on this machine."""

    source: str
    licence: str = "not stated"
    place: str = ""


def origin_of(what: str) -> Origin:
    """The origin of what can be fetched: one of SOURCES, an address, or a folder or zip."""
    source = SOURCES.get(what)
    if source is not None:
        return Origin(", ".join(item.url for item in source.downloads[:1]), source.licence)
    if "://" in what:
        return Origin(what)
    return Origin(own_name(Path(what)), place=hashlib.sha256(os.fsencode(os.path.realpath(what))).hexdigest())
