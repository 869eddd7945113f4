"""Passive balancing: which groups bleed through their resistor.

At rest, when voltages tell the charge, a group that stands above the lowest of its rack by more
than the threshold bleeds until it is within the hysteresis. Never a hot group, never below the
voltage floor, never a rack with an alarm that derates. The decision is remembered in
``view.bleeding``, which the filter also reads: the bleed current is part of the group's current.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cell_models.jit import kernel
from controllers.conditioning import CURRENT, V_LOST
from controllers.ekf_sweep import R0, R1
from controllers.ports import FieldSpec, PackMap


class BalancingOptions(BaseModel):
    """When and what to bleed; all assumed unless stated.

    Attributes
    ----------
    enabled : bool
    quantity : {'voltage', 'soc'}
        What is levelled.
    threshold_V, hysteresis_V : float
        Start above the lowest by the first, stop at the second [V]. The
        lowest and highest of 120 sensors of 2.5 mV lie 12 mV apart with equal cells: below some
        30 mV voltage balancing levels the errors of its sensors (fx demo 0.2 V).
    threshold_soc, hysteresis_soc : float
    rest_s : float
        How long the current must have been small [s].
    rest_c_rate : float
        Small means below this many times 1C. Up to twice as much the time of rest stands still, or
        the noise of the sensor would start it anew for ever.
    floor_V : float
        No group bleeds below this [V]. None: 3.4 V for NMC, 3.2 V for LFP.
    temperature_max_K : float
        No group bleeds above this [K] (fx: 70 degC).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    quantity: Literal["voltage", "soc"] = "voltage"
    threshold_V: float = Field(default=0.030, gt=0.0)
    hysteresis_V: float = Field(default=0.020, gt=0.0)
    threshold_soc: float = Field(default=0.02, gt=0.0)
    hysteresis_soc: float = Field(default=0.01, gt=0.0)
    rest_s: float = Field(default=60.0, ge=0.0)
    rest_c_rate: float = Field(default=0.02, gt=0.0)
    floor_V: float | None = Field(default=None, gt=0.0)
    temperature_max_K: float = Field(default=318.15, gt=200.0)


@kernel
def own_drop(g, bleeding, voltage_V, estimate, per_ohm):
    """Return the drop that the bleeding of group `g` itself makes [V].

    Added back to its voltage: a small resistor would else stop as soon as it starts.
    """
    if bleeding[g] == 0 or per_ohm == 0.0:
        return 0.0
    return voltage_V[g] * per_ohm * (estimate[R0, g] + estimate[R1, g])


@kernel
def choose_bleeds(
    level,
    voltage_V,
    temperature_K,
    estimate,
    rack_first,
    rack_rows,
    verdict,
    rest_s,
    bleeding,
    out,
    limits,
    dt,
):
    """Decide for every group; `rest_s` (R,), `bleeding` (G,) and `out` (G,) are written.

    `limits`: start, stop (in units of `level`), rest time [s], rest current of a rack [A],
    floor [V], highest temperature [K], 1 over bleed resistance and cells in parallel [1/ohm] where
    voltages are levelled, else 0.
    """
    for r in range(len(rack_first) - 1):
        i = abs(rack_rows[CURRENT, r])
        if i <= limits[3]:
            rest_s[r] = min(rest_s[r] + dt, 1e9)
        elif not i <= 2.0 * limits[3]:
            rest_s[r] = 0.0
        allowed = i <= 2.0 * limits[3] and rest_s[r] >= limits[2]
        allowed = allowed and verdict[0, r] < 2.0 and rack_rows[V_LOST, r] == 0.0
        if not allowed:
            bleeding[rack_first[r] : rack_first[r + 1]] = 0
            out[rack_first[r] : rack_first[r + 1]] = False
            continue
        lowest = math.inf
        for g in range(rack_first[r], rack_first[r + 1]):
            lowest = min(lowest, level[g] + own_drop(g, bleeding, voltage_V, estimate, limits[6]))
        for g in range(rack_first[r], rack_first[r + 1]):
            above = level[g] + own_drop(g, bleeding, voltage_V, estimate, limits[6]) - lowest
            wanted = above > limits[0] or (bleeding[g] != 0 and above > limits[1])
            possible = voltage_V[g] > limits[4] and temperature_K[g] < limits[5]
            on = wanted and possible
            bleeding[g] = 1 if on else 0
            out[g] = on


class Balancing:
    """Constants of the balancing; rest times and decisions are in the view.

    Parameters
    ----------
    pack : PackMap
    options : BalancingOptions
    chemistry : {'nmc', 'lfp'}
    """

    def __init__(self, pack: PackMap, options: BalancingOptions, chemistry: str) -> None:
        self.fields = (FieldSpec(name="rest_s", shape=(pack.n_racks,), unit="s"),)
        self.enabled = options.enabled and pack.bleed_resistance_ohm > 0.0
        self.by_soc = options.quantity == "soc"
        floor_V = options.floor_V or {"nmc": 3.4, "lfp": 3.2}[chemistry]
        one_c_A = pack.cells_per_group * pack.rating.capacity_As / 3600.0
        start, stop = (
            (options.threshold_soc, options.hysteresis_soc)
            if self.by_soc
            else (options.threshold_V, options.hysteresis_V)
        )
        if not stop < start:
            raise ValueError(f"balancing: hysteresis {stop} must be below the threshold {start}")
        self.limits = np.array(
            [
                start,
                stop,
                options.rest_s,
                options.rest_c_rate * one_c_A,
                floor_V,
                options.temperature_max_K,
                0.0
                if self.by_soc or not self.enabled
                else 1.0 / (pack.bleed_resistance_ohm * pack.cells_per_group),
            ]
        )
