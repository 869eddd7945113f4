"""Where the numbers of an equivalent-circuit cell sit: ``x[block * stride + FIELD + lane]``.

A block holds the fields of 32 cells: first those that every cell has, then `PAIR_FIELD_NAMES` for
each RC pair. Two pairs are always there (a missing one is all zeros), so that one loop does it all;
a third follows where there is one. All offsets are unsigned: mixed with signed ones they would
become floats without the compiler.
"""

from __future__ import annotations

import numpy as np

from cell_models.contract import LANES

CELL_FIELD_NAMES = (
    # state
    "charge_As", "charge_low_As", "hysteresis", "pending_J",
    # what a cell is: capacity and damage
    "capacity_As", "resistance_factor",
    # table point, read by `refresh`
    "inverse_capacity_per_As", "soc_ref", "ocv_ref_V", "ocv_slope_V", "reversible_ref_V",
    "reversible_slope_V", "stored_ref_J", "r0_ohm", "line_ohm", "validity",
)  # fmt: skip
"""`reversible` is T s, temperature times entropic coefficient; `line` the whole r of the line."""
PAIR_FIELD_NAMES = ("v{}_V", "a{}", "b{}_ohm", "c{}_F", "r{}_ohm")
"""Of RC pair 1, 2 and so on."""

_U = np.uint64
WIDTH = _U(LANES)
PAIRS = _U(len(CELL_FIELD_NAMES) * LANES)
"""Offset of the first RC pair in a block."""
PAIR = _U(len(PAIR_FIELD_NAMES) * LANES)
"""From one RC pair to the next."""
PAIR_2, PAIR_3 = PAIRS + PAIR, PAIRS + PAIR + PAIR


def field_names(n_rc: int) -> tuple[str, ...]:
    """Return the names of all fields of a cell with `n_rc` RC pairs, in their order."""
    pairs = (name.format(k + 1) for k in range(max(n_rc, 2)) for name in PAIR_FIELD_NAMES)
    return (*CELL_FIELD_NAMES, *pairs)


def _at(name: str) -> np.uint64:
    return _U(CELL_FIELD_NAMES.index(name) * LANES)


CHARGE, CHARGE_LOW, HYSTERESIS = _at("charge_As"), _at("charge_low_As"), _at("hysteresis")
CAPACITY, RESISTANCE = _at("capacity_As"), _at("resistance_factor")
INVERSE_CAPACITY, SOC_REF = _at("inverse_capacity_per_As"), _at("soc_ref")
OCV, OCV_SLOPE = _at("ocv_ref_V"), _at("ocv_slope_V")
REVERSIBLE, REVERSIBLE_SLOPE = _at("reversible_ref_V"), _at("reversible_slope_V")
STORED, R0, LINE = _at("stored_ref_J"), _at("r0_ohm"), _at("line_ohm")
PENDING, VALIDITY = _at("pending_J"), _at("validity")
V, A, B, C, R = (_U(k * LANES) for k in range(len(PAIR_FIELD_NAMES)))
"""Within an RC pair: voltage, decay, b, capacitance, resistance."""

SUM_NAMES = ("terminal_J", "heat_J", "dissipated_J", "quadrature_J", "refresh_J")
"""Running sums of the ledger over the population, lane by lane and compensated, after the blocks.

They are the population's, not each cell's: a sum that is read and written for every cell and step
costs more than the physics of an RC pair (measured).
"""
TERMINAL, HEAT, DISSIPATED, QUADRATURE, BOOKED = (_U(k * LANES) for k in range(len(SUM_NAMES)))
SUMS = _U(len(SUM_NAMES) * LANES)
"""Size of the sums, and of what they lost to rounding, which follows them."""
IS_PENDING = SUMS + SUMS
"""Where the flag stands that heat of a table reading waits for the next step."""
STEP = IS_PENDING + _U(1)
"""Where the step stands that the lines and exponentials of all cells are for [s]."""
UNREAD = 8.0
"""Flag of `validity`: what a cell is has changed, so its tables must be read again."""
TAIL = len(SUM_NAMES) * LANES * 2 + LANES
"""Numbers after the blocks."""
DRIFT, SCRATCH = SUMS, int(SUMS) + LANES
"""The scratch of a sweep: the sums of one step, then the largest drift in soc, lane by lane."""
