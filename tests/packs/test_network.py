"""The nested solution of the network against sparse modified nodal analysis, written here.

The reference keeps every node voltage and every branch current as an unknown: resistances enter as
``v_a - v_b - R i = -E`` and conductances as ``i - G (v_a - v_b) = 0``, so zero of either is legal.
Sites have unequal racks, and every kind of trouble that the overlay and the switches can hold.
"""

from __future__ import annotations

import math
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from packs import network
from packs.ladder import NO_RAILS, OPPOSITE_ENDS
from packs.spec import RailSpec

GROUND = -1
EPS = 2.3e-16
AGREEMENT = 1e-11
"""Of the largest current of any branch; 1e-9 is promised. Measured over all examples: 3e-14."""


class Circuit:
    """Sparse modified nodal analysis with every branch current as an unknown."""

    def __init__(self):
        self.n_nodes = 0
        self.ends, self.rows, self.kinds = [], [], defaultdict(list)

    def node(self):
        self.n_nodes += 1
        return self.n_nodes - 1

    def branch(self, kind, a, b, i_part, constant, v_parts):
        """``sum of v_parts + i_part i = constant`` for the current from a to b."""
        self.kinds[kind].append(len(self.ends))
        self.ends.append((a, b))
        self.rows.append((i_part, constant, v_parts))

    def resistor(self, kind, a, b, r, emf=0.0):
        """``v_a - v_b - R i = -E``: `emf` drives current from a to b."""
        self.branch(kind, a, b, -r, -emf, ((a, 1.0), (b, -1.0)))

    def conductor(self, kind, a, b, g, emf=0.0):
        """``i - G (v_a - v_b - emf) = 0``."""
        self.branch(kind, a, b, 1.0, -g * emf, ((a, -g), (b, g)))

    def source(self, kind, a, b, current):
        self.branch(kind, a, b, 1.0, current, ())

    def same_voltage(self, kind, a, b, other_a, other_b):
        """A current that makes ``v_a - v_b`` what it is between two others."""
        parts = ((a, 1.0), (b, -1.0), (other_a, -1.0), (other_b, 1.0))
        self.branch(kind, a, b, 0.0, 0.0, parts)

    def solve(self):
        """Return node voltages (ground last) and branch currents, refined once."""
        entries, right = [], np.zeros(self.n_nodes + len(self.rows))
        for k, ((a, b), (i_part, constant, v_parts)) in enumerate(
            zip(self.ends, self.rows, strict=True)
        ):
            row = self.n_nodes + k
            right[row] = constant
            entries.append((row, row, i_part))
            entries += [(row, node, part) for node, part in v_parts if node != GROUND]
            entries += [(node, row, s) for node, s in ((a, 1.0), (b, -1.0)) if node != GROUND]
        rows, columns, values = zip(*entries, strict=True)
        matrix = csc_matrix((values, (rows, columns)), shape=(len(right), len(right)))
        factors = splu(matrix)
        x = factors.solve(right)
        x += factors.solve(right - matrix @ x)
        return np.append(x[: self.n_nodes], 0.0), x[self.n_nodes :]


def rail_circuit(site, c, below, members):
    """Add the rails of one group; return its plus terminal, and the two nodes of every cell."""
    wire, over = site.arrays.wire, site.arrays.over
    plus = [c.node()]
    if wire.rails == NO_RAILS:
        return plus[0], [(below, plus[0])] * len(members)
    minus = [below]
    for k in members[:-1]:
        plus.append(c.node())
        minus.append(c.node())
        c.resistor("rail", plus[-1], plus[-2], wire.rail_ohm + over.rail_plus_extra_ohm[k])
        c.resistor("rail", minus[-2], minus[-1], wire.rail_ohm + over.rail_minus_extra_ohm[k])
    head = plus[-1] if wire.rails == OPPOSITE_ENDS else plus[0]
    return head, list(zip(minus, plus, strict=True))


