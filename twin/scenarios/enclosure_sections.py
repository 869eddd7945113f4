"""The housing of a module, as pydantic models: its gas, its relief vent, where ejecta go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from packs.absorption import wrong_shares
from packs.sensors import AIR_PRESSURE_PA
from twin.scenarios import units
from twin.scenarios.section import Count, Section
from twin.scenarios.sensor_units import PRESSURE, TableQuantity
from twin.scenarios.thermal_sections import Barrier
from twin.scenarios.units import Bounds, Fraction, Quantity

Discharge = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0, le=1.0))]
Ignition = Annotated[float, Quantity(units.TEMPERATURE, Bounds(ge=473.15, le=1500.0))]
ReliefPressure = Annotated[float, TableQuantity(PRESSURE, Bounds(gt=AIR_PRESSURE_PA, le=1e7))]


class Relief(Section):
    """The relief vent: a valve closes again at its pressure, a burst disc stays open.

    `pressure` is absolute, above that of the air; `discharge` the coefficient of the opening.
    """

    kind: Literal["valve", "burst_disc"]
    pressure: ReliefPressure = Field(description="absolute", examples=["1.2 bar"])
    area: units.SquareMetres = Field(examples=["500 mm^2"])
    discharge: Discharge = Field(examples=[0.7])


class Combustion(Section):
    """Vent gas burns with the oxygen in the module: where it is hot, or lit by glowing ejecta."""

    ignition_temperature: Ignition = Field(examples=["600 degC"])


class Enclosure(Section):
    """The free volume of one module and its walls; without `combustion` nothing ever burns.

    At more than `burst_pressure` it stays whole all the same: an event and the results tell that a
    housing of this kind would have burst.
    """

    free_volume: units.CubicMetres = Field(examples=["12 L"])
    wall_conductance: units.WattsPerKelvin
    relief: Relief
    combustion: Combustion | None = None
    burst_pressure: ReliefPressure | None = Field(
        default=None,
        description="absolute, more than it holds; if left out, 1 bar more than where its relief "
        "vent opens, assumed",
        examples=["2.3 bar"],
    )

    @field_validator("burst_pressure", mode="after")
    @classmethod
    def _holds_until_the_relief(cls, value: float | None, info: ValidationInfo) -> float | None:
        relief = info.data.get("relief")
        if value is not None and relief is not None and value <= relief.pressure:
            text = (
                f"{value / 1e5:g} bar is not above {relief.pressure / 1e5:g} bar, where the relief "
                "vent opens (relief.pressure); expected more, or leave it out"
            )
            raise PydanticCustomError("burst_pressure", "{text}", {"text": text})
        return value


class Share(Section):
    """Of what one cell of a module throws out, what stays on another; counted from 1."""

    from_: Count = Field(alias="from")
    to: Count
    share: Fraction


class Ejecta(Section):
    """Where cells vent to, and how much of what hits a cell stays there.

    `up` is against a lid `lid_gap` above the cells; `sideways` past it. With `shares` the shares
    are those, and nothing is computed from the layout.
    """

    direction: Literal["up", "sideways"]
    absorbed: Fraction
    lid_gap: units.Metres | None = Field(default=None, validate_default=True)
    shares: tuple[Share, ...] | None = None

    @field_validator("lid_gap", mode="after")
    @classmethod
    def _fits_the_direction(cls, value: float | None, info: ValidationInfo) -> float | None:
        is_up = info.data.get("direction") == "up"
        if "direction" in info.data and is_up != (value is not None):
            text = "goes with direction 'up'; leave it out"
            if is_up:
                text = "missing; expected a length such as '10 mm', for direction 'up'"
            raise PydanticCustomError("lid_gap", "{text}", {"text": text})
        return value

    @field_validator("shares", mode="after")
    @classmethod
    def _rows_stay_below_one(cls, value: tuple[Share, ...] | None) -> tuple[Share, ...] | None:
        text = wrong_shares((s.from_ - 1, s.to - 1, s.share) for s in value or ())
        if text:
            raise PydanticCustomError("shares", "{text}", {"text": text})
        return value


def _as_list(value: Any) -> Any:
    """Take one barrier for a list of one."""
    return (value,) if isinstance(value, Mapping) else value


class Module(Section):
    """The inside of every module: sheets between its cells, and what becomes of what they vent.

    `barrier` is one sheet or a list. Without `enclosure` nothing is known of gas, and what cells
    eject is gone; with it and without `ejecta` all of that is in the gas.
    """

    barrier: Annotated[tuple[Barrier, ...], BeforeValidator(_as_list)] = ()
    enclosure: Enclosure | None = None
    ejecta: Ejecta | None = None
