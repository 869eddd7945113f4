"""Which cell is where: index maps of a site, neighbours within a module, and slots.

People, files and controllers count cells in the order rack, module, group, place. The plant keeps
them by *slot*: groups of a rack stand side by side in blocks of 32 lanes, and each place of a block
is one row of 32 cells, so that whatever is done to a group is done to 32 groups at once. The last
block of a rack may have spare lanes; they hold open cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.contract import LANES, blocks_for
from packs.spec import EVERY_CELL, LayoutSpec, LumpSpec, SizeSpec

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Index maps; cells, groups and modules are counted over the site, from 0.

    Attributes
    ----------
    n_racks, n_modules, n_groups, n_cells, cells_per_group, n_blocks : int
        A block holds 32 groups.
    cell_group, cell_module, cell_rack, cell_place : int64 (n_cells,)
        `cell_place` is the place of the cell in its group.
    group_module, group_rack : int64 (n_groups,)
    module_rack : int64 (n_modules,)
    rack_first_module, rack_first_group, rack_first_block : int64 (n_racks + 1,)
    group_slot, cell_slot : int64 (n_groups,), (n_cells,)
        Where each stands in arrays by slot.
    slot_cell : int64 (n_cell_slots,)
        The cell in each slot; in spare ones the last cell of the same rack.
    group_used, cell_used : float64 (n_group_slots,), (n_cell_slots,)
        1 where there is a group or a cell, 0 in spare lanes.
    near : uint32 (4 * n_cell_slots,)
        The neighbours of each slot: two beside it, in the next columns, then two in the next
        rows; itself where there is none.
    cell_x_m, cell_y_m : float64 (n_cells,)
        Position in the module, seen from above [m].
    edge_a, edge_b : int64 (n_edges,)
        Pairs of cells one pitch apart in the same module.
    lump : LumpSpec
        What each cell stands for.
    whole : Topology or None
        The pack cell by cell where this one is lumped; read it by `full`.
    """

    n_racks: int
    n_modules: int
    n_groups: int
    n_cells: int
    cells_per_group: int
    groups_per_module: int
    n_blocks: int
    cell_group: Ints
    cell_module: Ints
    cell_rack: Ints
    cell_place: Ints
    group_module: Ints
    group_rack: Ints
    module_rack: Ints
    rack_first_module: Ints
    rack_first_group: Ints
    rack_first_block: Ints
    group_slot: Ints
    cell_slot: Ints
    slot_cell: Ints
    group_used: Floats
    cell_used: Floats
    near: NDArray[np.uint32]
    cell_x_m: Floats
    cell_y_m: Floats
    edge_a: Ints
    edge_b: Ints
    lump: LumpSpec = EVERY_CELL
    whole: Topology | None = None

    @property
    def full(self) -> Topology:
        """The pack cell by cell: this one, unless it is lumped."""
        return self if self.whole is None else self.whole

    @property
    def group_home(self) -> Ints:
        """Slot of what stands for each group of the full pack, int64 (full.n_groups,)."""
        return np.repeat(self.group_slot, self.lump.series)

    @property
    def cell_home(self) -> Ints:
        """Slot of what stands for each cell of the full pack, int64 (full.n_cells,)."""
        return np.repeat(self.cell_slot, self.lump.cells)

    def add_up(self, of_groups: Ints, out: Ints) -> None:
        """Write, by slot, the sum over the groups of the full pack that each group stands for."""
        series = self.lump.series
        out[self.group_slot] = (
            of_groups if series == 1 else of_groups.reshape(-1, series).sum(axis=1)
        )

    @property
    def n_group_slots(self) -> int:
        """Groups and spare lanes."""
        return self.n_blocks * LANES

    @property
    def n_cell_slots(self) -> int:
        """Cells and spare lanes."""
        return self.n_blocks * LANES * self.cells_per_group

    @property
    def reach(self) -> int:
        """By how many blocks of groups neighbours are apart at most."""
        size = self.cells_per_group * LANES
        own = np.arange(self.n_cell_slots) // size
        return int(np.abs(self.near.reshape(4, -1).astype(np.int64) // size - own).max())

    def cell_index(self, rack: int, module: int, group: int, place: int) -> int:
        """Return the site index of a cell from its indices within rack, module and group."""
        return self.group_index(rack, module, group) * self.cells_per_group + place

    def group_index(self, rack: int, module: int, group: int) -> int:
        """Return the site index of a group from its indices within rack and module."""
        return (int(self.rack_first_module[rack]) + module) * self.groups_per_module + group

    def cell_name(self, cell: int) -> str:
        """Return the name shown to people, counted from 1; of its group where that is lumped."""
        group = self.group_name(int(self.cell_group[cell]))
        return group if self.whole is not None else f"{group}, cell {self.cell_place[cell] + 1}"

    def group_name(self, group: int) -> str:
        """Return the name shown to people, counted from 1; of its rack where that is lumped."""
        module = int(self.group_module[group])
        if self.lump.series > 1:
            return f"rack {int(self.group_rack[group]) + 1}"
        in_module = group - module * self.groups_per_module
        return f"{self.module_name(module)}, group {in_module + 1}"

    def module_name(self, module: int) -> str:
        """Return the name shown to people, counted from 1."""
        rack = int(self.module_rack[module])
        return f"rack {rack + 1}, module {module - int(self.rack_first_module[rack]) + 1}"


def build_topology(size: SizeSpec, layout: LayoutSpec) -> Topology:
    """Lay out a site.

    Groups stand in `layout.columns` columns and fold: every other row of groups runs backwards, so
    that groups in series are neighbours. The cells of a group stand one behind the other.

    Parameters
    ----------
    size : SizeSpec
    layout : LayoutSpec

    Returns
    -------
    Topology
    """
    modules = np.array(size.modules, dtype=np.int64)
    rack_first_module = np.concatenate(([0], np.cumsum(modules))).astype(np.int64)
    n_modules = int(rack_first_module[-1])
    n_groups = n_modules * size.groups_per_module
    p = size.cells_per_group
    cell = np.arange(n_groups * p, dtype=np.int64)
    group = np.arange(n_groups, dtype=np.int64)
    group_module = group // size.groups_per_module
    module_rack = np.repeat(np.arange(len(modules), dtype=np.int64), modules)
    in_module = group % size.groups_per_module
    row, column = in_module // layout.columns, in_module % layout.columns
    column = np.where(row % 2 == 0, column, layout.columns - 1 - column)
    cell_group = cell // p
    x = column[cell_group]
    y = row[cell_group] * p + cell % p
    edge_a, edge_b = _neighbours(group_module[cell_group], x, y)
    rack_first_group = rack_first_module * size.groups_per_module
    slots = _slots(rack_first_group, p)
    return Topology(
        n_racks=len(modules),
        n_modules=n_modules,
        n_groups=n_groups,
        n_cells=len(cell),
        cells_per_group=p,
        groups_per_module=size.groups_per_module,
        n_blocks=int(slots["rack_first_block"][-1]),
        cell_group=cell_group,
        cell_module=group_module[cell_group],
        cell_rack=module_rack[group_module[cell_group]],
        cell_place=cell % p,
        group_module=group_module,
        group_rack=module_rack[group_module],
        module_rack=module_rack,
        rack_first_module=rack_first_module,
        rack_first_group=rack_first_group,
        cell_x_m=np.asarray(x * layout.pitch_m, dtype=np.float64),
        cell_y_m=np.asarray(y * layout.pitch_m, dtype=np.float64),
        edge_a=edge_a,
        edge_b=edge_b,
        near=_near(slots["cell_slot"], len(slots["slot_cell"]), edge_a, edge_b, x),
        **slots,
    )


def cells_in_line(topology: Topology, first: int, count: int, *, is_beside: bool) -> Ints:
    """Return the cells in a straight line from one on, through its module.

    Parameters
    ----------
    topology : Topology
        Cell by cell: `Topology.full`.
    first : int
        Where the line begins.
    count : int
        How many cells; fewer are returned where the module ends before.
    is_beside : bool
        Whether the line leads to the next columns, else to the next rows.
    """
    near = topology.near.reshape(4, -1)[0 if is_beside else 2]
    found = [first]
    while len(found) < count:
        slot = int(topology.cell_slot[found[-1]])
        if int(near[slot]) == slot:
            break
        found.append(int(topology.slot_cell[near[slot]]))
    return np.array(found, dtype=np.int64)


def _slots(rack_first_group: Ints, p: int) -> dict[str, Any]:
    """Return the slots of groups and cells: every rack begins a new block of 32 groups."""
    groups = np.diff(rack_first_group)
    rack_first_block = np.concatenate(([0], np.cumsum([blocks_for(int(g)) for g in groups])))
    rack = np.repeat(np.arange(len(groups)), groups)
    in_rack = np.arange(int(rack_first_group[-1])) - rack_first_group[rack]
    block, lane = rack_first_block[rack] + in_rack // LANES, in_rack % LANES
    place = np.arange(p)
    cell_slot = ((block[:, None] * p + place) * LANES + lane[:, None]).ravel()
    n_blocks = int(rack_first_block[-1])
    block_rack = np.repeat(np.arange(len(groups)), np.diff(rack_first_block))
    slot_cell = np.repeat(rack_first_group[block_rack + 1] * p - 1, p * LANES)
    slot_cell[cell_slot] = np.arange(len(cell_slot))
    group_used, cell_used = np.zeros(n_blocks * LANES), np.zeros(n_blocks * LANES * p)
    group_used[block * LANES + lane] = 1.0
    cell_used[cell_slot] = 1.0
    return {
        "rack_first_block": rack_first_block.astype(np.int64),
        "group_slot": (block * LANES + lane).astype(np.int64),
        "cell_slot": cell_slot.astype(np.int64),
        "slot_cell": slot_cell.astype(np.int64),
        "group_used": group_used,
        "cell_used": cell_used,
    }


def _near(cell_slot: Ints, n_slots: int, edge_a: Ints, edge_b: Ints, x: Ints) -> NDArray[np.uint32]:
    """Return the neighbours of every slot, in four rows: beside it (two), one row on or back."""
    near = np.tile(np.arange(n_slots, dtype=np.uint32), (4, 1))
    row = np.where(x[edge_a] != x[edge_b], 0, 2)
    near[row, cell_slot[edge_a]] = cell_slot[edge_b]
    near[row + 1, cell_slot[edge_b]] = cell_slot[edge_a]
    return near.ravel()


def _neighbours(module: Ints, x: Ints, y: Ints) -> tuple[Ints, Ints]:
    """Return the pairs of cells that are one step apart on the grid of their module."""
    width, height = int(x.max()) + 2, int(y.max()) + 2
    key = (module * height + y) * width + x
    order = np.argsort(key)
    pairs = []
    for step in (1, width):  # the next column, the next row
        at = np.searchsorted(key, key + step, sorter=order)
        found = order[np.minimum(at, len(key) - 1)]
        a = np.flatnonzero(key[found] == key + step)
        pairs.append(np.stack([a, found[a]], axis=1))
    array = np.concatenate(pairs).astype(np.int64)
    array = array[np.lexsort((array[:, 1], array[:, 0]))]
    return np.ascontiguousarray(array[:, 0]), np.ascontiguousarray(array[:, 1])
