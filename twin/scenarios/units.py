"""Units at the file boundary: "10 min" becomes 600.0, "25 degC" becomes 298.15.

Scenario files carry a unit in every dimensional value; everything inside is SI. The annotated types
at the end of this module are what the scenario models use. A bare number is refused where a unit is
needed, and so is a unit of the wrong dimension.

pint knows the units. It costs 0.4 s of start-up (import and registry), so the spellings in
`_COMMON`, which the shipped files use, are looked up in a table first; a test holds every entry of
that table against pint. Anything else goes to pint.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Dimension:
    """A kind of quantity: how it is called, an example, and its SI unit as pint spells it."""

    name: str
    example: str
    si: str

    def __str__(self) -> str:
        """Return what a message asks for, as in "a duration such as '10 min'"."""
        article = "an" if self.name[0] in "aeiou" else "a"
        return f"{article} {self.name} such as '{self.example}'"


DURATION = Dimension("duration", "10 min", "s")
VOLTAGE = Dimension("voltage", "5 mV", "V")
CURRENT = Dimension("current", "10 A", "A")
RESISTANCE = Dimension("resistance", "50 mohm", "ohm")
POWER = Dimension("power", "5 kW", "W")
ENERGY = Dimension("energy", "10 kWh", "J")
TEMPERATURE = Dimension("temperature", "25 degC", "K")
TEMPERATURE_DIFFERENCE = Dimension("temperature difference", "0.1 K", "K")
HEAT_CAPACITY = Dimension("heat capacity", "80 J/K", "J/K")
CONDUCTANCE = Dimension("thermal conductance", "0.1 W/K", "W/K")
MASS_FLOW = Dimension("mass flow", "0.02 kg/s", "kg/s")
CAPACITANCE = Dimension("capacitance", "500 uF", "F")
LENGTH = Dimension("length", "22 mm", "m")
AREA = Dimension("area", "0.58 m^2", "m^2")
VOLUME = Dimension("volume", "12 L", "m^3")
MASS = Dimension("mass", "1800 kg", "kg")
SPECIFIC_HEAT = Dimension("specific heat", "3400 J/kg/K", "J/kg/K")
CONDUCTIVITY = Dimension("thermal conductivity", "0.02 W/m/K", "W/m/K")
HEAT_TRANSFER = Dimension("heat transfer coefficient", "300 W/m^2/K", "W/m^2/K")
MELTING_INTEGRAL = Dimension("melting integral", "20000 A^2*s", "A^2*s")
CAPACITY = Dimension("capacity", "5 Ah", "A*s")
RATE = Dimension("rate", "100 percent/s", "1/s")
FRACTION = Dimension("fraction", "85 percent", "")

DIMENSIONS = (
    DURATION, VOLTAGE, CURRENT, RESISTANCE, POWER, ENERGY, TEMPERATURE, TEMPERATURE_DIFFERENCE,
    HEAT_CAPACITY, CONDUCTANCE, MASS_FLOW, CAPACITANCE, LENGTH, AREA, VOLUME, MASS,
    SPECIFIC_HEAT, CONDUCTIVITY, HEAT_TRANSFER, MELTING_INTEGRAL, CAPACITY, RATE, FRACTION,
)  # fmt: skip

# unit: (dimension, multiply by, divide by). Two factors so that "30 ms" is exactly 30 / 1000.
_COMMON: dict[str, tuple[Dimension, float, float]] = {
    "ms": (DURATION, 1, 1e3),
    "s": (DURATION, 1, 1),
    "min": (DURATION, 60, 1),
    "h": (DURATION, 3600, 1),
    "mV": (VOLTAGE, 1, 1e3),
    "V": (VOLTAGE, 1, 1),
    "mA": (CURRENT, 1, 1e3),
    "A": (CURRENT, 1, 1),
    "mohm": (RESISTANCE, 1, 1e3),
    "ohm": (RESISTANCE, 1, 1),
    "kohm": (RESISTANCE, 1e3, 1),
    "W": (POWER, 1, 1),
    "kW": (POWER, 1e3, 1),
    "kWh": (ENERGY, 3.6e6, 1),
    "kJ": (ENERGY, 1e3, 1),
    "J/K": (HEAT_CAPACITY, 1, 1),
    "W/K": (CONDUCTANCE, 1, 1),
    "kg/s": (MASS_FLOW, 1, 1),
    "uF": (CAPACITANCE, 1, 1e6),
    "mF": (CAPACITANCE, 1, 1e3),
    "mm": (LENGTH, 1, 1e3),
    "m^2": (AREA, 1, 1),
    "mm^2": (AREA, 1, 1e6),
    "cm^2": (AREA, 1, 1e4),
    "L": (VOLUME, 1, 1e3),
    "kg": (MASS, 1, 1),
    "J/kg/K": (SPECIFIC_HEAT, 1, 1),
    "W/m^2/K": (HEAT_TRANSFER, 1, 1),
    "A^2*s": (MELTING_INTEGRAL, 1, 1),
    "Ah": (CAPACITY, 3600, 1),
    "percent/s": (RATE, 1, 100),
    "percent": (FRACTION, 1, 100),
    "K": (TEMPERATURE, 1, 1),
}
_CELSIUS = "degC"
_ZERO_CELSIUS_K = 273.15  # BIPM, SI brochure, 9th edition, 2.3.1

_NUMBER_AND_UNIT = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d.+-].*?)\s*"
)


class UnitError(ValueError):
    """A value whose unit is missing, unknown or of another dimension; the text says which."""


@cache
def _registry() -> Any:
    """Return the one pint registry, made when the first unusual unit is met."""
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


@cache
def _dimension_by_exponents() -> dict[Any, Dimension]:
    """Map pint dimensionalities to our names; a plain temperature wins over a difference."""
    registry = _registry()
    pairs = [(registry.parse_units(d.si).dimensionality, d) for d in reversed(DIMENSIONS)]
    return dict(pairs)


def _by_pint(text: str, number: float, unit: str, wanted: Dimension) -> tuple[Dimension, float]:
    """Convert through pint; number and unit apart, for pint multiplies "J/kg/degC" by 274.15."""
    registry = _registry()
    try:
        quantity = registry.Quantity(
            number, registry.parse_units(unicodedata.normalize("NFC", unit))
        )
        value = float(quantity.to_base_units().magnitude)
        zero = float(registry.Quantity(0.0, quantity.units).to_base_units().magnitude)
    except (
        Exception
    ) as error:  # pint raises many kinds on malformed text, AssertionError among them
        raise UnitError(f"'{text}' has the unknown unit '{unit}'; expected {wanted}") from error
    found = _dimension_by_exponents().get(quantity.dimensionality)
    if zero != 0.0 and found is not TEMPERATURE:  # decibels
        raise UnitError(f"'{text}' is on a scale of its own; expected {wanted}")
    if found is None:
        raise UnitError(f"'{text}' is in {quantity.units}; expected {wanted}")
    if wanted is TEMPERATURE_DIFFERENCE and zero != 0.0:
        raise UnitError(f"'{text}' is a temperature; expected {wanted}")
    return found, value


def parse_quantity(text: str, wanted: Dimension) -> float:
    """Return `text`, a number with a unit, in SI.

    Parameters
    ----------
    text : str
        As in "10 min".
    wanted : Dimension
        What it must be.

    Returns
    -------
    float
        In the SI unit of `wanted`.

    Raises
    ------
    UnitError
        When the unit is missing, unknown or of another dimension.
    """
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None:
        try:
            float(text)
        except ValueError:
            raise UnitError(f"'{text}' is not a number with a unit; expected {wanted}") from None
        raise UnitError(f"'{text}' is a number without a unit; expected {wanted}")
    number, unit = float(match[1]), match[2]
    if unit == _CELSIUS and wanted is not TEMPERATURE_DIFFERENCE:
        found, value = TEMPERATURE, number + _ZERO_CELSIUS_K
    elif unit in _COMMON:
        found, multiply, divide = _COMMON[unit]
        value = number * multiply / divide
    else:
        found, value = _by_pint(text, number, unit, wanted)
    if found is TEMPERATURE and wanted is TEMPERATURE_DIFFERENCE:
        found = wanted
    if found is not wanted:
        article = str(found).split(" such as", maxsplit=1)[0]
        raise UnitError(f"'{text}' is {article}; expected {wanted}")
    return value


def ticks(time_s: float) -> int:
    """Return a duration in whole milliseconds, the simulator's clock.

    Parameters
    ----------
    time_s : float
        [s].

    Returns
    -------
    int
        [ms].

    Raises
    ------
    ValueError
        When `time_s` is not a multiple of 1 ms (to 1 ns, for the rounding of decimals).
    """
    milliseconds = round(time_s * 1e3)
    if abs(time_s * 1e3 - milliseconds) > 1e-6 * max(1.0, abs(milliseconds) * 1e-6):
        raise ValueError(f"{time_s:g} s is not a multiple of 1 ms")
    return milliseconds


@dataclass(frozen=True, slots=True)
class Bounds:
    """The allowed range of a value, in SI; None is open.

    Attributes
    ----------
    ge, gt, le, lt : float or None
        Not less than, greater than, not more than, less than.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def admit(self, value: float) -> bool:
        """Return whether `value` lies inside."""
        return not (
            (self.ge is not None and value < self.ge)
            or (self.gt is not None and value <= self.gt)
            or (self.le is not None and value > self.le)
            or (self.lt is not None and value >= self.lt)
        )

    def describe(self, dimension: Dimension, unit: str) -> str:
        """Return the range in words, in the user's unit where there is one."""
        ends = [
            (words, _in_unit(value, dimension, unit))
            for words, value in (
                ("at least", self.ge),
                ("more than", self.gt),
                ("at most", self.le),
                ("less than", self.lt),
            )
            if value is not None
        ]
        if len(ends) == 2 and self.ge is not None and self.le is not None:
            return f"{ends[0][1]} to {ends[1][1]}"
        return " and ".join(f"{words} {shown}" for words, shown in ends)


