"""The engine: one step from top to bottom, on integer ticks of 1 ms.

    faults -> sense -> BMS -> EMS -> actuate -> record -> advance

Each stage runs when its period is due; commands hold in between. A recorded row at t holds the
state at t, the v, i and heat of the step that ended at t, and the commands in force from t on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controllers.ports import BmsCommand, EmsCommand, EmsMode
from packs.notice import Notice
from packs.pcs import obey
from packs.plant import Plant
from packs.sensors import KINDS, Sensors
from packs.state import State
from twin.control import BmsPort, EmsPort
from twin.faults import FaultInjector
from twin.ledger import Ledger
from twin.notices import NOTICE_PAUSE_TICKS, REPEATING, event_of, place_of
from twin.outage import OutageWatch
from twin.runfiles.layout import Event
from twin.runfiles.recorder import NullRecorder, Recorder

RUNNING = (int(EmsMode.RUN), int(EmsMode.ISLAND))
"""Modes in which the PCS runs."""

Snapshot = dict[str, dict[str, NDArray[Any]]]


class StepError(RuntimeError):
    """The run reached an impossible state; the message says when, in which stage, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Periods in ticks of 1 ms, and the calendar start.

    `step` is the plant's; `stage` the largest time after which something else may be due: sensors,
    BMS, EMS, recorder, checkpoint.
    """

    step: int
    stage: int
    bms: int
    ems: int
    record: int
    checkpoint: int
    end: int
    unix_start_s: float


class Engine:
    """One run in progress; `twin.build` makes it from a scenario.

    Attributes
    ----------
    tick : int
        Simulated time [ms].
    halt : int
        No step goes beyond this tick; the scenario's end at first.
    plant : Plant
        The truth.
    bms_port, ems_port : BmsPort, EmsPort
        `bms_port.measurements` is what the BMS last saw.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        plant: Plant,
        sensors: Sensors,
        injector: FaultInjector,
        ledger: Ledger,
        bms_port: BmsPort,
        ems_port: EmsPort,
        environment: Any,
        state: State,
        recorder: Recorder | NullRecorder,
    ) -> None:
        self.clock = clock
        self.plant = plant
        self.sensors = sensors
        self.injector = injector
        self.ledger = ledger
        self.bms_port = bms_port
        self.ems_port = ems_port
        self.environment = environment
        self.state = state
        self.recorder = recorder
        self.tick = 0
        self.halt = clock.end
        self.site = environment.at(0.0)
        self.site_row = np.zeros(5)
        self.events: list[Event] = []
        self._sensors_view = state.view("sensors")
        self._engine_view = state.view("engine")
        self.outage = OutageWatch(plant, self._engine_view, self.emit)
        self._all_open = np.zeros_like(bms_port.out.coil)
        self._places = _places_of_truth(plant, sensors, state)

    def cell_soc(self) -> NDArray[np.float64]:
        """Return the true state of charge now of every cell of the full pack, (n_cells,)."""
        self.ledger.observe()
        return self.ledger.soc[self.plant.topology.cell_home]

    def tell_reasons(self, reasons: Mapping[int, str]) -> None:
        """Write what the codes of ``ems/reason`` mean, as soon as there is a new one."""
        self.recorder.attributes({"ems_reasons": {str(k): v for k, v in reasons.items()}})

    def emit(self, event: Event) -> None:
        """Note an event."""
        self.events.append(event)
        self.recorder.event(event)

    def step(self, bms: BmsCommand | None = None, ems: EmsCommand | None = None) -> None:
        """Do one step: decide at this tick, then advance to the next at which something is due.

        The plant goes there in steps of its own, in one compiled call where it can.

        Parameters
        ----------
        bms, ems : BmsCommand, EmsCommand, optional
            Commands from outside, in place of the scenario's controllers.
        """
        if self._engine_view.decided_at[0] != self.tick or bms is not None or ems is not None:
            self.decide(bms, ems)
        self.advance()

    def decide(self, bms: BmsCommand | None = None, ems: EmsCommand | None = None) -> None:
        """Run every stage but the plant's at this tick."""
        tick, clock = self.tick, self.clock
        changed = self.inject(tick)
        if tick % self.sensors.period_ticks == 0:
            self.sense(tick)
        if tick % clock.bms == 0:
            self.run_bms(tick, bms)
        if tick % clock.ems == 0:
            self.run_ems(tick, ems)
        if changed or tick % clock.bms == 0 or tick % clock.ems == 0:
            self.actuate(tick)
        if tick % clock.record == 0:
            self.record(tick)
        self._engine_view.decided_at[0] = tick

    def advance(self) -> None:
        """Let the plant move truth to the next tick at which anything else is due."""
        tick, clock = self.tick, self.clock
        until = tick + clock.stage - tick % clock.stage
        if (edge := self.injector.next_edge(tick)) < until:
            until = edge + -edge % clock.step  # a fault acts from the first step after its time
        if tick < self.halt:
            until = min(until, self.halt)
        self.plant.advance(tick, until, clock.step)
        if self.plant.notices:
            self._report()
        self.outage.watch(until)
        self.tick = until

    # --- stages ---------------------------------------------------------------------------------

    def inject(self, tick: int) -> bool:
        """Let faults come and go, and the environment change; say whether a fault did."""
        self.site = site = self.environment.at(tick / 1000.0)
        control = self.plant.control
        control.ambient_K[0] = site.ambient_K
        inlet = self.plant.spec.thermal.coolant_inlet_K
        control.inlet_K[0] = site.ambient_K if inlet is None else inlet
        if self.injector.watches_soc:
            self.ledger.observe()
        changes = self.injector.update(tick)
        for change in changes:
            self.plant.alert(tick)
            self.plant.runaway.gas.pierce(tick)
            fault = self.injector.faults[change.fault]
            self.recorder.fault_transition(tick / 1000.0, change.fault, change.active)
            moved = "came" if change.active else "went"
            self.emit(
                Event(
                    time_s=tick / 1000.0, source="fault", code=fault.kind, severity="info",
                    transition=moved, component=fault.name, text=f"fault '{fault.name}' {moved}",
                )
            )  # fmt: skip
        return bool(changes)

    def look(self) -> None:
        """Gather the true value that each sensor measures."""
        self.sensors.look(self.state.floats, self._places)

    def sense(self, tick: int) -> None:
        """Turn truth into measurements."""
        self.look()
        self.sensors.sense(tick, self._sensors_view, self.plant.overlay)

    def run_bms(self, tick: int, command: BmsCommand | None) -> None:
        """Ask the BMS, or take the command from outside."""
        port = self.bms_port
        message = port.fill(tick, self.clock.unix_start_s, self.site.demand_W)
        if command is None:
            port.run(tick, message)
        else:
            port.accept(tick, command)

    def run_ems(self, tick: int, command: EmsCommand | None) -> None:
        """Ask the EMS, or take the command from outside."""
        port = self.ems_port
        if command is not None:
            port.accept(command, tick)
            return
        power = float(self.plant.pcs_view.ac_power_W[0])
        port.run(tick, port.fill(tick, self.clock.unix_start_s, self.site, power))

    def lose_pcs(self, why: str) -> None:
        """Take note that the PCS failed: no power any more, and contactors open."""
        self.emit(
            Event(
                time_s=self.tick / 1000.0,
                source="engine",
                code="pcs_lost",
                severity="open",
                transition="came",
                text=f"the PCS failed ({why}); it takes no power, contactors open and stay open",
            )
        )

    def actuate(self, tick: int) -> None:
        """Hand the commands in force to the plant; without EMS or PCS every contactor opens."""
        plant, bms, ems = self.plant, self.bms_port.out, self.ems_port.out
        lost = self.ems_port.out.lost[0] or plant.pcs_view.lost[0]
        plant.switchgear.command(self._all_open if lost else bms.coil, tick)
        plant.topology.add_up(bms.bleed, plant.network.bleed)
        obey(plant.control, plant.overlay, ems.power_W[0], ems.mode[0] in RUNNING)
        if plant.spec.thermal.cooling is not None:
            plant.cooling.duty[:] = bms.duty

    def record(self, tick: int) -> None:
        """Strike the balance and write a row."""
        self.ledger.close()
        site = self.site
        self.site_row[:] = (
            site.ambient_K, site.demand_W, site.load_W, site.pv_W, site.price_per_J
        )  # fmt: skip
        self.recorder.row(tick / 1000.0)
        self.ledger.begin_row()

    # --- running --------------------------------------------------------------------------------

    def run(self, until: int | None = None, progress: Any = None) -> None:
        """Run to a tick, and decide there once more, so that the last row is recorded.

        Parameters
        ----------
        until : int, optional
            Tick [ms]; the scenario's end when left out.
        progress : callable, optional
            Called with the tick about once per 100 steps.
        """
        self.halt = end = self.clock.end if until is None else until
        count = 0
        while self.tick < end:
            if self.tick % self.clock.checkpoint == 0:
                self.checkpoint()
            self.step()
            count += 1
            if progress is not None and count % 100 == 0:
                progress(self.tick)
        if self._engine_view.decided_at[0] != self.tick:
            if self.tick % self.clock.checkpoint == 0:
                self.checkpoint()
            self.decide()

    def _report(self) -> None:
        """Turn the plant's notices into events; a state that is no number stops the run."""
        for notice in self.plant.notices:
            tick = notice.tick
            if notice.code == "not_finite":
                raise StepError(self._not_finite(tick, notice))
            if notice.code not in REPEATING or self._is_news(tick, notice):
                self.emit(event_of(self.plant.topology, notice))
        self.plant.notices.clear()

    def _not_finite(self, tick: int, notice: Notice) -> str:
        stage, name = "solve", "the network"
        if notice.component >= 0:
            stage, name = "advance", place_of(self.plant.topology, notice)
        return (
            f"at {tick / 1000.0:g} s, stage {stage}: the state of {name} is no longer a finite "
            "number; the file keeps everything before it"
        )

    def _is_news(self, tick: int, notice: Notice) -> bool:
        """Say whether a notice that may come with every step has been away for a while."""
        k = REPEATING.index(notice.code)
        last = int(self._engine_view.noticed_at[k])
        self._engine_view.noticed_at[k] = tick
        return last < 0 or tick - last >= NOTICE_PAUSE_TICKS

    # --- whole states ---------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return a copy of everything that survives a step, by owner."""
        whole: Snapshot = {"plant": self.state.snapshot()}
        whole["bms"] = self.bms_port.memory.snapshot()
        whole["ems"] = self.ems_port.memory.snapshot()
        whole["clock"] = {"tick": np.array([self.tick], dtype=np.int64)}
        return whole

    def missing(self, whole: Mapping[str, Mapping[str, NDArray[Any]]]) -> dict[str, list[str]]:
        """Return, by owner, the fields that a snapshot has not, or has in another shape."""
        return {name: state.missing(whole.get(name, {})) for name, state in self.states().items()}

    def restore(
        self, whole: Mapping[str, Mapping[str, NDArray[Any]]], *, partly: bool = False
    ) -> None:
        """Take over a snapshot, by name.

        Parameters
        ----------
        whole : mapping
            As `snapshot` gave it.
        partly : bool
            Leave what the snapshot has not as it is.

        Raises
        ------
        ValueError
            If the snapshot is of another pack or other plug-ins; nothing has been taken over.
        """
        left = [f"{name}: {key}" for name, keys in self.missing(whole).items() for key in keys]
        if "clock" not in whole or (left and not partly):
            raise ValueError(
                f"the snapshot is not of this engine: {len(left)} fields are missing or of another "
                f"shape, as {', '.join(left[:3]) or 'the clock'}"
            )
        self.tick = int(whole["clock"]["tick"][0])
        for name, state in self.states().items():
            state.restore(whole[name])

    def checkpoint(self) -> None:
        """Write the whole state to the file, so that a fork can start here."""
        if not self.is_forkable:
            return
        buffers: dict[str, NDArray[Any]] = {"clock": np.array([self.tick], dtype=np.int64)}
        for owner, state in self.states().items():
            buffers[f"{owner}_floats"] = state.floats
            buffers[f"{owner}_ints"] = state.ints
        self.recorder.checkpoint(self.tick, self.tick / 1000.0, buffers)

    def states(self) -> dict[str, State]:
        """Return the states by owner."""
        return {"plant": self.state, "bms": self.bms_port.memory, "ems": self.ems_port.memory}

    @property
    def is_forkable(self) -> bool:
        """Whether every plug-in declares all that it remembers."""
        plug_ins = (
            self.bms_port.bms,
            self.ems_port.ems,
            self.plant.converter,
            self.plant.model,
        )
        return all(bool(getattr(plug_in, "forkable", False)) for plug_in in plug_ins)


