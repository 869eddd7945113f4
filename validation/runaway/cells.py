"""Benchmarks of one cell: inventory, adiabatic, oven, internal short, two one-step reactions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cell_models.runaway import GATE_K
from cell_models.runaway_params import (
    FittedCell,
    Law,
    Reaction,
    RunawayParams,
    Scope,
    SocScaling,
    Standing,
    load_runaway_params,
)
from validation.runaway.line import (
    CELSIUS_K,
    History,
    Line,
    first_above,
    follow,
    lone_cell,
    oven_sink,
)

SET_K = "lco_18650"
REACHED_K, RUNAWAY_K = 473.15, 573.15
"""What counts: t200 is the first time above 200 degC, runaway is above 300 degC."""
RUNAWAY_K_PER_S = 1.0
"""Another definition of runaway: a cell hotter than the oven that heats itself so fast."""
STEP_S = 1.0
SEARCH_STEP_S, SEARCH_DEGC, SEARCH_TOLERANCE_K = 10.0, (60.0, 400.0), 0.005
OVEN_START_K = 298.15


def inventory(set_name: str, soc: float) -> dict[str, Any]:
    """Return what a cell of a set can release, reaction by reaction [J], and what it warms."""
    params = load_runaway_params(set_name)
    line = lone_cell(params, OVEN_START_K, soc=soc)
    heat_J = dict(zip(line.tables.names, line.extents * line.energy_J, strict=True))
    chemical_J = params.heat_J(soc, electrical=False)
    return {
        "title": params.title,
        "standing": str(params.standing),
        "heat_J": {name: float(value) for name, value in heat_J.items() if value},
        "total_J": float(line.stored_J),
        "chemical_J": chemical_J,
        "adiabatic_rise_K": float(line.stored_J) / params.cell.heat_capacity_J_per_K,
        "heat_kJ_per_rated_Wh": params.heat_J_per_Wh(soc) / 1e3,
        "scope": str(params.scope),
    }


def adiabatic(start_degC: float, gate_degC: float, step_s: float) -> dict[str, Any]:
    """Leave a Set K cell to itself, without losses, until its reactants are gone."""
    line = lone_cell(
        load_runaway_params(SET_K), start_degC + CELSIUS_K, gate_K=gate_degC + CELSIUS_K
    )
    history = follow(line, 40.0 * 86400.0, step_s, stop_K=REACHED_K)
    follow(line, 40.0 * 86400.0, 3600.0)  # the last of the anode dies out behind its film
    return _energies(line) | {
        "t200_s": history.first_above(REACHED_K),
        "end_degC": float(line.temperature_K[0]) - CELSIUS_K,
    }


def oven_history(
    oven_degC: float, h_W_per_m2K: float, emissivity: float, cathode_factor: float, hours: float,
    gate_degC: float = GATE_K - CELSIUS_K, step_s: float = STEP_S, stop_K: float = np.inf,
) -> tuple[Line, History]:  # fmt: skip
    """Put a Set K cell of 25 degC into an oven; return it and its temperatures."""
    params = load_runaway_params(SET_K)
    sink = oven_sink(params, h_W_per_m2K, emissivity, oven_degC + CELSIUS_K)
    line = lone_cell(
        params, OVEN_START_K, sink=sink, gate_K=gate_degC + CELSIUS_K,
        heat={"cathode": cathode_factor},
    )  # fmt: skip
    return line, follow(line, 3600.0 * hours, step_s, stop_K)


def oven(**conditions: float) -> dict[str, Any]:
    """Return what a Set K cell does in an oven; conditions as `oven_history` takes them."""
    line, history = oven_history(**conditions)
    peak_K = float(history.temperature_K.max())
    return _energies(line) | {
        "is_runaway": peak_K > RUNAWAY_K,
        "t200_s": history.first_above(REACHED_K),
        "t300_s": history.first_above(RUNAWAY_K),
        "peak_degC": peak_K - CELSIUS_K,
    }


def critical_oven(
    h_W_per_m2K: float, emissivity: float, cathode_factor: float, hours: float
) -> dict[str, Any]:
    """Find the least oven temperature with runaway: above 300 degC, and faster than 1 K/s."""
    conditions = (h_W_per_m2K, emissivity, cathode_factor, hours)
    seen: dict[float, tuple[float, float]] = {}
    return {
        "critical_degC": _least_oven(seen, 0, RUNAWAY_K, conditions),
        "critical_by_rate_degC": _least_oven(seen, 1, RUNAWAY_K_PER_S, conditions),
    }


def _least_oven(
    seen: dict[float, tuple[float, float]], which: int, level: float, conditions: tuple[float, ...]
) -> float:
    """Bisect the oven temperature [degC]; `seen` keeps peak [K] and rate [K/s] of those tried."""
    low, high = SEARCH_DEGC
    while high - low > SEARCH_TOLERANCE_K:
        middle = 0.5 * (low + high)
        if middle not in seen:
            _, history = oven_history(
                middle, *conditions, step_s=SEARCH_STEP_S, stop_K=RUNAWAY_K + 1.0
            )
            cell_K = history.temperature_K[:, 0]
            by_itself = cell_K[:-1] > middle + CELSIUS_K  # hotter than the oven that heats it
            rate = np.diff(cell_K) / np.diff(history.time_s)
            seen[middle] = float(cell_K.max()), float(rate.max(where=by_itself, initial=0.0))
        low, high = (low, middle) if seen[middle][which] > level else (middle, high)
    return 0.5 * (low + high) if high < SEARCH_DEGC[1] else math.nan


def internal_short(
    resistance_ohm: float, h_W_per_m2K: float, emissivity: float, internal_ohm: float,
    capacity_Ah: float, voltage_V: float, ambient_degC: float,
) -> dict[str, Any]:  # fmt: skip
    """Short a Set K cell inside: ``U^2/(R_i + R)`` heats it until its charge is gone."""
    ambient_K = ambient_degC + CELSIUS_K
    params = load_runaway_params(SET_K)
    line = lone_cell(params, ambient_K, sink=oven_sink(params, h_W_per_m2K, emissivity, ambient_K))
    current_A = voltage_V / (internal_ohm + resistance_ohm)
    empty_s = 3600.0 * capacity_Ah / current_A
    line.power_W[:] = current_A * voltage_V
    shorted = follow(line, empty_s, min(max(empty_s / 5000.0, 0.01), 600.0))
    line.power_W[:] = 0.0
    after = follow(line, 3600.0, STEP_S)
    time_s = np.concatenate([shorted.time_s, shorted.time_s[-1] + after.time_s[1:]])
    temperature_K = np.concatenate([shorted.temperature_K[:, 0], after.temperature_K[1:, 0]])
    runaway_s = first_above(time_s, temperature_K, RUNAWAY_K)
    is_runaway = math.isfinite(runaway_s)
    return _energies(line) | {
        "is_runaway": is_runaway,
        "t300_s": runaway_s,
        "current_A": current_A,
        "power_W": current_A * voltage_V,
        "discharged": min(1.0, runaway_s / empty_s) if is_runaway else 1.0,
        "peak_degC": float(temperature_K.max()) - CELSIUS_K,
    }


def _energies(line: Line) -> dict[str, float]:
    return {"energy_residual": line.residual(), "closure": line.closure()}


def one_step(
    law: Law, heat_J_per_kg: float, frequency_per_s: float, activation_J_per_mol: float,
    specific_heat_J_per_kgK: float, start: float = 1.0, **more: Any,
) -> RunawayParams:  # fmt: skip
    """Return a set of one reaction in one kilogram, for a benchmark; `more` as in `Reaction`."""
    cell = FittedCell(
        name="1 kg", chemistry="none", form_factor="prismatic", mass_kg=1.0,
        specific_heat_J_per_kgK=specific_heat_J_per_kgK, capacity_Ah=1.0, energy_Wh=1.0,
        size_m=(0.1, 0.1, 0.1), source="benchmark",
    )  # fmt: skip
    reaction = Reaction(
        name="all", law=law, mass_kg=1.0, heat_J_per_kg=heat_J_per_kg,
        frequency_per_s=frequency_per_s, activation_J_per_mol=activation_J_per_mol, start=start,
        soc_scaling=SocScaling.NONE, standing=Standing.VERIFIED, source="benchmark", **more,
    )  # fmt: skip
    return RunawayParams(
        name="one_step", title="one reaction", scope=Scope.CHEMICAL, standing=Standing.VERIFIED,
        valid_from_K=200.0, valid_to_K=2500.0, valid_from_soc=0.0, valid_to_soc=1.0, cell=cell,
        reactions=(reaction,),
    )  # fmt: skip


FIRST_ORDER: dict[str, Any] = {
    "law": Law.FIRST_ORDER, "heat_J_per_kg": 5.04e5, "frequency_per_s": 1e9,
    "activation_J_per_mol": 1.1e5, "specific_heat_J_per_kgK": 800.0,
}  # fmt: skip
"""The battery of LIM1TR's propagation example: 1.44 MJ/kg of reactants, 35 % of the mass."""


