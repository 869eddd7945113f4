"""Which cell is where: index maps, names, and neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from cell_models.contract import LANES
from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology, cells_in_line

UNEQUAL = {"modules": (1, 7, 3), "groups": 11, "cells": 3}
"""Racks of 11, 77 and 33 groups: 1, 3 and 2 blocks, none of them full."""


def site(racks=1, modules=2, groups=6, cells=2, columns=3):
    """Lay out a site; `modules` of each rack, or of every one of `racks`."""
    each = modules if isinstance(modules, tuple) else (modules,) * racks
    size = SizeSpec(modules=each, groups_per_module=groups, cells_per_group=cells)
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


# --- racks of unlike length ----------------------------------------------------------------------


def test_maps_of_unequal_racks_agree_with_counting_by_hand() -> None:
    top = site(**UNEQUAL)
    cell = group = module = 0
    for rack, modules in enumerate(UNEQUAL["modules"]):
        assert (top.rack_first_module[rack], top.rack_first_group[rack]) == (module, group)
        for m in range(modules):
            assert top.module_rack[module] == rack
            for g in range(11):
                assert (top.group_module[group], top.group_rack[group]) == (module, rack)
                assert top.group_index(rack, m, g) == group
                assert top.group_name(group) == f"rack {rack + 1}, module {m + 1}, group {g + 1}"
                for place in range(3):
                    assert top.cell_index(rack, m, g, place) == cell
                    assert (top.cell_group[cell], top.cell_rack[cell]) == (group, rack)
                    cell += 1
                group += 1
            module += 1
    assert (top.n_modules, top.n_groups, top.n_cells) == (module, group, cell)
    assert (top.rack_first_module[-1], top.rack_first_group[-1]) == (module, group)


# --- slots ---------------------------------------------------------------------------------------

SHAPES = [
    {}, {"racks": 3}, {"modules": 1, "groups": 1, "cells": 1}, {"modules": 8, "groups": 4},
    {"modules": 11, "groups": 3, "cells": 4}, UNEQUAL,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_slots_are_a_permutation_of_cells_and_groups_with_spare_lanes(shape) -> None:
    top = site(**shape)
    assert top.n_group_slots == LANES * top.n_blocks
    assert top.n_cell_slots == LANES * top.n_blocks * top.cells_per_group
    for slots, used, n_slots in (
        (top.cell_slot, top.cell_used, top.n_cell_slots),
        (top.group_slot, top.group_used, top.n_group_slots),
    ):
        assert len(np.unique(slots)) == len(slots)
        assert np.array_equal(np.sort(slots), np.flatnonzero(used == 1.0))
        assert len(used) == n_slots and np.all((used == 0.0) | (used == 1.0))
    assert np.array_equal(top.slot_cell[top.cell_slot], np.arange(top.n_cells))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_slot_is_its_block_place_and_lane_and_every_rack_begins_a_block(shape) -> None:
    top = site(**shape)
    first_block = 0
    for rack in range(top.n_racks):
        assert top.rack_first_block[rack] == first_block
        groups = range(top.rack_first_group[rack], top.rack_first_group[rack + 1])
        for in_rack, group in enumerate(groups):
            block, lane = first_block + in_rack // LANES, in_rack % LANES
            assert top.group_slot[group] == block * LANES + lane
            for place in range(top.cells_per_group):
                cell = group * top.cells_per_group + place
                row = block * top.cells_per_group + place
                assert top.cell_slot[cell] == row * LANES + lane
        first_block += -(-len(groups) // LANES)
    assert top.rack_first_block[-1] == top.n_blocks == first_block


def test_spare_lanes_stand_for_the_last_cell_of_their_own_rack() -> None:
    top = site(**UNEQUAL)
    rows = np.arange(top.n_cell_slots) // (LANES * top.cells_per_group)
    rack = np.searchsorted(top.rack_first_block, rows, side="right") - 1
    last = top.rack_first_group[rack + 1] * top.cells_per_group - 1
    spare = top.cell_used == 0.0
    assert spare.any()
    assert np.array_equal(top.slot_cell[spare], last[spare])


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_by_slot_are_the_edges(shape) -> None:
    top = site(**shape)
    near = top.near.reshape(4, top.n_cell_slots).astype(np.int64)
    own = np.arange(top.n_cell_slots)
    found = sorted(
        (slot, int(other))
        for row in near
        for slot, other in zip(own.tolist(), row, strict=True)
        if other != slot
    )
    a, b = top.cell_slot[top.edge_a].tolist(), top.cell_slot[top.edge_b].tolist()
    assert found == sorted([*zip(a, b, strict=True), *zip(b, a, strict=True)])  # each way once
    assert np.all(near[:, top.cell_used == 0.0] == own[top.cell_used == 0.0])


def test_spare_lanes_stay_as_they_are_while_the_pack_works(plant) -> None:
    """A warm, shorted, balanced pack of unequal cells: no current, no heat, no rise beside it.

    Only when tables are read do they take the temperature of the first cell, which no one notices.
    """
    driven = plant(
        size__modules=(1, 2), spread__initial_soc=0.01, spread__resistance=0.03,
        table_refresh_s=1e6, alert_step_s=0.1,
    )  # fmt: skip
    top, cells, groups = driven.topology, driven.cells, driven.group_arrays
    driven.overlay.cell_short_S[top.cell_slot[2]] = 2.0
    driven.network.bleed[top.group_slot[1]] = 1
    driven.control.running[0] = 1
    driven.control.ambient_K[0], driven.control.inlet_K[0] = 310.0, 285.0
    driven.control.setpoint_W[0] = 150.0
    driven.switchgear.command(np.array([[1, 0, 1], [1, 0, 1]]), 0)
    spare, spare_groups = top.cell_used == 0.0, top.group_used == 0.0
    assert spare.any() and spare_groups.any()
    charge_As = driven.model.field(cells.lanes, "charge_As")[spare]
    v1_V = driven.model.field(cells.lanes, "v1_V")[spare]
    plate_K = driven.heat.plate_K[spare_groups]
    for tick in range(0, 30_000, 100):
        before_K = {cells.temperature_K[top.cell_slot[0]], cells.temperature_K[spare][0]}
        driven.advance(tick, tick + 100)
        after_K = set(cells.temperature_K[spare].tolist())
        assert len(after_K) == 1
        if tick >= 2000:  # the contactors have long moved: one step, at most one reading
            assert after_K <= before_K
        for name in ("current_A", "heat_W"):
            assert not getattr(cells, name)[spare].any(), name
        for name in ("voltage_V", "out_A", "link_W"):
            assert not getattr(groups, name)[spare_groups].any(), name
    assert np.ptp(cells.temperature_K[top.cell_slot]) > 0.5  # the others did something
    assert np.array_equal(driven.model.field(cells.lanes, "charge_As")[spare], charge_As)
    assert np.array_equal(driven.model.field(cells.lanes, "v1_V")[spare], v1_V)
    assert np.array_equal(driven.heat.plate_K[spare_groups], plate_K)
    assert not driven.flows.charge_As[spare_groups].any()


def test_a_line_of_cells_leads_through_the_module_and_ends_there() -> None:
    """Six groups of two in three columns, folded: groups 0 1 2, and behind them 5 4 3."""
    top = site(racks=2)
    first = top.cell_index(1, 1, 0, 0)

    def line(group, place, count, is_beside):
        start = top.cell_index(1, 1, group, place)
        return (cells_in_line(top, start, count, is_beside=is_beside) - first).tolist()

    assert line(2, 1, 1, False) == [5]
    assert line(0, 0, 4, False) == [0, 1, 10, 11]  # group 6 stands behind group 1
    assert line(0, 1, 9, True) == [1, 3, 5]  # and the module ends
    assert line(5, 0, 3, True) == [10, 8, 6]
    assert line(4, 1, 3, False) == [9]