def _places_of_truth(plant: Plant, sensors: Sensors, state: State) -> NDArray[np.int64]:
    """Return where in the state's buffer each sensor's true value sits, and the air's behind."""
    net, heat, control, sensed = plant.network, plant.heat, plant.control, state.view("sensed")
    top = plant.topology
    inlet = np.repeat(state.places(plant.inlet_K), top.n_racks)
    places = {
        "group_voltage_V": state.places(net.group_voltage_V)[top.group_home],
        "temperature_K": state.places(plant.cells.temperature_K)[
            top.cell_home[sensors.temperature_cell]
        ],
        "rack_current_A": state.places(net.rack_current_A),
        "rack_current_b_A": state.places(net.rack_current_A),
        "rack_voltage_V": state.places(net.rack_voltage_V),
        "bus_voltage_V": state.places(net.bus)[:1],
        "coolant_inlet_K": inlet,
        "coolant_outlet_K": state.places(heat.outlet_K),
        "ambient_K": state.places(control.ambient_K),
        "insulation_ohm": state.places(control.insulation_ohm),
        "coolant_flow_kg_per_s": state.places(sensed.coolant_flow_kg_per_s),
        "module_pressure_Pa": state.places(sensed.module_pressure_Pa),
        "module_gas_ppm": state.places(sensed.module_gas_ppm),
    }
    fitted = {kind: at.stop > at.start for kind, at in sensors.slices.items()}
    found = [places[kind] for kind in KINDS if fitted[kind]]
    return np.concatenate([*found, state.places(control.ambient_K)])
