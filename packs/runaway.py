"""Thermal runaway of the cells of a pack: the `react` stage, after heat has been conducted.

Each cell holds a store of reactants (`cell_models.runaway`). One that is hotter than the gate
reacts for the length of the step by itself; below the gate nothing reacts, which at 80 degC leaves
8 mW of a cell out. What a cell goes through is `phase`, for good:

    BEGUN      was hotter than the gate; its fuel is that of its charge at that moment
    COLLAPSED  its separator is gone: a short lies across its terminals, inside its joint and fuse,
               through which it discharges itself and its parallel neighbours discharge into it
    RAN        its reactions heat it faster than 1 K/s, or it is hotter than 300 degC with fuel left
    ERUPTED    hotter than 300 degC or faster than 20 K/s: from here on matter leaves
    SPENT      after that, its reactions would heat it slower than 0.1 K/s, or nothing is left: what
               led to its terminals has burnt, it is open; inside, the short goes on

Of the heat of reactions and of currents an erupting cell keeps a share, which is set when it erupts
such that it will have kept `body_share` of all that it releases; the rest leaves at once. Matter
leaves as the fuel burns and takes the heat with it that it holds. What leaves is `out_J` and
`out_kg` of each cell and step: heat above the reference temperature of the ledger, and mass.

Where cells have layers, each has its part of the reactants (`packs.layer_reactions`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.compensated import two_sum
from cell_models.contract import NOT_FINITE, OK
from cell_models.jit import inlined, kernel
from cell_models.runaway import (
    N_MARKS,
    N_ROWS,
    ONSET_K_PER_S,
    REACTING,
    STALLED,
    stored_of,
)
from packs.arrays import open_cells, open_site
from packs.burning import (
    AWAKE,
    BEGUN,
    ERUPTED,
    FAILED,
    FUEL_LEFT_K,
    INERT,
    NEWS,
    burn,
    next_phase,
    part,
    progressed,
)
from packs.flows import EJECTED, REACTION, add_to
from packs.layer_reactions import ReactingLayers, react_layers
from packs.layers import settle_cell

ALERT_MS = 1000
"""How long the short step holds after a cell has reacted."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fitted(NamedTuple):
    """Whether cells can react, and where `RunawayNumbers` begin among the plant's floats and ints.

    A call takes time for every number that it is given (0.08 us each, measured): so they lie there.
    """

    fitted: bool
    floats_at: int
    ints_at: int


class RunawayNumbers(NamedTuple):
    """Limits, and where the arrays begin among the plant's floats and ints.

    Attributes
    ----------
    gate_K, separator_K, reference_K : float
        Above which cells react; at which separators collapse; where heat that leaves counts from.
    capacity_J_per_K, kg_K_per_J, ejected_mass : float
        Of a whole cell; its mass over that; what of it leaves.
    alert_ticks, n_slots, n_rows, n_curve : int
    n_ran_at ... marks_at : int
        `n_ran`, how many cells have erupted, `alert_until`, and each of `RunawayArrays`.
    n_layers : int
        Of a cell; 0 where a cell is one node.
    hottest_at, layer_K_at, layer_capacity_at, layer_kelvin_at : int
        Hottest temperature of each cell, its own where it is one node; `ReactingLayers`.
    """

    gate_K: float
    separator_K: float
    reference_K: float
    capacity_J_per_K: float
    kg_K_per_J: float
    ejected_mass: float
    alert_ticks: int
    n_slots: int
    n_rows: int
    n_curve: int
    n_ran_at: int
    alert_at: int
    overlay_S_at: int
    extents_at: int
    energy_J_at: int
    capacity_at: int
    own_S_at: int
    share_at: int
    fuel_J_at: int
    reaction_J_at: int
    ejected_J_at: int
    ejected_kg_at: int
    out_J_at: int
    out_kg_at: int
    progress_at: int
    phase_at: int
    news_at: int
    scratch_at: int
    rows_at: int
    curve_K_at: int
    curve_log10_at: int
    marks_at: int
    n_layers: int
    hottest_at: int
    layer_K_at: int
    layer_capacity_at: int
    layer_kelvin_at: int


class RunawayArrays(NamedTuple):
    """Of each cell slot, and behind them what all cells share; m is the layers of a cell, or 1.

    Attributes
    ----------
    extents, energy_J : float64 (n * m * n_slots,)
        What is left of each reactant; its heat per unit [J]: all layers of a cell in turn.
    capacity_J_per_K : float64 (n,)
    share : float64 (n,), of its heat that stays in the cell
    fuel_J : float64 (n * m,), what each held when the cell erupted
    reaction_J, ejected_J, ejected_kg : float64 (n,), released, and what has left, so far
    out_J, out_kg : float64 (n,), what leaves in this step
    progress : float64 (n,), how far its reactions have come, 0 to 1
    phase, news : int64 (n,)
    scratch : float64 (2 * n_slots + 3,)
    rows, marks, curve_K, curve_log10
        The reactions, as `cell_models.runaway` takes them.
    """

    extents: Floats
    energy_J: Floats
    capacity_J_per_K: Floats
    share: Floats
    fuel_J: Floats
    reaction_J: Floats
    ejected_J: Floats
    ejected_kg: Floats
    out_J: Floats
    out_kg: Floats
    progress: Floats
    phase: Ints
    news: Ints
    scratch: Floats
    rows: Floats
    marks: Ints
    curve_K: Floats
    curve_log10: Floats


