"""What is claimed of the runaway kinetics, each figure with its limit and what it is held against.

Two kinds: that the equations are solved right (solutions on paper, other codes with the same
equations), and that they are true (published ovens, measured heat). Limits are older than the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cell_models.runaway_params import Scope, load_runaway_params, parameter_names
from validation.case import Claim, at_most
from validation.runaway.cases import run_case

OURS = "an independent stiff solution of the same equations (LSODA or Radau, rtol 1e-9)"
LIM1TR = "LIM1TR (Sandia), its own input files, 2021"
PAPER = "a solution on paper"
BUDGET = "inventory of the parameter set"
ZHAO = (
    "published 3-D model of an LCO cell: critical ambient temperature 148 degC (Zhao et al. 2024, "
    "J. Energy Storage 84, 110901); measured 18650 survive 145 and run away from 150 to 155 degC"
)
DATABANK = (
    "battery failure databank, 365 calorimeter tests: 5 to 95 % of full cells release 3.66 to "
    "6.89 kJ/Wh in all, 7.9 to 48 % of it through the can wall"
)
DATABANK_KJ_PER_WH, DATABANK_MEAN_KJ_PER_WH = (3.66, 6.89), 5.1
DATABANK_BODY_SHARE = (0.079, 0.48)
HARD_RESIDUAL = 1e-9


def _results(case: str, *conditions: str) -> dict[str, Any]:
    return run_case(case, conditions)["results"]


def _off(name: str, value: float, exact: float, limit: float, source: str, unit: str = "") -> Claim:
    """Claim that a figure is within `limit` of another; relative where no unit is given."""
    error = abs(value - exact) if unit else abs(value / exact - 1.0)
    return at_most(name, error, unit, limit, source, f"{value:.6g} here, {exact:.6g} there")


def outside(name: str, value: float, band: tuple[float, float], unit: str, source: str) -> Claim:
    """Claim that a figure lies in a band: by how much it does not.

    Parameters
    ----------
    name, unit, source : str, as in `Claim`
    value : float
    band : tuple of float, its ends, both included

    Returns
    -------
    Claim
    """
    beyond = max(band[0] - value, value - band[1], 0.0) if math.isfinite(value) else math.inf
    note = f"{value:.3g} {unit}, band {band[0]:g} to {band[1]:g}".replace("  ", " ")
    return at_most(name, beyond, unit, 0.0, source, note)


def inventory() -> list[Claim]:
    """Hold the heats of Set K, reaction by reaction (benchmark 1)."""
    found = _results("inventory")
    volume_m3 = math.pi * 0.009**2 * 0.065
    wanted = {"sei": 23.53e6, "anode": 784.67e6, "cathode": 368.06e6, "electrolyte": 63.07e6}
    worst = max(abs(found["heat_J"][k] / volume_m3 / v - 1.0) for k, v in wanted.items())
    return [
        at_most(
            "Set K: heat of each reaction per volume", worst, "", 1e-4, BUDGET,
            "four figures of 5 or 4 digits",
        ),
        _off("Set K: heat of a cell", found["total_J"], 20499.0, 1e-4, BUDGET),
        _off("Set K: adiabatic rise", found["adiabatic_rise_K"], 578.75, 1e-4, BUDGET),
    ]  # fmt: skip


def single_cell() -> list[Claim]:
    """Hold what one cell does by itself and in an oven (benchmarks 2, 4, 6, 7, 9)."""
    alone, half, hot = _results("adiabatic"), _results("first_order"), _results("oven")
    claims = [
        _off(
            "adiabatic from 110 degC: 200 degC reached after", alone["t200_s"], 5219.4, 1e-3, OURS
        ),
        _off("adiabatic from 110 degC: end", alone["end_degC"], 688.75, 0.05, OURS, "K"),
        _off("first order from 450 K: half gone after", half["t50_s"], 158.229, 1e-3, PAPER),
        _off("oven of 155 degC: 200 degC reached after", hot["t200_s"], 1496.85, 1.0, OURS, "s"),
        _off("oven of 155 degC: peak", hot["peak_degC"], 523.36, 0.5, OURS, "K"),
    ]
    for oven, hours, peak in ((140, 6, 147.7), (145, 2, 161.7)):
        found = _results("oven", f"oven_degC={oven}", f"hours={hours}")
        name = f"oven of {oven} degC, {hours} h: no runaway, peak"
        claims.append(_off(name, found["peak_degC"], peak, 0.5, OURS, "K"))
    least = _results("critical_oven")
    critical, by_rate = least["critical_degC"], least["critical_by_rate_degC"]
    return [
        *claims,
        _off("critical oven, above 300 degC within 6 h", critical, 145.86, 0.3, OURS, "K"),
        _off("critical oven by 1 K/s", by_rate, 145.55, 0.3, OURS, "K"),
        _off("critical ambient temperature of an LCO cell", critical, 148.0, 4.0, ZHAO, "K"),
    ]


def several_nodes() -> list[Claim]:
    """Hold stack, short and chains (benchmarks 12, 16, 20, 22, 28)."""
    stack, short = _results("stack"), _results("short_only")
    claims = [
        _off(f"stack: cell {n} half converted after", value, exact, 0.2, LIM1TR, "s")
        for n, value, exact in zip(
            (1, 2, 3), stack["half_converted_s"], (3.70, 22.50, 37.90), strict=True
        )
    ] + [
        _off(f"stack: far face of cell {n} at 600 K after", value, exact, 0.2, OURS, "s")
        for n, value, exact in zip(
            (1, 2, 3), stack["far_face_600K_s"], (5.4, 23.9, 39.4), strict=True
        )
    ]
    exact_K = {"at_1_s_K": 390.50, "at_5_s_K": 751.09, "at_10_s_K": 1182.65, "end_K": 1631.55}
    for key, exact in exact_K.items():
        name = "short reaction alone: " + key.removesuffix("_K").replace("_", " ")
        claims.append(_off(name, short[key], exact, 0.1, LIM1TR, "K"))
    isc = _results("internal_short")
    claims.append(_off("internal short of 0.1 ohm: runaway after", isc["t300_s"], 61.0, 0.01, OURS))
    chain, chain_f = _results("chain"), _results("chain_f")
    return [
        *claims,
        *_intervals("Set K chain", chain["interval_s"], {1: 28.6, 2: 27.9, 3: 27.8, 7: 24.7}, 0.02),
        *_intervals(
            "Set F chain", chain_f["interval_s"],
            dict(enumerate((96.9, 87.3, 86.4, 85.8, 68.6), start=1)), 0.03,
        ),
        _off("Set F chain: peak of cell 3", chain_f["peak_degC"][2], 944.0, 0.03, OURS),
        *_audit("adiabatic", "oven", "stack", "internal_short", "chain", "chain_f"),
    ]  # fmt: skip


def _intervals(what: str, found: list[float], exact: dict[int, float], limit: float) -> list[Claim]:
    return [
        _off(f"{what}: from cell {n} to {n + 1}", found[n - 1], value, limit, OURS)
        for n, value in exact.items()
    ]


def _audit(*cases: str) -> list[Claim]:
    """Hold the energy of every case against itself (benchmark 32)."""
    worst = {case: _results(case)["energy_residual"] for case in cases}
    closure = {case: _results(case)["closure"] for case in cases}
    named = ", ".join(cases)
    return [
        at_most(
            "energy: |dU - heat - given + lost| over what flowed", max(worst.values()), "",
            HARD_RESIDUAL, "conservation", f"worst of {named}",
        ),
        at_most(
            "energy: heat released is what reactants lost", max(closure.values()), "", 2e-14,
            "conservation", f"worst of {named}",
        ),
    ]  # fmt: skip


def on_paper() -> list[Claim]:
    """Hold what has a solution on paper (benchmarks 18, 19, 26)."""
    can = _results("blowdown")
    return [
        at_most("plate between two faces, RMSE", _results("wall")["rmse_K"], "K", 0.02, PAPER,
                "Biot number 5, 100 nodes"),
        at_most("plate warmed over its rim, largest", _results("lump")["max_error_K"], "K", 8e-7,
                PAPER, "Crank-Nicolson in Strang halves, 1 ms"),
        at_most("reaction in a ramp, RMSE", _results("ramp")["rmse_kg_per_m3"], "kg/m3", 2e-7,
                PAPER, "of 10 kg/m3"),
        _off("blowdown: time constant", can["time_constant_s"], 1.4781e-3, 0.005, PAPER),
        _off("blowdown: choked until", can["choked_until_s"], 3.513e-3, 0.005, PAPER),
    ]  # fmt: skip


def plausible() -> list[Claim]:
    """Hold the heat of every cylindrical cell against measured ones (benchmark 30).

    The databank holds no prismatic or pouch cells; the case ``inventory`` says what theirs release.
    """
    claims = []
    for name in parameter_names():
        params = load_runaway_params(name)
        per_Wh = params.heat_J_per_Wh() / 1e3
        if params.cell.form_factor != "cylinder":
            continue
        if params.scope is Scope.BODY:
            share = per_Wh / DATABANK_MEAN_KJ_PER_WH
            what = f"{name}: share of its heat in a mean full cell's, as heat of the body"
            claims.append(outside(what, share, DATABANK_BODY_SHARE, "", DATABANK))
        else:
            what = f"{name}: heat of a full cell, electrical energy counted once"
            claims.append(outside(what, per_Wh, DATABANK_KJ_PER_WH, "kJ/Wh", DATABANK))
    return claims


GROUPS: tuple[Callable[[], list[Claim]], ...] = (
    inventory, single_cell, several_nodes, on_paper, plausible,
)  # fmt: skip


def run(data_dir: str | Path | None = None, workers: int = 1) -> list[Claim]:
    """Hold all of them.

    Parameters
    ----------
    data_dir, workers
        Not needed.

    Returns
    -------
    list of Claim
    """
    return [claim for group in GROUPS for claim in group()]
