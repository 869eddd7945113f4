"""The arrays that compiled code of the plant works on, by what they belong to.

Views on the state, the overlay, and scratch, made by `packs.memory` when a plant takes its state.
Cells and groups are by slot (`packs.topology`), racks in their order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import inlined, lent

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CellArrays(NamedTuple):
    """Of each cell slot: float64 (n_cell_slots,)."""

    emf_V: Floats
    r_ohm: Floats
    current_A: Floats
    voltage_V: Floats
    heat_W: Floats
    temperature_K: Floats
    short_S: Floats
    joint_extra_ohm: Floats
    is_open: Floats
    is_broken: Floats
    cut: Floats
    joint_ohm: Floats
    weight: Floats
    extra_W: Floats
    net_W: Floats
    kelvin_per_J: Floats


class GroupArrays(NamedTuple):
    """Of each group slot: float64 (n_group_slots,)."""

    voltage_V: Floats
    bleed_S: Floats
    short_S: Floats
    link_extra_ohm: Floats
    used: Floats
    cells_S: Floats
    cells_A: Floats
    last: Floats
    emf_V: Floats
    r_ohm: Floats
    out_A: Floats
    left_A: Floats
    shorted_A: Floats
    link_ohm: Floats
    link_W: Floats
    plate_K: Floats
    charge_As: Floats
    charge_low_As: Floats


class RackArrays(NamedTuple):
    """Of each rack: float64 or int64 (R,), `first_group` and `first_block` (R + 1,)."""

    emf_V: Floats
    r_ohm: Floats
    n_open: Floats
    fuse_ohm: Floats
    contactor_ohm: Floats
    short_S: Floats
    string_S: Floats
    string_A: Floats
    bus_S: Floats
    bus_A: Floats
    switch_A: Floats
    current_A: Floats
    voltage_V: Floats
    node_V: Floats
    gap_V: Floats
    flow_W_per_K: Floats
    outlet_K: Floats
    first_group: Ints
    first_block: Ints
    fuse_closed: Ints
    switch_closed: Ints


class SiteArrays(NamedTuple):
    """Of the whole site.

    `bus` (N_BUS,) and `losses` (N_LOSSES,) are laid out by `packs.network`, `sums` and `rack_sums`
    by `packs.groups`; `limits` (4,) are those of `packs.network.operating_point`; `heat_J` (2,) to
    coolant and air; `total` and `low` (len(FLOWS),), `throughput` (2,), `worst` (3,) as
    `packs.flows.book` keeps them; `near` uint32 (4 n_cell_slots,); `group_slot` int64 (n_groups,);
    `charger_A` (n_group_slots,) that chargers from outside drive into groups; `tile` (TILE,) the
    scratch of one block of groups, laid out by `packs.groups`.
    """

    bus: Floats
    limits: Floats
    losses: Floats
    sums: Floats
    rack_sums: Floats
    air_W: Floats
    heat_J: Floats
    total: Floats
    low: Floats
    throughput: Floats
    worst: Floats
    near: NDArray[np.uint32]
    group_slot: Ints
    charger_A: Floats
    tile: Floats


class Arena(NamedTuple):
    """All arrays of a plant as compiled code is handed them: two buffers, and where each begins.

    A call takes time for every array that it is given (0.1 us each, measured), more than a step of
    a small pack; so entry points take this, and open it. `at` and `int_at` hold begin and size of
    each array, those of `CellArrays`, `GroupArrays`, `RackArrays`, `SiteArrays` in turn, and of
    `packs.ladder.LadderArrays`.
    """

    floats: Floats
    ints: Ints
    near: NDArray[np.uint32]
    at: Ints
    int_at: Ints


class Wire(NamedTuple):
    """Numbers of the wiring that never change: `p` cells per group, `n_blocks` blocks of groups.

    `rail_ohm` is that of one segment of one rail, `rails` how they are taken off (`packs.ladder`).
    """

    p: np.uint64
    n_blocks: np.uint64
    joint_ohm: float
    link_ohm: float
    rail_ohm: float
    rails: int


@inlined
def nth(buffer, at, k):
    """Return array number `k` of a buffer."""
    begin = at[2 * k]
    return lent(buffer[begin : begin + at[2 * k + 1]])


@inlined
def lent_arena(a):
    """Return an arena whose holders are not counted, so neither are those of what is opened."""
    return Arena(lent(a.floats), lent(a.ints), lent(a.near), lent(a.at), lent(a.int_at))


CELLS = 0
GROUPS = CELLS + len(CellArrays._fields)
RACKS = GROUPS + len(GroupArrays._fields)
SITE = RACKS + len(RackArrays._fields) - 4
INTS = 0
"""Where the arrays of each begin in `Arena.at`, and the integer ones in `Arena.int_at`.

Read with sums, not numbers: for each number as such the compiler makes another function.
"""


@inlined
def open_cells(arena):
    """Open the arrays of cells."""
    f, at, k = arena.floats, arena.at, CELLS
    return CellArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
        nth(f, at, k + 13), nth(f, at, k + 14), nth(f, at, k + 15),
    )  # fmt: skip


@inlined
def open_groups(arena):
    """Open the arrays of groups."""
    f, at, k = arena.floats, arena.at, GROUPS
    return GroupArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
        nth(f, at, k + 13), nth(f, at, k + 14), nth(f, at, k + 15), nth(f, at, k + 16),
        nth(f, at, k + 17),
    )  # fmt: skip


@inlined
def open_racks(arena):
    """Open the arrays of racks."""
    f, at, k = arena.floats, arena.at, RACKS
    i, int_at, m = arena.ints, arena.int_at, INTS
    return RackArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), nth(f, at, k + 11), nth(f, at, k + 12),
        nth(f, at, k + 13), nth(f, at, k + 14), nth(f, at, k + 15), nth(f, at, k + 16),
        nth(i, int_at, m), nth(i, int_at, m + 1), nth(i, int_at, m + 2), nth(i, int_at, m + 3),
    )  # fmt: skip


@inlined
def open_site(arena):
    """Open the arrays of the site."""
    f, at, k = arena.floats, arena.at, SITE
    i, int_at, m = arena.ints, arena.int_at, INTS
    return SiteArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7), nth(f, at, k + 8),
        nth(f, at, k + 9), nth(f, at, k + 10), lent(arena.near), nth(i, int_at, m + 4),
        nth(f, at, k + 11), nth(f, at, k + 12),
    )  # fmt: skip
