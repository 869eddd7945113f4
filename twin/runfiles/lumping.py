"""What a run file says of its detail, in words: what was lumped, and the error that it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

QUANTITIES = (
    ("bus_voltage_V", "bus voltage", "mV", 1e3),
    ("rack_current_A", "rack current", "mA", 1e3),
    ("mean_soc", "mean SOC", "points", 100.0),
    ("lowest_soc", "lowest SOC", "points", 100.0),
    ("mean_temperature_K", "mean temperature", "mK", 1e3),
    ("highest_temperature_K", "highest temperature", "mK", 1e3),
)
"""Key, name, unit to show, and how many of those are one of the file's."""
COORDINATES = {"group": 3, "rack": 1}
"""How many coordinates of a lumped cell say where it is: rack, module and group, or rack."""


def error_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return quantity, largest and RMS difference from full detail, in words."""
    largest, rms = found["largest"], found["rms"]
    return [
        (name, f"{factor * largest[key]:.3g} {unit}", f"{factor * rms[key]:.3g} {unit}")
        for key, name, unit, factor in QUANTITIES
        if key in largest
    ]


def sentence(found: Mapping[str, Any]) -> str:
    """Return what was lumped, and by how much the pilot differs from full detail at most."""
    rows = error_rows(found)
    text = f"{found['stands_for']} simulated as one"
    if not rows:
        return f"{text}; the pilot against full detail gave nothing ({found['ended']})"
    sizes = ", ".join(f"{name} {size}" for name, size, _ in rows)
    short = f" ({found['ended']})" if found["ended"] else ""
    return f"{text}; over a pilot of {found['pilot_s']:g} s{short} off by at most: {sizes}"
