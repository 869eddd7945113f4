"""The plant: everything that moves truth, as a flat list of stages.

`Plant.advance` is the definition of one step: port, solve, advance cells, heat. All that survives a
step is in the `State`; the plant object holds constants, views and scratch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cell_models.contract import LANES, NOT_FINITE, OUT_OF_RANGE, REFRESH, CellModel, blocks_for
from packs import network, pcs
from packs.flows import FLOWS, book, book_charge
from packs.spec import PackSpec
from packs.spread import draw_spread
from packs.state import Schema, State
from packs.switchgear import IDLE_TICK, MOVED, PRECHARGING, Switchgear, declare_switchgear
from packs.thermal import advance_heat, stable_parts
from packs.topology import Topology

OCV_OR_TEMPERATURE = 3
"""Flags that make an event; resistances held below soc 0.05 or above 0.95 are in the file only."""
ALERT_TICKS = 1000
"""How long the short step holds after switchgear moved or a fault changed [ms]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the plant did by itself, for the event list.

    `scope` says what `component` counts: cell, group, rack or site.
    """

    code: str
    scope: str
    component: int
    value: float
    limit: float


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
        self._n_padded = blocks_for(topology.n_cells) * LANES
        n, groups, racks = topology.n_cells, topology.n_groups, topology.n_racks
        self.cell_J_per_K = np.full(n, model.heat_capacity_J_per_K)
        self.notices: list[Notice] = []
        self._closed = np.zeros(racks, dtype=np.int64)
        self._path_ohm = np.zeros(racks)
        self._bleed_S = np.zeros(groups)
        self._scratch = np.zeros(2 * groups + racks)
        self._seen = np.zeros(2 * n)
        self._cell_extra_W = np.zeros(n)
        self._busbar_W = np.zeros(groups)
        self._heat_scratch = np.zeros(n)
        self._loss_W = np.zeros(5)
        self._heat_J = np.zeros(2)
        self._flow_W_per_K = np.zeros(racks)
        self._parts_for = (0.0, 1)

    def declare(self, schema: Schema) -> None:
        """Declare everything that the plant remembers."""
        n, groups, racks = self.topology.n_cells, self.topology.n_groups, self.topology.n_racks
        padded = (self._n_padded,)
        add = schema.add
        lanes = blocks_for(n) * LANES * self.model.n_fields
        add("cells", "lanes", (lanes,))
        add("cells", "emf_V", padded, unit="V")
        add("cells", "resistance_ohm", padded, unit="ohm")
        add("cells", "current_A", padded, unit="A")
        add("cells", "voltage_V", padded, unit="V")
        add("cells", "heat_W", padded, unit="W")
        add("cells", "temperature_K", padded, unit="K", initial=self.spec.initial_temperature_K)
        add("network", "branch_A", (n,), unit="A")
        add("network", "group_voltage_V", (groups,), unit="V")
        add("network", "rack_voltage_V", (racks,), unit="V")
        add("network", "rack_current_A", (racks,), unit="A")
        add("network", "bus", (4,))
        add("network", "bleed", (groups,), integer=True)
        add("thermal", "plate_K", (groups,), unit="K", initial=self.spec.initial_temperature_K)
        add("thermal", "outlet_K", (racks,), unit="K", initial=self.spec.initial_temperature_K)
        add("flows", "total", (len(FLOWS),), unit="J")
        add("flows", "low", (len(FLOWS),), unit="J")
        add("flows", "throughput_J", unit="J")
        add("flows", "charge_As", (groups,), unit="A*s")
        add("flows", "charge_low_As", (groups,), unit="A*s")
        add("flows", "throughput_As", unit="A*s")
        add("flows", "worst", (2,))
        add("plant", "setpoint_W", unit="W")
        add("plant", "running", integer=True)
        add("plant", "ambient_K", unit="K", initial=self.spec.initial_temperature_K)
        add("plant", "inlet_K", unit="K", initial=self.spec.initial_temperature_K)
        insulation_ohm = self.spec.wiring.insulation_ohm
        add("plant", "insulation_ohm", (racks,), unit="ohm", initial=insulation_ohm)
        add("plant", "step_ticks", integer=True, initial=-1)
        add("plant", "refresh_at", integer=True)
        add("plant", "alert_until", integer=True)
        add("plant", "out_of_range", integer=True)
        declare_switchgear(schema, racks)
        self.converter.declare(schema)

    def bind(self, state: State) -> None:
        """Take the views on a built state."""
        self.cells = state.view("cells")
        self.network = state.view("network")
        self.heat = state.view("thermal")
        self.flows = state.view("flows")
        self.control = state.view("plant")
        self.overlay = state.view("overlay")
        self.pcs_view = state.view("pcs")
        self.switch_view = state.view("switchgear")
        self.switchgear = Switchgear(self.spec.wiring, self.switch_view, self.overlay)

    def rest(self, step_s: float) -> None:
        """Set the state before the first step: cells drawn, at rest, every contactor open."""
        capacity, resistance, soc = draw_spread(
            self._seed, self.topology.n_cells, self.spec.initial_soc, self.spec.spread
        )
        cells = self.cells
        self.model.init(cells.lanes, soc, capacity, resistance, cells.temperature_K, step_s)
        self.port(step_s)
        self.solve(step_s, network.OPEN, 0.0)

    # --- stages ---------------------------------------------------------------------------------

    def advance(self, tick: int, until: int) -> None:
        """Move truth from one tick to another, in one step or in several shorter ones."""
        while tick < until:
            status, move = self.switchgear.settle(tick)
            if status & MOVED:
                self.alert(tick)
            length = self._step_length(tick, until, status, move)
            self.step(tick, length)
            tick += length

    def alert(self, tick: int) -> None:
        """Hold the short step for a while: something has changed abruptly."""
        self.control.alert_until[0] = tick + ALERT_TICKS
        self.control.refresh_at[0] = tick

    def _step_length(self, tick: int, until: int, status: int, move: int) -> int:
        """Give the length of the next step: short on alert, and never past a movement."""
        length = until - tick
        if status & PRECHARGING or tick < self.control.alert_until[0]:
            length = min(length, max(1, round(self.spec.alert_step_s * 1000.0)))
        return length if move == IDLE_TICK else min(length, move - tick)

    def step(self, tick: int, length: int) -> None:
        """Do one plant step of `length` ticks: the five stages."""
        step_s = length / 1000.0
        self.refresh(tick, length, step_s)
        self.port(step_s)
        if self.supply(step_s):
            self.alert(tick + length)
        self.advance_cells(step_s)
        self.advance_heat(step_s)
        self.book_flows(step_s)

    def refresh(self, tick: int, length: int, step_s: float) -> None:
        """Read the cells' tables when due, when the step changes, or when a cell has drifted."""
        control = self.control
        if length == control.step_ticks[0] and tick < control.refresh_at[0]:
            return
        control.step_ticks[0] = length
        control.refresh_at[0] = tick + round(self.spec.table_refresh_s * 1000.0)
        temperature_K, n = self.cells.temperature_K, self.topology.n_cells
        temperature_K[n:] = temperature_K[n - 1]  # padding lanes repeat the last cell
        status = self.model.refresh(self.cells.lanes, temperature_K, step_s)
        if status & OUT_OF_RANGE or control.out_of_range[0] > 0:
            self._count_out_of_range()

    def _count_out_of_range(self) -> None:
        """Note when the number of cells beyond their tables changes."""
        flags = self.model.field(self.cells.lanes, "validity").astype(np.int64)
        beyond = np.flatnonzero(flags & OCV_OR_TEMPERATURE)
        if len(beyond) == self.control.out_of_range[0]:
            return
        self.control.out_of_range[0] = len(beyond)
        cell = int(beyond[0]) if len(beyond) else -1
        self.notices.append(
            Notice(code="table_range", scope="cell", component=cell, value=len(beyond), limit=0.0)
        )

    def port(self, step_s: float) -> None:
        """Ask every cell for its end-of-step line."""
        c = self.cells
        self.model.port(c.lanes, c.temperature_K, step_s, c.current_A, c.emf_V, c.resistance_ohm)

    def supply(self, step_s: float) -> bool:
        """Let the PCS ask for its power and solve the currents that give it.

        Returns
        -------
        bool
            Whether a fuse blew: the next steps are short.
        """
        bus = self.network.bus
        power = self.converter.port(
            step_s, self.control.setpoint_W[0], bool(self.control.running[0]), bus[0], self.pcs_view
        )
        kind = network.POWER if power != 0.0 else network.OPEN
        link_V = float(bus[0])
        status = self.solve(step_s, kind, power)
        over = bus[0] > self.voltage_ceiling_V and power < 0.0
        if status == network.INFEASIBLE or over:
            bus[0] = link_V
            self.converter.trip(self.pcs_view)
            self.notices.append(
                Notice(
                    code="pcs_overvoltage" if over else "power_infeasible",
                    scope="site",
                    component=-1,
                    value=power,
                    limit=self.voltage_ceiling_V if over else math.nan,
                )
            )
            status = self.solve(step_s, network.OPEN, 0.0)
        if status == network.NOT_FINITE:
            self.notices.append(
                Notice(code="not_finite", scope="site", component=-1, value=math.nan, limit=0.0)
            )
        blown = self.switchgear.heat_fuses(self.network.rack_current_A, step_s)
        for rack in blown:
            self.notices.append(
                Notice(
                    code="fuse_blown",
                    scope="rack",
                    component=rack,
                    value=float(self.network.rack_current_A[rack]),
                    limit=self.spec.wiring.fuse_rating_A,
                )
            )
        return bool(blown)

    @property
    def voltage_ceiling_V(self) -> float:
        """Bus voltage above which a charging PCS trips: 15 % above all groups full (assumed)."""
        groups = self.topology.n_groups / self.topology.n_racks
        return 1.15 * groups * self.cell_voltage_max_V

    cell_voltage_max_V = 4.2

    def solve(self, step_s: float, kind: int, demand: float) -> int:
        """Solve the currents of all cells; see `packs.network.solve`."""
        c, net, wiring, over = self.cells, self.network, self.spec.wiring, self.overlay
        self.switchgear.paths(self._closed, self._path_ohm)
        np.multiply(net.bleed, 1.0 / wiring.bleed_ohm, out=self._bleed_S)
        self._link_before_V = float(net.bus[0])
        return network.solve(
            self.topology.cells_per_group, self.topology.rack_first_group, c.emf_V,
            c.resistance_ohm, over.cell_short_S, wiring.joint_ohm, over.joint_extra_ohm,
            self._bleed_S, wiring.link_ohm, self._path_ohm, self._closed,
            wiring.link_capacitance_F / step_s, self._link_before_V, 1.0 / wiring.link_bleed_ohm,
            kind, demand, c.current_A, c.voltage_V, net.branch_A, net.group_voltage_V,
            net.rack_voltage_V, net.rack_current_A, net.bus, self._scratch,
            self._seen,
        )  # fmt: skip

    def advance_cells(self, step_s: float) -> None:
        """Move every cell with its current; it says how much heat it released."""
        c = self.cells
        status = self.model.advance(
            c.lanes, c.temperature_K, step_s, c.current_A, c.voltage_V, c.heat_W
        )
        if status & REFRESH:
            self.control.refresh_at[0] = 0
        if status & NOT_FINITE:
            bad = np.flatnonzero(~np.isfinite(c.heat_W[: self.topology.n_cells]))
            cell = int(bad[0]) if bad.size else -1
            self.notices.append(
                Notice(code="not_finite", scope="cell", component=cell, value=math.nan, limit=0.0)
            )

    def advance_heat(self, step_s: float) -> None:
        """Turn losses into heat and move all temperatures."""
        c, net, wiring, thermal = self.cells, self.network, self.spec.wiring, self.spec.thermal
        top = self.topology
        network.losses(
            top.cells_per_group, top.group_rack, self.overlay.cell_short_S, wiring.joint_ohm,
            self.overlay.joint_extra_ohm, self._bleed_S, wiring.link_ohm, self._path_ohm,
            c.voltage_V, net.branch_A, net.group_voltage_V, net.rack_current_A,
            self._cell_extra_W, self._busbar_W, self._loss_W,
        )  # fmt: skip
        np.multiply(
            self.overlay.coolant_fraction,
            thermal.coolant_flow_kg_per_s * thermal.coolant_J_per_kg_K,
            out=self._flow_W_per_K,
        )
        if step_s != self._parts_for[0]:
            parts = stable_parts(top, thermal, self.model.heat_capacity_J_per_K, step_s)
            self._parts_for = (step_s, parts)
        advance_heat(
            self._parts_for[1], step_s, top.cells_per_group, top.rack_first_group, top.edge_a,
            top.edge_b, self.cell_J_per_K, thermal.plate_J_per_K, thermal.neighbour_W_per_K,
            thermal.ambient_W_per_K, thermal.plate_W_per_K, self._flow_W_per_K,
            thermal.coolant_W_per_K, self.control.inlet_K[0], self.control.ambient_K[0], c.heat_W,
            self._cell_extra_W, self._busbar_W, c.temperature_K, self.heat.plate_K,
            self.heat.outlet_K, self._heat_scratch, self._heat_J,
        )  # fmt: skip

    def book_flows(self, step_s: float) -> None:
        """Add this step's energy flows to the ledger's sums."""
        c, net, flows = self.cells, self.network, self.flows
        wiring, pcs_view = self.spec.wiring, self.pcs_view
        book(
            flows.total, flows.low, flows.throughput_J, step_s, self._loss_W, self._heat_J,
            net.bus, self._link_before_V, wiring.link_capacitance_F, wiring.link_bleed_ohm,
            pcs_view.ac_power_W[0], pcs_view.loss_W[0], self.topology.n_cells, c.current_A,
            c.voltage_V,
        )  # fmt: skip
        book_charge(
            step_s, self.topology.cells_per_group, self.topology.group_rack, net.rack_current_A,
            self._bleed_S, net.group_voltage_V, self.overlay.cell_short_S, c.voltage_V,
            c.current_A, c.emf_V, c.resistance_ohm, net.bus[3], flows.charge_As,
            flows.charge_low_As, flows.throughput_As, flows.worst,
        )  # fmt: skip
