"""Which cell is where: index maps of a site of equal racks, and neighbours within a module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from packs.spec import LayoutSpec, SizeSpec

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Index maps; cells, groups and modules are counted over the site, from 0.

    Attributes
    ----------
    n_racks, n_modules, n_groups, n_cells, cells_per_group : int
    cell_group, cell_module, cell_rack, cell_place : int64 (n_cells,)
        `cell_place` is the place of the cell in its group.
    group_module, group_rack : int64 (n_groups,)
    module_rack : int64 (n_modules,)
    rack_first_group : int64 (n_racks + 1,)
    cell_x_m, cell_y_m : float64 (n_cells,)
        Position in the module, seen from above [m].
    edge_a, edge_b : int64 (n_edges,)
        Pairs of cells one pitch apart in the same module.
    """

    n_racks: int
    n_modules: int
    n_groups: int
    n_cells: int
    cells_per_group: int
    cell_group: Ints
    cell_module: Ints
    cell_rack: Ints
    cell_place: Ints
    group_module: Ints
    group_rack: Ints
    module_rack: Ints
    rack_first_group: Ints
    cell_x_m: Floats
    cell_y_m: Floats
    edge_a: Ints
    edge_b: Ints

    def cell_index(self, rack: int, module: int, group: int, place: int) -> int:
        """Return the site index of a cell from its indices within rack, module and group."""
        return self.group_index(rack, module, group) * self.cells_per_group + place

    def group_index(self, rack: int, module: int, group: int) -> int:
        """Return the site index of a group from its indices within rack and module."""
        modules = self.n_modules // self.n_racks
        groups = self.n_groups // self.n_modules
        return (rack * modules + module) * groups + group

    def cell_name(self, cell: int) -> str:
        """Return the name shown to people, counted from 1."""
        return f"{self.group_name(int(self.cell_group[cell]))}, cell {self.cell_place[cell] + 1}"

    def group_name(self, group: int) -> str:
        """Return the name shown to people, counted from 1."""
        module = int(self.group_module[group])
        rack = int(self.group_rack[group])
        in_module = group - module * (self.n_groups // self.n_modules)
        in_rack = module - rack * (self.n_modules // self.n_racks)
        return f"rack {rack + 1}, module {in_rack + 1}, group {in_module + 1}"


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
    n_modules = size.racks * size.modules_per_rack
    n_groups = n_modules * size.groups_per_module
    p = size.cells_per_group
    cell = np.arange(n_groups * p, dtype=np.int64)
    group = np.arange(n_groups, dtype=np.int64)
    group_module = group // size.groups_per_module
    module_rack = np.arange(n_modules, dtype=np.int64) // size.modules_per_rack
    in_module = group % size.groups_per_module
    row, column = in_module // layout.columns, in_module % layout.columns
    column = np.where(row % 2 == 0, column, layout.columns - 1 - column)
    cell_group = cell // p
    x = column[cell_group]
    y = row[cell_group] * p + cell % p
    edge_a, edge_b = _neighbours(group_module[cell_group], x, y)
    return Topology(
        n_racks=size.racks,
        n_modules=n_modules,
        n_groups=n_groups,
        n_cells=len(cell),
        cells_per_group=p,
        cell_group=cell_group,
        cell_module=group_module[cell_group],
        cell_rack=module_rack[group_module[cell_group]],
        cell_place=cell % p,
        group_module=group_module,
        group_rack=module_rack[group_module],
        module_rack=module_rack,
        rack_first_group=np.arange(size.racks + 1, dtype=np.int64)
        * (size.modules_per_rack * size.groups_per_module),
        cell_x_m=np.asarray(x * layout.pitch_m, dtype=np.float64),
        cell_y_m=np.asarray(y * layout.pitch_m, dtype=np.float64),
        edge_a=edge_a,
        edge_b=edge_b,
    )


def _neighbours(module: Ints, x: Ints, y: Ints) -> tuple[Ints, Ints]:
    """Return the pairs of cells that are one step apart on the grid of their module."""
    place = {(m, i, j): k for k, (m, i, j) in enumerate(zip(module, x, y, strict=True))}
    pairs = [
        (k, place[m, i + di, j + dj])
        for (m, i, j), k in place.items()
        for di, dj in ((1, 0), (0, 1))
        if (m, i + di, j + dj) in place
    ]
    array = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(array[:, 0]), np.ascontiguousarray(array[:, 1])
