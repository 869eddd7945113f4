"""How much current may flow: now, and for 2, 10 and 30 s, per rack and for the site.

The limit of a rack is the data-sheet current, cut by trapezoids over group voltage, temperature and
state of charge, by the voltage headroom of its weakest group on the filter's model, and by what the
alarms demand. Anything unknown makes it zero. It falls at once and rises slowly.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cell_models.jit import kernel
from controllers.conditioning import (
    CURRENT,
    SOC_MAX,
    SOC_MIN,
    T_FOUND,
    T_MAX,
    T_MIN,
    TAU,
    V_LOST,
    V_MAX,
    V_MIN,
)
from controllers.ekf_sweep import OCV, OVERPOTENTIAL, R0, R1, SLOPE
from controllers.ports import FieldSpec, PackMap

HORIZONS_S = np.array([0.0, 2.0, 10.0, 30.0])  # fixed by `BmsCommand`
# Entries of the constants.
CELLS, CAPACITY, CHARGE_A, DISCHARGE_A, SLEW, SHARING = range(6)
V_LOW0, V_LOW1, V_HIGH1, V_HIGH0, SOC_LOW0, SOC_LOW1, SOC_HIGH1, SOC_HIGH0 = range(6, 14)
T_CHARGE, T_DISCHARGE = 14, 18  # four corners each
N_CONSTANTS = 22

# Why the limit is what it is; the kernel answers with the index.
REASONS = (
    "rating",
    "voltage headroom",
    "group voltage",
    "temperature",
    "state of charge",
    "alarm",
    "rising slowly",
    "missing measurement",
    "not connected",
)
RATING, HEADROOM, VOLTAGE, TEMPERATURE, CHARGE_STATE, ALARM, SLEWING, MISSING, APART = range(9)

Corners = tuple[float, float, float, float]


class LimitOptions(BaseModel):
    """Corners of the trapezoids and the way back up; all assumed unless a row says otherwise.

    Attributes
    ----------
    voltage_low_V, voltage_high_V : tuple of two floats, optional
        Discharge falls from full to zero between the higher and the lower of the first pair,
        charge over the second [V]. None: just inside the DERATE tiers of the chemistry.
    soc_low, soc_high : tuple of two floats
        The same over the state of charge.
    charge_temperature_K, discharge_temperature_K : tuple of four floats
        Zero, full, full, zero [K].
    slew_per_s : float
        Rise, in parts of the rating per second.
    sharing : float
        How evenly parallel racks share; 1 is evenly. The site's limit is this, times the number
        of connected racks, times the smallest limit.
    derate : float
        What an undirected DERATE alarm leaves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    voltage_low_V: tuple[float, float] | None = None
    voltage_high_V: tuple[float, float] | None = None
    soc_low: tuple[float, float] = (0.0, 0.05)
    soc_high: tuple[float, float] = (0.95, 1.0)
    charge_temperature_K: Corners = (275.15, 283.15, 310.15, 316.15)
    discharge_temperature_K: Corners = (258.15, 268.15, 320.15, 328.15)
    slew_per_s: float = Field(default=0.2, gt=0.0)
    sharing: float = Field(default=0.9, gt=0.0, le=1.0)
    derate: float = Field(default=0.5, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _increasing(self) -> LimitOptions:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and any(
                b <= a for a, b in zip(value, value[1:], strict=False)
            ):
                raise ValueError(f"limits.{name}: {value} must increase")
        return self


# Trapezoids over the group voltage [V]: inside the DERATE tiers of `limits.py`, assumed.
VOLTAGE_CORNERS = {
    "nmc": ((2.85, 3.05), (4.08, 4.18)),
    "lfp": ((2.65, 2.90), (3.40, 3.54)),
}


@kernel
def ramp(x, zero, full):
    """Return 0 at `zero`, 1 at `full`, linear between; 0 for NaN. `zero` may be above `full`."""
    y = (x - zero) / (full - zero)
    if not y > 0.0:
        return 0.0
    return min(y, 1.0)


@kernel
def within_window(estimate, first, last, decay, horizon_s, charge_A, discharge_A, c):
    """Tell whether both currents keep every group within the voltage window until the horizon.

    The model of `headroom` without its division; False when anything is unknown.
    """
    ocv_V, slope_V = estimate[OCV, first:last], estimate[SLOPE, first:last]
    r0, r1 = estimate[R0, first:last], estimate[R1, first:last]
    over_V = estimate[OVERPOTENTIAL, first:last]
    moved_s = horizon_s / c[CAPACITY]
    low_V, high_V = c[V_LOW0], c[V_HIGH0]
    n_beyond = 0
    for g in range(len(ocv_V)):
        rest_V = ocv_V[g] - (1.0 - decay) * over_V[g]
        ohm = r0[g] + r1[g] * decay + slope_V[g] * moved_s
        is_within = (rest_V - discharge_A * ohm >= low_V) & (rest_V + charge_A * ohm <= high_V)
        n_beyond += 0 if is_within else 1
    return n_beyond == 0


@kernel
def headroom(estimate, first, last, horizon_s, tau_s, wanted_charge_A, wanted_discharge_A, c):
    """Return charge and discharge current that keep all groups within the voltage window [A].

    With ``d = 1 - exp(-t/tau)`` the voltage after t at constant i is
    ``OCV - slope i t/Q - v1 (1-d) - i (R0 + R1 d)``, solved for i at the window's ends. Per cell.
    Infinite where the currents that are wanted fit: more need not be known.
    """
    decay = 1.0 - math.exp(-horizon_s / tau_s)
    if within_window(
        estimate, first, last, decay, horizon_s, wanted_charge_A, wanted_discharge_A, c
    ):
        return math.inf, math.inf
    charge, discharge, is_known = math.inf, math.inf, True
    for g in range(first, last):
        rest_V = estimate[OCV, g] - (1.0 - decay) * estimate[OVERPOTENTIAL, g]
        moved = estimate[SLOPE, g] * horizon_s / c[CAPACITY]
        per_ohm = 1.0 / (estimate[R0, g] + estimate[R1, g] * decay + moved)
        down = (rest_V - c[V_LOW0]) * per_ohm
        up = (c[V_HIGH0] - rest_V) * per_ohm
        is_known &= down == down
        discharge = min(discharge, down)
        charge = min(charge, up)
    if not is_known:
        return 0.0, 0.0
    return max(charge, 0.0), max(discharge, 0.0)


@kernel
def narrow(limit, reason, factor, why):
    """Multiply a limit by a factor of 0-1 and remember why when it is the tightest so far."""
    if factor < 1.0:
        return limit * factor, why
    return limit, reason


@kernel
def rack_limits(rack_rows, estimate, rack_first, verdict, state, c, memory, sent, dt):
    """Limit every rack; return the index of the reason that binds the tighter direction.

    `memory` (2, R, 4) holds the slewed limits, `sent` (2, R, 4) is what the command carries [A];
    both are written.
    """
    reason = APART
    for r in range(len(rack_first) - 1):
        charge_part, discharge_part, why_c, why_d = 1.0, 1.0, RATING, RATING
        coldest, hottest = rack_rows[T_MIN, r], rack_rows[T_MAX, r]
        charge_part, why_c = narrow(
            charge_part, why_c, ramp(rack_rows[V_MAX, r], c[V_HIGH0], c[V_HIGH1]), VOLTAGE
        )
        discharge_part, why_d = narrow(
            discharge_part, why_d, ramp(rack_rows[V_MIN, r], c[V_LOW0], c[V_LOW1]), VOLTAGE
        )
        charge_part, why_c = narrow(
            charge_part,
            why_c,
            ramp(rack_rows[SOC_MAX, r], c[SOC_HIGH0], c[SOC_HIGH1]),
            CHARGE_STATE,
        )
        discharge_part, why_d = narrow(
            discharge_part,
            why_d,
            ramp(rack_rows[SOC_MIN, r], c[SOC_LOW0], c[SOC_LOW1]),
            CHARGE_STATE,
        )
        charge_part, why_c = narrow(
            charge_part, why_c, window(coldest, hottest, c, T_CHARGE), TEMPERATURE
        )
        discharge_part, why_d = narrow(
            discharge_part, why_d, window(coldest, hottest, c, T_DISCHARGE), TEMPERATURE
        )
        charge_part, why_c = narrow(charge_part, why_c, verdict[1, r], ALARM)
        discharge_part, why_d = narrow(discharge_part, why_d, verdict[2, r], ALARM)
        i = rack_rows[CURRENT, r]
        if rack_rows[V_LOST, r] > 0.0 or rack_rows[T_FOUND, r] == 0.0 or i != i:
            charge_part, discharge_part, why_c, why_d = 0.0, 0.0, MISSING, MISSING
        if verdict[0, r] >= 3.0:
            charge_part, discharge_part, why_c, why_d = 0.0, 0.0, ALARM, ALARM
        if state[r] != 4 and state[r] != 5:  # BmsState.NORMAL, CHARGE
            charge_part, discharge_part, why_c, why_d = 0.0, 0.0, APART, APART
        for h in range(4):
            by_charge, by_discharge = headroom(
                estimate,
                rack_first[r],
                rack_first[r + 1],
                HORIZONS_S[h],
                rack_rows[TAU, r],
                c[CHARGE_A] * charge_part,
                c[DISCHARGE_A] * discharge_part,
                c,
            )
            if h == 0 and by_charge < c[CHARGE_A] * charge_part:
                why_c = HEADROOM
            if h == 0 and by_discharge < c[DISCHARGE_A] * discharge_part:
                why_d = HEADROOM
            wanted = c[CELLS] * min(c[CHARGE_A] * charge_part, by_charge)
            rise = memory[0, r, h] + c[SLEW] * c[CELLS] * c[CHARGE_A] * dt
            why_c = SLEWING if h == 0 and rise < wanted else why_c
            memory[0, r, h] = min(wanted, rise)
            wanted = c[CELLS] * min(c[DISCHARGE_A] * discharge_part, by_discharge)
            rise = memory[1, r, h] + c[SLEW] * c[CELLS] * c[DISCHARGE_A] * dt
            why_d = SLEWING if h == 0 and rise < wanted else why_d
            memory[1, r, h] = min(wanted, rise)
        sent[0, r, :] = memory[0, r, :]
        sent[1, r, :] = memory[1, r, :]
        if why_d != APART:
            tighter = memory[0, r, 0] * c[DISCHARGE_A] < memory[1, r, 0] * c[CHARGE_A]
            reason = why_c if tighter else why_d
    return reason


@kernel
def window(low, high, c, at):
    """Return the trapezoid of four corners ``c[at : at + 4]`` over an interval; 0 for NaN."""
    return min(ramp(low, c[at], c[at + 1]), ramp(high, c[at + 3], c[at + 2]))


@kernel
def site_limits(sent, state, is_held, c, site):
    """Combine the racks: how many are connected, times the smallest; `site` (2, 4) is written.

    While a rack waits to open, nothing may flow: its current is part of the site's.
    """
    for r in range(sent.shape[1]):
        is_held |= state[r] == 6  # BmsState.OPENING
    for way in range(2):
        for h in range(4):
            n, smallest = 0, math.inf
            for r in range(sent.shape[1]):
                if state[r] == 4 or state[r] == 5:
                    n += 1
                    smallest = min(smallest, sent[way, r, h])
            site[way, h] = 0.0
            if n > 0 and not is_held:
                site[way, h] = n * smallest * (c[SHARING] if n > 1 else 1.0)


class PowerLimits:
    """Constants of the limits; the slewed limits are in the view.

    Parameters
    ----------
    pack : PackMap
    options : LimitOptions
    chemistry : {'nmc', 'lfp'}
    filter_capacity_As : float
        Capacity of a cell as the filter believes it [A s].
    """

    def __init__(
        self, pack: PackMap, options: LimitOptions, chemistry: str, filter_capacity_As: float
    ) -> None:
        rating = pack.rating
        low, high = VOLTAGE_CORNERS[chemistry]
        low, high = options.voltage_low_V or low, options.voltage_high_V or high
        c = np.zeros(N_CONSTANTS)
        c[CELLS], c[CAPACITY] = pack.cells_per_group, filter_capacity_As
        c[CHARGE_A], c[DISCHARGE_A] = rating.charge_current_max_A, rating.discharge_current_max_A
        c[SLEW], c[SHARING] = options.slew_per_s, options.sharing
        c[V_LOW0], c[V_LOW1], c[V_HIGH1], c[V_HIGH0] = *low, *high
        c[SOC_LOW0], c[SOC_LOW1] = options.soc_low
        c[SOC_HIGH1], c[SOC_HIGH0] = options.soc_high
        c[T_CHARGE : T_CHARGE + 4] = options.charge_temperature_K
        c[T_DISCHARGE : T_DISCHARGE + 4] = options.discharge_temperature_K
        self.constants = c
        self.fields = (FieldSpec(name="limit_A", shape=(2, pack.n_racks, 4), unit="A"),)
