"""The circuit's exact response, the fit of pulses, and the drive current."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cell_models import fit
from cell_models.ecm_params import EcmParams, load_ecm_params

RNG = np.random.default_rng(7)


@pytest.fixture(scope="module")
def lg_m50() -> EcmParams:
    return load_ecm_params("lg_m50")


def constant_circuit(params: EcmParams, r0: float, r: list[float], tau: list[float]) -> EcmParams:
    """Give `params` the same R and tau everywhere and no temperature effect on OCV."""
    shape = params.r0_ohm.shape
    return dataclasses.replace(
        params,
        r0_ohm=np.full(shape, r0),
        r_ohm=np.stack([np.full(shape, x) for x in r]),
        tau_s=np.stack([np.full(shape, x) for x in tau]),
        entropic_V_per_K=0.0 * params.entropic_V_per_K,
    )


def test_rc_response_to_a_step_and_its_rest_is_exact() -> None:
    time_s = np.array([0.0, 0.1, 1.0, 7.0, 30.0, 31.0, 100.0])
    current_A = np.array([5.0, 5.0, 5.0, 5.0, 0.0, 0.0])
    v_V = fit.rc_response(time_s, current_A, 0.02, 12.0)
    rise = 0.1 * (1.0 - np.exp(-time_s[1:5] / 12.0))
    fall = rise[-1] * np.exp(-(time_s[5:] - 30.0) / 12.0)
    assert np.allclose(v_V, [*rise, *fall], rtol=1e-13)  # rounding only


def test_rc_response_does_not_depend_on_how_a_held_current_is_cut() -> None:
    fine_s = np.sort(np.concatenate([[0.0, 50.0], RNG.uniform(0.0, 50.0, 40)]))
    fine_V = fit.rc_response(fine_s, np.full(fine_s.size - 1, 3.0), 0.01, 4.0, v0_V=-0.02)
    coarse_V = fit.rc_response(np.array([0.0, 50.0]), np.array([3.0]), 0.01, 4.0, v0_V=-0.02)
    assert fine_V[-1] == pytest.approx(coarse_V[-1], rel=1e-12)  # rounding of 41 steps


def test_simulation_of_a_constant_circuit_is_the_sum_of_exact_responses(lg_m50: EcmParams) -> None:
    params = constant_circuit(lg_m50, 0.015, [0.01, 0.02], [3.0, 90.0])
    time_s = np.concatenate([[0.0], np.cumsum(RNG.uniform(0.1, 5.0, 300))])
    current_A = RNG.uniform(-4.0, 7.0, 300)
    voltage_V, soc = fit.simulate_ecm(params, time_s, current_A, 0.7, 281.0)
    expected_soc = 0.7 - np.cumsum(current_A * np.diff(time_s)) / params.capacity_As
    over_V = 0.015 * current_A
    for r, tau in ((0.01, 3.0), (0.02, 90.0)):
        over_V = over_V + fit.rc_response(time_s, current_A, r, tau)
    ocv_V = np.interp(expected_soc, params.ocv_soc, params.ocv_V)
    assert np.allclose(soc, expected_soc, rtol=0.0, atol=1e-13)
    assert np.allclose(voltage_V, ocv_V - over_V, rtol=0.0, atol=1e-12)  # rounding only


def test_simulation_at_rest_gives_the_open_circuit_law(lg_m50: EcmParams) -> None:
    for temperature_K in (263.15, 298.15, 318.15):
        voltage_V, _ = fit.simulate_ecm(
            lg_m50, np.array([0.0, 10.0]), np.array([0.0]), 0.4, temperature_K
        )
        at = int(np.argmin(np.abs(lg_m50.ocv_soc - 0.4)))
        law_V = lg_m50.ocv_V[at] + (temperature_K - 298.15) * lg_m50.entropic_V_per_K[at]
        assert voltage_V[0] == pytest.approx(law_V, abs=1e-9)


def test_simulation_reads_resistance_between_temperatures(lg_m50: EcmParams) -> None:
    axis_K = lg_m50.table_temperature_K
    middle_K = 0.5 * (axis_K[3] + axis_K[4])
    drops_V = []
    for temperature_K in (axis_K[3], middle_K, axis_K[4]):
        voltage_V, _ = fit.simulate_ecm(
            lg_m50, np.array([0.0, 1e-6, 2e-6]), np.array([0.0, 5.0]), 0.5, temperature_K
        )
        drops_V.append(voltage_V[0] - voltage_V[1])
    # After 1 µs the RC pairs carry nanovolts.
    assert drops_V[1] == pytest.approx(0.5 * (drops_V[0] + drops_V[2]), abs=1e-7)


def test_pulse_fit_recovers_a_known_circuit() -> None:
    known = np.array([0.018, 0.009, 0.016, 8.0, 260.0])
    time_s, current_A, _ = fit.excitation(0.5, 5.0, 1.0)
    over_V = fit.pulse_overvoltage(np.log(known), time_s, current_A)
    theta, rms_V = fit.fit_pulse(time_s, current_A, over_V, tau_pull_V=0.0)
    assert np.allclose(np.exp(theta), known, rtol=1e-4)  # the search stops at 1e-10 of its sum
    assert rms_V < 1e-6


def test_pull_of_the_time_constants_costs_a_known_circuit_little() -> None:
    known = np.array([0.018, 0.009, 0.016, 8.0, 260.0])
    time_s, current_A, _ = fit.excitation(0.5, 5.0, 1.0)
    over_V = fit.pulse_overvoltage(np.log(known), time_s, current_A)
    theta, rms_V = fit.fit_pulse(time_s, current_A, over_V)
    # Time constants go a little way to 10 s and 300 s, resistances hardly follow.
    assert np.allclose(np.exp(theta)[:3], known[:3], rtol=0.03)
    assert np.allclose(np.exp(theta)[3:], known[3:], rtol=0.2)
    assert rms_V < 0.3e-3  # a tenth of the 3 mV and more that the DFN leaves at most soc


@pytest.mark.parametrize("soc", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("scale_C", [0.3, 1.0])
def test_excitation_stays_inside_the_soc_window_and_is_centred(soc: float, scale_C: float) -> None:
    time_s, current_A, soc0 = fit.excitation(soc, 5.0, scale_C)
    assert np.all(np.diff(time_s) > 0.0)
    path = soc0 - np.cumsum(current_A * np.diff(time_s)) / (5.0 * 3600.0)
    assert path.min() > 0.02 and path.max() < 1.0
    assert 0.5 * (path[0] + path[-1]) == pytest.approx(soc, abs=0.01)  # the 30 s pulse is 0.006


def test_drive_current_empties_the_span_and_peaks_as_told() -> None:
    current_A = fit.drive_current(fit.synthetic_speed(), 18e3, 7.3, (0.9, 0.3))
    assert current_A.max() == pytest.approx(7.3)
    assert current_A.min() < -1.0  # it brakes
    assert 0.0 <= current_A.sum() - 0.6 * 18e3 <= 7.3  # to the first second past the span


def test_importing_the_fit_does_not_import_pybamm() -> None:
    code = "import sys, cell_models.fit; sys.exit('pybamm' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.slow
def test_ocv_of_the_file_is_pybamms_and_the_circuit_follows_a_dfn_pulse(lg_m50: EcmParams) -> None:
    from cell_models import pybamm_cell

    table = pybamm_cell.ocv_table()
    assert np.allclose(table.ocv_V, lg_m50.ocv_V, rtol=0.0, atol=2e-6)  # written to 1 µV
    assert table.capacity_As == pytest.approx(lg_m50.capacity_As, rel=1e-5)
    dfn = pybamm_cell.dfn_simulation()
    time_s, current_A, soc0 = fit.excitation(0.5, 5.0, 0.8)  # another amplitude than the fit's
    truth_V = pybamm_cell.simulate_current(dfn, time_s, current_A, soc0, 298.15)
    circuit_V, _ = fit.simulate_ecm(lg_m50, time_s, current_A, soc0, 298.15)
    assert np.sqrt(np.mean((circuit_V - truth_V) ** 2)) < 5e-3  # the fit's own error is 1 to 3 mV


@pytest.mark.slow
def test_a_dfn_that_stops_early_is_an_error() -> None:
    from cell_models import pybamm_cell

    dfn = pybamm_cell.dfn_simulation(12, 10)
    with pytest.raises(RuntimeError, match="the DFN stopped between 0 s and 3600 s at 5 A"):
        pybamm_cell.simulate_current(dfn, np.array([0.0, 3600.0]), np.array([5.0]), 0.3, 298.15)
    with pytest.raises(ValueError, match="time_s must have 2 points, has 3"):
        pybamm_cell.simulate_current(dfn, np.arange(3.0), np.array([5.0]), 0.3, 298.15)
