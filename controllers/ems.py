"""The reference EMS: a wish from a strategy, narrowed by rules in order of priority.

Rules narrow the range of permitted power from the hardest down: stop and lost contact, the BMS's
limits, the PCS rating, the energy reserve. The wish is then moved into the range, and the rule that
moved it is the `reason`. Currents become watts with the lowest plausible bus voltage, so that the
battery's amperes hold whatever the voltage does.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controllers.ports import (
    BmsRequest,
    EmsCommand,
    EmsInputs,
    EmsMode,
    FieldSpec,
    PackMap,
)

STOP, COOL = BmsRequest.STOP, BmsRequest.COOL
RUN, HOLD = EmsMode.RUN, EmsMode.HOLD
STALE_S = 3.0  # older limits count as zero (the engine enforces it too)
STANDBY_PART = 0.01
"""What a PCS draws by itself, as a part of its rating: kept free below a discharge limit (assumed;
the median of large inverters in the CEC list is 0.44 %)."""
HORIZONS_S = (0.0, 2.0, 10.0, 30.0)  # fixed by `BmsCommand`
Strategy = Literal["follow", "self_consumption", "peak_shaving", "self_consumption+peak_shaving"]


class SimpleEmsOptions(BaseModel):
    """Options of the simple EMS.

    Attributes
    ----------
    step_s : float
        Period, set by the engine [s].
    strategy : str
        ``follow``: the scenario's profile. ``self_consumption``: load minus PV, so that nothing is
        exchanged with the grid. ``peak_shaving``: what the site draws above `threshold_W`,
        recharged below it. ``self_consumption+peak_shaving``: self-consumption down to
        `reserve_soc`; the reserve is spent on peaks alone and refilled from PV alone.
    threshold_W : float, optional
        Highest power to draw from the grid [W]; needed for peak shaving.
    grid_W : float
        Exchange that self-consumption aims at, import positive [W].
    reserve_soc : float
        Kept back, 0-1: by default nothing, and 0.3 (assumed) where self-consumption and peak
        shaving share the battery.
    recharge_soc : float
        Peak shaving recharges from the grid up to here (assumed).
    recharge_part : float
        And draws up to this part of the threshold (assumed).
    efficiency : float
        Lowest efficiency of the PCS on discharge, so that its losses stay within the DC limit
        (assumed).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    step_s: float = Field(default=1.0, gt=0.0)
    strategy: Strategy = "follow"
    threshold_W: float | None = Field(default=None, gt=0.0)
    grid_W: float = 0.0
    reserve_soc: float | None = Field(default=None, ge=0.0, le=1.0)
    recharge_soc: float = Field(default=0.9, ge=0.0, le=1.0)
    recharge_part: float = Field(default=0.9, gt=0.0, le=1.0)
    efficiency: float = Field(default=0.94, gt=0.5, le=1.0)

    @model_validator(mode="after")
    def _has_threshold(self) -> SimpleEmsOptions:
        if "peak_shaving" in self.strategy and self.threshold_W is None:
            raise ValueError(f"threshold_W [W] is missing: strategy {self.strategy} needs it")
        return self


