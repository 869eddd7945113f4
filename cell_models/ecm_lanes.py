"""Where the numbers of an equivalent-circuit cell sit: ``x[block * BLOCK + FIELD + lane]``.

All offsets are unsigned: mixed with signed ones they would become floats without the compiler.
"""

from __future__ import annotations

import numpy as np

from cell_models.contract import LANES

FIELD_NAMES = (
    # state
    "charge_As", "charge_low_As", "v1_V", "v2_V", "v3_V", "hysteresis",
    # what a cell is: capacity and damage
    "capacity_As", "resistance_factor",
    # table point, read by `refresh`
    "soc_ref", "temperature_ref_K", "ocv_ref_V", "ocv_slope_V", "entropic_ref_V_per_K",
    "entropic_slope_V_per_K", "stored_ref_J", "r0_ohm",
    "a1", "a2", "a3", "b1_ohm", "b2_ohm", "b3_ohm", "c1_F", "c2_F", "c3_F",
    "r1_ohm", "r2_ohm", "r3_ohm", "pending_J",
    # running sums for the ledger
    "terminal_J", "heat_J", "dissipated_J", "quadrature_J",
    "refresh_J", "validity",
)  # fmt: skip
N_FIELDS = len(FIELD_NAMES)

_U = np.uint64
WIDTH = _U(LANES)
BLOCK = _U(N_FIELDS * LANES)


def _at(name: str) -> np.uint64:
    return _U(FIELD_NAMES.index(name) * LANES)


CHARGE, CHARGE_LOW = _at("charge_As"), _at("charge_low_As")
V1, V2, V3, HYSTERESIS = _at("v1_V"), _at("v2_V"), _at("v3_V"), _at("hysteresis")
CAPACITY, RESISTANCE = _at("capacity_As"), _at("resistance_factor")
SOC_REF, T_REF = _at("soc_ref"), _at("temperature_ref_K")
OCV, OCV_SLOPE = _at("ocv_ref_V"), _at("ocv_slope_V")
ENTROPIC, ENTROPIC_SLOPE = _at("entropic_ref_V_per_K"), _at("entropic_slope_V_per_K")
STORED, R0 = _at("stored_ref_J"), _at("r0_ohm")
A1, A2, A3 = _at("a1"), _at("a2"), _at("a3")
B1, B2, B3 = _at("b1_ohm"), _at("b2_ohm"), _at("b3_ohm")
C1, C2, C3 = _at("c1_F"), _at("c2_F"), _at("c3_F")
R1, R2, R3, PENDING = _at("r1_ohm"), _at("r2_ohm"), _at("r3_ohm"), _at("pending_J")
TERMINAL, HEAT = _at("terminal_J"), _at("heat_J")
DISSIPATED, QUADRATURE = _at("dissipated_J"), _at("quadrature_J")
BOOKED, VALIDITY = _at("refresh_J"), _at("validity")
