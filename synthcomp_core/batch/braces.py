"""Brace expansion as in a shell: ``q{4,6}`` and ``q{10..90..20}``, nested and side by side."""

from __future__ import annotations

import re

from synthcomp_core.errors import PlanError

MAX_EXPANSIONS = 10_000
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(\d+))?")


def expand_braces(pattern: str) -> list[str]:
    """All texts a pattern stands for, the leftmost brace varying slowest; the pattern itself when it has none.

    ``{a,b}`` lists alternatives (which may be empty or hold braces), ``{1..9..2}`` counts from 1 to at most 9 in steps
    of 2 (1 when left out; downwards when the second number is smaller). PlanError for unbalanced braces, braces
    without alternatives, a step of 0, or more than 10,000 texts.
    """
    texts = _expand(pattern, pattern)
    if len(texts) > MAX_EXPANSIONS:
        raise PlanError(f"{pattern!r} stands for {len(texts):,} texts; at most {MAX_EXPANSIONS:,} are expanded.")
    return texts


def _expand(text: str, whole: str) -> list[str]:
    start = text.find("{")
    if start < 0:
        if "}" in text:
            raise PlanError(f"{whole!r} closes a brace that it never opens.")
        return [text]
    end = _closing(text, start, whole)
    if "}" in text[:start]:
        raise PlanError(f"{whole!r} closes a brace that it never opens.")
    middles = _alternatives(text[start + 1 : end], whole)
    tails = _expand(text[end + 1 :], whole)
    if len(middles) * len(tails) > MAX_EXPANSIONS:
        raise PlanError(f"{whole!r} stands for more than the {MAX_EXPANSIONS:,} texts that are expanded.")
    return [text[:start] + middle + tail for middle in middles for tail in tails]


def _closing(text: str, start: int, whole: str) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise PlanError(f"{whole!r} opens a brace that it never closes.")


def _alternatives(inside: str, whole: str) -> list[str]:
    counted = _RANGE.fullmatch(inside)
    if counted:
        first, last, step = int(counted[1]), int(counted[2]), int(counted[3] or 1)
        if step == 0:
            raise PlanError(f"{whole!r} counts in steps of 0.")
        if abs(last - first) // step >= MAX_EXPANSIONS:
            raise PlanError(f"{whole!r} stands for more than the {MAX_EXPANSIONS:,} texts that are expanded.")
        numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
        return [str(number) for number in numbers]
    parts, depth, begin = [], 0, 0
    for position, character in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(inside[begin:position])
            begin = position + 1
    parts.append(inside[begin:])
    if len(parts) == 1:
        raise PlanError(f"{whole!r} has braces without alternatives; write {{a,b}} or {{1..9}}.")
    return [text for part in parts for text in _expand(part, whole)]
