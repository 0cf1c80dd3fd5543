"""Training plans: TOML files of data sets and models, read into frozen records and checked before any work."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthcomp_core.errors import PlanError
from synthcomp_core.images import list_images, read_image
from synthcomp_core.library.datasets import split_files
from synthcomp_core.library.snapshots import check_id
from synthcomp_core.storage import artifacts_dir
from synthcomp_core.training.generated_images import write_images

TASKS = ("compression", "super-resolution")
DISTORTIONS = ("mse", "ms-ssim")
QUALITIES = range(1, 9)
KLT_START = "klt"
MSSSIM_MIN_PATCH = 161  # Five scales of an 11-wide window; losses.MSSSIM_MIN_SIDE, without importing torch.
_CHOICES = {
    "task": TASKS,
    "distortion": DISTORTIONS,
    "architecture": ("mbt2018", "rcan"),
    "surrogate": ("mixed", "noise"),
    "schedule": ("cosine", "plateau", "halving"),
    "precision": ("auto", "32-true", "bf16-mixed", "16-mixed"),
    "accelerator": ("auto", "cpu", "cuda", "mps"),
    "logger": ("csv", "tensorboard", "wandb"),
}
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


@dataclass(frozen=True)
class DataPlan:
    """A data set at hand, with its train and valid splits, or a folder of images, relative to the plan's.

    generated: instead of either, this many pictures made from numbers (generated.py). validation: patterns of names
    of a folder's images that are held out of training.
    """

    folder: str | None = None
    dataset: str | None = None
    generated: int | None = None
    validation: tuple[str, ...] = ()
    trained_on: str | None = None


@dataclass(frozen=True)
class DevicePlan:
    """What Lightning Fabric is given: devices a node, nodes, precision ("auto": bf16-mixed where it is fast)."""

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "auto"
    threads: int = 0
    compile: bool = False
    logger: str = "csv"


@dataclass(frozen=True)
class ModelPlan:
    """One model. lr falls from ``lr`` to ``lr_final`` after ``warmup`` steps; batch counts all processes together.

    init: the id of another model (of this plan, or a snapshot at hand), a checkpoint file relative to the plan, or
    "klt" (linear_start.py). entropy_steps: first steps in which only the entropy model is trained. transform_rate:
    the learning rate of g_a and g_s as a multiple of ``lr``.
    gain: start by rescaling the latents of ``init`` for this lambda (gain.py). ema: decay of the averaged weights
    that are validated and kept. ship: false for a model that only others of the plan begin with. channels, groups,
    blocks, reduction, scale: of an RCAN; behind: codec ids that its input has gone through, with equal shares beside
    the share ``clean`` of uncoded input.
    """

    id: str
    data: str
    steps: int
    task: str = "compression"
    architecture: str = "mbt2018"
    N: int = 64
    M: int = 96
    quality: int | None = None
    distortion: str = "mse"
    lmbda: float | None = None
    surrogate: str = "mixed"
    gain: bool = False
    init: str | None = None
    patch: int = 128
    batch: int = 8
    lr: float = 2.5e-4
    lr_final: float = 5e-6
    lr_quantiles: float = 1e-3
    warmup: int = 100
    entropy_steps: int = 0
    transform_rate: float = 1.0
    schedule: str = "cosine"
    patience: int = 10
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 1
    validate_every: int = 500
    checkpoint_every: int = 250
    validation_crops: int = 4
    scale: int = 2
    channels: int = 32
    groups: int = 4
    blocks: int = 4
    reduction: int = 8
    behind: tuple[str, ...] = ()
    clean: float = 0.25
    ship: bool = True
    notes: str | None = None

    @property
    def lambda_value(self) -> float:
        """Lambda: the plan's own, else that of the quality."""
        from synthcomp_core.training.losses import lambda_of

        if self.lmbda is not None:
            return self.lmbda
        return lambda_of(self.quality or 4, self.distortion)


