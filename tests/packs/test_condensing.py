"""Solvent vapour in a module: saturation, film and rain, moles and joules, warming, flames, relief.

Vapour pressures of DMC to hold it against are those of its equation of state: Y. Zhou, J. Wu,
E. W. Lemmon, J. Phys. Chem. Ref. Data 40 (2011) 043106, evaluated by CoolProp.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cell_models.condensation import LEWIS
from cell_models.gases import (
    AIR,
    ANTOINE,
    ATOMS,
    CP,
    CV,
    FIRST_FUEL,
    FIRST_SOLVENT,
    LATENT_J,
    LFL,
    T0_K,
    R,
    Species,
)
from packs.condensing import REST_PA, film_J
from packs.enclosure import EnclosureSpec, declare_gas, gas_arrays, gas_numbers
from packs.gas import OK, fill_with_air, gas_stage, stored_J
from packs.state import Schema

P0 = 101325.0
DMC = int(Species.DMC)
SIGNS = np.array([1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
CLOSED = EnclosureSpec(
    free_volume_m3=0.012, relief_Pa=1e9, relief_m2=5e-4, discharge=0.7, reseals=True,
    wall_W_per_K=2.0, ignition_K=None,
)  # fmt: skip
DISC = replace(CLOSED, relief_Pa=1.2e5, reseals=False)
START_K = 310.0
"""Where heat that is stored in the walls counts from: not that of the gas, to tell them apart."""

# 20 degC lies between the table's 10 and 25 degC, 3202.245 and 7265.418 Pa: by Clausius-Clapeyron
WEIGHT = (1.0 / 283.15 - 1.0 / 293.15) / (1.0 / 283.15 - 1.0 / 298.15)
DMC_PA = {
    293.15: 3202.245 * (7265.418 / 3202.245) ** WEIGHT, 298.15: 7265.418, 333.15: 34950.28,
}  # fmt: skip


class Module:
    """Gas over walls that hold their temperature, or have a heat capacity and keep all they get."""

    def __init__(self, spec: EnclosureSpec, T: float = T0_K, wall_J_per_K: float = math.inf):
        schema = Schema()
        declare_gas(schema, 1)
        schema.add("sensed", "module_pressure_Pa", (1,))
        schema.add("sensed", "module_gas_ppm", (1,))
        self.spec, self.numbers = spec, gas_numbers(spec, START_K)
        self.gas = gas_arrays(schema.build())
        fill_with_air(spec.free_volume_m3, P0, T, self.gas)
        self.gas.wall_J_per_K[:] = self.bare_J_per_K = wall_J_per_K
        self.air = self.gas.mol.copy()
        self.start_J = self.energy_J()

    def energy_J(self) -> float:
        """Return that of gas, film and, where they warm, walls."""
        walls = 0.0
        if math.isfinite(self.bare_J_per_K):
            walls = float(self.gas.wall_J_per_K[0]) * (float(self.gas.wall_K[0]) - START_K)
        return stored_J(0, self.gas) + film_J(0, START_K, self.gas) + walls

    def step(self, h: float, heat_J: float = 0.0, sparks: bool = False, **moles: float) -> None:
        g = self.gas
        for name, amount in moles.items():
            g.in_mol[0, Species[name]] += amount
        g.in_J[:] += heat_J
        g.sparks[:] = sparks
        before = float(g.wall_J_per_K[0])
        assert gas_stage(h, self.numbers, P0, T0_K, g) == OK
        if math.isfinite(before):
            C = float(g.wall_J_per_K[0])
            held = before * (float(g.wall_K[0]) - START_K) + float(g.wall_J[0])
            g.wall_K[0] = START_K + held / C

    def rest(self, wall_K: float | None = None, hours: float = 2.0) -> None:
        """Let it come to rest, at a temperature of its walls."""
        if wall_K is not None:
            self.gas.wall_K[0] = wall_K
        for _ in range(round(3600.0 * hours)):
            self.step(1.0)

    def miss(self) -> float:
        """Return by how much the energy of gas and film misses the flows, over what has flowed."""
        flows = (self.gas.flows + self.gas.flows_low)[0] @ SIGNS
        if math.isfinite(self.bare_J_per_K):  # what walls took is theirs
            flows += float((self.gas.flows + self.gas.flows_low)[0, 5])
        most = max(self.start_J, float(np.abs(self.gas.flows).max()))
        return abs(self.energy_J() - self.start_J - float(flows)) / most

    def atoms_missing(self) -> float:
        g = self.gas
        has = g.mol + g.condensed_mol + g.left_mol - g.vented_mol - np.outer(g.air_mol, AIR)
        scale = (g.vented_mol + self.air)[0] @ ATOMS
        return float(np.abs((has - self.air)[0] @ ATOMS).max() / scale.max())

    @property
    def T(self) -> float:
        return float(self.gas.temperature_K[0])

    @property
    def film(self) -> float:
        return float(self.gas.condensed_mol[0, DMC])

    @property
    def lfl(self) -> float:
        return float(self.gas.lfl_percent[0])

    def partial_Pa(self, s: int = DMC) -> float:
        return float(self.gas.mol[0, s]) * R * self.T / self.spec.free_volume_m3


def p_sat(T: float, solvent: Species = Species.DMC) -> float:
    A, B, C = ANTOINE[solvent]
    return math.exp(A - B / (T + C))


@pytest.mark.parametrize("step_s", [1.0, 30.0])
def test_a_cool_closed_module_ends_at_the_lfl_of_saturated_vapour(step_s: float) -> None:
    box = Module(CLOSED, 293.15)
    box.step(step_s, 2e4, DMC=0.3)
    assert box.lfl > 600.0
    for _ in range(round(7200.0 / step_s)):
        box.step(step_s)
    air_Pa = P0  # of the filling, at the temperature that it has again
    expected = 100.0 * DMC_PA[293.15] / (air_Pa + DMC_PA[293.15]) / 0.042
    assert expected == pytest.approx(124.3, abs=0.1)
    assert box.lfl == pytest.approx(expected, rel=0.005)  # of Antoine's fit: 0.42 %
    assert box.partial_Pa() == pytest.approx(p_sat(293.15), abs=2.0 * REST_PA)
    assert box.film == pytest.approx(0.3 - float(box.gas.mol[0, DMC]), rel=1e-12)
    assert box.miss() < 1e-12


@pytest.mark.parametrize("step_s", [0.005, 0.1, 1.0, 60.0])
@pytest.mark.parametrize("wall_W_per_K", [0.0, 0.5, 1e4])
def test_no_step_leaves_a_gas_supersaturated(step_s: float, wall_W_per_K: float) -> None:
    """In a closed module, at any step, warm or cold inflow, whatever the walls."""
    box = Module(replace(CLOSED, wall_W_per_K=wall_W_per_K), 278.0)
    for k in range(300):
        some = {"DMC": 0.02, "EMC": 0.01, "DEC": 0.03, "H2": 0.01} if k < 20 else {}
        box.step(step_s, 2e3 if k % 3 else 0.0, **some)
        for solvent in ANTOINE:
            # a gas at rest may differ by 7 Pa, or by 0.02 K
            assert box.partial_Pa(solvent) <= p_sat(box.T, solvent) * (1.0 + 2e-3) + REST_PA
            if k < 20:
                assert box.partial_Pa(solvent) <= p_sat(box.T, solvent) * (1.0 + 1e-9)
    film = box.gas.condensed_mol[0, FIRST_SOLVENT:]
    assert (film >= 0.0).all() and film.any()
    assert box.miss() < 1e-12
    assert box.atoms_missing() < 1e-12


def test_gas_without_conductance_rains_until_its_own_heat_ends_it() -> None:
    box = Module(replace(CLOSED, wall_W_per_K=0.0), 260.0)
    box.step(1.0, DMC=0.05)
    # air and vapour mixed: T0 R a mole is work of flowing in
    n_air = float(box.air.sum())
    C = float(box.air[0] @ CV)
    energy = C * 260.0 + 0.05 * CP[DMC] * T0_K
    # saturated with the energy it came with: by halving
    low, high = 250.0, 400.0
    for _ in range(100):
        T = 0.5 * (low + high)
        vapour = p_sat(T) * 0.012 / (R * T)
        liquid = 0.05 - vapour
        has = C * T + vapour * CV[DMC] * T + liquid * (CP[DMC] * T - LATENT_J[DMC])
        low, high = (T, high) if has < energy else (low, T)
    assert low == pytest.approx(box.T, abs=1e-9)
    assert box.film == pytest.approx(liquid, rel=1e-9)
    assert 0.0 < box.film < 0.05
    assert n_air == pytest.approx(P0 * 0.012 / (R * 260.0), rel=1e-12)
    before = box.film
    box.step(1.0)
    assert box.film == pytest.approx(before, rel=1e-9)
    assert box.miss() < 1e-12


def test_a_film_evaporates_by_the_analogy_and_as_far_as_it_goes() -> None:
    for step_s in (0.01, 0.5):
        box = Module(CLOSED)
        box.gas.condensed_mol[0, DMC] = 1.0
        gas_J_per_K = float(box.air[0] @ CP)
        box.step(step_s)
        wanted = p_sat(T0_K) * 0.012 / (R * T0_K)
        part = -math.expm1(-2.0 * step_s / (gas_J_per_K * LEWIS ** (2.0 / 3.0)))
        assert box.gas.mol[0, DMC] == pytest.approx(part * wanted, rel=1e-12)
    thin = Module(CLOSED)
    thin.gas.condensed_mol[0, DMC] = 1e-3
    thin.rest(hours=0.1)
    assert thin.film == 0.0
    assert thin.gas.mol[0, DMC] == 1e-3


def test_what_has_condensed_evaporates_again_where_the_walls_warm() -> None:
    box = Module(CLOSED, 293.15)
    box.step(1.0, 2e4, DMC=0.4)
    box.rest()
    cold = box.film
    assert cold > 0.3
    box.rest(333.15)
    assert box.partial_Pa() == pytest.approx(DMC_PA[333.15], rel=0.005)
    assert 0.0 < box.film < cold - 0.1
    assert box.lfl > 500.0
    warm = float(box.gas.flows[0, 5])
    box.rest(293.15)
    assert box.film == pytest.approx(cold, rel=1e-4)
    assert box.gas.flows[0, 5] > warm  # walls take the heat that they gave
    box.rest(450.0)
    assert box.film == 0.0
    assert box.gas.mol[0, DMC] == pytest.approx(0.4, rel=1e-12)
    assert box.miss() < 1e-12


def test_a_hot_module_is_as_if_nothing_condensed() -> None:
    box = Module(CLOSED, 400.0)
    box.step(0.1, 3e3, DMC=0.3)
    C, start = float(box.gas.mol[0] @ CV), box.T
    for _ in range(50):
        box.step(0.1)
    assert not box.gas.condensed_mol.any()
    assert box.gas.mol[0, DMC] == 0.3
    assert box.T - 400.0 == pytest.approx((start - 400.0) * math.exp(-2.0 * 5.0 / C), rel=1e-11)


@pytest.mark.parametrize(
    ("step_s", "wall_J_per_K"), [(2.0, 50.0), (300.0, 120.0), (5.0, 1500.0), (300.0, 1500.0)]
)
def test_walls_that_warm_get_the_latent_heat_and_settle(step_s, wall_J_per_K) -> None:
    """Gas, film and walls keep all that came in, and no long step makes light walls swing.

    At 120 J/K what a kelvin more makes evaporate takes twice what a kelvin gives.
    """
    box = Module(CLOSED, 288.0, wall_J_per_K)
    box.step(step_s, DMC=0.5)
    for _ in range(round(max(3e4 / step_s, 100))):
        box.step(step_s)
        assert 200.0 < float(box.gas.wall_K[0]) < 420.0
    wall_K = float(box.gas.wall_K[0])
    assert box.partial_Pa() == pytest.approx(p_sat(wall_K), abs=3.0 * REST_PA)
    assert box.T == pytest.approx(wall_K, abs=0.03)
    held = wall_J_per_K + box.film * CP[DMC]
    assert float(box.gas.wall_J_per_K[0]) == pytest.approx(held, rel=1e-12)
    # the end follows from the energy that came, whatever the way to it
    vapour = float(box.gas.mol[0, DMC])
    has = (float(box.air[0] @ CV) + vapour * CV[DMC]) * box.T + wall_J_per_K * (wall_K - START_K)
    has += box.film * (CP[DMC] * wall_K - LATENT_J[DMC])
    came = float(box.air[0] @ CV) * 288.0 + wall_J_per_K * (288.0 - START_K)
    assert has == pytest.approx(came + 0.5 * CP[DMC] * T0_K, rel=1e-9)
    assert box.miss() < 1e-12


def test_only_vapour_goes_out_through_the_relief() -> None:
    box = Module(replace(DISC, wall_W_per_K=0.0))
    box.gas.condensed_mol[0, DMC] = 0.5
    n_sat = p_sat(T0_K) * 0.012 / (R * T0_K)
    box.gas.mol[0, DMC] = 0.5 * n_sat
    share = box.gas.mol[0, DMC] / box.gas.mol[0].sum()
    box.step(1.0, 2e4)
    assert box.film == 0.5
    left = box.gas.left_mol[0]
    assert left[DMC] / left.sum() == pytest.approx(share, rel=1e-12)


def test_flames_do_not_boil_the_film_of_a_cool_wall() -> None:
    box = Module(replace(CLOSED, ignition_K=873.0), 293.15)
    box.gas.condensed_mol[0, DMC] = 0.5
    box.air = box.gas.mol + box.gas.condensed_mol
    box.start_J = box.energy_J()
    box.step(0.05, sparks=True, H2=0.15)
    assert box.gas.lit[0] == 1
    assert box.T > 1500.0
    most = p_sat(293.15)
    for _ in range(4000):
        box.step(0.05)
        assert box.partial_Pa() <= most * (1.0 + 1e-9) + REST_PA
        assert math.isfinite(box.T)
    assert box.T == pytest.approx(293.15, abs=0.1)
    left = float(box.air[0, int(Species.O2)]) - 0.5 * 0.15
    assert box.gas.mol[0, int(Species.O2)] < left - 0.01  # vapour burnt as well, while it was hot
    assert 0.4 < box.film < 0.5
    assert box.atoms_missing() < 1e-12
    assert box.miss() < 1e-12


def test_moles_and_joules_close_over_a_long_day_of_everything() -> None:
    """Walls that swing between -20 and 120 degC, bursts of vapour, flames, a disc that is open."""
    box = Module(replace(DISC, wall_W_per_K=1.0, ignition_K=873.0))
    rng = np.random.default_rng(5)
    seen = []
    for k in range(20_000):
        if rng.random() < 0.02:
            box.gas.in_J[0] = rng.uniform(0.0, 5e3)
            box.gas.in_mol[0, FIRST_FUEL:] = rng.uniform(0.0, 0.05, len(LFL) - FIRST_FUEL)
        box.gas.wall_K[0] = 323.0 + 70.0 * math.sin(k / 700.0)
        box.step(float(rng.choice([1e-3, 0.1, 1.0])), sparks=bool(rng.random() < 0.01))
        seen.append(box.film)
        assert box.T > 0.0
    assert min(seen) == 0.0 and max(seen) > 0.01
    assert (box.gas.mol >= 0.0).all() and (box.gas.condensed_mol >= 0.0).all()
    assert (box.gas.flows[0, :5] > 0.0).all()
    assert box.miss() < 1e-12
    assert box.atoms_missing() < 1e-12
