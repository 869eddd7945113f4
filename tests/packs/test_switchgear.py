"""Contactors, precharge and fuse, in a whole plant and alone."""

from __future__ import annotations

import numpy as np
import pytest

from packs.overlay import FREE, STUCK_CLOSED, STUCK_OPEN
from packs.switchgear import insulation

OPEN = np.zeros((1, 3), dtype=np.int64)
DIRECT = np.array([[1, 0, 1]])
PRECHARGE = np.array([[1, 1, 0]])
# 3 groups whose OCV is 3.7 V whatever their charge (it must rise: by 1e-6 V over the window).
STIFF = {"ocv_V": 3.7, "ocv_slope_V": 1e-6, "r0_ohm": 1e-3}


def steps_of(plant):
    """Record (tick, length, current through the switches) of every step from now on.

    Steps are made one by one: those of a compiled call are not seen.
    """
    made, original = [], plant.step

    def step(tick, length):
        original(tick, length)
        made.append((tick, length, float(plant.network.switch_A[0])))

    plant.step, plant.compiled = step, None
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
    site = plant(size__modules=(1, 1))
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
    assert site.network.switch_A[0] == 0.0
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


def test_a_contactor_that_changes_no_current_asks_for_no_short_steps(plant) -> None:
    """A rack that joins a bus of its own voltage, and leaves it again."""
    site = plant(size__modules=(1, 1), wiring__link_bleed_ohm=1e9)
    both = np.array([[1, 0, 1], [1, 0, 1]])
    one = np.array([[1, 0, 1], [0, 0, 0]])
    site.switchgear.command(one, 0)
    site.advance(0, 5000)
    made = steps_of(site)
    for tick, coils in ((5000, both), (7000, one)):
        site.switchgear.command(coils, tick)
        site.advance(tick, tick + 2000, 1000)
    lengths = [length for _, length, _ in made]
    assert lengths == [30, 1000, 970, 30, 1000, 970]


# --- precharge -----------------------------------------------------------------------------------

LINK_F, SERIES_OHM = 0.1, 10.0 + 5e-3 + 2 * 5e-4 + 3 * (1e-3 / 2 + 1e-4 + 1e-4)
BLEED_OHM, EMF_V = 1e4, 3 * 3.7


def precharged(plant, params, step_ms, until_ms):
    """Return ends of steps [s] and bus voltages [V] of a precharge, contactors closing at once."""
    site = plant(
        params=params, step_s=step_ms / 1000.0, alert_step_s=step_ms / 1000.0,
        wiring__contactor_delay_s=0.0, wiring__link_capacitance_F=LINK_F,
    )  # fmt: skip
    site.switchgear.command(PRECHARGE, 0)
    voltages, original = {}, site.step

    def step(tick, length):
        original(tick, length)
        voltages[(tick + length) / 1000.0] = float(site.network.bus[0])

    site.step, site.compiled = step, None
    site.advance(0, until_ms)
    assert max(np.diff(list(voltages))) == pytest.approx(step_ms / 1000.0)
    return np.array(list(voltages)), np.array(list(voltages.values()))


def test_each_step_of_a_precharge_is_exactly_implicit_euler(plant, make_linear_cell) -> None:
    time_s, bus_V = precharged(plant, make_linear_cell(**STIFF), 100, 4000)
    conductance_S = 1.0 / SERIES_OHM + 1.0 / BLEED_OHM
    final_V = EMF_V / SERIES_OHM / conductance_S
    lengths_s = np.diff(time_s, prepend=0.0)
    factors = 1.0 / (1.0 + lengths_s * conductance_S / LINK_F)
    expected = final_V * (1.0 - np.cumprod(factors))
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


# --- contacts that weld --------------------------------------------------------------------------

LOADED = {
    "wiring__link_bleed_ohm": 0.05, "wiring__fuse_rating_A": 1e4, "wiring__fuse_least_A": 2e4,
}  # fmt: skip
LOADED_A = EMF_V / (SERIES_OHM - 10.0 + 0.05)  # 190 A through closed contactors


@pytest.mark.parametrize(
    ("coils", "welds"), [([0, 0, 0], [1, 0, 1]), ([1, 0, 0], [0, 0, 1]), ([0, 0, 1], [1, 0, 0])]
)
@pytest.mark.parametrize("part", [0.99, 1.01])
def test_a_contactor_that_opens_more_than_it_can_break_welds_and_not_below(
    plant, make_linear_cell, coils, welds, part
) -> None:
    site = plant(
        params=make_linear_cell(**STIFF), wiring__contactor_break_A=part * LOADED_A, **LOADED
    )
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 1000)
    assert site.network.switch_A[0] == pytest.approx(LOADED_A, rel=1e-3)
    site.switchgear.command(np.array([coils]), 1000)
    site.advance(1000, 2000)
    codes = [notice.code for notice in site.notices if notice.code.startswith("contactor_welded")]
    if part > 1.0:
        assert site.switch_view.position.tolist() == [coils] and codes == []
        assert site.network.switch_A[0] == 0.0
        return
    assert site.switch_view.position.tolist() == [[1, 0, 1]]  # all current flows on
    names = ("minus", "precharge", "plus")
    told = [f"contactor_welded_{n}" for n, w in zip(names, welds, strict=True) if w]
    assert codes == told
    site.overlay.bus_short_S[0] = 0.0
    site.control.running[0] = 0
    site.switchgear.command(OPEN, 2000)
    site.overlay.contactor_stuck[0] = STUCK_OPEN
    site.advance(2000, 3000)
    site.overlay.contactor_stuck[0] = FREE
    site.advance(3000, 4000)
    kept = site.switch_view.position[0]
    assert np.all(kept[np.array(welds) == 1] == 1)  # for good
    assert [n.code for n in site.notices].count(told[0]) == 1  # and said once


