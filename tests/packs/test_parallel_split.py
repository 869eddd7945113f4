"""Cells in parallel: exact end-of-step algebra, the differential equation behind it, no ringing.

Two cells with linear OCV and no RC pair obey one linear equation for the difference of their
states of charge, D' = -D/tau + ..., with tau = (R1 + R2)/(OCV' (1/Q1 + 1/Q2)). The end-of-step
solution is its implicit Euler step, so both the discrete and the continuous answer are known.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cell_models.ecm_model import EcmModel
from packs import network
from packs.currents import bus_stage, reduce_stage, spread_stage
from packs.groups import prepare_groups
from packs.spec import SizeSpec

Q_As, R_OHM, SLOPE_V, T_K = 18_000.0, 0.03, 1.2, 298.15


class Group:
    """One group of cells in parallel, held at a group current, without any wiring."""

    def __init__(
        self, arrays, params, soc, *, step_s, capacity=None, resistance=None, joint_ohm=0.0
    ):
        self.n, self.step_s, ones = len(soc), step_s, np.ones(len(soc))
        size = SizeSpec(modules=(1,), groups_per_module=1, cells_per_group=self.n)
        self.arrays = arrays(size, joint_ohm=joint_ohm)
        self.at = self.arrays.top.cell_slot
        self.model = EcmModel(params, self.arrays.top.n_cell_slots)
        self.lanes = np.zeros(self.model.buffer_size)
        self.temperature_K = np.full(self.arrays.top.n_cell_slots, T_K)
        each = self.arrays.top.slot_cell
        capacity = ones if capacity is None else np.asarray(capacity)
        resistance = ones if resistance is None else np.asarray(resistance)
        self.model.init(
            self.lanes, np.asarray(soc)[each], capacity[each], resistance[each],
            self.temperature_K, step_s,
        )  # fmt: skip

    def step(self, current_A):
        """Do one step; return the cells' currents."""
        whole, cells = self.arrays, self.arrays.cells
        arguments = self.lanes, self.temperature_K, self.step_s
        self.model.port(*arguments, cells.current_A, cells.emf_V, cells.r_ohm)
        prepare_groups(whole.wire, whole.cells, whole.groups)
        reduce_stage(whole.wire, whole.arena)
        status = bus_stage(network.CURRENT, float(current_A), 0.0, 0.0, 0.0, 0.0, whole.arena)
        spread_stage(0.0, whole.wire, whole.arena)
        assert status == network.SOLVED
        self.model.advance(*arguments, cells.current_A, cells.voltage_V, cells.heat_W)
        return cells.current_A[self.at].copy()

    def field(self, name):
        """Return one field of every cell."""
        return self.model.field(self.lanes, name)[self.at]

    @property
    def voltage_V(self):
        """Terminal voltage of every cell."""
        return self.arrays.cells.voltage_V[self.at]

    @property
    def soc(self):
        """State of charge of every cell."""
        return self.field("charge_As") / self.field("capacity_As")


@pytest.fixture
def make_group(plant_arrays):
    def make(*args, **kwargs):
        return Group(plant_arrays, *args, **kwargs)

    return make


def split_exactly(time_s, current_A, capacity, resistance, soc):
    """Give both states of charge and currents of two R-only cells at constant group current."""
    (q1, q2), (r1, r2) = Q_As * np.asarray(capacity), R_OHM * np.asarray(resistance)
    # OCV' (z1 - z2) = r1 i1 - r2 i2 and i1 + i2 = I give i1 and i2, linear in D = z1 - z2.
    tau = (r1 + r2) / (SLOPE_V * (1.0 / q1 + 1.0 / q2))
    final = -current_A * (r2 / q1 - r1 / q2) / (r1 + r2) * tau
    d = final + (soc[0] - soc[1] - final) * np.exp(-time_s / tau)
    mean = (q1 * soc[0] + q2 * soc[1] - current_A * time_s) / (q1 + q2)
    i1 = (SLOPE_V * d + r2 * current_A) / (r1 + r2)
    z = np.array([mean + d * q2 / (q1 + q2), mean - d * q1 / (q1 + q2)])
    return z, np.array([i1, current_A - i1])