def _in_unit(value: float, dimension: Dimension, unit: str) -> str:
    """Return an SI value as text in `unit`."""
    if not unit:
        return f"{value:g}"
    if unit == _CELSIUS:
        return f"{value - _ZERO_CELSIUS_K:g} {unit}"
    if unit in _COMMON:
        _, multiply, divide = _COMMON[unit]
        return f"{value * divide / multiply:g} {unit}"
    registry = _registry()
    si = registry.Quantity(value, registry.parse_units(dimension.si))
    return f"{si.to(registry.parse_units(unit)).magnitude:g} {unit}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Pydantic annotation: a float in SI, written in the file as a number with a unit.

    A fraction may also be a bare number. `Quantity(POWER, Bounds(gt=0.0))` bounds the value.
    """

    dimension: Dimension
    bounds: Bounds = Bounds()

    def expectation(self) -> str:
        """Return what a value must be, in words."""
        if self.dimension is not FRACTION:
            return str(self.dimension)
        if self.bounds == Bounds():
            return "a number"
        return f"a number, {self.bounds.describe(FRACTION, '')}"

    def validate(self, value: Any) -> float:
        """Return the value in SI, or raise the error that the user reads."""
        if isinstance(value, str):
            try:
                number = parse_quantity(value, self.dimension)
            except UnitError as error:
                raise PydanticCustomError("quantity", "{text}", {"text": str(error)}) from error
            match = _NUMBER_AND_UNIT.fullmatch(value)
            shown, unit = f"'{value}'", match[2] if match else ""
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"expected {self.expectation()}, got {describe(value)}")
        elif self.dimension is not FRACTION:
            raise self._error(f"expected {self.dimension}, got {value!r} (a number without a unit)")
        else:
            number, shown, unit = float(value), repr(value), ""
        if not math.isfinite(number) or not self.bounds.admit(number):
            wanted = self.bounds.describe(self.dimension, unit) if self.bounds != Bounds() else ""
            raise self._error(f"{shown} is out of range; expected {wanted or 'a finite number'}")
        return number

    @staticmethod
    def _error(text: str) -> PydanticCustomError:
        return PydanticCustomError("quantity", "{text}", {"text": text})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate by `validate` alone."""
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the value as text with a unit, with an example."""
        name, example = self.dimension.name, self.dimension.example
        limit = f", {self.bounds.describe(self.dimension, '')}" if self.bounds != Bounds() else ""
        if self.dimension is FRACTION:
            text = {"type": "string", "pattern": r"^\s*[-+.\d]+([eE][-+]?\d+)?\s*\S+"}
            return {"anyOf": [{"type": "number"}, text], "description": f"a number{limit}"}
        si = f" [{self.dimension.si}]" if limit else ""
        return {
            "type": "string",
            "pattern": r"^\s*[-+.\d]+([eE][-+]?\d+)?\s*\S+",
            "description": f"{name} with its unit{limit}{si}",
            "examples": [example],
        }


def describe(value: Any) -> str:
    """Return how a message names a value of the wrong kind."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a section"
    return "a list" if isinstance(value, list | tuple) else repr(value)


