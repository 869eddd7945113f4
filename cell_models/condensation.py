"""Vapour that condenses: on a wall, as the analogy of heat and mass lets it, and within its gas.

Pure functions for one ideal vapour in a gas. What condenses in a module is what has boiled out of
electrolyte, whose heavy solvents and salt stay behind: the light solvent alone, so the liquid is
pure (x = 1 in `vent.vapour_pressure`). A mole of it has the enthalpy ``c_p T - L``, with c_p of the
vapour and L of `gases.LATENT_J`; it has no volume.

Symbols: n moles of the vapour, n_sat those where it is saturated [mol], T temperature of the gas
[K], V its volume [m3], C its ``sum(n c_v)`` [J/K], h the step [s], L heat of evaporation [J/mol];
A, B [K], K_C [K] of ``ln p = A - B/(T + K_C)``.
"""

from __future__ import annotations

import math

from cell_models.gases import R
from cell_models.jit import kernel

LEWIS = 2.5
"""Thermal diffusivity of air over the diffusivity of the vapour in it, at 25 degC: 2.3 for DMC, 2.6
EMC, 2.9 DEC, with ``2.2e-5 m2/s`` over E. N. Fuller, K. Ensley and J. C. Giddings, J. Phys. Chem.
73 (1969) 3679, doi:10.1021/j100845a020. In gas rich in hydrogen both are larger: assumed alike."""
LEWIS_FACTOR = LEWIS ** (2.0 / 3.0)


@kernel
def saturation_slope(B: float, K_C: float, T: float) -> float:
    """Give ``d ln p_sat/dT`` [1/K]: ``B/(T + K_C)^2``, held as `vent.vapour_pressure` is."""
    above = max(T + K_C, 1.0)
    return B / (above * above)


@kernel
def condensed_on_wall(
    n: float, n_sat: float, rise: float, wall_W_per_K: float, gas_J_per_K: float, h: float
) -> float:
    """Give the vapour that condenses on a wall in h [mol]; below 0 what evaporates from it.

    By the analogy of heat and mass transfer a wall that takes heat from a gas with the conductance
    G has ``h_m A = G/(rho c_p Le^(2/3))``. With `gas_J_per_K`, ``sum(n c_p)``, that is ``dn/dt =
    -G/(sum(n c_p) Le^(2/3)) (n - n_sat)``, whatever volume and pressure: exact over h, and n never
    passes n_sat. No drift of the gas towards the wall (Stefan's) is counted.

    `rise` is by how much n_sat, that at the wall, rises with the heat of one condensed mole. It
    counts as at the end of the step: so a light wall does not swing.

    References
    ----------
    T. H. Chilton and A. P. Colburn, Ind. Eng. Chem. 26 (1934) 1183, doi:10.1021/ie50299a012.
    """
    part = -math.expm1(-wall_W_per_K * h / (gas_J_per_K * LEWIS_FACTOR))
    return part * (n - n_sat) / (1.0 + part * rise)


@kernel
def warmed_by_rain(C: float, T: float, x: float, latent: float) -> float:
    """Give the temperature of a gas in which x moles have condensed [K]: ``(C T + x L)/(C + x R)``.

    Nothing is lost and the volume stays: ``C T = (C - x c_v) T' + x (c_p T' - L)``.
    """
    return (C * T + x * latent) / (C + x * R)


@kernel
def rained_out(
    n: float, C: float, T: float, V: float, A: float, B: float, K_C: float, latent: float
) -> float:
    """Give the vapour that a supersaturated gas cannot hold [mol], at constant volume.

    The heat of what condenses warms the gas (`warmed_by_rain`), so there is one x at which
    ``ln((n - x) R T'/V) = ln p_sat(T')``: by Newton's method, kept between 0 and n.
    """
    low, high, x = 0.0, n, 0.0
    for _ in range(60):
        T_new = warmed_by_rain(C, T, x, latent)
        over = math.log((n - x) * R * T_new / V) - A + B / max(T_new + K_C, 1.0)
        if over > 0.0:
            low = x
        else:
            high = x
        warms = (latent - R * T_new) / (C + x * R)
        slope = warms * (1.0 / T_new - saturation_slope(B, K_C, T_new)) - 1.0 / (n - x)
        guess = x - over / slope
        if not low < guess < high:
            guess = 0.5 * (low + high)
        if abs(guess - x) <= 1e-15 * n:
            break
        x = guess
    return x