UNEQUAL = {"capacity": [1.0, 0.9], "resistance": [0.8, 1.3]}


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("joint_ohm", [0.0, 0.002])
def test_currents_add_up_and_voltages_are_equal_at_the_end_of_each_step(
    make_linear_cell, make_group, n, joint_ohm
) -> None:
    k = np.arange(n)
    group = make_group(
        make_linear_cell(1), 0.4 + 0.05 * k, step_s=5.0, capacity=1.0 + 0.03 * k,
        resistance=1.0 + 0.2 * k, joint_ohm=joint_ohm,
    )  # fmt: skip
    for current_A in (10.0, -20.0, 0.0, 3.0):
        i = group.step(current_A)
        # 1e-12: currents of up to 20 A through conductances of 30 S round at 1e-14 each.
        assert math.fsum(i) == pytest.approx(current_A, rel=0.0, abs=1e-12)
        assert np.ptp(group.voltage_V - joint_ohm * i) < 1e-12
        v1 = group.field("v1_V")
        r0 = group.field("r0_ohm")
        of_the_state = 3.0 + SLOPE_V * group.soc - v1 - r0 * i
        assert of_the_state == pytest.approx(group.voltage_V, rel=0.0, abs=1e-12)


def test_alone_a_cell_takes_the_whole_current(make_linear_cell, make_group) -> None:
    group = make_group(make_linear_cell(1), [0.5], step_s=5.0)
    assert group.step(7.0)[0] == pytest.approx(7.0, rel=1e-14)  # through r and back again


def test_equal_cells_share_equally(make_linear_cell, make_group) -> None:
    group = make_group(make_linear_cell(1), np.full(7, 0.5), step_s=5.0)
    for current_A in (14.0, -7.0):
        i = group.step(current_A)
        assert np.ptp(i[:-1]) == 0.0  # the same operations on the same numbers
        # The last takes what rounding leaves: the group's 3.6 V, from sums over seven cells, are
        # within 4 ulp of 4.4e-16 V, and seven cells have 30 S each.
        assert i[-1] == pytest.approx(i[0], rel=0.0, abs=7 * 30.0 * 4 * 4.4e-16)


@pytest.mark.parametrize("step_s", [1.0, 30.0, 3600.0])
def test_two_cells_at_rest_equalise_by_exactly_one_implicit_euler_factor_a_step(
    make_linear_cell, make_group, step_s
) -> None:
    group = make_group(make_linear_cell(0), [0.6, 0.4], step_s=step_s, **UNEQUAL)
    tau = R_OHM * 2.1 / (SLOPE_V * (1.0 + 1.0 / 0.9) / Q_As)
    mean = (0.6 + 0.9 * 0.4) / 1.9
    for k in range(1, 40):
        i = group.step(0.0)
        d = 0.2 * (1.0 + step_s / tau) ** -k
        # 1e-13: d is a difference of two states of charge of 0.5, rounded at each of 40 steps.
        assert group.soc[0] - group.soc[1] == pytest.approx(d, rel=0.0, abs=1e-13)
        assert (group.soc[0] + 0.9 * group.soc[1]) / 1.9 == pytest.approx(mean, rel=1e-13)
        assert i[0] == pytest.approx(SLOPE_V * d / (2.1 * R_OHM), rel=1e-9, abs=1e-11)


def test_split_of_two_resistive_cells_converges_first_order_to_the_exact_solution(
    make_linear_cell, make_group
) -> None:
    time_s, steps_s, soc_errors, current_errors = 240.0, (8.0, 4.0, 2.0, 1.0), [], []
    soc, i = split_exactly(time_s, 10.0, **UNEQUAL, soc=(0.6, 0.5))
    for step_s in steps_s:
        group = make_group(make_linear_cell(0), [0.6, 0.5], step_s=step_s, **UNEQUAL)
        for _ in range(round(time_s / step_s)):
            last_A = group.step(10.0)
        soc_errors.append(np.abs(group.soc - soc).max())
        current_errors.append(np.abs(last_A - i).max())
    for errors in (soc_errors, current_errors):
        slope = np.polyfit(np.log(steps_s), np.log(errors), 1)[0]
        assert slope == pytest.approx(1.0, abs=0.05)  # tau is 450 s: the next order is h/tau, 2 %
    assert current_errors[-1] < 2e-3 * 5.0


