"""One hour of current, and a cell that every tool can hold: the job of `make bench-peers`.

The current is held for whole seconds, as a BMS or a drive cycle gives it. The cell has the
open-circuit table of the LG M50 and constant resistances; no hysteresis, no entropic heat, one
temperature: what not every tool has is left out for all.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.ecm_params import EcmParams, load_ecm_params

DURATION_S = 3600
STEP_S = 1
SEED = 20260715
SHORTEST_S, LONGEST_S = 5, 60
"""How long one current is held [s]; every fourth one is a rest."""
CHARGE_MAX_C, DISCHARGE_MAX_C = 0.7, 1.0
"""The LG M50 is rated for charging at 0.7C (see its parameter file)."""
SOC_0, SOC_MIN, SOC_MAX = 0.8, 0.3, 0.9
TEMPERATURE_K = 298.15
R0_OHM = 0.014
R_OHM, TAU_S = (0.012, 0.014), (13.0, 270.0)
"""As the LG M50 at half charge and 25 degC, rounded."""


def profile(capacity_As: float, seed: int = SEED) -> NDArray[np.float64]:
    """Return the current of every second of the hour.

    Parameters
    ----------
    capacity_As : float
        [A s]
    seed : int

    Returns
    -------
    float64 (3600,)
        Discharge positive [A], mA rounded; entry k is held from second k to k + 1. A level that
        would lead out of `SOC_MIN` to `SOC_MAX` becomes a rest.
    """
    draw = np.random.default_rng(seed)
    current_A, soc = np.zeros(DURATION_S), SOC_0
    start, count = 0, 0
    while start < DURATION_S:
        end = min(start + int(draw.integers(SHORTEST_S, LONGEST_S + 1)), DURATION_S)
        rate_C = float(draw.uniform(-CHARGE_MAX_C, DISCHARGE_MAX_C))
        level = round(rate_C * capacity_As / 3600.0, 3)
        if count % 4 == 3:
            level = 0.0
        moved = level * (end - start) / capacity_As
        if not SOC_MIN < soc - moved < SOC_MAX:
            level = moved = 0.0
        current_A[start:end] = level
        start, count, soc = end, count + 1, soc - moved
    return current_A


def cell_document(name: str = "lg_m50") -> dict[str, Any]:
    """Return the cell as a parameter file of packtwin: constant resistances, OCV of `name`."""
    params = load_ecm_params(name)
    document: dict[str, Any] = {}
    for field in fields(EcmParams):
        value = getattr(params, field.name)
        document[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
    document["capacity_Ah"] = document.pop("capacity_As") / 3600.0
    grid = np.ones((params.table_soc.size, params.table_temperature_K.size))
    document |= {
        "name": f"{name} with constant resistances",
        "entropic_V_per_K": [0.0] * params.ocv_soc.size,
        "hysteresis_V": 0.0,
        "r0_ohm": (R0_OHM * grid).tolist(),
        "r_ohm": [(r * grid).tolist() for r in R_OHM],
        "tau_s": [(tau * grid).tolist() for tau in TAU_S],
        "sources": dict(params.sources) | {"resistance": "rounded: validation/peers/job.py"},
    }
    return document


def job_document(cell: dict[str, Any]) -> dict[str, Any]:
    """Return everything that a tool needs to do the job, ready for JSON.

    Parameters
    ----------
    cell : dict
        As `cell_document` gives it.
    """
    return {
        "duration_s": DURATION_S,
        "step_s": STEP_S,
        "seed": SEED,
        "current_A": profile(3600.0 * cell["capacity_Ah"]).tolist(),
        "soc_0": SOC_0,
        "temperature_K": TEMPERATURE_K,
        "capacity_Ah": cell["capacity_Ah"],
        "mass_kg": cell["mass_kg"],
        "heat_capacity_J_per_K": cell["heat_capacity_J_per_K"],
        "voltage_min_V": cell["voltage_min_V"],
        "voltage_max_V": cell["voltage_max_V"],
        "r0_ohm": R0_OHM,
        "r_ohm": list(R_OHM),
        "tau_s": list(TAU_S),
        "ocv_soc": cell["ocv_soc"],
        "ocv_V": cell["ocv_V"],
    }


def write_job(folder: Path) -> tuple[Path, Path]:
    """Write the job for the peers and the cell for packtwin.

    Returns
    -------
    job, cell : Path
        Two JSON files in `folder`.
    """
    cell = cell_document()
    paths = folder / "job.json", folder / "cell.json"
    for path, document in zip(paths, (job_document(cell), cell), strict=True):
        path.write_text(json.dumps(document), encoding="utf-8")
    return paths
