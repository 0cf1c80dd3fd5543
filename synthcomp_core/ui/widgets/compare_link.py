"""The address of links to Compare: the results of what they name, and of nothing that was picked there before."""

from __future__ import annotations

from collections.abc import Sequence


def compare_link(variants: Sequence[str], *, source: str = "", image: str = "") -> list[tuple[str, str]]:
    """What follows the ``?`` of a link to Compare, as (key, value). source, image: "" for those picked last.

    Choices outlast a visit to another page, and such a link computes all that is chosen: an empty value clears what
    would add to ``variants``. Without a quality the matrix has no point; its other axes may stay as they are.

    >>> compare_link(["jpeg-q30"], source="samples")
    [('source', 'samples'), ('computed', '1'), ('quality', ''), ('classical', ''), ('variant', 'jpeg-q30')]
    """
    place = [(key, value) for key, value in (("source", source), ("image", image)) if value]
    return [*place, ("computed", "1"), ("quality", ""), ("classical", ""), *(("variant", one) for one in variants)]
