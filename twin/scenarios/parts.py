"""What checks between sections work on: the valid parts of a scenario; times as people say them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twin.scenarios.fault_windows import FaultSection
from twin.scenarios.units import ticks

KeyPath = tuple[str | int, ...]
Inconsistency = tuple[KeyPath, str]


class Parts:
    """The valid parts of a scenario by key; `missing` raises nothing but skips the check.

    `faults` holds None in place of an invalid entry.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def get(self, *names: str) -> list[Any]:
        """Return the named parts; None for one that is absent or invalid."""
        return [self._values.get(name) for name in names]


def faults_of(parts: Parts) -> Iterator[tuple[int, FaultSection]]:
    """Yield the valid faults with their numbers."""
    (faults,) = parts.get("faults")
    for index, fault in enumerate(faults or ()):
        if fault is not None:
            yield index, fault


def is_multiple(time_s: float, unit_s: float) -> bool:
    """Return whether a time is a whole number of ticks and of units."""
    try:
        return ticks(time_s) % ticks(unit_s) == 0
    except (ValueError, ZeroDivisionError):
        return False


def is_whole(time_s: float) -> bool:
    """Return whether a time is a whole number of ticks."""
    try:
        ticks(time_s)
    except ValueError:
        return False
    return True


def show(time_s: float) -> str:
    """Return a time as people write it."""
    if time_s < 1.0:
        return f"{time_s * 1e3:g} ms"
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if time_s >= size and time_s % size == 0.0:
            return f"{time_s / size:g} {unit}"
    return f"{time_s:g} s"
