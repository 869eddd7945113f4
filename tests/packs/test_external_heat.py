"""Fire: the exact exponential at any step, in one flow of the ledger, and nothing where none is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packs.external_heat import heat_of_fire
from packs.flows import HEATER

ALONE = {
    "size__groups_per_module": 2, "size__cells_per_group": 2, "thermal__neighbour_W_per_K": 0.0,
    "thermal__ambient_W_per_K": 0.0, "thermal__plate_W_per_K": 0.0,
    "wiring__insulation_ohm": 1e15,
}  # fmt: skip
FLAME_K = 1173.15


def burn(site, gas_K, W_per_K, seconds, step_ms):
    """Put flames around every cell for a while, in steps of a length."""
    at = site.topology.cell_slot
    site.overlay.fire_K[at], site.overlay.fire_W_per_K[at] = gas_K, W_per_K
    for tick in range(0, 1000 * seconds, step_ms):
        site.advance(tick, tick + step_ms, step_ms)
    return site.cells.temperature_K[at]


@pytest.mark.parametrize("step_ms", [50, 1000, 20_000])
def test_a_cell_in_flames_warms_as_the_exact_exponential_at_any_step(plant, step_ms) -> None:
    """At rest, and with no way out for heat; 20 s are a third of the time constant of 5 W/K."""
    site = plant(**ALONE)
    C = site.model.heat_capacity_J_per_K
    found_K = burn(site, FLAME_K, 1.0, 60, step_ms)
    exact_K = FLAME_K - (FLAME_K - 298.15) * math.exp(-1.0 * 60.0 / C)
    np.testing.assert_allclose(found_K, exact_K, rtol=1e-12)
    given_J = 4 * C * (exact_K - 298.15)
    assert site.flows.total[HEATER] == pytest.approx(given_J, rel=1e-12)


def test_no_step_is_so_long_that_a_cell_passes_the_gas() -> None:
    for W_per_K in (0.1, 10.0, 1e6):
        for h in (0.01, 1.0, 1e5):
            end_K = 298.15 + heat_of_fire(298.15, FLAME_K, W_per_K, 1.0 / 60.0, h) / 60.0
            assert 298.15 < end_K <= FLAME_K * (1.0 + 1e-15)
    assert heat_of_fire(FLAME_K, FLAME_K, 1.0, 1.0 / 60.0, 1.0) == 0.0
    assert heat_of_fire(298.15, FLAME_K, 0.0, 1.0 / 60.0, 1.0) == 0.0
    # A short time: G (T_gas - T) h, without the cancellation of 1 - exp.
    small_J = heat_of_fire(298.15, FLAME_K, 1.0, 1.0 / 60.0, 1e-9)
    assert small_J == pytest.approx(875.0 * 1e-9, rel=1e-9)


def test_a_fire_comes_beside_the_air_and_beside_heaters(plant) -> None:
    """The sum of what each gives: at first, when the cell is still cold."""
    gains_K = []
    for fire, heater in ((0.5, 0.0), (0.0, 20.0), (0.5, 20.0)):
        site = plant(**ALONE | {"thermal__ambient_W_per_K": 0.05})
        site.overlay.heater_W[site.topology.cell_slot] = heater
        gains_K.append(burn(site, FLAME_K, fire, 1, 100)[0] - 298.15)
    assert gains_K[2] == pytest.approx(gains_K[0] + gains_K[1], rel=1e-2)


def test_staged_steps_are_the_compiled_ones_in_a_fire(plant) -> None:
    compiled, staged = plant(), plant()
    staged.compiled = None
    for site in (compiled, staged):
        burn(site, FLAME_K, 0.3, 5, 100)
        site.overlay.fire_W_per_K[:] = 0.0  # out again
        site.advance(5000, 10_000, 100)
    for name, mine in compiled.state.snapshot().items():
        np.testing.assert_array_equal(mine, staged.state.snapshot()[name], err_msg=name)
    assert compiled.cells.temperature_K[compiled.topology.cell_slot].min() > 310.0
