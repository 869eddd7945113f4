"""The plant as a whole: rest, determinism, copies, neutral overlay, and what a step may change."""

from __future__ import annotations

import numpy as np
import pytest

from cell_models.contract import LANES

DIRECT = np.array([[1, 0, 1]])
SPREAD = {"spread__capacity": 0.01, "spread__resistance": 0.03, "spread__initial_soc": 0.01}

SOUND = {"wiring__insulation_ohm": 1e15}  # whose own leak is below all rounding


def drive(site, first, last, step_ticks=100):
    """Run from one tick to another with a power that changes every second."""
    site.control.running[0] = 1
    for tick in range(first, last, step_ticks):
        site.switchgear.command(DIRECT, tick)
        site.control.setpoint_W[0] = 150.0 * np.sin(1e-3 * (tick // 1000 * 1000))
        site.advance(tick, tick + step_ticks)
    return site


def bits(site):
    return site.state.floats.tobytes(), site.state.ints.tobytes()


def test_at_rest_nothing_moves_but_cells_in_parallel_equalise(plant) -> None:
    still = plant(**SOUND)
    names = ("charge_As", "v1_V", "v2_V", "hysteresis")
    before = [still.model.field(still.cells.lanes, name) for name in names]
    still.advance(0, 1000)
    # Equal cells: what flows is the rounding of E - v in a group, on 30 S.
    assert np.abs(still.cells.current_A).max() < 1e-12
    assert still.network.switch_A[0] == 0.0
    # What is left is the insulation: two poles of 2e15 ohm each, in series across 11 V.
    leak_A = still.network.rack_voltage_V[0] / 4e15
    assert still.network.rack_current_A[0] == pytest.approx(leak_A, rel=1e-9)
    for name, value in zip(names, before, strict=True):
        assert np.abs(still.model.field(still.cells.lanes, name) - value).max() < 1e-12
    assert np.ptp(still.cells.temperature_K) < 1e-12
    unequal = plant(spread__initial_soc=0.01, **SOUND)
    unequal.advance(0, 1000)
    current_A = unequal.cells.current_A[unequal.topology.cell_slot].reshape(3, 2)
    assert np.abs(current_A).max() > 0.01
    assert np.abs(current_A.sum(axis=1)).max() < 1e-12


def test_the_same_seed_gives_the_same_bits_and_another_does_not(plant) -> None:
    one, two = (drive(plant(**SPREAD), 0, 20_000) for _ in range(2))
    assert bits(one) == bits(two)
    assert bits(drive(plant(seed=2, **SPREAD), 0, 20_000)) != bits(one)


def test_a_restored_plant_goes_on_bit_for_bit(plant) -> None:
    """All that survives a step is in the state: a fresh plant takes it over and repeats."""
    first = drive(plant(**SPREAD), 0, 10_000)
    snapshot = first.state.snapshot()
    drive(first, 10_000, 20_000)
    fresh = plant(seed=99, **SPREAD)
    assert fresh.state.restore(snapshot) == []
    drive(fresh, 10_000, 20_000)
    assert bits(fresh) == bits(first)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cell_short_S", 2.0),
        ("joint_extra_ohm", 0.05),
        ("cell_open", 1.0),
        ("group_short_S", 1.0),
        ("link_extra_ohm", 0.05),
        ("rack_short_S", 1.0),
        ("leak_S", 1e-6),
        ("bus_short_S", 1.0),
        ("coolant_fraction", 0.0),
        ("fuse_open", 1),
        ("contactor_stuck", 1),
        ("feedback", 1),
    ],
)
def test_each_injectable_point_acts_and_its_neutral_value_is_no_fault_at_all(
    plant, field, value
) -> None:
    healthy, sick, neutral = (plant(**SPREAD) for _ in range(3))
    array, top = getattr(sick.overlay, field), sick.topology
    last = {top.n_cell_slots: top.cell_slot[-1], top.n_group_slots: top.group_slot[-1]}
    array.flat[last.get(array.size, -1)] = value
    same = getattr(neutral.overlay, field)
    same[...] = same.copy()
    for site in (healthy, sick, neutral):
        site.control.inlet_K[0] = 290.0
        drive(site, 0, 5000)
    array[...] = same
    assert bits(neutral) == bits(healthy)
    assert bits(sick) != bits(healthy)


