"""Contactors, precharge resistor and fuse of each rack: which path leads to the bus.

A coil's command acts after its delay; the engine lets a step end where a contactor moves. A rack is
on the bus when its minus contactor and either plus (directly) or precharge (through its resistor)
are closed, and its fuse is whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import kernel
from packs.overlay import FREE, STUCK_CLOSED
from packs.spec import WiringSpec
from packs.state import Schema

MINUS, PRECHARGE, PLUS = 0, 1, 2
IDLE_TICK = -1
"""No movement is pending."""
MOVED, PRECHARGING = 1, 2
"""Status bits of `settle`."""
FUSE_COOLING_S = 60.0
"""Time constant at which a fuse element forgets heat (assumed)."""

Ints = NDArray[np.int64]


def declare_switchgear(schema: Schema, n_racks: int) -> None:
    """Declare commanded coils, contactor positions, pending movements and fuse heat."""
    schema.add("switchgear", "coil", (n_racks, 3), integer=True)
    schema.add("switchgear", "position", (n_racks, 3), integer=True)
    schema.add("switchgear", "moves_at", (n_racks, 3), integer=True, initial=IDLE_TICK)
    schema.add("switchgear", "fuse_heat_A2s", (n_racks,), unit="A^2*s")
    schema.add("switchgear", "fuse_blown", (n_racks,), integer=True)


@kernel
def command_coils(tick, delay, wanted, coil, moves_at):
    """Take the coils' command; contactors follow after their delay [ms]."""
    for rack in range(coil.shape[0]):
        for k in range(3):
            if coil[rack, k] != wanted[rack, k]:
                coil[rack, k] = wanted[rack, k]
                moves_at[rack, k] = tick + delay


@kernel
def settle_contactors(tick, coil, moves_at, stuck, position):
    """Move the contactors that are due; return status bits and the tick of the next movement."""
    status = 0
    following = IDLE_TICK
    for rack in range(position.shape[0]):
        for k in range(3):
            if moves_at[rack, k] <= tick:
                moves_at[rack, k] = IDLE_TICK
            target = position[rack, k]
            if moves_at[rack, k] == IDLE_TICK:
                target = coil[rack, k]
            elif following == IDLE_TICK or moves_at[rack, k] < following:
                following = moves_at[rack, k]
            if stuck[rack, k] != FREE:
                target = 1 if stuck[rack, k] == STUCK_CLOSED else 0
            if target != position[rack, k]:
                position[rack, k] = target
                status |= MOVED
        if position[rack, PRECHARGE] == 1 and position[rack, PLUS] == 0:
            status |= PRECHARGING
    return status, following


@kernel
def rack_paths(position, fuse_blown, fuse_open, base_ohm, precharge_ohm, closed, path_ohm):
    """Write which racks are on the bus, and through what resistance."""
    for rack in range(len(closed)):
        whole = fuse_blown[rack] == 0 and fuse_open[rack] == 0
        direct = position[rack, PLUS] == 1
        through = direct or position[rack, PRECHARGE] == 1
        closed[rack] = 1 if whole and through and position[rack, MINUS] == 1 else 0
        path_ohm[rack] = base_ohm if direct else base_ohm + precharge_ohm


@kernel
def heat_fuses(step, rating, melting, cooling, current_A, fuse_heat_A2s, fuse_blown, blew):
    """Heat the fuses by ``i^2 t`` above their rating; write and count those that blow now."""
    count = 0
    for rack in range(len(current_A)):
        blew[rack] = 0
        excess = current_A[rack] * current_A[rack] - rating * rating
        heat = fuse_heat_A2s[rack] / (1.0 + step / cooling) + max(excess, 0.0) * step
        fuse_heat_A2s[rack] = heat
        if heat >= melting and fuse_blown[rack] == 0:
            fuse_blown[rack] = 1
            blew[rack] = 1
            count += 1
    return count


class Switchgear:
    """The switches of all racks; holds no state of its own, only the view on it."""

    def __init__(self, spec: WiringSpec, view: Any, overlay: Any) -> None:
        self._spec = spec
        self._view = view
        self._overlay = overlay
        self._delay_ticks = round(spec.contactor_delay_s * 1000.0)
        self._base_ohm = spec.rack_ohm + 2.0 * spec.contactor_ohm
        self._blew = np.zeros_like(view.fuse_blown)

    def command(self, coils: Ints, tick: int) -> None:
        """Take the coils' command, int64 (R, 3); contactors follow after their delay."""
        command_coils(tick, self._delay_ticks, coils, self._view.coil, self._view.moves_at)

    def settle(self, tick: int) -> tuple[int, int]:
        """Let contactors that are due move.

        Returns
        -------
        int
            `MOVED` and `PRECHARGING` bits.
        int
            Tick of the next movement, or `IDLE_TICK`.
        """
        view = self._view
        return settle_contactors(
            tick, view.coil, view.moves_at, self._overlay.contactor_stuck, view.position
        )

    def paths(self, closed: Ints, path_ohm: NDArray[np.float64]) -> None:
        """Write which racks are on the bus, and through what resistance."""
        view = self._view
        rack_paths(
            view.position, view.fuse_blown, self._overlay.fuse_open, self._base_ohm,
            self._spec.precharge_ohm, closed, path_ohm,
        )  # fmt: skip

    def heat_fuses(self, rack_current_A: NDArray[np.float64], step_s: float) -> list[int]:
        """Heat the fuses; return the racks whose fuse blows now."""
        spec, view = self._spec, self._view
        count = heat_fuses(
            step_s, spec.fuse_rating_A, spec.fuse_melting_A2s, FUSE_COOLING_S, rack_current_A,
            view.fuse_heat_A2s, view.fuse_blown, self._blew,
        )  # fmt: skip
        return np.flatnonzero(self._blew).tolist() if count else []
