"""Renderings that batch runs have kept: found again by image, variant and the weights they were made with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.batch.journal import JOURNAL, Entry, is_intact, read_journal
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, read_image
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import is_inside, read_file, runs_dir
from synthcomp_core.variants import Rendering, Variant
from synthcomp_core.variants.snapshots_of import weights_of


@dataclass(frozen=True)
class KeptRendering:
    """One finished task of a run that kept its image. bitstream: None when that was not kept."""

    run: str
    row: ResultRow
    rendering: Path
    bitstream: Path | None


@dataclass(frozen=True)
class KeptImages:
    """What a run kept of one image: the names of its variants."""

    dataset: str
    image: str
    variants: tuple[str, ...]


def journal_paths() -> list[Path]:
    """The journals of all runs, most recently written first."""
    found = [path for path in runs_dir().glob(f"*/{JOURNAL}") if path.is_file()]
    return sorted(found, key=lambda path: (-path.stat().st_mtime, path))


def read_entries(journal: Path) -> list[Entry]:
    """The entries of a journal whose renderings were kept; none if it is damaged, which the run itself reports.

    An enlarged image is no rendering: it has another size than its reference, and nothing was coded.
    """
    try:
        entries = read_journal(journal).values()
    except (SynthcompError, OSError):
        return []
    kept = (entry for entry in entries if entry.kept_rendering is not None and entry.row.error is None)
    return [entry for entry in kept if entry.row.num_bytes is not None]


def kept_images(journal: Path, *, preferred: Collection[str] = ()) -> KeptImages | None:
    """The image of a run of which most variants were kept, the first of several; None where none was.

    preferred: data sets of which an image is taken if there is one.
    """
    variants: dict[tuple[str, str], list[str]] = {}
    for entry in read_entries(journal):
        variants.setdefault((entry.row.dataset, entry.row.image), []).append(entry.row.variant)
    if not variants:
        return None
    dataset, image = max(variants, key=lambda place: (place[0] in preferred, len(variants[place])))
    return KeptImages(dataset, image, tuple(variants[dataset, image]))


def find_kept(entries: Iterable[tuple[str, Entry]], file_sha256: str, variant: Variant) -> KeptRendering | None:
    """The first of (run's name, entry) that is ``variant`` of the image file with this hash, made with today's weights.

    Images that were rendered elsewhere and only measured do not count: nothing says what made them.
    """
    weights = weights_of(variant)
    for run, entry in entries:
        if (entry.image_sha256, entry.row.variant, entry.made_with) != (file_sha256, str(variant), weights):
            continue
        rendering, bitstream = entry.kept_rendering, entry.kept_bitstream
        if rendering and is_intact(rendering, entry.rendering_stamp) and is_inside(rendering, runs_dir()):
            if bitstream and not (is_intact(bitstream, entry.bitstream_stamp) and is_inside(bitstream, runs_dir())):
                bitstream = None
            return KeptRendering(run, entry.row, rendering, bitstream)
    return None


def read_kept(kept: KeptRendering, reference: Image) -> Rendering:
    """The rendering as far as it was kept: without coded image and bit map, the bitstream empty if it was not kept.

    SynthcompError when the image is not of the reference's size.
    """
    image = read_image(kept.rendering).image
    if image.shape != reference.shape:
        raise SynthcompError(
            f"{kept.rendering.name} of run {kept.run} does not have its reference's size; run it again."
        )
    row = kept.row
    return Rendering(
        variant=Variant.parse(row.variant),
        bitstream=b"" if kept.bitstream is None else read_file(kept.bitstream, max_bytes=limits.BITSTREAM_BYTES),
        num_bytes=row.num_bytes or 0,
        image=image,
        coded_image=image,
        bit_map=None,
        bits_estimated=None,
        encode_s=row.encode_s or 0.0,
        decode_s=row.decode_s or 0.0,
        upscale_s=row.upscale_s,
    )
