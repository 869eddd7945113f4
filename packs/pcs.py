"""Power conversion system between the DC bus and the AC side: losses, ramp, delay, limits.

A PCS is a plug-in like a cell model or a BMS: `Pcs` is its contract, `ReferencePcs` ours. Power is
positive on export (discharge).
"""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

from packs.spec import PcsSpec
from packs.state import Schema

OFF, RUN, FAULT = 0, 1, 2
"""States of a PCS."""


@runtime_checkable
class Pcs(Protocol):
    """The contract of a PCS plug-in; the factory is called as ``Factory(spec)``.

    `forkable` says that between two steps it remembers nothing but what it declared.
    """

    forkable: bool

    def declare(self, schema: Schema) -> None:
        """Declare memory of the owner ``pcs``: `ac_power_W`, `dc_power_W`, `loss_W`, `state`."""
        ...

    def port(
        self, step_s: float, setpoint_W: float, is_running: bool, bus_voltage_V: float, view: Any
    ) -> float:
        """Move the PCS by a step; return the power it takes from the bus [W]."""
        ...

    def trip(self, view: Any) -> None:
        """Take note that the bus could not give the power asked."""
        ...


def converter_loss(ac_power: float, rated: float, k0: float, k1: float, k2: float) -> float:
    """Give the loss of a running converter [W].

    ``P_loss = S_r (k0 + k1 s + k2 s^2)``, ``s = |P|/S_r``. Default coefficients (0.0044, 0.0043,
    0.0258): fit to the median of the 346 inverters of 250 kW and more in the CEC list.
    """
    s = abs(ac_power) / rated
    return rated * (k0 + k1 * s + k2 * s * s)


def follow(power: float, target: float, step: float, lag: float, ramp: float) -> float:
    """Give the power after a step of a first-order lag with a rate limit [W]."""
    wish = target + (power - target) * math.exp(-step / lag) if lag > 0.0 else target
    return min(max(wish, power - ramp * step), power + ramp * step)


class ReferencePcs:
    """Delay, lag, ramp, quadratic loss, power limit, DC voltage floor.

    The set-point is held to the rated power; below the DC voltage floor the PCS switches off
    and comes back by itself when the voltage does.
    """

    forkable = True

    def __init__(self, spec: PcsSpec) -> None:
        if not spec.rated_W > 0.0:
            raise ValueError(f"rated_W must be above 0, is {spec.rated_W}")
        self._spec = spec

    def declare(self, schema: Schema) -> None:
        """Declare AC power, state and the set-points under way."""
        schema.add("pcs", "ac_power_W", unit="W")
        schema.add("pcs", "dc_power_W", unit="W")
        schema.add("pcs", "loss_W", unit="W")
        schema.add("pcs", "state", integer=True, initial=OFF)
        schema.add("pcs", "waiting_W", (2,), unit="W")
        schema.add("pcs", "waited_s", unit="s")

    def port(
        self, step_s: float, setpoint_W: float, is_running: bool, bus_voltage_V: float, view: Any
    ) -> float:
        """Move the PCS by a step; return the power it takes from the bus [W]."""
        spec = self._spec
        if not is_running or bus_voltage_V < spec.voltage_min_V:
            view.state[0] = OFF
            view.ac_power_W[0] = view.dc_power_W[0] = view.loss_W[0] = 0.0
            view.waiting_W[:] = 0.0
            view.waited_s[0] = 0.0
            return 0.0
        view.state[0] = RUN
        target = self._delayed(step_s, min(max(setpoint_W, -spec.rated_W), spec.rated_W), view)
        power = follow(
            view.ac_power_W[0], target, step_s, spec.lag_s, spec.ramp_per_s * spec.rated_W
        )
        view.ac_power_W[0] = power
        view.loss_W[0] = converter_loss(power, spec.rated_W, *spec.loss)
        view.dc_power_W[0] = power + view.loss_W[0]
        return view.dc_power_W[0]

    def trip(self, view: Any) -> None:
        """Fall back to no power; the state says why until the next step."""
        view.state[0] = FAULT
        view.ac_power_W[0] = view.dc_power_W[0] = view.loss_W[0] = 0.0

    def _delayed(self, step_s: float, setpoint: float, view: Any) -> float:
        """Give the set-point that has waited out the delay; a newer one takes its place."""
        if self._spec.delay_s <= 0.0:
            return setpoint
        in_force, waiting = view.waiting_W
        if setpoint != waiting:
            view.waiting_W[1] = setpoint
            if view.waited_s[0] <= 0.0:
                view.waited_s[0] = self._spec.delay_s
        if view.waited_s[0] > 0.0:
            view.waited_s[0] -= step_s
            if view.waited_s[0] <= 1e-9:
                in_force = view.waiting_W[0] = view.waiting_W[1]
                view.waited_s[0] = 0.0
        return in_force
