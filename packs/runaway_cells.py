"""The runaway of a plant's cells: its constants and state, and what people are told of it.

The kernels are in `packs.runaway` and, for what follows from the news of a step, in
`packs.milestones`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_models.contents import Contents
from cell_models.jit import bound
from cell_models.runaway_tables import KernelTables, amounts, kernel_tables
from packs.burning import INERT
from packs.gas_places import declare_module_gas
from packs.layers import layer_arrays
from packs.milestone_places import N_PLACES, N_RULES, Rules
from packs.milestones import CODES, OF_LOG, RESIZED, asks_charge, milestone_stage
from packs.module_gas import ModuleGas
from packs.runaway import react_stage, short_stage, stored_in_cells
from packs.runaway_places import N_FLOATS, N_INTS, Fitted, RunawayNumbers
from packs.spec import PackSpec, RunawaySpec
from packs.state import Schema, State
from packs.topology import Topology

if TYPE_CHECKING:
    from packs.plant import Plant

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
    for name in ("n_ran", "n_begun"):
        add("runaway", name, integer=True)
    houses = 0 if spec.thermal.housing is None else topology.n_modules
    add("runaway", "melted", (houses,), integer=True)
    for name in ("short_S", "seen_soc", "seen_ocv_V", "seen_J", "resize"):
        schema.scratch("of_runaway", name, n)
    for name in ("news", "awake", "seen_flags"):
        schema.scratch("of_runaway", name, n, integer=True)
    _declare_log(schema, n, tables)
    for name, size in (
        ("scratch", 2 * k + 3), ("rows", tables.rows.size), ("curve_K", tables.curve_K.size),
        ("curve_log10", tables.curve_log10.size),
    ):  # fmt: skip
        schema.scratch("of_runaway", name, size)
    schema.scratch("of_runaway", "marks", tables.marks.size, integer=True)
    schema.scratch("of_runaway", "limits", N_FLOATS)
    schema.scratch("of_runaway", "places", N_INTS, integer=True)
    declare_module_gas(schema, spec, topology)


def _declare_log(schema: Schema, n: int, tables: KernelTables) -> None:
    """Declare what `packs.milestones` reads and writes besides."""
    for name, array in zip(Contents._fields, tables.contents, strict=True):
        schema.scratch("of_contents", name, array.size, integer=name == "follows")
    schema.scratch("of_milestones", "rules", N_RULES)
    schema.scratch("of_milestones", "values", 2 * OF_LOG * n)
    for name, size in (("logged", 3 * OF_LOG * n), ("n_logged", 1), ("places", 2 * N_PLACES)):
        schema.scratch("of_milestones", name, size, integer=True)


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
        self.where = Fitted(False, 0, 0, 0, 0, 0)
        if self._spec is not None and self._tables is not None:
            self._n_slots = len(self._tables.names)
            self._fill_constants(self._tables)
            self.where = self._place(spec, state, self._spec, self._tables)
        self.gas = ModuleGas(spec, state, plant, self)
        self._act = bound(react_stage, 0, 0.0, self.where, plant.arena)
        self._pass = bound(milestone_stage, 0, self.where, plant.arena)
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
        rules_at, places_at = self._place_milestones(state, asked, tables)
        return Fitted(
            True, at(beside.limits), at(beside.places), at(view.n_begun), rules_at, places_at
        )

    def _place_milestones(
        self, state: State, asked: RunawaySpec, tables: KernelTables
    ) -> tuple[int, int]:
        """Write what `packs.milestones` reads; return where its numbers and places begin."""
        at, view, beside, control = state.at, self.view, self._beside, self._plant.control
        own, contents = state.view("of_milestones"), state.view("of_contents")
        own.rules[:] = Rules(
            short_ohm=asked.short_ohm, full_J=asked.full_J, body_share=asked.body_share,
            ejected_mass=asked.ejected_mass, separator_K=asked.separator_K,
            valid_from_soc=asked.params.valid_from_soc, valid_to_soc=asked.params.valid_to_soc,
            nodes=self._nodes,
        )  # fmt: skip
        of_full = tuple(getattr(contents, name) for name in Contents._fields)
        for array, values in zip(of_full, tables.contents, strict=True):
            array[:] = values
        self._logged, self._values, self._n_logged = own.logged, own.values, own.n_logged
        everything = (
            *of_full, view.extents, view.energy_J, view.own_S, view.soc, view.reaction_J,
            view.share, view.fuel_J, view.planned_J, view.to_give_J, view.held_J, view.locked_J,
            view.since_s, self._hottest_K, beside.seen_soc, beside.seen_ocv_V, beside.seen_J,
            beside.resize, own.values, view.phase, beside.news, beside.seen_flags, own.logged,
            own.n_logged, view.n_ran, view.n_begun, control.alert_until, control.probe,
        )  # fmt: skip
        own.places[:] = [number for array in everything for number in (at(array), array.size)]
        return at(own.rules), at(own.places)

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
        """Write what follows from the news of the last step, and take note of what happened."""
        plant, beside = self._plant, self._beside
        if asks_charge(beside.news):
            plant.model.observe(
                plant.cells.lanes, beside.seen_soc, beside.seen_ocv_V, beside.seen_J,
                beside.seen_flags,
            )  # fmt: skip
        if self._pass(end, self.where, plant.arena) & RESIZED:
            self._resize()
        self.tell_logged()
        plant.happened(end)
        self._tell_melting()
        self.gas.tell()

    def _resize(self) -> None:
        """Give cells the resistances that are asked for, if they know how: a plug-in's may not."""
        scale = getattr(self._plant.model, "scale_resistance", None)
        for slot in np.flatnonzero(self._beside.resize).tolist():
            if scale is not None:
                scale(self._plant.cells.lanes, slot, float(self._beside.resize[slot]))
                self._plant.control.drifted[0] = 1
            self._beside.resize[slot] = 0.0

    def tell_logged(self) -> None:
        """Take note of what has been logged."""
        if not self.where.fitted or self._n_logged[0] == 0:
            return
        plant, count = self._plant, int(self._n_logged[0])
        ticks = self._logged[: 3 * count].reshape(-1, 3).tolist()
        numbers = self._values[: 2 * count].reshape(-1, 2).tolist()
        for (tick, what, slot), (value, limit) in zip(ticks, numbers, strict=True):
            plant.happened(tick)
            value, limit = (math.nan if math.isnan(x) else x for x in (value, limit))  # the one
            plant.tell(CODES[what], "cell", int(plant.topology.slot_cell[slot]), value, limit)
        self._n_logged[0] = 0

    def _tell_melting(self) -> None:
        """Take note of housings that have begun to melt."""
        melted = self.view.melted
        for m in np.flatnonzero((self._house_K > self._melting_K) & (melted == 0)).tolist():
            melted[m] = 1
            self._plant.tell("housing_melts", "module", m, float(self._house_K[m]), self._melting_K)
