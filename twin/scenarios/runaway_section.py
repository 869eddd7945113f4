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
Inertia = Annotated[float, Quantity(units.FRACTION, Bounds(ge=1.0, le=10.0))]
FileName = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=400)]
Heat = Annotated[float, Quantity(units.ENERGY, Bounds(gt=0.0))]
GATE_K = 353.15


class SelfHeating(Section):
    """A self-heating curve of your own, from an accelerating rate calorimeter, and its heat.

    The cell follows the curve until the heat is spent; no kinetics. The heat is all that the
    calorimeter saw, the charge of the cell included: `energy` of one cell, `energy_per_Wh` of its
    rated energy or `energy_per_kg` of its mass.
    """

    file: FileName = Field(
        description="CSV beside the scenario with the columns temperature_degC,rate_K_per_min",
        examples=["my_arc.csv"],
    )
    energy: Heat | None = Field(
        default=None, description="all heat of one cell", examples=["80 kJ"]
    )
    energy_per_Wh: Heat | None = Field(
        default=None, description="the same per Wh of the cell", examples=["4.8 kJ"]
    )
    energy_per_kg: Heat | None = Field(
        default=None, description="the same per kg of the cell", examples=["1.2 MJ"]
    )
    mass: units.Kilograms | None = Field(
        default=None,
        description="of the cell that was measured, to be held against that of the circuit",
        examples=["68 g"],
    )
    inertia: Inertia = Field(
        default=1.0,
        description="phi of the calorimeter: heat capacity of cell and holder over that of the "
        "cell; alone the cell heats itself so much faster",
        examples=[1.1],
    )


class Runaway(Section):
    """The reactions of hot cells: a shipped set or a measured curve, and what it leaves open.

    A set belongs to a cell. One that differs from the circuit's cell in `mass`, `energy` or `heat`
    per energy is refused unless that is declared in `declared_mismatch`.
    """

    set: SetName | None = Field(
        default=None, description="parameter set of the reactions", examples=["nmc_21700_arc"]
    )
    curve: SelfHeating | None = None
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
        description="of a full cell's mass, what leaves; less with less heat. Cylinders: "
        "53 percent",
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
