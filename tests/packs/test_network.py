"""The nested solution of the network against sparse modified nodal analysis, written here.

The reference keeps every node voltage and every branch current as an unknown: resistances enter as
``v_a - v_b - R i = -E`` and conductances as ``i - G (v_a - v_b) = 0``, so zero of either is legal.
Sites have unequal racks; joints may be open or zero, cells shorted, bleeds on, racks off the bus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from packs import network

GROUND = -1


@dataclass
class Site:
    """Arguments and results of one call of `network.solve`."""

    p: int
    first: np.ndarray
    rng: np.random.Generator
    joint_ohm: float = 2e-4
    link_ohm: float = 1e-4
    companion_S: float = 0.0
    link_V: float = 0.0
    link_bleed_S: float = 1e-4
    out: dict = field(default_factory=dict)

    def __post_init__(self):
        rng, groups, racks = self.rng, int(self.first[-1]), len(self.first) - 1
        n = groups * self.p
        self.emf_V, self.r_ohm = rng.uniform(3.0, 4.2, n), rng.uniform(0.01, 0.06, n)
        self.short_S, self.extra_ohm = np.zeros(n), np.zeros(n)
        self.bleed_S, self.path_ohm = np.zeros(groups), rng.uniform(1e-3, 1e-2, racks)
        self.closed = np.ones(racks, dtype=np.int64)

    def solve(self, kind, demand):
        """Solve, and return the status; results are in `out`."""
        n, groups, racks = len(self.emf_V), len(self.bleed_S), len(self.path_ohm)
        shapes = {"i": n, "v": n, "branch": n, "group": groups, "rack_v": racks, "rack_i": racks}
        self.out = {name: np.full(size, np.nan) for name, size in shapes.items()}
        self.out["bus"] = np.full(4, np.nan)
        return network.solve(
            self.p, self.first, self.emf_V, self.r_ohm, self.short_S, self.joint_ohm,
            self.extra_ohm, self.bleed_S, self.link_ohm, self.path_ohm, self.closed,
            self.companion_S, self.link_V, self.link_bleed_S, kind, demand,
            *(self.out[name] for name in shapes), self.out["bus"], np.zeros(2 * groups + racks),
            np.zeros(2 * n),
        )  # fmt: skip

    def losses_W(self):
        """Return short, joint, bleed, link and rack path losses of the last solution."""
        n, groups, totals, out = len(self.emf_V), len(self.bleed_S), np.zeros(5), self.out
        rack = np.repeat(np.arange(len(self.path_ohm)), np.diff(self.first))
        network.losses(
            self.p, rack, self.short_S, self.joint_ohm, self.extra_ohm, self.bleed_S,
            self.link_ohm, self.path_ohm, out["v"], out["branch"], out["group"], out["rack_i"],
            np.zeros(n), np.zeros(groups), totals,
        )  # fmt: skip
        return totals


class Circuit:
    """Sparse modified nodal analysis with every branch current as an unknown."""

    def __init__(self):
        self.n_nodes = 0
        self.branches = []  # (from, to, coefficient of v_from - v_to, coefficient of i, constant)

    def node(self):
        self.n_nodes += 1
        return self.n_nodes - 1

    def resistor(self, a, b, r, emf=0.0):
        """``v_a - v_b - R i = -E``: `emf` drives current from a to b."""
        self.branches.append((a, b, 1.0, -r, -emf))

    def conductor(self, a, b, g, emf=0.0):
        """``i - G (v_a - v_b - emf) = 0``."""
        self.branches.append((a, b, -g, 1.0, -g * emf))

    def source(self, a, b, current):
        self.branches.append((a, b, 0.0, 1.0, current))

    def solve(self):
        """Return node voltages and branch currents, refined once."""
        entries, right = [], np.zeros(self.n_nodes + len(self.branches))
        for k, (a, b, v_part, i_part, constant) in enumerate(self.branches):
            row = self.n_nodes + k
            entries.append((row, row, i_part))
            right[row] = constant
            for node, sign in ((a, 1.0), (b, -1.0)):
                if node != GROUND:
                    entries += [(row, node, sign * v_part), (node, row, sign)]
        rows, columns, values = zip(*entries, strict=True)
        matrix = csc_matrix((values, (rows, columns)), shape=(len(right), len(right)))
        factors = splu(matrix)
        x = factors.solve(right)
        x += factors.solve(right - matrix @ x)
        return x[: self.n_nodes], x[self.n_nodes :]


def reference(site, current_A=0.0, voltage_V=None):
    """Return currents of the demand, cells and racks; voltages of the bus, groups and racks."""
    c = Circuit()
    bus = c.node()
    cells, racks, groups, ends = [], [], [], []
    for rack in range(len(site.path_ohm)):
        below = GROUND
        for group in range(site.first[rack], site.first[rack + 1]):
            top = c.node()
            groups.append((top, below))
            for k in range(group * site.p, (group + 1) * site.p):
                terminal = c.node()
                cells.append(len(c.branches))
                c.resistor(below, terminal, site.r_ohm[k], site.emf_V[k])
                c.conductor(terminal, below, site.short_S[k])
                c.resistor(terminal, top, site.joint_ohm + site.extra_ohm[k])
            c.conductor(top, below, site.bleed_S[group])
            below = c.node()
            c.resistor(top, below, site.link_ohm)
        ends.append(below)
        racks.append(len(c.branches))
        if site.closed[rack]:
            c.resistor(below, bus, site.path_ohm[rack])
        else:
            c.source(below, GROUND, 0.0)
    c.conductor(bus, GROUND, site.companion_S, site.link_V)
    c.conductor(bus, GROUND, site.link_bleed_S)
    demand = len(c.branches)
    if voltage_V is None:
        c.source(bus, GROUND, current_A)
    else:
        c.resistor(bus, GROUND, 0.0, -voltage_V)
    v, i = c.solve()
    at = np.append(v, 0.0)  # GROUND is -1
    group_V = np.array([at[a] - at[b] for a, b in groups])
    currents = {"demand": i[demand], "i": i[cells], "rack": i[racks]}
    return currents | {"bus": v[bus], "group": group_V, "rack_V": v[ends]}


@st.composite
def sites(draw):
    """Draw a site: unequal racks, and every kind of trouble."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    site = Site(draw(st.integers(1, 4)), np.concatenate(([0], np.cumsum(groups))), rng)
    n = len(site.emf_V)
    site.joint_ohm = draw(st.sampled_from([0.0, 2e-4, 0.05]))
    site.link_ohm = draw(st.sampled_from([0.0, 1e-4]))
    site.companion_S = draw(st.sampled_from([0.0, 0.05, 50.0]))
    site.link_V = draw(st.sampled_from([0.0, 12.0]))
    if draw(st.booleans()):  # internal shorts, down to 10 mohm
        site.short_S[rng.integers(n)] = draw(st.sampled_from([0.02, 2.0, 100.0]))
    if draw(st.booleans()):  # welds gone bad, or gone
        site.extra_ohm[rng.integers(n)] = draw(st.sampled_from([0.01, 10.0, 1e9]))
    if draw(st.booleans()):
        site.bleed_S[rng.integers(len(site.bleed_S))] = 1.0 / 33.0
    if draw(st.booleans()):
        site.closed[rng.integers(len(groups))] = 0
    if draw(st.booleans()):
        site.path_ohm[rng.integers(len(groups))] += 100.0  # precharging
    return site


