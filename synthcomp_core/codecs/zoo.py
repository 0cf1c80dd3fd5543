"""CompressAI's published models: listed by its model zoo's own table, fetched when asked for, imported as snapshots."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from synthcomp_core import limits
from synthcomp_core.codecs.lambdas import lambda_of
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.downloads import download
from synthcomp_core.library.snapshot_ids import point_id
from synthcomp_core.library.snapshots import Distortion, SnapshotCard, snapshot_path, snapshots_dir
from synthcomp_core.progress import OnProgress, silent, span

# Architecture, then metric ("mse" | "ms-ssim"), then quality, to the address: the form of compressai.zoo's table.
Table = Mapping[str, Mapping[str, Mapping[int, str]]]
TRAINED_ON = "vimeo90k"
LICENCE = "BSD 3-Clause Clear, as CompressAI, which publishes it"
NOTES = "Published with CompressAI's model zoo; trained on 256x256 patches of Vimeo90K by its documentation."
_HASH = re.compile(r"-([0-9a-f]{8,64})\.")  # The first digits of the file's SHA-256, as torch's hub writes them.


@dataclass(frozen=True)
class PublishedModel:
    """One model of the zoo and the address of its file."""

    architecture: str
    quality: int
    distortion: Distortion
    url: str

    @property
    def id(self) -> str:
        """The id of its snapshot, such as mbt2018-q4-mse-vimeo90k."""
        return point_id(self.architecture, self.quality, self.distortion.short, TRAINED_ON)

    @property
    def installed(self) -> bool:
        """Whether its snapshot is there."""
        return snapshot_path(self.id).is_file()

    @property
    def sha256(self) -> str | None:
        """The first digits of its file's SHA-256, as the file's name says them."""
        match = _HASH.search(self.url.rpartition("/")[2])
        return match[1] if match else None

    @property
    def num_bytes(self) -> int:
        """About the size of its file: four bytes for each parameter of its class."""
        from synthcomp_core.runtime import ensure_torchvision

        ensure_torchvision()
        from compressai.zoo.image import cfgs

        N, M = (*cfgs[self.architecture][self.quality], 0)[:2]
        return 4 * _parameters(self.architecture, N, M)


@cache
def _parameters(architecture: str, N: int, M: int) -> int:
    from synthcomp_core.codecs.checkpoints import build_model

    return sum(parameter.numel() for parameter in build_model(architecture, N, M).parameters())


def published_models(table: Table | None = None) -> list[PublishedModel]:
    """All models of a table, by default CompressAI's own, by architecture, distortion and quality."""
    if table is None:
        from synthcomp_core.runtime import ensure_torchvision

        ensure_torchvision()
        from compressai.zoo.image import model_urls

        table = model_urls
    return [
        PublishedModel(architecture, quality, Distortion.parse(metric), url)
        for architecture, of_metric in table.items()
        for metric, of_quality in of_metric.items()
        for quality, url in of_quality.items()
    ]


def choose_models(
    models: Collection[PublishedModel],
    architecture: str,
    *,
    qualities: Collection[int] = (),
    distortions: Collection[Distortion] = (),
) -> list[PublishedModel]:
    """The models of one architecture at these qualities (empty: all) for these distortions (empty: all).

    SnapshotError, naming what there is, for an architecture, quality or distortion that is not published.
    """
    own = [model for model in models if model.architecture == architecture]
    if not own:
        known = ", ".join(dict.fromkeys(model.architecture for model in models))
        raise SnapshotError(f"CompressAI publishes no model {architecture!r}; it publishes {known}.")
    strays = sorted(set(qualities) - {model.quality for model in own})
    if strays:
        there = sorted({model.quality for model in own})
        raise SnapshotError(
            f"CompressAI publishes {architecture} at the qualities {there[0]} to {there[-1]}, not at {strays[0]}."
        )
    chosen = [
        model
        for model in own
        if (not qualities or model.quality in qualities) and (not distortions or model.distortion in distortions)
    ]
    if not chosen:
        raise SnapshotError(f"CompressAI publishes no {architecture} for {', '.join(distortions)}.")
    return chosen


def fetch_published(model: PublishedModel, *, half: bool = True, on_progress: OnProgress = silent) -> SnapshotCard:
    """Download a published model and import it as a snapshot; its card, with source and licence.

    half: weights as float16. An interrupted download is continued; a file whose hash is not the one in its name is
    discarded. SynthcompError, with what else to do, when it cannot be fetched.
    """
    from synthcomp_core.codecs.checkpoints import import_codec, infer_architecture, with_current_names

    name = model.url.rpartition("/")[2]
    path = download(
        model.url,
        snapshots_dir() / ".downloads",
        name,
        max_bytes=limits.CHECKPOINT_BYTES,  # More is not imported.
        sha256=model.sha256,
        otherwise=f"or download it elsewhere and run `snapshot import {name} --id {model.id}`",
        on_progress=span(on_progress, 0.0, 0.9),
    )
    on_progress(0.9, f"importing {model.id}")
    state_dict = with_current_names(read_checkpoint(path))
    found = infer_architecture(state_dict)[0]
    if found != model.architecture:
        raise SnapshotError(f"{model.url} holds a {found}, where the table says {model.architecture}.")
    card = import_codec(
        state_dict,
        id=model.id,
        quality=model.quality,
        lmbda=lambda_of(model.quality, model.distortion),
        distortion=model.distortion,
        trained_on=TRAINED_ON,
        half=half,
        source=model.url,
        licence=LICENCE,
        notes=NOTES,
    )
    path.unlink()
    on_progress(1.0, model.id)
    return card
