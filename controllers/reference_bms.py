"""The reference BMS: measurements in, one command out, in a list of stages.

condition   bridge gaps, statistics of every rack            conditioning.py
estimate    Kalman filter and Coulomb count of every group   ekf*.py, counting.py
protect     the table: alarms, and what they demand          protection.py, limit*.py, watching.py
sequence    contactors                                       sequence.py
limit       currents now and in 2, 10, 30 s                  power_limits.py
balance     bleed resistors                                  balancing.py
cool        pump, fan, chiller, heater                       thermal_control.py
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from controllers.balancing import Balancing, BalancingOptions
from controllers.conditioning import Conditioning
from controllers.ekf import FilterNoise, GroupFilter
from controllers.ekf_sweep import REPORT_SOC
from controllers.filter_params import Mismatch, load_filter_params
from controllers.limit_rows import rows_for
from controllers.limits import RowOverride, allocate_quantities, override_rows
from controllers.ports import (
    BmsCommand,
    BmsRequest,
    FieldSpec,
    Measurements,
    PackMap,
)
from controllers.power_limits import LimitOptions, PowerLimits
from controllers.protection import Protection
from controllers.sequence import Sequence, SequenceOptions
from controllers.thermal_control import ThermalOptions, control_temperature
from controllers.watching import Watching

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
        buffer, self._quantity = allocate_quantities(pack)
        self._params = load_filter_params(o.cell, o.mismatch)
        self._conditioning = Conditioning(pack, o.step_s, self._quantity)
        self._filter = GroupFilter(
            pack, self._params, o.noise, o.initial_soc, o.initial_soc_offset, o.initial_soc_std
        )
        self._watching = Watching(pack, buffer, self._quantity)
        rows = override_rows(rows_for(self._chemistry), o.protection)
        self._protection = Protection(pack, rows, o.step_s, self._quantity, buffer, o.limits.derate)
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
        self._allocate_command()

    def _allocate_command(self) -> None:
        """Allocate the one command that every step fills; its arrays are rows of four buffers."""
        n_racks, n_groups = self._pack.n_racks, self._pack.n_groups
        self._report = self._filter.estimate[REPORT_SOC:, :n_groups]
        self._sent_A = np.zeros((2, n_racks, 4))
        self._site_A = np.zeros((2, 4))
        self._contactors = np.zeros((3, n_racks), dtype=np.bool_)
        command = BmsCommand.all_open(self._pack)
        command.minus, command.precharge, command.plus = self._contactors
        command.group_soc, command.group_soc_std, command.group_soc_counted = self._report
        command.rack_charge_limit_A, command.rack_discharge_limit_A = self._sent_A
        command.site_charge_limit_A, command.site_discharge_limit_A = self._site_A
        self._command = command

    def step(self, time_s: float, inputs: Measurements, view: Any) -> BmsCommand:
        """Run all stages once.

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
        command, host = self._command, inputs.host
        last_s = view.last_s[0]
        elapsed_s = time_s - last_s if last_s <= time_s else 0.0
        view.last_s[0] = time_s
        rows = self._conditioning.rack_rows
        voltage_V = self._quantity["voltage_V"]
        temperature_K = self._conditioning.group_temperature_K
        verdict = self._protection.verdict

        self._conditioning.step(inputs, elapsed_s, view)
        self._filter.step(voltage_V, temperature_K, rows, elapsed_s, view)

        self._watching.step(inputs, rows, self._filter.estimate, self._sequence, view)
        command.alarms = self._protection.step(rows, host.reset, view)

        bus = inputs.bus_voltage_V.value
        is_held = self._sequence.step(
            rows,
            verdict,
            inputs.contactor_feedback,
            bus[0] if len(bus) else math.nan,
            host.mode,
            host.reset,
            self._contactors,
            elapsed_s,
            view,
        )
        state = view.sequence[0]
        command.state[:] = state
        command.reason = self._limits.step(
            rows, self._filter.estimate, verdict, state, self._sent_A, elapsed_s, view
        )
        self._limits.combine(self._sent_A, state, is_held, self._site_A)
        if is_held and command.reason != "not connected":
            command.reason = "waiting for racks to join"

        self._balancing.step(
            voltage_V,
            self._report[0],
            temperature_K,
            self._filter.estimate,
            rows,
            verdict,
            command.bleed,
            elapsed_s,
            view,
        )
        self._finish(command, view)
        return command

    def _finish(self, command: BmsCommand, view: Any) -> None:
        """Cool, ask the EMS, count the command."""
        coldest_K, hottest_K, soc_min, energy_out_J, energy_in_J, n_opening, _ = (
            self._conditioning.site(command.state)
        )
        control_temperature(command, coldest_K, hottest_K, self.options.thermal)
        command.usable_discharge_J, command.usable_charge_J = energy_out_J, energy_in_J
        if n_opening > 0.0:
            command.request = BmsRequest.STOP
        elif hottest_K > self.options.thermal.request_K:
            command.request = BmsRequest.COOL
        elif soc_min < LOW_SOC:
            command.request = BmsRequest.CHARGE
        else:
            command.request = BmsRequest.NONE
        view.commands[0] += 1
        command.sequence = int(view.commands[0])

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