_POSITIVE = Bounds(gt=0.0)
_NOT_NEGATIVE = Bounds(ge=0.0)
_ABSOLUTE = Bounds(ge=223.15, le=473.15)  # -50 to 200 degC: wider than any cell is used

Seconds = Annotated[float, Quantity(DURATION, _POSITIVE)]
SecondsOrZero = Annotated[float, Quantity(DURATION, _NOT_NEGATIVE)]
Volts = Annotated[float, Quantity(VOLTAGE, _POSITIVE)]
VoltsOrZero = Annotated[float, Quantity(VOLTAGE, _NOT_NEGATIVE)]
Amperes = Annotated[float, Quantity(CURRENT, _POSITIVE)]
AmperesOrZero = Annotated[float, Quantity(CURRENT, _NOT_NEGATIVE)]
Ohms = Annotated[float, Quantity(RESISTANCE, _POSITIVE)]
OhmsOrZero = Annotated[float, Quantity(RESISTANCE, _NOT_NEGATIVE)]
Watts = Annotated[float, Quantity(POWER, _POSITIVE)]
WattsOrZero = Annotated[float, Quantity(POWER, _NOT_NEGATIVE)]
SignedWatts = Annotated[float, Quantity(POWER)]
Kelvin = Annotated[float, Quantity(TEMPERATURE, _ABSOLUTE)]
KelvinDifference = Annotated[float, Quantity(TEMPERATURE_DIFFERENCE, _NOT_NEGATIVE)]
JoulesPerKelvin = Annotated[float, Quantity(HEAT_CAPACITY, _POSITIVE)]
WattsPerKelvin = Annotated[float, Quantity(CONDUCTANCE, _NOT_NEGATIVE)]
WattsPerMetreKelvin = Annotated[float, Quantity(CONDUCTIVITY, _POSITIVE)]
WattsPerSquareMetreKelvin = Annotated[float, Quantity(HEAT_TRANSFER, _POSITIVE)]
KilogramsPerSecond = Annotated[float, Quantity(MASS_FLOW, _NOT_NEGATIVE)]
Farads = Annotated[float, Quantity(CAPACITANCE, _POSITIVE)]
Metres = Annotated[float, Quantity(LENGTH, _POSITIVE)]
SquareMetres = Annotated[float, Quantity(AREA, _POSITIVE)]
CubicMetres = Annotated[float, Quantity(VOLUME, _POSITIVE)]
Kilograms = Annotated[float, Quantity(MASS, _POSITIVE)]
SpecificHeat = Annotated[float, Quantity(SPECIFIC_HEAT, _POSITIVE)]
AmpereSquaredSeconds = Annotated[float, Quantity(MELTING_INTEGRAL, _POSITIVE)]
AmpereHours = Annotated[float, Quantity(CAPACITY, _POSITIVE)]
PerSecond = Annotated[float, Quantity(RATE, _POSITIVE)]
FlameKelvin = Annotated[float, Quantity(TEMPERATURE, Bounds(ge=373.15, le=1673.15))]
FlameWattsPerKelvin = Annotated[float, Quantity(CONDUCTANCE, Bounds(gt=0.0, le=100.0))]
Fraction = Annotated[float, Quantity(FRACTION, Bounds(ge=0.0, le=1.0))]
