"""What the BMS said against what was injected: places, alarms from coming to going, verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

FITS = {"contactor_stuck": "contactor"}
"""Word in the code of an alarm that speaks of a kind of fault, where places alone do not tell."""

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
        When it came and went, as far as this file shows.
    was_there : bool
        It was present already when this run was forked off another, at `start_s`.
    first : Alarm or None
        First alarm after it at its place, or at a coarser one for which no later fault stands.
    blamed : Alarm or None
        First alarm of these that names the right place, as finely as the BMS can see.
    is_shared : bool
        Another fault came at the same place before `blamed`: which was meant is not known.
    wrong : tuple of Alarm
        Alarms after it that name another place, where no fault was.
    reactions : dict of severity to Alarm
        The first derate, stop, open and latched after it, attributed as `first` is.
    opened_s : float or None
        When a main contactor of its rack opened, unless another fault came in between.
    """

    fault: FaultRow
    place: Place
    start_s: float | None
    end_s: float | None
    was_there: bool
    first: Alarm | None
    blamed: Alarm | None
    is_shared: bool
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


def judge(run: Run, alarms: list[Alarm]) -> list[Verdict]:
    """Return what the BMS made of every fault of the answer key, in its order."""
    came = [_came(run, number) for number in range(len(run.faults))]
    visible = [{k: v for k, v in fault_place(fault).items() if k != "cell"} for fault in run.faults]
    by_bms = [alarm for alarm in alarms if alarm.event.source == "bms"]
    owners = []
    for alarm in by_bms:
        meant = [FITS.get(f.kind, "\0") in alarm.event.code for f in run.faults]
        owners.append(owner_of(alarm.place, alarm.start_s, visible, came, meant))
    return [_verdict(run, k, by_bms, owners, visible, came) for k in range(len(run.faults))]


def _verdict(
    run: Run, number: int, by_bms: list[Alarm], owners: list[int | None], visible: list[Place],
    came: list[float | None],
) -> Verdict:  # fmt: skip
    fault, place, start_s = run.faults[number], visible[number], came[number]
    moves = [(t, active) for t, which, active in run.fault_transitions if which == number]
    own = [a for a, owner in zip(by_bms, owners, strict=True) if owner == number]
    right = [a for a in own if _names(a.place, place)]
    finest = next((level for level in reversed(LEVELS) if level in place), None)
    foreign = [
        alarm
        for alarm, owner in zip(by_bms, owners, strict=True)
        if start_s is not None and alarm.start_s >= start_s and finest in alarm.place
        and not _names(alarm.place, place)
        and not (owner is not None and _names(alarm.place, visible[owner]))
    ]  # fmt: skip
    reactions: dict[str, Alarm] = {}
    for alarm in own:
        reactions.setdefault(alarm.event.severity, alarm)
    opened_s = None if start_s is None else opened_after(run, start_s, place.get("rack"))
    if opened_s is not None:
        where = {"rack": place["rack"]} if "rack" in place else {}
        demands = [  # the contactors follow a demand, so they belong to the fault that it does
            owner
            for alarm, owner in zip(by_bms, owners, strict=True)
            if alarm.start_s <= opened_s and alarm.event.severity in ("stop", "open", "latched")
            and alarm.place.get("rack") in (None, where.get("rack"))
        ]  # fmt: skip
        owner = demands[-1] if demands else owner_of(where, opened_s, visible, came)
        opened_s = opened_s if owner == number else None
    return Verdict(
        fault=fault,
        place=fault_place(fault),
        start_s=start_s,
        end_s=next((t for t, active in reversed(moves) if not active), None),
        was_there=start_s is not None and _was_there(run, fault, start_s),
        first=own[0] if own else None,
        blamed=right[0] if right else None,
        is_shared=bool(right)
        and any(
            k != number and where == place and at_s is not None and at_s <= right[0].start_s
            for k, (where, at_s) in enumerate(zip(visible, came, strict=True))
        ),
        wrong=tuple(foreign),
        reactions=reactions,
        opened_s=opened_s,
    )


def _came(run: Run, number: int) -> float | None:
    return next((t for t, which, came in run.fault_transitions if which == number and came), None)


def _was_there(run: Run, fault: FaultRow, start_s: float) -> bool:
    """Tell whether a fault was taken over by a fork: a transition then, but no event of coming."""
    if "fork_s" not in run.attributes or start_s > float(run.attributes["fork_s"]):
        return False
    return not any(
        event.source == "fault" and event.transition == "came"
        and event.component == fault.name and event.time_s == start_s
        for event in run.events
    )  # fmt: skip


def owner_of(
    place: Place,
    time_s: float,
    visible: list[Place],
    came: list[float | None],
    meant: Sequence[bool] = (),
) -> int | None:
    """Return the fault that a reaction at a place and time is put down to.

    Parameters
    ----------
    place : dict
        What the alarm names, or the rack that was switched off; empty for the site.
    time_s : float
    visible : list of dict
        Places of the faults, without cells.
    came : list of float or None
        When they came [s].
    meant : sequence of bool
        Whether the alarm speaks of this kind of fault.

    Returns
    -------
    int or None
        Of the faults that came before and do not lie elsewhere, the one whose place agrees in
        most levels, among equals the one that is meant, then the latest; None if there is none.
    """
    best: tuple[int, bool, float] | None = None
    owner = None
    for number, (where, start_s) in enumerate(zip(visible, came, strict=True)):
        if start_s is None or start_s > time_s:
            continue
        shared = where.keys() & place.keys()
        if any(where[level] != place[level] for level in shared):
            continue
        rank = (len(shared), bool(meant and meant[number]), start_s)
        if best is None or rank >= best:
            best, owner = rank, number
    return owner


def _names(place: Place, visible: Place) -> bool:
    """Tell whether a place is `visible` or lies in it; every place lies in the site."""
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