def assert_same(site, expected):
    """Compare with the reference: 1e-12 of the largest current, 1e-13 of the voltage.

    Measured over all examples: 2e-14 and 2e-16, with entries from 1e-9 to 1e3 S in one matrix.
    """
    out = site.out
    scale_A = max(1.0, np.abs(expected["i"]).max())
    assert out["bus"][0] == pytest.approx(expected["bus"], rel=1e-13, abs=1e-13)
    assert out["bus"][1] == pytest.approx(expected["demand"], rel=0.0, abs=1e-12 * scale_A)
    assert out["i"] == pytest.approx(expected["i"], rel=0.0, abs=1e-12 * scale_A)
    assert out["rack_i"] == pytest.approx(expected["rack"], rel=0.0, abs=1e-12 * scale_A)
    assert out["group"] == pytest.approx(expected["group"], rel=1e-12, abs=1e-12)
    assert out["rack_v"] == pytest.approx(expected["rack_V"], rel=1e-12, abs=1e-12)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(site=sites(), current_A=st.sampled_from([0.0, 12.0, -30.0]))
def test_currents_are_those_of_nodal_analysis(site, current_A) -> None:
    assert site.solve(network.CURRENT, current_A) == network.SOLVED
    assert_same(site, reference(site, current_A))


def test_a_site_of_full_size_agrees_with_nodal_analysis() -> None:
    """3 racks of unlike length, 720 cells, 2 % of the welds gone, 1 % of the cells shorted."""
    rng = np.random.default_rng(17)
    site = Site(2, np.array([0, 110, 230, 360]), rng, companion_S=0.005, link_V=440.0)
    site.extra_ohm[rng.choice(720, 14, replace=False)] = 1e6
    site.short_S[rng.choice(720, 7, replace=False)] = 1.0 / rng.uniform(0.01, 50.0, 7)
    site.bleed_S[::9] = 1.0 / 33.0
    assert site.solve(network.CURRENT, 40.0) == network.SOLVED
    assert_same(site, reference(site, 40.0))


@settings(max_examples=30, derandomize=True, deadline=None)
@given(site=sites(), voltage_V=st.floats(0.5, 25.0))
def test_a_held_bus_voltage_gives_the_currents_of_nodal_analysis(site, voltage_V) -> None:
    assert site.solve(network.VOLTAGE, voltage_V) == network.SOLVED
    assert_same(site, reference(site, voltage_V=voltage_V))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(site=sites(), fraction=st.floats(-3.0, 0.999))
