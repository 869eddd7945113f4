"""The faults of sensors, as a scenario describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from twin.scenarios import units
from twin.scenarios.fault_windows import (
    FREE,
    MODULE_LEVELS,
    RACK_LEVELS,
    SENSOR_CHANNELS,
    SENSOR_LEVELS,
    FaultSection,
    Place,
    one_of,
    quantity_of,
)
from twin.scenarios.sections import Efficiency
from twin.scenarios.units import Bounds, Quantity

AFE_CHANNELS = ("group_voltage", "temperature")
SensorChannel = Annotated[
    str,
    BeforeValidator(one_of(SENSOR_CHANNELS)),
    WithJsonSchema({"type": "string", "enum": list(SENSOR_CHANNELS)}),
]
_ANY, _POSITIVE = (
    BeforeValidator(quantity_of(SENSOR_CHANNELS, bounds), json_schema_input_type=str)
    for bounds in (FREE, Bounds(gt=0.0))
)
InUnit = Annotated[float, _ANY]  # in the SI unit of the channel
PositiveInUnit = Annotated[float, _POSITIVE]


def section_of(channel: str) -> str:
    """Return the key below ``sensors`` that fits a channel's sensors."""
    return channel.removesuffix("_b").removesuffix("_inlet").removesuffix("_outlet")


class SensorFault(FaultSection):
    """A fault of one entry of a sensor channel; values are in the unit of the channel."""

    channel: SensorChannel
    at: Place = Place()

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return SENSOR_CHANNELS[self.channel].levels


class SensorOffset(SensorFault):
    """The sensor reads `offset` too high."""

    kind: Literal["sensor_offset"]
    offset: InUnit


class SensorGain(SensorFault):
    """The sensor reads `gain` of the truth too high: 0.05 is 5 % more."""

    kind: Literal["sensor_gain"]
    gain: Annotated[float, Quantity(units.FRACTION, Bounds(ge=-2.0, le=10.0))]


class SensorDrift(SensorFault):
    """The sensor's offset grows by `drift` in every `per`, from the fault's start to `limit`."""

    kind: Literal["sensor_drift"]
    drift: InUnit
    per: units.Seconds
    limit: Annotated[float | None, _POSITIVE] = None


class SensorStuck(SensorFault):
    """The sensor repeats its last value."""

    kind: Literal["sensor_stuck"]


class SensorSpike(SensorFault):
    """Each sample is `size` too high with a `probability`, for itself alone."""

    kind: Literal["sensor_spike"]
    size: InUnit
    probability: Efficiency


class SensorNoise(SensorFault):
    """The sensor has more noise: one standard deviation, beside that of its data sheet."""

    kind: Literal["sensor_noise"]
    noise: PositiveInUnit


class SensorLost(SensorFault):
    """The sensor gives no value; with a `probability`, each sample for itself."""

    kind: Literal["sensor_lost"]
    probability: Efficiency = 1.0


class SensorDelay(SensorFault):
    """The value comes `delay` later than by the data sheet."""

    kind: Literal["sensor_delay"]
    delay: units.Seconds


class SensorResolution(SensorFault):
    """The quantiser is as coarse as `resolution`."""

    kind: Literal["sensor_resolution"]
    resolution: PositiveInUnit


class SensorsSwapped(SensorFault):
    """Two channels of one kind are wired to each other's place."""

    kind: Literal["sensors_swapped"]
    with_: Place = Field(alias="with")


class ThermistorDetached(FaultSection):
    """A thermistor comes off: slow, and towards the air; `contact` is the cell's share left."""

    kind: Literal["thermistor_detached"]
    at: Place
    lag: units.Seconds
    contact: Annotated[float, Quantity(units.FRACTION, Bounds(ge=0.0, lt=1.0))] = 0.0

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return SENSOR_LEVELS


class AfeDrift(FaultSection):
    """The reference of one module's AFE drifts: all its group voltages shift together."""

    kind: Literal["afe_drift"]
    at: Place
    drift: Annotated[float, Quantity(units.VOLTAGE)]
    per: units.Seconds
    limit: units.Volts | None = None

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return MODULE_LEVELS


class MessageLoss(FaultSection):
    """No message of these channels arrives from one rack (or any); the last values grow old."""

    kind: Literal["message_loss"]
    at: Place = Place()
    channels: tuple[SensorChannel, ...] = Field(default=AFE_CHANNELS, min_length=1)

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return () if self.at == Place() else RACK_LEVELS
