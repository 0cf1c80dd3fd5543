"""Renderings that batch runs have kept: found again by image, variant and the weights they were made with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.batch.journal import JOURNAL, Entry, read_journal
from synthcomp_core.batch.plan import codec_snapshot, upscaler_snapshot
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, read_image
from synthcomp_core.results.table import ResultRow
from synthcomp_core.storage import artifacts_dir
from synthcomp_core.variants import Rendering, Variant


@dataclass(frozen=True)
class KeptRendering:
    """One finished task of a run whose picture was kept. bitstream: None when that was not."""

    run: str
    row: ResultRow
    rendering: Path
    bitstream: Path | None


def runs_dir() -> Path:
    """The folder that holds the runs."""
    return artifacts_dir() / "runs"


def journal_paths() -> list[Path]:
    """The journals of all runs, the one written last first."""
    found = [path for path in runs_dir().glob(f"*/{JOURNAL}") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def read_entries(journal: Path) -> list[Entry]:
    """The entries of a journal that kept their pictures; none where the journal is damaged, which the run reports."""
    try:
        entries = read_journal(journal).values()
    except (SynthcompError, OSError):
        return []
    return [entry for entry in entries if entry.kept_rendering is not None and entry.row.error is None]


def find_kept(entries: Iterable[tuple[str, Entry]], file_sha256: str, variant: Variant) -> KeptRendering | None:
    """The first of (run's name, entry) that is ``variant`` of the image file with this hash, made with today's weights.

    Pictures that were measured but rendered elsewhere do not count: nothing says what made them.
    """
    cards = [card for card in (codec_snapshot(variant), upscaler_snapshot(variant)) if card is not None]
    made_with = tuple(f"{card.id}:{card.sha256}" for card in cards)
    for run, entry in entries:
        if (entry.image_sha256, entry.row.variant, entry.made_with) != (file_sha256, str(variant), made_with):
            continue
        rendering = Path(entry.kept_rendering or "")
        bitstream = Path(entry.kept_bitstream) if entry.kept_bitstream else None
        if rendering.is_file() and rendering.resolve().is_relative_to(runs_dir().resolve()):
            return KeptRendering(run, entry.row, rendering, bitstream if bitstream and bitstream.is_file() else None)
    return None


def read_kept(kept: KeptRendering, reference: Image) -> Rendering:
    """The rendering as far as it was kept: without the coded picture, bit map and, perhaps, bitstream (empty then).

    SynthcompError when the picture is not of the reference's size.
    """
    image = read_image(kept.rendering).image
    if image.shape != reference.shape:
        raise SynthcompError(f"{kept.rendering.name} of run {kept.run} is not of its reference's size; run it again.")
    row = kept.row
    return Rendering(
        variant=Variant.parse(row.variant),
        bitstream=b"" if kept.bitstream is None else kept.bitstream.read_bytes(),
        num_bytes=row.num_bytes or 0,
        image=image,
        coded_image=image,
        bit_map=None,
        bits_estimated=None,
        encode_s=row.encode_s or 0.0,
        decode_s=row.decode_s or 0.0,
        upscale_s=row.upscale_s,
    )
