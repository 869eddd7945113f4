"""Which cell is where: index maps, names, and neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology


def site(racks=1, modules=2, groups=6, cells=2, columns=3):
    size = SizeSpec(
        racks=racks, modules_per_rack=modules, groups_per_module=groups, cells_per_group=cells
    )
    return build_topology(size, LayoutSpec(columns=columns, pitch_m=0.02))


@pytest.mark.parametrize("racks", [1, 3])
def test_maps_agree_with_counting_by_hand(racks) -> None:
    top = site(racks=racks)
    assert (top.n_racks, top.n_modules) == (racks, 2 * racks)
    assert (top.n_groups, top.n_cells) == (12 * racks, 24 * racks)
    cell = group = module = 0
    for rack in range(racks):
        assert top.rack_first_group[rack] == group
        for m in range(2):
            assert top.module_rack[module] == rack
            for g in range(6):
                assert (top.group_module[group], top.group_rack[group]) == (module, rack)
                assert top.group_index(rack, m, g) == group
                for place in range(2):
                    assert top.cell_index(rack, m, g, place) == cell
                    assert top.cell_group[cell] == group
                    assert (top.cell_module[cell], top.cell_rack[cell]) == (module, rack)
                    assert top.cell_place[cell] == place
                    cell += 1
                group += 1
            module += 1
    assert top.rack_first_group[-1] == group


@pytest.mark.parametrize("racks", [1, 3])
def test_names_count_from_one_and_are_unique(racks) -> None:
    top = site(racks=racks)
    names = [top.cell_name(k) for k in range(top.n_cells)]
    assert names[0] == "rack 1, module 1, group 1, cell 1"
    assert names[-1] == f"rack {racks}, module 2, group 6, cell 2"
    assert len(set(names)) == top.n_cells
    assert top.group_name(6) == "rack 1, module 2, group 1"


@pytest.mark.parametrize(("racks", "cells", "columns"), [(1, 2, 3), (3, 1, 4), (1, 3, 1)])
def test_neighbours_are_the_pairs_one_pitch_apart_in_a_module(racks, cells, columns) -> None:
    top = site(racks=racks, cells=cells, columns=columns)
    found = {frozenset(pair) for pair in zip(top.edge_a.tolist(), top.edge_b.tolist(), strict=True)}
    assert len(found) == len(top.edge_a)  # each pair once: what one loses the other gains
    expected = set()
    for a in range(top.n_cells):
        for b in range(a):
            distance_m = np.hypot(
                top.cell_x_m[a] - top.cell_x_m[b], top.cell_y_m[a] - top.cell_y_m[b]
            )
            if top.cell_module[a] == top.cell_module[b] and distance_m < 1.001 * 0.02:
                expected.add(frozenset((a, b)))
    assert found == expected
    touching = np.bincount(np.concatenate((top.edge_a, top.edge_b)), minlength=top.n_cells)
    assert touching.max() <= 4  # what the thermal step's stability bound counts on


def test_no_two_cells_of_a_module_share_a_place() -> None:
    top = site(racks=3, groups=7, cells=3, columns=4)  # the last row is not full
    places = {
        (m, round(x, 6), round(y, 6))
        for m, x, y in zip(top.cell_module, top.cell_x_m, top.cell_y_m, strict=True)
    }
    assert len(places) == top.n_cells


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_groups_in_series_are_neighbours_also_where_the_row_folds(cells) -> None:
    top = site(cells=cells, columns=3)
    touching = {
        (int(top.cell_group[a]), int(top.cell_group[b]))
        for a, b in zip(top.edge_a, top.edge_b, strict=True)
    }
    for group in range(5):
        assert (group, group + 1) in touching or (group + 1, group) in touching


def test_a_single_cell_has_no_neighbour() -> None:
    top = site(modules=1, groups=1, cells=1, columns=1)
    assert len(top.edge_a) == len(top.edge_b) == 0
