"""What the faults of cells, wiring, switchgear and cooling write on the overlay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from packs.overlay import CONTACTORS, DEAD_SHORT_S, STUCK_CLOSED, STUCK_OPEN
from packs.spec import WiringSpec
from packs.topology import Topology, cells_in_line
from twin.scenarios.plant_fault_sections import (
    ContactorFeedback,
    ContactorStuck,
    CoolantLoss,
    ExternalShort,
    Fire,
    FuseOpen,
    Heater,
    InsulationLeak,
    InternalShort,
    JointResistance,
    LinkResistance,
    Nail,
    OpenCell,
    Oven,
    Overcharge,
    RailResistance,
)
from twin.scenarios.sections import Site

POLES = ("minus", "plus")
Write = Callable[[Any], None]
Grow = Callable[[Any, float], None]


def growth_s(fault: Any) -> float:
    """Return for how long a fault of the plant grows [s]; 0 for one that is at once as it stays."""
    if isinstance(fault, InternalShort):
        return fault.growth or 0.0
    return fault.ramp if isinstance(fault, Heater | Oven | Fire) else 0.0


def growing_writer(fault: Any, site: Site, ambient_K: Any, topology: Topology) -> Grow | None:
    """Return what a fault that may grow writes on the overlay at an age [s], None for any other.

    Parameters
    ----------
    fault : FaultSection
    site : Site
    ambient_K : float64 (1,)
        What an oven or a fire with a ramp starts from; live.
    topology : Topology
    """
    span_s = growth_s(fault)

    def grown(age_s: float) -> float:
        return min(age_s / span_s, 1.0) if span_s > 0.0 else 1.0

    if isinstance(fault, InternalShort) and fault.start_resistance is not None:
        first_S, last_S = _siemens(fault.start_resistance), _siemens(fault.resistance)
        cell = int(topology.cell_slot[fault.at.cell_index(site)])

        def short(overlay: Any, age_s: float) -> None:
            overlay.cell_short_S[cell] += first_S + (last_S - first_S) * grown(age_s)

        return short
    if isinstance(fault, Heater):
        heated, cells = _cells_at(fault, site, topology), topology.lump.cells

        def heat(overlay: Any, age_s: float) -> None:
            overlay.heater_W[heated] += fault.power * cells * grown(age_s)

        return heat
    if isinstance(fault, Oven):
        inside = _cells_at(fault, site, topology)

        def surround(overlay: Any, age_s: float) -> None:
            rise_K = fault.temperature - ambient_K[0]
            overlay.oven_K[inside] = ambient_K[0] + rise_K * grown(age_s)

        return surround
    if isinstance(fault, Fire):
        exposed, W_per_K = _cells_at(fault, site, topology), fault.conductance * topology.lump.cells

        def engulf(overlay: Any, age_s: float) -> None:
            share = grown(age_s)
            overlay.fire_K[exposed] = share * fault.temperature + (1.0 - share) * ambient_K[0]
            overlay.fire_W_per_K[exposed] = W_per_K

        return engulf
    return None


def _siemens(resistance_ohm: float) -> float:
    """Return the conductance of a short [S], which is finite for 0 ohm, too."""
    return 1.0 / max(resistance_ohm, 1.0 / DEAD_SHORT_S)


def _cells_at(fault: Heater | Oven | Fire, site: Site, topology: Topology) -> Any:
    """Return the slots of the cells at the place of a fault."""
    levels, at, full = fault.levels(), fault.at, topology.full
    homes = {
        0: lambda: np.ones(full.n_cells, dtype=bool),
        1: lambda: full.cell_rack == at.rack_index(),
        2: lambda: full.cell_module == at.module_index(site),
        3: lambda: full.cell_group == at.group_index(site),
        4: lambda: np.arange(full.n_cells) == at.cell_index(site),
    }
    return np.unique(topology.cell_home[homes[len(levels)]()])


def plant_writer(fault: Any, site: Site, wiring: WiringSpec, topology: Topology) -> Write | None:
    """Return what a fault of the plant writes on the overlay, None for any other.

    Shunts and chargers add up where several faults meet; a joint, rail, busbar, switch or fire
    takes the last one.
    """
    if isinstance(fault, Nail):
        return _nail(fault, site, topology)
    if isinstance(fault, Overcharge):
        return _overcharge(fault, site, topology)
    if isinstance(fault, InternalShort | JointResistance | OpenCell | RailResistance):
        cell = int(topology.cell_slot[fault.at.cell_index(site)])
        return _on_cell(fault, cell, wiring)
    if isinstance(fault, LinkResistance):
        group = int(topology.group_slot[fault.at.group_index(site)])
        return _set("link_extra_ohm", group, fault.resistance - wiring.link_ohm)
    if isinstance(fault, ExternalShort):
        return _external_short(fault, site, topology)
    if isinstance(
        fault, ContactorStuck | ContactorFeedback | CoolantLoss | FuseOpen | InsulationLeak
    ):
        return _on_rack(fault, fault.at.rack_index())
    return None


def _on_cell(fault: Any, cell: int, wiring: WiringSpec) -> Write:
    if isinstance(fault, InternalShort):
        return _add("cell_short_S", cell, _siemens(fault.resistance))
    if isinstance(fault, JointResistance):
        return _set("joint_extra_ohm", cell, fault.resistance - wiring.joint_ohm)
    if isinstance(fault, RailResistance) and wiring.rail is not None:
        extra_ohm = fault.resistance - wiring.rail.segment_ohm
        return _set(f"rail_{fault.rail}_extra_ohm", cell, extra_ohm)
    return _set("cell_open", cell, 1.0)


def _nail(fault: Nail, site: Site, topology: Topology) -> Write:
    first, beside = fault.at.cell_index(site), fault.towards == "beside"
    line = cells_in_line(topology.full, first, fault.through, is_beside=beside)
    pierced, conductance_S = topology.cell_home[line], _siemens(fault.resistance)

    def write(overlay: Any) -> None:
        overlay.cell_short_S[pierced] += conductance_S
        overlay.cell_pierced[pierced] = 1.0

    return write


def _overcharge(fault: Overcharge, site: Site, topology: Topology) -> Write:
    if fault.current is None:
        return _set("charger_W", 0, fault.power or 0.0)
    group = int(topology.group_slot[fault.at.group_index(site)])
    return _add("group_charger_A", group, fault.current)


def _external_short(fault: ExternalShort, site: Site, topology: Topology) -> Write:
    conductance_S, levels = _siemens(fault.resistance), len(fault.levels())
    if levels == 0:
        return _add("bus_short_S", 0, conductance_S)
    if levels == 1:
        return _add("rack_short_S", fault.at.rack_index(), conductance_S)
    return _add(
        "group_short_S", int(topology.group_slot[fault.at.group_index(site)]), conductance_S
    )


def _on_rack(fault: Any, rack: int) -> Write:
    if isinstance(fault, CoolantLoss):
        return _set("coolant_fraction", rack, fault.remaining)
    if isinstance(fault, FuseOpen):
        return _set("fuse_open", rack, 1)
    if isinstance(fault, InsulationLeak):
        return _add("leak_S", (rack, POLES.index(fault.pole)), _siemens(fault.resistance))
    which = CONTACTORS.index(fault.contactor)
    if isinstance(fault, ContactorFeedback):
        return _set("feedback", (rack, which), _as_stuck(fault.tells))
    return _set("contactor_stuck", (rack, which), _as_stuck(fault.position))


def _as_stuck(position: str) -> int:
    return STUCK_CLOSED if position == "closed" else STUCK_OPEN


def _set(name: str, at: Any, value: float) -> Write:
    def write(overlay: Any) -> None:
        getattr(overlay, name)[at] = value

    return write


def _add(name: str, at: Any, value: float) -> Write:
    def write(overlay: Any) -> None:
        getattr(overlay, name)[at] += value

    return write
