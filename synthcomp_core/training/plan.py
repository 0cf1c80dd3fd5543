"""Training plans: TOML files of data sets and models, read into frozen records and checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from synthcomp_core import limits
from synthcomp_core.codecs.lambdas import QUALITIES, lambda_of
from synthcomp_core.codecs.phases import HYPER_STRIDE
from synthcomp_core.errors import PlanError, SnapshotError
from synthcomp_core.images.headers import header_size
from synthcomp_core.library.plan_inputs import DataSetName, Folder
from synthcomp_core.library.snapshots import (
    LARGEST_LAMBDA,
    LINE_CHARACTERS,
    TEXT_CHARACTERS,
    Distortion,
    check_id,
)
from synthcomp_core.metrics import MSSSIM_MIN_SIDE
from synthcomp_core.toml_records import (
    Defaults,
    Key,
    Name,
    OneOrMany,
    Positive,
    Rule,
    Via,
    between,
    parse_record,
    plan_error,
    read_text,
)
from synthcomp_core.training.augment import Name as Augmentation
from synthcomp_core.training.data_parts import DataParts, data_parts

KLT_START = "klt"
MAX_STEPS = 10**9
Steps = Annotated[int, between(1, MAX_STEPS)]
Channels = Annotated[int, between(1, limits.SNAPSHOT_CHANNELS)]
# What a snapshot's card can hold. Before a plan's notes stand those that the training makes of itself.
Lambda = Annotated[
    float, Rule(f"a number above 0 and at most {LARGEST_LAMBDA:g}", lambda value: bool(0 < value <= LARGEST_LAMBDA))
]
Notes = Annotated[
    str, Rule(f"at most {TEXT_CHARACTERS // 2:,} characters", lambda text: len(text) <= TEXT_CHARACTERS // 2)
]


@dataclass(frozen=True)
class DataPlan:
    """What to train on: a data set of the library, a folder of images, or images generated from numbers.

    validation: patterns of file names that are held out of training, of a folder or of a data set's train split; a
    data set without them has its valid split held out, or a twentieth of train if there is none. A folder that holds
    no image itself stands for its subfolders, of which those named test are left out and those named valid held out.
    generated: the number of images (generated_images.py).
    """

    folder: Folder | None = None
    dataset: DataSetName | None = None
    generated: Annotated[int, between(3, 1000)] | None = None
    validation: tuple[str, ...] = ()
    trained_on: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys that say where the images come from; exactly one in a sound plan."""
        values = {"folder": self.folder, "dataset": self.dataset, "generated": self.generated}
        return tuple(key for key, value in values.items() if value is not None)


@dataclass(frozen=True)
class DevicePlan:
    """The settings of Lightning Fabric: devices per node, nodes, precision ("auto": bf16-mixed where it is fast).

    compile: steps go through torch.compile, which takes minutes before the first one. project: of the runs at Weights
    & Biases, one per model (default: synthcomp-NAME).
    """

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Annotated[int, between(1, 1024)] = 1
    nodes: Annotated[int, between(1, 1024)] = 1
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    threads: Annotated[int, between(0, limits.THREADS)] = 0
    compile: bool = False
    logger: Literal["csv", "tensorboard", "wandb"] = "csv"
    project: str | None = None

    @property
    def processes(self) -> int:
        """How many processes share a batch."""
        return self.devices * self.nodes


def _snapshot_id(text: str) -> str:
    try:
        return check_id(text)
    except SnapshotError as error:
        raise PlanError(f"cannot name a snapshot: {error}") from error


