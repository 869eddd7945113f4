"""Heat paths and cooling devices that a pack may have: the parts of `packs.spec.ThermalSpec`."""

from __future__ import annotations

from dataclasses import dataclass

ALUMINIUM_MELTS_K = 855.15
"""Solidus of the aluminium alloy 6061, 582 degC; it is liquid at 652 degC (The Aluminum
Association, typical values). Casting alloys of aluminium and silicon begin to melt at 557 to 577
degC, mild steel near 1450 degC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierSpec:
    """A sheet between neighbouring cells; heat that crosses it has no other way.

    Attributes
    ----------
    between : str
        ``cells``: every two neighbours; ``groups``: those of two groups; ``columns``: those of two
        columns. Of several in one place the last counts.
    W_per_K : float
        Between the two cells, `packs.barriers.barrier_W_per_K`.
    name : str
        Its material, as shown to people.
    """

    between: str
    W_per_K: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersSpec:
    """Nodes through the thickness of every cell.

    Attributes
    ----------
    count : int
        Layers of a cell, all alike.
    through_W_per_K : float
        From one face of a cell to the other, k A / d.
    along_columns : bool
        Whether neighbours in the next columns touch the faces; else those in the next rows do.
    """

    count: int
    through_W_per_K: float
    along_columns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiationSpec:
    """Radiation between neighbours with no barrier between them; cells are grey cylinders."""

    emissivity: float
    diameter_m: float
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HousingSpec:
    """The housing of one module: one node.

    Attributes
    ----------
    J_per_K : float
        Of one module's housing.
    cell_W_per_K : float
        One cell to it.
    ambient_W_per_K : float
        One housing to the air.
    melting_K : float
        Where it begins to melt. That is told, and nothing follows from it: housings keep their
        shape and take no heat of fusion.
    """

    J_per_K: float
    cell_W_per_K: float
    ambient_W_per_K: float
    melting_K: float = ALUMINIUM_MELTS_K


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """A pump, fan or valve: time constant of its response, electric power at full duty."""

    response_s: float
    power_W: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FanSpec(DeviceSpec):
    """A fan: `full_W_per_K` of one cell to the air at full duty."""

    full_W_per_K: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChillerSpec(DeviceSpec):
    """A chiller in the coolant's feed; `power_W` is the heat that it can take at full duty.

    Attributes
    ----------
    performance : float
        Heat taken over electric power (COP).
    outlet_K : float
        It never cools below.
    """

    performance: float
    outlet_K: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaterSpec(DeviceSpec):
    """A heater in the coolant's feed; `power_W` is the heat that it gives at full duty.

    Attributes
    ----------
    efficiency : float
        Heat given over electric power.
    outlet_K : float
        It never heats above.
    """

    efficiency: float
    outlet_K: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingSpec:
    """The devices that follow the BMS's duties; None is not fitted, and what it moves stays as
    `packs.spec.ThermalSpec` says."""

    pump: DeviceSpec | None = None
    fan: FanSpec | None = None
    valve: DeviceSpec | None = None
    chiller: ChillerSpec | None = None
    heater: HeaterSpec | None = None