@dataclass(frozen=True)
class TrainingPlan:
    """A plan file: its data sets by name, its models in the order of training, and the devices."""

    path: Path
    name: str
    data: dict[str, DataPlan]
    models: tuple[ModelPlan, ...]
    device: DevicePlan = field(default_factory=DevicePlan)

    def split(self, name: str) -> tuple[list[Path], list[Path]]:
        """Training and validation files of a data set; PlanError when either is empty."""
        data = self.data[name]
        if data.dataset is not None:
            return split_files(data.dataset, "train"), split_files(data.dataset, "valid")
        key = f"{self.path.name}: `data.{name}.folder`"
        if data.generated is not None:
            return self._generated(data.generated)
        if data.folder is None:
            raise PlanError(f"{key} is missing; expected a folder of images (or `dataset`).")
        folder, patterns = (self.path.parent / data.folder).resolve(), data.validation
        if not folder.is_dir():
            raise PlanError(f"{key} names {self.data[name].folder}, which is not a folder.")
        files = list_images(folder)
        held = [path for path in files if any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)]
        train = [path for path in files if path not in held]
        if not train:
            raise PlanError(f"{key} names {self.data[name].folder}, which holds no images to train on.")
        if not held:
            raise PlanError(f"{self.path.name}: `data.{name}.validation` matches none of the images to hold out.")
        return train, held

    def _generated(self, count: int) -> tuple[list[Path], list[Path]]:
        if count < 3:
            raise PlanError(f"{self.path.name}: `generated` is {count}; expected at least 3 pictures.")
        folder = artifacts_dir() / "runs" / "generated"
        write_images(folder, count)
        files = list_images(folder)[:count]
        return files[:-2], files[-2:]


def read_plan(path: Path) -> TrainingPlan:
    """The plan in a TOML file; PlanError naming file and key for anything unknown, mistyped or out of range.

    Folders are looked into and the headers of the images read, so that a training never starts in vain.
    """
    if not path.is_file():
        raise PlanError(f"There is no plan file {path}.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name} is not valid TOML: {error}.") from None
    known = {"name", "data", "defaults", "model", "device"}
    _refuse_unknown(path.name, "", content, known)
    tables = {key: content.get(key, {}) for key in ("data", "defaults", "device")}
    for key, table in [*tables.items(), *((f"data.{name}", value) for name, value in tables["data"].items())]:
        if not isinstance(table, dict):
            raise PlanError(f"{path.name}: `{key}` is {table!r}; expected a table.")
    models = content.get("model", [])
    if not isinstance(models, list) or not models or not all(isinstance(model, dict) for model in models):
        raise PlanError(f"{path.name}: `model` is missing; expected at least one table begun with [[model]].")
    name = content.get("name", path.stem)
    if not isinstance(name, str):
        raise PlanError(f"{path.name}: `name` is {name!r}; expected text.")
    plan = TrainingPlan(
        path=path.resolve(),
        name=name,
        data={name: _record(DataPlan, value, path.name, f"data.{name}.") for name, value in tables["data"].items()},
        models=tuple(
            _record(ModelPlan, {**tables["defaults"], **model}, path.name, f"model[{number}].")
            for number, model in enumerate(models, start=1)
        ),
        device=_record(DevicePlan, tables["device"], path.name, "device."),
    )
    for number, model in enumerate(plan.models, start=1):
        _check_model(plan, model, f"{path.name}: `model[{number}].")
    _check_images(plan)
    return plan


