"""Where a run's files lie, in its own layout or the thesis's, and the thesis's folder names read as variants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.batch.plan import Layout
from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.errors import PlanError
from synthcomp_core.library.snapshot_ids import point_id
from synthcomp_core.library.snapshots import Distortion, find_snapshot
from synthcomp_core.library.thesis_names import UNCODED, thesis_point
from synthcomp_core.variants import Variant

RENDERINGS, BITSTREAMS = "renderings", "bitstreams"


def rendering_path(run: Path, layout: Layout, dataset: str, variant: Variant, image_name: str) -> Path:
    """The PNG of a variant's final image, for one image of a data set, inside a run's folder."""
    folder = run / RENDERINGS / dataset
    if layout == "thesis":
        suffix = "" if variant.scale is None else f"_x{variant.scale:g}_SR"
        return folder / thesis_folder(variant) / f"{Path(image_name).stem}{suffix}.png"
    return folder / str(variant) / f"{Path(image_name).stem}.png"


def bitstream_path(run: Path, layout: Layout, dataset: str, variant: Variant, image_name: str) -> Path:
    """The bitstream of one image through a variant, inside a run's folder, with the codec's own suffix."""
    folder = thesis_folder(variant) if layout == "thesis" else str(variant)
    return run / BITSTREAMS / dataset / folder / f"{Path(image_name).stem}{variant.codec_id.suffix}"


def thesis_folder(variant: Variant) -> str:
    """The thesis's folder name for a variant, such as ``mbt2018_q4_mse_fullres``; it leaves out the training set.

    ``none@x2-...``, the uncoded half-size image brought back, is ``bicubic_supersampled``.
    """
    if variant.codec == "none" and variant.scale == 2:
        return UNCODED
    codec_id = variant.codec_id
    if codec_id.is_learned:
        card = find_snapshot(codec_id.family)
        distortion = Distortion.parse(card.distortion or Distortion.MSE).short
        codec = f"{card.architecture}_q{card.quality or 0}_{distortion}"
    else:
        codec = f"{codec_id.family}_q{codec_id.quality or 0:g}"
    codec += "".join(f"+{option}" for option in codec_id.options)  # The thesis has none, and no name for one.
    return f"{codec}_fullres" if variant.scale is None else f"{codec}_x{variant.scale:g}res_supersampled"


def check_layout(layout: Layout, variants: tuple[Variant, ...]) -> None:
    """PlanError when two variants would share a folder: the thesis's names leave out training set and upscaler."""
    if layout != "thesis":
        return
    taken: dict[str, Variant] = {}
    for variant in variants:
        other = taken.setdefault(thesis_folder(variant), variant)
        if other != variant:
            raise PlanError(
                f"{other} and {variant} are both {thesis_folder(variant)} in the thesis layout; "
                'use layout = "run" or a plan for each.'
            )


@dataclass(frozen=True)
class ThesisFolder:
    """A folder of renderings in the thesis's layout, and the variant that its name stands for."""

    folder: Path
    variant: Variant


def thesis_folders(parent: Path, trained_on: str | None) -> list[ThesisFolder]:
    """The folders in ``parent`` that are named as in the thesis, by name; PlanError when there is none.

    trained_on: completes the ids of learned codecs (``mbt2018-q4-mse-games``). Super-sampled means RCAN.
    """
    found = []
    for folder in sorted(path for path in parent.iterdir() if path.is_dir()):
        variant = thesis_variant(folder.name, trained_on)
        if variant is not None:
            found.append(ThesisFolder(folder, variant))
    if not found:
        raise PlanError(
            f"{parent} has no folder named as in the thesis, such as mbt2018_q4_mse_fullres, "
            f"mbt2018_q4_mse_x2res_supersampled or {UNCODED}."
        )
    return found


def thesis_variant(folder_name: str, trained_on: str | None) -> Variant | None:
    """The variant that a folder's name stands for in the thesis, or None for any other name."""
    point = thesis_point(folder_name)
    if point is None:
        return None
    if point.codec in FAMILIES:
        codec = str(CodecId(point.codec, None if FAMILIES[point.codec].qualities is None else point.quality))
    else:
        codec = point_id(point.codec, point.quality, point.distortion, trained_on)
    return Variant(codec, point.scale, "rcan") if point.scale else Variant(codec)
