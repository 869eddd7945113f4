"""The controllers' side of a step: messages in, commands out, and a lost controller made safe.

Controllers get copies, never views on truth, and remember only what they declared. What they
command is copied into the state at once, so that it holds between their periods and survives a
snapshot. A controller that raises is lost: contactors open and stay open, limits are zero, an event
says why, and the run goes on.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from cell_models.jit import bound
from controllers.exchange import mean_of, take_command, zero_bad_limits
from controllers.ports import (
    Alarm,
    BmsCommand,
    BmsState,
    Channel,
    EmsCommand,
    EmsInputs,
    EmsMode,
    HostMode,
    HostRequest,
    Measurements,
    PackMap,
    Severity,
)
from packs.sensors import KINDS, Sensors, hand_over
from packs.state import Schema, State
from twin.runfiles.layout import Event
from twin.watchdog import watchdog_for

STALE_S = 3.0
"""Limits older than this count as zero (ems.md section 3, default of the handshake, assumed)."""
VOLTAGE_BAND = 0.1
"""The bus may lie this far from its last reading while limits become watts (assumed)."""
HORIZONS = 4
"""Limits now, and for 2, 10 and 30 s."""
CHARGE, DISCHARGE = 0, 1
SITE = -1
"""The last row of the limits: the whole DC bus."""
WORST_FIRST = tuple(sorted(Severity, reverse=True))

Emit = Callable[[Event], None]


def declare_commands(schema: Schema, pack: PackMap) -> None:
    """Declare the commands in force, as BMS and EMS last gave them."""
    racks, groups = pack.n_racks, pack.n_groups
    add = schema.add
    add("bms", "coil", (racks, 3), integer=True)
    add("bms", "bleed", (groups,), integer=True)
    add("bms", "limit_A", (racks + 1, 2, HORIZONS), unit="A")  # racks, then site; CHARGE, DISCHARGE
    add("bms", "state", (racks,), integer=True)
    for name in ("soc", "soc_std", "soc_counted", "soh"):
        add("bms", name, (groups,), initial=np.nan)
    for name in ("usable_discharge_J", "usable_charge_J"):
        add("bms", name, unit="J", initial=np.nan)
    for name in ("request", "sequence", "lost", "commanded_at", "bad_limits"):
        add("bms", name, integer=True)
    add("bms", "duty", (5,))
    add("bms", "alarms", (len(Severity),), integer=True)
    add("ems", "power_W", unit="W")
    add("ems", "reactive_var", unit="var")
    for name in ("mode", "heartbeat", "lost", "reason", "bad_power"):
        add("ems", name, integer=True)
    for name in ("reserve_soc", "pre_cool"):
        add("ems", name)


def plug_in_state(fields: Any, owner: str) -> State:
    """Allocate the memory of one plug-in; it shares no buffer with the plant."""
    schema = Schema()
    for field in fields:
        schema.add(
            owner, field.name, field.shape, unit=field.unit, integer=field.integer,
            initial=field.initial,
        )  # fmt: skip
    return schema.build()


class BmsPort:
    """Hands measurements to the BMS and its command to the state."""

    def __init__(self, bms: Any, pack: PackMap, sensors: Sensors, emit: Emit) -> None:
        self.bms = bms
        self.pack = pack
        self._emit = emit
        self._watchdog = watchdog_for(bms)
        self.memory = plug_in_state(bms.fields, "bms")
        self._view = self.memory.view("bms")
        self._value = np.full(sensors.n, np.nan)
        self._valid = np.zeros(sensors.n, dtype=np.bool_)
        self._age_s = np.zeros(sensors.n)
        fitted = {
            kind: Channel(value=self._value[at], valid=self._valid[at], age_s=self._age_s[at])
            for kind, at in sensors.slices.items()
        }
        self.measurements = Measurements()
        by_place = {"coolant_flow_kg_per_s": pack.n_racks, "module_pressure_Pa": pack.n_modules}
        by_place["module_gas_ppm"] = pack.n_modules
        for kind in KINDS:
            channel = fitted[kind]
            if kind in by_place and not len(channel.value):
                channel = Channel.not_fitted(by_place[kind])
            setattr(self.measurements, kind, channel)
        self.measurements.host = HostRequest(mode=HostMode.NORMAL)
        self.measurements.contactor_feedback = np.zeros((pack.n_racks, 3), dtype=np.bool_)
        self.measurements.fuse_ok = np.ones(pack.n_racks, dtype=np.bool_)
        self._agreed = self._known = _arrays_of(BmsCommand.all_open(pack))

    def bind(self, out: Any, sensors_view: Any, switch_view: Any, ems_out: Any) -> None:
        """Take the views on the commands in force and on what is measured."""
        self.out = out
        self._sensors = sensors_view
        self._switch = switch_view
        self._ems_out = ems_out
        self._in_force = (
            out.coil, out.limit_A, out.state, out.bleed, out.soc, out.soc_std, out.soc_counted,
            out.soh,
        )  # fmt: skip
        self._take = bound(take_command, *self._agreed, *self._in_force)

    def fill(self, tick: int, unix_start_s: float, power_W: float) -> Measurements:
        """Copy what is measured into the message."""
        m, sensors = self.measurements, self._sensors
        hand_over(
            tick, sensors.value, sensors.valid, sensors.sampled_at, self._switch.feedback,
            self._switch.fuse_blown, self._value, self._valid, self._age_s, m.contactor_feedback,
            m.fuse_ok,
        )  # fmt: skip
        m.time_s = tick / 1000.0
        m.unix_time_s = unix_start_s + m.time_s
        m.host.power_W = power_W
        m.ems_heartbeat = int(self._ems_out.heartbeat[0])
        return m

    def run(self, tick: int, message: Measurements) -> None:
        """Ask the BMS; whatever it does, a command is in force afterwards."""
        if self.out.lost[0]:
            return
        try:
            with self._watchdog:
                command = self.bms.step(message.time_s, message, self._view)
            self.accept(tick, command)
        except (Exception, SystemExit) as error:  # any defect of a plug-in: a lost controller
            self.lose(tick, f"{type(error).__name__}: {error}")

    def lose(self, tick: int, why: str) -> None:
        """Open everything: the controller is lost."""
        self._write(BmsCommand.all_open(self.pack))
        self.out.state[:] = BmsState.ERROR
        self.out.lost[0] = 1
        self._emit(
            Event(
                time_s=tick / 1000.0,
                source="engine",
                code="bms_lost",
                severity="open",
                transition="came",
                text=f"the BMS failed ({why}); its contactors open and stay open",
            )
        )

    def accept(self, tick: int, command: BmsCommand) -> None:
        """Put a command in force; limits that are no numbers count as zero."""
        out = self.out
        bad = self._write(command)
        out.commanded_at[0] = tick
        if bool(bad) != bool(out.bad_limits[0]):
            self._emit(_bad_limits(tick, bad))
        out.bad_limits[0] = bad
        for alarm in command.alarms:
            out.alarms[alarm.severity] += 1 if alarm.active else -1
            self._emit(self._event(tick, alarm))

    def _write(self, command: BmsCommand) -> int:
        """Copy a command to the state; return how many of its limits count as zero."""
        out, arrays = self.out, _arrays_of(command)
        if all(map(is_, arrays, self._known)) or self._are_as_agreed(arrays):
            self._known = arrays
            bad = self._take(*arrays, *self._in_force)
        else:
            self._assign(arrays)
            bad = zero_bad_limits(out.limit_A.reshape(-1))
        out.usable_discharge_J[0] = command.usable_discharge_J
        out.usable_charge_J[0] = command.usable_charge_J
        out.request[0] = command.request
        out.sequence[0] = command.sequence
        out.duty[:] = (command.pump, command.fan, command.valve, command.chiller, command.heater)
        return bad

    def _are_as_agreed(self, arrays: tuple[Any, ...]) -> bool:
        """Tell whether the arrays of a command have the types and shapes that `BmsCommand` says."""
        return all(
            type(array) is np.ndarray
            and array.dtype == safe.dtype
            and array.shape == safe.shape
            and array.flags.c_contiguous
            and array.flags.aligned
            for array, safe in zip(arrays, self._agreed, strict=True)
        )

    def _assign(self, arrays: tuple[Any, ...]) -> None:
        """Put arrays in force that are other than agreed, as far as NumPy can assign them."""
        coil, limit_A, *rest = self._in_force
        coil[:, 0], coil[:, 1], coil[:, 2] = arrays[:3]
        limit_A[:SITE, CHARGE], limit_A[:SITE, DISCHARGE] = arrays[3:5]
        limit_A[SITE, CHARGE], limit_A[SITE, DISCHARGE] = arrays[5:7]
        for to, values in zip(rest, arrays[7:], strict=True):
            to[:] = values

    def _event(self, tick: int, alarm: Alarm) -> Event:
        return Event(
            time_s=tick / 1000.0,
            source="bms",
            code=alarm.code,
            severity=alarm.severity.name.lower(),
            transition="came" if alarm.active else "went",
            component=self.pack.component_name(alarm.scope, alarm.component),
            value=alarm.value,
            limit=alarm.limit,
            text=alarm.text,
        )


def _arrays_of(command: BmsCommand) -> tuple[Any, ...]:
    """Return the arrays of a command in the order in which `take_command` takes them."""
    return (
        command.minus, command.precharge, command.plus, command.rack_charge_limit_A,
        command.rack_discharge_limit_A, command.site_charge_limit_A,
        command.site_discharge_limit_A, command.state, command.bleed, command.group_soc,
        command.group_soc_std, command.group_soc_counted, command.group_soh,
    )  # fmt: skip


class EmsPort:
    """Hands limits, status and site to the EMS and its command to the state."""

    def __init__(
        self,
        ems: Any,
        pack: PackMap,
        pcs_rated_W: float,
        utc_offset_s: float,
        emit: Emit,
        on_reason: Callable[[dict[int, str]], None],
    ) -> None:
        self.ems = ems
        self._pack = pack
        self._emit = emit
        self._watchdog = watchdog_for(ems)
        self.memory = plug_in_state(ems.fields, "ems")
        self._view = self.memory.view("ems")
        groups = int(np.diff(pack.rack_first_group).max())
        self._floor_V = groups * pack.rating.voltage_min_V
        self._ceiling_V = groups * pack.rating.voltage_max_V
        self.inputs = EmsInputs(pcs_rated_W=pcs_rated_W, utc_offset_s=utc_offset_s)
        self.reasons: dict[int, str] = {}
        self._on_reason = on_reason

    def bind(self, out: Any, bms_out: Any, sensors_view: Any, bus: int) -> None:
        """Take the views on the commands in force and on the bus voltage as measured."""
        self.out = out
        self._bms_out = bms_out
        self._sensors = sensors_view
        self._bus = bus

    def fill(self, tick: int, unix_start_s: float, site: Any, pcs_power_W: float) -> EmsInputs:
        """Copy limits, status and site into the message."""
        inputs, bms = self.inputs, self._bms_out
        inputs.time_s = tick / 1000.0
        inputs.unix_time_s = unix_start_s + inputs.time_s
        inputs.bms_sequence = int(bms.sequence[0])
        inputs.bms_age_s = (tick - int(bms.commanded_at[0])) / 1000.0
        if inputs.bms_age_s > STALE_S or bms.lost[0]:
            inputs.charge_limit_A[:] = 0.0
            inputs.discharge_limit_A[:] = 0.0
        else:
            inputs.charge_limit_A[:] = bms.limit_A[SITE, CHARGE]
            inputs.discharge_limit_A[:] = bms.limit_A[SITE, DISCHARGE]
        bus_V = float(self._sensors.value[self._bus])
        inputs.bus_voltage_V = bus_V
        inputs.voltage_min_V, inputs.voltage_max_V = self._plausible(bus_V)
        inputs.is_connected = any(minus and plus for minus, _, plus in bms.coil.tolist())
        inputs.soc = mean_of(bms.soc)
        inputs.soc_std = mean_of(bms.soc_std)
        inputs.soh = mean_of(bms.soh)
        inputs.usable_discharge_J = float(bms.usable_discharge_J[0])
        inputs.usable_charge_J = float(bms.usable_charge_J[0])
        inputs.request = int(bms.request[0])  # type: ignore[assignment]  # an IntEnum's value
        counts = bms.alarms.tolist()
        inputs.alarm_severity = next((s for s in WORST_FIRST if counts[s] > 0), Severity.INFO)
        inputs.profile_W = site.demand_W
        inputs.load_W = site.load_W
        inputs.pv_W = site.pv_W
        inputs.price_per_J = site.price_per_J
        inputs.pcs_power_W = pcs_power_W
        return inputs

    def _plausible(self, bus_V: float) -> tuple[float, float]:
        """Give the lowest and highest bus voltage to expect until the next command."""
        if not bus_V >= self._floor_V * (1.0 - VOLTAGE_BAND):
            return self._floor_V, self._ceiling_V
        low = max(self._floor_V, bus_V * (1.0 - VOLTAGE_BAND))
        return low, max(low, min(self._ceiling_V, bus_V * (1.0 + VOLTAGE_BAND)))

    def run(self, tick: int, message: EmsInputs) -> None:
        """Ask the EMS; a lost one leaves no power asked for."""
        if self.out.lost[0]:
            return
        try:
            with self._watchdog:
                command = self.ems.step(message.time_s, message, self._view)
            self.accept(command, tick)
        except (Exception, SystemExit) as error:  # any defect of a plug-in: a lost controller
            self.accept(EmsCommand(mode=EmsMode.STOP, reason="EMS lost"), tick)
            self.out.lost[0] = 1
            self._emit(
                Event(
                    time_s=tick / 1000.0,
                    source="engine",
                    code="ems_lost",
                    severity="open",
                    transition="came",
                    text=f"the EMS failed ({type(error).__name__}: {error}); the PCS stops and "
                    "contactors open and stay open",
                )
            )

    def accept(self, command: EmsCommand, tick: int) -> None:
        """Put a command in force; a power that is no number counts as zero."""
        out = self.out
        power = float(command.power_W)
        bad = not math.isfinite(power)
        out.power_W[0] = 0.0 if bad else power
        if bad != bool(out.bad_power[0]):
            self._emit(_bad_power(tick, power))
        out.bad_power[0] = bad
        out.reactive_var[0] = command.reactive_var
        out.mode[0] = command.mode
        out.reserve_soc[0] = command.reserve_soc
        out.pre_cool[0] = command.pre_cool
        out.heartbeat[0] = command.heartbeat
        code = zlib.crc32(command.reason.encode()) & 0x7FFFFFFF
        if code not in self.reasons:
            self.reasons[code] = command.reason
            self._on_reason(self.reasons)
        out.reason[0] = code


def _bad_limits(tick: int, count: int) -> Event:
    return Event(
        time_s=tick / 1000.0,
        source="engine",
        code="bms_limits_not_finite",
        severity="stop",
        transition="came" if count else "went",
        value=float(count),
        text=f"{count} limits of the BMS are NaN, infinite or negative and count as zero"
        if count
        else "the limits of the BMS are numbers again",
    )


def _bad_power(tick: int, power: float) -> Event:
    bad = not math.isfinite(power)
    return Event(
        time_s=tick / 1000.0,
        source="engine",
        code="ems_power_not_finite",
        severity="stop",
        transition="came" if bad else "went",
        text=f"the EMS asks for {power} W, which counts as zero"
        if bad
        else "the EMS asks for a number again",
    )
