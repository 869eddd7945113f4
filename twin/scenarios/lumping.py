"""How much detail a scenario asks for, and what cannot be had with less of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from packs.spec import EVERY_CELL, LumpSpec
from twin.scenarios.fault_windows import TRIGGER_CHANNELS
from twin.scenarios.sections import Site
from twin.scenarios.sensor_fault_sections import (
    AfeDrift,
    MessageLoss,
    SensorFault,
    ThermistorDetached,
)

Resolution = Literal["cell", "group", "rack"]
LUMPABLE = "ecm"
"""The cell model that can stand for several cells; a plug-in's equations are its own."""
OF_SENSORS = (SensorFault, ThermistorDetached, AfeDrift, MessageLoss)
"""Faults that lie in front of the BMS: every sensor is there whatever the detail."""
REMEDY = "set resolution: cell"


def lump_of(site: Site, resolution: str) -> LumpSpec:
    """Return what one simulated cell stands for."""
    if resolution == "cell":
        return EVERY_CELL
    series = site.groups_per_rack if resolution == "rack" else 1
    return LumpSpec(parallel=site.cells_per_group, series=series)


def in_words(lump: LumpSpec) -> str:
    """Return what one simulated cell stands for, in words."""
    cells = f"the {lump.parallel} cells of a group" if lump.parallel > 1 else "the cell of a group"
    return cells if lump.series == 1 else f"{cells} in all {lump.series} groups of a rack"


def lumping(
    resolution: str | None, site: Site | None, cell: Any, wiring: Any, faults: Sequence[Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every contradiction to the resolution, as key path and text.

    Parameters
    ----------
    resolution, site, cell, wiring
        Of the scenario; None if absent or invalid.
    faults : sequence of FaultSection or None
    """
    if resolution is None or site is None or resolution == "cell":
        return
    lump = lump_of(site, resolution)
    asked = f"resolution: {resolution}"
    if cell is not None and cell.model != LUMPABLE:
        yield (
            ("cell", "model"),
            f"'{cell.model}' cannot stand for several cells, as {asked} asks; {REMEDY}, or "
            f"cell.model: {LUMPABLE}",
        )
    within = {
        ("wiring", "rail"): wiring is not None and wiring.rail is not None,
        ("wiring", "cell_fuse"): wiring is not None and wiring.cell_fuse is not None,
        ("cell", "cid"): cell is not None and cell.cid is not None,
        ("cell", "runaway"): cell is not None and cell.runaway is not None,
    }
    for path, is_fitted in within.items():
        if is_fitted:
            yield path, f"lies between cells that are simulated as one with {asked}; {REMEDY}"
    hidden = {"cell"} if lump.parallel > 1 else set()
    if lump.series > 1:
        hidden = {"cell", "group"}
    for index, fault in enumerate(faults):
        if fault is None:
            continue
        places = []
        if not isinstance(fault, OF_SENSORS):
            places.append((("faults", index, "at"), fault.levels()))
        if fault.when is not None and fault.when.channel.startswith("truth/"):
            levels = TRIGGER_CHANNELS[fault.when.channel].levels
            places.append((("faults", index, "when", "at"), levels))
        for path, levels in places:
            if levels and levels[-1] in hidden:
                yield (
                    (*path, levels[-1]),
                    f"one {levels[-1]} cannot be told apart with {asked}: {in_words(lump)} are "
                    f"simulated as one; {REMEDY}",
                )
