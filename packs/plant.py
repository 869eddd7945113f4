"""The plant: everything that moves truth, as a flat list of stages.

`Plant.step` is the definition of one step: refresh, port, supply, advance cells, advance heat,
react, guard, book. All that survives a step is in the `State`; the plant object holds constants,
views and scratch.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.contract import NOT_FINITE, OUT_OF_RANGE, REFRESH, CellModel
from cell_models.jit import bound
from packs import network, pcs
from packs.arrays import Floats
from packs.burning import NEWS, OF_HOUSING
from packs.cell_guards import CellGuards, declare_guards
from packs.compiled import compiled_way
from packs.cooling import fill_cooling
from packs.currents import bus_stage, reduce_stage, spread_stage
from packs.external_heat import (
    declare_external_heat,
    external_heat,
    give_heat_stage,
    prepare_heat_stage,
)
from packs.flows import book_stage
from packs.heat_links import fill_network, needs_network
from packs.layers import settle_stage
from packs.lumping import draw_cells
from packs.macro import OCV_OR_TEMPERATURE, range_is_news
from packs.memory import arena, arrays, declare_plant, wire_of
from packs.notice import Notice
from packs.pace import ALERT_TICKS, next_length
from packs.prepare import prepare_stage, settings_of, switch_stage
from packs.runaway_cells import RunawayCells, declare_runaway
from packs.spec import PackSpec
from packs.state import Schema, State
from packs.switchgear import (
    IDLE_TICK,
    MOVED,
    NEVER_S,
    PLUS,
    PRECHARGING,
    WELDED,
    Switchgear,
    declare_switchgear,
)
from packs.telling import tell_broken, tell_cuts, tell_welds, weld_making
from packs.thermal import heat_paths, heat_stage, largest_rate, parts_at
from packs.topology import Topology

CALM_SHARE = 0.02
"""Of what the fuse of a rack is rated for: a contactor that changes a current by less changes
nothing that takes short steps to follow; assumed."""


class Plant:
    """Cells, wiring, switchgear, PCS and heat of one site.

    Parameters
    ----------
    spec : PackSpec
    topology : Topology
    model : CellModel
        The population of all cells.
    converter : pcs.Pcs
    seed : int
        Of the cell spread.
    """

    def __init__(
        self,
        spec: PackSpec,
        topology: Topology,
        model: CellModel,
        converter: pcs.Pcs,
        seed: int,
    ) -> None:
        self.spec = spec
        self.topology = topology
        self.model = model
        self.converter = converter
        self._seed = seed
        self.notices: list[Notice] = []
        self._now = 0
        self.wire = wire_of(spec.wiring, topology)
        self.paths = heat_paths(
            spec.thermal, topology.lump.parallel, topology.cells_per_group,
            linked=needs_network(spec.thermal, topology),
        )  # fmt: skip
        self.spare = np.flatnonzero(topology.cell_used == 0.0)
        self.refresh_ticks = round(spec.table_refresh_s * 1000.0)
        self.heat_rate = largest_rate(topology, spec.thermal, model.heat_capacity_J_per_K)
        self.short_ticks = max(1, round(spec.alert_step_s * 1000.0))

    def declare(self, schema: Schema) -> None:
        """Declare everything that the plant remembers."""
        declare_plant(schema, self.topology, self.spec, self.model.buffer_size)
        declare_switchgear(schema, self.topology.n_racks)
        declare_guards(schema, self.spec, self.topology)
        declare_runaway(schema, self.spec, self.topology)
        declare_external_heat(schema, self.topology)
        self.converter.declare(schema)

    def bind(self, state: State) -> None:
        """Take the views on a built state."""
        self.cells = state.view("cells")
        self.network = state.view("network")
        self.heat = state.view("thermal")
        self.flows = state.view("flows")
        self.cooling = state.view("cooling")
        self.control = state.view("plant")
        self.overlay = over = state.view("overlay")
        self.pcs_view = state.view("pcs")
        self.switch_view = state.view("switchgear")
        self.switchgear = Switchgear(self.spec.wiring, self.switch_view, over)
        layers, kelvin_per_J = self.spec.thermal.layers, 1.0 / self.model.heat_capacity_J_per_K
        parts = arrays(self.topology, state, kelvin_per_J, layers)
        self.cell_arrays, self.group_arrays, self.rack_arrays, self.site_arrays = parts
        self.arena = arena(state, parts)
        fill_network(self.spec, self.topology, state)
        fill_cooling(self.spec.thermal, state)
        wire, last = self.wire, self.arena
        self.settings = asked = settings_of(
            self.spec, self.switch_view, over, self.network.bleed, self.control.insulation_ohm
        )
        self._prepare = bound(prepare_stage, wire, asked, last)
        self._switch = bound(switch_stage, asked, last)
        self._reduce = bound(reduce_stage, wire, last)
        self._meet = bound(bus_stage, 0, 0.0, 0.0, 0.0, 0.0, 0.0, last)
        self._spread = bound(spread_stage, 0.0, wire, last)
        self._warm = bound(heat_stage, 1, 0.0, 0.0, 0.0, wire, self.paths, last)
        self._settle = None if layers is None else bound(settle_stage, last)
        self._book = bound(book_stage, 0.0, wire, 0.0, 0.0, 0.0, 0.0, 0.0, last)
        self.heat_given = given = external_heat(state)
        self._prepare_heat = bound(prepare_heat_stage, given, 0.0, 0.0, last)
        self._give_heat = bound(give_heat_stage, 0.0, given, last)
        self.guards = CellGuards(self.spec, state, self)
        self.runaway = RunawayCells(self.spec, state, self)
        self.compiled = compiled_way(self, state)

    def rest(self, step_s: float) -> None:
        """Set the state before the first step: cells drawn, at rest, every contactor open."""
        top, cells = self.topology, self.cells
        drawn = draw_cells(self._seed, top, self.spec)
        for other in self.spec.unequal:
            drawn[0][top.cell_rack == other.rack] *= other.capacity
            drawn[1][top.cell_rack == other.rack] *= other.resistance
            drawn[2][top.cell_rack == other.rack] += other.initial_soc - self.spec.initial_soc
        capacity, resistance, soc = (values[top.slot_cell] for values in drawn)
        cells.is_broken[:] = 1.0 - top.cell_used
        self.runaway.fill(soc)
        self.model.init(cells.lanes, soc, capacity, resistance, cells.temperature_K, step_s)
        self.port(step_s)
        self.solve(step_s, network.OPEN, 0.0)

    # --- stages ---------------------------------------------------------------------------------

    def advance(self, tick: int, until: int, longest: int | None = None) -> None:
        """Move truth from one tick to another, in steps of at most `longest` ticks.

        Steps are shorter while something moves (`next_length`). Where the compiled way is open, all
        of which nobody must be told are one call.
        """
        control, most, horizon, status = self.control, longest or until - tick, tick, 0
        while tick < until:
            self._now = tick
            if tick >= horizon:
                status, move = self.switchgear.settle(tick, self.network.switch_A)
                if status & (MOVED | WELDED):
                    self.switched(tick, status)
                horizon = until if move == IDLE_TICK else min(until, move)
            is_moving, end = bool(status & PRECHARGING), tick
            if self.compiled is not None and not self.pcs_view.lost[0]:
                end = self.compiled.advance(tick, horizon, most, is_moving)
            if end == tick:
                length = next_length(
                    tick, horizon, most, self.short_ticks, is_moving, int(control.alert_until[0]),
                    int(control.melts_at[0]), int(control.probe[0]),
                )  # fmt: skip
                control.probe[0] = 0
                self.step(tick, length)
                end = tick + length
            tick = end
        if self._settle is not None:
            self._settle(self.arena)

    def alert(self, tick: int) -> None:
        """Hold the short step for a while, and read all tables: something has changed abruptly."""
        self.control.refresh_at[0] = tick
        self.stir(tick)

    def stir(self, tick: int, currents: int = 1) -> None:
        """Hold the short step for a while: a cell has changed, and perhaps currents of others.

        Then the first step is of one tick: it shows what flows now, and so when a fuse will melt.
        """
        self.control.alert_until[0] = max(self.control.alert_until[0], tick + ALERT_TICKS)
        self.control.probe[0] |= currents

    def _rush(self) -> np.ndarray:
        """Return what every rack first gives to the bus as its switches stand [A]."""
        racks = self.rack_arrays
        way_ohm = racks.r_ohm + racks.fuse_ohm + racks.contactor_ohm
        is_on = racks.switch_closed * racks.fuse_closed != 0.0
        gap_V = racks.emf_V - self.network.bus[network.BUS_V]
        return np.divide(gap_V, way_ohm, out=np.zeros_like(gap_V), where=is_on)

    def switched(self, tick: int, status: int) -> None:
        """Take note of contactors that moved: short steps, and what a closing one closed onto."""
        racks, wiring = self.rack_arrays, self.spec.wiring
        was_direct = racks.switch_closed * (racks.contactor_ohm <= 2.0 * wiring.contactor_ohm)
        before_A, before_ohm = self.network.switch_A.copy(), racks.contactor_ohm.copy()
        was_closed = racks.switch_closed.copy()
        self._switch(self.settings, self.arena)
        moved = (racks.contactor_ohm != before_ohm) | (racks.switch_closed != was_closed)
        rush_A = self._rush()
        jump_A = np.abs(rush_A - before_A)[moved].max(initial=0.0)
        if status & WELDED or jump_A > CALM_SHARE * wiring.fuse_rating_A:
            self.alert(tick)
        if status & WELDED:
            tell_welds(self)
        direct = self.switch_view.position[:, PLUS] * racks.switch_closed
        for rack in np.flatnonzero((direct > was_direct) * racks.fuse_closed):
            gap_V = float(racks.emf_V[rack] - self.network.bus[network.BUS_V])
            peak_A = float(rush_A[rack])
            if abs(peak_A) > wiring.contactor_make_A:
                weld_making(self, int(rack), peak_A)
            if abs(peak_A) > wiring.fuse_rating_A:
                self.tell("inrush", "rack", int(rack), peak_A, gap_V)

    def happened(self, tick: int) -> None:
        """Set the tick of the notices that follow."""
        self._now = tick

    def tell(
        self, code: str, scope: str, component: int, value: float, limit: float, *more: int
    ) -> None:
        """Put something on the list of notices."""
        self.notices.append(Notice(
            tick=self._now, code=code, scope=scope, component=component, value=value, limit=limit,
            more=more,
        ))  # fmt: skip

    def step(self, tick: int, length: int) -> None:
        """Do one plant step of `length` ticks: the stages."""
        step_s = length / 1000.0
        self._now = tick + length
        self.refresh(tick, length, step_s)
        self.port(step_s)
        self.supply(step_s)
        self.watch_fuses(tick + length, step_s)
        self.advance_cells(step_s)
        self.advance_heat(step_s)
        status = 0
        if self.runaway.where.fitted:
            status = self.runaway.react(tick + length, step_s)
        if self.guards.numbers.fitted:
            self.guards.watch(tick + length, step_s)
        if status & (NEWS | OF_HOUSING):
            self.runaway.tell(tick + length)
        self.book_flows(step_s)

    def refresh(self, tick: int, length: int, step_s: float) -> None:
        """Read the cells' tables when due, when the step changes, or when a cell has drifted."""
        control = self.control
        is_due = bool(tick >= control.refresh_at[0])
        if length == control.step_ticks[0] and not is_due and not control.drifted[0]:
            return
        control.step_ticks[0], control.drifted[0] = length, 0
        if is_due:
            control.refresh_at[0] = tick + self.refresh_ticks
        temperature_K = self.cells.temperature_K
        temperature_K[self.spare] = temperature_K[self.topology.cell_slot[0]]
        status = self.model.refresh(self.cells.lanes, temperature_K, step_s, is_due)
        if status & OUT_OF_RANGE or control.out_of_range[0] > 0:
            self.tell_out_of_range()

    def tell_out_of_range(self) -> None:
        """Take note of how many cells are beyond their tables (`range_is_news`)."""
        flags = self.model.field(self.cells.lanes, "validity").astype(np.int64)
        beyond = np.flatnonzero(flags[self.topology.cell_slot] & OCV_OR_TEMPERATURE)
        if not range_is_news(len(beyond), int(self.control.out_of_range[0])):
            return
        self.control.out_of_range[0] = len(beyond)
        cell = int(beyond[0]) if len(beyond) else -1
        self.tell("table_range", "cell", cell, len(beyond), 0.0)

    def port(self, step_s: float) -> None:
        """Ask every cell for its end-of-step line."""
        c = self.cells
        self.model.port(c.lanes, c.temperature_K, step_s, c.current_A, c.emf_V, c.resistance_ohm)

    def supply(self, step_s: float) -> None:
        """Let the PCS ask for its power and solve the currents that give it."""
        bus = self.network.bus
        link_V = float(bus[network.BUS_V])
        power = self.converter.port(
            step_s, self.control.setpoint_W[0], bool(self.control.running[0]), link_V, self.pcs_view
        )
        kind = network.POWER if power != 0.0 else network.OPEN
        status = self.solve(step_s, kind, power)
        over = bus[network.BUS_V] > self.voltage_ceiling_V and power < 0.0
        if status == network.INFEASIBLE or over:
            bus[network.BUS_V] = link_V
            self.converter.trip(self.pcs_view)
            code = "pcs_overvoltage" if over else "power_infeasible"
            if not over and not self.rack_arrays.bus_S.any():
                code = "no_source"
            self.tell(code, "site", -1, power, self.voltage_ceiling_V if over else math.nan)
            status = self.solve(step_s, network.OPEN, 0.0)
        if status == network.NOT_FINITE:
            tell_broken(self)
        if (self.rack_arrays.n_open != self.control.cut).any():
            tell_cuts(self)

    def watch_fuses(self, end: int, step_s: float) -> None:
        """Heat the fuses with this step's currents; one that blows opens at the step's end."""
        blown, soonest_s = self.switchgear.heat_fuses(self.network.rack_current_A, step_s)
        self.control.melts_at[0] = (
            IDLE_TICK if soonest_s >= NEVER_S else end + math.ceil(soonest_s * 1000.0)
        )
        if blown:
            self.tell_blown(blown, end)

    def tell_blown(self, racks: list[int], end: int) -> None:
        """Take note of fuses that blew: short steps follow."""
        for rack in racks:
            current_A = float(self.network.rack_current_A[rack])
            self.tell("fuse_blown", "rack", rack, current_A, self.spec.wiring.fuse_rating_A)
        self.alert(end)

    @property
    def voltage_ceiling_V(self) -> float:
        """Bus voltage above which a charging PCS trips: 15 % above all groups full (assumed)."""
        groups = int(np.diff(self.topology.full.rack_first_group).max())
        return 1.15 * groups * self.cell_voltage_max_V

    cell_voltage_max_V = 4.2

    @property
    def inlet_K(self) -> Floats:
        """What the coolant enters the racks with, float64 (1,)."""
        return self.control.inlet_K if self.spec.thermal.cooling is None else self.cooling.inlet_K

    def prepare(self) -> None:
        """Write what follows from switches, overlay and balancing: paths, bleeds, coolant."""
        self.runaway.join_shorts()
        self._prepare(self.wire, self.settings, self.arena)
        self._prepare_heat(
            self.heat_given, self.paths.ambient, self.control.ambient_K[0], self.arena
        )

    def solve(self, step_s: float, kind: int, demand: float) -> int:
        """Solve the currents of all cells; return a status of `packs.network`."""
        wiring, over = self.spec.wiring, self.overlay
        self.prepare()
        self._link_before_V = float(self.network.bus[network.BUS_V])
        self._reduce(self.wire, self.arena)
        status = self._meet(
            kind, demand, wiring.link_capacitance_F / step_s, self._link_before_V,
            1.0 / wiring.link_bleed_ohm, over.bus_short_S[0], self.arena,
        )  # fmt: skip
        self._spread(over.bus_short_S[0], self.wire, self.arena)
        return status

    def advance_cells(self, step_s: float) -> None:
        """Move every cell with its current; it says how much heat it released."""
        c = self.cells
        status = self.model.advance(
            c.lanes, c.temperature_K, step_s, c.current_A, c.voltage_V, c.heat_W
        )
        if status & REFRESH:
            self.control.drifted[0] = 1
        if status & NOT_FINITE:
            tell_broken(self)

    def advance_heat(self, step_s: float) -> None:
        """Turn losses into heat and move all temperatures."""
        control = self.control
        self._warm(
            parts_at(self.heat_rate, step_s), step_s, control.inlet_K[0], control.ambient_K[0],
            self.wire, self.paths, self.arena,
        )  # fmt: skip
        self._give_heat(step_s, self.heat_given, self.arena)

    def book_flows(self, step_s: float) -> None:
        """Add this step's energy flows to the ledger's sums."""
        wiring, pcs_view = self.spec.wiring, self.pcs_view
        self._book(
            step_s, self.wire, self._link_before_V, wiring.link_capacitance_F,
            wiring.link_bleed_ohm, pcs_view.ac_power_W[0], pcs_view.loss_W[0], self.arena,
        )  # fmt: skip
