"""Plans: a TOML file of data sets, variants and metrics, as frozen records with every key checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.batch.braces import expand_braces
from synthcomp_core.codecs import parse_codec
from synthcomp_core.codecs.classical import FAMILIES, parse_classical
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.images import DEFAULT_MAX_PIXELS
from synthcomp_core.library.snapshots import SnapshotCard, list_snapshots
from synthcomp_core.metrics import DEFAULT_METRICS, METRICS
from synthcomp_core.toml_records import TomlTable
from synthcomp_core.upscalers import RCAN, parse_upscaler, rcan_snapshot_id
from synthcomp_core.variants import Variant

KEEP = ("both", "renderings", "bitstreams", "none")
LAYOUTS = ("run", "thesis")
RENDERED_LAYOUTS = ("flat", "thesis")
PRECISIONS = ("auto", "float32", "bfloat16")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_WALL_TIME = re.compile(r"(?:\d+-)?\d{1,2}:\d{2}(?::\d{2})?|\d+")
_MAX_PLAN_BYTES = 2**20


@dataclass(frozen=True)
class DataSet:
    """The images of one folder: those whose names match one of the glob patterns ``images``, the first ``limit``."""

    name: str
    folder: Path
    images: tuple[str, ...] = ("*",)
    limit: int | None = None


@dataclass(frozen=True)
class RenderedFolder:
    """Pictures rendered elsewhere, measured against a data set's images of the same name.

    layout "flat": ``folder`` holds the pictures of one ``variant``. "thesis": it holds one folder a variant, named as
    in the thesis, and ``trained_on`` completes the ids of its learned codecs. bitstreams: a folder (flat) or a folder
    of such folders (thesis) whose files give the sizes.
    """

    dataset: str
    folder: Path
    layout: str = "flat"
    variant: str | None = None
    trained_on: str | None = None
    bitstreams: Path | None = None


@dataclass(frozen=True)
class SlurmSettings:
    """One Slurm job: ``processes`` workers share its ``cores`` and ``memory`` for ``time``; ``jobs`` are submitted."""

    cores: int
    memory: str
    time: str
    jobs: int = 1
    processes: int = 1
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What `run` carries out. text: the file as read. max_pixels: the largest image that is read."""

    path: Path
    text: str
    name: str
    datasets: tuple[DataSet, ...]
    variants: tuple[Variant, ...]
    renderings: tuple[RenderedFolder, ...]
    metrics: tuple[str, ...]
    keep: str = "both"
    layout: str = "run"
    precision: str = "auto"
    max_pixels: int = DEFAULT_MAX_PIXELS
    slurm: SlurmSettings | None = None

    @property
    def keeps_renderings(self) -> bool:
        """Whether the final images are kept as PNG."""
        return self.keep in ("both", "renderings")

    @property
    def keeps_bitstreams(self) -> bool:
        """Whether the bitstreams are kept."""
        return self.keep in ("both", "bitstreams")


