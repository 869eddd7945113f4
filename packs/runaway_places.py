"""Where reacting cells keep what they remember: numbers and arrays of `packs.runaway`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import inlined
from cell_models.runaway import N_MARKS, N_ROWS
from packs.burning import part
from packs.layer_reactions import ReactingLayers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fitted(NamedTuple):
    """Whether cells can react, and where their numbers begin among the plant's floats and ints.

    `floats_at`, `ints_at` are of `RunawayNumbers`, `rules_at` and `milestones_at` of
    `packs.milestone_places`; at `begun_at` is how many cells have begun.

    A call takes time for every number that it is given (0.08 us each, measured): so they lie there.
    """

    fitted: bool
    floats_at: int
    ints_at: int
    begun_at: int
    rules_at: int
    milestones_at: int


class RunawayNumbers(NamedTuple):
    """Limits, and where the arrays begin among the plant's floats and ints.

    Attributes
    ----------
    gate_K, separator_K, reference_K : float
        Above which cells react; at which separators collapse; where heat that leaves counts from.
    capacity_J_per_K, kg_K_per_J, ejected_mass : float
        Of a whole cell; its mass over that; what of it leaves.
    n_slots, n_rows, n_curve : int
    n_ran_at ... marks_at : int
        `n_ran`, how many cells have erupted, `alert_until`, and each of `RunawayArrays`.
    n_layers : int
        Of a cell; 0 where a cell is one node.
    hottest_at, layer_K_at, layer_capacity_at, layer_kelvin_at : int
        Hottest temperature of each cell, its own where it is one node; `ReactingLayers`.
    awake_at ... locked_at : int
        See `RunawayArrays`.
    melting_K : float
    n_houses, house_K_at, melted_at : int
        Where housings begin to melt; how many there are, their temperatures, and which have passed
        that and have been told.
    """

    gate_K: float
    separator_K: float
    reference_K: float
    capacity_J_per_K: float
    kg_K_per_J: float
    ejected_mass: float
    melting_K: float
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
    awake_at: int
    planned_at: int
    to_give_at: int
    held_at: int
    locked_at: int
    n_houses: int
    house_K_at: int
    melted_at: int


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
    progress : float64 (n,), how far its event has come, 0 to 1
    phase, news : int64 (n,)
    remains, released_J, sinks : float64 (n_slots,), (n_slots,), (1, 3)
        Scratch of one node; what cools it besides, nothing.
    rows, marks, curve_K, curve_log10
        The reactions, as `cell_models.runaway` takes them.
    awake : int64 (n,), cells to look at in this step
    planned_J : float64 (n * m,)
        With so much heat after the eruption leaves all that ever leaves.
    to_give_J, held_J, locked_J : float64 (n,)
        Of its own charge, heat of what others feed into it not counted: what is to come through the
        short of a cell until it gives no more, what that was when it began to react, from the
        collapse of its separator on what it was then, and what stays.
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
    remains: Floats
    released_J: Floats
    sinks: Floats
    rows: Floats
    marks: Ints
    curve_K: Floats
    curve_log10: Floats
    awake: Ints
    planned_J: Floats
    to_give_J: Floats
    held_J: Floats
    locked_J: Floats


N_FLOATS, N_INTS = 7, 38
"""Of `RunawayNumbers`: the first ones are floats."""


@inlined
def numbers_at(where, f, i):
    """Return the numbers that begin at a place."""
    a, b = where.floats_at, where.ints_at
    return RunawayNumbers(
        f[a], f[a + 1], f[a + 2], f[a + 3], f[a + 4], f[a + 5], f[a + 6], i[b], i[b + 1], i[b + 2],
        i[b + 3], i[b + 4], i[b + 5], i[b + 6], i[b + 7], i[b + 8], i[b + 9], i[b + 10], i[b + 11],
        i[b + 12], i[b + 13], i[b + 14], i[b + 15], i[b + 16], i[b + 17], i[b + 18], i[b + 19],
        i[b + 20], i[b + 21], i[b + 22], i[b + 23], i[b + 24], i[b + 25], i[b + 26], i[b + 27],
        i[b + 28], i[b + 29], i[b + 30], i[b + 31], i[b + 32], i[b + 33], i[b + 34], i[b + 35],
        i[b + 36], i[b + 37],
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
        part(i, m.phase_at, n), part(i, m.news_at, n), part(f, m.scratch_at, m.n_slots),
        part(f, m.scratch_at + m.n_slots, m.n_slots),
        part(f, m.scratch_at + 2 * m.n_slots, 3).reshape(1, 3),
        part(f, m.rows_at, m.n_rows * N_ROWS).reshape(m.n_rows, N_ROWS),
        part(i, m.marks_at, m.n_rows * N_MARKS).reshape(m.n_rows, N_MARKS),
        part(f, m.curve_K_at, m.n_curve), part(f, m.curve_log10_at, m.n_curve),
        part(i, m.awake_at, n), part(f, m.planned_at, nodes), part(f, m.to_give_at, n),
        part(f, m.held_at, n), part(f, m.locked_at, n),
    )  # fmt: skip


@inlined
def open_reacting_layers(m, n, f):
    """Open the arrays of the layers of `n` cell slots."""
    nodes = n * m.n_layers
    return ReactingLayers(
        m.n_layers, part(f, m.layer_K_at, nodes), part(f, m.layer_capacity_at, nodes),
        part(f, m.layer_kelvin_at, nodes), part(f, m.hottest_at, n),
    )  # fmt: skip
