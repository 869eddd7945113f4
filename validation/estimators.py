"""Calibrate the filter of the BMS from a cell's parameter set: two RC pairs reduced to one.

``python -m validation.estimators lg_m50`` writes `controllers/data/lg_m50.json`. This is the bench
on which a BMS engineer characterises a cell: from then on the BMS knows only its own file.

The reduction matches the step response of the RC chain: its final value (the sum of the R) and
its first moment, the area between final value and response (the sum of R·tau). One pair with
``R = ΣRi`` and ``tau = ΣRi·taui / ΣRi`` has both.
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
    r_ohm: NDArray[np.float64], tau_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce RC pairs to one with the same final value and first moment of the step response.

    Parameters
    ----------
    r_ohm, tau_s : float64 (n_rc, m, k)
        Resistances [ohm] and time constants [s].

    Returns
    -------
    r1_ohm, tau1_s : float64 (m, k)
    """
    r1_ohm = r_ohm.sum(axis=0)
    return r1_ohm, (r_ohm * tau_s).sum(axis=0) / r1_ohm


def resample(
    params: EcmParams, table: NDArray[np.float64], log: bool = True
) -> NDArray[np.float64]:
    """Resample a (soc, temperature) table of the plant on the filter's coarse axes.

    Parameters
    ----------
    params : EcmParams
    table : float64 (m, k)
    log : bool
        Interpolate the logarithm over temperature: resistances fall exponentially with it.
    """
    soc = np.linspace(0.0, 1.0, MAP_POINTS)
    values = np.log(table) if log else table
    over_soc = np.stack([np.interp(soc, params.table_soc, column) for column in values.T], axis=1)
    out = np.stack(
        [np.interp(TEMPERATURES_K, params.table_temperature_K, row) for row in over_soc], axis=0
    )
    return np.exp(out) if log else out


def calibrate(params: EcmParams) -> dict[str, Any]:
    """Return the calibration of the filter as its JSON document.

    Parameters
    ----------
    params : EcmParams
        The plant's cell.
    """
    soc = np.linspace(0.0, 1.0, OCV_POINTS)
    r1_ohm, tau1_s = reduce_to_one_pair(params.r_ohm, params.tau_s)

    def rounded(array: NDArray[np.float64], digits: int) -> Any:
        return np.round(array, digits).tolist()

    return {
        "name": params.name,
        "source": f"python -m validation.estimators {params.name}: the cell's ECM parameter set, "
        "RC pairs reduced to one by matching final value and first moment of the step response",
        "capacity_As": round(params.capacity_As, 3),
        "reference_temperature_K": params.reference_temperature_K,
        "ocv_V": rounded(np.interp(soc, params.ocv_soc, params.ocv_V), 5),
        "entropic_V_per_K": rounded(np.interp(soc, params.ocv_soc, params.entropic_V_per_K), 9),
        "temperature_K": TEMPERATURES_K.tolist(),
        "r0_ohm": rounded(resample(params, params.r0_ohm), 6),
        "r1_ohm": rounded(resample(params, r1_ohm), 6),
        "tau1_s": rounded(resample(params, tau1_s), 3),
    }


def main(arguments: list[str]) -> int:
    """Write `controllers/data/<name>.json` for every named parameter set.

    Parameters
    ----------
    arguments : list of str
        Names or paths, as `load_ecm_params` takes them.
    """
    if not arguments:
        sys.stderr.write("usage: python -m validation.estimators NAME...\n")
        return 2
    for name in arguments:
        document = calibrate(load_ecm_params(name))
        path = Path(DATA_FOLDER) / f"{document['name']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
