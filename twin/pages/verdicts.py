"""What the BMS said against what was injected: places, alarms from coming to going, verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.runfiles.layout import Event, FaultRow
from twin.runfiles.results import Run

Ints = NDArray[np.int64]
Place = dict[str, int]
"""Indices from 0 by level: rack, module, group, cell, as far as they are known."""

GRAVE = ("warning", "derate", "stop", "open", "latched")
LEVELS = ("rack", "module", "group", "cell")

PLUS = 2
"""Position of the main positive contactor in (minus, precharge, plus) of a rack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm from coming to going; `end_s` is None when it never went."""

    event: Event
    start_s: float
    end_s: float | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One injected fault beside what the BMS made of it; times are None when that never came.

    Attributes
    ----------
    fault : FaultRow
    place : dict
        Indices from 0 of what the fault concerns.
    start_s, end_s : float or None
    first : Alarm or None
        First alarm at or after the injection.
    blamed : Alarm or None
        First alarm of these that names the right place, as finely as the BMS can see.
    wrong : tuple of Alarm
        Alarms that name another place of the same kind, by then or later.
    reactions : dict of severity to Alarm
        The first derate, stop, open and latched after the injection.
    opened_s : float or None
        When a main contactor of the rack opened.
    """

    fault: FaultRow
    place: Place
    start_s: float | None
    end_s: float | None
    first: Alarm | None
    blamed: Alarm | None
    wrong: tuple[Alarm, ...]
    reactions: dict[str, Alarm]
    opened_s: float | None


def has(run: Run, *paths: str) -> bool:
    """Tell whether a run holds all these channels and at least one row."""
    return run.rows > 0 and all(path in run.channels for path in paths)


# ---- places -------------------------------------------------------------------------------------


def parse_place(text: str) -> Place:
    """Return the indices from 0 in ``rack 1, module 4, group 6``, wherever they stand in a text."""
    found = re.findall(r"\b(rack|module|group|cell) (\d+)", text)
    return {level: int(number) - 1 for level, number in found}


def index_of(run: Run, axis: str, place: Place) -> int | None:
    """Return the entry of an axis at a place, None if there is none or the place is too coarse."""
    coordinates = run.axes[axis].coordinates if axis in run.axes else {}
    match = np.ones(run.axes[axis].size if axis in run.axes else 0, dtype=bool)
    for key, values in coordinates.items():
        level = axis if key == "place" else key
        if level not in place:
            return None
        match &= np.asarray(values) == place[level]
    found = np.flatnonzero(match)
    return int(found[0]) if len(found) and coordinates else None


def groups_of_cells(run: Run) -> Ints | None:
    """Return the index of each cell's group, int64 (n_cells,), None if the file does not tell."""
    if "cell" not in run.axes or "group" not in run.axes:
        return None
    cells, groups = run.axes["cell"].coordinates, run.axes["group"].coordinates
    if not {"rack", "module", "group"} <= cells.keys() or not {"rack", "module"} <= groups.keys():
        return None
    keys = zip(groups["rack"], groups["module"], groups.get("place", ()), strict=False)
    number = {tuple(map(int, key)): k for k, key in enumerate(keys)}
    places = zip(cells["rack"], cells["module"], cells["group"], strict=True)
    found = [number.get(tuple(map(int, place)), -1) for place in places]
    return None if -1 in found else np.array(found, dtype=np.int64)


def short_place(place: Place) -> str:
    """Return ``R1 M4 G6`` for a place."""
    return " ".join(f"{level[0].upper()}{place[level] + 1}" for level in LEVELS if level in place)


def long_place(place: Place) -> str:
    """Return ``rack 1, module 4, group 6`` for a place."""
    return ", ".join(f"{level} {place[level] + 1}" for level in LEVELS if level in place) or "site"


def place_of(run: Run, axis: str, index: int) -> Place:
    """Return the place of an entry of an axis."""
    coordinates = run.axes[axis].coordinates
    return {axis if k == "place" else k: int(v[index]) for k, v in coordinates.items()}


