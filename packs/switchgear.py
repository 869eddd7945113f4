"""Contactors, precharge resistor, fuse and insulation of each rack: which path leads to the bus.

A coil's command acts after its delay; the plant lets a step end where a contactor moves. A rack is
on the bus when its minus contactor and either plus (directly) or precharge (through its resistor)
are closed, and its fuse is whole. A contactor that opens more current than it can break, or closes
onto more than it can make, welds: it stays closed for good.
"""

from __future__ import annotations

import math
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
MOVED, PRECHARGING, WELDED = 1, 2, 4
"""Status bits of `settle`: something moved, a rack precharges, a contact welded."""
MELTS_AT = 1.0 - 1e-9
"""A step that ends where the fuse melts meets 1 but for rounding."""
NEVER_S = 1e9
"""Longer than any run [s]."""

Ints = NDArray[np.int64]


def declare_switchgear(schema: Schema, n_racks: int) -> None:
    """Declare commanded coils, contactor positions, pending movements, welds and fuse heat."""
    schema.add("switchgear", "coil", (n_racks, 3), integer=True)
    schema.add("switchgear", "position", (n_racks, 3), integer=True)
    schema.add("switchgear", "feedback", (n_racks, 3), integer=True)
    schema.add("switchgear", "welded", (n_racks, 3), integer=True)
    schema.add("switchgear", "moves_at", (n_racks, 3), integer=True, initial=IDLE_TICK)
    schema.add("switchgear", "fuse_heat", (n_racks,))
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
def settle_contactors(tick, coil, moves_at, stuck, break_A, current_A, position, welded, closed):
    """Move the contactors that are due; return status bits and the tick of the next movement.

    Parameters
    ----------
    tick : int
    coil, moves_at, stuck : int64 (R, 3)
    break_A : float
        What a contactor can interrupt [A].
    current_A : float64 (R,)
        Through the switches of each rack.
    position, welded : int64 (R, 3), written
        `welded` is 1 for a new weld, which stays, and anything but 0 for an old one.
    closed : bool (R, 3), written
        Those that closed now.
    """
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
            if target < position[rack, k] and welded[rack, k] == 0:
                if is_on(position, rack) and abs(current_A[rack]) > break_A:
                    welded[rack, k] = 1
                    status |= WELDED
            if welded[rack, k] != 0:
                target = 1
            closed[rack, k] = target > position[rack, k]
            if target != position[rack, k]:
                position[rack, k] = target
                status |= MOVED
        if position[rack, PRECHARGE] == 1 and position[rack, PLUS] == 0:
            status |= PRECHARGING
    return status, following


@kernel
def is_on(position, rack):
    """Say whether the switches of a rack lead to the bus."""
    through = position[rack, PLUS] == 1 or position[rack, PRECHARGE] == 1
    return through and position[rack, MINUS] == 1


@kernel
def tell_feedback(position, lie, feedback):
    """Write what the auxiliary contacts say, which may be a lie."""
    for rack in range(position.shape[0]):
        for k in range(3):
            told = position[rack, k]
            if lie[rack, k] != FREE:
                told = 1 if lie[rack, k] == STUCK_CLOSED else 0
            feedback[rack, k] = told


@kernel
def insulation(pole_S, minus_S, plus_S):
    """Give the resistance of a rack to ground [ohm] and the shunt between its poles through it [S].

    Each pole has the conductance `pole_S` to ground and its leak beside it. An insulation monitor
    sees both in parallel; the pack's own voltage drives them in series.
    """
    minus, plus = pole_S + minus_S, pole_S + plus_S
    return 1.0 / (minus + plus), minus * plus / (minus + plus)


@kernel
def rack_paths(
    position, fuse_blown, fuse_open, rack_short_S, leak_S, base_ohm, switch_ohm, precharge_ohm,
    pole_S, fuse_ohm, contactor_ohm, short_S, fuse_closed, switch_closed, insulation_ohm,
):  # fmt: skip
    """Write which racks are on the bus, through what resistance, and what shunts them."""
    for rack in range(len(insulation_ohm)):
        whole = fuse_blown[rack] == 0 and fuse_open[rack] == 0
        direct = position[rack, PLUS] == 1
        fuse_closed[rack] = 1 if whole else 0
        switch_closed[rack] = 1 if is_on(position, rack) else 0
        fuse_ohm[rack] = base_ohm
        contactor_ohm[rack] = switch_ohm if direct else switch_ohm + precharge_ohm
        ohm, shunt = insulation(pole_S, leak_S[rack, 0], leak_S[rack, 1])
        insulation_ohm[rack] = ohm
        short_S[rack] = rack_short_S[rack] + shunt


