"""The sections of a scenario, as pydantic models: what may be written, in which unit and range.

Attributes carry the key names of the file and hold SI: seconds, kelvin, watts, and so on. Physics
has no defaults: an absent key is an error. Only numerics, recording and options may be left out,
devices of single cells that are not fitted, limits that are told and do nothing, and what
`sensor_sections` names.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints
from pydantic import Tag as UnionTag
from pydantic_core import PydanticCustomError

from twin.scenarios import units
from twin.scenarios.runaway_section import Runaway
from twin.scenarios.section import Count, Section, Spread
from twin.scenarios.sensor_sections import Sensors as Sensors
from twin.scenarios.sensor_sections import Thermistors as Thermistors
from twin.scenarios.thermal_sections import Cooling, Housing, Layers, Radiation
from twin.scenarios.units import Bounds, Fraction, Quantity

Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
PositiveNumber = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0))]
Efficiency = Annotated[float, Quantity(units.FRACTION, Bounds(gt=0.0, le=1.0))]
PerUnit = Annotated[float, Quantity(units.FRACTION, Bounds(ge=0.0, lt=1.0))]


def _plug_in_name(value: Any) -> Any:
    """Refuse what is neither a short name nor `module:object`; the registry imports it later."""
    expected = "expected a short name such as 'reference', or 'module:object'"
    if not isinstance(value, str):
        raise PydanticCustomError("plug_in", "{text}", {"text": f"{expected}, got {value!r}"})
    module, colon, item = value.partition(":")
    parts = [*module.split("."), item] if colon else [value]
    if not all(part.isidentifier() for part in parts):
        raise PydanticCustomError(
            "plug_in", "{text}", {"text": f"'{value}' is no plug-in name; {expected}"}
        )
    return value


PlugIn = Annotated[
    str,
    BeforeValidator(_plug_in_name),
    Field(description="short name, or module:object", examples=["reference", "my_bms:Factory"]),
]


class Site(Section):
    """How many of what: racks in parallel, modules and groups in series, cells in parallel."""

    racks: Count
    modules_per_rack: Count
    groups_per_module: Count
    cells_per_group: Count

    @property
    def groups_per_rack(self) -> int:
        """Groups in series in one rack."""
        return self.modules_per_rack * self.groups_per_module

    @property
    def n_modules(self) -> int:
        """Modules of the whole site."""
        return self.racks * self.modules_per_rack

    @property
    def n_groups(self) -> int:
        """Groups of the whole site."""
        return self.racks * self.groups_per_rack

    @property
    def n_cells(self) -> int:
        """Cells of the whole site."""
        return self.n_groups * self.cells_per_group


class CellSpread(Section):
    """One standard deviation over the cells, drawn from the seed; relative but for the SOC."""

    capacity: Spread
    resistance: Spread
    initial_soc: Spread


class RackCells(Section):
    """The cells of one rack where they differ: start, and relative capacity and resistance."""

    rack: Count
    initial_soc: Fraction | None = None
    capacity: PositiveNumber = 1.0
    resistance: PositiveNumber = 1.0


class InterruptDevice(Section):
    """The CID of a cylindrical cell: opens it for good in overcharge and in heat.

    It opens by pressure, which is not computed; these two limits stand for it.
    """

    overcharge: Annotated[float, Quantity(units.FRACTION, Bounds(gt=1.0, le=2.0))] = Field(
        description="state of charge, above 1", examples=[1.15]
    )
    temperature: units.Kelvin = Field(examples=["120 degC"])


class Cell(Section):
    """The cell model, its parameters and the state it starts in; racks that differ.

    `cid` may be left out: pouch and most prismatic cells have none. Without `runaway` cells do not
    react, however hot they are; without `layers` each is one heat node.
    """

    model: PlugIn = Field(examples=["ecm"])
    parameters: Name = Field(examples=["lg_m50"])
    table_refresh: units.Seconds
    initial_soc: Fraction
    initial_temperature: units.Kelvin
    spread: CellSpread
    cid: InterruptDevice | None = None
    runaway: Runaway | None = None
    layers: Layers | None = None
    racks: tuple[RackCells, ...] = ()


class Contactor(Section):
    """One contactor of a rack; above what it can break or make, it welds."""

    resistance: units.OhmsOrZero
    delay: units.SecondsOrZero
    break_current: units.Amperes
    make_current: units.Amperes


class Precharge(Section):
    """The precharge branch of a rack."""

    resistance: units.OhmsOrZero


class Fuse(Section):
    """The fuse of a rack: I2t of a short pulse, and the smallest current that melts it."""

    rating: units.Amperes
    least_melting_current: units.Amperes
    melting_i2t: units.AmpereSquaredSeconds


class CellFuse(Fuse):
    """The wire bond or tab of each cell, where it is a fuse; its resistance is in the joint."""


class DcLink(Section):
    """The capacitor of the PCS on the DC bus, and the resistor that discharges it."""

    capacitance: units.Farads
    bleed_resistance: units.Ohms


class Rail(Section):
    """The two rails along the cells of a group: one segment between neighbours, of each rail.

    The minus terminal of the group is at its first cell; the plus terminal at the `same_end`, or
    at the last cell (`opposite_ends`).
    """

    resistance: units.OhmsOrZero
    take_off: Literal["same_end", "opposite_ends"]


class Wiring(Section):
    """Every resistance between the cells and the DC bus, the switchgear, and fuses.

    Without `rail` all cells of a group hang on one node, each by its joint.
    """

    joint_resistance: units.OhmsOrZero
    rail: Rail | None = None
    link_resistance: units.OhmsOrZero
    rack_resistance: units.OhmsOrZero
    bleed_resistance: units.Ohms
    contactor: Contactor
    precharge: Precharge
    fuse: Fuse
    cell_fuse: CellFuse | None = None
    dc_link: DcLink


class Layout(Section):
    """One module seen from above: groups run along the columns, and fold.

    Every other row of groups runs backwards. Where `columns` does not divide the groups of a module
    the last row is shorter, and begins where the row before it ends. `pitch` is from the middle of
    a cell to that of the next, not less than the diameter of round cells.
    """

    columns: Count
    pitch: units.Metres


class Plate(Section):
    """The cold plate below one group."""

    cell_conductance: units.WattsPerKelvin
    heat_capacity: units.JoulesPerKelvin
    coolant_conductance: units.WattsPerKelvin


def _temperature_or_ambient(value: Any) -> Any:
    if value == "ambient":
        return value
    try:
        return Quantity(units.TEMPERATURE, Bounds(ge=223.15, le=373.15)).validate(value)
    except PydanticCustomError as error:
        text = f"{error.message()}, or the word 'ambient'"
        raise PydanticCustomError("quantity", "{text}", {"text": text}) from error


class Coolant(Section):
    """The coolant of one rack; `inlet_temperature` [K], or the word `ambient`."""

    inlet_temperature: Annotated[
        float | Literal["ambient"],
        BeforeValidator(_temperature_or_ambient, json_schema_input_type=str),
        Field(description="temperature with its unit, or ambient", examples=["25 degC"]),
    ]
    flow: units.KilogramsPerSecond
    specific_heat: units.SpecificHeat


class Thermal(Section):
    """Heat paths between cells, plate, coolant and air; what a pack has beyond these.

    `neighbour_conductance` is that of cells without a `module.barrier` between them;
    `busbar_conductance` leads from one group to the next in series.
    """

    neighbour_conductance: units.WattsPerKelvin
    ambient_conductance: units.WattsPerKelvin
    plate: Plate
    coolant: Coolant
    busbar_conductance: units.WattsPerKelvin = 0.0
    radiation: Radiation | None = None
    housing: Housing | None = None
    cooling: Cooling | None = None


class Series(Section):
    """One column of a profile file, and the clock that its `time_s` counts on.

    `clock` says where time 0 of the file lies: at the start of the scenario, or at midnight,
    Monday 00:00 or 1 January 00:00 of the clock that `start` is written in. The last three repeat.
    """

    profile: Name = Field(examples=["weather_greensboro"])
    column: Name = Field(examples=["temperature"])
    clock: Literal["start", "day", "week", "year"]
    repeat: bool = Field(default=False, strict=True)


class Load(Series):
    """Site load: `peak` scales a per-unit column; a column in watts is taken as it is."""

    peak: units.Watts | None = None


class Pv(Series):
    """PV plant, from a column of irradiance on the horizontal plane."""

    rated_power: units.Watts


class VehicleDemand(Section):
    """Power at the battery terminals of a car that follows a speed schedule."""

    kind: Literal["vehicle"]
    schedule: Name = Field(examples=["us06"])
    repeat: bool = Field(default=False, strict=True)
    mass: units.Kilograms
    drag_area: units.SquareMetres
    rolling_resistance: PerUnit
    drive_efficiency: Efficiency
    regeneration_efficiency: Fraction
    auxiliary_power: units.WattsOrZero
    share: Efficiency


class PowerDemand(Section):
    """Power from a column of a profile file; discharge positive."""

    kind: Literal["power"]
    profile: Name
    column: Name = "power"
    repeat: bool = Field(default=False, strict=True)
    scale: PositiveNumber = 1.0


class ConstantDemand(Section):
    """The same power all the time; discharge positive."""

    kind: Literal["constant"]
    power: units.SignedWatts


class DemandStep(Section):
    """A power held for a while; discharge positive."""

    duration: units.Seconds
    power: units.SignedWatts


class StepsDemand(Section):
    """Powers held one after the other; discharge positive."""

    kind: Literal["steps"]
    steps: tuple[DemandStep, ...] = Field(min_length=1)
    repeat: bool = Field(default=False, strict=True)


Demand = Annotated[
    VehicleDemand | PowerDemand | ConstantDemand | StepsDemand, Field(discriminator="kind")
]
# Tags in <> never show in a key path.
Ambient = Annotated[
    Annotated[units.Kelvin, UnionTag("<value>")] | Annotated[Series, UnionTag("<series>")],
    Discriminator(lambda v: "<series>" if isinstance(v, dict | Series) else "<value>"),
]


class Surroundings(Section):
    """What the site sees: air temperature [K] or its series, demand, load, PV and price."""

    ambient: Ambient
    demand: Demand | None = None
    load: Load | None = None
    pv: Pv | None = None
    price: Series | None = None


class Pcs(Section):
    """The power conversion system; `loss` is standby, linear and quadratic part of rated power."""

    use: PlugIn
    rated_power: units.Watts
    loss: tuple[PerUnit, PerUnit, PerUnit]
    delay: units.SecondsOrZero
    lag: units.SecondsOrZero
    ramp: units.PerSecond
    voltage_min: units.Volts


class Controller(Section):
    """A BMS or EMS plug-in, how often it runs, and its own options."""

    use: PlugIn
    period: units.Seconds
    options: dict[str, Any] = Field(default_factory=dict)


class Record(Section):
    """How often a row, a block on disk and a checkpoint are written."""

    period: units.Seconds = 1.0
    block: units.Seconds = 60.0
    checkpoint: units.Seconds = 300.0
