"""Tasks: what one worker does at a time, an image through a variant, and what distinguishes one task from another."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from synthcomp_core import limits
from synthcomp_core.batch.folders import bitstream_path, check_layout, rendering_path
from synthcomp_core.batch.plan import DataSet, Plan
from synthcomp_core.batch.rendered_elsewhere import match_renderings
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.images import BELOW, image_count, images_below, left_below
from synthcomp_core.images.headers import header_size
from synthcomp_core.library.datasets import image_paths, split_files
from synthcomp_core.library.renderings import SetContent, find_renderings, is_files, read_set
from synthcomp_core.progress import counted
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.runtime import Precision
from synthcomp_core.storage import file_sha256
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshots_of import weights_of

RENDER, MEASURE, ENLARGE = "render", "measure", "enlarge"
_ENLARGED_WITH_ALPHA = "enlarge:alpha"  # What was enlarged before transparency was kept is made again.


@dataclass(frozen=True)
class Stamp:
    """A kept file as it was written: its size and the hex SHA-256 of its bytes."""

    num_bytes: Annotated[int, Meta(ge=0, le=2**53)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

    @classmethod
    def of(cls, content: bytes) -> Stamp:
        """The stamp of a file with this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Task:
    """One image through one variant, or one image rendered elsewhere.

    (dataset, image's name, variant) names the row of the results table. image_sha256: of the reference's file.
    made_with: what else the row depends on (hashes of snapshots, or of the image measured; that images are enlarged,
    where they are). rendering, bitstream: where they are written, or lie when ``kind`` is "measure"; None = not kept,
    or not there. previous: a row that has all that ``measured`` names and lacks only ``metrics``, measured on the kept
    ``rendering`` or ``bitstream``; stamps: of these two.
    pixels: of the reference, according to its file's header; 0 when that cannot be read.
    """

    kind: str
    dataset: str
    image: Path
    image_sha256: str
    variant: Variant
    made_with: tuple[str, ...]
    metrics: tuple[str, ...]
    precision: Precision
    max_pixels: int
    rendering: Path | None = None
    bitstream: Path | None = None
    measured: tuple[str, ...] = ()
    previous: ResultRow | None = None
    stamps: tuple[Stamp | None, Stamp | None] = (None, None)
    pixels: int = 0

    @property
    def slot(self) -> tuple[str, str, str]:
        """What names the task's row: data set, image, variant."""
        return self.dataset, self.image.name, str(self.variant)


def plan_tasks(plan: Plan, run: Path) -> list[Task]:
    """All tasks of a plan whose run lies at ``run``: image by image, so that partial results compare all variants.

    PlanError for a data set without images, two images of one stem, two tasks for one row, or more tasks than a
    journal holds.
    """
    check_layout(plan.layout, plan.variants)
    how = (_ENLARGED_WITH_ALPHA,) if plan.enlarge else ()  # The two make different images of the same variant.
    made_with = {variant: (*_made_with(variant, plan.precision), *how) for variant in plan.variants}
    sets = {variant: _content(variant) for variant in plan.variants if is_files(variant.codec)}
    tasks: list[Task] = []
    listed = [(dataset, dataset_images(dataset)) for dataset in plan.datasets]
    _check_number(plan, len(plan.variants) * sum(len(images) for _, images in listed))  # Before all are hashed.
    for dataset, images in listed:
        hashes = {image: file_sha256(image) for image in images}
        sizes = {image: header_size(image) or (0, 0) for image in images}
        pixels = {image: width * height for image, (width, height) in sizes.items()}
        for image in images:
            for variant in plan.variants:
                elsewhere = sets.get(variant)
                place = (run, plan.layout, dataset.name, variant, image.name)
                kept = rendering_path(*place) if elsewhere is None else None
                bitstream = bitstream_path(*place) if elsewhere is None else None
                made = made_with[variant] if elsewhere is None else _read_from(elsewhere, image, sizes[image])
                tasks.append(
                    Task(
                        kind=ENLARGE if plan.enlarge else RENDER,
                        dataset=dataset.name,
                        image=image,
                        image_sha256=hashes[image],
                        variant=variant,
                        made_with=made,
                        # An enlarged image has nothing of its size to be measured against.
                        metrics=() if plan.enlarge else plan.metrics,
                        precision=plan.precision,
                        max_pixels=plan.max_pixels,
                        rendering=kept if plan.keeps_renderings else None,
                        bitstream=bitstream if plan.keeps_bitstreams and not plan.enlarge else None,
                        pixels=pixels[image],
                    )
                )
        tasks.extend(_measure_tasks(plan, dataset.name, hashes, pixels))
    _check_number(plan, len(tasks))
    for slot, number in Counter(task.slot for task in tasks).items():
        if number > 1:
            raise PlanError(f"{plan.path}: {slot[2]} of {slot[1]} in {slot[0]} is asked for {number} times; keep one.")
    return tasks


