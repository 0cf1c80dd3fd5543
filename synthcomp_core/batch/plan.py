"""Run plans: a TOML file of data sets, variants and metrics, as frozen records with every key checked."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import bracex

from synthcomp_core import limits
from synthcomp_core.codecs import parse_codec
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.images import DEFAULT_MAX_PIXELS
from synthcomp_core.library.datasets import images_dir
from synthcomp_core.library.plan_inputs import DataSetName, Folder
from synthcomp_core.library.renderings import find_renderings, is_files
from synthcomp_core.metrics import DEFAULT_METRICS, METRICS
from synthcomp_core.runtime import Precision
from synthcomp_core.toml_records import (
    Count,
    Key,
    Name,
    Rule,
    Texts,
    Via,
    matching,
    parse_record,
    plan_error,
    read_text,
)
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.variants import Variant, has_codec
from synthcomp_core.variants.snapshots_of import upscaler_snapshot

MAX_VARIANTS = limits.VARIANTS
_SHOWN = 100
Keep = Literal["both", "renderings", "bitstreams", "none"]
Layout = Literal["run", "thesis"]


@dataclass(frozen=True)
class DataSet:
    """The images of a ``folder``, or of a data set in the library (of one ``split`` if given).

    A folder that holds no image itself stands for its subfolders.
    Taken are those whose names match one of the glob patterns ``images``, of them the first ``limit``.
    """

    folder: Folder | None = None
    dataset: DataSetName | None = None
    split: Literal["train", "valid", "test"] | None = None
    name: Name = ""
    images: Texts = ("*",)
    limit: Count | None = None

    @property
    def root(self) -> Path:
        """The folder in which the images lie."""
        return self.folder or images_dir(self.dataset or "")


def _variant(text: str) -> Variant:
    try:
        return Variant.parse(text)
    except SynthcompError as error:
        raise PlanError(f'is "{text}". {error}') from error


@dataclass(frozen=True)
class RenderedFolder:
    """Images rendered elsewhere, measured against a data set's images of the same name.

    layout "flat": ``folder`` holds the images of one ``variant``. "thesis": it holds one folder per variant, named as
    in the thesis, and ``trained_on`` completes the ids of its learned codecs. bitstreams: a folder (flat) or a folder
    of such folders (thesis) whose files' sizes are the rates.
    """

    dataset: str
    folder: Folder
    layout: Literal["flat", "thesis"] = "flat"
    variant: Annotated[Variant, Via(str, _variant)] | None = None
    trained_on: str | None = None
    bitstreams: Folder | None = None


@dataclass(frozen=True)
class SlurmSettings:
    """One Slurm job: ``processes`` workers share its ``cores`` and ``memory`` for ``time``; ``jobs`` are submitted.

    directives: #SBATCH lines beside the usual ones, as "--qos=normal". job_directives_skip: usual ones to leave out, by
    a text that they contain, as "--mem" where a cluster sets the memory itself.
    """

    time: Annotated[
        str, matching(r"(?:\d+-)?\d{1,2}:\d{2}(?::\d{2})?|\d+", "a wall time such as 08:00:00 or 1-12:00:00")
    ]
    memory: Annotated[str, matching(r"\d+(?:\.\d+)? ?[KMGT]i?B", "an amount such as 16GB")]
    cores: Count
    jobs: Count = 1
    processes: Count = 1
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: tuple[str, ...] = ()
    job_directives_skip: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()


def expand_braces(pattern: str) -> list[str]:
    """All texts that a pattern such as ``q{4,6}`` or ``q{10..90..20}`` stands for, as in a shell.

    PlanError for more than :data:`MAX_VARIANTS`, and for braces that do not match or hold a single alternative, which
    a shell would leave as they are.

    >>> expand_braces("jpeg-q{10..30..10}{,@x2-bicubic}")[:3]
    ['jpeg-q10', 'jpeg-q10@x2-bicubic', 'jpeg-q20']
    """
    if len(pattern) > limits.PATTERN_CHARACTERS or not pattern.isprintable():
        raise PlanError(
            f"A pattern is a line of at most {limits.PATTERN_CHARACTERS:,} characters, this one has {len(pattern):,}."
        )
    try:
        texts = bracex.expand(pattern, limit=MAX_VARIANTS)
    except bracex.ExpansionLimitException as error:
        raise PlanError(f"It stands for more than {MAX_VARIANTS:,} texts; use several plans.") from error
    except (RecursionError, OverflowError, ValueError, MemoryError) as error:
        raise PlanError("Its braces are nested too deeply, or their numbers are too large.") from error
    if any("{" in text or "}" in text for text in texts):
        raise PlanError("A brace is not closed, not opened, or holds no alternatives; write {a,b} or {1..9}.")
    return texts


def _variants(patterns: tuple[str, ...]) -> tuple[Variant, ...]:
    """The variants that patterns stand for, each once; PlanError naming the pattern that cannot be used."""
    found: dict[Variant, None] = {}
    known: set[str] = set()
    for pattern in patterns:
        try:
            texts = expand_braces(pattern)
            if len(found) + len(texts) > MAX_VARIANTS:
                raise PlanError(f"With it, the plan has more than {MAX_VARIANTS:,} variants; use several plans.")
            for text in texts:
                found[_available(text, known)] = None
        except SynthcompError as error:
            shown = pattern if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]}..."
            raise PlanError(f"has {json.dumps(shown, ensure_ascii=False)}. {error}") from error
    return tuple(found)


def _available(text: str, known: set[str]) -> Variant:
    """The variant with this id, whose codec and upscaler are installed; no model is loaded to find that out.

    known: codecs and upscalers found so far, since looking for one reads the snapshots folder; this one's are added.
    """
    variant = Variant.parse(text)
    if variant.codec not in known and not has_codec(variant.codec):
        if is_files(variant.codec):
            find_renderings(variant.codec)
        parse_codec(variant.codec)  # Raises the sentence that names the codecs there are.
    scaled = f"{variant.upscaler}@{variant.scale}"
    if variant.upscaler is not None and scaled not in known and upscaler_snapshot(variant) is None:
        parse_upscaler(variant.upscaler)
    known.update((variant.codec, scaled))
    return variant


def _metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics named, in the order of the results table."""
    for name in names:
        if name not in METRICS:
            raise PlanError(f'has "{name}"; expected some of {", ".join(METRICS)}.')
    return tuple(metric for metric in METRICS if metric in names)


