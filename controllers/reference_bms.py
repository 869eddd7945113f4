"""The reference BMS: measurements in, one command out, in a list of stages.

condition   bridge gaps, statistics of every rack            conditioning.py
estimate    Kalman filter and Coulomb count of every group   ekf*.py, counting.py
protect     the table: alarms, and what they demand          protection.py, limit*.py, watching.py
sequence    contactors                                       sequence.py
limit       currents now and in 2, 10, 30 s                  power_limits.py
balance     bleed resistors                                  balancing.py
cool        pump, fan, chiller, heater                       thermal_control.py

They are kernels that `bms_sweep.py` calls in this order.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from controllers.balancing import Balancing, BalancingOptions
from controllers.bms_sweep import BALANCES, BY_SOC, DERATE, HOLD_S, N_OPTIONS, REST_A, bms_sweep
from controllers.conditioning import Conditioning
from controllers.ekf import FilterNoise, GroupFilter
from controllers.ekf_sweep import REPORT_SOC
from controllers.filter_params import Mismatch, load_filter_params
from controllers.limit_rows import rows_for
from controllers.limits import RowOverride, allocate_quantities, override_rows, quantity_starts
from controllers.ports import (
    BmsCommand,
    BmsRequest,
    Channel,
    FieldSpec,
    Measurements,
    PackMap,
)
from controllers.power_limits import APART, REASONS, LimitOptions, PowerLimits
from controllers.protection import Protection
from controllers.sequence import Sequence, SequenceOptions
from controllers.thermal_control import ThermalOptions, band_array
from controllers.watching import Watching

STOP, COOL, CHARGE = BmsRequest.STOP, BmsRequest.COOL, BmsRequest.CHARGE
NONE = BmsRequest.NONE  # looking a member up costs 0.1 us in Python 3.11
LOW_SOC = 0.03  # assumed: below this the BMS asks the EMS to charge


class ReferenceOptions(BaseModel):
    """Options of the reference BMS, as in the scenario's ``bms: {options: …}``.

    Attributes
    ----------
    step_s : float
        Period, set by the engine [s].
    cell : str
        Calibration of the filter: a name in `controllers/data`, or a path.
    chemistry : {'auto', 'nmc', 'lfp'}
        Column of the protection table; auto: LFP when the rated maximum is below 3.8 V.
    mismatch : Mismatch
        How far the filter's parameters are put off on purpose.
    noise : FilterNoise
    initial_soc : float, optional
        Start of the filter; None: from the OCV at the first valid voltages.
    initial_soc_offset, initial_soc_std : float
        Added to the start (for tests); standard deviation claimed for it.
    protection : dict of code to RowOverride
    limits, balancing, sequence, thermal : options of these stages
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    step_s: float = Field(default=0.1, gt=0.0, le=60.0)
    cell: str = "lg_m50"
    chemistry: Literal["auto", "nmc", "lfp"] = "auto"
    mismatch: Mismatch = Mismatch()
    noise: FilterNoise = FilterNoise()
    initial_soc: float | None = Field(default=None, ge=0.0, le=1.0)
    initial_soc_offset: float = Field(default=0.0, ge=-1.0, le=1.0)
    initial_soc_std: float = Field(default=0.10, gt=0.0, le=0.5)
    protection: dict[str, RowOverride] = Field(default_factory=dict)
    limits: LimitOptions = LimitOptions()
    balancing: BalancingOptions = BalancingOptions()
    sequence: SequenceOptions = SequenceOptions()
    thermal: ThermalOptions = ThermalOptions()


