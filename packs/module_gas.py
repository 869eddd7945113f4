"""Venting and gas in a pack: the `vent` stage, after cells have reacted, bound to its plant.

What cells eject goes to those in line of sight, to the gas of their module and with solids to its
walls; open cans give it their gas and vapour; the gas burns, warms the walls and leaves through the
relief vent (`packs.absorption`, `packs.venting`, `packs.gas`). Cells are looked at only while one
is hot, or after one has erupted; gas as warm as its walls is left alone.

Gas that leaves a cell is part of the mass that erupting cells eject: its mass is not taken twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cell_models.compensated import two_sum
from cell_models.jit import bound, kernel
from cell_models.vent_params import VentParams
from packs.absorption import LEAST_JET_W, throw_stage
from packs.arrays import open_cells, open_site
from packs.burning import AWAKE, NEWS, OF_HOUSING, VENTED
from packs.condensing import film_J
from packs.enclosure import FLOWS as GAS_FLOWS
from packs.enclosure import gas_arrays, gas_numbers
from packs.flows import CAUGHT, LATENT, SOLIDS, VENTED_HEAT, WALLS, add_to
from packs.gas import OK, fill_with_air, gas_stage, stored_J
from packs.gas_places import (
    N_VENT_NUMBERS,
    Ejecta,
    Housed,
    open_ejecta,
    open_gas,
    open_vents,
)
from packs.sensors import AIR_PRESSURE_PA
from packs.spec import ModuleSpec, PackSpec
from packs.state import State
from packs.venting import SOLID_J_PER_KG_K, vent_arrays, vent_numbers
from packs.venting import vent_stage as let_cells_vent

if TYPE_CHECKING:
    from packs.plant import Plant
    from packs.runaway_cells import RunawayCells

RELIEVED, LIT, FAILED, BURST = 1, 2, 4, 8
"""Bits of `told`: the relief vent has opened, the gas has burnt, a step was not finished, the
pressure was more than the housing is taken to hold."""


@kernel
def catch(cells, site, e):
    """Warm the cells by what they catch of the ejecta of others."""
    temperature_K, kelvin_per_J = cells.temperature_K, cells.kelvin_per_J
    caught_J, all_caught_J = e.caught_J, e.all_caught_J
    high = low = 0.0
    for c in range(len(caught_J)):
        heat = caught_J[c]
        if heat > 0.0:
            temperature_K[c] += heat * kelvin_per_J[c]
            all_caught_J[c] += heat
            high, low = two_sum(high, low, heat)
    add_to(site.total, site.low, CAUGHT, high + low)


@kernel
def pay(cells, site, vents, e):
    """Take from the cells what vapour and gas took with them; note cans that have opened.

    Returns
    -------
    int
        `NEWS`, or 0.
    """
    is_open, phase, news, acting = vents.is_open, e.phase, e.news, vents.acting
    taken_J, all_latent_J, lost_kg = vents.taken_J, vents.latent_J, vents.lost_kg
    temperature_K, kelvin_per_J = cells.temperature_K, cells.kelvin_per_J
    all_vented_kg, solids_J = e.all_vented_kg, vents.solids_J
    status = 0
    high = low = latent = latent_low = solids = 0.0
    for i in range(acting[len(taken_J)]):
        c = acting[i]
        solids += solids_J[c]
        if is_open[c] == 0:
            continue
        if not phase[c] & VENTED:
            news[c] |= VENTED
            status = NEWS
        temperature_K[c] -= taken_J[c] * kelvin_per_J[c]
        all_vented_kg[c] += lost_kg[c]
        high, low = two_sum(high, low, taken_J[c])
        latent, latent_low = two_sum(latent, latent_low, all_latent_J[c])
    add_to(site.total, site.low, VENTED_HEAT, high + low)
    add_to(site.total, site.low, LATENT, latent + latent_low)
    add_to(site.total, site.low, SOLIDS, solids)
    return status


@kernel
def warm_walls(ambient_K, gas, e):
    """Write what the gas finds as its walls: the housing, or air, whose temperature is held."""
    housed = len(e.house_K) > 0
    for m in range(len(gas.wall_K)):
        gas.wall_K[m] = e.house_K[m] if housed else ambient_K
        gas.wall_J_per_K[m] = e.house_J_per_K[m] if housed else math.inf


@kernel
def heat_housings(where, site, gas, e):
    """Give housings what their gas has lost to them, and the heat capacity of their film.

    As in `drop_solids`: what the film has at the reference stays with the gas.
    """
    for m in range(len(e.house_K)):
        C = gas.wall_J_per_K[m]
        film = (C - e.house_J_per_K[m]) * (e.house_K[m] - where.reference_K)
        e.house_K[m] += (gas.wall_J[m] - film) / C
        e.house_J_per_K[m] = C
        add_to(site.total, site.low, WALLS, gas.wall_J[m])


@kernel
def drop_solids(where, site, vents, e):
    """Let solids fall on housings, with their heat and their heat capacity.

    Heat counts from the reference, at which what leaves a cell has none: so
    ``(C + c) (T' - T_ref) = C (T - T_ref) + Q``.
    """
    if len(e.house_K) == 0:
        return
    solids_J, solids_kg, module = vents.solids_J, vents.solids_kg, e.module
    acting = vents.acting
    house_K, house_J_per_K = e.house_K, e.house_J_per_K
    high = low = 0.0
    for i in range(acting[len(solids_J)]):
        c = acting[i]
        if solids_J[c] > 0.0 or solids_kg[c] > 0.0:
            m, C = module[c], house_J_per_K[module[c]]
            house_J_per_K[m] = C + SOLID_J_PER_KG_K * solids_kg[c]
            held = C * (house_K[m] - where.reference_K) + solids_J[c]
            house_K[m] = where.reference_K + held / house_J_per_K[m]
            high, low = two_sum(high, low, solids_J[c])
    add_to(site.total, site.low, WALLS, high + low)


@kernel
def vent_modules(h, status, ambient_K, where, cells, site, floats, ints):
    """Let ejecta fly, cans vent, and the gas of all modules move on for one step.

    Parameters
    ----------
    h : float
        [s]
    status : int
        Of `packs.runaway.react_cells` in this step.
    ambient_K : float
    where : Housed
    cells, site : CellArrays, SiteArrays
        Written: temperatures, flows.
    floats, ints
        That hold all else.

    Returns
    -------
    int
        `NEWS` of a can, `OF_HOUSING` of a relief vent or a flame.
    """
    gas_numbers_, gas = open_gas(where, floats, ints)
    e = open_ejecta(where, floats, ints)
    found = 0
    if status & AWAKE:
        vent_numbers_, vents = open_vents(where, floats, ints)
        throw_stage(
            e.out_J, cells.temperature_K, e.first, e.target, e.share, e.caught_J, e.to_gas_J,
            LEAST_JET_W * h,
        )  # fmt: skip
        catch(cells, site, e)
        let_cells_vent(
            h, vent_numbers_, e.module, cells.temperature_K, e.capacity_J_per_K, e.progress, e.soc,
            e.out_J, e.out_kg, e.to_gas_J, vents, gas,
        )  # fmt: skip
        found = pay(cells, site, vents, e)
        drop_solids(where, site, vents, e)
    warm_walls(ambient_K, gas, e)
    if gas_stage(h, gas_numbers_, AIR_PRESSURE_PA, ambient_K, gas) != OK:
        found |= OF_HOUSING
        gas.pressure_Pa[0] = np.nan
    heat_housings(where, site, gas, e)
    for m in range(len(e.told)):
        burst = BURST if gas.surge_Pa[m] > gas_numbers_.burst_Pa else 0
        if gas.relieved[m] * RELIEVED + gas.lit[m] * LIT + burst != e.told[m] & ~FAILED:
            found |= OF_HOUSING
    return found


@kernel
def vent_stage(h, status, ambient_K, where, arena):
    """Do the same as a stage of its own (`vent_modules`)."""
    return vent_modules(
        h, status, ambient_K, where, open_cells(arena), open_site(arena), arena.floats, arena.ints
    )


@kernel
def gas_sums(where, sums, arena):
    """Write the energy of all gas and film, and the flows since the start as in `GAS_FLOWS`."""
    numbers, gas = open_gas(where, arena.floats, arena.ints)
    high = low = 0.0
    for m in range(len(gas.wall_K)):
        high, low = two_sum(high, low, stored_J(m, gas))
        high, low = two_sum(high, low, film_J(m, numbers.reference_K, gas))
    sums[0] = high + low
    for k in range(len(sums) - 1):
        high = low = 0.0
        for m in range(len(gas.wall_K)):
            high, low = two_sum(high, low, gas.flows[m, k] + gas.flows_low[m, k])
        sums[1 + k] = high + low


class ModuleGas:
    """Cans and gas of a plant; holds no state of its own, only where it is.

    Parameters
    ----------
    spec : PackSpec
    state : State
        Built, with what `declare_module_gas` declared.
    plant : Plant
        With its arena.
    reactions : RunawayCells
        Its own.
    """

    def __init__(self, spec: PackSpec, state: State, plant: Plant, reactions: RunawayCells) -> None:
        self._plant, self._state, self._module = plant, state, spec.module
        self.view: Any = state.view("gas")
        self.ejecta: Any = state.view("ejecta")
        self.vents: Any = state.view("vents")
        self.sums = np.zeros(1 + len(GAS_FLOWS))
        self._pressure_Pa: Any = np.zeros(0)
        self.where = Housed(False, 0, 0, 0.0)
        reacting, start_K = spec.runaway, spec.initial_temperature_K
        vent = None if reacting is None else reacting.params.vent
        if spec.module is not None and vent is not None:
            self.where = self._place(spec.module, vent, state, reactions.view, start_K)
        self._act = bound(vent_stage, 0.0, 0, 0.0, self.where, plant.arena)
        self._add_up = bound(gas_sums, self.where, self.sums, plant.arena)

    def _place(
        self, module: ModuleSpec, params: VentParams, state: State, view: Any, start_K: float
    ) -> Housed:
        """Write constants, and the places of all arrays; return where they are."""
        plant, beside = self._plant, state.view("of_ejecta")
        top, absorbed = plant.topology, module.absorption
        beside.module[:] = -1
        beside.module[top.cell_slot] = top.group_module[top.cell_group]
        if absorbed is not None:
            beside.first[:], beside.target[:] = absorbed.first, absorbed.target
            beside.share[:] = absorbed.share
        cans, gas = vent_numbers(params), gas_numbers(module.enclosure, start_K)
        beside.numbers[:] = (*cans[:N_VENT_NUMBERS], *gas)
        beside.gas_soc[:], beside.gas_mol[:] = cans.soc, cans.gas_mol.ravel()
        own, heat = self.ejecta, state.view("thermal")
        between = Ejecta(
            beside.first, beside.target, beside.share, beside.module, view.out_J, view.out_kg,
            view.progress, view.soc, view.capacity_J_per_K, view.phase,
            state.view("of_runaway").news, beside.caught_J, beside.to_gas_J, own.caught_J,
            own.vented_kg, own.told, heat.house_K, heat.house_J_per_K,
        )  # fmt: skip
        everything = (
            *vent_arrays(state), *gas_arrays(state), *between, beside.gas_soc, beside.gas_mol
        )  # fmt: skip
        at = state.at
        beside.places[:] = [number for array in everything for number in (at(array), array.size)]
        self._pressure_Pa = state.view("sensed").module_pressure_Pa
        return Housed(True, at(beside.numbers), at(beside.places), start_K)

    def fill(self) -> None:
        """Fill all modules with air at the ambient temperature, or that of their housings."""
        if self._module is not None and self.where.fitted:
            start_K = self._plant.spec.initial_temperature_K
            volume_m3 = self._module.enclosure.free_volume_m3
            fill_with_air(volume_m3, AIR_PRESSURE_PA, start_K, gas_arrays(self._state))

    def vent(self, step_s: float, status: int) -> int:
        """Move cans and gas on for a step, after the reactions gave a status; return one."""
        plant = self._plant
        return self._act(step_s, status, plant.control.ambient_K[0], self.where, plant.arena)

    def pierce(self, tick: int) -> None:
        """Open the cans that the overlay has as pierced, for good, and take note of them."""
        if not self.where.fitted:
            return
        plant, cans = self._plant, self.vents
        for slot in np.flatnonzero(plant.overlay.cell_pierced * (cans.is_open == 0)).tolist():
            cans.is_open[slot] = 1
            plant.runaway.view.phase[slot] |= VENTED  # told here, not as one that burst
            plant.happened(tick)
            here_K = float(plant.cells.temperature_K[slot])
            plant.tell("can_pierced", "cell", int(plant.topology.slot_cell[slot]), here_K, np.nan)

    def add_up(self) -> np.ndarray:
        """Return energy and flows of all gas (`gas_sums`), zeros where there is none."""
        if self.where.fitted:
            self._add_up(self.where, self.sums, self._plant.arena)
        return self.sums

    def tell(self) -> None:
        """Take note of relief vents that opened, gas that has burnt, housings with too much in."""
        if not self.where.fitted or self._module is None:
            return
        view, told, box = self.view, self.ejecta.told, self._module.enclosure
        seen = (
            view.relieved.tolist(), view.lit.tolist(), self._pressure_Pa.tolist(),
            view.surge_Pa.tolist(), told.tolist(),
        )  # fmt: skip
        for module, (relieved, lit, P, surge_Pa, before) in enumerate(zip(*seen, strict=True)):
            happened = (
                RELIEVED * relieved + LIT * lit + FAILED * (not math.isfinite(P))
                + BURST * (surge_Pa > box.burst_Pa)
            )  # fmt: skip
            if happened == before:
                continue
            if relieved and not before & RELIEVED:
                self._plant.tell("module_relief", "module", module, surge_Pa, box.relief_Pa)
            if lit and not before & LIT:
                burnt_J = float(view.flows[module, GAS_FLOWS.index("burnt_J")])
                self._plant.tell("gas_ignited", "module", module, burnt_J, np.nan)
            if happened & ~before & BURST:
                self._plant.tell("housing_bursts", "module", module, surge_Pa, box.burst_Pa)
            if happened & ~before & FAILED:
                self._plant.tell("not_finite", "module", module, np.nan, 0.0)
            told[module] = happened
