"""The data sheets of all sensors, from a scenario."""

from __future__ import annotations

from typing import Any

from packs.spec import SensorSpec, SensorsSpec
from twin.scenarios.scenario import Scenario


def sensors_spec(scenario: Scenario) -> SensorsSpec:
    """Return the data sheets of all sensors."""
    sensors = scenario.sensors

    def sheet(section: Any) -> SensorSpec:
        return SensorSpec(
            noise=section.noise,
            offset=getattr(section, "offset", 0.0),
            gain=getattr(section, "gain", 0.0),
            resolution=section.resolution,
            period_s=section.period,
            delay_s=section.delay,
            lag_s=getattr(section, "lag", 0.0),
        )

    def option(name: str) -> SensorSpec | None:
        section = getattr(sensors, name)
        return sheet(section) if section else None

    return SensorsSpec(
        group_voltage=sheet(sensors.group_voltage),
        temperature=sheet(sensors.temperature),
        rack_current=sheet(sensors.rack_current),
        rack_voltage=sheet(sensors.rack_voltage),
        bus_voltage=sheet(sensors.bus_voltage),
        coolant=option("coolant"),
        ambient=option("ambient"),
        insulation=option("insulation"),
        coolant_flow=option("coolant_flow"),
        module_pressure=option("module_pressure"),
        module_gas=option("module_gas"),
        temperature_per=sensors.temperature.per,
        temperature_count=sensors.temperature.count,
        scan_skew_s=sensors.group_voltage.skew,
        sense_wire_ohm=sensors.group_voltage.sense_wire,
    )
