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


@inlined
def open_cells(arena):
    """Open the arrays of cells."""
    f, at = arena.floats, arena.at
    return CellArrays(
        nth(f, at, 0), nth(f, at, 1), nth(f, at, 2), nth(f, at, 3), nth(f, at, 4), nth(f, at, 5),
        nth(f, at, 6), nth(f, at, 7), nth(f, at, 8), nth(f, at, 9), nth(f, at, 10),
        nth(f, at, 11), nth(f, at, 12), nth(f, at, 13), nth(f, at, 14), nth(f, at, 15),
    )  # fmt: skip


@inlined
def open_groups(arena):
    """Open the arrays of groups."""
    f, at = arena.floats, arena.at
    return GroupArrays(
        nth(f, at, 16), nth(f, at, 17), nth(f, at, 18), nth(f, at, 19), nth(f, at, 20),
        nth(f, at, 21), nth(f, at, 22), nth(f, at, 23), nth(f, at, 24), nth(f, at, 25),
        nth(f, at, 26), nth(f, at, 27), nth(f, at, 28), nth(f, at, 29), nth(f, at, 30),
        nth(f, at, 31), nth(f, at, 32), nth(f, at, 33),
    )  # fmt: skip


@inlined
def open_racks(arena):
    """Open the arrays of racks."""
    f, at = arena.floats, arena.at
    i, int_at = arena.ints, arena.int_at
    return RackArrays(
        nth(f, at, 34), nth(f, at, 35), nth(f, at, 36), nth(f, at, 37), nth(f, at, 38),
        nth(f, at, 39), nth(f, at, 40), nth(f, at, 41), nth(f, at, 42), nth(f, at, 43),
        nth(f, at, 44), nth(f, at, 45), nth(f, at, 46), nth(f, at, 47), nth(f, at, 48),
        nth(f, at, 49), nth(f, at, 50), nth(i, int_at, 0), nth(i, int_at, 1), nth(i, int_at, 2),
        nth(i, int_at, 3),
    )  # fmt: skip


@inlined
def open_site(arena):
    """Open the arrays of the site."""
    f, at = arena.floats, arena.at
    i, int_at = arena.ints, arena.int_at
    return SiteArrays(
        nth(f, at, 51), nth(f, at, 52), nth(f, at, 53), nth(f, at, 54), nth(f, at, 55),
        nth(f, at, 56), nth(f, at, 57), nth(f, at, 58), nth(f, at, 59), nth(f, at, 60),
        nth(f, at, 61), lent(arena.near), nth(i, int_at, 4), nth(f, at, 62), nth(f, at, 63),
    )  # fmt: skip
