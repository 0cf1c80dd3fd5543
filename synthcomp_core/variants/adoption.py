"""Adopting a project: what lies in its folder is offered here under names, by links; only weights are converted."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.errors import SnapshotError, SynthcompError, reason_of
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.checkpoint_names import point_in_name
from synthcomp_core.library.datasets import (
    count_text,
    data_dir,
    fetch,
    has_data_set,
    images_dir,
    link_data_set,
    read_data_set_card,
)
from synthcomp_core.library.findings import CHECKPOINT_SUFFIXES, Finding, Kind
from synthcomp_core.library.json_records import JsonError, read_json
from synthcomp_core.library.project_scan import scan_project
from synthcomp_core.library.renderings import PREFIX, find_renderings, link_renderings, rates_text
from synthcomp_core.library.snapshot_ids import point_id
from synthcomp_core.library.snapshots import (
    ID_PATTERN,
    Distortion,
    SnapshotCard,
    find_snapshot,
    make_borrowers_whole,
    snapshot_path,
    snapshots_dir,
)
from synthcomp_core.progress import OnProgress, counted, silent
from synthcomp_core.results.formats import load_results
from synthcomp_core.storage import artifacts_dir, is_file, is_folder, is_inside, link_to, write_text

TABLES, SAMPLES = "adopted", "fsr-samples"  # below artifacts/
_REGISTRY = "adopted.json"
_LEFT_OUT = "left out"
_ADOPTED_FROM = "adopted from "
_MADE = re.compile(rf"(data|snapshots|renderings|{TABLES}|{SAMPLES})/(?!\.)[^/\0\n]{{1,{limits.PATH_BYTES}}}")


@dataclass(frozen=True)
class Adopted:
    """What became of one finding. path: what stands for it below the artifacts folder, None if nothing does."""

    finding: Finding
    outcome: str
    path: Path | None = None

    @property
    def is_left_out(self) -> bool:
        """Whether it could not be used; the outcome says why."""
        return self.path is None and self.outcome.startswith(_LEFT_OUT)


def adopt_project(folder: Path, *, on_progress: OnProgress = silent) -> list[Adopted]:
    """Register what lies in a project's folder: data sets, renderings, samples and tables by links, weights converted.

    Run again, it only adds what is new. What cannot be used says so in its outcome, and the rest continues.
    SynthcompError when there is no folder, or nothing in it that is known.
    """
    findings = scan_project(folder)
    if not findings:
        raise SynthcompError(
            f"{folder} holds nothing that can be adopted: no data set with train and test, no checkpoint, no folder of "
            "renderings such as mbt2018_q4_mse_fullres, no FSR samples, no table."
        )
    key, outcomes = str(folder.resolve()), []
    if any("\ud800" <= letter <= "\udfff" for letter in key):
        raise SynthcompError(f"The path of {key[:300]!r} is not UTF-8, so that it cannot be noted; rename that folder.")
    created = set(_registry().get(key, []))
    for number, finding in enumerate(findings):
        on_progress(number / len(findings), finding.path.name)
        try:
            done = _REGISTER[finding.kind](finding)
        except SynthcompError as error:
            done = Adopted(finding, f"{_LEFT_OUT}: {error}")
        outcomes.append(done)
        if done.path is not None:
            created.add(done.path.relative_to(artifacts_dir()).as_posix())
            _write_registry({**_registry(), key: sorted(created)})  # At once: an interruption must not lose it.
    return outcomes


def forget_project(folder: Path) -> int:
    """Undo an adoption: remove what it put below the artifacts folder, never what the project holds; how many."""
    paths, registry = put_by_adoption(folder), _registry()
    del registry[str(folder.resolve())]
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # A data set's folder: its images are a link, which is removed, not followed.
            continue
        if path.parent == snapshots_dir() and ID_PATTERN.fullmatch(path.stem):
            make_borrowers_whole(path.stem)
        path.unlink(missing_ok=True)
    _write_registry(registry)
    return len(paths)


def put_by_adoption(folder: Path) -> list[Path]:
    """What the adoption of a project put below the artifacts folder and is still there: what forgetting it removes.

    What was put in its place since then, by a fetch or an import of the same name, is not. SynthcompError for a folder
    that was not adopted.
    """
    registry = _registry()
    key = str(folder.resolve())
    if key not in registry:
        known = ", ".join(registry) or "none"
        raise SynthcompError(f"{folder} was not adopted; adopted folders: {known}.")
    paths = (artifacts_dir() / name for name in registry[key])
    return [path for path in paths if _is_adopted(path, folder)]


def _is_adopted(path: Path, folder: Path) -> bool:
    """Whether what is there is what an adoption put there: a link, or what was unpacked or converted and says so."""
    if path.is_symlink():
        return True
    try:
        if path.parent == snapshots_dir() and is_file(path):
            return (find_snapshot(path.stem).source or "").startswith(_ADOPTED_FROM)
        if path.parent == data_dir() and is_folder(path):
            images = images_dir(path.name)
            source = read_data_set_card(path.name).source
            unpacked = source.lower().endswith(".zip") and "://" not in source
            return is_inside(images, folder) if images.is_symlink() else unpacked
    except SynthcompError:
        return True  # Damaged: nothing says that it is another one.
    return False


def sample_sets() -> dict[str, Path]:
    """The folders and zips of FSR samples that were adopted, by name."""
    folder = artifacts_dir() / SAMPLES
    return {path.stem: path for path in sorted(folder.glob("*"))} if folder.is_dir() else {}


def import_checkpoint(
    path: Path,
    *,
    id: str | None = None,
    key: str | None = None,
    check_free: Callable[[str], None] = lambda snapshot_id: None,
    half: bool = True,
    out: Path | None = None,
    **fields: object,
) -> SnapshotCard:
    """Import a codec's or an upscaler's checkpoint as a snapshot; what ``fields`` leave out is read from its name.

    id: None for MODEL-qQUALITY-DISTORTION-DATA, where the name or the fields say these. key: as of
    ``read_checkpoint``. check_free: raises when a snapshot of an id may not be written. out: a file other than the
    snapshots folder's. fields: of SnapshotCard, those that are None do not count. SnapshotError for a file that cannot
    be used.
    """
    from synthcomp_core.codecs import checkpoints

    given = {name: value for name, value in fields.items() if value is not None}
    named = {name: value for name, value in dataclasses.asdict(point_in_name(path.name)).items() if value is not None}
    named.pop("architecture", None)
    if id is not None:
        check_free(id)
    state_dict = read_checkpoint(path, key=key)
    if not checkpoints.is_codec(state_dict):
        from synthcomp_core.upscalers.neural import import_upscaler

        if strays := [name for name in ("quality", "lmbda", "distortion") if name in given]:
            listed = " and ".join(strays).replace("lmbda", "lambda")
            raise SnapshotError(f"{path.name} holds an upscaler, which has no {listed}; leave that out.")
        snapshot_id = id or _upscaler_id(path)
        check_free(snapshot_id)
        return import_upscaler(state_dict, id=snapshot_id, half=half, path=out, **given)  # type: ignore[arg-type]
    given = {**named, **given}
    if id is None:
        architecture = checkpoints.infer_architecture(checkpoints.with_current_names(state_dict))[0]
        id = _codec_id(path, architecture, given)
        check_free(id)
    return checkpoints.import_codec(state_dict, id=id, half=half, path=out, **given)  # type: ignore[arg-type]


def _codec_id(path: Path, architecture: str, given: dict[str, object]) -> str:
    quality, distortion = given.get("quality"), given.get("distortion")
    if quality is None or distortion is None:
        raise SnapshotError(f"The name {path.name} does not say what to call the snapshot; give it an --id.")
    data = re.sub(r"[^a-z0-9]+", "", str(given.get("trained_on") or "").lower()) or "own"
    return point_id(architecture, int(str(quality)), Distortion.parse(str(distortion)).short, data)


def _upscaler_id(path: Path) -> str:
    name = path.name.lower()
    suffix = next((suffix for suffix in CHECKPOINT_SUFFIXES if name.endswith(suffix)), "")
    return re.sub(r"[^a-z0-9]+", "-", name.removesuffix(suffix)).strip("-") or "upscaler"


def _adopt_data_set(finding: Finding) -> Adopted:
    path = data_dir() / finding.name
    if has_data_set(finding.name):
        return Adopted(finding, f"data set {finding.name}, available already")
    if finding.path.is_file():
        # A zip cannot be linked to: its images are unpacked.
        card = fetch(str(finding.path), name=finding.name, inside=finding.inside)
        return Adopted(finding, f"data set {card.name}, {count_text(card.name)}, unpacked", path)
    card = link_data_set(finding.name, finding.path)
    return Adopted(finding, f"data set {card.name}, {count_text(card.name)}", path)


def _adopt_checkpoint(finding: Finding) -> Adopted:
    def check_free(snapshot_id: str) -> None:
        if snapshot_path(snapshot_id).exists():
            raise _Installed(snapshot_id)

    try:
        card = import_checkpoint(finding.path, check_free=check_free, source=f"{_ADOPTED_FROM}{finding.path.name}")
    except _Installed as installed:
        return Adopted(finding, _of_taken_id(finding.path, str(installed)))
    return Adopted(finding, f"snapshot {card.id}", snapshot_path(card.id))


class _Installed(Exception):
    pass


def _of_taken_id(checkpoint: Path, snapshot_id: str) -> str:
    """What becomes of a checkpoint whose id is taken: nothing, but by its own weights or by those of another model."""
    with tempfile.TemporaryDirectory() as folder:
        imported = import_checkpoint(checkpoint, out=Path(folder) / "imported.safetensors")
    if imported.sha256 == find_snapshot(snapshot_id).sha256:
        return f"snapshot {snapshot_id}, installed already"
    return (
        f"{_LEFT_OUT}: another model is installed as {snapshot_id}; import this one under an id of its own with "
        f"`snapshot import {shlex.quote(str(checkpoint))} --id {snapshot_id}-2`"
    )


def _adopt_renderings(finding: Finding) -> Adopted:
    link = link_renderings(finding.name, finding.path)
    rendered = find_renderings(f"{PREFIX}{finding.name}")
    return Adopted(finding, f"renderings {rendered.id}, {rates_text(rendered)}", link)


def _adopt_samples(finding: Finding) -> Adopted:
    suffix = ".zip" if finding.path.is_file() else ""
    link = link_to(finding.path, artifacts_dir() / SAMPLES / f"{finding.name}{suffix}")
    return Adopted(finding, f"FSR samples {finding.name}", link)


def _adopt_results(finding: Finding) -> Adopted:
    try:
        loaded = load_results(finding.path)
    except SynthcompError:
        return Adopted(finding, "no results table")  # Most CSV and JSON files of a project are something else.
    link = link_to(finding.path, artifacts_dir() / TABLES / f"{finding.name}{finding.path.suffix.lower()}")
    return Adopted(finding, f"results {finding.name}, {counted(len(loaded.table), 'row')}", link)


def _adopt_plan(finding: Finding) -> Adopted:
    return Adopted(finding, "plan; `run` or `train` takes it from where it is")


def _pass_over(finding: Finding) -> Adopted:
    return Adopted(finding, f"{_LEFT_OUT}: {finding.detail}")


_REGISTER: dict[Kind, Callable[[Finding], Adopted]] = {
    Kind.DATA_SET: _adopt_data_set,
    Kind.CHECKPOINT: _adopt_checkpoint,
    Kind.RENDERINGS: _adopt_renderings,
    Kind.SAMPLES: _adopt_samples,
    Kind.RESULTS: _adopt_results,
    Kind.PLAN: _adopt_plan,
    Kind.ARCHIVE: _pass_over,
}


def _registry() -> dict[str, list[str]]:
    """By adopted folder, what was created below the artifacts folder."""
    path = artifacts_dir() / _REGISTRY
    try:
        content = read_json(path, dict[str, list[str]], max_bytes=limits.JSON_BYTES)
    except FileNotFoundError:
        return {}
    except (OSError, JsonError) as error:
        raise SynthcompError(f"{path} does not say what was adopted ({reason_of(error)}); remove it.") from None
    # Nothing but what an adoption makes is ever removed: no folder of ours as a whole, and nothing elsewhere.
    return {key: [name for name in names if _MADE.fullmatch(name)] for key, names in content.items()}


def _write_registry(registry: dict[str, list[str]]) -> None:
    write_text(artifacts_dir() / _REGISTRY, json.dumps(registry, indent=1))