# ---- alarms and verdicts ------------------------------------------------------------------------


def pair_alarms(events: Iterable[Event]) -> list[Alarm]:
    """Pair the coming and going of every alarm, in the order of coming."""
    opened: dict[tuple[str, str, str], list[tuple[int, Event]]] = {}
    found: dict[int, Alarm] = {}
    for number, event in enumerate(events):
        if event.severity not in GRAVE:
            continue
        key = (event.source, event.code, event.component)
        if event.transition == "went":
            for k, come in opened.pop(key, []):
                found[k] = _alarm(come, event.time_s)
        else:
            opened.setdefault(key, []).append((number, event))
    for waiting in opened.values():
        found |= {k: _alarm(come, None) for k, come in waiting}
    return [found[k] for k in sorted(found)]


def _alarm(event: Event, end_s: float | None) -> Alarm:
    return Alarm(event=event, start_s=event.time_s, end_s=end_s, place=parse_place(event.component))


def fault_place(fault: FaultRow) -> Place:
    """Return the indices that a line of the answer key gives."""
    return {level: getattr(fault, level) for level in LEVELS if getattr(fault, level) >= 0}


def judge(run: Run, number: int, alarms: list[Alarm]) -> Verdict:
    """Return what the BMS made of one fault of the answer key."""
    fault = run.faults[number]
    moves = [(t, came) for t, which, came in run.fault_transitions if which == number]
    start_s = next((t for t, came in moves if came), None)
    end_s = next((t for t, came in reversed(moves) if not came), None)
    place = fault_place(fault)
    since = [] if start_s is None else [a for a in alarms if a.start_s >= start_s]
    by_bms = [a for a in since if a.event.source == "bms"]
    visible = {k: v for k, v in place.items() if k != "cell"}
    finest = next((level for level in reversed(LEVELS) if level in visible), None)
    named = [a for a in by_bms if finest is not None and finest in a.place]
    right = [a for a in named if _names(a.place, visible)]
    reactions: dict[str, Alarm] = {}
    for alarm in by_bms:
        reactions.setdefault(alarm.event.severity, alarm)
    return Verdict(
        fault=fault,
        place=place,
        start_s=start_s,
        end_s=end_s,
        first=by_bms[0] if by_bms else None,
        blamed=right[0] if right else None,
        wrong=tuple(a for a in named if not _names(a.place, visible)),
        reactions=reactions,
        opened_s=None if start_s is None else opened_after(run, start_s, place.get("rack")),
    )


def _names(place: Place, visible: Place) -> bool:
    return all(place.get(level) == index for level, index in visible.items())


def opened_after(run: Run, start_s: float, rack: int | None = None) -> float | None:
    """Return when a main contactor first opened after `start_s`, of `rack` or of any [s]."""
    return next((a for a, _ in open_spans(run, rack) if a > start_s), None)


def open_spans(run: Run, rack: int | None = None) -> list[tuple[float, float | None]]:
    """Return from when to when a main contactor stood open again after it had closed [s].

    Parameters
    ----------
    run : Run
    rack : int, optional
        From 0; None for any rack.

    Returns
    -------
    list of (float, float or None)
        None where it stayed open.
    """
    path = "truth/contactors"
    if not has(run, path) or run.channels[path].axis is None:
        return []
    places = run.axes["contactor"].coordinates
    if not {"rack", "which"} <= places.keys():
        return []
    main = (places["which"] == PLUS) & ((places["rack"] == rack) | (rack is None))
    if not np.any(main):
        return []
    closed = run.channel(path)[:, main] == 1
    opened = np.any(np.logical_or.accumulate(closed, axis=0) & ~closed, axis=1).astype(np.int8)
    moves = np.diff(opened, prepend=0, append=0)
    time_s = run.time_s("truth")
    starts, ends = np.flatnonzero(moves == 1), np.flatnonzero(moves == -1)
    return [
        (float(time_s[a]), float(time_s[b]) if b < len(closed) else None)
        for a, b in zip(starts, ends, strict=True)
    ]
