"""How a parameter file is checked: known keys, numbers in range, words from a list, standing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any


class Standing(StrEnum):
    """How sure a number is."""

    VERIFIED = "verified"
    TO_CONFIRM = "to confirm"


def build(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    """Build a dataclass from a document; unknown and missing keys are refused by name."""
    allowed = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - allowed)
    if unknown:
        raise ValueError(f"{where} has unknown keys {unknown}; allowed: {sorted(allowed)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def check_numbers(
    owner: Any, where: str, ranges: Mapping[str, tuple[float, float]], free: Collection[str] = ()
) -> None:
    """Refuse a field of `owner` that stands in `ranges` and is no number within its range."""
    for f in fields(owner):
        if f.name not in ranges or f.name in free:
            continue
        value, (low, high) = getattr(owner, f.name), ranges[f.name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise ValueError(
                f"{where}: {f.name} must be a number from {low:g} to {high:g}, is {value!r}"
            )


def one_of(kind: Any, value: Any, where: str) -> Any:
    """Return the member of an enumeration, or refuse with the list of them."""
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(kind)
        raise ValueError(f"{where} must be one of {allowed}, is {value!r}") from None
