"""Pump, fan, valve, chiller and heater: their response, power and limits, and the ledger."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from packs.cooling import DEVICES, GIVEN_J, TAKEN_J, USED_J, follow
from packs.flows import FLOWS
from packs.heat_spec import ChillerSpec, CoolingSpec, DeviceSpec, FanSpec, HeaterSpec

PUMP = DeviceSpec(response_s=4.0, power_W=50.0)
FAN = FanSpec(response_s=2.0, power_W=30.0, full_W_per_K=0.2)
VALVE = DeviceSpec(response_s=0.0, power_W=5.0)
CHILLER = ChillerSpec(response_s=10.0, power_W=300.0, performance=3.0, outlet_K=283.15)
HEATER = HeaterSpec(response_s=1.0, power_W=200.0, efficiency=0.9, outlet_K=313.15)
FLOW_W_PER_K = 0.02 * 3400.0


@pytest.fixture
def cooled(plant):
    """A plant of 6 cells at rest with some devices, and duties by name."""

    def make(duties, **devices):
        made = plant(thermal__cooling=CoolingSpec(**devices))
        made.compiled = None
        made.control.inlet_K[0] = made.control.ambient_K[0] = 298.15
        made.cooling.duty[:] = [duties.get(name, 0.0) for name in DEVICES]
        return made

    return make


def run(plant, steps, step_s=1.0):
    """Solve with open switches, and move heat."""
    for _ in range(steps):
        plant.prepare()
        plant.advance_heat(step_s)
        plant.book_flows(step_s)


def test_a_device_follows_its_duty_exponentially_at_any_step() -> None:
    level = 0.2
    for step_s in (0.001, 0.4, 7.0):
        level = follow(level, 0.9, step_s, 3.0)
    assert level == pytest.approx(0.9 - 0.7 * math.exp(-7.401 / 3.0), rel=1e-14)
    assert follow(0.2, 0.9, 1e-3, 0.0) == 0.9


def test_the_flow_follows_the_pump_and_its_power_the_cube_of_it(cooled) -> None:
    plant = cooled({"pump": 0.8}, pump=PUMP)
    plant.overlay.coolant_fraction[0] = 0.5
    run(plant, 3)
    level = 0.8 * (1.0 - math.exp(-0.75))
    assert plant.cooling.level[0] == pytest.approx(level, rel=1e-14)
    assert plant.rack_arrays.flow_W_per_K[0] == pytest.approx(0.5 * FLOW_W_PER_K * level, rel=1e-14)
    levels = [0.8 * (1.0 - math.exp(-k / 4.0)) for k in (1, 2, 3)]
    used_J = 50.0 * math.fsum(x**3 for x in levels)
    assert plant.cooling.energy_J[USED_J] == pytest.approx(used_J, rel=1e-14)


def test_a_pump_that_rests_lets_the_coolant_stand(cooled) -> None:
    plant = cooled({"chiller": 1.0, "heater": 1.0}, pump=PUMP, chiller=CHILLER, heater=HEATER)
    plant.heat.plate_K[:] += 20.0
    run(plant, 5)
    assert plant.site_arrays.heat_J[0] == 0.0
    assert not plant.cooling.energy_J.any()


def test_a_fan_takes_heat_from_every_cell_to_the_air(cooled) -> None:
    plant = cooled({"fan": 0.5}, fan=replace(FAN, response_s=0.0))
    plant.cells.temperature_K[:] += 10.0
    run(plant, 1)
    conductance = 0.01 + 0.19 * 0.5**0.6
    assert plant.site_arrays.heat_J[1] == pytest.approx(6 * 10.0 * conductance, rel=1e-12)


def test_a_chiller_lowers_the_inlet_by_its_power_over_the_flow(cooled) -> None:
    plant = cooled({"chiller": 1.0}, chiller=CHILLER)
    run(plant, 20)
    heat_W = [300.0 * (1.0 - math.exp(-(k + 1) / 10.0)) for k in range(20)]
    assert plant.inlet_K[0] == pytest.approx(298.15 - heat_W[-1] / FLOW_W_PER_K, rel=1e-14)
    energy_J = plant.cooling.energy_J
    assert energy_J[TAKEN_J] == pytest.approx(math.fsum(heat_W), rel=1e-14)
    assert energy_J[USED_J + 3] == pytest.approx(math.fsum(heat_W) / 3.0, rel=1e-14)


def test_chiller_and_heater_stop_at_their_outlets(cooled) -> None:
    cold = cooled({"chiller": 1.0}, chiller=replace(CHILLER, response_s=0.0, power_W=1e5))
    run(cold, 1)
    assert cold.inlet_K[0] == pytest.approx(283.15, rel=1e-15)
    assert cold.cooling.energy_J[TAKEN_J] == pytest.approx(15.0 * FLOW_W_PER_K, rel=1e-12)
    warm = cooled({"heater": 1.0}, heater=replace(HEATER, response_s=0.0, power_W=1e5))
    run(warm, 1)
    assert warm.inlet_K[0] == pytest.approx(313.15, rel=1e-15)
    energy_J = warm.cooling.energy_J
    assert energy_J[GIVEN_J] == pytest.approx(15.0 * FLOW_W_PER_K, rel=1e-12)
    assert energy_J[USED_J + 4] == pytest.approx(energy_J[GIVEN_J] / 0.9, rel=1e-14)


def test_an_open_valve_lets_the_coolant_round_until_plates_and_coolant_are_one(cooled) -> None:
    plant = cooled({"valve": 1.0}, valve=VALVE)
    plant.cells.temperature_K[:] = plant.heat.plate_K[:] = 310.0
    plant.heat.outlet_K[:] = 300.0
    plant.paths = plant.paths._replace(ambient=0.0)
    run(plant, 600, 20.0)
    assert plant.inlet_K[0] == pytest.approx(plant.heat.plate_K[0], abs=1e-6)
    assert plant.site_arrays.heat_J[0] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_the_balances_close_with_every_device(plant, device) -> None:
    """The thermal balance of a plant in which one device works and cells are warm."""
    sheets = {"pump": PUMP, "fan": FAN, "valve": VALVE, "chiller": CHILLER, "heater": HEATER}
    made = plant(thermal__cooling=CoolingSpec(**{device: sheets[device]}))
    made.cooling.duty[DEVICES.index(device)] = 0.7
    made.control.inlet_K[0], made.control.ambient_K[0] = 290.0, 280.0
    start = made.cells.temperature_K.copy(), made.heat.plate_K.copy()
    made.cells.heat_W[:] = made.topology.cell_used * 3.0
    released_J = 0.0
    for _ in range(500):
        made.prepare()
        made.cells.heat_W[:] = made.topology.cell_used * 3.0
        made.advance_heat(0.5)
        made.book_flows(0.5)
        released_J += 0.5 * 18.0
    used, C = made.topology.cell_used, made.model.heat_capacity_J_per_K
    stored_J = math.fsum(C * used * (made.cells.temperature_K - start[0]))
    stored_J += 80.0 * math.fsum(made.topology.group_used * (made.heat.plate_K - start[1]))
    lost_J = math.fsum(made.flows.total[[FLOWS.index("coolant_J"), FLOWS.index("air_J")]])
    assert stored_J == pytest.approx(released_J - lost_J, rel=0.0, abs=1e-11 * released_J)
