"""Power conversion system between the DC bus and the AC side: losses, ramp, delay, limits.

A PCS is a plug-in like a cell model or a BMS: `Pcs` is its contract, `ReferencePcs` ours. Power is
positive on export (discharge).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cell_models.jit import bound, kernel
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


@kernel
def converter_loss(ac_power: float, rated: float, k0: float, k1: float, k2: float) -> float:
    """Give the loss of a running converter [W].

    ``P_loss = S_r (k0 + k1 s + k2 s^2)``, ``s = |P|/S_r``. Default coefficients (0.0044, 0.0043,
    0.0258): fit to the median of the 346 inverters of 250 kW and more in the CEC list.
    """
    s = abs(ac_power) / rated
    return rated * (k0 + k1 * s + k2 * s * s)


@kernel
def follow(power: float, target: float, step: float, lag: float, ramp: float) -> float:
    """Give the power after a step of a first-order lag with a rate limit [W]."""
    wish = target + (power - target) * math.exp(-step / lag) if lag > 0.0 else target
    return min(max(wish, power - ramp * step), power + ramp * step)


class PcsNumbers(NamedTuple):
    """What the compiled PCS needs of its data sheet: W, per unit, s, 1/s, V."""

    rated: float
    k0: float
    k1: float
    k2: float
    delay: float
    lag: float
    ramp: float
    v_min: float


class PcsMemory(NamedTuple):
    """What the PCS remembers, views on the state: (1,) each, `waiting` (2,)."""

    ac_power_W: NDArray[np.float64]
    dc_power_W: NDArray[np.float64]
    loss_W: NDArray[np.float64]
    state: NDArray[np.int64]
    waiting_W: NDArray[np.float64]
    waited_s: NDArray[np.float64]


@kernel
def delayed(h, setpoint, delay, memory):
    """Give the set-point that has waited out the delay; a newer one takes its place [W]."""
    if delay <= 0.0:
        return setpoint
    waiting = memory.waiting_W
    if setpoint != waiting[1]:
        waiting[1] = setpoint
        if memory.waited_s[0] <= 0.0:
            memory.waited_s[0] = delay
    if memory.waited_s[0] > 0.0:
        memory.waited_s[0] -= h
        if memory.waited_s[0] <= 1e-9:
            waiting[0] = waiting[1]
            memory.waited_s[0] = 0.0
    return waiting[0]


@kernel
def move_pcs(h, setpoint_W, is_running, bus_V, numbers, memory):
    """Move the reference PCS by a step; return the power it takes from the bus [W]."""
    if not is_running or bus_V < numbers.v_min:
        memory.state[0] = OFF
        memory.ac_power_W[0] = memory.dc_power_W[0] = memory.loss_W[0] = 0.0
        memory.waiting_W[:] = 0.0
        memory.waited_s[0] = 0.0
        return 0.0
    rated = numbers.rated
    memory.state[0] = RUN
    target = delayed(h, min(max(setpoint_W, -rated), rated), numbers.delay, memory)
    power = follow(memory.ac_power_W[0], target, h, numbers.lag, numbers.ramp * rated)
    loss = converter_loss(power, rated, numbers.k0, numbers.k1, numbers.k2)
    memory.ac_power_W[0] = power
    memory.loss_W[0] = loss
    memory.dc_power_W[0] = power + loss
    return power + loss


def obey(control: Any, overlay: Any, setpoint_W: float, is_running: bool) -> None:
    """Write what the PCS follows: what it is commanded, or the charging power it is stuck at.

    A PCS that is stuck runs, and charges with `overlay.charger_W`, whatever EMS and BMS say: only
    contactors part the pack from it.

    Parameters
    ----------
    control : object
        View; `setpoint_W` and `running` are written.
    overlay : object
    setpoint_W : float
        Commanded [W].
    is_running : bool
        Commanded.
    """
    charger_W = overlay.charger_W[0]
    control.setpoint_W[0] = -charger_W if charger_W > 0.0 else setpoint_W
    control.running[0] = is_running or charger_W > 0.0


class ReferencePcs:
    """Delay, lag, ramp, quadratic loss, power limit, DC voltage floor.

    The set-point is held to the rated power; below the DC voltage floor the PCS switches off
    and comes back by itself when the voltage does. After a trip it begins from no power at the next
    step: it has no lock-out. One would also hold it, after the racks have joined, where it was told
    to run while the link was precharged, and tripped on the precharge resistor. When to try again
    is left to the EMS.
    """

    forkable = True

    def __init__(self, spec: PcsSpec) -> None:
        if not spec.rated_W > 0.0:
            raise ValueError(f"rated_W must be above 0, is {spec.rated_W}")
        self.numbers = PcsNumbers(
            rated=spec.rated_W, k0=spec.loss[0], k1=spec.loss[1], k2=spec.loss[2],
            delay=spec.delay_s, lag=spec.lag_s, ramp=spec.ramp_per_s, v_min=spec.voltage_min_V,
        )  # fmt: skip
        self._move: Any = None

    def memory(self, view: Any) -> PcsMemory:
        """Return the views as compiled code takes them."""
        return PcsMemory(*(getattr(view, name) for name in PcsMemory._fields))

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
        if self._move is None:
            self._memory = self.memory(view)
            self._move = bound(move_pcs, 0.0, 0.0, False, 0.0, self.numbers, self._memory)
        return self._move(step_s, setpoint_W, is_running, bus_voltage_V, self.numbers, self._memory)

    def trip(self, view: Any) -> None:
        """Fall back to no power; the state says why until the next step."""
        view.state[0] = FAULT
        view.ac_power_W[0] = view.dc_power_W[0] = view.loss_W[0] = 0.0