N_FLOATS, N_INTS = 6, 31
"""Of `RunawayNumbers`: the first ones are floats."""


@inlined
def numbers_at(where, f, i):
    """Return the numbers that begin at a place."""
    a, b = where.floats_at, where.ints_at
    return RunawayNumbers(
        f[a], f[a + 1], f[a + 2], f[a + 3], f[a + 4], f[a + 5], i[b], i[b + 1], i[b + 2], i[b + 3],
        i[b + 4], i[b + 5], i[b + 6], i[b + 7], i[b + 8], i[b + 9], i[b + 10], i[b + 11],
        i[b + 12], i[b + 13], i[b + 14], i[b + 15], i[b + 16], i[b + 17], i[b + 18], i[b + 19],
        i[b + 20], i[b + 21], i[b + 22], i[b + 23], i[b + 24], i[b + 25], i[b + 26], i[b + 27],
        i[b + 28], i[b + 29], i[b + 30],
    )  # fmt: skip


@inlined
def open_runaway(m, n, f, i):
    """Open the arrays of `n` cell slots."""
    nodes = n * max(m.n_layers, 1)
    return RunawayArrays(
        part(f, m.extents_at, nodes * m.n_slots), part(f, m.energy_J_at, nodes * m.n_slots),
        part(f, m.capacity_at, n), part(f, m.share_at, n), part(f, m.fuel_J_at, nodes),
        part(f, m.reaction_J_at, n), part(f, m.ejected_J_at, n), part(f, m.ejected_kg_at, n),
        part(f, m.out_J_at, n), part(f, m.out_kg_at, n), part(f, m.progress_at, n),
        part(i, m.phase_at, n), part(i, m.news_at, n), part(f, m.scratch_at, 2 * m.n_slots + 3),
        part(f, m.rows_at, m.n_rows * N_ROWS).reshape(m.n_rows, N_ROWS),
        part(i, m.marks_at, m.n_rows * N_MARKS).reshape(m.n_rows, N_MARKS),
        part(f, m.curve_K_at, m.n_curve), part(f, m.curve_log10_at, m.n_curve),
    )  # fmt: skip


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
def react_cell(c, h, numbers, cells, site, a):
    """Let one cell react, heat and matter leave it, and its phase move on; return a status."""
    C, phase = a.capacity_J_per_K[c], a.phase[c]
    T, released, burnt, left, status = burn(
        c * numbers.n_slots, cells.temperature_K[c], C, a.share[c], h, numbers, a
    )
    rate = released / (C * h)
    lost = (1.0 - a.share[c]) * released
    if phase & ERUPTED:
        of_currents = (1.0 - a.share[c]) * h * max(cells.heat_W[c] + cells.extra_W[c], 0.0)
        T -= of_currents / C
        leaves = numbers.ejected_mass * numbers.capacity_J_per_K * burnt / a.fuel_J[c]
        lost += of_currents + leaves * (T - numbers.reference_K)
        a.capacity_J_per_K[c] = C - leaves
        cells.kelvin_per_J[c] = 1.0 / a.capacity_J_per_K[c]
        a.out_kg[c] = leaves * numbers.kg_K_per_J
        a.ejected_kg[c] += a.out_kg[c]
    cells.temperature_K[c] = T
    a.reaction_J[c] += released
    a.progress[c] = progressed(a.progress[c], a.reaction_J[c], left)
    a.out_J[c] = lost
    a.ejected_J[c] += lost
    add_to(site.total, site.low, REACTION, released)
    add_to(site.total, site.low, EJECTED, lost)
    news = next_phase(phase, T, rate, left > FUEL_LEFT_K * C, numbers.separator_K)
    if status & (STALLED | NOT_FINITE) or not math.isfinite(T):
        news |= FAILED
    a.news[c] = news
    status = REACTING if rate > ONSET_K_PER_S else OK
    return status | (NEWS if news != 0 else 0)


@inlined
def open_reacting_layers(m, n, f):
    """Open the arrays of the layers of `n` cell slots."""
    nodes = n * m.n_layers
    return ReactingLayers(
        m.n_layers, part(f, m.layer_K_at, nodes), part(f, m.layer_capacity_at, nodes),
        part(f, m.layer_kelvin_at, nodes), part(f, m.hottest_at, n),
    )  # fmt: skip


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
        `REACTING`, which also holds the short step, `NEWS`: see `news`, and `AWAKE`.
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
    status = AWAKE
    for c in range(n):
        if (layers.hottest_K[c] < numbers.gate_K and not a.phase[c] & ERUPTED) or (
            a.phase[c] & INERT
        ):
            continue
        if not a.phase[c] & BEGUN:
            a.news[c] = BEGUN
            status |= NEWS
        elif layers.count > 0:
            status |= react_layers(c, h, numbers, cells, site, a, layers)
        else:
            status |= react_cell(c, h, numbers, cells, site, a)
    if status & REACTING:
        ints[numbers.alert_at] = max(ints[numbers.alert_at], end + ALERT_MS)
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
