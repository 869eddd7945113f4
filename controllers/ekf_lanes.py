"""Where the numbers of the group filter sit: ``x[block * BLOCK + FIELD + lane]``.

Group g is lane ``g % 32`` of block ``g // 32``; the lanes beyond the last group are inert. The
layout is what lets the compiler work on several groups at once, as in `cell_models`. All offsets
are unsigned: mixed with signed ones they would become floats without the compiler.
"""

from __future__ import annotations

import numpy as np

LANES = 32
FIELD_NAMES = (
    # state: begun (1) or not (0), estimate, covariance (upper triangle), Coulomb count
    "begun", "soc", "v1_V", "rho", "p00", "p01", "p02", "p11", "p12", "p22",
    "charge_As", "charge_rest_As", "soc_start",
    # table point, read by `refresh_block`
    "soc_ref", "ocv_ref_V", "slope_V", "r0_ohm", "r1_ohm", "decay", "rise_ohm", "tau_s",
    "drop_ratio", "soc2_per_V2",
    # this step's inputs
    "voltage_V", "current_A", "bleed_S",
    # this step's results, handed out in this order as the rows of `estimate`
    "ocv_V", "slope_now_V", "r0_now_ohm", "r1_now_ohm", "v1_now_V",
    "soc_told", "soc_std", "soc_counted",
)  # fmt: skip
N_FIELDS = len(FIELD_NAMES)

_U = np.uint64
WIDTH = _U(LANES)
BLOCK = _U(N_FIELDS * LANES)


def _at(name: str) -> np.uint64:
    return _U(FIELD_NAMES.index(name) * LANES)


BEGUN, SOC, V1, RHO = _at("begun"), _at("soc"), _at("v1_V"), _at("rho")
P00, P01, P02 = _at("p00"), _at("p01"), _at("p02")
P11, P12, P22 = _at("p11"), _at("p12"), _at("p22")
CHARGE, CHARGE_REST, SOC_START = _at("charge_As"), _at("charge_rest_As"), _at("soc_start")
SOC_REF, OCV_REF, SLOPE_REF = _at("soc_ref"), _at("ocv_ref_V"), _at("slope_V")
R0_REF, R1_REF = _at("r0_ohm"), _at("r1_ohm")
DECAY, RISE, TAU_REF = _at("decay"), _at("rise_ohm"), _at("tau_s")
DROP_RATIO, SOC2_PER_V2 = _at("drop_ratio"), _at("soc2_per_V2")
VOLTAGE, CURRENT_IN, BLEED_IN = _at("voltage_V"), _at("current_A"), _at("bleed_S")
RESULTS, N_RESULTS = _at("ocv_V"), _U(8)
OCV_OUT, SLOPE_OUT, R0_OUT = _at("ocv_V"), _at("slope_now_V"), _at("r0_now_ohm")
R1_OUT, V1_OUT = _at("r1_now_ohm"), _at("v1_now_V")
SOC_OUT, STD_OUT, COUNTED_OUT = _at("soc_told"), _at("soc_std"), _at("soc_counted")


def blocks_for(n_groups: int) -> int:
    """Return how many blocks of lanes hold this many groups."""
    return -(-n_groups // LANES)


def lanes_of(filter_state: np.ndarray, field: np.uint64, n_groups: int) -> np.ndarray:
    """Return a copy of one field of every group, float64 (n_groups,).

    Parameters
    ----------
    filter_state : float64 (n_blocks * BLOCK,)
    field : np.uint64
        One of the offsets above.
    n_groups : int
    """
    rows = filter_state.reshape(-1, N_FIELDS, LANES)[:, int(field) // LANES, :]
    return rows.reshape(-1)[:n_groups].copy()
