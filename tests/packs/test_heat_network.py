"""Heat where neighbours are unlike: exact solutions, any step, radiation, housings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from packs.barriers import barrier_W_per_K, sight_W_per_K4, view_factor
from packs.heat_links import needs_network
from packs.heat_spec import BarrierSpec, HousingSpec, RadiationSpec
from packs.spec import SizeSpec
from packs.thermal import heat_above, heat_paths, heat_stage

T0_K, CELL_J_PER_K = 298.15, 60.0
ALONE = {"ambient_W_per_K": 0.0, "coolant_flow_kg_per_s": 0.0, "plate_W_per_K": 0.0}
STEEL = RadiationSpec(emissivity=0.8, diameter_m=0.021, height_m=0.07)
HOUSING = HousingSpec(J_per_K=900.0, cell_W_per_K=0.08, ambient_W_per_K=0.7)


def sheet(between: str, W_per_K: float) -> BarrierSpec:
    return BarrierSpec(between=between, W_per_K=W_per_K, name="a sheet")


class Network:
    """Temperatures of a pack moved by given heats; cells and groups in the order of people."""

    def __init__(self, plant_arrays, pack_spec, size, columns, **thermal):
        racks, modules, groups, cells = size
        of = SizeSpec(modules=(modules,) * racks, groups_per_module=groups, cells_per_group=cells)
        self.spec = replace(pack_spec.thermal, **thermal)
        self.arrays = a = plant_arrays(of, columns=columns, thermal=self.spec)
        self.top, self.paths = (
            a.top,
            heat_paths(self.spec, in_group=cells, linked=needs_network(self.spec, a.top)),
        )
        a.cells.kelvin_per_J[:] = 1.0 / CELL_J_PER_K
        a.racks.flow_W_per_K[:] = self.paths.flow
        a.cells.temperature_K[:] = a.groups.plate_K[:] = T0_K
        self.house_K = a.state.view("thermal").house_K
        self.house_K[:] = T0_K
        self.inlet_K = self.ambient_K = T0_K
        self.coolant_J = self.air_J = 0.0

    @property
    def temperature_K(self):
        return self.arrays.cells.temperature_K[self.top.cell_slot]

    def heat(self, kelvin):
        self.arrays.cells.temperature_K[self.top.cell_slot] = T0_K + np.asarray(kelvin)

    def step(self, step_s, times=1):
        for _ in range(times):
            heat_stage(
                1, step_s, self.inlet_K, self.ambient_K, self.arrays.wire, self.paths,
                self.arrays.arena,
            )  # fmt: skip
            self.coolant_J += self.arrays.site.heat_J[0]
            self.air_J += self.arrays.site.heat_J[1]

    def nodes_K(self):
        plates = self.arrays.groups.plate_K[self.top.group_slot]
        return np.concatenate((self.temperature_K, plates, self.house_K))

    def stored_J(self):
        plates = self.arrays.groups.plate_K[self.top.group_slot]
        house = 0.0 if self.spec.housing is None else self.spec.housing.J_per_K
        return (
            heat_above(np.full(self.top.n_cells, CELL_J_PER_K), self.temperature_K, T0_K)
            + self.spec.plate_J_per_K * math.fsum(plates - T0_K)
            + house * math.fsum(self.house_K - T0_K)
        )


@pytest.fixture
def network(plant_arrays, pack_spec):
    def make(size=(1, 1, 3, 2), columns=3, **thermal):
        return Network(plant_arrays, pack_spec, size, columns, **thermal)

    return make


# --- barriers ------------------------------------------------------------------------------------


def test_a_sheet_is_its_interfaces_and_its_thickness_in_series() -> None:
    # 10 cm2, 2 mm of aerogel: 1/(1/250 + 0.1) W/m2/K
    assert barrier_W_per_K(1e-3, 250.0, 2e-3, 0.02) == pytest.approx(1e-3 / 0.104, rel=1e-15)


@pytest.mark.parametrize(("between", "crossed"), [("cells", 14), ("groups", 6), ("columns", 6)])
def test_a_barrier_is_between_those_it_names_and_nowhere_else(network, between, crossed) -> None:
    """2 x 2 groups of 3 cells: 6 pairs side by side, 8 within groups, 2 where groups meet."""
    net = network((1, 1, 4, 3), columns=2, barriers=(sheet(between, 0.004),))
    link = net.arrays.state.view("of_links").link
    pairs = len(net.top.edge_a)
    ends = 2 * (between != "columns")
    assert pairs == 16
    assert np.count_nonzero(link == 0.004) == 2 * (crossed + ends)
    assert np.count_nonzero(link == net.spec.neighbour_W_per_K) == 2 * (pairs - crossed - ends)


@pytest.mark.parametrize("step_s", [0.01, 1.0, 100.0])
def test_two_cells_relax_as_one_euler_step_after_the_other_and_as_exp_in_the_limit(
    network, step_s
) -> None:
    """``T1 - T2`` decays with 2 G / C; explicit or implicit Euler by how stiff it is."""
    G = 0.8
    net = network((1, 1, 1, 2), columns=1, barriers=(sheet("cells", G),), **ALONE)
    net.heat([30.0, 0.0])
    net.step(step_s, 50)
    rate = 2.0 * G / CELL_J_PER_K * step_s
    is_explicit = rate / 2.0 <= 0.25
    factor = 1.0 - rate if is_explicit else 1.0 / (1.0 + rate)
    difference = net.temperature_K[0] - net.temperature_K[1]
    # 50 steps, each right to 1e-9 K or to a rounding of 300 K
    assert difference == pytest.approx(30.0 * factor**50, rel=0.0, abs=5e-8)
    exact = 30.0 * math.exp(-rate * 50)
    assert abs(difference - exact) <= 30.0 * rate


def test_an_implicit_step_converges_with_its_first_power(network) -> None:
    G, rate, errors, steps_s = 8.0, 16.0 / CELL_J_PER_K, [], (8.0, 4.0, 2.0)
    for step_s in steps_s:
        net = network((1, 1, 1, 2), columns=1, barriers=(sheet("cells", G),), **ALONE)
        net.heat([30.0, 0.0])
        net.step(step_s, round(8.0 / step_s))
        difference = net.temperature_K[0] - net.temperature_K[1]
        errors.append(abs(difference - 30.0 * math.exp(-rate * 8.0)))
    slopes = np.diff(np.log(errors)) / np.diff(np.log(steps_s))
    assert 0.6 < slopes[0] < slopes[1] < 1.0  # it comes to 1 from below


@pytest.mark.parametrize(("step_s", "steps"), [(10.0, 8000), (1e6, 40)])
def test_a_chain_at_rest_drops_by_heat_over_conductance_at_every_barrier(
    network, step_s, steps
) -> None:
    """3 W in at one end of six cells, out at the other; sheets between groups."""
    thermal = {**ALONE, "neighbour_W_per_K": 2.0, "barriers": (sheet("groups", 0.05),)}
    net = network((1, 1, 3, 2), columns=1, **thermal)
    net.arrays.cells.heat_W[net.top.cell_slot[[0, 5]]] = (3.0, -3.0)
    net.step(step_s, steps)
    drop_K = -np.diff(net.temperature_K)
    assert drop_K == pytest.approx([1.5, 60.0, 1.5, 60.0, 1.5], rel=1e-6)


@pytest.mark.parametrize("step_s", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("contact", [1e-6, 0.05, 50.0, 1e4])
def test_heat_is_kept_and_no_node_passes_the_hottest_or_coldest_at_any_contact(
    network, contact, step_s
) -> None:
    net = network(
        (2, 2, 6, 3), columns=3, barriers=(sheet("groups", contact),), neighbour_W_per_K=200.0,
        plate_W_per_K=1e3, busbar_W_per_K=30.0, radiation=STEEL, housing=HOUSING,
        ambient_W_per_K=0.0, coolant_flow_kg_per_s=0.0,
    )  # fmt: skip
    net.paths = net.paths._replace(house_air=0.0)
    rng = np.random.default_rng(4)
    net.heat(rng.choice([0.0, 5.0, 900.0], net.top.n_cells))
    start_J, nodes_K = net.stored_J(), net.nodes_K()
    for _ in range(20):
        net.step(step_s)
        low, high = nodes_K.min(), nodes_K.max()
        nodes_K = net.nodes_K()
        assert low - 2e-9 <= nodes_K.min() and nodes_K.max() <= high + 2e-9  # EXACT_K
    # 20 times 100 nodes round 1,200 K x 900 J/K at most, in a random direction
    assert net.stored_J() == pytest.approx(start_J, rel=1e-12, abs=1e-8)
    assert net.coolant_J == net.air_J == 0.0


@pytest.mark.parametrize("step_s", [0.05, 1.0, 600.0])
def test_gains_and_losses_add_up_with_every_path_open(network, step_s) -> None:
    net = network(
        (2, 2, 3, 2), columns=2, barriers=(sheet("columns", 0.01),), busbar_W_per_K=0.4,
        radiation=STEEL, housing=HOUSING,
    )  # fmt: skip
    cells, groups, top = net.arrays.cells, net.arrays.groups, net.top
    cells.heat_W[top.cell_slot], groups.link_W[top.group_slot] = 2.0, 0.25
    net.inlet_K, net.ambient_K = 285.0, 310.0
    net.step(step_s, 200)
    released_J = 200 * step_s * (2.0 * top.n_cells + 0.25 * top.n_groups)
    lost_J = net.coolant_J + net.air_J
    assert net.stored_J() == pytest.approx(
        released_J - lost_J, rel=0.0, abs=1e-12 * released_J + 1e-7
    )
    assert net.coolant_J > 0.0


def test_without_anything_unlike_the_network_is_the_plain_way(network, plant_arrays, pack_spec):
    """A barrier of the same conductance as without: the same explicit step, summed in one order."""
    own = pack_spec.thermal.neighbour_W_per_K
    nets = [network((2, 1, 3, 2)), network((2, 1, 3, 2), barriers=(sheet("cells", own),))]
    warm_K = np.random.default_rng(2).uniform(0.0, 20.0, nets[0].top.n_cells)
    for net in nets:
        net.heat(warm_K)
        net.step(1.0, 300)
    # 300 roundings of 320 K
    assert nets[0].nodes_K() == pytest.approx(nets[1].nodes_K(), rel=0.0, abs=300 * 6e-14)
    assert nets[0].coolant_J == pytest.approx(nets[1].coolant_J, rel=1e-12)


def test_a_hundred_cells_in_tight_contact_are_solved_as_by_a_dense_matrix(network) -> None:
    net = network((1, 1, 25, 4), columns=5, barriers=(sheet("groups", 1e4),), **ALONE)
    warm_K = np.random.default_rng(3).uniform(0.0, 900.0, 100)
    net.heat(warm_K)
    net.step(1.0)
    top = net.top
    a, b = top.edge_a, top.edge_b
    G = np.where(top.cell_group[a] != top.cell_group[b], 1e4, net.spec.neighbour_W_per_K)
    matrix = np.diag(np.full(100, CELL_J_PER_K))
    for i, j, g in zip(a, b, G, strict=True):
        matrix[[i, j], [i, j]] += g
        matrix[i, j] -= g
        matrix[j, i] -= g
    expected = np.linalg.solve(matrix, CELL_J_PER_K * warm_K)
    assert net.temperature_K - T0_K == pytest.approx(expected, rel=0.0, abs=2e-9)


def test_a_busbar_carries_heat_from_group_to_group_and_not_between_racks(network) -> None:
    thermal = {**ALONE, "neighbour_W_per_K": 0.0, "busbar_W_per_K": 0.6}
    net = network((2, 2, 2, 3), columns=2, **thermal)
    net.arrays.cells.heat_W[net.top.cell_slot[net.top.cell_group == 0]] = 1.0
    net.arrays.cells.heat_W[net.top.cell_slot[net.top.cell_group == 3]] = -1.0
    net.step(1e6, 40)
    groups_K = net.temperature_K.reshape(8, 3)
    assert groups_K.std(axis=1).max() < 1e-9
    assert -np.diff(groups_K[:4, 0]) == pytest.approx(3.0 / 0.6, rel=1e-9)  # across two modules
    assert np.array_equal(groups_K[4:], np.full((4, 3), T0_K))


# --- radiation and housing -----------------------------------------------------------------------


def test_cylinders_that_touch_see_each_other_as_crossed_strings_say() -> None:
    assert view_factor(0.02, 0.02) == pytest.approx(0.5 - 1.0 / math.pi, rel=1e-15)
    # From afar: the angle 2 d / 2 s that one takes of the other's 2 pi
    assert view_factor(0.02, 2.0) == pytest.approx(0.01 / (2.0 * math.pi), rel=1e-4)


def test_a_body_that_radiates_to_a_large_one_cools_by_the_closed_form(network) -> None:
    """``dT/dt = -k (T^4 - T_s^4)``: time in closed form; first order in the step."""
    thermal = {**ALONE, "neighbour_W_per_K": 0.0, "radiation": STEEL}
    seen = sight_W_per_K4(0.8, 0.021, 0.07, 0.022)
    errors = []
    for steps in (200, 400):
        net = network((1, 1, 1, 2), columns=1, **thermal)
        net.heat([900.0, 0.0])
        net.arrays.cells.kelvin_per_J[net.top.cell_slot[1]] = 1e-12
        net.step(4000.0 / steps, steps)
        T, S, start = net.temperature_K[0], T0_K, T0_K + 900.0

        def clock(t, s=S):
            return math.log((t + s) / (t - s)) / (4 * s**3) + math.atan(t / s) / (2 * s**3)

        elapsed_s = (clock(T) - clock(start)) * CELL_J_PER_K / seen
        errors.append(abs(elapsed_s / 4000.0 - 1.0))
    assert errors[1] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


def test_a_sheet_blocks_the_view_and_air_does_not_conduct_more_for_it(network) -> None:
    thermal = {**ALONE, "radiation": STEEL, "barriers": (sheet("groups", 0.01),)}
    net = network((1, 1, 2, 2), columns=1, **thermal)
    sight = net.arrays.state.view("of_links").sight
    assert np.count_nonzero(sight) == 2 * 2  # within each group, from both ends


def test_a_housing_comes_to_rest_between_cells_and_air(network) -> None:
    thermal = {**ALONE, "neighbour_W_per_K": 0.0, "housing": HOUSING}
    net = network((1, 2, 3, 2), columns=3, **thermal)
    net.arrays.cells.heat_W[net.top.cell_slot[net.top.cell_module == 1]] = 0.5
    net.step(1e6, 40)
    house_K = 3.0 / HOUSING.ambient_W_per_K
    assert net.house_K - T0_K == pytest.approx([0.0, house_K], rel=1e-9)
    cells_K = net.temperature_K[6:] - T0_K
    assert cells_K == pytest.approx(house_K + 0.5 / HOUSING.cell_W_per_K, rel=1e-9)
