"""Pump, fan, valve, chiller and heater: they follow the BMS's duties, each with a lag of its own.

One loop serves all racks. Its coolant has no mass: what leaves the racks in one step is mixed, and
the valve lets a part of it in again in the next, in place of what a reservoir or radiator feeds at
the scenario's inlet temperature; then chiller and heater work on it. Without a device what it moves
is as the scenario says: full flow, no part round again, still air.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cell_models.jit import inlined, kernel
from packs.arrays import Floats, nth
from packs.flows import add_to
from packs.spec import ThermalSpec
from packs.state import Schema, State

DEVICES = ("pump", "fan", "valve", "chiller", "heater")
"""In the order of `controllers.ports.BmsCommand`."""
PUMP, FAN, VALVE, CHILLER, HEATER = range(5)
USED_J, TAKEN_J, GIVEN_J = 0, 5, 6
"""Places in `energy_J`: electric energy of the five devices; heat that the chiller took from the
coolant, and that the heater gave it."""
N_ENERGIES = 7
FITTED, TAU_S, POWER_W, YIELD, OUTLET_K = range(5)
"""Rows of `sheet`: 1 where there is one; time constant; power at full duty; heat over electric
power; temperature that it does not pass."""
FAN_EXPONENT = 0.6
"""Of the air's speed, in the heat of cylinders in cross flow (Incropera, Fundamentals of Heat and
Mass Transfer, 6th ed., table 7.7, Re 1e3 to 2e5)."""


class CoolingArrays(NamedTuple):
    """`duty`, `level` float64 (5,), in the order of `DEVICES`; empty where none is fitted.

    `energy_J` and `energy_low_J` (7,); `inlet_K` (1,), of every rack; `flow_share` (1,), of the
    nominal flow; `sheet` (25,); `fraction` (R,), of the flow, by the overlay.
    """

    duty: Floats
    level: Floats
    energy_J: Floats
    energy_low_J: Floats
    inlet_K: Floats
    flow_share: Floats
    sheet: Floats
    fraction: Floats


def declare_cooling(schema: Schema, thermal: ThermalSpec, start_K: float) -> None:
    """Declare what the devices remember, if any is fitted."""
    cooling = thermal.cooling
    n = 0 if cooling is None else len(DEVICES)
    schema.scratch("of_cooling", "sheet", n * (OUTLET_K + 1))
    if cooling is None:
        return
    schema.add("cooling", "duty", (n,))
    schema.add("cooling", "level", (n,))
    schema.add("cooling", "energy_J", (N_ENERGIES,), unit="J")
    schema.add("cooling", "energy_low_J", (N_ENERGIES,), unit="J")
    schema.add("cooling", "inlet_K", unit="K", initial=start_K)
    schema.add("cooling", "flow_share", initial=1.0 if cooling.pump is None else 0.0)


def cooling_arrays(state: State) -> CoolingArrays:
    """Return the views on a built state."""
    sheet = state.view("of_cooling").sheet
    fraction = state.view("overlay").coolant_fraction
    if len(sheet) == 0:
        return CoolingArrays(*(sheet,) * 7, fraction=fraction)
    return CoolingArrays(sheet=sheet, fraction=fraction, **vars(state.view("cooling")))


def fill_cooling(thermal: ThermalSpec, state: State) -> None:
    """Write the devices' data sheets."""
    if thermal.cooling is None:
        return
    rows = state.view("of_cooling").sheet.reshape(-1, len(DEVICES))
    for k, name in enumerate(DEVICES):
        device = getattr(thermal.cooling, name)
        if device is not None:
            useful = getattr(device, "performance", getattr(device, "efficiency", 1.0))
            limit_K = getattr(device, "outlet_K", 0.0)
            rows[:, k] = (1.0, device.response_s, device.power_W, useful, limit_K)


@inlined
def open_cooling(arena):
    """Open the arrays of the cooling, before the ladders' in an arena."""
    f, at = arena.floats, arena.at
    k = len(at) // 2 - 12
    return CoolingArrays(
        nth(f, at, k), nth(f, at, k + 1), nth(f, at, k + 2), nth(f, at, k + 3), nth(f, at, k + 4),
        nth(f, at, k + 5), nth(f, at, k + 6), nth(f, at, k + 7),
    )  # fmt: skip


