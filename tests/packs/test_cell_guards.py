"""Devices of single cells: melting curve, neighbours that feed a short, interrupt devices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.cell_guards import OVERCHARGED, OVERHEATED, WHOLE, cid_opens
from packs.spec import CellFuseSpec, CidSpec
from packs.switchgear import IDLE_TICK

FUSE = CellFuseSpec(rating_A=10.0, least_A=15.0, melting_A2s=500.0)
TAU_S = FUSE.melting_A2s / FUSE.least_A**2
CID = CidSpec(overcharge=1.15, temperature_K=393.15)
SHORT_S = 20.0  # 0.05 ohm
DIRECT = np.array([[1, 0, 1]])


def melting_s(current_A, heat=0.0):
    """Return when a fuse melts at constant current: ``tau ln((r^2 - x) / (r^2 - 1))``."""
    end = (current_A / FUSE.least_A) ** 2
    return TAU_S * math.log((end - heat) / (end - 1.0))


def parallel(plant, groups, **changes):
    """Return groups of eight cells, with fuses if nothing else is said."""
    return plant(
        size__modules=(1,), size__groups_per_module=groups, size__cells_per_group=8,
        **{"cell_fuse": FUSE, **changes},
    )  # fmt: skip


def through_joints_A(site):
    """Return what every cell sends into its group, by cell."""
    at, cells = site.topology.cell_slot, site.cells
    return (cells.current_A - site.overlay.cell_short_S * cells.voltage_V)[at]


def short(site, cell, tick):
    site.overlay.cell_short_S[site.topology.cell_slot[cell]] = SHORT_S
    site.alert(tick)


# --- the fuse alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("times_rated", [2, -2, 5, 20])
@pytest.mark.parametrize("step_s", [0.0003, 0.001, 0.01, 0.1, 1.0])
def test_cell_fuse_melts_in_the_step_that_holds_the_time_of_its_curve(
    plant, times_rated, step_s
) -> None:
    """Exactly, whatever the step; and the step before has told when it will."""
    site = plant(cell_fuse=FUSE)
    slot = site.topology.cell_slot[3]
    site.cells.current_A[slot] = times_rated * FUSE.rating_A
    exact_s = melting_s(times_rated * FUSE.rating_A)
    due = math.ceil(exact_s / step_s)
    for k in range(1, due + 1):
        site.control.melts_at[0] = IDLE_TICK
        site.guards.watch(0, step_s)
        assert (site.cells.is_broken[slot] == 1.0) == (k == due), k
        if k < due:
            left_s = exact_s - k * step_s
            # The heat is rounded at 1e-14 of up to 178 each step; ticks are whole.
            assert site.control.melts_at[0] in (
                math.ceil(1000.0 * left_s - 1e-6), math.ceil(1000.0 * left_s + 1e-6),
            )  # fmt: skip
    assert site.control.melts_at[0] == IDLE_TICK
    others = np.delete(site.topology.cell_slot, 3)
    assert not site.cells.is_broken[others].any()
    (told,) = site.notices
    assert (told.code, told.scope, told.component) == ("cell_fuse_blown", "cell", 3)
    assert (told.value, told.limit) == (times_rated * FUSE.rating_A, FUSE.rating_A)


def test_below_its_least_melting_current_a_cell_fuse_carries_a_day(plant) -> None:
    site = plant(cell_fuse=FUSE)
    slot = site.topology.cell_slot[0]
    site.cells.current_A[slot] = 0.999 * FUSE.least_A
    for _ in range(86_400):
        site.guards.watch(0, 1.0)
    assert site.state.view("guards").fuse_heat[slot] == pytest.approx(0.999**2, rel=1e-12)
    assert not site.notices


# --- in a plant ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step_ms", [10, 100, 1000])
@pytest.mark.parametrize("is_staged", [False, True])
def test_a_plant_step_ends_where_a_cell_fuse_melts(
    plant, make_linear_cell, step_ms, is_staged
) -> None:
    """Seven stiff cells feed a short at constant current: the tick of the curve at any step.

    It melts after the short steps of the alert are over.
    """
    site = parallel(
        plant, 1, params=make_linear_cell(ocv_V=3.7, ocv_slope_V=1e-6, r0_ohm=0.02),
        cell_fuse=CellFuseSpec(rating_A=10.0, least_A=15.0, melting_A2s=12_000.0),
    )  # fmt: skip
    if is_staged:
        site.compiled = None
    short(site, 2, 0)
    site.advance(0, 1, 1)
    current_A = -through_joints_A(site)[2]
    for tick in range(0, 10_000, step_ms):
        site.advance(max(tick, 1), tick + step_ms, step_ms)
    (told,) = site.notices
    # The cell's own charge feeds its short too, so the current creeps by the OCV's 1e-6 V.
    exact_s = -12_000.0 / 225.0 * math.log1p(-((15.0 / current_A) ** 2))
    assert exact_s > 2.0
    assert told.tick in (math.ceil(exact_s * 1000.0), math.ceil(exact_s * 1000.0) + 1)


@pytest.mark.parametrize("groups", [1, 12])
def test_neighbours_feed_a_short_until_the_fuse_of_the_failing_cell_opens(plant, groups) -> None:
    site = parallel(plant, groups)
    at, start_As = site.topology.cell_slot, charges_As(site)
    site.advance(0, 1000, 100)
    short(site, 3, 1000)
    site.advance(1000, 1001, 1)
    own_A, fed_A = through_joints_A(site)[3], np.delete(through_joints_A(site)[:8], 3)
    leak_A = site.network.rack_voltage_V[0] / 2e7  # through the insulation of both poles
    assert own_A == pytest.approx(leak_A - fed_A.sum(), abs=1e-11)
    assert own_A < -50.0
    assert 5.0 < fed_A.min() < fed_A.max() < FUSE.rating_A
    site.advance(1001, 20_000, 100)
    (told,) = (n for n in site.notices if n.code != "table_range")  # it heats itself beyond them
    assert (told.code, told.component) == ("cell_fuse_blown", 3)
    assert told.tick == pytest.approx(1000 + 1000 * melting_s(own_A), abs=2)
    branch_A = through_joints_A(site)
    assert branch_A[3] == 0.0
    assert np.abs(branch_A).max() < 1e-3
    # The short goes on inside the cell, which feeds it alone.
    assert site.cells.current_A[at[3]] == SHORT_S * site.cells.voltage_V[at[3]] > 30.0
    # What left the groups by the network's currents is what left the cells: the short included.
    out_As = site.flows.charge_As[site.topology.group_slot].sum()
    lost_As = (start_As - charges_As(site)).sum()
    assert out_As > 500.0
    assert lost_As == pytest.approx(out_As, rel=1e-12)


def charges_As(site):
    """Return the charge of every cell, both words of it."""
    lanes, slots = site.cells.lanes, site.topology.cell_slot
    return (site.model.field(lanes, "charge_As") + site.model.field(lanes, "charge_low_As"))[slots]


def test_a_fuse_keeps_its_heat_over_a_restore(plant) -> None:
    """Half-way through melting the state moves to a fresh plant: it melts at the same tick."""
    first = parallel(plant, 1)
    short(first, 3, 0)
    first.advance(0, 100, 50)
    heat = first.state.view("guards").fuse_heat[first.topology.cell_slot[3]]
    assert 0.3 < heat < 0.9
    fresh = parallel(plant, 1, seed=9)
    assert fresh.state.restore(first.state.snapshot()) == []
    for site in (first, fresh):
        site.advance(100, 2000, 50)
    assert [n.code for n in first.notices] == ["cell_fuse_blown"]
    assert first.notices == fresh.notices
    assert first.state.floats.tobytes() == fresh.state.floats.tobytes()
    assert first.state.ints.tobytes() == fresh.state.ints.tobytes()
    again = parallel(plant, 1)
    again.state.restore(first.state.snapshot())
    again.advance(2000, 3000, 100)
    assert through_joints_A(again)[3] == 0.0
    assert again.notices == []


def test_when_all_fuses_of_a_group_blow_its_string_is_cut(plant) -> None:
    """The load melts one after the other: each that opens leaves more to the rest."""
    site = plant(
        cell_fuse=CellFuseSpec(rating_A=3.0, least_A=5.0, melting_A2s=20.0),
        wiring__contactor_delay_s=0.0, wiring__link_bleed_ohm=0.5,
    )  # fmt: skip
    site.network.bus[0] = site.network.rack_voltage_V.mean()
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 20_000, 100)
    codes = [n.code for n in site.notices]
    assert codes.count("cell_fuse_blown") >= 2
    assert "string_cut" in codes
    (told,) = [n for n in site.notices if n.code == "string_cut"]
    dead = np.flatnonzero(site.group_arrays.r_ohm[site.topology.group_slot] == 0.0).tolist()
    assert told.scope == "group" and [told.component, *told.more] == dead
    assert site.network.rack_current_A[0] == 0.0


def test_devices_that_do_not_act_change_no_bit(plant) -> None:
    """Everything that both plants remember is equal; only the heat of fuses is more."""
    sizes = {"size__cells_per_group": 7, "spread__capacity": 0.02}
    bare, fitted = plant(**sizes), plant(**sizes, cell_fuse=FUSE, cid=CID)
    for site in (bare, fitted):
        site.switchgear.command(DIRECT, 0)
        site.control.running[0], site.control.setpoint_W[0] = 1, 60.0
        site.advance(0, 30_000, 100)
    kept = fitted.state.snapshot()
    assert set(kept) - set(bare.state.snapshot()) == {"guards.fuse_heat"}
    for name, mine in bare.state.snapshot().items():
        np.testing.assert_array_equal(mine, kept[name], err_msg=name)


# --- interrupt devices ---------------------------------------------------------------------------


def test_a_cid_opens_at_its_limits_and_not_below() -> None:
    limits = 1.15, 393.15
    assert cid_opens(1.1499, 393.14, *limits) == WHOLE
    assert cid_opens(1.15, 300.0, *limits) == OVERCHARGED
    assert cid_opens(0.5, 393.15, *limits) == OVERHEATED


@pytest.mark.parametrize("is_staged", [False, True])
def test_a_cid_opens_in_the_step_in_which_overcharge_reaches_its_limit(plant, is_staged) -> None:
    """Charged at constant power from full; the cell with the least capacity is the first."""
    limit = 1.01
    site = plant(
        initial_soc=0.999, spread__capacity=0.02, wiring__contactor_delay_s=0.0,
        cid=CidSpec(overcharge=limit, temperature_K=393.15),
    )  # fmt: skip
    site.cell_voltage_max_V = 6.0  # a PCS that trips at no voltage
    if is_staged:
        site.compiled = None
    site.network.bus[0] = site.network.rack_voltage_V.mean()
    site.switchgear.command(DIRECT, 0)
    site.control.running[0], site.control.setpoint_W[0] = 1, -60.0
    for tick in range(0, 300_000, 100):
        site.advance(tick, tick + 100, 100)
        if site.notices:
            break
    told = site.notices[0]
    assert (told.code, told.limit) == ("cid_opened_overcharge", limit)
    slot = site.topology.cell_slot[told.component]
    capacity_As = site.model.field(site.cells.lanes, "capacity_As")[site.topology.cell_slot]
    soc = charges_As(site) / capacity_As
    assert site.cells.is_broken[slot] == 1.0
    assert told.value == soc.max() == soc[told.component]
    step_soc = 0.1 * np.abs(through_joints_A(site)).max() / 17_000.0
    assert limit <= told.value < limit + step_soc
    site.advance(tick + 100, tick + 10_100, 100)
    assert through_joints_A(site)[told.component] == 0.0


def test_a_cid_opens_a_cell_that_is_too_hot_and_leaves_its_neighbour(plant) -> None:
    site = plant(cid=CID)
    slot = site.topology.cell_slot[2]
    site.cells.temperature_K[slot] = 400.0
    site.advance(0, 100, 100)
    told = [n for n in site.notices if n.code.startswith("cid")]
    assert [(n.code, n.component, n.limit) for n in told] == [
        ("cid_opened_temperature", 2, CID.temperature_K)
    ]
    assert told[0].value > 395.0
    used = site.topology.cell_used == 1.0
    assert np.flatnonzero(site.cells.is_broken * used).tolist() == [slot]


def test_spare_lanes_never_open(plant) -> None:
    """They repeat the last cell, which opens; they are no cells."""
    site = plant(cid=CID, cell_fuse=FUSE)
    site.cells.temperature_K[:] = 400.0
    site.guards.watch(0, 0.1)
    assert sorted(n.component for n in site.notices) == list(range(site.topology.n_cells))
