"""What the protection table watches, computed from conditioned measurements and the filter.

Voltages, temperatures and their ages are already in place (`conditioning.py`); this stage fills the
rest of the quantities: deviation from the median, unexplained heat, ratios of current to limits,
plausibility of sensors, state of the switches.
"""

from __future__ import annotations

import math

import numpy as np

from cell_models.jit import kernel
from controllers.conditioning import (
    ALONE,
    CURRENT,
    CURRENT_B,
    I_AGE,
    RACK_VOLTAGE,
    T_FOUND,
    T_MAX,
    T_MIN,
    T_WAITING,
    V_MAX,
    V_MEDIAN,
    V_MIN,
    V_SUM,
)
from controllers.ekf_sweep import R0, R1, SLOPE
from controllers.ports import PackMap

PLUS_CONTACT = 2  # of minus, precharge, plus
CURRENT_FLOOR_A = 0.2  # fx: current on an open string
SLOPE_NORMAL_V = 1.2  # above this OCV slope a normal soc spread alone moves the voltages apart
SOC_SPREAD = 0.02  # assumed: soc spread of a healthy rack, two sigma
DROP_SPREAD = 0.05  # assumed: spread of the ohmic drop, about two sigma
HEAT_CAPACITY_J_PER_K_AS = 13.0 / 3600.0  # assumed: 65 J/K for a 5 Ah cell of 21700 format


@kernel
def watch_groups(voltage_V, estimate, rack_first, rack_rows, cells, apart_V):
    """Find how far every group is from its rack's median, beyond what a healthy spread explains.

    On a steep OCV (nearly empty) a normal spread of soc moves voltages far apart, and under load a
    spread of resistance does: that allowance is taken off. `apart_V` (2, G) is written: how far
    below, how far above.
    """
    for r in range(len(rack_first) - 1):
        load_A = abs(rack_rows[CURRENT, r]) / cells
        if not load_A >= 0.0:
            load_A = 0.0
        median = rack_rows[V_MEDIAN, r]
        for g in range(rack_first[r], rack_first[r + 1]):
            allowance = SOC_SPREAD * max(estimate[SLOPE, g] - SLOPE_NORMAL_V, 0.0)
            allowance += DROP_SPREAD * load_A * (estimate[R0, g] + estimate[R1, g])
            if not allowance >= 0.0:
                allowance = 0.0
            below_V = median - voltage_V[g]
            apart_V[0, g] = below_V - allowance
            apart_V[1, g] = -below_V - allowance


@kernel
def watch_sensors(
    temperature_K, rate, voltage_V, estimate, sensor_group, sensor_rack, rack_rows, limits, out
):
    """Find the heating that the current does not explain, and the signs of a runaway.

    `limits`: cells in parallel, heat capacity of a cell [J/K], highest temperature [K].
    `out` (2, T) is written.
    """
    for k in range(len(temperature_K)):
        g, r = sensor_group[k], sensor_rack[k]
        i = rack_rows[CURRENT, r] / limits[0]
        heat_W = i * i * (estimate[R0, g] + estimate[R1, g])
        out[0, k] = rate[k] - (heat_W / limits[1] if heat_W > 0.0 else 0.0)
        collapsed = voltage_V[g] < 0.75 * rack_rows[V_MEDIAN, r]
        out[1, k] = rate[k] if collapsed or temperature_K[k] >= limits[2] else 0.0


@kernel
def taken_by_load(low, high, load_A, is_joined):
    """Give how much of a rack's current the load takes, charging and discharging [A].

    What circulates between racks, or charges the link through the precharge resistor, nobody has
    commanded: it ignores no limit. `load_A` is the current of all racks together, NaN while one of
    them is not known; then all of the rack's current counts.
    """
    if not is_joined:
        return 0.0, 0.0
    if load_A != load_A:
        return -high, low
    return min(-high, max(-load_A, 0.0)), min(low, max(load_A, 0.0))


@kernel
def watch_racks(rack_rows, limit_A, rating_A, open_s, feedback, is_fitted, watched):
    """Fill the rack quantities that follow from currents, voltages and temperatures.

    `limit_A` (2, R, 4): charge and discharge limits sent last; `rating_A` (2,); `open_s` (R,): how
    long the contactors have been open; `feedback` (R, 3) of the contactors, where `is_fitted`.
    `watched` (12, R) is written, in the order of `QUANTITIES`. An ignored limit and a welded
    contact need the word of both current sensors, while both speak.
    """
    load_A = 0.0
    for r in range(rack_rows.shape[1]):
        load_A += rack_rows[CURRENT, r]
    for r in range(rack_rows.shape[1]):
        i, b = rack_rows[CURRENT, r], rack_rows[CURRENT_B, r]
        low, high = (min(i, b), max(i, b)) if b == b else (i, i)
        is_joined = not is_fitted or feedback[r, PLUS_CONTACT]
        charging, discharging = taken_by_load(low, high, load_A, is_joined)
        watched[0, r] = -i / rating_A[0]
        watched[1, r] = i / rating_A[1]
        watched[2, r] = (charging - limit_A[0, r, 0]) / rating_A[0]
        watched[3, r] = (discharging - limit_A[1, r, 0]) / rating_A[1]
        watched[4, r] = rack_rows[V_MAX, r] - rack_rows[V_MIN, r]
        watched[5, r] = rack_rows[T_MAX, r] - rack_rows[T_MIN, r]
        watched[6, r] = abs(rack_rows[V_SUM, r] / rack_rows[RACK_VOLTAGE, r] - 1.0)
        watched[7, r] = max(abs(i - b) - 0.02 * abs(i), 0.0) / (2.0 * rating_A[1])
        watched[8, r] = rack_rows[I_AGE, r]
        watched[9, r] = rack_rows[ALONE, r]
        is_blind = rack_rows[T_FOUND, r] == 0.0 and rack_rows[T_WAITING, r] == 0.0
        watched[10, r] = 1.0 if is_blind else 0.0
        least = abs(i) if b != b else min(abs(i), abs(b))
        idle = max(least - CURRENT_FLOOR_A, 0.0) / rating_A[1]
        watched[11, r] = idle if open_s[r] > 1.0 else 0.0


@kernel
def worst_gas(gas_ppm, module_rack, worst):
    """Find the highest valid reading of every rack, NaN without any; `worst` (R,) is written."""
    worst[:] = math.nan
    for m in range(len(gas_ppm)):
        if not gas_ppm[m] <= worst[module_rack[m]]:
            if gas_ppm[m] == gas_ppm[m]:
                worst[module_rack[m]] = gas_ppm[m]


class Watching:
    """Constants of the quantities of one pack; nothing is remembered.

    Parameters
    ----------
    pack : PackMap
    """

    def __init__(self, pack: PackMap) -> None:
        rating, cells = pack.rating, float(pack.cells_per_group)
        self.rating_A = cells * np.array(
            [rating.charge_current_max_A, rating.discharge_current_max_A]
        )
        self.limits = np.array(
            [cells, HEAT_CAPACITY_J_PER_K_AS * rating.capacity_As, rating.temperature_max_K]
        )
        self.module_rack = np.zeros(pack.n_modules, dtype=np.int64)
        self.module_rack[pack.group_module] = pack.group_rack
