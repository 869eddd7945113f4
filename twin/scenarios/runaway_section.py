"""The thermal runaway of the cells, as a scenario describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from twin.scenarios import units
from twin.scenarios.section import Section
from twin.scenarios.units import Bounds, Quantity

Share = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0, le=1.0))]
Ejected = Annotated[float, Quantity(units.FRACTION, Bounds(ge=0.0, lt=1.0))]
SetName = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=80)]
GATE_K = 353.15


class Runaway(Section):
    """The reactions of hot cells: a set, and what it leaves open.

    A set belongs to a cell. One that differs from the circuit's cell in `mass`, `energy` or `heat`
    per energy is refused unless that is declared in `declared_mismatch`.
    """

    set: SetName = Field(description="parameter set of the reactions", examples=["nmc_21700_arc"])
    gate: units.Kelvin = Field(
        default=GATE_K, description="below it nothing reacts", examples=["80 degC"]
    )
    body_share: Share | None = Field(
        default=None,
        description="of a cell's heat, what it keeps; the rest leaves. Cylinders: 28 percent",
        examples=["28 percent"],
    )
    ejected_mass: Ejected | None = Field(
        default=None,
        description="of a cell's mass, what leaves. Cylinders: 53 percent",
        examples=["53 percent"],
    )
    separator_temperature: units.Kelvin | None = Field(
        default=None,
        description="at which the separator collapses; that of the set if left out",
        examples=["180 degC"],
    )
    separator_resistance: units.Ohms | None = Field(
        default=None,
        description="short across the terminals from then on; if left out, one that would empty "
        "the cell in 10 s",
        examples=["2 mohm"],
    )
    declared_mismatch: tuple[Literal["mass", "energy", "heat"], ...] = ()
