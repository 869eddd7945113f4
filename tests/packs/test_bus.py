"""What the bus asks for: demands on one source, limits that bind, statuses, and their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packs import network

NONE = (-math.inf, math.inf, -math.inf, math.inf)
EMF_V, OHM = st.floats(1.0, 1000.0), st.floats(1e-3, 10.0)


@pytest.fixture
def site(network_site):
    """A rack of three groups of two cells; nothing else on the bus."""
    made = network_site((1,), 3, 2, np.random.default_rng(1))
    made.link_bleed_S = 0.0
    return made


# --- one source ----------------------------------------------------------------------------------


@settings(max_examples=200, derandomize=True, deadline=None)
@given(emf_V=EMF_V, r_ohm=OHM, load_ohm=st.floats(0.0, 1e6))
def test_a_resistance_takes_the_current_of_its_voltage(emf_V, r_ohm, load_ohm) -> None:
    v_V, status = network.terminal(network.RESISTANCE, load_ohm, emf_V, r_ohm)
    assert status == network.SOLVED
    # The voltage divider: four roundings.
    assert v_V == pytest.approx(emf_V * load_ohm / (load_ohm + r_ohm), rel=1e-15, abs=0.0)
    assert 0.0 <= v_V <= emf_V


def test_a_dead_short_takes_all_the_source_gives_and_a_huge_resistance_nothing() -> None:
    assert network.terminal(network.RESISTANCE, 0.0, 400.0, 0.5) == (0.0, network.SOLVED)
    assert network.terminal(network.RESISTANCE, 0.0, 400.0, 0.0) == (0.0, network.SOLVED)
    v_V, _ = network.terminal(network.RESISTANCE, 1e15, 400.0, 0.5)
    assert v_V == pytest.approx(400.0, rel=1e-15)


@pytest.mark.parametrize("load_ohm", [0.0, 0.02, 5.0])
def test_a_load_on_the_bus_draws_what_its_resistance_says(site, load_ohm) -> None:
    _, emf_V, _ = site.solve(network.OPEN, 0.0)
    r_ohm = emf_V - site.solve(network.CURRENT, 1.0)[1]
    _, v_V, i_A = site.solve(network.RESISTANCE, load_ohm)
    # r is a difference of voltages of 11 V: 1e-15/0.03 of it.
    assert i_A == pytest.approx(emf_V / (load_ohm + r_ohm), rel=1e-12)
    assert v_V == pytest.approx(load_ohm * i_A, rel=1e-12, abs=1e-12)


def test_a_demand_beyond_the_greatest_power_is_a_status(site) -> None:
    emf_V = site.solve(network.OPEN, 0.0)[1]
    r_ohm = emf_V - site.solve(network.CURRENT, 1.0)[1]
    greatest_W = emf_V**2 / (4.0 * r_ohm)
    status, v_V, _ = site.solve(network.POWER, greatest_W * (1.0 - 1e-9))
    assert status == network.SOLVED
    # At the greatest power the two branches meet: half the voltage, within sqrt(1e-9).
    assert v_V == pytest.approx(0.5 * emf_V, rel=1e-4)
    status, v_V, i_A = site.solve(network.POWER, greatest_W * (1.0 + 1e-9))
    assert status == network.INFEASIBLE
    assert (v_V, i_A) == pytest.approx((emf_V, 0.0), abs=1e-12)  # left open, not clipped


@pytest.mark.parametrize("kind", [network.CURRENT, network.POWER])
def test_a_demand_on_a_dead_bus_is_a_status(site, kind) -> None:
    site.arrays.racks.switch_closed[:] = 0
    assert site.solve(kind, 5.0)[0] == network.INFEASIBLE
    assert site.solve(network.OPEN, 0.0)[:2] == (network.SOLVED, 0.0)


def test_a_state_that_is_no_number_is_a_status(site) -> None:
    site.arrays.cells.emf_V[site.top.cell_slot[3]] = math.nan
    assert site.solve(network.CURRENT, 1.0)[0] == network.NOT_FINITE


# --- limits --------------------------------------------------------------------------------------


@st.composite
def limited(draw):
    """Draw a source, the voltage that a demand alone would give, and limits that agree."""
    emf_V, r_ohm = draw(EMF_V), draw(OHM)
    swing_V = st.floats(-1.0, 1.0).map(lambda part: part * emf_V)
    v_V = emf_V + draw(swing_V)
    low_V, high_V = sorted((emf_V - abs(draw(swing_V)), emf_V + abs(draw(swing_V))))
    low_A, high_A = -abs(draw(swing_V)) / r_ohm, abs(draw(swing_V)) / r_ohm
    chosen = draw(st.tuples(*[st.booleans()] * 4))
    limits = (low_V, high_V, low_A, high_A)
    return emf_V, r_ohm, v_V, tuple(
        limit if on else none for limit, on, none in zip(limits, chosen, NONE, strict=True)
    )  # fmt: skip


@settings(max_examples=500, derandomize=True, deadline=None)
@given(case=limited())
def test_the_demand_is_followed_until_the_first_limit_binds_and_that_one_is_told(case) -> None:
    """Every limit holds; if none is in the way the demand is met; what binds is at its limit."""
    emf_V, r_ohm, v_V, limits = case
    low_V, high_V, low_A, high_A = limits
    found_V, binding = network.operating_point(v_V, emf_V, r_ohm, *limits)
    # Each limit as one of voltage, by hand: the current falls as the voltage rises.
    floors = {network.VOLTAGE_LOW: low_V, network.CURRENT_HIGH: emf_V - r_ohm * high_A}
    ceilings = {network.VOLTAGE_HIGH: high_V, network.CURRENT_LOW: emf_V - r_ohm * low_A}
    floor_V, ceiling_V = max(floors.values()), min(ceilings.values())
    assert found_V == min(max(v_V, floor_V), ceiling_V)
    if floor_V <= v_V <= ceiling_V:
        assert binding == network.FREE
    else:
        assert binding != network.FREE and {**floors, **ceilings}[binding] == found_V
    rounding_A = 4 * 2.3e-16 * (abs(emf_V) + abs(found_V)) / r_ohm
    assert low_A - rounding_A <= (emf_V - found_V) / r_ohm <= high_A + rounding_A
    assert low_V <= found_V <= high_V


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    emf_V=EMF_V, r_ohm=OHM, which=st.sampled_from([0, 1, 2, 3]), part=st.floats(0.01, 0.5),
    beyond=st.floats(1.001, 5.0),
)  # fmt: skip
def test_each_limit_binds_alone_when_the_demand_goes_beyond_it_and_not_before(
    emf_V, r_ohm, which, part, beyond
) -> None:
    down = which in (0, 3)  # the lowest voltage, or the greatest discharge
    swing_V = part * emf_V * (-1.0 if down else 1.0)
    limits = list(NONE)
    limits[which] = emf_V + swing_V if which < 2 else -swing_V / r_ohm
    codes = (
        network.VOLTAGE_LOW, network.VOLTAGE_HIGH, network.CURRENT_LOW, network.CURRENT_HIGH,
    )  # fmt: skip
    past = network.operating_point(emf_V + beyond * swing_V, emf_V, r_ohm, *limits)
    before = network.operating_point(emf_V + swing_V / beyond, emf_V, r_ohm, *limits)
    assert past[1] == codes[which]
    assert past[0] == pytest.approx(emf_V + swing_V, rel=1e-14)  # R i / R and back
    assert before == (emf_V + swing_V / beyond, network.FREE)


def test_where_limits_contradict_those_of_current_come_first() -> None:
    found = network.operating_point(400.0, 400.0, 1.0, 420.0, math.inf, -5.0, 5.0)
    assert found == (405.0, network.CURRENT_LOW)  # 420 V would charge with 20 A


def test_a_limit_that_binds_holds_in_the_solved_site_and_is_told_there(site) -> None:
    limits, bus = site.arrays.site.limits, site.arrays.site.bus
    limits[:] = (5.0, 20.0, -8.0, 15.0)
    for current_A, told, expected_A in (
        (5.0, network.FREE, 5.0), (40.0, network.CURRENT_HIGH, 15.0),
        (-40.0, network.CURRENT_LOW, -8.0),
    ):  # fmt: skip
        status, _, i_A = site.solve(network.CURRENT, current_A)
        assert (status, bus[network.BINDING]) == (network.SOLVED, told)
        # (E - v)/R with R of 30 mohm: the rounding of 11 V times 30 S.
        assert i_A == pytest.approx(expected_A, rel=0.0, abs=1e-12)
        assert site.arrays.racks.current_A[0] == pytest.approx(expected_A, rel=0.0, abs=1e-12)
    limits[:] = (9.0, 12.0, -math.inf, math.inf)
    for kind, demand, told, expected_V in (
        (network.CURRENT, 1e3, network.VOLTAGE_LOW, 9.0),
        (network.POWER, -1e5, network.VOLTAGE_HIGH, 12.0),
    ):
        assert site.solve(kind, demand)[:2] == (network.SOLVED, expected_V)
        assert bus[network.BINDING] == told
    assert site.solve(network.OPEN, 0.0)[2] == 0.0  # nothing is asked, nothing binds
    assert bus[network.BINDING] == network.FREE


# --- racks and groups that lead nowhere ----------------------------------------------------------


def test_an_open_rack_balances_inside_but_gives_nothing(network_site) -> None:
    site = network_site((2, 3), 1, 3, np.random.default_rng(2))
    site.arrays.racks.switch_closed[1] = 0
    assert site.solve(network.CURRENT, 20.0)[0] == network.SOLVED
    assert site.arrays.racks.current_A[1] == 0.0
    inside = site.arrays.cells.current_A[site.top.cell_slot][6:].reshape(3, 3)
    assert np.abs(inside).max() > 0.1  # unequal cells in parallel
    assert np.abs(inside.sum(axis=1)).max() < 1e-12  # group by group, nothing leaves


def test_open_racks_leave_the_currents_of_the_others_alone(network_site) -> None:
    """A rack that is off the bus may hold anything: not one bit of the others changes."""
    sites = [network_site((1, 1), 3, 2, np.random.default_rng(3)) for _ in range(2)]
    for site in sites:
        site.arrays.racks.switch_closed[1] = 0
    sites[1].arrays.cells.emf_V[sites[1].top.cell_slot[6:]] = 1.0
    for site in sites:
        site.solve(network.POWER, 100.0)
    first, second = (site.arrays.cells.current_A[site.top.cell_slot[:6]] for site in sites)
    assert np.array_equal(first, second)


def test_joints_approach_zero_and_infinity_without_a_jump(network_site) -> None:
    def current(joint_ohm, extra_ohm, is_open=0.0):
        site = network_site((1,), 2, 2, np.random.default_rng(4), joint_ohm=joint_ohm)
        second = site.top.cell_slot[1]
        site.arrays.cells.joint_extra_ohm[second] = extra_ohm
        site.arrays.cells.is_open[second] = is_open
        site.solve(network.CURRENT, 10.0)
        return site.arrays.cells.current_A[second], site.arrays.cells.current_A[site.top.cell_slot]

    assert current(1e-12, 0.0)[0] == pytest.approx(current(0.0, 0.0)[0], rel=1e-9)  # r is 10 mohm
    gone, opened = current(0.0, 1e15), current(0.0, 0.0, 1.0)
    assert gone[0] == pytest.approx(0.0, abs=2e-14)  # what the other cell's line rounds
    assert opened[0] == 0.0
    assert opened[1] == pytest.approx(gone[1], rel=0.0, abs=2e-14)


@pytest.mark.parametrize("n_gaps", [1, 2])
def test_a_cut_string_carries_nothing_and_its_gaps_share_what_is_missing(
    network_site, n_gaps
) -> None:
    site = network_site((2, 2), 3, 2, np.random.default_rng(5))
    for group in range(n_gaps):
        site.arrays.cells.is_open[site.cells_of(site.top.group_slot[group])] = 1.0
    site.solve(network.CURRENT, 10.0)
    bus, racks = site.arrays.site.bus, site.arrays.racks
    assert racks.current_A[0] == racks.switch_A[0] == 0.0
    v_V = site.arrays.groups.voltage_V[site.top.group_slot]
    assert v_V[:n_gaps] == pytest.approx(np.full(n_gaps, v_V[0]), rel=0.0, abs=0.0)
    assert math.fsum(v_V[:6]) == pytest.approx(bus[network.BUS_V], rel=1e-15 * 6)  # six roundings
    racks.switch_closed[0] = 0
    site.solve(network.CURRENT, 10.0)
    assert np.all(site.arrays.groups.voltage_V[site.top.group_slot[:n_gaps]] == 0.0)