def rack_circuit(site, c, bus, rack):
    """Add one rack; return the node behind its string, and the one between fuse and switches."""
    top, a = site.top, site.arrays
    wire, cells, groups, racks = a.wire, a.cells, a.groups, a.racks
    fuse, switch, shunt_S = racks.fuse_closed[rack], racks.switch_closed[rack], racks.short_S[rack]
    floats = not (fuse and (switch or shunt_S > 0.0))
    below, gaps = GROUND, []
    for group in range(top.rack_first_group[rack], top.rack_first_group[rack + 1]):
        at = top.group_slot[group]
        members, connected = site.cells_of(at), False
        head, rails = rail_circuit(site, c, below, members)
        c.kinds["group_ends"].append((head, below))
        for k, (minus, plus) in zip(members, rails, strict=True):
            post, is_open = c.node(), cells.is_open[k] + cells.is_broken[k] > 0.0
            connected |= not is_open
            c.resistor("cell", minus, post, cells.r_ohm[k], cells.emf_V[k])
            c.conductor("short", post, minus, cells.short_S[k])
            if is_open:
                c.source("joint", post, plus, 0.0)
            else:
                c.resistor("joint", post, plus, wire.joint_ohm + cells.joint_extra_ohm[k])
        c.conductor("bleed", head, below, groups.bleed_S[at])
        c.conductor("external", head, below, groups.short_S[at])
        if not connected and groups.bleed_S[at] + groups.short_S[at] == 0.0:
            if floats:  # nothing outside: the gap has no voltage to take
                c.resistor("gap", head, below, 0.0)
            elif gaps:
                c.same_voltage("gap", head, below, *gaps[0])
            else:
                c.source("gap", head, below, 0.0)
            gaps.append((head, below))
        below = c.node()
        c.resistor("link", head, below, wire.link_ohm + groups.link_extra_ohm[at])
    node = c.node()
    if fuse:
        c.resistor("fuse", below, node, racks.fuse_ohm[rack])
    else:
        c.source("fuse", below, node, 0.0)
    # Between an open fuse and open switches nothing gives a voltage: let it be ground's.
    hangs = (not fuse or (gaps and floats)) and not switch and shunt_S == 0.0
    if fuse and hangs:
        hangs = False  # the string's own voltage
    c.conductor("external" if not hangs else "gap", node, GROUND, 1.0 if hangs else shunt_S)
    if switch:
        c.resistor("switch", node, bus, racks.contactor_ohm[rack])
    else:
        c.source("switch", node, bus, 0.0)
    return below, node


def reference(site, kind, demand):
    """Return every current, voltage and loss of the site by nodal analysis."""
    c = Circuit()
    bus = c.node()
    ends = [rack_circuit(site, c, bus, rack) for rack in range(site.top.n_racks)]
    c.conductor("link_capacitor", bus, GROUND, site.companion_S, site.link_V)
    c.conductor("link_bleed", bus, GROUND, site.link_bleed_S)
    c.conductor("external", bus, GROUND, site.bus_short_S)
    if kind == network.VOLTAGE:
        c.resistor("demand", bus, GROUND, 0.0, -demand)
    elif kind == network.RESISTANCE:
        c.resistor("demand", bus, GROUND, demand)
    else:
        c.source("demand", bus, GROUND, demand if kind == network.CURRENT else 0.0)
    v, i = c.solve()
    drop = np.array([v[a] - v[b] for a, b in c.ends])
    loss = {name: math.fsum((drop * i)[c.kinds[name]]) for name in c.kinds if name != "group_ends"}
    return SimpleNamespace(
        bus_V=v[bus], i={name: i[at] for name, at in c.kinds.items() if name != "group_ends"},
        cell_V=np.array([v[c.ends[k][1]] - v[c.ends[k][0]] for k in c.kinds["cell"]]),
        group_V=np.array([v[a] - v[b] for a, b in c.kinds["group_ends"]]),
        rack_V=np.array([v[end] for end, _ in ends]),
        node_V=np.array([v[node] for _, node in ends]),
        loss=loss, largest_A=float(np.abs(i).max()),
    )  # fmt: skip


