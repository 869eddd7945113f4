"""Shorts of 0 ohm: legal, the limit of small ones, and every balance closed."""

from __future__ import annotations

import numpy as np
import pytest

from packs import network
from packs.overlay import DEAD_SHORT_S
from packs.switchgear import insulation

PLACES = ("cell", "group", "rack", "bus")


def shorted(network_site, where, conductance_S):
    """Return a site of two racks with a short somewhere, solved without a demand."""
    site = network_site((2, 1), 4, 3, np.random.default_rng(3))
    site.companion_S, site.link_V = 0.05, 20.0
    a = site.arrays
    if where == "cell":
        a.over.cell_short_S[site.top.cell_slot[4]] = conductance_S
    elif where == "group":
        a.over.group_short_S[site.top.group_slot[2]] = conductance_S
    elif where == "rack":
        a.racks.short_S[0] = conductance_S
    else:
        site.bus_short_S = conductance_S
    status, _, _ = site.solve(network.OPEN, 0.0)
    assert status == network.SOLVED
    return site


@pytest.mark.parametrize("where", PLACES)
def test_a_dead_short_is_the_limit_of_small_ones(network_site, where) -> None:
    """The error of 1/S is first order: a thousand times the conductance, a thousandth of it."""
    sites = [shorted(network_site, where, s) for s in (1e6, 1e9, DEAD_SHORT_S)]
    rough, fine, dead = (s.arrays.cells.current_A[s.top.cell_slot] for s in sites)
    assert np.abs(rough - dead).max() < 20.0
    assert np.abs(fine - dead).max() < 1.1e-3 * np.abs(rough - dead).max()
    assert np.abs(dead).max() > 20.0


@pytest.mark.parametrize("where", PLACES)
def test_a_dead_short_carries_its_current_at_no_voltage_and_balances_close(
    network_site, where
) -> None:
    site = shorted(network_site, where, DEAD_SHORT_S)
    a, bus = site.arrays, site.arrays.site.bus
    slots = site.top.cell_slot
    given_W = float(a.cells.current_A[slots] @ a.cells.voltage_V[slots])
    v = bus[network.BUS_V]
    taken_W = float(a.site.losses.sum()) + v * bus[network.LINK_A] + site.link_bleed_S * v * v
    assert given_W == pytest.approx(taken_W, rel=1e-13)
    assert bus[network.RESIDUAL_A] < 1e-10
    volts = {
        "cell": a.cells.voltage_V[slots[4]], "group": a.groups.voltage_V[site.top.group_slot[2]],
        "rack": a.racks.node_V[0], "bus": v,
    }[where]  # fmt: skip
    assert 0.0 < volts < 1e-9


def test_a_pole_bolted_to_ground_has_no_insulation_and_drives_nothing_alone() -> None:
    ohm, shunt_S = insulation(1e-7, DEAD_SHORT_S, 0.0)
    assert 0.0 < ohm < 1e-11
    assert shunt_S == pytest.approx(1e-7, rel=1e-12)
    ohm, shunt_S = insulation(1e-7, DEAD_SHORT_S, DEAD_SHORT_S)
    assert shunt_S == pytest.approx(0.5 * DEAD_SHORT_S, rel=1e-12)
