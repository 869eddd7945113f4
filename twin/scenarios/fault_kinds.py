"""Every kind of fault in one line each: where it may sit, what it does, which keys it takes.

Read off the sections themselves, for `twin faults` and for the table of the README, which a test
holds against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from twin.scenarios.fault_sections import Fault
from twin.scenarios.fault_windows import CELL_LEVELS, SENSOR_LEVELS, FaultSection, Place

SHARED = {*FaultSection.model_fields, "kind", "at"}
"""Keys of every fault, and those that have a column of their own."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault.

    Attributes
    ----------
    kind : str
    where : str
        What `at` may name, from coarse to fine, as ``site, group``; without `at` it is the site.
    does : str
        One sentence.
    keys : str
        Its own keys beside name, kind, at, from, until, when; in brackets what may be left out.
    """

    kind: str
    where: str
    does: str
    keys: str


def fault_kinds() -> list[FaultKind]:
    """Return every kind of fault, in the order of the sections."""
    sections = get_args(get_args(Fault)[0])
    return [
        FaultKind(
            kind=get_args(section.model_fields["kind"].annotation)[0],
            where=_where(section),
            does=_first_sentence(section.__doc__ or ""),
            keys=_keys(section),
        )
        for section in sections
    ]


def _where(section: Any) -> str:
    """Return the levels at which a section finds its place complete."""
    if "channel" in section.model_fields:
        return "the channel's sensor"
    found = []
    for n in range(len(CELL_LEVELS) + 1):
        at = Place(**{level: 1 for level in CELL_LEVELS[:n]})
        levels = section.model_construct(at=at).levels()
        if levels == SENSOR_LEVELS:
            return "thermistor"
        if levels == CELL_LEVELS[:n]:
            found.append(CELL_LEVELS[n - 1] if n else "site")
    return ", ".join(found)


def _first_sentence(text: str) -> str:
    words = " ".join(text.split())
    return words.partition(". ")[0].rstrip(".")


def _keys(section: Any) -> str:
    own = {name: field for name, field in section.model_fields.items() if name not in SHARED}
    shown = ((field.alias or name, field.is_required()) for name, field in own.items())
    return ", ".join(name if needed else f"[{name}]" for name, needed in shown)
