"""Thermal runaway of the cells of a pack: the `react` stage, after heat has been conducted.

Each cell holds a store of reactants (`cell_models.runaway`). One that is hotter than the gate
reacts for the length of the step by itself; below the gate nothing reacts, which at 80 degC leaves
8 mW of a cell out. What a cell goes through is `phase`, for good:

    BEGUN      was hotter than the gate; its fuel is that of its charge at that moment, and
               what is left of it that of its charge when its separator collapses
    COLLAPSED  its separator is gone: a short lies across its terminals, inside its joint and fuse,
               through which it discharges itself and its parallel neighbours discharge into it
    RAN        its reactions heat it faster than 1 K/s, or it is hotter than 300 degC with fuel left
    ERUPTED    hotter than 300 degC or faster than 20 K/s: from here on matter leaves
    SPENT      after that, its reactions would heat it slower than 0.1 K/s, or nothing is left, and
               nine tenths of all its heat are out: what led to its terminals has burnt, it is open;
               inside, the short goes on
    DRY        collapsed, it gives no more charge: what it was measured to give has gone through
    INERT      all of that, and no fuel left: nothing leaves it any more

Of the heat of reactions and of currents an erupting cell keeps a share, which is set when it erupts
such that in the end its body holds `body_share` of all that it has released; the rest leaves at
once. Matter leaves in proportion to heat, `ejected_mass` with that of a full cell, and takes along
what it holds. What leaves is `out_J` and
`out_kg` of each cell and step: heat above the reference temperature of the ledger, and mass.

Where cells have layers, each has its part of the reactants (`packs.layer_reactions`).
"""

from __future__ import annotations

import math

from cell_models.compensated import two_sum
from cell_models.contract import NOT_FINITE, OK
from cell_models.jit import inlined, kernel
from cell_models.runaway import (
    ONSET_K_PER_S,
    REACTING,
    SPENT_K,
    STALLED,
    stored_of,
)
from packs.arrays import open_cells, open_site
from packs.burning import (
    AWAKE,
    BEGUN,
    BURNT_K_PER_S,
    COLLAPSED,
    DRY,
    ERUPTED,
    FAILED,
    FUEL_LEFT_K,
    INERT,
    NEWS,
    OF_HOUSING,
    WHOLE,
    burn,
    dries,
    matter_lost,
    next_phase,
    own_charge,
    part,
    progressed,
)
from packs.flows import EJECTED, REACTION, add_to
from packs.layer_reactions import react_layers
from packs.layers import settle_cell
from packs.pace import ALERT_TICKS
from packs.runaway_places import numbers_at, open_reacting_layers, open_runaway


@kernel
def add_shorts(where, cells, floats, ints):
    """Write the short of every cell: that of a fault and that of its own separator."""
    numbers, n = numbers_at(where, floats, ints), len(cells.short_S)
    injected, own = part(floats, numbers.overlay_S_at, n), part(floats, numbers.own_S_at, n)
    for c in range(n):
        cells.short_S[c] = injected[c] + own[c]


@inlined
def count_hot(gate_K, temperature_K):
    """Return how many cells are hotter than the gate; vectorised, all that a cool pack pays."""
    count = 0
    for c in range(len(temperature_K)):
        count += 1 if temperature_K[c] >= gate_K else 0
    return count


