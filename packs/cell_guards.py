"""Devices that open one cell for good: the fuse of its connection, the interrupt device in its cap.

A *cell fuse* is the wire bond or the neck of the tab through which a cell joins its group. It is a
fuse like that of a rack (`packs.switchgear.melted`), heated by what flows through the joint: its
own short lies inside the cell and goes past it, the currents by which its neighbours feed that
short go through it. A *current interrupt device* (CID) opens a cylindrical cell from inside, by the
pressure of its gas; until that pressure is known, `cid_opens` stands for it.

An opened cell is `is_broken` in the state: it carries nothing any more, and its neighbours take
over what it carried. Both devices are assumed to break any current at any voltage at once; real
ones may arc where a whole string's voltage lies across them (in series above 120 V a CID cannot be
relied on: Applied Sciences, Sep 2024, "Investigation of the Effects Caused by Current Interruption
Devices of Lithium Cells at High Overvoltages").
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cell_models.jit import bound, inlined, kernel
from packs.arrays import open_cells
from packs.spec import PackSpec
from packs.state import Schema, State
from packs.switchgear import IDLE_TICK, MELTS_AT, NEVER_S, melted, melts_in
from packs.topology import Topology

if TYPE_CHECKING:
    from packs.plant import Plant

WHOLE, MELTED, OVERCHARGED, OVERHEATED = 0, 1, 2, 3
"""Why a cell opened: its fuse; its CID, by charge or by temperature."""
CODES = {
    MELTED: "cell_fuse_blown",
    OVERCHARGED: "cid_opened_overcharge",
    OVERHEATED: "cid_opened_temperature",
}
"""Of the notices."""


class GuardNumbers(NamedTuple):
    """What is fitted, its limits, and where its arrays begin among the plant's floats.

    Attributes
    ----------
    fitted, has_fuse, has_cid : bool
        Any of the two, and each.
    least_A, tau_s : float
        Smallest current that melts a cell fuse [A]; time constant ``I2t / least_A^2`` [s].
    overcharge, temperature_K : float
        State of charge and temperature [K] at which a CID opens.
    heat_at, soc_at, why_at : int
        Of heat of the fuses, state of charge and `WHOLE` or why not, by cell slot each.
    """

    fitted: bool
    has_fuse: bool
    has_cid: bool
    least_A: float
    tau_s: float
    overcharge: float
    temperature_K: float
    heat_at: int
    soc_at: int
    why_at: int


def declare_guards(schema: Schema, spec: PackSpec, topology: Topology) -> None:
    """Declare the heat of cell fuses, 1 of which melts them, and scratch, where there are any."""
    slots = topology.n_cell_slots
    if spec.cell_fuse is not None:
        schema.add("guards", "fuse_heat", (slots,))
    if spec.cid is not None:
        schema.scratch("of_guards", "soc", slots)
    if spec.cell_fuse is not None or spec.cid is not None:
        schema.scratch("of_guards", "why", slots)


@kernel
def cid_opens(soc, temperature_K, overcharge, limit_K):
    """Say whether a CID opens: `OVERCHARGED`, `OVERHEATED`, or `WHOLE` if it does not.

    A CID opens by internal pressure, of about 10 bar. In overcharge that is the gas of electrolyte
    that oxidises at the cathode, so it follows the charge beyond full (C. Menale et al., Energies
    17 (2024) 4785, https://doi.org/10.3390/en17194785: CIDs of overcharged cells); in heat it is
    the vapour and the gas of decomposing electrolyte and SEI. Assumed: one limit for each stands
    for the pressure. Both depend on the cell type, on ageing and on the rate, so a scenario states
    them.

    Parameters
    ----------
    soc : float
        State of charge; above 1 in overcharge.
    temperature_K : float
        Of the cell [K].
    overcharge, limit_K : float
        At which it opens; [K].
    """
    if soc >= overcharge:
        return OVERCHARGED
    return OVERHEATED if temperature_K >= limit_K else WHOLE


@inlined
def through_joint(c, cells):
    """Give the current that a cell sends into its group [A]: its own short takes none of it."""
    return cells.current_A[c] - cells.short_S[c] * cells.voltage_V[c]


@inlined
def heat_cell_fuses(h, numbers, cells, heat):
    """Heat all cell fuses by a step; return how many have melted, or will at this current.

    Only a count leaves the loop: it is vectorised, and what it counts is rare.
    """
    keep = math.exp(-h / numbers.tau_s)
    count = 0
    for c in range(len(heat)):
        ratio = abs(through_joint(c, cells)) / numbers.least_A
        heat[c] = melted(heat[c], ratio, keep)
        acts = heat[c] >= MELTS_AT or ratio > 1.0
        count += 1 if acts and cells.is_broken[c] == 0.0 else 0
    return count


@inlined
def open_melted(numbers, cells, heat, why):
    """Open the cells whose fuse has melted; return how many, and when the next one will [s]."""
    count, soonest = 0, NEVER_S
    for c in range(len(heat)):
        if cells.is_broken[c] != 0.0:
            continue
        if heat[c] >= MELTS_AT:
            cells.is_broken[c] = 1.0
            why[c] = MELTED
            count += 1
        else:
            ratio = abs(through_joint(c, cells)) / numbers.least_A
            soonest = min(soonest, melts_in(heat[c], ratio, numbers.tau_s))
    return count, soonest


@inlined
def count_cids(numbers, cells, soc):
    """Return how many CIDs of cells that are not open yet open now."""
    count = 0
    for c in range(len(soc)):
        over = soc[c] >= numbers.overcharge or cells.temperature_K[c] >= numbers.temperature_K
        count += 1 if over and cells.is_broken[c] == 0.0 else 0
    return count


@inlined
def open_cids(numbers, cells, soc, why):
    """Open the cells whose CID opens now."""
    for c in range(len(soc)):
        if cells.is_broken[c] == 0.0:
            cause = cid_opens(
                soc[c], cells.temperature_K[c], numbers.overcharge, numbers.temperature_K
            )
            if cause != WHOLE:
                cells.is_broken[c] = 1.0
                why[c] = cause


@inlined
def guard_cells(end, h, numbers, cells, floats, melts_at):
    """Let fuses and CIDs of cells act on what a step has done.

    Parameters
    ----------
    end : int
        Of the step [ms].
    h : float
        [s].
    numbers : GuardNumbers
        `soc` is read; heat of the fuses, and where cells opened the reason, are written.
    cells : CellArrays
        `is_broken` is written.
    floats : float64
        That hold the arrays of `numbers`.
    melts_at : int64 (1,), written
        When the next fuse melts, if that is sooner than what stands there [ms].

    Returns
    -------
    bool
        A cell opened.
    """
    n = len(cells.current_A)
    why = floats[numbers.why_at : numbers.why_at + n]
    opened, soonest = 0, NEVER_S
    if numbers.has_fuse:
        heat = floats[numbers.heat_at : numbers.heat_at + n]
        if heat_cell_fuses(h, numbers, cells, heat) > 0:
            why[:] = WHOLE
            opened, soonest = open_melted(numbers, cells, heat, why)
    if numbers.has_cid:
        soc = floats[numbers.soc_at : numbers.soc_at + n]
        cids = count_cids(numbers, cells, soc)
        if cids > 0:
            if opened == 0:
                why[:] = WHOLE
            open_cids(numbers, cells, soc, why)
            opened += cids
    if soonest < NEVER_S:
        at = end + int(np.ceil(soonest * 1000.0))
        if melts_at[0] == IDLE_TICK or at < melts_at[0]:
            melts_at[0] = at
    return opened > 0


@kernel
def guard_stage(end, h, numbers, melts_at, arena):
    """Let fuses and CIDs of cells act, as a stage of its own (`guard_cells`)."""
    return guard_cells(end, h, numbers, open_cells(arena), arena.floats, melts_at)


class CellGuards:
    """The devices of all cells of a plant; holds no state of its own, only where it is.

    Parameters
    ----------
    spec : PackSpec
    state : State
        Built, with what `declare_guards` declared.
    plant : Plant
        With its arena.
    """

    def __init__(self, spec: PackSpec, state: State, plant: Plant) -> None:
        fuse, cid = spec.cell_fuse, spec.cid
        self._limits = {
            MELTED: math.inf if fuse is None else fuse.rating_A,
            OVERCHARGED: math.inf if cid is None else cid.overcharge,
            OVERHEATED: math.inf if cid is None else cid.temperature_K,
        }
        self._plant = plant
        heat = None if fuse is None else state.view("guards").fuse_heat
        scratch = state.view("of_guards") if fuse is not None or cid is not None else None
        self._soc = None if cid is None or scratch is None else scratch.soc
        self._why = None if scratch is None else scratch.why

        def at(array: np.ndarray | None) -> int:
            return 0 if array is None else state.at(array)

        self.numbers = GuardNumbers(
            fitted=scratch is not None,
            has_fuse=fuse is not None,
            has_cid=cid is not None,
            least_A=math.inf if fuse is None else fuse.least_A,
            tau_s=math.inf if fuse is None else fuse.melting_A2s / fuse.least_A**2,
            overcharge=self._limits[OVERCHARGED],
            temperature_K=self._limits[OVERHEATED],
            heat_at=at(heat),
            soc_at=at(self._soc),
            why_at=at(self._why),
        )
        self._beside = None
        if self._soc is not None:
            n = self._soc.size
            self._beside = np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64)
        melts_at = plant.control.melts_at
        self._act = bound(guard_stage, 0, 0.0, self.numbers, melts_at, plant.arena)

    def watch(self, end: int, step_s: float) -> None:
        """Let the devices act on the step that ended at a tick; a cell that opens is told of."""
        plant = self._plant
        if self._soc is not None and self._beside is not None:
            plant.model.observe(plant.cells.lanes, self._soc, *self._beside)
        if self._act(end, step_s, self.numbers, plant.control.melts_at, plant.arena):
            self.tell(end)

    def tell(self, end: int) -> None:
        """Take note of the cells that opened in the last step: short steps follow."""
        plant = self._plant
        if self._why is None:
            return
        for slot in np.flatnonzero(self._why):
            cause = int(self._why[slot])
            cells = plant.cells
            short_A = float(plant.cell_arrays.short_S[slot] * cells.voltage_V[slot])
            value = float(cells.current_A[slot]) - short_A
            if cause == OVERHEATED:
                value = float(cells.temperature_K[slot])
            elif cause == OVERCHARGED and self._soc is not None:
                value = float(self._soc[slot])
            cell = int(plant.topology.slot_cell[slot])
            plant.tell(CODES[cause], "cell", cell, value, self._limits[cause])
        plant.stir(end)
