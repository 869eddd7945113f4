"""What a plant did by itself, for the event list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the plant did by itself, for the event list.

    `tick` is the end of the step in which it happened [ms]; `scope` says what `component` counts:
    cell, group, rack or site; `more` are further ones of which the same is true.
    """

    tick: int
    code: str
    scope: str
    component: int
    value: float
    limit: float
    more: tuple[int, ...] = ()