LOSSES = (
    (network.SHORT_W, ("short",)), (network.JOINT_W, ("joint",)), (network.BLEED_W, ("bleed",)),
    (network.LINK_W, ("link",)), (network.PATH_W, ("fuse", "switch")),
    (network.EXTERNAL_W, ("external",)), (network.RAIL_W, ("rail",)),
)  # fmt: skip


def assert_same(site, expected):
    """Compare currents with the reference, then voltages and losses; return the worst current."""
    a, top = site.arrays, site.top
    pairs = {
        "cell": (a.cells.current_A[top.cell_slot], expected.i["cell"]),
        "string": (a.racks.current_A, expected.i["fuse"]),
        "switch": (a.racks.switch_A, expected.i["switch"]),
        "demand": (a.site.bus[network.DEMAND_A], expected.i["demand"]),
        "link": (a.site.bus[network.LINK_A], expected.i["link_capacitor"]),
    }
    scale_A = max(expected.largest_A, 1.0)
    misses = {name: float(np.abs(x - y).max()) / scale_A for name, (x, y) in pairs.items()}
    assert max(misses.values()) < AGREEMENT, misses
    volts = (
        (a.cells.voltage_V[top.cell_slot], expected.cell_V),
        (a.groups.voltage_V[top.group_slot], expected.group_V),
        (a.racks.voltage_V, expected.rack_V),
        (a.site.bus[network.BUS_V], expected.bus_V),
    )
    # A voltage is at most a few thousand resistances of up to 1 ohm away from another one.
    scale_V = max(4.2, np.abs(expected.rack_V).max(), abs(expected.bus_V))
    # Both round currents at eps of the largest, and of what the capacitor's conductance makes of
    # the voltage: resistances of up to 1 Gohm make a voltage of that.
    extra_ohm = (
        a.groups.link_extra_ohm, a.cells.joint_extra_ohm, a.over.rail_plus_extra_ohm,
        a.over.rail_minus_extra_ohm,
    )  # fmt: skip
    largest_ohm = max(float(of_kind.max()) for of_kind in extra_ohm)
    rounding_V = 10 * EPS * (scale_A + site.companion_S * scale_V) * largest_ohm
    for found, wanted in volts:
        allowed_V = AGREEMENT * (scale_V + scale_A) + rounding_V
        assert found == pytest.approx(wanted, rel=0.0, abs=allowed_V)
    power_W = max(scale_A * scale_V, 1.0)
    for k, kinds in LOSSES:
        wanted_W = sum(expected.loss.get(kind, 0.0) for kind in kinds)
        assert a.site.losses[k] == pytest.approx(wanted_W, rel=1e-9, abs=AGREEMENT * power_W)
    return max(misses.values())


RAILS = [
    RailSpec(segment_ohm=ohm, opposite_ends=opposite)
    for ohm in (0.0, 5e-5, 0.01)
    for opposite in (False, True)
]


@st.composite
def plans(draw):
    """Draw what a site is: its size, and every kind of trouble."""
    pick = st.sampled_from
    return {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "modules": tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))),
        "groups": draw(pick([1, 2, 3, 17])),
        "p": draw(st.integers(1, 8)),
        "rail": draw(pick([None, *RAILS])),
        "rail_extra_ohm": draw(st.lists(pick([1e-4, 0.02, 50.0, 1e9]), max_size=3)),
        "joint_ohm": draw(pick([0.0, 2e-4, 0.05])),
        "link_ohm": draw(pick([0.0, 1e-4])),
        "companion_S": draw(pick([0.0, 0.05, 50.0])),
        "link_V": draw(pick([0.0, 12.0])),
        "short_S": draw(st.lists(pick([0.02, 2.0, 100.0]), max_size=2)),
        "extra_ohm": draw(st.lists(pick([0.01, 10.0, 1e9]), max_size=2)),
        "link_extra_ohm": draw(pick([0.0, 0.0, 0.02, 1e6])),
        "n_open": draw(st.integers(0, 2)),
        "n_broken": draw(st.integers(0, 1)),
        "n_cut": draw(pick([0, 0, 0, 1, 2])),
        "n_bleeds": draw(st.integers(0, 2)),
        "group_short_S": draw(pick([0.0, 0.0, 1.0, 200.0])),
        "rack_short_S": draw(pick([0.0, 0.0, 1e-7, 0.1, 50.0])),
        "bus_short_S": draw(pick([0.0, 0.0, 0.0, 1.0, 100.0])),
        "precharging": draw(st.booleans()),
        "fuse_open": draw(pick([False, False, True])),
        "switch_open": draw(pick([False, False, True])),
        "all_at_one": draw(st.booleans()),
    }  # fmt: skip