class SimpleEms:
    """Follows a profile, or uses PV and shaves peaks, always inside the limits.

    Parameters
    ----------
    pack : PackMap
    options : dict
        See `SimpleEmsOptions`.
    """

    forkable = True

    def __init__(self, pack: PackMap, options: dict[str, Any] | None = None) -> None:
        self.options = o = SimpleEmsOptions.model_validate(options or {})
        self.fields = (FieldSpec(name="commands", integer=True),)
        self._command = EmsCommand()
        both = o.strategy == "self_consumption+peak_shaving"
        self._reserve = o.reserve_soc if o.reserve_soc is not None else (0.3 if both else 0.0)
        self._threshold_W = o.threshold_W or math.inf
        # Limits that hold over the whole next period: every horizon up to the first beyond it.
        self._n_horizons = 1 + next(
            (n for n, at_s in enumerate(HORIZONS_S) if at_s >= o.step_s), len(HORIZONS_S) - 1
        )
        self._wish = {
            "follow": self._follow,
            "self_consumption": self._consume,
            "peak_shaving": self._shave,
            "self_consumption+peak_shaving": self._consume_and_shave,
        }[o.strategy]

    def step(self, time_s: float, inputs: EmsInputs, view: Any) -> EmsCommand:
        """Choose the power for the next period.

        Parameters
        ----------
        time_s : float
            Simulated time [s].
        inputs : EmsInputs
        view : object
            Memory; written.

        Returns
        -------
        EmsCommand
            The same object every time.
        """
        command = self._command
        command.heartbeat = view.commands.item() + 1
        view.commands[0] = command.heartbeat
        command.reserve_soc = self._reserve
        command.pre_cool = 1.0 if inputs.request == COOL else 0.0
        blocked = self._blocked(inputs)
        if blocked:
            command.power_W, command.mode, command.reason = 0.0, HOLD, blocked
            return command
        command.mode = RUN
        wish_W, reason = self._wish(inputs)
        command.power_W, command.reason, rests = self._narrow(wish_W, reason, inputs)
        if rests:
            command.mode = HOLD
        return command

    def _blocked(self, inputs: EmsInputs) -> str:
        """Return why nothing at all may flow; empty when it may."""
        if inputs.request == STOP:
            return "the BMS asks to stop"
        if not inputs.is_connected:
            return "no rack is connected"
        if not inputs.bms_age_s <= STALE_S:
            return "limits are stale"
        return ""

    def _narrow(self, wish_W: float, reason: str, inputs: EmsInputs) -> tuple[float, str, bool]:
        """Move the wish into the permitted range; return it with the rule that bound it.

        The last says that nothing may flow out: a running PCS would draw its standby power.
        """
        n = self._n_horizons
        charge_A = min(inputs.charge_limit_A[:n].tolist())
        discharge_A = min(inputs.discharge_limit_A[:n].tolist())
        # An unknown limit or voltage makes these NaN, and `not x > 0` turns that into zero.
        high_W = discharge_A * inputs.voltage_min_V
        high_W -= max((1.0 - self.options.efficiency) * high_W, STANDBY_PART * inputs.pcs_rated_W)
        low_W = -charge_A * inputs.voltage_min_V
        high_why, low_why = "discharge limit of the BMS", "charge limit of the BMS"
        if not high_W > 0.0:
            high_W = 0.0
        if not low_W < 0.0:
            low_W = 0.0
        rated_W = inputs.pcs_rated_W
        if rated_W > 0.0:
            if high_W > rated_W:
                high_W, high_why = rated_W, "rating of the PCS"
            if low_W < -rated_W:
                low_W, low_why = -rated_W, "rating of the PCS"
        if self._reserve > 0.0 and not inputs.soc > self._floor(inputs):
            high_W, high_why = 0.0, "reserve"
        if not math.isfinite(wish_W):
            return 0.0, f"unknown {reason}", True
        if wish_W > high_W:
            return high_W, high_why, high_W == 0.0
        if wish_W < low_W:
            return low_W, low_why, low_W == 0.0 and high_W == 0.0
        return wish_W, reason, wish_W == 0.0 and high_W == 0.0

    def _floor(self, inputs: EmsInputs) -> float:
        """Return the lowest soc to discharge to; in the combination a peak may go below."""
        is_peak = inputs.load_W - inputs.pv_W > self._threshold_W
        return 0.0 if is_peak and "+" in self.options.strategy else self._reserve

    def _follow(self, inputs: EmsInputs) -> tuple[float, str]:
        return inputs.profile_W, "profile"

    def _consume(self, inputs: EmsInputs) -> tuple[float, str]:
        return inputs.load_W - inputs.pv_W - self.options.grid_W, "self-consumption"

    def _shave(self, inputs: EmsInputs) -> tuple[float, str]:
        net_W = inputs.load_W - inputs.pv_W
        if net_W > self._threshold_W:
            return net_W - self._threshold_W, "peak shaving"
        room_W = self.options.recharge_part * self._threshold_W - net_W
        if room_W > 0.0 and inputs.soc < self.options.recharge_soc:
            return -room_W, "recharging below the threshold"
        return 0.0 * net_W, "below the threshold"

    def _consume_and_shave(self, inputs: EmsInputs) -> tuple[float, str]:
        net_W = inputs.load_W - inputs.pv_W
        if net_W > self._threshold_W and not inputs.soc > self._reserve:
            return net_W - self._threshold_W, "peak shaving from the reserve"
        return self._consume(inputs)

    def describe(self) -> dict[str, Any]:
        """Return the strategy and its options."""
        return {"name": "simple EMS", **self.options.model_dump()}
