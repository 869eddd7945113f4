"""One ECM cell against closed forms: relaxation, discharge, hysteresis, a smooth current.

With a linear OCV and constant R and tau everything here can be written down by hand. ROUNDING is
then the whole tolerance: at most 3,600 steps, each rounding a number of 4 V once (eps 9e-16 V).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

CAPACITY_As = 18_000.0  # 5 Ah
R_OHM, TAU_S = (0.012, 0.02, 0.03), (4.0, 30.0, 300.0)
ROUNDING_V = 4e-12


def rc_voltage(n_rc, current_A, time_s):
    """Give the sum over RC pairs after `time_s` of constant current from rest."""
    pairs = zip(R_OHM[:n_rc], TAU_S[:n_rc], strict=True)
    return sum(r * current_A * -math.expm1(-time_s / tau) for r, tau in pairs)


@pytest.mark.parametrize("n_rc", [0, 1, 2, 3])
@pytest.mark.parametrize("step_s", [0.1, 1.0, 60.0])
def test_constant_current_discharge_is_exact_at_every_step(
    make_linear_cell, bench, n_rc, step_s
) -> None:
    current_A = 5.0
    cell = bench(make_linear_cell(n_rc), 0.9, step_s=step_s)
    for k in range(1, 41):
        time_s = k * step_s
        soc = 0.9 - current_A * time_s / CAPACITY_As
        expected = 3.0 + 1.2 * soc - 0.03 * current_A - rc_voltage(n_rc, current_A, time_s)
        assert cell.step(current_A)[0] == pytest.approx(expected, rel=0.0, abs=ROUNDING_V)
        # One rounding of a charge of 18,000 A s; the sum itself is compensated.
        charge = CAPACITY_As * 0.9 - current_A * time_s
        assert cell.field("charge_As")[0] == pytest.approx(charge, rel=0.0, abs=4e-12)


@pytest.mark.parametrize("n_rc", [1, 2, 3])
def test_rc_pairs_relax_as_exponentials(make_linear_cell, bench, n_rc) -> None:
    cell = bench(make_linear_cell(n_rc), 0.5, step_s=7.0)
    for _ in range(20):
        cell.step(10.0)
    start = [cell.field(f"v{k + 1}_V")[0] for k in range(n_rc)]
    for k in range(1, 51):
        cell.step(0.0)
        for pair in range(n_rc):
            expected = start[pair] * math.exp(-7.0 * k / TAU_S[pair])
            found = cell.field(f"v{pair + 1}_V")[0]
            # 50 products of a rounded factor: half an ulp each, and the factor is formed as
            # 1 - (1 - a), which rounds 1: 1.1e-16/a of it, and as much for 1 - a.
            rounding = 1.1e-16 + 2.2e-16 * math.exp(7.0 / TAU_S[pair])
            assert found == pytest.approx(expected, rel=50 * rounding, abs=0.0)


def test_absent_rc_pairs_stay_at_zero(make_linear_cell, bench) -> None:
    """Two pairs have their place in every cell; a third where it is, and else takes none."""
    for n_rc in (0, 1, 2):
        cell = bench(make_linear_cell(n_rc), 0.5)
        for _ in range(10):
            cell.step(10.0)
        for pair in range(n_rc + 1, 3):
            for name in (f"v{pair}_V", f"a{pair}", f"b{pair}_ohm", f"c{pair}_F", f"r{pair}_ohm"):
                assert cell.field(name)[0] == 0.0
        with pytest.raises(ValueError, match="not in tuple"):
            cell.field("v3_V")


def test_the_result_does_not_depend_on_how_a_constant_current_is_cut(
    make_linear_cell, bench
) -> None:
    cells = [bench(make_linear_cell(3), 0.9, step_s=h) for h in (0.5, 2.0, 40.0)]
    last = [[cell.step(8.0) for _ in range(round(200.0 / cell.step_s))][-1][0] for cell in cells]
    assert np.ptp(last) < ROUNDING_V


def test_voltage_after_the_step_is_that_of_the_state_after_the_step(lg_m50, bench) -> None:
    cell = bench(lg_m50, 0.6, step_s=1.0)
    hysteresis_V, x_start = lg_m50.hysteresis_V, cell.field("hysteresis")[0]
    for current_A in (4.0, -3.0, 0.0, 9.0):
        v = cell.step(current_A)[0]
        ocv_V = cell.observe()[1][0]
        polarised = sum(cell.field(f"v{pair}_V")[0] for pair in range(1, lg_m50.n_rc + 1))
        expected = ocv_V + hysteresis_V * x_start - polarised - cell.field("r0_ohm")[0] * current_A
        assert v == pytest.approx(expected, rel=0.0, abs=1e-14)  # four roundings of 4 V
        x_start = cell.field("hysteresis")[0]


def test_port_changes_nothing_and_repeats(lg_m50, bench) -> None:
    cell = bench(lg_m50, np.linspace(0.2, 0.8, 5))
    cell.step(3.0)
    before = cell.lanes.copy()
    lines = []
    for guess in (0.0, 100.0):
        cell.current_A[:] = guess
        arguments = cell.lanes, cell.temperature_K, 1.0, cell.current_A
        cell.model.port(*arguments, cell.emf_V, cell.resistance_ohm)
        lines.append((cell.emf_V.copy(), cell.resistance_ohm.copy()))
    assert np.array_equal(cell.lanes, before)
    assert np.array_equal(lines[0], lines[1])


# --- hysteresis ----------------------------------------------------------------------------------


def test_hysteresis_stays_within_its_branches_for_any_current_and_step(
    make_linear_cell, bench
) -> None:
    rng = np.random.default_rng(7)
    params = make_linear_cell(0, hysteresis_V=0.02, hysteresis_rate=200.0)
    cell = bench(params, np.full(32, 0.5), step_s=3.0)
    for _ in range(500):
        cell.step(rng.normal(0.0, 40.0, 32))
        assert np.all(np.abs(cell.field("hysteresis")) <= 1.0)  # exactly: |x - T| <= 1 + |T|


def test_hysteresis_converges_first_order_to_its_exponential(make_linear_cell, bench) -> None:
    rate, current_A, time_s = 60.0, 10.0, 64.0
    exact = -1.0 + math.exp(-rate * current_A * time_s / CAPACITY_As)
    steps_s, errors = (4.0, 2.0, 1.0, 0.5), []
    for step_s in steps_s:
        params = make_linear_cell(0, hysteresis_V=0.02, hysteresis_rate=rate)
        cell = bench(params, 0.9, step_s=step_s)
        for _ in range(round(time_s / step_s)):
            cell.step(current_A)
        errors.append(abs(cell.field("hysteresis")[0] - exact))
    slope = np.polyfit(np.log(steps_s), np.log(errors), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)  # the next order is 7 % of the error at 4 s
    # Leading term of (1 + T)^-n against exp(-n T): exp(-n T) n T^2/2, with T = 1/60, n = 128.
    assert errors[-1] == pytest.approx((1.0 + exact) * 128 / 60**2 / 2, rel=0.02)


def test_hysteresis_turns_round_at_once_when_the_current_does(make_linear_cell, bench) -> None:
    params = make_linear_cell(0, hysteresis_V=0.02, hysteresis_rate=60.0)
    cell = bench(params, 0.9, step_s=10.0)
    discharging = [(cell.step(5.0), cell.field("hysteresis")[0])[1] for _ in range(150)]
    resting = [(cell.step(0.0), cell.field("hysteresis")[0])[1] for _ in range(5)]
    charging = [(cell.step(-5.0), cell.field("hysteresis")[0])[1] for _ in range(150)]
    assert np.all(np.diff(discharging) < 0.0)
    assert set(resting) == {discharging[-1]}  # OCV remembers its branch at rest
    assert np.all(np.diff(charging) > 0.0)
    # (1 + T)^-150 with T = gamma i h / Q = 1/6: 9e-11, twice that on the way back.
    assert discharging[-1] == pytest.approx(-1.0, abs=1e-10)
    assert charging[-1] == pytest.approx(1.0, abs=2e-10)


def test_the_two_branches_lie_twice_the_hysteresis_voltage_apart(make_linear_cell, bench) -> None:
    params = make_linear_cell(0, hysteresis_V=0.02, hysteresis_rate=200.0, r0_ohm=1e-7)
    down, up = bench(params, 0.8, step_s=10.0), bench(params, 0.2, step_s=10.0)
    for _ in range(108):  # 0.3 of soc, as in 5 A for 1,080 s: both arrive at 0.5
        v_down, v_up = down.step(5.0)[0], up.step(-5.0)[0]
    # 2 M, the voltage over 1e-7 ohm (1 uV), and branches within (1 + T)^-107 = 1e-20.
    assert v_up - v_down == pytest.approx(0.04 + 2 * 5.0 * 1e-7, rel=0.0, abs=1e-12)


# --- a smooth current ----------------------------------------------------------------------------


def sine_response(time_s, omega, amplitude_A):
    """Give soc (from 0.5) and the RC voltage (pair 2) under ``A sin(omega t)``, from rest."""
    soc = 0.5 - amplitude_A * (1.0 - math.cos(omega * time_s)) / omega / CAPACITY_As
    wt, r, tau = omega * time_s, 0.012, 4.0
    transient = omega * tau * math.exp(-time_s / tau)
    steady = math.sin(wt) - omega * tau * math.cos(wt)
    return soc, r * amplitude_A / (1.0 + (omega * tau) ** 2) * (steady + transient)


def test_mean_current_of_each_step_makes_polarisation_second_order(make_linear_cell, bench) -> None:
    """The cell claims exactness for constant current; a smooth one, averaged, is second order."""
    omega, amplitude_A, time_s = 2.0 * math.pi / 25.0, 10.0, 40.0
    soc, v1 = sine_response(time_s, omega, amplitude_A)
    steps_s, errors = (2.0, 1.0, 0.5, 0.25), []
    for step_s in steps_s:
        cell = bench(make_linear_cell(1), 0.5, step_s=step_s)
        edges = np.arange(round(time_s / step_s) + 1) * step_s
        for current_A in -amplitude_A / omega * np.diff(np.cos(omega * edges)) / step_s:
            cell.step(current_A)
        errors.append(abs(cell.field("v1_V")[0] - v1))
        # Charge is the integral of the current, with the rounding of 160 sums.
        assert cell.observe()[0][0] == pytest.approx(soc, rel=0.0, abs=1e-14)
    slope = np.polyfit(np.log(steps_s), np.log(errors), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.1)  # the next term is (h/tau)^2/20: 1 % at 2 s
