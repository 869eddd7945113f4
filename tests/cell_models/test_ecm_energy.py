"""Energy of one ECM cell: a state function, an exact identity, and an independent sum of heat."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cell_models.ecm_params import extended_ocv

EPS = 2.3e-16


def drive_A(n_steps, seed=11):
    """Return a random current, held for some steps at a time [A]."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.uniform(-10.0, 10.0, n_steps // 4 + 1), 4)[:n_steps]


def with_hysteresis(params, hysteresis_V=0.02, rate=60.0):
    return replace(params, hysteresis_V=hysteresis_V, hysteresis_rate=rate)


# --- stored energy -------------------------------------------------------------------------------


def test_stored_energy_is_the_integral_of_the_temperature_free_potential(lg_m50, bench) -> None:
    """``Q int (OCV - T0 s) dz``: by Simpson's rule, which is exact on each straight piece."""
    knots, ocv_V, entropic = extended_ocv(lg_m50)
    soc = np.array([-0.05, 0.0, 0.1234, 0.5, 0.98, 1.07])
    expected = []
    for z in soc:
        fine = np.union1d(knots[(knots > min(z, 0.0)) & (knots < max(z, 0.0))], [0.0, z])
        middle = 0.5 * (fine[1:] + fine[:-1])
        u = [
            np.interp(x, knots, ocv_V)
            - lg_m50.reference_temperature_K * np.interp(x, knots, entropic)
            for x in (fine[:-1], middle, fine[1:])
        ]
        area = math.fsum(np.diff(fine) * (u[0] + 4.0 * u[1] + u[2]) / 6.0)
        expected.append(math.copysign(1.0, z) * lg_m50.capacity_As * area if z else 0.0)
    stored_J = bench(lg_m50, soc, capacity=1.0).observe()[2]
    # 240 pieces summed plainly to at most 80 kJ.
    assert stored_J == pytest.approx(expected, rel=0.0, abs=240 * EPS * 8e4)


def test_stored_energy_depends_on_charge_and_not_on_temperature(lg_m50, bench) -> None:
    cold, warm = (bench(lg_m50, 0.6, temperature_K=T) for T in (263.15, 313.15))
    assert cold.observe()[1][0] != warm.observe()[1][0]
    assert cold.observe()[2][0] == warm.observe()[2][0]  # T cancels before any rounding


def test_a_closed_loop_in_charge_returns_to_the_same_stored_energy(lg_m50, bench) -> None:
    """Out along one path and back along another, at other temperatures, with readings between."""
    cell = bench(lg_m50, 0.7)
    start_J = cell.observe()[2][0]
    start_As = cell.field("charge_As")[0]
    for k, current_A in enumerate([6.0] * 200 + [-3.0] * 150 + [-7.5] * 100):
        cell.step(current_A)
        if k % 9 == 0:
            cell.temperature_K[:] = 298.15 + 10.0 * math.sin(0.1 * k)
            cell.refresh()
    assert cell.field("charge_As")[0] + cell.field("charge_low_As")[0] == start_As
    for _ in range(1000):
        cell.step(0.0)  # most polarisation goes; what is left is subtracted below
    cell.refresh(600.0)
    cell.step(0.0)
    cell.refresh()
    branch_J = cell.observe()[2][0] - start_J
    x, rate = cell.field("hysteresis")[0], lg_m50.hysteresis_rate
    elastic_J = lg_m50.hysteresis_V / (2.0 * rate) * lg_m50.capacity_As * x * x
    pairs = [
        (cell.field(f"c{k}_F")[0], cell.field(f"v{k}_V")[0]) for k in range(1, lg_m50.n_rc + 1)
    ]
    polarised_J = sum(0.5 * c_F * v_V**2 for c_F, v_V in pairs)
    # Charge is back exactly; the two chemical energies of 50 kJ round the same way.
    assert branch_J - elastic_J == pytest.approx(polarised_J, rel=0.0, abs=4 * EPS * 8e4)


# --- heat ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("entropic", [-3e-4, 0.0, 2e-4])
def test_heat_of_a_resistor_with_an_entropic_term_is_known_at_each_step(
    make_linear_cell, bench, entropic
) -> None:
    """``R i^2 - i T s``, and ``OCV' i^2 h / 2Q`` because the voltage counts at the step's end."""
    step_s, temperature_K = 10.0, 310.0
    cell = bench(
        make_linear_cell(0, entropic_V_per_K=entropic),
        0.5,
        step_s=step_s,
        temperature_K=temperature_K,
    )
    for current_A in (5.0, -5.0, 0.0, 12.0):
        cell.step(current_A)
        expected = 0.03 * current_A**2 - current_A * temperature_K * entropic
        expected += 0.5 * 1.2 * current_A**2 * step_s / 18_000.0
        # Heat is a difference of powers of 12 A x 4 V = 50 W, each with a few roundings.
        assert cell.heat_W[0] == pytest.approx(expected, rel=0.0, abs=10 * EPS * 50.0)


def test_entropic_heat_follows_the_term_along_the_soc(make_linear_cell, bench) -> None:
    """``s`` of the middle of each step, from a table in which it runs linearly."""
    start, end, temperature_K, step_s = -2e-4, 3e-4, 310.0, 10.0
    params = replace(make_linear_cell(0), entropic_V_per_K=np.linspace(start, end, 201))
    cell = bench(params, 0.5017, step_s=step_s, temperature_K=temperature_K)
    soc, slope_V = 0.5017, 1.2 + (temperature_K - 298.15) * (end - start)
    for current_A in (5.0, -8.0, 12.0):
        cell.step(current_A)
        change = current_A * step_s / 18_000.0
        s = start + (end - start) * (soc - 0.5 * change)
        soc -= change
        expected = 0.03 * current_A**2 - current_A * temperature_K * s
        expected += 0.5 * slope_V * current_A * change
        # As above; the slope of s is a difference of two knots: 1e-16/5e-3 of it, times T i.
        assert cell.heat_W[0] == pytest.approx(expected, rel=0.0, abs=20 * EPS * 50.0)