def _check_number(plan: Plan, tasks: int) -> None:
    if tasks > limits.PLAN_TASKS:
        raise PlanError(
            f"{plan.path} asks for {tasks:,} tasks (images times variants), and a run has at most "
            f"{limits.PLAN_TASKS:,}; split it into several plans, by data set or by variant."
        )


def dataset_images(dataset: DataSet) -> list[Path]:
    """The images of a data set, by name; PlanError when there are none, two that differ in suffix alone, or one whose
    name is not text, which neither a journal nor a table can hold."""
    everything = _all_images(dataset)
    images = [path for path in everything if any(path.match(pattern) for pattern in dataset.images)][: dataset.limit]
    if not images:
        held = (
            f"{counted(len(everything), 'image')}, none matching {', '.join(dataset.images)}"
            if everything
            else "no image"
        )
        raise PlanError(f"Data set {dataset.name}: {dataset.root} holds {held}.")
    for path in images:
        if not path.name.isprintable() and any("\ud800" <= character <= "\udfff" for character in path.name):
            raise PlanError(f"Data set {dataset.name} has an image whose name is not UTF-8, {path.name!r}; rename it.")
    for stem, number in Counter(path.stem for path in images).items():
        if number > 1:
            raise PlanError(f"Data set {dataset.name} has {number} images named {stem}; rename all but one.")
    return images


def dataset_text(dataset: DataSet) -> str:
    """How many images of a data set are taken, from how many subfolders, and how many are not and why, for people."""
    images = dataset_images(dataset)
    text = f"{dataset.name}: {image_count(dataset.root, images)}"
    unmatched = len(_all_images(dataset)) - len(images)
    below = len(left_below(dataset.root)) if dataset.dataset is None else 0
    reasons = ((unmatched, "by `images` and `limit` of the plan"), (below, BELOW))
    left_out = ", ".join(f"{number} {why}" for number, why in reasons if number)
    return f"{text}; left out: {left_out}" if left_out else text


def _all_images(dataset: DataSet) -> list[Path]:
    if dataset.dataset is None:
        return images_below(dataset.root)
    if dataset.split is not None:
        return sorted(split_files(dataset.dataset, dataset.split))
    return [dataset.root / path for path in image_paths(dataset.dataset)]


def _measure_tasks(plan: Plan, dataset: str, hashes: dict[Path, str], pixels: dict[Path, int]) -> Iterator[Task]:
    for rendered in plan.renderings:
        if rendered.dataset != dataset:
            continue
        for match in match_renderings(rendered, list(hashes)):
            sizes = () if match.bitstream is None else (f"bitstream:{file_sha256(match.bitstream)}",)
            yield Task(
                kind=MEASURE,
                dataset=dataset,
                image=match.reference,
                image_sha256=hashes[match.reference],
                variant=match.variant,
                made_with=(f"rendering:{file_sha256(match.rendering)}", *sizes),
                metrics=plan.metrics,
                precision=plan.precision,
                max_pixels=plan.max_pixels,
                rendering=match.rendering,
                bitstream=match.bitstream,
                pixels=pixels[match.reference],
            )


def _content(variant: Variant) -> SetContent:
    """The set of a variant ``files:NAME``; PlanError when there is none."""
    try:
        return read_set(find_renderings(variant.codec))
    except SynthcompError as error:
        raise PlanError(f"Variant {variant}: {error}") from error


def _read_from(content: SetContent, image: Path, size: tuple[int, int]) -> tuple[str, ...]:
    """What a set has of an image of this (width, height): the file's hash, and its rate where that is known.

    PlanError when there is no file.
    """
    try:
        rendering = f"rendering:{file_sha256(content.file(image.name))}"
    except SynthcompError as error:
        raise PlanError(f"Variant {content.rendered.id}: {error}") from error
    num_bytes = content.num_bytes(image.name, size=size)
    return (rendering,) if num_bytes is None else (rendering, f"bytes:{num_bytes}")


def _made_with(variant: Variant, precision: Precision) -> tuple[str, ...]:
    weights = weights_of(variant)
    return (*weights, f"precision:{precision}") if weights and precision != Precision.AUTO else weights
