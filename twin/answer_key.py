"""The answer key: what a scenario injects, where and when, as the run file keeps it; in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from twin.runfiles.layout import FaultRow

if TYPE_CHECKING:
    from twin.scenarios.scenario import Scenario

LEVELS = ("rack", "module", "group", "cell")
SIZES = {
    "internal_short": ("resistance", "ohm"),
    "nail": ("resistance", "ohm"),
    "joint_resistance": ("resistance", "ohm"),
    "rail_resistance": ("resistance", "ohm"),
    "link_resistance": ("resistance", "ohm"),
    "external_short": ("resistance", "ohm"),
    "insulation_leak": ("resistance", "ohm"),
    "sensor_offset": ("offset", ""),
    "sensor_gain": ("gain", "1"),
    "sensor_drift": ("drift", ""),
    "sensor_spike": ("size", ""),
    "sensor_noise": ("noise", ""),
    "sensor_delay": ("delay", "s"),
    "sensor_resolution": ("resolution", ""),
    "afe_drift": ("drift", "V"),
    "thermistor_detached": ("lag", "s"),
    "coolant_loss": ("remaining", "1"),
    "heater": ("power", "W"),
    "oven": ("temperature", "K"),
    "fire": ("temperature", "K"),
    "overcharge": ("power", "W"),
}
"""The attribute that says how large a fault is, and its unit; empty is that of the channel."""
CELSIUS_K = 273.15


def answer_key(scenario: Scenario) -> list[FaultRow]:
    """Return what is injected, where and when; indices from 0."""
    from twin.sensor_faults import SENSOR_KINDS

    rows = []
    for fault in scenario.faults:
        at = _place_of(fault, scenario)
        place = {level: getattr(at, level, None) for level in LEVELS}
        attribute, unit = SIZES.get(fault.kind, ("", ""))
        if getattr(fault, attribute, math.nan) is None:  # the other way to overcharge
            attribute, unit = "current", "A"
        if attribute and not unit:
            unit = SENSOR_KINDS[getattr(fault, "channel", "")].rpartition("_")[2]
        rows.append(
            FaultRow(
                name=fault.name,
                kind=fault.kind,
                component=_place_name(at) or "site",
                **{key: -1 if value is None else value - 1 for key, value in place.items()},
                from_s=math.nan if fault.from_ is None else fault.from_,
                until_s=math.nan if fault.until is None else fault.until,
                magnitude=float(getattr(fault, attribute, math.nan)),
                unit=unit,
                target=_target(fault, scenario),
                trigger="" if fault.when is None else _condition(fault.when),
            )
        )
    return rows


def _place_of(fault: Any, scenario: Scenario) -> Any:
    """Return the finest place that holds all of a fault: of a nail, its group or its module."""
    at: Any = getattr(fault, "at", None)
    if fault.kind != "nail" or fault.through == 1:
        return at
    from twin.scenarios.nail_path import nailed_cells

    cells = nailed_cells(fault, scenario.site, scenario.layout)
    is_one_group = len({cell.group for cell in cells}) == 1
    return at.model_copy(update={"cell": None} if is_one_group else {"cell": None, "group": None})


def _place_name(at: Any) -> str:
    values = ((level, getattr(at, level, None)) for level in (*LEVELS, "sensor"))
    return ", ".join(f"{level} {value}" for level, value in values if value is not None)


def _target(fault: Any, scenario: Scenario) -> str:
    """Return what fails at the place: a contactor and how, a sensor's channel, the cells nailed."""
    if fault.kind == "nail":
        return nail_in_words(fault, scenario)
    if fault.kind == "overcharge":
        return "PCS, whatever is commanded" if fault.current is None else "a charger of its own"
    if fault.kind == "fire":
        return f"{fault.conductance:g} W/K to each cell"
    if fault.kind == "contactor_stuck":
        return f"{fault.contactor} stuck {fault.position}"
    if fault.kind == "contactor_feedback":
        return f"{fault.contactor} tells {fault.tells}"
    if fault.kind == "rail_resistance":
        return f"{fault.rail} rail, to the next cell"
    if fault.kind == "insulation_leak":
        return f"{fault.pole} to ground"
    if fault.kind == "message_loss":
        return ", ".join(fault.channels)
    return getattr(fault, "channel", "")


def nail_in_words(nail: Any, scenario: Scenario) -> str:
    """Return ``through 3 cells: group 1 cell 2, group 2 cells 1, 2``; empty for a single one."""
    from twin.scenarios.nail_path import nailed_cells

    if nail.through == 1:
        return ""
    of_groups: dict[int, list[str]] = {}
    for cell in nailed_cells(nail, scenario.site, scenario.layout):
        of_groups.setdefault(cell.group or 1, []).append(str(cell.cell))
    listed = (
        f"group {group} cell{'s' if len(cells) > 1 else ''} {', '.join(cells)}"
        for group, cells in of_groups.items()
    )
    return f"through {nail.through} cells: {', '.join(listed)}"


def _condition(when: Any) -> str:
    """Return a trigger as ``truth/cell_temperature_K of rack 1 above 60 degC for 5 s``."""
    place = _place_name(when.at)
    side, value = ("below", when.below) if when.above is None else ("above", when.above)
    _, _, unit = when.channel.rpartition("_")
    size = f"{value:g} {unit}" if unit in ("V", "A", "W") else f"{value:g}"
    if unit == "K":
        size = f"{value - CELSIUS_K:.6g} degC"
    elif unit == "soc":
        size = f"{100.0 * value:g} %"
    held = f" for {when.for_:g} s" if when.for_ else ""
    return f"{when.channel}{f' of {place}' if place else ''} {side} {size}{held}"


def size_in_words(fault: FaultRow) -> str:
    """Return how large a fault is, as ``0.5 ohm``; empty if it has no size."""
    magnitude, unit = fault.magnitude, fault.unit
    if not math.isfinite(magnitude):
        return ""
    if fault.kind == "coolant_loss":
        return f"{100.0 * magnitude:g} % of the flow remains"
    if fault.kind in ("oven", "fire"):
        return f"{magnitude - CELSIUS_K:.6g} degC"
    if unit == "ohm" and abs(magnitude) < 0.1:
        return f"{1e3 * magnitude:g} mohm"
    return f"{magnitude:g} {unit}".strip().removesuffix(" 1")
