"""The runaway of a plant's cells: its constants and state, and what follows from its news.

The kernels are in `packs.runaway`. What happens to a cell for good is written here, after the step
in which it happened, whichever way that was taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_models.jit import bound
from cell_models.runaway import SPENT_K, stored_of
from cell_models.runaway_tables import KernelTables, amounts, kernel_tables
from packs.burning import (
    BEGUN,
    COLLAPSED,
    DRY,
    ERUPTED,
    FAILED,
    INERT,
    RAN,
    RAN_K,
    SPENT,
    VENTED,
    kept_share,
)
from packs.flows import FUELLED, add_to
from packs.gas_places import declare_module_gas
from packs.layers import layer_arrays
from packs.module_gas import ModuleGas
from packs.runaway import react_stage, short_stage, stored_in_cells
from packs.runaway_places import N_FLOATS, N_INTS, Fitted, RunawayNumbers
from packs.spec import PackSpec, RunawaySpec
from packs.state import Schema, State
from packs.topology import Topology

if TYPE_CHECKING:
    from packs.plant import Plant

NEAR_SOC = 0.1
"""So far from the charge that they were fitted at, reactions are taken to hold; assumed."""
DRIED = 1e4
"""Times its resistance has a cell that gives no more charge; so much that heat of it is none."""
EMPTY_TICKS = 20_000
"""How long the short step holds for the charge of a torn cell, which is gone by then [ms]."""
SHORT_S, EVENT_S = 10.0, 3.5
"""In so long the short of a collapsed separator alone would empty its cell (Feng 2015, as in
``nmc_prismatic``), and an erupting one by itself: how long the event of a 21700 takes (databank).
Torn electrodes touch all over: half of that resistance is the short, half its electrodes."""
OF_CELLS = (
    ("own_S", "S"), ("reaction_J", "J"), ("ejected_J", "J"), ("ejected_kg", "kg"), ("out_J", "J"),
    ("out_kg", "kg"), ("progress", ""), ("soc", ""), ("to_give_J", "J"), ("held_J", "J"),
    ("locked_J", "J"),
)  # fmt: skip


def tables_of(spec: PackSpec) -> KernelTables | None:
    """Return the reactions of a plant's cells; the circuit has the electrical energy."""
    return None if spec.runaway is None else kernel_tables(spec.runaway.params, electrical=False)


def nodes_of(spec: PackSpec) -> int:
    """Return the heat nodes of a cell."""
    return 1 if spec.thermal.layers is None else spec.thermal.layers.count


def declare_runaway(schema: Schema, spec: PackSpec, topology: Topology) -> None:
    """Declare what reacting cells remember, and scratch, where cells can react."""
    tables = tables_of(spec)
    if tables is None:
        return
    n, k, add = topology.n_cell_slots, len(tables.names), schema.add
    nodes = n * nodes_of(spec)
    add("runaway", "extents", (nodes * k,))
    add("runaway", "energy_J", (nodes * k,), unit="J")
    add("runaway", "capacity_J_per_K", (n,), unit="J/K")
    add("runaway", "kelvin_per_J", (n,), unit="K/J")
    add("runaway", "share", (n,), initial=1.0)
    add("runaway", "fuel_J", (nodes,), unit="J", initial=1.0)
    add("runaway", "planned_J", (nodes,), unit="J", initial=1.0)
    for name, unit in OF_CELLS:
        add("runaway", name, (n,), unit=unit)
    add("runaway", "since_s", (n,), unit="s", initial=math.nan)
    add("runaway", "phase", (n,), integer=True)
    add("runaway", "n_ran", integer=True)
    houses = 0 if spec.thermal.housing is None else topology.n_modules
    add("runaway", "melted", (houses,), integer=True)
    schema.scratch("of_runaway", "short_S", n)
    schema.scratch("of_runaway", "news", n, integer=True)
    schema.scratch("of_runaway", "awake", n, integer=True)
    for name, size in (
        ("scratch", 2 * k + 3), ("rows", tables.rows.size), ("curve_K", tables.curve_K.size),
        ("curve_log10", tables.curve_log10.size),
    ):  # fmt: skip
        schema.scratch("of_runaway", name, size)
    schema.scratch("of_runaway", "marks", tables.marks.size, integer=True)
    schema.scratch("of_runaway", "limits", N_FLOATS)
    schema.scratch("of_runaway", "places", N_INTS, integer=True)
    declare_module_gas(schema, spec, topology)