@kernel
def melted(heat: float, ratio: float, keep: float) -> float:
    """Give the heat of a fuse element after a time at constant current; it melts at 1.

    ``tau dx/dt = ratio^2 - x``, exactly, with ratio = current over the smallest that melts it and
    keep = ``exp(-time / tau)``. In short times ``i^2 t`` decides, in long ones the smallest melting
    current: cold at constant current it melts after ``-tau ln(1 - 1/ratio^2)``; without current it
    cools with tau.
    """
    end = ratio * ratio
    return end + (heat - end) * keep


@kernel
def melts_in(heat: float, ratio: float, tau: float) -> float:
    """Give the time until a fuse element melts at constant current [s], or `NEVER_S`."""
    end = ratio * ratio
    if heat >= 1.0:
        return 0.0
    return tau * math.log((end - heat) / (end - 1.0)) if end > 1.0 else NEVER_S


@kernel
def heat_fuses(step, least_A, tau, current_A, fuse_heat, fuse_blown, blew):
    """Heat the fuses; write and count those that blow now; return also when the next one will [s].

    Parameters
    ----------
    step : float
        [s].
    least_A, tau : float
        Smallest melting current [A]; time constant ``I2t / least_A^2`` [s].
    current_A : float64 (R,)
    fuse_heat : float64 (R,), written
        1 melts.
    fuse_blown, blew : int64 (R,), written
    """
    count = 0
    soonest = NEVER_S
    keep = math.exp(-step / tau)
    for rack in range(len(current_A)):
        blew[rack] = 0
        ratio = abs(current_A[rack]) / least_A
        heat = melted(fuse_heat[rack], ratio, keep)
        fuse_heat[rack] = heat
        if fuse_blown[rack] == 0:
            if heat >= MELTS_AT:
                fuse_blown[rack] = 1
                blew[rack] = 1
                count += 1
            else:
                soonest = min(soonest, melts_in(heat, ratio, tau))
    return count, soonest


class Switchgear:
    """The switches of all racks; holds no state of its own, only the view on it.

    Attributes
    ----------
    blew : int64 (R,)
        The fuses that blew in the last step.
    closed : bool (R, 3)
        The contactors that closed when they were last settled.
    """

    def __init__(self, spec: WiringSpec, view: Any, overlay: Any) -> None:
        self._spec = spec
        self._view = view
        self._overlay = overlay
        self._delay_ticks = round(spec.contactor_delay_s * 1000.0)
        self.tau_s = spec.fuse_melting_A2s / spec.fuse_least_A**2
        self.blew = np.zeros_like(view.fuse_blown)
        self.closed = np.zeros(view.position.shape, dtype=np.bool_)

    def command(self, coils: Ints, tick: int) -> None:
        """Take the coils' command, int64 (R, 3); contactors follow after their delay."""
        command_coils(tick, self._delay_ticks, coils, self._view.coil, self._view.moves_at)

    def settle(self, tick: int, switch_A: NDArray[np.float64]) -> tuple[int, int]:
        """Let contactors that are due move, at the present currents through the switches.

        Returns
        -------
        int
            Status bits.
        int
            Tick of the next movement, or `IDLE_TICK`.
        """
        view, over = self._view, self._overlay
        return settle_contactors(
            tick, view.coil, view.moves_at, over.contactor_stuck, self._spec.contactor_break_A,
            switch_A, view.position, view.welded, self.closed,
        )  # fmt: skip

    def heat_fuses(
        self, rack_current_A: NDArray[np.float64], step_s: float
    ) -> tuple[list[int], float]:
        """Heat the fuses; return the racks whose fuse blows now, and when the next one will [s]."""
        view = self._view
        count, soonest = heat_fuses(
            step_s, self._spec.fuse_least_A, self.tau_s, rack_current_A, view.fuse_heat,
            view.fuse_blown, self.blew,
        )  # fmt: skip
        return (np.flatnonzero(self.blew).tolist() if count else []), soonest
