"""The faults of a scenario: what fails, where, and from when or on which trigger.

Places are counted from 1, as people do and as the file says; `Place.cell_index` and its siblings
give the flat index over the site, from 0. The channels of a trigger are those of a run file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from twin.scenarios import sensor_units, units
from twin.scenarios.sections import Count, Efficiency, Section, Site, Thermistors
from twin.scenarios.units import Bounds, Dimension, Fraction, Quantity


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What a channel measures, and which levels say one of its entries."""

    dimension: Dimension
    levels: tuple[str, ...]


_CELL = ("rack", "module", "group", "cell")
_GROUP = _CELL[:3]
_MODULE = _CELL[:2]
_RACK = _CELL[:1]
_SENSOR = ("sensor",)  # `thermistor_levels` says which others

TRIGGER_CHANNELS: dict[str, ChannelKind] = {
    "truth/cell_voltage_V": ChannelKind(units.VOLTAGE, _CELL),
    "truth/cell_current_A": ChannelKind(units.CURRENT, _CELL),
    "truth/cell_soc": ChannelKind(units.FRACTION, _CELL),
    "truth/cell_temperature_K": ChannelKind(units.TEMPERATURE, _CELL),
    "truth/cell_heat_W": ChannelKind(units.POWER, _CELL),
    "truth/group_voltage_V": ChannelKind(units.VOLTAGE, _GROUP),
    "truth/rack_voltage_V": ChannelKind(units.VOLTAGE, _RACK),
    "truth/rack_current_A": ChannelKind(units.CURRENT, _RACK),
    "truth/bus_voltage_V": ChannelKind(units.VOLTAGE, ()),
    "measured/group_voltage_V": ChannelKind(units.VOLTAGE, _GROUP),
    "measured/temperature_K": ChannelKind(units.TEMPERATURE, _SENSOR),
    "measured/rack_voltage_V": ChannelKind(units.VOLTAGE, _RACK),
    "measured/rack_current_A": ChannelKind(units.CURRENT, _RACK),
    "measured/bus_voltage_V": ChannelKind(units.VOLTAGE, ()),
}

SENSOR_CHANNELS: dict[str, ChannelKind] = {
    "group_voltage": ChannelKind(units.VOLTAGE, _GROUP),
    "temperature": ChannelKind(units.TEMPERATURE_DIFFERENCE, _SENSOR),
    "rack_current": ChannelKind(units.CURRENT, _RACK),
    "rack_current_b": ChannelKind(units.CURRENT, _RACK),
    "rack_voltage": ChannelKind(units.VOLTAGE, _RACK),
    "bus_voltage": ChannelKind(units.VOLTAGE, ()),
    "coolant_inlet": ChannelKind(units.TEMPERATURE_DIFFERENCE, _RACK),
    "coolant_outlet": ChannelKind(units.TEMPERATURE_DIFFERENCE, _RACK),
    "ambient": ChannelKind(units.TEMPERATURE_DIFFERENCE, ()),
    "insulation": ChannelKind(units.RESISTANCE, _RACK),
    "coolant_flow": ChannelKind(units.MASS_FLOW, _RACK),
    "module_pressure": ChannelKind(sensor_units.PRESSURE, _MODULE),
    "module_gas": ChannelKind(sensor_units.CONCENTRATION, _MODULE),
}
_FREE = Bounds()


def place_levels(levels: tuple[str, ...], thermistors: Thermistors) -> tuple[str, ...]:
    """Return the keys that a place needs, with those of a thermistor spelt out."""
    if levels != _SENSOR:
        return levels
    home = _GROUP if thermistors.per == "group" else _MODULE
    return (*home, "sensor") if thermistors.count > 1 else home


