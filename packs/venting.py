"""What leaves the cells: gas of the reactions and boiling solvent, into the module around them.

A closed can holds what its reactions make; when it opens, all that its headspace cannot hold at the
pressure of the module is out within the step (`cell_models.vent`), and from then on outflow equals
generation. Electrolyte hotter than its boiling point boils off and cools the cell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cell_models.contents import between
from cell_models.gases import ANTOINE, CP, MOLAR_MASS, N_SPECIES, T0_K, R, Species
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
    acting : int64 (n + 1,)
        Cans to which something happened in this step; the last number is how many.
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
    acting: NDArray[np.int64]


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
    schema.scratch("of_vents", "acting", n_slots + 1, integer=True)


def vent_arrays(state: State) -> VentArrays:
    """Take the views on a built state."""
    kept, step = state.view("vents"), state.view("of_vents")
    return VentArrays(
        kept.fill_mol, kept.gas_mol, kept.solvent_mol, kept.spent, kept.is_open, step.taken_J,
        step.latent_J, step.lost_kg, step.solids_J, step.solids_kg, step.acting,
    )  # fmt: skip


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
def release(c, m, T, outside_Pa, k, part, headspace_m3, table_mol, fill_mol, gas_mol, in_mol):
    """Let out what the headspace of an open can does not hold; return its mass and ``sum n c_p``.

    The headspace is well mixed: of the first filling, counted as N2, and of gas the same part goes.
    """
    inside = fill_mol[c] + gas_mol[c]
    out = 1.0 - min(1.0, held_moles(outside_Pa, T, headspace_m3) / inside)
    filling, moles = out * fill_mol[c], out * gas_mol[c]
    in_mol[m, N2] += filling
    kg, J_per_K = filling * MOLAR_MASS[N2], filling * CP[N2]
    fill_mol[c] -= filling
    if moles > 0.0:
        whole = total_made(k, part, table_mol)
        for s in range(N_SPECIES):
            amount = moles * (made_by(s, k, part, table_mol) / whole)
            in_mol[m, s] += amount
            kg += amount * MOLAR_MASS[s]
            J_per_K += amount * CP[s]
        gas_mol[c] -= moles
    return kg, J_per_K


@inlined
def boil(c, m, h, T, outside_Pa, heat_J_per_K, s, x, A, B, C, boil_s, solvent_mol, in_mol):
    """Boil solvent s off an open cell; return its latent heat [J], mass and ``sum n c_p``."""
    amount = latent = 0.0
    if solvent_mol[c] > 0.0:
        at = boiling_temperature(x, A, B, C, outside_Pa)
        latent = latent_heat(B, C, at)
        amount = boiled(solvent_mol[c], T, at, heat_J_per_K, latent, h, boil_s)
        solvent_mol[c] -= amount
        in_mol[m, s] += amount
    return amount * latent, amount * MOLAR_MASS[s], amount * CP[s]


@inlined
def solid_share(solid_kg, gas_J_per_K):
    """Give the part of ejecta's heat that solids carry: by heat capacity, at one temperature."""
    solid_J_per_K = SOLID_J_PER_KG_K * max(0.0, solid_kg)
    whole = solid_J_per_K + gas_J_per_K
    return solid_J_per_K / whole if whole > 0.0 else 1.0


@inlined
def stays(T, outside_Pa, is_open, fill_mol, gas_mol, solvent_mol, quiet_K, headspace_m3):
    """Say whether nothing happens to a can in which nothing has reacted since the last step.

    An open one stays as it is when its solvent has gone and its headspace can hold all.
    """
    if is_open == 0:
        return gas_mol == 0.0 and quiet_K > T and outside_Pa >= QUIET_PA
    return solvent_mol <= 0.0 and outside_Pa * headspace_m3 >= (fill_mol + gas_mol) * R * T


@kernel
def forget(vents):
    """Clear what the last step took from the cans that were listed in it."""
    acting, taken_J, latent_J, lost_kg = vents.acting, vents.taken_J, vents.latent_J, vents.lost_kg
    solids_J, solids_kg = vents.solids_J, vents.solids_kg
    for i in range(acting[len(taken_J)]):
        c = acting[i]
        taken_J[c] = latent_J[c] = lost_kg[c] = solids_J[c] = solids_kg[c] = 0.0


