"""What a BMS and an EMS are told, and what they answer: the messages of the controller ports.

A controller sees the pack through these classes alone. Arrays are flat; the index maps in
`PackMap` say which rack, module and group an entry belongs to. The arrays are the engine's copies:
whatever a controller does to them, no truth can be reached or changed through them.

Signs: discharge current and exported power are positive. Units are in the names. A value counts
only where its `valid` is true; an invalid value is NaN. `age_s` is the time since the value was
sampled. A quantity that a pack has no sensor for is "not fitted": its array is empty or its
`valid` is False for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from controllers.memory import FieldSpec, View
from controllers.pack_map import CellRating, PackMap
from controllers.terms import (
    AlarmScope,
    BmsRequest,
    BmsState,
    EmsMode,
    HostMode,
    Severity,
)

__all__ = [
    "Alarm", "AlarmScope", "Bms", "BmsCommand", "BmsRequest", "BmsState", "CellRating", "Channel",
    "Ems", "EmsCommand", "EmsInputs", "EmsMode", "FieldSpec", "Forecast", "HostMode",
    "HostRequest", "Measurements", "PackMap", "Severity", "View",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _nan(n: int) -> Floats:
    return np.full(n, np.nan)


@dataclass(slots=True, kw_only=True)
class Channel:
    """One kind of measurement: values with their validity and age.

    Attributes
    ----------
    value : float64 (n,)
        In the unit of the channel's name; NaN where not valid.
    valid : bool (n,)
        False for a lost, implausible or not fitted sensor.
    age_s : float64 (n,), [s]
        Time since the value was sampled.
    """

    value: Floats
    valid: Bools
    age_s: Floats

    @classmethod
    def not_fitted(cls, n: int = 0) -> Channel:
        """Return a channel of `n` entries that no sensor feeds."""
        return cls(value=_nan(n), valid=np.zeros(n, dtype=np.bool_), age_s=np.full(n, np.inf))


@dataclass(slots=True, kw_only=True)
class HostRequest:
    """What the host asks: mode, power, reset of latched alarms, emergency stop."""

    mode: HostMode = HostMode.NORMAL
    power_W: float = 0.0
    reset: bool = False
    emergency_stop: bool = False


@dataclass(slots=True, kw_only=True)
class Measurements:
    """Everything that a BMS can know. Shapes: G groups, T thermistors, R racks, M modules.

    Attributes
    ----------
    time_s : float
        Simulated time since the start [s].
    unix_time_s : float
        Calendar time [s since 1970-01-01 UTC].
    group_voltage_V : Channel (G,)
    temperature_K : Channel (T,)
        Thermistors; `PackMap.temperature_group` says where.
    rack_current_A, rack_current_b_A : Channel (R,)
        Two independent current channels; discharge positive.
    rack_voltage_V : Channel (R,)
        All groups in series, before fuse and cables of the rack.
    bus_voltage_V : Channel (1,)
        DC link, on the PCS side of the contactors.
    insulation_ohm : Channel (R,)
    contactor_feedback : bool (R, 3)
        Auxiliary contacts of minus, precharge, plus: True when closed.
    fuse_ok : bool (R,)
    coolant_inlet_K, coolant_outlet_K, coolant_flow_kg_per_s : Channel (R,)
    module_pressure_Pa, module_gas_ppm : Channel (M,)
        Not fitted in every pack.
    interlock_closed : bool
    supply_V : float
        Auxiliary (12 V) supply [V].
    ambient_K : Channel (1,)
    host : HostRequest
    ems_heartbeat : int
        Counts up while the EMS lives.
    """

    time_s: float = 0.0
    unix_time_s: float = 0.0
    group_voltage_V: Channel = field(default_factory=Channel.not_fitted)
    temperature_K: Channel = field(default_factory=Channel.not_fitted)
    rack_current_A: Channel = field(default_factory=Channel.not_fitted)
    rack_current_b_A: Channel = field(default_factory=Channel.not_fitted)
    rack_voltage_V: Channel = field(default_factory=Channel.not_fitted)
    bus_voltage_V: Channel = field(default_factory=Channel.not_fitted)
    insulation_ohm: Channel = field(default_factory=Channel.not_fitted)
    contactor_feedback: Bools = field(default_factory=lambda: np.zeros((0, 3), dtype=np.bool_))
    fuse_ok: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    coolant_inlet_K: Channel = field(default_factory=Channel.not_fitted)
    coolant_outlet_K: Channel = field(default_factory=Channel.not_fitted)
    coolant_flow_kg_per_s: Channel = field(default_factory=Channel.not_fitted)
    module_pressure_Pa: Channel = field(default_factory=Channel.not_fitted)
    module_gas_ppm: Channel = field(default_factory=Channel.not_fitted)
    interlock_closed: bool = True
    supply_V: float = 12.0
    ambient_K: Channel = field(default_factory=Channel.not_fitted)
    host: HostRequest = field(default_factory=HostRequest)
    ems_heartbeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One transition of one alarm.

    Attributes
    ----------
    code : str
        Short name, as in ``cell_undervoltage``.
    severity : Severity
    scope : AlarmScope
        What `component` counts.
    component : int
        Index over the site, from 0; -1 when the alarm concerns everything.
    active : bool
        True when it comes, False when it goes.
    value, limit : float
        Measured value and the limit it crossed, in the unit that `text` names; NaN if none.
    text : str
        One sentence for a person.
    """

    code: str
    severity: Severity
    scope: AlarmScope
    component: int
    active: bool
    value: float = float("nan")
    limit: float = float("nan")
    text: str = ""


