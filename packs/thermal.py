"""Heat: cells, the cold plate under each group, the coolant along its way, the air around.

Here neighbours are all alike; where they are not, `packs.heat_network` takes over. Devices that
move coolant and air (`packs.cooling`) come first in every step.

One node per cell and one per group's piece of cold plate, explicit Euler, every exchange booked
once with both signs: heat is conserved exactly. The coolant has no mass: it warms along the groups
of its rack by ``q = W (1 - exp(-UA/W)) (T_plate - T_coolant)`` with ``W = flow * c``, which is
exact for a plate piece at one temperature and zero without flow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cell_models.compensated import two_sum
from cell_models.jit import inlined, kernel
from packs.arrays import open_cells, open_groups, open_racks, open_site
from packs.cooling import (
    ambient_conductance,
    coolant_effect,
    fan_W_per_K,
    move_cooling,
    open_cooling,
)
from packs.groups import WIDTH
from packs.heat_links import needs_network, open_network
from packs.heat_network import STABILITY, advance_network
from packs.layers import advance_layers, open_layers
from packs.spec import ThermalSpec
from packs.topology import Topology

_U = np.uint64


def stable_parts(topology: Topology, spec: ThermalSpec, cell_J_per_K: float, step_s: float) -> int:
    """Return into how many equal parts a step is cut so that explicit Euler stays stable."""
    return int(parts_at(largest_rate(topology, spec, cell_J_per_K), step_s))


@kernel
def parts_at(rate: float, step_s: float) -> int:
    """Give the same for the largest rate of a plant [1/s]."""
    return max(1, math.ceil(rate * step_s / STABILITY))


def largest_rate(topology: Topology, spec: ThermalSpec, cell_J_per_K: float) -> float:
    """Return the largest conductance over heat capacity [1/s]; 0 where a network is implicit."""
    if needs_network(spec, topology):
        return 0.0
    paths = heat_paths(spec, topology.lump.parallel)
    cell = 2.0 * (paths.beside + paths.behind) + paths.ambient + paths.fan + spec.plate_W_per_K
    plate = topology.cells_per_group * spec.plate_W_per_K + spec.coolant_W_per_K
    return max(cell / cell_J_per_K, plate / spec.plate_J_per_K)


class HeatPaths(NamedTuple):
    """Numbers of the heat paths that never change [W/K], [J/K].

    `beside` leads to the neighbours in the next columns, `behind` to those in the next rows; `fan`
    is what one at full duty adds to `ambient`, `flow` the nominal one of a rack with its heat
    capacity. Of networks only: `busbar` of one cell to the same place in the next group; `shell`
    of one cell to the housing, which has `house_air` to the air. `equipped` where there is
    a network, or a cooling device. Of layered cells `plate`, `busbar` and `shell` are those of one
    layer.
    """

    beside: float
    behind: float
    ambient: float
    plate: float
    coolant: float
    plate_J_per_K: float
    fan: float
    flow: float
    busbar: float
    shell: float
    house_air: float
    equipped: bool


def heat_paths(
    spec: ThermalSpec, parallel: int = 1, in_group: int = 1, *, linked: bool = False
) -> HeatPaths:
    """Return the numbers that kernels need of a description.

    A lumped cell stands for `parallel` cells one behind the other: it touches those beside it with
    as many, and is as many pitches from the middle of the one behind it. So a slope of temperature
    along the module carries the heat that it carries in full detail. `in_group` simulated cells
    share the busbar; `linked` where there is a network.
    """
    house, layers = spec.housing, 1 if spec.layers is None else spec.layers.count
    return HeatPaths(
        beside=spec.neighbour_W_per_K * parallel,
        behind=spec.neighbour_W_per_K / parallel,
        ambient=spec.ambient_W_per_K,
        plate=spec.plate_W_per_K / layers,
        coolant=spec.coolant_W_per_K,
        plate_J_per_K=spec.plate_J_per_K,
        fan=fan_W_per_K(spec),
        flow=spec.coolant_flow_kg_per_s * spec.coolant_J_per_kg_K,
        busbar=spec.busbar_W_per_K / in_group / layers,
        shell=0.0 if house is None else house.cell_W_per_K / layers,
        house_air=0.0 if house is None else house.ambient_W_per_K,
        equipped=linked or spec.cooling is not None,
    )


@inlined
def heat_of_cells(block, wire, paths, ambient_K, air_W_per_K, cells, groups, near, air_W):
    """Write the heat that flows into the cells of 32 groups, and into their plates.

    Both sides of an exchange compute ``G (T_a - T_b)`` from the same temperatures, so what one
    gives the other gets, to the last bit. Spare lanes exchange nothing.

    Parameters
    ----------
    air_W_per_K : float
        Of one cell to the air.
    near : uint32 (4 * n_cell_slots,)
    air_W : float64 (32,), added to
    """
    g = block * WIDTH
    slots = wire.n_blocks * wire.p * WIDTH
    t_near = cells.temperature_K
    for place in range(wire.p):
        first = (block * wire.p + place) * WIDTH
        for lane in range(WIDTH):
            c, k = first + lane, g + lane
            t = cells.temperature_K[c]
            to_air = air_W_per_K * groups.used[k] * (t - ambient_K)
            to_plate = paths.plate * groups.used[k] * (t - groups.plate_K[k])
            beside = (t_near[near[c]] - t) + (t_near[near[slots + c]] - t)
            behind = (t_near[near[_U(2) * slots + c]] - t) + (t_near[near[_U(3) * slots + c]] - t)
            around = paths.beside * beside + paths.behind * behind
            cells.net_W[c] = cells.heat_W[c] + cells.extra_W[c] - to_air - to_plate + around
            groups.into_W[k] = to_plate + (groups.into_W[k] if place > _U(0) else 0.0)
            air_W[lane] += to_air


@inlined
def warm_plates(rack, dt, inlet_K, paths, groups, racks, group_slot):
    """Move the plate pieces along one rack's coolant; return the heat that it takes [W]."""
    flow = racks.flow_W_per_K[rack]
    effect = coolant_effect(flow, paths.coolant)
    rise = effect / flow if flow > 0.0 else 0.0
    t_coolant, total = inlet_K, 0.0
    for group in range(racks.first_group[rack], racks.first_group[rack + 1]):
        k = group_slot[group]
        over = groups.plate_K[k] - t_coolant
        q = effect * over
        total += q
        t_coolant += rise * over
        into = groups.into_W[k] + groups.link_W[k] - q
        groups.plate_K[k] += dt * into / paths.plate_J_per_K
    racks.outlet_K[rack] = t_coolant
    return total