@kernel
def list_acting(
    numbers, module, temperature_K, progress, ejected_J, ejected_kg, to_gas_J, vents, gas
):
    """List the cans to which something happens in this step, and note what ejecta bring.

    Here and in `vent_cans` every array is looked up once, outside the loop (`packs.runaway`).
    """
    fill_mol, gas_mol, solvent_mol = vents.fill_mol, vents.gas_mol, vents.solvent_mol
    spent, is_open, acting = vents.spent, vents.is_open, vents.acting
    solids_J, solids_kg = vents.solids_J, vents.solids_kg
    sparks, pressure_Pa = gas.sparks, gas.pressure_Pa
    quiet_K, headspace_m3 = numbers.quiet_K, numbers.headspace_m3
    count = 0
    for c in range(len(module)):
        m = module[c]
        if m < 0:
            continue
        ejects = ejected_J[c] > 0.0
        if ejects:
            sparks[m] = 1
            solids_J[c], solids_kg[c] = to_gas_J[c], ejected_kg[c]
        if not ejects and progress[c] <= spent[c] and stays(
            temperature_K[c], pressure_Pa[m], is_open[c], fill_mol[c], gas_mol[c], solvent_mol[c],
            quiet_K, headspace_m3,
        ):  # fmt: skip
            continue
        acting[count] = c
        count += 1
    acting[len(module)] = count


@kernel
def vent_cans(
    h, numbers, module, temperature_K, heat_J_per_K, progress, soc, ejected_kg, to_gas_J, vents, gas
):
    """Let the listed cans vent for one step, or open: as `vent_stage`; return how many opened."""
    fill_mol, gas_mol, solvent_mol = vents.fill_mol, vents.gas_mol, vents.solvent_mol
    spent, is_open, acting, taken_J = vents.spent, vents.is_open, vents.acting, vents.taken_J
    latent_J, lost_kg = vents.latent_J, vents.lost_kg
    solids_J, solids_kg = vents.solids_J, vents.solids_kg
    in_mol, in_J, pressure_Pa = gas.in_mol, gas.in_J, gas.pressure_Pa
    knots, table_mol, V, s = numbers.soc, numbers.gas_mol, numbers.headspace_m3, numbers.solvent
    x, A, B, C, boil_s = numbers.share, numbers.A, numbers.B, numbers.C, numbers.boil_s
    burst_Pa, opens_K = numbers.burst_Pa, numbers.opens_K
    opened = 0
    for i in range(acting[len(module)]):
        c = acting[i]
        m, T = module[c], temperature_K[c]
        outside_Pa = pressure_Pa[m]
        k, part = between(soc[c], knots)
        if progress[c] > spent[c]:
            gas_mol[c] += (progress[c] - spent[c]) * total_made(k, part, table_mol)
            spent[c] = progress[c]
        if is_open[c] == 0:
            vapour = vapour_pressure(x, A, B, C, T)
            P = headspace_pressure(fill_mol[c] + gas_mol[c], T, V, vapour)
            if not opens(P, outside_Pa, burst_Pa, T, opens_K):
                continue
            is_open[c] = 1
            opened += 1
        kg, J_per_K = release(c, m, T, outside_Pa, k, part, V, table_mol, fill_mol, gas_mol, in_mol)
        latent, vapour_kg, vapour_J_per_K = boil(
            c, m, h, T, outside_Pa, heat_J_per_K[c], s, x, A, B, C, boil_s, solvent_mol, in_mol
        )
        J_per_K += vapour_J_per_K
        solids_kg[c] = max(0.0, ejected_kg[c] - kg - vapour_kg)
        share = solid_share(solids_kg[c], J_per_K)
        given = min((1.0 - share) * to_gas_J[c], J_per_K * (JET_K - T0_K))
        solids_J[c] = to_gas_J[c] - given
        paid = max(0.0, max(0.0, J_per_K * (T - T0_K)) - given)
        in_J[m] += given + paid
        latent_J[c] = latent
        taken_J[c] = latent + paid
        lost_kg[c] = kg + vapour_kg
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
    forget(vents)
    list_acting(
        numbers, module, temperature_K, progress, ejected_J, ejected_kg, to_gas_J, vents, gas
    )
    return vent_cans(
        h, numbers, module, temperature_K, heat_J_per_K, progress, soc, ejected_kg, to_gas_J, vents,
        gas,
    )  # fmt: skip
