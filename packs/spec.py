"""What a pack is, in SI: the frozen description that the plant is built from.

A scenario file is turned into these classes by `twin.build`; a program may build them itself.
Nothing here has a default: what the physics needs is stated.
"""

from __future__ import annotations

from dataclasses import dataclass

from cell_models.runaway_params import RunawayParams
from packs.absorption import Absorption
from packs.enclosure import EnclosureSpec
from packs.heat_spec import BarrierSpec, CoolingSpec, HousingSpec, LayersSpec, RadiationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSpec:
    """How many: `modules` of each rack; racks on one bus may have more or fewer."""

    modules: tuple[int, ...]
    groups_per_module: int
    cells_per_group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LumpSpec:
    """What one simulated cell stands for: so many cells in parallel, so many groups in series."""

    parallel: int
    series: int

    @property
    def cells(self) -> int:
        """Cells in one."""
        return self.parallel * self.series


EVERY_CELL = LumpSpec(parallel=1, series=1)
"""Full detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadSpec:
    """One standard deviation over cells; capacity and resistance relative, soc absolute."""

    capacity: float
    resistance: float
    initial_soc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RackSpec:
    """How the cells of one rack differ from the others: start, relative capacity and resistance."""

    rack: int
    initial_soc: float
    capacity: float
    resistance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RailSpec:
    """The two rails along the cells of a group.

    Attributes
    ----------
    segment_ohm : float
        One rail between two neighbouring cells [ohm].
    opposite_ends : bool
        The plus terminal of the group is at its last cell, not at the first as the minus terminal.
    """

    segment_ohm: float
    opposite_ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WiringSpec:
    """Everything that carries current between the cells and the DC bus.

    Attributes
    ----------
    joint_ohm : float
        Weld and strap of one cell [ohm].
    link_ohm : float
        Busbar of one group to its neighbour [ohm].
    rack_ohm : float
        Cables and fuse of one rack [ohm].
    bleed_ohm : float
        Balancing resistor across one group [ohm].
    contactor_ohm, contactor_delay_s : float
        One closed contactor [ohm]; coil delay [s].
    precharge_ohm : float
    contactor_break_A, contactor_make_A : float
        What it can interrupt and what it can close onto; above, it welds [A].
    fuse_rating_A, fuse_least_A, fuse_melting_A2s : float
        Rated current; smallest that ever melts it; melting I2t of a short pulse.
    link_capacitance_F, link_bleed_ohm : float
        DC link capacitor and the resistor across it.
    insulation_ohm : float
        Each rack to ground [ohm].
    rail : RailSpec or None
        None where all cells of a group hang on one node.
    """

    joint_ohm: float
    link_ohm: float
    rack_ohm: float
    bleed_ohm: float
    contactor_ohm: float
    contactor_delay_s: float
    precharge_ohm: float
    contactor_break_A: float
    contactor_make_A: float
    fuse_rating_A: float
    fuse_least_A: float
    fuse_melting_A2s: float
    link_capacitance_F: float
    link_bleed_ohm: float
    insulation_ohm: float
    rail: RailSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFuseSpec:
    """Wire bond or tab of one cell: rated current, smallest that ever melts it, melting I2t.

    Its resistance is part of `WiringSpec.joint_ohm`.
    """

    rating_A: float
    least_A: float
    melting_A2s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CidSpec:
    """Current interrupt device in a cell: state of charge and temperature [K] that open it."""

    overcharge: float
    temperature_K: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunawaySpec:
    """Thermal runaway of the cells.

    Attributes
    ----------
    params : RunawayParams
        The reactions.
    gate_K : float
        Below it nothing reacts.
    body_share : float
        Of all heat that a cell releases, what it keeps; the rest leaves with matter.
    ejected_mass : float
        Of a full cell's mass, what leaves.
    separator_K : float
        At which its separator collapses.
    short_ohm : float
        What then lies across its terminals.
    full_J : float
        All heat of a full cell, reactions and charge: with less, less mass leaves.
    """

    params: RunawayParams
    gate_K: float
    body_share: float
    ejected_mass: float
    separator_K: float
    short_ohm: float
    full_J: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSpec:
    """The gas of a module: its housing, and where ejecta go; to the gas alone, if None."""

    enclosure: EnclosureSpec
    absorption: Absorption | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutSpec:
    """One module seen from above: groups along the columns, folding; cells across [m]."""

    columns: int
    pitch_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalSpec:
    """Heat paths. `coolant_inlet_K` is None when the coolant enters at ambient temperature.

    Heat of bleed resistors, rack cables and switches leaves the pack: it warms no cell.

    Attributes
    ----------
    neighbour_W_per_K : float
        Between two cells one pitch apart.
    ambient_W_per_K : float
        One cell to the air.
    plate_W_per_K : float
        One cell to the cold plate.
    plate_J_per_K : float
        Cold plate under one group.
    coolant_W_per_K : float
        Plate to coolant, under one group.
    coolant_flow_kg_per_s, coolant_J_per_kg_K : float
        Of one rack.
    coolant_inlet_K : float or None
    barriers : tuple of BarrierSpec
        In place of `neighbour_W_per_K` where they are.
    busbar_W_per_K : float
        From one group to the next in series, through busbar and tabs of all its cells.
    radiation, housing, cooling : RadiationSpec, HousingSpec, CoolingSpec or None
        None where there is none.
    layers : LayersSpec or None
        None where a cell is one node.
    """

    neighbour_W_per_K: float
    ambient_W_per_K: float
    plate_W_per_K: float
    plate_J_per_K: float
    coolant_W_per_K: float
    coolant_flow_kg_per_s: float
    coolant_J_per_kg_K: float
    coolant_inlet_K: float | None
    barriers: tuple[BarrierSpec, ...] = ()
    busbar_W_per_K: float = 0.0
    radiation: RadiationSpec | None = None
    housing: HousingSpec | None = None
    cooling: CoolingSpec | None = None
    layers: LayersSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PcsSpec:
    """Power conversion system: `loss` is (standby, linear, quadratic) of the rated power."""

    rated_W: float
    loss: tuple[float, float, float]
    delay_s: float
    lag_s: float
    ramp_per_s: float
    voltage_min_V: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSpec:
    """One kind of sensor, as on its data sheet.

    Attributes
    ----------
    noise : float
        One sigma of each sample, in the unit of the quantity.
    offset, gain : float
        One sigma over sensors of a fixed offset (unit of the quantity) and gain error (relative).
    resolution : float
        Step of the quantiser; 0 for none.
    period_s : float
        Between two samples.
    delay_s : float
        From sample to delivery; a multiple of the period.
    lag_s : float
        First-order time constant of the sensor itself; 0 for none.
    """

    noise: float
    offset: float
    gain: float
    resolution: float
    period_s: float
    delay_s: float
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorsSpec:
    """All sensors; None is not fitted.

    Attributes
    ----------
    temperature_per : str
        ``group`` or ``module``; there are `temperature_count` thermistors in each.
    scan_skew_s : float
        Between two channels of a module's AFE, which scans its groups in order; 0 for all at once.
    sense_wire_ohm : float
        Each of the wires that the AFE both measures and bleeds through; 0 where it blanks the
        bleeding while it samples.
    """

    group_voltage: SensorSpec
    temperature: SensorSpec
    rack_current: SensorSpec
    rack_voltage: SensorSpec
    bus_voltage: SensorSpec
    coolant: SensorSpec | None
    ambient: SensorSpec | None
    insulation: SensorSpec | None
    coolant_flow: SensorSpec | None
    module_pressure: SensorSpec | None
    module_gas: SensorSpec | None
    temperature_per: str
    temperature_count: int
    scan_skew_s: float
    sense_wire_ohm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSpec:
    """The plant: size, cells' start, wiring, layout, heat paths; racks that differ, if any.

    `cell_fuse` and `cid` are None where cells have no such device, `runaway` where they never
    react, `module` where nothing is known of the gas around them.
    """

    size: SizeSpec
    spread: SpreadSpec
    unequal: tuple[RackSpec, ...] = ()
    wiring: WiringSpec
    cell_fuse: CellFuseSpec | None = None
    cid: CidSpec | None = None
    runaway: RunawaySpec | None = None
    module: ModuleSpec | None = None
    layout: LayoutSpec
    thermal: ThermalSpec
    initial_soc: float
    initial_temperature_K: float
    table_refresh_s: float
    alert_step_s: float
