"""The answer key: what a scenario injects, where and when, as the run file keeps it."""

from __future__ import annotations

from twin.faults import SENSOR_KINDS
from twin.runfiles.layout import FaultRow
from twin.scenarios.scenario import Scenario


def answer_key(scenario: Scenario) -> list[FaultRow]:
    """Return what is injected, where and when; indices from 0."""
    rows = []
    for fault in scenario.faults:
        at = getattr(fault, "at", None)
        place = {k: getattr(at, k, None) for k in ("rack", "module", "group", "cell")}
        name = ", ".join(f"{key} {value}" for key, value in place.items() if value is not None)
        sizes = {
            "internal_short": ("resistance", "ohm"),
            "joint_resistance": ("resistance", "ohm"),
            "sensor_offset": ("offset", ""),
            "coolant_loss": ("remaining", "1"),
        }
        attribute, unit = sizes.get(fault.kind, ("", ""))
        if fault.kind == "sensor_offset":
            unit = SENSOR_KINDS[fault.channel].rpartition("_")[2]
        rows.append(
            FaultRow(
                name=fault.name,
                kind=fault.kind,
                component=name or "site",
                **{key: -1 if value is None else value - 1 for key, value in place.items()},
                from_s=float("nan") if fault.from_ is None else fault.from_,
                until_s=float("nan") if fault.until is None else fault.until,
                magnitude=float(getattr(fault, attribute, float("nan"))),
                unit=unit,
            )
        )
    return rows
