"""From a scenario to an engine that is ready to step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cell_models.ecm_params import EcmParams, load_ecm_params
from controllers.ports import CellRating, PackMap
from packs.lumping import lay_out, lumped_spec
from packs.overlay import declare_overlay
from packs.plant import Plant
from packs.sensors import Sensors
from packs.spec import EVERY_CELL
from packs.state import Schema
from packs.topology import Topology
from twin.control import BmsPort, EmsPort, declare_commands
from twin.converter import PcsPort
from twin.enclosure_specs import module_spec
from twin.engine import Clock, Engine
from twin.faults import FaultInjector
from twin.ledger import Ledger
from twin.notices import REPEATING
from twin.plant_specs import pack_spec, pcs_spec
from twin.registry import PlugInError, resolve
from twin.runaway_fit import runaway_spec, unfit
from twin.runfiles.recorder import NullRecorder
from twin.scenarios.environment import build_environment
from twin.scenarios.load import load_scenario, problem_in
from twin.scenarios.lumping import lump_of
from twin.scenarios.problems import Problem, ScenarioError, plain_message
from twin.scenarios.scenario import Scenario
from twin.scenarios.units import ticks
from twin.sensor_faults import extra_delay
from twin.sensor_sheets import sensors_spec


def build(scenario: Scenario | str | Path) -> Engine:
    """Build the engine of a scenario, at rest at time 0 and without a file.

    Parameters
    ----------
    scenario : Scenario, str or Path
        Loaded, or the file or name of one.

    Returns
    -------
    Engine

    Raises
    ------
    ScenarioError
        If the scenario is wrong, or a plug-in or a parameter set cannot be had; every problem.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    parts = Parts(scenario)
    schema = Schema()
    sensors = parts.sensors
    parts.plant.declare(schema)
    sensors.declare(schema)
    declare_overlay(schema, parts.topology, sensors.n)
    declare_commands(schema, parts.pack)
    injector = FaultInjector(
        scenario.faults,
        scenario.site,
        scenario.sensors.temperature,
        sensors,
        parts.plant.spec.wiring,
        parts.topology,
    )
    injector.declare(schema)
    ledger = Ledger(parts.plant)
    ledger.declare(schema)
    schema.add("engine", "without_power", integer=True)
    schema.add("engine", "noticed_at", (len(REPEATING),), integer=True, initial=-1)
    schema.add("engine", "decided_at", integer=True, initial=-1)
    state = schema.build()
    parts.plant.bind(state)
    thermal, wiring = parts.plant.spec.thermal, parts.plant.spec.wiring
    sensors.bind(state, thermal.coolant_flow_kg_per_s, wiring.bleed_ohm)
    ledger.bind(state.view("ledger"))
    engine = _assemble(scenario, parts, injector, ledger, state)
    _settle(engine, scenario)
    return engine


