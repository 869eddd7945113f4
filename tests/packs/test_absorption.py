"""What a cell throws out: who is struck, and that every joule goes to one place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cell_models.gases import T0_K
from cell_models.vent import JET_K
from packs.absorption import JetSpec, absorption, given_absorption, throw_stage
from packs.barriers import screened
from packs.heat_spec import BarrierSpec
from packs.spec import LayoutSpec, SizeSpec
from packs.topology import build_topology

D, PITCH = 0.018, 0.020
ASIDE = JetSpec(direction="sideways", diameter_m=D, lid_gap_m=0.0, absorbed=1.0)
UP = JetSpec(direction="up", diameter_m=D, lid_gap_m=0.010, absorbed=1.0)


def module(groups: int, cells: int, columns: int, modules: tuple[int, ...] = (1,)):
    size = SizeSpec(modules=modules, groups_per_module=groups, cells_per_group=cells)
    return build_topology(size, LayoutSpec(columns=columns, pitch_m=PITCH))


def rows(topology, jet) -> np.ndarray:
    """Return the matrix, dense and by cell."""
    found = absorption(topology, jet)
    dense = np.zeros((topology.n_cell_slots, topology.n_cell_slots))
    source = np.repeat(np.arange(topology.n_cell_slots), np.diff(found.first))
    dense[source, found.target] = found.share
    return dense[np.ix_(topology.cell_slot, topology.cell_slot)]


def test_a_lone_neighbour_gets_the_angle_under_which_it_is_seen() -> None:
    dense = rows(module(2, 1, 2), ASIDE)
    seen = 2.0 * math.asin(0.5 * D / PITCH) / (2.0 * math.pi)
    assert dense[0, 1] == pytest.approx(seen, abs=2.0 / 1440)  # a ray at each edge
    assert dense[0, 0] == 0.0
    assert dense == pytest.approx(dense.T)


def test_what_stands_first_in_the_way_hides_what_is_behind() -> None:
    dense = rows(module(3, 1, 3), ASIDE)
    assert dense[0, 1] > 0.0
    assert dense[0, 2] == 0.0


def test_rows_never_exceed_one_and_are_symmetric_in_the_middle_of_a_grid() -> None:
    top = module(5, 5, 5)
    for jet in (ASIDE, UP):
        dense = rows(top, jet)
        assert (dense.sum(axis=1) <= 1.0 + 1e-12).all()
        middle = dense[top.cell_index(0, 0, 2, 2)].reshape(5, 5)
        assert middle == pytest.approx(middle[::-1], abs=0.02)  # a ring or a ray more or less
        assert middle[1, 2] > middle[1, 1]  # a nearer cell gets more
        assert dense[0].sum() < dense.sum(axis=1)[top.cell_index(0, 0, 2, 2)]  # a corner is open
    half = rows(top, replace(UP, absorbed=0.5))
    assert half == pytest.approx(0.5 * rows(top, UP))


def test_a_cells_own_top_gets_its_solid_angle_from_the_mirror_image() -> None:
    dense = rows(module(2, 1, 2), UP)
    g = UP.lid_gap_m
    own = 1.0 - 2.0 * g / math.sqrt(4.0 * g * g + 0.25 * D * D)
    assert dense[0, 0] == pytest.approx(own, abs=1.0 / 64)  # a ring


def test_all_modules_are_alike_and_nothing_crosses_from_one_to_the_next() -> None:
    top = module(4, 2, 2, modules=(2, 1))
    dense = rows(top, UP)
    for m in range(3):
        assert np.array_equal(dense[8 * m : 8 * m + 8, 8 * m : 8 * m + 8], dense[:8, :8])
    assert dense.sum() == pytest.approx(3.0 * dense[:8, :8].sum())


def test_every_joule_is_booked_once() -> None:
    top = module(6, 4, 3)
    matrix = absorption(top, ASIDE)
    rng = np.random.default_rng(1)
    n = top.n_cell_slots
    ejected = np.where(rng.random(n) < 0.3, rng.uniform(0.0, 5e4, n), 0.0) * top.cell_used
    caught, to_gas = np.full(n, 7.0), np.full(n, 7.0)
    throw_stage(
        ejected, np.full(n, T0_K), matrix.first, matrix.target, matrix.share, caught, to_gas
    )
    assert caught.sum() + to_gas.sum() == pytest.approx(ejected.sum(), rel=1e-14)
    assert caught.min() >= 0.0
    assert to_gas.min() >= 0.0
    assert not caught[top.cell_used == 0.0].any()


def test_given_shares_are_taken_and_a_full_row_leaves_the_gas_nothing() -> None:
    top = module(2, 2, 2)
    matrix = given_absorption(top, [(0, 1, 0.25), (0, 2, 0.75), (3, 0, 0.1)])
    ejected, n = np.zeros(top.n_cell_slots), top.n_cell_slots
    ejected[top.cell_slot[[0, 3]]] = 1000.0, 10.0
    caught, to_gas = np.zeros(n), np.zeros(n)
    throw_stage(
        ejected, np.full(n, T0_K), matrix.first, matrix.target, matrix.share, caught, to_gas
    )
    assert caught[top.cell_slot] == pytest.approx([1.0, 250.0, 750.0, 0.0])
    assert to_gas[top.cell_slot] == pytest.approx([0.0, 0.0, 0.0, 9.0], abs=1e-12)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([(0, 1, 0.7), (0, 2, 0.4)], "from cell 1 add up to 1.1; expected at most 1"),
        ([(0, 4, 0.1)], "no cell 5 in a module of 4"),
        ([(0, 1, 0.1), (0, 1, 0.1)], "given twice"),
        ([(0, 1, -0.1)], "not 0 to 1"),
    ],
)
def test_wrong_shares_are_refused(shares, said) -> None:
    with pytest.raises(ValueError, match=said):
        given_absorption(module(2, 2, 2), shares)


def test_a_hot_cell_catches_less_and_one_as_hot_as_the_jet_nothing() -> None:
    top = module(2, 2, 2)
    matrix = given_absorption(top, [(0, 1, 0.5), (0, 2, 0.25), (0, 3, 0.25)])
    n = top.n_cell_slots
    ejected, caught, to_gas, T = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, T0_K)
    ejected[top.cell_slot[0]] = 1000.0
    T[top.cell_slot[[1, 2, 3]]] = 0.5 * (T0_K + JET_K), JET_K + 100.0, T0_K - 30.0
    throw_stage(ejected, T, matrix.first, matrix.target, matrix.share, caught, to_gas)
    assert caught[top.cell_slot] == pytest.approx([0.0, 250.0, 0.0, 250.0])
    assert to_gas[top.cell_slot[0]] == pytest.approx(500.0)


def test_less_than_a_jet_hits_no_cell_and_goes_to_the_gas_whole() -> None:
    top = module(2, 2, 2)
    matrix = given_absorption(top, [(0, 1, 0.5), (3, 2, 0.5)])
    n = top.n_cell_slots
    ejected, caught, to_gas, T = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, T0_K)
    ejected[top.cell_slot[[0, 3]]] = 0.9, 1.1
    throw_stage(ejected, T, matrix.first, matrix.target, matrix.share, caught, to_gas, 1.0)
    assert caught[top.cell_slot] == pytest.approx([0.0, 0.0, 0.55, 0.0])
    assert to_gas[top.cell_slot] == pytest.approx([0.9, 0.0, 0.0, 0.55])


@pytest.mark.parametrize("between", ["cells", "groups", "columns"])
def test_sheets_stop_jets_that_fly_sideways_and_none_that_fly_over_them(between) -> None:
    top = module(6, 3, 3)
    bare, over = absorption(top, ASIDE), absorption(top, UP)
    rooms = screened(top, (BarrierSpec(between=between, W_per_K=0.02, name="sheet"),))
    inside = absorption(top, ASIDE, rooms)
    source = np.repeat(np.arange(top.n_cell_slots), np.diff(bare.first))
    room = rooms[top.slot_cell]
    kept = (room[source] == room[bare.target]).sum()
    assert len(inside.share) == kept < len(bare.share)
    assert (kept == 0) == (between == "cells")
    assert len(absorption(top, UP, rooms).share) == len(over.share)
