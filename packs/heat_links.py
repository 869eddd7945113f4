"""Which heat node is linked to which, and how strongly: arrays of `packs.heat_network`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cell_models.contract import LANES, blocks_for
from cell_models.jit import inlined
from packs.arrays import Floats, Ints, nth
from packs.barriers import edge_paths
from packs.layer_links import ROWS, layer_pairs, node_of
from packs.spec import PackSpec, ThermalSpec
from packs.state import Schema, State
from packs.topology import Topology

STIFF_W_PER_K = 10.0
"""A contact of a cell beyond which explicit Euler takes many parts of a second (assumed)."""


class HeatLinks(NamedTuple):
    """What leads where; all empty where a pack needs no network.

    `link` and `base` (4 n_cell_slots,) conductance to each of `Topology.near`, in force and without
    radiation [W/K]; `sight` (4 n_cell_slots,) of radiation [W/K4], empty where there is none;
    `total` and `fixed` (n_nodes,) the sum over all links of a node, likewise [W/K]; `in_series`
    int64 (2 n_cell_slots,) the same place in the next and last group of the rack, itself where
    there is none; `home` int64 (n_group_slots,) the node of the housing. Cells of n layers have n
    slots each here (`packs.layer_links`).
    """

    link: Floats
    base: Floats
    sight: Floats
    total: Floats
    fixed: Floats
    in_series: Ints
    home: Ints


class HeatNodes(NamedTuple):
    """Numbers of each node, float64 (n_nodes,): cells by slot, plates by slot, housings, spare.

    `house_K` and `house_J_per_K` (n_modules,), which changes with what lies on it, are part of the
    state; `cool_K` and `grip_W_per_K` (n_group_slots,) are the coolant that passes a plate and what
    it takes per kelvin; `lanes` (32,).
    """

    house_K: Floats
    house_J_per_K: Floats
    node_K: Floats
    flow_W: Floats
    change_K: Floats
    search_K: Floats
    product_W: Floats
    mass_W_per_K: Floats
    into_plate_W: Floats
    into_house_W: Floats
    cool_K: Floats
    grip_W_per_K: Floats
    lanes: Floats


N_FLOATS, N_INTS = 18, 2
"""Arrays of both in an arena."""
N_AFTER = 12
"""Float arrays behind them in an arena: `packs.cooling.CoolingArrays`, then the ladders'."""


def needs_network(thermal: ThermalSpec, topology: Topology) -> bool:
    """Return whether neighbours are unlike, or so well linked that explicit Euler would be slow."""
    strongest = max(thermal.neighbour_W_per_K, thermal.plate_W_per_K / topology.lump.cells)
    return (
        bool(thermal.barriers)
        or thermal.busbar_W_per_K > 0.0
        or thermal.radiation is not None
        or thermal.housing is not None
        or thermal.layers is not None
        or strongest > STIFF_W_PER_K
    )


def declare_network(schema: Schema, topology: Topology, spec: PackSpec) -> None:
    """Declare housings, and scratch: of no nodes where a pack needs no network."""
    thermal, add = spec.thermal, schema.scratch
    slots, groups, houses, nodes = 0, 0, 0, 0
    if needs_network(thermal, topology):
        layers = 1 if thermal.layers is None else thermal.layers.count
        slots, groups = topology.n_cell_slots * layers, topology.n_group_slots
        houses = 0 if thermal.housing is None else topology.n_modules
        nodes = slots + groups + LANES * blocks_for(houses)
    if houses:
        schema.add("thermal", "house_K", (houses,), unit="K", initial=spec.initial_temperature_K)
        capacity = 1.0 if thermal.housing is None else thermal.housing.J_per_K
        schema.add("thermal", "house_J_per_K", (houses,), unit="J/K", initial=capacity)
    else:
        add("thermal", "house_K", 0)
        add("thermal", "house_J_per_K", 0)
    add("of_links", "link", ROWS * slots)
    add("of_links", "base", ROWS * slots)
    add("of_links", "sight", ROWS * slots if thermal.radiation else 0)
    add("of_links", "total", nodes)
    add("of_links", "fixed", nodes)
    add("of_links", "in_series", 2 * slots, integer=True)
    add("of_links", "home", groups, integer=True)
    for name in ("node_K", "flow_W", "change_K", "search_K", "product_W", "mass_W_per_K"):
        add("of_nodes", name, nodes)
    for name in ("into_plate_W", "into_house_W", "cool_K", "grip_W_per_K"):
        add("of_nodes", name, groups)
    add("of_nodes", "lanes", LANES if nodes else 0)