def build(make, plan):
    """Build the site of a plan."""
    rng = np.random.default_rng(plan["seed"])
    site = make(
        plan["modules"], plan["groups"], plan["p"], rng, joint_ohm=plan["joint_ohm"],
        link_ohm=plan["link_ohm"], rail=plan["rail"],
    )  # fmt: skip
    cells, groups, racks = site.arrays.cells, site.arrays.groups, site.arrays.racks
    site.companion_S, site.link_V = plan["companion_S"], plan["link_V"]
    site.bus_short_S = plan["bus_short_S"]
    for value in plan["rail_extra_ohm"] if plan["rail"] else ():
        over = site.arrays.over
        extra_ohm = (over.rail_plus_extra_ohm, over.rail_minus_extra_ohm)[rng.integers(2)]
        extra_ohm[site.cell()] += value
    for value in plan["short_S"]:
        cells.short_S[site.cell()] = value
    for value in plan["extra_ohm"]:
        cells.joint_extra_ohm[site.cell()] = value
    for _ in range(plan["n_open"]):
        cells.is_open[site.cell()] = 1.0
    for _ in range(plan["n_broken"]):
        cells.is_broken[site.cell()] = 1.0
    for _ in range(plan["n_cut"]):
        cells.is_open[site.cells_of(site.group())] = 1.0
    for _ in range(plan["n_bleeds"]):
        groups.bleed_S[site.group()] = 1.0 / 33.0
    groups.short_S[site.group()] = plan["group_short_S"]
    groups.link_extra_ohm[site.group()] = plan["link_extra_ohm"]
    first = rng.integers(site.top.n_racks)
    at = iter([first] * 4 if plan["all_at_one"] else rng.integers(site.top.n_racks, size=4))
    racks.short_S[next(at)] = plan["rack_short_S"]
    racks.contactor_ohm[next(at)] += 100.0 if plan["precharging"] else 0.0
    racks.fuse_closed[next(at)] = not plan["fuse_open"]
    racks.switch_closed[next(at)] = not plan["switch_open"]
    return site


def kirchhoff_misses_A(site):
    """Return by how much the written currents miss at every group, rack and the bus."""
    a, top = site.arrays, site.top
    cells, groups, racks, bus = a.cells, a.groups, a.racks, a.site.bus
    joint_A = (cells.current_A - cells.short_S * cells.voltage_V)[top.cell_slot]
    out_A = (groups.bleed_S + groups.short_S) * groups.voltage_V
    misses = [
        math.fsum(joint_A[top.cell_group == group]) - racks.current_A[rack] - out_A[slot]
        for group, (rack, slot) in enumerate(zip(top.group_rack, top.group_slot, strict=True))
    ]
    misses += list(racks.current_A - racks.short_S * racks.node_V - racks.switch_A)
    shunt_S = site.link_bleed_S + site.bus_short_S
    leaves_A = [bus[network.DEMAND_A], bus[network.LINK_A], shunt_S * bus[network.BUS_V]]
    return np.array([*misses, math.fsum(racks.switch_A) - math.fsum(leaves_A)])