def reference_with_rc(time_s, current_A, soc):
    """Give states of charge and RC voltages of two unequal 1-RC cells, by an ODE solver."""
    capacity, factor = np.array(UNEQUAL["capacity"]), np.array(UNEQUAL["resistance"])
    r0, r1 = R_OHM * factor, 0.02 * factor

    def rate(_, y):
        z, v = y[:2], y[2:]
        u = SLOPE_V * z - v
        i1 = (u[0] - u[1] + r0[1] * current_A) / r0.sum()
        i = np.array([i1, current_A - i1])
        return np.concatenate((-i / (Q_As * capacity), (r1 * i - v) / 30.0))

    start = np.array([*soc, 0.0, 0.0])
    return solve_ivp(rate, (0.0, time_s), start, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]


def test_split_of_two_cells_with_an_rc_pair_converges_first_order_to_an_ode_solver(
    make_linear_cell, make_group
) -> None:
    time_s, steps_s, soc_errors, rc_errors = 60.0, (4.0, 2.0, 1.0, 0.5), [], []
    reference = reference_with_rc(time_s, 10.0, (0.6, 0.5))
    for step_s in steps_s:
        group = make_group(make_linear_cell(1), [0.6, 0.5], step_s=step_s, **UNEQUAL)
        for _ in range(round(time_s / step_s)):
            group.step(10.0)
        soc_errors.append(np.abs(group.soc - reference[:2]).max())
        rc_errors.append(np.abs(group.field("v1_V") - reference[2:]).max())
    for errors in (soc_errors, rc_errors):
        slope = np.polyfit(np.log(steps_s), np.log(errors), 1)[0]
        assert slope == pytest.approx(1.0, abs=0.08)  # h/tau is 13 % at the longest step
    assert soc_errors[-1] < 1e-5  # 1e-4 of the difference, at h = tau/60


@pytest.mark.parametrize("step_s", [10.0, 600.0, 36_000.0])
@pytest.mark.parametrize("n", [2, 7])
def test_cells_approach_each_other_without_ringing_at_any_step(
    make_linear_cell, make_group, step_s, n
) -> None:
    rng = np.random.default_rng(n)
    group = make_group(
        make_linear_cell(0), rng.uniform(0.3, 0.7, n), step_s=step_s,
        capacity=rng.uniform(0.8, 1.2, n), resistance=rng.uniform(0.5, 2.0, n),
    )  # fmt: skip
    spread, ends = [np.ptp(group.soc)], [(group.soc.min(), group.soc.max())]
    for _ in range(30):
        group.step(0.0)
        spread.append(np.ptp(group.soc))
        ends.append((group.soc.min(), group.soc.max()))
    rounding = 1e-15  # of a state of charge, once they are equal
    assert np.all(np.diff(spread) <= rounding)
    lows, highs = np.array(ends).T
    assert np.all(np.diff(lows) >= -rounding) and np.all(np.diff(highs) <= rounding)


def test_a_current_step_changes_the_split_once_and_settles_monotonically(
    make_linear_cell, make_group
) -> None:
    group = make_group(make_linear_cell(1), [0.5, 0.5], step_s=60.0, **UNEQUAL)
    shares = np.array([group.step(10.0)[0] for _ in range(60)])
    turns = np.flatnonzero(np.diff(np.sign(np.diff(shares))))
    # Resistances decide first, capacities last: one passage, at most one turn from the RC pair.
    assert len(turns) <= 1
    final = 10.0 / 1.9
    assert shares[-1] == pytest.approx(final, rel=0.01)  # 60 min: 8 time constants of 450 s


def test_charge_is_conserved_in_a_parallel_group(make_linear_cell, make_group) -> None:
    group = make_group(make_linear_cell(1), np.linspace(0.2, 0.8, 7), step_s=1.0)
    start_As = math.fsum(group.field("charge_As"))
    for k in range(1000):
        group.step(20.0 * math.sin(0.05 * k))
    moved_As = math.fsum(20.0 * math.sin(0.05 * k) for k in range(1000))
    left_As = math.fsum(group.field("charge_As"))
    # 1000 splits, each adding up to 1e-14 of up to 60 A of balancing current.
    assert start_As - left_As == pytest.approx(moved_As, rel=0.0, abs=1000 * 1e-14 * 60.0)
