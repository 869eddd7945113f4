"""Units that only sensors need: pressure and gas concentration, from tables of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from twin.scenarios.units import Bounds, Dimension, Quantity

PRESSURE = Dimension("pressure", "100 Pa", "Pa")
CONCENTRATION = Dimension("gas concentration", "50 ppm", "ppm")

TABLES: dict[Dimension, dict[str, float]] = {
    PRESSURE: {"Pa": 1.0, "hPa": 1e2, "mbar": 1e2, "kPa": 1e3, "bar": 1e5},
    CONCENTRATION: {"ppm": 1.0, "percent": 1e4},
}
_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)\s*")


@dataclass(frozen=True, slots=True)
class TableQuantity(Quantity):
    """A `Quantity` whose units are those of `TABLES`."""

    def validate(self, value: Any) -> float:
        """Return the value in SI, or raise the error that the user reads."""
        if not isinstance(value, str):
            return Quantity.validate(self, value)
        table = TABLES[self.dimension]
        match = _NUMBER_AND_UNIT.fullmatch(value)
        if match is None or match[2] not in table:
            units = ", ".join(table)
            raise self._error(f"'{value}' has no unit of {units}; expected {self.dimension}")
        number = float(match[1]) * table[match[2]]
        if not self.bounds.admit(number):
            wanted = self.bounds.describe(self.dimension, "")
            text = f"'{value}' is out of range; expected {wanted} [{self.dimension.si}]"
            raise self._error(text)
        return number


def quantity(dimension: Dimension, bounds: Bounds) -> Quantity:
    """Return the annotation of a bounded value of any dimension."""
    return (TableQuantity if dimension in TABLES else Quantity)(dimension, bounds)


PascalsOrZero = Annotated[float, TableQuantity(PRESSURE, Bounds(ge=0.0))]
PpmOrZero = Annotated[float, TableQuantity(CONCENTRATION, Bounds(ge=0.0))]
