"""What an erupting cell keeps of its heat."""

from __future__ import annotations

import pytest

from packs.burning import LEAST_SHARE, kept_share, matter_lost, progressed


def kept_in_the_end(body_share, ejected_mass, kept_J, left_J, steps=20_000):
    """Let a body of 1 J/K take its share of heat step by step, while matter leaves."""
    share = kept_share(body_share, ejected_mass, kept_J, left_J)
    C, T = 1.0, kept_J
    for _ in range(steps):
        T += share * left_J / steps / C
        leaves, _ = matter_lost(ejected_mass, 1.0, C, T, 1.0 / steps, 0.0)
        C -= leaves
    return C, C * T


@pytest.mark.parametrize(
    ("body_share", "ejected_mass", "kept_J"),
    [(0.28, 0.53, 10.0), (0.45, 0.4, 5.0), (0.5, 0.0, 0.0)],
)
def test_in_the_end_the_body_holds_its_share_of_all_heat(body_share, ejected_mass, kept_J) -> None:
    C, held_J = kept_in_the_end(body_share, ejected_mass, kept_J, 80.0)
    assert pytest.approx(1.0 - ejected_mass, rel=1e-9) == C
    assert held_J == pytest.approx(body_share * (kept_J + 80.0), rel=2e-4)  # first order in steps


def test_a_share_stays_within_bounds() -> None:
    assert kept_share(0.1, 0.5, 50.0, 10.0) == LEAST_SHARE
    assert kept_share(1.0, 0.5, 0.0, 10.0) == 1.0
    assert kept_share(1.0, 0.0, 3.0, 10.0) == 1.0


def test_no_more_matter_leaves_than_there_is() -> None:
    leaves, heat_J = matter_lost(0.5, 60.0, 31.0, 900.0, 0.1, 300.0)
    assert (leaves, heat_J) == (1.0, 600.0)
    assert matter_lost(0.5, 60.0, 30.0, 900.0, 0.1, 300.0)[0] == 0.0


def test_an_event_is_over_when_reactions_and_charge_are() -> None:
    assert progressed(0.0, 10.0, 20.0, 0.0, 0.0) == pytest.approx(1.0 / 3.0)
    assert progressed(0.0, 30.0, 0.0, 60.0, 60.0) == pytest.approx(1.0 / 3.0)
    assert progressed(0.0, 30.0, 0.0, 60.0, -20.0) == 1.0  # neighbours have fed it
    assert progressed(0.5, 1.0, 20.0, 60.0, 60.0) == 0.5