@kernel
def coolant_effect(flow_W_per_K: float, conductance_W_per_K: float) -> float:
    """Give heat per kelvin between a plate piece and the entering coolant [W/K].

    References
    ----------
    Incropera, Fundamentals of Heat and Mass Transfer, 6th ed., eq. 8.41b (constant wall).
    """
    if flow_W_per_K <= 0.0:
        return 0.0
    return flow_W_per_K * (1.0 - math.exp(-conductance_W_per_K / flow_W_per_K))


@kernel
def follow(level: float, duty: float, step_s: float, tau_s: float) -> float:
    """Give the level of a device after a step towards its duty: first order, exact."""
    if tau_s <= 0.0:
        return duty
    return level - (duty - level) * math.expm1(-step_s / tau_s)


@inlined
def feed_racks(nominal_W_per_K, cool, racks):
    """Write the flow of every rack; return their sum and the temperature that leaves them, mixed.

    Both are 0 where the coolant stands still.
    """
    sheet = cool.sheet.reshape(OUTLET_K + 1, HEATER + 1)
    share = cool.level[PUMP] if sheet[FITTED, PUMP] > 0.0 else 1.0
    cool.flow_share[0] = share
    flow = back = 0.0
    for rack in range(len(racks.flow_W_per_K)):
        racks.flow_W_per_K[rack] = cool.fraction[rack] * nominal_W_per_K * share
        flow += racks.flow_W_per_K[rack]
        back += racks.flow_W_per_K[rack] * racks.outlet_K[rack]
    return flow, back / flow if flow > 0.0 else 0.0


@inlined
def move_cooling(h, feed_K, nominal_W_per_K, cool, racks):
    """Move all devices by one step, and the coolant round; return the racks' inlet [K].

    The heat of chiller and heater is at most what brings the coolant to their `OUTLET_K`. A pump
    and a fan take power with the third power of their speed (affinity laws), a valve with how far
    it is open.

    Parameters
    ----------
    h, feed_K, nominal_W_per_K : float
        Step [s]; temperature of the reservoir [K]; flow of one rack, times its heat capacity.
    cool, racks : CoolingArrays, RackArrays
        Written: all of `cool` but duties, sheet and fraction; flows of the racks.
    """
    sheet = cool.sheet.reshape(OUTLET_K + 1, HEATER + 1)
    level, heat = cool.level, 0.0
    for k in range(len(level)):
        level[k] = follow(level[k], cool.duty[k], h, sheet[TAU_S, k])
    flow, back_K = feed_racks(nominal_W_per_K, cool, racks)
    inlet_K = feed_K
    if flow > 0.0 and sheet[FITTED, VALVE] > 0.0:
        inlet_K += level[VALVE] * (back_K - feed_K)
    for k in range(PUMP, HEATER + 1):
        used_W = sheet[POWER_W, k] * level[k]
        if k == PUMP or k == FAN:
            used_W *= level[k] * level[k]
        elif k != VALVE:
            sign = -1.0 if k == CHILLER else 1.0
            room_W = flow * max(sign * (sheet[OUTLET_K, k] - inlet_K), 0.0)
            heat = min(used_W, room_W) * sheet[FITTED, k]
            inlet_K += sign * heat / flow if flow > 0.0 else 0.0
            used_W = heat / sheet[YIELD, k] if heat > 0.0 else 0.0
            add_to(cool.energy_J, cool.energy_low_J, TAKEN_J + k - CHILLER, heat * h)
        add_to(cool.energy_J, cool.energy_low_J, USED_J + k, used_W * h)
    cool.inlet_K[0] = inlet_K
    return inlet_K


@inlined
def ambient_conductance(still_W_per_K, added_W_per_K, cool):
    """Give the conductance of one cell to the air [W/K]: still air, and what the fan adds."""
    return still_W_per_K + added_W_per_K * cool.level[FAN] ** FAN_EXPONENT


def fan_W_per_K(thermal: ThermalSpec) -> float:
    """Return what the fan at full duty adds to the conductance of one cell to the air [W/K]."""
    fan = None if thermal.cooling is None else thermal.cooling.fan
    return 0.0 if fan is None else fan.full_W_per_K - thermal.ambient_W_per_K