def network_arrays(state: State) -> tuple[HeatLinks, HeatNodes]:
    """Return the views on a built state."""
    heat = state.view("thermal")
    return (
        HeatLinks(**vars(state.view("of_links"))),
        HeatNodes(
            house_K=heat.house_K, house_J_per_K=heat.house_J_per_K, **vars(state.view("of_nodes"))
        ),
    )


def fill_network(spec: PackSpec, topology: Topology, state: State) -> None:
    """Write what is constant: all links and their sums."""
    links, nodes = network_arrays(state)
    if len(nodes.node_K):
        _fill_links(links, spec, topology)
        _fill_series(links, spec.thermal, topology)
        _fill_sums(links, spec.thermal, topology)


def _fill_links(links: HeatLinks, spec: PackSpec, top: Topology) -> None:
    """Write the conductance of every pair of neighbours at both its ends."""
    conductance, sight = edge_paths(top, spec.thermal, spec.layout.pitch_m)
    if spec.thermal.layers is not None:
        row, a, b, between = layer_pairs(top, spec.thermal.layers, conductance)
        base = links.base.reshape(ROWS, -1)
        base[row, a], base[row + 1, b] = between, between
        links.link[:] = links.base
        return
    a, b = top.cell_slot[top.edge_a], top.cell_slot[top.edge_b]
    is_beside = top.cell_x_m[top.edge_a] != top.cell_x_m[top.edge_b]
    p = top.lump.parallel
    conductance = np.where(is_beside, conductance * p, conductance / p)
    row = np.where(is_beside, 0, 2)
    for array, values in ((links.base, conductance), (links.sight, sight)):
        if len(array):
            array.reshape(ROWS, -1)[row, a] = values
            array.reshape(ROWS, -1)[row + 1, b] = values
    links.link[:] = links.base


def _fill_series(links: HeatLinks, thermal: ThermalSpec, top: Topology) -> None:
    """Write where busbars lead, layer by layer, and which housing each group has."""
    layers = 1 if thermal.layers is None else thermal.layers.count
    ahead, behind = links.in_series.reshape(2, -1)
    ahead[:] = behind[:] = np.arange(len(ahead))
    first, last = top.cell_slot[: -top.cells_per_group], top.cell_slot[top.cells_per_group :]
    rack = top.cell_rack
    same = rack[: -top.cells_per_group] == rack[top.cells_per_group :]
    for layer in range(layers):
        a, b = node_of(first[same], layer, layers), node_of(last[same], layer, layers)
        ahead[a], behind[b] = b, a
    house = top.n_cell_slots * layers + top.n_group_slots
    links.home[:] = house
    links.home[top.group_slot] = house + top.group_module


def _fill_sums(links: HeatLinks, thermal: ThermalSpec, top: Topology) -> None:
    """Write the sum of all links of every node, without radiation."""
    layers = 1 if thermal.layers is None else thermal.layers.count
    slots, groups, in_group = top.n_cell_slots * layers, top.n_group_slots, top.cells_per_group
    used = np.repeat(top.cell_used.reshape(-1, LANES), layers, axis=0).ravel() / layers
    shell = 0.0 if thermal.housing is None else thermal.housing.cell_W_per_K
    in_series = (links.in_series.reshape(2, -1) != np.arange(slots)).sum(axis=0)
    busbar = thermal.busbar_W_per_K / in_group / layers
    fixed = links.fixed
    fixed[:slots] = links.base.reshape(ROWS, -1).sum(axis=0) + busbar * in_series
    fixed[:slots] += (thermal.plate_W_per_K + shell) * used
    fixed[slots : slots + groups] = thermal.plate_W_per_K * in_group * top.group_used
    if shell:
        np.add.at(fixed, links.home[top.group_slot], shell * in_group)
    links.total[:] = fixed


@inlined
def open_network(arena):
    """Open the arrays of the network."""
    f, at, i, int_at = arena.floats, arena.at, arena.ints, arena.int_at
    k, m = len(at) // 2 - N_AFTER - N_FLOATS, len(int_at) // 2 - N_INTS
    links = HeatLinks(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(i, int_at, m), nth(i, int_at, m + 1),
    )  # fmt: skip
    k += 5
    nodes = HeatNodes(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
    )  # fmt: skip
    return links, nodes
