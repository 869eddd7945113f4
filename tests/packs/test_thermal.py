"""Heat between cells, plate, coolant and air: exact solutions, conservation, stability."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from packs.spec import SizeSpec
from packs.thermal import (
    STABILITY,
    coolant_effect,
    heat_above,
    heat_paths,
    heat_stage,
    stable_parts,
)

T0_K, CELL_J_PER_K = 298.15, 60.0


class HeatNetwork:
    """Temperatures of a pack, moved by given heats; cells and groups in the order of people."""

    def __init__(self, pack_spec, plant_arrays, size=(1, 1, 3, 2), columns=2, **thermal):
        self.spec = replace(pack_spec.thermal, **thermal)
        racks, modules, groups, cells = size
        of = SizeSpec(modules=(modules,) * racks, groups_per_module=groups, cells_per_group=cells)
        self.arrays = plant_arrays(of, columns=columns)
        self.top = self.arrays.top
        n, groups = self.top.n_cells, self.top.n_groups
        self.cell_J_per_K = np.full(n, CELL_J_PER_K)
        self.temperature_K, self.plate_K = np.full(n, T0_K), np.full(groups, T0_K)
        self.heat_W, self.extra_W, self.link_W = np.zeros(n), np.zeros(n), np.zeros(groups)
        self.flow_W_per_K, self.outlet_K = (
            self.arrays.racks.flow_W_per_K,
            self.arrays.racks.outlet_K,
        )
        self.flow_W_per_K[:] = self.spec.coolant_flow_kg_per_s * self.spec.coolant_J_per_kg_K
        self.inlet_K = self.ambient_K = T0_K
        self.to_coolant_J = self.to_air_J = 0.0

    def step(self, step_s, parts=None):
        at, group_at = self.top.cell_slot, self.top.group_slot
        cells, groups = self.arrays.cells, self.arrays.groups
        if parts is None:
            parts = stable_parts(self.top, self.spec, CELL_J_PER_K, step_s)
        cells.kelvin_per_J[at] = 1.0 / self.cell_J_per_K
        cells.temperature_K[at], groups.plate_K[group_at] = self.temperature_K, self.plate_K
        cells.heat_W[at], cells.extra_W[at] = self.heat_W, self.extra_W
        groups.link_W[group_at] = self.link_W
        heat_stage(
            parts, step_s, self.inlet_K, self.ambient_K, self.arrays.wire, heat_paths(self.spec),
            self.arrays.arena,
        )  # fmt: skip
        self.temperature_K[:] = cells.temperature_K[at]
        self.plate_K[:] = groups.plate_K[group_at]
        self.to_coolant_J += self.arrays.site.heat_J[0]
        self.to_air_J += self.arrays.site.heat_J[1]

    def stored_J(self):
        cells_J = heat_above(self.cell_J_per_K, self.temperature_K, T0_K)
        return cells_J + self.spec.plate_J_per_K * math.fsum(self.plate_K - T0_K)


@pytest.fixture
def heat(pack_spec, plant_arrays):
    def make(*args, **kwargs):
        return HeatNetwork(pack_spec, plant_arrays, *args, **kwargs)

    return make


INSULATED = {"ambient_W_per_K": 0.0, "coolant_flow_kg_per_s": 0.0}
CELLS_ONLY = {**INSULATED, "plate_W_per_K": 0.0}


# --- conduction ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1.0, 0.3])
def test_two_cells_equalise_exponentially_to_first_order_in_the_step(heat, ratio) -> None:
    """``T1 - T2`` decays with ``k (1/C1 + 1/C2)``; one explicit step multiplies by 1 - rate h."""
    rate = 0.05 * (1.0 + 1.0 / ratio) / CELL_J_PER_K
    steps_s, errors = (40.0, 20.0, 10.0, 5.0), []
    for step_s in steps_s:
        net = heat((1, 1, 1, 2), **CELLS_ONLY)
        net.cell_J_per_K[1] *= ratio
        net.temperature_K[0] += 30.0
        for _ in range(round(400.0 / step_s)):
            net.step(step_s, parts=1)
        difference = net.temperature_K[0] - net.temperature_K[1]
        discrete = 30.0 * (1.0 - rate * step_s) ** round(400.0 / step_s)
        assert difference == pytest.approx(discrete, rel=0.0, abs=1e-11)  # 80 roundings of 300 K
        errors.append(abs(difference - 30.0 * math.exp(-rate * 400.0)))
    slope = np.polyfit(np.log(steps_s), np.log(errors), 1)[0]
    # The next term is rate h: 7 % of the error at the longest step with equal cells, 14 % else.
    assert slope == pytest.approx(1.0, abs=0.1)


def test_conduction_conserves_heat_to_rounding(heat) -> None:
    net = heat((1, 2, 6, 3), columns=3, **CELLS_ONLY)
    net.temperature_K[:] += np.random.default_rng(1).uniform(-20.0, 40.0, net.top.n_cells)
    start_J, first = net.stored_J(), net.top.cell_module == 0
    own_mean_K = net.temperature_K[first].mean()
    for _ in range(500):
        net.step(10.0)
    # Each of 36 cells rounds its 300 K x 60 J/K once a step, in a random direction.
    bound_J = math.sqrt(500 * 36) * 2.3e-16 * 330.0 * CELL_J_PER_K * 4
    assert net.stored_J() == pytest.approx(start_J, rel=0.0, abs=bound_J)
    # Modules are not in contact: each keeps its own mean (500 roundings of 300 K).
    assert net.temperature_K[first].mean() == pytest.approx(own_mean_K, rel=0.0, abs=500 * 6e-14)


def test_an_insulated_pack_keeps_all_heat_released_in_it(heat) -> None:
    net = heat((2, 1, 3, 2), **INSULATED)
    net.heat_W[:], net.extra_W[:] = np.arange(12.0), 0.5
    net.link_W[:] = 0.25
    start_J = net.stored_J()
    for _ in range(200):
        net.step(5.0)
    released_J = 1000.0 * (66.0 + 6.0 + 6 * 0.25)
    # 18 nodes round 400 K x 80 J/K at most, in each of 200 steps.
    bound_J = math.sqrt(200 * 18) * 2.3e-16 * 400.0 * 80.0 * 4
    assert net.stored_J() - start_J == pytest.approx(released_J, rel=0.0, abs=bound_J)
    assert net.to_coolant_J == net.to_air_J == 0.0


def test_what_is_gained_and_lost_adds_up_with_every_path_open(heat) -> None:
    net = heat((2, 2, 3, 2))
    net.heat_W[:], net.inlet_K, net.ambient_K = 2.0, 285.0, 310.0
    start_J = net.stored_J()
    for _ in range(200):
        net.step(5.0)
    released_J = 1000.0 * 2.0 * net.top.n_cells
    lost_J = net.to_coolant_J + net.to_air_J
    bound_J = math.sqrt(200 * 36) * 2.3e-16 * 330.0 * 80.0 * 4  # as above, 36 nodes
    assert net.stored_J() - start_J == pytest.approx(released_J - lost_J, rel=0.0, abs=bound_J)
    assert net.to_air_J < 0.0 < net.to_coolant_J  # the air warms the pack, the coolant cools it


def test_heat_to_the_air_decays_exponentially(heat) -> None:
    rate = 0.01 / CELL_J_PER_K
    net = heat((1, 1, 1, 1), neighbour_W_per_K=0.0, plate_W_per_K=0.0)
    net.temperature_K[0] += 40.0
    for _ in range(3600):
        net.step(1.0)
    # First order: rate^2 h t / 2 = 5e-5 of the difference.
    expected = T0_K + 40.0 * math.exp(-rate * 3600.0)
    assert net.temperature_K[0] == pytest.approx(expected, rel=0.0, abs=5.1e-5 * 40.0)


def test_a_pack_with_mirrored_heat_has_mirrored_temperatures(heat) -> None:
    """Groups fold, so mirroring a module left to right is a permutation of its cells."""
    nets = [heat((1, 1, 6, 2), columns=3, coolant_flow_kg_per_s=0.0) for _ in range(2)]
    top = nets[0].top
    place = {
        (round(x, 6), round(y, 6)): k
        for k, (x, y) in enumerate(zip(top.cell_x_m, top.cell_y_m, strict=True))
    }
    width = top.cell_x_m.max()
    mirror = np.array(
        [
            place[round(width - x, 6), round(y, 6)]
            for x, y in zip(top.cell_x_m, top.cell_y_m, strict=True)
        ]
    )
    heat_W = np.random.default_rng(3).uniform(0.0, 5.0, top.n_cells)
    nets[0].heat_W[:], nets[1].heat_W[:] = heat_W, heat_W[mirror]
    for _ in range(300):
        for net in nets:
            net.step(10.0)
    # The order of sums differs: 300 roundings of up to 350 K.
    mirrored = nets[1].temperature_K[mirror]
    assert nets[0].temperature_K == pytest.approx(mirrored, rel=0.0, abs=300 * 6e-14)


# --- coolant -------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 4, 12])
def test_coolant_outlet_follows_the_ntu_law_along_plates_at_one_temperature(heat, groups) -> None:
    """``T_out = T_plate - (T_plate - T_in) exp(-sum UA / W)``, exactly, piece after piece."""
    net = heat((1, 1, groups, 1), plate_W_per_K=0.0, plate_J_per_K=1e12, coolant_W_per_K=7.0)
    net.plate_K[:] += 20.0
    net.step(1.0)
    ntu = groups * 7.0 / (0.02 * 3400.0)
    # One rounding of 300 K for each piece.
    expected = T0_K + 20.0 - 20.0 * math.exp(-ntu)
    assert net.outlet_K[0] == pytest.approx(expected, rel=0.0, abs=groups * 6e-14)
    carried_J = 0.02 * 3400.0 * (net.outlet_K[0] - T0_K)
    assert net.to_coolant_J == pytest.approx(carried_J, rel=1e-12)  # 300 K - 298 K cancels


def test_steady_state_of_a_heated_rack_is_the_chain_solved_by_hand(heat) -> None:
    net = heat((1, 1, 4, 2), neighbour_W_per_K=0.0, ambient_W_per_K=0.0, coolant_W_per_K=5.0)
    net.heat_W[:] = [1.0, 2.0, 0.0, 3.0, 4.0, 4.0, 1.0, 0.0]
    net.link_W[:] = 0.5
    for _ in range(400):
        net.step(600.0)
    flow = 0.02 * 3400.0
    effect, coolant_K = flow * -math.expm1(-5.0 / flow), T0_K
    for group in range(4):
        q = net.heat_W[2 * group : 2 * group + 2].sum() + 0.5
        plate_K = coolant_K + q / effect
        cells_K = plate_K + net.heat_W[2 * group : 2 * group + 2] / 0.1
        # At rest but for rounding: the slowest mode decays with 1/800 s for 240,000 s.
        assert net.plate_K[group] == pytest.approx(plate_K, rel=0.0, abs=1e-9)
        cells = net.temperature_K[2 * group : 2 * group + 2]
        assert cells == pytest.approx(cells_K, rel=0.0, abs=1e-9)
        coolant_K += q / flow
    assert net.outlet_K[0] == pytest.approx(coolant_K, rel=0.0, abs=1e-9)


def test_coolant_that_stands_still_carries_no_heat(heat) -> None:
    net = heat((2, 1, 3, 2))
    net.flow_W_per_K[1] = 0.0
    net.plate_K[:] += 30.0
    net.step(1.0)
    assert net.outlet_K[0] > T0_K
    assert net.outlet_K[1] == T0_K
    alone = 0.02 * 3400.0 * (net.outlet_K[0] - T0_K)
    assert net.to_coolant_J == pytest.approx(alone, rel=1e-12)  # all of it by the first rack


def test_effect_of_the_coolant_has_its_two_limits() -> None:
    assert coolant_effect(0.0, 2.0) == 0.0
    # Fast flow: the whole conductance, less UA/2W; slow flow: all the heat the flow can take.
    assert coolant_effect(2e6, 2.0) == pytest.approx(2.0 * (1.0 - 0.5e-6), rel=1e-9)  # 1 - exp
    assert coolant_effect(1e-3, 2.0) == 1e-3


def test_stored_heat_is_the_exactly_rounded_sum(heat) -> None:
    rng = np.random.default_rng(8)
    capacity, above_K = rng.uniform(40.0, 80.0, 999), rng.uniform(-40.0, 40.0, 999) * 1e6
    exact = math.fsum(capacity * above_K)
    assert heat_above(capacity, above_K, 0.0) == pytest.approx(exact, rel=4e-16)  # two half-ulps


# --- numerics ------------------------------------------------------------------------------------


def test_parts_are_the_same_as_that_many_shorter_steps_bit_for_bit(heat) -> None:
    nets = [heat((1, 1, 3, 2)) for _ in range(2)]
    for net in nets:
        net.heat_W[:] = np.arange(6.0)
    nets[0].step(8.0, parts=8)
    for _ in range(8):
        nets[1].step(1.0, parts=1)
    assert np.array_equal(nets[0].temperature_K, nets[1].temperature_K)
    assert np.array_equal(nets[0].plate_K, nets[1].plate_K)


@pytest.mark.parametrize("step_s", [1.0, 60.0, 3600.0, 86_400.0])
@pytest.mark.parametrize("neighbour_W_per_K", [0.05, 5.0])
def test_temperatures_stay_between_their_surroundings_at_any_step(
    heat, step_s, neighbour_W_per_K
) -> None:
    """The maximum principle: without heat no node passes the hottest or the coldest."""
    net = heat((1, 2, 6, 3), columns=3, neighbour_W_per_K=neighbour_W_per_K)
    rng = np.random.default_rng(4)
    net.temperature_K[:] += rng.uniform(-30.0, 30.0, net.top.n_cells)
    net.plate_K[:] += rng.uniform(-30.0, 30.0, net.top.n_groups)

    def extremes():
        nodes = np.concatenate((net.temperature_K, net.plate_K, [T0_K]))
        return nodes.min(), nodes.max()

    low, high = extremes()
    for _ in range(5):
        net.step(step_s)
        now = extremes()
        assert low - 1e-12 <= now[0] and now[1] <= high + 1e-12  # rounding of 300 K
        low, high = now


@pytest.mark.parametrize("neighbour_W_per_K", [0.05, 5.0])
def test_no_part_of_a_step_moves_a_node_by_more_than_a_quarter_of_its_difference(
    heat, neighbour_W_per_K
) -> None:
    net = heat((1, 1, 3, 2), neighbour_W_per_K=neighbour_W_per_K)
    for step_s in (0.1, 1.0, 100.0, 5000.0):
        dt = step_s / stable_parts(net.top, net.spec, CELL_J_PER_K, step_s)
        cell_rate = (4 * neighbour_W_per_K + 0.01 + 0.1) / CELL_J_PER_K
        plate_rate = (2 * 0.1 + 2.0) / 80.0
        assert dt * max(cell_rate, plate_rate) <= STABILITY
