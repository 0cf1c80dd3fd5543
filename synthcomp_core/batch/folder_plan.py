"""A plan for a folder of images, made from what a command line asks for instead of a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from synthcomp_core.batch.plan import Keep, Plan, parse_run_plan
from synthcomp_core.errors import PlanError
from synthcomp_core.images import DEFAULT_MAX_PIXELS, images_below
from synthcomp_core.library.datasets import has_data_set
from synthcomp_core.runtime import Precision
from synthcomp_core.storage import NAME_PATTERN, exists, is_folder, runs_dir, safe_name

PLAN_FILE = "plan.toml"
# The options of the verbs that stand for a plan's keys; what stands for the variants is each verb's own.
_OPTIONS = {"metrics": "--metric"}
_VARIANT_OPTIONS = {"advise": "--family"}
_HASH_DIGITS = 6
_NAME_CHARACTERS = 40


def folder_plan(
    folder: Path,
    variants: Sequence[str],
    *,
    purpose: str,
    metrics: Sequence[str],
    keep: Keep = "none",
    enlarge: bool = False,
    precision: str = Precision.AUTO,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Plan:
    """The plan that sends every image of a folder through variants, which may be patterns as in a plan.

    folder: or the name of a data set, with its split if wanted, as in ``gta-plus/test``.
    Its name, and so its run's folder, says the purpose ("evaluate") and the folder: another call for the same folder
    continues the run, whatever its variants. PlanError, naming the option, for a folder without images or a variant
    that cannot be used.
    """
    named = _of_data_set(folder)
    if named is None and not is_folder(folder):
        raise PlanError(f"{str(folder)[:300]} is neither a folder nor a data set; give one that holds images.")
    if named is None and not images_below(folder):
        raise PlanError(f"The folder {folder} holds no image.")
    if not variants:
        raise PlanError("No variant is given; name at least one, as in webp-q80 or mbt2018-q{4,6}-mse-games.")
    where = folder if named else folder.resolve()
    called = (safe_name(where.name) or "images")[:_NAME_CHARACTERS].strip("-._") or "images"
    # Folders of the same name in different places have runs of their own.
    digest = hashlib.sha256(str(where).encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_DIGITS]
    settings = {
        "name": f"{purpose}-{called}-{digest}",
        "variants": list(variants),
        "metrics": list(metrics),
        "keep": keep,
        "precision": str(precision),
        "max_megapixels": max_pixels / 1e6,
        **({"enlarge": True} if enlarge else {}),
    }
    lines = [f"{key} = {_toml(value)}" for key, value in settings.items()]
    lines += ["", "[[datasets]]", *(named or [f"folder = {_toml(str(where))}"]), f"name = {_toml(called)}", ""]
    path = runs_dir() / str(settings["name"]) / PLAN_FILE
    try:
        return parse_run_plan("\n".join(lines), path)
    except PlanError as error:
        raise _of_option(error, path, {**_OPTIONS, "variants": _VARIANT_OPTIONS.get(purpose, "--variants")}) from error


def names_images(source: Path) -> bool:
    """Whether a folder plan can be made of a path: it is a folder, or names a data set with or without its split."""
    return is_folder(source) or _of_data_set(source) is not None


def _of_data_set(source: Path) -> list[str] | None:
    """The lines of a plan for ``NAME`` or ``NAME/SPLIT`` of a data set in the library; None for anything else."""
    name, *rest = source.as_posix().split("/")
    if exists(source) or not NAME_PATTERN.fullmatch(name) or not has_data_set(name) or len(rest) > 1:
        return None
    return [f"dataset = {_toml(name)}", *(f"split = {_toml(split)}" for split in rest)]


def _of_option(error: PlanError, path: Path, options: dict[str, str]) -> PlanError:
    """An error in a plan that nobody wrote, saying the option of the command line where it says file and key."""
    said = str(error).removeprefix(str(PlanError(f"{path}: ")))
    return PlanError(re.sub(r"^`(\w+)`", lambda found: options.get(found[1], found[0]), said))


def _toml(value: object) -> str:
    """A text, number, truth value or list of these in TOML, which writes them as JSON does, except for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
