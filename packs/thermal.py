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
from packs.currents import lane_sum
from packs.groups import BEFORE_K, HEAD_K, INTO_W, POWER, TAKEN_W, WARMED_K, WIDTH
from packs.heat_links import needs_network, open_network
from packs.heat_network import STABILITY, advance_network
from packs.layers import advance_layers, open_layers
from packs.spec import ThermalSpec
from packs.topology import Topology

_U = np.uint64
QUARTER = WIDTH // _U(4)


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
def heat_of_currents(block, at, wire, cells, groups, tile):
    """Write what currents turn into heat in the cells of 32 groups, and in their links.

    `at` is where the block begins in `cells.net_W`, which is written.
    """
    g, first = block * WIDTH, block * wire.p * WIDTH
    for k in range(wire.p * WIDTH):
        cells.net_W[at + k] = cells.heat_W[first + k] + cells.extra_W[first + k]
    for lane in range(WIDTH):
        tile[INTO_W + lane] = groups.link_W[g + lane]


@inlined
def heat_of_cells(block, at, wire, paths, ambient_K, air_W_per_K, cells, groups, near, air_W, tile):
    """Add the heat that flows into the cells of 32 groups, and into their plates.

    Both sides of an exchange compute ``G (T_a - T_b)`` from the same temperatures, so what one
    gives the other gets, to the last bit. Spare lanes exchange nothing.

    Parameters
    ----------
    at : uint64
        Where the block begins in `cells.net_W`, which holds what currents turn into heat.
    air_W_per_K : float
        Of one cell to the air.
    near : uint32 (4 * n_cell_slots,)
    air_W, tile : float64 (32,), (TILE,), added to
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
            n = at + place * WIDTH + lane
            cells.net_W[n] = cells.net_W[n] - to_air - to_plate + around
            tile[INTO_W + lane] += to_plate
            air_W[lane] += to_air


@inlined
def warm_cells(block, at, dt, wire, cells):
    """Move the temperatures of the cells of 32 groups by the heat that flowed into them."""
    first = block * wire.p * WIDTH
    for k in range(wire.p * WIDTH):
        cells.temperature_K[first + k] += dt * cells.net_W[at + k] * cells.kelvin_per_J[first + k]


@inlined
def enter_rack(rack, paths, racks, tile):
    """Let coolant enter a rack: return the heat that it takes per kelvin from each piece of plate,
    and by what part of the difference each piece warms it.

    Written: what of its warmth it keeps from the first of each quarter of 32 lanes on.
    """
    flow = racks.flow_W_per_K[rack]
    effect = coolant_effect(flow, paths.coolant)
    rise = effect / flow if flow > 0.0 else 0.0
    kept = 1.0
    for lane in range(QUARTER):
        for quarter in range(_U(4)):
            tile[POWER + quarter * QUARTER + lane] = kept
        kept *= 1.0 - rise
    for lane in range(WIDTH):
        tile[TAKEN_W + lane] = 0.0
    return effect, rise


@inlined
def follow_coolant(warm, rise, tile):
    """Write by how much the coolant is warmer than at the inlet before each of 32 pieces of plate.

    Each piece leaves ``1 - rise`` of the warmth u of the coolant, and adds `WARMED_K`. One by one
    that is a chain of additions; four quarters go side by side, each as if none had been
    before (`BEFORE_K`), and what the coolant brings into a quarter follows (`HEAD_K`, `POWER`).

    Returns
    -------
    float
        u behind the last piece [K], from `warm` before the first.
    """
    keep = 1.0 - rise
    a = b = c = d = 0.0
    for lane in range(QUARTER):
        k = BEFORE_K + lane
        tile[k], tile[k + QUARTER] = a, b
        tile[k + _U(2) * QUARTER], tile[k + _U(3) * QUARTER] = c, d
        k = WARMED_K + lane
        a, b = keep * a + tile[k], keep * b + tile[k + QUARTER]
        c = keep * c + tile[k + _U(2) * QUARTER]
        d = keep * d + tile[k + _U(3) * QUARTER]
    kept = keep * tile[POWER + QUARTER - _U(1)]
    second = kept * warm + a
    third = kept * second + b
    fourth = kept * third + c
    for lane in range(QUARTER):
        k = HEAD_K + lane
        tile[k], tile[k + QUARTER] = warm, second
        tile[k + _U(2) * QUARTER], tile[k + _U(3) * QUARTER] = third, fourth
    return kept * fourth + d


@inlined
def cool_plates(block, dt, warm, effect, rise, inlet_K, paths, groups, tile):
    """Move the plates of 32 groups; return by how much the coolant behind them is warmer than at
    the inlet, from `warm` before them [K]. Spare lanes, behind the last group of a rack, take part
    in nothing.
    """
    g = block * WIDTH
    for lane in range(WIDTH):
        over = groups.plate_K[g + lane] - inlet_K
        tile[WARMED_K + lane] = rise * groups.used[g + lane] * over
    behind = follow_coolant(warm, rise, tile)
    per_J = dt / paths.plate_J_per_K
    for lane in range(WIDTH):
        k = g + lane
        coolant = tile[BEFORE_K + lane] + tile[POWER + lane] * tile[HEAD_K + lane]
        q = effect * groups.used[k] * (groups.plate_K[k] - inlet_K - coolant)
        groups.plate_K[k] += per_J * (tile[INTO_W + lane] - q)
        tile[TAKEN_W + lane] += q
    return behind


@inlined
def leave_rack(rack, inlet_K, racks, tile):
    """Write the temperature at which coolant leaves a rack; return the heat that it took [W]."""
    taken, flow = lane_sum(tile, TAKEN_W), racks.flow_W_per_K[rack]
    racks.outlet_K[rack] = inlet_K + (taken / flow if flow > 0.0 else 0.0)
    return taken


@inlined
def advance_heat(
    parts, h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site
):
    """Move all temperatures by one step of `h` seconds, cut into `parts`.

    Written: temperatures of cells, plates and outlets; `site.heat_J`, the energy to the coolant and
    to the air during the step.
    """
    dt, size, tile = h / parts, wire.p * WIDTH, site.tile
    site.heat_J[:] = 0.0
    for _ in range(parts):
        site.air_W[:] = 0.0
        for rack in range(len(racks.flow_W_per_K)):
            effect, rise = enter_rack(rack, paths, racks, tile)
            warm = 0.0
            for block in range(_U(racks.first_block[rack]), _U(racks.first_block[rack + 1])):
                heat_of_currents(block, block * size, wire, cells, groups, tile)
                heat_of_cells(
                    block, block * size, wire, paths, ambient_K, air_W_per_K, cells, groups,
                    site.near, site.air_W, tile,
                )  # fmt: skip
                warm = cool_plates(block, dt, warm, effect, rise, inlet_K, paths, groups, tile)
            site.heat_J[0] += dt * leave_rack(rack, inlet_K, racks, tile)
        site.heat_J[1] += dt * lane_sum(site.air_W, _U(0))
        for block in range(wire.n_blocks):
            warm_cells(block, block * size, dt, wire, cells)


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
