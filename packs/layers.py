"""Heat through the thickness of cells: the network of `packs.heat_network` over their layers.

`cells.temperature_K` stays the mean of a cell, by heat capacity: what its circuit and its sensors
see. Whatever warms cells as a whole (heaters, ovens) moves the mean, and the layers follow by the
same number of kelvin (`settle_layers`); heat of currents is the same in every layer; neighbours
along the stack touch the outer layers, and all else touches every layer alike.

The step is that of the network: implicit, conservative, and no layer passes the hottest or coldest
of its surroundings. Each of n layers stands for its middle, halves of layers lie between it and the
faces: second order in the thickness, first order in the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cell_models.contract import LANES
from cell_models.jit import inlined, kernel
from packs import heat_links
from packs.arrays import CellArrays, Floats, SiteArrays, Wire, nth, open_cells
from packs.groups import WIDTH
from packs.heat_network import advance_network
from packs.heat_spec import LayersSpec
from packs.state import Schema, State
from packs.topology import Topology

_U = np.uint64


class LayerArrays(NamedTuple):
    """Of each layer, float64 (n_cell_slots * count,), by `packs.layer_links.node_of`.

    All empty where cells are one node. `hottest_K` (n_cell_slots,) is that of the hottest layer of
    a cell; `heat_W`, `extra_W` and `net_W` are scratch.
    """

    temperature_K: Floats
    capacity_J_per_K: Floats
    kelvin_per_J: Floats
    hottest_K: Floats
    heat_W: Floats
    extra_W: Floats
    net_W: Floats


N_FLOATS = 7
"""Arrays in an arena, before those of `packs.heat_links`."""


def declare_layers(schema: Schema, topology: Topology, layers: LayersSpec | None, T_K: float):
    """Declare layers at a temperature [K]; as scratch of no size where cells are one node."""
    slots = 0 if layers is None else topology.n_cell_slots
    nodes = 0 if layers is None else slots * layers.count
    units = {"temperature_K": "K", "capacity_J_per_K": "J/K", "kelvin_per_J": "K/J"}
    if nodes:
        for name, unit in units.items():
            start = T_K if unit == "K" else 0.0
            schema.add("layers", name, (nodes,), unit=unit, initial=start)
        schema.add("layers", "hottest_K", (slots,), unit="K", initial=T_K)
    else:
        for name in (*units, "hottest_K"):
            schema.scratch("layers", name, 0)
    for name in ("heat_W", "extra_W", "net_W"):
        schema.scratch("of_layers", name, nodes)


def layer_arrays(state: State) -> LayerArrays:
    """Return the views on a built state."""
    return LayerArrays(**vars(state.view("layers")), **vars(state.view("of_layers")))


def fill_layers(state: State, layers: LayersSpec | None, cell_J_per_K: float) -> None:
    """Share the heat capacity of whole cells [J/K] out to their layers."""
    if layers is not None:
        arrays = layer_arrays(state)
        arrays.capacity_J_per_K[:] = cell_J_per_K / layers.count
        arrays.kelvin_per_J[:] = layers.count / cell_J_per_K


@inlined
def open_layers(arena):
    """Open the arrays of layers."""
    f, at = arena.floats, arena.at
    k = len(at) // 2 - heat_links.N_AFTER - heat_links.N_FLOATS - N_FLOATS
    return LayerArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6),
    )  # fmt: skip


@inlined
def layer_node(c, layer, count):
    """Give the node of a layer of the cell in slot c."""
    return (c // LANES * count + layer) * LANES + c % LANES


@kernel
def mean_of_layers(c, count, temperature_K, capacity_J_per_K):
    """Give mean temperature [K], by heat capacity, and heat capacity [J/K] of one cell.

    Exactly the temperature of layers that are all alike.
    """
    first = temperature_K[layer_node(c, 0, count)]
    above = C = 0.0
    for layer in range(count):
        node = layer_node(c, layer, count)
        above += capacity_J_per_K[node] * (temperature_K[node] - first)
        C += capacity_J_per_K[node]
    return first + above / C, C


@kernel
def settle_cell(c, count, mean_K, temperature_K, capacity_J_per_K, hottest_K):
    """Warm all layers of a cell alike until their mean is `mean_K`; write the hottest one's."""
    rise = mean_K - mean_of_layers(c, count, temperature_K, capacity_J_per_K)[0]
    hottest = 0.0
    for layer in range(count):
        node = layer_node(c, layer, count)
        temperature_K[node] += rise
        hottest = max(hottest, temperature_K[node])
    hottest_K[c] = hottest


