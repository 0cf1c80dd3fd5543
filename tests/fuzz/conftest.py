"""The fuzzing tests' summary: how many tries each door has had, and how many it refused."""

from __future__ import annotations

from typing import Any

from tests.fuzz.doors import refusals, tries


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tries:
        terminalreporter.section("tries by door")
        for door, number in sorted(tries.items()):
            terminalreporter.write_line(f"{door:16} {number:8,} tries, {refusals[door]:8,} refused")
        terminalreporter.write_line(f"{'all':16} {sum(tries.values()):8,} tries, {sum(refusals.values()):8,} refused")