class RunawayCells:
    """The reactions of all cells of a plant; holds no state of its own, only where it is.

    Parameters
    ----------
    spec : PackSpec
    state : State
        Built, with what `declare_runaway` declared.
    plant : Plant
        With its arena.
    """

    def __init__(self, spec: PackSpec, state: State, plant: Plant) -> None:
        self._plant = plant
        self.view: Any = state.view("runaway")
        self._spec, self._tables = spec.runaway, tables_of(spec)
        self._house_K: Any = state.view("thermal").house_K
        housing = spec.thermal.housing
        self._melting_K = math.inf if housing is None else housing.melting_K
        self._beside: Any = state.view("of_runaway")
        self._n_slots, self._nodes = 0, nodes_of(spec)
        self._hottest_K = plant.cells.temperature_K
        if spec.thermal.layers is not None:
            self._hottest_K = state.view("layers").hottest_K
        self.where = Fitted(False, 0, 0)
        if self._spec is not None and self._tables is not None:
            self._n_slots = len(self._tables.names)
            self._fill_constants(self._tables)
            self.where = self._place(spec, state, self._spec, self._tables)
        self.gas = ModuleGas(spec, state, plant, self)
        self._act = bound(react_stage, 0, 0.0, self.where, plant.arena)
        self._join = bound(short_stage, self.where, plant.arena)

    def _fill_constants(self, tables: KernelTables) -> None:
        plant, beside = self._plant, self._beside
        beside.rows[:], beside.marks[:] = tables.rows.ravel(), tables.marks.ravel()
        beside.curve_K[:], beside.curve_log10[:] = tables.curve_K, tables.curve_log10
        self.view.capacity_J_per_K[:] = plant.model.heat_capacity_J_per_K
        self.view.phase[:] = np.where(plant.topology.cell_used > 0.0, 0, INERT)

    def _place(
        self, spec: PackSpec, state: State, asked: RunawaySpec, tables: KernelTables
    ) -> Fitted:
        """Write the numbers that kernels read, and return where they are."""
        plant, at = self._plant, state.at
        view, beside, control = self.view, self._beside, plant.control
        layers, is_layered = layer_arrays(state), spec.thermal.layers is not None
        whole_J_per_K = float(plant.model.heat_capacity_J_per_K)
        numbers = RunawayNumbers(
            gate_K=asked.gate_K, separator_K=asked.separator_K,
            reference_K=spec.initial_temperature_K, capacity_J_per_K=whole_J_per_K,
            kg_K_per_J=asked.params.cell.mass_kg / whole_J_per_K,
            ejected_mass=asked.ejected_mass, melting_K=self._melting_K,
            n_slots=len(tables.names), n_rows=len(tables.rows), n_curve=len(tables.curve_K),
            n_ran_at=at(view.n_ran), alert_at=at(control.alert_until),
            overlay_S_at=at(plant.overlay.cell_short_S), extents_at=at(view.extents),
            energy_J_at=at(view.energy_J), capacity_at=at(view.capacity_J_per_K),
            own_S_at=at(view.own_S), share_at=at(view.share), fuel_J_at=at(view.fuel_J),
            reaction_J_at=at(view.reaction_J), ejected_J_at=at(view.ejected_J),
            ejected_kg_at=at(view.ejected_kg), out_J_at=at(view.out_J), out_kg_at=at(view.out_kg),
            progress_at=at(view.progress), phase_at=at(view.phase), news_at=at(beside.news),
            scratch_at=at(beside.scratch),
            rows_at=at(beside.rows), curve_K_at=at(beside.curve_K),
            curve_log10_at=at(beside.curve_log10), marks_at=at(beside.marks),
            n_layers=self._nodes if is_layered else 0, hottest_at=at(self._hottest_K),
            layer_K_at=at(layers.temperature_K), layer_capacity_at=at(layers.capacity_J_per_K),
            layer_kelvin_at=at(layers.kelvin_per_J), awake_at=at(beside.awake),
            planned_at=at(view.planned_J), to_give_at=at(view.to_give_J),
            held_at=at(view.held_J), locked_at=at(view.locked_J),
            n_houses=len(view.melted), house_K_at=at(self._house_K), melted_at=at(view.melted),
        )  # fmt: skip
        beside.limits[:], beside.places[:] = numbers[:N_FLOATS], numbers[N_FLOATS:]
        return Fitted(True, at(beside.limits), at(beside.places))

    def fill(self, soc: np.ndarray) -> None:
        """Fill all cells with the reactants of their charge; `soc` float64 (n_cell_slots,)."""
        if self._tables is not None:
            used = np.repeat(self._used(), len(self._tables.names))
            extents, energy_J = amounts(self._tables, np.repeat(soc, self._nodes))
            self.view.extents[:] = extents * used
            self.view.energy_J[:] = energy_J * used / self._nodes
            self.view.soc[:] = soc
            self.gas.fill()

    def stored_J(self) -> float:
        """Return the chemical energy that the reactants of all cells could release [J]."""
        if self._tables is None:
            return 0.0
        view = self.view
        return stored_in_cells(view.extents, view.energy_J, len(self._tables.names), self._used())

    def _used(self) -> np.ndarray:
        """Return 1 for each layer of a cell, 0 in spare lanes; a cell's in turn."""
        return np.repeat(self._plant.topology.cell_used, self._nodes)

    def join_shorts(self) -> None:
        """Write the short of every cell: that of a fault and that of its own separator."""
        if self.where.fitted:
            self._join(self.where, self._plant.arena)

    def react(self, end: int, step_s: float) -> int:
        """Let hot cells react and gas move on for the step that ends at a tick; return a status."""
        status = self._act(end, step_s, self.where, self._plant.arena)
        return status | self.gas.vent(step_s, status) if self.gas.where.fitted else status

    # --- what follows ---------------------------------------------------------------------------

    def tell(self, end: int) -> None:
        """Take note of what has happened to cells in the last step."""
        news = self._beside.news
        changed = torn = stirred = False
        happened: list[int] = news.nonzero()[0].tolist()
        soc = stored_J = np.zeros(0)
        if any(news[slot] & (BEGUN | COLLAPSED | ERUPTED) for slot in happened):
            soc, stored_J = self._observe()
        for slot in happened:
            found, news[slot] = int(news[slot]), 0
            self.view.phase[slot] |= found & ~FAILED
            is_joined = not self._plant.cell_arrays.cut[slot]
            if found & BEGUN:
                self._begin(slot, soc[slot])
            if found & COLLAPSED:
                self._collapse(slot, soc[slot], stored_J[slot])
            if found & RAN:
                self._run_away(slot, end)
            if found & ERUPTED:
                self._erupt(slot, stored_J[slot])
            if found & (COLLAPSED | ERUPTED) and self._tear(slot):
                torn, stirred = True, stirred or is_joined
            if found & DRY:
                self._scale_resistance(slot, DRIED)
            if found & SPENT:
                self._burn_out(slot)
            if found & VENTED:
                self._tell("can_opened", slot, math.nan)
            if found & FAILED:
                cell = int(self._plant.topology.slot_cell[slot])
                self._plant.tell("not_finite", "cell", cell, math.nan, 0.0)
            changed |= bool(found & (COLLAPSED | ERUPTED | SPENT | DRY))
            stirred |= bool(found & (COLLAPSED | SPENT | DRY)) and is_joined
        if changed:
            self._plant.stir(end, stirred)
        if torn:
            self._plant.control.alert_until[0] = end + EMPTY_TICKS
        self._tell_melting()
        self.gas.tell()

    def _tell_melting(self) -> None:
        """Take note of housings that have begun to melt."""
        melted = self.view.melted
        for m in np.flatnonzero((self._house_K > self._melting_K) & (melted == 0)).tolist():
            melted[m] = 1
            self._plant.tell("housing_melts", "module", m, float(self._house_K[m]), self._melting_K)

    def _observe(self) -> tuple[np.ndarray, np.ndarray]:
        """Return charge and electrical energy [J] of every cell."""
        n = self._plant.topology.n_cell_slots
        soc, ocv_V, stored_J = np.zeros(n), np.zeros(n), np.zeros(n)
        validity = np.zeros(n, dtype=np.int64)
        self._plant.model.observe(self._plant.cells.lanes, soc, ocv_V, stored_J, validity)
        return soc, stored_J

    def _at(self, slot: int) -> slice:
        k = self._n_slots * self._nodes
        return slice(slot * k, (slot + 1) * k)

    def _fuel_J(self, slot: int) -> tuple[float, float]:
        """Return what a cell's reactants could release, and the sum of their sizes [J]."""
        at = self._at(slot)
        k = self._n_slots * self._nodes
        return stored_of(self.view.extents[at], self.view.energy_J[at], 0, k)

    def _begin(self, slot: int, soc: float) -> None:
        """Give a cell that becomes hot the reactants of its charge."""
        if self._tables is None:
            return
        at, before_J = self._at(slot), self._fuel_J(slot)[0]
        extents, energy_J = amounts(self._tables, np.full(self._nodes, soc))
        self.view.extents[at], self.view.energy_J[at] = extents, energy_J / self._nodes
        self._book_fuel(slot, soc, before_J)
        self._tell_charge(slot, soc, BEGUN)

    def _book_fuel(self, slot: int, soc: float, before_J: float) -> None:
        """Note the charge that a cell's reactants are of now; the ledger books the change."""
        self.view.soc[slot] = soc
        flows = self._plant.flows
        add_to(flows.total, flows.low, FUELLED, self._fuel_J(slot)[0] - before_J)

    def _tell_charge(self, slot: int, soc: float, bit: int) -> None:
        """Tell that the first cell that comes so far has a charge that nobody measured."""
        if self._spec is None or np.count_nonzero(self.view.phase & bit) != 1:
            return
        low, high = self._spec.params.valid_from_soc, self._spec.params.valid_to_soc
        limit = min(max(soc, low), high)
        if abs(soc - limit) > NEAR_SOC:
            cell = int(self._plant.topology.slot_cell[slot])
            self._plant.tell("beyond_reactions", "cell", cell, soc, limit)

    def _collapse(self, slot: int, soc: float, stored_J: float) -> None:
        """Put the short of a collapsed separator into a cell, for good.

        What is left of its reactants becomes that of the charge which it has now, in proportion;
        how much of that charge will go through is settled too.
        """
        if self._spec is None or self._tables is None:
            return
        view, at, before_J = self.view, self._at(slot), self._fuel_J(slot)[0]
        then, now = (
            np.array(amounts(self._tables, np.full(self._nodes, charge)))
            for charge in (view.soc[slot], soc)
        )
        extents, energy = np.divide(now, then, out=np.ones_like(then), where=then != 0.0)
        if abs(view.soc[slot] - soc) > NEAR_SOC:  # else it was told of when it began
            self._tell_charge(slot, soc, COLLAPSED)
        view.extents[at] *= extents
        view.energy_J[at] *= energy
        self._book_fuel(slot, soc, before_J)
        over = self._spec.params.over_soc
        given = 1.0 if over is None else float(np.interp(soc, over.soc, over.charge))
        view.held_J[slot] = view.to_give_J[slot] = given * max(stored_J, 0.0)
        view.locked_J[slot] = (1.0 - given) * max(stored_J, 0.0)
        view.own_S[slot] = 1.0 / self._spec.short_ohm
        self._tell("separator_collapsed", slot, self._spec.separator_K)

    def _run_away(self, slot: int, end: int) -> None:
        self.view.since_s[slot] = end / 1000.0
        self._tell("cell_runaway", slot, RAN_K)

    def _erupt(self, slot: int, stored_J: float) -> None:
        """Set what a cell keeps from now on of its heat: `packs.runaway`."""
        if self._spec is None:
            return
        view, fuel_J = self.view, self._fuel_J(slot)[0]
        charge_J = max(stored_J - float(view.locked_J[slot]), 0.0)
        kept_J = float(view.reaction_J[slot] + view.held_J[slot] - view.to_give_J[slot])
        left_J = fuel_J + charge_J
        of_full = min((kept_J + left_J) / self._spec.full_J, 1.0)
        view.share[slot] = kept_share(
            self._spec.body_share, self._spec.ejected_mass * of_full, kept_J, left_J
        )
        k, n = self._n_slots, self._nodes
        for node in range(slot * n, (slot + 1) * n):
            size_J = stored_of(view.extents, view.energy_J, node * k, k)[1]
            view.fuel_J[node] = max(size_J, SPENT_K)
            view.planned_J[node] = (view.fuel_J[node] + charge_J / n) / max(of_full, SPENT_K)
        view.n_ran[0] += 1

    def _tear(self, slot: int) -> bool:
        """Let a cell that has erupted, with its separator gone, short itself all over."""
        is_torn = int(self.view.phase[slot]) & (COLLAPSED | ERUPTED) == COLLAPSED | ERUPTED
        if self._spec is None or not is_torn:
            return False
        half_ohm = 0.5 * self._spec.short_ohm * EVENT_S / SHORT_S
        self.view.own_S[slot] = 1.0 / half_ohm
        own_ohm = float(self._plant.cell_arrays.r_ohm[slot])
        if not int(self.view.phase[slot]) & DRY:
            self._scale_resistance(slot, min(half_ohm / max(own_ohm, half_ohm), 1.0))
        return True

    def _scale_resistance(self, slot: int, factor: float) -> None:
        scale = getattr(self._plant.model, "scale_resistance", None)
        if scale is not None:  # a plug-in's cells may not know how
            scale(self._plant.cells.lanes, slot, factor)
            self._plant.control.drifted[0] = 1

    def _burn_out(self, slot: int) -> None:
        """Open a spent cell; its short goes on inside it."""
        self._plant.cells.is_broken[slot] = 1.0
        released_J = float(self.view.reaction_J[slot])
        cell = int(self._plant.topology.slot_cell[slot])
        self._plant.tell("cell_spent", "cell", cell, released_J, math.nan)

    def _tell(self, code: str, slot: int, limit: float) -> None:
        plant = self._plant
        value = float(self._hottest_K[slot])
        plant.tell(code, "cell", int(plant.topology.slot_cell[slot]), value, limit)