def test_a_short_draws_its_current_from_its_cell_and_warms_it(plant) -> None:
    """0.5 ohm at 3.7 V: seven amperes, and the heat of it at that cell."""
    site = plant()
    at, group_at = site.topology.cell_slot, site.topology.group_slot
    site.overlay.cell_short_S[at[2]] = 2.0
    drive(site, 0, 60_000)
    short_A = 2.0 * site.cells.voltage_V[at[2]]
    # What its group gives to the string, less what its sibling brings, comes through its joint.
    through_joint_A = site.network.rack_current_A[0] - site.cells.current_A[at[3]]
    inside = site.cells.current_A[at[2]] - through_joint_A
    assert inside == pytest.approx(short_A, rel=1e-12)
    warm = site.cells.temperature_K[at]
    assert np.argmax(warm) == 2 and warm[2] > warm[4] + 5.0
    group_V = site.network.group_voltage_V[group_at]
    assert group_V[1] < group_V[[0, 2]].min()


def test_a_balancing_resistor_draws_its_current_from_its_group_alone(plant) -> None:
    site = plant(**SOUND)
    second = site.topology.group_slot[1]
    site.network.bleed[second] = 1
    site.advance(0, 1000)
    current_A = site.cells.current_A[site.topology.cell_slot].reshape(3, 2).sum(axis=1)
    # Conductances of 60 S times the rounding of 3.7 V.
    expected = site.network.group_voltage_V[second] / 33.0
    assert current_A == pytest.approx([0.0, expected, 0.0], rel=0.0, abs=1e-12)


def test_a_step_that_is_cut_at_any_tick_conserves_charge_alike(plant) -> None:
    """Cutting steps changes accuracy, not the charge that a given current moves."""
    for step_ticks in (1000, 250, 70):
        site = plant(wiring__contactor_delay_s=0.033)
        drive(site, 0, 7000, step_ticks)
        model, lanes = site.model, site.cells.lanes
        charge_As = model.field(lanes, "charge_As") + model.field(lanes, "charge_low_As")
        moved_As = (site.flows.charge_As + site.flows.charge_low_As)[site.topology.group_slot]
        lost_As = 0.5 * model.params.capacity_As - charge_As[site.topology.cell_slot]
        lost_As = lost_As.reshape(3, 2).sum(axis=1)
        # Two cells' half-ulps of 9,000 A s, and rounding of the network's currents: 60 S times that
        # of 3.7 V is 3e-14 A a step of 1 s at most, over 7 s.
        assert lost_As == pytest.approx(moved_As, rel=0.0, abs=4 * 0.91e-12 + 7 * 3e-14)
        assert np.all(moved_As > 0.1)


def test_tables_are_read_at_once_on_an_alert_and_else_when_due(plant) -> None:
    site = drive(plant(table_refresh_s=5.0, alert_step_s=0.1), 0, 7000)

    def read_at():
        return site.model.field(site.cells.lanes, "soc_ref")[site.topology.cell_slot]

    drive(site, 7000, 12_000)
    before = read_at()
    drive(site, 12_000, 13_000)
    assert np.array_equal(read_at(), before)  # read at 11 s or so, next at 16 s
    site.alert(13_000)
    drive(site, 13_000, 13_100)
    assert not np.any(read_at() == before)


def test_tables_out_of_range_are_told(plant) -> None:
    site = plant(initial_temperature_K=210.0)
    site.advance(0, 1000)
    assert [notice.code for notice in site.notices] == ["table_range"]


def test_a_pack_that_has_warmed_into_its_tables_is_no_longer_told(plant) -> None:
    """Lanes that only pad a block follow the first cell, not the temperature of the start."""
    site = plant(initial_temperature_K=210.0)
    site.cells.temperature_K[site.topology.cell_slot] = 300.0
    site.advance(0, 1000)
    assert site.notices == []


def test_a_state_that_is_no_number_names_a_cell_of_its_group(plant) -> None:
    """All others are lost in the same step, by the currents; it is named all the same."""
    site = plant()
    third = site.topology.cell_slot[3]  # of group 2, place 2: in the second block of lanes
    block, lane = divmod(int(third), LANES)
    site.cells.lanes[block * site.model.n_fields * LANES + lane] = np.nan  # its charge
    site.advance(0, 100)
    assert ("not_finite", 3) in [(n.code, n.component) for n in site.notices]
    assert all(n.component == 3 for n in site.notices if n.code == "not_finite")
