"""The PCS as a plug-in that may fail: what it asks is checked, and a lost one stays off."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from packs.pcs import Pcs
from packs.state import Schema
from twin.watchdog import watchdog_for


class PcsPort:
    """Stands between the plant and a PCS plug-in; keeps the plug-in's contract.

    A PCS that raises, hangs, or asks for a power that is no number is lost: it takes no power any
    more, and `lost` says so to the engine, which opens the contactors.
    """

    def __init__(self, converter: Pcs, on_loss: Callable[[str], None]) -> None:
        self.converter = converter
        self.forkable = bool(getattr(converter, "forkable", False))
        self._on_loss = on_loss
        self._watchdog = watchdog_for(converter)

    def declare(self, schema: Schema) -> None:
        """Declare the plug-in's memory; the plant declares `lost` beside it."""
        self.converter.declare(schema)

    def port(
        self, step_s: float, setpoint_W: float, is_running: bool, bus_voltage_V: float, view: Any
    ) -> float:
        """Ask the PCS for the power it takes from the bus [W]; a lost one takes none."""
        if view.lost[0]:
            return 0.0
        try:
            with self._watchdog:
                power = float(
                    self.converter.port(step_s, setpoint_W, is_running, bus_voltage_V, view)
                )
            if math.isfinite(power) and math.isfinite(view.loss_W[0] + view.ac_power_W[0]):
                return power
            why = f"it asked for {power} W"
        except (Exception, SystemExit) as error:  # any defect of a plug-in: lost
            why = f"{type(error).__name__}: {error}"
        return self._lose(why, view)

    def trip(self, view: Any) -> None:
        """Tell the PCS that the bus could not give its power."""
        try:
            with self._watchdog:
                self.converter.trip(view)
        except (Exception, SystemExit) as error:  # as above
            self._lose(f"{type(error).__name__}: {error}", view)

    def _lose(self, why: str, view: Any) -> float:
        view.lost[0] = 1
        view.ac_power_W[0] = view.dc_power_W[0] = view.loss_W[0] = 0.0
        self._on_loss(why)
        return 0.0
