"""Fuses: their melting curve alone, cooling, and a whole plant whose fuse blows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.switchgear import NEVER_S

DIRECT = np.array([[1, 0, 1]])
RATING_A, LEAST_A, MELTING_A2S = 60.0, 90.0, 2e4  # as in the plants of these tests
TAU_S = MELTING_A2S / LEAST_A**2
WEAK_FUSE = {
    "wiring__fuse_rating_A": 5.0, "wiring__fuse_least_A": 8.0, "wiring__fuse_melting_A2s": 50.0,
    "wiring__contactor_delay_s": 0.0,
}  # fmt: skip


def melting_s(current_A):
    """Return when a cold fuse melts at constant current: ``-tau ln(1 - (least/i)^2)``."""
    return -TAU_S * math.log1p(-((LEAST_A / current_A) ** 2))


def charged(site):
    """Charge the link beforehand, so that nothing rushes in."""
    site.network.bus[0] = site.network.rack_voltage_V.mean()


# --- alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("times_rated", [2, -2, 5, 20])
@pytest.mark.parametrize("step_s", [0.0003, 0.001, 0.01, 0.1, 1.0])
def test_fuse_melts_in_the_step_that_holds_the_time_of_its_curve(
    plant, times_rated, step_s
) -> None:
    """Exactly, whatever the step; and at every step before it tells how long it still takes."""
    current_A, gear = times_rated * RATING_A, plant().switchgear
    exact_s = melting_s(abs(current_A))
    due = math.ceil(exact_s / step_s)
    for k in range(1, due + 1):
        blown, soonest_s = gear.heat_fuses(np.array([current_A]), step_s)
        assert blown == ([0] if k == due else []), k
        if k < due:
            # The heat is a difference of up to 178: thousands of steps round it at 1e-14 each.
            assert soonest_s == pytest.approx(exact_s - k * step_s, rel=1e-9, abs=1e-9)
    assert soonest_s == NEVER_S


def test_in_short_times_the_melting_integral_decides(plant) -> None:
    """At 20 times the rated current ``i^2 t`` is that of the data sheet, within the next order."""
    assert (20 * RATING_A) ** 2 * melting_s(20 * RATING_A) == pytest.approx(MELTING_A2S, rel=3e-3)


@pytest.mark.parametrize("current_A", [RATING_A, 0.999 * LEAST_A, -0.999 * LEAST_A])
def test_below_its_least_melting_current_a_fuse_carries_a_day(plant, current_A) -> None:
    site = plant()
    for _ in range(86_400):
        blown, soonest_s = site.switchgear.heat_fuses(np.array([current_A]), 1.0)
        assert blown == [] and soonest_s == NEVER_S
    # 35,000 time constants: at rest but for rounding.
    assert site.switch_view.fuse_heat[0] == pytest.approx((current_A / LEAST_A) ** 2, rel=1e-12)


@pytest.mark.parametrize("step_s", [0.01, 0.1, 5.0])
def test_fuse_forgets_heat_with_its_time_constant_at_any_step(plant, step_s) -> None:
    site = plant()
    site.switch_view.fuse_heat[0] = 0.8
    for _ in range(round(5.0 / step_s)):
        site.switchgear.heat_fuses(np.array([0.0]), step_s)
    # 500 products of a rounded factor.
    expected = 0.8 * math.exp(-5.0 / TAU_S)
    assert site.switch_view.fuse_heat[0] == pytest.approx(expected, rel=500 * 4e-16)


def test_a_warm_fuse_melts_sooner_by_the_time_that_warmed_it(plant) -> None:
    """The element has no other memory than its heat: half the time now, half of it later."""
    gear, current_A = plant().switchgear, 2 * RATING_A
    half_s = 0.5 * melting_s(current_A)
    gear.heat_fuses(np.array([current_A]), half_s)
    assert gear.heat_fuses(np.array([0.0]), 0.0)[0] == []
    assert gear.heat_fuses(np.array([current_A]), half_s * (1.0 - 1e-6))[0] == []
    assert gear.heat_fuses(np.array([current_A]), half_s * 1.1e-6)[0] == [0]


# --- in a plant ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step_ms", [10, 100, 1000])
def test_a_plant_step_ends_where_the_fuse_melts(plant, make_linear_cell, step_ms) -> None:
    """A constant current from stiff cells: the tick of the curve, whatever the step."""
    site = plant(
        params=make_linear_cell(ocv_V=3.7, ocv_slope_V=1e-6, r0_ohm=1e-3),
        wiring__contactor_delay_s=0.0, wiring__link_bleed_ohm=0.2, wiring__link_capacitance_F=1e-9,
        wiring__fuse_rating_A=10.0, wiring__fuse_least_A=15.0, wiring__fuse_melting_A2s=5000.0,
    )  # fmt: skip
    site.switchgear.command(DIRECT, 0)
    currents_A, blown_at, original = [], [], site.step

    def step(tick, length):
        original(tick, length)
        if site.switch_view.fuse_blown[0] and not blown_at:
            blown_at.append(tick + length)
        if not blown_at:
            currents_A.append(site.network.rack_current_A[0])

    site.step, site.compiled = step, None
    for tick in range(0, 4000, step_ms):
        site.advance(tick, tick + step_ms)
    assert np.ptp(currents_A) < 1e-3 and currents_A[0] > 50.0
    tau_s = 5000.0 / 15.0**2
    exact_s = -tau_s * math.log1p(-((15.0 / currents_A[-1]) ** 2))
    assert blown_at[0] in (math.ceil(exact_s * 1000.0), math.ceil(exact_s * 1000.0) + 1)


def test_a_blown_fuse_takes_its_rack_off_the_bus_for_good_and_says_so_once(plant) -> None:
    site = plant(**WEAK_FUSE, wiring__link_bleed_ohm=1.0)
    charged(site)
    site.switchgear.command(DIRECT, 0)
    for tick in range(0, 5000, 100):
        site.advance(tick, tick + 100)
    assert site.switch_view.fuse_blown[0] == 1
    assert site.network.rack_current_A[0] == 0.0
    assert [notice.code for notice in site.notices] == ["fuse_blown"]
    assert abs(site.notices[0].value) > 5.0


def test_fuses_of_two_racks_that_blow_together_are_both_told(plant) -> None:
    site = plant(size__modules=(1, 1), **WEAK_FUSE, wiring__link_bleed_ohm=0.5)
    charged(site)
    site.switchgear.command(np.repeat(DIRECT, 2, axis=0), 0)
    for tick in range(0, 5000, 100):
        site.advance(tick, tick + 100)
    assert site.switch_view.fuse_blown.tolist() == [1, 1]
    assert [(n.code, n.component) for n in site.notices] == [("fuse_blown", 0), ("fuse_blown", 1)]


def test_an_opened_fuse_fault_is_gone_when_the_fault_is(plant) -> None:
    site = plant(wiring__link_bleed_ohm=5.0)
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 500)
    site.overlay.fuse_open[0] = 1
    site.advance(500, 600)
    assert site.network.rack_current_A[0] == 0.0
    site.overlay.fuse_open[0] = 0
    site.advance(600, 700)
    assert site.network.rack_current_A[0] > 1.0