def assert_conserved(site):
    """Kirchhoff's current law from the written currents, and Tellegen's theorem with the losses."""
    a, top = site.arrays, site.top
    bus, currents = a.site.bus, a.cells.current_A[top.cell_slot]
    branches = (currents, a.racks.current_A, a.racks.switch_A, bus[[1, 2]], 1.0)
    largest_A = max(float(np.abs(of_kind).max()) for of_kind in branches)
    assert bus[network.RESIDUAL_A] <= 1e-12 * largest_A
    miss = float(np.abs(kirchhoff_misses_A(site)).max() / largest_A)
    assert miss <= 1e-12
    terms = [*(currents * a.cells.voltage_V[top.cell_slot]), *(-a.site.losses)]
    v_V, i_A, i_link_A = bus[[network.BUS_V, network.DEMAND_A, network.LINK_A]]
    terms += [-v_V * i_A, -v_V * i_link_A, -site.link_bleed_S * v_V * v_V]
    # Currents are conductances times differences of voltages: rounded at eps of E^2/R.
    emf_V, r_ohm = (x[top.cell_slot] for x in (a.cells.emf_V, a.cells.r_ohm))
    floor_W = 4 * EPS * math.fsum(emf_V**2 / r_ohm)
    assert abs(math.fsum(terms)) <= 1e-12 * math.fsum(abs(t) for t in terms) + floor_W
    return miss


DEMANDS = st.one_of(
    st.tuples(st.just(network.CURRENT), st.sampled_from([0.0, 12.0, -30.0])),
    st.tuples(st.just(network.VOLTAGE), st.floats(0.5, 25.0)),
    st.tuples(st.just(network.RESISTANCE), st.sampled_from([0.0, 1e-3, 0.5, 50.0])),
    st.just((network.OPEN, 0.0)),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(plan=plans(), demand=DEMANDS)
def test_currents_are_those_of_nodal_analysis(network_site, plan, demand) -> None:
    site = build(network_site, plan)
    assert site.solve(*demand)[0] == network.SOLVED
    assert_same(site, reference(site, *demand))
    assert_conserved(site)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(plan=plans(), fraction=st.floats(-3.0, 0.999))
def test_power_is_met_on_the_upper_branch(network_site, plan, fraction) -> None:
    """With the source seen at the bus (E, R) from two nodal analyses: P = fraction E^2/4R."""
    site = build(network_site, plan)
    site.companion_S = site.companion_S or 0.05  # a source where no rack leads to the bus
    site.link_V = 12.0
    emf_V = reference(site, network.OPEN, 0.0).bus_V
    r_ohm = emf_V - reference(site, network.CURRENT, 1.0).bus_V
    power_W = fraction * emf_V**2 / (4.0 * r_ohm)
    status, v_V, i_A = site.solve(network.POWER, power_W)
    assert status == network.SOLVED
    assert v_V >= 0.5 * emf_V * (1.0 - 1e-9)
    # i = (E - v)/R cancels as E/(E - v) = 2/fraction at most 1e6 times eps; below that, E^2/R eps.
    assert v_V * i_A == pytest.approx(power_W, rel=1e-10, abs=1e-15 * emf_V**2 / r_ohm)
    assert_same(site, reference(site, network.VOLTAGE, v_V))
    assert_conserved(site)


@pytest.mark.parametrize(
    "demand",
    [(network.CURRENT, 40.0), (network.VOLTAGE, 3000.0), (network.RESISTANCE, 0.0)],
    ids=["current", "voltage", "dead short"],
)
def test_a_site_of_ten_thousand_cells_agrees_with_nodal_analysis(network_site, demand) -> None:
    """3 racks of unlike length, 5 % of the cells open, 2 % shorted, one rack off the bus."""
    rng = np.random.default_rng(17)
    site = network_site((40, 60, 25), 20, 4, rng)
    n, a = site.top.n_cells, site.arrays
    assert n == 10_000
    site.companion_S, site.link_V = 0.05, 3000.0
    a.cells.is_open[rng.choice(site.top.cell_slot, n // 20, replace=False)] = 1.0
    shorted = rng.choice(site.top.cell_slot, n // 50, replace=False)
    a.cells.short_S[shorted] = 1.0 / rng.uniform(0.01, 50.0, n // 50)
    a.groups.bleed_S[site.top.group_slot[::9]] = 1.0 / 33.0
    a.racks.switch_closed[2] = 0
    assert site.solve(*demand)[0] == network.SOLVED
    assert_same(site, reference(site, *demand))
    assert_conserved(site)