def read_plan(path: Path) -> Plan:
    """The plan in a TOML file; PlanError naming file, key, what was found and what is expected.

    Folders are relative to the plan's own folder. Variants must exist on this machine (their codecs and upscalers);
    nothing is loaded or computed to check that.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path} cannot be read as a plan: {error.strerror or error}.") from error
    if len(content) > _MAX_PLAN_BYTES:
        raise PlanError(f"{path} is larger than any plan ({len(content):,} bytes).")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"{path} is not UTF-8 text, which TOML is.") from error
    return parse_plan(text, path)


def parse_plan(text: str, path: Path) -> Plan:
    """The plan in a TOML text that stands, or could stand, at ``path``; PlanError as :func:`read_plan`."""
    top = TomlTable.read(text, file=str(path))
    name = top.text("name", path.stem)
    if not _NAME.fullmatch(name):
        raise top.error("name", f'is "{name}"; expected letters, digits, ".", "_" and "-", at most 80.')
    base = path.parent
    plan = Plan(
        path=path,
        text=text,
        name=name,
        datasets=tuple(_dataset(table, base) for table in top.tables("datasets")),
        variants=_variants(top),
        renderings=tuple(_rendered_folder(table, base) for table in top.tables("renderings")),
        metrics=_metrics(top),
        keep=top.text("keep", "both", choices=KEEP),
        layout=top.text("layout", "run", choices=LAYOUTS),
        precision=top.text("precision", "auto", choices=PRECISIONS),
        max_pixels=round(top.number("max_megapixels", DEFAULT_MAX_PIXELS / 1e6) * 1e6),
        slurm=_slurm(top.table("slurm")),
    )
    top.finish()
    _check_whole(plan, top)
    return plan


def _dataset(table: TomlTable, base: Path) -> DataSet:
    folder = _folder(table, "folder", base)
    name = table.text("name", folder.name)
    if not _NAME.fullmatch(name):
        raise table.error("name", f'is "{name}"; expected letters, digits, ".", "_" and "-", at most 80.')
    dataset = DataSet(name, folder, table.texts("images", ("*",)), table.whole("limit", None))
    table.finish()
    return dataset


def _rendered_folder(table: TomlTable, base: Path) -> RenderedFolder:
    layout = table.text("layout", "flat", choices=RENDERED_LAYOUTS)
    rendered = RenderedFolder(
        dataset=table.text("dataset"),
        folder=_folder(table, "folder", base),
        layout=layout,
        variant=table.text("variant", None) if layout == "thesis" else table.text("variant"),
        trained_on=table.text("trained_on", None),
        bitstreams=_folder(table, "bitstreams", base) if table.text("bitstreams", None) else None,
    )
    table.finish()
    if layout == "thesis" and rendered.variant is not None:
        raise table.error("variant", "is given, but the thesis layout reads variants off its folders' names.")
    if rendered.variant is not None:
        try:
            Variant.parse(rendered.variant)
        except SynthcompError as error:
            raise table.error("variant", f"is not usable. {error}") from error
    return rendered


def _folder(table: TomlTable, key: str, base: Path) -> Path:
    folder = (base / Path(table.text(key)).expanduser()).resolve()
    if not folder.is_dir():
        raise table.error(key, f'is "{folder}", and there is no such folder; expected one, relative to the plan.')
    return folder


def _variants(top: TomlTable) -> tuple[Variant, ...]:
    found: dict[Variant, None] = {}
    for pattern in top.texts("variants", ()):
        try:
            for text in expand_braces(pattern):
                found[_checked_variant(text)] = None
        except SynthcompError as error:
            raise top.error("variants", f'has "{pattern}". {error}') from error
    return tuple(found)


def _checked_variant(text: str) -> Variant:
    """The variant with this id; its codec and upscaler are at hand, which is found out without loading a model."""
    variant = Variant.parse(text)
    if variant.codec.partition("-q")[0] in FAMILIES:
        parse_classical(variant.codec)
    elif variant.codec not in {card.id for card in list_snapshots("codec")}:
        parse_codec(variant.codec)  # Raises the sentence that names what there is.
    if variant.upscaler is not None and upscaler_snapshot(variant) is None:
        parse_upscaler(variant.upscaler)
    return variant


def upscaler_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant upscales with; None for an upscaler without one, or not at hand."""
    if variant.upscaler is None or variant.scale is None:
        return None
    wanted = rcan_snapshot_id(variant.scale) if variant.upscaler == RCAN else variant.upscaler
    return next((card for card in list_snapshots("upscaler") if card.id == wanted), None)


def codec_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant encodes with; None for a classical codec, or when not at hand."""
    if variant.codec.partition("-q")[0] in FAMILIES:
        return None
    return next((card for card in list_snapshots("codec") if card.id == variant.codec), None)


def _metrics(top: TomlTable) -> tuple[str, ...]:
    names = top.texts("metrics", tuple(DEFAULT_METRICS))
    for name in names:
        if name not in METRICS:
            raise top.error("metrics", f'has "{name}"; expected some of {", ".join(METRICS)}.')
    return tuple(metric for metric in METRICS if metric in names)


def _slurm(table: TomlTable | None) -> SlurmSettings | None:
    if table is None:
        return None
    time = table.text("time")
    if not _WALL_TIME.fullmatch(time):
        raise table.error("time", f'is "{time}"; expected a wall time such as 08:00:00 or 1-12:00:00.')
    memory = table.text("memory")
    if not re.fullmatch(r"\d+(?:\.\d+)? ?[KMGT]i?B", memory):
        raise table.error("memory", f'is "{memory}"; expected an amount such as 16GB.')
    settings = SlurmSettings(
        cores=table.whole("cores"),
        memory=memory,
        time=time,
        jobs=table.whole("jobs", 1),
        processes=table.whole("processes", 1),
        queue=table.text("queue", None),
        account=table.text("account", None),
        interface=table.text("interface", None),
        directives=table.texts("directives", ()),
        prologue=table.texts("prologue", ()),
    )
    table.finish()
    if settings.processes > settings.cores:
        raise table.error("processes", f"is {settings.processes}; expected at most `cores`, {settings.cores}.")
    return settings


def _check_whole(plan: Plan, top: TomlTable) -> None:
    names = [dataset.name for dataset in plan.datasets]
    if not names:
        raise top.error("datasets", "is missing; expected at least one [[datasets]] table with a folder.")
    for name in names:
        if names.count(name) > 1:
            raise top.error("datasets", f'has "{name}" twice; expected each `name` once.')
    if not plan.variants and not plan.renderings:
        raise top.error("variants", "is missing; expected variant ids, or [[renderings]] tables to measure.")
    for number, rendered in enumerate(plan.renderings, start=1):
        if rendered.dataset not in names:
            raise top.error(
                f"renderings[{number}].dataset",
                f'is "{rendered.dataset}"; expected the name of a data set: {", ".join(names)}.',
            )
