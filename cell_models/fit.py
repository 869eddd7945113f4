"""Fit the equivalent circuit to pulses of the refined DFN, and write the parameter file.

`python -m cell_models.fit lg_m50 [-o FILE]` rebuilds `cell_models/data/lg_m50.json`; the result is
the same on every run on one machine and one set of versions. At each (soc, T) the DFN goes through
a short pulse in each direction, a half-minute pulse, and a 20-minute weak discharge, each followed
by a rest; R0, R1, tau1, R2, tau2 then make the exact response of the circuit, with its OCV moving
with charge, follow the DFN voltage. `simulate_ecm` is the plain numpy reference of the circuit.

References
----------
.. [1] G. L. Plett, Battery Management Systems, Volume I, Artech House, 2015, chapter 2
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models import pybamm_cell
from cell_models.ecm_params import DATA_FOLDER, EcmParams, kernel_tables, load_ecm_params

Array = NDArray[np.float64]
GRID_SOC: Array = np.round(np.arange(0.05, 0.951, 0.05), 3)
GRID_TEMPERATURE_K: Array = np.array(
    [253.15, 263.15, 273.15, 283.15, 298.15, 308.15, 318.15, 333.15]
)
PULSE_SCALE_C: Array = np.array([0.3, 0.3, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0])  # mild in the cold
N_RC = 2
# Search range and start of log(R0, R1, R2, tau1, tau2), ohm and s.
LOWER = np.log([1e-3, 1e-4, 1e-4, 0.5, 15.0])
UPPER = np.log([1.0, 1.0, 1.0, 30.0, 1500.0])
START = np.log([0.02, 0.01, 0.02, 10.0, 300.0])
# Solid diffusion has no time constant of its own, so 10 s and 300 s are a choice: log(tau) is drawn
# to them with this weight per unit of log. That keeps the tables smooth at no cost on drive cycles.
# Shorter centres bring R0 nearer to the 0.1 s drop, longer ones lower the drive-cycle error.
TAU_PULL_V = 2e-3
DRIVE_TEMPERATURES_K = (298.15, 273.15)
DRIVE_PEAK_A = 7.3  # rated discharge limit of the LG M50


def rc_response(
    time_s: Array, current_A: Array, resistance_ohm: float, tau_s: float, v0_V: float = 0.0
) -> Array:
    """Give the exact voltage of one RC pair under a piecewise constant current.

    Parameters
    ----------
    time_s : float64 (n + 1,), [s]
    current_A : float64 (n,), [A], held from `time_s[k]` to `time_s[k + 1]`
    resistance_ohm, tau_s : float, [ohm], [s]
    v0_V : float, [V], at `time_s[0]`

    Returns
    -------
    v_V : float64 (n,), [V], at `time_s[1:]`

    Notes
    -----
    ``v(t + h) = a·v(t) + R·(1 − a)·i`` with ``a = exp(−h/tau)``: exact for a held current [1]_.
    """
    step_s = np.diff(time_s)
    decay = np.exp(-step_s / tau_s)
    drive_V = -resistance_ohm * np.expm1(-step_s / tau_s) * current_A
    v_V, v = np.empty_like(drive_V), v0_V
    for k in range(drive_V.size):
        v = decay[k] * v + drive_V[k]
        v_V[k] = v
    return v_V


def simulate_ecm(
    params: EcmParams, time_s: Array, current_A: Array, soc0: float, temperature_K: float
) -> tuple[Array, Array]:
    """Simulate the circuit at one temperature, without hysteresis.

    Parameters
    ----------
    params : EcmParams
    time_s : float64 (n + 1,), [s]
    current_A : float64 (n,), [A], discharge positive; held from `time_s[k]` to `time_s[k + 1]`
    soc0 : float, at rest at `time_s[0]`
    temperature_K : float, [K]

    Returns
    -------
    voltage_V : float64 (n,), [V], at `time_s[1:]`
    soc : float64 (n,), at `time_s[1:]`

    Notes
    -----
    R and tau are read at the soc at the start of a step and frozen over it, OCV at its end.
    Hysteresis is left out because the DFN that this is held against has none.
    """
    tables, step_s = kernel_tables(params), np.diff(time_s)
    soc = soc0 - np.concatenate([[0.0], np.cumsum(current_A * step_s)]) / params.capacity_As
    axis = tables.rc_soc_start + tables.rc_soc_step * np.arange(tables.rc.shape[0])
    n_layers = 1 + 2 * params.n_rc
    rc = np.empty((n_layers, current_A.size))
    for n in range(n_layers):
        at_T = [np.interp(temperature_K, tables.rc_temperature_K, row[:, n]) for row in tables.rc]
        rc[n] = np.interp(soc[:-1], axis, at_T)
    decay = np.exp(-step_s / rc[1 + params.n_rc :])
    drive_V = rc[1 : 1 + params.n_rc] * (1.0 - decay) * current_A
    v, over_V = np.zeros(params.n_rc), np.empty(current_A.size)
    for k in range(current_A.size):
        v = decay[:, k] * v + drive_V[:, k]
        over_V[k] = rc[0, k] * current_A[k] + v.sum()
    ocv_axis = tables.ocv_soc_start + tables.ocv_soc_step * np.arange(tables.ocv_V.size)
    entropic_V_per_K = np.interp(soc[1:], ocv_axis, tables.entropic_V_per_K)
    ocv_V = np.interp(soc[1:], ocv_axis, tables.ocv_V)
    ocv_V = ocv_V + (temperature_K - params.reference_temperature_K) * entropic_V_per_K
    return ocv_V - over_V, soc[1:]


def synthetic_speed() -> Array:
    """Give a US06-like speed trace, (n,), [m/s], one value a second.

    Six trips of stop-and-go, town and motorway; the wheel power in acceleration is limited to
    60 kW. All numbers are assumed; the trace is no standard cycle and is used in no fit.
    """
    trips = (  # cruise m/s, cruise s, acceleration and braking m/s2, idle s
        (13, 20, 1.5, 1.8, 6), (33, 240, 2.2, 1.2, 4), (9, 15, 2.0, 2.0, 8),
        (36, 300, 1.4, 1.5, 5), (20, 30, 2.8, 2.2, 6), (30, 160, 1.8, 2.6, 10),
    )  # fmt: skip
    speed = [0.0]
    for cruise, cruise_s, accelerate, brake, idle_s in trips:
        while speed[-1] < cruise:
            limit = 60e3 / (1850.0 * max(speed[-1], 1.0))
            speed.append(min(cruise, speed[-1] + min(accelerate, limit)))
        speed += [
            cruise + 1.2 * math.sin(k / 2.7) + 0.6 * math.sin(k / 0.84) for k in range(cruise_s)
        ]
        while speed[-1] > 0.0:
            speed.append(max(0.0, speed[-1] - brake))
        speed += [0.0] * idle_s
    return np.array(speed)


def drive_current(
    speed_m_per_s: Array, capacity_As: float, peak_A: float, soc_span: tuple[float, float]
) -> Array:
    """Turn a speed trace, repeated as needed, into a cell current that empties a soc span.

    Parameters
    ----------
    speed_m_per_s : float64 (n,), [m/s], one value a second
    capacity_As : float, [A·s]
    peak_A : float, [A], largest discharge current
    soc_span : (start, end), start above end

    Returns
    -------
    current_A : float64 (m,), [A], one value a second, discharge positive

    Notes
    -----
    The current is proportional to the power of a car of 1850 kg, rolling resistance 0.009,
    drag area 0.58 m² in air of 1.2 kg/m³, 90 % efficient in drive, 60 % in braking (assumed).
    """
    middle = 0.5 * (speed_m_per_s[1:] + speed_m_per_s[:-1])
    force_N = 1850.0 * (np.diff(speed_m_per_s) + 9.81 * 0.009) + 0.5 * 1.2 * 0.58 * middle**2
    power_W = middle * force_N
    power_W = np.where(power_W > 0.0, power_W / 0.9, 0.6 * power_W)
    cycle_A = peak_A * power_W / power_W.max()
    charge_As = (soc_span[0] - soc_span[1]) * capacity_As
    current_A = np.tile(cycle_A, 1 + math.ceil(charge_As / cycle_A.sum()))
    return current_A[: int(np.argmax(np.cumsum(current_A) >= charge_As)) + 1]


def excitation(soc: float, c_rate_A: float, scale_C: float) -> tuple[Array, Array, float]:
    """Give the pulse test around one soc: times, held currents, and the soc to start from.

    Parameters
    ----------
    soc : float, centre of the long stage, 0.05 to 0.95
    c_rate_A : float, [A], current of one C
    scale_C : float, amplitude of the 10 s pulses in C

    Returns
    -------
    time_s : float64 (n + 1,), [s], dense after each switch
    current_A : float64 (n,), [A]
    soc0 : float
    """
    # The long stage is a quarter of the scale, less where it would leave soc 0.03 to 0.985.
    span = min(0.25 * scale_C / 3.0, 2.0 * (soc - 0.03), 2.0 * (0.985 - soc))
    stages = (
        (10.0, scale_C), (60.0, 0.0), (10.0, -scale_C), (60.0, 0.0),
        (30.0, 0.7 * scale_C), (120.0, 0.0), (1200.0, 3.0 * span), (1800.0, 0.0),
    )  # fmt: skip
    grid = [0.1, 0.2, 0.5, *range(1, 11), *range(15, 61, 5)]
    grid += [*range(70, 300, 10), *range(320, 1801, 20)]
    time_s, current_A, start_s = [0.0], [], 0.0
    for duration_s, level_C in stages:
        inside = [t for t in grid if t <= duration_s]
        time_s += [start_s + t for t in inside]
        current_A += [level_C * c_rate_A] * len(inside)
        start_s += duration_s
    return np.array(time_s), np.array(current_A), soc + 0.5 * span


def pulse_overvoltage(theta: Array, time_s: Array, current_A: Array) -> Array:
    """Give i·R0 + Σ v_k, [V], shape (n,), for `theta` = log(R0, R1 … Rn, tau1 … taun)."""
    n_rc = (theta.size - 1) // 2
    r0, *rest = np.exp(theta)
    total_V = r0 * current_A
    for r, tau in zip(rest[:n_rc], rest[n_rc:], strict=True):
        total_V = total_V + rc_response(time_s, current_A, r, tau)
    return total_V


def fit_pulse(
    time_s: Array, current_A: Array, over_V: Array, tau_pull_V: float = TAU_PULL_V
) -> tuple[Array, float]:
    """Fit log(R0, R1, R2, tau1, tau2) to one overvoltage record.

    Parameters
    ----------
    time_s : float64 (n + 1,), [s]
    current_A : float64 (n,), [A]
    over_V : float64 (n,), [V], OCV minus voltage, at `time_s[1:]`
    tau_pull_V : float, [V], pull of log(tau) towards its start, per unit

    Returns
    -------
    theta : float64 (5,)
    rms_V : float, [V], over the samples, weighted as in the fit

    Notes
    -----
    Each sample weighs the fourth root of the time it stands for: between equal weight per sample
    (which looks at the first second most) and equal weight per second (which looks past it).
    """
    from scipy.optimize import least_squares

    weight = np.diff(time_s) ** 0.25
    weight = weight / np.sqrt(np.sum(weight**2))

    def residual(theta: Array) -> Array:
        miss_V = weight * (pulse_overvoltage(theta, time_s, current_A) - over_V)
        return np.concatenate([miss_V, tau_pull_V * (theta - START)[1 + N_RC :]])

    best = least_squares(residual, START, bounds=(LOWER, UPPER), xtol=1e-10, ftol=1e-10)
    miss_V = weight * (pulse_overvoltage(best.x, time_s, current_A) - over_V)
    return best.x, float(np.sqrt(np.sum(miss_V**2)))


def fit_temperature(temperature_K: float, scale_C: float) -> tuple[Array, Array, Array]:
    """Fit every soc of the grid at one temperature.

    Parameters
    ----------
    temperature_K : float, [K]
    scale_C : float, pulse amplitude in C

    Returns
    -------
    theta : float64 (m, 5), logarithms as in `fit_pulse`
    rms_V : float64 (m,), [V]
    r0_ratio : float64 (m,), fitted R0 over the DFN's drop after 0.1 s of the first pulse
    """
    table, dfn = pybamm_cell.ocv_table(), pybamm_cell.dfn_simulation()
    theta, (rms_V, r0_ratio) = np.empty((GRID_SOC.size, 5)), np.empty((2, GRID_SOC.size))
    for n, centre in enumerate(GRID_SOC):
        time_s, current_A, soc0 = excitation(float(centre), table.capacity_As / 3600.0, scale_C)
        voltage_V = pybamm_cell.simulate_current(dfn, time_s, current_A, soc0, temperature_K)
        soc = soc0 - np.cumsum(current_A * np.diff(time_s)) / table.capacity_As
        warming_K = temperature_K - pybamm_cell.REFERENCE_TEMPERATURE_K
        ocv_V = np.interp(soc, table.soc, table.ocv_V + warming_K * table.entropic_V_per_K)
        theta[n], rms_V[n] = fit_pulse(time_s, current_A, ocv_V - voltage_V)
        r0_ratio[n] = math.exp(theta[n, 0]) * current_A[0] / (ocv_V[0] - voltage_V[0])
    return theta, rms_V, r0_ratio


def compare_on_drive(
    params: EcmParams, speed_m_per_s: Array, name: str, temperature_K: float
) -> dict[str, Any]:
    """Drive the circuit and the DFN from soc 0.9 to 0.3 with one current, and compare.

    Parameters
    ----------
    params : EcmParams
    speed_m_per_s : float64 (n,), [m/s], one value a second
    name : str, what the trace is called in the answer
    temperature_K : float, [K]

    Returns
    -------
    dict with `rms_mV`, `max_mV`, `mean_mV` (circuit minus DFN) and the current's own figures
    """
    current_A = drive_current(speed_m_per_s, params.capacity_As, DRIVE_PEAK_A, (0.9, 0.3))
    time_s = np.arange(current_A.size + 1.0)
    dfn = pybamm_cell.dfn_simulation()
    truth_V = pybamm_cell.simulate_current(dfn, time_s, current_A, 0.9, temperature_K)
    circuit_V, _ = simulate_ecm(params, time_s, current_A, 0.9, temperature_K)
    miss_mV = 1e3 * (circuit_V - truth_V)
    return {
        "name": name,
        "temperature_K": temperature_K,
        "soc_from": 0.9,
        "soc_to": 0.3,
        "duration_s": int(current_A.size),
        "current_max_A": round(float(current_A.max()), 2),
        "current_min_A": round(float(current_A.min()), 2),
        "current_rms_A": round(float(np.sqrt(np.mean(current_A**2))), 2),
        "rms_mV": round(float(np.sqrt(np.mean(miss_mV**2))), 2),
        "max_mV": round(float(np.abs(miss_mV).max()), 1),
        "mean_mV": round(float(miss_mV.mean()), 2),
    }


def fitted_document(workers: int = 2) -> dict[str, Any]:
    """Fit the LG M50 and give the whole content of its parameter file.

    Parameters
    ----------
    workers : int, processes used for the DFN

    Returns
    -------
    dict, ready for JSON
    """
    table = pybamm_cell.ocv_table()
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(fit_temperature, GRID_TEMPERATURE_K, PULSE_SCALE_C))
    values = np.exp(np.stack([theta for theta, _, _ in results], axis=1))  # soc, T, parameter
    rc = np.moveaxis(values[:, :, 1:], 2, 0)
    return {
        **pybamm_cell.DATA_SHEET,
        "capacity_Ah": round(table.capacity_As / 3600.0, 5),
        "reference_temperature_K": pybamm_cell.REFERENCE_TEMPERATURE_K,
        "ocv_soc": table.soc.round(6).tolist(),
        "ocv_V": table.ocv_V.round(6).tolist(),
        "entropic_V_per_K": table.entropic_V_per_K.round(9).tolist(),
        "table_soc": GRID_SOC.tolist(),
        "table_temperature_K": GRID_TEMPERATURE_K.tolist(),
        "r0_ohm": values[:, :, 0].round(6).tolist(),
        "r_ohm": rc[:N_RC].round(6).tolist(),
        "tau_s": rc[N_RC:].round(3).tolist(),
        "sources": pybamm_cell.SOURCES,
        "fit": {
            "command": "python -m cell_models.fit lg_m50",
            "reference": f"PyBaMM DFN, {pybamm_cell.PARAMETER_SET}, isothermal, graded mesh",
            "temperature_K": GRID_TEMPERATURE_K.tolist(),
            "pulse_scale_C": PULSE_SCALE_C.tolist(),
            "pulse_rms_mV": [
                round(1e3 * float(np.sqrt(np.mean(rms**2))), 2) for _, rms, _ in results
            ],
            "pulse_rms_worst_soc_mV": [round(1e3 * float(rms.max()), 2) for _, rms, _ in results],
            "drive_note": "circuit minus DFN, hysteresis off; no drive is in the fit, but its "
            "settings were chosen on a sister of the synthetic trace",
            "r0_over_drop_at_0p1_s": [round(float(ratio.mean()), 3) for _, _, ratio in results],
        },
    }


def write_document(document: dict[str, Any], path: Path) -> None:
    """Write a parameter file: one line per key, so that a change shows as a short difference."""
    lines = (
        f"  {json.dumps(key)}: {json.dumps(value, indent=4 if isinstance(value, dict) else None)}"
        for key, value in document.items()
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild a parameter file; its key `fit` says how well it follows the DFN, also on a drive."""
    parser = argparse.ArgumentParser(prog="python -m cell_models.fit", description=main.__doc__)
    parser.add_argument("name", choices=["lg_m50"])
    parser.add_argument("-o", "--output", type=Path, help="file to write, default: the shipped one")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    path = options.output or DATA_FOLDER / f"{options.name}.json"
    document = fitted_document(options.workers)
    write_document(document, path)
    params, speed = load_ecm_params(path), synthetic_speed()
    with ProcessPoolExecutor(options.workers) as pool:
        futures = [
            pool.submit(compare_on_drive, params, speed, "synthetic US06-like", temperature_K)
            for temperature_K in DRIVE_TEMPERATURES_K
        ]
        document["fit"]["drive"] = [future.result() for future in futures]
    write_document(document, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
