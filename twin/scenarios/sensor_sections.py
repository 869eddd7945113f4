"""The sensors of a scenario, as pydantic models: one data sheet for each kind.

What a data sheet leaves out is an imperfection that the sensor has not.
"""

from __future__ import annotations

from typing import Literal

from twin.scenarios import units
from twin.scenarios.section import Count, Section, Spread
from twin.scenarios.sensor_units import PascalsOrZero, PpmOrZero


class VoltageSensor(Section):
    """A data sheet: noise and offset are one standard deviation, `gain` a relative one."""

    noise: units.VoltsOrZero
    offset: units.VoltsOrZero = 0.0
    gain: Spread = 0.0
    resolution: units.VoltsOrZero = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class GroupVoltageSensor(VoltageSensor):
    """The AFE of a module: it scans its groups `skew` apart, the last one at the sampling time.

    With `sense_wire`, the resistance of each wire that it both measures and bleeds through, a
    bleeding group reads low and its neighbours high; without, the bleeding pauses for a sample.
    """

    skew: units.SecondsOrZero = 0.0
    sense_wire: units.OhmsOrZero = 0.0


class CurrentSensor(Section):
    """As `VoltageSensor`, for a current."""

    noise: units.AmperesOrZero
    offset: units.AmperesOrZero = 0.0
    gain: Spread = 0.0
    resolution: units.AmperesOrZero = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class TemperatureSensor(Section):
    """As `VoltageSensor`, for a temperature."""

    noise: units.KelvinDifference
    offset: units.KelvinDifference = 0.0
    resolution: units.KelvinDifference = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class Thermistors(TemperatureSensor):
    """Thermistors on cells: `count` of them per group or per module, with a first-order lag."""

    per: Literal["group", "module"]
    count: Count
    lag: units.SecondsOrZero


class ResistanceSensor(Section):
    """As `VoltageSensor`, for the insulation monitor."""

    noise: units.OhmsOrZero
    resolution: units.OhmsOrZero = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class FlowSensor(Section):
    """As `VoltageSensor`, for the coolant flow of one rack."""

    noise: units.KilogramsPerSecond
    offset: units.KilogramsPerSecond = 0.0
    gain: Spread = 0.0
    resolution: units.KilogramsPerSecond = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class PressureSensor(Section):
    """As `VoltageSensor`, for the absolute pressure in one module."""

    noise: PascalsOrZero
    offset: PascalsOrZero = 0.0
    resolution: PascalsOrZero = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0


class GasSensor(Section):
    """As `VoltageSensor`, for the vent gas in one module, with a first-order lag."""

    noise: PpmOrZero
    offset: PpmOrZero = 0.0
    resolution: PpmOrZero = 0.0
    period: units.Seconds
    delay: units.SecondsOrZero = 0.0
    lag: units.SecondsOrZero = 0.0


class Sensors(Section):
    """The sensors of the pack; those with None may be not fitted."""

    group_voltage: GroupVoltageSensor
    temperature: Thermistors
    rack_current: CurrentSensor
    rack_voltage: VoltageSensor
    bus_voltage: VoltageSensor
    coolant: TemperatureSensor | None = None
    ambient: TemperatureSensor | None = None
    insulation: ResistanceSensor | None = None
    coolant_flow: FlowSensor | None = None
    module_pressure: PressureSensor | None = None
    module_gas: GasSensor | None = None
