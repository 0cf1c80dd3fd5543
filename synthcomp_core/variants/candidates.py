"""The candidates among which to choose under a constraint, and what they make of one image.

They are variants that aim at the constraint (``webp-bytes100000``), so that the quality of each is searched for by
:mod:`.targets` and not tried on a grid.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.metrics import Reference
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.runtime import usable_threads
from synthcomp_core.variants.ceilings import Ceilings
from synthcomp_core.variants.evaluation import evaluate
from synthcomp_core.variants.names import variant_name
from synthcomp_core.variants.rows import bare_row
from synthcomp_core.variants.snapshot_matrix import learned_points
from synthcomp_core.variants.targets import aiming_id
from synthcomp_core.variants.variant import MAX_SCALE, Variant

ADVICE_METRICS = ("psnr_rgb", "msssim_rgb", "flip", "ssimulacra2")
DEFAULT_SCALES = (1.0, 2.0)
DEFAULT_UPSCALERS = ("lanczos",)
# Encoding times of a 1080p frame, over those of JPEG 2000.
_EFFORTS = {"jpeg": 0.1, "avif": 5.0, "jxl": 5.0}
_LEARNED_EFFORT = 20.0
_LOOK_S = 0.2  # How often it is asked whether to stop.


def candidates(
    target: Target,
    *,
    families: Sequence[str] | None = None,
    scales: Sequence[float] = DEFAULT_SCALES,
    upscalers: Sequence[str] = DEFAULT_UPSCALERS,
) -> list[Variant]:
    """The variants that aim at a target: every family at every scale, lower resolutions with every upscaler.

    families: names of classical codecs, and ids of snapshots or of their families without a quality; default: all lossy
    classical codecs and every learned family. SynthcompError for a family that does not exist, a scale not in 1 to 8.
    """
    for scale in scales:
        if not 1 <= scale <= MAX_SCALE:
            raise SynthcompError(
                f"A scale is {scale:g}; it must be at least 1, which is full resolution, and at most {MAX_SCALE:g}."
            )
    codecs = [str(_aiming(family, target)) for family in (families if families is not None else lossy_families())]
    lower = [(scale, upscaler) for scale in scales if scale > 1 for upscaler in upscalers]
    found = [Variant(codec) for codec in codecs] if 1 in scales else []
    return found + [Variant.parse(f"{codec}@x{scale:g}-{upscaler}") for codec in codecs for scale, upscaler in lower]


def _expected_work(variant: Variant) -> float:
    """How long the search of a variant takes, compared with others': its effort per pixel times the coded area."""
    codec_id = variant.codec_id
    effort = _LEARNED_EFFORT if codec_id.is_learned else _EFFORTS.get(codec_id.family, 1.0)
    return effort / (variant.scale or 1.0) ** 2


def lossy_families() -> list[str]:
    """The classical codecs with a quality, then the learned families, one snapshot's id for all its qualities."""
    classical = [name for name, family in FAMILIES.items() if family.qualities is not None]
    learned: dict[tuple[str, str, str], str] = {}
    for point in learned_points():
        learned.setdefault((point.model, point.distortion, point.trained_on), point.id)
    return [*classical, *learned.values()]


def _aiming(family: str, target: Target) -> CodecId:
    known = {card.id for card in list_snapshots("codec")}
    head = family.split("+")[0]
    if head not in FAMILIES and head not in known:
        raise SynthcompError(f"Unknown family {family!r}: use {', '.join(lossy_families())}.")
    if head in FAMILIES and FAMILIES[head].qualities is None:
        raise SynthcompError(f"{family} is lossless and has no quality to choose; leave it out.")
    return aiming_id(family, target)


def rows_for_image(
    image: Image,
    variants: Sequence[Variant],
    *,
    dataset: str,
    image_name: str,
    metrics: Sequence[str] = ADVICE_METRICS,
    reference: Reference | None = None,
    on_row: Callable[[ResultRow], None] = lambda row: None,
    on_progress: OnProgress = silent,
) -> list[ResultRow]:
    """The rows of one (H, W, 3) image through the variants, in their order, several at a time.

    reference: of the image, where more variants follow. on_row: called in this thread with each row when it is ready. A
    variant that cannot keep to its target is a row with an error. Raise ``Cancelled`` from ``on_progress`` to stop.
    """
    known = reference or Reference(image)
    ceilings = Ceilings(known)
    rows: dict[int, ResultRow] = {}
    stopped = threading.Event()

    def heed(fraction: float, stage: str) -> None:
        if stopped.is_set():
            raise Cancelled

    def work(variant: Variant) -> ResultRow:
        try:
            ceilings.check(variant)
            return evaluate(
                image, variant, dataset=dataset, image_name=image_name, metrics=metrics, reference=known,
                on_progress=heed,
            ).row  # fmt: skip
        except SynthcompError as error:
            return bare_row(dataset, image_name, variant, error=str(error))

    with ThreadPoolExecutor(max_workers=min(usable_threads(), max(1, len(variants)))) as pool:
        # What takes longest begins first, so that no thread is left alone with it at the end.
        order = sorted(range(len(variants)), key=lambda number: _expected_work(variants[number]), reverse=True)
        running = {pool.submit(work, variants[number]): number for number in order}
        try:
            while running:
                now = variants[next(iter(running.values()))]
                on_progress(len(rows) / len(variants), f"trying {variant_name(now)}")
                for future in wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                    number = running.pop(future)
                    rows[number] = future.result()
                    on_row(rows[number])
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    on_progress(1.0, "done")
    return [rows[number] for number in range(len(variants))]
