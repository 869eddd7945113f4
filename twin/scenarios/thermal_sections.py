"""Sections of a scenario on heat that may be left out: layers, barriers, housing, cooling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from packs.heat_spec import ALUMINIUM_MELTS_K
from twin.scenarios import units
from twin.scenarios.section import Section
from twin.scenarios.units import Bounds, Quantity

Emissivity = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0, le=1.0))]
Ratio = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0))]
Contact = Annotated[float, Quantity(units.CONDUCTANCE, Bounds(gt=0.0, le=1e6))]
LayerCount = Annotated[int, Field(strict=True, ge=2, le=20)]
MeltingPoint = Annotated[float, Quantity(units.TEMPERATURE, Bounds(ge=323.15, le=4000.0))]
Material = Literal["aerogel", "air", "ceramic_fibre", "mica", "silicone_foam", "vacuum_panel"]


class Layers(Section):
    """Heat nodes through the thickness of every cell, for pouch and prismatic cells.

    Neighbours in the stack touch face to face, with `thermal.neighbour_conductance` or a barrier
    between the faces; everything else touches all layers alike.
    """

    count: LayerCount = Field(description="layers of a cell, 2 to 20", examples=[8])
    conductance: Contact = Field(
        description="from one face of a cell to the other, k A / d: conductivity across the layers "
        "times area over thickness",
        examples=["0.4 W/K"],
    )
    along: Literal["columns", "rows"] = Field(
        description="direction of the layout in which cells are stacked face to face",
        examples=["columns"],
    )


class Barrier(Section):
    """A sheet between neighbouring cells, in place of `neighbour_conductance`.

    Either its `conductance`, or what it follows from: `thickness`, `area`, `contact_conductance` of
    both interfaces together, and a `material` or a `conductivity`.
    """

    between: Literal["cells", "groups", "columns"]
    conductance: Contact | None = None
    material: Material | None = None
    conductivity: units.WattsPerMetreKelvin | None = None
    thickness: units.Metres | None = None
    area: units.SquareMetres | None = None
    contact_conductance: units.WattsPerSquareMetreKelvin | None = None


class Radiation(Section):
    """Radiation between neighbouring cells with no barrier between them: grey cylinders."""

    emissivity: Emissivity
    diameter: units.Metres
    height: units.Metres


class Housing(Section):
    """The housing of each module: its heat capacity, one cell to it, and all of it to the air.

    Hotter than `melting_temperature` it keeps its shape all the same: an event and the results
    tell that the model holds no longer.
    """

    heat_capacity: units.JoulesPerKelvin
    cell_conductance: units.WattsPerKelvin
    ambient_conductance: units.WattsPerKelvin
    melting_temperature: MeltingPoint = Field(
        default=ALUMINIUM_MELTS_K,
        description="where it begins to melt; if left out that of an aluminium alloy (6061, "
        "solidus), 582 degC; steel near 1450 degC",
        examples=["582 degC"],
    )


class Device(Section):
    """A device that follows a duty of the BMS: time constant, and electric power at full duty."""

    response: units.SecondsOrZero
    power: units.WattsOrZero


class Pump(Device):
    """The coolant's pump: at full duty the flow is `thermal.coolant.flow`."""


class Fan(Device):
    """A fan over the cells: `cell_conductance` of one cell to the air at full duty."""

    cell_conductance: units.WattsPerKelvin


class Valve(Device):
    """Open, it lets the coolant round again, in place of what enters at `inlet_temperature`."""


class Chiller(Section):
    """A chiller in the coolant's feed: heat that it takes at full duty, COP, coldest outlet."""

    response: units.SecondsOrZero
    heat_power: units.Watts
    performance: Ratio = Field(description="heat taken over electric power", examples=[3.0])
    outlet_min: units.Kelvin


class Heater(Section):
    """A heater in the coolant's feed: heat at full duty, heat over electric power, hottest
    outlet."""

    response: units.SecondsOrZero
    heat_power: units.Watts
    efficiency: Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0, le=1.0))]
    outlet_max: units.Kelvin


class Cooling(Section):
    """Devices that follow the BMS's duties; one loop for the whole site.

    What is left out does not move: full flow, no coolant round again, still air.
    """

    pump: Pump | None = None
    fan: Fan | None = None
    valve: Valve | None = None
    chiller: Chiller | None = None
    heater: Heater | None = None
