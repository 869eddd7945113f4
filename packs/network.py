"""Currents of every cell from the cells' lines, the wiring, and what the bus demands.

Cells become Norton equivalents, parallel cells a group, groups in series a rack, racks on the bus
one source; the demand at the bus is met in closed form; then currents run back down. Two passes of
O(n), no iteration, no lag: with the end-of-step lines ``v = emf - r i`` of the cells the result is
the end-of-step solution itself. Shunts are conductances, joints resistances, combined as ``G/(1 + R
G)``: zero is exact and infinity never enters. What is open has conductance zero.

Here are the pure functions of single elements, and the two ends of the tree: racks and bus.
`packs.groups` has the groups, 32 of them side by side; `packs.ladder` groups with rails.
"""

from __future__ import annotations

import math

from cell_models.jit import inlined, kernel

OPEN, CURRENT, VOLTAGE, POWER, RESISTANCE = 0, 1, 2, 3, 4
"""Kinds of demand at the bus."""

SOLVED, INFEASIBLE, NOT_FINITE = 0, 1, 2
"""Status: power beyond what the bus can give is a status, never a clip."""

FREE, VOLTAGE_LOW, VOLTAGE_HIGH, CURRENT_LOW, CURRENT_HIGH = 0, 1, 2, 3, 4
"""Which limit binds, if any: `operating_point`."""

BUS_V, DEMAND_A, LINK_A, RESIDUAL_A, LARGEST_A, BINDING = 0, 1, 2, 3, 4, 5
"""Entries of `bus`: voltage, demand current, current into the capacitor, the largest miss of
Kirchhoff's current law, the largest current of a branch (both [A]), the limit that binds."""
N_BUS = 6

SHORT_W, JOINT_W, BLEED_W, LINK_W, PATH_W, EXTERNAL_W, RAIL_W = 0, 1, 2, 3, 4, 5, 6
N_LOSSES = 7
"""Where the wiring turns power into heat: `losses`."""


@inlined
def branch(r: float, short_S: float, joint: float, is_open: float) -> tuple[float, float]:
    """Give what makes a branch of a cell, its short and its joint: ``(w, part)``.

    The short lies across the cell's terminals, the joint between them and the group. With ``part =
    1 + r S`` and ``w = 1 / (joint part + r)`` the branch carries ``w (emf - part v)`` into its
    group at v. Where it is open, ``w = 1 / part`` gives the terminal voltage ``emf w`` instead.
    """
    part = 1.0 + r * short_S
    return 1.0 / (part if is_open != 0.0 else joint * part + r), part


@kernel
def terminal(kind: int, demand: float, emf: float, resistance: float) -> tuple[float, int]:
    """Give the bus voltage for a demand on a source ``v = emf - R i``.

    Power: ``v = (E + sqrt(E^2 - 4 R P)) / 2``, the upper branch, where voltage is high.
    Resistance: ``v = E R_load / (R_load + R)``, zero for a dead short.

    Returns
    -------
    float
        Bus voltage [V].
    int
        `INFEASIBLE` when no voltage gives that power; the voltage is then the open-circuit one.
    """
    if kind == CURRENT:
        return emf - resistance * demand, SOLVED
    if kind == VOLTAGE:
        return demand, SOLVED
    if kind == POWER:
        root = emf * emf - 4.0 * resistance * demand
        if root < 0.0 or emf <= 0.0:
            return emf, INFEASIBLE if demand != 0.0 else SOLVED
        return 0.5 * (emf + math.sqrt(root)), SOLVED
    if kind == RESISTANCE:
        total = demand + resistance
        return (emf * demand / total if total > 0.0 else 0.0), SOLVED
    return emf, SOLVED


@kernel
def operating_point(
    v: float,
    emf: float,
    resistance: float,
    v_low: float,
    v_high: float,
    i_low: float,
    i_high: float,
) -> tuple[float, int]:
    """Hold a demand within limits of voltage and current on a source ``v = emf - R i``.

    Along the source voltage falls as current grows, so the limits on current are limits on voltage
    and the demand is followed until the first one binds.

    Parameters
    ----------
    v : float
        Voltage that the demand alone would give [V].
    v_low, v_high, i_low, i_high : float
        Infinite where there is no limit; `i_low` is the largest charging current, negative [A].

    Returns
    -------
    float
        Bus voltage [V].
    int
        The limit that binds, or `FREE`. Where limits contradict, those of current come first.
    """
    binding = FREE
    if v < v_low:
        v, binding = v_low, VOLTAGE_LOW
    elif v > v_high:
        v, binding = v_high, VOLTAGE_HIGH
    if resistance > 0.0:
        if v < emf - resistance * i_high:
            v, binding = emf - resistance * i_high, CURRENT_HIGH
        elif v > emf - resistance * i_low:
            v, binding = emf - resistance * i_low, CURRENT_LOW
    return v, binding


