"""Lumped cells: like cells taken as one change nothing, unlike ones are the same pack combined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from packs.flows import FLOWS
from packs.lumping import combine, draw_cells, lay_out
from packs.spec import LumpSpec, RackSpec, SizeSpec
from packs.thermal import heat_paths

GROUPS, RACKS = LumpSpec(parallel=2, series=1), LumpSpec(parallel=2, series=3)
DIRECT = np.array([[1, 0, 1]])
ALIKE = {"thermal__coolant_flow_kg_per_s": 0.0}  # else groups cool one after the other
IN_A_ROW = {"layout__columns": 3}  # else some cells have a neighbour behind, and others none


def drive(site, seconds):
    """Run with a power that changes every second."""
    site.control.running[0] = 1
    for tick in range(0, 1000 * seconds, 100):
        site.switchgear.command(DIRECT, tick)
        site.control.setpoint_W[0] = 150.0 * np.sin(1e-3 * (tick // 1000 * 1000))
        site.advance(tick, tick + 100)
    return site


def seen(site):
    """Return what one sees of a plant by quantity, cells as the means of what stands for them."""
    top, series = site.topology, site.topology.lump.series
    cells, slots = site.cells, site.topology.cell_home
    return {
        "bus_V": site.network.bus[0],
        "rack_A": site.network.rack_current_A.copy(),
        "rack_V": site.network.rack_voltage_V.copy(),
        "group_V": site.network.group_voltage_V[top.group_home] / series,
        "cell_V": cells.voltage_V[slots] / series,
        "cell_A": cells.current_A[slots] / top.lump.parallel,
        "heat_W": cells.heat_W[slots] / top.lump.cells,
        "warmth_K": cells.temperature_K[slots] - 298.15,
        "plate_K": site.heat.plate_K[top.group_home] - 298.15,
        "flows_J": site.flows.total.copy(),
    }


@pytest.mark.parametrize(
    ("lump", "changes"), [(GROUPS, IN_A_ROW), (RACKS, ALIKE)], ids=["group", "rack"]
)
def test_lumping_cells_that_are_alike_changes_nothing(plant, lump, changes) -> None:
    """To rounding, after 600 steps: 1e-9 of the largest value of each quantity.

    Warmth is a difference of larger numbers (298 K) and keeps fewer digits.
    """
    full, lumped = (seen(drive(plant(**how, **changes), 60)) for how in ({}, {"lump": lump}))
    assert np.abs(full["rack_A"]).max() > 1.0
    assert full["warmth_K"].max() > 0.01
    for name, value in full.items():
        part = np.abs(lumped[name] - value).max() / np.abs(value).max()
        assert part <= (1e-8 if name in ("warmth_K", "plate_K") else 1e-9), name


def test_a_lumped_pack_is_the_same_individual_pack(plant) -> None:
    """Charge of every group, and conductance of its cells, are those of the cells drawn."""
    spread = {"spread__capacity": 0.02, "spread__resistance": 0.05, "spread__initial_soc": 0.01}
    full, lumped = plant(**spread), plant(lump=GROUPS, **spread)
    for name in ("charge_As", "capacity_As"):
        of_cells = full.model.field(full.cells.lanes, name)[full.topology.cell_slot]
        of_groups = lumped.model.field(lumped.cells.lanes, name)[lumped.topology.cell_slot]
        assert of_groups == pytest.approx(of_cells.reshape(-1, 2).sum(axis=1), rel=1e-14)
    factors = draw_cells(1, full.topology, full.spec)[1].reshape(-1, 2)
    together = draw_cells(1, lumped.topology, lumped.spec)[1]
    assert 1.0 / together == pytest.approx((1.0 / factors).mean(axis=1), rel=1e-14)
    racks = plant(lump=RACKS, **spread)
    whole = racks.model.field(racks.cells.lanes, "charge_As")[racks.topology.cell_slot]
    every = full.model.field(full.cells.lanes, "charge_As")[full.topology.cell_slot]
    assert whole == pytest.approx(every.sum() / 3, rel=1e-14)  # one charge for three in series


def test_full_detail_draws_what_it_always_drew() -> None:
    drawn = tuple(np.random.default_rng(3).uniform(0.9, 1.1, 6) for _ in range(3))
    assert combine(drawn, LumpSpec(parallel=1, series=1)) is drawn


def test_unequal_racks_stay_unequal_when_lumped(plant) -> None:
    other = RackSpec(rack=1, initial_soc=0.7, capacity=0.9, resistance=1.2)
    size = SizeSpec(modules=(1, 1), groups_per_module=3, cells_per_group=2)
    lumped = plant(lump=RACKS, size=size, unequal=(other,))
    at = lumped.topology.cell_slot
    charge, capacity = (
        lumped.model.field(lumped.cells.lanes, name)[at] for name in ("charge_As", "capacity_As")
    )
    assert charge / capacity == pytest.approx([0.5, 0.7])
    assert capacity[1] / capacity[0] == pytest.approx(0.9)


def test_a_slope_of_temperature_carries_the_same_heat_through_lumped_cells(pack_spec) -> None:
    """Groups one behind the other: p cells deep, a slope of 1 K per cell is p kelvin per group."""
    p, spec = 4, pack_spec.thermal
    full, lumped = heat_paths(spec), heat_paths(spec, p)
    assert lumped.behind * p == pytest.approx(full.behind)
    assert lumped.beside == pytest.approx(p * full.beside)  # p cells abreast


def test_neighbours_beside_and_behind_are_told_apart(pack_spec) -> None:
    """Six groups of two in two columns of three rows: only groups of one row stand side by side."""
    size = SizeSpec(modules=(1,), groups_per_module=6, cells_per_group=2)
    spec = replace(pack_spec, size=size, layout=replace(pack_spec.layout, columns=2))
    for lump in (LumpSpec(parallel=1, series=1), GROUPS):
        top = lay_out(spec, lump)
        near = top.near.reshape(4, -1)[:, top.cell_slot]
        x = np.zeros(top.n_cell_slots)
        x[top.cell_slot] = top.cell_x_m
        moved = x[near] != top.cell_x_m
        assert moved[:2].any() and not moved[2:].any()
        assert (near != top.cell_slot).sum() == 2 * len(top.edge_a)


def test_bleeding_groups_take_their_power_from_a_lumped_rack(plant) -> None:
    """k of n groups on R take k (U/n)**2 / R: the ledger's bleed, over 1 s at rest."""
    lumped = plant(lump=RACKS)
    lumped.topology.add_up(np.array([1, 0, 1]), lumped.network.bleed)
    lumped.advance(0, 1000)
    group_V = lumped.network.group_voltage_V[lumped.topology.group_slot[0]] / 3
    wanted_J = 2 * group_V**2 / lumped.spec.wiring.bleed_ohm * 9
    assert lumped.flows.total[FLOWS.index("bleed_J")] == pytest.approx(wanted_J, rel=1e-4)


def test_only_whole_groups_and_racks_are_lumped(pack_spec) -> None:
    for lump in (LumpSpec(parallel=3, series=1), LumpSpec(parallel=2, series=2)):
        with pytest.raises(ValueError, match="must stand for whole groups"):
            lay_out(pack_spec, lump)


def test_lumped_cells_are_named_by_what_they_stand_for(pack_spec) -> None:
    assert lay_out(pack_spec, GROUPS).cell_name(2) == "rack 1, module 1, group 3"
    racks = lay_out(pack_spec, RACKS)
    assert (racks.cell_name(0), racks.group_name(0)) == ("rack 1", "rack 1")
