"""The energy and charge audit of a run, closed at every recorded row.

Four balances, each from stored terms computed from *states* and from flows summed as the run goes:

    cells     what the cells lost = their heat + their terminal energy
    network   terminal energy = short + joints + bleed + busbars + paths + link + PCS, DC side
    pcs       DC side = AC side + loss
    thermal   what temperatures gained = heat in - coolant - air

Charge is held between the cells' states and the network's currents, group by group. `residual_J`
is the sum of the four in absolute value, so that errors cannot cancel. Heat is also
held against an independent sum over the resistances: the two differ by `quadrature_J` (terminal
energy counts the voltage at the end of a step, first order in the step) and by `refresh_J` (table
reading).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from packs.plant import FLOWS, Plant
from packs.state import Schema
from packs.thermal import heat_above

STORED = ("stored_chemical_J", "stored_thermal_J", "stored_link_J")

TERMS = (
    *STORED, "terminal_J", "heat_J", "dissipated_J", "quadrature_J", "refresh_J", *FLOWS,
    "throughput_J", "residual_cells_J", "residual_network_J", "residual_pcs_J",
    "residual_thermal_J", "residual_J", "residual", "heat_mismatch", "charge_moved_As",
    "charge_residual_As", "charge_residual", "network_residual_A",
    "splitting_residual_V",
)  # fmt: skip
"""Recorded terms; those without a unit are relative to the throughput, or to the heat."""

DIMENSIONLESS = ("residual", "heat_mismatch", "charge_residual")


class Ledger:
    """Audits one plant.

    Attributes
    ----------
    values : float64 (len(TERMS),)
        The terms as of the last `close`.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        n = plant.topology.n_cells
        self.soc = np.zeros(n)
        self.ocv_V = np.zeros(n)
        self.stored_J = np.zeros(n)
        self.validity = np.zeros(n, dtype=np.int64)
        self.values = np.zeros(len(TERMS))
        self._plate_J_per_K = np.full(plant.topology.n_groups, plant.spec.thermal.plate_J_per_K)

    def declare(self, schema: Schema) -> None:
        """Declare what was stored at the start of the run."""
        schema.add("ledger", "start", (len(STORED),), unit="J")
        schema.add("ledger", "start_charge_As", (self._plant.topology.n_cells,), unit="A*s")

    def bind(self, view: Any) -> None:
        """Take the view."""
        self._view = view

    def open(self) -> None:
        """Take stock before the first step."""
        self.observe()
        self._view.start[:] = self._stock()
        self._view.start_charge_As[:] = self._charge()

    def close(self) -> None:
        """Strike the balance now; the last two terms are the largest since the last row."""
        self.observe()
        plant = self._plant
        flow = dict(zip(FLOWS, plant.flows.total + plant.flows.low, strict=True))
        stock = self._stock()
        gain = dict(zip(STORED, stock - self._view.start, strict=True))
        heat, terminal = self._sum("heat_J"), self._sum("terminal_J")
        dissipated = self._sum("dissipated_J")
        cells = gain["stored_chemical_J"] + heat + terminal
        wiring = math.fsum(flow[name] for name in FLOWS[:8])
        net = terminal - wiring - gain["stored_link_J"]
        converter = flow["pcs_dc_J"] - flow["pcs_ac_J"] - flow["pcs_loss_J"]
        warmed = heat + flow["short_J"] + flow["joint_J"] + flow["busbar_J"]
        thermal = gain["stored_thermal_J"] - (warmed - flow["coolant_J"] - flow["air_J"])
        residual = abs(cells) + abs(net) + abs(converter) + abs(thermal)
        throughput = float(plant.flows.throughput_J[0])
        moved, charge_residual, charge_throughput = self._charge_balance()
        self.values[:] = (
            *stock, terminal, heat, dissipated, self._sum("quadrature_J"), self._sum("refresh_J"),
            *flow.values(), throughput, cells, net, converter, thermal, residual,
            residual / max(throughput, 1.0),
            abs(heat - dissipated) / max(abs(dissipated), 1.0),
            moved, charge_residual, charge_residual / max(charge_throughput, 1.0),
            *plant.flows.worst,
        )  # fmt: skip

    def begin_row(self) -> None:
        """Let the residuals of network and splitting be the largest from here on."""
        self._plant.flows.worst[:] = 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the terms of the last `close` by name."""
        return dict(zip(TERMS, (float(v) for v in self.values), strict=True))

    def observe(self) -> None:
        """Ask the cells for soc, OCV, stored energy and validity."""
        self._plant.model.observe(
            self._plant.cells.lanes, self.soc, self.ocv_V, self.stored_J, self.validity
        )

    def _sum(self, field: str) -> float:
        return self._plant.model.sum_field(self._plant.cells.lanes, field)

    def _charge(self) -> Any:
        model, lanes = self._plant.model, self._plant.cells.lanes
        return model.field(lanes, "charge_As") + model.field(lanes, "charge_low_As")

    def _charge_balance(self) -> tuple[float, float, float]:
        """Return charge out, sum of |lost - out| over groups, and throughput [A s]."""
        flows = self._plant.flows
        out = flows.charge_As + flows.charge_low_As
        lost = (self._view.start_charge_As - self._charge()).reshape(len(out), -1).sum(axis=1)
        return math.fsum(out), math.fsum(np.abs(lost - out)), float(flows.throughput_As[0])

    def _stock(self) -> np.ndarray:
        plant = self._plant
        reference_K = plant.spec.initial_temperature_K
        thermal = heat_above(plant.cell_J_per_K, plant.cells.temperature_K, reference_K)
        thermal += heat_above(self._plate_J_per_K, plant.heat.plate_K, reference_K)
        link = 0.5 * plant.spec.wiring.link_capacitance_F * float(plant.network.bus[0]) ** 2
        return np.array([math.fsum(self.stored_J), thermal, link])
