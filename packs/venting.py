"""What leaves the cells: gas of the reactions and boiling solvent, into the module around them.

A closed can holds what its reactions make; when it opens, all that its headspace cannot hold at the
pressure of the module is out within the step (`cell_models.vent`), and from then on outflow equals
generation. Electrolyte hotter than its boiling point boils off and cools the cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.gases import ANTOINE, CP, MOLAR_MASS, N_SPECIES, T0_K, Species
from cell_models.jit import inlined, kernel
from cell_models.vent import (
    JET_K,
    boiled,
    boiling_temperature,
    headspace_pressure,
    held_moles,
    latent_heat,
    opens,
    vapour_pressure,
)
from cell_models.vent_params import VentParams
from packs.sensors import AIR_PRESSURE_PA
from packs.state import Schema, State

Floats = NDArray[np.float64]

N2 = int(Species.N2)
SOLID_J_PER_KG_K = 1000.0
"""Specific heat of ejected electrodes and foils: graphite, oxide, copper and aluminium at 600 to
1200 K are between 500 and 1800; assumed."""
QUIET_PA = 7e4
"""That of the air at 3,000 m (ISO 2533:1975): a can in less is looked at in every step."""


class VentNumbers(NamedTuple):
    """Numbers of the vents of a pack, all cells alike.

    Attributes
    ----------
    headspace_m3, burst_Pa, opens_K : float
        `opens_K` is infinite where pressure alone opens a can.
    quiet_K : float
        Below it a can in which nothing has reacted stays closed, with `QUIET_PA` or more around it.
    solvent : int
        Its `Species`.
    share, A, B, C, boil_s : float
        Mole fraction of the solvent in the liquid, its Antoine numbers, time constant of boiling.
    soc, gas_mol : float64 (K,), (K, N_SPECIES)
        What the reactions of one cell make, [mol], over the state of charge.
    """

    headspace_m3: float
    burst_Pa: float
    opens_K: float
    quiet_K: float
    solvent: int
    share: float
    A: float
    B: float
    C: float
    boil_s: float
    soc: Floats
    gas_mol: Floats


class VentArrays(NamedTuple):
    """Of each cell slot, all (n,).

    Attributes
    ----------
    fill_mol, gas_mol : float64, [mol]
        In the headspace: what was there first, and what reactions have made since.
    solvent_mol : float64, [mol]
        Light solvent left.
    spent : float64
        How far the reactions had come, 0 to 1.
    is_open : int64
        The can has opened.
    taken_J, latent_J, lost_kg : float64
        What one step took from each cell: heat; how much of it evaporated solvent; gas and vapour.
    solids_J, solids_kg : float64
        What ejected solids took of its ejecta in this step to where they fall, and their mass.
    """

    fill_mol: Floats
    gas_mol: Floats
    solvent_mol: Floats
    spent: Floats
    is_open: NDArray[np.int64]
    taken_J: Floats
    latent_J: Floats
    lost_kg: Floats
    solids_J: Floats
    solids_kg: Floats


def vent_numbers(params: VentParams) -> VentNumbers:
    """Return the numbers that kernels need of a parameter set."""
    A, B, C = ANTOINE[params.solvent_species]
    return VentNumbers(
        headspace_m3=params.headspace_m3,
        burst_Pa=params.burst_Pa,
        opens_K=np.inf if params.opens_K is None else params.opens_K,
        quiet_K=_quiet_K(params),
        solvent=int(params.solvent_species),
        share=params.solvent_share,
        A=A, B=B, C=C,
        boil_s=params.boil_s,
        soc=np.array([row.soc for row in params.gas]),
        gas_mol=np.array([row.moles for row in params.gas]),
    )  # fmt: skip


def _quiet_K(params: VentParams) -> float:
    """Return where filling and vapour burst a can that stands in `QUIET_PA`, or its seam opens."""
    A, B, C = ANTOINE[params.solvent_species]
    fill = held_moles(AIR_PRESSURE_PA, T0_K, params.headspace_m3)
    low, high = 0.0, 1000.0 if params.opens_K is None else params.opens_K
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        vapour = vapour_pressure(params.solvent_share, A, B, C, middle)
        if (
            headspace_pressure(fill, middle, params.headspace_m3, vapour)
            < params.burst_Pa + QUIET_PA
        ):
            low = middle
        else:
            high = middle
    return low


def declare_vents(schema: Schema, n_slots: int, params: VentParams) -> None:
    """Declare what cans remember: closed, filled at standard pressure and 25 degC (assumed).

    Spare slots hold a can whose reactions never move and which is never warm: it stays closed.
    """
    fill = float(held_moles(AIR_PRESSURE_PA, T0_K, params.headspace_m3))
    schema.add("vents", "fill_mol", (n_slots,), unit="mol", initial=fill)
    schema.add("vents", "gas_mol", (n_slots,), unit="mol")
    schema.add("vents", "solvent_mol", (n_slots,), unit="mol", initial=params.solvent_mol)
    schema.add("vents", "spent", (n_slots,))
    schema.add("vents", "is_open", (n_slots,), integer=True)
    for name in ("taken_J", "latent_J", "lost_kg", "solids_J", "solids_kg"):
        schema.scratch("of_vents", name, n_slots)


def vent_arrays(state: State) -> VentArrays:
    """Take the views on a built state."""
    kept, step = state.view("vents"), state.view("of_vents")
    return VentArrays(
        kept.fill_mol, kept.gas_mol, kept.solvent_mol, kept.spent, kept.is_open, step.taken_J,
        step.latent_J, step.lost_kg, step.solids_J,
        step.solids_kg,
    )  # fmt: skip


@inlined
def between(soc, knots):
    """Give the knot below a state of charge and how far it is to the next, held at both ends."""
    last = len(knots) - 1
    if soc >= knots[last]:
        return last, 0.0
    if soc <= knots[0]:
        return 0, 0.0
    k = 0
    while knots[k + 1] <= soc:
        k += 1
    return k, (soc - knots[k]) / (knots[k + 1] - knots[k])


@inlined
def made_by(s, k, part, gas_mol):
    """Give how much of species s the whole of the reactions makes [mol]."""
    low = gas_mol[k, s]
    return low if part == 0.0 else low + part * (gas_mol[k + 1, s] - low)


@inlined
def total_made(k, part, gas_mol):
    """Give how much gas the whole of the reactions makes [mol]."""
    total = 0.0
    for s in range(N_SPECIES):
        total += made_by(s, k, part, gas_mol)
    return total


@inlined
def release(c, m, T, outside_Pa, k, part, numbers, vents, gas):
    """Let out what the headspace of an open can does not hold; return its mass and ``sum n c_p``.

    The headspace is well mixed: of the first filling, counted as N2, and of gas the same part goes.
    """
    inside = vents.fill_mol[c] + vents.gas_mol[c]
    out = 1.0 - min(1.0, held_moles(outside_Pa, T, numbers.headspace_m3) / inside)
    if out == 0.0:
        return 0.0, 0.0
    filling = out * vents.fill_mol[c]
    gas.in_mol[m, N2] += filling
    kg, J_per_K = filling * MOLAR_MASS[N2], filling * CP[N2]
    vents.fill_mol[c] -= filling
    moles = out * vents.gas_mol[c]
    if moles > 0.0:
        whole = total_made(k, part, numbers.gas_mol)
        for s in range(N_SPECIES):
            amount = moles * (made_by(s, k, part, numbers.gas_mol) / whole)
            gas.in_mol[m, s] += amount
            kg += amount * MOLAR_MASS[s]
            J_per_K += amount * CP[s]
        vents.gas_mol[c] -= moles
    return kg, J_per_K


@inlined
def boil(c, m, h, T, outside_Pa, heat_J_per_K, numbers, vents, gas):
    """Boil solvent off an open cell; return its latent heat [J], mass and ``sum n c_p``."""
    n, s = numbers, numbers.solvent
    if vents.solvent_mol[c] <= 0.0:
        return 0.0, 0.0, 0.0
    at = boiling_temperature(n.share, n.A, n.B, n.C, outside_Pa)
    latent = latent_heat(n.B, n.C, at)
    amount = boiled(vents.solvent_mol[c], T, at, heat_J_per_K, latent, h, n.boil_s)
    vents.solvent_mol[c] -= amount
    gas.in_mol[m, s] += amount
    return amount * latent, amount * MOLAR_MASS[s], amount * CP[s]


@inlined
def solid_share(solid_kg, gas_J_per_K):
    """Give the part of ejecta's heat that solids carry: by heat capacity, at one temperature."""
    solid_J_per_K = SOLID_J_PER_KG_K * max(0.0, solid_kg)
    whole = solid_J_per_K + gas_J_per_K
    return solid_J_per_K / whole if whole > 0.0 else 1.0


