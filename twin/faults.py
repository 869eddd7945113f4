"""Faults in a run: when each is active, and what it writes on the overlay.

A fault is data: a window or a trigger, and a write. When any fault comes or goes the overlay is set
neutral and all active faults write again, so that a fault that ends leaves nothing behind. What
grows with the time since the fault came is written anew for every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packs.overlay import clear_sensors
from packs.sensors import Sensors
from packs.spec import WiringSpec
from packs.state import Schema
from packs.topology import Topology
from twin.plant_faults import growing_writer, growth_s, plant_writer
from twin.scenarios.fault_sections import Fault
from twin.scenarios.fault_windows import Trigger
from twin.scenarios.sections import Site, Thermistors
from twin.sensor_faults import grows, is_sensor_fault, sensor_writer

NEVER = -1
NO_EDGE = 2**62
"""Later than any tick [ms]."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A fault that came or went."""

    fault: int
    active: bool


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault, ready to run: when, and what it writes."""

    section: Any
    write: Callable[[Any], None]
    watched: NDArray[Any] | None
    place: int


class FaultInjector:
    """All faults of a run.

    Parameters
    ----------
    faults : sequence of Fault
        As in the scenario.
    site, thermistors : Site, Thermistors
        To turn places into indices.
    sensors : Sensors
    wiring : WiringSpec
    topology : Topology
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        site: Site,
        thermistors: Thermistors,
        sensors: Sensors,
        wiring: WiringSpec,
        topology: Topology,
    ) -> None:
        self.faults = faults
        self._topology = topology
        self._site = site
        self._thermistors = thermistors
        self._sensors = sensors
        self._wiring = wiring
        self._injections: list[Injection] = []
        times = [t for f in faults if f.when is None for t in (f.from_, f.until) if t is not None]
        self._edges = sorted({round(time_s * 1000.0) for time_s in times})
        self._of_sensors = [k for k, fault in enumerate(faults) if is_sensor_fault(fault)]
        self._growing = [k for k in self._of_sensors if grows(faults[k])]
        self._growth_s = {k: growth_s(f) for k, f in enumerate(faults) if growth_s(f) > 0.0}
        self.watches_soc = any(f.when and f.when.channel == "truth/cell_soc" for f in faults)

    def declare(self, schema: Schema) -> None:
        """Declare which faults are active, since when they are and their trigger holds.

        ``written_at`` is the tick that what grows on the overlay belongs to.
        """
        n = max(1, len(self.faults))
        schema.add("faults", "active", (n,), integer=True)
        schema.add("faults", "held_since", (n,), integer=True, initial=NEVER)
        schema.add("faults", "active_since", (n,), integer=True, initial=NEVER)
        schema.add("faults", "written_at", integer=True)

    def bind(
        self,
        view: Any,
        overlay: Any,
        channels: Mapping[str, NDArray[Any]],
        ambient_K: NDArray[np.float64],
    ) -> None:
        """Take the views.

        Parameters
        ----------
        view, overlay
            Own fields; what is written.
        channels : mapping
            The live arrays that triggers may watch, by path.
        ambient_K : float64 (1,)
            Temperature of the air, live [K].
        """
        self._view, self._ambient_K = view, ambient_K
        self._overlay = overlay
        self._neutral = {name: array.copy() for name, array in vars(overlay).items()}
        self._injections = [
            Injection(
                section=fault,
                write=self._writer(k, fault),
                watched=channels[fault.when.channel] if fault.when else None,
                place=self._place(fault.when.at, fault.when.channel) if fault.when else 0,
            )
            for k, fault in enumerate(self.faults)
        ]

    def active(self) -> list[int]:
        """Return the numbers of the faults that are active now."""
        return [k for k in range(len(self.faults)) if self._view.active[k]]

    def adopt(self, before: FaultInjector) -> bool:
        """Take over, by name, which faults were active; what they write is this scenario's.

        Returns
        -------
        bool
            Whether anything on the overlay is different now.
        """
        overlay = {name: array.copy() for name, array in vars(self._overlay).items()}
        numbers = {fault.name: k for k, fault in enumerate(before.faults)}
        for k, fault in enumerate(self.faults):
            j = numbers.get(fault.name)
            known = j is not None
            self._view.active[k] = before._view.active[j] if known else 0
            self._view.held_since[k] = before._view.held_since[j] if known else NEVER
            self._view.active_since[k] = before._view.active_since[j] if known else NEVER
        self._rewrite()
        return any((getattr(self._overlay, name) != old).any() for name, old in overlay.items())

    def update(self, tick: int) -> list[Transition]:
        """Let faults come and go at `tick`; return what changed."""
        changed: list[Transition] = []
        for k, injection in enumerate(self._injections):
            active = self._is_active(k, injection, tick)
            if active != bool(self._view.active[k]):
                self._view.active[k] = int(active)
                self._view.active_since[k] = tick if active else NEVER
                changed.append(Transition(k, active))
        if changed or self._is_growing():
            self._view.written_at[0] = tick
            self._rewrite()
        elif self._growing and tick % self._sensors.period_ticks == 0:
            self._grow(tick)
        return changed

    def next_edge(self, tick: int) -> int:
        """Return the next tick after this one at which a window begins or ends [ms]."""
        return next((edge for edge in self._edges if edge > tick), NO_EDGE)

    def _grow(self, tick: int) -> None:
        """Write what sensor faults have grown to, for the samples that are taken at `tick`."""
        if not any(self._view.active[k] for k in self._growing):
            return
        self._view.written_at[0] = tick
        clear_sensors(self._overlay)
        for k in self._of_sensors:
            if self._view.active[k]:
                self._injections[k].write(self._overlay)

    def _is_growing(self) -> bool:
        """Say whether a fault of the plant had not grown up when it was last written."""
        active = self._view.active
        return any(active[k] and self._age_s(k) < end_s for k, end_s in self._growth_s.items())

    def _age_s(self, k: int) -> float:
        """Return how long a fault has been active [s]."""
        return float(self._view.written_at[0] - self._view.active_since[k]) / 1000.0

    def _is_active(self, k: int, injection: Injection, tick: int) -> bool:
        fault = injection.section
        if fault.when is None:
            until = fault.until if fault.until is not None else np.inf
            return fault.from_ * 1000.0 <= tick < until * 1000.0
        if self._view.active[k]:
            return True
        value = injection.watched[injection.place]  # type: ignore[index]
        if not _is_beyond(fault.when, value):
            self._view.held_since[k] = NEVER
            return False
        if self._view.held_since[k] == NEVER:
            self._view.held_since[k] = tick
        return tick - self._view.held_since[k] >= fault.when.for_ * 1000.0

    def _rewrite(self) -> None:
        overlay = self._overlay
        for name, neutral in self._neutral.items():
            getattr(overlay, name)[...] = neutral
        for k, injection in enumerate(self._injections):
            if self._view.active[k]:
                injection.write(overlay)

    def _place(self, at: Any, channel: str) -> int:
        name = channel.rpartition("/")[2]
        if name.startswith("cell_"):
            return int(self._topology.cell_slot[at.cell_index(self._site)])
        if name.startswith("group_") and channel.startswith("truth/"):
            return int(self._topology.group_slot[at.group_index(self._site)])
        if name.startswith("group_"):
            return at.group_index(self._site)
        if name.startswith("temperature"):
            return at.thermistor_index(self._site, self._thermistors)
        return at.rack_index()

    def _writer(self, k: int, fault: Fault) -> Callable[[Any], None]:
        """Return what one fault writes on the overlay."""
        growing = growing_writer(fault, self._site, self._ambient_K, self._topology)
        if growing is not None:
            return lambda overlay: growing(overlay, self._age_s(k))
        of_plant = plant_writer(fault, self._site, self._wiring, self._topology)
        if of_plant is not None:
            return of_plant
        write = sensor_writer(fault, self._site, self._thermistors, self._sensors)
        return lambda overlay: write(overlay, self._age_s(k))


def _is_beyond(trigger: Trigger, value: float) -> bool:
    if trigger.above is not None:
        return bool(value > trigger.above)
    return bool(value < trigger.below) if trigger.below is not None else False
