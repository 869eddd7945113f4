"""The faults of a scenario: every kind that there is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.scenarios.plant_fault_sections import (
    ContactorFeedback,
    ContactorStuck,
    CoolantLoss,
    ExternalShort,
    Fire,
    FuseOpen,
    Heater,
    InsulationLeak,
    InternalShort,
    JointResistance,
    LinkResistance,
    Nail,
    OpenCell,
    Oven,
    Overcharge,
    RailResistance,
)
from twin.scenarios.sensor_fault_sections import (
    AfeDrift,
    MessageLoss,
    SensorDelay,
    SensorDrift,
    SensorGain,
    SensorLost,
    SensorNoise,
    SensorOffset,
    SensorResolution,
    SensorSpike,
    SensorsSwapped,
    SensorStuck,
    ThermistorDetached,
)

Fault = Annotated[
    InternalShort
    | Nail
    | JointResistance
    | OpenCell
    | RailResistance
    | LinkResistance
    | ExternalShort
    | InsulationLeak
    | FuseOpen
    | ContactorStuck
    | ContactorFeedback
    | CoolantLoss
    | Overcharge
    | Heater
    | Oven
    | Fire
    | SensorOffset
    | SensorGain
    | SensorDrift
    | SensorStuck
    | SensorSpike
    | SensorNoise
    | SensorLost
    | SensorDelay
    | SensorResolution
    | SensorsSwapped
    | ThermistorDetached
    | AfeDrift
    | MessageLoss,
    Field(discriminator="kind"),
]