@kernel
def vent_can(
    c, m, h, T, outside_Pa, progress, soc, heat_J_per_K, ejected_kg, to_gas_J, numbers, vents, gas
):
    """Let one can vent for one step, or open: as `vent_stage`; return 1 if it opened.

    Nothing changes in an open one whose solvent has gone and whose headspace can hold all.
    """
    opened = 0
    k, part = between(soc, numbers.soc)
    if progress > vents.spent[c]:
        whole = total_made(k, part, numbers.gas_mol)
        vents.gas_mol[c] += (progress - vents.spent[c]) * whole
        vents.spent[c] = progress
    if vents.is_open[c] == 0:
        vapour = vapour_pressure(numbers.share, numbers.A, numbers.B, numbers.C, T)
        inside = vents.fill_mol[c] + vents.gas_mol[c]
        P = headspace_pressure(inside, T, numbers.headspace_m3, vapour)
        if not opens(P, outside_Pa, numbers.burst_Pa, T, numbers.opens_K):
            return 0
        vents.is_open[c] = opened = 1
    kg, J_per_K = release(c, m, T, outside_Pa, k, part, numbers, vents, gas)
    latent, vapour_kg, vapour_J_per_K = boil(
        c, m, h, T, outside_Pa, heat_J_per_K, numbers, vents, gas
    )
    vents.solids_kg[c] = max(0.0, ejected_kg - kg - vapour_kg)
    share = solid_share(vents.solids_kg[c], J_per_K + vapour_J_per_K)
    most = (J_per_K + vapour_J_per_K) * (JET_K - T0_K)
    given = min((1.0 - share) * to_gas_J, most)
    vents.solids_J[c] = to_gas_J - given
    warm = max(0.0, (J_per_K + vapour_J_per_K) * (T - T0_K))
    paid = max(0.0, warm - given)
    gas.in_J[m] += given + paid
    vents.latent_J[c] = latent
    vents.taken_J[c] = latent + paid
    vents.lost_kg[c] = kg + vapour_kg
    return opened