@dataclass(frozen=True)
class ModelPlan:
    """One model. lr falls from ``lr`` to ``lr_final`` after ``warmup`` steps; batch counts all processes together.

    data: one data set or several, whose images are pooled. augment: what is done to patches (augment.py).
    init: the id of another model (of this plan, or an installed snapshot), a checkpoint file relative to the plan, or
    "klt" (klt_start.py). init_key: which state dict of a checkpoint file, as `snapshot import --key`.
    entropy_steps: first steps in which only the entropy model is trained. transform_rate: the learning rate of g_a and
    g_s as a multiple of ``lr``.
    gain: start by rescaling the latents of ``init`` for this lambda (gain.py). ema: decay of the averaged weights
    that are validated and kept. ship: false for a model that serves only as a start for others. channels, groups,
    blocks, reduction, scale: of an RCAN; behind: codec ids that its input has gone through, with equal shares beside
    the share ``clean`` of uncoded input.
    """

    id: Annotated[str, Via(str, _snapshot_id)]
    data: Annotated[tuple[str, ...], OneOrMany(), Rule("a name, or a list of names, of [data.NAME] tables", bool)]
    steps: Steps
    task: Literal["compression", "super-resolution"] = "compression"
    architecture: Literal["mbt2018", "rcan"] = "mbt2018"
    N: Channels = 64
    M: Channels = 96
    quality: Annotated[int, Rule("a quality from 1 to 8", QUALITIES.__contains__)] | None = None
    distortion: Distortion = Distortion.MSE
    lmbda: Lambda | None = None
    surrogate: Literal["mixed", "noise"] = "mixed"
    gain: bool = False
    init: str | None = None
    init_key: str | None = None
    patch: Annotated[int, between(1, 4096)] = 128
    augment: tuple[Augmentation, ...] = ()
    batch: Annotated[int, between(1, limits.TRAINING_BATCH)] = 8
    lr: Positive = 2.5e-4
    lr_final: Positive = 5e-6
    lr_quantiles: Positive = 1e-3
    warmup: Annotated[int, between(0, MAX_STEPS)] = 100
    entropy_steps: Annotated[int, between(0, MAX_STEPS)] = 0
    transform_rate: Positive = 1.0
    schedule: Literal["cosine", "plateau", "halving"] = "cosine"
    patience: Annotated[int, between(0, MAX_STEPS)] = 10
    clip: Positive = 1.0
    ema: Annotated[float, Rule("a decay from 0 to below 1", lambda decay: bool(0 <= decay < 1))] = 0.998
    seed: Annotated[int, between(0, 2**32 - 1)] = 1
    validate_every: Steps = 500
    checkpoint_every: Steps = 250
    validation_crops: Annotated[int, between(1, 10_000)] = 4
    scale: Literal[2, 3, 4] = 2
    channels: Channels = 32
    groups: Annotated[int, between(1, 100)] = 4
    blocks: Annotated[int, between(1, 100)] = 4
    reduction: Channels = 8
    behind: tuple[str, ...] = ()
    clean: Annotated[float, Rule("a share from 0 to 1", lambda share: bool(0 <= share <= 1))] = 0.25
    ship: bool = True
    notes: Notes | None = None

    @property
    def lambda_value(self) -> float:
        """Lambda: the plan's own, else that of the quality."""
        return self.lmbda if self.lmbda is not None else lambda_of(self.quality or 4, self.distortion)


@dataclass(frozen=True)
class TrainingImages:
    """What a model is trained and validated on. skipped: images of its data sets that are smaller than its patch."""

    train: list[Path]
    valid: list[Path]
    skipped: int


@dataclass(frozen=True)
class TrainingPlan:
    """A plan file: its data sets by name, its models in the order of training, and the devices. text: as read."""

    path: Path
    text: str
    name: Name
    models: Annotated[
        tuple[ModelPlan, ...],
        Key("model"),
        Defaults("defaults"),
        Rule("at least one table, begun with [[model]]", bool),
    ]
    data: dict[str, DataPlan] = field(default_factory=dict)
    device: DevicePlan = field(default_factory=DevicePlan)

    def chosen(self, only: Sequence[str]) -> list[ModelPlan]:
        """The models with these ids, in the plan's order, all when empty; PlanError for an unknown id."""
        unknown = set(only) - {model.id for model in self.models}
        if unknown:
            raise PlanError(f"{self.path.name} has no model {', '.join(sorted(unknown))}.")
        return [model for model in self.models if not only or model.id in only]

    def trained_on(self, model: ModelPlan) -> str:
        """What a model's data sets are called on its card."""
        return " + ".join(self.data[name].trained_on or name for name in model.data)

    def images(self, model: ModelPlan) -> TrainingImages:
        """The images of a model's data sets, pooled, without those smaller than its patch; PlanError if none is left.

        What is not an image is a PlanError too.
        """
        parts = [self.split(name) for name in model.data]
        kept = [[path for part in parts for path in part[index] if self._fits(path, model)] for index in (0, 1)]
        skipped = sum(len(part) for both in parts for part in both) - sum(map(len, kept))
        for index, what in enumerate(("training", "validation")):
            if not kept[index]:
                raise self._too_small(model, [path for part in parts for path in part[index]], what)
        return TrainingImages(kept[0], kept[1], skipped)

    def _too_small(self, model: ModelPlan, files: list[Path], what: str) -> PlanError:
        """The error that no image is as large as the patch, naming the largest."""
        sizes = [(header_size(path) or (0, 0), path.name) for path in files]
        (width, height), name = max(sizes, key=lambda one: min(one[0]))
        key = f"data.{model.data[0]}.{self.data[model.data[0]].sources[0]}"
        found = (
            f"has no {what} image of at least {model.patch}x{model.patch}, the `patch` of {model.id}; the largest, "
            f"{name}, is {width}x{height}: lower `patch`."
        )
        return plan_error(self.path, key, found)

    def _fits(self, path: Path, model: ModelPlan) -> bool:
        size = header_size(path)
        if size is None:
            key = f"data.{model.data[0]}.{self.data[model.data[0]].sources[0]}"
            raise plan_error(self.path, key, f"holds {path.name}, which is no readable image; remove it.")
        return min(size) >= model.patch

    def parts(self, name: str) -> DataParts:
        """Training and validation files of a data set, and what is left out; PlanError when either is empty."""
        data, key = self.data[name], f"data.{name}"
        parts = data_parts(data)
        if not parts.train:
            found = f'is "{data.folder or data.dataset}", which holds no images to train on.'
            raise plan_error(self.path, f"{key}.{data.sources[0]}", found)
        if not parts.valid:
            raise plan_error(self.path, f"{key}.validation", "matches none of the images, so that none is held out.")
        return parts

    def split(self, name: str) -> tuple[list[Path], list[Path]]:
        """Training and validation files of a data set; PlanError as :meth:`parts`."""
        parts = self.parts(name)
        return parts.train, parts.valid