@kernel
def list_awake(
    gate_K, n_slots, hottest_K, phase, extents, energy_J, capacity_J_per_K, heat_W, extra_W,
    temperature_K, awake,
):  # fmt: skip
    """List the cells that are hot, or have erupted; return how many.

    A burnt-out cell is not: it has gone through everything, holds no fuel, and its currents heat it
    slower than 0.1 K/s. Nothing leaves it any more, nor the heat of those. Once it has given its
    charge too it is inert, whatever its currents.

    On plain arrays: one that is looked up in a tuple costs two atomic counts each time (measured:
    240 instead of 18 ns a burnt-out cell).

    Parameters
    ----------
    n_slots : int
        Reactants of a cell; 0 where cells have layers: those are all listed.
    phase, awake : int64 (n,)
        Written.
    """
    count = 0
    for c in range(len(phase)):
        if (hottest_K[c] < gate_K and not phase[c] & ERUPTED) or phase[c] & INERT:
            continue
        C = capacity_J_per_K[c]
        is_slow = heat_W[c] + extra_W[c] < BURNT_K_PER_S * C and math.isfinite(temperature_K[c])
        is_over = phase[c] & WHOLE == WHOLE and n_slots > 0 and is_slow
        if not is_over or stored_of(extents, energy_J, c * n_slots, n_slots)[1] > SPENT_K * C:
            awake[count] = c
            count += 1
        elif phase[c] & DRY:
            phase[c] |= INERT
    return count


@kernel
def react_nodes(count, h, numbers, cells, site, a):
    """Let listed cells of one node react, heat and matter leave them, and their phase move on.

    Every array is looked up once, outside the loop (`list_awake`).

    Returns
    -------
    int
        Status.
    """
    temperature_K, kelvin_per_J, heat_W = cells.temperature_K, cells.kelvin_per_J, cells.heat_W
    extra_W, voltage_V, current_A = cells.extra_W, cells.voltage_V, cells.current_A
    total, total_low = site.total, site.low
    extents, energy_J, capacity_J_per_K = a.extents, a.energy_J, a.capacity_J_per_K
    shares, planned_J, reaction_J, progress = a.share, a.planned_J, a.reaction_J, a.progress
    to_give_J, held_J = a.to_give_J, a.held_J
    ejected_J, ejected_kg, out_J, out_kg = a.ejected_J, a.ejected_kg, a.out_J, a.out_kg
    phases, all_news, awake, sinks = a.phase, a.news, a.awake, a.sinks
    remains, released_J = a.remains, a.released_J
    rows, marks, curve_K, curve_log10 = a.rows, a.marks, a.curve_K, a.curve_log10
    found = OK
    for k in range(count):
        c = awake[k]
        C, phase, share = capacity_J_per_K[c], phases[c], shares[c]
        if not phase & BEGUN:
            all_news[c] = BEGUN
            found |= NEWS
            continue
        T, released, burnt, left, status = burn(
            c * numbers.n_slots, temperature_K[c], C, share, h, numbers.n_slots, numbers.gate_K,
            extents, energy_J, rows, marks, curve_K, curve_log10, remains, released_J, sinks,
        )  # fmt: skip
        rate = released / (C * h)
        lost = (1.0 - share) * released
        currents_J = h * max(heat_W[c] + extra_W[c], 0.0)
        own_J = own_charge(h, heat_W[c], voltage_V[c], current_A[c])
        if phase & ERUPTED:
            of_currents = (1.0 - share) * currents_J
            T -= of_currents / C
            leaves, carried = matter_lost(
                numbers.ejected_mass, numbers.capacity_J_per_K, C, T,
                (burnt + max(own_J, 0.0)) / planned_J[c], numbers.reference_K,
            )  # fmt: skip
            lost += of_currents + carried
            capacity_J_per_K[c] = C - leaves
            kelvin_per_J[c] = 1.0 / capacity_J_per_K[c]
            out_kg[c] = leaves * numbers.kg_K_per_J
            ejected_kg[c] += out_kg[c]
        temperature_K[c] = T
        reaction_J[c] += released
        if phase & COLLAPSED:
            to_give_J[c] -= own_J
        progress[c] = progressed(progress[c], reaction_J[c], left, held_J[c], to_give_J[c])
        out_J[c] = lost
        ejected_J[c] += lost
        add_to(total, total_low, REACTION, released)
        add_to(total, total_low, EJECTED, lost)
        has_fuel = left > FUEL_LEFT_K * C
        news = next_phase(phase, T, rate, has_fuel, progress[c], numbers.separator_K)
        news |= dries(phase, to_give_J[c], own_J)
        if status & (STALLED | NOT_FINITE) or not math.isfinite(T):
            news |= FAILED
        all_news[c] = news
        found |= (REACTING if rate > ONSET_K_PER_S else OK) | (NEWS if news != 0 else 0)
    return found