@kernel
def vent_stage(
    h,
    numbers,
    module,
    temperature_K,
    heat_J_per_K,
    progress,
    soc,
    ejected_J,
    ejected_kg,
    to_gas_J,
    vents,
    gas,
):
    """Let the cells of a pack vent into their modules for one step.

    Ejecta leave at one temperature, so solids and gas share their heat by heat capacity
    (`solid_share`), and no gas is hotter than `JET_K` for it; solids fall on the walls with theirs.
    Gas that leaves a cell brings its heat above 25 degC with it. The ejecta's share pays for that
    first; what is missing is taken from the cell, and so is the heat of evaporation. Then
    ``sum(taken_J) + sum(to_gas_J) = sum(latent_J) + sum(in_J) + sum(solids_J)``.

    Parameters
    ----------
    h : float
        [s].
    numbers : VentNumbers
    module : int64 (n,)
        Of each cell; negative in spare slots.
    temperature_K, heat_J_per_K : float64 (n,)
        Of each cell, mean; heat capacity.
    progress : float64 (n,)
        How far its reactions have come: heat released over heat that it can release, 0 to 1.
    soc : float64 (n,)
        State of charge when they began.
    ejected_J, ejected_kg, to_gas_J : float64 (n,)
        As in `packs.absorption.throw_stage`; gas and vapour are part of the mass. Where
        there are ejecta, sparks may light the gas.
    vents : VentArrays
        Written. A cell pays `taken_J`; its mass falls by `lost_kg`, which is part of the mass that
        it ejects: the heat that this mass had at the cell's temperature is in what it pays.
    gas : GasArrays
        `in_mol`, `in_J` and `sparks` are added to; `pressure_Pa` is that around the cells.

    Returns
    -------
    int
        How many cans opened.
    """
    is_open, gas_mol, spent, solvent = vents.is_open, vents.gas_mol, vents.spent, vents.solvent_mol
    fill_mol, solids_J, solids_kg = vents.fill_mol, vents.solids_J, vents.solids_kg
    pressure_Pa, quiet_K, headspace_m3 = gas.pressure_Pa, numbers.quiet_K, numbers.headspace_m3
    for cleared in (vents.taken_J, vents.latent_J, vents.lost_kg, solids_J, solids_kg):
        cleared[:] = 0.0
    opened = 0
    for c in range(len(module)):
        m, T = module[c], temperature_K[c]
        if m < 0:
            continue
        if ejected_J[c] > 0.0:
            gas.sparks[m] = 1
            solids_J[c], solids_kg[c] = to_gas_J[c], ejected_kg[c]
        outside = pressure_Pa[m]
        if progress[c] <= spent[c]:
            if is_open[c] == 0:
                if gas_mol[c] == 0.0 and quiet_K > T and outside >= QUIET_PA:
                    continue
            elif solvent[c] <= 0.0:
                if held_moles(outside, T, headspace_m3) >= fill_mol[c] + gas_mol[c]:
                    continue
        opened += vent_can(
            c, m, h, T, outside, progress[c], soc[c], heat_J_per_K[c], ejected_kg[c], to_gas_J[c],
            numbers, vents, gas,
        )  # fmt: skip
    return opened
