"""Benchmarks with a solution on paper: a wall, a lump, a ramp, a can that empties itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import expi

from cell_models.conduction import Layer, stack_nodes
from cell_models.runaway_params import GAS_CONSTANT, Law
from cell_models.runaway_tables import amounts, kernel_tables
from cell_models.vent import R as MOLAR_R
from cell_models.vent import blowdown_time, critical_ratio, headspace_pressure, outflow
from validation.runaway.cells import one_step
from validation.runaway.line import Line, lone_cell

WALL = Layer(
    thickness_m=0.1, node_m=0.001, conductivity_W_per_mK=1.0, density_kg_per_m3=200.0,
    specific_heat_J_per_kgK=10.0,
)  # fmt: skip
WALL_AREA_M2, WALL_RIM_M, WALL_SINK_K, WALL_SECONDS = 0.02, 0.6, 500.0, 2.0
"""LIM1TR, Tests/Inputs/trans_end_conv and trans_ext_conv: a plate of 0.2 m x 0.1 m."""


def _wall(start_K: float, sink_W_per_K: np.ndarray) -> Line:
    """Return the plate as a line whose reactions have nothing to react."""
    nodes = stack_nodes((WALL,), (), WALL_AREA_M2)
    n = len(nodes.layer)
    tables = kernel_tables(one_step(Law.FIRST_ORDER, 0.0, 0.0, 0.0, 800.0))
    extents, energy_J = amounts(tables, np.ones(n))
    return Line(
        tables, nodes.capacity_J_per_K, np.full(n, start_K), extents, energy_J,
        links_W_per_K=nodes.link_W_per_K, edges=(sink_W_per_K, np.full(n, WALL_SINK_K)),
    )  # fmt: skip


def wall(step_s: float) -> dict[str, Any]:
    """Warm a plate from both faces at a Biot number of 5, against its Fourier series.

    References
    ----------
    F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 6th ed., eq. 5.39.
    """
    h, half_m, k = 100.0, 0.5 * WALL.thickness_m, WALL.conductivity_W_per_mK
    sink_W_per_K = np.zeros(WALL.nodes)
    face = WALL_AREA_M2 / (1.0 / h + 0.5 * WALL.node_m / k)  # film, and half a node behind it
    sink_W_per_K[[0, -1]] = face
    line = _wall(298.15, sink_W_per_K)
    for _ in range(round(WALL_SECONDS / step_s)):
        line.step(step_s)
    fourier = k / (WALL.density_kg_per_m3 * WALL.specific_heat_J_per_kgK) * WALL_SECONDS / half_m**2
    place = (np.arange(WALL.nodes) + 0.5) / WALL.nodes * 2.0 - 1.0
    theta = np.zeros(WALL.nodes)
    for n in range(20):
        zeta = root_scalar(
            _biot_5, bracket=(n * math.pi + 1e-9, n * math.pi + 0.5 * math.pi - 1e-9)
        ).root
        factor = 4.0 * math.sin(zeta) / (2.0 * zeta + math.sin(2.0 * zeta))
        theta += factor * math.exp(-(zeta**2) * fourier) * np.cos(zeta * place)
    exact_K = WALL_SINK_K + theta * (298.15 - WALL_SINK_K)
    error_K = line.temperature_K - exact_K
    return {"rmse_K": float(np.sqrt((error_K**2).mean())), "energy_residual": line.residual()}


def _biot_5(zeta: float) -> float:
    return zeta * math.sin(zeta) - 5.0 * math.cos(zeta)


def lump(step_s: float) -> dict[str, Any]:
    """Warm a plate evenly over its rim, against the exponential."""
    rate = 50.0 * WALL_RIM_M * WALL.node_m  # h times the rim of one node
    line = _wall(300.0, np.full(WALL.nodes, rate))
    for _ in range(round(WALL_SECONDS / step_s)):
        line.step(step_s)
    fallen = math.exp(-rate * WALL_SECONDS / line.capacity_J_per_K[0])
    exact_K = WALL_SINK_K + (300.0 - WALL_SINK_K) * fallen
    return {"max_error_K": float(np.abs(line.temperature_K - exact_K).max())}


RAMP_K_PER_S, RAMP_SECONDS, RAMP_START_K = 5.0, 20.0, 298.15
RAMP_A, RAMP_E_OVER_R, RAMP_DENSITY = 10.0, 1000.0, 10.0
"""LIM1TR, Tests/Inputs/single_rxn_temperature_ramp; the error is in kg/m3 of 10."""


def ramp(step_s: float) -> dict[str, Any]:
    """React in an imposed linear ramp, against the exponential-integral solution."""
    params = one_step(Law.FIRST_ORDER, 1e3, RAMP_A, RAMP_E_OVER_R * GAS_CONSTANT, 800.0)
    twin = replace(params.reactions[0], name="twin", heat_J_per_kg=-1e3)  # takes up what it gives
    params = replace(params, reactions=(*params.reactions, twin))
    line = lone_cell(params, RAMP_START_K, gate_K=0.0)
    line.power_W[:] = RAMP_K_PER_S * line.capacity_J_per_K
    squares, points = 0.0, 20
    per_point = round(RAMP_SECONDS / (points - 1) / step_s)
    step_s = RAMP_SECONDS / (points - 1) / per_point
    for point in range(points):
        T = RAMP_START_K + RAMP_K_PER_S * point * per_point * step_s
        exact = math.exp(
            -RAMP_A * (_ramp_integral(T) - _ramp_integral(RAMP_START_K)) / RAMP_K_PER_S
        )
        squares += (RAMP_DENSITY * (float(line.extents[0]) - exact)) ** 2
        for _ in range(per_point):
            line.step(step_s)
    return {"rmse_kg_per_m3": math.sqrt(squares / points)}


def _ramp_integral(T: float) -> float:
    """Give the integral of ``exp(-b/T)`` over T: ``T exp(-b/T) + b Ei(-b/T)``."""
    b = RAMP_E_OVER_R
    return T * math.exp(-b / T) + b * float(expi(-b / T))


def blowdown(
    volume_m3: float, area_m2: float, pressure_Pa: float, temperature_K: float,
    discharge_coefficient: float, molar_mass_kg_per_mol: float, gamma: float, ambient_Pa: float,
) -> dict[str, Any]:  # fmt: skip
    """Open a vent of a can at constant temperature; how fast does it empty itself?"""
    opening = discharge_coefficient * area_m2
    M, T = molar_mass_kg_per_mol, temperature_K
    tau_s = blowdown_time(volume_m3, T, M, gamma, opening)
    limit_Pa = critical_ratio(gamma) * ambient_Pa
    moles = pressure_Pa * volume_m3 / (MOLAR_R * T)
    pressure, step_s, time_s, choked_s = pressure_Pa, tau_s / 2000.0, 0.0, 0.0
    while pressure > 1.001 * ambient_Pa and time_s < 100.0 * tau_s:
        rate = outflow(pressure, ambient_Pa, T, M, gamma, opening) / (moles * M)
        middle = moles * math.exp(-0.5 * step_s * rate)
        halfway = headspace_pressure(middle, T, volume_m3, 0.0)
        rate = outflow(halfway, ambient_Pa, T, M, gamma, opening) / (middle * M)
        moles *= math.exp(-step_s * rate)
        before, pressure = pressure, headspace_pressure(moles, T, volume_m3, 0.0)
        if pressure <= limit_Pa < before:
            choked_s = time_s + step_s * math.log(before / limit_Pa) / math.log(before / pressure)
        time_s += step_s
    return {
        "time_constant_s": tau_s,
        "critical_ratio": critical_ratio(gamma),
        "choked_until_s": choked_s,
        "empty_s": time_s,
        "peak_flow_kg_per_s": outflow(pressure_Pa, ambient_Pa, T, M, gamma, opening),
    }