@kernel
def react_layered(count, h, numbers, cells, site, a, layers):
    """Do the same with listed cells of several layers."""
    found = OK
    for k in range(count):
        c = a.awake[k]
        if a.phase[c] & BEGUN:
            found |= react_layers(c, h, numbers, cells, site, a, layers)
        else:
            a.news[c] = BEGUN
            found |= NEWS
    return found


@inlined
def melts(numbers, floats, ints):
    """Say whether a housing is hotter than where it begins to melt, and has not been told."""
    house_K, melted = numbers.house_K_at, numbers.melted_at
    for m in range(numbers.n_houses):
        if floats[house_K + m] > numbers.melting_K and ints[melted + m] == 0:
            return True
    return False


@kernel
def react_cells(end, h, where, cells, site, floats, ints):
    """Let all cells react that are hot, or have erupted.

    Parameters
    ----------
    end : int
        Of the step [ms].
    h : float
        [s]
    where : Fitted
    cells, site : CellArrays, SiteArrays
        Written: temperatures, those of layers too, `kelvin_per_J`, and the flows of reactions and
        of what leaves.
    floats, ints
        That hold the numbers and their arrays, all written but the reactions.

    Returns
    -------
    int
        `REACTING`, which also holds the short step, `NEWS`: see `news`, `OF_HOUSING` where one
        begins to melt, and `AWAKE`.
    """
    numbers, n = numbers_at(where, floats, ints), len(cells.temperature_K)
    layers = open_reacting_layers(numbers, n, floats)
    for c in range(n if layers.count > 0 else 0):
        settle_cell(
            c, layers.count, cells.temperature_K[c], layers.temperature_K, layers.capacity_J_per_K,
            layers.hottest_K,
        )  # fmt: skip
    if count_hot(numbers.gate_K, layers.hottest_K) == 0 and ints[numbers.n_ran_at] == 0:
        return OK
    a = open_runaway(numbers, n, floats, ints)
    a.out_J[:] = 0.0
    a.out_kg[:] = 0.0
    count = list_awake(
        numbers.gate_K, 0 if layers.count > 0 else numbers.n_slots, layers.hottest_K, a.phase,
        a.extents, a.energy_J, a.capacity_J_per_K, cells.heat_W, cells.extra_W,
        cells.temperature_K, a.awake,
    )  # fmt: skip
    if layers.count > 0:
        status = AWAKE | react_layered(count, h, numbers, cells, site, a, layers)
    else:
        status = AWAKE | react_nodes(count, h, numbers, cells, site, a)
    if status & REACTING:
        ints[numbers.alert_at] = max(ints[numbers.alert_at], end + ALERT_TICKS)
    if melts(numbers, floats, ints):
        status |= OF_HOUSING
    return status


@kernel
def react_stage(end, h, where, arena):
    """Let all cells react that are hot, as a stage of its own (`react_cells`)."""
    return react_cells(end, h, where, open_cells(arena), open_site(arena), arena.floats, arena.ints)


@kernel
def short_stage(where, arena):
    """Write the short of every cell, as a stage of its own (`add_shorts`)."""
    add_shorts(where, open_cells(arena), arena.floats, arena.ints)


@kernel
def stored_in_cells(extents, energy_J, n_slots, used):
    """Give the chemical energy that the reactants of all cells could release [J]."""
    high = low = 0.0
    for c in range(len(used)):
        held = used[c] * stored_of(extents, energy_J, c * n_slots, n_slots)[0]
        high, low = two_sum(high, low, held)
    return high + low