@dataclass(slots=True, kw_only=True)
class BmsCommand:
    """What a BMS commands and reports. Shapes: R racks, G groups.

    A NaN or missing limit counts as zero. Limits are positive in both directions.

    Attributes
    ----------
    minus, precharge, plus : bool (R,)
        Coils of the three contactors of each rack.
    bleed : bool (G,)
        Balancing switch across each group.
    transfer_A : float64 (G,)
        Active balancing current, discharge positive [A]; zero when not fitted.
    rack_charge_limit_A, rack_discharge_limit_A : float64 (R, 4)
        Limit now, and for 2, 10 and 30 s [A].
    site_charge_limit_A, site_discharge_limit_A : float64 (4,)
        The same for the whole DC bus [A].
    pump, fan, valve, chiller, heater : float
        Duty of the thermal actuators, 0-1.
    state : int64 (R,)
        `BmsState` of each rack.
    group_soc, group_soc_std : float64 (G,)
        State of charge and its standard deviation (one sigma), 0-1; NaN when not estimated.
    group_soc_counted : float64 (G,)
        Coulomb count beside it.
    group_soh : float64 (G,)
        State of health, 0-1; NaN when not estimated.
    usable_discharge_J, usable_charge_J : float
        Energy that can still be taken out, or put in [J].
    alarms : list of Alarm
        Transitions since the last command.
    request : BmsRequest
    sequence : int
        Counts up by one for each new command: the heartbeat.
    reason : str
        Why the limits are what they are.
    """

    minus: Bools
    precharge: Bools
    plus: Bools
    bleed: Bools
    transfer_A: Floats
    rack_charge_limit_A: Floats
    rack_discharge_limit_A: Floats
    site_charge_limit_A: Floats
    site_discharge_limit_A: Floats
    state: Ints
    group_soc: Floats
    group_soc_std: Floats
    group_soc_counted: Floats
    group_soh: Floats
    pump: float = 0.0
    fan: float = 0.0
    valve: float = 0.0
    chiller: float = 0.0
    heater: float = 0.0
    usable_discharge_J: float = float("nan")
    usable_charge_J: float = float("nan")
    alarms: list[Alarm] = field(default_factory=list)
    request: BmsRequest = BmsRequest.NONE
    sequence: int = 0
    reason: str = ""

    @classmethod
    def all_open(cls, pack: PackMap) -> BmsCommand:
        """Return the safe command: contactors open, limits zero, nothing estimated."""
        n_racks, n_groups = pack.n_racks, pack.n_groups
        return cls(
            minus=np.zeros(n_racks, dtype=np.bool_),
            precharge=np.zeros(n_racks, dtype=np.bool_),
            plus=np.zeros(n_racks, dtype=np.bool_),
            bleed=np.zeros(n_groups, dtype=np.bool_),
            transfer_A=np.zeros(n_groups),
            rack_charge_limit_A=np.zeros((n_racks, 4)),
            rack_discharge_limit_A=np.zeros((n_racks, 4)),
            site_charge_limit_A=np.zeros(4),
            site_discharge_limit_A=np.zeros(4),
            state=np.zeros(n_racks, dtype=np.int64),
            group_soc=_nan(n_groups),
            group_soc_std=_nan(n_groups),
            group_soc_counted=_nan(n_groups),
            group_soh=_nan(n_groups),
        )