class Parts:
    """The plug-ins and constants of a scenario; raises with every problem at once.

    `engine` is set when the parts have been put together.
    """

    engine: Engine

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._problems: list[Problem] = []
        spec, lump = pack_spec(scenario), lump_of(scenario.site, scenario.resolution)
        self.topology = lay_out(spec, lump)
        self.sensors = Sensors(
            sensors_spec(scenario),
            self.topology,
            scenario.seed,
            step_ticks=ticks(scenario.step),
            extra_delay=extra_delay(scenario.faults, scenario.sensors),
        )
        folder = scenario.directory
        params = self._try("cell.parameters", load_params, scenario)
        factories = {}
        for key, kind, name in (
            ("cell.model", "cell_models", scenario.cell.model),
            ("pcs.use", "pcs", scenario.pcs.use),
            ("bms.use", "bms", scenario.bms.use),
            ("ems.use", "ems", scenario.ems.use),
        ):
            factories[kind] = self._try(key, resolve, kind, name, folder)
        self._check_reactions(params)
        self._check_pitch(params)
        self._stop_if_wrong()
        self.params: EcmParams = params
        if scenario.cell.runaway is not None:
            spec = replace(spec, runaway=runaway_spec(scenario.cell.runaway, params, folder))
            barriers = spec.thermal.barriers
            inside = module_spec(scenario.module, self.topology, params, barriers)
            spec = replace(spec, module=inside)
        self.pack = pack_map(scenario, params, self.topology.full, self.sensors)
        make_cells = factories["cell_models"]
        if lump != EVERY_CELL:
            make_cells = partial(make_cells, series=lump.series, parallel=lump.parallel)
        model = self._try("cell.model", make_cells, params, self.topology.n_cell_slots)
        converter = self._try("pcs.use", factories["pcs"], pcs_spec(scenario))
        self.bms = self._try("bms.options", factories["bms"], self.pack, _options(scenario.bms))
        self.ems = self._try("ems.options", factories["ems"], self.pack, _options(scenario.ems))
        for kind, plug_in in (("bms", self.bms), ("ems", self.ems), ("pcs", converter)):
            self._try(f"{kind}.use", check_members, kind, plug_in)
        self._stop_if_wrong()
        self.converter = PcsPort(converter, lambda why: self.engine.lose_pcs(why))
        simulated = lumped_spec(spec, lump)
        self.plant = Plant(simulated, self.topology, model, self.converter, scenario.seed)
        self.plant.cell_voltage_max_V = params.voltage_max_V

    def _try(self, key: str, make: Callable[..., Any], *arguments: Any) -> Any:
        """Call `make`; note what goes wrong under the key path."""
        try:
            return make(*arguments)
        except ValidationError as error:  # of the plug-in's own options
            for found in error.errors(include_url=False):
                path = ".".join((key, *map(str, found["loc"])))
                unknown = found["type"] == "extra_forbidden"
                text = f"unknown option '{found['loc'][-1]}'" if unknown else plain_message(found)
                self._problems.append(problem_in(self._scenario, path, text))
        except Exception as error:  # anything a plug-in's constructor raises is wrong input
            kind = type(error).__name__
            text = " ".join(str(error).split())
            if not isinstance(error, ValueError):
                text = f"{kind}: {text}"
            self._problems.append(problem_in(self._scenario, key, text))
        return None

    def _check_reactions(self, params: EcmParams | None) -> None:
        """Note why the set of reactions, if any, does not belong to the cells."""
        reacting, module = self._scenario.cell.runaway, self._scenario.module
        if reacting is not None and params is not None:
            for key, text in unfit(reacting, params, self._scenario.directory, module):
                self._problems.append(problem_in(self._scenario, key, text))

    def _check_pitch(self, params: EcmParams | None) -> None:
        """Note that round cells stand closer than they are wide.

        Cells with layers are flat, and those with a curve of the user's own may be.
        """
        cell, pitch = self._scenario.cell, self._scenario.layout.pitch
        may_be_flat = cell.layers is not None or (cell.runaway and cell.runaway.curve is not None)
        if params is None or may_be_flat or "cylind" not in params.form_factor.lower():
            return
        if pitch < params.diameter_m:
            text = (
                f"{1e3 * pitch:g} mm is less than the diameter of {cell.parameters}, "
                f"{1e3 * params.diameter_m:g} mm: the cells would stand in each other; expected "
                f"{1e3 * params.diameter_m:g} mm or more"
            )
            self._problems.append(problem_in(self._scenario, "layout.pitch", text))

    def _stop_if_wrong(self) -> None:
        if self._problems:
            raise ScenarioError(self._problems)


MEMBERS = {
    "bms": ("fields", "forkable", "step", "describe"),
    "ems": ("fields", "forkable", "step", "describe"),
    "pcs": ("declare", "port", "trip"),
}
"""What a plug-in must have to be run at all; `twin check-plugin` holds it against the rest."""


def check_members(kind: str, plug_in: Any) -> None:
    """Raise `PlugInError` if a plug-in lacks a member of its contract."""
    lacking = [name for name in MEMBERS[kind] if not hasattr(plug_in, name)]
    if plug_in is not None and lacking:
        raise PlugInError(
            f"{type(plug_in).__name__} has no {', '.join(lacking)}; every {kind} plug-in needs "
            f"{', '.join(MEMBERS[kind])}"
        )


def load_params(scenario: Scenario) -> EcmParams:
    """Return the parameter set of the cells: a shipped name, or a file beside the scenario."""
    name = scenario.cell.parameters
    return load_ecm_params(scenario.directory / name if name.endswith(".json") else name)


def _options(section: Any) -> dict[str, Any]:
    return {**section.options, "step_s": section.period}


