"""Heat: cells, the cold plate under each group, the coolant along its way, the air around.

One node per cell and one per group's piece of cold plate, explicit Euler, every exchange booked
once with both signs: heat is conserved exactly. The coolant has no mass: it warms along the groups
of its rack by ``q = W (1 - exp(-UA/W)) (T_plate - T_coolant)`` with ``W = flow * c``, which is
exact for a plate piece at one temperature and zero without flow.
"""

from __future__ import annotations

import math

from cell_models.jit import kernel
from packs.spec import ThermalSpec
from packs.topology import Topology

STABILITY = 0.25
"""Largest step times conductance over heat capacity: explicit Euler oscillates beyond 1/2. At a
quarter one step errs by at most 2.9 % of the temperature difference (Gershgorin bound)."""


@kernel
def coolant_effect(flow_W_per_K: float, conductance_W_per_K: float) -> float:
    """Give heat per kelvin between a plate piece and the entering coolant [W/K].

    References
    ----------
    Incropera, Fundamentals of Heat and Mass Transfer, 6th ed., eq. 8.41b (constant wall).
    """
    if flow_W_per_K <= 0.0:
        return 0.0
    return flow_W_per_K * (1.0 - math.exp(-conductance_W_per_K / flow_W_per_K))


def stable_parts(topology: Topology, spec: ThermalSpec, cell_J_per_K: float, step_s: float) -> int:
    """Return into how many equal parts a step is cut so that explicit Euler stays stable."""
    cell = 4.0 * spec.neighbour_W_per_K + spec.ambient_W_per_K + spec.plate_W_per_K
    plate = topology.cells_per_group * spec.plate_W_per_K + spec.coolant_W_per_K
    rate = max(cell / cell_J_per_K, plate / spec.plate_J_per_K)
    return max(1, math.ceil(rate * step_s / STABILITY))


@kernel
def advance_heat(
    parts, h, cells_per_group, rack_first_group, edge_a, edge_b, cell_J_per_K, plate_J_per_K,
    neighbour, ambient, plate, flow_W_per_K, coolant, inlet_K, ambient_K,
    heat_W, extra_W, link_W, temperature_K, plate_K, outlet_K, scratch, totals,
):  # fmt: skip
    """Move all temperatures by one step of `h` seconds, cut into `parts`.

    Parameters
    ----------
    cell_J_per_K : float64 (n,)
    plate_J_per_K, neighbour, ambient, plate, coolant : float
        [J/K] and [W/K].
    flow_W_per_K : float64 (R,)
        Coolant flow times specific heat of each rack.
    inlet_K, ambient_K : float
    heat_W, extra_W : float64 (n,)
        From the cell, and from short and joint.
    link_W : float64 (G,)
        Into the plate pieces.
    temperature_K : float64 (n,), written
    plate_K : float64 (G,), written
    outlet_K : float64 (R,), written
    scratch : float64 (n,), written
    totals : float64 (2,), written
        Energy to the coolant and to the air during the step [J].
    """
    n_cells = len(cell_J_per_K)
    dt = h / parts
    totals[:] = 0.0
    for _ in range(parts):
        to_air = 0.0
        for c in range(n_cells):
            q = ambient * (temperature_K[c] - ambient_K)
            to_air += q
            scratch[c] = heat_W[c] + extra_W[c] - q
        for k in range(len(edge_a)):
            a, b = edge_a[k], edge_b[k]
            q = neighbour * (temperature_K[a] - temperature_K[b])
            scratch[a] -= q
            scratch[b] += q
        to_coolant = 0.0
        for rack in range(len(flow_W_per_K)):
            flow = flow_W_per_K[rack]
            effect = coolant_effect(flow, coolant)
            t_coolant = inlet_K
            for group in range(rack_first_group[rack], rack_first_group[rack + 1]):
                into = link_W[group]
                for c in range(group * cells_per_group, (group + 1) * cells_per_group):
                    q = plate * (temperature_K[c] - plate_K[group])
                    scratch[c] -= q
                    into += q
                q = effect * (plate_K[group] - t_coolant)
                to_coolant += q
                if flow > 0.0:
                    t_coolant += q / flow
                plate_K[group] += dt * (into - q) / plate_J_per_K
            outlet_K[rack] = t_coolant
        for c in range(n_cells):
            temperature_K[c] += dt * scratch[c] / cell_J_per_K[c]
        totals[0] += dt * to_coolant
        totals[1] += dt * to_air


@kernel
def heat_above(heat_capacity_J_per_K, temperature_K, reference_K):
    """Give the heat stored above a reference temperature [J], by a compensated sum."""
    total = low = 0.0
    for k in range(len(heat_capacity_J_per_K)):
        add = heat_capacity_J_per_K[k] * (temperature_K[k] - reference_K)
        high = total + add
        back = high - total
        low += (total - (high - back)) + (add - back)
        total = high
    return total + low