def _named(datasets: tuple[DataSet, ...]) -> tuple[DataSet, ...]:
    """The data sets, each named after its folder or library entry unless the plan names it."""
    found: dict[str, DataSet] = {}
    for number, dataset in enumerate(datasets, start=1):
        if (dataset.folder is None) == (dataset.dataset is None):
            raise PlanError(f"number {number} must have either a `folder` or a `dataset` of the library.")
        if dataset.split is not None and dataset.dataset is None:
            raise PlanError(f"number {number} has a `split`, which only a `dataset` of the library can have.")
        name = dataset.name or dataset.dataset or dataset.root.name
        if name in found:
            raise PlanError(f'has "{name}" twice; expected each `name` once.')
        found[name] = dataclasses.replace(dataset, name=name)
    return tuple(found.values())


_Megapixels = Annotated[float, Rule(limits.megapixels_form(), limits.are_megapixels)]
_SomeDataSets = Annotated[tuple[DataSet, ...], Rule("at least one table, begun with [[datasets]]", bool)]


@dataclass(frozen=True)
class Plan:
    """What `run` carries out. text: the file as read. max_pixels: of the largest image that is read.

    enlarge: the variants, none@xSCALE-UPSCALER, do not bring a smaller image back but enlarge the images themselves.
    """

    path: Path
    text: str
    name: Name
    datasets: Annotated[tuple[DataSet, ...], Via(_SomeDataSets, _named)]
    variants: Annotated[tuple[Variant, ...], Via(Texts, _variants)] = ()
    renderings: tuple[RenderedFolder, ...] = ()
    metrics: Annotated[tuple[str, ...], Via(Texts, _metrics)] = DEFAULT_METRICS
    keep: Keep = "both"
    layout: Layout = "run"
    precision: Precision = Precision.AUTO
    enlarge: bool = False
    max_pixels: Annotated[int, Key("max_megapixels"), Via(_Megapixels, limits.pixels_of)] = DEFAULT_MAX_PIXELS
    slurm: SlurmSettings | None = None

    @property
    def keeps_renderings(self) -> bool:
        """Whether the final images are kept as PNG."""
        return self.keep in ("both", "renderings")

    @property
    def keeps_bitstreams(self) -> bool:
        """Whether the bitstreams are kept."""
        return self.keep in ("both", "bitstreams")


def read_run_plan(path: Path) -> Plan:
    """The plan in a TOML file; PlanError naming file, key, what was found and what is expected.

    Folders are relative to the plan's own folder. Variants must exist on this machine (their codecs and upscalers);
    nothing is loaded or computed to check that.
    """
    return parse_run_plan(read_text(path), path)


def parse_run_plan(text: str, path: Path) -> Plan:
    """The plan in a TOML text that stands, or could stand, at ``path``; PlanError as :func:`read_run_plan`."""
    given = {"path": path, "text": text}
    plan = parse_record(text, Plan, path=path, fallback={"name": path.stem}, given=given)
    if not plan.variants and not plan.renderings:
        raise plan_error(
            path, "variants", "is missing; expected variant ids, or [[renderings]] tables of images to measure."
        )
    unfit = next((variant for variant in plan.variants if variant.codec != "none" or variant.scale is None), None)
    if plan.enlarge and unfit is not None:
        raise plan_error(path, "variants", f'has "{unfit}"; with `enlarge`, expected none@xSCALE-UPSCALER.')
    if plan.enlarge and not plan.keeps_renderings:
        raise plan_error(path, "keep", f'is "{plan.keep}"; with `enlarge`, expected "renderings" or "both".')
    names = [dataset.name for dataset in plan.datasets]
    for number, rendered in enumerate(plan.renderings, start=1):
        key = f"renderings[{number}]"
        if rendered.dataset not in names:
            raise plan_error(
                path, f"{key}.dataset", f'is "{rendered.dataset}"; expected a data set of the plan: {", ".join(names)}.'
            )
        if rendered.layout == "flat" and rendered.variant is None:
            raise plan_error(path, f"{key}.variant", "is missing; expected the variant that the folder holds.")
        if rendered.layout == "thesis" and rendered.variant is not None:
            raise plan_error(
                path, f"{key}.variant", "is given, but in the thesis layout the folders' names say the variant."
            )
    if plan.slurm and plan.slurm.processes > plan.slurm.cores:
        problem = f"is {plan.slurm.processes}; expected at most `cores`, {plan.slurm.cores}."
        raise plan_error(path, "slurm.processes", problem)
    return plan
