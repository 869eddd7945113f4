"""The housing of a module: its description, and the arrays that its gas is kept in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.gases import N_SPECIES, T0_K
from packs.state import Schema, State

Floats = NDArray[np.float64]

FLOWS = ("ejecta_J", "inflow_J", "air_J", "burnt_J", "outflow_J", "wall_J")
"""Energy flows of a module, columns of `GasArrays.flows`: heat that ejecta and vented gas bring
above 25 degC; what vented gas has at 25 degC; what air has that is let in; chemical energy; what
goes out; what walls take. The gas, with what has condensed of it, has the sum of the first four,
less the last two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclosureSpec:
    """The housing of one module.

    Attributes
    ----------
    free_volume_m3 : float, [m3], not filled by cells
    relief_Pa : float, [Pa], absolute, at which its relief vent opens
    relief_m2 : float, [m2], of the open vent
    discharge : float, its coefficient, 0 to 1
    reseals : bool, a valve, which holds that pressure; else a disc, which stays open once burst
    wall_W_per_K : float, [W/K], from the gas to the walls
    ignition_K : float or None, [K], where the gas lights by itself; None if nothing ever burns
    burst_Pa : float, [Pa], absolute, more than which it is taken not to hold. That is told, and
        nothing follows from it: it stays whole.
    """

    free_volume_m3: float
    relief_Pa: float
    relief_m2: float
    discharge: float
    reseals: bool
    wall_W_per_K: float
    ignition_K: float | None
    burst_Pa: float = math.inf


class GasNumbers(NamedTuple):
    """An `EnclosureSpec` for kernels; `opening_m2` is area times discharge coefficient.

    `reference_K` is where heat that leaves the gas with condensed solvent counts from.
    """

    volume_m3: float
    relief_Pa: float
    opening_m2: float
    reseals: bool
    wall_W_per_K: float
    burns: bool
    ignition_K: float
    burst_Pa: float
    reference_K: float


class GasArrays(NamedTuple):
    """Of each module.

    Attributes
    ----------
    mol : float64 (M, N_SPECIES), [mol]
    temperature_K : float64 (M,), [K]
    is_open : int64 (M,)
        The disc has burst.
    vented_mol, left_mol : float64 (M, N_SPECIES), [mol]
        Since the start: vented by cells; let out to the outside.
    air_mol : float64 (M,), [mol]
        Let in since the start.
    flows, flows_low : float64 (M, 6), [J]
        Since the start, in the order of `FLOWS`; what rounding took.
    in_mol, in_J, sparks : float64 (M, N_SPECIES), (M,), int64 (M,)
        What cells give in a step, read and cleared by `gas_stage`: gas [mol], which brings
        ``c_p T0`` with it, heat above that [J], and whether something glows.
    wall_K : float64 (M,), [K]
    surge_Pa : float64 (M,), [Pa]
        Highest pressure so far, within steps too: `pressure_Pa` is that at the end of each. Where
        gas that has gathered burns it is an upper bound: the flame is taken to be at once, faster
        than the vent.
    pressure_Pa, gas_ppm, lfl_percent : float64 (M,)
        Written: pressure [Pa]; what can burn, by volume [ppm]; the same by `lfl_fraction` [%].
    relieved, lit : int64 (M,)
        The relief vent has been open; the gas has burnt.
    wall_J : float64 (M,), [J]
        Written: what the walls took in this step.
    condensed_mol : float64 (M, N_SPECIES), [mol]
        Of the solvents, a film on the walls.
    wall_J_per_K : float64 (M,), [J/K]
        Heat capacity of the walls, infinite where they are held; it changes with the film.
    """

    mol: Floats
    temperature_K: Floats
    is_open: NDArray[np.int64]
    vented_mol: Floats
    left_mol: Floats
    air_mol: Floats
    flows: Floats
    flows_low: Floats
    in_mol: Floats
    in_J: Floats
    sparks: NDArray[np.int64]
    wall_K: Floats
    surge_Pa: Floats
    pressure_Pa: Floats
    gas_ppm: Floats
    lfl_percent: Floats
    relieved: NDArray[np.int64]
    lit: NDArray[np.int64]
    wall_J: Floats
    condensed_mol: Floats
    wall_J_per_K: Floats


def gas_numbers(spec: EnclosureSpec, reference_K: float = T0_K) -> GasNumbers:
    """Return the numbers that kernels need of a description."""
    return GasNumbers(
        volume_m3=spec.free_volume_m3,
        relief_Pa=spec.relief_Pa,
        opening_m2=spec.discharge * spec.relief_m2,
        reseals=spec.reseals,
        wall_W_per_K=spec.wall_W_per_K,
        burns=spec.ignition_K is not None,
        ignition_K=math.inf if spec.ignition_K is None else spec.ignition_K,
        burst_Pa=spec.burst_Pa,
        reference_K=reference_K,
    )


def declare_gas(schema: Schema, modules: int) -> None:
    """Declare what the gas remembers; pressure and ppm are `sensed` (`packs.sensors`)."""
    for name in ("mol", "vented_mol", "left_mol", "condensed_mol", "in_mol"):
        schema.add("gas", name, (modules, N_SPECIES), unit="mol")
    for name in ("flows", "flows_low"):
        schema.add("gas", name, (modules, len(FLOWS)), unit="J")
    schema.add("gas", "temperature_K", (modules,), unit="K", initial=T0_K)
    schema.add("gas", "wall_K", (modules,), unit="K", initial=T0_K)
    schema.add("gas", "air_mol", (modules,), unit="mol")
    schema.add("gas", "in_J", (modules,), unit="J")
    schema.add("gas", "surge_Pa", (modules,), unit="Pa")
    schema.add("gas", "lfl_percent", (modules,), unit="%")
    for name in ("is_open", "sparks", "relieved", "lit"):
        schema.add("gas", name, (modules,), integer=True)
    for name in ("wall_J", "wall_J_per_K"):
        schema.scratch("of_gas", name, modules)


def gas_arrays(state: State) -> GasArrays:
    """Take the views on a built state, in which the sensors have declared theirs."""
    own, sensed, step = state.view("gas"), state.view("sensed"), state.view("of_gas")
    return GasArrays(
        own.mol, own.temperature_K, own.is_open, own.vented_mol, own.left_mol, own.air_mol,
        own.flows, own.flows_low, own.in_mol, own.in_J, own.sparks, own.wall_K,
        own.surge_Pa, sensed.module_pressure_Pa, sensed.module_gas_ppm,
        own.lfl_percent, own.relieved, own.lit, step.wall_J, own.condensed_mol, step.wall_J_per_K,
    )  # fmt: skip
