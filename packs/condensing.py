"""Solvent vapour in a module: on its walls it condenses and evaporates again, in fog it rains out.

A film lies on the walls, at their temperature, a pure liquid of each solvent
(`cell_models.condensation`). It gains and loses vapour by the conductance that heat has between gas
and walls, towards ``p_sat`` at the walls: hot gas over cool walls loses its vapour to them, and a
film under flames is no hotter than its wall. Where the gas itself is supersaturated, that rains out
at once; its latent heat stays in the gas, so this ends by itself. Gas without conductance to its
walls only rains out. Cells, which may be the coldest surface, catch nothing; water does not
condense.

Energy: a mole of film is worth ``c_p T_ref - L`` here, with the gas; its heat above T_ref is its
wall's, which is heavier by ``c_p``. Every function returns what the walls get.
"""

from __future__ import annotations

from cell_models.condensation import (
    condensed_on_wall,
    rained_out,
    saturation_slope,
    warmed_by_rain,
)
from cell_models.gases import ANTOINE_OF, CP, CV, FIRST_SOLVENT, LATENT_J, N_SPECIES, R
from cell_models.jit import kernel
from cell_models.vent import held_moles, vapour_pressure

REST_PA = 7.0
"""Vapour that differs from that over its film by less is left alone: of DMC, 0.2 % of the LFL."""


@kernel
def saturated_mol(s, T, gas_K, volume_m3):
    """Give the vapour of solvent s over its liquid at T [mol]: ``p_sat(T) V/(R T_gas)``."""
    p_sat = vapour_pressure(1.0, ANTOINE_OF[s, 0], ANTOINE_OF[s, 1], ANTOINE_OF[s, 2], T)
    return held_moles(p_sat, gas_K, volume_m3)


@kernel
def film_J(m, reference_K, gas):
    """Give the energy of the film on the walls of a module [J], at T_ref."""
    total = 0.0
    for s in range(FIRST_SOLVENT, N_SPECIES):
        total += gas.condensed_mol[m, s] * (CP[s] * reference_K - LATENT_J[s])
    return total


@kernel
def is_settled(m, numbers, gas):
    """Say whether there is next to no vapour to condense, and none that a film should give."""
    T = gas.temperature_K[m]
    for s in range(FIRST_SOLVENT, N_SPECIES):
        vapour, film = gas.mol[m, s], gas.condensed_mol[m, s]
        if vapour == 0.0 and film == 0.0:
            continue
        over = vapour - saturated_mol(s, gas.wall_K[m], T, numbers.volume_m3)
        small = held_moles(REST_PA, T, numbers.volume_m3)
        if over > small or (film > 0.0 and over < -small):
            return False
    return True


@kernel
def onto_walls(m, s, h, n, C, numbers, gas):
    """Let solvent s condense on the walls or evaporate from them; return what these get [J].

    At constant volume: a mole takes the ``c_v T`` of where it comes from with it, and what stays is
    neither compressed nor expanded. `n`, `C` are those of the gas.
    """
    T, wall_K = gas.temperature_K[m], gas.wall_K[m]
    n_sat = saturated_mol(s, wall_K, T, numbers.volume_m3)
    per_mol_K = max(0.0, LATENT_J[s] - R * wall_K) / gas.wall_J_per_K[m]
    rise = n_sat * saturation_slope(ANTOINE_OF[s, 1], ANTOINE_OF[s, 2], wall_K) * per_mol_K
    x = condensed_on_wall(gas.mol[m, s], n_sat, rise, numbers.wall_W_per_K, C + n * R, h)
    x = max(x, -gas.condensed_mol[m, s])
    from_K = T
    if x < 0.0:
        from_K = wall_K
        gas.temperature_K[m] = (C * T - x * CV[s] * wall_K) / (C - x * CV[s])
    gas.mol[m, s] -= x
    gas.condensed_mol[m, s] += x
    gas.wall_J_per_K[m] += x * CP[s]
    return x * (CV[s] * from_K - CP[s] * numbers.reference_K + LATENT_J[s])


@kernel
def out_of_gas(m, s, C, numbers, gas):
    """Let what the gas cannot hold of solvent s rain onto the walls; return what these get [J]."""
    T, V = gas.temperature_K[m], numbers.volume_m3
    if gas.mol[m, s] <= saturated_mol(s, T, T, V):
        return 0.0
    latent = float(LATENT_J[s])
    x = rained_out(
        gas.mol[m, s], C, T, V, ANTOINE_OF[s, 0], ANTOINE_OF[s, 1], ANTOINE_OF[s, 2], latent
    )
    T = warmed_by_rain(C, T, x, latent)
    gas.temperature_K[m] = T
    gas.mol[m, s] -= x
    gas.condensed_mol[m, s] += x
    gas.wall_J_per_K[m] += x * CP[s]
    return x * CP[s] * (T - numbers.reference_K)
