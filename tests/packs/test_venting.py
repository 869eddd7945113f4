"""Cells that vent into their module: opening, outflow as generation, and who pays the heat."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cell_models.gases import AIR, ATOMS, CP, FIRST_FUEL, MOLAR_MASS, T0_K, R, Species
from cell_models.runaway_params import load_runaway_params
from cell_models.vent_params import VentParams
from packs.absorption import JetSpec, absorption, throw_stage
from packs.condensing import film_J
from packs.enclosure import EnclosureSpec, declare_gas, gas_arrays, gas_numbers
from packs.gas import OK, fill_with_air, gas_stage, stored_J
from packs.spec import LayoutSpec, SizeSpec
from packs.state import Schema
from packs.topology import build_topology
from packs.venting import declare_vents, vent_arrays, vent_numbers, vent_stage

P0 = 101325.0
HOUSING = EnclosureSpec(
    free_volume_m3=0.012, relief_Pa=1.3e5, relief_m2=5e-4, discharge=0.7, reseals=False,
    wall_W_per_K=2.0, ignition_K=None,
)  # fmt: skip


def shipped(name: str = "lco_18650", **changes) -> VentParams:
    vent = load_runaway_params(name).vent
    assert vent is not None
    return replace(vent, **changes)


class Module:
    """Cells of one module at one temperature, with their gas; cell 0 does what a test says."""

    def __init__(self, params: VentParams, cells: int = 4, housing: EnclosureSpec = HOUSING):
        schema = Schema()
        declare_vents(schema, cells + 1, params)
        declare_gas(schema, 1)
        schema.add("sensed", "module_pressure_Pa", (1,))
        schema.add("sensed", "module_gas_ppm", (1,))
        state = schema.build()
        self.params, self.numbers = params, vent_numbers(params)
        self.vents, self.gas = vent_arrays(state), gas_arrays(state)
        self.housing = gas_numbers(housing)
        fill_with_air(housing.free_volume_m3, P0, T0_K, self.gas)
        self.place = np.append(np.zeros(cells, dtype=np.int64), -1)  # and a spare slot
        n = cells + 1
        self.T, self.progress, self.soc = np.full(n, T0_K), np.zeros(n), np.ones(n)
        self.ejected, self.ejected_kg, self.to_gas = np.zeros(n), np.zeros(n), np.zeros(n)
        self.capacity = np.full(n, 40.0)
        self.taken = self.latent = self.lost = self.given = 0.0

    def vent(self, h: float = 0.1) -> int:
        opened = vent_stage(
            h, self.numbers, self.place, self.T, self.capacity, self.progress, self.soc,
            self.ejected, self.ejected_kg, self.to_gas, self.vents, self.gas,
        )  # fmt: skip
        self.taken += self.vents.taken_J.sum()
        self.latent += self.vents.latent_J.sum()
        self.lost += self.vents.lost_kg.sum()
        self.given += self.to_gas.sum() - self.vents.solids_J.sum()
        return opened

    def step(self, h: float = 0.1) -> int:
        opened = self.vent(h)
        assert gas_stage(h, self.housing, P0, T0_K, self.gas) == OK
        return opened


def test_a_cold_can_stays_closed_and_gives_nothing() -> None:
    box = Module(shipped())
    assert box.step() == 0
    assert not box.vents.is_open.any()
    assert not box.gas.vented_mol.any()
    assert box.taken == 0.0


def test_a_can_opens_where_gas_and_vapour_together_reach_its_burst_pressure() -> None:
    params = shipped(burst_Pa=1.2e6)
    box = Module(params)
    fill = P0 * params.headspace_m3 / (R * T0_K)

    def inside_Pa(T: float, made: float) -> float:
        vapour = box.numbers.share * math.exp(box.numbers.A - box.numbers.B / (T + box.numbers.C))
        return (fill + made) * R * T / params.headspace_m3 + vapour

    box.T[0], box.soc[0] = 430.0, 1.0
    whole = params.gas_at(1.0).sum()
    lacking = P0 + 1.2e6 - inside_Pa(430.0, 0.0)
    enough = lacking * params.headspace_m3 / (R * 430.0) / whole
    assert 0.0 < enough < 1.0
    box.progress[0] = 0.999 * enough
    assert box.step() == 0
    box.progress[0] = 1.001 * enough
    assert box.step() == 1
    assert box.vents.is_open.tolist() == [1, 0, 0, 0, 0]
    box.T[0] = 300.0
    assert box.step() == 0  # it does not open twice


def test_an_untouched_can_opens_by_its_vapour_alone() -> None:
    params = shipped(burst_Pa=1.0e6)
    box = Module(params)
    assert 400.0 < box.numbers.quiet_K < 500.0

    def inside_Pa(T: float) -> float:
        vapour = box.numbers.share * math.exp(box.numbers.A - box.numbers.B / (T + box.numbers.C))
        return P0 * T / T0_K + vapour

    low, high = box.numbers.quiet_K, 520.0
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if inside_Pa(middle) < P0 + 1.0e6 else (low, middle)
    box.T[:] = low - 1e-3
    assert box.step() == 0
    box.T[:] = high + 1e-3
    assert box.step() == 4


def test_a_pouch_opens_at_the_temperature_of_its_seam() -> None:
    box = Module(shipped("nmc_pouch", burst_Pa=9e6))
    box.T[1] = 403.0
    assert box.step() == 0
    box.T[1] = 403.2
    assert box.step() == 1


@pytest.mark.parametrize("steps", [1, 7, 400])
def test_all_that_reactions_make_comes_out_however_it_is_cut(steps: int) -> None:
    params = shipped(solvent_kg=0.0)
    box = Module(params)
    box.T[0] = 700.0
    for k in range(steps):
        box.progress[0] = (k + 1) / steps
        box.step(4.0 / steps)
    made = params.gas_at(1.0)
    came = box.gas.vented_mol[0]
    held = box.vents.gas_mol[0]
    # the headspace holds 35 umol at 700 K and the pressure of the module
    assert came[FIRST_FUEL:].sum() / made[FIRST_FUEL:].sum() == pytest.approx(1.0, abs=5e-4)
    assert came.sum() + held + box.vents.fill_mol[0] == pytest.approx(
        made.sum() + P0 * params.headspace_m3 / (R * T0_K), rel=1e-12
    )
    assert box.lost == pytest.approx(came @ MOLAR_MASS, rel=1e-12)


def test_half_a_charge_makes_a_third_of_the_gas() -> None:
    came = {}
    for soc in (0.5, 1.0):
        box = Module(shipped(solvent_kg=0.0))
        box.T[0], box.progress[0], box.soc[0] = 700.0, 1.0, soc
        box.step()
        came[soc] = box.gas.vented_mol[0, FIRST_FUEL:].sum()
    assert came[0.5] / came[1.0] == pytest.approx(0.31, abs=2e-3)  # of what the can keeps


def test_boiling_takes_its_heat_from_the_cell_and_stops_at_the_boiling_point() -> None:
    box = Module(shipped(opens_K=400.0))
    box.T[0] = 440.0
    solvent = int(Species.EMC)
    for _ in range(3000):
        box.vent(0.1)
        box.T[0] -= box.vents.taken_J[0] / box.capacity[0]
    boils = box.numbers.B / (box.numbers.A - math.log(P0 / box.numbers.share)) - box.numbers.C
    assert box.T[0] == pytest.approx(boils, abs=0.01)
    assert box.vents.solvent_mol[0] > 0.0
    assert box.gas.in_mol[0, solvent] > 0.0
    latent = R * boils**2 * box.numbers.B / (boils + box.numbers.C) ** 2
    assert box.latent == pytest.approx(box.gas.in_mol[0, solvent] * latent, rel=1e-10)
    box.T[0] = 900.0
    for _ in range(3000):
        box.vent(1.0)
    assert box.vents.solvent_mol[0] == 0.0
    assert box.gas.in_mol[0, solvent] == pytest.approx(box.params.solvent_mol, rel=1e-12)


def test_gas_comes_at_the_cells_temperature_and_the_ejecta_pay_first() -> None:
    params = shipped(solvent_kg=0.0)
    paid = {}
    for to_gas in (0.0, 50.0, 5000.0):
        box = Module(params)
        box.T[0], box.progress[0], box.to_gas[0] = 600.0, 1.0, to_gas
        box.vent()
        warm = float(box.gas.in_mol[0] @ CP) * (600.0 - T0_K)
        paid[to_gas] = box.taken
        assert box.gas.in_J[0] == pytest.approx(max(warm, to_gas), rel=1e-12)
        assert box.taken + to_gas == pytest.approx(box.gas.in_J[0], rel=1e-12)
    assert paid[50.0] == pytest.approx(paid[0.0] - 50.0)
    assert paid[5000.0] == 0.0


def test_every_joule_and_atom_of_a_burning_module_is_booked_once() -> None:
    size = SizeSpec(modules=(2,), groups_per_module=4, cells_per_group=3)
    top = build_topology(size, LayoutSpec(columns=2, pitch_m=0.02))
    params = shipped("nmc_pouch")
    schema = Schema()
    declare_vents(schema, top.n_cell_slots, params)
    declare_gas(schema, top.n_modules)
    schema.add("sensed", "module_pressure_Pa", (2,))
    schema.add("sensed", "module_gas_ppm", (2,))
    state = schema.build()
    vents, gas, numbers = vent_arrays(state), gas_arrays(state), vent_numbers(params)
    housing = replace(HOUSING, ignition_K=873.0)
    fill_with_air(housing.free_volume_m3, P0, T0_K, gas)
    matrix = absorption(
        top, JetSpec(direction="up", diameter_m=0.018, lid_gap_m=0.01, absorbed=0.5)
    )
    place = np.where(top.cell_used > 0.0, top.cell_module[top.slot_cell], -1)
    n = top.n_cell_slots
    rng = np.random.default_rng(2)
    T, progress, capacity = np.full(n, T0_K), np.zeros(n), np.full(n, 40.0)
    caught, to_gas, soc = np.zeros(n), np.zeros(n), np.ones(n)
    before = sum(stored_J(m, gas) for m in range(2))
    air = gas.mol.copy()
    out = into_cells = latent = taken = ejected_J = solids = 0.0
    for k in range(600):
        reacting = (rng.random(n) < 0.1) * top.cell_used
        advance = np.minimum(1.0 - progress, reacting * rng.random(n) * 0.2)
        progress += advance
        ejected = 3e4 * advance
        T = np.minimum(T + reacting * 60.0, 1000.0)
        throw_stage(ejected, T, matrix.first, matrix.target, matrix.share, caught, to_gas)
        vent_stage(
            0.1, numbers, place, T, capacity, progress, soc, ejected, 0.02 * advance, to_gas, vents,
            gas,
        )  # fmt: skip
        ejected_J += ejected.sum()
        into_cells += caught.sum()
        taken += vents.taken_J.sum()
        latent += vents.latent_J.sum()
        solids += vents.solids_J.sum()
        assert gas_stage(0.1, gas_numbers(housing), P0, T0_K, gas) == OK
        out = k
    assert out == 599
    flows = (gas.flows + gas.flows_low).sum(axis=0)
    assert flows[0] == pytest.approx(ejected_J - into_cells + taken - latent - solids, rel=1e-12)
    assert solids > 0.0
    stored = sum(stored_J(m, gas) + film_J(m, T0_K, gas) for m in range(2))
    signs = np.array([1.0, 1.0, 1.0, 1.0, -1.0, -1.0])
    assert stored - before == pytest.approx(flows @ signs, abs=1e-12 * np.abs(flows).max())
    moles = gas.mol + gas.condensed_mol + gas.left_mol - gas.vented_mol
    moles = (moles - np.outer(gas.air_mol, AIR) - air).sum(axis=0)
    assert np.abs(moles @ ATOMS).max() < 1e-12 * (gas.vented_mol.sum(axis=0) @ ATOMS).max()
    assert flows[3] > 0.0  # it did burn
    assert gas.mol.min() >= 0.0
    assert vents.is_open[top.cell_used > 0.0].any()
    assert not vents.is_open[top.cell_used == 0.0].any()
    assert taken > latent > 0.0
    assert into_cells > 0.0