@dataclass(slots=True, kw_only=True)
class Forecast:
    """Expected load, PV and price ahead. Empty arrays when there is no forecaster."""

    time_s: Floats = field(default_factory=lambda: np.zeros(0))
    load_W: Floats = field(default_factory=lambda: np.zeros(0))
    pv_W: Floats = field(default_factory=lambda: np.zeros(0))
    price_per_J: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(slots=True, kw_only=True)
class EmsInputs:
    """What an EMS is told: limits and status from the BMS, and the site around it.

    Attributes
    ----------
    time_s, unix_time_s : float
        Simulated and calendar time [s].
    utc_offset_s : float
        Local clock minus UTC [s].
    bms_sequence : int
    bms_age_s : float
        Age of the BMS's last command [s]; limits older than 3 s are already zero here.
    charge_limit_A, discharge_limit_A : float64 (4,)
        Site limits now, and for 2, 10, 30 s [A]; finite, never negative.
    voltage_min_V, voltage_max_V : float
        Lowest and highest plausible bus voltage: what turns amperes into safe watts [V].
    bus_voltage_V : float
        Measured [V]; NaN when unknown.
    is_connected : bool
        At least one rack is on the bus.
    soc, soc_std : float
        Mean over groups as the BMS estimates it; NaN when unknown.
    soh : float
    usable_discharge_J, usable_charge_J : float
    request : BmsRequest
    alarm_severity : Severity
        Worst active alarm.
    profile_W : float
        Power asked of the battery by the scenario's profile, AC side [W].
    load_W, pv_W : float
        Site load and PV generation, both positive [W].
    price_per_J : float
        NaN when there is no tariff.
    is_grid_connected : bool
    grid_frequency_Hz : float
    pcs_power_W : float
        Measured AC power [W].
    pcs_rated_W : float
    forecast : Forecast
    """

    time_s: float = 0.0
    unix_time_s: float = 0.0
    utc_offset_s: float = 0.0
    bms_sequence: int = 0
    bms_age_s: float = float("inf")
    charge_limit_A: Floats = field(default_factory=lambda: np.zeros(4))
    discharge_limit_A: Floats = field(default_factory=lambda: np.zeros(4))
    voltage_min_V: float = 0.0
    voltage_max_V: float = 0.0
    bus_voltage_V: float = float("nan")
    is_connected: bool = False
    soc: float = float("nan")
    soc_std: float = float("nan")
    soh: float = float("nan")
    usable_discharge_J: float = float("nan")
    usable_charge_J: float = float("nan")
    request: BmsRequest = BmsRequest.NONE
    alarm_severity: Severity = Severity.INFO
    profile_W: float = 0.0
    load_W: float = 0.0
    pv_W: float = 0.0
    price_per_J: float = float("nan")
    is_grid_connected: bool = True
    grid_frequency_Hz: float = 50.0
    pcs_power_W: float = 0.0
    pcs_rated_W: float = 0.0
    forecast: Forecast = field(default_factory=Forecast)


@dataclass(slots=True, kw_only=True)
class EmsCommand:
    """What an EMS commands.

    Attributes
    ----------
    power_W : float
        AC power of the battery, export (discharge) positive [W].
    reactive_var : float
    mode : EmsMode
    reserve_soc : float
        SOC that must be kept back, 0-1.
    pre_cool : float
        Cooling asked for ahead of need, 0-1.
    heartbeat : int
        Counts up with every command.
    reason : str
        The rule that bound the set-point.
    """

    power_W: float = 0.0
    reactive_var: float = 0.0
    mode: EmsMode = EmsMode.RUN
    reserve_soc: float = 0.0
    pre_cool: float = 0.0
    heartbeat: int = 0
    reason: str = ""


@runtime_checkable
class Bms(Protocol):
    """The contract of a BMS plug-in; the factory is called as ``Factory(pack, options)``.

    `fields` declares all memory; between two calls nothing else may be remembered, unless
    `forkable` is False. `describe` returns what the report prints about the plug-in.
    """

    fields: tuple[FieldSpec, ...]
    forkable: bool

    def step(self, time_s: float, inputs: Measurements, view: Any) -> BmsCommand: ...

    def describe(self) -> dict[str, Any]: ...


@runtime_checkable
class Ems(Protocol):
    """The contract of an EMS plug-in; the factory is called as ``Factory(pack, options)``."""

    fields: tuple[FieldSpec, ...]
    forkable: bool

    def step(self, time_s: float, inputs: EmsInputs, view: Any) -> EmsCommand: ...

    def describe(self) -> dict[str, Any]: ...
