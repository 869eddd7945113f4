"""Layers within cells: slabs with a solution on paper, conservation, the limit of one node."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from packs.heat_links import needs_network
from packs.heat_spec import BarrierSpec, HousingSpec, LayersSpec
from packs.layer_links import node_of
from packs.layers import fill_layers, settle_stage
from packs.spec import SizeSpec
from packs.thermal import heat_paths, heat_stage

T0_K, CELL_J_PER_K, THROUGH = 300.0, 60.0, 0.4
ALONE = {"ambient_W_per_K": 0.0, "coolant_flow_kg_per_s": 0.0, "plate_W_per_K": 0.0}
HOUSING = HousingSpec(J_per_K=900.0, cell_W_per_K=0.08, ambient_W_per_K=0.7)


class Stack:
    """A pack of layered cells whose heat alone is moved; `layer_K` is by cell and layer."""

    def __init__(self, plant_arrays, pack_spec, size, count, *, columns=1, through=THROUGH, **more):
        racks, modules, groups, cells = size
        of = SizeSpec(modules=(modules,) * racks, groups_per_module=groups, cells_per_group=cells)
        layers = LayersSpec(count=count, through_W_per_K=through, along_columns=columns > 1)
        self.spec = replace(pack_spec.thermal, layers=layers, **more)
        self.arrays = a = plant_arrays(of, columns=columns, thermal=self.spec)
        linked = needs_network(self.spec, a.top)
        self.paths = heat_paths(self.spec, in_group=cells, linked=linked)
        fill_layers(a.state, layers, CELL_J_PER_K)
        a.racks.flow_W_per_K[:] = self.paths.flow
        self.of = a.state.view("layers")
        self.at = np.stack([node_of(a.top.cell_slot, k, count) for k in range(count)], axis=1)
        a.cells.temperature_K[:] = a.groups.plate_K[:] = self.of.temperature_K[:] = T0_K
        self.house_K = a.state.view("thermal").house_K
        self.house_K[:] = T0_K
        self.coolant_J = self.air_J = 0.0
        self.inlet_K = self.ambient_K = T0_K

    @property
    def layer_K(self):
        return self.of.temperature_K[self.at]

    @property
    def mean_K(self):
        return self.arrays.cells.temperature_K[self.arrays.top.cell_slot]

    def warm(self, above_K):
        """Set layers, (n_cells, count) or what broadcasts to it."""
        above_K = np.broadcast_to(np.asarray(above_K, dtype=float), self.at.shape)
        self.of.temperature_K[self.at] = T0_K + above_K
        self.arrays.cells.temperature_K[self.arrays.top.cell_slot] = T0_K + above_K.mean(axis=1)

    def step(self, step_s, times=1):
        for _ in range(times):
            a = self.arrays
            heat_stage(1, step_s, self.inlet_K, self.ambient_K, a.wire, self.paths, a.arena)
            self.coolant_J += a.site.heat_J[0]
            self.air_J += a.site.heat_J[1]

    def stored_J(self):
        plates = self.arrays.groups.plate_K[self.arrays.top.group_slot] - T0_K
        return (
            CELL_J_PER_K * math.fsum(self.mean_K - T0_K)
            + self.spec.plate_J_per_K * math.fsum(plates)
            + (HOUSING.J_per_K * math.fsum(self.house_K - T0_K) if self.spec.housing else 0.0)
        )

    def rate(self, step_s, seconds):
        """Return what the slowest mode decays with [1/s]; that of either Euler step, exactly."""
        self.step(step_s, round(seconds / step_s))
        before = float(self.layer_K[0, 0] - self.layer_K[-1, -1])
        self.step(step_s)
        part = float(self.layer_K[0, 0] - self.layer_K[-1, -1]) / before
        stiff = self.arrays.state.view("of_nodes").change_K.any()
        return (1.0 / part - 1.0) / step_s if stiff else (1.0 - part) / step_s


@pytest.fixture
def stack(plant_arrays, pack_spec):
    def make(size=(1, 1, 1, 1), count=8, **more):
        return Stack(plant_arrays, pack_spec, size, count, **more)

    return make


@pytest.mark.parametrize("step_s", [0.02, 5.0])
def test_the_first_mode_of_a_slab_decays_as_fourier_says_to_second_order_in_the_layers(
    stack, step_s
) -> None:
    """``exp(-pi^2 K t / C)`` between insulated faces, K through the slab, C its heat capacity."""
    exact = math.pi**2 * THROUGH / CELL_J_PER_K
    misses = []
    for count in (2, 4, 8, 16):
        one = stack(count=count, **ALONE)
        one.warm(10.0 * np.cos(np.pi * (np.arange(count) + 0.5) / count))
        found = one.rate(step_s, 10.0)
        of_grid = 4.0 * count**2 * math.sin(math.pi / (2 * count)) ** 2 * THROUGH / CELL_J_PER_K
        assert found == pytest.approx(of_grid, rel=1e-8)
        misses.append(1.0 - found / exact)
    assert misses[0] == pytest.approx(0.19, abs=0.01) and misses[-1] < 0.0033
    assert np.array(misses[:-1]) / misses[1:] == pytest.approx(4.0, abs=0.25)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("between", [0.02, 0.8, 40.0])
def test_two_slabs_and_what_lies_between_their_faces_converge_to_the_series(
    stack, between, rows
) -> None:
    """Antisymmetric mode: ``b tan b = 2 G / K``, decays with ``b^2 K / C``; rows or columns."""
    size, columns = ((1, 1, 1, 2), 1) if rows else ((1, 1, 2, 1), 2)
    b = brentq(lambda x: x * math.tan(x) - 2.0 * between / THROUGH, 1e-6, 0.5 * math.pi - 1e-9)
    exact, misses = b * b * THROUGH / CELL_J_PER_K, []
    sheet = BarrierSpec(between="cells", W_per_K=between, name="a sheet")
    for count in (4, 8, 16):
        two = stack(size, count, columns=columns, barriers=(sheet,), **ALONE)
        two.warm([[5.0], [-5.0]])
        misses.append(two.rate(2.0, 600.0) / exact - 1.0)
    assert abs(misses[-1]) < 2e-3
    assert np.array(misses[:-1]) / misses[1:] == pytest.approx(4.0, abs=0.25)


@pytest.mark.parametrize("step_s", [0.05, 1.0, 60.0])
def test_heat_is_kept_and_no_layer_passes_the_hottest_or_coldest(stack, step_s) -> None:
    rng = np.random.default_rng(3)
    for between in (0.01, 500.0):
        sheet = BarrierSpec(between="columns", W_per_K=between, name="a sheet")
        pack = stack(
            (1, 2, 6, 2), 7, columns=3, barriers=(sheet,), busbar_W_per_K=0.3, housing=HOUSING,
            **{**ALONE, "plate_W_per_K": 0.3},
        )  # fmt: skip
        pack.warm(rng.uniform(0.0, 700.0, pack.at.shape))
        pack.house_K[:] = T0_K
        pack.paths = pack.paths._replace(house_air=0.0)
        before = pack.stored_J()
        for _ in range(50):
            low, high = pack.layer_K.min(), pack.layer_K.max()
            pack.step(step_s)
            assert pack.layer_K.min() >= min(low, T0_K) - 1e-9
            assert pack.layer_K.max() <= high + 1e-9
        assert pack.stored_J() == pytest.approx(before, rel=1e-12)
        assert pack.mean_K == pytest.approx(pack.layer_K.mean(axis=1), abs=1e-11)


@pytest.mark.parametrize("step_s", [0.1, 30.0])
def test_gains_and_losses_add_up_with_every_path_open(stack, step_s) -> None:
    pack = stack((2, 1, 4, 2), 5, columns=2, busbar_W_per_K=0.2, housing=HOUSING)
    pack.arrays.cells.heat_W[pack.arrays.top.cell_slot] = 3.0
    pack.arrays.cells.extra_W[pack.arrays.top.cell_slot[3]] = 40.0
    pack.ambient_K, pack.inlet_K = 290.0, 285.0
    pack.step(step_s, 100)
    given = 100 * step_s * (3.0 * pack.arrays.top.n_cells + 40.0)
    lost = pack.coolant_J + pack.air_J
    assert pack.stored_J() == pytest.approx(given - lost, rel=1e-11, abs=1e-9)


def test_layers_that_conduct_without_limit_are_the_lumped_cell(stack, plant_arrays, pack_spec):
    """1e6 W/K through each cell. A single layer takes explicit steps as well; four take implicit
    ones, which differ from them by the first power of the step."""
    lumped_spec = replace(pack_spec.thermal, busbar_W_per_K=0.2, housing=HOUSING)
    a = plant_arrays(SizeSpec(modules=(1,), groups_per_module=4, cells_per_group=2), columns=2,
                     thermal=lumped_spec)  # fmt: skip
    a.cells.kelvin_per_J[:] = 1.0 / CELL_J_PER_K
    paths = heat_paths(lumped_spec, in_group=2, linked=True)
    a.racks.flow_W_per_K[:] = paths.flow
    rise_K = np.linspace(0.0, 300.0, 8)
    a.cells.temperature_K[:] = a.groups.plate_K[:] = a.state.view("thermal").house_K[:] = T0_K
    a.cells.temperature_K[a.top.cell_slot] += rise_K
    for _ in range(1000):
        heat_stage(1, 0.02, T0_K, T0_K, a.wire, paths, a.arena)
    lumped_K = a.cells.temperature_K[a.top.cell_slot]
    for count, within_K in ((1, 2e-5), (4, 0.01)):
        pack = stack(
            (1, 1, 4, 2), count, columns=2, through=1e6, busbar_W_per_K=0.2, housing=HOUSING
        )
        pack.warm(rise_K[:, None])
        pack.step(0.02, 1000)
        assert pack.mean_K == pytest.approx(lumped_K, abs=within_K)


def test_what_warms_a_cell_as_a_whole_warms_its_layers_alike(stack) -> None:
    one = stack(count=5, **ALONE)
    one.warm([0.0, 1.0, 2.0, 5.0, 9.0])
    before = one.layer_K
    settle_stage(one.arrays.arena)
    assert (one.layer_K == before).all()
    one.arrays.cells.temperature_K[one.arrays.top.cell_slot] += 3.0
    settle_stage(one.arrays.arena)
    assert one.layer_K - before == pytest.approx(3.0, abs=1e-12)
    assert one.of.hottest_K[one.arrays.top.cell_slot] == one.layer_K.max()
