"""Thermal runaway within cells of several layers: one layer sets off the next.

Each layer has an equal part of the reactants and reacts at its own temperature. What goes for the
cell as a whole follows its layers so:

    COLLAPSED, RAN, ERUPTED   as soon as one layer is so far: its hole in the separator shorts
                              all layers, which are in parallel, and its gas opens the whole cell
    SPENT                     only when every layer is, and none holds half of the fuel that it had
                              when the cell erupted: between two layers a cell may pause

Matter leaves the layer that burns. `share`, of heat that stays, is one for the whole cell.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cell_models.contract import NOT_FINITE, OK
from cell_models.jit import kernel
from cell_models.runaway import ONSET_K_PER_S, REACTING, STALLED
from packs.arrays import Floats
from packs.burning import (
    BURNT_K_PER_S,
    COLLAPSED,
    ERUPTED,
    FAILED,
    FUEL_LEFT_K,
    NEWS,
    SPENT,
    WHOLE,
    burn,
    dries,
    matter_lost,
    next_phase,
    own_charge,
    progressed,
)
from packs.flows import EJECTED, REACTION, add_to
from packs.layers import layer_node, mean_of_layers

UNBURNT = 0.5
"""A layer that holds this share of its fuel has yet to burn; assumed, of little weight: one that
has begun is through within seconds."""


class ReactingLayers(NamedTuple):
    """Layers of a cell, 0 where it is one node, and arrays as in `packs.layers.LayerArrays`."""

    count: int
    temperature_K: Floats
    capacity_J_per_K: Floats
    kelvin_per_J: Floats
    hottest_K: Floats


@kernel
def erupt_layer(c, node, T, share, of_planned, of_currents_J, numbers, layers):
    """Let heat of currents and matter leave one layer.

    Returns
    -------
    float
        Temperature [K].
    float
        Heat that has left [J].
    float
        Heat capacity that has left [J/K].
    """
    C = layers.capacity_J_per_K[node]
    lost_J = (1.0 - share) * of_currents_J
    T -= lost_J / C
    leaves, carried = matter_lost(
        numbers.ejected_mass, numbers.capacity_J_per_K / layers.count, C, T, of_planned,
        numbers.reference_K,
    )  # fmt: skip
    layers.capacity_J_per_K[node] = C - leaves
    layers.kelvin_per_J[node] = 1.0 / (C - leaves)
    return T, lost_J + carried, leaves


@kernel
def react_layer(c, layer, h, of_currents_J, own_J, numbers, a, layers):
    """Let one layer react, with its part of the heat of currents and of the cell's own charge.

    Returns
    -------
    float, float, float, float, float
        Heat released and heat that has left [J], heat capacity that has left [J/K], self-heating
        [K/s], fuel left [J].
    int
        News of this layer, as of a cell.
    """
    node, at = layer_node(c, layer, layers.count), c * layers.count + layer
    C, share, phase = layers.capacity_J_per_K[node], a.share[c], a.phase[c]
    T, released, burnt, left, status = burn(
        at * numbers.n_slots, layers.temperature_K[node], C, share, h, numbers.n_slots,
        numbers.gate_K, a.extents, a.energy_J, a.rows, a.marks, a.curve_K, a.curve_log10,
        a.remains, a.released_J, a.sinks,
    )  # fmt: skip
    rate, leaves, lost = released / (C * h), 0.0, (1.0 - share) * released
    if phase & ERUPTED:
        T, more, leaves = erupt_layer(
            c,
            node,
            T,
            share,
            (burnt + max(own_J, 0.0)) / a.planned_J[at],
            of_currents_J,
            numbers,
            layers,
        )
        lost += more
    layers.temperature_K[node] = T
    has_fuel = left > FUEL_LEFT_K * C
    news = next_phase(phase, T, rate, has_fuel, a.progress[c], numbers.separator_K)
    if phase & ERUPTED and left > UNBURNT * a.fuel_J[at]:
        news &= ~SPENT
    if status & (STALLED | NOT_FINITE) or not math.isfinite(T):
        news |= FAILED
    return released, lost, leaves, rate, left, news


@kernel
def react_layers(c, h, numbers, cells, site, a, layers):
    """Let all layers of one cell react; return a status, as `packs.runaway.react_nodes`."""
    of_currents_J = h * max(cells.heat_W[c] + cells.extra_W[c], 0.0) / layers.count
    is_slow = of_currents_J * layers.count < h * BURNT_K_PER_S * a.capacity_J_per_K[c]
    if a.phase[c] & WHOLE == WHOLE and is_slow:
        of_currents_J = 0.0  # a burnt-out cell keeps that heat
    own_J = own_charge(h, cells.heat_W[c], cells.voltage_V[c], cells.current_A[c]) / layers.count
    released = lost = left_J_per_K = fastest = hottest = fuel = 0.0
    found, of_all = 0, SPENT
    for layer in range(layers.count):
        heat, out, leaves, rate, left, news = react_layer(
            c, layer, h, of_currents_J, own_J, numbers, a, layers
        )
        fuel += left
        released += heat
        lost += out
        left_J_per_K += leaves
        fastest = max(fastest, rate)
        hottest = max(hottest, layers.temperature_K[layer_node(c, layer, layers.count)])
        found |= news
        of_all &= news
    mean_K, C = mean_of_layers(c, layers.count, layers.temperature_K, layers.capacity_J_per_K)
    cells.temperature_K[c], layers.hottest_K[c] = mean_K, hottest
    a.capacity_J_per_K[c], cells.kelvin_per_J[c] = C, 1.0 / C
    a.out_kg[c] = left_J_per_K * numbers.kg_K_per_J
    a.ejected_kg[c] += a.out_kg[c]
    a.reaction_J[c] += released
    if a.phase[c] & COLLAPSED:
        a.to_give_J[c] -= own_J * layers.count
    a.progress[c] = progressed(a.progress[c], a.reaction_J[c], fuel, a.held_J[c], a.to_give_J[c])
    a.out_J[c] = lost
    a.ejected_J[c] += lost
    add_to(site.total, site.low, REACTION, released)
    add_to(site.total, site.low, EJECTED, lost)
    news = (found & ~SPENT) | of_all
    news |= dries(a.phase[c], a.to_give_J[c], own_J * layers.count)
    a.news[c] = news
    status = REACTING if fastest > ONSET_K_PER_S else OK
    return status | (NEWS if news != 0 else 0)