def read_training_plan(path: Path) -> TrainingPlan:
    """The plan in a TOML file; PlanError naming file and key for anything unknown, mistyped or out of range.

    Folders are listed and the headers of the images read, so that a training never starts in vain.
    """
    text = read_text(path)
    given = {"path": path.resolve(), "text": text}
    plan = parse_record(text, TrainingPlan, path=path, fallback={"name": path.stem}, given=given)
    for name, data in plan.data.items():
        _check_data(path, f"data.{name}", data)
    ids = [model.id for model in plan.models]
    for number, model in enumerate(plan.models, start=1):
        if model.id in ids[: number - 1]:
            raise plan_error(path, f"model[{number}].id", f'is "{model.id}", which another model has; give it its own.')
        problem = model_problem(plan, model)
        if problem is not None:
            key, sentence = problem
            raise plan_error(path, f"model[{number}].{key}", sentence)
    _check_images(plan)
    return plan


def _check_data(path: Path, where: str, data: DataPlan) -> None:
    if not data.sources:
        raise plan_error(
            path, f"{where}.folder", "is missing; expected a folder of images, a `dataset` or `generated`."
        )
    if len(data.sources) > 1:
        given, other = data.sources[:2]
        raise plan_error(path, f"{where}.{other}", f"is given beside `{given}`; expected one of them.")


def model_problem(plan: TrainingPlan, model: ModelPlan) -> tuple[str, str] | None:
    """The key of a model whose value does not go with the others, and what is wrong with it."""
    for name in model.data:
        if name not in plan.data:
            known = ", ".join(plan.data) or "the [data.NAME] tables"
            return "data", f'is "{name}"; expected one of {known}.'
    if len(plan.trained_on(model)) > LINE_CHARACTERS:
        return "data", f"names data sets by more than {LINE_CHARACTERS:,} characters in all; shorten `trained_on`."
    if model.augment and model.task != "compression":
        return "augment", "is given; patches are augmented in compression only."
    if model.batch % plan.device.processes:
        return "batch", f"is {model.batch}, which {plan.device.processes} processes cannot share equally."
    if model.task == "compression":
        return _compression_problem(plan, model)
    if model.init == KLT_START:
        return "init", f'is "{KLT_START}", a start for compression models only.'
    if model.reduction > model.channels:
        return "reduction", f"is {model.reduction}; expected at most `channels`, {model.channels}."
    if model.patch % model.scale:
        return "patch", f"is {model.patch}; expected a multiple of `scale`, {model.scale}."
    if model.architecture != "rcan":
        return "architecture", f'is "{model.architecture}"; super-resolution trains "rcan".'
    return None


def _compression_problem(plan: TrainingPlan, model: ModelPlan) -> tuple[str, str] | None:
    if model.quality is None and model.lmbda is None:
        return "quality", "is missing; expected a quality from 1 to 8 (or `lmbda`)."
    if model.patch % HYPER_STRIDE:
        return "patch", f"is {model.patch}; expected a multiple of {HYPER_STRIDE}."
    if model.distortion == Distortion.MS_SSIM and model.patch < MSSSIM_MIN_SIDE:
        smallest = -(-MSSSIM_MIN_SIDE // HYPER_STRIDE) * HYPER_STRIDE
        return "patch", f"is {model.patch}; MS-SSIM needs at least {smallest}."
    if model.init == KLT_START and model.distortion != Distortion.MSE:
        return "init", f'is "{KLT_START}", whose step size is known for `distortion` mse only.'
    if model.gain and model.init is None:
        return "gain", "is true, but there is no `init` whose latents could be rescaled."
    if model.init == KLT_START and model.gain:
        return "gain", f'is true; a model that begins as "{KLT_START}" has the step of its lambda already.'
    if model.entropy_steps and plan.device.processes > 1:
        return "entropy_steps", f"is {model.entropy_steps}; it needs a single process."
    return None


def _check_images(plan: TrainingPlan) -> None:
    for model in plan.models:
        plan.images(model)
