"""A BMS and an EMS that decide nothing: for open-loop studies, and as a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from controllers.ports import (
    BmsCommand,
    BmsState,
    EmsCommand,
    EmsInputs,
    EmsMode,
    FieldSpec,
    HostMode,
    Measurements,
    PackMap,
)


class NullBmsOptions(BaseModel):
    """Options of the null BMS.

    Attributes
    ----------
    step_s : float
        Period, set by the engine [s].
    limit_factor : float
        Limits are this many times the data sheet's (assumed: generous).
    precharge_s : float
        Minus and precharge are closed for this long before plus [s].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    step_s: float = Field(default=0.1, gt=0.0)
    limit_factor: float = Field(default=10.0, gt=0.0)
    precharge_s: float = Field(default=1.0, ge=0.0)


class NullBms:
    """Closes every contactor, sends generous static limits, estimates and watches nothing.

    It stays open while the host asks for STANDBY or presses the emergency stop.

    Parameters
    ----------
    pack : PackMap
    options : dict
        See `NullBmsOptions`.
    """

    forkable = True

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        self.options = NullBmsOptions.model_validate(options or {})
        self.fields = (
            FieldSpec(name="commands", integer=True),
            FieldSpec(name="closing_since_s", unit="s", initial=float("nan")),
        )
        rating, factor = pack.rating, self.options.limit_factor
        self._charge_A = factor * pack.cells_per_group * rating.charge_current_max_A
        self._discharge_A = factor * pack.cells_per_group * rating.discharge_current_max_A
        self._n_racks = pack.n_racks
        self._command = BmsCommand.all_open(pack)

    def step(self, time_s: float, inputs: Measurements, view: Any) -> BmsCommand:
        """Close minus and precharge, then plus; see `Bms.step`."""
        command, since_s = self._command, view.closing_since_s
        wanted = inputs.host.mode != HostMode.STANDBY and not inputs.host.emergency_stop
        if not wanted:
            since_s[0] = np.nan
        elif not since_s[0] <= time_s:
            since_s[0] = time_s
        is_live = wanted and bool(time_s - since_s[0] >= self.options.precharge_s)
        command.minus[:] = wanted
        command.precharge[:] = wanted and not is_live
        command.plus[:] = is_live
        open_state = BmsState.PRECHARGE if wanted else BmsState.STANDBY
        command.state[:] = BmsState.NORMAL if is_live else open_state
        charge_A, discharge_A = (self._charge_A, self._discharge_A) if is_live else (0.0, 0.0)
        command.rack_charge_limit_A[:] = charge_A
        command.rack_discharge_limit_A[:] = discharge_A
        command.site_charge_limit_A[:] = self._n_racks * charge_A
        command.site_discharge_limit_A[:] = self._n_racks * discharge_A
        view.commands[0] += 1
        command.sequence = int(view.commands[0])
        command.reason = "static" if is_live else "not connected"
        return command

    def describe(self) -> dict[str, Any]:
        """Return the options."""
        return {"name": "null BMS: no protection", **self.options.model_dump()}


class NullEms:
    """Passes the profile through; looks at no limit, no state of charge, no alarm.

    Parameters
    ----------
    pack : PackMap
    options : dict
        Only ``step_s``, which the engine sets.
    """

    forkable = True

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        unknown = sorted(set(options or {}) - {"step_s"})
        if unknown:
            raise ValueError(f"the null EMS has no option {unknown[0]!r}; allowed: step_s")
        self.fields = (FieldSpec(name="commands", integer=True),)
        self._command = EmsCommand(mode=EmsMode.RUN, reason="profile")

    def step(self, time_s: float, inputs: EmsInputs, view: Any) -> EmsCommand:
        """Ask for the profile's power; see `Ems.step`."""
        view.commands[0] += 1
        self._command.heartbeat = int(view.commands[0])
        self._command.power_W = inputs.profile_W if inputs.profile_W == inputs.profile_W else 0.0
        return self._command

    def describe(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "null EMS: follows the profile without limits"}