def _assemble(
    scenario: Scenario, parts: Parts, injector: FaultInjector, ledger: Ledger, state: Any
) -> Engine:
    """Wire controllers, faults and clock to the built state."""
    environment = build_environment(scenario)
    bms_port = BmsPort(parts.bms, parts.pack, parts.sensors, lambda event: engine.emit(event))
    rated_W, offset_s = scenario.pcs.rated_power, scenario.utc_offset_s
    ems_port = EmsPort(
        parts.ems, parts.pack, rated_W, offset_s, lambda event: engine.emit(event),
        lambda reasons: engine.tell_reasons(reasons),
    )  # fmt: skip
    bms_port.bind(
        state.view("bms"), state.view("sensors"), state.view("switchgear"), state.view("ems")
    )
    bus = parts.sensors.slices["bus_voltage_V"].start
    ems_port.bind(state.view("ems"), state.view("bms"), state.view("sensors"), bus)
    engine = Engine(
        clock=clock(scenario, parts.sensors.period_ticks),
        plant=parts.plant,
        sensors=parts.sensors,
        injector=injector,
        ledger=ledger,
        bms_port=bms_port,
        ems_port=ems_port,
        environment=environment,
        state=state,
        recorder=NullRecorder(),
    )
    parts.engine = engine
    injector.bind(
        state.view("faults"), state.view("overlay"), watched(engine), parts.plant.control.ambient_K
    )
    return engine


def _settle(engine: Engine, scenario: Scenario) -> None:
    """Bring plant, sensors and ledger to rest at time 0."""
    engine.plant.control.ambient_K[0] = engine.site.ambient_K
    engine.plant.rest(scenario.step)
    engine.look()
    engine.sensors.settle(engine.state.view("sensors"))
    engine.ledger.open()


def watched(engine: Engine) -> dict[str, Any]:
    """Return the live arrays that a fault's trigger may watch, by path."""
    plant, view = engine.plant, engine.state.view("sensors")
    found = {  # cells and groups by slot
        "truth/cell_voltage_V": plant.cells.voltage_V,
        "truth/cell_current_A": plant.cells.current_A,
        "truth/cell_soc": engine.ledger.soc,
        "truth/cell_temperature_K": plant.cells.temperature_K,
        "truth/cell_heat_W": plant.cells.heat_W,
        "truth/group_voltage_V": plant.network.group_voltage_V,
        "truth/rack_voltage_V": plant.network.rack_voltage_V,
        "truth/rack_current_A": plant.network.rack_current_A,
        "truth/bus_voltage_V": plant.network.bus,
    }
    for kind, at in engine.sensors.slices.items():
        found[f"measured/{kind}"] = view.value[at]
    return found


def clock(scenario: Scenario, sensor_ticks: int) -> Clock:
    """Return the periods of a scenario in ticks.

    Triggers watch every step of the plant, so a scenario that has one takes them one by one.
    """
    step = ticks(scenario.step)
    periods = {
        "bms": ticks(scenario.bms.period),
        "ems": ticks(scenario.ems.period),
        "record": ticks(scenario.record.period),
        "checkpoint": ticks(scenario.record.checkpoint),
    }
    watches = any(fault.when is not None for fault in scenario.faults)
    stage = step if watches else math.gcd(sensor_ticks, *periods.values())
    return Clock(
        step=step,
        stage=stage,
        end=ticks(scenario.duration),
        unix_start_s=scenario.start.timestamp(),
        **periods,
    )


def pack_map(
    scenario: Scenario, params: EcmParams, topology: Topology, sensors: Sensors
) -> PackMap:
    """Return the wiring list that controllers are given, with the cell's data sheet."""
    at = topology.cell_group[sensors.temperature_cell]
    return PackMap(
        n_racks=topology.n_racks,
        n_modules=topology.n_modules,
        n_groups=topology.n_groups,
        cells_per_group=topology.cells_per_group,
        group_rack=topology.group_rack.copy(),
        group_module=topology.group_module.copy(),
        temperature_group=at,
        temperature_rack=topology.group_rack[at],
        rack_first_group=topology.rack_first_group.copy(),
        rating=CellRating(
            capacity_As=round(params.capacity_As / 360.0) * 360.0,  # data sheets round to 0.1 Ah
            voltage_min_V=params.voltage_min_V,
            voltage_max_V=params.voltage_max_V,
            charge_current_max_A=params.charge_current_max_A,
            discharge_current_max_A=params.discharge_current_max_A,
            temperature_min_K=params.temperature_min_K,
            temperature_max_K=params.temperature_max_K,
        ),
        bleed_resistance_ohm=scenario.wiring.bleed_resistance,
        contactor_delay_s=scenario.wiring.contactor.delay,
    )