@pytest.mark.parametrize(("part", "welds"), [(0.99, True), (1.01, False)])
def test_a_contactor_that_closes_onto_more_than_it_can_make_welds(
    plant, make_linear_cell, part, welds
) -> None:
    """Onto an empty link: E over all that lies in series."""
    peak_A = EMF_V / (SERIES_OHM - 10.0)
    site = plant(params=make_linear_cell(**STIFF), wiring__contactor_make_A=part * peak_A)
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 1000)
    site.switchgear.command(OPEN, 1000)
    site.advance(1000, 2000)
    assert site.switch_view.position.tolist() == [[0, 0, 1 if welds else 0]]
    codes = [notice.code for notice in site.notices]
    assert ("contactor_welded_plus" in codes) == welds
    inrush = next(notice for notice in site.notices if notice.code == "inrush")
    assert inrush.value == pytest.approx(peak_A, rel=1e-3)  # the 30 ms charge nothing before


def test_closing_through_the_precharge_resistor_and_then_onto_a_full_link_welds_nothing(
    plant, make_linear_cell
) -> None:
    site = plant(params=make_linear_cell(**STIFF), wiring__contactor_make_A=5.0)
    site.switchgear.command(PRECHARGE, 0)
    site.advance(0, 2000)  # 40 time constants of 10 ohm and 5 mF
    site.switchgear.command(np.array([[1, 1, 1]]), 2000)
    site.advance(2000, 3000)
    assert site.switch_view.position.tolist() == [[1, 1, 1]]
    assert site.notices == []


# --- auxiliary contacts and insulation -----------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "told"), [(FREE, [1, 0, 1]), (STUCK_OPEN, [0, 0, 0]), (STUCK_CLOSED, [1, 1, 1])]
)
def test_feedback_tells_the_position_or_its_lie_and_moves_nothing(plant, lie, told) -> None:
    site = plant()
    site.overlay.feedback[0] = lie
    site.switchgear.command(DIRECT, 0)
    site.advance(0, 500)
    assert site.switch_view.position.tolist() == [[1, 0, 1]]
    assert site.switch_view.feedback.tolist() == [told]
    site.overlay.feedback[0] = FREE
    site.advance(500, 600)
    assert site.switch_view.feedback.tolist() == [[1, 0, 1]]


def test_an_insulation_monitor_sees_both_poles_in_parallel_and_the_pack_drives_them_in_series() -> (
    None
):
    ohm, shunt_S = insulation(1e-7, 0.0, 0.0)
    assert ohm == pytest.approx(5e6, rel=1e-15)
    assert shunt_S == pytest.approx(0.5e-7, rel=1e-15)
    ohm, shunt_S = insulation(1e-7, 1e-3, 3e-3)
    assert ohm == pytest.approx(1.0 / 4.0002e-3, rel=1e-15)
    assert shunt_S == pytest.approx(1.0 / (1.0 / 1.0001e-3 + 1.0 / 3.0001e-3), rel=1e-15)


def test_one_leak_lowers_the_reading_and_two_drive_a_current(plant) -> None:
    """Open switches; 5 Mohm healthy, then 1 kohm at minus, then at plus, too."""
    site = plant()

    def measured():
        site.advance(0, 100)
        return float(site.control.insulation_ohm[0]), float(site.network.rack_current_A[0])

    emf_V = float(site.network.rack_voltage_V[0])
    ohm, current_A = measured()
    assert (ohm, current_A) == pytest.approx((5e6, emf_V / 20e6), rel=1e-6)
    site.overlay.leak_S[0, 0] = 1e-3
    ohm, current_A = measured()
    assert ohm == pytest.approx(1.0 / (1e-3 + 2e-7), rel=1e-12)
    assert current_A == pytest.approx(emf_V / 10e6, rel=1e-3)  # through the healthy pole, still
    site.overlay.leak_S[0, 1] = 1e-3
    ohm, current_A = measured()
    assert ohm == pytest.approx(1.0 / (2e-3 + 2e-7), rel=1e-12)
    assert current_A == pytest.approx(emf_V / 2e3, rel=1e-3)
    assert site.network.switch_A[0] == 0.0
