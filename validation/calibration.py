"""Calibrate the filter of the BMS from a cell's parameter set: two RC pairs reduced to one.

``python -m validation.calibration lg_m50`` writes `controllers/data/lg_m50.json`. This is the bench
on which a BMS engineer characterises a cell: from then on the BMS knows only its own file.

The reduction keeps the final resistance (R0 + sum of the R) and fits the one pair to the step
response between 0.5 and 600 s, equally weighted per decade (least squares). What of the fast pair
is over before a driving pulse ends goes into R0. Matching moments instead (final value and area)
misses the first 30 s; the filter then learns a resistance 15 % too high on US06, which costs one
point of state of charge.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_models.ecm_params import EcmParams, load_ecm_params
from controllers.filter_params import DATA_FOLDER

OCV_POINTS, MAP_POINTS = 41, 11  # assumed: what fits the flash of a small BMS
TEMPERATURES_K = np.linspace(253.15, 313.15, 5)  # assumed: -20 to 40 degC


def reduce_to_one_pair(
    r0_ohm: float, r_ohm: NDArray[np.float64], tau_s: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Reduce RC pairs to one: same final resistance, step response fitted from 0.5 to 600 s.

    Parameters
    ----------
    r0_ohm : float
        [ohm]
    r_ohm, tau_s : float64 (n_rc,)
        Resistances [ohm] and time constants [s].

    Returns
    -------
    r0_ohm, r1_ohm, tau1_s : float

    Notes
    -----
    What is missing from the final value after t is ``sum Ri exp(-t/taui)``. For each tau on a grid
    the best single ``R exp(-t/tau)`` follows by projection; the tau with the least error wins.
    """
    time_s = np.geomspace(0.5, 600.0, 80)
    missing = (r_ohm[:, None] * np.exp(-time_s / tau_s[:, None])).sum(0)
    best = (np.inf, 0.0, 0.0)
    for tau1_s in np.geomspace(tau_s.min(), tau_s.max(), 120):
        shape = np.exp(-time_s / tau1_s)
        r1_ohm = float(missing @ shape / (shape @ shape))
        best = min(best, (float(((missing - r1_ohm * shape) ** 2).sum()), r1_ohm, float(tau1_s)))
    _, r1_ohm, tau1_s = best
    return r0_ohm + float(r_ohm.sum()) - r1_ohm, r1_ohm, tau1_s


def resample(params: EcmParams, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resample a (soc, temperature) table of the plant on the filter's coarse axes.

    Parameters
    ----------
    params : EcmParams
    table : float64 (m, k)
        Positive. The logarithm is interpolated: resistances fall exponentially with temperature.
    """
    soc = np.linspace(0.0, 1.0, MAP_POINTS)
    values = np.log(table)
    over_soc = np.stack([np.interp(soc, params.table_soc, column) for column in values.T], axis=1)
    out = np.stack(
        [np.interp(TEMPERATURES_K, params.table_temperature_K, row) for row in over_soc], axis=0
    )
    return np.exp(out)


def calibrate(params: EcmParams) -> dict[str, Any]:
    """Return the calibration of the filter as its JSON document.

    Parameters
    ----------
    params : EcmParams
        The plant's cell.
    """
    soc = np.linspace(0.0, 1.0, OCV_POINTS)
    reduced = np.zeros((3, *params.r0_ohm.shape))
    for row, column in np.ndindex(params.r0_ohm.shape):
        reduced[:, row, column] = reduce_to_one_pair(
            float(params.r0_ohm[row, column]),
            params.r_ohm[:, row, column],
            params.tau_s[:, row, column],
        )

    def rounded(array: NDArray[np.float64], digits: int) -> Any:
        return np.round(array, digits).tolist()

    return {
        "name": params.name,
        "source": f"python -m validation.calibration {params.name}: the cell's ECM parameter set, "
        "RC pairs reduced to one: same final resistance, step response fitted from 0.5 to 600 s",
        "capacity_As": round(params.capacity_As, 3),
        "reference_temperature_K": params.reference_temperature_K,
        "ocv_V": rounded(np.interp(soc, params.ocv_soc, params.ocv_V), 5),
        "entropic_V_per_K": rounded(np.interp(soc, params.ocv_soc, params.entropic_V_per_K), 9),
        "temperature_K": TEMPERATURES_K.tolist(),
        "r0_ohm": rounded(resample(params, reduced[0]), 6),
        "r1_ohm": rounded(resample(params, reduced[1]), 6),
        "tau1_s": rounded(resample(params, reduced[2]), 3),
    }


def main(arguments: list[str]) -> list[Path]:
    """Write `controllers/data/<name>.json` for every named parameter set.

    Parameters
    ----------
    arguments : list of str
        Names or paths, as `load_ecm_params` takes them.

    Returns
    -------
    list of Path
        The files written.
    """
    if not arguments:
        raise SystemExit("usage: python -m validation.calibration NAME...")
    paths = []
    for name in arguments:
        document = calibrate(load_ecm_params(name))
        path = Path(DATA_FOLDER) / f"{document['name']}.json"
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


if __name__ == "__main__":
    main(sys.argv[1:])