def test_power_is_met_on_the_upper_branch(site, fraction) -> None:
    """With the source seen at the bus (E, R) from two nodal analyses: P = fraction E^2/4R."""
    site.closed[0] = 1
    emf_V = reference(site)["bus"]
    r_ohm = emf_V - reference(site, 1.0)["bus"]
    power_W = fraction * emf_V**2 / (4.0 * r_ohm)
    assert site.solve(network.POWER, power_W) == network.SOLVED
    v_V, i_A = site.out["bus"][:2]
    assert v_V >= 0.5 * emf_V * (1.0 - 1e-9)
    # i = (E - v)/R cancels as E/(E - v) = 2/fraction at most 1e6 times eps; below that, E^2/R eps.
    assert v_V * i_A == pytest.approx(power_W, rel=1e-10, abs=1e-15 * emf_V**2 / r_ohm)
    assert_same(site, reference(site, voltage_V=v_V))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(site=sites(), demand=st.sampled_from([0.0, 8.0, -25.0]))
def test_power_of_the_sources_is_losses_plus_demand(site, demand) -> None:
    """Tellegen's theorem on the solved network, with the losses as the plant books them."""
    assert site.solve(network.CURRENT, demand) == network.SOLVED
    v_V, i_A, i_link_A, kirchhoff_A = site.out["bus"]
    terms = [*(site.out["i"] * site.out["v"]), *(-site.losses_W())]
    terms += [-v_V * i_A, -v_V * i_link_A, -site.link_bleed_S * v_V * v_V]
    # Currents are conductances times differences of voltages: rounded at eps of E^2/R.
    floor_W = 4 * 2.3e-16 * math.fsum(site.emf_V**2 / site.r_ohm)
    assert abs(math.fsum(terms)) <= 1e-12 * math.fsum(abs(t) for t in terms) + floor_W
    scale_A = max(1.0, np.abs(site.out["i"]).max(), np.abs(site.out["rack_i"]).max())
    assert kirchhoff_A <= 1e-12 * scale_A  # conductances of up to 1e2 S times eps times 4 V


def test_a_demand_beyond_the_greatest_power_is_a_status() -> None:
    site = Site(2, np.array([0, 3]), np.random.default_rng(1), link_bleed_S=0.0)
    site.solve(network.OPEN, 0.0)
    emf_V = site.out["bus"][0]
    site.solve(network.CURRENT, 1.0)
    r_ohm = emf_V - site.out["bus"][0]
    greatest_W = emf_V**2 / (4.0 * r_ohm)
    assert site.solve(network.POWER, greatest_W * (1.0 - 1e-9)) == network.SOLVED
    # At the greatest power the two branches meet: half the voltage, within sqrt(1e-9).
    assert site.out["bus"][0] == pytest.approx(0.5 * emf_V, rel=1e-4)
    assert site.solve(network.POWER, greatest_W * (1.0 + 1e-9)) == network.INFEASIBLE
    assert site.out["bus"][:2] == pytest.approx([emf_V, 0.0], abs=1e-12)  # left open, not clipped


@pytest.mark.parametrize("kind", [network.CURRENT, network.POWER])
def test_a_demand_on_a_dead_bus_is_a_status(kind) -> None:
    site = Site(2, np.array([0, 3]), np.random.default_rng(1), link_bleed_S=0.0)
    site.closed[:] = 0
    assert site.solve(kind, 5.0) == network.INFEASIBLE
    assert site.solve(network.OPEN, 0.0) == network.SOLVED
    assert site.out["bus"][0] == 0.0


def test_a_state_that_is_no_number_is_a_status() -> None:
    site = Site(2, np.array([0, 3]), np.random.default_rng(1))
    site.emf_V[3] = math.nan
    assert site.solve(network.CURRENT, 1.0) == network.NOT_FINITE


def test_an_open_rack_balances_inside_but_gives_nothing() -> None:
    site = Site(3, np.array([0, 2, 5]), np.random.default_rng(2))
    site.closed[1] = 0
    assert site.solve(network.CURRENT, 20.0) == network.SOLVED
    assert site.out["rack_i"][1] == 0.0
    inside = site.out["i"][6:].reshape(3, 3)
    assert np.abs(inside).max() > 0.1  # unequal cells in parallel
    assert np.abs(inside.sum(axis=1)).max() < 1e-12  # group by group, nothing leaves


def test_open_racks_and_groups_leave_the_currents_of_the_others_alone() -> None:
    """A rack that is off the bus may hold anything: not one bit of the others changes."""
    sites = [Site(2, np.array([0, 3, 6]), np.random.default_rng(3)) for _ in range(2)]
    for site in sites:
        site.closed[1] = 0
    sites[1].emf_V[6:] = 1.0
    for site in sites:
        site.solve(network.POWER, 100.0)
    assert np.array_equal(sites[0].out["i"][:6], sites[1].out["i"][:6])


def test_joints_approach_zero_and_infinity_without_a_jump() -> None:
    site = Site(2, np.array([0, 2]), np.random.default_rng(4))

    def current(joint_ohm, extra_ohm):
        site.joint_ohm, site.extra_ohm[1] = joint_ohm, extra_ohm
        site.solve(network.CURRENT, 10.0)
        return site.out["i"][1]

    assert current(1e-12, 0.0) == pytest.approx(current(0.0, 0.0), rel=1e-9)  # r is 10 mohm
    assert current(0.0, 1e15) == pytest.approx(0.0, abs=1e-14)
