"""MyBms: a starting point for your own BMS. It runs as it is; change it piece by piece.

In the scenario:  bms: {use: "this_file:MyBms", period: "100 ms", options: {voltage_margin_V: 0.1}}
Check it with:    twin check-plugin this_file:MyBms
"""

from __future__ import annotations

from typing import Any

import numpy as np

from controllers.ports import BmsCommand, BmsState, FieldSpec, HostMode, Measurements, PackMap


class MyBms:
    """Closes the contactors, limits current by voltage, trips at the data-sheet limits."""

    forkable = True  # all memory is in `view`, so a run can be restored and forked

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        options = dict(options or {})
        options.pop("step_s", None)  # the engine tells the period here [s]
        self._margin_V = float(options.pop("voltage_margin_V", 0.1))
        if options:
            raise ValueError(f"unknown option {min(options)!r}; allowed: voltage_margin_V")
        if not 0.0 < self._margin_V < 1.0:
            raise ValueError(f"voltage_margin_V is {self._margin_V}, must be within 0 and 1 V")
        self._pack = pack
        # Whatever must be remembered between two calls is declared here, and lives in `view`.
        self.fields = (
            FieldSpec(name="commands", integer=True),
            FieldSpec(name="tripped", shape=(pack.n_racks,), integer=True),
            FieldSpec(name="closed_since_s", unit="s", initial=float("nan")),
        )

    def step(self, time_s: float, inputs: Measurements, view: Any) -> BmsCommand:
        pack, rating = self._pack, self._pack.rating
        command = BmsCommand.all_open(pack)  # the safe answer; fill in what may be done
        view.commands[0] += 1
        command.sequence = int(view.commands[0])
        wanted = inputs.host.mode != HostMode.STANDBY and not inputs.host.emergency_stop
        if inputs.host.reset:
            view.tripped[:] = 0
        if not wanted:
            view.closed_since_s[0] = np.nan
        elif not view.closed_since_s[0] <= time_s:
            view.closed_since_s[0] = time_s
        is_precharged = wanted and time_s - view.closed_since_s[0] >= 2.0

        for rack in range(pack.n_racks):
            groups = slice(pack.rack_first_group[rack], pack.rack_first_group[rack + 1])
            channel = inputs.group_voltage_V  # may be not fitted: then it is empty
            known = len(channel.value) == pack.n_groups and bool(channel.valid[groups].all())
            lowest = highest = np.nan
            if known:
                lowest, highest = channel.value[groups].min(), channel.value[groups].max()
                if lowest < rating.voltage_min_V or highest > rating.voltage_max_V:
                    view.tripped[rack] = 1
            if view.tripped[rack] or not known or not wanted:
                command.state[rack] = BmsState.ERROR if view.tripped[rack] else BmsState.STANDBY
                continue
            command.minus[rack] = True
            command.precharge[rack], command.plus[rack] = not is_precharged, is_precharged
            # Until plus says that it has closed, current would run through the precharge resistor.
            feedback = inputs.contactor_feedback
            is_closed = is_precharged and rack < len(feedback) and bool(feedback[rack, 2])
            command.state[rack] = BmsState.NORMAL if is_closed else BmsState.PRECHARGE
            if is_closed:  # limits fall to zero over the margin before the data-sheet voltage
                down = min(max((lowest - rating.voltage_min_V) / self._margin_V, 0.0), 1.0)
                up = min(max((rating.voltage_max_V - highest) / self._margin_V, 0.0), 1.0)
                cells = pack.cells_per_group
                command.rack_discharge_limit_A[rack] = down * cells * rating.discharge_current_max_A
                command.rack_charge_limit_A[rack] = up * cells * rating.charge_current_max_A
        n_closed = int(command.plus.sum())
        if n_closed:
            on = command.plus
            command.site_charge_limit_A[:] = n_closed * command.rack_charge_limit_A[on].min()
            command.site_discharge_limit_A[:] = n_closed * command.rack_discharge_limit_A[on].min()
        command.reason = "voltage" if n_closed else "not connected"
        return command

    def describe(self) -> dict[str, Any]:
        return {"name": "MyBms", "voltage_margin_V": self._margin_V}
