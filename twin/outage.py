"""A PCS that is asked for power and gives none, told as an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packs.pcs import OFF
from packs.plant import Plant
from twin.runfiles.layout import Event


class OutageWatch:
    """Tells when the PCS drops out for want of voltage, and when it is back.

    Parameters
    ----------
    plant : Plant
    view : object
        `without_power`, int64 (1,): whether it was told that there is no power.
    emit : callable
    """

    def __init__(self, plant: Plant, view: Any, emit: Callable[[Event], None]) -> None:
        self._plant = plant
        self._state = getattr(plant.pcs_view, "state", None)
        self._view = view
        self._emit = emit

    def watch(self, tick: int) -> None:
        """Look at the PCS after a step; one that does not say its state is not watched."""
        plant, view, state = self._plant, self._view, self._state
        if state is None or (state[0] != OFF and not view.without_power[0]):
            return
        power_W = float(plant.control.setpoint_W[0])
        out = bool(plant.control.running[0]) and power_W != 0.0 and state[0] == OFF
        if out == bool(view.without_power[0]):
            return
        view.without_power[0] = int(out)
        bus_V = float(plant.network.bus[0])
        racks = plant.rack_arrays
        alone = not (racks.switch_closed * racks.fuse_closed).any()
        why = "no rack is on the bus" if alone else f"the DC link has {bus_V:.0f} V"
        self._emit(
            Event(
                time_s=tick / 1000.0,
                source="plant",
                code="pcs_without_power",
                severity="warning",
                transition="came" if out else "went",
                value=power_W,
                limit=bus_V,
                text=f"{why}: the PCS is off, and {power_W:.0f} W that are asked for do not flow"
                if out
                else "the PCS gives power again, or none is asked for",
            )
        )
