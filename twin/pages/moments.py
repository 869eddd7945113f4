"""A moment of a run to zoom in on, and what every story of one needs: `key_moments` tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.pages import plots
from twin.pages.facts import Facts
from twin.pages.verdicts import Place, Verdict, parse_place
from twin.runfiles.layout import Event

BEFORE_S, AFTER_S = 20.0, 60.0
"""Shown around the coming of a fault [s]; assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the figure shows.

    Attributes
    ----------
    kind : str
        The story: weld, fuse, precharge, opened, cell, joining or fault.
    sentence : str
        What happened, with numbers.
    start_s, end_s : float
        The zoom [s].
    marks : tuple of float
        Times to mark in every panel [s].
    place : dict
        Of what the figure is about.
    cells, cell : tuple of int, int
        The cells of the faulty one's group, and itself; none and -1 for stories of racks.
    fault_s, fault_end_s, fault_name : float or None, float, str
        The injected fault.
    """

    kind: str
    sentence: str
    start_s: float
    end_s: float
    marks: tuple[float, ...] = ()
    place: Place
    cells: tuple[int, ...] = ()
    cell: int = -1
    fault_s: float | None = None
    fault_end_s: float = np.inf
    fault_name: str = ""

    @property
    def divisor(self) -> float:
        """Seconds per unit of the time axis."""
        return plots.time_unit(self.end_s - self.start_s)[0]


def zoom(facts: Facts, start_s: float, end_s: float) -> dict[str, Any]:
    """Return a window inside the run, at least ten rows wide."""
    least_s = 10.0 * (facts.end_s - facts.start_s) / facts.run.rows
    extra_s = max(least_s - (end_s - start_s), 0.0)
    low = max(start_s - 0.3 * extra_s, facts.start_s)
    return {"start_s": low, "end_s": min(end_s + 0.7 * extra_s, facts.end_s)}


def cause_of(
    facts: Facts, place: Place, before_s: float, levels: tuple[str, ...] = ("rack",)
) -> Verdict | None:
    """Return the last fault that came before a time: at the site, or equal in these levels."""
    came = [
        v
        for v in facts.verdicts
        if v.start_s is not None
        and v.start_s <= before_s
        and all(v.place.get(level, place.get(level)) == place.get(level) for level in levels)
    ]
    return max(came, key=lambda v: v.start_s or 0.0, default=None)


def of_fault(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    end_s = np.inf if verdict.end_s is None else verdict.end_s
    name = verdict.fault.name
    return {"fault_s": verdict.start_s, "fault_end_s": end_s, "fault_name": name}


def told(facts: Facts, code: str) -> list[Event]:
    """Return what the plant or the BMS told under a code."""
    found = [e for e in facts.run.events if e.code.startswith(code) and e.transition == "came"]
    return [e for e in found if parse_place(e.component).get("rack") is not None]
