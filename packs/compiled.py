"""When and how a plant takes the compiled way: `packs.macro` bound to its arrays.

A plant of one equivalent-circuit population with the reference PCS has one; others go stage by
stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cell_models.ecm_model import EcmModel
from cell_models.jit import bound
from packs.aftermath import BLOWN, BROKEN, CUT, NEWS, OPENED, RANGE, hazards_of
from packs.macro import EcmPopulation, Moving, Surroundings, advance_many
from packs.pcs import ReferencePcs
from packs.state import State
from packs.telling import tell_broken, tell_cuts

if TYPE_CHECKING:
    from packs.plant import Plant


def compiled_way(plant: Plant, state: State) -> Compiled | None:
    """Return the compiled way of a plant whose plug-ins are ours, None for any other."""
    pcs = getattr(plant.converter, "converter", plant.converter)
    if type(pcs) is ReferencePcs and type(plant.model) is EcmModel:  # not what changes them
        return Compiled(plant, pcs, plant.model.compiled_form(), state)
    return None


class Compiled:
    """Several steps of one plant in one call.

    Parameters
    ----------
    plant : Plant
        Whose views have been taken.
    pcs : ReferencePcs
    form : dict
        Of the cells: `EcmModel.compiled_form`.
    state : State
    """

    def __init__(self, plant: Plant, pcs: ReferencePcs, form: dict[str, Any], state: State) -> None:
        self._plant = plant
        control, gear = plant.control, plant.switchgear
        lanes = plant.cells.lanes
        ecm = EcmPopulation(
            first_lane=state.at(lanes), n_lanes=lanes.size,
            first_slot=int(plant.topology.cell_slot[0]), **form["numbers"],
        )  # fmt: skip
        moving = Moving(
            alert_until=control.alert_until, probe=control.probe,
            step_ticks=control.step_ticks, refresh_at=control.refresh_at,
            drifted=control.drifted, melts_at=control.melts_at,
            out_of_range=control.out_of_range, cut=control.cut,
            blown=plant.switch_view.fuse_blown, blew=gear.blew,
            fuse_heat=plant.switch_view.fuse_heat, sums=form["sums"], spare=plant.spare,
            plain=np.zeros(plant.topology.n_blocks), reach=np.uint64(plant.topology.reach),
        )  # fmt: skip
        self._blew = gear.blew
        wiring = plant.spec.wiring
        around = Surroundings(
            short_S=plant.overlay.bus_short_S, setpoint_W=control.setpoint_W,
            running=control.running, inlet_K=control.inlet_K, ambient_K=control.ambient_K,
            capacitance_F=wiring.link_capacitance_F, bleed_ohm=wiring.link_bleed_ohm,
            ceiling_V=plant.voltage_ceiling_V, refresh_ticks=plant.refresh_ticks,
            least_A=wiring.fuse_least_A, tau_s=gear.tau_s, short_ticks=plant.short_ticks,
            rate=plant.heat_rate,
        )  # fmt: skip
        self._rest = (
            around, plant.wire, plant.settings, plant.paths, plant.paths.equipped or None, ecm,
            form["tables"], pcs.numbers, pcs.memory(plant.pcs_view), moving,
            hazards_of(plant.guards.numbers, plant.runaway.where, plant.runaway.gas.where),
            plant.heat_given, plant.arena,
        )  # fmt: skip
        self._call = bound(advance_many, 0, 1, 1, False, *self._rest)

    def advance(self, tick: int, horizon: int, longest: int, is_moving: bool) -> int:
        """Do steps from a tick to a horizon (`packs.macro`); return the tick that was reached."""
        plant = self._plant
        end, why = self._call(tick, horizon, longest, is_moving, *self._rest)
        plant.runaway.tell_logged()
        plant.happened(end)
        if why & RANGE:
            plant.tell_out_of_range()
        if why & CUT:
            tell_cuts(plant)
        if why & BLOWN:
            plant.tell_blown(np.flatnonzero(self._blew).tolist(), end)
        if why & BROKEN:
            tell_broken(plant)
        if why & OPENED:
            plant.guards.tell(end)
        if why & NEWS:
            plant.runaway.tell(end)
        return end
