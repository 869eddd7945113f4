"""What a plant tells of its own accord: welds, strings cut, cells whose state is no number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from packs.overlay import CONTACTORS

if TYPE_CHECKING:
    from packs.plant import Plant

TOLD = 2
"""A weld that has been told."""


def tell_welds(plant: Plant) -> None:
    """Take note of contactors that welded and have not been told."""
    view = plant.switch_view
    for rack, k in zip(*np.nonzero(view.welded == 1), strict=True):
        view.welded[rack, k] = TOLD
        current_A = float(plant.network.switch_A[rack])
        tell_weld(plant, int(rack), int(k), current_A, plant.spec.wiring.contactor_break_A)


def weld_making(plant: Plant, rack: int, peak_A: float) -> None:
    """Weld the contactor of a rack that has just closed onto more than it can make.

    Of several that closed together it is plus, or precharge before it (assumed).
    """
    welded, closed = plant.switch_view.welded, np.flatnonzero(plant.switchgear.closed[rack])
    if len(closed) and not welded[rack, closed[-1]]:
        k = int(closed[-1])
        welded[rack, k] = TOLD
        tell_weld(plant, rack, k, peak_A, plant.spec.wiring.contactor_make_A)


def tell_weld(plant: Plant, rack: int, k: int, current_A: float, limit_A: float) -> None:
    """Take note that one contactor welded."""
    plant.tell(f"contactor_welded_{CONTACTORS[k]}", "rack", rack, current_A, limit_A)


def tell_cuts(plant: Plant) -> None:
    """Take note that a string was cut by groups in which no cell is connected, or is whole."""
    racks, topology = plant.rack_arrays, plant.topology
    for rack in np.flatnonzero(racks.n_open != plant.control.cut):
        first, last = topology.rack_first_group[rack : rack + 2]
        dead = plant.group_arrays.r_ohm[topology.group_slot[first:last]] == 0.0
        groups = (first + np.flatnonzero(dead)).tolist()
        scope, components = ("group", groups) if groups else ("rack", [int(rack)])
        count = float(racks.n_open[rack])
        plant.tell("string_cut", scope, components[0], count, 0.0, *components[1:])
        plant.control.cut[rack] = int(racks.n_open[rack])


def tell_broken(plant: Plant) -> None:
    """Take note of the first cell whose state is no number."""
    at, cells = plant.topology.cell_slot, plant.cells
    bad = np.flatnonzero(~np.isfinite(cells.emf_V[at]))  # its own; currents carry it on
    if not bad.size:
        bad = np.flatnonzero(~np.isfinite(cells.heat_W[at] + cells.temperature_K[at]))
    plant.tell("not_finite", "cell", int(bad[0]) if bad.size else -1, math.nan, 0.0)
