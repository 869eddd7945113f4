"""What the BMS said first, by detector, how long before cells ran away; what no longer holds."""

from __future__ import annotations

import json
import math

from twin.pages.verdicts import Place, parse_place, place_of
from twin.pages.wording import CELSIUS_K, clock, span
from twin.whatif.cells import Injected
from twin.whatif.heat import HIGH_RATE, hardest_feeder
from twin.whatif.source import Source
from twin.whatif.tree import CellOutcome, Flag, Peaks, Warned

DETECTORS = {
    "unexplained_K_per_s": "warming faster than the current explains",
    "runaway_K_per_s": "warming while hot, or a lost voltage",
    "voltage_V": "group voltage",
    "temperature_K": "temperature",
    "gas_ppm": "gas",
    "pressure_Pa": "pressure",
    "insulation_ohm": "insulation",
}
"""Quantities of the reference BMS in words; others are shown as they are named."""


LIMITS = ("beyond_reactions", "housing_melts", "housing_bursts")
"""Events from which on a run is outside of what the model holds for."""

HOT_K = 1173.15
"""Full cells reach some 870 degC in a calorimeter (Feng 2015). Here bodies of cells that keep 28 %
of all heat end at 1000 to 1100 degC, some 200 K more: their specific heat is that of a warm cell at
every temperature, and that of hot graphite and oxides is larger."""


def limits_of(source: Source, peaks: Peaks) -> tuple[str, ...]:
    """Return what a run told of leaving what the model holds for, each with its time."""
    earlier, _ = source.earlier_events
    told = sorted([*earlier, *source.run.events], key=lambda event: event.time_s)
    found = [f"At {clock(e.time_s)} {e.sentence}." for e in told if e.code in LIMITS]
    if peaks.cell is not None and peaks.cell.value > HOT_K:
        found.append(
            f"The hottest cell reached {peaks.cell.value - CELSIUS_K:.0f} \u00b0C: the specific "
            "heat of cells is constant here, which makes peaks above some 900 \u00b0C too high, by "
            "about 200 K against a calorimeter."
        )
    found += _too_fast(source)
    if source.no_contact:
        found.append(source.no_contact)
    return tuple(found)


def _too_fast(source: Source) -> list[str]:
    """Return that a cell fed a short faster than its circuit was fitted to, if one did.

    Where it errs was looked up for the shipped cell: at 3.0 V and 90 % of charge, from 25 degC on
    and without cooling, PyBaMM's DFN that it was fitted to gives 2.2 times the current of the
    circuit after 0.2 s, as much after 2 s and 45 % after 20 s; of the charge as much after 7 s and
    67 % after 20 s. That has no resistance of tabs and contacts, and is not held against tests at
    such rates.
    """
    seen, fitted_C = hardest_feeder(source), source.fitted_C
    if seen is None:
        return []
    fitted = "it is not known here what its circuit was fitted to"
    if fitted_C is not None:
        fitted = f"its circuit was fitted to pulses of up to {fitted_C:g} C"
    lasted = f"above {HIGH_RATE:g} C for {span(seen.lasted_s)}"
    return [
        f"At {clock(seen.time_s)} {seen.name} fed a short in parallel at a rate of "
        f"{seen.peak_C:.0f} C ({seen.peak_A:,.0f} A; {lasted}, by recorded rows): {fitted}, with "
        "a resistance that does not depend on the current. A real cell may give more in the first "
        "seconds, which melts fuses earlier, and gives less later, when lithium no longer reaches "
        "the surfaces of its electrodes fast enough: charge and heat fed for longer than some 10 s "
        "are upper bounds."
    ]


def flags_of(source: Source, faults: Injected) -> tuple[tuple[Flag, ...], str]:
    """Return the alarms of the BMS, each code once, by time; and what is missing, in words.

    Those before a fork come from its parent. A code that came early, before any fault, is told
    again when it comes after the fault.
    """
    earlier, missing = source.earlier_events
    quantity = _quantities(source)
    began_s = -math.inf if faults.began_s is None else faults.began_s
    where = [place_of(source.run, "cell", cell) for cell in faults.cells]
    found: dict[tuple[str, bool, bool], Flag] = {}
    for event in sorted([*earlier, *source.run.events], key=lambda e: e.time_s):
        if event.source != "bms" or not event.is_alarm:
            continue
        is_early = event.time_s < began_s
        named = parse_place(event.component)
        is_elsewhere = bool(where) and all(_differs(named, place) for place in where)
        key = (event.code, is_early, is_elsewhere)
        if key not in found:
            name = quantity.get(event.code, "")
            found[key] = Flag(
                code=event.code, detector=DETECTORS.get(name, name.replace("_", " ")),
                severity=event.severity, time_s=event.time_s, component=event.component,
                text=event.sentence, is_early=is_early, is_elsewhere=is_elsewhere,
            )  # fmt: skip
    return tuple(sorted(found.values(), key=lambda flag: flag.time_s)), missing


def _differs(named: Place, where: Place) -> bool:
    return any(where.get(level, index) != index for level, index in named.items())


def _quantities(source: Source) -> dict[str, str]:
    """Return what each code of alarm watches, as the BMS describes itself."""
    told = source.run.attributes.get("bms")
    try:
        told = json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return {}
    rows = told.get("protection") if isinstance(told, dict) else None
    rows = rows if isinstance(rows, list) else []
    return {str(r["code"]): str(r["quantity"]) for r in rows if {"code", "quantity"} <= r.keys()}


def warned_of(flags: tuple[Flag, ...], cells: tuple[CellOutcome, ...]) -> Warned:
    """Return how long before the first and the second runaway the BMS flagged anything."""
    first = next((f for f in flags if not f.is_early and not f.is_elsewhere), None)
    times = sorted(c.triggered_s for c in cells if c.triggered_s is not None)
    if first is None:
        return Warned(flag_s=None, code="", before_first_s=None, before_second_s=None)
    return Warned(
        flag_s=first.time_s, code=first.code,
        before_first_s=times[0] - first.time_s if times else None,
        before_second_s=times[1] - first.time_s if len(times) > 1 else None,
    )  # fmt: skip