@kernel
def settle_layers(cells, layers):
    """Let the layers follow what has warmed their cells as a whole; nothing else happens to them.

    Parameters
    ----------
    cells : CellArrays
    layers : LayerArrays
        Written: `temperature_K`, `hottest_K`.
    """
    count = len(layers.temperature_K) // len(cells.temperature_K)
    for c in range(len(cells.temperature_K)):
        settle_cell(
            c, count, cells.temperature_K[c], layers.temperature_K, layers.capacity_J_per_K,
            layers.hottest_K,
        )  # fmt: skip


@kernel
def settle_stage(arena):
    """Let the layers follow their cells, as a stage of its own (`settle_layers`)."""
    settle_layers(open_cells(arena), open_layers(arena))


@inlined
def share_heat(count, cells, layers):
    """Write the heat of currents in every layer: the same in all of a cell."""
    for row in range(_U(len(cells.heat_W)) // WIDTH):
        for layer in range(count):
            for lane in range(WIDTH):
                c, node = row * WIDTH + lane, (row * count + layer) * WIDTH + lane
                layers.heat_W[node] = cells.heat_W[c] / count
                layers.extra_W[node] = cells.extra_W[c] / count


@inlined
def gather(count, cells, layers):
    """Write mean and hottest temperature of every cell, and the heat that flowed into it."""
    for c in range(len(cells.temperature_K)):
        mean_K, _ = mean_of_layers(c, count, layers.temperature_K, layers.capacity_J_per_K)
        hottest = net = 0.0
        for layer in range(count):
            node = layer_node(c, layer, count)
            hottest = max(hottest, layers.temperature_K[node])
            net += layers.net_W[node]
        cells.temperature_K[c], layers.hottest_K[c], cells.net_W[c] = mean_K, hottest, net


@kernel
def advance_layers(
    h, inlet_K, ambient_K, air_W_per_K, wire, paths, cells, groups, racks, site, links, nodes,
    layers,
):  # fmt: skip
    """Move the temperatures of layers, cells, plates, housings by one step of `h` seconds.

    As `advance_network`, of which each place of a group has as many as a cell has layers.

    Parameters
    ----------
    air_W_per_K : float
        Of one cell to the air.
    paths : HeatPaths
        Those of cells are shared out to layers already (`packs.thermal.heat_paths`).
    """
    count = len(layers.temperature_K) // len(cells.temperature_K)
    settle_layers(cells, layers)
    share_heat(_U(count), cells, layers)
    fine = Wire(
        wire.p * _U(count), wire.n_blocks, wire.joint_ohm, wire.link_ohm, wire.rail_ohm, wire.rails
    )
    of_layers = CellArrays(
        cells.emf_V, cells.r_ohm, cells.current_A, cells.voltage_V, layers.heat_W,
        layers.temperature_K, cells.short_S, cells.joint_extra_ohm, cells.is_open, cells.is_broken,
        cells.cut, cells.joint_ohm, cells.weight, layers.extra_W, layers.net_W,
        layers.kelvin_per_J,
    )  # fmt: skip
    near = site.near[4 * len(cells.temperature_K) :]
    around = SiteArrays(
        site.bus, site.limits, site.losses, site.sums, site.rack_sums, site.air_W, site.heat_J,
        site.total, site.low, site.throughput, site.worst, near, site.group_slot,
        site.charger_A, site.tile,
    )  # fmt: skip
    advance_network(
        h, inlet_K, ambient_K, air_W_per_K / count, fine, paths, of_layers, groups, racks, around,
        links, nodes,
    )  # fmt: skip
    gather(count, cells, layers)
