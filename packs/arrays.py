"""The arrays that compiled code of the plant works on, by what they belong to.

Views on the state, the overlay, and scratch; made once when a plant takes its state. Cells and
groups are by slot (`packs.topology`), racks in their order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.contract import LANES

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
    emf_V: Floats
    r_ohm: Floats
    out_A: Floats
    left_A: Floats
    shorted_A: Floats
    link_W: Floats
    plate_K: Floats
    into_W: Floats
    charge_As: Floats
    charge_low_As: Floats


class RackArrays(NamedTuple):
    """Of each rack: float64 or int64 (R,), `first_group` and `first_block` (R + 1,)."""

    first_group: Ints
    first_block: NDArray[np.uint64]
    emf_V: Floats
    r_ohm: Floats
    n_open: Floats
    fuse_ohm: Floats
    contactor_ohm: Floats
    short_S: Floats
    fuse_closed: Ints
    switch_closed: Ints
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


class SiteArrays(NamedTuple):
    """Of the whole site.

    `bus` (N_BUS,) and `losses` (N_LOSSES,) are laid out by `packs.network`, `sums` and `rack_sums`
    by `packs.groups`; `limits` (4,) are those of `packs.network.operating_point`; `heat_J` (2,) to
    coolant and air; `near` uint32 (4 n_cell_slots,); `group_slot` int64 (n_groups,).
    """

    bus: Floats
    limits: Floats
    losses: Floats
    sums: Floats
    rack_sums: Floats
    air_W: Floats
    heat_J: Floats
    near: NDArray[np.uint32]
    group_slot: Ints


class Wire(NamedTuple):
    """Numbers of the wiring that never change: `p` cells per group, `n_blocks` blocks of groups."""

    p: np.uint64
    n_blocks: np.uint64
    joint_ohm: float
    link_ohm: float


def lanes_of(n: int) -> Floats:
    """Return scratch of `n` times 32 lanes."""
    return np.zeros(n * LANES)
