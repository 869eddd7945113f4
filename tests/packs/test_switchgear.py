"""Contactors, precharge and fuse, in a whole plant and alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.overlay import FREE, STUCK_CLOSED, STUCK_OPEN
from packs.switchgear import FUSE_COOLING_S

OPEN = np.zeros((1, 3), dtype=np.int64)
DIRECT = np.array([[1, 0, 1]])
PRECHARGE = np.array([[1, 1, 0]])
# 3 groups whose OCV is 3.7 V whatever their charge (it must rise: by 1e-6 V over the window).
STIFF = {"ocv_V": 3.7, "ocv_slope_V": 1e-6, "r0_ohm": 1e-3}


def steps_of(plant):
    """Record (tick, length, rack current) of every step that the plant makes from now on."""
    made, original = [], plant.step

    def step(tick, length):
        original(tick, length)
        made.append((tick, length, float(plant.network.rack_current_A[0])))

    plant.step = step
    return made


# --- contactors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_ms", [0, 7, 30, 130])
def test_contactors_move_at_the_tick_of_their_delay(plant, delay_ms) -> None:
    """The plant lets a step end there: no current one tick before, current right after."""
    site = plant(wiring__contactor_delay_s=delay_ms / 1000.0, wiring__link_bleed_ohm=5.0)
    made = steps_of(site)
    site.advance(0, 200)
    site.switchgear.command(DIRECT, 200)
    for tick in range(200, 600, 100):
        site.advance(tick, tick + 100)
    moved = 200 + delay_ms
    for tick, length, current_A in made:
        assert tick + length <= moved or tick >= moved
        assert (abs(current_A) > 1.0) == (tick >= moved)  # 11 V on 5 ohm, and the capacitor


def test_every_one_of_several_movements_ends_a_step(plant) -> None:
    """Minus is commanded after plus and moves after it, though it comes first in the arrays."""
    site = plant(size__racks=2)
    coils = np.zeros((2, 3), dtype=np.int64)
    made = steps_of(site)
    for tick, rack, which in ((0, 1, 2), (10, 0, 2), (20, 0, 0)):
        coils[rack, which] = 1
        site.switchgear.command(coils, tick)
        site.advance(tick, tick + 10)
    site.advance(30, 200)
    assert {30, 40, 50} <= {tick for tick, _, _ in made}
    assert site.switch_view.position.tolist() == [[1, 0, 1], [0, 0, 1]]


def test_a_command_taken_back_within_the_delay_moves_nothing(plant) -> None:
    site = plant(wiring__contactor_delay_s=0.05)
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 20)
    site.switchgear.command(OPEN, 20)
    site.advance(20, 300)
    assert not site.switch_view.position.any()


def test_opening_takes_the_same_delay_as_closing(plant) -> None:
    site = plant(wiring__link_bleed_ohm=5.0)
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 1000)
    made = steps_of(site)
    site.switchgear.command(OPEN, 1000)
    site.advance(1000, 1100)
    assert [(current_A > 1.0) for tick, _, current_A in made if tick < 1030] == [True]
    assert {current_A for tick, _, current_A in made if tick >= 1030} == {0.0}


@pytest.mark.parametrize("coils", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]])
def test_one_pole_alone_leads_nowhere(plant, coils) -> None:
    site = plant()
    site.switchgear.command(np.array([coils]), 0)
    site.advance(0, 500)
    assert site.network.rack_current_A[0] == 0.0
    assert site.network.bus[0] == 0.0


def test_a_stuck_contactor_ignores_its_coil_and_follows_it_again_when_released(plant) -> None:
    site = plant()
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 500)
    site.overlay.contactor_stuck[0, 2] = STUCK_OPEN
    site.advance(500, 600)
    assert site.switch_view.position.tolist() == [[1, 0, 0]]
    site.overlay.contactor_stuck[0] = STUCK_CLOSED
    site.switchgear.command(OPEN, 600)
    site.advance(600, 1000)
    assert site.switch_view.position.tolist() == [[1, 1, 1]]  # welded
    site.overlay.contactor_stuck[0] = FREE
    site.advance(1000, 1100)
    assert site.switch_view.position.tolist() == [[0, 0, 0]]


def test_short_steps_hold_while_a_contactor_has_just_moved(plant) -> None:
    site = plant(alert_step_s=0.05)
    made = steps_of(site)
    site.advance(0, 1000)
    assert [length for _, length, _ in made] == [1000]
    site.switchgear.command(DIRECT, 1000)
    site.advance(1000, 3000)
    after = [(tick, length) for tick, length, _ in made if 1030 <= tick]
    assert all(length <= 50 for tick, length in after if tick < 2030)
    assert after[-1][1] > 50
    assert sum(length for _, length in after) == 3000 - 1030


# --- precharge -----------------------------------------------------------------------------------

LINK_F, SERIES_OHM = 0.1, 10.0 + 5e-3 + 2 * 5e-4 + 3 * (1e-3 / 2 + 1e-4 + 1e-4)
BLEED_OHM, EMF_V = 1e4, 3 * 3.7


def precharged(plant, params, step_ms, until_ms):
    """Return times [s] and bus voltages [V] of a precharge, the contactors closing at once."""
    site = plant(
        params=params, step_s=step_ms / 1000.0, alert_step_s=step_ms / 1000.0,
        wiring__contactor_delay_s=0.0, wiring__link_capacitance_F=LINK_F,
    )  # fmt: skip
    site.switchgear.command(PRECHARGE, 0)
    voltages = []
    for tick in range(0, until_ms, step_ms):
        site.advance(tick, tick + step_ms)
        voltages.append(float(site.network.bus[0]))
    return (np.arange(len(voltages)) + 1) * step_ms / 1000.0, np.array(voltages)


def test_each_step_of_a_precharge_is_exactly_implicit_euler(plant, make_linear_cell) -> None:
    time_s, bus_V = precharged(plant, make_linear_cell(**STIFF), 100, 4000)
    conductance_S = 1.0 / SERIES_OHM + 1.0 / BLEED_OHM
    final_V = EMF_V / SERIES_OHM / conductance_S
    factor = 1.0 / (1.0 + 0.1 * conductance_S / LINK_F)
    expected = final_V * (1.0 - factor ** (time_s / 0.1))
    # The cells' OCV is 3.7 V + 0.5e-6 V and a millionth of what charge flows: 2 uV in all.
    assert bus_V == pytest.approx(expected, rel=0.0, abs=2e-6)


def test_precharge_converges_first_order_to_its_exponential(plant, make_linear_cell) -> None:
    conductance_S = 1.0 / SERIES_OHM + 1.0 / BLEED_OHM
    final_V, steps_ms, errors = EMF_V / SERIES_OHM / conductance_S, (100, 50, 25, 10), []
    for step_ms in steps_ms:
        time_s, bus_V = precharged(plant, make_linear_cell(**STIFF), step_ms, 1000)
        exact = final_V * -np.expm1(-time_s * conductance_S / LINK_F)
        errors.append(abs(bus_V[-1] - exact[-1]))
    slope = np.polyfit(np.log(steps_ms), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)  # h/RC is 10 % at the longest step
    assert errors[-1] < 0.01 * final_V


def test_steps_stay_short_as_long_as_a_rack_is_precharging(plant, make_linear_cell) -> None:
    site = plant(params=make_linear_cell(**STIFF), alert_step_s=0.05)
    site.switchgear.command(PRECHARGE, 0)
    made = steps_of(site)
    site.advance(0, 5000)
    assert max(length for tick, length, _ in made if tick >= 30) == 50


# --- fuse ----------------------------------------------------------------------------------------

RATING_A, MELTING_A2S = 60.0, 2e4


def melting_time(switchgear, current_A, step_s, limit_s=200.0):
    """Return when the fuse of a fresh switchgear blows at constant current, or None."""
    for k in range(1, round(limit_s / step_s) + 1):
        if switchgear.heat_fuses(np.array([current_A]), step_s):
            return k * step_s
    return None


@pytest.mark.parametrize("current_A", [100.0, -100.0, 500.0])
@pytest.mark.parametrize("step_s", [0.01, 0.1])
def test_fuse_melts_when_its_heat_has_reached_the_melting_integral(
    plant, current_A, step_s
) -> None:
    """``dH/dt = i^2 - I_r^2 - H/tau``, solved for ``H = melting``; never early, late by a step."""
    time_s = melting_time(plant().switchgear, current_A, step_s)
    excess = current_A**2 - RATING_A**2
    exact_s = -FUSE_COOLING_S * math.log1p(-MELTING_A2S / (excess * FUSE_COOLING_S))
    # Implicit cooling lags by h/2 of what was forgotten, at most 5 % here: less than a step.
    assert exact_s - 0.05 * step_s <= time_s <= exact_s + 1.1 * step_s


def test_fuse_carries_its_rating_for_ever(plant) -> None:
    site = plant()
    assert melting_time(site.switchgear, RATING_A, 1.0, limit_s=1e5) is None
    assert site.switch_view.fuse_heat_A2s[0] == 0.0


def test_fuse_forgets_heat_with_its_time_constant(plant) -> None:
    site = plant()
    site.switch_view.fuse_heat_A2s[0] = 1e4
    for _ in range(600):
        site.switchgear.heat_fuses(np.array([0.0]), 0.1)
    # Implicit Euler: exp(-1) times 1 + h/2tau = 1.0008.
    assert site.switch_view.fuse_heat_A2s[0] == pytest.approx(1e4 * math.exp(-1.0), rel=1e-3)


def test_a_blown_fuse_takes_its_rack_off_the_bus_for_good_and_says_so_once(plant) -> None:
    site = plant(wiring__fuse_rating_A=5.0, wiring__fuse_melting_A2s=50.0,
                 wiring__link_bleed_ohm=1.0)  # fmt: skip
    site.switchgear.command(DIRECT, 0)
    for tick in range(0, 5000, 100):
        site.advance(tick, tick + 100)
    assert site.switch_view.fuse_blown[0] == 1
    assert site.network.rack_current_A[0] == 0.0
    assert [notice.code for notice in site.notices] == ["fuse_blown"]
    assert abs(site.notices[0].value) > 5.0


def test_fuses_of_two_racks_that_blow_together_are_both_told(plant) -> None:
    site = plant(size__racks=2, wiring__fuse_rating_A=5.0, wiring__fuse_melting_A2s=50.0,
                 wiring__link_bleed_ohm=0.5)  # fmt: skip
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