@inlined
def advance_heat(
    parts, h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site
):
    """Move all temperatures by one step of `h` seconds, cut into `parts`.

    Written: temperatures of cells, plates and outlets; `site.heat_J`, the energy to the coolant and
    to the air during the step.
    """
    dt = h / parts
    site.heat_J[:] = 0.0
    for _ in range(parts):
        site.air_W[:] = 0.0
        for block in range(wire.n_blocks):
            heat_of_cells(
                block, wire, paths, ambient_K, air_W_per_K, cells, groups, site.near, site.air_W
            )
        for rack in range(len(racks.flow_W_per_K)):
            to_coolant = warm_plates(rack, dt, inlet_K, paths, groups, racks, site.group_slot)
            site.heat_J[0] += dt * to_coolant
        for lane in range(WIDTH):
            site.heat_J[1] += dt * site.air_W[lane]
        for c in range(wire.n_blocks * wire.p * WIDTH):
            cells.temperature_K[c] += dt * cells.net_W[c] * cells.kelvin_per_J[c]


@kernel
def advance_equipped(parts, h, inlet_K, ambient_K, wire, paths, arena):
    """Move cooling devices, then all temperatures, by one step: where `paths.equipped`.

    A call of its own that opens the arrays itself: to hand them on in every step of a pack without
    any was measured 0.4 us slower.
    """
    cells, groups = open_cells(arena), open_groups(arena)
    racks, site, cool = open_racks(arena), open_site(arena), open_cooling(arena)
    (links, nodes), layers = open_network(arena), open_layers(arena)
    air_W_per_K = paths.ambient
    if len(cool.level) > 0:
        inlet_K = move_cooling(h, inlet_K, paths.flow, cool, racks)
        air_W_per_K = ambient_conductance(paths.ambient, paths.fan, cool)
    if len(layers.temperature_K) > 0:
        advance_layers(
            h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site, links,
            nodes, layers,
        )  # fmt: skip
    elif len(nodes.node_K) > 0:
        advance_network(
            h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site, links,
            nodes,
        )  # fmt: skip
    else:
        advance_heat(
            parts, h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site
        )


@kernel
def heat_stage(parts, h, inlet_K, ambient_K, wire, paths, arena):
    """Move all temperatures by one step, as a stage of its own."""
    if paths.equipped:
        advance_equipped(parts, h, inlet_K, ambient_K, wire, paths, arena)
    else:
        advance_heat(
            parts, h, inlet_K, ambient_K, paths.ambient, wire, paths, open_cells(arena),
            open_groups(arena), open_racks(arena), open_site(arena),
        )  # fmt: skip


@kernel
def heat_above(heat_capacity_J_per_K, temperature_K, reference_K):
    """Give the heat stored above a reference temperature [J], by a compensated sum."""
    total = low = 0.0
    for k in range(len(heat_capacity_J_per_K)):
        add = heat_capacity_J_per_K[k] * (temperature_K[k] - reference_K)
        total, low = two_sum(total, low, add)
    return total + low
