"""Votes of a blind comparison: which of two variants a person preferred, counted per pair with an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from synthcomp_core.metrics.means import NORMAL_95
from synthcomp_core.results.text_tables import TableColumn, csv_text


@dataclass(frozen=True)
class Vote:
    """One answer. left, right: the variants as they were shown, by id. preferred: one of them, "" for no difference.

    time: when it was given, as ISO 8601 with its zone.
    """

    time: str
    dataset: str
    image: str
    left: str
    right: str
    preferred: str


@dataclass(frozen=True)
class PairTally:
    """The votes on one pair of variants, whichever side they were shown on.

    first, second: in alphabetical order. share: of the votes with a preference, those for ``first``; None without any.
    low, high: the 95 % interval of that share.
    """

    first: str
    second: str
    for_first: int
    for_second: int
    undecided: int

    @property
    def share(self) -> float | None:
        decided = self.for_first + self.for_second
        return self.for_first / decided if decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the share; None without a preference."""
        decided = self.for_first + self.for_second
        return wilson_interval(self.for_first, decided) if decided else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a binomial share (Wilson 1927, J. Am. Stat. Assoc. 22), within 0..1.

    >>> [round(bound, 4) for bound in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} of {trials} is no share")
    share, z2 = successes / trials, NORMAL_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def tally(votes: Iterable[Vote]) -> list[PairTally]:
    """One tally per pair, in the order in which the pairs were first voted on."""
    counts: dict[tuple[str, str], list[int]] = {}
    for vote in votes:
        first, second = sorted((vote.left, vote.right))
        count = counts.setdefault((first, second), [0, 0, 0])
        count[2 if not vote.preferred else 0 if vote.preferred == first else 1] += 1
    return [PairTally(first, second, *count) for (first, second), count in counts.items()]


def tally_columns() -> list[TableColumn[PairTally]]:
    """The columns of a table of tallies."""
    return [
        TableColumn("first", lambda pair: pair.first),
        TableColumn("second", lambda pair: pair.second),
        TableColumn("for first", lambda pair: pair.for_first, 0),
        TableColumn("for second", lambda pair: pair.for_second, 0),
        TableColumn("no difference", lambda pair: pair.undecided, 0),
        TableColumn("share for first", lambda pair: pair.share, 2),
        TableColumn("95 % from", lambda pair: None if pair.interval is None else pair.interval[0], 2),
        TableColumn("to", lambda pair: None if pair.interval is None else pair.interval[1], 2),
    ]


def votes_csv(votes: Sequence[Vote]) -> str:
    """The votes as CSV, one line each, in the order in which they were given."""
    names = ("time", "dataset", "image", "left", "right", "preferred")
    return csv_text(names, ([getattr(vote, name) for name in names] for vote in votes))


def now() -> str:
    """The present time as a vote holds it."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