def _one_of(names: dict[str, ChannelKind]) -> Any:
    """Return the validator of a channel name."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            text = f"unknown channel {value!r}; expected one of {', '.join(names)}"
            raise PydanticCustomError("channel", "{text}", {"text": text})
        return value

    return check


def _quantity_of(names: dict[str, ChannelKind], bounds: Bounds = _FREE) -> Any:
    """Return the validator of a value whose unit must fit the `channel` given before it."""

    def check(value: Any, info: ValidationInfo) -> Any:
        kind = names.get(info.data.get("channel", ""))
        if kind is None or value is None:
            return 0.0 if kind is None else None
        return sensor_units.quantity(kind.dimension, bounds).validate(value)

    return check


class Place(Section):
    """A place in the site, counted from 1; which keys are needed depends on what sits there."""

    rack: Count | None = None
    module: Count | None = None
    group: Count | None = None
    cell: Count | None = None
    sensor: Count | None = None

    def rack_index(self) -> int:
        """Return the rack, from 0."""
        return (self.rack or 1) - 1

    def module_index(self, site: Site) -> int:
        """Return the module, counted over the site from 0."""
        return self.rack_index() * site.modules_per_rack + (self.module or 1) - 1

    def group_index(self, site: Site) -> int:
        """Return the group, counted over the site from 0."""
        return self.module_index(site) * site.groups_per_module + (self.group or 1) - 1

    def cell_index(self, site: Site) -> int:
        """Return the cell, counted over the site from 0."""
        return self.group_index(site) * site.cells_per_group + (self.cell or 1) - 1

    def thermistor_index(self, site: Site, thermistors: Thermistors) -> int:
        """Return the thermistor, counted over the site from 0."""
        per_group = thermistors.per == "group"
        home = self.group_index(site) if per_group else self.module_index(site)
        return home * thermistors.count + (self.sensor or 1) - 1


class Trigger(Section):
    """A channel that has been above or below a value for a while."""

    channel: Annotated[
        str,
        BeforeValidator(_one_of(TRIGGER_CHANNELS)),
        WithJsonSchema({"type": "string", "enum": list(TRIGGER_CHANNELS)}),
    ]
    at: Place = Place()
    above: Annotated[
        float | None, BeforeValidator(_quantity_of(TRIGGER_CHANNELS), json_schema_input_type=str)
    ] = None
    below: Annotated[
        float | None, BeforeValidator(_quantity_of(TRIGGER_CHANNELS), json_schema_input_type=str)
    ] = None
    for_: units.SecondsOrZero = Field(default=0.0, alias="for")

    @model_validator(mode="after")
    def _has_one_side(self) -> Trigger:
        if (self.above is None) == (self.below is None):
            text = "expected exactly one of 'above' and 'below'"
            raise PydanticCustomError("trigger", "{text}", {"text": text})
        return self


class FaultSection(Section):
    """What all faults share: a name, a time window or a trigger."""

    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=80)]
    from_: units.SecondsOrZero | None = Field(default=None, alias="from")
    until: units.Seconds | None = None
    when: Trigger | None = None

    @model_validator(mode="after")
    def _has_one_start(self) -> FaultSection:
        text = ""
        if (self.from_ is None) == (self.when is None):
            text = "expected exactly one of 'from' (a time) and 'when' (a trigger)"
        elif self.until is not None and self.from_ is None:
            text = "'until' goes with 'from'; a triggered fault stays"
        elif self.until is not None and self.from_ is not None and self.until <= self.from_:
            text = f"ends ({self.until:g} s) before it begins ({self.from_:g} s)"
        if text:
            raise PydanticCustomError("window", "{text}", {"text": text})
        return self

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return ()


class CellFault(FaultSection):
    """A fault of one cell."""

    at: Place

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return _CELL


class InternalShort(CellFault):
    """A resistance inside one cell, across its terminals, before its joint."""

    kind: Literal["internal_short"]
    resistance: units.Ohms


class JointResistance(CellFault):
    """The joint of one cell takes another resistance."""

    kind: Literal["joint_resistance"]
    resistance: units.OhmsOrZero


AFE_CHANNELS = ("group_voltage", "temperature")
SensorChannel = Annotated[
    str,
    BeforeValidator(_one_of(SENSOR_CHANNELS)),
    WithJsonSchema({"type": "string", "enum": list(SENSOR_CHANNELS)}),
]
_ANY, _POSITIVE = (
    BeforeValidator(_quantity_of(SENSOR_CHANNELS, bounds), json_schema_input_type=str)
    for bounds in (_FREE, Bounds(gt=0.0))
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
        return _SENSOR


class AfeDrift(FaultSection):
    """The reference of one module's AFE drifts: all its group voltages shift together."""

    kind: Literal["afe_drift"]
    at: Place
    drift: Annotated[float, Quantity(units.VOLTAGE)]
    per: units.Seconds
    limit: units.Volts | None = None

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return _MODULE


class MessageLoss(FaultSection):
    """No message of these channels arrives from one rack (or any); the last values grow old."""

    kind: Literal["message_loss"]
    at: Place = Place()
    channels: tuple[SensorChannel, ...] = Field(default=AFE_CHANNELS, min_length=1)

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return () if self.at == Place() else _RACK


class RackFault(FaultSection):
    """A fault of one rack."""

    at: Place

    def levels(self) -> tuple[str, ...]:
        """Return the keys that `at` needs."""
        return _RACK


class CoolantLoss(RackFault):
    """The coolant flow of one rack falls to a `remaining` fraction."""

    kind: Literal["coolant_loss"]
    remaining: Fraction


class ContactorStuck(RackFault):
    """One contactor of one rack does not follow its coil."""

    kind: Literal["contactor_stuck"]
    contactor: Literal["minus", "precharge", "plus"]
    position: Literal["open", "closed"]


Fault = Annotated[
    InternalShort
    | JointResistance
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
    | MessageLoss
    | CoolantLoss
    | ContactorStuck,
    Field(discriminator="kind"),
]