class ReferenceBms:
    """A complete BMS for NMC and LFP packs of any size.

    Parameters
    ----------
    pack : PackMap
    options : dict
        See `ReferenceOptions`.
    """

    forkable = True

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        o = ReferenceOptions.model_validate(options or {})
        self.options, self._pack = o, pack
        self._chemistry = o.chemistry
        if o.chemistry == "auto":
            self._chemistry = "lfp" if pack.rating.voltage_max_V < 3.8 else "nmc"
        self._buffer, self._quantity = allocate_quantities(pack)
        self._params = load_filter_params(o.cell, o.mismatch)
        self._conditioning = Conditioning(pack, o.step_s)
        self._filter = GroupFilter(
            pack, self._params, o.noise, o.initial_soc, o.initial_soc_offset, o.initial_soc_std
        )
        rows = override_rows(rows_for(self._chemistry), o.protection)
        self._protection = Protection(pack, rows, o.step_s, self._quantity)
        self._sequence = Sequence(pack, o.sequence)
        self._limits = PowerLimits(pack, o.limits, self._chemistry, self._params.capacity_As)
        self._balancing = Balancing(pack, o.balancing, self._chemistry)
        stages = (
            self._conditioning,
            self._filter,
            self._protection,
            self._sequence,
            self._limits,
            self._balancing,
        )
        self.fields: tuple[FieldSpec, ...] = (
            FieldSpec(name="last_s", unit="s", initial=math.nan),
            FieldSpec(name="commands", integer=True),
        ) + tuple(field for stage in stages for field in stage.fields)
        self._n = (pack.n_groups, pack.n_temperatures, pack.n_racks, pack.n_modules)
        self._unfitted = {n: Channel.not_fitted(n) for n in self._n}
        self._request_K = o.thermal.request_K
        self._allocate_command()
        self._gather_constants()

    def _allocate_command(self) -> None:
        """Allocate the one command that every step fills; its arrays are rows of four buffers."""
        n_racks, n_groups = self._pack.n_racks, self._pack.n_groups
        report = self._filter.estimate[REPORT_SOC:, :n_groups]
        self._sent_A = np.zeros((2, n_racks, 4))
        self._site_A = np.zeros((2, 4))
        self._contactors = np.zeros((3, n_racks), dtype=np.bool_)
        command = BmsCommand.all_open(self._pack)
        command.minus, command.precharge, command.plus = self._contactors
        command.group_soc, command.group_soc_std, command.group_soc_counted = report
        command.rack_charge_limit_A, command.rack_discharge_limit_A = self._sent_A
        command.site_charge_limit_A, command.site_discharge_limit_A = self._site_A
        self._command = command

    def _gather_constants(self) -> None:
        """Put in order what every call of `bms_sweep` gets: wiring and constants, then results."""
        pack, o, filtered, stage = self._pack, self.options, self._filter, self._conditioning
        protection, watching, command = self._protection, Watching(pack), self._command
        options = np.zeros(N_OPTIONS)
        options[HOLD_S], options[REST_A], options[DERATE] = (
            stage.hold_s,
            stage.rest_A,
            o.limits.derate,
        )
        options[BALANCES], options[BY_SOC] = self._balancing.enabled, self._balancing.by_soc
        self._constants = (
            pack.rack_first_group,
            pack.group_rack,
            stage.nearest,
            pack.temperature_group,
            pack.temperature_rack,
            watching.module_rack,
            protection.component_rack,
            quantity_starts(self._quantity),
            protection.table,
            protection.bounds,
            filtered.table,
            filtered.maps,
            filtered.constants,
            watching.limits,
            watching.rating_A,
            self._sequence.constants,
            self._limits.constants,
            self._balancing.limits,
            band_array(o.thermal),
            options,
        )
        self._results = (
            self._buffer,
            stage.rack_rows,
            filtered.estimate,
            stage.group_temperature_K,
            protection.verdict,
            protection.transitions,
            self._contactors,
            self._sent_A,
            self._site_A,
            command.bleed,
            command.state,
            stage.site_row,
        )

    def step(self, time_s: float, inputs: Measurements, view: Any) -> BmsCommand:
        """Run all stages once, in one compiled call.

        Parameters
        ----------
        time_s : float
            Simulated time [s].
        inputs : Measurements
        view : object
            Memory: one array per entry of `fields`; written.

        Returns
        -------
        BmsCommand
            The same object every time: read it before the next call.
        """
        command = self._command
        last_s = view.last_s.item()
        elapsed_s = time_s - last_s if last_s <= time_s else 0.0
        view.last_s[0] = time_s
        arguments: list[Any] = [
            *self._measured(inputs),
            elapsed_s,
            view.held_current,
            view.held_voltage,
            view.held_temperature,
            view.filter_state,
            view.filter_clock,
            view.bleeding,
            view.alarm_memory,
            view.alarm_busy,
            view.sequence,
            view.sequence_s,
            view.limit_A,
            view.rest_s,
            *self._constants,
            *self._results,
        ]
        n_found, why, is_held = bms_sweep(*arguments)
        command.alarms = self._protection.alarms(n_found) if n_found else []
        command.reason = REASONS[why]
        if is_held and why != APART:
            command.reason = "waiting for racks to join"
        self._finish(command, view)
        return command

    def _measured(self, inputs: Measurements) -> tuple[Any, ...]:
        """Return what `bms_sweep` takes from a message; what the pack lacks is never valid."""
        n_groups, n_sensors, n_racks, n_modules = self._n
        fitted = self._fitted
        a, b = fitted(inputs.rack_current_A, n_racks), fitted(inputs.rack_current_b_A, n_racks)
        volts = fitted(inputs.group_voltage_V, n_groups)
        warm = fitted(inputs.temperature_K, n_sensors)
        feedback, fuse_ok, host = inputs.contactor_feedback, inputs.fuse_ok, inputs.host
        is_fitted, has_fuse = len(feedback) > 0, len(fuse_ok) > 0
        bus = inputs.bus_voltage_V.value
        return (
            a.value,
            a.valid,
            a.age_s,
            b.value,
            b.valid,
            b.age_s,
            fitted(inputs.rack_voltage_V, n_racks).value,
            volts.value,
            volts.valid,
            volts.age_s,
            warm.value,
            warm.valid,
            warm.age_s,
            fitted(inputs.insulation_ohm, n_racks).value,
            fitted(inputs.module_gas_ppm, n_modules).value,
            feedback if is_fitted else self._sequence.unfitted,
            fuse_ok if has_fuse else self._sequence.no_fuse,
            is_fitted,
            has_fuse,
            bool(inputs.interlock_closed),
            bool(host.emergency_stop),
            float(inputs.supply_V),
            bus.item(0) if len(bus) else math.nan,
            int(host.mode),
            bool(host.reset),
        )

    def _fitted(self, channel: Channel, n: int) -> Channel:
        """Return a channel of `n` entries; all are invalid if the message has another number."""
        return channel if len(channel.value) == n else self._unfitted[n]

    def _finish(self, command: BmsCommand, view: Any) -> None:
        """Cool, ask the EMS, count the command."""
        (
            _, hottest_K, soc_min, energy_out_J, energy_in_J, n_opening, _,
            command.pump, command.fan, command.valve, command.chiller, command.heater,
        ) = self._conditioning.site_row.tolist()  # fmt: skip
        command.usable_discharge_J, command.usable_charge_J = energy_out_J, energy_in_J
        if n_opening > 0.0:
            command.request = STOP
        elif hottest_K > self._request_K:
            command.request = COOL
        elif soc_min < LOW_SOC:
            command.request = CHARGE
        else:
            command.request = NONE
        command.sequence = view.commands.item() + 1
        view.commands[0] = command.sequence

    def describe(self) -> dict[str, Any]:
        """Return what the report prints: the stages, the filter's mismatch, the table."""
        o = self.options
        return {
            "name": "reference BMS",
            "step_s": o.step_s,
            "chemistry": self._chemistry,
            "filter": "EKF per group: soc, one RC pair, resistance factor",
            "filter_calibration": self._params.name,
            "filter_mismatch": o.mismatch.model_dump(),
            "filter_noise": o.noise.model_dump(),
            "filter_capacity_As": self._params.capacity_As,
            "initial_soc": o.initial_soc,
            "initial_soc_offset": o.initial_soc_offset,
            "balancing": o.balancing.model_dump() if self._balancing.enabled else "not fitted",
            "protection": [
                {
                    "code": row.code,
                    "quantity": row.quantity,
                    "threshold": row.threshold,
                    "clear": row.clear,
                    "debounce_s": row.debounce_s,
                    "delay_s": row.delay_s,
                    "severity": row.severity.name,
                }
                for row in self._protection.rows
            ],
        }