def test_heat_is_dissipated_plus_quadrature_plus_reading_to_rounding(lg_m50, bench) -> None:
    """The identity that lets the ledger check a heat that closes by construction."""
    params = with_hysteresis(lg_m50)
    for phase, soc in enumerate(np.linspace(0.3, 0.7, 8)):
        cell = bench(params, soc, step_s=2.0)
        for k, current_A in enumerate(drive_A(800)):
            cell.step(current_A * math.cos(phase))
            if k % 5 == 0:
                cell.temperature_K[0] = 295.0 + phase + 5.0 * math.sin(0.02 * k)
                cell.refresh()
        cell.step(0.0)  # the last reading's energy becomes heat with the next step
        parts_J = sum(cell.total(f"{name}_J") for name in ("dissipated", "quadrature", "refresh"))
        assert abs(cell.total("refresh_J")) > 1e-5  # readings did book something
        # 800 steps, each rounding a stored energy of 50 kJ at a reading and 40 V A x 2 s otherwise.
        bound_J = math.sqrt(160) * EPS * 5e4 + 800 * EPS * 80.0
        assert abs(cell.total("heat_J") - parts_J) < bound_J


def test_energy_is_conserved_whatever_the_step(lg_m50, bench) -> None:
    """What left the terminals and what became heat is what the states have lost."""
    for step_s in (0.1, 10.0, 300.0):
        cell = bench(with_hysteresis(lg_m50), 0.5, step_s=step_s)
        start_J = cell.observe()[2][0]
        for k, current_A in enumerate(drive_A(60, seed=5)):
            cell.step(0.3 * current_A)
            if k % 5 == 0:
                cell.refresh()
        pending_J = cell.field("pending_J")[0]
        lost_J = start_J - cell.observe()[2][0]
        out_J = cell.total("terminal_J") + cell.total("heat_J") + pending_J
        # Sixty roundings of a stored energy of 50 kJ.
        assert lost_J == pytest.approx(out_J, rel=0.0, abs=60 * EPS * 5e4)


def test_a_reading_books_carried_minus_tabulated_energy_as_heat_of_the_next_step(
    lg_m50, bench
) -> None:
    cell = bench(lg_m50, 0.5)
    for _ in range(60):
        cell.step(5.0)
    carried_J = cell.observe()[2][0]
    cell.refresh()
    booked_J = carried_J - cell.observe()[2][0]
    assert abs(booked_J) > 0.01
    assert cell.total("refresh_J") == cell.field("pending_J")[0] == booked_J
    before = {name: cell.total(name) for name in ("dissipated_J", "quadrature_J")}
    cell.step(0.0)
    physics_J = sum(cell.total(name) - value for name, value in before.items())
    # Two running sums of up to 100 J, read before and after; the step lasts 1 s.
    assert cell.heat_W[0] == pytest.approx(physics_J + booked_J, rel=0.0, abs=8 * EPS * 100.0)
    assert cell.field("pending_J")[0] == 0.0


@pytest.mark.parametrize("hysteresis_V", [0.0, 0.02])
def test_heat_and_the_independent_sum_converge_first_order_in_the_step(
    lg_m50, bench, hysteresis_V
) -> None:
    """Energies of the same smooth current, cut ever finer: the difference is the quadrature's."""
    params = with_hysteresis(lg_m50, hysteresis_V)
    time_s, steps_s, gaps = 160.0, (4.0, 2.0, 1.0, 0.5), []
    for step_s in steps_s:
        cell = bench(params, 0.55, step_s=step_s)
        for k in range(round(time_s / step_s)):
            cell.step(6.0 * math.sin(2.0 * math.pi * (k + 0.5) * step_s / 160.0) ** 2)
        heat_J, sum_J = cell.total("heat_J"), cell.total("dissipated_J")
        gaps.append(abs(heat_J - sum_J) / sum_J)
    slope = np.polyfit(np.log(steps_s), np.log(gaps), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)  # the next order is 4 s / 160 s of the gap
    assert gaps[0] < 0.03


def test_dissipation_of_rc_pairs_is_the_integral_of_their_loss(make_linear_cell, bench) -> None:
    """Against quadrature of ``v(t)^2/R`` on the exact exponential within one long step."""
    cell = bench(make_linear_cell(2, r0_ohm=1e-7), 0.5, step_s=20.0)
    cell.step(6.0)
    before = {name: cell.field(name)[0] for name in ("v1_V", "v2_V")}
    before_J = cell.total("dissipated_J")
    cell.step(-4.0)
    nodes, weights = np.polynomial.legendre.leggauss(40)  # exact to 1e-15 for exp(-10 x)
    time_s = 10.0 * (nodes + 1.0)
    expected = 1e-7 * 16.0 * 20.0
    for v, r, tau in ((before["v1_V"], 0.012, 4.0), (before["v2_V"], 0.02, 30.0)):
        at = -4.0 * r + (v + 4.0 * r) * np.exp(-time_s / tau)
        expected += 10.0 * np.sum(weights * at * at / r)
    found = cell.total("dissipated_J") - before_J
    assert found == pytest.approx(expected, rel=1e-13)  # three terms of like size
