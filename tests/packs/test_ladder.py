"""Groups on rails: against hand solutions, symmetry, and groups without rails.

Against nodal analysis, with every kind of trouble, they are held in `test_network`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs import network
from packs.spec import RailSpec

E_V, R_OHM = 3.6, 0.03
ENDS = pytest.mark.parametrize("opposite", [False, True], ids=["U", "Z"])


def group(make, p, rail_ohm, opposite, joint_ohm=0.0):
    """Return a site of one group of equal cells on rails."""
    rail = RailSpec(segment_ohm=rail_ohm, opposite_ends=opposite)
    site = make((1,), 1, p, np.random.default_rng(1), joint_ohm=joint_ohm, link_ohm=0.0, rail=rail)
    site.arrays.cells.emf_V[:], site.arrays.cells.r_ohm[:] = E_V, R_OHM
    return site


def cells_A(site, current_A):
    """Return the currents of the cells of the first group when a rack gives a current."""
    site.link_bleed_S = 0.0
    assert site.solve(network.CURRENT, current_A)[0] == network.SOLVED
    return site.arrays.cells.current_A[site.cells_of(site.top.group_slot[0])].copy()


def test_two_cells_taken_off_at_the_same_end_share_as_a_divider(network_site) -> None:
    """The far cell has both segments in its way: ``i1 / i2 = (r + 2 R) / r``."""
    near_A, far_A = cells_A(group(network_site, 2, 1e-3, False), 10.0)
    assert near_A / far_A == pytest.approx((R_OHM + 2e-3) / R_OHM, rel=1e-13)


def test_two_cells_taken_off_at_opposite_ends_share_alike(network_site) -> None:
    """Each has one segment in its way: a source ``E - (r + R) I / 2``."""
    site = group(network_site, 2, 1e-3, True)
    assert cells_A(site, 10.0) == pytest.approx([5.0, 5.0], rel=1e-13)
    voltage_V = site.arrays.groups.voltage_V[site.top.group_slot[0]]
    assert voltage_V == pytest.approx(E_V - (R_OHM + 1e-3) * 5.0, rel=1e-14)
    assert site.arrays.site.losses[network.RAIL_W] == pytest.approx(2 * 1e-3 * 25.0, rel=1e-12)


def test_a_long_ladder_is_the_discrete_cable(network_site) -> None:
    """``T'' = R / r T`` on places: currents fall as cosh, with ``2 cosh(a) = 2 + R / r``.

    A ladder network of N equal cells: u(k) - E is a multiple of cosh((N - k - 1/2) a).
    """
    p, segment_ohm = 40, 4e-4
    a = math.acosh(1.0 + segment_ohm / R_OHM)  # plus and minus segment: R = 2 segments
    shape = np.cosh((p - 0.5 - np.arange(p)) * a)
    found = cells_A(group(network_site, p, segment_ohm, False), 100.0)
    # What the last cell takes up: a rounding of 3.6 V in each of 40 cells of 33 S.
    assert found == pytest.approx(100.0 * shape / shape.sum(), rel=1e-11, abs=1e-11)


def test_taken_off_at_opposite_ends_a_ladder_is_symmetric(network_site) -> None:
    """The middle cells carry least; a cable of two half currents, cosh from the middle."""
    p, segment_ohm = 40, 4e-4
    a = math.acosh(1.0 + segment_ohm / R_OHM)
    shape = np.cosh((np.arange(p) - 0.5 * (p - 1)) * a)
    site = group(network_site, p, segment_ohm, True)
    found = cells_A(site, 100.0)
    assert found == pytest.approx(found[::-1], rel=1e-12)
    assert found == pytest.approx(100.0 * shape / shape.sum(), rel=1e-11)
    heat_W = site.arrays.cells.extra_W[site.cells_of(site.top.group_slot[0])]
    assert heat_W == pytest.approx(heat_W[::-1], rel=1e-11)
    assert heat_W.sum() == pytest.approx(site.arrays.site.losses[network.RAIL_W], rel=1e-13)


@ENDS
def test_rails_of_no_resistance_are_one_node(network_site, opposite) -> None:
    """To rounding: sums are formed in another order."""
    rail = RailSpec(segment_ohm=0.0, opposite_ends=opposite)
    for p in (1, 2, 7):
        with_rails, without = (
            network_site((3,), 17, p, np.random.default_rng(p), rail=kind) for kind in (rail, None)
        )
        for site in (with_rails, without):
            assert site.solve(network.CURRENT, 20.0)[0] == network.SOLVED
        mine, other = with_rails.arrays.cells, without.arrays.cells
        assert mine.current_A == pytest.approx(other.current_A, rel=0.0, abs=1e-11)
        assert mine.voltage_V == pytest.approx(other.voltage_V, rel=0.0, abs=1e-12)
        assert with_rails.arrays.site.losses[network.RAIL_W] == 0.0


@ENDS
@pytest.mark.parametrize("pole", ["plus", "minus"])
@pytest.mark.parametrize("segment_ohm", [1e9, 1e15])
def test_a_segment_all_but_open_divides_the_ladder(
    network_site, opposite, pole, segment_ohm
) -> None:
    """The part with a way to both terminals carries all, and what it would alone.

    The others give nothing together. Taken off at opposite ends, the current of the part that lives
    passes them on their whole rail, whose drops drive a current around among them.
    """
    site, p, torn = group(network_site, 6, 2e-4, opposite), 6, 2
    slots = site.cells_of(site.top.group_slot[0])
    getattr(site.arrays.over, f"rail_{pole}_extra_ohm")[slots[torn]] = segment_ohm
    found = cells_A(site, 12.0)
    far = opposite and pole == "plus"
    lives = np.arange(p) > torn if far else np.arange(p) <= torn
    alone = group(network_site, int(lives.sum()), 2e-4, opposite)
    assert found[lives] == pytest.approx(
        cells_A(alone, 12.0), rel=0.0, abs=2.0 / segment_ohm + 1e-12
    )
    assert abs(math.fsum(found[~lives])) < 2.0 / segment_ohm + 1e-12
    assert opposite or np.abs(found[~lives]).max() < 2.0 / segment_ohm + 1e-12
    assert math.fsum(found) == pytest.approx(12.0, rel=1e-14)


@ENDS
def test_cells_on_rails_carry_by_their_place(plant, opposite) -> None:
    """A whole plant: of equal cells, those far from a terminal carry less, and heat less."""
    site = plant(
        size__cells_per_group=6,
        wiring__rail=RailSpec(segment_ohm=2e-4, opposite_ends=opposite),
    )
    site.switchgear.command(np.array([(1, 1, 0)]), 0)
    site.advance(0, 2000, 100)
    site.switchgear.command(np.array([(1, 0, 1)]), 2000)
    site.control.running[0], site.control.setpoint_W[0] = 1, 300.0
    site.advance(2000, 12_000, 100)
    currents_A = site.cells.current_A[site.topology.cell_slot].reshape(3, 6)
    if opposite:
        assert (currents_A[:, 0] > 1.02 * currents_A[:, 2]).all()
        assert currents_A == pytest.approx(currents_A[:, ::-1], rel=1e-4)  # temperatures differ
    else:
        assert (np.diff(currents_A, axis=1) < 0.0).all()
        assert (currents_A[:, 0] > 1.1 * currents_A[:, 5]).all()
    assert site.flows.worst[1] < 1e-12
