"""A whole scenario, small enough to audit often: 1 rack of 2 modules of 3 groups of 2 cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import twin
from twin.engine import Engine

SCENARIO = """
name: audit
seed: 1
start: "2026-06-15T08:00:00+02:00"
duration: "60 s"
step: "100 ms"
alert_step: "100 ms"
site: {racks: 1, modules_per_rack: 2, groups_per_module: 3, cells_per_group: 2}
cell:
  model: ecm
  parameters: lg_m50
  table_refresh: "5 s"
  initial_soc: 0.5
  initial_temperature: "25 degC"
  spread: {capacity: 0.01, resistance: 0.03, initial_soc: 0.004}
wiring:
  joint_resistance: "0.2 mohm"
  link_resistance: "0.1 mohm"
  rack_resistance: "5 mohm"
  bleed_resistance: "33 ohm"
  contactor: {resistance: "0.5 mohm", delay: "30 ms", break_current: "1 kA", make_current: "1 kA"}
  precharge: {resistance: "10 ohm"}
  fuse: {rating: "60 A", least_melting_current: "96 A", melting_i2t: "20000 A^2*s"}
  dc_link: {capacitance: "20 mF", bleed_resistance: "1 kohm"}
layout: {columns: 2, pitch: "22 mm"}
thermal:
  neighbour_conductance: "0.05 W/K"
  ambient_conductance: "0.02 W/K"
  plate: {cell_conductance: "0.10 W/K", heat_capacity: "80 J/K", coolant_conductance: "2 W/K"}
  coolant: {inlet_temperature: "20 degC", flow: "0.02 kg/s", specific_heat: "3400 J/kg/K"}
environment:
  ambient: "15 degC"
  demand:
    kind: steps
    steps:
      - {duration: "20 s", power: "150 W"}
      - {duration: "10 s", power: "0 W"}
      - {duration: "20 s", power: "-120 W"}
      - {duration: "10 s", power: "200 W"}
pcs:
  use: reference
  rated_power: "250 W"
  loss: [0.0044, 0.0043, 0.0258]
  delay: "0 ms"
  lag: "0 ms"
  ramp: "1000 percent/s"
  voltage_min: "12 V"
sensors:
  group_voltage: {noise: "1 mV", period: "1 s"}
  temperature: {per: group, count: 1, noise: "0.1 K", period: "1 s", lag: "5 s"}
  rack_current: {noise: "20 mA", period: "1 s"}
  rack_voltage: {noise: "5 mV", period: "1 s"}
  bus_voltage: {noise: "5 mV", period: "1 s"}
bms: {use: unprotected, period: "1 s", options: {precharge_s: 1.0}}
ems: {use: idle, period: "1 s"}
faults:
  - name: internal short
    kind: internal_short
    at: {rack: 1, module: 1, group: 2, cell: 1}
    from: "25 s"
    until: "35 s"
    resistance: "0.5 ohm"
record: {period: "1 s", block: "60 s", checkpoint: "60 s"}
"""


@pytest.fixture(scope="session")
def scenario_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "audit.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture
def engine(scenario_file: Path) -> Callable[..., Engine]:
    """Return a maker of engines at rest, one balancing resistor on; arguments are overrides."""

    def make(*overrides: str) -> Engine:
        built = twin.build(twin.load_scenario(scenario_file, overrides))
        actuate = built.actuate

        def with_a_bleed(tick: int) -> None:
            actuate(tick)
            built.plant.network.bleed[built.plant.topology.group_slot[3]] = 1

        built.actuate = with_a_bleed  # type: ignore[method-assign]
        return built

    return make


@pytest.fixture
def audit(engine: Callable[..., Engine]) -> Callable[..., dict[str, Any]]:
    """Return a runner: the ledger's terms at the end of a run; `change` may alter the engine."""

    def run(*overrides: str, change: Callable[[Engine], None] | None = None) -> dict[str, Any]:
        built = engine(*overrides)
        if change:
            change(built)
        built.run()
        return built.ledger.as_dict()

    return run


@pytest.fixture(scope="session")
def every_flow() -> tuple[str, ...]:
    """Return overrides with which every flow that a plant can have is alive."""
    faults = [
        {
            "name": "internal short", "kind": "internal_short", "from": "25 s", "until": "35 s",
            "at": {"rack": 1, "module": 1, "group": 2, "cell": 1}, "resistance": "0.5 ohm",
        },
        {
            "name": "external short", "kind": "external_short", "from": "40 s", "until": "45 s",
            "at": {"rack": 1, "module": 2, "group": 3}, "resistance": "2 ohm",
        },
        {  # hot, and its matter leaves it, before the run ends
            "name": "heater", "kind": "heater", "from": "5 s", "until": "30 s", "power": "1 kW",
            "at": {"rack": 1, "module": 1, "group": 1, "cell": 2},
        },
    ]  # fmt: skip
    rail = {"resistance": "0.1 mohm", "take_off": "opposite_ends"}
    return (  # JSON is YAML
        "faults=" + json.dumps(faults), "wiring.rail=" + json.dumps(rail),
        "cell.runaway={set: nmc_21700_arc}",
        "module={enclosure: {free_volume: 1 L, wall_conductance: 0.5 W/K, relief: {kind: valve, "
        "pressure: 1.2 bar, area: 100 mm^2, discharge: 0.7}, combustion: {ignition_temperature: "
        "600 degC}}, ejecta: {direction: sideways, absorbed: 0.5}}",
        "thermal.housing={heat_capacity: 500 J/K, cell_conductance: 0.02 W/K, "
        "ambient_conductance: 0.5 W/K}",
    )  # fmt: skip
