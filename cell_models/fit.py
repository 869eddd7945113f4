"""Fit the equivalent circuit to pulses of the refined DFN, and write the parameter file.

`python -m cell_models.fit lg_m50 [-o FILE]` rebuilds `cell_models/data/lg_m50.json`; the result is
the same on every run on one machine and one set of versions. At each (soc, T) the DFN is driven
through a short pulse in each direction and a longer, weaker discharge, each followed by a rest;
R0, R1, tau1, R2, tau2 then make the exact response of the circuit, with its OCV moving with charge,
follow the DFN voltage. `simulate_ecm` is the plain numpy reference of the same circuit.

References
----------
.. [1] G. L. Plett, Battery Management Systems, Volume I, Artech House, 2015, chapter 2
"""

from __future__ import annotations

import argparse
import json
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
GRID_SOC = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
GRID_TEMPERATURE_K = 273.15 + np.array([-20.0, -10.0, 0.0, 10.0, 25.0, 35.0, 45.0, 60.0])
N_RC = 2
# Bounds of log(R0, R1, R2, tau1, tau2): ohm and s.
LOWER = np.log([1e-3, 1e-4, 1e-4, 0.5, 15.0])
UPPER = np.log([1.0, 1.0, 1.0, 15.0, 600.0])
START = np.log([0.02, 0.01, 0.015, 4.0, 120.0])


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
    decay = np.exp(-np.diff(time_s) / tau_s)
    drive = -resistance_ohm * np.expm1(-np.diff(time_s) / tau_s) * current_A
    v_V, v = np.empty_like(drive), v0_V
    for k in range(drive.size):
        v = decay[k] * v + drive[k]
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
    at_T = np.array([_at_temperature(tables.rc_temperature_K, row, temperature_K)
                     for row in tables.rc])
    rc = np.stack([np.interp(soc[:-1], axis, layer) for layer in at_T.T])
    r, tau = rc[1 : 1 + params.n_rc], rc[1 + params.n_rc :]
    decay = np.exp(-step_s / tau)
    drive = r * (1.0 - decay) * current_A
    v, over_V = np.zeros(params.n_rc), np.empty_like(current_A)
    for k in range(current_A.size):
        v = decay[:, k] * v + drive[:, k]
        over_V[k] = rc[0, k] * current_A[k] + v.sum()
    ocv_axis = tables.ocv_soc_start + tables.ocv_soc_step * np.arange(tables.ocv_V.size)
    ocv_V = np.interp(soc[1:], ocv_axis, tables.ocv_V) + (
        temperature_K - params.reference_temperature_K
    ) * np.interp(soc[1:], ocv_axis, tables.entropic_V_per_K)
    return ocv_V - over_V, soc[1:]


def _at_temperature(axis_K: Array, rows: Array, temperature_K: float) -> Array:
    return np.array([np.interp(temperature_K, axis_K, column) for column in rows.T])


def excitation(c_rate_A: float, scale: float) -> tuple[Array, Array]:
    """Give the pulse test: times and held currents.

    Parameters
    ----------
    c_rate_A : float, [A], current of one C
    scale : float, amplitude in C of the short pulses

    Returns
    -------
    time_s : float64 (n + 1,), [s]
    current_A : float64 (n,), [A]
    """
    stages = (
        (10.0, scale), (60.0, 0.0), (10.0, -scale), (60.0, 0.0),
        (300.0, 0.35 * scale), (600.0, 0.0),
    )
    time_s, current_A, start = [0.0], [], 0.0
    for duration_s, level in stages:
        inside = np.concatenate([[0.1, 0.2, 0.5], np.arange(1.0, 10.5), np.arange(15.0, 600.5, 5.0)])
        inside = inside[inside <= duration_s]
        time_s.extend(start + inside)
        current_A.extend([level * c_rate_A] * inside.size)
        start += duration_s
    return np.array(time_s), np.array(current_A)


def pulse_overvoltage(theta: Array, time_s: Array, current_A: Array) -> Array:
    """Give i·R0 + v1 + v2 for `theta` = log(R0, R1, R2, tau1, tau2), [V], shape (n,)."""
    r0, *rest = np.exp(theta)
    total_V = r0 * current_A
    for r, tau in zip(rest[:N_RC], rest[N_RC:], strict=True):
        total_V = total_V + rc_response(time_s, current_A, r, tau)
    return total_V


def fit_pulse(
    time_s: Array, current_A: Array, over_V: Array, near: Array, ridge: float = 0.0
) -> tuple[Array, float]:
    """Fit log(R0, R1, R2, tau1, tau2) to one overvoltage record.

    Parameters
    ----------
    time_s : float64 (n + 1,), [s]
    current_A : float64 (n,), [A]
    over_V : float64 (n,), [V], OCV minus voltage
    near : float64 (5,), start of the search and centre of the ridge
    ridge : float, [V], weight of a unit logarithmic distance from `near`

    Returns
    -------
    theta : float64 (5,)
    rms_V : float, [V]
    """
    from scipy.optimize import least_squares

    def residual(theta: Array) -> Array:
        miss_V = pulse_overvoltage(theta, time_s, current_A) - over_V
        return np.concatenate([miss_V / np.sqrt(miss_V.size), ridge * (theta - near)])

    start = np.clip(near, LOWER + 1e-6, UPPER - 1e-6)
    best = least_squares(residual, start, bounds=(LOWER, UPPER), xtol=1e-10, ftol=1e-10)
    miss_V = pulse_overvoltage(best.x, time_s, current_A) - over_V
    return best.x, float(np.sqrt(np.mean(miss_V**2)))
