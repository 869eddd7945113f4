"""The energy and charge audit of a run, closed at every recorded row.

Six balances, each from stored terms computed from *states* and from flows summed as the run goes:

    cells     what the cells lost = their heat + their terminal energy
    network   terminal energy = shorts + joints, rails, busbars, paths + bleed + link + PCS, DC side
    pcs       DC side = AC side + loss
    thermal   what temperatures gained = heat in - coolant - air - what left erupting and open cells
    reaction  what reactants lost = heat of reactions
    gas       what the gas of modules gained, with the film that condenses of it = ejecta + vented
              + air + burnt - walls - outflow; and
              ejected + vented = caught by cells + latent heat + fallen solids + ejecta in the gas

Charge is held between the cells' states and the network's currents, group by group. `residual_J`
is the sum of the six in absolute value, so that errors cannot cancel. Heat is also
held against an independent sum over the resistances: the two differ by `quadrature_J` (terminal
energy counts the voltage at the end of a step, first order in the step) and by `refresh_J` (table
reading).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from packs.plant import Plant
from packs.state import Schema
from packs.stock import STORED, SUMS, TERMS, strike_balance, take_stock

DIMENSIONLESS = ("residual", "heat_mismatch", "charge_residual", "network_residual")


class Ledger:
    """Audits one plant.

    Attributes
    ----------
    soc, ocv_V, stored_J, validity : (n_cell_slots,)
        Of the cells, as of the last `observe`, by slot.
    values : float64 (len(TERMS),)
        The terms as of the last `close`.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        top = plant.topology
        n = top.n_cell_slots
        self.soc = np.zeros(n)
        self.ocv_V = np.zeros(n)
        self.stored_J = np.zeros(n)
        self.validity = np.zeros(n, dtype=np.int64)
        self.values = np.zeros(len(TERMS))
        self._sums_J = np.zeros(len(SUMS))
        self._charge_As, self._charge_low_As = np.zeros(n), np.zeros(n)
        self._cell_J_per_K = top.cell_used * plant.model.heat_capacity_J_per_K
        self._plate_J_per_K = top.group_used * plant.spec.thermal.plate_J_per_K

    def declare(self, schema: Schema) -> None:
        """Declare what was stored at the start of the run."""
        schema.add("ledger", "start", (len(STORED),), unit="J")
        schema.add("ledger", "start_charge_As", (self._plant.topology.n_cell_slots,), unit="A*s")

    def bind(self, view: Any) -> None:
        """Take the view."""
        self._view = view

    def open(self) -> None:
        """Take stock before the first step."""
        self.observe()
        take_stock(*self._holdings(), self._view.start)
        self._audit()
        np.add(self._charge_As, self._charge_low_As, out=self._view.start_charge_As)

    def close(self) -> None:
        """Strike the balance now; the last three terms are the largest since the last row."""
        self.observe()
        plant, flows, start = self._plant, self._plant.flows, self._view
        self._audit()
        strike_balance(
            *self._holdings(), start.start, self._sums_J, flows.total, flows.low,
            plant.runaway.gas.sums[1:], flows.throughput, plant.topology.cells_per_group,
            start.start_charge_As, self._charge_As, self._charge_low_As, flows.charge_As,
            flows.charge_low_As, flows.worst, self.values,
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

    def _holdings(self) -> tuple[Any, Any, Any, Any, Any, Any, float, float, float, float]:
        """Return what `take_stock` counts."""
        plant = self._plant
        link_V = float(plant.network.bus[0])
        cell_J_per_K = self._cell_J_per_K
        if plant.runaway.where.fitted:
            cell_J_per_K = plant.topology.cell_used * plant.runaway.view.capacity_J_per_K
        plate_K, plate_J_per_K = plant.heat.plate_K, self._plate_J_per_K
        if plant.spec.thermal.housing is not None:
            plate_K = np.concatenate((plate_K, plant.heat.house_K))
            plate_J_per_K = np.concatenate((plate_J_per_K, plant.heat.house_J_per_K))
        return (
            self.stored_J, plant.topology.cell_used, cell_J_per_K, plant.cells.temperature_K,
            plate_J_per_K, plate_K, plant.spec.initial_temperature_K,
            0.5 * plant.spec.wiring.link_capacitance_F * link_V**2, plant.runaway.stored_J(),
            float(plant.runaway.gas.add_up()[0]),
        )  # fmt: skip

    def _audit(self) -> None:
        """Ask the cells for their running sums and charges."""
        self._plant.model.audit(
            self._plant.cells.lanes, self._sums_J, self._charge_As, self._charge_low_As
        )
