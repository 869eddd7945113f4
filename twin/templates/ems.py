"""MyEms: a starting point for your own EMS. It runs as it is; change it piece by piece.

In the scenario:  ems: {use: "this_file:MyEms", period: "1 s", options: {soc_low: 0.1}}
Check it with:    twin check-plugin this_file:MyEms
"""

from __future__ import annotations

import math
from typing import Any

from controllers.ports import BmsRequest, EmsCommand, EmsInputs, EmsMode, FieldSpec, PackMap


class MyEms:
    """Covers the site's load minus its PV, down to a lowest state of charge."""

    forkable = True  # all memory is in `view`, so a run can be restored and forked

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        options = dict(options or {})
        options.pop("step_s", None)  # the engine tells the period here [s]
        self._soc_low = float(options.pop("soc_low", 0.1))
        if options:
            raise ValueError(f"unknown option {min(options)!r}; allowed: soc_low")
        if not 0.0 <= self._soc_low < 1.0:
            raise ValueError(f"soc_low is {self._soc_low}, must be within 0 and 1")
        # Whatever must be remembered between two calls is declared here, and lives in `view`.
        self.fields = (FieldSpec(name="commands", integer=True),)

    def step(self, time_s: float, inputs: EmsInputs, view: Any) -> EmsCommand:
        view.commands[0] += 1
        command = EmsCommand(heartbeat=int(view.commands[0]))
        if inputs.request == BmsRequest.STOP or not inputs.is_connected or inputs.bms_age_s > 3.0:
            command.mode, command.reason = EmsMode.HOLD, "stop, not connected, or stale limits"
            return command
        # The lowest plausible voltage turns ampere limits into watts that are safe at any voltage.
        # 6 % of losses in the PCS are kept free, or its standby power where that is more.
        high_W = inputs.discharge_limit_A[0] * inputs.voltage_min_V
        high_W = max(high_W - max(0.06 * high_W, 0.01 * inputs.pcs_rated_W), 0.0)
        low_W = -inputs.charge_limit_A[0] * inputs.voltage_min_V
        if not inputs.soc > self._soc_low:
            high_W = 0.0
        wish_W = inputs.load_W - inputs.pv_W  # your strategy goes here
        if not (math.isfinite(wish_W) and math.isfinite(high_W) and math.isfinite(low_W)):
            command.reason = "something is unknown"
            return command
        command.power_W = float(min(max(wish_W, low_W), high_W))
        if command.power_W >= 0.0 and high_W == 0.0:
            command.mode = EmsMode.HOLD  # a running PCS would draw its standby power
        command.reason = "load minus PV" if command.power_W == wish_W else "limits"
        return command

    def describe(self) -> dict[str, Any]:
        return {"name": "MyEms", "soc_low": self._soc_low}
