"""Currents of every cell from the cells' lines, the wiring, and what the bus demands.

Cells become Norton equivalents, parallel cells a group, groups in series a rack, racks on the bus
one source; the demand at the bus is met in closed form; then currents run back down. Two passes of
O(n), no iteration, no lag: with the end-of-step lines ``v = emf - r i`` of the cells the result is
the end-of-step solution itself. Shunts are conductances, joints resistances, combined as ``G/(1 + R
G)``: zero is exact and infinity never enters.
"""

from __future__ import annotations

import math

from cell_models.jit import kernel

OPEN, CURRENT, VOLTAGE, POWER = 0, 1, 2, 3
"""Kinds of demand at the bus."""

SOLVED, INFEASIBLE, NOT_FINITE = 0, 1, 2
"""Status: power beyond what the bus can give is a status, never a clip."""


@kernel
def terminal(kind: int, demand: float, emf: float, resistance: float) -> tuple[float, int]:
    """Give the bus voltage for a demand on a source ``v = emf - R i``.

    Power: ``v = (E + sqrt(E^2 - 4 R P)) / 2``, the upper branch, where voltage is high.

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
    return emf, SOLVED


@kernel
def branch(emf: float, r: float, short_S: float, joint: float) -> tuple[float, float]:
    """Give a cell behind its short and its joint as Norton conductance and open voltage.

    The short lies across the cell's terminals, the joint between them and the group.
    """
    part = 1.0 / (1.0 + r * short_S)
    return 1.0 / (joint + r * part), emf * part


@kernel
def reduce_group(
    first, last, emf_V, resistance_ohm, short_S, joint_ohm, joint_extra_ohm, bleed_S, seen, n_cells
):
    """Give the Norton conductance of one group and its open voltage.

    `seen` keeps what the group sees of each cell for the way back: conductance, then voltage.
    """
    conductance = bleed_S
    weighted = 0.0
    for c in range(first, last):
        g, e = branch(emf_V[c], resistance_ohm[c], short_S[c], joint_ohm + joint_extra_ohm[c])
        seen[c] = g
        seen[n_cells + c] = e
        conductance += g
        weighted += g * e
    return conductance, weighted / conductance


@kernel
def spread_group(
    first, last, v_group, short_S, joint_ohm, joint_extra_ohm, seen, n_cells,
    current_A, voltage_V, branch_A,
):  # fmt: skip
    """Write the currents and voltages of the cells of one group; return the sum of branches."""
    total = 0.0
    for c in range(first, last):
        i_branch = seen[c] * (seen[n_cells + c] - v_group)
        v = v_group + i_branch * (joint_ohm + joint_extra_ohm[c])
        branch_A[c] = i_branch
        voltage_V[c] = v
        current_A[c] = i_branch + short_S[c] * v
        total += i_branch
    return total


@kernel
def solve(
    cells_per_group, rack_first_group, emf_V, resistance_ohm, short_S, joint_ohm, joint_extra_ohm,
    bleed_S, link_ohm, rack_path_ohm, rack_closed, link_companion_S, link_voltage_V, link_bleed_S,
    kind, demand,
    current_A, voltage_V, branch_A, group_voltage_V, rack_voltage_V, rack_current_A, bus, scratch,
    seen,
):  # fmt: skip
    """Solve the whole site for one step.

    Parameters
    ----------
    cells_per_group : int
    rack_first_group : int64 (R + 1,)
    emf_V, resistance_ohm : float64 (>= n,)
        The cells' lines.
    short_S, joint_extra_ohm : float64 (n,)
        Overlay.
    joint_ohm, link_ohm : float
    bleed_S : float64 (G,)
        Balancing resistors, zero where off.
    rack_path_ohm : float64 (R,)
        Cables and switches of each rack.
    rack_closed : int64 (R,)
    link_companion_S, link_voltage_V, link_bleed_S : float
        Capacitor of the DC link as ``C/h`` and its voltage before the step; its bleed resistor.
    kind, demand : int, float
        Demand at the bus, discharge positive.
    current_A, voltage_V, branch_A : float64 (n,), written
        Through each cell, at its terminals, and through its joint.
    group_voltage_V : float64 (G,), written
    rack_voltage_V, rack_current_A : float64 (R,), written
        At the battery side of the switches.
    bus : float64 (4,), written
        Bus voltage [V], demand current [A], current into the capacitor [A], Kirchhoff residual [A].
    scratch : float64 (2 G + R,), written
    seen : float64 (2 n,), written

    Returns
    -------
    int
        Status.
    """
    n_racks = len(rack_closed)
    n_groups = len(group_voltage_V)
    bus_S = link_companion_S + link_bleed_S
    bus_J = link_companion_S * link_voltage_V
    for rack in range(n_racks):
        emf_rack = 0.0
        r_rack = rack_path_ohm[rack]
        for group in range(rack_first_group[rack], rack_first_group[rack + 1]):
            first = group * cells_per_group
            g, e = reduce_group(
                first, first + cells_per_group, emf_V, resistance_ohm, short_S, joint_ohm,
                joint_extra_ohm, bleed_S[group], seen, len(branch_A),
            )  # fmt: skip
            scratch[group] = g
            scratch[n_groups + group] = e
            emf_rack += e
            r_rack += 1.0 / g + link_ohm
        scratch[2 * n_groups + rack] = emf_rack
        rack_current_A[rack] = r_rack
        if rack_closed[rack] == 1:
            bus_S += 1.0 / r_rack
            bus_J += emf_rack / r_rack
    emf_bus = bus_J / bus_S if bus_S > 0.0 else 0.0
    v_bus, status = terminal(kind, demand, emf_bus, 1.0 / bus_S if bus_S > 0.0 else 0.0)
    if bus_S <= 0.0 and kind == CURRENT and demand != 0.0:
        status = INFEASIBLE  # nothing is on the bus
    residual = 0.0
    into_bus = 0.0
    for rack in range(n_racks):
        emf_rack = scratch[2 * n_groups + rack]
        i_rack = 0.0
        if rack_closed[rack] == 1:
            i_rack = (emf_rack - v_bus) / rack_current_A[rack]
        rack_current_A[rack] = i_rack
        into_bus += i_rack
        v_rack = 0.0
        for group in range(rack_first_group[rack], rack_first_group[rack + 1]):
            v_group = scratch[n_groups + group] - i_rack / scratch[group]
            first = group * cells_per_group
            total = spread_group(
                first, first + cells_per_group, v_group, short_S, joint_ohm, joint_extra_ohm,
                seen, len(branch_A), current_A, voltage_V, branch_A,
            )  # fmt: skip
            residual = max(residual, abs(total - bleed_S[group] * v_group - i_rack))
            group_voltage_V[group] = v_group
            v_rack += v_group - link_ohm * i_rack
        rack_voltage_V[rack] = v_rack
    i_link = link_companion_S * (v_bus - link_voltage_V)
    bus[0] = v_bus
    bus[1] = (emf_bus - v_bus) * bus_S
    bus[2] = i_link
    bus[3] = max(residual, abs(into_bus - i_link - link_bleed_S * v_bus - bus[1]))
    if not math.isfinite(v_bus):
        status = NOT_FINITE
    return status


@kernel
def losses(
    cells_per_group, group_rack, short_S, joint_ohm, joint_extra_ohm, bleed_S, link_ohm,
    rack_path_ohm, voltage_V, branch_A, group_voltage_V, rack_current_A,
    cell_extra_W, link_W, totals,
):  # fmt: skip
    """Write where the wiring turns power into heat, from the solved currents.

    Parameters
    ----------
    cell_extra_W : float64 (n,), written
        Heat of each cell's short and joint: both sit at the cell.
    link_W : float64 (G,), written
        Heat of each group's busbar.
    totals : float64 (5,), written
        Short, joint, bleed, link and rack path [W].
    """
    totals[:] = 0.0
    for c in range(len(branch_A)):
        short = short_S[c] * voltage_V[c] * voltage_V[c]
        joint = (joint_ohm + joint_extra_ohm[c]) * branch_A[c] * branch_A[c]
        cell_extra_W[c] = short + joint
        totals[0] += short
        totals[1] += joint
    for group in range(len(group_rack)):
        i_rack = rack_current_A[group_rack[group]]
        link_W[group] = link_ohm * i_rack * i_rack
        totals[2] += bleed_S[group] * group_voltage_V[group] * group_voltage_V[group]
        totals[3] += link_W[group]
    for rack in range(len(rack_current_A)):
        totals[4] += rack_path_ohm[rack] * rack_current_A[rack] * rack_current_A[rack]
