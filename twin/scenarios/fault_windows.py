"""What the faults of a scenario share: where, and from when or on which trigger.

Places are counted from 1, as people do and as the file says; `Place.cell_index` and its siblings
give the flat index over the site, from 0. The channels of a trigger are those of a run file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

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
from twin.scenarios.sections import Count, Section, Site, Thermistors
from twin.scenarios.units import Bounds, Dimension


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What a channel measures, and which levels say one of its entries."""

    dimension: Dimension
    levels: tuple[str, ...]


CELL_LEVELS = ("rack", "module", "group", "cell")
GROUP_LEVELS = CELL_LEVELS[:3]
MODULE_LEVELS = CELL_LEVELS[:2]
RACK_LEVELS = CELL_LEVELS[:1]
SENSOR_LEVELS = ("sensor",)  # `thermistor_levels` says which others

TRIGGER_CHANNELS: dict[str, ChannelKind] = {
    "truth/cell_voltage_V": ChannelKind(units.VOLTAGE, CELL_LEVELS),
    "truth/cell_current_A": ChannelKind(units.CURRENT, CELL_LEVELS),
    "truth/cell_soc": ChannelKind(units.FRACTION, CELL_LEVELS),
    "truth/cell_temperature_K": ChannelKind(units.TEMPERATURE, CELL_LEVELS),
    "truth/cell_heat_W": ChannelKind(units.POWER, CELL_LEVELS),
    "truth/group_voltage_V": ChannelKind(units.VOLTAGE, GROUP_LEVELS),
    "truth/rack_voltage_V": ChannelKind(units.VOLTAGE, RACK_LEVELS),
    "truth/rack_current_A": ChannelKind(units.CURRENT, RACK_LEVELS),
    "truth/bus_voltage_V": ChannelKind(units.VOLTAGE, ()),
    "measured/group_voltage_V": ChannelKind(units.VOLTAGE, GROUP_LEVELS),
    "measured/temperature_K": ChannelKind(units.TEMPERATURE, SENSOR_LEVELS),
    "measured/rack_voltage_V": ChannelKind(units.VOLTAGE, RACK_LEVELS),
    "measured/rack_current_A": ChannelKind(units.CURRENT, RACK_LEVELS),
    "measured/bus_voltage_V": ChannelKind(units.VOLTAGE, ()),
}

SENSOR_CHANNELS: dict[str, ChannelKind] = {
    "group_voltage": ChannelKind(units.VOLTAGE, GROUP_LEVELS),
    "temperature": ChannelKind(units.TEMPERATURE_DIFFERENCE, SENSOR_LEVELS),
    "rack_current": ChannelKind(units.CURRENT, RACK_LEVELS),
    "rack_current_b": ChannelKind(units.CURRENT, RACK_LEVELS),
    "rack_voltage": ChannelKind(units.VOLTAGE, RACK_LEVELS),
    "bus_voltage": ChannelKind(units.VOLTAGE, ()),
    "coolant_inlet": ChannelKind(units.TEMPERATURE_DIFFERENCE, RACK_LEVELS),
    "coolant_outlet": ChannelKind(units.TEMPERATURE_DIFFERENCE, RACK_LEVELS),
    "ambient": ChannelKind(units.TEMPERATURE_DIFFERENCE, ()),
    "insulation": ChannelKind(units.RESISTANCE, RACK_LEVELS),
    "coolant_flow": ChannelKind(units.MASS_FLOW, RACK_LEVELS),
    "module_pressure": ChannelKind(sensor_units.PRESSURE, MODULE_LEVELS),
    "module_gas": ChannelKind(sensor_units.CONCENTRATION, MODULE_LEVELS),
}
FREE = Bounds()


def place_levels(levels: tuple[str, ...], thermistors: Thermistors) -> tuple[str, ...]:
    """Return the keys that a place needs, with those of a thermistor spelt out."""
    if levels != SENSOR_LEVELS:
        return levels
    home = GROUP_LEVELS if thermistors.per == "group" else MODULE_LEVELS
    return (*home, "sensor") if thermistors.count > 1 else home


def one_of(names: dict[str, ChannelKind]) -> Any:
    """Return the validator of a channel name."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            text = f"unknown channel {value!r}; expected one of {', '.join(names)}"
            raise PydanticCustomError("channel", "{text}", {"text": text})
        return value

    return check


def quantity_of(names: dict[str, ChannelKind], bounds: Bounds = FREE) -> Any:
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
        BeforeValidator(one_of(TRIGGER_CHANNELS)),
        WithJsonSchema({"type": "string", "enum": list(TRIGGER_CHANNELS)}),
    ]
    at: Place = Place()
    above: Annotated[
        float | None, BeforeValidator(quantity_of(TRIGGER_CHANNELS), json_schema_input_type=str)
    ] = None
    below: Annotated[
        float | None, BeforeValidator(quantity_of(TRIGGER_CHANNELS), json_schema_input_type=str)
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
