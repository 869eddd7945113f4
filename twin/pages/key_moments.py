"""What happened in a run, as one moment to zoom in on: which story, from when to when, in words.

A story is told when the events, the answer key or the currents hold it; of several the gravest
(`STORIES`, in this order). A run in which nothing happened has no moment.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twin.pages.cell_moments import cell_fault, opened
from twin.pages.facts import Facts
from twin.pages.fault_words import what_of
from twin.pages.moments import AFTER_S, BEFORE_S, Moment, cause_of, of_fault, told, zoom
from twin.pages.verdicts import has, long_place, parse_place
from twin.pages.wording import clock, span

OF_RACKS = ("external_short", "fuse_open", "contactor_stuck", "link_resistance")
"""Faults that show in the currents and voltages of the racks."""
CIRCULATES = 0.05
"""Part of the largest rack current above which a current between racks is told; assumed."""
LEAST_A = 0.5
"""And it is at least this large [A]; assumed."""
ENDED = 0.02
"""A current below this part of that of a weld has ended; assumed."""


def key_moment(facts: Facts) -> Moment | None:
    """Return what happened in a run, None if nothing did or the file cannot show it."""
    if facts.run.rows < 3 or not has(facts.run, "truth/rack_current_A"):
        return None
    for story in STORIES:
        moment = story(facts)
        if moment is not None and moment.end_s > moment.start_s:
            return moment
    return None


def _current_A(facts: Facts, rack: int) -> NDArray[np.float64]:
    return facts.run.channel("truth/rack_current_A")[:, rack].astype(np.float64)


# ---- the stories --------------------------------------------------------------------------------


def _weld(facts: Facts) -> Moment | None:
    welds = [e for e in told(facts, "contactor_welded_") if e.source == "plant"]
    if not welds:
        return None
    first = welds[0]
    place = parse_place(first.component)
    names = [e.code.rpartition("_")[2] for e in welds if e.component == first.component]
    weld_s, current_A = first.time_s, _current_A(facts, place["rack"])
    later = (facts.time_s > weld_s) & (np.abs(current_A) < ENDED * abs(first.value))
    fuses = [e for e in told(facts, "fuse_blown") if e.source == "plant"]
    fuses = [e for e in fuses if e.component == first.component and e.time_s >= weld_s]
    end_s = float(facts.time_s[later][0]) if later.any() else facts.end_s
    how = "it ended" if later.any() else "the end of the run"
    if fuses and fuses[0].time_s <= end_s:
        end_s, how = fuses[0].time_s, f"the fuse cleared {abs(fuses[0].value):.0f} A"
    listed = " and ".join(names)
    many = "s" if len(names) > 1 else ""
    cause = cause_of(facts, place, weld_s)
    start_s = weld_s if cause is None or cause.start_s is None else cause.start_s
    start_s = max(start_s, weld_s - BEFORE_S)
    wide_s = max(end_s - start_s, 1.0)
    return Moment(
        kind="weld",
        sentence=f"The {listed} contactor{many} of {first.component} welded at "
        f"{abs(first.value):.0f} A; the current flowed on for {span(end_s - weld_s)}, until {how}.",
        marks=(weld_s, end_s),
        place=place,
        **of_fault(cause),
        **zoom(facts, start_s - 0.08 * wide_s, end_s + 0.15 * wide_s),
    )


def _fuse(facts: Facts) -> Moment | None:
    blown = [e for e in told(facts, "fuse_blown") if e.source == "plant"]
    if not blown:
        return None
    event = blown[0]
    place = parse_place(event.component)
    cause = cause_of(facts, place, event.time_s)
    said = f"The fuse of {event.component} cleared {abs(event.value):.0f} A"
    start_s = event.time_s - 1.0
    if cause is not None and cause.start_s is not None and not cause.was_there:
        after_s = event.time_s - cause.start_s
        said += f", {span(after_s)} after the {what_of(cause)} came"
        start_s = max(cause.start_s, event.time_s - BEFORE_S)
    wide_s = event.time_s - start_s
    return Moment(
        kind="fuse",
        sentence=f"{said}.",
        marks=(event.time_s,),
        place=place,
        **of_fault(cause),
        **zoom(facts, start_s - 0.6 * wide_s, event.time_s + 1.2 * wide_s),
    )


def _precharge(facts: Facts) -> Moment | None:
    failed = [e for e in told(facts, "precharge_failed") if e.source == "bms"]
    if not failed or not has(facts.run, "truth/contactors", "truth/bus_voltage_V"):
        return None
    event = failed[0]
    place = parse_place(event.component)
    rack = place["rack"]
    closed = facts.run.channel("truth/contactors")[:, 3 * rack + 1] == 1
    closed &= facts.time_s <= event.time_s
    tries = int(np.sum(np.diff(closed.astype(np.int8), prepend=0) == 1))
    if not tries:
        return None
    bus_V = float(facts.run.channel("truth/bus_voltage_V").reshape(-1)[closed].max())
    rack_V = float(facts.run.channel("truth/rack_voltage_V")[:, rack].max())
    start_s = float(facts.time_s[closed][0])
    wide_s = event.time_s - start_s
    times = f"{tries} tries" if tries > 1 else "1 try"
    return Moment(
        kind="precharge",
        sentence=f"The BMS gave up the precharge of {event.component} after {times}: the DC bus "
        f"never rose above {bus_V:.1f} V, {100.0 * bus_V / rack_V:.0f} % of the rack\u2019s "
        f"{rack_V:.1f} V.",
        marks=(event.time_s,),
        place=place,
        **of_fault(cause_of(facts, place, event.time_s)),
        **zoom(facts, start_s - 0.05 * wide_s, event.time_s + 0.2 * wide_s),
    )


def _joining(facts: Facts) -> Moment | None:
    run = facts.run
    if run.axes["rack"].size < 2 or not has(run, "truth/contactors"):
        return None
    current_A = run.channel("truth/rack_current_A").astype(np.float64)
    out_A = np.where(current_A > 0.0, current_A, 0.0).sum(axis=1)
    in_A = np.where(current_A < 0.0, -current_A, 0.0).sum(axis=1)
    round_A = np.minimum(out_A, in_A)
    largest_A = max(CIRCULATES * float(np.abs(current_A).max()), LEAST_A)
    told = np.flatnonzero(round_A > largest_A)
    if not len(told):
        return None
    position = run.channel("truth/contactors").reshape(len(current_A), -1, 3)
    on = (position[:, :, 0] == 1) & (position[:, :, 2] == 1)
    rows, racks = np.nonzero(np.diff(on.astype(np.int8), axis=0) == 1)
    joins = [
        (int(row) + 1, int(rack))
        for row, rack in zip(rows, racks, strict=True)
        if on[row].any() and round_A[row : row + 4].max() > largest_A
    ]
    peak = int(np.argmax(round_A))
    said = f"{round_A[peak]:.1f} A flowed between the racks at {clock(facts.time_s[peak])}"
    times = [float(facts.time_s[peak])]
    if joins:
        parts = [
            f"as rack {rack + 1} joined at {clock(facts.time_s[row])}, "
            f"{round_A[row : row + 4].max():.1f} A flowed between the racks"
            for row, rack in joins[:3]
        ]
        said = "; ".join(parts)
        times = [float(facts.time_s[row]) for row, _ in joins[:3]]
    wide_s = max(0.25 * (times[-1] - times[0]), BEFORE_S)
    return Moment(
        kind="joining",
        sentence=f"{said[0].upper()}{said[1:]}, with no load on the bus."
        if not _is_loaded(facts, times)
        else f"{said[0].upper()}{said[1:]}.",
        marks=tuple(times),
        place={},
        **zoom(facts, times[0] - wide_s, times[-1] + max(wide_s, AFTER_S)),
    )


def _is_loaded(facts: Facts, times: list[float]) -> bool:
    """Tell whether the PCS drew or gave power at any of these times."""
    if not has(facts.run, "pcs/dc_power_W"):
        return True
    power_W = facts.run.channel("pcs/dc_power_W").reshape(-1)
    rows = np.searchsorted(facts.time_s, times)
    return bool(np.abs(power_W[rows]).max() > 1.0)


def _fault(facts: Facts) -> Moment | None:
    """Tell of a fault of racks that neither blew a fuse nor welded anything."""
    came = [v for v in facts.verdicts if v.fault.kind in OF_RACKS and v.start_s is not None]
    if not came or came[0].start_s is None:
        return None
    verdict, start_s = came[0], came[0].start_s
    where = long_place(verdict.place) if verdict.place else "DC bus"
    rack = verdict.place.get("rack", 0)
    row = int(np.searchsorted(facts.time_s, start_s))
    current_A = _current_A(facts, rack)[max(row - 1, 0) : row + 3]
    return Moment(
        kind="fault",
        sentence=f"At {clock(start_s)} the {what_of(verdict)} came ({where}): the current of rack "
        f"{rack + 1} went from {current_A[0]:.1f} A to {current_A[-1]:.1f} A.",
        place=verdict.place,
        **of_fault(verdict),
        **zoom(facts, start_s - BEFORE_S, start_s + AFTER_S),
    )


STORIES: tuple[Callable[[Facts], Moment | None], ...] = (
    _weld,
    _fuse,
    _precharge,
    opened,
    cell_fault,
    _joining,
    _fault,
)
"""In order of gravity."""
