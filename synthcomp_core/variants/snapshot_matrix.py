"""The installed learned codecs as a matrix: quality x distortion x training set, each with or without upscaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import list_renderings
from synthcomp_core.library.snapshot_ids import POINT_ID
from synthcomp_core.library.snapshots import Distortion, SnapshotCard, list_snapshots
from synthcomp_core.upscalers import RCAN
from synthcomp_core.variants.variant import Variant

UNSTATED = "unstated"  # The training data of a snapshot whose card does not say it.
RENDERED = "files"  # Stands for it where the images were rendered elsewhere.
FULL = "full"
DISTORTION_LABELS = {distortion.short: distortion.label for distortion in Distortion}


@dataclass(frozen=True)
class LearnedPoint:
    """One snapshot's place in the matrix. lmbda: from its card, None when not given."""

    id: str
    model: str
    quality: int
    distortion: str
    trained_on: str
    lmbda: float | None


@dataclass(frozen=True)
class MatrixAxes:
    """What is chosen along each axis. scalings: "full" or "xSCALE-UPSCALER", as in the variant id after the @."""

    model: str
    qualities: tuple[int, ...]
    distortions: tuple[str, ...]
    trained_on: tuple[str, ...]
    scalings: tuple[str, ...]


@dataclass(frozen=True)
class MatrixCell:
    """One combination; variant None when no installed snapshot is at that point."""

    quality: int
    distortion: str
    trained_on: str
    scaling: str
    variant: Variant | None


def learned_points() -> list[LearnedPoint]:
    """The points of the codec snapshots whose ids or cards name one, by model, quality, distortion, training set.

    Of several snapshots at one point it is that of the one whose id names the point, else the first by id.
    """
    cards = sorted(list_snapshots("codec"), key=lambda card: (POINT_ID.fullmatch(card.id) is None, card.id))
    points: dict[tuple[str, int, str, str], LearnedPoint] = {}
    for point in filter(None, map(point_of, cards)):
        points.setdefault(_place(point), point)
    return [points[place] for place in sorted(points)]


def matrix_points() -> list[LearnedPoint]:
    """The points of the snapshots, and of renderings made elsewhere in folders that are named as in the thesis.

    Those have theirs under the training set "files", without an id: nothing can be encoded with them.
    """
    points = {_place(point): point for point in learned_points()}
    for model, quality, distortion, _ in rendered_points():
        point = LearnedPoint("", model, quality, distortion, RENDERED, None)
        points.setdefault(_place(point), point)
    return [points[place] for place in sorted(points)]


def _place(point: LearnedPoint) -> tuple[str, int, str, str]:
    return point.model, point.quality, point.distortion, point.trained_on


def rendered_points() -> dict[tuple[str, int, str, str], str]:
    """(model, quality, distortion, scaling) of the renderings made elsewhere that say theirs, and their variants' ids.

    scaling: "full", or "x2-rcan" and the like: the thesis's super-resolution is RCAN.
    """
    found = {}
    for rendered in list_renderings():
        point = rendered.point
        if point is not None and point.quality is not None and point.distortion is not None:
            scaling = FULL if point.scale is None else f"x{point.scale:g}-{RCAN}"
            found[point.codec, point.quality, point.distortion, scaling] = rendered.id
    return found


def point_of(card: SnapshotCard) -> LearnedPoint | None:
    """The point that a snapshot's id names, else the one on its card; None when neither says quality and distortion."""
    match = POINT_ID.fullmatch(card.id)
    if match is not None:
        distortion = Distortion.parse(match["distortion"]).short
        return LearnedPoint(card.id, match["model"], int(match["quality"]), distortion, match["trained_on"], card.lmbda)
    if card.quality is None or card.distortion is None:
        return None
    distortion = Distortion.parse(card.distortion).short
    return LearnedPoint(card.id, card.architecture, card.quality, distortion, card.trained_on or UNSTATED, card.lmbda)


def all_axes(model: str | None = None) -> MatrixAxes:
    """Every value that the snapshots of one model take (default: the one with most snapshots); full resolution only.

    SynthcompError when no installed snapshot has a place in the matrix.
    """
    points = matrix_points()
    if not points:
        raise SynthcompError(
            "There is no codec snapshot named like mbt2018-q4-mse-games, nor one with a quality and distortion on its "
            "card; import or train one."
        )
    models = [point.model for point in points]
    chosen = model or max(sorted(set(models)), key=models.count)
    own = [point for point in points if point.model == chosen]
    if not own:
        raise SynthcompError(
            f"There is no snapshot of the model {chosen!r}; installed: {', '.join(sorted(set(models)))}."
        )
    return MatrixAxes(
        chosen,
        tuple(sorted({point.quality for point in own})),
        tuple(name for name in DISTORTION_LABELS if name in {point.distortion for point in own}),
        tuple(sorted({point.trained_on for point in own}, key=lambda name: (name == RENDERED, name))),
        (FULL,),
    )


def matrix_cells(axes: MatrixAxes) -> list[MatrixCell]:
    """All combinations, scaling outermost, then quality, then training set, then distortion."""
    ids = {_place(point): point.id for point in learned_points()}
    rendered = rendered_points()
    cells = []
    for scaling in axes.scalings:
        for quality in axes.qualities:
            for trained_on in axes.trained_on:
                for distortion in axes.distortions:
                    if trained_on == RENDERED:
                        codec = rendered.get((axes.model, quality, distortion, scaling))
                        variant = None if codec is None else Variant(codec)
                    else:
                        codec = ids.get((axes.model, quality, distortion, trained_on))
                        variant = None if codec is None else scaled_variant(codec, scaling)
                    cells.append(MatrixCell(quality, distortion, trained_on, scaling, variant))
    return cells


def scaled_variant(codec: str, scaling: str) -> Variant:
    """The variant of a codec id and a scaling; SynthcompError when the scaling is malformed."""
    return Variant(codec) if scaling == FULL else Variant.parse(f"{codec}@{scaling}")


def quality_label(quality: int, points: Sequence[LearnedPoint]) -> str:
    """A row's label: its quality and, on a second line, its λ (of each distortion, where they differ)."""
    lmbdas = {point.lmbda for point in points if point.quality == quality and point.lmbda is not None}
    if not lmbdas:
        return f"quality {quality}"
    return f"quality {quality}\nλ = " + ", ".join(f"{lmbda:g}" for lmbda in sorted(lmbdas))
