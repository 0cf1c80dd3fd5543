"""Curves and points under the names that people call them by; ids stay for links, files and tables."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence

from synthcomp_core.results.curves import RDCurve, RDPoint

_NUMBER = re.compile(r"-p(\d+)$")  # Of a point whose settings are not published.
# What people call a curve, or one of its points: by its quality.
LabelOf = Callable[[RDCurve, float | None], str]


def with_labels(curves: Sequence[RDCurve], label_of: LabelOf) -> list[RDCurve]:
    """The curves with the labels that ``label_of`` gives them and their points.

    Curves of one data set that would be called the same get their own name too.
    """
    labels = [label_of(curve, None) for curve in curves]
    taken = Counter((curve.dataset, label) for curve, label in zip(curves, labels, strict=True))

    def labelled(curve: RDCurve, label: str) -> RDCurve:
        is_alone = taken[curve.dataset, label] == 1 or label == curve.name
        is_single = len(curve.points) + len(curve.identical) == 1

        def of(point: RDPoint) -> RDPoint:
            if point.quality is None:
                number = _NUMBER.search(point.variant)
                name = f"{label}, point {number[1]}" if number else ""
                return dataclasses.replace(point, label=label if is_single else name)
            return dataclasses.replace(point, label=label_of(curve, point.quality))

        return dataclasses.replace(
            curve,
            label=label if is_alone else f"{label} ({curve.name})",
            points=tuple(of(point) for point in curve.points),
            identical=tuple(of(point) for point in curve.identical),
        )

    return [labelled(curve, label) for curve, label in zip(curves, labels, strict=True)]


def shown_names(curves: Sequence[RDCurve]) -> dict[str, str]:
    """What the curves are called, by their names."""
    return {curve.name: curve.shown for curve in curves}


def family_title(curve: RDCurve) -> str:
    """What people call the curve's codec, which its label begins with."""
    return curve.label.partition(",")[0].partition(" [")[0] or curve.codec
