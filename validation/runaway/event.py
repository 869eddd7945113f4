"""One cell of a pack that is heated until it runs away: what it releases, keeps and loses.

Everything that a cell of a pack has is at work: its reactions, the collapse of its separator, its
charge through that short, heat and matter that leave it, the opening when it is spent. It is one
cell alone, so that no neighbour feeds it. The run is that of a scenario; a BMS looks on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.ecm_params import load_ecm_params
from cell_models.runaway_params import load_runaway_params, parameter_names
from packs.burning import ERUPTED
from twin.build import build
from twin.engine import Engine
from twin.runaway_fit import rated_Wh, unfit
from twin.scenarios.load import load_scenario
from twin.scenarios.runaway_section import Runaway
from validation.runaway.line import CELSIUS_K

CELL = "lg_m50"
START_DEGC = 25.0
HEATER_J = 11e3
"""What the heater gives: 180 K of this cell, so that it is off a few seconds after the collapse."""
AFTER_S = 60.0
"""So long after a cell is spent its remaining charge goes on through its short."""
END_S = 1200.0


def fitting_sets() -> tuple[str, ...]:
    """Return the shipped sets that belong to the circuit's cell; others a scenario refuses."""
    cell = load_ecm_params(CELL)
    return tuple(n for n in parameter_names() if not list(unfit(Runaway(set=n), cell, Path())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What came of one cell, up to a minute after it was spent.

    Attributes
    ----------
    rated_Wh, mass_kg : float, of the circuit's cell, and of that of the set
    reaction_J, electrical_J, heater_J : float, heat of reactions, of its charge, of the heater
    ejected_J, ejected_kg : float, heat and mass that left it
    runaway_s, erupted_s, spent_s : float, NaN where it did not; matter leaves from the second on
    residual : float, of all energy balances, relative
    time_s, temperature_K, heat_so_far_J : float64 (n,)
        The last is heat of reactions and charge together.
    """

    rated_Wh: float
    mass_kg: float
    reaction_J: float
    electrical_J: float
    heater_J: float
    ejected_J: float
    ejected_kg: float
    runaway_s: float
    erupted_s: float
    spent_s: float
    residual: float
    time_s: NDArray[np.float64] = field(repr=False)
    temperature_K: NDArray[np.float64] = field(repr=False)
    heat_so_far_J: NDArray[np.float64] = field(repr=False)

    @property
    def heat_J(self) -> float:
        """Heat that the cell itself released, reactions and charge [J]."""
        return self.reaction_J + self.electrical_J

    @property
    def kJ_per_Wh(self) -> float:
        """The same over its rated energy, whatever its charge [kJ/Wh]."""
        return self.heat_J / self.rated_Wh / 1e3

    @property
    def body_share(self) -> float:
        """What has not left it, over all heat; both with that of the heater.

        A calorimeter finds the body so hot, whoever heated it.
        """
        given_J = self.heat_J + self.heater_J
        return (given_J - self.ejected_J) / given_J

    @property
    def own_body_share(self) -> float:
        """The same if all heat of the heater is taken for heat of the body."""
        return (self.heat_J - self.ejected_J) / self.heat_J

    @property
    def ejected_share(self) -> float:
        """Mass that left it, over its mass."""
        return self.ejected_kg / self.mass_kg

    @property
    def event_s(self) -> float:
        """From the first matter that leaves to spent [s]."""
        return self.spent_s - self.erupted_s

    @property
    def nine_tenths_s(self) -> float:
        """From the first matter that leaves until nine tenths of all heat are out [s]."""
        return float(self.time_s[self.heat_so_far_J >= 0.9 * self.heat_J][0]) - self.erupted_s

    @property
    def peak_degC(self) -> float:
        """The hottest that the body became [degC]."""
        return float(self.temperature_K.max()) - CELSIUS_K


def _heated(set_name: str, soc: float, heater_W: float, step_ms: float) -> Engine:
    """Build one cell with its reactions, and a heater on it."""
    faults = (
        "[{name: heater, kind: heater, at: {rack: 1, module: 1, group: 1, cell: 1}, from: 0 s, "
        f"until: {HEATER_J / heater_W:.3f} s, power: {heater_W} W}}]"
    )
    overrides = (
        "site.cells_per_group=1", "wiring.cell_fuse=null", f"cell.parameters={CELL}",
        f"cell.initial_soc={soc}", f"cell.initial_temperature={START_DEGC} degC",
        "cell.spread={capacity: 0, resistance: 0, initial_soc: 0}",
        f"cell.runaway={{set: {set_name}}}", f"step={step_ms:g} ms", f"alert_step={step_ms:g} ms",
        f"duration={END_S} s", "environment.demand.power=0 W", f"faults={faults}",
    )  # fmt: skip
    return build(load_scenario("runaway_parallel", overrides))


def _first(engine: Engine, code: str) -> float:
    """Return when something was first told of [s], NaN if never."""
    return next((event.time_s for event in engine.events if event.code == code), math.nan)


@lru_cache(maxsize=64)
def released(set_name: str, soc: float, heater_W: float = 80.0, step_ms: float = 25.0) -> Released:
    """Heat one cell until it runs away, and see to the end of it.

    Parameters
    ----------
    set_name : str
        One of `fitting_sets`.
    soc : float
        From 0 to 1.
    heater_W : float
    step_ms : float
        Of the plant; a divisor of 50.
    """
    engine = _heated(set_name, soc, heater_W, step_ms)
    plant, ledger = engine.plant, engine.ledger
    slot = int(plant.topology.cell_slot[0])
    view, cells = plant.runaway.view, plant.cells
    ledger.observe()
    charge_J, erupted_s, spent_s = float(ledger.stored_J[slot]), math.nan, math.nan
    seen = [(0.0, float(cells.temperature_K[slot]), 0.0)]
    while engine.tick < engine.clock.end and not engine.tick / 1e3 >= spent_s + AFTER_S:
        engine.step()
        ledger.observe()
        heat_J = float(view.reaction_J[slot]) + charge_J - float(ledger.stored_J[slot])
        seen.append((engine.tick / 1e3, float(cells.temperature_K[slot]), heat_J))
        spent_s = _first(engine, "cell_spent")
        if math.isnan(erupted_s) and view.phase[slot] & ERUPTED:
            erupted_s = engine.tick / 1e3
    time_s, temperature_K, heat_so_far_J = np.array(seen).T
    ledger.close()
    terms = ledger.as_dict()
    return Released(
        rated_Wh=rated_Wh(load_ecm_params(CELL)),
        mass_kg=load_runaway_params(set_name).cell.mass_kg, reaction_J=float(view.reaction_J[slot]),
        electrical_J=charge_J - float(ledger.stored_J[slot]), heater_J=terms["heater_J"],
        ejected_J=float(view.ejected_J[slot]), ejected_kg=float(view.ejected_kg[slot]),
        runaway_s=_first(engine, "cell_runaway"), erupted_s=erupted_s, spent_s=spent_s,
        residual=terms["residual"],
        time_s=time_s, temperature_K=temperature_K, heat_so_far_J=heat_so_far_J,
    )  # fmt: skip


def event(set_name: str, soc: float, heater_W: float) -> dict[str, Any]:
    """Return the figures of one event, as `twin validate runaway --case event` tells them."""
    found = released(set_name, soc, heater_W)
    return {
        "heat_kJ_per_rated_Wh": found.kJ_per_Wh,
        "heat_J": {"reactions": found.reaction_J, "charge": found.electrical_J},
        "heater_J": found.heater_J,
        "body_share": found.body_share,
        "body_share_without_heater": found.own_body_share,
        "ejected_mass_share": found.ejected_share,
        "runaway_s": found.runaway_s,
        "erupted_s": found.erupted_s,
        "event_s": found.event_s,
        "nine_tenths_of_heat_s": found.nine_tenths_s,
        "peak_degC": found.peak_degC,
        "energy_residual": found.residual,
    }