def first_order(start_K: float) -> dict[str, Any]:
    """Leave one first-order reaction to itself; when is half of it gone?"""
    line = lone_cell(one_step(**FIRST_ORDER), start_K, gate_K=0.0, rise_K=0.5)
    times, left, step_s = [0.0], [1.0], 1.0
    while line.extents[0] > 0.5 and times[-1] < 3.2e7:
        before_K = line.temperature_K[0]
        line.step(step_s)
        times.append(times[-1] + step_s)
        left.append(line.extents[0])
        moved_K = max(float(line.temperature_K[0] - before_K), 1e-12)
        step_s *= min(2.0, max(0.5 / moved_K, 0.1))
    half_s = first_above(np.array(times), -np.array(left), -0.5)
    return _energies(line) | {
        "t50_s": half_s,
        "end_K": start_K + FIRST_ORDER["heat_J_per_kg"] / FIRST_ORDER["specific_heat_J_per_kgK"],
    }


SHORT_MOLES_PER_M3 = 0.13 * 2000.0 / 79.007 * 1e3
"""Of the limiting C6Li: 13 % of 2000 kg/m3 at 79.007 g/mol. CoO2, 16 % at 90.931, is left over."""
SHORT_MOLAR_KG, SHORT_SCALE = 0.079007 + 0.090931, 0.327e-3
SHORT_FREQUENCY, SHORT_HEAT_J_PER_KG = 38.537, 2384306.0
SHORT_HEAT_CAPACITY = 2000.0 * 500.0


def short_only() -> dict[str, Any]:
    """Run LIM1TR's short-circuit reaction alone, in 1 m3: its rate is nearly constant."""
    start = SHORT_SCALE * SHORT_MOLES_PER_M3
    per_extent_kg = SHORT_MOLAR_KG / SHORT_SCALE
    line = lone_cell(
        one_step(
            Law.SATURATING, SHORT_HEAT_J_PER_KG * per_extent_kg / SHORT_HEAT_CAPACITY * 500.0,
            SHORT_FREQUENCY / per_extent_kg, 0.0, 500.0, film_scale=50.0, film_yield=0.15,
        ),
        298.15, gate_K=0.0, rise_K=0.5,
    )  # fmt: skip
    line.extents[:] = start
    line.start_J = line.stored_J
    history = follow(line, 30.0, 0.01)
    at = {
        f"at_{time:g}_s_K": float(np.interp(time, history.time_s, history.temperature_K[:, 0]))
        for time in (1.0, 5.0, 10.0)
    }
    return _energies(line) | at | {"end_K": float(line.temperature_K[0])}