@inlined
def reduce_rack(rack, racks):
    """Reduce one rack to what the bus sees: its string behind its fuse, a shunt, then the switches.

    Parameters
    ----------
    rack : int
    racks : RackArrays
        `emf_V`, `r_ohm`, `n_open`: all groups and links in series, and groups in which no cell is
        connected, which cut the string. `fuse_ohm`: cables and fuse. `short_S`: across the rack
        between fuse and switches, an external short or the insulation. `contactor_ohm`: closed
        switches, with the precharge resistor where that leads. Written: `string_S`, `string_A`, the
        string behind its fuse; `bus_S`, `bus_A`, the rack seen from the bus.
    """
    s = 0.0
    if racks.n_open[rack] == 0.0 and racks.fuse_closed[rack] == 1:
        s = 1.0 / (racks.r_ohm[rack] + racks.fuse_ohm[rack])
    a = racks.emf_V[rack] * s
    racks.string_S[rack], racks.string_A[rack] = s, a
    node = s + racks.short_S[rack]
    part = 0.0
    if racks.switch_closed[rack] == 1:
        part = 1.0 / (1.0 + racks.contactor_ohm[rack] * node)
    racks.bus_S[rack], racks.bus_A[rack] = node * part, a * part


@inlined
def solve_bus(
    kind, demand, limits, companion_S, link_V, link_bleed_S, short_S, bus_S, bus_A, switch_A, bus
):
    """Meet the demand at the bus and give every rack the current through its switches.

    The demand's own current takes up what rounding leaves over, so that Kirchhoff's law holds to
    the last digit of the currents, not of the conductances times the voltage.

    Parameters
    ----------
    kind, demand : int, float
    limits : float64 (4,)
        Of `operating_point`.
    companion_S, link_V, link_bleed_S, short_S : float
        DC link capacitor as ``C/h`` and its voltage before the step; its bleed; a short of the bus.
    bus_S, bus_A : float64 (R,)
    switch_A : float64 (R,), written
    bus : float64 (N_BUS,), written

    Returns
    -------
    int
        Status. Without any source a demand for current or power is infeasible.
    """
    total_S, total_A = companion_S + link_bleed_S + short_S, companion_S * link_V
    for rack in range(len(bus_S)):
        total_S += bus_S[rack]
        total_A += bus_A[rack]
    emf = total_A / total_S if total_S > 0.0 else 0.0
    resistance = 1.0 / total_S if total_S > 0.0 else 0.0
    v, status = terminal(kind, demand, emf, resistance)
    if total_S <= 0.0 and (kind == CURRENT or kind == POWER) and demand != 0.0:
        status = INFEASIBLE
    bus[BINDING] = FREE
    if kind != OPEN and status == SOLVED:
        v, bus[BINDING] = operating_point(
            v, emf, resistance, limits[0], limits[1], limits[2], limits[3]
        )
    out = (emf - v) * total_S if kind != OPEN else 0.0
    if kind == CURRENT and bus[BINDING] == FREE and status == SOLVED:
        out = demand
    link = companion_S * (v - link_V)
    into = -link - (link_bleed_S + short_S) * v - out
    for rack in range(len(bus_S)):
        switch_A[rack] = bus_A[rack] - bus_S[rack] * v
        into += switch_A[rack]
    racks_S = 0.0
    for rack in range(len(bus_S)):
        racks_S += bus_S[rack]
    if racks_S == 0.0 and companion_S > 0.0:
        link += into
        into = 0.0
    largest = max(abs(out), abs(link))
    left = into
    for rack in range(len(bus_S)):
        if racks_S > 0.0:
            share = into * bus_S[rack] / racks_S
            switch_A[rack] -= share
            left -= share
        largest = max(largest, abs(switch_A[rack]))
    bus[BUS_V], bus[DEMAND_A], bus[LINK_A] = v, out, link
    bus[RESIDUAL_A], bus[LARGEST_A] = abs(left), largest
    return status if math.isfinite(v) else NOT_FINITE


@inlined
def spread_rack(rack, v_bus, racks, losses):
    """Give one rack its string current and voltages; add what its cables and shunt turn into heat.

    A string that is cut carries nothing; the gap takes what lies between bus and the other groups.
    Several gaps share it alike: their sense inputs are alike (assumed).

    Parameters
    ----------
    rack : int
    v_bus : float
    racks : RackArrays
        Written: `current_A` and `voltage_V` of the string, before its fuse; `node_V` between fuse
        and switches; `gap_V`, the voltage of each group in which no cell is connected.
    losses : float64 (N_LOSSES,), added to
    """
    i_switch = racks.switch_A[rack]
    s, shunt = racks.string_S[rack], racks.short_S[rack]
    connected = racks.switch_closed[rack] == 1
    if connected:  # not v_bus + R i: that cancels where a rack precharges onto a short
        ohm = racks.contactor_ohm[rack]
        v = (v_bus + ohm * racks.string_A[rack]) / (1.0 + ohm * (s + shunt))
    else:
        v = racks.string_A[rack] / (s + shunt) if s + shunt > 0.0 else 0.0
    i = i_switch + shunt * v if s > 0.0 else 0.0
    racks.node_V[rack], racks.current_A[rack] = v, i
    racks.gap_V[rack] = 0.0
    racks.voltage_V[rack] = racks.emf_V[rack] - racks.r_ohm[rack] * i
    if racks.n_open[rack] > 0.0 and racks.fuse_closed[rack] == 1 and (connected or shunt > 0.0):
        racks.gap_V[rack] = (v - racks.emf_V[rack]) / racks.n_open[rack]
        racks.voltage_V[rack] = v
    losses[PATH_W] += racks.fuse_ohm[rack] * i * i + racks.contactor_ohm[rack] * i_switch * i_switch
    losses[EXTERNAL_W] += shunt * v * v