def _check_model(plan: TrainingPlan, model: ModelPlan, where: str) -> None:
    def refuse(key: str, problem: str) -> PlanError:
        return PlanError(f"{where}{key}` {problem}")

    try:
        check_id(model.id)
    except ValueError as error:
        raise refuse("id", f"cannot name a snapshot: {error}") from None
    if model.data not in plan.data:
        raise refuse("data", f"is {model.data!r}; expected one of {', '.join(plan.data) or 'the [data.*] tables'}.")
    for key in ("steps", "N", "M", "patch", "batch", "validate_every", "checkpoint_every", "validation_crops"):
        if getattr(model, key) < 1:
            raise refuse(key, f"is {getattr(model, key)}; expected at least 1.")
    for key in ("lr", "lr_final", "lr_quantiles", "clip", "transform_rate"):
        if getattr(model, key) <= 0:
            raise refuse(key, f"is {getattr(model, key)}; expected a number above 0.")
    if not 0 <= model.ema < 1:
        raise refuse("ema", f"is {model.ema}; expected a decay from 0 to below 1.")
    if model.batch % (plan.device.devices * plan.device.nodes):
        raise refuse(
            "batch", f"is {model.batch}, which {plan.device.devices * plan.device.nodes} processes cannot share."
        )
    if model.task == "compression":
        if model.quality is None and model.lmbda is None:
            raise refuse("quality", "is missing; expected a quality from 1 to 8 (or `lmbda`).")
        if model.quality is not None and model.quality not in QUALITIES:
            raise refuse("quality", f"is {model.quality}; expected a quality from 1 to 8.")
        if model.patch % 64:
            raise refuse("patch", f"is {model.patch}; expected a multiple of 64.")
        if model.distortion == "ms-ssim" and model.patch < MSSSIM_MIN_PATCH:
            raise refuse("patch", f"is {model.patch}; MS-SSIM needs at least 192.")
        if model.init == KLT_START and model.distortion != "mse":
            raise refuse("init", "is 'klt', whose step size is worked out for `distortion` mse only.")
        if model.init == KLT_START and model.gain:
            raise refuse("gain", "is true; a model that begins as 'klt' has the step of its lambda already.")
        if model.entropy_steps < 0:
            raise refuse("entropy_steps", f"is {model.entropy_steps}; expected 0 or more.")
        if model.entropy_steps and plan.device.devices * plan.device.nodes > 1:
            raise refuse("entropy_steps", f"is {model.entropy_steps}; it needs a single process.")
    elif model.init == KLT_START:
        raise refuse("init", "is 'klt', which only a compression model can begin with.")
    elif model.architecture != "rcan":
        raise refuse("architecture", f"is {model.architecture!r}; super-resolution trains 'rcan'.")
    elif model.scale not in (2, 3, 4):
        raise refuse("scale", f"is {model.scale}; expected 2, 3 or 4.")


def _check_images(plan: TrainingPlan) -> None:
    for name in {model.data for model in plan.models}:
        train, held = plan.split(name)
        largest = max(model.patch for model in plan.models if model.data == name)
        for path in [*train, *held]:
            width, height = _image_size(path)
            if min(width, height) < largest:
                raise PlanError(
                    f"{plan.path.name}: `data.{name}.folder` holds {path.name} of {width}x{height}, smaller than the "
                    f"crop of {largest}; leave it out or lower `patch`."
                )


def _image_size(path: Path) -> tuple[int, int]:
    """(width, height) from the header where Pillow knows the format, else by decoding."""
    from PIL import Image as PillowImage
    from PIL import UnidentifiedImageError

    try:
        with PillowImage.open(path) as opened:
            return opened.size
    except (UnidentifiedImageError, OSError):
        height, width = read_image(path).image.shape[:2]
        return width, height


def _record(kind: type, values: dict[str, Any], file: str, prefix: str) -> Any:
    """A dataclass from a TOML table, each value of the annotated type."""
    hints = typing.get_type_hints(kind)
    _refuse_unknown(file, prefix, values, set(hints))
    converted = {}
    for key, value in values.items():
        converted[key] = _typed(value, hints[key], f"{file}: `{prefix}{key}`")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise PlanError(f"{file}: `{prefix}{key}` is {value!r}; expected one of {', '.join(_CHOICES[key])}.")
    for record in dataclasses.fields(kind):
        required = record.default is dataclasses.MISSING and record.default_factory is dataclasses.MISSING
        if required and record.name not in converted:
            raise PlanError(f"{file}: `{prefix}{record.name}` is missing.")
    return kind(**converted)


def _typed(value: Any, hint: Any, where: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if option is float and type(value) in (int, float):
            return float(value)
        if typing.get_origin(option) is tuple:
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return tuple(value)
        elif type(value) is option:
            return value
    expected = "a list of texts" if typing.get_origin(options[0]) is tuple else _KINDS[options[0]]
    raise PlanError(f"{where} is {value!r} ({_KINDS.get(type(value), type(value).__name__)}); expected {expected}.")


def _refuse_unknown(file: str, prefix: str, values: dict[str, Any], known: set[str]) -> None:
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(sorted(known))}."
            raise PlanError(f"{file}: `{prefix}{key}` is unknown; {meant}")
