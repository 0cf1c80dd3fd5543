"""Images rendered elsewhere: matched to their references by name, cut to size, and measured."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.batch.folders import thesis_folders
from synthcomp_core.batch.plan import RenderedFolder
from synthcomp_core.codecs import rate_bytes
from synthcomp_core.errors import BitstreamError, PlanError, reason_of
from synthcomp_core.images import Image, list_images, raw_bytes, read_image
from synthcomp_core.library.renderings import cut_to_size
from synthcomp_core.library.thesis_names import reference_stem
from synthcomp_core.metrics import bits_per_pixel, measure
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant, bare_row


@dataclass(frozen=True)
class MatchedRendering:
    """An image rendered elsewhere, its reference, its variant, and the bitstream whose size is its rate, if any."""

    reference: Path
    rendering: Path
    variant: Variant
    bitstream: Path | None


def match_renderings(rendered: RenderedFolder, references: list[Path]) -> list[MatchedRendering]:
    """The images of a folder whose names, without ``_x2_SR``, are those of references.

    PlanError, naming folder and names, when one folder matches nothing or one reference twice.
    """
    by_stem = {path.stem: path for path in references}
    matches = []
    for folder, variant in _folders(rendered):
        bitstreams = _bitstreams(rendered, folder)
        found: dict[Path, Path] = {}
        renderings = list_images(folder)
        for rendering in renderings:
            reference = by_stem.get(rendering.stem) or by_stem.get(reference_stem(rendering))
            if reference is None:
                continue
            if reference in found:
                raise PlanError(
                    f"{found[reference].name} and {rendering.name} in {folder} are both of {reference.name}; "
                    "remove one."
                )
            found[reference] = rendering
            bitstream = bitstreams.get(rendering.stem) or bitstreams.get(reference.stem)
            matches.append(MatchedRendering(reference, rendering, variant, bitstream))
        if not found:
            shown = ", ".join(path.name for path in renderings[:3]) or "no image"
            raise PlanError(
                f"{folder} has no image named like one of data set {rendered.dataset} "
                f"(it holds {shown}; expected, say, {references[0].stem}.png or {references[0].stem}_x2_SR.png)."
            )
    return matches


def measured_row(
    reference: Image,
    match: MatchedRendering,
    *,
    dataset: str,
    metrics: tuple[str, ...],
    max_pixels: int,
) -> ResultRow:
    """The row for an image rendered elsewhere: no times; a rate only with a bitstream (or for ``none``).

    ImageError when the image cannot be read or is smaller than its reference.
    """
    height, width = reference.shape[:2]
    image = cut_to_size(read_image(match.rendering, max_pixels=max_pixels).image, width, height)
    row = bare_row(dataset, match.reference.name, match.variant)
    num_bytes = _num_bytes(match, width, height)
    return dataclasses.replace(
        row,
        width=width,
        height=height,
        num_bytes=num_bytes,
        bpp=None if num_bytes is None else bits_per_pixel(num_bytes, width, height),
        **dataclasses.asdict(measure(reference, image, metrics=metrics)),
    )


def _folders(rendered: RenderedFolder) -> list[tuple[Path, Variant]]:
    if rendered.layout == "thesis":
        return [(found.folder, found.variant) for found in thesis_folders(rendered.folder, rendered.trained_on)]
    if rendered.variant is None:
        raise ValueError("a flat folder of renderings has a variant")
    return [(rendered.folder, rendered.variant)]


def _bitstreams(rendered: RenderedFolder, folder: Path) -> dict[str, Path]:
    if rendered.bitstreams is None:
        return {}
    parent = rendered.bitstreams / folder.name if rendered.layout == "thesis" else rendered.bitstreams
    if not parent.is_dir():
        return {}
    return {path.stem: path for path in sorted(parent.iterdir()) if path.is_file() and not path.name.startswith(".")}


def _num_bytes(match: MatchedRendering, width: int, height: int) -> int | None:
    if match.variant.codec == "none":
        return raw_bytes(width, height, match.variant.scale)
    if match.bitstream is None:
        return None
    try:
        content = match.bitstream.read_bytes()
    except OSError as error:
        raise BitstreamError(f"{match.bitstream} cannot be read: {reason_of(error)}.") from error
    return rate_bytes(match.variant.codec, content)
