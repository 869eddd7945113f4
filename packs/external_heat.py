"""Heat that comes into cells from outside: heaters, hot air around their module, and fire.

An oven replaces the air around a cell: ``G (T - T_oven)`` leaves it in place of ``G (T - T_air)``,
which is the air's exchange and ``G (T_oven - T_air)`` coming in. So both are watts. A fire is gas
beside the air, with a conductance of its own, which may be so large that a step is long against
what it heats: its exchange is exact over a step (`heat_of_fire`). All are one flow of the ledger.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cell_models.compensated import two_sum
from cell_models.jit import kernel
from packs.arrays import open_cells, open_site
from packs.flows import HEATER, add_to
from packs.state import Schema, State
from packs.topology import Topology


class ExternalHeat(NamedTuple):
    """Where its arrays begin among the plant's floats: overlay, watts given, and `any`: how many
    cells are given any heat, and how many of these are in a fire."""

    heater_W_at: int
    oven_K_at: int
    fire_K_at: int
    fire_W_per_K_at: int
    given_W_at: int
    any_at: int


def declare_external_heat(schema: Schema, topology: Topology) -> None:
    """Declare the scratch; what faults write is on the overlay."""
    schema.scratch("of_external_heat", "given_W", topology.n_cell_slots)
    schema.scratch("of_external_heat", "any", 2)


def external_heat(state: State) -> ExternalHeat:
    """Return the places in a built state."""
    over, scratch = state.view("overlay"), state.view("of_external_heat")

    return ExternalHeat(
        state.at(over.heater_W), state.at(over.oven_K), state.at(over.fire_K),
        state.at(over.fire_W_per_K), state.at(scratch.given_W), state.at(scratch.any),
    )  # fmt: skip


@kernel
def heat_of_fire(T: float, gas_K: float, W_per_K: float, kelvin_per_J: float, h: float) -> float:
    """Give the heat that a cell takes up from hot gas in a time [J].

    The exact solution of ``C dT/dt = G (T_gas - T)``: ``Q = C (T_gas - T) (1 - exp(-G h / C))``.
    At any step the cell does not pass the gas. G is convection and radiation together, ``A (alpha +
    eps sigma (T_gas^2 + T^2) (T_gas + T))``, taken as constant: EN 1991-1-2:2002, 3.1 to 3.3.

    Parameters
    ----------
    T, gas_K : float
        [K]
    W_per_K, kelvin_per_J : float
        Conductance G of one cell; inverse heat capacity 1/C.
    h : float
        [s]
    """
    return (T - gas_K) / kelvin_per_J * math.expm1(-W_per_K * kelvin_per_J * h)


@kernel
def prepare_external_heat(numbers, ambient_W_per_K, ambient_K, n, floats):
    """Write what is given to each of `n` cell slots [W]; it holds until a fault or the air change.

    An oven of 0 K is none, nor is a fire without conductance. Fires are only counted here.
    """
    heater_W = floats[numbers.heater_W_at : numbers.heater_W_at + n]
    oven_K = floats[numbers.oven_K_at : numbers.oven_K_at + n]
    fire_W_per_K = floats[numbers.fire_W_per_K_at : numbers.fire_W_per_K_at + n]
    count = fires = 0
    for c in range(n):  # vectorised: all that a pack without such faults pays
        fires += 1 if fire_W_per_K[c] != 0.0 else 0
        count += 1 if heater_W[c] != 0.0 or oven_K[c] != 0.0 or fire_W_per_K[c] != 0.0 else 0
    floats[numbers.any_at], floats[numbers.any_at + 1] = count, fires
    if count == 0:
        return
    given = floats[numbers.given_W_at : numbers.given_W_at + n]
    for c in range(n):
        warm = ambient_W_per_K * (oven_K[c] - ambient_K) if oven_K[c] > 0.0 else 0.0
        given[c] = heater_W[c] + warm


@kernel
def give_heat(h, numbers, cells, site, floats):
    """Warm the cells for a step, if any is given heat; temperatures and the flow are written."""
    if floats[numbers.any_at] == 0.0:
        return
    high = low = 0.0
    for c in range(len(cells.temperature_K)):
        heat = h * floats[numbers.given_W_at + c]
        cells.temperature_K[c] += heat * cells.kelvin_per_J[c]
        high, low = two_sum(high, low, heat)
    if floats[numbers.any_at + 1] != 0.0:
        for c in range(len(cells.temperature_K)):
            T, kelvin_per_J = cells.temperature_K[c], cells.kelvin_per_J[c]
            gas_K, W_per_K = floats[numbers.fire_K_at + c], floats[numbers.fire_W_per_K_at + c]
            heat = heat_of_fire(T, gas_K, W_per_K, kelvin_per_J, h)
            cells.temperature_K[c] = T + heat * kelvin_per_J
            high, low = two_sum(high, low, heat)
    add_to(site.total, site.low, HEATER, high + low)


@kernel
def prepare_heat_stage(numbers, ambient_W_per_K, ambient_K, arena):
    """Write what is given to each cell, as a stage of its own (`prepare_external_heat`)."""
    n = len(open_cells(arena).temperature_K)
    prepare_external_heat(numbers, ambient_W_per_K, ambient_K, n, arena.floats)


@kernel
def give_heat_stage(h, numbers, arena):
    """Warm the cells for a step, as a stage of its own (`give_heat`)."""
    give_heat(h, numbers, open_cells(arena), open_site(arena), arena.floats)
