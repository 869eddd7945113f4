"""Contactors, precharge resistor and fuse of each rack: which path leads to the bus.

A coil's command acts after its delay; the engine lets a step end where a contactor moves. A rack is
on the bus when its minus contactor and either plus (directly) or precharge (through its resistor)
are closed, and its fuse is whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.overlay import FREE, STUCK_CLOSED
from packs.spec import WiringSpec
from packs.state import Schema

MINUS, PRECHARGE, PLUS = 0, 1, 2
IDLE_TICK = -1
"""No movement is pending."""
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


class Switchgear:
    """The switches of all racks; holds no state of its own, only the view on it."""

    def __init__(self, spec: WiringSpec, view: Any, overlay: Any) -> None:
        self._spec = spec
        self._view = view
        self._overlay = overlay
        self._delay_ticks = round(spec.contactor_delay_s * 1000.0)

    def command(self, coils: NDArray[Any], tick: int) -> None:
        """Take the coils' command; contactors follow after their delay."""
        view = self._view
        changed = view.coil != coils
        if changed.any():
            view.coil[...] = coils
            view.moves_at[changed] = tick + self._delay_ticks

    def next_move(self) -> int | None:
        """Return the tick of the next movement, or None."""
        pending = self._view.moves_at[self._view.moves_at != IDLE_TICK]
        return int(pending.min()) if pending.size else None

    def settle(self, tick: int) -> bool:
        """Let contactors that are due move; return whether any changed its position."""
        view = self._view
        before = view.position.copy()
        due = (view.moves_at != IDLE_TICK) & (view.moves_at <= tick)
        view.position[due] = view.coil[due]
        view.moves_at[due] = IDLE_TICK
        stuck = self._overlay.contactor_stuck
        held = stuck != FREE
        view.position[held] = stuck[held] == STUCK_CLOSED
        free = ~held & (view.moves_at == IDLE_TICK)
        view.position[free] = view.coil[free]
        return bool((before != view.position).any())

    def paths(self, closed: Ints, path_ohm: NDArray[np.float64]) -> None:
        """Write which racks are on the bus, and through what resistance."""
        position = self._view.position
        spec = self._spec
        blown = (self._view.fuse_blown != 0) | (self._overlay.fuse_open != 0)
        direct = position[:, PLUS] == 1
        closed[...] = (position[:, MINUS] == 1) & (direct | (position[:, PRECHARGE] == 1)) & ~blown
        path_ohm[...] = spec.rack_ohm + 2.0 * spec.contactor_ohm
        path_ohm[~direct] += spec.precharge_ohm

    def is_precharging(self) -> bool:
        """Return whether any rack is on the bus through its precharge resistor only."""
        position = self._view.position
        return bool(((position[:, PRECHARGE] == 1) & (position[:, PLUS] == 0)).any())

    def heat_fuses(self, rack_current_A: NDArray[np.float64], step_s: float) -> Ints:
        """Heat the fuses by ``i^2 t`` above their rating; return the racks whose fuse just blew."""
        view = self._view
        excess = rack_current_A * rack_current_A - self._spec.fuse_rating_A**2
        heating = np.maximum(excess, 0.0) * step_s
        view.fuse_heat_A2s *= 1.0 / (1.0 + step_s / FUSE_COOLING_S)
        view.fuse_heat_A2s += heating
        blown = (view.fuse_heat_A2s >= self._spec.fuse_melting_A2s) & (view.fuse_blown == 0)
        if blown.any():
            view.fuse_blown[blown] = 1
        return np.flatnonzero(blown)
