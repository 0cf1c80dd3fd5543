"""The domain gap: what it costs to code images of one kind with a model trained on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.results.bd import bd, bits_phrase
from synthcomp_core.results.curves import RDCurve


@dataclass(frozen=True)
class DomainGap:
    """What training on another domain costs, for one family of models (the curve's name without the training set).

    rate_percent[i][j]: BD-rate in % on the data set tested_on[j] of the model trained on trained_on[i], against the
    model trained on ``reference``; None if it cannot be computed.
    """

    family: str
    reference: str
    trained_on: tuple[str, ...]
    tested_on: tuple[str, ...]
    rate_percent: tuple[tuple[float | None, ...], ...]
    sentences: tuple[str, ...]


def _family(curve: RDCurve) -> str:
    """The curve's name, or what people call it, without the training set."""
    before = ", " if curve.label else "-"
    return curve.shown.replace(f"{before}{curve.trained_on}", "", 1)


def domain_gap(curves: Sequence[RDCurve], *, reference: str | None = None, method: str = "akima") -> list[DomainGap]:
    """One matrix per family of models that was trained on at least two sets.

    reference: the training set to compare with (default: the first). Families without it are left out.
    """
    families: dict[str, list[RDCurve]] = {}
    for curve in curves:
        if curve.trained_on is not None:
            family = _family(curve)
            families.setdefault(family, []).append(curve)
    gaps = []
    for family, members in families.items():
        trained = list(dict.fromkeys(str(curve.trained_on) for curve in members))
        base = reference or trained[0]
        if len(trained) < 2 or base not in trained:
            continue
        tested = list(dict.fromkeys(curve.dataset for curve in members))
        by_place = {(str(curve.trained_on), curve.dataset): curve for curve in members}
        matrix, sentences = [], []
        for training in trained:
            row: list[float | None] = []
            for dataset in tested:
                anchor, test = by_place.get((base, dataset)), by_place.get((training, dataset))
                percent = None if anchor is None or test is None else bd(anchor, test, method=method).rate_percent
                row.append(percent)
                if percent is not None and training != base:
                    needs = bits_phrase(percent)
                    sentences.append(f"On {dataset}, {family}, trained on {training}, {needs} trained on {base}.")
            matrix.append(tuple(row))
        gaps.append(DomainGap(family, base, tuple(trained), tuple(tested), tuple(matrix), tuple(sentences)))
    return gaps
