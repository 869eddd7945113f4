"""Vapour that condenses: the rate at a wall, and what a supersaturated gas keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from cell_models.condensation import (
    LEWIS,
    condensed_on_wall,
    rained_out,
    saturation_slope,
    warmed_by_rain,
)
from cell_models.gases import ANTOINE, ANTOINE_OF, FIRST_SOLVENT, LATENT_J, R, Species
from cell_models.vent import boiling_temperature, latent_heat, vapour_pressure

DMC = ANTOINE[Species.DMC]
L_DMC = float(LATENT_J[Species.DMC])
AIR_C, VOLUME = 0.8 * 25.0, 0.02
"""A little less than a mole of air in 20 L."""


def test_latent_heat_is_what_boiling_at_one_bar_takes() -> None:
    assert [Species(s) for s in range(FIRST_SOLVENT, len(Species))] == list(ANTOINE)
    for solvent, (A, B, C) in ANTOINE.items():
        boils_K = boiling_temperature(1.0, A, B, C, 101_325.0)
        assert LATENT_J[solvent] == pytest.approx(latent_heat(B, C, boils_K), rel=1e-12)
        assert tuple(ANTOINE_OF[solvent]) == (A, B, C)
    assert not LATENT_J[:FIRST_SOLVENT].any()
    # Y. Zhou et al., J. Phys. Chem. Ref. Data 40 (2011) 043106, by CoolProp: 33.83 kJ/mol at 363 K
    assert pytest.approx(33.83e3, rel=0.04) == L_DMC


def test_saturation_slope_is_that_of_vapour_pressure() -> None:
    T, step = 330.0, 1e-3
    ratio = vapour_pressure(1.0, *DMC, T + step) / vapour_pressure(1.0, *DMC, T - step)
    slope = saturation_slope(DMC[1], DMC[2], T)
    assert slope == pytest.approx(math.log(ratio) / (2.0 * step), rel=1e-6)
    assert math.isfinite(saturation_slope(DMC[1], DMC[2], 10.0))


@pytest.mark.parametrize("n", [0.5, 0.01])
def test_a_wall_gains_vapour_by_the_analogy_of_heat_and_mass(n: float) -> None:
    """From the textbook's ``h_m = h_c/(rho c_p Le^(2/3))``, of air at 1 bar, in small steps."""
    area, h_c, T, P, V, molar_cp = 0.3, 7.0, 330.0, 1e5, 0.05, 29.1
    h_m = h_c / (P / (R * T) * molar_cp * LEWIS ** (2.0 / 3.0))  # m/s; rho c_p by volume
    n_sat, left = 0.1, n
    for _ in range(20_000):
        left -= 0.01 * h_m * area * (left - n_sat) / V
    gas_J_per_K = P * V / (R * T) * molar_cp
    gained = condensed_on_wall(n, n_sat, 0.0, h_c * area, gas_J_per_K, 200.0)
    assert n - gained == pytest.approx(left, rel=1e-4)


def test_no_step_passes_saturation_and_a_wall_that_warms_takes_less() -> None:
    for h in (0.0, 1e-3, 1.0, 1e3, 1e9):
        for n in (0.0, 0.05, 0.3):
            left = n - condensed_on_wall(n, 0.1, 0.0, 2.0, 1.5, h)
            assert min(n, 0.1) <= left <= max(n, 0.1)
    gained = condensed_on_wall(0.3, 0.1, 0.7, 2.0, 1.5, 1e9)
    assert 0.3 - gained == pytest.approx(0.1 + 0.7 * gained, rel=1e-12)  # saturated as it ends
    assert condensed_on_wall(0.3, 0.1, 0.0, 0.0, 1.5, 10.0) == 0.0  # no conductance, no exchange


@pytest.mark.parametrize("solvent", list(ANTOINE))
@pytest.mark.parametrize("T", [230.0, 260.0, 298.15, 420.0])
@pytest.mark.parametrize("over", [1.0 + 1e-9, 1.01, 3.0, 1e4])
def test_a_supersaturated_gas_ends_saturated_with_its_energy(solvent, T, over) -> None:
    A, B, C = ANTOINE[solvent]
    L = float(LATENT_J[solvent])
    n = over * vapour_pressure(1.0, A, B, C, T) * VOLUME / (R * T)
    heat = AIR_C + 170.0 * n

    def misses(T_new: float) -> float:
        """Return by how much the gas is oversaturated, all heat of what condenses being in it."""
        x = heat * (T_new - T) / (L - R * T_new)
        return (n - x) * R * T_new / VOLUME - vapour_pressure(1.0, A, B, C, T_new)

    x = rained_out(n, heat, T, VOLUME, A, B, C, L)
    assert 0.0 < x < n
    T_new = warmed_by_rain(heat, T, x, L)
    all_of_it = warmed_by_rain(heat, T, n * (1.0 - 1e-15), L)
    expected = brentq(misses, T, all_of_it, xtol=1e-11, rtol=1e-14)
    assert T_new == pytest.approx(expected, abs=1e-8)
    p = (n - x) * R * T_new / VOLUME
    if x < 0.999 * n:  # else rounding of the difference
        assert p == pytest.approx(vapour_pressure(1.0, A, B, C, T_new), rel=1e-10)


def test_rain_is_bounded_however_absurd_the_gas() -> None:
    rng = np.random.default_rng(4)
    for _ in range(300):
        n, heat = 10.0 ** rng.uniform(-9, 3), 10.0 ** rng.uniform(-2, 4)
        T, V = rng.uniform(20.0, 520.0), 10.0 ** rng.uniform(-4, 1)
        A, B, C = ANTOINE[Species(int(rng.integers(FIRST_SOLVENT, len(Species))))]
        heat += 170.0 * n
        if n * R * T / V <= vapour_pressure(1.0, A, B, C, T):
            continue
        x = rained_out(n, heat, T, V, A, B, C, L_DMC)
        assert 0.0 <= x < n
        assert T <= warmed_by_rain(heat, T, x, L_DMC) < 1e3
